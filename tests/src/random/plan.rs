//! A lab as a list of items that can be left out one by one: what stands on an item that is gone goes with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::{fs, io};

use everyhop_engine::base::{DevId, Mac, Nanos, NsId};
use everyhop_engine::export;
use everyhop_engine::link::bridge::FdbEntry;
use everyhop_engine::link::vxlan::{EntryState, OuterTos, OuterTtl};
use everyhop_engine::link::{Conf, Device, DeviceKind, PortFlags, Vxlan};
use everyhop_engine::netfilter::RuleError;
use everyhop_engine::netfilter::ipset::Sets;
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::stack::fib::{RouteKind, TableId};
use everyhop_engine::stack::multipath::Policy;
use everyhop_engine::stack::rule::{OnDev, Rule};
use everyhop_engine::tool::conntrack;
use everyhop_engine::trace::Nud;
use everyhop_engine::wire::vxlan::Vni;
use everyhop_engine::world::{ConfigError, Hop, LinkEnd, NewRoute, World};
use ipnet::Ipv4Net;
use serde_json::{Value, json};

use crate::problem::{Outcome, Problem};

/// One thing that a lab is made of, or that happens in it. Namespaces and devices are named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Netns {
        name: String,
    },
    Veth {
        ends: [End; 2],
    },
    Bridge {
        end: End,
        ageing_s: u64,
    },
    /// A VXLAN device that floods to one other.
    Tunnel {
        end: End,
        way: Tunnel,
    },
    /// A wire that ends in a bridge, set down at that end.
    Down {
        netns: String,
        port: String,
    },
    Port {
        netns: String,
        port: String,
        bridge: String,
        flags: PortFlags,
    },
    Mtu {
        netns: String,
        dev: String,
        bytes: u32,
    },
    Addr {
        netns: String,
        dev: String,
        addr: Ipv4Net,
    },
    Route {
        netns: String,
        table: u32,
        kind: RouteKind,
        dst: Ipv4Net,
        tos: u8,
        /// With their weights; none where it leads nowhere.
        hops: Vec<(Via, u16)>,
        src: Option<Ipv4Addr>,
        metric: u32,
    },
    PolicyRule {
        netns: String,
        rule: Rule,
        /// The device that the packet came in by.
        iif: Option<String>,
    },
    /// A device's setting, or with the name `all` one for all.
    Conf {
        netns: String,
        dev: String,
        conf: Conf,
        value: u8,
    },
    Neigh {
        netns: String,
        dev: String,
        ip: Ipv4Addr,
        mac: Mac,
        state: Nud,
    },
    Fdb {
        netns: String,
        port: String,
        mac: Mac,
        is_static: bool,
    },
    Sysctl {
        netns: String,
        setting: Setting,
    },
    /// A user's chain of iptables.
    Chain {
        netns: String,
        table: &'static str,
        name: String,
    },
    /// A built-in chain that drops what no rule has accepted.
    Policy {
        netns: String,
        table: &'static str,
        chain: String,
    },
    Rule {
        netns: String,
        rule: IptablesRule,
    },
    /// An `ipset create` line.
    Set {
        netns: String,
        name: String,
        text: String,
    },
    Element {
        netns: String,
        set: String,
        element: String,
        /// Another set that it names.
        needs: Option<String>,
    },
    /// A connection that is tracked already, as `conntrack -L -o extended` lists it.
    Known {
        netns: String,
        line: String,
    },
    /// A row of `sockets.json`.
    Listener {
        netns: String,
        row: Value,
    },
    /// An entry of `stimuli.json`.
    Stimulus {
        netns: String,
        /// The device it needs, if any.
        dev: Option<String>,
        entry: Value,
    },
}

/// A device to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) netns: String,
    pub(super) dev: String,
    pub(super) mac: Mac,
}

/// How a VXLAN device reaches the other one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tunnel {
    pub(super) local: Option<Ipv4Addr>,
    pub(super) remote: Ipv4Addr,
    pub(super) ttl: OuterTtl,
    pub(super) tos: OuterTos,
    pub(super) learning: bool,
    pub(super) udp_csum: bool,
}

/// A rule of iptables, as `iptables-restore` takes it behind `-A CHAIN`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct IptablesRule {
    pub(super) table: &'static str,
    pub(super) chain: String,
    pub(super) text: String,
    pub(super) needs_chain: Option<String>,
    pub(super) needs_set: Option<String>,
}

/// The text of a namespace's rules and sets, as it grows.
#[derive(Clone, Default, Debug)]
struct Texts {
    sets: String,
    set_names: BTreeSet<String>,
    tables: BTreeMap<&'static str, TableText>,
}

