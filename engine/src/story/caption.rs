//! Titles and texts of steps and legs.

use super::words::{Message, Names, a, message};
use super::{Leg, LegKind, Move, MoveKind, Outcome, Step};
use crate::trace::{Birth, Event, FdbAnswer, Heard, Recorder, Role, TcpState};
use crate::wire::{eth, icmp};
use crate::world::World;

/// Fills in a leg's kind, label and tag from its packet's birth and first frame.
pub(super) fn label_leg(_: &World, trace: &Recorder, leg: &mut Leg) {
    let Some(packet) = leg.packet else {
        (leg.kind, leg.label) = (LegKind::Control, "control plane".into());
        return;
    };
    let of_packet = || trace.entries.iter().filter(|e| e.packet == Some(packet));
    let birth = of_packet().find_map(|e| match e.event {
        Event::Born { birth, .. } => Some(birth),
        _ => None,
    });
    leg.kind = match birth {
        Some(Birth::ArpRequest) => LegKind::ArpRequest,
        Some(Birth::ArpReply) => LegKind::ArpReply,
        Some(Birth::EchoReply | Birth::Answer | Birth::Reset) => LegKind::Reply,
        Some(Birth::Tcp { by: Role::Server, .. }) => LegKind::Reply,
        Some(Birth::IcmpError(_)) => LegKind::IcmpError,
        Some(
            Birth::Sent
            | Birth::Injected
            | Birth::Clone
            | Birth::Fragment
            | Birth::Tcp { by: Role::Client, .. },
        )
        | None => LegKind::Request,
    };
    let frame = of_packet().find_map(|e| match e.event {
        Event::Tap { frame, .. } | Event::NeighWait { frame, .. } => Some(frame),
        _ => None,
    });
    let Some(frame) = frame else {
        leg.label = "nothing sent".into();
        leg.tag = leg.label.clone();
        return;
    };
    let message = message(trace.bytes(frame));
    leg.label = message.kind();
    if birth == Some(Birth::Answer) {
        leg.label = "UDP answer".into();
    }
    leg.tag = message.tag();
}

/// Title and text of a step.
pub(super) fn of_step(world: &World, trace: &Recorder, leg: &Leg, step: &Step) -> (String, String) {
    let names = Names(world);
    if let Some(note) = step.note(trace) {
        return (note.title.clone(), note.text.clone());
    }
    let Some(&first) = step.moves.first() else { return not_sent(&names, trace, step) };
    let teller = Teller { names, trace, leg, step };
    let (title, mut text) = match first.kind {
        MoveKind::Originate => teller.originate(first),
        MoveKind::Wire => teller.wire(first),
        MoveKind::BridgeIn => teller.bridge_in(first),
        MoveKind::BridgeOut => teller.bridge_out(first),
        MoveKind::Forward => teller.forward(first),
        MoveKind::Encapsulate => teller.encapsulate(first),
        MoveKind::Decapsulate => teller.decapsulate(first),
    };
    if let Some(end) = teller.end(first) {
        text.push(' ');
        text.push_str(&end);
    }
    (title, text)
}

fn not_sent(names: &Names<'_>, trace: &Recorder, step: &Step) -> (String, String) {
    let failed = step.events.iter().find_map(|&i| match trace.entries[i].event {
        Event::SendFailed { ns, dst, .. } => Some((ns, dst)),
        _ => None,
    });
    match failed {
        Some((ns, dst)) => {
            let title = format!("{} cannot send to {dst}", names.ns(ns));
            (title, "The send fails before there is a packet.".into())
        }
        None => ("Nothing is sent".into(), String::new()),
    }
}

struct Teller<'a> {
    names: Names<'a>,
    trace: &'a Recorder,
    leg: &'a Leg,
    step: &'a Step,
}

