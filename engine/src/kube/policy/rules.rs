//! NetworkPolicies as rules of the nodes where the pods are, in the shape of kube-router's controller in its mode
//! iptables. Read `pkg/controllers/netpol/{npc_iptables,policy,pod}.go` of kube-router first.
//!
//! ```text
//! FORWARD ─> KUBE-ROUTER-FORWARD ─> KUBE-POD-FW-… of the sender and of the receiver, where they are on this node
//!                │                     ├─> KUBE-NWPLCY-COMMON   invalid: drop; established, related, some ICMP: accept
//!                │                     ├─> KUBE-NWPLCY-DEFAULT  a direction that nothing isolates: mark 0x10000
//!                │                     ├─> KUBE-NWPLCY-…        what a policy allows: mark 0x10000
//!                │                     └─ without the mark: REJECT; with it: mark 0x20000 instead
//!                └─> KUBE-NWPLCY-TAIL   mark 0x20000: accept
//! ```
//!
//! Frames that a bridge moves between two pods of a node meet these rules only where `net.bridge.bridge-nf-call-iptables`
//! is set. Like there, echo requests pass every policy.
//!
//! Chains, sets, names, marks and comments are kube-router's. Other than there: its rule that logs (NFLOG) is left out,
//! since no packet is moved by it; chains carry no time in their names; a policy without pods on the node has no chain
//! there; ranges of external and load balancer addresses are not set. And where kube-router lets through what the
//! specification does not, or the reverse: a policy of both types has a chain for each direction, since in one chain a
//! rule of one direction marks packets of the other; a port's name that no pod has allows nothing instead of every port;
//! a name in an egress rule means the ports of that name on the destinations alone, in all namespaces, and works beside
//! an ipBlock; blocks with exceptions do not take from each other; and a pod reaches itself.

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::{NetworkPolicy, Peer, PortMatch, Ports, Rule};
use crate::base::FxIndexMap;
use crate::kube::kube_proxy::names::hash;
use crate::kube::ranges::SERVICES;
use crate::kube::{Cluster, Pod, Protocol};
use crate::tool::{Configured, Op, Ruleset};

/// Who caused what belongs to no policy or pod.
const ENGINE: &str = "kube-router";
/// kube-router puts the time of its last change there.
const VERSION: &str = "0";
const FAMILY: &str = "IPv4";
/// `--service-node-port-range`.
const NODE_PORTS: &str = "30000:32767";
const MARK: &str = "0x10000/0x10000";

/// The rules of all nodes, as far as they are the same.
#[derive(Clone, Debug)]
pub struct Enforcement<'c> {
    cluster: &'c Cluster,
    /// For `ipset restore`: every node has all sets.
    sets: Arc<str>,
    /// Every policy's chains.
    chains: Vec<Chain>,
    /// The chains that each pod's packets go through, by pod; those of ingress and of egress.
    of_pod: Vec<Vec<usize>>,
}

/// A chain of a policy, for one direction.
#[derive(Clone, Debug)]
struct Chain {
    /// Index into [`Cluster::policies`].
    policy: usize,
    name: String,
    is_ingress: bool,
    rules: Vec<String>,
}

impl<'c> Enforcement<'c> {
    /// None where there is no policy: then nobody needs an engine for it.
    pub fn new(cluster: &'c Cluster) -> Option<Self> {
        if cluster.policies.is_empty() {
            return None;
        }
        let mut chains = Vec::new();
        let mut of_pod = vec![Vec::new(); cluster.pods.len()];
        let mut sets = Sets::default();
        for (index, policy) in cluster.policies.iter().enumerate() {
            let targets: Vec<usize> =
                (0..cluster.pods.len()).filter(|&it| policy.is_about(&cluster.pods[it])).collect();
            for (rules, is_ingress) in [(&policy.ingress, true), (&policy.egress, false)] {
                let Some(rules) = rules else { continue };
                let one_of_two = !is_ingress && policy.ingress.is_some();
                let direction = if one_of_two { "egress" } else { "" };
                let mut chain = Chain {
                    policy: index,
                    name: String::from("KUBE-NWPLCY-")
                        + &hash(
                            &[&*policy.namespace, &policy.name, VERSION, FAMILY, direction]
                                .concat(),
                        ),
                    is_ingress,
                    rules: Vec::new(),
                };
                let mut writer = PolicyWriter {
                    cluster,
                    policy,
                    targets: &targets,
                    chain: &mut chain,
                    sets: &mut sets,
                    own: String::new(),
                };
                writer.write(rules);
                for &pod in &targets {
                    of_pod[pod].push(chains.len());
                }
                chains.push(chain);
            }
        }
        Some(Self { cluster, sets: sets.text.into(), chains, of_pod })
    }

