//! The document of kind Lab: what Kubernetes has no word for.

use super::{Action, Expect, Protocol, Source, action, end, narration};
use crate::base::Nanos;
use crate::kube::{Cluster, Cni, Settings};
use crate::story::Verdict;
use crate::yaml::{At, Place, Report};

const API_VERSION: &str = "everyhop.dev/v1";
const VERDICTS: [Verdict; 6] = [
    Verdict::Delivered,
    Verdict::Dropped,
    Verdict::Rejected,
    Verdict::Refused,
    Verdict::Timeout,
    Verdict::Unmodelled,
];
const WAIT: &str = "a time of at most 600s, such as 500ms or 2s";
const MAX_WAIT: Nanos = Nanos::from_secs(600);
/// Each is a run of its own.
const MAX_ACTIONS: usize = 100;

/// The document as written; names are looked up when the cluster is known.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) seed: u64,
    pub(super) settings: Settings,
    actions: Vec<Written>,
    pub(super) script: narration::Script,
    pub(super) expect: Vec<Expect>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            title: "Untitled lab".into(),
            seed: 1,
            settings: Settings::default(),
            actions: Vec::new(),
            script: narration::Script::default(),
            expect: Vec::new(),
        }
    }
}

/// An action as written.
#[derive(Clone, Debug)]
struct Written {
    place: Place,
    from: (String, Place),
    to: (String, Place),
    protocol: Option<Protocol>,
    payload: Option<Vec<u8>>,
    wait: Nanos,
}

/// Whether a document is for this module rather than for Kubernetes.
pub(super) fn is_lab(root: &At<'_>) -> bool {
    let ignored = &mut Report::default();
    root.field("kind").and_then(|kind| kind.text("", ignored)) == Some("Lab")
}

/// The fields of `spec`.
const KNOWN: [&str; 9] = [
    "title",
    "seed",
    "cni",
    "loadBalancers",
    "actions",
    "expect",
    "narration",
    "stops",
    "variants",
];

pub(super) fn read(root: &At<'_>, report: &mut Report) -> Document {
    let mut document = Document::default();
    root.only(&["apiVersion", "kind", "metadata", "spec"], report);
    if let Some(version) = root.required("apiVersion", API_VERSION, report) {
        version.parsed(API_VERSION, report, |text| (text == API_VERSION).then_some(()));
    }
    if let Some(metadata) = root.section("metadata", report)
        && let Some(name) = metadata.field("name")
        && let Some(name) = name.text("the lab's name", report)
    {
        name.clone_into(&mut document.title);
    }
    let Some(spec) = root.section("spec", report) else { return document };
    spec.only(&KNOWN, report);
    if let Some(title) = spec.field("title").and_then(|at| at.text("a title", report)) {
        title.clone_into(&mut document.title);
    }
    if let Some(seed) = spec.field("seed").and_then(|at| at.number(0..=i64::MAX, report)) {
        document.seed = seed.unsigned_abs();
    }
    if let Some(at) = spec.field("cni") {
        let cni = at.parsed("bridge, flannel or calico", report, |text| {
            Cni::ALL.into_iter().find(|it| it.name() == text)
        });
        document.settings.cni = cni.unwrap_or_default();
    }
    if let Some(at) = spec.section("loadBalancers", report) {
        at.only(&["keepClientAddress"], report);
        let keeps = at.field("keepClientAddress").and_then(|it| it.flag(report));
        document.settings.balancers_hide_client = keeps == Some(false);
    }
    let actions = spec.list("actions", "a list of actions", report);
    if let Some(first_over) = actions.get(MAX_ACTIONS) {
        let message = format!("expected at most {MAX_ACTIONS} actions, found {}", actions.len());
        report.problem(first_over.problem(message));
    }
    document.actions = actions.iter().filter_map(|at| read_action(at, report)).collect();
    for at in spec.list("expect", "a list of expectations", report) {
        document.expect.extend(read_expect(&at, actions.len(), report));
    }
    document.script = narration::read(&spec, report);
    document
}

fn read_action(at: &At<'_>, report: &mut Report) -> Option<Written> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["from", "to", "proto", "payload", "wait"], report);
    let mut name = |key: &str, expected: &str| {
        let field = at.required(key, expected, report)?;
        Some((field.text(expected, report)?.to_owned(), field.place()))
    };
    let from = name("from", "a sender such as pod/pod-1");
    let to = name("to", "a destination such as pod/pod-2:8080");
    let protocol = at
        .field("proto")
        .and_then(|proto| proto.parsed("icmp, udp or tcp", report, Protocol::from_name));
    let payload = at.field("payload").and_then(|it| it.text("text to send", report));
    let wait = at.field("wait").and_then(|wait| wait.parsed(WAIT, report, read_time));
    Some(Written {
        place: at.place(),
        from: from?,
        to: to?,
        protocol,
        payload: payload.map(|text| text.as_bytes().to_vec()),
        wait: wait.unwrap_or(Nanos::ZERO),
    })
}

/// `500ms`, `2s`, `10us`: a whole number and its unit, at most [`MAX_WAIT`].
fn read_time(text: &str) -> Option<Nanos> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_ns: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => return None,
    };
    let span = Nanos(number.parse::<u64>().ok()?.checked_mul(unit_ns)?);
    (span <= MAX_WAIT).then_some(span)
}

fn read_expect(at: &At<'_>, n_actions: usize, report: &mut Report) -> Option<Expect> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["action", "verdict"], report);
    let last = i64::try_from(n_actions).ok()?;
    let action = at
        .required("action", "an action's number, from 1", report)
        .and_then(|number| number.number(1..=last, report));
    let names = VERDICTS.map(Verdict::name).join(", ");
    let expected = format!("one of {names}");
    let verdict = at.required("verdict", &expected, report)?.parsed(&expected, report, |text| {
        VERDICTS.into_iter().find(|verdict| verdict.name() == text)
    });
    let action = usize::try_from(action?).ok()?.checked_sub(1)?;
    Some(Expect { action, verdict: verdict?, place: at.place() })
}

impl Document {
    /// What the actions name, as written.
    pub(super) fn ends(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().flat_map(|it| [it.from.0.as_str(), it.to.0.as_str()])
    }

    /// The actions with their names looked up.
    pub(super) fn actions(&self, cluster: &Cluster, report: &mut Report) -> Vec<Action> {
        let mut actions = Vec::new();
        for written in &self.actions {
            let from = end::source(&written.from.0, cluster);
            let sender = *from.as_ref().unwrap_or(&Source::Internet);
            let to = end::destination(&written.to.0, sender, cluster);
            for (end, place) in
                [(from.as_ref().err(), &written.from.1), (to.as_ref().err(), &written.to.1)]
            {
                if let Some(refused) = end {
                    report.problem(place.problem(refused.to_string()));
                }
            }
            let (Ok(from), Ok(to)) = (from, to) else { continue };
            match action(from, to, written.protocol, cluster) {
                Err(refused) => report.problem(written.place.problem(refused.to_string())),
                Ok(known) => {
                    let payload = written.payload.clone().unwrap_or(known.payload);
                    actions.push(Action { payload, wait: written.wait, ..known });
                }
            }
        }
        actions
    }
}
