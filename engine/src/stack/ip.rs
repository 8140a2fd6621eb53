//! IPv4 input, forwarding and output. Read `net/ipv4/ip_input.c`, `ip_forward.c`, `ip_output.c` and `route.c` first.

use std::net::Ipv4Addr;

use super::options::{self, Refused};
use super::route::{ALL_HOSTS, Arrived, Refusal, Routing};
use super::{Netns, frag, hooks, icmp, neigh, tcp, udp};
use crate::base::{DevId, Hook, Mac};
use crate::link::{Conf, Devices};
use crate::skb::{Dst, DstKind, PacketType, Skb};
use crate::trace::{Ctx, DropReason, Event, LookupFor, Next, NotModelled, RouteAnswer, Tracer};
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
    let comes_by_bridge = skb.bridge.is_some_and(|it| !it.went_up);
    if comes_by_bridge && skb.pkt_type != PacketType::Host {
        let at = (Hook::LocalIn, Some(dev), None);
        let Some(confirmed) = hooks::confirm(ctx, ns, devices, at, skb) else { return };
        skb = confirmed;
    }
    if skb.pkt_type == PacketType::OtherHost {
        return ctx.drop(dev, skb, DropReason::OtherHost);
    }
    let header = match Header::parse(skb.payload()) {
        Ok(header) => header,
        Err(malformed) => return ctx.drop(dev, skb, header_drop_reason(malformed)),
    };
    skb.frame.truncate(eth::LEN + header.total_len); // padding of short frames, as pskb_trim_rcsum does

    skb.iif = Some(dev);
    skb.options = None;
    (skb.socket, skb.by_kernel) = (None, false); // skb_orphan: what arrives is nobody's yet
    skb.reassembled = None; // ip_rcv_core clears IPCB: what a bridge put together goes on whole
    // ip_sabotage_in: br_netfilter was here already. Rules may ask for its port all the same.
    let passed_by_bridge =
        skb.bridge.as_mut().is_some_and(|it| !std::mem::replace(&mut it.went_up, true));
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
            Err(Refusal::Martian(reason)) => return ctx.drop(dev, skb, reason),
            Err(Refusal::Unroutable(error)) => {
                let Some(skb) = read_options(ctx, ns, devices, (dev, None), header, skb) else {
                    return;
                };
                return icmp::unroutable(ctx, ns, devices, dev, error, skb);
            }
        },
    };
    skb.dst = Some(dst);
    let Some(skb) = read_options(ctx, ns, devices, (dev, Some(dst.to)), header, skb) else {
        return;
    };
    let frame_to_all = matches!(skb.pkt_type, PacketType::Broadcast | PacketType::Multicast);
    if frame_to_all && dst.to != DstKind::Broadcast {
        let routing = Routing { ns, devices, now: ctx.now };
        if routing.or_conf(dev, Conf::DropUnicastInL2Multicast) {
            return ctx.drop(dev, skb, DropReason::UnicastInL2Multicast);
        }
    }
    match dst.to {
        DstKind::Local | DstKind::Broadcast => deliver(ctx, ns, devices, dev, header, skb),
        DstKind::Unicast { .. } => forward(ctx, ns, devices, dev, dst, header, skb),
    }
}

/// `ip_rcv_options`: None if they end the packet's way.
#[inline]
fn read_options<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (dev, to): (DevId, Option<DstKind>),
    header: &Header,
    mut skb: Skb,
) -> Option<Skb> {
    if header.header_len == ipv4::LEN {
        return Some(skb);
    }
    let routing = Routing { ns, devices, now: ctx.now };
    match options::receive(routing, dev, to, header, &mut skb) {
        Ok(()) => return Some(skb),
        Err(Refused::At(pointer)) => {
            icmp::send_error(ctx, ns, devices, Error::ParameterProblem { pointer }, &skb);
            ctx.drop(dev, skb, DropReason::IpOptions);
        }
        Err(Refused::SourceRoute) => ctx.drop(dev, skb, DropReason::SourceRoute),
        Err(Refused::NotModelled) => {
            not_modelled(ctx, devices, dev, skb, NotModelled::IpOptions);
        }
    }
    None
}

