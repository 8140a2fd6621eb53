//! What a connection makes of a segment. Read `net/ipv4/tcp_input.c` first.

use super::{Acks, Congestion, Conn, Env, Pending, Sent, Taken, Timer, count, timer};
use crate::base::{Nanos, PacketId};
use crate::trace::{DropReason, Event, Heard, NotModelled, TcpState, TcpTimer, Tracer};
use crate::wire::tcp::{Flags, Header, Segment, Seq};

/// `TCP_MAX_QUICKACKS`.
const MAX_QUICK_ACKS: u16 = 16;
/// `TCP_MIN_MSS`.
const MIN_MSS: u32 = 88;
/// `tcp_invalid_ratelimit`.
const STRANGE_INTERVAL: Nanos = Nanos::from_millis(500);
/// `TCP_FASTRETRANS_THRESH` and `tcp_reordering`: so many later segments say that one is lost.
const REORDERING: usize = 3;

/// A segment on its way through a connection.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub header: &'a Header,
    pub payload: &'a [u8],
    pub packet: PacketId,
}

impl Incoming<'_> {
    fn has(&self, flag: Flags) -> bool {
        self.header.flags.has(flag)
    }

    /// The number after its last byte, without a FIN.
    fn data_end(&self) -> Seq {
        self.header.seq.plus(count(self.payload.len()))
    }

    fn end(&self) -> Seq {
        self.data_end().plus(u32::from(self.has(Flags::FIN)) + u32::from(self.has(Flags::SYN)))
    }
}

/// A segment that came while the program was in a system call (`sk_backlog`).
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    header: Header,
    payload: Vec<u8>,
    packet: PacketId,
}

