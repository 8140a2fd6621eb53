//! Commands that only look: what they would print in a namespace of this world, in the words of iproute2 6.1, iptables 1.8
//! and conntrack-tools 1.4. A closed set: what is not here is not understood, never guessed.
//!
//! | command | options |
//! | --- | --- |
//! | `ip neigh` | `show dev DEV` |
//! | `ip route` | `get ADDRESS [from ADDRESS iif DEV]` |
//! | `bridge fdb show` | `br BRIDGE dynamic`, or `dev TUNNEL` |
//! | `conntrack -L` | `-p tcp\|udp\|icmp`, `-s ADDRESS`, `-d ADDRESS`: of the first packet |
//! | `iptables-save -t TABLE` | |
//!
//! Each may be followed by any number of `| grep TEXT`.

use std::net::Ipv4Addr;

use super::conntrack;
use crate::base::{DevId, NsId, sort_by_number};
use crate::link::bridge::FdbEntry;
use crate::link::vxlan::EntryState;
use crate::link::{DeviceKind, IfAddr, Scope};
use crate::stack::fib::{Flow, Route, RouteKind, TableId};
use crate::world::World;

/// The lines that the command prints. None: it is not understood, or it means something that is not there.
pub fn ask(world: &World, ns: NsId, command: &str) -> Option<Vec<String>> {
    let mut parts = command.split('|');
    let words: Vec<&str> = parts.next()?.split_whitespace().collect();
    let asked = Asked { world, ns };
    let mut lines = match words.as_slice() {
        ["ip", "neigh", options @ ..] => asked.neighbours(options)?,
        ["ip", "route"] => asked.routes(),
        ["ip", "route", "get", to, options @ ..] => asked.route_to(to.parse().ok()?, options)?,
        ["bridge", "fdb", "show", "br", bridge, "dynamic"] => asked.learnt(bridge)?,
        ["bridge", "fdb", "show", "dev", tunnel] => asked.remotes(tunnel)?,
        ["conntrack", "-L", options @ ..] => asked.connections(options)?,
        ["iptables-save", "-t", table] => asked.rules(table)?,
        _ => return None,
    };
    for filter in parts {
        let text = filter.trim().strip_prefix("grep ")?.trim().trim_matches('\'');
        lines.retain(|line| line.contains(text));
    }
    Some(lines)
}

struct Asked<'a> {
    world: &'a World,
    ns: NsId,
}

