//! Routing tables and look-ups in them. Read `net/ipv4/fib_trie.c`, `fib_semantics.c` and `include/net/ip_fib.h` first.
//!
//! While a namespace has only the three default rules, the tables `local` and `main` are one (`fib_trie_table` makes the
//! first an alias of the second), so a longer prefix in `main` beats a shorter one in `local`. The first rule that somebody
//! adds takes them apart for good (`fib_unmerge`).
//!
//! Not modelled: nexthop objects, multicast routes, realms, routes through IPv6 gateways, encapsulation. Loading them is an
//! error.

use std::cell::{RefCell, RefMut};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::rule::{self, Rules};
use crate::base::{Arena, DevId, FxIndexMap, Nanos, OriginId, RouteId};
use crate::link::Scope;
use crate::skb::Mark;

/// A routing table's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TableId(pub u32);

impl TableId {
    pub const DEFAULT: Self = Self(253);
    pub const MAIN: Self = Self(254);
    pub const LOCAL: Self = Self(255);

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
    Unicast,
    /// For this host.
    Local,
    /// For everybody on the link.
    Broadcast,
    /// Dropped, and the sender hears that the host cannot be reached.
    Unreachable,
    /// Dropped in silence.
    Blackhole,
    /// Dropped, and the sender hears that it is forbidden.
    Prohibit,
    /// As if this table had no route: the next rule decides.
    Throw,
}

impl RouteKind {
    /// As `ip route` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Unreachable => "unreachable",
            Self::Blackhole => "blackhole",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }

    /// Whether packets go somewhere by it, so that it has next hops.
    pub const fn leads_on(self) -> bool {
        matches!(self, Self::Unicast | Self::Local | Self::Broadcast)
    }
}

/// Why there is no way to a destination: the error number a program would see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unroutable {
    /// `ENETUNREACH`: no route.
    Net,
    /// `EHOSTUNREACH`: a route of the kind unreachable, or nowhere to go without forwarding.
    Host,
    /// `EACCES`: forbidden.
    Access,
    /// `EINVAL`: a black hole.
    Invalid,
}

/// Whether a next hop may be used (`RTNH_F_DEAD`, `RTNH_F_LINKDOWN`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum NexthopState {
    #[default]
    Alive,
    /// Its device has no carrier, and is used all the same.
    LinkDown,
    /// Its device has no carrier and `ignore_routes_with_linkdown` is on.
    Ignored,
    /// Its device is down.
    Dead,
}

/// One way that a route leads (`struct fib_nh`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nexthop {
    pub dev: DevId,
    /// The gateway; None where the destination itself is on the link.
    pub via: Option<Ipv4Addr>,
    /// How near it is: `Host` for a link, `Link` for a gateway on it, `Nowhere` for this host (`fib_nh_scope`).
    pub scope: Scope,
    /// Its share among the route's next hops, from 1 to 256.
    pub weight: u16,
    pub state: NexthopState,
}

impl Nexthop {
    /// A next hop with the scope that the kernel gives it.
    pub const fn new(kind: RouteKind, dev: DevId, via: Option<Ipv4Addr>) -> Self {
        let scope = match (kind, via) {
            (RouteKind::Local, _) => Scope::Nowhere,
            (_, Some(_)) => Scope::Link,
            (_, None) => Scope::Host,
        };
        Self { dev, via, scope, weight: 1, state: NexthopState::Alive }
    }

    const fn is_usable(&self, ignore_link_state: bool) -> bool {
        match self.state {
            NexthopState::Alive | NexthopState::LinkDown => true,
            NexthopState::Ignored => ignore_link_state,
            NexthopState::Dead => false,
        }
    }
}

/// A route's next hops: one as a rule, so that it costs no allocation; none for a route that leads nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Nexthops {
    One(Nexthop),
    Many(Box<[Nexthop]>),
}

impl Nexthops {
    /// For a route that leads nowhere.
    pub fn none() -> Self {
        Self::Many(Box::default())
    }

