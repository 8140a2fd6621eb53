//! kube-proxy: Services and their EndpointSlices as a node's rules.
//!
//! A pure function of the objects and of the node. Nothing here knows a world; the rules are text for
//! `iptables-restore`, with the object behind each line.

mod config;
mod endpoints;
mod iptables;
mod names;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use config::{Config, DetectLocal, Mode, NodePortAddresses};
pub use iptables::{Rules, Ruleset};

use super::Node;

/// The label of a node that says in which zone it is.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// What the rules of one node depend on.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    pub name: &'a str,
    /// Its label `topology.kubernetes.io/zone`.
    pub zone: Option<&'a str>,
    /// Its own address.
    pub address: Ipv4Addr,
    /// All its addresses but those of the loopback.
    pub addresses: &'a [Ipv4Addr],
    pub pod_cidr: Option<Ipv4Net>,
    pub abilities: Abilities,
}

impl<'a> Host<'a> {
    /// A node of a cluster, where `addresses` is room for the addresses it has.
    pub fn of(node: &'a Node, addresses: &'a mut Vec<Ipv4Addr>) -> Self {
        addresses.clear();
        addresses.push(node.address);
        addresses.extend(&node.more_addresses);
        addresses.push(node.gateway());
        Self {
            name: &node.name,
            zone: node.labels.get(ZONE),
            address: node.address,
            addresses,
            pod_cidr: Some(node.pod_cidr),
            abilities: Abilities::default(),
        }
    }
}

/// What a machine's kernel and tools can do, where kube-proxy writes other rules for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abilities {
    /// `MASQUERADE --random-fully`.
    pub random_fully: bool,
    /// There is the counter `ct_state_invalid_dropped_pkts` for `-m nfacct`.
    pub counts_invalid: bool,
    /// There is the counter `localhost_nps_accepted_pkts`.
    pub counts_localhost: bool,
}

#[cfg(test)]
mod tests;
