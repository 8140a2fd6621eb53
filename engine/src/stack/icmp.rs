//! ICMP: answering requests, reporting errors and hearing them. Read net/ipv4/icmp.c first.
//!
//! Not modelled: extended echo requests (RFC 8335), extensions of errors (RFC 4884).

use std::net::Ipv4Addr;

use super::fib::{Exception, Flow, Unroutable};
use super::frag;
use super::ip::{self, Delivered};
use super::neigh::{self, Neighbour};
use super::options;
use super::route::{About, Output, Refusal, Routing};
use super::{Netns, PmtuDiscovery, pmtu, socket::Bound, socket::Program, tcp, vxlan};
use crate::base::{DevId, Nanos, PacketId, SocketId};
use crate::link::{Devices, Scope};
use crate::skb::{Ct, DstKind, Mark, PacketType, Skb};
use crate::trace::{Birth, Ctx, DropReason, Event, Heard, Heed, LookupFor, Next, Told, Tracer};
use crate::wire::icmp::{self, Error, Message, Quote};
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::{Malformed, checksum, udp};

/// `net.ipv4.route.gc_timeout`: how long a redirect is followed.
const GC_TIMEOUT: Nanos = Nanos::from_secs(300);

/// Precedence bits of an error's TOS, `IPTOS_PREC_INTERNETCONTROL`.
const INTERNETCONTROL: u8 = 0xc0;
/// `INADDR_DUMMY`: the source of errors of a host that has no address (RFC 7600).
const DUMMY: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// `RT_TOS`: the bits of a TOS that an error takes over.
const TOS_MASK: u8 = 0x1e;

/// How many more ICMP errors the host may send to all together (`icmp_global_allow`).
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalRate {
    /// Below zero where more was used than was there.
    credit: i64,
    /// When credit was last given; None: long ago.
    given: Option<Nanos>,
}

impl GlobalRate {
    /// Whether one more may go. `per_sec` and `burst` are `icmp_msgs_per_sec` and `icmp_msgs_burst`.
    fn allows(&mut self, per_sec: u32, burst: u32, now: Nanos) -> bool {
        const SECOND: Nanos = Nanos::from_secs(1);
        if self.credit > 0 {
            return true;
        }
        let since = self.given.map_or(SECOND, |given| now.since(given).min(SECOND));
        let more = u64::from(per_sec) * since.0 / SECOND.0;
        if since < Nanos::from_millis(20) || more == 0 {
            return false;
        }
        self.given = Some(now);
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(more).min(i64::from(burst));
        true
    }
}

/// `icmpv4_global_allow`: whether the host may send one more message of a type. True in the answer: it counts against the
/// limit of its receiver as well.
fn allowed_by_all(ns: &mut Netns, (kind, code): (u8, u8), now: Nanos) -> Option<bool> {
    const FRAGMENTATION_NEEDED: (u8, u8) = (3, 4);
    let limits = ns.sysctl.icmp;
    let limited = kind <= MAX_TYPE && limits.ratemask & 1 << kind != 0;
    if !limited || (kind, code) == FRAGMENTATION_NEEDED {
        return Some(false);
    }
    ns.icmp_rate.allows(limits.msgs_per_sec, limits.msgs_burst, now).then_some(true)
}

/// `icmpv4_xrlim_allow`: whether one host may be told once more.
fn allowed_for_one<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    counts: bool,
    (to, out): (Ipv4Addr, DevId),
) -> bool {
    if !counts {
        return true;
    }
    let interval = ns.sysctl.icmp.ratelimit;
    let allowed =
        interval == Nanos::ZERO || out == ns.lo || ns.peers.allows_error(to, interval, ctx.now);
    if allowed {
        // None, one or two, so that nobody can count how many others were told (icmp_global_consume).
        ns.icmp_rate.credit -= i64::from(ctx.rng.below(3));
    }
    allowed
}

