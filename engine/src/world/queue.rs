//! What is due when: frames on their wires and timers, each ordered by time.
//!
//! Of frames that are due at once the one pushed first goes first; of timers the last one, since the kernel adds a timer at the
//! head of its list (`enqueue_timer`).
//!
//! The kernel looks at its timers a few hundred times a second, and at frames only after all timers of that moment. So
//! timers that are due within one tick of each other run before the frames that the first of them sends arrive.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use crate::base::{DevId, Nanos, NsId, PacketId, ProcessId, SocketId};
use crate::skb::Skb;
use crate::trace::{Gathers, TcpTimer};

/// How long a tick is at most; a kernel has 100, 250 or 1000 in a second.
const TICK: Nanos = Nanos::from_millis(1);

/// Something that happens at its time.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A frame reaches a device over its wire.
    Arrive { dev: DevId, from: DevId, skb: Skb },
    /// A device receives what lay in the backlog.
    Backlog { dev: DevId, skb: Skb },
    /// A put off answer for somebody behind a host.
    ProxyArp { dev: DevId, skb: Skb },
    /// The time for a packet's pieces to come is over.
    FragmentTimer { ns: NsId, by: Gathers, number: u32 },
    /// A neighbour entry's timer.
    NeighTimer { dev: DevId, ip: Ipv4Addr, generation: u32 },
    /// A connection's timer. One that is due soon keeps the network from being quiet.
    TcpTimer { ns: NsId, socket: SocketId, timer: TcpTimer, generation: u32, soon: bool },
    /// A process wanted to be woken, if it has not asked for another time since.
    Alarm { process: ProcessId, number: u32 },
    /// A program's call sends the next piece of its packet.
    SendPiece { ns: NsId, skb: Skb },
    /// A program's call sends the next packet.
    SendPacket { ns: NsId, skb: Skb },
    /// A program acts.
    Program(Task),
}

/// What a program was woken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Something happened to its connection.
    Connection { ns: NsId, socket: SocketId },
    /// A process has heard of something, or has calls left to make.
    Process(ProcessId),
    /// A datagram came that it answers.
    Answer { ns: NsId, socket: SocketId, to: (Ipv4Addr, u16), parent: PacketId },
}

impl Due {
    const fn is_frame(&self) -> bool {
        matches!(self, Self::Arrive { .. } | Self::Backlog { .. })
    }

    const fn is_soon(&self) -> bool {
        matches!(self, Self::TcpTimer { soon: true, .. })
    }
}

type Heap = BinaryHeap<Reverse<(Nanos, u64, u32)>>;

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    frames: Heap,
    timers: Heap,
    slots: Vec<Option<Due>>,
    free: Vec<u32>,
    pushed: u64,
    /// Timers that are due soon.
    soon: usize,
    /// When the timers that run now were due.
    tick: Option<Nanos>,
}

impl Queue {
    pub(super) fn push(&mut self, at: Nanos, due: Due) {
        self.soon += usize::from(due.is_soon());
        let (heap, order) = if due.is_frame() {
            (&mut self.frames, self.pushed)
        } else {
            (&mut self.timers, u64::MAX - self.pushed)
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(due);
                slot
            }
            None => {
                self.slots.push(Some(due));
                u32::try_from(self.slots.len() - 1)
                    .expect("the event budget ends a run long before")
            }
        };
        heap.push(Reverse((at, order, slot)));
        self.pushed += 1;
    }

    /// Whether a frame is on a wire.
    pub(super) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// When the next item is due.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        let first = |heap: &Heap| heap.peek().map(|Reverse((at, ..))| *at);
        first(&self.frames).into_iter().chain(first(&self.timers)).min()
    }

    /// Takes the next item if `take` says so of its time and of whether something is under way.
    #[inline]
    pub(super) fn pop_if(
        &mut self,
        take: impl FnOnce(Nanos, bool) -> bool,
    ) -> Option<(Nanos, Due)> {
        let frame = self.frames.peek().map(|Reverse((at, ..))| *at);
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let tick = self.tick.filter(|&tick| timer.is_some_and(|at| at <= tick + TICK));
        let timer_first = tick.is_some()
            || match (frame, timer) {
                (Some(frame), Some(timer)) => timer <= frame,
                (frame, _) => frame.is_none(),
            };
        let at = if timer_first { tick.or(timer)? } else { frame? };
        if !take(at, frame.is_some() || self.soon > 0) {
            return None;
        }
        self.tick = timer_first.then_some(at);
        let heap = if timer_first { &mut self.timers } else { &mut self.frames };
        let Reverse((_, _, slot)) = heap.pop()?;
        self.free.push(slot);
        let due = self.slots[slot as usize].take()?;
        self.soon -= usize::from(due.is_soon());
        Some((at, due))
    }
}