#[derive(Clone, Default, Debug)]
struct TableText {
    chains: BTreeSet<String>,
    dropping: BTreeSet<String>,
    rules: String,
}

/// The port that VXLAN has by RFC 7348.
const VXLAN_PORT: u16 = 4789;
/// One source port for all datagrams: else it is a hash that begins with a random number, and rules may see it.
const VXLAN_SRC_PORTS: (u16, u16) = (50_000, 50_001);

/// Built-in chains by table.
pub(super) const BUILT_IN: [(&str, &[&str]); 5] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Via {
    Gateway(Ipv4Addr),
    GatewayOn(Ipv4Addr, String),
    Link(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    IpForward(bool),
    DefaultTtl(u8),
    IgnoreEchoes(bool),
    IgnoreBroadcastEchoes(bool),
    BridgeCallsIptables(bool),
    MultipathPolicy(Policy),
}

/// A whole lab.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
}

/// What is built from items: all but the text of rules at once.
struct Building {
    world: World,
    texts: BTreeMap<String, Texts>,
}

impl Plan {
    /// The same without the items that cannot be had, because what they name is not there.
    pub(super) fn valid(&self, seed: u64) -> Self {
        let mut it = Building::new(seed);
        Self {
            items: self
                .items
                .iter()
                .filter(|item| item.apply(&mut it).is_some())
                .cloned()
                .collect(),
        }
    }

    /// The world before anything happens. What cannot be had is not there. Refused are rules that the engine does not know.
    pub(super) fn world(&self, seed: u64) -> Outcome<World> {
        let mut it = Building::new(seed);
        for item in &self.items {
            item.apply(&mut it);
        }
        it.finish()
    }

    /// `stimuli.json` and `sockets.json`.
    pub(super) fn played(&self) -> (Vec<Value>, Vec<Value>) {
        let stimuli = self.items.iter().filter_map(|it| match it {
            Item::Stimulus { entry, .. } => Some(entry.clone()),
            _ => None,
        });
        let sockets = self.items.iter().filter_map(|it| match it {
            Item::Listener { row, .. } => Some(row.clone()),
            _ => None,
        });
        (stimuli.collect(), sockets.collect())
    }

    /// Writes the lab's inputs to `dir`, as somebody could have written them by hand.
    pub(super) fn write(&self, dir: &Path, seed: u64, about: &Value) -> Outcome<()> {
        let script = export::script(&self.world(seed)?).map_err(|e| Problem::at("export", e))?;
        let (stimuli, sockets) = self.played();
        let write =
            |name: &str, text: String| -> io::Result<()> { fs::write(dir.join(name), text) };
        fs::create_dir_all(dir)
            .and_then(|()| write("build.sh", script))
            .and_then(|()| write("stimuli.json", rows(&stimuli)))
            .and_then(|()| write("sockets.json", rows(&sockets)))
            .and_then(|()| write("lab.json", format!("{about}\n")))
            .map_err(Problem::in_file(dir))
    }
}

/// A JSON list, one entry a line.
fn rows(list: &[Value]) -> String {
    if list.is_empty() {
        return "[]\n".to_owned();
    }
    let lines: Vec<String> = list.iter().map(|it| format!("  {it}")).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn netns(world: &World, name: &str) -> Option<NsId> {
    world.find_netns(name)
}

fn device(world: &World, ns: &str, name: &str) -> Option<DevId> {
    world.find_device(netns(world, ns)?, name)
}

impl Via {
    fn hop(&self, world: &World, ns: &str) -> Option<Hop> {
        Some(match self {
            Self::Gateway(ip) => Hop::Gateway(*ip),
            Self::GatewayOn(ip, dev) => Hop::GatewayOn(*ip, device(world, ns, dev)?),
            Self::Link(dev) => Hop::Link(device(world, ns, dev)?),
        })
    }
}

impl End {
    fn link<'a>(&'a self, world: &World) -> Option<LinkEnd<'a>> {
        Some(LinkEnd { ns: netns(world, &self.netns)?, name: &self.dev, mac: self.mac })
    }
}

impl Building {
    fn new(seed: u64) -> Self {
        Self { world: World::new(seed), texts: BTreeMap::new() }
    }

    fn texts(&mut self, name: &str) -> Option<&mut Texts> {
        netns(&self.world, name)?;
        Some(self.texts.entry(name.to_owned()).or_default())
    }

