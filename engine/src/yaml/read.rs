//! A cursor over a tree that says what it expected: every problem is collected, with its place and the field's path.

use std::ops::RangeInclusive;

use super::{Meaning, Node, Position, Problem, Value, limits};
use crate::base::sort_by_number;

/// What was found while reading a text. Only the first [`limits::LISTED`] of each kind are kept; the rest is counted.
#[derive(Clone, Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    notices: Vec<Problem>,
    more_problems: usize,
    more_notices: usize,
}

impl Report {
    /// Adds something that keeps the text from being used.
    pub fn problem(&mut self, problem: Problem) {
        add(&mut self.problems, &mut self.more_problems, problem);
    }

    /// Adds something worth knowing that keeps nothing from working.
    pub fn notice(&mut self, notice: Problem) {
        add(&mut self.notices, &mut self.more_notices, notice);
    }

    /// Takes over what another reader found.
    pub fn absorb(&mut self, other: Self) {
        other.problems.into_iter().for_each(|problem| self.problem(problem));
        other.notices.into_iter().for_each(|notice| self.notice(notice));
        self.more_problems += other.more_problems;
        self.more_notices += other.more_notices;
    }

    /// Whether nothing stands in the way so far.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The notices if there is no problem, else the problems; each in the order of the text.
    pub fn finish(self) -> Result<Vec<Problem>, Vec<Problem>> {
        if self.problems.is_empty() {
            Ok(listed(self.notices, self.more_notices, "notices"))
        } else {
            Err(listed(self.problems, self.more_problems, "problems"))
        }
    }
}

fn add(list: &mut Vec<Problem>, more: &mut usize, item: Problem) {
    if list.len() < limits::LISTED {
        list.push(item);
    } else {
        *more += 1;
    }
}

fn listed(mut list: Vec<Problem>, more: usize, what: &str) -> Vec<Problem> {
    // What is wrong with the text as a whole comes last.
    sort_by_number(&mut list, |p| ((p.line as u64).wrapping_sub(1) << 32) | p.column as u64);
    if more > 0 {
        list.push(Problem::of_text(format!("{more} more {what} are not listed")));
    }
    list
}

/// A place that a later check can complain about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    pub at: Position,
    /// The field; empty for a whole object.
    pub path: String,
}

impl Place {
    /// A problem at this place.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), ..Problem::at(self.at, message) }
    }
}

