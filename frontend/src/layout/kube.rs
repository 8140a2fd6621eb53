//! A cluster's objects as the layout wants to see them; the only file here that knows Kubernetes types.

use everyhop_engine::kube::{Cluster, Container, Node, Pod};
use everyhop_engine::lesson::Lab;

use super::{ClusterView, NodeView, OutsideView, PodView};

impl From<&Lab> for ClusterView {
    fn from(lab: &Lab) -> Self {
        Self { acts: lab.changing.is_some(), ..Self::from(&lab.cluster) }
    }
}

impl From<&Cluster> for ClusterView {
    fn from(cluster: &Cluster) -> Self {
        let node = |(index, node): (usize, &Node)| NodeView {
            netns: node.netns.clone(),
            title: node.name.clone(),
            address: node.address.to_string(),
            pods: cluster.pods.iter().filter(|pod| pod.node == index).map(pod_view).collect(),
            folded: false,
        };
        let nodes = cluster.nodes.iter().enumerate().map(node).collect();
        let Some(outside) = &cluster.outside else { return Self { nodes, ..Self::default() } };
        let machine = |netns: &str, title: String| OutsideView { netns: netns.to_owned(), title };
        let balancers = outside.load_balancers.iter();
        Self {
            nodes,
            acts: false,
            beside: balancers
                .map(|it| machine(&it.netns, format!("load balancer {}", it.address)))
                .collect(),
            outside: vec![
                machine(&outside.gateway, "internet gateway".into()),
                machine(&outside.internet, "the internet".into()),
                machine(&outside.client, format!("client {}", outside.client_address())),
            ],
        }
    }
}

fn pod_view(pod: &Pod) -> PodView {
    PodView {
        netns: pod.netns.clone(),
        title: pod.short_name(),
        containers: pod.containers.iter().map(container_label).collect(),
    }
}

/// `api :8080`.
fn container_label(container: &Container) -> String {
    // One number may be a port of UDP and one of TCP.
    let mut numbers: Vec<u16> = container.ports.iter().map(|port| port.number).collect();
    numbers.dedup();
    let ports = numbers.into_iter().map(|number| format!(" :{number}"));
    std::iter::once(container.name.clone()).chain(ports).collect()
}
