//! `conform --clusters`: clusters in each flavour of CNI, compared with the kernel.

use everyhop_tests::problem::Outcome;

#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: &[&str]) -> Outcome<bool> {
    println!("SKIPPED clusters: this is not Linux");
    Ok(true)
}

#[cfg(target_os = "linux")]
pub(crate) use linux::run;

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use everyhop_tests::trial::Verdict;
    use everyhop_tests::{clusters, kernel};

    use super::Outcome;

    /// Clusters at a time. They spend their time waiting.
    const N_WORKERS: usize = 3;
    const MAX_LINES: usize = 12;

    /// Checks all whose name begins with one of `names`, or all; good if none differs.
    pub(crate) fn run(names: &[&str]) -> Outcome<bool> {
        let mut cases = clusters::all()?;
        cases.retain(|it| names.is_empty() || names.iter().any(|name| it.name().starts_with(name)));
        if let Some(why) = kernel::unavailable() {
            println!("SKIPPED {} clusters: {why}", cases.len());
            return Ok(true);
        }
        let next = AtomicUsize::new(0);
        let undecided = Mutex::new(Vec::new());
        let n_good = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..N_WORKERS {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let verdict = case.check();
                        if matches!(verdict, Ok(Verdict::Undecided(_))) {
                            undecided.lock().expect("no one panics with the lock held").push(case);
                        } else if report(&case.name(), verdict) {
                            n_good.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        // Beside others, a timer may pass late.
        for case in undecided.into_inner().expect("no one panics with the lock held") {
            if report(&case.name(), case.check()) {
                n_good.fetch_add(1, Ordering::Relaxed);
            }
        }
        let n_good = n_good.into_inner();
        println!("\n{n_good} of {} clusters good", cases.len());
        Ok(n_good == cases.len())
    }

    fn report(name: &str, verdict: Outcome<Verdict>) -> bool {
        let (said, lines, is_good) = match verdict {
            Ok(Verdict::Equal { n_frames }) => {
                (format!("equal ({n_frames} frames)"), Vec::new(), true)
            }
            Ok(Verdict::NotComparable(why)) => (format!("refused: {why}"), Vec::new(), false),
            Ok(Verdict::Undecided(lines)) => {
                ("the kernel differs from itself".to_owned(), lines, false)
            }
            Ok(Verdict::Differs(lines)) => ("DIFFERS".to_owned(), lines, false),
            Err(e) => (format!("could not be run: {e}"), Vec::new(), false),
        };
        let mut text = format!("{} {name}: {said}", if is_good { "ok  " } else { "FAIL" });
        for line in lines.iter().take(MAX_LINES) {
            text += &format!("\n       {line}");
        }
        if lines.len() > MAX_LINES {
            text += &format!("\n       … and {} more", lines.len() - MAX_LINES);
        }
        println!("{text}");
        is_good
    }
}