/// `NR_ICMP_TYPES`: larger ones are no one's.
const MAX_TYPE: u8 = 18;

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
        Message::EchoRequest { .. } | Message::Timestamp { .. }
            if how == Delivered::Broadcast && ns.sysctl.icmp_echo_ignore_broadcasts =>
        {
            ctx.drop(dev, skb, DropReason::InvalidProto);
        }
        Message::EchoReply { .. } | Message::Error { .. } | Message::Other { .. }
            if how == Delivered::Broadcast =>
        {
            ctx.drop(dev, skb, DropReason::InvalidProto);
        }
        Message::EchoRequest { .. } if ns.sysctl.icmp_echo_ignore_all => {
            ctx.drop(dev, skb, DropReason::InvalidProto);
        }
        Message::EchoRequest { code, id, seq, payload } => {
            reply(ctx, ns, devices, dev, header, Answer::Echo { code, id, seq, payload }, &skb);
            ctx.consume(skb);
        }
        Message::Timestamp { id, seq, originate } => {
            let answer = Answer::Timestamp { id, seq, originate };
            reply(ctx, ns, devices, dev, header, answer, &skb);
            ctx.consume(skb);
        }
        Message::EchoReply { id, .. } => match ns.sockets.find(Bound::Ping { id }, header.dst) {
            Some(socket) => {
                hear(ctx, ns, devices, dev, socket, Heard::Data, &skb);
                ctx.consume(skb);
            }
            None => ctx.drop(dev, skb, DropReason::NoSocket),
        },
        Message::Error { error: Error::Redirect { gateway }, quote } => {
            let quoted = &skb.payload()[header.header_len + icmp::LEN..];
            let is_heard = match quote.protocol {
                Protocol::Tcp => tcp::heeds_redirect(ns, &quote),
                Protocol::Icmp | Protocol::Udp | Protocol::Unknown(_) => {
                    sender_of(ns, &quote).is_some()
                }
            };
            if is_heard || is_kernels(ns, devices, &quote, quoted) {
                take_redirect(ctx, ns, devices, dev, (header.src, gateway), &quote, &skb);
                ctx.consume(skb);
            } else {
                ctx.drop(dev, skb, DropReason::NoSocket);
            }
        }
        Message::Error { error, quote } if quote.protocol == Protocol::Tcp => {
            if tcp::hear_error(ctx, ns, devices, (error, &quote), &skb) {
                ctx.consume(skb);
            } else {
                ctx.drop(dev, skb, DropReason::NoSocket);
            }
        }
        Message::Error { error: error @ Error::FragmentationNeeded { mtu_bytes }, quote } => {
            let error = (error, mtu_bytes);
            take_path_mtu(ctx, ns, devices, dev, header.header_len, (error, &quote), skb);
        }
        Message::Error { error, quote } => match sender_of(ns, &quote) {
            Some(socket) => {
                hear(ctx, ns, devices, dev, socket, Heard::Error(error), &skb);
                ctx.consume(skb);
            }
            None => ctx.drop(dev, skb, DropReason::NoSocket),
        },
        Message::Other { .. } => ctx.drop(dev, skb, DropReason::UnhandledProto),
    }
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
    let own = ns.sockets.get_mut(socket);
    own.heard += 1;
    let ns = devices[dev].ns;
    ctx.event(skb.id, Event::SocketReceive { ns, socket, heard });
    if let (Program::Runs { .. }, Heard::Error(error)) = (&own.program, heard) {
        let packet = Some(skb.id);
        ctx.out.push(Next::Tell { ns, socket, told: Told::Error(error), packet });
    }
}

