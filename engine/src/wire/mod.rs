//! Bytes to header values and back. Knows no tables and no time.
//!
//! Headers are parsed and emitted with `etherparse`; this module narrows them to what the packet path reads.

pub mod arp;
pub mod checksum;
pub mod dissect;
pub mod dns;
pub mod eth;
pub mod http;
pub mod icmp;
pub mod ipv4;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod vxlan;

/// Why bytes are not the header they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Fewer bytes than the header or its length field asks for.
    Truncated { need: usize, have: usize },
    /// A field has a value that the format forbids.
    Field(&'static str),
    /// The checksum does not fit the bytes.
    Checksum,
}
