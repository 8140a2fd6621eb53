//! `-m icmp`. Read `net/netfilter/xt_tcpudp.c` (`icmp_match`) first.

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, number};

/// Type and code of an ICMP message.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Icmp {
    wanted: Option<(u8, u8, u8)>,
    not: bool,
}

/// The type that stands for any.
const ANY: (u8, u8, u8) = (255, 0, 255);

/// Name, type, first and last code.
const NAMES: &[(&str, u8, u8, u8)] = &[
    ("any", 255, 0, 255),
    ("echo-reply", 0, 0, 255),
    ("pong", 0, 0, 255),
    ("destination-unreachable", 3, 0, 255),
    ("network-unreachable", 3, 0, 0),
    ("host-unreachable", 3, 1, 1),
    ("protocol-unreachable", 3, 2, 2),
    ("port-unreachable", 3, 3, 3),
    ("fragmentation-needed", 3, 4, 4),
    ("source-route-failed", 3, 5, 5),
    ("network-unknown", 3, 6, 6),
    ("host-unknown", 3, 7, 7),
    ("network-prohibited", 3, 9, 9),
    ("host-prohibited", 3, 10, 10),
    ("TOS-network-unreachable", 3, 11, 11),
    ("TOS-host-unreachable", 3, 12, 12),
    ("communication-prohibited", 3, 13, 13),
    ("host-precedence-violation", 3, 14, 14),
    ("precedence-cutoff", 3, 15, 15),
    ("source-quench", 4, 0, 255),
    ("redirect", 5, 0, 255),
    ("network-redirect", 5, 0, 0),
    ("host-redirect", 5, 1, 1),
    ("TOS-network-redirect", 5, 2, 2),
    ("TOS-host-redirect", 5, 3, 3),
    ("echo-request", 8, 0, 255),
    ("ping", 8, 0, 255),
    ("router-advertisement", 9, 0, 255),
    ("router-solicitation", 10, 0, 255),
    ("time-exceeded", 11, 0, 255),
    ("ttl-exceeded", 11, 0, 255),
    ("ttl-zero-during-transit", 11, 0, 0),
    ("ttl-zero-during-reassembly", 11, 1, 1),
    ("parameter-problem", 12, 0, 255),
    ("ip-header-bad", 12, 0, 0),
    ("required-option-missing", 12, 1, 1),
    ("timestamp-request", 13, 0, 255),
    ("timestamp-reply", 14, 0, 255),
    ("address-mask-request", 17, 0, 255),
    ("address-mask-reply", 18, 0, 255),
];

impl Icmp {
    pub(super) fn judge(self, seen: &Seen<'_>) -> Found {
        if seen.fragment_offset != 0 {
            return Found::Unmet(0);
        }
        let &[kind, code, _, _, _, _, _, _, ..] = seen.transport else { return Found::HotDrop };
        let (wanted, first, last) = self.wanted.unwrap_or(ANY);
        let met = wanted == 255 || (kind == wanted && (first..=last).contains(&code));
        if met == self.not {
            return Found::Unmet(u32::from(kind) << 8 | u32::from(code));
        }
        Found::Met
    }
}

/// The name of one type with one code, as `ipset` prints it: `echo-request`, `host-unreachable`.
pub(in crate::netfilter) fn message_name(kind: u8, code: u8) -> Option<&'static str> {
    let families = [
        "any",
        "destination-unreachable",
        "redirect",
        "time-exceeded",
        "ttl-exceeded",
        "parameter-problem",
    ];
    NAMES
        .iter()
        .find(|(name, it, first, _)| (*it, *first) == (kind, code) && !families.contains(name))
        .map(|(name, ..)| *name)
}

/// A type and code by such a name.
pub(in crate::netfilter) fn message(name: &str) -> Option<(u8, u8)> {
    NAMES.iter().find(|(it, ..)| *it == name).map(|(_, kind, code, _)| (*kind, *code))
}

/// `ICMP type 3 code 1`.
pub(super) fn saw(saw: u32) -> String {
    let mut text = super::number_words("ICMP type ", saw >> 8);
    text.push_str(" code ");
    crate::netfilter::print::decimal(&mut text, u64::from(saw & 255));
    text
}

impl Extension for Icmp {
    fn options(&self) -> &'static [&'static str] {
        &["--icmp-type"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        self.not = arg.negated;
        let expected = "expected an ICMP type such as echo-request, 8 or 3/4";
        let word = arg.text(expected)?;
        let named = NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(&word.text));
        let byte = |text| number(text).and_then(|n| u8::try_from(n).ok());
        self.wanted = match (named, word.text.split_once('/')) {
            (Some(&(_, kind, first, last)), _) => Some((kind, first, last)),
            (None, Some((kind, code))) => {
                byte(kind).zip(byte(code)).map(|(kind, code)| (kind, code, code))
            }
            (None, None) => byte(&word.text).map(|kind| (kind, 0, 255)),
        };
        // With the type of any, a code means nothing.
        self.wanted = self.wanted.map(|it| if it.0 == ANY.0 { ANY } else { it });
        if self.wanted.is_none() { Err(arg.wrong(expected)) } else { Ok(()) }
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        match (self.wanted, head.sure_protocol()) {
            (Some(_), Some(1)) => Ok(()),
            (Some(_), _) => Err("-m icmp needs -p icmp"),
            (None, _) => Err("icmp needs --icmp-type"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(self.not, "--icmp-type");
        match self.wanted {
            None | Some(ANY) => out.word("any"),
            Some((kind, first, last)) => {
                out.number(u64::from(kind));
                if (first, last) != (0, 255) {
                    out.glue("/");
                    out.glue_number(u64::from(first));
                }
            }
        }
    }
}
