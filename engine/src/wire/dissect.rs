//! A frame as named fields with the bytes each one stands in, for people to read.
//!
//! Never fails: what cannot be read is shown as bytes, with what was expected there. It judges nothing; whether Linux
//! takes a frame is decided by the parsers beside it.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::eth::{self, EtherType};
use super::ipv4::{self, Protocol};
use super::{arp, checksum, dns, icmp, tcp, udp, vxlan};
use crate::base::Mac;

/// One header, or the bytes that no header claims. Layers follow each other as in the frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// As people call it: `Ethernet`, `IPv4`, `ICMP`. Layers of a packet quoted by an ICMP error say so.
    pub name: &'static str,
    /// The layer in a few words: `10.244.1.2 → 10.244.1.3, UDP`.
    pub summary: String,
    /// Where it stands in the frame.
    pub bytes: Range<usize>,
    pub fields: Vec<Field>,
}

/// One field of a header, named as Wireshark names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: &'static str,
    pub value: String,
    /// Where it stands in the frame; two fields that share a byte both name it.
    pub bytes: Range<usize>,
    /// What the value means, or what is wrong with it.
    pub note: Option<String>,
}

/// ICMP errors do not quote ICMP errors; bytes that claim so to any depth end here.
const QUOTE_DEPTH: u8 = 2;

/// Takes a frame apart, from its Ethernet header on. All bytes of it are in some layer. The frame inside a VXLAN datagram
/// is taken apart too, but not what that may carry in its turn.
pub fn dissect(frame: &[u8]) -> Vec<Layer> {
    let mut layers = plain(frame);
    tunnelled(&mut layers, frame);
    layers
}

fn plain(frame: &[u8]) -> Vec<Layer> {
    let mut layers = Vec::new();
    if frame.len() < eth::LEN {
        rest(&mut layers, frame, 0, Some(("an Ethernet header", eth::LEN)));
        return layers;
    }
    let kind = eth::ether_type(frame);
    layers.push(ethernet(frame, kind));
    match kind {
        EtherType::Ipv4 => internet(&mut layers, frame, eth::LEN, 0),
        EtherType::Arp => address_resolution(&mut layers, frame),
        EtherType::Ipv6 | EtherType::Unknown(_) => rest(&mut layers, frame, eth::LEN, None),
    }
    layers
}

/// Fields of one layer, appended in wire order.
struct Fields<'a> {
    frame: &'a [u8],
    at: usize,
    done: Vec<Field>,
}

impl<'a> Fields<'a> {
    fn new(frame: &'a [u8], at: usize) -> Self {
        Self { frame, at, done: Vec::new() }
    }

    /// The next `N` bytes as a field; the caller has checked that the header is whole.
    fn take<const N: usize>(
        &mut self,
        name: &'static str,
        render: impl FnOnce([u8; N]) -> (String, Option<String>),
    ) {
        let mut raw = [0; N];
        raw.copy_from_slice(&self.frame[self.at..self.at + N]);
        let (value, note) = render(raw);
        self.done.push(Field { name, value, bytes: self.at..self.at + N, note });
        self.at += N;
    }

    fn plain<const N: usize>(
        &mut self,
        name: &'static str,
        render: impl FnOnce([u8; N]) -> String,
    ) {
        self.take(name, |raw| (render(raw), None));
    }

    fn number(&mut self, name: &'static str) {
        self.plain(name, |raw| u16::from_be_bytes(raw).to_string());
    }

    fn mac(&mut self, name: &'static str, note: impl FnOnce(Mac) -> Option<String>) {
        self.take(name, |raw| (Mac(raw).to_string(), note(Mac(raw))));
    }

    fn ip(&mut self, name: &'static str) {
        self.plain(name, |raw: [u8; 4]| Ipv4Addr::from(raw).to_string());
    }

    /// A checksum field, with whether it fits. None: it covers bytes that are not there.
    fn checksum(&mut self, fits: Option<bool>) {
        self.take("Checksum", |raw| {
            let note = match fits {
                Some(true) => "right",
                Some(false) => "wrong: it does not fit the bytes",
                None => "covers more than is here",
            };
            (format!("0x{:04x}", u16::from_be_bytes(raw)), Some(note.into()))
        });
    }

    fn layer(self, name: &'static str, start: usize, summary: String) -> Layer {
        Layer { name, summary, bytes: start..self.at, fields: self.done }
    }
}

