//! The state of every namespace, as the standard tools print it. Files that would say "nothing" are left out, as the format allows.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::sniff::Links;
use super::{is_installed, netns, run};
use crate::lab::Files;
use crate::problem::{Outcome, Problem};

/// Links get their operational state from a kernel worker that runs at most once a second.
const MAX_SETTLE_TRIES: usize = 80;
const SETTLE_PAUSE: Duration = Duration::from_millis(50);

/// One shell for all devices of a namespace.
const OFFLOADS: &str =
    r#"for dev; do ethtool -K "$dev" tx off gso off tso off gro off || exit; done"#;

/// File, and the command that prints it.
const LISTINGS: &[(&str, &str)] = &[
    ("addr.json", "ip -d -j addr show"),
    ("nsid.json", "ip -j netns list-id"),
    ("route.json", "ip -j route show table all"),
    ("route6.json", "ip -6 -j route show table all"),
    ("rule.json", "ip -j rule show"),
    ("rule6.json", "ip -6 -j rule show"),
    ("neigh.json", "ip -j neigh show"),
    ("fdb.json", "bridge -j fdb show"),
    ("bridge_link.json", "bridge -d -j link show"),
    ("iptables.txt", "iptables-save -c"),
    ("ip6tables.txt", "ip6tables-save -c"),
    ("nft.json", "nft -j list ruleset"),
    ("ipset.txt", "ipset save"),
    ("conntrack.txt", "conntrack -L -o extended"),
    ("sockets.txt", "ss -H -lntu"),
];

/// Turns offloads off, so that frames carry their checksums, and waits until every link's state is what its carrier says.
/// Gives the devices of each namespace.
pub(super) fn settle(names: &[String]) -> Outcome<Links> {
    let mut links = Links::new();
    for name in names {
        let devices = netns::within(name, || {
            let found = link_list()?;
            let names = devices(&found).into_iter().map(|(_, dev)| dev).filter(|dev| dev != "lo");
            run(Command::new("sh").args(["-c", OFFLOADS, "sh"]).args(names))?;
            wait_for_links(name)?;
            Ok(devices(&found))
        })?;
        links.insert(name.clone(), devices.into_iter().collect());
    }
    Ok(links)
}

/// Every file of the snapshot.
pub(super) fn take(names: &[String]) -> Outcome<Files> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_err(|e| Problem::at("osrelease", e))?;
    let number: String =
        release.chars().take_while(|it| it.is_ascii_digit() || *it == '.').collect();
    let meta = json!({"format": "everyhop-snapshot", "version": 1, "kernel": number});
    let mut files = Files::from([("meta.json".to_owned(), format!("{meta}\n").into_bytes())]);
    let fresh = run(Command::new("unshare").args(["-n", "sysctl", "-a", "--ignore"]))?;
    let fresh = String::from_utf8_lossy(&fresh);
    for name in names {
        let listed = netns::within(name, || listings(&fresh))?;
        files.extend(listed.into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
    }
    Ok(files)
}

/// What rules counted and which connections there are now, of the namespaces that had rules in the snapshot.
pub(super) fn after(before: &Files) -> Outcome<Files> {
    let mut files = Files::new();
    for name in before.keys().filter_map(|it| it.strip_suffix("/iptables.txt")) {
        let (rules, connections) = netns::within(name, || {
            Ok((run(Command::new("iptables-save").arg("-c"))?, connections()?))
        })?;
        files.insert(format!("{name}/iptables.txt"), rules);
        if !connections.is_empty() {
            files.insert(format!("{name}/conntrack.txt"), connections);
        }
    }
    Ok(files)
}

fn connections() -> Outcome<Vec<u8>> {
    run(Command::new("conntrack").args(["-L", "-o", "extended"]))
}

fn listings(fresh: &str) -> Outcome<Vec<(&'static str, Vec<u8>)>> {
    let mut out = Vec::new();
    for (file, line) in LISTINGS {
        let mut words = line.split(' ');
        let tool = words.next().unwrap_or_default();
        // The tools of netfilter are needed only by a lab that used them in its build.
        if is_installed(tool) {
            let text = run(Command::new(tool).args(words))?;
            if !says_nothing(&text) {
                out.push((*file, text));
            }
        }
    }
    let all = run(Command::new("sysctl").args(["-a", "--ignore"]))?;
    out.push(("sysctl.txt", essential_sysctls(&String::from_utf8_lossy(&all), fresh).into_bytes()));
    Ok(out)
}

/// Whether a listing is empty: no text, an empty JSON list, or an nft ruleset with nothing but its version.
fn says_nothing(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(list)) => {
            list.iter().all(|it| it.as_object().is_some_and(serde_json::Map::is_empty))
        }
        Ok(it) => it["nftables"]
            .as_array()
            .is_some_and(|list| list.iter().all(|it| it.get("metainfo").is_some())),
        Err(_) => text.trim().is_empty(),
    }
}

