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
    /// Who caused each rule, in the order of [`Ruleset`]; empty where nobody is known.
    pub origins: Arc<[Option<OriginId>]>,
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

/// The rules of one table. Never changed, so namespaces with equal rules share one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ruleset {
    pub names: Names,
    /// By [`ChainId`], as [`Names::chains`].
    chains: Vec<Chain>,
    /// The rules of all chains, chain by chain.
    all: Vec<Rule>,
    /// By [`Hook`].
    built_in: [Option<ChainId>; 5],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Chain {
    /// None for a user's chain.
    built_in: Option<(Hook, Policy)>,
    first: u32,
    len: u32,
}

/// A chain as it is read, before the rules of all are put together.
#[derive(Debug, Default)]
pub(super) struct NewChain {
    pub built_in: Option<(Hook, Policy)>,
    pub policy_counter: Counter,
    pub rules: Vec<(Rule, Counter)>,
}

impl Tables {
    pub(super) fn get(&self, table: Table) -> Option<&Loaded> {
        self.loaded[table as usize].as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, table: Table) -> Option<&mut Loaded> {
        self.loaded[table as usize].as_deref_mut()
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
        self.get(table).is_some_and(|it| it.rules.names.chains.iter().any(|it| **it == *name))
    }

    /// Whether a rule makes the kernel track connections (`nf_ct_netns_get`). A chain of the table nat alone does not.
    pub fn needs_conntrack(&self) -> bool {
        let asks = |rule: &Rule| {
            rule.target.needs_conntrack()
                || rule.matches.iter().any(super::matches::Match::needs_conntrack)
        };
        self.loaded.iter().flatten().any(|it| it.rules.all.iter().any(asks))
    }

    /// Whether there are nat chains (`nf_nat_register_fn`).
    pub fn needs_nat(&self) -> bool {
        self.get(Table::Nat).is_some()
    }

    /// A chain's name.
    pub fn chain_name(&self, table: Table, chain: ChainId) -> &str {
        self.get(table).map_or("", |it| &it.rules.names.chains[chain.index()])
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
        let loaded = self.get(rule.table)?;
        let at = loaded.rules.first(rule.chain) + rule.index as usize;
        loaded.origins.get(at).copied().flatten()
    }

    /// The same tables where each origin has another number.
    #[must_use]
    pub fn with_origins(&self, number: &dyn Fn(OriginId) -> OriginId) -> Self {
        let mut tables = self.clone();
        for loaded in tables.loaded.iter_mut().flatten() {
            loaded.origins = loaded.origins.iter().map(|it| it.map(number)).collect();
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
    pub(super) fn new(
        names: Names,
        chains: Vec<NewChain>,
        sets: &Sets,
        recents: &mut Recents,
    ) -> Self {
        let mut rules = Ruleset { names, chains: Vec::new(), all: Vec::new(), built_in: [None; 5] };
        let mut state = State::default();
        for (place, chain) in chains.into_iter().enumerate() {
            if let Some((hook, _)) = chain.built_in {
                rules.built_in[hook as usize] = Some(Id::from_index(place));
                state.policies[hook as usize] = chain.policy_counter;
            }
            let (first, len) = (count(rules.all.len()), count(chain.rules.len()));
            rules.chains.push(Chain { built_in: chain.built_in, first, len });
            for (rule, counter) in chain.rules {
                rules.all.push(rule);
                state.counters.push(counter);
            }
        }
        if state.counters.iter().all(|it| *it == Counter::default()) {
            state.counters = Vec::new();
        }
        rules.all.shrink_to_fit();
        state.bind(&rules, sets, recents);
        Self { rules: Arc::new(rules), origins: Arc::default(), state }
    }

    /// Chains as they were before they were put together, and the origins of their rules.
    pub(super) fn chains(&self) -> impl Iterator<Item = (NewChain, Vec<Option<OriginId>>)> {
        (0..self.rules.chains.len()).map(|index| {
            let id = ChainId::from_index(index);
            let Chain { built_in, first, .. } = self.rules.chains[index];
            let rules = self.rules.rules(id).iter().cloned().enumerate();
            let rules: Vec<_> =
                rules.map(|(place, rule)| (rule, self.counter(id, place))).collect();
            let origin = |place| self.origins.get(first as usize + place).copied().flatten();
            let origins = (0..rules.len()).map(origin).collect();
            (NewChain { built_in, policy_counter: self.policy_counter(id), rules }, origins)
        })
    }

    pub(super) fn counter(&self, chain: ChainId, place: usize) -> Counter {
        let at = self.rules.chains[chain.index()].first as usize + place;
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
    /// Finds the sets and lists that rules name.
    fn bind(&mut self, rules: &Ruleset, sets: &Sets, recents: &mut Recents) {
        self.sets = rules.names.sets.iter().filter_map(|name| sets.find(name)).collect();
        let mut wanted = vec![(0, u32::MAX); rules.names.recents.iter().len()];
        for it in rules.all.iter().flat_map(|rule| &rule.matches) {
            if let Match::Recent(it) = it {
                let (list, hits, mask) = it.list();
                let list = &mut wanted[list as usize];
                *list = (list.0.max(hits), mask);
            }
        }
        let lists = rules.names.recents.iter().zip(wanted);
        self.recents = lists.map(|(name, (hits, mask))| recents.open(name, hits, mask)).collect();
    }

    /// Makes room for what is counted and remembered, at the first packet.
    #[inline]
    pub(super) fn prepare(&mut self, rules: &Ruleset) {
        if self.counters.len() != rules.all.len() {
            self.counters.resize(rules.all.len(), Counter::default());
        }
        if self.memories.len() != rules.names.memories as usize {
            self.memories.resize(rules.names.memories as usize, Memory::Fresh);
        }
    }
}

impl Ruleset {
    #[inline]
    pub(super) fn rules(&self, chain: ChainId) -> &[Rule] {
        let Chain { first, len, .. } = self.chains[chain.index()];
        &self.all[first as usize..(first + len) as usize]
    }

    pub(super) fn rule(&self, chain: ChainId, index: u32) -> Option<&Rule> {
        self.rules(chain).get(index as usize)
    }

    /// The place of a chain's first rule among all.
    #[inline]
    pub(super) fn first(&self, chain: ChainId) -> usize {
        self.chains[chain.index()].first as usize
    }

    #[inline]
    pub(super) fn built_in(&self, hook: Hook) -> Option<ChainId> {
        self.built_in[hook as usize]
    }

    pub(super) fn policy(&self, chain: ChainId) -> Option<Policy> {
        self.chains[chain.index()].built_in.map(|(_, policy)| policy)
    }

    /// Built-in chains in the order of their hooks, then the others by name.
    pub(super) fn in_order(&self) -> Vec<ChainId> {
        let mut chains: Vec<ChainId> = (0..self.chains.len()).map(Id::from_index).collect();
        let key = |chain: &ChainId| {
            let hook = self.chains[chain.index()].built_in.map(|(hook, _)| hook);
            (hook.is_none(), hook, &self.names.chains[chain.index()])
        };
        sort_by(&mut chains, |a, b| key(a).cmp(&key(b)));
        chains
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("a file has fewer than 2^32 rules")
}