    fn finish(mut self) -> Outcome<World> {
        for (name, texts) in &self.texts {
            let ns = netns(&self.world, name).expect("texts are of namespaces that are there");
            let rules = texts.rules();
            let refused = |e: RuleError| Problem::at(name, format!("{}: {}", e.word, e.message));
            let own = self.world.netns[ns].netfilter_mut();
            own.sets = Sets::parse(&texts.sets, Nanos::ZERO).map_err(refused)?;
            let tables = Tables::parse(&rules, &own.sets, &mut own.recents).map_err(refused)?;
            own.set_tables(tables);
        }
        // A bridge has a carrier by its ports.
        let world = &mut self.world;
        let is_bare = |it: &Device| match &it.kind {
            DeviceKind::Bridge(it) => it.ports.iter().all(|&port| !world.devices[port].up),
            _ => false,
        };
        let bare: Vec<DevId> =
            world.devices.iter().filter(|(_, it)| is_bare(it)).map(|(id, _)| id).collect();
        for dev in bare {
            world.devices[dev].up = false;
        }
        Ok(self.world)
    }
}

impl Texts {
    /// As `iptables-restore` takes them.
    fn rules(&self) -> String {
        let mut out = String::new();
        for (table, text) in &self.tables {
            out += &format!("*{table}\n");
            let built_in = BUILT_IN.iter().find(|it| it.0 == *table).map_or(&[][..], |it| it.1);
            for chain in built_in {
                let policy = if text.dropping.contains(*chain) { "DROP" } else { "ACCEPT" };
                out += &format!(":{chain} {policy} [0:0]\n");
            }
            for chain in &text.chains {
                out += &format!(":{chain} - [0:0]\n");
            }
            out += &text.rules;
            out += "COMMIT\n";
        }
        out
    }
}