/// A gateway tells of a shorter way (`__ip_do_redirect`): believed only if it is the gateway in use, and the new one is a
/// neighbour that could be it. While nobody knows that neighbour's hardware address it is asked for, and the way stays as
/// it was.
fn take_redirect<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    (old, gateway): (Ipv4Addr, Ipv4Addr),
    quote: &Quote,
    skb: &Skb,
) {
    let flow =
        Flow { protocol: quote.protocol.to_u8(), ..Flow::to(quote.dst, ns.lo).from(quote.src) };
    let way = (Routing { ns, devices, now: ctx.now }).redirect(&flow, dev, (old, gateway));
    let known =
        way.map(|(_, out)| (ns.neigh.get(out, gateway).is_some_and(Neighbour::is_valid), out));
    let heed = match known {
        None => Heed::Refused,
        Some((false, _)) => Heed::AsksFirst,
        Some((true, _)) => Heed::Followed,
    };
    let (ns_id, dst) = (devices[ns.lo].ns, quote.dst);
    ctx.event(skb.id, Event::RedirectHeard { ns: ns_id, dst, gateway, heed });
    match (known, way) {
        (Some((false, out)), _) => neigh::ask(ctx, ns, devices, (out, gateway), skb),
        (Some((true, _)), Some((at, _))) => {
            let expires = ctx.now + GC_TIMEOUT;
            let news = Exception { gateway: Some(gateway), expires, ..Exception::default() };
            ns.fib.learn(at, quote.dst, ctx.now, news);
        }
        (_, _) => {}
    }
}

/// A router says that a packet was too long (`icmp_unreach`, then the error handler of the quoted protocol): the host
/// remembers the smaller MTU if it could have sent that packet.
fn take_path_mtu<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header_len: usize,
    ((error, mtu_bytes), quote): ((Error, u16), &Quote),
    skb: Skb,
) {
    let mtu_bytes = match (ns.sysctl.pmtu.discovery, quote.protocol) {
        (PmtuDiscovery::On, _) | (PmtuDiscovery::Hardened, Protocol::Tcp) => u32::from(mtu_bytes),
        (PmtuDiscovery::Off, _) => 0,
        (PmtuDiscovery::Deaf | PmtuDiscovery::Hardened, _) => {
            return ctx.drop(dev, skb, DropReason::UnhandledProto);
        }
    };
    let socket = sender_of(ns, quote);
    let quoted = &skb.payload()[header_len + icmp::LEN..];
    if socket.is_none() && !is_kernels(ns, devices, quote, quoted) {
        return ctx.drop(dev, skb, DropReason::NoSocket);
    }
    let flow = Flow {
        mark: if ns.sysctl.fwmark_reflect { skb.mark } else { Mark(0) },
        tos: quoted[1],
        protocol: quote.protocol.to_u8(),
        ..Flow::to(quote.dst, ns.lo).from(quote.src)
    };
    let route = (Routing { ns, devices, now: ctx.now }).output(&flow, None);
    if let Ok(route) = route {
        pmtu::learn(ctx, ns, devices, skb.id, (&route.dst, &flow), mtu_bytes);
    }
    if let Some(socket) = socket {
        hear(ctx, ns, devices, dev, socket, Heard::Error(error), &skb);
    }
    ctx.consume(skb);
}

/// The socket whose packet an error quotes (`icmp_socket_deliver`).
fn sender_of(ns: &Netns, quote: &Quote) -> Option<SocketId> {
    let bound = match quote.protocol {
        Protocol::Udp => Bound::Udp { port: udp::ports(&quote.start).ok()?.0 },
        Protocol::Icmp if quote.start[0] == 8 => {
            Bound::Ping { id: u16::from_be_bytes([quote.start[4], quote.start[5]]) }
        }
        Protocol::Tcp => return tcp::sender_of(ns, quote),
        Protocol::Icmp | Protocol::Unknown(_) => return None,
    };
    ns.sockets.find(bound, quote.src)
}

/// Whether the quoted packet is of a kind that the kernel itself sends: replies to pings (`icmp_err`), and tunnels' datagrams.
fn is_kernels(ns: &Netns, devices: &Devices, quote: &Quote, quoted: &[u8]) -> bool {
    match quote.protocol {
        Protocol::Icmp => quote.start[0] == 0,
        Protocol::Udp => vxlan::sent(ns, devices, quoted),
        Protocol::Tcp | Protocol::Unknown(_) => false,
    }
}

/// What the stack itself answers.
#[derive(Clone, Copy)]
enum Answer<'a> {
    /// The same payload back.
    Echo { code: u8, id: u16, seq: u16, payload: &'a [u8] },
    /// The time of day.
    Timestamp { id: u16, seq: u16, originate: [u8; 4] },
}

