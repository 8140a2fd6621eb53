//! Claims about kube-proxy's rules, in objects of our own.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::kube::flow::{Answer, Question, explore};
use crate::kube::{Objects, Protocol, Settings};
use crate::netfilter::Netfilter;
use crate::netfilter::table::Tables;
use crate::yaml::{At, Report, parse};

/// The node that is asked, in zone z1, and another.
const NODES: &str = "apiVersion: v1
kind: Node
metadata: {name: here, labels: {topology.kubernetes.io/zone: z1}}
spec: {podCIDR: 10.1.1.0/24}
status: {addresses: [{type: InternalIP, address: 192.0.2.11}, {type: InternalIP, address: 192.0.2.111}]}
---
apiVersion: v1
kind: Node
metadata: {name: there, labels: {topology.kubernetes.io/zone: z2}}
spec: {podCIDR: 10.1.2.0/24}
status: {addresses: [{type: InternalIP, address: 192.0.2.12}]}
---
";

fn cluster(text: &str) -> Cluster {
    let (mut report, mut objects) = (Report::default(), Objects::default());
    for document in parse(&(NODES.to_owned() + text), &mut report).expect("YAML") {
        let root = At::root(&document);
        if !root.is_null() {
            objects.read(&root, &mut report);
        }
    }
    let cluster = objects.cluster(&Settings::default(), &mut report);
    report.finish().expect("no problem");
    cluster.expect("a cluster")
}

fn config(text: &str) -> String {
    format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{text}\n---\n"
    )
}

/// With `clusterCIDR: 10.1.0.0/16`.
fn usual() -> String {
    config("clusterCIDR: 10.1.0.0/16")
}

/// The Service `ns/api` at 10.96.0.10 with the port `http` 80, and what more its spec says.
fn service(spec: &str, status: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: api, namespace: ns}}\nspec: {{clusterIP: 10.96.0.10, {spec}}}\nstatus: {{loadBalancer: {{ingress: [{status}]}}}}\n---\n"
    )
}

const HTTP: &str = "ports: [{name: http, port: 80}]";
/// The names of its chains end with this.
const HASH: &str = "JR4VTHLHGMX2PUGH";

/// Its endpoints at port 8080.
fn slice(endpoints: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: api-1, namespace: ns, labels: {{kubernetes.io/service-name: api}}}}\naddressType: IPv4\nports: [{{name: http, port: 8080}}]\nendpoints: [{endpoints}]\n---\n"
    )
}

/// One of them, on a node.
fn on(node: &str, address: &str, rest: &str) -> String {
    format!("{{addresses: [{address}], nodeName: {node}{rest}}},")
}

/// The node's rules in a netfilter of its own.
fn loaded(cluster: &Cluster) -> Netfilter {
    let rules = KubeProxy::new(cluster).rules(0, &mut Made::default());
    let mut netfilter = Netfilter::default();
    let mut tables = Tables::default();
    tables
        .restore(&rules.text, &|_| None, &netfilter.sets, &mut netfilter.recents)
        .expect("rules that the engine reads");
    netfilter.set_tables(tables);
    netfilter
}

/// The rules of `text` with `part` in them.
fn with<'t>(text: &'t str, part: &str) -> Vec<&'t str> {
    text.lines().filter(|line| line.starts_with("-A") && line.contains(part)).collect()
}

fn synced(cluster: &Cluster) -> String {
    let rules = Rules::new(&cluster.services, &cluster.endpoint_slices, &cluster.kube_proxy);
    let mut addresses = Vec::new();
    rules.synced(&Host::of(&cluster.nodes[0], &mut addresses)).text
}

/// Where TCP from `src` to `dst` goes on the node `here`: `10.1.1.2:8080 10.1.2.2:8080 masqueraded`, `reject`, `drop`,
/// or nothing if no rule concerns it.
fn goes(cluster: &Cluster, src: &str, dst: &str, port: u16) -> String {
    goes_by(cluster, Protocol::Tcp, src, dst, port)
}

fn goes_by(cluster: &Cluster, protocol: Protocol, src: &str, dst: &str, port: u16) -> String {
    let (src, dst) = (src.parse().expect("an address"), dst.parse().expect("an address"));
    let question = Question { src, dst, protocol, port };
    let branches = explore(&loaded(cluster), cluster, 0, &question).expect("few ways");
    let mut words: Vec<String> = Vec::new();
    for branch in &branches {
        let word = match (branch.verdict, branch.to) {
            (Answer::Accept, None) => continue,
            (Answer::Accept, Some((ip, port))) => format!("{ip}:{port}"),
            (Answer::Reject, _) => "reject".into(),
            (Answer::Drop, _) => "drop".into(),
        };
        words.push(word);
    }
    if branches.iter().any(|it| it.masquerade) {
        words.push("masqueraded".into());
    }
    words.join(" ")
}

