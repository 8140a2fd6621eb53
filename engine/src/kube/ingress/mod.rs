//! Ingresses as data, and the table that a controller makes of those of its class. Read `k8s.io/api/networking/v1` and
//! `internal/ingress/controller/controller.go` of ingress-nginx first.
//!
//! Like ingress-nginx the table leads to the addresses of ready endpoints, past the Service's own address.

use super::endpoint_slice::EndpointSlice;
use super::service::{LoadBalancerIngress, Service};
use crate::app::ingress::route::{Fallback, Host, PathKind, Route, Routes, Upstream};
use crate::base::FxIndexMap;

/// An Ingress.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ingress {
    pub namespace: String,
    pub name: String,
    pub class: Option<String>,
    pub default_backend: Option<Backend>,
    pub rules: Vec<IngressRule>,
    /// The hosts for which it has certificates.
    pub tls_hosts: Vec<String>,
    /// `status.loadBalancer.ingress`: where the controller is reached.
    pub addresses: Vec<LoadBalancerIngress>,
}

/// Which controller an Ingress is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IngressClass {
    pub name: String,
    pub controller: String,
    /// Ingresses that name no class are of this one.
    pub is_default: bool,
}

/// Paths of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IngressRule {
    /// Empty: every host.
    pub host: String,
    pub paths: Vec<IngressPath>,
}

/// A path and what serves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IngressPath {
    pub path: String,
    pub kind: PathType,
    pub backend: Backend,
}

/// How a path is compared with a request's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
}

/// What serves requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Backend {
    Service {
        name: String,
        port: BackendPort,
    },
    /// An object of another kind, of which no endpoint is known.
    Resource(String),
}

/// A port of a Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BackendPort {
    Name(String),
    Number(u16),
}

impl Ingress {
    /// `Ingress default/web`.
    pub fn origin(&self) -> String {
        format!("Ingress {}/{}", self.namespace, self.name)
    }

    /// Whether a rule is for this host and not for every one.
    pub fn names_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let mut hosts = self.rules.iter().map(|rule| Host::parse(&rule.host));
        hosts.any(|it| it != Host::Any && it.matches(&host))
    }
}

/// Whether a controller of `class` serves an Ingress: by the class it names, or, where it names none, as the default. In
/// a cluster without any IngressClass the controller serves those too that name none (`--watch-ingress-without-class`).
pub fn is_of_class(ingress: &Ingress, class: &str, classes: &[IngressClass]) -> bool {
    match &ingress.class {
        Some(own) => own == class,
        None if classes.is_empty() => true,
        None => classes.iter().any(|it| it.is_default && it.name == class),
    }
}

/// The table of all these Ingresses, of which an earlier one wins over a later one that says the same host and path.
pub fn routes<'i>(
    ingresses: impl IntoIterator<Item = &'i Ingress>,
    services: &[Service],
    slices: &[EndpointSlice],
) -> Routes {
    let mut upstreams = Upstreams { services, slices, by_name: FxIndexMap::default() };
    let (mut routes, mut fallbacks) = (Vec::new(), Vec::new());
    for ingress in ingresses {
        let origin = ingress.origin();
        for rule in &ingress.rules {
            for IngressPath { path, kind, backend } in &rule.paths {
                let kind = match kind {
                    PathType::Exact => PathKind::Exact,
                    PathType::Prefix => PathKind::Prefix,
                    PathType::ImplementationSpecific => PathKind::Text,
                };
                routes.push(Route {
                    host: Host::parse(&rule.host),
                    path: path.clone(),
                    kind,
                    upstream: upstreams.find(ingress, backend),
                    origin: origin.clone(),
                });
            }
        }
        let Some(backend) = &ingress.default_backend else { continue };
        let upstream = upstreams.find(ingress, backend);
        let hosts = ingress.rules.iter().map(|rule| Host::parse(&rule.host));
        // First for its own hosts, and for every host that nothing is said of.
        for host in hosts.chain([Host::Any]) {
            fallbacks.push(Fallback { host, upstream, origin: origin.clone() });
        }
    }
    let upstreams = upstreams.by_name.into_values().collect();
    Routes::new(routes, fallbacks, upstreams)
}

struct Upstreams<'c> {
    services: &'c [Service],
    slices: &'c [EndpointSlice],
    by_name: FxIndexMap<String, Upstream>,
}

impl Upstreams<'_> {
    fn find(&mut self, ingress: &Ingress, backend: &Backend) -> usize {
        let name = match backend {
            Backend::Resource(name) => format!("{}/{name}", ingress.namespace),
            Backend::Service { name, port: BackendPort::Name(port) } => {
                format!("{}/{name}:{port}", ingress.namespace)
            }
            Backend::Service { name, port: BackendPort::Number(port) } => {
                format!("{}/{name}:{port}", ingress.namespace)
            }
        };
        if let Some(index) = self.by_name.get_index_of(&name) {
            return index;
        }
        let endpoints = match backend {
            Backend::Resource(_) => Vec::new(),
            Backend::Service { name, port } => self.endpoints(&ingress.namespace, name, port),
        };
        self.by_name.insert(name.clone(), Upstream { name, endpoints });
        self.by_name.len() - 1
    }

    fn endpoints(
        &self,
        namespace: &str,
        service: &str,
        port: &BackendPort,
    ) -> Vec<(std::net::Ipv4Addr, u16)> {
        let mut endpoints = Vec::new();
        let found = self.services.iter().find(|it| it.namespace == namespace && it.name == service);
        let port = found.and_then(|service| {
            service.ports.iter().find(|it| match port {
                BackendPort::Name(name) => it.name == *name,
                BackendPort::Number(number) => it.number == *number,
            })
        });
        let Some(port) = port else { return endpoints };
        let own = |slice: &&EndpointSlice| {
            slice.namespace == namespace && slice.service.as_deref() == Some(service)
        };
        for slice in self.slices.iter().filter(own) {
            let number = slice.ports.iter().find(|it| it.name == port.name);
            let Some(number) = number.and_then(|it| it.number) else { continue };
            let ready = slice.endpoints.iter().filter(|it| it.conditions.is_ready());
            let all = ready.filter_map(|it| Some((*it.addresses.first()?, number)));
            for endpoint in all {
                if !endpoints.contains(&endpoint) {
                    endpoints.push(endpoint);
                }
            }
        }
        endpoints
    }
}

#[cfg(test)]
mod tests;
