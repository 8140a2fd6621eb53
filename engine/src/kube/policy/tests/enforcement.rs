//! The generated rules against the specification: every packet through the rules of the nodes it meets.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::{DevId, Hook, Id, Nanos, PacketId, Rng, SocketId};
use crate::kube::Cluster;
use crate::kube::policy::rules::Enforcement;
use crate::kube::reach::Reach;
use crate::netfilter::bench::{at, tcp, udp};
use crate::netfilter::ipset::Sets;
use crate::netfilter::table::Tables;
use crate::netfilter::{AddrType, Around, Netfilter, ReversePath, Verdict, defrag};
use crate::skb::{BufPool, Dst, Skb};
use crate::tool::{Op, Ruleset};
use crate::trace::{Ctx, Off, PacketIds};

/// A node as its rules see it.
struct Machine {
    netfilter: Netfilter,
    address: Ipv4Addr,
}

impl Machine {
    fn of(cluster: &Cluster, enforcement: &Enforcement<'_>, node: usize) -> Self {
        let (sets, ruleset) = given(enforcement, node);
        let sets =
            Sets::parse(&sets, Nanos::ZERO).unwrap_or_else(|error| panic!("{error}\n{sets}"));
        let mut netfilter = Netfilter { sets, ..Netfilter::default() };
        let Ruleset { text, lines, origins } = ruleset;
        assert_eq!(text.lines().count(), lines.len());
        assert!(lines.iter().all(|&it| (it as usize) < origins.len()));
        let tables = Tables::parse(&text, &netfilter.sets, &mut netfilter.recents)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        netfilter.set_tables(tables);
        Self { netfilter, address: cluster.nodes[node].address }
    }

    fn lets_through(&mut self, hooks: [Hook; 2], packet: Vec<u8>) -> bool {
        let Self { netfilter, address } = self;
        let mut ctx = Ctx {
            now: Nanos::ZERO,
            rng: &mut Rng::new(1),
            trace: &mut Off,
            bufs: &mut BufPool::default(),
            packets: &mut PacketIds::default(),
            out: &mut Vec::new(),
        };
        let mut skb = Skb::new(PacketId::from_index(0), packet);
        for hook in hooks {
            match netfilter.hook(&mut ctx, &Address(*address), at(hook), skb) {
                Verdict::Accept(passed) => skb = passed,
                Verdict::Drop { .. } | Verdict::Stolen => return false,
            }
        }
        true
    }
}

/// A host with one address, and no other question to answer.
struct Address(Ipv4Addr);

impl Around for Address {
    fn dev_name(&self, _: DevId) -> &'static str {
        ""
    }
    fn addr_type(&self, addr: Ipv4Addr, _: Option<DevId>) -> AddrType {
        if addr == self.0 { AddrType::Local } else { AddrType::Unicast }
    }
    fn reverse_path_ok(&self, _: ReversePath) -> bool {
        true
    }
    fn reroute(&self, skb: &Skb) -> Option<Dst> {
        skb.dst
    }
    fn masquerade_addr(&self, _: DevId, _: Ipv4Addr) -> Option<Ipv4Addr> {
        None
    }
    fn first_addr(&self, _: DevId) -> Option<Ipv4Addr> {
        None
    }
    fn path_mtu(&self, _: &Skb) -> u32 {
        1500
    }
    fn fragment_limits(&self) -> defrag::Limits {
        defrag::Limits::default()
    }
    fn owner(&self, _: SocketId) -> Option<(u32, u32)> {
        None
    }
}

