//! TCP as connection tracking sees it: states, windows, timeouts. Read `net/netfilter/nf_conntrack_proto_tcp.c` first;
//! names and order of checks are its.
//!
//! Left out: SYN proxies and what helpers do to sequence numbers.

use super::entry::{Entry, Proto};
use super::settings::Settings;
use crate::base::{Dir, Nanos, Status, TcpState};
use crate::trace::CtInvalid;

/// What the tracker knows of a connection (`struct ip_ct_tcp`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tcp {
    pub(super) state: TcpState,
    seen: [Half; 2],
    last: Last,
    /// How often the same acknowledgment came in a row.
    retrans: u8,
}

/// What one end sent (`struct ip_ct_tcp_state`): `td_end` and so on.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// One past the highest sequence number sent.
    end: u32,
    /// How far it may send: acknowledgment and window of the other end.
    max_end: u32,
    /// The largest window it offered; zero if nothing is known of this end.
    max_window: u32,
    max_ack: u32,
    scale: u8,
    flags: Flags,
}

/// `IP_CT_TCP_FLAG_*` of one end.
#[derive(Clone, Copy, Debug, Default)]
struct Flags(u8);

impl Flags {
    const WINDOW_SCALE: u8 = 0x01;
    const SACK_PERM: u8 = 0x02;
    const CLOSE_INIT: u8 = 0x04;
    const BE_LIBERAL: u8 = 0x08;
    const UNACKNOWLEDGED: u8 = 0x10;
    const MAX_ACK_SET: u8 = 0x20;

    const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// What is remembered of the segment before (`last_*`).
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    kind: Option<Kind>,
    reply: bool,
    seq: u32,
    ack: u32,
    end: u32,
    window: u16,
    scale: u8,
    flags: Flags,
    /// An ACK may be a challenge because of a stray SYN (`IP_CT_EXP_CHALLENGE_ACK`).
    expect_challenge: bool,
    /// `IP_CT_TCP_SIMULTANEOUS_OPEN`.
    simultaneous_open: bool,
}

impl Last {
    const fn dir(&self) -> Dir {
        if self.reply { Dir::Reply } else { Dir::Original }
    }
}

/// What a segment is by its flags (`enum tcp_bit_set`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    None,
}

/// Where a segment leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    To(TcpState),
    /// It may be valid or not: let it through, remember it.
    Ignore,
    Invalid,
}

const SS: Next = Next::To(TcpState::SynSent);
const SR: Next = Next::To(TcpState::SynRecv);
const ES: Next = Next::To(TcpState::Established);
const FW: Next = Next::To(TcpState::FinWait);
const CW: Next = Next::To(TcpState::CloseWait);
const LA: Next = Next::To(TcpState::LastAck);
const TW: Next = Next::To(TcpState::TimeWait);
const CL: Next = Next::To(TcpState::Close);
const S2: Next = Next::To(TcpState::SynSent2);
const IG: Next = Next::Ignore;
const IV: Next = Next::Invalid;

/// `tcp_conntracks`: by direction, kind of segment and state.
const TRANSITIONS: [[[Next; 10]; 6]; 2] = [
    [
        // NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2
        [SS, SS, IG, IG, IG, IG, IG, SS, SS, S2], // SYN
        [IV, IV, SR, IV, IV, IV, IV, IV, IV, SR], // SYN/ACK
        [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV], // FIN
        [ES, IV, ES, ES, CW, CW, TW, TW, CL, IV], // ACK
        [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL], // RST
        [IV; 10],
    ],
    [
        [IV, S2, IV, IV, IV, IV, IV, SS, IV, S2],
        [IV, SR, IG, IG, IG, IG, IG, IG, IG, SR],
        [IV, IV, FW, FW, LA, LA, LA, TW, CL, IV],
        [IV, IG, SR, ES, CW, CW, TW, TW, CL, IG],
        [IV, CL, CL, CL, CL, CL, CL, CL, CL, CL],
        [IV; 10],
    ],
];

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const URG: u8 = 0x20;

/// `tcp_valid_flags`: combinations that make sense; PSH, ECE and CWR are always valid.
const VALID_FLAGS: [u8; 9] =
    [SYN, SYN | URG, SYN | ACK, RST, RST | ACK, FIN | ACK, FIN | ACK | URG, ACK, ACK | URG];

/// `MAXACKWINCONST`.
const MAX_ACK_WINDOW: u32 = 66_000;
/// `TCP_MAX_WSCALE`.
const MAX_SCALE: u8 = 14;

