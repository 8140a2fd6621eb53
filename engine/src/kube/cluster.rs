//! Where everything goes: names checked against each other, ranges and addresses given out, pods placed on nodes.

use std::iter;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::controllers::{endpoint_slices, services, workloads};
use super::host_ports::{self, Taken};
use super::object::{
    Marked, Meta, NetworkPolicyObject, NodeObject, Objects, PodObject, Seen, ServiceObject,
};
use super::ranges::UNDERLAY;
use super::service::ServiceType;
use super::{
    Cluster, Cni, Internet, LoadBalancer, Node, Outside, Pod, Port, Settings, Underlay, limits,
    load_balancer, outside, policy,
};
use crate::app::balancer::Check;
use crate::base::{FxIndexMap, sort_by_number};
use crate::yaml::{Place, Problem, Report};

/// The last byte of the address before the first node's.
const BEFORE_FIRST_NODE: u8 = 10;
/// The most bits that the nodes' addresses share, so that there is room for more nodes.
const UNDERLAY_BITS: u8 = 24;

impl Objects {
    /// Places everything. None: the report says why not.
    pub fn cluster(mut self, settings: &Settings, report: &mut Report) -> Option<Cluster> {
        if self.nodes.is_empty() && self.pods.is_empty() && self.workloads.is_empty() {
            if report.is_ok() {
                let message =
                    "expected at least one Kubernetes object of kind Pod or Node, found none";
                report.problem(Problem::of_text(message));
            }
            return None;
        }
        let is_assumed = self.nodes.is_empty();
        if is_assumed {
            let message = "no Node is described: node-1 is assumed, with podCIDR 10.244.1.0/24";
            report.notice(Problem::of_text(message));
            self.nodes.push(NodeObject {
                meta: Meta::of_nobody("node-1"),
                pod_cidr: None,
                address: None,
                more_addresses: Vec::new(),
                external: None,
                unschedulable: false,
            });
        }
        let has_ingresses = !self.ingresses.is_empty();
        self.install_addons(settings, has_ingresses);
        let mut asked = settings.internet.clone();
        asked.ports.extend(self.outer_ports());
        self.pods.extend(workloads::pods(&self.workloads, &self.pods, &self.nodes));
        check_counts(&self, report);
        check_names(&self, is_assumed, report);
        if !report.is_ok() {
            return None;
        }
        // Each of these builds on the one before: a second complaint would only repeat the first.
        let ranges = give_ranges(&self.nodes, report);
        if !report.is_ok() {
            return None;
        }
        let addresses = give_addresses(&self.nodes, report);
        if !report.is_ok() {
            return None;
        }
        check_addresses(&self.nodes, &addresses, &ranges, report);
        let is_from_outside = |it: &ServiceObject| {
            matches!(it.service.kind, ServiceType::NodePort | ServiceType::LoadBalancer)
                || !it.service.external_ips.is_empty()
        };
        let has_outside = settings.needs_outside
            || asked.ports.len() > settings.internet.ports.len()
            || settings.cni == Cni::Calico
            || self.pods.iter().any(PodObject::has_host_ports)
            || self.services.iter().any(is_from_outside);
        let needed = has_outside
            || self.nodes.len() > 1
            || self.pods.iter().any(|pod| pod.spec.host_network);
        let prefix_len = if needed { shared_bits(&self.nodes, &addresses, report) } else { None };
        if !report.is_ok() {
            return None;
        }
        let mut nodes = Vec::new();
        for ((object, pod_cidr), address) in self.nodes.iter().zip(ranges).zip(addresses) {
            let name = object.meta.name.clone();
            let labels = object.meta.labels.clone();
            let more_addresses = object.more_addresses.clone();
            nodes.push(Node {
                netns: name.clone(),
                name,
                address,
                more_addresses,
                pod_cidr,
                labels,
            });
        }
        let switch_taken = nodes.iter().any(|node| node.netns == "switch");
        let underlay = prefix_len.map(|prefix_len| Underlay {
            // No object's name has an underscore at its end.
            netns: if switch_taken { "switch_" } else { "switch" }.into(),
            prefix_len,
        });
        let mut cluster = Cluster {
            nodes,
            pods: Vec::new(),
            underlay,
            cni: settings.cni,
            services: self.services.into_iter().map(|it| it.service).collect(),
            endpoint_slices: self.endpoint_slices.into_iter().map(|it| it.slice).collect(),
            kube_proxy: self.kube_proxy.map(|it| it.config).unwrap_or_default(),
            namespaces: FxIndexMap::default(),
            policies: self.network_policies.into_iter().map(|it| it.policy).collect(),
            ingresses: self.ingresses.into_iter().map(|it| it.ingress).collect(),
            ingress_classes: self.ingress_classes.into_iter().map(|it| it.class).collect(),
            outside: None,
            changes: false,
        };
        let unschedulable: Vec<bool> = self.nodes.iter().map(|node| node.unschedulable).collect();
        place_pods(&mut cluster, &self.pods, &unschedulable, report);
        services::complete(&mut cluster.services);
        let slices = endpoint_slices::make(&cluster);
        cluster.endpoint_slices.extend(slices);
        listen_where_told(&mut cluster);
        let written = self.namespaces.iter().map(|it| (&it.meta.name, &it.meta.labels));
        cluster.namespaces = policy::namespaces(written, &cluster.pods);
        if has_outside || turns_packets_away(&cluster) {
            if cluster.underlay.is_none() {
                let addresses: Vec<Ipv4Addr> = cluster.nodes.iter().map(|it| it.address).collect();
                let prefix_len = shared_bits(&self.nodes, &addresses, report)?;
                let is_taken = cluster.pods.iter().any(|pod| pod.netns == "switch")
                    || cluster.nodes.iter().any(|node| node.netns == "switch");
                let netns = if is_taken { "switch_" } else { "switch" }.into();
                cluster.underlay = Some(Underlay { netns, prefix_len });
            }
            let externals: Vec<_> = self.nodes.iter().map(|node| node.external).collect();
            cluster.outside = place_outside(&cluster, &externals, asked, settings, report);
        }
        report.is_ok().then_some(cluster)
    }
}

