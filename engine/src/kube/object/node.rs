//! Reading Node objects.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{ADDRESS, Marked, Meta, is_host_address, meta, read_address};
use crate::yaml::{At, Report};

const PREFIX: &str = "an IPv4 prefix such as 10.244.1.0/24";

#[derive(Clone, Debug)]
pub(in crate::kube) struct NodeObject {
    pub meta: Meta,
    pub pod_cidr: Option<Marked<Ipv4Net>>,
    pub address: Option<Marked<Ipv4Addr>>,
    /// Further addresses of its own.
    pub more_addresses: Vec<Ipv4Addr>,
    /// What it is known by on the internet (`ExternalIP`).
    pub external: Option<Ipv4Addr>,
    /// `spec.unschedulable`, or a taint that keeps pods away: only pods that name the node run there.
    pub unschedulable: bool,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<NodeObject> {
    let meta = meta::read(object, "v1", report);
    let mut unschedulable = false;
    let mut pod_cidr = None;
    if let Some(spec) = object.section("spec", report) {
        spec.misspelt(&["podCIDR", "podCIDRs", "unschedulable", "taints"], &[], report);
        unschedulable = spec.field("unschedulable").and_then(|at| at.flag(report)) == Some(true)
            || spec.list("taints", "a list of taints", report).iter().any(keeps_pods_away);
        let first = |report: &mut Report| {
            let all = spec.list("podCIDRs", "a list of prefixes", report);
            let is_v4 = |at: &At<'_>| {
                at.text("", &mut Report::default()).is_some_and(|text| !text.contains(':'))
            };
            all.iter().find(|at| is_v4(at)).or(all.first()).cloned()
        };
        if let Some(at) = spec.field("podCIDR").or_else(|| first(report)) {
            pod_cidr = read_pod_cidr(&at, report);
        }
    }
    let (mut addresses, mut external) = (Vec::new(), None);
    if let Some(status) = object.section("status", report) {
        status.misspelt(&["addresses"], &[], report);
        addresses = read_addresses(&status, "InternalIP", report);
        external = read_addresses(&status, "ExternalIP", report).first().map(|it| it.value);
    }
    let mut addresses = addresses.into_iter();
    let address = addresses.next();
    let more_addresses = addresses.map(|it| it.value).collect();
    Some(NodeObject { meta: meta?, pod_cidr, address, more_addresses, external, unschedulable })
}

fn keeps_pods_away(taint: &At<'_>) -> bool {
    let effect = taint.field("effect");
    let effect = effect.as_ref().and_then(|it| it.text("", &mut Report::default()));
    matches!(effect, Some("NoSchedule" | "NoExecute"))
}

fn read_pod_cidr(at: &At<'_>, report: &mut Report) -> Option<Marked<Ipv4Net>> {
    let written: Ipv4Net = at.parsed(PREFIX, report, |text| text.parse().ok())?;
    let cidr = written.trunc();
    if !(8..=30).contains(&cidr.prefix_len()) {
        report.problem(at.problem(format!(
            "expected a prefix length of 8 to 30, which leaves room for a gateway and a pod, found /{}",
            cidr.prefix_len()
        )));
        return None;
    }
    if !is_host_address(cidr.network()) {
        report.problem(at.problem(format!("{cidr} is no range for hosts")));
        return None;
    }
    if cidr != written {
        report.notice(at.problem(format!("{written} is taken as {cidr}")));
    }
    Some(Marked { value: cidr, place: at.place() })
}

/// The IPv4 addresses of one type.
fn read_addresses(status: &At<'_>, wanted: &str, report: &mut Report) -> Vec<Marked<Ipv4Addr>> {
    const TYPE: &str = "a type such as InternalIP";
    let mut addresses = Vec::new();
    for entry in status.list("addresses", "a list of addresses", report) {
        if !entry.is_map(report) {
            continue;
        }
        let kind = entry.required("type", TYPE, report).and_then(|it| it.text(TYPE, report));
        if kind != Some(wanted) {
            continue;
        }
        let Some(address) = entry.required("address", ADDRESS, report) else { continue };
        // A dual-stack node has an IPv6 address beside the other.
        if address.text(ADDRESS, &mut Report::default()).is_none_or(|it| !it.contains(':')) {
            addresses.extend(read_address(&address, report));
        }
    }
    addresses
}
