//! The tools that cargo and npm bring: used where the right version is there, else installed into `.tools/`.

use std::fs;
use std::path::PathBuf;

use crate::process::{self, Result, failed, root, timed, tools_dir};
use crate::system;
use crate::version::{Version, Wanted};

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

const TRUNK: &str = "0.21.14";
const CARGO_DENY: &str = "0.20.2";
const CARGO_FUZZ: &str = "0.13.2";
const GECKODRIVER: &str = "0.37.1";
/// Debian's 108 cannot read what Rust 1.95 writes ("invalid code after misc prefix: 17").
const BINARYEN: &str = "132";
const AXE: &str = "4.14.1";

/// Everything that turns the sources into `dist/`.
pub(crate) fn for_the_page() -> Result {
    wasm_target()?;
    trunk()?;
    wasm_bindgen()?;
    wasm_opt()
}

/// The standard library for wasm32.
pub(crate) fn wasm_target() -> Result {
    if has_wasm_target() {
        println!("    {WASM_TARGET}: there");
        return Ok(());
    }
    if process::find("rustup").is_none() {
        return failed(format!(
            "this Rust cannot build for {WASM_TARGET}, and there is no rustup to add it. \
             Get Rust from https://rustup.rs, or your distribution's package of that target."
        ));
    }
    timed(&format!("Adding Rust's standard library for {WASM_TARGET}"), "under 1 minute", || {
        process::run_program("rustup", &["target", "add", WASM_TARGET])
    })
}

fn has_wasm_target() -> bool {
    let libdir = process::output("rustc", &["--print", "target-libdir", "--target", WASM_TARGET]);
    libdir.is_some_and(|dir| fs::exists(dir.trim()).unwrap_or(false))
}

/// Bundles the page.
fn trunk() -> Result {
    let features = ["--no-default-features", "--features", "rustls"];
    provide("trunk", &Wanted::Exactly(known(TRUNK)), "8 minutes on two cores", || {
        cargo_install("trunk", TRUNK, &features)
    })
}

/// Writes the JavaScript beside the wasm, and runs tests in a browser. Must be of the crate's own version.
pub(crate) fn wasm_bindgen() -> Result {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))
        .or_else(|problem| failed(format!("cannot read Cargo.toml: {problem}")))?;
    let Some(version) = Version::pinned(&manifest, "wasm-bindgen") else {
        return failed("Cargo.toml must pin wasm-bindgen: `wasm-bindgen = \"=X.Y.Z\"`");
    };
    let number = version.to_string();
    let wanted = Wanted::Exactly(version);
    for program in ["wasm-bindgen", "wasm-bindgen-test-runner"] {
        provide(program, &wanted, "4 minutes on two cores", || {
            cargo_install("wasm-bindgen-cli", &number, &[])
        })?;
    }
    Ok(())
}

/// Makes the wasm smaller.
fn wasm_opt() -> Result {
    provide("wasm-opt", &Wanted::AtLeast(known(BINARYEN)), "10 seconds", || {
        npm_install("wasm-opt", &format!("binaryen@{BINARYEN}"))
    })
}

/// The script that judges the page's accessibility; it runs in the tested page and is no part of ours.
pub(crate) fn axe_core() -> Result<PathBuf> {
    let folder = tools_dir().join("npm/node_modules/axe-core");
    let version = || {
        let manifest = fs::read_to_string(folder.join("package.json")).ok()?;
        let (_, version) = manifest.split_once("\"version\": \"")?;
        Version::parse(version.split_once('"')?.0)
    };
    if version() == Some(known(AXE)) {
        println!("    axe-core {AXE}: there");
    } else {
        timed(&format!("Installing axe-core {AXE} into .tools/"), "10 seconds", || {
            npm_install("axe-core", &format!("axe-core@{AXE}"))
        })?;
    }
    Ok(folder.join("axe.min.js"))
}

/// Puts an npm package into `.tools/npm`, beside those that are there.
fn npm_install(what: &str, package: &str) -> Result {
    if !system::provide(&format!("npm, which brings {what}"), system::NPM)? {
        return failed(format!(
            "{what} needs Node.js and npm: see the line above, or https://nodejs.org"
        ));
    }
    let prefix = tools_dir().join("npm");
    fs::create_dir_all(&prefix)
        .or_else(|problem| failed(format!("cannot make {}: {problem}", prefix.display())))?;
    let mut npm = process::command("npm", &["install", "--no-audit", "--no-fund", "--prefix"])?;
    process::run(npm.arg(prefix).arg(package))
}

/// Checks licences, sources and advisories of the dependencies.
pub(crate) fn cargo_deny() -> Result {
    provide("cargo-deny", &Wanted::AtLeast(known(CARGO_DENY)), "3 minutes on two cores", || {
        cargo_install("cargo-deny", CARGO_DENY, &[])
    })
}

/// Builds and runs the fuzz targets.
pub(crate) fn cargo_fuzz() -> Result {
    provide("cargo-fuzz", &Wanted::AtLeast(known(CARGO_FUZZ)), "2 minutes on two cores", || {
        cargo_install("cargo-fuzz", CARGO_FUZZ, &[])
    })
}

/// Drives Firefox. Debian has no package of it.
pub(crate) fn geckodriver() -> Result {
    provide("geckodriver", &Wanted::AtLeast(known(GECKODRIVER)), "6 minutes on two cores", || {
        cargo_install("geckodriver", GECKODRIVER, &[])
    })
}

fn known(version: &str) -> Version {
    Version::parse(version).expect("the constants above are versions")
}

/// Uses the program where it is there in the right version, else installs it and looks again.
fn provide(
    program: &str,
    wanted: &Wanted,
    usually: &str,
    install: impl FnOnce() -> Result,
) -> Result {
    let found = match installed(program) {
        Some(version) if wanted.accepts(&version) => {
            println!("    {program} {version}: there");
            return Ok(());
        }
        Some(version) => format!("found {version}"),
        None => "not found".to_owned(),
    };
    let what = format!("Installing {program} {wanted} into .tools/ ({found})");
    timed(&what, usually, install)?;
    match installed(program) {
        Some(version) if wanted.accepts(&version) => Ok(()),
        Some(version) => failed(format!("{program} {wanted} was installed, but {version} runs")),
        None => failed(format!("{program} was installed, but does not run")),
    }
}

fn installed(program: &str) -> Option<Version> {
    process::find(program)?;
    Version::find(&process::output(program, &["--version"])?)
}

fn cargo_install(package: &str, version: &str, more: &[&str]) -> Result {
    let mut cargo = process::command("cargo", &["install", "--locked", "--force", "--root"])?;
    process::run(cargo.arg(tools_dir()).args([package, "--version", version]).args(more))
}
