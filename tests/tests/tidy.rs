//! What the compiler does not check: the order of the engine's modules, and the head of every file.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The engine's modules, lower first, as the head of its `lib.rs` lists them: `base` ← `wire` ← ...
fn layers() -> Vec<String> {
    let head = fs::read_to_string(root().join("engine/src/lib.rs")).expect("lib.rs is readable");
    let list = head.lines().filter(|it| it.starts_with("//!") && it.contains('←'));
    list.flat_map(|it| it.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Every Rust file below `dir`, with its text.
fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)
            .expect("the directory is readable")
            .map(|it| it.expect("and so are its entries").path())
        {
            if entry.is_dir() {
                dirs.push(entry);
            } else if entry.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&entry).expect("sources are text");
                out.push((entry, text));
            }
        }
    }
    out
}

/// The modules that a line names as `crate::module`, outside of comments.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    let rest = code.split("crate::").skip(1);
    rest.map(|it| it.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn modules_of_the_engine_name_only_what_stands_below_them() {
    let src = root().join("engine/src");
    let layers = layers();
    assert!(layers.len() >= 2, "engine/src/lib.rs lists no modules");
    let rank = |module: &str| layers.iter().position(|it| *it == module);
    let mut found = Vec::new();
    for (path, text) in sources(&src) {
        let inner = path.strip_prefix(&src).expect("it lies in src");
        let first = inner
            .components()
            .next()
            .expect("a file has a name")
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let module = first.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = rank(module) else {
            found.push(format!(
                "{}: a module that the head of lib.rs does not list",
                inner.display()
            ));
            continue;
        };
        for (idx, line) in text.lines().enumerate() {
            for other in named(line).filter(|it| rank(it).is_some_and(|it| it > own)) {
                found.push(format!(
                    "{}:{}: {module} names {other}, which stands above it",
                    inner.display(),
                    idx + 1
                ));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_engine_knows_no_browser() {
    let manifest =
        fs::read_to_string(root().join("engine/Cargo.toml")).expect("the manifest is readable");
    let dependencies = manifest.split("dev-dependencies]").next().unwrap_or_default();
    let unwanted = ["web-sys", "js-sys", "wasm-bindgen", "yew", "gloo"];
    for name in unwanted {
        assert!(
            !dependencies.lines().any(|it| it.starts_with(name)),
            "engine/Cargo.toml depends on {name}"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut found = Vec::new();
    for package in ["engine", "frontend", "cli", "tests", "xtask"] {
        for (path, text) in sources(&root().join(package)) {
            if !text.starts_with("//!") {
                found.push(path.display().to_string());
            }
        }
    }
    assert!(found.is_empty(), "these do not open with //!:\n{}", found.join("\n"));
}
