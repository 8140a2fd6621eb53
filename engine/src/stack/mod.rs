//! One network namespace's own stack: addresses, routes, neighbours, ARP, IPv4, ICMP, UDP. Read net/ipv4/ first.
//!
//! Not modelled yet, and refused or said aloud where it would matter: IPv6.

pub mod arp;
pub mod br_netfilter;
pub mod fib;
pub mod frag;
mod gateways;
mod hooks;
pub mod icmp;
pub mod ip;
pub mod multipath;
pub mod neigh;
mod options;
pub mod peer;
mod pmtu;
mod reject;
mod route;
pub mod rule;
pub mod socket;
pub mod tcp;
pub mod udp;
pub mod vxlan;

use std::net::Ipv4Addr;

use crate::base::{DevId, Nanos, OriginId};
use crate::link::{Devconf, Device, Devices, IfAddr};
use crate::netfilter::{Netfilter, defrag};
use crate::skb::Skb;
use crate::trace::{Ctx, DropReason, Event, NotModelled, Tracer};
use crate::wire::eth::{self, EtherType};

use fib::Fib;
use multipath::Multipath;
use neigh::NeighTable;
use peer::Peers;
use socket::Sockets;

/// A network namespace.
#[derive(Clone, Debug)]
pub struct Netns {
    pub name: Box<str>,
    pub lo: DevId,
    /// In the order they were made; an ifindex is a position from 1.
    pub devs: Vec<DevId>,
    pub addrs: Vec<IfAddr>,
    pub fib: Fib,
    pub neigh: NeighTable,
    pub sockets: Sockets,
    /// Its configuration is still to come, and will be asked for when an IP packet reaches it.
    pub is_dormant: bool,
    /// None as long as there is no rule, no set and no tracked connection.
    pub netfilter: Option<Box<Netfilter>>,
    /// Packets for this host that wait for pieces.
    pub fragments: defrag::Reassembly,
    pub peers: Peers,
    pub icmp_rate: icmp::GlobalRate,
    pub sysctl: Sysctl,
    pub origin: Option<OriginId>,
}

/// The settings that this stack reads (`net.ipv4.*`).
#[derive(Clone, Copy, Debug)]
pub struct Sysctl {
    /// `conf.all`, which each device's own settings are combined with.
    pub all: Devconf,
    /// `conf.default`, which new devices copy.
    pub default: Devconf,
    /// `ip_default_ttl`.
    pub default_ttl_hops: u8,
    /// `icmp_echo_ignore_broadcasts`.
    pub icmp_echo_ignore_broadcasts: bool,
    /// `icmp_echo_ignore_all`.
    pub icmp_echo_ignore_all: bool,
    /// `net.bridge.bridge-nf-call-iptables`.
    pub bridge_nf_call_iptables: bool,
    pub icmp: IcmpLimits,
    /// `fwmark_reflect`: what the kernel itself answers bears the mark of what it answers.
    pub fwmark_reflect: bool,
    /// `ip_forward_use_pmtu`.
    pub forward_use_pmtu: bool,
    pub multipath: Multipath,
    pub fragments: defrag::Limits,
    pub pmtu: PathMtu,
    pub tcp: tcp::Settings,
}

/// What is made of the word that a packet was too long (`net.ipv4.route.*`, `net.ipv4.ip_no_pmtu_disc`).
#[derive(Clone, Copy, Debug)]
pub struct PathMtu {
    /// `min_pmtu`: a smaller one is not believed; packets are fragmented to fit this one instead.
    pub min_bytes: u32,
    /// `mtu_expires`: how long it is believed.
    pub expires: Nanos,
    pub discovery: PmtuDiscovery,
}

impl Default for PathMtu {
    fn default() -> Self {
        let (min_bytes, expires) = (552, Nanos::from_secs(600));
        Self { min_bytes, expires, discovery: PmtuDiscovery::On }
    }
}

