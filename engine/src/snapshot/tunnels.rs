//! VXLAN devices: their settings in `addr.json` and their forwarding tables in `fdb.json`.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Netns;
use super::links::Link;
use super::read::Item;
use crate::base::{DevId, Mac, Nanos};
use crate::link::Vxlan;
use crate::link::vxlan::{EntryState, OuterDf, OuterTos, OuterTtl};
use crate::trace::Remote;
use crate::wire::vxlan::Vni;
use crate::world::World;
use crate::yaml::Problem;

/// A VXLAN device's `info_data`, what decides about frames in it.
#[derive(Deserialize)]
struct Data {
    id: Option<u32>,
    local: Option<String>,
    remote: Option<String>,
    group: Option<String>,
    #[serde(rename = "link")]
    underlay: Option<String>,
    port: Option<u16>,
    port_range: Option<PortRange>,
    #[serde(default = "yes")]
    learning: bool,
    /// Zero is the route's; a device that inherits it has none.
    ttl: Option<u8>,
    tos: Option<String>,
    df: Option<String>,
    /// Seconds.
    ageing: Option<u64>,
    limit: Option<usize>,
    #[serde(default = "yes")]
    udp_csum: bool,
    #[serde(default = "yes")]
    localbypass: bool,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
struct PortRange {
    low: u16,
    high: u16,
}

const fn yes() -> bool {
    true
}

/// What else `ip` prints and says nothing about IPv4: whether datagrams over IPv6 have a checksum, and their flow label.
const OF_IPV6: [&str; 4] = ["udp_zero_csum6_tx", "udp_zero_csum6_rx", "label", "label_policy"];

/// One line of `bridge -j fdb show` about a VXLAN device's own table.
#[derive(Deserialize)]
struct Fdb {
    mac: String,
    ifname: String,
    master: Option<String>,
    dst: Option<String>,
    port: Option<u16>,
    vni: Option<u32>,
    #[serde(rename = "viaIf")]
    via: Option<String>,
    nhid: Option<u64>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    state: String,
}

/// Makes the VXLAN devices of all namespaces what they are.
pub(super) fn fill(world: &mut World, all: &[Netns<'_>]) -> Result<(), Problem> {
    for netns in all {
        let mut any = false;
        for (item, &dev) in netns.links.iter().zip(&netns.devs) {
            let Some(data) = item.value.vxlan_data() else { continue };
            let (vxlan, default) = settings(all, netns, item, data)?;
            world.make_vxlan(dev, vxlan).map_err(|e| item.problem("ifname", e.to_string()))?;
            if let (Some(default), Some(vxlan)) = (default, world.vxlan_mut(dev)) {
                vxlan.append(Mac::ZERO, default, EntryState::Static);
            }
            any = true;
        }
        if any {
            fill_fdb(world, netns)?;
        }
    }
    Ok(())
}

/// The device without its table, and the remote it was made with.
fn settings(
    all: &[Netns<'_>],
    netns: &Netns<'_>,
    item: &Item<'_, Link>,
    data: &Value,
) -> Result<(Vxlan, Option<Remote>), Problem> {
    let problem = |field: &str, message: String| {
        item.problem(&format!("linkinfo.info_data.{field}"), message)
    };
    let data =
        Data::deserialize(data).map_err(|e| item.problem("linkinfo.info_data", e.to_string()))?;
    for (field, value) in &data.others {
        if *value != Value::Bool(false) && !OF_IPV6.contains(&&**field) {
            return Err(problem(
                field,
                "this setting of a VXLAN device is not modelled yet".into(),
            ));
        }
    }
    if data.group.is_some() {
        return Err(problem("group", "multicast groups are not modelled yet".into()));
    }
    let vni = data.id.and_then(Vni::new);
    let vni = vni.ok_or_else(|| problem("id", "expected a number of 24 bits".into()))?;
    let port = data.port.ok_or_else(|| problem("port", "missing".into()))?;
    let net = match item.value.peer_nsid {
        None => netns.id,
        Some(id) => {
            let entry = netns.nsids.iter().find(|it| it.value.nsid == id);
            let name = entry.and_then(|it| it.value.name.as_deref());
            let found = name.and_then(|name| all.iter().find(|it| it.name == name));
            let Some(found) = found else {
                let message =
                    "the namespace that carries this device's datagrams is not in the snapshot";
                return Err(item.problem("link_netnsid", message));
            };
            found.id
        }
    };
    let underlay = match &data.underlay {
        Some(name) if net == netns.id => Some(netns.dev(item, "linkinfo.info_data.link", name)?),
        Some(_) | None => None,
    };
    let ip = |field: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => text
            .parse::<Ipv4Addr>()
            .map(Some)
            .map_err(|_| problem(field, format!("expected an IPv4 address, found {text:?}"))),
    };
    let mut vxlan = Vxlan::new(net, vni, port);
    vxlan.local = ip("local", &data.local)?;
    vxlan.learning = data.learning;
    vxlan.udp_csum = data.udp_csum;
    vxlan.local_bypass = data.localbypass;
    vxlan.max_entries = data.limit.unwrap_or(0);
    if let Some(seconds) = data.ageing {
        vxlan.ageing = Nanos(seconds.saturating_mul(1_000_000_000));
    }
    vxlan.ttl = match data.ttl {
        None => OuterTtl::Inherit,
        Some(0) => OuterTtl::Route,
        Some(ttl_hops) => OuterTtl::Fixed(ttl_hops),
    };
    vxlan.tos = match data.tos.as_deref() {
        None => OuterTos::Fixed(0),
        Some("0x1" | "inherit") => OuterTos::Inherit,
        Some(text) => {
            let tos = u8::from_str_radix(text.trim_start_matches("0x"), 16);
            let expected = || format!("expected a hexadecimal number such as 0x10, found {text:?}");
            OuterTos::Fixed(tos.map_err(|_| problem("tos", expected()))?)
        }
    };
    vxlan.df = match data.df.as_deref() {
        None | Some("unset") => OuterDf::Unset,
        Some("set") => OuterDf::Set,
        Some("inherit") => OuterDf::Inherit,
        Some(other) => {
            let message = format!("expected unset, set or inherit, found {other:?}");
            return Err(problem("df", message));
        }
    };
    if let Some(range) = data.port_range.filter(|range| range.low < range.high) {
        vxlan.src_ports = (range.low, range.high);
    }
    let default = ip("remote", &data.remote)?.filter(|ip| !ip.is_unspecified());
    if default.is_some_and(|ip| ip.is_multicast()) {
        return Err(problem("remote", "multicast groups are not modelled yet".into()));
    }
    let default = default.map(|ip| Remote { via: underlay, ..vxlan.remote(ip) });
    Ok((vxlan, default))
}

fn fill_fdb(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("fdb.json")? else { return Ok(()) };
    for (item, &dev) in netns.links.iter().zip(&netns.devs) {
        if item.value.vxlan_data().is_some()
            && let Some(vxlan) = world.vxlan_mut(dev)
        {
            vxlan.fdb.clear();
        }
    }
    for item in text.list::<Fdb>()? {
        let it = &item.value;
        if it.master.is_some() {
            continue; // of the bridge that the device is a port of
        }
        let dev = netns.dev(&item, "ifname", &it.ifname)?;
        let via = match &it.via {
            Some(name) => Some(netns.dev(&item, "viaIf", name)?),
            None => None,
        };
        let Some(vxlan) = world.vxlan_mut(dev) else { continue };
        let (mac, remote, state) = entry(&item, vxlan, via)?;
        if it.via.is_some() && vxlan.net != netns.id {
            let message =
                "the device is named as another namespace's, so it is not known which it is";
            return Err(item.problem("viaIf", message));
        }
        vxlan.append(mac, remote, state);
    }
    Ok(())
}

fn entry(
    item: &Item<'_, Fdb>,
    vxlan: &Vxlan,
    via: Option<DevId>,
) -> Result<(Mac, Remote, EntryState), Problem> {
    let it = &item.value;
    let mac: Mac = it.mac.parse().map_err(|e| item.problem("mac", format!("{e}")))?;
    if it.nhid.is_some() {
        return Err(item.problem("nhid", "nexthops of a forwarding entry are not modelled yet"));
    }
    let ip = match &it.dst {
        None => Ipv4Addr::UNSPECIFIED,
        Some(text) => text.parse().map_err(|_| {
            item.problem("dst", format!("expected an IPv4 address, found {text:?}"))
        })?,
    };
    if ip.is_multicast() {
        return Err(item.problem("dst", "multicast groups are not modelled yet"));
    }
    let vni = match it.vni {
        None => vxlan.vni,
        Some(raw) => {
            Vni::new(raw).ok_or_else(|| item.problem("vni", "expected a number of 24 bits"))?
        }
    };
    let remote = Remote { ip, port: it.port.unwrap_or(vxlan.port), vni, via };
    let from_outside = it.flags.iter().any(|flag| flag == "extern_learn");
    let state = match &*it.state {
        "permanent" | "static" => EntryState::Static,
        "" if from_outside => EntryState::Static,
        "" => EntryState::Learnt { updated: Nanos::ZERO },
        other => {
            let message = format!("expected permanent, static or nothing, found {other:?}");
            return Err(item.problem("state", message));
        }
    };
    Ok((mac, remote, state))
}
