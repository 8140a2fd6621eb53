//! Claims about clusters: what is read, what is refused and how, and what is made of it.

mod dns;
#[cfg(not(target_arch = "wasm32"))]
mod kernel;
mod services;

use super::endpoint_slice::Endpoint;
use super::*;
use crate::base::Nanos;
use crate::stack::socket::{Bound, Program, Socket};
use crate::tool::apply;
use crate::trace::Recorder;
use crate::world::World;
use crate::yaml::{At, Report, parse};

/// The cluster and the notices, or the problems.
pub(super) fn read(text: &str) -> Result<(Cluster, Vec<String>), Vec<String>> {
    read_with(text, &Settings::default())
}

fn read_with(text: &str, settings: &Settings) -> Result<(Cluster, Vec<String>), Vec<String>> {
    let mut report = Report::default();
    let mut objects = Objects::default();
    for document in parse(text, &mut report).map_err(|problem| vec![problem.to_string()])? {
        objects.read(&At::root(&document), &mut report);
    }
    let cluster = objects.cluster(settings, &mut report);
    let lines = |list: Vec<crate::yaml::Problem>| list.iter().map(ToString::to_string).collect();
    let notices = report.finish().map(lines).map_err(lines)?;
    Ok((cluster.expect("no cluster without a problem"), notices))
}

pub(super) fn refused(text: &str) -> Vec<String> {
    read(text).expect_err("a cluster with a problem")
}

fn node(name: &str, rest: &str) -> String {
    format!("---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n{rest}")
}

/// A pod with the rest of its `spec`, which has one container, and what follows the spec.
fn pod(name: &str, spec: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: app}}]{spec}}}\n{rest}"
    )
}

fn places(cluster: &Cluster) -> Vec<String> {
    let place = |pod: &Pod| {
        format!("{} on {} at {}", pod.short_name(), cluster.nodes[pod.node].name, pod.ip)
    };
    cluster.pods.iter().map(place).collect()
}

#[test]
fn pods_without_a_node_go_to_the_nodes_in_turn_and_get_the_first_free_address() {
    let text = node("a", "spec: {podCIDR: 10.1.0.0/24}\n")
        + &node("b", "spec: {podCIDRs: [\"fd00::/64\", 10.2.0.0/30]}\n")
        + &pod("p1", "", "")
        + &pod("p2", "", "")
        + &pod("p3", ", nodeName: a", "status: {podIP: 10.1.0.2}\n")
        + &pod("p4", "", "status: {podIP: 10.1.0.9}\n")
        + &pod("p5", "", "")
        + &pod("host", ", nodeName: b, hostNetwork: true", "");
    let (cluster, notices) = read(&text).expect("all fits");
    assert_eq!(
        places(&cluster),
        [
            "p1 on a at 10.1.0.3",
            "p2 on b at 10.2.0.2",
            "p3 on a at 10.1.0.2",
            "p4 on a at 10.1.0.9",
            "p5 on a at 10.1.0.4",
            "host on b at 192.0.2.12",
        ]
    );
    assert_eq!(cluster.pods[5].netns, "b");
    assert_eq!(notices, [""; 0]);
}

#[test]
fn what_nodes_do_not_say_is_filled_in_beside_what_they_say() {
    let text = node("a", "")
        + &node("b", "spec: {podCIDR: 10.244.3.0/24}\n")
        + &node(
            "c",
            "status: {addresses: [{type: Hostname, address: c}, {type: InternalIP, address: \"fd00::3\"}, {type: InternalIP, address: 172.18.0.11}]}\n",
        )
        + &node("d", "");
    let (cluster, _) = read(&text).expect("all fits");
    let nodes: Vec<_> =
        cluster.nodes.iter().map(|n| format!("{} {} {}", n.name, n.address, n.pod_cidr)).collect();
    assert_eq!(
        nodes,
        [
            "a 172.18.0.12 10.244.1.0/24",
            "b 172.18.0.13 10.244.3.0/24",
            "c 172.18.0.11 10.244.4.0/24",
            "d 172.18.0.14 10.244.5.0/24",
        ]
    );
    let underlay = cluster.underlay.expect("there are two nodes");
    assert_eq!((underlay.netns.as_str(), underlay.prefix_len), ("switch", 24));
}

