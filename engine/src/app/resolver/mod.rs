//! The stub resolver of a program, as glibc's: `getaddrinfo` and `res_search` over `resolv.conf`. Read `resolv/res_query.c`
//! of glibc first, and `resolv/res_send.c` for its [`query`].
//!
//! `getaddrinfo` asks for A and AAAA, whether or not its host has IPv6; so does this one. Answers stay in the order they
//! came: what RFC 6724 would sort by, no lab can tell apart yet. Left out: `rotate`, name servers reached over IPv6,
//! `/etc/hosts`.

mod query;

use std::fmt;
use std::net::Ipv4Addr;

use self::query::{Line, Mode, Query};
use super::{Call, Chance, Happened, Sock};
use crate::base::Nanos;
use crate::wire::dns::{Data, Name, Rcode, Record, Type};

/// Name servers that are read (`MAXNS`).
const SERVERS: usize = 3;

/// `resolv.conf`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conf {
    /// Only the first three are asked. None: 127.0.0.1 is.
    pub nameservers: Vec<Ipv4Addr>,
    /// Domains to look in for names with few dots, in order.
    pub search: Vec<Name>,
    /// As written: `ndots:5`.
    pub options: Vec<String>,
}

impl Conf {
    /// The file's text, as containerd writes a pod's.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.search.is_empty() {
            text += "search";
            for domain in &self.search {
                let name = domain.as_str();
                text.push(' ');
                text += name.strip_suffix('.').filter(|it| !it.is_empty()).unwrap_or(name);
            }
            text.push('\n');
        }
        for server in &self.nameservers {
            text += &format!("nameserver {server}\n");
        }
        if !self.options.is_empty() {
            text += &format!("options {}\n", self.options.join(" "));
        }
        text
    }

    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|it| it == option)
    }

    /// The value of `option`, as far as the resolver lets it go; the last counts.
    fn number(&self, option: &str, default: u32, most: u32) -> u32 {
        let value = |it: &String| it.strip_prefix(option)?.strip_prefix(':')?.parse().ok();
        self.options.iter().rev().find_map(value).unwrap_or(default).min(most)
    }
}

/// What a lookup ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// What the resolver tells the program. `NOERROR` without answers: the name is there, but nothing of that type.
    pub rcode: Result<Rcode, Unanswered>,
    /// Of the last name asked for; a record that both responses have is there once.
    pub answers: Vec<Record>,
    /// Every name asked for, in order; once for all types and attempts.
    pub questions: Vec<Name>,
}

impl Resolution {
    /// The IPv4 addresses found.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.answers.iter().filter_map(|record| match record.data {
            Data::A(addr) => Some(addr),
            _ => None,
        })
    }
}

/// Why there is no rcode.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unanswered {
    /// No name server answered in time.
    TimedOut,
    /// Nobody listens at any name server's address.
    Refused,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "ETIMEDOUT",
            Self::Refused => "ECONNREFUSED",
        })
    }
}

/// A lookup under way. Part of a program, which hands on what it hears and makes the calls that come of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolver {
    /// As the program asked: maybe without the rest of its domain.
    name: String,
    kinds: Vec<Type>,
    search: Vec<Name>,
    ndots: usize,
    line: Line,
    stage: Stage,
    /// What the name as it is came to, if that was tried first.
    as_is: Option<Failure>,
    got_nodata: bool,
    got_servfail: bool,
    query: Option<Query>,
    questions: Vec<Name>,
}

/// Which form of the name is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Begin,
    /// The name as it is, because it has enough dots.
    AsIs,
    /// In this domain of the search list.
    Search(usize),
    /// The name as it is, because the search found nothing.
    Last,
}

/// Why a question found nothing (`h_errno`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    NotFound,
    NoData,
    TryAgain(Result<Rcode, Unanswered>),
    NoRecovery(Rcode),
}

impl Failure {
    fn rcode(self) -> Result<Rcode, Unanswered> {
        match self {
            Self::NotFound => Ok(Rcode::NxDomain),
            Self::NoData => Ok(Rcode::NoError),
            Self::TryAgain(rcode) => rcode,
            Self::NoRecovery(rcode) => Ok(rcode),
        }
    }
}

impl Resolver {
    /// Asks for a name's addresses, A and AAAA, as `getaddrinfo` does. Opens sockets from `first` on.
    pub fn addresses(conf: &Conf, name: &str, first: Sock, chance: Chance) -> Self {
        Self::new(conf, name, vec![Type::A, Type::Aaaa], first, chance)
    }

    /// Asks for one type, as `res_search` does.
    pub fn records(conf: &Conf, name: &str, kind: Type, first: Sock, chance: Chance) -> Self {
        Self::new(conf, name, vec![kind], first, chance)
    }

