//! `-m iprange`. Read `net/netfilter/xt_iprange.c` first.

use std::net::Ipv4Addr;

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Ranges of source and destination addresses.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Iprange {
    src: Option<Range>,
    dst: Option<Range>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    first: u32,
    last: u32,
    not: bool,
}

impl Iprange {
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        for (range, addr) in [(self.src, seen.src), (self.dst, seen.dst)] {
            if range.is_some_and(|it| (it.first <= addr && addr <= it.last) == it.not) {
                return Found::Unmet(addr);
            }
        }
        Found::Met
    }
}

impl Extension for Iprange {
    fn options(&self) -> &'static [&'static str] {
        &["--src-range", "--dst-range"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let expected = "expected addresses such as 10.0.0.1-10.0.0.9";
        let not = arg.negated;
        let word = arg.text(expected)?;
        let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
        let addr = |text: &str| text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits);
        let range = addr(first).zip(addr(last)).map(|(first, last)| Range { first, last, not });
        if range.is_none() {
            return Err(arg.wrong(expected));
        }
        if option == "--src-range" {
            self.src = range;
        } else {
            self.dst = range;
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.src.or(self.dst).is_some() {
            Ok(())
        } else {
            Err("iprange needs --src-range or --dst-range")
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        for (option, range) in [("--src-range", self.src), ("--dst-range", self.dst)] {
            if let Some(range) = range {
                out.negated(range.not, option);
                out.address(range.first.into());
                out.glue("-");
                out.glue_address(range.last.into());
            }
        }
    }
}
