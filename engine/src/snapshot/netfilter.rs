//! `iptables.txt` and `ipset.txt`: the rules and sets of a namespace. Native nftables and rules for IPv6 are not modelled
//! yet: a snapshot that has any is refused with the place of the first.

use serde_json::Value;

use super::read::{Line, Text};
use super::{Files, Netns};
use crate::base::{FxIndexMap, Nanos};
use crate::netfilter::ipset::Sets;
use crate::netfilter::table::Tables;
use crate::netfilter::{Netfilter, RuleError};
use crate::world::World;
use crate::yaml::Problem;

const ADVICE: &str = "so this snapshot cannot be replayed truly; take it without them";

/// The texts of `iptables.txt` and `ipset.txt`, and what they say: nodes with equal rules share them.
pub(super) type Known<'a> = FxIndexMap<(&'a str, &'a str), Netfilter>;

/// Refuses what netfilter would do in the namespace `name` that is not modelled.
pub(super) fn refuse(files: &Files, name: &str) -> Result<(), Problem> {
    if let Some(text) = Text::find(files, &format!("{name}/ip6tables.txt"))? {
        text.lines().try_for_each(ip6tables)?;
    }
    if let Some(text) = Text::find(files, &format!("{name}/nft.json"))? {
        let mut named = Vec::new();
        for (family, file) in [("ip", "iptables.txt"), ("ip6", "ip6tables.txt")] {
            if let Some(text) = Text::find(files, &format!("{name}/{file}"))? {
                let tables = text.lines().filter_map(|line| line.words.strip_prefix('*'));
                named.extend(tables.map(|table| format!("{family} {}", table.trim())));
            }
        }
        nft(text, &named)?;
    }
    Ok(())
}

/// Reads the namespace's rules and sets.
pub(super) fn fill<'a>(
    world: &mut World,
    netns: &Netns<'a>,
    known: &mut Known<'a>,
) -> Result<(), Problem> {
    let (rules, sets) = (netns.file("iptables.txt")?, netns.file("ipset.txt")?);
    let texts = (rules.map_or("", Text::as_str), sets.map_or("", Text::as_str));
    if !known.contains_key(&texts) {
        let in_file = |text: Option<Text<'_>>, error: RuleError| match text {
            Some(text) => text.at_place((error.line, error.column), &error.word, error.message),
            None => Problem::of_text(error.message),
        };
        let parsed = Sets::parse(texts.1, Nanos::ZERO).map_err(|e| in_file(sets, e))?;
        let mut netfilter = Netfilter { sets: parsed, ..Netfilter::default() };
        let tables = Tables::parse(texts.0, &netfilter.sets, &mut netfilter.recents);
        netfilter.set_tables(tables.map_err(|e| in_file(rules, e))?);
        known.insert(texts, netfilter);
    }
    let netfilter = &known[&texts];
    if !netfilter.tables.is_empty() || !netfilter.sets.is_empty() {
        let mut own = Box::new(netfilter.clone());
        if let Some(before) = &world.netns[netns.id].netfilter {
            own.conntrack.settings = before.conntrack.settings;
        }
        world.netns[netns.id].netfilter = Some(own);
    }
    Ok(())
}

/// One line of `ip6tables-save -c`: `[0:0] -A INPUT ...`, `:INPUT ACCEPT [0:0]`, `*filter`, `COMMIT` or a comment.
fn ip6tables(it: Line<'_>) -> Result<(), Problem> {
    let line = it.words;
    let counted = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let rule = counted.map_or(line, |(_, rest)| rest.trim_start());
    if rule.starts_with("-A ") {
        let message = format!("rules of ip6tables are not modelled yet, {ADVICE}");
        let skip = line[..line.len() - rule.len()].chars().count();
        return Err(it.problem(skip, first_words(rule, 2), message));
    }
    if let Some(chain) = line.strip_prefix(':') {
        let mut words = chain.split_whitespace();
        return match (words.next(), words.next()) {
            (Some(_), Some("ACCEPT" | "-")) => Ok(()),
            (Some(name), Some(policy)) => {
                let message = format!("the policy {policy} for IPv6 is not modelled yet, {ADVICE}");
                Err(it.problem(0, &format!(":{name} {policy}"), message))
            }
            _ => Err(it.problem(0, line, "expected a chain and its policy: INPUT ACCEPT [0:0]")),
        };
    }
    if line == "COMMIT" || line.starts_with('*') || line.starts_with('#') {
        return Ok(());
    }
    Err(it.problem(0, first_words(line, 1), "expected what ip6tables-save -c prints"))
}

/// `nft -j list ruleset`. Chains that only accept, and what only rules refer to, decide nothing. The tables in `named`,
/// such as `ip nat`, are those that iptables made; they are read from its own file.
fn nft(text: Text<'_>, named: &[String]) -> Result<(), Problem> {
    let root: Value = text.object()?;
    let Some(objects) = root.get("nftables").and_then(Value::as_array) else {
        return Err(text.whole("nftables", "expected the list that nft -j list ruleset prints"));
    };
    for (index, object) in objects.iter().enumerate() {
        let Some((kind, it)) = object.as_object().and_then(|fields| fields.iter().next()) else {
            return Err(text.whole(&format!("nftables[{index}]"), "expected an object"));
        };
        let word = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = format!("nftables[{index}].{kind}");
        let table = format!("{} {}", word("family"), word("table"));
        if named.contains(&table) {
            continue;
        }
        let what = match kind.as_str() {
            "rule" => format!("rules of nftables (here in table {table}, chain {})", word("chain")),
            "flowtable" => "flow tables".into(),
            "chain" if !matches!(word("policy"), "" | "accept") => {
                format!("the policy {} of a chain (here {table})", word("policy"))
            }
            "metainfo" | "table" | "chain" | "set" | "map" | "element" | "counter" | "quota"
            | "limit" | "ct helper" | "ct timeout" | "ct expectation" | "secmark" | "synproxy" => {
                continue;
            }
            other => format!("nftables objects of the kind {other:?}"),
        };
        let what = what + " are not modelled yet";
        return Err(text.whole(&path, format!("{what}, {ADVICE}")));
    }
    Ok(())
}

/// The first `n` words of a line, as they stand.
fn first_words(line: &str, n: usize) -> &str {
    let end = line.match_indices(' ').nth(n - 1).map_or(line.len(), |(at, _)| at);
    &line[..end]
}
