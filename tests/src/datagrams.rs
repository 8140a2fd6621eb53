//! The network of the speed figures: UDP datagrams from one pod to another over one bridge.

use std::net::Ipv4Addr;

use everyhop_engine::base::{Mac, Nanos, NsId, SocketId};
use everyhop_engine::link::PortFlags;
use everyhop_engine::stack::socket::{Bound, Program, Socket};
use everyhop_engine::trace::Tracer;
use everyhop_engine::world::{LinkEnd, World};

/// Payload of each datagram, in bytes.
pub const PAYLOAD: [u8; 64] = [b'x'; 64];
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 3);
const PORT: u16 = 8080;

/// Two pods on a bridge; one sends, the other counts.
#[derive(Clone)]
pub struct Network {
    pub(crate) world: World,
    pub(crate) client: (NsId, SocketId),
    server: (NsId, SocketId),
}

impl Network {
    /// Ready to send, with neighbours and forwarding entries known.
    ///
    /// # Panics
    /// If the engine refuses this network.
    pub fn new() -> Self {
        let mut world = World::new(1);
        let node = world.add_netns("node-1").expect("a fresh name");
        let mac = Mac::from_ipv4(Ipv4Addr::new(10, 244, 1, 1));
        let vbr0 = world.add_bridge(LinkEnd { ns: node, name: "vbr0", mac }).expect("a fresh name");
        let [client, server] = [2, 3].map(|host| {
            let ns = world.add_netns(&format!("pod-{host}")).expect("a fresh name");
            let ip = Ipv4Addr::new(10, 244, 1, host);
            let pod = LinkEnd { ns, name: "eth0", mac: Mac::from_ipv4(ip) };
            let veth = format!("veth{host}");
            let port = LinkEnd { ns: node, name: &veth, mac: Mac([0x1e, 0, 0, 0, 1, host]) };
            let (eth0, port) = world.add_veth(pod, port).expect("fresh names");
            world.set_master(port, vbr0, PortFlags::default()).expect("a free device");
            world.add_addr(eth0, ipnet::Ipv4Net::new_assert(ip, 24), None).expect("a free address");
            let bound = Bound::Udp { port: if host == 2 { 40000 } else { PORT } };
            let socket = Socket {
                bound,
                addr: None,
                program: Program::Reads,
                owner: "app".into(),
                broadcast: false,
                heard: 0,
            };
            (ns, world.bind(ns, socket).expect("a free port"))
        });
        let mut network = Self { world, client, server };
        network.send(&mut everyhop_engine::trace::Off, 1);
        network
    }

    /// Sends `n` datagrams, one after the other has been read.
    ///
    /// # Panics
    /// If one is not sent.
    pub fn send<T: Tracer>(&mut self, trace: &mut T, n: u64) {
        for _ in 0..n {
            self.world.refill_event_budget();
            self.world.send_udp(trace, self.client, (SERVER, PORT), &PAYLOAD).expect("a route");
            self.world.run_until_quiet(trace, Nanos::ZERO);
        }
    }

    /// Datagrams that the other pod has read.
    pub fn read(&self) -> u64 {
        let (ns, socket) = self.server;
        self.world.netns[ns].sockets.get(socket).heard
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}
