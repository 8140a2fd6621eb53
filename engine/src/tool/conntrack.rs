//! `conntrack`: connections as `conntrack -L -o extended` lists them and as `-E` reports them, read and written.
//!
//! Read `src/conntrack/snprintf_default.c` of `libnetfilter_conntrack` first. Counters are shown where there are any
//! (`nf_conntrack_acct`); labels, time stamps and security contexts are not.

use std::fmt;
use std::net::Ipv4Addr;

use crate::base::{Dir, Nanos, Status, TcpState, Tuple, Zone, sort_by};
use crate::netfilter::conntrack::{Conntrack, Counter, Entry, Known};
use crate::skb::Mark;
use crate::trace::{CtNow, CtReport};

const ICMP: u8 = 1;
const TCP: u8 = 6;

/// The connections of a namespace as `conntrack -L -o extended` lists them, sorted.
pub fn list(conntrack: &Conntrack, now: Nanos) -> Vec<String> {
    let mut lines: Vec<String> =
        conntrack.iter(now).map(|(_, entry)| Shown::listed(entry, now).to_string()).collect();
    sort_by(&mut lines, Ord::cmp);
    lines
}

/// What makes such a connection, as arguments of `conntrack`; None where it has no options for it. What a connection counted
/// and which windows it saw begin anew.
pub fn command(entry: &Entry, now: Nanos) -> Option<String> {
    let (original, reply) = (entry.tuple(Dir::Original), entry.tuple(Dir::Reply));
    let (protocol, status) = (original.protocol, entry.status());
    let name = match (name_of(protocol), has_ports(protocol) || protocol == ICMP) {
        ("unknown", _) => protocol.to_string(),
        (name, true) => name.to_owned(),
        (_, false) => return None,
    };
    let mut out = format!("-I -p {name} -s {} -d {}", original.src, original.dst);
    let mut add = |text: String| out.push_str(&text);
    if protocol == ICMP {
        let [kind, code] = original.dst_port.to_be_bytes();
        add(format!(" --icmp-type {kind} --icmp-code {code} --icmp-id {}", original.src_port));
        if reply.src_port != original.src_port {
            return None;
        }
    } else if has_ports(protocol) {
        add(format!(" --sport {} --dport {}", original.src_port, original.dst_port));
    }
    add(format!(" -t {}", entry.seconds_left(now).max(1)));
    if let Some(state) = entry.tcp_state() {
        add(format!(" --state {}", state.name()));
    }
    let words = [(Status::SEEN_REPLY, "SEEN_REPLY"), (Status::ASSURED, "ASSURED")];
    let words: Vec<&str> =
        words.iter().filter(|(bit, _)| status.has(*bit)).map(|(_, word)| *word).collect();
    if !words.is_empty() {
        add(format!(" -u {}", words.join(",")));
    }
    for (bit, option, addr, port) in [
        (Status::SRC_NAT, "--src-nat", reply.dst, reply.dst_port),
        (Status::DST_NAT, "--dst-nat", reply.src, reply.src_port),
    ] {
        if status.has(bit) {
            add(format!(" {option} {addr}"));
            if has_ports(protocol) {
                add(format!(":{port}"));
            }
        }
    }
    if entry.mark().0 != 0 {
        add(format!(" -m {}", entry.mark().0));
    }
    let Zone { id, only } = entry.zone;
    if id != 0 {
        let option = match only {
            None => "-w",
            Some(Dir::Original) => "--orig-zone",
            Some(Dir::Reply) => "--reply-zone",
        };
        add(format!(" {option} {id}"));
    }
    Some(out)
}

/// A line of `conntrack -E -o extended`, from a report and what is known of the connection.
pub fn event(report: CtReport, tuples: [Tuple; 2], now: &CtNow) -> String {
    let timeout_s = (report != CtReport::Destroy || now.timeout_s > 0).then_some(now.timeout_s);
    let mark = (now.mark.0 != 0).then_some(now.mark);
    let shown = Shown {
        tuples,
        zone: now.zone,
        status: now.status,
        tcp: now.tcp,
        timeout_s,
        mark,
        counters: None,
        in_use: false,
    };
    format!("{:>9} {shown}", report.name())
}

/// What a line shows.
struct Shown {
    tuples: [Tuple; 2],
    zone: Zone,
    status: Status,
    tcp: Option<TcpState>,
    timeout_s: Option<u32>,
    mark: Option<Mark>,
    counters: Option<[Counter; 2]>,
    /// Listings say by how many a connection is held: by the table.
    in_use: bool,
}

