//! VXLAN headers (RFC 7348 section 5). Group policy, generic protocols and remote checksums, which use other bits, are
//! not modelled: such a header is refused as the kernel's plain VXLAN does.

use std::fmt;

/// Bytes of the header.
pub const LEN: usize = 8;
/// Bytes that a tunnel over IPv4 adds to an inner IP packet: IPv4, UDP, VXLAN and the inner Ethernet header
/// (`vxlan_headroom`).
pub const HEADROOM: u32 = 20 + 8 + 8 + 14;
/// The port IANA gave VXLAN, and the one Linux took before that.
pub const PORTS: [u16; 2] = [4789, 8472];

/// The flag that says that the identifier is valid (`VXLAN_HF_VNI`).
const VNI_FLAG: u8 = 0x08;

/// 24-bit VXLAN network identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vni(u32);

impl Vni {
    /// None above 24 bits.
    pub const fn new(raw: u32) -> Option<Self> {
        if raw < 1 << 24 { Some(Self(raw)) } else { None }
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A header as far as it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// None without the flag that says that it is valid.
    pub vni: Option<Vni>,
    /// No reserved bit is set.
    pub plain: bool,
}

impl Header {
    /// Reads the header at the start of a datagram's payload; None if it is too short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[flags, reserved @ .., high, mid, low, last] = payload.first_chunk::<LEN>()?;
        Some(Self {
            vni: (flags & VNI_FLAG != 0).then_some(Vni(u32::from_be_bytes([0, high, mid, low]))),
            plain: flags & !VNI_FLAG == 0 && reserved == [0; 3] && last == 0,
        })
    }
}

/// Appends a header.
pub fn emit(frame: &mut Vec<u8>, vni: Vni) {
    let [_, a, b, c] = vni.0.to_be_bytes();
    frame.extend_from_slice(&[VNI_FLAG, 0, 0, 0, a, b, c, 0]);
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn an_emitted_header_parses_to_itself() {
        let vni = Vni::new(0x00ab_cdef);
        let mut bytes = Vec::new();
        emit(&mut bytes, vni.expect("24 bits"));
        assert_eq!(Header::parse(&bytes), Some(Header { vni, plain: true }));
        assert_eq!(Header::parse(&bytes[..7]), None);
    }

    #[test]
    fn a_reserved_bit_makes_a_header_no_longer_plain_and_an_identifier_counts_only_with_its_flag() {
        for at in 0..LEN {
            for bit in 0..8 {
                let mut bytes = [VNI_FLAG, 0, 0, 0, 0, 0, 1, 0];
                bytes[at] ^= 1 << bit;
                let header = Header::parse(&bytes).expect("eight bytes");
                let identifier = matches!(at, 4..=6);
                assert_eq!(header.plain, identifier || (at, bit) == (0, 3), "byte {at} bit {bit}");
                assert_eq!(header.vni.is_none(), (at, bit) == (0, 3));
            }
        }
    }

    #[test]
    fn an_identifier_has_24_bits() {
        assert!(Vni::new((1 << 24) - 1).is_some());
        assert_eq!(Vni::new(1 << 24), None);
    }
}
