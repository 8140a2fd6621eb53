//! Patterns: what a step must be for something to be said of it, so that text cannot drift from truth.
//!
//! A pattern is a map; every condition in it must hold of a step:
//!
//! | condition | asks for |
//! | --- | --- |
//! | `move` | `originate`, `wire`, `bridge-in`, `bridge-out`, `forward`, `encapsulate` or `decapsulate` |
//! | `from`, `to` | the device that the leading frame leaves or reaches, as `node-1/veth0` |
//! | `in` | the network namespace that it is in then, or that a component acts in |
//! | `by` | the component that acts: `kube-proxy` |
//! | `leg` | `arp-request`, `arp-reply`, `request`, `reply`, `error` or `control` |
//! | `about` | the IPv4 address that is asked for, answered for or sent to on the link |
//! | `sends` | what kind of message it is: see [`Sends`] |
//! | `src`, `dst` | its IPv4 address, with or without `:PORT`; of a tunnel's datagram, that of the datagram |
//! | `asks` | a domain name and a type that its DNS message is about: `web.default.svc.cluster.local A` |
//! | `holds` | text that stands in it, such as `GET /cart`, or in what a component does |
//! | `rule` | text of a rule of iptables that matches there, as `iptables-save` prints it |
//! | `says` | something that happens there: see [`Says`] |
//!
//! Values may hold names in braces: see [`NAMES`](super::narration::NAMES).

use std::net::Ipv4Addr;

use super::names::{self, Names, template};
use crate::base::{DevId, Side, Table};
use crate::skb::CtInfo;
use crate::story::words::{self, Message};
use crate::story::{LegKind, Move, MoveKind, Outcome, Step, Story};
use crate::trace::{Event, FdbAnswer, Heard, Learnt, Note, Recorder, RuleRef, TcpState};
use crate::wire::arp::{Arp, Operation};
use crate::wire::dns::{Name, Type};
use crate::wire::icmp::Message as Icmp;
use crate::wire::tcp::Flags;
use crate::world::World;
use crate::yaml::{At, Report};

/// Something that happens in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Says {
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
    /// `dnat`: the nat table gives a connection another destination.
    Dnat,
    /// `snat`: the nat table gives a connection another source.
    Snat,
    /// `rewritten`: addresses are rewritten, as a rule or an earlier packet of the connection has it.
    Rewritten,
    /// `untranslated`: the packet goes through this namespace, and no address of it is rewritten.
    Untranslated,
    /// `new-connection`: connection tracking sees a connection's first packet.
    NewConnection,
    /// `known-connection`: connection tracking knows the packet's connection.
    KnownConnection,
    /// `no-nat-rule`: the packet's connection is known, or it is rewritten, and no rule of the nat table matches.
    NoNatRule,
    /// `accepts`: something listens there, and answers.
    Accepts,
    /// `connected`: for one side the handshake is done.
    Connected,
    /// `refused`: a program hears that nobody listens.
    Refused,
    /// `reads`: a program reads data.
    Reads,
}

const SAYS: [(&str, Says); 18] = [
    ("waits", Says::Waits),
    ("released", Says::Released),
    ("learns", Says::Learns),
    ("floods", Says::Floods),
    ("knows", Says::Knows),
    ("delivered", Says::Delivered),
    ("dropped", Says::Dropped),
    ("dnat", Says::Dnat),
    ("snat", Says::Snat),
    ("rewritten", Says::Rewritten),
    ("untranslated", Says::Untranslated),
    ("new-connection", Says::NewConnection),
    ("known-connection", Says::KnownConnection),
    ("no-nat-rule", Says::NoNatRule),
    ("accepts", Says::Accepts),
    ("connected", Says::Connected),
    ("refused", Says::Refused),
    ("reads", Says::Reads),
];

