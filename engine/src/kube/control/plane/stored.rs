//! What is told of a change as the API server stores it.

use super::{API_SERVER, KUBELET};
use crate::kube::control::stages::{Change, Changed};
use crate::kube::service::ClusterIp;
use crate::kube::{Cluster, Pod};
use crate::trace::Note;

/// The node of the pod that a change is about.
fn node_of(change: &Change, before: &Cluster) -> String {
    let is_it = |it: &&Pod| change.objects.contains(&it.origin());
    let pod = before.pods.iter().find(is_it);
    pod.map(|it| before.nodes[it.node].netns.clone()).unwrap_or_default()
}

pub(super) fn stored(change: &Change, before: &Cluster) -> Note {
    let objects = change.objects.join(", ");
    let mut details = Vec::new();
    for service in &change.after.services {
        let origin = service.origin();
        if before.services.contains(service) || !change.objects.contains(&origin) {
            continue;
        }
        if let ClusterIp::Address(ip) = service.cluster_ip {
            details.push((format!("clusterIP {ip}"), Some(origin.clone())));
        }
        for port in &service.ports {
            if let Some(own) = port.node_port {
                let text = format!("node port {own} for {}/{}", port.number, port.protocol);
                details.push((text, Some(origin.clone())));
            }
        }
    }
    let (title, text, source) = match change.what {
        Changed::Applied => (
            format!("kube-apiserver stores {objects}"),
            "It checks what kubectl sends, fills in what is missing, and keeps it in etcd. Who watches such objects hears of it.",
            "Store.Update",
        ),
        Changed::Deleted => (
            format!("kube-apiserver deletes {objects}"),
            "A pod stays for its grace period: it is marked as terminating. Who watches hears of it.",
            "Store.Delete",
        ),
        Changed::Ready => (
            format!("the probe of {objects} succeeds"),
            "From now on the kubelet finds it ready.",
            "doProbe",
        ),
        Changed::Unready => (
            format!("the probe of {objects} fails"),
            "When it has failed often enough in a row, the kubelet finds the pod not ready.",
            "doProbe",
        ),
    };
    let by = match change.what {
        Changed::Applied | Changed::Deleted => API_SERVER,
        Changed::Ready | Changed::Unready => KUBELET,
    };
    let netns = match by {
        KUBELET => node_of(change, before),
        _ => String::new(),
    };
    let short = title.replacen("kube-apiserver ", "", 1).replace(" default/", " ");
    Note { title, text: text.into(), by, netns, short, tells: true, source, details, makes: None }
}
