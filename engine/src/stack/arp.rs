//! ARP: asking for and answering with hardware addresses. Read net/ipv4/arp.c first.
//!
//! Not modelled: `medium_id`, proxy entries of the neighbour table (`ip neigh add proxy`), a limit of put off questions.

use std::net::Ipv4Addr;

use super::fib::Flow;
use super::neigh::{self, News};
use super::route::{Arrived, Routing};
use super::{Netns, is_loopback};
use crate::base::{DevId, Mac, Nanos, PacketId};
use crate::link::{Conf, Devices, Scope};
use crate::netfilter::AddrType;
use crate::skb::{DstKind, PacketType, Skb};
use crate::trace::{Birth, Ctx, DropReason, Event, NeighCause, Next, Nud, Tracer};
use crate::wire::arp::{Arp, Operation};
use crate::wire::eth::{self, EtherType};

/// An ARP packet arrived (`arp_rcv`, `arp_process`).
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
) {
    if skb.pkt_type == PacketType::OtherHost || is_loopback(&devices[dev]) {
        return ctx.drop(dev, skb, DropReason::OtherHost);
    }
    let Ok(arp) = Arp::parse(skb.payload()) else {
        return ctx.drop(dev, skb, DropReason::ArpMalformed);
    };
    process(ctx, ns, devices, dev, arp, false, skb);
}

/// A question for somebody else waited as long as the proxy lets it (`parp_redo`).
pub fn redo<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
) {
    match Arp::parse(skb.payload()) {
        Ok(arp) if devices[dev].up => process(ctx, ns, devices, dev, arp, true, skb),
        Ok(_) | Err(_) => ctx.drop(dev, skb, DropReason::DevReady),
    }
}

/// `arp_process`. `waited`: the question was put off already.
fn process<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    arp: Arp,
    waited: bool,
    skb: Skb,
) {
    let routing = Routing { ns, devices, now: ctx.now };
    let (sip, tip) = (arp.sender_ip, arp.target_ip);
    if tip.is_multicast() || (tip.is_loopback() && !routing.or_conf(dev, Conf::RouteLocalnet)) {
        return ctx.drop(dev, skb, DropReason::ArpMalformed);
    }
    if sip == tip && routing.or_conf(dev, Conf::DropGratuitousArp) {
        return ctx.drop(dev, skb, DropReason::ArpMalformed);
    }
    if sip.is_unspecified() {
        // Duplicate address detection (RFC 2131 section 2.2): answer, and learn nothing.
        if arp.operation == Operation::Request
            && routing.addr_type(tip, None) == AddrType::Local
            && !ignores(routing, dev, sip, tip)
        {
            reply(ctx, devices, dev, arp, &skb);
        }
        return ctx.consume(skb);
    }
    let asked = Arrived { dev, src: sip, dst: tip, mark: skb.mark, packet: None };
    let way = match arp.operation {
        Operation::Request => routing.input(&asked).0.ok(),
        Operation::Reply => None,
    };
    match way.map(|way| (way.to, way.dev)) {
        Some((DstKind::Local, _)) => {
            let silent = ignores(routing, dev, sip, tip)
                || (routing.or_conf(dev, Conf::ArpFilter) && filters(routing, dev, sip, tip));
            if silent {
                ctx.event(skb.id, Event::ArpNoted { ns: devices[dev].ns, dev });
            } else {
                note_asker(ctx, ns, devices, dev, arp, &skb);
                reply(ctx, devices, dev, arp, &skb);
            }
            return ctx.consume(skb);
        }
        Some((DstKind::Unicast { .. }, out)) if is_proxy(routing, (dev, out), sip, tip) => {
            let delay = devices[dev].proxy_delay;
            note_asker(ctx, ns, devices, dev, arp, &skb);
            if waited || skb.pkt_type == PacketType::Host || delay == Nanos::ZERO {
                reply(ctx, devices, dev, arp, &skb);
                return ctx.consume(skb);
            }
            let ms = u32::try_from(delay.0 / 1_000_000).unwrap_or(u32::MAX).max(1);
            let after = Nanos::from_millis(u64::from(ctx.rng.below(ms)));
            ctx.event(skb.id, Event::ArpProxyDelay { ns: devices[dev].ns, dev, after });
            return ctx.out.push(Next::ProxyArp { at: ctx.now + after, dev, skb });
        }
        Some(_) | None => {}
    }
    let known = ns.neigh.get(dev, sip).is_some();
    let gratuitous = sip == tip
        && (arp.operation == Operation::Request || arp.sender_mac == arp.target_mac)
        && routing.addr_type(sip, None) == AddrType::Unicast;
    let accepts = match routing.max_conf(dev, Conf::ArpAccept) {
        1 => true,
        2 => routing.confirms(Some(dev), sip, Ipv4Addr::UNSPECIFIED, Scope::Link),
        _ => false,
    };
    let create = accepts
        && (gratuitous
            || (arp.operation == Operation::Reply
                && routing.addr_type(sip, None) == AddrType::Unicast));
    let confirmed = arp.operation == Operation::Reply && skb.pkt_type == PacketType::Host;
    let news = News {
        mac: arp.sender_mac,
        state: if confirmed { Nud::Reachable } else { Nud::Stale },
        override_lock: gratuitous,
        cause: if confirmed { NeighCause::Reply } else { NeighCause::Announced },
        create,
    };
    if !known && !create {
        ctx.event(skb.id, Event::ArpNoted { ns: devices[dev].ns, dev });
    }
    neigh::update(ctx, ns, devices, (dev, sip), news, &skb);
    ctx.consume(skb);
}

