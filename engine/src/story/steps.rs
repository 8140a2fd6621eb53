//! Groups a trace's events into steps: a step begins where a frame moves, and keeps what was decided there.

use super::{Leg, Move, MoveKind, Outcome, Step, Story, because, caption};
use crate::base::{DevId, FxIndexMap, Nanos, PacketId, sort_by_number};
use crate::trace::{
    Birth, Direction, DropReason, Entry, Event, FrameId, LookupFor, NeighCause, Nud, Recorder,
    TcpState,
};
use crate::world::World;

/// Tells a trace that began in `start`.
pub fn tell(start: &World, trace: &Recorder) -> Story {
    let mut telling =
        Telling { trace, story: Story::default(), packets: FxIndexMap::default(), last: None };
    for (index, entry) in trace.entries.iter().enumerate() {
        telling.take(index, *entry);
    }
    let mut story = telling.finish();
    for leg in &mut story.legs {
        caption::label_leg(start, trace, leg);
    }
    let legs = story.legs.clone();
    for step in &mut story.steps {
        step.because = because::of_step(start, trace, step);
        (step.title, step.text) = caption::of_step(start, trace, &legs[step.leg], step);
    }
    story
}

/// What is known of a packet while its events are read.
#[derive(Clone, Copy)]
struct Seen {
    /// The packet its leg began with.
    root: PacketId,
    /// The packet it was copied from.
    copied_from: Option<PacketId>,
    born_at: usize,
    place: Option<DevId>,
    frame: Option<FrameId>,
    /// The step that its next event belongs to.
    step: Option<usize>,
    /// Somebody read it, or answered it.
    fruitful: bool,
}

struct Telling<'a> {
    trace: &'a Recorder,
    story: Story,
    packets: FxIndexMap<PacketId, Seen>,
    /// The step that a timer's events join.
    last: Option<usize>,
}

