//! Claims about `everyhop embed` and `everyhop mdbook`.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use std::fs;

use common::{everyhop, everyhop_with, file, scratch, text};
use serde_json::{Value, json};

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
spec: {actions: [{from: pod/a, to: pod/b}]}
";

fn page() -> String {
    format!(
        "# Pods\n\n```everyhop step=2 expect=\"delivered\"\n{LAB}```\n\nBetween.\n\n<every-hop lesson=\"egress\" step=\"3\"></every-hop>\n\n<every-hop lesson=\"egress\"><img src=\"own.png\"></every-hop>\n"
    )
}

/// The pictures in a folder, by name.
fn pictures(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("everyhop-pictures")).expect("pictures were written");
    let mut names: Vec<String> = entries
        .map(|it| it.expect("it can be listed").file_name().into_string().expect("an ASCII name"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_page_gets_a_figure_that_needs_no_script_for_each_lab() {
    let dir = scratch("embed-page");
    let from = file(&dir, "in.md", page().as_bytes());
    let to = text(&dir.join("out.md"));
    assert_eq!(everyhop(&["embed", &from, "-o", &to]).printed(), "");
    let out = fs::read_to_string(&to).expect("it was written");
    let names = pictures(&dir);
    assert_eq!(names.len(), 2, "one for each that had none");
    for name in &names {
        assert!(out.contains(&format!("<img src=\"everyhop-pictures/{name}\" alt=\"")), "{out}");
        let picture = fs::read_to_string(dir.join("everyhop-pictures").join(name)).expect("text");
        assert_eq!(picture.matches("data-packet").count(), 1);
    }
    // The lab's own text with its empty line, in a block of its own, and the claims left out.
    assert!(
        out.contains(&format!(
            "\n\n<script type=\"application/yaml\">\n{LAB}</script></every-hop>\n\nBetween."
        )),
        "{out}"
    );
    assert!(out.contains("<every-hop step=\"2\">\n<img"), "{out}");
    assert!(out.contains("<every-hop lesson=\"egress\" step=\"3\">\n<img"), "{out}");
    assert!(out.contains("<li><b>delivered</b>: 10.244.1.3 answered</li>"), "{out}");
    assert!(
        out.contains("<every-hop lesson=\"egress\"><img src=\"own.png\"></every-hop>"),
        "{out}"
    );
    // What came out is a page whose labs are the same.
    assert_eq!(everyhop(&["check", &to]).code, 0);
}

#[test]
fn a_lab_that_cannot_be_read_stops_the_page_with_its_line() {
    let dir = scratch("embed-bad");
    let bad = page().replace("kind: Pod\nmetadata: {name: b}", "kind: Pod\nmetadata: {name: B}");
    let from = file(&dir, "in.md", bad.as_bytes());
    let to = text(&dir.join("out.md"));
    let message = everyhop(&["embed", &from, "-o", &to]).refused();
    assert!(message.starts_with(&format!("{from}:17:18: metadata.name: expected")), "{message}");
    assert!(!dir.join("out.md").exists());
}

#[test]
fn a_book_gets_figures_in_every_chapter() {
    let dir = scratch("embed-book");
    fs::create_dir_all(dir.join("src/deep")).expect("the folder is writable");
    let chapter = |path: &str, inner: Value| json!({"Chapter": {"name": "n", "content": page(), "number": null, "sub_items": inner, "path": path, "source_path": path, "parent_names": []}});
    let inner = chapter("deep/two.md", json!([]));
    let book = json!({"sections": ["Separator", chapter("one.md", json!([inner]))], "__non_exhaustive": null});
    let context = json!({"root": text(&dir), "config": {"book": {"src": "src"}}, "renderer": "html", "mdbook_version": "0.4.52"});
    let given = json!([context, book]).to_string();
    let out = everyhop_with(&["mdbook"], given.as_bytes()).printed();
    let book: Value = serde_json::from_str(&out).expect("a book");
    let one = &book["sections"][1]["Chapter"];
    let two = &one["sub_items"][0]["Chapter"];
    let words = |it: &Value| it["content"].as_str().expect("text").to_owned();
    assert!(words(one).contains("<img src=\"everyhop-pictures/"));
    assert!(words(two).contains("<img src=\"../everyhop-pictures/"));
    assert_eq!(pictures(&dir.join("src")).len(), 2, "both chapters show the same");
    assert_eq!(everyhop(&["mdbook", "supports", "html"]).code, 0);
    assert_eq!(everyhop(&["mdbook", "supports", "markdown"]).code, 1);
    let message = everyhop_with(&["mdbook"], b"{").refused();
    assert!(message.starts_with("standard input: expected a book as mdBook gives it"), "{message}");
}
