//! Recording a lab from the running kernel: build it, take its snapshot, play the stimuli, note what every device saw.
//!
//! Everything happens in fresh network, mount and process namespaces of a process of its own, so nothing is left behind and labs can be
//! recorded side by side. Needs root, and `unshare`, `ip`, `bridge`, `sysctl`, `ss`, `ethtool` and `python3`. Knows nothing of the engine.
//!
//! ```text
//! record()                      this process
//!   unshare -n -m -p conform --inside LAB OUT QUIET_MS
//!     record_inside()           the lab's own process; one packet socket for each namespace
//! ```

mod netns;
mod play;
mod snapshot;
mod sniff;

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Recording};
use crate::problem::{Outcome, Problem};

/// Longest time for one lab, in seconds; the longest takes about twenty.
const LAB_LIMIT_S: &str = "120";
/// A neighbour's entry younger than a second stands against some news; in a snapshot it is older.
const LOCKTIME: Duration = Duration::from_millis(1050);
const MAX_NAMESPACES: usize = 64;

/// How patiently the network is watched between stimuli.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// It is quiet when nothing has passed for this long. Frames pass in microseconds; the rest is for a busy machine.
    quiet: Duration,
}

impl Pace {
    /// For recordings that stay.
    pub const CALM: Self = Self { quiet: Duration::from_millis(100) };
    /// For hundreds of labs: what differs is tried again, calmly.
    pub const BRISK: Self = Self { quiet: Duration::from_millis(12) };

    /// As an argument of the recording process.
    pub fn from_millis(text: &str) -> Option<Self> {
        Some(Self { quiet: Duration::from_millis(text.parse().ok()?) })
    }
}

/// Why this machine cannot record, if it cannot.
pub fn unavailable() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("network namespaces need root".to_owned());
    }
    for tool in ["ip", "bridge", "sysctl", "ss", "ethtool", "bash", "timeout", "python3"] {
        if !is_installed(tool) {
            return Some(format!("`{tool}` is not installed"));
        }
    }
    let made = Command::new("unshare").args(["-n", "-m", "true"]).output();
    match made {
        Ok(it) if it.status.success() => None,
        Ok(it) => Some(format!(
            "no namespaces can be made: {}",
            String::from_utf8_lossy(&it.stderr).trim()
        )),
        Err(e) => Some(format!("unshare: {e}")),
    }
}

/// Builds and plays `lab` in namespaces of its own. Writes to `scratch`, which it makes and removes.
pub fn record(lab: &Lab, scratch: &Path, pace: Pace) -> Outcome<Recording> {
    fs::create_dir_all(scratch).map_err(Problem::in_file(scratch))?;
    let recording = record_in_child(lab, scratch, pace).and_then(|()| Recording::load(scratch));
    fs::remove_dir_all(scratch).map_err(Problem::in_file(scratch))?;
    recording
}

/// The part of [`record`] that runs inside the fresh namespaces.
pub fn record_inside(dir: &Path, out: &Path, pace: Pace) -> Outcome<()> {
    let lab = Lab::load(dir)?;
    fs::create_dir_all(netns::DIR).map_err(Problem::in_file(Path::new(netns::DIR)))?;
    run(Command::new("mount").args(["-t", "tmpfs", "netns", netns::DIR]))?;
    run(Command::new("bash").arg("build.sh").current_dir(&lab.dir))?;
    let names = netns::names()?;
    if names.is_empty() || names.len() > MAX_NAMESPACES {
        return Err(Problem::at(
            &lab.name,
            format!("{} namespaces; from 1 to {MAX_NAMESPACES} can be recorded", names.len()),
        ));
    }
    for name in &names {
        // Reports about groups come at random times, and rules would count them.
        let setting = "net.ipv4.igmp_link_local_mcast_reports=0";
        run(Command::new("ip").args(["netns", "exec", name, "sysctl", "-qw", setting]))?;
    }
    let built = Instant::now();
    let links = snapshot::settle(&names)?;
    let listeners = play::listen(&lab.listeners)?;
    let mut sniffer = sniff::Sniffer::open(links)?;
    let files = snapshot::take(&names)?;
    if files.keys().any(|it| it.ends_with("/neigh.json")) {
        thread::sleep(LOCKTIME.saturating_sub(built.elapsed()));
    }
    let captures = play::play(&lab.stimuli, &listeners, &mut sniffer, pace)?;
    let after = snapshot::after(&files)?;
    Recording { files, captures, after }.save(out)
}

fn record_in_child(lab: &Lab, scratch: &Path, pace: Pace) -> Outcome<()> {
    let this = env::current_exe().map_err(|e| Problem::at("this program", e))?;
    let ran = Command::new("timeout")
        .args([LAB_LIMIT_S, "unshare", "-n", "-m", "--propagation", "private"])
        // Programs that the lab started end with it.
        .args(["--pid", "--fork", "--kill-child"])
        .arg(this)
        .arg("--inside")
        .args([&lab.dir, scratch])
        .arg(pace.quiet.as_millis().to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Problem::at("unshare", e))?;
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let timed_out = ran.status.code() == Some(124);
    let why =
        if timed_out { format!("not done in {LAB_LIMIT_S} s") } else { said.trim().to_owned() };
    Err(Problem::at(&lab.name, why))
}

fn is_installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(tool).is_file())
}

/// Runs a command to its end and gives what it printed.
fn run(command: &mut Command) -> Outcome<Vec<u8>> {
    let name = command_line(command);
    let ran = command.stdin(Stdio::null()).output().map_err(|e| Problem::at(&name, e))?;
    if ran.status.success() {
        Ok(ran.stdout)
    } else {
        Err(Problem::at(name, String::from_utf8_lossy(&ran.stderr).trim()))
    }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
