//! Frames as named fields, so that a difference can be told in words. Read RFC 826, 791, 768, 792 and 9293.
//!
//! Written for this purpose alone and not shared with the engine: one parser cannot check itself. IPv6 is shown as plain
//! bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::capture::hex;

/// One field of a frame: its name and its value, both in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: String,
    pub value: String,
}

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ETHERNET_LEN: usize = 14;
const TCP_LEN: usize = 20;
/// Destination ports of VXLAN: IANA's and the one Linux had before.
const VXLAN_PORTS: [u16; 2] = [4789, 8472];
const VXLAN_LEN: usize = 8;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// What the kernel did not choose at random, and so is shown as it is.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    /// IP identifications that a stimulus spelt out; the others are `any`, and so are the source ports of their VXLAN datagrams, which
    /// are hashes with a key chosen at random. None: all are shown.
    pub ids: Option<&'a BTreeSet<u16>>,
    /// Where connections begin, if programs make connections: their numbers are then shown from there on, and the sizes of windows and
    /// the values of timestamps, which depend on the machine's memory and clock, are not. None: all are shown.
    pub connections: Option<&'a Connections>,
}

/// The first sequence numbers of all connections in a recording, by direction.
#[derive(Clone, Debug, Default)]
pub struct Connections(BTreeMap<[u8; 12], BTreeSet<u32>>);

impl Connections {
    /// Reads them from the frames that open connections.
    pub fn of<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut out = Self::default();
        for frame in frames {
            let Some(packet) = frame.get(ETHERNET_LEN..).filter(|_| ip_id(frame).is_some()) else {
                continue;
            };
            let Some(header) =
                Ipv4::parse(packet).filter(|it| it.protocol == TCP && !it.is_fragment())
            else {
                continue;
            };
            let segment = &packet[header.header_len..];
            if segment.len() >= TCP_LEN && segment[13] & SYN != 0 {
                out.0.entry(direction(packet, segment)).or_default().insert(long(segment, 4));
            }
        }
        out
    }

    /// `number` counted from the first one of its direction; `any` where that is not known.
    fn relative(&self, direction: [u8; 12], number: u32) -> String {
        let firsts = self.0.get(&direction).into_iter().flatten();
        match firsts.map(|first| number.wrapping_sub(*first)).min() {
            Some(offset) => offset.to_string(),
            None if number == 0 => "0, absolute".to_owned(),
            None => "any".to_owned(),
        }
    }
}

/// Both addresses and both ports, as they stand in the packet.
fn direction(packet: &[u8], segment: &[u8]) -> [u8; 12] {
    let mut out = [0; 12];
    out[..8].copy_from_slice(&packet[12..20]);
    out[8..].copy_from_slice(&segment[..4]);
    out
}

fn opposite(it: [u8; 12]) -> [u8; 12] {
    [it[4], it[5], it[6], it[7], it[0], it[1], it[2], it[3], it[10], it[11], it[8], it[9]]
}

/// Every field of `frame`, from the outside in. Bytes that make no sense are shown as they are.
pub fn decode(frame: &[u8], known: Known<'_>) -> Vec<Field> {
    let mut out = Fields { list: Vec::new(), prefix: String::new(), known };
    out.ethernet(frame);
    out.list
}

/// A frame in one short line, for people.
pub fn describe(fields: &[Field]) -> String {
    let get =
        |name: &str| fields.iter().find(|it| it.name == name).map_or("?", |it| it.value.as_str());
    let has = |name: &str| fields.iter().any(|it| it.name == name);
    if has("ARP operation") {
        return match get("ARP operation") {
            "request" => {
                format!("ARP who has {}, tell {}", get("ARP target IP"), get("ARP sender IP"))
            }
            op => format!("ARP {op}: {} is at {}", get("ARP sender IP"), get("ARP sender MAC")),
        };
    }
    if !has("source IP") {
        return format!("EtherType {} from {}", get("EtherType"), get("source MAC"));
    }
    let path = format!("{} > {}", get("source IP"), get("destination IP"));
    if has("UDP source port") {
        format!("UDP {path}, port {} > {}", get("UDP source port"), get("UDP destination port"))
    } else if has("TCP source port") {
        let payload_len = get("TCP payload").len() / 2;
        let numbers = format!("seq {} ack {}", get("TCP sequence"), get("TCP acknowledgement"));
        let ports = format!("port {} > {}", get("TCP source port"), get("TCP destination port"));
        format!("TCP {path}, {ports} {} {numbers}, {payload_len} bytes", get("TCP flags"))
    } else if has("ICMP type") {
        format!("ICMP {} {path}", get("ICMP type"))
    } else {
        format!("IP protocol {} {path}", get("IP protocol"))
    }
}

