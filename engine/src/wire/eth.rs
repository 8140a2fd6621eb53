//! Ethernet II headers.

use crate::base::Mac;

/// Bytes of the header.
pub const LEN: usize = 14;

/// What an Ethernet frame carries. Values without a name stay as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EtherType {
    Ipv4,
    Arp,
    Ipv6,
    Unknown(u16),
}

impl EtherType {
    pub const fn from_u16(raw: u16) -> Self {
        match raw {
            0x0800 => Self::Ipv4,
            0x0806 => Self::Arp,
            0x86dd => Self::Ipv6,
            other => Self::Unknown(other),
        }
    }

    pub const fn to_u16(self) -> u16 {
        match self {
            Self::Ipv4 => 0x0800,
            Self::Arp => 0x0806,
            Self::Ipv6 => 0x86dd,
            Self::Unknown(other) => other,
        }
    }
}

/// Destination, if `frame` has a whole header; the same for the functions below.
#[inline]
pub fn dst(frame: &[u8]) -> Mac {
    mac_at(frame, 0)
}

#[inline]
pub fn src(frame: &[u8]) -> Mac {
    mac_at(frame, 6)
}

#[inline]
pub fn ether_type(frame: &[u8]) -> EtherType {
    EtherType::from_u16(u16::from_be_bytes([frame[12], frame[13]]))
}

/// Writes both addresses of an existing header.
#[inline]
pub fn set_addresses(frame: &mut [u8], dst: Mac, src: Mac) {
    frame[..6].copy_from_slice(&dst.0);
    frame[6..12].copy_from_slice(&src.0);
}

/// Appends a header to an empty buffer.
#[inline]
pub fn emit(frame: &mut Vec<u8>, dst: Mac, src: Mac, kind: EtherType) {
    frame.extend_from_slice(&dst.0);
    frame.extend_from_slice(&src.0);
    frame.extend_from_slice(&kind.to_u16().to_be_bytes());
}

#[inline]
fn mac_at(frame: &[u8], at: usize) -> Mac {
    Mac([frame[at], frame[at + 1], frame[at + 2], frame[at + 3], frame[at + 4], frame[at + 5]])
}