/// `icmp_echo`, `icmp_timestamp`, `icmp_reply`: from the address that was asked.
fn reply<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    answer: Answer<'_>,
    skb: &Skb,
) {
    let (kind, code, len) = match answer {
        Answer::Echo { code, payload, .. } => (0, code, icmp::LEN + payload.len()),
        Answer::Timestamp { .. } => (14, 0, icmp::TIMESTAMP_LEN),
    };
    let reply = ctx.born(Some(skb.id), Birth::EchoReply);
    let ns_id = devices[dev].ns;
    let Some(counts) = allowed_by_all(ns, (kind, code), ctx.now) else {
        return ctx.event(reply, Event::RateLimited { ns: ns_id, dst: header.src });
    };
    let mark = if ns.sysctl.fwmark_reflect { skb.mark } else { Mark(0) };
    let src = Routing { ns, devices, now: ctx.now }.spec_dst(
        dev,
        header,
        skb.dst.map(|dst| dst.to),
        skb.mark,
    );
    let flow = Flow {
        mark,
        tos: header.tos,
        protocol: Protocol::Icmp.to_u8(),
        ..Flow::to(header.src, ns.lo).from(src)
    };
    let Some(route) = route_for(ctx, ns, devices, reply, &flow, None) else { return };
    if !allowed_for_one(ctx, ns, counts, (header.src, route.dst.dev)) {
        return ctx.event(reply, Event::RateLimited { ns: ns_id, dst: header.src });
    }
    let Some(options) = options::echo(skb, route.src, ctx.now) else { return };
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
    .emit_with_options(&mut frame, &options, len);
    match answer {
        Answer::Echo { code, id, seq, payload } => {
            icmp::emit_echo(&mut frame, icmp::Echo::Reply { code }, (id, seq), payload);
        }
        Answer::Timestamp { id, seq, originate } => {
            let time = options::time_of_day(ctx.now);
            icmp::emit_timestamp_reply(&mut frame, (id, seq), originate, time);
        }
    }
    let mut skb = Skb::new(reply, frame);
    skb.by_kernel = true;
    skb.dst = Some(route.dst);
    skb.mark = mark;
    let routing = Routing { ns, devices, now: ctx.now };
    frag::lay_out(&mut skb, routing.mtu(&route.dst, header.src, false));
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
    let to = skb.dst.map(|dst| dst.to);
    if skb.pkt_type != PacketType::Host
        || header.fragment_offset != 0
        || to == Some(DstKind::Broadcast)
        || header.dst.is_multicast()
        || quotes_an_error
    {
        return ctx.event(skb.id, Event::NoErrorForThis { ns: ns_id, error });
    }
    let limited = Event::RateLimited { ns: ns_id, dst: header.src };
    let by_lo = skb.iif == Some(ns.lo);
    let counts = if by_lo {
        false
    } else {
        match allowed_by_all(ns, error.type_and_code(), ctx.now) {
            Some(counts) => counts,
            None => return ctx.event(skb.id, limited),
        }
    };
    let id = ctx.born(Some(skb.id), Birth::IcmpError(error));
    let routing = Routing { ns, devices, now: ctx.now };
    let src = match (to, skb.iif) {
        (Some(DstKind::Local), _) => header.dst,
        (_, Some(dev)) if ns.sysctl.icmp.errors_use_inbound_ifaddr => {
            routing.select_addr(dev, header.src, Scope::Link).unwrap_or(Ipv4Addr::UNSPECIFIED)
        }
        (_, _) => Ipv4Addr::UNSPECIFIED,
    };
    let tos = header.tos & TOS_MASK | INTERNETCONTROL;
    let (kind, code) = error.type_and_code();
    let mark = if ns.sysctl.fwmark_reflect { skb.mark } else { Mark(0) };
    let flow = Flow {
        mark,
        tos,
        protocol: Protocol::Icmp.to_u8(),
        dport: u16::from_be_bytes([kind, code]),
        ..Flow::to(header.src, ns.lo).from(src)
    };
    let about = Some((&header, packet));
    let Some(route) = route_for(ctx, ns, devices, id, &flow, about) else { return };
    if !allowed_for_one(ctx, ns, counts, (header.src, route.dst.dev)) {
        return ctx.event(id, limited);
    }
    let src = if route.src.is_unspecified() { DUMMY } else { route.src };
    let Some(options) = options::echo(skb, src, ctx.now) else { return };
    let mtu_bytes = (Routing { ns, devices, now: ctx.now }).mtu(&route.dst, header.src, false);
    let Some(room) = icmp::room_for_quote(mtu_bytes as usize, options.len()) else { return };
    let mut quote = packet[..header.total_len.min(room)].to_vec();
    if let Some(options) = skb.options.filter(|it| it.changed) {
        quote[10..12].copy_from_slice(&options.checksum_was.to_be_bytes());
    }
    let own = skb.iif.is_none() && skb.bridge.is_none();
    if own && header.protocol == Protocol::Tcp && route.dst.dev != ns.lo {
        undo_checksum(&header, &mut quote);
    }
    let mut frame = ip::new_frame(ctx);
    ipv4::Emit {
        tos,
        identification: ctx.rng.bits16(),
        dont_fragment: false,
        ttl_hops: ns.sysctl.default_ttl_hops,
        protocol: Protocol::Icmp,
        src,
        dst: header.src,
    }
    .emit_with_options(&mut frame, &options, icmp::LEN + quote.len());
    icmp::emit_error(&mut frame, error, &quote);
    let mut error_skb = Skb::new(id, frame);
    error_skb.by_kernel = true;
    error_skb.dst = Some(route.dst);
    error_skb.mark = mark;
    error_skb.ct = Ct::attached_to(skb.ct);
    ip::local_out(ctx, ns, devices, error_skb);
}

