//! Editing the YAML: what is typed changes the stage and the story; what is wrong is told, and breaks nothing.

use std::fmt::Write as _;

use everyhop_engine::yaml::Problem;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::native::{self, POD_TO_POD};
use crate::page::{NETNS_NAMES, Page, on_page};

const AREA: &str = "textarea[aria-label=\"The lab's YAML\"]";

const THIRD_POD: &str = "
---
apiVersion: v1
kind: Pod
metadata: {name: pod-3}
spec:
  nodeName: node-1
  containers: [{name: idle, image: busybox}]
";

fn open_editor(page: &Page) {
    page.open("#/lesson/pod-to-pod");
    page.open_tab("YAML");
}

/// Replaces the editor's text as a paste does.
fn paste(page: &Page, text: &str) {
    page.click(AREA);
    page.browser.chord(Key::Control, 'a');
    if text.is_empty() {
        page.browser.keys(&char::from(Key::Delete).to_string());
    } else {
        page.browser.devtools("Input.insertText", json!({"text": text}));
    }
    has_text(page, text);
}

/// Replaces the editor's text by script, for what no keyboard has and what is too long to paste here.
fn set(page: &Page, expression: &str) {
    page.browser.ask(
        &format!(
            "const area = document.querySelector(arguments[0]);
             area.value = {expression};
             area.dispatchEvent(new InputEvent('input', {{bubbles: true}}))"
        ),
        &[json!(AREA)],
    );
}

fn text(page: &Page) -> Value {
    page.browser.ask("return document.querySelector(arguments[0]).value", &[json!(AREA)])
}

fn has_text(page: &Page, expected: &str) {
    page.browser.until(
        "the editor has the text",
        "return document.querySelector(arguments[0]).value",
        &[json!(AREA)],
        |text| text == expected,
    );
}

/// Runs a text, and expects the stage and every step to be as the engine says.
pub(crate) fn runs(page: &Page, text: &str) {
    paste(page, text);
    page.press("Run");
    page.says("The stage shows this text.");
    let run = native::run(text);
    page.gives("the namespaces are drawn", NETNS_NAMES, &json!(native::netns_names(&run)));
    assert_eq!(page.walk(), native::seen(&run));
}

/// A problem as the list shows it: place, field and words.
fn shown(problem: &Problem) -> Value {
    let place = if problem.line > 0 {
        format!("{}:{}", problem.line, problem.column)
    } else {
        String::new()
    };
    json!([place, problem.path, problem.message])
}

/// The entries of a list of problems.
fn listed(class: &str) -> String {
    format!(
        "return [...document.querySelectorAll('li.{class}')].map(it => [
             it.querySelector('.place')?.textContent ?? '',
             it.querySelector('code')?.textContent ?? '',
             it.querySelector('span:last-of-type').textContent])"
    )
}

/// Expects exactly these problems in view, the last stage still there, and the page alive.
fn is_refused(page: &Page, what: &str, problems: &[Problem]) {
    assert!(!problems.is_empty(), "{what}: the engine has nothing against it");
    let expected: Vec<Value> = problems.iter().map(shown).collect();
    page.gives(&format!("{what}: the problems"), &listed("problem"), &json!(expected));
    page.holds(
        &format!("{what}: the first problem is seen"),
        "return document.querySelector('[role=alert] li.problem').checkVisibility()",
    );
    page.says("The stage still shows the last text that ran.");
    still_steps(page);
}

fn still_steps(page: &Page) {
    page.keys(Key::Home);
    page.is_at(1);
    page.press("Next step");
    page.is_at(2);
}

#[test]
fn a_third_pod_joins_the_stage() {
    on_page(|page| {
        open_editor(page);
        runs(page, &format!("{POD_TO_POD}{THIRD_POD}"));
        assert_eq!(page.netns_names(), json!(["node-1", "pod-1", "pod-2", "pod-3"]));
        page.says("edited");
    });
}

#[test]
fn another_name_is_everywhere_where_the_old_one_was() {
    on_page(|page| {
        open_editor(page);
        runs(page, &POD_TO_POD.replace("pod-2", "api"));
        assert_eq!(page.netns_names(), json!(["api", "node-1", "pod-1"]));
        page.holds("no old name", "return !document.body.innerText.includes('pod-2')");
    });
}

#[test]
fn another_cidr_gives_other_addresses() {
    on_page(|page| {
        open_editor(page);
        let text = POD_TO_POD.replace("10.244.1.0/24", "192.168.77.0/28");
        runs(page, &text);
        page.says("192.168.77.");
        page.holds("no old one", "return !document.body.innerText.includes('10.244.1.')");
    });
}