#[test]
fn without_a_node_one_is_assumed_and_said() {
    let (cluster, notices) = read(&pod("p", ", nodeName: node-1", "")).expect("a pod is enough");
    assert_eq!(places(&cluster), ["p on node-1 at 10.244.1.2"]);
    assert_eq!(cluster.underlay, None);
    assert_eq!(notices, ["no Node is described: node-1 is assumed, with podCIDR 10.244.1.0/24"]);
}

#[test]
fn namespaces_of_linux_get_names_that_no_two_share() {
    let text = node("web", "")
        + &node("switch", "")
        + &pod("web", "", "")
        + &pod("api", "", "")
        + &pod("api, namespace: shop", "", "");
    let (cluster, _) = read(&text).expect("all fits");
    let pods: Vec<_> = cluster.pods.iter().map(|pod| pod.netns.as_str()).collect();
    assert_eq!(pods, ["default_web", "api", "shop_api"]);
    assert_eq!(cluster.underlay.map(|underlay| underlay.netns), Some("switch_".into()));
}

#[test]
fn other_kinds_and_ended_pods_are_pointed_out_and_left_out() {
    let text = pod("p", "", "")
        + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: api, namespace: default}\n"
        + &pod("job", "", "status: {phase: Succeeded}\n")
        + "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: shop}}\n"
        + &pod("typo", ", nodename: x, hostnetwork: true", "");
    let (_, notices) = read(&text).expect("they are only notices");
    assert_eq!(
        notices,
        [
            "7:1: ConfigMap default/api is not used yet",
            "11:1: Pod default/job has ended (Succeeded) and is left out",
            "20:3: items[0]: Secret shop is not used yet",
            "25:35: spec: \"nodename\" is no field that is read here: did you mean nodeName?",
            "25:48: spec: \"hostnetwork\" is no field that is read here: did you mean hostNetwork?",
            "no Node is described: node-1 is assumed, with podCIDR 10.244.1.0/24",
        ]
    );
}

#[test]
fn every_field_of_the_wrong_type_is_named_with_its_line_column_and_path() {
    let text = "\
apiVersion: v2
kind: Node
metadata: {name: Node_1}
spec: {podCIDR: 10.244.1}
status: {addresses: [{type: InternalIP, address: 300.1.1.1}]}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: 5}
spec:
  hostNetwork: \"true\"
  nodeName: [a]
  containers:
  - {name: app, ports: [{containerPort: http}, {containerPort: 70000}, {containerPort: 80, protocol: tcp}, {}]}
  - image: x
status: {podIP: 127.0.0.1}
---
kind: Pod
metadata: {}
spec: {containers: []}
---
- just a list
---
apiVersion: v1
kind: Node
metadata: {name: n}
spec: {podCIDR: 10.0.0.0/31}
---
apiVersion: v1
kind: Node
metadata: {name: m}
spec: {podCIDR: 224.0.0.0/24}
";
    let name = "a name of lower-case letters, digits, \"-\" and \".\"";
    let label = "a name of at most 63 lower-case letters, digits and \"-\"";
    assert_eq!(
        refused(text),
        [
            "1:13: apiVersion: expected v1, found \"v2\"".to_owned(),
            format!("3:18: metadata.name: expected {name}, found \"Node_1\""),
            "4:17: spec.podCIDR: expected an IPv4 prefix such as 10.244.1.0/24, found \"10.244.1\"".into(),
            "5:50: status.addresses[0].address: expected an IPv4 address such as 10.244.1.2, found \"300.1.1.1\"".into(),
            format!("9:32: metadata.namespace: expected {label}, found the number 5 (quotes make it text)"),
            "11:16: spec.hostNetwork: expected true or false, found the text \"true\"".into(),
            format!("12:13: spec.nodeName: expected {name}, found a list"),
            "14:41: spec.containers[0].ports[0].containerPort: expected a number 1 to 65535, found the text \"http\"".into(),
            "14:64: spec.containers[0].ports[1].containerPort: expected a number 1 to 65535, found the number 70000".into(),
            "14:102: spec.containers[0].ports[2].protocol: expected TCP, UDP or SCTP, found \"tcp\"".into(),
            "14:108: spec.containers[0].ports[3].containerPort: expected a number 1 to 65535, found nothing".into(),
            format!("15:5: spec.containers[1].name: expected {label}, found nothing"),
            "16:17: status.podIP: 127.0.0.1 cannot be a host's address".into(),
            "18:1: apiVersion: expected v1, found nothing".into(),
            format!("19:11: metadata.name: expected {name}, found nothing"),
            "20:20: spec.containers: expected a list with at least one container, found none".into(),
            "22:1: expected a map, found a list".into(),
            "27:17: spec.podCIDR: expected a prefix length of 8 to 30, which leaves room for a gateway and a pod, found /31".into(),
            "32:17: spec.podCIDR: 224.0.0.0/24 is no range for hosts".into(),
        ]
    );
}