/// The kernel leaves the checksum of its own segments to the device (`CHECKSUM_PARTIAL`): until then it covers the
/// pseudo-header only, and an error that this host itself sends about one quotes that.
fn undo_checksum(header: &Header, quote: &mut [u8]) {
    const CHECKSUM_AT: usize = 16;
    let at = header.header_len + CHECKSUM_AT;
    let nothing = vec![0; header.total_len - header.header_len];
    let protocol = Protocol::Tcp.to_u8();
    let undone = !checksum::with_pseudo_header(header.src, header.dst, protocol, &nothing);
    if let Some(place) = quote.get_mut(at..at + 2) {
        place.copy_from_slice(&undone.to_be_bytes());
    }
}

/// A packet that arrived cannot be routed (`ip_error`).
pub(super) fn unroutable<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    unroutable: Unroutable,
    skb: Skb,
) {
    let forwards = Routing { ns, devices, now: ctx.now }.forwards(dev);
    let error = match unroutable {
        _ if !forwards => None,
        Unroutable::Net => Some(Error::NetUnreachable),
        Unroutable::Host => Some(Error::HostUnreachable),
        Unroutable::Access => Some(Error::AdminProhibited),
        Unroutable::Invalid => None,
    };
    if let (Some(error), Ok(header)) = (error, Header::parse(skb.payload())) {
        if ns.peers.allows_route_error(header.src, ctx.now) {
            send_error(ctx, ns, devices, error, &skb);
        } else {
            let ns = devices[dev].ns;
            ctx.event(skb.id, Event::RateLimited { ns, dst: header.src });
        }
    }
    ctx.drop(dev, skb, Refusal::Unroutable(unroutable).reason(forwards));
}

/// The route of a message the stack sends by itself; without one there is no message.
fn route_for<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    packet: PacketId,
    flow: &Flow,
    about: About<'_>,
) -> Option<Output> {
    let (ns_id, dst) = (devices[ns.lo].ns, flow.daddr);
    match (Routing { ns, devices, now: ctx.now }).output(flow, about) {
        Ok(route) => {
            route.because.tell(ctx, packet, ns_id, (dst, LookupFor::Output));
            Some(route)
        }
        Err((error, because)) => {
            because.tell_failure(ctx, packet, ns_id, (dst, LookupFor::Output));
            ctx.event(packet, Event::SendFailed { ns: ns_id, dst, error });
            None
        }
    }
}