impl Conn {
    /// A segment of this connection (`tcp_v4_rcv` from `process` on).
    pub(super) fn receive<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        segment: &Segment<'_>,
        packet: PacketId,
    ) -> Taken {
        let incoming = Incoming { header: &segment.header, payload: segment.payload, packet };
        match self.state {
            TcpState::SynRecv => self.receive_as_request(env, segment, packet),
            TcpState::TimeWait => self.receive_in_time_wait(env, &incoming),
            _ if self.work.is_busy() => {
                self.wait_in_line(&incoming);
                Taken::Read
            }
            _ => self.process(env, &incoming),
        }
    }

    /// `tcp_add_to_backlog`. It joins acknowledgements that differ in nothing else, but not where a packet socket has seen
    /// them and still holds their bytes (`skb_try_coalesce`), as one has here.
    fn wait_in_line(&mut self, it: &Incoming<'_>) {
        let waiting =
            Waiting { header: *it.header, payload: it.payload.to_vec(), packet: it.packet };
        self.work.line().push(waiting);
    }

    /// Works off what came during the system call (`__release_sock`). Whether there was anything.
    pub(super) fn work_off<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) -> bool {
        let line = std::mem::take(self.work.line());
        for it in &line {
            let incoming = Incoming { header: &it.header, payload: &it.payload, packet: it.packet };
            if let Taken::Refused(_) = self.process(env, &incoming) {
                self.send_reset_for(env, &incoming);
            }
        }
        !line.is_empty()
    }

    /// `tcp_v4_do_rcv`.
    pub(super) fn process<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Taken {
        match self.state {
            TcpState::SynSent => self.receive_in_syn_sent(env, it),
            TcpState::Close => Taken::Refused(DropReason::TcpClose),
            TcpState::SynRecv
            | TcpState::Established
            | TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::CloseWait
            | TcpState::LastAck
            | TcpState::Closing
            | TcpState::TimeWait => self.receive_synchronized(env, it),
        }
    }

    /// `tcp_rcv_synsent_state_process`.
    fn receive_in_syn_sent<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Taken {
        let header = it.header;
        if it.has(Flags::ACK) && (!header.ack.is_after(self.una) || header.ack.is_after(self.nxt)) {
            return if it.has(Flags::RST) {
                Taken::Dropped(DropReason::TcpReset)
            } else {
                Taken::Refused(DropReason::TcpInvalidAck)
            };
        }
        if it.has(Flags::RST) {
            if it.has(Flags::ACK) {
                self.reset(env, it.packet);
                return Taken::Read;
            }
            return Taken::Dropped(DropReason::TcpReset);
        }
        if !it.has(Flags::SYN) {
            return Taken::Dropped(DropReason::TcpFlags);
        }
        if !it.has(Flags::ACK) {
            let ns = env.ns_id();
            env.event(
                Some(it.packet),
                Event::NotModelled { ns, what: NotModelled::TcpSimultaneousOpen },
            );
            return Taken::Dropped(DropReason::NotModelled);
        }
        let offset = self.clock.map_or(0, |clock| clock.offset);
        let segment = Segment { src_port: 0, dst_port: 0, header: *header, payload: &[] };
        let settings = env.ns.sysctl.tcp;
        self.agree(&settings, offset, &segment);
        self.stop_timers();
        (self.una, self.syn_out) = (header.ack, false);
        (self.written_at, self.cwnd_usage_until) = (self.una, self.una);
        (self.retransmits, self.rto) = (0, timer::FIRST_RTO);
        if let Some(at) = self.syn_at {
            self.take_rtt(env.ctx.now.since(at));
        }
        self.confirms_neigh = true;
        self.enter(env, Some(it.packet), TcpState::Established);
        self.begin_acks();
        self.send_ack(env, Some(it.packet));
        env.wake();
        Taken::Read
    }

    /// The acknowledging side as a connection begins (`tcp_initialize_rcv_mss`).
    pub(super) fn begin_acks(&mut self) {
        let hint = u32::from(self.advmss).min(self.mss_clamp).min(self.own_window / 2);
        self.ack.rcv_mss = hint.clamp(MIN_MSS, super::DEFAULT_MSS);
        self.ack.received_at = Nanos::ZERO;
    }

    /// `tcp_validate_incoming`, then the acknowledgement, then the data.
    fn receive_synchronized<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Taken {
        if let Some(taken) = self.refuse_strange(env, it) {
            return taken;
        }
        if !it.has(Flags::ACK) {
            return Taken::Dropped(DropReason::TcpFlags);
        }
        if let (Some(clock), Some(told)) = (&mut self.clock, it.header.options.timestamps)
            && !it.header.seq.is_after(self.acked_to)
            && !Seq(told.value).is_before(Seq(clock.recent))
        {
            clock.recent = told.value;
        }
        if it.header.ack.is_after(self.nxt) {
            self.answer_strange(env, it.packet);
            return Taken::Dropped(DropReason::TcpAckUnsentData);
        }
        self.take_ack(env, it);
        if let Some(taken) = self.follow_ack(env, it) {
            return taken;
        }
        self.take_data(env, it);
        if self.state == TcpState::Close || self.state == TcpState::TimeWait {
            return Taken::Read;
        }
        self.push(env, Some(it.packet));
        self.acknowledge_if_due(env, it.packet);
        Taken::Read
    }

    /// Segments outside of the window, resets and SYNs (`tcp_validate_incoming`).
    fn refuse_strange<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Option<Taken> {
        let right = self.acked_to.plus(self.own_window).max(self.rcv_nxt);
        let (seq, end) = (it.header.seq, it.end());
        if end.is_before(self.acked_to) || seq.is_after(right) {
            if it.has(Flags::RST) {
                return Some(Taken::Dropped(DropReason::TcpReset));
            }
            let bare = seq == end || it.has(Flags::SYN);
            if !bare || self.may_answer_strange(env.ctx.now) {
                self.report_duplicate(seq, end);
                self.send_ack(env, Some(it.packet));
            }
            return Some(Taken::Dropped(DropReason::TcpInvalidSequence));
        }
        if it.has(Flags::RST) {
            if seq == self.rcv_nxt {
                self.reset(env, it.packet);
                return Some(Taken::Read);
            }
            self.answer_strange(env, it.packet);
            return Some(Taken::Dropped(DropReason::TcpReset));
        }
        if it.has(Flags::SYN) {
            self.answer_strange(env, it.packet);
            return Some(Taken::Dropped(DropReason::TcpInvalidSyn));
        }
        None
    }

    /// `tcp_oow_rate_limited`.
    pub(super) fn may_answer_strange(&mut self, now: Nanos) -> bool {
        let may = self.strange_answered_at.is_none_or(|at| now.since(at) >= STRANGE_INTERVAL);
        if may {
            self.strange_answered_at = Some(now);
        }
        may
    }

    /// `tcp_send_challenge_ack`.
    fn answer_strange<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        if self.may_answer_strange(env.ctx.now) {
            self.send_ack(env, Some(packet));
        }
    }

    /// The other side ends it at once (`tcp_reset`).
    fn reset<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        if !self.work.is_done() {
            env.hear(Some(packet), Heard::Reset);
        }
        self.die(env, Some(packet));
    }

    /// Ends it without a word (`tcp_done`).
    pub(super) fn die<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: Option<PacketId>) {
        self.enter(env, packet, TcpState::Close);
        self.stop_timers();
        self.work.abandon();
    }

    /// What is acknowledged (`tcp_ack`).
    fn take_ack<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, it: &Incoming<'_>) {
        let header = it.header;
        let (ack, now) = (header.ack, env.ctx.now);
        if ack.is_before(self.una) {
            return;
        }
        let is_news = self.take_window(header) || it.header.seq != it.end();
        let advanced = ack != self.una;
        let repeats = !advanced && !is_news && !self.sent.is_empty();
        let n_before = count(self.sent.len());
        let mut rtt = None;
        let mut delivered: Option<Sent> = None;
        let mut newly = 0;
        self.sent.retain_mut(|sent| {
            let sacked = header.options.sacks.iter().flatten().any(|&(from, to)| {
                !sent.from.is_before(from) && !sent.to.is_after(to) && to.is_after(ack)
            });
            let acked = !sent.to.is_after(ack);
            if (acked || sacked) && !sent.sacked {
                newly += 1;
                if !sent.ever_retransmitted {
                    rtt = Some(now.since(sent.at));
                }
                let later =
                    delivered.is_none_or(|other| (other.at, other.to.0) <= (sent.at, sent.to.0));
                if later {
                    delivered = Some(*sent);
                }
            }
            sent.sacked |= sacked;
            if sent.from.is_before(ack) && !acked {
                sent.from = ack;
            }
            !acked
        });
        if advanced {
            let bytes = ack.since(self.una) as usize;
            self.data.drain(..bytes.min(self.data.len()));
            self.una = ack;
            (self.retransmits, self.doublings) = (0, 0);
        }
        if let Some(rtt) = rtt {
            self.take_rtt(rtt);
        } else if advanced && let Some(srtt) = self.srtt {
            self.rto = timer::rto(srtt, self.rttvar); // no longer doubled
        }
        if let Some(sent) = delivered {
            self.newest_delivered = match self.newest_delivered {
                Some(newest) if newest.0 > sent.at => Some(newest),
                _ => Some((sent.at, sent.to)),
            };
        }
        if self.probe_until.is_some_and(|until| !ack.is_before(until)) {
            self.probe_until = None;
        }
        let n_lost = if self.sack_ok {
            self.detect_losses(env, ack)
        } else {
            let n_acked = n_before - count(self.sent.len());
            newly = self.count_repeats(n_acked, repeats);
            self.detect_loss_by_repeats(advanced)
        };
        match self.congestion {
            Congestion::Recovery { .. } => self.shrink(newly, advanced && n_lost == 0),
            Congestion::Open | Congestion::Loss { .. } if newly > 0 => self.grow(newly),
            Congestion::Open | Congestion::Loss { .. } => {}
        }
        self.retransmit_lost(env, Some(it.packet));
        if advanced || newly > 0 {
            self.confirms_neigh = true;
            self.set_transmit_timer(env);
        }
    }

    /// `tcp_ack_update_window`. Whether it says something new of it.
    fn take_window(&mut self, header: &Header) -> bool {
        let window = u32::from(header.window) << self.window_shift;
        let newer = header.ack.is_after(self.una)
            || header.seq.is_after(self.window_said_by)
            || header.seq == self.window_said_by && window > self.window;
        if newer {
            self.window_said_by = header.seq;
            self.window = window;
            self.max_window = self.max_window.max(window);
        }
        newer
    }

    /// `tcp_rtt_estimator`, `tcp_set_rto` (RFC 6298): the variation counts as 200 ms at least.
    pub(super) fn take_rtt(&mut self, rtt: Nanos) {
        match self.srtt {
            None => {
                self.srtt = Some(rtt);
                self.rttvar = Nanos(rtt.0 / 2);
            }
            Some(srtt) => {
                self.rttvar = Nanos((3 * self.rttvar.0 + srtt.0.abs_diff(rtt.0)) / 4);
                self.srtt = Some(Nanos((7 * srtt.0 + rtt.0) / 8));
            }
        }
        self.rto = timer::rto(self.srtt.unwrap_or_default(), self.rttvar);
    }

    /// Slow start, then a segment a round trip (`tcp_reno_cong_avoid`), while the window is what limits.
    fn grow(&mut self, acked: u32) {
        let limited =
            self.cwnd_limited || self.cwnd < self.ssthresh && self.cwnd < 2 * self.max_out;
        if !limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            self.cwnd = (self.cwnd + acked).min(self.ssthresh);
        } else {
            self.cwnd_credit += acked;
            if self.cwnd_credit >= self.cwnd {
                self.cwnd_credit -= self.cwnd;
                self.cwnd += 1;
            }
        }
    }

    /// Which segments are lost, going by what arrived that was sent later (`tcp_rack_detect_loss`), and what that means for the
    /// window (`tcp_fastretrans_alert`).
    ///
    /// How many are lost that were not before.
    fn detect_losses<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, ack: Seq) -> usize {
        match self.congestion {
            Congestion::Recovery { until, .. } if !ack.is_before(until) => {
                self.congestion = Congestion::Open;
                self.cwnd = self.ssthresh;
            }
            Congestion::Loss { until } if !ack.is_before(until) => {
                self.congestion = Congestion::Open;
            }
            Congestion::Open | Congestion::Recovery { .. } | Congestion::Loss { .. } => {}
        }
        let n_sacked = self.sent.iter().filter(|it| it.sacked).count();
        if n_sacked == 0 && self.congestion == Congestion::Open {
            return 0;
        }
        let patient = n_sacked < REORDERING && self.congestion == Congestion::Open;
        let Some((at, end)) = self.newest_delivered else { return 0 };
        if !patient {
            return self.give_up_waiting();
        }
        if self.sent.iter().any(|it| it.is_overtaken(at, end)) {
            self.pending = Some(Pending::Reordering);
            self.start_timer(env, TcpTimer::Retransmit, timer::SHORTEST);
        }
        0
    }

    /// Without selective acknowledgements, each that repeats a number says that one more segment has arrived behind the gap;
    /// those that a new number acknowledges were counted before (`tcp_add_reno_sack`, `tcp_remove_reno_sacks`). How many
    /// arrived now.
    fn count_repeats(&mut self, n_acked: u32, repeats: bool) -> u32 {
        let before = self.repeats;
        if n_acked > 0 {
            self.repeats = before.saturating_sub(n_acked - 1);
            return n_acked.saturating_sub(before).max(1);
        }
        // Something is missing in any case (tcp_limit_reno_sacked).
        let n_lost = count(self.sent.iter().filter(|it| it.lost).count()).max(1);
        let most = count(self.sent.len()).saturating_sub(n_lost);
        self.repeats = (before + u32::from(repeats)).min(most);
        self.repeats.saturating_sub(before)
    }

    /// The first segment is lost once three have arrived behind it; and, after that, whatever follows what was lost and is
    /// not acknowledged with it (`tcp_newreno_mark_lost`, RFC 6582). How many that are.
    fn detect_loss_by_repeats(&mut self, advanced: bool) -> usize {
        let is_lost = match self.congestion {
            // Only what lies beyond ends it, or old repeats would begin it again (tcp_is_non_sack_preventing_reopen).
            Congestion::Recovery { until, .. } if !self.una.is_before(until) => {
                self.repeats = 0;
                if self.una.is_after(until) {
                    self.congestion = Congestion::Open;
                    self.cwnd = self.ssthresh;
                }
                false
            }
            Congestion::Recovery { .. } => advanced,
            Congestion::Loss { until } => {
                self.repeats = 0;
                if !self.una.is_before(until) {
                    self.congestion = Congestion::Open;
                }
                false
            }
            Congestion::Open => {
                if advanced {
                    self.repeats = 0;
                }
                self.repeats as usize >= REORDERING
            }
        };
        let Some(first) = self.sent.first_mut().filter(|it| is_lost && !it.lost) else { return 0 };
        (first.lost, first.retransmitted) = (true, false);
        self.begin_recovery();
        1
    }

    /// `tcp_enter_recovery`, unless it has begun.
    fn begin_recovery(&mut self) {
        if self.congestion == Congestion::Open {
            let (until, before) = (self.nxt, self.cwnd);
            self.congestion = Congestion::Recovery { until, before, arrived: 0, sent: 0 };
            self.ssthresh = (self.cwnd / 2).max(2);
            (self.cwnd_credit, self.probe_until) = (0, None);
        }
    }

    /// What was overtaken had its time (`tcp_rack_mark_lost`), and the window is to shrink (`tcp_enter_recovery`). How many
    /// that were.
    pub(super) fn give_up_waiting(&mut self) -> usize {
        let Some((at, end)) = self.newest_delivered else { return 0 };
        let mut n_lost = 0;
        for sent in self.sent.iter_mut().filter(|it| it.is_overtaken(at, end)) {
            (sent.lost, sent.retransmitted) = (true, false);
            n_lost += 1;
        }
        if n_lost > 0 {
            self.begin_recovery();
        }
        n_lost
    }

    /// `tcp_cwnd_reduction`, as `newly` segments arrived; `only_progress`: what was expected did, and nothing was lost.
    pub(super) fn shrink(&mut self, newly: u32, only_progress: bool) {
        let in_flight = self.in_flight();
        let ssthresh = self.ssthresh;
        let Congestion::Recovery { before, arrived, sent, .. } = &mut self.congestion else {
            return;
        };
        if newly == 0 {
            return;
        }
        *arrived += newly;
        let more = if in_flight > ssthresh {
            let share = u64::from(ssthresh) * u64::from(*arrived);
            let share = share.div_ceil(u64::from(*before).max(1));
            u32::try_from(share).unwrap_or(u32::MAX).saturating_sub(*sent)
        } else {
            let owed = arrived.saturating_sub(*sent).max(newly) + u32::from(only_progress);
            owed.min(ssthresh - in_flight)
        };
        self.cwnd = in_flight + more.max(u32::from(*sent == 0));
    }

    /// The ways to the end that an acknowledgement opens (`tcp_rcv_state_process`).
    fn follow_ack<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Option<Taken> {
        let all_acked = self.fin.is_some_and(|fin| self.una.is_after(fin));
        match self.state {
            TcpState::FinWait1 | TcpState::FinWait2 => {
                if self.state == TcpState::FinWait1 && all_acked {
                    self.enter(env, Some(it.packet), TcpState::FinWait2);
                    let after = env.ns.sysctl.tcp.fin_timeout;
                    self.start_timer(env, TcpTimer::TimeWait, after);
                }
                let beyond = it.data_end().is_after(self.rcv_nxt) && !it.payload.is_empty();
                if beyond {
                    // The program is gone: nobody will read it.
                    self.die(env, Some(it.packet));
                    return Some(Taken::Refused(DropReason::TcpAbortOnData));
                }
                None
            }
            TcpState::Closing if all_acked => {
                self.enter_time_wait(env, it.packet);
                Some(Taken::Read)
            }
            TcpState::LastAck if all_acked => {
                self.die(env, Some(it.packet));
                Some(Taken::Read)
            }
            _ => None,
        }
    }

    fn enter_time_wait<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        self.enter(env, Some(packet), TcpState::TimeWait);
        self.stop_timers();
        self.start_timer(env, TcpTimer::TimeWait, timer::TIME_WAIT);
    }

    /// `tcp_data_queue`: what is expected is read, what is ahead waits, what is old is acknowledged again.
    fn take_data<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, it: &Incoming<'_>) {
        let (seq, end) = (it.header.seq, it.end());
        if seq == end || self.fin_received {
            return;
        }
        if seq.is_after(self.rcv_nxt) {
            return self.keep_ahead(it);
        }
        if !end.is_after(self.rcv_nxt) {
            self.report_duplicate(seq, end);
            self.quicken(MAX_QUICK_ACKS);
            self.ack.pingpong = false;
            self.ack.delay = timer::MIN_DELAYED_ACK;
            self.ack.scheduled = true;
            return;
        }
        let known = self.rcv_nxt.since(seq) as usize;
        let new = it.payload.get(known..).unwrap_or_default();
        self.read(new, it.packet);
        if !new.is_empty() {
            self.note_received(env.ctx.now, count(new.len()), it.has(Flags::PSH));
            env.wake();
        }
        let had_gap = !self.ahead.is_empty();
        let mut fin = it.has(Flags::FIN);
        while let Some(at) = self.ahead.iter().position(|(from, ..)| !from.is_after(self.rcv_nxt)) {
            let (from, bytes, with_fin) = self.ahead.remove(at);
            let known = self.rcv_nxt.since(from) as usize;
            if let Some(new) = bytes.get(known..) {
                self.read(new, it.packet);
                fin |= with_fin;
            }
        }
        let reached = self.rcv_nxt;
        self.sacks.retain(|(_, to)| to.is_after(reached));
        self.ack.now |= had_gap && self.ahead.is_empty();
        if fin {
            self.receive_fin(env, it.packet);
        }
    }

    fn read(&mut self, bytes: &[u8], packet: PacketId) {
        self.unread.extend_from_slice(bytes);
        self.rcv_nxt = self.rcv_nxt.plus(count(bytes.len()));
        self.brought_by = Some(packet);
    }

    /// `tcp_data_queue_ofo`.
    fn keep_ahead(&mut self, it: &Incoming<'_>) {
        self.ack.now = true;
        self.ack.scheduled = true;
        let (mut from, mut to) = (it.header.seq, it.end());
        let at = self.ahead.partition_point(|(other, ..)| other.is_before(from));
        self.ahead.insert(at, (from, it.payload.to_vec(), it.has(Flags::FIN)));
        // One range with those that it touches; the newest goes first.
        self.sacks.retain(|&(other_from, other_to)| {
            let apart = other_to.is_before(from) || other_from.is_after(to);
            if !apart {
                from = if other_from.is_before(from) { other_from } else { from };
                to = to.max(other_to);
            }
            apart
        });
        self.sacks.insert(0, (from, to));
        self.sacks.truncate(crate::wire::tcp::MAX_SACKS);
    }

    /// `tcp_dsack_set`.
    fn report_duplicate(&mut self, from: Seq, to: Seq) {
        if self.sack_ok && from.is_before(self.rcv_nxt) && from != to {
            let known_to = if to.is_after(self.rcv_nxt) { self.rcv_nxt } else { to };
            self.duplicate = Some((from, known_to));
        }
    }

    /// `tcp_event_data_recv`.
    fn note_received(&mut self, now: Nanos, len: u32, pushed: bool) {
        self.ack.scheduled = true;
        let mss = u32::from(self.advmss);
        if len >= self.ack.rcv_mss {
            self.ack.rcv_mss = len.min(mss);
            if pushed {
                self.ack.pushed = self.ack.pushed.max(1);
            }
        } else {
            self.ack.pushed = (self.ack.pushed + 1).min(2);
        }
        if self.ack.delay == Nanos::ZERO {
            self.quicken(MAX_QUICK_ACKS);
            self.ack.delay = timer::MIN_DELAYED_ACK;
        } else {
            let gap = now.since(self.ack.received_at);
            if gap.0 <= timer::MIN_DELAYED_ACK.0 / 2 {
                self.ack.delay = Nanos(self.ack.delay.0 / 2 + timer::MIN_DELAYED_ACK.0 / 2);
            } else if gap < self.ack.delay {
                self.ack.delay = Nanos(self.ack.delay.0 / 2 + gap.0).min(self.rto);
            } else if gap > self.rto {
                self.quicken(MAX_QUICK_ACKS);
            }
        }
        self.ack.received_at = now;
        if len >= 128 {
            self.window_limit = (self.window_limit + 2 * mss).min(super::MAX_RECEIVE_SPACE);
        }
    }

    /// `tcp_incr_quickack`.
    fn quicken(&mut self, most: u16) {
        let quick = (self.own_window / (2 * self.ack.rcv_mss).max(1)).max(2);
        let quick = u16::try_from(quick).unwrap_or(most).min(most);
        self.ack.quick = self.ack.quick.max(quick);
    }

    /// `tcp_fin`.
    fn receive_fin<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        self.rcv_nxt = self.rcv_nxt.plus(1);
        self.fin_received = true;
        self.ack.scheduled = true;
        self.ahead.clear();
        self.sacks.clear();
        self.brought_by = Some(packet);
        match self.state {
            TcpState::Established | TcpState::SynRecv => {
                self.enter(env, Some(packet), TcpState::CloseWait);
                self.ack.pingpong = true;
            }
            TcpState::FinWait1 => {
                self.send_ack(env, Some(packet));
                self.enter(env, Some(packet), TcpState::Closing);
            }
            TcpState::FinWait2 => {
                self.send_ack(env, Some(packet));
                self.enter_time_wait(env, packet);
            }
            TcpState::SynSent
            | TcpState::CloseWait
            | TcpState::LastAck
            | TcpState::Closing
            | TcpState::TimeWait
            | TcpState::Close => {}
        }
        env.wake();
    }

    /// `__tcp_ack_snd_check`: at once, or a little later in case the program answers.
    fn acknowledge_if_due<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, packet: PacketId) {
        let Acks { scheduled, now, quick, pingpong, rcv_mss, .. } = self.ack;
        if !scheduled {
            return;
        }
        let waiting = self.rcv_nxt.since(self.acked_to);
        let full = waiting > rcv_mss && self.window_to_tell() >= self.own_window;
        if full || now || quick > 0 && !pingpong {
            self.send_ack(env, Some(packet));
        } else {
            self.delay_ack(env);
        }
    }

    /// `tcp_timewait_state_process`.
    fn receive_in_time_wait<T: Tracer>(
        &mut self,
        env: &mut Env<'_, '_, T>,
        it: &Incoming<'_>,
    ) -> Taken {
        let (seq, end) = (it.header.seq, it.end());
        if seq == self.rcv_nxt && (seq == end || it.has(Flags::RST)) {
            if it.has(Flags::RST) {
                self.die(env, Some(it.packet));
            } else {
                self.start_timer(env, TcpTimer::TimeWait, timer::TIME_WAIT);
            }
            return Taken::Read;
        }
        if it.has(Flags::RST) {
            return Taken::Dropped(DropReason::TcpReset);
        }
        let newer = || match (self.clock, it.header.options.timestamps) {
            (Some(clock), Some(told)) => Seq(told.value).is_after(Seq(clock.recent)),
            _ => false,
        };
        if it.has(Flags::SYN) && !it.has(Flags::ACK) && (seq.is_after(self.rcv_nxt) || newer()) {
            let isn = self.nxt.plus(65_535 + 2);
            self.die(env, Some(it.packet));
            return Taken::Anew(isn);
        }
        if it.has(Flags::ACK) {
            self.start_timer(env, TcpTimer::TimeWait, timer::TIME_WAIT);
        }
        self.answer_strange(env, it.packet);
        Taken::Read
    }
}

impl Timer {
    pub(super) fn stop(&mut self) {
        self.generation += 1;
        self.at = None;
    }
}