#[test]
fn names_given_twice_and_nodes_that_are_missing_are_named_with_both_places() {
    let text = node("a", "")
        + &node("a", "")
        + &pod("p", ", nodeName: b", "")
        + &pod("p", "", "")
        + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec:\n  containers:\n  - name: app\n    ports: [{containerPort: 53, protocol: UDP}, {containerPort: 53}]\n  - name: app\n    ports: [{containerPort: 53}]\n";
    assert_eq!(
        refused(&text),
        [
            "6:1: Node a is here twice (the first at line 2)",
            "13:45: spec.nodeName: there is no Node b: found a, a",
            "15:1: Pod default/p is here twice (the first at line 10)",
            "27:5: spec.containers[1]: two containers are named app (the first at line 25)",
            "28:13: spec.containers[1].ports[0]: port 53/TCP is taken within this pod already (by spec.containers[0].ports[1] at line 26)",
        ]
    );
    assert_eq!(
        refused(&pod("p", ", nodeName: worker", "")),
        [
            "5:45: spec.nodeName: there is no Node worker: found no Node at all; `kubectl get nodes,pods -A -o yaml` prints both"
        ]
    );
}

#[test]
fn ranges_and_addresses_that_clash_are_named_with_both_places() {
    let address =
        |ip: &str| format!("status: {{addresses: [{{type: InternalIP, address: {ip}}}]}}\n");
    let text = node("a", "spec: {podCIDR: 10.0.0.0/8}\n")
        + &node("b", "spec: {podCIDR: 10.9.0.0/16}\n")
        + &node("c", "");
    assert_eq!(
        refused(&text),
        [
            "10:17: spec.podCIDR: b's range 10.9.0.0/16 overlaps a's 10.0.0.0/8 (line 5)",
            "12:1: no range is left in 10.244.0.0/16 for Node c: give it a spec.podCIDR",
        ]
    );
    let text = node("c", &address("10.244.2.1"))
        + &node("d", &address("10.0.0.1"))
        + &node("e", &address("10.0.0.1"));
    assert_eq!(
        refused(&text),
        [
            "5:50: status.addresses[0].address: the address 10.244.2.1 of Node c lies in the pod range 10.244.2.0/24 of Node d (line 7)",
            "15:50: status.addresses[0].address: 10.0.0.1 is the address of Node d too (line 10)",
        ]
    );
    let far = node("a", &address("10.1.1.1")) + &node("b", &address("11.1.1.1"));
    assert_eq!(
        refused(&far),
        [
            "10:50: status.addresses[0].address: Node b's address 11.1.1.1 and Node a's 10.1.1.1 cannot be on one network, and all nodes are cabled to one switch"
        ]
    );
    let full = node("a", "spec: {podCIDR: 10.0.0.0/30}\n") + &pod("p", "", "") + &pod("q", "", "");
    assert_eq!(
        refused(&full),
        ["12:1: no free address is left in 10.0.0.0/30 of Node a for Pod default/q"]
    );
    let ip = |name: &str, ip: &str| {
        pod(name, ", nodeName: node-1", &format!("status: {{podIP: {ip}}}\n"))
    };
    let text = ip("p", "10.244.1.7")
        + &ip("q", "10.244.1.7")
        + &ip("r", "10.244.2.7")
        + &ip("s", "10.244.1.1")
        + &ip("t", "10.244.1.255");
    assert_eq!(
        refused(&text),
        [
            "12:17: status.podIP: 10.244.1.7 is the address of Pod default/p too (line 6)",
            "18:17: status.podIP: 10.244.2.7 is not in the pod range 10.244.1.0/24 of Node node-1, where the pod runs",
            "24:17: status.podIP: 10.244.1.1 is the gateway of Node node-1: pods get 10.244.1.0/24's later addresses",
            "30:17: status.podIP: 10.244.1.255 is the first or last address of 10.244.1.0/24, which no pod can have",
        ]
    );
}

