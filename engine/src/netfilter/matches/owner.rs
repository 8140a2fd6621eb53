//! `-m owner`: whose socket sent a packet. Read `net/netfilter/xt_owner.c` first.
//!
//! Not modelled: supplementary groups, which no file of a snapshot names.

use super::Extension;
use crate::base::{Hook, Table};
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, number};

/// User, group, and whether there is a socket at all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Owner {
    socket_exists: Option<bool>,
    uid: Option<Ids>,
    gid: Option<Ids>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ids {
    first: u32,
    last: u32,
    not: bool,
}

impl Ids {
    fn is_met(self, id: u32) -> bool {
        (self.first <= id && id <= self.last) != self.not
    }
}

impl Owner {
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        let owner = seen.skb.socket.and_then(|socket| env.around.owner(socket));
        let met = match owner {
            Some((uid, gid)) => {
                self.socket_exists != Some(true)
                    && self.uid.is_none_or(|it| it.is_met(uid))
                    && self.gid.is_none_or(|it| it.is_met(gid))
            }
            None => {
                self.socket_exists != Some(seen.skb.by_kernel)
                    && [self.uid, self.gid].into_iter().flatten().all(|it| it.not)
            }
        };
        if met { Found::Met } else { Found::Unmet(0) }
    }
}

impl Extension for Owner {
    fn options(&self) -> &'static [&'static str] {
        &["--uid-owner", "--gid-owner", "--socket-exists"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let not = arg.negated;
        if option == "--socket-exists" {
            self.socket_exists = Some(not);
            return Ok(());
        }
        let expected = "expected a number of a user or group, or two such as 1000-2000";
        let word = arg.text(expected)?;
        let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
        let ids = number(first)
            .zip(number(last))
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| Ids { first, last, not });
        if ids.is_none() {
            return Err(arg.wrong(expected));
        }
        if option == "--uid-owner" {
            self.uid = ids;
        } else {
            self.gid = ids;
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if *self == Self::default() { Err("owner needs one of its options") } else { Ok(()) }
    }

    fn check_place(&self, _: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        if hooks.iter().any(|hook| !matches!(hook, Hook::LocalOut | Hook::PostRouting)) {
            return Err("owner works in OUTPUT and POSTROUTING only");
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        if let Some(not) = self.socket_exists {
            out.negated(not, "--socket-exists");
        }
        for (option, ids) in [("--uid-owner", self.uid), ("--gid-owner", self.gid)] {
            if let Some(ids) = ids {
                out.negated(ids.not, option);
                out.number(u64::from(ids.first));
                if ids.first != ids.last {
                    out.glue("-");
                    out.glue_number(u64::from(ids.last));
                }
            }
        }
    }
}
