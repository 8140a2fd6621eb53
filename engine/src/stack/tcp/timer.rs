//! What happens when nothing happens. Read `net/ipv4/tcp_timer.c` first.

use super::{Congestion, Conn, Env, Netns, Pending, with};
use crate::base::{Nanos, SocketId};
use crate::link::Devices;
use crate::trace::{Birth, Ctx, Heard, Next, Role, TcpSegment, TcpState, TcpTimer, Tracer};
use crate::wire::tcp::Seq;

/// `TCP_TIMEOUT_INIT`: before the first round trip was measured.
pub(super) const FIRST_RTO: Nanos = Nanos::from_secs(1);
/// `tcp_rto_min_us`.
const MIN_RTO: Nanos = Nanos::from_millis(200);
/// `tcp_rto_max_ms`.
const MAX_RTO: Nanos = Nanos::from_secs(120);
/// `TCP_TIMEOUT_MIN`: two ticks of a kernel with 250 a second.
pub(super) const SHORTEST: Nanos = Nanos::from_millis(8);
/// `TCP_ATO_MIN`, `TCP_DELACK_MIN`.
pub(super) const MIN_DELAYED_ACK: Nanos = Nanos::from_millis(40);
/// `TCP_TIMEWAIT_LEN`.
pub(super) const TIME_WAIT: Nanos = Nanos::from_secs(60);
/// What `tcp_orphan_retries` means by 0.
const ORPHAN_RETRIES: u8 = 8;

/// `__tcp_set_rto`.
pub(super) fn rto(srtt: Nanos, rttvar: Nanos) -> Nanos {
    srtt + Nanos(4 * rttvar.0).max(MIN_RTO)
}

/// Whether a timer still counts: a connection that set it anew or is over does not wait for it.
pub fn is_due(ns: &Netns, socket: SocketId, timer: TcpTimer, generation: u32) -> bool {
    let conn = ns.sockets.connections.get(socket);
    conn.is_some_and(|it| {
        let it = it.timers[timer.index()];
        it.at.is_some() && it.generation == generation
    })
}

/// A connection's timer runs out.
pub fn fire<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
    timer: TcpTimer,
) {
    with(ctx, ns, devices, socket, |conn, env| {
        conn.timers[timer.index()].stop();
        match timer {
            TcpTimer::Retransmit => conn.retransmit_timer(env),
            TcpTimer::DelayedAck => conn.delayed_ack_timer(env),
            TcpTimer::TimeWait => conn.die(env, None),
        }
    });
}

