//! flannel's VXLAN backend: the bridge plugin on each node, and `flannel.1`, an Ethernet in UDP datagrams between the
//! nodes, with a neighbour and a forwarding entry for each other node. Read pkg/backend/vxlan of flannel-io/flannel first.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Cni, ETH0, bridge, end, item, others};
use crate::base::Mac;
use crate::kube::{Cluster, Node};
use crate::stack::fib::TableId;
use crate::tool::{Configured, Op, Way};
use crate::wire::vxlan::Vni;

const FLANNEL: &str = "flannel.1";
/// The port that Linux had before VXLAN's own, which flannel kept.
const PORT: u16 = 8472;

pub(super) fn node(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let own = &cluster.nodes[node];
    bridge::add_bridge(items, own);
    if cluster.underlay.is_none() {
        return;
    }
    let origin = own.origin();
    let (netns, dev) = (own.netns.clone(), FLANNEL.to_owned());
    items.push(item(
        Op::AddVxlan {
            tunnel: end(&own.netns, FLANNEL, vtep_mac(own)),
            vni: Vni::new(1).expect("it has 24 bits"),
            local: own.address,
            underlay: ETH0.to_owned(),
            port: PORT,
        },
        &origin,
    ));
    let mtu_bytes = Cni::Flannel.mtu_bytes();
    items.push(item(Op::SetMtu { netns: netns.clone(), dev: dev.clone(), mtu_bytes }, &origin));
    let addr = Ipv4Net::new_assert(vtep(own), 32);
    items.push(item(Op::AddAddr { netns, dev, addr }, &origin));
    for other in others(cluster, node) {
        reach(items, own, other);
    }
}

/// How a node finds another: the other's tunnel end by a permanent neighbour, that one's machine by a forwarding entry.
fn reach(items: &mut Vec<Configured>, own: &Node, other: &Node) {
    let origin = other.origin();
    let (netns, dev) = (own.netns.clone(), FLANNEL.to_owned());
    let (ip, mac) = (vtep(other), vtep_mac(other));
    items.push(item(Op::AddNeigh { netns: netns.clone(), dev: dev.clone(), ip, mac }, &origin));
    let remote = other.address;
    items
        .push(item(Op::AddRemote { netns: netns.clone(), dev: dev.clone(), mac, remote }, &origin));
    let (dst, way) = (other.pod_cidr, Way::OnLink(ip, dev));
    items.push(item(Op::AddRoute { netns, table: TableId::MAIN, dst, way }, &origin));
}

/// The address of a node's `flannel.1`: the range's own.
fn vtep(node: &Node) -> Ipv4Addr {
    node.pod_cidr.network()
}

fn vtep_mac(node: &Node) -> Mac {
    let [a, b, c, d] = vtep(node).octets();
    Mac([0x1e, 0xf1, a, b, c, d])
}
