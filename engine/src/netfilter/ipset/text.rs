//! `ipset save` text, read and printed. Read `lib/parse.c` and `lib/print.c` of the ipset sources first.
//!
//! Elements are read one by one, as `ipset save` prints them: a range or network that `ipset add` would take apart is an
//! error. The kernel prints the elements of a hash in the order of its buckets; here they keep that of the file.

use std::borrow::Cow;
use std::sync::Arc;

use super::element::{Parsed, expected};
use super::{Element, Has, Kind, Set, Sets};
use crate::base::{FxIndexMap, Nanos, sort_by};
use crate::netfilter::print::decimal;
use crate::netfilter::words::{RuleError, Words, expected_one_of, network};

/// Options of `create` that have a value.
const VALUED: &[&str] = &[
    "family",
    "hashsize",
    "maxelem",
    "netmask",
    "bitmask",
    "timeout",
    "range",
    "size",
    "bucketsize",
    "initval",
    "resize",
    "probes",
];
/// Options of `create` that stand alone.
const FLAGS: &[&str] = &["counters", "comment", "forceadd", "skbinfo"];

impl Sets {
    /// Reads what `ipset save` prints; times begin to run at `now`.
    pub fn parse(text: &str, now: Nanos) -> Result<Self, RuleError> {
        let mut sets = Self::default();
        sets.restore(text, now)?;
        Ok(sets)
    }

    /// `ipset restore`: adds to the sets that are there.
    pub fn restore(&mut self, text: &str, now: Nanos) -> Result<(), RuleError> {
        for (index, line) in text.lines().enumerate() {
            let (rest, comment) = split_comment(line);
            let mut words = Words::split(&rest, index + 1, 1)?;
            match words.next() {
                None => {}
                Some(word) if word.text.starts_with('#') || *word.text == *"COMMIT" => {}
                Some(word) if matches!(&*word.text, "create" | "-N") => self.create(&mut words)?,
                Some(word) if matches!(&*word.text, "add" | "-A") => {
                    self.add(&mut words, comment, now)?;
                }
                Some(word) => return Err(words.wrong(&word, "expected create or add")),
            }
        }
        for (_, set) in &mut self.0 {
            // Made once here, so that a look-up goes from the longest prefix to the shortest.
            let set = Arc::make_mut(set);
            for (place, prefixes) in set.prefixes.iter_mut().enumerate() {
                for (key, _) in &set.elements {
                    let len = key.lens()[place];
                    if !prefixes.contains(&len) {
                        prefixes.push(len);
                    }
                }
                sort_by(prefixes, |a, b| b.cmp(a));
            }
        }
        Ok(())
    }