    #[inline]
    pub fn as_slice(&self) -> &[Nexthop] {
        match self {
            Self::One(nexthop) => std::slice::from_ref(nexthop),
            Self::Many(all) => all,
        }
    }
}

impl From<Vec<Nexthop>> for Nexthops {
    fn from(all: Vec<Nexthop>) -> Self {
        match *all {
            [only] => Self::One(only),
            _ => Self::Many(all.into()),
        }
    }
}

/// A route (`struct fib_alias` with its `struct fib_info`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    pub table: TableId,
    pub dst: Ipv4Net,
    /// Type of service that a packet must have; 0: any.
    pub tos: u8,
    pub kind: RouteKind,
    pub nexthops: Nexthops,
    /// The source address that the route suggests (`src`).
    pub prefsrc: Option<Ipv4Addr>,
    pub scope: Scope,
    /// Smaller wins among routes to the same prefix.
    pub metric: u32,
    /// `mtu`: replaces the device's, for packets of this host's own.
    pub mtu: Option<RouteMtu>,
    /// `advmss`: the largest TCP segment to announce, in bytes.
    pub advmss_bytes: Option<u16>,
    pub origin: Option<OriginId>,
}

/// The MTU that a route carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteMtu {
    pub bytes: u32,
    /// `lock`: no news from the path changes it, and packets may be fragmented to fit it.
    pub lock: bool,
}

impl Route {
    /// A route by one next hop, without preferences.
    pub const fn new(table: TableId, dst: Ipv4Net, kind: RouteKind, nexthop: Nexthop) -> Self {
        let scope = match (kind, nexthop.via) {
            (RouteKind::Local, _) => Scope::Host,
            (RouteKind::Broadcast, _) | (_, None) => Scope::Link,
            (_, Some(_)) => Scope::Universe,
        };
        Self {
            table,
            dst,
            tos: 0,
            kind,
            nexthops: Nexthops::One(nexthop),
            prefsrc: None,
            scope,
            metric: 0,
            mtu: None,
            advmss_bytes: None,
            origin: None,
        }
    }

    /// The first device it leads to, for showing; None for a route that leads nowhere.
    pub fn dev(&self) -> Option<DevId> {
        self.nexthops.as_slice().first().map(|hop| hop.dev)
    }

    /// The only gateway, or the first.
    pub fn via(&self) -> Option<Ipv4Addr> {
        self.nexthops.as_slice().first().and_then(|hop| hop.via)
    }

    /// `ip route` listing without its table: `default via 10.0.0.1 dev eth0`, with the names that `name` gives.
    pub fn text<'n>(&self, name: impl Fn(DevId) -> &'n str) -> String {
        let mut text = match self.kind {
            RouteKind::Unicast => String::new(),
            other => format!("{} ", other.name()),
        };
        text.push_str(&match (self.dst.prefix_len(), self.dst.addr()) {
            (0, _) => "default".into(),
            (32, host) => host.to_string(),
            _ => self.dst.to_string(),
        });
        if self.tos != 0 {
            text.push_str(&format!(" tos 0x{:02x}", self.tos));
        }
        let hops = self.nexthops.as_slice();
        for hop in hops {
            if hops.len() > 1 {
                text.push_str(" nexthop");
            }
            if let Some(via) = hop.via {
                text.push_str(&format!(" via {via}"));
            }
            text.push_str(" dev ");
            text.push_str(name(hop.dev));
            if hops.len() > 1 {
                text.push_str(&format!(" weight {}", hop.weight));
            }
        }
        if self.metric != 0 {
            text.push_str(&format!(" metric {}", self.metric));
        }
        text
    }
}

