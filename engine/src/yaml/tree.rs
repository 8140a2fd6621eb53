//! From text to a tree of values with their places, under the limits of [`limits`].

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{Position, Problem, Report, limits};
use crate::base::FxIndexMap;

/// A value and where it begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    pub at: Position,
    pub value: Value,
}

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the text.
    Map(FxIndexMap<Box<str>, Field>),
}

/// One entry of a map.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// Where the key is.
    pub at: Position,
    pub value: Node,
}

/// A scalar as written, after unquoting.
#[derive(Clone, PartialEq, Debug)]
pub struct Scalar {
    pub text: Box<str>,
    /// Written without quotes and not as a block, so that it may be a number, a truth value or nothing.
    pub plain: bool,
}

/// What a scalar means in YAML 1.2's core schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is no 64-bit integer, as written.
    Float(&'a str),
    Text(&'a str),
}

impl Scalar {
    /// The type that the core schema gives the scalar.
    pub fn meaning(&self) -> Meaning<'_> {
        let text = &*self.text;
        if !self.plain {
            return Meaning::Text(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
            "true" | "True" | "TRUE" => return Meaning::Bool(true),
            "false" | "False" | "FALSE" => return Meaning::Bool(false),
            ".nan" | ".NaN" | ".NAN" => return Meaning::Float(text),
            _ => {}
        }
        let int = match text.as_bytes() {
            [b'0', b'x', digit, ..] if *digit != b'+' => i64::from_str_radix(&text[2..], 16).ok(),
            [b'0', b'o', digit, ..] if *digit != b'+' => i64::from_str_radix(&text[2..], 8).ok(),
            _ => text.parse().ok(),
        };
        if let Some(int) = int {
            return Meaning::Int(int);
        }
        let unsigned = text.trim_start_matches(['+', '-']);
        let infinite = matches!(unsigned, ".inf" | ".Inf" | ".INF");
        if infinite || is_decimal(unsigned) {
            return Meaning::Float(text);
        }
        Meaning::Text(text)
    }
}

/// `12.5`, `.5`, `1e-3`: digits with at most one point, then at most one exponent (YAML 1.2 section 10.3.2). A field wants
/// none of them, so their values are never needed.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        }
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (!whole.is_empty() || !fraction.is_empty())
        && !exponent.is_empty()
        && [whole, fraction, exponent].into_iter().all(digits)
}

/// The text in a file's bytes: UTF-8, with or without a byte order mark.
pub fn text_from_bytes(bytes: &[u8]) -> Result<&str, Problem> {
    check_len(bytes.len())?;
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let byte = bytes[error.valid_up_to()];
        let message =
            format!("byte 0x{byte:02x} is not UTF-8: expected YAML text, is this a binary file?");
        Problem::at(position_after(&String::from_utf8_lossy(good)), message)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn check_len(len: usize) -> Result<(), Problem> {
    if len <= limits::TEXT_BYTES {
        return Ok(());
    }
    Err(Problem::of_text(format!(
        "the text is too long: {} bytes, and the limit is {} bytes ({} MiB)",
        len,
        limits::TEXT_BYTES,
        limits::TEXT_BYTES >> 20
    )))
}

fn position_after(text: &str) -> Position {
    let line_start = text.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: text.bytes().filter(|&b| b == b'\n').count() + 1,
        column: text[line_start..].chars().count() + 1,
    }
}

/// Reads all documents of a text. What makes the rest unreadable is the error; what does not (a key given twice) goes
/// to `report`.
pub fn parse(text: &str, report: &mut Report) -> Result<Vec<Node>, Problem> {
    check_len(text.len())?;
    if let Some(nul) = text.find('\0') {
        let message = "a NUL byte: expected YAML text, is this a binary file?";
        return Err(Problem::at(position_after(&text[..nul]), message));
    }
    let mut builder = Builder::new(report);
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            let message = match error.info() {
                // The parser looks ahead past the builder's own limit and meets the parser's at 255.
                "recursion limit exceeded" => too_deep(),
                info => format!("not valid YAML: {info}"),
            };
            Problem::at(position(*error.marker()), message)
        })?;
        builder.take(event, position(span.start))?;
    }
    Ok(builder.documents)
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// What a subtree counts against the limits.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    bytes: usize,
    depth: usize,
}

impl Node {
    fn size(&self) -> Size {
        let mut size = Size { values: 1, bytes: 0, depth: 0 };
        let mut add = |child: Size| {
            size.values += child.values;
            size.bytes += child.bytes;
            size.depth = size.depth.max(child.depth + 1);
        };
        match &self.value {
            Value::Scalar(scalar) => add(Size { bytes: scalar.text.len(), ..Size::default() }),
            Value::List(items) => items.iter().for_each(|item| add(item.size())),
            Value::Map(fields) => fields.iter().for_each(|(key, field)| {
                let value = field.value.size();
                add(Size { bytes: value.bytes + key.len(), ..value });
            }),
        }
        size
    }
}

