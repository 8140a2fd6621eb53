//! Frames as `tcpdump -n` prints them (version 4.99: `print-arp.c`, `print-tcp.c`, `print-domain.c` and so on). What it
//! would print and this does not know is left out, never guessed.

use std::net::Ipv4Addr;

use everyhop_engine::base::Mac;
use everyhop_engine::wire::arp::{Arp, Operation};
use everyhop_engine::wire::dns;
use everyhop_engine::wire::eth::{self, EtherType};
use everyhop_engine::wire::icmp::{self, Error};
use everyhop_engine::wire::ipv4::{Header, Protocol};
use everyhop_engine::wire::tcp::{Flags, Segment, Seq};
use everyhop_engine::wire::{udp, vxlan};

/// Ports whose payload tcpdump takes for HTTP.
const HTTP_PORTS: [u16; 4] = [80, 591, 3128, 8080];
const DNS_PORT: u16 = 53;

/// One running tcpdump: it counts a connection's bytes from the first segment it sees with an acknowledgement.
#[derive(Debug, Default)]
pub struct Tcpdump {
    flows: Vec<Flow>,
}

#[derive(Debug)]
struct Flow {
    ends: [(Ipv4Addr, u16); 2],
    /// Where each end's numbers begin.
    starts: [Seq; 2],
}

impl Tcpdump {
    /// A frame in one line; one more for what a tunnel carries.
    pub fn line(&mut self, frame: &[u8]) -> String {
        if frame.len() < eth::LEN {
            return format!("[a frame of {} bytes]", frame.len());
        }
        let body = &frame[eth::LEN..];
        match eth::ether_type(frame) {
            EtherType::Arp => arp(body),
            EtherType::Ipv4 => match Header::parse(body) {
                Ok(header) => self.packet(&header, &body[header.header_len..header.total_len]),
                Err(_) => "IP, bad header".into(),
            },
            EtherType::Ipv6 => "IP6".into(),
            EtherType::Unknown(other) => format!("ethertype 0x{other:04x}, length {}", frame.len()),
        }
    }

    fn packet(&mut self, header: &Header, payload: &[u8]) -> String {
        let (src, dst) = (header.src, header.dst);
        match header.protocol {
            Protocol::Udp if !header.is_fragment() => match udp::ports(payload) {
                Ok(ports) => self.datagram((src, dst), ports, &payload[udp::LEN..]),
                Err(_) => format!("IP {src} > {dst}: UDP, cut short"),
            },
            Protocol::Tcp if !header.is_fragment() => match Segment::read(payload) {
                Ok(segment) => self.segment((src, dst), &segment, payload),
                Err(_) => format!("IP {src} > {dst}: TCP, cut short"),
            },
            Protocol::Icmp if !header.is_fragment() => {
                format!("IP {src} > {dst}: ICMP {}, length {}", message(payload), payload.len())
            }
            Protocol::Icmp | Protocol::Udp | Protocol::Tcp | Protocol::Unknown(_) => {
                format!("IP {src} > {dst}: ip-proto-{}", header.protocol.to_u8())
            }
        }
    }

    fn datagram(
        &mut self,
        (src, dst): (Ipv4Addr, Ipv4Addr),
        (from, to): (u16, u16),
        payload: &[u8],
    ) -> String {
        let line = format!("IP {src}.{from} > {dst}.{to}: ");
        if from == DNS_PORT || to == DNS_PORT {
            let message = dns::Message::parse_placed(payload);
            return line + &message.map_or("domain".into(), |(it, _)| question(&it, payload.len()));
        }
        let header = vxlan::Header::parse(payload).filter(|_| vxlan::PORTS.contains(&to));
        if let Some(vni) = header.and_then(|header| header.vni) {
            let inside = self.line(&payload[vxlan::LEN..]);
            // The port that Linux was first to use belongs to another protocol, whose header looks the same.
            return if to == vxlan::PORTS[1] {
                format!("{line}OTV, flags [I] (0x08), overlay 0, instance {vni}\n{inside}")
            } else {
                format!("{line}VXLAN, flags [I] (0x08), vni {vni}\n{inside}")
            };
        }
        format!("{line}UDP, length {}", payload.len())
    }

