//! Claims about exported forms.

use std::net::Ipv4Addr;

use super::*;
use crate::app::dns_server::DnsServer;
use crate::app::http_server::HttpServer;
use crate::app::{App, Chance};
use crate::base::{Mac, Nanos, NsId};
use crate::link::bridge::FdbEntry;
use crate::link::{Conf, PortFlags};
use crate::stack::fib::{RouteKind, TableId};
use crate::stack::rule::{Action, Rule};
use crate::stack::socket::{Bound, Program, Socket};
use crate::trace::Nud;
use crate::world::{Hop, LinkEnd, NewRoute, World};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn end(ns: NsId, name: &str, last: u8) -> LinkEnd<'_> {
    LinkEnd { ns, name, mac: Mac([2, 0, 0, 0, 0, last]) }
}

/// A node whose bridge has one pod, which answers datagrams.
fn node() -> World {
    let mut world = World::new(1);
    let [node, pod] = ["node", "pod"].map(|name| world.add_netns(name).expect("a fresh name"));
    world.set_ip_forward(node, true);
    let vbr0 = world.add_bridge(end(node, "vbr0", 1)).expect("a fresh name");
    let (eth0, port) =
        world.add_veth(end(pod, "eth0", 2), end(node, "veth0", 3)).expect("fresh names");
    let flags = PortFlags { hairpin: true, ..PortFlags::default() };
    world.set_master(port, vbr0, flags).expect("a free device");
    world.devices[eth0].mtu_bytes = 1400;
    for (dev, addr) in [(vbr0, "10.244.1.1/24"), (eth0, "10.244.1.2/24")] {
        world.add_addr(dev, addr.parse().expect("a prefix"), None).expect("a free address");
    }
    let hop = Hop::Gateway(Ipv4Addr::new(10, 244, 1, 1));
    let default = NewRoute { metric: 5, ..NewRoute::new(ipnet::Ipv4Net::default(), hop) };
    world.add_route(pod, default).expect("its gateway is on the link");
    world.set_neigh(eth0, Ipv4Addr::new(10, 244, 1, 1), Mac([2, 0, 0, 0, 0, 1]), Nud::Permanent);
    let learnt = FdbEntry::Learnt { port, updated: world.now() };
    world.bridge_mut(vbr0).expect("a bridge").fdb.insert(Mac([2, 0, 0, 0, 0, 2]), learnt);
    let socket = Socket {
        bound: Bound::Udp { port: 53 },
        addr: None,
        program: Program::Answers(b"hi".to_vec()),
        owner: "container dns".into(),
        broadcast: false,
        heard: 0,
    };
    world.bind(pod, socket).expect("a free port");
    world
}

fn lines_of(text: &str, part: &str) -> Vec<String> {
    let begin = format!("{part}() {{");
    let lines = text.lines().skip_while(|it| *it != begin).skip(1);
    lines.take_while(|it| *it != "}").map(str::to_owned).collect()
}

#[test]
fn a_script_makes_every_namespace_link_address_route_and_entry() {
    let text = script(&node()).expect("all of it has commands");
    let network = lines_of(&text, "network");
    let plain = |it: &&String| !it.contains("sysctl") && !it.contains("ethtool");
    let rest: Vec<&str> = network.iter().filter(plain).map(String::as_str).collect();
    assert_eq!(
        rest.join("\n"),
        "\
namespace node net.ipv4.ip_forward=1
namespace pod
ip -batch - <<'END'
link add name vbr0 netns node index 2 address 02:00:00:00:00:01 type bridge mcast_snooping 0
link add name eth0 netns pod index 2 address 02:00:00:00:00:02 type veth peer name veth0 netns node index 3 address 02:00:00:00:00:03
END
ip -n node -batch - <<'END'
link set dev veth0 master vbr0
link set dev lo up
link set dev vbr0 up
link set dev veth0 up
address add 10.244.1.1/24 dev vbr0
END
ip -n pod -batch - <<'END'
link set dev eth0 mtu 1400
link set dev lo up
link set dev eth0 up
address add 10.244.1.2/24 dev eth0
route add default via 10.244.1.1 dev eth0 metric 5
neighbour replace 10.244.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
END
settled node veth0
bridge -n node -batch - <<'END'
fdb replace 02:00:00:00:00:02 dev veth0 master dynamic
link set dev veth0 hairpin on
END"
    );
    assert_eq!(lines_of(&text, "programs"), ["serve pod udp 0.0.0.0 53 6869"]);
}