/// The fields of a segment that matter here.
#[derive(Clone, Copy)]
struct Segment<'a> {
    seq: u32,
    ack: u32,
    window: u16,
    flags: u8,
    /// One past its last sequence number; SYN and FIN count.
    end: u32,
    options: &'a [u8],
}

impl<'a> Segment<'a> {
    /// `tcp_error`, but for the checksum.
    fn of(data: &'a [u8]) -> Result<Self, CtInvalid> {
        let header = data.first_chunk::<20>().ok_or(CtInvalid::Short)?;
        let header_len = usize::from(header[12] >> 4) * 4;
        let options = data.get(header.len()..header_len).ok_or(CtInvalid::Truncated)?;
        let long = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let flags = header[13] & (FIN | SYN | RST | ACK | URG);
        let counted =
            data.len() - header_len + usize::from(flags & SYN != 0) + usize::from(flags & FIN != 0);
        let seq = long(4);
        Ok(Self {
            seq,
            ack: long(8),
            window: u16::from_be_bytes([header[14], header[15]]),
            flags,
            end: seq.wrapping_add(u32::try_from(counted).unwrap_or(u32::MAX)),
            options,
        })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// `get_conntrack_index`.
    const fn kind(&self) -> Kind {
        if self.has(RST) {
            Kind::Rst
        } else if self.has(SYN) {
            if self.has(ACK) { Kind::SynAck } else { Kind::Syn }
        } else if self.has(FIN) {
            Kind::Fin
        } else if self.has(ACK) {
            Kind::Ack
        } else {
            Kind::None
        }
    }

    /// Calls `f` with each option's kind and content, until it is content or the options make no sense.
    fn each_option(&self, mut f: impl FnMut(u8, &[u8]) -> bool) {
        let mut rest = self.options;
        while let Some((&kind, behind)) = rest.split_first() {
            match kind {
                0 => return,
                1 => rest = behind,
                _ => {
                    let Some(len) = behind.first().map(|&len| usize::from(len)) else { return };
                    let Some(content) = rest.get(2..len) else { return };
                    if f(kind, content) {
                        return;
                    }
                    rest = &rest[len..];
                }
            }
        }
    }

    /// The highest sequence number acknowledged selectively, if that is past `ack` (`tcp_sack`).
    fn sack(&self, ack: u32) -> u32 {
        let mut highest = ack;
        self.each_option(|kind, content| {
            let blocks = kind == 5 && !content.is_empty() && content.len() % 8 == 0;
            if blocks {
                for block in content.chunks_exact(8) {
                    let edge = u32::from_be_bytes([block[4], block[5], block[6], block[7]]);
                    if after(edge, highest) {
                        highest = edge;
                    }
                }
            }
            blocks
        });
        highest
    }
}

impl Half {
    /// `tcp_options`: what a SYN offers. Without any option nothing changes.
    fn take_options(&mut self, segment: &Segment<'_>) {
        if segment.options.is_empty() {
            return;
        }
        self.scale = 0;
        self.flags.0 &= Flags::BE_LIBERAL;
        segment.each_option(|kind, content| {
            match (kind, content) {
                (4, []) => self.flags.0 |= Flags::SACK_PERM,
                (3, &[scale]) => {
                    self.scale = scale.min(MAX_SCALE);
                    self.flags.0 |= Flags::WINDOW_SCALE;
                }
                _ => {}
            }
            false
        });
    }

    /// `tcp_init_sender`, without the other end's part.
    fn begin(&mut self, segment: &Segment<'_>) {
        self.end = segment.end;
        self.max_end = segment.end;
        self.max_window = u32::from(segment.window).max(1);
        self.take_options(segment);
    }

    /// The lowest acknowledgment of this end's data that is believed.
    const fn ack_floor(&self, sender: &Self) -> u32 {
        let window =
            if sender.max_window > MAX_ACK_WINDOW { sender.max_window } else { MAX_ACK_WINDOW };
        self.end.wrapping_sub(window).wrapping_sub(1)
    }
}

const fn before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

const fn after(a: u32, b: u32) -> bool {
    before(b, a)
}

/// What becomes of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Judged {
    /// It belongs to the connection.
    Accept,
    /// It belongs to the connection, and that ends here: nothing but this reset ever answered.
    AcceptAndEnd,
    /// The connection is over, and this is the beginning of a new one: end it and look again.
    Reopen,
    Invalid(CtInvalid),
}

