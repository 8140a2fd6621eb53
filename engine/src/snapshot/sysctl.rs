//! `sysctl.txt`: the settings this engine reads, and those it refuses because it behaves as if they had their defaults.

use super::read::Line;
use super::{Netns, conntrack};
use crate::base::Nanos;
use crate::link::{Conf, Devconf};
use crate::stack::PmtuDiscovery;
use crate::stack::multipath::Policy;
use crate::world::World;
use crate::yaml::Problem;

/// Per device, `net.ipv4.conf.DEV.*`: another value than 0, on a device that the IP stack uses or for all, changes what
/// Linux does and this engine does not.
const OFF_PER_DEVICE: &[&str] = &["bc_forwarding", "mc_forwarding", "medium_id"];

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
    ("icmp_errors_extension_mask", "0"),
    ("route.error_burst", "1250"),
    ("route.error_cost", "250"),
    ("route.gc_timeout", "300"),
    ("route.redirect_load", "5"),
    ("route.redirect_number", "9"),
    ("route.redirect_silence", "5120"),
    ("tcp_adv_win_scale", "1"),
    ("tcp_base_mss", "1024"),
    ("tcp_dsack", "1"),
    ("tcp_invalid_ratelimit", "500"),
    ("tcp_min_snd_mss", "48"),
    ("tcp_mtu_probing", "0"),
    ("tcp_recovery", "1"),
    ("tcp_reflect_tos", "0"),
    ("tcp_reordering", "3"),
    ("tcp_retrans_collapse", "1"),
    ("tcp_rfc1337", "0"),
    ("tcp_rto_max_ms", "120000"),
    ("tcp_rto_min_us", "200000"),
    ("tcp_shrink_window", "0"),
];

/// Reads the settings of a namespace: those for all first, since devices have those of `default` where they name none.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("sysctl.txt")? else { return Ok(()) };
    let mut lines = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.words.split_once('=') else {
            let message = "expected what sysctl -a prints: a name, = and a value";
            return Err(line.problem(0, "", message));
        };
        if key.trim() == "net.bridge.bridge-nf-call-iptables" {
            let on = truth(line, value.trim())?;
            world.set_bridge_calls_iptables(netns.id, on);
        }
        if let Some(name) = key.trim().strip_prefix("net.netfilter.nf_conntrack_") {
            conntrack::setting(world, netns, line, name, value.trim())?;
        }
        if let Some(key) = key.trim().strip_prefix("net.ipv4.") {
            lines.push((line, key, value.trim()));
        }
    }
    for &(line, key, value) in &lines {
        setting(world, netns, line, key, value)?;
    }
    let is_general = |name: &str| matches!(name, "all" | "default");
    for general in [true, false] {
        for &(line, key, value) in &lines {
            if let Some((dev, name)) = per_device(key, "conf.")
                && is_general(&dev) == general
            {
                device_setting(world, netns, line, (&dev, name), value)?;
            }
            if let Some((dev, "proxy_delay")) = per_device(key, "neigh.")
                && is_general(&dev) == general
            {
                let hundredths: u16 = number(line, value)?;
                let delay = Nanos::from_millis(u64::from(hundredths) * 10);
                let all = &world.netns[netns.id].devs;
                let own = netns.by_name.get(&dev).map(std::slice::from_ref).unwrap_or_default();
                for &dev in if general { all } else { own } {
                    world.devices[dev].proxy_delay = delay;
                }
            }
        }
        if general {
            let default = world.netns[netns.id].sysctl.default;
            for &dev in &world.netns[netns.id].devs {
                world.devices[dev].conf = default;
            }
        }
    }
    Ok(())
}

fn device_setting(
    world: &mut World,
    netns: &Netns<'_>,
    line: Line<'_>,
    (dev, name): (&str, &str),
    value: &str,
) -> Result<(), Problem> {
    let counts = dev == "all" || uses(world, netns, dev);
    if OFF_PER_DEVICE.contains(&name) && counts && value != "0" {
        return Err(not_modelled(line, "0", value));
    }
    let Some(conf) = Conf::by_name(name) else { return Ok(()) };
    let value = number(line, value)?;
    let own: &mut Devconf = match (dev, netns.by_name.get(dev)) {
        ("all", _) => &mut world.netns[netns.id].sysctl.all,
        ("default", _) => &mut world.netns[netns.id].sysctl.default,
        (_, Some(&dev)) => &mut world.devices[dev].conf,
        (_, None) => return Ok(()),
    };
    own.set(conf, value);
    Ok(())
}

fn not_modelled(line: Line<'_>, expected: &str, value: &str) -> Problem {
    let message =
        format!("this engine does as if it were {expected}; {value:?} is not modelled yet");
    line.problem(0, name_of(line), message)
}

fn seconds(line: Line<'_>, value: &str) -> Result<Nanos, Problem> {
    number(line, value).map(|it: u32| Nanos::from_secs(u64::from(it)))
}