impl Telling<'_> {
    fn take(&mut self, index: usize, entry: Entry) {
        if let Event::Noted { .. } = entry.event {
            let leg = self.leg_of(None);
            let step = self.new_step(entry.at, leg, Vec::new());
            self.story.steps[step].events.push(index);
            self.last = Some(step);
            return;
        }
        let Some(packet) = entry.packet else {
            if let Some(step) = self.last {
                self.story.steps[step].events.push(index);
            }
            return;
        };
        if let Event::Born { parent, birth } = entry.event {
            return self.born(index, packet, parent, birth);
        }
        match entry.event {
            Event::Tap { dev, dir: Direction::Out, frame } => {
                self.note_frame(packet, frame);
                if self.packets.get(&packet).is_some_and(|seen| seen.place.is_none()) {
                    self.moved(index, entry.at, packet, MoveKind::Originate, (dev, dev), frame);
                }
            }
            Event::Tap { dir: Direction::In, frame, .. } => self.note_frame(packet, frame),
            Event::NeighWait { dev, frame, .. } => {
                self.note_frame(packet, frame);
                if self.packets.get(&packet).is_some_and(|seen| seen.place.is_none()) {
                    self.moved(index, entry.at, packet, MoveKind::Originate, (dev, dev), frame);
                }
            }
            Event::NeighRelease { dev, .. } => {
                if let Some(frame) = self.frame_after(index, packet) {
                    self.moved(index, entry.at, packet, MoveKind::Originate, (dev, dev), frame);
                }
            }
            Event::Crossed { from, to } => {
                if let Some(frame) = self.frame_after(index, packet) {
                    self.moved(index, entry.at, packet, MoveKind::Wire, (from, to), frame);
                }
            }
            Event::BridgeIn { port, bridge } => {
                if let Some(frame) = self.packets.get(&packet).and_then(|seen| seen.frame) {
                    self.moved(index, entry.at, packet, MoveKind::BridgeIn, (port, bridge), frame);
                }
            }
            Event::BridgeOut { bridge, port } => {
                if let Some(frame) = self.packets.get(&packet).and_then(|seen| seen.frame) {
                    self.moved(index, entry.at, packet, MoveKind::BridgeOut, (bridge, port), frame);
                }
            }
            Event::Forward { from, to, .. } => {
                if let Some(frame) = self.frame_after(index, packet) {
                    self.moved(index, entry.at, packet, MoveKind::Forward, (from, to), frame);
                }
            }
            Event::Encapsulate { dev: from, out: to, .. }
            | Event::EncapsulateBypass { dev: from, to } => {
                if let Some(frame) = self.frame_after(index, packet) {
                    self.moved(index, entry.at, packet, MoveKind::Encapsulate, (from, to), frame);
                }
            }
            Event::Decapsulate { from, dev, .. } => {
                if let Some(frame) = self.frame_after(index, packet) {
                    self.moved(index, entry.at, packet, MoveKind::Decapsulate, (from, dev), frame);
                }
            }
            Event::NeighChange { dev, to: Nud::Failed, .. }
            | Event::Dropped { dev, reason: DropReason::NeighFailed } => {
                let seen = self.packets.get(&packet);
                let told = seen
                    .and_then(|seen| seen.step)
                    .is_some_and(|step| self.story.steps[step].at == entry.at);
                if let Some(frame) = seen.and_then(|seen| seen.frame).filter(|_| !told) {
                    self.moved(index, entry.at, packet, MoveKind::Originate, (dev, dev), frame);
                }
            }
            Event::SendFailed { .. } => self.not_sent(entry.at, packet),
            Event::SocketReceive { .. } => self.bear_fruit(packet),
            _ => {}
        }
        self.assign(index, packet);
    }

    fn born(&mut self, index: usize, packet: PacketId, parent: Option<PacketId>, birth: Birth) {
        let from = parent.and_then(|p| self.packets.get(&p).copied());
        let seen = match (birth, from) {
            (Birth::Clone | Birth::Fragment, Some(from)) => {
                Seen { copied_from: parent, born_at: index, fruitful: false, ..from }
            }
            _ => Seen {
                root: packet,
                copied_from: None,
                born_at: index,
                place: None,
                frame: None,
                step: None,
                fruitful: false,
            },
        };
        self.packets.insert(packet, seen);
        if !matches!(birth, Birth::Clone | Birth::Fragment)
            && let Some(parent) = parent
        {
            self.bear_fruit(parent);
        }
    }

    /// Marks a packet and those it was copied from.
    fn bear_fruit(&mut self, packet: PacketId) {
        let mut next = Some(packet);
        while let Some(seen) = next.and_then(|id| self.packets.get_mut(&id)) {
            seen.fruitful = true;
            next = seen.copied_from;
        }
    }

    fn note_frame(&mut self, packet: PacketId, frame: FrameId) {
        if let Some(seen) = self.packets.get_mut(&packet) {
            seen.frame = Some(frame);
        }
    }

    /// The bytes that the packet has at its next tap or wait.
    fn frame_after(&self, index: usize, packet: PacketId) -> Option<FrameId> {
        let mut later = self.trace.entries[index..].iter().filter(|e| e.packet == Some(packet));
        later
            .find_map(|e| match e.event {
                Event::Tap { frame, .. } | Event::NeighWait { frame, .. } => Some(frame),
                _ => None,
            })
            .or_else(|| self.packets.get(&packet)?.frame)
    }

    /// A frame moves: a new step, or one more frame of a step that happens at the same moment.
    fn moved(
        &mut self,
        index: usize,
        at: Nanos,
        packet: PacketId,
        kind: MoveKind,
        (from, to): (DevId, DevId),
        frame: FrameId,
    ) {
        let Some(&seen) = self.packets.get(&packet) else { return };
        let movement = Move { packet, kind, from, to, frame };
        let leg = self.leg_of(Some(seen.root));
        let together = self.story.steps.iter().rposition(|step| {
            step.at == at
                && step.leg == leg
                && step.moves.first().is_some_and(|first| {
                    first.packet != packet
                        && first.kind == kind
                        && (kind == MoveKind::Wire
                            || matches!(kind, MoveKind::BridgeOut | MoveKind::Encapsulate)
                                && first.from == from)
                })
        });
        let step = if let Some(step) = together {
            self.story.steps[step].moves.push(movement);
            step
        } else {
            self.new_step(at, leg, vec![movement])
        };
        self.take_along(index, seen.step, step, kind);
        if let Some(seen) = self.packets.get_mut(&packet) {
            seen.step = Some(step);
            seen.place = Some(to);
            seen.frame = Some(frame);
        }
        // What else a bridge or a tunnel does with a frame of which it sends copies is told with them.
        if let (MoveKind::BridgeOut | MoveKind::Encapsulate, Some(copied_from)) =
            (kind, seen.copied_from)
            && let Some(original) = self.packets.get_mut(&copied_from)
        {
            original.step = Some(step);
        }
    }

    fn new_step(&mut self, at: Nanos, leg: usize, moves: Vec<Move>) -> usize {
        self.story.steps.push(Step {
            at,
            leg,
            moves,
            events: Vec::new(),
            title: String::new(),
            text: String::new(),
            because: Vec::new(),
            outcome: None,
        });
        self.story.steps.len() - 1
    }

    fn leg_of(&mut self, root: Option<PacketId>) -> usize {
        let legs = &mut self.story.legs;
        legs.iter().position(|leg| leg.packet == root).unwrap_or_else(|| {
            legs.push(Leg {
                packet: root,
                kind: super::LegKind::Request,
                label: String::new(),
                tag: String::new(),
            });
            legs.len() - 1
        })
    }

    /// The decision that sends a frame on belongs to the step in which it goes.
    fn take_along(&mut self, index: usize, old: Option<usize>, new: usize, kind: MoveKind) {
        // A switch sends a thousand copies, of which each would look through all that is told of it.
        let decided_here =
            matches!(kind, MoveKind::BridgeOut | MoveKind::Forward | MoveKind::Encapsulate);
        let Some(old) = old.filter(|&old| decided_here && old != new) else { return };
        let entries = &self.trace.entries;
        let at = entries[index].at;
        let decides = |&event: &usize| {
            entries[event].at == at
                && match entries[event].event {
                    Event::FdbLookup { .. }
                    | Event::PortSkipped { .. }
                    | Event::FdbExpired { .. } => kind == MoveKind::BridgeOut,
                    Event::TunnelLookup { .. } | Event::TunnelForgot { .. } => {
                        kind == MoveKind::Encapsulate
                    }
                    Event::RouteLookup { purpose: LookupFor::Output, .. } => {
                        kind == MoveKind::Encapsulate
                    }
                    Event::RouteLookup { .. }
                    | Event::PolicyRule { .. }
                    | Event::NexthopChosen { .. }
                    | Event::RedirectFollowed { .. }
                    | Event::BridgeUp { .. } => kind == MoveKind::Forward,
                    _ => false,
                }
        };
        let (taken, left): (Vec<usize>, Vec<usize>) =
            self.story.steps[old].events.iter().partition(|e| decides(e));
        self.story.steps[old].events = left;
        self.story.steps[new].events.extend(taken);
    }

    fn not_sent(&mut self, at: Nanos, packet: PacketId) {
        let Some(seen) = self.packets.get(&packet).copied().filter(|seen| seen.step.is_none())
        else {
            return;
        };
        let leg = self.leg_of(Some(seen.root));
        let step = self.new_step(at, leg, Vec::new());
        if let Some(seen) = self.packets.get_mut(&packet) {
            seen.step = Some(step);
        }
    }

    /// Puts an event into its packet's current step; events before the first move wait for it.
    fn assign(&mut self, index: usize, packet: PacketId) {
        let Some(seen) = self.packets.get(&packet).copied() else { return };
        let Some(step) = seen.step else { return };
        let told = || self.story.steps[step].events.contains(&seen.born_at);
        if seen.copied_from.is_none() && !told() && self.is_first_step(step, packet) {
            let earlier =
                (seen.born_at..index).filter(|&i| self.trace.entries[i].packet == Some(packet));
            self.story.steps[step].events.extend(earlier);
        }
        self.story.steps[step].events.push(index);
        self.last = Some(step);
    }

    /// Whether this is the packet's first step, so that what led to it is told there.
    fn is_first_step(&self, step: usize, packet: PacketId) -> bool {
        !self.story.steps[..step].iter().any(|s| s.moves.iter().any(|m| m.packet == packet))
    }

    fn finish(mut self) -> Story {
        for step in &mut self.story.steps {
            let fruitful = |m: &Move| self.packets.get(&m.packet).is_some_and(|seen| seen.fruitful);
            if let Some(leading) = step.moves.iter().position(fruitful) {
                step.moves[..=leading].rotate_right(1);
            }
            sort_by_number(&mut step.events, |&event| event as u64);
            step.events.dedup();
            let answered =
                step.moves.first().is_some_and(|m| is_answered(&self.trace.entries, m.packet));
            step.outcome = outcome_of(&self.trace.entries, step).or_else(|| {
                let arrived = |&i: &usize| ends_at_stack(self.trace.entries[i]);
                let connected = |&i: &usize| is_of_connection(self.trace.entries[i].event);
                (answered && step.events.iter().any(arrived) || step.events.iter().any(connected))
                    .then_some(Outcome::Delivered)
            });
        }
        self.story
    }
}