#[test]
fn a_second_node_sends_the_packet_over_the_underlay() {
    on_page(|page| {
        open_editor(page);
        let text = POD_TO_POD.replacen("nodeName: node-1", "nodeName: node-2", 2).replacen(
            "nodeName: node-2",
            "nodeName: node-1",
            1,
        );
        let node = "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: node-2}\nspec: {podCIDR: 10.244.2.0/24}\n";
        runs(page, &format!("{text}{node}"));
        assert_eq!(page.netns_names(), json!(["node-1", "node-2", "pod-1", "pod-2", "switch"]));
        page.says("10.244.2.2");
    });
}

#[test]
fn objects_without_a_lab_are_a_lab() {
    on_page(|page| {
        open_editor(page);
        let (_, objects) = POD_TO_POD.split_once("---\n").expect("the lab comes first");
        runs(page, objects);
    });
}

#[test]
fn a_text_that_is_no_lab_is_refused_with_its_problems_and_the_page_goes_on() {
    on_page(|page| {
        open_editor(page);
        let overlap = "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: node-2}\nspec: {podCIDR: 10.244.1.128/25}\n";
        let cases = [
            ("empty", String::new(), false),
            ("only blanks", " \n\n  \n".to_owned(), false),
            ("words", "hello there".to_owned(), true),
            ("an unclosed list", "a: [1, 2\nb: 3\n".to_owned(), true),
            ("a tab for indentation", "kind: Pod\nmetadata:\n\tname: x\n".to_owned(), true),
            (
                "wrong type of a list",
                POD_TO_POD.replacen(
                    "containers:\n    - name: client",
                    "containers: 5\n  c:\n    - name: client",
                    1,
                ),
                true,
            ),
            ("wrong type of a name", POD_TO_POD.replacen("name: pod-2", "name: [pod, 2]", 1), true),
            (
                "a port that is none",
                POD_TO_POD.replace("containerPort: 8080", "containerPort: 808080"),
                true,
            ),
            ("a prefix that is none", POD_TO_POD.replace("10.244.1.0/24", "10.244.1"), true),
            (
                "duplicate names",
                format!("{POD_TO_POD}{}", THIRD_POD.replace("pod-3", "pod-1")),
                true,
            ),
            ("overlapping CIDRs", format!("{POD_TO_POD}{overlap}"), true),
            (
                "a missing node",
                POD_TO_POD.replacen("nodeName: node-1", "nodeName: node-9", 1),
                true,
            ),
            ("a missing pod", POD_TO_POD.replace("from: pod/pod-1", "from: pod/pod-9"), true),
            ("an alias bomb", alias_bomb(), true),
            ("deep nesting", "[".repeat(5000), true),
        ];
        for (what, wrong, has_line) in cases {
            paste(page, &wrong);
            page.press("Run");
            let problems = native::problems(&wrong);
            is_refused(page, what, &problems);
            assert_eq!(problems[0].line > 0, has_line, "{what}: {problems:?}");
            assert_eq!(text(page), json!(wrong), "{what}: the text stays");
        }
        runs(page, POD_TO_POD);
    });
}

/// Each line says the one before nine times.
fn alias_bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "a{level}: &a{level} [{aliases}]");
    }
    text
}

#[test]
fn bytes_of_a_binary_file_are_refused() {
    on_page(|page| {
        open_editor(page);
        let binary = "\u{7f}ELF\u{2}\u{1}\u{1}\0\0\0\u{3}\0>\0\u{fffd}\u{fffd}\u{0}";
        set(page, &json!(binary).to_string());
        page.press("Run");
        is_refused(page, "binary", &native::problems(binary));
        assert_eq!(text(page), json!(binary));
    });
}

#[test]
fn ten_megabytes_are_refused() {
    on_page(|page| {
        open_editor(page);
        // Lines as long as people write: a browser is slow to lay out many more.
        let line = format!("# {}\n", "ten megabytes ".repeat(5));
        let lines = 10 * 1024 * 1024 / line.len() + 1;
        set(page, &format!("{}.repeat({lines})", json!(line)));
        page.press("Run");
        is_refused(page, "10 MiB", &native::problems(&line.repeat(lines)));
        let length = page
            .browser
            .ask("return document.querySelector(arguments[0]).value.length", &[json!(AREA)]);
        assert_eq!(length, line.len() * lines, "the text stays");
        page.press("Back to the lesson's text");
        has_text(page, POD_TO_POD);
    });
}

