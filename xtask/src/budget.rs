//! The page's size budget: what a first visit transfers, compressed as a web server would.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::process::{Error, Result, failed};

/// Bytes, compressed, that a first visit may transfer. The aim is 350,000, which the whole packet path does not keep yet
/// (docs/performance.md); until it does, this keeps the page from growing further.
const LIMIT_BYTES: usize = 600_000;

/// One file of the page.
#[derive(Debug)]
struct Entry {
    name: String,
    plain_bytes: usize,
    gzip_bytes: usize,
}

/// Prints every file in `dist` with its size. An error unless all of them together stay under the limit.
///
/// A first visit may load less than all; never more.
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
    let total: usize = entries.iter().map(|entry| entry.gzip_bytes).sum();
    let sum = format!("a first visit transfers at most {total} bytes; the limit is {LIMIT_BYTES}");
    if entries.is_empty() {
        failed("dist/ is empty")
    } else if total >= LIMIT_BYTES {
        failed(format!("the page is too big: {sum}"))
    } else {
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(gzip_bytes: usize) -> Entry {
        Entry { name: "file".to_owned(), plain_bytes: 0, gzip_bytes }
    }

    #[test]
    fn a_page_under_the_limit_passes() {
        assert!(verdict(&[entry(LIMIT_BYTES - 2), entry(1)]).is_ok());
    }

    #[test]
    fn files_that_reach_the_limit_together_fail() {
        assert!(verdict(&[entry(LIMIT_BYTES - 1), entry(1)]).is_err());
    }

    #[test]
    fn a_page_without_files_is_no_page() {
        assert!(verdict(&[]).is_err());
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