    fn segment(
        &mut self,
        (src, dst): (Ipv4Addr, Ipv4Addr),
        segment: &Segment<'_>,
        bytes: &[u8],
    ) -> String {
        let header = &segment.header;
        let (from, to) = ((src, segment.src_port), (dst, segment.dst_port));
        let (mut seq, mut ack) = (header.seq, header.ack);
        let [own, other] = self.starts(from, to, header.flags, (seq, ack));
        (seq, ack) = (Seq(seq.since(own)), Seq(ack.since(other)));
        let len = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
        let mut line = format!("IP {src}.{} > {dst}.{}: Flags [", from.1, to.1);
        line.push_str(&flags(header.flags));
        line.push(']');
        let counts = Flags(Flags::SYN.0 | Flags::FIN.0 | Flags::RST.0);
        if len > 0 {
            line.push_str(&format!(", seq {}:{}", seq.0, seq.plus(len).0));
        } else if header.flags.0 & counts.0 != 0 {
            line.push_str(&format!(", seq {}", seq.0));
        }
        if header.flags.has(Flags::ACK) {
            line.push_str(&format!(", ack {}", ack.0));
        }
        line.push_str(&format!(", win {}", header.window));
        let head = bytes.len() - segment.payload.len();
        let options = options(bytes.get(20..head).unwrap_or_default(), other);
        if !options.is_empty() {
            line.push_str(&format!(", options [{options}]"));
        }
        line.push_str(&format!(", length {len}"));
        if len > 0 && (HTTP_PORTS.contains(&from.1) || HTTP_PORTS.contains(&to.1)) {
            line.push_str(": HTTP");
            let first = segment.payload.split(|&byte| byte == b'\r' || byte == b'\n').next();
            let first = first.and_then(|it| std::str::from_utf8(it).ok());
            if let Some(first) = first.filter(|it| it.contains("HTTP/1.")) {
                line.push_str(&format!(": {first}"));
            }
        }
        line
    }

    /// What the sender's and the other end's numbers are counted from (`tcp_print`).
    fn starts(
        &mut self,
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
        flags: Flags,
        (seq, ack): (Seq, Seq),
    ) -> [Seq; 2] {
        if !flags.has(Flags::ACK) {
            return [Seq(0); 2];
        }
        let known = self.flows.iter_mut().find(|it| it.ends == [from, to] || it.ends == [to, from]);
        let begins = [seq, Seq(ack.0.wrapping_sub(1))];
        match known {
            Some(flow) if flags.has(Flags::SYN) => {
                (flow.ends, flow.starts) = ([from, to], begins);
                [Seq(0); 2]
            }
            Some(Flow { ends, starts: [a, b] }) if *ends == [from, to] => [*a, *b],
            Some(Flow { starts: [a, b], .. }) => [*b, *a],
            None => {
                self.flows.push(Flow { ends: [from, to], starts: begins });
                [Seq(0); 2]
            }
        }
    }
}

fn arp(body: &[u8]) -> String {
    let Ok(arp) = Arp::parse(body) else { return "ARP, not for IPv4 over Ethernet".into() };
    let asked = match arp.target_mac {
        Mac::ZERO => String::new(),
        mac => format!(" ({mac})"),
    };
    let what = match arp.operation {
        Operation::Request => {
            format!("Request who-has {}{asked} tell {}", arp.target_ip, arp.sender_ip)
        }
        Operation::Reply => format!("Reply {} is-at {}", arp.sender_ip, arp.sender_mac),
    };
    format!("ARP, {what}, length {}", body.len())
}

fn flags(flags: Flags) -> String {
    let named = [
        (Flags::FIN, 'F'),
        (Flags::SYN, 'S'),
        (Flags::RST, 'R'),
        (Flags::PSH, 'P'),
        (Flags::ACK, '.'),
        (Flags::URG, 'U'),
        (Flags::ECE, 'E'),
        (Flags::CWR, 'W'),
    ];
    let letters: String =
        named.iter().filter(|(bit, _)| flags.has(*bit)).map(|(_, letter)| letter).collect();
    if letters.is_empty() { "none".into() } else { letters }
}

/// A header's options in their order. `acknowledged`: what the numbers of ranges are counted from.
fn options(mut bytes: &[u8], acknowledged: Seq) -> String {
    let mut words: Vec<String> = Vec::new();
    let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |n, &byte| n << 8 | u32::from(byte));
    while let [kind, rest @ ..] = bytes {
        match kind {
            0 => {
                words.push("eol".into());
                break;
            }
            1 => {
                words.push("nop".into());
                bytes = rest;
                continue;
            }
            _ => {}
        }
        let len = rest.first().map_or(0, |&len| usize::from(len));
        let Some(value) = bytes.get(2..len) else { break };
        words.push(match (kind, value.len()) {
            (2, 2) => format!("mss {}", number(value)),
            (3, 1) => format!("wscale {}", number(value)),
            (4, 0) => "sackOK".into(),
            (5, n) if n > 0 && n % 8 == 0 => {
                let edge = |bytes: &[u8]| number(bytes).wrapping_sub(acknowledged.0);
                let ranges = value.chunks(8);
                let ranges: String = ranges
                    .map(|it| format!("{{{}:{}}}", edge(&it[..4]), edge(&it[4..])))
                    .fold(String::new(), |all, range| all + &range);
                format!("sack {} {ranges}", n / 8)
            }
            (8, 8) => format!("TS val {} ecr {}", number(&value[..4]), number(&value[4..])),
            _ => format!("unknown-{kind}"),
        });
        bytes = &bytes[len..];
    }
    words.join(",")
}

