//! Where the engine is asked: a snapshot and its stimuli in, captures out, or the engine's refusal.

use everyhop_engine::snapshot;
use everyhop_engine::tool::conntrack;
use everyhop_engine::world::World;

use crate::capture::{Capture, Direction};
use crate::lab::{Files, Lab};
use crate::problem::{Outcome, Problem};

/// What the engine did.
#[derive(Clone, Debug)]
pub struct Played {
    pub captures: Vec<Capture>,
    /// As in a [`crate::lab::Recording`].
    pub after: Files,
}

/// What the engine makes of `files` and the stimuli of `lab`. An error is the engine's own, with file and line.
pub fn replay(lab: &Lab, files: &Files) -> Outcome<Played> {
    play(lab, load(files)?)
}

/// The world of a snapshot.
pub fn load(files: &Files) -> Outcome<World> {
    snapshot::load(files).map_err(|e| Problem::new(e.to_string()))
}

/// What the engine makes of the stimuli of `lab` in `world`.
pub fn play(lab: &Lab, mut world: World) -> Outcome<Played> {
    let captures = snapshot::replay_in(&mut world, &lab.stimuli_json, &lab.sockets_json)
        .map_err(|e| Problem::new(e.to_string()))?;
    Ok(Played { captures: captures.into_iter().map(from_engine).collect(), after: after(&world) })
}

fn after(world: &World) -> Files {
    let mut files = Files::new();
    for (_, ns) in world.netns.iter() {
        let Some(netfilter) = &ns.netfilter else { continue };
        if netfilter.tables.is_empty() {
            continue;
        }
        let rules = netfilter.tables.save(true);
        files.insert(format!("{}/iptables.txt", ns.name), rules.into_bytes());
        let connections = conntrack::list(&netfilter.conntrack, world.now());
        if !connections.is_empty() {
            files.insert(format!("{}/conntrack.txt", ns.name), connections.join("\n").into_bytes());
        }
    }
    files
}

fn from_engine(it: snapshot::Capture) -> Capture {
    let dir = match it.dir {
        snapshot::Direction::In => Direction::In,
        snapshot::Direction::Out => Direction::Out,
    };
    Capture { netns: it.netns, dev: it.dev, dir, frame: it.frame }
}
