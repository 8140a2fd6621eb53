//! A DNS server, as CoreDNS with its plugins `kubernetes` (whose data are given as records), `forward` and `loadbalance`.
//! Read `plugin/backend_lookup.go` and `plugin/kubernetes/handler.go` of CoreDNS first.
//!
//! What is in one of its zones is answered from there, the rest by an upstream server. Left out: the plugin `cache`, TCP to
//! upstream servers, zone transfers.

use std::net::SocketAddrV4;
use std::sync::Arc;

use super::{Call, Chance, Happened, Sock};
use crate::base::{FxIndexMap, Nanos, sort_by_number};
use crate::wire::dns::{self, Data, Flags, Message, Name, Question, Rcode, Record, Soa, Type};

/// A name may lead to a name so many times (`maxCnameChainLength`).
const CHAIN: usize = 10;
/// How long an upstream server may take, and all of them together (`readTimeout`, `defaultTimeout`).
const READ_TIMEOUT: Nanos = Nanos::from_secs(2);
const FORWARD_TIMEOUT: Nanos = Nanos::from_secs(5);
/// Questions that may be with upstream servers at once (`max_concurrent` in the Corefile of kubeadm).
const MAX_CONCURRENT: usize = 1000;

/// The names that a server answers for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    pub origin: Name,
    /// Of all records added without one of their own, and of absences.
    pub ttl_s: u32,
    pub serial: u32,
    /// Names that it does not have are looked for as if the zone were not there (`fallthrough`).
    pub falls_through: bool,
    /// Answered as by a resolver that has asked the Internet: not with its own authority.
    pub recursive: bool,
    records: FxIndexMap<Name, Vec<(u32, Data)>>,
    /// Below these names `10-244-1-2` has that address (`pods insecure`).
    dashed: FxIndexMap<Name, ()>,
}

impl Zone {
    pub fn new(origin: Name, ttl_s: u32) -> Self {
        let mut zone = Self {
            origin: origin.clone(),
            ttl_s,
            serial: 1,
            falls_through: false,
            recursive: false,
            records: FxIndexMap::default(),
            dashed: FxIndexMap::default(),
        };
        zone.add_name(origin);
        zone
    }

    /// A name that is there, with or without records.
    pub fn add_name(&mut self, name: Name) {
        self.records.entry(name).or_default();
    }

    /// A record, which must not be there yet.
    pub fn add(&mut self, name: Name, data: Data) {
        self.add_with_ttl(name, data, self.ttl_s);
    }

    pub fn add_with_ttl(&mut self, name: Name, data: Data, ttl_s: u32) {
        self.records.entry(name).or_default().push((ttl_s, data));
    }

    /// Whether a record is there.
    pub fn has(&self, name: &Name, data: &Data) -> bool {
        self.records.get(name).is_some_and(|all| all.iter().any(|(_, it)| it == data))
    }

    /// Below `name`, every name like `10-244-1-2` has that address.
    pub fn add_dashed(&mut self, name: Name) {
        self.add_name(name.clone());
        self.dashed.insert(name, ());
    }

    /// All records of all names.
    pub fn iter(&self) -> impl Iterator<Item = Record> {
        self.records.iter().flat_map(|(name, all)| {
            all.iter().map(|(ttl_s, data)| Record {
                name: name.clone(),
                ttl_s: *ttl_s,
                data: data.clone(),
            })
        })
    }

    /// The records of a name, under the name as it was asked for. None: there is no such name.
    fn find(&self, name: &Name) -> Option<Vec<Record>> {
        let record = |(ttl_s, data): (u32, Data)| Record { name: name.clone(), ttl_s, data };
        if let Some(records) = self.records.get(name) {
            return Some(records.iter().cloned().map(record).collect());
        }
        if !self.dashed.contains_key(&name.parent()?) {
            return None;
        }
        let (label, _) = name.as_str().split_once('.')?;
        let data = if label.matches('-').count() == 3 && !label.contains("--") {
            Data::A(label.replace('-', ".").parse().ok()?)
        } else {
            Data::Aaaa(label.replace('-', ":").parse().ok()?)
        };
        Some(vec![record((self.ttl_s, data))])
    }