#[test]
fn a_cluster_too_large_for_one_lab_is_refused_at_the_limit() {
    let nodes: String = (0..=limits::NODES).map(|n| node(&format!("n{n}"), "")).collect();
    let text = nodes + &pod("p", "", "").repeat(2);
    assert_eq!(
        refused(&text),
        [
            "20002:1: expected at most 5000 Nodes, found 5001",
            "20011:1: Pod default/p is here twice (the first at line 20006)",
        ]
    );
    let workload = |name: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{replicas: 75001, selector: {{matchLabels: {{app: x}}}}, template: {{metadata: {{labels: {{app: x}}}}, spec: {{containers: [{{name: app}}]}}}}}}\n"
        )
    };
    assert_eq!(
        refused(&(workload("a") + &workload("b"))),
        ["7:1: expected at most 150000 Pods, found 150002"]
    );
}

#[test]
fn two_pods_on_the_hosts_network_with_one_port_are_both_named() {
    let host = |name: &str, port: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{hostNetwork: true, containers: [{{name: app, ports: [{{containerPort: {port}}}]}}]}}\n"
        )
    };
    let text = host("p", "53, protocol: UDP") + &host("q", "53") + &host("r", "53");
    let (cluster, notices) = read(&text).expect("the last is left out");
    assert_eq!(cluster.pods.len(), 2);
    assert!(
        notices[0].starts_with("12:1: Pod default/r stays pending, and is left out: no node has port 53/TCP left for it, such as that of Pod default/q (line 7)"),
        "{notices:?}"
    );
}

/// The cluster's world, and what each device saw while one datagram went and came back.
fn exchange(cluster: &Cluster, from: &str, to: Ipv4Addr) -> (World, Vec<String>, Option<Vec<u8>>) {
    let mut world = World::new(1);
    assert_eq!(apply(&mut world, &compile(cluster)), Ok(()));
    let ns = world.find_netns(from).expect("a pod or node");
    let client = Socket {
        bound: Bound::Udp { port: 40000 },
        addr: None,
        program: Program::Reads,
        owner: "client".into(),
        broadcast: false,
        heard: 0,
    };
    let socket = world.bind(ns, client).expect("a free port");
    let mut trace = Recorder::default();
    world.send_udp(&mut trace, (ns, socket), (to, 8080), b"hi").expect("a route");
    world.run_until_quiet(&mut trace, Nanos::ZERO);
    let mut path = Vec::new();
    let mut last = None;
    for capture in trace.captures().filter(|c| c.frame[12..14] == [8, 0]) {
        path.push(world.device_name(capture.dev));
        last = Some(capture.frame[42..].to_vec());
    }
    path.dedup();
    (world, path, last)
}

fn server(name: &str, node: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{nodeName: {node}, containers: [{{name: app, ports: [{{containerPort: 8080, protocol: UDP}}]}}]}}\n"
    )
}

#[test]
fn a_datagram_between_two_pods_of_a_node_crosses_its_bridge_and_is_answered() {
    let text = server("pod-1", "node-1") + &server("pod-2", "node-1");
    let (cluster, _) = read(&text).expect("two pods");
    let (world, path, last) = exchange(&cluster, "pod-1", cluster.pods[1].ip);
    assert_eq!(
        path,
        [
            "pod-1/eth0",
            "node-1/veth0",
            "node-1/veth1",
            "pod-2/eth0",
            "node-1/veth1",
            "node-1/veth0",
            "pod-1/eth0",
        ]
    );
    assert_eq!(last.as_deref(), Some(&b"hello from pod-2"[..]));
    let node = world.find_netns("node-1").expect("the node");
    let origins: Vec<_> = world.netns[node]
        .devs
        .iter()
        .map(|&dev| {
            let device = &world.devices[dev];
            format!("{} {}", device.name, device.origin.map_or("", |id| world.origin(id)))
        })
        .collect();
    assert_eq!(
        origins,
        ["lo ", "vbr0 Node node-1", "veth0 Pod default/pod-1", "veth1 Pod default/pod-2"]
    );
}

