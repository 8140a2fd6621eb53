//! Routing decisions: where a packet that arrived goes, where one of this host's own goes and from which address, and
//! whether a source address may come from there. Read net/ipv4/route.c, `fib_frontend.c` and devinet.c first.
//!
//! ```text
//! arrived:  odd addresses -> rules and tables -> source check -> next hop      (ip_route_input_slow)
//! own:      rules and tables -> next hop -> source address                     (ip_route_output_key_hash)
//! ```
//!
//! Not modelled: VRFs, multicast routing.

use std::net::Ipv4Addr;

use super::fib::{Exception, Flow, Nexthop, NotFound, Route, RouteKind, Unroutable};
use super::multipath::{Keys, Multipath};
use super::neigh::Neighbour;
use super::{Netns, gateways, is_loopback};
use crate::base::{DevId, Nanos, NsId, PacketId, RouteId};
use crate::link::{Conf, Devices, IfAddr, Scope};
use crate::netfilter::AddrType;
use crate::skb::{Dst, DstKind, Mark, Skb};
use crate::trace::{Ctx, DropReason, Event, LookupFor, RouteAnswer, SendError, Tracer};
use crate::wire::ipv4::Header;

/// The group that every host is in (`IGMP_ALL_HOSTS`).
pub(super) const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// A namespace's routing as it stands now.
#[derive(Clone, Copy)]
pub(super) struct Routing<'a> {
    pub ns: &'a Netns,
    pub devices: &'a Devices,
    pub now: Nanos,
}

/// What is asked about a packet that arrived.
#[derive(Clone, Copy)]
pub(super) struct Arrived<'a> {
    pub dev: DevId,
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub mark: Mark,
    /// Header and bytes of an IPv4 packet; None where ARP asks what such a packet would meet.
    pub packet: Option<(&'a Header, &'a [u8])>,
}

/// How a decision came about, for the trace.
#[derive(Clone, Copy)]
pub(super) struct Because {
    /// None: no table was asked.
    answer: Option<RouteAnswer>,
    /// The priority of the rule that led there, where there are others than the default ones.
    rule: Option<u32>,
    /// Which of several next hops.
    nexthop: Option<u8>,
    /// A redirect's gateway that was taken instead of the route's own.
    redirected: Option<Ipv4Addr>,
}

impl Because {
    const UNASKED: Self = Self { answer: None, rule: None, nexthop: None, redirected: None };

    /// Records a decision that names no way; where there was simply no route, the failure that follows says so.
    pub(super) fn tell_failure<T: Tracer>(
        self,
        ctx: &mut Ctx<'_, T>,
        packet: PacketId,
        ns: NsId,
        what: (Ipv4Addr, LookupFor),
    ) {
        if !matches!(self.answer, Some(RouteAnswer::None)) {
            self.tell(ctx, packet, ns, what);
        }
    }

    /// Records the decision about a packet to `dst`.
    #[inline]
    pub(super) fn tell<T: Tracer>(
        self,
        ctx: &mut Ctx<'_, T>,
        packet: PacketId,
        ns: NsId,
        (dst, purpose): (Ipv4Addr, LookupFor),
    ) {
        if !T::ON {
            return;
        }
        if let Some(priority) = self.rule {
            ctx.event(packet, Event::PolicyRule { ns, priority });
        }
        if let Some(answer) = self.answer {
            ctx.event(packet, Event::RouteLookup { ns, dst, purpose, answer });
            if let (RouteAnswer::Route(route), Some(nexthop)) = (answer, self.nexthop) {
                ctx.event(packet, Event::NexthopChosen { ns, route, nexthop });
            }
        }
        if let Some(gateway) = self.redirected {
            ctx.event(packet, Event::RedirectFollowed { ns, dst, gateway });
        }
    }
}

/// Why a packet that arrived has no way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its addresses cannot be, or cannot come from there: dropped in silence.
    Martian(DropReason),
    /// It cannot be delivered, and whoever sent it may be told (`ip_error`).
    Unroutable(Unroutable),
}

impl Refusal {
    /// What the packet is dropped for.
    pub(super) const fn reason(self, forwards: bool) -> DropReason {
        match self {
            Self::Martian(reason) => reason,
            Self::Unroutable(_) if !forwards => DropReason::IpInAddrErrors,
            Self::Unroutable(Unroutable::Net) => DropReason::IpInNoRoutes,
            Self::Unroutable(Unroutable::Host) => DropReason::RouteUnreachable,
            Self::Unroutable(Unroutable::Access) => DropReason::RouteProhibit,
            Self::Unroutable(Unroutable::Invalid) => DropReason::RouteBlackhole,
        }
    }
}

