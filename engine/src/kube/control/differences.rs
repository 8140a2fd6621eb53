//! What is new and what is gone between two texts of rules, or two lists of operations.

use std::sync::Arc;

use crate::app::App;
use crate::base::FxIndexMap;
use crate::tool::{Configured, Op, Ruleset};

/// A note lists so many rules; of the rest it says how many they are.
const MAX_LISTED: usize = 24;

/// The rules that come and go, each with who caused it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Differences {
    pub new: Vec<(String, Option<String>)>,
    pub gone: Vec<(String, Option<String>)>,
}

impl Differences {
    /// Rules are the same if table and line are, wherever they stand.
    pub(super) fn between(old: &[Arc<Ruleset>], new: &[Arc<Ruleset>]) -> Self {
        let mut counts: FxIndexMap<(&str, &str), isize> = FxIndexMap::default();
        for (table, line, _) in rules(old) {
            *counts.entry((table, line)).or_default() += 1;
        }
        let mut found = Self::default();
        for (table, line, origin) in rules(new) {
            let left = counts.entry((table, line)).or_default();
            *left -= 1;
            if *left < 0 {
                found.new.push((format!("+ {table}: {line}"), origin));
            }
        }
        for (table, line, origin) in rules(old) {
            let left = counts.entry((table, line)).or_default();
            if *left > 0 {
                *left -= 1;
                found.gone.push((format!("− {table}: {line}"), origin));
            }
        }
        found
    }

    pub(super) fn len(&self) -> usize {
        self.new.len() + self.gone.len()
    }

    /// `4 are new and 2 are gone`.
    pub(super) fn words(&self) -> String {
        let are = |n: usize| if n == 1 { "is" } else { "are" };
        let (new, gone) = (self.new.len(), self.gone.len());
        match (new, gone) {
            (_, 0) => format!("{new} {} new", are(new)),
            (0, _) => format!("{gone} {} gone", are(gone)),
            _ => format!("{new} {} new and {gone} {} gone", are(new), are(gone)),
        }
    }

    /// `+4 −2 rules`.
    pub(super) fn short(&self) -> String {
        let rules = if self.len() == 1 { "rule" } else { "rules" };
        match (self.new.len(), self.gone.len()) {
            (0, 0) => "the same rules".into(),
            (new, 0) => format!("+{new} {rules}"),
            (0, gone) => format!("−{gone} {rules}"),
            (new, gone) => format!("+{new} −{gone} {rules}"),
        }
    }

    /// For a note.
    pub(super) fn listed(self) -> Vec<(String, Option<String>)> {
        let n_all = self.len();
        let mut all: Vec<_> = self.gone.into_iter().chain(self.new).take(MAX_LISTED).collect();
        if n_all > MAX_LISTED {
            all.push((format!("… and {} more", n_all - MAX_LISTED), None));
        }
        all
    }
}

/// Table, line and origin of each rule.
fn rules(texts: &[Arc<Ruleset>]) -> impl Iterator<Item = (&str, &str, Option<String>)> {
    texts.iter().flat_map(|it| {
        let mut table = "";
        it.text.lines().enumerate().filter_map(move |(number, line)| {
            if let Some(name) = line.strip_prefix('*') {
                table = name;
            }
            let origin = || {
                let place = *it.lines.get(number)? as usize;
                it.origins.get(place).cloned()
            };
            line.starts_with('-').then(|| (table, line, origin()))
        })
    })
}

/// The operations that make of a machine what the new ones make, after the old ones did. What is gone stays: machines
/// outside of the cluster only come.
pub(super) fn additions(old: &[Configured], new: &[Configured]) -> Vec<Configured> {
    let mut added: Vec<Configured> = Vec::new();
    for it in new.iter().filter(|it| !old.contains(it)) {
        let op = match &it.op {
            Op::IptablesRestore { netns, .. } => {
                let is_told = |it: &Configured| matches!(&it.op, Op::IptablesReplace { netns: own, .. } if own == netns);
                if added.iter().any(is_told) {
                    continue;
                }
                let of_netns = new.iter().filter_map(|it| match &it.op {
                    Op::IptablesRestore { netns: own, rules } if own == netns => {
                        Some(Arc::clone(rules))
                    }
                    _ => None,
                });
                let rules = of_netns.collect();
                Op::IptablesReplace { netns: netns.clone(), sets: Vec::new(), rules }
            }
            Op::Run { netns, owner, app } if replaces(old, netns, owner, app) => {
                Op::Reload { netns: netns.clone(), owner: owner.clone(), app: app.clone() }
            }
            other => other.clone(),
        };
        added.push(Configured { op, origin: it.origin.clone() });
    }
    added
}

/// Whether a program of this owner runs there already.
fn replaces(old: &[Configured], netns: &str, owner: &str, app: &App) -> bool {
    let same = |other: &App| std::mem::discriminant(other) == std::mem::discriminant(app);
    old.iter().any(|it| {
        matches!(&it.op, Op::Run { netns: own, owner: by, app } if own == netns && by == owner && same(app))
    })
}
