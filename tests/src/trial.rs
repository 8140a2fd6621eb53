//! A network that the engine made, built in the kernel by the engine's own exporter, and compared.
//!
//! The engine is asked twice: about the world that it made, and about the snapshot that the kernel's tools took of the same
//! network, so that its reading of snapshots is tried as well.

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use everyhop_engine::world::World;

use crate::check;
use crate::kernel::{self, Pace};
use crate::lab::{Files, Lab, Recording};
use crate::problem::Outcome;
use crate::replay::{self, Played};

/// How it came out.
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

/// A lab, the world that it was exported from, and how its snapshot is loaded.
pub(crate) struct Trial<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) build: &'a dyn Fn() -> Outcome<World>,
    pub(crate) load: &'a dyn Fn(&Files) -> Outcome<World>,
}

impl Trial<'_> {
    /// Records to `out`, which it makes and removes.
    pub(crate) fn verdict(&self, out: &Path, pace: Pace) -> Outcome<Verdict> {
        let lab = self.lab;
        let built = match unless_panic(|| replay::play(lab, (self.build)()?)) {
            Ok(played) => played,
            Err(Refusal::NotModelled(why)) => return Ok(Verdict::NotComparable(why)),
            Err(Refusal::Panic(what)) => return Ok(Verdict::Differs(vec![what])),
        };
        let first = kernel::record(lab, out, pace)?;
        let lines = self.differences(&first, &built);
        if lines.is_empty() {
            return Ok(Verdict::Equal { n_frames: first.captures.len() });
        }
        // A busy machine delays frames, and then the kernel may do other things in between.
        let (second, third) =
            (kernel::record(lab, out, Pace::CALM)?, kernel::record(lab, out, Pace::CALM)?);
        if let check::Verdict::Differs(mut lines) = check::kernel(lab, &second, &third) {
            lines.retain(|it| !is_older(it));
            if !lines.is_empty() {
                return Ok(Verdict::Undecided(lines));
            }
        }
        let lines = self.differences(&second, &built);
        if lines.is_empty() {
            return Ok(Verdict::Equal { n_frames: second.captures.len() });
        }
        Ok(Verdict::Differs(lines))
    }

    /// What differs from `kernel` in what the engine did with the world that was built, or else with the one that was loaded.
    fn differences(&self, kernel: &Recording, built: &Played) -> Vec<String> {
        let lab = self.lab;
        let found = |it: &Played| {
            check::findings(lab, "the kernel", kernel, &it.captures, &it.after).differences
        };
        let mut lines = found(built);
        lines.retain(|it| !is_older(it));
        if !lines.is_empty() {
            return lines;
        }
        match unless_panic(|| replay::play(lab, (self.load)(&kernel.files)?)) {
            Ok(loaded) => {
                let lines = found(&loaded).into_iter().filter(|it| !is_older(it));
                lines.map(|it| format!("from the snapshot: {it}")).collect()
            }
            Err(Refusal::NotModelled(why)) => vec![format!("the snapshot is refused: {why}")],
            Err(Refusal::Panic(what)) => vec![format!("from the snapshot: {what}")],
        }
    }
}

/// Whether a line says no more than that the kernel's network was some seconds old when it was first used, so that connections
/// that were there from the beginning have that much less time left; and so, on a busy machine, since its snapshot was taken.
fn is_older(line: &str) -> bool {
    const MAX_AGE_S: u64 = 15;
    let times = || {
        let (ours, rest) = line.split_once(" s left, the ")?;
        let ours: u64 = ours.rsplit(' ').next()?.parse().ok()?;
        let (_, theirs) = rest.split_once("'s has ")?;
        Some((ours, theirs.split_once(':')?.0.parse().ok()?))
    };
    let is_near = |(ours, theirs): (u64, u64)| {
        // Of two recordings either may have come later.
        (ours >= theirs || !line.contains("the kernel's")) && ours.abs_diff(theirs) <= MAX_AGE_S
    };
    times().is_some_and(is_near)
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
