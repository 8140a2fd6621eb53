//! Where the IP path meets netfilter: asks a hook, carries out what it answers, and tells rules what they ask of the
//! namespace around them.

use std::net::Ipv4Addr;

use super::fib::{Flow, RouteKind};
use super::multipath::Keys;
use super::route::Routing;
use super::{Netns, reject};
use crate::base::{DevId, Hook, Nanos, SocketId};
use crate::link::{Devices, Scope};
use crate::netfilter::{AddrType, Around, At, ReversePath, Verdict, defrag};
use crate::skb::{Dst, Skb};
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
    let verdict = netfilter.hook(ctx, &Surroundings { ns, devices, now: ctx.now }, at, skb);
    ns.netfilter = Some(netfilter);
    match verdict {
        Verdict::Accept(skb) => Some(skb),
        Verdict::Stolen => None,
        Verdict::Drop { skb, reason, reject } => {
            if let Some(with) = reject {
                reject::send(ctx, ns, devices, (with, hook), &skb);
            }
            let dev = if hook == Hook::PostRouting { out_dev } else { in_dev.or(out_dev) };
            ctx.drop(dev.unwrap_or(ns.lo), skb, reason);
            None
        }
    }
}

/// What a bridge hands to its host's IP as one of several copies is known to connection tracking before it goes further
/// (`br_nf_local_in`).
pub(super) fn confirm<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (hook, in_dev, out_dev): (Hook, Option<DevId>, Option<DevId>),
    mut skb: Skb,
) -> Option<Skb> {
    let at = At { ns: devices[ns.lo].ns, hook, in_dev, out_dev };
    let confirmed = ns.netfilter.as_mut().map_or(Ok(()), |it| it.confirm_new(ctx, at, &mut skb));
    match confirmed {
        Ok(()) => Some(skb),
        Err(reason) => {
            ctx.drop(in_dev.unwrap_or(ns.lo), skb, reason);
            None
        }
    }
}

/// A namespace without its netfilter part, for the rules to ask.
pub(super) struct Surroundings<'a> {
    pub ns: &'a Netns,
    pub devices: &'a Devices,
    pub now: Nanos,
}

impl<'a> Surroundings<'a> {
    const fn routing(&self) -> Routing<'a> {
        Routing { ns: self.ns, devices: self.devices, now: self.now }
    }
}

impl Around for Surroundings<'_> {
    fn dev_name(&self, dev: DevId) -> &str {
        &self.devices[dev].name
    }

    fn addr_type(&self, addr: Ipv4Addr, dev: Option<DevId>) -> AddrType {
        self.routing().addr_type(addr, dev)
    }

    fn reverse_path_ok(&self, question: ReversePath) -> bool {
        let saddr = match question.dst {
            // To everybody: as if it were for nobody in particular (rpfilter_get_saddr).
            dst if dst.is_multicast() || dst.is_broadcast() => Ipv4Addr::UNSPECIFIED,
            dst => dst,
        };
        let flow = Flow {
            tos: question.tos,
            mark: question.mark,
            ..Flow::to(question.src, self.ns.lo).from(saddr)
        };
        let Ok(found) = self.ns.fib.lookup_with(&flow, true) else { return false };
        let route = self.ns.fib.route(found.route);
        let kind_ok = route.kind == RouteKind::Unicast
            || (route.kind == RouteKind::Local && question.accept_local);
        let uses_dev = route.nexthops.as_slice().iter().any(|hop| hop.dev == question.in_dev);
        kind_ok && (uses_dev || question.loose)
    }

    fn reroute(&self, skb: &Skb) -> Option<Dst> {
        let header = Header::parse(skb.payload()).ok()?;
        let own = self.routing().addr_type(header.src, None);
        let saddr = match own {
            AddrType::Local | AddrType::Unicast => header.src,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let keys = Keys::of_packet(&header, skb.payload());
        let flow = Flow {
            tos: header.tos,
            mark: skb.mark,
            protocol: keys.protocol,
            sport: keys.sport,
            dport: keys.dport,
            any_src: true,
            ..Flow::to(header.dst, self.ns.lo).from(saddr)
        };
        self.routing().output(&flow, None).ok().map(|route| route.dst)
    }

    fn masquerade_addr(&self, out_dev: DevId, next_hop: Ipv4Addr) -> Option<Ipv4Addr> {
        self.routing().select_addr(out_dev, next_hop, Scope::Universe)
    }

    fn first_addr(&self, dev: DevId) -> Option<Ipv4Addr> {
        self.ns.addrs.iter().find(|addr| addr.dev == dev).map(|addr| addr.local)
    }

    fn path_mtu(&self, skb: &Skb) -> u32 {
        let Ok(header) = Header::parse(skb.payload()) else { return u32::MAX };
        let routing = self.routing();
        let back = routing.output(&Flow::to(header.src, self.ns.lo), None);
        let out = skb.dst.map(|dst| (dst, header.dst));
        let both = out.into_iter().chain(back.ok().map(|route| (route.dst, header.src)));
        both.map(|(dst, addr)| routing.mtu(&dst, addr, false)).min().unwrap_or(u32::MAX)
    }

    fn fragment_limits(&self) -> defrag::Limits {
        self.ns.sysctl.fragments
    }

    fn owner(&self, socket: SocketId) -> Option<(u32, u32)> {
        let _ = self.ns.sockets.get(socket);
        Some((0, 0))
    }
}
