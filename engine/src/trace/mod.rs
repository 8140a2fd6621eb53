//! What happened, as data: every decision of a run with the table entry or setting that made it.
//!
//! Events hold ids and numbers only, so recording one costs a copy; words are made in `story`. A layer records through
//! [`Tracer`], which is compiled away when tracing is [`Off`].

mod conn;
mod ctx;
mod drop;
mod recorder;
mod rules;

use std::net::Ipv4Addr;

pub use conn::{CtInvalid, CtNow, CtReport};
pub use ctx::{Ctx, PacketIds};
pub use drop::DropReason;
pub use recorder::{Capture, FrameId, Recorder};
pub use rules::{RuleRef, Unmet};

use crate::base::{
    ChainId, CtId, DevId, Hook, Mac, Nanos, NsId, PacketId, RouteId, Side, SocketId, Table, Tuple,
};
use crate::skb::{CtInfo, Mark, Skb};
use crate::wire::icmp;
use crate::wire::vxlan::Vni;

/// Direction of a frame as a packet socket on the device reports it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// Before the bridge or the IP stack takes it.
    In,
    /// As the device is handed it to transmit.
    Out,
}

/// Where trace events go. Layers are generic over it, so that [`Off`] costs nothing.
pub trait Tracer {
    /// Whether anything is recorded at all.
    const ON: bool;
    /// Records one event at virtual time `at`; a timer's event is no packet's.
    fn event(&mut self, at: Nanos, packet: Option<PacketId>, event: Event);
    /// Keeps a copy of a frame's bytes.
    fn frame(&mut self, bytes: &[u8]) -> FrameId;
    /// Whether also rules that do not match are recorded, each with the reason.
    fn every_rule(&self) -> bool {
        false
    }
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Tracer for Off {
    const ON: bool = false;
    #[inline]
    fn event(&mut self, _: Nanos, _: Option<PacketId>, _: Event) {}
    #[inline]
    fn frame(&mut self, _: &[u8]) -> FrameId {
        FrameId::NONE
    }
}

/// One recorded event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    pub at: Nanos,
    /// None for what a timer did.
    pub packet: Option<PacketId>,
    pub event: Event,
}

/// Why a packet came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Birth {
    /// A program sent it through its own namespace's stack.
    Sent,
    /// It was put on a device as it stands, below the stack.
    Injected,
    /// The neighbour table asks for an address.
    ArpRequest,
    /// The stack answers an ARP request; the parent is the request.
    ArpReply,
    /// The stack answers an echo request; the parent is the request.
    EchoReply,
    /// A program answers a datagram; the parent is the question.
    Answer,
    /// The stack reports an error about its parent.
    IcmpError(icmp::Error),
    /// A rule refuses a TCP segment with a reset; the parent is the segment.
    Reset,
    /// A connection's segment, or the reset that refuses one; the parent is the segment that called for it, if one did.
    Tcp { segment: TcpSegment, again: bool, by: Role },
    /// Its parent was too long for the way; this is a further piece of it.
    Fragment,
    /// A bridge sends its parent through one more port, or also up its own stack; a tunnel sends it to one more remote.
    Clone,
}

/// How a bridge's forwarding table took a source address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Learnt {
    New,
    /// Was known behind another port.
    Moved {
        from: DevId,
    },
    Refreshed,
    /// The port has learning off.
    LearningOff,
    /// The bridge's own address arrived from outside; the entry stays.
    OwnAddress,
}

/// What a bridge's forwarding table says about a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FdbAnswer {
    /// Behind this port.
    Port(DevId),
    /// The bridge's or a port's own address: for this host.
    Local,
    /// No entry: flood.
    Miss,
    /// Broadcast or multicast: flood, and hand to this host too.
    Group,
}

/// The other end of a tunnel (`struct vxlan_rdst`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remote {
    pub ip: Ipv4Addr,
    pub port: u16,
    pub vni: Vni,
    /// The device that the datagram must leave by; None: as the route says.
    pub via: Option<DevId>,
}

