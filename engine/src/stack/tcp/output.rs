//! What a connection sends, and when. Read `net/ipv4/tcp_output.c` first.

use super::{
    Clock, Congestion, Conn, Env, HEADERS, Outgoing, Sent, count, input::Incoming, route, transmit,
};
use crate::base::{Nanos, PacketId};
use crate::stack::route::Routing;
use crate::stack::{PmtuDiscovery, pmtu};
use crate::trace::{Birth, TcpSegment, TcpState, TcpTimer, Tracer};
use crate::wire::tcp::{self, Flags, Header, MAX_SACKS, Options, Seq, Timestamps};

/// Bytes that are handed down at once at most (`sk_gso_max_size` less the headers that may precede).
const MAX_HANDED_DOWN: u32 = 65_536 - 321;
/// `tcp_tso_win_divisor`: for less than this part of a window, more acknowledgements are waited for.
const DEFER_DIVISOR: u32 = 3;

/// What a segment is made of besides its numbers.
struct Piece {
    flags: Flags,
    from: Seq,
    payload: Vec<u8>,
    /// What a segment holds at most; what is longer is cut on its way out (`gso_size`).
    segment_len: u32,
    again: bool,
}

impl Piece {
    /// No bytes, only numbers and flags.
    const fn bare(flags: Flags, from: Seq) -> Self {
        Self { flags, from, payload: Vec::new(), segment_len: 0, again: false }
    }
}