impl Item {
    /// Puts the item into the world. None: it cannot be had there.
    fn apply(&self, building: &mut Building) -> Option<()> {
        let done = |it: Result<(), ConfigError>| it.ok();
        let world = &mut building.world;
        match self {
            Self::Netns { name } => done(world.add_netns(name).map(|_| ())),
            Self::Veth { ends: [a, b] } => {
                let (a, b) = (a.link(world)?, b.link(world)?);
                done(world.add_veth(a, b).map(|_| ()))
            }
            Self::Bridge { end, ageing_s } => {
                let dev = world.add_bridge(end.link(world)?).ok()?;
                world.bridge_mut(dev).ok()?.ageing = Nanos::from_secs(*ageing_s);
                Some(())
            }
            Self::Tunnel { end, way } => {
                let end = end.link(world)?;
                let mut vxlan = Vxlan {
                    local: way.local,
                    ttl: way.ttl,
                    tos: way.tos,
                    learning: way.learning,
                    udp_csum: way.udp_csum,
                    src_ports: VXLAN_SRC_PORTS,
                    ..Vxlan::new(end.ns, Vni::new(7)?, VXLAN_PORT)
                };
                let remote = vxlan.remote(way.remote);
                vxlan.append(Mac::ZERO, remote, EntryState::Static);
                done(world.add_vxlan(end, vxlan).map(|_| ()))
            }
            Self::Down { netns, port } => {
                let port = device(world, netns, port)?;
                let peer = world.devices[port].kind.peer()?;
                world.devices[port].port?;
                world.devices[port].up = false;
                world.devices[peer].up = false;
                Some(())
            }
            Self::Port { netns, port, bridge, flags } => {
                let (port, bridge) = (device(world, netns, port)?, device(world, netns, bridge)?);
                done(world.set_master(port, bridge, *flags))
            }
            Self::Mtu { netns, dev, bytes } => {
                let dev = device(world, netns, dev)?;
                world.devices[dev].mtu_bytes = *bytes;
                Some(())
            }
            Self::Addr { netns, dev, addr } => {
                let dev = device(world, netns, dev)?;
                done(world.add_addr(dev, *addr, None))
            }
            Self::Route { netns: ns, table, kind, dst, tos, hops, src, metric } => {
                let id = netns(world, ns)?;
                if src.is_some_and(|it| !world.netns[id].owns(it)) {
                    return None;
                }
                let hops: Option<Vec<(Hop, u16)>> =
                    hops.iter().map(|(via, weight)| Some((via.hop(world, ns)?, *weight))).collect();
                let new = NewRoute {
                    table: TableId(*table),
                    dst: *dst,
                    tos: *tos,
                    kind: *kind,
                    hops: hops?,
                    prefsrc: *src,
                    metric: *metric,
                    origin: None,
                };
                done(world.add_route(id, new).map(|_| ()))
            }
            Self::PolicyRule { netns: ns, rule, iif } => {
                let id = netns(world, ns)?;
                let iif = match iif {
                    Some(dev) => OnDev::Dev(device(world, ns, dev)?),
                    None => OnDev::Any,
                };
                world.add_rule(id, Rule { iif, ..rule.clone() });
                Some(())
            }
            Self::Conf { netns: ns, dev, conf, value } => {
                let id = netns(world, ns)?;
                if dev == "all" {
                    world.netns[id].sysctl.all.set(*conf, *value);
                } else {
                    let dev = device(world, ns, dev)?;
                    world.set_conf(dev, *conf, *value);
                    // Else the answer comes after a random time.
                    world.devices[dev].proxy_delay = Nanos::ZERO;
                }
                Some(())
            }
            Self::Neigh { netns, dev, ip, mac, state } => {
                let dev = device(world, netns, dev)?;
                world.set_neigh(dev, *ip, *mac, *state);
                Some(())
            }
            Self::Fdb { netns, port, mac, is_static } => {
                let port = device(world, netns, port)?;
                let bridge = world.devices[port].port?.bridge;
                let is_up = world.devices[port].up;
                let entry = if *is_static {
                    FdbEntry::Static { port }
                } else {
                    FdbEntry::Learnt { port, updated: Nanos::ZERO }
                };
                let own = world.bridge_mut(bridge).ok()?;
                // Where nothing is kept, the kernel forgets an entry within ten milliseconds, and a port that is down takes
                // none.
                let fades = !is_static && (own.ageing == Nanos::ZERO || !is_up);
                if fades || own.fdb.contains_key(mac) {
                    return None;
                }
                own.fdb.insert(*mac, entry);
                Some(())
            }
            Self::Sysctl { netns: ns, setting } => {
                let ns = netns(world, ns)?;
                let own = &mut world.netns[ns].sysctl;
                match *setting {
                    Setting::IpForward(on) => world.set_ip_forward(ns, on),
                    Setting::DefaultTtl(hops) => own.default_ttl_hops = hops,
                    Setting::IgnoreEchoes(on) => own.icmp_echo_ignore_all = on,
                    Setting::IgnoreBroadcastEchoes(on) => own.icmp_echo_ignore_broadcasts = on,
                    Setting::BridgeCallsIptables(on) => world.set_bridge_calls_iptables(ns, on),
                    Setting::MultipathPolicy(policy) => own.multipath.policy = policy,
                }
                Some(())
            }
            Self::Chain { netns, table, name } => {
                let chains = &mut building.texts(netns)?.tables.entry(table).or_default().chains;
                chains.insert(name.clone()).then_some(())
            }
            Self::Policy { netns, table, chain } => {
                let dropping =
                    &mut building.texts(netns)?.tables.entry(table).or_default().dropping;
                dropping.insert(chain.clone()).then_some(())
            }
            Self::Rule { netns, rule } => {
                let texts = building.texts(netns)?;
                if rule.needs_set.as_ref().is_some_and(|it| !texts.set_names.contains(it)) {
                    return None;
                }
                let table = texts.tables.entry(rule.table).or_default();
                let is_built_in = BUILT_IN
                    .iter()
                    .any(|(name, chains)| *name == rule.table && chains.contains(&&*rule.chain));
                let needs = rule.needs_chain.iter().chain((!is_built_in).then_some(&rule.chain));
                if needs.into_iter().any(|it| !table.chains.contains(it)) {
                    return None;
                }
                table.rules += &format!("-A {} {}\n", rule.chain, rule.text);
                Some(())
            }
            Self::Set { netns, name, text } => {
                let texts = building.texts(netns)?;
                texts.sets += &format!("{text}\n");
                texts.set_names.insert(name.clone()).then_some(())
            }
            Self::Element { netns, set, element, needs } => {
                let texts = building.texts(netns)?;
                let line = format!("add {set} {element}\n");
                let is_there = |it: &String| texts.set_names.contains(it);
                if !is_there(set)
                    || needs.iter().any(|it| !is_there(it))
                    || texts.sets.contains(&line)
                {
                    return None;
                }
                texts.sets += &line;
                Some(())
            }
            Self::Known { netns: ns, line } => {
                let known = conntrack::parse(line).ok()??;
                let id = netns(world, ns)?;
                let now = world.now();
                let own = world.netns[id].netfilter_mut();
                own.conntrack.add_known(&known, now).then_some(())
            }
            Self::Listener { netns: ns, .. } => netns(world, ns).map(|_| ()),
            Self::Stimulus { netns: ns, dev, .. } => match dev {
                Some(dev) => device(world, ns, dev).map(|_| ()),
                None => netns(world, ns).map(|_| ()),
            },
        }
    }
}

/// What `lab.json` says of a lab that nobody has described yet.
pub(super) fn about(title: &str, why: &str) -> Value {
    json!({"title": title, "why": why})
}
