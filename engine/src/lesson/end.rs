//! Who sends, and to what, in the words of the command line and of a lab's actions.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Protocol;
use super::program::LOCALHOST;
use crate::app::curl::Url;
use crate::kube::service::Service;
use crate::kube::{self, Cluster, Objects, Outside, Settings};
use crate::wire::dns::Type;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A pod, as an index into the cluster's.
    Pod(usize),
    /// A node, as an index into the cluster's.
    Node(usize),
    /// The client on the internet.
    Internet,
}

/// What is sent to, or asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    Address {
        ip: Ipv4Addr,
        /// None for what has no ports.
        port: Option<u16>,
        /// What was named, if something was.
        named: Named,
    },
    /// Something that is fetched.
    Page(Url),
    /// A name that is looked up: records of a type, or addresses, as a program asks for them that wants to connect.
    Dns { name: String, kind: Option<Type> },
}

/// The object behind a destination's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    Nothing,
    /// Index into the cluster's pods.
    Pod(usize),
    /// Index into the cluster's Services.
    Service(usize),
}

impl Destination {
    /// The port of an address.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Address { port, .. } => *port,
            Self::Page(url) => Some(url.port),
            Self::Dns { .. } => None,
        }
    }

    /// The pod that was named, as an index into the cluster's.
    pub const fn pod(&self) -> Option<usize> {
        match self {
            Self::Address { named: Named::Pod(pod), .. } => Some(*pod),
            Self::Address { .. } | Self::Page(_) | Self::Dns { .. } => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { ip, port: None, .. } => ip.fmt(f),
            Self::Address { ip, port: Some(port), .. } => write!(f, "{ip}:{port}"),
            Self::Page(url) => {
                let scheme = if url.tls { "https" } else { "http" };
                write!(f, "{scheme}://{}{}", url.host_field(), url.path)
            }
            Self::Dns { name, .. } => write!(f, "dns:{name}"),
        }
    }
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

const EXPECTED: &str =
    "pod/NAME[:PORT], svc/NAME[:PORT], node/NAME[:PORT], IP[:PORT], http://HOST/PATH or dns:NAME";

/// Reads `pod/NAME`, `pod/NAMESPACE/NAME`, `node/NAME` or `internet`.
pub(super) fn source(text: &str, cluster: &Cluster) -> Result<Source, Refused> {
    if let Some(name) = text.strip_prefix("pod/") {
        return find_pod(name, cluster).map(Source::Pod);
    }
    if let Some(name) = text.strip_prefix("node/") {
        return find_node(name, cluster).map(Source::Node);
    }
    if text == "internet" {
        return match cluster.outside {
            Some(_) => Ok(Source::Internet),
            None => Err(Refused::Wrong("this cluster has no way to the internet".into())),
        };
    }
    Err(Refused::Wrong(format!("expected pod/NAME, node/NAME or internet, found {text:?}")))
}

/// Notes what a lab must have beyond its objects for what is asked of it, as far as words show that. `ends` are senders and
/// destinations by turns.
pub(super) fn note_needs<'e>(
    ends: impl Iterator<Item = &'e str>,
    objects: &Objects,
    settings: &mut Settings,
) {
    let mut sender = "default";
    for end in ends {
        note_need(end, sender, objects, settings);
        let names = end.strip_prefix("pod/").and_then(|it| it.split_once('/'));
        sender = names.map_or("default", |(namespace, _)| namespace);
    }
}

