//! `route.json`, `rule.json` and `neigh.json`: where packets go next.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use serde::Deserialize;

use super::Netns;
use super::links::scope;
use super::read::Item;
use crate::base::Mac;
use crate::link::Conf;
use crate::skb::Mark;
use crate::stack::fib::{Nexthop, NexthopState, Nexthops, Route, RouteKind, RouteMtu, TableId};
use crate::stack::rule::{Action, OnDev, Rule, Rules};
use crate::trace::Nud;
use crate::world::World;
use crate::yaml::Problem;

/// One line of `ip -j route show table all`.
#[derive(Deserialize)]
struct RouteLine {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: String,
    tos: Option<String>,
    gateway: Option<String>,
    dev: Option<String>,
    #[serde(default)]
    nexthops: Vec<HopLine>,
    table: Option<String>,
    protocol: Option<String>,
    scope: Option<String>,
    prefsrc: Option<String>,
    #[serde(default)]
    metric: u32,
    #[serde(default)]
    metrics: Vec<Metrics>,
    #[serde(default)]
    flags: Vec<String>,
}

/// One way of a route that has several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HopLine {
    gateway: Option<String>,
    dev: Option<String>,
    weight: Option<u16>,
    #[serde(default)]
    flags: Vec<String>,
}

/// What a route says of packets' sizes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metrics {
    mtu: Option<u32>,
    advmss: Option<u16>,
}

/// Fields of a route that this engine understands, or that say nothing about where a packet goes.
const ROUTE_FIELDS: &[&str] = &[
    "type", "dst", "tos", "gateway", "dev", "nexthops", "table", "scope", "prefsrc", "metric",
    "metrics", "flags", "protocol",
];

/// One line of `ip -j rule show`.
#[derive(Deserialize)]
struct RuleLine {
    priority: u32,
    src: String,
    srclen: Option<u8>,
    dst: Option<String>,
    dstlen: Option<u8>,
    tos: Option<String>,
    fwmark: Option<String>,
    fwmask: Option<String>,
    iif: Option<String>,
    oif: Option<String>,
    ipproto: Option<String>,
    sport: Option<u16>,
    sport_start: Option<u16>,
    sport_end: Option<u16>,
    dport: Option<u16>,
    dport_start: Option<u16>,
    dport_end: Option<u16>,
    table: Option<String>,
    suppress_prefixlen: Option<u8>,
    goto: Option<u32>,
    action: Option<String>,
}

/// Fields of a rule that this engine understands.
const RULE_FIELDS: &[&str] = &[
    "priority",
    "not",
    "src",
    "srclen",
    "dst",
    "dstlen",
    "tos",
    "fwmark",
    "fwmask",
    "iif",
    "iif_detached",
    "oif",
    "oif_detached",
    "ipproto",
    "sport",
    "sport_start",
    "sport_end",
    "dport",
    "dport_start",
    "dport_end",
    "table",
    "suppress_prefixlen",
    "goto",
    "unresolved",
    "nop",
    "action",
    "protocol",
];

/// One line of `ip -j neigh show`.
#[derive(Deserialize)]
struct NeighLine {
    dst: String,
    dev: String,
    lladdr: Option<String>,
    state: Vec<String>,
}

/// Adds rules, routes and neighbours.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    if let Some(text) = netns.file("rule.json")? {
        let rules: Result<Vec<_>, _> = text.list()?.iter().map(|item| rule(netns, item)).collect();
        world.netns[netns.id].fib.set_rules(Rules::new(rules?));
    }
    for item in netns.list("route.json")? {
        let (route, by_hand) = route(world, netns, &item)?;
        let fib = &mut world.netns[netns.id].fib;
        fib.custom_local_routes |= by_hand && route.kind == RouteKind::Local;
        fib.add(route);
    }
    for item in netns.list("neigh.json")? {
        add_neighbour(world, netns, &item)?;
    }
    Ok(())
}

