//! Reading EndpointSlice objects.

use std::net::Ipv4Addr;

use super::service::{app_protocol, ipv4, port_name};
use super::{NAME, meta, protocol};
use crate::kube::endpoint_slice::{
    Conditions, Endpoint, EndpointPort, EndpointSlice, Hints, SERVICE_NAME, Target,
};
use crate::kube::name::is_subdomain;
use crate::yaml::{At, Place, Report};

/// An EndpointSlice and where it was written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct EndpointSliceObject {
    pub place: Place,
    pub slice: EndpointSlice,
    /// It stands for a subset of Endpoints.
    pub is_mirrored: bool,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<EndpointSliceObject> {
    let meta = meta::read(object, "discovery.k8s.io/v1", report);
    object.misspelt(&["addressType", "endpoints", "ports"], &["apiVersion", "metadata"], report);
    let types = "IPv4, IPv6 or FQDN";
    let kind = object.required("addressType", types, report)?;
    let kind = kind.parsed(types, report, |it| match it {
        "IPv4" => Some(true),
        "IPv6" | "FQDN" => Some(false),
        _ => None,
    });
    let meta = meta?;
    if kind? {
        let endpoints = object.list("endpoints", "a list of endpoints", report);
        let endpoints = endpoints.iter().filter_map(|it| read_endpoint(it, report)).collect();
        let ports = object.list("ports", "a list of ports", report);
        let ports = ports.iter().filter_map(|it| read_port(it, report)).collect();
        let service = meta.labels.get(SERVICE_NAME).filter(|it| !it.is_empty());
        if service.is_none() {
            let message = format!("without the label {SERVICE_NAME} no Service uses it");
            report.notice(object.problem(message));
        }
        let service = service.map(str::to_owned);
        let (namespace, name) = (meta.namespace, meta.name);
        let slice = EndpointSlice { namespace, name, service, endpoints, ports };
        return Some(EndpointSliceObject { place: meta.place, slice, is_mirrored: false });
    }
    let message = format!(
        "EndpointSlice {}/{} is left out: it is not of the type IPv4, and others are not used yet",
        meta.namespace, meta.name
    );
    report.notice(object.problem(message));
    None
}

fn read_endpoint(at: &At<'_>, report: &mut Report) -> Option<Endpoint> {
    if !at.is_map(report) {
        return None;
    }
    at.misspelt(
        &["addresses", "conditions", "nodeName", "zone", "hostname", "hints", "targetRef"],
        &[],
        report,
    );
    let list = at.required("addresses", "a list of addresses", report)?;
    let list = list.items("a list of addresses", report);
    let addresses: Vec<Ipv4Addr> = list.iter().filter_map(|it| ipv4(it, report)).collect();
    let mut conditions = Conditions::default();
    if let Some(it) = at.section("conditions", report) {
        it.misspelt(&["ready", "serving", "terminating"], &[], report);
        let mut flag = |key: &str| it.field(key).and_then(|it| it.flag(report));
        conditions = Conditions {
            ready: flag("ready"),
            serving: flag("serving"),
            terminating: flag("terminating"),
        };
    }
    let mut hints = Hints::default();
    if let Some(it) = at.section("hints", report) {
        it.misspelt(&["forZones", "forNodes"], &[], report);
        hints = Hints {
            for_zones: names(&it, "forZones", report),
            for_nodes: names(&it, "forNodes", report),
        };
    }
    let mut text = |key: &str| at.field(key).and_then(|it| it.text(NAME, report));
    let (zone, hostname) = (text("zone"), text("hostname"));
    let node_name = at
        .field("nodeName")
        .and_then(|it| it.parsed(NAME, report, |name| is_subdomain(name).then(|| name.to_owned())));
    let target = at.section("targetRef", report).map(|it| {
        let mut text = |key: &str| {
            let field = it.field(key).and_then(|it| it.text("text", report));
            field.unwrap_or_default().to_owned()
        };
        Target { kind: text("kind"), namespace: text("namespace"), name: text("name") }
    });
    (!addresses.is_empty()).then(|| Endpoint {
        addresses,
        conditions,
        node_name,
        zone: zone.map(str::to_owned),
        hostname: hostname.map(str::to_owned),
        hints,
        target,
    })
}

/// `[{name: zone-a}]`.
fn names(at: &At<'_>, key: &str, report: &mut Report) -> Vec<String> {
    let mut names = Vec::new();
    for it in at.list(key, "a list of names", report) {
        let name = it.required("name", "a name", report);
        names.extend(name.and_then(|it| it.text("a name", report)).map(str::to_owned));
    }
    names
}

/// A port of a slice, or of a subset of Endpoints.
pub(super) fn read_port(at: &At<'_>, report: &mut Report) -> Option<EndpointPort> {
    if !at.is_map(report) {
        return None;
    }
    at.misspelt(&["name", "port", "protocol", "appProtocol"], &[], report);
    Some(EndpointPort {
        name: at.field("name").and_then(|it| port_name(&it, report)).unwrap_or_default(),
        protocol: protocol(at, report)?,
        number: at
            .field("port")
            .and_then(|it| it.number(0..=u16::MAX, report))
            .filter(|port| *port > 0),
        app_protocol: app_protocol(at, report),
    })
}
