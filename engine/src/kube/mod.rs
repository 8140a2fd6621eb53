//! Kubernetes objects compiled to Linux configuration: what the kubelet, a CNI plugin and the network between nodes
//! would set up, as [`tool`](crate::tool) operations that remember the object behind them.
//!
//! Knows Node and Pod so far; other kinds are pointed out and ignored. Nothing here touches a packet.

mod addons;
mod cluster;
mod cni;
mod compile;
pub mod control;
mod controllers;
pub mod dns;
pub mod endpoint_slice;
pub mod flow;
mod host_ports;
pub mod ingress;
mod kept;
pub mod kube_proxy;
pub mod labels;
mod load_balancer;
mod name;
mod object;
mod outside;
pub mod policy;
pub mod reach;
pub mod service;
mod sha512;

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::app::ingress::route::Routes;
use crate::app::resolver::Conf;
use crate::wire::dns::Name;
pub use cni::Cni;
pub use compile::{Nodes, compile, has_rules, machines};
use endpoint_slice::EndpointSlice;
use ingress::{Ingress, IngressClass};
pub use kept::Kept;
use labels::Labels;
pub use load_balancer::LoadBalancer;
pub use object::Objects;
pub use outside::Outside;
use policy::NetworkPolicy;
use service::Service;

use crate::base::{FxIndexMap, Nanos};

/// Where things have their addresses if nothing else is said.
mod ranges {
    use std::net::Ipv4Addr;

    use ipnet::Ipv4Net;

    /// Of all nodes' pods.
    pub(super) const PODS: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 244, 0, 0), 16);
    /// Of nodes.
    pub(super) const UNDERLAY: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24);
    /// Of Services, as kubeadm sets it (`--service-cluster-ip-range`).
    pub(super) const SERVICES: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 96, 0, 0), 12);
}

/// The limits of one cluster.
pub mod limits {
    pub const NODES: usize = 5_000;
    pub const PODS: usize = 150_000;
}

/// What Kubernetes has no word for and a lab's document says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    pub cni: Cni,
    /// Something is asked of the internet, or from there.
    pub needs_outside: bool,
    /// Somebody asks for names.
    pub needs_dns: bool,
    /// Somebody asks for the Service `kubernetes`.
    pub needs_api_server: bool,
    /// What is asked of the internet, besides the usual: it answers.
    pub internet: Internet,
    pub balancing: Balancing,
    /// How soon who hears of a change.
    pub delays: control::Delays,
}

/// What the cloud's load balancers are like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balancing {
    /// They put their own address in place of the client's.
    pub hides_client: bool,
    /// They end connections by TCP, and open their own.
    pub is_proxy: bool,
    /// How often they ask nodes, and how many answers in a row they heed. None: they know.
    pub checks: Option<(Nanos, u8)>,
}

/// What is asked of the internet: it has the names, and listens on the ports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Internet {
    pub names: Vec<String>,
    pub ports: Vec<u16>,
    /// Machines of their own.
    pub hosts: Vec<Host>,
}

/// A host on the internet that a lab describes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// In lower case, without a dot at its end.
    pub name: String,
    /// None: it is given one.
    pub address: Option<Ipv4Addr>,
    /// It answers HTTP on those of TCP, and datagrams on those of UDP.
    pub ports: Vec<(Protocol, u16)>,
    /// Where it is written.
    pub place: crate::yaml::Place,
}

/// Nodes and pods with all their names and addresses decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    pub nodes: Vec<Node>,
    /// In the order of the text.
    pub pods: Vec<Pod>,
    /// The network between the nodes. None: there is one node, and nobody uses its own network.
    pub underlay: Option<Underlay>,
    pub cni: Cni,
    /// In the order of the text.
    pub services: Vec<Service>,
    pub endpoint_slices: Vec<EndpointSlice>,
    pub kube_proxy: kube_proxy::Config,
    /// The labels of each namespace.
    pub namespaces: FxIndexMap<String, Labels>,
    /// In the order of the text.
    pub policies: Vec<NetworkPolicy>,
    /// In the order of the text.
    pub ingresses: Vec<Ingress>,
    pub ingress_classes: Vec<IngressClass>,
    /// What is around the cluster, where something needs it.
    pub outside: Option<Outside>,
    /// Objects will come, go or change.
    pub changes: bool,
}

/// A machine of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub name: String,
    /// On the underlay (`status.addresses`, `InternalIP`).
    pub address: Ipv4Addr,
    /// Further addresses of its own.
    pub more_addresses: Vec<Ipv4Addr>,
    /// The range its pods get their addresses from (`spec.podCIDR`).
    pub pod_cidr: Ipv4Net,
    /// Its root network namespace.
    pub netns: String,
    pub labels: Labels,
}

impl Node {
    /// The address of its bridge, which is its pods' gateway: the range's first.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.pod_cidr.network()) + 1)
    }

    /// `Node node-1`, the origin of what is there because of it.
    pub fn origin(&self) -> String {
        format!("Node {}", self.name)
    }
}

/// A pod in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pod {
    pub namespace: String,
    pub name: String,
    /// Index into [`Cluster::nodes`].
    pub node: usize,
    pub ip: Ipv4Addr,
    /// Its own network namespace; its node's with `host_network`.
    pub netns: String,
    pub host_network: bool,
    pub labels: Labels,
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
    pub hostname: Option<String>,
    pub subdomain: Option<String>,
    pub dns_policy: DnsPolicy,
    pub dns_config: DnsConfig,
    pub containers: Vec<Container>,
}

impl Pod {
    /// `Pod default/pod-1`, the origin of what is there because of it.
    pub fn origin(&self) -> String {
        format!("Pod {}/{}", self.namespace, self.name)
    }

