//! `-m multiport`. Read `net/netfilter/xt_multiport.c` first.

use super::{Extension, ports_seen};
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, low16, number};

/// A list of ports and ranges of ports.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Multiport {
    side: Side,
    ports: Box<[(u16, u16)]>,
    not: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Side {
    Source,
    Destination,
    #[default]
    Either,
}

/// Ports in a list; a range counts as two (`XT_MULTI_PORTS`).
const MAX: usize = 15;

impl Multiport {
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        if seen.fragment_offset != 0 {
            return Found::Unmet(0);
        }
        let &[a, b, c, d, ..] = seen.transport else { return Found::HotDrop };
        let (sport, dport) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let met = self.ports.iter().any(|&(first, last)| {
            let is_in = |port: u16| (first..=last).contains(&port);
            match self.side {
                Side::Source => is_in(sport),
                Side::Destination => is_in(dport),
                Side::Either => is_in(sport) || is_in(dport),
            }
        });
        if met == self.not { Found::Unmet(ports_seen(sport, dport)) } else { Found::Met }
    }
}

impl Extension for Multiport {
    fn options(&self) -> &'static [&'static str] {
        &["--sports", "--dports", "--ports", "--source-ports", "--destination-ports"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        if !self.ports.is_empty() {
            return Err(arg.wrong("expected only one of --sports, --dports and --ports"));
        }
        self.side = match option {
            "--sports" | "--source-ports" => Side::Source,
            "--dports" | "--destination-ports" => Side::Destination,
            _ => Side::Either,
        };
        self.not = arg.negated;
        let expected = "expected ports with commas between them, such as 80,8000:8080";
        let word = arg.text(expected)?;
        let port = |text| number(text).filter(|&n| n <= 0xffff).map(low16);
        let (mut ports, mut slots) = (Vec::new(), 0);
        for part in word.text.split(',') {
            let range = match part.split_once(':') {
                Some((first, last)) => port(first).zip(port(last)).filter(|(a, b)| a < b),
                None => port(part).map(|port| (port, port)),
            };
            ports.push(range.ok_or_else(|| arg.wrong(expected))?);
            slots += if part.contains(':') { 2 } else { 1 };
            if slots > MAX {
                return Err(arg.wrong("expected at most 15 ports, where a range counts as two"));
            }
        }
        self.ports = ports.into();
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        if self.ports.is_empty() {
            return Err("multiport needs --sports, --dports or --ports");
        }
        match head.sure_protocol() {
            Some(6 | 17 | 33 | 132 | 136) => Ok(()),
            _ => Err("-m multiport needs -p tcp, udp, udplite, sctp or dccp"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(
            self.not,
            match self.side {
                Side::Source => "--sports",
                Side::Destination => "--dports",
                Side::Either => "--ports",
            },
        );
        for (place, &ports) in self.ports.iter().enumerate() {
            if place == 0 {
                out.ports(ports);
            } else {
                out.glue(",");
                out.glue_number(u64::from(ports.0));
                if ports.0 != ports.1 {
                    out.glue(":");
                    out.glue_number(u64::from(ports.1));
                }
            }
        }
    }
}