const POD: &str = "10.1.1.9";
const OUTSIDE: &str = "203.0.113.9";

#[test]
fn ready_endpoints_anywhere_share_and_those_that_end_answer_only_if_no_other_can() {
    let ending = ", conditions: {ready: false, serving: true, terminating: true}";
    let dead = ", conditions: {ready: false, serving: false, terminating: true}";
    let last = on("here", "10.1.1.2", ending) + &on("there", "10.1.2.2", dead);
    let text = usual() + &service(HTTP, "") + &slice(&last);
    assert_eq!(goes(&cluster(&text), POD, "10.96.0.10", 80), "10.1.1.2:8080");
    let text = usual() + &service(HTTP, "") + &slice(&(last + &on("there", "10.1.2.3", "")));
    assert_eq!(goes(&cluster(&text), POD, "10.96.0.10", 80), "10.1.2.3:8080");
    let text = usual() + &service(HTTP, "") + &slice(&on("here", "10.1.1.2", dead));
    assert_eq!(goes(&cluster(&text), POD, "10.96.0.10", 80), "reject");
}

#[test]
fn with_local_policies_traffic_stays_on_the_node_where_it_arrives() {
    let ending = ", conditions: {ready: false, serving: true, terminating: true}";
    let spec = format!(
        "type: NodePort, internalTrafficPolicy: Local, externalTrafficPolicy: Local, {}",
        "ports: [{name: http, port: 80, nodePort: 30080}]"
    );
    let at = |endpoints: &str| cluster(&(usual() + &service(&spec, "") + &slice(endpoints)));
    let both = at(&(on("here", "10.1.1.2", "") + &on("there", "10.1.2.2", "")));
    assert_eq!(goes(&both, POD, "10.96.0.10", 80), "10.1.1.2:8080");
    assert_eq!(goes(&both, OUTSIDE, "192.0.2.11", 30080), "10.1.1.2:8080");
    // Pods and the node itself go where any node's outside traffic would go.
    assert_eq!(goes(&both, POD, "192.0.2.11", 30080), "10.1.1.2:8080 10.1.2.2:8080");
    assert_eq!(
        goes(&both, "192.0.2.11", "192.0.2.11", 30080),
        "10.1.1.2:8080 10.1.2.2:8080 masqueraded"
    );
    let ends = at(&(on("here", "10.1.1.2", ending) + &on("there", "10.1.2.2", "")));
    assert_eq!(goes(&ends, OUTSIDE, "192.0.2.11", 30080), "10.1.1.2:8080");
    assert_eq!(goes(&ends, POD, "192.0.2.11", 30080), "10.1.2.2:8080");
    let elsewhere = at(&on("there", "10.1.2.2", ""));
    assert_eq!(goes(&elsewhere, POD, "10.96.0.10", 80), "drop");
    assert_eq!(goes(&elsewhere, OUTSIDE, "192.0.2.11", 30080), "drop");
    assert_eq!(goes(&elsewhere, POD, "192.0.2.11", 30080), "10.1.2.2:8080");
    assert_eq!(goes(&at(""), OUTSIDE, "192.0.2.11", 30080), "reject");
}

#[test]
fn hints_count_only_if_every_ready_endpoint_has_one_and_one_is_for_this_node() {
    let zone = |zone: &str| format!(", hints: {{forZones: [{{name: {zone}}}]}}");
    let node = |node: &str, zone: &str| {
        format!(", hints: {{forNodes: [{{name: {node}}}], forZones: [{{name: {zone}}}]}}")
    };
    let all = "10.1.1.2:8080 10.1.2.2:8080 10.1.2.3:8080";
    for (hints, expected) in [
        ([zone("z1"), zone("z2"), zone("z1")], "10.1.1.2:8080 10.1.2.3:8080"),
        ([zone("z1"), zone("z2"), String::new()], all),
        ([zone("z2"), zone("z2"), zone("z3")], all),
        ([node("here", "z1"), node("there", "z2"), node("there", "z1")], "10.1.1.2:8080"),
        // None for this node: then by zone.
        (
            [node("x", "z1"), node("there", "z2"), node("there", "z1")],
            "10.1.1.2:8080 10.1.2.3:8080",
        ),
        ([zone("z1"), node("here", "z2"), zone("z2")], "10.1.1.2:8080"),
    ] {
        let endpoints = on("here", "10.1.1.2", &hints[0])
            + &on("there", "10.1.2.2", &hints[1])
            + &on("there", "10.1.2.3", &hints[2])
            // One that is not ready needs no hint.
            + &on("there", "10.1.2.4", ", conditions: {ready: false}");
        let cluster = cluster(&(usual() + &service(HTTP, "") + &slice(&endpoints)));
        assert_eq!(goes(&cluster, POD, "10.96.0.10", 80), expected, "{hints:?}");
    }
}

