//! `addr.json` and `nsid.json`: devices, the wires between them, and addresses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::read::{Item, Text};
use super::{Files, Netns};
use crate::base::{DevId, Mac, Nanos};
use crate::link::{Bridge, DeviceKind, IfAddr, Scope};
use crate::world::{LinkEnd, World};
use crate::yaml::Problem;

/// One device of `ip -d -j addr show`.
#[derive(Deserialize)]
pub(super) struct Link {
    ifindex: u32,
    pub ifname: String,
    flags: Vec<String>,
    mtu: u32,
    #[serde(rename = "link_type")]
    hardware: String,
    address: Option<String>,
    pub master: Option<String>,
    /// The peer's name, where it is in the same namespace.
    #[serde(rename = "link")]
    peer_name: Option<String>,
    #[serde(rename = "link_index")]
    peer_index: Option<u32>,
    /// The peer's namespace, as this one numbers it.
    #[serde(rename = "link_netnsid")]
    pub peer_nsid: Option<i64>,
    #[serde(default)]
    linkinfo: LinkInfo,
    #[serde(default)]
    addr_info: Vec<Addr>,
    qdisc: Option<String>,
    xdp: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
struct LinkInfo {
    #[serde(rename = "info_kind")]
    kind: Option<String>,
    #[serde(rename = "info_data")]
    data: Option<Value>,
    #[serde(rename = "info_slave_data")]
    as_port: Option<Value>,
}

#[derive(Deserialize)]
struct Addr {
    family: String,
    local: Option<String>,
    /// The other end's address, on a point-to-point link.
    address: Option<String>,
    prefixlen: u8,
    scope: String,
    #[serde(default)]
    secondary: bool,
}

/// One line of `ip -j netns list-id`: which namespace a number means here.
#[derive(Deserialize)]
pub(super) struct NsidEntry {
    pub nsid: i64,
    pub name: Option<String>,
}

/// A bridge's `info_data`, what decides about frames in it.
#[derive(Deserialize)]
struct BridgeData {
    /// Hundredths of a second.
    ageing_time: Option<u64>,
    #[serde(default)]
    stp_state: u64,
    #[serde(default)]
    vlan_filtering: u64,
    #[serde(default)]
    mcast_querier: u64,
    #[serde(default)]
    fdb_max_learned: u64,
    group_fwd_mask: Option<String>,
    #[serde(default)]
    nf_call_iptables: u64,
}

/// Disciplines that only queue, and so decide nothing where nothing is ever full.
const QUEUEING: &[&str] = &["noqueue", "noop", "pfifo", "pfifo_fast", "fq", "fq_codel", "mq"];

impl Link {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }

    /// Set up and with a carrier, so that frames pass.
    pub(super) fn is_up(&self) -> bool {
        self.has("UP") && self.has("LOWER_UP")
    }

    fn is_loopback(&self) -> bool {
        self.hardware == "loopback"
    }

    fn is_veth(&self) -> bool {
        self.linkinfo.kind.as_deref() == Some("veth")
    }

    pub(super) fn is_bridge(&self) -> bool {
        self.linkinfo.kind.as_deref() == Some("bridge")
    }

    /// What only a VXLAN device has, if this is one that is up.
    pub(super) fn vxlan_data(&self) -> Option<&Value> {
        let is_vxlan = self.has("UP") && self.linkinfo.kind.as_deref() == Some("vxlan");
        self.linkinfo.data.as_ref().filter(|_| is_vxlan)
    }

    /// What the master keeps about this device as its port.
    pub(super) fn port_data(&self) -> Option<&Value> {
        self.linkinfo.as_port.as_ref()
    }
}

/// Adds a namespace with its devices, not yet joined: a wire's ends lead out of the model until then.
pub(super) fn add_netns<'a>(
    world: &mut World,
    files: &'a Files,
    name: &'a str,
) -> Result<Netns<'a>, Problem> {
    let path = format!("{name}/addr.json");
    let Some(text) = Text::find(files, &path)? else {
        let message = "missing, and every namespace needs it";
        return Err(Problem { file: Some(path), ..Problem::of_text(message) });
    };
    let id = world
        .add_bare_netns(name)
        .map_err(|e| Problem { file: Some(name.into()), ..Problem::of_text(e.to_string()) })?;
    let mut netns = Netns {
        id,
        name,
        files,
        links: text.list::<Link>()?,
        devs: Vec::new(),
        by_name: BTreeMap::new(),
        nsids: Vec::new(),
    };
    netns.nsids = netns.list("nsid.json")?;
    let mut by_index = BTreeMap::new();
    for item in &netns.links {
        let link = &item.value;
        if let Some(other) = by_index.insert(link.ifindex, &link.ifname) {
            let message = format!("{other:?} has the index {} already", link.ifindex);
            return Err(item.problem("ifindex", message));
        }
        let dev = add_device(world, &netns, item)?;
        if netns.by_name.insert(link.ifname.clone(), dev).is_some() {
            let message = format!("there is a device named {:?} already", link.ifname);
            return Err(item.problem("ifname", message));
        }
        netns.devs.push(dev);
    }
    if !netns.links.iter().any(|it| it.value.is_loopback()) {
        return Err(text.whole("", "the loopback device is missing, and every namespace has one"));
    }
    Ok(netns)
}

