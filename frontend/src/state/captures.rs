//! What packet sockets saw, as lines in tcpdump's words.

use everyhop_engine::base::{DevId, Nanos};
use everyhop_engine::trace::{Direction, Event};
use everyhop_engine::wire::arp::{Arp, Operation};
use everyhop_engine::wire::eth::{self, EtherType};
use everyhop_engine::wire::ipv4::{Header, Protocol};
use everyhop_engine::wire::{icmp, udp};

use super::run::Shown;

/// One captured frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub at: Nanos,
    pub dev: DevId,
    pub dir: Direction,
    pub text: String,
    /// The step that tells of it, if one does.
    pub step_idx: Option<usize>,
}

/// All frames of a run in order; with `dev`, those on that device.
pub fn rows(shown: &Shown, dev: Option<DevId>) -> Vec<Row> {
    let run = &shown.run;
    let steps = &run.story.steps;
    let entries = run.trace.entries.iter().enumerate();
    entries
        .filter_map(|(idx, entry)| match entry.event {
            Event::Tap { dev: on, dir, frame } if dev.is_none_or(|wanted| wanted == on) => {
                Some(Row {
                    at: entry.at,
                    dev: on,
                    dir,
                    text: line(run.trace.bytes(frame)),
                    step_idx: steps.iter().position(|step| step.events.contains(&idx)),
                })
            }
            _ => None,
        })
        .collect()
}

/// A frame in one line, as `tcpdump -n` prints it; what that leaves out is left out.
fn line(frame: &[u8]) -> String {
    if frame.len() < eth::LEN {
        return format!("[a frame of {} bytes]", frame.len());
    }
    let body = &frame[eth::LEN..];
    match eth::ether_type(frame) {
        EtherType::Arp => Arp::parse(body).map_or_else(
            |_| "ARP, not for IPv4 over Ethernet".into(),
            |arp| match arp.operation {
                Operation::Request => {
                    format!("ARP, Request who-has {} tell {}", arp.target_ip, arp.sender_ip)
                }
                Operation::Reply => {
                    format!("ARP, Reply {} is-at {}", arp.sender_ip, arp.sender_mac)
                }
            },
        ),
        EtherType::Ipv4 => match Header::parse(body) {
            Ok(header) => packet(&header, &body[header.header_len..header.total_len]),
            Err(_) => "IP, bad header".into(),
        },
        EtherType::Ipv6 => "IP6".into(),
        EtherType::Unknown(other) => format!("ethertype 0x{other:04x}, length {}", frame.len()),
    }
}

fn packet(header: &Header, payload: &[u8]) -> String {
    let (src, dst) = (header.src, header.dst);
    match header.protocol {
        Protocol::Udp if !header.is_fragment() => match udp::ports(payload) {
            Ok((from, to)) => {
                let len = payload.len() - udp::LEN;
                format!("IP {src}.{from} > {dst}.{to}: UDP, length {len}")
            }
            Err(_) => format!("IP {src} > {dst}: UDP, cut short"),
        },
        Protocol::Icmp if !header.is_fragment() => {
            format!("IP {src} > {dst}: ICMP {}, length {}", message(payload), payload.len())
        }
        Protocol::Tcp => format!("IP {src} > {dst}: TCP"),
        Protocol::Icmp | Protocol::Udp | Protocol::Unknown(_) => {
            format!("IP {src} > {dst}: ip-proto-{}", header.protocol.to_u8())
        }
    }
}

fn message(payload: &[u8]) -> String {
    match icmp::Message::parse(payload) {
        Ok(icmp::Message::EchoRequest { id, seq, .. }) => {
            format!("echo request, id {id}, seq {seq}")
        }
        Ok(icmp::Message::EchoReply { id, seq, .. }) => format!("echo reply, id {id}, seq {seq}"),
        Ok(icmp::Message::Timestamp { id, seq, .. }) => {
            format!("timestamp request, id {id}, seq {seq}")
        }
        Ok(icmp::Message::Error { error, quote }) => format!("{} {}", quote.dst, error.words()),
        Ok(icmp::Message::Other { kind, code }) => format!("type {kind}, code {code}"),
        Err(_) => "bad message".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everyhop_engine::base::Mac;
    use std::net::Ipv4Addr;

    #[test]
    fn a_question_reads_as_tcpdump_prints_it() {
        let mut frame = Vec::new();
        eth::emit(&mut frame, Mac::BROADCAST, Mac([2, 0, 0, 0, 0, 1]), EtherType::Arp);
        Arp {
            operation: Operation::Request,
            sender_mac: Mac([2, 0, 0, 0, 0, 1]),
            sender_ip: Ipv4Addr::new(10, 244, 1, 2),
            target_mac: Mac::ZERO,
            target_ip: Ipv4Addr::new(10, 244, 1, 3),
        }
        .emit(&mut frame);
        assert_eq!(line(&frame), "ARP, Request who-has 10.244.1.3 tell 10.244.1.2");
    }

    #[test]
    fn bytes_that_are_no_packet_are_named_so() {
        for len in 0..60 {
            assert!(!line(&vec![8; len]).is_empty(), "{len} bytes");
        }
    }
}
