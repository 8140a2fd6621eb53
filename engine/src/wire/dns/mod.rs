//! DNS messages (RFC 1035, RFC 2782, RFC 3596, RFC 6891): our own small types, and bytes to them and back.
//!
//! Only what a cluster's names need: class IN, standard queries, the records below. Other records stay bytes.

mod codec;
mod name;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

pub use name::Name;

/// Bytes of a message's header.
pub const LEN: usize = 12;
/// The port that servers listen on.
pub const PORT: u16 = 53;
/// Bytes of a datagram whose reader did not say that it takes more (RFC 1035, section 4.2.1).
pub const UDP_BYTES: u16 = 512;

/// A whole message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    pub id: u16,
    pub flags: Flags,
    pub rcode: Rcode,
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    /// Without the OPT record, which is `edns`.
    pub additional: Vec<Record>,
    /// The sender speaks EDNS0 and takes datagrams of so many bytes.
    pub edns: Option<u16>,
}

/// The header's bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags {
    /// QR: a response, not a query.
    pub response: bool,
    /// AA
    pub authoritative: bool,
    /// TC: records are missing for lack of room.
    pub truncated: bool,
    /// RD
    pub recursion_desired: bool,
    /// RA
    pub recursion_available: bool,
}

/// How a response ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Rcode {
    #[default]
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    Unknown(u8),
}

/// What is asked: the records of a type at a name, in class IN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    pub name: Name,
    pub kind: Type,
}

/// A record's type, or the one that a question asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Type {
    A,
    Ns,
    Cname,
    Soa,
    Ptr,
    Txt,
    Aaaa,
    Srv,
    Unknown(u16),
}

/// A resource record of class IN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub name: Name,
    pub ttl_s: u32,
    pub data: Data,
}

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Ns(Name),
    Cname(Name),
    Ptr(Name),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    /// One string of at most 255 bytes.
    Txt(Box<str>),
    Soa(Box<Soa>),
    Unknown {
        kind: u16,
        bytes: Box<[u8]>,
    },
}

/// The start of a zone's authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Soa {
    /// The primary server.
    pub server: Name,
    /// Who keeps the zone, a mail address with a dot for its `@`.
    pub mailbox: Name,
    pub serial: u32,
    pub refresh_s: u32,
    pub retry_s: u32,
    pub expire_s: u32,
    /// How long an absence may be remembered (RFC 2308).
    pub minimum_s: u32,
}

/// Where a question or a record ends within its message; it begins where the one before it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    pub end: usize,
    /// It is the OPT record, which no section of a [`Message`] has.
    pub is_opt: bool,
}

impl Message {
    /// A query with one question, recursion desired.
    pub fn query(id: u16, question: Question) -> Self {
        let flags = Flags { recursion_desired: true, ..Flags::default() };
        Self { id, flags, questions: vec![question], ..Self::default() }
    }

    /// A response without records to a query: its identifier, question and wish for recursion.
    #[must_use]
    pub fn reply(&self, rcode: Rcode) -> Self {
        let recursion_desired = self.flags.recursion_desired;
        Self {
            id: self.id,
            flags: Flags { response: true, recursion_desired, ..Flags::default() },
            rcode,
            questions: self.questions.clone(),
            ..Self::default()
        }
    }
}

/// A message as it goes over TCP: with its length before it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).expect("messages are written in at most 65,535 bytes");
    [&len.to_be_bytes(), message].concat()
}

/// The first message of a TCP stream and the bytes that it takes. None: it is not whole yet.
pub fn unframed(stream: &[u8]) -> Option<(&[u8], usize)> {
    let (len, rest) = stream.split_first_chunk()?;
    let message = rest.get(..u16::from_be_bytes(*len).into())?;
    Some((message, 2 + message.len()))
}

const RCODES: [(Rcode, u8, &str); 6] = [
    (Rcode::NoError, 0, "NOERROR"),
    (Rcode::FormErr, 1, "FORMERR"),
    (Rcode::ServFail, 2, "SERVFAIL"),
    (Rcode::NxDomain, 3, "NXDOMAIN"),
    (Rcode::NotImp, 4, "NOTIMP"),
    (Rcode::Refused, 5, "REFUSED"),
];

impl Rcode {
    pub fn from_u8(raw: u8) -> Self {
        RCODES.iter().find(|it| it.1 == raw).map_or(Self::Unknown(raw), |it| it.0)
    }

    pub fn to_u8(self) -> u8 {
        match self {
            Self::Unknown(raw) => raw,
            known => RCODES.iter().find(|it| it.0 == known).map_or(0, |it| it.1),
        }
    }
}

/// As `dig` writes it.
impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RCODES.iter().find(|it| it.0 == *self) {
            Some((_, _, name)) => f.write_str(name),
            None => write!(f, "RCODE{}", self.to_u8()),
        }
    }
}

const TYPES: [(Type, u16, &str); 8] = [
    (Type::A, 1, "A"),
    (Type::Ns, 2, "NS"),
    (Type::Cname, 5, "CNAME"),
    (Type::Soa, 6, "SOA"),
    (Type::Ptr, 12, "PTR"),
    (Type::Txt, 16, "TXT"),
    (Type::Aaaa, 28, "AAAA"),
    (Type::Srv, 33, "SRV"),
];

impl Type {
    pub fn from_u16(raw: u16) -> Self {
        TYPES.iter().find(|it| it.1 == raw).map_or(Self::Unknown(raw), |it| it.0)
    }

    pub fn to_u16(self) -> u16 {
        match self {
            Self::Unknown(raw) => raw,
            known => TYPES.iter().find(|it| it.0 == known).map_or(0, |it| it.1),
        }
    }

    /// A type by its name in any case; any other as `TYPE65` (RFC 3597).
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        match TYPES.iter().find(|it| it.2 == name) {
            Some(it) => Some(it.0),
            None => Some(Self::from_u16(name.strip_prefix("TYPE")?.parse().ok()?)),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|it| it.0 == *self) {
            Some((_, _, name)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.to_u16()),
        }
    }
}

impl Data {
    pub fn kind(&self) -> Type {
        match self {
            Self::A(_) => Type::A,
            Self::Aaaa(_) => Type::Aaaa,
            Self::Ns(_) => Type::Ns,
            Self::Cname(_) => Type::Cname,
            Self::Ptr(_) => Type::Ptr,
            Self::Srv { .. } => Type::Srv,
            Self::Txt(_) => Type::Txt,
            Self::Soa(_) => Type::Soa,
            Self::Unknown { kind, .. } => Type::from_u16(*kind),
        }
    }
}

/// As in a zone file.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(addr) => addr.fmt(f),
            Self::Aaaa(addr) => addr.fmt(f),
            Self::Ns(name) | Self::Cname(name) | Self::Ptr(name) => name.fmt(f),
            Self::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {target}")
            }
            Self::Txt(text) => write!(f, "{text:?}"),
            Self::Soa(soa) => write!(
                f,
                "{} {} {} {} {} {} {}",
                soa.server,
                soa.mailbox,
                soa.serial,
                soa.refresh_s,
                soa.retry_s,
                soa.expire_s,
                soa.minimum_s
            ),
            Self::Unknown { bytes, .. } => {
                write!(f, "\\# {}", bytes.len())?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}

/// `api.default.svc.cluster.local. 30 IN A 10.96.0.10`, as `dig` writes it.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.name, self.ttl_s, self.data.kind(), self.data)
    }
}

#[cfg(test)]
mod tests;
