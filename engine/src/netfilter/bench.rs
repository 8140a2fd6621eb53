//! For the tests of connection tracking and translation: a router without devices, whose nat table is two closures'
//! worth of ranges, and packets to send through it.

use std::net::Ipv4Addr;

use super::At;
use super::conntrack::Conntrack;
use super::nat::{self, Range};
use crate::base::{Hook, Id, Nanos, NsId, PacketId, Rng};
use crate::skb::{BufPool, Ct, CtInfo, Skb};
use crate::trace::{Ctx, DropReason, Next, PacketIds, Recorder};
use crate::wire::ipv4::{self, Protocol};
use crate::wire::{checksum, eth, icmp};

pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub(super) const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
pub(super) const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 1);

/// An address and a port.
pub(crate) type End = (Ipv4Addr, u16);

pub(super) struct Bench {
    pub ct: Conntrack,
    pub now: Nanos,
    pub trace: Recorder,
    rng: Rng,
    bufs: BufPool,
    packets: PacketIds,
    out: Vec<Next>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let mut ct = Conntrack::default();
        ct.set_on(true);
        ct.set_nat_on(true);
        Self {
            ct,
            now: Nanos::ZERO,
            trace: Recorder::default(),
            rng: Rng::new(1),
            bufs: BufPool::default(),
            packets: PacketIds::default(),
            out: Vec::new(),
        }
    }

    pub(super) fn split(&mut self) -> (Ctx<'_, Recorder>, &mut Conntrack) {
        let ctx = Ctx {
            now: self.now,
            rng: &mut self.rng,
            trace: &mut self.trace,
            bufs: &mut self.bufs,
            packets: &mut self.packets,
            out: &mut self.out,
        };
        (ctx, &mut self.ct)
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Nanos::from_secs(seconds);
    }

    /// PREROUTING: tracking, then the destination.
    pub(super) fn come(&mut self, packet: Vec<u8>, dnat: Option<Range>) -> Result<Skb, DropReason> {
        let mut skb = Skb::new(PacketId::from_index(0), packet);
        let (mut ctx, ct) = self.split();
        ct.packet_in(&mut ctx, at(Hook::PreRouting), &mut skb)?;
        self.translate(Hook::PreRouting, &mut skb, dnat)?;
        Ok(skb)
    }

    /// POSTROUTING: the source, then into the table.
    pub(super) fn go(&mut self, mut skb: Skb, snat: Option<Range>) -> Result<Skb, DropReason> {
        self.translate(Hook::PostRouting, &mut skb, snat)?;
        let (mut ctx, ct) = self.split();
        ct.confirm(&mut ctx, at(Hook::PostRouting), &mut skb)?;
        Ok(skb)
    }

    fn translate(
        &mut self,
        hook: Hook,
        skb: &mut Skb,
        range: Option<Range>,
    ) -> Result<(), DropReason> {
        let side = nat::side_of(hook);
        let (mut ctx, ct) = self.split();
        if nat::wants_rules(ct, skb, side) {
            if let Some(range) = range {
                nat::setup(&mut ctx, ct, at(hook), skb, &range, side)?;
            }
            nat::bind_null(&mut ctx, ct, at(hook), skb, side)?;
        }
        nat::rewrite(&mut ctx, ct, at(hook), skb, side)
    }

    /// Both hooks, with a range for the destination and one for the source of new connections.
    pub(super) fn pass(
        &mut self,
        packet: Vec<u8>,
        (dnat, snat): (Option<Range>, Option<Range>),
    ) -> Result<Skb, DropReason> {
        let skb = self.come(packet, dnat)?;
        self.go(skb, snat)
    }

    /// The only connection in the table, as `conntrack -L` shows it.
    pub(super) fn listed(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .ct
            .iter(self.now)
            .map(|(_, entry)| {
                let [there, back] = entry.tuples;
                let answered = if entry.status().has(crate::base::Status::SEEN_REPLY) {
                    ""
                } else {
                    " [UNREPLIED]"
                };
                let assured = if entry.status().has(crate::base::Status::ASSURED) {
                    " [ASSURED]"
                } else {
                    ""
                };
                let state = entry.tcp_state().map_or(String::new(), |it| format!(" {}", it.name()));
                let end = |addr: Ipv4Addr, port: u16| format!("{addr}:{port}");
                format!(
                    "{}{state} {}>{}{answered} {}>{}{assured}",
                    entry.expires_in(self.now).0 / 1_000_000_000,
                    end(there.src, there.src_port),
                    end(there.dst, there.dst_port),
                    end(back.src, back.src_port),
                    end(back.dst, back.dst_port),
                )
            })
            .collect();
        lines.sort();
        lines
    }
}

