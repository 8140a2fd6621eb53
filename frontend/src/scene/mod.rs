//! What is to be seen at one step: where the packet rests, the way it came, what it says, which hooks it passed. Pure;
//! knows the run and the layout, no browser and no time.

mod agents;
mod gates;
mod tag;

use everyhop_engine::base::{DevId, NsId, PacketId, Side, SortedMap};
use everyhop_engine::lesson::Run;
use everyhop_engine::story::words::{Message, message};
use everyhop_engine::story::{Leg, LegKind, Move, MoveKind, Outcome, Step, Story};
use everyhop_engine::trace::{DropReason, Event, FrameId, Recorder};
use everyhop_engine::world::World;

use crate::layout::{
    ClusterView, Layout, Origin, Point, Rect, fit, simplify, until_crossing, until_entry,
};

pub use agents::Agent;
pub use gates::{Act, Gate, Rewrite};
pub use tag::LINE;

/// A run, as far as a scene needs it.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// With everything that was there in the run.
    pub world: &'a World,
    pub trace: &'a Recorder,
    pub story: &'a Story,
}

impl<'a> From<&'a Run> for Told<'a> {
    fn from(run: &'a Run) -> Self {
        Self { world: &run.end, trace: &run.trace, story: &run.story }
    }
}

/// One step of the story on the stage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scene {
    /// The leading packet first.
    pub packets: Vec<Glyph>,
    /// Where this leg's frames have gone so far, in order.
    pub trail: Vec<Stroke>,
    /// Devices that a frame reaches in this step.
    pub lit: Vec<(DevId, LegKind)>,
    /// Hooks that the leading packet passes in this step.
    pub gates: Vec<Gate>,
    /// The programs of the control plane.
    pub agents: Vec<Agent>,
    /// A pod whose program acts in this step.
    pub acting: Option<Rect>,
    /// What is not there yet, with the wires to it.
    pub absent: Vec<(Rect, Vec<Vec<Point>>)>,
}

/// A packet. All boxes are relative to its resting place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glyph {
    pub id: PacketId,
    pub part: Part,
    pub kind: LegKind,
    /// What it carries and to whom, in a few words.
    pub label: String,
    /// What that was as the step began, if it was something else.
    pub was: Option<String>,
    /// `node-1/veth0`.
    pub at: String,
    /// From where it was to where it rests; never empty.
    pub way: Vec<Point>,
    pub tag: Rect,
    /// What the datagram around it says, and the box around that and the tag.
    pub envelope: Option<(String, Rect)>,
    pub rewrites: Vec<(Rewrite, Rect)>,
    pub mark: Option<Mark>,
    /// Words for the mark.
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

/// Hundredths of a percent.
pub const WHOLE: i32 = 10_000;

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

    /// The way as (hundredths of a percent of its length, point), for an even speed along it; [`WHOLE`] is all of it.
    pub fn stops(&self) -> Vec<(i32, Point)> {
        let total: i32 = self.way.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
        let mut gone = 0;
        let mut last = self.way.first().copied().unwrap_or_default();
        self.way
            .iter()
            .map(|&point| {
                gone += last.distance(point);
                last = point;
                (if total == 0 { WHOLE } else { gone * WHOLE / total }, point)
            })
            .collect()
    }
}

