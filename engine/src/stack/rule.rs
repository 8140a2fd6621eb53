//! Policy rules: which table a look-up asks, by more than the destination. Read `net/core/fib_rules.c` and
//! `net/ipv4/fib_rules.c` first.
//!
//! Not modelled: rules by user id, tunnel id, interface group, VRF and realms. Loading them is an error.

use std::fmt;

use ipnet::Ipv4Net;

use super::fib::{Fib, Flow, Found, NotFound, TableId, Unroutable, tos_matches};
use crate::base::{DevId, OriginId, sort_by_number};
use crate::skb::Mark;

/// What a rule does with a flow that it matches (`FR_ACT_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Asks a table; without an answer the next rule is asked.
    Lookup(TableId),
    /// Goes on with the first rule of this priority.
    Goto(u32),
    /// Does nothing; a place to go to.
    Nop,
    Unreachable,
    Blackhole,
    Prohibit,
}

/// Which devices a rule matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnDev {
    Any,
    Dev(DevId),
    /// One that is not there (`[detached]`): the rule never matches.
    Detached,
}

impl OnDev {
    #[inline]
    fn matches(self, dev: Option<DevId>) -> bool {
        match self {
            Self::Any => true,
            Self::Dev(own) => dev == Some(own),
            Self::Detached => false,
        }
    }
}

/// A policy rule (`struct fib4_rule`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Smaller is asked first.
    pub priority: u32,
    /// `not`: matches what the rest does not match.
    pub invert: bool,
    pub src: Ipv4Net,
    pub dst: Ipv4Net,
    /// The device the packet came in by; `lo` for what this host sends.
    pub iif: OnDev,
    /// The device that the sender's socket is bound to.
    pub oif: OnDev,
    pub mark: Mark,
    /// Which bits of the mark count; 0: any mark.
    pub mark_mask: u32,
    /// Type of service; 0: any.
    pub tos: u8,
    /// IP protocol; 0: any.
    pub protocol: u8,
    /// First and last source port.
    pub sport: Option<(u16, u16)>,
    pub dport: Option<(u16, u16)>,
    pub action: Action,
    /// A route with a prefix of this length or a shorter one counts as no answer.
    pub suppress_prefixlen: Option<u8>,
    pub origin: Option<OriginId>,
}

impl Rule {
    /// `from all`, for the rest to be filled in.
    pub fn new(priority: u32, action: Action) -> Self {
        Self {
            priority,
            invert: false,
            src: Ipv4Net::default(),
            dst: Ipv4Net::default(),
            iif: OnDev::Any,
            oif: OnDev::Any,
            mark: Mark(0),
            mark_mask: 0,
            tos: 0,
            protocol: 0,
            sport: None,
            dport: None,
            action,
            suppress_prefixlen: None,
            origin: None,
        }
    }

    /// `fib_rule_match`, `fib4_rule_match`. `not` turns around all of it together.
    fn matches(&self, flow: &Flow) -> bool {
        let within = |ports: Option<(u16, u16)>, port| {
            ports.is_none_or(|(first, last)| (first..=last).contains(&port))
        };
        let matches = self.iif.matches(Some(flow.iif))
            && self.oif.matches(flow.oif)
            && (self.mark.0 ^ flow.mark.0) & self.mark_mask == 0
            && self.src.contains(&flow.saddr)
            && self.dst.contains(&flow.daddr)
            && tos_matches(self.tos, flow)
            && (self.protocol == 0 || self.protocol == flow.protocol)
            && within(self.sport, flow.sport)
            && within(self.dport, flow.dport);
        matches != self.invert
    }

    /// As `ip rule` prints it, without its priority: `from 10.0.0.0/8 iif eth0 lookup 100`.
    pub fn text<'n>(&self, name: impl Fn(DevId) -> &'n str) -> String {
        let prefix = |net: &Ipv4Net| match net.prefix_len() {
            0 => "all".to_owned(),
            32 => net.addr().to_string(),
            _ => net.to_string(),
        };
        let not = if self.invert { "not " } else { "" };
        let mut text = format!("{not}from {}", prefix(&self.src));
        if self.dst.prefix_len() > 0 {
            text.push_str(&format!(" to {}", prefix(&self.dst)));
        }
        if self.tos != 0 {
            text.push_str(&format!(" tos 0x{:02x}", self.tos));
        }
        if self.mark_mask != 0 {
            text.push_str(&format!(" fwmark {}", self.mark));
            if self.mark_mask != u32::MAX {
                text.push_str(&format!("/{}", Mark(self.mark_mask)));
            }
        }
        for (word, on) in [("iif", self.iif), ("oif", self.oif)] {
            match on {
                OnDev::Any => {}
                OnDev::Dev(dev) => text.push_str(&format!(" {word} {}", name(dev))),
                OnDev::Detached => text.push_str(&format!(" {word} [detached]")),
            }
        }
        if self.protocol != 0 {
            text.push_str(&format!(" ipproto {}", self.protocol));
        }
        for (word, ports) in [("sport", self.sport), ("dport", self.dport)] {
            match ports {
                None => {}
                Some((first, last)) if first == last => text.push_str(&format!(" {word} {first}")),
                Some((first, last)) => text.push_str(&format!(" {word} {first}-{last}")),
            }
        }
        text.push_str(&format!(" {}", self.action));
        if let Some(len) = self.suppress_prefixlen {
            text.push_str(&format!(" suppress_prefixlength {len}"));
        }
        text
    }

    /// Whether it looks at protocol or ports, which a look-up then takes from the packet (`fib_rules_require_fldissect`).
    pub fn needs_ports(&self) -> bool {
        self.protocol != 0 || self.sport.is_some() || self.dport.is_some()
    }
}

