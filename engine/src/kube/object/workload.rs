//! Reading Deployments, ReplicaSets and the like: pod templates and how many of them.

use super::pod::{PodSpec, read_spec};
use super::{Meta, meta};
use crate::kube::labels::Labels;
use crate::kube::limits;
use crate::yaml::{At, Report};

/// Which controller makes the pods.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::kube) enum WorkloadKind {
    Deployment,
    ReplicaSet,
    /// The ReplicaSet of old, of which many examples are left.
    ReplicationController,
    DaemonSet,
    StatefulSet,
}

impl WorkloadKind {
    pub(in crate::kube) const fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// Whether a pod in the place of another has a name of its own.
    pub(in crate::kube) const fn draws_names(self) -> bool {
        match self {
            Self::Deployment | Self::ReplicaSet | Self::ReplicationController => true,
            Self::DaemonSet | Self::StatefulSet => false,
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Deployment,
            Self::ReplicaSet,
            Self::ReplicationController,
            Self::DaemonSet,
            Self::StatefulSet,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }
}

/// A controller's object.
#[derive(Clone, Debug)]
pub(in crate::kube) struct Workload {
    pub kind: WorkloadKind,
    pub meta: Meta,
    /// Of a DaemonSet the nodes decide instead.
    pub replicas: usize,
    /// A StatefulSet's `spec.serviceName`, under which DNS knows its pods.
    pub service: Option<String>,
    /// The template's.
    pub labels: Labels,
    pub spec: PodSpec,
    /// The names of pods of it that were deleted.
    pub gone: Vec<String>,
}

pub(super) fn read(kind: WorkloadKind, object: &At<'_>, report: &mut Report) -> Option<Workload> {
    // Its selector is a plain map, and may be left to the template's labels.
    let is_old = kind == WorkloadKind::ReplicationController;
    let meta = meta::read(object, if is_old { "v1" } else { "apps/v1" }, report);
    let spec = object.required("spec", "a map with a template", report)?;
    if !spec.is_map(report) {
        return None;
    }
    spec.misspelt(&["replicas", "selector", "template", "serviceName"], &[], report);
    let replicas = spec.field("replicas").map_or(Some(1), |at| {
        at.number(0..=i64::try_from(limits::PODS).unwrap_or(i64::MAX), report)
    });
    let service = spec.field("serviceName").and_then(|at| at.text("a Service's name", report));
    let selector = if is_old {
        spec.field("selector")
    } else {
        spec.required("selector", "a selector of the template's labels", report)
    };
    let template = spec.required("template", "a pod's template", report)?;
    if !template.is_map(report) {
        return None;
    }
    template.misspelt(&["metadata", "spec"], &[], report);
    let labels = template
        .section("metadata", report)
        .map(|at| meta::pairs(&at, "labels", report))
        .unwrap_or_default();
    if let Some(at) = selector {
        let selects = if is_old {
            let wanted = meta::pairs(&spec, "selector", report);
            wanted.0.iter().all(|(key, value)| labels.get(key) == Some(value.as_str()))
        } else {
            meta::selector(&at, report).selects(&labels)
        };
        if !selects {
            let message = "the template's labels must match it: a cluster refuses such an object";
            report.problem(at.problem(message));
        }
    }
    let pod = template.required("spec", "a map with containers", report)?;
    let pod = read_spec(&pod, report);
    Some(Workload {
        kind,
        meta: meta?,
        replicas: usize::try_from(replicas?).ok()?,
        service: service.map(str::to_owned),
        labels,
        spec: pod?,
        gone: Vec::new(),
    })
}
