//! The match extensions (`-m`): one file each, with its options, its text and its judgement.
//!
//! An extension that is not here is an error when a file is read, never a rule that does not ask.

mod addrtype;
mod comment;
mod connmark;
mod conntrack;
mod icmp;
mod iprange;
mod length;
mod limit;
mod mark;
mod multiport;
mod nfacct;
mod owner;
mod physdev;
mod recent;
mod rpfilter;
mod set;
mod statistic;
mod tcp;
mod tcpmss;
mod ttl;
mod udp;

pub(super) use icmp::{message as icmp_message, message_name as icmp_message_name};
pub use recent::Recents;

use addrtype::Addrtype;
use connmark::Connmark;
use conntrack::Conntrack;
use icmp::Icmp;
use iprange::Iprange;
use length::Length;
use limit::Limit;
use mark::Mark;
use multiport::Multiport;
use owner::Owner;
use physdev::Physdev;
use recent::Recent;
use rpfilter::Rpfilter;
use set::Set;
use statistic::Statistic;
use tcp::Tcp;
use tcpmss::Tcpmss;
use ttl::Ttl;
use udp::Udp;

use super::evaluate::{Env, Found, Seen};
use super::print::Printer;
use super::rule::{Head, Names};
use super::words::{Arg, RuleError};
use crate::base::{Hook, Table};

/// One match of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    Addrtype(Addrtype),
    Comment(comment::Comment),
    Connmark(Connmark),
    Conntrack(Box<Conntrack>),
    Icmp(Icmp),
    Iprange(Box<Iprange>),
    Length(Length),
    Limit(Limit),
    Mark(Mark),
    Multiport(Multiport),
    Nfacct(nfacct::Nfacct),
    Owner(Box<Owner>),
    Physdev(Box<Physdev>),
    Recent(Box<Recent>),
    Rpfilter(Rpfilter),
    Set(Box<Set>),
    Statistic(Statistic),
    Tcp(Tcp),
    Tcpmss(Tcpmss),
    Ttl(Ttl),
    Udp(Udp),
}

/// What a match or target extension can do besides judging packets.
pub(super) trait Extension {
    /// The options it knows, as they are printed first, then other names for them.
    fn options(&self) -> &'static [&'static str];

    /// Reads one of its options.
    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError>;

    /// What is missing or contradictory once all options are read, if anything.
    fn check(&self, _head: &Head) -> Result<(), &'static str> {
        Ok(())
    }

    /// Why it cannot stand in a chain that is reached from these hooks of this table, if it cannot.
    fn check_place(&self, _table: Table, _hooks: &[Hook]) -> Result<(), &'static str> {
        Ok(())
    }

    /// Its options as `iptables-save` prints them.
    fn print(&self, out: &mut Printer<'_>);
}

/// The matches that are modelled, by name, for messages.
const NAMES: &[&str] = &[
    "addrtype",
    "comment",
    "connmark",
    "conntrack",
    "icmp",
    "iprange",
    "length",
    "limit",
    "mark",
    "multiport",
    "nfacct",
    "owner",
    "physdev",
    "recent",
    "rpfilter",
    "sctp",
    "set",
    "state",
    "statistic",
    "tcp",
    "tcpmss",
    "ttl",
    "udp",
];

/// What may stand after `-m`.
pub(super) fn expected() -> String {
    String::from("this match is not modelled; ") + &super::words::expected_one_of(NAMES)
}

