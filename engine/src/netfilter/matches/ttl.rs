//! `-m ttl`. Read `net/netfilter/xt_hl.c` first.

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// A comparison of the TTL.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ttl(Option<(Compare, u8)>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    Greater,
}

impl Ttl {
    pub(super) fn judge(self, seen: &Seen<'_>) -> Found {
        let met = match self.0 {
            Some((Compare::Equal, n)) => seen.ttl_hops == n,
            Some((Compare::NotEqual, n)) => seen.ttl_hops != n,
            Some((Compare::Less, n)) => seen.ttl_hops < n,
            Some((Compare::Greater, n)) => seen.ttl_hops > n,
            None => false,
        };
        if met { Found::Met } else { Found::Unmet(u32::from(seen.ttl_hops)) }
    }
}

impl Extension for Ttl {
    fn options(&self) -> &'static [&'static str] {
        &["--ttl-eq", "--ttl-lt", "--ttl-gt", "--ttl"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        if self.0.is_some() {
            return Err(arg.wrong("expected only one of --ttl-eq, --ttl-lt and --ttl-gt"));
        }
        let compare = match option {
            "--ttl-eq" | "--ttl" if arg.negated => Compare::NotEqual,
            "--ttl-eq" | "--ttl" => Compare::Equal,
            _ => {
                arg.positive()?;
                if option == "--ttl-lt" { Compare::Less } else { Compare::Greater }
            }
        };
        self.0 = u8::try_from(arg.number(255)?).ok().map(|n| (compare, n));
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.0.is_some() { Ok(()) } else { Err("ttl needs --ttl-eq, --ttl-lt or --ttl-gt") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        let Some((compare, n)) = self.0 else { return };
        match compare {
            Compare::Equal => out.word("--ttl-eq"),
            Compare::NotEqual => out.negated(true, "--ttl-eq"),
            Compare::Less => out.word("--ttl-lt"),
            Compare::Greater => out.word("--ttl-gt"),
        }
        out.number(u64::from(n));
    }
}