/// Whether a Service has a port without a ready endpoint. Its packets are rejected by a rule that they meet only on their
/// way out of the node, so there must be one: every real node has it.
fn turns_packets_away(cluster: &Cluster) -> bool {
    let mut ready: FxIndexMap<(&str, &str, &str), ()> = FxIndexMap::default();
    for slice in &cluster.endpoint_slices {
        let Some(service) = &slice.service else { continue };
        if slice.endpoints.iter().any(|it| it.conditions.is_ready()) {
            let names = slice.ports.iter().map(|it| it.name.as_str());
            ready
                .extend(names.map(|name| ((slice.namespace.as_str(), service.as_str(), name), ())));
        }
    }
    cluster.services.iter().filter(|it| it.virtual_ip().is_some()).any(|it| {
        let has = |name: &str| ready.contains_key(&(it.namespace.as_str(), it.name.as_str(), name));
        it.ports.iter().any(|port| !has(&port.name))
    })
}

/// A container need not say on what it listens, and many an example leaves it to the image. Where a pod says nothing, its
/// first container listens where Services send to.
fn listen_where_told(cluster: &mut Cluster) {
    let silent = |pod: &Pod| pod.ports().next().is_none();
    if !cluster.pods.iter().any(silent) {
        return;
    }
    let names = cluster.pods.iter().enumerate().filter(|(_, pod)| silent(pod));
    let by_name: FxIndexMap<(String, String), usize> =
        names.map(|(index, pod)| ((pod.namespace.clone(), pod.name.clone()), index)).collect();
    for slice in &cluster.endpoint_slices {
        for target in slice.endpoints.iter().filter_map(|it| it.target.as_ref()) {
            let key = (target.namespace.clone(), target.name.clone());
            let Some(&pod) = by_name.get(&key).filter(|_| target.kind == "Pod") else { continue };
            let Some(container) = cluster.pods[pod].containers.first_mut() else { continue };
            for port in &slice.ports {
                let Some(number) = port.number else { continue };
                let protocol = port.protocol;
                let is_it = |it: &Port| (it.number, it.protocol) == (number, protocol);
                if !container.ports.iter().any(is_it) {
                    container.ports.push(Port { number, protocol, name: None, host: None });
                }
            }
        }
    }
}

