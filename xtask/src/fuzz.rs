//! `cargo xtask fuzz`: feeds the parsers with what nobody wrote, seeded with every lab there is.
//!
//! libFuzzer without a sanitizer, which a stable compiler can build. What it finds lies in tests/fuzz/artifacts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{self, Result, failed, root};
use crate::tools;

/// Fuzz targets in `tests/fuzz/fuzz_targets`.
const TARGETS: &[&str] = &["snapshot", "lab", "wire"];
/// Seconds a target gets where it is one check of many.
const SHORT: &str = "20";
/// A parser that needs more than these fails.
const SECONDS_AN_INPUT: u32 = 10;
const MEGABYTES: u32 = 1024;
const BYTES_AN_INPUT: u32 = 200_000;

/// `seconds` for each target; a short while without.
pub(crate) fn fuzz(args: &[&str]) -> Result {
    let seconds = match args {
        [] => SHORT,
        ["--seconds", seconds] if seconds.parse::<u32>().is_ok() => seconds,
        _ => return Err(process::Error::Usage("cargo xtask fuzz [--seconds N]".to_owned())),
    };
    tools::cargo_fuzz()?;
    let base = root().join("target/fuzz");
    for target in TARGETS {
        let (seeds, found) = (base.join("seeds").join(target), base.join("corpus").join(target));
        write_seeds(target, &seeds)?;
        make(&found)?;
        let mut fuzz = process::command("cargo-fuzz", &["run", "--fuzz-dir", "tests/fuzz"])?;
        fuzz.args(["--sanitizer", "none", "--target-dir", "target/fuzz/build", target])
            .args([&found, &seeds])
            .args(["--", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-timeout={SECONDS_AN_INPUT}"))
            .arg(format!("-rss_limit_mb={MEGABYTES}"))
            .arg(format!("-max_len={BYTES_AN_INPUT}"));
        process::run(&mut fuzz)?;
    }
    Ok(())
}

/// What programs write, for the target `wire`: a DNS query, and HTTP with a body in chunks.
const WRITTEN: [(&str, &[u8]); 3] = [
    ("query", b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03api\x07default\0\0\x01\0\x01"),
    ("request", b"GET /a HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\r\nhi"),
    ("response", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
];

fn write_seeds(target: &str, seeds: &Path) -> Result {
    make(seeds)?;
    if target == "wire" {
        return WRITTEN.iter().try_for_each(|(name, bytes)| write(&seeds.join(name), bytes));
    }
    let (labs, suffix) = match target {
        "lab" => (root().join("public/labs"), ".yaml"),
        _ => (root().join("tests/conformance/labs"), ""),
    };
    for lab in entries(&labs)? {
        let name = lab.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let seed = match suffix {
            ".yaml" => read(&lab)?,
            _ if lab.join("snapshot").is_dir() => one_text(&lab)?,
            _ => continue,
        };
        write(&seeds.join(name), &seed)?;
    }
    Ok(())
}

/// A recorded lab as the target `snapshot` reads it.
fn one_text(lab: &Path) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut add = |name: &str, path: &Path| -> Result {
        text.extend_from_slice(format!("--- {name}\n").as_bytes());
        text.extend(read(path)?);
        text.push(b'\n');
        Ok(())
    };
    let snapshot = lab.join("snapshot");
    for netns in entries(&snapshot)? {
        let name = netns.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !netns.is_dir() {
            add(&name, &netns)?;
            continue;
        }
        for file in entries(&netns)? {
            let inner = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if inner != "sysctl.txt" {
                add(&format!("{name}/{inner}"), &file)?; // a thousand lines that say little
            }
        }
    }
    for name in ["stimuli.json", "sockets.json"] {
        let path = lab.join(name);
        if path.is_file() {
            add(name, &path)?;
        }
    }
    Ok(text)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(dir).and_then(|all| {
        all.map(|entry| entry.map(|it| it.path())).collect::<std::io::Result<Vec<_>>>()
    });
    let mut paths = listed.or_else(|e| failed(format!("cannot read {}: {e}", dir.display())))?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).or_else(|e| failed(format!("cannot read {}: {e}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result {
    fs::write(path, bytes).or_else(|e| failed(format!("cannot write {}: {e}", path.display())))
}

fn make(dir: &Path) -> Result {
    fs::create_dir_all(dir).or_else(|e| failed(format!("cannot make {}: {e}", dir.display())))
}
