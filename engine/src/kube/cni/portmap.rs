//! The `portmap` plugin, which leads a node's ports to its pods (`hostPort`). flannel's, Calico's and containerd's own
//! configurations chain it behind the plugin that attaches pods. Read `plugins/meta/portmap` of
//! containernetworking/plugins first: `portmap_iptables.go`, `chain.go`.
//!
//! ```text
//! PREROUTING, OUTPUT, to an address of the node ─> CNI-HOSTPORT-DNAT ─> CNI-DN-… of the pod: DNAT
//! POSTROUTING ─> CNI-HOSTPORT-MASQ: masquerades what comes from the node's loopback or from the pod's own network
//! ```
//!
//! A sandbox's identifier is drawn at random; here it follows from the pod's name.

use crate::kube::{Cluster, Cni, HostPort, Pod, Protocol, sha512};
use crate::tool::Ruleset;

/// The bit of a mark that asks for masquerading (`DefaultMarkBit`: 13).
const MARK: &str = "0x2000/0x2000";
/// `-m multiport` takes so many ports.
const MAX_PORTS: usize = 15;
/// A chain's name, the prefix `CNI-DN-` with it (`maxChainLength`).
const CHAIN_BYTES: usize = 28;
const ID_DIGITS: usize = 64;

/// A pod's chain, as the plugin calls it for a network and a sandbox (`genDnatChain`).
fn chain_name(network: &str, sandbox: &str) -> String {
    let hash = sha512::hex(&[network, sandbox].concat());
    let prefix = "CNI-DN-";
    [prefix, &hash[..CHAIN_BYTES - prefix.len()]].concat()
}

/// What a plugin's own configuration calls the network.
const fn network(cni: Cni) -> &'static str {
    match cni {
        // containerd's script/setup/install-cni.
        Cni::Bridge => "containerd-net",
        Cni::Flannel => "cbr0",
        Cni::Calico => "k8s-pod-network",
    }
}

/// The ports that a pod has on its node; one of the node's own network has them without this.
pub(super) fn ports(pod: &Pod) -> impl Iterator<Item = (Protocol, HostPort, u16)> {
    let own = pod.ports().filter(|_| !pod.host_network);
    own.filter_map(|port| Some((port.protocol, port.host?, port.number)))
}

/// The rules for the pods of a node, in the order in which they were added.
pub(super) fn rules(cluster: &Cluster, node: usize) -> Option<Ruleset> {
    let pods: Vec<&Pod> =
        cluster.pods.iter().filter(|pod| pod.node == node && ports(pod).next().is_some()).collect();
    // The chains that all share are the first pod's doing.
    let first = pods.first()?.origin();
    let mut rules = Ruleset::default();
    for line in [
        "*nat",
        ":CNI-HOSTPORT-SETMARK - [0:0]",
        ":CNI-HOSTPORT-MASQ - [0:0]",
        ":CNI-HOSTPORT-DNAT - [0:0]",
        &format!(
            "-A CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark {MARK}"
        ),
        &format!("-A CNI-HOSTPORT-MASQ -m mark --mark {MARK} -j MASQUERADE"),
        "-I POSTROUTING -m comment --comment \"CNI portfwd requiring masquerade\" -j CNI-HOSTPORT-MASQ",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
        "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    ] {
        rules.line(line, &first);
    }
    let range = match cluster.cni {
        Cni::Bridge | Cni::Flannel => cluster.nodes[node].pod_cidr.prefix_len(),
        Cni::Calico => 32,
    };
    for pod in pods {
        of_pod(&mut rules, pod, network(cluster.cni), range);
    }
    rules.line("COMMIT", &first);
    Some(rules)
}

/// A pod's chain and the way there (`fillDnatRules`).
fn of_pod(rules: &mut Ruleset, pod: &Pod, network: &str, prefix_len: u8) {
    let origin = pod.origin();
    let sandbox = &sha512::hex(&[&*pod.namespace, "/", &pod.name].concat())[..ID_DIGITS];
    let chain = chain_name(network, sandbox);
    let comment = format!("dnat name: \\\"{network}\\\" id: \\\"{sandbox}\\\"");
    rules.line(&format!(":{chain} - [0:0]"), &origin);
    for (protocol, host, number) in ports(pod) {
        let protocol = protocol.lower();
        let to = host.ip.map(|ip| format!(" -d {ip}/32")).unwrap_or_default();
        let base = format!("{to} -p {protocol} -m {protocol} --dport {}", host.number);
        let ip = pod.ip;
        for source in [format!("{ip}/{prefix_len}"), "127.0.0.1/32".to_owned()] {
            let line = format!("-A {chain} -s {source}{base} -j CNI-HOSTPORT-SETMARK");
            rules.line(&line, &origin);
        }
        let line = format!("-A {chain}{base} -j DNAT --to-destination {ip}:{number}");
        rules.line(&line, &origin);
    }
    // Sorted by their names.
    for protocol in [Protocol::Sctp, Protocol::Tcp, Protocol::Udp] {
        let numbers: Vec<String> = ports(pod)
            .filter(|(own, ..)| *own == protocol)
            .map(|(_, host, _)| host.number.to_string())
            .collect();
        for numbers in numbers.chunks(MAX_PORTS) {
            let (protocol, numbers) = (protocol.lower(), numbers.join(","));
            let line = format!(
                "-A CNI-HOSTPORT-DNAT -p {protocol} -m comment --comment \"{comment}\" -m multiport --dports {numbers} -j {chain}"
            );
            rules.line(&line, &origin);
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::chain_name;

    /// From the plugin's own tests.
    #[test]
    fn a_chain_is_called_as_the_plugin_calls_it() {
        let sandbox = "icee6giejonei6sohng6ahngee7laquohquee9shiGo7fohferakah3Feiyoolu2pei7ciPhoh7shaoX6vai3vuf0ahfaeng8yohb9ceu0daez5hashee8ooYai5wa3y";
        assert_eq!(chain_name("testNetName", sandbox), "CNI-DN-bfd599665540dd91d5d28");
        assert_eq!(chain_name("test", sandbox), "CNI-DN-67e92b96e692a494b6b85");
    }
}
