//! Claims about `everyhop trace`, on good and on bad input.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use std::fmt::Write;

use common::{everyhop, everyhop_with, file, scratch, text};
use serde_json::Value;

const TWO_PODS: &str = "
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Pod
metadata: {name: pod-1}
spec: {containers: [{name: client, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: pod-2}
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080, protocol: UDP}]}]}
";

/// Traces from pod-1 in a lab given on standard input.
fn trace(lab: &str, to: &str, more: &[&str]) -> common::Run {
    let mut args = vec!["trace", "-", "--from", "pod/pod-1", "--to", to];
    args.extend(more);
    everyhop_with(&args, lab.as_bytes())
}

fn json(lab: &str, to: &str, more: &[&str]) -> Value {
    let more = [&["--json"], more].concat();
    let out = trace(lab, to, &more).printed();
    serde_json::from_str(&out).expect("one JSON object")
}

#[test]
fn a_ping_between_two_pods_is_told_hop_by_hop_with_its_reasons() {
    let out = trace(TWO_PODS, "pod/pod-2", &[]).printed();
    let mut rest = &*out;
    for hop in [
        "pod-1 asks: who has 10.244.1.3?",
        "pod-1/eth0 → node-1/veth0",
        "node-1/veth0 → node-1/vbr0",
        "br_fdb_update; because of Pod default/pod-1",
        "node-1/vbr0 → node-1/veth1",
        "node-1/veth1 → pod-2/eth0",
        "pod-2 answers: I have 10.244.1.3",
        "pod-1/eth0 → node-1/veth0",
        "node-1/veth1 → pod-2/eth0",
        "node-1/veth0 → pod-1/eth0",
        "delivered: 10.244.1.3 answered",
    ] {
        let at = rest.find(hop).unwrap_or_else(|| panic!("{hop:?} is missing in\n{rest}"));
        rest = &rest[at + hop.len()..];
    }
    assert_eq!(rest, "\n", "the verdict is the last line");
}

#[test]
fn as_json_every_step_has_its_number_time_moves_and_frame() {
    let told = json(TWO_PODS, "pod/pod-2:8080", &[]);
    let steps = told["steps"].as_array().expect("a list");
    assert!(steps.len() > 10, "{}", steps.len());
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["number"], index + 1);
        assert!(step["at_ns"].is_u64() && step["leg"].is_u64(), "{step}");
        assert!(step["title"].is_string() && step["text"].is_string(), "{step}");
        assert_eq!(step["frame"], step["moves"][0]["frame"]);
        for because in step["because"].as_array().expect("a list") {
            assert!(because["text"].is_string() && because["kernel"].is_string(), "{because}");
            assert!(because["origin"].is_string() || because["origin"].is_null(), "{because}");
        }
    }
    let wire = &steps[2]["moves"][0];
    assert_eq!((&wire["kind"], &wire["from"]), (&"wire".into(), &"pod-1/eth0".into()));
    let result = &told["result"];
    assert_eq!(result["verdict"], "delivered");
    assert_eq!(result["served_by"], "default/pod-2");
    assert_eq!(result["seen_source"], "10.244.1.2");
}

#[test]
fn verdicts_tell_how_it_ended() {
    let verdict = |to: &str, more: &[&str]| {
        let result = json(TWO_PODS, to, more)["result"].clone();
        assert!(result["because"].as_str().is_some_and(|it| !it.is_empty()), "{result}");
        result["verdict"].as_str().expect("a word").to_owned()
    };
    assert_eq!(verdict("pod/pod-2", &[]), "delivered");
    assert_eq!(verdict("pod/pod-2:53", &["--proto", "udp"]), "refused");
    assert_eq!(verdict("10.244.1.77", &[]), "timeout");
    assert_eq!(verdict("192.0.2.200", &[]), "rejected");
    assert_eq!(verdict("198.51.100.1", &[]), "delivered");
    assert_eq!(verdict("172.20.0.1", &[]), "dropped");
    assert_eq!(verdict("pod/pod-2:80", &["--proto", "tcp"]), "refused");
    assert_eq!(verdict("[fd00::1]:80", &[]), "unmodelled");
}

#[test]
fn other_names_ranges_and_a_second_node_need_no_other_program() {
    let two_nodes = TWO_PODS
        .replace("pod-2", "server")
        .replace("10.244.1.0/24", "10.9.0.0/26")
        .replace(
            "spec: {containers: [{name: web",
            "spec: {nodeName: worker, containers: [{name: web",
        )
        + "---\napiVersion: v1\nkind: Node\nmetadata: {name: worker}\nspec: {podCIDR: 10.9.0.64/26}\n";
    let out = trace(&two_nodes, "pod/server", &[]).printed();
    for hop in
        ["node-1/eth0 → switch/port1", "switch/port2 → worker/eth0", "worker/veth0 → server/eth0"]
    {
        assert!(out.contains(hop), "{hop:?} is missing in\n{out}");
    }
    assert!(out.ends_with("delivered: 10.9.0.66 answered\n"), "{out}");
}

