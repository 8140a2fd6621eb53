//! `-m recent`: lists of addresses seen lately. Read `net/netfilter/xt_recent.c` first.
//!
//! Lists live in a namespace and are shared by its tables. What they hold stands in no file of a snapshot: they begin
//! empty. Times are compared exactly, where the kernel counts in ticks of its clock. The kernel gives a list the mask of
//! the rule that came first, which no file shows either; rules that disagree are an error when they are read.

use super::Extension;
use crate::base::{FxIndexMap, Nanos};
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::{Head, Names};
use crate::netfilter::words::{Arg, RuleError};

/// A question to a list, or a change of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recent {
    what: Option<What>,
    not: bool,
    seconds: u32,
    reap: bool,
    hit_count: u32,
    rttl: bool,
    /// Index into [`Names::recents`].
    list: u32,
    mask: u32,
    dst: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Set,
    Check,
    Update,
    Remove,
}

/// Addresses in a list, at most (`ip_list_tot`).
const ADDRESSES: usize = 100;
/// `XT_RECENT_MAX_NSTAMPS`.
const MAX_HITS: u32 = 65_535;
/// Times remembered of an address unless a rule counts more hits (`nstamps_max_mask` and one).
const STAMPS: usize = 32;

/// The lists of a namespace by name.
#[derive(Clone, Default, Debug)]
pub struct Recents(FxIndexMap<Box<str>, List>);

#[derive(Clone, Debug)]
struct List {
    /// The bits of an address that count: those of the rule that made the list.
    mask: u32,
    /// How many times of each address are remembered; a power of two.
    stamps: usize,
    /// The address not used for longest comes first (`lru_list`).
    entries: FxIndexMap<u32, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    ttl_hops: u8,
    /// A ring, `next` being where the next time goes.
    stamps: Vec<Nanos>,
    next: usize,
}

impl Recents {
    /// The list of that name; it can hold at least `hits` times of an address (`recent_mt_check`).
    pub(in crate::netfilter) fn open(&mut self, name: &str, hits: u32, mask: u32) -> u32 {
        let wanted = (hits as usize).next_power_of_two().max(STAMPS);
        let empty = || List { mask, stamps: wanted, entries: FxIndexMap::default() };
        let entry = self.0.entry(name.into());
        let place = entry.index();
        let list = entry.or_insert_with(empty);
        if list.stamps < wanted {
            list.stamps = wanted;
            list.entries.clear();
        }
        u32::try_from(place).expect("fewer lists than rules")
    }

    /// Empties all lists.
    pub fn forget(&mut self) {
        self.0.values_mut().for_each(|list| list.entries.clear());
    }

    /// The mask of a list, if it is there.
    pub(in crate::netfilter) fn mask(&self, name: &str) -> Option<u32> {
        self.0.get(name).map(|list| list.mask)
    }
}

impl Recent {
    pub(super) fn new(names: &mut Names) -> Self {
        let list = names.recent("DEFAULT");
        Self {
            what: None,
            not: false,
            seconds: 0,
            reap: false,
            hit_count: 0,
            rttl: false,
            list,
            mask: u32::MAX,
            dst: false,
        }
    }

    /// The list, how many hits it must be able to count, and the mask.
    pub(in crate::netfilter) const fn list(&self) -> (u32, u32, u32) {
        (self.list, self.hit_count, self.mask)
    }

    pub(super) fn judge(&self, seen: &Seen<'_>, env: &mut Env<'_>) -> Found {
        // The TTL as it was before this host took one from it.
        let forwarded = seen.at.out_dev.is_some() && seen.skb.socket.is_none();
        let ttl_hops = seen.ttl_hops.wrapping_add(u8::from(forwarded));
        let place = env.recent_of[self.list as usize] as usize;
        let Some((_, list)) = env.recents.0.get_index_mut(place) else { return Found::Unmet(0) };
        let addr = if self.dst { seen.dst } else { seen.src } & list.mask;
        if self.ask(list, addr, ttl_hops, env.now) == self.not {
            Found::Unmet(0)
        } else {
            Found::Met
        }
    }

