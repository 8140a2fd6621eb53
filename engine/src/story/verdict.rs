//! What became of one exchange, from what its sender heard.

use std::net::Ipv4Addr;
use std::ops::Range;

use crate::base::{FxIndexMap, Nanos, NsId, PacketId, SocketId};
use crate::trace::{Birth, DropReason, Event, Heard, Recorder, Role, RuleRef, SendError, TcpState};
use crate::wire::{eth, icmp::Error, ipv4};
use crate::world::World;

/// How an exchange ends. A closed set: nothing ends in silence without one of these saying so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verdict {
    /// The destination's stack or program read it.
    Delivered,
    /// Gone on the way, and the sender was not told.
    Dropped,
    /// A host on the way said no.
    Rejected,
    /// The destination said that nothing listens there.
    Refused,
    /// Nobody answers at the next hop, or at all.
    #[default]
    Timeout,
    /// Decided by something this engine does not model, or beyond the model's edge.
    Unmodelled,
    /// No exchange: objects were changed.
    Applied,
}

impl Verdict {
    /// One word, stable for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unmodelled => "unmodelled",
            Self::Applied => "applied",
        }
    }
}

/// A verdict with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
    /// The namespace whose stack or program read the request.
    pub served_by: Option<NsId>,
    /// The source address that it saw.
    pub seen_source: Option<Ipv4Addr>,
}

/// The verdict of the exchange that `sender` began, told by the trace's entries in `range`.
pub fn verdict_of(
    world: &World,
    trace: &Recorder,
    range: Range<usize>,
    sender: (NsId, SocketId),
) -> Told {
    Exchange::read(world, trace, range, Some(sender)).told(world)
}

/// What a packet was lost to, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lost {
    /// A rule dropped or rejected it.
    Rule(String),
    /// It ended at a device.
    At(String),
}

/// What the last packet was lost to that this part of a trace lost; a rule before all else. None: nothing was lost.
pub fn lost_to(world: &World, trace: &Recorder, range: Range<usize>) -> Option<Lost> {
    Exchange::read(world, trace, range, None).lost_to(world)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Request,
    Reply,
}

/// Where a rule decided, which it was, and when; without one a chain's policy decided.
type Matched = (NsId, Option<RuleRef>, Nanos);

#[derive(Default)]
struct Exchange<'a> {
    parts: FxIndexMap<PacketId, Part>,
    /// Copies that a flood made: one that is dropped says nothing about the exchange.
    copies: FxIndexMap<PacketId, ()>,
    frames: FxIndexMap<PacketId, &'a [u8]>,
    /// What a program sent on its own account.
    roots: FxIndexMap<PacketId, ()>,
    /// What another began, and what came of it: a health check beside the exchange.
    foreign: FxIndexMap<PacketId, ()>,
    arrived: Option<(NsId, Option<Ipv4Addr>)>,
    read: bool,
    /// The sender's connection was open at some time.
    established: bool,
    heard: Option<(Heard, Option<Ipv4Addr>)>,
    failed: Option<(SendError, Ipv4Addr)>,
    unmodelled: bool,
    left: Option<String>,
    /// The rule that each packet matched last; None where a chain's policy decided.
    matched: FxIndexMap<PacketId, Matched>,
    /// The rule that dropped or rejected the last packet of the exchange to which that happened.
    forbidden: Option<Matched>,
    dropped: Option<(DropReason, String)>,
}

impl<'a> Exchange<'a> {
    /// What the entries tell, about the socket `sender` where there is one.
    fn read(
        world: &World,
        trace: &'a Recorder,
        range: Range<usize>,
        sender: Option<(NsId, SocketId)>,
    ) -> Self {
        let mut exchange = Self::default();
        for entry in &trace.entries[range] {
            let Some(packet) = entry.packet else {
                if let Event::SocketReceive { ns, socket, heard } = entry.event
                    && Some((ns, socket)) == sender
                {
                    exchange.heard = exchange.heard.or(Some((heard, None)));
                }
                continue;
            };
            match entry.event {
                Event::Born { parent, birth } => exchange.born(packet, parent, birth),
                Event::Tap { dev, frame, .. } => {
                    let is_first = exchange.frames.insert(packet, trace.bytes(frame)).is_none();
                    let of_sender = sender.is_none_or(|(ns, _)| world.devices[dev].ns == ns);
                    if is_first && !of_sender && exchange.roots.contains_key(&packet) {
                        exchange.parts.swap_remove(&packet);
                        exchange.foreign.insert(packet, ());
                    }
                }
                Event::LocalDeliver { ns, .. }
                    if exchange.part_of(packet) == Some(Part::Request) =>
                {
                    exchange.arrived = Some((ns, exchange.source_of(packet)));
                }
                Event::SocketReceive { ns, socket, heard } if Some((ns, socket)) == sender => {
                    exchange.heard = exchange.heard.or(Some((heard, exchange.source_of(packet))));
                }
                Event::SocketReceive { .. } if exchange.part_of(packet) == Some(Part::Request) => {
                    exchange.read = true;
                }
                Event::SendFailed { error, dst, .. }
                    if exchange.part_of(packet) == Some(Part::Request) =>
                {
                    exchange.failed = Some((error, dst));
                }
                Event::TcpState { ns, socket, to: TcpState::Established, .. } => {
                    exchange.established |= Some((ns, socket)) == sender;
                }
                Event::NotModelled { .. } => {
                    exchange.unmodelled = true;
                }
                Event::LeftModel { dev } => exchange.left = Some(world.device_name(dev)),
                Event::RuleMatched { ns, rule } => {
                    exchange.matched.insert(packet, (ns, Some(rule), entry.at));
                }
                Event::ChainPolicy { ns, accept: false, .. } => {
                    exchange.matched.insert(packet, (ns, None, entry.at));
                }
                Event::Dropped { reason: DropReason::NetfilterDrop, .. }
                    if exchange.part_of(packet).is_some()
                        && exchange.matched.contains_key(&packet) =>
                {
                    exchange.forbidden = exchange.matched.get(&packet).copied();
                }
                Event::Dropped { dev, reason }
                    if exchange.part_of(packet).is_some()
                        && !exchange.copies.contains_key(&packet) =>
                {
                    exchange.dropped = Some((reason, world.device_name(dev)));
                }
                _ => {}
            }
        }
        exchange
    }

