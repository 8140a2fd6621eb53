//! The walk through the rules of iptables in words.

use std::net::Ipv4Addr;

use super::words::Names;
use crate::base::{DevId, Hook, Id, Nanos, NsId, Table};
use crate::netfilter::table::Tables;
use crate::trace::{Entry, Event, RuleRef, Unmet};
use crate::world::World;

/// The reason that an event of the rules gives, with the kernel's function; None for any other event.
pub(super) fn reason(world: &World, entry: &Entry) -> Option<(String, &'static str)> {
    let (names, event) = (&At { names: Names(world), at: entry.at }, entry.event);
    let text = match event {
        Event::RuleMatched { ns, rule } => {
            format!(
                "{} of {} matches: {}",
                place(names, ns, rule),
                names.ns(ns),
                rule_text(names, ns, rule)
            )
        }
        Event::RuleSkipped { ns, rule, unmet, saw } => {
            let tables = tables(names, ns)?;
            let condition = tables.condition_text(rule, unmet);
            let what = saw_text(names, tables, (rule, unmet, saw));
            let what = if what.is_empty() { what } else { format!(", and the packet has {what}") };
            format!(
                "{} of {} does not match: {condition}{what}",
                place(names, ns, rule),
                names.ns(ns)
            )
        }
        Event::RuleHotDrop { ns, rule } => format!(
            "{} of {} drops the packet: its header is too short to be judged",
            place(names, ns, rule),
            names.ns(ns)
        ),
        Event::ChainReturn { ns, table, to } => {
            format!(
                "the chain ends: back in {} {}",
                table.name(),
                tables(names, ns)?.chain_name(table, to)
            )
        }
        Event::ChainPolicy { ns, table, hook, accept } => format!(
            "no rule of {} {} of {} decided: its policy is {}",
            table.name(),
            hook.chain(),
            names.ns(ns),
            policy(accept)
        ),
        Event::MarkSet { from, to, .. } => format!("the packet's mark {from} becomes {to}"),
        _ => return None,
    };
    Some((text, "nft_do_chain"))
}

/// A line of the walk through a hook's rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Walked {
    pub ns: NsId,
    /// Of a built-in chain.
    pub hook: Option<Hook>,
    pub table: Table,
    pub chain: String,
    /// As `iptables --line-numbers` counts; None for the end of a chain.
    pub number: Option<u32>,
    /// As `iptables-save` prints the rule, or what happens at the chain's end.
    pub text: String,
    /// Why it does not match; None: it does.
    pub unmet: Option<String>,
    /// Who caused the rule, for example `Service default/web`.
    pub origin: Option<String>,
}

/// One event as a line of the walk; None for an event of anything else.
pub fn walked(world: &World, entry: &Entry) -> Option<Walked> {
    let (names, event) = (&At { names: Names(world), at: entry.at }, entry.event);
    let of_rule = |ns, rule: RuleRef, unmet| {
        let it = tables(names, ns)?;
        Some(Walked {
            ns,
            hook: it.hook_of(rule.table, rule.chain),
            table: rule.table,
            chain: it.chain_name(rule.table, rule.chain).to_owned(),
            number: Some(rule.index + 1),
            text: it.rule_text(rule),
            unmet,
            origin: it.rule_origin(rule).map(|origin| world.origin(origin).to_owned()),
        })
    };
    match event {
        Event::RuleMatched { ns, rule } => of_rule(ns, rule, None),
        Event::RuleSkipped { ns, rule, unmet, saw } => {
            let it = tables(names, ns)?;
            let wants = it.condition_text(rule, unmet);
            let has = saw_text(names, it, (rule, unmet, saw));
            let why = if has.is_empty() { wants } else { format!("{wants}: it has {has}") };
            of_rule(ns, rule, Some(why))
        }
        Event::RuleHotDrop { ns, rule } => {
            of_rule(ns, rule, Some("its header is too short to be judged".into()))
        }
        Event::ChainPolicy { ns, table, hook, accept } => Some(Walked {
            ns,
            hook: Some(hook),
            table,
            chain: hook.chain().to_owned(),
            number: None,
            text: format!("policy {}", policy(accept)),
            unmet: None,
            origin: None,
        }),
        _ => None,
    }
}

/// The same in one line, for goldens; None for any other event.
pub(super) fn line(world: &World, entry: &Entry) -> Option<String> {
    let (names, event) = (&At { names: Names(world), at: entry.at }, entry.event);
    Some(match event {
        Event::RuleMatched { ns, rule } => {
            format!("{} {}: {}", names.ns(ns), place(names, ns, rule), rule_text(names, ns, rule))
        }
        Event::RuleSkipped { ns, rule, unmet, .. } => {
            let condition = tables(names, ns)?.condition_text(rule, unmet);
            format!("{} {} not: {condition}", names.ns(ns), place(names, ns, rule))
        }
        Event::RuleHotDrop { ns, rule } => {
            format!("{} {} malformed", names.ns(ns), place(names, ns, rule))
        }
        Event::ChainReturn { ns, table, to } => {
            let chain = tables(names, ns)?.chain_name(table, to);
            format!("{} {} back in {chain}", names.ns(ns), table.name())
        }
        Event::ChainPolicy { ns, table, hook, accept } => {
            format!("{} {} {} policy {}", names.ns(ns), table.name(), hook.chain(), policy(accept))
        }
        Event::MarkSet { ns, from, to } => format!("{} mark {from} to {to}", names.ns(ns)),
        _ => return None,
    })
}

const fn policy(accept: bool) -> &'static str {
    if accept { "ACCEPT" } else { "DROP" }
}

/// The names of things at a time: rules change.
struct At<'a> {
    names: Names<'a>,
    at: Nanos,
}

impl At<'_> {
    fn ns(&self, ns: NsId) -> &str {
        self.names.ns(ns)
    }

    fn short(&self, dev: DevId) -> &str {
        self.names.short(dev)
    }
}

/// The rules that a namespace had when it happened.
fn tables<'a>(names: &At<'a>, ns: NsId) -> Option<&'a Tables> {
    names.names.0.netns[ns].netfilter.as_ref().map(|it| it.tables_at(names.at))
}

/// `nat PREROUTING rule 2`.
fn place(names: &At<'_>, ns: NsId, rule: RuleRef) -> String {
    let RuleRef { table, chain, index } = rule;
    let chain = tables(names, ns).map_or("", |it| it.chain_name(table, chain));
    format!("{} {chain} rule {}", Table::name(table), index + 1)
}

fn rule_text(names: &At<'_>, ns: NsId, rule: RuleRef) -> String {
    tables(names, ns).map_or(String::new(), |it| it.rule_text(rule))
}

/// What the packet had where a rule failed: `destination 10.244.1.3`.
fn saw_text(names: &At<'_>, tables: &Tables, (rule, unmet, saw): (RuleRef, Unmet, u32)) -> String {
    match unmet {
        Unmet::Source => format!("source {}", Ipv4Addr::from_bits(saw)),
        Unmet::Destination => format!("destination {}", Ipv4Addr::from_bits(saw)),
        Unmet::InDev | Unmet::OutDev => match saw.checked_sub(1) {
            Some(dev) => format!("device {}", names.short(Id::from_index(dev as usize))),
            None => "no such device".into(),
        },
        Unmet::Protocol => format!("protocol {saw}"),
        Unmet::Fragment => "another place in its fragments".into(),
        Unmet::Match(place) => {
            let it = tables.rule(rule).and_then(|it| it.matches.get(usize::from(place)));
            it.map_or(String::new(), |it| it.saw(saw))
        }
    }
}
