//! The datagrams of VXLAN devices: wrapping a frame and sending it through a namespace's own IPv4, and taking one out of
//! what came to the tunnel's socket. Read `vxlan_xmit_one` and `vxlan_rcv` in `drivers/net/vxlan/vxlan_core.c` and
//! `net/ipv4/ip_tunnel_core.c` first.

use std::net::Ipv4Addr;

use super::fib::Flow;
use super::route::Routing;
use super::socket::{Bound, Program};
use super::{Netns, frag, ip, pmtu};
use crate::base::{Arena, DevId, NsId, SocketId};
use crate::link::vxlan::{OuterDf, OuterTos, OuterTtl, Vxlan, encapsulate_congestion};
use crate::link::{self, DeviceKind, Devices};
use crate::skb::{DstKind, Skb};
use crate::trace::{Ctx, DropReason, Event, LookupFor, Next, Remote, Tracer};
use crate::wire::eth::{self, EtherType};
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::vxlan::Vni;
use crate::wire::{icmp, udp, vxlan};

/// Wraps a frame that a VXLAN device has for a remote, and sends the datagram (`vxlan_xmit_one`).
pub fn encapsulate<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    netns: &mut Arena<NsId, Netns>,
    devices: &mut Devices,
    (dev, remote): (DevId, Remote),
    mut skb: Skb,
) {
    let DeviceKind::Vxlan(own) = &devices[dev].kind else { return };
    let Some(inner) = Inner::of(&skb) else {
        return ctx.drop(dev, skb, DropReason::PktTooSmall);
    };
    if remote.ip.is_unspecified() {
        return ctx.drop(dev, skb, DropReason::TunnelNowhere);
    }
    if skb.frame.len() > usize::from(u16::MAX) - ipv4::LEN - udp::LEN - vxlan::LEN {
        return ctx.drop(dev, skb, DropReason::PktTooBig);
    }
    let net = own.net;
    let ns = &mut netns[net];
    let tos = match own.tos {
        OuterTos::Fixed(tos) => tos,
        OuterTos::Inherit => inner.tos,
    };
    // The way to the remote (`udp_tunnel_dst_lookup`). A device that the entry names is taken even where the tables do not
    // lead to it: then the remote is taken to be on its link.
    let flow = Flow {
        oif: remote.via,
        mark: skb.mark,
        tos,
        protocol: Protocol::Udp.to_u8(),
        sport: source_port(own, &skb.frame),
        dport: remote.port,
        ..Flow::to(remote.ip, ns.lo).from(own.local.unwrap_or(Ipv4Addr::UNSPECIFIED))
    };
    let to = (remote.ip, LookupFor::Output);
    let (dst, src) = match (Routing { ns, devices, now: ctx.now }).output(&flow, None) {
        Ok(way) => {
            way.because.tell(ctx, skb.id, net, to);
            (way.dst, way.src)
        }
        Err((_, because)) => {
            because.tell(ctx, skb.id, net, to);
            return ctx.drop(dev, skb, DropReason::IpOutNoRoutes);
        }
    };
    if dst.dev == dev {
        return ctx.drop(dev, skb, DropReason::TunnelNowhere);
    }
    if own.local_bypass && dst.to == DstKind::Local {
        let Some(to) = device_of(ns, devices, remote.port, remote.vni) else {
            return ctx.drop(dev, skb, DropReason::VxlanVniNotFound);
        };
        ctx.event(skb.id, Event::EncapsulateBypass { dev, to });
        return link::vxlan::bypass(ctx, devices, to, true, skb);
    }
    let path_mtu = Routing { ns, devices, now: ctx.now }.mtu(&dst, remote.ip, false);
    let room = path_mtu.saturating_sub(vxlan::HEADROOM);
    if skb.payload().len() > room as usize {
        // The sender of what is bridged hears of it and is not served; others only remember it (skb_tunnel_check_pmtu).
        remember(ctx, netns, devices, dev, room, &skb);
        if devices[dev].port.is_some() && answer_too_big(room, &mut skb) {
            ctx.event(skb.id, Event::EncapsulateTooBig { dev, mtu_bytes: room });
            return link::vxlan::bypass(ctx, devices, dev, false, skb);
        }
    }
    let DeviceKind::Vxlan(own) = &devices[dev].kind else { return };
    let ns = &mut netns[net];
    let header = ipv4::Emit {
        tos: encapsulate_congestion(tos, inner.tos),
        identification: ctx.rng.bits16(),
        dont_fragment: match own.df {
            OuterDf::Unset => false,
            OuterDf::Set => true,
            OuterDf::Inherit => inner.dont_fragment,
        },
        ttl_hops: match own.ttl {
            OuterTtl::Fixed(ttl_hops) => ttl_hops,
            OuterTtl::Inherit if inner.ttl_hops != 0 => inner.ttl_hops,
            OuterTtl::Inherit | OuterTtl::Route => ns.sysctl.default_ttl_hops,
        },
        protocol: Protocol::Udp,
        src,
        dst: remote.ip,
    };
    ctx.event(skb.id, Event::Encapsulate { dev, out: dst.dev, remote });
    skb.scrub(net != devices[dev].ns);
    skb.dst = Some(dst);
    wrap(ctx, own, &header, remote, &mut skb);
    ip::local_out(ctx, ns, devices, skb);
}

