//! A cloud's load balancer for a Service of that type: a machine that has the advertised address and passes connections on
//! to the nodes' node ports.
//!
//! Passing on rewrites the destination alone, so that the node sees the client's address, and the cloud's network brings
//! the answers back here (policy rules of the gateway). A balancer that does not keep the client's address rewrites the
//! source, too; one that is a proxy ends the connection and opens its own, by a program. With `externalTrafficPolicy: Local` only nodes that have an endpoint pass the health check.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::endpoint_slice::EndpointSlice;
use super::outside::{Outside, SwitchPorts, item};
use super::service::{Service, ServicePort};
use super::{Cluster, Node, Protocol};
use crate::app::App;
use crate::app::balancer::{Balancer, Check};
use crate::base::sort_by;
use crate::link::Conf;
use crate::stack::fib::TableId;
use crate::tool::{Configured, Op, Ruleset, Setting, Transport, Way};

/// What the gateway marks answers with that belong to a connection of its own: whoever asked came by no balancer.
const OWN: u32 = 1;
const OWN_PRIORITY: u32 = 999;
/// The gateway's table for what goes back through a balancer; the next Service has the next, and 253 to 255 are the kernel's.
const FIRST_TABLE: u32 = 1000;
const FIRST_PRIORITY: u32 = 1000;

/// A load balancer of one Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadBalancer {
    /// Its network namespace.
    pub netns: String,
    /// Index into the cluster's Services.
    pub service: usize,
    /// Where clients find it.
    pub address: Ipv4Addr,
    /// On the underlay.
    pub private_address: Ipv4Addr,
    /// Nodes that pass its health check, as indices into the cluster's.
    pub nodes: Vec<usize>,
    pub keeps_client: bool,
    /// It ends connections by TCP and opens its own.
    pub is_proxy: bool,
    /// None: it knows which nodes are well.
    pub check: Option<Check>,
}

impl LoadBalancer {
    /// Its program, where it needs one: a proxy, or health checks.
    fn program(&self, cluster: &Cluster) -> Option<App> {
        let address = |node: usize| cluster.nodes[node].address;
        let nodes: Vec<Ipv4Addr> = match self.check {
            Some(_) => cluster.nodes.iter().map(|it| it.address).collect(),
            None => self.nodes.iter().map(|&node| address(node)).collect(),
        };
        let service = &cluster.services[self.service];
        let tcp = passed_on(service).filter(|(by, ..)| self.is_proxy && *by == Transport::Tcp);
        let ports: Vec<(u16, u16)> = tcp.map(|(_, port, own)| (port.number, own)).collect();
        if ports.is_empty() && self.check.is_none() {
            return None;
        }
        Some(App::Balancer(Box::new(Balancer::new(ports, &nodes, self.check))))
    }
}

/// Where kube-proxy says that it is well (`--healthz-bind-address`).
pub(super) const KUBE_PROXY_HEALTHZ: u16 = 10_256;

/// Which nodes a Service's load balancer may pass to: all, or those with an endpoint of it.
pub(super) fn healthy_nodes(cluster: &Cluster, service: &Service) -> Vec<usize> {
    healthy(&cluster.nodes, &cluster.endpoint_slices, service)
}

/// The same, of these nodes and slices.
pub(super) fn healthy(all: &[Node], slices: &[EndpointSlice], service: &Service) -> Vec<usize> {
    if service.health_check().is_none() {
        return (0..all.len()).collect();
    }
    let own = |slice: &&EndpointSlice| {
        slice.namespace == service.namespace && slice.service.as_deref() == Some(&service.name)
    };
    let mut nodes = Vec::new();
    for endpoint in slices.iter().filter(own).flat_map(|it| &it.endpoints) {
        let node = endpoint.node_name.as_deref();
        let node = node.and_then(|name| all.iter().position(|it| it.name == name));
        let is_ready = endpoint.conditions.is_ready();
        nodes.extend(node.filter(|_| is_ready));
    }
    sort_by(&mut nodes, Ord::cmp);
    nodes.dedup();
    nodes
}

/// Lets the answers to those go their own way who came straight to a node port, past a balancer that keeps the client's
/// address. `rules` are the gateway's.
pub(super) fn spare_others(items: &mut Vec<Configured>, outside: &Outside, rules: &mut Ruleset) {
    if !outside.load_balancers.iter().any(|it| it.keeps_client) {
        return;
    }
    let own = "the internet gateway";
    rules.line("*mangle", own);
    rules.line(
        &format!(
            "-A PREROUTING -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j MARK --set-xmark {OWN:#x}/0xffffffff"
        ),
        own,
    );
    rules.line("COMMIT", own);
    let op = Op::AddRule {
        netns: outside.gateway.clone(),
        priority: OWN_PRIORITY,
        src: Ipv4Net::default(),
        sport: None,
        mark: Some(OWN),
        table: TableId::MAIN,
    };
    items.push(item(op, None));
}