    fn born(&mut self, packet: PacketId, parent: Option<PacketId>, birth: Birth) {
        if parent.is_some_and(|it| self.foreign.contains_key(&it)) {
            self.foreign.insert(packet, ());
            return;
        }
        if parent.is_none() && matches!(birth, Birth::Sent | Birth::Tcp { .. }) {
            self.roots.insert(packet, ());
        }
        let part = match birth {
            Birth::Sent | Birth::Injected => Some(Part::Request),
            Birth::Fragment => parent.and_then(|p| self.part_of(p)),
            Birth::Clone => {
                self.copies.insert(packet, ());
                parent.and_then(|p| self.part_of(p))
            }
            Birth::Tcp { by: Role::Client, .. } => Some(Part::Request),
            Birth::EchoReply
            | Birth::Answer
            | Birth::IcmpError(_)
            | Birth::Reset
            | Birth::Tcp { by: Role::Server, .. } => Some(Part::Reply),
            Birth::ArpRequest | Birth::ArpReply => None,
        };
        if let Some(part) = part {
            self.parts.insert(packet, part);
        }
    }

    fn part_of(&self, packet: PacketId) -> Option<Part> {
        self.parts.get(&packet).copied()
    }

    fn source_of(&self, packet: PacketId) -> Option<Ipv4Addr> {
        let frame = self.frames.get(&packet)?;
        ipv4::Header::parse(frame.get(eth::LEN..)?).ok().map(|h| h.src)
    }

    fn told(&self, world: &World) -> Told {
        let (served_by, seen_source) = match self.arrived {
            Some((ns, source)) => (Some(ns), source),
            None => (None, None),
        };
        let speaker = |source: Option<Ipv4Addr>| {
            source.map_or_else(|| "a host".to_owned(), |ip| ip.to_string())
        };
        let said_no = match &self.heard {
            Some((Heard::Reset, _)) => !self.established,
            Some((Heard::Error(_), _)) => true,
            Some(_) | None => false,
        };
        if let Some(by) = self.forbidden.filter(|_| said_no) {
            let because = format!("rejected by {}", forbidden_by(world, by));
            return Told {
                verdict: Verdict::Rejected,
                because,
                served_by: None,
                seen_source: None,
            };
        }
        let (verdict, because) = match (&self.heard, &self.failed) {
            (Some((Heard::Bytes(_), source)), _) => {
                (Verdict::Delivered, format!("{} answered", speaker(*source)))
            }
            (Some((Heard::Closed, source)), _) => {
                (Verdict::Delivered, format!("{} closed without an answer", speaker(*source)))
            }
            (Some((Heard::Reset, source)), _) if self.established => (
                Verdict::Rejected,
                format!("{} broke the connection with a reset", speaker(*source)),
            ),
            (Some((Heard::Reset, source)), _) => (
                Verdict::Refused,
                format!("{} answers the SYN with a reset: nothing listens there", speaker(*source)),
            ),
            (Some((Heard::TimedOut, _)), _) => {
                (Verdict::Timeout, "nobody answered, however often it was sent (ETIMEDOUT)".into())
            }
            (Some((Heard::Data, source)), _) => {
                (Verdict::Delivered, format!("{} answered", speaker(*source)))
            }
            (Some((Heard::Error(Error::PortUnreachable), source)), _) => (
                Verdict::Refused,
                format!("{} says port unreachable: nothing listens there", speaker(*source)),
            ),
            (Some((Heard::Error(Error::ProtocolUnreachable), source)), _) => (
                Verdict::Refused,
                format!(
                    "{} says protocol unreachable: nothing speaks that there",
                    speaker(*source)
                ),
            ),
            (Some((Heard::Error(Error::HostUnreachable), source)), _) => (
                Verdict::Timeout,
                format!(
                    "nobody answered ARP for the next hop, so {} says host unreachable",
                    speaker(*source)
                ),
            ),
            (Some((Heard::Error(error @ Error::NetUnreachable), source)), _) => (
                Verdict::Rejected,
                format!("{} says {}: it has no route", speaker(*source), error.words()),
            ),
            (
                Some((
                    Heard::Error(
                        error @ (Error::NetProhibited
                        | Error::HostProhibited
                        | Error::AdminProhibited),
                    ),
                    source,
                )),
                _,
            ) => (
                Verdict::Rejected,
                format!(
                    "{} says {}: a rule or a route forbids it",
                    speaker(*source),
                    error.words()
                ),
            ),
            (Some((Heard::Error(Error::ParameterProblem { pointer }), source)), _) => (
                Verdict::Dropped,
                format!("{} says that byte {pointer} of its header is wrong", speaker(*source)),
            ),
            (Some((Heard::Error(error @ Error::TtlExceeded), source)), _) => (
                Verdict::Dropped,
                format!("its time to live ran out at {} ({})", speaker(*source), error.words()),
            ),
            (Some((Heard::Error(Error::FragmentationNeeded { mtu_bytes }), source)), _) => (
                Verdict::Dropped,
                format!(
                    "{} says that it is too long: {mtu_bytes} bytes would fit",
                    speaker(*source)
                ),
            ),
            (Some((Heard::Error(Error::ReassemblyTimeout), source)), _) => (
                Verdict::Dropped,
                format!("{} says that not all pieces of it came in time", speaker(*source)),
            ),
            (None, Some((error, dst))) => not_sent(*error, *dst),
            (None, None) | (Some((Heard::Error(Error::Redirect { .. }), _)), _) => {
                self.silence(world)
            }
        };
        Told { verdict, because, served_by, seen_source }
    }

