//! The list of what a first visit does not need, `frontend/second.txt`.

use std::collections::BTreeMap;

use super::module::FuncId;
use crate::process::{Result, failed};

/// Beginnings of functions' names, each with whether what has it moves; the last that matches decides.
pub(crate) struct Rooms(Vec<(String, bool)>);

impl Rooms {
    /// A name's beginning a line; `*` in front: anywhere in it; `!` in front of all: stays. `#` begins a comment.
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
        self.0.iter().rev().find(|(room, _)| matches(room, name)).is_some_and(|(_, moves)| *moves)
    }

    /// Lines that no name has.
    pub(super) fn idle(&self, names: &BTreeMap<FuncId, String>) -> Vec<String> {
        let idle = self.0.iter().filter(|(room, _)| !names.values().any(|it| matches(room, it)));
        idle.map(|(room, _)| room.clone()).collect()
    }
}

/// A method's name has its type in front, in brackets: `<engine::world::World>::settle`.
fn matches(room: &str, name: &str) -> bool {
    match room.strip_prefix('*') {
        Some(part) => name.contains(part),
        None => name.trim_start_matches(['<', '&', '(', '[']).starts_with(room),
    }
}
