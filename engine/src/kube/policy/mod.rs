//! NetworkPolicies: what they say, as data. [`reach`](super::reach) answers what that allows; [`rules`] compiles it to
//! the rules that keep it.

pub mod rules;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::labels::{Labels, Selector};
use super::{Pod, Port, Protocol};
use crate::base::FxIndexMap;

/// Every namespace has this label, with its own name (KEP-2161).
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A NetworkPolicy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkPolicy {
    pub namespace: String,
    pub name: String,
    /// The pods of its namespace that it is about.
    pub pods: Selector,
    /// What may come in. None: it does not isolate its pods in this direction.
    pub ingress: Option<Vec<Rule>>,
    /// What may go out, as `ingress`.
    pub egress: Option<Vec<Rule>>,
}

impl NetworkPolicy {
    /// `NetworkPolicy default/deny-all`.
    pub fn origin(&self) -> String {
        format!("NetworkPolicy {}/{}", self.namespace, self.name)
    }

    /// Whether it is about this pod. A pod on its node's network is the node, which no policy is about.
    pub fn is_about(&self, pod: &Pod) -> bool {
        !pod.host_network && pod.namespace == self.namespace && self.pods.selects(&pod.labels)
    }
}

/// Something that a policy allows: traffic with one of the peers to one of the ports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// None: with anybody.
    pub peers: Option<Vec<Peer>>,
    /// None: to any port.
    pub ports: Option<Vec<PortMatch>>,
}

/// Who is on the other side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    Pods {
        /// None: the policy's own namespace.
        namespaces: Option<Selector>,
        pods: Selector,
    },
    Block {
        cidr: Ipv4Net,
        except: Vec<Ipv4Net>,
    },
}

impl Peer {
    /// Whether an address lies in a block.
    pub fn has_address(&self, ip: Ipv4Addr) -> bool {
        match self {
            Self::Pods { .. } => false,
            Self::Block { cidr, except } => {
                cidr.contains(&ip) && !except.iter().any(|net| net.contains(&ip))
            }
        }
    }
}

/// Ports of the destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortMatch {
    pub protocol: Protocol,
    pub ports: Ports,
}

/// Which ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ports {
    All,
    /// The first and the last.
    Range(u16, u16),
    /// Those that the destination's containers call so.
    Named(String),
}

impl PortMatch {
    /// Whether it matches a port of a pod with these declared ports.
    pub fn matches<'p>(
        &self,
        declared: impl IntoIterator<Item = &'p Port>,
        (number, protocol): (u16, Protocol),
    ) -> bool {
        self.protocol == protocol
            && match &self.ports {
                Ports::All => true,
                Ports::Range(first, last) => (*first..=*last).contains(&number),
                Ports::Named(name) => declared.into_iter().any(|port| {
                    port.name.as_ref() == Some(name)
                        && (port.number, port.protocol) == (number, protocol)
                }),
            }
    }
}

/// The labels of the namespaces there are: those written, and those that only pods name.
pub(super) fn namespaces<'n>(
    written: impl Iterator<Item = (&'n String, &'n Labels)>,
    pods: &[Pod],
) -> FxIndexMap<String, Labels> {
    let mut all: FxIndexMap<String, Labels> =
        written.map(|(name, labels)| (name.clone(), labels.clone())).collect();
    for pod in pods {
        if !all.contains_key(&pod.namespace) {
            all.insert(pod.namespace.clone(), Labels::default());
        }
    }
    for (name, labels) in &mut all {
        labels.0.retain(|(key, _)| key != NAME_LABEL);
        labels.0.push((NAME_LABEL.to_owned(), name.clone()));
    }
    all
}

#[cfg(test)]
mod tests;
