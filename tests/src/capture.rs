//! Captures: what every device saw, as JSON lines. Knows nothing of what is in a frame.

use std::fmt;

use serde_json::{Value, json};

use crate::problem::{Outcome, Problem};

/// Which way a frame passed a device, as a packet socket on it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    In,
    Out,
}

/// One frame on one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    pub netns: String,
    pub dev: String,
    pub dir: Direction,
    /// From the Ethernet header on, without the frame check sequence.
    pub frame: Vec<u8>,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in",
            Self::Out => "out",
        })
    }
}

/// Reads JSON lines; `name` is the file's, for messages.
pub fn parse(name: &str, text: &str) -> Outcome<Vec<Capture>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(idx, line)| {
            parse_line(line).map_err(|what| Problem::at(format!("{name}:{}", idx + 1), what))
        })
        .collect()
}

/// As JSON lines, one capture each.
pub fn render(captures: &[Capture]) -> String {
    let line = |it: &Capture| {
        // By hand, since the order of the keys is part of what a reader expects.
        let text = |s: &str| json!(s).to_string();
        format!(
            "{{\"netns\": {}, \"dev\": {}, \"dir\": \"{}\", \"frame\": \"{}\"}}\n",
            text(&it.netns),
            text(&it.dev),
            it.dir,
            hex(&it.frame)
        )
    };
    captures.iter().map(line).collect()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from_digit(u32::from(it), 16).expect("four bits are one digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that `text` spells in hexadecimal, two digits each.
pub fn unhex(text: &str) -> Outcome<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pair = |two: &[u8]| match two {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Problem::new("expected pairs of hexadecimal digits"))
}

fn parse_line(line: &str) -> Outcome<Capture> {
    let it: Value = serde_json::from_str(line).map_err(|e| Problem::new(e.to_string()))?;
    let text = |key: &str| it[key].as_str().ok_or_else(|| Problem::at(key, "expected a string"));
    let dir = match text("dir")? {
        "in" => Direction::In,
        "out" => Direction::Out,
        other => return Err(Problem::at("dir", format!("expected in or out, not {other:?}"))),
    };
    Ok(Capture {
        netns: text("netns")?.to_owned(),
        dev: text("dev")?.to_owned(),
        dir,
        frame: unhex(text("frame")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_survive_writing_and_reading() {
        let it = vec![Capture {
            netns: "pod-1".into(),
            dev: "eth0".into(),
            dir: Direction::Out,
            frame: vec![0, 0xff, 0x10],
        }];
        assert_eq!(
            render(&it),
            "{\"netns\": \"pod-1\", \"dev\": \"eth0\", \"dir\": \"out\", \"frame\": \"00ff10\"}\n"
        );
        assert_eq!(parse("captures.jsonl", &render(&it)), Ok(it));
    }

    #[test]
    fn a_bad_line_is_named() {
        let found = |text: &str| parse("captures.jsonl", text).unwrap_err().to_string();
        assert_eq!(
            found("\n{\"netns\": \"a\", \"dev\": \"b\", \"dir\": \"up\"}"),
            "captures.jsonl:2: dir: expected in or out, not \"up\""
        );
        assert_eq!(
            found("{\"netns\": \"a\", \"dev\": \"b\", \"dir\": \"in\", \"frame\": \"0x\"}"),
            "captures.jsonl:1: expected pairs of hexadecimal digits"
        );
    }
}
