//! UDP headers (RFC 768).

use std::net::Ipv4Addr;

use super::{Malformed, checksum, ipv4::Protocol};

/// Bytes of the header.
pub const LEN: usize = 8;

/// A parsed datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads a datagram with the checks of `__udp4_lib_rcv`: length and, unless it is 0, checksum.
    #[inline]
    pub fn parse(segment: &'a [u8], src: Ipv4Addr, dst: Ipv4Addr) -> Result<Self, Malformed> {
        let (src_port, dst_port) = ports(segment)?;
        let len = usize::from(u16::from_be_bytes([segment[4], segment[5]]));
        if len < LEN || len > segment.len() {
            return Err(Malformed::Truncated { need: len.max(LEN), have: segment.len() });
        }
        let datagram = &segment[..len];
        if datagram[6..8] != [0, 0]
            && checksum::with_pseudo_header(src, dst, Protocol::Udp.to_u8(), datagram) != 0
        {
            return Err(Malformed::Checksum);
        }
        Ok(Self { src_port, dst_port, payload: &datagram[LEN..] })
    }
}

/// Source and destination port of a segment, or of the start of one quoted in an ICMP error.
#[inline]
pub fn ports(segment: &[u8]) -> Result<(u16, u16), Malformed> {
    if segment.len() < LEN {
        return Err(Malformed::Truncated { need: LEN, have: segment.len() });
    }
    Ok((u16::from_be_bytes([segment[0], segment[1]]), u16::from_be_bytes([segment[2], segment[3]])))
}

/// Appends a datagram with its checksum to a frame that ends with its IPv4 header.
#[inline]
pub fn emit(
    frame: &mut Vec<u8>,
    (src, src_port): (Ipv4Addr, u16),
    (dst, dst_port): (Ipv4Addr, u16),
    payload: &[u8],
) {
    let start = frame.len();
    emit_header(frame, (src_port, dst_port), LEN + payload.len());
    frame.extend_from_slice(payload);
    fill_checksum(&mut frame[start..], src, dst);
}

/// Appends a header without a checksum; `len` counts header and payload.
#[inline]
pub fn emit_header(frame: &mut Vec<u8>, (src_port, dst_port): (u16, u16), len: usize) {
    let len = u16::try_from(len).expect("senders check the length against the MTU");
    frame.extend_from_slice(&src_port.to_be_bytes());
    frame.extend_from_slice(&dst_port.to_be_bytes());
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
}

/// Writes the checksum of a datagram that has none yet.
#[inline]
pub fn fill_checksum(datagram: &mut [u8], src: Ipv4Addr, dst: Ipv4Addr) {
    let sum = match checksum::with_pseudo_header(src, dst, Protocol::Udp.to_u8(), datagram) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    #[test]
    fn an_emitted_datagram_parses_to_itself() {
        let mut bytes = Vec::new();
        emit(&mut bytes, (A, 40000), (B, 53), b"hello");
        assert_eq!(
            Datagram::parse(&bytes, A, B),
            Ok(Datagram { src_port: 40000, dst_port: 53, payload: b"hello" })
        );
    }

    #[test]
    fn a_changed_byte_or_address_breaks_the_checksum_and_a_zero_checksum_means_none() {
        let mut bytes = Vec::new();
        emit(&mut bytes, (A, 40000), (B, 53), b"hello");
        bytes[9] ^= 1;
        assert_eq!(Datagram::parse(&bytes, A, B), Err(Malformed::Checksum));
        bytes[6..8].fill(0);
        assert!(Datagram::parse(&bytes, A, B).is_ok());
    }
}