#[test]
fn a_datagram_to_another_nodes_pod_is_routed_over_the_underlay() {
    let text = node("n1", "") + &node("n2", "") + &server("pod-1", "n1") + &server("pod-2", "n2");
    let (cluster, _) = read(&text).expect("two nodes");
    let (_, path, last) = exchange(&cluster, "pod-1", cluster.pods[1].ip);
    assert_eq!(
        path[..10],
        [
            "pod-1/eth0",
            "n1/veth0",
            "n1/vbr0",
            "n1/eth0",
            "switch/port1",
            "switch/port2",
            "n2/eth0",
            "n2/vbr0",
            "n2/veth0",
            "pod-2/eth0",
        ]
    );
    assert_eq!(last.as_deref(), Some(&b"hello from pod-2"[..]));
}

#[test]
fn a_pod_on_the_hosts_network_is_reached_at_its_nodes_address_even_on_a_single_node() {
    let host = server("agent", "node-1").replace("{nodeName", "{hostNetwork: true, nodeName");
    let (cluster, _) = read(&(host + &server("pod-1", "node-1"))).expect("one node");
    let (_, path, last) = exchange(&cluster, "pod-1", Ipv4Addr::new(192, 0, 2, 11));
    assert_eq!(path, ["pod-1/eth0", "node-1/veth0", "node-1/vbr0", "node-1/veth0", "pod-1/eth0"]);
    assert_eq!(last.as_deref(), Some(&b"hello from agent"[..]));
}

#[test]
fn workloads_become_pods_unless_the_text_lists_those() {
    let workload = |kind: &str, name: &str, more: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {more}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: app}}]}}\n"
        )
    };
    let text = node("a", "")
        + &node(
            "b",
            "spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}\n",
        )
        + &node("c", "")
        + &workload("Deployment", "web", "replicas: 2")
        + &workload("StatefulSet", "db", "replicas: 2\n  serviceName: db")
        + &workload("DaemonSet", "agent", "minReadySeconds: 0")
        + &workload("Deployment", "owner", "replicas: 1")
        + &workload("ReplicaSet", "owner-1", "replicas: 1").replace(
            "{name: owner-1}\n",
            "{name: owner-1, ownerReferences: [{kind: Deployment, name: owner}]}\n",
        )
        + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: listed, ownerReferences: [{kind: ReplicaSet, name: owner-1}]}\nspec: {containers: [{name: app}]}\n";
    let (cluster, _) = read(&text).expect("all fits");
    assert_eq!(
        places(&cluster),
        [
            "listed on a at 10.244.1.2",
            "web-55fbd86cd6-cpgfz on c at 10.244.3.2",
            "web-55fbd86cd6-pssx6 on a at 10.244.1.3",
            "db-0 on c at 10.244.3.3",
            "db-1 on a at 10.244.1.4",
            "agent-fcfrc on a at 10.244.1.5",
            "agent-vz5vn on c at 10.244.3.4",
        ]
    );
    let db = &cluster.pods[cluster.find_pod("default", "db-1").expect("a StatefulSet's pod")];
    assert_eq!((db.hostname.as_deref(), db.subdomain.as_deref()), (Some("db-1"), Some("db")));
    let web = cluster.pods.iter().find(|pod| pod.labels.get("app") == Some("web"));
    let hash = web.and_then(|pod| pod.labels.get("pod-template-hash")).expect("a Deployment's");
    assert!(web.is_some_and(|pod| pod.name.starts_with(&format!("web-{hash}-"))));
}

