//! TCP connections, from the first SYN to the last ACK. Read `net/ipv4/tcp_ipv4.c`, `tcp_input.c`, `tcp_output.c`, `tcp_timer.c` and
//! `tcp_minisocks.c` first.
//!
//! A connection is a [`Conn`]; a listener is a socket without one. Segments, acknowledgements (quick at first, then
//! delayed), windows, slow start, retransmission and the ways to end are the kernel's. Time is kept in nanoseconds and not in
//! ticks, so a timer is due when it says.
//!
//! Not modelled: opening from both sides at once and ECN, which are said aloud; fast open, urgent data, keepalives, PAWS, SYN
//! cookies, the probes of a closed window, congestion control other than Reno's, growth of buffers beyond the first ones.

mod input;
mod listen;
mod output;
mod program;
mod segment;
mod timer;

use std::net::Ipv4Addr;

use super::fib::Flow;
use super::ip;
use super::route::{Output, Routing};
use super::{Netns, PmtuDiscovery, socket::Bound, socket::Program};
use crate::base::{DevId, FxIndexMap, Nanos, NsId, PacketId, Rng, SocketId};
use crate::link::Devices;
use crate::skb::{DstKind, PacketType, Skb};
use crate::trace::{
    Birth, Ctx, DropReason, Event, Heard, LookupFor, Next, Role, SendError, TcpSegment, TcpState,
    TcpTimer, Told, Tracer,
};
use crate::wire::icmp::Error;
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::tcp::{self, Flags, Segment, Seq};
use crate::wire::{Malformed, icmp::Quote};

pub use program::{Polled, close, poll, run, write};
pub(super) use segment::segments;
pub use timer::{fire, is_due};

/// The four numbers that name a connection, as seen from here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pair {
    pub local: (Ipv4Addr, u16),
    pub remote: (Ipv4Addr, u16),
}

/// What connections offer, and how patient they are (`net.ipv4.tcp_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    pub timestamps: bool,
    pub sack: bool,
    pub window_scaling: bool,
    /// `tcp_ecn` is not 0: a client that asks for explicit congestion notification is granted it.
    pub ecn: bool,
    pub syn_retries: u8,
    /// So many more than `syn_retries`, at even times.
    pub syn_linear_timeouts: u8,
    pub synack_retries: u8,
    /// Of data (`tcp_retries2`).
    pub retries: u8,
    /// Of data that no program holds any more; 0 means 8 (`tcp_orphan_retries`).
    pub orphan_retries: u8,
    /// `tcp_fin_timeout`.
    pub fin_timeout: Nanos,
    /// The second and third number of `tcp_rmem`: bytes for what is received, at first and at most.
    pub receive_bytes: (u32, u32),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timestamps: true,
            sack: true,
            window_scaling: true,
            ecn: true,
            syn_retries: 6,
            syn_linear_timeouts: 4,
            synack_retries: 5,
            retries: 15,
            orphan_retries: 0,
            fin_timeout: Nanos::from_secs(60),
            receive_bytes: (131_072, 32 << 20),
        }
    }
}

impl Settings {
    /// The shift that makes the largest window fit 16 bits (`tcp_select_initial_window`).
    fn window_shift(&self) -> u8 {
        let log = self.receive_bytes.1.max(self.receive_bytes.0).max(1).ilog2();
        u8::try_from(log.saturating_sub(15).min(14)).unwrap_or(14)
    }
}

impl Pair {
    fn flow(self, lo: DevId) -> Flow {
        Flow {
            protocol: Protocol::Tcp.to_u8(),
            sport: self.local.1,
            dport: self.remote.1,
            ..Flow::to(self.remote.0, lo).from(self.local.0)
        }
    }
}

/// A namespace's connections: closed ones are forgotten, their sockets are not.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    /// None while the connection is being worked on.
    by_socket: FxIndexMap<SocketId, Option<Box<Conn>>>,
    by_pair: FxIndexMap<Pair, SocketId>,
    /// What first numbers and clocks are made from (`net_secret`), drawn once.
    secret: Option<[u32; 2]>,
}