fn setting(
    world: &mut World,
    netns: &Netns<'_>,
    line: Line<'_>,
    key: &str,
    value: &str,
) -> Result<(), Problem> {
    if let Some((dev, name)) = per_device(key, "neigh.") {
        let known = NEIGH.iter().find(|(it, _)| *it == name);
        return match known.filter(|(_, expected)| *expected != value && uses(world, netns, &dev)) {
            Some((_, expected)) => Err(not_modelled(line, expected, value)),
            None => Ok(()),
        };
    }
    if let Some((_, expected)) = GLOBAL.iter().find(|(name, it)| *name == key && *it != value) {
        return Err(not_modelled(line, expected, value));
    }
    if key == "ip_forward" {
        world.set_ip_forward(netns.id, truth(line, value)?);
        return Ok(());
    }
    let own = &mut world.netns[netns.id].sysctl;
    match key {
        "fib_multipath_hash_fields" => own.multipath.fields = number(line, value)?,
        "fib_multipath_hash_policy" => {
            own.multipath.policy = match number(line, value)? {
                0u8 => Policy::Layer3,
                1 => Policy::Layer4,
                2 => Policy::Inner,
                3 => Policy::Custom,
                other => return Err(expected(line, "a number from 0 to 3", &other.to_string())),
            };
        }
        // 0: a random one, as the world has.
        "fib_multipath_hash_seed" => match number(line, value)? {
            0u32 => {}
            seed => own.multipath.seed = seed,
        },
        "fib_multipath_use_neigh" => own.multipath.use_neigh = truth(line, value)?,
        "fwmark_reflect" => own.fwmark_reflect = truth(line, value)?,
        "icmp_echo_ignore_all" => own.icmp_echo_ignore_all = truth(line, value)?,
        "icmp_echo_ignore_broadcasts" => own.icmp_echo_ignore_broadcasts = truth(line, value)?,
        "icmp_errors_use_inbound_ifaddr" => {
            own.icmp.errors_use_inbound_ifaddr = truth(line, value)?;
        }
        "icmp_msgs_burst" => own.icmp.msgs_burst = number(line, value)?,
        "icmp_msgs_per_sec" => own.icmp.msgs_per_sec = number(line, value)?,
        "icmp_ratelimit" => {
            let ms: u32 = number(line, value)?;
            own.icmp.ratelimit = Nanos::from_millis(u64::from(ms));
        }
        "icmp_ratemask" => own.icmp.ratemask = number(line, value)?,
        "ip_default_ttl" => own.default_ttl_hops = hops(line, value)?,
        "ip_no_pmtu_disc" => {
            own.pmtu.discovery = match number(line, value)? {
                0u8 => PmtuDiscovery::On,
                1 => PmtuDiscovery::Off,
                2 => PmtuDiscovery::Deaf,
                3 => PmtuDiscovery::Hardened,
                other => return Err(expected(line, "a number from 0 to 3", &other.to_string())),
            };
        }
        "route.min_pmtu" => own.pmtu.min_bytes = number(line, value)?,
        "route.mtu_expires" => own.pmtu.expires = seconds(line, value)?,
        "ipfrag_time" => own.fragments.time = seconds(line, value)?,
        "ipfrag_high_thresh" => own.fragments.high_bytes = number(line, value)?,
        "ipfrag_max_dist" => own.fragments.max_dist = number(line, value)?,
        "tcp_timestamps" => own.tcp.timestamps = number::<u8>(line, value)? != 0,
        "tcp_sack" => own.tcp.sack = truth(line, value)?,
        "tcp_window_scaling" => own.tcp.window_scaling = truth(line, value)?,
        "tcp_ecn" => match number(line, value)? {
            0u8 => own.tcp.ecn = false,
            2 => own.tcp.ecn = true,
            _ => return Err(not_modelled(line, "0 or 2", value)),
        },
        "tcp_syn_retries" => own.tcp.syn_retries = number(line, value)?,
        "tcp_syn_linear_timeouts" => own.tcp.syn_linear_timeouts = number(line, value)?,
        "tcp_synack_retries" => own.tcp.synack_retries = number(line, value)?,
        "tcp_retries2" => own.tcp.retries = number(line, value)?,
        "tcp_orphan_retries" => own.tcp.orphan_retries = number(line, value)?,
        "tcp_fin_timeout" => own.tcp.fin_timeout = seconds(line, value)?,
        "tcp_rmem" => {
            let mut words = value.split_whitespace().skip(1);
            let mut next = || number(line, words.next().unwrap_or_default());
            own.tcp.receive_bytes = (next()?, next()?);
        }
        "ip_forward_use_pmtu" => own.forward_use_pmtu = truth(line, value)?,
        _ => {}
    }
    Ok(())
}

fn expected(line: Line<'_>, what: &str, value: &str) -> Problem {
    line.problem(0, name_of(line), format!("expected {what}, found {value:?}"))
}

fn truth(line: Line<'_>, value: &str) -> Result<bool, Problem> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(expected(line, "0 or 1", value)),
    }
}

fn number<T: std::str::FromStr>(line: Line<'_>, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|_| expected(line, "a number within its range", value))
}

fn hops(line: Line<'_>, value: &str) -> Result<u8, Problem> {
    let hops = value.parse().ok().filter(|&hops: &u8| hops > 0);
    hops.ok_or_else(|| expected(line, "a number from 1 to 255", value))
}

/// Device and setting of `conf.DEV.rp_filter`. A dot in a device's name is printed as a slash.
fn per_device<'a>(key: &'a str, group: &str) -> Option<(String, &'a str)> {
    let (dev, setting) = key.strip_prefix(group)?.rsplit_once('.')?;
    Some((dev.replace('/', "."), setting))
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
