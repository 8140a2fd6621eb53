//! A lab on disk: how it is built, what happens in it, who listens, and what the kernel did.
//!
//! `build.sh` makes the namespaces; `lab.json` has title and why; `stimuli.json` and `sockets.json` say what happens; `snapshot/` and
//! `captures.jsonl` are recorded. Nothing here builds or replays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::capture::{self, Capture, unhex};
use crate::compare;
use crate::problem::{Outcome, Problem};

/// Files of a snapshot by their path in it: `node-1/addr.json`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A lab's inputs.
#[derive(Clone, Debug)]
pub struct Lab {
    /// The directory's name.
    pub name: String,
    pub dir: PathBuf,
    pub title: String,
    pub why: String,
    /// Heading of the fidelity page under which it stands.
    pub chapter: Option<String>,
    /// Why the engine does not do what the kernel did here, where that is known; from `lab.json`.
    pub known_gap: Option<String>,
    /// `stimuli.json` and `sockets.json` as they stand, for the engine.
    pub stimuli_json: Vec<u8>,
    pub sockets_json: Vec<u8>,
    pub stimuli: Vec<Stimulus>,
    pub listeners: Vec<Listener>,
}

/// Something that happens in a namespace.
#[derive(Clone, Debug)]
pub struct Stimulus {
    pub netns: String,
    pub action: Action,
    /// How long its timers are waited for.
    pub wait: Duration,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// On the device as it stands, below the namespace's own stack.
    SendFrame {
        dev: String,
        frame: Vec<u8>,
    },
    Udp {
        sport: u16,
        dst: SocketAddrV4,
        payload: Vec<u8>,
    },
    /// An echo request; without `ttl` the namespace's default.
    Ping {
        dst: std::net::Ipv4Addr,
        id: u16,
        seq: u16,
        payload: Vec<u8>,
        ttl: Option<u8>,
    },
    /// Connects, sends (nothing, if it is empty), reads until the other side closes, closes.
    Tcp {
        sport: u16,
        dst: SocketAddrV4,
        send: Vec<u8>,
    },
    /// A kind that the recorder does not play (IPv6), by its name.
    Foreign(String),
}

/// Which transport a listener speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Udp,
    Tcp,
}

/// A socket on all addresses: by UDP it answers every datagram, by TCP it reads once of every connection, sends the reply and closes.
#[derive(Clone, Debug)]
pub struct Listener {
    pub netns: String,
    pub transport: Transport,
    pub port: u16,
    pub reply: Vec<u8>,
}

/// What a recording holds: the state before the stimuli, what every device saw, and the state after.
#[derive(Clone, Debug)]
pub struct Recording {
    pub files: Files,
    pub captures: Vec<Capture>,
    /// What rules counted and which connections there were in the end, for [`crate::state`].
    pub after: Files,
}

impl Lab {
    /// Reads the inputs in `dir`.
    pub fn load(dir: &Path) -> Outcome<Self> {
        let name = dir.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        let read = |file: &str| fs::read(dir.join(file)).map_err(Problem::in_file(&dir.join(file)));
        let list = |file: &str, bytes: &[u8]| -> Outcome<Vec<Value>> {
            serde_json::from_slice(bytes).map_err(Problem::in_file(&dir.join(file)))
        };
        let about: Value = serde_json::from_slice(&read("lab.json")?)
            .map_err(Problem::in_file(&dir.join("lab.json")))?;
        let (stimuli_json, sockets_json) = (read("stimuli.json")?, read("sockets.json")?);
        let stimuli = list("stimuli.json", &stimuli_json)?;
        let sockets = list("sockets.json", &sockets_json)?;
        let stimuli: Outcome<_> = stimuli.iter().map(stimulus).collect();
        Ok(Self {
            title: about["title"].as_str().unwrap_or_default().to_owned(),
            why: about["why"].as_str().unwrap_or_default().to_owned(),
            chapter: about["chapter"].as_str().map(str::to_owned),
            stimuli: stimuli.map_err(Problem::in_file(&dir.join("stimuli.json")))?,
            known_gap: about["known_gap"].as_str().map(str::to_owned),
            listeners: sockets.iter().filter_map(listener).collect(),
            name,
            dir: dir.to_owned(),
            stimuli_json,
            sockets_json,
        })
    }

