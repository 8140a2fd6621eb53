//! Claims about `everyhop reach`: the recipes of `tests/kube/policy`, each with its truth table, and what is refused.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{everyhop, everyhop_with};
use everyhop_engine::lesson::{Lab, Protocol};
use everyhop_engine::story::Verdict;
use serde_json::Value;

/// Truth tables in a text: the port with the destinations, then a line for each sender with `yes` or `no` for each.
fn claims(text: &str) -> Vec<(String, String, String, String)> {
    let mut claims = Vec::new();
    for table in text.split("\n\n") {
        let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let head = lines.next().expect("a table has a head");
        for line in lines {
            assert_eq!(line.len(), head.len(), "{line:?}");
            for (to, word) in head[1..].iter().zip(&line[1..]) {
                let verdict = if *word == "yes" { "allow" } else { "deny" };
                claims.push((head[0].into(), line[0].into(), (*to).into(), verdict.into()));
            }
        }
    }
    claims
}

fn asked(file: &str, stdin: &[u8], ports: &[&str]) -> Vec<Value> {
    let out = everyhop_with(&[&["reach", file, "--json"], ports].concat(), stdin).printed();
    serde_json::from_str(&out).expect("a list")
}

fn field(item: &Value, key: &str) -> String {
    item[key].as_str().unwrap_or_else(|| panic!("{key} in {item}")).to_owned()
}

#[test]
fn every_recipe_allows_what_its_table_says_and_nothing_else() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube/policy");
    let mut seen = 0;
    for entry in fs::read_dir(dir).expect("the recipes are there") {
        let path = entry.expect("and can be listed").path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let table = fs::read_to_string(path.with_extension("txt")).expect("each has its table");
        let mut claims = claims(&table);
        let mut ports: Vec<String> = claims.iter().map(|it| it.0.clone()).collect();
        ports.dedup();
        let ports = ports.join(",");
        let file = path.to_str().expect("a name in UTF-8");
        let mut found: Vec<_> = asked(file, b"", &["--ports", &ports])
            .iter()
            .map(|it| {
                let port = format!("{}/{}", it["port"], field(it, "protocol"));
                (port, field(it, "from"), field(it, "to"), field(it, "verdict"))
            })
            .collect();
        claims.sort();
        found.sort();
        assert_eq!(found, claims, "{file}");
        seen += 1;
    }
    assert!(seen >= 15, "{seen} recipes");
}

#[test]
fn what_a_recipe_denies_a_packet_meets_as_a_rule_that_names_a_policy() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube/policy");
    let (mut denied, mut allowed) = (0, 0);
    for entry in fs::read_dir(dir).expect("the recipes are there") {
        let path = entry.expect("and can be listed").path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let lab = Lab::load(&text).unwrap_or_else(|why| panic!("{why:?}")).lab;
        let table = fs::read_to_string(path.with_extension("txt")).expect("each has its table");
        let (mut actions, mut claimed) = (Vec::new(), Vec::new());
        for (port, from, to, verdict) in claims(&table) {
            let (number, protocol) = port.split_once('/').expect("as 80/TCP");
            let Some(protocol) = Protocol::from_name(&protocol.to_ascii_lowercase()) else {
                continue; // SCTP is not sent.
            };
            let (from, to) = (format!("pod/{from}"), format!("pod/{to}:{number}"));
            let action = lab.exchange(&from, &to, Some(protocol));
            actions.push(action.unwrap_or_else(|why| panic!("{why:?}")));
            claimed.push((format!("{}: {from} to {to}/{protocol}", path.display()), verdict));
        }
        // A few at a time: one trace has its limit.
        let results = actions.chunks(8).flat_map(|some| lab.run_actions(some).results);
        for (result, (what, verdict)) in results.zip(claimed) {
            let what = format!("{what}: {}", result.because);
            if verdict == "deny" {
                assert_eq!(result.verdict, Verdict::Rejected, "{what}");
                assert!(result.because.contains("because of NetworkPolicy "), "{what}");
                denied += 1;
            } else {
                // Not every pod listens on every port.
                let verdicts = [Verdict::Delivered, Verdict::Refused];
                assert!(verdicts.contains(&result.verdict), "{what}");
                allowed += 1;
            }
        }
    }
    assert!(denied > 100 && allowed > 100, "{denied} denied, {allowed} allowed");
}

const PODS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-1}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: app, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: b}}
spec: {containers: [{name: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host}
spec: {hostNetwork: true, containers: [{name: app}]}
";

const POLICY: &str = "
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only-dns}
spec:
  podSelector: {matchLabels: {app: b}}
  policyTypes: [Ingress, Egress]
  egress:
  - ports: [{port: 53, protocol: UDP}]
";

#[test]
fn each_answer_says_which_policy_decided() {
    let out = everyhop_with(&["reach", "-"], (PODS.to_owned() + POLICY).as_bytes());
    assert_eq!(
        out.out.lines().collect::<Vec<_>>(),
        [
            "allow default/a → default/a 53/UDP: no policy keeps a pod from itself",
            "allow default/a → default/a 80/TCP: no policy keeps a pod from itself",
            "deny  default/a → default/b 80/TCP: NetworkPolicy default/only-dns isolates default/b for ingress, and no rule of it allows 80/TCP from default/a",
            "allow default/a → default/host 80/TCP: no NetworkPolicy isolates default/a for egress or default/host for ingress; default/host uses its node's network, for which policies are not defined",
            "allow default/b → default/a 53/UDP: NetworkPolicy default/only-dns allows it: egress rule 1",
            "deny  default/b → default/a 80/TCP: NetworkPolicy default/only-dns isolates default/b for egress, and no rule of it allows 80/TCP to default/a",
            "allow default/b → default/b 80/TCP: no policy keeps a pod from itself",
            "deny  default/b → default/host 80/TCP: NetworkPolicy default/only-dns isolates default/b for egress, and no rule of it allows 80/TCP to default/host; default/host uses its node's network, for which policies are not defined",
            "allow default/host → default/a 53/UDP: no NetworkPolicy isolates default/host for egress or default/a for ingress; default/host uses its node's network, for which policies are not defined",
            "allow default/host → default/a 80/TCP: no NetworkPolicy isolates default/host for egress or default/a for ingress; default/host uses its node's network, for which policies are not defined",
            "allow default/host → default/b 80/TCP: a pod's own node always reaches it (default/b); default/host uses its node's network, for which policies are not defined",
            "allow default/host → default/host 80/TCP: no policy keeps a pod from itself",
        ]
    );
}

#[test]
fn every_ordered_pair_is_asked_for_every_port_and_without_policies_all_is_allowed() {
    let found = asked("-", PODS.as_bytes(), &["--ports", "80/TCP,81/udp,82"]);
    assert_eq!(found.len(), 3 * 3 * 3);
    assert!(found.iter().all(|it| it["verdict"] == "allow"));
    assert_eq!(
        (&found[5]["port"], &found[5]["protocol"], field(&found[5], "to")),
        (&82.into(), &"TCP".into(), "default/b".into())
    );
}

#[test]
fn what_is_no_port_and_what_is_no_lab_are_refused() {
    for ports in ["", "80/ICMP", "0/TCP", "70000", "80/TCP;81/TCP"] {
        let message = everyhop(&["reach", "-", "--ports", ports]).refused();
        let expected = format!("--ports: expected ports such as 80/TCP,81/UDP, found {ports:?}");
        assert_eq!(message, expected);
    }
    assert!(everyhop(&["reach"]).refused().starts_with("reach needs LAB.yaml"));
}
