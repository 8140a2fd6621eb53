//! `-m tcpmss`: the maximum segment size that a TCP header announces. Read `net/netfilter/xt_tcpmss.c` first.

use super::Extension;
use crate::netfilter::evaluate::{Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// A range of segment sizes in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tcpmss {
    range: Option<(u16, u16)>,
    not: bool,
}

impl Tcpmss {
    pub(super) fn judge(self, seen: &Seen<'_>) -> Found {
        if seen.transport.len() < 20 {
            return Found::HotDrop;
        }
        let end = usize::from(seen.transport[12] >> 4) * 4;
        let Some(options) = seen.transport.get(20..end) else { return Found::HotDrop };
        let mss = announced_mss(options);
        let (first, last) = self.range.unwrap_or_default();
        let met = mss.is_some_and(|mss| (first..=last).contains(&mss));
        if met == self.not { Found::Unmet(u32::from(mss.unwrap_or(0))) } else { Found::Met }
    }
}

/// The value of the first option of kind 2.
fn announced_mss(options: &[u8]) -> Option<u16> {
    let mut at = 0;
    while at < options.len() {
        if let [2, 4, high, low, ..] = options[at..] {
            return Some(u16::from_be_bytes([high, low]));
        }
        at += if options[at] < 2 {
            1
        } else {
            usize::from(options.get(at + 1).copied().unwrap_or(1).max(1))
        };
    }
    None
}

impl Extension for Tcpmss {
    fn options(&self) -> &'static [&'static str] {
        &["--mss"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        self.not = arg.negated;
        self.range = Some(arg.rising()?);
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        match (self.range, head.sure_protocol()) {
            (Some(_), Some(6)) => Ok(()),
            (Some(_), _) => Err("-m tcpmss needs -p tcp"),
            (None, _) => Err("tcpmss needs --mss"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(self.not, "--mss");
        out.ports(self.range.unwrap_or_default());
    }
}
