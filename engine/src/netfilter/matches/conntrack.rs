//! `-m conntrack`, and `-m state`, which is the same with one option. Read `net/netfilter/xt_conntrack.c` first.

use super::Extension;
use crate::base::{Dir, Nanos, Status};
use crate::netfilter::conntrack::Entry;
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::print::Printer;
use crate::netfilter::rule::{Head, Masked, Names, protocol};
use crate::netfilter::words::{Arg, RuleError, low16};
use crate::skb::{Ct, CtInfo};

/// What the packet's connection must be like. Conditions are few in a rule and many in kind, hence the list.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Conntrack {
    /// It is written as `-m state`.
    state_alias: bool,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Condition {
    not: bool,
    what: What,
}

/// In the order in which iptables-save prints them, which is not quite that of the kernel; the result is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// Bits by their places in [`STATES`].
    State(u32),
    Protocol(u8),
    Address(End, Masked),
    Port(End, (u16, u16)),
    /// Bits by their places in [`STATUSES`], which are the kernel's; none at all matches no connection.
    Status(u32),
    /// Seconds.
    Expire(u32, u32),
    Direction {
        reply: bool,
    },
}

/// An end of a tuple: which tuple, and which end of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct End {
    reply: bool,
    dst: bool,
}

const STATES: &[&str] = &["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
const INVALID: u32 = 1;
const NEW: u32 = 1 << 1;
const RELATED: u32 = 1 << 2;
const ESTABLISHED: u32 = 1 << 3;
const UNTRACKED: u32 = 1 << 4;
const SNAT: u32 = 1 << 5;
const DNAT: u32 = 1 << 6;

const STATUSES: &[&str] = &["EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"];

const DIRECTIONS: &[&str] = &["ORIGINAL", "REPLY"];

const ADDRESSES: [(&str, End); 4] = [
    ("--ctorigsrc", End { reply: false, dst: false }),
    ("--ctorigdst", End { reply: false, dst: true }),
    ("--ctreplsrc", End { reply: true, dst: false }),
    ("--ctrepldst", End { reply: true, dst: true }),
];

const PORTS: [(&str, End); 4] = [
    ("--ctorigsrcport", End { reply: false, dst: false }),
    ("--ctorigdstport", End { reply: false, dst: true }),
    ("--ctreplsrcport", End { reply: true, dst: false }),
    ("--ctrepldstport", End { reply: true, dst: true }),
];

impl Conntrack {
    /// `-m state`.
    pub(super) fn state() -> Self {
        Self { state_alias: true, conditions: Vec::new() }
    }

    pub(super) const fn name(&self) -> &'static str {
        if self.state_alias { "state" } else { "conntrack" }
    }

    pub(super) fn judge(&self, seen: &Seen<'_>, env: &Env<'_>) -> Found {
        let connection = env.connection(seen.skb);
        let state = state_of(seen.skb.ct, connection.map(|(entry, _)| entry.status()));
        for it in &self.conditions {
            let met = match (it.what, connection) {
                (What::State(wanted), _) => wanted & state != 0,
                // Without a connection nothing else is asked, and a rule that asks no state does not match.
                (_, None) if self.asks_state() => continue,
                (_, None) => return Found::Unmet(state),
                (what, Some((entry, info))) => what.is_met(entry, info, env.now),
            };
            if met == it.not {
                return Found::Unmet(state);
            }
        }
        Found::Met
    }

    fn asks_state(&self) -> bool {
        self.conditions.iter().any(|it| matches!(it.what, What::State(_)))
    }
}

/// A packet's state as a bit of [`STATES`], with those that translation sets.
fn state_of(ct: Ct, status: Option<Status>) -> u32 {
    let state = match ct {
        Ct::None => INVALID,
        // What `-j CT` put there counts as a new connection (`IP_CT_NEW`), whatever it will be.
        Ct::Template(_) => NEW,
        Ct::Untracked => UNTRACKED,
        Ct::Tracked { info, .. } => match info {
            CtInfo::New => NEW,
            CtInfo::Established | CtInfo::EstablishedReply => ESTABLISHED,
            CtInfo::Related | CtInfo::RelatedReply => RELATED,
        },
    };
    let has = |bits| status.is_some_and(|it| it.has(bits));
    let snat = if has(Status::SRC_NAT) { SNAT } else { 0 };
    state | snat | if has(Status::DST_NAT) { DNAT } else { 0 }
}

/// `state NEW,DNAT`.
pub(super) fn saw(saw: u32) -> String {
    let mut out = Printer { text: String::from("state"), names: &Names::default() };
    out.bits(saw, STATES);
    out.text
}

