//! Labs in other people's pages: elements under a strict content security policy, an iframe on another origin, and what is there
//! when the code cannot run.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::native::{self, Seen};
use crate::page::Page;
use crate::server;

/// What the documentation of embedding promises to be enough.
const STRICT: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

const DOCS: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Docs</title>
<link rel="icon" href="one.svg"><link rel="stylesheet" href="docs.css"><script type="module" src="eh/everyhop.js"></script></head><body>
<h1>Services</h1>
<every-hop id="one" lesson="pod-to-service" step="7"><img alt="A picture" src="one.svg"></every-hop>
<every-hop id="two" lesson="egress" panels="packet,rules" theme="dark" speed="4"></every-hop>
<p id="far"></p>
<every-hop id="own" readonly><script type="application/yaml">
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {containers: [{name: c, image: i}]}
</script></every-hop>
</body></html>"#;

const CSS: &str = "body { font: 20px serif } #far { height: 4000px } button, svg { background: red; border: 9px solid }";

fn docs(policy: &str) -> String {
    server::site(
        policy,
        &[
            ("docs.html", DOCS),
            ("docs.css", CSS),
            ("one.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ],
    )
}

/// The page `docs.html` of this site, opened.
fn opened(site: &str) -> Page {
    let page = Page::start();
    page.browser.go(&format!("{site}docs.html"));
    page
}

/// Waits until an element's lab is at this step.
fn is_at(page: &Page, id: &str, step: usize) {
    let script = format!("return document.getElementById('{id}').state?.()?.step ?? 0");
    page.gives(&format!("{id} shows step {step}"), &script, &json!(step));
}

/// What an element's shadow says and shows.
fn seen(page: &Page, id: &str) -> Seen {
    let script = format!(
        "const root = document.getElementById('{id}').shadowRoot;
         const text = css => root.querySelector(css)?.textContent ?? '';
         return [text('.caption h1'), text('.caption .text'), root.querySelector('[data-packet]')?.dataset.at ?? ''];"
    );
    let told = page.browser.ask(&script, &[]);
    let part = |index: usize| told[index].as_str().unwrap_or_default().to_owned();
    let at = Some(part(2)).filter(|at| !at.is_empty());
    Seen { title: part(0), text: part(1), at }
}

fn n_files(page: &Page, part: &str) -> Value {
    let script = format!(
        "return performance.getEntriesByType('resource').filter(it => it.name.includes('{part}')).length"
    );
    page.browser.ask(&script, &[])
}

#[test]
fn under_a_strict_policy_elements_play_what_the_engine_recorded() {
    let page = opened(&docs(STRICT));
    is_at(&page, "one", 7);
    let (_, lab, _) = native::LESSONS.iter().find(|it| it.0 == "pod-to-service").expect("a lesson");
    let native = native::seen(&native::run(lab));
    assert_eq!(seen(&page, "one"), native[6]);
    for (step, expected) in native.iter().enumerate().skip(7) {
        page.browser.ask("one.next()", &[]);
        is_at(&page, "one", step + 1);
        assert_eq!(&seen(&page, "one"), expected);
    }
    // The packet's place is in a sheet of rules: it must be where its device is.
    let apart = page.browser.ask(
        "const root = one.shadowRoot, packet = root.querySelector('[data-packet]');
         const [a, b] = [packet, root.querySelector(`[data-device='${packet.dataset.at}']`)].map(it => it.getBoundingClientRect());
         return Math.max(b.left - a.right, a.left - b.right, b.top - a.bottom, a.top - b.bottom)",
        &[],
    );
    assert!(apart.as_f64().is_some_and(|apart| apart < 60.0), "{apart} pixels apart");
    assert_eq!(page.browser.console_errors(), Vec::<String>::new());
}

#[test]
fn elements_share_one_download_and_what_is_far_away_waits_until_it_is_seen() {
    let page = opened(&docs(STRICT));
    is_at(&page, "two", 1);
    is_at(&page, "one", 7);
    assert_eq!(page.browser.ask("return own.state()", &[]), Value::Null);
    page.browser.ask("own.scrollIntoView()", &[]);
    is_at(&page, "own", 1);
    for file in ["/first-", "/second-", "everyhop.js"] {
        assert_eq!(n_files(&page, file), json!(1), "{file}");
    }
    let foreign = page.browser.ask(
        "return performance.getEntriesByType('resource').filter(it => !it.name.startsWith(location.origin)).length",
        &[],
    );
    assert_eq!(foreign, json!(0), "nothing is fetched from elsewhere");
}

#[test]
fn what_is_out_of_sight_rests_and_goes_on_when_it_is_seen_again() {
    let page = opened(&docs(STRICT));
    is_at(&page, "two", 1);
    page.browser.ask("two.scrollIntoView(); two.play()", &[]);
    page.holds("it plays", "return two.state().playing");
    page.browser.ask("own.scrollIntoView()", &[]);
    page.holds("it rests", "return !two.state().playing");
    page.browser.ask("two.scrollIntoView()", &[]);
    page.holds("it goes on", "return two.state().playing");
}

#[test]
fn an_element_is_driven_by_its_methods_and_tells_by_events() {
    let page = opened(&docs(STRICT));
    is_at(&page, "one", 7);
    page.browser.ask(
        "globalThis.told = []; for (const name of ['step', 'verdict', 'error'])
             one.addEventListener(name, ({detail}) => told.push([name, detail]));",
        &[],
    );
    page.browser.ask("one.seek({marker: 'the-reply-is-put-back'})", &[]);
    is_at(&page, "one", 12);
    page.browser.ask("one.seek({step: 17})", &[]);
    page.holds(
        "the end has a verdict",
        "return told.some(([name, it]) => name === 'verdict' && it.verdict === 'delivered' && it.status === 200)",
    );
    page.browser.ask("one.run('kubectl exec pod-1 -- curl http://nowhere/')", &[]);
    page.holds(
        "something else is sent",
        "return one.state().lesson === 'pod-to-service' && one.state().step === 1",
    );
    page.browser.ask("one.run('rm -rf /')", &[]);
    page.holds(
        "what cannot be run is an error",
        "return told.some(([name, it]) => name === 'error' && it.message.includes('expected curl'))",
    );
    let magic = page.browser.ask_later(
        "const done = arguments[arguments.length - 1]; one.exportPcapng().then(it => done([...it.slice(0, 4)]))",
    );
    assert_eq!(magic, json!([10, 13, 13, 10]), "a section header block");
    page.browser.ask("one.load('kind: Pod\\nspec: 5')", &[]);
    page.holds(
        "a mistake has its place",
        "return told.some(([name, it]) => name === 'error' && it.line > 0 && it.column > 0)",
    );
}

#[test]
fn the_pages_keys_and_styles_stay_the_pages() {
    let page = opened(&docs(STRICT));
    is_at(&page, "one", 7);
    page.keys(Key::Right);
    page.keys(Key::End);
    page.holds("End scrolls the page", "return scrollY > 1000");
    is_at(&page, "one", 7);
    assert_eq!(
        page.browser.ask(
            "const button = one.shadowRoot.querySelector('.play'), style = getComputedStyle(document.body);
             return [getComputedStyle(button).borderTopWidth === '9px', style.fontSize, location.hash]",
            &[],
        ),
        json!([false, "20px", ""])
    );
    // Within the element the arrows are the player's.
    page.browser.ask("one.scrollIntoView(); one.shadowRoot.querySelector('.play').focus()", &[]);
    page.browser.keys(&char::from(Key::Right).to_string());
    is_at(&page, "one", 8);
}

#[test]
fn where_the_code_cannot_run_the_picture_stays_and_the_reason_is_said() {
    let said = |page: &Page, words: &str| {
        let script = "return one.shadowRoot?.querySelector('.waits').textContent ?? ''";
        page.browser.until(words, script, &[], |text| {
            text.as_str().is_some_and(|text| text.contains(words))
        });
        let poster = page.browser.ask("return one.querySelector('img').checkVisibility()", &[]);
        assert_eq!(poster, true, "the picture is there");
    };
    said(&opened(&docs("default-src 'self'")), "Add 'wasm-unsafe-eval'");
    let page = Page::start();
    page.browser.devtools("Network.enable", json!({}));
    page.browser.devtools("Network.setBlockedURLs", json!({"urls": ["*/first-*"]}));
    page.browser.go(&format!("{}docs.html", docs(STRICT)));
    said(&page, "cannot be reached");
}

#[test]
fn without_scripts_the_picture_is_there() {
    let page = Page::start();
    page.browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true}));
    page.browser.go(&format!("{}docs.html", docs(STRICT)));
    page.browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": false}));
    page.holds(
        "the picture is there",
        "return one.querySelector('img').checkVisibility() && !one.shadowRoot",
    );
}

