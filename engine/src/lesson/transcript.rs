//! A lesson as a text: all that playing it to the end shows and says, stop by stop, for who reads instead of watching.
//!
//! [`Transcript`] is plain data, so that a page can give it headings and lists; [`Transcript::markdown`] is the same as one
//! text. Every number in it is the trace's, or a table's as the stop ends.

use std::fmt::Write;

use super::narration::{Bet, Look, Stop};
use super::{Act, Lab, Run};
use crate::kube::Pod;
use crate::kube::service::ClusterIp;
use crate::story::{Because, Outcome, Step};
use crate::trace::{Event, FrameId};
use crate::wire::dissect::{Layer, dissect};

/// A lesson, told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Transcript {
    pub title: String,
    /// Of a lab with variants, what they are about and the one in force.
    pub variant: Option<String>,
    /// What the stage shows: machines, pods, Services.
    pub there: Vec<String>,
    pub stops: Vec<Told>,
    /// How each action ended.
    pub results: Vec<String>,
}

/// One stop, told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    pub title: String,
    /// The step's number in the article.
    pub article: Option<u8>,
    /// When and where.
    pub place: String,
    /// Asked before the stop.
    pub bet: Option<Bet>,
    /// The hops since the stop before, in a line each.
    pub hops: Vec<String>,
    pub text: String,
    /// Where the article makes it simpler than it is.
    pub aside: Option<String>,
    /// How its way ends or pauses here.
    pub outcome: Option<String>,
    pub fields: Vec<Field>,
    pub reasons: Vec<String>,
    /// What to look at on a real machine, and what that prints.
    pub look: Option<(Look, Vec<String>)>,
    /// The hops after the last stop.
    pub rest: Vec<String>,
}

/// A field of the packet's headers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: &'static str,
    /// What it was one step earlier, if it was something else.
    pub before: Option<String>,
    pub now: String,
}

/// Fields that are always told, by layer and name, with a name that stands alone.
const MAIN: &[(&str, &str, &str)] = &[
    ("Ethernet", "Source", "MAC address from"),
    ("Ethernet", "Destination", "MAC address to"),
    ("ARP", "Sender IP address", "ARP sender"),
    ("ARP", "Target IP address", "ARP target"),
    ("IPv4", "Source", "IP address from"),
    ("IPv4", "Destination", "IP address to"),
    ("IPv4", "Time to live", "TTL"),
    ("UDP", "Source port", "port from"),
    ("UDP", "Destination port", "port to"),
    ("TCP", "Source port", "port from"),
    ("TCP", "Destination port", "port to"),
];

impl Run {
    /// The run told from its first stop to its last. The lab is the one that ran.
    pub fn transcript(&self, lab: &Lab) -> Transcript {
        let last = self.stops.len().saturating_sub(1);
        let stops = self.stops.iter().enumerate().map(|(index, stop)| {
            let mut told = self.told_stop(lab, stop);
            if index == last {
                told.rest = self.hops(stop.at + 1..self.story.steps.len());
            }
            told
        });
        let results = lab.actions.iter().zip(&self.results).map(|(act, result)| {
            format!("{}: {}. {}", lab.act_name(act), result.verdict.name(), result.because)
        });
        let variant = lab.variants.as_ref().map(|it| {
            format!("{}: {}", it.label, it.choices.get(it.chosen).map_or("", |it| &it.title))
        });
        Transcript {
            title: lab.title.clone(),
            variant,
            there: there(lab),
            stops: stops.collect(),
            results: results.collect(),
        }
    }

    fn told_stop(&self, lab: &Lab, stop: &Stop) -> Told {
        let Some(hop) = self.story.steps.get(stop.at) else { return Told::default() };
        let caption = &stop.caption;
        let look = caption.look.as_ref().and_then(|look| {
            let printed = self.look(lab, stop.at, look)?;
            Some((look.clone(), printed))
        });
        Told {
            title: caption.title.clone(),
            article: caption.article,
            place: self.place(hop),
            bet: stop.bet.clone(),
            hops: self.hops(stop.first..stop.at),
            text: caption.text.clone(),
            aside: caption.aside.clone(),
            outcome: hop.outcome.and_then(outcome),
            fields: self.fields(stop.at),
            reasons: hop.because.iter().map(reason).collect(),
            look,
            rest: Vec::new(),
        }
    }

