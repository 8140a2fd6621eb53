//! A snapshot's files as text: JSON lists whose items know their place, and numbered lines. Knows no field's meaning.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Files;
use crate::yaml::{Position, Problem};

/// A file's name and contents.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    name: &'a str,
    text: &'a str,
}

/// One element of a JSON list.
pub(super) struct Item<'a, T> {
    text: Text<'a>,
    raw: &'a str,
    index: usize,
    pub value: T,
}

/// One line of a text file, without white space around it.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    text: Text<'a>,
    number: usize,
    indent: usize,
    pub words: &'a str,
}

impl<'a> Text<'a> {
    /// The file of that name, if there is one. Everything that the tools print is text.
    pub(super) fn find(files: &'a Files, name: &str) -> Result<Option<Self>, Problem> {
        match files.get_key_value(name) {
            Some((name, bytes)) => Self::new(name, bytes).map(Some),
            None => Ok(None),
        }
    }

    /// A file's bytes as text.
    pub(super) fn new(name: &'a str, bytes: &'a [u8]) -> Result<Self, Problem> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(e) => {
                let before = String::from_utf8_lossy(&bytes[..e.valid_up_to()]);
                let at = position(&before, before.len());
                let problem = Problem::at(at, "expected UTF-8 text, found other bytes");
                Err(Problem { file: Some(name.into()), ..problem })
            }
        }
    }

    /// A problem of the file as a whole, or of the only value in it.
    pub(super) fn whole(self, path: &str, message: impl Into<String>) -> Problem {
        Problem {
            file: Some(self.name.into()),
            path: path.into(),
            ..Problem::of_text(message.into())
        }
    }

    /// All of it.
    pub(super) const fn as_str(self) -> &'a str {
        self.text
    }

    /// A problem at a line and column, both from 1.
    pub(super) fn at_place(
        self,
        (line, column): (usize, usize),
        path: &str,
        message: String,
    ) -> Problem {
        let problem = Problem::at(Position { line, column }, message);
        Problem { file: Some(self.name.into()), path: path.into(), ..problem }
    }

    fn at(self, offset: usize, path: String, message: String) -> Problem {
        let at = position(self.text, offset);
        Problem { file: Some(self.name.into()), path, ..Problem::at(at, message) }
    }

    /// The file as one JSON value.
    pub(super) fn object<T: Deserialize<'a>>(self) -> Result<T, Problem> {
        self.parse(self.text, String::new())
    }

    /// The file as a JSON list. The tools print nothing at all, or an empty object, where there is nothing to list.
    pub(super) fn list<T: Deserialize<'a>>(self) -> Result<Vec<Item<'a, T>>, Problem> {
        if self.text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let raws: Vec<&'a RawValue> = self.parse(self.text, String::new())?;
        let mut items = Vec::new();
        for (index, raw) in raws.into_iter().map(RawValue::get).enumerate() {
            if raw.strip_prefix('{').is_some_and(|rest| rest.trim() == "}") {
                continue;
            }
            let value = self.parse(raw, format!("[{index}]"))?;
            items.push(Item { text: self, raw, index, value });
        }
        Ok(items)
    }

    /// The lines that are not empty.
    pub(super) fn lines(self) -> impl Iterator<Item = Line<'a>> {
        self.text.lines().enumerate().filter_map(move |(index, full)| {
            let words = full.trim();
            let indent = full.chars().take_while(|c| c.is_whitespace()).count();
            (!words.is_empty()).then_some(Line { text: self, number: index + 1, indent, words })
        })
    }

    /// `part` is a piece of this text, so that errors in it have a place in the file.
    fn parse<T: Deserialize<'a>>(self, part: &'a str, path: String) -> Result<T, Problem> {
        serde_json::from_str(part).map_err(|e| {
            let line_starts = part.split_inclusive('\n').map(str::len);
            let before: usize = line_starts.take(e.line().saturating_sub(1)).sum();
            let within = (before + e.column().saturating_sub(1)).min(part.len());
            let full = e.to_string();
            let message = full.rsplit_once(" at line ").map_or(&*full, |(message, _)| message);
            self.at(self.offset_of(part) + within, path, message.to_owned())
        })
    }

    fn offset_of(self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

impl<T> Item<'_, T> {
    /// Position in the list, from 0.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// A problem of one of the item's fields.
    pub(super) fn problem(&self, field: &str, message: impl Into<String>) -> Problem {
        let dot = if field.is_empty() { "" } else { "." };
        let path = format!("[{}]{dot}{field}", self.index);
        self.text.at(self.text.offset_of(self.raw), path, message.into())
    }

    /// The names of all fields that the item has.
    pub(super) fn keys(&self) -> BTreeSet<String> {
        let fields: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(self.raw);
        fields.map_or_else(|_| BTreeSet::new(), |it| it.into_iter().map(|(key, _)| key).collect())
    }
}

impl Line<'_> {
    /// A problem of the line, from its `skip`-th character on.
    pub(super) fn problem(self, skip: usize, path: &str, message: impl Into<String>) -> Problem {
        let at = Position { line: self.number, column: self.indent + skip + 1 };
        let file = Some(self.text.name.into());
        Problem { file, path: path.into(), ..Problem::at(at, message.into()) }
    }
}

/// Line and column, in characters, of a byte of `text`.
fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    Position { line, column: before[line_start..].chars().count() + 1 }
}
