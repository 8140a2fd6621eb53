//! What is checked of a lab: the engine against the recording, and against the kernel afresh.

use std::path::{Path, PathBuf};

use crate::capture::Capture;
use crate::compare::{Comparison, Findings};
use crate::lab::{Files, Lab, Recording};
use crate::problem::Outcome;
use crate::replay;
use crate::state;

/// Labs that lie beside the checkout and that the engine models. It must refuse the others there, naming file and line.
pub const COVERED_BESIDE: &[&str] =
    &["clusterip", "cross-node", "egress", "nodeport", "pod-to-pod", "vxlan"];

/// Answer of one check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every stream is equal.
    Equal { n_streams: usize, n_frames: usize },
    /// The engine refused what it does not model, as it should; with its message.
    Refused(String),
    /// Not equal, as is known; with the reason.
    KnownGap(String),
    /// Not equal, or not what it should be; one line each.
    Differs(Vec<String>),
}

/// What the engine should do with a lab.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    Equal,
    Refused,
}

/// The labs of this repository.
pub fn own_labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/labs")
}

/// Labs that someone else recorded, where they lie beside the checkout.
pub fn labs_beside() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/labs");
    dir.is_dir().then_some(dir)
}

/// What the engine should do with a lab from beside the checkout.
pub fn expected_beside(lab: &Lab) -> Expected {
    if COVERED_BESIDE.contains(&lab.name.as_str()) { Expected::Equal } else { Expected::Refused }
}

/// The engine against a recording of the kernel.
pub fn engine(lab: &Lab, recording: &Recording, expected: Expected) -> Verdict {
    let found = replayed(lab, recording, expected);
    match (&lab.known_gap, found) {
        (Some(why), Verdict::Differs(_)) => Verdict::KnownGap(why.clone()),
        (Some(_), _) => {
            Verdict::Differs(vec!["the gap is closed: take known_gap out of lab.json".to_owned()])
        }
        (None, found) => found,
    }
}

/// One recording of the kernel against another.
pub fn kernel(lab: &Lab, before: &Recording, now: &Recording) -> Verdict {
    verdict(findings(lab, "the earlier recording", before, &now.captures, &now.after))
}

/// What is wrong with a check's outcome, one line each; nothing if all is as it should be.
pub fn complaints(verdict: Outcome<Verdict>) -> Vec<String> {
    match verdict {
        Ok(Verdict::Equal { .. } | Verdict::Refused(_) | Verdict::KnownGap(_)) => Vec::new(),
        Ok(Verdict::Differs(lines)) => lines,
        Err(e) => vec![e.to_string()],
    }
}

fn replayed(lab: &Lab, recording: &Recording, expected: Expected) -> Verdict {
    match (expected, replay::replay(lab, &recording.files)) {
        (Expected::Equal, Ok(played)) => {
            verdict(findings(lab, "the kernel", recording, &played.captures, &played.after))
        }
        (Expected::Equal, Err(e)) => Verdict::Differs(vec![format!("the engine refused it: {e}")]),
        (Expected::Refused, Err(e)) => Verdict::Refused(e.to_string()),
        (Expected::Refused, Ok(_)) => Verdict::Differs(vec![
            "the engine replayed what it does not model, where it should have refused it"
                .to_owned(),
        ]),
    }
}

/// What differs from `want` in captures and in the state after them.
pub(crate) fn findings(
    lab: &Lab,
    wanted: &str,
    want: &Recording,
    captures: &[Capture],
    after: &Files,
) -> Findings {
    let fixed_ids = lab.fixed_ids();
    let comparison =
        Comparison { wanted, fixed_ids: &fixed_ids, has_connections: lab.has_connections() };
    let mut found = comparison.run(&want.captures, captures);
    // Recordings that others made have captures alone.
    if !want.after.is_empty() {
        found.differences.extend(state::differences(wanted, &want.after, after));
    }
    found
}

fn verdict(found: Findings) -> Verdict {
    if found.differences.is_empty() {
        Verdict::Equal { n_streams: found.n_streams, n_frames: found.n_frames }
    } else {
        Verdict::Differs(found.differences)
    }
}