    fn hops(&self, steps: std::ops::Range<usize>) -> Vec<String> {
        let line = |step: &Step| format!("{}: {}", self.place(step), step.title);
        self.story.steps[steps].iter().map(line).collect()
    }

    /// `at 0.066 ms, node-1/veth0 → node-1/vbr0`, or who acts there.
    fn place(&self, step: &Step) -> String {
        let mut place = format!("at {}", step.at);
        if let Some(note) = step.note(&self.trace) {
            for it in [note.by, note.netns.as_str()].into_iter().filter(|it| !it.is_empty()) {
                place.push_str(", ");
                place.push_str(it);
            }
        }
        if let Some(it) = step.moves.first() {
            let (from, to) = (self.end.device_name(it.from), self.end.device_name(it.to));
            place.push_str(", ");
            if from != to {
                place.push_str(&from);
                place.push_str(" → ");
            }
            place.push_str(&to);
        }
        place
    }

    /// The leading packet's main fields as the step ends, and others that changed in it; then what was rewritten and is
    /// not to be seen in them.
    fn fields(&self, index: usize) -> Vec<Field> {
        let steps = &self.story.steps;
        let Some(now) = self.layers(&steps[index]) else { return Vec::new() };
        let before = steps[..index].iter().rev().find(|it| it.leg == steps[index].leg);
        let before = before.and_then(|it| self.layers(it)).unwrap_or_default();
        let value = |layers: &[Layer], layer: &str, name: &str| {
            let layer = layers.iter().find(|it| it.name == layer)?;
            Some(layer.fields.iter().find(|it| it.name == name)?.value.clone())
        };
        let mut fields: Vec<Field> = Vec::new();
        for &(layer, name, title) in MAIN {
            let Some(now) = value(&now, layer, name) else { continue };
            let before = value(&before, layer, name).filter(|it| *it != now);
            fields.push(Field { name: title, before, now });
        }
        for &event in &steps[index].events {
            if let Event::NatRewrote { from, to, quoted: false, .. } =
                self.trace.entries[event].event
            {
                let end = |(ip, port)| format!("{ip}:{port}");
                let (before, now) = (Some(end(from)), end(to));
                fields.push(Field { name: "rewritten", before, now });
            }
        }
        fields
    }

    /// The headers of the leading packet as a step ends: a bridge may have asked the rules after it took the frame.
    fn layers(&self, step: &Step) -> Option<Vec<Layer>> {
        let main = step.moves.first()?;
        let mut seen = step.events.iter().rev().filter_map(|&event| {
            let entry = self.trace.entries[event];
            match entry.event {
                Event::Tap { frame, .. } | Event::NeighWait { frame, .. }
                    if entry.packet == Some(main.packet) =>
                {
                    Some(frame)
                }
                _ => None,
            }
        });
        let frame: FrameId = seen.next().unwrap_or(main.frame);
        Some(dissect(self.trace.bytes(frame)))
    }
}

impl Lab {
    /// What is done, in words: `pod-1 to 10.244.1.3:8080 by udp`, `Service default/web is applied`.
    pub fn act_name(&self, act: &Act) -> String {
        use super::{Destination, Source};
        let action = match act {
            Act::Change { change, .. } => return self.change_name(*change),
            Act::Send(action) => action,
        };
        let from = match action.from {
            Source::Pod(pod) => self.cluster.pods[pod].short_name(),
            Source::Node(node) => self.cluster.nodes[node].name.clone(),
            Source::Internet => "the internet".to_owned(),
        };
        match action.to {
            Destination::Address { .. } => {
                format!("{from} to {} by {}", action.to, action.protocol)
            }
            Destination::Page(_) | Destination::Dns { .. } => format!("{from} to {}", action.to),
        }
    }
}

