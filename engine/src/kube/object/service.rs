//! Reading Service objects.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::{NAME, Seen, is_host_address, meta, protocol};
use crate::kube::name::{is_label, is_port_name, is_subdomain};
use crate::kube::service::{
    ClusterIp, IpMode, LoadBalancerIngress, Service, ServicePort, ServiceType, TargetPort,
    TrafficDistribution, TrafficPolicy,
};
use crate::yaml::{At, Place, Report};

const ADDRESSES: &str = "a list of addresses";
const ANY_ADDRESS: &str = "an address such as 10.96.0.10";
const RANGE: &str = "a prefix such as 203.0.113.0/24";
const PORT_NAME: &str = "a port's name of at most 63 lower-case letters, digits and \"-\"";
/// How long a client stays with its pod by default, in seconds.
const AFFINITY_SECONDS: u32 = 10_800;

/// A Service and where it was written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct ServiceObject {
    pub place: Place,
    pub service: Service,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<ServiceObject> {
    let meta = meta::read(object, "v1", report);
    let spec = object.required("spec", "a map with ports", report)?;
    if !spec.is_map(report) {
        return None;
    }
    spec.misspelt(
        &[
            "type",
            "clusterIP",
            "clusterIPs",
            "ports",
            "selector",
            "externalIPs",
            "externalName",
            "internalTrafficPolicy",
            "externalTrafficPolicy",
            "sessionAffinity",
            "sessionAffinityConfig",
            "loadBalancerSourceRanges",
            "healthCheckNodePort",
            "publishNotReadyAddresses",
            "trafficDistribution",
        ],
        &["ipFamilies", "ipFamilyPolicy", "loadBalancerIP", "loadBalancerClass"],
        report,
    );
    let kind = spec.field("type").map_or(Some(ServiceType::ClusterIp), |at| {
        at.parsed("ClusterIP, NodePort, LoadBalancer or ExternalName", report, |it| match it {
            "ClusterIP" => Some(ServiceType::ClusterIp),
            "NodePort" => Some(ServiceType::NodePort),
            "LoadBalancer" => Some(ServiceType::LoadBalancer),
            "ExternalName" => Some(ServiceType::ExternalName),
            _ => None,
        })
    });
    let cluster_ip = read_cluster_ip(&spec, report);
    let external_name = match kind {
        Some(ServiceType::ExternalName) => {
            let at = spec.required("externalName", NAME, report)?;
            at.parsed(NAME, report, |it| {
                is_subdomain(it.strip_suffix('.').unwrap_or(it)).then(|| it.to_owned())
            })
        }
        _ => None,
    };
    let needs_ports = !matches!(kind, Some(ServiceType::ExternalName) | None)
        && cluster_ip != Some(ClusterIp::None);
    let ports = read_ports(&spec, needs_ports, report);
    let selector = spec.field("selector").map(|_| meta::pairs(&spec, "selector", report));
    let mut external_ips = Vec::new();
    for it in spec.list("externalIPs", ADDRESSES, report) {
        external_ips.extend(ipv4(&it, report));
    }
    let health_check_node_port =
        spec.field("healthCheckNodePort").and_then(|at| at.number(0..=u16::MAX, report));
    let publish_not_ready =
        spec.field("publishNotReadyAddresses").and_then(|at| at.flag(report)).unwrap_or(false);
    let traffic_distribution = spec.field("trafficDistribution").and_then(|at| {
        let expected = "PreferClose, PreferSameZone or PreferSameNode";
        at.parsed(expected, report, |it| match it {
            // The older name of the next.
            "PreferClose" | "PreferSameZone" => Some(TrafficDistribution::PreferSameZone),
            "PreferSameNode" => Some(TrafficDistribution::PreferSameNode),
            _ => None,
        })
    });
    let affinity_seconds = read_affinity(&spec, report);
    let internal_policy = read_policy(&spec, "internalTrafficPolicy", report);
    let external_policy = read_policy(&spec, "externalTrafficPolicy", report);
    let source_ranges = read_source_ranges(&spec, report);
    let ingress = load_balancer(object, report);
    let meta = meta?;
    Some(ServiceObject {
        place: meta.place,
        service: Service {
            namespace: meta.namespace,
            name: meta.name,
            labels: meta.labels,
            kind: kind?,
            cluster_ip: cluster_ip?,
            ports,
            selector: selector.filter(|it| !it.0.is_empty()),
            external_ips,
            external_name,
            internal_policy,
            external_policy,
            affinity_seconds,
            ingress,
            source_ranges,
            health_check_node_port: health_check_node_port.filter(|port| *port > 0),
            publish_not_ready,
            traffic_distribution,
        },
    })
}

