//! The second file of the page's code, with what a first visit does not need. `public/parts.js` fetches it.
//!
//! A function that is in it may be called at any time: it is then fetched while the page stands still. To spare
//! readers that, what leads there asks here first.

use gloo_events::EventListener;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{after, window};

#[wasm_bindgen]
extern "C" {
    /// Hands over what the second file needs of the first.
    #[wasm_bindgen(js_namespace = everyhopParts, js_name = begin)]
    fn first_is(exports: &JsValue);

    /// Fetches the file, and sends the window the event [`EVENT`] when it is there or will not come.
    #[wasm_bindgen(js_namespace = everyhopParts, js_name = secondSoon)]
    fn soon();

    /// Has the file at once, or says on the page that it is missing and throws. Called by every function that has moved
    /// there; the splitter in xtask knows it by this name.
    #[wasm_bindgen(js_namespace = everyhopParts, js_name = secondNow)]
    fn now();

    #[wasm_bindgen(js_namespace = everyhopParts, js_name = secondHere)]
    fn is_here() -> bool;
}

const EVENT: &str = "everyhop-second";

/// To be called before all else.
pub fn begin() {
    first_is(&wasm_bindgen::exports());
}

/// It may be needed before long.
pub fn prefetch() {
    if !is_here() {
        soon();
    }
}

/// Calls back once: at once where the file is there, else when it has come, or with false when it does not come.
/// `waiting` is called in between if that takes a while.
pub fn when_here(waiting: impl FnOnce() + 'static, call: impl FnOnce(bool) + 'static) {
    if is_here() {
        call(true);
        return;
    }
    let Some(window) = window() else { return };
    let slow = after(400, waiting);
    let come = EventListener::once(&window, EVENT, move |_| {
        drop(slow);
        call(is_here());
    });
    come.forget();
    soon();
}

/// Has it at once.
pub fn insist() {
    now();
}
