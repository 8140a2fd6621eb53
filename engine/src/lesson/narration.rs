//! What a lesson says about the steps of its story: captions bound by pattern, so that text cannot drift from truth.
//!
//! A rule's `when` is a map; every condition in it must hold of a step:
//!
//! | condition | asks for |
//! | --- | --- |
//! | `move` | `originate`, `wire`, `bridge-in`, `bridge-out`, `forward`, `encapsulate` or `decapsulate` |
//! | `from`, `to` | the device that the leading frame leaves or reaches, as `node-1/veth0` |
//! | `leg` | `arp-request`, `arp-reply`, `request`, `reply`, `error` or `control` |
//! | `about` | the IPv4 address that is asked for, answered for or sent to on the link |
//! | `says` | something that happens there: see [`Says`] |
//!
//! Values and captions may hold names in braces that stand for this lab's own, so that a caption stays true when the lab
//! is edited: see [`NAMES`]. The first rule that fits a step tells it; a rule that fits none is a problem.

use std::net::Ipv4Addr;

use super::{Action, Source};
use crate::base::DevId;
use crate::kube::Cluster;
use crate::story::words::{self, Message};
use crate::story::{LegKind, MoveKind, Outcome, Step, Story};
use crate::trace::{Event, FdbAnswer, Learnt, Recorder};
use crate::wire::arp::{Arp, Operation};
use crate::world::World;
use crate::yaml::{At, Place, Problem, Report};

/// The names that may stand in braces, with what they stand for in the lab's first action.
pub const NAMES: [(&str, &str); 11] = [
    ("client", "the sender's network namespace"),
    ("client-ip", "its address"),
    ("client-mac", "the hardware address of its eth0"),
    ("client-node", "the namespace of its node"),
    ("client-veth", "the node's end of its veth pair"),
    ("server", "the destination's network namespace"),
    ("server-ip", "its address"),
    ("server-mac", "the hardware address of its eth0"),
    ("server-node", "the namespace of its node"),
    ("server-veth", "the node's end of its veth pair"),
    ("bridge", "the bridge on the sender's node"),
];

/// Something that happens in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    /// `waits`: the packet waits for a hardware address.
    Waits,
    /// `released`: it waited and goes on.
    Released,
    /// `learns`: a bridge learns a new source address.
    Learns,
    /// `floods`: a bridge sends through every port.
    Floods,
    /// `knows`: a bridge has an entry for the destination.
    Knows,
    /// `delivered`: the leading frame is read.
    Delivered,
    /// `dropped`: the leading frame is gone.
    Dropped,
}

const SAYS: [(&str, Says); 7] = [
    ("waits", Says::Waits),
    ("released", Says::Released),
    ("learns", Says::Learns),
    ("floods", Says::Floods),
    ("knows", Says::Knows),
    ("delivered", Says::Delivered),
    ("dropped", Says::Dropped),
];

const MOVES: [(&str, MoveKind); 7] = [
    ("originate", MoveKind::Originate),
    ("wire", MoveKind::Wire),
    ("bridge-in", MoveKind::BridgeIn),
    ("bridge-out", MoveKind::BridgeOut),
    ("forward", MoveKind::Forward),
    ("encapsulate", MoveKind::Encapsulate),
    ("decapsulate", MoveKind::Decapsulate),
];

const LEGS: [(&str, LegKind); 6] = [
    ("arp-request", LegKind::ArpRequest),
    ("arp-reply", LegKind::ArpReply),
    ("request", LegKind::Request),
    ("reply", LegKind::Reply),
    ("error", LegKind::IcmpError),
    ("control", LegKind::Control),
];

const DEVICE: &str = "a device such as {client}/eth0";

/// A condition on a step.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Condition {
    Move(MoveKind),
    From(String),
    To(String),
    Leg(LegKind),
    About(String),
    Says(Says),
}

/// A caption and when it is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    when: Vec<Condition>,
    title: String,
    text: String,
    /// The step's number in the article's own list of steps.
    article: Option<u8>,
    place: Place,
}

/// What a reader sees beside a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caption {
    pub title: String,
    pub text: String,
    /// The step's number in the article's own list of steps.
    pub article: Option<u8>,
}

