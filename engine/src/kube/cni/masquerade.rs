//! Source NAT for what pods send to the world outside: each plugin's rules, in the form its own program writes.
//!
//! The bridge plugin's own `ipMasq` rewrites what goes to other nodes' pods, too, so clusters on host routes turn it off and
//! run ip-masq-agent beside it.

use ipnet::Ipv4Net;

use super::Cni;
use crate::kube::{Cluster, Node};
use crate::tool::Ruleset;

/// The rules of a node. `pods` is the range of all pods.
pub(super) fn rules(cluster: &Cluster, node: &Node) -> Ruleset {
    let mut rules = Ruleset::default();
    let pods = pod_range(cluster);
    match cluster.cni {
        Cni::Bridge => ip_masq_agent(&mut rules, pods),
        Cni::Flannel => flannel(&mut rules, pods, node.pod_cidr),
        Cni::Calico => calico(&mut rules),
    }
    rules
}

/// Calico's sets of all its pools, and of those that are masqueraded, as `ipset save` prints them.
pub(super) fn sets(cluster: &Cluster) -> String {
    let pods = pod_range(cluster);
    let set = |name: &str| {
        format!(
            "create {name} hash:net family inet hashsize 1024 maxelem 1048576\nadd {name} {pods}\n"
        )
    };
    set("cali40all-ipam-pools") + &set("cali40masq-ipam-pools")
}

/// Where all pods are: what kube-proxy is told of it, else the smallest range that all nodes' ranges are in.
fn pod_range(cluster: &Cluster) -> Ipv4Net {
    if let Some(told) = cluster.kube_proxy.cluster_cidr {
        return told;
    }
    let mut nodes = cluster.nodes.iter().map(|node| node.pod_cidr);
    let first = nodes.next().unwrap_or_default();
    nodes.fold(first, |range, next| {
        let mut len = range.prefix_len().min(next.prefix_len());
        while len > 0 && !Ipv4Net::new_assert(range.addr(), len).contains(&next.addr()) {
            len -= 1;
        }
        Ipv4Net::new_assert(range.addr(), len).trunc()
    })
}

/// cmd/ip-masq-agent of kubernetes-sigs/ip-masq-agent.
fn ip_masq_agent(rules: &mut Ruleset, pods: Ipv4Net) {
    let by = "ip-masq-agent";
    for line in [
        "*nat",
        ":IP-MASQ - [0:0]",
        "-A POSTROUTING -m comment --comment \"ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ chain\" -m addrtype ! --dst-type LOCAL -j IP-MASQ",
        &format!(
            "-A IP-MASQ -d {pods} -m comment --comment \"ip-masq-agent: local traffic is not subject to MASQUERADE\" -j RETURN"
        ),
        "-A IP-MASQ -m comment --comment \"ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)\" -j MASQUERADE",
        "COMMIT",
    ] {
        rules.line(line, by);
    }
}

/// pkg/trafficmngr/iptables of flannel-io/flannel.
fn flannel(rules: &mut Ruleset, pods: Ipv4Net, own: Ipv4Net) {
    let by = "flanneld";
    let masq = "-m comment --comment \"flanneld masq\"";
    let forward = "-m comment --comment \"flanneld forward\"";
    for line in [
        "*nat",
        ":FLANNEL-POSTRTG - [0:0]",
        &format!("-A POSTROUTING {masq} -j FLANNEL-POSTRTG"),
        &format!("-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 {masq} -j RETURN"),
        &format!("-A FLANNEL-POSTRTG -s {own} -d {pods} {masq} -j RETURN"),
        &format!("-A FLANNEL-POSTRTG -s {pods} -d {own} {masq} -j RETURN"),
        &format!("-A FLANNEL-POSTRTG ! -s {pods} -d {own} {masq} -j RETURN"),
        &format!(
            "-A FLANNEL-POSTRTG -s {pods} ! -d 224.0.0.0/4 {masq} -j MASQUERADE --random-fully"
        ),
        &format!("-A FLANNEL-POSTRTG ! -s {pods} -d {pods} {masq} -j MASQUERADE --random-fully"),
        "COMMIT",
        "*filter",
        ":FLANNEL-FWD - [0:0]",
        &format!("-A FORWARD {forward} -j FLANNEL-FWD"),
        &format!("-A FLANNEL-FWD -s {pods} {forward} -j ACCEPT"),
        &format!("-A FLANNEL-FWD -d {pods} {forward} -j ACCEPT"),
        "COMMIT",
    ] {
        rules.line(line, by);
    }
}

/// felix/rules of projectcalico/calico, the part for `natOutgoing`; its chains for policy are left out.
fn calico(rules: &mut Ruleset) {
    let by = "calico-node";
    for line in [
        "*nat",
        ":cali-POSTROUTING - [0:0]",
        ":cali-nat-outgoing - [0:0]",
        "-A POSTROUTING -j cali-POSTROUTING",
        "-A cali-POSTROUTING -j cali-nat-outgoing",
        "-A cali-nat-outgoing -m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst -j MASQUERADE --random-fully",
        "COMMIT",
    ] {
        rules.line(line, by);
    }
}
