//! The learning bridge. Read `net/bridge/br_input.c`, `br_forward.c` and `br_fdb.c` first.
//!
//! Not modelled: VLAN filtering, STP, multicast snooping's group entries, neighbour suppression. Snapshots that use
//! them are refused.

use super::{Device, DeviceKind, Devices, Port};
use crate::base::{DevId, FxIndexMap, Mac, Nanos};
use crate::skb::{PacketType, Skb};
use crate::trace::{Ctx, DropReason, Event, FdbAnswer, Learnt, Next, Skipped, Tracer};
use crate::wire::eth::{self, EtherType};

/// A bridge's own data.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// In the order the kernel floods them: the newest port first (`br_add_if` adds at the head).
    pub ports: Vec<DevId>,
    pub fdb: FxIndexMap<Mac, FdbEntry>,
    /// Frames with IPv4 packets go through the IP rules (`net.bridge.bridge-nf-call-iptables`, or the bridge's own
    /// `nf_call_iptables`).
    pub calls_iptables: bool,
    /// Link-local groups 01:80:c2:00:00:0x that are passed on, as bits (`group_fwd_mask`).
    pub group_fwd_mask: u16,
    /// A learnt entry unused for longer is forgotten; zero turns learning into flooding.
    pub ageing: Nanos,
}

impl Bridge {
    /// `ip link add type bridge`'s default ageing time.
    pub const AGEING: Nanos = Nanos::from_secs(300);
}

impl Default for Bridge {
    fn default() -> Self {
        Self {
            ports: Vec::new(),
            fdb: FxIndexMap::default(),
            calls_iptables: false,
            group_fwd_mask: 0,
            ageing: Self::AGEING,
        }
    }
}

/// A forwarding table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FdbEntry {
    /// An address of the bridge itself or of one of its ports (`BR_FDB_LOCAL`).
    Local,
    /// Set by hand; does not age (`BR_FDB_STATIC`).
    Static { port: DevId },
    /// Learnt from a frame's source address.
    Learnt { port: DevId, updated: Nanos },
}

/// The flags of a port that decide about frames (`bridge -d link`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortFlags {
    /// Frames may leave through the port they came from.
    pub hairpin: bool,
    /// No frames between this port and other isolated ones.
    pub isolated: bool,
    /// Source addresses are learnt.
    pub learning: bool,
    /// Unknown unicast is flooded here.
    pub flood: bool,
    /// Multicast is flooded here.
    pub mcast_flood: bool,
    /// Broadcast is flooded here.
    pub bcast_flood: bool,
}

impl Default for PortFlags {
    fn default() -> Self {
        Self {
            hairpin: false,
            isolated: false,
            learning: true,
            flood: true,
            mcast_flood: true,
            bcast_flood: true,
        }
    }
}

/// Where a frame enters the bridge.
#[derive(Clone, Copy)]
enum Source {
    Port {
        dev: DevId,
        isolated: bool,
    },
    /// The host's own stack sends through the bridge device.
    Own,
}

#[derive(Clone, Copy)]
enum Flooded {
    Unicast,
    Multicast,
    Broadcast,
}

/// A frame arrived on a port (`br_handle_frame`).
pub(super) fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    port: Port,
    mut skb: Skb,
) {
    let (dst, src) = (eth::dst(&skb.frame), eth::src(&skb.frame));
    if !src.is_valid_unicast() {
        return ctx.drop(dev, skb, DropReason::MacInvalidSource);
    }
    let bridge = port.bridge;
    if dst.is_link_local() && !passes_on(bridge_mut(&mut devices[bridge]), dst) {
        if dst.0[5] == PAUSE {
            return ctx.drop(dev, skb, DropReason::MacIeeeMacControl);
        }
        ctx.event(skb.id, Event::LinkLocalKept { bridge, port: dev });
        learn(ctx, devices, dev, port, src, &skb);
        return ctx.out.push(Next::Up(dev, skb));
    }
    ctx.event(skb.id, Event::BridgeIn { port: dev, bridge });
    if dst == devices[bridge].mac {
        skb.pkt_type = PacketType::Host;
    }
    if bridge_mut(&mut devices[bridge]).calls_iptables
        && eth::ether_type(&skb.frame) == EtherType::Ipv4
    {
        return ctx.out.push(Next::BridgeIn(dev, skb));
    }
    receive_finish(ctx, devices, dev, port, skb);
}

/// Last byte of the group that asks a link's other end to pause.
const PAUSE: u8 = 1;

/// Whether frames to a link-local group go through the bridge (IEEE 802.1D table 7-10): those of the spanning tree do, which
/// this bridge does not speak, and those that `group_fwd_mask` names.
fn passes_on(bridge: &Bridge, dst: Mac) -> bool {
    match dst.0[5] {
        0 => true,
        PAUSE => false,
        group => bridge.group_fwd_mask & 1 << group != 0,
    }
}

