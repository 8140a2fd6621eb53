//! Reading Endpoints objects, the older way to say where a Service without a selector leads, as the slices that
//! Kubernetes mirrors them to (pkg/controller/endpointslicemirroring).

use super::endpoint_slice::{EndpointSliceObject, read_port};
use super::service::ipv4;
use super::{NAME, meta};
use crate::kube::endpoint_slice::{Conditions, Endpoint, EndpointSlice, Hints};
use crate::yaml::{At, Report};

/// One slice for each subset.
pub(super) fn read(object: &At<'_>, report: &mut Report) -> Vec<EndpointSliceObject> {
    let Some(meta) = meta::read(object, "v1", report) else { return Vec::new() };
    object.misspelt(&["subsets"], &["apiVersion", "metadata"], report);
    let subsets = object.list("subsets", "a list of addresses with ports", report);
    let mut slices = Vec::new();
    for (number, subset) in (1..).zip(&subsets) {
        if !subset.is_map(report) {
            continue;
        }
        subset.misspelt(&["addresses", "notReadyAddresses", "ports"], &[], report);
        let mut endpoints = Vec::new();
        for (key, ready) in [("addresses", true), ("notReadyAddresses", false)] {
            for it in subset.list(key, "a list of addresses", report) {
                endpoints.extend(read_address(&it, ready, report));
            }
        }
        let ports = subset.list("ports", "a list of ports", report);
        let ports = ports.iter().filter_map(|it| read_port(it, report)).collect();
        let slice = EndpointSlice {
            namespace: meta.namespace.clone(),
            name: format!("{}-{number}", meta.name),
            service: Some(meta.name.clone()),
            endpoints,
            ports,
        };
        slices.push(EndpointSliceObject { place: meta.place.clone(), slice, is_mirrored: true });
    }
    slices
}

fn read_address(at: &At<'_>, ready: bool, report: &mut Report) -> Option<Endpoint> {
    if !at.is_map(report) {
        return None;
    }
    let address = ipv4(&at.required("ip", "an address", report)?, report)?;
    let mut text = |key: &str| {
        let field = at.field(key).and_then(|it| it.text(NAME, report));
        field.map(str::to_owned)
    };
    let (hostname, node_name) = (text("hostname"), text("nodeName"));
    let conditions = Conditions { ready: Some(ready), ..Conditions::default() };
    let (zone, hints, target) = (None, Hints::default(), None);
    Some(Endpoint {
        addresses: vec![address],
        conditions,
        node_name,
        zone,
        hostname,
        hints,
        target,
    })
}
