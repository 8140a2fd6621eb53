//! Mode iptables. Read `syncProxyRules` of `pkg/proxy/iptables/proxier.go` and `pkg/kubelet/kubelet_network_linux.go` first.
//!
//! Services are visited by namespace, name and port, where kube-proxy visits them in no order; the order of rules for
//! one Service, and of the chains, is its own. Every sync is a whole one. The kubelet's rule of KUBE-FIREWALL stands
//! here where kube-proxy writes it, too: without node ports at 127.0.0.1 the kernel itself drops what the rule is against.

use std::net::Ipv4Addr;

use super::endpoints::{self, Backend, Chosen, Slices, Uses};
use super::names;
use super::{Config, DetectLocal, Host, NodePortAddresses};
use crate::base::sort_by;
use crate::kube::Protocol;
use crate::kube::endpoint_slice::EndpointSlice;
use crate::kube::service::{Service, ServicePort, TrafficPolicy};
use crate::tool::Ruleset;

/// More endpoints than this in a cluster, and their rules have no comments (`largeClusterEndpointsThreshold`).
const LARGE_CLUSTER: usize = 1000;

/// The label of a Service that another proxy serves.
const OTHER_PROXY: &str = "service.kubernetes.io/service-proxy-name";

const KUBELET: &str = "kubelet";
const KUBE_PROXY: &str = "kube-proxy";

/// Services with their endpoints, as far as all nodes agree on them.
pub struct Rules<'a> {
    config: &'a Config,
    ports: Vec<Port<'a>>,
    is_large: bool,
}

/// A port of a Service that has a virtual address.
struct Port<'a> {
    service: &'a Service,
    spec: &'a ServicePort,
    address: Ipv4Addr,
    /// `default/api:http`.
    name: String,
    hash: String,
    backends: Vec<Backend<'a>>,
    vips: Vec<Ipv4Addr>,
    /// Its rules are not the same on every node.
    depends_on_node: bool,
}

