//! Network address translation of tracked connections. Read `net/netfilter/nf_nat_core.c` first; which address and port
//! a connection gets is decided by its first packet, here, and all others are rewritten accordingly.
//!
//! Left out: what helpers do, and that MASQUERADE forgets connections when its device loses an address.

mod jhash;
mod rewrite;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use super::conntrack::{Conntrack, ICMP, SCTP, TCP, UDP};
use super::{Around, At};
pub use crate::base::Side;
use crate::base::{CtId, Dir, Hook, Status, Tuple};
use crate::skb::{Ct, CtInfo, DstKind, Skb};
use crate::trace::{Ctx, DropReason, Event, Tracer};
use crate::wire::ipv4;

/// What a rule lets a translation choose from (`struct nf_nat_range2`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Range {
    /// First and last address; none: the address stays (`NF_NAT_RANGE_MAP_IPS`).
    pub addrs: Option<(Ipv4Addr, Ipv4Addr)>,
    /// First and last port; none: the port stays if it can (`NF_NAT_RANGE_PROTO_SPECIFIED`).
    pub ports: Option<(u16, u16)>,
    /// The old port that the first port of the range stands for (`NF_NAT_RANGE_PROTO_OFFSET`).
    pub base_port: Option<u16>,
    /// `--random` (`NF_NAT_RANGE_PROTO_RANDOM`).
    pub random: bool,
    /// `--random-fully` (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`).
    pub random_fully: bool,
    /// `--persistent`: the same client gets the same address (`NF_NAT_RANGE_PERSISTENT`).
    pub persistent: bool,
    /// The address is already worked out, take it as it is (`NF_NAT_RANGE_NETMAP`).
    pub netmap: bool,
}

/// `NF_NAT_MAX_ATTEMPTS`: ports tried in one round.
const MAX_ATTEMPTS: u32 = 128;
/// `NF_NAT_HARDER_THRESH`: the last attempts of a round may end a connection that is over.
const HARDER_THRESHOLD: u32 = 32;

/// Which end of a packet a hook translates (`HOOK2MANIP`).
pub(super) const fn side_of(hook: Hook) -> Side {
    match hook {
        Hook::LocalIn | Hook::PostRouting => Side::Source,
        Hook::PreRouting | Hook::Forward | Hook::LocalOut => Side::Destination,
    }
}

/// An ICMP error about a packet of its connection; it is translated by itself (`nf_nat_ipv4_fn`).
fn is_related_error(info: CtInfo, skb: &Skb) -> bool {
    matches!(info, CtInfo::Related | CtInfo::RelatedReply) && skb.payload().get(9) == Some(&ICMP)
}

/// Whether the nat table decides about this packet (`nf_nat_inet_fn`): it belongs to a connection whose one side is not
/// bound yet.
pub(super) fn wants_rules(ct: &Conntrack, skb: &Skb, side: Side) -> bool {
    let Ct::Tracked { entry, info } = skb.ct else { return false };
    let begins = matches!(info, CtInfo::New | CtInfo::Related | CtInfo::RelatedReply);
    begins
        && !is_related_error(info, skb)
        && ct.get(entry).is_some_and(|entry| !entry.is_bound(side))
}

/// Whether a packet of this host's own goes elsewhere than its program meant (`nf_nat_ipv4_local_fn`).
pub(super) fn moves_destination(ct: &Conntrack, skb: &Skb) -> bool {
    let Ct::Tracked { entry, info } = skb.ct else { return false };
    let dir = info.dir();
    ct.get(entry).is_some_and(|entry| entry.tuple(dir).dst != entry.tuple(dir.other()).src)
}