    fn create(&mut self, words: &mut Words<'_>) -> Result<(), RuleError> {
        let name = words.expect("expected the name of a set")?;
        if name.text.is_empty() || name.text.len() > 31 {
            return Err(words.wrong_here("expected a name of 1 to 31 bytes"));
        }
        if self.0.contains_key(&*name.text) {
            return Err(words.wrong_here("there is a set of that name already"));
        }
        let word = words.expect("expected the type of a set")?;
        let kind = Kind::ALL.iter().find(|(_, it)| *it == word.text).map(|(kind, _)| *kind);
        let Some(kind) = kind else {
            let names: Vec<&str> = Kind::ALL.iter().map(|(_, name)| *name).collect();
            return Err(words.wrong_here(
                String::from("this type of set is not modelled; ") + &expected_one_of(&names),
            ));
        };
        let mut set = Set {
            kind,
            options: "".into(),
            mask: u32::MAX,
            range: (0, 0),
            has: Has::default(),
            elements: FxIndexMap::default(),
            prefixes: [Vec::new(), Vec::new()],
            devs: Vec::new(),
            other: Vec::new(),
        };
        let mut options = String::new();
        while let Some(word) = words.next() {
            options.push(' ');
            options.push_str(&word.text);
            let option = &*word.text;
            if FLAGS.contains(&option) {
                set.has.counters |= option == "counters";
                continue;
            }
            if !VALUED.contains(&option) {
                let expected = expected_one_of(&[VALUED, FLAGS].concat());
                return Err(words.wrong(&word, expected));
            }
            let value = words.expect("expected a value")?;
            options.push(' ');
            options.push_str(&value.text);
            let bad = |expected: &str| words.wrong(&value, expected);
            match option {
                "family" => match &*value.text {
                    "inet" | "-4" => {}
                    "inet6" | "-6" => set.has.inet6 = true,
                    _ => return Err(bad("expected inet or inet6")),
                },
                "timeout" => set.has.timeout = true,
                "netmask" if !set.has.inet6 => {
                    let mask = value.text.parse().ok().filter(|len: &u32| *len <= 32);
                    let mask = mask.and_then(|len| u32::MAX.checked_shl(32 - len));
                    set.mask = mask.ok_or_else(|| bad("expected a prefix length from 1 to 32"))?;
                }
                "bitmask" if !set.has.inet6 => {
                    let mask = value.text.parse::<std::net::Ipv4Addr>().ok();
                    set.mask = mask.ok_or_else(|| bad("expected a mask"))?.to_bits();
                }
                "range" => {
                    let range = range(kind, &value.text);
                    set.range =
                        range.ok_or_else(|| bad("expected a first and a last, such as 0-1023"))?;
                }
                _ => {}
            }
        }
        set.options = options.into();
        self.0.insert(name.text.into(), Arc::new(set));
        Ok(())
    }

    fn add(
        &mut self,
        words: &mut Words<'_>,
        comment: Option<&str>,
        now: Nanos,
    ) -> Result<(), RuleError> {
        let name = words.expect("expected the name of a set")?;
        let Some(place) = self.0.get_index_of(&*name.text) else {
            return Err(words.wrong_here("there is no set of that name"));
        };
        // Taken out while the other sets are looked at.
        let mut taken = std::mem::take(&mut self.0);
        let it = Arc::make_mut(&mut taken[place]);
        let mut set = std::mem::replace(it, it.husk());
        let number_of = |name: &str| {
            let place = taken.get_index_of(name)?;
            (taken[place].kind != Kind::ListSet)
                .then_some(place)
                .and_then(|it| u32::try_from(it).ok())
        };
        let result = add_to(&mut set, words, (comment, now), number_of);
        *Arc::make_mut(&mut taken[place]) = set;
        self.0 = taken;
        result
    }

    /// As `ipset save` prints it.
    pub fn save(&self, now: Nanos) -> String {
        let mut text = String::new();
        for (name, set) in &self.0 {
            let kind = Kind::ALL.iter().find(|(kind, _)| *kind == set.kind);
            for part in ["create ", name, " ", kind.map_or("", |(_, it)| it), &set.options, "\n"] {
                text.push_str(part);
            }
            for (key, element) in &set.elements {
                if element.expires.is_some_and(|end| end <= now) {
                    continue;
                }
                for part in ["add ", name, " "] {
                    text.push_str(part);
                }
                set.print(*key, &mut text, |number| {
                    self.0
                        .get_index(number as usize)
                        .map_or(String::new(), |(it, _)| it.to_string())
                });
                let wildcard = set.dev_of(*key).is_some_and(|dev| dev.wildcard);
                element.print(set.has, wildcard, now, &mut text);
            }
            for it in &set.other {
                for part in ["add ", name, " ", it, "\n"] {
                    text.push_str(part);
                }
            }
        }
        text
    }
}

impl Set {
    /// An empty set of the same kind, to stand in its place for a moment.
    fn husk(&self) -> Self {
        Self {
            options: "".into(),
            elements: FxIndexMap::default(),
            prefixes: [Vec::new(), Vec::new()],
            devs: Vec::new(),
            other: Vec::new(),
            ..*self
        }
    }
}