impl<'a> Rules<'a> {
    pub fn new(services: &'a [Service], slices: &'a [EndpointSlice], config: &'a Config) -> Self {
        let slices = Slices::new(slices);
        let mut ports = Vec::new();
        for service in services {
            let Some(address) = service.virtual_ip() else { continue };
            if service.labels.get(OTHER_PROXY).is_some() {
                continue;
            }
            let vips: Vec<Ipv4Addr> = service.load_balancer_vips().collect();
            for port in &service.ports {
                let colon = if port.name.is_empty() { "" } else { ":" };
                let name = [&service.namespace, "/", &service.name, colon, &port.name].concat();
                let hashed = name.clone() + lower(port.protocol);
                let chain = |backend: &str| {
                    String::from("KUBE-SEP-") + &names::hash(&[&hashed, backend].concat())
                };
                let backends = slices.backends(service, port, chain);
                let hash = names::hash(&hashed);
                let (vips, depends_on_node) = (vips.clone(), false);
                let mut new = Port {
                    service,
                    spec: port,
                    address,
                    name,
                    hash,
                    backends,
                    vips,
                    depends_on_node,
                };
                new.depends_on_node = new.looks_at_node();
                ports.push(new);
            }
        }
        sort_by(&mut ports, |a, b| {
            let key = |it: &Port<'a>| {
                (&it.service.namespace, &it.service.name, &it.spec.name, it.spec.protocol)
            };
            key(a).cmp(&key(b))
        });
        let n_endpoints: usize = ports.iter().map(|it| endpoints::count(&it.backends)).sum();
        Self { config, ports, is_large: n_endpoints > LARGE_CLUSTER }
    }

    /// How many ports of Services have rules that are not the same on every node.
    pub fn n_depending_on_node(&self) -> usize {
        self.ports.iter().filter(|it| it.depends_on_node).count()
    }

    /// Everything about a node that its rules depend on: nodes of equal keys have equal rules.
    pub fn key(&self, host: &Host<'_>) -> Vec<u32> {
        let mut key = Vec::new();
        let abilities = host.abilities;
        for flag in [abilities.random_fully, abilities.counts_invalid, abilities.counts_localhost] {
            key.push(u32::from(flag));
        }
        if self.config.node_port_addresses != NodePortAddresses::All {
            key.push(host.address.to_bits());
            key.extend(host.addresses.iter().map(|it| it.to_bits()));
        }
        if self.config.detect_local == DetectLocal::NodeCidr {
            let range = host.pod_cidr.unwrap_or_default();
            key.extend([range.network().to_bits(), u32::from(range.prefix_len())]);
        }
        for (place, port) in self.ports.iter().enumerate() {
            if !port.depends_on_node {
                continue;
            }
            let begin = key.len();
            key.extend([0, 0]);
            let chosen = endpoints::choose(&port.backends, port.uses(), host);
            for list in [&chosen.cluster, &chosen.local] {
                // A text tells a backend within its port, and the same texts make the same rules but for their origin.
                key.push(u32::MAX);
                key.extend(list.iter().map(|it| {
                    let found = port.backends.iter().position(|other| std::ptr::eq(other, *it));
                    small(found.unwrap_or(0))
                }));
            }
            key.push(u32::from(port.admits(host.address)));
            key[begin] = small(place);
            key[begin + 1] = small(key.len() - begin);
        }
        key
    }

    /// All that `iptables-restore` is given on a node: by the kubelet, and by kube-proxy, whose jumps come first.
    pub fn of(&self, host: &Host<'_>) -> Ruleset {
        let mut out = Out::default();
        kubelet(&mut out);
        jumps(&mut out);
        self.sync(host, &mut out);
        out.ruleset
    }

    /// What kube-proxy alone gives to `iptables-restore`.
    pub fn synced(&self, host: &Host<'_>) -> Ruleset {
        let mut out = Out::default();
        self.sync(host, &mut out);
        out.ruleset
    }

    /// `syncProxyRules`.
    fn sync(&self, host: &Host<'_>, out: &mut Out) {
        let mut it = Sync {
            config: self.config,
            host,
            is_large: self.is_large,
            mark: mark(self.config.masquerade_bit),
            if_local: if_local(self.config, host),
            filter_chains: Part::default(),
            filter_rules: Part::default(),
            nat_chains: Part::default(),
            nat_rules: Part::default(),
        };
        it.begin();
        for port in &self.ports {
            it.port(port);
        }
        it.end();
        let Sync { filter_chains, filter_rules, nat_chains, nat_rules, .. } = it;
        for (table, chains, rules) in
            [("*filter", filter_chains, filter_rules), ("*nat", nat_chains, nat_rules)]
        {
            out.line(table, KUBE_PROXY);
            out.part(&chains);
            out.part(&rules);
            out.line("COMMIT", KUBE_PROXY);
        }
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The kubelet's chains: by the first two it notices that somebody flushed its rules, and tells which iptables it uses.
fn kubelet(out: &mut Out) {
    for (table, chains) in [
        ("*mangle", &["KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"][..]),
        ("*filter", &["KUBE-FIREWALL", "KUBE-KUBELET-CANARY"]),
        ("*nat", &["KUBE-KUBELET-CANARY"]),
    ] {
        out.line(table, KUBELET);
        for chain in chains {
            out.line(&chain_line(chain), KUBELET);
        }
        out.line("COMMIT", KUBELET);
    }
}

const NEW: &str = "-m conntrack --ctstate NEW ";

/// From which chain to which, before what is there: later ones come first (`iptablesJumpChains`).
const FILTER_JUMPS: [(&str, &str, &str, &str); 9] = [
    ("KUBE-EXTERNAL-SERVICES", "INPUT", "kubernetes externally-visible service portals", NEW),
    ("KUBE-EXTERNAL-SERVICES", "FORWARD", "kubernetes externally-visible service portals", NEW),
    ("KUBE-NODEPORTS", "INPUT", "kubernetes health check service ports", ""),
    ("KUBE-SERVICES", "FORWARD", "kubernetes service portals", NEW),
    ("KUBE-SERVICES", "OUTPUT", "kubernetes service portals", NEW),
    ("KUBE-FORWARD", "FORWARD", "kubernetes forwarding rules", ""),
    ("KUBE-PROXY-FIREWALL", "INPUT", "kubernetes load balancer firewall", NEW),
    ("KUBE-PROXY-FIREWALL", "OUTPUT", "kubernetes load balancer firewall", NEW),
    ("KUBE-PROXY-FIREWALL", "FORWARD", "kubernetes load balancer firewall", NEW),
];

const NAT_JUMPS: [(&str, &str, &str, &str); 3] = [
    ("KUBE-SERVICES", "OUTPUT", "kubernetes service portals", ""),
    ("KUBE-SERVICES", "PREROUTING", "kubernetes service portals", ""),
    ("KUBE-POSTROUTING", "POSTROUTING", "kubernetes postrouting rules", ""),
];

/// What kube-proxy makes sure of before it writes rules.
fn jumps(out: &mut Out) {
    let canary = chain_line("KUBE-PROXY-CANARY");
    for line in ["*mangle", &canary, "COMMIT"] {
        out.line(line, KUBE_PROXY);
    }
    for (table, jumps) in [("*filter", &FILTER_JUMPS[..]), ("*nat", &NAT_JUMPS)] {
        out.line(table, KUBE_PROXY);
        out.line(&canary, KUBE_PROXY);
        let mut made = Vec::new();
        for (chain, ..) in jumps {
            if !made.contains(chain) {
                made.push(*chain);
                out.line(&chain_line(chain), KUBE_PROXY);
            }
        }
        for (chain, from, comment, condition) in jumps {
            let rule =
                ["-I ", from, " ", condition, "-m comment --comment \"", comment, "\" -j ", chain];
            out.line(&rule.concat(), KUBE_PROXY);
        }
        if table == "*filter" {
            // The kubelet's, which kube-proxy makes sure of, too.
            out.line("-I INPUT -j KUBE-FIREWALL", KUBELET);
            out.line("-I OUTPUT -j KUBE-FIREWALL", KUBELET);
        }
        out.line("COMMIT", KUBE_PROXY);
    }
}

/// A line that makes a chain, or empties it if it is there (`MakeChainLine`).
fn chain_line(chain: &str) -> String {
    [":", chain, " - [0:0]"].concat()
}

/// A list of lines, each with its origin.
#[derive(Default)]
struct Part {
    text: String,
    /// Where a new origin begins, in lines.
    origins: Vec<(usize, String)>,
    n_lines: usize,
}

impl Part {
    fn write(&mut self, words: &[&str], origin: &str) {
        for word in words {
            self.text.push_str(word);
        }
        self.text.push('\n');
        if self.origins.last().is_none_or(|(_, last)| last != origin) {
            self.origins.push((self.n_lines, origin.to_owned()));
        }
        self.n_lines += 1;
    }
}

/// The text as it grows.
#[derive(Default)]
struct Out {
    ruleset: Ruleset,
    known: crate::base::FxIndexMap<String, u32>,
}

impl Out {
    fn line(&mut self, line: &str, origin: &str) {
        let mut part = Part::default();
        part.write(&[line], origin);
        self.part(&part);
    }

    fn part(&mut self, part: &Part) {
        self.ruleset.text.push_str(&part.text);
        for (place, (first, origin)) in part.origins.iter().enumerate() {
            let end = part.origins.get(place + 1).map_or(part.n_lines, |(next, _)| *next);
            let next = small(self.known.len());
            let id = *self.known.entry(origin.clone()).or_insert(next);
            if id == next {
                self.ruleset.origins.push(origin.clone());
            }
            self.ruleset.lines.extend(std::iter::repeat_n(id, end - first));
        }
    }
}

fn lower(protocol: Protocol) -> &'static str {
    protocol.lower()
}

