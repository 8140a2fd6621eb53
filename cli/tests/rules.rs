//! Claims about `everyhop rules` and `everyhop flow`.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use common::everyhop_with;
use serde_json::{Value, json};

/// A Service with two pods, one on each node, and one without.
const LAB: &str = "apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.0.2.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDR: 10.244.2.0/24}
status: {addresses: [{type: InternalIP, address: 192.0.2.12}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api-1, labels: {app: api}}
spec: {nodeName: n1, containers: [{name: c, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: api-2, labels: {app: api}}
spec: {nodeName: n2, containers: [{name: c, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {type: NodePort, clusterIP: 10.96.0.10, selector: {app: api}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: idle}
spec: {clusterIP: 10.96.0.11, selector: {app: no}, ports: [{port: 80}]}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.244.0.0/16
";

fn run(args: &[&str]) -> common::Run {
    everyhop_with(args, LAB.as_bytes())
}

fn flow(src: &str, dst: &str, port: &str) -> Value {
    let args = ["flow", "-", "--node", "n1", "--src", src, "--proto", "tcp"];
    let out = run(&[&args[..], &["--dst", dst, "--dport", port, "--json"]].concat()).printed();
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn a_nodes_rules_are_printed_as_iptables_save_prints_them() {
    let out = run(&["rules", "-", "--node", "n1", "--mode", "iptables"]).printed();
    for line in [
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":KUBE-KUBELET-CANARY - [0:0]",
        "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
        "-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment \"default/api cluster IP\" -m tcp --dport 80 -j KUBE-SVC-BL4VTDSJDQ5TV32O",
        "-A KUBE-SERVICES -d 10.96.0.11/32 -p tcp -m comment --comment \"default/idle has no endpoints\" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable",
    ] {
        assert!(out.lines().any(|it| it == line), "{line} in\n{out}");
    }
}

#[test]
fn a_flow_tells_every_endpoint_with_its_probability() {
    let endpoints = json!([
        {"to": "10.244.1.2:8080", "probability": 0.5},
        {"to": "10.244.2.2:8080", "probability": 0.5},
    ]);
    let inside = flow("10.244.1.9", "10.96.0.10", "80");
    assert_eq!(inside["verdict"], "accept");
    assert_eq!((&inside["endpoints"], &inside["masquerade"]), (&endpoints, &json!(false)));
    let outside = flow("203.0.113.9", "192.0.2.11", "30080");
    assert_eq!((&outside["endpoints"], &outside["masquerade"]), (&endpoints, &json!(true)));
    assert_eq!(outside["sources"], json!(["192.0.2.11"]));
    let nobody = flow("10.244.1.9", "10.96.0.11", "80");
    assert_eq!((&nobody["verdict"], &nobody["endpoints"]), (&json!("reject"), &json!([])));
    let words = run(&[
        "flow",
        "-",
        "--node",
        "n1",
        "--src",
        "10.244.1.2",
        "--dst",
        "10.96.0.10",
        "--dport",
        "80",
    ]);
    assert_eq!(
        words.printed(),
        "accept, masqueraded, from 192.0.2.11 or 10.244.1.2\n  to 10.244.1.2:8080 with probability 0.5\n  to 10.244.2.2:8080 with probability 0.5\n"
    );
}

#[test]
fn what_is_missing_or_not_modelled_is_refused() {
    assert_eq!(
        run(&["rules", "-", "--node", "n1", "--mode", "nftables"]).refused(),
        "--mode: nftables is not modelled yet; there is iptables"
    );
    assert_eq!(
        run(&["rules", "-", "--node", "n3"]).refused(),
        "standard input: there is no node \"n3\"; there are n1, n2"
    );
    assert_eq!(
        run(&["flow", "-", "--node", "n1", "--dst", "10.96.0.10", "--dport", "80"]).refused(),
        "flow needs --src with the sender's address; everyhop --help shows how"
    );
    assert_eq!(
        run(&["flow", "-", "--dport", "0"]).refused(),
        "--dport: expected a number 1 to 65535, found \"0\""
    );
}