/// The same for one end, in the words of a sender in `namespace`.
fn note_need(text: &str, namespace: &str, objects: &Objects, settings: &mut Settings) {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let name = rest.strip_prefix("dns:");
    let by_name = rest != text || name.is_some();
    let host = name.unwrap_or(rest).split(['/', ':']).next().unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let port: Option<u16> = authority.split_once(':').and_then(|(_, port)| port.parse().ok());
    settings.needs_dns |= name.is_some();
    let is_outside = match host.parse() {
        _ if host == LOCALHOST => false,
        Ok(ip) => !objects.owns(ip),
        Err(_) if by_name => {
            settings.needs_dns = true;
            let target = objects.leads_to(host).filter(|it| !objects.resolves(it, namespace));
            let asked = target.or((!objects.resolves(host, namespace)).then_some(host));
            let outer = asked.filter(|it| !objects.is_inner(it));
            settings.internet.names.extend(outer.map(str::to_owned));
            asked.is_some()
        }
        Err(_) => text == "internet",
    };
    let named = text.strip_prefix("svc/").or(by_name.then_some(host)).unwrap_or_default();
    let named = named.strip_prefix("default/").unwrap_or(named);
    let mut labels = named.split(['.', ':']);
    settings.needs_api_server |= labels.next() == Some("kubernetes")
        && labels.next().is_none_or(|it| !by_name || it == "default");
    // What nobody takes out of a node's way needs a way to get lost on; the kernel asks for a route before kube-proxy's
    // rules do.
    let is_lost = match text.split_once('/') {
        Some(("svc", name)) => !objects.serves(name),
        Some(("node", _)) => objects.has_services(),
        _ => {
            let usual = if text.starts_with("https") { 443 } else { 80 };
            by_name && name.is_none() && objects.is_closed(host, port.unwrap_or(usual))
        }
    };
    settings.needs_outside |= is_lost;
    settings.needs_outside |= is_outside;
    settings.internet.ports.extend(port.filter(|_| is_outside));
}

/// Reads what [`EXPECTED`] says; names may be `NAMESPACE/NAME`. A name means what the sender can reach of it.
pub(super) fn destination(
    text: &str,
    from: Source,
    cluster: &Cluster,
) -> Result<Destination, Refused> {
    let outside = cluster.outside.as_ref().filter(|_| from == Source::Internet);
    if text.contains("://") {
        let expected =
            || Refused::Wrong(format!("expected http://HOST[:PORT]/PATH, found {text:?}"));
        let url = Url::parse(text).ok_or_else(expected)?;
        if url.host.parse::<Ipv4Addr>().is_err() {
            check_name(&url.host)?;
        }
        return Ok(Destination::Page(url));
    }
    if let Some(name) = text.strip_prefix("dns:") {
        return dns(name);
    }
    if text.trim_matches(['[', ']']).parse::<Ipv6Addr>().is_ok() || text.starts_with('[') {
        return Err(Refused::NotModelled(format!("{text}: IPv6 is not modelled yet")));
    }
    let (host, port) = match text.split_once(':') {
        None => (text, None),
        Some((host, port)) => (host, Some(port)),
    };
    if let Some(name) = host.strip_prefix("svc/") {
        return service(name, port, outside, cluster);
    }
    let port = port.map(read_port).transpose()?;
    if let Some(name) = host.strip_prefix("pod/") {
        let pod = find_pod(name, cluster)?;
        return Ok(Destination::Address { ip: cluster.pods[pod].ip, port, named: Named::Pod(pod) });
    }
    if let Some(name) = host.strip_prefix("node/") {
        let node = find_node(name, cluster)?;
        let external = outside.and_then(|it| it.externals.get(node).copied());
        let ip = external.unwrap_or(cluster.nodes[node].address);
        return Ok(Destination::Address { ip, port, named: Named::Nothing });
    }
    let expected = || Refused::Wrong(format!("expected {EXPECTED}, found {text:?}"));
    let ip = host.parse().map_err(|_| expected())?;
    let pod = cluster.pods.iter().position(|pod| pod.ip == ip && !pod.host_network);
    let named = pod.map_or(Named::Nothing, Named::Pod);
    Ok(Destination::Address { ip, port, named })
}

