//! Compares the engine with the Linux kernel, lab by lab, and records what the kernel does.
//!
//! ```text
//! conform                     compare every lab and every cluster
//! conform LAB...              replay the named labs, compare with their recordings and, where this machine can build them, with
//!                             the kernel afresh
//! conform --record [LAB...]   record the snapshots and captures of our own labs anew, each twice
//! conform --show LAB...       print recordings in words
//! conform --random N [--seed S] [--keep | --whole]
//!                             make N labs from the seeds S, S+1, ..., and compare; those that differ are made small, which
//!                             --whole leaves out, and with --keep recorded among our own
//! conform --clusters [NAME...]
//!                             compare clusters in each flavour of CNI, or those whose name begins so
//! conform --fidelity          write docs/fidelity.md anew
//! ```
//!
//! Exit 0: all equal. 1: a difference, or a lab that could not be run. 2: bad usage.

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

mod clusters;
mod random;

use everyhop_tests::check::{self, Expected, Verdict};
use everyhop_tests::fidelity;
use everyhop_tests::frame::{self, Connections, Known};
use everyhop_tests::lab::{self, Lab, Recording};
use everyhop_tests::problem::{Outcome, Problem};

const USAGE: &str = "usage: conform [--record | --show] [LAB...] | conform --clusters [NAME...] | conform --random N [--seed S] [--keep | --whole]";
/// Labs at a time. They spend their time waiting for the kernel's timers.
const N_WORKERS: usize = 6;
/// Labs that differed beside others are tried alone this often.
const N_LOOKS_AGAIN: usize = 4;
/// More than these are no accident of a busy machine.
const MAX_ALONE: usize = 12;
/// Lines shown of one lab.
const MAX_LINES: usize = 12;

struct Job {
    lab: Lab,
    expected: Expected,
    is_ours: bool,
}

/// What a job has to say, and whether all was well.
struct Report {
    text: String,
    is_good: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--inside", dir, out, quiet_ms] => inside(dir, out, quiet_ms).map(|()| true),
        ["--record", names @ ..] if are_names(names) => jobs(names).and_then(record_all),
        ["--show", names @ ..] if are_names(names) => jobs(names).and_then(|it| show_all(&it)),
        ["--clusters", names @ ..] if are_names(names) => clusters::run(names),
        ["--fidelity"] => write_fidelity(),
        ["--random", rest @ ..] => match random::parse(rest) {
            Some(it) => random::run(&it),
            None => return usage(),
        },
        [] => jobs(&[]).and_then(|it| Ok(compare_all(&it) & clusters::run(&[])?)),
        names if are_names(names) => jobs(names).map(|it| compare_all(&it)),
        _ => return usage(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("conform: {e}");
            ExitCode::from(2)
        }
    }
}

fn write_fidelity() -> Outcome<bool> {
    let path = fidelity::path();
    std::fs::write(&path, fidelity::page()?).map_err(Problem::in_file(&path))?;
    Ok(true)
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn are_names(words: &[&str]) -> bool {
    words.iter().all(|it| !it.starts_with('-'))
}

/// The labs named, or all.
fn jobs(names: &[&str]) -> Outcome<Vec<Job>> {
    let ours = lab::all_in(&check::own_labs())?;
    let mut all: Vec<Job> =
        ours.into_iter().map(|lab| Job { lab, expected: Expected::Equal, is_ours: true }).collect();
    match check::labs_beside() {
        Some(dir) => all.extend(lab::all_in(&dir)?.into_iter().map(|lab| Job {
            expected: check::expected_beside(&lab),
            lab,
            is_ours: false,
        })),
        None => eprintln!("conform: no labs beside the checkout; comparing our own only"),
    }
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|job| job.lab.name != **name)) {
        return Err(Problem::new(format!("no lab is called {unknown}")));
    }
    all.retain(|job| names.is_empty() || names.contains(&job.lab.name.as_str()));
    Ok(all)
}

