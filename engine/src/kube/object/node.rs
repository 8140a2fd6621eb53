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
    let mut address = None;
    if let Some(status) = object.section("status", report) {
        status.misspelt(&["addresses"], &[], report);
        address = read_internal_ip(&status, report);
    }
    Some(NodeObject { meta: meta?, pod_cidr, address, unschedulable })
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

fn read_internal_ip(status: &At<'_>, report: &mut Report) -> Option<Marked<Ipv4Addr>> {
    for entry in status.list("addresses", "a list of addresses", report) {
        if !entry.is_map(report) {
            continue;
        }
        let kind = entry.required("type", "a type such as InternalIP", report)?;
        if kind.text("a type such as InternalIP", report)? != "InternalIP" {
            continue;
        }
        let address = entry.required("address", ADDRESS, report)?;
        if address.text(ADDRESS, report)?.contains(':') {
            continue; // A dual-stack node has an IPv6 address beside the other.
        }
        return read_address(&address, report);
    }
    None
}
