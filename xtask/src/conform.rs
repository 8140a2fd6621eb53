//! `cargo xtask conform`: builds labs in the kernel and compares every captured frame with the engine's.

use crate::process::{self, Result};
use crate::system;

/// `args` go to the comparison itself, such as `--record`.
pub(crate) fn conform(args: &[&str]) -> Result {
    // Without these it still compares with the recordings, and says what it skipped.
    system::provide("building labs in the kernel", system::KERNEL)?;
    run(args)
}

/// Writes the page about fidelity.
pub(crate) fn fidelity() -> Result {
    run(&["--fidelity"])
}

fn run(args: &[&str]) -> Result {
    let mut cargo = process::command("cargo", &["run", "--quiet", "--package", "everyhop-tests"])?;
    process::run(cargo.args(["--bin", "conform", "--"]).args(args))
}
