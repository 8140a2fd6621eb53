//! A random lab: hosts, the links between them, what they know of each other, and what they send.
//!
//! Every choice leans toward networks that work, since a packet that is lost at its first step shows little; but each thing that
//! can be wrong is wrong now and then.

use std::net::Ipv4Addr;

use everyhop_engine::base::Mac;
use everyhop_engine::link::vxlan::{OuterTos, OuterTtl};
use everyhop_engine::link::{Conf, PortFlags};
use everyhop_engine::skb::Mark;
use everyhop_engine::stack::fib::{RouteKind, TableId};
use everyhop_engine::stack::multipath::Policy;
use everyhop_engine::stack::rule::{Action, Rule};
use everyhop_engine::trace::Nud;
use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::dice::Dice;
use super::packet::{self, Ip};
use super::plan::{End, Item, Plan, Setting, Tunnel, Via};
use super::rules::{self, Scene};
use crate::capture::hex;

const LISTENING: [u16; 3] = [53, 80, 8080];
const SENDING: [u16; 3] = [40000, 40001, 40002];

/// A host's place on a segment.
#[derive(Clone, Debug)]
struct Seat {
    host: usize,
    dev: String,
    mac: Mac,
    ip: Ipv4Addr,
    mtu: u32,
    /// The bridge port behind which it is, as namespace and device.
    port: Option<(String, String, Mac)>,
}

/// What one link reaches: a wire, or a bridge with its ports.
#[derive(Clone, Debug)]
struct Segment {
    net: Ipv4Net,
    seats: Vec<Seat>,
    is_tunnel: bool,
}

/// Settings that a device may have, and the values to try.
const CONFS: &[(Conf, &[u8])] = &[
    (Conf::RpFilter, &[1, 1, 2]),
    (Conf::RpFilter, &[1, 1, 2]),
    (Conf::AcceptLocal, &[1]),
    (Conf::AcceptRedirects, &[0, 1]),
    (Conf::ArpAccept, &[1, 2]),
    (Conf::ArpAnnounce, &[1, 2]),
    (Conf::ArpFilter, &[1]),
    (Conf::ArpIgnore, &[1, 2, 3, 8]),
    (Conf::DropGratuitousArp, &[1]),
    (Conf::DropUnicastInL2Multicast, &[1]),
    (Conf::Forwarding, &[0, 1]),
    (Conf::ProxyArp, &[1]),
    (Conf::ProxyArpPvlan, &[1]),
    (Conf::RouteLocalnet, &[1]),
    (Conf::SecureRedirects, &[0]),
    (Conf::SendRedirects, &[0]),
    (Conf::SharedMedia, &[0]),
    (Conf::SrcValidMark, &[1]),
];

struct Maker {
    dice: Dice,
    hosts: Vec<String>,
    segments: Vec<Segment>,
    /// Addresses that are none of a segment's.
    others: Vec<(usize, Ipv4Addr)>,
    /// Nothing is sent in fragments. Where rules see what passes, the kernel puts it together and sends the very same bytes on
    /// with new headers, and a packet socket that reads later shows those everywhere before.
    only_whole: bool,
    /// There are TCP connections.
    connects: bool,
    names: Vec<Item>,
    links: Vec<Item>,
    rest: Vec<Item>,
}

/// The lab of this seed.
pub(super) fn plan(seed: u64) -> Plan {
    let mut it = Maker {
        dice: Dice::new(seed),
        hosts: Vec::new(),
        segments: Vec::new(),
        others: Vec::new(),
        only_whole: false,
        connects: false,
        names: Vec::new(),
        links: Vec::new(),
        rest: Vec::new(),
    };
    it.connects = it.dice.chance(40);
    it.topology();
    if it.dice.chance(15) {
        it.tunnel();
    }
    it.addresses();
    it.routes();
    it.settings();
    it.confs();
    it.policy_rules();
    it.neighbours();
    it.netfilter();
    it.stimuli();
    // The order in which links are made decides their indices, and so what a namespace looks at first.
    it.dice.shuffle(&mut it.links);
    Plan { items: [it.names, it.links, it.rest].concat() }
}

/// The same route in another table.
fn in_table(route: &Item, number: u32) -> Item {
    let mut route = route.clone();
    if let Item::Route { table, .. } = &mut route {
        *table = number;
    }
    route
}

fn host_mac(segment: usize, host: usize) -> Mac {
    Mac([2, 0, 10, small(segment), 0, small(host + 1)])
}

fn small(n: usize) -> u8 {
    u8::try_from(n).expect("labs are small")
}

impl Maker {
    fn topology(&mut self) {
        let n_hosts = self.dice.within(2..=5);
        let n_segments = self.dice.within(1..=3.min(n_hosts));
        self.hosts = (0..n_hosts).map(|it| format!("h{it}")).collect();
        self.names.extend(self.hosts.iter().map(|name| Item::Netns { name: name.clone() }));
        let mut joined = vec![0];
        for segment in 0..n_segments {
            let mut members = vec![*self.dice.pick(&joined)];
            let last = segment + 1 == n_segments;
            for host in 0..n_hosts {
                let alone = !joined.contains(&host);
                if !members.contains(&host)
                    && ((last && alone) || self.dice.chance(if alone { 55 } else { 25 }))
                {
                    members.push(host);
                }
            }
            if members.len() < 2 {
                let others: Vec<usize> = (0..n_hosts).filter(|it| !members.contains(it)).collect();
                members.push(*self.dice.pick(&others));
            }
            joined.extend(&members);
            self.segment(segment, &members);
        }
    }

