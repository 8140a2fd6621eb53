//! The network of the figures with Services: two pods on one node's bridge, `br_netfilter` on, and kube-proxy's rules for any
//! number of Services of which the last leads to the second pod.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Where the last Service leads.
pub const SERVER: &str = "10.244.1.3:8080";

/// The cluster address of the `i`th Service, from 10.96.0.1 on; each listens on UDP port 80.
pub fn cluster_ip(i: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 1)) + u32::from(i))
}

/// The nat table of a node with so many Services, one endpoint each, as `iptables-restore` reads it: kube-proxy's chains and
/// order of rules.
pub fn nat_table(n_services: u16) -> String {
    let mut text = String::from(
        "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-POSTROUTING - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n",
    );
    for i in 0..n_services {
        let _ = writeln!(text, ":KUBE-SVC-{i:016} - [0:0]\n:KUBE-SEP-{i:016} - [0:0]");
    }
    text.push_str(
        "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully
",
    );
    for i in 0..n_services {
        let ip = cluster_ip(i);
        let to = if i + 1 == n_services {
            SERVER.to_owned()
        } else {
            let [_, _, c, d] = ip.octets();
            format!("10.244.{c}.{d}:8080")
        };
        let (host, _) = to.split_once(':').unwrap_or((&to, ""));
        let name = format!("-m comment --comment \"default/s{i} cluster IP\"");
        let _ = write!(
            text,
            "-A KUBE-SERVICES -d {ip}/32 -p udp {name} -m udp --dport 80 -j KUBE-SVC-{i:016}
-A KUBE-SVC-{i:016} ! -s 10.244.0.0/16 -d {ip}/32 -p udp {name} -m udp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-{i:016} -m comment --comment \"default/s{i} -> {to}\" -j KUBE-SEP-{i:016}
-A KUBE-SEP-{i:016} -s {host}/32 -m comment --comment default/s{i} -j KUBE-MARK-MASQ
-A KUBE-SEP-{i:016} -p udp -m comment --comment default/s{i} -m udp -j DNAT --to-destination {to}
",
        );
    }
    text.push_str("COMMIT\n");
    text
}
