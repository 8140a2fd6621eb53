//! `route.json`, `rule.json` and `neigh.json`: where packets go next.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use serde::Deserialize;

use super::Netns;
use super::links::scope;
use super::read::Item;
use crate::base::Mac;
use crate::stack::fib::{Route, RouteKind, TableId};
use crate::trace::Nud;
use crate::world::World;
use crate::yaml::Problem;

/// One line of `ip -j route show table all`.
#[derive(Deserialize)]
struct RouteLine {
    #[serde(rename = "type")]
    kind: Option<String>,
    dst: String,
    gateway: Option<String>,
    dev: Option<String>,
    table: Option<String>,
    scope: Option<String>,
    prefsrc: Option<String>,
    #[serde(default)]
    metric: u32,
    #[serde(default)]
    flags: Vec<String>,
}

/// Fields of a route that say nothing about where a packet goes.
const ROUTE_FIELDS: &[&str] =
    &["type", "dst", "gateway", "dev", "table", "scope", "prefsrc", "metric", "flags", "protocol"];

/// One line of `ip -j rule show`.
#[derive(Deserialize)]
struct RuleLine {
    priority: u32,
    src: String,
    table: Option<String>,
}

const DEFAULT_RULES: [(u32, &str); 3] = [(0, "local"), (32766, "main"), (32767, "default")];

/// One line of `ip -j neigh show`.
#[derive(Deserialize)]
struct NeighLine {
    dst: String,
    dev: String,
    lladdr: Option<String>,
    state: Vec<String>,
}

/// Adds routes and neighbours.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    check_rules(netns)?;
    for item in netns.list("route.json")? {
        let route = route(netns, &item)?;
        world.netns[netns.id].fib.add(route);
    }
    for item in netns.list("neigh.json")? {
        add_neighbour(world, netns, &item)?;
    }
    Ok(())
}

fn check_rules(netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("rule.json")? else { return Ok(()) };
    let rules: Vec<Item<'_, RuleLine>> = text.list()?;
    let is_default = |it: &Item<'_, RuleLine>| {
        let table = it.value.table.as_deref().unwrap_or_default();
        DEFAULT_RULES.contains(&(it.value.priority, table))
            && it.value.src == "all"
            && it.keys().iter().all(|key| matches!(&**key, "priority" | "src" | "table"))
    };
    let expected = "known are the three default ones: local (0), main (32766), default (32767)";
    if let Some(other) = rules.iter().find(|it| !is_default(it)) {
        let message = format!("this policy rule is not modelled yet; {expected}");
        return Err(other.problem("", message));
    }
    if rules.len() != DEFAULT_RULES.len() {
        let message = format!("{} policy rules are not modelled yet; {expected}", rules.len());
        return Err(text.whole("", message));
    }
    Ok(())
}

fn route(netns: &Netns<'_>, item: &Item<'_, RouteLine>) -> Result<Route, Problem> {
    let it = &item.value;
    if let Some(key) = item.keys().iter().find(|key| !ROUTE_FIELDS.contains(&&***key)) {
        let message = "routes with this field are not modelled yet";
        return Err(item.problem(key, message));
    }
    if let Some(flag) = it.flags.iter().find(|flag| !matches!(&***flag, "onlink" | "linkdown")) {
        let message = format!("routes with the flag {flag:?} are not modelled yet");
        return Err(item.problem("flags", message));
    }
    let ip = |field: &str, text: &Option<String>| -> Result<Option<Ipv4Addr>, Problem> {
        let Some(text) = text else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| item.problem(field, format!("expected an IPv4 address, found {text:?}")))
    };
    let via = ip("gateway", &it.gateway)?;
    let kind = match it.kind.as_deref() {
        None | Some("unicast") => RouteKind::Unicast { via },
        Some("local") => RouteKind::Local,
        Some("broadcast") => RouteKind::Broadcast,
        Some(other) => {
            let message = format!(
                "routes of the type {other:?} are not modelled yet; known are unicast, local and broadcast"
            );
            return Err(item.problem("type", message));
        }
    };
    let Some(dev) = &it.dev else {
        return Err(item.problem("dev", "missing; a route needs its device"));
    };
    let scope_name = it.scope.as_deref().unwrap_or("global");
    Ok(Route {
        table: table(item)?,
        dst: prefix(item)?,
        kind,
        dev: netns.dev(item, "dev", dev)?,
        prefsrc: ip("prefsrc", &it.prefsrc)?,
        scope: scope(scope_name).map_err(|message| item.problem("scope", message))?,
        metric: it.metric,
        origin: None,
    })
}

fn table(item: &Item<'_, RouteLine>) -> Result<TableId, Problem> {
    match item.value.table.as_deref() {
        None | Some("main") => Ok(TableId::MAIN),
        Some("local") => Ok(TableId::LOCAL),
        Some("default") => Ok(TableId::DEFAULT),
        Some(number) => number.parse().map(TableId).map_err(|_| {
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
