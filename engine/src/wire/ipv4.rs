//! IPv4 headers (RFC 791).

use std::net::Ipv4Addr;

use super::{Malformed, checksum};

/// Bytes of a header without options.
pub const LEN: usize = 20;

/// The protocol an IPv4 packet carries. Numbers without a name stay as they came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    Icmp,
    Tcp,
    Udp,
    Unknown(u8),
}

impl Protocol {
    pub const fn from_u8(raw: u8) -> Self {
        match raw {
            1 => Self::Icmp,
            6 => Self::Tcp,
            17 => Self::Udp,
            other => Self::Unknown(other),
        }
    }

    pub const fn to_u8(self) -> u8 {
        match self {
            Self::Icmp => 1,
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Unknown(other) => other,
        }
    }
}

/// The fields that the packet path reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub header_len: usize,
    /// Header and payload, in bytes; never more than the frame holds.
    pub total_len: usize,
    pub tos: u8,
    pub identification: u16,
    pub dont_fragment: bool,
    pub more_fragments: bool,
    /// In bytes.
    pub fragment_offset: u16,
    pub ttl_hops: u8,
    pub protocol: Protocol,
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
}

impl Header {
    /// Reads a header with the checks of `ip_rcv_core`: version, lengths, checksum.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let slice = etherparse::Ipv4HeaderSlice::from_slice(bytes).map_err(|_| {
            if bytes.len() < LEN {
                Malformed::Truncated { need: LEN, have: bytes.len() }
            } else {
                Malformed::Field("version or header length")
            }
        })?;
        let header_len = slice.slice().len();
        if checksum::of(slice.slice()) != 0 {
            return Err(Malformed::Checksum);
        }
        let total_len = usize::from(slice.total_len());
        if total_len > bytes.len() {
            return Err(Malformed::Truncated { need: total_len, have: bytes.len() });
        }
        if total_len < header_len {
            return Err(Malformed::Field("total length"));
        }
        Ok(Self {
            header_len,
            total_len,
            tos: bytes[1],
            identification: slice.identification(),
            dont_fragment: slice.dont_fragment(),
            more_fragments: slice.more_fragments(),
            fragment_offset: slice.fragments_offset().byte_offset(),
            ttl_hops: slice.ttl(),
            protocol: Protocol::from_u8(slice.protocol().0),
            src: slice.source_addr(),
            dst: slice.destination_addr(),
        })
    }

    /// Whether this is a piece of a larger packet.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }
}

/// What a locally made packet's header says.
#[derive(Clone, Copy, Debug)]
pub struct Emit {
    pub tos: u8,
    pub identification: u16,
    pub dont_fragment: bool,
    pub ttl_hops: u8,
    pub protocol: Protocol,
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
}

impl Emit {
    /// The same with options, a multiple of four bytes.
    pub fn emit_with_options(&self, frame: &mut Vec<u8>, options: &[u8], payload_len: usize) {
        let start = frame.len();
        self.emit(frame, options.len() + payload_len);
        if !options.is_empty() {
            frame[start] = 0x45 + u8::try_from(options.len() / 4).expect("at most ten words");
            frame.extend_from_slice(options);
            fill_checksum(&mut frame[start..]);
        }
    }

    /// Appends the header of a packet with `payload_len` bytes, checksum included.
    #[inline]
    pub fn emit(&self, frame: &mut Vec<u8>, payload_len: usize) {
        let total =
            u16::try_from(LEN + payload_len).expect("senders check the length against the MTU");
        let mut header = [0; LEN];
        header[0] = 0x45;
        header[1] = self.tos;
        header[2..4].copy_from_slice(&total.to_be_bytes());
        header[4..6].copy_from_slice(&self.identification.to_be_bytes());
        header[6] = if self.dont_fragment { 0x40 } else { 0 };
        header[8] = self.ttl_hops;
        header[9] = self.protocol.to_u8();
        header[12..16].copy_from_slice(&self.src.octets());
        header[16..20].copy_from_slice(&self.dst.octets());
        let sum = checksum::of(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        frame.extend_from_slice(&header);
    }
}

/// Takes one from the TTL of a parsed packet and mends the checksum (`ip_decrease_ttl`, RFC 1141).
#[inline]
pub fn decrease_ttl(packet: &mut [u8]) {
    packet[8] -= 1;
    let sum = u32::from(u16::from_be_bytes([packet[10], packet[11]])) + 0x0100;
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[10..12]
        .copy_from_slice(&u16::try_from(folded & 0xffff).expect("masked to 16 bits").to_be_bytes());
}

/// `IP_DF` and `IP_MF`, in the byte that begins the fragment offset.
const DONT_FRAGMENT: u8 = 0x40;
const MORE_FRAGMENTS: u8 = 0x20;
/// The bits of a type of service that tell of congestion (`INET_ECN_CE`).
const CONGESTION: u8 = 3;

/// Writes what a reassembled packet's header says otherwise than its first fragment's, checksum included.
pub fn set_reassembled(packet: &mut [u8], total_len: u16, dont_fragment: bool, congested: bool) {
    packet[2..4].copy_from_slice(&total_len.to_be_bytes());
    packet[6..8].copy_from_slice(&[if dont_fragment { DONT_FRAGMENT } else { 0 }, 0]);
    if congested {
        packet[1] |= CONGESTION;
    }
    fill_checksum(packet);
}

/// What a fragment's header says.
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    /// Of its payload in the whole packet's, in bytes.
    pub offset: u16,
    pub more: bool,
    pub dont_fragment: bool,
    /// Bytes of its payload.
    pub len: usize,
}

