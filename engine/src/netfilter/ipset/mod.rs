//! Sets of addresses, networks, ports, devices and other sets (`ipset`), which rules ask by `-m set`. Read
//! `net/netfilter/ipset/ip_set_core.c`, `ip_set_hash_gen.h` and the file of each type first.
//!
//! Not modelled: what changes a set while packets flow (the SET target, `ipset add` by programs), sets of IPv6 addresses,
//! which are kept for their text and match no IPv4 packet, and `bitmap:ip,mac`, whose elements the packets complete.

mod element;
mod text;

use std::sync::Arc;

use element::Key;

use super::evaluate::Seen;
use super::rule::DevPattern;
use crate::base::{FxIndexMap, Nanos};
use crate::wire::eth;

/// The sets of a namespace, by name.
#[derive(Clone, Default, Debug)]
pub struct Sets(FxIndexMap<Box<str>, Arc<Set>>);

/// A set.
#[derive(Clone, Debug)]
struct Set {
    kind: Kind,
    /// What stands after the type in `ipset save`.
    options: Box<str>,
    /// The bits of an address that count (`netmask`, `bitmask`).
    mask: u32,
    /// First and last address or port of a bitmap.
    range: (u32, u32),
    has: Has,
    elements: FxIndexMap<Key, Element>,
    /// Prefix lengths of the networks in it, the longest first; the second of `hash:net,net` apart.
    prefixes: [Vec<u8>; 2],
    /// The devices of `hash:net,iface`, which a [`Key`] refers to by number.
    devs: Vec<Dev>,
    /// The elements of a set that no IPv4 packet matches, as they are written.
    other: Vec<Box<str>>,
}

/// A device in a set, or with `wildcard` all whose names begin so.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Dev {
    name: DevPattern,
    wildcard: bool,
}

impl Dev {
    fn matches(&self, dev: &str) -> bool {
        let name = self.name.as_str();
        if self.wildcard { dev.starts_with(name) } else { dev == name }
    }
}

/// Which extensions the elements of a set have.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Has {
    timeout: bool,
    counters: bool,
    inet6: bool,
}

/// What is kept beside a key.
#[derive(Clone, Default, Debug)]
struct Element {
    /// None: it stays.
    expires: Option<Nanos>,
    packets: u64,
    bytes: u64,
    nomatch: bool,
    comment: Option<Box<str>>,
    /// `skbmark` and its like, as written.
    skb: Option<Box<str>>,
}

/// The type of a set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    HashIp,
    HashNet,
    HashIpPort,
    HashNetPort,
    HashIpPortIp,
    HashIpPortNet,
    HashNetNet,
    HashNetIface,
    HashMac,
    BitmapIp,
    BitmapPort,
    ListSet,
}

impl Kind {
    const ALL: &[(Self, &str)] = &[
        (Self::HashIp, "hash:ip"),
        (Self::HashNet, "hash:net"),
        (Self::HashIpPort, "hash:ip,port"),
        (Self::HashNetPort, "hash:net,port"),
        (Self::HashIpPortIp, "hash:ip,port,ip"),
        (Self::HashIpPortNet, "hash:ip,port,net"),
        (Self::HashNetNet, "hash:net,net"),
        (Self::HashNetIface, "hash:net,iface"),
        (Self::HashMac, "hash:mac"),
        (Self::BitmapIp, "bitmap:ip"),
        (Self::BitmapPort, "bitmap:port"),
        (Self::ListSet, "list:set"),
    ];

    /// How many times a rule must say `src` or `dst` (`ip_set_type.dimension`).
    const fn dims(self) -> u8 {
        match self {
            Self::HashIp
            | Self::HashNet
            | Self::HashMac
            | Self::BitmapIp
            | Self::BitmapPort
            | Self::ListSet => 1,
            Self::HashIpPort | Self::HashNetPort | Self::HashNetNet | Self::HashNetIface => 2,
            Self::HashIpPortIp | Self::HashIpPortNet => 3,
        }
    }

    /// Whether `nomatch` elements may be in it (`IPSET_TYPE_NOMATCH`).
    const fn has_nets(self) -> bool {
        match self {
            Self::HashNet
            | Self::HashNetPort
            | Self::HashIpPortNet
            | Self::HashNetNet
            | Self::HashNetIface => true,
            Self::HashIp
            | Self::HashIpPort
            | Self::HashIpPortIp
            | Self::HashMac
            | Self::BitmapIp
            | Self::BitmapPort
            | Self::ListSet => false,
        }
    }
}

