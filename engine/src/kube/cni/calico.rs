//! Calico without an overlay: every pod has a link of its own to its node, which answers for every address the pod asks
//! for; nodes tell each other by BGP where pods are. Read cni-plugin/pkg/dataplane/linux of projectcalico/calico first.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{ETH0, end, item, others};
use crate::base::Mac;
use crate::kube::{Cluster, Node, Pod};
use crate::link::Conf;
use crate::stack::fib::TableId;
use crate::tool::{Configured, Op, Setting, Way};

/// The gateway of every pod, an address that no device has.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// Of the host end of every pod's link.
const HOST_MAC: Mac = Mac([0xee; 6]);
/// What a device may be called has 15 bytes: `cali` and eleven more.
const HASH_DIGITS: usize = 11;

/// The routes that BGP brings: a node's own range ends at it, another's is behind that one.
pub(super) fn node(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let own = &cluster.nodes[node];
    let mut route = |dst, way, origin: &str| {
        let op = Op::AddRoute { netns: own.netns.clone(), table: TableId::MAIN, dst, way };
        items.push(item(op, origin));
    };
    route(own.pod_cidr, Way::Blackhole, &own.origin());
    if cluster.underlay.is_some() {
        for other in others(cluster, node) {
            route(other.pod_cidr, Way::Via(other.address), &other.origin());
        }
    }
}

/// A namespace, a veth pair, an address for one host, and a default route by the gateway that its node plays.
pub(super) fn attach(items: &mut Vec<Configured>, pod: &Pod, node: &Node) {
    let origin = pod.origin();
    let (host_end, netns) = (device_name(pod), pod.netns.clone());
    let host = node.netns.clone();
    let address = Ipv4Net::new_assert(pod.ip, 32);
    items.push(item(Op::AddNetns { netns: netns.clone() }, &origin));
    let ends = [end(&netns, ETH0, Mac::from_ipv4(pod.ip)), end(&host, host_end.clone(), HOST_MAC)];
    items.push(item(Op::AddVeth { ends }, &origin));
    let dev = ETH0.to_owned();
    items.push(item(Op::AddAddr { netns: netns.clone(), dev, addr: address }, &origin));
    let mut route = |netns: &str, dst, way| {
        let op = Op::AddRoute { netns: netns.to_owned(), table: TableId::MAIN, dst, way };
        items.push(item(op, &origin));
    };
    route(&netns, Ipv4Net::new_assert(GATEWAY, 32), Way::Dev(ETH0.to_owned()));
    route(&netns, Ipv4Net::default(), Way::Via(GATEWAY));
    route(&host, address, Way::Dev(host_end.clone()));
    let settings = [
        Setting::ProxyDelay(host_end.clone(), 0),
        Setting::Conf(Some(host_end.clone()), Conf::ProxyArp, 1),
        Setting::Conf(Some(host_end), Conf::RouteLocalnet, 1),
    ];
    for setting in settings {
        items.push(item(Op::Sysctl { netns: host.clone(), setting }, &origin));
    }
}

/// `cali` and the beginning of a hash of the pod's name (`VethNameForWorkload`).
fn device_name(pod: &Pod) -> String {
    let hash =
        sha1_smol::Sha1::from(format!("{}.{}", pod.namespace, pod.name)).digest().to_string();
    format!("cali{}", &hash[..HASH_DIGITS])
}