/// What a tunnel's forwarding table says about a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunnelAnswer {
    /// An entry of its own.
    Entry,
    /// That of 00:00:00:00:00:00, for everything without one.
    Default,
    /// No entry.
    None,
}

/// How a tunnel's forwarding table took a source address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunnelLearnt {
    New,
    /// Was known behind another remote.
    Moved {
        from: Ipv4Addr,
    },
    Refreshed,
    /// The entry is static, and for another remote: the frame is dropped.
    StaysStatic,
    /// The table is as full as it may get.
    Full,
}

/// For what fragments are put together (`enum ip_defrag_users`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Gathers {
    /// They are for this host.
    LocalDeliver,
    /// Connection tracking looks at what arrives.
    ConntrackIn,
    /// Connection tracking looks at what this host sends.
    ConntrackOut,
    /// Connection tracking looks at what a bridge passes on.
    BridgeIn,
}

/// Why a bridge does not send a frame through a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skipped {
    /// It came from there and the port's hairpin flag is off.
    Incoming,
    /// Both ports are isolated.
    Isolated,
    /// The port does not take part in this kind of flooding.
    FloodOff,
    /// The port's device is down.
    Down,
    /// The frame is longer than the port's MTU allows.
    TooBig,
}

/// What a route look-up found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteAnswer {
    Route(RouteId),
    /// Loopback traffic keeps the route it was sent with.
    Kept,
    /// No table has a matching prefix.
    None,
    /// A rule forbids it before any table is asked.
    Rule {
        priority: u32,
    },
}

/// Why a route is looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupFor {
    /// A packet that arrived.
    Input,
    /// A packet that this host sends.
    Output,
}

/// State of a neighbour entry (`NUD_*`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Nud {
    None,
    Incomplete,
    Reachable,
    Stale,
    Delay,
    Probe,
    Failed,
    Noarp,
    Permanent,
}

impl Nud {
    /// As `ip neigh` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Incomplete => "INCOMPLETE",
            Self::Reachable => "REACHABLE",
            Self::Stale => "STALE",
            Self::Delay => "DELAY",
            Self::Probe => "PROBE",
            Self::Failed => "FAILED",
            Self::Noarp => "NOARP",
            Self::Permanent => "PERMANENT",
        }
    }
}

/// What changed a neighbour entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighCause {
    /// A packet needs the address and nothing is known.
    Needed,
    /// A packet uses an address that was not confirmed lately.
    UsedWhileStale,
    /// An ARP reply to this host.
    Reply,
    /// The sender fields of an ARP request for one of this host's addresses.
    RequestSeen,
    /// A gratuitous or other ARP packet about a known address.
    Announced,
    /// The time for this state is over.
    Timer,
    /// All probes went unanswered.
    ProbesExhausted,
}

/// Who sends a segment: who asked for the connection, or who was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Client,
    Server,
}

/// What a TCP segment is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpSegment {
    Syn,
    SynAck,
    Ack,
    Data,
    /// The last of its direction, perhaps with data.
    Fin,
    Reset,
}

/// State of a connection (`TCP_*`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TcpState {
    SynSent,
    SynRecv,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    LastAck,
    Closing,
    TimeWait,
    Close,
}

impl TcpState {
    /// The kernel's name without its prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Closing => "CLOSING",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
        }
    }
}

/// The timers of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpTimer {
    /// Sends again what is not acknowledged.
    Retransmit,
    DelayedAck,
    /// Ends a connection that only waits for stray segments.
    TimeWait,
}

impl TcpTimer {
    pub const COUNT: usize = 3;

    /// Its place among a connection's timers.
    pub const fn index(self) -> usize {
        match self {
            Self::Retransmit => 0,
            Self::DelayedAck => 1,
            Self::TimeWait => 2,
        }
    }
}

/// What a program gets to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The payload of a datagram or echo reply.
    Data,
    /// An ICMP error about a packet it sent.
    Error(icmp::Error),
    /// So many bytes of a connection.
    Bytes(u32),
    /// The other side sends no more.
    Closed,
    /// The other side refused or broke the connection with a reset.
    Reset,
    /// The other side did not answer in all the time it was given (`ETIMEDOUT`).
    TimedOut,
}