    fn new(conf: &Conf, name: &str, kinds: Vec<Type>, first: Sock, chance: Chance) -> Self {
        let mut servers: Vec<_> = conf.nameservers.iter().copied().take(SERVERS).collect();
        if servers.is_empty() {
            servers.push(Ipv4Addr::LOCALHOST);
        }
        let line = Line {
            servers,
            timeout_s: conf.number("timeout", 5, 30).max(1),
            attempts: conf.number("attempts", 2, 5).max(1),
            edns: conf.has("edns0"),
            streams: conf.has("use-vc"),
            mode: if conf.has("single-request-reopen") {
                Mode::Reopened
            } else if conf.has("single-request") {
                Mode::OneByOne
            } else {
                Mode::AtOnce
            },
            chance,
            next_sock: first,
        };
        Self {
            name: name.to_owned(),
            kinds,
            search: conf.search.clone(),
            ndots: conf.number("ndots", 1, 15) as usize,
            line,
            stage: Stage::Begin,
            as_is: None,
            got_nodata: false,
            got_servfail: false,
            query: None,
            questions: Vec::new(),
        }
    }

    /// Sends the first questions. There is only an answer at once if there is nothing to ask.
    pub fn start(&mut self, now: Nanos, calls: &mut Vec<Call>) -> Option<Resolution> {
        self.ask_next(Failure::NotFound, now, calls)
    }

    /// Takes what the owner heard, and ignores what is not for the resolver.
    pub fn on(
        &mut self,
        happened: &Happened,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) -> Option<Resolution> {
        let mut query = self.query.take()?;
        match query.on(happened, &mut self.line, now, calls) {
            None => {
                self.query = Some(query);
                None
            }
            Some(Ok(answers)) => Some(self.end(Ok(Rcode::NoError), answers)),
            Some(Err(failure)) => self.ask_next(failure, now, calls),
        }
    }

    /// After `failure`, asks for the next form of the name, if there is one.
    fn ask_next(
        &mut self,
        mut failure: Failure,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) -> Option<Resolution> {
        loop {
            let Some(stage) = self.next_stage(failure) else {
                let failure = match self.as_is {
                    Some(first) => first,
                    None if self.got_nodata => Failure::NoData,
                    None if self.got_servfail => Failure::TryAgain(Ok(Rcode::ServFail)),
                    None => failure,
                };
                return Some(self.end(failure.rcode(), Vec::new()));
            };
            self.stage = stage;
            let name = match stage {
                Stage::Search(idx) => {
                    let domain = self.search[idx].as_str();
                    Name::new(&format!("{}.{}", self.name, domain.trim_start_matches('.')))
                }
                Stage::Begin | Stage::AsIs | Stage::Last => Name::new(&self.name),
            };
            match name {
                Some(name) => {
                    let query = Query::start(&name, &self.kinds, &mut self.line, now, calls);
                    self.query = Some(query);
                    self.questions.push(name);
                    return None;
                }
                None => failure = Failure::NoRecovery(Rcode::FormErr), // too long for a name
            }
        }
    }

    /// `res_search`: what comes after a form of the name that failed.
    fn next_stage(&mut self, failure: Failure) -> Option<Stage> {
        let dots = self.name.matches('.').count();
        let absolute = self.name.ends_with('.');
        let search_from =
            |idx| (idx < self.search.len() && !absolute).then_some(Stage::Search(idx));
        match self.stage {
            Stage::Begin if dots >= self.ndots || absolute => Some(Stage::AsIs),
            Stage::Begin => search_from(0).or(Some(Stage::Last)),
            Stage::AsIs => {
                self.as_is = Some(failure);
                search_from(0)
            }
            Stage::Search(idx) => {
                let mut next = search_from(idx + 1);
                match failure {
                    Failure::NotFound => {}
                    Failure::NoData => self.got_nodata = true,
                    Failure::TryAgain(Ok(Rcode::ServFail)) => self.got_servfail = true,
                    Failure::TryAgain(Err(Unanswered::Refused)) => {
                        self.as_is = Some(failure); // no server at all: nothing else is tried
                        return None;
                    }
                    Failure::TryAgain(_) | Failure::NoRecovery(_) => next = None,
                }
                let root_listed = self.search[..=idx].contains(&Name::root());
                let tried = self.as_is.is_some() || root_listed;
                next.or((!tried).then_some(Stage::Last))
            }
            Stage::Last => None,
        }
    }

    fn end(&mut self, rcode: Result<Rcode, Unanswered>, answers: Vec<Record>) -> Resolution {
        Resolution { rcode, answers, questions: std::mem::take(&mut self.questions) }
    }
}

#[cfg(test)]
mod tests;