fn mark(bit: u8) -> String {
    format!("{:#x}", 1u32.wrapping_shl(u32::from(bit)))
}

/// What tells a pod's packet, to put a `!` before it or not (`LocalTrafficDetector`).
fn if_local(config: &Config, host: &Host<'_>) -> Option<String> {
    match &config.detect_local {
        DetectLocal::ClusterCidr => config.cluster_cidr.map(|range| format!("-s {range}")),
        DetectLocal::NodeCidr => host.pod_cidr.map(|range| format!("-s {range}")),
        DetectLocal::BridgeInterface(name) => Some(format!("-i {name}")),
        DetectLocal::InterfaceNamePrefix(prefix) => Some(format!("-i {prefix}+")),
    }
}

impl Port<'_> {
    fn is_externally_accessible(&self) -> bool {
        self.spec.node_port.is_some()
            || !self.vips.is_empty()
            || !self.service.external_ips.is_empty()
    }

    fn internal_local(&self) -> bool {
        self.service.internal_policy == TrafficPolicy::Local
    }

    fn uses(&self) -> Uses {
        let (external, is_local) =
            (self.is_externally_accessible(), self.service.external_policy_local());
        Uses {
            cluster: !self.internal_local() || external,
            local: self.internal_local() || (is_local && external),
        }
    }

    fn looks_at_node(&self) -> bool {
        let hinted = || self.backends.iter().any(Backend::is_for_some);
        // Which of two equal ones counts depends on where they are.
        let twice = || endpoints::count(&self.backends) < self.backends.len();
        let looks = self.uses().local || self.has_firewall() || hinted() || twice();
        looks && !self.backends.is_empty()
    }

    fn has_firewall(&self) -> bool {
        !self.vips.is_empty() && !self.service.source_ranges.is_empty()
    }

    /// Whether the node itself is within the source ranges.
    fn admits(&self, node: Ipv4Addr) -> bool {
        self.service.source_ranges.iter().any(|range| range.contains(&node))
    }
}

