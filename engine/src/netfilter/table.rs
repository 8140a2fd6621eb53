//! The tables of a namespace: chains of rules, which namespaces share, and what each remembers of its own: counters,
//! tokens of `limit`, the place of `nth`. Read `net/netfilter/nf_tables_api.c` and `iptables/nft.c` of the iptables sources
//! first.

use std::sync::Arc;

use super::ipset::Sets;
use super::matches::{Match, Recents};
use super::rule::{Names, Rule};
use crate::base::{ChainId, Hook, Id, Nanos, OriginId, Table, sort_by};
use crate::trace::RuleRef;

/// A namespace's tables; those that no file names are not there.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    loaded: [Option<Box<Loaded>>; 5],
}

/// What becomes of a packet at the end of a built-in chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    Accept,
    Drop,
}

/// Packets, and their bytes from the IP header on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counter {
    pub packets: u64,
    pub bytes: u64,
}

impl Counter {
    #[inline]
    pub(super) fn count(&mut self, bytes: u32) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u64::from(bytes));
    }
}

/// One table with its state.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub rules: Arc<Ruleset>,
    /// What the numbers of [`Part::origins`] stand for, where they are not the world's own.
    numbers: Option<Arc<[OriginId]>>,
    pub state: State,
}

/// What a namespace's rules remember.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    /// One for each rule; empty while all are zero.
    pub counters: Vec<Counter>,
    /// By [`Hook`].
    pub policies: [Counter; 5],
    /// One for each memory that the rules ask for; empty while all are fresh.
    pub memories: Vec<Memory>,
    /// Which of the namespace's sets each of [`Names::sets`] is.
    pub sets: Vec<u32>,
    /// Which of the namespace's lists each of [`Names::recents`] is.
    pub recents: Vec<u32>,
}

/// What one match remembers between packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    /// It saw no packet yet.
    Fresh,
    /// `-m limit`: nanoseconds saved up, and when.
    Limit { tokens: u64, last: Nanos },
    /// `-m statistic --mode nth`: where the count is.
    Nth(u32),
}

/// The rules of one table. Never changed, so namespaces with equal rules share one; and what rules were put beside shares
/// its parts with what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ruleset {
    pub names: Names,
    /// By [`ChainId`].
    chains: Vec<Chain>,
    parts: Vec<Part>,
    /// By [`Hook`].
    built_in: [Option<ChainId>; 5],
    /// By [`ChainId`]: what the check of calls found.
    pub reached: Vec<Reached>,
}

/// The rules that were read at once, chain by chain.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Part {
    rules: Arc<[Rule]>,
    /// Who caused each; empty where nobody is known.
    origins: Arc<[Option<OriginId>]>,
    /// How many rules the parts before it have.
    first: u32,
    /// A rule makes the kernel track connections.
    needs_conntrack: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Chain {
    /// None for a user's chain.
    built_in: Option<(Hook, Policy)>,
    part: u32,
    /// Within its part.
    first: u32,
    len: u32,
}

/// What is known of a chain when calls were checked.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    /// Rules that a packet may meet from its beginning on.
    pub rules: u32,
    /// By [`Hook`]: from where it is reached.
    pub hooks: [bool; 5],
    /// How deep it is called at most.
    pub depth: u8,
    pub open: bool,
    pub done: bool,
}

/// A chain as it is read, before the rules of all are put together.
#[derive(Debug, Default)]
pub(super) struct NewChain {
    pub built_in: Option<(Hook, Policy)>,
    pub policy_counter: Counter,
    pub rules: Vec<Rule>,
    /// Of each rule.
    pub noted: Vec<Noted>,
}

/// What is known of a rule besides.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Noted {
    /// Where it stands in the text; zero for what was there before.
    pub line: u32,
    pub column: u32,
    pub counter: Counter,
    pub origin: Option<OriginId>,
}

/// A table as it was read, chain by chain.
pub(super) struct NewTable {
    pub names: Names,
    /// What it is put beside, if that stays as it is but for built-in chains.
    pub base: Option<Box<Loaded>>,
    /// The chains that are not as they are there.
    pub chains: Vec<(ChainId, NewChain)>,
    pub reached: Vec<Reached>,
    /// What rules remember that came without `base`.
    pub memories: Vec<Memory>,
}

impl Tables {
    pub(super) fn get(&self, table: Table) -> Option<&Loaded> {
        self.loaded[table as usize].as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, table: Table) -> Option<&mut Loaded> {
        self.loaded[table as usize].as_deref_mut()
    }

    pub(super) fn take(&mut self, table: Table) -> Option<Box<Loaded>> {
        self.loaded[table as usize].take()
    }

    pub(super) fn insert(&mut self, table: Table, loaded: Loaded) {
        self.loaded[table as usize] = Some(Box::new(loaded));
    }

    /// Whether there is no table at all.
    pub fn is_empty(&self) -> bool {
        self.loaded.iter().all(Option::is_none)
    }

