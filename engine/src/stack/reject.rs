//! What REJECT answers. Read `net/ipv4/netfilter/nf_reject_ipv4.c` first.

use super::hooks::Surroundings;
use super::{Netns, icmp, ip};
use crate::base::Hook;
use crate::link::Devices;
use crate::netfilter::{Around, Reject};
use crate::skb::{Ct, DstKind, Skb};
use crate::trace::{Birth, Ctx, Next, Tracer};
use crate::wire::checksum;
use crate::wire::eth;
use crate::wire::icmp::Error;
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::tcp::{self, Flags, Segment};

/// Tells the sender of a refused packet.
pub(super) fn send<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (with, hook): (Reject, Hook),
    skb: &Skb,
) {
    let error = match with {
        Reject::NetUnreachable => Error::NetUnreachable,
        Reject::HostUnreachable => Error::HostUnreachable,
        Reject::ProtocolUnreachable => Error::ProtocolUnreachable,
        Reject::PortUnreachable => Error::PortUnreachable,
        Reject::NetProhibited => Error::NetProhibited,
        Reject::HostProhibited => Error::HostProhibited,
        Reject::AdminProhibited => Error::AdminProhibited,
        Reject::TcpReset => return send_reset(ctx, ns, devices, skb),
    };
    // Whoever sends a reply or an error holds the lock that the next error would need (`icmp_xmit_lock`).
    let is_locked = hook == Hook::LocalOut && skb.socket.is_none() && is_icmp(skb);
    if !is_locked {
        unreachable(ctx, ns, devices, error, skb);
    }
}

fn is_icmp(skb: &Skb) -> bool {
    Header::parse(skb.payload()).is_ok_and(|it| it.protocol == Protocol::Icmp)
}

/// `nf_send_unreach`: an ICMP error, unless the packet is damaged or a later piece of one.
fn unreachable<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    error: Error,
    skb: &Skb,
) {
    let Ok(header) = Header::parse(skb.payload()) else { return };
    let behind = skb.payload().get(header.header_len..header.total_len).unwrap_or_default();
    let sum = |protocol| checksum::with_pseudo_header(header.src, header.dst, protocol, behind);
    let intact = match header.protocol {
        Protocol::Tcp => sum(6) == 0,
        Protocol::Udp => behind.get(6..8) == Some(&[0, 0]) || sum(17) == 0,
        Protocol::Icmp => checksum::of(behind) == 0,
        Protocol::Unknown(_) => true,
    };
    if intact {
        icmp::send_error(ctx, ns, devices, error, skb);
    }
}

/// `nf_send_reset`: a TCP reset as if the destination had sent it; none for a damaged segment or another reset.
fn send_reset<T: Tracer>(ctx: &mut Ctx<'_, T>, ns: &mut Netns, devices: &Devices, skb: &Skb) {
    let packet = skb.payload();
    let Ok(header) = Header::parse(packet) else { return };
    let bytes = packet.get(header.header_len..header.total_len).unwrap_or_default();
    let Ok(segment) = Segment::parse(bytes, header.src, header.dst) else { return };
    let to_all = matches!(skb.dst.map(|dst| dst.to), Some(DstKind::Broadcast));
    let is_tcp = header.protocol == Protocol::Tcp && header.fragment_offset == 0;
    if !is_tcp || segment.header.flags.has(Flags::RST) || to_all {
        return;
    }
    let id = ctx.born(Some(skb.id), Birth::Reset);
    let mut frame = ip::new_frame(ctx);
    ipv4::Emit {
        tos: 0,
        identification: 0,
        dont_fragment: true,
        ttl_hops: ns.sysctl.default_ttl_hops,
        protocol: Protocol::Tcp,
        src: header.dst,
        dst: header.src,
    }
    .emit(&mut frame, tcp::LEN);
    let (src, dst) = ((header.dst, segment.dst_port), (header.src, segment.src_port));
    tcp::emit(&mut frame, src, dst, &segment.reset(), &[]);
    let mut answer = Skb::new(id, frame);
    answer.dst = Surroundings { ns, devices, now: ctx.now }.reroute(&answer);
    answer.ct = Ct::attached_to(skb.ct);
    if let Some(netfilter) = &mut ns.netfilter {
        netfilter.conntrack.set_closing(skb.ct, ctx.now);
    }
    match skb.bridge {
        Some(bridge) => {
            let (src, dst) = (eth::dst(&skb.frame), eth::src(&skb.frame));
            eth::set_addresses(&mut answer.frame, dst, src);
            ctx.out.push(Next::Transmit(bridge.phys_in, answer));
        }
        None if answer.dst.is_some() => ip::local_out(ctx, ns, devices, answer),
        None => ctx.consume(answer),
    }
}
