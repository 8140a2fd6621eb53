//! Files in, whatever they turn out to be: bounded, and with a message that names the file.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use everyhop_engine::snapshot::Files;

use crate::Failure;

/// Bytes of stimuli and sockets, and of all files of a snapshot together. A node with 10,000 Services has about 20 MB.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// What messages call a file.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}

/// A file's bytes; `-` is standard input. A directory, a missing file and one longer than `limit` are failures.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let name = name(path);
    if path.as_os_str() == "-" {
        return read_from(std::io::stdin().lock(), &name, limit);
    }
    if path.is_dir() {
        return Err(Failure(format!("{name}: a directory, expected a file")));
    }
    let file = File::open(path).map_err(|e| failure(&name, &e))?;
    read_from(file, &name, limit)
}

fn read_from(from: impl Read, name: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(limit + 1).read_to_end(&mut bytes).map_err(|e| failure(name, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Failure(format!("{name}: longer than {limit} bytes, which is the limit")));
    }
    Ok(bytes)
}

/// The files of a snapshot: a directory, or a `.tar` of it.
pub(crate) fn snapshot(path: &Path) -> Result<Files, Failure> {
    if path.is_dir() { directory(path) } else { archive(path) }
}

fn directory(root: &Path) -> Result<Files, Failure> {
    let mut files = Files::new();
    let mut left = MAX_BYTES;
    for entry in entries(root)? {
        if entry.is_dir() {
            for file in entries(&entry)?.iter().filter(|it| !it.is_dir()) {
                add(&mut files, &mut left, root, file)?;
            }
        } else {
            add(&mut files, &mut left, root, &entry)?;
        }
    }
    Ok(files)
}

fn entries(dir: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let list = fs::read_dir(dir).and_then(|list| {
        list.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
    });
    list.map_err(|e| failure(&dir.display().to_string(), &e))
}

fn add(files: &mut Files, left: &mut u64, root: &Path, path: &Path) -> Result<(), Failure> {
    let parts: Option<Vec<&str>> = path
        .strip_prefix(root)
        .unwrap_or(path)
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect();
    let Some(parts) = parts else {
        return Err(Failure(format!("{}: a name that is not UTF-8", path.display())));
    };
    let bytes = read(path, *left)?;
    *left -= bytes.len() as u64;
    files.insert(parts.join("/"), bytes);
    Ok(())
}

/// The archive may hold the directory itself: what stands before the shortest path to a `meta.json` is left out.
fn archive(path: &Path) -> Result<Files, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| failure(&name, &e))?;
    let unreadable = |e: std::io::Error| {
        Failure(format!("{name}: no snapshot: expected a directory or a .tar of one ({e})"))
    };
    let mut archive = tar::Archive::new(file.take(MAX_BYTES));
    let (mut all, mut left) = (Files::new(), MAX_BYTES);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
        if !(kind.is_file() || kind.is_gnu_sparse()) {
            return Err(Failure(format!("{name}: {path} is neither a file nor a directory")));
        }
        // Bounded again: a sparse file is longer than its part of the archive.
        let bytes = read_from(&mut entry, &format!("{name}: {path}"), left)?;
        left -= bytes.len() as u64;
        all.insert(path.strip_prefix("./").unwrap_or(&path).to_owned(), bytes);
    }
    let prefix = all
        .keys()
        .filter_map(|path| path.strip_suffix("meta.json"))
        .filter(|prefix| prefix.is_empty() || prefix.ends_with('/'))
        .min_by_key(|prefix| prefix.len())
        .unwrap_or_default()
        .to_owned();
    let inside = all.into_iter().filter_map(|(path, bytes)| {
        path.strip_prefix(&prefix).map(|path| (path.to_owned(), bytes))
    });
    Ok(inside.collect())
}

fn failure(name: &str, e: &std::io::Error) -> Failure {
    let what = match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "this file may not be read".into(),
        _ => e.to_string(),
    };
    Failure(format!("{name}: {what}"))
}
