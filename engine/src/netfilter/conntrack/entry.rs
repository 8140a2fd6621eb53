//! One tracked connection (`struct nf_conn`).

use super::tcp::Tcp;
use crate::base::{DevId, Dir, Nanos, Side, Status, TcpState, Tuple, Zone};
use crate::skb::Mark;

/// A connection: what its packets look like both ways, and how far it is.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As its first packet went, and what its replies look like; they differ by more than the direction where addresses
    /// are translated.
    pub(in crate::netfilter) tuples: [Tuple; 2],
    pub zone: Zone,
    pub(in crate::netfilter) status: Status,
    /// `CONNMARK`; change it by [`Entry::set_mark`].
    pub(super) mark: Mark,
    /// When it times out. A span until the connection is confirmed, and the end of that span from then on.
    pub(super) expires: Nanos,
    pub(super) proto: Proto,
    /// The device by which MASQUERADE chose the source (`masq_index`).
    pub(in crate::netfilter) masquerade_dev: Option<DevId>,
    /// Packets and bytes of both directions, where `nf_conntrack_acct` is on.
    pub counters: Option<Box<[Counter; 2]>>,
    /// Whether something has changed since the last report (`nf_conntrack_event_cache`).
    pub(super) changed: bool,
    /// Whether TCP's state has (`IPCT_PROTOINFO`); reports show it only then.
    pub(super) changed_state: bool,
    /// Slots of the next younger and older connection from the same source, see
    /// [`BySource`](super::table::Table::of_source); [`NO_SLOT`](super::table::NO_SLOT) at the ends.
    pub(super) younger: u32,
    pub(super) older: u32,
}

/// Packets and bytes of one direction (`struct nf_conn_counter`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

/// What a protocol's tracker keeps (`union nf_conntrack_proto`).
#[derive(Clone, Debug)]
pub(super) enum Proto {
    Tcp(Tcp),
    /// From this time on it is a stream, if it is answered (`stream_ts`).
    Udp {
        stream_from: Nanos,
    },
    Other,
}

impl Entry {
    /// The tuple of one direction.
    #[inline]
    pub const fn tuple(&self, dir: Dir) -> Tuple {
        self.tuples[dir as usize]
    }

    pub const fn status(&self) -> Status {
        self.status
    }

    /// The connection's mark (`-m connmark`).
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// Sets the connection's mark (`-j CONNMARK`); a change is reported.
    pub fn set_mark(&mut self, mark: Mark) {
        self.changed |= self.mark != mark;
        self.mark = mark;
    }

    /// Where a TCP connection stands; None for another protocol.
    pub const fn tcp_state(&self) -> Option<TcpState> {
        match &self.proto {
            Proto::Tcp(tcp) => Some(tcp.state),
            Proto::Udp { .. } | Proto::Other => None,
        }
    }

    /// What is left of its time (`nf_ct_expires`).
    pub fn expires_in(&self, now: Nanos) -> Nanos {
        if self.status.has(Status::CONFIRMED) { self.expires.since(now) } else { self.expires }
    }

    /// The same in whole seconds, as the kernel counts them: by its clock's ticks, 250 a second.
    pub fn seconds_left(&self, now: Nanos) -> u32 {
        const TICKS_A_SECOND: u64 = 250;
        let ticks = |at: Nanos| at.0 / (Nanos::from_secs(1).0 / TICKS_A_SECOND);
        let now = if self.status.has(Status::CONFIRMED) { ticks(now) } else { 0 };
        let left = ticks(self.expires).saturating_sub(now) / TICKS_A_SECOND;
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(in crate::netfilter) fn is_expired(&self, now: Nanos) -> bool {
        self.status.has(Status::CONFIRMED) && self.expires <= now
    }

    /// Gives it `timeout_s` seconds from now and counts a packet of `len` bytes (`nf_ct_refresh_acct`).
    #[inline]
    pub(super) fn refresh(&mut self, now: Nanos, timeout_s: u32, (dir, len): (Dir, usize)) {
        if !self.status.has(Status::FIXED_TIMEOUT) {
            let span = Nanos::from_secs(u64::from(timeout_s));
            self.expires = if self.status.has(Status::CONFIRMED) { now + span } else { span };
        }
        self.count(dir, len);
    }

    #[inline]
    pub(in crate::netfilter) fn count(&mut self, dir: Dir, len: usize) {
        if let Some(counters) = &mut self.counters {
            let counter = &mut counters[dir as usize];
            counter.packets += 1;
            counter.bytes += len as u64;
        }
    }

    /// Whether the nat table has decided about one side (`nf_nat_initialized`).
    pub(in crate::netfilter) const fn is_bound(&self, side: Side) -> bool {
        self.status.has(match side {
            Side::Source => Status::SRC_NAT_DONE,
            Side::Destination => Status::DST_NAT_DONE,
        })
    }
}
