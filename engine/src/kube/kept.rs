//! What was made for the nodes of a cluster, so that it is made once however many worlds the cluster is built in: a packet's
//! way is shown by building the world anew for every step.

use std::cell::RefCell;
use std::sync::Arc;

use super::Cluster;
use super::kube_proxy::{self, KubeProxy, Made};
use crate::base::FxIndexMap;
use crate::netfilter::RuleError;
use crate::tool::{self, Configured, Restored};
use crate::world::World;

/// Belongs to one cluster, and to be thrown away when that changes: a clone is empty.
#[derive(Debug, Default)]
pub struct Kept(RefCell<Inner>);

#[derive(Debug, Default)]
struct Inner {
    nodes: FxIndexMap<usize, Arc<[Configured]>>,
    rules: Made,
    restored: Restored,
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Kept {
    /// Makes what many nodes share: while the cluster is read there is time, and the first packet waits for none of it.
    pub fn prepare(&self, cluster: &Cluster) -> Result<(), RuleError> {
        let Inner { rules, restored, .. } = &mut *self.0.borrow_mut();
        let shared = KubeProxy::new(cluster).make_shared(rules);
        shared.into_iter().try_for_each(|it| restored.prepare(it, kube_proxy::BY))
    }

    /// What this node was made of before, or else is made of.
    pub(super) fn node(
        &self,
        node: usize,
        make: impl FnOnce(&mut Made) -> Vec<Configured>,
    ) -> Arc<[Configured]> {
        let Inner { nodes, rules, .. } = &mut *self.0.borrow_mut();
        Arc::clone(nodes.entry(node).or_insert_with(|| make(rules).into()))
    }

    /// [`tool::apply`], where rules that another namespace or world has read need not be read again.
    pub fn apply(
        &self,
        world: &mut World,
        items: &[Configured],
    ) -> Result<(), (usize, tool::Error)> {
        tool::apply_sharing(world, items, &mut self.0.borrow_mut().restored)
    }
}
