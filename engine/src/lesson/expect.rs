//! What a lab, or a page that shows one, claims of its run, and whether the run keeps it. A claim is a line of words; a lab
//! may also write `{action: 1, verdict: delivered}`.
//!
//! ```text
//! delivered                              how it ends: any verdict
//! reaches pod/api                        that pod read it
//! dropped by NetworkPolicy default/deny  it is lost, and the reason names this
//! sees source 10.244.1.2                 the address from which it came, as the receiver saw it
//! status 404                             of the page that was fetched
//! answers 10.96.0.20                     an address that the name has
//! at node-1/vbr0 in step 7               where a packet is when that step of the lesson ends
//! ```
//!
//! Each may begin with `action 2: `; without, it is about the last action.

use std::net::Ipv4Addr;

use super::{Lab, Run};
use crate::app::resolver::Resolution;
use crate::story::{Outcome, Verdict};
use crate::yaml::{At, Place, Problem, Report};

/// A claim and where it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expect {
    claim: Claim,
    place: Place,
}

/// A claim about a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Index of the action it is about; None: the last.
    action: Option<usize>,
    what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Verdict(Verdict),
    Reaches(String),
    DroppedBy(String),
    SeesSource(Ipv4Addr),
    Status(u16),
    Answers(Ipv4Addr),
    /// A device, and a step of the lesson, counted from 1.
    At(String, usize),
}

const VERDICTS: [Verdict; 7] = [
    Verdict::Delivered,
    Verdict::Dropped,
    Verdict::Rejected,
    Verdict::Refused,
    Verdict::Timeout,
    Verdict::Unmodelled,
    Verdict::Applied,
];

fn verdict(name: &str) -> Option<Verdict> {
    VERDICTS.into_iter().find(|verdict| verdict.name() == name)
}

fn verdict_names() -> String {
    VERDICTS.map(Verdict::name).join(", ")
}

impl Claim {
    /// Reads a line. The error says what was expected.
    #[inline(never)]
    pub fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (action, line) = match line.strip_prefix("action ").and_then(|it| it.split_once(':')) {
            Some((number, rest)) => {
                let number: usize = number.trim().parse().unwrap_or(0);
                let index = number.checked_sub(1);
                (
                    Some(index.ok_or("expected an action's number, from 1, after \"action\"")?),
                    rest.trim(),
                )
            }
            None => (None, line),
        };
        Ok(Self { action, what: What::parse(line)? })
    }

    /// Why a run does not keep it. None: it does.
    pub fn broken(&self, lab: &Lab, run: &Run) -> Option<String> {
        let last = run.results.len().checked_sub(1);
        let index = self.action.or(last).unwrap_or(0);
        let Some(result) = run.results.get(index) else {
            return Some(format!(
                "there is no action {}: the lab has {}",
                index + 1,
                run.results.len()
            ));
        };
        let verdict = result.verdict;
        let ended = || format!("found {}: {}", verdict.name(), result.because);
        let name_of = |pod: usize| lab.pod_name(pod);
        match &self.what {
            What::Verdict(claimed) => (verdict != *claimed)
                .then(|| format!("expected the verdict {}, {}", claimed.name(), ended())),
            What::Reaches(pod) => {
                let read_by =
                    result.served_by.filter(|_| verdict == Verdict::Delivered).map(name_of);
                let reaches = read_by.as_deref().is_some_and(|it| same_pod(it, pod));
                let found = read_by.map_or_else(ended, |it| format!("found that {it} read it"));
                (!reaches).then(|| format!("expected that it reaches {pod}, {found}"))
            }
            What::DroppedBy(words) => {
                let found = lost(run, index);
                let named = found.iter().any(|it| it.contains(words.as_str()));
                let found =
                    if found.is_empty() { ended() } else { format!("found: {}", found.join("; ")) };
                (!named).then(|| format!("expected that it is dropped by {words}, {found}"))
            }
            What::SeesSource(ip) => {
                let seen = result.seen_source;
                let found = seen.map_or_else(ended, |it| format!("found {it}"));
                (seen != Some(*ip))
                    .then(|| format!("expected that the receiver sees {ip}, {found}"))
            }
            What::Status(status) => {
                let found = result.status.map_or_else(ended, |it| format!("found {it}"));
                (result.status != Some(*status))
                    .then(|| format!("expected the status {status}, {found}"))
            }
            What::Answers(ip) => {
                let answers: Vec<Ipv4Addr> =
                    result.resolution.iter().flat_map(Resolution::addresses).collect();
                let found_all =
                    answers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let found = if answers.is_empty() { ended() } else { format!("found {found_all}") };
                (!answers.contains(ip)).then(|| format!("expected the answer {ip}, {found}"))
            }
            What::At(device, number) => not_at(run, device, *number),
        }
    }
}

