//! `-m udp`. Read `add_nft_udp` of the iptables sources, `net/netfilter/nft_payload.c` and `xt_tcpudp.c` first.

use super::tcp::{ANY, holds, ports, print_ports};
use super::{Extension, ports_seen};
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Ports of a UDP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Udp {
    sport: (u16, u16),
    dport: (u16, u16),
    not_sport: bool,
    not_dport: bool,
}

impl Default for Udp {
    fn default() -> Self {
        Self { sport: ANY, dport: ANY, not_sport: false, not_dport: false }
    }
}

impl Udp {
    #[inline]
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        if seen.fragment_offset != 0 {
            return Found::Unmet(0);
        }
        let bytes = seen.transport;
        // Without a port the kernel's own match looks at the packet, and drops what has no whole header.
        if self.sport == ANY && self.dport == ANY {
            return if bytes.len() < 8 { Found::HotDrop } else { Found::Met };
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
            "--sport" | "--source-port" => self.sport = ports(arg, &mut self.not_sport)?,
            _ => self.dport = ports(arg, &mut self.not_dport)?,
        }
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        if head.protocol == 17 { Ok(()) } else { Err("-m udp needs -p udp") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        print_ports(out, "--sport", self.sport, self.not_sport);
        print_ports(out, "--dport", self.dport, self.not_dport);
    }
}