/// What is around the cluster, with addresses that nobody has.
fn place_outside(
    cluster: &Cluster,
    externals: &[Option<Ipv4Addr>],
    asked: Internet,
    settings: &Settings,
    report: &mut Report,
) -> Option<Outside> {
    let underlay = cluster.underlay.as_ref()?;
    let net = Ipv4Net::new_assert(cluster.nodes.first()?.address, underlay.prefix_len).trunc();
    let taken: FxIndexMap<Ipv4Addr, ()> = cluster
        .nodes
        .iter()
        .flat_map(|node| iter::once(node.address).chain(node.more_addresses.iter().copied()))
        .map(|ip| (ip, ()))
        .collect();
    let (first, last) = (u32::from(net.network()) + 1, u32::from(net.broadcast()) - 1);
    let is_free = |ip: &Ipv4Addr| !taken.contains_key(ip);
    let mut from_below = (first..=last).map(Ipv4Addr::from).filter(is_free);
    let mut from_above = (first..=last).rev().map(Ipv4Addr::from).filter(is_free);
    let mut names: FxIndexMap<&str, ()> = FxIndexMap::default();
    names.extend(cluster.pods.iter().map(|pod| (pod.netns.as_str(), ())));
    names.extend(cluster.nodes.iter().map(|node| (node.netns.as_str(), ())));
    // No object's name has an underscore at its end.
    let free = |name: &str| {
        if names.contains_key(name) { format!("{name}_") } else { name.to_owned() }
    };
    let Some(gateway_address) = from_below.next() else {
        report.problem(Problem::of_text(format!(
            "no address is left in {net} for the internet gateway: give the nodes fewer, or others"
        )));
        return None;
    };
    let mut load_balancers = Vec::new();
    for (index, service) in cluster.services.iter().enumerate() {
        let address = service.ingress.iter().find_map(|it| it.ip);
        let of_type = service.kind == ServiceType::LoadBalancer;
        let Some(address) = address.filter(|_| of_type) else { continue };
        let externals = outside::externals(externals);
        let has_it = |(node, external): &(&Node, &Ipv4Addr)| {
            node.address == address
                || **external == address
                || node.more_addresses.contains(&address)
        };
        if let Some((node, _)) = cluster.nodes.iter().zip(&externals).find(has_it) {
            report.notice(Problem::of_text(format!(
                "the load balancer of {} has the address {address} of Node {}, which gets what is sent there: give one of them another",
                service.origin(),
                node.name
            )));
        }
        let Some(private_address) = from_above.next().filter(|ip| *ip != gateway_address) else {
            report.problem(Problem::of_text(format!(
                "no address is left in {net} for the load balancer of {}: give the nodes addresses in a wider range",
                service.origin()
            )));
            return None;
        };
        let full_name = match service.namespace.as_str() {
            "default" => format!("lb-{}", service.name),
            namespace => format!("lb-{namespace}_{}", service.name),
        };
        load_balancers.push(LoadBalancer {
            netns: free(&full_name),
            service: index,
            address,
            private_address,
            nodes: match settings.balancing.checks {
                None => load_balancer::healthy_nodes(cluster, service),
                Some(_) => (0..cluster.nodes.len()).collect(),
            },
            keeps_client: !settings.balancing.hides_client && !settings.balancing.is_proxy,
            is_proxy: settings.balancing.is_proxy,
            check: settings.balancing.checks.map(|(interval, threshold)| Check {
                port: service.health_check().unwrap_or(load_balancer::KUBE_PROXY_HEALTHZ),
                interval,
                threshold,
            }),
        });
    }
    let externals = outside::externals(externals);
    let mut others: Vec<Ipv4Addr> =
        taken.keys().copied().chain(externals.iter().copied()).collect();
    others.extend(load_balancers.iter().map(|it| it.address));
    let addresses = outside::host_addresses(&asked.hosts, &others, report);
    let hosts = asked.hosts.iter().zip(addresses).map(|(host, ip)| (free(&host.name), ip));
    let hosts = hosts.collect();
    Some(Outside {
        gateway: free("gateway"),
        internet: free("internet"),
        client: free("internet-client"),
        gateway_address,
        externals,
        load_balancers,
        asked,
        hosts,
    })
}

