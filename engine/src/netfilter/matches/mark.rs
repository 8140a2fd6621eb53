//! `-m mark`. Read `add_nft_mark` of the iptables sources and `net/netfilter/xt_mark.c` first.

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// A value that the packet's mark must have under a mask.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mark {
    wanted: Option<(u32, u32)>,
    not: bool,
}

impl Mark {
    #[inline]
    pub(super) fn judge(&self, seen: &Seen<'_>) -> Found {
        self.judge_value(seen.skb.mark.0)
    }

    #[inline]
    pub(super) fn judge_value(&self, mark: u32) -> Found {
        let (value, bits) = self.wanted.unwrap_or_default();
        if (mark & bits == value) == self.not { Found::Unmet(mark) } else { Found::Met }
    }
}

impl Extension for Mark {
    fn options(&self) -> &'static [&'static str] {
        &["--mark"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        self.not = arg.negated;
        self.wanted = Some(arg.masked()?);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.wanted.is_some() { Ok(()) } else { Err("this match needs --mark") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        let (value, mask) = self.wanted.unwrap_or_default();
        out.negated(self.not, "--mark");
        out.hex(value);
        if mask != u32::MAX {
            out.glue("/");
            out.glue_hex(mask);
        }
    }
}