    /// How a person calls it: its name, with its namespace where that is not `default`.
    pub fn short_name(&self) -> String {
        match self.namespace.as_str() {
            "default" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }

    /// What its containers say they listen on.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.containers.iter().flat_map(|container| &container.ports)
    }
}

/// A container of a pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Container {
    pub name: String,
    pub image: Option<String>,
    pub ports: Vec<Port>,
}

/// A `containerPort`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    pub number: u16,
    pub protocol: Protocol,
    pub name: Option<String>,
    /// A port of its node that leads here.
    pub host: Option<HostPort>,
}

/// A `hostPort`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostPort {
    pub number: u16,
    /// Only on this address of the node (`hostIP`).
    pub ip: Option<Ipv4Addr>,
}

/// Where a pod's `resolv.conf` comes from (`spec.dnsPolicy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DnsPolicy {
    #[default]
    ClusterFirst,
    ClusterFirstWithHostNet,
    Default,
    None,
}

impl DnsPolicy {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ClusterFirst" => Self::ClusterFirst,
            "ClusterFirstWithHostNet" => Self::ClusterFirstWithHostNet,
            "Default" => Self::Default,
            "None" => Self::None,
            _ => return None,
        })
    }
}

/// What a pod adds to its `resolv.conf` (`spec.dnsConfig`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DnsConfig {
    pub nameservers: Vec<Ipv4Addr>,
    pub searches: Vec<String>,
    /// Names, and values where they have one.
    pub options: Vec<(String, Option<String>)>,
}

/// A transport protocol of a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As a port's `protocol` names it.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "TCP" => Self::Tcp,
            "UDP" => Self::Udp,
            "SCTP" => Self::Sctp,
            _ => return None,
        })
    }

    /// As `iptables` names it.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// The switch that all nodes are cabled to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Underlay {
    pub netns: String,
    /// Of the nodes' addresses: all share so many bits.
    pub prefix_len: u8,
}

impl Cluster {
    /// The cluster's domain.
    pub fn domain(&self) -> Name {
        Name::new("cluster.local").expect("a good name")
    }

    /// The address of the Service in front of the cluster's DNS servers.
    pub fn dns_address(&self) -> Option<Ipv4Addr> {
        let is_it = |it: &&Service| it.namespace == "kube-system" && it.name == "kube-dns";
        self.services.iter().find(is_it)?.virtual_ip()
    }

    /// A node's own `resolv.conf`: the cloud's resolver is the gateway.
    pub fn node_resolv_conf(&self) -> Conf {
        let nameservers = self.outside.iter().map(|it| it.gateway_address).collect();
        Conf { nameservers, ..Conf::default() }
    }

    /// A pod's `resolv.conf`.
    pub fn resolv_conf(&self, pod: &Pod) -> Conf {
        dns::resolv_conf(pod, self.dns_address(), &self.domain(), &self.node_resolv_conf())
    }

    /// Where the cluster's ingress controllers lead to: every Ingress is theirs that is not of another controller's class.
    fn ingress_routes(&self) -> Routes {
        let is_ours = |it: &&Ingress| {
            let class =
                self.ingress_classes.iter().find(|class| it.class.as_ref() == Some(&class.name));
            class.is_none_or(|class| class.controller == addons::INGRESS_CONTROLLER)
        };
        let ours = self.ingresses.iter().filter(is_ours);
        ingress::routes(ours, &self.services, &self.endpoint_slices)
    }

    /// Where a client on the internet finds the sites that Ingresses serve.
    pub fn ingress_address(&self) -> Option<Ipv4Addr> {
        let told = self.ingresses.iter().flat_map(|it| &it.addresses).find_map(|it| it.ip);
        told.or_else(|| {
            let is_it = |it: &&Service| {
                addons::is_ingress_controller(&it.labels)
                    || it.selector.as_ref().is_some_and(addons::is_ingress_controller)
            };
            self.services.iter().filter(is_it).flat_map(|it| &it.ingress).find_map(|it| it.ip)
        })
    }

    /// Whether a connection to this port may be for a pod that shares its node's addresses: it listens there, or behind a
    /// Service that does.
    pub fn leads_to(&self, port: u16, pod: &Pod) -> bool {
        let is_behind = |service: &Service| {
            let own = |it: &&EndpointSlice| {
                it.namespace == service.namespace && it.service.as_ref() == Some(&service.name)
            };
            let mut endpoints =
                self.endpoint_slices.iter().filter(own).flat_map(|it| &it.endpoints);
            endpoints.any(|it| {
                let target = it.target.as_ref();
                target.is_some_and(|it| it.namespace == pod.namespace && it.name == pod.name)
            })
        };
        let at_port = |it: &&Service| {
            it.ports.iter().any(|it| it.number == port || it.node_port == Some(port))
        };
        pod.ports().any(|own| own.number == port)
            || self.services.iter().filter(at_port).any(is_behind)
    }

    /// Where the site of this name is, if an Ingress has a rule that names it.
    pub fn site_address(&self, host: &str) -> Option<Ipv4Addr> {
        let ingress = self.ingresses.iter().find(|it| it.names_host(host))?;
        let told = ingress.addresses.iter().find_map(|it| it.ip);
        told.or_else(|| self.ingress_address())
    }

    /// A pod by its namespace and name.
    pub fn find_pod(&self, namespace: &str, name: &str) -> Option<usize> {
        self.pods.iter().position(|pod| pod.namespace == namespace && pod.name == name)
    }

    /// A node by its name.
    pub fn find_node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

#[cfg(test)]
mod tests;
