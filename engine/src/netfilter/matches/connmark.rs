//! `-m connmark`: the mark of the packet's connection. Read `net/netfilter/xt_connmark.c` first.

use super::Extension;
use super::mark::Mark;
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};
use crate::skb::Ct;

/// A value that the connection's mark must have under a mask.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Connmark(Mark);

impl Connmark {
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        match (env.connection(seen.skb), seen.skb.ct) {
            (Some((entry, _)), _) => self.0.judge_value(entry.mark().0),
            // What `-j CT` put there is a connection as far as `nf_ct_get` is concerned, without a mark.
            (None, Ct::Template(_)) => self.0.judge_value(0),
            (None, Ct::None | Ct::Untracked | Ct::Tracked { .. }) => Found::Unmet(0),
        }
    }
}

impl Extension for Connmark {
    fn options(&self) -> &'static [&'static str] {
        self.0.options()
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        self.0.read(option, arg)
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        self.0.check(head)
    }

    fn print(&self, out: &mut Printer<'_>) {
        self.0.print(out);
    }
}
