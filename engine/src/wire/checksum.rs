//! The Internet checksum (RFC 1071).

use std::net::Ipv4Addr;

/// The one's complement sum of `bytes` added to `start`, unfolded.
#[inline]
fn sum(start: u64, bytes: &[u8]) -> u64 {
    let mut total = start;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        total += u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
    }
    let rest = words.remainder();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_be_bytes(last))
}

#[inline]
fn fold(mut total: u64) -> u16 {
    while total >> 16 != 0 {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).expect("folded to 16 bits")
}

/// Checksum of `bytes`; 0 if they include a right checksum.
#[inline]
pub fn of(bytes: &[u8]) -> u16 {
    fold(sum(0, bytes))
}

/// A checksum after one 16-bit word that it covers changed (RFC 1624); a wrong one stays wrong.
#[inline]
pub fn update(sum: u16, old: u16, new: u16) -> u16 {
    fold(u64::from(!sum) + u64::from(!old) + u64::from(new))
}

/// Checksum of a UDP or TCP segment with its IPv4 pseudo-header; 0 if the segment includes a right one.
#[inline]
pub fn with_pseudo_header(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, segment: &[u8]) -> u16 {
    let start = u64::from(u32::from(src))
        + u64::from(u32::from(dst))
        + u64::from(protocol)
        + segment.len() as u64;
    fold(sum(start, segment))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_sum_of_rfc_1071_section_3_is_found() {
        assert_eq!(!of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn an_updated_sum_is_that_of_the_changed_bytes() {
        for new in [0, 1, 0x1234, 0xffff] {
            let [a, b] = u16::to_be_bytes(new);
            let before = of(&[0x45, 0x03, 0xf4, 0xf5]);
            assert_eq!(update(before, 0x4503, new), of(&[a, b, 0xf4, 0xf5]));
        }
    }

    #[test]
    fn an_odd_byte_counts_as_the_high_half_of_a_word() {
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3, 0]));
    }
}
