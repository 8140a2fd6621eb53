//! IPv4 input, forwarding and output. Read `net/ipv4/ip_input.c`, `ip_forward.c`, `ip_output.c` and `route.c` first.

use std::net::Ipv4Addr;

use super::fib::RouteKind;
use super::{Netns, icmp, is_loopback, neigh, udp};
use crate::base::{DevId, Mac, RouteId};
use crate::link::{Ctx, Devices, Scope};
use crate::skb::{PacketType, Skb};
use crate::trace::{
    DropReason, Event, LookupFor, Next, NotModelled, RouteAnswer, SendError, Tracer,
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
    let ns_id = devices[dev].ns;
    if header.header_len > ipv4::LEN {
        return not_modelled(ctx, devices, dev, skb, NotModelled::IpOptions);
    }
    skb.frame.truncate(eth::LEN + header.total_len); // padding of short frames, as pskb_trim_rcsum does

    if is_loopback(&devices[dev]) {
        let (dst, purpose, answer) = (header.dst, LookupFor::Input, RouteAnswer::Kept);
        ctx.event(skb.id, Event::RouteLookup { ns: ns_id, dst, purpose, answer });
        return deliver(ctx, ns, devices, dev, &header, Delivered::Unicast, skb);
    }
    match route_input(ns, devices, dev, header.src, header.dst) {
        Input::Refused(reason) => ctx.drop(dev, skb, reason),
        Input::LimitedBroadcast => {
            deliver(ctx, ns, devices, dev, &header, Delivered::Broadcast, skb);
        }
        Input::NoRoute => {
            let event = Event::RouteLookup {
                ns: ns_id,
                dst: header.dst,
                purpose: LookupFor::Input,
                answer: RouteAnswer::None,
            };
            ctx.event(skb.id, event);
            if ns.sysctl.ip_forward {
                icmp::send_error(ctx, ns, devices, Error::NetUnreachable, &skb);
                ctx.drop(dev, skb, DropReason::IpInNoRoutes);
            } else {
                ctx.drop(dev, skb, DropReason::IpInAddrErrors);
            }
        }
        Input::Route(id) => {
            let (dst, purpose, answer) = (header.dst, LookupFor::Input, RouteAnswer::Route(id));
            ctx.event(skb.id, Event::RouteLookup { ns: ns_id, dst, purpose, answer });
            let route = ns.fib.route(id);
            match route.kind {
                RouteKind::Local if ns.owns_source(devices, dev, header.src) => {
                    ctx.drop(dev, skb, DropReason::IpLocalSource);
                }
                RouteKind::Local => {
                    deliver(ctx, ns, devices, dev, &header, Delivered::Unicast, skb);
                }
                RouteKind::Broadcast => {
                    deliver(ctx, ns, devices, dev, &header, Delivered::Broadcast, skb);
                }
                RouteKind::Unicast { .. } if !ns.sysctl.ip_forward => {
                    ctx.drop(dev, skb, DropReason::IpInAddrErrors);
                }
                RouteKind::Unicast { .. } if ns.owns_source(devices, dev, header.src) => {
                    ctx.drop(dev, skb, DropReason::IpLocalSource);
                }
                RouteKind::Unicast { via } => {
                    forward(
                        ctx,
                        ns,
                        devices,
                        (dev, route.dev),
                        via.unwrap_or(header.dst),
                        &header,
                        skb,
                    );
                }
            }
        }
    }
}

fn header_drop_reason(malformed: Malformed) -> DropReason {
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

/// Protocols besides ICMP, TCP and UDP that a kernel may have an endpoint for: IGMP, IP in IP, DCCP, IPv6 in IP, GRE,
/// ESP, AH, L2TP, SCTP, UDP-Lite.
const KERNEL_PROTOCOLS: [u8; 10] = [2, 4, 33, 41, 47, 50, 51, 115, 132, 136];

/// `ip_local_deliver`: by protocol.
fn deliver<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    how: Delivered,
    skb: Skb,
) {
    ctx.event(skb.id, Event::LocalDeliver { ns: devices[dev].ns, dev });
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
    (from, to): (DevId, DevId),
    next_hop: Ipv4Addr,
    header: &Header,
    mut skb: Skb,
) {
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
    eth::set_addresses(&mut skb.frame, Mac::ZERO, devices[to].mac);
    neigh::output(ctx, ns, devices, (to, next_hop), skb);
}

/// Where a packet of this host's own goes, and from which address.
#[derive(Clone, Copy)]
pub(super) struct OutputRoute {
    pub id: RouteId,
    /// The device it leaves by; `lo` for this host's own addresses.
    pub dev: DevId,
    pub next_hop: Option<Ipv4Addr>,
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
    let (dev, next_hop) = match route.kind {
        RouteKind::Local => (ns.lo, None),
        RouteKind::Broadcast if !broadcast_allowed => return Err(SendError::Access),
        RouteKind::Broadcast => (route.dev, None),
        RouteKind::Unicast { via } => (route.dev, Some(via.unwrap_or(dst))),
    };
    let chosen = src.or(route.prefsrc).or(match route.kind {
        RouteKind::Local => Some(dst),
        RouteKind::Broadcast | RouteKind::Unicast { via: None } => {
            ns.select_addr(route.dev, dst, route.scope)
        }
        RouteKind::Unicast { via: Some(via) } => ns.select_addr(route.dev, via, Scope::Universe),
    });
    Ok(OutputRoute { id, dev, next_hop, src: chosen.ok_or(SendError::NoSource)? })
}

/// An empty frame with room for its Ethernet header.
#[inline]
pub(super) fn new_frame<T: Tracer>(ctx: &mut Ctx<'_, T>, devices: &Devices, dev: DevId) -> Vec<u8> {
    let mut frame = ctx.bufs.take();
    eth::emit(&mut frame, Mac::ZERO, devices[dev].mac, EtherType::Ipv4);
    frame
}

/// `ip_finish_output2`: to the neighbour, to everybody on the link, or back up through `lo`.
#[inline]
pub(super) fn output<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    route: OutputRoute,
    mut skb: Skb,
) {
    match route.next_hop {
        Some(next_hop) => neigh::output(ctx, ns, devices, (route.dev, next_hop), skb),
        None => {
            let dst = if route.dev == ns.lo { Mac::ZERO } else { Mac::BROADCAST };
            eth::set_addresses(&mut skb.frame, dst, devices[route.dev].mac);
            ctx.out.push(Next::Transmit(route.dev, skb));
        }
    }
}
