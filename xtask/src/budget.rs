//! The page's size budget: what a first visit transfers, and what comes later, compressed as a web server would.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process::{Error, Result, failed};

/// Bytes, compressed, that a first visit may transfer (docs/performance.md).
const LIMIT_BYTES: usize = 350_000;

/// Bytes, compressed, of the page's second file. Nobody waits for it, so it may grow, but not unseen.
const SECOND_LIMIT_BYTES: usize = 430_000;

/// How the second file's name begins.
const SECOND: &str = "second-";

/// What only other pages load: beginnings of names.
const EMBEDDING: &[&str] = &["everyhop.js", "embed", "frame.css", "parts-"];

/// How the names begin of what comes with the second file.
const LATER: &[&str] = &[SECOND, "later-"];

/// One file of the page.
#[derive(Debug)]
struct Entry {
    name: String,
    plain_bytes: usize,
    gzip_bytes: usize,
}

/// Prints every file in `dist` with its size. An error unless all but the second stay under the limit together, and that
/// under its own.
pub(crate) fn check(dist: &Path) -> Result {
    let mut entries = Vec::new();
    measure(dist, dist, &mut entries).map_err(|problem| {
        Error::Failed(format!("cannot measure {}: {problem}", dist.display()))
    })?;
    entries.sort_by(|a, b| b.gzip_bytes.cmp(&a.gzip_bytes).then_with(|| a.name.cmp(&b.name)));
    println!("{:>12} {:>12}  file", "bytes", "gzipped");
    for entry in &entries {
        println!("{:>12} {:>12}  {}", entry.plain_bytes, entry.gzip_bytes, entry.name);
    }
    println!("{}", verdict(&entries)?);
    Ok(())
}

fn measure(dist: &Path, dir: &Path, entries: &mut Vec<Entry>) -> io::Result<()> {
    for item in fs::read_dir(dir)? {
        let path = item?.path();
        if path.is_dir() {
            measure(dist, &path, entries)?;
            continue;
        }
        let bytes = fs::read(&path)?;
        let name = path.strip_prefix(dist).unwrap_or(&path).display().to_string();
        entries.push(Entry { name, plain_bytes: bytes.len(), gzip_bytes: gzip_bytes(&bytes)? });
    }
    Ok(())
}

fn gzip_bytes(bytes: &[u8]) -> io::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn verdict(entries: &[Entry]) -> Result<String> {
    let sum = |second| -> usize {
        let visited = entries
            .iter()
            .filter(|entry| !EMBEDDING.iter().any(|name| entry.name.starts_with(name)));
        let chosen =
            visited.filter(|entry| LATER.iter().any(|it| entry.name.starts_with(it)) == second);
        chosen.map(|entry| entry.gzip_bytes).sum()
    };
    let (first, second) = (sum(false), sum(true));
    let words = format!(
        "a first visit transfers {first} bytes; the limit is {LIMIT_BYTES}. What needs more brings {second}; the limit \
         is {SECOND_LIMIT_BYTES}"
    );
    if first == 0 || second == 0 {
        failed("dist/ is not a whole page")
    } else if first >= LIMIT_BYTES || second >= SECOND_LIMIT_BYTES {
        failed(format!("the page is too big: {words}"))
    } else {
        Ok(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, gzip_bytes: usize) -> Entry {
        Entry { name: name.to_owned(), plain_bytes: 0, gzip_bytes }
    }

    #[test]
    fn a_page_under_the_limit_passes() {
        let page = [entry("a", LIMIT_BYTES - 2), entry("b", 1), entry("second-1.wasm", 1)];
        assert!(verdict(&page).is_ok());
    }

    #[test]
    fn files_that_reach_the_limit_together_fail() {
        let page = [entry("a", LIMIT_BYTES - 1), entry("b", 1), entry("second-1.wasm", 1)];
        assert!(verdict(&page).is_err());
    }

    #[test]
    fn what_comes_later_has_a_limit_of_its_own() {
        assert!(verdict(&[entry("a", 1), entry("second-1.wasm", SECOND_LIMIT_BYTES)]).is_err());
    }

    #[test]
    fn a_page_without_one_of_its_files_is_no_page() {
        assert!(verdict(&[]).is_err());
        assert!(verdict(&[entry("a", 1)]).is_err());
    }

    #[test]
    fn a_file_counts_as_it_is_transferred() {
        let zeros = gzip_bytes(&vec![0; 100_000]).expect("memory takes every byte");
        assert!((20..500).contains(&zeros), "100,000 zeros became {zeros} bytes");
        let nothing = gzip_bytes(&[]).expect("memory takes every byte");
        assert_eq!(nothing, 20, "header and trailer of gzip");
    }

    #[test]
    fn files_in_folders_count_too() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut entries = Vec::new();
        measure(src, src, &mut entries).expect("the crate's own folder can be read");
        assert!(entries.iter().any(|entry| entry.name == "src/budget.rs"));
    }
}
