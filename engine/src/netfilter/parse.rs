//! `iptables-save` text, and what a person may give `iptables-restore` instead of it. Read `iptables/xtables-restore.c`
//! and `iptables/xshared.c` of the iptables sources first.
//!
//! Understood are tables, chains with policies and counters, and the commands -A, -I, -N and -P. A text is read whole or
//! refused: an unknown word is an error with its place, never a rule with less in it.

use super::evaluate::JUMP_STACK;
use super::ipset::Sets;
use super::matches::{self, Extension, Match, Recents};
use super::rule::{DevPattern, Head, Masked, Names, Rule, protocol};
use super::table::{Counter, Loaded, NewChain, NewTable, Noted, Policy, Reached, Tables};
use super::targets::{self, Target};
use super::words::{Arg, Mistake, RuleError, Word, Words, network, number};
use crate::base::{ChainId, FxIndexMap, Hook, Id, OriginId, Table};

/// Longest name of a chain in bytes (`XT_EXTENSION_MAXNAMELEN` less its end).
const CHAIN_NAME: usize = 28;

/// Rules that one packet may meet in a table, at most: more would keep a walk from ever ending in practice. The kernel
/// has a limit of the same kind on jumps (`nf_tables_jumps_max_netns`).
const LONGEST_WALK: u32 = 4_000_000;

/// A table while it is read.
struct Reader {
    table: Table,
    names: Names,
    /// What was there before. A large table is not copied: a chain is, when something in it changes.
    base: Option<Box<Loaded>>,
    /// The chains that are not as they are there.
    own: Vec<(ChainId, NewChain)>,
    /// By [`ChainId`]: the place among these.
    own_of: Vec<Option<u32>>,
    /// Where each chain is called first that no line has declared yet.
    undeclared: FxIndexMap<ChainId, RuleError>,
    /// A line for a chain that is there empties it (`iptables-restore --noflush`).
    adds: bool,
}

impl Tables {
    /// Reads the rules of a namespace that has these sets. Lists of `-m recent` are opened in `recents`.
    pub fn parse(text: &str, sets: &Sets, recents: &mut Recents) -> Result<Self, RuleError> {
        let mut tables = Self::default();
        tables.read(text, None, sets, recents)?;
        Ok(tables)
    }

    /// `iptables-restore --noflush`: puts rules beside those that are there, and empties the chains that the text
    /// declares. `origin` knows who caused each line, counted from 0. After an error nothing is changed.
    pub fn restore(
        &mut self,
        text: &str,
        origin: &dyn Fn(usize) -> Option<OriginId>,
        sets: &Sets,
        recents: &mut Recents,
    ) -> Result<(), RuleError> {
        let mut tables = self.clone();
        tables.read(text, Some(origin), sets, recents)?;
        *self = tables;
        Ok(())
    }

    /// Reads tables: with `origin` into what is there, else instead of it.
    fn read(
        &mut self,
        text: &str,
        origin: Option<&dyn Fn(usize) -> Option<OriginId>>,
        sets: &Sets,
        recents: &mut Recents,
    ) -> Result<(), RuleError> {
        let mut reading: Option<Reader> = None;
        let mut end = 1;
        for (index, full) in text.lines().enumerate() {
            let line = index + 1;
            end = line + 1;
            if full.trim().is_empty() || full.starts_with('#') {
                continue;
            }
            match (&mut reading, full.strip_prefix('*')) {
                (None, Some(name)) => {
                    let name = name.trim();
                    let found = Table::ALL.into_iter().find(|table| table.name() == name);
                    let Some(table) = found else {
                        let expected = "expected *raw, *mangle, *nat, *filter or *security";
                        return Err(at(line, 2, name, expected));
                    };
                    let base = self.take(table).filter(|_| origin.is_some());
                    let mut reader = match base {
                        Some(loaded) => Reader::beside(table, loaded.with_own_origins()),
                        None => Reader::new(table),
                    };
                    reader.adds = origin.is_some();
                    reading = Some(reader);
                }
                (None, None) => {
                    let word = full.split_whitespace().next().unwrap_or_default();
                    return Err(at(line, 1, word, "expected a table such as *filter before it"));
                }
                (Some(_), Some(name)) => {
                    return Err(at(line, 1, name.trim(), "expected COMMIT before another table"));
                }
                (Some(_), None) if full.trim_end() == "COMMIT" => {
                    if let Some(reader) = reading.take() {
                        let (table, loaded) = reader.finish(sets, recents)?;
                        self.insert(table, loaded);
                    }
                }
                (Some(reader), None) => match full.strip_prefix(':') {
                    Some(chain) => reader.chain(Words::split(chain, line, 2)?)?,
                    None => reader.command(full, line, origin.and_then(|of| of(index)))?,
                },
            }
        }
        match reading {
            Some(_) => Err(at(end, 1, "", "expected COMMIT at the end of the table")),
            None => Ok(()),
        }
    }
}

