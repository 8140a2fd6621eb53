//! Listeners, and requests that wait for the handshake's third segment. Read `tcp_conn_request`, `tcp_check_req` first.

use super::{
    Clock, Conn, Env, Pair, Settings, Taken, advertised_mss, input::Incoming, program, route,
};
use crate::base::{PacketId, SocketId};
use crate::link::Devices;
use crate::skb::Skb;
use crate::stack::Netns;
use crate::stack::socket::{Bound, Socket};
use crate::trace::{Ctx, DropReason, Event, NotModelled, TcpState, Tracer};
use crate::wire::tcp::{Flags, Segment, Seq};

/// A segment for a listener (`tcp_rcv_state_process` in `TCP_LISTEN`). `isn` is the number to begin with where an earlier
/// connection between the same ends asks for one beyond its own.
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (listener, pair): (SocketId, Pair),
    (segment, isn): (&Segment<'_>, Option<Seq>),
    skb: &Skb,
) -> Taken {
    let flags = segment.header.flags;
    if flags.has(Flags::ACK) && !flags.has(Flags::RST) {
        return Taken::Refused(DropReason::TcpFlags);
    }
    if flags.has(Flags::RST) {
        return Taken::Dropped(DropReason::TcpReset);
    }
    if !flags.has(Flags::SYN) || flags.has(Flags::FIN) {
        return Taken::Dropped(DropReason::TcpFlags);
    }
    if ns.sysctl.tcp.ecn && flags.has(Flags::ECE.with(Flags::CWR)) {
        let ns = devices[ns.lo].ns;
        ctx.event(skb.id, Event::NotModelled { ns, what: NotModelled::TcpEcn });
        return Taken::Dropped(DropReason::NotModelled);
    }
    let Ok(way) = route(ctx, ns, devices, pair, None) else {
        return Taken::Dropped(DropReason::IpOutNoRoutes);
    };
    let (begin, ahead) = ns.sockets.connections.beginning(ctx.rng, ctx.now, pair);
    let mut conn = Box::new(Conn::new(pair, isn.unwrap_or(begin)));
    conn.listener = Some(listener);
    conn.work = program::Work::server(&ns.sockets.get(listener).program);
    conn.identification = ctx.rng.bits16();
    let settings = ns.sysctl.tcp;
    let mss = advertised_mss(ctx, ns, devices, (&way, pair.remote.0));
    conn.advertise(&settings, mss, false);
    conn.agree(&settings, ahead, segment);
    conn.advertise(&settings, mss, conn.clock.is_some());
    let owner = ns.sockets.get(listener).owner.clone();
    let program = ns.sockets.get(listener).program.clone();
    let bound = Bound::Tcp { port: pair.local.1 };
    let addr = Some(pair.local.0);
    let socket = ns.sockets.add(Socket { bound, addr, program, owner, broadcast: false, heard: 0 });
    ns.sockets.connections.insert(socket, conn);
    super::with(ctx, ns, devices, socket, |conn, env| {
        conn.enter(env, Some(skb.id), TcpState::SynRecv);
        conn.answer_syn(env, Some(skb.id), false);
        conn.start_syn_ack_timer(env);
    });
    Taken::Read
}

impl Conn {
    /// What the other side's SYN offers, as far as this side takes it up.
    pub(super) fn agree(&mut self, settings: &Settings, clock_offset: u32, segment: &Segment<'_>) {
        let options = segment.header.options;
        self.irs = segment.header.seq;
        self.rcv_nxt = self.irs.plus(1);
        self.acked_to = self.rcv_nxt;
        self.mss_clamp = options.mss.map_or(super::DEFAULT_MSS, u32::from);
        self.sack_ok = settings.sack && options.sack_permitted;
        let scale = options.window_scale.filter(|_| settings.window_scaling);
        self.scaling = scale.is_some();
        self.window_shift = scale.unwrap_or(0);
        self.own_window_shift = if self.scaling { self.offered_shift } else { 0 };
        let clock = |recent| Clock { offset: clock_offset, recent };
        let told = options.timestamps.filter(|_| settings.timestamps);
        self.clock = told.map(|it| clock(it.value));
        // The window of a SYN is not shifted.
        self.window = u32::from(segment.header.window);
        self.max_window = self.window;
        self.window_said_by = segment.header.seq;
    }

    /// A segment for a request (`tcp_check_req`).
    pub(super) fn receive_as_request<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        segment: &Segment<'_>,
        packet: PacketId,
    ) -> Taken {
        let header = &segment.header;
        let only =
            |flag: Flags| header.flags.0 & (Flags::RST.0 | Flags::SYN.0 | Flags::ACK.0) == flag.0;
        if header.seq == self.irs && only(Flags::SYN) {
            if self.may_answer_strange(env.ctx.now) {
                self.answer_syn(env, Some(packet), true);
                self.put_off_syn_ack_timer(env);
            }
            return Taken::Read;
        }
        if header.flags.has(Flags::ACK) && header.ack != self.una.plus(1) {
            return if header.flags.has(Flags::RST) {
                Taken::Dropped(DropReason::TcpReset)
            } else {
                Taken::Refused(DropReason::TcpFlags)
            };
        }
        let end = segment.end_seq();
        let edge = self.rcv_nxt.plus(self.own_window);
        let in_window = if header.seq == end {
            !header.seq.is_before(self.rcv_nxt) && header.seq.is_before(edge)
                || header.seq == self.rcv_nxt
        } else {
            header.seq.is_before(edge) && end.is_after(self.rcv_nxt)
        };
        if !in_window {
            if !header.flags.has(Flags::RST) && self.may_answer_strange(env.ctx.now) {
                self.send_request_ack(env, packet);
            }
            return Taken::Dropped(DropReason::TcpInvalidSequence);
        }
        let syn = header.flags.has(Flags::SYN) && header.seq != self.irs;
        if header.flags.has(Flags::RST) || syn {
            self.enter(env, Some(packet), TcpState::Close);
            self.stop_timers();
            self.work.abandon();
            return if header.flags.has(Flags::RST) {
                Taken::Dropped(DropReason::TcpReset)
            } else {
                Taken::Refused(DropReason::TcpInvalidSyn)
            };
        }
        if !header.flags.has(Flags::ACK) {
            return Taken::Dropped(DropReason::TcpFlags);
        }
        self.establish(env, packet);
        let incoming = Incoming { header, payload: segment.payload, packet };
        // What it carries besides is read as by any connection.
        self.process(env, &incoming)
    }

    /// The handshake is done (`tcp_v4_syn_recv_sock`, `tcp_rcv_state_process` in `TCP_SYN_RECV`).
    fn establish<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        self.stop_timers();
        self.retransmits = 0;
        self.una = self.una.plus(1);
        self.nxt = self.una;
        self.syn_out = false;
        self.written_at = self.una;
        self.cwnd_usage_until = self.una;
        self.enter(env, Some(packet), TcpState::Established);
        self.begin_acks();
        if let Some(at) = self.syn_at {
            self.take_rtt(env.ctx.now.since(at));
        }
    }
}