pub(crate) fn at(hook: Hook) -> At {
    At { ns: NsId::from_index(0), hook, in_dev: None, out_dev: None }
}

/// A range of one address.
pub(super) fn to(addr: Ipv4Addr) -> Range {
    Range { addrs: Some((addr, addr)), ..Range::default() }
}

/// A range of one address and one port.
pub(super) fn to_port((addr, port): End) -> Range {
    Range { ports: Some((port, port)), ..to(addr) }
}

/// How a packet relates to its connection; None if it has none.
pub(super) fn info(skb: &Skb) -> Option<CtInfo> {
    match skb.ct {
        Ct::Tracked { info, .. } => Some(info),
        Ct::None | Ct::Untracked | Ct::Template(_) => None,
    }
}

/// Source and destination of a UDP or TCP packet.
pub(super) fn ends(skb: &Skb) -> (End, End) {
    let ip = skb.payload();
    let addr = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let port = |at: usize| u16::from_be_bytes([ip[at], ip[at + 1]]);
    ((addr(12), port(20)), (addr(16), port(22)))
}

/// Whether all checksums of a packet are right, those of a quoted packet too.
pub(super) fn sums_are_right(ip: &[u8]) -> bool {
    let Ok(header) = ipv4::Header::parse(ip) else { return false };
    let data = &ip[header.header_len..header.total_len];
    match header.protocol {
        Protocol::Icmp => {
            let quotes = icmp::is_error_type(data[0]);
            checksum::of(data) == 0 && (!quotes || sums_are_right(&data[8..]))
        }
        Protocol::Udp if data[6..8] == [0, 0] => true,
        other => checksum::with_pseudo_header(header.src, header.dst, other.to_u8(), data) == 0,
    }
}

pub(super) fn packet(protocol: Protocol, src: Ipv4Addr, dst: Ipv4Addr, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; eth::LEN];
    ipv4::Emit { tos: 0, identification: 0, dont_fragment: true, ttl_hops: 64, protocol, src, dst }
        .emit(&mut frame, data.len());
    frame.extend_from_slice(data);
    frame
}

pub(crate) fn udp(src: End, dst: End) -> Vec<u8> {
    let mut data = [src.1.to_be_bytes(), dst.1.to_be_bytes(), [0, 13], [0, 0]].concat();
    data.extend_from_slice(b"hello");
    let sum = match checksum::with_pseudo_header(src.0, dst.0, 17, &data) {
        0 => 0xffff,
        sum => sum,
    };
    data[6..8].copy_from_slice(&sum.to_be_bytes());
    packet(Protocol::Udp, src.0, dst.0, &data)
}

/// A TCP segment with a window of 1000 and no options.
pub(crate) fn tcp(src: End, dst: End, flags: u8, (seq, ack): (u32, u32), data: &[u8]) -> Vec<u8> {
    let mut segment = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
    segment.extend_from_slice(&seq.to_be_bytes());
    segment.extend_from_slice(&ack.to_be_bytes());
    segment.extend_from_slice(&[5 << 4, flags, 0x03, 0xe8, 0, 0, 0, 0]);
    segment.extend_from_slice(data);
    let sum = checksum::with_pseudo_header(src.0, dst.0, 6, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    packet(Protocol::Tcp, src.0, dst.0, &segment)
}

pub(super) fn echo(src: Ipv4Addr, dst: Ipv4Addr, kind: icmp::Echo, id: u16) -> Vec<u8> {
    let mut data = Vec::new();
    icmp::emit_echo(&mut data, kind, (id, 1), b"ping");
    packet(Protocol::Icmp, src, dst, &data)
}

/// An ICMP error about a packet as it was when its sender was told.
pub(super) fn error(src: Ipv4Addr, dst: Ipv4Addr, error: icmp::Error, about: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    icmp::emit_error(&mut data, error, about);
    packet(Protocol::Icmp, src, dst, &data)
}