/// Whether the window check lets a segment pass.
enum InWindow {
    Yes,
    /// It is let through and changes nothing.
    Ignored,
    No(CtInvalid),
}

impl Tcp {
    /// A connection that was there before this one's records begin: nothing is known of its windows.
    pub(super) fn known_as(state: TcpState) -> Self {
        let half = Half { flags: Flags(Flags::SACK_PERM | Flags::BE_LIBERAL), ..Half::default() };
        // A window of zero would shorten its timeout.
        let last = Last { window: 1, ..Last::default() };
        Self { state, seen: [half; 2], last, retrans: 0 }
    }

    /// `tcp_new`: the tracker's state before the first segment; None if no connection begins so.
    fn new(segment: &Segment<'_>, loose: bool) -> Option<Self> {
        let mut tcp = Self::default();
        match TRANSITIONS[0][segment.kind() as usize][0] {
            Next::Invalid | Next::Ignore => return None,
            Next::To(TcpState::SynSent) => {
                tcp.seen[0].begin(segment);
            }
            Next::To(_) if !loose => return None,
            Next::To(_) => {
                tcp.seen[0].end = segment.end;
                tcp.seen[0].max_window = u32::from(segment.window).max(1);
                tcp.seen[0].max_end = segment.end.wrapping_add(tcp.seen[0].max_window);
                let flags = Flags(Flags::SACK_PERM | Flags::BE_LIBERAL);
                (tcp.seen[0].flags, tcp.seen[1].flags) = (flags, flags);
            }
        }
        tcp.last.kind = Some(Kind::None);
        Some(tcp)
    }

    /// `tcp_can_early_drop`: it is on its way out.
    const fn is_closing(&self) -> bool {
        matches!(
            self.state,
            TcpState::FinWait
                | TcpState::LastAck
                | TcpState::TimeWait
                | TcpState::Close
                | TcpState::CloseWait
        )
    }

    /// Whether a new connection with these first sequence numbers may take this one's place: it is over
    /// (`nf_nat_may_kill`), and its sequence numbers lie behind (`nf_seq_has_advanced`).
    pub(super) fn may_give_way_to(&self, new: &Self) -> bool {
        self.state >= TcpState::TimeWait
            && new.state == TcpState::SynSent
            && after(new.seen[0].end, self.seen[0].end)
    }

