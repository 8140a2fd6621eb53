//! Claims about the names a cluster has, and where its pods look for them.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::net::SocketAddrV4;
use std::sync::Arc;

use super::*;
use crate::app::dns_server::DnsServer;
use crate::app::resolver::Conf;
use crate::app::{Call, Chance, Happened, Sock};
use crate::kube::dns::{DOMAIN, resolv_conf, zones};
use crate::wire::dns::{Message, Name, Question, Rcode, Type};

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// The server of a cluster of one node and these objects.
fn server(text: &str) -> DnsServer {
    let (cluster, _) = read(&(text.to_owned() + &node("a", ""))).expect("a good cluster");
    DnsServer::new(Arc::from(zones(&cluster, &name(DOMAIN))), Vec::new(), Chance::new(1))
}

/// The rcode and the answers, sorted, since CoreDNS shuffles them; what comes with them after a `+`.
fn ask(server: &mut DnsServer, text: &str, kind: Type) -> (Rcode, Vec<String>) {
    let mut query = Message::query(7, Question { name: name(text), kind });
    query.edns = Some(4096);
    let from = SocketAddrV4::new([10, 0, 0, 1].into(), 4000);
    let hear = Happened::Datagram { sock: Sock(0), from, bytes: query.emit(512) };
    let calls = server.on(&hear, Nanos::ZERO);
    let [Call::Send { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
    let reply = Message::parse(bytes).expect("a message");
    let mut lines: Vec<_> = reply.answers.iter().map(ToString::to_string).collect();
    lines.extend(reply.additional.iter().map(|it| format!("+ {it}")));
    lines.sort();
    (reply.rcode, lines)
}

const NX: (Rcode, Vec<String>) = (Rcode::NxDomain, Vec::new());
const NODATA: (Rcode, Vec<String>) = (Rcode::NoError, Vec::new());

fn found<const N: usize>(lines: [&str; N]) -> (Rcode, Vec<String>) {
    (Rcode::NoError, lines.map(str::to_owned).to_vec())
}

fn service(name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

/// Two ready pods and one that is not, of the same label; the first has a name of its own.
fn pods() -> String {
    let pod = |name: &str, ip: &str, spec: &str, ready: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\n\
             spec: {{containers: [{{name: app, ports: [{{name: http, containerPort: 8080}}]}}]{spec}}}\n\
             status: {{podIP: {ip}, conditions: [{{type: Ready, status: \"{ready}\"}}]}}\n"
        )
    };
    pod("web-0", "10.244.1.20", ", hostname: web-0, subdomain: web", "True")
        + &pod("web-1", "10.244.1.21", "", "True")
        + &pod("web-2", "10.244.1.22", "", "False")
}

#[test]
fn a_service_has_its_address_its_ports_and_the_way_back() {
    let ports = "[{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]";
    let mut dns = server(&service("api", &format!("clusterIP: 10.96.0.10, ports: {ports}")));
    let own = "api.default.svc.cluster.local";
    let address = format!("{own}. 30 IN A 10.96.0.10");
    assert_eq!(ask(&mut dns, own, Type::A), found([&address]));
    assert_eq!(ask(&mut dns, own, Type::Aaaa), NODATA);
    let extra = format!("+ {address}");
    let http = format!("_http._tcp.{own}");
    let srv =
        |owner: &str, weight: u8, port: u8| format!("{owner}. 30 IN SRV 0 {weight} {port} {own}.");
    assert_eq!(ask(&mut dns, &http, Type::Srv), found([&extra, &srv(&http, 100, 80)]));
    assert_eq!(ask(&mut dns, &http, Type::A), found([&format!("{http}. 30 IN A 10.96.0.10")]));
    assert_eq!(
        ask(&mut dns, own, Type::Srv),
        found([&extra, &srv(own, 50, 53), &srv(own, 50, 80)])
    );
    assert_eq!(ask(&mut dns, &format!("_dns._tcp.{own}"), Type::Srv), NX);
    assert_eq!(
        ask(&mut dns, "10.0.96.10.in-addr.arpa", Type::Ptr),
        found([&format!("10.0.96.10.in-addr.arpa. 30 IN PTR {own}.")])
    );
}

#[test]
fn a_headless_service_has_the_addresses_of_its_ready_pods_and_a_name_for_each() {
    let spec =
        "clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]";
    let mut dns = server(&(pods() + &service("web", spec)));
    let own = "web.default.svc.cluster.local";
    let a = |owner: &str, ip: &str| format!("{owner}. 30 IN A {ip}");
    assert_eq!(
        ask(&mut dns, own, Type::A),
        found([&a(own, "10.244.1.20"), &a(own, "10.244.1.21")])
    );
    let named = format!("web-0.{own}");
    let dashed = format!("10-244-1-21.{own}");
    assert_eq!(ask(&mut dns, &named, Type::A), found([&a(&named, "10.244.1.20")]));
    assert_eq!(ask(&mut dns, &dashed, Type::A), found([&a(&dashed, "10.244.1.21")]));
    assert_eq!(ask(&mut dns, &format!("10-244-1-20.{own}"), Type::A), NX, "it has a name instead");
    assert_eq!(ask(&mut dns, &format!("10-244-1-22.{own}"), Type::A), NX, "it is not ready");
    let port = format!("_http._tcp.{own}");
    assert_eq!(
        ask(&mut dns, &port, Type::Srv),
        found([
            &format!("+ {}", a(&dashed, "10.244.1.21")),
            &format!("+ {}", a(&named, "10.244.1.20")),
            &format!("{port}. 30 IN SRV 0 50 8080 {dashed}."),
            &format!("{port}. 30 IN SRV 0 50 8080 {named}."),
        ])
    );
    assert_eq!(
        ask(&mut dns, "20.1.244.10.in-addr.arpa", Type::Ptr),
        found([&format!("20.1.244.10.in-addr.arpa. 30 IN PTR {named}.")])
    );
}

#[test]
fn a_headless_service_without_a_ready_pod_is_no_name_unless_it_publishes_those_too() {
    let spec = "clusterIP: None, selector: {app: nobody}, ports: [{port: 80}]";
    let own = "none.default.svc.cluster.local";
    assert_eq!(ask(&mut server(&(pods() + &service("none", spec))), own, Type::A), NX);
    let spec = "clusterIP: None, selector: {app: web}, publishNotReadyAddresses: true, ports: [{port: 80}]";
    let mut dns = server(&(pods() + &service("none", spec)));
    assert_eq!(ask(&mut dns, own, Type::A).1.len(), 3);
}

#[test]
fn the_pods_of_a_service_with_an_address_have_names_below_it_too() {
    let spec = "clusterIP: 10.96.0.10, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]";
    let mut dns = server(&(pods() + &service("web", spec)));
    let own = "10-244-1-21.web.default.svc.cluster.local";
    assert_eq!(ask(&mut dns, own, Type::A), found([&format!("{own}. 30 IN A 10.244.1.21")]));
    assert_eq!(
        ask(&mut dns, "21.1.244.10.in-addr.arpa", Type::Ptr),
        found([&format!("21.1.244.10.in-addr.arpa. 30 IN PTR {own}.")])
    );
}

#[test]
fn a_service_of_another_name_is_an_alias() {
    let mut dns = server(&service("db", "type: ExternalName, externalName: db.example.com"));
    let own = "db.default.svc.cluster.local";
    let alias = format!("{own}. 30 IN CNAME db.example.com.");
    assert_eq!(ask(&mut dns, own, Type::A), found([&alias]));
    assert_eq!(ask(&mut dns, own, Type::Cname), found([&alias]));
    assert_eq!(ask(&mut dns, own, Type::Srv), NODATA);
}

#[test]
fn the_tree_has_its_branches_its_version_and_the_pods_of_every_namespace() {
    let text = service("api", "clusterIP: 10.96.0.10, ports: [{port: 80}]")
        .replace("name: api", "name: api, namespace: shop");
    let dns_spec = "clusterIP: 10.96.0.2, ports: [{name: dns, port: 53, protocol: UDP}]";
    let text = text
        + &service("kube-dns", dns_spec).replace("kube-dns}", "kube-dns, namespace: kube-system}");
    let mut dns = server(&text);
    for below in ["", "svc.", "pod.", "default.svc.", "shop.svc.", "shop.pod."] {
        assert_eq!(ask(&mut dns, &format!("{below}{DOMAIN}"), Type::A), NODATA, "{below}");
    }
    for below in ["other.svc.", "x.", "a.b.api.shop.svc.", "api.svc."] {
        assert_eq!(ask(&mut dns, &format!("{below}{DOMAIN}"), Type::A), NX, "{below}");
    }
    assert_eq!(
        ask(&mut dns, "dns-version.cluster.local", Type::Txt),
        found(["dns-version.cluster.local. 28800 IN TXT \"1.1.0\""])
    );
    let pod = "10-244-1-9.shop.pod.cluster.local";
    assert_eq!(ask(&mut dns, pod, Type::A), found([&format!("{pod}. 30 IN A 10.244.1.9")]));
    assert_eq!(
        ask(&mut dns, DOMAIN, Type::Ns),
        found([
            "+ kube-dns.kube-system.svc.cluster.local. 30 IN A 10.96.0.2",
            "cluster.local. 30 IN NS kube-dns.kube-system.svc.cluster.local.",
        ])
    );
    assert_eq!(
        ask(&mut dns, "ns.dns.cluster.local", Type::A),
        found(["ns.dns.cluster.local. 30 IN A 10.96.0.2"])
    );
}

/// The file of a pod with the rest of its spec, on a node with a file of its own.
fn file(spec: &str, cluster_dns: Option<Ipv4Addr>) -> String {
    let (cluster, _) = read(&(pod("p", spec, "") + &node("a", ""))).expect("a good cluster");
    let of_node = Conf {
        nameservers: vec![[192, 0, 2, 53].into()],
        search: vec![name("corp.example")],
        options: vec!["timeout:1".into()],
    };
    resolv_conf(&cluster.pods[0], cluster_dns, &name(DOMAIN), &of_node).text()
}

#[test]
fn a_pods_file_is_the_clusters_or_its_nodes_by_its_policy() {
    let dns = Some(Ipv4Addr::new(10, 96, 0, 2));
    let of_cluster = "search default.svc.cluster.local svc.cluster.local cluster.local corp.example\n\
                      nameserver 10.96.0.2\noptions ndots:5\n";
    let of_node = "search corp.example\nnameserver 192.0.2.53\noptions timeout:1\n";
    for (spec, dns, expected) in [
        ("", dns, of_cluster),
        (", dnsPolicy: ClusterFirst, hostNetwork: true", dns, of_node),
        (", dnsPolicy: ClusterFirstWithHostNet, hostNetwork: true", dns, of_cluster),
        (", dnsPolicy: Default", dns, of_node),
        ("", None, of_node),
    ] {
        assert_eq!(file(spec, dns), expected, "{spec}");
    }
}

#[test]
fn a_pods_own_settings_come_after_and_its_options_in_the_place_of_those_of_the_same_name() {
    let dns = Some(Ipv4Addr::new(10, 96, 0, 2));
    let config = ", dnsConfig: {nameservers: [10.96.0.2, 1.1.1.1], searches: [cluster.local, x.example], \
                  options: [{name: ndots, value: '2'}, {name: edns0}]}";
    assert_eq!(
        file(config, dns),
        "search default.svc.cluster.local svc.cluster.local cluster.local corp.example x.example\n\
         nameserver 10.96.0.2\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"
    );
    assert_eq!(
        file(&(", dnsPolicy: None".to_owned() + config), dns),
        "search cluster.local x.example\nnameserver 10.96.0.2\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"
    );
}
