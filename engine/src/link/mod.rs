//! Network devices: what they do with a frame handed to them or arriving at them. Read net/core/dev.c first.
//!
//! A device never calls the stack: it reports a [`Next`]. Devices of all namespaces live in one arena, since a veth's
//! peer is elsewhere.

pub mod bridge;
mod devconf;
pub mod vxlan;

use std::net::Ipv4Addr;

pub use bridge::{Bridge, PortFlags};
pub use devconf::{Conf, Devconf};
pub use vxlan::Vxlan;

use crate::base::{Arena, DevId, Mac, Nanos, NsId, OriginId};
use crate::skb::{PacketType, Skb};
use crate::trace::{Ctx, Direction, DropReason, Event, Next, Tracer};
use crate::wire::eth;

/// All devices of a world.
pub type Devices = Arena<DevId, Device>;

/// A network device.
#[derive(Clone, Debug)]
pub struct Device {
    pub ns: NsId,
    pub name: Box<str>,
    /// Position in its namespace's device list, from 1 (`ip link`).
    pub ifindex: u32,
    pub mac: Mac,
    pub mtu_bytes: u32,
    pub up: bool,
    /// `net.ipv4.conf.DEV`.
    pub conf: Devconf,
    /// `net.ipv4.neigh.DEV.proxy_delay`: how long at most an answer for somebody else waits.
    pub proxy_delay: Nanos,
    pub kind: DeviceKind,
    /// Set while the device is a port of a bridge.
    pub port: Option<Port>,
    pub origin: Option<OriginId>,
}

impl Device {
    /// `net.ipv4.neigh.default.proxy_delay`.
    pub const PROXY_DELAY: Nanos = Nanos::from_millis(800);

    /// The device that every namespace begins with, up.
    pub fn loopback(ns: NsId) -> Self {
        const MTU_BYTES: u32 = 65_536;
        Self {
            ns,
            name: "lo".into(),
            ifindex: 1,
            mac: Mac::ZERO,
            mtu_bytes: MTU_BYTES,
            up: true,
            conf: Devconf::new_device(),
            proxy_delay: Self::PROXY_DELAY,
            kind: DeviceKind::Loopback,
            port: None,
            origin: None,
        }
    }

    /// Bytes of the longest frame that may be forwarded to it (`is_skb_forwardable`): its MTU, the header and room for
    /// a VLAN tag.
    fn longest_frame(&self) -> usize {
        const VLAN_TAG: usize = 4;
        self.mtu_bytes as usize + eth::LEN + VLAN_TAG
    }
}

/// What a device is, with the data only that kind has.
#[derive(Clone, Debug)]
pub enum DeviceKind {
    Loopback,
    /// One end of a pair; the other may be in any namespace.
    Veth {
        peer: DevId,
    },
    /// A machine's network card; no peer means that the cable leads out of the model.
    Ethernet {
        peer: Option<DevId>,
    },
    /// Boxed like the other rare and large kind: most devices are ends of wires.
    Bridge(Box<Bridge>),
    /// An Ethernet carried in datagrams.
    Vxlan(Box<Vxlan>),
}

impl DeviceKind {
    /// As `ip -d link` names it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Veth { .. } => "veth",
            Self::Ethernet { .. } => "ethernet",
            Self::Bridge(_) => "bridge",
            Self::Vxlan(_) => "vxlan",
        }
    }

    /// The device at the other end of the wire.
    pub const fn peer(&self) -> Option<DevId> {
        match self {
            Self::Veth { peer } | Self::Ethernet { peer: Some(peer) } => Some(*peer),
            Self::Loopback | Self::Ethernet { peer: None } | Self::Bridge(_) | Self::Vxlan(_) => {
                None
            }
        }
    }
}

/// Membership in a bridge.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    pub bridge: DevId,
    pub flags: PortFlags,
}

/// Virtual time that a frame waits in the backlog of a host (`netif_rx`): what goes through `lo` or a veth pair and what a tunnel
/// carried stand in one line, whoever came first. Real times vary; the order of events is what matters.
pub const BACKLOG_TIME: Nanos = Nanos::from_micros(2);
/// Virtual time that a frame needs through an Ethernet cable.
const CABLE_TIME: Nanos = Nanos::from_micros(10);

