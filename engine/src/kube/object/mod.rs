//! Kubernetes objects as written: fields read and checked one by one, before anything is placed.

mod endpoint_slice;
mod endpoints;
mod ingress;
mod kube_proxy;
mod meta;
mod namespace;
mod network_policy;
mod node;
mod pod;
mod service;
mod workload;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub(super) use endpoint_slice::EndpointSliceObject;
pub(super) use ingress::{IngressClassObject, IngressObject};
pub(super) use kube_proxy::KubeProxyObject;
pub(super) use meta::Meta;
pub(super) use namespace::NamespaceObject;
pub(super) use network_policy::NetworkPolicyObject;
pub(super) use node::NodeObject;
pub(super) use pod::PodObject;
pub(super) use service::ServiceObject;
pub(super) use workload::{Workload, WorkloadKind};

use super::endpoint_slice::EndpointSlice;
use super::service::{ClusterIp, Service};
use super::{Protocol, outside, ranges};
use crate::base::FxIndexMap;
use crate::yaml::{At, Place, Report};

/// Said wherever an object's name is expected.
const NAME: &str = "a name of lower-case letters, digits, \"-\" and \".\"";
const LABEL: &str = "a name of at most 63 lower-case letters, digits and \"-\"";
const ADDRESS: &str = "an IPv4 address such as 10.244.1.2";