#[test]
fn external_addresses_lead_to_a_service_and_those_of_a_proxying_balancer_do_not() {
    let spec = format!("type: LoadBalancer, externalIPs: [198.51.100.7], {HTTP}");
    let status = "{ip: 198.51.100.1}, {ip: 198.51.100.2, ipMode: Proxy}, {hostname: lb.example}";
    let endpoints = on("here", "10.1.1.2", "");
    let cluster = cluster(&(usual() + &service(&spec, status) + &slice(&endpoints)));
    assert_eq!(goes(&cluster, OUTSIDE, "198.51.100.7", 80), "10.1.1.2:8080 masqueraded");
    assert_eq!(goes(&cluster, OUTSIDE, "198.51.100.1", 80), "10.1.1.2:8080 masqueraded");
    assert_eq!(goes(&cluster, OUTSIDE, "198.51.100.2", 80), "");
}

#[test]
fn a_load_balancers_source_ranges_keep_others_out_but_not_from_node_ports() {
    let spec = "type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0/24, 192.0.2.0/25], ports: [{name: http, port: 80, nodePort: 30080}]";
    let endpoints = on("here", "10.1.1.2", "");
    let cluster = cluster(&(usual() + &service(spec, "{ip: 198.51.100.1}") + &slice(&endpoints)));
    assert_eq!(goes(&cluster, OUTSIDE, "198.51.100.1", 80), "10.1.1.2:8080 masqueraded");
    assert_eq!(goes(&cluster, "198.51.100.77", "198.51.100.1", 80), "drop");
    assert_eq!(goes(&cluster, "198.51.100.77", "192.0.2.11", 30080), "10.1.1.2:8080 masqueraded");
    // The node is within the ranges, so the balancer's own address is let in, too.
    let text = synced(&cluster);
    let sources: Vec<&str> = with(&text, &format!("-A KUBE-FW-{HASH}"))
        .iter()
        .filter_map(|rule| rule.split_once(" -s ")?.1.split(' ').next())
        .collect();
    assert_eq!(sources, ["203.0.113.0/24", "192.0.2.0/25", "198.51.100.1"]);
}

#[test]
fn node_ports_are_served_where_the_configuration_says() {
    let spec = "type: NodePort, ports: [{name: http, port: 80, nodePort: 30080}]";
    let objects = service(spec, "") + &slice(&on("here", "10.1.1.2", ""));
    let served = |text: &str| {
        let cluster = cluster(&(config(text) + &objects));
        ["192.0.2.11", "192.0.2.111", "127.0.0.1"].map(|address| {
            let from = if address == "127.0.0.1" { address } else { OUTSIDE };
            !goes(&cluster, from, address, 30080).is_empty()
        })
    };
    assert_eq!(served("mode: ''"), [true, true, true]);
    assert_eq!(served("iptables: {localhostNodePorts: false}"), [true, true, false]);
    assert_eq!(served("nodePortAddresses: [192.0.2.0/26]"), [true, false, false]);
    assert_eq!(served("nodePortAddresses: [primary]"), [true, false, false]);
    assert_eq!(served("nodePortAddresses: [127.0.0.0/8]"), [false, false, true]);
    assert_eq!(served("nodePortAddresses: ['fd00::/8']"), [true, true, true]);
}

#[test]
fn what_is_masqueraded_depends_on_how_pods_are_told_apart() {
    let objects = service(HTTP, "") + &slice(&on("there", "10.1.2.2", ""));
    let masqueraded = |text: &str| {
        let cluster = cluster(&(config(text) + &objects));
        [POD, "10.1.2.9", OUTSIDE]
            .map(|from| goes(&cluster, from, "10.96.0.10", 80).ends_with("masqueraded"))
    };
    assert_eq!(masqueraded("mode: iptables"), [false, false, false]);
    assert_eq!(masqueraded("clusterCIDR: 10.1.0.0/16"), [false, false, true]);
    assert_eq!(masqueraded("detectLocalMode: NodeCIDR"), [false, true, true]);
    assert_eq!(masqueraded("iptables: {masqueradeAll: true}"), [true, true, true]);
    let by_bridge = "detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: vbr0}";
    assert_eq!(masqueraded(by_bridge), [false, true, true]);
}

