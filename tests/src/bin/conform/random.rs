//! `conform --random`: many labs made from seeds, compared with the kernel, and what came of it in numbers.

use std::collections::BTreeMap;
use std::time::Instant;

use everyhop_tests::problem::Outcome;

/// What was asked for.
pub(crate) struct Asked {
    n_labs: u64,
    seed: u64,
    keeps: bool,
    shrinks: bool,
}

/// `N [--seed S] [--keep] [--whole]`.
pub(crate) fn parse(words: &[&str]) -> Option<Asked> {
    let (n_labs, mut words) = words.split_first()?;
    let mut it = Asked { n_labs: n_labs.parse().ok()?, seed: 1, keeps: false, shrinks: true };
    loop {
        match words {
            [] => return Some(it),
            ["--seed", seed, rest @ ..] => (it.seed, words) = (seed.parse().ok()?, rest),
            ["--keep", rest @ ..] => (it.keeps, words) = (true, rest),
            ["--whole", rest @ ..] => (it.shrinks, words) = (false, rest),
            _ => return None,
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &Asked) -> Outcome<bool> {
    println!("SKIPPED random labs: this is not Linux");
    Ok(true)
}

#[cfg(target_os = "linux")]
pub(crate) use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use everyhop_tests::trial::Verdict;
    use everyhop_tests::{check, kernel, random};

    use super::{Asked, BTreeMap, Instant, Outcome};

    /// Labs at a time. They spend half of their time waiting.
    const N_WORKERS: usize = 6;
    /// Labs made small at most: each takes a minute, and many have the same cause.
    const MAX_SHRUNK: usize = 3;
    const MAX_LINES: usize = 6;

    #[derive(Default)]
    struct Tally {
        n_equal: u64,
        n_frames: usize,
        /// How many, by the engine's reason.
        refused: BTreeMap<String, u64>,
        undecided: Vec<u64>,
        different: Vec<u64>,
        broken: Vec<u64>,
    }

    /// Checks all; good if none differs.
    pub(crate) fn run(asked: &Asked) -> Outcome<bool> {
        if let Some(why) = kernel::unavailable() {
            println!("SKIPPED {} random labs: {why}", asked.n_labs);
            return Ok(true);
        }
        println!("{} random labs from seed {}", asked.n_labs, asked.seed);
        let started = Instant::now();
        let tally = Mutex::new(Tally::default());
        let next = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..N_WORKERS {
                scope.spawn(|| {
                    loop {
                        let idx = next.fetch_add(1, Ordering::Relaxed);
                        if idx >= asked.n_labs {
                            return;
                        }
                        let seed = asked.seed.wrapping_add(idx);
                        let verdict = random::check(seed);
                        tally.lock().expect("no one panics with the lock held").add(seed, verdict);
                    }
                });
            }
        });
        let mut tally = tally.into_inner().expect("no one panics with the lock held");
        let took = started.elapsed();
        tally.print(asked);
        println!(
            "{:.1} s, {:.2} labs a second",
            took.as_secs_f32(),
            rate(asked.n_labs, took.as_secs_f64())
        );
        tally.different.sort_unstable();
        for &seed in &tally.broken {
            let dir = target().join(format!("random-{seed}"));
            random::write(seed, &dir)?;
            println!("seed {seed} is in {}", dir.display());
        }
        let n_shrunk = if asked.shrinks { MAX_SHRUNK } else { 0 };
        for &seed in tally.different.iter().take(n_shrunk) {
            shrink(seed, asked.keeps);
        }
        Ok(tally.different.is_empty() && tally.broken.is_empty())
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    fn rate(n: u64, seconds: f64) -> f64 {
        n as f64 / seconds
    }

    impl Tally {
        fn add(&mut self, seed: u64, verdict: Outcome<Verdict>) {
            match verdict {
                Ok(Verdict::Equal { n_frames }) => {
                    self.n_equal += 1;
                    self.n_frames += n_frames;
                }
                Ok(Verdict::NotComparable(why)) => {
                    *self.refused.entry(essence(&why)).or_default() += 1;
                }
                Ok(Verdict::Undecided(lines)) => {
                    self.undecided.push(seed);
                    show("undecided", seed, &lines);
                }
                Ok(Verdict::Differs(lines)) => {
                    self.different.push(seed);
                    show("DIFFERS", seed, &lines);
                }
                Err(e) => {
                    self.broken.push(seed);
                    show("could not be run", seed, &[e.to_string()]);
                }
            }
        }

        fn print(&self, asked: &Asked) {
            let n_refused: u64 = self.refused.values().sum();
            println!(
                "\n{} labs: {} equal ({} frames), {n_refused} not comparable, {} undecided, {} different, {} could not be run",
                asked.n_labs,
                self.n_equal,
                self.n_frames,
                self.undecided.len(),
                self.different.len(),
                self.broken.len()
            );
            for (why, n) in &self.refused {
                println!("  not comparable {n} times: {why}");
            }
        }
    }

    /// A refusal without what differs from lab to lab: file, place, namespace and numbers.
    fn essence(why: &str) -> String {
        let what = why.rsplit_once("not modelled yet: ").map_or(why, |it| it.1);
        let is_place =
            |it: &&str| matches!(*it, "stimuli.json" | "sockets.json") || it.starts_with('[');
        let words: Vec<&str> = what.split(": ").skip_while(is_place).collect();
        words.join(": ").chars().filter(|it| !it.is_ascii_digit()).collect()
    }

    fn show(what: &str, seed: u64, lines: &[String]) {
        println!("seed {seed} {what}");
        for line in lines.iter().take(MAX_LINES) {
            println!("    {line}");
        }
        if lines.len() > MAX_LINES {
            println!("    … and {} more", lines.len() - MAX_LINES);
        }
    }

    fn shrink(seed: u64, keeps: bool) {
        let dir = if keeps { check::own_labs() } else { target() };
        match random::keep(seed, &dir.join(format!("random-{seed}"))) {
            Ok(it) => {
                let (left, of) = it.n_items;
                println!(
                    "\nseed {seed}, made small: {left} of {of} items, in {}",
                    it.dir.display()
                );
                for line in it.lines.iter().take(MAX_LINES) {
                    println!("    {line}");
                }
            }
            Err(e) => println!("\nseed {seed} could not be made small: {e}"),
        }
    }

    /// Where labs go that nobody asked to keep.
    fn target() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/conform")
    }
}