/// A kind of message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sends {
    /// `arp`
    Arp,
    /// `udp`: a datagram of any kind.
    Udp,
    /// `dns`: a datagram from or to port 53.
    Dns,
    /// `vxlan`: a datagram to port 4789 or 8472.
    Vxlan,
    /// `syn`: the first of a connection.
    Syn,
    /// `syn-ack`: the answer to it.
    SynAck,
    /// `data`: a segment with bytes.
    Data,
    /// `fin`: a segment that ends one direction.
    Fin,
    /// `rst`: one that refuses or breaks a connection.
    Rst,
    /// `echo`: an echo request or reply.
    Echo,
}

const SENDS: [(&str, Sends); 10] = [
    ("arp", Sends::Arp),
    ("udp", Sends::Udp),
    ("dns", Sends::Dns),
    ("vxlan", Sends::Vxlan),
    ("syn", Sends::Syn),
    ("syn-ack", Sends::SynAck),
    ("data", Sends::Data),
    ("fin", Sends::Fin),
    ("rst", Sends::Rst),
    ("echo", Sends::Echo),
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

const DNS_PORT: u16 = 53;
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// Conditions whose value is text with names in braces: what each is called, and an example.
const TEXTS: [(&str, &str); 10] = [
    ("from", "a device such as {client}/eth0"),
    ("to", "a device such as {client}/eth0"),
    ("in", "a network namespace such as {client-node}"),
    ("by", "a component such as kube-proxy"),
    ("about", "an address such as {server-ip}"),
    ("src", "an address such as {client-ip}"),
    ("dst", "an address such as {server-ip}:8080"),
    ("asks", "a name and a type such as web A"),
    ("holds", "text of a packet"),
    ("rule", "text of a rule"),
];

/// A condition on a step.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Condition {
    Move(MoveKind),
    Leg(LegKind),
    Sends(Sends),
    Says(Says),
    /// One of [`TEXTS`].
    Text(&'static str, String),
}

/// What must hold of a step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Pattern(Vec<Condition>);

/// Reads a map of conditions.
pub(super) fn read(map: &At<'_>, report: &mut Report) -> Pattern {
    let mut pattern = Pattern::default();
    if !map.is_map(report) {
        return pattern;
    }
    let mut known = vec!["move", "leg", "sends", "says"];
    known.extend(TEXTS.map(|(key, _)| key));
    map.only(&known, report);
    let mut push = |condition: Option<Condition>| pattern.0.extend(condition);
    push(one_of(map, "move", &MOVES, report).map(Condition::Move));
    push(one_of(map, "leg", &LEGS, report).map(Condition::Leg));
    push(one_of(map, "sends", &SENDS, report).map(Condition::Sends));
    push(one_of(map, "says", &SAYS, report).map(Condition::Says));
    for (key, expected) in TEXTS {
        push(template(map, key, expected, report).map(|text| Condition::Text(key, text)));
    }
    pattern
}

fn one_of<T: Copy>(map: &At<'_>, key: &str, names: &[(&str, T)], report: &mut Report) -> Option<T> {
    let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", known.join(", "));
    map.field(key)?.parsed(&expected, report, |text| {
        names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    })
}

/// A story, and what names in braces stand for in it.
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    pub(super) trace: &'a Recorder,
    pub(super) story: &'a Story,
    pub(super) names: Names,
}