impl Fragment {
    /// Writes the fields into a copy of the whole packet's header, checksum included.
    pub fn write(self, packet: &mut [u8]) {
        let header_len = usize::from(packet[0] & 0x0f) * 4;
        let total = u16::try_from(header_len + self.len).expect("shorter than the whole packet");
        let [high, low] = (self.offset / 8).to_be_bytes();
        let more = if self.more { MORE_FRAGMENTS } else { 0 };
        let df = if self.dont_fragment { DONT_FRAGMENT } else { 0 };
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        packet[6..8].copy_from_slice(&[high | more | df, low]);
        fill_checksum(packet);
    }
}

/// `ip_options_fragment`: options that only the first fragment carries become padding in the others.
pub fn blank_options(packet: &mut [u8]) {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const COPIED: u8 = 0x80;
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    let mut at = LEN;
    while at < header_len {
        let len = match packet[at] {
            END => return,
            NO_OPERATION => 1,
            _ => usize::from(*packet.get(at + 1).unwrap_or(&0)),
        };
        if len == 0 || at + len > header_len {
            return;
        }
        if packet[at] & COPIED == 0 {
            packet[at..at + len].fill(NO_OPERATION);
        }
        at += len;
    }
}

/// Writes the checksum into the header of a packet, its options included (`ip_send_check`).
pub fn fill_checksum(packet: &mut [u8]) {
    let header_len = usize::from(packet[0] & 0x0f) * 4;
    packet[10..12].fill(0);
    let sum = checksum::of(&packet[..header_len]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Writes the type of service of a packet that has a whole header and mends the checksum.
pub fn set_tos(packet: &mut [u8], tos: u8) {
    let old = u16::from_be_bytes([packet[0], packet[1]]);
    let new = u16::from_be_bytes([packet[0], tos]);
    let sum = checksum::update(u16::from_be_bytes([packet[10], packet[11]]), old, new);
    packet[1] = tos;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn packet(ttl_hops: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        Emit {
            tos: 0,
            identification: 0xfeff,
            dont_fragment: true,
            ttl_hops,
            protocol: Protocol::Udp,
            src: Ipv4Addr::new(10, 244, 1, 2),
            dst: Ipv4Addr::new(10, 244, 2, 2),
        }
        .emit(&mut bytes, 3);
        bytes.extend_from_slice(b"abc");
        bytes
    }

    #[test]
    fn the_checksum_stays_right_as_the_ttl_falls_from_any_height() {
        for ttl in 1..=255 {
            let mut bytes = packet(ttl);
            decrease_ttl(&mut bytes);
            assert_eq!(Header::parse(&bytes).map(|h| h.ttl_hops), Ok(ttl - 1));
        }
    }

    #[test]
    fn the_checksum_stays_right_whatever_the_type_of_service() {
        for tos in 0..=255 {
            let mut bytes = packet(64);
            set_tos(&mut bytes, tos);
            assert_eq!(Header::parse(&bytes).map(|h| h.tos), Ok(tos));
        }
    }

    #[test]
    fn a_header_with_any_one_bit_flipped_is_refused() {
        let good = packet(64);
        for bit in 0..LEN * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_packet_longer_than_its_frame_is_truncated() {
        let bytes = packet(64);
        assert_eq!(Header::parse(&bytes[..22]), Err(Malformed::Truncated { need: 23, have: 22 }));
    }
}