impl What {
    // Not inlined: the page's first lesson writes no claim in words, and goes without it.
    #[inline(never)]
    fn parse(line: &str) -> Result<Self, String> {
        let after =
            |words: &str| line.strip_prefix(words).map(str::trim).filter(|it| !it.is_empty());
        let ip = |text: &str| {
            text.parse().map_err(|_| format!("expected an IPv4 address, found {text:?}"))
        };
        if let Some(verdict) = verdict(line) {
            return Ok(Self::Verdict(verdict));
        }
        if let Some(pod) = after("reaches ") {
            let named = pod.strip_prefix("pod/").is_some_and(|it| !it.is_empty());
            return if named {
                Ok(Self::Reaches(pod.to_owned()))
            } else {
                Err(format!("expected pod/NAME after \"reaches\", found {pod:?}"))
            };
        }
        if let Some(words) = after("dropped by ") {
            return Ok(Self::DroppedBy(words.to_owned()));
        }
        if let Some(text) = after("sees source ") {
            return ip(text).map(Self::SeesSource);
        }
        if let Some(text) = after("answers ") {
            return ip(text).map(Self::Answers);
        }
        if let Some(text) = after("status ") {
            let status = text.parse().map_err(|_| format!("expected a number, found {text:?}"))?;
            return Ok(Self::Status(status));
        }
        if let Some((device, number)) = after("at ").and_then(|it| it.split_once(" in step ")) {
            let number = number.trim().parse().ok().filter(|&it| it > 0);
            let number = number.ok_or("expected a step's number, from 1, after \"in step\"")?;
            return Ok(Self::At(device.trim().to_owned(), number));
        }
        Err(format!(
            "expected a verdict ({}), \"reaches pod/NAME\", \"dropped by WORDS\", \"sees source IP\", \"status NUMBER\", \
             \"answers IP\" or \"at NETNS/DEVICE in step NUMBER\", found {line:?}",
            verdict_names()
        ))
    }
}

/// Both may leave out the namespace default.
fn same_pod(a: &str, b: &str) -> bool {
    let short = |name: &str| name.replacen("pod/default/", "pod/", 1);
    short(a) == short(b)
}

/// The reasons of an action that was not delivered: its own, and those of each packet that was dropped meanwhile.
fn lost(run: &Run, action: usize) -> Vec<String> {
    let result = &run.results[action];
    if matches!(result.verdict, Verdict::Delivered | Verdict::Applied) {
        return Vec::new();
    }
    let mut found = vec![result.because.clone()];
    let steps = run.story.steps.iter().filter(|step| {
        let within = step.events.first().is_some_and(|event| result.entries.contains(event));
        within && matches!(step.outcome, Some(Outcome::Dropped(_)))
    });
    for because in steps.flat_map(|step| &step.because) {
        let origin = because.origin.as_ref().map(|it| format!(" (because of {it})"));
        found.push(format!("{}{}", because.text, origin.unwrap_or_default()));
    }
    found
}

fn not_at(run: &Run, device: &str, number: usize) -> Option<String> {
    let expected = format!("expected a packet at {device} in step {number}");
    let Some(step) = run.stops.get(number - 1).and_then(|it| run.story.steps.get(it.at)) else {
        return Some(format!("{expected}, found {} steps", run.stops.len()));
    };
    let places: Vec<String> = step.moves.iter().map(|it| run.end.device_name(it.to)).collect();
    if places.iter().any(|it| it == device) {
        return None;
    }
    let found = if places.is_empty() { "none".to_owned() } else { places.join(", ") };
    Some(format!("{expected}, found {found}: {}", step.title))
}

impl Expect {
    /// A claim as an item of `spec.expect`.
    pub(super) fn read(at: &At<'_>, n_actions: usize, report: &mut Report) -> Option<Self> {
        let place = at.place();
        if !at.is_written_as_map() {
            let line = at.text("a claim such as \"delivered\" or \"reaches pod/api\"", report)?;
            let claim = match Claim::parse(line) {
                Ok(claim) => claim,
                Err(expected) => {
                    report.problem(place.problem(expected));
                    return None;
                }
            };
            if claim.action.is_some_and(|index| index >= n_actions) {
                report.problem(place.problem(format!("the lab has {n_actions} actions")));
                return None;
            }
            return Some(Self { claim, place });
        }
        at.only(&["action", "verdict"], report);
        let last = i64::try_from(n_actions).ok()?;
        let action = at
            .required("action", "an action's number, from 1", report)
            .and_then(|number| number.number(1..=last, report));
        let expected = format!("one of {}", verdict_names());
        let named = at.required("verdict", &expected, report)?.parsed(&expected, report, verdict);
        let action = Some(usize::try_from(action?).ok()?.checked_sub(1)?);
        Some(Self { claim: Claim { action, what: What::Verdict(named?) }, place })
    }

    /// What the run does not keep.
    pub(super) fn unmet(&self, lab: &Lab, run: &Run) -> Option<Problem> {
        self.claim.broken(lab, run).map(|why| self.place.problem(why))
    }
}