    fn segment(&mut self, number: usize, members: &[usize]) {
        let len = *self.dice.pick(&[24, 24, 24, 24, 16, 28, 29]);
        let net = Ipv4Net::new_assert(Ipv4Addr::new(10, small(number), 0, 0), len);
        let mut seats: Vec<Seat> = members
            .iter()
            .map(|&host| Seat {
                host,
                dev: format!("e{number}"),
                mac: host_mac(number, host),
                ip: Ipv4Addr::new(10, small(number), 0, small(host + 1)),
                mtu: 1500,
                port: None,
            })
            .collect();
        if let ([_, _], true) = (members, self.dice.chance(50)) {
            let ends = [0, 1].map(|at| self.end(&seats[at]));
            self.links.push(Item::Veth { ends });
        } else if self.dice.chance(45) {
            // The bridge is the first member's own.
            let netns = self.hosts[members[0]].clone();
            let dev = format!("b{number}");
            seats[0].dev.clone_from(&dev);
            self.bridge(&netns, &dev, seats[0].mac);
            for seat in &mut seats[1..] {
                self.plug(number, seat, &netns, &dev);
            }
        } else {
            let netns = format!("s{number}");
            self.names.push(Item::Netns { name: netns.clone() });
            self.bridge(&netns, "b0", Mac([2, 0, 11, small(number), 0, 1]));
            let two = self.dice.chance(15);
            if two {
                self.bridge(&netns, "b1", Mac([2, 0, 11, small(number), 0, 2]));
                let ends = [0, 1].map(|it| End {
                    netns: netns.clone(),
                    dev: format!("t{it}"),
                    mac: Mac([2, 0, 12, small(number), 0, small(it)]),
                });
                self.links.push(Item::Veth { ends });
                for it in 0..2 {
                    let flags = self.flags();
                    let (port, bridge) = (format!("t{it}"), format!("b{it}"));
                    self.rest.push(Item::Port { netns: netns.clone(), port, bridge, flags });
                }
            }
            for seat in &mut seats {
                let bridge = if two && self.dice.chance(50) { "b1" } else { "b0" };
                self.plug(number, seat, &netns, bridge);
            }
        }
        self.segments.push(Segment { net, seats, is_tunnel: false });
    }

    /// Two VXLAN devices, which find each other by what lies below.
    fn tunnel(&mut self) {
        let number = self.segments.len();
        let all: Vec<Seat> = self.segments.iter().flat_map(|it| it.seats.clone()).collect();
        let near = self.dice.pick(&all).clone();
        let others: Vec<Seat> = all.iter().filter(|it| it.host != near.host).cloned().collect();
        let far = self.dice.pick(&others).clone();
        let mut seats = Vec::new();
        for (own, other) in [(&near, &far), (&far, &near)] {
            let seat = Seat {
                host: own.host,
                dev: "vx0".to_owned(),
                mac: host_mac(number, own.host),
                ip: Ipv4Addr::new(10, small(number), 0, small(own.host + 1)),
                mtu: 1450,
                port: None,
            };
            let way = Tunnel {
                local: if self.dice.chance(80) { Some(own.ip) } else { None },
                remote: other.ip,
                ttl: *self.dice.pick(&[
                    OuterTtl::Route,
                    OuterTtl::Route,
                    OuterTtl::Inherit,
                    OuterTtl::Fixed(2),
                ]),
                tos: *self.dice.pick(&[
                    OuterTos::Fixed(0),
                    OuterTos::Fixed(0),
                    OuterTos::Inherit,
                    OuterTos::Fixed(0x10),
                ]),
                learning: self.dice.chance(80),
                udp_csum: self.dice.chance(85),
            };
            self.links.push(Item::Tunnel { end: self.end(&seat), way });
            let netns = self.hosts[seat.host].clone();
            if self.dice.chance(80) {
                self.rest.push(Item::Mtu { netns, dev: seat.dev.clone(), bytes: seat.mtu });
            }
            seats.push(seat);
        }
        let net = Ipv4Net::new_assert(Ipv4Addr::new(10, small(number), 0, 0), 24);
        self.segments.push(Segment { net, seats, is_tunnel: true });
    }

    fn end(&self, seat: &Seat) -> End {
        End { netns: self.hosts[seat.host].clone(), dev: seat.dev.clone(), mac: seat.mac }
    }

    fn bridge(&mut self, netns: &str, dev: &str, mac: Mac) {
        let ageing_s = *self.dice.pick(&[300, 300, 300, 300, 300, 0]);
        let end = End { netns: netns.to_owned(), dev: dev.to_owned(), mac };
        self.links.push(Item::Bridge { end, ageing_s });
    }

    fn flags(&mut self) -> PortFlags {
        let mut flags = PortFlags::default();
        if self.dice.chance(30) {
            flags.hairpin = self.dice.chance(40);
            flags.isolated = self.dice.chance(25);
            flags.learning = !self.dice.chance(25);
            flags.flood = !self.dice.chance(20);
            flags.mcast_flood = !self.dice.chance(20);
            flags.bcast_flood = !self.dice.chance(10);
        }
        flags
    }