impl Teller<'_> {
    fn events(&self) -> impl Iterator<Item = Event> + '_ {
        self.step.events.iter().map(|&i| self.trace.entries[i].event)
    }

    /// The events of the packet that leads this step.
    fn main_events(&self, main: Move) -> impl Iterator<Item = Event> + '_ {
        let entries = self.step.events.iter().map(|&i| self.trace.entries[i]);
        entries.filter(move |e| e.packet == Some(main.packet)).map(|e| e.event)
    }

    fn originate(&self, main: Move) -> (String, String) {
        let (ns, dev) = (self.names.ns_of(main.to), self.names.short(main.to));
        let message = message(self.trace.bytes(main.frame));
        let kind = message.kind();
        let released = self.events().any(|e| matches!(e, Event::NeighRelease { .. }));
        let gave_up = matches!(self.step.outcome, Some(Outcome::Dropped(_)))
            && !self.events().any(|e| matches!(e, Event::Born { .. }));
        if released {
            let mac = eth::dst(self.trace.bytes(main.frame));
            return (
                format!("The {kind} that waited can leave"),
                format!(
                    "Now {ns} knows the next hop's hardware address, {mac}, and writes it into the frame."
                ),
            );
        }
        let again = |e| matches!(e, Event::Born { birth: Birth::Tcp { again: true, .. }, .. });
        if self.main_events(main).any(again) {
            return (
                format!("{ns} sends the {kind} again"),
                format!(
                    "No acknowledgement came in time, or later ones say that it is lost. {}; it leaves by {dev}.",
                    message.summary()
                ),
            );
        }
        if gave_up {
            return (
                format!("{ns} gives up on the {kind}"),
                "Three questions, a second apart, and no answer: the neighbour entry fails and what waited is lost.".into(),
            );
        }
        if self.step.outcome == Some(Outcome::Waiting) {
            let next_hop = self.events().find_map(|e| match e {
                Event::NeighWait { next_hop, .. } => Some(next_hop.to_string()),
                _ => None,
            });
            let next_hop = next_hop.unwrap_or_default();
            return (
                format!("{ns} has {} to send, and it must wait", a(&kind)),
                format!(
                    "It will leave by {dev}, to {next_hop} on that link. But a frame needs a hardware address, and {ns} \
                     does not know that of {next_hop} yet."
                ),
            );
        }
        match (self.leg.kind, message) {
            (LegKind::ArpRequest, Message::Arp(arp)) => (
                format!("{ns} asks: who has {}?", arp.target_ip),
                format!(
                    "An ARP request leaves by {dev}, to everybody on the link ({}). It also says who asks: {} at {}.",
                    eth::dst(self.trace.bytes(main.frame)),
                    arp.sender_ip,
                    arp.sender_mac
                ),
            ),
            (LegKind::ArpReply, Message::Arp(arp)) => (
                format!("{ns} answers: I have {}", arp.sender_ip),
                format!(
                    "The answer goes straight to who asked, {}: it says that {} is at {}.",
                    arp.target_mac, arp.sender_ip, arp.sender_mac
                ),
            ),
            (
                LegKind::IcmpError,
                Message::Icmp { dst, message: icmp::Message::Error { error, .. }, .. },
            ) => (
                format!("{ns} reports: {}", error.words()),
                format!(
                    "An ICMP error goes to {dst}, who sent the packet; it quotes the packet's first bytes."
                ),
            ),
            (LegKind::Reply, _) => (
                format!("{ns} answers with {}", a(&kind)),
                format!("{}; it leaves by {dev}.", message.summary()),
            ),
            (_, _) => (
                format!("{ns} sends {}", a(&kind)),
                format!("{}; it leaves by {dev}.", message.summary()),
            ),
        }
    }

    fn wire(&self, main: Move) -> (String, String) {
        let (from, to) = (self.names.short(main.from), self.names.short(main.to));
        let (from_ns, to_ns) = (self.names.ns_of(main.from), self.names.ns_of(main.to));
        if main.from == main.to {
            return (
                format!("{from}: straight back up"),
                format!("The loopback device of {from_ns} receives what it sends."),
            );
        }
        let title = format!(
            "{} → {}{}",
            self.names.unique(main.from),
            self.names.unique(main.to),
            self.ends(main)
        );
        let others = self.step.moves.len() - 1;
        let mut text = match self.names.0.devices[main.from].kind.name() {
            "veth" => format!(
                "{from} in {from_ns} and {to} in {to_ns} are the two ends of a veth pair: what goes in at one comes \
                 out at the other."
            ),
            _ => format!("Over the cable from {from_ns} to {to_ns}."),
        };
        if others > 0 {
            let list: Vec<_> =
                self.step.moves[1..].iter().map(|m| self.names.ns_of(m.to).to_owned()).collect();
            text.push_str(&format!(" A copy also reaches {}.", list.join(", ")));
        }
        (title, text)
    }

    /// `: delivered`, for a title.
    fn ends(&self, main: Move) -> String {
        let ns = self.names.ns_of(main.to);
        match self.step.outcome {
            Some(Outcome::Delivered) => format!(": {ns} has it"),
            Some(Outcome::Dropped(_)) => ": dropped".into(),
            Some(Outcome::Ignored) => format!(": {ns} is not asked"),
            _ => String::new(),
        }
    }

    fn bridge_in(&self, main: Move) -> (String, String) {
        let (port, bridge) = (self.names.short(main.from), self.names.short(main.to));
        let mut text =
            format!("{port} is a port of the bridge {bridge}, so the bridge takes the frame.");
        let learnt = self.events().find_map(|e| match e {
            Event::FdbLearn { mac, learnt, .. } => Some((mac, learnt)),
            _ => None,
        });
        if let Some((mac, crate::trace::Learnt::New)) = learnt {
            text.push_str(&format!(" From its source it learns where {mac} is: behind {port}."));
        }
        (format!("{port} → {bridge}{}", self.ends(main)), text)
    }

    fn bridge_out(&self, main: Move) -> (String, String) {
        let bridge = self.names.short(main.from);
        let ports: Vec<_> = self.step.moves.iter().map(|m| self.names.short(m.to)).collect();
        let ports = ports.join(", ");
        let answer = self.events().find_map(|e| match e {
            Event::FdbLookup { answer, mac, .. } => Some((answer, mac)),
            _ => None,
        });
        let text = match answer {
            Some((FdbAnswer::Port(_), mac)) => {
                format!(
                    "The bridge looks up the destination {mac} in its forwarding table: it is behind {ports}."
                )
            }
            Some((FdbAnswer::Group, _)) => {
                format!("The frame is for everybody, so the bridge sends a copy through {ports}.")
            }
            Some((FdbAnswer::Miss, mac)) => {
                format!(
                    "The bridge does not know {mac} yet, so it floods: a copy goes through {ports}."
                )
            }
            Some((FdbAnswer::Local, _)) | None => format!("The bridge sends it through {ports}."),
        };
        (format!("{bridge} → {ports}{}", self.ends(main)), text)
    }

    fn forward(&self, main: Move) -> (String, String) {
        let (from, to, ns) =
            (self.names.short(main.from), self.names.short(main.to), self.names.ns_of(main.from));
        let mut text = format!(
            "The destination is none of {ns}'s own addresses, so {ns} routes: in by {from}, out by {to}, with new \
             hardware addresses and a TTL one lower."
        );
        if self.step.outcome == Some(Outcome::Waiting) {
            text.push_str(
                " The next hop's hardware address is not known yet, so the packet waits.",
            );
        }
        (format!("{from} → {to}: {ns} routes it"), text)
    }

    fn encapsulate(&self, main: Move) -> (String, String) {
        let (from, to, ns) =
            (self.names.short(main.from), self.names.short(main.to), self.names.ns_of(main.from));
        let remotes: Vec<_> = self
            .events()
            .filter_map(|e| match e {
                Event::Encapsulate { remote, .. } => Some(remote),
                _ => None,
            })
            .collect();
        let Some(first) = remotes.first() else {
            let text =
                format!("The other end of the tunnel is {ns} itself: no datagram is needed.");
            return (format!("{from} → {to}: handed over"), text);
        };
        let ips: Vec<_> = remotes.iter().map(|remote| remote.ip.to_string()).collect();
        let mut text = format!(
            "{from} is a tunnel: {ns} puts the whole frame into a UDP datagram to {}, port {}, with the network \
             identifier {}.",
            ips.join(" and to "),
            first.port,
            first.vni
        );
        if self.step.outcome == Some(Outcome::Waiting) {
            text.push_str(
                " The next hop's hardware address is not known yet, so the datagram waits.",
            );
        }
        (format!("{from} → {to}: {ns} wraps the frame"), text)
    }

    fn decapsulate(&self, main: Move) -> (String, String) {
        let (to, ns) = (self.names.short(main.to), self.names.ns_of(main.to));
        let text = format!(
            "The datagram is for {ns}'s own VXLAN socket: the kernel takes the frame out, and {to} receives it."
        );
        (format!("{} → {to}: {ns} unwraps the frame", self.names.short(main.from)), text)
    }

    /// What happens to the frame at the end of this step.
    fn end(&self, main: Move) -> Option<String> {
        let ns = self.names.ns_of(main.to);
        match self.step.outcome? {
            Outcome::Delivered => Some(self.delivered(main, ns)),
            Outcome::Dropped(reason) => {
                Some(format!("{ns} drops it: {} ({}).", reason.words(), reason.name()))
            }
            Outcome::LeftModel => Some(format!(
                "It leaves the model here: what is behind {} is not known, so nothing more can be said.",
                self.names.full(main.to)
            )),
            Outcome::Ignored => Some(format!("{ns} reads it; it is not the one asked for.")),
            Outcome::Held => Some(format!("{ns} keeps it until the other pieces come.")),
            Outcome::Waiting | Outcome::NotSent(_) => None,
        }
    }

    /// What a segment means for its connection.
    fn connection_goes_on(&self, main: Move, ns: &str) -> String {
        let state = self.main_events(main).find_map(|e| match e {
            Event::TcpState { to, .. } => Some(to),
            _ => None,
        });
        match state {
            Some(TcpState::SynRecv) => format!("Something in {ns} listens on that port."),
            Some(TcpState::Established) => {
                format!("For {ns} the handshake is done: the connection is established.")
            }
            Some(TcpState::CloseWait | TcpState::Closing) => {
                format!("{ns} knows now that the other side sends no more.")
            }
            Some(TcpState::FinWait2) => format!("{ns} knows now that its end is known."),
            Some(TcpState::TimeWait | TcpState::Close) => {
                format!("For {ns} the connection is over.")
            }
            Some(TcpState::SynSent | TcpState::FinWait1 | TcpState::LastAck) | None => {
                format!("It belongs to a connection of {ns}.")
            }
        }
    }

    fn delivered(&self, main: Move, ns: &str) -> String {
        let heard = self.main_events(main).find_map(|e| match e {
            Event::SocketReceive { ns, socket, heard } => {
                Some((self.names.0.netns[ns].sockets.get(socket).owner.clone(), heard))
            }
            _ => None,
        });
        match (heard, message(self.trace.bytes(main.frame))) {
            (Some((owner, Heard::Data)), _) => format!("It is for {ns}: {owner} reads it."),
            (Some((owner, Heard::Error(error))), _) => format!("{owner} hears: {}.", error.words()),
            (Some((owner, Heard::Bytes(n))), _) => {
                format!("It is for {ns}: {owner} reads {n} bytes.")
            }
            (Some((owner, Heard::Closed)), _) => {
                format!("{owner} reads the end of it: the other side closed.")
            }
            (Some((owner, Heard::Reset)), _) => {
                format!("{owner} hears that the connection is refused or broken.")
            }
            (Some((owner, Heard::TimedOut)), _) => format!("{owner} hears that nobody answered."),
            (None, Message::Tcp { .. }) => self.connection_goes_on(main, ns),
            (None, Message::Arp(arp)) if self.leg.kind == LegKind::ArpReply => {
                format!("Now {ns} knows: {} is at {}.", arp.sender_ip, arp.sender_mac)
            }
            (None, Message::Arp(arp)) if ns_owns(&self.names, main, arp.target_ip) => {
                format!(
                    "{} is {ns}'s own address, and the question names its sender: {ns} learns that too.",
                    arp.target_ip
                )
            }
            (None, _) => format!("It is for {ns}."),
        }
    }
}

fn ns_owns(names: &Names<'_>, main: Move, ip: std::net::Ipv4Addr) -> bool {
    names.0.netns[names.0.devices[main.to].ns].owns(ip)
}
