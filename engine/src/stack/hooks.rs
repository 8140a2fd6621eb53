//! Where the IP path meets netfilter: asks a hook, carries out what it answers, and tells rules what they ask of the
//! namespace around them.

use std::net::Ipv4Addr;

use super::fib::RouteKind;
use super::{Netns, ip, reject};
use crate::base::{DevId, Hook, SocketId};
use crate::link::{Devices, Scope};
use crate::netfilter::{AddrType, Around, At, ReversePath, Verdict};
use crate::skb::{Dst, DstKind, Skb};
use crate::trace::{Ctx, Tracer};
use crate::wire::ipv4::Header;

/// Asks a hook about a packet (`NF_HOOK`); None if the packet's way ends there. The devices are those of `-i` and `-o`.
#[inline]
pub(super) fn ask<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (hook, in_dev, out_dev): (Hook, Option<DevId>, Option<DevId>),
    skb: Skb,
) -> Option<Skb> {
    if ns.netfilter.is_none() {
        return Some(skb);
    }
    ask_rules(ctx, ns, devices, (hook, in_dev, out_dev), skb)
}

fn ask_rules<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (hook, in_dev, out_dev): (Hook, Option<DevId>, Option<DevId>),
    skb: Skb,
) -> Option<Skb> {
    // Taken out while its rules look at the rest of the namespace.
    let mut netfilter = ns.netfilter.take()?;
    let at = At { ns: devices[ns.lo].ns, hook, in_dev, out_dev };
    let verdict = netfilter.hook(ctx, &Surroundings { ns, devices }, at, skb);
    ns.netfilter = Some(netfilter);
    match verdict {
        Verdict::Accept(skb) => Some(skb),
        Verdict::Stolen => None,
        Verdict::Drop { skb, reason, reject } => {
            if let Some(with) = reject {
                reject::send(ctx, ns, devices, with, &skb);
            }
            ctx.drop(in_dev.or(out_dev).unwrap_or(ns.lo), skb, reason);
            None
        }
    }
}

/// A namespace without its netfilter part, for the rules to ask.
pub(super) struct Surroundings<'a> {
    pub ns: &'a Netns,
    pub devices: &'a Devices,
}

impl Around for Surroundings<'_> {
    fn dev_name(&self, dev: DevId) -> &str {
        &self.devices[dev].name
    }

    fn addr_type(&self, addr: Ipv4Addr, dev: Option<DevId>) -> AddrType {
        if addr.is_broadcast() || addr.is_unspecified() {
            return AddrType::Broadcast;
        }
        if addr.is_multicast() {
            return AddrType::Multicast;
        }
        let Some(route) = self.ns.fib.lookup(addr).map(|id| self.ns.fib.route(id)) else {
            return AddrType::Unicast;
        };
        match route.kind {
            RouteKind::Local if dev.is_none_or(|dev| dev == route.dev) => AddrType::Local,
            RouteKind::Broadcast if dev.is_none_or(|dev| dev == route.dev) => AddrType::Broadcast,
            RouteKind::Local | RouteKind::Broadcast | RouteKind::Unicast { .. } => {
                AddrType::Unicast
            }
        }
    }

    fn reverse_path_ok(&self, question: ReversePath) -> bool {
        let Some(id) = self.ns.fib.lookup(question.src) else { return false };
        let route = self.ns.fib.route(id);
        match route.kind {
            RouteKind::Local => question.accept_local,
            RouteKind::Broadcast => false,
            RouteKind::Unicast { .. } => question.loose || route.dev == question.in_dev,
        }
    }

    fn reroute(&self, skb: &Skb) -> Option<Dst> {
        let header = Header::parse(skb.payload()).ok()?;
        let src = self.ns.owns(header.src).then_some(header.src);
        ip::route_output(self.ns, header.dst, src, true).ok().map(|route| route.dst)
    }

    fn masquerade_addr(&self, dst: Dst) -> Option<Ipv4Addr> {
        let DstKind::Unicast { next_hop } = dst.to else { return None };
        self.ns.select_addr(dst.dev, next_hop, Scope::Universe)
    }

    fn first_addr(&self, dev: DevId) -> Option<Ipv4Addr> {
        self.ns.addrs.iter().find(|addr| addr.dev == dev).map(|addr| addr.local)
    }

    fn owner(&self, socket: SocketId) -> Option<(u32, u32)> {
        let _ = self.ns.sockets.get(socket);
        Some((0, 0))
    }
}