/// A value being read, with its path from the root of its object.
#[derive(Clone, Debug)]
pub struct At<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> At<'a> {
    /// The root of an object: its path is empty.
    pub fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    /// The value itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where the value is.
    pub fn place(&self) -> Place {
        Place { at: self.node.at, path: self.path.clone() }
    }

    /// A problem with this value.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        self.place().problem(message)
    }

    /// Whether the value is nothing at all, as in an empty document.
    pub fn is_null(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(scalar) if scalar.meaning() == Meaning::Null)
    }

    /// Whether the value is a map; no problem if it is not.
    pub fn is_written_as_map(&self) -> bool {
        matches!(&self.node.value, Value::Map(_))
    }

    /// The value of a map's field. None: no map, no such field, or null, which Kubernetes treats as absent.
    pub fn field(&self, key: &str) -> Option<Self> {
        let Value::Map(fields) = &self.node.value else { return None };
        let field = fields.get(key)?;
        let path =
            if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Some(Self { node: &field.value, path }).filter(|at| !at.is_null())
    }

    /// A field that must be there.
    pub fn required(&self, key: &str, expected: &str, report: &mut Report) -> Option<Self> {
        let field = self.field(key);
        if field.is_none() && matches!(self.node.value, Value::Map(_)) {
            let path =
                if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) };
            let place = Place { at: self.node.at, path };
            report.problem(place.problem(format!("expected {expected}, found nothing")));
        }
        field
    }

    /// A field that must be a map where it is there.
    pub fn section(&self, key: &str, report: &mut Report) -> Option<Self> {
        self.field(key).filter(|at| at.is_map(report))
    }

    /// Whether the value is a map; a problem if not.
    pub fn is_map(&self, report: &mut Report) -> bool {
        let is_map = matches!(self.node.value, Value::Map(_));
        if !is_map {
            report.problem(self.wrong("a map"));
        }
        is_map
    }

    /// The keys of a map with their positions and values.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Position, Self)> {
        let fields = match &self.node.value {
            Value::Map(fields) => Some(fields),
            Value::List(_) | Value::Scalar(_) => None,
        };
        fields.into_iter().flatten().map(|(key, field)| {
            let path =
                if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) };
            (&**key, field.at, Self { node: &field.value, path })
        })
    }

    /// The items of a list; a problem if the value is none.
    pub fn items(&self, expected: &str, report: &mut Report) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            report.problem(self.wrong(expected));
            return Vec::new();
        };
        let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path) };
        items.iter().enumerate().map(item).collect()
    }

    /// Whether the value is a list without items.
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    /// The items of a field that is a list where it is there.
    pub fn list(&self, key: &str, expected: &str, report: &mut Report) -> Vec<Self> {
        self.field(key).map_or_else(Vec::new, |at| at.items(expected, report))
    }

    /// Text. A number or truth value without quotes is none, as for Kubernetes.
    pub fn text(&self, expected: &str, report: &mut Report) -> Option<&'a str> {
        if let Value::Scalar(scalar) = &self.node.value {
            match scalar.meaning() {
                Meaning::Text(text) => return Some(text),
                Meaning::Bool(_) | Meaning::Int(_) | Meaning::Float(_) => {
                    let hint = " (quotes make it text)";
                    let expected = format!("expected {expected}, found {}{hint}", self.found());
                    report.problem(self.problem(expected));
                    return None;
                }
                Meaning::Null => {}
            }
        }
        report.problem(self.wrong(expected));
        None
    }

    /// Text that `parse` understands.
    pub fn parsed<T>(
        &self,
        expected: &str,
        report: &mut Report,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(expected, report)?;
        let value = parse(text);
        if value.is_none() {
            let message = format!("expected {expected}, found {:?}", shortened(text));
            report.problem(self.problem(message));
        }
        value
    }

    /// A whole number within a range.
    pub fn number<T>(&self, range: RangeInclusive<T>, report: &mut Report) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let scalar = match &self.node.value {
            Value::Scalar(scalar) => Some(scalar.meaning()),
            Value::List(_) | Value::Map(_) => None,
        };
        let number = match scalar {
            Some(Meaning::Int(int)) => T::try_from(int).ok().filter(|n| range.contains(n)),
            _ => None,
        };
        if number.is_none() {
            report.problem(self.wrong(&format!("a number {} to {}", range.start(), range.end())));
        }
        number
    }

    /// True or false.
    pub fn flag(&self, report: &mut Report) -> Option<bool> {
        if let Value::Scalar(scalar) = &self.node.value
            && let Meaning::Bool(flag) = scalar.meaning()
        {
            return Some(flag);
        }
        report.problem(self.wrong("true or false"));
        None
    }

    /// Says of each key that is almost one of `read`, but none of `read` and `others`, that it may be misspelt.
    pub fn misspelt(&self, read: &[&str], others: &[&str], report: &mut Report) {
        for (key, at, _) in self.entries() {
            if read.contains(&key) || others.contains(&key) {
                continue;
            }
            if let Some(meant) = closest(key, read) {
                let mut notice = self.problem(format!(
                    "{:?} is no field that is read here: did you mean {meant}?",
                    shortened(key)
                ));
                (notice.line, notice.column) = (at.line, at.column);
                report.notice(notice);
            }
        }
    }

    /// Every key of the map must be one of `known`.
    pub fn only(&self, known: &[&str], report: &mut Report) {
        for (key, position, _) in self.entries().filter(|(key, ..)| !known.contains(key)) {
            let meant = closest(key, known).map(|meant| format!("; did you mean {meant}?"));
            let mut problem = self.problem(format!(
                "there is no field {:?} here: expected one of {}{}",
                shortened(key),
                known.join(", "),
                meant.unwrap_or_default()
            ));
            (problem.line, problem.column) = (position.line, position.column);
            report.problem(problem);
        }
    }

    /// A problem: another type of value was expected.
    pub fn wrong(&self, expected: &str) -> Problem {
        self.problem(format!("expected {expected}, found {}", self.found()))
    }

    fn found(&self) -> String {
        match &self.node.value {
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
            Value::Scalar(scalar) => match scalar.meaning() {
                Meaning::Null => "nothing".into(),
                Meaning::Bool(flag) => flag.to_string(),
                Meaning::Int(int) => format!("the number {int}"),
                Meaning::Float(float) => format!("the number {}", shortened(float)),
                Meaning::Text(text) => format!("the text {:?}", shortened(text)),
            },
        }
    }
}

/// At most 60 characters of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The one of `names` that `word` most likely means: the same but for case and separators, or two slips away at most.
pub fn closest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let fold = |text: &str| -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect()
    };
    // No field's name is longer; this bounds the comparison.
    if word.len() > 40 {
        return None;
    }
    let word = fold(word);
    names
        .iter()
        .map(|&name| (slips(&word, &fold(name)), name))
        .filter(|&(slips, name)| slips * 4 <= name.len().min(8))
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, name)| name)
}

/// Letters to insert, delete or replace to get from one word to the other (Levenshtein); two neighbours in the wrong
/// order count as one.
fn slips(a: &[u8], b: &[u8]) -> usize {
    if a.len() == b.len()
        && let Some(at) = a.iter().zip(b).position(|(x, y)| x != y)
        && let ([x, y, rest @ ..], [z, w, others @ ..]) = (&a[at..], &b[at..])
        && (x, y, rest) == (w, z, others)
    {
        return 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