impl Shown {
    fn listed(entry: &Entry, now: Nanos) -> Self {
        Self {
            tuples: [entry.tuple(Dir::Original), entry.tuple(Dir::Reply)],
            zone: entry.zone,
            status: entry.status(),
            tcp: entry.tcp_state(),
            timeout_s: Some(entry.seconds_left(now)),
            mark: Some(entry.mark()),
            counters: entry.counters.as_deref().copied(),
            in_use: true,
        }
    }

    /// One direction: addresses, ports, what only it has.
    fn direction(&self, f: &mut fmt::Formatter<'_>, dir: Dir) -> fmt::Result {
        let it = &self.tuples[dir as usize];
        write!(f, " src={} dst={}", it.src, it.dst)?;
        if it.protocol == ICMP {
            let [kind, code] = it.dst_port.to_be_bytes();
            write!(f, " type={kind} code={code} id={}", it.src_port)?;
        } else if has_ports(it.protocol) {
            write!(f, " sport={} dport={}", it.src_port, it.dst_port)?;
        }
        if self.zone.only == Some(dir) {
            let name = if dir == Dir::Original { "orig" } else { "reply" };
            write!(f, " zone-{name}={}", self.zone.id)?;
        }
        if let Some(counters) = &self.counters {
            let Counter { packets, bytes } = counters[dir as usize];
            write!(f, " packets={packets} bytes={bytes}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.tuples[0].protocol;
        write!(f, "ipv4     2 {:<8} {protocol}", name_of(protocol))?;
        if let Some(timeout_s) = self.timeout_s {
            write!(f, " {timeout_s}")?;
        }
        if let Some(state) = self.tcp {
            write!(f, " {}", state.name())?;
        }
        self.direction(f, Dir::Original)?;
        if !self.status.has(Status::SEEN_REPLY) {
            f.write_str(" [UNREPLIED]")?;
        }
        self.direction(f, Dir::Reply)?;
        if self.status.has(Status::ASSURED) {
            f.write_str(" [ASSURED]")?;
        }
        if let Some(mark) = self.mark {
            write!(f, " mark={}", mark.0)?;
        }
        if self.zone.only.is_none() && self.zone.id != 0 {
            write!(f, " zone={}", self.zone.id)?;
        }
        if self.in_use {
            f.write_str(" use=1")?;
        }
        Ok(())
    }
}

/// `proto2str`.
const fn name_of(protocol: u8) -> &'static str {
    match protocol {
        ICMP => "icmp",
        TCP => "tcp",
        17 => "udp",
        33 => "dccp",
        47 => "gre",
        132 => "sctp",
        136 => "udplite",
        _ => "unknown",
    }
}

const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | 17 | 33 | 132 | 136)
}

/// Why a line is not understood: the word where that shows, and what is wrong with it.
pub type Refused<'a> = (&'a str, String);

/// Reads a line of `conntrack -L -o extended`; None for one of IPv6, which is left out.
pub fn parse(line: &str) -> Result<Option<Known>, Refused<'_>> {
    let mut words = line.split_whitespace();
    let mut next = |what: &str| words.next().ok_or_else(|| (line, format!("expected {what}")));
    match next("a line of conntrack -L -o extended")? {
        "ipv4" => {}
        "ipv6" => return Ok(None),
        other => {
            return Err((other, "expected ipv4, as conntrack -L -o extended prints it".into()));
        }
    }
    next("the number 2, of IPv4")?;
    next("a protocol")?;
    let protocol: u8 = number(next("the protocol's number")?)?;
    if matches!(protocol, 47 | 132 | 136) {
        let name = name_of(protocol);
        return Err((name, format!("connections of {name} are not modelled")));
    }
    let mut read = Reading::new(protocol);
    for word in words {
        read.word(word)?;
    }
    read.known(line).map(Some)
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, Refused<'_>> {
    let value = word.rsplit('=').next().unwrap_or(word);
    value.parse().map_err(|_| (word, "expected a number within its bounds".into()))
}

/// A line while its words are read.
struct Reading {
    protocol: u8,
    /// Addresses, ports and ICMP's type, code and id, of both directions; a second value goes to the reply.
    src: [Option<Ipv4Addr>; 2],
    dst: [Option<Ipv4Addr>; 2],
    sport: [Option<u16>; 2],
    dport: [Option<u16>; 2],
    kind: [Option<u8>; 2],
    code: [Option<u8>; 2],
    id: [Option<u16>; 2],
    packets: [Option<u64>; 2],
    bytes: [Option<u64>; 2],
    zone: Zone,
    status: Status,
    tcp: Option<TcpState>,
    timeout_s: Option<u32>,
    mark: Mark,
}

