//! What happens in a cluster when objects change: who learns what and when, and what each component then does to the
//! nodes. Read pkg/controller/endpointslice, pkg/proxy and pkg/kubelet of kubernetes/kubernetes first.
//!
//! ```text
//! API server ─┬─> controllers ─> scheduler ─> kubelet ─┐ pods come and go
//!             ├─> EndpointSlice controller <───────────┘
//!             └─> kube-proxy, policy engine, CoreDNS, ingress controller, cloud
//! ```
//!
//! [`stages`] knows which objects there are after each change; [`Plane`] has the clock and says what is done when. It
//! gives operations and notes, and moves nothing itself.

mod apply;
mod differences;
mod endpoints;
mod plane;
mod proxy;
mod stages;

use crate::base::Nanos;
use crate::kube::{Cluster, Pod};

pub use plane::{Done, Listed, Plane};
pub use stages::{Change, Changed, What, Written, stages, whole};

/// How long each component takes to hear of something and to have acted on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delays {
    /// The controllers of workloads: from a Deployment to its pods.
    pub controllers: Nanos,
    pub scheduler: Nanos,
    /// The kubelet: from the binding of a pod until its containers run.
    pub pod_start: Nanos,
    /// Until its probe succeeds, or fails, and its status says so.
    pub pod_ready: Nanos,
    /// From the deletion of a pod until its containers have ended. A grace period would allow for 30 s.
    pub pod_stop: Nanos,
    /// The EndpointSlice controller.
    pub endpoints: Nanos,
    /// kube-proxy, beside its `minSyncPeriod`.
    pub kube_proxy: Nanos,
    /// The engine that keeps NetworkPolicies.
    pub policies: Nanos,
    /// CoreDNS and ingress controllers.
    pub watchers: Nanos,
    /// The cloud: from a Service to its load balancer.
    pub cloud: Nanos,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            controllers: Nanos::from_millis(10),
            scheduler: Nanos::from_millis(10),
            pod_start: Nanos::from_secs(1),
            pod_ready: Nanos::from_millis(100),
            pod_stop: Nanos::from_millis(100),
            endpoints: Nanos::from_millis(10),
            kube_proxy: Nanos::from_millis(20),
            policies: Nanos::from_millis(100),
            watchers: Nanos::from_millis(20),
            cloud: Nanos::from_secs(2),
        }
    }
}

impl Delays {
    /// Each as a lab's document names it.
    pub fn named(&mut self) -> [(&'static str, &mut Nanos); 10] {
        [
            ("controllers", &mut self.controllers),
            ("scheduler", &mut self.scheduler),
            ("podStart", &mut self.pod_start),
            ("podReady", &mut self.pod_ready),
            ("podStop", &mut self.pod_stop),
            ("endpoints", &mut self.endpoints),
            ("kubeProxy", &mut self.kube_proxy),
            ("policies", &mut self.policies),
            ("watchers", &mut self.watchers),
            ("cloud", &mut self.cloud),
        ]
    }
}

/// A pod by its namespace and name.
type Key = (String, String);

fn key(pod: &Pod) -> Key {
    (pod.namespace.clone(), pod.name.clone())
}

fn find<'c>(cluster: &'c Cluster, (namespace, name): &Key) -> Option<&'c Pod> {
    cluster.find_pod(namespace, name).map(|index| &cluster.pods[index])
}
