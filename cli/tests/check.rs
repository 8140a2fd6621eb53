//! Claims about `everyhop check`.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use common::{everyhop, file, scratch};

const PODS: &str = "apiVersion: v1
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
";

/// A lab of 22 lines that claims how its ping ends, on the 22nd.
fn lab(verdict: &str) -> String {
    format!(
        "{PODS}---
apiVersion: everyhop.dev/v1
kind: Lab
metadata: {{name: a-to-b}}
spec:
  actions: [{{from: pod/a, to: pod/b}}]
  expect:
    - {{action: 1, verdict: {verdict}}}
"
    )
}

#[test]
fn a_lab_that_keeps_its_claims_is_ok() {
    let path = file(&scratch("check-ok"), "lab.yaml", lab("delivered").as_bytes());
    let out = everyhop(&["check", &path]).printed();
    assert!(out.starts_with(&format!("{path}: ok: a-to-b (")), "{out}");
}

#[test]
fn a_claim_that_does_not_hold_is_no_with_its_place() {
    let path = file(&scratch("check-no"), "lab.yaml", lab("refused").as_bytes());
    let run = everyhop(&["check", &path]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with(&format!("{path}:22:")), "{}", run.out);
    assert!(run.out.contains("expected the verdict refused, found delivered"), "{}", run.out);
}

#[test]
fn labs_in_markdown_are_checked_and_their_lines_are_the_markdowns() {
    let dir = scratch("check-markdown");
    let markdown =
        |yaml: &str| format!("# Title\n\n```yaml\nkind: Other\n```\n\n```everyhop\n{yaml}```\n");
    let good = file(&dir, "good.md", markdown(&lab("delivered")).as_bytes());
    assert!(everyhop(&["check", &good]).printed().starts_with(&format!("{good}:7: ok: a-to-b")));
    let no = file(&dir, "no.md", markdown(&lab("refused")).as_bytes());
    let run = everyhop(&["check", &no]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with(&format!("{no}:29:")), "{}", run.out);
    let broken = lab("delivered").replace("10.244.1.0/24", "10.244.1");
    let bad = file(&dir, "bad.md", markdown(&broken).as_bytes());
    let message = everyhop(&["check", &bad]).refused();
    assert!(message.starts_with(&format!("{bad}:11:17: spec.podCIDR: expected")), "{message}");
    let prose = file(&dir, "prose.md", b"no labs here\n");
    assert_eq!(everyhop(&["check", &prose]).printed(), "");
}

#[test]
fn every_file_is_looked_at_and_bad_input_outweighs_a_broken_claim() {
    let dir = scratch("check-many");
    let ok = file(&dir, "ok.yaml", lab("delivered").as_bytes());
    let no = file(&dir, "no.yaml", lab("refused").as_bytes());
    let run = everyhop(&["check", &no, "missing.yaml", &ok]);
    assert_eq!(run.code, 2);
    assert!(run.out.contains("ok: a-to-b") && run.out.contains("found delivered"), "{}", run.out);
    assert_eq!(run.err, "everyhop: missing.yaml: there is no such file\n");
    assert_eq!(everyhop(&["check"]).refused(), "check needs a FILE; everyhop --help shows how");
}

#[test]
fn a_caption_that_fits_no_step_is_a_claim_that_does_not_hold() {
    let narration = |veth: &str| {
        let rule = format!("{{when: {{to: node-1/{veth}}}, title: t, text: x}}");
        lab("delivered") + "  narration:\n    - " + &rule + "\n"
    };
    let dir = scratch("check-narration");
    let good = file(&dir, "good.yaml", narration("veth0").as_bytes());
    assert!(everyhop(&["check", &good]).printed().contains(": ok: "));
    let bad = file(&dir, "bad.yaml", narration("veth7").as_bytes());
    let run = everyhop(&["check", &bad]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.out.starts_with(&format!("{bad}:24:")), "{}", run.out);
}
