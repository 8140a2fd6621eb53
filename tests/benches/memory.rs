//! What an idle pod costs: a namespace with `lo`, one end of a veth pair, an address and a default route, and the other end on its
//! node's bridge. The resident memory of this process before and after many of them, by Linux.

use std::fs;
use std::net::Ipv4Addr;

use everyhop_engine::base::Mac;
use everyhop_engine::link::PortFlags;
use everyhop_engine::world::{Hop, LinkEnd, NewRoute, World};
use ipnet::Ipv4Net;

const PODS_A_NODE: u8 = 100;
const NODES: u8 = 100;

fn main() {
    let Some(before) = resident_bytes() else {
        return println!("memory: needs Linux's /proc");
    };
    let world = cluster();
    let after = resident_bytes().unwrap_or(before);
    let n_pods = usize::from(NODES) * usize::from(PODS_A_NODE);
    println!("an idle pod namespace with its veth pair: {} bytes", (after - before) / n_pods);
    drop(world);
}

fn cluster() -> World {
    let mut world = World::new(1);
    for i in 0..NODES {
        let node = world.add_netns(&format!("node-{i}")).expect("a fresh name");
        let gateway = Ipv4Addr::new(10, 244, i, 1);
        let mac = Mac::from_ipv4(gateway);
        let vbr0 = world.add_bridge(LinkEnd { ns: node, name: "vbr0", mac }).expect("a fresh name");
        world.add_addr(vbr0, Ipv4Net::new_assert(gateway, 24), None).expect("a free address");
        for host in 2..PODS_A_NODE + 2 {
            let ns = world.add_netns(&format!("pod-{i}-{host}")).expect("a fresh name");
            let ip = Ipv4Addr::new(10, 244, i, host);
            let pod = LinkEnd { ns, name: "eth0", mac: Mac::from_ipv4(ip) };
            let veth = format!("veth{host}");
            let port = LinkEnd { ns: node, name: &veth, mac: Mac([0x1e, 0, 0, 0, i, host]) };
            let (eth0, port) = world.add_veth(pod, port).expect("fresh names");
            world.set_master(port, vbr0, PortFlags::default()).expect("a free device");
            world.add_addr(eth0, Ipv4Net::new_assert(ip, 24), None).expect("a free address");
            let default = NewRoute::new(Ipv4Net::default(), Hop::Gateway(gateway));
            world.add_route(ns, default).expect("the gateway is on the link");
        }
    }
    world
}

fn resident_bytes() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