/// Where a packet of this host's own goes, and from which address.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub dst: Dst,
    /// 0.0.0.0 where this host has none to give.
    pub src: Ipv4Addr,
    pub because: Because,
}

/// Source address and next hop of the packet that a multipath hash is taken from, in place of the flow's own: the packet
/// that an ICMP error is about.
pub(super) type About<'a> = Option<(&'a Header, &'a [u8])>;

impl<'a> Routing<'a> {
    /// Whether a setting is on for a device or for all (`IN_DEV_ORCONF`).
    #[inline]
    pub(super) fn or_conf(&self, dev: DevId, conf: Conf) -> bool {
        self.devices[dev].conf.or(&self.ns.sysctl.all, conf)
    }

    /// The larger of a setting's values for a device and for all (`IN_DEV_MAXCONF`).
    #[inline]
    pub(super) fn max_conf(&self, dev: DevId, conf: Conf) -> u8 {
        self.devices[dev].conf.max(&self.ns.sysctl.all, conf)
    }

    /// Whether packets that come in by the device may be forwarded (`IN_DEV_FORWARD`).
    #[inline]
    pub(super) fn forwards(&self, dev: DevId) -> bool {
        self.devices[dev].conf.get(Conf::Forwarding) != 0
    }

    /// `ip_route_input_noref`, `ip_route_input_slow`: where a packet that arrived goes.
    #[inline]
    pub(super) fn input(&self, at: &Arrived<'_>) -> (Result<Dst, Refusal>, Because) {
        let martian = |reason| (Err(Refusal::Martian(reason)), Because::UNASKED);
        let Arrived { dev, src, dst, .. } = *at;
        let for_all = Dst { route: None, nexthop: 0, dev, to: DstKind::Broadcast, redirect: false };
        if dst.is_multicast() {
            let ours = dst == ALL_HOSTS && !src.is_multicast() && !src.is_broadcast();
            return match at.packet {
                Some(_) if ours => {
                    (self.check_group_source(at).map(|()| for_all), Because::UNASKED)
                }
                Some(_) | None => martian(DropReason::IpInvalidDest),
            };
        }
        if src.is_multicast() || src.is_broadcast() {
            return martian(DropReason::IpInvalidSource);
        }
        if dst.is_broadcast() || (src.is_unspecified() && dst.is_unspecified()) {
            return (self.broadcast_input(at).map(|()| for_all), Because::UNASKED);
        }
        if is_zeronet(src) {
            return martian(DropReason::IpInvalidSource);
        }
        if is_zeronet(dst) {
            return martian(DropReason::IpInvalidDest);
        }
        if (src.is_loopback() || dst.is_loopback()) && !self.or_conf(dev, Conf::RouteLocalnet) {
            return martian(DropReason::IpLocalnet);
        }
        let flow = self.flow_of(at);
        let found = match self.ns.fib.lookup(&flow) {
            Ok(found) => found,
            Err(not_found) => {
                let error = if self.forwards(dev) { not_found.error } else { Unroutable::Host };
                return (Err(Refusal::Unroutable(error)), self.because_of(not_found));
            }
        };
        let route = self.ns.fib.route(found.route);
        let mut because = Because {
            answer: Some(RouteAnswer::Route(found.route)),
            rule: self.priority(found.rule),
            ..Because::UNASKED
        };
        let here = |to| Dst { route: Some(found.route), nexthop: 0, dev, to, redirect: false };
        let way = match route.kind {
            RouteKind::Broadcast => self.broadcast_input(at).map(|()| here(DstKind::Broadcast)),
            RouteKind::Local => match self.validate_source(at, at.dst, None) {
                Ok(_) => Ok(Dst { dev: self.ns.lo, ..here(DstKind::Local) }),
                Err(reason) => Err(Refusal::Martian(reason)),
            },
            _ if !self.forwards(dev) => Err(Refusal::Unroutable(Unroutable::Host)),
            _ => self.forward_input(at, route, (found.route, found.nexthop), &mut because),
        };
        (way, because)
    }