    fn plug(&mut self, number: usize, seat: &mut Seat, netns: &str, bridge: &str) {
        let port = format!("p{number}x{}", seat.host);
        let mac = Mac([2, 0, 13, small(number), 0, small(seat.host + 1)]);
        let far = End { netns: netns.to_owned(), dev: port.clone(), mac };
        let near = self.end(seat);
        let ends = if self.dice.chance(50) { [near, far] } else { [far, near] };
        self.links.push(Item::Veth { ends });
        let flags = self.flags();
        let at = Item::Port {
            netns: netns.to_owned(),
            port: port.clone(),
            bridge: bridge.to_owned(),
            flags,
        };
        self.rest.push(at);
        // A connection's own wire that takes no full segments is not modelled.
        if !self.connects && self.dice.chance(8) {
            let bytes = self.mtu();
            self.rest.push(Item::Mtu { netns: netns.to_owned(), dev: port.clone(), bytes });
        }
        if self.dice.chance(2) {
            self.rest.push(Item::Down { netns: netns.to_owned(), port: port.clone() });
        }
        seat.port = Some((netns.to_owned(), port, mac));
    }

    fn mtu(&mut self) -> u32 {
        *self.dice.pick(&[1280, 1400, 1450, 576, 2000])
    }

    fn addresses(&mut self) {
        for number in 0..self.segments.len() {
            // A link that is narrow at all its ends.
            let narrow =
                if self.dice.chance(12) { Some(*self.dice.pick(&[576, 1280])) } else { None };
            for at in 0..self.segments[number].seats.len() {
                let net = self.segments[number].net;
                let seat = self.segments[number].seats[at].clone();
                let netns = self.hosts[seat.host].clone();
                if narrow.is_some() || self.dice.chance(8) {
                    let bytes = narrow.unwrap_or_else(|| self.mtu());
                    self.segments[number].seats[at].mtu = bytes;
                    self.rest.push(Item::Mtu {
                        netns: netns.clone(),
                        dev: seat.dev.clone(),
                        bytes,
                    });
                }
                let len = if self.dice.chance(4) { 32 } else { net.prefix_len() };
                let addr = Ipv4Net::new_assert(seat.ip, len);
                self.rest.push(Item::Addr { netns: netns.clone(), dev: seat.dev.clone(), addr });
                if self.dice.chance(8) && net.prefix_len() <= 24 {
                    // One more in the same subnet.
                    let [a, b, c, d] = seat.ip.octets();
                    let local = Ipv4Addr::new(a, b, c, d + 100);
                    let addr = Ipv4Net::new_assert(local, net.prefix_len());
                    self.others.push((seat.host, local));
                    let (netns, dev) = (netns.clone(), seat.dev.clone());
                    self.rest.push(Item::Addr { netns, dev, addr });
                }
                if self.dice.chance(8) {
                    // One more, in a subnet of its own.
                    let local = Ipv4Addr::new(172, 16, small(number), small(seat.host + 1));
                    let addr = Ipv4Net::new_assert(local, 24);
                    self.others.push((seat.host, local));
                    self.rest.push(Item::Addr { netns, dev: seat.dev, addr });
                }
            }
        }
        for host in 0..self.hosts.len() {
            if self.dice.chance(20) {
                let local = Ipv4Addr::new(10, 9, small(host), 1);
                let addr = Ipv4Net::new_assert(local, 32);
                self.others.push((host, local));
                self.rest.push(Item::Addr {
                    netns: self.hosts[host].clone(),
                    dev: "lo".into(),
                    addr,
                });
            }
        }
    }

    /// The seat next to `host` on the shortest way to the target segment, and the own seat there.
    fn next_hop(&self, host: usize, target: usize) -> Option<(usize, Seat)> {
        let at_home =
            |it: usize, host: usize| self.segments[it].seats.iter().any(|seat| seat.host == host);
        // What is below a tunnel must not go through it.
        let may_pass = |it: usize| it == target || !self.segments[it].is_tunnel;
        // Breadth first, over segments.
        let mut reached: Vec<(usize, Option<Seat>, usize)> = (0..self.segments.len())
            .filter(|&it| at_home(it, host) && may_pass(it))
            .map(|it| (it, None, it))
            .collect();
        let mut idx = 0;
        while idx < reached.len() {
            let (segment, first, out) = reached[idx].clone();
            if segment == target {
                return first.map(|it| (out, it));
            }
            for seat in &self.segments[segment].seats {
                for other in 0..self.segments.len() {
                    if at_home(other, seat.host)
                        && may_pass(other)
                        && !reached.iter().any(|it| it.0 == other)
                        && seat.host != host
                    {
                        let first = first.clone().unwrap_or_else(|| seat.clone());
                        reached.push((other, Some(first), out));
                    }
                }
            }
            idx += 1;
        }
        None
    }

