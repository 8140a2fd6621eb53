//! Kubernetes objects as written: fields read and checked one by one, before anything is placed.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::name::{is_label, is_port_name, is_subdomain};
use super::{Container, Port, Protocol};
use crate::base::FxIndexMap;
use crate::yaml::{At, Place, Report};

/// Said wherever an object's name is expected.
const NAME: &str = "a name of lower-case letters, digits, \"-\" and \".\"";
const LABEL: &str = "a name of at most 63 lower-case letters, digits and \"-\"";
const PREFIX: &str = "an IPv4 prefix such as 10.244.1.0/24";
const ADDRESS: &str = "an IPv4 address such as 10.244.1.2";

/// The objects of a text, in its order.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub(super) nodes: Vec<NodeObject>,
    pub(super) pods: Vec<PodObject>,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Marked<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) struct NodeObject {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) pod_cidr: Option<Marked<Ipv4Net>>,
    pub(super) address: Option<Marked<Ipv4Addr>>,
}

#[derive(Clone, Debug)]
pub(super) struct PodObject {
    pub(super) place: Place,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) node: Option<Marked<String>>,
    pub(super) ip: Option<Marked<Ipv4Addr>>,
    pub(super) host_network: bool,
    pub(super) containers: Vec<Container>,
}

/// Names that were read, to find those that are there twice.
#[derive(Debug, Default)]
pub(super) struct Seen {
    places: Vec<Place>,
    by_name: FxIndexMap<String, usize>,
}

impl Seen {
    /// Where the name was before; else it is here.
    pub(super) fn before(&mut self, name: String, place: &Place) -> Option<&Place> {
        if let Some(&index) = self.by_name.get(&name) {
            return Some(&self.places[index]);
        }
        self.by_name.insert(name, self.places.len());
        self.places.push(place.clone());
        None
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }
}

impl Objects {
    /// Reads one object: a Node, a Pod, or a List of objects. Others are pointed out and ignored.
    pub fn read(&mut self, object: &At<'_>, report: &mut Report) {
        if !object.is_map(report) {
            return;
        }
        object.misspelt(&["apiVersion", "kind", "metadata", "spec", "status"], &[], report);
        let Some(kind) = object.required("kind", "a kind such as Pod", report) else { return };
        let Some(kind) = kind.text("a kind such as Pod", report) else { return };
        match kind {
            "List" => {
                for item in object.list("items", "a list of objects", report) {
                    self.read(&item, report);
                }
            }
            "Node" => self.nodes.extend(read_node(object, report)),
            "Pod" => self.pods.extend(read_pod(object, report)),
            other => {
                let metadata = object.field("metadata");
                let text = |key: &str| {
                    let field = metadata.as_ref()?.field(key)?;
                    field.text("", &mut Report::default()).map(str::to_owned)
                };
                let namespace = text("namespace").map_or(String::new(), |it| it + "/");
                let name = text("name").unwrap_or_default();
                let named = format!("{other} {namespace}{name}");
                report.notice(object.problem(format!("{} is not used yet", named.trim_end())));
            }
        }
    }
}

/// `apiVersion` and `metadata`, which both kinds have; None without a usable name.
fn read_name(object: &At<'_>, report: &mut Report) -> Option<String> {
    if let Some(version) = object.required("apiVersion", "v1", report) {
        version.parsed("v1", report, |text| (text == "v1").then_some(()));
    }
    let metadata = object.required("metadata", "a map with a name", report)?;
    metadata.misspelt(&["name", "namespace"], &[], report);
    let name = metadata.required("name", NAME, report)?;
    name.parsed(NAME, report, |text| is_subdomain(text).then(|| text.to_owned()))
}

fn read_node(object: &At<'_>, report: &mut Report) -> Option<NodeObject> {
    let name = read_name(object, report);
    let mut pod_cidr = None;
    if let Some(spec) = object.section("spec", report) {
        spec.misspelt(&["podCIDR", "podCIDRs"], &[], report);
        let first = |report: &mut Report| {
            let all = spec.list("podCIDRs", "a list of prefixes", report);
            let is_v4 = |at: &At<'_>| {
                at.text("", &mut Report::default()).is_some_and(|text| !text.contains(':'))
            };
            all.iter().find(|at| is_v4(at)).or(all.first()).cloned()
        };
        if let Some(at) = spec.field("podCIDR").or_else(|| first(report)) {
            pod_cidr = read_pod_cidr(&at, report);
        }
    }
    let mut address = None;
    if let Some(status) = object.section("status", report) {
        status.misspelt(&["addresses"], &[], report);
        address = read_internal_ip(&status, report);
    }
    Some(NodeObject { place: object.place(), name: name?, pod_cidr, address })
}