    /// What the kernel did when the lab was recorded.
    pub fn recording(&self) -> Outcome<Recording> {
        Recording::load(&self.dir)
    }

    /// Whether programs make connections here, so that the kernel chooses TCP's numbers.
    pub fn has_connections(&self) -> bool {
        self.stimuli.iter().any(|it| matches!(it.action, Action::Tcp { .. }))
            || self.listeners.iter().any(|it| it.transport == Transport::Tcp)
    }

    /// IP identifications that are compared, because a stimulus spelt them out.
    pub fn fixed_ids(&self) -> BTreeSet<u16> {
        compare::spelt_ids(self.stimuli.iter().filter_map(|it| match &it.action {
            Action::SendFrame { frame, .. } => Some(frame.as_slice()),
            _ => None,
        }))
    }
}

impl Recording {
    /// Reads `snapshot/`, `captures.jsonl` and, where it is there, `after/` in `dir`.
    pub fn load(dir: &Path) -> Outcome<Self> {
        let path = dir.join("captures.jsonl");
        let text = fs::read_to_string(&path).map_err(Problem::in_file(&path))?;
        let after = dir.join("after");
        Ok(Self {
            files: files_in(&dir.join("snapshot"))?,
            captures: capture::parse(&path.to_string_lossy(), &text)?,
            after: if after.is_dir() { files_in(&after)? } else { Files::new() },
        })
    }

    /// Writes `snapshot/`, `captures.jsonl` and `after/` to `dir`, in place of what was there.
    pub fn save(&self, dir: &Path) -> Outcome<()> {
        write_files(&dir.join("snapshot"), &self.files)?;
        write_files(&dir.join("after"), &self.after)?;
        let path = dir.join("captures.jsonl");
        fs::write(&path, capture::render(&self.captures)).map_err(Problem::in_file(&path))
    }
}

/// The files in `root` and in the directories in it.
fn files_in(root: &Path) -> Outcome<Files> {
    let mut files = Files::new();
    for entry in entries(root)? {
        if entry.is_dir() {
            for file in entries(&entry)? {
                insert_file(&mut files, root, &file)?;
            }
        } else {
            insert_file(&mut files, root, &entry)?;
        }
    }
    Ok(files)
}

fn write_files(root: &Path, files: &Files) -> Outcome<()> {
    if root.exists() {
        fs::remove_dir_all(root).map_err(Problem::in_file(root))?;
    }
    for (name, bytes) in files {
        let path = root.join(name);
        let parent = path.parent().unwrap_or(root);
        fs::create_dir_all(parent).map_err(Problem::in_file(parent))?;
        fs::write(&path, bytes).map_err(Problem::in_file(&path))?;
    }
    Ok(())
}

/// Every lab in `root`, by name. A directory is one when it has a `lab.json`.
pub fn all_in(root: &Path) -> Outcome<Vec<Lab>> {
    entries(root)?
        .iter()
        .filter(|dir| dir.join("lab.json").exists())
        .map(|dir| Lab::load(dir))
        .collect()
}

fn entries(dir: &Path) -> Outcome<Vec<PathBuf>> {
    let found = fs::read_dir(dir)
        .and_then(|list| list.map(|it| it.map(|it| it.path())).collect::<Result<Vec<_>, _>>());
    let mut found = found.map_err(Problem::in_file(dir))?;
    found.sort();
    Ok(found)
}

fn insert_file(files: &mut Files, root: &Path, path: &Path) -> Outcome<()> {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    files.insert(name, fs::read(path).map_err(Problem::in_file(path))?);
    Ok(())
}