    /// What the engine does to a node that has kube-proxy's rules: its own jumps come first.
    pub fn node(&self, node: usize) -> Vec<Configured> {
        let netns = || self.cluster.nodes[node].netns.clone();
        let by = |op| Configured { op, origin: Some(ENGINE.into()) };
        vec![
            by(Op::IpsetRestore { netns: netns(), sets: Arc::clone(&self.sets) }),
            by(Op::IptablesRestore { netns: netns(), rules: Arc::new(self.rules(node)) }),
        ]
    }

    fn rules(&self, node: usize) -> Ruleset {
        let mut out = Out::default();
        let pods = || {
            let all = self.cluster.pods.iter().enumerate();
            all.filter(|(_, pod)| pod.node == node && !pod.host_network)
        };
        let mut called: Vec<usize> =
            pods().flat_map(|(pod, _)| &self.of_pod[pod]).copied().collect();
        called.sort_unstable();
        called.dedup();
        let chains = || called.iter().map(|&it| &self.chains[it]);
        out.line(ENGINE, "*filter");
        for chain in TOP.iter().map(|(_, own)| *own).chain(SHARED) {
            out.line(ENGINE, &format!(":{chain} - [0:0]"));
        }
        for chain in chains() {
            let policy = self.cluster.policies[chain.policy].origin();
            out.line(&policy, &format!(":{} - [0:0]", chain.name));
        }
        for (_, pod) in pods() {
            out.line(&pod.origin(), &format!(":{} - [0:0]", firewall(pod)));
        }
        top(&mut out);
        shared(&mut out);
        for chain in chains() {
            let policy = self.cluster.policies[chain.policy].origin();
            for rule in &chain.rules {
                out.rule(&policy, &chain.name, rule);
            }
        }
        for (index, pod) in pods() {
            self.pod(index, pod, &mut out);
        }
        for (_, own) in TOP {
            tail(own, &mut out);
        }
        out.line(ENGINE, "COMMIT");
        out.ruleset
    }