    fn routes(&mut self) {
        for host in 0..self.hosts.len() {
            for target in 0..self.segments.len() {
                let Some((out, hop)) = self.next_hop(host, target) else { continue };
                if self.dice.chance(90) {
                    let dst = self.segments[target].net;
                    self.route(host, dst, out, &hop);
                }
            }
            for (owner, ip) in self.others.clone() {
                let Some(home) = self.home(owner) else { continue };
                let way = if self.segments[home].seats.iter().any(|it| it.host == host) {
                    let seat =
                        self.segments[home].seats.iter().find(|it| it.host == owner).cloned();
                    seat.map(|it| (home, it))
                } else {
                    self.next_hop(host, home)
                };
                if let (Some((out, hop)), true) = (way, owner != host && self.dice.chance(80)) {
                    self.route(host, Ipv4Net::new_assert(ip, 32), out, &hop);
                }
            }
            if self.dice.chance(35) {
                let home: Vec<usize> = self.homes(host);
                let out = *self.dice.pick(&home);
                let seats = self.segments[out].seats.clone();
                let hop = self.dice.pick(&seats).clone();
                if hop.host != host {
                    self.route(host, Ipv4Net::default(), out, &hop);
                }
            }
        }
    }

    fn home(&self, host: usize) -> Option<usize> {
        self.segments.iter().position(|it| it.seats.iter().any(|seat| seat.host == host))
    }

    fn homes(&self, host: usize) -> Vec<usize> {
        (0..self.segments.len())
            .filter(|&it| self.segments[it].seats.iter().any(|seat| seat.host == host))
            .collect()
    }

    fn seat_of(&self, segment: usize, host: usize) -> Option<&Seat> {
        self.segments[segment].seats.iter().find(|it| it.host == host)
    }

    fn route(&mut self, host: usize, dst: Ipv4Net, out: usize, hop: &Seat) {
        let Some(own) = self.seat_of(out, host).cloned() else { return };
        let hop = if self.dice.chance(6) {
            let seats = self.segments[out].seats.clone();
            self.dice.pick(&seats).clone()
        } else {
            hop.clone()
        };
        if hop.host == host {
            return;
        }
        let netns = self.hosts[host].clone();
        let via = match self.dice.below(12) {
            0 => Via::GatewayOn(hop.ip, own.dev.clone()),
            1 if dst.prefix_len() > 0 => Via::Link(own.dev.clone()),
            _ => Via::Gateway(hop.ip),
        };
        let owned: Vec<Ipv4Addr> = self.owned(host);
        let src = if self.dice.chance(8) { Some(*self.dice.pick(&owned)) } else { None };
        let metric = *self.dice.pick(&[0, 0, 0, 0, 10, 20]);
        let mut hops = vec![(via, 1)];
        if self.dice.chance(10) {
            // Shared with others on the same link.
            let seats = self.segments[out].seats.clone();
            for seat in seats.iter().filter(|it| it.host != host && it.host != hop.host) {
                hops.push((Via::Gateway(seat.ip), self.dice.port(1..=3)));
            }
        }
        let tos = if self.dice.chance(3) { 0x10 } else { 0 };
        let route = Item::Route {
            netns: netns.clone(),
            table: 254,
            kind: RouteKind::Unicast,
            dst,
            tos,
            hops,
            src,
            metric,
        };
        if self.dice.chance(6) {
            // Asked only when a rule says so.
            self.rest.push(in_table(&route, 100));
            if self.dice.chance(60) {
                return;
            }
        }
        self.rest.push(route.clone());
        if self.dice.chance(8) {
            // A second one, better or worse, or to a part of it.
            let seats = self.segments[out].seats.clone();
            let other = self.dice.pick(&seats).clone();
            let metric = *self.dice.pick(&[0, 5, 15, 30]);
            let len = if self.dice.chance(50) {
                dst.prefix_len()
            } else {
                (dst.prefix_len() + 1).min(32)
            };
            let dst = Ipv4Net::new_assert(dst.addr(), len);
            let (kind, hops) = match self.dice.below(8) {
                0 => (RouteKind::Unreachable, vec![]),
                1 => (RouteKind::Blackhole, vec![]),
                2 => (RouteKind::Prohibit, vec![]),
                3 => (RouteKind::Throw, vec![]),
                _ if other.host == host => return,
                _ => (RouteKind::Unicast, vec![(Via::Gateway(other.ip), 1)]),
            };
            let second =
                Item::Route { netns, table: 254, kind, dst, tos: 0, hops, src: None, metric };
            if second != route {
                self.rest.push(second);
            }
        }
    }

    fn owned(&self, host: usize) -> Vec<Ipv4Addr> {
        let seats = self.segments.iter().flat_map(|it| &it.seats).filter(|it| it.host == host);
        let others = self.others.iter().filter(|it| it.0 == host).map(|it| it.1);
        seats.map(|it| it.ip).chain(others).collect()
    }

