//! Claims about Ingresses: what is read and refused, and where requests go.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::kube::Cluster;
use crate::kube::tests::{read, refused};

/// A pod and a Service with a named port in front of it.
fn service(name: &str, pod_ip: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec: {{nodeName: node-1, containers: [{{name: app, ports: [{{name: web, containerPort: 8080}}]}}]}}
status: {{podIP: {pod_ip}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: web}}]}}
"
    )
}

const NODE: &str = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n";

fn ingress(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}}}\nspec:\n{spec}"
    )
}

fn table(cluster: &Cluster) -> Routes {
    routes(&cluster.ingresses, &cluster.services, &cluster.endpoint_slices)
}

/// The upstream's name, its endpoints and who decided.
fn asked(routes: &Routes, host: &str, path: &str) -> String {
    match routes.find(host, path) {
        None => "404".into(),
        Some(found) => {
            let Upstream { name, endpoints } = &routes.upstreams[found.upstream];
            format!("{name} at {endpoints:?} by {}", found.origin)
        }
    }
}

#[test]
fn a_fanout_leads_to_the_endpoints_of_two_services() {
    let text = NODE.to_owned()
        + &service("service1", "10.244.1.5")
        + &service("service2", "10.244.1.6")
        + &ingress(
            "fanout",
            "  rules:
  - host: foo.bar.com
    http:
      paths:
      - {path: /foo, pathType: Prefix, backend: {service: {name: service1, port: {number: 80}}}}
      - {path: /bar, pathType: Prefix, backend: {service: {name: service2, port: {name: http}}}}
      - {path: /gone, pathType: Exact, backend: {service: {name: service2, port: {number: 81}}}}
",
        );
    let (cluster, notices) = read(&text).expect("all fits");
    assert_eq!(notices, [""; 0]);
    let routes = table(&cluster);
    let found =
        ["/foo/x", "/bar", "/gone", "/else"].map(|path| asked(&routes, "foo.bar.com", path));
    assert_eq!(
        found,
        [
            "default/service1:80 at [(10.244.1.5, 8080)] by Ingress default/fanout",
            "default/service2:http at [(10.244.1.6, 8080)] by Ingress default/fanout",
            "default/service2:81 at [] by Ingress default/fanout",
            "404",
        ]
    );
    assert_eq!(asked(&routes, "10.0.0.1", "/foo"), "404");
    assert!(cluster.ingresses[0].names_host("FOO.bar.com"));
    assert!(!cluster.ingresses[0].names_host("bar.com"));
}

#[test]
fn ingresses_are_merged_and_the_first_that_says_a_host_and_path_wins() {
    let one = |name: &str, host: &str, to: &str| {
        let host = if host.is_empty() { String::new() } else { format!("host: \"{host}\", ") };
        ingress(
            name,
            &format!(
                "  rules: [{{{host}http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {to}, port: {{number: 80}}}}}}}}]}}}}]\n"
            ),
        )
    };
    let text = NODE.to_owned()
        + &service("a", "10.244.1.5")
        + &service("b", "10.244.1.6")
        + &one("any", "", "a")
        + &one("first", "first.bar.com", "a")
        + &one("wild", "*.bar.com", "b")
        + &one("late", "first.bar.com", "b");
    let (cluster, _) = read(&text).expect("all fits");
    let routes = table(&cluster);
    let by = |host: &str| routes.find(host, "/").map(|it| it.origin.to_owned());
    assert_eq!(by("first.bar.com").as_deref(), Some("Ingress default/first"));
    assert_eq!(by("second.bar.com").as_deref(), Some("Ingress default/wild"));
    assert_eq!(by("a.b.bar.com").as_deref(), Some("Ingress default/any"));
}

#[test]
fn a_default_backend_serves_what_no_rule_matches_and_its_own_hosts_first() {
    let to = |name: &str| format!("{{service: {{name: {name}, port: {{number: 80}}}}}}");
    let text = NODE.to_owned()
        + &service("a", "10.244.1.5")
        + &service("b", "10.244.1.6")
        + &ingress("all", &format!("  defaultBackend: {}\n", to("a")))
        + &ingress(
            "own",
            &format!(
                "  defaultBackend: {}\n  rules:\n  - host: foo.com\n  - host: bar.com\n    http: {{paths: [{{path: /x, pathType: Exact, backend: {}}}]}}\n",
                to("b"),
                to("a")
            ),
        )
        + &ingress(
            "bucket",
            "  rules: [{host: static.com, http: {paths: [{pathType: ImplementationSpecific, backend: {resource: {apiGroup: k8s.example.com, kind: StorageBucket, name: icons}}}]}}]\n",
        );
    let (cluster, _) = read(&text).expect("all fits");
    let routes = table(&cluster);
    let found = [
        ("else.com", "/"),
        ("foo.com", "/x"),
        ("bar.com", "/x"),
        ("bar.com", "/y"),
        ("static.com", "/z"),
    ]
    .map(|(host, path)| asked(&routes, host, path));
    assert_eq!(
        found,
        [
            "default/a:80 at [(10.244.1.5, 8080)] by Ingress default/all",
            "default/b:80 at [(10.244.1.6, 8080)] by Ingress default/own",
            "default/a:80 at [(10.244.1.5, 8080)] by Ingress default/own",
            "default/b:80 at [(10.244.1.6, 8080)] by Ingress default/own",
            "default/icons at [] by Ingress default/bucket",
        ]
    );
}

