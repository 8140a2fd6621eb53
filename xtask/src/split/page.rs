//! The page that Trunk has bundled, with its wasm optimized and in two files. Trunk calls this (`Trunk.toml`) before a build counts as
//! done.
//!
//! Names of files are made of what is in them, so that no browser takes an older file for a newer.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Constants, Parts, Rooms, split, without_notes};
use crate::page;
use crate::process::{self, Result, failed, root};

/// The hidden subcommand that Trunk calls.
pub(crate) const COMMAND: &str = "--split";

/// The lesson of a first visit.
const FIRST_LAB: &str = "pod-to-pod.yaml";

/// What makes the wasm smaller, compressed (docs/performance.md). Names stay until it is split.
const WASM_OPT: &[&str] = &[
    "-g",
    "-Oz",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--skip-pass=local-cse",
    "--low-memory-unused",
    "--one-caller-inline-max-function-size=0",
    "--reorder-functions-by-name",
    "--strip-producers",
    "--strip-target-features",
];

/// What stands in `index.html` for the second file.
const SECOND: &str = "second.wasm";

/// Splits the wasm of the page in the folder that Trunk names.
pub(crate) fn split_page() -> Result {
    match std::env::var_os("TRUNK_STAGING_DIR") {
        Some(dir) => split_in(Path::new(&dir)),
        None => failed("Trunk calls this, and names a folder in TRUNK_STAGING_DIR"),
    }
}

fn split_in(dir: &Path) -> Result {
    let whole = the_one(dir, "-frontend", "_bg.wasm")?;
    write(&whole, &without_notes(&bytes(&whole)?)?)?;
    let path = whole.to_string_lossy();
    process::run_program("wasm-opt", &[WASM_OPT, &[&path, "-o", &path]].concat())?;
    let rooms = Rooms::parse(&text(&root().join("frontend/second.txt"))?)?;
    let parts = split(
        &bytes(&whole)?,
        &rooms,
        &Constants::read(&bytes(&page::linked())?)?,
        &later_labs()?,
    )?;
    println!("{}", summary(&parts));
    for name in &parts.idle {
        println!("frontend/second.txt: no function's name has `{name}`");
    }
    write(&root().join("target/page-functions.tsv"), parts.listing.as_bytes())?;
    let script = the_one(dir, "-frontend", ".js")?;
    let renamed = rename_imports(&text(&script)?, &parts.imports)?;
    let mut page = Page { dir, html: text(&dir.join("index.html"))? };
    remove(&whole)?;
    let first = page.rename(&name_of(&whole)?, "first", "wasm", &parts.first)?;
    remove(&script)?;
    let glue = page.rename(&name_of(&script)?, "page", "js", renamed.as_bytes())?;
    let second = page.rename(SECOND, "second", "wasm", &parts.second)?;
    let later = text(&root().join("frontend/later.css"))?;
    page.rename("later.css", "later", "css", later.as_bytes())?;
    let common = public("parts.js")?;
    let start = without_comments(&format!("{common}{}", text(&dir.join("start.js"))?));
    remove(&dir.join("start.js"))?;
    page.rename("start.js", "start", "js", start.as_bytes())?;
    write(&dir.join("index.html"), page.html.as_bytes())?;
    embedding(dir, &common, [("page.js", &glue), ("first.wasm", &first), ("second.wasm", &second)])
}

/// The style sheets of a lab in another's page, in their order.
const SHEETS: &[&str] = &["palette", "style", "stage", "panels", "later", "embed"];

/// What other pages load: under names that stay, with the names of this build in them.
fn embedding(dir: &Path, common: &str, names: [(&str, &str); 3]) -> Result {
    let mut sheet = String::new();
    for name in SHEETS {
        sheet += &text(&root().join(format!("frontend/{name}.css")))?;
    }
    let sheet_name = format!("embed-{:016x}.css", hash(sheet.as_bytes()));
    write(&dir.join(&sheet_name), sheet.as_bytes())?;
    let mut element = public("everyhop.js")?;
    let version = env!("CARGO_PKG_VERSION");
    let own = [("embed.css", sheet_name.as_str()), ("0.0.0", version)];
    for (old, new) in names.into_iter().chain(own) {
        if !element.contains(old) {
            return failed(format!("public/everyhop.js does not name {old}"));
        }
        element = element.replace(old, new);
    }
    // What it imports begins before its own first line does, and needs the parts.
    let parts_name = format!("parts-{:016x}.js", hash(common.as_bytes()));
    write(&dir.join(&parts_name), without_comments(common).as_bytes())?;
    write(&dir.join("everyhop.js"), format!("import \"./{parts_name}\";\n{element}").as_bytes())
}

