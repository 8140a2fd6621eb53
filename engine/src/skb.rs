//! A frame on its way, with what the kernel keeps beside the bytes (`struct sk_buff`).

use crate::base::PacketId;
use crate::wire::eth;

/// How a frame's destination relates to the device that received it (`skb->pkt_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketType {
    /// For this device (`PACKET_HOST`).
    Host,
    /// For everybody on the link (`PACKET_BROADCAST`).
    Broadcast,
    /// For a group (`PACKET_MULTICAST`).
    Multicast,
    /// For another station; only a bridge or a packet socket cares (`PACKET_OTHERHOST`).
    OtherHost,
}

/// A frame and its metadata. `frame` is complete: Ethernet header first, checksums right, no FCS.
#[derive(Clone, Debug)]
pub struct Skb {
    pub id: PacketId,
    pub pkt_type: PacketType,
    pub frame: Vec<u8>,
}

impl Skb {
    /// The bytes after the Ethernet header.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.frame[eth::LEN..]
    }

    /// The bytes after the Ethernet header, to rewrite.
    #[inline]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.frame[eth::LEN..]
    }
}

/// Recycles frame buffers, so that a hop allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct BufPool {
    free: Vec<Vec<u8>>,
}

impl BufPool {
    const KEPT: usize = 256;

    /// An empty buffer.
    #[inline]
    pub fn take(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(256))
    }

    /// A buffer that holds a copy of `bytes`.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.take();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes back the buffer of a packet that is gone.
    #[inline]
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        if self.free.len() < Self::KEPT {
            buffer.clear();
            self.free.push(buffer);
        }
    }
}
