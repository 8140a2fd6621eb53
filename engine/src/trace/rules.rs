//! How a trace names rules, and why a rule does not match.

use crate::base::{ChainId, Table};

/// A rule, by its place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleRef {
    pub table: Table,
    pub chain: ChainId,
    /// From 0; `iptables --line-numbers` counts from 1.
    pub index: u32,
}

/// The first condition of a rule that a packet does not meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unmet {
    /// `-s`.
    Source,
    /// `-d`.
    Destination,
    /// `-i`.
    InDev,
    /// `-o`.
    OutDev,
    /// `-p`.
    Protocol,
    /// `-f`.
    Fragment,
    /// The match extension at that place, from 0.
    Match(u8),
}
