//! Which endpoints of a Service a node sends to. Read `CategorizeEndpoints` of `pkg/proxy/topology.go` and
//! `pkg/proxy/endpointslicecache.go` first.

use std::net::Ipv4Addr;

use crate::base::{FxIndexMap, sort_by};
use crate::kube::endpoint_slice::{Conditions, EndpointSlice, Hints};
use crate::kube::service::{Service, ServicePort};

use super::Host;

/// An address and port behind a Service's port.
#[derive(Clone, Debug)]
pub(super) struct Backend<'a> {
    pub ip: Ipv4Addr,
    /// `10.244.1.2:8080`: by these texts they are told apart and put in order.
    pub text: String,
    pub slice: &'a EndpointSlice,
    /// The chain that leads there.
    pub chain: String,
    node_name: Option<&'a str>,
    conditions: Conditions,
    hints: &'a Hints,
}

impl Backend<'_> {
    fn is_local(&self, host: &Host<'_>) -> bool {
        self.node_name == Some(host.name)
    }

    fn is_ready(&self) -> bool {
        self.conditions.is_ready()
    }

    /// It has a hint, so that not every node may use it.
    pub(super) fn is_for_some(&self) -> bool {
        !self.hints.for_zones.is_empty() || !self.hints.for_nodes.is_empty()
    }

    /// It still answers while it ends.
    fn is_last_resort(&self) -> bool {
        self.conditions.is_serving() && self.conditions.is_terminating()
    }
}

/// All slices by the Service they belong to.
pub(super) struct Slices<'a>(FxIndexMap<(&'a str, &'a str), Vec<&'a EndpointSlice>>);

impl<'a> Slices<'a> {
    pub(super) fn new(slices: &'a [EndpointSlice]) -> Self {
        let mut by_service: FxIndexMap<_, Vec<_>> = FxIndexMap::default();
        for slice in slices {
            if let Some(service) = &slice.service {
                by_service
                    .entry((slice.namespace.as_str(), service.as_str()))
                    .or_default()
                    .push(slice);
            }
        }
        for list in by_service.values_mut() {
            sort_by(list, |a, b| a.name.cmp(&b.name));
        }
        Self(by_service)
    }

    /// The backends of a Service's port by their texts; the same text stands there more than once if several slices
    /// have it. `chain` names the chain of one.
    pub(super) fn backends(
        &self,
        service: &Service,
        port: &ServicePort,
        chain: impl Fn(&str) -> String,
    ) -> Vec<Backend<'a>> {
        let mut backends = Vec::new();
        let key = (service.namespace.as_str(), service.name.as_str());
        for slice in self.0.get(&key).into_iter().flatten() {
            let same = slice
                .ports
                .iter()
                .filter(|it| it.name == port.name && it.protocol == port.protocol);
            for number in same.filter_map(|it| it.number) {
                for endpoint in &slice.endpoints {
                    let Some(&ip) = endpoint.addresses.first() else { continue };
                    let text = format!("{ip}:{number}");
                    backends.push(Backend {
                        ip,
                        chain: chain(&text),
                        text,
                        slice,
                        node_name: endpoint.node_name.as_deref(),
                        conditions: endpoint.conditions,
                        hints: &endpoint.hints,
                    });
                }
            }
        }
        sort_by(&mut backends, |a, b| a.text.cmp(&b.text));
        backends
    }
}

/// What a Service's port may use; the policies decide which lists are needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uses {
    pub cluster: bool,
    pub local: bool,
}

/// The endpoints that a node uses, each list in order.
#[derive(Debug, Default)]
pub(super) struct Chosen<'b, 'a> {
    /// For traffic that may go anywhere.
    pub cluster: Vec<&'b Backend<'a>>,
    /// For traffic that stays on the node.
    pub local: Vec<&'b Backend<'a>>,
    /// Those of either list.
    pub reachable: Vec<&'b Backend<'a>>,
    /// Some node has an endpoint that can be used.
    pub any: bool,
}

/// How many different backends there are.
pub(super) fn count(backends: &[Backend<'_>]) -> usize {
    backends.chunk_by(|a, b| a.text == b.text).count()
}

/// What the same texts stand for on this node: the first of them, but what is on the node itself goes before.
fn distinct<'b, 'a>(backends: &'b [Backend<'a>], host: &Host<'_>) -> Vec<&'b Backend<'a>> {
    let same = backends.chunk_by(|a, b| a.text == b.text);
    same.filter_map(|same| same.iter().rfind(|it| it.is_local(host)).or(same.first())).collect()
}

pub(super) fn choose<'b, 'a>(
    backends: &'b [Backend<'a>],
    uses: Uses,
    host: &Host<'_>,
) -> Chosen<'b, 'a> {
    let all = distinct(backends, host);
    let of = |wanted: &dyn Fn(&Backend<'a>) -> bool| -> Vec<&'b Backend<'a>> {
        all.iter().copied().filter(|it| wanted(it)).collect()
    };
    let mut chosen = Chosen::default();
    if uses.cluster {
        let prefers = preference(&all, host);
        chosen.cluster = of(&|it| it.is_ready() && prefers.admits(it, host));
        if chosen.cluster.is_empty() {
            chosen.cluster = of(&Backend::is_last_resort);
        }
        chosen.any = !chosen.cluster.is_empty();
    }
    if uses.local {
        chosen.any |= all.iter().any(|it| it.is_ready() || it.is_last_resort());
        chosen.local = of(&|it| it.is_local(host) && it.is_ready());
        if chosen.local.is_empty() {
            chosen.local = of(&|it| it.is_local(host) && it.is_last_resort());
        }
    }
    chosen.reachable = chosen.cluster.iter().chain(&chosen.local).copied().collect();
    sort_by(&mut chosen.reachable, |a, b| a.text.cmp(&b.text));
    chosen.reachable.dedup_by(|a, b| a.text == b.text);
    chosen
}

/// Where the endpoints should be that a node uses (`topologyModeFromHints`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Preference {
    Anywhere,
    SameZone,
    SameNode,
}

impl Preference {
    fn admits(self, it: &Backend<'_>, host: &Host<'_>) -> bool {
        match self {
            Self::Anywhere => true,
            Self::SameZone => has(&it.hints.for_zones, host.zone),
            Self::SameNode => has(&it.hints.for_nodes, Some(host.name)),
        }
    }
}

fn has(names: &[String], name: Option<&str>) -> bool {
    // A node of no zone is in a zone without a name.
    names.iter().any(|it| it == name.unwrap_or_default())
}

/// Hints count only if every ready endpoint has one, and one of them is for this node or its zone.
fn preference(all: &[&Backend<'_>], host: &Host<'_>) -> Preference {
    let ready = || all.iter().filter(|it| it.is_ready());
    let counts = |names: fn(&Hints) -> &[String], name: Option<&str>| {
        ready().all(|it| !names(it.hints).is_empty())
            && ready().any(|it| has(names(it.hints), name))
    };
    if counts(|it| &it.for_nodes, Some(host.name)) {
        Preference::SameNode
    } else if counts(|it| &it.for_zones, host.zone) {
        Preference::SameZone
    } else {
        Preference::Anywhere
    }
}