    /// The addresses of a name, and of what it leads to within the zone. `before` are the names that led here.
    fn addresses(&self, name: &Name, kind: Type, before: &mut Vec<Name>) -> Addresses {
        let Some(mut records) = self.find(name) else { return Addresses::NoSuchName };
        let alias = records.iter().position(|it| it.data.kind() == Type::Cname);
        let Some(alias) = alias.map(|idx| records.swap_remove(idx)) else {
            records.retain(|it| it.data.kind() == kind);
            return if records.is_empty() { Addresses::Nothing } else { Addresses::Found(records) };
        };
        let Data::Cname(target) = alias.data.clone() else { return Addresses::Nothing };
        if target == *name || before.contains(&target) || before.len() > CHAIN {
            return Addresses::Nothing; // in a circle
        }
        if target.within(&self.origin).is_none() {
            return Addresses::Elsewhere { chain: vec![alias], name: target };
        }
        before.push(target.clone());
        match self.addresses(&target, kind, before) {
            Addresses::Found(mut found) => {
                found.insert(0, alias);
                Addresses::Found(found)
            }
            Addresses::Elsewhere { mut chain, name } => {
                chain.insert(0, alias);
                Addresses::Elsewhere { chain, name }
            }
            Addresses::Nothing | Addresses::NoSuchName => Addresses::Nothing,
        }
    }

    fn soa(&self) -> Option<Record> {
        let below = |label: &str| Name::new(&format!("{label}.{}", self.origin));
        Some(Record {
            name: self.origin.clone(),
            ttl_s: self.ttl_s.min(300),
            data: Data::Soa(Box::new(Soa {
                server: below("ns.dns")?,
                mailbox: below("hostmaster")?,
                serial: self.serial,
                refresh_s: 7200,
                retry_s: 1800,
                expire_s: 86_400,
                minimum_s: self.ttl_s,
            })),
        })
    }
}

/// A server. Its zones are shared by all that serve the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsServer {
    pub zones: Arc<[Zone]>,
    /// Where it asks for what is in none of its zones. None: such questions fail.
    upstream: Vec<SocketAddrV4>,
    chance: Chance,
    next_sock: Sock,
    /// Connections and what came by them that is no whole message yet.
    streams: FxIndexMap<Sock, Vec<u8>>,
    forwarded: Vec<Forwarded>,
}

/// The sockets that it listens with.
const UDP: Sock = Sock(0);
const TCP: Sock = Sock(1);

/// Who asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Client {
    Udp(SocketAddrV4),
    Tcp(Sock),
}

/// A question that is with an upstream server.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Forwarded {
    client: Client,
    query: Message,
    /// Records that lead to the name asked for; then the response is a zone's, else all is upstream's.
    chain: Vec<Record>,
    asked: Message,
    sock: Sock,
    /// Index into the upstream servers.
    server: usize,
    n_failed: usize,
    deadline: Nanos,
    give_up: Nanos,
}

/// What the zones say.
enum Said {
    /// This, or that it is in none of them.
    Response(Message),
    /// An upstream server must be asked about this name, to which these records lead.
    Ask { chain: Vec<Record>, name: Name },
}

/// What a zone says about the addresses of a name.
enum Addresses {
    Found(Vec<Record>),
    /// The name is there, but nothing of the type.
    Nothing,
    NoSuchName,
    Elsewhere {
        chain: Vec<Record>,
        name: Name,
    },
}