impl Connections {
    /// The connection of a socket; None for a listener and for one that is over.
    pub fn get(&self, socket: SocketId) -> Option<&Conn> {
        self.by_socket.get(&socket)?.as_deref()
    }

    fn insert(&mut self, socket: SocketId, conn: Box<Conn>) {
        self.by_pair.insert(conn.pair, socket);
        self.by_socket.insert(socket, Some(conn));
    }

    /// The number that a connection begins with, and what its clock is ahead: both grow with time between the same ends
    /// (`secure_tcp_seq`, `secure_tcp_ts_off`).
    fn beginning(&mut self, rng: &mut Rng, now: Nanos, pair: Pair) -> (Seq, u32) {
        let [of_ports, of_addrs] = *self.secret.get_or_insert_with(|| [rng.bits32(), rng.bits32()]);
        let addrs = mix(mix(of_addrs, pair.local.0.into()), pair.remote.0.into());
        let ports = u32::from(pair.local.1) << 16 | u32::from(pair.remote.1);
        let ticks = u32::try_from(now.0 >> 6 & u64::from(u32::MAX)).unwrap_or(0);
        (Seq(mix(mix(of_ports, addrs), ports)).plus(ticks), addrs)
    }

    fn forget_pair(&mut self, socket: SocketId, pair: Pair) {
        if self.by_pair.get(&pair) == Some(&socket) {
            self.by_pair.swap_remove(&pair);
        }
    }

    fn remove(&mut self, socket: SocketId) {
        if let Some(Some(conn)) = self.by_socket.swap_remove(&socket) {
            self.forget_pair(socket, conn.pair);
        }
    }
}

/// A segment that is sent and not yet acknowledged. Longer pieces are kept as the segments they leave as.
#[derive(Clone, Copy, Debug)]
struct Sent {
    from: Seq,
    to: Seq,
    at: Nanos,
    /// The other side has it, and lacks something before it.
    sacked: bool,
    lost: bool,
    /// It was sent again, and that one is on its way.
    retransmitted: bool,
    /// It was sent more than once (`TCPCB_EVER_RETRANS`).
    ever_retransmitted: bool,
    packet: PacketId,
}

impl Sent {
    fn len(&self) -> u32 {
        self.to.since(self.from)
    }

    /// Whether something that was sent later, at `at` up to `end`, has arrived before it (`tcp_rack_sent_after`).
    fn is_overtaken(&self, at: Nanos, end: Seq) -> bool {
        let earlier = self.at < at || self.at == at && self.to.is_before(end);
        earlier && !self.sacked && (!self.lost || self.retransmitted)
    }
}

/// How the sender thinks of the path (`enum tcp_ca_state`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Congestion {
    Open,
    /// Something was lost; over when all that was sent by then is acknowledged.
    /// The window shrinks in proportion to what arrives (RFC 6937): it was `before`, and since then so many arrived
    /// (`prr_delivered`) and were sent (`prr_out`).
    Recovery {
        until: Seq,
        before: u32,
        arrived: u32,
        sent: u32,
    },
    /// The timer had to help.
    Loss {
        until: Seq,
    },
}

/// What the retransmission timer is set for (`icsk_pending`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pending {
    Retransmit,
    /// The last segment once more, to learn what is lost (`ICSK_TIME_LOSS_PROBE`).
    LossProbe,
    /// What came later has arrived; the rest gets a little more time (`ICSK_TIME_REO_TIMEOUT`).
    Reordering,
}

/// When to acknowledge (`icsk_ack`).
#[derive(Clone, Copy, Debug)]
struct Acks {
    scheduled: bool,
    /// Protocol rules want one at once (`ICSK_ACK_NOW`).
    now: bool,
    /// A short segment came (`ICSK_ACK_PUSHED`), a second one (`ICSK_ACK_PUSHED2`).
    pushed: u8,
    /// How many more are sent at once.
    quick: u16,
    /// The program answers what it reads, so acknowledgements may wait for its answer.
    pingpong: bool,
    /// How long one waits; zero before the first data.
    delay: Nanos,
    received_at: Nanos,
    /// The longest segment the other side sends, as far as is known.
    rcv_mss: u32,
}

