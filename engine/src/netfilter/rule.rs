//! One rule: what stands before `-m` (`struct ipt_ip`), the matches, the target. Read `net/ipv4/netfilter/ip_tables.c`
//! (`ip_packet_match`) and `iptables/nft-ipv4.c` of the iptables sources first.
//!
//! Rules are compact, since a node of a large cluster has tens of thousands: what decides most often lies in the rule
//! itself, the rest in one boxed slice. They are never changed once read, so namespaces share them.

use std::sync::Arc;

use super::evaluate::Seen;
use super::matches::Match;
use super::print::Printer;
use super::targets::Target;
use crate::base::{ChainId, DevId, FxIndexMap, Id};
use crate::trace::Unmet;

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    pub head: Head,
    /// In the order in which they are written, which is that of their evaluation.
    pub matches: Box<[Match]>,
    pub target: Target,
}

impl Rule {
    /// Whether it makes the kernel track connections (`nf_ct_netns_get`).
    pub(super) fn needs_conntrack(&self) -> bool {
        self.target.needs_conntrack() || self.matches.iter().any(Match::needs_conntrack)
    }
}

/// An IPv4 address under a mask, which need not be a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Masked {
    pub addr: u32,
    pub mask: u32,
}

impl Masked {
    #[inline]
    pub(super) const fn contains(self, addr: u32) -> bool {
        addr & self.mask == self.addr
    }

    /// Whether the mask is the beginning of an address, without holes.
    pub(super) const fn is_prefix(self) -> bool {
        self.mask.leading_ones() + self.mask.trailing_zeros() >= 32
    }
}

/// What a rule asks of every packet, without any match extension.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Head {
    pub src: Masked,
    pub dst: Masked,
    pub in_dev: Option<Box<DevPattern>>,
    pub out_dev: Option<Box<DevPattern>>,
    /// Zero for any.
    pub protocol: u8,
    /// `-f`: only what is not the first piece of a packet, or, negated, only what is.
    pub fragment: Option<bool>,
    pub not: Not,
}

/// Which parts of a [`Head`] a `!` stands before.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Not {
    pub src: bool,
    pub dst: bool,
    pub in_dev: bool,
    pub out_dev: bool,
    pub protocol: bool,
}

/// A device's name, or with a `+` at its end the beginning of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DevPattern {
    name: Box<str>,
}

impl DevPattern {
    /// Longest name in bytes (`IFNAMSIZ` less its end).
    pub(super) const MAX: usize = 15;

    /// A pattern, unless it is longer than a device's name may be.
    pub fn new(name: &str) -> Option<Self> {
        (!name.is_empty() && name.len() <= Self::MAX).then(|| Self { name: name.into() })
    }

    #[inline]
    pub(super) fn matches(&self, dev: &str) -> bool {
        match self.name.strip_suffix('+') {
            Some(start) => dev.starts_with(start),
            None => *dev == *self.name,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// `+` alone, which every device matches.
    pub(super) fn is_any(&self) -> bool {
        *self.name == *"+"
    }
}

impl Head {
    /// Which part the packet does not meet first, and what it has there.
    #[inline]
    pub(super) fn unmet(&self, seen: &Seen<'_>) -> Option<(Unmet, u32)> {
        if self.src.contains(seen.src) == self.not.src {
            return Some((Unmet::Source, seen.src));
        }
        if self.dst.contains(seen.dst) == self.not.dst {
            return Some((Unmet::Destination, seen.dst));
        }
        if let Some(pattern) = &self.in_dev
            && pattern.matches(seen.in_name) == self.not.in_dev
        {
            return Some((Unmet::InDev, dev_seen(seen.at.in_dev)));
        }
        if let Some(pattern) = &self.out_dev
            && pattern.matches(seen.out_name) == self.not.out_dev
        {
            return Some((Unmet::OutDev, dev_seen(seen.at.out_dev)));
        }
        if self.protocol != 0 && (self.protocol == seen.protocol) == self.not.protocol {
            return Some((Unmet::Protocol, u32::from(seen.protocol)));
        }
        if self.fragment.is_some_and(|wanted| wanted != (seen.fragment_offset != 0)) {
            return Some((Unmet::Fragment, u32::from(seen.fragment_offset)));
        }
        None
    }

    /// The protocol that the rule is sure to see, if any.
    pub(super) const fn sure_protocol(&self) -> Option<u8> {
        if self.protocol == 0 || self.not.protocol { None } else { Some(self.protocol) }
    }

    pub(super) fn print(&self, out: &mut Printer<'_>) {
        for part in PARTS {
            self.print_part(part, out);
        }
    }

    /// One of the conditions, if the rule has it.
    pub(super) fn print_part(&self, part: Unmet, out: &mut Printer<'_>) {
        let (negated, option) = match part {
            Unmet::Source if self.src.mask != 0 || self.not.src => (self.not.src, "-s"),
            Unmet::Destination if self.dst.mask != 0 || self.not.dst => (self.not.dst, "-d"),
            Unmet::InDev if self.in_dev.is_some() => (self.not.in_dev, "-i"),
            Unmet::OutDev if self.out_dev.is_some() => (self.not.out_dev, "-o"),
            Unmet::Protocol if self.protocol != 0 => (self.not.protocol, "-p"),
            Unmet::Fragment if self.fragment.is_some() => (self.fragment == Some(false), "-f"),
            _ => return,
        };
        out.negated(negated, option);
        match part {
            Unmet::Source => out.masked(self.src),
            Unmet::Destination => out.masked(self.dst),
            Unmet::InDev => out.word(self.in_dev.as_ref().map_or("", |it| it.as_str())),
            Unmet::OutDev => out.word(self.out_dev.as_ref().map_or("", |it| it.as_str())),
            Unmet::Protocol => match protocol_name(self.protocol) {
                Some(name) => out.word(name),
                None => out.number(u64::from(self.protocol)),
            },
            Unmet::Fragment | Unmet::Match(_) => {}
        }
    }
}

/// A device as an event holds it: its number and one, or zero for none.
fn dev_seen(dev: Option<DevId>) -> u32 {
    dev.map_or(0, |dev| u32::try_from(dev.index() + 1).unwrap_or(0))
}

/// In the order in which `iptables-save` prints them.
const PARTS: [Unmet; 6] = [
    Unmet::Source,
    Unmet::Destination,
    Unmet::InDev,
    Unmet::OutDev,
    Unmet::Protocol,
    Unmet::Fragment,
];

/// The names that rules refer to by number, so that rules can be shared between namespaces.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Names {
    chains: Arc<Numbered>,
    pub(super) sets: Arc<Numbered>,
    /// Lists of `-m recent`: a node of a large cluster has tens of thousands.
    pub(super) recents: Arc<Numbered>,
    /// What rules remember from packet to packet: how many such memories there are.
    pub(super) memories: u32,
}

impl Names {
    /// Those of rules that others are put beside, for more to come.
    pub(super) fn after(&self) -> Self {
        let Self { chains, sets, recents, memories } = self;
        let [chains, sets, recents] = [chains, sets, recents].map(Numbered::after);
        Self { chains, sets, recents, memories: *memories }
    }