/// Membership reports of IGMP and MLD, which bridges and hosts send at times of their own choice.
pub fn is_noise(frame: &[u8]) -> bool {
    let at = |idx: usize| frame.get(idx).copied();
    let mld = |kind: Option<u8>| matches!(kind, Some(130..=132 | 143));
    match frame.get(12..14) {
        Some([0x08, 0x00]) => at(23) == Some(IGMP) || inside_vxlan(frame).is_some_and(is_noise),
        // MLD travels behind a hop-by-hop header with a router alert.
        Some([0x86, 0xdd]) => {
            (at(20) == Some(58) && mld(at(54)))
                || (at(20) == Some(0) && at(54) == Some(58) && mld(at(62)))
        }
        _ => false,
    }
}

/// The frame inside a whole VXLAN datagram with an ordinary header.
fn inside_vxlan(frame: &[u8]) -> Option<&[u8]> {
    const UDP_AT: usize = ETHERNET_LEN + 20;
    let is_vxlan = frame.get(ETHERNET_LEN) == Some(&0x45)
        && frame.get(23) == Some(&UDP)
        && word(frame, 20).is_some_and(|fragment| fragment << 2 == 0)
        && word(frame, UDP_AT + 2).is_some_and(|port| VXLAN_PORTS.contains(&port));
    frame.get(UDP_AT + 8 + VXLAN_LEN..).filter(|_| is_vxlan)
}

/// IP identification of an IPv4 frame.
pub fn ip_id(frame: &[u8]) -> Option<u16> {
    (frame.get(12..14)? == [0x08, 0x00]).then(|| word(frame, ETHERNET_LEN + 4)).flatten()
}

/// Completes the transport checksum of a frame taken where the kernel leaves that to the device, which on `lo` nobody does. The
/// datagram that an ICMP error quotes there was left undone too.
pub fn fill_checksums(frame: &mut [u8]) {
    if frame.get(12..14) == Some(&[0x08, 0x00]) {
        fill_ipv4(&mut frame[ETHERNET_LEN..]);
    }
}

/// Takes out what [`fill_checksums`] cannot complete: the checksum of a datagram that a quote cut short, taken on `lo`.
pub(crate) fn forget_undone(fields: &mut [Field]) {
    let is_cut = |it: &&mut Field| it.name.starts_with("quoted ") && it.name.ends_with(" checksum");
    for it in fields.iter_mut().filter(is_cut).filter(|it| it.value.starts_with("0x")) {
        "undone".clone_into(&mut it.value);
    }
}

