//! What restores made of namespaces that were given the same: nodes of a cluster share their tables, and so do the worlds
//! of one lab. A large cluster's rules take a tenth of a second to read.

use std::sync::Arc;

use super::Ruleset;
use crate::base::{FxIndexMap, Id, Nanos, OriginId};
use crate::netfilter::ipset::Sets;
use crate::netfilter::matches::Recents;
use crate::netfilter::table::Tables;
use crate::netfilter::{Netfilter, RuleError};

/// Everything that was made so far.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    steps: Vec<Step>,
}

/// The state of a namespace whose rules and sets all came by restores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StepId(usize);

/// What a namespace is given. What two share is equal without a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Given {
    Rules {
        rules: Arc<Ruleset>,
        /// Who caused the lines for which the rules name nobody, if there may be any.
        by: Option<String>,
    },
    /// Some sets forget by the clock, so it matters when they are made.
    Sets { text: Arc<str>, at: Nanos },
}

#[derive(Clone, Debug)]
struct Step {
    /// What it was given before. None: nothing.
    after: Option<StepId>,
    given: Given,
    tables: Tables,
    sets: Sets,
    recents: Recents,
    /// Who caused rules: the ids in the tables are places here, since each world counts its origins anew.
    origins: FxIndexMap<String, ()>,
}

/// Texts of so many bytes are looked through for lines of which nobody knows who caused them; longer ones are not worth it.
const SHORT: usize = 4096;

impl Given {
    pub(super) fn rules(rules: Arc<Ruleset>, by: Option<&str>) -> Self {
        let matters = rules.text.len() > SHORT || rules.text.lines().count() > rules.lines.len();
        Self::Rules { rules, by: by.filter(|_| matters).map(str::to_owned) }
    }
}

impl Restored {
    /// Reads rules that namespaces without any will be given, in the name of `by`.
    pub fn prepare(&mut self, rules: Arc<Ruleset>, by: &str) -> Result<(), RuleError> {
        self.step(None, Given::rules(rules, Some(by))).map(drop)
    }

    /// The state that a namespace comes into, from this one, when it is given this.
    pub(super) fn step(
        &mut self,
        after: Option<StepId>,
        given: Given,
    ) -> Result<StepId, RuleError> {
        let known = self.steps.iter().position(|it| it.after == after && it.given == given);
        if let Some(known) = known {
            return Ok(StepId(known));
        }
        let before = after.map(|StepId(place)| &self.steps[place]);
        let (mut tables, mut sets, mut recents, mut origins) = match before {
            Some(it) => {
                (it.tables.clone(), it.sets.clone(), it.recents.clone(), it.origins.clone())
            }
            None => Default::default(),
        };
        match &given {
            Given::Sets { text, at } => sets.restore(text, *at)?,
            Given::Rules { rules, by } => {
                let mut number = |text: &str| {
                    let place = origins.get_index_of(text).unwrap_or_else(|| {
                        origins.insert(text.to_owned(), ());
                        origins.len() - 1
                    });
                    OriginId::from_index(place)
                };
                let numbers: Vec<OriginId> = rules.origins.iter().map(|it| number(it)).collect();
                let by = by.as_deref().map(number);
                let of_line = |line: usize| rules.origin(line, &numbers).or(by);
                tables.restore(&rules.text, &of_line, &sets, &mut recents)?;
            }
        }
        self.steps.push(Step { after, given, tables, sets, recents, origins });
        Ok(StepId(self.steps.len() - 1))
    }

    /// Puts a namespace into a state; `add` tells the world's number for who caused something.
    pub(super) fn put(
        &self,
        StepId(place): StepId,
        netfilter: &mut Netfilter,
        mut add: impl FnMut(&str) -> OriginId,
    ) {
        let step = &self.steps[place];
        let numbers: Arc<[OriginId]> = step.origins.keys().map(|it| add(it)).collect();
        netfilter.sets = step.sets.clone();
        netfilter.recents = step.recents.clone();
        netfilter.set_tables(step.tables.with_origins(&numbers));
    }
}