fn rule(netns: &Netns<'_>, item: &Item<'_, RuleLine>) -> Result<Rule, Problem> {
    let it = &item.value;
    let keys = item.keys();
    if let Some(key) = keys.iter().find(|key| !RULE_FIELDS.contains(&&***key)) {
        return Err(item.problem(key, "policy rules with this field are not modelled yet"));
    }
    let action = match (&it.table, it.goto, it.action.as_deref()) {
        (Some(table), None, None) => Action::Lookup(table_id(item, table)?),
        (None, Some(target), None) => Action::Goto(target),
        (None, None, None) if keys.contains("nop") => Action::Nop,
        (None, None, Some("unreachable")) => Action::Unreachable,
        (None, None, Some("blackhole")) => Action::Blackhole,
        (None, None, Some("prohibit")) => Action::Prohibit,
        (None, None, Some(other)) => {
            let message = format!("policy rules with the action {other:?} are not modelled yet");
            return Err(item.problem("action", message));
        }
        _ => {
            let message = "expected one of table, goto, nop and action";
            return Err(item.problem("", message));
        }
    };
    let on_dev = |field: &str, name: &Option<String>| match name {
        None => Ok(OnDev::Any),
        Some(_) if keys.contains(&format!("{field}_detached")) => Ok(OnDev::Detached),
        Some(name) => netns.dev(item, field, name).map(OnDev::Dev),
    };
    let prefix = |field: &str, text: Option<&str>, len: Option<u8>| match text {
        None | Some("all") => Ok(Ipv4Net::default()),
        Some(text) => {
            let net = text.parse().ok().and_then(|ip| Ipv4Net::new(ip, len.unwrap_or(32)).ok());
            let message = format!("expected all, or an IPv4 address and a length, found {text:?}");
            net.map(|net| net.trunc()).ok_or_else(|| item.problem(field, message))
        }
    };
    let mark = it.fwmark.as_deref().map_or(Ok(0), |text| hex(item, "fwmark", text))?;
    let mark_mask = match (&it.fwmask, &it.fwmark) {
        (Some(text), _) => hex(item, "fwmask", text)?,
        (None, Some(_)) => u32::MAX,
        (None, None) => 0,
    };
    let ports = |one: Option<u16>, from: Option<u16>, to: Option<u16>| {
        one.map(|port| (port, port)).or_else(|| from.zip(to))
    };
    Ok(Rule {
        invert: keys.contains("not"),
        src: prefix("src", Some(&it.src), it.srclen)?,
        dst: prefix("dst", it.dst.as_deref(), it.dstlen)?,
        iif: on_dev("iif", &it.iif)?,
        oif: on_dev("oif", &it.oif)?,
        mark: Mark(mark),
        mark_mask,
        tos: tos(item, it.tos.as_deref())?,
        protocol: it.ipproto.as_deref().map_or(Ok(0), |name| protocol(item, name))?,
        sport: ports(it.sport, it.sport_start, it.sport_end),
        dport: ports(it.dport, it.dport_start, it.dport_end),
        suppress_prefixlen: it.suppress_prefixlen,
        ..Rule::new(it.priority, action)
    })
}

fn hex<T>(item: &Item<'_, T>, field: &str, text: &str) -> Result<u32, Problem> {
    let digits = text.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16));
    let number = digits.unwrap_or_else(|| text.parse());
    number.map_err(|_| item.problem(field, format!("expected a number, found {text:?}")))
}

/// `0x10`, or the name that `rt_dsfield` gives it.
fn tos<T>(item: &Item<'_, T>, text: Option<&str>) -> Result<u8, Problem> {
    let Some(text) = text else { return Ok(0) };
    let number = match text {
        "lowdelay" => 0x10,
        "throughput" => 0x08,
        "reliability" => 0x04,
        "mincost" => 0x02,
        text => hex(item, "tos", text)?,
    };
    let message = || format!("expected a type of service from 0 to 0xff, found {text:?}");
    u8::try_from(number).map_err(|_| item.problem("tos", message()))
}

fn protocol<T>(item: &Item<'_, T>, name: &str) -> Result<u8, Problem> {
    match name {
        "icmp" => Ok(1),
        "tcp" => Ok(6),
        "udp" => Ok(17),
        "ipip" | "ipencap" => Ok(4),
        "sctp" => Ok(132),
        "gre" => Ok(47),
        text => {
            let number = text.strip_prefix("ipproto-").unwrap_or(text).parse();
            let message = format!("expected the name or number of an IP protocol, found {text:?}");
            number.map_err(|_| item.problem("ipproto", message))
        }
    }
}

