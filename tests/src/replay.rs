//! The one place that calls the engine: a snapshot and its stimuli in, captures out, or the engine's refusal.

use everyhop_engine::snapshot;

use crate::capture::{Capture, Direction};
use crate::lab::{Files, Lab};
use crate::problem::{Outcome, Problem};

/// What the engine makes of `files` and the stimuli of `lab`. An error is the engine's own, with file and line.
pub fn replay(lab: &Lab, files: &Files) -> Outcome<Vec<Capture>> {
    let captures = snapshot::replay(files, &lab.stimuli_json, &lab.sockets_json)
        .map_err(|e| Problem::new(e.to_string()))?;
    Ok(self::captures(captures))
}

/// The engine's captures as ours.
pub(crate) fn captures(captures: Vec<snapshot::Capture>) -> Vec<Capture> {
    captures.into_iter().map(from_engine).collect()
}

fn from_engine(it: snapshot::Capture) -> Capture {
    let dir = match it.dir {
        snapshot::Direction::In => Direction::In,
        snapshot::Direction::Out => Direction::Out,
    };
    Capture { netns: it.netns, dev: it.dev, dir, frame: it.frame }
}