    fn settings(&mut self) {
        for it in &self.links {
            if let Item::Bridge { end, .. } = it
                && self.dice.chance(30)
            {
                let setting = Setting::BridgeCallsIptables(true);
                self.rest.push(Item::Sysctl { netns: end.netns.clone(), setting });
            }
        }
        for host in 0..self.hosts.len() {
            let forwards = if self.homes(host).len() > 1 { 92 } else { 20 };
            let mut all = vec![];
            if self.dice.chance(forwards) {
                all.push(Setting::IpForward(true));
            }
            if self.dice.chance(5) {
                all.push(Setting::DefaultTtl(*self.dice.pick(&[1, 2, 3, 128, 255])));
            }
            if self.dice.chance(4) {
                all.push(Setting::IgnoreEchoes(true));
            }
            if self.dice.chance(6) {
                all.push(Setting::IgnoreBroadcastEchoes(false));
            }
            if self.dice.chance(10) {
                all.push(Setting::MultipathPolicy(Policy::Layer4));
            }
            let netns = &self.hosts[host];
            self.rest.extend(
                all.into_iter().map(|setting| Item::Sysctl { netns: netns.clone(), setting }),
            );
        }
    }

    /// Settings of devices, which decide about addresses, ARP and where packets may come from.
    fn confs(&mut self) {
        for host in 0..self.hosts.len() {
            if !self.dice.chance(25) {
                continue;
            }
            for _ in 0..self.dice.within(1..=3) {
                let &(conf, values) = self.dice.pick(CONFS);
                let value = *self.dice.pick(values);
                let homes = self.homes(host);
                let home = *self.dice.pick(&homes);
                let dev = self.seat_of(home, host).map(|it| it.dev.clone());
                // Forwarding for all is a setting of its own, and proxies for all would answer after random times.
                let one = [Conf::Forwarding, Conf::ProxyArp, Conf::ProxyArpPvlan];
                let for_all = self.dice.chance(25) && !one.contains(&conf);
                let dev = if for_all { "all".to_owned() } else { dev.unwrap_or_default() };
                let netns = self.hosts[host].clone();
                self.rest.push(Item::Conf { netns, dev, conf, value });
            }
        }
    }

    fn policy_rules(&mut self) {
        for host in 0..self.hosts.len() {
            let netns = self.hosts[host].clone();
            let has_table = |it: &Item| matches!(it, Item::Route { netns: own, table: 100, .. } if *own == netns);
            if !(self.rest.iter().any(has_table) || self.dice.chance(5)) {
                continue;
            }
            for n in 0..self.dice.within(1..=2) {
                let action = match self.dice.below(10) {
                    0 => Action::Unreachable,
                    1 => Action::Prohibit,
                    2 => Action::Blackhole,
                    3 => Action::Lookup(TableId::MAIN),
                    _ => Action::Lookup(TableId(100)),
                };
                let priority = 100 + u32::from(small(n));
                let mut rule = Rule::new(priority, action);
                let mut iif = None;
                match self.dice.below(7) {
                    0..=1 => rule.src = Ipv4Net::new_assert(self.addr(), 32),
                    2 => rule.dst = Ipv4Net::new_assert(self.addr(), 24).trunc(),
                    3 => {
                        let home = *self.dice.pick(&self.homes(host));
                        iif = self.seat_of(home, host).map(|it| it.dev.clone());
                    }
                    4 => rule.tos = 0x10,
                    5 => rule.protocol = *self.dice.pick(&[1, 6, 17]),
                    _ => (rule.mark, rule.mark_mask) = (Mark(1), u32::MAX),
                }
                rule.invert = self.dice.chance(8);
                self.rest.push(Item::PolicyRule { netns: netns.clone(), rule, iif });
            }
        }
    }

    fn neighbours(&mut self) {
        for segment in self.segments.clone() {
            for seat in &segment.seats {
                for other in segment.seats.iter().filter(|it| it.host != seat.host) {
                    if self.dice.chance(30) {
                        let mac = if self.dice.chance(6) { self.stranger() } else { other.mac };
                        let state = *self.dice.pick(&[
                            Nud::Permanent,
                            Nud::Permanent,
                            Nud::Reachable,
                            Nud::Reachable,
                            Nud::Stale,
                            Nud::Failed,
                        ]);
                        let netns = self.hosts[seat.host].clone();
                        self.rest.push(Item::Neigh {
                            netns,
                            dev: seat.dev.clone(),
                            ip: other.ip,
                            mac,
                            state,
                        });
                    }
                }
                if let Some((netns, port, _)) = &seat.port
                    && self.dice.chance(20)
                {
                    let port = if self.dice.chance(10) {
                        let ports: Vec<String> = segment
                            .seats
                            .iter()
                            .filter_map(|it| it.port.as_ref().map(|it| it.1.clone()))
                            .collect();
                        self.dice.pick(&ports).clone()
                    } else {
                        port.clone()
                    };
                    let mac = if self.dice.chance(8) { self.stranger() } else { seat.mac };
                    let is_static = self.dice.chance(50);
                    self.rest.push(Item::Fdb { netns: netns.clone(), port, mac, is_static });
                }
            }
        }
    }