/// The inner packet's own route, if it has one, carries less than it thought (`skb_dst_update_pmtu_no_confirm`).
fn remember<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    netns: &mut Arena<NsId, Netns>,
    devices: &Devices,
    dev: DevId,
    room: u32,
    skb: &Skb,
) {
    let (Some(dst), Ok(inner)) = (skb.dst, Header::parse(skb.payload())) else { return };
    let ns = &mut netns[devices[dev].ns];
    let flow = Flow {
        oif: devices[dev].port.is_none().then_some(dev),
        mark: skb.mark,
        tos: inner.tos,
        protocol: inner.protocol.to_u8(),
        ..Flow::to(inner.dst, ns.lo).from(inner.src)
    };
    pmtu::learn(ctx, ns, devices, skb.id, (&dst, &flow), room);
}

/// Makes a bridged packet that is too long for the tunnel the answer to its sender (`iptunnel_pmtud_check_icmp`,
/// `iptunnel_pmtud_build_icmp`); false if it may not be answered so, and is sent in pieces.
fn answer_too_big(room: u32, skb: &mut Skb) -> bool {
    const ONLY_DF: [u8; 2] = [0x40, 0];
    const LEAST: u32 = 576;
    let Ok(header) = Header::parse(skb.payload()) else { return false };
    let (src, dst) = (header.src, header.dst);
    let is_error = header.protocol == Protocol::Icmp
        && skb.payload().get(header.header_len).is_some_and(|&kind| icmp::is_error_type(kind));
    if eth::ether_type(&skb.frame) != EtherType::Ipv4
        || room < LEAST
        || skb.payload()[6..8] != ONLY_DF
        || dst.is_broadcast()
        || dst.is_multicast()
        || src.is_broadcast()
        || src.is_multicast()
        || src.is_loopback()
        || src.is_unspecified()
        || is_error
    {
        return false;
    }
    let quoted = skb.payload().len().min(LEAST as usize - ipv4::LEN - icmp::LEN);
    let mut frame = Vec::with_capacity(eth::LEN + ipv4::LEN + icmp::LEN + quoted);
    eth::emit(&mut frame, eth::src(&skb.frame), eth::dst(&skb.frame), EtherType::Ipv4);
    ipv4::Emit {
        tos: 0,
        identification: 0,
        dont_fragment: true,
        ttl_hops: header.ttl_hops,
        protocol: Protocol::Icmp,
        src: dst,
        dst: src,
    }
    .emit(&mut frame, icmp::LEN + quoted);
    icmp::emit_error(&mut frame, frag::needed(room), &skb.payload()[..quoted]);
    skb.frame = frame;
    true
}

/// Puts a frame into a datagram (`vxlan_build_skb`, `udp_tunnel_xmit_skb`, `iptunnel_xmit`).
fn wrap<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    own: &Vxlan,
    header: &ipv4::Emit,
    remote: Remote,
    skb: &mut Skb,
) {
    let src_port = source_port(own, &skb.frame);
    let mut frame = ip::new_frame(ctx);
    let payload_len = udp::LEN + vxlan::LEN + skb.frame.len();
    header.emit(&mut frame, payload_len);
    let datagram = frame.len();
    udp::emit_header(&mut frame, (src_port, remote.port), payload_len);
    vxlan::emit(&mut frame, remote.vni);
    frame.extend_from_slice(&skb.frame);
    if own.udp_csum {
        udp::fill_checksum(&mut frame[datagram..], header.src, header.dst);
    }
    ctx.bufs.give(std::mem::replace(&mut skb.frame, frame));
}

/// The port depends on the inner flow alone (`udp_flow_src_port`), so that routers keep its packets in order.
fn source_port(own: &Vxlan, frame: &[u8]) -> u16 {
    let (first, end) = own.src_ports;
    let hash = flow_hash(own.hash_seed, frame);
    let span = u64::from(end.saturating_sub(first));
    let offset = (u64::from(hash) * span) >> 32;
    first + u16::try_from(offset).expect("less than the span, which has 16 bits")
}

