//! `-m nfacct`: counts in an accounting object that has a name, and matches. Read `net/netfilter/xt_nfacct.c` first.
//!
//! Not modelled: the objects' counters and quotas, which no rule and no file of a snapshot shows; kube-proxy's have none.

use super::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// The name of the object that counts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Nfacct(Box<str>);

impl Extension for Nfacct {
    fn options(&self) -> &'static [&'static str] {
        &["--nfacct-name"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        self.0 = arg.text("expected a name")?.text.into();
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.0.is_empty() { Err("nfacct needs --nfacct-name") } else { Ok(()) }
    }

    fn print(&self, out: &mut Printer<'_>) {
        // Two spaces between them, as `nfacct_print_name` has it.
        out.word("--nfacct-name ");
        out.quoted(&self.0);
    }
}