/// The objects of a text, in its order.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    pub(super) nodes: Vec<NodeObject>,
    pub(super) pods: Vec<PodObject>,
    pub(super) workloads: Vec<Workload>,
    pub(super) services: Vec<ServiceObject>,
    pub(super) endpoint_slices: Vec<EndpointSliceObject>,
    /// What Endpoints objects would be mirrored to.
    pub(super) mirrored: Vec<EndpointSliceObject>,
    /// More than one is a problem.
    pub(super) kube_proxy: Option<KubeProxyObject>,
    pub(super) namespaces: Vec<NamespaceObject>,
    pub(super) network_policies: Vec<NetworkPolicyObject>,
    pub(super) ingresses: Vec<IngressObject>,
    pub(super) ingress_classes: Vec<IngressClassObject>,
    /// Pods of workloads whose probes fail, as in `Pod default/web-1`.
    pub(super) unready: Vec<String>,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Marked<T> {
    pub(super) value: T,
    pub(super) place: Place,
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
    /// Whether the cluster's own DNS has a name, as programs in a namespace write it; else somebody outside is asked for it.
    pub fn resolves(&self, host: &str, namespace: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.ends_with(".cluster.local") {
            return true;
        }
        let labels: Vec<&str> = host.split('.').collect();
        let is_service = |at: usize| {
            let namespace = labels.get(at + 1).copied().unwrap_or(namespace);
            self.services
                .iter()
                .map(|it| &it.service)
                .any(|it| labels.get(at) == Some(&it.name.as_str()) && it.namespace == namespace)
        };
        is_service(0) || is_service(1)
    }

    /// Whether a name can only be meant for this cluster, as `api.shop` is where there is a namespace `shop`: nobody outside
    /// has it, even if it is not here either.
    pub fn is_inner(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let Some((_, label)) = host.rsplit_once('.') else { return true };
        let of_pods = self.pods.iter().map(|it| &it.meta.namespace);
        let of_workloads = self.workloads.iter().map(|it| &it.meta.namespace);
        let mut known = self
            .services
            .iter()
            .map(|it| &it.service.namespace)
            .chain(self.namespaces.iter().map(|it| &it.meta.name))
            .chain(of_pods)
            .chain(of_workloads);
        // Top-level domains are of letters alone (RFC 3696), but for those in Punycode.
        let is_domain =
            label.bytes().all(|it| it.is_ascii_alphabetic()) || label.starts_with("xn--");
        !is_domain
            || ["svc", "default", "kube-system"].contains(&label)
            || known.any(|it| it == label)
    }

    /// The Service that programs mean by a host name.
    fn service_named(&self, host: &str) -> Option<&Service> {
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next()?, labels.next());
        self.services.iter().map(|it| &it.service).find(|it| {
            it.name == name && namespace.is_none_or(|namespace| namespace == it.namespace)
        })
    }

    /// The name outside that a Service of the type ExternalName stands for.
    pub fn leads_to(&self, host: &str) -> Option<&str> {
        self.service_named(host)?.external_name.as_deref()
    }

    /// Whether a host name is a Service's that has no such port: nobody rewrites what is sent there.
    pub fn is_closed(&self, host: &str, port: u16) -> bool {
        self.service_named(host).is_some_and(|it| {
            it.cluster_ip != ClusterIp::None && !it.ports.iter().any(|own| own.number == port)
        })
    }

    /// Adds the slices that Endpoints are mirrored to: those of Services without a selector, where no slice is given.
    pub(super) fn mirror(&mut self) {
        for it in std::mem::take(&mut self.mirrored) {
            let of = |other: &EndpointSlice| {
                other.namespace == it.slice.namespace && other.service == it.slice.service
            };
            let has_selector = |own: &Service| {
                own.namespace == it.slice.namespace
                    && it.slice.service.as_ref() == Some(&own.name)
                    && own.selector.is_some()
            };
            let is_given = self.endpoint_slices.iter().any(|it| !it.is_mirrored && of(&it.slice));
            if !is_given && !self.services.iter().any(|it| has_selector(&it.service)) {
                self.endpoint_slices.push(it);
            }
        }
    }

    /// The ports of endpoints that are on the internet.
    pub(super) fn outer_ports(&self) -> Vec<u16> {
        let is_outer = |ip: &Ipv4Addr| outside::is_public(*ip) && !self.owns(*ip);
        let slices = self.endpoint_slices.iter().map(|it| &it.slice);
        slices
            .filter(|it| it.endpoints.iter().flat_map(|it| &it.addresses).any(is_outer))
            .flat_map(|it| it.ports.iter().filter_map(|port| port.number))
            .collect()
    }

    pub fn has_services(&self) -> bool {
        !self.services.is_empty()
    }

    /// Whether `NAME:PORT` is a Service and a port of it, or `NAME` a Service.
    pub fn serves(&self, text: &str) -> bool {
        let (name, port) = match text.split_once(':') {
            None => (text, None),
            Some((name, port)) => (name, Some(port)),
        };
        let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
        self.services.iter().map(|it| &it.service).any(|it| {
            let has = |port: &str| {
                it.ports.iter().any(|own| own.name == port || own.number.to_string() == port)
            };
            it.namespace == namespace && it.name == name && port.is_none_or(has)
        })
    }

    /// Whether an address is the cluster's own, as far as can be said before everything is placed.
    pub fn owns(&self, ip: Ipv4Addr) -> bool {
        let given = self.nodes.iter().any(|node| {
            node.pod_cidr.as_ref().is_some_and(|it| it.value.contains(&ip))
                || node.address.as_ref().is_some_and(|it| it.value == ip)
        });
        let is_usual = |range: &Ipv4Net| range.contains(&ip);
        given
            || ip.is_loopback()
            || self.services.iter().any(|it| it.service.cluster_ip == ClusterIp::Address(ip))
            || [ranges::PODS, ranges::UNDERLAY, ranges::SERVICES].iter().any(is_usual)
    }

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
            "Node" => self.nodes.extend(node::read(object, report)),
            "Pod" => self.pods.extend(pod::read(object, report)),
            "Service" => self.services.extend(service::read(object, report)),
            "EndpointSlice" => self.endpoint_slices.extend(endpoint_slice::read(object, report)),
            "Endpoints" => self.mirrored.extend(endpoints::read(object, report)),
            "KubeProxyConfiguration" => {
                let read = kube_proxy::read(object, report);
                if let Some(first) = &self.kube_proxy {
                    let line = first.place.at.line;
                    report.problem(object.problem(format!(
                        "expected one KubeProxyConfiguration, found another (the first at line {line})"
                    )));
                } else {
                    self.kube_proxy = Some(read);
                }
            }
            "Namespace" => self.namespaces.extend(namespace::read(object, report)),
            "NetworkPolicy" => {
                self.network_policies.extend(network_policy::read(object, report));
            }
            "Ingress" => self.ingresses.extend(ingress::read(object, report)),
            "IngressClass" => self.ingress_classes.extend(ingress::read_class(object, report)),
            other => {
                if let Some(kind) = WorkloadKind::from_name(other) {
                    self.workloads.extend(workload::read(kind, object, report));
                    return;
                }
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

/// `protocol` of a port: TCP unless it says otherwise.
fn protocol(port: &At<'_>, report: &mut Report) -> Option<Protocol> {
    port.field("protocol").map_or(Some(Protocol::Tcp), |it| {
        it.parsed("TCP, UDP or SCTP", report, Protocol::from_name)
    })
}
