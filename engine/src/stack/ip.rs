//! IPv4 input, forwarding and output. Read `net/ipv4/ip_input.c`, `ip_forward.c`, `ip_output.c` and `route.c` first.

use std::net::Ipv4Addr;

use super::fib::RouteKind;
use super::{Netns, hooks, icmp, is_loopback, neigh, udp};
use crate::base::{DevId, Hook, Mac, RouteId};
use crate::link::{Devices, Scope};
use crate::skb::{Dst, DstKind, PacketType, Skb};
use crate::trace::{
    Ctx, DropReason, Event, LookupFor, Next, NotModelled, RouteAnswer, SendError, Tracer,
};
use crate::wire::eth::{self, EtherType};
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::{Malformed, icmp::Error};

/// An IPv4 packet arrived (`ip_rcv`, `ip_rcv_finish`).
#[inline]
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    mut skb: Skb,
) {
    if skb.pkt_type == PacketType::OtherHost {
        return ctx.drop(dev, skb, DropReason::OtherHost);
    }
    let header = match Header::parse(skb.payload()) {
        Ok(header) => header,
        Err(malformed) => return ctx.drop(dev, skb, header_drop_reason(malformed)),
    };
    if header.header_len > ipv4::LEN {
        return not_modelled(ctx, devices, dev, skb, NotModelled::IpOptions);
    }
    skb.frame.truncate(eth::LEN + header.total_len); // padding of short frames, as pskb_trim_rcsum does

    skb.socket = None; // skb_orphan: what arrives is nobody's yet
    let passed_by_bridge = skb.bridge.take().is_some(); // ip_sabotage_in: br_netfilter was here already
    if ns.netfilter.is_none() || passed_by_bridge {
        return receive_finish(ctx, ns, devices, dev, &header, skb);
    }
    let at = (Hook::PreRouting, Some(dev), None);
    let Some(skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    let Ok(header) = Header::parse(skb.payload()) else {
        return ctx.drop(dev, skb, DropReason::IpInHdr);
    };
    receive_finish(ctx, ns, devices, dev, &header, skb);
}

/// `ip_rcv_finish`: where to, then there. A packet that has a route keeps it: it came through `lo`, or `br_netfilter`
/// routed it.
#[inline]
fn receive_finish<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    mut skb: Skb,
) {
    let ns_id = devices[dev].ns;
    let dst = match skb.dst {
        Some(dst) => {
            let (purpose, answer) = (LookupFor::Input, RouteAnswer::Kept);
            let event = Event::RouteLookup { ns: ns_id, dst: header.dst, purpose, answer };
            ctx.event(skb.id, event);
            dst
        }
        None => match route_received(ctx, ns, devices, dev, header, &skb) {
            Ok(dst) => dst,
            Err(reason) => {
                if reason == DropReason::IpInNoRoutes {
                    icmp::send_error(ctx, ns, devices, Error::NetUnreachable, &skb);
                }
                return ctx.drop(dev, skb, reason);
            }
        },
    };
    skb.dst = Some(dst);
    match dst.to {
        DstKind::Local | DstKind::Broadcast => deliver(ctx, ns, devices, dev, skb),
        DstKind::Unicast { .. } => forward(ctx, ns, devices, dev, dst, header, skb),
    }
}

/// `ip_route_input`: where a packet that arrived goes, or why it goes nowhere.
pub(super) fn route_received<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    skb: &Skb,
) -> Result<Dst, DropReason> {
    let ns_id = devices[dev].ns;
    let mut looked_up = |answer| {
        let (dst, purpose) = (header.dst, LookupFor::Input);
        ctx.event(skb.id, Event::RouteLookup { ns: ns_id, dst, purpose, answer });
    };
    let id = match route_input(ns, devices, dev, header.src, header.dst) {
        Input::Refused(reason) => return Err(reason),
        Input::LimitedBroadcast => {
            return Ok(Dst { route: None, dev, to: DstKind::Broadcast });
        }
        Input::NoRoute => {
            looked_up(RouteAnswer::None);
            return Err(if ns.sysctl.ip_forward {
                DropReason::IpInNoRoutes
            } else {
                DropReason::IpInAddrErrors
            });
        }
        Input::Route(id) => id,
    };
    looked_up(RouteAnswer::Route(id));
    let route = ns.fib.route(id);
    let reached = |dev, to| Ok(Dst { route: Some(id), dev, to });
    let own_source = || ns.owns_source(devices, dev, header.src);
    match route.kind {
        RouteKind::Broadcast => reached(dev, DstKind::Broadcast),
        RouteKind::Unicast { .. } if !ns.sysctl.ip_forward => Err(DropReason::IpInAddrErrors),
        RouteKind::Local | RouteKind::Unicast { .. } if own_source() => {
            Err(DropReason::IpLocalSource)
        }
        RouteKind::Local => reached(ns.lo, DstKind::Local),
        RouteKind::Unicast { via } => {
            reached(route.dev, DstKind::Unicast { next_hop: via.unwrap_or(header.dst) })
        }
    }
}

