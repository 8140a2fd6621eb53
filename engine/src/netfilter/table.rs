//! Tables, chains and the walk through them. Read `net/ipv4/netfilter/ip_tables.c` and `net/netfilter/nf_tables_core.c`
//! first.

use super::{Around, At, Netfilter, Reject};
use crate::base::Table;
use crate::skb::Skb;
use crate::trace::{Ctx, Tracer};

/// A namespace's tables.
#[derive(Clone, Debug, Default)]
pub struct Tables {}

/// How a walk through a table's chain of a hook ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walked {
    Accept,
    Drop { reject: Option<Reject> },
}

/// Walks a table's built-in chain of the hook (`ipt_do_table`).
pub(super) fn walk<T: Tracer>(
    _ctx: &mut Ctx<'_, T>,
    _nf: &mut Netfilter,
    _around: &dyn Around,
    _at: At,
    _table: Table,
    _skb: &mut Skb,
) -> Walked {
    Walked::Accept
}
