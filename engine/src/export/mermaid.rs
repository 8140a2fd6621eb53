//! A story as a Mermaid sequence diagram: one participant for each network namespace that a packet enters, in that order,
//! and one arrow, or one note, for each point of the story.
//!
//! Mermaid's grammar: <https://mermaid.js.org/syntax/sequenceDiagram.html>. A `;` ends a statement and a `#` begins an
//! entity, so both are written as entities.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use crate::base::NsId;
use crate::story::{LegKind, Outcome, Story};
use crate::world::World;

/// Steps of a story that are one arrow, and what stands at it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point<'a> {
    pub steps: RangeInclusive<usize>,
    pub title: &'a str,
}

/// Who has a line of its own. None: what programs do without a packet.
#[derive(Default)]
struct Participants(Vec<Option<NsId>>);

impl Participants {
    fn index(&mut self, who: Option<NsId>) -> usize {
        self.0.iter().position(|&it| it == who).unwrap_or_else(|| {
            self.0.push(who);
            self.0.len() - 1
        })
    }
}

/// The diagram of a run that ended in `world`.
pub fn mermaid(world: &World, story: &Story, points: &[Point<'_>]) -> String {
    let (mut participants, mut lines) = (Participants::default(), String::new());
    // Writing to a string cannot fail.
    for (number, point) in (1..).zip(points) {
        let said = words(point.title);
        let steps = story.steps.get(point.steps.clone()).unwrap_or_default();
        let mut moved = steps.iter().filter_map(|step| Some((step, *step.moves.first()?)));
        let first = moved.next();
        let last = moved.next_back().or(first);
        let (Some((_, first)), Some((step, last))) = (first, last) else {
            let programs = participants.index(None);
            let _ = writeln!(lines, "  Note over n{programs}: {number}. {said}");
            continue;
        };
        let [from, to] = [first.from, last.to].map(|dev| Some(world.devices[dev].ns));
        let [a, b] = [from, to].map(|who| participants.index(who));
        let _ = if from == to {
            writeln!(lines, "  Note over n{a}: {number}. {said}")
        } else {
            let arrow = arrow(story.legs[step.leg].kind, step.outcome);
            writeln!(lines, "  n{a}{arrow}n{b}: {number}. {said}")
        };
    }
    let mut out = String::from("sequenceDiagram\n");
    for (index, who) in participants.0.iter().enumerate() {
        let name = who.map_or("programs", |ns| &world.netns[ns].name);
        let _ = writeln!(out, "  participant n{index} as {}", words(name));
    }
    out + &lines
}

/// Answers are dashed; what ends on its way ends in a cross.
const fn arrow(kind: LegKind, outcome: Option<Outcome>) -> &'static str {
    let answers = matches!(kind, LegKind::ArpReply | LegKind::Reply | LegKind::IcmpError);
    match (outcome, answers) {
        (Some(Outcome::Dropped(_)), false) => "-x",
        (Some(Outcome::Dropped(_)), true) => "--x",
        (_, false) => "->>",
        (_, true) => "-->>",
    }
}

/// Text as Mermaid reads it, on one line.
fn words(text: &str) -> String {
    let text = text.replace('#', "\u{0}").replace(';', "#59;").replace('\u{0}', "#35;");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
