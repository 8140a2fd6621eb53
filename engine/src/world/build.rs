//! Building a world: what `ip`, `bridge` and `sysctl` do, with the routes and entries that the kernel adds by itself.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::World;
use super::queue::Due;
use crate::base::{DevId, Id, Mac, NsId, OriginId, RouteId, SocketId};
use crate::link::bridge::FdbEntry;
use crate::link::{Bridge, Conf, Device, DeviceKind, IfAddr, Port, PortFlags, Scope, Vxlan};
use crate::stack::Netns;
use crate::stack::fib::{Flow, Nexthop, Nexthops, Route, RouteKind, TableId};
use crate::stack::rule::Rule;
use crate::stack::socket::{AddrInUse, Bound, Program, Socket};
use crate::trace::Nud;
use crate::wire::vxlan::Vni;

/// Why a world cannot be built so. Each names what is in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigError {
    NameTaken { what: &'static str, name: String },
    BadName { name: String, why: &'static str },
    NotABridge { name: String },
    AlreadyAPort { name: String },
    AddressTaken { addr: Ipv4Addr, dev: String },
    GatewayUnreachable { via: Ipv4Addr },
    PortTaken { owner: String },
    VniTaken { vni: Vni, dev: String },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken { what, name } => write!(f, "there is a {what} named {name} already"),
            Self::BadName { name, why } => write!(f, "{name:?} cannot be a device's name: {why}"),
            Self::NotABridge { name } => write!(f, "{name} is not a bridge"),
            Self::AlreadyAPort { name } => write!(f, "{name} is a port of a bridge already"),
            Self::AddressTaken { addr, dev } => write!(f, "{addr} is on {dev} already"),
            Self::GatewayUnreachable { via } => {
                write!(f, "the gateway {via} is on none of this namespace's links")
            }
            Self::VniTaken { vni, dev } => {
                write!(f, "{dev} has the VXLAN network {vni} on that port already")
            }
            Self::PortTaken { owner } => write!(f, "{owner} listens there already (EADDRINUSE)"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// One end of a new wire.
#[derive(Clone, Copy, Debug)]
pub struct LinkEnd<'a> {
    pub ns: NsId,
    pub name: &'a str,
    pub mac: Mac,
}

/// Where a new route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hop {
    /// `via IP`: by the device on whose link the gateway is.
    Gateway(Ipv4Addr),
    /// `via IP dev DEV onlink`.
    GatewayOn(Ipv4Addr, DevId),
    /// `dev DEV`: the destination is on the link itself.
    Link(DevId),
}

/// A route to add, in `ip route add`'s terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRoute {
    pub table: TableId,
    pub dst: Ipv4Net,
    /// `tos`, which a packet must have; 0: any.
    pub tos: u8,
    pub kind: RouteKind,
    /// The ways it leads with their weights; none for a route that leads nowhere.
    pub hops: Vec<(Hop, u16)>,
    pub prefsrc: Option<Ipv4Addr>,
    pub metric: u32,
    pub origin: Option<OriginId>,
}

impl NewRoute {
    /// A route in the main table by one way.
    pub fn new(dst: Ipv4Net, hop: Hop) -> Self {
        Self {
            table: TableId::MAIN,
            dst,
            tos: 0,
            kind: RouteKind::Unicast,
            hops: vec![(hop, 1)],
            prefsrc: None,
            metric: 0,
            origin: None,
        }
    }
}

const MTU_BYTES: u32 = 1500;
/// Bytes of a device name without the final NUL (`IFNAMSIZ`).
const NAME_LEN: usize = 15;

impl World {
    /// Remembers who causes the configuration items that carry the returned id.
    pub fn add_origin(&mut self, text: &str) -> OriginId {
        let index = self.origins.get_index_of(text).unwrap_or_else(|| {
            self.origins.insert(text.into(), ());
            self.origins.len() - 1
        });
        OriginId::from_index(index)
    }

