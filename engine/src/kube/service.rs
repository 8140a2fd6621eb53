//! A Service as data: a name and a virtual address in front of pods. Read `ServiceSpec` of k8s.io/api/core/v1 first.
//!
//! IPv4 alone: addresses of the other family are left out when objects are read.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Protocol;
use super::labels::Labels;

/// A Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub labels: Labels,
    pub kind: ServiceType,
    pub cluster_ip: ClusterIp,
    pub ports: Vec<ServicePort>,
    /// The labels of the pods behind it. None: somebody else writes its EndpointSlices.
    pub selector: Option<Labels>,
    pub external_ips: Vec<Ipv4Addr>,
    /// The name that one of the type ExternalName stands for.
    pub external_name: Option<String>,
    pub internal_policy: TrafficPolicy,
    pub external_policy: TrafficPolicy,
    /// `sessionAffinity: ClientIP`, and for how many seconds.
    pub affinity_seconds: Option<u32>,
    /// `status.loadBalancer.ingress`: where a load balancer receives for it.
    pub ingress: Vec<LoadBalancerIngress>,
    pub source_ranges: Vec<Ipv4Net>,
    pub health_check_node_port: Option<u16>,
    /// Pods that are not ready count as ready.
    pub publish_not_ready: bool,
    pub traffic_distribution: Option<TrafficDistribution>,
}

/// What a Service is reached by; each type has what those before it have, but the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ServiceType {
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

/// `spec.clusterIP`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClusterIp {
    /// None is given yet.
    Unset,
    /// The Service is headless: its name resolves to its pods.
    None,
    Address(Ipv4Addr),
    /// It has an address of IPv6 only.
    Ipv6,
}

/// One port of a Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServicePort {
    /// Empty where it has none.
    pub name: String,
    pub protocol: Protocol,
    pub number: u16,
    /// What the pods listen on. None: the same number.
    pub target: Option<TargetPort>,
    pub node_port: Option<u16>,
    pub app_protocol: Option<String>,
}

/// `targetPort`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TargetPort {
    Number(u16),
    /// The container's port of that name, which may have another number in each pod.
    Name(String),
}

/// Which pods traffic may go to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TrafficPolicy {
    #[default]
    Cluster,
    /// Only those on the node where it arrives.
    Local,
}

/// `spec.trafficDistribution`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrafficDistribution {
    PreferSameZone,
    PreferSameNode,
}

/// One entry of `status.loadBalancer.ingress`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadBalancerIngress {
    pub ip: Option<Ipv4Addr>,
    pub hostname: Option<String>,
    pub mode: IpMode,
}

/// What a load balancer delivers to a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IpMode {
    /// Packets still addressed to the load balancer.
    #[default]
    Vip,
    /// Connections of its own to a node or a pod.
    Proxy,
}

impl Service {
    /// `Service default/api`, the origin of what is there because of it.
    pub fn origin(&self) -> String {
        format!("Service {}/{}", self.namespace, self.name)
    }

    /// The address that kube-proxy answers for, if there is one (`ShouldSkipService`).
    pub fn virtual_ip(&self) -> Option<Ipv4Addr> {
        match (self.kind, self.cluster_ip) {
            (ServiceType::ExternalName, _) => None,
            (_, ClusterIp::Address(address)) => Some(address),
            (_, ClusterIp::Unset | ClusterIp::None | ClusterIp::Ipv6) => None,
        }
    }

    /// The load balancer addresses whose packets reach nodes as they are.
    pub fn load_balancer_vips(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.ingress.iter().filter(|it| it.mode == IpMode::Vip).filter_map(|it| it.ip)
    }

    /// Whether traffic from outside stays on the node where it arrives (`apiservice.ExternalPolicyLocal`).
    pub fn external_policy_local(&self) -> bool {
        let from_outside = match self.kind {
            ServiceType::NodePort | ServiceType::LoadBalancer => true,
            ServiceType::ClusterIp => !self.external_ips.is_empty(),
            ServiceType::ExternalName => false,
        };
        from_outside && self.external_policy == TrafficPolicy::Local
    }

    /// The port at which each node tells a load balancer whether it has pods (`apiservice.NeedsHealthCheck`).
    pub fn health_check(&self) -> Option<u16> {
        let needed = self.kind == ServiceType::LoadBalancer && self.external_policy_local();
        self.health_check_node_port.filter(|_| needed)
    }
}
