//! Network address translation of tracked connections. Read `net/netfilter/nf_nat_core.c` first.

use std::net::Ipv4Addr;

use super::At;
use super::conntrack::Conntrack;
use crate::base::{CtId, Hook};
use crate::skb::{CtInfo, Skb};
use crate::trace::{Ctx, DropReason, Tracer};

/// What a rule lets a translation choose from (`struct nf_nat_range2`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Range {
    /// First and last address; none: the address stays (`NF_NAT_RANGE_MAP_IPS`).
    pub addrs: Option<(Ipv4Addr, Ipv4Addr)>,
    /// First and last port; none: the port stays if it can (`NF_NAT_RANGE_PROTO_SPECIFIED`).
    pub ports: Option<(u16, u16)>,
    /// The old port that the first port of the range stands for (`NF_NAT_RANGE_PROTO_OFFSET`).
    pub base_port: Option<u16>,
    /// `--random` (`NF_NAT_RANGE_PROTO_RANDOM`).
    pub random: bool,
    /// `--random-fully` (`NF_NAT_RANGE_PROTO_RANDOM_FULLY`).
    pub random_fully: bool,
    /// `--persistent`: the same client gets the same address (`NF_NAT_RANGE_PERSISTENT`).
    pub persistent: bool,
    /// The address is already worked out, take it as it is (`NF_NAT_RANGE_NETMAP`).
    pub netmap: bool,
}

/// Which address of a packet a hook may translate (`HOOK2MANIP`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    Source,
    Destination,
}

impl Side {
    pub(super) const fn of(hook: Hook) -> Self {
        match hook {
            Hook::PreRouting | Hook::LocalOut => Self::Destination,
            Hook::LocalIn | Hook::Forward | Hook::PostRouting => Self::Source,
        }
    }
}

/// Whether the nat table decides about this packet: the first of its connection, not bound on this side yet.
pub(super) fn wants_rules(_ct: &Conntrack, _entry: CtId, _info: CtInfo, _side: Side) -> bool {
    false
}

/// Binds a connection that no rule translated to its own addresses (`nf_nat_alloc_null_binding`).
pub(super) fn bind_null<T: Tracer>(
    _ctx: &mut Ctx<'_, T>,
    _ct: &mut Conntrack,
    _at: At,
    _skb: &Skb,
    _side: Side,
) -> Result<(), DropReason> {
    Ok(())
}

/// Rewrites a packet as its connection's mapping says (`nf_nat_packet`, `nf_nat_icmp_reply_translation`).
pub(super) fn rewrite<T: Tracer>(
    _ctx: &mut Ctx<'_, T>,
    _ct: &mut Conntrack,
    _at: At,
    _skb: &mut Skb,
    _side: Side,
) -> Result<(), DropReason> {
    Ok(())
}
