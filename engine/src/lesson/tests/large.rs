//! Claims about clusters of many nodes: they are built node by node, and share what is the same.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::kube::Cni;
use crate::tool;

#[test]
fn a_large_cluster_is_built_node_by_node_and_whole_where_that_is_asked_for() {
    let pod = |n| {
        format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{n}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec: {{nodeName: n{n}, containers: [{{name: c}}]}}\n"
        )
    };
    let n_nodes = MAX_AWAKE + 1;
    let lab = load(&(0..n_nodes).map(pod).collect::<String>());
    let n_pods = |world: &World| {
        let pods = lab.cluster.pods.iter().filter(|pod| world.find_netns(&pod.netns).is_some());
        pods.count()
    };
    assert_eq!(n_pods(&lab.world(0..0)), 0);
    assert_eq!(n_pods(&lab.world(1..2)), 1);
    let whole = lab.world(0..n_nodes);
    assert_eq!(n_pods(&whole), n_nodes);
    assert!(whole.netns.iter().all(|(_, ns)| !ns.is_dormant));
}

/// What many nodes share is made at once, and the rules of each are what its own components would have written alone.
#[test]
fn a_thousand_nodes_are_traced_and_have_the_rules_that_each_would_have_alone() {
    const NODES: usize = 1_000;
    let node = |n: usize| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: n{n}}}\nspec: {{podCIDR: 10.{}.{}.0/24}}\nstatus: {{addresses: [{{type: InternalIP, address: 172.16.{}.{}}}]}}\n---\n",
            64 + n / 256,
            n % 256,
            n / 250,
            n % 250 + 2
        )
    };
    let objects = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: near}
spec: {selector: {app: web}, internalTrafficPolicy: Local, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: n999, containers: [{name: c}]}
---
";
    let nodes: String = (0..NODES).map(node).collect();
    for cni in Cni::ALL {
        let spec =
            format!("apiVersion: everyhop.dev/v1\nkind: Lab\nspec: {{cni: {}}}\n", cni.name());
        let lab = load(&[objects, &nodes, &spec].concat());
        let served = lab.cluster.pods.iter().position(|it| it.name != "client").expect("a replica");
        let replica = lab.cluster.pods[served].node;
        let action = lab.exchange("pod/client", "svc/web", None).expect("both are there");
        for _ in 0..2 {
            let run = lab.run_actions(std::slice::from_ref(&action));
            let result = &run.results[0];
            assert_eq!(result.verdict, Verdict::Delivered, "{}", result.because);
            let by = &lab.cluster.pods[result.served_by.expect("a pod answered")];
            assert_ne!(by.name, "client");
            assert_eq!(
                result.seen_source,
                lab.cluster.pods.iter().find(|it| it.name == "client").map(|it| it.ip)
            );
            let is_awake = |node: &&kube::Node| {
                run.end.find_netns(&node.netns).is_some_and(|ns| !run.end.netns[ns].is_dormant)
            };
            let awake: Vec<&str> =
                lab.cluster.nodes.iter().filter(is_awake).map(|it| &*it.name).collect();
            let path = [&*lab.cluster.nodes[by.node].name, "n999"];
            assert_eq!(awake, path);
        }
        let refused = lab.exchange("pod/client", "svc/near", None).expect("both are there");
        let run = lab.run_actions(&[refused]);
        assert_ne!(run.results[0].verdict, Verdict::Delivered, "no endpoint is on its node");
        // One without an endpoint, as nearly all are, and one with.
        for node in [998, replica] {
            let netns = &lab.cluster.nodes[node].netns;
            let saved = |world: &World| {
                let ns = world.find_netns(netns).expect("it is there");
                world.netns[ns].netfilter.as_ref().map(|it| it.tables.save(false)).expect("rules")
            };
            let mut alone = lab.world(0..0);
            let kept = kube::Kept::default();
            let items = kube::Nodes::new(&lab.cluster, &kept).configure(node);
            assert_eq!(tool::apply(&mut alone, &items), Ok(()));
            assert_eq!(saved(&lab.world(node..node + 1)), saved(&alone));
        }
    }
}