fn compare_all(jobs: &[Job]) -> bool {
    let skipped = unavailable();
    let mut reports = in_parallel(jobs, |job| compare(job, skipped.is_none()));
    let n_bad = reports.iter().filter(|it| !it.is_good).count();
    if skipped.is_none() && n_bad <= MAX_ALONE {
        for (job, report) in jobs.iter().zip(&mut reports) {
            look_again(job, report);
        }
    }
    let n_bad = summary(jobs, &reports);
    if let Some(why) = &skipped {
        println!(
            "\nSKIPPED: building the labs in the kernel afresh, since {why}. Only the recordings were compared."
        );
    }
    n_bad == 0
}

fn record_all(mut jobs: Vec<Job>) -> Outcome<bool> {
    if let Some(why) = unavailable() {
        return Err(Problem::at("cannot record", why));
    }
    jobs.retain(|job| job.is_ours);
    let reports = in_parallel(&jobs, |job| match record(&job.lab) {
        Ok(n_frames) => Report { text: format!("recorded, {n_frames} frames"), is_good: true },
        Err(e) => Report { text: e.to_string(), is_good: false },
    });
    Ok(summary(&jobs, &reports) == 0)
}

fn show_all(jobs: &[Job]) -> Outcome<bool> {
    for job in jobs {
        println!("{}: {}", job.lab.name, job.lab.title);
        let captures = job.lab.recording()?.captures;
        let connections = Connections::of(captures.iter().map(|it| it.frame.as_slice()));
        let known = Known { ids: None, connections: Some(&connections) };
        for it in &captures {
            let line = frame::describe(&frame::decode(&it.frame, known));
            println!(
                "  {:20} {:3}  {line}",
                format!("{}/{}", it.netns, it.dev),
                it.dir.to_string()
            );
        }
    }
    Ok(true)
}

fn summary(jobs: &[Job], reports: &[Report]) -> usize {
    let n_bad = reports.iter().filter(|it| !it.is_good).count();
    for (job, report) in jobs.iter().zip(reports) {
        println!(
            "{} {}: {}",
            if report.is_good { "ok  " } else { "FAIL" },
            job.lab.name,
            report.text
        );
    }
    println!("\n{} of {} labs good", jobs.len() - n_bad, jobs.len());
    n_bad
}

fn compare(job: &Job, can_record: bool) -> Report {
    let lab = &job.lab;
    let recorded = lab.recording();
    let mut report = Report { text: String::new(), is_good: true };
    match &recorded {
        Ok(recording) => report.add("recording", Ok(check::engine(lab, recording, job.expected))),
        Err(e) => report.add("recording", Err(e.clone())),
    }
    // What the engine must refuse tells nothing more when it is built afresh.
    if can_record && job.expected == Expected::Equal {
        match fresh(lab, "fresh") {
            Ok(now) => {
                if let Ok(before) = &recorded {
                    report.add(
                        "the kernel afresh against the recording",
                        Ok(check::kernel(lab, before, &now)),
                    );
                }
                report.add("afresh", Ok(check::engine(lab, &now, job.expected)));
            }
            Err(e) => report.add("afresh", Err(e)),
        }
    }
    report
}

/// Compares once more what differed, with nothing beside it: a kernel that shares its processors with five other labs may let a
/// timer pass late. What differs then, too, counts; what does not is told all the same.
fn look_again(job: &Job, report: &mut Report) {
    for _ in 0..N_LOOKS_AGAIN {
        if report.is_good {
            return;
        }
        let alone = compare(job, true);
        report.text = format!("{}\n     alone: {}", report.text, alone.text);
        report.is_good = alone.is_good;
    }
}