/// A timer that runs out once; setting it anew makes what was set before void.
#[derive(Clone, Copy, Default, Debug)]
struct Timer {
    generation: u32,
    at: Option<Nanos>,
}

/// Timestamps, once agreed on.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Added to this host's milliseconds (`tsoffset`).
    offset: u32,
    /// The newest value heard (`ts_recent`).
    recent: u32,
}

/// A connection (`struct tcp_sock`).
#[derive(Clone, Debug)]
pub struct Conn {
    state: TcpState,
    pair: Pair,
    /// The listener that it came by.
    listener: Option<SocketId>,

    /// Of this side's numbers: the oldest that is not acknowledged, the next to send.
    una: Seq,
    nxt: Seq,
    /// The SYN is not acknowledged; it has the number `una`.
    syn_out: bool,
    /// When the SYN was last sent, and as which packet.
    syn_at: Option<Nanos>,
    syn_packet: Option<PacketId>,
    /// Bytes that are not acknowledged, sent ones first.
    data: Vec<u8>,
    /// The number of the FIN that follows the data.
    fin: Option<Seq>,
    /// Where the program's last write began, and how many bytes of one are handed down at once (`size_goal`).
    written_at: Seq,
    goal: u32,
    sent: Vec<Sent>,
    /// What the other side takes: bytes from `una` on, the number of the segment that said so, the most it ever said.
    window: u32,
    window_said_by: Seq,
    max_window: u32,
    window_shift: u8,
    /// The longest payload the other side takes, options included.
    mss_clamp: u32,
    cwnd: u32,
    /// Segments acknowledged towards one more in the window (`snd_cwnd_cnt`).
    cwnd_credit: u32,
    ssthresh: u32,
    max_out: u32,
    cwnd_limited: bool,
    cwnd_usage_until: Seq,
    congestion: Congestion,
    /// Without selective acknowledgements: so many segments behind a gap have arrived, going by acknowledgements that repeat a
    /// number (`sacked_out`).
    repeats: u32,
    /// Sent when the newest segment was that is known to have arrived, and its end (`tp->rack`).
    newest_delivered: Option<(Nanos, Seq)>,
    probe_until: Option<Seq>,
    srtt: Option<Nanos>,
    rttvar: Nanos,
    rto: Nanos,
    retransmits: u32,
    /// How often in a row the timer was doubled (`icsk_backoff`).
    doublings: u32,
    pending: Option<Pending>,

    /// Of the other side's numbers: its first, the next one expected, that of the last acknowledgement.
    irs: Seq,
    rcv_nxt: Seq,
    acked_to: Seq,
    /// The window last told, from `acked_to` on, and the one that may be told.
    own_window: u32,
    window_limit: u32,
    own_window_shift: u8,
    /// What a SYN offers to shift by.
    offered_shift: u8,
    advmss: u16,
    /// Bytes that the program has not read, and segments behind a gap: from, bytes, whether a FIN follows.
    unread: Vec<u8>,
    ahead: Vec<(Seq, Vec<u8>, bool)>,
    /// Ranges behind a gap, the newest first; a duplicate to report.
    sacks: Vec<(Seq, Seq)>,
    duplicate: Option<(Seq, Seq)>,
    /// The other side will send no more.
    fin_received: bool,
    /// What brought the data that the program has not read.
    brought_by: Option<PacketId>,
    ack: Acks,
    /// The other side acknowledged something since the last segment went there (`sk_dst_pending_confirm`).
    confirms_neigh: bool,
    /// Answers to strange segments are at most two a second (`last_oow_ack_time`).
    strange_answered_at: Option<Nanos>,
    /// The MTU that segments are made for (`icsk_pmtu_cookie`), and what a packet said of a smaller one while the program was in
    /// a call (`mtu_info`).
    path_mtu: u32,
    told_path_mtu: Option<(u32, PacketId)>,

    clock: Option<Clock>,
    sack_ok: bool,
    scaling: bool,
    identification: u16,
    timers: [Timer; TcpTimer::COUNT],
    work: program::Work,
}