/// What a look-up goes by (`struct flowi4`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    pub daddr: Ipv4Addr,
    /// 0.0.0.0 where it is still to be chosen.
    pub saddr: Ipv4Addr,
    /// The device the packet came in by; `lo` for what this host sends.
    pub iif: DevId,
    /// The only device that may be used.
    pub oif: Option<DevId>,
    pub mark: Mark,
    /// Type of service as it stands in the header.
    pub tos: u8,
    /// The least scope a route must have.
    pub scope: Scope,
    pub protocol: u8,
    pub sport: u16,
    /// For ICMP its type and code.
    pub dport: u16,
    /// The source need not be an address of this host (`FLOWI_FLAG_ANYSRC`).
    pub any_src: bool,
}

impl Flow {
    /// A flow of which only the destination is known; `iif` is `lo` for what this host sends.
    #[inline]
    pub const fn to(daddr: Ipv4Addr, iif: DevId) -> Self {
        Self {
            daddr,
            saddr: Ipv4Addr::UNSPECIFIED,
            iif,
            oif: None,
            mark: Mark(0),
            tos: 0,
            scope: Scope::Universe,
            protocol: 0,
            sport: 0,
            dport: 0,
            any_src: false,
        }
    }

    /// The same with a source address, 0.0.0.0 for none.
    #[inline]
    #[must_use]
    pub const fn from(self, saddr: Ipv4Addr) -> Self {
        Self { saddr, ..self }
    }
}

/// Whether a route or rule with this type of service is for the flow (`fib_dscp_masked_match`): by three bits.
#[inline]
pub(super) const fn tos_matches(wanted: u8, flow: &Flow) -> bool {
    const LEGACY_TOS_MASK: u8 = 0x1c;
    wanted == 0 || wanted == flow.tos & LEGACY_TOS_MASK
}

/// What a look-up found (`struct fib_result`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    pub route: RouteId,
    /// Which of its next hops.
    pub nexthop: usize,
    /// Which rule led to it, where there are others than the default ones.
    pub rule: Option<usize>,
}

/// Why a look-up found nothing, and which route or rule says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotFound {
    pub error: Unroutable,
    /// A route of the kind unreachable, blackhole or prohibit.
    pub route: Option<RouteId>,
    /// The rule that led to the route, or that itself forbids.
    pub rule: Option<usize>,
}

/// What one table says: a next hop of a route, or a route that leads nowhere. None: nothing, or a throw route.
pub(super) type TableAnswer = Option<Result<(RouteId, usize), (Unroutable, RouteId)>>;

/// What is known of one destination behind a next hop (`struct fib_nh_exception`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Exception {
    /// The shorter way that a redirect told of.
    pub gateway: Option<Ipv4Addr>,
    /// The largest packet in bytes that the way carries.
    pub pmtu_bytes: Option<u32>,
    /// The path's MTU is below `min_pmtu`, so packets may be fragmented to fit it (`fnhe_mtu_locked`).
    pub mtu_locked: bool,
    /// Not valid after this time.
    pub expires: Nanos,
}

/// Exceptions by route, next hop and destination.
type Exceptions = FxIndexMap<(RouteId, usize, Ipv4Addr), Exception>;

/// A namespace's routes and rules.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    routes: Arena<RouteId, Route>,
    tables: Vec<(TableId, Table)>,
    rules: Rules,
    /// None until the first is learnt, which in most namespaces is never.
    exceptions: Option<Box<Exceptions>>,
    /// By the first of the routes in question.
    defaults_in_use: RefCell<Vec<(RouteId, Option<usize>)>>,
    /// Their device is gone: nobody finds them, and a trace can still name them.
    gone: Vec<RouteId>,
    /// Somebody added a local route by hand (`fib_has_custom_local_routes`).
    pub custom_local_routes: bool,
}

/// A table's routes, longest prefix first. The few that most namespaces have stand in a list: small, and faster to go
/// through than anything is to hash. A long table has one hash map a prefix length, as Linux's own `fib_hash.c` had them;
/// it has few lengths, and a look-up costs a fifth of one in a trie.
#[derive(Clone, Debug)]
enum Table {
    Few(Vec<Alias>),
    Many(Vec<(u8, FxIndexMap<u32, Vec<RouteId>>)>),
}

