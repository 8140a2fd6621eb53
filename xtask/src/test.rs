//! `cargo xtask test`: every check that must hold before a change is merged, in order, up to the first that fails.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{self, Error, Result, duration_text, failed, root, run_program, timed};
use crate::system;
use crate::tools::{self, WASM_TARGET};
use crate::{budget, conform, fuzz, page, wasm};

struct Step {
    name: &'static str,
    what: &'static str,
    /// Once everything is installed and built before.
    usually: &'static str,
    run: fn() -> Result<Passed>,
}

/// How a step ended that did not fail.
enum Passed {
    Fully,
    /// What was left out, and why.
    Without(String),
}

const STEPS: &[Step] = &[
    Step { name: "fmt", what: "Formatting (rustfmt)", usually: "2 seconds", run: fmt },
    Step {
        name: "clippy",
        what: "Lints, warnings denied (clippy)",
        usually: "20 seconds",
        run: clippy,
    },
    Step {
        name: "deny",
        what: "Licences and sources of dependencies (cargo-deny)",
        usually: "3 seconds",
        run: deny,
    },
    Step { name: "native", what: "Native tests", usually: "1 minute", run: native },
    Step {
        name: "wasm",
        what: "The engine's tests on wasm32, in headless Chromium",
        usually: "30 seconds",
        run: wasm_tests,
    },
    Step {
        name: "page",
        what: "The page, built in release, and its size",
        usually: "30 seconds",
        run: page_step,
    },
    Step {
        name: "browser",
        what: "Tests of the built page, in headless Chromium",
        usually: "2 minutes",
        run: browser,
    },
    Step {
        name: "firefox",
        what: "The lessons of the built page, in headless Firefox",
        usually: "4 minutes",
        run: firefox,
    },
    Step {
        name: "fuzz",
        what: "Parsers under fuzzing, a short while",
        usually: "3 minutes",
        run: || fuzz::fuzz(&[]).map(|()| Passed::Fully),
    },
    Step {
        name: "conform",
        what: "Conformance with the kernel: labs and clusters",
        usually: "2 minutes",
        run: || conform::conform(&[]).map(|()| Passed::Fully),
    },
    Step {
        name: "random",
        what: "Random labs against the kernel",
        usually: "3 minutes",
        run: random,
    },
];

const USAGE: &str = "cargo xtask test [--only STEP,STEP,...] | --list";

pub(crate) fn test(args: &[&str]) -> Result {
    let steps = match args {
        ["--list"] => {
            for step in STEPS {
                println!("{:<8} {}", step.name, step.what);
            }
            return Ok(());
        }
        [] => STEPS.iter().collect(),
        ["--only", names] => chosen(names)?,
        _ => return Err(Error::Usage(USAGE.to_owned())),
    };
    provide_packages(&steps)?;
    run_all(&steps)
}

/// The named steps, in the order they run.
fn chosen(names: &str) -> Result<Vec<&'static Step>> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(Error::Usage(format!(
            "no step is named `{unknown}`; there are {}",
            known.join(", ")
        )));
    }
    Ok(STEPS.iter().filter(|step| names.contains(&step.name)).collect())
}

/// First of all, so that a missing browser is known before minutes have passed.
fn provide_packages(steps: &[&Step]) -> Result {
    let any = |names: &[&str]| steps.iter().any(|step| names.contains(&step.name));
    if any(&["wasm", "browser"])
        && let Err(Error::Failed(problem)) = wasm::chromedriver()
    {
        println!("!!! {problem}. The steps before the tests in a browser still run.");
    }
    if any(&["native"]) {
        // Without it, the test of exported captures says that it was skipped.
        system::provide("reading exported captures", system::CAPTURES)?;
    }
    if any(&["conform", "random"]) {
        system::provide("building labs in the kernel", system::KERNEL)?;
    }
    Ok(())
}

fn run_all(steps: &[&Step]) -> Result {
    let mut lines = Vec::new();
    let mut failure = None;
    for step in steps {
        if failure.is_some() {
            lines.push(format!("{:<8} not run", step.name));
            continue;
        }
        let started = Instant::now();
        let result = timed(&format!("{}: {}", step.name, step.what), step.usually, step.run);
        let took = started.elapsed();
        lines.push(match &result {
            Ok(Passed::Fully) => line(step.name, "ok", took, ""),
            Ok(Passed::Without(what)) => line(step.name, "ok, partly", took, what),
            Err(_) => line(step.name, "FAILED", took, ""),
        });
        if let Err(Error::Failed(message) | Error::Usage(message)) = result {
            failure = Some(format!("step {} failed: {message}", step.name));
        }
    }
    println!("\n{}", lines.join("\n"));
    failure.map_or(Ok(()), failed)
}

fn line(name: &str, result: &str, took: Duration, note: &str) -> String {
    format!("{name:<8} {result:<10} {:>12}  {note}", duration_text(took)).trim_end().to_owned()
}