/// An address. One of IPv6 is noted and left out.
pub(super) fn ipv4(at: &At<'_>, report: &mut Report) -> Option<Ipv4Addr> {
    match at.parsed(ANY_ADDRESS, report, |text| text.parse().ok())? {
        IpAddr::V4(address) if is_host_address(address) => return Some(address),
        IpAddr::V4(address) => {
            report.problem(at.problem(format!("{address} cannot be a host's address")));
        }
        IpAddr::V6(address) => {
            report.notice(at.problem(format!("{address} is left out: IPv6 is not used yet")));
        }
    }
    None
}

fn read_cluster_ip(spec: &At<'_>, report: &mut Report) -> Option<ClusterIp> {
    let all = spec.list("clusterIPs", ADDRESSES, report);
    let list = if all.is_empty() { spec.field("clusterIP").into_iter().collect() } else { all };
    let mut found = ClusterIp::Unset;
    for at in list {
        let text = at.text("an address or None", report)?;
        match text {
            "" => {}
            "None" => return Some(ClusterIp::None),
            _ => match ipv4(&at, report) {
                Some(address) => return Some(ClusterIp::Address(address)),
                None if text.contains(':') => found = ClusterIp::Ipv6,
                None => return None,
            },
        }
    }
    Some(found)
}

fn read_ports(spec: &At<'_>, needed: bool, report: &mut Report) -> Vec<ServicePort> {
    let expected = "a list with at least one port";
    if needed && spec.required("ports", expected, report).is_some_and(|it| it.is_empty_list()) {
        report.problem(spec.problem(format!("expected {expected}, found none")));
    }
    let mut taken = Seen::default();
    let mut ports: Vec<ServicePort> = Vec::new();
    for at in spec.list("ports", expected, report) {
        let Some(port) = read_port(&at, report) else { continue };
        let number = format!("port {}/{}", port.number, port.protocol);
        let name = format!("a port named {:?}", port.name);
        for it in [number, name] {
            let twice = format!("{it} is here twice");
            if let Some(first) = taken.before(it, &at.place()) {
                let line = first.at.line;
                report.problem(at.problem(format!("{twice} (the first at line {line})")));
            }
        }
        ports.push(port);
    }
    ports
}

fn read_port(at: &At<'_>, report: &mut Report) -> Option<ServicePort> {
    if !at.is_map(report) {
        return None;
    }
    at.misspelt(
        &["name", "protocol", "port", "targetPort", "nodePort", "appProtocol"],
        &[],
        report,
    );
    let name = at.field("name").and_then(|it| port_name(&it, report)).unwrap_or_default();
    let number = at
        .required("port", "a number 1 to 65535", report)
        .and_then(|it| it.number(1..=u16::MAX, report));
    let target = at.field("targetPort").and_then(|it| read_target(&it, report));
    let node_port = at.field("nodePort").and_then(|it| it.number(0..=u16::MAX, report));
    Some(ServicePort {
        name,
        protocol: protocol(at, report)?,
        number: number?,
        target,
        node_port: node_port.filter(|port| *port > 0),
        app_protocol: app_protocol(at, report),
    })
}

pub(super) fn app_protocol(at: &At<'_>, report: &mut Report) -> Option<String> {
    let it = at.field("appProtocol")?;
    it.text("a protocol's name", report).map(str::to_owned)
}