    /// The sender heard nothing: the reason is on the way.
    fn silence(&self, world: &World) -> (Verdict, String) {
        if self.unmodelled {
            return (Verdict::Unmodelled, "what Linux does next on the way is not modelled".into());
        }
        if let Some(dev) = &self.left {
            let because = format!(
                "insufficient information: it left by {dev}, whose other end is not in the model"
            );
            return (Verdict::Unmodelled, because);
        }
        if let (true, Some((ns, _))) = (self.read, self.arrived) {
            return (
                Verdict::Delivered,
                format!("a program in {} read it and sent no answer", world.netns[ns].name),
            );
        }
        match self.lost_to(world) {
            Some(Lost::Rule(rule)) => (Verdict::Dropped, format!("dropped by {rule}")),
            Some(Lost::At(place)) => (Verdict::Dropped, format!("dropped at {place}")),
            None => (Verdict::Timeout, "no answer came".into()),
        }
    }

    fn lost_to(&self, world: &World) -> Option<Lost> {
        if let Some(by) = self.forbidden {
            return Some(Lost::Rule(forbidden_by(world, by)));
        }
        let (reason, dev) = self.dropped.as_ref()?;
        Some(Lost::At(format!("{dev}: {} ({})", reason.words(), reason.name())))
    }
}

/// `a rule of node-1, because of Service default/api: -A KUBE-SERVICES ... -j REJECT`.
fn forbidden_by(world: &World, (ns, rule, at): Matched) -> String {
    let own = &world.netns[ns];
    let tables = own.netfilter.as_ref().map(|it| it.tables_at(at));
    let (Some(rule), Some(tables)) = (rule, tables) else {
        return format!("the policy of a chain of {}", own.name);
    };
    let origin = tables
        .rule_origin(rule)
        .map_or(String::new(), |id| format!(", because of {}", world.origin(id)));
    format!("a rule of {}{origin}: {}", own.name, tables.rule_text(rule))
}

fn not_sent(error: SendError, dst: Ipv4Addr) -> (Verdict, String) {
    match error {
        SendError::NetUnreachable => {
            (Verdict::Dropped, format!("the sender has no route to {dst} (ENETUNREACH)"))
        }
        SendError::Access => (Verdict::Dropped, format!("{dst} is a broadcast address (EACCES)")),
        SendError::MessageSize => {
            (Verdict::Dropped, "it is longer than any IPv4 packet (EMSGSIZE)".into())
        }
        SendError::HostUnreachable => (
            Verdict::Dropped,
            format!("the sender's route says that {dst} cannot be reached (EHOSTUNREACH)"),
        ),
        SendError::Prohibited => {
            (Verdict::Dropped, format!("the sender's route forbids {dst} (EACCES)"))
        }
        SendError::Invalid => {
            (Verdict::Dropped, format!("the sender's route to {dst} is a black hole (EINVAL)"))
        }
        SendError::AddrNotAvailable => (
            Verdict::Dropped,
            format!("there is a connection between the same ends to {dst} (EADDRNOTAVAIL)"),
        ),
        SendError::DeviceDown => (Verdict::Dropped, "the sending device is down (ENETDOWN)".into()),
        SendError::FrameTooShort => {
            (Verdict::Dropped, "the frame has no whole Ethernet header".into())
        }
    }
}