fn fmt() -> Result<Passed> {
    run_program("cargo", &["fmt", "--all", "--check"])?;
    Ok(Passed::Fully)
}

fn clippy() -> Result<Passed> {
    tools::wasm_target()?;
    let deny_warnings = ["--", "-D", "warnings"];
    for selection in [
        &["--workspace", "--all-targets"][..],
        // Code for the browser alone is not compiled natively.
        &["--package", "everyhop-frontend", "--target", WASM_TARGET],
        &["--package", "everyhop-tests", "--target", WASM_TARGET, "--test", "wasm"],
        // Left out of a plain `cargo test`, and so of --all-targets.
        &["--package", "everyhop-tests", "--test", "browser"],
    ] {
        run_program("cargo", &[&["clippy"], selection, &deny_warnings].concat())?;
    }
    Ok(Passed::Fully)
}

fn deny() -> Result<Passed> {
    tools::cargo_deny()?;
    run_program("cargo-deny", &["check", "licenses", "bans", "sources"])?;
    if process::output("cargo-deny", &["fetch", "db"]).is_none() {
        let skipped = "SKIPPED advisories: https://github.com/RustSec/advisory-db was not reached";
        println!("!!! {skipped}");
        return Ok(Passed::Without(skipped.to_owned()));
    }
    run_program("cargo-deny", &["check", "--disable-fetch", "advisories"])?;
    Ok(Passed::Fully)
}

fn native() -> Result<Passed> {
    run_program("cargo", &["test", "--workspace", "--exclude", "everyhop-frontend"])?;
    let has_lib = root().join("frontend/src/lib.rs").is_file();
    let targets = if has_lib { "--lib" } else { "--bins" };
    run_program("cargo", &["test", "--package", "everyhop-frontend", targets])?;
    Ok(Passed::Fully)
}

fn wasm_tests() -> Result<Passed> {
    wasm::test(&["--package", "everyhop-engine", "--lib"], &[])?;
    wasm::test(&["--package", "everyhop-tests", "--test", "wasm"], &[])?;
    Ok(Passed::Fully)
}

fn page_step() -> Result<Passed> {
    page::prepare()?;
    page::build()?;
    budget::check(&page::dist())?;
    Ok(Passed::Fully)
}

fn browser() -> Result<Passed> {
    in_browser(&[])?;
    Ok(Passed::Fully)
}

/// What a reader does with every lesson. The rest of the tests ask for what Chromium's developer tools alone can do.
fn firefox() -> Result<Passed> {
    if !system::provide("tests in Firefox", system::FIREFOX)? {
        return Ok(Passed::Without("SKIPPED: there is no Firefox".to_owned()));
    }
    tools::geckodriver()?;
    let mut cargo = tests_in_browser(&["lesson::", "address::", "transport::"])?;
    process::run(cargo.env("EVERYHOP_BROWSER", "firefox"))?;
    Ok(Passed::Fully)
}

/// Runs tests of the built page in Chromium, with these arguments for the tests.
pub(crate) fn in_browser(args: &[&str]) -> Result {
    let mut cargo = tests_in_browser(args)?;
    process::run(cargo.env("CHROMEDRIVER", wasm::chromedriver()?))
}

fn tests_in_browser(args: &[&str]) -> Result<Command> {
    let dist = page::dist();
    if !dist.join("index.html").is_file() {
        return failed("there is no built page yet: cargo xtask test --only page,browser");
    }
    let mut cargo =
        process::command("cargo", &["test", "--package", "everyhop-tests", "--test", "browser"])?;
    cargo.arg("--").args(args).env("EVERYHOP_DIST", dist).env("EVERYHOP_AXE", tools::axe_core()?);
    Ok(cargo)
}

/// The same labs every time, so that a failure is the change's own; others on demand with another seed.
fn random() -> Result<Passed> {
    if !system::is_root() {
        let skipped = "SKIPPED: building random labs in the kernel needs root";
        println!("!!! {skipped}");
        return Ok(Passed::Without(skipped.to_owned()));
    }
    conform::conform(&["--random", "150"]).map(|()| Passed::Fully)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_steps_run_in_their_own_order() {
        let steps = chosen("native, fmt").expect("both are steps");
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "native"]);
    }

    #[test]
    fn an_unknown_step_is_a_usage_error_that_names_the_steps() {
        let Err(Error::Usage(message)) = chosen("fmt,lint") else { panic!("`lint` is no step") };
        assert!(message.contains("`lint`") && message.contains("clippy"), "{message}");
    }

    #[test]
    fn the_first_failure_ends_the_run() {
        fn fails() -> Result<Passed> {
            failed("on purpose")
        }
        fn never() -> Result<Passed> {
            panic!("a step ran after one that failed")
        }
        let first = Step { name: "first", what: "", usually: "", run: fails };
        let second = Step { name: "second", what: "", usually: "", run: never };
        let Err(Error::Failed(message)) = run_all(&[&first, &second]) else { panic!("it passed") };
        assert_eq!(message, "step first failed: on purpose");
    }
}
