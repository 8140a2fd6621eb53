//! Who sends, and to what, in the words of the command line and of a lab's actions.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Protocol;
use crate::kube::{self, Cluster};

/// Who sends: an index into the cluster's pods or nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    Pod(usize),
    Node(usize),
}

/// Where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination {
    pub ip: Ipv4Addr,
    /// None for what has no ports.
    pub port: Option<u16>,
    /// The pod that was named, as an index into the cluster's.
    pub pod: Option<usize>,
}

/// Why an exchange cannot be run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// It makes no sense here; the text says what was expected.
    Wrong(String),
    /// It makes sense, and this engine cannot do it yet.
    NotModelled(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(text) | Self::NotModelled(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Refused {}

/// Reads `pod/NAME`, `pod/NAMESPACE/NAME` or `node/NAME`.
pub(super) fn source(text: &str, cluster: &Cluster) -> Result<Source, Refused> {
    if let Some(name) = text.strip_prefix("pod/") {
        return find_pod(name, cluster).map(Source::Pod);
    }
    if let Some(name) = text.strip_prefix("node/") {
        let names = || cluster.nodes.iter().map(|node| node.name.clone());
        let node = cluster.find_node(name);
        return node.map(Source::Node).ok_or_else(|| missing("node", name, names()));
    }
    if text == "internet" {
        return Err(Refused::NotModelled("the internet is not modelled yet".into()));
    }
    Err(Refused::Wrong(format!("expected pod/NAME or node/NAME, found {text:?}")))
}

/// Reads `pod/[NAMESPACE/]NAME[:PORT]` or `IP[:PORT]`.
pub(super) fn destination(text: &str, cluster: &Cluster) -> Result<Destination, Refused> {
    for (prefix, what) in [
        ("svc/", "Services are not modelled yet"),
        ("http://", "HTTP is not modelled yet"),
        ("https://", "HTTP is not modelled yet"),
        ("dns:", "DNS is not modelled yet"),
        ("internet", "the internet is not modelled yet"),
    ] {
        if text.starts_with(prefix) {
            return Err(Refused::NotModelled(format!("{text}: {what}")));
        }
    }
    if text.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() || text.starts_with('[') {
        return Err(Refused::NotModelled(format!("{text}: IPv6 is not modelled yet")));
    }
    let (host, port) = match text.split_once(':') {
        None => (text, None),
        Some((host, port)) => (host, Some(read_port(port)?)),
    };
    if let Some(name) = host.strip_prefix("pod/") {
        let pod = find_pod(name, cluster)?;
        return Ok(Destination { ip: cluster.pods[pod].ip, port, pod: Some(pod) });
    }
    let expected =
        || Refused::Wrong(format!("expected pod/NAME[:PORT] or IP[:PORT], found {text:?}"));
    let ip = host.parse().map_err(|_| expected())?;
    let pod = cluster.pods.iter().position(|pod| pod.ip == ip && !pod.host_network);
    Ok(Destination { ip, port, pod })
}

fn read_port(text: &str) -> Result<u16, Refused> {
    let port = text.parse().ok().filter(|&port| port > 0);
    port.ok_or_else(|| Refused::Wrong(format!("expected a port 1 to 65535, found {text:?}")))
}

fn find_pod(name: &str, cluster: &Cluster) -> Result<usize, Refused> {
    let (namespace, own_name) = name.split_once('/').unwrap_or(("default", name));
    cluster
        .find_pod(namespace, own_name)
        .ok_or_else(|| missing("pod", name, cluster.pods.iter().map(kube::Pod::short_name)))
}

fn missing(what: &str, name: &str, names: impl Iterator<Item = String>) -> Refused {
    let known: Vec<String> = names.take(10).collect();
    let known = if known.is_empty() { "there is none".into() } else { known.join(", ") };
    Refused::Wrong(format!("there is no {what} {name:?}: found {known}"))
}

/// The protocol that is meant where none is given: echo requests without a port, else what the pod says of that port.
pub(super) fn protocol_to(to: &Destination, cluster: &Cluster) -> Protocol {
    let Some(port) = to.port else { return Protocol::Icmp };
    let mut ports = to.pod.iter().flat_map(|&pod| cluster.pods[pod].ports());
    match ports.find(|declared| declared.number == port).map(|declared| declared.protocol) {
        Some(kube::Protocol::Udp) => Protocol::Udp,
        Some(kube::Protocol::Tcp | kube::Protocol::Sctp) | None => Protocol::Tcp,
    }
}