/// Binds a connection that no rule translated to its own addresses (`nf_nat_alloc_null_binding`); its port changes all the
/// same where another connection has it.
pub(super) fn bind_null<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    at: At,
    skb: &Skb,
    side: Side,
) -> Result<(), DropReason> {
    let Ct::Tracked { entry, .. } = skb.ct else { return Ok(()) };
    let Some(entry) = ct.get(entry).filter(|entry| !entry.is_bound(side)) else { return Ok(()) };
    let reply = entry.tuple(Dir::Reply);
    let addr = match side {
        Side::Source => reply.dst,
        Side::Destination => reply.src,
    };
    let range = Range { addrs: Some((addr, addr)), ..Range::default() };
    setup(ctx, ct, at, skb, &range, side)
}

/// The MASQUERADE target: the source becomes the address of the device by which the packet leaves
/// (`nf_nat_masquerade_ipv4`).
pub fn masquerade<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    around: &dyn Around,
    at: At,
    skb: &Skb,
    range: &Range,
) -> Result<(), DropReason> {
    let Ct::Tracked { entry: id, .. } = skb.ct else { return Ok(()) };
    let Some(entry) = ct.get_mut(id) else { return Ok(()) };
    if entry.tuple(Dir::Original).src.is_unspecified() {
        return Ok(());
    }
    let next_hop = match skb.dst.map(|dst| dst.to) {
        Some(DstKind::Unicast { next_hop }) => Some(next_hop),
        // A bridged packet has no route of its own (bridge_parent_rtable).
        Some(DstKind::Local | DstKind::Broadcast) | None => {
            ipv4::Header::parse(skb.payload()).ok().map(|header| header.dst)
        }
    };
    let addr = at.out_dev.zip(next_hop).and_then(|(out, hop)| around.masquerade_addr(out, hop));
    let addr = addr.ok_or(DropReason::NatFailed)?;
    if !entry.status().has(Status::CONFIRMED) {
        entry.masquerade_dev = at.out_dev;
    }
    setup(ctx, ct, at, skb, &Range { addrs: Some((addr, addr)), ..*range }, Side::Source)
}

/// The REDIRECT target: the destination becomes this host, by the device where the packet came in
/// (`nf_nat_redirect_ipv4`).
pub fn redirect<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    around: &dyn Around,
    at: At,
    skb: &Skb,
    range: &Range,
) -> Result<(), DropReason> {
    let addr = if at.hook == Hook::LocalOut {
        Ipv4Addr::LOCALHOST
    } else {
        at.in_dev.and_then(|dev| around.first_addr(dev)).ok_or(DropReason::NatFailed)?
    };
    setup(ctx, ct, at, skb, &Range { addrs: Some((addr, addr)), ..*range }, Side::Destination)
}

/// The NETMAP target: another network, the same host within it. `range.addrs` are the first and last address of the
/// network (`netmap_tg4`).
pub fn netmap<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    at: At,
    skb: &Skb,
    range: &Range,
) -> Result<(), DropReason> {
    let side = side_of(at.hook);
    let field = match side {
        Side::Source => skb.payload().get(12..16),
        Side::Destination => skb.payload().get(16..20),
    };
    let (Some(&[a, b, c, d]), Some((first, last))) = (field, range.addrs) else {
        return Err(DropReason::NatFailed);
    };
    let hosts = first.to_bits() ^ last.to_bits();
    let old = Ipv4Addr::new(a, b, c, d).to_bits();
    let addr = Ipv4Addr::from_bits(old & hosts | first.to_bits() & !hosts);
    setup(ctx, ct, at, skb, &Range { addrs: Some((addr, addr)), ..*range }, side)
}