#[test]
fn a_controller_serves_the_ingresses_of_its_class_and_as_the_default_those_of_none() {
    let class = |name: &str, annotations: &str| {
        format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {{name: {name}{annotations}}}\nspec: {{controller: k8s.io/ingress-nginx}}\n"
        )
    };
    let backend = "  defaultBackend: {service: {name: a, port: {number: 80}}}\n";
    let text = NODE.to_owned()
        + &class("other", "")
        + &class("nginx", ", annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}")
        + &ingress("none", backend)
        + &ingress("field", &format!("  ingressClassName: other\n{backend}"))
        + &ingress("note, annotations: {kubernetes.io/ingress.class: other}", backend);
    let (cluster, _) = read(&text).expect("all fits");
    let of = |class: &str, classes: &[IngressClass]| {
        let own = cluster.ingresses.iter().filter(|it| is_of_class(it, class, classes));
        own.map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("nginx", &cluster.ingress_classes), ["none"]);
    assert_eq!(of("other", &cluster.ingress_classes), ["field", "note"]);
    assert_eq!(of("nginx", &[]), ["none"]);
    assert_eq!(cluster.ingress_classes[1].controller, "k8s.io/ingress-nginx");
}

#[test]
fn what_the_api_server_refuses_of_an_ingress_is_refused_with_its_place() {
    let backend = "backend: {service: {name: a, port: {number: 80}}}";
    let text = NODE.to_owned()
        + &ingress("empty", "  tls: []\n")
        + &ingress(
            "bad",
            &format!(
                "  ingressClass: nginx
  defaultBackend: {{service: {{name: a, port: {{number: 80, name: http}}}}}}
  rules:
  - host: 10.0.0.1
  - host: a.*.com
  - http: {{paths: []}}
  - http:
      paths:
      - {{pathType: Prefix, {backend}}}
      - {{path: foo, pathType: Exact, {backend}}}
      - {{path: /a//b, pathType: Prefix, {backend}}}
      - {{path: /, pathType: prefix, {backend}}}
      - {{path: /, {backend}}}
      - {{path: /, pathType: Prefix}}
      - {{path: /, pathType: Prefix, backend: {{serviceName: a}}}}
"
            ),
        )
        + &ingress("bad", &format!("  defaultBackend: {}\n", &backend[9..]));
    let host = "a host's name such as foo.example.com or *.example.com";
    assert_eq!(
        refused(&text),
        [
            "10:3: spec: expected rules or a defaultBackend, found neither".to_owned(),
            "16:3: spec: there is no field \"ingressClass\" here: expected one of ingressClassName, defaultBackend, rules, tls".into(),
            "17:45: spec.defaultBackend.service.port: expected either a name or a number".into(),
            format!("19:11: spec.rules[0].host: expected {host}, found \"10.0.0.1\""),
            format!("20:11: spec.rules[1].host: expected {host}, found \"a.*.com\""),
            "21:19: spec.rules[2].http.paths: expected a list with at least one path, found none".into(),
            "24:9: spec.rules[3].http.paths[0].path: expected a path that begins with \"/\", found nothing".into(),
            "25:16: spec.rules[3].http.paths[1].path: expected a path that begins with \"/\", found \"foo\"".into(),
            "26:16: spec.rules[3].http.paths[2].path: a path of this type cannot contain \"//\"".into(),
            "27:29: spec.rules[3].http.paths[3].pathType: expected Exact, Prefix or ImplementationSpecific, found \"prefix\"".into(),
            "28:9: spec.rules[3].http.paths[4].pathType: expected Exact, Prefix or ImplementationSpecific, found nothing".into(),
            "29:9: spec.rules[3].http.paths[5].backend: expected a map with a service, found nothing".into(),
            "30:46: spec.rules[3].http.paths[6].backend: expected a service".into(),
            "30:47: spec.rules[3].http.paths[6].backend: there is no field \"serviceName\" here: expected one of service, resource".into(),
            "32:1: Ingress default/bad is here twice (the first at line 12)".into(),
        ]
    );
}
