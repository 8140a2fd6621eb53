//! Cluster DNS: the names that CoreDNS has because of Services, EndpointSlices and namespaces (Kubernetes' DNS specification
//! 1.1.0, and `plugin/kubernetes` of CoreDNS where that says more), and the `resolv.conf` that the kubelet gives a pod.
//!
//! CoreDNS is taken as kubeadm sets it up: `pods insecure`, `ttl 30`, the reverse trees falling through. A Service's own
//! addresses are IPv4 alone; the tree of IPv6 is there and empty. Left out: ports asked for without their underscores, which
//! CoreDNS takes too.

use std::net::{IpAddr, Ipv4Addr};

use super::endpoint_slice::{Endpoint, EndpointSlice};
use super::service::{ClusterIp, Service, ServiceType};
use super::{Cluster, DnsPolicy, Pod, Protocol};
use crate::app::dns_server::Zone;
use crate::app::resolver::Conf;
use crate::base::FxIndexMap;
use crate::wire::dns::{Data, Name};

/// `clusterDomain` of the kubelet.
pub const DOMAIN: &str = "cluster.local.";
/// What the specification calls itself.
const VERSION: &str = "1.1.0";
const VERSION_TTL_S: u32 = 28_800;
const TTL_S: u32 = 30;
/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];
/// The Service of CoreDNS, in `kube-system`.
const OWN_SERVICE: (&str, &str) = ("kube-system", "kube-dns");

/// What may stand in a `resolv.conf` (`MaxDNSNameservers`, `MaxDNSSearchPaths`, `MaxDNSSearchListChars`).
const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
const MAX_SEARCH_BYTES: usize = 2048;

/// The zones of a cluster's DNS server.
pub fn zones(cluster: &Cluster, domain: &Name) -> Vec<Zone> {
    let mut tree = Tree::new(domain);
    tree.add_namespaces(cluster);
    let mut slices: FxIndexMap<(&str, &str), Vec<&EndpointSlice>> = FxIndexMap::default();
    for slice in &cluster.endpoint_slices {
        if let Some(service) = &slice.service {
            slices.entry((&slice.namespace, service)).or_default().push(slice);
        }
    }
    let mut virtual_ips: FxIndexMap<Ipv4Addr, ()> = FxIndexMap::default();
    for service in &cluster.services {
        let key = (service.namespace.as_str(), service.name.as_str());
        let slices = slices.get(&key).map_or(&[][..], Vec::as_slice);
        tree.add_service(service, slices);
        virtual_ips.extend(service.virtual_ip().map(|it| (it, ())));
    }
    for ((namespace, service), slices) in &slices {
        for endpoint in slices.iter().flat_map(|it| ready(it)) {
            for addr in endpoint.addresses.iter().filter(|it| !virtual_ips.contains_key(*it)) {
                let host = host(endpoint, *addr);
                tree.add_reverse(*addr, &format!("{host}.{service}.{namespace}.svc"));
            }
        }
    }
    vec![tree.zone, tree.reverse, tree.reverse_v6]
}

/// The endpoints that have names.
fn ready(slice: &EndpointSlice) -> impl Iterator<Item = &Endpoint> {
    slice.endpoints.iter().filter(|it| it.conditions.is_ready())
}

/// An endpoint's name within its Service (`endpointHostname`).
fn host(endpoint: &Endpoint, addr: Ipv4Addr) -> String {
    endpoint.hostname.clone().unwrap_or_else(|| addr.to_string().replace('.', "-"))
}

/// The zones while they are filled.
struct Tree {
    zone: Zone,
    reverse: Zone,
    reverse_v6: Zone,
}

/// Where something answers: one for each address and port, as CoreDNS finds them (`msg.Service`).
#[derive(Clone)]
struct Spot {
    /// The host's name within the domain.
    target: String,
    addr: Ipv4Addr,
    /// None: no port is known.
    port: Option<u16>,
    /// How the port is asked for, `_http._tcp`, if it has a name.
    label: Option<String>,
}

