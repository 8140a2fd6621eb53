//! What every floor needs: virtual time, ids and arenas, MAC addresses, the seeded generator, limits.

mod arena;
mod conn;
mod hook;
mod mac;
mod nanos;
mod rng;
mod sorted;

pub use arena::{Arena, Id};
pub use conn::{Dir, Side, Status, TcpState, Tuple, Zone};
pub use hook::{Hook, Table};
pub use mac::{Mac, MacError};
pub use nanos::Nanos;
pub use rng::{Rng, Script};
pub use sorted::{SortedMap, sort_by, sort_by_number};

use rustc_hash::FxBuildHasher;

/// A map that iterates in insertion order and hashes the same on every machine.
pub type FxIndexMap<K, V> = indexmap::IndexMap<K, V, FxBuildHasher>;

arena::id! {
    /// A network namespace of a [`World`](crate::world::World).
    NsId
}
arena::id! {
    /// A network device of a [`World`](crate::world::World); unique over all namespaces, unlike an ifindex.
    DevId
}
arena::id! {
    /// One packet. A clone made by flooding is a packet of its own with the first as its parent.
    PacketId
}
arena::id! {
    /// A route within its namespace's [`Fib`](crate::stack::fib::Fib).
    RouteId
}
arena::id! {
    /// A socket within its namespace.
    SocketId
}
arena::id! {
    /// A running program of a [`World`](crate::world::World), with as many sockets as it likes.
    ProcessId
}

/// A tracked connection within its namespace's [`Conntrack`](crate::netfilter::conntrack::Conntrack). Slots are used
/// again and numbers are not: the id of a connection that is forgotten finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CtId {
    pub slot: u32,
    /// Counts the namespace's connections from 1.
    pub number: u32,
}

arena::id! {
    /// A chain within its table.
    ChainId
}
arena::id! {
    /// Who caused a configuration item, for example a Kubernetes object; see [`World::origin`](crate::world::World::origin).
    OriginId
}

/// The limits that keep every run finite. Reaching one is reported, never silent.
pub mod limits {
    /// Events of one run before it stops with [`Stopped::EventBudget`](crate::world::Stopped::EventBudget).
    pub const EVENTS: u64 = 200_000;
    /// Bytes that may wait for one neighbour, `net.ipv4.neigh.*.unres_qlen_bytes`.
    pub const NEIGH_QUEUE_BYTES: usize = 212_992;
}