/// What a connection may touch besides itself.
struct Env<'a, 'c, T> {
    ctx: &'a mut Ctx<'c, T>,
    ns: &'a mut Netns,
    devices: &'a Devices,
    socket: SocketId,
    /// The socket that stands for it in a trace: the listener's, for a connection that came by one.
    known_as: SocketId,
    /// A program is in a call; whether that has sent something already. What it sends then waits until the kernel has worked
    /// off what went before, as that comes before the call goes on.
    call: Option<bool>,
}

impl<T: Tracer> Env<'_, '_, T> {
    fn event(&mut self, packet: Option<PacketId>, event: Event) {
        self.ctx.event(packet, event);
    }

    fn ns_id(&self) -> NsId {
        self.devices[self.ns.lo].ns
    }

    /// A program hears of something (`sk_data_ready`, `sk_error_report`).
    fn hear(&mut self, packet: Option<PacketId>, heard: Heard) {
        let (ns, socket) = (self.ns_id(), self.known_as);
        self.event(packet, Event::SocketReceive { ns, socket, heard });
        self.ns.sockets.get_mut(socket).heard += 1;
        let told = match heard {
            Heard::Error(error) => Told::Error(error),
            Heard::Reset => Told::Reset,
            Heard::TimedOut => Told::TimedOut,
            // It reads these itself.
            Heard::Data | Heard::Bytes(_) | Heard::Closed => return,
        };
        if let Program::Runs { .. } = self.ns.sockets.get(self.socket).program {
            self.ctx.out.push(Next::Tell { ns, socket: self.socket, told, packet });
        }
    }
}

/// `TCP_MSS_DEFAULT`: where no option says otherwise.
const DEFAULT_MSS: u32 = 536;
/// `ip_rt_min_advmss`.
const MIN_ADVERTISED_MSS: u32 = 256;
/// Bytes of an IPv4 and a TCP header without options.
const HEADERS: u32 = 40;
/// `TCPOLEN_TSTAMP_ALIGNED`: bytes of the options of every segment once timestamps are agreed on.
const TIMESTAMPS_LEN: u32 = 12;
/// `INET_ECN_MASK`, of a type of service.
const CONGESTION_BITS: u8 = 3;
/// `TCP_INIT_CWND`.
const INITIAL_CWND: u32 = 10;
/// How far the window grows while segments are long (`tp->window_clamp` after the first ones).
const MAX_RECEIVE_SPACE: u32 = 77 << 10;

/// What becomes of a segment that reached its connection.
enum Taken {
    Read,
    Dropped(DropReason),
    /// Dropped, and answered with a reset.
    Refused(DropReason),
    /// A SYN on a connection that is over: the listener may have it, and begin with this number.
    Anew(Seq),
}

/// A segment arrived (`tcp_v4_rcv`).
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    skb: Skb,
) {
    if skb.pkt_type != PacketType::Host {
        return ctx.drop(dev, skb, DropReason::TcpNotForOne);
    }
    let bytes = &skb.payload()[header.header_len..];
    let segment = match Segment::parse(bytes, header.src, header.dst) {
        Ok(segment) => segment,
        Err(Malformed::Checksum) => return ctx.drop(dev, skb, DropReason::TcpCsum),
        Err(Malformed::Truncated { .. } | Malformed::Field(_)) => {
            return ctx.drop(dev, skb, DropReason::PktTooSmall);
        }
    };
    let pair =
        Pair { local: (header.dst, segment.dst_port), remote: (header.src, segment.src_port) };
    let known = ns.sockets.connections.by_pair.get(&pair).copied();
    let mut taken = match known {
        Some(socket) => with(ctx, ns, devices, socket, |conn, env| {
            let (ns, socket, state) = (env.ns_id(), env.known_as, conn.state);
            env.event(Some(skb.id), Event::TcpReceive { ns, socket, state });
            conn.receive(env, &segment, skb.id)
        }),
        None => None,
    };
    let isn = match taken {
        Some(Taken::Anew(isn)) => Some(isn),
        _ => None,
    };
    if taken.is_none() || isn.is_some() {
        taken = Some(match ns.sockets.find_listener(pair.local) {
            Some(listener) => {
                listen::receive(ctx, ns, devices, (listener, pair), (&segment, isn), &skb)
            }
            None => Taken::Refused(DropReason::NoSocket),
        });
    }
    match taken {
        Some(Taken::Read) | None => ctx.consume(skb),
        Some(Taken::Dropped(reason)) => ctx.drop(dev, skb, reason),
        Some(Taken::Refused(reason)) => {
            send_reset(ctx, ns, devices, header, &segment, &skb);
            ctx.drop(dev, skb, reason);
        }
        Some(Taken::Anew(_)) => ctx.drop(dev, skb, DropReason::NoSocket),
    }
}

