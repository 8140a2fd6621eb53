//! Frames for the stimuli that put bytes on a device as they stand. Read RFC 826, 791, 792, 768 and 9293.
//!
//! Shares nothing with the engine, which has to understand them.

use std::net::Ipv4Addr;

use everyhop_engine::base::Mac;

use crate::frame::checksum;

/// An IPv4 packet to be.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub(super) src: Ipv4Addr,
    pub(super) dst: Ipv4Addr,
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) id: u16,
    pub(super) dont_fragment: bool,
}

/// `dst` and `src` before `body`.
pub(super) fn ethernet(dst: Mac, src: Mac, ether_type: u16, body: &[u8]) -> Vec<u8> {
    [&dst.0[..], &src.0, &ether_type.to_be_bytes(), body].concat()
}

/// An ARP packet: `operation` is 1 for a question and 2 for an answer.
pub(super) fn arp(operation: u8, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    [
        &[0, 1, 8, 0, 6, 4, 0, operation][..],
        &sender.0.0,
        &sender.1.octets(),
        &target.0.0,
        &target.1.octets(),
    ]
    .concat()
}

impl Ip {
    /// The packet around `body`, which is a protocol's own.
    pub(super) fn around(&self, protocol: u8, body: &[u8]) -> Vec<u8> {
        let len =
            u16::try_from(20 + body.len()).expect("generated packets are short").to_be_bytes();
        let id = self.id.to_be_bytes();
        let flags = if self.dont_fragment { 0x40 } else { 0 };
        let mut header =
            [0x45, self.tos, len[0], len[1], id[0], id[1], flags, 0, self.ttl, protocol, 0, 0]
                .to_vec();
        header.extend(self.src.octets());
        header.extend(self.dst.octets());
        let sum = checksum(&[&header]).to_be_bytes();
        header[10..12].copy_from_slice(&sum);
        header.extend(body);
        header
    }

    /// The packet around `body`, cut into pieces of `len` bytes at most, a multiple of eight.
    pub(super) fn in_pieces(&self, protocol: u8, body: &[u8], len: usize) -> Vec<Vec<u8>> {
        let n_pieces = body.len().div_ceil(len);
        let pieces = body.chunks(len).enumerate().map(|(n, piece)| {
            let mut packet = self.around(protocol, piece);
            let offset = u16::try_from(n * len / 8).expect("generated packets are short");
            let more = if n + 1 < n_pieces { 0x2000 } else { 0 };
            packet[6..8].copy_from_slice(&(offset | more).to_be_bytes());
            packet[10..12].fill(0);
            let sum = checksum(&[&packet[..20]]).to_be_bytes();
            packet[10..12].copy_from_slice(&sum);
            packet
        });
        pieces.collect()
    }

    pub(super) fn udp(&self, (sport, dport): (u16, u16), payload: &[u8]) -> Vec<u8> {
        let len =
            u16::try_from(8 + payload.len()).expect("generated packets are short").to_be_bytes();
        let mut body =
            [&sport.to_be_bytes()[..], &dport.to_be_bytes(), &len, &[0, 0], payload].concat();
        self.fill(17, &mut body, 6);
        self.around(17, &body)
    }

    /// A TCP segment without options; `flags` as in the header's 14th byte.
    pub(super) fn tcp(&self, (sport, dport): (u16, u16), flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut body = [
            &sport.to_be_bytes()[..],
            &dport.to_be_bytes(),
            &[0, 0, 16, 0, 0, 0, 32, 0, 0x50, flags, 0x20, 0, 0, 0, 0, 0],
            payload,
        ]
        .concat();
        self.fill(6, &mut body, 16);
        self.around(6, &body)
    }

    pub(super) fn icmp(&self, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut body = [&[kind, code, 0, 0][..], &rest, payload].concat();
        let sum = checksum(&[&body]).to_be_bytes();
        body[2..4].copy_from_slice(&sum);
        self.around(1, &body)
    }

    fn fill(&self, protocol: u8, body: &mut [u8], at: usize) {
        let len = u16::try_from(body.len()).expect("generated packets are short").to_be_bytes();
        let pseudo = [&self.src.octets()[..], &self.dst.octets(), &[0, protocol], &len].concat();
        let sum = match checksum(&[&pseudo, body]) {
            0 => 0xffff,
            sum => sum,
        };
        body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}