/// Every node has a route to every other, and the page draws every pod.
fn check_counts(objects: &Objects, report: &mut Report) {
    for (what, count, limit, place) in [
        (
            "Nodes",
            objects.nodes.len(),
            limits::NODES,
            objects.nodes.last().map(|it| &it.meta.place),
        ),
        ("Pods", objects.pods.len(), limits::PODS, objects.pods.last().map(|it| &it.meta.place)),
    ] {
        if let Some(place) = place.filter(|_| count > limit) {
            report
                .problem(place.problem(format!("expected at most {limit} {what}, found {count}")));
        }
    }
}

/// Every name once, and every node that a pod names there.
fn check_names(objects: &Objects, is_assumed: bool, report: &mut Report) {
    let mut seen = Seen::default();
    for node in &objects.nodes {
        once(&mut seen, format!("Node {}", node.meta.name), &node.meta.place, report);
    }
    for Meta { name, place, .. } in objects.namespaces.iter().map(|it| &it.meta) {
        once(&mut seen, format!("Namespace {name}"), place, report);
    }
    for NetworkPolicyObject { policy, place } in &objects.network_policies {
        once(&mut seen, policy.origin(), place, report);
    }
    for it in &objects.ingresses {
        once(&mut seen, it.ingress.origin(), &it.place, report);
    }
    for it in &objects.ingress_classes {
        once(&mut seen, format!("IngressClass {}", it.class.name), &it.place, report);
    }
    for pod in &objects.pods {
        once(&mut seen, pod.origin(), &pod.meta.place, report);
        let Some(named) = &pod.spec.node else { continue };
        if !seen.has(&format!("Node {}", named.value)) {
            let known: Vec<&str> =
                objects.nodes.iter().map(|n| n.meta.name.as_str()).take(10).collect();
            let known = if is_assumed {
                "no Node at all; `kubectl get nodes,pods -A -o yaml` prints both".to_owned()
            } else {
                known.join(", ")
            };
            report.problem(
                named.place.problem(format!("there is no Node {}: found {known}", named.value)),
            );
        }
    }
    for it in &objects.services {
        once(&mut seen, it.service.origin(), &it.place, report);
    }
    for it in &objects.endpoint_slices {
        once(&mut seen, it.slice.origin(), &it.place, report);
    }
}

/// Remembers where an object is; a problem if there is one of that name already.
fn once(seen: &mut Seen, object: String, place: &Place, report: &mut Report) {
    let twice = format!("{object} is here twice");
    if let Some(first) = seen.before(object, place) {
        report.problem(place.problem(format!("{twice} (the first at line {})", first.at.line)));
    }
}

