//! What the cloud does: it makes load balancers and has them pass on to the nodes that are well; and what kube-proxy tells
//! them of its node.

use super::{Done, Plane};
use crate::app::App;
use crate::app::http_server::HttpServer;
use crate::kube::compile::machines;
use crate::kube::control::differences::additions;
use crate::kube::{Cluster, load_balancer};
use crate::tool::{Configured, Op};
use crate::trace::Note;
use crate::world::World;

const CLOUD: &str = "cloud-controller-manager";

impl Plane<'_> {
    /// The cloud makes load balancers, and has them pass on to the nodes that are well.
    pub(super) fn balance(&mut self, done: &mut Done) {
        let (Some(wanted), Some(known)) = (&self.wanted.outside, &mut self.now.outside) else {
            return;
        };
        let mut new = Vec::new();
        for it in &wanted.load_balancers {
            if !known.load_balancers.iter().any(|own| own.netns == it.netns) {
                known.load_balancers.push(it.clone());
                new.push((it.service, it.address));
            }
        }
        for index in 0..known.load_balancers.len() {
            let service = &self.now.services[known.load_balancers[index].service];
            let nodes = load_balancer::healthy(&self.now.nodes, &self.now.endpoint_slices, service);
            if known.load_balancers[index].check.is_none() {
                known.load_balancers[index].nodes = nodes;
            }
        }
        let machines = machines(&self.now);
        let added = additions(&self.machines, &machines);
        self.machines = machines;
        if added.is_empty() {
            return;
        }
        done.operations.extend(added);
        for (service, address) in &new {
            let origin = self.now.services[*service].origin();
            done.notes.push(Note {
                title: format!("{origin} gets a load balancer"),
                text: format!("The cloud's controller hears of a Service of the type LoadBalancer and makes one, with the address {address}, which passes on to the nodes' node ports."),
                by: CLOUD,
                short: format!("load balancer {address}"),
                tells: true,
                source: "EnsureLoadBalancer",
                ..Note::default()
            });
        }
        if new.is_empty() {
            done.notes.push(Note {
                title: "load balancers pass on to other nodes".into(),
                text: "Their health checks say which nodes have an endpoint.".into(),
                by: CLOUD,
                source: "UpdateLoadBalancer",
                ..Note::default()
            });
        }
    }

    /// Load balancers pass on to the nodes that answer their health checks.
    pub(super) fn heed_checks(&mut self, world: &World, done: &mut Done) {
        let Some(outside) = &mut self.now.outside else { return };
        for balancer in &mut outside.load_balancers {
            let Some(program) = world.processes().find_map(|(_, it)| match &it.app {
                App::Balancer(app) if *world.netns[it.ns].name == *balancer.netns => Some(app),
                _ => None,
            }) else {
                continue;
            };
            let nodes = &self.now.nodes;
            let well = program.well().filter_map(|ip| nodes.iter().position(|it| it.address == ip));
            let well: Vec<usize> = well.collect();
            if well == balancer.nodes {
                continue;
            }
            let names = |these: &[usize], others: &[usize]| {
                let only = these.iter().filter(|it| !others.contains(it));
                only.map(|&it| nodes[it].name.as_str()).collect::<Vec<_>>().join(", ")
            };
            let (out, back) = (names(&balancer.nodes, &well), names(&well, &balancer.nodes));
            balancer.nodes = well;
            let service = &self.now.services[balancer.service];
            let asked = match service.health_check() {
                Some(port) => format!(
                    "kube-proxy says at port {port} whether the node has an endpoint of {}.",
                    service.origin()
                ),
                None => "It asks kube-proxy whether it is well.".to_owned(),
            };
            let name = &balancer.netns;
            for (nodes, title) in [(out, "takes out"), (back, "takes back")] {
                if !nodes.is_empty() {
                    done.notes.push(Note {
                        title: format!("{name} {title} {nodes}"),
                        text: format!("So many health checks in a row said so. {asked}"),
                        by: "load balancer",
                        netns: name.clone(),
                        source: "/healthz",
                        ..Note::default()
                    });
                }
            }
        }
        if !done.notes.is_empty() {
            let machines = machines(&self.now);
            done.operations.extend(additions(&self.machines, &machines));
            self.machines = machines;
        }
    }
}

/// What kube-proxy tells load balancers of a node.
pub(super) fn health(cluster: &Cluster, node: usize, world: &World) -> Vec<Configured> {
    let netns = &cluster.nodes[node].netns;
    let mut items = Vec::new();
    for service in &cluster.services {
        let Some(port) = service.health_check() else { continue };
        let nodes = load_balancer::healthy(&cluster.nodes, &cluster.endpoint_slices, service);
        let status = if nodes.contains(&node) { 200 } else { 503 };
        let server = HttpServer::new("kube-proxy", vec![port], status);
        let runs = world.processes().any(|(_, it)| {
            &*world.netns[it.ns].name == netns.as_str()
                && matches!(&it.app, App::HttpServer(own) if own.listens_on() == [port])
        });
        let (netns, owner, app) =
            (netns.clone(), "kube-proxy".to_owned(), Box::new(App::HttpServer(server)));
        let op =
            if runs { Op::Reload { netns, owner, app } } else { Op::Run { netns, owner, app } };
        items.push(Configured { op, origin: Some(service.origin()) });
    }
    items
}
