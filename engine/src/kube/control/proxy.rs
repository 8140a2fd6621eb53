//! The rules of one node as its components have written them: kube-proxy, the CNI plugin, the policy engine. Each rewrites
//! its own part and no other; what kube-proxy does at most once in its `minSyncPeriod` (pkg/proxy/runner), and what it
//! forgets of connections (pkg/proxy/conntrack), are here.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::differences::Differences;
use crate::base::{Dir, Nanos};
use crate::kube::kube_proxy::{KubeProxy, Made};
use crate::kube::policy::rules::Enforcement;
use crate::kube::service::Service;
use crate::kube::{Cluster, Protocol, cni};
use crate::tool::{Configured, Op, Ruleset};
use crate::world::World;

const UDP: u8 = 17;

/// What is written on a node.
#[derive(Clone, Debug)]
pub(super) struct Written {
    node: usize,
    kube_proxy: Arc<Ruleset>,
    /// The CNI plugin's: first for what leaves the cluster, then for host ports.
    masquerade: Vec<Configured>,
    ports: Vec<Configured>,
    policies: Vec<Configured>,
    /// When kube-proxy wrote last.
    pub synced: Option<Nanos>,
    /// It is to write at some time.
    pub wanted: bool,
    /// Pods that were ever attached here.
    pub n_attached: usize,
}

impl Written {
    pub(super) fn at_first(cluster: &Cluster, node: usize) -> Self {
        let mut masquerade = Vec::new();
        cni::masquerade(&mut masquerade, cluster, node);
        let own = cluster.pods.iter().filter(|pod| pod.node == node && !pod.host_network);
        let mut it = Self {
            node,
            kube_proxy: KubeProxy::new(cluster).rules(node, &mut Made::default()),
            masquerade,
            ports: Vec::new(),
            policies: Vec::new(),
            synced: None,
            wanted: false,
            n_attached: own.count(),
        };
        it.ports = host_ports(cluster, node);
        it.policies = policies(cluster, node);
        it
    }

    /// kube-proxy's part as it should be.
    pub(super) fn sync(&mut self, cluster: &Cluster) -> Differences {
        let new = KubeProxy::new(cluster).rules(self.node, &mut Made::default());
        let differences =
            Differences::between(&[Arc::clone(&self.kube_proxy)], &[Arc::clone(&new)]);
        self.kube_proxy = new;
        differences
    }

    /// The policy engine's part as it should be; None where it is so.
    pub(super) fn keep_policies(&mut self, cluster: &Cluster) -> Option<Differences> {
        let new = policies(cluster, self.node);
        if new == self.policies {
            return None;
        }
        let differences = Differences::between(&rules(&self.policies), &rules(&new));
        self.policies = new;
        Some(differences)
    }

    /// The host ports' part as it should be. False: it is so.
    pub(super) fn map_ports(&mut self, cluster: &Cluster) -> bool {
        let new = host_ports(cluster, self.node);
        let is_new = new != self.ports;
        self.ports = new;
        is_new
    }

    /// What makes the node's rules those that are written.
    pub(super) fn operations(&self, cluster: &Cluster) -> Vec<Configured> {
        let netns = cluster.nodes[self.node].netns.clone();
        let parts = || self.masquerade.iter().chain(&self.ports).chain(&self.policies);
        let sets = parts().filter_map(|it| match &it.op {
            Op::IpsetRestore { sets, .. } => Some(Arc::clone(sets)),
            _ => None,
        });
        let mut texts = vec![Arc::clone(&self.kube_proxy)];
        texts.extend(rules(&self.masquerade));
        texts.extend(rules(&self.ports));
        texts.extend(rules(&self.policies));
        let op = Op::IptablesReplace { netns, sets: sets.collect(), rules: texts };
        let mut items: Vec<Configured> =
            self.ports.iter().filter(|it| matches!(it.op, Op::Sysctl { .. })).cloned().collect();
        items.push(Configured { op, origin: Some(cluster.nodes[self.node].origin()) });
        items
    }
}

fn host_ports(cluster: &Cluster, node: usize) -> Vec<Configured> {
    let mut items = Vec::new();
    cni::map_ports(&mut items, cluster, node);
    items
}

fn policies(cluster: &Cluster, node: usize) -> Vec<Configured> {
    Enforcement::new(cluster).map(|it| it.node(node)).unwrap_or_default()
}

fn rules(items: &[Configured]) -> Vec<Arc<Ruleset>> {
    let texts = items.iter().filter_map(|it| match &it.op {
        Op::IptablesRestore { rules, .. } => Some(Arc::clone(rules)),
        _ => None,
    });
    texts.collect()
}

/// The connections that kube-proxy forgets on a node after it wrote its rules (`CleanStaleEntries`): by UDP, to a Service
/// with endpoints, and to none of these. Connections by TCP end by themselves.
pub(super) fn stale(cluster: &Cluster, node: usize, world: &World) -> Vec<Configured> {
    let netns = &cluster.nodes[node].netns;
    let found = world.find_netns(netns).and_then(|ns| world.netns[ns].netfilter.as_deref());
    let Some(netfilter) = found else { return Vec::new() };
    let mut items: Vec<Configured> = Vec::new();
    for (_, entry) in netfilter.conntrack.iter(world.now()) {
        let (original, reply) = (entry.tuple(Dir::Original), entry.tuple(Dir::Reply));
        if original.protocol != UDP {
            continue;
        }
        for service in &cluster.services {
            let Some((dst, is_there)) =
                meant(cluster, service, (original.dst, original.dst_port), reply.src)
            else {
                continue;
            };
            if is_there {
                continue;
            }
            let (port, reply_src) = (original.dst_port, reply.src);
            let op = Op::DelConntrack { netns: netns.clone(), dst, port, reply_src };
            let item = Configured { op, origin: Some(service.origin()) };
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }
    items
}

/// Whether a Service is meant by an address and port, which it has alone or as a node port, and whether `endpoint` serves it.
/// None also where it has no serving endpoint: its connections stay.
fn meant(
    cluster: &Cluster,
    service: &Service,
    (dst, port): (Ipv4Addr, u16),
    endpoint: Ipv4Addr,
) -> Option<(Option<Ipv4Addr>, bool)> {
    let vip = service.virtual_ip()?;
    let own = service.ports.iter().filter(|it| it.protocol == Protocol::Udp);
    let mut found = None;
    for it in own {
        let vips = service.external_ips.iter().copied().chain(service.load_balancer_vips());
        if it.number == port && vips.chain([vip]).any(|ip| ip == dst) {
            found = Some((Some(dst), it));
        } else if it.node_port == Some(port) {
            found = Some((None, it));
        }
    }
    let (dst, own) = found?;
    let slices = cluster.endpoint_slices.iter().filter(|it| {
        it.namespace == service.namespace
            && it.service.as_ref() == Some(&service.name)
            && it.ports.iter().any(|it| it.name == own.name && it.protocol == own.protocol)
    });
    let mut serving = slices
        .flat_map(|it| &it.endpoints)
        .filter(|it| it.conditions.is_serving())
        .filter_map(|it| it.addresses.first())
        .peekable();
    serving.peek()?;
    Some((dst, serving.any(|ip| *ip == endpoint)))
}