fn ethernet(frame: &[u8], kind: EtherType) -> Layer {
    let mut fields = Fields::new(frame, 0);
    let group = |mac: Mac| match mac {
        Mac::BROADCAST => Some("broadcast".into()),
        Mac::ZERO => Some("not filled in yet".into()),
        mac if mac.is_multicast() => Some("multicast".into()),
        _ => None,
    };
    fields.mac("Destination", group);
    fields.mac("Source", |_| None);
    fields.take("Type", |raw| {
        let name = match kind {
            EtherType::Ipv4 => Some("IPv4".into()),
            EtherType::Arp => Some("ARP".into()),
            EtherType::Ipv6 => Some("IPv6, which is not modelled".into()),
            EtherType::Unknown(_) => None,
        };
        (format!("0x{:04x}", u16::from_be_bytes(raw)), name)
    });
    let summary = format!("{} → {}", eth::src(frame), eth::dst(frame));
    fields.layer("Ethernet", 0, summary)
}

fn address_resolution(layers: &mut Vec<Layer>, frame: &[u8]) {
    let start = eth::LEN;
    if frame.len() < start + arp::LEN {
        return rest(layers, frame, start, Some(("an ARP packet", arp::LEN)));
    }
    let mut fields = Fields::new(frame, start);
    let known = |expected: u16, name: &str| {
        let name = name.to_owned();
        move |raw| {
            let value = u16::from_be_bytes(raw);
            (format!("0x{value:04x}"), (value == expected).then_some(name))
        }
    };
    fields.take("Hardware type", known(1, "Ethernet"));
    fields.take("Protocol type", known(0x0800, "IPv4"));
    fields.plain("Hardware size", |[size]: [u8; 1]| size.to_string());
    fields.plain("Protocol size", |[size]: [u8; 1]| size.to_string());
    let operation = u16::from_be_bytes([frame[start + 6], frame[start + 7]]);
    fields.take("Opcode", |raw: [u8; 2]| {
        let name = match operation {
            1 => Some("request: who has it?".into()),
            2 => Some("reply: here it is".into()),
            _ => None,
        };
        (u16::from_be_bytes(raw).to_string(), name)
    });
    let unknown = move |mac| (mac == Mac::ZERO && operation == 1).then(|| "asked for".into());
    fields.mac("Sender MAC address", |_| None);
    fields.ip("Sender IP address");
    fields.mac("Target MAC address", unknown);
    fields.ip("Target IP address");
    let summary = match arp::Arp::parse(&frame[start..]) {
        Ok(arp) => match arp.operation {
            arp::Operation::Request => {
                format!("who has {}? Tell {}", arp.target_ip, arp.sender_ip)
            }
            arp::Operation::Reply => format!("{} is at {}", arp.sender_ip, arp.sender_mac),
        },
        Err(_) => "not about IPv4 over Ethernet".into(),
    };
    let layer = fields.layer("ARP", start, summary);
    let end = layer.bytes.end;
    layers.push(layer);
    padding(layers, frame, end);
}

/// An IPv4 packet from `start` to the frame's end. `depth` counts the ICMP errors that quote it.
fn internet(layers: &mut Vec<Layer>, frame: &[u8], start: usize, depth: u8) {
    let bytes = &frame[start..];
    if bytes.len() < ipv4::LEN {
        return rest(layers, frame, start, Some(("an IPv4 header", ipv4::LEN)));
    }
    let header_len = usize::from(bytes[0] & 0x0f) * 4;
    if header_len < ipv4::LEN || header_len > bytes.len() {
        return rest(layers, frame, start, Some(("an IPv4 header", header_len.max(ipv4::LEN))));
    }
    let protocol = Protocol::from_u8(bytes[9]);
    let src = Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]);
    let dst = Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]);
    layers.push(ipv4_header(frame, start, header_len, depth));

    let body = start + header_len;
    let total_len = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    let whole = (header_len..=bytes.len()).contains(&total_len);
    let end = if whole { start + total_len } else { frame.len() };
    let inner = &frame[..end];
    let fragment_offset = u16::from_be_bytes([bytes[6], bytes[7]]) & 0x1fff;
    let first = fragment_offset == 0;
    match protocol {
        Protocol::Icmp if first => message(layers, inner, body, depth),
        Protocol::Udp if first => datagram(layers, inner, body, (src, dst), depth),
        Protocol::Tcp if first => segment(layers, inner, body, (src, dst), depth),
        Protocol::Icmp | Protocol::Udp | Protocol::Tcp | Protocol::Unknown(_) => {
            rest(layers, inner, body, None);
        }
    }
    padding(layers, frame, end);
}