/// Reads one rule of `spec.narration`.
pub(super) fn read(at: &At<'_>, report: &mut Report) -> Option<Rule> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["when", "title", "text", "article"], report);
    let mut when = Vec::new();
    if let Some(map) =
        at.required("when", "a map of conditions", report).filter(|map| map.is_map(report))
    {
        map.only(&["move", "from", "to", "leg", "about", "says"], report);
        let mut push = |condition: Option<Condition>| when.extend(condition);
        push(one_of(&map, "move", &MOVES, report).map(Condition::Move));
        push(template(&map, "from", DEVICE, report).map(Condition::From));
        push(template(&map, "to", DEVICE, report).map(Condition::To));
        push(one_of(&map, "leg", &LEGS, report).map(Condition::Leg));
        push(
            template(&map, "about", "an address such as {server-ip}", report).map(Condition::About),
        );
        push(one_of(&map, "says", &SAYS, report).map(Condition::Says));
    }
    at.required("title", "text", report)?;
    at.required("text", "text", report)?;
    let (title, text) =
        (template(at, "title", "text", report), template(at, "text", "text", report));
    let article = at.field("article").and_then(|number| number.number(1..=99, report));
    Some(Rule { when, title: title?, text: text?, article, place: at.place() })
}

fn one_of<T: Copy>(map: &At<'_>, key: &str, names: &[(&str, T)], report: &mut Report) -> Option<T> {
    let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", known.join(", "));
    map.field(key)?.parsed(&expected, report, |text| {
        names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    })
}

/// A text whose names in braces are all known.
fn template(map: &At<'_>, key: &str, expected: &str, report: &mut Report) -> Option<String> {
    let field = map.field(key)?;
    let text = field.text(expected, report)?;
    for name in names_in(text) {
        if !NAMES.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
            let message =
                format!("there is no name {{{name}}}: expected one of {}", known.join(", "));
            report.problem(field.problem(message));
        }
    }
    Some(text.to_owned())
}

fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// A caption for every step, and the rules that fit none.
pub(super) fn bind(
    rules: &[Rule],
    (cluster, action): (&Cluster, Option<&Action>),
    (world, trace, story): (&World, &Recorder, &Story),
) -> (Vec<Caption>, Vec<Problem>) {
    let names = action.map(|action| names(cluster, action, world)).unwrap_or_default();
    let view = View { world, trace, story, names };
    let mut used = vec![false; rules.len()];
    let captions = story.steps.iter().map(|step| {
        let rule = rules.iter().position(|rule| view.fits(rule, step));
        match rule {
            Some(index) => {
                used[index] = true;
                let rule = &rules[index];
                Caption {
                    title: view.fill(&rule.title),
                    text: view.fill(&rule.text),
                    article: rule.article,
                }
            }
            None => Caption { title: step.title.clone(), text: step.text.clone(), article: None },
        }
    });
    let captions = captions.collect();
    let unbound = rules.iter().zip(used).filter(|(_, used)| !used).map(|(rule, _)| {
        let when = rule
            .when
            .iter()
            .map(|condition| view.describe(condition))
            .collect::<Vec<_>>()
            .join(", ");
        rule.place.problem(format!("no step of the story fits this caption: {when}"))
    });
    (captions, unbound.collect())
}

