//! Claims about NetworkPolicies: what is read, and what is refused.

mod enforcement;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::kube::tests::{read, refused};

/// A policy named `p`, with its spec.
fn policy(spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {spec}\n"
    )
}

const POD: &str =
    "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: app}]}\n";

fn one(spec: &str) -> NetworkPolicy {
    let (mut cluster, _) = read(&(POD.to_owned() + &policy(spec))).expect("a policy");
    cluster.policies.remove(0)
}

#[test]
fn without_policy_types_a_policy_isolates_for_ingress_and_for_egress_only_if_it_has_egress_rules() {
    let types = |spec: &str| {
        let policy = one(spec);
        (policy.ingress.is_some(), policy.egress.is_some())
    };
    assert_eq!(types("{}"), (true, false));
    assert_eq!(types("{podSelector: {}, egress: []}"), (true, false));
    assert_eq!(types("{podSelector: {}, egress: [{}]}"), (true, true));
    assert_eq!(types("{podSelector: {}, policyTypes: [Egress], ingress: [{}]}"), (false, true));
    assert_eq!(types("{podSelector: {}, policyTypes: [Egress, Ingress]}"), (true, true));
}

#[test]
fn an_empty_list_of_peers_means_everybody_and_peers_that_are_ipv6_mean_nobody_here() {
    let peers = |spec: &str| one(spec).ingress.expect("rules")[0].peers.clone();
    assert_eq!(peers("{ingress: [{}]}"), None);
    assert_eq!(peers("{ingress: [{from: []}]}"), None);
    assert_eq!(peers("{ingress: [{from: [{ipBlock: {cidr: \"fd00::/8\"}}]}]}"), Some(Vec::new()));
    let block = &peers("{ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/8}}]}]}").expect("one")[0];
    assert_eq!(
        block,
        &Peer::Block { cidr: "10.0.0.0/8".parse().expect("a prefix"), except: Vec::new() }
    );
}

#[test]
fn namespaces_have_their_name_as_a_label_even_if_nobody_wrote_them() {
    let text = POD.replace("name: a", "name: a, namespace: shop")
        + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: dev, labels: {team: x, kubernetes.io/metadata.name: lie}}\n";
    let (cluster, notices) = read(&text).expect("a pod");
    let labels: Vec<_> = cluster.namespaces.iter().map(|(name, it)| (&**name, &it.0)).collect();
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(
        labels,
        [
            ("dev", &vec![pair("team", "x"), pair(NAME_LABEL, "dev")]),
            ("shop", &vec![pair(NAME_LABEL, "shop")]),
        ]
    );
    assert_eq!(notices.len(), 1, "only the missing Node is remarked: {notices:?}");
}

#[test]
fn what_the_api_server_refuses_is_refused_with_its_place() {
    let text = POD.to_owned()
        + "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p}
spec:
  podSelector: {matchExpressions: [{key: a, operator: In}]}
  policyTypes: [ingress]
  ingres: []
  ingress:
  - from:
    - {}
    - podSelector: {}
      ipBlock: {cidr: 10.0.0.0/8}
    - ipBlock: {cidr: 10.0.0.1}
    - ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/24, 10.0.0.0/8]}
  - to: []
  egress:
  - ports:
    - {port: 8080, endPort: 80}
    - {endPort: 80}
    - {port: web, endPort: 80}
    - {port: WEB}
    - {port: 0}
    - {protocol: tcp}
---
apiVersion: networking.k8s.io/v1beta1
kind: NetworkPolicy
metadata: {name: p}
";
    assert_eq!(
        refused(&text),
        [
            "11:36: spec.podSelector.matchExpressions[0]: expected values, found none",
            "12:17: spec.policyTypes[0]: expected Ingress or Egress, found \"ingress\"",
            "13:3: spec: there is no field \"ingres\" here: expected one of podSelector, policyTypes, ingress, egress; did you mean ingress?",
            "16:7: spec.ingress[0].from[0]: expected podSelector, namespaceSelector or ipBlock, found none",
            "18:16: spec.ingress[0].from[1].ipBlock: a peer is an ipBlock or has selectors, not both",
            "19:23: spec.ingress[0].from[2].ipBlock.cidr: expected a prefix such as 10.0.0.0/8, found \"10.0.0.1\"",
            "20:44: spec.ingress[0].from[3].ipBlock.except[0]: expected a smaller part of 10.0.0.0/8, found 11.0.0.0/24",
            "20:57: spec.ingress[0].from[3].ipBlock.except[1]: expected a smaller part of 10.0.0.0/8, found 10.0.0.0/8",
            "21:5: spec.ingress[1]: there is no field \"to\" here: expected one of from, ports",
            "24:29: spec.egress[0].ports[0].endPort: expected a number 8080 to 65535, found the number 80",
            "25:17: spec.egress[0].ports[1].endPort: an endPort needs a port to begin with",
            "26:28: spec.egress[0].ports[2].endPort: a port that is a name has no endPort",
            "27:14: spec.egress[0].ports[3].port: expected a number 1 to 65535 or a port's name, found the text \"WEB\"",
            "28:14: spec.egress[0].ports[4].port: expected a number 1 to 65535, found the number 0",
            "29:18: spec.egress[0].ports[5].protocol: expected TCP, UDP or SCTP, found \"tcp\"",
            "31:1: NetworkPolicy default/p is here twice (the first at line 7)",
            "31:13: apiVersion: expected networking.k8s.io/v1, found \"networking.k8s.io/v1beta1\"",
        ]
    );
}