fn ipv4_header(frame: &[u8], start: usize, header_len: usize, depth: u8) -> Layer {
    let bytes = &frame[start..];
    let mut fields = Fields::new(frame, start);
    let first = start..start + 1;
    let mut nibble = |name, value: String, note| {
        fields.done.push(Field { name, value, bytes: first.clone(), note });
    };
    nibble("Version", (bytes[0] >> 4).to_string(), None);
    nibble("Header length", header_len.to_string(), Some("bytes".into()));
    fields.at = start + 1;
    fields.plain("Type of service", |[tos]: [u8; 1]| format!("0x{tos:02x}"));
    let have = bytes.len();
    fields.take("Total length", |raw| {
        let total = usize::from(u16::from_be_bytes(raw));
        let note =
            if total > have { format!("bytes, of which {have} are here") } else { "bytes".into() };
        (total.to_string(), Some(note))
    });
    fields.plain("Identification", |raw| format!("0x{:04x}", u16::from_be_bytes(raw)));
    let flags = u16::from_be_bytes([bytes[6], bytes[7]]);
    let word = fields.at..fields.at + 2;
    let flag_names = match (flags & 0x4000 != 0, flags & 0x2000 != 0) {
        (true, true) => Some("don't fragment, more fragments"),
        (true, false) => Some("don't fragment"),
        (false, true) => Some("more fragments"),
        (false, false) => None,
    };
    fields.done.push(Field {
        name: "Flags",
        value: format!("{:03b}", flags >> 13),
        bytes: word.clone(),
        note: flag_names.map(Into::into),
    });
    fields.done.push(Field {
        name: "Fragment offset",
        value: ((flags & 0x1fff) * 8).to_string(),
        bytes: word,
        note: None,
    });
    fields.at += 2;
    fields.take("Time to live", |[ttl]: [u8; 1]| (ttl.to_string(), Some("hops".into())));
    let protocol = Protocol::from_u8(bytes[9]);
    fields.take("Protocol", |[raw]: [u8; 1]| (raw.to_string(), protocol_name(protocol)));
    fields.checksum(Some(checksum::of(&bytes[..header_len]) == 0));
    fields.ip("Source");
    fields.ip("Destination");
    let options = start + ipv4::LEN..start + header_len;
    if !options.is_empty() {
        let value = hex(&frame[options.clone()]);
        fields.done.push(Field { name: "Options", value, bytes: options.clone(), note: None });
        fields.at = options.end;
    }
    let ends = format!(
        "{} → {}",
        Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]),
        Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19])
    );
    let name = if depth == 0 { "IPv4" } else { "IPv4 (quoted)" };
    fields.layer(name, start, ends)
}

fn protocol_name(protocol: Protocol) -> Option<String> {
    match protocol {
        Protocol::Icmp => Some("ICMP".into()),
        Protocol::Tcp => Some("TCP".into()),
        Protocol::Udp => Some("UDP".into()),
        Protocol::Unknown(_) => None,
    }
}

/// An ICMP message that ends with `frame`.
fn message(layers: &mut Vec<Layer>, frame: &[u8], start: usize, depth: u8) {
    let bytes = &frame[start..];
    if bytes.len() < icmp::LEN {
        return rest(layers, frame, start, Some(("an ICMP header", icmp::LEN)));
    }
    let (kind, code) = (bytes[0], bytes[1]);
    let says = icmp_name(kind, code);
    let mut fields = Fields::new(frame, start);
    fields.take("Type", |[raw]: [u8; 1]| (raw.to_string(), Some(says.into())));
    fields.plain("Code", |[raw]: [u8; 1]| raw.to_string());
    // A quoted message is cut, so its sum says nothing.
    fields.checksum((depth == 0).then(|| checksum::of(bytes) == 0));
    let echo = matches!(kind, 0 | 8);
    if echo {
        fields.number("Identifier");
        fields.number("Sequence number");
    } else {
        fields.plain("Unused", |raw: [u8; 4]| hex(&raw));
    }
    let name = if depth == 0 { "ICMP" } else { "ICMP (quoted)" };
    layers.push(fields.layer(name, start, says.into()));
    let body = start + icmp::LEN;
    if matches!(kind, 3 | 4 | 5 | 11 | 12) && depth < QUOTE_DEPTH {
        internet(layers, frame, body, depth + 1);
    } else {
        rest(layers, frame, body, None);
    }
}

