//! Path MTU: what a host remembers when a router, or a tunnel of its own, says that a packet was too long. Read
//! `__ip_rt_update_pmtu` in net/ipv4/route.c and RFC 1191 first.

use super::Netns;
use super::fib::{Exception, Flow};
use super::route::Routing;
use crate::base::{Nanos, PacketId};
use crate::link::Devices;
use crate::skb::Dst;
use crate::trace::{Ctx, Event, Tracer};

/// The way of `flow`, which is routed by `dst`, carries `mtu_bytes` and no more.
pub(super) fn learn<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    packet: PacketId,
    (dst, flow): (&Dst, &Flow),
    mtu_bytes: u32,
) {
    let settings = ns.sysctl.pmtu;
    let routing = Routing { ns, devices, now: ctx.now };
    let old = routing.mtu(dst, flow.daddr, false);
    if routing.mtu_is_locked(dst, flow.daddr) || old < mtu_bytes {
        return;
    }
    let locked = mtu_bytes < settings.min_bytes;
    let mtu_bytes = if locked { old.min(settings.min_bytes) } else { mtu_bytes };
    let fresh = |known: &Exception| {
        known.pmtu_bytes == Some(mtu_bytes)
            && known.expires.since(Nanos(settings.expires.0 / 2)) > ctx.now
    };
    if !locked && routing.exception(dst, flow.daddr).as_ref().is_some_and(fresh) {
        return;
    }
    let Ok(found) = ns.fib.lookup(flow) else { return };
    let expires = ctx.now + settings.expires;
    let news = Exception {
        pmtu_bytes: Some(mtu_bytes),
        mtu_locked: locked,
        expires,
        ..Exception::default()
    };
    // Which of several next hops the packet took is not known any more.
    let all = ns.fib.route(found.route).nexthops.as_slice().len();
    let hops = if all > 1 { 0..all } else { found.nexthop..found.nexthop + 1 };
    for nexthop in hops {
        ns.fib.learn((found.route, nexthop), flow.daddr, ctx.now, news);
    }
    let event = Event::PathMtu { ns: devices[ns.lo].ns, dst: flow.daddr, mtu_bytes, locked };
    ctx.event(packet, event);
}