/// `ip_route_input`: where a packet that arrived goes, or why it goes nowhere.
#[inline]
pub(super) fn route_received<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    skb: &Skb,
) -> Result<Dst, Refusal> {
    let routing = Routing { ns, devices, now: ctx.now };
    let (way, because) = routing.input(&Arrived {
        dev,
        src: header.src,
        dst: header.dst,
        mark: skb.mark,
        packet: Some((header, skb.payload())),
    });
    because.tell(ctx, skb.id, devices[dev].ns, (header.dst, LookupFor::Input));
    way
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
    header: &Header,
    skb: Skb,
) {
    let ns_id = devices[dev].ns;
    ctx.event(skb.id, Event::LocalDeliver { ns: ns_id, dev });
    let mut skb = skb;
    if header.is_fragment() {
        match frag::gather(ctx, ns, (ns_id, dev), header, skb) {
            Some(whole) => skb = whole,
            None => return,
        }
    }
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
    match header.protocol {
        Protocol::Udp => udp::receive(ctx, ns, devices, dev, header, how, skb),
        Protocol::Icmp => icmp::receive(ctx, ns, devices, dev, header, how, skb),
        Protocol::Tcp => tcp::receive(ctx, ns, devices, dev, header, skb),
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
    let mtu_bytes = Routing { ns, devices, now: ctx.now }.mtu(&dst, header.dst, true);
    if frag::exceeds(header, mtu_bytes, &skb) {
        icmp::send_error(ctx, ns, devices, frag::needed(mtu_bytes), &skb);
        return ctx.drop(from, skb, DropReason::PktTooBig);
    }
    let ns_id = devices[from].ns;
    ipv4::decrease_ttl(skb.payload_mut());
    ctx.event(skb.id, Event::Forward { ns: ns_id, from, to, ttl_hops: header.ttl_hops - 1 });
    if dst.redirect && ns.peers.allows_redirect(header.src, ctx.now) {
        let gateway = match dst.to {
            DstKind::Unicast { next_hop } => next_hop,
            DstKind::Local | DstKind::Broadcast => header.dst,
        };
        icmp::send_error(ctx, ns, devices, Error::Redirect { gateway }, &skb);
    }
    let at = (Hook::Forward, Some(from), Some(to));
    let Some(mut skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    if header.header_len > ipv4::LEN {
        let routing = Routing { ns, devices, now: ctx.now };
        options::forward(routing, header, &mut skb);
    }
    output(ctx, ns, devices, skb);
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
pub fn local_out<T: Tracer>(ctx: &mut Ctx<'_, T>, ns: &mut Netns, devices: &Devices, skb: Skb) {
    let at = (Hook::LocalOut, None, skb.dst.map(|dst| dst.dev));
    let Some(skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    let to_all = skb.dst.is_some_and(|dst| match dst.to {
        DstKind::Broadcast => true,
        DstKind::Unicast { next_hop } => next_hop == ALL_HOSTS,
        DstKind::Local => false,
    });
    if to_all { output_to_all(ctx, ns, devices, skb) } else { output(ctx, ns, devices, skb) }
}

/// `ip_mc_output`: who sends to everybody hears it too, by a copy that no packet socket sees.
fn output_to_all<T: Tracer>(ctx: &mut Ctx<'_, T>, ns: &mut Netns, devices: &Devices, skb: Skb) {
    let Some(dev) = skb.dst.map(|dst| dst.dev).filter(|&dev| dev != ns.lo) else {
        return output(ctx, ns, devices, skb);
    };
    let mut copy = ctx.copy_of(&skb);
    let by_group = matches!(skb.dst, Some(Dst { to: DstKind::Unicast { .. }, .. }));
    copy.pkt_type = if by_group { PacketType::Multicast } else { PacketType::Broadcast };
    let looped = hooks::ask(ctx, ns, devices, (Hook::PostRouting, None, Some(dev)), copy);
    output(ctx, ns, devices, skb);
    if let Some(mut looped) = looped {
        looped.dst = looped.dst.map(|dst| Dst { to: DstKind::Broadcast, ..dst });
        ctx.out.push(Next::Up(dev, looped));
    }
}

/// `ip_output`, `ip_finish_output`: past the last hook, and in pieces if it is too long for the way.
#[inline]
pub(super) fn output<T: Tracer>(ctx: &mut Ctx<'_, T>, ns: &mut Netns, devices: &Devices, skb: Skb) {
    let dev = skb.dst.map(|dst| dst.dev);
    // Rules see here too by which device it came in; ip_mc_output names the one it leaves by instead.
    let to_all = skb.dst.is_some_and(|dst| dst.to == DstKind::Broadcast);
    let in_dev = if to_all { dev } else { skb.iif };
    let Some(skb) = hooks::ask(ctx, ns, devices, (Hook::PostRouting, in_dev, dev), skb) else {
        return;
    };
    let Some(dst) = skb.dst else {
        return ctx.drop(ns.lo, skb, DropReason::IpOutNoRoutes);
    };
    let packet = skb.payload();
    let daddr = Ipv4Addr::new(packet[16], packet[17], packet[18], packet[19]);
    let routing = Routing { ns, devices, now: ctx.now };
    if skb.segment_len != 0 && dst.dev != ns.lo {
        for segment in tcp::segments(ctx, ns, skb) {
            finish_output(ctx, ns, devices, segment);
        }
        return;
    }
    let mtu_bytes = routing.mtu(&dst, daddr, skb.iif.is_some());
    // What came in pieces goes on in pieces, even if it fits.
    if packet.len() > mtu_bytes as usize || frag::longest(&skb) != 0 {
        return frag::output(ctx, ns, devices, (dst.dev, mtu_bytes), skb);
    }
    finish_output(ctx, ns, devices, skb);
}

/// `ip_finish_output2`: to the neighbour, to everybody on the link, or back up through `lo`.
#[inline]
pub(super) fn finish_output<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    mut skb: Skb,
) {
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
            let dst = if dev == ns.lo { Mac::ZERO } else { Mac::BROADCAST };
            eth::set_addresses(&mut skb.frame, dst, own);
            ctx.out.push(Next::Transmit(dev, skb));
        }
    }
}
