//! Keeps everything: entries in order and the bytes of every frame a packet socket would see.

use super::{Direction, Entry, Event, Tracer};
use crate::base::{DevId, Nanos, PacketId};

/// A frame's bytes within one [`Recorder`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameId(u32);

impl FrameId {
    /// What [`Off`](super::Off) returns: no bytes were kept.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A note within one [`Recorder`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NoteId(u32);

/// Something that a program did, as those write it down who know the program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Note {
    /// A short headline: `kube-proxy on node-1 rewrites 6 rules`.
    pub title: String,
    /// What happened, in one to three sentences.
    pub text: String,
    /// Who does it: `kube-proxy`.
    pub by: &'static str,
    /// The network namespace that it is done in or for. Empty: in none.
    pub netns: String,
    /// What came of it, in a few words: `+6 rules`.
    pub short: String,
    /// Whether who does it tells the others by it, through the API server.
    pub tells: bool,
    /// A network namespace that is made by it.
    pub makes: Option<String>,
    /// The function that does it in the program's sources.
    pub source: &'static str,
    /// What came of it, each with who caused it.
    pub details: Vec<(String, Option<String>)>,
}

/// One frame as a packet socket saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capture<'a> {
    pub at: Nanos,
    pub dev: DevId,
    pub dir: Direction,
    pub frame: &'a [u8],
}

/// A full trace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recorder {
    pub entries: Vec<Entry>,
    /// Whether rules that do not match are recorded too.
    pub every_rule: bool,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    notes: Vec<Note>,
}

impl Recorder {
    /// The bytes of a frame, from its Ethernet header on.
    pub fn bytes(&self, id: FrameId) -> &[u8] {
        let index = id.0 as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    /// Writes down what a program did.
    pub fn note(&mut self, at: Nanos, note: Note) {
        let id = NoteId(u32::try_from(self.notes.len()).unwrap_or(u32::MAX));
        self.notes.push(note);
        self.entries.push(Entry { at, packet: None, event: Event::Noted { note: id } });
    }

    /// What was written down.
    pub fn notes(&self, id: NoteId) -> &Note {
        &self.notes[id.0 as usize]
    }

    /// What the packet sockets on all devices saw, in order.
    pub fn captures(&self) -> impl Iterator<Item = Capture<'_>> {
        self.entries.iter().filter_map(|entry| match entry.event {
            Event::Tap { dev, dir, frame } => {
                Some(Capture { at: entry.at, dev, dir, frame: self.bytes(frame) })
            }
            _ => None,
        })
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.ends.clear();
        self.notes.clear();
    }
}

impl Tracer for Recorder {
    const ON: bool = true;

    #[inline]
    fn every_rule(&self) -> bool {
        self.every_rule
    }

    #[inline]
    fn event(&mut self, at: Nanos, packet: Option<PacketId>, event: Event) {
        self.entries.push(Entry { at, packet, event });
    }

    #[inline]
    fn frame(&mut self, bytes: &[u8]) -> FrameId {
        let id = FrameId(
            u32::try_from(self.ends.len()).expect("the event budget ends a run long before"),
        );
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
        id
    }
}
