//! kube-proxy: Services and their EndpointSlices as a node's rules.
//!
//! A pure function of the objects and of the node. Nothing here knows a world; the rules are text for
//! `iptables-restore`, with the object behind each line.

mod config;
mod endpoints;
mod iptables;
pub(super) mod names;

use std::cell::OnceCell;
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
    /// Once a node's are asked for that are not made.
    rules: OnceCell<Rules<'c>>,
}

/// Who writes the rules.
pub(super) const BY: &str = "kube-proxy";

/// So many nodes share the rules that [`KubeProxy::make_shared`] makes: one in four of all.
const SHARED_BY: usize = 4;
/// It looks at so many Services on all nodes together, at most: where more depend on the node, hardly two nodes' rules are equal.
const MOST_LOOKED_AT: usize = 200_000;

/// Rules by what they depend on: nodes whose rules are equal share them.
#[derive(Clone, Debug, Default)]
pub struct Made {
    by_key: FxIndexMap<Vec<u32>, Arc<Ruleset>>,
    /// Of nodes whose key is known.
    of_node: FxIndexMap<usize, Arc<Ruleset>>,
}

impl<'c> KubeProxy<'c> {
    pub fn new(cluster: &'c Cluster) -> Self {
        Self { cluster, rules: OnceCell::new() }
    }

    fn made(&self) -> &Rules<'c> {
        let Cluster { services, endpoint_slices, kube_proxy, .. } = self.cluster;
        self.rules.get_or_init(|| Rules::new(services, endpoint_slices, kube_proxy))
    }

    /// The rules of a node, the kubelet's among them.
    pub fn rules(&self, node: usize, made: &mut Made) -> Arc<Ruleset> {
        if let Some(known) = made.of_node.get(&node) {
            return Arc::clone(known);
        }
        let mut addresses = Vec::new();
        let host = Host::of(&self.cluster.nodes[node], &mut addresses);
        let rules = self.made();
        Arc::clone(made.by_key.entry(rules.key(&host)).or_insert_with(|| Arc::new(rules.of(&host))))
    }

    /// The rules that many nodes share.
    pub fn make_shared(&self, made: &mut Made) -> Vec<Arc<Ruleset>> {
        let (rules, nodes) = (self.made(), &self.cluster.nodes);
        let mut alike: FxIndexMap<Vec<u32>, Vec<usize>> = FxIndexMap::default();
        if rules.n_depending_on_node() * nodes.len() <= MOST_LOOKED_AT {
            let mut addresses = Vec::new();
            for (node, own) in nodes.iter().enumerate() {
                alike.entry(rules.key(&Host::of(own, &mut addresses))).or_default().push(node);
            }
        }
        let mut shared = Vec::new();
        for (key, alike) in alike {
            if alike.len() * SHARED_BY < nodes.len() {
                continue;
            }
            let own = Arc::new(rules.of(&Host::of(&nodes[alike[0]], &mut Vec::new())));
            made.of_node.extend(alike.into_iter().map(|node| (node, Arc::clone(&own))));
            made.by_key.insert(key, Arc::clone(&own));
            shared.push(own);
        }
        shared
    }

    /// What kube-proxy and the kubelet do to a node that has no rules of theirs yet.
    pub fn node(&self, node: usize, made: &mut Made) -> Vec<Configured> {
        let netns = self.cluster.nodes[node].netns.clone();
        let config = &self.cluster.kube_proxy;
        let by = |op| Configured { op, origin: Some(BY.into()) };
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