const PARENT: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Docs</title></head><body>
<iframe id="frame" width="900" height="700" src="FRAME"></iframe><script src="parent.js"></script></body></html>"#;

const PARENT_JS: &str = "globalThis.told = [];
document.getElementById('frame').onload = () => {
  const channel = new MessageChannel();
  channel.port1.onmessage = ({data}) => told.push(data);
  frame.contentWindow.postMessage({everyhop: 'connect'}, '*', [channel.port2]);
  globalThis.call = (method, ...args) => channel.port1.postMessage({id: 1, method, args});
};";

/// A page on an origin of its own with the lab in an iframe from another.
fn framed(more: &str) -> Page {
    let frame = format!("{}embed.html#/lesson/egress?step=2{more}", server::address());
    let policy = "default-src 'self'; frame-src *";
    let site = server::site(
        policy,
        &[("docs.html", &PARENT.replace("FRAME", &frame)), ("parent.js", PARENT_JS)],
    );
    opened(&site)
}

#[test]
fn an_iframe_on_another_origin_has_the_same_methods_over_a_port() {
    let page = framed("&panels=packet");
    page.holds("it connects", "return told.some(it => it.event === 'connected')");
    page.holds(
        "it is there",
        "return told.some(it => it.event === 'step' && it.detail.step === 2) || !!call('state')",
    );
    page.browser.ask("call('next')", &[]);
    page.holds("it steps", "return told.some(it => it.event === 'step' && it.detail.step === 3)");
    page.holds(
        "it says its height",
        "return told.some(it => it.event === 'height' && it.detail.height > 300)",
    );
    page.browser.ask("call('format')", &[]);
    page.holds(
        "what it cannot do",
        "return told.some(it => it.error === 'there is no method format')",
    );
}

#[test]
fn an_iframe_speaks_to_nobody_but_the_origin_it_was_made_for() {
    let page = framed("&origin=https://docs.example");
    page.browser.ask_later("setTimeout(arguments[arguments.length - 1], 1500)");
    assert_eq!(page.browser.ask("return told", &[]), json!([]));
}