impl Report {
    /// One check more: in the same line while all is well, else with its complaints below.
    fn add(&mut self, what: &str, verdict: Outcome<Verdict>) {
        let said = match &verdict {
            Ok(Verdict::Equal { n_streams, n_frames }) => {
                format!("{what} equal ({n_streams} streams, {n_frames} frames)")
            }
            Ok(Verdict::KnownGap(why)) => format!("{what} differs, as is known ({why})"),
            Ok(Verdict::Refused(why)) => format!("refused, as it should be ({why})"),
            Ok(Verdict::Differs(_)) | Err(_) => format!("{what} DIFFERS"),
        };
        let lines = check::complaints(verdict);
        let separator = match (self.text.is_empty(), self.is_good) {
            (true, _) => "",
            (false, true) => "; ",
            (false, false) => "\n     ",
        };
        self.text.push_str(separator);
        self.text.push_str(&said);
        self.is_good &= lines.is_empty();
        for line in lines.iter().take(MAX_LINES) {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "\n       {line}");
        }
        if lines.len() > MAX_LINES {
            let _ = write!(self.text, "\n       … and {} more", lines.len() - MAX_LINES);
        }
    }
}

/// Records twice, and keeps the recording if the kernel agrees with itself.
fn record(lab: &Lab) -> Outcome<usize> {
    let first = fresh(lab, "first")?;
    let second = fresh(lab, "second")?;
    match check::kernel(lab, &first, &second) {
        Verdict::Differs(lines) => Err(Problem::at(
            "two recordings disagree",
            format!("\n       {}", lines.join("\n       ")),
        )),
        Verdict::Equal { .. } | Verdict::Refused(_) | Verdict::KnownGap(_) => {
            first.save(&lab.dir)?;
            Ok(first.captures.len())
        }
    }
}

fn in_parallel(jobs: &[Job], work: impl Fn(&Job) -> Report + Sync) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Report>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..N_WORKERS.min(jobs.len()) {
            scope.spawn(|| {
                while let Some((job, slot)) = {
                    let idx = next.fetch_add(1, Ordering::Relaxed);
                    jobs.get(idx).zip(done.get(idx))
                } {
                    let report = work(job);
                    *slot.lock().expect("no one panics with the lock held") = Some(report);
                }
            });
        }
    });
    let taken =
        done.into_iter().map(|it| it.into_inner().expect("no one panics with the lock held"));
    taken.map(|it| it.expect("every job was done")).collect()
}

#[cfg(target_os = "linux")]
use everyhop_tests::kernel::{self, Pace};

#[cfg(target_os = "linux")]
fn unavailable() -> Option<String> {
    kernel::unavailable()
}

#[cfg(target_os = "linux")]
fn inside(dir: &str, out: &str, quiet_ms: &str) -> Outcome<()> {
    let pace = Pace::from_millis(quiet_ms)
        .ok_or_else(|| Problem::at(quiet_ms, "expected a number of milliseconds"))?;
    kernel::record_inside(&PathBuf::from(dir), &PathBuf::from(out), pace)
}

#[cfg(target_os = "linux")]
fn fresh(lab: &Lab, what: &str) -> Outcome<Recording> {
    let scratch = env::temp_dir().join(format!("everyhop-conform-{}", std::process::id()));
    let recording = kernel::record(lab, &scratch.join(format!("{}-{what}", lab.name)), Pace::CALM);
    // The last one to leave removes the directory; before, it is not empty.
    let _ = std::fs::remove_dir(&scratch);
    recording
}

#[cfg(not(target_os = "linux"))]
fn unavailable() -> Option<String> {
    Some("this is not Linux".to_owned())
}

#[cfg(not(target_os = "linux"))]
fn inside(dir: &str, _out: &str, _quiet_ms: &str) -> Outcome<()> {
    Err(Problem::at(PathBuf::from(dir).display(), "only Linux can record"))
}

#[cfg(not(target_os = "linux"))]
fn fresh(lab: &Lab, _what: &str) -> Outcome<Recording> {
    Err(Problem::at(&lab.name, "only Linux can record"))
}