fn read_pod_cidr(at: &At<'_>, report: &mut Report) -> Option<Marked<Ipv4Net>> {
    let written: Ipv4Net = at.parsed(PREFIX, report, |text| text.parse().ok())?;
    let cidr = written.trunc();
    if !(8..=30).contains(&cidr.prefix_len()) {
        report.problem(at.problem(format!(
            "expected a prefix length of 8 to 30, which leaves room for a gateway and a pod, found /{}",
            cidr.prefix_len()
        )));
        return None;
    }
    if !is_host_address(cidr.network()) {
        report.problem(at.problem(format!("{cidr} is no range for hosts")));
        return None;
    }
    if cidr != written {
        report.notice(at.problem(format!("{written} is taken as {cidr}")));
    }
    Some(Marked { value: cidr, place: at.place() })
}

fn read_internal_ip(status: &At<'_>, report: &mut Report) -> Option<Marked<Ipv4Addr>> {
    for entry in status.list("addresses", "a list of addresses", report) {
        if !entry.is_map(report) {
            continue;
        }
        let kind = entry.required("type", "a type such as InternalIP", report)?;
        if kind.text("a type such as InternalIP", report)? != "InternalIP" {
            continue;
        }
        let address = entry.required("address", ADDRESS, report)?;
        if address.text(ADDRESS, report)?.contains(':') {
            continue; // A dual-stack node has an IPv6 address beside the other.
        }
        return read_address(&address, report);
    }
    None
}

fn read_address(at: &At<'_>, report: &mut Report) -> Option<Marked<Ipv4Addr>> {
    let value = at.parsed(ADDRESS, report, |text| text.parse().ok())?;
    if !is_host_address(value) {
        report.problem(at.problem(format!("{value} cannot be a host's address")));
        return None;
    }
    Some(Marked { value, place: at.place() })
}

/// Whether an address can be a host's: none of "this network", loopback, multicast or reserved.
fn is_host_address(ip: Ipv4Addr) -> bool {
    (1..224).contains(&ip.octets()[0]) && !ip.is_loopback()
}

fn read_pod(object: &At<'_>, report: &mut Report) -> Option<PodObject> {
    let name = read_name(object, report);
    let mut namespace = Some("default".to_owned());
    if let Some(at) = object.field("metadata").and_then(|metadata| metadata.field("namespace")) {
        namespace = at.parsed(LABEL, report, |text| is_label(text).then(|| text.to_owned()));
    }
    let spec = object.required("spec", "a map with containers", report)?;
    if !spec.is_map(report) {
        return None;
    }
    spec.misspelt(
        &["nodeName", "hostNetwork", "containers"],
        &["hostname", "initContainers"],
        report,
    );
    let node = spec.field("nodeName").and_then(|at| {
        let value = at.parsed(NAME, report, |text| is_subdomain(text).then(|| text.to_owned()))?;
        Some(Marked { value, place: at.place() })
    });
    let host_network = spec.field("hostNetwork").and_then(|at| at.flag(report)).unwrap_or(false);
    let containers = read_containers(&spec, host_network, report);
    let (mut ip, mut phase) = (None, None);
    if let Some(status) = object.section("status", report) {
        status.misspelt(&["podIP", "phase"], &["podIPs", "hostIP", "hostIPs"], report);
        ip = status.field("podIP").and_then(|at| read_address(&at, report));
        phase = status.field("phase").and_then(|at| at.text("a phase", report));
    }
    let (namespace, name) = (namespace?, name?);
    if let Some(phase @ ("Succeeded" | "Failed")) = phase {
        let message = format!("Pod {namespace}/{name} has ended ({phase}) and is left out");
        report.notice(object.problem(message));
        return None;
    }
    Some(PodObject { place: object.place(), namespace, name, node, ip, host_network, containers })
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
    at.misspelt(&["name", "containerPort", "protocol"], &["hostPort", "hostIP"], report);
    let number = at
        .required("containerPort", "a number 1 to 65535", report)
        .and_then(|it| it.number(1..=u16::MAX, report));
    let protocol = at.field("protocol").map_or(Some(Protocol::Tcp), |it| {
        it.parsed("TCP, UDP or SCTP", report, |text| match text {
            "TCP" => Some(Protocol::Tcp),
            "UDP" => Some(Protocol::Udp),
            "SCTP" => Some(Protocol::Sctp),
            _ => None,
        })
    });
    let name = at.field("name").and_then(|it| {
        let expected = "a port's name of at most 15 lower-case letters, digits and \"-\"";
        it.parsed(expected, report, |text| is_port_name(text).then(|| text.to_owned()))
    });
    if let Some(host_port) = at.field("hostPort").filter(|_| !host_network) {
        report.notice(host_port.problem("hostPort is not used yet"));
    }
    let (number, protocol) = (number?, protocol?);
    let port = format!("port {number}/{protocol}");
    if let Some(first) = taken.before(port.clone(), &at.place()) {
        report.problem(at.problem(format!(
            "{port} is taken within this pod already (by {} at line {})",
            first.path, first.at.line
        )));
        return None;
    }
    Some(Port { number, protocol, name })
}