/// A name of a port of a Service or an EndpointSlice, which may be empty.
pub(super) fn port_name(at: &At<'_>, report: &mut Report) -> Option<String> {
    at.parsed(PORT_NAME, report, |it| (it.is_empty() || is_label(it)).then(|| it.to_owned()))
}

/// A number, or the name of a container's port.
fn read_target(at: &At<'_>, report: &mut Report) -> Option<TargetPort> {
    if let Some(name) = at.text("", &mut Report::default()) {
        let expected = "a number 1 to 65535, or the name of a container's port";
        return at.parsed(expected, report, |_| {
            is_port_name(name).then(|| TargetPort::Name(name.to_owned()))
        });
    }
    let number: u16 = at.number(0..=u16::MAX, report)?;
    (number > 0).then_some(TargetPort::Number(number))
}

fn read_policy(spec: &At<'_>, key: &str, report: &mut Report) -> TrafficPolicy {
    let policy = spec.field(key).and_then(|at| {
        at.parsed("Cluster or Local", report, |it| match it {
            "Cluster" => Some(TrafficPolicy::Cluster),
            "Local" => Some(TrafficPolicy::Local),
            _ => None,
        })
    });
    policy.unwrap_or_default()
}

fn read_affinity(spec: &At<'_>, report: &mut Report) -> Option<u32> {
    let sticky = spec.field("sessionAffinity").and_then(|at| {
        at.parsed("ClientIP or None", report, |it| match it {
            "ClientIP" => Some(true),
            "None" => Some(false),
            _ => None,
        })
    });
    let config = spec.section("sessionAffinityConfig", report);
    let client = config.and_then(|it| it.section("clientIP", report));
    let seconds = client
        .and_then(|it| it.field("timeoutSeconds"))
        .and_then(|it| it.number(1..=86_400, report));
    (sticky == Some(true)).then_some(seconds.unwrap_or(AFFINITY_SECONDS))
}

fn read_source_ranges(spec: &At<'_>, report: &mut Report) -> Vec<Ipv4Net> {
    let mut ranges = Vec::new();
    for at in spec.list("loadBalancerSourceRanges", "a list of prefixes", report) {
        // The API server lets spaces through.
        match at.parsed(RANGE, report, |text| text.trim().parse().ok()) {
            Some(IpNet::V4(range)) => ranges.push(range.trunc()),
            Some(IpNet::V6(range)) => {
                report.notice(at.problem(format!("{range} is left out: IPv6 is not used yet")));
            }
            None => {}
        }
    }
    ranges
}

/// `status.loadBalancer.ingress`.
pub(super) fn load_balancer(object: &At<'_>, report: &mut Report) -> Vec<LoadBalancerIngress> {
    let Some(status) = object.section("status", report) else { return Vec::new() };
    status.misspelt(&["loadBalancer"], &[], report);
    let Some(balancer) = status.section("loadBalancer", report) else { return Vec::new() };
    balancer.misspelt(&["ingress"], &[], report);
    let mut ingress = Vec::new();
    for at in balancer.list("ingress", "a list of addresses", report) {
        if !at.is_map(report) {
            continue;
        }
        at.misspelt(&["ip", "hostname", "ipMode"], &["ports"], report);
        let ip = at.field("ip").and_then(|it| ipv4(&it, report));
        let hostname = at.field("hostname").and_then(|it| it.text("a host's name", report));
        let mode = at.field("ipMode").and_then(|it| {
            it.parsed("VIP or Proxy", report, |mode| match mode {
                "VIP" => Some(IpMode::Vip),
                "Proxy" => Some(IpMode::Proxy),
                _ => None,
            })
        });
        if ip.is_some() || hostname.is_some() {
            ingress.push(LoadBalancerIngress {
                ip,
                hostname: hostname.map(str::to_owned),
                mode: mode.unwrap_or_default(),
            });
        }
    }
    ingress
}