/// Whether a new connection or datagram passes the rules of its sender's node and of its receiver's.
fn passes(
    cluster: &Cluster,
    machines: &mut [Machine],
    (from, to): (usize, usize),
    (port, protocol): (u16, Protocol),
) -> bool {
    let (source, target) = (&cluster.pods[from], &cluster.pods[to]);
    // No two connections look alike to the tables of connections.
    let client = 1024 + u16::try_from(from * 256 + to).expect("a small cluster");
    let ends = ((source.ip, client), (target.ip, port));
    let packet = match protocol {
        Protocol::Tcp => tcp(ends.0, ends.1, 2, (1, 0), b""),
        Protocol::Udp => udp(ends.0, ends.1),
        Protocol::Sctp => unreachable!("nobody asks"),
    };
    let last = if target.host_network { Hook::LocalIn } else { Hook::Forward };
    if source.node == target.node {
        let first = if source.host_network { Hook::LocalOut } else { Hook::PreRouting };
        // What a node sends to its pod, it does not forward.
        let last = if source.host_network { Hook::PostRouting } else { last };
        return machines[source.node].lets_through([first, last], packet);
    }
    let hooks = if source.host_network {
        [Hook::LocalOut, Hook::PostRouting]
    } else {
        [Hook::PreRouting, Hook::Forward]
    };
    machines[source.node].lets_through(hooks, packet.clone())
        && machines[target.node].lets_through([Hook::PreRouting, last], packet)
}