fn add_device(
    world: &mut World,
    netns: &Netns<'_>,
    item: &Item<'_, Link>,
) -> Result<DevId, Problem> {
    let link = &item.value;
    let mac = match &link.address {
        Some(text) => text.parse().map_err(|e| item.problem("address", format!("{e}")))?,
        None => Mac::ZERO,
    };
    let dev = if link.is_loopback() {
        if link.ifname != "lo" {
            return Err(item.problem("ifname", "expected the loopback device's name, lo"));
        }
        world.netns[netns.id].lo
    } else {
        let kind = device_kind(item)?;
        let end = LinkEnd { ns: netns.id, name: &link.ifname, mac };
        world.add_device(end, kind).map_err(|e| item.problem("ifname", e.to_string()))?
    };
    let device = &mut world.devices[dev];
    device.mac = mac;
    device.mtu_bytes = link.mtu;
    device.up = link.is_up();
    Ok(dev)
}

fn device_kind(item: &Item<'_, Link>) -> Result<DeviceKind, Problem> {
    let link = &item.value;
    if !link.has("UP") {
        // Whatever it is, nothing passes.
        if link.is_bridge() {
            return bridge(item).map(|it| DeviceKind::Bridge(Box::new(it)));
        }
        return Ok(DeviceKind::Ethernet { peer: None });
    }
    if link.xdp.is_some() {
        return Err(item.problem("xdp", "XDP programs are not modelled yet"));
    }
    if let Some(qdisc) = link.qdisc.as_deref().filter(|it| !QUEUEING.contains(it)) {
        let message = format!("the queueing discipline {qdisc:?} is not modelled yet");
        return Err(item.problem("qdisc", message));
    }
    if link.has("NOARP") || link.has("POINTOPOINT") {
        let message = "devices with the flag NOARP or POINTOPOINT are not modelled yet";
        return Err(item.problem("flags", message));
    }
    match link.linkinfo.kind.as_deref() {
        Some("bridge") => Ok(DeviceKind::Bridge(Box::new(bridge(item)?))),
        Some("veth" | "vxlan") => Ok(DeviceKind::Ethernet { peer: None }),
        None if link.hardware == "ether" => Ok(DeviceKind::Ethernet { peer: None }),
        Some(kind) => {
            let message = format!(
                "{:?} is a device of the kind {kind:?}, which is not modelled yet; known are veth, bridge, \
                 vxlan and network cards",
                link.ifname
            );
            Err(item.problem("linkinfo.info_kind", message))
        }
        None => {
            let message = format!(
                "{:?} is a link of the type {:?}, which is not modelled yet; expected ether",
                link.ifname, link.hardware
            );
            Err(item.problem("link_type", message))
        }
    }
}

fn bridge(item: &Item<'_, Link>) -> Result<Bridge, Problem> {
    let Some(data) = &item.value.linkinfo.data else { return Ok(Bridge::default()) };
    let data = BridgeData::deserialize(data)
        .map_err(|e| item.problem("linkinfo.info_data", e.to_string()))?;
    let unmodelled = [
        ("stp_state", data.stp_state != 0, "the spanning tree protocol is"),
        ("vlan_filtering", data.vlan_filtering != 0, "VLAN filtering is"),
        ("mcast_querier", data.mcast_querier != 0, "a bridge that asks for multicast groups is"),
        ("fdb_max_learned", data.fdb_max_learned != 0, "a limit of learnt addresses is"),
    ];
    for (field, set, what) in unmodelled {
        if set {
            let message = format!("{what} not modelled yet; expected 0");
            return Err(item.problem(&format!("linkinfo.info_data.{field}"), message));
        }
    }
    let ageing = match data.ageing_time {
        Some(hundredths) => Nanos(hundredths.saturating_mul(10_000_000)),
        None => Bridge::AGEING,
    };
    let group_fwd_mask = match data.group_fwd_mask.as_deref() {
        None => 0,
        Some(text) => u16::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|_| {
            let message = format!("expected a hexadecimal number such as 0x8, found {text:?}");
            item.problem("linkinfo.info_data.group_fwd_mask", message)
        })?,
    };
    let calls_iptables = data.nf_call_iptables != 0;
    Ok(Bridge { calls_iptables, group_fwd_mask, ageing, ..Bridge::default() })
}

/// Where a veth device says that its other end is.
enum Claim {
    /// Position of the namespace, and of the device in it.
    At(usize, usize),
    /// The namespace is in the snapshot under a name that this side does not know, or not at all.
    Unknown,
}

