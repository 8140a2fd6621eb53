//! Which objects there are after each change. Everything that is ever there is placed together and once, so that nothing
//! moves when something else comes or goes.

use super::apply::Kind;
use crate::kube::controllers::workloads;
use crate::kube::object::{Objects, PodObject};
use crate::kube::service::{ClusterIp, Service, ServiceType};
use crate::kube::{Cluster, Pod, Settings};
use crate::yaml::{Place, Problem, Report};

/// A change as a lab writes it.
#[derive(Clone, Debug)]
pub struct Written {
    pub place: Place,
    pub what: What,
}

/// What is changed.
#[derive(Clone, Debug)]
pub enum What {
    Apply(Box<Objects>),
    /// `KIND/NAME` or `KIND/NAMESPACE/NAME`.
    Delete(String),
    /// A pod, `NAME` or `NAMESPACE/NAME`, whose probe succeeds or fails from now on.
    Ready(String, bool),
}

/// A change, ready to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub what: Changed,
    /// The objects, as in `Service default/web`.
    pub objects: Vec<String>,
    /// What there should be then: of EndpointSlices those that somebody gives, of pods all that are wanted.
    pub after: Cluster,
}

impl Change {
    /// `Service default/web is applied`.
    pub fn words(&self) -> String {
        let are = if self.objects.len() == 1 { "is" } else { "are" };
        let done = match self.what {
            Changed::Applied => "applied",
            Changed::Deleted => "deleted",
            Changed::Ready => "ready",
            Changed::Unready => "not ready any more",
        };
        format!("{} {are} {done}", self.objects.join(", "))
    }
}

/// What kind of change it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    Applied,
    Deleted,
    /// A pod became ready.
    Ready,
    /// A pod is ready no more.
    Unready,
}

/// All objects that are ever there.
pub fn whole(start: &Objects, written: &[Written]) -> Objects {
    let mut whole = start.clone();
    for it in written {
        if let What::Apply(objects) = &it.what {
            whole.put(objects);
        }
    }
    whole
}

/// A lab's cluster with all that is ever in it, the one at the beginning, and what each change makes of that. None: the
/// report says why not.
pub fn stages(
    mut start: Objects,
    written: &[Written],
    settings: &Settings,
    report: &mut Report,
) -> Option<(Cluster, Cluster, Vec<Change>)> {
    let mut whole = whole(&start, written);
    let needs_controller = !whole.ingresses.is_empty();
    for objects in [&mut start, &mut whole] {
        objects.install_addons(settings, needs_controller);
    }
    let mut stages = vec![start.clone()];
    let (mut changes, mut gone) = (Vec::new(), Vec::new());
    for it in written {
        let mut next = stages.last()?.clone();
        match next.change(it, &mut gone) {
            Ok(change) => changes.push(change),
            Err(message) => report.problem(it.place.problem(message)),
        }
        stages.push(next);
    }
    if !report.is_ok() {
        return None;
    }
    // A pod in the place of one that was deleted is there, too.
    for workload in &mut whole.workloads {
        let most = |it: &Objects| {
            let own = it.workloads.iter().filter(|it| {
                it.kind == workload.kind
                    && it.meta.namespace == workload.meta.namespace
                    && it.meta.name == workload.meta.name
            });
            own.map(|it| it.replicas + it.gone.len()).max().unwrap_or(0)
        };
        workload.replicas = stages.iter().map(most).max().unwrap_or(0);
    }
    let mut whole = whole.cluster(settings, report)?;
    whole.changes = true;
    if whole.nodes.len() > MAX_NODES {
        let message = format!("changes are made in clusters of at most {MAX_NODES} nodes");
        report.problem(Problem::of_text(message));
        return None;
    }
    let mut clusters = stages.iter().map(|it| it.stage(&whole));
    let mut begin = clusters.next()?;
    let made = crate::kube::controllers::endpoint_slices::make(&begin);
    begin.endpoint_slices.extend(made);
    let changes: Vec<Change> = changes
        .into_iter()
        .zip(clusters)
        .map(|((what, objects), after)| Change { what, objects, after })
        .collect();
    Some((whole, begin, changes))
}

