//! Network address translation of tracked connections. Read `net/netfilter/nf_nat_core.c` first.

use super::At;
use super::conntrack::Conntrack;
use crate::base::{CtId, Hook};
use crate::skb::{CtInfo, Skb};
use crate::trace::{Ctx, DropReason, Tracer};

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
