//! The second file of the page's code: not for a first visit, there when it is needed, and missed in words.

use serde_json::json;
use thirtyfour::prelude::*;

use crate::editor;
use crate::native::{self, NODE_TO_NODE};
use crate::page::{Page, on_page};

/// How often the second file was asked for.
fn n_requests(page: &Page) -> u64 {
    let requests = page.browser.ask(
        "return performance.getEntriesByType('resource').filter(it => it.name.includes('/second-')).length",
        &[],
    );
    requests.as_u64().unwrap_or_default()
}

/// From now on the file cannot be had, or can be had again.
fn is_missing(page: &Page, missing: bool) {
    page.browser.devtools("Network.enable", json!({}));
    let urls = if missing { json!(["*/second-*"]) } else { json!([]) };
    page.browser.devtools("Network.setBlockedURLs", json!({ "urls": urls }));
}

#[test]
fn a_first_visit_does_without_it() {
    on_page(|page| {
        page.open("");
        let fine = |what: &str| {
            assert_eq!(
                n_requests(page),
                0,
                "{what}: a function that moved was called; see frontend/second.txt"
            );
        };
        fine("the page opens");
        let n_steps = page.walk().len();
        fine("walking to the end");
        for step in (1..n_steps).rev() {
            page.press("Previous step");
            page.is_at(step);
        }
        fine("walking back");
        page.choose("Speed", "4×");
        page.press("Play");
        page.is_at(3);
        page.press("Pause");
        fine("playing");
        for tab in ["Tables", "Packet"] {
            page.open_tab(tab);
            page.walk();
            fine(tab);
        }
        page.keys(Key::End);
        page.is_at(n_steps);
        page.press("Dark theme");
        fine("choosing");
        page.click("[data-device='node-1/vbr0']");
        page.holds(
            "captures come with it",
            "return performance.getEntriesByType('resource').some(it => it.name.includes('/second-'))",
        );
    });
}

#[test]
fn another_lesson_brings_it() {
    on_page(|page| {
        page.open("");
        page.click("nav a[href='#/lesson/node-to-node']");
        let title = native::title(NODE_TO_NODE);
        page.holds(
            "the lesson is here",
            &format!("return document.title.startsWith({})", json!(title)),
        );
        assert_eq!(n_requests(page), 1);
        assert_eq!(page.walk(), native::seen(&native::run(NODE_TO_NODE)));
        assert_eq!(n_requests(page), 1, "once is enough");
    });
}

#[test]
fn a_function_that_is_called_unannounced_has_it_fetched() {
    on_page(|page| {
        page.open("");
        // Nothing of the page asks for it beforehand any more.
        page.browser.ask("everyhopParts.secondHere = () => true", &[]);
        page.open_tab("YAML");
        editor::runs(page, NODE_TO_NODE);
        assert_eq!(n_requests(page), 1);
        assert_eq!(page.walk(), native::seen(&native::run(NODE_TO_NODE)));
    });
}

#[test]
fn without_it_the_page_says_so_and_goes_on() {
    let page = Page::start();
    is_missing(&page, true);
    page.open("");
    page.press("Next step");
    page.click("nav a[href='#/lesson/node-to-node']");
    page.says("The rest of this page did not arrive");
    page.gives(
        "the address is that of what is shown",
        "return location.hash",
        &json!("#/lesson/pod-to-pod?step=2"),
    );
    page.press("Next step");
    page.is_at(3);

    is_missing(&page, false);
    page.click("nav a[href='#/lesson/node-to-node']");
    page.is_at(1);
    assert_eq!(page.walk(), native::seen(&native::run(NODE_TO_NODE)));
}

#[test]
fn what_was_typed_is_there_after_it_was_missing() {
    let page = Page::start();
    page.open("");
    page.open_tab("YAML");
    page.click("textarea");
    page.browser.keys("# mine\n");
    is_missing(&page, true);
    page.reload();
    page.press("YAML");
    page.says("The rest of this page did not arrive");
    is_missing(&page, false);
    page.open_tab("YAML");
    page.holds(
        "the text is there",
        "return document.querySelector('textarea').value.includes('# mine')",
    );
}

#[test]
fn a_page_that_cannot_begin_without_it_says_what_to_do() {
    let page = Page::start();
    is_missing(&page, true);
    page.browser.go(&format!("{}#/lesson/node-to-node", crate::server::address()));
    page.says("A part of this page did not arrive");
    is_missing(&page, false);
    page.press("Reload");
    page.is_ready();
    assert_eq!(page.walk(), native::seen(&native::run(NODE_TO_NODE)));
}
