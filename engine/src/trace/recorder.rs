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
}

impl Recorder {
    /// The bytes of a frame, from its Ethernet header on.
    pub fn bytes(&self, id: FrameId) -> &[u8] {
        let index = id.0 as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
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
