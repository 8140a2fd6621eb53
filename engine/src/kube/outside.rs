//! What is around a cluster: the internet gateway, the internet, a client on it, and the cloud's load balancers.
//!
//! ```text
//! nodes ── switch ── internet gateway ── internet ── client
//!             └───── load balancers
//! ```
//!
//! The gateway gives each node an address of its own on the internet, one for one, and lets nothing else through. The
//! internet is one machine that has every public address that nobody else has (a `local` default route), so whatever is
//! asked for is there and answers. All of it is Linux, as the cluster is.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::load_balancer::{self, LoadBalancer};
use super::{Cluster, Host, Internet, Node, Protocol};
use crate::app::dns_server::{DnsServer, Zone};
use crate::app::http_server::HttpServer;
use crate::app::{App, Chance};
use crate::base::{Mac, sort_by_number};
use crate::link::Conf;
use crate::stack::fib::TableId;
use crate::tool::{Configured, End, Op, Ruleset, Setting, Transport, Way};
use crate::wire::dns::{Data, Name};
use crate::yaml::Report;

/// The link between the gateway and the internet, and the client's.
const LINK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 252), 30);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 253);
const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
const CLIENT_NET: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 28);
const CLIENT_ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// Nodes have these on the internet, counted up; what comes after them is for load balancers.
const FIRST_EXTERNAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
const N_EXTERNALS: u32 = 180;
/// For nodes beyond those: the range for measurements (RFC 2544), which nobody has.
const MORE_EXTERNALS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// Sites on the internet that somebody asks for by name have these, counted up.
const FIRST_SITE: Ipv4Addr = Ipv4Addr::new(198, 19, 0, 0);
/// Hosts that a lab describes without an address have these, counted up.
const FIRST_HOST: Ipv4Addr = Ipv4Addr::new(198, 19, 128, 0);
const TTL_S: u32 = 300;
/// Ports on which something listens everywhere on the internet.
const WELL_KNOWN: [u16; 3] = [53, 80, 443];
/// Domains that nobody has (RFC 6761).
const NO_DOMAINS: [&str; 4] = [".invalid", ".test", ".localhost", ".local"];
/// Addresses that are no one's on the internet (RFC 1918): packets to them end at the first router.
const PRIVATE: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// Whether an address may be somebody's on the internet.
pub(super) fn is_public(ip: Ipv4Addr) -> bool {
    !PRIVATE.iter().any(|net| net.contains(&ip))
}

/// What is around a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    /// The network namespaces.
    pub gateway: String,
    pub internet: String,
    pub client: String,
    /// The gateway's address on the underlay.
    pub gateway_address: Ipv4Addr,
    /// Each node's address on the internet.
    pub externals: Vec<Ipv4Addr>,
    pub load_balancers: Vec<LoadBalancer>,
    pub asked: Internet,
    /// The machines of [`Internet::hosts`], by name, with their network namespaces and addresses.
    pub hosts: Vec<(String, Ipv4Addr)>,
}

impl Outside {
    /// The address of a host that the lab describes.
    pub fn host_address(&self, name: &str) -> Option<Ipv4Addr> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut all = self.asked.hosts.iter().zip(&self.hosts);
        all.find(|(host, _)| host.name == name).map(|(_, (_, address))| *address)
    }

    /// The client's address.
    pub const fn client_address(&self) -> Ipv4Addr {
        CLIENT
    }
}

/// Where each host is: at its own address, or at one of ours. A problem if somebody else is there.
pub(super) fn host_addresses(
    hosts: &[Host],
    taken: &[Ipv4Addr],
    report: &mut Report,
) -> Vec<Ipv4Addr> {
    let mut given: Vec<Ipv4Addr> = Vec::new();
    let mut next = u32::from(FIRST_HOST);
    for host in hosts {
        let address = host.address.unwrap_or_else(|| {
            next += 1;
            Ipv4Addr::from(next)
        });
        let of_network = LINK.contains(&address) || CLIENT_NET.contains(&address);
        if of_network || taken.contains(&address) || given.contains(&address) {
            let message = format!("{address} is somebody else's: expected an address of its own");
            report.problem(host.place.problem(message));
        }
        given.push(address);
    }
    given
}