/// A list or map whose end is still to come.
struct Open {
    at: Position,
    /// 0: none.
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// With the key whose value is next; a key that is no scalar, or is there already, has its value dropped.
    Map(FxIndexMap<Box<str>, Field>, Key),
}

enum Key {
    Awaited,
    Read(Box<str>, Position),
    Refused,
}

/// Makes trees of a parser's events.
struct Builder<'r> {
    report: &'r mut Report,
    documents: Vec<Node>,
    open: Vec<Open>,
    /// In the order of their numbers, which the parser counts up.
    anchors: Vec<(usize, Node)>,
    used: Size,
}

impl<'r> Builder<'r> {
    fn new(report: &'r mut Report) -> Self {
        Self {
            report,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: Vec::new(),
            used: Size::default(),
        }
    }

    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {
                Ok(())
            }
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Alias(anchor) => {
                let found = self.anchors.binary_search_by_key(&anchor, |(number, _)| *number);
                let Ok(found) = found else {
                    return Err(Problem::at(at, "an alias within its own anchor has no end"));
                };
                let target = &self.anchors[found].1;
                self.used = charge(self.used, target.size(), self.open.len(), at)?;
                let node = Node { at, value: target.value.clone() };
                self.attach(node, 0)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let size = Size { values: 1, bytes: text.len(), depth: 0 };
                self.used = charge(self.used, size, self.open.len(), at)?;
                let plain = style == ScalarStyle::Plain && !self.is_text(tag.as_deref(), at);
                let value = Value::Scalar(Scalar { text: text.into(), plain });
                self.attach(Node { at, value }, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(at, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.begin(at, anchor, Content::Map(FxIndexMap::default(), Key::Awaited))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("the parser ends only what it began");
                let value = match open.content {
                    Content::List(items) => Value::List(items),
                    Content::Map(fields, _) => Value::Map(fields),
                };
                self.attach(Node { at: open.at, value }, open.anchor)
            }
        }
    }

    /// Whether a tag makes a plain scalar text. Tags outside the core schema have no meaning here.
    fn is_text(&mut self, tag: Option<&Tag>, at: Position) -> bool {
        let Some(tag) = tag else { return false };
        let untyped = tag.handle == "!" && tag.suffix.is_empty();
        if !untyped && !tag.is_yaml_core_schema() {
            self.report.problem(Problem::at(at, format!("the tag {tag} has no meaning here")));
        }
        matches!(&*tag.suffix, "str" | "")
    }

    fn begin(&mut self, at: Position, anchor: usize, content: Content) -> Result<(), Problem> {
        let size = Size { values: 1, bytes: 0, depth: 1 };
        self.used = charge(self.used, size, self.open.len(), at)?;
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn attach(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.used = charge(self.used, node.size(), self.open.len(), node.at)?;
            let at = self.anchors.partition_point(|(number, _)| *number < anchor);
            self.anchors.insert(at, (anchor, node.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        let (fields, key) = match &mut open.content {
            Content::List(items) => {
                items.push(node);
                return Ok(());
            }
            Content::Map(fields, key) => (fields, key),
        };
        *key = match std::mem::replace(key, Key::Awaited) {
            Key::Awaited => match read_key(&node, fields) {
                Ok(text) => Key::Read(text, node.at),
                Err(problem) => {
                    self.report.problem(problem);
                    Key::Refused
                }
            },
            Key::Read(text, at) => {
                fields.insert(text, Field { at, value: node });
                Key::Awaited
            }
            Key::Refused => Key::Awaited,
        };
        Ok(())
    }
}

fn read_key(node: &Node, fields: &FxIndexMap<Box<str>, Field>) -> Result<Box<str>, Problem> {
    let Value::Scalar(scalar) = &node.value else {
        return Err(Problem::at(node.at, "expected a key, found a list or map as the key"));
    };
    if scalar.plain && &*scalar.text == "<<" {
        let message = "merge keys (<<) are not supported: write the fields out";
        return Err(Problem::at(node.at, message));
    }
    match fields.get(&scalar.text) {
        None => Ok(scalar.text.clone()),
        Some(first) => Err(Problem::at(
            node.at,
            format!("the key {:?} is here twice (first at line {})", scalar.text, first.at.line),
        )),
    }
}

fn too_deep() -> String {
    format!("lists and maps are nested too deep: the limit is {} levels", limits::DEPTH)
}

/// Adds `more` to what is used, `above` levels down.
fn charge(used: Size, more: Size, above: usize, at: Position) -> Result<Size, Problem> {
    let depth = above + more.depth;
    let sum = Size {
        values: used.values + more.values,
        bytes: used.bytes + more.bytes,
        depth: used.depth.max(depth),
    };
    let over = if depth > limits::DEPTH {
        too_deep()
    } else if sum.values > limits::VALUES {
        format!("too many values, with aliases expanded: the limit is {}", limits::VALUES)
    } else if sum.bytes > limits::EXPANDED_BYTES {
        format!(
            "too much text, with aliases expanded: the limit is {} MiB",
            limits::EXPANDED_BYTES >> 20
        )
    } else {
        return Ok(sum);
    };
    Err(Problem::at(at, over))
}

#[cfg(test)]
mod tests;