    pub(super) fn chain(&self, chain: ChainId) -> &str {
        self.chains.name(u32::try_from(chain.index()).unwrap_or(u32::MAX))
    }

    pub(super) fn find_chain(&self, name: &str) -> Option<ChainId> {
        self.chains.find(name).map(|place| Id::from_index(place as usize))
    }

    /// The chain of that name, a new one where there is none.
    pub(super) fn add_chain(&mut self, name: &str) -> ChainId {
        Id::from_index(number(&mut self.chains, name) as usize)
    }

    pub(super) fn set(&mut self, name: &str) -> u32 {
        number(&mut self.sets, name)
    }

    pub(super) fn recent(&mut self, name: &str) -> u32 {
        number(&mut self.recents, name)
    }

    /// A memory of a rule's own.
    pub(super) fn memory(&mut self) -> u32 {
        self.memories += 1;
        self.memories - 1
    }
}

/// Names with a number each, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Numbered {
    /// The first of them, which others have, too.
    before: Option<Arc<Numbered>>,
    n_before: u32,
    own: FxIndexMap<Box<str>, ()>,
}

/// The number of a name, which nobody else counts on yet.
fn number(names: &mut Arc<Numbered>, name: &str) -> u32 {
    names.find(name).unwrap_or_else(|| {
        let number = names.len();
        let own = Arc::get_mut(names).expect("names are shared only when all are there");
        own.own.insert(name.into(), ());
        number
    })
}

impl Numbered {
    fn after(names: &Arc<Self>) -> Arc<Self> {
        let before =
            if names.own.is_empty() { names.before.clone() } else { Some(Arc::clone(names)) };
        Arc::new(Self { before, n_before: names.len(), own: FxIndexMap::default() })
    }

    fn find(&self, name: &str) -> Option<u32> {
        match self.own.get_index_of(name) {
            Some(place) => Some(self.n_before + count(place)),
            None => self.before.as_ref()?.find(name),
        }
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> &str {
        match (number.checked_sub(self.n_before), &self.before) {
            (None, Some(before)) => before.name(number),
            (None, None) => "",
            (Some(place), _) => self.own.get_index(place as usize).map_or("", |(name, ())| name),
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.n_before + count(self.own.len())
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a file has fewer than 2^32 names")
}

/// The protocols of `xtables_chain_protos`, then those of /etc/protocols, as iptables-save prints them.
const PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", 6),
    ("sctp", 132),
    ("udp", 17),
    ("udplite", 136),
    ("icmp", 1),
    ("ipv6-icmp", 58),
    ("esp", 50),
    ("ah", 51),
    ("mobility-header", 135),
    ("dccp", 33),
    ("ipcomp", 108),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("st", 5),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("skip", 57),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("rspf", 73),
    ("vmtp", 81),
    ("eigrp", 88),
    ("ospf", 89),
    ("ax.25", 93),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("fc", 133),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
    ("rohc", 142),
    ("ethernet", 143),
];

/// Other names that iptables takes.
const ALIASES: &[(&str, u8)] = &[("all", 0), ("icmpv6", 58), ("ipv6-mh", 135), ("mh", 135)];

/// The name of a protocol, if it has one.
pub(super) fn protocol_name(number: u8) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(_, it)| *it == number).map(|(name, _)| *name)
}

/// A protocol by its name or its number.
pub(super) fn protocol(text: &str) -> Option<u8> {
    if let Some(number) = super::words::number(text) {
        return u8::try_from(number).ok();
    }
    let named = |(name, _): &&(&str, u8)| name.eq_ignore_ascii_case(text);
    let all = PROTOCOLS.iter().find(named).or_else(|| ALIASES.iter().find(named));
    all.map(|(_, number)| *number)
}