fn icmp_name(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (0, _) => "echo reply",
        (3, 0) => icmp::Error::NetUnreachable.words(),
        (3, 1) => icmp::Error::HostUnreachable.words(),
        (3, 3) => icmp::Error::PortUnreachable.words(),
        (3, _) => "destination unreachable",
        (4, _) => "source quench",
        (5, _) => "redirect",
        (8, _) => "echo request",
        (11, 0) => "time to live exceeded",
        (11, _) => "time exceeded",
        (12, _) => "parameter problem",
        _ => "another ICMP message",
    }
}

/// A UDP datagram that ends with `frame`.
fn datagram(
    layers: &mut Vec<Layer>,
    frame: &[u8],
    start: usize,
    (src, dst): (Ipv4Addr, Ipv4Addr),
    depth: u8,
) {
    let bytes = &frame[start..];
    if bytes.len() < udp::LEN {
        return rest(layers, frame, start, Some(("a UDP header", udp::LEN)));
    }
    let len = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let whole = bytes.get(..len).filter(|_| len >= udp::LEN);
    let mut fields = Fields::new(frame, start);
    fields.number("Source port");
    fields.number("Destination port");
    fields.take("Length", |raw| (u16::from_be_bytes(raw).to_string(), Some("bytes".into())));
    if bytes[6..8] == [0, 0] {
        fields.take("Checksum", |_: [u8; 2]| ("0x0000".into(), Some("none".into())));
    } else {
        let protocol = Protocol::Udp.to_u8();
        fields.checksum(
            whole.map(|segment| checksum::with_pseudo_header(src, dst, protocol, segment) == 0),
        );
    }
    let ports = format!(
        "port {} → {}",
        u16::from_be_bytes([bytes[0], bytes[1]]),
        u16::from_be_bytes([bytes[2], bytes[3]])
    );
    let name = if depth == 0 { "UDP" } else { "UDP (quoted)" };
    layers.push(fields.layer(name, start, ports));
    let body = start + udp::LEN;
    let is_dns = bytes[0..2] == dns::PORT.to_be_bytes() || bytes[2..4] == dns::PORT.to_be_bytes();
    match dns::Message::parse_placed(&frame[body..]) {
        Ok((message, places)) if is_dns && depth == 0 => {
            name_service(layers, frame, body, &message, &places);
        }
        Ok(_) | Err(_) => rest(layers, frame, body, None),
    }
}

/// A DNS message, with the places of its questions and records.
fn name_service(
    layers: &mut Vec<Layer>,
    frame: &[u8],
    start: usize,
    message: &dns::Message,
    places: &[dns::Placed],
) {
    let mut fields = Fields::new(frame, start);
    fields.plain("Transaction ID", |raw| format!("0x{:04x}", u16::from_be_bytes(raw)));
    fields.take("Flags", |raw| {
        (format!("0x{:04x}", u16::from_be_bytes(raw)), Some(dns_flags(message)))
    });
    for name in ["Questions", "Answer RRs", "Authority RRs", "Additional RRs"] {
        fields.number(name);
    }
    let queries = message.questions.iter().map(|it| ("Query", format!("{} {}", it.name, it.kind)));
    let records = |name, records: &[dns::Record]| -> Vec<_> {
        records.iter().map(|it| (name, it.to_string())).collect()
    };
    let answers = records("Answer", &message.answers);
    let authority = records("Authority", &message.authority);
    let additional = records("Additional", &message.additional);
    let mut items = queries.chain(answers).chain(authority).chain(additional);
    for placed in places {
        let size = message.edns.filter(|_| placed.is_opt);
        let opt = size.map(|size| ("Additional", format!("OPT: takes {size} bytes")));
        let Some((name, value)) = opt.or_else(|| items.next()) else { break };
        let bytes = fields.at..start + placed.end;
        fields.at = bytes.end;
        fields.done.push(Field { name, value, bytes, note: None });
    }
    let end = fields.at;
    layers.push(fields.layer("DNS", start, dns_summary(message)));
    rest(layers, frame, end, None);
}