/// A file of the sources' folder `public`.
fn public(name: &str) -> Result<String> {
    text(&root().join("public").join(name))
}

/// The texts of all lessons but the first: none is read before the page has been asked for another lesson.
fn later_labs() -> Result<Vec<Vec<u8>>> {
    let labs = root().join("public/labs");
    let entries = fs::read_dir(&labs)
        .or_else(|problem| failed(format!("cannot read {}: {problem}", labs.display())))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| !path.ends_with(FIRST_LAB));
    paths.sort();
    paths.iter().map(|path| bytes(path)).collect()
}

struct Page<'a> {
    dir: &'a Path,
    html: String,
}

impl Page<'_> {
    /// Writes a file under a name that tells its content, and has the page refer to that.
    fn rename(&mut self, old: &str, stem: &str, extension: &str, content: &[u8]) -> Result<String> {
        let name = format!("{stem}-{:016x}.{extension}", hash(content));
        if !self.html.contains(old) {
            return failed(format!("index.html does not name {old}"));
        }
        self.html = self.html.replace(old, &name);
        write(&self.dir.join(&name), content)?;
        Ok(name)
    }
}

fn summary(parts: &Parts) -> String {
    format!(
        "split: {} functions and {} bytes of data, {} bytes, are in the second file; {} of them are called from the first, {} of \
         the first from there",
        parts.n_moved,
        parts.n_data_bytes,
        parts.second.len(),
        parts.n_trampolines,
        parts.n_exported
    )
}

/// Comments and indentation cost a first visit a thousand bytes. Only for scripts whose texts stand on one line each.
fn without_comments(script: &str) -> String {
    let is_comment = |line: &str| ["//", "/*", "* ", "*/"].iter().any(|it| line.starts_with(it));
    let lines = script.lines().map(str::trim).filter(|it| !it.is_empty() && !is_comment(it));
    lines.collect::<Vec<_>>().join("\n")
}

/// FNV-1a of 64 bits: tells versions of a file apart, and is no protection.
fn hash(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Gives the functions in wasm-bindgen's script the names by which the module imports them.
fn rename_imports(script: &str, imports: &[(String, String)]) -> Result<String> {
    let mut script = without_comments(script);
    for (old, new) in imports {
        let (old, new) = (format!("{old}:"), format!("{new}:"));
        if script.matches(&old).count() != 1 {
            return failed(format!("the page's script does not name `{old}` once"));
        }
        script = script.replace(&old, &new);
    }
    Ok(script)
}

/// The only file in the folder with this in its name whose name ends like this.
fn the_one(dir: &Path, part: &str, ending: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir)
        .or_else(|problem| failed(format!("cannot read {}: {problem}", dir.display())))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let fits = |name: String| name.contains(part) && name.ends_with(ending);
    let found: Vec<PathBuf> = paths.filter(|path| name_of(path).is_ok_and(fits)).collect();
    match found.as_slice() {
        [path] => Ok(path.clone()),
        _ => failed(format!("{} files in {} end in {ending}", found.len(), dir.display())),
    }
}

fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().map(OsString::from).and_then(|name| name.into_string().ok());
    name.map_or_else(|| failed(format!("{} has no name in UTF-8", path.display())), Ok)
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).or_else(|problem| failed(format!("cannot read {}: {problem}", path.display())))
}

fn text(path: &Path) -> Result<String> {
    String::from_utf8(bytes(path)?)
        .or_else(|_| failed(format!("{} is not in UTF-8", path.display())))
}

fn write(path: &Path, content: &[u8]) -> Result {
    fs::write(path, content)
        .or_else(|problem| failed(format!("cannot write {}: {problem}", path.display())))
}

fn remove(path: &Path) -> Result {
    fs::remove_file(path)
        .or_else(|problem| failed(format!("cannot remove {}: {problem}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_content() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(hash(b"ab"), hash(b"ba"));
    }

    #[test]
    fn an_import_has_the_same_name_on_both_sides() {
        let imports = [("__wbg_now_0123".to_owned(), "_a".to_owned())];
        let script = "__wbg_now_0123: function() {},";
        assert_eq!(rename_imports(script, &imports).ok().as_deref(), Some("_a: function() {},"));
        assert!(rename_imports("", &imports).is_err());
    }

    #[test]
    fn a_script_keeps_its_code() {
        let script = "// why\nfunction f() {\n  // how\n  return \"//\";\n}\n";
        assert_eq!(without_comments(script), "function f() {\nreturn \"//\";\n}");
    }
}