/// A prefix of a table and a route to it (`struct fib_alias`).
#[derive(Clone, Copy, Debug)]
struct Alias {
    network: u32,
    len: u8,
    route: RouteId,
}

/// Routes of a table that is still a list.
const FEW: usize = 16;

const fn mask(len: u8) -> u32 {
    match len {
        0 => 0,
        _ => u32::MAX << (32 - len),
    }
}

impl Table {
    /// Enters a route behind those to the same prefix that `goes_before` names.
    fn insert(&mut self, dst: Ipv4Net, route: RouteId, goes_before: impl Fn(RouteId) -> bool) {
        let (network, len) = (u32::from(dst.network()), dst.prefix_len());
        if let Self::Few(all) = self {
            let at = all.partition_point(|it| {
                let same = it.len == len && it.network == network;
                it.len > len
                    || it.len == len && it.network < network
                    || same && goes_before(it.route)
            });
            all.insert(at, Alias { network, len, route });
            if all.len() > FEW {
                let all = std::mem::take(all);
                *self = Self::Many(Vec::new());
                for it in all {
                    self.same_prefix(it.network, it.len).push(it.route);
                }
            }
            return;
        }
        let same = self.same_prefix(network, len);
        let at = same.partition_point(|&other| goes_before(other));
        same.insert(at, route);
    }

    /// The routes to exactly this prefix of a long table, best first.
    fn same_prefix(&mut self, network: u32, len: u8) -> &mut Vec<RouteId> {
        let Self::Many(by_length) = self else {
            unreachable!("only a long table is asked for one prefix")
        };
        let at = by_length.partition_point(|(other, _)| *other > len);
        if by_length.get(at).is_none_or(|(other, _)| *other != len) {
            by_length.insert(at, (len, FxIndexMap::default()));
        }
        by_length[at].1.entry(network).or_default()
    }

    /// The first answer that a route to a prefix of `dst` gives, the best first.
    #[inline]
    fn first<R>(&self, dst: u32, mut answer: impl FnMut(RouteId) -> Option<R>) -> Option<R> {
        match self {
            Self::Few(all) => all
                .iter()
                .filter(|it| dst & mask(it.len) == it.network)
                .find_map(|it| answer(it.route)),
            Self::Many(by_length) => by_length.iter().find_map(|(len, prefixes)| {
                prefixes.get(&(dst & mask(*len)))?.iter().find_map(|&id| answer(id))
            }),
        }
    }

    fn retain(&mut self, keep: impl Fn(RouteId) -> bool) {
        match self {
            Self::Few(all) => all.retain(|it| keep(it.route)),
            Self::Many(by_length) => {
                for routes in by_length.iter_mut().flat_map(|(_, it)| it.values_mut()) {
                    routes.retain(|&id| keep(id));
                }
            }
        }
    }

    /// The default routes, the best first.
    fn defaults(&self) -> Vec<RouteId> {
        match self {
            Self::Few(all) => {
                let at = all.partition_point(|it| it.len > 0);
                all[at..].iter().map(|it| it.route).collect()
            }
            Self::Many(by_length) => match by_length.last() {
                Some((0, all)) => all.values().flatten().copied().collect(),
                Some(_) | None => Vec::new(),
            },
        }
    }
}

/// Of routes to one prefix, the one with the smaller key is asked first (`fib_find_alias`): `local` before `main` where the
/// tables are one, a type of service before any, a small metric before a large one.
fn order(route: &Route) -> impl Ord + use<> {
    (u32::MAX - route.table.0, u8::MAX - route.tos, route.metric)
}

impl Fib {
    /// Adds a route. Among routes of equal rank the first one stays in use, as `ip route append` leaves it.
    pub fn add(&mut self, route: Route) -> RouteId {
        let id = self.routes.push(route);
        self.insert(id);
        id
    }

