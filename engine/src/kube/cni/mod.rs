//! What CNI plugins set up: a pod's device and address, and how pods of different nodes reach each other.
//!
//! Three shapes: a bridge and routes between the nodes ([`bridge`]), a bridge and VXLAN as flannel has it ([`flannel`]),
//! and point-to-point links with proxy ARP as Calico has them ([`calico`]).

mod bridge;
mod calico;
mod flannel;
mod masquerade;
mod portmap;

use std::sync::Arc;

use super::{Cluster, Node, Pod};
use crate::base::Mac;
use crate::link::Conf;
use crate::tool::{Configured, End, Op, Setting};

/// How pods are attached to the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cni {
    /// The CNI project's `bridge` plugin, and a route to each other node's pods, as a cloud's routes or flannel's `host-gw`.
    #[default]
    Bridge,
    /// flannel with its VXLAN backend.
    Flannel,
    /// Calico without an overlay.
    Calico,
}

impl Cni {
    pub const ALL: [Self; 3] = [Self::Bridge, Self::Flannel, Self::Calico];

    /// As a lab's document names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Flannel => "flannel",
            Self::Calico => "calico",
        }
    }

    /// The bytes of a packet that a pod may send (the MTU of its `eth0`).
    pub const fn mtu_bytes(self) -> u32 {
        match self {
            Self::Bridge | Self::Calico => 1500,
            Self::Flannel => 1450,
        }
    }
}

/// What a node's plugin makes before any pod is there, and its routes to the other nodes' pods.
pub(super) fn node(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    match cluster.cni {
        Cni::Bridge => bridge::node(items, cluster, node),
        Cni::Flannel => flannel::node(items, cluster, node),
        Cni::Calico => calico::node(items, cluster, node),
    }
}

/// Attaches a pod, the `number`th of its node.
pub(super) fn attach(items: &mut Vec<Configured>, cluster: &Cluster, pod: &Pod, number: usize) {
    let node = &cluster.nodes[pod.node];
    match cluster.cni {
        // Only through a Service does a pod reach itself; else its own broadcasts would come back to it for nothing.
        Cni::Bridge => {
            let hairpin = cluster.changes || !cluster.services.is_empty();
            bridge::attach(items, pod, node, (number, Cni::Bridge.mtu_bytes(), hairpin));
        }
        Cni::Flannel => {
            bridge::attach(items, pod, node, (number, Cni::Flannel.mtu_bytes(), true));
        }
        Cni::Calico => calico::attach(items, pod, node),
    }
}

/// A node's rules that rewrite the source of what leaves the cluster.
pub(super) fn masquerade(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let own = &cluster.nodes[node];
    let netns = own.netns.clone();
    if cluster.cni == Cni::Calico {
        let sets = masquerade::sets(cluster).into();
        items.push(item(Op::IpsetRestore { netns: netns.clone(), sets }, &own.origin()));
    }
    let rules = Arc::new(masquerade::rules(cluster, own));
    items.push(item(Op::IptablesRestore { netns, rules }, &own.origin()));
}

/// What leads a node's ports to its pods.
pub(super) fn map_ports(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let own = &cluster.nodes[node];
    let Some(rules) = portmap::rules(cluster, node) else { return };
    let netns = own.netns.clone();
    if cluster.cni != Cni::Calico
        && let Some(pod) =
            cluster.pods.iter().find(|it| it.node == node && portmap::ports(it).next().is_some())
    {
        // So that what comes from the loopback gets to a pod (`enableLocalnetRouting`).
        let setting = Setting::Conf(Some(bridge::BRIDGE.to_owned()), Conf::RouteLocalnet, 1);
        items.push(item(Op::Sysctl { netns: netns.clone(), setting }, &pod.origin()));
    }
    items.push(item(Op::IptablesRestore { netns, rules: Arc::new(rules) }, &own.origin()));
}

/// A pod's device.
pub(super) const ETH0: &str = "eth0";

fn item(op: Op, origin: &str) -> Configured {
    Configured { op, origin: Some(origin.to_owned()) }
}

fn end(netns: &str, dev: impl Into<String>, mac: Mac) -> End {
    End { netns: netns.to_owned(), dev: dev.into(), mac }
}

/// The nodes that a node has routes to.
fn others(cluster: &Cluster, node: usize) -> impl Iterator<Item = &Node> {
    let others = cluster.nodes.iter().enumerate().filter(move |(index, _)| *index != node);
    others.map(|(_, node)| node)
}