/// Does something with a socket's connection, if there is one; one that is over then is forgotten.
fn with<T: Tracer, R>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
    act: impl FnOnce(&mut Conn, &mut Env<'_, '_, T>) -> R,
) -> Option<R> {
    // Taken out while it looks at the rest of the namespace.
    let mut conn = ns.sockets.connections.by_socket.get_mut(&socket)?.take()?;
    let known_as = conn.listener.unwrap_or(socket);
    let done = act(&mut conn, &mut Env { ctx, ns, devices, socket, known_as, call: None });
    let connections = &mut ns.sockets.connections;
    if conn.state == TcpState::Close {
        connections.forget_pair(socket, conn.pair);
        connections.by_socket.swap_remove(&socket);
        ns.sockets.unbind(socket);
    } else if let Some(slot) = connections.by_socket.get_mut(&socket) {
        *slot = Some(conn);
    }
    Some(done)
}

/// A client connects (`tcp_v4_connect`): a SYN leaves, and later the bytes of `send`.
pub fn connect<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
    (dst, dst_port): (Ipv4Addr, u16),
    send: &[u8],
) -> Result<(), SendError> {
    let ns_id = devices[ns.lo].ns;
    let bound = ns.sockets.get(socket);
    let (Bound::Tcp { port }, src) = (bound.bound, bound.addr) else {
        unreachable!("World connects sockets of TCP only")
    };
    let failed = |error| Event::SendFailed { ns: ns_id, dst, error };
    let unbound =
        Pair { local: (src.unwrap_or(Ipv4Addr::UNSPECIFIED), port), remote: (dst, dst_port) };
    let packet =
        ctx.born(None, Birth::Tcp { segment: TcpSegment::Syn, again: false, by: Role::Client });
    ctx.event(packet, Event::SocketSend { ns: ns_id, socket, dst, dst_port });
    let is_for_all = |it: &Output| it.dst.to == DstKind::Broadcast || dst.is_multicast();
    let route = match route(ctx, ns, devices, unbound, Some(packet)) {
        // Connections are between two hosts.
        Ok(route) if is_for_all(&route) => Err(SendError::NetUnreachable),
        route => route,
    };
    let route = match route {
        Ok(route) => route,
        Err(error) => {
            ctx.event(packet, failed(error));
            return Err(error);
        }
    };
    let pair = Pair { local: (route.src, port), ..unbound };
    if let Some(&other) = ns.sockets.connections.by_pair.get(&pair) {
        let over =
            ns.sockets.connections.get(other).is_some_and(|it| it.state == TcpState::TimeWait);
        if !over {
            ctx.event(packet, failed(SendError::AddrNotAvailable));
            return Err(SendError::AddrNotAvailable);
        }
        ns.sockets.connections.remove(other);
    }
    let (isn, ahead) = ns.sockets.connections.beginning(ctx.rng, ctx.now, pair);
    let mut conn = Box::new(Conn::new(pair, isn));
    conn.work = program::Work::client(&ns.sockets.get(socket).program, send);
    let settings = ns.sysctl.tcp;
    conn.clock = settings.timestamps.then_some(Clock { offset: ahead, recent: 0 });
    (conn.sack_ok, conn.scaling) = (settings.sack, settings.window_scaling);
    conn.identification = ctx.rng.bits16();
    conn.advertise(&settings, advertised_mss(ctx, ns, devices, (&route, dst)), false);
    ns.sockets.connections.insert(socket, conn);
    with(ctx, ns, devices, socket, |conn, env| {
        conn.enter(env, Some(packet), TcpState::SynSent);
        conn.send_syn(env, packet, false);
        env.wake(); // it comes back from the call when all that follows at once has happened
    });
    Ok(())
}

