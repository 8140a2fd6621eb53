//! `-m udp` and `-m sctp`: ports. Read `add_nft_udp` of the iptables sources, `net/netfilter/nft_payload.c`,
//! `xt_tcpudp.c` and `xt_sctp.c` first.
//!
//! Not modelled: the kinds of SCTP's chunks, whose option is an error when a file is read.

use super::tcp::{ANY, check_not, check_nots, holds, print_ports};
use super::{Extension, ports_seen};
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Ports of a UDP or SCTP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp {
    sctp: bool,
    sport: (u16, u16),
    dport: (u16, u16),
    not_sport: bool,
    not_dport: bool,
}

impl Default for Udp {
    fn default() -> Self {
        Self { sctp: false, sport: ANY, dport: ANY, not_sport: false, not_dport: false }
    }
}

impl Udp {
    /// `-m sctp`.
    pub(super) fn sctp() -> Self {
        Self { sctp: true, ..Self::default() }
    }

    pub(super) const fn name(self) -> &'static str {
        if self.sctp { "sctp" } else { "udp" }
    }

    /// A range of ports; of UDP it may be empty.
    fn range(self, arg: &mut Arg<'_, '_>) -> Result<(u16, u16), RuleError> {
        if self.sctp { arg.rising() } else { arg.ports() }
    }

    /// Whether it asks anything.
    pub(super) fn has_ports(self) -> bool {
        self.sport != ANY || self.dport != ANY
    }

    #[inline]
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        let bytes = seen.transport;
        // Without a port, and for SCTP, the kernel's own match looks at the packet: not into later pieces of it, and it
        // drops what has no whole header. Expressions of nftables do neither, see `tcp`.
        if self.sctp || !self.has_ports() {
            if seen.fragment_offset != 0 {
                return Found::Unmet(0);
            }
            if bytes.len() < if self.sctp { 12 } else { 8 } {
                return Found::HotDrop;
            }
        }
        let port = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
        let (sport, dport) = (port(0), port(2));
        if (self.sport != ANY && !holds(sport, self.sport, self.not_sport))
            || (self.dport != ANY && !holds(dport, self.dport, self.not_dport))
        {
            return Found::Unmet(ports_seen(sport.unwrap_or(0), dport.unwrap_or(0)));
        }
        Found::Met
    }
}

impl Extension for Udp {
    fn options(&self) -> &'static [&'static str] {
        &["--sport", "--dport", "--source-port", "--destination-port"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        match option {
            "--sport" | "--source-port" => {
                (self.sport, self.not_sport) = (self.range(arg)?, arg.negated);
                check_not(self.sport, arg)
            }
            _ => {
                (self.dport, self.not_dport) = (self.range(arg)?, arg.negated);
                check_not(self.dport, arg)
            }
        }
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        match (self.sctp, head.protocol) {
            (false, 17) => check_nots([(self.sport, self.not_sport), (self.dport, self.not_dport)]),
            (true, 132) => Ok(()),
            (false, _) => Err("-m udp needs -p udp"),
            (true, _) => Err("-m sctp needs -p sctp"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        print_ports(out, "--sport", self.sport, self.not_sport);
        print_ports(out, "--dport", self.dport, self.not_dport);
    }
}
