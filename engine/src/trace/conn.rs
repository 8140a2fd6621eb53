//! What connection tracking and translation report of a connection.

use crate::base::{Status, TcpState, Zone};
use crate::skb::Mark;

/// Why connection tracking makes nothing of a packet: `INVALID` to rules from then on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CtInvalid {
    /// Too short for its header.
    Short,
    /// It is not as long as its header says.
    Truncated,
    /// Its checksum is wrong (`nf_conntrack_checksum`).
    Checksum,
    /// An ICMP type that nobody knows.
    IcmpType,
    /// An ICMP error whose quote cannot be read, or is of something that has no answer.
    Quote,
    /// An ICMP error about a packet of no connection.
    QuoteUnknown,
    /// An ICMP error to somebody else than the sender of what it quotes.
    QuoteOfOther,
    /// No connection begins with such a packet.
    NoBeginning,
    /// TCP flags that make no sense together.
    TcpFlags,
    /// A segment that cannot come in this state.
    TcpState(TcpState),
    /// A reset with a sequence number that was acknowledged long ago.
    Reset,
    /// The segment lies beyond the window of its receiver.
    SeqOver,
    /// It acknowledges what was never sent.
    AckOver,
}

impl CtInvalid {
    /// In a few words: `its checksum is wrong`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Short => "it is too short for its header",
            Self::Truncated => "it is shorter than its header says",
            Self::Checksum => "its checksum is wrong",
            Self::IcmpType => "nobody knows its ICMP type",
            Self::Quote => "what it quotes is no packet of a connection",
            Self::QuoteUnknown => "it is about a packet of no known connection",
            Self::QuoteOfOther => "it is not addressed to the sender of what it quotes",
            Self::NoBeginning => "no connection begins with such a packet",
            Self::TcpFlags => "its TCP flags make no sense together",
            Self::TcpState(_) => "such a segment cannot come in this state",
            Self::Reset => "a reset with a sequence number of long ago",
            Self::SeqOver => "it lies beyond the receiver's window",
            Self::AckOver => "it acknowledges what was never sent",
        }
    }
}

/// What `conntrack -E` reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CtReport {
    New,
    Update,
    Destroy,
}

impl CtReport {
    /// As `conntrack -E` prints it, without its padding.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "[NEW]",
            Self::Update => "[UPDATE]",
            Self::Destroy => "[DESTROY]",
        }
    }
}

/// A connection as a report shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CtNow {
    pub status: Status,
    pub zone: Zone,
    /// None for another protocol than TCP, and where it has not changed.
    pub tcp: Option<TcpState>,
    /// Seconds until it times out; zero if it did.
    pub timeout_s: u32,
    pub mark: Mark,
}