/// Joins the two ends of every veth pair. An end whose other end is not in the snapshot leads out of the model.
pub(super) fn join(world: &mut World, all: &[Netns<'_>]) -> Result<(), Problem> {
    let mut peers: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    for (ns, netns) in all.iter().enumerate() {
        for (at, item) in netns.links.iter().enumerate().filter(|(_, it)| it.value.is_veth()) {
            let Claim::At(peer_ns, peer_at) = claim(all, ns, item)? else { continue };
            let (peer, here) = ((peer_ns, peer_at), (ns, at));
            for (from, to) in [(here, peer), (peer, here)] {
                if let Some(other) = peers.insert(from, to).filter(|&other| other != to) {
                    let message = format!(
                        "{} and {} cannot both be the other end of {}",
                        name(all, to),
                        name(all, other),
                        name(all, from)
                    );
                    return Err(item.problem("link_index", message));
                }
            }
        }
    }
    for ((ns, at), (peer_ns, peer_at)) in peers {
        let peer = all[peer_ns].devs[peer_at];
        world.devices[all[ns].devs[at]].kind = DeviceKind::Veth { peer };
    }
    Ok(())
}

fn name(all: &[Netns<'_>], (ns, at): (usize, usize)) -> String {
    format!("{}/{}", all[ns].name, all[ns].links[at].value.ifname)
}

fn claim(all: &[Netns<'_>], ns: usize, item: &Item<'_, Link>) -> Result<Claim, Problem> {
    let link = &item.value;
    let peer_ns = match link.peer_nsid {
        None => ns,
        Some(id) => {
            let entry = all[ns].nsids.iter().find(|it| it.value.nsid == id);
            let name = entry.and_then(|it| it.value.name.as_deref());
            match name.and_then(|name| all.iter().position(|it| it.name == name)) {
                Some(peer_ns) => peer_ns,
                None => return Ok(Claim::Unknown),
            }
        }
    };
    let is_peer = |it: &Link| match (link.peer_index, &link.peer_name) {
        (Some(index), _) => it.ifindex == index,
        (None, Some(name)) => it.ifname == *name,
        (None, None) => false,
    };
    let peer = all[peer_ns].links.iter().position(|it| is_peer(&it.value));
    match peer {
        Some(at)
            if all[peer_ns].links[at].value.is_veth()
                && (peer_ns, at) != (ns, index_of(all, ns, link)) =>
        {
            Ok(Claim::At(peer_ns, at))
        }
        _ => {
            let number = link.peer_index.map_or_else(
                || format!("{:?}", link.peer_name.as_deref().unwrap_or_default()),
                |index| format!("number {index}"),
            );
            let message = format!(
                "the other end of {:?} should be the device {number} of {}, and {}/addr.json has no such veth device",
                link.ifname, all[peer_ns].name, all[peer_ns].name
            );
            Err(item.problem("link_index", message))
        }
    }
}

fn index_of(all: &[Netns<'_>], ns: usize, link: &Link) -> usize {
    all[ns].links.iter().position(|it| it.value.ifindex == link.ifindex).unwrap_or(usize::MAX)
}

/// Adds the IPv4 addresses. The routes that follow from them stand in `route.json`.
pub(super) fn add_addresses(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    for (item, &dev) in netns.links.iter().zip(&netns.devs) {
        for (index, addr) in item.value.addr_info.iter().enumerate() {
            if addr.family != "inet" {
                continue;
            }
            let problem = |field: &str, message: String| {
                item.problem(&format!("addr_info[{index}].{field}"), message)
            };
            if addr.address.is_some() {
                let message = "point-to-point addresses are not modelled yet";
                return Err(problem("address", message.into()));
            }
            let local = addr.local.as_deref().unwrap_or_default();
            let local: Ipv4Addr = local.parse().map_err(|_| {
                problem("local", format!("expected an IPv4 address, found {local:?}"))
            })?;
            if addr.prefixlen > 32 {
                let message = format!("expected a number up to 32, found {}", addr.prefixlen);
                return Err(problem("prefixlen", message));
            }
            let scope = scope(&addr.scope).map_err(|message| problem("scope", message))?;
            let prefix_len = addr.prefixlen;
            let secondary = addr.secondary;
            let own = IfAddr { dev, local, prefix_len, scope, secondary };
            world.netns[netns.id].addrs.push(own);
        }
    }
    Ok(())
}

/// A scope by the name that `ip` prints.
pub(super) fn scope(name: &str) -> Result<Scope, String> {
    match name {
        "global" => Ok(Scope::Universe),
        "site" => Ok(Scope::Site),
        "link" => Ok(Scope::Link),
        "host" => Ok(Scope::Host),
        "nowhere" => Ok(Scope::Nowhere),
        _ => Err(format!("expected global, site, link, host or nowhere, found {name:?}")),
    }
}
