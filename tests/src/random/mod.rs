//! Random labs: made from a seed, built in the kernel and in the engine, and compared.
//!
//! The engine is asked twice: about the world that the lab's maker built, and about the snapshot that the kernel's tools took of the
//! same network, so that its reading of snapshots is tried as well. The kernel's network is made by the engine's own exporter.

mod dice;
mod generate;
mod packet;
mod plan;
mod rules;
mod shrink;

use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use everyhop_engine::snapshot;
use serde_json::Value;

use crate::check;
use crate::fidelity::Evidence;
use crate::frame::{self, Known};
use crate::kernel::{self, Pace};
use crate::lab::{self, Action, Lab, Recording};
use crate::problem::{Outcome, Problem};
use crate::replay::{self, Played};
use plan::Plan;

/// How a random lab came out.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every stream is equal, for both worlds.
    Equal { n_frames: usize },
    /// The engine says that it does not model what happens there.
    NotComparable(String),
    /// The kernel did something else each time it was asked.
    Undecided(Vec<String>),
    /// The engine differs from the kernel, which did the same twice; one line each.
    Differs(Vec<String>),
}

/// A lab that differs, made as small as it still differs.
#[derive(Debug)]
pub struct Shrunk {
    pub dir: PathBuf,
    /// What is left to differ.
    pub lines: Vec<String>,
    /// Items that are left of how many.
    pub n_items: (usize, usize),
}

/// Checks the lab of `seed`.
pub fn check(seed: u64) -> Outcome<Verdict> {
    check_plan(&generate::plan(seed).valid(seed), seed)
}

/// Makes the lab of `seed` smaller while it differs, and writes what is left to `dir`, recorded like any other lab.
pub fn keep(seed: u64, dir: &Path) -> Outcome<Shrunk> {
    let whole = generate::plan(seed).valid(seed);
    let small = shrink::smallest(&whole, seed, |it| {
        matches!(check_plan(it, seed), Ok(Verdict::Differs(_)))
    });
    let lines = match check_plan(&small, seed)? {
        Verdict::Differs(lines) => lines,
        other => vec![format!("the smallest lab came out otherwise at last: {other:?}")],
    };
    let title = format!("Random lab {seed}, made small");
    let why = lines.first().cloned().unwrap_or_default();
    small.write(dir, seed, &plan::about(&title, &why))?;
    let lab = Lab::load(dir)?;
    kernel::record(&lab, &scratch(seed), Pace::CALM)?.save(dir)?;
    Ok(Shrunk { dir: dir.to_owned(), lines, n_items: (small.items.len(), whole.items.len()) })
}

/// What the lab of `seed` exercises, by the engine's word. None if the engine does not model it.
pub(crate) fn evidence(seed: u64) -> Option<Evidence> {
    let plan = generate::plan(seed).valid(seed);
    let (stimuli, sockets) = plan.played();
    let list = |it: &[Value]| serde_json::to_vec(it).expect("it was JSON before");
    let actions: Vec<Action> =
        stimuli.iter().filter_map(|it| Some(lab::stimulus(it).ok()?.action)).collect();
    let world = plan.world(seed).ok()?;
    let captures =
        snapshot::replay_in(&mut world.clone(), &list(&stimuli), &list(&sockets)).ok()?;
    let frames = captures.iter().map(|it| frame::decode(&it.frame, Known::default())).collect();
    Some(Evidence { world, frames, actions })
}

/// Writes the lab of `seed` to `dir`, as it is before anything is left out, and not recorded.
pub fn write(seed: u64, dir: &Path) -> Outcome<()> {
    let about = plan::about(&format!("Random lab {seed}"), "made from a seed");
    generate::plan(seed).valid(seed).write(dir, seed, &about)
}

fn scratch(seed: u64) -> PathBuf {
    env::temp_dir().join(format!("everyhop-random-{}-{seed}", process::id()))
}

fn check_plan(plan: &Plan, seed: u64) -> Outcome<Verdict> {
    let dir = scratch(seed);
    let verdict = check_in(plan, seed, &dir);
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(Problem::in_file(&dir))?;
    }
    verdict
}

fn check_in(plan: &Plan, seed: u64, dir: &Path) -> Outcome<Verdict> {
    plan.write(dir, seed, &plan::about("A random lab", "made from a seed"))?;
    let lab = Lab::load(dir)?;
    let built = match unless_panic(|| replay::play(&lab, plan.world(seed)?)) {
        Ok(played) => played,
        Err(Refusal::NotModelled(why)) => return Ok(Verdict::NotComparable(why)),
        Err(Refusal::Panic(what)) => return Ok(Verdict::Differs(vec![what])),
    };
    let out = dir.join("recorded");
    // Acknowledgements that wait belong to what they acknowledge.
    let pace = if lab.has_connections() { Pace::CALM } else { Pace::BRISK };
    let first = kernel::record(&lab, &out, pace)?;
    let lines = differences(&lab, &first, &built);
    if lines.is_empty() {
        return Ok(Verdict::Equal { n_frames: first.captures.len() });
    }
    // A busy machine delays frames, and then the kernel may do other things in between.
    let (second, third) =
        (kernel::record(&lab, &out, Pace::CALM)?, kernel::record(&lab, &out, Pace::CALM)?);
    if let check::Verdict::Differs(lines) = check::kernel(&lab, &second, &third) {
        return Ok(Verdict::Undecided(lines));
    }
    let lines = differences(&lab, &second, &built);
    if lines.is_empty() {
        return Ok(Verdict::Equal { n_frames: second.captures.len() });
    }
    Ok(Verdict::Differs(lines))
}

/// What differs from `kernel` in what the engine did with the world that was built, or else with the one that was loaded.
fn differences(lab: &Lab, kernel: &Recording, built: &Played) -> Vec<String> {
    let found = |it: &Played| {
        check::findings(lab, "the kernel", kernel, &it.captures, &it.after).differences
    };
    let mut lines = found(built);
    lines.retain(|it| !is_older(it));
    if !lines.is_empty() {
        return lines;
    }
    match unless_panic(|| replay::replay(lab, &kernel.files)) {
        Ok(loaded) => {
            let lines = found(&loaded).into_iter().filter(|it| !is_older(it));
            lines.map(|it| format!("from the snapshot: {it}")).collect()
        }
        Err(Refusal::NotModelled(why)) => vec![format!("the snapshot is refused: {why}")],
        Err(Refusal::Panic(what)) => vec![format!("from the snapshot: {what}")],
    }
}

/// Whether a line says no more than that the kernel's network was some seconds old when it was first used, so that connections
/// that were there from the beginning have that much less time left; and so, on a busy machine, since its snapshot was taken.
fn is_older(line: &str) -> bool {
    const MAX_AGE_S: u64 = 15;
    let times = || {
        let (ours, rest) = line.split_once(" s left, the kernel's has ")?;
        let ours: u64 = ours.rsplit(' ').next()?.parse().ok()?;
        let theirs: u64 = rest.split_once(':')?.0.parse().ok()?;
        ours.checked_sub(theirs)
    };
    times().is_some_and(|age| age <= MAX_AGE_S)
}

enum Refusal {
    NotModelled(String),
    Panic(String),
}

fn unless_panic(act: impl FnOnce() -> Outcome<Played>) -> Result<Played, Refusal> {
    match panic::catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(played)) => Ok(played),
        Ok(Err(e)) => Err(Refusal::NotModelled(e.to_string())),
        Err(_) => Err(Refusal::Panic("the engine panicked".to_owned())),
    }
}
