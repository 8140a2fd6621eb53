//! What a tracked connection is known by: tuple, direction, zone, status bits, TCP state. Read
//! `include/net/netfilter/nf_conntrack_tuple.h` and `include/uapi/linux/netfilter/nf_conntrack_common.h` first.
//!
//! The table itself is [`netfilter::conntrack`](crate::netfilter::conntrack); these are the words that packets, events
//! and listings share with it.

use std::net::Ipv4Addr;

/// ICMP, as connection tracking treats it apart: no ports, but an id.
const ICMP: u8 = 1;

/// One direction of a connection (`struct nf_conntrack_tuple`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tuple {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    /// Source port; of ICMP the id; of other protocols zero (`src.u.all`).
    pub src_port: u16,
    /// Destination port; of ICMP type and code, a byte each; of other protocols zero (`dst.u.all`).
    pub dst_port: u16,
    /// The protocol number of IP.
    pub protocol: u8,
}

impl Tuple {
    /// ICMP types that are asked and answered, and what answers them (`invmap`).
    const fn icmp_answer(kind: u8) -> Option<u8> {
        match kind {
            8 => Some(0),
            0 => Some(8),
            13 => Some(14),
            14 => Some(13),
            15 => Some(16),
            16 => Some(15),
            17 => Some(18),
            18 => Some(17),
            _ => None,
        }
    }

    /// The tuple of a packet the other way (`nf_ct_invert_tuple`); None for an ICMP type that has no answer.
    #[inline]
    pub fn inverted(&self) -> Option<Self> {
        let (src_port, dst_port) = if self.protocol == ICMP {
            let [kind, code] = self.dst_port.to_be_bytes();
            (self.src_port, u16::from_be_bytes([Self::icmp_answer(kind)?, code]))
        } else {
            (self.dst_port, self.src_port)
        };
        Some(Self { src: self.dst, dst: self.src, src_port, dst_port, protocol: self.protocol })
    }
}

/// A direction of a connection (`enum ip_conntrack_dir`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dir {
    /// As its first packet went.
    Original,
    Reply,
}

impl Dir {
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// Which end of a packet a translation changes (`enum nf_nat_manip_type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    Source,
    Destination,
}

impl Side {
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Destination,
            Self::Destination => Self::Source,
        }
    }
}

/// A zone keeps equal tuples of different networks apart (`struct nf_conntrack_zone`, `-j CT --zone`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Zone {
    pub id: u16,
    /// None: it counts for both directions; else for this one only, the other being in zone 0 (`--zone-orig`,
    /// `--zone-reply`).
    pub only: Option<Dir>,
}

impl Zone {
    pub const DEFAULT: Self = Self { id: 0, only: None };

    /// The zone's number for one direction (`nf_ct_zone_id`).
    #[inline]
    pub fn id_of(self, dir: Dir) -> u16 {
        if self.only.is_none_or(|only| only == dir) { self.id } else { 0 }
    }
}

/// A connection's status bits (`enum ip_conntrack_status`), with the kernel's values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Status(pub u16);

impl Status {
    /// It was expected by a helper. This engine has no helpers.
    pub const EXPECTED: Self = Self(1 << 0);
    /// Packets went both ways.
    pub const SEEN_REPLY: Self = Self(1 << 1);
    /// It is never dropped early to make room.
    pub const ASSURED: Self = Self(1 << 2);
    /// Its first packet got through, and it is in the table.
    pub const CONFIRMED: Self = Self(1 << 3);
    /// Its source is translated.
    pub const SRC_NAT: Self = Self(1 << 4);
    /// Its destination is translated.
    pub const DST_NAT: Self = Self(1 << 5);
    pub const NAT_MASK: Self = Self(Self::SRC_NAT.0 | Self::DST_NAT.0);
    /// The nat table has decided about its source, be it to leave it.
    pub const SRC_NAT_DONE: Self = Self(1 << 7);
    /// The nat table has decided about its destination.
    pub const DST_NAT_DONE: Self = Self(1 << 8);
    pub const NAT_DONE_MASK: Self = Self(Self::SRC_NAT_DONE.0 | Self::DST_NAT_DONE.0);
    /// It is out of the table; packets that still belong to it are translated all the same.
    pub const DYING: Self = Self(1 << 9);
    pub const FIXED_TIMEOUT: Self = Self(1 << 10);
    /// It is in the table for its replies only, since its original tuple was taken when it was confirmed.
    pub const NAT_CLASH: Self = Self(1 << 12);

    /// Whether any of these bits is set.
    #[inline]
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }

    #[inline]
    pub const fn set(&mut self, bits: Self) {
        self.0 |= bits.0;
    }
}

/// Where a TCP connection stands, as somebody in the middle sees it (`enum tcp_conntrack`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum TcpState {
    #[default]
    None,
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
    SynSent2,
}

impl TcpState {
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait,
        Self::CloseWait,
        Self::LastAck,
        Self::TimeWait,
        Self::Close,
        Self::SynSent2,
    ];

    /// As `conntrack -L` prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait => "FIN_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::TimeWait => "TIME_WAIT",
            Self::Close => "CLOSE",
            Self::SynSent2 => "SYN_SENT2",
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn tuple(protocol: u8, src_port: u16, dst_port: u16) -> Tuple {
        let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        Tuple { src, dst, src_port, dst_port, protocol }
    }

    #[test]
    fn a_reply_has_addresses_and_ports_the_other_way() {
        let there = tuple(17, 40000, 53);
        let back = there.inverted().expect("UDP answers UDP");
        assert_eq!(
            (back.src, back.dst, back.src_port, back.dst_port),
            (there.dst, there.src, 53, 40000)
        );
        assert_eq!(back.inverted(), Some(there));
    }

    #[test]
    fn an_echo_is_answered_under_the_same_id_and_an_icmp_error_not_at_all() {
        let back = tuple(1, 7, 0x0800).inverted().expect("echo has a reply");
        assert_eq!((back.src_port, back.dst_port), (7, 0x0000));
        assert_eq!(tuple(1, 7, 0x0303).inverted(), None);
    }

    #[test]
    fn a_zone_of_one_direction_is_zone_zero_in_the_other() {
        let zone = Zone { id: 5, only: Some(Dir::Original) };
        assert_eq!((zone.id_of(Dir::Original), zone.id_of(Dir::Reply)), (5, 0));
    }
}