impl Match {
    /// A match as it is before its options are read.
    pub(super) fn new(name: &str, names: &mut Names) -> Option<Self> {
        Some(match name {
            "addrtype" => Self::Addrtype(Addrtype::default()),
            "comment" => Self::Comment(comment::Comment::default()),
            "connmark" => Self::Connmark(Connmark::default()),
            "conntrack" => Self::Conntrack(Box::default()),
            "state" => Self::Conntrack(Box::new(Conntrack::state())),
            "icmp" => Self::Icmp(Icmp::default()),
            "iprange" => Self::Iprange(Box::default()),
            "length" => Self::Length(Length::default()),
            "limit" => Self::Limit(Limit::new(names.memory())),
            "mark" => Self::Mark(Mark::default()),
            "multiport" => Self::Multiport(Multiport::default()),
            "nfacct" => Self::Nfacct(nfacct::Nfacct::default()),
            "owner" => Self::Owner(Box::default()),
            "physdev" => Self::Physdev(Box::default()),
            "recent" => Self::Recent(Box::new(Recent::new(names))),
            "rpfilter" => Self::Rpfilter(Rpfilter::default()),
            "set" => Self::Set(Box::default()),
            "statistic" => Self::Statistic(Statistic::new(names.memory())),
            "tcp" => Self::Tcp(Tcp::default()),
            "tcpmss" => Self::Tcpmss(Tcpmss::default()),
            "ttl" => Self::Ttl(Ttl::default()),
            "udp" => Self::Udp(Udp::default()),
            "sctp" => Self::Udp(Udp::sctp()),
            _ => return None,
        })
    }