#[test]
fn processes_are_started_where_the_script_can_and_named_where_it_cannot() {
    let mut world = node();
    let pod = world.find_netns("pod").expect("made");
    let http = |name: &str, ports| App::HttpServer(HttpServer::new(name, ports, 404));
    world.spawn(pod, "container web", http("default/it's me", vec![80, 8080]));
    world.spawn(pod, "container late", http("default/late", vec![80]));
    let dns = DnsServer::new(Vec::new().into(), Vec::new(), Chance::new(1));
    let node = world.find_netns("node").expect("made");
    world.spawn(node, "container dns", App::DnsServer(dns));
    let text = script(&world).expect("all of it has commands");
    assert_eq!(
        lines_of(&text, "programs"),
        [
            "serve pod udp 0.0.0.0 53 6869",
            r"serve_http pod 'default/it'\''s me' '404 Not Found' 0.0.0.0:80 0.0.0.0:8080",
            "# node has a DNS server, which this script does not start: nobody answers at 0.0.0.0:53.",
        ]
    );
}

#[test]
fn policy_routing_and_the_settings_of_devices_are_written_out() {
    let mut world = node();
    let node = world.find_netns("node").expect("made");
    let vbr0 = world.find_device(node, "vbr0").expect("made");
    let net = |text: &str| text.parse().expect("a prefix");
    let via = |last| Hop::Gateway(Ipv4Addr::new(10, 244, 1, last));
    let ways = vec![(via(8), 1), (via(9), 3)];
    let both =
        NewRoute { hops: ways, table: TableId(100), ..NewRoute::new(net("10.9.0.0/16"), via(8)) };
    world.add_route(node, both).expect("its gateways are on the link");
    let (kind, hops) = (RouteKind::Unreachable, Vec::new());
    let barrier = NewRoute { kind, hops, tos: 0x10, ..NewRoute::new(net("10.8.0.0/16"), via(8)) };
    world.add_route(node, barrier).expect("it needs no gateway");
    let rule = Rule { src: net("10.244.0.0/16"), ..Rule::new(50, Action::Lookup(TableId(100))) };
    world.add_rule(node, rule);
    world.set_conf(vbr0, Conf::RpFilter, 2);
    world.devices[vbr0].proxy_delay = Nanos::ZERO;
    let text = script(&world).expect("all of it has a command");
    for line in [
        "route add 10.9.0.0/16 table 100 nexthop via 10.244.1.8 dev vbr0 weight 1 nexthop via 10.244.1.9 dev vbr0 weight 3",
        "route add unreachable 10.8.0.0/16 tos 0x10",
        "rule add pref 50 from 10.244.0.0/16 lookup 100",
        "ip netns exec node sysctl -qw net.ipv4.conf.vbr0.rp_filter=2 net.ipv4.neigh.vbr0.proxy_delay=0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
}

#[test]
fn a_part_of_a_world_without_a_command_is_named() {
    let refused = |change: fn(&mut World)| {
        let mut world = node();
        change(&mut world);
        script(&world).expect_err("there is no command for it").to_string()
    };
    assert_eq!(
        refused(|it| {
            let pod = it.find_netns("pod").expect("made");
            it.netns[pod].name = "a b".into();
        }),
        r#"the name "a b" cannot stand in a script: expected letters, digits, and - _ . @ + ="#
    );
    assert_eq!(
        refused(|it| {
            let pod = it.find_netns("pod").expect("made");
            let bound = Bound::Ping { id: 7 };
            let (program, owner) = (Program::Reads, "ping".into());
            it.bind(pod, Socket { bound, addr: None, program, owner, broadcast: false, heard: 0 })
                .expect("free");
        }),
        "pod: the socket that sent echo requests with the identifier 7 is of a run, and not of a network"
    );
}

#[test]
fn wires_that_cross_are_made_in_the_order_of_their_indices() {
    let mut world = World::new(1);
    let [a, b] = ["a", "b"].map(|name| world.add_netns(name).expect("a fresh name"));
    for (n, name) in [(1, "x"), (2, "y"), (3, "z")] {
        world.add_veth(end(b, name, n), end(a, name, n + 10)).expect("fresh names");
    }
    let text = script(&world).expect("all of it has commands");
    let made: Vec<&str> = text
        .lines()
        .filter_map(|it| it.strip_prefix("link add name ")?.split(' ').next())
        .collect();
    assert_eq!(made, ["x", "y", "z"]);
}
