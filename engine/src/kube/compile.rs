//! A cluster as Linux configuration: machines and the switch between them, then what the CNI plugin adds for each pod,
//! then routes to the other nodes' pods, then the programs.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Cluster, Node, Pod, Protocol, Underlay};
use crate::base::Mac;
use crate::tool::{Configured, End, Op, Setting, Transport};

/// A node's bridge for its pods.
const BRIDGE: &str = "vbr0";
/// A pod's device, and a node's network card.
const ETH0: &str = "eth0";
/// The underlay switch's bridge.
const SWITCH_BRIDGE: &str = "br0";

/// Everything that a cluster needs, in an order in which it can be made.
pub fn compile(cluster: &Cluster) -> Vec<Configured> {
    let mut items = Vec::new();
    for node in &cluster.nodes {
        let origin = node.origin();
        items.push(item(Op::AddNetns { netns: node.netns.clone() }, &origin));
        let setting = Setting::IpForward(true);
        items.push(item(Op::Sysctl { netns: node.netns.clone(), setting }, &origin));
    }
    if let Some(underlay) = &cluster.underlay {
        join(&mut items, &cluster.nodes, underlay);
    }
    items.extend(cni_bridge(cluster));
    if cluster.underlay.is_some() {
        host_routes(&mut items, &cluster.nodes);
    }
    for pod in &cluster.pods {
        serve(&mut items, pod);
    }
    items
}

fn item(op: Op, origin: &str) -> Configured {
    Configured { op, origin: Some(origin.to_owned()) }
}

fn end(netns: &str, dev: impl Into<String>, mac: Mac) -> End {
    End { netns: netns.to_owned(), dev: dev.into(), mac }
}

/// The machines' network cards, cabled to a switch.
fn join(items: &mut Vec<Configured>, nodes: &[Node], underlay: &Underlay) {
    let Underlay { netns: switch, prefix_len } = underlay;
    let own = |op| Configured { op, origin: None };
    items.push(own(Op::AddNetns { netns: switch.clone() }));
    items.push(own(Op::AddBridge { bridge: end(switch, SWITCH_BRIDGE, switch_mac(0)) }));
    for (index, node) in nodes.iter().enumerate() {
        let (number, origin) = (index + 1, node.origin());
        let port = format!("port{number}");
        items.push(item(
            Op::AddCable {
                ends: [
                    end(&node.netns, ETH0, node_mac(node.address)),
                    end(switch, port.clone(), switch_mac(number)),
                ],
            },
            &origin,
        ));
        let bridge = SWITCH_BRIDGE.to_owned();
        items.push(item(Op::SetMaster { netns: switch.clone(), port, bridge }, &origin));
        let addr = Ipv4Net::new_assert(node.address, *prefix_len);
        let (netns, dev) = (node.netns.clone(), ETH0.to_owned());
        items.push(item(Op::AddAddr { netns, dev, addr }, &origin));
    }
}

/// The CNI project's `bridge` plugin with `isGateway`: a bridge on each node, and for each pod a namespace, a veth pair
/// whose host end is a port of that bridge, an address and a default route.
pub fn cni_bridge(cluster: &Cluster) -> Vec<Configured> {
    let mut items = Vec::new();
    for node in &cluster.nodes {
        let origin = node.origin();
        let bridge = end(&node.netns, BRIDGE, Mac::from_ipv4(node.gateway()));
        items.push(item(Op::AddBridge { bridge }, &origin));
        let addr = Ipv4Net::new_assert(node.gateway(), node.pod_cidr.prefix_len());
        let (netns, dev) = (node.netns.clone(), BRIDGE.to_owned());
        items.push(item(Op::AddAddr { netns, dev, addr }, &origin));
    }
    let mut veths = vec![0; cluster.nodes.len()];
    for pod in cluster.pods.iter().filter(|pod| !pod.host_network) {
        attach(&mut items, pod, &cluster.nodes[pod.node], veths[pod.node]);
        veths[pod.node] += 1;
    }
    items
}

fn attach(items: &mut Vec<Configured>, pod: &Pod, node: &Node, number: usize) {
    let origin = pod.origin();
    let (host_end, netns) = (format!("veth{number}"), pod.netns.clone());
    items.push(item(Op::AddNetns { netns: netns.clone() }, &origin));
    let ends = [
        end(&netns, ETH0, Mac::from_ipv4(pod.ip)),
        end(&node.netns, host_end.clone(), veth_mac(pod.ip)),
    ];
    items.push(item(Op::AddVeth { ends }, &origin));
    let bridge = BRIDGE.to_owned();
    items.push(item(Op::SetMaster { netns: node.netns.clone(), port: host_end, bridge }, &origin));
    let addr = Ipv4Net::new_assert(pod.ip, node.pod_cidr.prefix_len());
    items.push(item(Op::AddAddr { netns: netns.clone(), dev: ETH0.to_owned(), addr }, &origin));
    let via = node.gateway();
    items.push(item(Op::AddRoute { netns, dst: Ipv4Net::default(), via }, &origin));
}

/// Every node reaches the other nodes' pods through those nodes, as flannel's `host-gw` or a cloud's routes have it.
fn host_routes(items: &mut Vec<Configured>, nodes: &[Node]) {
    for node in nodes {
        for other in nodes.iter().filter(|other| other.name != node.name) {
            let (netns, dst, via) = (node.netns.clone(), other.pod_cidr, other.address);
            items.push(item(Op::AddRoute { netns, dst, via }, &other.origin()));
        }
    }
}

/// A program behind each UDP and TCP port that a container declares.
fn serve(items: &mut Vec<Configured>, pod: &Pod) {
    for container in &pod.containers {
        for port in &container.ports {
            let transport = match port.protocol {
                Protocol::Udp => Transport::Udp,
                Protocol::Tcp => Transport::Tcp,
                Protocol::Sctp => continue,
            };
            let serve = Op::Serve {
                netns: pod.netns.clone(),
                transport,
                port: port.number,
                answer: format!("hello from {}", pod.short_name()).into_bytes(),
                owner: format!("container {}", container.name),
            };
            items.push(item(serve, &pod.origin()));
        }
    }
}

// Locally administered addresses that tell what they belong to; a pod's own and its gateway's are `Mac::from_ipv4`.

/// The host end of a pod's veth pair.
fn veth_mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    Mac([0x1e, 0, a, b, c, d])
}

/// A node's network card.
fn node_mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    Mac([2, 0, a, b, c, d])
}

/// A port of the underlay switch, counted from 1; 0 is its bridge. No node's address begins with 0.
fn switch_mac(number: usize) -> Mac {
    let [.., b, c, d] = number.to_be_bytes();
    Mac([2, 0, 0, b, c, d])
}