/// `ip_no_pmtu_disc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PmtuDiscovery {
    /// 0: what programs send forbids fragments, and routers that complain are believed.
    On,
    /// 1: fragments are allowed; who complains makes the smallest MTU be used.
    Off,
    /// 2: fragments are allowed, and nobody is believed.
    Deaf,
    /// 3: fragments are allowed, and who complains is believed only by protocols that check the quoted packet.
    Hardened,
}

/// How many ICMP messages may be sent, and from where (`net.ipv4.icmp_*`).
#[derive(Clone, Copy, Debug)]
pub struct IcmpLimits {
    /// `icmp_ratelimit`: the time in which one host is told one thing; zero: no limit.
    pub ratelimit: Nanos,
    /// `icmp_ratemask`: the types that are limited, as bits.
    pub ratemask: u32,
    /// `icmp_msgs_per_sec`: to all hosts together.
    pub msgs_per_sec: u32,
    /// `icmp_msgs_burst`: of these, at once.
    pub msgs_burst: u32,
    /// `icmp_errors_use_inbound_ifaddr`: an error's source is an address of the device that the packet came in by.
    pub errors_use_inbound_ifaddr: bool,
}

impl Default for IcmpLimits {
    fn default() -> Self {
        Self {
            ratelimit: Nanos::from_secs(1),
            ratemask: 0x1818, // unreachable, source quench, time exceeded, parameter problem
            msgs_per_sec: 1000,
            msgs_burst: 50,
            errors_use_inbound_ifaddr: false,
        }
    }
}

impl Default for Sysctl {
    fn default() -> Self {
        Self {
            all: Devconf::all(),
            default: Devconf::new_device(),
            default_ttl_hops: 64,
            icmp_echo_ignore_broadcasts: true,
            icmp_echo_ignore_all: false,
            bridge_nf_call_iptables: false,
            icmp: IcmpLimits::default(),
            fwmark_reflect: false,
            forward_use_pmtu: false,
            multipath: Multipath::default(),
            fragments: defrag::Limits::default(),
            pmtu: PathMtu::default(),
            tcp: tcp::Settings::default(),
        }
    }
}

impl Netns {
    /// A new namespace, whose only device is `lo`.
    pub fn new(name: &str, lo: DevId) -> Self {
        Self {
            name: name.into(),
            lo,
            devs: vec![lo],
            addrs: Vec::new(),
            fib: Fib::default(),
            neigh: NeighTable::default(),
            sockets: Sockets::default(),
            is_dormant: false,
            netfilter: None,
            fragments: defrag::Reassembly::default(),
            peers: Peers::default(),
            icmp_rate: icmp::GlobalRate::default(),
            sysctl: Sysctl::default(),
            origin: None,
        }
    }

    /// The namespace's rules, sets and connections, to add some.
    pub fn netfilter_mut(&mut self) -> &mut Netfilter {
        self.netfilter.get_or_insert_default()
    }

    /// Whether `ip` is one of this namespace's own addresses.
    pub fn owns(&self, ip: Ipv4Addr) -> bool {
        self.addrs.iter().any(|a| a.local == ip)
    }
}

/// A frame reached the stack (`__netif_receive_skb_core`, the protocol handlers).
#[inline]
pub fn receive<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    dev: DevId,
    skb: Skb,
) {
    match eth::ether_type(&skb.frame) {
        EtherType::Ipv4 => ip::receive(ctx, ns, devices, dev, skb),
        EtherType::Arp => arp::receive(ctx, ns, devices, dev, skb),
        EtherType::Ipv6 => {
            let what = NotModelled::Ipv6;
            ctx.event(skb.id, Event::NotModelled { ns: devices[dev].ns, what });
            ctx.drop(dev, skb, DropReason::NotModelled);
        }
        EtherType::Unknown(_) => ctx.drop(dev, skb, DropReason::UnhandledProto),
    }
}

fn is_loopback(device: &Device) -> bool {
    matches!(device.kind, crate::link::DeviceKind::Loopback)
}
