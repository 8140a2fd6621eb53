//! The story as lanes: a place each, with a mark where a packet arrives in a step.

use everyhop_engine::base::{NsId, PacketId};
use everyhop_engine::story::{LegKind, Outcome};
use everyhop_engine::trace::Event;
use everyhop_engine::wire::dissect::dissect;

use super::run::Ran;

/// What a message is, for filters and for the shape of its marks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Arp,
    Dns,
    Icmp,
    Udp,
    Tcp,
    Http,
    Other,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Arp, Self::Dns, Self::Icmp, Self::Udp, Self::Tcp, Self::Http, Self::Other];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Arp => "ARP",
            Self::Dns => "DNS",
            Self::Icmp => "ICMP",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Http => "HTTP",
            Self::Other => "other",
        }
    }
}

/// The lanes of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lanes {
    /// In the order in which packets first come there.
    pub places: Vec<NsId>,
    /// One for each step.
    pub marks: Vec<Mark>,
    /// One for each leg.
    pub legs: Vec<Leg>,
}

/// A step on its lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    pub lane: usize,
    pub leg: usize,
    pub dropped: bool,
}

/// A message on its way over the lanes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    pub kind: Kind,
    pub leg_kind: LegKind,
    pub first_step: usize,
    pub last_step: usize,
    /// The message that it answers.
    pub answers: Option<usize>,
}

/// The lanes of a run.
pub fn lanes(shown: &Ran) -> Lanes {
    let run = &shown.run;
    let mut lanes = Lanes::default();
    for (step_idx, step) in run.story.steps.iter().enumerate() {
        let ns = step.moves.first().map(|moved| run.end.devices[moved.to].ns);
        let lane = match ns {
            Some(ns) => lanes.places.iter().position(|it| *it == ns).unwrap_or_else(|| {
                lanes.places.push(ns);
                lanes.places.len() - 1
            }),
            None => 0,
        };
        let dropped = matches!(step.outcome, Some(Outcome::Dropped(_) | Outcome::NotSent(_)));
        lanes.marks.push(Mark { lane, leg: step.leg, dropped });
        match lanes.legs.get_mut(step.leg) {
            Some(leg) => leg.last_step = step_idx,
            None => lanes.legs.push(Leg {
                kind: step
                    .moves
                    .first()
                    .map_or(Kind::Other, |moved| kind(run.trace.bytes(moved.frame))),
                leg_kind: run.story.legs[step.leg].kind,
                first_step: step_idx,
                last_step: step_idx,
                answers: run.story.legs[step.leg].packet.and_then(|packet| answered(shown, packet)),
            }),
        }
    }
    lanes
}

/// What the innermost part of a frame is that a reader knows by name.
fn kind(frame: &[u8]) -> Kind {
    let layers = dissect(frame);
    let named = |name: &str| layers.iter().any(|layer| layer.name == name);
    // Requests and answers say so in their first line.
    if named("TCP") && frame.windows(7).any(|bytes| bytes == b"HTTP/1.") {
        return Kind::Http;
    }
    let of = [
        ("ARP", Kind::Arp),
        ("DNS", Kind::Dns),
        ("ICMP", Kind::Icmp),
        ("TCP", Kind::Tcp),
        ("UDP", Kind::Udp),
    ];
    of.into_iter().find(|(name, _)| named(name)).map_or(Kind::Other, |(_, kind)| kind)
}

/// The leg of the packet that an answer answers; a segment of the same side continues and answers nothing.
fn answered(shown: &Ran, packet: PacketId) -> Option<usize> {
    let entries = &shown.run.trace.entries;
    let legs = &shown.run.story.legs;
    let parent_of = |packet: PacketId| {
        entries.iter().find_map(|entry| match entry.event {
            Event::Born { parent, .. } if entry.packet == Some(packet) => Some(parent),
            _ => None,
        })
    };
    let own = legs.iter().find(|leg| leg.packet == Some(packet))?.kind;
    if matches!(own, LegKind::Request | LegKind::ArpRequest) {
        return None;
    }
    // A copy that a bridge made belongs to the leg of what it was copied from.
    let mut parent = parent_of(packet)??;
    loop {
        if let Some(leg) = legs.iter().position(|leg| leg.packet == Some(parent)) {
            return Some(leg).filter(|&leg| legs[leg].kind != own);
        }
        parent = parent_of(parent)??;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::state::lessons::OWN;
    use crate::state::run;

    fn of(text: &str) -> Lanes {
        let text: Rc<str> = text.into();
        lanes(&run::run(OWN.id, &text, None).expect("the lab loads"))
    }

    #[test]
    fn every_answer_points_back_to_its_question() {
        let lanes = of(include_str!("../../../public/labs/pod-to-pod.yaml"));
        for leg in &lanes.legs {
            let is_answer = matches!(leg.leg_kind, LegKind::ArpReply | LegKind::Reply);
            assert_eq!(leg.answers.is_some(), is_answer, "{leg:?}");
            if let Some(question) = leg.answers {
                assert_eq!(lanes.legs[question].kind, leg.kind);
                assert!(lanes.legs[question].first_step < leg.first_step);
            }
        }
    }

    #[test]
    fn a_page_that_is_fetched_has_marks_of_every_kind_on_the_way() {
        let lanes = of(include_str!("../../../public/labs/ingress-controller.yaml"));
        for kind in [Kind::Arp, Kind::Tcp, Kind::Http] {
            assert!(lanes.legs.iter().any(|leg| leg.kind == kind), "{kind:?}");
        }
        assert!(lanes.marks.iter().all(|mark| mark.lane < lanes.places.len()));
    }
}
