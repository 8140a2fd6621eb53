//! Ports of nodes that pods ask for: who may have which (`NodePorts` of the scheduler's plugins, and the kubelet's
//! admission). A pod of the node's own network asks for all its ports.

use std::net::Ipv4Addr;

use super::object::PodObject;
use super::{Cluster, Protocol};
use crate::base::FxIndexMap;
use crate::yaml::Report;

/// A port on an address of a node; on all of them without one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Claim {
    protocol: Protocol,
    number: u16,
    ip: Option<Ipv4Addr>,
    /// By index.
    pod: usize,
}

/// What is taken on each node.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken(FxIndexMap<usize, Vec<Claim>>);

/// A port that two pods ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clash {
    number: u16,
    protocol: Protocol,
    /// Who was first, by index.
    first: usize,
}

fn claims(pod: &PodObject, index: usize) -> impl Iterator<Item = Claim> {
    let host_network = pod.spec.host_network;
    pod.spec.containers.iter().flat_map(|it| &it.ports).filter_map(move |port| {
        let (number, ip) = match port.host {
            Some(host) if !host_network => (host.number, host.ip),
            None if !host_network => return None,
            Some(_) | None => (port.number, None),
        };
        Some(Claim { protocol: port.protocol, number, ip, pod: index })
    })
}

impl Taken {
    /// Which port of a node a pod cannot have.
    pub(super) fn clash(&self, node: usize, pod: &PodObject, index: usize) -> Option<Clash> {
        let taken = self.0.get(&node)?;
        claims(pod, index).find_map(|own| {
            let meets = |it: &&Claim| {
                (it.protocol, it.number) == (own.protocol, own.number)
                    && (it.ip.is_none() || own.ip.is_none() || it.ip == own.ip)
            };
            let Claim { number, protocol, .. } = own;
            taken.iter().find(meets).map(|it| Clash { number, protocol, first: it.pod })
        })
    }

    /// Gives a pod its ports.
    pub(super) fn take(&mut self, node: usize, pod: &PodObject, index: usize) {
        let mut own = claims(pod, index).peekable();
        if own.peek().is_some() {
            self.0.entry(node).or_default().extend(own);
        }
    }
}

/// Says that a pod finds no node, for a reason such as this.
pub(super) fn leave_out(pods: &[PodObject], pod: usize, clash: Option<Clash>, report: &mut Report) {
    let (pod, Some(clash)) = (&pods[pod], clash) else { return };
    let (first, Clash { number, protocol, .. }) = (&pods[clash.first], clash);
    report.notice(pod.meta.place.problem(format!(
        "{} stays pending, and is left out: no node has port {number}/{protocol} left for it, such as that of {} (line {})",
        pod.origin(),
        first.origin(),
        first.meta.place.at.line
    )));
}

/// Says that a pod cannot run on the node that it names: its kubelet turns it away.
pub(super) fn complain(
    cluster: &Cluster,
    pods: &[PodObject],
    (node, pod, clash): (usize, usize, Clash),
    report: &mut Report,
) {
    let (pod, first) = (&pods[pod], &pods[clash.first]);
    let Clash { number, protocol, .. } = clash;
    report.problem(pod.meta.place.problem(format!(
        "{} and {} (line {}) both want port {number}/{protocol} of Node {}",
        pod.origin(),
        first.origin(),
        first.meta.place.at.line,
        cluster.nodes[node].name
    )));
}
