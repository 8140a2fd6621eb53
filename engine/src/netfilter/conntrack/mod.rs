//! Connection tracking: which connection a packet belongs to, and what it is to it. Read
//! `net/netfilter/nf_conntrack_core.c` and the `nf_conntrack_proto_*.c` first.
//!
//! Left out: helpers and what they expect, labels, timestamps, timeout policies, dropping of unassured connections to
//! make room (a full table refuses new ones), the trackers of SCTP, UDP-Lite and GRE, which are refused aloud. A connection
//! that timed out goes when somebody looks for it, or when the table is swept; the kernel's sweep is at no fixed time
//! either.

mod entry;
mod packet;
mod settings;
mod table;
mod tcp;
#[cfg(test)]
mod tests;

pub use entry::{Counter, Entry};
pub(super) use packet::{ICMP, Packet, SCTP, TCP, UDP};
pub use settings::Settings;

use super::At;
use std::net::Ipv4Addr;

use crate::base::{CtId, Dir, Hook, Nanos, NsId, PacketId, Status, TcpState, Tuple, Zone};
use crate::skb::{Ct, CtInfo, Mark, Skb};
use crate::trace::{CtInvalid, CtNow, CtReport, Ctx, DropReason, Event, NotModelled, Tracer};
use entry::Proto;
use table::{NO_SLOT, Table};
use tcp::{Judged, Tcp};

/// Protocols with a tracker in the kernel and none here: GRE, SCTP, UDP-Lite.
const NOT_MODELLED: [u8; 3] = [47, 132, 136];
/// `NR_ICMP_TYPES`.
const ICMP_TYPES: u8 = 18;
/// After so long a connection that both ends use is a stream (`stream_ts`).
const STREAM_AFTER: Nanos = Nanos::from_secs(2);
/// How often the table is swept (`GC_SCAN_INTERVAL_MAX`).
const SWEEP_EVERY: Nanos = Nanos::from_secs(60);
/// And how often while it is full.
const SWEEP_FULL_EVERY: Nanos = Nanos::from_secs(1);

/// A namespace's tracked connections.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    on: bool,
    nat: bool,
    /// Only the first packet of a connection is asked about: it is new for every tracker.
    pub first_only: bool,
    pub settings: Settings,
    pub(super) table: Table,
    last_sweep: Nanos,
}

/// A connection that was there before the world began, as `conntrack -L` lists it.
#[derive(Clone, Debug)]
pub struct Known {
    pub original: Tuple,
    pub reply: Tuple,
    pub zone: Zone,
    /// Of [`Status::SEEN_REPLY`], [`Status::ASSURED`] and such; the bits of translation follow from the tuples.
    pub status: Status,
    /// None for another protocol than TCP.
    pub tcp: Option<TcpState>,
    pub timeout_s: u32,
    pub mark: Mark,
    pub counters: Option<[Counter; 2]>,
}

/// What a packet is not to be.
enum Refused {
    Invalid(CtInvalid),
    Dropped(DropReason),
}

impl From<CtInvalid> for Refused {
    fn from(why: CtInvalid) -> Self {
        Self::Invalid(why)
    }
}

impl Conntrack {
    /// Whether packets are tracked: a rule or a nat chain needs it (`nf_ct_netns_get`).
    #[inline]
    pub const fn is_on(&self) -> bool {
        self.on
    }

    pub const fn set_on(&mut self, on: bool) {
        self.on = on;
    }

    /// Whether addresses may be translated: there is a nat chain (`nf_nat_register_fn`).
    #[inline]
    pub const fn nat_is_on(&self) -> bool {
        self.nat
    }

    pub const fn set_nat_on(&mut self, on: bool) {
        self.nat = on;
    }

    /// A connection by its id; None if it is long gone.
    #[inline]
    pub fn get(&self, id: CtId) -> Option<&Entry> {
        self.table.get(id)
    }

    #[inline]
    pub fn get_mut(&mut self, id: CtId) -> Option<&mut Entry> {
        self.table.get_mut(id)
    }