    /// `syncPodFirewallChains` for one pod.
    fn pod(&self, index: usize, pod: &Pod, out: &mut Out) {
        let (chain, ip, own) = (firewall(pod), pod.ip, pod.origin());
        let name = format!("{}/{}", pod.namespace, pod.name);
        let comment = |text: &str| format!("-m comment --comment \"{text}\"");
        let noted = |what: &str| comment(&clamped(format!("{name} {what}")));
        let (into, away) = (noted("in"), noted("out"));
        let bridged = "-m physdev --physdev-is-bridged ";
        let [(_, input), (_, forward), (_, output)] = *TOP;
        for (top, to, physdev, note) in [
            (forward, "-d", "", &into),
            (output, "-d", "", &into),
            (forward, "-d", bridged, &into),
            (input, "-s", "", &away),
            (forward, "-s", "", &away),
            (output, "-s", "", &away),
            (forward, "-s", bridged, &away),
        ] {
            out.rule(&own, top, &format!("{to} {ip}/32 {physdev}{note} -j {chain}"));
        }
        let mut rule = |origin: &str, text: String| out.rule(origin, &chain, &text);
        rule(&own, comment("common netpol rules") + " -j KUBE-NWPLCY-COMMON");
        let local = "-m addrtype --src-type LOCAL -j ACCEPT";
        rule(&own, format!("-d {ip}/32 {} {local}", comment("from local node")));
        rule(&own, format!("-s {ip}/32 -d {ip}/32 {} -j ACCEPT", comment("from itself")));
        let isolating: Vec<&Chain> =
            self.of_pod[index].iter().map(|&it| &self.chains[it]).collect();
        for (is_ingress, name, way) in
            [(false, "default egress", "-s"), (true, "default ingress", "-d")]
        {
            if !isolating.iter().any(|it| it.is_ingress == is_ingress) {
                rule(&own, format!("{way} {ip}/32 {} -j KUBE-NWPLCY-DEFAULT", comment(name)));
            }
        }
        // Each is inserted before those that are there.
        for it in isolating.iter().rev() {
            let policy = &self.cluster.policies[it.policy];
            let note = comment(&clamped(format!("{}/{} policy", policy.namespace, policy.name)));
            let way = if it.is_ingress { "-d" } else { "-s" };
            rule(&policy.origin(), format!("{way} {ip}/32 {note} -j {}", it.name));
        }
        let reject = noted("reject");
        rule(
            &self.refusing(&isolating).unwrap_or_else(|| own.clone()),
            format!(
                "{reject} -m mark ! --mark {MARK} -j REJECT --reject-with icmp-port-unreachable"
            ),
        );
        rule(&own, "-j MARK --set-xmark 0x0/0x10000".into());
        rule(&own, comment("set netpol-ok mark") + " -j MARK --set-xmark 0x20000/0x20000");
    }

    /// The policies that isolate a pod; a packet that none of them allows is rejected because of them.
    fn refusing(&self, isolating: &[&Chain]) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        for chain in isolating {
            let name = self.cluster.policies[chain.policy].origin();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| names.join(", "))
    }
}

/// The built-in chains and kube-router's own that they call first.
const TOP: &[(&str, &str); 3] = &[
    ("INPUT", "KUBE-ROUTER-INPUT"),
    ("FORWARD", "KUBE-ROUTER-FORWARD"),
    ("OUTPUT", "KUBE-ROUTER-OUTPUT"),
];

const SHARED: [&str; 3] = ["KUBE-NWPLCY-DEFAULT", "KUBE-NWPLCY-COMMON", "KUBE-NWPLCY-TAIL"];

/// `ensureTopLevelChains`: the jumps, and what INPUT lets through on its way to a Service.
fn top(out: &mut Out) {
    for (built_in, own) in TOP {
        let id = hash(&[*built_in, "-mcomment--commentkube-router netpol-j", own].concat());
        out.line(
            ENGINE,
            &format!("-I {built_in} -m comment --comment \"kube-router netpol - {id}\" -j {own}"),
        );
    }
    let input = TOP[0].1;
    let (comment, range) = ("allow traffic to primary/secondary cluster IP range", SERVICES);
    let id = hash(&format!("{input}-mcomment--comment{comment}-d{range}-jRETURN"));
    out.rule(
        ENGINE,
        input,
        &format!("-d {range} -m comment --comment \"{comment} - {id}\" -j RETURN"),
    );
    for protocol in ["tcp", "udp", "sctp"] {
        let upper = protocol.to_ascii_uppercase();
        let comment = format!("allow LOCAL {upper} traffic to node ports");
        let id = hash(&format!(
            "{input}-p{protocol}-mcomment--comment{comment}-maddrtype--dst-typeLOCAL-mmultiport--dports{NODE_PORTS}-jRETURN"
        ));
        out.rule(
            ENGINE,
            input,
            &format!(
                "-p {protocol} -m comment --comment \"{comment} - {id}\" -m addrtype --dst-type LOCAL -m multiport --dports {NODE_PORTS} -j RETURN"
            ),
        );
    }
}

