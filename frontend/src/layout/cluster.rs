//! What belongs together on the stage, said without Kubernetes types: the layout knows machines, pods and containers
//! by their names only. A world without any is laid out from its namespaces and wires alone.

/// The machines of a cluster and what runs on them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClusterView {
    pub nodes: Vec<NodeView>,
    /// Whether its control plane acts, and is drawn.
    pub acts: bool,
    /// Machines on the network between the nodes that pass on to them: load balancers.
    pub beside: Vec<OutsideView>,
    /// The way out: the internet gateway, the internet, a client; each is cabled to the one before.
    pub outside: Vec<OutsideView>,
}

/// A machine that is none of the cluster's nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutsideView {
    pub netns: String,
    /// For example `load balancer 203.0.113.80`.
    pub title: String,
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
    /// Drawn as a small box: nothing happens there.
    pub folded: bool,
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