    /// The connections that `conntrack -L` lists: those in the table that have not timed out. One that is there for its
    /// replies only is not listed.
    pub fn iter(&self, now: Nanos) -> impl Iterator<Item = (CtId, &Entry)> {
        let listed = move |it: &Entry| !it.is_expired(now) && !it.status.has(Status::NAT_CLASH);
        self.table.iter().filter(move |(_, entry)| listed(entry))
    }

    /// `conntrack -D`: the UDP connections to this port, at this address if one is given, whose answers come from there. How
    /// many they were.
    pub fn delete_udp(
        &mut self,
        (dst, port): (Option<Ipv4Addr>, u16),
        reply_src: Ipv4Addr,
        now: Nanos,
    ) -> usize {
        let is_it = |entry: &Entry| {
            let (original, reply) = (entry.tuple(Dir::Original), entry.tuple(Dir::Reply));
            (original.protocol, original.dst_port, reply.src) == (UDP, port, reply_src)
                && dst.is_none_or(|dst| original.dst == dst)
        };
        let found: Vec<CtId> =
            self.iter(now).filter(|(_, entry)| is_it(entry)).map(|(id, _)| id).collect();
        for &id in &found {
            if let Some(entry) = self.table.get_mut(id) {
                entry.status.set(Status::DYING);
            }
            self.table.remove(id, now);
        }
        found.len()
    }

    /// The connection that a tuple of the default zone belongs to, and in which direction.
    pub fn find(&self, tuple: &Tuple, now: Nanos) -> Option<(CtId, Dir)> {
        let found = self.table.find(tuple, Zone::DEFAULT)?;
        let expired = self.get(found.0).is_none_or(|entry| entry.is_expired(now));
        (!expired).then_some(found)
    }

    /// Takes in a connection that was there before; false if one of its tuples is taken.
    pub fn add_known(&mut self, known: &Known, now: Nanos) -> bool {
        let &Known { original, reply, zone, tcp, timeout_s, mark, counters, .. } = known;
        if self.table.find(&original, zone).is_some()
            || self.table.find_taken(&reply, zone).is_some()
        {
            return false;
        }
        let mut status = known.status;
        status.set(Status::CONFIRMED);
        status.set(Status::NAT_DONE_MASK);
        if (reply.dst, reply.dst_port) != (original.src, original.src_port)
            && !(original.protocol == ICMP && reply.dst == original.src)
            || original.protocol == ICMP && reply.src_port != original.src_port
        {
            status.set(Status::SRC_NAT);
        }
        let to = (original.dst, original.dst_port);
        if reply.src != to.0 || original.protocol != ICMP && reply.src_port != to.1 {
            status.set(Status::DST_NAT);
        }
        let entry = Entry {
            tuples: [original, reply],
            zone,
            status,
            mark,
            expires: now + Nanos::from_secs(u64::from(timeout_s)),
            proto: match tcp {
                Some(state) => Proto::Tcp(Tcp::known_as(state)),
                None if original.protocol == UDP => {
                    // Its age, if its first packet was its last; if its time is longer than that of a first packet,
                    // it is a stream already.
                    let age = self.settings.udp_s.checked_sub(timeout_s).unwrap_or(u32::MAX);
                    let age = Nanos::from_secs(u64::from(age));
                    Proto::Udp { stream_from: now + STREAM_AFTER.since(age) }
                }
                None => Proto::Other,
            },
            masquerade_dev: None,
            counters: counters.map(Box::new),
            changed: false,
            changed_state: false,
            younger: NO_SLOT,
            older: NO_SLOT,
        };
        let id = self.table.add(entry, now);
        self.table.insert(id, false);
        self.table.link_source(id);
        true
    }