    /// `tcp_in_window`.
    fn in_window(&mut self, dir: Dir, segment: &Segment<'_>, liberal: bool) -> InWindow {
        let state = self.state;
        let [original, reply] = &mut self.seen;
        let (sender, receiver) = match dir {
            Dir::Original => (original, reply),
            Dir::Reply => (reply, original),
        };
        let (mut seq, mut end) = (segment.seq, segment.end);
        let mut ack = segment.ack;
        let mut window = u32::from(segment.window);
        let mut sack = ack;
        if receiver.flags.has(Flags::SACK_PERM) {
            sack = segment.sack(ack);
        }
        let both_scale = |sender: &mut Half, receiver: &mut Half| {
            let scaled = Flags::WINDOW_SCALE;
            if dir == Dir::Reply && !(sender.flags.has(scaled) && receiver.flags.has(scaled)) {
                (sender.scale, receiver.scale) = (0, 0);
            }
        };
        if sender.max_window == 0 {
            if segment.has(SYN) {
                sender.begin(segment);
                both_scale(sender, receiver);
                if !segment.has(ACK) {
                    return InWindow::Yes;
                }
            } else {
                sender.end = end;
                sender.max_window = (window << sender.scale).max(1);
                sender.max_end = end.wrapping_add(sender.max_window);
                if receiver.max_window == 0 {
                    (receiver.end, receiver.max_end) = (sack, sack);
                } else if sack == receiver.end.wrapping_add(1) {
                    receiver.end = sack;
                }
            }
        } else if segment.has(SYN)
            && after(end, sender.end)
            && matches!(state, TcpState::SynSent | TcpState::SynRecv)
        {
            sender.begin(segment);
            both_scale(sender, receiver);
            if dir == Dir::Reply && !segment.has(ACK) {
                return InWindow::Yes;
            }
        }

        if !segment.has(ACK) || (segment.has(RST) && ack == 0) {
            (ack, sack) = (receiver.end, receiver.end);
        }
        if segment.has(RST) && seq == 0 && state == TcpState::SynSent {
            (seq, end) = (sender.end, sender.end);
        }

        let liberal = liberal || sender.flags.has(Flags::BE_LIBERAL);
        let ignored = || if liberal { InWindow::Yes } else { InWindow::Ignored };
        let invalid = |why| if liberal { InWindow::Yes } else { InWindow::No(why) };
        let window_floor = sender.end.wrapping_sub(receiver.max_window).wrapping_sub(1);
        if !before(seq, sender.max_end.wrapping_add(1)) {
            let overshot = end.wrapping_sub(sender.max_end).wrapping_add(1);
            if receiver.max_window != 0
                && after(end, window_floor)
                && after(sack, receiver.ack_floor(sender))
                && overshot <= receiver.max_window
                && before(sack, receiver.end.wrapping_add(1))
            {
                sender.end = end;
                sender.flags.0 |= Flags::UNACKNOWLEDGED;
                return ignored();
            }
            return invalid(CtInvalid::SeqOver);
        }
        if !before(sack, receiver.end.wrapping_add(1)) {
            return invalid(CtInvalid::AckOver);
        }
        if receiver.max_window != 0 && !after(end, window_floor) {
            return ignored();
        }
        if !after(sack, receiver.ack_floor(sender)) {
            return ignored();
        }

        if !segment.has(SYN) {
            window <<= sender.scale;
        }
        sender.max_window = sender.max_window.max(window.wrapping_add(sack.wrapping_sub(ack)));
        if after(end, sender.end) {
            sender.end = end;
            sender.flags.0 |= Flags::UNACKNOWLEDGED;
        }
        if segment.has(ACK) {
            if !sender.flags.has(Flags::MAX_ACK_SET) {
                sender.max_ack = ack;
                sender.flags.0 |= Flags::MAX_ACK_SET;
            } else if after(ack, sender.max_ack) {
                sender.max_ack = ack;
            }
        }
        if receiver.max_window != 0 && after(end, sender.max_end) {
            let beyond = end.wrapping_sub(sender.max_end);
            receiver.max_window = receiver.max_window.wrapping_add(beyond);
        }
        if after(sack.wrapping_add(window), receiver.max_end.wrapping_sub(1)) {
            receiver.max_end = sack.wrapping_add(window).wrapping_add(u32::from(window == 0));
        }
        if ack == receiver.end {
            receiver.flags.0 &= !Flags::UNACKNOWLEDGED;
        }
        if segment.kind() == Kind::Ack {
            let last = &mut self.last;
            let same = last.dir() == dir
                && (last.seq, last.ack, last.end, last.window) == (seq, ack, end, segment.window);
            if same {
                self.retrans = self.retrans.saturating_add(1);
            } else {
                last.reply = dir == Dir::Reply;
                (last.seq, last.ack, last.end, last.window) = (seq, ack, end, segment.window);
                self.retrans = 0;
            }
        }
        InWindow::Yes
    }

    /// Remembers a segment that is let through although it may not belong to the connection.
    fn note_ignored(&mut self, dir: Dir, segment: &Segment<'_>, old: TcpState) {
        let kind = segment.kind();
        let last = &mut self.last;
        last.kind = Some(kind);
        last.reply = dir == Dir::Reply;
        (last.seq, last.end, last.window) = (segment.seq, segment.end, segment.window);
        if kind == Kind::Syn && dir == Dir::Original {
            let mut offered = Half::default();
            offered.take_options(segment);
            last.flags = Flags(offered.flags.0 & (Flags::WINDOW_SCALE | Flags::SACK_PERM));
            last.scale = offered.scale;
            last.simultaneous_open = false;
            last.expect_challenge = old == TcpState::LastAck;
        }
        if old == TcpState::SynSent && kind == Kind::Ack && dir == Dir::Reply {
            last.ack = segment.ack;
        }
    }

    /// A SYN/ACK acknowledges a SYN that was ignored: both ends agree and this tracker was wrong.
    fn resync(&mut self, dir: Dir) {
        let last = &mut self.last;
        last.expect_challenge = false;
        let asker = &mut self.seen[last.dir() as usize];
        asker.end = last.end;
        asker.max_end = last.end;
        asker.max_window = u32::from(last.window).max(1);
        asker.scale = last.scale;
        asker.flags = last.flags;
        let answerer = &mut self.seen[dir as usize];
        let kept = Flags(answerer.flags.0 & Flags::BE_LIBERAL);
        *answerer = Half { flags: kept, ..Half::default() };
    }