/// Hands a frame to a device to transmit (`dev_queue_xmit`, then the driver's `ndo_start_xmit`).
#[inline]
pub fn transmit<T: Tracer>(ctx: &mut Ctx<'_, T>, devices: &mut Devices, dev: DevId, skb: Skb) {
    if !devices[dev].up {
        return ctx.drop(dev, skb, DropReason::DevReady);
    }
    ctx.tap(dev, Direction::Out, &skb);
    let (to, after) = match &devices[dev].kind {
        DeviceKind::Loopback => (dev, BACKLOG_TIME),
        DeviceKind::Veth { peer } => (*peer, BACKLOG_TIME),
        DeviceKind::Ethernet { peer: Some(peer) } => (*peer, CABLE_TIME),
        DeviceKind::Ethernet { peer: None } => {
            ctx.event(skb.id, Event::LeftModel { dev });
            return ctx.consume(skb);
        }
        DeviceKind::Bridge(_) => return bridge::transmit(ctx, devices, dev, skb),
        DeviceKind::Vxlan(_) => return vxlan::transmit(ctx, devices, dev, skb),
    };
    if refuses(devices, dev, skb.frame.len()) {
        return ctx.drop(dev, skb, DropReason::PktTooBig);
    }
    ctx.out.push(Next::Arrive { dev: to, from: dev, after, skb });
}

/// Whether the far end of the device's wire takes no frame of this length, so that handing it over fails (`veth_xmit`).
pub fn refuses(devices: &Devices, dev: DevId, frame_len: usize) -> bool {
    devices[dev].kind.peer().is_some_and(|peer| frame_len > devices[peer].longest_frame())
}

/// A frame reached a device over its wire (`eth_type_trans`, then `netif_receive_skb`).
#[inline]
pub fn arrive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    from: DevId,
    mut skb: Skb,
) {
    if !devices[dev].up {
        return ctx.drop(dev, skb, DropReason::DevReady);
    }
    if !matches!(devices[dev].kind, DeviceKind::Loopback) {
        skb.scrub(devices[from].ns != devices[dev].ns);
    }
    ctx.event(skb.id, Event::Crossed { from, to: dev });
    skb.pkt_type = packet_type(eth::dst(&skb.frame), devices[dev].mac);
    receive(ctx, devices, dev, skb);
}

/// The receive side of a device (`__netif_receive_skb_core`): packet sockets, then the bridge, then the stack.
#[inline]
pub fn receive<T: Tracer>(ctx: &mut Ctx<'_, T>, devices: &mut Devices, dev: DevId, skb: Skb) {
    ctx.tap(dev, Direction::In, &skb);
    match devices[dev].port {
        Some(port) => bridge::receive(ctx, devices, dev, port, skb),
        None => ctx.out.push(Next::Up(dev, skb)),
    }
}

fn packet_type(dst: Mac, own: Mac) -> PacketType {
    if dst == own {
        PacketType::Host
    } else if dst == Mac::BROADCAST {
        PacketType::Broadcast
    } else if dst.is_multicast() {
        PacketType::Multicast
    } else {
        PacketType::OtherHost
    }
}

/// A device's own IPv4 address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IfAddr {
    pub dev: DevId,
    pub local: Ipv4Addr,
    pub prefix_len: u8,
    pub scope: Scope,
    /// Another address of the same subnet came first (`IFA_F_SECONDARY`), so this one is never chosen as a source.
    pub secondary: bool,
}

impl IfAddr {
    /// Whether `ip` is in the address's subnet (`inet_ifa_match`).
    #[inline]
    pub fn contains(&self, ip: Ipv4Addr) -> bool {
        let differ = u32::from(self.local) ^ u32::from(ip);
        differ.checked_shr(32 - u32::from(self.prefix_len)).unwrap_or(0) == 0
    }
}

/// How far an address or route reaches; a smaller number reaches further (`enum rt_scope_t`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    Universe,
    Site,
    Link,
    Host,
    Nowhere,
}