impl View<'_> {
    /// A text's names filled in, with those of a step.
    pub(super) fn fill(&self, text: &str, step: Option<&Step>) -> String {
        let filled = names::fill(&self.names, text);
        let ends = step.and_then(|step| step.moves.first()).and_then(|it| self.ends(*it));
        match ends.filter(|_| filled.contains("{here-")) {
            Some((src, dst)) => {
                filled.replace("{here-src}", &address(src)).replace("{here-dst}", &address(dst))
            }
            None => filled,
        }
    }

    /// Whether the pattern holds of the step.
    pub(super) fn fits(&self, pattern: &Pattern, step: &Step) -> bool {
        pattern.0.iter().all(|condition| self.holds(condition, step))
    }

    fn holds(&self, condition: &Condition, step: &Step) -> bool {
        let first = step.moves.first();
        match condition {
            Condition::Move(kind) => first.is_some_and(|it| it.kind == *kind),
            Condition::Leg(kind) => self.story.legs[step.leg].kind == *kind,
            Condition::Says(says) => self.says(*says, step),
            Condition::Sends(sends) => first.is_some_and(|it| self.sends(*sends, *it)),
            Condition::Text("rule", text) => {
                let text = names::fill(&self.names, text);
                self.rules(step).any(|(ns, rule)| self.rule_text(ns, rule).contains(&text))
            }
            Condition::Text("about", ip) => {
                let ip = names::fill(&self.names, ip);
                self.addresses(step).any(|about| about.to_string() == ip)
            }
            Condition::Text(key, text) => {
                let text = names::fill(&self.names, text);
                if let Some(note) = step.note(self.trace) {
                    return noted(key, &text, note);
                }
                first.is_some_and(|it| self.is(key, &text, *it))
            }
        }
    }

    /// Whether a moving frame is what a condition of [`TEXTS`] says.
    fn is(&self, key: &str, text: &str, it: Move) -> bool {
        let is_device = |dev: DevId| self.world.device_name(dev) == text;
        let is_end =
            |(ip, port): (Ipv4Addr, u16)| ip.to_string() == text || format!("{ip}:{port}") == text;
        match key {
            "from" => is_device(it.from),
            "to" => is_device(it.to),
            "in" => *self.world.netns[self.world.devices[it.to].ns].name == *text,
            "src" => self.ends(it).is_some_and(|(src, _)| is_end(src)),
            "dst" => self.ends(it).is_some_and(|(_, dst)| is_end(dst)),
            "by" => false,
            "asks" => question(text).is_some_and(|question| self.has(it, &question)),
            _ => self.has(it, text.as_bytes()),
        }
    }

    fn has(&self, it: Move, bytes: &[u8]) -> bool {
        self.trace.bytes(it.frame).windows(bytes.len().max(1)).any(|window| window == bytes)
    }

    fn ends(&self, it: Move) -> Option<((Ipv4Addr, u16), (Ipv4Addr, u16))> {
        match words::message(self.trace.bytes(it.frame)) {
            Message::Udp { src, dst, .. } | Message::Tcp { src, dst, .. } => Some((src, dst)),
            Message::Icmp { src, dst, .. }
            | Message::Fragment { src, dst, .. }
            | Message::OtherIp { src, dst, .. } => Some(((src, 0), (dst, 0))),
            Message::Arp(_) | Message::Other(_) | Message::Unreadable => None,
        }
    }

    fn sends(&self, sends: Sends, it: Move) -> bool {
        match (sends, words::message(self.trace.bytes(it.frame))) {
            (Sends::Arp, Message::Arp(_)) | (Sends::Udp, Message::Udp { .. }) => true,
            (Sends::Dns, Message::Udp { src, dst, .. }) => src.1 == DNS_PORT || dst.1 == DNS_PORT,
            (Sends::Vxlan, Message::Udp { dst, .. }) => VXLAN_PORTS.contains(&dst.1),
            (Sends::Echo, Message::Icmp { message, .. }) => {
                matches!(message, Icmp::EchoRequest { .. } | Icmp::EchoReply { .. })
            }
            (_, Message::Tcp { flags, payload_len, .. }) => {
                let syn = flags.has(Flags::SYN);
                match sends {
                    Sends::Syn => syn && !flags.has(Flags::ACK),
                    Sends::SynAck => syn && flags.has(Flags::ACK),
                    Sends::Data => payload_len > 0,
                    Sends::Fin => flags.has(Flags::FIN),
                    Sends::Rst => flags.has(Flags::RST),
                    _ => false,
                }
            }
            _ => false,
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
        let next_hops = self.events(step).filter_map(|event| match event {
            Event::NeighWait { next_hop, .. }
            | Event::NeighRelease { next_hop, .. }
            | Event::NeighHit { next_hop, .. } => Some(next_hop),
            _ => None,
        });
        arp.into_iter().chain(next_hops)
    }

    fn events(&self, step: &Step) -> impl Iterator<Item = Event> {
        step.events.iter().map(|&event| self.trace.entries[event].event)
    }

    fn rules(&self, step: &Step) -> impl Iterator<Item = (crate::base::NsId, RuleRef)> {
        self.events(step).filter_map(|event| match event {
            Event::RuleMatched { ns, rule } => Some((ns, rule)),
            _ => None,
        })
    }

    /// As `iptables-save` prints it.
    fn rule_text(&self, ns: crate::base::NsId, rule: RuleRef) -> String {
        let Some(netfilter) = &self.world.netns[ns].netfilter else { return String::new() };
        let chain = netfilter.tables.chain_name(rule.table, rule.chain);
        format!("-A {chain}{}", netfilter.tables.rule_text(rule))
    }

    fn says(&self, says: Says, step: &Step) -> bool {
        let mut events = self.events(step);
        let known = |event| matches!(event, Event::CtFound { info, .. } if info != CtInfo::New);
        let rewritten = |event| matches!(event, Event::NatRewrote { .. });
        let bound = |event, of| matches!(event, Event::NatBound { side, .. } if side == of);
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
            Says::Dnat => events.any(|event| bound(event, Side::Destination)),
            Says::Snat => events.any(|event| bound(event, Side::Source)),
            Says::Rewritten => events.any(rewritten),
            Says::Untranslated => {
                step.moves.first().is_some_and(|it| it.kind == MoveKind::Forward)
                    && !events.any(rewritten)
            }
            Says::NewConnection => events.any(|event| matches!(event, Event::CtMade { .. })),
            Says::KnownConnection => events.any(known),
            Says::NoNatRule => {
                events.any(|event| known(event) || rewritten(event))
                    && self.rules(step).all(|(_, rule)| rule.table != Table::Nat)
            }
            Says::Accepts => {
                events.any(|event| matches!(event, Event::TcpState { to: TcpState::SynRecv, .. }))
            }
            Says::Connected => events
                .any(|event| matches!(event, Event::TcpState { to: TcpState::Established, .. })),
            Says::Refused => events
                .any(|event| matches!(event, Event::SocketReceive { heard: Heard::Reset, .. })),
            Says::Reads => events.any(|event| {
                matches!(event, Event::SocketReceive { heard: Heard::Data | Heard::Bytes(_), .. })
            }),
        }
    }

    /// The pattern in words, for a problem.
    pub(super) fn describe(&self, pattern: &Pattern) -> String {
        let condition = |it: &Condition| match it {
            Condition::Move(kind) => format!("move {}", name_of(&MOVES, *kind)),
            Condition::Leg(kind) => format!("leg {}", name_of(&LEGS, *kind)),
            Condition::Sends(sends) => format!("sends {}", name_of(&SENDS, *sends)),
            Condition::Says(says) => format!("says {}", name_of(&SAYS, *says)),
            Condition::Text(key, text) => format!("{key} {}", names::fill(&self.names, text)),
        };
        pattern.0.iter().map(condition).collect::<Vec<_>>().join(", ")
    }
}

/// Whether what a component did is what a condition of [`TEXTS`] says.
fn noted(key: &str, text: &str, note: &Note) -> bool {
    match key {
        "by" => note.by == text,
        "in" => note.netns == text,
        "holds" => {
            note.title.contains(text) || note.details.iter().any(|(it, _)| it.contains(text))
        }
        _ => false,
    }
}

fn address((ip, port): (Ipv4Addr, u16)) -> String {
    if port == 0 { ip.to_string() } else { format!("{ip}:{port}") }
}

/// The bytes of a question (RFC 1035 section 4.1.2): the name's labels with their lengths, and the type.
fn question(text: &str) -> Option<Vec<u8>> {
    let (name, kind) = text.split_once(' ')?;
    let mut bytes = Vec::new();
    for label in Name::new(name)?.as_str().split('.') {
        bytes.push(u8::try_from(label.len()).ok()?);
        bytes.extend(label.as_bytes());
    }
    bytes.extend(Type::named(kind)?.to_u16().to_be_bytes());
    Some(bytes)
}

fn name_of<T: PartialEq + Copy>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or("?", |(name, _)| name)
}
