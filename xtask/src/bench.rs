//! `cargo xtask bench`: datagrams per second, natively, in the browser, and by the kernel; with `--page` how fast the page
//! answers.

use crate::process::{self, Result, timed};
use crate::{page, test, wasm};

/// What is measured, how long that takes, and the benchmark.
const NATIVE: [(&str, &str, &str); 4] = [
    ("The engine, native", "3 minutes, most of it building", "datagrams"),
    ("Services and connections, native", "1 minute, most of it building", "services"),
    ("The engine's memory", "1 minute, most of it building", "memory"),
    ("A large cluster", "1 minute, most of it building", "cluster"),
];

pub(crate) fn bench() -> Result {
    for (what, usually, bench) in NATIVE {
        let args = ["bench", "--quiet", "--package", "everyhop-tests", "--bench", bench];
        timed(what, usually, || process::run_program("cargo", &args))?;
    }
    timed("The engine, wasm in Chromium", "3 minutes, most of it building", || {
        let selection = ["--package", "everyhop-tests", "--test", "wasm_bench", "--release"];
        wasm::test(&selection, &["--nocapture"])
    })?;
    timed("The kernel, the same topology", "1 minute", || {
        let args =
            ["run", "--quiet", "--release", "--package", "everyhop-tests", "--bin", "bench-kernel"];
        process::run_program("cargo", &args)
    })
}

/// The page in headless Chromium: from key press to paint, and from frame to frame while it plays.
pub(crate) fn page() -> Result {
    timed("The page, built in release", "30 seconds", || {
        page::prepare()?;
        page::build()
    })?;
    timed("The page in Chromium", "10 minutes", || {
        test::in_browser(&["--ignored", "--nocapture", "from_key_to_paint"])
    })
}
