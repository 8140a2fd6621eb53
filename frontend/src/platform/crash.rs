//! What a learner sees when the page's own code is wrong: wasm does not unwind, so after a panic nothing else works.

use std::panic::PanicHookInfo;

use wasm_bindgen::prelude::wasm_bindgen;

use super::{hash, root, window};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = everyhopParts, js_name = stopped)]
    fn stopped(words: &str);
}

const CRASHED: &str = "everyhop.crashed";

/// Shows a message with a way back instead of a dead page. Drafts are stored as they are typed, so none is lost.
pub fn install() {
    yew::set_custom_panic_hook(Box::new(notice));
}

fn notice(info: &PanicHookInfo<'_>) {
    let Some(document) = window().and_then(|w| w.document()) else { return };
    if let Some(storage) = window().and_then(|w| w.session_storage().ok().flatten()) {
        let _ = storage.set_item(CRASHED, &hash());
    }
    let Some(crash) = document.get_element_by_id("crash") else {
        // A lab in another's page: its element shows its picture again.
        stopped(&words(info));
        return;
    };
    crash.set_text_content(Some(&format!(
        "This page stopped because of a mistake in its own code. What you typed is kept. ({}) ",
        words(info)
    )));
    if let Ok(link) = document.create_element("a") {
        // Without a fragment, so that the browser loads the page anew.
        let path = window().and_then(|w| w.location().pathname().ok()).unwrap_or_default();
        let _ = link.set_attribute("href", &path);
        let _ = link.set_attribute("class", "btn");
        link.set_text_content(Some("Reload"));
        let _ = crash.append_child(&link);
    }
    let _ = crash.remove_attribute("hidden");
    if let Some(root) = root() {
        let _ = root.remove_attribute("data-ready");
    }
}

/// The panic's own words: its first line, without the stack that a browser's error brings along.
fn words(info: &PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("no message");
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

/// Whether the page before this one ended in a panic, and where it was. Asked once: the answer is forgotten.
pub fn crashed_before() -> Option<String> {
    let storage = window()?.session_storage().ok().flatten()?;
    let at = storage.get_item(CRASHED).ok().flatten()?;
    let _ = storage.remove_item(CRASHED);
    Some(at)
}