impl Extension for Conntrack {
    fn options(&self) -> &'static [&'static str] {
        if self.state_alias {
            return &["--state"];
        }
        &[
            "--ctstate",
            "--ctproto",
            "--ctorigsrc",
            "--ctorigdst",
            "--ctreplsrc",
            "--ctrepldst",
            "--ctorigsrcport",
            "--ctorigdstport",
            "--ctreplsrcport",
            "--ctrepldstport",
            "--ctstatus",
            "--ctexpire",
            "--ctdir",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let not = arg.negated;
        let end = |table: &[(&str, End); 4]| {
            table.iter().find(|(name, _)| *name == option).map(|(_, end)| *end)
        };
        let what = if let Some(end) = end(&ADDRESSES) {
            let it = arg.network()?;
            if !it.is_prefix() {
                return Err(arg.wrong("expected an address/prefix, not a mask with holes"));
            }
            What::Address(end, it)
        } else if let Some(end) = end(&PORTS) {
            What::Port(end, arg.ports()?)
        } else {
            match option {
                "--state" => What::State(arg.bits_of(&STATES[..5])?),
                "--ctstate" => What::State(arg.bits_of(STATES)?),
                "--ctproto" => {
                    let word = arg.text("expected a protocol")?;
                    let number = protocol(&word.text);
                    let expected = "expected a protocol's name or number";
                    What::Protocol(number.ok_or_else(|| arg.wrong(expected))?)
                }
                "--ctstatus" => {
                    let bits = arg.bits_of(&[STATUSES, &["NONE"]].concat())?;
                    What::Status(bits & 0xf)
                }
                "--ctexpire" => {
                    let (first, last) = arg.range(u32::MAX)?;
                    What::Expire(first, last)
                }
                _ => {
                    arg.positive()?;
                    What::Direction { reply: arg.one_of(DIRECTIONS)? == 1 }
                }
            }
        };
        self.conditions.push(Condition { not, what });
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if !self.conditions.is_empty() {
            Ok(())
        } else if self.state_alias {
            Err("state needs --state")
        } else {
            Err("conntrack needs at least one of its options")
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        for option in self.options() {
            for it in
                self.conditions.iter().filter(|it| it.what.option(self.state_alias) == *option)
            {
                it.print(option, out);
            }
        }
    }
}

impl What {
    fn is_met(self, entry: &Entry, info: CtInfo, now: Nanos) -> bool {
        let tuple = |end: End| entry.tuple(if end.reply { Dir::Reply } else { Dir::Original });
        match self {
            Self::State(_) => true,
            Self::Protocol(number) => entry.tuple(Dir::Original).protocol == number,
            Self::Address(end, it) => {
                let tuple = tuple(end);
                it.contains(if end.dst { tuple.dst } else { tuple.src }.to_bits())
            }
            Self::Port(end, (first, last)) => {
                let tuple = tuple(end);
                let port = if end.dst { tuple.dst_port } else { tuple.src_port };
                (first..=last).contains(&port)
            }
            Self::Status(bits) => entry.status().has(Status(low16(bits))),
            Self::Expire(first, last) => {
                let seconds = entry.expires_in(now).0 / 1_000_000_000;
                (u64::from(first)..=u64::from(last)).contains(&seconds)
            }
            Self::Direction { reply } => (info.dir() == Dir::Reply) == reply,
        }
    }

    fn option(self, state_alias: bool) -> &'static str {
        let end = |table: &[(&'static str, End); 4], end| {
            table.iter().find(|(_, it)| *it == end).map_or("", |(name, _)| *name)
        };
        match self {
            Self::State(_) if state_alias => "--state",
            Self::State(_) => "--ctstate",
            Self::Protocol(_) => "--ctproto",
            Self::Address(it, _) => end(&ADDRESSES, it),
            Self::Port(it, _) => end(&PORTS, it),
            Self::Status(_) => "--ctstatus",
            Self::Expire(..) => "--ctexpire",
            Self::Direction { .. } => "--ctdir",
        }
    }
}

impl Condition {
    fn print(self, option: &str, out: &mut Printer<'_>) {
        out.negated(self.not, option);
        match self.what {
            What::State(bits) => out.bits(bits, STATES),
            What::Protocol(number) => out.number(u64::from(number)),
            What::Address(_, it) if it.mask == u32::MAX => out.address(it.addr.into()),
            What::Address(_, it) => out.masked(it),
            What::Port(_, ports) => out.ports(ports),
            What::Status(0) => out.word("NONE"),
            What::Status(bits) => out.bits(bits, STATUSES),
            What::Expire(first, last) => out.range((first, last)),
            What::Direction { reply } => out.word(DIRECTIONS[usize::from(reply)]),
        }
    }
}