impl Conn {
    pub(super) fn start_timer<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        timer: TcpTimer,
        after: Nanos,
    ) {
        let at = env.ctx.now + after;
        let slot = &mut self.timers[timer.index()];
        slot.stop();
        slot.at = Some(at);
        let (ns, socket, generation) = (env.ns_id(), env.socket, slot.generation);
        env.ctx.out.push(Next::TcpTimer { at, ns, socket, timer, generation });
    }

    pub(super) fn stop_timers(&mut self) {
        for timer in &mut self.timers {
            timer.stop();
        }
        self.pending = None;
    }

    /// After something was sent or acknowledged (`tcp_set_xmit_timer`): a probe for the last segment, or the retransmission.
    pub(super) fn set_transmit_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if self.pending == Some(Pending::Reordering) {
            return;
        }
        if self.sent.is_empty() {
            self.timers[TcpTimer::Retransmit.index()].stop();
            self.pending = None;
            return;
        }
        // tcp_schedule_loss_probe
        if self.sack_ok && self.congestion == Congestion::Open && self.probe_until.is_none() {
            let twice = self.srtt.map_or(FIRST_RTO, |srtt| Nanos(2 * srtt.0));
            let more = if self.sent.len() == 1 { MIN_RTO } else { SHORTEST };
            let after = (twice + more).min(self.rto_left(env.ctx.now));
            self.pending = Some(Pending::LossProbe);
            self.start_timer(env, TcpTimer::Retransmit, after);
        } else {
            self.pending = Some(Pending::Retransmit);
            let after = self.rto;
            self.start_timer(env, TcpTimer::Retransmit, after);
        }
    }

    /// `tcp_rto_delta_us`: what is left for the oldest segment.
    fn rto_left(&self, now: Nanos) -> Nanos {
        let since = self.sent.first().map_or(Nanos::ZERO, |it| now.since(it.at));
        self.rto.since(since).max(Nanos(1))
    }

    fn retransmit_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        match (self.state, self.pending.take()) {
            (TcpState::SynSent, _) => self.syn_timer(env),
            (TcpState::SynRecv, _) => self.syn_ack_timer(env),
            (_, Some(Pending::LossProbe)) => self.send_probe(env),
            (_, Some(Pending::Reordering)) => {
                if matches!(self.congestion, Congestion::Open) && self.give_up_waiting() > 0 {
                    self.shrink(1, false);
                } else {
                    self.give_up_waiting();
                }
                self.retransmit_lost(env, None);
                self.set_transmit_timer(env);
            }
            (_, Some(Pending::Retransmit) | None) => self.timed_out(env),
        }
    }

    /// `tcp_retransmit_timer` of a SYN.
    fn syn_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        let settings = env.ns.sysctl.tcp;
        let linear = u32::from(settings.syn_linear_timeouts);
        if self.retransmits >= u32::from(settings.syn_retries) + linear {
            return self.give_up(env);
        }
        self.retransmits += 1;
        if self.syn_packet.is_none_or(|packet| !env.ns.neigh.holds(packet)) {
            let packet = env
                .ctx
                .born(None, Birth::Tcp { segment: TcpSegment::Syn, again: true, by: Role::Client });
            self.send_syn(env, packet, true);
        }
        if self.retransmits > linear {
            self.rto = Nanos(2 * self.rto.0).min(MAX_RTO);
        }
        let after = self.rto;
        self.start_timer(env, TcpTimer::Retransmit, after);
    }

    /// The first time for the SYN that answers one (`reqsk_queue_hash_req`).
    pub(super) fn start_syn_ack_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        self.start_timer(env, TcpTimer::Retransmit, FIRST_RTO);
    }

    /// A SYN came again, and was answered: the next time counts from now.
    pub(super) fn put_off_syn_ack_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        let after = Nanos(FIRST_RTO.0 << self.retransmits).min(MAX_RTO);
        self.start_timer(env, TcpTimer::Retransmit, after);
    }

    /// `reqsk_timer_handler`.
    fn syn_ack_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if self.retransmits >= u32::from(env.ns.sysctl.tcp.synack_retries) {
            return self.die(env, None);
        }
        if self.syn_packet.is_none_or(|packet| !env.ns.neigh.holds(packet)) {
            self.answer_syn(env, None, true);
        }
        self.retransmits += 1;
        self.put_off_syn_ack_timer(env);
    }

    /// `tcp_send_loss_probe`: something new if there is, else the last segment once more.
    fn send_probe<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        let last = self.sent.len().saturating_sub(1);
        if self.retransmit(env, None, (last, 1)) {
            self.probe_until = Some(self.nxt);
        }
        self.pending = Some(Pending::Retransmit);
        let after = self.rto;
        self.start_timer(env, TcpTimer::Retransmit, after);
    }

    /// `tcp_retransmit_timer`: all that is on its way counts as lost, and the first of it goes again.
    fn timed_out<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if self.sent.is_empty() {
            return;
        }
        let settings = env.ns.sysctl.tcp;
        let most = match (self.work.is_done(), settings.orphan_retries) {
            (true, 0) => ORPHAN_RETRIES,
            (true, orphan_retries) => orphan_retries,
            (false, _) => settings.retries,
        };
        if self.retransmits >= u32::from(most) {
            return self.give_up(env);
        }
        if !matches!(self.congestion, Congestion::Loss { .. }) {
            self.ssthresh = (self.cwnd / 2).max(2);
        }
        self.congestion = Congestion::Loss { until: self.nxt };
        self.cwnd = 1;
        (self.probe_until, self.repeats) = (None, 0);
        for sent in &mut self.sent {
            sent.lost = !sent.sacked;
            sent.retransmitted = false;
        }
        self.retransmits += 1;
        self.doublings += 1;
        if let Some(first) = self.sent.iter().position(|it| !it.sacked) {
            self.retransmit(env, None, (first, 1));
        }
        self.rto = Nanos(2 * self.rto.0).min(MAX_RTO);
        self.pending = Some(Pending::Retransmit);
        let after = self.rto;
        self.start_timer(env, TcpTimer::Retransmit, after);
    }

    /// A router's word that the way is cut, about a segment that went again: the timer was doubled for nothing
    /// (`tcp_ld_RTO_revert`, RFC 6069).
    pub(super) fn take_back_a_doubling<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        number: Seq,
    ) {
        let Some(first) = self.sent.first().copied().filter(|_| number == self.una) else { return };
        let Some(doublings) = self.doublings.checked_sub(1) else { return };
        self.doublings = doublings;
        let once = self.srtt.map_or(FIRST_RTO, |srtt| rto(srtt, self.rttvar));
        self.rto = Nanos(once.0 << doublings.min(16)).min(MAX_RTO);
        let left = self.rto.since(env.ctx.now.since(first.at));
        self.pending = Some(Pending::Retransmit);
        if left > Nanos::ZERO {
            self.start_timer(env, TcpTimer::Retransmit, left);
        } else {
            self.timed_out(env);
        }
    }

    /// `tcp_write_err`.
    fn give_up<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if !self.work.is_done() {
            env.hear(None, Heard::TimedOut);
        }
        self.die(env, None);
    }

    /// `tcp_send_delayed_ack`.
    pub(super) fn delay_ack<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if self.timers[TcpTimer::DelayedAck.index()].at.is_none() {
            let after = self.ack.delay.max(MIN_DELAYED_ACK).min(MIN_RTO);
            self.start_timer(env, TcpTimer::DelayedAck, after);
        }
    }

    /// `tcp_delack_timer_handler`.
    fn delayed_ack_timer<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if !self.ack.scheduled {
            return;
        }
        if self.ack.pingpong {
            (self.ack.pingpong, self.ack.delay) = (false, MIN_DELAYED_ACK);
        } else {
            self.ack.delay = Nanos(2 * self.ack.delay.0).min(self.rto);
        }
        self.send_ack(env, None);
    }
}