/// Each node's range: its own, or the first of 10.244.1.0/24, 10.244.2.0/24, ... that nobody has, from its number on.
fn give_ranges(nodes: &[NodeObject], report: &mut Report) -> Vec<Ipv4Net> {
    let mut given: Vec<(&NodeObject, &Marked<Ipv4Net>)> =
        nodes.iter().filter_map(|node| Some((node, node.pod_cidr.as_ref()?))).collect();
    sort_by_number(&mut given, |(_, range)| number(range.value));
    let mut widest: Option<(&NodeObject, &Marked<Ipv4Net>)> = None;
    for &(node, range) in &given {
        if let Some((other, theirs)) = widest.filter(|(_, w)| overlap(w.value, range.value)) {
            report.problem(range.place.problem(format!(
                "{}'s range {} overlaps {}'s {} (line {})",
                node.meta.name, range.value, other.meta.name, theirs.value, theirs.place.at.line
            )));
        }
        if widest.is_none_or(|(_, w)| w.value.broadcast() <= range.value.broadcast()) {
            widest = Some((node, range));
        }
    }
    let mut free = Free([true; 256]);
    for third in 0..=u8::MAX {
        let automatic = automatic(third);
        let around = given.iter().any(|(_, range)| overlap(automatic, range.value));
        free.0[usize::from(third)] = !around;
    }
    let mut ranges = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(own) = &node.pod_cidr {
            ranges.push(own.value);
            continue;
        }
        let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
        let Some(third) = free.take_from(number) else {
            report.problem(node.meta.place.problem(format!(
                "no range is left in 10.244.0.0/16 for Node {}: give it a spec.podCIDR",
                node.meta.name
            )));
            break;
        };
        ranges.push(automatic(third));
    }
    ranges
}

/// Which values of a byte are not given out yet.
struct Free([bool; 256]);

impl Free {
    /// The first one that is free from `first` on, then from 0.
    fn take_from(&mut self, first: u8) -> Option<u8> {
        let found = (first..=u8::MAX).chain(0..first).find(|&value| self.0[usize::from(value)])?;
        self.0[usize::from(found)] = false;
        Some(found)
    }
}

/// By its first address, then the wider range first.
fn number(range: Ipv4Net) -> u64 {
    u64::from(u32::from(range.addr())) << 8 | u64::from(range.prefix_len())
}

fn automatic(third: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(10, 244, third, 0), 24)
}

fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// Each node's address: its own, or the next one; beside the first that is given, else in [`UNDERLAY`].
fn give_addresses(nodes: &[NodeObject], report: &mut Report) -> Vec<Ipv4Addr> {
    let given: Vec<Ipv4Addr> =
        nodes.iter().filter_map(|node| Some(node.address.as_ref()?.value)).collect();
    let net = given.first().map_or(UNDERLAY, |&ip| Ipv4Net::new_assert(ip, UNDERLAY_BITS).trunc());
    let [a, b, c, _] = net.network().octets();
    let mut free = Free([true; 256]);
    (free.0[0], free.0[255]) = (false, false);
    for ip in given.iter().filter(|ip| ip.octets()[..3] == [a, b, c]) {
        free.0[usize::from(ip.octets()[3])] = false;
    }
    let mut addresses = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(own) = &node.address {
            addresses.push(own.value);
            continue;
        }
        let number = u8::try_from(usize::from(BEFORE_FIRST_NODE) + index + 1).unwrap_or(u8::MAX);
        let Some(last) = free.take_from(number) else {
            report.problem(node.meta.place.problem(format!(
                "no address is left in {net} for Node {}: give it a status.addresses",
                node.meta.name
            )));
            break;
        };
        addresses.push(Ipv4Addr::new(a, b, c, last));
    }
    addresses
}

