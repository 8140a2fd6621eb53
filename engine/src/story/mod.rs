//! A trace as a story: the hops of its frames in order, each with what happened and why, in words.
//!
//! Works for any world and knows no lesson and no Kubernetes; the page, the command line and the transcript all tell
//! these steps.

mod because;
mod caption;
mod connection;
mod line;
mod rules;
mod steps;
mod verdict;
pub mod words;

pub use connection::{conntrack_events, tracked};
pub use line::{event_line, trace_text};
pub use rules::{Walked, walked};
pub use steps::tell;
pub use verdict::{Lost, Told, Verdict, lost_to, verdict_of};

use crate::base::{DevId, Nanos, PacketId};
use crate::trace::{DropReason, Event, FrameId, Note, Recorder, SendError};

/// The steps of a trace and the legs of the journey they belong to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Story {
    pub steps: Vec<Step>,
    /// In the order of their first step.
    pub legs: Vec<Leg>,
}

/// One message on its way, from its sender to where it ends: a question, an answer, a datagram.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    /// The first packet; copies made on the way belong to the same leg. None: no packet, but what programs do with the
    /// tables.
    pub packet: Option<PacketId>,
    pub kind: LegKind,
    /// For a reader: `ARP request`, `UDP datagram`, `ICMP echo reply`.
    pub label: String,
    /// For a tag on the moving packet: `who has 10.244.1.3?`, `echo request`.
    pub tag: String,
}

/// What a leg's message is, for its colour and icon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegKind {
    ArpRequest,
    ArpReply,
    /// What a program sent, or a frame put on a device.
    Request,
    /// An echo reply or a program's answer.
    Reply,
    IcmpError,
    /// No message: programs change tables.
    Control,
}

/// One hop: every frame that moves in the same way at the same moment (a bridge floods through several ports at once).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When it ends.
    pub at: Nanos,
    /// Index into [`Story::legs`].
    pub leg: usize,
    /// The first is the one that leads to the destination, where that can be told. Empty if a send failed before there
    /// was a frame.
    pub moves: Vec<Move>,
    /// The events told here, as indices into the trace's entries, ascending.
    pub events: Vec<usize>,
    /// A short headline: `veth0 → vbr0: the bridge knows the way`.
    pub title: String,
    /// What happened, in one to three sentences.
    pub text: String,
    /// Why, one sentence an event, each with the table entry or setting that decided.
    pub because: Vec<Because>,
    /// How it ends here, if it does.
    pub outcome: Option<Outcome>,
}

impl Step {
    /// What is told here that no packet tells of.
    pub fn note<'t>(&self, trace: &'t Recorder) -> Option<&'t Note> {
        match trace.entries[*self.events.first()?].event {
            Event::Noted { note } => Some(trace.notes(note)),
            _ => None,
        }
    }
}

/// A reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Because {
    /// `FDB of node-1/vbr0: 0a:58:0a:f4:01:03 is behind veth1`.
    pub text: String,
    /// The kernel function that decides: `br_fdb_find_rcu`; that of the program, where no kernel did.
    pub kernel: &'static str,
    /// Who made the entry, for example `Pod default/pod-2`.
    pub origin: Option<String>,
    /// Index into the trace's entries.
    pub event: usize,
}

/// One frame's movement within a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    pub packet: PacketId,
    pub kind: MoveKind,
    /// Equal to `to` for [`MoveKind::Originate`].
    pub from: DevId,
    pub to: DevId,
    /// The frame's bytes after the move.
    pub frame: FrameId,
}

/// How a frame moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveKind {
    /// A program or the stack makes it, at the device it will leave by; or it waited there and goes on.
    Originate,
    /// Over a wire: veth pair, cable or loopback.
    Wire,
    /// From a port into its bridge.
    BridgeIn,
    /// From a bridge out of a port.
    BridgeOut,
    /// Through a namespace's IP stack, from one device to another.
    Forward,
    /// From a tunnel device into a datagram that leaves by another device, or straight to another tunnel device.
    Encapsulate,
    /// Out of a datagram that came by one device, up to a tunnel device.
    Decapsulate,
}

/// How a frame's way ends, or pauses, at a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A program or the stack read it.
    Delivered,
    /// A stack read it and had nothing to do with it.
    Ignored,
    /// It waits for the next hop's hardware address.
    Waiting,
    /// It is a piece of a packet, and waits for the others.
    Held,
    Dropped(DropReason),
    /// It left through a device whose other end is not in the model.
    LeftModel,
    /// It was never sent.
    NotSent(SendError),
}

#[cfg(test)]
mod tests;