/// The socket of the connection whose segment an ICMP message quotes.
pub(super) fn sender_of(ns: &Netns, quote: &Quote) -> Option<SocketId> {
    let [s0, s1, d0, d1, ..] = quote.start;
    let pair = Pair {
        local: (quote.src, u16::from_be_bytes([s0, s1])),
        remote: (quote.dst, u16::from_be_bytes([d0, d1])),
    };
    ns.sockets.connections.by_pair.get(&pair).copied()
}

/// Whether a connection follows a redirect about the quoted segment (`tcp_v4_err`): not while its program is in a call, as
/// it is while it connects.
pub(super) fn heeds_redirect(ns: &Netns, quote: &Quote) -> bool {
    let [.., n0, n1, n2, n3] = quote.start;
    let number = Seq(u32::from_be_bytes([n0, n1, n2, n3]));
    let conn = sender_of(ns, quote).and_then(|socket| ns.sockets.connections.get(socket));
    conn.is_some_and(|conn| {
        let is_current = !number.is_before(conn.una) && !number.is_after(conn.nxt);
        let is_young = matches!(conn.state, TcpState::SynRecv | TcpState::TimeWait);
        is_current && !is_young && !conn.work.is_busy()
    })
}

/// An ICMP error about a segment of this host's (`tcp_v4_err`). Whether it belongs to a connection.
pub(super) fn hear_error<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (error, quote): (Error, &Quote),
    skb: &Skb,
) -> bool {
    let [.., n0, n1, n2, n3] = quote.start;
    let number = Seq(u32::from_be_bytes([n0, n1, n2, n3]));
    let Some(socket) = sender_of(ns, quote) else { return false };
    with(ctx, ns, devices, socket, |conn, env| {
        if conn.state == TcpState::TimeWait
            || number.is_before(conn.una)
            || number.is_after(conn.nxt)
        {
            return false; // about a segment that arrived long ago
        }
        let nobody_there =
            matches!(error, Error::NetUnreachable | Error::HostUnreachable | Error::TtlExceeded);
        if let Error::FragmentationNeeded { mtu_bytes } = error {
            let mtu_bytes = match env.ns.sysctl.pmtu.discovery {
                PmtuDiscovery::On | PmtuDiscovery::Hardened => u32::from(mtu_bytes),
                PmtuDiscovery::Off => 0,
                PmtuDiscovery::Deaf => return true,
            };
            // What answers a SYN is short.
            if conn.state != TcpState::SynRecv {
                conn.hear_path_mtu(env, mtu_bytes, skb.id);
            }
            return true;
        }
        match conn.state {
            // While the program is still in its call, an error is only noted, and the SYN goes again.
            TcpState::SynSent if !conn.work.is_busy() => {
                env.hear(Some(skb.id), Heard::Error(error));
                conn.die(env, Some(skb.id));
            }
            TcpState::SynRecv if nobody_there => conn.die(env, Some(skb.id)),
            _ => {
                let (ns, socket) = (env.ns_id(), env.known_as);
                env.event(Some(skb.id), Event::TcpErrorNoted { ns, socket, error });
                if matches!(error, Error::NetUnreachable | Error::HostUnreachable) {
                    conn.take_back_a_doubling(env, number);
                }
            }
        }
        true
    })
    .unwrap_or(false)
}

/// One segment as it leaves.
struct Outgoing<'a> {
    pair: Pair,
    tos: u8,
    identification: u16,
    header: &'a tcp::Header,
    payload: &'a [u8],
    /// As in [`Skb`].
    segment_len: u16,
    packet: PacketId,
    socket: Option<SocketId>,
    confirms_neigh: bool,
    /// Something else goes first that the same call has sent.
    waits: bool,
}