#[test]
fn a_template_whose_labels_the_selector_does_not_want_is_refused() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: app}]}}\n";
    assert_eq!(
        refused(text),
        [
            "5:13: spec.selector: the template's labels must match it: a cluster refuses such an object"
        ]
    );
}

/// Two nodes with a pod each, attached so.
fn two_nodes(cni: Cni) -> Cluster {
    let text = node("n1", "") + &node("n2", "") + &server("pod-1", "n1") + &server("pod-2", "n2");
    read_with(&text, &Settings { cni, ..Settings::default() }).expect("two nodes").0
}

#[test]
fn with_flannel_a_datagram_to_another_nodes_pod_goes_through_its_tunnel() {
    let cluster = two_nodes(Cni::Flannel);
    let (world, path, last) = exchange(&cluster, "pod-1", cluster.pods[1].ip);
    assert_eq!(
        path[..12],
        [
            "pod-1/eth0",
            "n1/veth0",
            "n1/vbr0",
            "n1/flannel.1",
            "n1/eth0",
            "switch/port1",
            "switch/port2",
            "n2/eth0",
            "n2/flannel.1",
            "n2/vbr0",
            "n2/veth0",
            "pod-2/eth0",
        ]
    );
    assert_eq!(last.as_deref().map(|it| it.ends_with(b"hello from pod-2")), Some(true));
    let pod = world.find_netns("pod-1").expect("the pod");
    let eth0 = world.find_device(pod, "eth0").expect("its device");
    assert_eq!(world.devices[eth0].mtu_bytes, 1450);
}

/// `NAME IP:NODEPORT,... -> ADDRESS:PORT/READY ...` for each Service.
fn services(cluster: &Cluster) -> Vec<String> {
    let endpoints = |service: &Service| {
        let own = |it: &&EndpointSlice| it.service.as_deref() == Some(service.name.as_str());
        let of_slice = |it: &EndpointSlice| {
            let ports: Vec<u16> = it.ports.iter().filter_map(|port| port.number).collect();
            let address = |endpoint: &Endpoint| {
                let is_ready = if endpoint.conditions.is_ready() { "" } else { " (not ready)" };
                format!("{}{ports:?}{is_ready}", endpoint.addresses[0])
            };
            it.endpoints.iter().map(address).collect::<Vec<_>>().join(" ")
        };
        cluster.endpoint_slices.iter().filter(own).map(of_slice).collect::<Vec<_>>().join(" | ")
    };
    let line = |it: &Service| {
        let ip = it.virtual_ip().map_or("no address".to_owned(), |ip| ip.to_string());
        let node_ports: Vec<u16> = it.ports.iter().filter_map(|port| port.node_port).collect();
        let balancer: Vec<String> =
            it.ingress.iter().filter_map(|it| it.ip).map(|ip| ip.to_string()).collect();
        format!("{} {ip} {node_ports:?} {} -> {}", it.name, balancer.join(" "), endpoints(it))
    };
    cluster.services.iter().map(line).collect()
}