fn dns_flags(message: &dns::Message) -> String {
    let flags = message.flags;
    let mut words = vec![if flags.response { "response" } else { "query" }.to_owned()];
    for (set, word) in [
        (flags.authoritative, "authoritative"),
        (flags.truncated, "truncated"),
        (flags.recursion_desired, "recursion desired"),
        (flags.recursion_available, "recursion available"),
    ] {
        words.extend(set.then(|| word.to_owned()));
    }
    if flags.response {
        words.push(message.rcode.to_string());
    }
    words.join(", ")
}

fn dns_summary(message: &dns::Message) -> String {
    let asked = match message.questions.first() {
        Some(question) => format!("{} {}", question.kind, question.name),
        None => "nothing".into(),
    };
    if !message.flags.response {
        return format!("{asked}?");
    }
    if message.rcode != dns::Rcode::NoError {
        return format!("{asked}: {}", message.rcode);
    }
    let answers: Vec<_> = message.answers.iter().map(|it| it.data.to_string()).collect();
    match answers.as_slice() {
        [] => format!("{asked}: none"),
        answers => format!("{asked}: {}", answers.join(", ")),
    }
}

/// Takes the payload of a VXLAN datagram apart.
fn tunnelled(layers: &mut Vec<Layer>, frame: &[u8]) {
    let [_, _, udp, payload] = layers.as_slice() else { return };
    let start = payload.bytes.start;
    let is_tunnel = udp.name == "UDP"
        && payload.name == "Payload"
        && vxlan::PORTS.contains(&u16::from_be_bytes([
            frame[udp.bytes.start + 2],
            frame[udp.bytes.start + 3],
        ]));
    let header = vxlan::Header::parse(&frame[start..payload.bytes.end]).filter(|_| is_tunnel);
    let Some(vni) = header.and_then(|header| header.vni) else { return };
    let end = layers.pop().map_or(start, |payload| payload.bytes.end);
    let mut fields = Fields::new(frame, start);
    fields.plain("Flags", |[raw]: [u8; 1]| format!("0x{raw:02x}"));
    fields.plain("Reserved", |raw: [u8; 3]| hex(&raw));
    fields.plain("Network identifier", |_: [u8; 3]| vni.to_string());
    fields.plain("Reserved, last byte", |raw: [u8; 1]| hex(&raw));
    layers.push(fields.layer("VXLAN", start, format!("network {vni}")));
    let inner = start + vxlan::LEN;
    for mut layer in plain(&frame[inner..end]) {
        let shifted = |bytes: &Range<usize>| bytes.start + inner..bytes.end + inner;
        layer.bytes = shifted(&layer.bytes);
        for field in &mut layer.fields {
            field.bytes = shifted(&field.bytes);
        }
        layer.name = match layer.name {
            "Ethernet" => "Ethernet (inside)",
            "ARP" => "ARP (inside)",
            "IPv4" => "IPv4 (inside)",
            "ICMP" => "ICMP (inside)",
            "UDP" => "UDP (inside)",
            "TCP" => "TCP (inside)",
            "DNS" => "DNS (inside)",
            other => other,
        };
        layers.push(layer);
    }
}

/// A TCP segment that ends with `frame`.
fn segment(
    layers: &mut Vec<Layer>,
    frame: &[u8],
    start: usize,
    (src, dst): (Ipv4Addr, Ipv4Addr),
    depth: u8,
) {
    let bytes = &frame[start..];
    let header_len = bytes.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4).max(tcp::LEN);
    if bytes.len() < header_len {
        return rest(layers, frame, start, Some(("a TCP header", header_len)));
    }
    let number = |raw| u32::from_be_bytes(raw).to_string();
    let flags = tcp::Flags(bytes[13]);
    let mut fields = Fields::new(frame, start);
    fields.number("Source port");
    fields.number("Destination port");
    fields.plain("Sequence number", number);
    fields.plain("Acknowledgement number", number);
    fields.take("Header length", |_: [u8; 1]| (header_len.to_string(), Some("bytes".into())));
    fields.take("Flags", |[raw]: [u8; 1]| (format!("0x{raw:02x}"), Some(flags.to_string())));
    fields.number("Window");
    // A quoted segment is cut, so its sum says nothing.
    let protocol = Protocol::Tcp.to_u8();
    fields.checksum(
        (depth == 0).then(|| checksum::with_pseudo_header(src, dst, protocol, bytes) == 0),
    );
    fields.number("Urgent pointer");
    let end = start + header_len;
    if fields.at < end {
        let options = tcp::Options::parse(&frame[fields.at..end], flags.has(tcp::Flags::SYN));
        fields.done.push(Field {
            name: "Options",
            value: hex(&frame[fields.at..end]),
            bytes: fields.at..end,
            note: option_names(&options),
        });
        fields.at = end;
    }
    let summary = format!(
        "port {} → {}, {flags}",
        u16::from_be_bytes([bytes[0], bytes[1]]),
        u16::from_be_bytes([bytes[2], bytes[3]])
    );
    let name = if depth == 0 { "TCP" } else { "TCP (quoted)" };
    layers.push(fields.layer(name, start, summary));
    rest(layers, frame, end, None);
}