/// One sync.
struct Sync<'r> {
    config: &'r Config,
    host: &'r Host<'r>,
    is_large: bool,
    mark: String,
    if_local: Option<String>,
    filter_chains: Part,
    filter_rules: Part,
    nat_chains: Part,
    nat_rules: Part,
}

/// The texts that the rules of a Service's port share.
struct Texts {
    origin: String,
    /// `-m tcp -p tcp`.
    protocol: String,
    /// ` --dport 80`.
    dport: String,
    svc: String,
    svl: String,
    ext: String,
    fw: String,
}

impl Sync<'_> {
    fn filter(&mut self, origin: &str, words: &[&str]) {
        self.filter_rules.write(words, origin);
    }

    fn nat(&mut self, origin: &str, words: &[&str]) {
        self.nat_rules.write(words, origin);
    }

    fn nat_chain(&mut self, chain: &str, origin: &str) {
        self.nat_chains.write(&[":", chain, " - [0:0]"], origin);
    }

    fn begin(&mut self) {
        for chain in [
            "KUBE-SERVICES",
            "KUBE-EXTERNAL-SERVICES",
            "KUBE-FORWARD",
            "KUBE-NODEPORTS",
            "KUBE-PROXY-FIREWALL",
        ] {
            self.filter_chains.write(&[":", chain, " - [0:0]"], KUBE_PROXY);
        }
        for chain in ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"] {
            self.nat_chain(chain, KUBE_PROXY);
        }
        let mark = self.mark.clone();
        let rule = ["-A KUBE-POSTROUTING -m mark ! --mark ", &mark, "/", &mark, " -j RETURN"];
        self.nat(KUBE_PROXY, &rule);
        self.nat(KUBE_PROXY, &["-A KUBE-POSTROUTING -j MARK --xor-mark ", &mark]);
        let random = if self.host.abilities.random_fully { " --random-fully" } else { "" };
        let rule = "-A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\"";
        self.nat(KUBE_PROXY, &[rule, " -j MASQUERADE", random]);
        self.nat(KUBE_PROXY, &["-A KUBE-MARK-MASQ -j MARK --or-mark ", &mark]);
        if self.config.serves_localhost() {
            self.filter_chains.write(&[":KUBE-FIREWALL - [0:0]"], KUBE_PROXY);
            self.filter(
                KUBE_PROXY,
                &[
                    "-A KUBE-FIREWALL -m comment --comment \"block incoming localnet connections\"",
                    " -d 127.0.0.0/8 ! -s 127.0.0.0/8",
                    " -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
                ],
            );
        }
    }

    fn end(&mut self) {
        const LAST: &str = "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\"";
        if self.config.node_port_addresses == NodePortAddresses::All {
            let not_localhost =
                if self.config.serves_localhost() { "" } else { " ! -d 127.0.0.0/8" };
            let rule = [LAST, " -m addrtype --dst-type LOCAL", not_localhost, " -j KUBE-NODEPORTS"];
            self.nat(KUBE_PROXY, &rule);
        } else {
            for ip in self.node_ips() {
                self.nat(KUBE_PROXY, &[LAST, " -d ", &ip.to_string(), " -j KUBE-NODEPORTS"]);
            }
        }
        if !self.config.tcp_be_liberal {
            let count = if self.host.abilities.counts_invalid {
                " -m nfacct --nfacct-name ct_state_invalid_dropped_pkts"
            } else {
                ""
            };
            let rule = ["-A KUBE-FORWARD -m conntrack --ctstate INVALID", count, " -j DROP"];
            self.filter(KUBE_PROXY, &rule);
        }
        let mark = self.mark.clone();
        let rule =
            "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark ";
        self.filter(KUBE_PROXY, &[rule, &mark, "/", &mark, " -j ACCEPT"]);
        self.filter(
            KUBE_PROXY,
            &[
                "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\"",
                " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            ],
        );
    }

    /// The node's addresses at which node ports are served (`GetNodeIPs`).
    fn node_ips(&self) -> Vec<Ipv4Addr> {
        let own = std::iter::once(&Ipv4Addr::LOCALHOST).chain(self.host.addresses);
        let is_served = |ip: &Ipv4Addr| match &self.config.node_port_addresses {
            NodePortAddresses::All => true,
            NodePortAddresses::Primary => *ip == self.host.address,
            NodePortAddresses::In(ranges) => ranges.iter().any(|range| range.contains(ip)),
        };
        let serves_localhost = self.config.serves_localhost();
        let mut ips = Vec::new();
        for ip in own.filter(|ip| is_served(ip) && (serves_localhost || !ip.is_loopback())) {
            if !ips.contains(ip) {
                ips.push(*ip);
            }
        }
        ips
    }

    /// All rules of a port of a Service.
    fn port(&mut self, port: &Port<'_>) {
        let chosen = endpoints::choose(&port.backends, port.uses(), self.host);
        let protocol = lower(port.spec.protocol);
        let texts = Texts {
            origin: port.service.origin(),
            protocol: ["-m ", protocol, " -p ", protocol].concat(),
            dport: String::from(" --dport ") + &port.spec.number.to_string(),
            svc: String::from("KUBE-SVC-") + &port.hash,
            svl: String::from("KUBE-SVL-") + &port.hash,
            ext: String::from("KUBE-EXT-") + &port.hash,
            fw: String::from("KUBE-FW-") + &port.hash,
        };
        let internal = if port.internal_local() { &texts.svl } else { &texts.svc };
        let has_internal = chosen.any && (!port.internal_local() || !chosen.local.is_empty());
        let is_local = port.service.external_policy_local();
        let has_external = chosen.any && (!is_local || !chosen.local.is_empty());
        self.cluster_ip(port, &texts, &chosen, internal, has_internal);
        self.external(port, &texts, &chosen, has_external);
        if has_internal {
            self.masquerade_outsiders(port, &texts, internal);
        }
        if chosen.any && port.is_externally_accessible() {
            self.external_chain(port, &texts, has_external);
        }
        if chosen.any && port.has_firewall() {
            self.firewall_chain(port, &texts);
        }
        if !chosen.cluster.is_empty() {
            self.nat_chain(&texts.svc, &texts.origin);
            self.balance(port, &texts, &texts.svc, &chosen.cluster);
        }
        if !chosen.local.is_empty() {
            self.nat_chain(&texts.svl, &texts.origin);
            self.balance(port, &texts, &texts.svl, &chosen.local);
        }
        for backend in &chosen.reachable {
            self.backend(port, &texts, backend);
        }
    }

    fn cluster_ip(
        &mut self,
        port: &Port<'_>,
        texts: &Texts,
        chosen: &Chosen<'_, '_>,
        internal: &str,
        has_internal: bool,
    ) {
        let (address, name) = (port.address.to_string(), port.name.as_str());
        let Texts { origin, protocol, dport, .. } = texts;
        let begin = "-A KUBE-SERVICES -m comment --comment \"";
        if has_internal {
            let to = [begin, name, " cluster IP\" ", protocol, " -d ", &address, dport];
            self.nat(origin, &[&to.concat(), " -j ", internal]);
        } else {
            let (why, target) = refusal(chosen.any);
            let to = [begin, name, why, "\" ", protocol, " -d ", &address, dport];
            self.filter(origin, &[&to.concat(), " -j ", target]);
        }
    }

    /// External addresses, load balancers, node ports, and the health checks of load balancers.
    fn external(
        &mut self,
        port: &Port<'_>,
        texts: &Texts,
        chosen: &Chosen<'_, '_>,
        has_external: bool,
    ) {
        let name = port.name.as_str();
        let Texts { origin, protocol, dport, ext, fw, .. } = texts;
        let (why, target) = refusal(chosen.any);
        let has_firewall = chosen.any && port.has_firewall();
        let services = "-A KUBE-SERVICES -m comment --comment \"";
        let refused = "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"";
        for ip in &port.service.external_ips {
            let ip = ip.to_string();
            if chosen.any {
                let to = [services, name, " external IP\" ", protocol, " -d ", &ip, dport];
                self.nat(origin, &[&to.concat(), " -j ", ext]);
            }
            if !has_external {
                let to = [refused, name, why, "\" ", protocol, " -d ", &ip, dport];
                self.filter(origin, &[&to.concat(), " -j ", target]);
            }
        }
        for ip in &port.vips {
            let ip = ip.to_string();
            if chosen.any {
                let chain = if has_firewall { fw } else { ext };
                let to = [services, name, " loadbalancer IP\" ", protocol, " -d ", &ip, dport];
                self.nat(origin, &[&to.concat(), " -j ", chain]);
            }
            if has_firewall {
                let begin = "-A KUBE-PROXY-FIREWALL -m comment --comment \"";
                let to = [begin, name, " traffic not accepted by ", fw, "\" ", protocol];
                self.filter(origin, &[&to.concat(), " -d ", &ip, dport, " -j DROP"]);
            }
        }
        if !has_external {
            for ip in &port.vips {
                let to = [refused, name, why, "\" ", protocol, " -d ", &ip.to_string(), dport];
                self.filter(origin, &[&to.concat(), " -j ", target]);
            }
        }
        if let Some(node_port) = port.spec.node_port {
            let dport = String::from(" --dport ") + &node_port.to_string();
            if chosen.any {
                let begin = ["-A KUBE-NODEPORTS -m comment --comment ", name, " ", protocol];
                let begin = begin.concat();
                if self.config.serves_localhost() && self.host.abilities.counts_localhost {
                    let count = " -m nfacct --nfacct-name localhost_nps_accepted_pkts";
                    let rule = [&begin, " -d 127.0.0.0/8", &dport, count, " -j ", ext];
                    self.nat(origin, &rule);
                }
                self.nat(origin, &[&begin, &dport, " -j ", ext]);
            }
            if !has_external {
                let to = [refused, name, why, "\" -m addrtype --dst-type LOCAL ", protocol];
                self.filter(origin, &[&to.concat(), &dport, " -j ", target]);
            }
        }
        if let Some(health) = port.service.health_check() {
            let begin = "-A KUBE-NODEPORTS -m comment --comment \"";
            let to = [begin, name, " health check node port\" -m tcp -p tcp --dport "];
            self.filter(origin, &[&to.concat(), &health.to_string(), " -j ACCEPT"]);
        }
    }

    /// What comes from outside the cluster, or everything, is answered through this node.
    fn masquerade_outsiders(&mut self, port: &Port<'_>, texts: &Texts, chain: &str) {
        let Texts { origin, protocol, dport, .. } = texts;
        let not_local = match &self.if_local {
            _ if self.config.masquerade_all => String::new(),
            Some(if_local) => String::from(" ! ") + if_local,
            None => return,
        };
        let address = port.address.to_string();
        let comment = [" -m comment --comment \"", &port.name, " cluster IP\" "].concat();
        let to = ["-A ", chain, &comment, protocol, " -d ", &address, dport];
        self.nat(origin, &[&to.concat(), &not_local, " -j KUBE-MARK-MASQ"]);
    }

    fn external_chain(&mut self, port: &Port<'_>, texts: &Texts, has_external: bool) {
        let Texts { origin, svc, svl, ext, .. } = texts;
        let name = port.name.as_str();
        self.nat_chain(ext, origin);
        let begin = ["-A ", ext, " -m comment --comment \""].concat();
        let is_local = port.service.external_policy_local();
        if is_local {
            if let Some(if_local) = self.if_local.clone() {
                let end = " external destinations\" ";
                self.nat(origin, &[&begin, "pod traffic for ", name, end, &if_local, " -j ", svc]);
            }
            let end = " external destinations\" -m addrtype --src-type LOCAL -j ";
            let rule = [&begin, "masquerade LOCAL traffic for ", name, end, "KUBE-MARK-MASQ"];
            self.nat(origin, &rule);
            self.nat(origin, &[&begin, "route LOCAL traffic for ", name, end, svc]);
        } else {
            let end = " external destinations\" -j KUBE-MARK-MASQ";
            self.nat(origin, &[&begin, "masquerade traffic for ", name, end]);
        }
        if has_external {
            let to = if is_local { svl } else { svc };
            self.nat(origin, &["-A ", ext, " -j ", to]);
        }
    }

    fn firewall_chain(&mut self, port: &Port<'_>, texts: &Texts) {
        let Texts { origin, ext, fw, .. } = texts;
        self.nat_chain(fw, origin);
        let begin = ["-A ", fw, " -m comment --comment \""].concat();
        let admitted = [&begin, port.name.as_str(), " loadbalancer IP\" -s "].concat();
        for range in &port.service.source_ranges {
            self.nat(origin, &[&admitted, &range.to_string(), " -j ", ext]);
        }
        if port.admits(self.host.address) {
            for ip in &port.vips {
                self.nat(origin, &[&admitted, &ip.to_string(), " -j ", ext]);
            }
        }
        let end = " will be dropped by KUBE-PROXY-FIREWALL\"";
        self.nat(origin, &[&begin, "other traffic to ", &port.name, end]);
    }

    /// `writeServiceToEndpointRules`.
    fn balance(&mut self, port: &Port<'_>, texts: &Texts, chain: &str, backends: &[&Backend<'_>]) {
        let begin = |it: &Backend<'_>, is_large: bool| {
            if is_large {
                return ["-A ", chain].concat();
            }
            let comment = [" -m comment --comment \"", &port.name, " -> ", &it.text, "\""];
            ["-A ", chain, &comment.concat()].concat()
        };
        if let Some(seconds) = port.service.affinity_seconds {
            let seconds = seconds.to_string();
            for it in backends {
                let recent = [" -m recent --name ", &it.chain, " --rcheck --seconds ", &seconds];
                let words = [&begin(it, self.is_large), &recent.concat(), " --reap -j ", &it.chain];
                self.nat_rules.write(&words.map(AsRef::as_ref), &texts.origin);
            }
        }
        for (place, it) in backends.iter().enumerate() {
            let left = backends.len() - place;
            let chance = if left > 1 {
                String::from(" -m statistic --mode random --probability ") + &one_of(left)
            } else {
                String::new()
            };
            self.nat(&texts.origin, &[&begin(it, self.is_large), &chance, " -j ", &it.chain]);
        }
    }

    fn backend(&mut self, port: &Port<'_>, texts: &Texts, it: &Backend<'_>) {
        let origin = it.slice.origin();
        self.nat_chain(&it.chain, &origin);
        let comment = [" -m comment --comment ", &port.name].concat();
        let begin = ["-A ", &it.chain, if self.is_large { "" } else { &comment }].concat();
        self.nat(&origin, &[&begin, " -s ", &it.ip.to_string(), " -j KUBE-MARK-MASQ"]);
        let remember = match port.service.affinity_seconds {
            Some(_) => [" -m recent --name ", &it.chain, " --set"].concat(),
            None => String::new(),
        };
        let to = [" ", &texts.protocol, " -j DNAT --to-destination ", &it.text].concat();
        self.nat(&origin, &[&begin, &remember, &to]);
    }
}

/// Why there is nobody to send to, and what becomes of the packet.
fn refusal(any: bool) -> (&'static str, &'static str) {
    if any { (" has no local endpoints", "DROP") } else { (" has no endpoints", "REJECT") }
}

/// `1/n` with ten digits after the point, as Go's `%0.10f` prints the nearest floating-point number to it.
fn one_of(n: usize) -> String {
    const DIGITS: u64 = 10_000_000_000;
    let n = n as u64;
    // Of the n that a cluster may have, only 2048 leaves half a unit of the last digit: that goes to the even side.
    let rounded = (DIGITS * 2 + n - u64::from(n.is_power_of_two())) / (n * 2);
    format!("{}.{:010}", rounded / DIGITS, rounded % DIGITS)
}
