//! `-m tcp`. Read `add_nft_tcp` of the iptables sources, `net/netfilter/nft_payload.c` and `xt_tcpudp.c` first.
//!
//! iptables-nft makes ports and flags expressions of nftables, and only what those cannot say, a TCP option or nothing
//! at all, the old match of the kernel. The old one drops a packet too short for a TCP header and does not look into later
//! pieces of a packet. The new ones do not match where the packet is too short, and take what stands at the place of the
//! ports in a later piece for ports (`nft_payload_fast_eval` asks for no fragment offset).

use super::{Extension, ports_seen};
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Ports, flags and an option of a TCP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tcp {
    sport: (u16, u16),
    dport: (u16, u16),
    /// Which flags are looked at, and which of them must be set.
    flags: Option<(u8, u8)>,
    /// The kind of an option that must be there.
    option: Option<u8>,
    not: Not,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Not {
    sport: bool,
    dport: bool,
    flags: bool,
    option: bool,
}

pub(super) const ANY: (u16, u16) = (0, u16::MAX);

/// In the order of their bits.
const FLAGS: &[&str] = &["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
const ALL: u8 = 0x3f;
const SYN: u8 = 0x02;
/// What `--syn` looks at: FIN, SYN, RST and ACK.
const SYN_MASK: u8 = 0x17;

impl Default for Tcp {
    fn default() -> Self {
        Self { sport: ANY, dport: ANY, flags: None, option: None, not: Not::default() }
    }
}

impl Tcp {
    /// Whether the kernel's own match for TCP looks at the packet, and not expressions of nftables.
    fn is_xt(&self) -> bool {
        self.option.is_some() || (self.sport == ANY && self.dport == ANY && self.flags.is_none())
    }

    #[inline]
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        let bytes = seen.transport;
        if self.is_xt() {
            match seen.fragment_offset {
                0 if bytes.len() < 20 => return Found::HotDrop,
                0 => {}
                // A second piece after eight bytes could overwrite the flags of the first.
                1 => return Found::HotDrop,
                _ => return Found::Unmet(0),
            }
        }
        let port = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
        let (sport, dport) = (port(0), port(2));
        let saw = Found::Unmet(ports_seen(sport.unwrap_or(0), dport.unwrap_or(0)));
        if (self.sport != ANY && !holds(sport, self.sport, self.not.sport))
            || (self.dport != ANY && !holds(dport, self.dport, self.not.dport))
        {
            return saw;
        }
        if let Some((mask, wanted)) = self.flags {
            let Some(flags) = bytes.get(13) else { return saw };
            if (flags & mask == wanted) == self.not.flags {
                return saw;
            }
        }
        match self.option {
            None => Found::Met,
            Some(kind) => match has_option(bytes, kind) {
                None => Found::HotDrop,
                Some(there) if there == self.not.option => saw,
                Some(_) => Found::Met,
            },
        }
    }
}

/// Whether a port that is there lies in a range, or, negated, does not.
#[inline]
pub(super) fn holds(port: Option<u16>, (first, last): (u16, u16), not: bool) -> bool {
    port.is_some_and(|port| (first..=last).contains(&port) != not)
}

/// Whether a header has an option of that kind; None if it is cut off (`tcp_find_option`).
fn has_option(bytes: &[u8], kind: u8) -> Option<bool> {
    let end = usize::from(bytes[12] >> 4) * 4;
    if end < 20 {
        return None;
    }
    let options = bytes.get(20..end)?;
    let mut at = 0;
    while let Some(&found) = options.get(at) {
        if found == kind {
            return Some(true);
        }
        at += if found < 2 {
            1
        } else {
            usize::from(options.get(at + 1).copied().unwrap_or(1).max(1))
        };
    }
    Some(false)
}

/// `SYN,ACK`, `ALL` or `NONE`, as bits.
fn flags(arg: &mut Arg<'_, '_>) -> Result<u8, RuleError> {
    let expected = "expected TCP flags such as SYN,ACK, or ALL or NONE";
    let word = arg.text(expected)?;
    let mut bits = 0;
    for part in word.text.split(',').filter(|part| !part.is_empty()) {
        bits |= match FLAGS.iter().position(|it| it.eq_ignore_ascii_case(part)) {
            Some(place) => 1 << place,
            None if part.eq_ignore_ascii_case("ALL") => ALL,
            None if part.eq_ignore_ascii_case("NONE") => 0,
            None => return Err(arg.wrong(expected)),
        };
    }
    Ok(bits)
}

/// Fails for a `!` before all ports, which iptables of this age leaves out of the rule.
pub(super) fn check_not(ports: (u16, u16), arg: &Arg<'_, '_>) -> Result<(), RuleError> {
    if arg.negated && ports == ANY {
        return Err(arg.wrong("no packet has any other port: this rule would never match"));
    }
    Ok(())
}

/// Fails for two ports with a `!` each: iptables before 1.8.10 makes that "not both of them", and later ones "neither", and
/// `iptables-save` prints the same for both.
pub(super) fn check_nots(ports: [((u16, u16), bool); 2]) -> Result<(), &'static str> {
    if ports.iter().all(|((first, last), not)| *not && first == last && *first != 0) {
        return Err(
            "two ports with a ! mean one thing to older iptables and another to newer: write two rules",
        );
    }
    Ok(())
}

pub(super) fn print_ports(out: &mut Printer<'_>, option: &str, ports: (u16, u16), not: bool) {
    if ports != ANY {
        out.negated(not, option);
        out.ports(ports);
    }
}

impl Extension for Tcp {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--sport",
            "--dport",
            "--tcp-option",
            "--tcp-flags",
            "--syn",
            "--source-port",
            "--destination-port",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        match option {
            "--sport" | "--source-port" => {
                (self.sport, self.not.sport) = (arg.rising()?, arg.negated);
                check_not(self.sport, arg)?;
            }
            "--dport" | "--destination-port" => {
                (self.dport, self.not.dport) = (arg.rising()?, arg.negated);
                check_not(self.dport, arg)?;
            }
            "--tcp-flags" => {
                self.flags = Some((flags(arg)?, flags(arg)?)).filter(|(mask, _)| *mask != 0);
                self.not.flags = arg.negated;
            }
            "--syn" => {
                self.flags = Some((SYN_MASK, SYN));
                self.not.flags = arg.negated;
            }
            _ => {
                let kind = arg.number(255)?;
                self.option = u8::try_from(kind).ok().filter(|kind| *kind != 0);
                self.not.option = arg.negated;
                if self.option.is_none() {
                    return Err(arg.wrong("expected the number of a TCP option, from 1 to 255"));
                }
            }
        }
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        let ports = [(self.sport, self.not.sport), (self.dport, self.not.dport)];
        match head.protocol {
            6 if !self.is_xt() => check_nots(ports),
            6 => Ok(()),
            _ => Err("-m tcp needs -p tcp"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        print_ports(out, "--sport", self.sport, self.not.sport);
        print_ports(out, "--dport", self.dport, self.not.dport);
        if let Some(option) = self.option {
            out.negated(self.not.option, "--tcp-option");
            out.number(u64::from(option));
        }
        if let Some((mask, wanted)) = self.flags {
            out.negated(self.not.flags, "--tcp-flags");
            for bits in [mask, wanted] {
                if bits == 0 {
                    out.word("NONE");
                } else {
                    out.bits(u32::from(bits), FLAGS);
                }
            }
        }
    }
}