/// The scene at a step, counted from 0. A step beyond the story's end shows nothing.
pub fn scene(told: Told<'_>, layout: &Layout, step: usize) -> Scene {
    let story = told.story;
    let Some(current) = story.steps.get(step) else { return Scene::default() };
    let leg = &story.legs[current.leg];
    let mut scene = Scene::default();
    let mut journey = Journey { layout, rests: SortedMap::default() };
    let mut text = Text::default();
    for (index, it) in story.steps.iter().enumerate().take(step + 1) {
        if it.leg != current.leg {
            continue;
        }
        text.follow(told, leg, it);
        for (order, movement) in it.moves.iter().enumerate() {
            let (now, main) = (index == step, order == 0);
            let mut way = journey.go(movement, origin(leg.kind));
            let (gates, rewrites) =
                if now && main { gates::gates(told, it) } else { (Vec::new(), Vec::new()) };
            // What a rule drops gets no farther than its hook.
            let dropped = gates.iter().find(|gate| gate.act >= Act::Dropped);
            let drops = dropped.and_then(|gate| layout.gate(gate.ns, gate.hook));
            if let Some(rect) = drops {
                way = until_crossing(&way, rect);
                // Beside the hook's name, not on it.
                let corner = Point::new(rect.x, rect.y - 4);
                way.extend([Point::new(rect.x, way.last().map_or(rect.y, |it| it.y)), corner]);
                way = simplify(way);
            }
            if now {
                let part = if main { Part::Main } else { Part::Copy };
                let drawn = Drawn { layout, part, kind: leg.kind, way: way.clone() };
                if drops.is_none() {
                    scene.lit.push((movement.to, leg.kind));
                }
                let mark = it.outcome.filter(|_| main).and_then(mark);
                let glyph = if main {
                    scene.gates = gates;
                    let note = mark.as_ref().and_then(|mark| note(told, it, mark));
                    drawn.glyph(movement, text.clone(), rewrites, mark.zip(Some(note)))
                } else {
                    drawn.glyph(movement, text.clone(), Vec::new(), None)
                };
                scene.packets.extend(glyph);
            }
            if way.len() > 1 {
                scene.trail.push(Stroke { points: way, kind: leg.kind, now, main });
            }
        }
    }
    scene.packets.extend(parked(story, layout, step));
    if !layout.agents.is_empty() {
        agents::add(&mut scene, told, layout, step);
    }
    scene
}

/// A cluster of this many nodes is drawn whole, whatever happens in it.
const DRAWN_WHOLE: usize = 2;

/// A cluster with the nodes folded in which nothing happens and that nobody unfolded.
pub fn folded(mut view: ClusterView, told: Told<'_>, unfolded: &[NsId]) -> ClusterView {
    let world = told.world;
    if view.nodes.len() > DRAWN_WHOLE {
        for node in &mut view.nodes {
            let own = std::iter::once(&node.netns).chain(node.pods.iter().map(|pod| &pod.netns));
            let mut own = own.filter_map(|name| world.find_netns(name));
            let opened = world.find_netns(&node.netns).is_some_and(|ns| unfolded.contains(&ns));
            node.folded = !opened && !own.any(|ns| is_busy(told, ns));
        }
    }
    view
}

/// Whether anything happens in a namespace: a flood's copy that ends at the door of a machine is not enough.
fn is_busy(told: Told<'_>, ns: NsId) -> bool {
    let inside = |dev: DevId| told.world.devices[dev].ns == ns;
    let moves = told.story.steps.iter().flat_map(|step| step.moves.iter().enumerate());
    let mut matters = moves.filter(|(order, it)| *order == 0 || it.kind != MoveKind::Wire);
    matters.any(|(_, it)| inside(it.from) || inside(it.to))
}

/// What a leg's packet says of itself as its steps go by.
#[derive(Clone, Default)]
struct Text {
    label: String,
    was: Option<String>,
    envelope: Option<String>,
}

impl Text {
    fn follow(&mut self, told: Told<'_>, leg: &Leg, step: &Step) {
        let Some(main) = step.moves.first() else { return };
        let frame = told.trace.bytes(frame_after(told, step, *main));
        match main.kind {
            MoveKind::Encapsulate => self.envelope = Some(String::new()),
            MoveKind::Decapsulate => self.envelope = None,
            _ => {}
        }
        self.was = None;
        if let Some(envelope) = &mut self.envelope {
            *envelope = message(frame).tag();
            return;
        }
        let label = label(leg, frame);
        let before = std::mem::replace(&mut self.label, label);
        self.was = Some(before).filter(|before| !before.is_empty() && *before != self.label);
    }
}

/// What a packet carries and to whom.
fn label(leg: &Leg, frame: &[u8]) -> String {
    let asks = leg.kind == LegKind::Request;
    match message(frame) {
        Message::Tcp { dst, .. } if asks => format!("{} → {}:{}", leg.tag, dst.0, dst.1),
        Message::Tcp { dst, .. } => format!("{} → {}", leg.tag, dst.0),
        it @ Message::Udp { .. } if asks => it.tag(),
        Message::Udp { dst, .. } => format!("{} → {}", leg.label, dst.0),
        _ => leg.tag.clone(),
    }
}