/// What a host makes of a redirect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heed {
    /// From now on the packets go there.
    Followed,
    /// Nobody knows the new gateway's hardware address: it is asked for, and the way stays as it was.
    AsksFirst,
    /// Not from the gateway in use, or the new one cannot be it, or redirects are not accepted.
    Refused,
}

/// Why a send failed before any packet existed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendError {
    /// `ENETUNREACH`: no route.
    NetUnreachable,
    /// `EHOSTUNREACH`: the route says that the host cannot be reached.
    HostUnreachable,
    /// `EACCES`: the route or a rule forbids it.
    Prohibited,
    /// `EINVAL`: the route is a black hole, or the addresses cannot go together.
    Invalid,
    /// `EACCES`: a broadcast address without `SO_BROADCAST`.
    Access,
    /// `EMSGSIZE`: longer than any IPv4 packet.
    MessageSize,
    /// `EADDRNOTAVAIL`: a connection between the same ends exists.
    AddrNotAvailable,
    /// `ENETDOWN`: the device of a raw frame is down.
    DeviceDown,
    /// `EINVAL`: a raw frame without a whole Ethernet header.
    FrameTooShort,
}

/// One decision or movement. The closed set of things a trace can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The packet exists from here on.
    Born { parent: Option<PacketId>, birth: Birth },
    /// A packet socket on `dev` sees the frame.
    Tap { dev: DevId, dir: Direction, frame: FrameId },
    /// The frame went over the wire from one device to the other.
    Crossed { from: DevId, to: DevId },

    /// A bridge takes the frame from its port (`br_handle_frame`).
    BridgeIn { port: DevId, bridge: DevId },
    /// The frame is for a group that is of one link only: the port keeps it for its own host (`br_handle_local_finish`).
    LinkLocalKept { bridge: DevId, port: DevId },
    /// The bridge looks at the source address (`br_fdb_update`).
    FdbLearn { bridge: DevId, port: DevId, mac: Mac, learnt: Learnt },
    /// The entry was older than the bridge's ageing time (`br_fdb_cleanup`).
    FdbExpired { bridge: DevId, port: DevId, mac: Mac },
    /// The bridge looks up the destination (`br_fdb_find_rcu`).
    FdbLookup { bridge: DevId, mac: Mac, answer: FdbAnswer },
    /// The bridge does not use this port (`should_deliver`, `br_flood`).
    PortSkipped { bridge: DevId, port: DevId, why: Skipped },
    /// The bridge sends the frame through this port (`__br_forward`).
    BridgeOut { bridge: DevId, port: DevId },
    /// The bridge asks the IP rules about the frame (`br_nf_pre_routing`, `br_nf_forward`, `br_nf_post_routing`).
    BridgeCallsRules { bridge: DevId, port: DevId, hook: Hook },
    /// A rule gave a bridged packet another destination (`br_nf_pre_routing_finish`): to a neighbour on the same bridge,
    /// or up to the host's routing.
    BridgedDnat { bridge: DevId, dst: Ipv4Addr, same_bridge: bool },
    /// The bridge hands the frame to its own host (`br_pass_frame_up`).
    BridgeUp { bridge: DevId },

    /// No connection has this tuple: the packet begins one (`init_conntrack`).
    CtMade { ns: NsId, entry: CtId, original: Tuple },
    /// The packet belongs to this connection (`nf_conntrack_in`).
    CtFound { ns: NsId, entry: CtId, info: CtInfo },
    /// The packet belongs to no connection and begins none.
    CtInvalid { ns: NsId, why: CtInvalid },
    /// The connection's first packet got through: it is in the table, and replies are known by this tuple
    /// (`__nf_conntrack_confirm`).
    CtConfirmed { ns: NsId, entry: CtId, reply: Tuple },
    /// Another packet of the same flow was quicker (`nf_ct_resolve_clash`): the packet now belongs to the winner, or the
    /// connection is kept for its replies alone.
    CtClash { ns: NsId, entry: CtId, winner: CtId, merged: bool },
    /// What `conntrack -E` shows (`nf_ct_deliver_cached_events`, `nf_ct_delete`).
    CtReport { ns: NsId, entry: CtId, report: CtReport, now: CtNow },
    /// The nat table gives the connection another source or destination (`nf_nat_setup_info`).
    NatBound { ns: NsId, entry: CtId, side: Side, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16) },
    /// The packet's source or destination is rewritten as its connection says (`nf_nat_manip_pkt`); `quoted`: of the
    /// packet that an ICMP error quotes.
    NatRewrote { ns: NsId, side: Side, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), quoted: bool },

    /// A tunnel device looks up where the destination is (`vxlan_find_mac`).
    TunnelLookup { dev: DevId, mac: Mac, answer: TunnelAnswer },
    /// The entry was older than the tunnel's ageing time (`vxlan_cleanup`).
    TunnelForgot { dev: DevId, mac: Mac },
    /// The frame is wrapped into a datagram to the remote, which will leave by `out` (`vxlan_xmit_one`).
    Encapsulate { dev: DevId, out: DevId, remote: Remote },
    /// The remote is this host itself: the frame is handed over without a datagram (`encap_bypass_if_local`).
    EncapsulateBypass { dev: DevId, to: DevId },
    /// The frame is longer than the tunnel's way carries: in place of it, its sender gets an error that says so
    /// (`skb_tunnel_check_pmtu`).
    EncapsulateTooBig { dev: DevId, mtu_bytes: u32 },
    /// The frame is taken out of its datagram, which came by `from`, for a tunnel device (`vxlan_rcv`).
    Decapsulate { from: DevId, dev: DevId, vni: Vni },
    /// A tunnel device looks at the source address (`vxlan_snoop`).
    TunnelLearn { dev: DevId, mac: Mac, remote: Ipv4Addr, learnt: TunnelLearnt },

    /// A program hands the stack a payload.
    SocketSend { ns: NsId, socket: SocketId, dst: Ipv4Addr, dst_port: u16 },
    /// The send came to nothing.
    SendFailed { ns: NsId, dst: Ipv4Addr, error: SendError },
    /// A route look-up (`fib_lookup`).
    RouteLookup { ns: NsId, dst: Ipv4Addr, purpose: LookupFor, answer: RouteAnswer },
    /// Which rule decided, in a namespace that has others than the default ones (`fib_rules_lookup`).
    PolicyRule { ns: NsId, priority: u32 },
    /// One of several next hops was chosen by a hash of the flow (`fib_select_multipath`).
    NexthopChosen { ns: NsId, route: RouteId, nexthop: u8 },
    /// A gateway says that another one is nearer (`ip_do_redirect`).
    RedirectHeard { ns: NsId, dst: Ipv4Addr, gateway: Ipv4Addr, heed: Heed },
    /// The packet takes the way that a redirect told of (`find_exception`).
    RedirectFollowed { ns: NsId, dst: Ipv4Addr, gateway: Ipv4Addr },
    /// The source address was chosen by the route (`fib_result_prefsrc`, `inet_select_addr`).
    SourceChosen { ns: NsId, src: Ipv4Addr, route: RouteId },
    /// The packet goes through this host: TTL is taken down (`ip_forward`).
    Forward { ns: NsId, from: DevId, to: DevId, ttl_hops: u8 },
    /// The packet is longer than fits, and leaves in pieces (`ip_do_fragment`); 68 bytes fit any way.
    Fragmented { dev: DevId, mtu_bytes: u32, pieces: u16 },
    /// A piece of a packet waits for the others; so many are there (`ip_frag_queue`).
    FragmentHeld { ns: NsId, by: Gathers, pieces: u16 },
    /// The packet is whole again (`ip_frag_reasm`).
    Reassembled { ns: NsId, by: Gathers, pieces: u16 },
    /// A router's word that a packet was too long is believed (`__ip_rt_update_pmtu`). `locked`: it named less than is
    /// believable, so packets are fragmented to fit this.
    PathMtu { ns: NsId, dst: Ipv4Addr, mtu_bytes: u32, locked: bool },
    /// The next hop's hardware address is known (`ip_finish_output2`).
    NeighHit { dev: DevId, next_hop: Ipv4Addr, mac: Mac, state: Nud },
    /// The packet waits for the next hop's hardware address (`__neigh_event_send`). `frame` has no destination yet.
    NeighWait { dev: DevId, next_hop: Ipv4Addr, frame: FrameId },
    /// The packet waited and goes on.
    NeighRelease { dev: DevId, next_hop: Ipv4Addr },
    /// A neighbour entry changed state.
    NeighChange {
        dev: DevId,
        ip: Ipv4Addr,
        from: Nud,
        to: Nud,
        mac: Option<Mac>,
        cause: NeighCause,
    },
    /// An ARP packet about a known neighbour changed nothing: too soon after the last change (`LOCKTIME`).
    NeighLocked { dev: DevId, ip: Ipv4Addr },
    /// The packet is for one of this host's addresses (`ip_local_deliver`).
    LocalDeliver { ns: NsId, dev: DevId },
    /// A program reads what arrived (`udp_queue_rcv_skb`, `ping_rcv`).
    SocketReceive { ns: NsId, socket: SocketId, heard: Heard },
    /// A connection changed its state (`tcp_set_state`).
    TcpState { ns: NsId, socket: SocketId, from: TcpState, to: TcpState },
    /// The segment belongs to a connection, which is in this state (`tcp_v4_rcv`).
    TcpReceive { ns: NsId, socket: SocketId, state: TcpState },
    /// An ICMP error about a connection that goes on trying (`tcp_v4_err`).
    TcpErrorNoted { ns: NsId, socket: SocketId, error: icmp::Error },
    /// The stack read an ARP packet that neither asks for it nor speaks of a neighbour it knows.
    ArpNoted { ns: NsId, dev: DevId },
    /// The answer to a question for somebody behind this host waits, to give others the precedence (`pneigh_enqueue`).
    ArpProxyDelay { ns: NsId, dev: DevId, after: Nanos },
    /// An ICMP error is not sent: this packet may not be answered with one (`icmp_send`, RFC 1122 section 3.2.2).
    NoErrorForThis { ns: NsId, error: icmp::Error },
    /// An ICMP error is not sent: this host told that one too many lately (`icmp_ratelimit`).
    RateLimited { ns: NsId, dst: Ipv4Addr },
    /// Linux would do something here that this engine does not model.
    NotModelled { ns: NsId, what: NotModelled },

    /// A rule does not match (`NFT_BREAK`); `saw` is what the packet had instead. Recorded only when asked for.
    RuleSkipped { ns: NsId, rule: RuleRef, unmet: Unmet, saw: u32 },
    /// A rule matches: it counts the packet, and its target acts.
    RuleMatched { ns: NsId, rule: RuleRef },
    /// A match cannot judge the packet, which is malformed, and drops it (`hotdrop`).
    RuleHotDrop { ns: NsId, rule: RuleRef },
    /// A chain ends, and the walk goes on in the one that called it.
    ChainReturn { ns: NsId, table: Table, to: ChainId },
    /// No rule decided: the built-in chain's policy does.
    ChainPolicy { ns: NsId, table: Table, hook: Hook, accept: bool },
    /// A rule changed the packet's mark.
    MarkSet { ns: NsId, from: Mark, to: Mark },

    /// The frame leaves through a device whose other end is not in the model.
    LeftModel { dev: DevId },
    /// The packet is gone.
    Dropped { dev: DevId, reason: DropReason },
}

