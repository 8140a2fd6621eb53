//! Speed in the browser: the same datagrams as `benches/datagrams.rs`, in wasm. Prints; fails only if none arrive.
#![cfg(target_arch = "wasm32")]

use everyhop_engine::trace::{Off, Recorder, Tracer};
use everyhop_tests::datagrams::Network;
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const BURST: u64 = 1_000;
const MILLIS: f64 = 2_000.0;

/// Datagrams a second, from bursts that take some two seconds together.
fn rate<T: Tracer>(trace: &mut T, mut before_burst: impl FnMut(&mut T)) -> f64 {
    let mut network = Network::new();
    network.send(trace, BURST);
    let (start, mut sent) = (js_sys::Date::now(), 0);
    loop {
        before_burst(trace);
        network.send(trace, BURST);
        sent += BURST;
        let elapsed = js_sys::Date::now() - start;
        if elapsed >= MILLIS {
            assert!(network.read() > sent, "the datagrams arrived");
            #[expect(clippy::cast_precision_loss, reason = "a printed figure")]
            return sent as f64 / elapsed / 1_000.0;
        }
    }
}

#[wasm_bindgen_test]
fn datagrams_per_second_in_wasm() {
    console_log!("wasm, tracing off: {:.2} million datagrams/s", rate(&mut Off, |_| {}));
    console_log!(
        "wasm, tracing on:  {:.2} million datagrams/s",
        rate(&mut Recorder::default(), Recorder::clear)
    );
}