impl Reading {
    fn new(protocol: u8) -> Self {
        Self {
            protocol,
            src: [None; 2],
            dst: [None; 2],
            sport: [None; 2],
            dport: [None; 2],
            kind: [None; 2],
            code: [None; 2],
            id: [None; 2],
            packets: [None; 2],
            bytes: [None; 2],
            zone: Zone::DEFAULT,
            status: Status::SEEN_REPLY,
            tcp: None,
            timeout_s: None,
            mark: Mark(0),
        }
    }

    fn word<'a>(&mut self, word: &'a str) -> Result<(), Refused<'a>> {
        if let Some((key, value)) = word.split_once('=') {
            return match key {
                "src" => put(&mut self.src, word),
                "dst" => put(&mut self.dst, word),
                "sport" => put(&mut self.sport, word),
                "dport" => put(&mut self.dport, word),
                "type" => put(&mut self.kind, word),
                "code" => put(&mut self.code, word),
                // Behind both directions it is the connection's own number (`-o id`).
                "id" if self.protocol == ICMP && self.id[1].is_none() => put(&mut self.id, word),
                "packets" => put(&mut self.packets, word),
                "bytes" => put(&mut self.bytes, word),
                "mark" => number(word).map(|mark| self.mark = Mark(mark)),
                "zone" => self.zone(word, None),
                "zone-orig" => self.zone(word, Some(Dir::Original)),
                "zone-reply" => self.zone(word, Some(Dir::Reply)),
                "use" | "id" | "secctx" | "delta-time" => Ok(()),
                "secmark" if value == "0" => Ok(()),
                _ => Err((word, format!("{key} of a connection is not modelled"))),
            };
        }
        match word {
            "[UNREPLIED]" => self.status = Status(self.status.0 & !Status::SEEN_REPLY.0),
            "[ASSURED]" => self.status.set(Status::ASSURED),
            _ if word.starts_with('[') => {
                return Err((word, "such a connection is not modelled".into()));
            }
            _ if self.timeout_s.is_none() && self.src[0].is_none() && self.tcp.is_none() => {
                self.timeout_s = Some(number(word)?);
            }
            _ => {
                let state = TcpState::ALL.iter().find(|state| state.name() == word);
                match (self.protocol, state) {
                    (TCP, Some(state)) => self.tcp = Some(*state),
                    _ => return Err((word, "not a word of conntrack -L".into())),
                }
            }
        }
        Ok(())
    }

    fn zone<'a>(&mut self, word: &'a str, only: Option<Dir>) -> Result<(), Refused<'a>> {
        if self.zone != Zone::DEFAULT {
            return Err((word, "a connection has one zone".into()));
        }
        self.zone = Zone { id: number(word)?, only };
        if self.zone.id == 0 {
            self.zone = Zone::DEFAULT;
        }
        Ok(())
    }

    fn tuple(&self, dir: Dir) -> Option<Tuple> {
        let dir = dir as usize;
        let (src_port, dst_port) = if self.protocol == ICMP {
            (self.id[dir]?, u16::from_be_bytes([self.kind[dir]?, self.code[dir]?]))
        } else if has_ports(self.protocol) {
            (self.sport[dir]?, self.dport[dir]?)
        } else {
            (0, 0)
        };
        let (src, dst) = (self.src[dir]?, self.dst[dir]?);
        Some(Tuple { src, dst, src_port, dst_port, protocol: self.protocol })
    }

    fn known(self, line: &str) -> Result<Known, Refused<'_>> {
        let (Some(original), Some(reply)) = (self.tuple(Dir::Original), self.tuple(Dir::Reply))
        else {
            let mut expected = "expected src= and dst= twice".to_owned();
            if self.protocol == ICMP {
                expected.push_str(", with type=, code= and id=");
            } else if has_ports(self.protocol) {
                expected.push_str(", with sport= and dport=");
            }
            return Err((line, expected));
        };
        if (self.protocol == TCP) != self.tcp.is_some() {
            return Err((line, "expected the state of a TCP connection, and of no other".into()));
        }
        let counter =
            |dir: usize| Some(Counter { packets: self.packets[dir]?, bytes: self.bytes[dir]? });
        Ok(Known {
            original,
            reply,
            zone: self.zone,
            status: self.status,
            tcp: self.tcp,
            timeout_s: self.timeout_s.unwrap_or(0),
            mark: self.mark,
            counters: counter(0).zip(counter(1)).map(|(there, back)| [there, back]),
        })
    }
}