/// `ensureDefaultNetworkPolicyChain`, `ensureCommonPolicyChain`, `ensureDefaultTailChain`.
fn shared(out: &mut Out) {
    let [default, common, tail] = SHARED;
    for (chain, comment, rest) in [
        (
            default,
            "rule to mark traffic matching a network policy",
            "-j MARK --set-xmark 0x10000/0x10000",
        ),
        (common, "rule to drop invalid state for pod", "-m conntrack --ctstate INVALID -j DROP"),
        (
            common,
            "rule for stateful firewall for pod",
            "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ),
        (common, "allow icmp echo requests", "-m icmp --icmp-type 8 -j ACCEPT"),
        (common, "allow icmp destination unreachable messages", "-m icmp --icmp-type 3 -j ACCEPT"),
        (common, "allow icmp time exceeded messages", "-m icmp --icmp-type 11 -j ACCEPT"),
        (tail, "accept netpol-ok", "-m mark --mark 0x20000/0x20000 -j ACCEPT"),
    ] {
        let protocol = if rest.starts_with("-m icmp") { "-p icmp " } else { "" };
        out.rule(ENGINE, chain, &format!("{protocol}-m comment --comment \"{comment}\" {rest}"));
    }
}

/// `ensureTailChainPosition` and `ensureExplicitAccept`: the end of a chain of [`TOP`].
fn tail(chain: &str, out: &mut Out) {
    let comment = "rule to explicitly handle traffic for network policies ACCEPT/REJECT decision";
    out.rule(ENGINE, chain, &format!("-m comment --comment \"{comment}\" -j KUBE-NWPLCY-TAIL"));
    let comment = "rule to explicitly ACCEPT traffic that comply to network policies";
    out.rule(
        ENGINE,
        chain,
        &format!("-m comment --comment \"{comment}\" -m mark --mark 0x20000/0x20000 -j ACCEPT"),
    );
}

/// A pod's own chain (`podFirewallChainName`).
fn firewall(pod: &Pod) -> String {
    String::from("KUBE-POD-FW-") + &hash(&[&*pod.namespace, &pod.name, VERSION].concat())
}

/// `clampComment`.
fn clamped(mut text: String) -> String {
    text.truncate(120);
    text
}

/// The sets that the rules of policies ask for.
#[derive(Default)]
struct Sets {
    text: String,
    names: FxIndexMap<String, ()>,
}

/// Writes one direction of one policy: `processIngressRules` or `processEgressRules`.
struct PolicyWriter<'w> {
    cluster: &'w Cluster,
    policy: &'w NetworkPolicy,
    /// The pods that the policy is about.
    targets: &'w [usize],
    chain: &'w mut Chain,
    sets: &'w mut Sets,
    /// The set of the policy's own pods.
    own: String,
}

/// Who is on the other side, for one rule of Linux.
struct Others {
    /// None: anybody.
    set: Option<String>,
    kind: &'static str,
    /// The pods that a port's name is looked up on.
    pods: Vec<usize>,
    /// [`Others::pods`] are more than the set: both must hold.
    pods_are_wider: bool,
}

