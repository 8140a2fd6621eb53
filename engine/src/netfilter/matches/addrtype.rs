//! `-m addrtype`: what an address is in the namespace's routing tables. Read `net/netfilter/xt_addrtype.c` first.

use super::Extension;
use crate::base::{Hook, Table};
use crate::netfilter::AddrType;
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, low16};

/// Types of source and destination.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Addrtype {
    src: Option<Types>,
    dst: Option<Types>,
    only: Only,
}

/// Bits by [`AddrType`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Types {
    bits: u16,
    not: bool,
}

/// Whose addresses count as local.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Only {
    #[default]
    Any,
    In,
    Out,
}

/// In the order of [`AddrType`].
const TYPES: &[&str] = &[
    "UNSPEC",
    "UNICAST",
    "LOCAL",
    "BROADCAST",
    "ANYCAST",
    "MULTICAST",
    "BLACKHOLE",
    "UNREACHABLE",
    "PROHIBIT",
    "THROW",
    "NAT",
    "XRESOLVE",
];

impl Addrtype {
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        let dev = match self.only {
            Only::Any => None,
            Only::In => seen.at.in_dev,
            Only::Out => seen.at.out_dev,
        };
        for (types, addr) in [(self.src, seen.src), (self.dst, seen.dst)] {
            let Some(types) = types else { continue };
            let found = env.around.addr_type(addr.into(), dev) as u32;
            if (types.bits >> found & 1 == 1) == types.not {
                return Found::Unmet(found);
            }
        }
        Found::Met
    }
}

/// `UNICAST`.
pub(super) fn saw(saw: u32) -> String {
    TYPES.get(saw as usize).copied().unwrap_or_default().into()
}

// The bits above are numbered like the types.
const _: () = assert!(AddrType::Xresolve as usize + 1 == TYPES.len());

impl Extension for Addrtype {
    fn options(&self) -> &'static [&'static str] {
        &["--src-type", "--dst-type", "--limit-iface-in", "--limit-iface-out"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        match option {
            "--src-type" | "--dst-type" => {
                let not = arg.negated;
                let types = Some(Types { bits: low16(arg.bits_of(TYPES)?), not });
                if option == "--src-type" {
                    self.src = types;
                } else {
                    self.dst = types;
                }
            }
            _ => {
                arg.positive()?;
                if self.only != Only::Any {
                    let message = "expected only one of --limit-iface-in and --limit-iface-out";
                    return Err(arg.wrong(message));
                }
                self.only = if option == "--limit-iface-in" { Only::In } else { Only::Out };
            }
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.src.or(self.dst).is_some() {
            Ok(())
        } else {
            Err("addrtype needs --src-type or --dst-type")
        }
    }

    fn check_place(&self, _: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        let reached = |wrong: &[Hook]| hooks.iter().any(|hook| wrong.contains(hook));
        match self.only {
            Only::In if reached(&[Hook::LocalOut, Hook::PostRouting]) => {
                Err("there is no incoming device in OUTPUT and POSTROUTING")
            }
            Only::Out if reached(&[Hook::PreRouting, Hook::LocalIn]) => {
                Err("there is no outgoing device in PREROUTING and INPUT")
            }
            Only::Any | Only::In | Only::Out => Ok(()),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        for (option, types) in [("--src-type", self.src), ("--dst-type", self.dst)] {
            if let Some(types) = types {
                out.negated(types.not, option);
                out.bits(u32::from(types.bits), TYPES);
            }
        }
        match self.only {
            Only::Any => {}
            Only::In => out.word("--limit-iface-in"),
            Only::Out => out.word("--limit-iface-out"),
        }
    }
}
