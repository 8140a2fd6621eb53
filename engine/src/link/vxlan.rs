//! VXLAN devices: an Ethernet that is carried in UDP datagrams. Read `drivers/net/vxlan/vxlan_core.c` first.
//!
//! ```text
//! transmit -> forwarding table: which remote? -> the stack of `net` wraps the frame and sends it   (vxlan_xmit)
//! the stack of `net` hears a datagram on `port` -> unwrap, learn the sender, receive               (vxlan_rcv)
//! ```
//!
//! The device asks its forwarding table; wrapping needs routes, so the stack does it. Not modelled, and refused when a
//! snapshot is loaded: multicast groups, IPv6 underlays, flow-based tunnels (`external`), GBP, GPE, ARP proxying
//! and short-circuiting. An entry ages at its time exactly; the kernel looks every ten seconds.

use std::net::Ipv4Addr;

use super::{DeviceKind, Devices, packet_type};
use crate::base::{DevId, FxIndexMap, Mac, Nanos, NsId};
use crate::skb::{PacketType, Skb};
use crate::trace::{Ctx, DropReason, Event, Next, Remote, Tracer, TunnelAnswer, TunnelLearnt};
use crate::wire::eth::{self, EtherType};
use crate::wire::ipv4;
use crate::wire::vxlan::Vni;

/// A VXLAN device's own data (`struct vxlan_config` and the forwarding table).
#[derive(Clone, Debug)]
pub struct Vxlan {
    /// The namespace whose stack carries the datagrams: where the device was made, wherever it is now.
    pub net: NsId,
    pub vni: Vni,
    /// The datagrams' source address; None: as the route says.
    pub local: Option<Ipv4Addr>,
    /// Destination port of the datagrams, and where their socket listens.
    pub port: u16,
    pub ttl: OuterTtl,
    pub tos: OuterTos,
    pub df: OuterDf,
    /// The datagrams carry a checksum.
    pub udp_csum: bool,
    /// Senders are learnt.
    pub learning: bool,
    /// A frame for a remote that is this host itself is handed over without a datagram.
    pub local_bypass: bool,
    /// A learnt entry not refreshed for longer is forgotten; zero: never.
    pub ageing: Nanos,
    /// Most entries that learning may fill the table to; zero: no limit.
    pub max_entries: usize,
    /// The datagrams' source ports, the last one not included (`udp_flow_src_port`).
    pub src_ports: (u16, u16),
    /// What the flow's hash begins with; random in the kernel.
    pub hash_seed: u32,
    pub fdb: FxIndexMap<Mac, Entry>,
}

impl Vxlan {
    /// `ip link add type vxlan`'s default ageing time.
    pub const AGEING: Nanos = Nanos::from_secs(300);
    /// `net.ipv4.ip_local_port_range`, which the source ports come from by default.
    pub const SRC_PORTS: (u16, u16) = (32768, 60999);

    /// What `ip link add NAME type vxlan id VNI dstport PORT` makes.
    pub fn new(net: NsId, vni: Vni, port: u16) -> Self {
        Self {
            net,
            vni,
            local: None,
            port,
            ttl: OuterTtl::Route,
            tos: OuterTos::Fixed(0),
            df: OuterDf::Unset,
            udp_csum: true,
            learning: true,
            local_bypass: true,
            ageing: Self::AGEING,
            max_entries: 0,
            src_ports: Self::SRC_PORTS,
            hash_seed: 0,
            fdb: FxIndexMap::default(),
        }
    }

    /// The remote that a datagram to `ip` on this device's own port and network means.
    pub const fn remote(&self, ip: Ipv4Addr) -> Remote {
        Remote { ip, port: self.port, vni: self.vni, via: None }
    }

    /// `bridge fdb append MAC dev DEV dst REMOTE`: one more remote for an address.
    pub fn append(&mut self, mac: Mac, remote: Remote, state: EntryState) {
        match self.fdb.get_mut(&mac) {
            Some(entry) if entry.first == remote || entry.others.contains(&remote) => {}
            Some(entry) => entry.others.push(remote),
            None => {
                self.fdb.insert(mac, Entry { first: remote, others: Vec::new(), state });
            }
        }
    }
}

/// TTL of the datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OuterTtl {
    /// That of the route: the namespace's default.
    Route,
    Fixed(u8),
    Inherit,
}

/// Type of service of the datagrams, without the two bits of congestion, which always come from the inner packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OuterTos {
    Fixed(u8),
    Inherit,
}

