//! `everyhop embed` and `everyhop mdbook`: pages with labs become pages with figures.

use std::fs;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use serde_json::Value as Json;

use crate::check::Page;
use crate::figure::{Illustrated, illustrate};
use crate::{Answer, Failure, input, lab, pages, print};

/// Where pictures go, beside the pages.
const FOLDER: &str = "everyhop-pictures";

/// Runs `embed` with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut to) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Short('o') => to = Some(PathBuf::from(args.value()?)),
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let usage = "embed needs PAGE.md and -o FILE; everyhop --help shows how";
    let (Some(path), Some(to)) = (path, to) else { return Err(Failure(usage.into())) };
    let name = input::name(&path);
    let bytes = input::read(&path, lab::MAX_BYTES)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure(format!("{name}: expected UTF-8 text, is this a binary file?")))?;
    let page = Page { name: &name, dir: path.parent().unwrap_or(Path::new("")) };
    let Illustrated { text, pictures } = illustrated(&page, &text, &format!("{FOLDER}/"))?;
    keep(&to.parent().unwrap_or(Path::new("")).join(FOLDER), &pictures)?;
    write(&to, &text)?;
    Ok(Answer::Done)
}

/// Runs `mdbook`: a preprocessor for mdBook, which gives the book as JSON and takes it back so.
pub(crate) fn preprocess(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    match args.next()? {
        // `everyhop mdbook supports RENDERER`: figures are HTML.
        Some(Value(word)) if word == "supports" => {
            let renderer = args.next()?;
            let html = matches!(renderer, Some(Value(name)) if name == "html");
            return Ok(if html { Answer::Done } else { Answer::No });
        }
        Some(other) => return Err(other.unexpected().into()),
        None => {}
    }
    let bytes = input::read(Path::new("-"), lab::MAX_BYTES)?;
    let bad = |e: &dyn std::fmt::Display| {
        Failure(format!("standard input: expected a book as mdBook gives it to preprocessors: {e}"))
    };
    let mut input: Json = serde_json::from_slice(&bytes).map_err(|e| bad(&e))?;
    let root = input[0]["root"].as_str().ok_or_else(|| bad(&"its context has no root"))?.to_owned();
    let src = input[0]["config"]["book"]["src"].as_str().unwrap_or("src").to_owned();
    let src = Path::new(&root).join(src);
    let mut pictures = Vec::new();
    let book = &mut input[1];
    // mdBook 0.5 calls `items` what was `sections` before.
    for key in ["sections", "items"] {
        if let Some(items) = book.get_mut(key).and_then(Json::as_array_mut) {
            chapters(items, &src, &mut pictures)?;
        }
    }
    keep(&src.join(FOLDER), &pictures)?;
    print(&book.to_string())?;
    Ok(Answer::Done)
}

fn chapters(
    items: &mut [Json],
    src: &Path,
    all: &mut Vec<(String, String)>,
) -> Result<(), Failure> {
    for item in items {
        let Some(chapter) = item.get_mut("Chapter") else { continue };
        let path = chapter["source_path"].as_str().or(chapter["path"].as_str()).map(PathBuf::from);
        if let (Some(path), Some(text)) = (path, chapter["content"].as_str()) {
            let (name, file) = (path.display().to_string(), src.join(&path));
            let page = Page { name: &name, dir: file.parent().unwrap_or(src) };
            let depth = path.components().count().saturating_sub(1);
            let folder = format!("{}{FOLDER}/", "../".repeat(depth));
            let Illustrated { text, pictures } = illustrated(&page, text, &folder)?;
            chapter["content"] = text.into();
            all.extend(pictures);
        }
        if let Some(items) = chapter.get_mut("sub_items").and_then(Json::as_array_mut) {
            chapters(items, src, all)?;
        }
    }
    Ok(())
}

fn illustrated(page: &Page<'_>, text: &str, folder: &str) -> Result<Illustrated, Failure> {
    illustrate(text, &pages::in_markdown(text), folder, |embed| page.load(embed))
}

/// Writes the pictures that are not there yet: a book that is served is built anew when a file changes.
fn keep(folder: &Path, pictures: &[(String, String)]) -> Result<(), Failure> {
    if pictures.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(|e| Failure(format!("{}: {e}", folder.display())))?;
    for (name, content) in pictures {
        let path = folder.join(name);
        if !path.exists() {
            write(&path, content)?;
        }
    }
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    fs::write(path, content).map_err(|e| Failure(format!("{}: {e}", path.display())))
}
