//! A load balancer's program: a proxy of TCP, which ends the client's connection and opens its own to a node, and the health
//! checks that say which nodes are well. Either can be without the other.
//!
//! It reads nothing of what it passes on. A node that refuses or cannot be reached gives way to the next one.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Call, Closed, Happened, Sock};
use crate::base::{FxIndexMap, Nanos};
use crate::wire::http::Request;

/// How it learns which nodes are well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    /// Every node is asked there for `/healthz` by HTTP: 200 is well.
    pub port: u16,
    /// From one question to the next; without an answer until then a node failed.
    pub interval: Nanos,
    /// So many failures in a row take a node out, and so many successes bring it back.
    pub threshold: u8,
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Backend {
    ip: Ipv4Addr,
    is_well: bool,
    /// Answers in a row that say the opposite.
    streak: u8,
    /// The connection of a check that is not answered yet.
    asked: Option<Sock>,
}

/// One of the two ends of a connection that is passed on.
#[derive(Clone, PartialEq, Eq, Debug)]
struct End {
    other: Sock,
    /// What is to be written once the other end is there; None: it is.
    waiting: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balancer {
    /// Ports that it listens on, with the node ports behind them.
    ports: Vec<(u16, u16)>,
    check: Option<Check>,
    backends: Vec<Backend>,
    turn: usize,
    next_sock: u32,
    /// The clients' ends, and the port that each came to with how often a node was tried.
    clients: FxIndexMap<Sock, (End, u16, usize)>,
    /// The nodes' ends, by the client's.
    nodes: FxIndexMap<Sock, Sock>,
}

impl Balancer {
    /// A balancer in front of these nodes. Without ports it only checks.
    pub fn new(ports: Vec<(u16, u16)>, nodes: &[Ipv4Addr], check: Option<Check>) -> Self {
        let backend = |&ip| Backend { ip, is_well: true, streak: 0, asked: None };
        Self {
            next_sock: u32::try_from(ports.len()).unwrap_or(0),
            ports,
            check,
            backends: nodes.iter().map(backend).collect(),
            turn: 0,
            clients: FxIndexMap::default(),
            nodes: FxIndexMap::default(),
        }
    }

    /// The nodes that are well.
    pub fn well(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.backends.iter().filter(|it| it.is_well).map(|it| it.ip)
    }

    /// Takes on the nodes of another, and what is known of those.
    pub(super) fn reload(&mut self, new: &Self) {
        let old = std::mem::take(&mut self.backends);
        let known = |it: &Backend| old.iter().find(|own| own.ip == it.ip).cloned();
        let backends = new.backends.iter().map(|it| known(it).unwrap_or_else(|| it.clone()));
        self.backends = backends.collect();
    }

    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        let mut calls = Vec::new();
        match *happened {
            Happened::Started => {
                let listen =
                    |(sock, &(port, _))| Call::Listen { sock: Sock(sock), addr: None, port };
                calls.extend((0..).zip(&self.ports).map(listen));
                calls.extend(self.check.map(|it| Call::Wake { at: now + it.interval }));
            }
            Happened::Accepted { listener, sock, .. } => {
                let port =
                    self.ports.get(listener.0 as usize).map_or(0, |(_, node_port)| *node_port);
                let end = End { other: sock, waiting: Some(Vec::new()) };
                self.clients.insert(sock, (end, port, 0));
                self.dial(sock, &mut calls);
            }
            Happened::Connected { sock, .. } => self.connected(sock, &mut calls),
            Happened::Bytes { sock, ref bytes } => self.bytes(sock, bytes, &mut calls),
            Happened::Closed { sock, how } => self.closed(sock, how, &mut calls),
            Happened::Woken => self.ask(now, &mut calls),
            Happened::Datagram { .. } | Happened::Undelivered { .. } => {}
        }
        calls
    }

    fn new_sock(&mut self) -> Sock {
        self.next_sock += 1;
        Sock(self.next_sock - 1)
    }

    /// Opens the connection to a node for a client, or leaves it where there is none left to try.
    fn dial(&mut self, client: Sock, calls: &mut Vec<Call>) {
        let well: Vec<Ipv4Addr> = self.well().collect();
        let sock = self.new_sock();
        let Some((end, port, tries)) = self.clients.get_mut(&client) else { return };
        if *tries >= well.len() {
            self.clients.swap_remove(&client);
            return calls.push(Call::Close { sock: client });
        }
        let to = SocketAddrV4::new(well[self.turn % well.len()], *port);
        (end.other, *tries) = (sock, *tries + 1);
        self.turn = self.turn.wrapping_add(1);
        self.nodes.insert(sock, client);
        calls.push(Call::Connect { sock, to });
    }

    fn connected(&mut self, sock: Sock, calls: &mut Vec<Call>) {
        let client = self.nodes.get(&sock).and_then(|client| self.clients.get_mut(client));
        if let Some((end, ..)) = client {
            let bytes = end.waiting.take().unwrap_or_default();
            if !bytes.is_empty() {
                calls.push(Call::Write { sock, bytes });
            }
        } else if self.backends.iter().any(|it| it.asked == Some(sock)) {
            let mut request = Request::get("/healthz");
            request.fields.set("Connection", "close");
            calls.push(Call::Write { sock, bytes: request.emit() });
        }
    }