/// The bytes that a packet has as a step ends: a bridge may have asked the rules after it took the frame.
pub fn frame_after(told: Told<'_>, step: &Step, movement: Move) -> FrameId {
    let seen = gates::events_of(told, step, movement.packet).filter_map(|event| match event {
        Event::Tap { frame, .. } | Event::NeighWait { frame, .. } => Some(frame),
        _ => None,
    });
    seen.last().unwrap_or(movement.frame)
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
            Some(rect) if from != to || kind != MoveKind::Wire => until_entry(&way, rect),
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
        // Of what the control plane does nothing moves.
        LegKind::Reply | LegKind::IcmpError | LegKind::Control => Origin::Stack,
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

/// Words for a mark; a rule that drops is named by who caused it.
fn note(told: Told<'_>, step: &Step, mark: &Mark) -> Option<String> {
    let words = mark.words()?.to_owned();
    let dropped = step.outcome == Some(Outcome::Dropped(DropReason::NetfilterDrop));
    let rule = step.events.iter().rev().find_map(|&index| match told.trace.entries[index].event {
        Event::RuleMatched { ns, rule } => Some((ns, rule)),
        _ => None,
    });
    let origin = rule.filter(|_| dropped).and_then(|(ns, rule)| {
        let tables = &told.world.netns[ns].netfilter.as_ref()?.tables;
        Some(told.world.origin(tables.rule_origin(rule)?))
    });
    Some(match origin {
        Some(origin) => format!("{words}: {origin}"),
        None => words,
    })
}

/// A packet on its device.
struct Drawn<'a> {
    layout: &'a Layout,
    part: Part,
    kind: LegKind,
    way: Vec<Point>,
}

impl Drawn<'_> {
    fn glyph(
        self,
        movement: &Move,
        text: Text,
        rewrites: Vec<Rewrite>,
        mark: Option<(Mark, Option<String>)>,
    ) -> Option<Glyph> {
        let device = self.layout.devices.get(movement.to)?;
        let rest = *self.way.last()?;
        let envelope_w = text.envelope.as_ref().map_or(0, |it| tag::width(it) + 8);
        let was_w = text.was.as_ref().map_or(0, |it| tag::width(it));
        let w = tag::width(&text.label).max(was_w);
        let rewrites_w = rewrites.iter().map(|it| tag::width(&it.text())).max().unwrap_or(0);
        let all_w = w.max(envelope_w).max(rewrites_w);
        let lines = |n: usize| i32::try_from(n).unwrap_or(0) * (LINE + 2);
        let above = if text.envelope.is_some() { LINE } else { 0 };
        let all_h = above + LINE + lines(rewrites.len()) + if above > 0 { 4 } else { 0 };
        let block = tag::place(self.layout, rest, (all_w, all_h), &[]);
        let tag = Rect::new(block.x + if above > 0 { 4 } else { 0 }, block.y + above, w, LINE);
        let around = Rect::new(block.x, block.y, all_w.max(w + 8), above + LINE + 4);
        let below = tag.bottom() + if above > 0 { 6 } else { 2 };
        let rewrites = rewrites.into_iter().enumerate().map(|(n, it)| {
            let w = tag::width(&it.text());
            (it, Rect::new(block.x, below + lines(n), w, LINE))
        });
        let (mark, words) = mark.map_or((None, None), |(mark, words)| (Some(mark), words));
        let taken = Rect::new(rest.x + block.x, rest.y + block.y, all_w, all_h);
        let note = words.map(|words| {
            let words = fit(&words, 11, self.layout.width - 24);
            let place = tag::place(self.layout, rest, (tag::width(&words), LINE), &[taken]);
            (words, place)
        });
        Some(Glyph {
            id: movement.packet,
            part: self.part,
            kind: self.kind,
            at: device.name.clone(),
            way: self.way,
            tag,
            envelope: text.envelope.map(|it| (it, around)),
            rewrites: rewrites.collect(),
            mark,
            note,
            label: text.label,
            was: text.was,
        })
    }
}

impl Rewrite {
    /// `to 10.96.0.20:80`, and what it becomes.
    pub fn words(&self) -> (String, String) {
        let side = match self.side {
            Side::Source => "from",
            Side::Destination => "to",
        };
        let (from, to) = (self.from, self.to);
        (format!("{side} {}:{}", from.0, from.1), format!("{}:{}", to.0, to.1))
    }

    fn text(&self) -> String {
        let (old, new) = self.words();
        format!("{old} {new}")
    }
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
        let drawn = Drawn { layout, part: Part::Parked, kind: leg.kind, way };
        let text = Text { label: leg.tag.clone(), ..Text::default() };
        drawn.glyph(movement, text, Vec::new(), Some((Mark::Waiting, None)))
    })
}

#[cfg(test)]
mod tests;