    /// Whether there is a chain of that name.
    pub fn has_chain(&self, table: Table, name: &str) -> bool {
        self.get(table).is_some_and(|it| it.rules.names.find_chain(name).is_some())
    }

    /// Whether a rule makes the kernel track connections (`nf_ct_netns_get`). A chain of the table nat alone does not.
    pub fn needs_conntrack(&self) -> bool {
        let mut loaded = self.loaded.iter().flatten();
        loaded.any(|it| it.rules.parts.iter().any(|part| part.needs_conntrack))
    }

    /// Whether there are nat chains (`nf_nat_register_fn`).
    pub fn needs_nat(&self) -> bool {
        self.get(Table::Nat).is_some()
    }

    /// A chain's name.
    pub fn chain_name(&self, table: Table, chain: ChainId) -> &str {
        self.get(table).map_or("", |it| it.rules.names.chain(chain))
    }

    /// The hook that a chain hangs on; None for a user's chain.
    pub fn hook_of(&self, table: Table, chain: ChainId) -> Option<Hook> {
        self.get(table)?.rules.chains.get(chain.index())?.built_in.map(|(hook, _)| hook)
    }

    /// Whether a packet at this hook meets rules, or a policy that drops it.
    pub fn acts_at(&self, hook: Hook) -> bool {
        self.loaded.iter().flatten().any(|it| {
            it.rules.built_in(hook).is_some_and(|chain| {
                let drops = it.rules.policy(chain) == Some(Policy::Drop);
                drops || !it.rules.rules(chain).is_empty()
            })
        })
    }

    /// How often a rule matched, and with how many bytes.
    pub fn rule_counter(&self, rule: RuleRef) -> Counter {
        self.get(rule.table)
            .map_or(Counter::default(), |it| it.counter(rule.chain, rule.index as usize))
    }

    /// Who caused a rule, where that is known.
    pub fn rule_origin(&self, rule: RuleRef) -> Option<OriginId> {
        self.get(rule.table)?.origin(rule.chain, rule.index)
    }

    /// The same tables where the origins are not the world's, and these are their numbers there.
    #[must_use]
    pub fn with_origins(&self, numbers: &Arc<[OriginId]>) -> Self {
        let mut tables = self.clone();
        for loaded in tables.loaded.iter_mut().flatten() {
            loaded.numbers = Some(Arc::clone(numbers));
        }
        tables
    }

    /// The rule itself, if it is there.
    pub fn rule(&self, rule: RuleRef) -> Option<&Rule> {
        self.get(rule.table)?.rules.rule(rule.chain, rule.index)
    }
}

impl Loaded {
    /// Puts the rules of all chains together. The sets they ask are there.
    pub(super) fn new(new: NewTable, sets: &Sets, recents: &mut Recents) -> Self {
        let NewTable { names, base, chains: own, reached, memories } = new;
        let mut state = State { memories, ..State::default() };
        let none = Chain { built_in: None, part: 0, first: 0, len: 0 };
        let mut rules = Ruleset {
            names,
            chains: vec![none; reached.len()],
            parts: Vec::new(),
            built_in: [None; 5],
            reached,
        };
        if let Some(base) = base {
            state = base.state;
            rules.chains[..base.rules.chains.len()].copy_from_slice(&base.rules.chains);
            rules.built_in = base.rules.built_in;
            rules.parts.clone_from(&base.rules.parts);
        }
        let first = rules.len();
        let part = count(rules.parts.len());
        let (mut all, mut origins, mut counters) = (Vec::new(), Vec::new(), Vec::new());
        for (id, chain) in own {
            if let Some((hook, _)) = chain.built_in {
                rules.built_in[hook as usize] = Some(id);
                state.policies[hook as usize] = chain.policy_counter;
            }
            let (first, len) = (count(all.len()), count(chain.rules.len()));
            rules.chains[id.index()] = Chain { built_in: chain.built_in, part, first, len };
            all.extend(chain.rules);
            origins.extend(chain.noted.iter().map(|it| it.origin));
            counters.extend(chain.noted.iter().map(|it| it.counter));
        }
        state.bind(&rules.names, &all, sets, recents);
        if !state.counters.is_empty() || counters.iter().any(|it| *it != Counter::default()) {
            state.counters.resize(first, Counter::default());
            state.counters.extend(counters);
        }
        if origins.iter().all(Option::is_none) {
            origins = Vec::new();
        }
        rules.parts.push(Part {
            needs_conntrack: all.iter().any(Rule::needs_conntrack),
            rules: all.into(),
            origins: origins.into(),
            first: count(first),
        });
        Self { rules: Arc::new(rules), numbers: None, state }
    }

    /// The same, where the origins are the world's own.
    pub(super) fn with_own_origins(mut self: Box<Self>) -> Box<Self> {
        if let Some(numbers) = self.numbers.take() {
            let mut rules = (*self.rules).clone();
            for part in &mut rules.parts {
                part.origins =
                    part.origins.iter().map(|it| it.map(|it| numbers[it.index()])).collect();
            }
            self.rules = Arc::new(rules);
        }
        self
    }

