//! Operations into a world, with the origin of each kept beside what it made.

use std::fmt;
use std::sync::Arc;

use super::restored::{Given, Restored, StepId};
use super::{Configured, End, Op, Ruleset, Setting, Transport, Way};
use crate::base::{DevId, FxIndexMap, Nanos, NsId, OriginId};
use crate::link::vxlan::EntryState;
use crate::link::{PortFlags, Vxlan};
use crate::netfilter::RuleError;
use crate::netfilter::ipset::Sets;
use crate::netfilter::table::Tables;
use crate::skb::Mark;
use crate::stack::fib::RouteKind;
use crate::stack::rule::{Action, Rule};
use crate::stack::socket::{Bound, Program, Socket};
use crate::trace::Nud;
use crate::wire::vxlan::HEADROOM;
use crate::world::{ConfigError, Hop, LinkEnd, NewRoute, World};

/// Why an operation cannot be applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// No namespace has this name yet.
    NoNetns(String),
    /// No device has this name (`NETNS/DEV`) yet.
    NoDevice(String),
    /// The device (`NETNS/DEV`) is no VXLAN device.
    NotATunnel(String),
    /// Rules that cannot be read.
    Rules(RuleError),
    /// The world refuses it.
    Config(ConfigError),
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNetns(name) => write!(f, "there is no network namespace named {name}"),
            Self::NotATunnel(name) => write!(f, "{name} is no VXLAN device"),
            Self::NoDevice(name) => write!(f, "there is no device {name}"),
            Self::Rules(error) => error.fmt(f),
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Applies all operations in order. The error names the index of the one that failed; those before it are applied.
pub fn apply(world: &mut World, items: &[Configured]) -> Result<(), (usize, Error)> {
    apply_sharing(world, items, &mut Restored::default())
}

/// [`apply`], where what other namespaces were given, of this world or of another, need not be read again.
pub fn apply_sharing(
    world: &mut World,
    items: &[Configured],
    restored: &mut Restored,
) -> Result<(), (usize, Error)> {
    let of_netns = items.iter().filter(|it| matches!(it.op, Op::AddNetns { .. }));
    world.netns.reserve(of_netns.count());
    let mut applier = Applier { given: FxIndexMap::default(), restored, world };
    let mut each = items.iter().enumerate();
    let failed = each.find_map(|(index, item)| Some((index, applier.apply(item).err()?)));
    applier.settle();
    failed.map_or(Ok(()), Err)
}

/// A world that changes.
struct Applier<'w> {
    world: &'w mut World,
    /// Namespaces whose rules and sets all came by restores, and are still to be put into them.
    given: FxIndexMap<NsId, StepId>,
    restored: &'w mut Restored,
}

