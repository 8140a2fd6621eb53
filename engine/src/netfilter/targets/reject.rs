//! `-j REJECT`: drops a packet and tells its sender. Read `net/ipv4/netfilter/ipt_REJECT.c` first. The answer itself is
//! sent by the stack.

use crate::base::{Hook, Table};
use crate::netfilter::Reject;
use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Each with its name and a shorter one, in the order in which iptables looks for the beginning of a name.
const TYPES: &[(&str, &str, Reject)] = &[
    ("icmp-net-unreachable", "net-unreach", Reject::NetUnreachable),
    ("icmp-host-unreachable", "host-unreach", Reject::HostUnreachable),
    ("icmp-proto-unreachable", "proto-unreach", Reject::ProtocolUnreachable),
    ("icmp-port-unreachable", "port-unreach", Reject::PortUnreachable),
    ("icmp-net-prohibited", "net-prohib", Reject::NetProhibited),
    ("icmp-host-prohibited", "host-prohib", Reject::HostProhibited),
    ("tcp-reset", "tcp-rst", Reject::TcpReset),
    ("icmp-admin-prohibited", "admin-prohib", Reject::AdminProhibited),
];

impl Extension for Reject {
    fn options(&self) -> &'static [&'static str] {
        &["--reject-with"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        let expected = || {
            let names: Vec<&str> = TYPES.iter().map(|(name, ..)| *name).collect();
            crate::netfilter::words::expected_one_of(&names)
        };
        let word = arg.text("expected a type of answer such as icmp-port-unreachable")?;
        let wanted = word.text.to_ascii_lowercase();
        let found = TYPES.iter().find(|(name, alias, _)| {
            !wanted.is_empty() && (name.starts_with(&wanted) || alias.starts_with(&wanted))
        });
        match found {
            Some((_, _, with)) => {
                *self = *with;
                Ok(())
            }
            None => Err(arg.wrong(expected())),
        }
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        if *self == Self::TcpReset && head.sure_protocol() != Some(6) {
            return Err("tcp-reset needs -p tcp");
        }
        Ok(())
    }

    fn check_place(&self, table: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        if table != Table::Filter {
            return Err("REJECT works in the table filter only");
        }
        if hooks.iter().any(|hook| matches!(hook, Hook::PreRouting | Hook::PostRouting)) {
            return Err("REJECT works in INPUT, FORWARD and OUTPUT only");
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.word("--reject-with");
        let found = TYPES.iter().find(|(_, _, with)| with == self);
        out.word(found.map_or("", |(name, ..)| *name));
    }
}