/// No two nodes with one address, and none with a pod's.
fn check_addresses(
    nodes: &[NodeObject],
    addresses: &[Ipv4Addr],
    ranges: &[Ipv4Net],
    report: &mut Report,
) {
    let mut by_start: Vec<(Ipv4Net, &NodeObject)> = ranges.iter().copied().zip(nodes).collect();
    sort_by_number(&mut by_start, |(range, _)| number(*range));
    for (node, address) in nodes.iter().zip(addresses) {
        let place = node.address.as_ref().map_or(&node.meta.place, |marked| &marked.place);
        let first = addresses.iter().position(|other| other == address).map(|index| &nodes[index]);
        if let Some(first) = first.filter(|first| !std::ptr::eq(*first, node)) {
            let line =
                first.address.as_ref().map_or(&first.meta.place, |marked| &marked.place).at.line;
            report.problem(place.problem(format!(
                "{address} is the address of Node {} too (line {line})",
                first.meta.name
            )));
        }
        let before = by_start.partition_point(|(range, _)| range.network() <= *address);
        let around = before.checked_sub(1).map(|index| by_start[index]);
        if let Some((range, owner)) = around.filter(|(range, _)| range.contains(address)) {
            report.problem(place.problem(format!(
                "the address {address} of Node {} lies in the pod range {range} of Node {} (line {})",
                node.meta.name, owner.meta.name, owner.meta.place.at.line
            )));
        }
    }
}

/// How many bits all addresses share, at most [`UNDERLAY_BITS`], so that none is the network's own or its broadcast.
fn shared_bits(nodes: &[NodeObject], addresses: &[Ipv4Addr], report: &mut Report) -> Option<u8> {
    let fits = |bits: u8| {
        let nets = addresses.iter().map(|&ip| Ipv4Net::new_assert(ip, bits));
        let first = nets.clone().next().map(|net| net.trunc());
        nets.clone().all(|net| Some(net.trunc()) == first)
            && nets.clone().all(|net| net.addr() != net.network() && net.addr() != net.broadcast())
    };
    let bits = (8..=UNDERLAY_BITS).rev().find(|&bits| fits(bits));
    if bits.is_none() {
        let far =
            nodes.iter().zip(addresses).find(|(_, ip)| ip.octets()[0] != addresses[0].octets()[0]);
        let (node, ip) = far.unwrap_or((&nodes[0], &addresses[0]));
        let place = node.address.as_ref().map_or(&node.meta.place, |marked| &marked.place);
        report.problem(place.problem(format!(
            "Node {}'s address {ip} and Node {}'s {} cannot be on one network, and all nodes are cabled to one switch",
            node.meta.name, nodes[0].meta.name, addresses[0]
        )));
    }
    bits
}

/// A node's addresses for pods, as the host-local plugin counts them: all but the network's, the gateway's and the
/// broadcast address.
struct Pool {
    next: u32,
    end: u32,
    /// The pods that have them.
    taken: FxIndexMap<u32, usize>,
}

impl Pool {
    fn take(&mut self, pod: usize) -> Option<Ipv4Addr> {
        let free = (self.next..self.end).find(|ip| !self.taken.contains_key(ip))?;
        self.next = free + 1;
        self.taken.insert(free, pod);
        Some(Ipv4Addr::from(free))
    }
}

