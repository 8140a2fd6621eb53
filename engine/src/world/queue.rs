//! What is due when: a heap ordered by time, then by the order of pushing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use crate::base::{DevId, Nanos};
use crate::skb::Skb;

/// Something that happens at its time.
#[derive(Clone, Debug)]
pub(super) enum Due {
    /// A frame reaches a device over its wire.
    Arrive { dev: DevId, from: DevId, skb: Skb },
    /// A device receives what lay in the backlog.
    Backlog { dev: DevId, skb: Skb },
    /// A put off answer for somebody behind a host.
    ProxyArp { dev: DevId, skb: Skb },
    /// A neighbour entry's timer.
    NeighTimer { dev: DevId, ip: Ipv4Addr, generation: u32 },
}

impl Due {
    const fn is_frame(&self) -> bool {
        matches!(self, Self::Arrive { .. } | Self::Backlog { .. })
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Nanos, u64, u32)>>,
    slots: Vec<Option<Due>>,
    free: Vec<u32>,
    pushed: u64,
    in_flight: usize,
}

impl Queue {
    pub(super) fn push(&mut self, at: Nanos, due: Due) {
        self.in_flight += usize::from(due.is_frame());
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
        self.heap.push(Reverse((at, self.pushed, slot)));
        self.pushed += 1;
    }

    /// Takes the next item if `take` says so of its time and the number of frames in flight.
    pub(super) fn pop_if(
        &mut self,
        take: impl FnOnce(Nanos, usize) -> bool,
    ) -> Option<(Nanos, Due)> {
        let &Reverse((at, _, slot)) = self.heap.peek()?;
        if !take(at, self.in_flight) {
            return None;
        }
        self.heap.pop();
        self.free.push(slot);
        let due = self.slots[slot as usize].take()?;
        self.in_flight -= usize::from(due.is_frame());
        Some((at, due))
    }
}
