//! `sysctl.txt`: the settings this engine reads, and those it refuses because it behaves as if they had their defaults.

use super::Netns;
use super::read::Line;
use crate::world::World;
use crate::yaml::Problem;

/// Per device, `net.ipv4.conf.DEV.*`: another value than 0, on a device that the IP stack uses or for all, changes what
/// it does. (`rp_filter`, `proxy_arp` and their like also hold for a device if `all` says so.)
const OFF_PER_DEVICE: &[&str] = &[
    "accept_local",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "bc_forwarding",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
    "ignore_routes_with_linkdown",
    "mc_forwarding",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
];

/// Per device, `net.ipv4.neigh.DEV.*`: the values that the neighbour table counts with.
const NEIGH: &[(&str, &str)] = &[
    ("app_solicit", "0"),
    ("base_reachable_time_ms", "30000"),
    ("delay_first_probe_time", "5"),
    ("locktime", "100"),
    ("mcast_resolicit", "0"),
    ("mcast_solicit", "3"),
    ("retrans_time_ms", "1000"),
    ("ucast_solicit", "3"),
    ("unres_qlen_bytes", "212992"),
];

/// For the whole namespace, `net.ipv4.*`.
const GLOBAL: &[(&str, &str)] = &[
    ("icmp_echo_enable_probe", "0"),
    ("icmp_errors_use_inbound_ifaddr", "0"),
    ("ip_no_pmtu_disc", "0"),
];

/// Reads the settings of a namespace.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("sysctl.txt")? else { return Ok(()) };
    for line in text.lines() {
        let Some((key, value)) = line.words.split_once('=') else {
            let message = "expected what sysctl -a prints: a name, = and a value";
            return Err(line.problem(0, "", message));
        };
        if key.trim() == "net.bridge.bridge-nf-call-iptables" {
            let on = truth(line, value.trim())?;
            world.set_bridge_calls_iptables(netns.id, on);
        }
        if let Some(key) = key.trim().strip_prefix("net.ipv4.") {
            setting(world, netns, line, key, value.trim())?;
        }
    }
    // With `forwarding` per device, the device that a packet comes in by decides.
    let forward = world.netns[netns.id].sysctl.ip_forward;
    for line in text.lines() {
        let Some((dev, "forwarding", value)) = per_device(line.words, "net.ipv4.conf.") else {
            continue;
        };
        if uses(world, netns, &dev) && (value == "1") != forward {
            let message = "forwarding on some devices only is not modelled yet; expected the value of ip_forward";
            return Err(line.problem(0, name_of(line), message));
        }
    }
    Ok(())
}

fn setting(
    world: &mut World,
    netns: &Netns<'_>,
    line: Line<'_>,
    key: &str,
    value: &str,
) -> Result<(), Problem> {
    let not_modelled = |expected: &str| {
        let message =
            format!("this engine does as if it were {expected}; {value:?} is not modelled yet");
        line.problem(0, name_of(line), message)
    };
    if let Some((dev, key, value)) = per_device(line.words, "net.ipv4.conf.") {
        let counts = dev == "all" || uses(world, netns, &dev);
        if OFF_PER_DEVICE.contains(&key) && counts && value != "0" {
            return Err(not_modelled("0"));
        }
        return Ok(());
    }
    if let Some((dev, key, value)) = per_device(line.words, "net.ipv4.neigh.") {
        let known = NEIGH.iter().find(|(name, _)| *name == key);
        return match known.filter(|(_, expected)| *expected != value && uses(world, netns, &dev)) {
            Some((_, expected)) => Err(not_modelled(expected)),
            None => Ok(()),
        };
    }
    if let Some((_, expected)) = GLOBAL.iter().find(|(name, it)| *name == key && *it != value) {
        return Err(not_modelled(expected));
    }
    let own = &mut world.netns[netns.id].sysctl;
    match key {
        "ip_forward" => own.ip_forward = truth(line, value)?,
        "icmp_echo_ignore_all" => own.icmp_echo_ignore_all = truth(line, value)?,
        "icmp_echo_ignore_broadcasts" => own.icmp_echo_ignore_broadcasts = truth(line, value)?,
        "ip_default_ttl" => own.default_ttl_hops = hops(line, value)?,
        _ => {}
    }
    Ok(())
}

fn truth(line: Line<'_>, value: &str) -> Result<bool, Problem> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => {
            let message = format!("expected 0 or 1, found {value:?}");
            Err(line.problem(0, name_of(line), message))
        }
    }
}

fn hops(line: Line<'_>, value: &str) -> Result<u8, Problem> {
    value.parse().ok().filter(|&hops| hops > 0).ok_or_else(|| {
        let message = format!("expected a number from 1 to 255, found {value:?}");
        line.problem(0, name_of(line), message)
    })
}

/// Device, setting and value of `net.ipv4.conf.DEV.rp_filter = 0`. A dot in a device's name is printed as a slash.
fn per_device<'a>(line: &'a str, prefix: &str) -> Option<(String, &'a str, &'a str)> {
    let (key, value) = line.strip_prefix(prefix)?.split_once('=')?;
    let (dev, setting) = key.trim().rsplit_once('.')?;
    Some((dev.replace('/', "."), setting, value.trim()))
}

fn name_of(line: Line<'_>) -> &str {
    line.words.split('=').next().unwrap_or_default().trim()
}

/// Whether the IP stack sees what comes in by the device: it is up, no loopback and no port of a bridge.
fn uses(world: &World, netns: &Netns<'_>, dev: &str) -> bool {
    let Some(&dev) = netns.by_name.get(dev) else { return false };
    let device = &world.devices[dev];
    device.up && device.port.is_none() && dev != world.netns[netns.id].lo
}
