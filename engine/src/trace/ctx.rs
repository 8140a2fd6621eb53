//! What a layer is handed besides its own tables, and the life of a packet: born, copied, dropped, read.

use super::{Birth, Direction, DropReason, Event, Next, Tracer};
use crate::base::{DevId, Id, Nanos, PacketId, Rng};
use crate::skb::{BufPool, Skb};

/// What a layer may touch besides its own tables.
pub struct Ctx<'a, T> {
    pub now: Nanos,
    pub rng: &'a mut Rng,
    pub trace: &'a mut T,
    pub bufs: &'a mut BufPool,
    pub packets: &'a mut PacketIds,
    /// Reports, acted on by the world in this order.
    pub out: &'a mut Vec<Next>,
}

/// Hands out packet ids.
#[derive(Clone, Debug, Default)]
pub struct PacketIds(u32);

impl PacketIds {
    #[inline]
    fn next(&mut self) -> PacketId {
        let id = Id::from_index(self.0 as usize);
        // Begins again after 2^32 packets, which only an untraced run can reach.
        self.0 = self.0.wrapping_add(1);
        id
    }
}

impl<T: Tracer> Ctx<'_, T> {
    #[inline]
    pub fn event(&mut self, packet: impl Into<Option<PacketId>>, event: Event) {
        self.trace.event(self.now, packet.into(), event);
    }

    /// A new packet's id, with its birth recorded.
    #[inline]
    pub fn born(&mut self, parent: Option<PacketId>, birth: Birth) -> PacketId {
        let id = self.packets.next();
        self.event(id, Event::Born { parent, birth });
        id
    }

    #[inline]
    pub(crate) fn tap(&mut self, dev: DevId, dir: Direction, skb: &Skb) {
        if T::ON {
            let frame = self.trace.frame(&skb.frame);
            self.event(skb.id, Event::Tap { dev, dir, frame });
        }
    }

    /// A copy of a packet, as a packet of its own.
    pub(crate) fn copy_of(&mut self, skb: &Skb) -> Skb {
        let id = self.born(Some(skb.id), Birth::Clone);
        Skb {
            id,
            frame: self.bufs.copy(&skb.frame),
            pkt_type: skb.pkt_type,
            iif: skb.iif,
            mark: skb.mark,
            ct: skb.ct,
            dst: skb.dst,
            bridge: skb.bridge,
            socket: skb.socket,
            reassembled: skb.reassembled.clone(),
            segment_len: skb.segment_len,
            by_kernel: skb.by_kernel,
            ignore_df: skb.ignore_df,
            confirms_neigh: skb.confirms_neigh,
            options: skb.options,
            nf_trace: skb.nf_trace,
        }
    }

    /// Ends a packet's life with a reason.
    #[inline]
    pub fn drop(&mut self, dev: DevId, skb: Skb, reason: DropReason) {
        self.event(skb.id, Event::Dropped { dev, reason });
        self.bufs.give(skb.frame);
    }

    /// Ends a packet's life because it was read.
    #[inline]
    pub fn consume(&mut self, skb: Skb) {
        self.bufs.give(skb.frame);
    }
}