pub(super) fn header_drop_reason(malformed: Malformed) -> DropReason {
    match malformed {
        Malformed::Truncated { .. } => DropReason::PktTooSmall,
        Malformed::Field(_) => DropReason::IpInHdr,
        Malformed::Checksum => DropReason::IpCsum,
    }
}

pub(super) fn not_modelled<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
    what: NotModelled,
) {
    ctx.event(skb.id, Event::NotModelled { ns: devices[dev].ns, what });
    ctx.drop(dev, skb, DropReason::NotModelled);
}

enum Input {
    Route(RouteId),
    /// To 255.255.255.255, which needs no route.
    LimitedBroadcast,
    NoRoute,
    Refused(DropReason),
}

/// `ip_route_input_slow`: the checks on both addresses, then the tables.
fn route_input(ns: &Netns, devices: &Devices, dev: DevId, src: Ipv4Addr, dst: Ipv4Addr) -> Input {
    if src.is_multicast() || src.is_broadcast() {
        return Input::Refused(DropReason::IpInvalidSource);
    }
    if dst.is_broadcast() || (src.is_unspecified() && dst.is_unspecified()) {
        return Input::LimitedBroadcast;
    }
    if src.octets()[0] == 0 {
        return Input::Refused(DropReason::IpInvalidSource);
    }
    if dst.octets()[0] == 0 || dst.is_multicast() {
        return Input::Refused(DropReason::IpInvalidDest);
    }
    if (src.is_loopback() || dst.is_loopback()) && !is_loopback(&devices[dev]) {
        return Input::Refused(DropReason::IpLocalnet);
    }
    ns.fib.lookup(dst).map_or(Input::NoRoute, Input::Route)
}

/// Whether a packet from `src` to `dst` arriving on `dev` would be delivered here; ARP asks the same.
pub(super) fn is_local_input(
    ns: &Netns,
    devices: &Devices,
    dev: DevId,
    src: Ipv4Addr,
    dst: Ipv4Addr,
) -> bool {
    match route_input(ns, devices, dev, src, dst) {
        Input::Route(id) => {
            ns.fib.route(id).kind == RouteKind::Local && !ns.owns_source(devices, dev, src)
        }
        Input::LimitedBroadcast | Input::NoRoute | Input::Refused(_) => false,
    }
}

impl Netns {
    /// Whether a packet from outside carries one of this host's own addresses as its source.
    fn owns_source(&self, devices: &Devices, dev: DevId, src: Ipv4Addr) -> bool {
        !is_loopback(&devices[dev]) && self.owns(src)
    }
}

/// How a packet came to this host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    Unicast,
    Broadcast,
}

impl Delivered {
    fn of(skb: &Skb) -> Self {
        match skb.dst.map(|dst| dst.to) {
            Some(DstKind::Broadcast) => Self::Broadcast,
            Some(DstKind::Local | DstKind::Unicast { .. }) | None => Self::Unicast,
        }
    }
}

/// Protocols besides ICMP, TCP and UDP that a kernel may have an endpoint for: IGMP, IP in IP, DCCP, IPv6 in IP, GRE,
/// ESP, AH, L2TP, SCTP, UDP-Lite.
const KERNEL_PROTOCOLS: [u8; 10] = [2, 4, 33, 41, 47, 50, 51, 115, 132, 136];

/// `ip_local_deliver`.
fn deliver<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
) {
    ctx.event(skb.id, Event::LocalDeliver { ns: devices[dev].ns, dev });
    let Some(skb) = hooks::ask(ctx, ns, devices, (Hook::LocalIn, Some(dev), None), skb) else {
        return;
    };
    deliver_finish(ctx, ns, devices, dev, skb);
}

/// `ip_local_deliver_finish`: by protocol.
fn deliver_finish<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
) {
    let how = Delivered::of(&skb);
    let Ok(header) = &Header::parse(skb.payload()) else {
        return ctx.drop(dev, skb, DropReason::IpInHdr);
    };
    if header.is_fragment() {
        return not_modelled(ctx, devices, dev, skb, NotModelled::Reassembly);
    }
    match header.protocol {
        Protocol::Udp => udp::receive(ctx, ns, devices, dev, header, how, skb),
        Protocol::Icmp => icmp::receive(ctx, ns, devices, dev, header, how, skb),
        Protocol::Tcp => not_modelled(ctx, devices, dev, skb, NotModelled::Protocol(6)),
        Protocol::Unknown(number) if KERNEL_PROTOCOLS.contains(&number) => {
            not_modelled(ctx, devices, dev, skb, NotModelled::Protocol(number));
        }
        Protocol::Unknown(_) => {
            if how == Delivered::Unicast {
                icmp::send_error(ctx, ns, devices, Error::ProtocolUnreachable, &skb);
            }
            ctx.drop(dev, skb, DropReason::IpNoProto);
        }
    }
}

