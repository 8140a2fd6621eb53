//! ICMP: answering echo requests, reporting errors and hearing them. Read net/ipv4/icmp.c first.
//!
//! Not modelled yet: the limit on all errors of a host together, redirects, timestamps.

use std::net::Ipv4Addr;

use super::ip::{self, Delivered, OutputRoute};
use super::{Netns, socket::Bound};
use crate::base::{DevId, FxIndexMap, Nanos, NsId, PacketId, SocketId};
use crate::link::Devices;
use crate::skb::{Ct, PacketType, Skb};
use crate::trace::{
    Birth, Ctx, DropReason, Event, Heard, LookupFor, NotModelled, RouteAnswer, Tracer,
};
use crate::wire::icmp::{self, Error, Message, Quote};
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::{Malformed, udp};

/// Messages that change routes or path MTUs, which this engine does not keep.
const REDIRECT: u8 = 5;
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;

/// Precedence bits of an error's TOS, `IPTOS_PREC_INTERNETCONTROL`.
const INTERNETCONTROL: u8 = 0xc0;
/// `RT_TOS`: the bits of a TOS that an error takes over.
const TOS_MASK: u8 = 0x1e;

/// How many more errors each host may be sent now (`inet_peer_xrlim_allow`): one a second, six at once.
#[derive(Clone, Debug, Default)]
pub struct ErrorRate {
    /// Saved-up time, and when it was last counted.
    saved: FxIndexMap<Ipv4Addr, (Nanos, Nanos)>,
}

impl ErrorRate {
    /// `icmp_ratelimit`: what one error costs.
    const COST: Nanos = Nanos::from_secs(1);
    /// `XRLIM_BURST_FACTOR` times the cost.
    const MOST: Nanos = Nanos::from_secs(6);

    fn allow(&mut self, dst: Ipv4Addr, now: Nanos) -> bool {
        let (saved, counted) = self.saved.entry(dst).or_insert((Self::MOST, now));
        *saved = (*saved + now.since(*counted)).min(Self::MOST);
        *counted = now;
        let allowed = *saved >= Self::COST;
        if allowed {
            *saved = saved.since(Self::COST);
        }
        allowed
    }
}

/// An ICMP message arrived (`icmp_rcv`).
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    how: Delivered,
    skb: Skb,
) {
    let message = match Message::parse(&skb.payload()[header.header_len..]) {
        Ok(message) => message,
        Err(Malformed::Checksum) => return ctx.drop(dev, skb, DropReason::IcmpCsum),
        Err(Malformed::Truncated { .. } | Malformed::Field(_)) => {
            return ctx.drop(dev, skb, DropReason::PktTooSmall);
        }
    };
    match message {
        Message::EchoRequest { .. }
            if how == Delivered::Broadcast && ns.sysctl.icmp_echo_ignore_broadcasts =>
        {
            ctx.drop(dev, skb, DropReason::InvalidProto);
        }
        Message::EchoRequest { .. } if ns.sysctl.icmp_echo_ignore_all => {
            ctx.drop(dev, skb, DropReason::InvalidProto);
        }
        Message::EchoRequest { code, id, seq, payload } => {
            echo_reply(ctx, ns, devices, dev, header, (code, (id, seq), payload), &skb);
            ctx.consume(skb);
        }
        Message::EchoReply { id, .. } => match ns.sockets.find(Bound::Ping { id }, header.dst) {
            Some(socket) => {
                hear(ctx, ns, devices, dev, socket, Heard::Data, &skb);
                ctx.consume(skb);
            }
            None => ctx.drop(dev, skb, DropReason::NoSocket),
        },
        Message::Error { error, quote } => match sender_of(ns, &quote) {
            Some(socket) => {
                hear(ctx, ns, devices, dev, socket, Heard::Error(error), &skb);
                ctx.consume(skb);
            }
            None => ctx.drop(dev, skb, DropReason::NoSocket),
        },
        // What a raw socket sends, pings among it, minds neither.
        Message::Other { kind: REDIRECT, .. } if quotes_udp(&skb, header) => {
            ip::not_modelled(ctx, devices, dev, skb, NotModelled::RedirectHeard);
        }
        Message::Other { kind: UNREACHABLE, code: FRAGMENTATION_NEEDED }
            if quotes_udp(&skb, header) =>
        {
            ip::not_modelled(ctx, devices, dev, skb, NotModelled::PathMtu);
        }
        Message::Other { .. } => ctx.drop(dev, skb, DropReason::UnhandledProto),
    }
}

fn quotes_udp(skb: &Skb, header: &Header) -> bool {
    let quoted_protocol = header.header_len + icmp::LEN + 9;
    skb.payload().get(quoted_protocol) == Some(&Protocol::Udp.to_u8())
}

