//! Reading Pod objects, and pod specs wherever they stand.

use std::net::{IpAddr, Ipv4Addr};

use super::{ADDRESS, LABEL, Marked, Meta, NAME, Seen, meta, protocol, read_address};
use crate::kube::name::{is_label, is_port_name, is_subdomain};
use crate::kube::{Container, DnsConfig, DnsPolicy, HostPort, Port};
use crate::yaml::{At, Report};

/// What a pod's spec says, in a Pod or in a template.
#[derive(Clone, Debug)]
pub(in crate::kube) struct PodSpec {
    pub node: Option<Marked<String>>,
    pub host_network: bool,
    pub hostname: Option<String>,
    pub subdomain: Option<String>,
    pub dns_policy: DnsPolicy,
    pub dns_config: DnsConfig,
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug)]
pub(in crate::kube) struct PodObject {
    pub meta: Meta,
    pub spec: PodSpec,
    pub ip: Option<Marked<Ipv4Addr>>,
    pub ready: bool,
}

impl PodObject {
    /// `Pod default/pod-1`.
    pub(in crate::kube) fn origin(&self) -> String {
        format!("Pod {}/{}", self.meta.namespace, self.meta.name)
    }

    /// Whether ports of its node lead to it.
    pub(in crate::kube) fn has_host_ports(&self) -> bool {
        let mut ports = self.spec.containers.iter().flat_map(|it| &it.ports);
        !self.spec.host_network && ports.any(|it| it.host.is_some())
    }
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<PodObject> {
    let meta = meta::read(object, "v1", report);
    let spec = object.required("spec", "a map with containers", report)?;
    let spec = read_spec(&spec, report);
    let (mut ip, mut phase, mut ready) = (None, None, true);
    if let Some(status) = object.section("status", report) {
        status.misspelt(
            &["podIP", "phase", "conditions"],
            &["podIPs", "hostIP", "hostIPs"],
            report,
        );
        ip = status.field("podIP").and_then(|at| read_address(&at, report));
        phase = status.field("phase").and_then(|at| at.text("a phase", report));
        ready = !status.list("conditions", "a list of conditions", report).iter().any(is_unready);
    }
    let meta = meta?;
    if let Some(phase @ ("Succeeded" | "Failed")) = phase {
        let Meta { namespace, name, .. } = &meta;
        let message = format!("Pod {namespace}/{name} has ended ({phase}) and is left out");
        report.notice(object.problem(message));
        return None;
    }
    Some(PodObject { meta, spec: spec?, ip, ready })
}

/// `{type: Ready, status: "False"}`.
fn is_unready(condition: &At<'_>) -> bool {
    let is = |key: &str, value: &str| {
        let field = condition.field(key);
        field.and_then(|it| it.text("", &mut Report::default())) == Some(value)
    };
    is("type", "Ready") && !is("status", "True")
}

/// The spec of a pod or of a template.
pub(super) fn read_spec(spec: &At<'_>, report: &mut Report) -> Option<PodSpec> {
    if !spec.is_map(report) {
        return None;
    }
    spec.misspelt(
        &["nodeName", "hostNetwork", "containers", "subdomain", "dnsPolicy", "dnsConfig"],
        &["hostname", "initContainers"],
        report,
    );
    let node = spec.field("nodeName").and_then(|at| {
        let value = at.parsed(NAME, report, |text| is_subdomain(text).then(|| text.to_owned()))?;
        Some(Marked { value, place: at.place() })
    });
    let host_network = spec.field("hostNetwork").and_then(|at| at.flag(report)).unwrap_or(false);
    let label = |key: &str, report: &mut Report| {
        let at = spec.field(key)?;
        at.parsed(LABEL, report, |text| is_label(text).then(|| text.to_owned()))
    };
    let (hostname, subdomain) = (label("hostname", report), label("subdomain", report));
    let dns_policy = spec.field("dnsPolicy").and_then(|at| {
        at.parsed("ClusterFirst, ClusterFirstWithHostNet, Default or None", report, |it| {
            DnsPolicy::from_name(it)
        })
    });
    let dns_config = spec.section("dnsConfig", report).map(|at| read_dns_config(&at, report));
    let containers = read_containers(spec, host_network, report);
    Some(PodSpec {
        node,
        host_network,
        hostname,
        subdomain,
        dns_policy: dns_policy.unwrap_or_default(),
        dns_config: dns_config.unwrap_or_default(),
        containers,
    })
}

fn read_dns_config(at: &At<'_>, report: &mut Report) -> DnsConfig {
    at.only(&["nameservers", "searches", "options"], report);
    let mut config = DnsConfig::default();
    for it in at.list("nameservers", "a list of addresses", report) {
        let address = it.parsed(ADDRESS, report, |text| text.parse::<Ipv4Addr>().ok());
        config.nameservers.extend(address);
    }
    for it in at.list("searches", "a list of domains", report) {
        config.searches.extend(it.text("a domain", report).map(str::to_owned));
    }
    for it in at.list("options", "a list of options", report) {
        let text = |key: &str, report: &mut Report| {
            it.field(key).and_then(|at| at.text("text", report)).map(str::to_owned)
        };
        let (name, value) = (text("name", report), text("value", report));
        config.options.extend(name.map(|name| (name, value)));
    }
    config
}

fn read_containers(spec: &At<'_>, host_network: bool, report: &mut Report) -> Vec<Container> {
    let expected = "a list with at least one container";
    let Some(list) = spec.required("containers", expected, report) else { return Vec::new() };
    let items = list.items(expected, report);
    let mut containers = Vec::new();
    let mut names = Seen::default();
    // Ports are the pod's: all its containers share one network namespace.
    let mut taken = Seen::default();
    for at in &items {
        if !at.is_map(report) {
            continue;
        }
        at.misspelt(&["name", "image", "ports"], &[], report);
        let image = at.field("image").and_then(|it| it.text("an image's name", report));
        let name = at
            .required("name", LABEL, report)
            .and_then(|it| it.parsed(LABEL, report, |text| is_label(text).then(|| text.to_owned())))
            .unwrap_or_default();
        if let Some(first) = names.before(name.clone(), &at.place()).filter(|_| !name.is_empty()) {
            let line = first.at.line;
            let message = format!("two containers are named {name} (the first at line {line})");
            report.problem(at.problem(message));
        }
        let list = at.list("ports", "a list of ports", report);
        let ports =
            list.iter().filter_map(|port| read_port(port, host_network, &mut taken, report));
        let ports = ports.collect();
        containers.push(Container { name, image: image.map(str::to_owned), ports });
    }
    if list.is_empty_list() {
        report.problem(list.problem(format!("expected {expected}, found none")));
    }
    containers
}

fn read_port(
    at: &At<'_>,
    host_network: bool,
    taken: &mut Seen,
    report: &mut Report,
) -> Option<Port> {
    if !at.is_map(report) {
        return None;
    }
    at.misspelt(&["name", "containerPort", "protocol", "hostPort", "hostIP"], &[], report);
    let number = at
        .required("containerPort", "a number 1 to 65535", report)
        .and_then(|it| it.number(1..=u16::MAX, report));
    let protocol = protocol(at, report);
    let name = at.field("name").and_then(|it| {
        let expected = "a port's name of at most 15 lower-case letters, digits and \"-\"";
        it.parsed(expected, report, |text| is_port_name(text).then(|| text.to_owned()))
    });
    let host = at.field("hostPort").and_then(|it| read_host_port(&it, at, report));
    let (number, protocol) = (number?, protocol?);
    if host_network && host.is_some_and(|it| it.number != number) {
        let message = "expected the containerPort, as the pod is in its node's network";
        report.problem(at.problem(format!("hostPort: {message} (hostNetwork)")));
    }
    let port = format!("port {number}/{protocol}");
    if let Some(first) = taken.before(port.clone(), &at.place()) {
        report.problem(at.problem(format!(
            "{port} is taken within this pod already (by {} at line {})",
            first.path, first.at.line
        )));
        return None;
    }
    if let Some(HostPort { number, ip }) = host {
        let ip = ip.map(|ip| format!("{ip}:")).unwrap_or_default();
        if let Some(first) = taken.before(format!("hostPort {ip}{number}/{protocol}"), &at.place())
        {
            report.problem(at.problem(format!(
                "hostPort {number}/{protocol} is taken within this pod already (by {} at line {})",
                first.path, first.at.line
            )));
            return None;
        }
    }
    Some(Port { number, protocol, name, host })
}

/// `hostPort` with its `hostIP`, where the address is of the pod's own family.
fn read_host_port(field: &At<'_>, port: &At<'_>, report: &mut Report) -> Option<HostPort> {
    let number = field.number(0..=u16::MAX, report).filter(|&it| it > 0)?;
    let ip = match port.field("hostIP") {
        None => Ipv4Addr::UNSPECIFIED,
        Some(at) => match at.parsed(ADDRESS, report, |text| text.parse().ok())? {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => {
                report.notice(at.problem("IPv6 is not modelled yet: nothing leads to this port"));
                return None;
            }
        },
    };
    Some(HostPort { number, ip: (!ip.is_unspecified()).then_some(ip) })
}