/// Whether the stack or a program made another packet because of this one.
fn is_answered(entries: &[Entry], packet: PacketId) -> bool {
    entries.iter().any(|e| {
        matches!(e.event, Event::Born { parent: Some(parent), birth } if parent == packet
            && matches!(birth, Birth::ArpReply | Birth::EchoReply | Birth::Answer))
    })
}

/// Whether a connection takes the packet in.
fn is_of_connection(event: Event) -> bool {
    matches!(
        event,
        Event::TcpReceive { .. }
            | Event::TcpState { from: TcpState::Close, to: TcpState::SynRecv, .. }
    )
}

/// Whether the event says that the packet reached a stack that reads it.
fn ends_at_stack(entry: Entry) -> bool {
    matches!(entry.event, Event::LocalDeliver { .. })
        || matches!(entry.event, Event::NeighChange { cause: NeighCause::RequestSeen, .. })
}

/// How the step's leading frame ends here.
fn outcome_of(entries: &[Entry], step: &Step) -> Option<Outcome> {
    let main = step.moves.first().map(|m| m.packet);
    let mut of_main =
        step.events.iter().map(|&i| &entries[i]).filter(|e| main.is_none() || e.packet == main);
    of_main.find_map(|entry| match entry.event {
        Event::SocketReceive { .. } => Some(Outcome::Delivered),
        Event::NeighChange { cause: NeighCause::Reply | NeighCause::Announced, .. } => {
            Some(Outcome::Delivered)
        }
        Event::ArpNoted { .. } => Some(Outcome::Ignored),
        Event::NeighWait { .. } => Some(Outcome::Waiting),
        Event::FragmentHeld { .. } => Some(Outcome::Held),
        Event::Dropped { reason, .. } => Some(Outcome::Dropped(reason)),
        Event::LeftModel { .. } => Some(Outcome::LeftModel),
        Event::SendFailed { error, .. } => Some(Outcome::NotSent(error)),
        _ => None,
    })
}