    /// A chain as it was before it was put together with others.
    pub(super) fn chain(&self, id: ChainId) -> NewChain {
        let rules = self.rules.rules(id).to_vec();
        let noted = |place| Noted {
            counter: self.counter(id, place),
            origin: self.origin(id, count(place)),
            ..Noted::default()
        };
        NewChain {
            built_in: self.rules.chains[id.index()].built_in,
            policy_counter: self.policy_counter(id),
            noted: (0..rules.len()).map(noted).collect(),
            rules,
        }
    }

    /// Who caused a rule.
    fn origin(&self, chain: ChainId, index: u32) -> Option<OriginId> {
        let Chain { part, first, .. } = *self.rules.chains.get(chain.index())?;
        let origins = &self.rules.parts[part as usize].origins;
        let origin = origins.get((first + index) as usize).copied().flatten()?;
        Some(self.numbers.as_ref().map_or(origin, |numbers| numbers[origin.index()]))
    }

    pub(super) fn counter(&self, chain: ChainId, place: usize) -> Counter {
        let at = self.rules.first(chain) + place;
        self.state.counters.get(at).copied().unwrap_or_default()
    }

    pub(super) fn policy_counter(&self, chain: ChainId) -> Counter {
        match self.rules.chains[chain.index()].built_in {
            Some((hook, _)) => self.state.policies[hook as usize],
            None => Counter::default(),
        }
    }
}

impl State {
    /// Finds the sets and lists that these rules name, beside those that are found.
    fn bind(&mut self, names: &Names, all: &[Rule], sets: &Sets, recents: &mut Recents) {
        let new = (count(self.sets.len())..names.sets.len()).map(|set| names.sets.name(set));
        self.sets.extend(new.filter_map(|name| sets.find(name)));
        let mut wanted = vec![(0, u32::MAX); names.recents.len() as usize];
        for it in all.iter().flat_map(|rule| &rule.matches) {
            if let Match::Recent(it) = it {
                let (list, hits, mask) = it.list();
                let list = &mut wanted[list as usize];
                *list = (list.0.max(hits), mask);
            }
        }
        for (list, (hits, mask)) in wanted.into_iter().enumerate() {
            if list < self.recents.len() && hits == 0 {
                continue;
            }
            let found = recents.open(names.recents.name(count(list)), hits, mask);
            if list >= self.recents.len() {
                self.recents.push(found);
            }
        }
    }

    /// Makes room for what is counted and remembered, at the first packet.
    #[inline]
    pub(super) fn prepare(&mut self, rules: &Ruleset) {
        if self.counters.len() != rules.len() {
            self.counters.resize(rules.len(), Counter::default());
        }
        if self.memories.len() != rules.names.memories as usize {
            self.memories.resize(rules.names.memories as usize, Memory::Fresh);
        }
    }
}

impl Ruleset {
    #[inline]
    pub(super) fn rules(&self, chain: ChainId) -> &[Rule] {
        let Chain { part, first, len, .. } = self.chains[chain.index()];
        &self.parts[part as usize].rules[first as usize..(first + len) as usize]
    }

    pub(super) fn rule(&self, chain: ChainId, index: u32) -> Option<&Rule> {
        self.rules(chain).get(index as usize)
    }

    /// The place of a chain's first rule among all.
    #[inline]
    pub(super) fn first(&self, chain: ChainId) -> usize {
        let Chain { part, first, .. } = self.chains[chain.index()];
        (self.parts[part as usize].first + first) as usize
    }

    /// How many rules there are, those included that others took the place of.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.parts.last().map_or(0, |it| it.first as usize + it.rules.len())
    }

    pub(super) fn n_chains(&self) -> usize {
        self.chains.len()
    }

    #[inline]
    pub(super) fn built_in(&self, hook: Hook) -> Option<ChainId> {
        self.built_in[hook as usize]
    }

    pub(super) fn is_built_in(&self, chain: ChainId) -> Option<(Hook, Policy)> {
        self.chains[chain.index()].built_in
    }

    pub(super) fn policy(&self, chain: ChainId) -> Option<Policy> {
        self.is_built_in(chain).map(|(_, policy)| policy)
    }

    /// Built-in chains in the order of their hooks, then the others by name.
    pub(super) fn in_order(&self) -> Vec<ChainId> {
        let mut chains: Vec<ChainId> = (0..self.chains.len()).map(Id::from_index).collect();
        let key = |chain: &ChainId| {
            let hook = self.chains[chain.index()].built_in.map(|(hook, _)| hook);
            (hook.is_none(), hook, self.names.chain(*chain))
        };
        sort_by(&mut chains, |a, b| key(a).cmp(&key(b)));
        chains
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a file has fewer than 2^32 rules")
}
