//! Building the page into `dist/` with Trunk.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Result, root};
use crate::tools::{self, WASM_TARGET};

/// Where the built page lies.
pub(crate) fn dist() -> PathBuf {
    root().join("dist")
}

/// Installs the tools, and downloads the crates that Trunk, kept off the network, could not.
pub(crate) fn prepare() -> Result {
    tools::for_the_page()?;
    process::run_program("cargo", &["fetch", "--quiet", "--target", WASM_TARGET])
}

pub(crate) fn build() -> Result {
    process::run(&mut trunk("build")?)
}

/// `trunk build` or `trunk serve`, in release, with the tools at hand and no look at the network.
pub(crate) fn trunk(subcommand: &str) -> Result<Command> {
    let mut trunk = process::command("trunk", &[subcommand, "--release", "--offline", "true"])?;
    // A stack of Trunk's own functions helps nobody find a mistake in ours.
    trunk.arg("--skip-version-check").env("RUST_BACKTRACE", "0");
    // Elsewhere any value of NO_COLOR means yes; Trunk refuses all but `true` and `false`.
    if env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    Ok(trunk)
}
