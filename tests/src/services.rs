//! The network of the figures with Services: two pods on one node's bridge, `br_netfilter` on, and kube-proxy's rules for any
//! number of Services of which the last leads to the second pod.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use everyhop_engine::base::{Nanos, SocketId};
use everyhop_engine::netfilter::Netfilter;
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::stack::socket::{Bound, Program, Socket};
use everyhop_engine::trace::{Off, Tracer};
use everyhop_engine::world::{Hop, NewRoute};

use crate::datagrams::{Network, PAYLOAD};

/// Where the last Service leads.
pub const SERVER: &str = "10.244.1.3:8080";
const SERVER_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 3);

/// The cluster address of the `i`th Service, from 10.96.0.1 on; each listens on UDP port 80.
pub fn cluster_ip(i: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 1)) + u32::from(i))
}

/// The nat table of a node with so many Services, one endpoint each, as `iptables-restore` reads it: kube-proxy's chains and
/// order of rules.
pub fn nat_table(n_services: u16) -> String {
    let mut text = String::from(
        "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-POSTROUTING - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n",
    );
    for i in 0..n_services {
        let _ = writeln!(text, ":KUBE-SVC-{i:016} - [0:0]\n:KUBE-SEP-{i:016} - [0:0]");
    }
    text.push_str(
        "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully
",
    );
    for i in 0..n_services {
        let ip = cluster_ip(i);
        let to = if i + 1 == n_services {
            SERVER.to_owned()
        } else {
            let [_, _, c, d] = ip.octets();
            format!("10.244.{c}.{d}:8080")
        };
        let (host, _) = to.split_once(':').unwrap_or((&to, ""));
        let name = format!("-m comment --comment \"default/s{i} cluster IP\"");
        let _ = write!(
            text,
            "-A KUBE-SERVICES -d {ip}/32 -p udp {name} -m udp --dport 80 -j KUBE-SVC-{i:016}
-A KUBE-SVC-{i:016} ! -s 10.244.0.0/16 -d {ip}/32 -p udp {name} -m udp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-{i:016} -m comment --comment \"default/s{i} -> {to}\" -j KUBE-SEP-{i:016}
-A KUBE-SEP-{i:016} -s {host}/32 -m comment --comment default/s{i} -j KUBE-MARK-MASQ
-A KUBE-SEP-{i:016} -p udp -m comment --comment default/s{i} -m udp -j DNAT --to-destination {to}
",
        );
    }
    text.push_str("COMMIT\n");
    text
}

/// The pods of [`Network`] with those rules on their node, and a client with many sockets.
#[derive(Clone)]
pub struct Services {
    network: Network,
    sockets: Vec<SocketId>,
    /// The last Service's address, which leads to the server.
    target: Ipv4Addr,
    /// Flows begun so far: each of the client's sockets begins one through the Service, then each one straight to the pod.
    n_begun: usize,
}

impl Services {
    const FIRST_PORT: u16 = 2_000;

    /// # Panics
    /// If the engine refuses this network.
    pub fn new(n_services: u16, n_sockets: u16) -> Self {
        let mut network = Network::new();
        let world = &mut network.world;
        let node = world.find_netns("node-1").expect("the node");
        let bridge = world.find_device(node, "vbr0").expect("the bridge");
        let gateway = ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 244, 1, 1), 24);
        world.add_addr(bridge, gateway, None).expect("a free address");
        world.set_ip_forward(node, true);
        world.set_bridge_calls_iptables(node, true);
        let mut netfilter = Netfilter::default();
        let text = nat_table(n_services);
        let tables = Tables::parse(&text, &netfilter.sets, &mut netfilter.recents);
        netfilter.set_tables(tables.expect("kube-proxy's rules"));
        world.netns[node].netfilter = Some(Box::new(netfilter));

        let (pod, _) = network.client;
        let default = NewRoute::new(ipnet::Ipv4Net::default(), Hop::Gateway(gateway.addr()));
        world.add_route(pod, default).expect("the gateway is on the link");
        let taken = world.netns[pod].sockets.get(network.client.1).bound;
        let sockets = (Self::FIRST_PORT..=u16::MAX)
            .map(|port| Bound::Udp { port })
            .filter(|&bound| bound != taken)
            .take(n_sockets.into())
            .map(|bound| {
                let socket = Socket {
                    bound,
                    program: Program::Reads,
                    ..world.netns[pod].sockets.get(network.client.1).clone()
                };
                world.bind(pod, socket).expect("a free port")
            })
            .collect();
        let mut it = Self { network, sockets, target: cluster_ip(n_services - 1), n_begun: 0 };
        it.begin(&mut Off, 1);
        it
    }

    /// The first datagrams of `n` new flows to the last Service.
    ///
    /// # Panics
    /// If there are no more sockets.
    pub fn begin<T: Tracer>(&mut self, trace: &mut T, n: usize) {
        for _ in 0..n {
            self.send_from(trace, self.n_begun);
            self.n_begun += 1;
        }
    }

    /// A datagram of each of `n` flows that have begun, scattered over all of them.
    pub fn go_on<T: Tracer>(&mut self, trace: &mut T, n: usize) {
        const STRIDE: usize = 7_919;
        for i in 0..n {
            self.send_from(trace, i * STRIDE % self.n_begun);
        }
    }

    fn send_from<T: Tracer>(&mut self, trace: &mut T, flow: usize) {
        let world = &mut self.network.world;
        let (from, to) = match self.sockets.get(flow) {
            Some(&socket) => (socket, (self.target, 80)),
            None => (self.sockets[flow - self.sockets.len()], (SERVER_IP, 8080)),
        };
        let from = (self.network.client.0, from);
        world.refill_event_budget();
        world.send_udp(trace, from, to, &PAYLOAD).expect("a route");
        world.run_until_quiet(trace, Nanos::ZERO);
    }

    /// Datagrams that the server has read.
    pub fn read(&self) -> u64 {
        self.network.read()
    }
}