fn add_to(
    set: &mut Set,
    words: &mut Words<'_>,
    (comment, now): (Option<&str>, Nanos),
    number_of: impl Fn(&str) -> Option<u32>,
) -> Result<(), RuleError> {
    let word = words.expect(expected(set.kind))?;
    if set.has.inet6 {
        let text = words.rest(word.text.into_owned());
        set.other.push((text + &quoted(comment)).into());
        return Ok(());
    }
    let wildcard = set.kind == Kind::HashNetIface && words.has("wildcard");
    let key = match set.parse(&word.text, wildcard, number_of) {
        Some(Parsed::Key(key)) => key,
        Some(Parsed::Written) => {
            let text = words.rest(word.text.into_owned());
            set.other.push((text + &quoted(comment)).into());
            return Ok(());
        }
        None => return Err(words.wrong(&word, expected(set.kind))),
    };
    let mut element = Element { comment: comment.map(Into::into), ..Element::default() };
    let mut skb = String::new();
    while let Some(option) = words.next() {
        match &*option.text {
            "nomatch" if set.kind.has_nets() => element.nomatch = true,
            "wildcard" if wildcard => {}
            "timeout" | "packets" | "bytes" => {
                let value = words.expect("expected a number")?;
                let n = value.text.parse::<u64>();
                let n = n.map_err(|_| words.wrong(&value, "expected a number"))?;
                match &*option.text {
                    "timeout" => {
                        let end = now + Nanos::from_secs(n.min(u64::from(u32::MAX)));
                        element.expires = (n != 0).then_some(end);
                    }
                    "packets" => element.packets = n,
                    _ => element.bytes = n,
                }
            }
            "skbmark" | "skbprio" | "skbqueue" => {
                let value = words.expect("expected a value")?;
                for part in [" ", &*option.text, " ", &*value.text] {
                    skb.push_str(part);
                }
            }
            _ => {
                let expected = "expected timeout, packets, bytes, comment or nomatch";
                return Err(words.wrong(&option, expected));
            }
        }
    }
    element.skb = (!skb.is_empty()).then(|| skb.into());
    set.elements.insert(key, element);
    Ok(())
}

impl Element {
    fn print(&self, has: Has, wildcard: bool, now: Nanos, text: &mut String) {
        if has.timeout {
            text.push_str(" timeout ");
            let left = self.expires.map_or(0, |end| end.since(now).0 / 1_000_000_000);
            decimal(text, left);
        }
        if self.nomatch {
            text.push_str(" nomatch");
        }
        if wildcard {
            text.push_str(" wildcard");
        }
        if has.counters {
            text.push_str(" packets ");
            decimal(text, self.packets);
            text.push_str(" bytes ");
            decimal(text, self.bytes);
        }
        text.push_str(&quoted(self.comment.as_deref()));
        text.push_str(self.skb.as_deref().unwrap_or_default());
        text.push('\n');
    }
}

/// ` comment "..."`, or nothing.
fn quoted(comment: Option<&str>) -> String {
    comment.map_or(String::new(), |it| String::from(" comment \"") + it + "\"")
}

/// A line without the comment in it, which goes to the last quotation mark and knows no escapes.
fn split_comment(line: &str) -> (Cow<'_, str>, Option<&str>) {
    let is_element = line.starts_with("add ") || line.starts_with("-A ");
    let found = line.split_once(" comment \"").filter(|_| is_element);
    match found.and_then(|(before, rest)| rest.rsplit_once('"').map(|it| (before, it))) {
        Some((before, (comment, after))) => (Cow::Owned(before.to_owned() + after), Some(comment)),
        None => (Cow::Borrowed(line), None),
    }
}

/// The range of a bitmap.
fn range(kind: Kind, text: &str) -> Option<(u32, u32)> {
    if kind == Kind::BitmapPort {
        let (first, last) = text.split_once('-')?;
        let port = |text: &str| text.parse::<u16>().ok().map(u32::from);
        return port(first).zip(port(last));
    }
    match text.split_once('-') {
        Some((first, last)) => {
            let ip = |text| network(text).map(|it| it.addr);
            ip(first).zip(ip(last))
        }
        None => network(text).map(|it| (it.addr, it.addr | !it.mask)),
    }
}
