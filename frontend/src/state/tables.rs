//! A namespace's tables at one instant, in the words of the command that prints them.

use everyhop_engine::base::{NsId, OriginId};
use everyhop_engine::link::bridge::FdbEntry;
use everyhop_engine::link::vxlan::EntryState;
use everyhop_engine::link::{Conf, DeviceKind, PortFlags};
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::stack::fib::{Route, RouteKind, TableId};
use everyhop_engine::stack::socket::Bound;
use everyhop_engine::tool::conntrack;
use everyhop_engine::trace::{Event, RouteAnswer};
use everyhop_engine::world::World;

/// A table as a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    pub title: String,
    /// The command that lists the same on a machine.
    pub command: String,
    pub columns: &'static [&'static str],
    pub rows: Vec<Row>,
    /// What it means that there are no rows.
    pub empty: &'static str,
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub cells: Vec<String>,
    /// This step made it, or changed it.
    pub changed: bool,
    /// A packet's way was decided by it in this step.
    pub decides: bool,
}

/// The tables of a namespace now; rows that were not so `before` are marked, and those that `events` name as what decided.
pub fn tables(now: &World, before: Option<&World>, ns: NsId, events: &[Event]) -> Vec<Table> {
    let mut tables = list(now, ns, events);
    if let Some(before) = before {
        for old in list(before, ns, &[]) {
            let Some(table) = tables.iter_mut().find(|it| it.title == old.title) else { continue };
            for row in &mut table.rows {
                row.changed = old.rows.iter().all(|was| was.cells != row.cells);
            }
        }
    }
    tables
}

