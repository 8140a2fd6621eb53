//! The one place that calls the engine: a snapshot and its stimuli in, captures out, or the engine's refusal.

use crate::capture::Capture;
use crate::lab::{Files, Lab};
use crate::problem::{Outcome, Problem};

/// What the engine makes of `files` and the stimuli of `lab`. An error is the engine's own, with file and line.
pub fn replay(lab: &Lab, _files: &Files) -> Outcome<Vec<Capture>> {
    Err(Problem::at(&lab.name, "the engine reads no snapshots yet"))
}
