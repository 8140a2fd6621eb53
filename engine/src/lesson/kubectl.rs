//! What `kubectl get` prints of a lab's objects at an instant, in the columns of pkg/printers/internalversion of kubernetes.
//! A closed set: what is not here is not understood, never guessed.
//!
//! | command | |
//! | --- | --- |
//! | `kubectl get pods -o wide` | in the namespace `default` |
//! | `kubectl get service NAME` | of the type ClusterIP or NodePort |
//! | `kubectl get endpointslices -l kubernetes.io/service-name=NAME` | |
//!
//! The clock of a lab begins with it, and so do the ages of what is there from the beginning.

use super::play::Play;
use crate::base::Nanos;
use crate::kube::Cluster;
use crate::kube::control::{Listed, Plane};
use crate::kube::endpoint_slice::EndpointSlice;
use crate::kube::service::{Service, ServiceType};

/// kubectl looks where its context says, and that says nothing.
const NAMESPACE: &str = "default";
const SECOND: u64 = 1_000_000_000;
/// `tabwriter`: between two columns, and the narrowest.
const PADDING: usize = 3;
const NARROWEST: usize = 6;
/// `formatEndpoints`, `formatDiscoveryPorts`: more are counted.
const MOST: usize = 3;

/// The lines that the command prints. None: it is not understood.
pub(super) fn get(play: &Play<'_>, cluster: &Cluster, command: &str) -> Option<Vec<String>> {
    let (plane, now) = (play.plane(), play.world.now());
    let stored = plane.map_or(cluster, Plane::stored);
    let asked = Asked { plane, stored, now };
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["kubectl", "get", "pods", "-o", "wide"] => Some(asked.pods()),
        ["kubectl", "get", "service", name] => asked.service(name),
        ["kubectl", "get", "endpointslices", "-l", label] => {
            Some(asked.slices(label.strip_prefix("kubernetes.io/service-name=")?))
        }
        _ => None,
    }
}

struct Asked<'a> {
    plane: Option<&'a Plane<'a>>,
    /// As the API server has it.
    stored: &'a Cluster,
    now: Nanos,
}

impl Asked<'_> {
    fn pods(&self) -> Vec<String> {
        let listed = match self.plane {
            Some(plane) => plane.listed(),
            None => self.stored.pods.iter().map(Listed::running).collect(),
        };
        // By name, and short: they are few.
        let mut own: Vec<&Listed<'_>> = Vec::new();
        for it in listed.iter().filter(|it| it.pod.namespace == NAMESPACE) {
            let at = own.partition_point(|other| other.pod.name < it.pod.name);
            own.insert(at, it);
        }
        let head = [
            "NAME",
            "READY",
            "STATUS",
            "RESTARTS",
            "AGE",
            "IP",
            "NODE",
            "NOMINATED NODE",
            "READINESS GATES",
        ];
        let row = |it: &&Listed<'_>| {
            let pod = it.pod;
            let all = pod.containers.len();
            let ready = if it.is_running && pod.ready { all } else { 0 };
            let none = || "<none>".to_owned();
            vec![
                pod.name.clone(),
                format!("{ready}/{all}"),
                it.status().to_owned(),
                "0".to_owned(),
                self.age(&pod.origin()),
                if it.is_running { pod.ip.to_string() } else { none() },
                if it.is_bound { self.stored.nodes[pod.node].name.clone() } else { none() },
                none(),
                none(),
            ]
        };
        table(&head, own.iter().map(row).collect())
    }

    fn service(&self, name: &str) -> Option<Vec<String>> {
        let is_it = |it: &&Service| it.namespace == NAMESPACE && it.name == name;
        let Some(service) = self.stored.services.iter().find(is_it) else {
            return Some(vec![format!(
                "Error from server (NotFound): services \"{name}\" not found"
            )]);
        };
        let kind = match service.kind {
            ServiceType::ClusterIp => "ClusterIP",
            ServiceType::NodePort => "NodePort",
            ServiceType::LoadBalancer | ServiceType::ExternalName => return None,
        };
        let ports = service.ports.iter().map(|it| match it.node_port {
            Some(own) => format!("{}:{own}/{}", it.number, it.protocol),
            None => format!("{}/{}", it.number, it.protocol),
        });
        let external: Vec<String> = service.external_ips.iter().map(ToString::to_string).collect();
        let none = || "<none>".to_owned();
        let row = vec![
            service.name.clone(),
            kind.to_owned(),
            service.virtual_ip().map_or_else(|| "None".to_owned(), |ip| ip.to_string()),
            if external.is_empty() { none() } else { external.join(",") },
            ports.collect::<Vec<_>>().join(","),
            self.age(&service.origin()),
        ];
        Some(table(&["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"], vec![row]))
    }

    fn slices(&self, service: &str) -> Vec<String> {
        let own = self
            .stored
            .endpoint_slices
            .iter()
            .filter(|it| it.namespace == NAMESPACE && it.service.as_deref() == Some(service));
        let row = |it: &EndpointSlice| {
            let ports = it.ports.iter().filter_map(|it| it.number).map(|it| it.to_string());
            let addresses = it.endpoints.iter().flat_map(|it| &it.addresses);
            vec![
                it.name.clone(),
                "IPv4".to_owned(),
                listed(ports.collect()),
                listed(addresses.map(ToString::to_string).collect()),
                self.age(&it.origin()),
            ]
        };
        table(&["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"], own.map(row).collect())
    }

    /// `duration.HumanDuration`; an object's time of creation has whole seconds.
    fn age(&self, origin: &str) -> String {
        let made = self.plane.map_or(Nanos::ZERO, |plane| plane.made_at(origin));
        let seconds = (self.now.0 - made.0 / SECOND * SECOND) / SECOND;
        match (seconds / 60, seconds % 60) {
            _ if seconds < 120 => format!("{seconds}s"),
            (minutes, 0) => format!("{minutes}m"),
            (minutes, rest) if minutes < 10 => format!("{minutes}m{rest}s"),
            (minutes, _) => format!("{minutes}m"),
        }
    }
}

fn listed(mut all: Vec<String>) -> String {
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    match (all.is_empty(), more) {
        (true, _) => "<unset>".to_owned(),
        (false, 0) => all.join(","),
        (false, more) => format!("{} + {more} more...", all.join(",")),
    }
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> Vec<String> {
    if rows.is_empty() {
        return vec![format!("No resources found in {NAMESPACE} namespace.")];
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        (cells.fold(head[column].len(), usize::max) + PADDING).max(NARROWEST)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head = head.iter().map(|it| (*it).to_owned()).collect();
    let line = |cells: Vec<String>| {
        let last = cells.len() - 1;
        let padded = cells.into_iter().enumerate().map(|(column, cell)| {
            // The last column ends its line.
            if column == last { cell } else { format!("{cell:<0$}", widths[column]) }
        });
        padded.collect::<String>()
    };
    std::iter::once(head).chain(rows).map(line).collect()
}
