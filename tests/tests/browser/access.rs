//! Accessibility, as far as a program can judge it: no serious or critical violation by axe-core.

use std::collections::BTreeMap;

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::driver::file_named_by;
use crate::page::{LAPTOP, PHONE, Page, on_page};

/// What is wrong with the page as it is now: each mistake with its element and how to mend it.
///
/// What axe takes for the visible text of a drawing has titles in it and no blanks between texts, so whether names have
/// that text in them is another test's claim there.
fn violations(page: &Page) -> Vec<String> {
    let found = page.browser.ask_later(
        "const done = arguments[arguments.length - 1];
         const misread = (violation, node) => violation.id === 'label-content-name-mismatch'
             && document.querySelector(node.target[0])?.closest('svg');
         const line = (violation, node) =>
             `${violation.id}: ${violation.help}\\n    ${node.html}\\n    ${node.failureSummary}`;
         axe.run(document, {resultTypes: ['violations']})
             .then(it => it.violations.filter(v => ['serious', 'critical'].includes(v.impact)))
             .then(it => it.flatMap(v => v.nodes.filter(node => !misread(v, node)).map(node => line(v, node))))
             .then(done)
             .catch(problem => done([String(problem)]))",
    );
    let found = found.as_array().into_iter().flatten();
    found.map(|it| it.as_str().unwrap_or_default().to_owned()).collect()
}

const VIEWS: [(&str, &str); 9] = [
    ("#/lesson/model?step=8", "Rules walked"),
    ("#/lesson/model?step=13", "Transcript"),
    ("#/lesson/pod-to-pod?step=1", "Packet"),
    ("#/lesson/pod-to-pod?step=9", "Tables"),
    ("#/lesson/node-to-node?step=5", "Captures"),
    ("#/lesson/node-to-node?step=9", "Timeline"),
    ("#/lesson/node-to-node?step=2", "Rules walked"),
    ("#/lesson/own?step=4", "YAML"),
    ("#/lesson/no-such-lesson", ""),
];

fn is_accessible(page: &Page, theme: &str) {
    let axe = file_named_by("EVERYHOP_AXE");
    // Each mistake once, with the views that have it.
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // Colours are judged where packets rest, not while they fade in.
    page.prefer(&[("prefers-color-scheme", theme), ("prefers-reduced-motion", "reduce")]);
    for (name, size) in [("laptop", LAPTOP), ("phone", PHONE)] {
        page.size(size);
        for (hash, tab) in VIEWS {
            page.open(hash);
            if !tab.is_empty() {
                page.open_tab(tab);
            }
            page.browser.ask(&axe, &[]);
            for violation in violations(page) {
                found.entry(violation).or_default().push(format!("{name}, {hash}, {tab}"));
            }
        }
    }
    let lines: Vec<String> =
        found.iter().map(|(what, places)| format!("{what}\n  on {}", places.join("; "))).collect();
    assert!(lines.is_empty(), "{theme}: {} mistakes\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn axe_finds_nothing_serious_in_the_light_theme() {
    on_page(|page| is_accessible(page, "light"));
}

#[test]
fn axe_finds_nothing_serious_in_the_dark_theme() {
    on_page(|page| is_accessible(page, "dark"));
}

#[test]
fn what_is_written_on_the_stage_is_in_its_name() {
    on_page(|page| {
        for lesson in ["pod-to-pod", "node-to-node", "model"] {
            page.open(&format!("#/lesson/{lesson}?step=1"));
            let unnamed = page.browser.ask(
                "const name = it => it.getAttribute('aria-label') ?? '';
                 return [...document.querySelectorAll('.stage-svg [role=button]')].flatMap(it =>
                     [...it.querySelectorAll('text')]
                         .flatMap(text => text.textContent.trim().split(/\\s+/))
                         .filter(word => !name(it).includes(word))
                         .map(word => `“${word}” is not in “${name(it)}”`))",
                &[],
            );
            assert_eq!(unnamed, Value::Array(Vec::new()), "{lesson}");
        }
    });
}

#[test]
fn everything_that_can_be_pressed_has_a_name() {
    on_page(|page| {
        page.open("#/lesson/node-to-node?step=4");
        let nameless = page.browser.ask(
            "return [...document.querySelectorAll('button, a, select, input, textarea, [role=button]')]
                 .filter(it => !it.getAttribute('aria-label') && !it.textContent.trim())
                 .filter(it => !it.title && !it.labels?.length)
                 .map(it => it.outerHTML)",
            &[],
        );
        assert_eq!(nameless, Value::Array(Vec::new()));
    });
}

#[test]
fn the_transport_is_reached_by_the_tab_key_and_shows_its_focus() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        for _ in 0..60 {
            page.browser.keys(&char::from(Key::Tab).to_string());
            let focused = page.browser.ask(
                "const it = document.activeElement;
                 const style = getComputedStyle(it);
                 const seen = style.outlineStyle !== 'none' || style.boxShadow !== 'none';
                 return [it.getAttribute('aria-label'), seen]",
                &[],
            );
            if focused[0] == "Next step" {
                assert_eq!(focused[1], true, "the focus is to be seen");
                page.browser.keys(" ");
                page.is_at(2);
                return;
            }
        }
        page.browser.fail("60 presses of Tab do not reach “Next step”");
    });
}