fn there(lab: &Lab) -> Vec<String> {
    let cluster = &lab.cluster;
    let start = lab.changing.as_ref().map(|it| &it.start);
    let later = |is_there: bool| if is_there { "" } else { ", comes later" };
    let mut all = Vec::new();
    for (index, node) in cluster.nodes.iter().enumerate() {
        all.push(format!("Node {}, {}", node.name, node.address));
        for pod in cluster.pods.iter().filter(|pod| pod.node == index) {
            let first = start.is_none_or(|it| it.find_pod(&pod.namespace, &pod.name).is_some());
            all.push(format!("Pod {} on {}, {}{}", of_pod(pod), node.name, pod.ip, later(first)));
        }
    }
    for service in &cluster.services {
        let same = |it: &crate::kube::service::Service| it.origin() == service.origin();
        let first = start.is_none_or(|it| it.services.iter().any(same));
        let address = match service.cluster_ip {
            ClusterIp::Address(ip) => format!(", {ip}"),
            ClusterIp::Unset | ClusterIp::None | ClusterIp::Ipv6 => String::new(),
        };
        all.push(format!("{}{address}{}", service.origin(), later(first)));
    }
    if let Some(outside) = &cluster.outside {
        for balancer in &outside.load_balancers {
            all.push(format!("Load balancer {}, {}", balancer.netns, balancer.address));
        }
        all.push(format!("Internet gateway, {}", outside.gateway_address));
        all.push(format!("Client on the internet, {}", outside.client_address()));
    }
    all
}

fn of_pod(pod: &Pod) -> String {
    let names: Vec<&str> = pod.containers.iter().map(|it| it.name.as_str()).collect();
    format!("{} ({})", pod.short_name(), names.join(", "))
}

fn outcome(outcome: Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Delivered => "It is read here.".into(),
        Outcome::Waiting => "It waits for the next hop's hardware address.".into(),
        Outcome::Dropped(reason) => format!("It is dropped here: {}.", reason.words()),
        Outcome::LeftModel => "It leaves the model.".into(),
        Outcome::Ignored | Outcome::Held | Outcome::NotSent(_) => return None,
    })
}

fn reason(it: &Because) -> String {
    let origin = it.origin.as_ref().map(|it| format!("; because of {it}")).unwrap_or_default();
    format!("{} ({}{origin})", it.text, it.kernel)
}

impl Transcript {
    /// All of it as Markdown: a heading for each stop.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n\n", self.title);
        if let Some(variant) = &self.variant {
            let _ = writeln!(out, "{variant}\n");
        }
        list(&mut out, "What there is:", &self.there);
        for (index, stop) in self.stops.iter().enumerate() {
            stop.write(&mut out, index + 1);
        }
        out.push_str("## How it ended\n\n");
        list(&mut out, "", &self.results);
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }
}

impl Told {
    fn write(&self, out: &mut String, number: usize) {
        let _ = write!(out, "## {number}. {}\n\n{}", self.title, self.place);
        if let Some(number) = self.article {
            let _ = write!(out, " (step {number} of the article)");
        }
        out.push_str("\n\n");
        if let Some(bet) = &self.bet {
            let _ = writeln!(out, "Bet: {}\n", bet.ask);
            for (index, choice) in bet.choices.iter().enumerate() {
                let mark = if index == bet.right { " — right, says the trace" } else { "" };
                let _ = writeln!(out, "- {choice}{mark}");
            }
            out.push('\n');
        }
        list(out, "On the way here:", &self.hops);
        let _ = writeln!(out, "{}\n", self.text);
        if let Some(aside) = &self.aside {
            let _ = writeln!(out, "> The article: {aside}\n");
        }
        if let Some(outcome) = &self.outcome {
            let _ = writeln!(out, "{outcome}\n");
        }
        let fields: Vec<String> = self.fields.iter().map(Field::words).collect();
        list(out, "The packet:", &fields);
        list(out, "Why here:", &self.reasons);
        if let Some((look, printed)) = &self.look {
            let _ = writeln!(out, "On a real machine:\n\n```\n{} # {}", look.netns, look.command);
            for line in printed {
                let _ = writeln!(out, "{line}");
            }
            out.push_str("```\n\n");
        }
        list(out, "After that:", &self.rest);
    }
}

impl Field {
    /// `IP address to: 10.244.2.2, was 10.96.0.20`.
    pub fn words(&self) -> String {
        match &self.before {
            Some(before) => format!("{}: {}, was {before}", self.name, self.now),
            None => format!("{}: {}", self.name, self.now),
        }
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    if !title.is_empty() {
        let _ = writeln!(out, "{title}\n");
    }
    for line in lines {
        let _ = writeln!(out, "- {line}");
    }
    out.push('\n');
}
