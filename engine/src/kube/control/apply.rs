//! Objects into a list of objects, and out of it, as `kubectl apply` and `kubectl delete` do.

use crate::kube::object::{Objects, PodObject, Workload, WorkloadKind};

/// A kind that can be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Pod,
    Service,
    EndpointSlice,
    NetworkPolicy,
    Ingress,
    Workload(WorkloadKind),
}

impl Kind {
    /// As `kubectl` takes it: a kind in any case, or its short name.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let workloads = [
            ("deploy", WorkloadKind::Deployment),
            ("rs", WorkloadKind::ReplicaSet),
            ("rc", WorkloadKind::ReplicationController),
            ("ds", WorkloadKind::DaemonSet),
            ("sts", WorkloadKind::StatefulSet),
        ];
        let name = name.to_ascii_lowercase();
        let of_workload = workloads
            .into_iter()
            .find(|(short, kind)| name == *short || kind.name().to_ascii_lowercase() == name);
        Some(match name.as_str() {
            "pod" | "po" => Self::Pod,
            "service" | "svc" => Self::Service,
            "endpointslice" => Self::EndpointSlice,
            "networkpolicy" | "netpol" => Self::NetworkPolicy,
            "ingress" | "ing" => Self::Ingress,
            _ => Self::Workload(of_workload?.1),
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::Ingress => "Ingress",
            Self::Workload(kind) => kind.name(),
        }
    }
}

/// Puts new ones in the place of old ones that `same` finds, or behind all.
fn put<T: Clone>(all: &mut Vec<T>, new: &[T], same: impl Fn(&T, &T) -> bool) {
    for it in new {
        match all.iter_mut().find(|old| same(old, it)) {
            Some(old) => *old = it.clone(),
            None => all.push(it.clone()),
        }
    }
}

impl Objects {
    /// Applies objects: each takes the place of the one of its kind and name.
    pub(super) fn put(&mut self, new: &Self) {
        put(&mut self.pods, &new.pods, same_pod);
        for it in &new.workloads {
            let same = |own: &&mut Workload| {
                own.kind == it.kind
                    && own.meta.namespace == it.meta.namespace
                    && own.meta.name == it.meta.name
            };
            match self.workloads.iter_mut().find(same) {
                Some(own) => {
                    let gone = std::mem::take(&mut own.gone);
                    *own = Workload { gone, ..it.clone() };
                }
                None => self.workloads.push(it.clone()),
            }
        }
        put(&mut self.services, &new.services, |a, b| {
            a.service.namespace == b.service.namespace && a.service.name == b.service.name
        });
        put(&mut self.endpoint_slices, &new.endpoint_slices, |a, b| {
            a.slice.namespace == b.slice.namespace && a.slice.name == b.slice.name
        });
        put(&mut self.network_policies, &new.network_policies, |a, b| {
            a.policy.namespace == b.policy.namespace && a.policy.name == b.policy.name
        });
        put(&mut self.ingresses, &new.ingresses, |a, b| a.ingress.origin() == b.ingress.origin());
        put(&mut self.ingress_classes, &new.ingress_classes, |a, b| a.class.name == b.class.name);
        put(&mut self.namespaces, &new.namespaces, |a, b| a.meta.name == b.meta.name);
    }

    /// `Service default/web` and the like, for each.
    pub(super) fn origins(&self) -> Vec<String> {
        let mut all = Vec::new();
        all.extend(self.namespaces.iter().map(|it| format!("Namespace {}", it.meta.name)));
        all.extend(self.pods.iter().map(PodObject::origin));
        all.extend(
            self.workloads
                .iter()
                .map(|it| format!("{} {}/{}", it.kind.name(), it.meta.namespace, it.meta.name)),
        );
        all.extend(self.services.iter().map(|it| it.service.origin()));
        all.extend(self.endpoint_slices.iter().map(|it| it.slice.origin()));
        all.extend(self.network_policies.iter().map(|it| it.policy.origin()));
        all.extend(self.ingress_classes.iter().map(|it| format!("IngressClass {}", it.class.name)));
        all.extend(self.ingresses.iter().map(|it| it.ingress.origin()));
        all
    }

    /// Takes an object out. False: there is none.
    pub(super) fn remove(&mut self, kind: Kind, namespace: &str, name: &str) -> bool {
        let origin = format!("{} {namespace}/{name}", kind.name());
        let before = self.origins().len();
        match kind {
            Kind::Pod => self.pods.retain(|it| it.origin() != origin),
            Kind::Service => self.services.retain(|it| it.service.origin() != origin),
            Kind::EndpointSlice => self.endpoint_slices.retain(|it| it.slice.origin() != origin),
            Kind::NetworkPolicy => self.network_policies.retain(|it| it.policy.origin() != origin),
            Kind::Ingress => self.ingresses.retain(|it| it.ingress.origin() != origin),
            Kind::Workload(own) => self.workloads.retain(|it| {
                (it.kind, it.meta.namespace.as_str(), it.meta.name.as_str())
                    != (own, namespace, name)
            }),
        }
        self.origins().len() < before
    }
}

pub(super) fn same_pod(a: &PodObject, b: &PodObject) -> bool {
    a.meta.namespace == b.meta.namespace && a.meta.name == b.meta.name
}