impl Applier<'_> {
    fn netns(&self, name: &str) -> Result<NsId, Error> {
        self.world.find_netns(name).ok_or_else(|| Error::NoNetns(name.into()))
    }

    fn dev(&self, netns: &str, dev: &str) -> Result<DevId, Error> {
        let ns = self.netns(netns)?;
        let found = self.world.find_device(ns, dev);
        found.ok_or_else(|| Error::NoDevice(format!("{netns}/{dev}")))
    }

    fn end<'e>(&self, end: &'e End) -> Result<LinkEnd<'e>, Error> {
        Ok(LinkEnd { ns: self.netns(&end.netns)?, name: &end.dev, mac: end.mac })
    }

    fn apply(&mut self, item: &Configured) -> Result<(), Error> {
        let origin = item.origin.as_deref().map(|text| self.world.add_origin(text));
        match &item.op {
            Op::AddNetns { netns } => {
                let id = self.world.add_netns(netns)?;
                self.world.netns[id].origin = origin;
            }
            Op::AddVeth { ends: [a, b] } => {
                let (a, b) = self.world.add_veth(self.end(a)?, self.end(b)?)?;
                self.world.devices[a].origin = origin;
                self.world.devices[b].origin = origin;
            }
            Op::AddCable { ends: [a, b] } => {
                let (a, b) = self.world.add_cable(self.end(a)?, self.end(b)?)?;
                self.world.devices[a].origin = origin;
                self.world.devices[b].origin = origin;
            }
            Op::AddBridge { bridge } => {
                let id = self.world.add_bridge(self.end(bridge)?)?;
                self.world.devices[id].origin = origin;
            }
            Op::AddVxlan { tunnel, vni, local, underlay, port } => {
                let net = self.netns(&tunnel.netns)?;
                let underlay = self.dev(&tunnel.netns, underlay)?;
                let vxlan =
                    Vxlan { local: Some(*local), learning: false, ..Vxlan::new(net, *vni, *port) };
                let id = self.world.add_vxlan(self.end(tunnel)?, vxlan)?;
                let mtu_bytes = self.world.devices[underlay].mtu_bytes;
                self.world.devices[id].mtu_bytes = mtu_bytes.saturating_sub(HEADROOM);
                self.world.devices[id].origin = origin;
            }
            Op::AddRemote { netns, dev, mac, remote } => {
                let id = self.dev(netns, dev)?;
                let Some(vxlan) = self.world.vxlan_mut(id) else {
                    return Err(Error::NotATunnel(format!("{netns}/{dev}")));
                };
                vxlan.append(*mac, vxlan.remote(*remote), EntryState::Static);
            }
            Op::AddNeigh { netns, dev, ip, mac } => {
                let dev = self.dev(netns, dev)?;
                self.world.set_neigh(dev, *ip, *mac, Nud::Permanent);
            }
            Op::SetMaster { netns, port, bridge, hairpin } => {
                let (port, bridge) = (self.dev(netns, port)?, self.dev(netns, bridge)?);
                let flags = PortFlags { hairpin: *hairpin, ..PortFlags::default() };
                self.world.set_master(port, bridge, flags)?;
            }
            Op::SetMtu { netns, dev, mtu_bytes } => {
                let dev = self.dev(netns, dev)?;
                self.world.devices[dev].mtu_bytes = *mtu_bytes;
            }
            Op::AddAddr { netns, dev, addr } => {
                let dev = self.dev(netns, dev)?;
                self.world.add_addr(dev, *addr, origin)?;
            }
            Op::AddRoute { netns, table, dst, way } => {
                let ns = self.netns(netns)?;
                let (kind, hops) = match way {
                    Way::Via(via) => (RouteKind::Unicast, vec![(Hop::Gateway(*via), 1)]),
                    Way::OnLink(via, dev) => {
                        (RouteKind::Unicast, vec![(Hop::GatewayOn(*via, self.dev(netns, dev)?), 1)])
                    }
                    Way::Dev(dev) => {
                        (RouteKind::Unicast, vec![(Hop::Link(self.dev(netns, dev)?), 1)])
                    }
                    Way::Blackhole => (RouteKind::Blackhole, Vec::new()),
                    Way::Local => (RouteKind::Local, vec![(Hop::Link(self.world.netns[ns].lo), 1)]),
                };
                let route = NewRoute {
                    table: *table,
                    kind,
                    hops,
                    origin,
                    ..NewRoute::new(*dst, Hop::Link(self.world.netns[ns].lo))
                };
                self.world.add_route(ns, route)?;
            }
            Op::AddRule { netns, priority, src, sport, mark, table } => {
                let rule = Rule {
                    src: *src,
                    protocol: sport.map_or(0, |(transport, _)| transport.protocol()),
                    sport: sport.map(|(_, port)| (port, port)),
                    mark: Mark(mark.unwrap_or_default()),
                    mark_mask: if mark.is_some() { u32::MAX } else { 0 },
                    origin,
                    ..Rule::new(*priority, Action::Lookup(*table))
                };
                self.world.add_rule(self.netns(netns)?, rule);
            }
            Op::Sysctl { netns, setting } => {
                let ns = self.netns(netns)?;
                match setting {
                    Setting::IpForward(on) => self.world.set_ip_forward(ns, *on),
                    Setting::BridgeCallsIptables(on) => {
                        self.world.set_bridge_calls_iptables(ns, *on);
                    }
                    Setting::Conf(Some(dev), conf, value) => {
                        let dev = self.dev(netns, dev)?;
                        self.world.set_conf(dev, *conf, *value);
                    }
                    Setting::ProxyDelay(dev, hundredths) => {
                        let dev = self.dev(netns, dev)?;
                        let delay = Nanos::from_millis(u64::from(*hundredths) * 10);
                        self.world.devices[dev].proxy_delay = delay;
                    }
                    Setting::ConntrackTcpBeLiberal(on) => {
                        let netfilter = self.world.netns[ns].netfilter_mut();
                        netfilter.conntrack.settings.tcp_be_liberal = *on;
                    }
                    Setting::Conf(None, conf, value) => {
                        self.world.netns[ns].sysctl.all.set(*conf, *value);
                    }
                }
            }
            Op::DelNetns { netns } => {
                let ns = self.netns(netns)?;
                self.world.remove_netns(ns);
            }
            Op::IptablesReplace { netns, sets, rules } => {
                self.replace(netns, (sets, rules), origin)?;
            }
            Op::DelConntrack { netns, dst, port, reply_src } => {
                let (ns, now) = (self.netns(netns)?, self.world.now());
                let conntrack = &mut self.world.netns[ns].netfilter_mut().conntrack;
                conntrack.delete_udp((*dst, *port), *reply_src, now);
            }
            Op::Reload { netns, owner, app } => {
                let ns = self.netns(netns)?;
                self.world.reload(ns, owner, app);
            }
            Op::Run { netns, owner, app } => {
                let ns = self.netns(netns)?;
                self.world.spawn(ns, owner, (**app).clone());
            }
            Op::IptablesRestore { netns, rules } => {
                let ns = self.netns(netns)?;
                let given = Given::rules(Arc::clone(rules), item.origin.as_deref());
                if !self.share(ns, given)? {
                    self.restore(ns, rules, origin)?;
                }
            }
            Op::IpsetRestore { netns, sets } => {
                let (ns, at) = (self.netns(netns)?, self.world.now());
                if !self.share(ns, Given::Sets { text: Arc::clone(sets), at })? {
                    let netfilter = self.world.netns[ns].netfilter_mut();
                    netfilter.sets.restore(sets, at).map_err(Error::Rules)?;
                }
            }
            Op::Serve { netns, transport, port, answer, owner } => {
                let port = *port;
                let socket = Socket {
                    bound: match transport {
                        Transport::Udp => Bound::Udp { port },
                        Transport::Tcp => Bound::Tcp { port },
                    },
                    addr: None,
                    program: Program::Answers(answer.clone()),
                    owner: owner.as_str().into(),
                    broadcast: false,
                    heard: 0,
                };
                self.world.bind(self.netns(netns)?, socket)?;
            }
        }
        Ok(())
    }

    /// Gives something to a namespace that had no rules and no sets before this. False: it had.
    fn share(&mut self, ns: NsId, given: Given) -> Result<bool, Error> {
        let after = self.given.get(&ns).copied();
        let netfilter = self.world.netns[ns].netfilter_mut();
        if after.is_none() && !(netfilter.tables.is_empty() && netfilter.sets.is_empty()) {
            return Ok(false);
        }
        let step = self.restored.step(after, given).map_err(Error::Rules)?;
        self.given.insert(ns, step);
        Ok(true)
    }

    /// Puts namespaces into the state in which all that they were given leaves them.
    fn settle(&mut self) {
        let (world, restored) = (&mut *self.world, &*self.restored);
        for (ns, step) in std::mem::take(&mut self.given) {
            let mut netfilter = std::mem::take(world.netns[ns].netfilter_mut());
            restored.put(step, &mut netfilter, |text| world.add_origin(text));
            *world.netns[ns].netfilter_mut() = netfilter;
        }
    }

    fn origins(&mut self, rules: &Ruleset) -> Vec<OriginId> {
        rules.origins.iter().map(|it| self.world.add_origin(it)).collect()
    }

    /// These rules and sets in place of those that are there.
    fn replace(
        &mut self,
        netns: &str,
        (sets, rules): (&[Arc<str>], &[Arc<Ruleset>]),
        origin: Option<OriginId>,
    ) -> Result<(), Error> {
        self.settle();
        let (ns, now) = (self.netns(netns)?, self.world.now());
        let mut read = Tables::default();
        let mut own = Sets::default();
        for text in sets {
            own.restore(text, now).map_err(Error::Rules)?;
        }
        for rules in rules {
            let numbers = self.origins(rules);
            let of_line = |line: usize| rules.origin(line, &numbers).or(origin);
            let recents = &mut self.world.netns[ns].netfilter_mut().recents;
            read.restore(&rules.text, &of_line, &own, recents).map_err(Error::Rules)?;
        }
        let netfilter = self.world.netns[ns].netfilter_mut();
        netfilter.sets = own;
        netfilter.replace_tables(read, now);
        Ok(())
    }

    /// Rules beside those that are there.
    fn restore(
        &mut self,
        ns: NsId,
        rules: &Ruleset,
        origin: Option<OriginId>,
    ) -> Result<(), Error> {
        let numbers = self.origins(rules);
        let of_line = |line: usize| rules.origin(line, &numbers).or(origin);
        let netfilter = self.world.netns[ns].netfilter_mut();
        let mut tables = std::mem::take(&mut netfilter.tables);
        let restored =
            tables.restore(&rules.text, &of_line, &netfilter.sets, &mut netfilter.recents);
        netfilter.set_tables(tables);
        restored.map_err(Error::Rules)
    }
}
