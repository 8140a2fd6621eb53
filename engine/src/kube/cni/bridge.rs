//! The CNI project's `bridge` plugin with `isGateway`, and with `hairpinMode` where there are Services; host routes between
//! nodes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{ETH0, end, item, others};
use crate::base::Mac;
use crate::kube::{Cluster, Node, Pod};
use crate::stack::fib::TableId;
use crate::tool::{Configured, Op, Way};

/// A node's bridge for its pods.
pub(super) const BRIDGE: &str = "vbr0";
const ETHERNET_MTU_BYTES: u32 = 1500;

pub(super) fn node(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let own = &cluster.nodes[node];
    add_bridge(items, own);
    if cluster.underlay.is_none() {
        return;
    }
    for other in others(cluster, node) {
        let (netns, dst, way) = (own.netns.clone(), other.pod_cidr, Way::Via(other.address));
        items.push(item(Op::AddRoute { netns, table: TableId::MAIN, dst, way }, &other.origin()));
    }
}

/// The bridge, with the address that is its pods' gateway.
pub(super) fn add_bridge(items: &mut Vec<Configured>, node: &Node) {
    let origin = node.origin();
    let bridge = end(&node.netns, BRIDGE, Mac::from_ipv4(node.gateway()));
    items.push(item(Op::AddBridge { bridge }, &origin));
    let addr = Ipv4Net::new_assert(node.gateway(), node.pod_cidr.prefix_len());
    let (netns, dev) = (node.netns.clone(), BRIDGE.to_owned());
    items.push(item(Op::AddAddr { netns, dev, addr }, &origin));
}

/// A namespace, a veth pair whose host end is a port of the bridge, an address and a default route.
pub(super) fn attach(
    items: &mut Vec<Configured>,
    pod: &Pod,
    node: &Node,
    (number, mtu_bytes, hairpin): (usize, u32, bool),
) {
    let origin = pod.origin();
    let (host_end, netns) = (format!("veth{number}"), pod.netns.clone());
    items.push(item(Op::AddNetns { netns: netns.clone() }, &origin));
    let ends = [
        end(&netns, ETH0, Mac::from_ipv4(pod.ip)),
        end(&node.netns, host_end.clone(), veth_mac(pod.ip)),
    ];
    items.push(item(Op::AddVeth { ends }, &origin));
    if mtu_bytes != ETHERNET_MTU_BYTES {
        for (netns, dev) in [(&netns, ETH0), (&node.netns, &host_end)] {
            let (netns, dev) = (netns.clone(), dev.to_owned());
            items.push(item(Op::SetMtu { netns, dev, mtu_bytes }, &origin));
        }
    }
    items.push(item(
        Op::SetMaster {
            netns: node.netns.clone(),
            port: host_end,
            bridge: BRIDGE.to_owned(),
            hairpin,
        },
        &origin,
    ));
    let addr = Ipv4Net::new_assert(pod.ip, node.pod_cidr.prefix_len());
    items.push(item(Op::AddAddr { netns: netns.clone(), dev: ETH0.to_owned(), addr }, &origin));
    let (dst, way) = (Ipv4Net::default(), Way::Via(node.gateway()));
    items.push(item(Op::AddRoute { netns, table: TableId::MAIN, dst, way }, &origin));
}

/// Of the host end of a pod's veth pair; a pod's own and its gateway's are `Mac::from_ipv4`.
fn veth_mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    Mac([0x1e, 0, a, b, c, d])
}