impl PolicyWriter<'_> {
    fn write(&mut self, rules: &[Rule]) {
        let (prefix, ips) = (if self.chain.is_ingress { DST } else { SRC }, self.ips(self.targets));
        self.own = self.set(prefix, "", "", "hash:ip", &ips);
        for (number, rule) in rules.iter().enumerate() {
            self.rule(number, rule);
        }
    }

    fn rule(&mut self, number: usize, rule: &Rule) {
        let (direction, other) =
            if self.chain.is_ingress { ("ingressrule", SRC) } else { ("egressrule", DST) };
        let place = format!("{direction}{number}");
        let everyone: Vec<usize> = (0..self.cluster.pods.len())
            .filter(|&it| !self.cluster.pods[it].host_network)
            .collect();
        let mut others = Vec::new();
        if let Some(peers) = &rule.peers {
            let pods: Vec<usize> =
                everyone.iter().copied().filter(|&it| self.is_peer(peers, it)).collect();
            if !pods.is_empty() {
                let set = self.set(other, &place, "pod", "hash:ip", &self.ips(&pods));
                others.push(Others { set: Some(set), kind: "pods", pods, pods_are_wider: false });
            }
            for (index, elements) in blocks(peers).into_iter().enumerate() {
                let suffix = if index == 0 { "ipblock".into() } else { format!("ipblock{index}") };
                let set = Some(self.set(other, &place, &suffix, "hash:net", &elements));
                let pods = everyone.clone();
                others.push(Others { set, kind: "cidr", pods, pods_are_wider: true });
            }
        } else {
            others.push(Others { set: None, kind: "any", pods: everyone, pods_are_wider: false });
        }
        let mut n_named = 0;
        for it in &others {
            if self.chain.is_ingress {
                n_named = 0; // The ports are the policy's own pods', whoever the others are.
            }
            match &rule.ports {
                None => self.allow(it, None, ""),
                Some(ports) => {
                    for port in ports {
                        self.port(&place, it, port, &mut n_named);
                    }
                }
            }
        }
    }

    fn port(&mut self, place: &str, others: &Others, port: &PortMatch, n_named: &mut usize) {
        let protocol = match port.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        let at = |ports: String| format!("-p {protocol} -m {protocol} --dport {ports}");
        let name = match &port.ports {
            Ports::All => return self.allow(others, None, &format!("-p {protocol}")),
            Ports::Range(first, last) if first == last => {
                return self.allow(others, None, &at(first.to_string()));
            }
            Ports::Range(first, last) => {
                return self.allow(others, None, &at(format!("{first}:{last}")));
            }
            Ports::Named(name) => name,
        };
        // The pods that have a port of that name, by its number.
        let pods = if self.chain.is_ingress { self.targets } else { &others.pods };
        let mut by_number: FxIndexMap<u16, Vec<usize>> = FxIndexMap::default();
        for &pod in pods {
            let fits = |it: &&crate::kube::Port| {
                it.name.as_ref() == Some(name) && it.protocol == port.protocol
            };
            for it in self.cluster.pods[pod].ports().filter(fits) {
                by_number.entry(it.number).or_default().push(pod);
            }
        }
        for (number, pods) in by_number {
            let set = self.set(
                DST,
                &format!("{place}{n_named}"),
                "namedport",
                "hash:ip",
                &self.ips(&pods),
            );
            *n_named += 1;
            self.allow(others, Some(&set), &at(number.to_string()));
        }
    }

    /// `appendRuleToPolicyChain`: marks the packet, and a marked one has been seen enough.
    fn allow(&mut self, others: &Others, named: Option<&str>, protocol_and_ports: &str) {
        let policy = self.policy;
        let direction = if self.chain.is_ingress { "ingress" } else { "egress" };
        let np = if named.is_some() { " np" } else { "" };
        let comment = clamped(format!(
            "{}/{} {direction} {}{np}",
            policy.namespace, policy.name, others.kind
        ));
        let (src, dst) = if self.chain.is_ingress {
            (others.set.as_deref(), [Some(named.unwrap_or(&self.own)), None])
        } else {
            let both = others.set.as_deref().filter(|_| named.is_none() || others.pods_are_wider);
            (Some(&*self.own), [both, named])
        };
        // As it is saved: the protocol first, its ports last.
        let (protocol, ports) = match protocol_and_ports.find(" -m ") {
            Some(at) => protocol_and_ports.split_at(at),
            None => (protocol_and_ports, ""),
        };
        let mut rule = String::new();
        if !protocol.is_empty() {
            rule.push_str(protocol);
            rule.push(' ');
        }
        rule += &format!("-m comment --comment \"{comment}\"");
        for (set, side) in [(src, "src"), (dst[0], "dst"), (dst[1], "dst")] {
            if let Some(set) = set {
                rule += &format!(" -m set --match-set {set} {side}");
            }
        }
        rule.push_str(ports);
        self.chain.rules.push(format!("{rule} -j MARK --set-xmark {MARK}"));
        self.chain.rules.push(format!("{rule} -m mark --mark {MARK} -j RETURN"));
    }

    /// `evalPodPeer`.
    fn is_peer(&self, peers: &[Peer], pod: usize) -> bool {
        let pod = &self.cluster.pods[pod];
        peers.iter().any(|peer| {
            let Peer::Pods { namespaces, pods } = peer else { return false };
            let in_namespace = match namespaces {
                None => pod.namespace == self.policy.namespace,
                Some(selector) => self
                    .cluster
                    .namespaces
                    .get(&pod.namespace)
                    .is_some_and(|it| selector.selects(it)),
            };
            in_namespace && pods.selects(&pod.labels)
        })
    }

    fn ips(&self, pods: &[usize]) -> Vec<String> {
        pods.iter().map(|&it| self.cluster.pods[it].ip.to_string()).collect()
    }

    /// Makes a set, named as kube-router would, if it is not there yet.
    fn set(
        &mut self,
        prefix: &str,
        place: &str,
        suffix: &str,
        kind: &str,
        elements: &[String],
    ) -> String {
        let NetworkPolicy { namespace, name, .. } = self.policy;
        let set = prefix.to_owned() + &hash(&[namespace, name, place, FAMILY, suffix].concat());
        if self.sets.names.insert(set.clone(), ()).is_some() {
            return set;
        }
        self.sets.text +=
            &format!("create {set} {kind} family inet hashsize 1024 maxelem 65536 timeout 0\n");
        for element in elements {
            let (address, flag) = element.split_once(' ').unwrap_or((element, ""));
            let space = if flag.is_empty() { "" } else { " " };
            self.sets.text += &format!("add {set} {address} timeout 0{space}{flag}\n");
        }
        set
    }
}

