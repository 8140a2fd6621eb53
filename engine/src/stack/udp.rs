//! UDP and echo sockets: sending and receiving. Read net/ipv4/udp.c and ping.c first.

use std::net::Ipv4Addr;

use super::fib::Flow;
use super::frag;
use super::ip::{self, Delivered};
use super::route::{Output, Routing};
use super::{Netns, PmtuDiscovery, icmp as stack_icmp, socket::Bound, socket::Program, vxlan};
use crate::base::{DevId, PacketId, SocketId};
use crate::link::Devices;
use crate::skb::{Ct, DstKind, Skb};
use crate::trace::{
    Birth, Ctx, DropReason, Event, Heard, LookupFor, Next, SendError, Told, Tracer,
};
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::{Malformed, icmp, icmp::Error, udp};

/// A datagram arrived (`__udp4_lib_rcv`).
#[inline]
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    header: &Header,
    how: Delivered,
    mut skb: Skb,
) {
    let datagram =
        match udp::Datagram::parse(&skb.payload()[header.header_len..], header.src, header.dst) {
            Ok(datagram) => datagram,
            Err(Malformed::Checksum) => return ctx.drop(dev, skb, DropReason::UdpCsum),
            Err(Malformed::Truncated { .. } | Malformed::Field(_)) => {
                return ctx.drop(dev, skb, DropReason::PktTooSmall);
            }
        };
    let bound = Bound::Udp { port: datagram.dst_port };
    let Some(socket) = ns.sockets.find(bound, header.dst) else {
        skb.ct = Ct::None; // nf_reset_ct: what follows has to find the connection by itself
        if how == Delivered::Unicast {
            stack_icmp::send_error(ctx, ns, devices, Error::PortUnreachable, &skb);
        }
        return ctx.drop(dev, skb, DropReason::NoSocket);
    };
    match ns.sockets.get(socket).program {
        Program::Tunnel(_) => {
            return vxlan::receive(ctx, ns, devices, (dev, socket), header, skb);
        }
        Program::Reads | Program::Answers(_) | Program::Connects | Program::Runs { .. } => {}
    }
    stack_icmp::hear(ctx, ns, devices, dev, socket, Heard::Data, &skb);
    if let Program::Runs { .. } = ns.sockets.get(socket).program {
        let told = Told::Datagram {
            from: (header.src, datagram.src_port),
            payload: datagram.payload.to_vec(),
        };
        let (ns, packet) = (devices[dev].ns, Some(skb.id));
        ctx.out.push(Next::Tell { ns, socket, told, packet });
    }
    if let Program::Answers(_) = ns.sockets.get(socket).program {
        ctx.out.push(Next::Answer {
            ns: devices[dev].ns,
            socket,
            to: (header.src, datagram.src_port),
            parent: skb.id,
        });
    }
    ctx.consume(skb);
}

/// `IP_MULTICAST_TTL` of a new socket: what is for a group stays on the link.
const MULTICAST_TTL: u8 = 1;

/// Where a payload goes.
#[derive(Clone, Copy, Debug)]
pub enum To {
    Udp { dst: Ipv4Addr, port: u16 },
    Echo { dst: Ipv4Addr, seq: u16, ttl_hops: Option<u8> },
}

impl To {
    const fn dst(self) -> Ipv4Addr {
        match self {
            Self::Udp { dst, .. } | Self::Echo { dst, .. } => dst,
        }
    }
}