#[test]
fn services_without_an_address_of_their_own_or_with_another_proxy_have_no_rules() {
    let headless = "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: ns}\nspec: {clusterIP: None, ports: [{name: http, port: 80}]}\n---\n";
    let other = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: ns}\nspec: {type: ExternalName, externalName: db.example.com, ports: [{port: 80}]}\n---\n";
    let endpoints = slice(&on("here", "10.1.1.2", ""));
    let of_another = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: ns, labels: {service.kubernetes.io/service-proxy-name: cilium}}\nspec: {clusterIP: 10.96.0.12, ports: [{port: 80}]}\n---\n";
    let text = synced(&cluster(&(usual() + headless + other + of_another + &endpoints)));
    assert_eq!(with(&text, "ns/"), [""; 0]);
}

#[test]
fn ports_of_one_number_and_other_protocols_are_apart() {
    let spec = "ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}, {name: dns-sctp, port: 53, protocol: SCTP}]";
    let slice = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: api-1, namespace: ns, labels: {kubernetes.io/service-name: api}}\naddressType: IPv4\nports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 5353}, {name: dns-sctp, port: 54, protocol: SCTP}]\nendpoints: [{addresses: [10.1.1.2]}]\n---\n";
    let cluster = cluster(&(usual() + &service(spec, "") + slice));
    let to = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
        .map(|protocol| goes_by(&cluster, protocol, OUTSIDE, "10.96.0.10", 53));
    assert_eq!(
        to,
        ["10.1.1.2:5353 masqueraded", "10.1.1.2:53 masqueraded", "10.1.1.2:54 masqueraded",]
    );
    let text = synced(&cluster);
    let targets: Vec<&str> = with(&text, "-j DNAT")
        .iter()
        .filter_map(|rule| rule.split_once(" -m comment --comment ").map(|(_, rest)| rest))
        .collect();
    assert_eq!(
        targets,
        [
            "ns/api:dns -m udp -p udp -j DNAT --to-destination 10.1.1.2:53",
            "ns/api:dns-sctp -m sctp -p sctp -j DNAT --to-destination 10.1.1.2:54",
            "ns/api:dns-tcp -m tcp -p tcp -j DNAT --to-destination 10.1.1.2:5353",
        ]
    );
}

#[test]
fn beyond_a_thousand_endpoints_their_rules_lose_their_comments() {
    let endpoints = |n: u32| -> String {
        (0..n).map(|it| on("there", &Ipv4Addr::from(0x0a01_0200 + it).to_string(), "")).collect()
    };
    let text = |n| synced(&cluster(&(usual() + &service(HTTP, "") + &slice(&endpoints(n)))));
    let commented = |text: &str| {
        [with(text, "-j DNAT"), with(text, "-j KUBE-SEP-")]
            .map(|rules| rules.iter().filter(|rule| rule.contains("--comment")).count())
    };
    assert_eq!(commented(&text(1000)), [1000, 1000]);
    let large = text(1001);
    assert_eq!(commented(&large), [0, 0]);
    assert!(large.contains("--comment \"ns/api:http cluster IP\""), "Services keep theirs");
}

#[test]
fn clients_stay_with_their_endpoint_for_as_long_as_the_service_says() {
    let spec = format!(
        "sessionAffinity: ClientIP, sessionAffinityConfig: {{clientIP: {{timeoutSeconds: 77}}}}, {HTTP}"
    );
    let endpoints = on("here", "10.1.1.2", "") + &on("there", "10.1.2.2", "");
    let cluster = cluster(&(usual() + &service(&spec, "") + &slice(&endpoints)));
    let text = synced(&cluster);
    assert_eq!(with(&text, "--rcheck --seconds 77 --reap").len(), 2);
    assert_eq!(with(&text, "--set -m tcp -p tcp -j DNAT").len(), 2);
    // Nobody was there before, and no way of chance remembers another.
    assert_eq!(goes(&cluster, POD, "10.96.0.10", 80), "10.1.1.2:8080 10.1.2.2:8080");
}