    /// Finds or makes the packet's connection and judges its state (`nf_conntrack_in`). A packet that belongs to none
    /// stays without; an error ends its way.
    pub(super) fn packet_in<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), DropReason> {
        let zone = match skb.ct {
            // Seen before, on the way to the loopback device, or not to be tracked.
            Ct::Tracked { .. } | Ct::Untracked => return Ok(()),
            Ct::None => Zone::DEFAULT,
            Ct::Template(template) => template.zone(skb.mark),
        };
        skb.ct = Ct::None;
        match self.connection_of(ctx, at, zone, skb) {
            Ok((entry, info)) => {
                skb.ct = Ct::Tracked { entry, info };
                ctx.event(skb.id, Event::CtFound { ns: at.ns, entry, info });
                Ok(())
            }
            Err(Refused::Invalid(why)) => {
                ctx.event(skb.id, Event::CtInvalid { ns: at.ns, why });
                Ok(())
            }
            Err(Refused::Dropped(reason)) => Err(reason),
        }
    }

    fn connection_of<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        zone: Zone,
        skb: &Skb,
    ) -> Result<(CtId, CtInfo), Refused> {
        let packet = Packet::of(skb.payload()).ok_or(CtInvalid::Short)?;
        if NOT_MODELLED.contains(&packet.protocol) && !self.first_only {
            let what = NotModelled::Tracking(packet.protocol);
            ctx.event(skb.id, Event::NotModelled { ns: at.ns, what });
            return Err(Refused::Dropped(DropReason::NotModelled));
        }
        let check = self.settings.checksum && at.hook == Hook::PreRouting;
        if packet.protocol == ICMP
            && let Some(related) = self.icmp_error(&packet, check, zone, ctx.now)?
        {
            return Ok(related);
        }
        let tuple = packet.tuple().ok_or(CtInvalid::Short)?;
        // Twice at most: a new connection is never one to be reopened.
        loop {
            let (id, info) = self.resolve(ctx, (at.ns, skb.id), &tuple, zone)?;
            match self.judge(id, info.dir(), &packet, check, ctx.now) {
                Judged::Accept => {}
                Judged::AcceptAndEnd => self.end(ctx, (at.ns, skb.id), id),
                Judged::Reopen => {
                    self.end(ctx, (at.ns, skb.id), id);
                    continue;
                }
                Judged::Invalid(why) => return Err(why.into()),
            }
            if info == CtInfo::EstablishedReply
                && let Some(entry) = self.table.get_mut(id)
                && !entry.status.has(Status::SEEN_REPLY)
            {
                entry.status.set(Status::SEEN_REPLY);
                entry.changed = true;
            }
            return Ok((id, info));
        }
    }

    /// `nf_conntrack_icmpv4_error`: an error belongs to the connection of the packet it quotes. None if it is no error.
    fn icmp_error(
        &self,
        packet: &Packet<'_>,
        check: bool,
        zone: Zone,
        now: Nanos,
    ) -> Result<Option<(CtId, CtInfo)>, CtInvalid> {
        let Some(quoted) = packet.data.get(8..) else { return Err(CtInvalid::Short) };
        if check && !packet.checksum_is_right() {
            return Err(CtInvalid::Checksum);
        }
        match packet.data[0] {
            3 | 4 | 5 | 11 | 12 => {}
            kind if kind > ICMP_TYPES => return Err(CtInvalid::IcmpType),
            _ => return Ok(None),
        }
        let quote = Packet::of(quoted).and_then(|it| it.tuple()).ok_or(CtInvalid::Quote)?;
        let reply = quote.inverted().ok_or(CtInvalid::Quote)?;
        let found = self.table.find(&reply, zone).and_then(|(id, dir)| {
            let entry = self.table.get(id).filter(|it| !it.is_expired(now))?;
            Some((id, dir, entry))
        });
        let (id, dir, entry) = found.ok_or(CtInvalid::QuoteUnknown)?;
        if entry.tuple(dir).dst != packet.dst {
            return Err(CtInvalid::QuoteOfOther);
        }
        let info = match dir {
            Dir::Original => CtInfo::Related,
            Dir::Reply => CtInfo::RelatedReply,
        };
        Ok(Some((id, info)))
    }

    /// `resolve_normal_ct`: the connection of a tuple, a new one if there is none.
    fn resolve<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        (ns, packet): (NsId, PacketId),
        tuple: &Tuple,
        zone: Zone,
    ) -> Result<(CtId, CtInfo), Refused> {
        if let Some((id, dir)) = self.table.find(tuple, zone) {
            let entry = self.table.get(id).filter(|it| !it.is_expired(ctx.now));
            if let Some(entry) = entry {
                let info = match dir {
                    Dir::Reply => CtInfo::EstablishedReply,
                    Dir::Original if entry.status.has(Status::SEEN_REPLY) => CtInfo::Established,
                    Dir::Original => CtInfo::New,
                };
                return Ok((id, info));
            }
            self.end(ctx, (ns, None), id);
        }
        let reply = tuple.inverted().ok_or(CtInvalid::NoBeginning)?;
        let most = self.settings.max as usize;
        let is_full = |table: &Table| table.len() >= most;
        let every = if is_full(&self.table) { SWEEP_FULL_EVERY } else { SWEEP_EVERY };
        if ctx.now.since(self.last_sweep) >= every {
            self.last_sweep = ctx.now;
            self.sweep(ctx, ns);
        }
        if is_full(&self.table) && !self.drop_early(ctx, (ns, packet), (tuple, zone)) {
            return Err(Refused::Dropped(DropReason::CtTableFull));
        }
        let entry = Entry {
            tuples: [*tuple, reply],
            zone,
            status: Status::default(),
            mark: Mark(0),
            expires: Nanos::ZERO,
            proto: match tuple.protocol {
                TCP => Proto::Tcp(Tcp::default()),
                UDP => Proto::Udp { stream_from: ctx.now + STREAM_AFTER },
                _ => Proto::Other,
            },
            masquerade_dev: None,
            counters: self.settings.acct.then(Box::default),
            changed: false,
            changed_state: false,
            younger: NO_SLOT,
            older: NO_SLOT,
        };
        let id = self.table.add(entry, ctx.now);
        ctx.event(packet, Event::CtMade { ns, entry: id, original: *tuple });
        Ok((id, CtInfo::New))
    }

    /// `nf_conntrack_handle_packet`: what the protocol's tracker says.
    fn judge(
        &mut self,
        id: CtId,
        dir: Dir,
        packet: &Packet<'_>,
        check: bool,
        now: Nanos,
    ) -> Judged {
        let settings = &self.settings;
        let Some(entry) = self.table.get_mut(id) else {
            return Judged::Invalid(CtInvalid::NoBeginning);
        };
        let size = (dir, packet.len);
        match packet.protocol {
            TCP => {
                if check && !packet.checksum_is_right() {
                    return Judged::Invalid(CtInvalid::Checksum);
                }
                tcp::packet(entry, settings, now, dir, packet.data, packet.len)
            }
            UDP => {
                if let Err(why) = udp_error(packet, check) {
                    return Judged::Invalid(why);
                }
                udp_packet(entry, settings, now, size);
                Judged::Accept
            }
            ICMP => {
                let [kind, _] = entry.tuples[0].dst_port.to_be_bytes();
                if !matches!(kind, 8 | 13 | 15 | 17) {
                    return Judged::Invalid(CtInvalid::NoBeginning);
                }
                entry.refresh(now, settings.icmp_s, size);
                Judged::Accept
            }
            _ => {
                entry.refresh(now, settings.generic_s, size);
                Judged::Accept
            }
        }
    }

    /// The packet got through: a new connection enters the table (`nf_conntrack_confirm`), and what changed is reported.
    pub(crate) fn confirm<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), DropReason> {
        let Ct::Tracked { entry: id, info } = skb.ct else { return Ok(()) };
        let Some(entry) = self.table.get_mut(id) else { return Ok(()) };
        let mut report = CtReport::Update;
        if !entry.status.has(Status::CONFIRMED) {
            // What the host itself sends about a packet does not make that packet's connection.
            if info.dir() == Dir::Reply {
                return Ok(());
            }
            self.enter(ctx, at.ns, id, skb)?;
            report = CtReport::New;
        }
        let Ct::Tracked { entry: id, .. } = skb.ct else { return Ok(()) };
        let Some(entry) = self.table.get_mut(id) else { return Ok(()) };
        let hidden = entry.status.has(Status::DYING) || entry.status.has(Status::NAT_CLASH);
        let changed_state = std::mem::take(&mut entry.changed_state);
        if (std::mem::take(&mut entry.changed) || changed_state) && !hidden {
            let mut now = now_of(entry, ctx.now);
            now.tcp = now.tcp.filter(|_| changed_state);
            ctx.event(skb.id, Event::CtReport { ns: at.ns, entry: id, report, now });
        }
        Ok(())
    }

    /// `__nf_conntrack_confirm`.
    fn enter<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        ns: NsId,
        id: CtId,
        skb: &mut Skb,
    ) -> Result<(), DropReason> {
        let Some(entry) = self.table.get(id) else { return Ok(()) };
        let (original, reply, zone) =
            (entry.tuple(Dir::Original), entry.tuple(Dir::Reply), entry.zone);
        let by_original = self.living(ctx, ns, self.table.find(&original, zone));
        let by_reply = self.living(ctx, ns, self.table.find_taken(&reply, zone));
        let only_reply = by_original.is_some() || by_reply.is_some();
        if let Some(winner) = by_original.or(by_reply) {
            // `nf_ct_resolve_clash`; of the protocols that track apart, TCP and ICMP have none.
            if matches!(original.protocol, TCP | ICMP) {
                return Err(DropReason::CtClash);
            }
            for winner in [Some(winner), by_reply].into_iter().flatten() {
                if self.is_same(winner, id) {
                    let bytes = skb.payload().len();
                    if let Ct::Tracked { entry, info } = &mut skb.ct
                        && let Some(winner_entry) = self.table.get_mut(winner)
                    {
                        winner_entry.count(info.dir(), bytes);
                        *entry = winner;
                    }
                    ctx.event(skb.id, Event::CtClash { ns, entry: id, winner, merged: true });
                    return Ok(());
                }
            }
            if by_reply.is_some() {
                return Err(DropReason::CtClash);
            }
            ctx.event(skb.id, Event::CtClash { ns, entry: id, winner, merged: false });
        }
        let Some(entry) = self.table.get_mut(id) else { return Ok(()) };
        if only_reply {
            entry.status.set(Status::FIXED_TIMEOUT);
            entry.status.set(Status::NAT_CLASH);
            entry.expires = Nanos::from_secs(1);
        }
        entry.expires = ctx.now + entry.expires;
        entry.status.set(Status::CONFIRMED);
        entry.changed = true;
        self.table.insert(id, only_reply);
        ctx.event(skb.id, Event::CtConfirmed { ns, entry: id, reply });
        Ok(())
    }

    /// Whether two connections are the same, one way or the other (`nf_ct_can_merge`).
    fn is_same(&self, a: CtId, b: CtId) -> bool {
        let (Some(a), Some(b)) = (self.table.get(a), self.table.get(b)) else { return false };
        let there = [Dir::Original, Dir::Reply];
        let equal = |turn: fn(Dir) -> Dir| {
            there.iter().all(|&dir| {
                a.tuple(dir) == b.tuple(turn(dir)) && a.zone.id_of(dir) == b.zone.id_of(turn(dir))
            })
        };
        equal(|dir| dir) || equal(Dir::other)
    }

    /// What was found, unless it timed out; then it ends.
    fn living<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        ns: NsId,
        found: Option<(CtId, Dir)>,
    ) -> Option<CtId> {
        let (id, _) = found?;
        if self.table.get(id)?.is_expired(ctx.now) {
            self.end(ctx, (ns, None), id);
            return None;
        }
        Some(id)
    }

    /// Ends a connection (`nf_ct_delete`). One that is not in the table is marked only.
    pub(super) fn end<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        (ns, packet): (NsId, impl Into<Option<PacketId>>),
        id: CtId,
    ) {
        let Some(entry) = self.table.get_mut(id) else { return };
        if entry.status.has(Status::DYING) {
            return;
        }
        entry.status.set(Status::DYING);
        let now = now_of(entry, ctx.now);
        let was_listed = entry.status.has(Status::CONFIRMED);
        let hidden = entry.status.has(Status::NAT_CLASH);
        if was_listed {
            self.table.remove(id, ctx.now);
            if !hidden {
                let report = CtReport::Destroy;
                ctx.event(packet, Event::CtReport { ns, entry: id, report, now });
            }
        }
    }

    /// Makes room in a full table for a connection with this tuple (`early_drop`): what is not assured ends, in the first of a
    /// few lists that has any. False if none has.
    fn drop_early<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        (ns, packet): (NsId, PacketId),
        (tuple, zone): (&Tuple, Zone),
    ) -> bool {
        let victims = self.table.near(tuple, zone, self.settings.buckets);
        for &id in &victims {
            self.end(ctx, (ns, packet), id);
        }
        !victims.is_empty()
    }

    /// Ends what timed out (`gc_worker`).
    fn sweep<T: Tracer>(&mut self, ctx: &mut Ctx<'_, T>, ns: NsId) {
        let now = ctx.now;
        let expired = self.table.iter().filter(|(_, it)| it.is_expired(now)).map(|(id, _)| id);
        let expired: Vec<CtId> = expired.collect();
        for id in expired {
            self.end(ctx, (ns, None), id);
        }
    }

    /// Whether a TCP connection is over and may leave its place to a new one (`nf_nat_may_kill`).
    pub(super) fn gives_way(&self, old: CtId, new: CtId) -> bool {
        let (Some(old), Some(new)) = (self.get(old), self.get(new)) else { return false };
        let (Proto::Tcp(tcp), Proto::Tcp(new)) = (&old.proto, &new.proto) else { return false };
        let kept = old.status.has(Status::FIXED_TIMEOUT) || old.status.has(Status::DYING);
        !kept && old.status.has(Status::SRC_NAT) && tcp.may_give_way_to(new)
    }

    /// A rule refused a packet of this connection with a reset (`nf_ct_set_closing`).
    pub(crate) fn set_closing(&mut self, ct: Ct, now: Nanos) {
        if let Ct::Tracked { entry, .. } = ct
            && let Some(entry) = self.table.get_mut(entry)
            && entry.status.has(Status::CONFIRMED)
        {
            tcp::set_closing(entry, &self.settings, now);
        }
    }
}