/// Whether routers may fragment the datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OuterDf {
    Unset,
    Set,
    Inherit,
}

/// Where an inner address is (`struct vxlan_fdb`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub first: Remote,
    /// Each gets a copy, before the first gets the frame itself.
    pub others: Vec<Remote>,
    pub state: EntryState,
}

/// What may change an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryState {
    /// Set by hand, as `permanent` or `static`: does not age, and a frame from elsewhere is dropped.
    Static,
    Learnt {
        updated: Nanos,
    },
}

/// `vxlan_xmit`: the frame goes to the remotes of its destination, else to those of 00:00:00:00:00:00.
pub(super) fn transmit<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    skb: Skb,
) {
    let now = ctx.now;
    let DeviceKind::Vxlan(vxlan) = &mut devices[dev].kind else { return };
    let mac = eth::dst(&skb.frame);
    let mut found = vxlan.fdb.get(&mac);
    if let Some(Entry { state: EntryState::Learnt { updated }, .. }) = found
        && vxlan.ageing != Nanos::ZERO
        && now >= *updated + vxlan.ageing
    {
        ctx.event(skb.id, Event::TunnelForgot { dev, mac });
        vxlan.fdb.swap_remove(&mac);
        found = None;
    }
    let (entry, answer) = match (found, vxlan.fdb.get(&Mac::ZERO)) {
        (Some(entry), _) => (entry, TunnelAnswer::Entry),
        (None, Some(entry)) => (entry, TunnelAnswer::Default),
        (None, None) => {
            ctx.event(skb.id, Event::TunnelLookup { dev, mac, answer: TunnelAnswer::None });
            return ctx.drop(dev, skb, DropReason::NoTxTarget);
        }
    };
    ctx.event(skb.id, Event::TunnelLookup { dev, mac, answer });
    for &remote in &entry.others {
        let copy = ctx.copy_of(&skb);
        ctx.out.push(Next::Encapsulate { dev, remote, skb: copy });
    }
    ctx.out.push(Next::Encapsulate { dev, remote: entry.first, skb });
}

/// The rest of `vxlan_rcv`: the frame is out of its datagram, which came from `outer_src` with `outer_tos`.
pub fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    (outer_src, outer_tos): (Ipv4Addr, u8),
    mut skb: Skb,
) {
    let src = eth::src(&skb.frame);
    skb.pkt_type = packet_type(eth::dst(&skb.frame), devices[dev].mac);
    if src == devices[dev].mac {
        return ctx.drop(dev, skb, DropReason::LocalMac);
    }
    if !src.is_valid_unicast() {
        return ctx.drop(dev, skb, DropReason::MacInvalidSource);
    }
    if let Err(reason) = learn(ctx, devices, dev, outer_src, &skb) {
        return ctx.drop(dev, skb, reason);
    }
    if !decapsulate_congestion(outer_tos, &mut skb) {
        return ctx.drop(dev, skb, DropReason::IpTunnelEcn);
    }
    if !devices[dev].up {
        return ctx.drop(dev, skb, DropReason::DevReady);
    }
    ctx.out.push(Next::Backlog(dev, skb));
}

/// `vxlan_encap_bypass`: a frame from a device of this host for another (or the same) needs no datagram.
pub fn bypass<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    snoop: bool,
    mut skb: Skb,
) {
    skb.pkt_type = PacketType::Host;
    // What came by a device keeps its route, as in the kernel, and may go round until its TTL ends. This host would discard
    // one of its own for the same cause (dst_discard); without a route it is looked at anew, and its source refused.
    if skb.iif.is_none() {
        skb.dst = None;
    }
    if !devices[dev].up {
        return ctx.drop(dev, skb, DropReason::DevReady);
    }
    if snoop {
        // What learning thinks of it does not matter here.
        let _ = learn(ctx, devices, dev, Ipv4Addr::LOCALHOST, &skb);
    }
    ctx.out.push(Next::Backlog(dev, skb));
}