/// Who asks becomes a neighbour (`neigh_event_ns`).
fn note_asker<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    arp: Arp,
    skb: &Skb,
) {
    let news = News {
        mac: arp.sender_mac,
        state: Nud::Stale,
        override_lock: true,
        cause: NeighCause::RequestSeen,
        create: true,
    };
    neigh::update(ctx, ns, devices, (dev, arp.sender_ip), news, skb);
}

/// `arp_ignore`: whether a question for an own address stays unanswered.
fn ignores(routing: Routing<'_>, dev: DevId, sip: Ipv4Addr, tip: Ipv4Addr) -> bool {
    let nobody = Ipv4Addr::UNSPECIFIED;
    let confirms = match routing.max_conf(dev, Conf::ArpIgnore) {
        1 => routing.confirms(Some(dev), nobody, tip, Scope::Host),
        2 => routing.confirms(Some(dev), sip, tip, Scope::Host),
        3 => routing.confirms(None, nobody, tip, Scope::Link),
        8 => false,
        _ => true,
    };
    !confirms
}

/// `arp_filter`: whether the way back to the asker is by another device.
fn filters(routing: Routing<'_>, dev: DevId, sip: Ipv4Addr, tip: Ipv4Addr) -> bool {
    let flow = Flow::to(sip, routing.ns.lo).from(tip);
    routing.output(&flow, None).map_or(true, |route| route.dst.dev != dev)
}

/// `arp_fwd_proxy`, `arp_fwd_pvlan`: whether to answer for somebody behind `out`.
fn is_proxy(
    routing: Routing<'_>,
    (dev, out): (DevId, DevId),
    sip: Ipv4Addr,
    tip: Ipv4Addr,
) -> bool {
    if out == dev {
        return sip != tip && routing.or_conf(dev, Conf::ProxyArpPvlan);
    }
    routing.or_conf(dev, Conf::ProxyArp)
}

fn reply<T: Tracer>(ctx: &mut Ctx<'_, T>, devices: &Devices, dev: DevId, request: Arp, skb: &Skb) {
    let own = devices[dev].mac;
    let answer = Arp {
        operation: Operation::Reply,
        sender_mac: own,
        sender_ip: request.target_ip,
        target_mac: request.sender_mac,
        target_ip: request.sender_ip,
    };
    let id = ctx.born(Some(skb.id), Birth::ArpReply);
    send(ctx, dev, id, own, request.sender_mac, &answer);
}

/// Asks who has `ip` (`arp_solicit`). `asked_for` is the waiting packet and its source address, which the question
/// carries if it is this host's.
pub(super) fn solicit<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    (dev, target_ip): (DevId, Ipv4Addr),
    to: Mac,
    asked_for: Option<(PacketId, Ipv4Addr)>,
) {
    let routing = Routing { ns, devices, now: ctx.now };
    let announces = |&src: &Ipv4Addr| match routing.max_conf(dev, Conf::ArpAnnounce) {
        1 => {
            routing.addr_type(src, None) == AddrType::Local
                && routing.is_onlink(dev, target_ip, src)
        }
        2 => false,
        _ => routing.addr_type(src, None) == AddrType::Local,
    };
    let sender_ip = asked_for
        .map(|(_, src)| src)
        .filter(announces)
        .or_else(|| routing.select_addr(dev, target_ip, Scope::Link))
        .unwrap_or(Ipv4Addr::UNSPECIFIED);
    let own = devices[dev].mac;
    let question = Arp {
        operation: Operation::Request,
        sender_mac: own,
        sender_ip,
        target_mac: Mac::ZERO,
        target_ip,
    };
    let id = ctx.born(asked_for.map(|(id, _)| id), Birth::ArpRequest);
    send(ctx, dev, id, own, to, &question);
}

fn send<T: Tracer>(ctx: &mut Ctx<'_, T>, dev: DevId, id: PacketId, own: Mac, to: Mac, arp: &Arp) {
    let mut frame = ctx.bufs.take();
    eth::emit(&mut frame, to, own, EtherType::Arp);
    arp.emit(&mut frame);
    ctx.out.push(Next::Transmit(dev, Skb::new(id, frame)));
}
