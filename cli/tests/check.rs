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

/// A page with a lab beside it: two lessons, a file, and a lab of its own, each with claims.
fn page(claims: [&str; 3]) -> String {
    let [lesson, file, own] = claims;
    format!(
        "# Services\n\n<every-hop lesson=\"pod-to-service\" {lesson}></every-hop>\n\n<every-hop src=\"lab.yaml\" {file}>\n</every-hop>\n\n```everyhop {own}\n{}```\n",
        lab("delivered")
    )
}

#[test]
fn a_page_is_held_to_what_it_claims_of_its_labs() {
    let dir = scratch("check-page");
    file(&dir, "lab.yaml", lab("delivered").as_bytes());
    let good = page([
        "step=\"7\" expect=\"delivered; status 200; reaches pod/pod-3\"",
        "expect='sees source 10.244.1.2' height=420",
        "step=2 expect=\"reaches pod/b\"",
    ]);
    let path = file(&dir, "good.md", good.as_bytes());
    let out = everyhop(&["check", &path]).printed();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    for (line, at) in lines.iter().zip([3, 5, 8]) {
        assert!(line.starts_with(&format!("{path}:{at}: ok: ")), "{out}");
    }
    let bad = page([
        "step=\"99\"",
        "expect=\"refused; sees source 10.244.9.9\"",
        "expect=\"dropped by NetworkPolicy default/deny\"",
    ]);
    let path = file(&dir, "bad.md", bad.as_bytes());
    let run = everyhop(&["check", &path]);
    assert_eq!(run.code, 1, "{}", run.err);
    assert_eq!(
        run.out.lines().collect::<Vec<_>>(),
        [
            format!("{path}:3: step 99: the lab has 17 steps"),
            format!("{path}:5: expected the verdict refused, found delivered: 10.244.1.3 answered"),
            format!("{path}:5: expected that the receiver sees 10.244.9.9, found 10.244.1.2"),
            format!(
                "{path}:8: expected that it is dropped by NetworkPolicy default/deny, found delivered: 10.244.1.3 answered"
            ),
        ]
    );
}

#[test]
fn an_element_that_cannot_be_looked_at_says_what_it_needs() {
    let dir = scratch("check-elements");
    let refused = |element: &str| {
        let path = file(&dir, "page.html", format!("<p>\n{element}").as_bytes());
        let message = everyhop(&["check", &path]).refused();
        message.replace(&format!("{path}:2: "), "")
    };
    assert_eq!(
        refused("<every-hop></every-hop>"),
        "<every-hop> shows no lab: expected lesson=\"ID\", src=\"FILE\" or a <script type=\"application/yaml\"> in it"
    );
    assert!(refused("<every-hop lesson=x>").starts_with("there is no lesson \"x\": found "));
    assert!(refused("<every-hop src=x.yaml>").ends_with("x.yaml: there is no such file"));
    assert_eq!(
        refused("<every-hop lesson=egress step=two>"),
        "step: expected a number from 1, found \"two\""
    );
    assert!(
        refused("<every-hop lesson=egress setp=2>")
            .starts_with("there is no attribute \"setp\" here")
    );
    assert!(
        refused("<every-hop lesson=egress expect=arrives>")
            .starts_with("expect: expected a verdict")
    );
    let yaml = "<every-hop><script type=\"application/yaml\">\nkind: Pod\n</script></every-hop>";
    let path = file(&dir, "page.html", yaml.as_bytes());
    let message = everyhop(&["check", &path]).refused();
    assert!(message.starts_with(&format!("{path}:2:1: ")), "{message}");
}

#[test]
fn a_build_server_gets_a_case_for_each_lab_with_what_is_wrong() {
    let dir = scratch("check-junit");
    let ok = file(&dir, "ok.yaml", lab("delivered").as_bytes());
    let no = file(&dir, "no.md", format!("```everyhop\n{}```\n", lab("refused")).as_bytes());
    let to = file(&dir, "report.xml", b"");
    let run = everyhop(&["check", "--junit", &to, &ok, &no, "missing.yaml"]);
    assert_eq!(run.code, 2, "{}", run.err);
    let report = std::fs::read_to_string(to).expect("it was written");
    let lines: Vec<&str> = report.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(),
            "<testsuites name=\"everyhop check\">".into(),
            format!("<testsuite name=\"{ok}\" tests=\"1\" failures=\"0\" errors=\"0\">"),
            format!("<testcase classname=\"{ok}\" name=\"a-to-b\"/>"),
            "</testsuite>".into(),
            format!("<testsuite name=\"{no}\" tests=\"1\" failures=\"1\" errors=\"0\">"),
            format!("<testcase classname=\"{no}:1\" name=\"a-to-b\">"),
            format!(
                "<failure message=\"{no}:23:7: spec.expect[0]: expected the verdict refused, found delivered: 10.244.1.3 answered\"/>"
            ),
            "</testcase>".into(),
            "</testsuite>".into(),
            "<testsuite name=\"missing.yaml\" tests=\"1\" failures=\"0\" errors=\"1\">".into(),
            "<testcase classname=\"missing.yaml\" name=\"missing.yaml\">".into(),
            "<error message=\"missing.yaml: there is no such file\"/>".into(),
            "</testcase>".into(),
            "</testsuite>".into(),
            "</testsuites>".into(),
        ]
    );
}

/// Every Markdown file of the book and the README.
fn book() -> Vec<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = |dir: &str| {
        let entries = std::fs::read_dir(root.join(dir)).expect("the docs are there");
        let paths = entries.map(|it| it.expect("and can be listed").path());
        paths.filter(|it| it.extension().is_some_and(|it| it == "md")).collect::<Vec<_>>()
    };
    let mut all = [pages("docs"), pages("docs/guide"), vec![root.join("README.md")]].concat();
    all.sort();
    all
}

#[test]
fn the_books_figures_keep_what_the_book_says_of_them() {
    let pages = book();
    let args: Vec<&str> = pages.iter().map(|it| it.to_str().expect("UTF-8")).collect();
    let out = everyhop(&[&["check"], args.as_slice()].concat());
    assert_eq!(out.code, 0, "{}{}", out.out, out.err);
    assert!(out.out.lines().count() > 12, "{}", out.out);
}

#[test]
fn the_books_links_lead_somewhere() {
    let mut n_links = 0;
    for page in book() {
        let text = std::fs::read_to_string(&page).expect("text");
        for target in text.split("](").skip(1).filter_map(|it| it.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.contains(' ') {
                continue;
            }
            n_links += 1;
            let file = page.parent().expect("a folder").join(path);
            assert!(file.exists(), "{}: {target} is not there", page.display());
        }
    }
    assert!(n_links > 30, "{n_links} links");
}