    /// `ip_mkroute_input`, `__mkroute_input`: which next hop, and whether the sender should learn of a shorter way.
    fn forward_input(
        &self,
        at: &Arrived<'_>,
        route: &Route,
        (id, mut nexthop): (RouteId, usize),
        because: &mut Because,
    ) -> Result<Dst, Refusal> {
        let hops = route.nexthops.as_slice();
        if let ([_, _, ..], Some((header, packet))) = (hops, at.packet) {
            let hash = self.ns.sysctl.multipath.hash_of_packet(header, packet);
            nexthop = self.select_nexthop(route, hash, None).unwrap_or(nexthop);
            because.nexthop = u8::try_from(nexthop).ok();
        }
        let hop = &hops[nexthop];
        let direct = self.validate_source(at, at.dst, Some(hop.dev)).map_err(Refusal::Martian)?;
        let same_dev = hop.dev == at.dev;
        let redirect = same_dev
            && direct
            && self.or_conf(hop.dev, Conf::SendRedirects)
            && at.packet.is_some()
            && (self.or_conf(hop.dev, Conf::SharedMedia)
                || self.is_onlink(hop.dev, at.src, hop.via.unwrap_or(Ipv4Addr::UNSPECIFIED)));
        if at.packet.is_none() && same_dev && !self.or_conf(at.dev, Conf::ProxyArpPvlan) {
            return Err(Refusal::Martian(DropReason::ArpPvlanDisable));
        }
        let to = self.next_hop((id, nexthop), at.dst, because);
        let nexthop = u8::try_from(nexthop).unwrap_or(u8::MAX);
        Ok(Dst { route: Some(id), nexthop, dev: hop.dev, to, redirect })
    }

    /// `rt_set_nexthop`: the neighbour to hand a packet to, with what is known of this destination.
    #[inline]
    fn next_hop(&self, at: (RouteId, usize), daddr: Ipv4Addr, because: &mut Because) -> DstKind {
        let hop = &self.ns.fib.route(at.0).nexthops.as_slice()[at.1];
        because.redirected =
            self.ns.fib.exception(at, daddr, self.now).and_then(|known| known.gateway);
        // A group is reached by a gateway only if a route names groups (__mkroute_output).
        let to_group = daddr.is_multicast() && self.ns.fib.route(at.0).dst.prefix_len() < 4;
        let via = hop.via.filter(|_| hop.scope == Scope::Link && !to_group);
        DstKind::Unicast { next_hop: because.redirected.or(via).unwrap_or(daddr) }
    }

    /// `fib_select_multipath`. `saddr` is the source address of a packet of this host's own.
    fn select_nexthop(&self, route: &Route, hash: u32, saddr: Option<Ipv4Addr>) -> Option<usize> {
        let is_good = |hop: &Nexthop| {
            !self.ns.sysctl.multipath.use_neigh
                || hop
                    .via
                    .and_then(|via| self.ns.neigh.get(hop.dev, via))
                    .is_none_or(Neighbour::is_valid)
        };
        let saddr = saddr.filter(|saddr| !saddr.is_unspecified());
        let is_source =
            saddr.map(|saddr| move |hop: &Nexthop| self.hop_source(route, hop) == Some(saddr));
        let is_source = is_source.as_ref().map(|it| it as &dyn Fn(&Nexthop) -> bool);
        Multipath::select(route.nexthops.as_slice(), hash, is_good, is_source)
    }

    /// The checks of a broadcast's source (`brd_input` of `ip_route_input_slow`).
    fn broadcast_input(&self, at: &Arrived<'_>) -> Result<(), Refusal> {
        if at.packet.is_none() {
            return Err(Refusal::Martian(DropReason::InvalidProto));
        }
        if is_zeronet(at.src) {
            return Ok(());
        }
        let valid = self.validate_source(at, Ipv4Addr::UNSPECIFIED, None);
        valid.map(|_| ()).map_err(Refusal::Martian)
    }

    /// `ip_mc_validate_source`.
    fn check_group_source(&self, at: &Arrived<'_>) -> Result<(), Refusal> {
        if at.src.is_loopback() && !self.or_conf(at.dev, Conf::RouteLocalnet) {
            return Err(Refusal::Martian(DropReason::IpLocalnet));
        }
        if is_zeronet(at.src) {
            return Ok(()); // to a group that no router passes on
        }
        let valid = self.validate_source(at, Ipv4Addr::UNSPECIFIED, None);
        valid.map(|_| ()).map_err(Refusal::Martian)
    }

