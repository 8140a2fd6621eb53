//! Reading a KubeProxyConfiguration.

use ipnet::IpNet;

use super::meta;
use crate::base::Nanos;
use crate::kube::kube_proxy::{Config, DetectLocal, Mode, NodePortAddresses};
use crate::yaml::{At, Place, Report};

const MODES: &str = "iptables or nftables";
const RANGE: &str = "a prefix such as 10.244.0.0/16";
const DEVICE: &str = "a device's name of at most 15 bytes";

/// kube-proxy's settings and where they were written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct KubeProxyObject {
    pub place: Place,
    pub config: Config,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> KubeProxyObject {
    let mut config = Config::default();
    meta::read_version(object, "kubeproxy.config.k8s.io/v1alpha1", report);
    object.misspelt(
        &[
            "mode",
            "clusterCIDR",
            "detectLocalMode",
            "detectLocal",
            "nodePortAddresses",
            "iptables",
            "conntrack",
        ],
        &["kind", "apiVersion", "nftables", "ipvs"],
        report,
    );
    if let Some(at) = object.field("mode") {
        match at.parsed(MODES, report, Mode::from_name) {
            Some(Mode::Nftables) => {
                report.problem(at.problem("nftables is not modelled yet: expected iptables"));
            }
            Some(mode) => config.mode = mode,
            None => {}
        }
    }
    if let Some(at) = object.field("clusterCIDR") {
        config.cluster_cidr = cluster_cidr(&at, report);
    }
    config.detect_local = detect_local(object, report);
    config.node_port_addresses = node_port_addresses(object, report);
    let set = |section: &At<'_>, key: &str, to: &mut bool, report: &mut Report| {
        if let Some(flag) = section.field(key).and_then(|at| at.flag(report)) {
            *to = flag;
        }
    };
    if let Some(it) = object.section("iptables", report) {
        it.misspelt(
            &["masqueradeAll", "localhostNodePorts", "masqueradeBit", "minSyncPeriod"],
            &["syncPeriod"],
            report,
        );
        set(&it, "masqueradeAll", &mut config.masquerade_all, report);
        set(&it, "localhostNodePorts", &mut config.localhost_node_ports, report);
        if let Some(bit) = it.field("masqueradeBit").and_then(|at| at.number(0..=31, report)) {
            config.masquerade_bit = bit;
        }
        if let Some(at) = it.field("minSyncPeriod") {
            let period = at.parsed("a time such as 1s or 500ms", report, duration);
            config.min_sync_period = period.unwrap_or(config.min_sync_period);
        }
    }
    if let Some(it) = object.section("conntrack", report) {
        it.misspelt(&["tcpBeLiberal"], &[], report);
        set(&it, "tcpBeLiberal", &mut config.tcp_be_liberal, report);
    }
    KubeProxyObject { place: object.place(), config }
}

/// Go's way to write a time: `1m30s`.
fn duration(text: &str) -> Option<Nanos> {
    let mut left = text;
    let mut all = Nanos::ZERO;
    while let Some(digits) = left.find(|c: char| !c.is_ascii_digit()).filter(|&it| it > 0) {
        let unit = &left[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let unit_ns: u64 = match &unit[..end] {
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let span = left[..digits].parse::<u64>().ok()?.checked_mul(unit_ns)?;
        all = Nanos(all.0.checked_add(span)?);
        left = &unit[end..];
    }
    (left.is_empty() || left == "0").then_some(all)
}

/// One range, or one of each family with a comma between them.
fn cluster_cidr(at: &At<'_>, report: &mut Report) -> Option<ipnet::Ipv4Net> {
    let ranges = at.parsed(RANGE, report, |text| {
        let ranges = text.split(',').filter(|it| !it.trim().is_empty());
        ranges.map(|it| it.trim().parse().ok()).collect::<Option<Vec<IpNet>>>()
    });
    ranges.unwrap_or_default().into_iter().find_map(|range| match range {
        IpNet::V4(range) => Some(range.trunc()),
        IpNet::V6(_) => None,
    })
}

fn detect_local(object: &At<'_>, report: &mut Report) -> DetectLocal {
    let modes = "ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix";
    let section = object.section("detectLocal", report);
    let by_device = |key: &str, report: &mut Report| {
        let at = section.as_ref().and_then(|it| it.required(key, DEVICE, report));
        if section.is_none() {
            report.problem(object.problem(format!("detectLocalMode needs detectLocal.{key}")));
        }
        at?.parsed(DEVICE, report, |it| {
            let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b'"' | b'!');
            ((1..=15).contains(&it.len()) && it.bytes().all(plain)).then(|| it.to_owned())
        })
    };
    let Some(at) = object.field("detectLocalMode") else { return DetectLocal::default() };
    match at.text(modes, report) {
        Some("" | "ClusterCIDR") | None => DetectLocal::ClusterCidr,
        Some("NodeCIDR") => DetectLocal::NodeCidr,
        Some("BridgeInterface") => by_device("bridgeInterface", report)
            .map_or(DetectLocal::default(), DetectLocal::BridgeInterface),
        Some("InterfaceNamePrefix") => by_device("interfaceNamePrefix", report)
            .map_or(DetectLocal::default(), DetectLocal::InterfaceNamePrefix),
        Some(_) => {
            report.problem(at.wrong(modes));
            DetectLocal::default()
        }
    }
}

fn node_port_addresses(object: &At<'_>, report: &mut Report) -> NodePortAddresses {
    let list = object.list("nodePortAddresses", "a list of prefixes", report);
    if let [only] = list.as_slice()
        && only.text("", &mut Report::default()) == Some("primary")
    {
        return NodePortAddresses::Primary;
    }
    let mut ranges = Vec::new();
    for at in &list {
        // Those of the other family are for the other family's rules.
        if let Some(IpNet::V4(range)) = at.parsed(RANGE, report, |text| text.trim().parse().ok()) {
            ranges.push(range.trunc());
        }
    }
    NodePortAddresses::of_ranges(ranges)
}