/// The one place where segments are handed to IP (`ip_queue_xmit`, `ip_send_unicast_reply`). Without a route there is no
/// packet, and timers try again.
fn transmit<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    out: &Outgoing<'_>,
) {
    let (src, dst) = (out.pair.local, out.pair.remote);
    let route = match route(ctx, ns, devices, out.pair, Some(out.packet)) {
        Ok(route) => route,
        Err(error) => {
            let ns = devices[ns.lo].ns;
            return ctx.event(out.packet, Event::SendFailed { ns, dst: dst.0, error });
        }
    };
    let mut options = Vec::with_capacity(tcp::MAX_OPTIONS_LEN);
    out.header.options.emit(&mut options);
    let mut frame = ip::new_frame(ctx);
    ipv4::Emit {
        tos: out.tos,
        identification: out.identification,
        dont_fragment: out.socket.is_none()
            || ns.sysctl.pmtu.discovery == PmtuDiscovery::On
                && !Routing { ns, devices, now: ctx.now }.mtu_is_locked(&route.dst, dst.0),
        ttl_hops: ns.sysctl.default_ttl_hops,
        protocol: Protocol::Tcp,
        src: src.0,
        dst: dst.0,
    }
    .emit(&mut frame, tcp::LEN + options.len() + out.payload.len());
    tcp::emit(&mut frame, src, dst, out.header, out.payload);
    let mut skb = Skb::new(out.packet, frame);
    skb.dst = Some(route.dst);
    skb.socket = out.socket;
    skb.by_kernel = out.socket.is_none();
    skb.confirms_neigh = out.confirms_neigh;
    skb.segment_len = out.segment_len;
    if out.waits {
        ctx.out.push(Next::SendPacket { ns: devices[ns.lo].ns, skb });
    } else {
        ip::local_out(ctx, ns, devices, skb);
    }
}

/// The way to the other side (`ip_route_output_ports`), told as `packet`'s where there is one.
fn route<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    pair: Pair,
    packet: Option<PacketId>,
) -> Result<Output, SendError> {
    let (src, dst) = (pair.local, pair.remote);
    let flow = pair.flow(ns.lo);
    let told = (dst.0, LookupFor::Output);
    let ns_id = devices[ns.lo].ns;
    match (Routing { ns, devices, now: ctx.now }).output(&flow, None) {
        Ok(route) => {
            if let Some(packet) = packet {
                route.because.tell(ctx, packet, ns_id, told);
                if let (true, Some(id)) = (src.0.is_unspecified(), route.dst.route) {
                    ctx.event(packet, Event::SourceChosen { ns: ns_id, src: route.src, route: id });
                }
            }
            Ok(route)
        }
        Err((error, because)) => {
            if let Some(packet) = packet {
                because.tell_failure(ctx, packet, ns_id, told);
            }
            Err(error)
        }
    }
}

/// The longest payload to ask for (`dst_metric_advmss`, `ipv4_default_advmss`).
fn advertised_mss<T: Tracer>(
    ctx: &Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    (route, remote): (&Output, Ipv4Addr),
) -> u32 {
    let asked = route.dst.route.and_then(|id| ns.fib.route(id).advmss_bytes);
    let mtu_bytes = Routing { ns, devices, now: ctx.now }.mtu(&route.dst, remote, false);
    let by_mtu = mtu_bytes.saturating_sub(HEADERS);
    asked.map_or(by_mtu.max(MIN_ADVERTISED_MSS), u32::from)
}

/// `tcp_v4_send_reset`: to whom a segment came from that nobody here can use.
fn send_reset<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    header: &Header,
    segment: &Segment<'_>,
    skb: &Skb,
) {
    if segment.header.flags.has(Flags::RST) {
        return; // no reset about a reset
    }
    let birth = Birth::Tcp { segment: TcpSegment::Reset, again: false, by: Role::Server };
    let packet = ctx.born(Some(skb.id), birth);
    let pair =
        Pair { local: (header.dst, segment.dst_port), remote: (header.src, segment.src_port) };
    let (tos, header) = (header.tos & !CONGESTION_BITS, &segment.reset());
    let out = Outgoing {
        pair,
        tos,
        identification: 0,
        header,
        payload: &[],
        segment_len: 0,
        packet,
        socket: None,
        confirms_neigh: false,
        waits: false,
    };
    transmit(ctx, ns, devices, &out);
}

