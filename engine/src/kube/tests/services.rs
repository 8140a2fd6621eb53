//! Claims about Services, EndpointSlices and kube-proxy's settings as they are read.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::kube::endpoint_slice::{Conditions, Hints};
use crate::kube::kube_proxy::{Config, DetectLocal, Mode, NodePortAddresses};
use crate::kube::service::{
    ClusterIp, IpMode, ServiceType, TargetPort, TrafficDistribution, TrafficPolicy,
};

/// A cluster of one node and these objects.
fn with_node(text: &str) -> Result<(Cluster, Vec<String>), Vec<String>> {
    read(&(text.to_owned() + &node("a", "")))
}

fn service(spec: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: api, labels: {{app: x}}}}\nspec: {{{spec}}}\n{rest}"
    )
}

fn one(spec: &str, rest: &str) -> Service {
    let (cluster, notices) = with_node(&service(spec, rest)).expect("a good Service");
    assert_eq!(notices, [""; 0], "{spec}");
    cluster.services.into_iter().next().expect("one Service")
}

#[test]
fn a_service_that_says_little_has_the_defaults_of_the_api_server() {
    let it = one("ports: [{port: 80}]", "");
    assert_eq!((it.namespace.as_str(), it.name.as_str()), ("default", "api"));
    assert_eq!(
        (it.kind, it.cluster_ip, it.selector),
        (ServiceType::ClusterIp, ClusterIp::Address([10, 96, 1, 1].into()), None)
    );
    assert_eq!(it.affinity_seconds, None);
    let port = &it.ports[0];
    assert_eq!((port.name.as_str(), port.number, port.protocol), ("", 80, Protocol::Tcp));
    assert_eq!((&port.target, port.node_port), (&None, None));
}

#[test]
fn every_field_that_decides_about_packets_is_read() {
    let it = one(
        "type: LoadBalancer, clusterIP: 10.96.0.10, selector: {app: x}, externalIPs: [192.0.2.7],
          sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}},
          internalTrafficPolicy: Local, externalTrafficPolicy: Local, healthCheckNodePort: 30000,
          loadBalancerSourceRanges: [' 203.0.113.77/25'], publishNotReadyAddresses: true,
          trafficDistribution: PreferClose,
          ports: [{name: web, port: 80, targetPort: http, nodePort: 30080}, {name: dns, port: 80, protocol: UDP, targetPort: 5353}]",
        "status: {loadBalancer: {ingress: [{ip: 1.2.3.4, ipMode: Proxy}, {ip: 5.6.7.8}, {hostname: lb.example}]}}\n",
    );
    assert_eq!(it.cluster_ip, ClusterIp::Address([10, 96, 0, 10].into()));
    assert_eq!(it.external_ips, [Ipv4Addr::new(192, 0, 2, 7)]);
    assert_eq!(it.affinity_seconds, Some(60));
    assert_eq!(
        (it.internal_policy, it.external_policy),
        (TrafficPolicy::Local, TrafficPolicy::Local)
    );
    assert_eq!(it.health_check(), Some(30_000));
    assert_eq!(it.source_ranges, ["203.0.113.0/25".parse().expect("a range")]);
    assert!(it.publish_not_ready);
    assert_eq!(it.traffic_distribution, Some(TrafficDistribution::PreferSameZone));
    let modes: Vec<IpMode> = it.ingress.iter().map(|it| it.mode).collect();
    assert_eq!(modes, [IpMode::Proxy, IpMode::Vip, IpMode::Vip]);
    assert_eq!(it.load_balancer_vips().collect::<Vec<_>>(), [Ipv4Addr::new(5, 6, 7, 8)]);
    assert_eq!(it.ports[0].target, Some(TargetPort::Name("http".into())));
    assert_eq!(it.ports[1].target, Some(TargetPort::Number(5353)));
}

#[test]
fn of_two_families_the_addresses_of_ipv6_are_noted_and_left_out() {
    let text = service(
        "clusterIPs: ['fd00::1', 10.96.0.1], ports: [{port: 80}], externalIPs: ['2001:db8::7']",
        "",
    );
    let (cluster, notices) = with_node(&text).expect("no problem");
    assert_eq!(cluster.services[0].cluster_ip, ClusterIp::Address([10, 96, 0, 1].into()));
    assert_eq!(cluster.services[0].external_ips, [Ipv4Addr::UNSPECIFIED; 0]);
    assert_eq!(
        notices,
        [
            "5:21: spec.clusterIPs[0]: fd00::1 is left out: IPv6 is not used yet",
            "5:79: spec.externalIPs[0]: 2001:db8::7 is left out: IPv6 is not used yet",
        ]
    );
    let (cluster, _) = with_node(&service("clusterIP: 'fd00::1', ports: [{port: 80}]", ""))
        .expect("no problem either");
    assert_eq!(cluster.services[0].virtual_ip(), None);
}

#[test]
fn a_service_that_the_api_server_refuses_is_a_problem_with_its_place() {
    for (spec, expected) in [
        (
            "type: Nodeport, ports: [{port: 80}]",
            "5:14: spec.type: expected ClusterIP, NodePort, LoadBalancer or ExternalName, found \"Nodeport\"",
        ),
        (
            "type: ClusterIP",
            "5:7: spec.ports: expected a list with at least one port, found nothing",
        ),
        (
            "ports: [{port: 0}]",
            "5:23: spec.ports[0].port: expected a number 1 to 65535, found the number 0",
        ),
        (
            "ports: [{port: 80, protocol: tcp}]",
            "5:37: spec.ports[0].protocol: expected TCP, UDP or SCTP, found \"tcp\"",
        ),
        (
            "ports: [{port: 80, name: a}, {port: 80, name: b}]",
            "5:37: spec.ports[1]: port 80/TCP is here twice (the first at line 5)",
        ),
        (
            "type: ExternalName",
            "5:7: spec.externalName: expected a name of lower-case letters, digits, \"-\" and \".\", found nothing",
        ),
        (
            "clusterIP: 10.96.0, ports: [{port: 80}]",
            "5:19: spec.clusterIP: expected an address such as 10.96.0.10, found \"10.96.0\"",
        ),
        (
            "clusterIP: 127.0.0.1, ports: [{port: 80}]",
            "5:19: spec.clusterIP: 127.0.0.1 cannot be a host's address",
        ),
    ] {
        assert_eq!(with_node(&service(spec, "")).expect_err(spec), [expected], "{spec}");
    }
}

