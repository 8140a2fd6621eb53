//! A namespace's tables at one instant, in the words of the command that prints them.

use everyhop_engine::base::{NsId, OriginId};
use everyhop_engine::link::bridge::FdbEntry;
use everyhop_engine::link::{DeviceKind, PortFlags};
use everyhop_engine::stack::fib::{Route, RouteKind, TableId};
use everyhop_engine::stack::socket::Bound;
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
}

/// The tables of a namespace now; rows that were not so `before` are marked.
pub fn tables(now: &World, before: Option<&World>, ns: NsId) -> Vec<Table> {
    let mut tables = list(now, ns);
    if let Some(before) = before {
        for (table, old) in tables.iter_mut().zip(list(before, ns)) {
            for row in &mut table.rows {
                row.changed = old.rows.iter().all(|was| was.cells != row.cells);
            }
        }
    }
    tables
}

fn list(world: &World, ns: NsId) -> Vec<Table> {
    let netns = &world.netns[ns];
    let (mut tables, mut last) = (Vec::new(), Vec::new());
    for &dev in &netns.devs {
        let device = &world.devices[dev];
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
                vec![mac.to_string(), port, how.into()]
            });
            tables.push(Table {
                title: format!("Forwarding table of {}", device.name),
                command: format!("bridge fdb show br {}", device.name),
                columns: &["MAC address", "behind", "kind"],
                rows: unchanged(rows),
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
        vec![ip.to_string(), name(world, dev), mac, entry.state.name().into(), waiting]
    });
    tables.push(Table {
        title: "Neighbours".into(),
        command: "ip neigh".into(),
        columns: &["address", "device", "MAC address", "state", "packets"],
        rows: unchanged(neighbours),
        empty: "Nobody's hardware address is known yet.",
    });
    tables.push(routes(world, ns, TableId::MAIN));
    tables.push(routes(world, ns, TableId::LOCAL));
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
    tables
}

fn routes(world: &World, ns: NsId, table: TableId) -> Table {
    let of_table = world.netns[ns].fib.iter().filter(|(_, route)| route.table == table);
    let rows = of_table.map(|(_, route)| {
        vec![
            destination(route),
            route.dev().map(|dev| name(world, dev)).unwrap_or_default(),
            route.prefsrc.map(|src| src.to_string()).unwrap_or_default(),
            origin(world, route.origin),
        ]
    });
    let listing = match table {
        TableId::MAIN => "ip route".into(),
        other => format!("ip route show table {}", other.name()),
    };
    Table {
        title: format!("Routes, table {}", table.name()),
        command: listing,
        columns: &["destination", "device", "source", "because of"],
        rows: unchanged(rows),
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

fn unchanged(rows: impl Iterator<Item = Vec<String>>) -> Vec<Row> {
    rows.map(|cells| Row { cells, changed: false }).collect()
}