fn at(line: usize, column: usize, word: &str, message: &str) -> RuleError {
    Box::new(Mistake { line, column, word: word.to_owned(), message: message.to_owned() })
}

impl Reader {
    fn new(table: Table) -> Self {
        let mut new = Self {
            table,
            names: Names::default(),
            base: None,
            own: Vec::new(),
            own_of: Vec::new(),
            undeclared: FxIndexMap::default(),
            adds: false,
        };
        for hook in table.hooks() {
            let chain = new.add_chain(hook.chain());
            new.own(chain).built_in = Some((*hook, Policy::Accept));
        }
        new
    }

    /// Goes on with a table that is there.
    fn beside(table: Table, base: Box<Loaded>) -> Self {
        Self {
            table,
            names: base.rules.names.after(),
            own: Vec::new(),
            own_of: vec![None; base.rules.n_chains()],
            base: Some(base),
            undeclared: FxIndexMap::default(),
            adds: true,
        }
    }

    fn add_chain(&mut self, name: &str) -> ChainId {
        let id = self.names.add_chain(name);
        self.own_of.push(None);
        self.own(id);
        id
    }

    /// A chain, to be changed.
    fn own(&mut self, chain: ChainId) -> &mut NewChain {
        let place = self.own_of[chain.index()].unwrap_or_else(|| {
            let base = self.base.as_ref().filter(|it| chain.index() < it.rules.n_chains());
            self.own.push((chain, base.map(|it| it.chain(chain)).unwrap_or_default()));
            let place = u32::try_from(self.own.len() - 1).expect("fewer chains than lines");
            self.own_of[chain.index()] = Some(place);
            place
        });
        &mut self.own[place as usize].1
    }

    fn built_in(&self, chain: ChainId) -> Option<(Hook, Policy)> {
        match (self.own_of[chain.index()], &self.base) {
            (Some(place), _) => self.own[place as usize].1.built_in,
            (None, Some(base)) => base.rules.is_built_in(chain),
            (None, None) => None,
        }
    }

    /// The rules of a chain, with what is noted of each that is new.
    fn rules_of(&self, chain: usize) -> (&[Rule], &[Noted]) {
        match (self.own_of[chain], &self.base) {
            (Some(place), _) => {
                let own = &self.own[place as usize].1;
                (&own.rules, &own.noted)
            }
            (None, Some(base)) => (base.rules.rules(Id::from_index(chain)), &[]),
            (None, None) => (&[], &[]),
        }
    }