impl Conn {
    /// Sends the first segment of a connection, which exists as `packet` since somebody asked for it (`tcp_connect`).
    pub(super) fn send_syn<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        packet: PacketId,
        again: bool,
    ) {
        let identification = self.next_identification();
        self.open(env, (Flags::SYN, Seq(0)), identification, packet);
        if !again {
            self.start_timer(env, TcpTimer::Retransmit, self.rto);
        }
    }

    /// Answers a SYN with one (`tcp_v4_send_synack`). A request has no socket of its own yet, and its packets no number.
    pub(super) fn answer_syn<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
        again: bool,
    ) {
        let segment = TcpSegment::SynAck;
        let packet = env.ctx.born(parent, Birth::Tcp { segment, again, by: self.role() });
        self.open(env, (Flags::SYN.with(Flags::ACK), self.rcv_nxt), 0, packet);
    }

    fn open<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        (flags, ack): (Flags, Seq),
        identification: u16,
        packet: PacketId,
    ) {
        let header = Header {
            seq: self.una,
            ack,
            flags,
            window: u16::try_from(self.own_window).unwrap_or(u16::MAX),
            options: Options {
                mss: Some(self.advmss),
                window_scale: self.scaling.then_some(self.offered_shift),
                sack_permitted: self.sack_ok,
                timestamps: self.timestamps(env.ctx.now),
                ..Options::default()
            },
        };
        self.nxt = self.una.plus(1);
        self.syn_at = Some(env.ctx.now);
        self.syn_packet = Some(packet);
        self.emit(env, identification, &header, (&[], 0), packet);
    }

    /// An acknowledgement alone (`tcp_send_ack`).
    pub(super) fn send_ack<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
    ) {
        let from = self.nxt;
        self.send_piece(env, parent, Piece::bare(Flags::ACK, from));
    }

    /// An answer to a segment that does not fit a request (`tcp_v4_reqsk_send_ack`).
    pub(super) fn send_request_ack<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: PacketId,
    ) {
        self.send_ack(env, Some(parent));
    }

    /// Ends the connection from this side at once (`tcp_send_active_reset`).
    pub(super) fn send_active_reset<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        let flags = Flags::RST.with(Flags::ACK);
        let from = self.nxt;
        self.send_piece(env, None, Piece::bare(flags, from));
    }

    /// Refuses a segment that this connection cannot use (`tcp_v4_send_reset`).
    pub(super) fn send_reset_for<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) {
        if it.header.flags.has(Flags::RST) {
            return;
        }
        let (src_port, dst_port) = (self.pair.remote.1, self.pair.local.1);
        let segment = tcp::Segment { src_port, dst_port, header: *it.header, payload: it.payload };
        let birth = Birth::Tcp { segment: TcpSegment::Reset, again: false, by: self.role() };
        let packet = env.ctx.born(Some(it.packet), birth);
        self.emit(env, 0, &segment.reset(), (&[], 0), packet);
    }

    fn send_piece<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
        piece: Piece,
    ) -> PacketId {
        let Piece { flags, from, payload, segment_len, again } = piece;
        let window = self.tell_window();
        let options = self.options(env.ctx.now);
        let header = Header { seq: from, ack: self.rcv_nxt, flags, window, options };
        let segment = if flags.has(Flags::RST) {
            TcpSegment::Reset
        } else if flags.has(Flags::FIN) {
            TcpSegment::Fin
        } else if payload.is_empty() {
            TcpSegment::Ack
        } else {
            TcpSegment::Data
        };
        if !payload.is_empty() && env.ctx.now.since(self.ack.received_at) < self.ack.delay {
            self.ack.pingpong = true; // an answer soon after what was read (tcp_event_data_sent)
        }
        self.acks_sent();
        let identification =
            if self.state == TcpState::TimeWait { 0 } else { self.next_identification() };
        let packet = env.ctx.born(parent, Birth::Tcp { segment, again, by: self.role() });
        self.emit(env, identification, &header, (&payload, segment_len), packet);
        packet
    }

    /// `tcp_event_ack_sent`.
    fn acks_sent(&mut self) {
        if self.ack.scheduled {
            self.ack.quick = self.ack.quick.saturating_sub(1);
            if self.ack.quick == 0 && self.ack.delay > Nanos::ZERO {
                self.ack.delay = super::timer::MIN_DELAYED_ACK;
            }
        }
        (self.ack.scheduled, self.ack.now, self.ack.pushed) = (false, false, 0);
        self.acked_to = self.rcv_nxt;
        self.duplicate = None;
        self.timers[TcpTimer::DelayedAck.index()].stop();
    }

    fn emit<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        identification: u16,
        header: &Header,
        (payload, segment_len): (&[u8], u32),
        packet: PacketId,
    ) {
        let is_cut = count(payload.len()) > segment_len;
        let out = Outgoing {
            pair: self.pair,
            tos: 0,
            identification,
            header,
            payload,
            segment_len: if is_cut { u16::try_from(segment_len).unwrap_or(0) } else { 0 },
            packet,
            socket: Some(env.socket),
            confirms_neigh: std::mem::take(&mut self.confirms_neigh),
            waits: env.call.as_mut().is_some_and(|sent| std::mem::replace(sent, true)),
        };
        transmit(env.ctx, env.ns, env.devices, &out);
    }

    fn next_identification(&mut self) -> u16 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
    }

    fn timestamps(&self, now: Nanos) -> Option<Timestamps> {
        let Clock { offset, recent } = self.clock?;
        let ms = u32::try_from(now.0 / 1_000_000 % (1 << 32)).unwrap_or(0);
        Some(Timestamps { value: ms.wrapping_add(offset), echo: recent })
    }

    /// `tcp_established_options`.
    fn options(&self, now: Nanos) -> Options {
        let timestamps = self.timestamps(now);
        let mut sacks = [None; MAX_SACKS];
        if self.sack_ok {
            let room = if timestamps.is_some() { MAX_SACKS - 1 } else { MAX_SACKS };
            let ranges = self.duplicate.iter().chain(&self.sacks);
            for (slot, range) in sacks.iter_mut().take(room).zip(ranges) {
                *slot = Some(*range);
            }
        }
        Options { timestamps, sacks, ..Options::default() }
    }

    /// What could be told now (`__tcp_select_window`).
    pub(super) fn window_to_tell(&self) -> u32 {
        let free = super::MAX_RECEIVE_SPACE.saturating_sub(count(self.unread.len()));
        let most = if self.scaling { u32::MAX } else { u32::from(u16::MAX) };
        let unit = 1 << self.own_window_shift;
        (free.min(self.window_limit).min(most)).next_multiple_of(unit)
    }

    /// The window of the next segment (`tcp_select_window`): it never takes back what was told.
    fn tell_window(&mut self) -> u16 {
        let told = self.acked_to.plus(self.own_window);
        let left = if told.is_after(self.rcv_nxt) { told.since(self.rcv_nxt) } else { 0 };
        self.own_window = self.window_to_tell().max(left);
        u16::try_from(self.own_window >> self.own_window_shift).unwrap_or(u16::MAX)
    }

    /// The longest payload that goes to the other side now (`tcp_current_mss`).
    fn mss<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) -> u32 {
        let mtu = match route(env.ctx, env.ns, env.devices, self.pair, None) {
            Ok(way) => {
                let routing = Routing { ns: env.ns, devices: env.devices, now: env.ctx.now };
                routing.mtu(&way.dst, self.pair.remote.0, false)
            }
            Err(_) => HEADERS + self.mss_clamp,
        };
        self.path_mtu = mtu;
        let mut options = Vec::new();
        self.options(Nanos::ZERO).emit(&mut options);
        let longest = mtu.saturating_sub(HEADERS).min(self.mss_clamp);
        let half_window = if self.max_window > super::DEFAULT_MSS {
            self.max_window / 2
        } else {
            self.max_window
        };
        let bounded = if half_window > 0 { longest.min(half_window.max(48)) } else { longest };
        bounded.saturating_sub(count(options.len())).max(8)
    }

    /// A router says that a segment was too long. While the program is in a call, that waits.
    pub(super) fn hear_path_mtu<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        mtu_bytes: u32,
        packet: PacketId,
    ) {
        self.told_path_mtu = Some((mtu_bytes, packet));
        if !self.work.is_busy() {
            self.take_path_mtu(env);
        }
    }

    /// `tcp_v4_mtu_reduced`: the host remembers it, and what was too long goes again at once. Whether something does.
    pub(super) fn take_path_mtu<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) -> bool {
        let Some((mtu_bytes, packet)) = self.told_path_mtu.take() else { return false };
        let Ok(way) = route(env.ctx, env.ns, env.devices, self.pair, None) else { return false };
        let flow = self.pair.flow(env.ns.lo);
        pmtu::learn(env.ctx, env.ns, env.devices, packet, (&way.dst, &flow), mtu_bytes);
        let before = self.path_mtu;
        let mss = self.mss(env);
        if env.ns.sysctl.pmtu.discovery != PmtuDiscovery::On || before <= self.path_mtu {
            return false;
        }
        // `tcp_simple_retransmit`
        let too_long: Vec<PacketId> =
            self.sent.iter().filter(|it| it.len() > mss).map(|it| it.packet).collect();
        let mut any = false;
        for it in self.sent.iter_mut().filter(|it| !it.sacked && too_long.contains(&it.packet)) {
            (it.lost, it.retransmitted) = (true, false);
            any = true;
        }
        if any {
            if self.congestion == Congestion::Open {
                self.ssthresh = self.ssthresh.max(self.cwnd / 2 + self.cwnd / 4);
            }
            if !matches!(self.congestion, Congestion::Loss { .. }) {
                self.congestion = Congestion::Loss { until: self.nxt };
            }
            self.retransmit_lost(env, Some(packet));
            self.set_transmit_timer(env);
        }
        any
    }

    /// The program writes (`tcp_sendmsg`).
    pub(super) fn write<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, bytes: &[u8]) {
        let mss = self.mss(env);
        let most = MAX_HANDED_DOWN.min(self.max_window / 2).max(mss);
        self.goal = most / mss * mss;
        self.written_at = self.data_end();
        self.data.extend_from_slice(bytes);
        self.push(env, None);
    }

    /// The program closes, and there is something to say about it (`tcp_send_fin`).
    pub(super) fn send_fin<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        self.fin = Some(self.data_end());
        self.push(env, None);
    }

    /// Sends what the windows allow (`tcp_write_xmit`): as many segments at a time as a device that cuts by itself would
    /// be handed, whose last one carries PSH.
    pub(super) fn push<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, parent: Option<PacketId>) {
        if self.syn_out || self.nxt == self.end() {
            return;
        }
        let mss = self.mss(env);
        let max_segments = (MAX_HANDED_DOWN / mss).max(2);
        let mut limited = false;
        let mut sent = false;
        while self.nxt != self.end() {
            let in_flight = self.in_flight();
            let quota = (self.cwnd / 2).max(1).min(self.cwnd.saturating_sub(in_flight));
            if quota == 0 {
                limited = true;
                break;
            }
            let quota = quota.min(max_segments);
            let edge = self.una.plus(self.window);
            let piece = self.piece_end().since(self.nxt);
            let first = self.nxt.plus(piece.min(mss));
            if first.is_after(edge) {
                break;
            }
            let allowed = edge.since(self.nxt).min(quota * mss);
            if piece > mss && self.should_defer(env.ctx.now, (mss, max_segments), piece) {
                limited = true;
                break;
            }
            self.send_burst(env, parent, (mss, piece.min(allowed)));
            sent = true;
        }
        self.note_usage(limited);
        if sent {
            self.set_transmit_timer(env);
        }
    }

    /// The number after all that is to be sent, a FIN included.
    fn end(&self) -> Seq {
        self.data_end().plus(u32::from(self.fin.is_some()))
    }

    /// Where the piece of the write that begins at `nxt` ends (`skb->len` of the head of the write queue).
    fn piece_end(&self) -> Seq {
        let end = self.data_end();
        if self.goal == 0 || self.nxt.is_before(self.written_at) {
            return end;
        }
        let done = self.nxt.since(self.written_at) / self.goal * self.goal;
        let boundary = self.written_at.plus(done).plus(self.goal);
        if boundary.is_before(end) { boundary } else { end }
    }

    /// `tcp_tso_should_defer`.
    fn should_defer(&self, now: Nanos, (mss, max_segments): (u32, u32), piece: u32) -> bool {
        let room = self.cwnd.saturating_sub(self.in_flight()) * mss;
        let window = self.una.plus(self.window).since(self.nxt);
        let limit = room.min(window);
        let is_last = self.piece_end() == self.data_end();
        let Some(oldest) = self.sent.first() else { return false };
        let soon = now.since(oldest.at).0 >= self.srtt.unwrap_or_default().0 / 2;
        self.congestion == Congestion::Open
            && limit < max_segments * mss
            && (is_last || limit < piece)
            && limit < self.window.min(self.cwnd * mss) / DEFER_DIVISOR
            && soon
            && !(is_last && self.fin.is_some())
    }

    /// Sends `len` bytes from `nxt` on in segments, and the FIN with the last of them.
    fn send_burst<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
        (mss, len): (u32, u32),
    ) {
        let at_end = self.nxt.plus(len) == self.data_end();
        let mut flags = Flags::ACK;
        if len > 0 && (len > mss || at_end) {
            flags = flags.with(Flags::PSH);
        }
        let fin = at_end && self.fin.is_some();
        if fin {
            flags = flags.with(Flags::FIN);
        }
        let to = self.nxt.plus(len + u32::from(fin));
        self.send_range(env, parent, (self.nxt, to), (flags, mss), false);
        self.nxt = to;
    }

    /// Sends the numbers of a range for the first time or again, and remembers it.
    fn send_range<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
        (from, to): (Seq, Seq),
        (flags, mss): (Flags, u32),
        again: bool,
    ) {
        let data_at = self.data_at();
        let until = if to.is_after(self.data_end()) { self.data_end() } else { to };
        let payload = self.data.get(from.since(data_at) as usize..until.since(data_at) as usize);
        let payload = payload.unwrap_or_default().to_vec();
        let at = env.ctx.now;
        if let Congestion::Recovery { sent, .. } = &mut self.congestion {
            *sent += count(payload.len()).div_ceil(mss).max(1);
        }
        let packet =
            self.send_piece(env, parent, Piece { flags, from, payload, segment_len: mss, again });
        let (mut index, mut lost) = (self.sent.len(), false);
        if again {
            lost = self.sent.iter().any(|it| it.from == from && it.lost);
            index = self.sent.iter().position(|it| it.from == from).unwrap_or(index);
            self.sent.retain(|it| it.from.is_before(from) || it.to.is_after(to));
        }
        let mut begin = from;
        while begin.is_before(to) {
            // A FIN goes with the last bytes.
            let left = to.since(begin);
            let whole = left <= mss + u32::from(flags.has(Flags::FIN));
            let end = if whole { to } else { begin.plus(mss) };
            let new = Sent {
                from: begin,
                to: end,
                at,
                sacked: false,
                lost,
                retransmitted: again,
                ever_retransmitted: again,
                packet,
            };
            self.sent.insert(index, new);
            (begin, index) = (end, index + 1);
        }
    }

    /// `tcp_cwnd_validate`.
    fn note_usage(&mut self, limited: bool) {
        let out = count(self.sent.len());
        if !self.una.is_before(self.cwnd_usage_until)
            || limited
            || !self.cwnd_limited && out > self.max_out
        {
            self.cwnd_limited = limited;
            self.max_out = out;
            self.cwnd_usage_until = self.nxt;
        }
    }

    /// Sends a segment again, with what follows if that fits too (`__tcp_retransmit_skb`, `tcp_retrans_try_collapse`).
    /// Whether it could: one that still waits for its neighbour is not sent twice (`skb_still_in_host_queue`).
    pub(super) fn retransmit<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
        (index, segments): (usize, u32),
    ) -> bool {
        let Some(&first) = self.sent.get(index) else { return false };
        if env.ns.neigh.holds(first.packet) {
            return false;
        }
        let mss = self.mss(env);
        let mut to = first.to;
        for next in &self.sent[index + 1..] {
            let is_part = next.packet == first.packet && next.from == to && !next.sacked;
            if !is_part || next.lost != first.lost || next.retransmitted != first.retransmitted {
                break;
            }
            to = next.to;
        }
        let most = first.from.plus(mss * segments.max(1));
        if to.since(first.from) > mss {
            // As much of what left as one, in segments as long as fit.
            to = if to.is_after(most) { most } else { to };
            self.split_at(to);
        } else {
            for next in &self.sent[index + 1..] {
                let fits = next.to.since(first.from) <= mss;
                if next.sacked || next.from != to || !fits || env.ns.neigh.holds(next.packet) {
                    break;
                }
                to = next.to;
            }
        }
        let at_end = !to.is_before(self.data_end());
        let mut flags = Flags::ACK;
        let is_cut =
            to.since(first.from) > mss + u32::from(self.fin.is_some_and(|it| to.is_after(it)));
        if is_cut || at_end && first.from.is_before(self.data_end()) {
            flags = flags.with(Flags::PSH);
        }
        if self.fin.is_some_and(|fin| to.is_after(fin)) {
            flags = flags.with(Flags::FIN);
        }
        self.send_range(env, parent, (first.from, to), (flags, mss), true);
        true
    }

    /// Cuts the sent segment that the number is inside of (`tcp_fragment`).
    fn split_at(&mut self, middle: Seq) {
        let is_cut = |it: &Sent| it.from.is_before(middle) && it.to.is_after(middle);
        let Some(index) = self.sent.iter().position(is_cut) else { return };
        let whole = self.sent[index];
        self.sent[index].to = middle;
        self.sent.insert(index + 1, Sent { from: middle, ..whole });
    }

    /// Sends what is lost again, as the window allows (`tcp_xmit_retransmit_queue`).
    pub(super) fn retransmit_lost<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        parent: Option<PacketId>,
    ) {
        let mut index = 0;
        while index < self.sent.len() && self.in_flight() < self.cwnd {
            let it = self.sent[index];
            let room = self.cwnd.saturating_sub(self.in_flight());
            if it.lost
                && !it.sacked
                && !it.retransmitted
                && !self.retransmit(env, parent, (index, room))
            {
                return;
            }
            index += 1;
        }
    }
}