    /// What a reset leads to: a state and whether the window is to be checked; an error if it is none of this connection.
    fn reset(
        &self,
        dir: Dir,
        segment: &Segment<'_>,
        status: Status,
        settings: &Settings,
    ) -> Result<(TcpState, bool), CtInvalid> {
        let old = self.state;
        if self.is_closing() {
            return Ok((TcpState::Close, false));
        }
        let mut new = TcpState::Close;
        let established = old == TcpState::Established && status.has(Status::ASSURED);
        let other = &self.seen[dir.other() as usize];
        let last = &self.last;
        if other.flags.has(Flags::MAX_ACK_SET) && last.kind != Some(Kind::Syn) {
            let seq = segment.seq;
            if seq == 0 && !established {
                return Ok((new, true));
            }
            if before(seq, other.max_ack) && !settings.tcp_ignore_invalid_rst {
                return Err(CtInvalid::Reset);
            }
            let follows = last.kind == Some(Kind::Ack) && last.dir() == dir && seq == last.end;
            if !established || seq == other.max_ack || follows {
                return Ok((new, true));
            }
            new = old;
        }
        let answers_ignored = segment.ack == last.end
            && last.dir() != dir
            && (status.has(Status::SEEN_REPLY) && last.kind == Some(Kind::Syn)
                || !status.has(Status::ASSURED) && last.kind == Some(Kind::Ack));
        let answers_challenge = old == TcpState::SynSent
            && last.kind == Some(Kind::Ack)
            && last.dir() == Dir::Reply
            && segment.seq == last.ack;
        Ok((new, !(answers_ignored || answers_challenge)))
    }

    /// How long the connection is kept after an accepted segment, in seconds.
    fn timeout_s(&self, kind: Kind, settings: &Settings) -> u32 {
        let usual = settings.tcp(self.state);
        let unacknowledged = (self.seen[0].flags.0 | self.seen[1].flags.0) & Flags::UNACKNOWLEDGED;
        if self.retrans >= settings.tcp_max_retrans && usual > settings.tcp_max_retrans_s {
            settings.tcp_max_retrans_s
        } else if kind == Kind::Rst {
            settings.tcp(TcpState::Close)
        } else if unacknowledged != 0 && usual > settings.tcp_unacknowledged_s {
            settings.tcp_unacknowledged_s
        } else if self.last.window == 0 && usual > settings.tcp_max_retrans_s {
            settings.tcp_max_retrans_s
        } else {
            usual
        }
    }
}