    /// `INPUT ACCEPT [0:0]`, after the colon.
    fn chain(&mut self, mut words: Words<'_>) -> Result<(), RuleError> {
        let name = words.expect("expected the name of a chain")?;
        let policy = words.expect("expected a policy, or - for a chain of your own")?;
        match self.names.find_chain(&name.text) {
            Some(chain) if self.built_in(chain).is_some() => {
                self.set_policy(chain, &policy, &words)?;
                if let Some(word) = words.next() {
                    let counter = counter(&word.text);
                    let expected = "expected counters such as [0:0]";
                    let counter = counter.ok_or_else(|| words.wrong(&word, expected))?;
                    self.own(chain).policy_counter = counter;
                }
            }
            _ if *policy.text != *"-" => {
                return Err(words.wrong(&policy, "expected -: only built-in chains have a policy"));
            }
            _ => self.declare(&name, &words)?,
        }
        Ok(())
    }

    /// A chain of the user's own.
    fn declare(&mut self, name: &Word<'_>, words: &Words<'_>) -> Result<(), RuleError> {
        let text = &*name.text;
        if text.is_empty() || text.len() > CHAIN_NAME {
            return Err(words.wrong(name, "expected a name of 1 to 28 bytes"));
        }
        if text.starts_with(['-', '!'])
            || Target::new(text).is_some()
            || targets::is_not_modelled(text)
        {
            return Err(words.wrong(name, "a chain cannot be called that"));
        }
        match self.names.find_chain(text) {
            Some(chain) => {
                self.undeclared.swap_remove(&chain);
                if self.adds {
                    let chain = self.own(chain);
                    chain.rules.clear();
                    chain.noted.clear();
                }
            }
            None => {
                self.add_chain(text);
            }
        }
        Ok(())
    }

    /// The chain a rule calls, which may be declared later.
    fn called(&mut self, name: &Word<'_>, words: &Words<'_>) -> Result<ChainId, RuleError> {
        match self.names.find_chain(&name.text) {
            Some(chain) if self.built_in(chain).is_some() => {
                Err(words.wrong(name, "a rule cannot call a built-in chain"))
            }
            Some(chain) => Ok(chain),
            None => {
                let chain = self.add_chain(&name.text);
                self.undeclared.insert(chain, words.wrong(name, targets::expected()));
                Ok(chain)
            }
        }
    }

    fn set_policy(
        &mut self,
        chain: ChainId,
        word: &Word<'_>,
        words: &Words<'_>,
    ) -> Result<(), RuleError> {
        let policy = match &*word.text {
            "ACCEPT" | "-" => Policy::Accept,
            "DROP" if self.table == Table::Nat => {
                return Err(words.wrong(word, "the table nat is not for filtering: only ACCEPT"));
            }
            "DROP" => Policy::Drop,
            _ => return Err(words.wrong(word, "expected ACCEPT or DROP")),
        };
        if let Some((_, it)) = &mut self.own(chain).built_in {
            *it = policy;
        }
        Ok(())
    }

    /// One line: `[0:0] -A INPUT -j ACCEPT`.
    fn command(
        &mut self,
        full: &str,
        line: usize,
        origin: Option<OriginId>,
    ) -> Result<(), RuleError> {
        let mut counted = Counter::default();
        let (mut rest, mut column) = (full, 1);
        if full.starts_with('[') {
            let end = full.find(']').map_or(0, |end| end + 1);
            let expected = "expected counters such as [0:0]";
            counted = counter(&full[..end]).ok_or_else(|| at(line, 1, full, expected))?;
            (rest, column) = (&full[end..], end + 1);
        }
        let mut words = Words::split(rest, line, column)?;
        let expected = "expected -A and a chain, or -I, -N or -P";
        let command = words.expect(expected)?;
        let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let noted =
            Noted { line: place(line), column: place(command.column), counter: counted, origin };
        match &*command.text {
            "-A" | "--append" => {
                let chain = self.known_chain(&mut words)?;
                self.rules(chain, None, words, noted)
            }
            "-I" | "--insert" => {
                let chain = self.known_chain(&mut words)?;
                let mut before = 0;
                if let Some(n) = words.peek().and_then(number) {
                    let word = words.expect("")?;
                    let len = self.rules_of(chain.index()).0.len();
                    before = (n as usize).wrapping_sub(1);
                    if before > len {
                        let message = "expected the number of a rule in this chain, or one more";
                        return Err(words.wrong(&word, message));
                    }
                }
                self.rules(chain, Some(before), words, noted)
            }
            "-N" | "--new-chain" => {
                let name = words.expect("expected the name of a chain")?;
                self.declare(&name, &words)?;
                nothing_more(&mut words)
            }
            "-P" | "--policy" => {
                let chain = self.known_chain(&mut words)?;
                let policy = words.expect("expected ACCEPT or DROP")?;
                if self.built_in(chain).is_none() {
                    return Err(words.wrong(&policy, "only built-in chains have a policy"));
                }
                self.set_policy(chain, &policy, &words)?;
                nothing_more(&mut words)
            }
            _ => Err(words.wrong(&command, expected)),
        }
    }

