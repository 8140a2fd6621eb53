//! The list of what a first visit does not need, `frontend/second.txt`.

use crate::process::{Result, failed};

/// Parts of functions' names, each with whether what has it moves; the last that matches decides.
pub(crate) struct Rooms(Vec<(String, bool)>);

impl Rooms {
    /// One part of a name a line; `!` in front: stays. `#` begins a comment.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut rooms = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line.strip_prefix('!') {
                Some("") => return failed("`!` alone names nothing"),
                Some(name) => rooms.push((name.to_owned(), false)),
                None if line.is_empty() => {}
                None => rooms.push((line.to_owned(), true)),
            }
        }
        Ok(Self(rooms))
    }

    /// Whether the function of this name moves.
    pub(super) fn moves(&self, name: &str) -> bool {
        self.0.iter().rev().find(|(part, _)| name.contains(part)).is_some_and(|(_, moves)| *moves)
    }

    /// Lines that no name has.
    pub(super) fn idle<'a>(
        &'a self,
        names: impl Iterator<Item = &'a String> + Clone,
    ) -> Vec<&'a str> {
        let idle = self.0.iter().filter(|(part, _)| !names.clone().any(|name| name.contains(part)));
        idle.map(|(part, _)| part.as_str()).collect()
    }
}