fn option_names(options: &tcp::Options) -> Option<String> {
    let mut names = Vec::new();
    if let Some(mss) = options.mss {
        names.push(format!("maximum segment size {mss}"));
    }
    if options.sack_permitted {
        names.push("selective acknowledgements".into());
    }
    if let Some(tcp::Timestamps { value, echo }) = options.timestamps {
        names.push(format!("timestamp {value}, echo {echo}"));
    }
    if let Some(shift) = options.window_scale {
        names.push(format!("windows shifted by {shift}"));
    }
    for (from, to) in options.sacks.iter().flatten() {
        names.push(format!("has {} to {}", from.0, to.0));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// The bytes from `start` to the frame's end as a layer of their own, if there are any.
/// `expected`: what should stand there and how many bytes it needs.
fn rest(
    layers: &mut Vec<Layer>,
    frame: &[u8],
    start: usize,
    expected: Option<(&'static str, usize)>,
) {
    let bytes = start..frame.len();
    if bytes.is_empty() && expected.is_none() {
        return;
    }
    let note = expected.map(|(what, need)| format!("{what} of {need} bytes should be here"));
    let data = &frame[bytes.clone()];
    layers.push(Layer {
        name: if expected.is_some() { "Unreadable" } else { "Payload" },
        summary: match data.len() {
            1 => "1 byte".into(),
            n => format!("{n} bytes"),
        },
        fields: vec![Field { name: "Data", value: readable(data), bytes: bytes.clone(), note }],
        bytes,
    });
}

/// Bytes after the packet's own end, which short frames have on a real cable.
fn padding(layers: &mut Vec<Layer>, frame: &[u8], start: usize) {
    if start < frame.len() {
        rest(layers, frame, start, None);
        if let Some(layer) = layers.last_mut() {
            layer.name = "Padding";
        }
    }
}

/// Text in quotes where all of it is printable ASCII, else hexadecimal.
fn readable(bytes: &[u8]) -> String {
    let printable = bytes.iter().all(|&b| b == b' ' || b.is_ascii_graphic());
    match std::str::from_utf8(bytes) {
        Ok(text) if printable && !text.is_empty() => format!("\"{text}\""),
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::Rng;

    const A: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);
    const B: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 3);

    fn header(protocol: Protocol, payload_len: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        eth::emit(&mut frame, Mac::from_ipv4(B), Mac::from_ipv4(A), EtherType::Ipv4);
        ipv4::Emit {
            tos: 0,
            identification: 1,
            dont_fragment: true,
            ttl_hops: 64,
            protocol,
            src: A,
            dst: B,
        }
        .emit(&mut frame, payload_len);
        frame
    }

    fn hello() -> Vec<u8> {
        let mut frame = header(Protocol::Udp, udp::LEN + 5);
        udp::emit(&mut frame, (A, 40000), (B, 8080), b"hello");
        frame
    }

    fn names(layers: &[Layer]) -> Vec<&str> {
        layers.iter().map(|l| l.name).collect()
    }

    fn field<'a>(layers: &'a [Layer], layer: &str, name: &str) -> &'a Field {
        let found = layers.iter().find(|l| l.name == layer);
        found
            .and_then(|l| l.fields.iter().find(|f| f.name == name))
            .unwrap_or_else(|| panic!("no field {layer}/{name}"))
    }

    #[test]
    fn a_datagram_reads_as_ethernet_ipv4_udp_and_its_text() {
        let layers = dissect(&hello());
        assert_eq!(names(&layers), ["Ethernet", "IPv4", "UDP", "Payload"]);
        assert_eq!(field(&layers, "IPv4", "Destination").value, "10.244.1.3");
        assert_eq!(field(&layers, "IPv4", "Destination").bytes, 30..34);
        assert_eq!(field(&layers, "UDP", "Destination port").value, "8080");
        assert_eq!(field(&layers, "UDP", "Checksum").note.as_deref(), Some("right"));
        assert_eq!(field(&layers, "Payload", "Data").value, "\"hello\"");
    }

    /// A query, or the response to it with one address.
    fn dns(answered: bool) -> Vec<u8> {
        let name = dns::Name::new("api.default.svc.cluster.local").expect("a good name");
        let question = dns::Question { name: name.clone(), kind: dns::Type::A };
        let mut message = dns::Message::query(7, question);
        if answered {
            message = message.reply(dns::Rcode::NoError);
            message.edns = Some(1232);
            let data = dns::Data::A(B);
            message.answers.push(dns::Record { name, ttl_s: 30, data });
        }
        let bytes = message.emit(512);
        let ports = if answered { (53, 40000) } else { (40000, 53) };
        let mut frame = header(Protocol::Udp, udp::LEN + bytes.len());
        udp::emit(&mut frame, (A, ports.0), (B, ports.1), &bytes);
        frame
    }

    #[test]
    fn a_name_shows_as_it_is_asked_for_and_answered() {
        let query = dissect(&dns(false));
        assert_eq!(names(&query), ["Ethernet", "IPv4", "UDP", "DNS"]);
        assert_eq!(query[3].summary, "A api.default.svc.cluster.local.?");
        let response = dissect(&dns(true));
        assert_eq!(response[3].summary, "A api.default.svc.cluster.local.: 10.244.1.3");
        let note = field(&response, "DNS", "Flags").note.as_deref();
        assert_eq!(note, Some("response, recursion desired, NOERROR"));
        let answer = field(&response, "DNS", "Answer");
        assert_eq!(answer.value, "api.default.svc.cluster.local. 30 IN A 10.244.1.3");
        assert_eq!(answer.bytes.len(), 45);
        assert_eq!(field(&response, "DNS", "Additional").value, "OPT: takes 1232 bytes");
    }

    #[test]
    fn a_segment_shows_its_flags_and_options() {
        let mut frame = header(Protocol::Tcp, tcp::LEN + 4);
        let options = tcp::Options { mss: Some(1460), ..tcp::Options::default() };
        let syn = tcp::Header { flags: tcp::Flags::SYN, options, ..tcp::Header::default() };
        tcp::emit(&mut frame, (A, 40000), (B, 8080), &syn, &[]);
        let layers = dissect(&frame);
        assert_eq!(names(&layers), ["Ethernet", "IPv4", "TCP"]);
        assert_eq!(layers[2].summary, "port 40000 → 8080, SYN");
        assert_eq!(field(&layers, "TCP", "Checksum").note.as_deref(), Some("right"));
        let note = field(&layers, "TCP", "Options").note.as_deref();
        assert_eq!(note, Some("maximum segment size 1460"));
    }

    #[test]
    fn a_tunnels_datagram_shows_the_frame_inside() {
        let inner = hello();
        let len = udp::LEN + vxlan::LEN + inner.len();
        let mut frame = header(Protocol::Udp, len);
        udp::emit_header(&mut frame, (50000, 4789), len);
        vxlan::emit(&mut frame, vxlan::Vni::new(5).expect("24 bits"));
        let start = frame.len();
        frame.extend_from_slice(&inner);
        let layers = dissect(&frame);
        assert_eq!(
            names(&layers),
            [
                "Ethernet",
                "IPv4",
                "UDP",
                "VXLAN",
                "Ethernet (inside)",
                "IPv4 (inside)",
                "UDP (inside)",
                "Payload"
            ]
        );
        assert_eq!(field(&layers, "VXLAN", "Network identifier").value, "5");
        let dst = field(&layers, "IPv4 (inside)", "Destination");
        assert_eq!((&*dst.value, dst.bytes.clone()), ("10.244.1.3", start + 30..start + 34));
        assert_eq!(layers.last().map(|it| it.bytes.end), Some(frame.len()));
    }

    #[test]
    fn a_changed_byte_shows_as_a_wrong_checksum() {
        let mut frame = hello();
        let last = frame.len() - 1;
        frame[last] ^= 1;
        let layers = dissect(&frame);
        assert!(
            field(&layers, "UDP", "Checksum").note.as_deref().unwrap_or("").starts_with("wrong")
        );
        assert_eq!(field(&layers, "IPv4", "Checksum").note.as_deref(), Some("right"));
    }

    #[test]
    fn an_arp_request_says_who_asks_for_whom() {
        let mut frame = Vec::new();
        eth::emit(&mut frame, Mac::BROADCAST, Mac::from_ipv4(A), EtherType::Arp);
        let operation = arp::Operation::Request;
        arp::Arp {
            operation,
            sender_mac: Mac::from_ipv4(A),
            sender_ip: A,
            target_mac: Mac::ZERO,
            target_ip: B,
        }
        .emit(&mut frame);
        let layers = dissect(&frame);
        assert_eq!(layers[1].summary, "who has 10.244.1.3? Tell 10.244.1.2");
        assert_eq!(field(&layers, "ARP", "Target IP address").bytes, 38..42);
    }

    #[test]
    fn an_icmp_error_shows_the_packet_it_quotes_as_layers() {
        let quoted = hello();
        let packet = &quoted[eth::LEN..];
        let mut frame = header(Protocol::Icmp, icmp::LEN + packet.len());
        icmp::emit_error(&mut frame, icmp::Error::PortUnreachable, packet);
        let layers = dissect(&frame);
        let expected = ["Ethernet", "IPv4", "ICMP", "IPv4 (quoted)", "UDP (quoted)", "Payload"];
        assert_eq!(names(&layers), expected);
        assert_eq!(layers[2].summary, "port unreachable");
    }

    #[test]
    fn bytes_behind_the_packet_are_padding() {
        let mut frame = hello();
        frame.resize(60, 0);
        assert_eq!(names(&dissect(&frame)), ["Ethernet", "IPv4", "UDP", "Payload", "Padding"]);
    }

    #[test]
    fn a_header_cut_short_says_what_should_be_there() {
        let layers = dissect(&hello()[..20]);
        assert_eq!(names(&layers), ["Ethernet", "Unreadable"]);
        let note = field(&layers, "Unreadable", "Data").note.as_deref();
        assert_eq!(note, Some("an IPv4 header of 20 bytes should be here"));
    }

    /// Every byte is shown exactly once, whatever the bytes are: layers join without gap or overlap.
    fn check_covers(frame: &[u8]) {
        let layers = dissect(frame);
        let mut end = 0;
        for layer in &layers {
            assert_eq!(layer.bytes.start, end, "{frame:02x?}: {layers:?}");
            end = layer.bytes.end;
            for field in &layer.fields {
                assert!(
                    layer.bytes.start <= field.bytes.start && field.bytes.end <= layer.bytes.end,
                    "{field:?} is outside of its layer"
                );
            }
        }
        assert_eq!(end, frame.len(), "{frame:02x?}: {layers:?}");
    }

    #[test]
    fn any_bytes_are_shown_whole_and_never_panic() {
        let quoted = hello();
        let packet = &quoted[eth::LEN..];
        let mut error = header(Protocol::Icmp, icmp::LEN + packet.len());
        icmp::emit_error(&mut error, icmp::Error::TtlExceeded, packet);
        let mut rng = Rng::new(1);
        let mut syn = header(Protocol::Tcp, tcp::LEN + 8);
        let options = tcp::Options { mss: Some(1460), sack_permitted: true, ..Default::default() };
        let flags = tcp::Flags::SYN;
        let syn_header = tcp::Header { flags, options, ..tcp::Header::default() };
        tcp::emit(&mut syn, (A, 40000), (B, 8080), &syn_header, &[]);
        for (whole, n) in [
            (hello(), 20_000),
            (error, 20_000),
            (syn, 20_000),
            (dns(false), 4_000),
            (dns(true), 4_000),
        ] {
            for cut in 0..=whole.len() {
                check_covers(&whole[..cut]);
            }
            for _ in 0..n {
                let mut frame = whole.clone();
                for _ in 0..3 {
                    let at = usize::from(rng.bits16()) % frame.len();
                    [frame[at], _] = rng.bits16().to_be_bytes();
                }
                check_covers(&frame);
            }
        }
    }
}