    fn known_chain(&self, words: &mut Words<'_>) -> Result<ChainId, RuleError> {
        let name = words.expect("expected the name of a chain")?;
        self.names
            .find_chain(&name.text)
            .ok_or_else(|| words.wrong(&name, "there is no chain of that name in this table"))
    }

    /// Reads a rule, or several where it names several addresses, and puts them in.
    fn rules(
        &mut self,
        chain: ChainId,
        before: Option<usize>,
        mut words: Words<'_>,
        mut noted: Noted,
    ) -> Result<(), RuleError> {
        let mut it = NewRule::default();
        while let Some(word) = words.next() {
            it.word(word, &mut words, &mut self.names, &mut noted.counter)?;
        }
        it.check(&words, self.table)?;
        let hook = self.built_in(chain).map(|(hook, _)| hook);
        if it.head.in_dev.is_some() && matches!(hook, Some(Hook::LocalOut | Hook::PostRouting)) {
            return Err(words.missing("no -i here: nothing came in before this chain"));
        }
        if it.head.out_dev.is_some() && matches!(hook, Some(Hook::PreRouting | Hook::LocalIn)) {
            return Err(words.missing("no -o here: the way out is not known in this chain"));
        }
        let target = match (it.target, &it.call) {
            (Some(target), _) => target,
            (None, Some((name, false))) => Target::Jump(self.called(name, &words)?),
            (None, Some((name, true))) => Target::Goto(self.called(name, &words)?),
            (None, None) => Target::None,
        };
        let rule = Rule { head: it.head, matches: it.matches.into(), target };
        let chain = self.own(chain);
        let mut at = before.unwrap_or(chain.rules.len());
        for source in &it.sources {
            for destination in &it.destinations {
                let mut rule = rule.clone();
                (rule.head.src, rule.head.dst) = (*source, *destination);
                chain.rules.insert(at, rule);
                chain.noted.insert(at, noted);
                at += 1;
            }
        }
        Ok(())
    }

    /// Checks what only the whole table shows.
    fn finish(mut self, sets: &Sets, recents: &mut Recents) -> Result<(Table, Loaded), RuleError> {
        if let Some((_, error)) = self.undeclared.swap_remove_index(0) {
            return Err(error);
        }
        // What a table is put beside was checked, and is checked again only where that may change something: chains of the
        // user's that are there may be called from anywhere, built-in ones are called by none.
        let n_before = self.base.as_ref().map_or(0, |it| it.rules.n_chains());
        let is_new =
            |(id, chain): &(ChainId, NewChain)| id.index() >= n_before || chain.built_in.is_some();
        let mut memories = Vec::new();
        if !self.own.iter().all(is_new) {
            for chain in 0..n_before {
                self.own(Id::from_index(chain));
            }
            memories = self.base.take().map(|it| it.state.memories).unwrap_or_default();
        }
        let reached = self.check_calls()?;
        let mut masks: Vec<Option<u32>> = vec![None; self.names.recents.len() as usize];
        for (_, chain) in &self.own {
            for (rule, at) in chain.rules.iter().zip(&chain.noted) {
                for it in &rule.matches {
                    if let Some(name) = it.set().map(|set| self.names.sets.name(set))
                        && sets.find(name).is_none()
                    {
                        return Err(at.wrong(name, "there is no set of that name"));
                    }
                    if let Match::Recent(it) = it {
                        let (list, _, mask) = it.list();
                        let name = self.names.recents.name(list);
                        let first = *masks[list as usize]
                            .get_or_insert_with(|| recents.mask(name).unwrap_or(mask));
                        if first != mask {
                            return Err(at.wrong(name, "rules that share a list need one --mask"));
                        }
                    }
                }
            }
        }
        let Self { table, names, base, own, .. } = self;
        let new = NewTable { names, base, chains: own, reached, memories };
        Ok((table, Loaded::new(new, sets, recents)))
    }

