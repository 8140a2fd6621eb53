//! A cluster as Linux configuration: machines and the switch between them, then each node: what its CNI plugin makes, its
//! pods, the programs in them, and what keeps its policies.

use std::net::SocketAddrV4;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::kept::Kept;
use super::kube_proxy::{KubeProxy, Made};
use super::load_balancer::KUBE_PROXY_HEALTHZ;
use super::outside::{self, SwitchPorts, end, item};
use super::policy::rules::Enforcement;
use super::{Cluster, Node, Pod, Protocol, Underlay, addons, cni, dns, load_balancer};
use crate::app::dns_server::{DnsServer, Zone};
use crate::app::http_server::HttpServer;
use crate::app::ingress::route::Routes;
use crate::app::ingress::{Ingress, Ports};
use crate::app::{App, Chance};
use crate::base::Mac;
use crate::tool::{Configured, Op, Setting, Transport};

/// The underlay switch's bridge.
const SWITCH_BRIDGE: &str = "br0";
const DNS_PORT: u16 = 53;
const HTTPS_PORT: u16 = 443;
/// What its identifiers and turns begin with.
const DNS_SEED: u16 = 53;
/// Its ports count on from here.
const SWITCH_MAC: Mac = Mac([2, 0, 0, 0, 0, 0]);

/// Everything that a cluster needs, in an order in which it can be made.
pub fn compile(cluster: &Cluster) -> Vec<Configured> {
    let mut items = machines(cluster);
    let (mut shared, mut made) = (Shared::new(cluster), Made::default());
    for index in 0..cluster.nodes.len() {
        items.extend(shared.configure(cluster, index, &mut made));
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

/// What makes machines nodes.
pub struct Nodes<'c> {
    cluster: &'c Cluster,
    kept: &'c Kept,
    /// What all nodes share, once the first is made.
    shared: Option<Shared<'c>>,
}

struct Shared<'c> {
    kube_proxy: KubeProxy<'c>,
    policies: Option<Enforcement<'c>>,
    programs: Programs<'c>,
}

/// What runs in pods.
pub(super) struct Programs<'c> {
    cluster: &'c Cluster,
    /// What the cluster's DNS servers know, once one is started.
    zones: Option<Arc<[Zone]>>,
    /// Where its ingress controllers lead to, once one is started.
    routes: Option<Arc<Routes>>,
}

impl<'c> Nodes<'c> {
    /// `kept` is of this cluster.
    pub fn new(cluster: &'c Cluster, kept: &'c Kept) -> Self {
        Self { cluster, kept, shared: None }
    }

    /// What a machine becomes as a node: its network for pods, its pods, the rules of those who write some, and programs.
    pub fn configure(&mut self, node: usize) -> Arc<[Configured]> {
        let Self { cluster, kept, shared } = self;
        kept.node(node, |made| {
            shared.get_or_insert_with(|| Shared::new(cluster)).configure(cluster, node, made)
        })
    }
}

impl<'c> Shared<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let (kube_proxy, policies) = (KubeProxy::new(cluster), Enforcement::new(cluster));
        Self { kube_proxy, policies, programs: Programs::new(cluster) }
    }

    fn configure(&mut self, cluster: &Cluster, node: usize, made: &mut Made) -> Vec<Configured> {
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
            items.extend(self.kube_proxy.node(node, made));
            cni::masquerade(&mut items, cluster, node);
            cni::map_ports(&mut items, cluster, node);
        }
        items.extend(self.policies.iter().flat_map(|it| it.node(node)));
        health_checks(&mut items, cluster, node);
        for pod in pods() {
            items.extend(self.programs.of(pod));
        }
        items
    }
}

impl<'c> Programs<'c> {
    pub(super) fn new(cluster: &'c Cluster) -> Self {
        Self { cluster, zones: None, routes: None }
    }

    /// The programs of a pod.
    pub(super) fn of(&mut self, pod: &Pod) -> Vec<Configured> {
        if addons::is_dns(&pod.labels) {
            return vec![self.dns_server(pod)];
        }
        if addons::is_ingress_controller(&pod.labels) {
            return vec![self.ingress_controller(pod)];
        }
        let mut items = Vec::new();
        serve(&mut items, pod);
        items
    }

    /// The controller: a proxy that dials the endpoints of the Services behind the cluster's Ingresses.
    fn ingress_controller(&mut self, pod: &Pod) -> Configured {
        let cluster = self.cluster;
        let routes = self.routes.get_or_insert_with(|| Arc::new(cluster.ingress_routes()));
        let mut ports = Ports { http: Vec::new(), tls: Vec::new() };
        for port in pod.ports().filter(|it| it.protocol == Protocol::Tcp) {
            let is_tls = port.number == HTTPS_PORT || port.name.as_deref() == Some("https");
            let list = if is_tls { &mut ports.tls } else { &mut ports.http };
            list.push(port.number);
        }
        let owner = pod.containers.first().map_or("controller", |it| it.name.as_str());
        let (netns, owner) = (pod.netns.clone(), format!("container {owner}"));
        let app = Box::new(App::Ingress(Box::new(Ingress::new(Arc::clone(routes), ports))));
        item(Op::Run { netns, owner, app }, Some(&pod.origin()))
    }

    /// CoreDNS: it answers for the cluster, and asks the node's own servers for the rest.
    fn dns_server(&mut self, pod: &Pod) -> Configured {
        let cluster = self.cluster;
        let zones = self.zones.get_or_insert_with(|| dns::zones(cluster, &cluster.domain()).into());
        let upstream = cluster.node_resolv_conf().nameservers;
        let upstream = upstream.into_iter().map(|ip| SocketAddrV4::new(ip, DNS_PORT)).collect();
        let server = DnsServer::new(Arc::clone(zones), upstream, Chance::new(DNS_SEED));
        let owner = pod.containers.first().map_or("coredns", |it| it.name.as_str());
        let (netns, owner) = (pod.netns.clone(), format!("container {owner}"));
        item(Op::Run { netns, owner, app: Box::new(App::DnsServer(server)) }, Some(&pod.origin()))
    }
}

/// Where kube-proxy tells load balancers whether the node has an endpoint (pkg/proxy/healthcheck). The page has only the
/// status in common with its.
fn health_checks(items: &mut Vec<Configured>, cluster: &Cluster, node: usize) {
    let mut serve = |port, status, origin: &str| {
        let app = Box::new(App::HttpServer(HttpServer::new("kube-proxy", vec![port], status)));
        let netns = cluster.nodes[node].netns.clone();
        let op = Op::Run { netns, owner: "kube-proxy".to_owned(), app };
        items.push(item(op, Some(origin)));
    };
    let checks = cluster.outside.iter().flat_map(|it| &it.load_balancers);
    if checks.filter_map(|it| it.check).any(|it| it.port == KUBE_PROXY_HEALTHZ) {
        serve(KUBE_PROXY_HEALTHZ, 200, "kube-proxy");
    }
    for service in &cluster.services {
        let Some(port) = service.health_check() else { continue };
        let is_healthy = load_balancer::healthy_nodes(cluster, service).contains(&node);
        serve(port, if is_healthy { 200 } else { 503 }, &service.origin());
    }
}

/// Without a Service, a policy and a way out no rule of a node does anything, so its rules are left out, and with them the
/// hooks, unless something may come that does.
pub fn has_rules(cluster: &Cluster) -> bool {
    cluster.changes
        || !cluster.services.is_empty()
        || cluster.outside.is_some()
        || !cluster.policies.is_empty()
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
            let app = Box::new(App::HttpServer(HttpServer::new(&by, ports, 200)));
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