/// Learns where the frame comes from and sends it where it goes (`br_handle_frame_finish`).
pub fn receive_finish<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    port: Port,
    skb: Skb,
) {
    let (dst, src) = (eth::dst(&skb.frame), eth::src(&skb.frame));
    let bridge = port.bridge;
    learn(ctx, devices, dev, port, src, &skb);

    let source = Source::Port { dev, isolated: port.flags.isolated };
    if dst.is_multicast() {
        ctx.event(skb.id, Event::FdbLookup { bridge, mac: dst, answer: FdbAnswer::Group });
        flood(ctx, devices, bridge, source, group(dst), &skb);
        return up(ctx, bridge, skb);
    }
    match lookup(ctx, devices, bridge, dst, &skb) {
        FdbAnswer::Local => up(ctx, bridge, skb),
        FdbAnswer::Port(to) => forward(ctx, devices, bridge, source, to, skb),
        FdbAnswer::Miss | FdbAnswer::Group => {
            let sent = flood(ctx, devices, bridge, source, Flooded::Unicast, &skb);
            finish_flood(ctx, dev, sent, skb);
        }
    }
}

/// The host sends through the bridge device (`br_dev_xmit`).
pub(super) fn transmit<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    bridge: DevId,
    skb: Skb,
) {
    if skb.bridge.is_some_and(|it| it.bridged_dnat.is_some()) {
        return ctx.out.push(Next::BridgeBack(bridge, skb));
    }
    let dst = eth::dst(&skb.frame);
    if dst.is_multicast() {
        ctx.event(skb.id, Event::FdbLookup { bridge, mac: dst, answer: FdbAnswer::Group });
        let sent = flood(ctx, devices, bridge, Source::Own, group(dst), &skb);
        return finish_flood(ctx, bridge, sent, skb);
    }
    match lookup(ctx, devices, bridge, dst, &skb) {
        // The entry of a port's own address names that port, and here nobody asks whether it is local.
        FdbAnswer::Local => match port_with(devices, bridge, dst) {
            Some(to) => forward(ctx, devices, bridge, Source::Own, to, skb),
            None => ctx.drop(bridge, skb, DropReason::NoTxTarget),
        },
        FdbAnswer::Port(to) => forward(ctx, devices, bridge, Source::Own, to, skb),
        FdbAnswer::Miss | FdbAnswer::Group => {
            let sent = flood(ctx, devices, bridge, Source::Own, Flooded::Unicast, &skb);
            finish_flood(ctx, bridge, sent, skb);
        }
    }
}

/// The port whose address this is, where it is not the bridge's.
fn port_with(devices: &Devices, bridge: DevId, mac: Mac) -> Option<DevId> {
    let DeviceKind::Bridge(own) = &devices[bridge].kind else { return None };
    let is_its = |&&port: &&DevId| devices[port].mac == mac && devices[bridge].mac != mac;
    own.ports.iter().find(is_its).copied()
}

fn group(dst: Mac) -> Flooded {
    if dst == Mac::BROADCAST { Flooded::Broadcast } else { Flooded::Multicast }
}

/// `br_fdb_update`: the source address is behind this port.
fn learn<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    port: Port,
    mac: Mac,
    skb: &Skb,
) {
    let now = ctx.now;
    let bridge = bridge_mut(&mut devices[port.bridge]);
    let learnt = if !port.flags.learning || bridge.ageing == Nanos::ZERO {
        Learnt::LearningOff
    } else {
        match bridge.fdb.get_mut(&mac) {
            Some(FdbEntry::Local) => Learnt::OwnAddress,
            Some(FdbEntry::Static { port }) if *port == dev => Learnt::Refreshed,
            Some(FdbEntry::Static { port }) => {
                let from = std::mem::replace(port, dev);
                Learnt::Moved { from }
            }
            Some(FdbEntry::Learnt { port, updated }) => {
                *updated = now;
                if *port == dev {
                    Learnt::Refreshed
                } else {
                    let from = std::mem::replace(port, dev);
                    Learnt::Moved { from }
                }
            }
            None => {
                bridge.fdb.insert(mac, FdbEntry::Learnt { port: dev, updated: now });
                Learnt::New
            }
        }
    };
    ctx.event(skb.id, Event::FdbLearn { bridge: port.bridge, port: dev, mac, learnt });
}

/// `br_fdb_find_rcu`, with the ageing that `br_fdb_cleanup` does on a timer.
fn lookup<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    bridge: DevId,
    mac: Mac,
    skb: &Skb,
) -> FdbAnswer {
    let now = ctx.now;
    let own = bridge_mut(&mut devices[bridge]);
    let answer = match own.fdb.get(&mac).copied() {
        None => FdbAnswer::Miss,
        Some(FdbEntry::Local) => FdbAnswer::Local,
        Some(FdbEntry::Static { port }) => FdbAnswer::Port(port),
        Some(FdbEntry::Learnt { port, updated }) if now > updated + own.ageing => {
            own.fdb.shift_remove(&mac);
            ctx.event(skb.id, Event::FdbExpired { bridge, port, mac });
            FdbAnswer::Miss
        }
        Some(FdbEntry::Learnt { port, .. }) => FdbAnswer::Port(port),
    };
    ctx.event(skb.id, Event::FdbLookup { bridge, mac, answer });
    answer
}