#[test]
fn a_headless_service_and_a_name_for_another_need_no_ports() {
    assert_eq!(one("clusterIP: None", "").virtual_ip(), None);
    let it = one("type: ExternalName, externalName: db.example.com", "");
    assert_eq!((it.virtual_ip(), it.external_name.as_deref()), (None, Some("db.example.com")));
}

fn slice(rest: &str) -> String {
    format!(
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: api-1, labels: {{kubernetes.io/service-name: api}}}}\n{rest}"
    )
}

#[test]
fn an_endpoint_has_what_its_slice_says_of_it() {
    let text = slice(
        "addressType: IPv4
endpoints:
- addresses: [10.244.1.2]
  conditions: {ready: false, serving: true, terminating: true}
  nodeName: a
  zone: z1
  hints: {forZones: [{name: z1}, {name: z2}], forNodes: [{name: a}]}
  targetRef: {kind: Pod, namespace: default, name: p}
- addresses: ['fd00::2']
- addresses: [10.244.1.3]
ports:
- {port: 8080}
- {name: any}
",
    );
    let (cluster, notices) = with_node(&text).expect("a good slice");
    assert_eq!(
        notices,
        ["13:15: endpoints[1].addresses[0]: fd00::2 is left out: IPv6 is not used yet"]
    );
    let it = &cluster.endpoint_slices[0];
    assert_eq!((it.service.as_deref(), it.endpoints.len()), (Some("api"), 2));
    let (first, second) = (&it.endpoints[0], &it.endpoints[1]);
    let conditions =
        Conditions { ready: Some(false), serving: Some(true), terminating: Some(true) };
    assert_eq!((first.conditions, second.conditions), (conditions, Conditions::default()));
    let hints = Hints { for_zones: vec!["z1".into(), "z2".into()], for_nodes: vec!["a".into()] };
    assert_eq!((&first.hints, &second.hints), (&hints, &Hints::default()));
    assert_eq!(first.target.as_ref().map(|it| it.name.as_str()), Some("p"));
    let ports: Vec<_> = it.ports.iter().map(|it| (it.name.as_str(), it.number)).collect();
    assert_eq!(ports, [("", Some(8080)), ("any", None)]);
}

#[test]
fn a_slice_of_another_type_is_noted_and_left_out() {
    let (cluster, notices) = with_node(&slice("addressType: IPv6\n")).expect("no problem");
    assert_eq!(cluster.endpoint_slices, []);
    assert_eq!(
        notices,
        [
            "2:1: EndpointSlice default/api-1 is left out: it is not of the type IPv4, and others are not used yet"
        ]
    );
}

fn settings(rest: &str) -> Result<(Cluster, Vec<String>), Vec<String>> {
    with_node(&format!(
        "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{rest}"
    ))
}

#[test]
fn kube_proxy_does_what_its_configuration_says() {
    let (cluster, _) = settings("{}\n").or_else(|_| settings("")).expect("an empty configuration");
    assert_eq!(cluster.kube_proxy, Config::default());
    let text = "mode: iptables
clusterCIDR: fd00::/64,10.244.0.0/16
detectLocalMode: InterfaceNamePrefix
detectLocal: {interfaceNamePrefix: cali}
nodePortAddresses: [192.168.0.0/24, 'fd00::/64']
iptables: {masqueradeAll: true, localhostNodePorts: false, masqueradeBit: 10, minSyncPeriod: 1m2s500ms}
conntrack: {tcpBeLiberal: true}
";
    let (cluster, notices) = settings(text).expect("a good configuration");
    assert_eq!(notices, [""; 0]);
    let range = |text: &str| text.parse().expect("a range");
    assert_eq!(
        cluster.kube_proxy,
        Config {
            mode: Mode::Iptables,
            cluster_cidr: Some(range("10.244.0.0/16")),
            detect_local: DetectLocal::InterfaceNamePrefix("cali".into()),
            node_port_addresses: NodePortAddresses::In(vec![range("192.168.0.0/24")]),
            masquerade_all: true,
            localhost_node_ports: false,
            masquerade_bit: 10,
            min_sync_period: Nanos::from_millis(62_500),
            tcp_be_liberal: true,
        }
    );
}

#[test]
fn settings_that_kube_proxy_refuses_are_problems_with_their_places() {
    for (text, expected) in [
        ("mode: ipvs\n", "4:7: mode: expected iptables or nftables, found \"ipvs\""),
        ("mode: nftables\n", "4:7: mode: nftables is not modelled yet: expected iptables"),
        (
            "iptables: {masqueradeBit: 32}\n",
            "4:27: iptables.masqueradeBit: expected a number 0 to 31, found the number 32",
        ),
        (
            "nodePortAddresses: [primary, 10.0.0.0/8]\n",
            "4:21: nodePortAddresses[0]: expected a prefix such as 10.244.0.0/16, found \"primary\"",
        ),
    ] {
        assert_eq!(settings(text).expect_err(text), [expected], "{text}");
    }
}
