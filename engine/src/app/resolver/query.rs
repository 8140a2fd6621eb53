//! One name asked for, over all name servers and attempts (`res_send`), and what the responses come to (`res_query`).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Failure, Unanswered};
use crate::app::{Call, Chance, Closed, Happened, Sock};
use crate::base::Nanos;
use crate::wire::dns::{self, Message, Name, Question, Rcode, Record, Type};

/// Bytes of a datagram that a resolver with `edns0` takes (`RESOLV_EDNS_BUFFER_SIZE`).
const EDNS_BYTES: u16 = 1200;

/// What all questions of a resolver share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// At least one.
    pub servers: Vec<Ipv4Addr>,
    pub timeout_s: u32,
    pub attempts: u32,
    pub edns: bool,
    /// `use-vc`: TCP from the start.
    pub streams: bool,
    pub mode: Mode,
    pub chance: Chance,
    pub next_sock: Sock,
}

/// How two questions are sent. The slower ways are for servers and firewalls that lose the second; once one was needed, the
/// resolver stays with it (`RES_SNGLKUP`, `RES_SNGLKUPREOP`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    AtOnce,
    OneByOne,
    /// And each from a socket of its own.
    Reopened,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Query {
    /// As they are sent, and what came back in this round.
    questions: Vec<(Message, Reply)>,
    attempt: u32,
    server: usize,
    /// For each server.
    socks: Vec<Option<Sock>>,
    deadline: Nanos,
    /// Questions whose responses came in this round, good or bad, in their order.
    order: Vec<usize>,
    /// The first response of the round was good.
    first_was_good: bool,
    /// Of the last response that was the first of its round.
    first_rcode: Rcode,
    /// Some server answered or kept silent, instead of not being there.
    got_somewhere: bool,
    /// A response was truncated: from here on by TCP.
    stream: bool,
    unread: Vec<u8>,
    /// How the last connection ended.
    closed: Option<Closed>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Reply {
    Waiting,
    /// The server would not answer: as if there were no response.
    Bad,
    Good(Message),
}

/// What to do next.
#[derive(Clone, Copy)]
enum Flow {
    Wait,
    /// To the next server, or attempt, with the sockets left open or not.
    Next {
        close: bool,
    },
    /// To the same server once more, by TCP.
    Again,
    Done,
}

pub(super) type End = Result<Vec<Record>, Failure>;

impl Query {
    pub(super) fn start(
        name: &Name,
        kinds: &[Type],
        line: &mut Line,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) -> Self {
        let mut ask = |kind| {
            let question = Question { name: name.clone(), kind };
            let mut message = Message::query(line.chance.draw(), question);
            message.edns = line.edns.then_some(EDNS_BYTES);
            (message, Reply::Waiting)
        };
        let mut query = Self {
            questions: kinds.iter().map(|&kind| ask(kind)).collect(),
            attempt: 0,
            server: 0,
            socks: vec![None; line.servers.len()],
            deadline: Nanos::ZERO,
            order: Vec::new(),
            first_was_good: false,
            first_rcode: Rcode::NoError,
            got_somewhere: false,
            stream: line.streams,
            unread: Vec::new(),
            closed: None,
        };
        query.send(line, now, calls);
        query
    }

    pub(super) fn on(
        &mut self,
        happened: &Happened,
        line: &mut Line,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) -> Option<End> {
        let is_current = |sock: &Sock| self.socks[self.server] == Some(*sock);
        let flow = match happened {
            Happened::Datagram { sock, bytes, .. } if is_current(sock) => {
                self.read(bytes, line, calls)
            }
            Happened::Undelivered { sock } if is_current(sock) => Flow::Next { close: true },
            Happened::Connected { sock, .. } if is_current(sock) => {
                let bytes =
                    self.questions.iter().flat_map(|(it, _)| dns::framed(&it.emit(u16::MAX)));
                calls.push(Call::Write { sock: *sock, bytes: bytes.collect() });
                Flow::Wait
            }
            Happened::Bytes { sock, bytes } if is_current(sock) => self.read_stream(bytes),
            Happened::Closed { sock, how } if is_current(sock) => {
                self.closed = Some(*how);
                Flow::Next { close: true }
            }
            Happened::Woken if now >= self.deadline && !self.stream => {
                self.time_out(line, now, calls)
            }
            Happened::Started
            | Happened::Datagram { .. }
            | Happened::Undelivered { .. }
            | Happened::Connected { .. }
            | Happened::Accepted { .. }
            | Happened::Bytes { .. }
            | Happened::Closed { .. }
            | Happened::Woken => Flow::Wait,
        };
        self.go_on(flow, line, now, calls)
    }

    fn go_on(
        &mut self,
        flow: Flow,
        line: &mut Line,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) -> Option<End> {
        match flow {
            Flow::Wait => return None,
            Flow::Done => {
                self.close(calls);
                return Some(self.outcome());
            }
            Flow::Again => self.close(calls),
            Flow::Next { close } => {
                if close {
                    self.close(calls);
                }
                self.server += 1;
                if self.server == line.servers.len() {
                    (self.server, self.attempt) = (0, self.attempt + 1);
                }
                if self.attempt == line.attempts {
                    self.close(calls);
                    return Some(Err(Failure::TryAgain(self.silence())));
                }
            }
        }
        self.send(line, now, calls);
        None
    }

    /// Opens a round with the current server.
    fn send(&mut self, line: &mut Line, now: Nanos, calls: &mut Vec<Call>) {
        self.order.clear();
        self.first_was_good = false;
        self.unread.clear();
        for (_, reply) in &mut self.questions {
            *reply = Reply::Waiting;
        }
        if self.stream {
            let to = SocketAddrV4::new(line.servers[self.server], dns::PORT);
            calls.push(Call::Connect { sock: self.open(line), to });
            return;
        }
        let at_once = if line.mode == Mode::AtOnce { self.questions.len() } else { 1 };
        for idx in 0..at_once {
            self.send_one(idx, line, calls);
        }
        // Later servers of the list get more time, but share it.
        let n_servers = u32::try_from(self.socks.len()).unwrap_or(1);
        let seconds = match self.server {
            0 => line.timeout_s,
            later => (line.timeout_s << later) / n_servers,
        };
        self.deadline = now + Nanos::from_secs(seconds.max(1).into());
        calls.push(Call::Wake { at: self.deadline });
    }

    fn send_one(&mut self, idx: usize, line: &mut Line, calls: &mut Vec<Call>) {
        let to = SocketAddrV4::new(line.servers[self.server], dns::PORT);
        let bytes = self.questions[idx].0.emit(dns::UDP_BYTES);
        calls.push(Call::Send { sock: self.open(line), to, bytes });
    }

    /// The socket to the current server, a new one if there is none.
    fn open(&mut self, line: &mut Line) -> Sock {
        *self.socks[self.server].get_or_insert_with(|| {
            let sock = line.next_sock;
            line.next_sock.0 += 1;
            sock
        })
    }

    /// `__res_iclose`
    fn close(&mut self, calls: &mut Vec<Call>) {
        let open = self.socks.iter_mut().filter_map(Option::take);
        calls.extend(open.map(|sock| Call::Close { sock }));
    }

    /// A datagram came (`send_dg`).
    fn read(&mut self, bytes: &[u8], line: &mut Line, calls: &mut Vec<Call>) -> Flow {
        self.got_somewhere = true;
        if bytes.len() < dns::LEN {
            return Flow::Next { close: true };
        }
        let Some((idx, message)) = self.match_up(bytes) else { return Flow::Wait };
        let is_first = self.order.is_empty();
        let others = self.questions.len() - 1;
        if is_first {
            self.first_rcode = message.rcode;
        }
        if matches!(message.rcode, Rcode::ServFail | Rcode::NotImp | Rcode::Refused) {
            if !is_first {
                return if self.first_was_good { Flow::Done } else { Flow::Next { close: false } };
            }
            if others == 0 {
                return Flow::Next { close: true };
            }
            self.first_was_good = false;
            self.order.push(idx);
            self.questions[idx].1 = Reply::Bad;
            return Flow::Wait;
        }
        let flags = message.flags;
        let authority = flags.authoritative || flags.recursion_available;
        let extra = !message.additional.is_empty() || message.edns.is_some();
        if message.rcode == Rcode::NoError && message.answers.is_empty() && !authority && !extra {
            return Flow::Next { close: true }; // a referral: this server does not know
        }
        if flags.truncated {
            self.stream = true;
            return Flow::Again;
        }
        self.first_was_good |= is_first;
        self.order.push(idx);
        self.questions[idx].1 = Reply::Good(message);
        if self.order.len() == self.questions.len() {
            return Flow::Done;
        }
        if line.mode != Mode::AtOnce {
            if line.mode == Mode::Reopened {
                self.close(calls);
            }
            self.send_one(1, line, calls);
        }
        Flow::Wait
    }

    /// The question that a response is about, if it is about one without a response yet.
    fn match_up(&self, bytes: &[u8]) -> Option<(usize, Message)> {
        let message = Message::parse(bytes).ok().filter(|it| it.flags.response)?;
        let idx = self.questions.iter().position(|(asked, reply)| {
            *reply == Reply::Waiting
                && asked.id == message.id
                && asked.questions == message.questions
        })?;
        Some((idx, message))
    }

    /// Bytes came on a connection (`send_vc`): here the server's word counts, whatever it is.
    fn read_stream(&mut self, bytes: &[u8]) -> Flow {
        self.unread.extend_from_slice(bytes);
        while let Some((message, len)) = dns::unframed(&self.unread) {
            if let Some((idx, message)) = self.match_up(message) {
                if self.order.is_empty() {
                    self.first_rcode = message.rcode;
                }
                self.order.push(idx);
                self.questions[idx].1 = Reply::Good(message);
            }
            self.unread.drain(..len);
        }
        if self.order.len() == self.questions.len() { Flow::Done } else { Flow::Wait }
    }

    fn time_out(&mut self, line: &mut Line, now: Nanos, calls: &mut Vec<Call>) -> Flow {
        if self.first_was_good && !self.order.is_empty() {
            // One response of two: maybe the server, or a firewall, takes one question at a time.
            line.mode = match line.mode {
                Mode::AtOnce => Mode::OneByOne,
                Mode::OneByOne => {
                    self.close(calls);
                    Mode::Reopened
                }
                Mode::Reopened => return Flow::Done,
            };
            self.send(line, now, calls);
            return Flow::Wait;
        }
        self.got_somewhere = true;
        Flow::Next { close: false }
    }

    /// Why all servers failed.
    fn silence(&self) -> Result<Rcode, Unanswered> {
        match self.first_rcode {
            Rcode::NoError | Rcode::NxDomain => {}
            bad => return Ok(bad),
        }
        let there =
            if self.stream { self.closed != Some(Closed::Refused) } else { self.got_somewhere };
        Err(if there { Unanswered::TimedOut } else { Unanswered::Refused })
    }

    /// `res_query`: of both responses, one with answers is enough.
    fn outcome(&self) -> End {
        let good = |&idx: &usize| match &self.questions[idx].1 {
            Reply::Good(message) => Some(message),
            Reply::Waiting | Reply::Bad => None,
        };
        let came: Vec<_> = self.order.iter().filter_map(good).collect();
        let has_answers = |it: &Message| it.rcode == Rcode::NoError && !it.answers.is_empty();
        if came.iter().any(|it| has_answers(it)) {
            let mut answers: Vec<Record> = Vec::new();
            for message in (0..self.questions.len()).filter_map(|idx| good(&idx)) {
                for record in message.answers.iter().filter(|_| message.rcode == Rcode::NoError) {
                    if !answers.contains(record) {
                        answers.push(record.clone());
                    }
                }
            }
            return Ok(answers);
        }
        let rcodes = came.iter().map(|it| it.rcode);
        Err(match rcodes.clone().find(|it| *it != Rcode::NoError) {
            None => Failure::NoData,
            Some(Rcode::NxDomain) => Failure::NotFound,
            Some(Rcode::ServFail) => Failure::TryAgain(Ok(Rcode::ServFail)),
            Some(other) => Failure::NoRecovery(other),
        })
    }
}