/// `br_forward`: to the one port that the table names.
fn forward<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &Devices,
    bridge: DevId,
    source: Source,
    to: DevId,
    skb: Skb,
) {
    match refusal(&devices[to], to, source, &skb) {
        None => send(ctx, bridge, source, to, skb),
        Some(why) => {
            ctx.event(skb.id, Event::PortSkipped { bridge, port: to, why });
            ctx.drop(bridge, skb, DropReason::NoTxTarget);
        }
    }
}

/// `br_flood`: a copy through every port that may have it. Returns the number of copies.
fn flood<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &Devices,
    bridge: DevId,
    source: Source,
    kind: Flooded,
    skb: &Skb,
) -> usize {
    let mut sent = 0;
    let DeviceKind::Bridge(own) = &devices[bridge].kind else { return sent };
    for &to in &own.ports {
        let Some(port) = devices[to].port else { continue };
        let takes_part = match (kind, source) {
            (Flooded::Unicast, _) => port.flags.flood,
            (Flooded::Multicast, Source::Port { .. }) => port.flags.mcast_flood,
            (Flooded::Broadcast, Source::Port { .. }) => port.flags.bcast_flood,
            (Flooded::Multicast | Flooded::Broadcast, Source::Own) => true,
        };
        let why = if takes_part {
            refusal(&devices[to], to, source, skb)
        } else {
            Some(Skipped::FloodOff)
        };
        if let Some(why) = why {
            ctx.event(skb.id, Event::PortSkipped { bridge, port: to, why });
            continue;
        }
        let copy = ctx.copy_of(skb);
        send(ctx, bridge, source, to, copy);
        sent += 1;
    }
    sent
}

/// `__br_forward`: through this port, past the IP rules if they saw the packet come.
fn send<T: Tracer>(ctx: &mut Ctx<'_, T>, bridge: DevId, source: Source, to: DevId, skb: Skb) {
    if meets_rules(source, &skb) {
        return ctx.out.push(Next::BridgeForward(to, skb));
    }
    ctx.event(skb.id, Event::BridgeOut { bridge, port: to });
    ctx.out.push(Next::Transmit(to, skb));
}

/// A frame that the IP rules let go leaves through the port (`br_dev_queue_push_xmit`).
pub fn push<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &Devices,
    (bridge, to): (DevId, DevId),
    mut skb: Skb,
) {
    skb.bridge = None;
    if skb.frame.len() > devices[to].longest_frame() {
        let why = Skipped::TooBig;
        ctx.event(skb.id, Event::PortSkipped { bridge, port: to, why });
        return ctx.drop(bridge, skb, DropReason::NoTxTarget);
    }
    ctx.event(skb.id, Event::BridgeOut { bridge, port: to });
    ctx.out.push(Next::Transmit(to, skb));
}

/// After its copies left, the flooded frame itself is done.
fn finish_flood<T: Tracer>(ctx: &mut Ctx<'_, T>, dev: DevId, sent: usize, skb: Skb) {
    if sent == 0 {
        ctx.drop(dev, skb, DropReason::NoTxTarget);
    } else {
        ctx.consume(skb);
    }
}

/// `should_deliver` and `is_skb_forwardable`: why this port may not send the frame.
fn refusal(device: &Device, to: DevId, source: Source, skb: &Skb) -> Option<Skipped> {
    let flags = device.port?.flags;
    match source {
        Source::Port { dev, .. } if dev == to && !flags.hairpin => return Some(Skipped::Incoming),
        Source::Port { isolated: true, .. } if flags.isolated => return Some(Skipped::Isolated),
        Source::Port { .. } | Source::Own => {}
    }
    if !device.up {
        Some(Skipped::Down)
    } else if !meets_rules(source, skb) && skb.frame.len() > device.longest_frame() {
        Some(Skipped::TooBig)
    } else {
        None
    }
}

/// Whether the IP rules saw the frame come by a port, and will see it leave. What this host routed does not, even if it came
/// by a bridge (`br_nf_post_routing`).
fn meets_rules(source: Source, skb: &Skb) -> bool {
    matches!(source, Source::Port { .. }) && skb.bridge.is_some()
}

/// `br_pass_frame_up`: the bridge device itself receives the frame.
fn up<T: Tracer>(ctx: &mut Ctx<'_, T>, bridge: DevId, skb: Skb) {
    ctx.event(skb.id, Event::BridgeUp { bridge });
    ctx.out.push(Next::Receive(bridge, skb));
}

fn bridge_mut(device: &mut Device) -> &mut Bridge {
    match &mut device.kind {
        DeviceKind::Bridge(bridge) => bridge,
        DeviceKind::Loopback
        | DeviceKind::Veth { .. }
        | DeviceKind::Ethernet { .. }
        | DeviceKind::Vxlan(_) => {
            unreachable!("a port's master is a bridge, which World::set_master checks")
        }
    }
}