type Names = Vec<(&'static str, String)>;

/// The lab's own names for [`NAMES`]; one that has no meaning in this lab is left out.
fn names(cluster: &Cluster, action: &Action, world: &World) -> Names {
    let mut names = Names::new();
    let client = match (action.from, &cluster.outside) {
        (Source::Pod(pod), _) => &cluster.pods[pod].netns,
        (Source::Node(node), _) => &cluster.nodes[node].netns,
        (Source::Internet, Some(outside)) => &outside.client,
        (Source::Internet, None) => return names,
    };
    let keys = ["client", "client-ip", "client-mac", "client-node", "client-veth"];
    let bridge = end_names(&mut names, keys, client, world);
    names.extend(bridge.map(|bridge| ("bridge", bridge)));
    if let Some(pod) = action.to.pod() {
        let keys = ["server", "server-ip", "server-mac", "server-node", "server-veth"];
        end_names(&mut names, keys, &cluster.pods[pod].netns, world);
    }
    names
}

/// One end's names. Returns that of the bridge it is plugged into.
fn end_names(
    names: &mut Names,
    [netns, ip, mac, node, veth]: [&'static str; 5],
    name: &str,
    world: &World,
) -> Option<String> {
    let ns = world.find_netns(name)?;
    names.push((netns, name.to_owned()));
    let eth0 = world.find_device(ns, "eth0")?;
    let own = world.netns[ns].addrs.iter().find(|addr| addr.dev == eth0);
    names.extend(own.map(|addr| (ip, addr.local.to_string())));
    names.push((mac, world.devices[eth0].mac.to_string()));
    let peer = &world.devices[world.devices[eth0].kind.peer()?];
    names.push((node, world.netns[peer.ns].name.to_string()));
    names.push((veth, peer.name.to_string()));
    peer.port.map(|port| world.devices[port.bridge].name.to_string())
}

struct View<'a> {
    world: &'a World,
    trace: &'a Recorder,
    story: &'a Story,
    names: Names,
}

impl View<'_> {
    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.names {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    fn fits(&self, rule: &Rule, step: &Step) -> bool {
        rule.when.iter().all(|condition| self.holds(condition, step))
    }

    fn holds(&self, condition: &Condition, step: &Step) -> bool {
        let first = step.moves.first();
        let is = |dev: DevId, text: &str| self.world.device_name(dev) == self.fill(text);
        match condition {
            Condition::Move(kind) => first.is_some_and(|it| it.kind == *kind),
            Condition::From(name) => first.is_some_and(|it| is(it.from, name)),
            Condition::To(name) => first.is_some_and(|it| is(it.to, name)),
            Condition::Leg(kind) => self.story.legs[step.leg].kind == *kind,
            Condition::About(ip) => {
                let ip = self.fill(ip);
                self.addresses(step).any(|about| about.to_string() == ip)
            }
            Condition::Says(says) => self.says(*says, step),
        }
    }

    /// Next hops that the step's events name, and the address that an ARP frame is about.
    fn addresses(&self, step: &Step) -> impl Iterator<Item = Ipv4Addr> {
        let arp =
            step.moves.first().and_then(|it| match words::message(self.trace.bytes(it.frame)) {
                Message::Arp(Arp { operation: Operation::Request, target_ip, .. }) => {
                    Some(target_ip)
                }
                Message::Arp(Arp { operation: Operation::Reply, sender_ip, .. }) => Some(sender_ip),
                _ => None,
            });
        let next_hops =
            step.events.iter().filter_map(|&event| match self.trace.entries[event].event {
                Event::NeighWait { next_hop, .. }
                | Event::NeighRelease { next_hop, .. }
                | Event::NeighHit { next_hop, .. } => Some(next_hop),
                _ => None,
            });
        arp.into_iter().chain(next_hops)
    }

    fn says(&self, says: Says, step: &Step) -> bool {
        let mut events = step.events.iter().map(|&event| self.trace.entries[event].event);
        match says {
            Says::Waits => step.outcome == Some(Outcome::Waiting),
            Says::Delivered => step.outcome == Some(Outcome::Delivered),
            Says::Dropped => matches!(step.outcome, Some(Outcome::Dropped(_))),
            Says::Released => events.any(|event| matches!(event, Event::NeighRelease { .. })),
            Says::Learns => {
                events.any(|event| matches!(event, Event::FdbLearn { learnt: Learnt::New, .. }))
            }
            Says::Floods => events.any(|event| {
                matches!(event, Event::FdbLookup { answer: FdbAnswer::Group | FdbAnswer::Miss, .. })
            }),
            Says::Knows => events
                .any(|event| matches!(event, Event::FdbLookup { answer: FdbAnswer::Port(_), .. })),
        }
    }

    fn describe(&self, condition: &Condition) -> String {
        match condition {
            Condition::Move(kind) => format!("move {}", name_of(&MOVES, *kind)),
            Condition::From(name) => format!("from {}", self.fill(name)),
            Condition::To(name) => format!("to {}", self.fill(name)),
            Condition::Leg(kind) => format!("leg {}", name_of(&LEGS, *kind)),
            Condition::About(ip) => format!("about {}", self.fill(ip)),
            Condition::Says(says) => format!("says {}", name_of(&SAYS, *says)),
        }
    }
}

fn name_of<T: PartialEq + Copy>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("?", |(name, _)| name)
}