fn now_of(entry: &Entry, now: Nanos) -> CtNow {
    CtNow {
        status: entry.status,
        zone: entry.zone,
        tcp: entry.tcp_state(),
        timeout_s: entry.seconds_left(now),
        mark: entry.mark,
    }
}

/// `udp_error`.
fn udp_error(packet: &Packet<'_>, check: bool) -> Result<(), CtInvalid> {
    let header = packet.data.first_chunk::<8>().ok_or(CtInvalid::Short)?;
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if len > packet.data.len() || len < header.len() {
        return Err(CtInvalid::Truncated);
    }
    let summed = header[6..8] != [0, 0];
    if summed && check && !packet.checksum_is_right() {
        return Err(CtInvalid::Checksum);
    }
    Ok(())
}

/// `nf_conntrack_udp_packet`: answered for more than two seconds it is a stream, which is kept longer.
fn udp_packet(entry: &mut Entry, settings: &Settings, now: Nanos, size: (Dir, usize)) {
    let Proto::Udp { stream_from } = entry.proto else { return };
    let is_stream = entry.status.has(Status::SEEN_REPLY) && now > stream_from;
    entry.refresh(now, if is_stream { settings.udp_stream_s } else { settings.udp_s }, size);
    let newly = is_stream && !entry.status.has(Status::ASSURED);
    if newly && !entry.status.has(Status::NAT_CLASH) {
        entry.status.set(Status::ASSURED);
        entry.changed = true;
    }
}