    /// `recent_mt` without its `!`.
    fn ask(&self, list: &mut List, addr: u32, ttl_hops: u8, now: Nanos) -> bool {
        let Some(what) = self.what else { return false };
        let known = list.entries.get(&addr).is_some_and(|it| {
            !self.rttl || ttl_hops == 0 || it.ttl_hops == 0 || it.ttl_hops == ttl_hops
        });
        if !known {
            if what == What::Set {
                if list.entries.len() >= ADDRESSES {
                    list.entries.shift_remove_index(0);
                }
                list.entries.insert(addr, Entry { ttl_hops, stamps: vec![now], next: 1 });
            }
            return what == What::Set;
        }
        let met = match what {
            What::Set => true,
            What::Remove => {
                list.entries.shift_remove(&addr);
                return true;
            }
            What::Check | What::Update => {
                let span = Nanos::from_secs(u64::from(self.seconds));
                let is_old = |stamp: Nanos| self.seconds != 0 && now.since(stamp) > span;
                let stamps = list.entries.get(&addr).map_or(&[][..], |it| &it.stamps);
                let hits = stamps.iter().filter(|stamp| !is_old(**stamp)).count();
                let met = hits >= (self.hit_count as usize).max(1);
                // The `!` counts here: an entry that will be updated is not thrown away.
                let updates = what == What::Update && met != self.not;
                if self.reap
                    && let Some((oldest, it)) = list.entries.first()
                    && !(updates && *oldest == addr)
                    && is_old(it.newest())
                {
                    list.entries.shift_remove_index(0);
                }
                met
            }
        };
        if what == What::Set || (what == What::Update && met != self.not) {
            // Used just now: it goes to the end.
            if let Some(mut entry) = list.entries.shift_remove(&addr) {
                entry.stamp(now, list.stamps);
                entry.ttl_hops = ttl_hops;
                list.entries.insert(addr, entry);
            }
        }
        met
    }
}

impl Entry {
    /// `recent_entry_update`.
    fn stamp(&mut self, now: Nanos, most: usize) {
        self.next %= most;
        match self.stamps.get_mut(self.next) {
            Some(place) => *place = now,
            None => self.stamps.push(now),
        }
        self.next += 1;
    }

    fn newest(&self) -> Nanos {
        self.stamps.get(self.next.wrapping_sub(1)).copied().unwrap_or_default()
    }
}

impl Extension for Recent {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--set",
            "--rcheck",
            "--update",
            "--remove",
            "--seconds",
            "--reap",
            "--hitcount",
            "--rttl",
            "--name",
            "--mask",
            "--rsource",
            "--rdest",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let what = match option {
            "--set" => What::Set,
            "--rcheck" => What::Check,
            "--update" => What::Update,
            "--remove" => What::Remove,
            _ => {
                arg.positive()?;
                match option {
                    "--seconds" => {
                        self.seconds = arg.number(u32::MAX)?;
                        if self.seconds == 0 {
                            return Err(arg.wrong("expected a number of seconds from 1"));
                        }
                    }
                    "--reap" => self.reap = true,
                    "--hitcount" => self.hit_count = arg.number(MAX_HITS)?,
                    "--rttl" => self.rttl = true,
                    "--name" => {
                        let word = arg.text("expected the name of a list")?;
                        if word.text.is_empty() || word.text.len() > 199 {
                            return Err(arg.wrong("expected a name of 1 to 199 bytes"));
                        }
                        self.list = arg.names.recent(&word.text);
                    }
                    "--mask" => self.mask = arg.address()?.to_bits(),
                    "--rsource" => self.dst = false,
                    _ => self.dst = true,
                }
                return Ok(());
            }
        };
        if self.what.is_some() {
            return Err(arg.wrong("expected only one of --set, --rcheck, --update and --remove"));
        }
        (self.what, self.not) = (Some(what), arg.negated);
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        let asks = self.seconds != 0 || self.reap || self.hit_count != 0 || self.rttl;
        match self.what {
            None => Err("recent needs --set, --rcheck, --update or --remove"),
            Some(What::Set | What::Remove) if asks => {
                Err("--seconds, --reap, --hitcount and --rttl go with --rcheck and --update")
            }
            Some(_) if self.reap && self.seconds == 0 => Err("--reap needs --seconds"),
            Some(_) => Ok(()),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(
            self.not,
            match self.what {
                Some(What::Set) | None => "--set",
                Some(What::Check) => "--rcheck",
                Some(What::Update) => "--update",
                Some(What::Remove) => "--remove",
            },
        );
        if self.seconds != 0 {
            out.word("--seconds");
            out.number(u64::from(self.seconds));
        }
        if self.reap {
            out.word("--reap");
        }
        if self.hit_count != 0 {
            out.word("--hitcount");
            out.number(u64::from(self.hit_count));
        }
        if self.rttl {
            out.word("--rttl");
        }
        out.word("--name");
        out.word(out.names.recents.name(self.list));
        out.word("--mask");
        out.address(self.mask.into());
        out.word(if self.dst { "--rdest" } else { "--rsource" });
    }
}