    fn netfilter(&mut self) {
        if !self.dice.chance(45) {
            return;
        }
        let addrs: Vec<Ipv4Addr> = (0..self.hosts.len()).flat_map(|it| self.owned(it)).collect();
        let mut all: Vec<String> = self.hosts.clone();
        let owner = |it: &Item| match it {
            Item::Bridge { end, .. } => Some(end.netns.clone()),
            _ => None,
        };
        all.extend(self.links.iter().filter_map(owner));
        all.sort_unstable();
        all.dedup();
        self.dice.shuffle(&mut all);
        all.truncate(self.dice.within(1..=2));
        for netns in all {
            let ports: Vec<String> = self
                .segments
                .iter()
                .flat_map(|it| &it.seats)
                .filter_map(|it| it.port.clone())
                .filter(|it| it.0 == netns)
                .map(|it| it.1)
                .collect();
            let host = self.hosts.iter().position(|it| *it == netns);
            let seats = self.segments.iter().flat_map(|it| &it.seats);
            let mut devices: Vec<String> =
                seats.filter(|it| Some(it.host) == host).map(|it| it.dev.clone()).collect();
            devices.extend(ports.iter().cloned());
            devices.push("lo".into());
            let scene = Scene {
                netns: &netns,
                devices: &devices,
                ports: &ports,
                addrs: &addrs,
                listening: &LISTENING,
                sending: &SENDING,
            };
            let made = rules::make(&scene, &mut self.dice);
            self.rest.extend(made);
            if self.dice.chance(20) {
                for _ in 0..self.dice.within(1..=2) {
                    let line = self.known(&addrs);
                    self.rest.push(Item::Known { netns: netns.clone(), line });
                }
            }
        }
    }

    /// A connection that somebody began before, translated or not.
    fn known(&mut self, addrs: &[Ipv4Addr]) -> String {
        let (src, dst) = (*self.dice.pick(addrs), *self.dice.pick(addrs));
        let (to, from) = match self.dice.below(4) {
            0 => (*self.dice.pick(addrs), src),
            1 => (dst, *self.dice.pick(addrs)),
            2 => (*self.dice.pick(addrs), *self.dice.pick(addrs)),
            _ => (dst, src),
        };
        let is_replied = self.dice.chance(60);
        let (unreplied, assured) = match (is_replied, self.dice.chance(50)) {
            (false, _) => ("[UNREPLIED] ", ""),
            (true, true) => ("", "[ASSURED] "),
            (true, false) => ("", ""),
        };
        let mark = self.dice.below(3);
        let timeout = *self.dice.pick(&[100, 900]);
        let (protocol, there, back) = match self.dice.below(6) {
            0 => {
                let id = self.dice.within(1..=3);
                (
                    "icmp 1".to_owned(),
                    format!("type=8 code=0 id={id}"),
                    format!("type=0 code=0 id={id}"),
                )
            }
            n => {
                let (sport, dport) = (*self.dice.pick(&SENDING), *self.dice.pick(&LISTENING));
                let to_port = if to == dst { dport } else { *self.dice.pick(&LISTENING) };
                let name = if n < 4 { "udp 17" } else { "tcp 6" };
                (
                    name.to_owned(),
                    format!("sport={sport} dport={dport}"),
                    format!("sport={to_port} dport={sport}"),
                )
            }
        };
        let state = if protocol == "tcp 6" { " ESTABLISHED" } else { "" };
        format!(
            "ipv4 2 {protocol} {timeout}{state} src={src} dst={dst} {there} {unreplied}src={to} dst={from} {back} {assured}mark={mark} use=1"
        )
    }

    /// A station's address that nobody has, or one that some labs have elsewhere.
    fn stranger(&mut self) -> Mac {
        Mac([2, 0, 99, 0, 0, small(self.dice.within(1..=3))])
    }

    fn stimuli(&mut self) {
        let ruled: Vec<&String> = self
            .rest
            .iter()
            .filter_map(|it| match it {
                Item::Rule { netns, .. } => Some(netns),
                _ => None,
            })
            .collect();
        let forwards = |netns: &String| {
            self.rest.iter().any(|it| match it {
                Item::Sysctl { netns: of, setting: Setting::IpForward(on) } => *on && of == netns,
                _ => false,
            })
        };
        // Also what a router with one link sends back by it.
        let passes = |netns: &String| match self.hosts.iter().position(|it| it == netns) {
            Some(host) => self.homes(host).len() > 1 || self.has_bridge(netns) || forwards(netns),
            None => true,
        };
        self.only_whole = ruled.into_iter().any(passes);
        for host in 0..self.hosts.len() {
            for port in LISTENING {
                if self.dice.chance(35) {
                    let n = if !self.only_whole && self.dice.chance(10) {
                        2000
                    } else {
                        self.dice.within(0..=40)
                    };
                    let reply = hex(&self.dice.bytes(n));
                    let netns = self.hosts[host].clone();
                    let row = json!({"netns": netns, "udp": port, "reply": reply});
                    self.rest.push(Item::Listener { netns, row });
                }
            }
        }
        for _ in 0..self.dice.within(1..=6) {
            match self.dice.below(20) {
                0..=7 => {
                    let it = self.udp();
                    self.rest.push(it);
                }
                8..=13 => {
                    let it = self.ping();
                    self.rest.push(it);
                }
                14 if !self.only_whole => self.pieces(),
                _ => {
                    let it = self.frame();
                    self.rest.push(it);
                }
            }
        }
        if self.connects {
            self.connections();
        }
    }

    fn has_bridge(&self, netns: &str) -> bool {
        self.links.iter().any(|it| matches!(it, Item::Bridge { end, .. } if end.netns == netns))
    }