/// Lets a program's socket read what arrived.
pub(super) fn hear<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    socket: SocketId,
    heard: Heard,
    skb: &Skb,
) {
    ns.sockets.get_mut(socket).heard += 1;
    ctx.event(skb.id, Event::SocketReceive { ns: devices[dev].ns, socket, heard });
}

/// The socket whose packet an error quotes (`icmp_socket_deliver`).
fn sender_of(ns: &Netns, quote: &Quote) -> Option<SocketId> {
    let bound = match quote.protocol {
        Protocol::Udp => Bound::Udp { port: udp::ports(&quote.start).ok()?.0 },
        Protocol::Icmp if quote.start[0] == 8 => {
            Bound::Ping { id: u16::from_be_bytes([quote.start[4], quote.start[5]]) }
        }
        Protocol::Icmp | Protocol::Tcp | Protocol::Unknown(_) => return None,
    };
    ns.sockets.find(bound, quote.src)
}

/// `icmp_echo`, `icmp_reply`: the same payload back, from the address that was asked.
fn echo_reply<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    (code, id_and_seq, payload): (u8, (u16, u16), &[u8]),
    skb: &Skb,
) {
    let reply = ctx.born(Some(skb.id), Birth::EchoReply);
    let ns_id = devices[dev].ns;
    let Some(route) = route_for(ctx, ns, ns_id, reply, header.src, Some(header.dst)) else {
        return;
    };
    let mut frame = ip::new_frame(ctx);
    ipv4::Emit {
        tos: header.tos,
        identification: ctx.rng.bits16(),
        dont_fragment: false,
        ttl_hops: ns.sysctl.default_ttl_hops,
        protocol: Protocol::Icmp,
        src: route.src,
        dst: header.src,
    }
    .emit(&mut frame, icmp::LEN + payload.len());
    icmp::emit_echo(&mut frame, icmp::Echo::Reply { code }, id_and_seq, payload);
    let mut skb = Skb::new(reply, frame);
    skb.dst = Some(route.dst);
    ip::local_out(ctx, ns, devices, skb);
}

/// `icmp_send`: tells the sender of `skb` what went wrong, unless RFC 1122 section 3.2.2 forbids it.
pub(super) fn send_error<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    error: Error,
    skb: &Skb,
) {
    let packet = skb.payload();
    let Ok(header) = Header::parse(packet) else { return };
    let ns_id = devices[ns.lo].ns;
    let quotes_an_error = header.protocol == Protocol::Icmp
        && packet.get(header.header_len).is_some_and(|&kind| icmp::is_error_type(kind));
    if skb.pkt_type != PacketType::Host
        || header.fragment_offset != 0
        || header.dst.is_broadcast()
        || header.dst.is_multicast()
        || quotes_an_error
    {
        return ctx.event(skb.id, Event::NoErrorForThis { ns: ns_id, error });
    }
    let id = ctx.born(Some(skb.id), Birth::IcmpError(error));
    let src = ns.owns(header.dst).then_some(header.dst);
    let Some(route) = route_for(ctx, ns, ns_id, id, header.src, src) else { return };
    if route.dst.dev != ns.lo && !ns.icmp_rate.allow(header.src, ctx.now) {
        return ctx.event(id, Event::RateLimited { ns: ns_id, dst: header.src });
    }
    let mut frame = ip::new_frame(ctx);
    ipv4::Emit {
        tos: header.tos & TOS_MASK | INTERNETCONTROL,
        identification: ctx.rng.bits16(),
        dont_fragment: false,
        ttl_hops: ns.sysctl.default_ttl_hops,
        protocol: Protocol::Icmp,
        src: route.src,
        dst: header.src,
    }
    .emit(&mut frame, icmp::LEN + icmp::quoted_len(header.total_len));
    icmp::emit_error(&mut frame, error, &packet[..header.total_len]);
    let mut error_skb = Skb::new(id, frame);
    error_skb.dst = Some(route.dst);
    error_skb.ct = Ct::attached_to(skb.ct);
    ip::local_out(ctx, ns, devices, error_skb);
}

/// The route of a message the stack sends by itself; without one there is no message.
fn route_for<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    ns_id: NsId,
    packet: PacketId,
    dst: Ipv4Addr,
    src: Option<Ipv4Addr>,
) -> Option<OutputRoute> {
    let purpose = LookupFor::Output;
    match ip::route_output(ns, dst, src, false) {
        Ok(route) => {
            let answer = RouteAnswer::Route(route.route);
            ctx.event(packet, Event::RouteLookup { ns: ns_id, dst, purpose, answer });
            Some(route)
        }
        Err(error) => {
            ctx.event(packet, Event::SendFailed { ns: ns_id, dst, error });
            None
        }
    }
}
