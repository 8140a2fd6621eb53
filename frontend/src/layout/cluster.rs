//! What belongs together on the stage, said without Kubernetes types: the layout knows machines, pods and containers
//! by their names only. A world without any is laid out from its namespaces and wires alone.

/// The machines of a cluster and what runs on them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClusterView {
    pub nodes: Vec<NodeView>,
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeView {
    /// Its root network namespace.
    pub netns: String,
    pub title: String,
    /// As a reader knows the machine, for example `192.0.2.11`; may be empty.
    pub address: String,
    pub pods: Vec<PodView>,
}

/// A pod.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PodView {
    /// The node's own for a pod with `hostNetwork: true`.
    pub netns: String,
    pub title: String,
    /// For example `api :8080`.
    pub containers: Vec<String>,
}