/// Binds one side of a new connection to an address and port of the range that nobody uses (`nf_nat_setup_info`). A
/// connection that is in the table stays as it is.
pub fn setup<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    at: At,
    skb: &Skb,
    range: &Range,
    side: Side,
) -> Result<(), DropReason> {
    let Ct::Tracked { entry: id, .. } = skb.ct else { return Ok(()) };
    let Some(entry) = ct.get(id) else { return Ok(()) };
    if entry.status().has(Status::CONFIRMED) {
        return Ok(());
    }
    if entry.is_bound(side) {
        return Err(DropReason::NatFailed);
    }
    let Some(current) = entry.tuple(Dir::Reply).inverted() else { return Ok(()) };
    let new = Choice { ctx, ct, at, id, range, side }.unique_tuple(current);
    let Some(entry) = ct.get_mut(id) else { return Ok(()) };
    let (translated, done) = match side {
        Side::Source => (Status::SRC_NAT, Status::SRC_NAT_DONE),
        Side::Destination => (Status::DST_NAT, Status::DST_NAT_DONE),
    };
    if new != current
        && let Some(reply) = new.inverted()
    {
        entry.tuples[1] = reply;
        entry.status.set(translated);
        let end = |tuple: &Tuple| match side {
            Side::Source => (tuple.src, tuple.src_port),
            Side::Destination => (tuple.dst, tuple.dst_port),
        };
        let (from, to) = (end(&current), end(&new));
        ctx.event(skb.id, Event::NatBound { ns: at.ns, entry: id, side, from, to });
    }
    entry.status.set(done);
    if side == Side::Source {
        ct.table.link_source(id);
    }
    Ok(())
}

/// The choice of a tuple for a connection.
struct Choice<'a, 'c, T> {
    ctx: &'a mut Ctx<'c, T>,
    ct: &'a mut Conntrack,
    at: At,
    id: CtId,
    range: &'a Range,
    side: Side,
}

impl<T: Tracer> Choice<'_, '_, T> {
    const fn is_random(&self) -> bool {
        self.range.random || self.range.random_fully
    }

    /// `get_unique_tuple`.
    fn unique_tuple(&mut self, current: Tuple) -> Tuple {
        if self.side == Side::Source && !self.is_random() {
            if self.in_range(&current) {
                if !self.is_taken_new(&current) {
                    return current;
                }
            } else if let Some(tuple) = self.mapped_before(&current)
                && !self.is_taken(&tuple)
            {
                return tuple;
            }
        }
        let mut tuple = current;
        self.choose_address(&mut tuple);
        if !self.is_random() {
            match self.range.ports {
                Some((first, last)) => {
                    if self.range.base_port.is_none()
                        && self.port_in_range(&tuple, self.side)
                        && (first == last || !self.is_taken(&tuple))
                    {
                        return tuple;
                    }
                }
                None => {
                    if !self.is_taken(&tuple) {
                        return tuple;
                    }
                }
            }
        }
        self.choose_port(&mut tuple);
        tuple
    }

    /// Whether a source is one that the rule allows (`nf_in_range`).
    fn in_range(&self, tuple: &Tuple) -> bool {
        self.range.addrs.is_none_or(|(first, last)| first <= tuple.src && tuple.src <= last)
            && self.port_in_range(tuple, Side::Source)
    }

    /// `l4proto_in_range`.
    fn port_in_range(&self, tuple: &Tuple, side: Side) -> bool {
        let Some((first, last)) = self.range.ports else { return true };
        let port = match (tuple.protocol, side) {
            (ICMP, _) | (TCP | UDP | SCTP, Side::Source) => tuple.src_port,
            (TCP | UDP | SCTP, Side::Destination) => tuple.dst_port,
            _ => return true,
        };
        first <= port && port <= last
    }

    /// The source that an earlier connection from the same source has (`find_appropriate_src`).
    fn mapped_before(&self, current: &Tuple) -> Option<Tuple> {
        let zone = self.ct.get(self.id)?.zone;
        self.ct.table.of_source(current, zone).find_map(|other| {
            let other = other.tuple(Dir::Reply).inverted()?;
            let tuple = Tuple { dst: current.dst, dst_port: current.dst_port, ..other };
            self.in_range(&tuple).then_some(tuple)
        })
    }

