//! What is to be seen at one step: where the packet rests, the way it came, what it says. Pure; knows the story and
//! the layout, no browser and no time.

use everyhop_engine::base::{DevId, PacketId, SortedMap};
use everyhop_engine::story::{LegKind, Move, MoveKind, Outcome, Story};

use crate::layout::{
    ChipKind, DeviceBox, Layout, Origin, Point, Rect, simplify, text_width, until_entry,
};

/// One step of the story on the stage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scene {
    /// The leading packet first.
    pub packets: Vec<Glyph>,
    /// Where this leg's frames have gone so far, in order.
    pub trail: Vec<Stroke>,
    /// Devices that a frame reaches in this step.
    pub lit: Vec<(DevId, LegKind)>,
}

/// A packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glyph {
    pub id: PacketId,
    pub part: Part,
    pub kind: LegKind,
    /// What it carries, in a few words.
    pub label: String,
    /// `node-1/veth0`.
    pub at: String,
    /// From where it was to where it rests; never empty.
    pub way: Vec<Point>,
    /// The tag's box, relative to the resting place.
    pub tag: Rect,
    pub mark: Option<Mark>,
    /// Words for the mark and their box, relative to the resting place.
    pub note: Option<(String, Rect)>,
}

/// A packet's part in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The one that leads to the destination.
    Main,
    /// One of a flood's copies.
    Copy,
    /// Another leg's packet that waits meanwhile.
    Parked,
}

/// How a packet's way ends, or pauses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mark {
    Delivered,
    /// Read, and nothing to do with it.
    Ignored,
    Waiting,
    /// Gone, with the reason in a few words.
    Dropped(String),
    /// Over the edge of the model.
    Left,
}

impl Mark {
    /// What a sign alone does not say.
    fn words(&self) -> Option<&str> {
        match self {
            Self::Delivered | Self::Ignored => None,
            Self::Waiting => Some("waits for ARP"),
            Self::Dropped(reason) => Some(reason),
            Self::Left => Some("leaves the model"),
        }
    }
}

/// A piece of the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stroke {
    pub points: Vec<Point>,
    pub kind: LegKind,
    /// Whether it is this step's.
    pub now: bool,
    /// Whether the leading packet went there.
    pub main: bool,
}

impl Glyph {
    /// Where it comes to rest.
    pub fn rest(&self) -> Point {
        self.way.last().copied().unwrap_or_default()
    }

    /// The way as (hundredths of a percent of its length, point), for an even speed along it.
    pub fn stops(&self) -> Vec<(i32, Point)> {
        let total: i32 = self.way.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        let mut gone = 0;
        let mut last = self.way.first().copied().unwrap_or_default();
        self.way
            .iter()
            .map(|&point| {
                gone += last.distance(point);
                last = point;
                (if total == 0 { 10_000 } else { gone * 10_000 / total }, point)
            })
            .collect()
    }
}

/// The scene at a step, counted from 0. A step beyond the story's end shows nothing.
pub fn scene(story: &Story, layout: &Layout, step: usize) -> Scene {
    let Some(current) = story.steps.get(step) else { return Scene::default() };
    let mut scene = Scene::default();
    let mut journey = Journey { layout, rests: SortedMap::default() };
    for (index, told) in story.steps.iter().enumerate().take(step + 1) {
        if told.leg != current.leg {
            continue;
        }
        let leg = &story.legs[told.leg];
        for (order, movement) in told.moves.iter().enumerate() {
            let (now, main) = (index == step, order == 0);
            let way = journey.go(movement, origin(leg.kind));
            if now {
                let part = if main { Part::Main } else { Part::Copy };
                let mark = told.outcome.filter(|_| main).and_then(mark);
                scene.lit.push((movement.to, leg.kind));
                scene.packets.extend(glyph(
                    layout,
                    (movement, part),
                    (leg.kind, &leg.tag),
                    way.clone(),
                    mark,
                ));
            }
            if way.len() > 1 {
                scene.trail.push(Stroke { points: way, kind: leg.kind, now, main });
            }
        }
    }
    scene.packets.extend(parked(story, layout, step));
    scene
}

/// Follows one leg's frames from rest to rest.
struct Journey<'a> {
    layout: &'a Layout,
    /// Where the last frame rested at each device.
    rests: SortedMap<DevId, Point>,
}

impl Journey<'_> {
    fn go(&mut self, movement: &Move, by: Origin) -> Vec<Point> {
        let Move { from, to, kind, .. } = *movement;
        let way = match (kind, self.rests.get(from)) {
            (MoveKind::Originate, Some(&rest)) => vec![rest],
            (MoveKind::Originate, None) => self.layout.origin_way(to, by),
            (MoveKind::Forward, rest) => joined(rest, self.layout.forward_way(from, to)),
            (MoveKind::Encapsulate, rest) => joined(rest, self.layout.wrapped_way(from, to)),
            (MoveKind::Decapsulate, rest) => joined(rest, self.layout.unwrapped_way(from, to)),
            (MoveKind::Wire | MoveKind::BridgeIn | MoveKind::BridgeOut, rest) => {
                joined(rest, self.layout.wire_way(from, to))
            }
        };
        let target = self.layout.devices.get(to).map(|it| it.rect);
        let way = match target {
            Some(rect) if from != to || kind == MoveKind::Originate => until_entry(&way, rect),
            Some(_) | None => way,
        };
        if let Some(&rest) = way.last() {
            self.rests.insert(to, rest);
        }
        way
    }
}

