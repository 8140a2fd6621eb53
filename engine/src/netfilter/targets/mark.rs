//! `-j MARK`. Read `net/netfilter/xt_mark.c` first.

use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// Clears the bits of a mask, then turns over those of a value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Mark(Option<(u32, u32)>);

impl Mark {
    /// The new mark of a packet.
    pub(in crate::netfilter) fn applied_to(self, mark: u32) -> u32 {
        let (value, cleared) = self.0.unwrap_or_default();
        (mark & !cleared) ^ value
    }
}

/// Value and mask of `--set-xmark`, for each of the ways to write it.
pub(super) fn read(option: &str, arg: &mut Arg<'_, '_>) -> Result<(u32, u32), RuleError> {
    arg.positive()?;
    Ok(match option {
        "--set-xmark" => arg.masked()?,
        "--set-mark" => {
            let (value, mask) = arg.masked()?;
            (value, mask | value)
        }
        "--and-mark" => (0, !arg.number(u32::MAX)?),
        "--or-mark" => {
            let value = arg.number(u32::MAX)?;
            (value, value)
        }
        _ => (arg.number(u32::MAX)?, 0),
    })
}

impl Extension for Mark {
    fn options(&self) -> &'static [&'static str] {
        &["--set-xmark", "--set-mark", "--and-mark", "--or-mark", "--xor-mark"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        if self.0.is_some() {
            return Err(arg.wrong("expected only one way to set the mark"));
        }
        self.0 = Some(read(option, arg)?);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.0.is_some() {
            Ok(())
        } else {
            Err("MARK needs --set-xmark, --set-mark, --and-mark, --or-mark or --xor-mark")
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        let (value, mask) = self.0.unwrap_or_default();
        out.word("--set-xmark");
        out.hex(value);
        out.glue("/");
        out.glue_hex(mask);
    }
}