    fn insert(&mut self, id: RouteId) {
        let routes = &self.routes;
        let route = &routes[id];
        let table = self.kept_in(route.table);
        let at = self.tables.iter().position(|(other, _)| *other == table).unwrap_or_else(|| {
            self.tables.push((table, Table::Few(Vec::new())));
            self.tables.len() - 1
        });
        let goes_before = |other: RouteId| order(&routes[other]) <= order(route);
        self.tables[at].1.insert(route.dst, id, goes_before);
    }

    /// Takes out the routes that lead by a device alone, which is going away (`fib_sync_down_dev`).
    pub(crate) fn forget(&mut self, dev: DevId) {
        let leads_by = |route: &Route| {
            let hops = route.nexthops.as_slice();
            !hops.is_empty() && hops.iter().all(|hop| hop.dev == dev)
        };
        let gone = self.iter().filter(|(_, route)| leads_by(route)).map(|(id, _)| id);
        self.gone = gone.chain(self.gone.iter().copied()).collect();
        for (_, table) in &mut self.tables {
            table.retain(|id| !self.gone.contains(&id));
        }
    }

    /// The rules in the order they are asked.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Sets the rules. Any but the default ones take the tables `local` and `main` apart for good.
    pub fn set_rules(&mut self, rules: Rules) {
        let were_custom = self.rules.are_custom();
        self.rules = rules;
        if were_custom != self.rules.are_custom() {
            self.tables.clear();
            for id in self.iter().map(|(id, _)| id).collect::<Vec<_>>() {
                self.insert(id);
            }
        }
    }

    /// The way for a flow (`fib_lookup`): by the rules, and in each table the longest prefix.
    #[inline]
    pub fn lookup(&self, flow: &Flow) -> Result<Found, NotFound> {
        self.lookup_with(flow, false)
    }

    /// The same; `ignore_link_state` (`FIB_LOOKUP_IGNORE_LINKSTATE`) counts next hops without a carrier as good.
    #[inline]
    pub fn lookup_with(&self, flow: &Flow, ignore_link_state: bool) -> Result<Found, NotFound> {
        if self.rules.are_custom() {
            return rule::lookup(self, flow, ignore_link_state);
        }
        let answer = self
            .in_table(TableId::MAIN, flow, ignore_link_state)
            .or_else(|| self.in_table(TableId::DEFAULT, flow, ignore_link_state));
        match answer {
            Some(Ok((route, nexthop))) => Ok(Found { route, nexthop, rule: None }),
            Some(Err((error, route))) => Err(NotFound { error, route: Some(route), rule: None }),
            None => Err(NotFound { error: Unroutable::Net, route: None, rule: None }),
        }
    }

    /// `fib_table_lookup`.
    #[inline]
    pub(super) fn in_table(
        &self,
        table: TableId,
        flow: &Flow,
        ignore_link_state: bool,
    ) -> TableAnswer {
        let table = self.table(table)?;
        let answer = table.first(u32::from(flow.daddr), |id| {
            let route = &self.routes[id];
            if !tos_matches(route.tos, flow) || route.scope < flow.scope {
                return None;
            }
            match route.kind {
                RouteKind::Throw => return Some(None),
                RouteKind::Unreachable => return Some(Some(Err((Unroutable::Host, id)))),
                RouteKind::Prohibit => return Some(Some(Err((Unroutable::Access, id)))),
                RouteKind::Blackhole => return Some(Some(Err((Unroutable::Invalid, id)))),
                RouteKind::Unicast | RouteKind::Local | RouteKind::Broadcast => {}
            }
            let good = |hop: &Nexthop| {
                hop.is_usable(ignore_link_state) && flow.oif.is_none_or(|oif| oif == hop.dev)
            };
            let nexthop = route.nexthops.as_slice().iter().position(good)?;
            Some(Some(Ok((id, nexthop))))
        });
        answer.flatten()
    }

