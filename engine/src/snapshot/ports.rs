//! `bridge_link.json` and `fdb.json`: bridge ports, their flags, and forwarding tables.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Netns;
use super::links::Link;
use super::read::Item;
use crate::base::{Mac, Nanos};
use crate::link::PortFlags;
use crate::link::bridge::FdbEntry;
use crate::world::World;
use crate::yaml::Problem;

/// What `bridge -d -j link show` and `ip -d -j addr show` (`info_slave_data`) tell about a port.
#[derive(Deserialize)]
struct PortData {
    state: Option<String>,
    #[serde(default)]
    hairpin: bool,
    #[serde(default)]
    isolated: bool,
    #[serde(default = "yes")]
    learning: bool,
    #[serde(default = "yes")]
    flood: bool,
    #[serde(default = "yes")]
    mcast_flood: bool,
    #[serde(default = "yes")]
    bcast_flood: bool,
    #[serde(default)]
    root_block: bool,
    #[serde(default)]
    proxy_arp: bool,
    #[serde(default)]
    proxy_arp_wifi: bool,
    #[serde(default)]
    mcast_to_unicast: bool,
    #[serde(default)]
    neigh_suppress: bool,
    #[serde(default)]
    neigh_vlan_suppress: bool,
    #[serde(default)]
    vlan_tunnel: bool,
    #[serde(default)]
    locked: bool,
    backup_port: Option<String>,
    group_fwd_mask: Option<String>,
    /// The port's number within its bridge, in hexadecimal.
    no: Option<String>,
}

const fn yes() -> bool {
    true
}

/// One line of `bridge -d -j link show`.
#[derive(Deserialize)]
struct BridgeLink {
    ifname: String,
    #[serde(flatten)]
    data: PortData,
}

/// One line of `bridge -j fdb show`.
#[derive(Deserialize)]
struct Fdb {
    mac: String,
    ifname: String,
    #[serde(default)]
    flags: Vec<String>,
    master: Option<String>,
    #[serde(default)]
    state: String,
    vlan: Option<u32>,
}

/// Makes devices ports of their bridges and fills the forwarding tables.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let lines: Vec<Item<'_, BridgeLink>> = netns.list("bridge_link.json")?;
    let lines: BTreeMap<&str, _> = lines.iter().map(|it| (&*it.value.ifname, it)).collect();
    let mut ports = Vec::new();
    for (item, &dev) in netns.links.iter().zip(&netns.devs) {
        let Some(master) = &item.value.master else { continue };
        let bridge = netns.dev(item, "master", master)?;
        let data = match item.value.port_data() {
            Some(data) => PortData::deserialize(data)
                .map_err(|e| item.problem("linkinfo.info_slave_data", e.to_string()))?,
            None => PortData::deserialize(serde_json::json!({}))
                .map_err(|e| item.problem("linkinfo", e.to_string()))?,
        };
        let number = port_number(item, &data)?;
        let flags = match lines.get(&*item.value.ifname) {
            Some(line) => flags(line, "", &line.value.data, item.value.is_up())?,
            None => flags(item, "linkinfo.info_slave_data.", &data, item.value.is_up())?,
        };
        ports.push((number, item, dev, bridge, flags));
    }
    // The kernel adds a port at the head of its bridge's list and gives it the next free number.
    ports.sort_by_key(|&(number, item, ..)| (number, item.index()));
    for (_, item, dev, bridge, flags) in ports {
        world.set_master(dev, bridge, flags).map_err(|e| item.problem("master", e.to_string()))?;
    }
    fill_fdb(world, netns)
}

fn port_number(item: &Item<'_, Link>, data: &PortData) -> Result<u32, Problem> {
    let Some(text) = &data.no else { return Ok(u32::MAX) };
    u32::from_str_radix(text.trim_start_matches("0x"), 16).map_err(|_| {
        let message = format!("expected a hexadecimal number such as 0x1, found {text:?}");
        item.problem("linkinfo.info_slave_data.no", message)
    })
}

fn flags<T>(
    item: &Item<'_, T>,
    prefix: &str,
    data: &PortData,
    up: bool,
) -> Result<PortFlags, Problem> {
    let unmodelled = [
        ("root_block", data.root_block),
        ("proxy_arp", data.proxy_arp),
        ("proxy_arp_wifi", data.proxy_arp_wifi),
        ("mcast_to_unicast", data.mcast_to_unicast),
        ("neigh_suppress", data.neigh_suppress),
        ("neigh_vlan_suppress", data.neigh_vlan_suppress),
        ("vlan_tunnel", data.vlan_tunnel),
        ("locked", data.locked),
        ("backup_port", data.backup_port.is_some()),
        (
            "group_fwd_mask",
            data.group_fwd_mask.as_deref().is_some_and(|it| !matches!(it, "0" | "0x0")),
        ),
    ];
    if let Some((field, _)) = unmodelled.iter().find(|(_, set)| *set) {
        let message = "this flag of a bridge port is not modelled yet; expected false";
        return Err(item.problem(&format!("{prefix}{field}"), message));
    }
    // A port whose device is down is not forwarding either, and nothing passes it anyway.
    if let Some(state) = data.state.as_deref().filter(|&it| up && it != "forwarding") {
        let message = format!(
            "bridge ports in the state {state:?} are not modelled yet; expected forwarding"
        );
        return Err(item.problem(&format!("{prefix}state"), message));
    }
    Ok(PortFlags {
        hairpin: data.hairpin,
        isolated: data.isolated,
        learning: data.learning,
        flood: data.flood,
        mcast_flood: data.mcast_flood,
        bcast_flood: data.bcast_flood,
    })
}

fn fill_fdb(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("fdb.json")? else { return Ok(()) };
    for (item, &dev) in netns.links.iter().zip(&netns.devs) {
        if item.value.is_bridge()
            && let Ok(bridge) = world.bridge_mut(dev)
        {
            bridge.fdb.clear();
        }
    }
    for item in text.list::<Fdb>()? {
        let it = &item.value;
        // An entry of a device of its own filters its multicast; one of a VLAN is asked for only where VLANs are filtered.
        let (Some(master), None) = (&it.master, it.vlan) else { continue };
        let bridge = netns.dev(&item, "master", master)?;
        let port = netns.dev(&item, "ifname", &it.ifname)?;
        let mac: Mac = it.mac.parse().map_err(|e| item.problem("mac", format!("{e}")))?;
        let unmodelled = ["sticky", "extern_learn", "locked"];
        if let Some(flag) = it.flags.iter().find(|flag| unmodelled.contains(&&***flag)) {
            let message = format!("entries with the flag {flag:?} are not modelled yet");
            return Err(item.problem("flags", message));
        }
        if port != bridge && world.devices[port].port.is_none_or(|it| it.bridge != bridge) {
            let message = format!("{:?} is no port of {master:?}", it.ifname);
            return Err(item.problem("ifname", message));
        }
        let entry = match &*it.state {
            "permanent" => FdbEntry::Local,
            _ if port == bridge => FdbEntry::Local,
            "static" => FdbEntry::Static { port },
            "" => FdbEntry::Learnt { port, updated: Nanos::ZERO },
            "stale" => continue, // too old to be used, and not yet collected
            other => {
                let message =
                    format!("expected permanent, static, stale or nothing, found {other:?}");
                return Err(item.problem("state", message));
            }
        };
        let own = world.bridge_mut(bridge).map_err(|e| item.problem("master", e.to_string()))?;
        own.fdb.insert(mac, entry);
    }
    Ok(())
}