impl Asked<'_> {
    fn name(&self, dev: DevId) -> &str {
        &self.world.devices[dev].name
    }

    /// `print_neigh`.
    fn neighbours(&self, options: &[&str]) -> Option<Vec<String>> {
        let only = match options {
            [] => None,
            ["show", "dev", dev] => Some(self.world.find_device(self.ns, dev)?),
            _ => return None,
        };
        let entries = self.world.netns[self.ns].neigh.iter();
        let shown = entries.filter(|((dev, _), _)| only.is_none_or(|only| only == *dev));
        let lines = shown.map(|((dev, ip), entry)| {
            let mut line = ip.to_string();
            if only.is_none() {
                line.push_str(&format!(" dev {}", self.name(dev)));
            }
            if entry.is_valid() {
                line.push_str(&format!(" lladdr {}", entry.mac));
            }
            format!("{line} {}", entry.state.name())
        });
        Some(lines.collect())
    }

    /// `print_route`, in the order of `fib_table_dump`: by prefix.
    fn routes(&self) -> Vec<String> {
        let routes = self.world.netns[self.ns].fib.iter();
        let mut of_main: Vec<&Route> =
            routes.map(|(_, route)| route).filter(|route| route.table == TableId::MAIN).collect();
        sort_by_number(&mut of_main, |route| {
            u64::from(u32::from(route.dst.network())) << 8 | u64::from(route.dst.prefix_len())
        });
        of_main.into_iter().map(|route| self.route(route)).collect()
    }

    fn route(&self, route: &Route) -> String {
        let mut line = route.text(|dev| self.name(dev));
        // The kernel adds the route of an address itself; other routes here are of `proto boot`, which is not shown.
        let is_own =
            |addr: &IfAddr| Some(addr.dev) == route.dev() && route.dst.contains(&addr.local);
        let addrs = &self.world.netns[self.ns].addrs;
        if route.scope == Scope::Link && route.prefsrc.is_some() && addrs.iter().any(is_own) {
            line.push_str(" proto kernel");
        }
        if route.scope == Scope::Link && route.kind == RouteKind::Unicast {
            line.push_str(" scope link");
        }
        if let Some(src) = route.prefsrc {
            line.push_str(&format!(" src {src}"));
        }
        line
    }

    /// `inet_rtm_getroute` and `print_route`.
    fn route_to(&self, to: Ipv4Addr, options: &[&str]) -> Option<Vec<String>> {
        let netns = &self.world.netns[self.ns];
        let mut flow = Flow::to(to, netns.lo);
        let forwarded = match options {
            [] => None,
            ["from", from, "iif", dev] => {
                flow.saddr = from.parse().ok()?;
                flow.iif = self.world.find_device(self.ns, dev)?;
                Some((flow.saddr, *dev))
            }
            _ => return None,
        };
        let Ok(found) = netns.fib.lookup(&flow) else {
            return Some(vec!["RTNETLINK answers: Network is unreachable".into()]);
        };
        let route = netns.fib.route(found.route);
        let hop = route.nexthops.as_slice().get(found.nexthop)?;
        let (kind, dev) = match route.kind {
            RouteKind::Local => ("local ", netns.lo),
            RouteKind::Unicast => ("", hop.dev),
            _ => return None,
        };
        let mut line = format!("{kind}{to}");
        if let Some((from, _)) = forwarded {
            line.push_str(&format!(" from {from}"));
        }
        if let Some(via) = hop.via {
            line.push_str(&format!(" via {via}"));
        }
        line.push_str(&format!(" dev {}", self.name(dev)));
        if forwarded.is_none() {
            // `inet_select_addr`: the device's own address, or any that is no loopback's.
            let own = netns.addrs.iter().find(|addr| addr.dev == hop.dev);
            let other = || netns.addrs.iter().find(|addr| !addr.local.is_loopback());
            let src = route.prefsrc.or(own.or_else(other).map(|addr| addr.local))?;
            line.push_str(&format!(" src {src} uid 0"));
        }
        let mut cache = String::from("    cache");
        if route.kind == RouteKind::Local {
            cache.push_str(" <local>");
        }
        if let Some((_, dev)) = forwarded {
            cache.push_str(&format!(" iif {dev}"));
        }
        Some(vec![line, cache])
    }

    /// What a bridge has learnt.
    fn learnt(&self, bridge: &str) -> Option<Vec<String>> {
        let dev = self.world.find_device(self.ns, bridge)?;
        let DeviceKind::Bridge(it) = &self.world.devices[dev].kind else { return None };
        let lines = it.fdb.iter().filter_map(|(mac, entry)| match entry {
            FdbEntry::Learnt { port, .. } => {
                Some(format!("{mac} dev {} master {bridge}", self.name(*port)))
            }
            FdbEntry::Static { .. } | FdbEntry::Local => None,
        });
        Some(lines.collect())
    }

    /// Where a tunnel's destinations are.
    fn remotes(&self, tunnel: &str) -> Option<Vec<String>> {
        let dev = self.world.find_device(self.ns, tunnel)?;
        let DeviceKind::Vxlan(it) = &self.world.devices[dev].kind else { return None };
        let lines = it.fdb.iter().map(|(mac, entry)| {
            let permanent = if entry.state == EntryState::Static { " permanent" } else { "" };
            format!("{mac} dst {} self{permanent}", entry.first.ip)
        });
        Some(lines.collect())
    }

    fn connections(&self, options: &[&str]) -> Option<Vec<String>> {
        let Some(netfilter) = &self.world.netns[self.ns].netfilter else {
            return Some(Vec::new());
        };
        let mut lines = conntrack::list(&netfilter.conntrack, self.world.now());
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let value = options.next()?;
            let wanted = match *option {
                "-p" => format!("{value} "),
                "-s" => format!(" src={value} "),
                "-d" => format!(" dst={value} "),
                _ => return None,
            };
            // The first of each stands for the original direction.
            let key = wanted.trim_start().split('=').next().unwrap_or_default().to_owned();
            lines.retain(|line| match *option {
                "-p" => line.contains(&wanted),
                _ => {
                    line.find(&format!(" {key}=")).is_some_and(|at| line[at..].starts_with(&wanted))
                }
            });
        }
        // Without `-o extended`, the network protocol is not shown.
        Some(lines.iter().map(|line| line.get(NETWORK..).unwrap_or(line).to_owned()).collect())
    }

    fn rules(&self, table: &str) -> Option<Vec<String>> {
        let netfilter = self.world.netns[self.ns].netfilter.as_ref()?;
        let text = netfilter.tables.save(false);
        let of_table = text
            .split("COMMIT\n")
            .find(|part| part.lines().any(|line| line.strip_prefix('*') == Some(table)))?;
        Some(of_table.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
    }
}

/// The length of `ipv4     2 `.
const NETWORK: usize = 11;