/// A route, and whether somebody added it by hand.
fn route(
    world: &World,
    netns: &Netns<'_>,
    item: &Item<'_, RouteLine>,
) -> Result<(Route, bool), Problem> {
    let it = &item.value;
    if let Some(key) = item.keys().iter().find(|key| !ROUTE_FIELDS.contains(&&***key)) {
        let message = "routes with this field are not modelled yet";
        return Err(item.problem(key, message));
    }
    let ip = |field: &str, text: &Option<String>| -> Result<Option<Ipv4Addr>, Problem> {
        let Some(text) = text else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| item.problem(field, format!("expected an IPv4 address, found {text:?}")))
    };
    let kinds = [
        RouteKind::Unicast,
        RouteKind::Local,
        RouteKind::Broadcast,
        RouteKind::Unreachable,
        RouteKind::Blackhole,
        RouteKind::Prohibit,
        RouteKind::Throw,
    ];
    let name = it.kind.as_deref().unwrap_or("unicast");
    let Some(kind) = kinds.into_iter().find(|kind| kind.name() == name) else {
        let known = kinds.map(RouteKind::name).join(", ");
        let message =
            format!("routes of the type {name:?} are not modelled yet; known are {known}");
        return Err(item.problem("type", message));
    };
    let mut nexthops = Vec::new();
    let own = HopLine {
        gateway: it.gateway.clone(),
        dev: it.dev.clone(),
        weight: None,
        flags: it.flags.clone(),
    };
    let single = kind.leads_on() && it.nexthops.is_empty();
    for (index, hop) in it.nexthops.iter().chain(single.then_some(&own)).enumerate() {
        let field = |name: &str| {
            if single { name.to_owned() } else { format!("nexthops[{index}].{name}") }
        };
        let Some(dev) = &hop.dev else {
            return Err(item.problem(&field("dev"), "missing; a route needs its device"));
        };
        let dev = netns.dev(item, &field("dev"), dev)?;
        let via = ip(&field("gateway"), &hop.gateway)?;
        let known = ["onlink", "linkdown", "dead"];
        if let Some(flag) = hop.flags.iter().find(|flag| !known.contains(&&***flag)) {
            let message = format!("routes with the flag {flag:?} are not modelled yet");
            return Err(item.problem(&field("flags"), message));
        }
        let has = |flag: &str| hop.flags.iter().any(|it| it == flag);
        let all = &world.netns[netns.id].sysctl.all;
        let ignores = world.devices[dev].conf.or(all, Conf::IgnoreRoutesWithLinkdown);
        let state = match (has("linkdown"), has("dead")) {
            (true, _) if ignores => NexthopState::Ignored,
            (_, true) => NexthopState::Dead,
            (true, false) => NexthopState::LinkDown,
            (false, false) => NexthopState::Alive,
        };
        let weight = hop.weight.unwrap_or(1);
        if weight == 0 || weight > 256 {
            let message = format!("expected a weight from 1 to 256, found {weight}");
            return Err(item.problem(&field("weight"), message));
        }
        nexthops.push(Nexthop { weight, state, ..Nexthop::new(kind, dev, via) });
    }
    if it.nexthops.len() > usize::from(u8::MAX) {
        return Err(item.problem("nexthops", "more than 255 next hops are not modelled"));
    }
    let scope_name = it.scope.as_deref().unwrap_or("global");
    let metrics = it.metrics.first();
    let route = Route {
        table: it.table.as_deref().map_or(Ok(TableId::MAIN), |table| table_id(item, table))?,
        dst: prefix(item)?,
        tos: tos(item, it.tos.as_deref())?,
        kind,
        nexthops: Nexthops::from(nexthops),
        prefsrc: ip("prefsrc", &it.prefsrc)?,
        scope: scope(scope_name).map_err(|message| item.problem("scope", message))?,
        metric: it.metric,
        // Whether it is locked is not printed.
        mtu: metrics.and_then(|it| it.mtu).map(|bytes| RouteMtu { bytes, lock: false }),
        advmss_bytes: metrics.and_then(|it| it.advmss),
        origin: None,
    };
    Ok((route, it.protocol.as_deref() != Some("kernel")))
}

fn table_id<T>(item: &Item<'_, T>, name: &str) -> Result<TableId, Problem> {
    match name {
        "main" => Ok(TableId::MAIN),
        "local" => Ok(TableId::LOCAL),
        "default" => Ok(TableId::DEFAULT),
        number => number.parse().map(TableId).map_err(|_| {
            let message = format!("expected local, main, default or a number, found {number:?}");
            item.problem("table", message)
        }),
    }
}

fn prefix(item: &Item<'_, RouteLine>) -> Result<Ipv4Net, Problem> {
    let dst = &*item.value.dst;
    if dst == "default" {
        return Ok(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
    }
    let host = dst.parse().map(|ip| Ipv4Net::new_assert(ip, 32));
    host.or_else(|_| dst.parse()).map_err(|_| {
        let message = format!("expected default, an IPv4 address or a prefix, found {dst:?}");
        item.problem("dst", message)
    })
}

fn add_neighbour(
    world: &mut World,
    netns: &Netns<'_>,
    item: &Item<'_, NeighLine>,
) -> Result<(), Problem> {
    let it = &item.value;
    if it.dst.parse::<Ipv6Addr>().is_ok() {
        return Ok(()); // no IPv4 packet asks for it
    }
    let ip = it
        .dst
        .parse()
        .map_err(|_| item.problem("dst", format!("expected an IP address, found {:?}", it.dst)))?;
    let dev = netns.dev(item, "dev", &it.dev)?;
    let [name] = &*it.state else {
        return Err(item.problem("state", "expected a list of one state"));
    };
    let state = [
        Nud::None,
        Nud::Incomplete,
        Nud::Reachable,
        Nud::Stale,
        Nud::Delay,
        Nud::Probe,
        Nud::Failed,
        Nud::Noarp,
        Nud::Permanent,
    ]
    .into_iter()
    .find(|state| state.name() == name)
    .ok_or_else(|| item.problem("state", format!("{name:?} is no state of a neighbour")))?;
    let mac: Mac = match &it.lladdr {
        Some(text) => text.parse().map_err(|e| item.problem("lladdr", format!("{e}")))?,
        None if matches!(state, Nud::None | Nud::Incomplete | Nud::Failed) => Mac::ZERO,
        None => {
            let message = format!("missing; a neighbour in the state {name} has an address");
            return Err(item.problem("lladdr", message));
        }
    };
    world.set_neigh(dev, ip, mac, state);
    Ok(())
}