/// The internet checksum (RFC 1071) over `parts`, each padded to full words.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 =
        words.map(|it| u32::from(it[0]) << 8 | u32::from(*it.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("the carries were folded in")
}

fn pseudo_header(packet: &[u8], protocol: u8, len: usize) -> Vec<u8> {
    let len = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [&packet[12..20], &[0, 0, 0, protocol], &len].concat()
}

fn fill_ipv4(packet: &mut [u8]) {
    let Some(header) = Ipv4::parse(packet) else { return };
    let end = header.total_len.min(packet.len());
    if header.is_fragment() || end < header.header_len || end < header.total_len {
        return;
    }
    let at = match header.protocol {
        UDP => 6,
        TCP => 16,
        ICMP => return fill_quote(&mut packet[header.header_len..end]),
        _ => return,
    };
    let pseudo = pseudo_header(packet, header.protocol, end - header.header_len);
    let body = &mut packet[header.header_len..end];
    if body.len() < at + 2 {
        return;
    }
    body[at..at + 2].fill(0);
    let sum = match checksum(&[&pseudo, body]) {
        0 if header.protocol == UDP => 0xffff,
        sum => sum,
    };
    body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

fn fill_quote(message: &mut [u8]) {
    if message.len() < 8 || !matches!(message[0], 3 | 11 | 12) {
        return;
    }
    fill_ipv4(&mut message[8..]);
    message[2..4].fill(0);
    let sum = checksum(&[message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect::<Vec<_>>().join(":")
}

fn address(bytes: &[u8]) -> String {
    <[u8; 4]>::try_from(bytes).map_or_else(|_| hex(bytes), |it| Ipv4Addr::from(it).to_string())
}

fn verdict(is_right: bool) -> String {
    (if is_right { "right" } else { "wrong" }).to_owned()
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Kinds of options in their order, with what in them does not depend on the machine.
fn options_in_words(mut options: &[u8], relative: impl Fn(u32) -> String) -> String {
    let mut out = Vec::new();
    while let [kind, rest @ ..] = options {
        let len = match (kind, rest) {
            (0 | 1, _) => 1,
            (_, [len, ..]) if (2..=options.len()).contains(&usize::from(*len)) => usize::from(*len),
            _ => options.len(),
        };
        let (option, rest) = options.split_at(len);
        out.push(match (kind, len) {
            (0, 1) => "end".to_owned(),
            (1, 1) => "nop".to_owned(),
            (2, 4) => format!("mss {}", u16::from_be_bytes([option[2], option[3]])),
            (3, 3) => "window scale".to_owned(),
            (4, 2) => "sack permitted".to_owned(),
            (5, 10 | 18 | 26 | 34) => {
                let ranges = (2..len).step_by(8);
                let ranges = ranges.map(|at| {
                    format!("{}-{}", relative(long(option, at)), relative(long(option, at + 4)))
                });
                format!("sack {}", ranges.collect::<Vec<_>>().join(" "))
            }
            (8, 10) => "timestamps".to_owned(),
            _ => hex(option),
        });
        options = rest;
    }
    out.join(", ")
}

/// The parts of an IPv4 header that say how to read on.
struct Ipv4 {
    header_len: usize,
    total_len: usize,
    id: u16,
    fragment: u16,
    protocol: u8,
}

impl Ipv4 {
    fn parse(packet: &[u8]) -> Option<Self> {
        let header_len = usize::from(packet.first()? & 0x0f) * 4;
        let is_header = packet[0] >> 4 == 4 && header_len >= 20 && packet.len() >= header_len;
        is_header.then(|| {
            let word = |at| word(packet, at).expect("the length was checked");
            Self {
                header_len,
                total_len: usize::from(word(2)),
                id: word(4),
                fragment: word(6),
                protocol: packet[9],
            }
        })
    }

    fn is_fragment(&self) -> bool {
        self.fragment & 0x3fff != 0
    }
}

struct Fields<'a> {
    list: Vec<Field>,
    /// "quoted " inside an ICMP error, "inner " inside a tunnel's datagram; one may be in the other.
    prefix: String,
    known: Known<'a>,
}

impl Fields<'_> {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.list.push(Field { name: format!("{}{name}", self.prefix), value: value.into() });
    }

    fn ethernet(&mut self, frame: &[u8]) {
        if frame.len() < ETHERNET_LEN {
            return self.add("bytes", hex(frame));
        }
        self.add("destination MAC", mac(&frame[..6]));
        self.add("source MAC", mac(&frame[6..12]));
        self.add("EtherType", format!("0x{}", hex(&frame[12..14])));
        let body = &frame[ETHERNET_LEN..];
        match frame[12..14] {
            [0x08, 0x06] if body.len() >= 28 => self.arp(body),
            [0x08, 0x00] => self.ipv4(body),
            _ => self.add("payload", hex(body)),
        }
    }

    fn arp(&mut self, body: &[u8]) {
        self.add("ARP types", hex(&body[..6]));
        self.add(
            "ARP operation",
            match body[6..8] {
                [0, 1] => "request".to_owned(),
                [0, 2] => "reply".to_owned(),
                _ => hex(&body[6..8]),
            },
        );
        self.add("ARP sender MAC", mac(&body[8..14]));
        self.add("ARP sender IP", address(&body[14..18]));
        self.add("ARP target MAC", mac(&body[18..24]));
        self.add("ARP target IP", address(&body[24..28]));
        self.rest("bytes after the ARP packet", &body[28..]);
    }

    fn ipv4(&mut self, packet: &[u8]) {
        let Some(header) = Ipv4::parse(packet) else {
            return self.add("bad IPv4 header", hex(packet));
        };
        self.add("IP TOS", format!("0x{:02x}", packet[1]));
        self.add("IP length", header.total_len.to_string());
        let id = if self.known.ids.is_none_or(|ids| ids.contains(&header.id)) {
            format!("0x{:04x}", header.id)
        } else {
            "any".to_owned()
        };
        self.add("IP identification", id);
        self.add("IP flags and fragment offset", format!("0x{:04x}", header.fragment));
        self.add("IP TTL", packet[8].to_string());
        self.add("IP protocol", header.protocol.to_string());
        self.add("IP checksum", verdict(checksum(&[&packet[..header.header_len]]) == 0));
        self.add("source IP", address(&packet[12..16]));
        self.add("destination IP", address(&packet[16..20]));
        self.rest("IP options", &packet[20..header.header_len]);
        let end = header.total_len.clamp(header.header_len, packet.len());
        let body = &packet[header.header_len..end];
        let is_whole = end == header.total_len;
        let is_tunnel = header.protocol == UDP
            && header.fragment << 3 == 0
            && word(body, 2).is_some_and(|port| VXLAN_PORTS.contains(&port));
        let any_port = is_tunnel && self.known.ids.is_some_and(|ids| !ids.contains(&header.id));
        if header.is_fragment() && any_port && body.len() >= 8 {
            self.udp(packet, body, false, any_port);
        } else if header.is_fragment() {
            self.add("fragment", hex(body));
        } else {
            match header.protocol {
                UDP if body.len() >= 8 => self.udp(packet, body, is_whole, any_port),
                TCP if body.len() >= TCP_LEN => self.tcp(packet, body, is_whole),
                ICMP if body.len() >= 8 => self.icmp(body, is_whole),
                _ => self.add("IP payload", hex(body)),
            }
        }
        self.rest("bytes after the IP packet", &packet[end..]);
    }

    fn udp(&mut self, packet: &[u8], body: &[u8], is_whole: bool, any_port: bool) {
        let word = |at| word(body, at).expect("the caller checked the length");
        let port = if any_port { "any".to_owned() } else { word(0).to_string() };
        self.add("UDP source port", port);
        self.add("UDP destination port", word(2).to_string());
        self.add("UDP length", word(4).to_string());
        let sum = match word(6) {
            0 => "none".to_owned(),
            _ if is_whole => {
                verdict(checksum(&[&pseudo_header(packet, UDP, body.len()), body]) == 0)
            }
            // The bytes it covers were cut off, so only the number itself can be compared.
            _ if any_port => "any".to_owned(),
            sum => format!("0x{sum:04x}"),
        };
        self.add("UDP checksum", sum);
        let payload = &body[8..];
        let is_vxlan = VXLAN_PORTS.contains(&word(2)) && payload.len() > VXLAN_LEN;
        if is_vxlan && self.is_shallow() {
            self.add("VXLAN header", hex(&payload[..VXLAN_LEN]));
            self.within("inner ", |it| it.ethernet(&payload[VXLAN_LEN..]));
        } else {
            self.add("UDP payload", hex(payload));
        }
    }

    fn within(&mut self, prefix: &str, decode: impl FnOnce(&mut Self)) {
        let outside = self.prefix.len();
        self.prefix.push_str(prefix);
        decode(self);
        self.prefix.truncate(outside);
    }

    /// Whether what is inside may be taken apart as well: bytes may claim to be nested to any depth.
    fn is_shallow(&self) -> bool {
        self.prefix.split_whitespace().count() < 3
    }

    fn tcp(&mut self, packet: &[u8], body: &[u8], is_whole: bool) {
        let word = |at| word(body, at).expect("the caller checked the length");
        let (there, back) = (direction(packet, body), opposite(direction(packet, body)));
        let header_len = (usize::from(body[12] >> 4) * 4).clamp(TCP_LEN, body.len());
        let options = &body[TCP_LEN..header_len];
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"].iter().enumerate();
        let flags: Vec<&str> =
            names.filter(|(bit, _)| body[13] >> bit & 1 == 1).map(|(_, name)| *name).collect();
        self.add("TCP source port", word(0).to_string());
        self.add("TCP destination port", word(2).to_string());
        self.add("TCP flags", flags.join("+"));
        let number = |at, direction| match self.known.connections {
            Some(all) => all.relative(direction, long(body, at)),
            None => long(body, at).to_string(),
        };
        let has_ack = body[13] & ACK != 0;
        let (sequence, acknowledgement) =
            (number(4, there), if has_ack { number(8, back) } else { long(body, 8).to_string() });
        let window = if self.known.connections.is_none() {
            word(14).to_string()
        } else {
            (if word(14) == 0 { "none" } else { "some" }).to_owned()
        };
        let options = match self.known.connections {
            Some(all) => options_in_words(options, |it| all.relative(back, it)),
            None => hex(options),
        };
        self.add("TCP sequence", sequence);
        self.add("TCP acknowledgement", acknowledgement);
        self.add("TCP window", window);
        self.add("TCP options", options);
        if word(18) != 0 {
            self.add("TCP urgent pointer", word(18).to_string());
        }
        if is_whole {
            let sum = checksum(&[&pseudo_header(packet, TCP, body.len()), body]);
            self.add("TCP checksum", verdict(sum == 0));
        } else if self.known.connections.is_none() {
            self.add("TCP checksum", format!("0x{:04x}", word(16)));
        }
        self.add("TCP payload", hex(&body[header_len..]));
    }

    fn icmp(&mut self, body: &[u8], is_whole: bool) {
        let name = match body[0] {
            0 => "echo reply".to_owned(),
            3 => "destination unreachable".to_owned(),
            5 => "redirect".to_owned(),
            8 => "echo request".to_owned(),
            11 => "time exceeded".to_owned(),
            12 => "parameter problem".to_owned(),
            other => other.to_string(),
        };
        self.add("ICMP type", name);
        self.add("ICMP code", body[1].to_string());
        let sum = if is_whole {
            verdict(checksum(&[body]) == 0)
        } else {
            format!("0x{}", hex(&body[2..4]))
        };
        self.add("ICMP checksum", sum);
        match body[0] {
            0 | 8 => {
                let word = |at| word(body, at).expect("the caller checked the length");
                self.add("ICMP identifier", word(4).to_string());
                self.add("ICMP sequence", word(6).to_string());
                self.add("ICMP payload", hex(&body[8..]));
            }
            13 | 14 if body.len() >= 12 => {
                self.add("ICMP identifier and sequence", hex(&body[4..8]));
                self.add("ICMP originate time", hex(&body[8..12]));
                // What clock the other end has is its own affair.
                self.add("ICMP other times", format!("{} bytes", body.len() - 12));
            }
            3 | 5 | 11 | 12 if !self.prefix.ends_with("quoted ") && self.is_shallow() => {
                self.add("ICMP rest of header", hex(&body[4..8]));
                self.within("quoted ", |it| it.ipv4(&body[8..]));
            }
            _ => self.add("ICMP body", hex(&body[4..])),
        }
    }

    /// Adds a field that most frames have no bytes for.
    fn rest(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.add(name, hex(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::unhex;

    /// A datagram "hi" from 10.0.0.1:7 to 10.0.0.2:9 with its checksum left undone.
    fn datagram() -> Vec<u8> {
        let mut frame = unhex("02000a00000202000a0000010800450000 1e100140004011 16ad0a0000010a00000200070009000a00006869".replace(' ', "").as_str())
            .expect("the digits are ours");
        let sum = checksum(&[&frame[14..24], &[0, 0], &frame[26..34]]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    fn value(frame: &[u8], name: &str) -> String {
        decode(frame, Known { ids: Some(&BTreeSet::from([0x1001])), connections: None })
            .into_iter()
            .find(|it| it.name == name)
            .map_or_else(|| "absent".to_owned(), |it| it.value)
    }

    #[test]
    fn an_undone_checksum_is_completed() {
        let mut frame = datagram();
        frame[40..42].copy_from_slice(&[0x12, 0x34]);
        assert_eq!(value(&frame, "UDP checksum"), "wrong");
        fill_checksums(&mut frame);
        assert_eq!(value(&frame, "UDP checksum"), "right");
        assert_eq!(value(&frame, "IP checksum"), "right");
    }

    #[test]
    fn an_undone_checksum_in_a_quote_is_completed() {
        let quoted = &datagram()[14..];
        let mut frame = datagram()[..34].to_vec();
        frame[23] = ICMP;
        let len = u16::try_from(20 + 8 + quoted.len()).expect("short").to_be_bytes();
        frame[16..18].copy_from_slice(&len);
        frame.extend([3, 3, 0, 0, 0, 0, 0, 0]);
        frame.extend(quoted);
        frame[68..70].copy_from_slice(&[0x12, 0x34]);
        assert_eq!(value(&frame, "quoted UDP checksum"), "wrong");
        fill_checksums(&mut frame);
        assert_eq!(value(&frame, "quoted UDP checksum"), "right");
        assert_eq!(value(&frame, "ICMP checksum"), "right");
    }

    #[test]
    fn identifications_count_only_where_a_stimulus_gave_them() {
        let mut frame = datagram();
        assert_eq!(value(&frame, "IP identification"), "0x1001");
        frame[19] = 2;
        assert_eq!(value(&frame, "IP identification"), "any");
    }

    #[test]
    fn no_bytes_make_the_decoder_panic() {
        let frame = datagram();
        for len in 0..frame.len() {
            for idx in 0..len {
                let mut cut = frame[..len].to_vec();
                cut[idx] ^= 0xff;
                let fields = decode(&cut, Known::default());
                assert!(!describe(&fields).is_empty());
                fill_checksums(&mut cut);
            }
        }
    }

    #[test]
    fn membership_reports_are_noise_and_datagrams_are_not() {
        let mut frame = datagram();
        assert!(!is_noise(&frame));
        frame[23] = IGMP;
        assert!(is_noise(&frame));
    }
}
