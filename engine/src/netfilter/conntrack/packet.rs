//! What connection tracking reads of a packet: its tuple and where its parts lie (`nf_ct_get_tuple`).

use std::net::Ipv4Addr;

use crate::base::Tuple;
use crate::wire::{checksum, icmp};

pub(in crate::netfilter) const ICMP: u8 = 1;
pub(in crate::netfilter) const TCP: u8 = 6;
pub(in crate::netfilter) const UDP: u8 = 17;
pub(in crate::netfilter) const SCTP: u8 = 132;

/// An IPv4 packet by its parts.
#[derive(Clone, Copy, Debug)]
pub(in crate::netfilter) struct Packet<'a> {
    pub(in crate::netfilter) src: Ipv4Addr,
    pub(in crate::netfilter) dst: Ipv4Addr,
    pub(in crate::netfilter) protocol: u8,
    /// Header and all, in bytes (`skb->len`).
    pub(in crate::netfilter) len: usize,
    /// Where the IPv4 header ends.
    pub(in crate::netfilter) header_len: usize,
    /// What comes behind it.
    pub(in crate::netfilter) data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet, or what an ICMP error quotes of one; None for a later fragment and what is cut within its header
    /// (`ipv4_get_l4proto`).
    #[inline]
    pub(in crate::netfilter) fn of(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<20>()?;
        let header_len = usize::from(header[0] & 0xf) * 4;
        let fragment_offset = u16::from_be_bytes([header[6], header[7]]) & 0x1fff;
        if fragment_offset != 0 || header_len < header.len() {
            return None;
        }
        Some(Self {
            src: Ipv4Addr::new(header[12], header[13], header[14], header[15]),
            dst: Ipv4Addr::new(header[16], header[17], header[18], header[19]),
            protocol: header[9],
            len: bytes.len(),
            header_len,
            data: bytes.get(header_len..)?,
        })
    }

    /// The packet's tuple; None if too little of it is there (`nf_ct_get_tuple`).
    #[inline]
    pub(in crate::netfilter) fn tuple(&self) -> Option<Tuple> {
        let word = |at: usize| u16::from_be_bytes([self.data[at], self.data[at + 1]]);
        let (src_port, dst_port) = match self.protocol {
            ICMP if self.data.len() < icmp::LEN => return None,
            ICMP => (word(4), word(0)),
            TCP | UDP | SCTP if self.data.len() < 4 => return None,
            TCP | UDP | SCTP => (word(0), word(2)),
            _ => (0, 0),
        };
        Some(Tuple { src: self.src, dst: self.dst, src_port, dst_port, protocol: self.protocol })
    }

    /// Whether the checksum over header and data is right (`nf_ip_checksum`).
    #[inline]
    pub(in crate::netfilter) fn checksum_is_right(&self) -> bool {
        match self.protocol {
            ICMP => checksum::of(self.data) == 0,
            protocol => checksum::with_pseudo_header(self.src, self.dst, protocol, self.data) == 0,
        }
    }
}
