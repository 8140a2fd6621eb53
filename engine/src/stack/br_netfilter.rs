//! Bridged IPv4 packets through the IP hooks. Read `net/bridge/br_netfilter_hooks.c` first.
//!
//! ```text
//! port in   -> PREROUTING (-i bridge) -> destination changed? by the same bridge: its neighbour's address, bridged
//!                                                             elsewhere: up to this host's routing
//! port out  -> FORWARD (-i bridge -o bridge) -> POSTROUTING (-o bridge) -> the port
//! ```
//!
//! A packet that goes up to this host afterwards does not meet PREROUTING again. Not here: ARP and IPv6 rules, VLANs.

use super::route::{Refusal, Routing};
use super::{Netns, frag, hooks, ip, neigh};
use crate::base::{DevId, Hook, Mac};
use crate::link::{Devices, Port, bridge};
use crate::skb::{BridgeInfo, DstKind, PacketType, Skb};
use crate::trace::{Ctx, DropReason, Event, Tracer};
use crate::wire::eth;
use crate::wire::ipv4::Header;

/// A frame came by a port (`br_nf_pre_routing`, `br_nf_pre_routing_finish`).
pub fn pre_routing<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &mut Devices,
    dev: DevId,
    mut skb: Skb,
) {
    let Some(port) = devices[dev].port else {
        return ctx.drop(dev, skb, DropReason::NoTxTarget);
    };
    let header = match validate(&mut skb) {
        Ok(header) => header,
        Err(reason) => return ctx.drop(dev, skb, reason),
    };
    let other_host = skb.pkt_type == PacketType::OtherHost;
    if other_host {
        skb.pkt_type = PacketType::Host;
    }
    (skb.socket, skb.by_kernel) = (None, false);
    skb.bridge = Some(BridgeInfo {
        phys_in: dev,
        phys_out: None,
        went_up: false,
        other_host,
        bridged_dnat: None,
    });
    let hook = Hook::PreRouting;
    ctx.event(skb.id, Event::BridgeCallsRules { bridge: port.bridge, port: dev, hook });
    let at = (hook, Some(port.bridge), None);
    let Some(mut skb) = hooks::ask(ctx, ns, devices, at, skb) else { return };
    if other_host {
        skb.pkt_type = PacketType::OtherHost;
    }
    match Header::parse(skb.payload()) {
        Err(_) => ctx.drop(dev, skb, DropReason::IpInHdr),
        Ok(now) if now.dst == header.dst => {
            bridge::receive_finish(ctx, devices, dev, port, skb);
        }
        Ok(now) => translated(ctx, ns, devices, (dev, port), &now, skb),
    }
}

/// The packet has a new destination: to a neighbour on the same bridge, or up to this host.
fn translated<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &mut Devices,
    (dev, port): (DevId, Port),
    header: &Header,
    mut skb: Skb,
) {
    let bridge = port.bridge;
    // Without a way, or where forwarding is off, ip_route_input still gives a route, to ip_error: the packet goes up to
    // end there.
    skb.dst = match ip::route_received(ctx, ns, devices, bridge, header, &skb) {
        Ok(dst) => Some(dst),
        Err(Refusal::Unroutable(_)) => None,
        Err(Refusal::Martian(reason)) => return ctx.drop(dev, skb, reason),
    };
    let same_bridge = skb.dst.is_some_and(|dst| dst.dev == bridge);
    ctx.event(skb.id, Event::BridgedDnat { bridge, dst: header.dst, same_bridge });
    match skb.dst.map(|dst| dst.to) {
        Some(DstKind::Unicast { next_hop }) if same_bridge => {
            if let Some(mac) = ns.neigh.cached_header(bridge, next_hop) {
                let src = eth::src(&skb.frame);
                eth::set_addresses(&mut skb.frame, mac, src);
                return bridge::receive_finish(ctx, devices, dev, port, skb);
            }
            let src = eth::src(&skb.frame);
            if let Some(info) = &mut skb.bridge {
                info.bridged_dnat = Some(src);
            }
            eth::set_addresses(&mut skb.frame, Mac::ZERO, devices[bridge].mac);
            neigh::output(ctx, ns, devices, (bridge, next_hop), skb);
        }
        Some(DstKind::Local | DstKind::Broadcast | DstKind::Unicast { .. }) | None => {
            let src = eth::src(&skb.frame);
            eth::set_addresses(&mut skb.frame, devices[bridge].mac, src);
            skb.pkt_type = PacketType::Host;
            bridge::receive_finish(ctx, devices, dev, port, skb);
        }
    }
}

