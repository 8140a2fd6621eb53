//! Claims about `everyhop export`.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use std::process::Command;

use common::{everyhop, file, scratch, text};

const LAB: &str = "apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: 10.244.1.0/24}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: everyhop.dev/v1
kind: Lab
metadata: {name: a-to-b}
spec:
  actions: [{from: pod/a, to: pod/b}]
";

#[test]
fn a_lab_becomes_a_script_that_makes_and_unmakes_its_namespaces() {
    let path = file(&scratch("export-script"), "lab.yaml", LAB.as_bytes());
    let script = everyhop(&["export", &path, "--as", "build.sh"]).printed();
    assert!(script.starts_with("#!/bin/sh\n"), "{script}");
    for line in [
        "namespace node-1 net.ipv4.ip_forward=1",
        "address add 10.244.1.3/24 dev eth0",
        "for ns in node-1 a b; do",
    ] {
        assert!(script.lines().any(|it| it == line), "{line} is missing in\n{script}");
    }
}

#[test]
fn a_capture_is_read_by_tshark_without_a_warning_and_every_packet_says_why() {
    let dir = scratch("export-pcapng");
    let lab = file(&dir, "lab.yaml", LAB.as_bytes());
    let to = text(&dir.join("lab.pcapng"));
    assert_eq!(everyhop(&["export", &lab, "--as", "pcapng", "-o", &to]).printed(), "");
    let fields = ["frame.interface_name", "frame.comment", "_ws.malformed"];
    let fields = fields.iter().flat_map(|it| ["-e", it]);
    let Ok(ran) = Command::new("tshark").args(["-r", &to, "-Tfields"]).args(fields).output() else {
        eprintln!("SKIPPED: tshark is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&ran.stderr);
    // Said to root whatever the file.
    let warnings: Vec<&str> =
        said.lines().filter(|it| !it.starts_with("Running as user \"root\"")).collect();
    assert!(ran.status.success() && warnings.is_empty(), "{said}");
    let packets = String::from_utf8(ran.stdout).expect("tshark prints UTF-8");
    assert!(packets.contains("node-1/"), "{packets}");
    for packet in packets.lines() {
        let [interface, comment, malformed] = packet.split('\t').collect::<Vec<_>>()[..] else {
            panic!("three fields: {packet}");
        };
        assert!(interface.contains('/') && malformed.is_empty(), "{packet}");
        assert!(comment.contains(". "), "a step's number and its title: {packet}");
    }
}

#[test]
fn a_step_is_a_picture_with_its_packet_and_a_lesson_one_that_plays() {
    let path = file(&scratch("export-svg"), "lab.yaml", LAB.as_bytes());
    let first = everyhop(&["export", &path, "--as", "svg", "--step", "1"]).printed();
    assert!(first.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{first}");
    assert_eq!(first.matches("data-packet").count(), 1, "{first}");
    assert!(first.contains("Step 1 of "), "{first}");
    let played = everyhop(&["export", &path, "--as", "svg"]).printed();
    assert!(played.matches("data-packet").count() > 8 && played.contains("infinite"), "{played}");
}

#[test]
fn a_ping_is_a_diagram_of_who_speaks_to_whom() {
    let path = file(&scratch("export-mermaid"), "lab.yaml", LAB.as_bytes());
    let diagram = everyhop(&["export", &path, "--as", "mermaid"]).printed();
    let lines: Vec<&str> = diagram.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "sequenceDiagram",
            "  participant n0 as a",
            "  participant n1 as node-1",
            "  participant n2 as b"
        ]
    );
    // The question over the bridge, and its answer back: a sends, b answers.
    for way in ["  n0->>n1: ", "  n1->>n2: ", "  n2-->>n1: ", "  n1-->>n0: "] {
        assert!(lines.iter().any(|it| it.starts_with(way)), "{way} is missing in\n{diagram}");
    }
    assert!(lines[4..].iter().enumerate().all(|(at, it)| it.contains(&format!(": {}. ", at + 1))));
}

#[test]
fn a_transcript_has_a_heading_for_each_stop_and_says_how_it_ended() {
    let path = file(&scratch("export-text"), "lab.yaml", LAB.as_bytes());
    let told = everyhop(&["export", &path, "--as", "text"]).printed();
    assert!(told.starts_with("# "), "{told}");
    assert!(told.contains("\n## 1. "), "{told}");
    let end = told.split("## How it ended\n").nth(1).expect("its end");
    assert!(end.contains("delivered"), "{end}");
}

#[test]
fn what_cannot_be_exported_is_said() {
    let dir = scratch("export-not");
    let path = file(&dir, "lab.yaml", LAB.as_bytes());
    let refused = |args: &[&str]| everyhop(&[&["export"], args].concat()).refused();
    let forms = "build.sh, pcapng, svg, mermaid or text";
    assert_eq!(refused(&[&path]), format!("export needs --as with {forms}"));
    assert_eq!(refused(&[&path, "--as", "png"]), format!("--as: expected {forms}, found \"png\""));
    assert_eq!(
        refused(&[&path, "--as", "pcapng", "--step", "1"]),
        "--step goes with --as svg only"
    );
    assert_eq!(
        refused(&[&path, "--as", "svg", "--step", "0"]),
        "--step: expected a step's number, from 1, found \"0\""
    );
    let many = refused(&[&path, "--as", "svg", "--step", "99"]);
    assert!(many.starts_with(&format!("{path}: --step 99: the lab has ")), "{many}");
    let objects = LAB.split("---\napiVersion: everyhop").next().expect("it has objects");
    let path = file(&dir, "objects.yaml", objects.as_bytes());
    for form in ["pcapng", "svg", "mermaid", "text"] {
        assert_eq!(
            refused(&[&path, "--as", form]),
            format!("{path}: the lab has no actions, so there is nothing to show")
        );
    }
    let lost = text(&dir.join("no-such-folder/x"));
    assert!(refused(&[&path, "--as", "build.sh", "-o", &lost]).starts_with(&lost));
}
