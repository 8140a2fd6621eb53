//! Random labs: made from a seed, built in the kernel and in the engine, and compared as [`trial`](crate::trial) does.

mod dice;
mod generate;
mod packet;
mod plan;
mod rules;
mod shrink;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use everyhop_engine::snapshot;
use serde_json::Value;

use crate::fidelity::Evidence;
use crate::frame::{self, Known};
use crate::kernel::{self, Pace};
use crate::lab::{self, Action, Lab};
use crate::problem::{Outcome, Problem};
use crate::replay;
use crate::trial::{Trial, Verdict};
use plan::Plan;

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
    // Acknowledgements that wait belong to what they acknowledge.
    let pace = if lab.has_connections() { Pace::CALM } else { Pace::BRISK };
    let (build, load) = (|| plan.world(seed), replay::load);
    Trial { lab: &lab, build: &build, load: &load }.verdict(&dir.join("recorded"), pace)
}