/// The machines of hosts, each on a link of its own to the internet's.
fn hosts(ops: &mut Vec<Op>, outside: &Outside) {
    let Outside { internet, asked, hosts, .. } = outside;
    for (number, (host, (netns, address))) in (2..).zip(asked.hosts.iter().zip(hosts)) {
        let port = format!("eth{number}");
        let own = Ipv4Net::new_assert(*address, 32);
        let [a, b, c, d] = address.octets();
        let route = |netns: &str, dst, way| Op::AddRoute {
            netns: netns.to_owned(),
            table: TableId::MAIN,
            dst,
            way,
        };
        let eth0 = || "eth0".to_owned();
        ops.extend([
            Op::AddNetns { netns: netns.clone() },
            Op::AddCable {
                ends: [
                    end(internet, &port, Mac([2, 1, a, b, c, d])),
                    end(netns, "eth0", mac(*address)),
                ],
            },
            Op::AddAddr { netns: netns.clone(), dev: eth0(), addr: own },
            route(netns, Ipv4Net::default(), Way::OnLink(INTERNET, eth0())),
            route(internet, own, Way::Dev(port)),
        ]);
        let of = |protocol| {
            let all = host.ports.iter().filter(move |it| it.0 == protocol);
            all.map(|it| it.1).collect::<Vec<u16>>()
        };
        let owner = format!("the server {}", host.name);
        let app = HttpServer::new(&host.name, of(Protocol::Tcp), 200);
        ops.push(Op::Run {
            netns: netns.clone(),
            owner: owner.clone(),
            app: Box::new(App::HttpServer(app)),
        });
        ops.extend(of(Protocol::Udp).into_iter().map(|port| Op::Serve {
            netns: netns.clone(),
            transport: Transport::Udp,
            port,
            answer: format!("hello from {}", host.name).into_bytes(),
            owner: owner.clone(),
        }));
    }
}

/// The addresses of nodes on the internet, in their order: those that they say they have, else ours.
pub(super) fn externals(told: &[Option<Ipv4Addr>]) -> Vec<Ipv4Addr> {
    let counted = |number: usize| {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let (first, number) = match number.checked_sub(N_EXTERNALS) {
            None => (FIRST_EXTERNAL, number),
            Some(more) => (MORE_EXTERNALS, more),
        };
        Ipv4Addr::from(u32::from(first).wrapping_add(number))
    };
    told.iter().enumerate().map(|(number, told)| told.unwrap_or_else(|| counted(number))).collect()
}

/// All of it as Linux configuration. The switch is there.
pub(super) fn compile(items: &mut Vec<Configured>, cluster: &Cluster, ports: &mut SwitchPorts<'_>) {
    let (Some(outside), Some(underlay)) = (&cluster.outside, &cluster.underlay) else { return };
    gateway(items, cluster, outside, (ports, underlay.prefix_len));
    internet(items, cluster, outside);
    for balancer in &outside.load_balancers {
        load_balancer::compile(items, cluster, outside, balancer, ports);
    }
    for node in &cluster.nodes {
        let (netns, dst) = (node.netns.clone(), Ipv4Net::default());
        let way = Way::Via(outside.gateway_address);
        let op = Op::AddRoute { netns, table: TableId::MAIN, dst, way };
        items.push(item(op, Some(&node.origin())));
    }
}

/// Cables machines to the underlay's switch, one port after the other.
pub(super) struct SwitchPorts<'c> {
    pub switch: &'c str,
    pub bridge: &'static str,
    pub n_used: usize,
}

impl SwitchPorts<'_> {
    /// A machine's `eth0`, cabled to the next port, with an address.
    pub(super) fn plug(
        &mut self,
        items: &mut Vec<Configured>,
        netns: &str,
        addr: Ipv4Net,
        origin: Option<&str>,
    ) {
        self.n_used += 1;
        let port = format!("port{}", self.n_used);
        let [.., b, c, d] = self.n_used.to_be_bytes();
        let ends = [
            end(netns, "eth0", mac(addr.addr())),
            end(self.switch, &port, Mac([2, 0, 0, b, c, d])),
        ];
        let (bridge, switch) = (self.bridge.to_owned(), self.switch.to_owned());
        for op in [
            Op::AddCable { ends },
            Op::SetMaster { netns: switch, port, bridge, hairpin: false },
            Op::AddAddr { netns: netns.to_owned(), dev: "eth0".to_owned(), addr },
        ] {
            items.push(item(op, origin));
        }
    }
}