/// Every node is built, and has a component of each kind that acts.
const MAX_NODES: usize = 32;

impl Objects {
    /// Makes a change, or says why it cannot be made. `gone` are the pods that were deleted so far.
    fn change(
        &mut self,
        written: &Written,
        gone: &mut Vec<String>,
    ) -> Result<(Changed, Vec<String>), String> {
        match &written.what {
            What::Apply(new) => {
                if !new.nodes.is_empty() || new.kube_proxy.is_some() {
                    return Err(
                        "a Node or a KubeProxyConfiguration is there from the beginning".into()
                    );
                }
                if let Some(again) = new.pods.iter().find(|it| gone.contains(&it.origin())) {
                    let message = "was deleted before: give the new one another name";
                    return Err(format!("{} {message}", again.origin()));
                }
                let is_other = |old: &&PodObject| {
                    let new = new.pods.iter().find(|new| super::apply::same_pod(old, new));
                    new.is_some_and(|new| {
                        let containers = new.spec.containers != old.spec.containers;
                        containers || new.spec.host_network != old.spec.host_network
                    })
                };
                if let Some(pod) = self.pods.iter().find(is_other) {
                    let message =
                        "is there: its containers cannot be changed (the API server refuses it)";
                    return Err(format!("{} {message}", pod.origin()));
                }
                for workload in &new.workloads {
                    let old = self.workloads.iter().find(|it| {
                        it.kind == workload.kind
                            && it.meta.namespace == workload.meta.namespace
                            && it.meta.name == workload.meta.name
                    });
                    if old.is_some_and(|it| {
                        it.spec.containers != workload.spec.containers
                            || it.labels != workload.labels
                    }) {
                        return Err(format!(
                            "the template of {} {} changes, and rollouts are not modelled: only its replicas can change",
                            workload.kind.name(),
                            workload.meta.name
                        ));
                    }
                }
                self.put(new);
                Ok((Changed::Applied, new.origins()))
            }
            What::Delete(named) => self.delete(named, gone),
            What::Ready(named, ready) => {
                let (namespace, name) = named.split_once('/').unwrap_or(("default", named));
                let found = self
                    .pods
                    .iter_mut()
                    .find(|it| it.meta.namespace == namespace && it.meta.name == name);
                let what = if *ready { Changed::Ready } else { Changed::Unready };
                if let Some(pod) = found {
                    pod.ready = *ready;
                    return Ok((what, vec![pod.origin()]));
                }
                let of_workload = workloads::pods(&self.workloads, &self.pods, &self.nodes);
                let is_it =
                    |it: &&PodObject| it.meta.namespace == namespace && it.meta.name == name;
                let Some(pod) = of_workload.iter().find(is_it) else {
                    return Err(format!("there is no pod {named:?} then"));
                };
                self.unready.retain(|it| *it != pod.origin());
                if !ready {
                    self.unready.push(pod.origin());
                }
                Ok((what, vec![pod.origin()]))
            }
        }
    }

    fn delete(
        &mut self,
        named: &str,
        gone: &mut Vec<String>,
    ) -> Result<(Changed, Vec<String>), String> {
        let expected = "expected KIND/NAME or KIND/NAMESPACE/NAME, as in pod/web-1";
        let (kind, rest) = named.split_once('/').ok_or(expected)?;
        let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
        let kind = Kind::from_name(kind).ok_or_else(|| {
            format!("{expected}, of a Pod, workload, Service, EndpointSlice, NetworkPolicy or Ingress, found {kind:?}")
        })?;
        let origin = format!("{} {namespace}/{name}", kind.name());
        let of_service =
            |it: &Service| it.origin() == origin && it.kind == ServiceType::LoadBalancer;
        if self.services.iter().any(|it| of_service(&it.service)) {
            return Err(format!(
                "{origin} has a load balancer, and that one goes away is not modelled"
            ));
        }
        let before = self.all_pods();
        let removed =
            self.remove(kind, namespace, name) || (kind == Kind::Pod && self.take_pod(&origin)?);
        if !removed {
            return Err(format!("there is no {origin} then"));
        }
        let after = self.all_pods();
        for pod in before.iter().filter(|pod| !after.iter().any(|it| it.origin() == pod.origin())) {
            if pod.spec.host_network {
                let message = "is in its node's network, and that it ends is not modelled";
                return Err(format!("{} {message}", pod.origin()));
            }
            gone.push(pod.origin());
        }
        Ok((Changed::Deleted, vec![origin]))
    }

