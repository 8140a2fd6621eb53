//! Rust tests compiled to wasm32 and run in headless Chromium.

use std::env;

use crate::process::{self, Result, failed};
use crate::system;
use crate::tools::{self, WASM_TARGET};

/// Runs the tests that `selection` names, in cargo's words, in the browser. `args` are for the tests.
pub(crate) fn test(selection: &[&str], args: &[&str]) -> Result {
    tools::wasm_target()?;
    tools::wasm_bindgen()?;
    let driver = chromedriver()?;
    let mut cargo = process::command("cargo", &["test", "--target", WASM_TARGET])?;
    cargo.args(selection).arg("--").args(args);
    cargo
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner")
        .env("CHROMEDRIVER", driver)
        // In seconds. The defaults, 5 and 20, are too short for a busy machine.
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    process::run(&mut cargo)
}

/// The WebDriver to use: the environment's choice, else the one on PATH. Installs Chromium where it may.
pub(crate) fn chromedriver() -> Result<String> {
    if let Ok(chosen) = env::var("CHROMEDRIVER") {
        return Ok(chosen);
    }
    system::provide("tests in a browser", system::BROWSER)?;
    match process::find("chromedriver") {
        Some(path) => Ok(path.to_string_lossy().into_owned()),
        None => failed("there is no chromedriver: see above how to install it"),
    }
}