    /// `find_best_ips_proto`: by a hash of both addresses, so that the same two always meet in the same way.
    fn choose_address(&self, tuple: &mut Tuple) {
        let Some((first, last)) = self.range.addrs else { return };
        let mut chosen = first;
        if first != last {
            // As the kernel reads them, in its own byte order.
            let word = |addr: Ipv4Addr| u32::from_le_bytes(addr.octets());
            let zone = self.ct.get(self.id).map_or(0, |entry| entry.zone.id);
            let with = if self.range.persistent { 0 } else { word(tuple.dst) ^ u32::from(zone) };
            let hash = jhash::jhash2(&[word(tuple.src), 0, 0, 0], with);
            let span = last.to_bits().wrapping_sub(first.to_bits()).wrapping_add(1);
            let scaled = (u64::from(hash) * u64::from(span)) >> 32;
            let offset = u32::try_from(scaled).unwrap_or(0);
            chosen = Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset));
        }
        match self.side {
            Side::Source => tuple.src = chosen,
            Side::Destination => tuple.dst = chosen,
        }
    }

    /// `nf_nat_l4proto_unique_tuple`: a free port of the range, from the right one on or from any.
    fn choose_port(&mut self, tuple: &mut Tuple) {
        let is_source = self.side == Side::Source || tuple.protocol == ICMP;
        let old = match tuple.protocol {
            ICMP | TCP | UDP | SCTP if is_source => tuple.src_port,
            TCP | UDP | SCTP => tuple.dst_port,
            _ => return,
        };
        let (first, last) = match self.range.ports {
            Some((first, last)) => (first.min(last), first.max(last)),
            None if tuple.protocol == ICMP => (0, u16::MAX),
            None if self.side == Side::Destination => return,
            None if old < 512 => (1, 511),
            None if old < 1024 => (600, 1023),
            None => (1024, u16::MAX),
        };
        let size = u32::from(last - first) + 1;
        let mut offset = match self.range.base_port {
            Some(base) => old.wrapping_sub(base),
            None if self.is_random() || self.side == Side::Source => self.ctx.rng.bits16(),
            None => 0,
        };
        let mut attempts = size.min(MAX_ATTEMPTS);
        loop {
            for tried in 0..attempts {
                let step = u16::try_from(u32::from(offset) % size).unwrap_or(0);
                let port = first.wrapping_add(step);
                if is_source {
                    tuple.src_port = port;
                } else {
                    tuple.dst_port = port;
                }
                if !self.is_taken_harder(tuple, attempts - tried) {
                    return;
                }
                offset = offset.wrapping_add(1);
            }
            if attempts >= size || attempts < 16 {
                return;
            }
            attempts /= 2;
            offset = self.ctx.rng.bits16();
        }
    }

    /// The connection to which the replies to this tuple belong already (`nf_conntrack_tuple_taken`); one of the same
    /// flow does not count.
    fn taken_by(&self, tuple: &Tuple) -> Option<(CtId, Dir)> {
        let own = self.ct.get(self.id)?;
        let (id, dir) = self.ct.table.find_taken(&tuple.inverted()?, own.zone)?;
        let other = self.ct.get(id).filter(|it| !it.is_expired(self.ctx.now))?;
        let same_flow = other.tuple(Dir::Original) == own.tuple(Dir::Original)
            && other.zone.id_of(Dir::Original) == own.zone.id_of(Dir::Original);
        (!same_flow).then_some((id, dir))
    }

    fn is_taken(&self, tuple: &Tuple) -> bool {
        self.taken_by(tuple).is_some()
    }

    /// `nf_nat_used_tuple_new`: for a source that would not change. A flow that began both ways at once is no clash; it
    /// will be merged when it is confirmed.
    fn is_taken_new(&self, tuple: &Tuple) -> bool {
        let Some((id, _)) = self.taken_by(tuple) else { return false };
        let (Some(own), Some(other)) = (self.ct.get(self.id), self.ct.get(id)) else { return true };
        let may_clash = !matches!(tuple.protocol, TCP | ICMP);
        let plain = !own.status().has(Status::NAT_MASK) && !other.status().has(Status::NAT_MASK);
        !(may_clash && plain && other.tuple(Dir::Original) == own.tuple(Dir::Reply))
    }

    /// `nf_nat_used_tuple_harder`: when few attempts are left, a TCP connection that is over gives way.
    fn is_taken_harder(&mut self, tuple: &Tuple, attempts_left: u32) -> bool {
        let Some((id, dir)) = self.taken_by(tuple) else { return false };
        let gives_way = attempts_left <= HARDER_THRESHOLD
            && dir == Dir::Reply
            && self.ct.gives_way(id, self.id);
        if gives_way {
            self.ct.end(self.ctx, (self.at.ns, None), id);
        }
        !gives_way
    }
}