    /// `fib_validate_source`: whether the source may come from there. True: it is a neighbour on that very link. `oif` is
    /// the device that the packet would leave by.
    #[inline]
    fn validate_source(
        &self,
        at: &Arrived<'_>,
        dst: Ipv4Addr,
        oif: Option<DevId>,
    ) -> Result<bool, DropReason> {
        let rpf = self.max_conf(at.dev, Conf::RpFilter);
        let about_redirect = oif == Some(at.dev) && self.or_conf(at.dev, Conf::SendRedirects);
        if rpf == 0 && !about_redirect {
            if self.or_conf(at.dev, Conf::AcceptLocal) {
                return Ok(false);
            }
            if !self.ns.fib.custom_local_routes && !self.ns.fib.rules().are_custom() {
                let own = self.ns.owns(at.src);
                return if own { Err(DropReason::IpLocalSource) } else { Ok(false) };
            }
        }
        self.validate_by_tables(at, (dst, oif), rpf)
    }

    /// `__fib_validate_source`: looks up the way back.
    fn validate_by_tables(
        &self,
        at: &Arrived<'_>,
        (dst, oif): (Ipv4Addr, Option<DevId>),
        rpf: u8,
    ) -> Result<bool, DropReason> {
        let Arrived { dev, src, .. } = *at;
        let forth = self.flow_of(at);
        let mark = if self.or_conf(dev, Conf::SrcValidMark) { at.mark } else { Mark(0) };
        let back = Flow {
            iif: oif.unwrap_or(self.ns.lo),
            mark,
            sport: forth.dport,
            dport: forth.sport,
            daddr: src,
            saddr: dst,
            ..forth
        };
        let last_resort = if rpf == 0 { Ok(false) } else { Err(DropReason::IpRpfilter) };
        let Ok(found) = self.ns.fib.lookup(&back) else { return last_resort };
        let route = self.ns.fib.route(found.route);
        match route.kind {
            RouteKind::Unicast => {}
            RouteKind::Local if self.or_conf(dev, Conf::AcceptLocal) => {}
            RouteKind::Local => return Err(DropReason::IpLocalSource),
            _ => return Err(DropReason::IpInvalidSource),
        }
        let hops = route.nexthops.as_slice();
        let by_lo = route.kind == RouteKind::Local && dev == self.ns.lo;
        if by_lo || hops.iter().any(|hop| hop.dev == dev) {
            return Ok(hops[found.nexthop].scope >= Scope::Host);
        }
        if !self.ns.addrs.iter().any(|addr| addr.dev == dev) {
            return last_resort;
        }
        if rpf == 1 {
            return Err(DropReason::IpRpfilter);
        }
        let there = Flow { oif: Some(dev), ..back };
        Ok(self.ns.fib.lookup_with(&there, true).is_ok_and(|found| {
            let route = self.ns.fib.route(found.route);
            route.kind == RouteKind::Unicast
                && route.nexthops.as_slice()[found.nexthop].scope >= Scope::Host
        }))
    }

    /// The flow of a packet that arrived. Protocol and ports count only where a rule asks for them.
    #[inline]
    fn flow_of(&self, at: &Arrived<'_>) -> Flow {
        let mut flow = Flow { mark: at.mark, ..Flow::to(at.dst, at.dev).from(at.src) };
        if let Some((header, packet)) = at.packet {
            flow.tos = header.tos;
            if self.ns.fib.rules().need_ports() {
                let keys = Keys::of_packet(header, packet);
                (flow.protocol, flow.sport, flow.dport) = (keys.protocol, keys.sport, keys.dport);
            }
        }
        flow
    }