/// The three that every namespace begins with.
fn defaults() -> [Rule; 3] {
    [(0, TableId::LOCAL), (32766, TableId::MAIN), (32767, TableId::DEFAULT)]
        .map(|(priority, table)| Rule::new(priority, Action::Lookup(table)))
}

/// The priority that `ip rule add` gives where none is named: one before the second rule (`fib_default_rule_pref`).
const LAST_OWN_PRIORITY: u32 = 32765;

/// The rules of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// In the order they are asked. Empty: the three default ones, which need no asking.
    list: Box<[Rule]>,
    needs_ports: bool,
}

impl Rules {
    /// Rules in any order; of equal priority the one that comes first here is asked first.
    pub fn new(mut list: Vec<Rule>) -> Self {
        sort_by_number(&mut list, |rule| rule.priority.into());
        if list == defaults() {
            list.clear();
        }
        let needs_ports = list.iter().any(Rule::needs_ports);
        Self { list: list.into(), needs_ports }
    }

    /// The rules in the order they are asked.
    pub fn list(&self) -> Vec<Rule> {
        if self.are_custom() { self.list.to_vec() } else { defaults().into() }
    }

    /// The rules with one more, as `ip rule add` puts it.
    #[must_use]
    pub fn with(&self, rule: Rule) -> Self {
        let mut list = self.list();
        list.push(rule);
        Self::new(list)
    }

    /// The priority for a rule that names none.
    pub fn next_priority(&self) -> u32 {
        self.list.get(1).map_or(LAST_OWN_PRIORITY, |rule| rule.priority.saturating_sub(1))
    }

    /// Whether there are others than the default ones.
    #[inline]
    pub const fn are_custom(&self) -> bool {
        !self.list.is_empty()
    }

    /// Whether protocol and ports of a packet count.
    #[inline]
    pub const fn need_ports(&self) -> bool {
        self.needs_ports
    }

    /// A custom rule by its position.
    pub fn get(&self, index: usize) -> Option<&Rule> {
        self.list.get(index)
    }
}

/// `fib_rules_lookup`: asks the tables that the matching rules name, until one answers.
pub(super) fn lookup(fib: &Fib, flow: &Flow, ignore_link_state: bool) -> Result<Found, NotFound> {
    let list = &fib.rules().list;
    let mut at = 0;
    while let Some(rule) = list.get(at) {
        let index = at;
        at += 1;
        if !rule.matches(flow) {
            continue;
        }
        let forbid = |error| Err(NotFound { error, route: None, rule: Some(index) });
        match rule.action {
            Action::Nop => {}
            Action::Goto(target) => {
                // Only forward, as the kernel insists, so this ends. A target that is not there is passed over.
                let ahead = list[at..].iter().position(|it| it.priority == target);
                at += ahead.unwrap_or(0);
            }
            Action::Unreachable => return forbid(Unroutable::Net),
            Action::Prohibit => return forbid(Unroutable::Access),
            Action::Blackhole => return forbid(Unroutable::Invalid),
            Action::Lookup(table) => match fib.in_table(table, flow, ignore_link_state) {
                Some(Ok((route, nexthop))) => {
                    let len = fib.route(route).dst.prefix_len();
                    if rule.suppress_prefixlen.is_none_or(|most| len > most) {
                        return Ok(Found { route, nexthop, rule: Some(index) });
                    }
                }
                Some(Err((error, route))) => {
                    let (route, rule) = (Some(route), Some(index));
                    return Err(NotFound { error, route, rule });
                }
                None => {}
            },
        }
    }
    Err(NotFound { error: Unroutable::Net, route: None, rule: None })
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(table) => write!(f, "lookup {}", table.name()),
            Self::Goto(priority) => write!(f, "goto {priority}"),
            Self::Nop => f.write_str("nop"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::Prohibit => f.write_str("prohibit"),
        }
    }
}