/// A DNS message in a datagram of so many bytes (`domain_print`).
fn question(message: &dns::Message, len: usize) -> String {
    let flags = message.flags;
    let mark = |set: bool, mark: &'static str| if set { mark } else { "" };
    if !flags.response {
        let asked: String = message.questions.iter().fold(String::new(), |all, it| {
            all + &format!(" {}? {}", it.kind, dotted(&it.name.to_string()))
        });
        let more = message.additional.len() + usize::from(message.edns.is_some());
        let more = if more > 0 { format!(" [{more}au]") } else { String::new() };
        return format!(
            "{}{}{more}{asked} ({len})",
            message.id,
            mark(flags.recursion_desired, "+")
        );
    }
    let rcode = match message.rcode {
        dns::Rcode::NoError => String::new(),
        dns::Rcode::NxDomain => " NXDomain".into(),
        dns::Rcode::ServFail => " ServFail".into(),
        dns::Rcode::Refused => " Refused".into(),
        dns::Rcode::FormErr => " FormErr".into(),
        other => format!(" {other}"),
    };
    let answers: Vec<String> =
        message.answers.iter().map(|it| format!(" {} {}", it.data.kind(), it.data)).collect();
    format!(
        "{}{rcode}{}{}{} {}/{}/{}{} ({len})",
        message.id,
        mark(flags.authoritative, "*"),
        mark(!flags.recursion_available, "-"),
        mark(flags.truncated, "|"),
        message.answers.len(),
        message.authority.len(),
        message.additional.len() + usize::from(message.edns.is_some()),
        answers.join(",")
    )
}

fn dotted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}

fn message(payload: &[u8]) -> String {
    match icmp::Message::parse(payload) {
        Ok(icmp::Message::EchoRequest { id, seq, .. }) => {
            format!("echo request, id {id}, seq {seq}")
        }
        Ok(icmp::Message::EchoReply { id, seq, .. }) => format!("echo reply, id {id}, seq {seq}"),
        Ok(icmp::Message::Timestamp { id, seq, .. }) => {
            format!("time stamp query id {id} seq {seq}")
        }
        Ok(icmp::Message::Error { error, quote }) => error_text(error, &quote),
        Ok(icmp::Message::Other { kind, .. }) => format!("type-#{kind}"),
        Err(_) => "bad message".into(),
    }
}

/// An error about a packet (`icmp_print`).
fn error_text(error: Error, quote: &icmp::Quote) -> String {
    let dst = quote.dst;
    let port = u16::from_be_bytes([quote.start[2], quote.start[3]]);
    match error {
        Error::NetUnreachable => format!("net {dst} unreachable"),
        Error::HostUnreachable => format!("host {dst} unreachable"),
        Error::ProtocolUnreachable => {
            format!("{dst} protocol {} unreachable", quote.protocol.to_u8())
        }
        Error::PortUnreachable => match quote.protocol {
            Protocol::Udp => format!("{dst} udp port {port} unreachable"),
            Protocol::Tcp => format!("{dst} tcp port {port} unreachable"),
            Protocol::Icmp | Protocol::Unknown(_) => {
                format!("{dst} protocol {} port {port} unreachable", quote.protocol.to_u8())
            }
        },
        Error::FragmentationNeeded { mtu_bytes } => {
            format!("{dst} unreachable - need to frag (mtu {mtu_bytes})")
        }
        Error::NetProhibited => format!("net {dst} unreachable - admin prohibited"),
        Error::HostProhibited => format!("host {dst} unreachable - admin prohibited"),
        Error::AdminProhibited => format!("host {dst} unreachable - admin prohibited filter"),
        Error::ParameterProblem { pointer } => format!("parameter problem - octet {pointer}"),
        Error::Redirect { gateway } => format!("redirect {dst} to host {gateway}"),
        Error::TtlExceeded => "time exceeded in-transit".into(),
        Error::ReassemblyTimeout => "ip reassembly time exceeded".into(),
    }
}