fn list(world: &World, ns: NsId, events: &[Event]) -> Vec<Table> {
    let netns = &world.netns[ns];
    let (mut tables, mut last) = (Vec::new(), Vec::new());
    for &dev in &netns.devs {
        let device = &world.devices[dev];
        if let DeviceKind::Vxlan(tunnel) = &device.kind {
            let rows = tunnel.fdb.iter().map(|(mac, entry)| {
                let how = match entry.state {
                    EntryState::Static => "static",
                    EntryState::Learnt { .. } => "learnt",
                };
                let decides = events.iter().any(|event| match *event {
                    Event::TunnelLookup { dev: of, mac: asked, .. } => (of, asked) == (dev, *mac),
                    _ => false,
                });
                let cells = vec![mac.to_string(), entry.first.ip.to_string(), how.into()];
                Row { decides, ..plain(cells) }
            });
            tables.push(Table {
                title: format!("Forwarding table of {}", device.name),
                command: format!("bridge fdb show dev {}", device.name),
                columns: &["MAC address", "at the tunnel's end", "kind"],
                rows: rows.collect(),
                empty: "The tunnel knows nobody yet.",
            });
        }
        if let DeviceKind::Bridge(bridge) = &device.kind {
            // What was learnt first: the rest never changes by itself.
            let learnt = |entry: &FdbEntry| matches!(entry, FdbEntry::Learnt { .. });
            let (first, rest): (Vec<_>, Vec<_>) =
                bridge.fdb.iter().partition(|(_, entry)| learnt(entry));
            let rows = first.into_iter().chain(rest).map(|(mac, entry)| {
                let (port, how) = match entry {
                    FdbEntry::Local => ("this host".into(), "permanent"),
                    FdbEntry::Static { port } => (name(world, *port), "static"),
                    FdbEntry::Learnt { port, .. } => (name(world, *port), "learnt"),
                };
                let decides = events.iter().any(|event| match *event {
                    Event::FdbLookup { bridge, mac: asked, .. } => (bridge, asked) == (dev, *mac),
                    _ => false,
                });
                Row { decides, ..plain(vec![mac.to_string(), port, how.into()]) }
            });
            tables.push(Table {
                title: format!("Forwarding table of {}", device.name),
                command: format!("bridge fdb show br {}", device.name),
                columns: &["MAC address", "behind", "kind"],
                rows: rows.collect(),
                empty: "The bridge has learnt nothing yet.",
            });
            let ports = bridge.ports.iter().rev().map(|&port| {
                let flags = world.devices[port].port.map_or_else(PortFlags::default, |p| p.flags);
                vec![name(world, port), port_flags(flags)]
            });
            last.push(Table {
                title: format!("Ports of {}", device.name),
                command: format!("bridge -d link show master {}", device.name),
                columns: &["port", "flags"],
                rows: unchanged(ports),
                empty: "No device is a port of this bridge.",
            });
        }
    }
    let neighbours = netns.neigh.iter().map(|((dev, ip), entry)| {
        let mac = if entry.is_valid() { entry.mac.to_string() } else { "unknown".into() };
        let waiting = match entry.waiting() {
            0 => String::new(),
            n => format!("{n} waiting"),
        };
        let decides = events.iter().any(|event| match *event {
            Event::NeighHit { dev: by, next_hop, .. } => (by, next_hop) == (dev, ip),
            _ => false,
        });
        let cells = vec![ip.to_string(), name(world, dev), mac, entry.state.name().into(), waiting];
        Row { decides, ..plain(cells) }
    });
    tables.push(Table {
        title: "Neighbours".into(),
        command: "ip neigh".into(),
        columns: &["address", "device", "MAC address", "state", "packets"],
        rows: neighbours.collect(),
        empty: "Nobody's hardware address is known yet.",
    });
    tables.push(routes(world, ns, TableId::MAIN, events));
    tables.push(routes(world, ns, TableId::LOCAL, events));
    if let Some(netfilter) = &netns.netfilter {
        let connections = conntrack::list(&netfilter.conntrack, world.now());
        tables.push(Table {
            title: "Connections".into(),
            command: "conntrack -L -o extended".into(),
            columns: &["connection, as it began and as its answers come"],
            rows: connections.into_iter().map(|line| plain(vec![line])).collect(),
            empty: "No connection is tracked yet.",
        });
    }
    tables.push(addresses(world, ns));
    let sockets = netns.sockets.iter().map(|(_, socket)| {
        let bound = match socket.bound {
            Bound::Udp { port } => format!("udp {port}"),
            Bound::Ping { id } => format!("icmp, id {id}"),
            Bound::Tcp { port } => format!("tcp {port}"),
        };
        let addr = socket.addr.map_or_else(|| "any".into(), |a| a.to_string());
        vec![bound, addr, socket.owner.to_string(), socket.heard.to_string()]
    });
    tables.push(Table {
        title: "Sockets".into(),
        command: "ss -nuwa".into(),
        columns: &["bound to", "address", "program", "heard"],
        rows: unchanged(sockets),
        empty: "No program has a socket open.",
    });
    tables.extend(last);
    tables.push(settings(world, ns));
    tables.extend(netns.netfilter.as_ref().map(|it| rules(&it.tables)));
    tables
}

fn addresses(world: &World, ns: NsId) -> Table {
    let netns = &world.netns[ns];
    let rows = netns.devs.iter().map(|&dev| {
        let device = &world.devices[dev];
        let own = netns.addrs.iter().filter(|addr| addr.dev == dev);
        let own: Vec<_> = own.map(|addr| format!("{}/{}", addr.local, addr.prefix_len)).collect();
        let state = if device.up { "up" } else { "down" };
        plain(vec![
            device.name.to_string(),
            own.join(", "),
            device.mac.to_string(),
            device.mtu_bytes.to_string(),
            state.into(),
        ])
    });
    Table {
        title: "Addresses".into(),
        command: "ip addr".into(),
        columns: &["device", "address", "MAC address", "MTU", ""],
        rows: rows.collect(),
        empty: "There is no device.",
    }
}

