//! Clusters in each flavour of CNI: compiled by the engine, exported, built in the kernel, and compared.
//!
//! What is left to chance in a cluster is decided here, since the kernel's chance is not the engine's: an endpoint is chosen in
//! turn where kube-proxy lets it be drawn, masquerading keeps a port where it can, and VXLAN has one source port. In the place
//! of what the exported script does not start are programs that it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::{env, process};

use everyhop_engine::app::App;
use everyhop_engine::app::http_server::HttpServer;
use everyhop_engine::base::DevId;
use everyhop_engine::export;
use everyhop_engine::kube::Cni;
use everyhop_engine::lesson::{self, Act, Action, Destination, Protocol, Source};
use everyhop_engine::link::DeviceKind;
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::tool::{self, Configured, Op};
use everyhop_engine::world::World;
use serde_json::{Value, json};

use crate::capture;
use crate::kernel::Pace;
use crate::lab::{Files, Lab};
use crate::problem::{Outcome, Problem};
use crate::replay;
use crate::trial::{Trial, Verdict};

/// The flavour that a cluster's text names; the others are put in its place.
const WRITTEN: &str = "cni: bridge";
const FIRST_PORT: u16 = 40_000;
const VXLAN_SRC_PORTS: (u16, u16) = (50_000, 50_001);

/// Actions in a lab: so many are over before the kernel asks anew, after five seconds, for neighbours that it heard of, at a
/// moment that another clock sees elsewhere.
const N_ACTIONS: usize = 12;

/// One cluster in one flavour, and some of its actions.
#[derive(Clone, Debug)]
pub struct Case {
    path: PathBuf,
    cni: Cni,
    /// By number, from 0 on.
    part: usize,
}

/// All of them, in order.
pub fn all() -> Outcome<Vec<Case>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("kube/clusters");
    let found = fs::read_dir(&dir)
        .and_then(|list| list.map(|it| it.map(|it| it.path())).collect::<Result<Vec<_>, _>>());
    let mut paths = found.map_err(Problem::in_file(&dir))?;
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        for cni in Cni::ALL {
            let whole = Case { path: path.clone(), cni, part: 0 };
            let n_parts = whole.load()?.actions.len().div_ceil(N_ACTIONS);
            cases.extend((0..n_parts).map(|part| Case { part, ..whole.clone() }));
        }
    }
    Ok(cases)
}

impl Case {
    /// As in `services-flannel-1`.
    pub fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        format!("{stem}-{}-{}", self.cni.name(), self.part + 1)
    }

    /// Builds it, plays its actions, and compares.
    pub fn check(&self) -> Outcome<Verdict> {
        let name = format!("everyhop-cluster-{}-{}", process::id(), self.name());
        let dir = env::temp_dir().join(name);
        let verdict = self.check_in(&dir);
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(Problem::in_file(&dir))?;
        }
        verdict
    }

    /// Writes it to `dir` as a lab, not recorded.
    pub fn write(&self, dir: &Path) -> Outcome<()> {
        let lesson = self.load()?;
        let script = export::script(&decided(&lesson)?).map_err(|e| Problem::at("export", e))?;
        let part = lesson.actions.chunks(N_ACTIONS).nth(self.part).unwrap_or_default();
        let sent = part.iter().filter_map(Act::send);
        let stimuli = (0..).zip(sent).map(|(n, it)| stimulus(&lesson, n, it));
        let stimuli = Value::Array(stimuli.collect::<Outcome<_>>()?);
        let about = json!({"title": self.name(), "why": format!("with {}", self.cni.name())});
        fs::create_dir_all(dir).map_err(Problem::in_file(dir))?;
        for (file, text) in [
            ("build.sh", script),
            ("stimuli.json", stimuli.to_string()),
            ("sockets.json", "[]".to_owned()),
            ("lab.json", about.to_string()),
        ] {
            fs::write(dir.join(file), text).map_err(Problem::in_file(dir))?;
        }
        Ok(())
    }

    fn check_in(&self, dir: &Path) -> Outcome<Verdict> {
        self.write(dir)?;
        let lab = Lab::load(dir)?;
        let lesson = self.load()?;
        let build = || decided(&lesson);
        let load = |files: &Files| loaded(files, &lesson.configured);
        Trial { lab: &lab, build: &build, load: &load }.verdict(&dir.join("recorded"), Pace::CALM)
    }

    fn load(&self) -> Outcome<lesson::Lab> {
        let text = fs::read_to_string(&self.path).map_err(Problem::in_file(&self.path))?;
        if !text.contains(WRITTEN) {
            return Err(Problem::at(self.path.display(), format!("expected {WRITTEN:?} in it")));
        }
        let text = text.replace(WRITTEN, &format!("cni: {}", self.cni.name()));
        let mut lesson = match lesson::Lab::load(&text) {
            Ok(loaded) => loaded.lab,
            Err(problems) => {
                let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return Err(Problem::at(self.path.display(), text.join("; ")));
            }
        };
        lesson.configured.retain(|it| !matches!(app(&it.op), Some(App::DnsServer(_))));
        for it in &mut lesson.configured {
            if let Op::Run { app, .. } = &mut it.op
                && let App::Ingress(_) = **app
            {
                let server = HttpServer::new("the ingress controller", vec![80, 443], 200);
                **app = App::HttpServer(server);
            }
        }
        Ok(lesson)
    }
}

