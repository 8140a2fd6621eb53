//! Frames, routes and devices in a few words.

use std::net::Ipv4Addr;

use crate::base::{DevId, NsId, RouteId};
use crate::wire::arp::{Arp, Operation};
use crate::wire::eth::{self, EtherType};
use crate::wire::icmp::Message as Icmp;
use crate::wire::{ipv4, tcp, udp};
use crate::world::World;

/// A frame's message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    Arp(Arp),
    Udp {
        src: (Ipv4Addr, u16),
        dst: (Ipv4Addr, u16),
        payload_len: usize,
    },
    Icmp {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        message: Icmp<'a>,
    },
    Tcp {
        src: (Ipv4Addr, u16),
        dst: (Ipv4Addr, u16),
        flags: tcp::Flags,
        payload_len: usize,
    },
    /// A piece of a packet, as far as that can be told.
    Fragment {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: ipv4::Protocol,
        offset: u16,
    },
    OtherIp {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: u8,
    },
    Other(EtherType),
    Unreadable,
}

/// Reads a frame as far as it can be read.
pub fn message(frame: &[u8]) -> Message<'_> {
    if frame.len() < eth::LEN {
        return Message::Unreadable;
    }
    let payload = &frame[eth::LEN..];
    match eth::ether_type(frame) {
        EtherType::Arp => Arp::parse(payload).map_or(Message::Unreadable, Message::Arp),
        EtherType::Ipv4 => ip_message(payload).unwrap_or(Message::Unreadable),
        other => Message::Other(other),
    }
}

fn ip_message(packet: &[u8]) -> Option<Message<'_>> {
    let header = ipv4::Header::parse(packet).ok()?;
    let (src, dst) = (header.src, header.dst);
    let segment = packet.get(header.header_len..header.total_len)?;
    if header.is_fragment() {
        let (protocol, offset) = (header.protocol, header.fragment_offset);
        return Some(Message::Fragment { src, dst, protocol, offset });
    }
    Some(match header.protocol {
        ipv4::Protocol::Udp => {
            let (src_port, dst_port) = udp::ports(segment).ok()?;
            Message::Udp {
                src: (src, src_port),
                dst: (dst, dst_port),
                payload_len: segment.len() - udp::LEN,
            }
        }
        ipv4::Protocol::Icmp => Message::Icmp { src, dst, message: Icmp::parse(segment).ok()? },
        ipv4::Protocol::Tcp if !header.is_fragment() => {
            let segment = tcp::Segment::read(segment).ok()?;
            Message::Tcp {
                src: (src, segment.src_port),
                dst: (dst, segment.dst_port),
                flags: segment.header.flags,
                payload_len: segment.payload.len(),
            }
        }
        other => Message::OtherIp { src, dst, protocol: other.to_u8() },
    })
}

