//! `sockets.txt`: who listens. What such a program answers is not known; that it listens is, so nobody gets a port
//! unreachable or a reset.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::Netns;
use super::read::Line;
use crate::stack::socket::{Bound, Program, Socket};
use crate::world::World;
use crate::yaml::Problem;

/// Binds a socket for every line of `ss -H -lntu`.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("sockets.txt")? else { return Ok(()) };
    let mut by_port: BTreeMap<(bool, u16), BTreeSet<Option<Ipv4Addr>>> = BTreeMap::new();
    for line in text.lines() {
        if let Some((is_tcp, addr, port)) = listener(line)? {
            by_port.entry((is_tcp, port)).or_default().insert(addr);
        }
    }
    for ((is_tcp, port), mut addrs) in by_port {
        let bound = if is_tcp { Bound::Tcp { port } } else { Bound::Udp { port } };
        let sockets = &world.netns[netns.id].sockets;
        let here = sockets.find(bound, Ipv4Addr::UNSPECIFIED).map(|id| sockets.get(id));
        if here.is_some_and(|it| matches!(it.program, Program::Tunnel(_))) {
            continue; // the socket of a VXLAN device, which ss lists too
        }
        if addrs.contains(&None) {
            addrs = BTreeSet::from([None]); // it hears what the others on that port do not
        }
        for addr in addrs {
            let socket = Socket {
                bound,
                addr,
                program: Program::Reads,
                owner: "a program".into(),
                broadcast: false,
                heard: 0,
            };
            let bound = world.bind(netns.id, socket);
            bound.map_err(|e| text.whole("", format!("port {port}: {e}")))?;
        }
    }
    Ok(())
}

/// Whether it is TCP, address (None for all) and port of `udp UNCONN 0 0 127.0.0.1%lo:53 0.0.0.0:*`; None where it hears no
/// IPv4.
fn listener(line: Line<'_>) -> Result<Option<(bool, Option<Ipv4Addr>, u16)>, Problem> {
    let mut words = line.words.split_whitespace();
    let is_tcp = match words.next() {
        Some("tcp") => true,
        Some("udp") => false,
        _ => return Ok(None),
    };
    let local = words.nth(3).unwrap_or_default();
    let expected = || line.problem(0, local, "expected what ss -H -lntu prints");
    let (host, port) = local.rsplit_once(':').ok_or_else(expected)?;
    let port = port.parse().map_err(|_| expected())?;
    if host.starts_with('[') {
        return Ok(None);
    }
    let (host, dev) = host.split_once('%').map_or((host, None), |(host, dev)| (host, Some(dev)));
    match (host, dev) {
        ("*" | "0.0.0.0", None) => Ok(Some((is_tcp, None, port))),
        ("*" | "0.0.0.0", Some(_)) => {
            let message = "sockets bound to one device are not modelled yet";
            Err(line.problem(0, local, message))
        }
        (host, _) => match host.parse() {
            Ok(addr) => Ok(Some((is_tcp, Some(addr), port))),
            Err(_) => Err(expected()),
        },
    }
}