    /// `ip_route_output_key_hash`: the way of a packet of this host's own, and its source address if `flow` has none.
    #[inline]
    pub(super) fn output(
        &self,
        flow: &Flow,
        about: About<'_>,
    ) -> Result<Output, (SendError, Because)> {
        let mut flow = *flow;
        let refuse = |error| Err((error, Because::UNASKED));
        if !flow.saddr.is_unspecified() {
            if flow.saddr.is_multicast() || flow.saddr.is_broadcast() {
                return refuse(SendError::Invalid);
            }
            let to_all = flow.daddr.is_multicast() || flow.daddr.is_broadcast();
            if (flow.oif.is_none() && to_all) || !flow.any_src {
                let Some(dev) = self.local_dev(flow.saddr) else {
                    return refuse(SendError::NetUnreachable);
                };
                if flow.oif.is_none() && to_all {
                    return self.on_link(&flow, dev);
                }
            }
        }
        if let Some(oif) = flow.oif {
            if !self.devices[oif].up {
                return refuse(SendError::NetUnreachable);
            }
            let local_group = flow.daddr.is_multicast() && flow.daddr.octets()[..3] == [224, 0, 0];
            if local_group || flow.daddr.is_broadcast() {
                return self.on_link(&flow, oif);
            }
        }
        if flow.daddr.is_unspecified() {
            if flow.saddr.is_unspecified() {
                flow.saddr = Ipv4Addr::LOCALHOST;
            }
            let dst = Dst {
                route: None,
                nexthop: 0,
                dev: self.ns.lo,
                to: DstKind::Local,
                redirect: false,
            };
            return Ok(Output { dst, src: flow.saddr, because: Because::UNASKED });
        }
        let mut found = match self.ns.fib.lookup(&flow) {
            Ok(found) => found,
            Err(not_found) => {
                return match flow.oif {
                    // Whoever names a device means what is on its link.
                    Some(oif) => self.on_link(&flow, oif),
                    None => Err((not_found.error.into(), self.because_of(not_found))),
                };
            }
        };
        let mut route = self.ns.fib.route(found.route);
        let mut because = Because {
            answer: Some(RouteAnswer::Route(found.route)),
            rule: self.priority(found.rule),
            ..Because::UNASKED
        };
        if route.kind == RouteKind::Local {
            if flow.saddr.is_unspecified() {
                flow.saddr = route.prefsrc.unwrap_or(flow.daddr);
            }
            let (route, dev) = (Some(found.route), self.ns.lo);
            let dst = Dst { route, nexthop: 0, dev, to: DstKind::Local, redirect: false };
            return Ok(Output { dst, src: flow.saddr, because });
        }
        let mut nexthop = found.nexthop;
        match (route.nexthops.as_slice(), flow.oif) {
            ([_, _, ..], None) => {
                let hash = match about {
                    Some((header, packet)) => {
                        self.ns.sysctl.multipath.hash_of_packet(header, packet)
                    }
                    None => self.ns.sysctl.multipath.hash_of_flow(&flow),
                };
                nexthop = self.select_nexthop(route, hash, Some(flow.saddr)).unwrap_or(nexthop);
                because.nexthop = u8::try_from(nexthop).ok();
            }
            (_, None) => {
                let chosen = self.select_default(&flow, found.route);
                if chosen != found.route {
                    (found.route, nexthop) = (chosen, 0);
                    route = self.ns.fib.route(chosen);
                    because.answer = Some(RouteAnswer::Route(chosen));
                }
            }
            (_, Some(_)) => {}
        }
        let hop = &route.nexthops.as_slice()[nexthop];
        if flow.saddr.is_unspecified() {
            flow.saddr = self.hop_source(route, hop).unwrap_or(Ipv4Addr::UNSPECIFIED);
        }
        self.check_output(&flow, hop.dev).map_err(|error| (error, because))?;
        let to = if route.kind == RouteKind::Broadcast || flow.daddr.is_broadcast() {
            DstKind::Broadcast
        } else {
            self.next_hop((found.route, nexthop), flow.daddr, &mut because)
        };
        let nexthop = u8::try_from(nexthop).unwrap_or(u8::MAX);
        let dst = Dst { route: Some(found.route), nexthop, dev: hop.dev, to, redirect: false };
        Ok(Output { dst, src: flow.saddr, because })
    }

    /// The default route to take in place of the one that was found, by which of their gateways answers.
    #[inline]
    fn select_default(&self, flow: &Flow, found: RouteId) -> RouteId {
        let fib = &self.ns.fib;
        let route = fib.route(found);
        let is_default = route.kind == RouteKind::Unicast && route.dst.prefix_len() == 0;
        if !is_default || !fib.has_several_defaults(route.table) {
            return found;
        }
        let state = |hop: &Nexthop| Some(self.ns.neigh.get(hop.dev, hop.via?)?.state);
        gateways::select(fib, flow, found, state)
    }