/// The sysctls that the packet path reads. Of each device's own, those that differ from `default`, which new devices copy; of
/// connection tracking's and TCP's, those that differ from a `fresh` namespace's.
fn essential_sysctls(all: &str, fresh: &str) -> String {
    let value_of = |key: &str| all.lines().find_map(|it| it.strip_prefix(key)?.strip_prefix(" = "));
    let is_essential = |line: &&str| {
        let Some((key, value)) = line.split_once(" = ") else { return false };
        let Some(name) = key.strip_prefix("net.") else { return false };
        for group in ["ipv4.conf.", "ipv4.neigh."] {
            if let Some((dev, leaf)) = name.strip_prefix(group).and_then(|it| it.split_once('.')) {
                return matches!(dev, "all" | "default")
                    || value_of(&format!("net.{group}default.{leaf}")) != Some(value);
            }
        }
        if let Some(name) = name.strip_prefix("netfilter.nf_conntrack_") {
            return name != "count" && !fresh.lines().any(|it| it == *line);
        }
        // Of TCP's, those that differ from a fresh namespace's; how congestion is controlled, a lab chooses for its own sake.
        if let Some(name) = name.strip_prefix("ipv4.tcp_") {
            let is_ours = !matches!(name, "congestion_control" | "mem");
            return is_ours && !fresh.lines().any(|it| it == *line);
        }
        name.starts_with("bridge.")
            || name.starts_with("ipv4.fib_")
            || name.starts_with("ipv4.fwmark_")
            || name.starts_with("ipv4.ip_")
            || name.starts_with("ipv4.icmp_")
            || name.starts_with("ipv4.fib_multipath_")
            || name == "ipv4.fwmark_reflect"
    };
    all.lines().filter(is_essential).flat_map(|line| [line, "\n"]).collect()
}

fn link_list() -> Outcome<Vec<Value>> {
    let text = run(Command::new("ip").args(["-j", "link", "show"]))?;
    serde_json::from_slice(&text).map_err(|e| Problem::at("ip -j link show", e))
}

/// Index and name of each link.
fn devices(links: &[Value]) -> Vec<(usize, String)> {
    let device = |it: &Value| {
        Some((usize::try_from(it["ifindex"].as_u64()?).ok()?, it["ifname"].as_str()?.to_owned()))
    };
    links.iter().filter_map(device).collect()
}

fn wait_for_links(name: &str) -> Outcome<()> {
    let is_settled = |link: &Value| {
        let has =
            |flag: &str| link["flags"].as_array().is_some_and(|it| it.iter().any(|it| it == flag));
        let is_up = matches!(link["operstate"].as_str(), Some("UP" | "UNKNOWN"));
        // LOWER_UP: there is a carrier.
        is_up == has("LOWER_UP") || !has("UP")
    };
    for _ in 0..MAX_SETTLE_TRIES {
        if link_list()?.iter().all(is_settled) {
            return Ok(());
        }
        thread::sleep(SETTLE_PAUSE);
    }
    Err(Problem::at(name, "its links did not settle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_listings_are_left_out() {
        for text in [
            "",
            "\n",
            "[]",
            "[{},{}]",
            "{\"nftables\": [{\"metainfo\": {\"version\": \"1.0.6\"}}]}",
        ] {
            assert!(says_nothing(text.as_bytes()), "{text:?}");
        }
        for text in ["[{\"dst\":\"default\"}]", "*nat", "{\"nftables\": [{\"table\": {}}]}"] {
            assert!(!says_nothing(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn a_device_keeps_the_sysctls_that_differ_from_the_default() {
        let all = "kernel.x = 1\nnet.core.y = 1\nnet.ipv4.conf.default.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = 0\n\
                   net.ipv4.conf.eth1.rp_filter = 2\nnet.ipv4.ip_forward = 1\nnet.ipv4.tcp_mem = 1\n\
                   net.netfilter.nf_conntrack_acct = 0\nnet.netfilter.nf_conntrack_count = 3\nnet.netfilter.nf_conntrack_tcp_loose = 0\n";
        let fresh = "net.ipv4.ip_forward = 1\nnet.netfilter.nf_conntrack_acct = 0\nnet.netfilter.nf_conntrack_tcp_loose = 1\n";
        let kept = "net.ipv4.conf.default.rp_filter = 0\nnet.ipv4.conf.eth1.rp_filter = 2\nnet.ipv4.ip_forward = 1\n\
                    net.netfilter.nf_conntrack_tcp_loose = 0\n";
        assert_eq!(essential_sysctls(all, fresh), kept);
    }
}
