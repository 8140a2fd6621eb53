//! A cluster as Linux configuration: machines and the switch between them, then each node: what its CNI plugin makes, its
//! pods, the programs in them, and what keeps its policies.

use ipnet::Ipv4Net;

use super::kube_proxy::KubeProxy;
use super::outside::{self, SwitchPorts, end, item};
use super::policy::rules::Enforcement;
use super::{Cluster, Node, Pod, Protocol, Underlay, cni};
use crate::app::App;
use crate::app::http_server::HttpServer;
use crate::base::Mac;
use crate::tool::{Configured, Op, Setting, Transport};

/// The underlay switch's bridge.
const SWITCH_BRIDGE: &str = "br0";
/// Its ports count on from here.
const SWITCH_MAC: Mac = Mac([2, 0, 0, 0, 0, 0]);

/// Everything that a cluster needs, in an order in which it can be made.
pub fn compile(cluster: &Cluster) -> Vec<Configured> {
    let mut items = machines(cluster);
    let mut kube_proxy = KubeProxy::new(cluster);
    let policies = Enforcement::new(cluster);
    for index in 0..cluster.nodes.len() {
        items.extend(node(cluster, &mut kube_proxy, index));
        items.extend(policies.iter().flat_map(|it| it.node(index)));
    }
    items
}

/// The machines with their network cards, and the network between them.
pub fn machines(cluster: &Cluster) -> Vec<Configured> {
    let mut items = Vec::new();
    for node in &cluster.nodes {
        let origin = node.origin();
        items.push(item(Op::AddNetns { netns: node.netns.clone() }, Some(&origin)));
        let setting = Setting::IpForward(true);
        items.push(item(Op::Sysctl { netns: node.netns.clone(), setting }, Some(&origin)));
    }
    if let Some(underlay) = &cluster.underlay {
        let mut ports = join(&mut items, &cluster.nodes, underlay);
        outside::compile(&mut items, cluster, &mut ports);
    }
    items
}

/// What a machine becomes as a node: its network for pods, its pods, and the rules of those who write some.
pub fn node(cluster: &Cluster, kube_proxy: &mut KubeProxy<'_>, node: usize) -> Vec<Configured> {
    let mut items = Vec::new();
    cni::node(&mut items, cluster, node);
    let pods = || cluster.pods.iter().filter(move |pod| pod.node == node);
    for (number, pod) in pods().filter(|pod| !pod.host_network).enumerate() {
        cni::attach(&mut items, cluster, pod, number);
    }
    if has_rules(cluster) {
        let own = &cluster.nodes[node];
        let setting = Setting::BridgeCallsIptables(true);
        let op = Op::Sysctl { netns: own.netns.clone(), setting };
        items.push(item(op, Some(&own.origin())));
        items.extend(kube_proxy.node(node));
        cni::masquerade(&mut items, cluster, node);
    }
    for pod in pods() {
        serve(&mut items, pod);
    }
    items
}

/// Without a Service, a policy and a way out no rule of a node does anything, so its rules are left out, and with them the hooks.
fn has_rules(cluster: &Cluster) -> bool {
    !cluster.services.is_empty() || cluster.outside.is_some() || !cluster.policies.is_empty()
}

/// The machines' network cards, cabled to a switch.
fn join<'c>(
    items: &mut Vec<Configured>,
    nodes: &[Node],
    underlay: &'c Underlay,
) -> SwitchPorts<'c> {
    let Underlay { netns: switch, prefix_len } = underlay;
    items.push(item(Op::AddNetns { netns: switch.clone() }, None));
    items.push(item(Op::AddBridge { bridge: end(switch, SWITCH_BRIDGE, SWITCH_MAC) }, None));
    let mut ports = SwitchPorts { switch, bridge: SWITCH_BRIDGE, n_used: 0 };
    for node in nodes {
        let addr = Ipv4Net::new_assert(node.address, *prefix_len);
        ports.plug(items, &node.netns, addr, Some(&node.origin()));
    }
    ports
}

/// The programs of a pod's containers: each serves HTTP on the TCP ports that it declares, and answers on the others.
fn serve(items: &mut Vec<Configured>, pod: &Pod) {
    let origin = pod.origin();
    for container in &pod.containers {
        let owner = format!("container {}", container.name);
        let of = |protocol| container.ports.iter().filter(move |it| it.protocol == protocol);
        let ports: Vec<u16> = of(Protocol::Tcp).map(|it| it.number).collect();
        if !ports.is_empty() {
            let by = format!("{}/{}", pod.namespace, pod.name);
            let app = App::HttpServer(HttpServer::new(&by, ports, 200));
            let (netns, owner) = (pod.netns.clone(), owner.clone());
            items.push(item(Op::Run { netns, owner, app }, Some(&origin)));
        }
        for port in of(Protocol::Udp) {
            let serve = Op::Serve {
                netns: pod.netns.clone(),
                transport: Transport::Udp,
                port: port.number,
                answer: format!("hello from {}", pod.short_name()).into_bytes(),
                owner: owner.clone(),
            };
            items.push(item(serve, Some(&origin)));
        }
    }
}