fn app(op: &Op) -> Option<&App> {
    match op {
        Op::Run { app, .. } => Some(app),
        _ => None,
    }
}

/// The world of a lab, with nothing left to chance.
fn decided(lesson: &lesson::Lab) -> Outcome<World> {
    let mut world = lesson.world(0..lesson.cluster.nodes.len());
    let ids: Vec<_> = world.netns.iter().map(|(id, _)| id).collect();
    for id in ids {
        let Some(netfilter) = world.netns[id].netfilter.as_deref_mut() else { continue };
        let text = netfilter.tables.save(false);
        let lines: Vec<String> = text.lines().map(in_turn).collect();
        let text = format!("{}\n", lines.join("\n"));
        let tables = Tables::parse(&text, &netfilter.sets, &mut netfilter.recents);
        netfilter.set_tables(tables.map_err(|e| Problem::at("rules in turn", format!("{e:?}")))?);
    }
    let devs: Vec<DevId> = world.devices.iter().map(|(id, _)| id).collect();
    for dev in devs {
        if let DeviceKind::Vxlan(vxlan) = &mut world.devices[dev].kind {
            vxlan.src_ports = VXLAN_SRC_PORTS;
        }
    }
    Ok(world)
}

/// A rule without chance.
fn in_turn(line: &str) -> String {
    const DRAWN: &str = "--mode random --probability ";
    let line = line.replace(" --random-fully", "");
    let Some((before, rest)) = line.split_once(DRAWN) else { return line };
    let (probability, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let probability = probability.parse().unwrap_or(1.0_f64);
    format!("{before}--mode nth --every {:.0} --packet 0 {after}", probability.recip())
}

/// The world of a snapshot with the cluster's programs in it: of those, a snapshot knows only that they listen.
fn loaded(files: &Files, configured: &[Configured]) -> Outcome<World> {
    let mut files = files.clone();
    files.retain(|name, _| !name.ends_with("/sockets.txt"));
    let mut world = replay::load(&files)?;
    let is_program = |it: &&Configured| matches!(it.op, Op::Run { .. } | Op::Serve { .. });
    let programs: Vec<Configured> = configured.iter().filter(is_program).cloned().collect();
    tool::apply(&mut world, &programs).map_err(|(_, e)| Problem::at("programs", e))?;
    Ok(world)
}

/// The `n`th action as an entry of `stimuli.json`.
fn stimulus(lesson: &lesson::Lab, n: u16, action: &Action) -> Outcome<Value> {
    let cluster = &lesson.cluster;
    let netns = match action.from {
        Source::Pod(pod) => &cluster.pods[pod].netns,
        Source::Node(node) => &cluster.nodes[node].netns,
        Source::Internet => {
            let outside = cluster.outside.as_ref();
            &outside.ok_or_else(|| Problem::new("this cluster has no internet"))?.client
        }
    };
    let Destination::Address { ip, port, .. } = &action.to else {
        return Err(Problem::at(&action.to, "expected an address"));
    };
    let payload = capture::hex(&action.payload);
    let sport = FIRST_PORT + n;
    let dst = port.map(|port| format!("{ip}:{port}"));
    let (kind, what) = match action.protocol {
        Protocol::Icmp => {
            ("ping", json!({"netns": netns, "dst": ip, "id": n + 1, "seq": 1, "payload": payload}))
        }
        Protocol::Udp => {
            ("udp", json!({"netns": netns, "sport": sport, "dst": dst, "payload": payload}))
        }
        Protocol::Tcp => {
            ("tcp", json!({"netns": netns, "sport": sport, "dst": dst, "send": payload}))
        }
    };
    let wait_ms = action.wait.0 / 1_000_000;
    let mut entry = json!({ kind: what });
    entry["wait_ms"] = wait_ms.into();
    Ok(entry)
}