    /// Listeners and connections. They come last: what a lost segment leads to comes after a time, and would else be between
    /// other things.
    fn connections(&mut self) {
        for host in 0..self.hosts.len() {
            for port in LISTENING {
                if self.dice.chance(50) {
                    let n = *self.dice.pick(&[0, 5, 40, 400, 1400, 2600, 6000]);
                    let reply = hex(&self.dice.bytes(n));
                    let netns = self.hosts[host].clone();
                    let row = json!({"netns": netns, "tcp": port, "reply": reply});
                    self.rest.push(Item::Listener { netns, row });
                }
            }
        }
        for n in 0..self.dice.within(1..=2) {
            let netns = self.host();
            let (dst, dport) = (self.addr(), self.dport());
            // One segment on any link, since how much of several a program reads at once is chance.
            let len = *self.dice.pick(&[1, 5, 18, 100, 100, 400]);
            let send = hex(&self.dice.bytes(len));
            let entry = json!({"tcp": {"netns": netns, "sport": 41000 + n, "dst": format!("{dst}:{dport}"), "send": send}});
            let mut it = self.stimulus(netns, None, entry);
            if let (Item::Stimulus { entry, .. }, true) = (&mut it, self.dice.chance(15)) {
                entry["wait_ms"] = json!(*self.dice.pick(&[733, 1533]));
            }
            self.rest.push(it);
        }
    }

    fn addr(&mut self) -> Ipv4Addr {
        let number = self.dice.below(self.segments.len());
        let net = self.segments[number].net;
        match self.dice.below(60) {
            0..=1 => Ipv4Addr::new(10, small(number), 0, 6), // in the subnet, and nobody's
            2 => net.broadcast(),
            3 => Ipv4Addr::new(10, 77, 0, 1),
            4 => Ipv4Addr::LOCALHOST,
            5 => *self.dice.pick(&[
                Ipv4Addr::new(127, 3, 2, 1),
                Ipv4Addr::BROADCAST,
                Ipv4Addr::new(224, 0, 0, 9),
                Ipv4Addr::new(239, 1, 2, 3),
                Ipv4Addr::new(240, 0, 0, 1),
                Ipv4Addr::new(0, 1, 2, 3),
                net.network(),
            ]),
            6..=13 if !self.others.is_empty() => self.dice.pick(&self.others.clone()).1,
            _ => {
                let seats = self.segments[number].seats.clone();
                self.dice.pick(&seats).ip
            }
        }
    }

    /// What a program of that namespace sends, which may need fragments.
    fn message(&mut self, netns: &str) -> Vec<u8> {
        if self.only_whole {
            const HEADERS: usize = 28;
            let seats = self.segments.iter().flat_map(|it| &it.seats);
            let own = seats.filter(|it| self.hosts[it.host] == netns);
            let mtu = own.map(|it| it.mtu).min().and_then(|it| usize::try_from(it).ok());
            let mut payload = self.payload();
            payload.truncate(mtu.map_or(usize::MAX, |it| it - HEADERS));
            return payload;
        }
        if self.dice.chance(85) {
            return self.payload();
        }
        let n = *self.dice.pick(&[1400, 1472, 1473, 1600, 3000, 6000]);
        self.dice.bytes(n)
    }

    fn payload(&mut self) -> Vec<u8> {
        let n = *self.dice.pick(&[0, 1, 5, 8, 8, 18, 33, 64, 200, 540, 1000, 1372]);
        self.dice.bytes(n)
    }

    fn stimulus(&mut self, netns: String, dev: Option<String>, mut entry: Value) -> Item {
        if self.dice.chance(3) {
            // Not just when something else is due, which comes at whole seconds after whole tenths of one.
            entry["wait_ms"] = json!(*self.dice.pick(&[1233, 3533]));
        }
        Item::Stimulus { netns, dev, entry }
    }

    fn host(&mut self) -> String {
        self.dice.pick(&self.hosts.clone()).clone()
    }

    fn udp(&mut self) -> Item {
        let netns = self.host();
        let (dst, sport) = (self.addr(), *self.dice.pick(&SENDING));
        let dport = self.dport();
        let payload = hex(&self.message(&netns));
        let entry = json!({"udp": {"netns": netns, "sport": sport, "dst": format!("{dst}:{dport}"), "payload": payload}});
        self.stimulus(netns, None, entry)
    }

    fn dport(&mut self) -> u16 {
        match self.dice.below(10) {
            0..=6 => *self.dice.pick(&LISTENING),
            7 => *self.dice.pick(&SENDING),
            _ => self.dice.port(1..=65535),
        }
    }

    fn ping(&mut self) -> Item {
        let netns = self.host();
        let (id, seq) = (self.dice.within(1..=3), self.dice.within(1..=3));
        let payload = hex(&self.message(&netns));
        let dst = self.addr();
        let mut it = json!({"netns": netns, "dst": dst.to_string(), "id": id, "seq": seq, "payload": payload});
        if self.dice.chance(25) {
            it["ttl"] = json!(*self.dice.pick(&[1, 1, 2, 3, 255]));
        }
        self.stimulus(netns, None, json!({"ping": it}))
    }