impl Spot {
    fn new(
        target: &str,
        addr: Ipv4Addr,
        port: Option<u16>,
        name: &str,
        protocol: Protocol,
    ) -> Self {
        let label = || format!("_{name}._{protocol}").to_ascii_lowercase();
        let label = (!name.is_empty()).then(label);
        Self { target: target.to_owned(), addr, port, label }
    }
}

/// All endpoints of a Service with all their ports.
fn spots(own: &str, slices: &[&EndpointSlice]) -> Vec<Spot> {
    let mut spots = Vec::new();
    for slice in slices {
        for endpoint in ready(slice) {
            for &addr in &endpoint.addresses {
                let target = format!("{}.{own}", host(endpoint, addr));
                if slice.ports.is_empty() {
                    spots.push(Spot { target, addr, port: None, label: None });
                    continue;
                }
                let ports = slice.ports.iter();
                spots.extend(
                    ports.map(|it| Spot::new(&target, addr, it.number, &it.name, it.protocol)),
                );
            }
        }
    }
    spots
}

impl Tree {
    fn new(domain: &Name) -> Self {
        let reverse = |origin| {
            let mut zone = Zone::new(Name::new(origin).unwrap_or_else(Name::root), TTL_S);
            zone.falls_through = true;
            zone
        };
        Self {
            zone: Zone::new(domain.clone(), TTL_S),
            reverse: reverse("in-addr.arpa."),
            reverse_v6: reverse("ip6.arpa."),
        }
    }

    /// A name of the domain. None: it is none, and nobody can ask for it.
    fn name(&self, below: &str) -> Option<Name> {
        Name::new(&format!("{below}.{}", self.zone.origin))
    }

    fn add(&mut self, below: &str, data: Data) {
        if let Some(name) = self.name(below) {
            self.zone.add(name, data);
        }
    }

    fn add_reverse(&mut self, addr: Ipv4Addr, below: &str) {
        if let Some(name) = self.name(below) {
            let owner = Name::reverse(IpAddr::V4(addr));
            if !self.reverse.has(&owner, &Data::Ptr(name.clone())) {
                self.reverse.add(owner, Data::Ptr(name));
            }
        }
    }

    fn add_namespaces(&mut self, cluster: &Cluster) {
        if let Some(name) = self.name("dns-version") {
            self.zone.add_with_ttl(name, Data::Txt(VERSION.into()), VERSION_TTL_S);
        }
        let names = NAMESPACES.into_iter();
        let names = names.chain(cluster.pods.iter().map(|it| it.namespace.as_str()));
        let names = names.chain(cluster.services.iter().map(|it| it.namespace.as_str()));
        let names: FxIndexMap<&str, ()> = names.map(|it| (it, ())).collect();
        for below in ["svc", "pod"] {
            if let Some(name) = self.name(below) {
                self.zone.add_name(name);
            }
        }
        for namespace in names.keys() {
            if let Some(name) = self.name(&format!("{namespace}.svc")) {
                self.zone.add_name(name);
            }
            if let Some(name) = self.name(&format!("{namespace}.pod")) {
                self.zone.add_dashed(name);
            }
        }
    }

    fn add_service(&mut self, service: &Service, slices: &[&EndpointSlice]) {
        let Service { namespace, name, .. } = service;
        let own = format!("{name}.{namespace}.svc");
        if service.kind == ServiceType::ExternalName {
            let target =
                service.external_name.as_deref().filter(|it| it.parse::<IpAddr>().is_err());
            if let Some(target) = target.and_then(Name::new) {
                self.add(&own, Data::Cname(target));
            }
            return;
        }
        let endpoints = spots(&own, slices);
        let mut by_target: FxIndexMap<&str, Vec<&Spot>> = FxIndexMap::default();
        for spot in &endpoints {
            by_target.entry(&spot.target).or_default().push(spot);
        }
        for (target, spots) in &by_target {
            self.add_spots(target, spots);
        }
        match service.cluster_ip {
            ClusterIp::None => self.add_with_ports(&own, &endpoints),
            ClusterIp::Address(addr) => {
                let ports = service.ports.iter();
                let spots = ports
                    .map(|it| Spot::new(&own, addr, Some(it.number), &it.name, it.protocol))
                    .collect::<Vec<_>>();
                self.add_with_ports(&own, &spots);
                self.add_reverse(addr, &own);
                if (namespace.as_str(), name.as_str()) == OWN_SERVICE {
                    self.add("ns.dns", Data::A(addr));
                    if let Some(name) = self.name(&own) {
                        self.zone.add(self.zone.origin.clone(), Data::Ns(name));
                    }
                }
            }
            ClusterIp::Ipv6 | ClusterIp::Unset => {
                if let Some(name) = self.name(&own) {
                    self.zone.add_name(name);
                }
            }
        }
    }