#[test]
fn a_paste_that_is_too_long_is_refused_before_it_is_laid_out() {
    on_page(|page| {
        open_editor(page);
        // The browser's clipboard is out of reach; the page gets the event that a paste of it would be.
        let is_taken = page.browser.ask(
            "const data = new DataTransfer();
             data.setData('text/plain', 'kind: Pod\\n'.repeat(1 << 20));
             const options = {clipboardData: data, bubbles: true, cancelable: true};
             const paste = new ClipboardEvent('paste', options);
             return document.querySelector(arguments[0]).dispatchEvent(paste)",
            &[json!(AREA)],
        );
        assert_eq!(is_taken, false);
        page.holds(
            "a message says so",
            "return document.querySelector('[role=alert] li.problem')?.checkVisibility() === true",
        );
        has_text(page, POD_TO_POD);
        still_steps(page);
        runs(page, &format!("{POD_TO_POD}{THIRD_POD}"));
    });
}

#[test]
fn an_unknown_kind_is_ignored_with_a_notice() {
    on_page(|page| {
        open_editor(page);
        let text = format!(
            "{POD_TO_POD}\n---\napiVersion: example.com/v1\nkind: Sundial\nmetadata: {{name: noon}}\n"
        );
        runs(page, &text);
        let expected: Vec<Value> = native::notices(&text).iter().map(shown).collect();
        assert!(!expected.is_empty());
        page.gives("the notice", &listed("remark"), &json!(expected));
        page.says("Sundial");
    });
}

#[test]
fn a_problem_leads_to_its_place_in_the_text() {
    on_page(|page| {
        open_editor(page);
        let wrong = POD_TO_POD.replace("containerPort: 8080", "containerPort: many");
        paste(page, &wrong);
        page.press("Run");
        let problem = native::problems(&wrong).swap_remove(0);
        page.click("li.problem button");
        page.gives(
            "the caret is at the problem",
            "const area = document.activeElement;
             const before = area.value.slice(0, area.selectionStart).split('\\n');
             return [before.length, before.at(-1).length + 1]",
            &json!([problem.line, problem.column]),
        );
    });
}

#[test]
fn control_enter_runs_the_text() {
    on_page(|page| {
        open_editor(page);
        paste(page, &format!("{POD_TO_POD}{THIRD_POD}"));
        page.says("Changed since the stage was drawn.");
        page.browser.chord(Key::Control, char::from(Key::Enter));
        page.says("The stage shows this text.");
        page.gives(
            "the third pod is drawn",
            NETNS_NAMES,
            &json!(["node-1", "pod-1", "pod-2", "pod-3"]),
        );
    });
}

#[test]
fn typing_moves_no_playhead() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod?step=3");
        page.open_tab("YAML");
        page.click(AREA);
        for key in [Key::Right, Key::Home, Key::End, Key::Space, Key::Left] {
            page.browser.keys(&char::from(key).to_string());
        }
        page.is_at(3);
        page.holds("nothing plays", "return !!document.querySelector('[aria-label=Play]')");
    });
}

#[test]
fn what_was_typed_is_there_after_a_reload_and_can_be_put_aside_and_taken_back() {
    on_page(|page| {
        open_editor(page);
        let wrong = "kind: Pod\nmetadata: {name: ";
        paste(page, wrong);
        page.reload();
        page.open_tab("YAML");
        has_text(page, wrong);
        page.press("Back to the lesson's text");
        has_text(page, POD_TO_POD);
        page.press("Bring my text back");
        has_text(page, wrong);
    });
}

#[test]
fn another_exchange_is_sent_in_the_same_lab() {
    on_page(|page| {
        page.open("#/lesson/own");
        page.is_at(1);
        page.browser.click("from", By::XPath("//form//select[1]/option[.='db']"));
        page.press("Send");
        page.holds(
            "the packet leaves db",
            "return document.querySelector('[data-packet]').dataset.at.startsWith('db/')",
        );
        page.browser.click("an address", By::XPath("//form//option[.='an address…']"));
        page.click("input[aria-label='Destination address']");
        page.browser.keys("10.244.1.77");
        page.press("Send");
        page.says("10.244.1.77");
        page.keys(Key::End);
        page.is_at(page.n_steps());
        page.says("timeout");
    });
}

#[test]
fn an_exchange_that_is_refused_says_why() {
    on_page(|page| {
        page.open("#/lesson/own");
        page.browser.click("an address", By::XPath("//form//option[.='an address…']"));
        page.click("input[aria-label='Destination address']");
        page.browser.keys("nowhere");
        page.press("Send");
        page.says("nowhere");
        still_steps(page);
    });
}
