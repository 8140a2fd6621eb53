//! The engine on wasm32, in a browser: the same traces as natively, byte for byte.
#![cfg(target_arch = "wasm32")]

use everyhop_tests::golden;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn every_lab_gives_in_wasm_the_trace_it_gives_natively() {
    for lab in golden::ALL {
        assert_eq!(lab.run(), lab.trace, "{}", lab.name);
    }
}