impl DnsServer {
    pub fn new(zones: Arc<[Zone]>, upstream: Vec<SocketAddrV4>, chance: Chance) -> Self {
        Self {
            zones,
            upstream,
            chance,
            next_sock: Sock(2),
            streams: FxIndexMap::default(),
            forwarded: Vec::new(),
        }
    }

    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        let mut calls = Vec::new();
        match *happened {
            Happened::Started => {
                calls.push(Call::Bind { sock: UDP, addr: None, port: dns::PORT });
                calls.push(Call::Listen { sock: TCP, addr: None, port: dns::PORT });
            }
            Happened::Datagram { sock: UDP, from, ref bytes } => {
                self.serve(Client::Udp(from), bytes, now, &mut calls);
            }
            Happened::Datagram { sock, ref bytes, .. } => {
                self.hear_upstream(sock, bytes, &mut calls);
            }
            Happened::Undelivered { sock } => {
                if let Some(idx) = self.forwarded.iter().position(|it| it.sock == sock) {
                    self.next_upstream(idx, now, &mut calls);
                }
            }
            Happened::Accepted { sock, .. } => {
                self.streams.insert(sock, Vec::new());
            }
            Happened::Bytes { sock, ref bytes } => self.read(sock, bytes, now, &mut calls),
            Happened::Closed { sock, .. } => {
                self.streams.swap_remove(&sock);
                self.forwarded.retain(|it| it.client != Client::Tcp(sock));
                calls.push(Call::Close { sock });
            }
            Happened::Woken => {
                while let Some(idx) = self.forwarded.iter().position(|it| now >= it.deadline) {
                    self.next_upstream(idx, now, &mut calls);
                }
                self.wake(&mut calls);
            }
            Happened::Connected { .. } => {}
        }
        calls
    }

    fn read(&mut self, sock: Sock, bytes: &[u8], now: Nanos, calls: &mut Vec<Call>) {
        let Some(unread) = self.streams.get_mut(&sock) else { return };
        unread.extend_from_slice(bytes);
        let mut stream = std::mem::take(unread);
        while let Some((message, len)) = dns::unframed(&stream) {
            self.serve(Client::Tcp(sock), message, now, calls);
            stream.drain(..len);
        }
        self.streams.insert(sock, stream);
    }

    fn serve(&mut self, client: Client, bytes: &[u8], now: Nanos, calls: &mut Vec<Call>) {
        let query = match Message::parse(bytes) {
            Ok(query) if query.flags.response => return,
            Ok(query) => query,
            Err(_) => match bytes {
                [a, b, flags, ..] if bytes.len() >= dns::LEN && flags & 0x80 == 0 => {
                    let broken = Message { id: u16::from_be_bytes([*a, *b]), ..Message::default() };
                    let reply = broken.reply(Rcode::FormErr);
                    return self.answer(client, &broken, reply, calls);
                }
                _ => return,
            },
        };
        let [question] = query.questions.as_slice() else {
            let reply = query.reply(Rcode::FormErr);
            return self.answer(client, &query, reply, calls);
        };
        match self.ask_zones(&query, question) {
            Said::Response(reply) => self.answer(client, &query, reply, calls),
            Said::Ask { chain, name } => self.forward(client, query, chain, name, now, calls),
        }
    }

    /// The zone of a name: of those that match, the longest.
    fn zone(&self, name: &Name) -> Option<&Zone> {
        let matching = self.zones.iter().filter(|zone| name.within(&zone.origin).is_some());
        matching.max_by_key(|zone| zone.origin.as_str().len())
    }

    fn ask_zones(&self, query: &Message, question: &Question) -> Said {
        let Question { name, kind } = question;
        let elsewhere = || Said::Ask { chain: Vec::new(), name: name.clone() };
        let Some(zone) = self.zone(name) else { return elsewhere() };
        let found = match kind {
            Type::A | Type::Aaaa => match zone.addresses(name, *kind, &mut Vec::new()) {
                Addresses::Found(records) => Some(records),
                Addresses::Nothing => Some(Vec::new()),
                Addresses::NoSuchName => None,
                Addresses::Elsewhere { chain, name } => return Said::Ask { chain, name },
            },
            Type::Soa if *name == zone.origin => Some(zone.soa().into_iter().collect()),
            other => zone.find(name).map(|mut records| {
                records.retain(|it| it.data.kind() == *other);
                records
            }),
        };
        if found.is_none() && zone.falls_through {
            return elsewhere();
        }
        let rcode = if found.is_some() { Rcode::NoError } else { Rcode::NxDomain };
        let mut reply = query.reply(rcode);
        reply.flags.authoritative = !zone.recursive;
        reply.flags.recursion_available = zone.recursive;
        reply.answers = found.unwrap_or_default();
        reply.additional = Self::extras(zone, &reply.answers);
        if reply.answers.is_empty() && !zone.recursive {
            reply.authority.extend(zone.soa());
        }
        Said::Response(reply)
    }

    /// The addresses of the hosts that records name.
    fn extras(zone: &Zone, records: &[Record]) -> Vec<Record> {
        let mut extras = Vec::new();
        for record in records {
            let (Data::Srv { target, .. } | Data::Ns(target)) = &record.data else { continue };
            for record in zone.find(target).unwrap_or_default() {
                let is_address = matches!(record.data.kind(), Type::A | Type::Aaaa);
                if is_address && !extras.contains(&record) {
                    extras.push(record);
                }
            }
        }
        extras
    }

    fn forward(
        &mut self,
        client: Client,
        query: Message,
        chain: Vec<Record>,
        name: Name,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) {
        let kind = query.questions[0].kind;
        if !chain.is_empty() && self.zone(&name).is_some() {
            // Another of its own zones has what a name of the first leads to.
            let asked = Message::query(0, Question { name: name.clone(), kind });
            if let Said::Response(reply) = self.ask_zones(&asked, &asked.questions[0]) {
                let reply = completed(&query, chain, &reply);
                return self.answer(client, &query, reply, calls);
            }
        }
        let refusal = if self.upstream.is_empty() {
            Some(Rcode::ServFail)
        } else {
            (self.forwarded.len() >= MAX_CONCURRENT).then_some(Rcode::Refused)
        };
        if let Some(rcode) = refusal {
            let failed = query.reply(rcode);
            let reply = if chain.is_empty() { failed } else { completed(&query, chain, &failed) };
            return self.answer(client, &query, reply, calls);
        }
        let mut asked = Message::query(self.chance.draw(), Question { name, kind });
        asked.flags.recursion_desired = query.flags.recursion_desired;
        asked.edns = query.edns;
        let server = usize::from(self.chance.draw()) % self.upstream.len();
        self.forwarded.push(Forwarded {
            client,
            query,
            chain,
            asked,
            sock: UDP,
            server,
            n_failed: 0,
            deadline: now,
            give_up: now + FORWARD_TIMEOUT,
        });
        self.send_upstream(self.forwarded.len() - 1, now, calls);
        self.wake(calls);
    }

    fn send_upstream(&mut self, idx: usize, now: Nanos, calls: &mut Vec<Call>) {
        let forwarded = &mut self.forwarded[idx];
        forwarded.sock = self.next_sock;
        self.next_sock.0 += 1;
        forwarded.deadline = (now + READ_TIMEOUT).min(forwarded.give_up);
        calls.push(Call::Send {
            sock: forwarded.sock,
            to: self.upstream[forwarded.server],
            bytes: forwarded.asked.emit(u16::MAX),
        });
    }

    /// An upstream server does not answer: the next is asked, if there is one that was not.
    fn next_upstream(&mut self, idx: usize, now: Nanos, calls: &mut Vec<Call>) {
        let forwarded = &mut self.forwarded[idx];
        calls.push(Call::Close { sock: forwarded.sock });
        forwarded.n_failed += 1;
        forwarded.server = (forwarded.server + 1) % self.upstream.len();
        if forwarded.n_failed < self.upstream.len() && now < forwarded.give_up {
            return self.send_upstream(idx, now, calls);
        }
        let forwarded = self.forwarded.remove(idx);
        let failed = forwarded.query.reply(Rcode::ServFail);
        self.answer_forwarded(forwarded, failed, calls);
    }

    fn hear_upstream(&mut self, sock: Sock, bytes: &[u8], calls: &mut Vec<Call>) {
        let Ok(response) = Message::parse(bytes) else { return };
        let fits = |it: &Forwarded| {
            it.sock == sock
                && response.flags.response
                && it.asked.id == response.id
                && it.asked.questions == response.questions
        };
        let Some(idx) = self.forwarded.iter().position(fits) else { return };
        let forwarded = self.forwarded.remove(idx);
        calls.push(Call::Close { sock });
        self.answer_forwarded(forwarded, response, calls);
        self.wake(calls);
    }

    fn answer_forwarded(&mut self, it: Forwarded, response: Message, calls: &mut Vec<Call>) {
        let reply = if it.chain.is_empty() {
            Message { id: it.query.id, questions: it.query.questions.clone(), ..response }
        } else {
            completed(&it.query, it.chain, &response)
        };
        self.answer(it.client, &it.query, reply, calls);
    }

    fn answer(
        &mut self,
        client: Client,
        query: &Message,
        mut reply: Message,
        calls: &mut Vec<Call>,
    ) {
        reply.edns = query.edns;
        self.balance(&mut reply.answers);
        self.balance(&mut reply.additional);
        calls.push(match client {
            Client::Udp(to) => {
                let most = query.edns.unwrap_or(dns::UDP_BYTES);
                Call::Send { sock: UDP, to, bytes: reply.emit(most) }
            }
            Client::Tcp(sock) => Call::Write { sock, bytes: dns::framed(&reply.emit(u16::MAX)) },
        });
    }

    /// The plugin `loadbalance`: addresses in any order, after all other records.
    fn balance(&mut self, records: &mut [Record]) {
        let is_address = |it: &Record| matches!(it.data.kind(), Type::A | Type::Aaaa);
        sort_by_number(records, |it| match it.data.kind() {
            Type::Cname => 0,
            _ => 1 + u64::from(is_address(it)),
        });
        let first = records.iter().position(is_address).unwrap_or(records.len());
        let addresses = &mut records[first..];
        match addresses {
            [] | [_] => {}
            [a, b] => {
                if self.chance.draw().is_multiple_of(2) {
                    std::mem::swap(a, b);
                }
            }
            many => {
                for idx in 0..many.len() {
                    let other = idx + usize::from(self.chance.draw()) % (many.len() - idx);
                    many.swap(idx, other);
                }
            }
        }
    }

    fn wake(&self, calls: &mut Vec<Call>) {
        let next = self.forwarded.iter().map(|it| it.deadline).min();
        calls.extend(next.map(|at| Call::Wake { at }));
    }
}

/// A zone's response with what upstream said of the name that its records lead to, whatever that was.
fn completed(query: &Message, mut chain: Vec<Record>, upstream: &Message) -> Message {
    let mut reply = query.reply(Rcode::NoError);
    reply.flags = Flags { authoritative: true, truncated: upstream.flags.truncated, ..reply.flags };
    chain.extend_from_slice(&upstream.answers);
    reply.answers = chain;
    reply
}

#[cfg(test)]
mod tests;