    /// No chain leads back to itself, none is called too deep, no walk is endless, and every match and target stands
    /// where it can work (`nft_chain_validate`).
    fn check_calls(&self) -> Result<Vec<Reached>, RuleError> {
        let before = self.base.as_ref().map_or(&[][..], |it| &it.rules.reached);
        let mut reached = before.to_vec();
        reached.resize(self.own_of.len(), Reached::default());
        for (id, _) in &self.own {
            reached[id.index()].done = false;
        }
        // They are made first.
        for (place, hook) in self.table.hooks().iter().enumerate() {
            self.reach(place, *hook, 0, &mut reached)?;
        }
        for (place, own) in self.own_of.iter().enumerate() {
            let hooks = reached[place].hooks;
            if own.is_none() && before.get(place).is_some_and(|it| it.hooks == hooks) {
                continue;
            }
            let hooks: Vec<Hook> = Hook::ALL.into_iter().filter(|it| hooks[*it as usize]).collect();
            let (rules, noted) = self.rules_of(place);
            for (index, rule) in rules.iter().enumerate() {
                let target = rule.target.extension().map(|it| (it, rule.target.name()));
                let matches = rule.matches.iter().map(|it| (it.extension(), Some(it.name())));
                for (it, name) in matches.chain(target) {
                    if let Err(message) = it.check_place(self.table, &hooks) {
                        let at = noted.get(index).copied().unwrap_or_default();
                        return Err(at.wrong(name.unwrap_or_default(), message));
                    }
                }
            }
        }
        Ok(reached)
    }

    /// How many rules a packet may meet from the beginning of a chain on.
    fn reach(
        &self,
        place: usize,
        hook: Hook,
        depth: u8,
        reached: &mut [Reached],
    ) -> Result<u32, RuleError> {
        // Deeper than before it must be looked at again: the depth below counts from the top.
        if reached[place].hooks[hook as usize]
            && reached[place].depth >= depth
            && reached[place].done
        {
            return Ok(reached[place].rules);
        }
        reached[place].hooks[hook as usize] = true;
        reached[place].depth = reached[place].depth.max(depth);
        reached[place].done = false;
        reached[place].open = true;
        let mut n_rules: u32 = 0;
        let (rules, noted) = self.rules_of(place);
        for (index, rule) in rules.iter().enumerate() {
            let wrong = |word: &str, message| {
                noted.get(index).copied().unwrap_or_default().wrong(word, message)
            };
            n_rules += 1;
            if let Target::Jump(to) | Target::Goto(to) = &rule.target {
                let name = self.names.chain(*to);
                if reached[to.index()].open {
                    return Err(wrong(name, "this chain leads back to itself"));
                }
                if usize::from(depth) + 1 >= JUMP_STACK {
                    return Err(wrong(name, "chains call each other more than 15 deep"));
                }
                n_rules += self.reach(to.index(), hook, depth + 1, reached)?;
            }
            if n_rules > LONGEST_WALK {
                let name = self.names.chain(Id::from_index(place));
                return Err(wrong(name, "a packet could meet more than four million rules here"));
            }
        }
        reached[place].open = false;
        reached[place].done = true;
        reached[place].rules = n_rules;
        Ok(n_rules)
    }
}

