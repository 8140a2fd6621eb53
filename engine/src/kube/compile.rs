//! A cluster as Linux configuration: machines and the switch between them, then each node: what its CNI plugin makes, its
//! pods, the programs in them, and what keeps its policies.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::policy::rules::Enforcement;
use super::{Cluster, Node, Pod, Protocol, Underlay, cni};
use crate::base::Mac;
use crate::tool::{Configured, End, Op, Setting, Transport};

/// The underlay switch's bridge.
const SWITCH_BRIDGE: &str = "br0";

/// Everything that a cluster needs, in an order in which it can be made.
pub fn compile(cluster: &Cluster) -> Vec<Configured> {
    let mut items = machines(cluster);
    let policies = Enforcement::new(cluster);
    for index in 0..cluster.nodes.len() {
        node(&mut items, cluster, index);
        items.extend(policies.iter().flat_map(|it| it.node(index)));
    }
    items
}

/// The machines with their network cards, and the network between them.
pub fn machines(cluster: &Cluster) -> Vec<Configured> {
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
    items
}

/// What a machine becomes as a node: its network for pods, and its pods.
pub fn node(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    cni::node(items, cluster, node);
    let pods = || cluster.pods.iter().filter(move |pod| pod.node == node);
    for (number, pod) in pods().filter(|pod| !pod.host_network).enumerate() {
        cni::attach(items, cluster, pod, number);
    }
    for pod in pods() {
        serve(items, pod);
    }
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
                    end(&node.netns, cni::ETH0, node_mac(node.address)),
                    end(switch, port.clone(), switch_mac(number)),
                ],
            },
            &origin,
        ));
        let bridge = SWITCH_BRIDGE.to_owned();
        items.push(item(
            Op::SetMaster { netns: switch.clone(), port, bridge, hairpin: false },
            &origin,
        ));
        let addr = Ipv4Net::new_assert(node.address, *prefix_len);
        let (netns, dev) = (node.netns.clone(), cni::ETH0.to_owned());
        items.push(item(Op::AddAddr { netns, dev, addr }, &origin));
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

// Locally administered addresses that tell what they belong to.

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