    /// Straight onto a link, without a route.
    fn on_link(&self, flow: &Flow, dev: DevId) -> Result<Output, (SendError, Because)> {
        let because = Because::UNASKED;
        let src = if flow.saddr.is_unspecified() {
            self.select_addr(dev, Ipv4Addr::UNSPECIFIED, Scope::Link)
                .unwrap_or(Ipv4Addr::UNSPECIFIED)
        } else {
            flow.saddr
        };
        self.check_output(&Flow { saddr: src, ..*flow }, dev).map_err(|error| (error, because))?;
        let to = if flow.daddr.is_broadcast() {
            DstKind::Broadcast
        } else {
            DstKind::Unicast { next_hop: flow.daddr }
        };
        let dst = Dst { route: None, nexthop: 0, dev, to, redirect: false };
        Ok(Output { dst, src, because })
    }

    /// The checks of `__mkroute_output`: loopback addresses stay inside.
    fn check_output(&self, flow: &Flow, dev: DevId) -> Result<(), SendError> {
        let leaves = flow.saddr.is_loopback()
            && !is_loopback(&self.devices[dev])
            && !self.or_conf(dev, Conf::RouteLocalnet);
        if leaves || is_zeronet(flow.daddr) { Err(SendError::Invalid) } else { Ok(()) }
    }

    /// The source address that a next hop gives (`fib_result_prefsrc`).
    pub(super) fn hop_source(&self, route: &Route, hop: &Nexthop) -> Option<Ipv4Addr> {
        let toward = hop.via.unwrap_or(Ipv4Addr::UNSPECIFIED);
        route.prefsrc.or_else(|| self.select_addr(hop.dev, toward, route.scope))
    }

    /// The address that speaks for `dev` toward `dst` (`inet_select_addr`), 0.0.0.0 for nobody in particular: the first one in
    /// whose prefix `dst` lies, else the device's first, else any of the namespace with a wide enough scope. Secondary
    /// addresses never.
    pub(super) fn select_addr(&self, dev: DevId, dst: Ipv4Addr, scope: Scope) -> Option<Ipv4Addr> {
        let localnet =
            if self.or_conf(dev, Conf::RouteLocalnet) { Scope::Link } else { Scope::Host };
        let mut first = None;
        for addr in self.primary_addrs(dev).filter(|addr| addr.scope.min(localnet) <= scope) {
            if dst.is_unspecified() || addr.contains(dst) {
                return Some(addr.local);
            }
            first = first.or(Some(addr.local));
        }
        first.or_else(|| {
            let mut of_all = self.ns.devs.iter().flat_map(|&dev| self.primary_addrs(dev));
            let wide = |addr: &&IfAddr| addr.scope != Scope::Link && addr.scope <= scope;
            of_all.find(wide).map(|addr| addr.local)
        })
    }

    fn primary_addrs(&self, dev: DevId) -> impl Iterator<Item = &'a IfAddr> + use<'a> {
        self.ns.addrs.iter().filter(move |addr| addr.dev == dev && !addr.secondary)
    }

    /// Whether the addresses are in one subnet of the device; `b` 0.0.0.0 does not count (`inet_addr_onlink`).
    pub(super) fn is_onlink(&self, dev: DevId, a: Ipv4Addr, b: Ipv4Addr) -> bool {
        let holds = |addr: &IfAddr| addr.contains(a) && (b.is_unspecified() || addr.contains(b));
        self.primary_addrs(dev).any(holds)
    }

    /// Whether an own address of the device, or of any, in the subnet of `dst` (0.0.0.0: any) is `local` (0.0.0.0: any),
    /// with a scope that reaches as far as asked (`inet_confirm_addr`).
    pub(super) fn confirms(
        &self,
        dev: Option<DevId>,
        dst: Ipv4Addr,
        local: Ipv4Addr,
        scope: Scope,
    ) -> bool {
        let of_dev = |dev: DevId| {
            let localnet =
                if self.or_conf(dev, Conf::RouteLocalnet) { Scope::Link } else { Scope::Host };
            let (mut same, mut found) = (false, None);
            for addr in self.ns.addrs.iter().filter(|addr| addr.dev == dev) {
                let reach = addr.scope.min(localnet);
                let named = local.is_unspecified() || local == addr.local;
                if found.is_none() && named && reach <= scope {
                    found = Some(addr.local);
                    if same {
                        return true;
                    }
                }
                if !same {
                    let both = |ip: Ipv4Addr| ip.is_unspecified() || addr.contains(ip);
                    same = both(local) && both(dst);
                    if same && let Some(found) = found {
                        if !local.is_unspecified() || dst.is_unspecified() || addr.contains(found) {
                            return true;
                        }
                        if reach <= scope {
                            return true;
                        }
                        same = false;
                    }
                }
            }
            same && found.is_some()
        };
        match dev {
            Some(dev) => of_dev(dev),
            None => self.ns.devs.iter().any(|&dev| of_dev(dev)),
        }
    }

