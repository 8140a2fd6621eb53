//! Text that leaves the page: to the clipboard, to paper, to a file.

use std::fmt::Write;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::window;

#[wasm_bindgen]
extern "C" {
    /// Throws where the browser gives a page no clipboard.
    #[wasm_bindgen(catch, js_namespace = ["navigator", "clipboard"], js_name = writeText)]
    fn write_text(text: &str) -> Result<JsValue, JsValue>;
}

/// Puts a text on the clipboard. False: the browser does not let the page have it.
pub fn copy(text: &str) -> bool {
    write_text(text).is_ok()
}

/// Opens the browser's dialogue for printing.
pub fn print() {
    if let Some(window) = window() {
        // A browser that cannot print says so itself.
        let _ = window.print();
    }
}

/// An address that holds a text, for a link that downloads it.
pub fn data_address(text: &str) -> String {
    let mut address = "data:text/markdown;charset=utf-8,".to_owned();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            address.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}