#[test]
fn services_get_addresses_and_the_pods_that_their_labels_select() {
    let web = |name: &str, port: u16, ready: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web, x: y}}}}\nspec: {{containers: [{{name: app, ports: [{{name: http, containerPort: {port}}}]}}]}}\nstatus: {{conditions: [{{type: Ready, status: \"{ready}\"}}]}}\n"
        )
    };
    let service = |name: &str, spec: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"
        )
    };
    let selector = "selector: {app: web}, ports: [{port: 80, targetPort: http}]";
    let text = web("a", 8080, "True")
        + &web("b", 9090, "True")
        + &web("c", 8080, "False")
        + &pod("other", "", "")
        + &service("by-name", selector)
        + &service("taken", "clusterIP: 10.96.1.1, selector: {app: web}, ports: [{port: 80}]")
        + &service("headless", "clusterIP: None, selector: {app: web}")
        + &service("nodes", &format!("type: NodePort, {selector}"))
        + &service(
            "cloud",
            "type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: no}, ports: [{port: 80, nodePort: 30086}]",
        )
        + &service("own", "ports: [{port: 80}]")
        + "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: own-1, labels: {kubernetes.io/service-name: own}}\naddressType: IPv4\nports: [{port: 5432}]\nendpoints: [{addresses: [198.51.100.9]}]\n";
    let (cluster, _) = read(&text).expect("all fits");
    assert_eq!(
        services(&cluster),
        [
            "by-name 10.96.1.2 []  -> 10.244.1.2[8080] 10.244.1.4[8080] (not ready) | 10.244.1.3[9090]",
            "taken 10.96.1.1 []  -> 10.244.1.2[80] 10.244.1.3[80] 10.244.1.4[80] (not ready)",
            "headless no address []  -> 10.244.1.2[] 10.244.1.3[] 10.244.1.4[] (not ready)",
            "nodes 10.96.1.3 [30087]  -> 10.244.1.2[8080] 10.244.1.4[8080] (not ready) | 10.244.1.3[9090]",
            "cloud 10.96.1.4 [30086] 203.0.113.200 -> ",
            "own 10.96.1.5 []  -> 198.51.100.9[5432]",
        ]
    );
    assert_eq!(cluster.services[4].health_check(), Some(30088));
}
#[test]
fn with_calico_a_node_answers_for_every_address_its_pod_asks_for() {
    let cluster = two_nodes(Cni::Calico);
    let (_, path, last) = exchange(&cluster, "pod-1", cluster.pods[1].ip);
    // echo -n default.pod-1 | sha1sum
    assert_eq!(
        path[..8],
        [
            "pod-1/eth0",
            "n1/cali83dbd022cd5",
            "n1/eth0",
            "switch/port1",
            "switch/port2",
            "n2/eth0",
            "n2/califbd243bfedd",
            "pod-2/eth0",
        ]
    );
    assert_eq!(last.as_deref(), Some(&b"hello from pod-2"[..]));
}

#[test]
fn more_load_balancers_than_the_nodes_network_has_addresses_are_refused() {
    let services: String = (0..260)
        .map(|n| {
            format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n"
            )
        })
        .collect::<Vec<_>>()
        .concat();
    assert_eq!(
        refused(&(node("a", "") + &services)),
        [
            "no address is left in 192.0.2.0/24 for the load balancer of Service default/s252: give the nodes addresses in a wider range"
        ]
    );
}

#[test]
fn two_pods_with_one_host_port_are_never_on_one_node() {
    let pod = |name: &str, spec: &str, port: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: app, ports: [{{containerPort: 80, {port}}}]}}]{spec}}}\n"
        )
    };
    let nodes = node("a", "") + &node("b", "");
    let on = |ip: &str| format!("hostPort: 8080, hostIP: {ip}");
    let text = nodes.clone()
        + &pod("p1", ", nodeName: b", "hostPort: 8080")
        + &pod("p2", "", "hostPort: 8080")
        + &pod("p3", "", "hostPort: 8080")
        + &pod("p4", "", "hostPort: 8080, protocol: UDP")
        + &pod("p5", ", nodeName: a", "hostPort: 80, hostIP: 192.0.2.11")
        + &pod("p6", ", nodeName: a", "hostPort: 80, hostIP: 192.0.2.99");
    let (cluster, notices) = read(&text).expect("all but one fit");
    assert_eq!(
        places(&cluster),
        [
            "p1 on b at 10.244.2.2",
            "p2 on a at 10.244.1.2",
            "p4 on b at 10.244.2.3",
            "p5 on a at 10.244.1.3",
            "p6 on a at 10.244.1.4"
        ]
    );
    assert_eq!(
        notices,
        [
            "20:1: Pod default/p3 stays pending, and is left out: no node has port 8080/TCP left for it, such as that of Pod default/p1 (line 10)"
        ]
    );
    let both = pod("p1", ", nodeName: a", &on("192.0.2.11"))
        + &pod("p2", ", nodeName: a", "hostPort: 8080");
    assert_eq!(
        refused(&(nodes + &both)),
        ["15:1: Pod default/p2 and Pod default/p1 (line 10) both want port 8080/TCP of Node a"]
    );
    assert_eq!(
        refused(&pod("p", ", hostNetwork: true", "hostPort: 81")),
        [
            "5:41: spec.containers[0].ports[0]: hostPort: expected the containerPort, as the pod is in its node's network (hostNetwork)"
        ]
    );
}
