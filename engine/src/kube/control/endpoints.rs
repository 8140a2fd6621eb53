//! How the endpoints of Services change, in words.

use crate::kube::Cluster;
use crate::kube::endpoint_slice::{Endpoint, EndpointSlice};
use crate::trace::Note;

/// A note for each Service whose endpoints are others in `new`.
pub(super) fn notes(cluster: &Cluster, old: &[EndpointSlice], new: &[EndpointSlice]) -> Vec<Note> {
    let mut notes = Vec::new();
    for service in &cluster.services {
        let own = |slices: &[EndpointSlice]| -> Vec<(String, Option<String>)> {
            let is_own = |it: &&EndpointSlice| {
                it.namespace == service.namespace && it.service.as_ref() == Some(&service.name)
            };
            slices.iter().filter(is_own).flat_map(lines).collect()
        };
        let (before, after) = (own(old), own(new));
        if before == after {
            continue;
        }
        let only = |sign: &str,
                    these: &[(String, Option<String>)],
                    others: &[(String, Option<String>)]| {
            let new = these.iter().filter(|it| !others.contains(it));
            new.map(|(text, origin)| (format!("{sign} {text}"), origin.clone())).collect::<Vec<_>>()
        };
        let mut details = only("−", &before, &after);
        details.extend(only("+", &after, &before));
        let text = match after.len() {
            0 => "It finds no pod that the selector selects and that has an address.".to_owned(),
            1 => {
                "It selects pods by their labels, and writes the one endpoint it finds.".to_owned()
            }
            n => format!("It selects pods by their labels, and writes the {n} endpoints it finds."),
        };
        notes.push(Note {
            title: format!("the endpoints of {} are updated", service.origin()),
            text: format!("The EndpointSlice controller hears of the change. {text}"),
            by: super::plane::CONTROLLERS,
            short: format!("{}: {}", service.name, counted(after.len())),
            tells: true,
            source: "reconcile",
            details,
            ..Note::default()
        });
    }
    notes
}

fn counted(n: usize) -> String {
    format!("{n} endpoint{}", if n == 1 { "" } else { "s" })
}

/// `10.244.1.2 port 8080/TCP: ready`.
fn lines(slice: &EndpointSlice) -> Vec<(String, Option<String>)> {
    let ports: Vec<String> = slice
        .ports
        .iter()
        .filter_map(|it| Some(format!("{}/{}", it.number?, it.protocol)))
        .collect();
    let ports =
        if ports.is_empty() { String::new() } else { format!(" port {}", ports.join(", ")) };
    let line = |it: &Endpoint| {
        let ip = it.addresses.first()?;
        let conditions = it.conditions;
        let mut words = vec![if conditions.is_ready() { "ready" } else { "not ready" }];
        if conditions.is_terminating() {
            words.push(if conditions.is_serving() {
                "serving, terminating"
            } else {
                "terminating"
            });
        }
        let origin =
            it.target.as_ref().map(|it| format!("{} {}/{}", it.kind, it.namespace, it.name));
        Some((format!("{ip}{ports}: {}", words.join(", ")), origin))
    };
    slice.endpoints.iter().filter_map(line).collect()
}
