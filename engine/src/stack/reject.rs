//! What REJECT answers. Read `net/ipv4/netfilter/nf_reject_ipv4.c` first.

use std::net::Ipv4Addr;

use super::hooks::Surroundings;
use super::{Netns, icmp, ip};
use crate::link::Devices;
use crate::netfilter::{Around, Reject};
use crate::skb::{Ct, DstKind, Skb};
use crate::trace::{Birth, Ctx, Next, Tracer};
use crate::wire::checksum;
use crate::wire::eth;
use crate::wire::icmp::Error;
use crate::wire::ipv4::{self, Header, Protocol};

/// Tells the sender of a refused packet.
pub(super) fn send<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    with: Reject,
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
    unreachable(ctx, ns, devices, error, skb);
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
        Protocol::Tcp => sum(TCP) == 0,
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
    let Some(segment) = packet.get(header.header_len..header.total_len) else { return };
    let flags = segment.get(13).copied().unwrap_or(RST);
    let intact = checksum::with_pseudo_header(header.src, header.dst, TCP, segment) == 0;
    let to_all = matches!(skb.dst.map(|dst| dst.to), Some(DstKind::Broadcast));
    let is_tcp = header.protocol == Protocol::Tcp && header.fragment_offset == 0;
    if !is_tcp || segment.len() < TCP_LEN || flags & RST != 0 || !intact || to_all {
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
    .emit(&mut frame, TCP_LEN);
    let reset = reset_of(segment, flags, (header.dst, header.src));
    frame.extend_from_slice(&reset);
    let mut answer = Skb::new(id, frame);
    answer.dst = Surroundings { ns, devices }.reroute(&answer);
    answer.ct = Ct::attached_to(skb.ct);
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

const TCP: u8 = 6;
const TCP_LEN: usize = 20;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A header alone: it acknowledges what came, or takes its number from what the segment acknowledges.
fn reset_of(segment: &[u8], flags: u8, (src, dst): (Ipv4Addr, Ipv4Addr)) -> [u8; TCP_LEN] {
    let mut reset = [0; TCP_LEN];
    reset[..2].copy_from_slice(&segment[2..4]);
    reset[2..4].copy_from_slice(&segment[..2]);
    reset[12] = 5 << 4;
    if flags & ACK != 0 {
        reset[4..8].copy_from_slice(&segment[8..12]);
        reset[13] = RST;
    } else {
        let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
        let header_len = usize::from(segment[12] >> 4) * 4;
        let numbered = segment.len().saturating_sub(header_len)
            + usize::from(flags & SYN != 0)
            + usize::from(flags & FIN != 0);
        let next = sequence.wrapping_add(u32::try_from(numbered).unwrap_or(u32::MAX));
        reset[8..12].copy_from_slice(&next.to_be_bytes());
        reset[13] = RST | ACK;
    }
    let sum = checksum::with_pseudo_header(src, dst, TCP, &reset);
    reset[16..18].copy_from_slice(&sum.to_be_bytes());
    reset
}
