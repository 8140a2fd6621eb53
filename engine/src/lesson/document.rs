//! The document of kind Lab: what Kubernetes has no word for.

use super::expect::Expect;
use super::{Act, Action, Door, Protocol, Source, action, around, end, narration};
use crate::base::Nanos;
use crate::kube::control::{self, What};
use crate::kube::{Cluster, Cni, Objects, Settings};
use crate::yaml::{At, Place, Report};

const API_VERSION: &str = "everyhop.dev/v1";
pub(super) const WAIT: &str = "a time of at most 600s, such as 500ms or 2s";
const MAX_WAIT: Nanos = Nanos::from_secs(600);
/// Each is a run of its own.
const MAX_ACTIONS: usize = 100;

/// The document as written; names are looked up when the cluster is known.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) seed: u64,
    pub(super) settings: Settings,
    /// Nothing that changes needs a way out.
    pub(super) no_internet: bool,
    actions: Vec<Written>,
    pub(super) script: narration::Script,
    pub(super) doors: Vec<Door>,
    pub(super) expect: Vec<Expect>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            title: "Untitled lab".into(),
            seed: 1,
            settings: Settings::default(),
            no_internet: false,
            actions: Vec::new(),
            script: narration::Script::default(),
            doors: Vec::new(),
            expect: Vec::new(),
        }
    }
}

/// An action as written.
#[derive(Clone, Debug)]
enum Written {
    Send(Sent),
    /// Objects are changed, and so long is waited then.
    Change(Changed, Option<Nanos>),
}

/// A change as written.
#[derive(Clone, Debug)]
struct Changed {
    change: control::Written,
    /// Objects of the text that are applied here, and are not there before: kind, namespace, name, and whether they were
    /// found.
    held_back: Vec<([String; 3], Place, bool)>,
}

/// Something sent.
#[derive(Clone, Debug)]
struct Sent {
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
const KNOWN: [&str; 12] = [
    "title",
    "seed",
    "cni",
    "controlPlane",
    "loadBalancers",
    "internet",
    "actions",
    "expect",
    "narration",
    "stops",
    "variants",
    "doors",
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
        document.settings.balancing = around::balancing(&at, report);
    }
    if let Some(at) = spec.field("internet") {
        read_internet(&mut document, &at, &spec, report);
    }
    if let Some(at) = spec.section("controlPlane", report) {
        let mut named = document.settings.delays.named();
        at.only(&named.each_ref().map(|(name, _)| *name), report);
        for (name, delay) in &mut named {
            let written = at.field(name).and_then(|it| it.parsed(WAIT, report, read_time));
            **delay = written.unwrap_or(**delay);
        }
    }
    let actions = spec.list("actions", "a list of actions", report);
    if let Some(first_over) = actions.get(MAX_ACTIONS) {
        let message = format!("expected at most {MAX_ACTIONS} actions, found {}", actions.len());
        report.problem(first_over.problem(message));
    }
    document.actions = actions.iter().filter_map(|at| read_action(at, report)).collect();
    for at in spec.list("expect", "a list of expectations", report) {
        document.expect.extend(Expect::read(&at, actions.len(), report));
    }
    document.script = narration::read(&spec, report);
    if spec.field("doors").is_some() {
        let doors = spec.list("doors", "a list of doors", report);
        document.doors = doors.iter().filter_map(|at| read_door(at, report)).collect();
    }
    document
}

/// `none`, or what is on it.
fn read_internet(document: &mut Document, at: &At<'_>, spec: &At<'_>, report: &mut Report) {
    if at.text("", &mut Report::default()) == Some("none") {
        document.no_internet = true;
    } else if let Some(at) = spec.section("internet", report) {
        document.settings.internet.hosts = around::hosts(&at, report);
        document.settings.needs_outside = true;
    }
}

fn read_door(at: &At<'_>, report: &mut Report) -> Option<Door> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["say", "lessons"], report);
    let say = at.required("say", "text", report)?.text("text", report)?.to_owned();
    let lessons = at.list("lessons", "a list of lessons", report);
    let lessons = lessons.iter().filter_map(|it| it.text("a lesson", report));
    Some(Door { say, lessons: lessons.map(str::to_owned).collect() })
}

