//! Rewrites a packet's addresses, ports and checksums in place. Read `net/netfilter/nf_nat_proto.c` first.
//!
//! Checksums are mended, not made anew: one that was wrong stays wrong. Left out: GRE and UDP-Lite.

use std::net::Ipv4Addr;

use crate::base::{Side, Tuple};
use crate::netfilter::conntrack::{ICMP, Packet, SCTP, TCP, UDP};
use crate::wire::{checksum, icmp};

/// Where the fields lie in an IPv4 header.
const CHECKSUM: usize = 10;
const SRC: usize = 12;
const DST: usize = 16;

/// An address with its port, or with the id of an echo.
pub(super) type End = (Ipv4Addr, u16);

/// Gives a packet that lies `from` in `bytes` the source or destination of `target` (`nf_nat_ipv4_manip_pkt`): what it
/// was and what it is now, or None if too little of the packet is there.
pub(super) fn manipulate(
    bytes: &mut [u8],
    from: usize,
    target: &Tuple,
    side: Side,
) -> Option<(End, End)> {
    let ip = bytes.get_mut(from..)?;
    let header_len = usize::from(ip.first()? & 0xf) * 4;
    let (at, addr) = match side {
        Side::Source => (SRC, target.src),
        Side::Destination => (DST, target.dst),
    };
    let (header, data) = ip.split_at_mut_checked(header_len)?;
    let field: &mut [u8; 4] = header.get_mut(at..at + 4)?.try_into().ok()?;
    let old = *field;
    let new = addr.octets();
    let (old_port, new_port) = manipulate_data(data, target, side, (old, new))?;
    *field = new;
    mend(header, CHECKSUM, &old, &new);
    Some(((Ipv4Addr::from(old), old_port), (addr, new_port)))
}

/// `l4proto_manip_pkt`: ports or an id, and the checksum that covers them.
fn manipulate_data(
    data: &mut [u8],
    target: &Tuple,
    side: Side,
    (old_addr, new_addr): ([u8; 4], [u8; 4]),
) -> Option<(u16, u16)> {
    let (at, port) = match side {
        Side::Source => (0, target.src_port),
        Side::Destination => (2, target.dst_port),
    };
    // Eight bytes of the header are there at least; of a quote there may be no more.
    let set = |data: &mut [u8], at: usize, value: u16| {
        let field: &mut [u8; 2] = data.get_mut(at..at + 2)?.try_into().ok()?;
        let old = std::mem::replace(field, value.to_be_bytes());
        Some((old, value.to_be_bytes()))
    };
    let (old, new) = match target.protocol {
        TCP => {
            data.get(..8)?;
            let (old, new) = set(data, at, port)?;
            if data.len() >= 20 {
                mend(data, 16, &old_addr, &new_addr);
                mend(data, 16, &old, &new);
            }
            (old, new)
        }
        UDP => {
            let summed = data.get(6..8)? != [0, 0];
            let (old, new) = set(data, at, port)?;
            if summed {
                mend(data, 6, &old_addr, &new_addr);
                mend(data, 6, &old, &new);
                // A sum that comes out as zero is written as ffff, since zero means none.
                if data[6..8] == [0, 0] {
                    data[6..8].fill(0xff);
                }
            }
            (old, new)
        }
        SCTP => {
            data.get(..8)?;
            let (old, new) = set(data, at, port)?;
            if data.len() >= 12 {
                data[8..12].fill(0);
                let sum = crc32c(data);
                data[8..12].copy_from_slice(&sum.to_le_bytes());
            }
            (old, new)
        }
        ICMP => {
            let kind = *data.get(..icmp::LEN)?.first()?;
            if icmp::is_error_type(kind) || matches!(kind, 9 | 10) {
                return Some((0, 0));
            }
            let (old, new) = set(data, 4, target.src_port)?;
            mend(data, 2, &old, &new);
            (old, new)
        }
        _ => return Some((0, 0)),
    };
    Some((u16::from_be_bytes(old), u16::from_be_bytes(new)))
}

/// The checksum of an SCTP packet whose own field is zero (`sctp_compute_cksum`, RFC 9260 appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    !crc
}

/// Mends the checksum that stands `at` for a change of some of the bytes it covers (`csum_replace4`, RFC 1624).
fn mend(bytes: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let Some(field) = bytes.get_mut(at..at + 2) else { return };
    let sum_of = |words: &[u8], turn: u16| -> u32 {
        let pairs = words.chunks_exact(2);
        pairs.map(|it| u32::from(u16::from_be_bytes([it[0], it[1]]) ^ turn)).sum()
    };
    // A multiple of ffff changes nothing but that the sum is never zero, which would come out as ffff.
    let mut sum = 0xffff + sum_of(field, 0xffff) + sum_of(old, 0xffff) + sum_of(new, 0);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let check = !u16::try_from(sum).unwrap_or(u16::MAX);
    field.copy_from_slice(&check.to_be_bytes());
}

/// The ICMP error in a packet, if its checksum is right: its type, and where the quote begins.
pub(super) fn icmp_error(packet: &[u8]) -> Option<(u8, usize)> {
    let parsed = Packet::of(packet)?;
    let kind = *parsed.data.get(..icmp::LEN + crate::wire::ipv4::LEN)?.first()?;
    parsed.checksum_is_right().then_some((kind, parsed.header_len + icmp::LEN))
}

/// Makes the checksum of an ICMP message anew that begins `at`.
pub(super) fn sum_icmp(packet: &mut [u8], at: usize) {
    let Some(message) = packet.get_mut(at..) else { return };
    message[2..4].fill(0);
    let sum = checksum::of(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_port_of_sctp_is_replaced_and_the_checksum_made_anew() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
        let chunk = [1, 0, 0, 4];
        let mut packet = vec![0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, SCTP, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 96, 0, 10, 0x9c, 0x40, 0, 53, 0, 0, 0, 0, 9, 9, 9, 9]);
        packet.extend(chunk);
        let to = Ipv4Addr::new(10, 1, 1, 2);
        let src = Ipv4Addr::new(10, 0, 0, 1);
        let target = Tuple { src, dst: to, src_port: 40_000, dst_port: 5353, protocol: SCTP };
        let changed = manipulate(&mut packet, 0, &target, Side::Destination);
        assert_eq!(changed, Some(((Ipv4Addr::new(10, 96, 0, 10), 53), (to, 5353))));
        let sum = [packet[28], packet[29], packet[30], packet[31]];
        packet[28..32].fill(0);
        assert_eq!(sum, crc32c(&packet[20..]).to_le_bytes());
        assert_eq!(packet[16..24], [10, 1, 1, 2, 0x9c, 0x40, 0x14, 0xe9]);
    }
}
