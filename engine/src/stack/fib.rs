//! Routing tables: longest prefix match through the three default rules. Read `net/ipv4/fib_trie.c` first.
//!
//! Not modelled yet: other policy rules, multipath, nexthop objects, TOS. Loading them is an error.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::base::{Arena, DevId, FxIndexMap, OriginId, RouteId};
use crate::link::Scope;

/// A routing table's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableId(pub u32);

impl TableId {
    pub const DEFAULT: Self = Self(253);
    pub const MAIN: Self = Self(254);
    pub const LOCAL: Self = Self(255);
    /// The tables that rules 0, 32766 and 32767 look into, in that order.
    const LOOKUP_ORDER: [Self; 3] = [Self::LOCAL, Self::MAIN, Self::DEFAULT];

    /// As `ip route` names it.
    pub fn name(self) -> String {
        match self {
            Self::DEFAULT => "default".into(),
            Self::MAIN => "main".into(),
            Self::LOCAL => "local".into(),
            Self(other) => other.to_string(),
        }
    }
}

/// What a route does with a packet (`RTN_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteKind {
    /// To the next hop, or to the destination itself on a directly connected link.
    Unicast { via: Option<Ipv4Addr> },
    /// For this host.
    Local,
    /// For everybody on the link.
    Broadcast,
}

/// A route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    pub table: TableId,
    pub dst: Ipv4Net,
    pub kind: RouteKind,
    pub dev: DevId,
    /// The source address that the route suggests (`src`).
    pub prefsrc: Option<Ipv4Addr>,
    pub scope: Scope,
    /// Smaller wins among routes to the same prefix.
    pub metric: u32,
    pub origin: Option<OriginId>,
}

/// A namespace's routes.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    routes: Arena<RouteId, Route>,
    tables: FxIndexMap<TableId, Table>,
}

/// One hash map a prefix length, longest first, as Linux's own `fib_hash.c` had them. A table has few lengths, and a
/// look-up then costs a fifth of one in a trie.
#[derive(Clone, Debug, Default)]
struct Table {
    by_length: Vec<(u8, FxIndexMap<u32, Vec<RouteId>>)>,
}

impl Table {
    /// The routes to exactly this prefix, best first.
    fn entry(&mut self, dst: Ipv4Net) -> &mut Vec<RouteId> {
        let len = dst.prefix_len();
        let at = self.by_length.partition_point(|(other, _)| *other > len);
        if self.by_length.get(at).is_none_or(|(other, _)| *other != len) {
            self.by_length.insert(at, (len, FxIndexMap::default()));
        }
        self.by_length[at].1.entry(dst.network().into()).or_default()
    }

    #[inline]
    fn longest_match(&self, dst: u32) -> Option<RouteId> {
        self.by_length.iter().find_map(|(len, prefixes)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(*len)).unwrap_or(0);
            prefixes.get(&(dst & mask))?.first().copied()
        })
    }
}

impl Fib {
    /// Adds a route. Among equal prefixes and metrics the first one stays in use, as `ip route append` leaves it.
    pub fn add(&mut self, route: Route) -> RouteId {
        let id = self.routes.push(route);
        let routes = &self.routes;
        let same = self.tables.entry(route.table).or_default().entry(route.dst);
        let at = same.partition_point(|&other| routes[other].metric <= route.metric);
        same.insert(at, id);
        id
    }

    /// The route that decides about `dst`, if any (`fib_lookup`).
    #[inline]
    pub fn lookup(&self, dst: Ipv4Addr) -> Option<RouteId> {
        let dst = u32::from(dst);
        TableId::LOOKUP_ORDER.iter().find_map(|table| self.tables.get(table)?.longest_match(dst))
    }

    /// A route by its id.
    #[inline]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id]
    }

    /// All routes in the order they were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (RouteId, &Route)> {
        self.routes.iter()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::Id;

    fn route(dst: &str, dev: usize, metric: u32) -> Route {
        Route {
            table: TableId::MAIN,
            dst: dst.parse().expect("a prefix"),
            kind: RouteKind::Unicast { via: None },
            dev: DevId::from_index(dev),
            prefsrc: None,
            scope: Scope::Link,
            metric,
            origin: None,
        }
    }

    fn dev_for(fib: &Fib, dst: [u8; 4]) -> Option<usize> {
        fib.lookup(dst.into()).map(|id| fib.route(id).dev.index())
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order_of_adding() {
        let mut fib = Fib::default();
        for (dst, dev) in
            [("10.244.1.0/24", 2), ("0.0.0.0/0", 1), ("10.244.1.7/32", 4), ("10.244.0.0/16", 3)]
        {
            fib.add(route(dst, dev, 0));
        }
        let found: Vec<_> = [[10, 244, 1, 7], [10, 244, 1, 8], [10, 244, 2, 8], [8, 8, 8, 8]]
            .map(|ip| dev_for(&fib, ip))
            .into();
        assert_eq!(found, [Some(4), Some(2), Some(3), Some(1)]);
    }

    #[test]
    fn the_local_table_is_asked_before_a_longer_prefix_in_main() {
        let mut fib = Fib::default();
        fib.add(route("127.0.0.1/32", 7, 0));
        fib.add(Route {
            table: TableId::LOCAL,
            kind: RouteKind::Local,
            ..route("127.0.0.0/8", 1, 0)
        });
        assert_eq!(dev_for(&fib, [127, 0, 0, 1]), Some(1));
    }

    #[test]
    fn the_smallest_metric_wins_and_among_equals_the_first() {
        let mut fib = Fib::default();
        for (dev, metric) in [(1, 20), (2, 10), (3, 10)] {
            fib.add(route("10.0.0.0/8", dev, metric));
        }
        assert_eq!(dev_for(&fib, [10, 1, 1, 1]), Some(2));
    }

    #[test]
    fn without_a_matching_prefix_there_is_no_route() {
        let mut fib = Fib::default();
        fib.add(route("10.0.0.0/8", 1, 0));
        assert_eq!(dev_for(&fib, [11, 0, 0, 1]), None);
    }
}