pub(super) fn compile(
    items: &mut Vec<Configured>,
    cluster: &Cluster,
    outside: &Outside,
    balancer: &LoadBalancer,
    ports: &mut SwitchPorts<'_>,
) {
    let Some(underlay) = &cluster.underlay else { return };
    let service = &cluster.services[balancer.service];
    let origin = service.origin();
    let netns = &balancer.netns;
    let mut add = |op| items.push(item(op, Some(&origin)));
    add(Op::AddNetns { netns: netns.clone() });
    for setting in [
        Setting::IpForward(true),
        // All that comes in by the one link goes out by it.
        Setting::Conf(None, Conf::SendRedirects, 0),
    ] {
        add(Op::Sysctl { netns: netns.clone(), setting });
    }
    let private = Ipv4Net::new_assert(balancer.private_address, underlay.prefix_len);
    ports.plug(items, netns, private, Some(&origin));
    let setting = Setting::Conf(Some("eth0".to_owned()), Conf::SendRedirects, 0);
    items.push(item(Op::Sysctl { netns: netns.clone(), setting }, Some(&origin)));
    let mut add = |op| items.push(item(op, Some(&origin)));
    let addr = Ipv4Net::new_assert(balancer.address, 32);
    add(Op::AddAddr { netns: netns.clone(), dev: "lo".to_owned(), addr });
    let route =
        |netns: &str, table, dst, way| Op::AddRoute { netns: netns.to_owned(), table, dst, way };
    let default = Ipv4Net::default();
    add(route(netns, TableId::MAIN, default, Way::Via(outside.gateway_address)));
    add(route(&outside.gateway, TableId::MAIN, addr, Way::Via(balancer.private_address)));
    if balancer.keeps_client {
        answers_come_back(items, cluster, outside, balancer);
    }
    let rules = Arc::new(rules(cluster, balancer));
    items.push(item(Op::IptablesRestore { netns: netns.clone(), rules }, Some(&origin)));
    if let Some(app) = balancer.program(cluster) {
        let (netns, owner, app) = (netns.clone(), "the load balancer".to_owned(), Box::new(app));
        items.push(item(Op::Run { netns, owner, app }, Some(&origin)));
    }
}

/// What nodes answer from a node port goes back through the balancer, which alone knows what to make of it.
fn answers_come_back(
    items: &mut Vec<Configured>,
    cluster: &Cluster,
    outside: &Outside,
    balancer: &LoadBalancer,
) {
    let service = &cluster.services[balancer.service];
    let number = u32::try_from(balancer.service).unwrap_or(0);
    let table = TableId(FIRST_TABLE + number);
    let netns = &outside.gateway;
    let origin = service.origin();
    let (dst, way) = (Ipv4Net::default(), Way::Via(balancer.private_address));
    let op = Op::AddRoute { netns: netns.clone(), table, dst, way };
    items.push(item(op, Some(&origin)));
    for (transport, _, node_port) in passed_on(service) {
        for &node in &balancer.nodes {
            let op = Op::AddRule {
                netns: netns.clone(),
                priority: FIRST_PRIORITY + number,
                src: Ipv4Net::new_assert(cluster.nodes[node].address, 32),
                sport: Some((transport, node_port)),
                mark: None,
                table,
            };
            items.push(item(op, Some(&origin)));
        }
    }
}

/// The ports that a balancer listens on, with the node ports behind them.
fn passed_on(service: &Service) -> impl Iterator<Item = (Transport, &ServicePort, u16)> {
    service.ports.iter().filter_map(|port| {
        let transport = match port.protocol {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
            Protocol::Sctp => return None,
        };
        Some((transport, port, port.node_port?))
    })
}

fn rules(cluster: &Cluster, balancer: &LoadBalancer) -> Ruleset {
    let service = &cluster.services[balancer.service];
    let (origin, address) = (service.origin(), balancer.address);
    let mut rules = Ruleset::default();
    let mut line = |text: &str| rules.line(text, &origin);
    line("*filter");
    if !service.source_ranges.is_empty() {
        line("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        for range in &service.source_ranges {
            line(&format!("-A FORWARD -s {range} -j ACCEPT"));
        }
        line("-A FORWARD -j DROP");
        if balancer.is_proxy {
            line("-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
            for range in &service.source_ranges {
                line(&format!("-A INPUT -s {range} -d {address}/32 -j ACCEPT"));
            }
            line(&format!("-A INPUT -d {address}/32 -j DROP"));
        }
    }
    line("COMMIT");
    line("*nat");
    let by_rules =
        |it: &(Transport, &ServicePort, u16)| !(balancer.is_proxy && it.0 == Transport::Tcp);
    for (transport, port, node_port) in passed_on(service).filter(by_rules) {
        let name = transport.name();
        for (tried, &node) in balancer.nodes.iter().enumerate() {
            let left = balancer.nodes.len() - tried;
            let chance = match left {
                1 => String::new(),
                _ => format!(" -m statistic --mode nth --every {left} --packet 0"),
            };
            let to = cluster.nodes[node].address;
            line(&format!(
                "-A PREROUTING -d {address}/32 -p {name} -m {name} --dport {}{chance} -j DNAT --to-destination {to}:{node_port}",
                port.number
            ));
        }
    }
    if !balancer.keeps_client {
        line("-A POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE");
    }
    line("COMMIT");
    rules
}