const fn origin(kind: LegKind) -> Origin {
    match kind {
        LegKind::Request => Origin::Program,
        LegKind::ArpRequest | LegKind::ArpReply => Origin::Neighbour,
        LegKind::Reply | LegKind::IcmpError => Origin::Stack,
    }
}

/// Goes from where the packet rests on a device to where its way out begins, then on.
fn joined(rest: Option<&Point>, way: Vec<Point>) -> Vec<Point> {
    let (Some(&rest), Some(&start)) = (rest, way.first()) else { return way };
    let mut points = vec![rest, Point::new(rest.x, start.y)];
    points.extend(way);
    simplify(points)
}

fn mark(outcome: Outcome) -> Option<Mark> {
    match outcome {
        Outcome::Delivered => Some(Mark::Delivered),
        Outcome::Ignored => Some(Mark::Ignored),
        Outcome::Waiting | Outcome::Held => Some(Mark::Waiting),
        Outcome::Dropped(reason) => Some(Mark::Dropped(reason.words().to_owned())),
        Outcome::LeftModel => Some(Mark::Left),
        // There is no packet to mark.
        Outcome::NotSent(_) => None,
    }
}

fn glyph(
    layout: &Layout,
    (movement, part): (&Move, Part),
    (kind, label): (LegKind, &str),
    way: Vec<Point>,
    mark: Option<Mark>,
) -> Option<Glyph> {
    let device = layout.devices.get(movement.to)?;
    let rest = *way.last()?;
    let tag = tag_box(layout, device, rest, label);
    let note = mark.as_ref().and_then(Mark::words);
    let note = note.map(|words| (words.to_owned(), note_box(layout, rest, tag, words)));
    let at = device.name.clone();
    Some(Glyph {
        id: movement.packet,
        part,
        kind,
        label: label.to_owned(),
        at,
        way,
        tag,
        mark,
        note,
    })
}

const TAG_H: i32 = 20;
/// From the packet's middle to the tag's.
const TAG_RISE: i32 = 15;
/// From the packet's middle to the tag's near end.
const TAG_ASIDE: i32 = 9;
const TAG_FONT: i32 = 11;

fn tag_width(text: &str) -> i32 {
    text_width(text, TAG_FONT) + 18
}

/// Beside the packet, off its device's name, and on the stage.
fn tag_box(layout: &Layout, device: &DeviceBox, rest: Point, label: &str) -> Rect {
    let w = tag_width(label);
    let middle = if device.kind == ChipKind::Network {
        device.rect.y - rest.y - TAG_RISE
    } else if rest.y <= device.rect.centre().y {
        -TAG_RISE
    } else {
        TAG_RISE
    };
    let right = rest.x + TAG_ASIDE;
    let x = if right + w <= layout.width - 2 { right } else { (rest.x - TAG_ASIDE - w).max(2) };
    Rect::new(x - rest.x, middle - TAG_H / 2, w, TAG_H)
}

/// On the packet's other side, or where that is too narrow, on the tag's side away from the device.
fn note_box(layout: &Layout, rest: Point, tag: Rect, words: &str) -> Rect {
    let w = tag_width(words);
    let aside = if tag.x >= 0 { -TAG_ASIDE - w } else { TAG_ASIDE };
    let left = rest.x + aside;
    let opposite = Rect::new(aside, tag.y, w, TAG_H);
    let free = aside > tag.right() || opposite.right() < tag.x;
    if free && left >= 2 && left + w <= layout.width - 2 {
        return opposite;
    }
    let y = if tag.y < 0 { tag.y - TAG_H - 3 } else { tag.bottom() + 3 };
    let x = (rest.x + tag.x).min(layout.width - 2 - w).max(2) - rest.x;
    Rect::new(x, y, w, TAG_H)
}

/// Packets of other legs that wait while this step happens.
fn parked<'a>(
    story: &'a Story,
    layout: &'a Layout,
    step: usize,
) -> impl Iterator<Item = Glyph> + 'a {
    let current = story.steps.get(step).map(|it| it.leg);
    story.legs.iter().enumerate().filter_map(move |(index, leg)| {
        let latest = story.steps.iter().take(step + 1).rfind(|it| it.leg == index)?;
        let waits = latest.outcome == Some(Outcome::Waiting) && Some(index) != current;
        let movement = latest.moves.first().filter(|_| waits)?;
        // At the device's corner, out of the way of the question that it waits for.
        let rect = layout.devices.get(movement.to)?.rect;
        let way = vec![Point::new(rect.x + 2, rect.y + 2)];
        glyph(layout, (movement, Part::Parked), (leg.kind, &leg.tag), way, Some(Mark::Waiting))
    })
}

#[cfg(test)]
mod tests;
