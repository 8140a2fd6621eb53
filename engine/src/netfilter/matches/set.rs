//! `-m set`: whether a packet's addresses, ports or device are in a set. Read `net/netfilter/xt_set.c` first.

use super::Extension;
use crate::netfilter::evaluate::{Env, Found, Seen};
use crate::netfilter::ipset::Question;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, number};

/// A question to a set.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Set {
    /// Which set, as an index into [`Names::sets`](crate::netfilter::rule::Names).
    which: Option<u32>,
    not: bool,
    /// How many `src` or `dst`, and which of them are `src`, the first in the lowest bit.
    dims: u8,
    srcs: u8,
    return_nomatch: bool,
    keep_counters: bool,
    keep_subcounters: bool,
    packets: Option<Compare>,
    bytes: Option<Compare>,
}

/// A comparison with a counter of the set's element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Compare {
    how: How,
    with: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    Equal,
    NotEqual,
    Less,
    Greater,
}

/// `src` and `dst` in an option, at most (`IPSET_DIM_MAX`).
const DIMS: usize = 6;

impl Set {
    pub(super) fn judge(&self, seen: &Seen<'_>, env: &mut Env<'_>) -> Found {
        let Some(&set) = self.which.and_then(|set| env.set_of.get(set as usize)) else {
            return Found::Unmet(0);
        };
        let asks_counters = self.packets.or(self.bytes).is_some();
        let question = Question {
            dims: self.dims,
            srcs: self.srcs,
            return_nomatch: self.return_nomatch,
            count: !self.keep_counters,
            count_inner: !self.keep_subcounters,
        };
        let holds = |packets: u64, bytes: u64| {
            self.packets.is_none_or(|it| it.holds(packets))
                && self.bytes.is_none_or(|it| it.holds(bytes))
        };
        let accepts = |packets, bytes| !asks_counters || holds(packets, bytes);
        let met = env.sets.test(set, question, seen, env.now, &accepts);
        if met == self.not { Found::Unmet(0) } else { Found::Met }
    }

    pub(in crate::netfilter) const fn set(&self) -> Option<u32> {
        self.which
    }
}

impl Compare {
    const fn holds(self, counter: u64) -> bool {
        match self.how {
            How::Equal => counter == self.with,
            How::NotEqual => counter != self.with,
            How::Less => counter < self.with,
            How::Greater => counter > self.with,
        }
    }
}

impl Extension for Set {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--match-set",
            "--return-nomatch",
            "--update-counters",
            "--update-subcounters",
            "--packets-eq",
            "--packets-lt",
            "--packets-gt",
            "--bytes-eq",
            "--bytes-lt",
            "--bytes-gt",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        let not = arg.negated;
        match option {
            "--match-set" => {
                let name = arg.text("expected the name of a set")?;
                self.which = Some(arg.names.set(&name.text));
                self.not = not;
                let expected = "expected src and dst with commas between them";
                let word = arg.text(expected)?;
                for part in word.text.split(',') {
                    if usize::from(self.dims) >= DIMS {
                        return Err(arg.wrong("expected at most six times src or dst"));
                    }
                    match part {
                        "src" => self.srcs |= 1 << self.dims,
                        "dst" => {}
                        _ => return Err(arg.wrong(expected)),
                    }
                    self.dims += 1;
                }
            }
            "--return-nomatch" => {
                arg.positive()?;
                self.return_nomatch = true;
            }
            "--update-counters" => self.keep_counters = not,
            "--update-subcounters" => self.keep_subcounters = not,
            _ => {
                let how = match (&option[option.len() - 2..], not) {
                    ("eq", false) => How::Equal,
                    ("eq", true) => How::NotEqual,
                    (other, _) => {
                        arg.positive()?;
                        if other == "lt" { How::Less } else { How::Greater }
                    }
                };
                let word = arg.text("expected a number")?;
                let with = word.text.parse().ok().or_else(|| number(&word.text).map(u64::from));
                let with = with.ok_or_else(|| arg.wrong("expected a number"))?;
                let compare = Some(Compare { how, with });
                if option.starts_with("--packets") {
                    self.packets = compare;
                } else {
                    self.bytes = compare;
                }
            }
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.which.is_some() { Ok(()) } else { Err("set needs --match-set") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.negated(self.not, "--match-set");
        out.word(self.which.map_or("", |set| out.names.sets.name(set)));
        for dim in 0..self.dims {
            let side = if self.srcs >> dim & 1 == 1 { "src" } else { "dst" };
            if dim == 0 {
                out.word(side);
            } else {
                out.glue(",");
                out.glue(side);
            }
        }
        if self.return_nomatch {
            out.word("--return-nomatch");
        }
        if self.keep_counters {
            out.word("! --update-counters");
        }
        if self.keep_subcounters {
            out.word("! --update-subcounters");
        }
        for (prefix, compare) in [("--packets", self.packets), ("--bytes", self.bytes)] {
            let Some(compare) = compare else { continue };
            out.negated(compare.how == How::NotEqual, prefix);
            out.glue(match compare.how {
                How::Equal | How::NotEqual => "-eq",
                How::Less => "-lt",
                How::Greater => "-gt",
            });
            out.number(compare.with);
        }
    }
}
