//! ARP: asking for and answering with hardware addresses. Read net/ipv4/arp.c first.
//!
//! Not modelled yet: proxy ARP, `arp_ignore`, `arp_announce` and `arp_filter` other than 0.

use std::net::Ipv4Addr;

use super::ip;
use super::neigh::{self, News};
use super::{Netns, is_loopback};
use crate::base::{DevId, Mac, PacketId};
use crate::link::{Devices, Scope};
use crate::skb::{PacketType, Skb};
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
    if arp.target_ip.is_multicast() || arp.target_ip.is_loopback() {
        return ctx.drop(dev, skb, DropReason::ArpMalformed);
    }
    match arp.operation {
        Operation::Request if arp.sender_ip.is_unspecified() => {
            // Duplicate address detection (RFC 2131 section 2.2): answer, and learn nothing.
            if ns.owns(arp.target_ip) {
                reply(ctx, devices, dev, arp, &skb);
            }
        }
        Operation::Request
            if ip::is_local_input(ns, devices, dev, arp.sender_ip, arp.target_ip) =>
        {
            let news = News {
                mac: arp.sender_mac,
                state: Nud::Stale,
                override_lock: true,
                cause: NeighCause::RequestSeen,
                create: true,
            };
            neigh::update(ctx, ns, devices, (dev, arp.sender_ip), news, &skb);
            reply(ctx, devices, dev, arp, &skb);
        }
        Operation::Request | Operation::Reply => {
            let confirmed = arp.operation == Operation::Reply && skb.pkt_type == PacketType::Host;
            let gratuitous = arp.sender_ip == arp.target_ip
                && (arp.operation == Operation::Request || arp.sender_mac == arp.target_mac);
            let news = News {
                mac: arp.sender_mac,
                state: if confirmed { Nud::Reachable } else { Nud::Stale },
                override_lock: gratuitous,
                cause: if confirmed { NeighCause::Reply } else { NeighCause::Announced },
                create: false,
            };
            if ns.neigh.get(dev, arp.sender_ip).is_none() {
                ctx.event(skb.id, Event::ArpNoted { ns: devices[dev].ns, dev });
            }
            neigh::update(ctx, ns, devices, (dev, arp.sender_ip), news, &skb);
        }
    }
    ctx.consume(skb);
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
    let sender_ip = asked_for
        .map(|(_, src)| src)
        .filter(|&src| ns.owns(src))
        .or_else(|| ns.select_addr(dev, target_ip, Scope::Link))
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
