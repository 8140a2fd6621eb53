//! `-m length`: bytes of the packet from the IP header on. Read `net/netfilter/xt_length.c` first.

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// A range of lengths in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Length {
    range: Option<(u16, u16)>,
    not: bool,
}

impl Length {
    pub(super) fn judge(self, seen: &Seen<'_>) -> Found {
        let (first, last) = self.range.unwrap_or_default();
        let met = (u32::from(first)..=u32::from(last)).contains(&seen.len);
        if met == self.not { Found::Unmet(seen.len) } else { Found::Met }
    }
}

impl Extension for Length {
    fn options(&self) -> &'static [&'static str] {
        &["--length"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        self.not = arg.negated;
        self.range = Some(arg.ports()?);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.range.is_some() { Ok(()) } else { Err("length needs --length") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(self.not, "--length");
        out.ports(self.range.unwrap_or_default());
    }
}