/// A segment of the connection (`nf_conntrack_tcp_packet`); its checksum was looked at.
pub(super) fn packet(
    entry: &mut Entry,
    settings: &Settings,
    now: Nanos,
    dir: Dir,
    data: &[u8],
    packet_len: usize,
) -> Judged {
    let segment = match Segment::of(data) {
        Ok(segment) if VALID_FLAGS.contains(&segment.flags) => segment,
        Ok(_) => return Judged::Invalid(CtInvalid::TcpFlags),
        Err(why) => return Judged::Invalid(why),
    };
    if !entry.status.has(Status::CONFIRMED) {
        match Tcp::new(&segment, settings.tcp_loose) {
            Some(tcp) => entry.proto = Proto::Tcp(tcp),
            None => return Judged::Invalid(CtInvalid::NoBeginning),
        }
    }
    let Proto::Tcp(tcp) = &mut entry.proto else { return Judged::Invalid(CtInvalid::Short) };
    let status = entry.status;
    let kind = segment.kind();
    let mut old = tcp.state;
    let mut check_window = true;
    let new = match TRANSITIONS[dir as usize][kind as usize][old as usize] {
        Next::Invalid => return Judged::Invalid(CtInvalid::TcpState(old)),
        Next::To(TcpState::SynSent) if old < TcpState::TimeWait => TcpState::SynSent,
        next @ (Next::Ignore | Next::To(TcpState::SynSent)) => {
            let either = Flags(tcp.seen[0].flags.0 | tcp.seen[1].flags.0);
            let was_reset = tcp.last.dir() == dir && tcp.last.kind == Some(Kind::Rst);
            if next != Next::Ignore && (either.has(Flags::CLOSE_INIT) || was_reset) {
                return Judged::Reopen;
            }
            let answers_ignored_syn = kind == Kind::SynAck
                && tcp.last.kind == Some(Kind::Syn)
                && tcp.last.dir() != dir
                && segment.ack == tcp.last.end;
            if !answers_ignored_syn {
                tcp.note_ignored(dir, &segment, old);
                return Judged::Accept;
            }
            old = TcpState::SynSent;
            tcp.resync(dir);
            TcpState::SynRecv
        }
        Next::To(TcpState::TimeWait)
            if old == TcpState::LastAck
                && kind == Kind::Ack
                && tcp.last.dir() != dir
                && tcp.last.kind == Some(Kind::Syn)
                && tcp.last.expect_challenge =>
        {
            tcp.last.expect_challenge = false;
            return Judged::Accept;
        }
        Next::To(TcpState::SynSent2) => {
            tcp.last.simultaneous_open = true;
            TcpState::SynSent2
        }
        Next::To(TcpState::SynRecv)
            if dir == Dir::Reply && kind == Kind::Ack && tcp.last.simultaneous_open =>
        {
            TcpState::Established
        }
        Next::To(TcpState::Close) if kind == Kind::Rst => {
            match tcp.reset(dir, &segment, status, settings) {
                Ok((new, check)) => {
                    check_window = check;
                    new
                }
                Err(why) => return Judged::Invalid(why),
            }
        }
        Next::To(new) => new,
    };
    if check_window {
        match tcp.in_window(dir, &segment, settings.tcp_be_liberal) {
            InWindow::Yes => {}
            InWindow::Ignored => return Judged::Accept,
            InWindow::No(why) => {
                handle_invalid(entry, settings, now, dir, kind);
                return Judged::Invalid(why);
            }
        }
    }
    tcp.last.kind = Some(kind);
    tcp.last.reply = dir == Dir::Reply;
    tcp.state = new;
    if old != new && new == TcpState::FinWait {
        tcp.seen[dir as usize].flags.0 |= Flags::CLOSE_INIT;
    }
    let mut timeout_s = tcp.timeout_s(kind, settings);
    entry.changed_state |= old != new;
    if !status.has(Status::SEEN_REPLY) {
        if segment.has(RST) {
            entry.count(dir, packet_len);
            return Judged::AcceptAndEnd;
        }
        // A SYN sent again does not prolong a connection that nobody answers.
        if kind == Kind::Syn && old == TcpState::SynSent {
            return Judged::Accept;
        }
        if new == TcpState::Established {
            timeout_s = timeout_s.min(settings.tcp_unacknowledged_s);
        }
    } else if !status.has(Status::ASSURED)
        && matches!(old, TcpState::SynRecv | TcpState::Established)
        && new == TcpState::Established
    {
        entry.status.set(Status::ASSURED);
        entry.changed = true;
    }
    entry.refresh(now, timeout_s, (dir, packet_len));
    Judged::Accept
}

/// `nf_tcp_handle_invalid`: both ends of an assured connection tried to close it out of window; it is kept no longer
/// than one with something unacknowledged.
fn handle_invalid(entry: &mut Entry, settings: &Settings, now: Nanos, dir: Dir, kind: Kind) {
    let closes = |kind| matches!(kind, Some(Kind::Rst | Kind::Fin));
    let fixed = entry.status.has(Status::FIXED_TIMEOUT);
    if !entry.status.has(Status::ASSURED) || fixed || !closes(Some(kind)) {
        return;
    }
    let left = entry.expires_in(now);
    let Proto::Tcp(tcp) = &mut entry.proto else { return };
    if tcp.last.dir() != dir && closes(tcp.last.kind) {
        let most = Nanos::from_secs(u64::from(settings.tcp_unacknowledged_s));
        if left >= Nanos::from_secs(120) && left > most {
            entry.expires = now + most;
        }
    } else {
        tcp.last.kind = Some(kind);
        tcp.last.reply = dir == Dir::Reply;
    }
}

/// `nf_conntrack_tcp_set_closing`: a rule refused the connection with a reset.
pub(super) fn set_closing(entry: &mut Entry, settings: &Settings, now: Nanos) {
    let Proto::Tcp(tcp) = &mut entry.proto else { return };
    let old = std::mem::replace(&mut tcp.state, TcpState::Close);
    if old != TcpState::Close && !entry.status.has(Status::FIXED_TIMEOUT) {
        entry.expires = now + Nanos::from_secs(u64::from(settings.tcp(TcpState::Close)));
        entry.changed_state = true;
    }
}