    /// `ip netns add NAME; ip -n NAME link set lo up`, which gives `lo` 127.0.0.1/8.
    pub fn add_netns(&mut self, name: &str) -> Result<NsId, ConfigError> {
        let ns = self.add_bare_netns(name)?;
        let lo = self.netns[ns].lo;
        self.add_addr(lo, Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8), None)?;
        Ok(ns)
    }

    /// `ip netns del NAME`, after what runs there was killed: its devices are gone with the other ends of their wires, and
    /// with the routes, neighbours and ports of a bridge that those had. What is gone keeps its place in the world, so that
    /// a trace can still name it.
    pub fn remove_netns(&mut self, ns: NsId) {
        self.kill_all(ns);
        for dev in self.netns[ns].devs.clone() {
            let peer = self.devices[dev].kind.peer();
            for gone in peer.into_iter().chain([dev]) {
                self.take_down(gone);
            }
        }
    }

    /// A device is gone (`dev_close_many`, `fib_disable_ip`, `br_dev_delete`).
    fn take_down(&mut self, dev: DevId) {
        let device = &mut self.devices[dev];
        device.up = false;
        let (ns, mac, port) = (device.ns, device.mac, device.port.take());
        if let Some(Port { bridge, .. }) = port
            && let DeviceKind::Bridge(bridge) = &mut self.devices[bridge].kind
        {
            bridge.ports.retain(|&it| it != dev);
            bridge.fdb.retain(|of, entry| match entry {
                FdbEntry::Learnt { port, .. } | FdbEntry::Static { port } => *port != dev,
                FdbEntry::Local => *of != mac,
            });
        }
        let netns = &mut self.netns[ns];
        netns.addrs.retain(|it| it.dev != dev);
        netns.fib.forget(dev);
        netns.neigh.forget(dev);
    }

    /// A namespace whose `lo` has no address yet, for loading one as it was.
    pub fn add_bare_netns(&mut self, name: &str) -> Result<NsId, ConfigError> {
        if self.find_netns(name).is_some() {
            return Err(ConfigError::NameTaken { what: "network namespace", name: name.into() });
        }
        let ns = NsId::from_index(self.netns.len());
        let lo = self.push_device(Device::loopback(ns));
        let mut netns = Netns::new(name, lo);
        netns.sysctl.multipath.seed = self.multipath_seed;
        self.netns.push(netns);
        self.netns_by_name.insert(name.into(), ns);
        Ok(ns)
    }

    /// Adds a device of any kind but a bridge port; wires are joined by [`Self::add_veth`] and [`Self::add_cable`].
    pub fn add_device(&mut self, end: LinkEnd<'_>, kind: DeviceKind) -> Result<DevId, ConfigError> {
        let why = if end.name.is_empty() || end.name == "." || end.name == ".." {
            Some("it is empty or only dots")
        } else if end.name.len() > NAME_LEN {
            Some("it has more than 15 bytes")
        } else if end.name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace()) {
            Some("it has a slash, a colon or white space")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(ConfigError::BadName { name: end.name.into(), why });
        }
        if self.device_names.contains_key(end.name) && self.find_device(end.ns, end.name).is_some()
        {
            let name = format!("{}/{}", self.netns[end.ns].name, end.name);
            return Err(ConfigError::NameTaken { what: "device", name });
        }
        let ifindex =
            u32::try_from(self.netns[end.ns].devs.len() + 1).expect("fewer than 2^32 devices");
        let is_bridge = matches!(kind, DeviceKind::Bridge(_));
        let dev = self.push_device(Device {
            ns: end.ns,
            name: end.name.into(),
            ifindex,
            mac: end.mac,
            mtu_bytes: MTU_BYTES,
            up: true,
            conf: self.netns[end.ns].sysctl.default,
            proxy_delay: Device::PROXY_DELAY,
            kind,
            port: None,
            origin: None,
        });
        if is_bridge {
            let calls_iptables = self.netns[end.ns].sysctl.bridge_nf_call_iptables;
            let bridge = self.bridge_mut(dev)?;
            bridge.fdb.insert(end.mac, FdbEntry::Local);
            bridge.calls_iptables |= calls_iptables;
        }
        self.netns[end.ns].devs.push(dev);
        Ok(dev)
    }

    fn push_device(&mut self, device: Device) -> DevId {
        *self.device_names.entry(device.name.clone()).or_default() += 1;
        self.devices.push(device)
    }

    /// `ip link add NAME type bridge`, up.
    pub fn add_bridge(&mut self, end: LinkEnd<'_>) -> Result<DevId, ConfigError> {
        self.add_device(end, DeviceKind::Bridge(Box::default()))
    }

    /// `ip link add A type veth peer name B`, both up.
    pub fn add_veth(
        &mut self,
        a: LinkEnd<'_>,
        b: LinkEnd<'_>,
    ) -> Result<(DevId, DevId), ConfigError> {
        let peer_of_a = DevId::from_index(self.devices.len() + 1);
        let first = self.add_device(a, DeviceKind::Veth { peer: peer_of_a })?;
        let second = self.add_device(b, DeviceKind::Veth { peer: first })?;
        Ok((first, second))
    }

    /// Two network cards and the cable between them.
    pub fn add_cable(
        &mut self,
        a: LinkEnd<'_>,
        b: LinkEnd<'_>,
    ) -> Result<(DevId, DevId), ConfigError> {
        let peer_of_a = DevId::from_index(self.devices.len() + 1);
        let first = self.add_device(a, DeviceKind::Ethernet { peer: Some(peer_of_a) })?;
        let second = self.add_device(b, DeviceKind::Ethernet { peer: Some(first) })?;
        Ok((first, second))
    }

    /// `ip link add NAME type vxlan`, up, with its socket in `vxlan.net`. Its hash seed is drawn here.
    pub fn add_vxlan(&mut self, end: LinkEnd<'_>, vxlan: Vxlan) -> Result<DevId, ConfigError> {
        let dev = self.add_device(end, DeviceKind::Ethernet { peer: None })?;
        self.make_vxlan(dev, vxlan)?;
        Ok(dev)
    }

    /// Makes a network card without a cable, as a snapshot's links begin, the VXLAN device that it is.
    pub fn make_vxlan(&mut self, dev: DevId, mut vxlan: Vxlan) -> Result<(), ConfigError> {
        self.open_tunnel(vxlan.net, vxlan.port, vxlan.vni, dev)?;
        vxlan.hash_seed = self.rng.below(u32::MAX);
        self.devices[dev].kind = DeviceKind::Vxlan(Box::new(vxlan));
        Ok(())
    }

    /// `vxlan_sock_add`: devices of one port share a socket, each with a network of its own.
    fn open_tunnel(
        &mut self,
        net: NsId,
        port: u16,
        vni: Vni,
        dev: DevId,
    ) -> Result<(), ConfigError> {
        let bound = Bound::Udp { port };
        let sockets = &mut self.netns[net].sockets;
        let Some(socket) = sockets.find(bound, Ipv4Addr::UNSPECIFIED) else {
            let program = Program::Tunnel(vec![dev]);
            let owner = "the kernel".into();
            return self
                .bind(net, Socket { bound, addr: None, program, owner, broadcast: false, heard: 0 })
                .map(drop);
        };
        let Program::Tunnel(ends) = &mut sockets.get_mut(socket).program else {
            let owner = sockets.get(socket).owner.to_string();
            return Err(ConfigError::PortTaken { owner });
        };
        let devices = &self.devices;
        let has_vni =
            |&&it: &&DevId| matches!(&devices[it].kind, DeviceKind::Vxlan(it) if it.vni == vni);
        if let Some(&taken) = ends.iter().find(has_vni) {
            return Err(ConfigError::VniTaken { vni, dev: self.device_name(taken) });
        }
        ends.push(dev);
        Ok(())
    }

    /// The VXLAN device behind a device id.
    pub fn vxlan_mut(&mut self, dev: DevId) -> Option<&mut Vxlan> {
        match &mut self.devices[dev].kind {
            DeviceKind::Vxlan(vxlan) => Some(vxlan),
            DeviceKind::Loopback
            | DeviceKind::Veth { .. }
            | DeviceKind::Ethernet { .. }
            | DeviceKind::Bridge(_) => None,
        }
    }

    /// `ip link set PORT master BRIDGE`: the port's own address becomes a local entry of the forwarding table.
    pub fn set_master(
        &mut self,
        port: DevId,
        bridge: DevId,
        flags: PortFlags,
    ) -> Result<(), ConfigError> {
        if self.devices[port].port.is_some() {
            return Err(ConfigError::AlreadyAPort { name: self.device_name(port) });
        }
        let mac = self.devices[port].mac;
        let own = self.bridge_mut(bridge)?;
        own.ports.insert(0, port);
        own.fdb.insert(mac, FdbEntry::Local);
        self.devices[port].port = Some(Port { bridge, flags });
        Ok(())
    }

    /// `sysctl -w net.bridge.bridge-nf-call-iptables`: for all bridges of the namespace, those to come included.
    pub fn set_bridge_calls_iptables(&mut self, ns: NsId, on: bool) {
        self.netns[ns].sysctl.bridge_nf_call_iptables = on;
        for &dev in &self.netns[ns].devs {
            if let DeviceKind::Bridge(bridge) = &mut self.devices[dev].kind {
                bridge.calls_iptables = on;
            }
        }
    }

    /// The bridge behind a device id.
    pub fn bridge_mut(&mut self, dev: DevId) -> Result<&mut Bridge, ConfigError> {
        if !matches!(self.devices[dev].kind, DeviceKind::Bridge(_)) {
            return Err(ConfigError::NotABridge { name: self.device_name(dev) });
        }
        match &mut self.devices[dev].kind {
            DeviceKind::Bridge(bridge) => Ok(bridge),
            DeviceKind::Loopback
            | DeviceKind::Veth { .. }
            | DeviceKind::Ethernet { .. }
            | DeviceKind::Vxlan(_) => unreachable!("it is a bridge"),
        }
    }

    /// `ip addr add ADDR dev DEV`, with the connected, local and broadcast routes that follow (`fib_add_ifaddr`).
    pub fn add_addr(
        &mut self,
        dev: DevId,
        addr: Ipv4Net,
        origin: Option<OriginId>,
    ) -> Result<(), ConfigError> {
        let ns = self.devices[dev].ns;
        let local = addr.addr();
        if let Some(taken) = self.netns[ns].addrs.iter().find(|a| a.local == local) {
            return Err(ConfigError::AddressTaken {
                addr: local,
                dev: self.device_name(taken.dev),
            });
        }
        let loopback = matches!(self.devices[dev].kind, DeviceKind::Loopback);
        let scope = if local.is_loopback() { Scope::Host } else { Scope::Universe };
        let netns = &mut self.netns[ns];
        let new = IfAddr { dev, local, prefix_len: addr.prefix_len(), scope, secondary: false };
        let of_dev = || netns.addrs.iter().filter(|other| other.dev == dev);
        let primary = of_dev()
            .find(|it| !it.secondary && it.prefix_len == new.prefix_len && it.contains(local))
            .map_or(local, |it| it.local);
        let secondary = primary != local;
        // Secondary addresses come last, and a primary one after those that reach as far.
        let at = if secondary {
            netns.addrs.len()
        } else {
            let is_before = |it: &IfAddr| it.dev != dev || (!it.secondary && scope <= it.scope);
            netns.addrs.iter().rposition(is_before).map_or(0, |last| last + 1)
        };
        netns.addrs.insert(at, IfAddr { secondary, ..new });

        let mut add = |table, dst: Ipv4Net, kind, scope| {
            let route = Route::new(table, dst, kind, Nexthop::new(kind, dev, None));
            netns.fib.add(Route { prefsrc: Some(primary), scope, origin, ..route });
        };
        let host = Ipv4Net::new_assert(local, 32);
        add(TableId::LOCAL, host, RouteKind::Local, Scope::Host);
        if addr.prefix_len() == 32 || secondary {
            return Ok(());
        }
        if loopback {
            add(TableId::LOCAL, addr.trunc(), RouteKind::Local, Scope::Host);
        } else {
            add(TableId::MAIN, addr.trunc(), RouteKind::Unicast, Scope::Link);
        }
        if addr.prefix_len() < 31 {
            let broadcast = Ipv4Net::new_assert(addr.broadcast(), 32);
            add(TableId::LOCAL, broadcast, RouteKind::Broadcast, Scope::Link);
        }
        Ok(())
    }

    /// `ip route add`: each gateway must be on a link of the namespace (`fib_check_nh`).
    pub fn add_route(&mut self, ns: NsId, new: NewRoute) -> Result<RouteId, ConfigError> {
        let netns = &mut self.netns[ns];
        let mut nexthops = Vec::new();
        for (hop, weight) in new.hops {
            let (via, dev) = match hop {
                Hop::Link(dev) => (None, dev),
                Hop::GatewayOn(via, dev) => (Some(via), dev),
                Hop::Gateway(via) => {
                    let flow = Flow { scope: Scope::Link, ..Flow::to(via, netns.lo) };
                    let link = netns.fib.lookup(&flow).ok().map(|it| netns.fib.route(it.route));
                    let dev = link.filter(|it| it.kind == RouteKind::Unicast).and_then(Route::dev);
                    (Some(via), dev.ok_or(ConfigError::GatewayUnreachable { via })?)
                }
            };
            nexthops.push(Nexthop { weight, ..Nexthop::new(new.kind, dev, via) });
        }
        let scope = match (new.kind, nexthops.first()) {
            (RouteKind::Local, _) => Scope::Host,
            (RouteKind::Broadcast, _) | (RouteKind::Unicast, Some(Nexthop { via: None, .. })) => {
                Scope::Link
            }
            _ => Scope::Universe,
        };
        netns.fib.custom_local_routes |= new.kind == RouteKind::Local;
        Ok(netns.fib.add(Route {
            table: new.table,
            dst: new.dst.trunc(),
            tos: new.tos,
            kind: new.kind,
            nexthops: Nexthops::from(nexthops),
            prefsrc: new.prefsrc,
            scope,
            metric: new.metric,
            mtu: None,
            advmss_bytes: None,
            origin: new.origin,
        }))
    }

    /// `ip rule add`. A priority is named; [`Rules::next_priority`] is the one it would get without.
    pub fn add_rule(&mut self, ns: NsId, rule: Rule) {
        let fib = &mut self.netns[ns].fib;
        let rules = fib.rules().with(rule);
        fib.set_rules(rules);
    }

    /// `sysctl net.ipv4.conf.DEV.NAME=VALUE`.
    pub fn set_conf(&mut self, dev: DevId, conf: Conf, value: u8) {
        self.devices[dev].conf.set(conf, value);
    }

    /// `sysctl net.ipv4.ip_forward`: for all devices, those to come included (`inet_forward_change`).
    pub fn set_ip_forward(&mut self, ns: NsId, on: bool) {
        let netns = &mut self.netns[ns];
        netns.sysctl.all.set(Conf::Forwarding, u8::from(on));
        netns.sysctl.all.set(Conf::AcceptRedirects, u8::from(!on));
        netns.sysctl.default.set(Conf::Forwarding, u8::from(on));
        for &dev in &netns.devs {
            self.devices[dev].conf.set(Conf::Forwarding, u8::from(on));
        }
    }

    /// `ip neigh replace IP lladdr MAC dev DEV nud STATE`. A state that lasts for some time lasts from now on.
    pub fn set_neigh(&mut self, dev: DevId, ip: Ipv4Addr, mac: Mac, state: Nud) {
        let ns = self.devices[dev].ns;
        if let Some(after) = self.netns[ns].neigh.set(dev, ip, mac, state, self.now) {
            self.queue.push(self.now + after, Due::NeighTimer { dev, ip, generation: 0 });
        }
    }

    /// A program binds a socket.
    pub fn bind(&mut self, ns: NsId, socket: Socket) -> Result<SocketId, ConfigError> {
        let sockets = &mut self.netns[ns].sockets;
        sockets.bind(socket).map_err(|AddrInUse(other)| ConfigError::PortTaken {
            owner: sockets.get(other).owner.to_string(),
        })
    }
}