/// A Service's address, and its port by number or by name; its only one where none is given. From `outside` it is its load
/// balancer's, where it has one.
fn service(
    name: &str,
    port: Option<&str>,
    outside: Option<&Outside>,
    cluster: &Cluster,
) -> Result<Destination, Refused> {
    let (namespace, own_name) = name.split_once('/').unwrap_or(("default", name));
    let is_it = |it: &Service| it.namespace == namespace && it.name == own_name;
    let found = cluster.services.iter().position(is_it).ok_or_else(|| {
        let names = cluster.services.iter().map(|it| match it.namespace.as_str() {
            "default" => it.name.clone(),
            namespace => format!("{namespace}/{}", it.name),
        });
        missing("Service", name, names)
    })?;
    let service = &cluster.services[found];
    let balancer = outside.and_then(|it| it.load_balancers.iter().find(|it| it.service == found));
    let Some(ip) = balancer.map(|it| it.address).or_else(|| service.virtual_ip()) else {
        return Err(Refused::Wrong(format!(
            "Service {name} has no address of its own: ask for its name, as in http://{own_name}"
        )));
    };
    let port = match port {
        None => match service.ports.as_slice() {
            [only] => only.number,
            _ => {
                return Err(Refused::Wrong(format!(
                    "Service {name} has several ports: expected svc/{name}:PORT"
                )));
            }
        },
        Some(text) => match service.ports.iter().find(|it| it.name == text) {
            Some(named) => named.number,
            None => read_port(text)?,
        },
    };
    Ok(Destination::Address { ip, port: Some(port), named: Named::Service(found) })
}

/// `NAME[/TYPE]`.
fn dns(text: &str) -> Result<Destination, Refused> {
    let (name, kind) = match text.split_once('/') {
        None => (text, None),
        Some((name, kind)) => {
            let known = Type::named(kind).ok_or_else(|| {
                Refused::Wrong(format!("expected A, AAAA, SRV, PTR, CNAME or TXT, found {kind:?}"))
            })?;
            (name, Some(known))
        }
    };
    if name.is_empty() {
        return Err(Refused::Wrong("expected a name, as in dns:api".into()));
    }
    check_name(name)?;
    Ok(Destination::Dns { name: name.to_owned(), kind })
}

/// Programs ask for no name that DNS cannot have (RFC 1035 section 2.3.4).
fn check_name(name: &str) -> Result<(), Refused> {
    let is_root = name == ".";
    let inner = name.strip_suffix('.').unwrap_or(name);
    let is_label = |it: &str| (1..=63).contains(&it.len());
    if is_root || inner.len() <= 253 && inner.split('.').all(is_label) {
        return Ok(());
    }
    let expected =
        "expected a name of at most 253 bytes, its parts of 1 to 63 with single dots between them";
    Err(Refused::Wrong(format!("{expected}, found {name:?}")))
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

fn find_node(name: &str, cluster: &Cluster) -> Result<usize, Refused> {
    let names = || cluster.nodes.iter().map(|node| node.name.clone());
    cluster.find_node(name).ok_or_else(|| missing("node", name, names()))
}

fn missing(what: &str, name: &str, names: impl Iterator<Item = String>) -> Refused {
    let known: Vec<String> = names.take(10).collect();
    let known = if known.is_empty() { "there is none".into() } else { known.join(", ") };
    Refused::Wrong(format!("there is no {what} {name:?}: found {known}"))
}

/// The protocol that is meant where none is given: echo requests without a port, else what the object says of that port.
pub(super) fn protocol_to(to: &Destination, cluster: &Cluster) -> Protocol {
    let Destination::Address { port, named, .. } = to else { return Protocol::Tcp };
    let Some(port) = *port else { return Protocol::Icmp };
    let declared = match *named {
        Named::Nothing => None,
        Named::Pod(pod) => {
            let found = cluster.pods[pod].ports().find(|declared| declared.number == port);
            found.map(|declared| declared.protocol)
        }
        Named::Service(service) => {
            let mut ports = cluster.services[service].ports.iter();
            ports.find(|declared| declared.number == port).map(|declared| declared.protocol)
        }
    };
    match declared {
        Some(kube::Protocol::Udp) => Protocol::Udp,
        Some(kube::Protocol::Tcp | kube::Protocol::Sctp) | None => Protocol::Tcp,
    }
}
