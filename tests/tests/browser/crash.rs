//! A mistake in the page's own code: wasm does not unwind, so after a panic nothing else works.

use crate::page::Page;

#[test]
fn a_panic_shows_a_message_with_a_way_back() {
    let page = Page::start();
    page.open("#/lesson/pod-to-pod?step=3");
    // The page draws a step's packet with this, and rightly takes for granted that a browser can.
    page.browser.ask(
        "Document.prototype.createElementNS = () => { throw new Error('broken on purpose') }",
        &[],
    );
    page.press("Next step");
    page.holds("the message is there", "return document.getElementById('crash').checkVisibility()");
    page.says("This page stopped because of a mistake in its own code");
    page.holds("it does not say it is ready", "return !document.documentElement.dataset.ready");

    page.click("#crash a");
    page.is_ready();
    page.is_at(3);
    page.says("The page stopped. If it was your text");
    page.press("Next step");
    page.is_at(4);
    page.reload();
    page.holds(
        "the message is not repeated",
        "return !document.body.innerText.includes('The page stopped')",
    );
}