/// One entry of `stimuli.json`.
pub(crate) fn stimulus(value: &Value) -> Outcome<Stimulus> {
    let kinds = value.as_object().ok_or_else(|| Problem::new("expected a list of objects"))?;
    let mut kinds = kinds.iter().filter(|(key, _)| *key != "wait_ms");
    let (kind, it) = kinds
        .next()
        .ok_or_else(|| Problem::new("a stimulus needs a kind: send_frame, udp, tcp or ping"))?;
    let text = |key: &str| {
        it[key].as_str().ok_or_else(|| Problem::at(format!("{kind}.{key}"), "expected a string"))
    };
    let number = |key: &str| {
        let found = it[key].as_u64().and_then(|it| u16::try_from(it).ok());
        found.ok_or_else(|| {
            Problem::at(format!("{kind}.{key}"), "expected a number from 0 to 65535")
        })
    };
    let bytes = |key: &str| unhex(text(key)?).map_err(|e| Problem::at(format!("{kind}.{key}"), e));
    let foreign = || Action::Foreign(kind.clone());
    let action = match kind.as_str() {
        "send_frame" => Action::SendFrame { dev: text("dev")?.to_owned(), frame: bytes("frame")? },
        "udp" => match text("dst")?.parse() {
            Ok(dst) => Action::Udp { sport: number("sport")?, dst, payload: bytes("payload")? },
            Err(_) => foreign(),
        },
        "tcp" => match text("dst")?.parse() {
            Ok(dst) => {
                let send = if it["send"].is_null() { Vec::new() } else { bytes("send")? };
                Action::Tcp { sport: number("sport")?, dst, send }
            }
            Err(_) => foreign(),
        },
        "ping" => match text("dst")?.parse() {
            Ok(dst) => {
                let ttl = it["ttl"].as_u64().and_then(|it| u8::try_from(it).ok());
                Action::Ping {
                    dst,
                    id: number("id")?,
                    seq: number("seq")?,
                    payload: bytes("payload")?,
                    ttl,
                }
            }
            Err(_) => foreign(),
        },
        _ => foreign(),
    };
    let wait = Duration::from_millis(value["wait_ms"].as_u64().unwrap_or(0));
    Ok(Stimulus { netns: text("netns")?.to_owned(), action, wait })
}

fn listener(value: &Value) -> Option<Listener> {
    let port = |key: &str| value[key].as_u64().and_then(|it| u16::try_from(it).ok());
    let (transport, port) = match (port("udp"), port("tcp")) {
        (Some(port), _) => (Transport::Udp, port),
        (None, Some(port)) => (Transport::Tcp, port),
        (None, None) => return None,
    };
    let reply = unhex(value["reply"].as_str().unwrap_or_default()).ok()?;
    Some(Listener { netns: value["netns"].as_str()?.to_owned(), transport, port, reply })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_the_recorder_cannot_play_is_kept_by_name() {
        let it = stimulus(
            &json!({"tcp": {"netns": "a", "sport": 1, "dst": "[fd00::1]:80"}, "wait_ms": 20}),
        )
        .expect("well-formed");
        assert!(matches!(it.action, Action::Foreign(kind) if kind == "tcp"));
        assert_eq!(it.wait, Duration::from_millis(20));
    }

    #[test]
    fn mistakes_in_a_stimulus_name_the_field() {
        let found = |it: Value| stimulus(&it).unwrap_err().to_string();
        assert_eq!(
            found(json!({"udp": {"netns": "a", "sport": 70000, "dst": "10.0.0.1:80"}})),
            "udp.sport: expected a number from 0 to 65535"
        );
        assert_eq!(
            found(json!({"send_frame": {"netns": "a", "dev": "eth0", "frame": "f"}})),
            "send_frame.frame: expected pairs of hexadecimal digits"
        );
        assert_eq!(
            found(json!({"wait_ms": 1})),
            "a stimulus needs a kind: send_frame, udp, tcp or ping"
        );
    }
}
