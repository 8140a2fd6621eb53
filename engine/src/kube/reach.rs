//! Who can talk to whom, by what the NetworkPolicy specification says (the comments of `k8s.io/api/networking/v1`), without
//! any rule of Linux: traffic passes where the sender's egress and the receiver's ingress both let it, and a direction
//! that no policy isolates lets everything pass.
//!
//! Whether anybody listens, and whether there is a route, is another question. What the specification leaves open: pods
//! with `hostNetwork` are their node, so that no policy is about them, no selector of a peer means them, and a block
//! means them by their node's address and a port's name not at all.

use super::policy::{NetworkPolicy, Peer, PortMatch, Rule};
use super::{Cluster, Pod, Protocol};

/// A direction as seen from the pod that a policy is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Egress,
    Ingress,
}

/// All policies of a cluster with the pods they mean looked up, so that each question is cheap.
#[derive(Clone, Debug)]
pub struct Reach<'c> {
    cluster: &'c Cluster,
    /// What each policy allows, by [`Direction`].
    allowed: Vec<[Vec<Allowed<'c>>; 2]>,
    /// The policies that isolate each pod, by [`Direction`].
    isolating: Vec<[Vec<usize>; 2]>,
}

/// A rule.
#[derive(Clone, Debug)]
struct Allowed<'c> {
    /// None: everybody.
    peers: Option<Members>,
    ports: Option<&'c [PortMatch]>,
}

/// Some of the cluster's pods, one bit for each.
#[derive(Clone, Debug)]
struct Members(Vec<u64>);

impl Members {
    fn has(&self, pod: usize) -> bool {
        self.0[pod / 64] >> (pod % 64) & 1 == 1
    }
}

/// Whether traffic passes, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub allowed: bool,
    pub because: String,
}

impl<'c> Reach<'c> {
    pub fn new(cluster: &'c Cluster) -> Self {
        let allowed = |policy: &'c NetworkPolicy, rules: &'c Option<Vec<Rule>>| {
            rules.iter().flatten().map(|rule| allowed(cluster, policy, rule)).collect()
        };
        let isolating = |pod: &Pod, rules: fn(&NetworkPolicy) -> &Option<Vec<Rule>>| {
            let policies = cluster.policies.iter().enumerate();
            policies
                .filter(|(_, policy)| rules(policy).is_some() && policy.is_about(pod))
                .map(|(index, _)| index)
                .collect()
        };
        Self {
            cluster,
            allowed: cluster
                .policies
                .iter()
                .map(|policy| [allowed(policy, &policy.egress), allowed(policy, &policy.ingress)])
                .collect(),
            isolating: cluster
                .pods
                .iter()
                .map(|pod| [isolating(pod, |it| &it.egress), isolating(pod, |it| &it.ingress)])
                .collect(),
        }
    }

    /// The ports to ask for where nobody says: those that the destination declares, else 80/TCP.
    pub fn ports(&self, to: usize) -> Vec<(u16, Protocol)> {
        let mut ports: Vec<_> =
            self.cluster.pods[to].ports().map(|port| (port.number, port.protocol)).collect();
        if ports.is_empty() {
            ports.push((80, Protocol::Tcp));
        }
        ports
    }

    /// Whether a connection or datagram from one pod (an index into [`Cluster::pods`]) gets to a port of another.
    pub fn answer(&self, from: usize, to: usize, port: (u16, Protocol)) -> Answer {
        let (source, target) = (&self.cluster.pods[from], &self.cluster.pods[to]);
        if from == to {
            return Answer { allowed: true, because: "no policy keeps a pod from itself".into() };
        }
        let out = self.gate(Direction::Egress, from, to, port);
        let own_node = source.host_network && !target.host_network && source.node == target.node;
        let into = match self.gate(Direction::Ingress, from, to, port) {
            Gate::Closed if own_node => Gate::OwnNode,
            gate => gate,
        };
        let gates = [(Direction::Egress, &out), (Direction::Ingress, &into)];
        let allowed = out != Gate::Closed && into != Gate::Closed;
        let deciding = gates.into_iter().filter(|(_, gate)| allowed || **gate == Gate::Closed);
        let told: Vec<String> = deciding
            .filter_map(|(direction, gate)| self.words(direction, gate, from, to, port))
            .collect();
        let mut because = told.join("; ");
        if told.is_empty() {
            because = format!(
                "no NetworkPolicy isolates {} for egress or {} for ingress",
                full(source),
                full(target)
            );
        }
        for pod in [source, target] {
            if pod.host_network && !self.cluster.policies.is_empty() {
                let name = full(pod);
                because.push_str("; ");
                because.push_str(&name);
                because.push_str(" uses its node's network, for which policies are not defined");
            }
        }
        Answer { allowed, because }
    }