/// A program sends (`udp_sendmsg`, `ping_v4_sendmsg`). `src` is None where the route chooses it, as for an unbound
/// socket.
#[inline]
pub fn send<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
    (to, src): (To, Option<Ipv4Addr>),
    payload: &[u8],
    parent: Option<PacketId>,
) -> Result<(), SendError> {
    let ns_id = devices[ns.lo].ns;
    // 0.0.0.0 is this host itself.
    let dst = match (to.dst(), src.or(ns.sockets.get(socket).addr)) {
        (Ipv4Addr::UNSPECIFIED, own) => own.unwrap_or(Ipv4Addr::LOCALHOST),
        (dst, _) => dst,
    };
    let birth = if parent.is_some() { Birth::Answer } else { Birth::Sent };
    let id = ctx.born(parent, birth);
    let bound = ns.sockets.get(socket).bound;
    let dst_port = if let To::Udp { port, .. } = to { port } else { 0 };
    ctx.event(id, Event::SocketSend { ns: ns_id, socket, dst, dst_port });

    let src = src.or(ns.sockets.get(socket).addr);
    let (protocol, sport, ports) = match (to, bound) {
        (To::Udp { port: dport, .. }, Bound::Udp { port }) => (Protocol::Udp, port, dport),
        // A raw socket's flow has type and code where the port would be.
        (To::Echo { .. }, _) | (To::Udp { .. }, Bound::Ping { .. } | Bound::Tcp { .. }) => {
            (Protocol::Icmp, 0, 8 << 8)
        }
    };
    let flow = Flow {
        protocol: protocol.to_u8(),
        sport,
        dport: ports,
        ..Flow::to(dst, ns.lo).from(src.unwrap_or(Ipv4Addr::UNSPECIFIED))
    };
    let may_broadcast = ns.sockets.get(socket).broadcast;
    let route = route(ctx, ns, devices, id, (&flow, may_broadcast))?;
    let len = payload.len() + udp::LEN; // an echo header has as many bytes
    if ipv4::LEN + len > usize::from(u16::MAX) {
        let error = SendError::MessageSize;
        ctx.event(id, Event::SendFailed { ns: ns_id, dst, error });
        return Err(error);
    }
    // A program looks for the path's MTU, yet lets its host fragment what does not fit (IP_PMTUDISC_WANT).
    let routing = Routing { ns, devices, now: ctx.now };
    let wants = ns.sysctl.pmtu.discovery == PmtuDiscovery::On;
    let mtu_bytes = routing.mtu(&route.dst, dst, false);
    let dont_fragment =
        wants && ipv4::LEN + len <= mtu_bytes as usize && !routing.mtu_is_locked(&route.dst, dst);
    let mut header = ipv4::Emit {
        tos: 0,
        identification: if dont_fragment { 0 } else { ctx.rng.bits16() },
        dont_fragment,
        ttl_hops: if dst.is_multicast() { MULTICAST_TTL } else { ns.sysctl.default_ttl_hops },
        protocol: Protocol::Udp,
        src: route.src,
        dst,
    };
    let mut frame = ip::new_frame(ctx);
    match (to, bound) {
        (To::Udp { port: dst_port, .. }, Bound::Udp { port }) => {
            header.emit(&mut frame, len);
            udp::emit(&mut frame, (route.src, port), (dst, dst_port), payload);
        }
        (To::Echo { seq, ttl_hops, .. }, Bound::Ping { id }) => {
            header.protocol = Protocol::Icmp;
            header.ttl_hops = ttl_hops.unwrap_or(header.ttl_hops);
            header.emit(&mut frame, len);
            icmp::emit_echo(&mut frame, icmp::Echo::Request, (id, seq), payload);
        }
        (To::Udp { .. }, Bound::Ping { .. } | Bound::Tcp { .. })
        | (To::Echo { .. }, Bound::Udp { .. } | Bound::Tcp { .. }) => {
            unreachable!("World sends datagrams on UDP sockets and echoes on ping sockets")
        }
    }
    let mut skb = Skb::new(id, frame);
    skb.dst = Some(route.dst);
    skb.socket = Some(socket);
    skb.ignore_df = true;
    frag::lay_out(&mut skb, mtu_bytes);
    ip::local_out(ctx, ns, devices, skb);
    Ok(())
}

fn route<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    devices: &Devices,
    packet: PacketId,
    (flow, may_broadcast): (&Flow, bool),
) -> Result<Output, SendError> {
    let (ns_id, dst) = (devices[ns.lo].ns, flow.daddr);
    let failed = match (Routing { ns, devices, now: ctx.now }).output(flow, None) {
        Ok(route) => {
            route.because.tell(ctx, packet, ns_id, (dst, LookupFor::Output));
            if let (true, Some(id)) = (flow.saddr.is_unspecified(), route.dst.route) {
                ctx.event(packet, Event::SourceChosen { ns: ns_id, src: route.src, route: id });
            }
            if may_broadcast || route.dst.to != DstKind::Broadcast {
                return Ok(route);
            }
            SendError::Access
        }
        Err((error, because)) => {
            because.tell_failure(ctx, packet, ns_id, (dst, LookupFor::Output));
            error
        }
    };
    ctx.event(packet, Event::SendFailed { ns: ns_id, dst, error: failed });
    Err(failed)
}