/// What Linux does and this engine does not: the trace says so where it would matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotModelled {
    /// A protocol without an endpoint here, for example SCTP.
    Protocol(u8),
    /// A protocol with a connection tracker of its own: SCTP, GRE, UDP-Lite.
    Tracking(u8),
    /// IPv6.
    Ipv6,
    /// IPv4 options that this engine does not follow: source routes, security labels.
    IpOptions,
    /// A connection that both sides open at once (`tcp_rcv_synsent_state_process`).
    TcpSimultaneousOpen,
    /// A SYN that asks for explicit congestion notification.
    TcpEcn,
}

impl NotModelled {
    /// What Linux would do: `IPv6`.
    pub fn words(self) -> String {
        match self {
            Self::Protocol(other) => format!("an endpoint for IP protocol {other}"),
            Self::Tracking(protocol) => {
                format!("connections of IP protocol {protocol}, which Linux tracks in its own way")
            }
            Self::Ipv6 => "IPv6".into(),
            Self::IpOptions => "IPv4 options for a source route or a security label".into(),
            Self::TcpSimultaneousOpen => "a connection that both sides open at once".into(),
            Self::TcpEcn => "explicit congestion notification".into(),
        }
    }
}

/// What a process hears of besides bytes of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Datagram {
        from: (Ipv4Addr, u16),
        payload: Vec<u8>,
    },
    /// An ICMP error about something it sent.
    Error(icmp::Error),
    /// The other side refused or broke a connection with a reset.
    Reset,
    /// The other side did not answer in all the time it was given.
    TimedOut,
}