    /// The device whose own address this is (`__ip_dev_find`); any address of a prefix in the table `local` counts.
    pub(super) fn local_dev(&self, addr: Ipv4Addr) -> Option<DevId> {
        if let Some(own) = self.ns.addrs.iter().find(|own| own.local == addr) {
            return Some(own.dev);
        }
        let in_table = self.ns.fib.in_local_table(addr, self.ns.lo);
        in_table.filter(|(kind, _)| *kind == RouteKind::Local).map(|(_, dev)| dev)
    }

    /// The address that answers for this host (`fib_compute_spec_dst`): the one that the packet was for, or toward its
    /// sender if it was for everybody.
    pub(super) fn spec_dst(
        &self,
        dev: DevId,
        header: &Header,
        to: Option<DstKind>,
        mark: Mark,
    ) -> Ipv4Addr {
        if to == Some(DstKind::Local) {
            return header.dst;
        }
        let scope = if is_zeronet(header.src) { Scope::Link } else { Scope::Universe };
        let mark = if self.or_conf(dev, Conf::SrcValidMark) { mark } else { Mark(0) };
        let flow = Flow { mark, tos: header.tos, ..Flow::to(header.src, self.ns.lo) };
        let found = self.ns.fib.lookup(&flow).ok().filter(|_| scope == Scope::Universe);
        let chosen = match found {
            Some(found) => {
                let route = self.ns.fib.route(found.route);
                self.hop_source(route, &route.nexthops.as_slice()[found.nexthop])
            }
            None => self.select_addr(dev, header.src, scope),
        };
        chosen.unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// The address that this host has on the way that a forwarded packet takes (`ip_rt_get_source`).
    pub(super) fn source_of(&self, dst: &Dst, header: &Header, skb: &Skb) -> Ipv4Addr {
        let flow = Flow {
            oif: Some(dst.dev),
            mark: skb.mark,
            tos: header.tos,
            ..Flow::to(header.dst, skb.iif.unwrap_or(self.ns.lo)).from(header.src)
        };
        let chosen = match self.ns.fib.lookup(&flow) {
            Ok(found) => {
                let route = self.ns.fib.route(found.route);
                self.hop_source(route, &route.nexthops.as_slice()[found.nexthop])
            }
            Err(_) => {
                let toward = match dst.to {
                    DstKind::Unicast { next_hop } => next_hop,
                    DstKind::Local | DstKind::Broadcast => header.dst,
                };
                self.select_addr(dst.dev, toward, Scope::Universe)
            }
        };
        chosen.unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// What kind of address it is (`inet_addr_type`); with `dev`, only that device's own routes count
    /// (`inet_dev_addr_type`).
    pub(super) fn addr_type(&self, addr: Ipv4Addr, dev: Option<DevId>) -> AddrType {
        if is_zeronet(addr) || addr.is_broadcast() {
            return AddrType::Broadcast;
        }
        if addr.is_multicast() {
            return AddrType::Multicast;
        }
        let found = self.ns.fib.in_local_table(addr, self.ns.lo);
        match found.filter(|(_, own)| dev.is_none_or(|dev| dev == *own)) {
            Some((RouteKind::Local, _)) => AddrType::Local,
            Some((RouteKind::Broadcast, _)) => AddrType::Broadcast,
            Some(_) | None => AddrType::Unicast,
        }
    }

    /// Bytes of the longest packet that may go there whole (`ip_dst_mtu_maybe_forward`). What is forwarded does not heed a
    /// path's MTU, unless that is locked or `ip_forward_use_pmtu` is on.
    pub(super) fn mtu(&self, dst: &Dst, daddr: Ipv4Addr, forwarded: bool) -> u32 {
        const IP_MAX_MTU: u32 = 0xffff;
        let of_route = dst.route.and_then(|id| self.ns.fib.route(id).mtu);
        let of_path = self.exception(dst, daddr).filter(|known| {
            let locked = known.mtu_locked || of_route.is_some_and(|mtu| mtu.lock);
            !forwarded || locked || self.ns.sysctl.forward_use_pmtu
        });
        of_path
            .and_then(|known| known.pmtu_bytes)
            .or(of_route.map(|mtu| mtu.bytes))
            .unwrap_or(self.devices[dst.dev].mtu_bytes)
            .min(IP_MAX_MTU)
    }

    /// What is known of a destination behind a route's next hop.
    /// Whether the way's MTU is not to be found out (`ip_mtu_locked`).
    pub(super) fn mtu_is_locked(&self, dst: &Dst, daddr: Ipv4Addr) -> bool {
        dst.route.and_then(|id| self.ns.fib.route(id).mtu).is_some_and(|mtu| mtu.lock)
            || self.exception(dst, daddr).is_some_and(|known| known.mtu_locked)
    }

    pub(super) fn exception(&self, dst: &Dst, daddr: Ipv4Addr) -> Option<Exception> {
        self.ns.fib.exception((dst.route?, usize::from(dst.nexthop)), daddr, self.now)
    }

    /// Whether to believe `old`, who says over `dev` that `new` is nearer to where `flow` goes (`__ip_do_redirect`). If so:
    /// the next hop that this is about, and its device.
    pub(super) fn redirect(
        &self,
        flow: &Flow,
        dev: DevId,
        (old, new): (Ipv4Addr, Ipv4Addr),
    ) -> Option<((RouteId, usize), DevId)> {
        let route = self.output(flow, None).ok()?;
        let at = (route.dst.route?, usize::from(route.dst.nexthop));
        let by_gateway = route.because.redirected.is_some()
            || self.ns.fib.route(at.0).nexthops.as_slice().get(at.1)?.via.is_some();
        if !by_gateway || route.dst.to != (DstKind::Unicast { next_hop: old }) {
            return None;
        }
        let all = &self.ns.sysctl.all;
        let conf = &self.devices[dev].conf;
        let accepts = if self.forwards(dev) {
            conf.and(all, Conf::AcceptRedirects)
        } else {
            conf.or(all, Conf::AcceptRedirects)
        };
        let odd = new.is_multicast() || new.is_broadcast() || is_zeronet(new);
        let believable = if self.or_conf(dev, Conf::SharedMedia) {
            self.addr_type(new, None) == AddrType::Unicast
        } else {
            let only_known = self.or_conf(dev, Conf::SecureRedirects);
            self.is_onlink(dev, new, old) && (!only_known || self.is_gateway(new, dev))
        };
        (new != old && accepts && !odd && believable).then_some((at, route.dst.dev))
    }

    /// Whether a route leads by this gateway (`ip_fib_check_default`).
    fn is_gateway(&self, gateway: Ipv4Addr, dev: DevId) -> bool {
        let leads = |route: &Route| {
            let hops = route.nexthops.as_slice();
            hops.iter().any(|hop| hop.dev == dev && hop.via == Some(gateway))
        };
        self.ns.fib.iter().any(|(_, route)| leads(route))
    }

    fn because_of(&self, not_found: NotFound) -> Because {
        let rule = self.priority(not_found.rule);
        let answer = match (not_found.route, rule) {
            (Some(route), _) => RouteAnswer::Route(route),
            (None, Some(priority)) => RouteAnswer::Rule { priority },
            (None, None) => RouteAnswer::None,
        };
        let rule = rule.filter(|_| not_found.route.is_some());
        Because { answer: Some(answer), rule, ..Because::UNASKED }
    }

    fn priority(&self, rule: Option<usize>) -> Option<u32> {
        Some(self.ns.fib.rules().get(rule?)?.priority)
    }
}

impl From<Unroutable> for SendError {
    fn from(error: Unroutable) -> Self {
        match error {
            Unroutable::Net => Self::NetUnreachable,
            Unroutable::Host => Self::HostUnreachable,
            Unroutable::Access => Self::Prohibited,
            Unroutable::Invalid => Self::Invalid,
        }
    }
}

/// `ipv4_is_zeronet`: the rest of 0.0.0.0/8 are addresses like others.
const fn is_zeronet(addr: Ipv4Addr) -> bool {
    addr.is_unspecified()
}