#[test]
fn the_same_endpoint_in_two_slices_is_one() {
    let endpoints = on("there", "10.1.2.2", "") + &on("there", "10.1.2.22", "");
    let again = slice(&endpoints).replace("name: api-1,", "name: api-2,");
    let cluster = cluster(&(usual() + &service(HTTP, "") + &slice(&endpoints) + &again));
    // In the order of their texts.
    assert_eq!(goes(&cluster, POD, "10.96.0.10", 80), "10.1.2.22:8080 10.1.2.2:8080");
}

#[test]
fn each_line_has_who_caused_it() {
    let spec = "type: NodePort, ports: [{name: http, port: 80, nodePort: 30080}]";
    let objects = service(spec, "") + &slice(&on("here", "10.1.1.2", ""));
    let cluster = cluster(&(usual() + &objects));
    let rules = KubeProxy::new(&cluster).rules(0, &mut Made::default());
    assert_eq!(rules.lines.len(), rules.text.lines().count());
    for (line, origin) in rules.text.lines().zip(&rules.lines) {
        let expected = match line {
            _ if line.contains("KUBE-SEP") && !line.contains("-j KUBE-SEP") => {
                "EndpointSlice ns/api-1"
            }
            _ if line.contains("ns/api") || line.contains(HASH) => "Service ns/api",
            _ if line.contains("KUBELET") || line.contains("-j KUBE-FIREWALL") => "kubelet",
            _ => continue,
        };
        assert_eq!(rules.origins[*origin as usize], expected, "{line}");
    }
}

#[test]
fn nodes_share_rules_unless_they_differ() {
    let shared = |spec: &str, endpoints: &str| {
        let cluster = cluster(&(usual() + &service(spec, "") + &slice(endpoints)));
        let (proxies, mut made) = (KubeProxy::new(&cluster), Made::default());
        let (here, there) = (proxies.rules(0, &mut made), proxies.rules(1, &mut made));
        let same_text = here.text == there.text;
        assert_eq!(Arc::ptr_eq(&here, &there), same_text, "{spec}");
        same_text
    };
    let both = on("here", "10.1.1.2", "") + &on("there", "10.1.2.2", "");
    assert!(shared(HTTP, &both));
    assert!(!shared(&format!("internalTrafficPolicy: Local, {HTTP}"), &both));
    let hinted = on("here", "10.1.1.2", ", hints: {forNodes: [{name: here}]}")
        + &on("there", "10.1.2.2", ", hints: {forNodes: [{name: there}]}");
    assert!(!shared(HTTP, &hinted));
}

/// `iptables-restore` in a namespace of its own; None where this machine cannot do that.
#[cfg(not(target_arch = "wasm32"))]
fn saved_by_the_kernel(rules: &str) -> Option<String> {
    let script = format!(
        "command -v iptables-restore >/dev/null || exit 77\niptables-restore --noflush <<'END'\n{rules}END\niptables-save\n"
    );
    let args = ["-n", "sh", "-ec", &script];
    let unshared = std::process::Command::new("unshare").args(args).output();
    let output = unshared.ok().filter(|output| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        output.status.code() != Some(77) && !stderr.contains("unshare failed")
    })?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().filter(|it| !it.starts_with('#')).map(|it| it.to_owned() + "\n").collect())
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn a_kernel_takes_the_rules_and_prints_what_the_engine_prints() {
    let spec = "type: LoadBalancer, sessionAffinity: ClientIP, externalIPs: [198.51.100.7], loadBalancerSourceRanges: [203.0.113.0/24], externalTrafficPolicy: Local, healthCheckNodePort: 30099, ports: [{name: http, port: 80, nodePort: 30080}, {name: sctp, port: 80, protocol: SCTP, nodePort: 30081}]";
    let endpoints = on("here", "10.1.1.2", "") + &on("there", "10.1.2.2", "");
    let idle = "apiVersion: v1\nkind: Service\nmetadata: {name: idle}\nspec: {type: NodePort, clusterIP: 10.96.0.11, ports: [{port: 53, protocol: UDP, nodePort: 30053}]}\n---\n";
    let text = usual() + &service(spec, "{ip: 198.51.100.1}") + &slice(&endpoints) + idle;
    let cluster = cluster(&text);
    match saved_by_the_kernel(&KubeProxy::new(&cluster).rules(0, &mut Made::default()).text) {
        Some(saved) => assert_eq!(saved, loaded(&cluster).tables.save(false)),
        None => eprintln!("SKIPPED: no namespaces here (it takes root and iptables)"),
    }
}