const SRC: &str = "KUBE-SRC-";
const DST: &str = "KUBE-DST-";

/// `evalIPBlockPeer`: the elements of a set for all blocks, and of one more for each block whose exceptions must not
/// take from the others.
fn blocks(peers: &[Peer]) -> Vec<Vec<String>> {
    let all: Vec<(&Ipv4Net, &[Ipv4Net])> = peers
        .iter()
        .filter_map(|peer| match peer {
            Peer::Block { cidr, except } => Some((cidr, &**except)),
            Peer::Pods { .. } => None,
        })
        .collect();
    let mut sets: Vec<Vec<String>> = Vec::new();
    let mut plain = Vec::new();
    for (cidr, except) in &all {
        let mut elements = Vec::new();
        add(&mut elements, **cidr, "");
        for net in *except {
            add(&mut elements, *net, " nomatch");
        }
        if except.is_empty() || all.len() == 1 {
            for element in elements {
                if !plain.contains(&element) {
                    plain.push(element);
                }
            }
        } else {
            sets.push(elements);
        }
    }
    if !plain.is_empty() {
        sets.insert(0, plain);
    }
    sets
}

/// A set cannot hold the network of everything: both its halves stand for it.
fn add(elements: &mut Vec<String>, net: Ipv4Net, flag: &str) {
    let halves = [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(128, 0, 0, 0)];
    let nets = match net.prefix_len() {
        0 => halves.map(|it| Ipv4Net::new_assert(it, 1)).to_vec(),
        _ => vec![net],
    };
    for net in nets {
        let element = format!("{net}{flag}");
        if !elements.contains(&element) {
            elements.push(element);
        }
    }
}

#[derive(Default)]
struct Out {
    ruleset: Ruleset,
    places: FxIndexMap<String, u32>,
}

impl Out {
    fn line(&mut self, origin: &str, text: &str) {
        let place = match self.places.get(origin) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
                self.places.insert(origin.to_owned(), place);
                self.ruleset.origins.push(origin.to_owned());
                place
            }
        };
        self.ruleset.lines.push(place);
        self.ruleset.text.push_str(text);
        self.ruleset.text.push('\n');
    }

    fn rule(&mut self, origin: &str, chain: &str, text: &str) {
        self.line(origin, &format!("-A {chain} {text}"));
    }
}
