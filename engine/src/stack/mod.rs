//! One network namespace's own stack: addresses, routes, neighbours, ARP, IPv4, ICMP, UDP. Read net/ipv4/ first.
//!
//! Not modelled yet, and refused or said aloud where it would matter: policy rules beyond the three default
//! ones, TCP endpoints, IPv6, fragments, ICMP redirects, reverse path filtering.

pub mod arp;
pub mod br_netfilter;
pub mod fib;
mod hooks;
pub mod icmp;
pub mod ip;
pub mod neigh;
mod reject;
pub mod socket;
pub mod udp;
pub mod vxlan;

use std::net::Ipv4Addr;

use crate::base::{DevId, OriginId};
use crate::link::{Device, Devices, IfAddr, Scope};
use crate::netfilter::Netfilter;
use crate::skb::Skb;
use crate::trace::{Ctx, DropReason, Event, NotModelled, Tracer};
use crate::wire::eth::{self, EtherType};

use fib::Fib;
use neigh::NeighTable;
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
    /// None as long as there is no rule, no set and no tracked connection.
    pub netfilter: Option<Box<Netfilter>>,
    pub icmp_rate: icmp::ErrorRate,
    pub sysctl: Sysctl,
    pub origin: Option<OriginId>,
}

/// The settings that this stack reads (`net.ipv4.*`).
#[derive(Clone, Copy, Debug)]
pub struct Sysctl {
    /// `ip_forward`.
    pub ip_forward: bool,
    /// `ip_default_ttl`.
    pub default_ttl_hops: u8,
    /// `icmp_echo_ignore_broadcasts`.
    pub icmp_echo_ignore_broadcasts: bool,
    /// `icmp_echo_ignore_all`.
    pub icmp_echo_ignore_all: bool,
    /// `net.bridge.bridge-nf-call-iptables`.
    pub bridge_nf_call_iptables: bool,
}

impl Default for Sysctl {
    fn default() -> Self {
        Self {
            ip_forward: false,
            default_ttl_hops: 64,
            icmp_echo_ignore_broadcasts: true,
            icmp_echo_ignore_all: false,
            bridge_nf_call_iptables: false,
        }
    }
}

impl Netns {
    /// Whether `ip` is one of this namespace's own addresses.
    pub fn owns(&self, ip: Ipv4Addr) -> bool {
        self.addrs.iter().any(|a| a.local == ip)
    }

    /// The address that speaks for `dev` toward `dst` (`inet_select_addr`): the first one in whose prefix `dst` lies,
    /// else the device's first, else any address of the namespace with a wide enough scope.
    pub fn select_addr(&self, dev: DevId, dst: Ipv4Addr, scope: Scope) -> Option<Ipv4Addr> {
        let usable = |a: &&IfAddr| a.scope <= scope;
        let on_dev = || self.addrs.iter().filter(|a| a.dev == dev).filter(usable);
        on_dev()
            .find(|a| contains(a, dst))
            .or_else(|| on_dev().next())
            .or_else(|| self.addrs.iter().filter(usable).find(|a| a.scope != Scope::Link))
            .map(|a| a.local)
    }
}

fn contains(addr: &IfAddr, ip: Ipv4Addr) -> bool {
    ipnet::Ipv4Net::new(addr.local, addr.prefix_len).is_ok_and(|net| net.contains(&ip))
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