/// The settings that decide a packet's way most often.
fn settings(world: &World, ns: NsId) -> Table {
    let sysctl = &world.netns[ns].sysctl;
    let all = |conf: Conf| {
        (format!("net.ipv4.conf.all.{}", conf.name()), sysctl.all.get(conf).to_string())
    };
    let rows = [
        ("net.ipv4.ip_forward".to_owned(), sysctl.all.get(Conf::Forwarding).to_string()),
        (
            "net.bridge.bridge-nf-call-iptables".to_owned(),
            u8::from(sysctl.bridge_nf_call_iptables).to_string(),
        ),
        all(Conf::RpFilter),
        all(Conf::RouteLocalnet),
        all(Conf::ProxyArp),
        all(Conf::SendRedirects),
        ("net.ipv4.ip_default_ttl".to_owned(), sysctl.default_ttl_hops.to_string()),
    ];
    Table {
        title: "Settings".into(),
        command: "sysctl".into(),
        columns: &["name", "value"],
        rows: rows.into_iter().map(|(name, value)| plain(vec![name, value])).collect(),
        empty: "",
    }
}

/// More lines than this are a matter for the command line.
const RULE_LINES: usize = 400;

/// With what each rule counted, so that those that matched in a step are marked as changed.
fn rules(tables: &Tables) -> Table {
    let saved = tables.save(true);
    let n_lines = saved.lines().count();
    let mut rows: Vec<Row> =
        saved.lines().take(RULE_LINES).map(|line| plain(vec![line.to_owned()])).collect();
    if n_lines > RULE_LINES {
        rows.push(plain(vec![format!("and {} lines more", n_lines - RULE_LINES)]));
    }
    Table {
        title: "Rules".into(),
        command: "iptables-save -c".into(),
        columns: &["packets and bytes, rule"],
        rows,
        empty: "There are no rules.",
    }
}

fn routes(world: &World, ns: NsId, table: TableId, events: &[Event]) -> Table {
    let of_table = world.netns[ns].fib.iter().filter(|(_, route)| route.table == table);
    let rows = of_table.map(|(id, route)| {
        let decides = events.iter().any(|event| match *event {
            Event::RouteLookup { ns: at, answer: RouteAnswer::Route(found), .. } => {
                (at, found) == (ns, id)
            }
            _ => false,
        });
        let cells = vec![
            destination(route),
            route.dev().map(|dev| name(world, dev)).unwrap_or_default(),
            route.prefsrc.map(|src| src.to_string()).unwrap_or_default(),
            origin(world, route.origin),
        ];
        Row { decides, ..plain(cells) }
    });
    let listing = match table {
        TableId::MAIN => "ip route".into(),
        other => format!("ip route show table {}", other.name()),
    };
    Table {
        title: format!("Routes, table {}", table.name()),
        command: listing,
        columns: &["destination", "device", "source", "because of"],
        rows: rows.collect(),
        empty: "This table has no routes.",
    }
}

fn destination(route: &Route) -> String {
    let dst = if route.dst.prefix_len() == 0 {
        "default".into()
    } else if route.dst.prefix_len() == 32 {
        route.dst.addr().to_string()
    } else {
        route.dst.to_string()
    };
    let kind = match route.kind {
        RouteKind::Unicast => String::new(),
        other => format!("{} ", other.name()),
    };
    let via = route.via().map_or_else(String::new, |via| format!(" via {via}"));
    format!("{kind}{dst}{via}")
}

fn port_flags(flags: PortFlags) -> String {
    let named = [
        (flags.learning, "learning"),
        (flags.flood, "flood"),
        (flags.hairpin, "hairpin"),
        (flags.isolated, "isolated"),
    ];
    let on: Vec<_> = named.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
    on.join(", ")
}

fn name(world: &World, dev: everyhop_engine::base::DevId) -> String {
    world.devices[dev].name.to_string()
}

fn origin(world: &World, origin: Option<OriginId>) -> String {
    origin.map(|id| world.origin(id).to_owned()).unwrap_or_default()
}

fn plain(cells: Vec<String>) -> Row {
    Row { cells, changed: false, decides: false }
}

fn unchanged(rows: impl Iterator<Item = Vec<String>>) -> Vec<Row> {
    rows.map(plain).collect()
}