#[test]
fn without_from_and_to_the_labs_own_actions_run() {
    let lab = TWO_PODS.to_owned()
        + "---
apiVersion: everyhop.dev/v1
kind: Lab
metadata: {name: twice}
spec:
  actions:
    - {from: pod/pod-1, to: pod/pod-2}
    - {from: pod/pod-2, to: \"pod/pod-1:9\", proto: udp}
";
    let out = everyhop_with(&["trace", "-"], lab.as_bytes()).printed();
    assert!(out.contains("\ndelivered: ") && out.contains("\nrefused: "), "{out}");
    let out = everyhop_with(&["trace", "-", "--json"], lab.as_bytes()).printed();
    let told: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(told["results"][0]["verdict"], "delivered");
    assert_eq!(told["result"]["verdict"], "refused");
    let none = everyhop_with(&["trace", "-"], TWO_PODS.as_bytes()).refused();
    assert_eq!(none, "standard input: the lab has no actions; say --from and --to");
}

#[test]
fn a_kind_of_no_use_is_ignored_with_a_notice_and_not_in_the_result() {
    let lab = TWO_PODS.to_owned() + "---\napiVersion: v1\nkind: Banana\nmetadata: {name: b}\n";
    let run = trace(&lab, "pod/pod-2", &["--json"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("standard input:17:") && run.err.contains("Banana"), "{}", run.err);
    assert!(run.out.starts_with('{'), "{}", run.out);
}

/// What is wrong with a lab, without the name of the input.
fn wrong(lab: &[u8]) -> String {
    let args = ["trace", "-", "--from", "pod/pod-1", "--to", "pod/pod-2"];
    let message = everyhop_with(&args, lab).refused();
    message.strip_prefix("standard input:").expect("the input's name").trim_start().to_owned()
}

#[test]
fn mistakes_in_a_lab_have_line_column_and_field() {
    for (from, to, expected) in [
        ("podCIDR: 10.244.1.0/24", "podCIDR: 10.244.1", "5:17: spec.podCIDR: expected "),
        ("{name: pod-2}", "{name: pod-1}", "12:1: Pod default/pod-1 is here twice"),
        ("containerPort: 8080", "containerPort: eighty", "15:"),
        (
            "spec: {containers: [{name: client",
            "spec: {nodeName: nowhere, containers: [{name: client",
            "10:",
        ),
        ("kind: Node", "kind: [Node", "4:9: not valid YAML"),
    ] {
        assert!(TWO_PODS.contains(from), "{from}");
        let message = wrong(TWO_PODS.replace(from, to).as_bytes());
        assert!(message.starts_with(expected), "{to}: {message}");
    }
}

#[test]
fn ranges_that_overlap_are_a_mistake() {
    let second = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-2}\nspec: {podCIDR: 10.244.1.128/25}\n";
    let message = wrong((TWO_PODS.to_owned() + second).as_bytes());
    assert!(message.contains("podCIDR") && message.contains("10.244.1.0/24"), "{message}");
}

#[test]
fn input_that_is_no_lab_is_a_message() {
    assert!(wrong(b"").contains("empty"), "{}", wrong(b""));
    assert!(wrong(b"\0\x01\x02\xff\xfe").contains("binary"), "{}", wrong(b"\0\x01\x02\xff\xfe"));
    assert!(!wrong(b"just words").is_empty());
    assert!(!wrong(b"[1, 2, 3]").is_empty());
}

#[test]
fn huge_input_and_alias_bombs_are_refused_at_once() {
    let huge = "# nothing\n".repeat(1 << 20);
    assert!(wrong(huge.as_bytes()).contains("too long"), "{}", wrong(huge.as_bytes()));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").expect("a String takes it");
    }
    assert!(!wrong(bomb.as_bytes()).is_empty());
    let deep = "[".repeat(100_000);
    assert!(!wrong(deep.as_bytes()).is_empty());
}

#[test]
fn files_that_cannot_be_read_are_messages() {
    let dir = scratch("trace-files");
    let said =
        |path: &str| everyhop(&["trace", path, "--from", "pod/a", "--to", "pod/b"]).refused();
    assert!(said(&text(&dir)).ends_with(": a directory, expected a file"));
    assert!(said(&text(&dir.join("none.yaml"))).ends_with("none.yaml: there is no such file"));
    let empty = file(&dir, "empty.yaml", b"");
    assert!(said(&empty).starts_with(&format!("{empty}: the text is empty")));
}

#[test]
fn wrong_usage_is_one_message() {
    let lab = file(&scratch("trace-usage"), "lab.yaml", TWO_PODS.as_bytes());
    for (args, expected) in [
        (
            &["trace"][..],
            "trace needs LAB.yaml, or - for standard input; everyhop --help shows how".to_owned(),
        ),
        (&["trace", &lab, "--from", "pod/pod-1"], "--from needs --to".into()),
        (&["trace", &lab, "--to", "pod/pod-1"], "--to needs --from".into()),
        (
            &["trace", &lab, "--proto", "sctp"],
            "--proto: expected icmp, udp or tcp, found \"sctp\"".into(),
        ),
        (
            &["trace", &lab, "--from", "pod/pod-9", "--to", "pod/pod-1"],
            format!("{lab}: there is no pod \"pod-9\": found pod-1, pod-2"),
        ),
        (
            &["trace", &lab, "--from", "pod/pod-1", "--to", "pod/pod-2:0"],
            format!("{lab}: expected a port 1 to 65535, found \"0\""),
        ),
    ] {
        assert_eq!(everyhop(args).refused(), expected);
    }
}