impl Noted {
    fn wrong(self, word: &str, message: &str) -> RuleError {
        at(self.line as usize, self.column as usize, word, message)
    }
}

/// A rule while its words are read.
struct NewRule<'t> {
    head: Head,
    matches: Vec<Match>,
    /// The options that each match was given.
    given: Vec<Vec<&'static str>>,
    target: Option<Target>,
    target_given: Vec<&'static str>,
    /// What stands after `-j` or `-g` where it is no target.
    call: Option<(Word<'t>, bool)>,
    /// How many matches were there when the target came.
    target_after: usize,
    /// A match for the protocol was put in for an option that only it knows.
    implied: bool,
    negated: Option<Word<'t>>,
    given_head: Vec<&'static str>,
    sources: Vec<Masked>,
    destinations: Vec<Masked>,
}

/// The options before any match, with their other names.
const HEAD: &[(&str, &[&str])] = &[
    ("-s", &["--source", "--src"]),
    ("-d", &["--destination", "--dst"]),
    ("-p", &["--protocol", "--proto"]),
    ("-i", &["--in-interface"]),
    ("-o", &["--out-interface"]),
    ("-f", &["--fragment"]),
    ("-m", &["--match"]),
    ("-j", &["--jump"]),
    ("-g", &["--goto"]),
    ("-c", &["--set-counters"]),
    ("-4", &["--ipv4"]),
];

impl Default for NewRule<'_> {
    fn default() -> Self {
        Self {
            head: Head::default(),
            matches: Vec::new(),
            given: Vec::new(),
            target: None,
            target_given: Vec::new(),
            call: None,
            target_after: 0,
            implied: false,
            negated: None,
            given_head: Vec::new(),
            sources: vec![Masked::default()],
            destinations: vec![Masked::default()],
        }
    }
}

impl<'t> NewRule<'t> {
    fn word(
        &mut self,
        word: Word<'t>,
        words: &mut Words<'t>,
        names: &mut Names,
        counted: &mut Counter,
    ) -> Result<(), RuleError> {
        if *word.text == *"!" {
            if self.negated.replace(word).is_some() {
                return Err(words.wrong_here("two in a row"));
            }
            return Ok(());
        }
        let negated = self.negated.take().is_some();
        if let Some(option) = self.extension_option(&word, words, names)? {
            let (given, extension) = match option.0 {
                Owner::Target => {
                    (&mut self.target_given, self.target.as_mut().and_then(Target::extension_mut))
                }
                Owner::Match(at) => {
                    (&mut self.given[at], self.matches.get_mut(at).map(Match::extension_mut))
                }
            };
            if given.contains(&option.1) {
                return Err(words.wrong(&word, "given twice"));
            }
            given.push(option.1);
            let mut arg = Arg { words, negated, names };
            return extension.map_or(Ok(()), |it| it.read(option.1, &mut arg));
        }
        let known = HEAD
            .iter()
            .find(|(short, long)| *short == word.text || long.contains(&&*word.text))
            .map(|(short, _)| *short);
        let Some(option) = known else {
            return Err(words.wrong(&word, self.unknown(&word)));
        };
        if option != "-m" {
            if self.given_head.contains(&option) {
                return Err(words.wrong(&word, "given twice"));
            }
            self.given_head.push(option);
        }
        if negated && matches!(option, "-m" | "-j" | "-g" | "-c" | "-4") {
            return Err(words.wrong(&word, "no ! before this option"));
        }
        self.head_option(option, negated, words, names, counted)
    }

