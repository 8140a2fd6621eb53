//! Programs behind sockets: closed, plain data, and no IO. Each is told what happened and answers with the calls it makes.
//!
//! A program knows bytes and times, not devices, routes or Kubernetes. Who runs it (`world`) binds its sockets, moves what it
//! writes, and wakes it up. It reads as a process with an event loop does: what comes is read at once and whole.

pub mod balancer;
pub mod curl;
pub mod dig;
pub mod dns_server;
pub mod http_server;
pub mod ingress;
pub mod resolver;

use std::net::{Ipv4Addr, SocketAddrV4};

use self::balancer::Balancer;
use self::curl::{Curl, Fetched};
use self::dig::Dig;
use self::dns_server::DnsServer;
use self::http_server::HttpServer;
use self::ingress::Ingress;
use self::resolver::Resolution;
use crate::base::Nanos;

/// A socket of a program. It numbers those that it opens itself, from 0 on; who runs it numbers the connections that come by
/// its listeners, from [`Sock::ACCEPTED`] on. Numbers are not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Sock(pub u32);

impl Sock {
    /// The first connection that comes by a listener.
    pub const ACCEPTED: Self = Self(1 << 31);
}

/// What a program hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happened {
    /// It starts: the first that any program hears, once.
    Started,
    Datagram {
        sock: Sock,
        from: SocketAddrV4,
        bytes: Vec<u8>,
    },
    /// An ICMP error about a datagram that it sent by this socket (`ECONNREFUSED`, `EHOSTUNREACH`).
    Undelivered {
        sock: Sock,
    },
    /// The connection that it asked for is there; `local` is its own end.
    Connected {
        sock: Sock,
        local: SocketAddrV4,
    },
    /// A connection came by a listener.
    Accepted {
        listener: Sock,
        sock: Sock,
        local: SocketAddrV4,
        peer: SocketAddrV4,
    },
    Bytes {
        sock: Sock,
        bytes: Vec<u8>,
    },
    /// The other side will send no more, or there is no connection (any more).
    Closed {
        sock: Sock,
        how: Closed,
    },
    /// The time of [`Call::Wake`] has come.
    Woken,
}

/// How a connection ends, or never begins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Closed {
    /// The other side closed; one's own half is still open until [`Call::Close`].
    Ended,
    /// `ECONNREFUSED`: nobody listens there.
    Refused,
    /// `ECONNRESET`
    Reset,
    /// `ETIMEDOUT`
    TimedOut,
    /// `EHOSTUNREACH` or `ENETUNREACH`
    Unreachable,
}

/// A system call that a program makes. Those of one answer are made in their order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// Binds a UDP socket to a port of any address; of one address if that is given.
    Bind {
        sock: Sock,
        addr: Option<Ipv4Addr>,
        port: u16,
    },
    /// Listens for TCP connections.
    Listen {
        sock: Sock,
        addr: Option<Ipv4Addr>,
        port: u16,
    },
    /// Sends a datagram. From a socket that is not bound: opens it first, connected to `to`, with a port that the kernel
    /// chooses.
    Send {
        sock: Sock,
        to: SocketAddrV4,
        bytes: Vec<u8>,
    },
    /// Opens a TCP connection.
    Connect {
        sock: Sock,
        to: SocketAddrV4,
    },
    Write {
        sock: Sock,
        bytes: Vec<u8>,
    },
    Close {
        sock: Sock,
    },
    /// Wants to be woken at this time, or later. A program has one such time: the last that it asked for.
    Wake {
        at: Nanos,
    },
    /// Its work is done and this came of it; it makes no further call.
    Finish(Outcome),
}

/// A program, in the state it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum App {
    Curl(Box<Curl>),
    Dig(Dig),
    DnsServer(DnsServer),
    HttpServer(HttpServer),
    Ingress(Box<Ingress>),
    Balancer(Box<Balancer>),
}

impl App {
    /// Tells it what happened.
    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        match self {
            Self::Curl(it) => it.on(happened, now),
            Self::Dig(it) => it.on(happened, now),
            Self::DnsServer(it) => it.on(happened, now),
            Self::HttpServer(it) => it.on(happened),
            Self::Ingress(it) => it.on(happened, now),
            Self::Balancer(it) => it.on(happened, now),
        }
    }

    /// Takes on the configuration of another of its kind, which listens on the same ports; what is under way goes on. False:
    /// the other is of another kind, or listens elsewhere.
    pub fn reload(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::DnsServer(own), Self::DnsServer(new)) => own.zones = new.zones.clone(),
            (Self::Ingress(own), Self::Ingress(new)) => own.reload(new),
            (Self::Balancer(own), Self::Balancer(new)) => own.reload(new),
            (Self::HttpServer(own), Self::HttpServer(new)) => return own.reload(new),
            _ => return false,
        }
        true
    }
}

/// What came of a program that ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Resolved(Resolution),
    Fetched(Fetched),
    /// It was ended from outside.
    Killed,
}

/// Numbers without a pattern, from a seed: identifiers of queries, turns of a list. All 65,536 come before one comes again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chance(u16);

impl Chance {
    pub fn new(seed: u16) -> Self {
        Self(seed)
    }

    pub fn draw(&mut self) -> u16 {
        self.0 = self.0.wrapping_mul(25_173).wrapping_add(13_849);
        self.0 ^ self.0 >> 7 // the low bits alone would only alternate
    }
}