    /// What answers under a Service's name, and under the name of each of its ports.
    fn add_with_ports(&mut self, own: &str, spots: &[Spot]) {
        self.add_spots(own, &spots.iter().collect::<Vec<_>>());
        let mut by_port: FxIndexMap<&str, Vec<&Spot>> = FxIndexMap::default();
        for spot in spots {
            if let Some(label) = &spot.label {
                by_port.entry(label).or_default().push(spot);
            }
        }
        for (label, spots) in &by_port {
            self.add_spots(&format!("{label}.{own}"), spots);
        }
    }

    /// The addresses and ports of what answers under a name. Nothing: there is no such name.
    fn add_spots(&mut self, below: &str, spots: &[&Spot]) {
        let mut addresses: FxIndexMap<Ipv4Addr, ()> = FxIndexMap::default();
        let mut hosts: FxIndexMap<(&str, u16), ()> = FxIndexMap::default();
        for spot in spots {
            addresses.insert(spot.addr, ());
            if let Some(port) = spot.port {
                hosts.insert((&spot.target, port), ());
            }
        }
        for addr in addresses.keys() {
            self.add(below, Data::A(*addr));
        }
        // All weigh the same, also those that are there twice.
        let weight = u16::try_from(100 / spots.len().max(1)).unwrap_or(1).max(1);
        for (target, port) in hosts.keys() {
            if let Some(target) = self.name(target) {
                self.add(below, Data::Srv { priority: 0, weight, port: *port, target });
            }
        }
    }
}

/// The `resolv.conf` of a pod's containers, where the cluster's DNS has this address and the kubelet starts from the node's
/// file. Without an address a pod gets what its node has.
pub fn resolv_conf(pod: &Pod, cluster_dns: Option<Ipv4Addr>, domain: &Name, node: &Conf) -> Conf {
    let of_cluster = match pod.dns_policy {
        DnsPolicy::ClusterFirst => !pod.host_network,
        DnsPolicy::ClusterFirstWithHostNet => true,
        DnsPolicy::Default | DnsPolicy::None => false,
    };
    let mut conf = match cluster_dns.filter(|_| of_cluster) {
        Some(server) => {
            let own = [format!("{}.svc.{domain}", pod.namespace), format!("svc.{domain}")];
            let own = own.iter().filter_map(|it| Name::new(it));
            let search = own.chain([domain.clone()]).chain(node.search.iter().cloned());
            Conf {
                nameservers: vec![server],
                search: search.collect(),
                options: vec!["ndots:5".into()],
            }
        }
        None if pod.dns_policy == DnsPolicy::None => Conf::default(),
        None => node.clone(),
    };
    conf.nameservers.extend(&pod.dns_config.nameservers);
    conf.search.extend(pod.dns_config.searches.iter().filter_map(|it| Name::new(it)));
    for (name, value) in &pod.dns_config.options {
        let option = value.as_ref().map_or(name.clone(), |value| format!("{name}:{value}"));
        let named = |it: &String| it.split(':').next() == Some(name);
        match conf.options.iter_mut().find(|it| named(it)) {
            Some(known) => *known = option,
            None => conf.options.push(option),
        }
    }
    let mut seen = FxIndexMap::default();
    conf.nameservers.retain(|it| seen.insert(*it, ()).is_none());
    conf.nameservers.truncate(MAX_SERVERS);
    let mut seen = FxIndexMap::default();
    conf.search.retain(|it| seen.insert(it.clone(), ()).is_none());
    conf.search.truncate(MAX_SEARCHES);
    let mut bytes = 0;
    conf.search.retain(|it| {
        bytes += it.as_str().len();
        bytes <= MAX_SEARCH_BYTES
    });
    conf
}