    fn gate(&self, direction: Direction, from: usize, to: usize, port: (u16, Protocol)) -> Gate {
        let (own, other) = match direction {
            Direction::Egress => (from, to),
            Direction::Ingress => (to, from),
        };
        let policies = &self.isolating[own][direction as usize];
        if policies.is_empty() {
            return Gate::Open;
        }
        let target = &self.cluster.pods[to];
        let declared = || target.ports().filter(|_| !target.host_network);
        for &policy in policies {
            for (rule, it) in self.allowed[policy][direction as usize].iter().enumerate() {
                let peer = it.peers.as_ref().is_none_or(|members| members.has(other));
                let fits =
                    |ports: &&[PortMatch]| ports.iter().any(|it| it.matches(declared(), port));
                if peer && it.ports.as_ref().is_none_or(fits) {
                    return Gate::By { policy, rule };
                }
            }
        }
        Gate::Closed
    }

    /// None: that side has nothing to say.
    fn words(
        &self,
        direction: Direction,
        gate: &Gate,
        from: usize,
        to: usize,
        (number, protocol): (u16, Protocol),
    ) -> Option<String> {
        let pods = &self.cluster.pods;
        let (name, own, other) = match direction {
            Direction::Egress => ("egress", from, format!("to {}", full(&pods[to]))),
            Direction::Ingress => ("ingress", to, format!("from {}", full(&pods[from]))),
        };
        Some(match gate {
            Gate::Open => return None,
            Gate::OwnNode => format!("a pod's own node always reaches it ({})", full(&pods[own])),
            Gate::By { policy, rule } => format!(
                "{} allows it: {name} rule {}",
                self.cluster.policies[*policy].origin(),
                rule + 1
            ),
            Gate::Closed => {
                let policies = &self.isolating[own][direction as usize];
                let names: Vec<String> =
                    policies.iter().map(|&it| self.cluster.policies[it].origin()).collect();
                let (isolate, none) = match names.len() {
                    1 => ("isolates", "no rule of it"),
                    _ => ("isolate", "no rule of theirs"),
                };
                format!(
                    "{} {isolate} {} for {name}, and {none} allows {number}/{protocol} {other}",
                    names.join(" and "),
                    full(&pods[own])
                )
            }
        })
    }
}

/// What one side's policies say.
#[derive(PartialEq, Eq)]
enum Gate {
    /// None isolates.
    Open,
    /// The sender is the receiver's node.
    OwnNode,
    /// A rule allows, counted from 0.
    By {
        policy: usize,
        rule: usize,
    },
    Closed,
}

fn full(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn allowed<'c>(cluster: &'c Cluster, policy: &NetworkPolicy, rule: &'c Rule) -> Allowed<'c> {
    let peers = rule.peers.as_ref().map(|peers| {
        let mut members = Members(vec![0; cluster.pods.len().div_ceil(64)]);
        for peer in peers {
            add(cluster, policy, peer, &mut members);
        }
        members
    });
    Allowed { peers, ports: rule.ports.as_deref() }
}

fn add(cluster: &Cluster, policy: &NetworkPolicy, peer: &Peer, members: &mut Members) {
    let is_meant = |pod: &Pod| match peer {
        Peer::Block { .. } => peer.has_address(pod.ip),
        Peer::Pods { namespaces, pods } => {
            !pod.host_network
                && match namespaces {
                    None => pod.namespace == policy.namespace,
                    Some(selector) => cluster
                        .namespaces
                        .get(&pod.namespace)
                        .is_some_and(|it| selector.selects(it)),
                }
                && pods.selects(&pod.labels)
        }
    };
    for (index, _) in cluster.pods.iter().enumerate().filter(|(_, pod)| is_meant(pod)) {
        members.0[index / 64] |= 1 << (index % 64);
    }
}
