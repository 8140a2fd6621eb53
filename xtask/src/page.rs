//! Building the page into `dist/` with Trunk.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Result, root};
use crate::tools::{self, WASM_TARGET};

/// How the page's code is compiled, beside what its profile says.
///
/// The names of functions tell generic arguments (`v0`), so that `frontend/second.txt` can tell them apart. A function
/// with one caller is inlined into it only if it is short: LLVM gives such a call 15,000 in advance, 3,000 instructions
/// at 5 each, and here they cost 150. So what a first visit needs not stays a function, which can move to the second
/// file. The other two numbers grow with that cost and leave the rest of the decisions as they were. The linker keeps its
/// notes on which constant is whose.
const RUSTFLAGS: &[&str] = &[
    "-Csymbol-mangling-version=v0",
    "-Cllvm-args=-inline-instr-cost=150",
    "-Cllvm-args=-inline-call-penalty=750",
    "-Cllvm-args=-inline-threshold=150",
    "-Clink-arg=--emit-relocs",
];

/// Those above, behind what the caller's environment asks for.
fn rustflags() -> OsString {
    let mut flags = env::var_os("RUSTFLAGS").unwrap_or_default();
    for flag in RUSTFLAGS {
        flags.push(" ");
        flags.push(flag);
    }
    flags
}

/// What the linker wrote, before Trunk's tools go over it.
pub(crate) fn linked() -> PathBuf {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(WASM_TARGET).join("page/everyhop-frontend.wasm")
}

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
    // Not as RUSTFLAGS, which the programs that Trunk starts would be built with too.
    trunk.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", rustflags()).env_remove("RUSTFLAGS");
    // A stack of Trunk's own functions helps nobody find a mistake in ours.
    trunk.arg("--skip-version-check").env("RUST_BACKTRACE", "0");
    // Elsewhere any value of NO_COLOR means yes; Trunk refuses all but `true` and `false`.
    if env::var_os("NO_COLOR").is_some() {
        trunk.env("NO_COLOR", "true");
    }
    Ok(trunk)
}
