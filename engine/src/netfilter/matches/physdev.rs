//! `-m physdev`: the bridge ports of a bridged packet. Read `net/netfilter/xt_physdev.c` first.

use super::Extension;
use crate::base::{Hook, Table};
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::{DevPattern, Head};
use crate::netfilter::words::{Arg, RuleError};

/// Which ports a packet came in by and leaves by, and whether it is bridged at all. Each with a `!` or without.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Physdev {
    in_dev: Option<(DevPattern, bool)>,
    out_dev: Option<(DevPattern, bool)>,
    is_in: Option<bool>,
    is_out: Option<bool>,
    is_bridged: Option<bool>,
}

impl Physdev {
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        if self.is_met(seen, env) { Found::Met } else { Found::Unmet(0) }
    }

    fn is_met(&self, seen: &Seen<'_>, env: &Env<'_>) -> bool {
        let Some(bridge) = &seen.skb.bridge else {
            // Only what is asked with a `!` holds for a packet that no bridge saw.
            let nots = [self.is_bridged, self.is_in, self.is_out];
            let patterns = [&self.in_dev, &self.out_dev];
            return nots.into_iter().flatten().all(|not| not)
                && patterns.into_iter().flatten().all(|(_, not)| *not);
        };
        let out = bridge.phys_out.map(|dev| env.around.dev_name(dev));
        let asked = [self.is_bridged, self.is_out];
        if asked.into_iter().flatten().any(|not| out.is_some() == not) || self.is_in == Some(true) {
            return false;
        }
        if let Some((pattern, not)) = &self.in_dev
            && pattern.matches(env.around.dev_name(bridge.phys_in)) == *not
        {
            return false;
        }
        match (&self.out_dev, out) {
            (None, _) => true,
            // Even with a `!`: the kernel has no name to compare with.
            (Some(_), None) => false,
            (Some((pattern, not)), Some(out)) => pattern.matches(out) != *not,
        }
    }
}

impl Extension for Physdev {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--physdev-in",
            "--physdev-out",
            "--physdev-is-in",
            "--physdev-is-out",
            "--physdev-is-bridged",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let not = arg.negated;
        match option {
            "--physdev-in" => self.in_dev = Some((arg.dev_pattern()?, not)),
            "--physdev-out" => self.out_dev = Some((arg.dev_pattern()?, not)),
            "--physdev-is-in" => self.is_in = Some(not),
            "--physdev-is-out" => self.is_out = Some(not),
            _ => self.is_bridged = Some(not),
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if *self == Self::default() { Err("physdev needs one of its options") } else { Ok(()) }
    }

    fn check_place(&self, _: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        let asks_out = self.out_dev.is_some() || self.is_out.is_some();
        if asks_out && self.is_bridged != Some(false) && hooks.contains(&Hook::LocalOut) {
            return Err("the port of a packet is not known yet in OUTPUT");
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        let flag = |out: &mut Printer<'_>, option, not: Option<bool>| {
            if let Some(not) = not {
                out.negated(not, option);
            }
        };
        let dev = |out: &mut Printer<'_>, option, dev: &Option<(DevPattern, bool)>| {
            if let Some((pattern, not)) = dev {
                out.negated(*not, option);
                out.word(pattern.as_str());
            }
        };
        flag(out, "--physdev-is-in", self.is_in);
        dev(out, "--physdev-in", &self.in_dev);
        flag(out, "--physdev-is-out", self.is_out);
        dev(out, "--physdev-out", &self.out_dev);
        flag(out, "--physdev-is-bridged", self.is_bridged);
    }
}
