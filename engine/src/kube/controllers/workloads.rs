//! The pods that Deployments, ReplicaSets and the like stand for, where the text does not list them itself
//! (pkg/controller/{deployment,replicaset,replication,daemon,statefulset}).
//!
//! A real cluster draws the ends of names at random; here they follow from the workload's own name, so that the same text
//! gives the same pods.

use std::fmt::Write;

use crate::base::FxIndexMap;
use crate::kube::object::{Marked, Meta, NodeObject, PodObject, Workload, WorkloadKind};

/// k8s.io/apimachinery/pkg/util/rand: no vowels, so that no words come out.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The pods of all workloads that have none in the text yet.
pub(in crate::kube) fn pods(
    workloads: &[Workload],
    listed: &[PodObject],
    nodes: &[NodeObject],
) -> Vec<PodObject> {
    let owners = workloads.iter().map(|it| &it.meta).chain(listed.iter().map(|it| &it.meta));
    let mut owned: FxIndexMap<(&str, &str, &str), ()> = FxIndexMap::default();
    for meta in owners {
        for (kind, name) in &meta.owners {
            owned.insert((&meta.namespace, kind, name), ());
        }
    }
    let mut pods = Vec::new();
    for it in workloads {
        let key = (it.meta.namespace.as_str(), it.kind.name(), it.meta.name.as_str());
        if !owned.contains_key(&key) {
            expand(it, nodes, &mut pods);
        }
    }
    pods
}

fn expand(workload: &Workload, nodes: &[NodeObject], pods: &mut Vec<PodObject>) {
    let Workload { kind, meta, replicas, gone, .. } = workload;
    let hash = fnv(&format!("{} {}/{}", kind.name(), meta.namespace, meta.name));
    let mut taken: FxIndexMap<String, ()> = FxIndexMap::default();
    let mut suffix = |index: usize| {
        let mut drawn = hash ^ fnv(&index.to_string());
        loop {
            let text = random_like(drawn);
            if taken.insert(text.clone(), ()).is_none() {
                return text;
            }
            drawn = drawn.wrapping_add(1);
        }
    };
    match kind {
        WorkloadKind::Deployment => {
            let of_template = safe(&hash.to_string());
            let named = |index| format!("{}-{of_template}-{}", meta.name, suffix(index));
            for name in (0..).map(named).filter(|it| !gone.contains(it)).take(*replicas) {
                let mut pod = pod(workload, name);
                pod.meta.labels.0.push(("pod-template-hash".into(), of_template.clone()));
                pods.push(pod);
            }
        }
        WorkloadKind::ReplicaSet | WorkloadKind::ReplicationController => {
            let named = |index| format!("{}-{}", meta.name, suffix(index));
            let kept = (0..).map(named).filter(|it| !gone.contains(it)).take(*replicas);
            pods.extend(kept.map(|name| pod(workload, name)));
        }
        WorkloadKind::StatefulSet => {
            for index in 0..*replicas {
                let mut pod = pod(workload, format!("{}-{index}", meta.name));
                let name = pod.meta.name.clone();
                pod.spec.hostname = Some(name.clone());
                pod.spec.subdomain.clone_from(&workload.service);
                pod.meta.labels.0.push(("apps.kubernetes.io/pod-index".into(), index.to_string()));
                pod.meta.labels.0.push(("statefulset.kubernetes.io/pod-name".into(), name));
                pods.push(pod);
            }
        }
        WorkloadKind::DaemonSet => {
            for (index, node) in nodes.iter().enumerate().filter(|(_, node)| !node.unschedulable) {
                let mut pod = pod(workload, format!("{}-{}", meta.name, suffix(index)));
                let (value, place) = (node.meta.name.clone(), node.meta.place.clone());
                pod.spec.node = Some(Marked { value, place });
                pods.push(pod);
            }
        }
    }
}

fn pod(workload: &Workload, name: String) -> PodObject {
    let Workload { kind, meta, labels, spec, .. } = workload;
    PodObject {
        meta: Meta {
            name,
            labels: labels.clone(),
            owners: vec![(kind.name().to_owned(), meta.name.clone())],
            ..meta.clone()
        },
        spec: spec.clone(),
        ip: None,
        ready: true,
    }
}

/// 32-bit FNV-1a, which Kubernetes hashes templates by.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// `rand.SafeEncodeString`.
fn safe(digits: &str) -> String {
    digits.bytes().map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])).collect()
}

/// Five letters, as `rand.String(5)` draws them.
fn random_like(hash: u32) -> String {
    let mut left = usize::try_from(hash).unwrap_or_default();
    let mut text = String::new();
    for _ in 0..5 {
        let _ = text.write_char(char::from(ALPHABET[left % ALPHABET.len()]));
        left /= ALPHABET.len();
    }
    text
}