/// Every pair and port: what the rules do, where it is not what the specification says.
fn differences(text: &str) -> Vec<String> {
    let (cluster, _) = read(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let enforcement = Enforcement::new(&cluster).expect("there are policies");
    let reach = Reach::new(&cluster);
    let mut found = Vec::new();
    let ports =
        [(53, Protocol::Udp), (80, Protocol::Tcp), (80, Protocol::Udp), (8080, Protocol::Tcp)];
    for port in ports {
        let mut machines: Vec<Machine> = (0..cluster.nodes.len())
            .map(|node| Machine::of(&cluster, &enforcement, node))
            .collect();
        for from in 0..cluster.pods.len() {
            for to in 0..cluster.pods.len() {
                if cluster.pods[from].ip == cluster.pods[to].ip && from != to {
                    continue; // Two pods that are one node.
                }
                let answer = reach.answer(from, to, port);
                let passed = passes(&cluster, &mut machines, (from, to), port);
                if passed != answer.allowed {
                    found.push(format!(
                        "{} -> {} {}/{}: the rules say {passed}, but {}",
                        cluster.pods[from].origin(),
                        cluster.pods[to].origin(),
                        port.0,
                        port.1,
                        answer.because
                    ));
                }
            }
        }
    }
    found
}

/// What a node's `ipset restore` and `iptables-restore` are given.
fn given(enforcement: &Enforcement<'_>, node: usize) -> (String, Ruleset) {
    let (mut texts, mut rulesets) = (Vec::new(), Vec::new());
    for it in enforcement.node(node) {
        match it.op {
            Op::IpsetRestore { sets, .. } => texts.push(sets.to_string()),
            Op::IptablesRestore { rules, .. } => rulesets.push((*rules).clone()),
            _ => {}
        }
    }
    (texts.remove(0), rulesets.remove(0))
}

/// The rules of the chains whose names begin so, each with who caused it, without the chain's name.
fn told(ruleset: &Ruleset, chain: &str) -> Vec<String> {
    let Ruleset { text, lines, origins } = ruleset;
    let prefix = format!("-A {chain}");
    let own = text.lines().zip(lines).filter(|(line, _)| line.starts_with(&prefix));
    own.map(|(line, &origin)| {
        let rule = line.splitn(3, ' ').nth(2).unwrap_or_default();
        format!("{}: {rule}", origins[origin as usize])
    })
    .collect()
}

#[test]
fn each_rule_is_there_because_of_a_policy_or_a_pod_and_the_one_that_rejects_names_the_policies() {
    let text = POD.to_owned()
        + &policy(
            "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.9.0.0/16]}}], ports: [{port: 80, endPort: 90}]}]}",
        );
    let (cluster, _) = read(&text).expect("a policy");
    let enforcement = Enforcement::new(&cluster).expect("there is a policy");
    let (sets, ruleset) = given(&enforcement, 0);
    let blocks = "KUBE-SRC-UJWKRHW4X5THJVGS";
    let own = "KUBE-DST-FADSS6ON2VVXOR6V";
    let chain = "KUBE-NWPLCY-GSMDWMZWBP5JZG5Y";
    assert_eq!(
        sets.lines().collect::<Vec<_>>(),
        [
            format!("create {own} hash:ip family inet hashsize 1024 maxelem 65536 timeout 0"),
            format!("add {own} 10.244.1.2 timeout 0"),
            format!("create {blocks} hash:net family inet hashsize 1024 maxelem 65536 timeout 0"),
            format!("add {blocks} 0.0.0.0/1 timeout 0"),
            format!("add {blocks} 128.0.0.0/1 timeout 0"),
            format!("add {blocks} 10.9.0.0/16 timeout 0 nomatch"),
        ]
    );
    let matches = format!(
        "NetworkPolicy default/p: -p tcp -m comment --comment \"default/p ingress cidr\" -m set --match-set {blocks} src -m set --match-set {own} dst -m tcp --dport 80:90"
    );
    assert_eq!(
        told(&ruleset, chain),
        [
            format!("{matches} -j MARK --set-xmark 0x10000/0x10000"),
            format!("{matches} -m mark --mark 0x10000/0x10000 -j RETURN"),
        ]
    );
    assert_eq!(
        told(&ruleset, "KUBE-POD-FW-"),
        [
            "Pod default/a: -m comment --comment \"common netpol rules\" -j KUBE-NWPLCY-COMMON".to_owned(),
            "Pod default/a: -d 10.244.1.2/32 -m comment --comment \"from local node\" -m addrtype --src-type LOCAL -j ACCEPT".into(),
            "Pod default/a: -s 10.244.1.2/32 -d 10.244.1.2/32 -m comment --comment \"from itself\" -j ACCEPT".into(),
            "Pod default/a: -s 10.244.1.2/32 -m comment --comment \"default egress\" -j KUBE-NWPLCY-DEFAULT".into(),
            format!("NetworkPolicy default/p: -d 10.244.1.2/32 -m comment --comment \"default/p policy\" -j {chain}"),
            "NetworkPolicy default/p: -m comment --comment \"default/a reject\" -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable".into(),
            "Pod default/a: -j MARK --set-xmark 0x0/0x10000".into(),
            "Pod default/a: -m comment --comment \"set netpol-ok mark\" -j MARK --set-xmark 0x20000/0x20000".into(),
        ]
    );
    let input = told(&ruleset, "KUBE-ROUTER-INPUT");
    let first = |it: &str| it.split(" --comment").next().map(str::to_owned);
    assert_eq!(
        input.iter().filter_map(|it| first(it)).collect::<Vec<_>>(),
        [
            "kube-router: -d 10.96.0.0/12 -m comment",
            "kube-router: -p tcp -m comment",
            "kube-router: -p udp -m comment",
            "kube-router: -p sctp -m comment",
            "Pod default/a: -s 10.244.1.2/32 -m comment",
            "kube-router: -m comment",
            "kube-router: -m comment",
        ]
    );
    assert_eq!(Enforcement::new(&read(POD).expect("a pod").0).map(drop), None);
}

/// Chooses from a list.
fn any<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[rng.below(u32::try_from(list.len()).expect("a short list")) as usize]
}

fn peer(rng: &mut Rng) -> String {
    let selector = |rng: &mut Rng| {
        any(
            rng,
            &[
                "{}",
                "{matchLabels: {app: a}}",
                "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}",
                "{matchLabels: {app: none}}",
            ],
        )
    };
    let namespaces = |rng: &mut Rng| {
        any(
            rng,
            &[
                "{}",
                "{matchLabels: {team: red}}",
                "{matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [y]}]}",
            ],
        )
    };
    match rng.below(4) {
        0 => format!("{{podSelector: {}}}", selector(rng)),
        1 => format!("{{namespaceSelector: {}}}", namespaces(rng)),
        2 => format!("{{namespaceSelector: {}, podSelector: {}}}", namespaces(rng), selector(rng)),
        _ => format!(
            "{{ipBlock: {}}}",
            any(
                rng,
                &[
                    "{cidr: 0.0.0.0/0}",
                    "{cidr: 0.0.0.0/0, except: [10.244.1.0/24]}",
                    "{cidr: 10.244.0.0/16, except: [10.244.2.2/31, 10.244.1.4/32]}",
                    "{cidr: 10.244.1.2/31}",
                    "{cidr: 192.0.2.11/32}",
                ]
            )
        ),
    }
}