/// The neighbour's address was found; the frame gets its old source back and is bridged
/// (`br_nf_pre_routing_finish_bridge_slow`).
pub fn back<T: Tracer>(ctx: &mut Ctx<'_, T>, devices: &mut Devices, bridge: DevId, mut skb: Skb) {
    let Some(info) = &mut skb.bridge else {
        return ctx.drop(bridge, skb, DropReason::NoTxTarget);
    };
    let (dev, src) = (info.phys_in, info.bridged_dnat.take());
    info.phys_out = None;
    let (Some(port), Some(src)) = (devices[dev].port, src) else {
        return ctx.drop(bridge, skb, DropReason::NoTxTarget);
    };
    let dst = eth::dst(&skb.frame);
    eth::set_addresses(&mut skb.frame, dst, src);
    bridge::receive_finish(ctx, devices, dev, port, skb);
}

/// A frame is about to leave by a port (`br_nf_forward_ip`, `br_nf_post_routing`, `br_nf_dev_queue_xmit`).
pub fn forward<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &mut Devices,
    to: DevId,
    mut skb: Skb,
) {
    let Some(bridge) = devices[to].port.map(|port| port.bridge) else {
        return ctx.drop(to, skb, DropReason::NoTxTarget);
    };
    if let Err(reason) = validate(&mut skb) {
        return ctx.drop(to, skb, reason);
    }
    skb.pkt_type = PacketType::Host;
    if let Some(info) = &mut skb.bridge {
        info.phys_out = Some(to);
    }
    for (hook, in_dev) in [(Hook::Forward, Some(bridge)), (Hook::PostRouting, None)] {
        ctx.event(skb.id, Event::BridgeCallsRules { bridge, port: to, hook });
        match hooks::ask(ctx, ns, devices, (hook, in_dev, Some(bridge)), skb) {
            Some(accepted) => skb = accepted,
            None => return,
        }
    }
    let longest = frag::longest(&skb);
    let mtu_bytes = devices[to].mtu_bytes;
    let limit = if longest == 0 { mtu_bytes } else { mtu_bytes.min(longest) };
    if skb.payload().len() > limit as usize {
        return fragment(ctx, ns, devices, (bridge, to), skb);
    }
    bridge::push(ctx, devices, (bridge, to), skb);
}

/// A packet that the port does not take whole, or that came in pieces, leaves in pieces (`br_nf_ip_fragment`). Nobody is
/// told of one that forbids it.
#[inline(never)]
fn fragment<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    (bridge, to): (DevId, DevId),
    skb: Skb,
) {
    let mtu_bytes = match (skb.dst, Header::parse(skb.payload())) {
        (Some(dst), Ok(header)) => {
            Routing { ns, devices, now: ctx.now }.mtu(&dst, header.dst, skb.iif.is_some())
        }
        (_, _) => devices[bridge].mtu_bytes,
    };
    let forbidden = Header::parse(skb.payload()).is_ok_and(|header| header.dont_fragment);
    if forbidden && !skb.ignore_df || frag::longest(&skb) > mtu_bytes {
        return ctx.drop(to, skb, DropReason::PktTooBig);
    }
    for piece in frag::split(ctx, (to, mtu_bytes), skb) {
        bridge::push(ctx, devices, (bridge, to), piece);
    }
}

/// `br_validate_ipv4`: the checks of `ip_rcv` and its trimming, but none of the options.
fn validate(skb: &mut Skb) -> Result<Header, DropReason> {
    let header = Header::parse(skb.payload()).map_err(ip::header_drop_reason)?;
    skb.frame.truncate(eth::LEN + header.total_len);
    Ok(header)
}