/// How a rule asks a set (`struct ip_set_adt_opt`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// How many `src` and `dst` the rule says, and which are `src`, the first in the lowest bit.
    pub dims: u8,
    pub srcs: u8,
    pub return_nomatch: bool,
    /// Whether a hit is counted, and whether within the sets of a list too.
    pub count: bool,
    pub count_inner: bool,
}

impl Question {
    const fn src(self, dim: u8) -> bool {
        self.srcs >> dim & 1 == 1
    }
}

/// What a look-up found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hit {
    No,
    Yes,
    /// An element that says `nomatch` is the most specific one.
    Nomatch,
}

/// Asks whether an element's packets and bytes are what the rule wants.
type Accepts<'a> = &'a dyn Fn(u64, u64) -> bool;

impl Sets {
    /// The number of the set with that name.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.0.get_index_of(name).and_then(|place| u32::try_from(place).ok())
    }

    /// Whether there is no set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the packet is in the set (`ip_set_test`).
    pub(super) fn test(
        &mut self,
        set: u32,
        question: Question,
        seen: &Seen<'_>,
        now: Nanos,
        accepts: Accepts<'_>,
    ) -> bool {
        let Some((_, it)) = self.0.get_index(set as usize) else { return false };
        if question.dims < it.kind.dims() || it.has.inet6 {
            return false;
        }
        let hit = if it.kind == Kind::ListSet {
            self.test_list(set, question, seen, now, accepts)
        } else {
            self.test_plain(set, question, seen, now, accepts)
        };
        match hit {
            Hit::No => false,
            Hit::Yes => !question.return_nomatch || !self.has_nets(set),
            Hit::Nomatch => question.return_nomatch,
        }
    }

    fn has_nets(&self, set: u32) -> bool {
        self.0.get_index(set as usize).is_some_and(|(_, it)| it.kind.has_nets())
    }

    /// `list_set_ktest`: the first member that has the packet.
    fn test_list(
        &mut self,
        set: u32,
        question: Question,
        seen: &Seen<'_>,
        now: Nanos,
        accepts: Accepts<'_>,
    ) -> Hit {
        let inner = Question { count: question.count && question.count_inner, ..question };
        let len = self.0[set as usize].elements.len();
        for place in 0..len {
            let Some((key, _)) = self.0[set as usize].elements.get_index(place) else { break };
            let member = key.number();
            // A list is in no list, so this ends.
            if member != set
                && self.test(member, inner, seen, now, &|_, _| true)
                && hit(&mut self.0[set as usize], place, question, seen, now, accepts) != Hit::No
            {
                return Hit::Yes;
            }
        }
        Hit::No
    }

    fn test_plain(
        &mut self,
        set: u32,
        question: Question,
        seen: &Seen<'_>,
        now: Nanos,
        accepts: Accepts<'_>,
    ) -> Hit {
        let set = &mut self.0[set as usize];
        let Some(key) = set.key_of(question, seen) else { return Hit::No };
        if set.kind == Kind::HashNetIface {
            let dev = if question.src(1) { seen.in_name } else { seen.out_name };
            return set_of_devs(set, key, dev, (question, seen, now, accepts));
        }
        if !set.kind.has_nets() {
            return match set.elements.get_index_of(&key) {
                Some(place) => hit(set, place, question, seen, now, accepts),
                None => Hit::No,
            };
        }
        // The most specific network first; what has expired or does not count enough is passed over.
        for first in 0..set.prefixes[0].len().max(1) {
            for second in 0..set.prefixes[1].len().max(1) {
                let key = set.narrowed(key, first, second);
                let Some(place) = set.elements.get_index_of(&key) else { continue };
                let found = hit(set, place, question, seen, now, accepts);
                if found != Hit::No {
                    return found;
                }
            }
        }
        Hit::No
    }
}

