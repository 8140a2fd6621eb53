//! kube-proxy's rules are those that Kubernetes' own tests expect, and packets go where those tests say. The cases are
//! read where they lie beside the checkout; they are Kubernetes' own, as data.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;
use std::path::Path;

use everyhop_engine::kube::flow::{Answer, Question, explore};
use everyhop_engine::kube::kube_proxy::{Abilities, Host, KubeProxy, Made, Rules};
use everyhop_engine::kube::{Cluster, Objects, Protocol, Settings};
use everyhop_engine::netfilter::Netfilter;
use everyhop_engine::netfilter::ipset::Sets;
use everyhop_engine::netfilter::matches::Recents;
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::yaml::{At, Report, parse};
use serde_json::Value;

/// A case: objects, settings and what becomes of them.
struct Case {
    it: Value,
    cluster: Cluster,
}

fn read(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/kube-proxy").join(name);
    let text = std::fs::read_to_string(path).ok()?;
    Some(serde_json::from_str(&text).expect("the cases are JSON"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The cases of mode iptables for IPv4.
fn cases(name: &str, key: Option<&str>) -> Option<Vec<Case>> {
    let all = read(name)?;
    let all = key.map_or(&all, |key| &all[key]).as_array().expect("a list of cases").clone();
    let ours = all.into_iter().filter(|it| it["mode"] == "iptables" && it["ip_family"] == "IPv4");
    Some(ours.map(|it| Case { cluster: cluster(&it), it }).collect())
}

/// The lab that a case describes: its objects, its node, and kube-proxy's settings.
fn lab(case: &Value) -> String {
    let proxier = &case["proxier"];
    let mut lab = text(case, "services_yaml").to_owned();
    let name = text(case, "node_name");
    let _ = writeln!(
        lab,
        "---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\nspec: {{podCIDR: 10.180.2.0/24}}\nstatus:\n  addresses:"
    );
    for address in list(case, "node_addresses") {
        let _ = writeln!(lab, "  - {{type: InternalIP, address: {address}}}");
    }
    let range = text(case, "local_detect").trim_start_matches("cluster CIDR ").to_owned();
    let _ = writeln!(
        lab,
        "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\nclusterCIDR: {range}\nnodePortAddresses: {}\niptables: {{masqueradeAll: {}, localhostNodePorts: {}}}\nconntrack: {{tcpBeLiberal: {}}}",
        proxier["nodeport_addresses"],
        proxier["masquerade_all"],
        proxier["localhost_nodeports"],
        proxier["conntrack_tcp_liberal"],
    );
    lab
}

fn cluster(case: &Value) -> Cluster {
    let (mut report, mut objects) = (Report::default(), Objects::default());
    for document in parse(&lab(case), &mut report).expect("the case's YAML") {
        objects.read(&At::root(&document), &mut report);
    }
    let cluster = objects.cluster(&Settings::default(), &mut report);
    report.finish().expect("no problem in the case's objects");
    cluster.expect("a cluster")
}

fn abilities(case: &Value) -> Abilities {
    let proxier = &case["proxier"];
    let counts = |name: &str| list(proxier, "nfacct_counters").iter().any(|it| it == name);
    Abilities {
        random_fully: proxier["random_fully"] == true,
        counts_invalid: counts("ct_state_invalid_dropped_pkts"),
        counts_localhost: counts("localhost_nps_accepted_pkts"),
    }
}

/// What kube-proxy gives to `iptables-restore`.
fn synced(case: &Case) -> String {
    let Cluster { services, endpoint_slices, kube_proxy, nodes, .. } = &case.cluster;
    let rules = Rules::new(services, endpoint_slices, kube_proxy);
    let mut addresses = Vec::new();
    let host = Host::of(&nodes[0], &mut addresses);
    let ruleset = rules.synced(&Host { abilities: abilities(&case.it), ..host });
    assert_eq!(ruleset.text.lines().count(), ruleset.lines.len(), "an origin for each line");
    ruleset.text
}

/// The order of Kubernetes' `sortIPTablesRules`, so that texts compare that list the same in another order.
fn sorted(text: &str) -> String {
    const ORDERED: [&str; 2] = ["KUBE-NODEPORTS", "KUBE-SERVICES"];
    let mut tables: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match (line.strip_prefix('*'), tables.last_mut()) {
            (Some(name), _) => tables.push((name, Vec::new())),
            (None, Some((_, lines))) if line != "COMMIT" => lines.push(line),
            (None, _) => {}
        }
    }
    tables.sort();
    let rank = |chain: &str| match ORDERED.iter().position(|it| *it == chain) {
        Some(place) => place,
        None if chain.starts_with("KUBE-") => 2,
        None => 3,
    };
    let mut out = String::new();
    for (name, lines) in tables {
        let words = |line: &'_ str| {
            line.trim_start_matches(':').split(' ').next().unwrap_or_default().to_owned()
        };
        let mut chains: Vec<String> =
            lines.iter().filter(|line| line.starts_with(':')).map(|line| words(line)).collect();
        chains.sort_by_key(|chain| (rank(chain), chain.clone()));
        let _ = writeln!(out, "*{name}");
        for chain in &chains {
            let line = lines.iter().find(|line| line.starts_with(':') && words(line) == *chain);
            let _ = writeln!(out, "{}", line.expect("the chain's line"));
        }
        for chain in &chains {
            let begin = format!("-A {chain} ");
            let mut rules: Vec<&str> =
                lines.iter().copied().filter(|line| line.starts_with(&begin)).collect();
            if ORDERED.contains(&chain.as_str()) {
                rules.sort_by_key(|rule| {
                    let comment = rule.split("--comment ").nth(1).unwrap_or_default();
                    let name = comment.trim_start_matches('"');
                    let name = name.split([' ', ':']).next().unwrap_or_default().to_owned();
                    (rule.contains("must be the last rule"), name)
                });
            }
            for rule in rules {
                let _ = writeln!(out, "{rule}");
            }
        }
        let _ = writeln!(out, "COMMIT");
    }
    out
}

fn differing(expected: &str, found: &str) -> String {
    let mut out = String::new();
    for line in expected.lines().filter(|it| !found.lines().any(|other| other == *it)) {
        let _ = writeln!(out, "  missing {line}");
    }
    for line in found.lines().filter(|it| !expected.lines().any(|other| other == *it)) {
        let _ = writeln!(out, "  new     {line}");
    }
    if out.is_empty() { "  in another order\n".into() } else { out }
}

#[test]
fn the_rules_are_those_of_kubernetes_own_tests() {
    let Some(cases) = cases("cases.json", None) else {
        eprintln!("SKIPPED: there are no cases beside the checkout");
        return;
    };
    let mut wrong = String::new();
    let mut n_compared = 0;
    for case in &cases {
        let id = text(&case.it, "id");
        // Its text is written by hand, and its objects are guessed from that.
        if id == "iptables/TestTracePacket" {
            continue;
        }
        n_compared += 1;
        let (expected, found) = (sorted(text(&case.it, "iptables_save")), sorted(&synced(case)));
        if expected != found {
            let _ = writeln!(wrong, "{id}:\n{}", differing(&expected, &found));
        }
    }
    assert!(n_compared > 10, "only {n_compared} cases of mode iptables");
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_text_for_iptables_restore_is_equal_unsorted_too() {
    let Some(cases) = cases("rules-golden.json", Some("cases")) else {
        eprintln!("SKIPPED: there are no cases beside the checkout");
        return;
    };
    assert!(!cases.is_empty());
    for case in &cases {
        assert_eq!(
            synced(case).trim(),
            text(&case.it, "restore_raw").trim(),
            "{}",
            text(&case.it, "id")
        );
    }
}

/// Where a case's node sends a packet, as Kubernetes' tests write it, and whether it is masqueraded.
fn traced(case: &Case, flow: &Value) -> (String, bool) {
    let cluster = &case.cluster;
    let rules = KubeProxy::new(cluster).rules(0, &mut Made::default());
    let mut netfilter = Netfilter::default();
    let mut tables = Tables::default();
    tables
        .restore(&rules.text, &|_| None, &netfilter.sets, &mut netfilter.recents)
        .expect("the engine reads the rules");
    netfilter.set_tables(tables);
    let question = Question {
        src: text(flow, "source_ip").parse().expect("an address"),
        dst: text(flow, "dest_ip").parse().expect("an address"),
        protocol: match text(flow, "protocol") {
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => Protocol::Tcp,
        },
        port: flow["dest_port"].as_u64().and_then(|it| u16::try_from(it).ok()).expect("a port"),
    };
    let branches = explore(&netfilter, cluster, 0, &question).expect("few branches");
    let masquerade = branches.iter().any(|it| it.masquerade);
    let ends = branches.iter().map(|it| match (it.verdict, it.to) {
        (Answer::Accept, Some((ip, port))) => format!("{ip}:{port}"),
        (Answer::Accept, None) => String::new(),
        (Answer::Reject, _) => "REJECT".into(),
        (Answer::Drop, _) => "DROP".into(),
    });
    (ends.collect::<Vec<_>>().join(", "), masquerade)
}

#[test]
fn every_packet_goes_where_kubernetes_own_tests_say() {
    let Some(cases) = cases("cases.json", None) else {
        eprintln!("SKIPPED: there are no cases beside the checkout");
        return;
    };
    let mut wrong = String::new();
    let mut n_flows = 0;
    for case in &cases {
        for flow in list(&case.it, "flows") {
            n_flows += 1;
            // That an explicit rule accepts is the same end as that no rule concerns it.
            let expected = text(flow, "output").trim_start_matches("ACCEPT");
            let (found, masquerade) = traced(case, flow);
            if (expected, flow["masq"] == true) != (found.as_str(), masquerade) {
                let _ = writeln!(wrong, "{}: {flow}\n  found {found} {masquerade}", case.it["id"]);
            }
        }
    }
    assert!(n_flows > 40, "only {n_flows} flows");
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What the kernel prints after it took a case's rules; the chains by which the kubelet and kube-proxy notice that
/// somebody flushed their rules are not in the cases.
#[test]
fn what_a_node_prints_is_what_a_kernel_printed() {
    let Some(cases) = cases("cases.json", None) else {
        eprintln!("SKIPPED: there are no cases beside the checkout");
        return;
    };
    let mut wrong = String::new();
    for case in &cases {
        let (id, expected) = (text(&case.it, "id"), text(&case.it, "iptables_save_kernel"));
        if id == "iptables/TestTracePacket" || case.it["proxier"]["random_fully"] == true {
            continue;
        }
        let rules = KubeProxy::new(&case.cluster).rules(0, &mut Made::default());
        let mut tables = Tables::default();
        let (sets, mut recents) = (Sets::default(), Recents::default());
        tables.restore(&rules.text, &|_| None, &sets, &mut recents).expect("good rules");
        let saved = tables.save(false);
        let (_, saved) = saved.split_once("*filter").expect("the table mangle comes first");
        let own = |line: &&str| !line.contains("-CANARY");
        let found = saved.lines().filter(own).collect::<Vec<_>>().join("\n");
        let found = "*filter".to_owned() + &found;
        if found.trim() != expected.trim() {
            let _ = writeln!(wrong, "{id}:\n{}", differing(expected, &found));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