/// `ip_forward`: through this host.
fn forward<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    from: DevId,
    dst: Dst,
    header: &Header,
    mut skb: Skb,
) {
    let to = dst.dev;
    if skb.pkt_type != PacketType::Host {
        return ctx.drop(from, skb, DropReason::OtherHost);
    }
    if header.ttl_hops <= 1 {
        icmp::send_error(ctx, ns, devices, Error::TtlExceeded, &skb);
        return ctx.drop(from, skb, DropReason::IpTtlExceeded);
    }
    if header.total_len > devices[to].mtu_bytes as usize {
        return not_modelled(ctx, devices, from, skb, NotModelled::Fragmentation);
    }
    let ns_id = devices[from].ns;
    ipv4::decrease_ttl(skb.payload_mut());
    ctx.event(skb.id, Event::Forward { ns: ns_id, from, to, ttl_hops: header.ttl_hops - 1 });
    if from == to {
        ctx.event(skb.id, Event::NotModelled { ns: ns_id, what: NotModelled::IcmpRedirect });
    }
    let at = (Hook::Forward, Some(from), Some(to));
    let Some(skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    output(ctx, ns, devices, skb);
}

/// Where a packet of this host's own goes, and from which address.
#[derive(Clone, Copy)]
pub(super) struct OutputRoute {
    pub dst: Dst,
    pub route: RouteId,
    pub src: Ipv4Addr,
}

/// `ip_route_output_key`: route and source address for a packet to `dst`.
#[inline]
pub(super) fn route_output(
    ns: &Netns,
    dst: Ipv4Addr,
    src: Option<Ipv4Addr>,
    broadcast_allowed: bool,
) -> Result<OutputRoute, SendError> {
    let id = ns.fib.lookup(dst).ok_or(SendError::NetUnreachable)?;
    let route = ns.fib.route(id);
    let (dev, to) = match route.kind {
        RouteKind::Local => (ns.lo, DstKind::Local),
        RouteKind::Broadcast if !broadcast_allowed => return Err(SendError::Access),
        RouteKind::Broadcast => (route.dev, DstKind::Broadcast),
        RouteKind::Unicast { via } => {
            (route.dev, DstKind::Unicast { next_hop: via.unwrap_or(dst) })
        }
    };
    let chosen = src.or(route.prefsrc).or(match route.kind {
        RouteKind::Local => Some(dst),
        RouteKind::Broadcast | RouteKind::Unicast { via: None } => {
            ns.select_addr(route.dev, dst, route.scope)
        }
        RouteKind::Unicast { via: Some(via) } => ns.select_addr(route.dev, via, Scope::Universe),
    });
    let src = chosen.ok_or(SendError::NoSource)?;
    Ok(OutputRoute { dst: Dst { route: Some(id), dev, to }, route: id, src })
}

/// An empty frame with room for its Ethernet header.
#[inline]
pub(super) fn new_frame<T: Tracer>(ctx: &mut Ctx<'_, T>) -> Vec<u8> {
    let mut frame = ctx.bufs.take();
    eth::emit(&mut frame, Mac::ZERO, Mac::ZERO, EtherType::Ipv4);
    frame
}

/// A packet of this host's own, routed by [`Skb::dst`], leaves (`ip_local_out`).
#[inline]
pub(super) fn local_out<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    skb: Skb,
) {
    let at = (Hook::LocalOut, None, skb.dst.map(|dst| dst.dev));
    let Some(skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    output(ctx, ns, devices, skb);
}

/// `ip_output`, `ip_finish_output2`: to the neighbour, to everybody on the link, or back up through `lo`.
#[inline]
pub(super) fn output<T: Tracer>(ctx: &mut Ctx<'_, T>, ns: &mut Netns, devices: &Devices, skb: Skb) {
    let dev = skb.dst.map(|dst| dst.dev);
    let Some(mut skb) = hooks::ask(ctx, ns, devices, (Hook::PostRouting, None, dev), skb) else {
        return;
    };
    let Some(Dst { dev, to, .. }) = skb.dst else {
        return ctx.drop(ns.lo, skb, DropReason::IpOutNoRoutes);
    };
    let own = devices[dev].mac;
    match to {
        DstKind::Unicast { next_hop } => {
            eth::set_addresses(&mut skb.frame, Mac::ZERO, own);
            neigh::output(ctx, ns, devices, (dev, next_hop), skb);
        }
        DstKind::Local => {
            eth::set_addresses(&mut skb.frame, Mac::ZERO, own);
            ctx.out.push(Next::Transmit(dev, skb));
        }
        DstKind::Broadcast => {
            eth::set_addresses(&mut skb.frame, Mac::BROADCAST, own);
            ctx.out.push(Next::Transmit(dev, skb));
        }
    }
}