    fn all_pods(&self) -> Vec<PodObject> {
        let of_workloads = workloads::pods(&self.workloads, &self.pods, &self.nodes);
        self.pods.iter().cloned().chain(of_workloads).collect()
    }

    /// Takes a workload's pod out, for which its controller makes another.
    fn take_pod(&mut self, origin: &str) -> Result<bool, String> {
        let all = workloads::pods(&self.workloads, &self.pods, &self.nodes);
        let Some(pod) = all.into_iter().find(|it| it.origin() == origin) else {
            return Ok(false);
        };
        let owner = self.workloads.iter_mut().find(|it| {
            it.meta.namespace == pod.meta.namespace
                && pod
                    .meta
                    .owners
                    .iter()
                    .any(|(kind, name)| kind == it.kind.name() && *name == it.meta.name)
        });
        let Some(owner) = owner else { return Ok(false) };
        if !owner.kind.draws_names() {
            return Err(format!(
                "{origin} is of a {}: that such a pod is made again is not modelled",
                owner.kind.name()
            ));
        }
        owner.gone.push(pod.meta.name);
        Ok(true)
    }

    /// These objects with the places that they have in the whole.
    fn stage(&self, whole: &Cluster) -> Cluster {
        let listed = self.all_pods();
        let pods = whole.pods.iter().filter_map(|pod| {
            let own = listed
                .iter()
                .find(|it| it.meta.namespace == pod.namespace && it.meta.name == pod.name)?;
            Some(Pod {
                ready: own.ready && !self.unready.contains(&own.origin()),
                terminating: own.meta.deleted,
                labels: own.meta.labels.clone(),
                ..pod.clone()
            })
        });
        let mut outside = whole.outside.clone();
        let services: Vec<Service> =
            self.services.iter().map(|it| given(&it.service, whole)).collect();
        if let Some(outside) = &mut outside {
            outside.load_balancers.retain_mut(|it| {
                let origin = whole.services[it.service].origin();
                let found = services.iter().position(|own| own.origin() == origin);
                it.service = found.unwrap_or(0);
                found.is_some()
            });
        }
        Cluster {
            pods: pods.collect(),
            services,
            endpoint_slices: self.endpoint_slices.iter().map(|it| it.slice.clone()).collect(),
            policies: self.network_policies.iter().map(|it| it.policy.clone()).collect(),
            ingresses: self.ingresses.iter().map(|it| it.ingress.clone()).collect(),
            ingress_classes: self.ingress_classes.iter().map(|it| it.class.clone()).collect(),
            outside,
            ..whole.clone()
        }
    }
}

/// A Service with what the API server and the cloud give it.
fn given(service: &Service, whole: &Cluster) -> Service {
    let mut own = service.clone();
    let same = |it: &&Service| it.namespace == own.namespace && it.name == own.name;
    let Some(known) = whole.services.iter().find(same) else { return own };
    if own.cluster_ip != ClusterIp::Unset || own.kind == ServiceType::ExternalName {
        return own;
    }
    own.cluster_ip = known.cluster_ip;
    if own.kind != ServiceType::ClusterIp {
        for port in &mut own.ports {
            let same = known
                .ports
                .iter()
                .find(|it| (it.number, it.protocol) == (port.number, port.protocol));
            port.node_port = port.node_port.or(same.and_then(|it| it.node_port));
        }
    }
    if own.kind == ServiceType::LoadBalancer {
        if own.external_policy_local() {
            own.health_check_node_port =
                own.health_check_node_port.or(known.health_check_node_port);
        }
        if own.ingress.is_empty() {
            own.ingress.clone_from(&known.ingress);
        }
    }
    own
}