/// `vxlan_snoop`: the inner source is behind the outer one.
fn learn<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &mut Devices,
    dev: DevId,
    from: Ipv4Addr,
    skb: &Skb,
) -> Result<(), DropReason> {
    let now = ctx.now;
    let mac = eth::src(&skb.frame);
    let DeviceKind::Vxlan(vxlan) = &mut devices[dev].kind else { return Ok(()) };
    if !vxlan.learning {
        return Ok(());
    }
    let remote = vxlan.remote(from);
    let full = vxlan.max_entries != 0 && vxlan.fdb.len() >= vxlan.max_entries;
    let learnt = match vxlan.fdb.get_mut(&mac) {
        Some(Entry { first, state, .. }) => {
            if let EntryState::Learnt { updated } = state {
                *updated = now;
            }
            if first.ip == from && (first.via.is_none() || *state != EntryState::Static) {
                TunnelLearnt::Refreshed
            } else if *state == EntryState::Static {
                TunnelLearnt::StaysStatic
            } else {
                TunnelLearnt::Moved { from: std::mem::replace(&mut first.ip, from) }
            }
        }
        None if full => TunnelLearnt::Full,
        None => {
            let state = EntryState::Learnt { updated: now };
            vxlan.fdb.insert(mac, Entry { first: remote, others: Vec::new(), state });
            TunnelLearnt::New
        }
    };
    ctx.event(skb.id, Event::TunnelLearn { dev, mac, remote: from, learnt });
    match learnt {
        TunnelLearnt::StaysStatic => Err(DropReason::VxlanEntryExists),
        TunnelLearnt::New
        | TunnelLearnt::Refreshed
        | TunnelLearnt::Moved { .. }
        | TunnelLearnt::Full => Ok(()),
    }
}

const ECN: u8 = 3;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// `IP_ECN_decapsulate`: congestion that the datagram met is told by the inner packet; false if that cannot tell it.
fn decapsulate_congestion(outer_tos: u8, skb: &mut Skb) -> bool {
    let outer = outer_tos & ECN;
    if eth::ether_type(&skb.frame) != EtherType::Ipv4 || skb.payload().len() < ipv4::LEN {
        return true;
    }
    let inner_tos = skb.payload()[1];
    let tos = match (outer, inner_tos & ECN) {
        (CE, 0) => return false,
        (CE, _) => inner_tos | CE,
        (ECT_1, ECT_0) => inner_tos & !ECN | ECT_1,
        _ => inner_tos,
    };
    if tos != inner_tos {
        ipv4::set_tos(skb.payload_mut(), tos);
    }
    true
}

/// `ip_tunnel_ecn_encap`: the two bits of congestion come from the inner packet; one that met congestion only says that
/// it can.
pub fn encapsulate_congestion(tos: u8, inner_tos: u8) -> u8 {
    let inner = inner_tos & ECN;
    tos & !ECN | if inner == CE { ECT_0 } else { inner }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::Id;
    use crate::wire::ipv4::{Emit, Header, Protocol};

    fn told(outer_tos: u8, tos: u8) -> Option<u8> {
        let mut frame = Vec::new();
        eth::emit(&mut frame, Mac::ZERO, Mac::ZERO, EtherType::Ipv4);
        Emit {
            tos,
            identification: 1,
            dont_fragment: false,
            ttl_hops: 64,
            protocol: Protocol::Udp,
            src: Ipv4Addr::LOCALHOST,
            dst: Ipv4Addr::LOCALHOST,
        }
        .emit(&mut frame, 0);
        let mut skb = Skb::new(crate::base::PacketId::from_index(0), frame);
        let taken = decapsulate_congestion(outer_tos, &mut skb);
        taken.then(|| Header::parse(skb.payload()).expect("the checksum is right").tos)
    }

    /// What a 6.18 kernel did with each pair; a recording cannot show it, since the kernel writes into the packet that
    /// earlier packet sockets still hold.
    #[test]
    fn congestion_of_the_datagram_is_told_by_the_packet_inside_or_not_at_all() {
        for (outer, inner, told_inside) in [
            (0, 3, Some(3)),
            (1, 0, Some(0)),
            (1, 1, Some(1)),
            (1, 2, Some(1)),
            (1, 3, Some(3)),
            (2, 1, Some(1)),
            (3, 0, None),
            (3, 1, Some(3)),
            (3, 2, Some(3)),
            (3, 3, Some(3)),
        ] {
            assert_eq!(told(outer | 0x40, inner | 0x10), told_inside.map(|it| it | 0x10));
        }
    }

    #[test]
    fn a_packet_that_met_congestion_gets_an_outer_header_that_only_says_it_can() {
        assert_eq!(
            [0, 1, 2, 3].map(|inner| encapsulate_congestion(0x1f, inner)),
            [0x1c, 0x1d, 0x1e, 0x1e]
        );
    }
}