    fn head_option(
        &mut self,
        option: &'static str,
        negated: bool,
        words: &mut Words<'t>,
        names: &mut Names,
        counted: &mut Counter,
    ) -> Result<(), RuleError> {
        match option {
            "-s" | "-d" => {
                let expected = "expected an IPv4 address, or an address/prefix";
                let word = words.expect(expected)?;
                let list: Option<Vec<_>> = word.text.split(',').map(network).collect();
                let list = list.ok_or_else(|| words.wrong(&word, expected))?;
                if negated && (list.len() > 1 || list[0].mask == 0) {
                    return Err(words.wrong(&word, "expected one network after a !"));
                }
                if option == "-s" {
                    (self.sources, self.head.not.src) = (list, negated);
                } else {
                    (self.destinations, self.head.not.dst) = (list, negated);
                }
            }
            "-i" | "-o" => {
                let expected = "expected a device's name of at most 15 bytes";
                let word = words.expect(expected)?;
                let pattern = DevPattern::new(&word.text);
                let pattern = pattern.ok_or_else(|| words.wrong(&word, expected))?;
                let pattern = (negated || !pattern.is_any()).then(|| Box::new(pattern));
                if option == "-i" {
                    (self.head.in_dev, self.head.not.in_dev) = (pattern, negated);
                } else {
                    (self.head.out_dev, self.head.not.out_dev) = (pattern, negated);
                }
            }
            "-p" => {
                let word = words.expect("expected a protocol")?;
                let found = protocol(&word.text);
                let expected = "expected a protocol such as tcp, or its number";
                self.head.protocol = found.ok_or_else(|| words.wrong(&word, expected))?;
                self.head.not.protocol = negated;
                if negated && self.head.protocol == 0 {
                    return Err(words.wrong(&word, "no packet has no protocol"));
                }
            }
            "-f" => self.head.fragment = Some(!negated),
            "-m" => {
                let word = words.next().ok_or_else(|| words.missing(&matches::expected()))?;
                let found = Match::new(&word.text, names);
                self.add_match(found.ok_or_else(|| words.wrong(&word, matches::expected()))?);
            }
            "-j" | "-g" => {
                if self.target.is_some() || self.call.is_some() {
                    return Err(words.wrong_here("a rule has one target"));
                }
                let word = words.next().ok_or_else(|| words.missing(&targets::expected()))?;
                self.target_after = self.matches.len();
                if targets::is_not_modelled(&word.text) {
                    let message = String::from("this target is not modelled; ");
                    return Err(words.wrong(&word, message + &targets::expected()));
                }
                match Target::new(&word.text).filter(|_| option == "-j") {
                    Some(target) => self.target = Some(target),
                    None => self.call = Some((word, option == "-g")),
                }
            }
            "-c" => {
                let packets = words.expect("expected a number of packets")?;
                let (packets, bytes) = match packets.text.split_once(',') {
                    Some((packets, bytes)) => (packets.parse(), bytes.parse()),
                    None => {
                        let bytes = words.expect("expected a number of bytes")?;
                        (packets.text.parse(), bytes.text.parse())
                    }
                };
                match (packets, bytes) {
                    (Ok(packets), Ok(bytes)) => *counted = Counter { packets, bytes },
                    _ => return Err(words.wrong_here("expected numbers of packets and bytes")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_match(&mut self, it: Match) {
        self.matches.push(it);
        self.given.push(Vec::new());
    }

    /// Which extension knows an option, the one named last first; with `-p` the match for that protocol is implied.
    fn extension_option(
        &mut self,
        word: &Word<'_>,
        words: &Words<'_>,
        names: &mut Names,
    ) -> Result<Option<(Owner, &'static str)>, RuleError> {
        if !word.text.starts_with("--") {
            return Ok(None);
        }
        if let Some(found) = self.find_option(&word.text, words, word)? {
            return Ok(Some(found));
        }
        if self.implied || HEAD.iter().any(|(_, long)| long.contains(&&*word.text)) {
            return Ok(None);
        }
        let implied = match self.head.protocol {
            1 => "icmp",
            6 => "tcp",
            17 => "udp",
            132 => "sctp",
            _ => return Ok(None),
        };
        let Some(it) = Match::new(implied, names) else { return Ok(None) };
        if resolve(&word.text, it.extension().options()).is_none() {
            return Ok(None);
        }
        self.implied = true;
        self.add_match(it);
        self.find_option(&word.text, words, word)
    }

    fn find_option(
        &self,
        text: &str,
        words: &Words<'_>,
        word: &Word<'_>,
    ) -> Result<Option<(Owner, &'static str)>, RuleError> {
        let mut owners: Vec<(Owner, &dyn Extension)> = Vec::new();
        for (at, it) in self.matches.iter().enumerate() {
            if at == self.target_after {
                owners.extend(self.target_extension());
            }
            owners.push((Owner::Match(at), it.extension()));
        }
        if self.target_after >= self.matches.len() {
            owners.extend(self.target_extension());
        }
        for (owner, it) in owners.into_iter().rev() {
            match resolve(text, it.options()) {
                Some(Resolved::One(option)) => return Ok(Some((owner, option))),
                Some(Resolved::Many) => {
                    return Err(words.wrong(word, "could be more than one option; write it out"));
                }
                None => {}
            }
        }
        Ok(None)
    }

    fn target_extension(&self) -> Option<(Owner, &dyn Extension)> {
        self.target.as_ref().and_then(Target::extension).map(|it| (Owner::Target, it))
    }

    /// What is said of an option that nobody knows.
    fn unknown(&self, word: &Word<'_>) -> String {
        let mut options: Vec<&str> = HEAD[..9].iter().map(|(short, _)| *short).collect();
        for it in &self.matches {
            options.extend(it.extension().options());
        }
        if let Some((_, it)) = self.target_extension() {
            options.extend(it.options());
        }
        let what = if word.text.starts_with('-') { "unknown option; " } else { "unknown word; " };
        String::from(what) + &super::words::expected_one_of(&options)
    }

    /// What is missing once all words are read.
    fn check(&self, words: &Words<'_>, table: Table) -> Result<(), RuleError> {
        if let Some(word) = &self.negated {
            return Err(words.wrong(word, "expected an option after it"));
        }
        let matches = self.matches.iter().map(Match::extension);
        for it in matches.chain(self.target_extension().map(|(_, it)| it)) {
            it.check(&self.head).map_err(|message| words.missing(message))?;
        }
        // iptables-save would print two of them as one.
        if self.matches.iter().filter(|it| it.looks_at_ports()).count() > 1 {
            return Err(words.missing("ports and flags go into one -m tcp or -m udp"));
        }
        if table == Table::Nat && self.target == Some(Target::Drop) {
            return Err(words.missing("the table nat is not for filtering: no -j DROP"));
        }
        Ok(())
    }
}

/// Whose option it is.
#[derive(Clone, Copy)]
enum Owner {
    Match(usize),
    Target,
}

enum Resolved {
    One(&'static str),
    Many,
}

/// An option by its name or, as `getopt_long` has it, by a beginning that only it has.
fn resolve(text: &str, options: &'static [&'static str]) -> Option<Resolved> {
    if let Some(option) = options.iter().find(|it| **it == text) {
        return Some(Resolved::One(option));
    }
    let mut begun = options.iter().filter(|it| text.len() > 2 && it.starts_with(text));
    let first = begun.next()?;
    Some(if begun.next().is_some() { Resolved::Many } else { Resolved::One(first) })
}

fn nothing_more(words: &mut Words<'_>) -> Result<(), RuleError> {
    match words.next() {
        Some(word) => Err(words.wrong(&word, "expected nothing more")),
        None => Ok(()),
    }
}

/// `[packets:bytes]`.
fn counter(text: &str) -> Option<Counter> {
    let (packets, bytes) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    Some(Counter { packets: packets.parse().ok()?, bytes: bytes.parse().ok()? })
}