    fn bytes(&mut self, sock: Sock, bytes: &[u8], calls: &mut Vec<Call>) {
        if let Some(&client) = self.nodes.get(&sock) {
            return calls.push(Call::Write { sock: client, bytes: bytes.to_vec() });
        }
        if let Some((end, ..)) = self.clients.get_mut(&sock) {
            match &mut end.waiting {
                Some(waiting) => waiting.extend_from_slice(bytes),
                None => calls.push(Call::Write { sock: end.other, bytes: bytes.to_vec() }),
            }
            return;
        }
        let is_well = bytes.starts_with(b"HTTP/1.1 200");
        self.learn(sock, is_well, calls);
    }

    fn closed(&mut self, sock: Sock, how: Closed, calls: &mut Vec<Call>) {
        if let Some(client) = self.nodes.swap_remove(&sock) {
            let waits = self.clients.get(&client).is_some_and(|(end, ..)| end.waiting.is_some());
            if waits && how != Closed::Ended {
                return self.dial(client, calls);
            }
            self.clients.swap_remove(&client);
            calls.push(Call::Close { sock });
            return calls.push(Call::Close { sock: client });
        }
        if let Some((end, ..)) = self.clients.swap_remove(&sock) {
            self.nodes.swap_remove(&end.other);
            calls.push(Call::Close { sock: end.other });
            return calls.push(Call::Close { sock });
        }
        self.learn(sock, false, calls);
    }

    /// Asks every node whether it is well.
    fn ask(&mut self, now: Nanos, calls: &mut Vec<Call>) {
        let Some(check) = self.check else { return };
        for index in 0..self.backends.len() {
            if let Some(late) = self.backends[index].asked {
                self.learn(late, false, calls);
            }
            let sock = self.new_sock();
            let backend = &mut self.backends[index];
            backend.asked = Some(sock);
            calls.push(Call::Connect { sock, to: SocketAddrV4::new(backend.ip, check.port) });
        }
        calls.push(Call::Wake { at: now + check.interval });
    }

    /// A check is over.
    fn learn(&mut self, sock: Sock, is_well: bool, calls: &mut Vec<Call>) {
        let threshold = self.check.map_or(1, |it| it.threshold);
        let found = self.backends.iter_mut().find(|it| it.asked == Some(sock));
        let Some(backend) = found else { return };
        backend.asked = None;
        backend.streak = if backend.is_well == is_well { 0 } else { backend.streak + 1 };
        if backend.streak >= threshold {
            (backend.is_well, backend.streak) = (is_well, 0);
        }
        calls.push(Call::Close { sock });
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const NODES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 11), Ipv4Addr::new(192, 0, 2, 12)];
    const SECOND: Nanos = Nanos::from_secs(1);

    fn connects(calls: &[Call]) -> Vec<(Sock, SocketAddrV4)> {
        let found = calls.iter().filter_map(|it| match it {
            Call::Connect { sock, to } => Some((*sock, *to)),
            _ => None,
        });
        found.collect()
    }

    #[test]
    fn a_node_is_out_after_so_many_failures_and_back_after_so_many_successes() {
        let check = Check { port: 10_256, interval: SECOND, threshold: 2 };
        let mut balancer = Balancer::new(Vec::new(), &NODES, Some(check));
        let mut round = |second_is_well: bool| {
            let asked = connects(&balancer.on(&Happened::Woken, Nanos::ZERO));
            assert_eq!(asked.len(), 2);
            for (sock, to) in asked {
                let happened = if second_is_well || *to.ip() == NODES[0] {
                    Happened::Bytes { sock, bytes: b"HTTP/1.1 200 OK\r\n".to_vec() }
                } else {
                    Happened::Closed { sock, how: Closed::Refused }
                };
                balancer.on(&happened, Nanos::ZERO);
            }
            balancer.well().count()
        };
        let seen: Vec<usize> = [false, false, true, false, true, true].map(&mut round).into();
        assert_eq!(seen, [2, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn what_a_client_sends_goes_to_a_node_that_takes_the_connection() {
        let mut balancer = Balancer::new(vec![(80, 30_080)], &NODES, None);
        let (client, local) = (Sock::ACCEPTED, SocketAddrV4::new(NODES[0], 80));
        let accepted = Happened::Accepted { listener: Sock(0), sock: client, local, peer: local };
        let first = connects(&balancer.on(&accepted, SECOND));
        assert_eq!(first, [(Sock(1), SocketAddrV4::new(NODES[0], 30_080))]);
        balancer.on(&Happened::Bytes { sock: client, bytes: b"hello".to_vec() }, SECOND);
        let refused = Happened::Closed { sock: Sock(1), how: Closed::Refused };
        let second = connects(&balancer.on(&refused, SECOND));
        assert_eq!(second, [(Sock(2), SocketAddrV4::new(NODES[1], 30_080))]);
        let made = Happened::Connected { sock: Sock(2), local };
        let sent = Call::Write { sock: Sock(2), bytes: b"hello".to_vec() };
        assert_eq!(balancer.on(&made, SECOND), [sent]);
        let ended = Happened::Closed { sock: Sock(2), how: Closed::Ended };
        let calls = [Call::Close { sock: Sock(2) }, Call::Close { sock: client }];
        assert_eq!(balancer.on(&ended, SECOND), calls);
    }
}