/// What a layer reports. Only [`World`](crate::world::World) acts on it; every frame taken in leaves as at least one
/// of these or as a [`Event::Dropped`], a wait or a delivery.
#[derive(Clone, Debug)]
pub enum Next {
    /// Hand the frame to the device (`dev_queue_xmit`).
    Transmit(DevId, Skb),
    /// The frame reaches the device's receive side after `after`.
    Arrive { dev: DevId, from: DevId, after: Nanos, skb: Skb },
    /// The device received the frame just now (`netif_receive_skb`).
    Receive(DevId, Skb),
    /// The device receives the frame as soon as what is under way is done (`netif_rx`).
    Backlog(DevId, Skb),
    /// A tunnel device has a frame for this remote (`vxlan_xmit_one`).
    Encapsulate { dev: DevId, remote: Remote, skb: Skb },
    /// A tunnel device gets a frame out of a datagram with this source and type of service (`vxlan_rcv`).
    Decapsulate { dev: DevId, outer: (Ipv4Addr, u8), skb: Skb },
    /// The frame is for the namespace's own stack.
    Up(DevId, Skb),
    /// A frame came by a port of a bridge that calls the IP rules (`br_nf_pre_routing`).
    BridgeIn(DevId, Skb),
    /// A frame that the IP rules saw come may leave by this port (`br_nf_forward`).
    BridgeForward(DevId, Skb),
    /// The neighbour of a bridged packet with a new destination is known; the bridge takes it back
    /// (`br_nf_pre_routing_finish_bridge_slow`).
    BridgeBack(DevId, Skb),
    /// Call the neighbour table back at this time.
    NeighTimer { at: Nanos, dev: DevId, ip: Ipv4Addr, generation: u32 },
    /// A question for somebody behind this host is to be answered at this time.
    ProxyArp { at: Nanos, dev: DevId, skb: Skb },
    /// Call a connection back at this time.
    TcpTimer { at: Nanos, ns: NsId, socket: SocketId, timer: TcpTimer, generation: u32 },
    /// A connection's program has something to do.
    Wake { ns: NsId, socket: SocketId },
    /// The time for a packet's pieces to come is over then.
    FragmentTimer { at: Nanos, ns: NsId, by: Gathers, number: u32 },
    /// A process hears of something by one of its sockets.
    Tell { ns: NsId, socket: SocketId, told: Told, packet: Option<PacketId> },
    /// A program's call sends these pieces of its packet, each as soon as nothing is in flight.
    SendPieces { ns: NsId, pieces: Vec<Skb> },
    /// A program's call sends another packet, as soon as nothing is in flight.
    SendPacket { ns: NsId, skb: Skb },
    /// A program answers a datagram.
    Answer { ns: NsId, socket: SocketId, to: (Ipv4Addr, u16), parent: PacketId },
}