/// Stands for `skb_get_hash`, whose key the kernel chooses at random: it sees addresses, protocol and, where the packet
/// is no fragment, ports.
fn flow_hash(seed: u32, frame: &[u8]) -> u32 {
    let payload = &frame[eth::LEN..];
    let mut hash = seed;
    let mut mix = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    };
    match eth::ether_type(frame) {
        EtherType::Ipv4 => {
            if let Ok(header) = Header::parse(payload) {
                mix(&payload[12..20]);
                mix(&[header.protocol.to_u8()]);
                let ports = payload.get(header.header_len..header.header_len + 4);
                match (header.protocol, ports) {
                    (Protocol::Tcp | Protocol::Udp, Some(ports)) if !header.is_fragment() => {
                        mix(ports);
                    }
                    _ => {}
                }
            }
        }
        EtherType::Ipv6 => mix(payload.get(8..40).unwrap_or_default()),
        EtherType::Arp | EtherType::Unknown(_) => {}
    }
    hash ^= hash >> 15;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^ hash >> 13
}

/// What the outer header may take over from the packet inside.
struct Inner {
    tos: u8,
    ttl_hops: u8,
    dont_fragment: bool,
}

impl Inner {
    /// None for IPv4 or IPv6 without a whole header (`skb_vlan_inet_prepare`).
    fn of(skb: &Skb) -> Option<Self> {
        const IPV6_LEN: usize = 40;
        let packet = skb.payload();
        match eth::ether_type(&skb.frame) {
            EtherType::Ipv4 => (packet.len() >= ipv4::LEN).then(|| Self {
                tos: packet[1],
                ttl_hops: packet[8],
                dont_fragment: packet[6] & 0x40 != 0,
            }),
            EtherType::Ipv6 => (packet.len() >= IPV6_LEN).then(|| Self {
                tos: packet[0] << 4 | packet[1] >> 4,
                ttl_hops: packet[7],
                dont_fragment: true,
            }),
            EtherType::Arp | EtherType::Unknown(_) => {
                Some(Self { tos: 0, ttl_hops: 0, dont_fragment: false })
            }
        }
    }
}

/// The device with this network identifier behind the socket of a port (`vxlan_find_vni`).
fn device_of(ns: &Netns, devices: &Devices, port: u16, vni: Vni) -> Option<DevId> {
    let bound = Bound::Udp { port };
    let socket = ns.sockets.find(bound, Ipv4Addr::UNSPECIFIED)?;
    let Program::Tunnel(ends) = &ns.sockets.get(socket).program else { return None };
    let is_it = |&dev: &DevId| matches!(&devices[dev].kind, DeviceKind::Vxlan(it) if it.vni == vni);
    ends.iter().copied().find(is_it)
}

/// Whether a quoted datagram is one of this host's own tunnels' (`__udp4_lib_err_encap`, `vxlan_err_lookup`): both ends
/// have the same port.
pub(super) fn sent(ns: &Netns, devices: &Devices, quoted: &[u8]) -> bool {
    let header_len = quoted.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    let Some(datagram) = quoted.get(header_len..) else { return false };
    let (Ok((_, port)), Some(vni)) = (
        udp::ports(datagram),
        datagram.get(udp::LEN..).and_then(vxlan::Header::parse).and_then(|header| header.vni),
    ) else {
        return false;
    };
    device_of(ns, devices, port, vni).is_some()
}

/// A datagram came to the socket of VXLAN devices (`vxlan_rcv`): takes the frame out of it.
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (from, socket): (DevId, SocketId),
    header: &Header,
    mut skb: Skb,
) {
    let datagram = eth::LEN + header.header_len;
    let datagram_len =
        usize::from(u16::from_be_bytes([skb.frame[datagram + 4], skb.frame[datagram + 5]]));
    skb.frame.truncate(datagram + datagram_len); // udp_rcv trims what the UDP length leaves out
    let inner = datagram + udp::LEN + vxlan::LEN;
    let Some(tunnel) = vxlan::Header::parse(&skb.frame[datagram + udp::LEN..]) else {
        return ctx.drop(from, skb, DropReason::PktTooSmall);
    };
    let Some(vni) = tunnel.vni else {
        return ctx.drop(from, skb, DropReason::VxlanInvalidHdr);
    };
    let Bound::Udp { port } = ns.sockets.get(socket).bound else { return };
    let Some(dev) = device_of(ns, devices, port, vni) else {
        return ctx.drop(from, skb, DropReason::VxlanVniNotFound);
    };
    if !tunnel.plain {
        return ctx.drop(dev, skb, DropReason::VxlanInvalidHdr);
    }
    if skb.frame.len() < inner + eth::LEN {
        return ctx.drop(dev, skb, DropReason::PktTooSmall);
    }
    ctx.event(skb.id, Event::Decapsulate { from, dev, vni });
    skb.frame.drain(..inner);
    skb.scrub(devices[dev].ns != devices[from].ns);
    ctx.out.push(Next::Decapsulate { dev, outer: (header.src, header.tos), skb });
}