fn direction(rng: &mut Rng, peers: &str) -> String {
    let rules = rng.below(3);
    let rule = |rng: &mut Rng| {
        let mut rule = String::from("{");
        if rng.below(4) > 0 {
            let list: Vec<String> = (0..=rng.below(2)).map(|_| peer(rng)).collect();
            rule += &format!("{peers}: [{}], ", list.join(", "));
        }
        if rng.below(2) > 0 {
            let port = any(
                rng,
                &[
                    "[{port: 80}]",
                    "[{port: web}]",
                    "[{port: dns, protocol: UDP}, {port: 80}]",
                    "[{port: 70, endPort: 90, protocol: UDP}]",
                    "[{protocol: TCP}]",
                    "[{port: nobody}]",
                ],
            );
            rule += &format!("ports: {port}");
        }
        rule + "}"
    };
    let list: Vec<String> = (0..rules).map(|_| rule(rng)).collect();
    format!("[{}]", list.join(", "))
}

fn cluster(seed: u64) -> String {
    let rng = &mut Rng::new(seed);
    let mut text = String::new();
    for node in 1..=2 {
        text += &format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{node}}}\nspec: {{podCIDR: 10.244.{node}.0/24}}\n"
        );
    }
    text += "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x, labels: {team: red}}\n";
    for number in 0..7 {
        let namespace = any(rng, &["x", "y", "z"]);
        let app = any(rng, &["a", "b", "c"]);
        let ports = any(
            rng,
            &[
                "",
                ", ports: [{containerPort: 80, name: web}]",
                ", ports: [{containerPort: 8080, name: web}, {containerPort: 53, name: dns, protocol: UDP}]",
            ],
        );
        let node = any(rng, &["n1", "n2"]);
        let host = if number < 6 { "" } else { "hostNetwork: true, " };
        text += &format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}, namespace: {namespace}, labels: {{app: {app}}}}}\nspec: {{{host}nodeName: {node}, containers: [{{name: app{ports}}}]}}\n"
        );
    }
    for number in 0..=rng.below(3) {
        let namespace = any(rng, &["x", "y", "z"]);
        let pods = any(rng, &["{}", "{matchLabels: {app: a}}", "{matchLabels: {app: b}}"]);
        let types = any(rng, &["[Ingress]", "[Egress]", "[Ingress, Egress]"]);
        text += &format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: policy{number}, namespace: {namespace}}}\nspec:\n  podSelector: {pods}\n  policyTypes: {types}\n  ingress: {}\n  egress: {}\n",
            direction(rng, "from"),
            direction(rng, "to")
        );
    }
    text
}

#[test]
fn the_rules_do_what_the_specification_says_in_random_clusters() {
    for seed in 0..100 {
        let text = cluster(seed);
        let found = differences(&text);
        assert!(found.is_empty(), "seed {seed}: {}\n{text}", found.join("\n"));
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_rules_do_what_the_specification_says_in_every_recipe() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube/policy");
    for entry in std::fs::read_dir(dir).expect("the recipes are there") {
        let path = entry.expect("and can be listed").path();
        if path.extension().is_some_and(|it| it == "yaml") {
            let text = std::fs::read_to_string(&path).expect("text");
            let found = differences(&text);
            assert!(found.is_empty(), "{}: {}", path.display(), found.join("\n"));
        }
    }
}