    /// As it stands after `-m`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Addrtype(_) => "addrtype",
            Self::Comment(_) => "comment",
            Self::Connmark(_) => "connmark",
            Self::Conntrack(it) => it.name(),
            Self::Icmp(_) => "icmp",
            Self::Iprange(_) => "iprange",
            Self::Length(_) => "length",
            Self::Limit(_) => "limit",
            Self::Mark(_) => "mark",
            Self::Multiport(_) => "multiport",
            Self::Nfacct(_) => "nfacct",
            Self::Owner(_) => "owner",
            Self::Physdev(_) => "physdev",
            Self::Recent(_) => "recent",
            Self::Rpfilter(_) => "rpfilter",
            Self::Set(_) => "set",
            Self::Statistic(_) => "statistic",
            Self::Tcp(_) => "tcp",
            Self::Tcpmss(_) => "tcpmss",
            Self::Ttl(_) => "ttl",
            Self::Udp(it) => it.name(),
        }
    }

    pub(super) fn extension(&self) -> &dyn Extension {
        match self {
            Self::Addrtype(it) => it,
            Self::Comment(it) => it,
            Self::Connmark(it) => it,
            Self::Conntrack(it) => &**it,
            Self::Icmp(it) => it,
            Self::Iprange(it) => &**it,
            Self::Length(it) => it,
            Self::Limit(it) => it,
            Self::Mark(it) => it,
            Self::Multiport(it) => it,
            Self::Nfacct(it) => it,
            Self::Owner(it) => &**it,
            Self::Physdev(it) => &**it,
            Self::Recent(it) => &**it,
            Self::Rpfilter(it) => it,
            Self::Set(it) => &**it,
            Self::Statistic(it) => it,
            Self::Tcp(it) => it,
            Self::Tcpmss(it) => it,
            Self::Ttl(it) => it,
            Self::Udp(it) => it,
        }
    }

    pub(super) fn extension_mut(&mut self) -> &mut dyn Extension {
        match self {
            Self::Addrtype(it) => it,
            Self::Comment(it) => it,
            Self::Connmark(it) => it,
            Self::Conntrack(it) => &mut **it,
            Self::Icmp(it) => it,
            Self::Iprange(it) => &mut **it,
            Self::Length(it) => it,
            Self::Limit(it) => it,
            Self::Mark(it) => it,
            Self::Multiport(it) => it,
            Self::Nfacct(it) => it,
            Self::Owner(it) => &mut **it,
            Self::Physdev(it) => &mut **it,
            Self::Recent(it) => &mut **it,
            Self::Rpfilter(it) => it,
            Self::Set(it) => &mut **it,
            Self::Statistic(it) => it,
            Self::Tcp(it) => it,
            Self::Tcpmss(it) => it,
            Self::Ttl(it) => it,
            Self::Udp(it) => it,
        }
    }

    /// `-m tcp --dport 80`.
    pub(super) fn print(&self, out: &mut Printer<'_>) {
        out.word("-m");
        out.word(self.name());
        self.extension().print(out);
    }

    /// Whether the kernel tracks connections because of this match.
    pub(super) const fn needs_conntrack(&self) -> bool {
        matches!(self, Self::Conntrack(_) | Self::Connmark(_))
    }

    /// Whether it is expressions of nftables about ports or flags.
    pub(super) fn looks_at_ports(&self) -> bool {
        match self {
            Self::Tcp(it) => *it != Tcp::default(),
            Self::Udp(it) => it.has_ports(),
            _ => false,
        }
    }

    /// The set it asks, as an index into [`Names::sets`].
    pub(super) const fn set(&self) -> Option<u32> {
        match self {
            Self::Set(it) => it.set(),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &mut Env<'_>) -> Found {
        match self {
            Self::Comment(_) | Self::Nfacct(_) => Found::Met,
            Self::Tcp(it) => it.judge(seen),
            Self::Udp(it) => it.judge(seen),
            Self::Mark(it) => it.judge(seen),
            Self::Conntrack(it) => it.judge(seen, env),
            Self::Addrtype(it) => it.judge(seen, env),
            Self::Connmark(it) => it.judge(seen, env),
            Self::Icmp(it) => it.judge(seen),
            Self::Iprange(it) => it.judge(seen),
            Self::Length(it) => it.judge(seen),
            Self::Limit(it) => it.judge(env),
            Self::Multiport(it) => it.judge(seen),
            Self::Owner(it) => it.judge(seen, env),
            Self::Physdev(it) => it.judge(seen, env),
            Self::Recent(it) => it.judge(seen, env),
            Self::Rpfilter(it) => it.judge(seen, env),
            Self::Set(it) => it.judge(seen, env),
            Self::Statistic(it) => it.judge(env),
            Self::Tcpmss(it) => it.judge(seen),
            Self::Ttl(it) => it.judge(seen),
        }
    }

    /// What a packet had where this match failed, in words: `dport 81`. `saw` is what [`Self::judge`] reported.
    pub fn saw(&self, saw: u32) -> String {
        match self {
            Self::Tcp(_) | Self::Udp(_) | Self::Multiport(_) => ports_words(saw),
            Self::Icmp(_) => icmp::saw(saw),
            Self::Mark(_) | Self::Connmark(_) => {
                let mut text = String::from("mark ");
                super::print::hexadecimal(&mut text, saw);
                text
            }
            Self::Conntrack(_) => conntrack::saw(saw),
            Self::Addrtype(_) => addrtype::saw(saw),
            Self::Iprange(_) => {
                let mut text = String::new();
                super::print::address(&mut text, saw.into());
                text
            }
            Self::Length(_) => number_words("length ", saw),
            Self::Ttl(_) => number_words("TTL ", saw),
            Self::Tcpmss(_) => number_words("MSS ", saw),
            Self::Statistic(it) => it.saw(saw),
            Self::Comment(_)
            | Self::Limit(_)
            | Self::Nfacct(_)
            | Self::Owner(_)
            | Self::Physdev(_)
            | Self::Recent(_)
            | Self::Rpfilter(_)
            | Self::Set(_) => String::new(),
        }
    }
}

/// Source and destination port, as [`Match::saw`] takes them.
const fn ports_seen(sport: u16, dport: u16) -> u32 {
    (sport as u32) << 16 | dport as u32
}

fn ports_words(saw: u32) -> String {
    let mut text = number_words("sport ", saw >> 16);
    text.push_str(", dport ");
    super::print::decimal(&mut text, u64::from(saw & 0xffff));
    text
}

fn number_words(what: &str, n: u32) -> String {
    let mut text = String::from(what);
    super::print::decimal(&mut text, u64::from(n));
    text
}