fn gateway(
    items: &mut Vec<Configured>,
    cluster: &Cluster,
    outside: &Outside,
    (ports, prefix_len): (&mut SwitchPorts<'_>, u8),
) {
    let netns = &outside.gateway;
    let underlay = Ipv4Net::new_assert(outside.gateway_address, prefix_len);
    let own = |op| item(op, None);
    items.push(own(Op::AddNetns { netns: netns.clone() }));
    for setting in [
        Setting::IpForward(true),
        // What a load balancer's nodes answer comes back by the link it goes out on.
        Setting::Conf(None, Conf::SendRedirects, 0),
    ] {
        items.push(own(Op::Sysctl { netns: netns.clone(), setting }));
    }
    ports.plug(items, netns, underlay, None);
    items.push(own(Op::Sysctl {
        netns: netns.clone(),
        setting: Setting::Conf(Some("eth0".to_owned()), Conf::SendRedirects, 0),
    }));
    let mut route = |op| items.push(own(op));
    route(Op::AddNetns { netns: outside.internet.clone() });
    route(Op::AddCable {
        ends: [end(netns, "eth1", mac(GATEWAY)), end(&outside.internet, "eth0", mac(INTERNET))],
    });
    let (dev, addr) = ("eth1".to_owned(), Ipv4Net::new_assert(GATEWAY, LINK.prefix_len()));
    route(Op::AddAddr { netns: netns.clone(), dev, addr });
    let (dst, way) = (Ipv4Net::default(), Way::Via(INTERNET));
    route(Op::AddRoute { netns: netns.clone(), table: TableId::MAIN, dst, way });
    let mut rules = gateway_rules(cluster, outside, underlay.trunc());
    load_balancer::spare_others(items, outside, &mut rules);
    items.push(item(Op::IptablesRestore { netns: netns.clone(), rules: Arc::new(rules) }, None));
}

/// One for one: a node's own address to its address on the internet, and back.
fn gateway_rules(cluster: &Cluster, outside: &Outside, underlay: Ipv4Net) -> Ruleset {
    let mut rules = Ruleset::default();
    let own = "the internet gateway";
    rules.line("*nat", own);
    let pairs = || cluster.nodes.iter().zip(&outside.externals);
    for (Node { name, address, .. }, external) in pairs() {
        let because = format!("Node {name}");
        rules.line(
            &format!("-A PREROUTING -d {external}/32 -i eth1 -j DNAT --to-destination {address}"),
            &because,
        );
        rules.line(
            &format!("-A POSTROUTING -s {address}/32 -o eth1 -j SNAT --to-source {external}"),
            &because,
        );
    }
    rules.line("COMMIT", own);
    rules.line("*filter", own);
    rules.line("-A FORWARD -o eth1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", own);
    // A pod's address means nothing out there.
    rules.line(&format!("-A FORWARD ! -s {underlay} -o eth1 -j DROP"), own);
    rules.line("COMMIT", own);
    rules
}

/// The internet's one machine, which is a router to the client, and the client. Its link to the gateway is there.
fn internet(items: &mut Vec<Configured>, cluster: &Cluster, outside: &Outside) {
    let Outside { internet, client, .. } = outside;
    let add = |netns: &str, dev: &str, ip, net: Ipv4Net| Op::AddAddr {
        netns: netns.to_owned(),
        dev: dev.to_owned(),
        addr: Ipv4Net::new_assert(ip, net.prefix_len()),
    };
    let route = |netns: &str, dst, way| Op::AddRoute {
        netns: netns.to_owned(),
        table: TableId::MAIN,
        dst,
        way,
    };
    let mut ops = vec![
        Op::Sysctl { netns: internet.clone(), setting: Setting::IpForward(true) },
        add(internet, "eth0", INTERNET, LINK),
        Op::AddNetns { netns: client.clone() },
        Op::AddCable {
            ends: [end(internet, "eth1", mac(CLIENT_ROUTER)), end(client, "eth0", mac(CLIENT))],
        },
        add(internet, "eth1", CLIENT_ROUTER, CLIENT_NET),
        add(client, "eth0", CLIENT, CLIENT_NET),
        route(client, Ipv4Net::default(), Way::Via(CLIENT_ROUTER)),
        route(internet, Ipv4Net::default(), Way::Local),
    ];
    let balancers = outside.load_balancers.iter().map(|it| it.address);
    // A node may do without the gateway's translation.
    let own = cluster.nodes.iter().map(|node| node.address).filter(|&ip| is_public(ip));
    // Whoever gives a Service `externalIPs` sees to it that they lead to a node.
    let given = cluster.services.iter().flat_map(|it| it.external_ips.iter().copied());
    let mut inside: Vec<Ipv4Addr> = outside
        .externals
        .iter()
        .copied()
        .chain(balancers)
        .chain(own)
        .chain(given.clone())
        .collect();
    inside.sort_unstable();
    inside.dedup();
    for ip in inside {
        ops.push(route(internet, Ipv4Net::new_assert(ip, 32), Way::Via(GATEWAY)));
    }
    let mut given: Vec<Ipv4Addr> = given.collect();
    given.sort_unstable();
    given.dedup();
    given.retain(|ip| {
        cluster.nodes.iter().all(|node| node.address != *ip)
            && outside.load_balancers.iter().all(|it| it.address != *ip)
    });
    for (ip, node) in given.into_iter().zip(cluster.nodes.iter().cycle()) {
        let (dst, way) = (Ipv4Net::new_assert(ip, 32), Way::Via(node.address));
        ops.push(route(&outside.gateway, dst, way));
    }
    for net in PRIVATE {
        ops.push(route(internet, net, Way::Blackhole));
        ops.push(route(&outside.gateway, net, Way::Blackhole));
    }
    hosts(&mut ops, outside);
    ops.extend(programs(cluster, outside));
    items.extend(ops.into_iter().map(|op| item(op, None)));
}

/// Web servers and others on the internet, and the cloud's resolver, which knows the names there: those of the cluster's
/// own sites, too.
fn programs(cluster: &Cluster, outside: &Outside) -> Vec<Op> {
    let Outside { gateway, internet, asked, .. } = outside;
    let mut ports: Vec<u16> = WELL_KNOWN.iter().chain(&asked.ports).copied().collect();
    sort_by_number(&mut ports, |&port| port.into());
    ports.dedup();
    let owner = "a server on the internet".to_owned();
    let udp = ports.iter().map(|&port| Op::Serve {
        netns: internet.clone(),
        transport: Transport::Udp,
        port,
        answer: b"hello from the internet".to_vec(),
        owner: owner.clone(),
    });
    let mut ops: Vec<Op> = udp.collect();
    let server = Box::new(App::HttpServer(HttpServer::new("the internet", ports, 200)));
    ops.push(Op::Run { netns: internet.clone(), owner: owner.clone(), app: server });
    let mut zone = Zone::new(Name::root(), TTL_S);
    for (host, (_, address)) in asked.hosts.iter().zip(&outside.hosts) {
        if let Some(name) = Name::new(&host.name) {
            zone.add(name, Data::A(*address));
        }
    }
    let described = |name: &&String| outside.host_address(name).is_none();
    for (number, name) in (1..).zip(asked.names.iter().filter(described)) {
        let exists = !NO_DOMAINS.iter().any(|it| name.trim_end_matches('.').ends_with(it));
        if let Some(name) = Name::new(name).filter(|_| exists) {
            let elsewhere = Ipv4Addr::from(u32::from(FIRST_SITE).wrapping_add(number));
            let own = cluster.site_address(name.as_str().trim_end_matches('.'));
            zone.add(name, Data::A(own.unwrap_or(elsewhere)));
        }
    }
    let resolver = DnsServer::new(Arc::from([zone]), Vec::new(), Chance::new(1));
    let owner = "the cloud's resolver".to_owned();
    ops.push(Op::Run { netns: gateway.clone(), owner, app: Box::new(App::DnsServer(resolver)) });
    ops
}

pub(super) fn item(op: Op, origin: Option<&str>) -> Configured {
    Configured { op, origin: origin.map(str::to_owned) }
}

pub(super) fn end(netns: &str, dev: &str, mac: Mac) -> End {
    End { netns: netns.to_owned(), dev: dev.to_owned(), mac }
}

/// A network card's address that tells what it belongs to. No host's address begins with 0, as a switch's ports' do.
pub(super) fn mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    Mac([2, 0, a, b, c, d])
}