impl Conn {
    /// A connection whose numbers begin with `isn`; nothing is agreed on yet.
    fn new(pair: Pair, isn: Seq) -> Self {
        Self {
            state: TcpState::Close,
            pair,
            listener: None,
            una: isn,
            nxt: isn,
            syn_out: true,
            data: Vec::new(),
            fin: None,
            syn_at: None,
            syn_packet: None,
            written_at: isn,
            goal: 0,
            sent: Vec::new(),
            window: 0,
            window_said_by: Seq(0),
            max_window: 0,
            window_shift: 0,
            mss_clamp: DEFAULT_MSS,
            cwnd: INITIAL_CWND,
            cwnd_credit: 0,
            ssthresh: u32::MAX,
            max_out: 0,
            cwnd_limited: false,
            cwnd_usage_until: isn,
            congestion: Congestion::Open,
            repeats: 0,
            newest_delivered: None,
            probe_until: None,
            srtt: None,
            rttvar: Nanos::ZERO,
            rto: timer::FIRST_RTO,
            retransmits: 0,
            doublings: 0,
            pending: None,
            irs: Seq(0),
            rcv_nxt: Seq(0),
            acked_to: Seq(0),
            own_window: 0,
            window_limit: 0,
            own_window_shift: 0,
            offered_shift: 0,
            advmss: 0,
            unread: Vec::new(),
            ahead: Vec::new(),
            sacks: Vec::new(),
            duplicate: None,
            fin_received: false,
            brought_by: None,
            ack: Acks {
                scheduled: false,
                now: false,
                pushed: 0,
                quick: 0,
                pingpong: false,
                delay: Nanos::ZERO,
                received_at: Nanos::ZERO,
                rcv_mss: DEFAULT_MSS,
            },
            confirms_neigh: false,
            strange_answered_at: None,
            path_mtu: u32::MAX,
            told_path_mtu: None,
            clock: None,
            sack_ok: false,
            scaling: false,
            identification: 0,
            timers: [Timer::default(); TcpTimer::COUNT],
            work: program::Work::default(),
        }
    }

    /// As `ss` calls it.
    pub fn state(&self) -> TcpState {
        self.state
    }

    pub fn pair(&self) -> Pair {
        self.pair
    }

    fn enter<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        packet: Option<PacketId>,
        to: TcpState,
    ) {
        let from = std::mem::replace(&mut self.state, to);
        let (ns, socket) = (env.ns_id(), env.known_as);
        env.event(packet, Event::TcpState { ns, socket, from, to });
    }

    /// What to tell of oneself in a SYN: the longest payload and the first window (`tcp_select_initial_window`), a whole
    /// number of segments.
    fn advertise(&mut self, settings: &Settings, mss: u32, timestamps_known: bool) {
        self.advmss = u16::try_from(mss).unwrap_or(u16::MAX);
        let segment = mss - if timestamps_known { TIMESTAMPS_LEN } else { 0 };
        // Half of the space is for payload (`tcp_full_space`).
        let space = (settings.receive_bytes.0 / 2).min(u32::from(u16::MAX));
        self.own_window = if space > segment { space / segment * segment } else { space };
        self.window_limit = self.own_window;
        self.offered_shift = settings.window_shift();
    }

    fn role(&self) -> Role {
        if self.listener.is_some() { Role::Server } else { Role::Client }
    }

    /// The number of the first byte of [`Conn::data`].
    fn data_at(&self) -> Seq {
        self.una.plus(u32::from(self.syn_out))
    }

    /// The number after the last byte that the program wrote; a FIN has it.
    fn data_end(&self) -> Seq {
        self.fin.unwrap_or_else(|| self.data_at().plus(count(self.data.len())))
    }

    /// Segments on their way (`tcp_packets_in_flight`).
    fn in_flight(&self) -> u32 {
        let there = |it: &&Sent| !it.sacked && (!it.lost || it.retransmitted);
        count(self.sent.iter().filter(there).count()).saturating_sub(self.repeats)
    }
}

/// Two numbers into one that looks like neither (the finalizer of `MurmurHash3`).
const fn mix(a: u32, b: u32) -> u32 {
    let mut h = a ^ b;
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

/// Lengths here come from packets and from programs' writes, which are limited.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