fn read_action(at: &At<'_>, report: &mut Report) -> Option<Written> {
    if !at.is_map(report) {
        return None;
    }
    let wait = at.field("wait").and_then(|wait| wait.parsed(WAIT, report, read_time));
    for (key, read) in CHANGES {
        if let Some(field) = at.field(key) {
            at.only(&[key, "wait"], report);
            return Some(Written::Change(read(&field, report)?, wait));
        }
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
    Some(Written::Send(Sent {
        place: at.place(),
        from: from?,
        to: to?,
        protocol,
        payload: payload.map(|text| text.as_bytes().to_vec()),
        wait: wait.unwrap_or(Nanos::ZERO),
    }))
}

type ReadChange = fn(&At<'_>, &mut Report) -> Option<Changed>;

/// The actions that change objects.
const CHANGES: [(&str, ReadChange); 4] = [
    ("apply", read_apply),
    ("delete", |at, report| read_named(at, What::Delete, report)),
    ("ready", |at, report| read_named(at, |pod| What::Ready(pod, true), report)),
    ("unready", |at, report| read_named(at, |pod| What::Ready(pod, false), report)),
];

/// An object, the name of one that stands in the text, or a list of such.
fn read_apply(at: &At<'_>, report: &mut Report) -> Option<Changed> {
    const EXPECTED: &str = "an object, or the name of one, as in Service/web";
    let (mut objects, mut held_back) = (Objects::default(), Vec::new());
    let is_list = at.is_empty_list() || !at.items("", &mut Report::default()).is_empty();
    let items = if is_list { at.items(EXPECTED, report) } else { vec![at.clone()] };
    for it in &items {
        if it.is_map(&mut Report::default()) {
            objects.read(it, report);
            continue;
        }
        let name = it.text(EXPECTED, report)?;
        let mut parts: Vec<&str> = name.split('/').collect();
        if parts.len() == 2 {
            parts.insert(1, "default");
        }
        let Ok(parts) = <[&str; 3]>::try_from(parts) else {
            report.problem(it.problem(format!("expected {EXPECTED}, found {name:?}")));
            return None;
        };
        held_back.push((parts.map(str::to_owned), it.place(), false));
    }
    let change = control::Written { place: at.place(), what: What::Apply(Box::new(objects)) };
    Some(Changed { change, held_back })
}

fn read_named(at: &At<'_>, what: impl Fn(String) -> What, report: &mut Report) -> Option<Changed> {
    let name = at.text("an object's name, as in pod/web-1", report)?.to_owned();
    let change = control::Written { place: at.place(), what: what(name) };
    Some(Changed { change, held_back: Vec::new() })
}

/// `500ms`, `2s`, `10us`: a whole number and its unit, at most [`MAX_WAIT`].
pub(super) fn read_time(text: &str) -> Option<Nanos> {
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

impl Document {
    /// What the actions name, as written.
    pub(super) fn ends(&self) -> impl Iterator<Item = &str> {
        let sent = self.actions.iter().filter_map(|it| match it {
            Written::Send(sent) => Some(sent),
            Written::Change(..) => None,
        });
        sent.flat_map(|it| [it.from.0.as_str(), it.to.0.as_str()])
    }

    /// What the actions change, in their order.
    pub(super) fn changes(&self) -> Vec<control::Written> {
        let changes = self.actions.iter().filter_map(|it| match it {
            Written::Change(changed, _) => Some(changed.change.clone()),
            Written::Send(_) => None,
        });
        changes.collect()
    }

    /// Keeps a document for the actions that apply it. False: none does, so it is there from the start.
    pub(super) fn holds_back(&mut self, root: &At<'_>, report: &mut Report) -> bool {
        let ignored = &mut Report::default();
        let mut text = |at: Option<At<'_>>| at?.text("", ignored).map(str::to_owned);
        let metadata = root.field("metadata");
        let namespace = metadata.as_ref().and_then(|it| it.field("namespace"));
        let namespace = text(namespace).unwrap_or_else(|| "default".into());
        let name = text(metadata.as_ref().and_then(|it| it.field("name")));
        let (Some(kind), Some(name)) = (text(root.field("kind")), name) else { return false };
        let own = [kind, namespace, name];
        let mut is_held = false;
        for it in &mut self.actions {
            let Written::Change(changed, _) = it else { continue };
            for (named, _, found) in &mut changed.held_back {
                if *named == own
                    && let What::Apply(objects) = &mut changed.change.what
                {
                    (*found, is_held) = (true, true);
                    objects.read(root, report);
                }
            }
        }
        is_held
    }

    /// Complains of objects to apply that the text does not have.
    pub(super) fn complain_of_missing(&self, report: &mut Report) {
        for it in &self.actions {
            let Written::Change(changed, _) = it else { continue };
            for ([kind, namespace, name], place, _) in changed.held_back.iter().filter(|it| !it.2) {
                let message =
                    format!("there is no document of {kind} {namespace}/{name} in this text");
                report.problem(place.problem(message));
            }
        }
    }

    /// The actions with their names looked up.
    pub(super) fn actions(&self, cluster: &Cluster, report: &mut Report) -> Vec<Act> {
        let (mut actions, mut n_changes) = (Vec::new(), 0);
        for written in &self.actions {
            let written = match written {
                Written::Send(sent) => sent,
                Written::Change(_, wait) => {
                    actions.push(Act::Change { change: n_changes, wait: *wait });
                    n_changes += 1;
                    continue;
                }
            };
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
                    actions.push(Act::Send(Action { payload, wait: written.wait, ..known }));
                }
            }
        }
        actions
    }
}