impl Message<'_> {
    /// What it is: `ARP request`, `UDP datagram`, `echo reply`.
    pub fn kind(&self) -> String {
        match self {
            Self::Arp(Arp { operation: Operation::Request, .. }) => "ARP request".into(),
            Self::Arp(Arp { operation: Operation::Reply, .. }) => "ARP reply".into(),
            Self::Udp { .. } => "UDP datagram".into(),
            Self::Tcp { flags, payload_len, .. } => segment_kind(*flags, *payload_len),
            Self::Icmp { message: Icmp::EchoRequest { .. }, .. } => "echo request".into(),
            Self::Icmp { message: Icmp::EchoReply { .. }, .. } => "echo reply".into(),
            Self::Icmp { message: Icmp::Timestamp { .. }, .. } => "timestamp request".into(),
            Self::Icmp { message: Icmp::Error { error, .. }, .. } => {
                format!("ICMP {}", error.words())
            }
            Self::Icmp { message: Icmp::Other { kind, code }, .. } => {
                format!("ICMP type {kind} code {code}")
            }
            Self::Fragment { protocol, .. } => match protocol {
                ipv4::Protocol::Udp => "UDP fragment".into(),
                ipv4::Protocol::Icmp => "ICMP fragment".into(),
                ipv4::Protocol::Tcp => "TCP fragment".into(),
                ipv4::Protocol::Unknown(other) => format!("fragment of IP protocol {other}"),
            },
            Self::OtherIp { protocol: 6, .. } => "TCP segment".into(),
            Self::OtherIp { protocol, .. } => format!("packet of IP protocol {protocol}"),
            Self::Other(EtherType::Ipv6) => "IPv6 packet".into(),
            Self::Other(kind) => format!("frame of type 0x{:04x}", kind.to_u16()),
            Self::Unreadable => "frame that cannot be read".into(),
        }
    }

    /// The same with addresses: `UDP 10.244.1.2:40000 → 10.244.1.3:8080`, `ARP who has 10.244.1.3? tell 10.244.1.2`.
    pub fn summary(&self) -> String {
        match self {
            Self::Arp(Arp { operation: Operation::Request, target_ip, sender_ip, .. }) => {
                format!("ARP who has {target_ip}? tell {sender_ip}")
            }
            Self::Arp(Arp { operation: Operation::Reply, sender_ip, sender_mac, .. }) => {
                format!("ARP {sender_ip} is at {sender_mac}")
            }
            Self::Udp { src, dst, .. } => format!("UDP {}:{} → {}:{}", src.0, src.1, dst.0, dst.1),
            Self::Tcp { src, dst, .. } => {
                format!("{} {}:{} → {}:{}", self.kind(), src.0, src.1, dst.0, dst.1)
            }
            Self::Icmp { src, dst, .. } => format!("{} {src} → {dst}", self.kind()),
            Self::Fragment { src, dst, offset, .. } => {
                format!("{} from byte {offset} {src} → {dst}", self.kind())
            }
            Self::OtherIp { src, dst, .. } => format!("{} {src} → {dst}", self.kind()),
            Self::Other(_) | Self::Unreadable => self.kind(),
        }
    }

    /// A tag for the moving packet: at most some twenty characters.
    pub fn tag(&self) -> String {
        match self {
            Self::Arp(Arp { operation: Operation::Request, target_ip, .. }) => {
                format!("who has {target_ip}?")
            }
            Self::Arp(Arp { operation: Operation::Reply, sender_ip, .. }) => {
                format!("I have {sender_ip}")
            }
            Self::Udp { dst, .. } => format!("UDP → {}:{}", dst.0, dst.1),
            Self::Tcp { flags, payload_len: 0, .. } => flags.to_string(),
            Self::Tcp { flags, payload_len, .. } if flags.has(tcp::Flags::FIN) => {
                format!("{payload_len} bytes, FIN")
            }
            Self::Tcp { payload_len, .. } => format!("{payload_len} bytes"),
            Self::Icmp { message: Icmp::Error { error, .. }, .. } => error.words().into(),
            Self::Icmp { dst, .. } => format!("{} → {dst}", self.kind()),
            Self::Fragment { .. } | Self::OtherIp { .. } | Self::Other(_) | Self::Unreadable => {
                self.kind()
            }
        }
    }
}

/// `TCP SYN`, `TCP segment with 18 bytes`; the acknowledgement that nearly all carry is named where there is no more.
fn segment_kind(flags: tcp::Flags, payload_len: usize) -> String {
    use tcp::Flags;
    let named = Flags(flags.0 & (Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0));
    let both = Flags::SYN.with(Flags::ACK);
    match (named, payload_len) {
        (_, 0) if flags.has(both) => format!("TCP {both}"),
        (Flags(0), 0) => "TCP ACK".into(),
        (Flags(0), n) => format!("TCP segment with {n} bytes"),
        (named, 0) => format!("TCP {named}"),
        (named, n) => format!("TCP {named} with {n} bytes"),
    }
}

/// `a` or `an`, before `word`.
pub fn a(word: &str) -> String {
    let vowel =
        word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O']) && !word.starts_with("UDP");
    format!("{} {word}", if vowel { "an" } else { "a" })
}

/// Device names as a reader of one step wants them.
pub struct Names<'a>(pub &'a World);

impl Names<'_> {
    /// `veth0`.
    pub fn short(&self, dev: DevId) -> &str {
        &self.0.devices[dev].name
    }

    /// `node-1/veth0`.
    pub fn full(&self, dev: DevId) -> String {
        self.0.device_name(dev)
    }

    /// `veth0`, or `pod-1 eth0` where other namespaces have a device of that name.
    pub fn unique(&self, dev: DevId) -> String {
        let name = self.short(dev);
        let shared = self.0.is_shared_name(name);
        if shared { format!("{} {name}", self.ns_of(dev)) } else { name.to_owned() }
    }

    /// `node-1`, where a device is.
    pub fn ns_of(&self, dev: DevId) -> &str {
        self.ns(self.0.devices[dev].ns)
    }

    pub fn ns(&self, ns: NsId) -> &str {
        &self.0.netns[ns].name
    }

    /// A policy rule as `ip rule` prints it, without its priority.
    pub fn rule(&self, ns: NsId, priority: u32) -> String {
        let rules = self.0.netns[ns].fib.rules().list();
        let rule = rules.iter().find(|rule| rule.priority == priority);
        rule.map_or_else(String::new, |rule| rule.text(|dev| self.short(dev)))
    }

    /// A route as `ip route` prints it, with its table if that is not main.
    pub fn route(&self, ns: NsId, id: RouteId) -> String {
        self.0.netns[ns].fib.route(id).text(|dev| self.short(dev))
    }
}
