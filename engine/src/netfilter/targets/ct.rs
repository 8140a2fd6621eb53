//! `-j CT` and `-j NOTRACK`: how connection tracking will treat a packet. Read `net/netfilter/xt_CT.c` first.
//!
//! Not modelled: helpers, timeout policies and the choice of events, which are errors when a file is read.

use crate::base::{Dir, Hook, Table, Zone};
use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::words::{Arg, RuleError, low16, number};
use crate::skb::{Ct, Template};

/// Keeps a packet from being tracked, or puts its connection into a zone.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Notrack {
    /// It is written as `-j NOTRACK`.
    alias: bool,
    pub notrack: bool,
    pub zone: Option<Template>,
}

impl Notrack {
    pub(super) const fn new() -> Self {
        Self { alias: false, notrack: false, zone: None }
    }

    pub(super) const fn alias() -> Self {
        Self { alias: true, notrack: true, zone: None }
    }

    /// What the packet carries from here to connection tracking.
    pub(in crate::netfilter) fn ct(self) -> Ct {
        let default = Template { zone: Zone::DEFAULT, zone_is_mark: false };
        if self.notrack { Ct::Untracked } else { Ct::Template(self.zone.unwrap_or(default)) }
    }

    pub(super) const fn name(self) -> &'static str {
        if self.alias { "NOTRACK" } else { "CT" }
    }
}

const NOT_MODELLED: &[&str] = &["--helper", "--ctevents", "--expevents", "--timeout"];

impl Extension for Notrack {
    fn options(&self) -> &'static [&'static str] {
        if self.alias {
            return &[];
        }
        &[
            "--notrack",
            "--zone",
            "--zone-orig",
            "--zone-reply",
            "--helper",
            "--ctevents",
            "--expevents",
            "--timeout",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        if NOT_MODELLED.contains(&option) {
            return Err(arg.wrong("not modelled; expected --notrack or --zone"));
        }
        if option == "--notrack" {
            self.notrack = true;
            return Ok(());
        }
        if self.zone.is_some() {
            return Err(arg.wrong("expected only one zone"));
        }
        let expected = "expected a zone from 0 to 65535, or the word mark";
        let word = arg.text(expected)?;
        let id = match &*word.text {
            "mark" => None,
            text => {
                let id = number(text).filter(|id| *id <= 0xffff);
                Some(low16(id.ok_or_else(|| arg.wrong(expected))?))
            }
        };
        let only = match option {
            "--zone-orig" => Some(Dir::Original),
            "--zone-reply" => Some(Dir::Reply),
            _ => None,
        };
        let zone = Zone { id: id.unwrap_or(0), only };
        // Zone 0 is where every connection is.
        self.zone = (id != Some(0)).then_some(Template { zone, zone_is_mark: id.is_none() });
        Ok(())
    }

    fn check_place(&self, table: Table, _: &[Hook]) -> Result<(), &'static str> {
        if table == Table::Raw { Ok(()) } else { Err("CT works in the table raw only") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        if self.alias {
            return;
        }
        if self.notrack {
            out.word("--notrack");
        }
        if let Some(zone) = self.zone {
            out.word(match zone.zone.only {
                Some(Dir::Original) => "--zone-orig",
                Some(Dir::Reply) => "--zone-reply",
                None => "--zone",
            });
            if zone.zone_is_mark {
                out.word("mark");
            } else {
                out.number(u64::from(zone.zone.id));
            }
        }
    }
}
