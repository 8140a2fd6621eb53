//! Connection tracking. Read `net/netfilter/nf_conntrack_core.c` first.

use super::At;
use crate::skb::Skb;
use crate::trace::{Ctx, DropReason, Tracer};

/// A namespace's tracked connections.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {}

impl Conntrack {
    /// Whether packets are tracked: a rule or a nat chain needs it (`nf_ct_netns_get`).
    pub fn is_on(&self) -> bool {
        false
    }

    /// Whether addresses may be translated: there is a nat chain (`nf_nat_register_fn`).
    pub fn nat_is_on(&self) -> bool {
        false
    }

    /// Finds or makes the packet's connection and judges its state (`nf_conntrack_in`).
    pub(super) fn packet_in<T: Tracer>(
        &mut self,
        _ctx: &mut Ctx<'_, T>,
        _at: At,
        _skb: &mut Skb,
    ) -> Result<(), DropReason> {
        Ok(())
    }

    /// Enters a new connection into the table (`__nf_conntrack_confirm`).
    pub(super) fn confirm<T: Tracer>(
        &mut self,
        _ctx: &mut Ctx<'_, T>,
        _at: At,
        _skb: &mut Skb,
    ) -> Result<(), DropReason> {
        Ok(())
    }
}
