//! `-m rpfilter`: whether a reply would leave by the device that the packet came in by. Read
//! `net/ipv4/netfilter/ipt_rpfilter.c` first.

use super::Extension;
use crate::base::{Hook, Table};
use crate::netfilter::ReversePath;
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::words::{Arg, RuleError};
use crate::skb::{DstKind, Mark};

/// The test of the reverse path with its options.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rpfilter {
    loose: bool,
    valid_mark: bool,
    accept_local: bool,
    invert: bool,
}

const OPTIONS: &[&str] = &["--loose", "--validmark", "--accept-local", "--invert"];

impl Rpfilter {
    pub(super) fn judge(self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        if self.is_ok(seen, env) == self.invert { Found::Unmet(0) } else { Found::Met }
    }

    fn is_ok(self, seen: &Seen<'_>, env: &Env<'_>) -> bool {
        // What this host sent to itself is routed already when it comes in by lo.
        if seen.skb.dst.is_some_and(|dst| dst.to == DstKind::Local) {
            return true;
        }
        let Some(in_dev) = seen.at.in_dev else { return true };
        let dst = seen.dst.to_be_bytes();
        if dst[0] & 0xf0 == 224 && seen.src >> 24 == 0 {
            return dst[..3] == [224, 0, 0];
        }
        let nowhere = dst[0] & 0xf0 == 224 || seen.dst == u32::MAX || dst[0] == 0;
        env.around.reverse_path_ok(ReversePath {
            src: seen.src.into(),
            dst: if nowhere { 0 } else { seen.dst }.into(),
            tos: seen.tos,
            mark: if self.valid_mark { seen.skb.mark } else { Mark(0) },
            in_dev,
            loose: self.loose,
            accept_local: self.accept_local,
        })
    }

    const fn flags(self) -> [bool; 4] {
        [self.loose, self.valid_mark, self.accept_local, self.invert]
    }
}

impl Extension for Rpfilter {
    fn options(&self) -> &'static [&'static str] {
        OPTIONS
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        match option {
            "--loose" => self.loose = true,
            "--validmark" => self.valid_mark = true,
            "--accept-local" => self.accept_local = true,
            _ => self.invert = true,
        }
        Ok(())
    }

    fn check_place(&self, table: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        if !matches!(table, Table::Raw | Table::Mangle) {
            return Err("rpfilter works in the tables raw and mangle only");
        }
        if hooks.iter().any(|hook| *hook != Hook::PreRouting) {
            return Err("rpfilter works in PREROUTING only");
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        for (option, set) in OPTIONS.iter().zip(self.flags()) {
            if set {
                out.word(option);
            }
        }
    }
}