/// `hash:net,iface`: for each network, every device that is written so or begins so, in the order in which they were added.
/// A network that is in the set with other devices alone hides all that are less specific (`mtype_test_cidrs`, whose `multi`
/// counts what has the network, and ends the search).
fn set_of_devs(
    set: &mut Arc<Set>,
    key: Key,
    dev: &str,
    (question, seen, now, accepts): (Question, &Seen<'_>, Nanos, Accepts<'_>),
) -> Hit {
    if dev.is_empty() {
        return Hit::No;
    }
    for first in 0..set.prefixes[0].len() {
        let narrowed = set.narrowed(key, first, 0);
        let mut places = Vec::new();
        for number in 0..set.devs.len() {
            let key = narrowed.with_dev(u32::try_from(number).unwrap_or(u32::MAX));
            places.extend(set.elements.get_index_of(&key).map(|place| (place, number)));
        }
        places.sort_unstable();
        let mut hides = false;
        for (place, number) in places {
            hides = !set.devs[number].matches(dev);
            if !hides {
                let found = hit(set, place, question, seen, now, accepts);
                if found != Hit::No {
                    return found;
                }
            }
        }
        if hides {
            break;
        }
    }
    Hit::No
}

/// An element that a packet leads to: whether it counts, and counting it (`ip_set_match_extensions`).
fn hit(
    set: &mut Arc<Set>,
    place: usize,
    question: Question,
    seen: &Seen<'_>,
    now: Nanos,
    accepts: Accepts<'_>,
) -> Hit {
    let Some((_, element)) = set.elements.get_index(place) else { return Hit::No };
    if element.expires.is_some_and(|end| end <= now) {
        return Hit::No;
    }
    let nomatch = element.nomatch;
    if set.has.counters {
        let (mut packets, mut bytes) = (element.packets, element.bytes);
        // Counted first, then asked for: a packet that does not match is counted too. Sets are shared between namespaces
        // until a counter makes them differ.
        if question.count
            && let Some((_, element)) = Arc::make_mut(set).elements.get_index_mut(place)
        {
            packets = packets.wrapping_add(1);
            bytes = bytes.wrapping_add(u64::from(seen.len));
            (element.packets, element.bytes) = (packets, bytes);
        }
        if !accepts(packets, bytes) {
            return Hit::No;
        }
    }
    if nomatch { Hit::Nomatch } else { Hit::Yes }
}

impl Set {
    /// What the packet is looked up by; None if it has no such thing.
    fn key_of(&self, question: Question, seen: &Seen<'_>) -> Option<Key> {
        let ip = |dim| if question.src(dim) { seen.src } else { seen.dst };
        let port = |dim| seen.port(question.src(dim));
        Some(match self.kind {
            Kind::HashIp => {
                let ip = ip(0) & self.mask;
                (ip != 0).then(|| Key::ip(ip))?
            }
            Kind::HashNet | Kind::HashNetIface => Key::ip(ip(0)),
            Kind::HashIpPort => Key::ip(ip(0) & self.mask).with_port(port(1)?),
            Kind::HashNetPort => Key::ip(ip(0)).with_port(port(1)?),
            Kind::HashIpPortIp | Kind::HashIpPortNet => {
                Key::ip(ip(0)).with_port(port(1)?).with_second(ip(2))
            }
            Kind::HashNetNet => Key::ip(ip(0)).with_second(ip(1)),
            Kind::HashMac => {
                // Only what came in has an Ethernet header.
                seen.at.in_dev?;
                let frame = &seen.skb.frame;
                let mac = if question.src(0) { eth::src(frame) } else { eth::dst(frame) };
                Key::mac(mac)
            }
            Kind::BitmapIp => {
                let ip = ip(0);
                (self.range.0 <= ip && ip <= self.range.1).then(|| Key::ip(ip & self.mask))?
            }
            Kind::BitmapPort => {
                let (protocol, port) = port(0)?;
                let has_ports = matches!(protocol, 6 | 17);
                let port = u32::from(port);
                (has_ports && self.range.0 <= port && port <= self.range.1)
                    .then(|| Key::of_number(port))?
            }
            Kind::ListSet => return None,
        })
    }

    /// The key of a packet, cut to two of the prefix lengths in the set.
    fn narrowed(&self, key: Key, first: usize, second: usize) -> Key {
        match self.kind {
            Kind::HashIpPortNet => {
                key.cut_second(self.prefixes[1].get(second).copied().unwrap_or(32))
            }
            Kind::HashNetNet => key
                .cut(self.prefixes[0].get(first).copied().unwrap_or(32))
                .cut_second(self.prefixes[1].get(second).copied().unwrap_or(32)),
            _ => key.cut(self.prefixes[0].get(first).copied().unwrap_or(32)),
        }
    }
}