    fn frame(&mut self) -> Item {
        let segment = self.dice.below(self.segments.len());
        let seats = self.segments[segment].seats.clone();
        let seat = self.dice.pick(&seats).clone();
        let other = self.dice.pick(&seats).clone();
        let src = match self.dice.below(12) {
            0 => self.stranger(),
            1 => other.mac,
            _ => seat.mac,
        };
        let dst = match self.dice.below(14) {
            0 => self.stranger(),
            1 => Mac::BROADCAST,
            2 => Mac([1, 0, 0x5e, 1, 2, 3]),
            3 => other.port.as_ref().map_or(other.mac, |it| it.2),
            _ => other.mac,
        };
        let frame = match self.dice.below(10) {
            0..=1 => self.arp(&seat, &other, src, dst),
            2 if self.dice.chance(20) => packet::ethernet(dst, src, 0x88b5, &self.payload()),
            _ => {
                let mut body = self.ip_packet(&seat);
                body.truncate(usize::try_from(seat.mtu).expect("an MTU is small"));
                packet::ethernet(dst, src, 0x0800, &body)
            }
        };
        let netns = self.hosts[seat.host].clone();
        let entry = json!({"send_frame": {"netns": netns, "dev": seat.dev, "frame": hex(&frame)}});
        self.stimulus(netns, Some(seat.dev), entry)
    }

    /// The fragments of a packet, in order or not, all or not.
    fn pieces(&mut self) {
        let number = self.dice.below(self.segments.len());
        let seats = self.segments[number].seats.clone();
        let (seat, other) = (self.dice.pick(&seats).clone(), self.dice.pick(&seats).clone());
        let ip = Ip {
            src: seat.ip,
            dst: self.addr(),
            ttl: *self.dice.pick(&[64, 64, 64, 1, 2]),
            tos: 0,
            id: self.dice.port(1..=65535),
            dont_fragment: false,
        };
        let n = self.dice.within(600..=2600);
        let payload = self.dice.bytes(n);
        let is_echo = self.dice.chance(40);
        let whole = if is_echo {
            ip.icmp(8, 0, [0, 1, 0, 1], &payload)
        } else {
            let ports = (*self.dice.pick(&SENDING), self.dport());
            ip.udp(ports, &payload)
        };
        let room = usize::try_from(seat.mtu - 20).expect("an MTU is small");
        let len = (*self.dice.pick(&[552, 800, 1480])).min(room) / 8 * 8;
        let mut pieces = ip.in_pieces(if is_echo { 1 } else { 17 }, &whole[20..], len);
        if self.dice.chance(25) {
            self.dice.shuffle(&mut pieces);
        }
        if self.dice.chance(12) {
            pieces.remove(self.dice.below(pieces.len()));
        }
        let netns = self.hosts[seat.host].clone();
        for piece in pieces {
            let frame = hex(&packet::ethernet(other.mac, seat.mac, 0x0800, &piece));
            let entry = json!({"send_frame": {"netns": netns, "dev": seat.dev, "frame": frame}});
            let it = self.stimulus(netns.clone(), Some(seat.dev.clone()), entry);
            self.rest.push(it);
        }
    }

    fn arp(&mut self, seat: &Seat, other: &Seat, src: Mac, dst: Mac) -> Vec<u8> {
        let sender = if self.dice.chance(70) { seat.ip } else { self.addr() };
        let target = match self.dice.below(6) {
            0 => sender,
            1 => self.addr(),
            _ => other.ip,
        };
        let operation = if self.dice.chance(70) { 1 } else { 2 };
        let to = if operation == 1 && self.dice.chance(80) { Mac::BROADCAST } else { dst };
        let asked = if operation == 1 { Mac::ZERO } else { other.mac };
        packet::ethernet(to, src, 0x0806, &packet::arp(operation, (src, sender), (asked, target)))
    }

    fn ip_packet(&mut self, seat: &Seat) -> Vec<u8> {
        let ip = Ip {
            src: if self.dice.chance(75) { seat.ip } else { self.addr() },
            dst: self.addr(),
            ttl: *self.dice.pick(&[64, 64, 64, 64, 1, 2, 3, 255]),
            tos: *self.dice.pick(&[0, 0, 0, 0x10, 0xb8, 3]),
            id: self.dice.port(1..=65535),
            dont_fragment: self.dice.chance(50),
        };
        let (sport, dport) = (*self.dice.pick(&SENDING), self.dport());
        let payload = self.payload();
        let mut out = match self.dice.below(21) {
            0 => ip.tcp((sport, dport), *self.dice.pick(&[2, 2, 16, 4]), &payload),
            1..=8 => ip.udp((sport, dport), &payload),
            9..=15 => ip.icmp(8, 0, [0, 1, 0, small(self.dice.below(4))], &payload),
            16 => ip.icmp(0, 0, [0, 1, 0, 1], &payload),
            17..=18 => {
                let of = Ip { src: ip.dst, dst: ip.src, id: 7, ..ip.clone() };
                let quoted = of.udp((dport, sport), &payload);
                let (kind, code) =
                    *self.dice.pick(&[(3, 0), (3, 1), (3, 3), (3, 10), (3, 13), (11, 0), (11, 1)]);
                ip.icmp(kind, code, [0; 4], &quoted[..28.min(quoted.len())])
            }
            _ => ip.around(253, &payload),
        };
        if self.dice.chance(4) {
            let at = self.dice.below(out.len());
            out[at] ^= 1 << self.dice.below(8);
        }
        out
    }
}