fn place_pods(
    cluster: &mut Cluster,
    pods: &[PodObject],
    unschedulable: &[bool],
    report: &mut Report,
) {
    let nodes = &cluster.nodes;
    let mut pools: Vec<Pool> = nodes
        .iter()
        .map(|node| Pool {
            next: u32::from(node.gateway()) + 1,
            end: u32::from(node.pod_cidr.broadcast()),
            taken: FxIndexMap::default(),
        })
        .collect();
    let schedulable: Vec<usize> = (0..nodes.len()).filter(|&node| !unschedulable[node]).collect();
    // Where no node may have pods, the first has them all.
    let schedulable = if schedulable.is_empty() { vec![0] } else { schedulable };
    let n_nodes = schedulable.len();
    let mut round_robin = schedulable.into_iter().cycle().peekable();
    let (mut placed, mut taken) = (Vec::new(), Taken::default());
    for (index, pod) in pods.iter().enumerate() {
        let by_address = || {
            let ip = pod.ip.as_ref().filter(|_| !pod.spec.host_network)?;
            nodes.iter().position(|node| node.pod_cidr.contains(&ip.value))
        };
        let named = pod.spec.node.as_ref();
        let named = named.and_then(|name| nodes.iter().position(|node| node.name == name.value));
        let told = named.or_else(by_address);
        let fits = |node: &usize| taken.clash(*node, pod, index).is_none();
        let Some(node) = told.or_else(|| round_robin.by_ref().take(n_nodes).find(fits)) else {
            let clash = round_robin.peek().and_then(|node| taken.clash(*node, pod, index));
            host_ports::leave_out(pods, index, clash, report);
            placed.push(None);
            continue;
        };
        if let Some(clash) = taken.clash(node, pod, index) {
            host_ports::complain(cluster, pods, (node, index, clash), report);
        }
        taken.take(node, pod, index);
        placed.push(Some(node));
        if let Some(ip) = pod.ip.as_ref().filter(|_| !pod.spec.host_network) {
            keep_address(&nodes[node], &mut pools[node], (pods, index), ip, report);
        }
    }
    let is_taken = |name: &str| {
        nodes.iter().any(|node| node.netns == name)
            || cluster.underlay.as_ref().is_some_and(|underlay| underlay.netns == name)
    };
    for ((index, pod), node) in pods.iter().enumerate().zip(placed) {
        let Some(node) = node else { continue };
        let PodObject { meta, spec, .. } = pod;
        let kept = pod.ip.as_ref().map(|ip| ip.value);
        let ip = if spec.host_network { Some(nodes[node].address) } else { kept };
        let Some(ip) = ip.or_else(|| pools[node].take(index)) else {
            let Node { name, pod_cidr, .. } = &nodes[node];
            report.problem(meta.place.problem(format!(
                "no free address is left in {pod_cidr} of Node {name} for {}",
                pod.origin()
            )));
            continue;
        };
        let own_netns = match meta.namespace.as_str() {
            "default" if is_taken(&meta.name) => format!("default_{}", meta.name),
            "default" => meta.name.clone(),
            namespace => format!("{namespace}_{}", meta.name),
        };
        cluster.pods.push(Pod {
            namespace: meta.namespace.clone(),
            name: meta.name.clone(),
            node,
            ip,
            netns: if spec.host_network { nodes[node].netns.clone() } else { own_netns },
            host_network: spec.host_network,
            labels: meta.labels.clone(),
            ready: pod.ready,
            terminating: meta.deleted,
            hostname: spec.hostname.clone(),
            subdomain: spec.subdomain.clone(),
            dns_policy: spec.dns_policy,
            dns_config: spec.dns_config.clone(),
            containers: spec.containers.clone(),
        });
    }
}

/// Checks a pod's given address against its node's range and the other pods'.
fn keep_address(
    node: &Node,
    pool: &mut Pool,
    (pods, index): (&[PodObject], usize),
    ip: &Marked<Ipv4Addr>,
    report: &mut Report,
) {
    let (name, range, address) = (&node.name, node.pod_cidr, ip.value);
    let problem = if !range.contains(&address) {
        format!("{address} is not in the pod range {range} of Node {name}, where the pod runs")
    } else if address == range.network() || address == range.broadcast() {
        format!("{address} is the first or last address of {range}, which no pod can have")
    } else if address == node.gateway() {
        format!("{address} is the gateway of Node {name}: pods get {range}'s later addresses")
    } else if let Some(&other) = pool.taken.get(&u32::from(address)) {
        let line = pods[other].ip.as_ref().map_or(0, |theirs| theirs.place.at.line);
        format!("{address} is the address of {} too (line {line})", pods[other].origin())
    } else {
        pool.taken.insert(u32::from(address), index);
        return;
    };
    report.problem(ip.place.problem(problem));
}