fn put<'a, T: std::str::FromStr + Copy>(
    both: &mut [Option<T>; 2],
    word: &'a str,
) -> Result<(), Refused<'a>> {
    match both.iter_mut().find(|value| value.is_none()) {
        Some(free) => {
            let value = word.split_once('=').map_or("", |(_, value)| value);
            *free = Some(value.parse().map_err(|_| (word, "its value makes no sense".to_owned()))?);
            Ok(())
        }
        None => Err((word, "a connection has two directions".into())),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// As `conntrack -L -o extended` of Linux 6.18 and conntrack-tools 1.4.7 listed them.
    const LISTED: [&str; 8] = [
        "ipv4     2 icmp     1 29 src=10.0.1.2 dst=10.0.2.2 type=8 code=0 id=27115 src=10.0.2.2 dst=10.0.2.1 type=0 code=0 id=27115 mark=18 use=1",
        "ipv4     2 tcp      6 119 SYN_SENT src=10.0.1.2 dst=10.0.2.2 sport=37215 dport=80 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=80 dport=37215 mark=0 use=1",
        "ipv4     2 tcp      6 119 TIME_WAIT src=10.0.1.2 dst=10.0.2.2 sport=37214 dport=80 src=10.0.2.2 dst=10.0.2.1 sport=80 dport=37214 [ASSURED] mark=0 use=1",
        "ipv4     2 udp      17 119 src=10.0.1.2 dst=10.0.2.2 sport=4000 dport=9 src=10.0.2.2 dst=10.0.2.1 sport=9 dport=4000 [ASSURED] mark=0 use=1",
        "ipv4     2 udp      17 27 src=10.0.1.2 dst=10.0.2.2 sport=4000 dport=7 zone-orig=5 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=7 dport=4000 mark=18 use=1",
        "ipv4     2 udp      17 27 src=10.0.1.2 dst=10.0.2.2 sport=4000 dport=8 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=8 dport=4000 mark=0 zone=6 use=1",
        "ipv4     2 udp      17 29 src=10.0.1.2 dst=10.0.2.2 sport=4000 dport=5 packets=1 bytes=29 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=5 dport=4000 packets=0 bytes=0 mark=0 use=1",
        "ipv4     2 unknown  99 599 src=10.0.1.2 dst=10.0.2.2 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 mark=18 use=1",
    ];

    #[test]
    fn what_conntrack_lists_is_read_and_listed_again_byte_for_byte() {
        let mut conntrack = Conntrack::default();
        for line in LISTED {
            let known = parse(line).expect("it is understood").expect("it is of IPv4");
            assert!(conntrack.add_known(&known, Nanos::ZERO), "{line}");
        }
        assert_eq!(list(&conntrack, Nanos::ZERO), LISTED);
        let later = list(&conntrack, Nanos::from_secs(28));
        assert_eq!(later.len(), 6, "two timed out: {later:#?}");
        assert!(later[0].contains(" 1 1 src="), "{}", later[0]);
    }

    #[test]
    fn a_report_looks_like_one_of_conntrack() {
        let known = parse(LISTED[1]).expect("it is understood").expect("it is of IPv4");
        let mut now = CtNow {
            status: known.status,
            zone: known.zone,
            tcp: known.tcp,
            timeout_s: 120,
            mark: Mark(0),
        };
        let tuples = [known.original, known.reply];
        let line = event(CtReport::New, tuples, &now);
        assert_eq!(
            line,
            "    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.0.1.2 dst=10.0.2.2 sport=37215 dport=80 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=80 dport=37215"
        );
        (now.timeout_s, now.mark) = (0, Mark(18));
        let line = event(CtReport::Destroy, tuples, &now);
        assert!(line.starts_with("[DESTROY] ipv4     2 tcp      6 SYN_SENT src="), "{line}");
        assert!(line.ends_with("mark=18"), "{line}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_word() {
        let udp = LISTED[3];
        for (from, to, word) in [
            ("mark=0", "helper=ftp", "helper=ftp"),
            ("[ASSURED]", "[OFFLOAD]", "[OFFLOAD]"),
            ("sport=4000", "sport=70000", "sport=70000"),
            ("17 119", "132 119", "sctp"),
            ("17 119", "17 119 ESTABLISHED", "ESTABLISHED"),
            ("use=1", "src=10.0.0.1", "src=10.0.0.1"),
        ] {
            let line = udp.replacen(from, to, 1);
            let refused = parse(&line).expect_err("it is refused");
            assert_eq!(refused.0, word, "{refused:?}");
        }
        assert!(parse("ipv4 2 udp 17").is_err());
        assert!(matches!(parse("ipv6     10 udp      17 29 src=::1"), Ok(None)));
    }
}