/// Rewrites a packet as its connection's binding says (`nf_nat_packet`, `nf_nat_icmp_reply_translation`).
pub(super) fn rewrite<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ct: &mut Conntrack,
    at: At,
    skb: &mut Skb,
    side: Side,
) -> Result<(), DropReason> {
    let Ct::Tracked { entry: id, info } = skb.ct else { return Ok(()) };
    let Some(entry) = ct.get_mut(id) else { return Ok(()) };
    let dir = info.dir();
    let related_error = is_related_error(info, skb);
    if !related_error && masquerades_elsewhere(at, info, entry.masquerade_dev) {
        entry.count(dir, skb.payload().len());
        ct.end(ctx, (at.ns, skb.id), id);
        return Err(DropReason::NatFailed);
    }
    // A translated source is a destination on the way back.
    let changed_side = if dir == Dir::Original { side } else { side.other() };
    let changes = entry.status().has(match changed_side {
        Side::Source => Status::SRC_NAT,
        Side::Destination => Status::DST_NAT,
    });
    let other = entry.tuple(dir.other());
    let Some(mut target) = other.inverted() else { return Ok(()) };
    if related_error {
        let (kind, quote) = rewrite::icmp_error(skb.payload()).ok_or(DropReason::NatFailed)?;
        let status = entry.status();
        let bound = entry.is_bound(Side::Source) && entry.is_bound(Side::Destination);
        if kind == REDIRECT && (!bound || status.has(Status::NAT_MASK)) {
            return Err(DropReason::NatFailed);
        }
        if !changes {
            return Ok(());
        }
        let packet = skb.payload_mut();
        let (from, to) = rewrite::manipulate(packet, quote, &other, side.other())
            .ok_or(DropReason::NatFailed)?;
        rewrite::sum_icmp(packet, quote - crate::wire::icmp::LEN);
        let quoted = Event::NatRewrote { ns: at.ns, side: side.other(), from, to, quoted: true };
        ctx.event(skb.id, quoted);
        target.protocol = ICMP;
    } else if !changes {
        return Ok(());
    }
    let packet = skb.payload_mut();
    let (from, to) = rewrite::manipulate(packet, 0, &target, side).ok_or(DropReason::NatFailed)?;
    ctx.event(skb.id, Event::NatRewrote { ns: at.ns, side, from, to, quoted: false });
    if at.hook == Hook::PreRouting && side == Side::Destination && from.0 != to.0 {
        skb.dst = None;
    }
    Ok(())
}

/// `ICMP_REDIRECT`: of no use to anybody behind a translation.
const REDIRECT: u8 = 5;

/// `nf_nat_oif_changed`: the connection's address belongs to another device than the one by which it leaves now.
fn masquerades_elsewhere(at: At, info: CtInfo, chosen: Option<crate::base::DevId>) -> bool {
    at.hook == Hook::PostRouting
        && info.dir() == Dir::Original
        && chosen.is_some_and(|dev| at.out_dev != Some(dev))
}
