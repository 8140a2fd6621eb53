//! Reading NetworkPolicy objects, with the checks and defaults of the API server (`pkg/apis/networking/validation` and
//! `pkg/apis/networking/v1/defaults.go` of Kubernetes).

use ipnet::{IpNet, Ipv4Net};

use super::{Meta, meta, protocol};
use crate::kube::labels::Selector;
use crate::kube::name::is_port_name;
use crate::kube::policy::{NetworkPolicy, Peer, PortMatch, Ports, Rule};
use crate::yaml::{At, Place, Report};

const PREFIX: &str = "a prefix such as 10.0.0.0/8";
const TYPES: &str = "Ingress or Egress";

/// A policy and where it was written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct NetworkPolicyObject {
    pub place: Place,
    pub policy: NetworkPolicy,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<NetworkPolicyObject> {
    let meta = meta::read(object, "networking.k8s.io/v1", report);
    let mut pods = Selector::default();
    let (mut types, mut ingress, mut egress) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(spec) = object.section("spec", report) {
        spec.only(&["podSelector", "policyTypes", "ingress", "egress"], report);
        if let Some(at) = spec.field("podSelector") {
            pods = meta::selector(&at, report);
        }
        for it in spec.list("policyTypes", "a list of policy types", report) {
            types.extend(it.parsed(TYPES, report, |text| match text {
                "Ingress" => Some(Direction::Ingress),
                "Egress" => Some(Direction::Egress),
                _ => None,
            }));
        }
        ingress = rules(&spec, "ingress", "from", report);
        egress = rules(&spec, "egress", "to", report);
    }
    if types.is_empty() {
        types.push(Direction::Ingress);
        if !egress.is_empty() {
            types.push(Direction::Egress);
        }
    }
    let Meta { place, namespace, name, .. } = meta?;
    let policy = NetworkPolicy {
        namespace,
        name,
        pods,
        ingress: types.contains(&Direction::Ingress).then_some(ingress),
        egress: types.contains(&Direction::Egress).then_some(egress),
    };
    Some(NetworkPolicyObject { place, policy })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

fn rules(spec: &At<'_>, direction: &str, peers: &str, report: &mut Report) -> Vec<Rule> {
    let list = spec.list(direction, "a list of rules", report);
    list.iter().filter_map(|at| rule(at, peers, report)).collect()
}

fn rule(at: &At<'_>, key: &str, report: &mut Report) -> Option<Rule> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&[key, "ports"], report);
    let written = at.list(key, "a list of peers", report);
    let peers = written.iter().filter_map(|it| peer(it, report)).collect();
    let ports_written = at.list("ports", "a list of ports", report);
    let ports = ports_written.iter().filter_map(|it| port(it, report)).collect();
    Some(Rule {
        // An empty list is the same as none: it says nothing.
        peers: (!written.is_empty()).then_some(peers),
        ports: (!ports_written.is_empty()).then_some(ports),
    })
}

/// None for a block of IPv6 addresses too: no address here lies in it.
fn peer(at: &At<'_>, report: &mut Report) -> Option<Peer> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["podSelector", "namespaceSelector", "ipBlock"], report);
    let selector = |key: &str, report: &mut Report| {
        at.field(key).map(|selector| meta::selector(&selector, report))
    };
    let (pods, namespaces) =
        (selector("podSelector", report), selector("namespaceSelector", report));
    match (at.field("ipBlock"), pods, namespaces) {
        (Some(at), None, None) => block(&at, report),
        (Some(at), ..) => {
            let message = "a peer is an ipBlock or has selectors, not both";
            report.problem(at.problem(message));
            None
        }
        (None, None, None) => {
            let message = "expected podSelector, namespaceSelector or ipBlock, found none";
            report.problem(at.problem(message));
            None
        }
        (None, pods, namespaces) => Some(Peer::Pods { namespaces, pods: pods.unwrap_or_default() }),
    }
}

fn block(at: &At<'_>, report: &mut Report) -> Option<Peer> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["cidr", "except"], report);
    let prefix = |at: &At<'_>, report: &mut Report| {
        at.parsed(PREFIX, report, |text| text.parse::<IpNet>().ok()).map(|net| net.trunc())
    };
    let cidr_at = at.required("cidr", PREFIX, report)?;
    let cidr = prefix(&cidr_at, report)?;
    let mut except: Vec<Ipv4Net> = Vec::new();
    for it in at.list("except", "a list of prefixes", report) {
        let Some(net) = prefix(&it, report) else { continue };
        if !cidr.contains(&net) || cidr == net {
            let message = format!("expected a smaller part of {cidr}, found {net}");
            report.problem(it.problem(message));
        }
        if let IpNet::V4(net) = net {
            except.push(net);
        }
    }
    let IpNet::V4(cidr) = cidr else {
        let message = format!("no address here is in {cidr}: IPv6 is not modelled");
        report.notice(cidr_at.problem(message));
        return None;
    };
    Some(Peer::Block { cidr, except })
}

fn port(at: &At<'_>, report: &mut Report) -> Option<PortMatch> {
    const PORT: &str = "a number 1 to 65535 or a port's name";
    if !at.is_map(report) {
        return None;
    }
    at.only(&["protocol", "port", "endPort"], report);
    let protocol = protocol(at, report)?;
    let end = at.field("endPort");
    let Some(port) = at.field("port") else {
        if let Some(end) = end {
            report.problem(end.problem("an endPort needs a port to begin with"));
        }
        return Some(PortMatch { protocol, ports: Ports::All });
    };
    if let Some(name) = port.text("", &mut Report::default()) {
        if let Some(end) = end {
            report.problem(end.problem("a port that is a name has no endPort"));
        }
        if !is_port_name(name) {
            report.problem(port.wrong(PORT));
            return None;
        }
        return Some(PortMatch { protocol, ports: Ports::Named(name.to_owned()) });
    }
    let first = port.number(1..=u16::MAX, report)?;
    let last = match end {
        Some(at) => at.number(first..=u16::MAX, report)?,
        None => first,
    };
    Some(PortMatch { protocol, ports: Ports::Range(first, last) })
}
