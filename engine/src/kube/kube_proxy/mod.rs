//! kube-proxy: Services and their EndpointSlices as a node's rules.
//!
//! A pure function of the objects and of the node. Nothing here knows a world; the rules are text for
//! `iptables-restore`, with the object behind each line.

mod config;
mod endpoints;
mod iptables;
pub(super) mod names;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

pub use config::{Config, DetectLocal, Mode, NodePortAddresses};
pub use iptables::Rules;

use super::{Cluster, Node};
use crate::base::FxIndexMap;
use crate::link::Conf;
use crate::tool::{Configured, Op, Ruleset, Setting};

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

/// The kube-proxies of a cluster.
pub struct KubeProxy<'c> {
    cluster: &'c Cluster,
    rules: Rules<'c>,
}

/// Rules by what they depend on: nodes whose rules are equal share them.
#[derive(Clone, Debug, Default)]
pub struct Made(FxIndexMap<Vec<u32>, Arc<Ruleset>>);

impl<'c> KubeProxy<'c> {
    pub fn new(cluster: &'c Cluster) -> Self {
        let rules = Rules::new(&cluster.services, &cluster.endpoint_slices, &cluster.kube_proxy);
        Self { cluster, rules }
    }

    /// The rules of a node, the kubelet's among them.
    pub fn rules(&self, node: usize, made: &mut Made) -> Arc<Ruleset> {
        let mut addresses = Vec::new();
        let host = Host::of(&self.cluster.nodes[node], &mut addresses);
        let rules = &self.rules;
        Arc::clone(made.0.entry(rules.key(&host)).or_insert_with(|| Arc::new(rules.of(&host))))
    }

    /// What kube-proxy and the kubelet do to a node that has no rules of theirs yet.
    pub fn node(&self, node: usize, made: &mut Made) -> Vec<Configured> {
        let netns = self.cluster.nodes[node].netns.clone();
        let config = &self.cluster.kube_proxy;
        let by = |op| Configured { op, origin: Some("kube-proxy".into()) };
        let mut items = Vec::new();
        if config.serves_localhost() {
            let setting = Setting::Conf(None, Conf::RouteLocalnet, 1);
            items.push(by(Op::Sysctl { netns: netns.clone(), setting }));
        }
        if config.tcp_be_liberal {
            let setting = Setting::ConntrackTcpBeLiberal(true);
            items.push(by(Op::Sysctl { netns: netns.clone(), setting }));
        }
        items.push(by(Op::IptablesRestore { netns, rules: self.rules(node, made) }));
        items
    }
}

#[cfg(test)]
mod tests;