    #[inline]
    fn table(&self, wanted: TableId) -> Option<&Table> {
        self.tables.iter().find(|(id, _)| *id == wanted).map(|(_, table)| table)
    }

    /// What the table `local` says about an address (`inet_addr_type_table`): the kind of its route, with its device.
    /// None: some other address.
    pub fn in_local_table(&self, addr: Ipv4Addr, iif: DevId) -> Option<(RouteKind, DevId)> {
        let (id, _) =
            self.in_table(self.kept_in(TableId::LOCAL), &Flow::to(addr, iif), false)?.ok()?;
        let route = &self.routes[id];
        Some((route.kind, route.dev()?))
    }

    /// A route by its id.
    #[inline]
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id]
    }

    /// All routes in the order they were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (RouteId, &Route)> {
        self.routes.iter().filter(|(id, _)| !self.gone.contains(id))
    }

    /// Whether a table has more than one default route (`tb_num_default > 1`).
    #[inline]
    pub(super) fn has_several_defaults(&self, table: TableId) -> bool {
        match self.table(self.kept_in(table)) {
            Some(Table::Few(all)) => all.iter().rev().nth(1).is_some_and(|it| it.len == 0),
            Some(Table::Many(by_length)) => by_length
                .last()
                .is_some_and(|(len, all)| *len == 0 && all.values().any(|all| all.len() > 1)),
            None => false,
        }
    }

    /// The default routes of a table, and of those that are kept with it, the best first.
    pub(super) fn defaults(&self, table: TableId) -> Vec<RouteId> {
        self.table(self.kept_in(table)).map(Table::defaults).unwrap_or_default()
    }

    /// Which of several default routes of one metric was used last (`fa_default`), to be set; `first` is the first of them.
    /// A look-up sets it, like the kernel's, although it changes nothing else.
    pub(super) fn default_in_use(&self, first: RouteId) -> RefMut<'_, Option<usize>> {
        RefMut::map(self.defaults_in_use.borrow_mut(), |all| {
            let at = all.iter().position(|(id, _)| *id == first).unwrap_or_else(|| {
                all.push((first, None));
                all.len() - 1
            });
            &mut all[at].1
        })
    }

    /// `local` is kept in `main` until somebody adds a rule.
    const fn kept_in(&self, table: TableId) -> TableId {
        match table {
            TableId::LOCAL if !self.rules.are_custom() => TableId::MAIN,
            other => other,
        }
    }

    /// What is known of a destination behind a next hop, if it is not too old (`find_exception`).
    #[inline]
    pub fn exception(
        &self,
        at: (RouteId, usize),
        daddr: Ipv4Addr,
        now: Nanos,
    ) -> Option<Exception> {
        self.exceptions.as_ref()?.get(&(at.0, at.1, daddr)).copied().filter(|it| now <= it.expires)
    }

    /// Remembers something of a destination behind a next hop (`update_or_create_fnhe`): a gateway or a path's MTU, each
    /// kept where the news does not name it.
    pub fn learn(&mut self, at: (RouteId, usize), daddr: Ipv4Addr, now: Nanos, news: Exception) {
        let known = self.exceptions.get_or_insert_default().entry((at.0, at.1, daddr)).or_default();
        if known.expires < now {
            *known = Exception::default();
        }
        known.gateway = news.gateway.or(known.gateway);
        if news.pmtu_bytes.is_some() {
            known.pmtu_bytes = news.pmtu_bytes;
            known.mtu_locked = news.mtu_locked;
        }
        known.expires = news.expires;
    }

    /// What is known of destinations, in the order it was learnt (`ip route show cache`).
    pub fn exceptions(&self) -> impl Iterator<Item = (RouteId, usize, Ipv4Addr, &Exception)> {
        self.exceptions
            .iter()
            .flat_map(|all| all.iter())
            .map(|(&(route, nexthop, daddr), it)| (route, nexthop, daddr, it))
    }
}

#[cfg(test)]
mod tests;
