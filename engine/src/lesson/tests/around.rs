//! Claims about what is around a cluster: load balancers, what they pass on and how, and what health checks do; hosts on the
//! internet.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::net::Ipv4Addr;

use super::*;

const OBJECTS: &str = "
---
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: n2, containers: [{name: c, ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, externalTrafficPolicy: POLICY, RANGES selector: {app: web}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
";

fn run(spec: &str, policy: &str, ranges: &str) -> Run {
    let objects = OBJECTS.replace("POLICY", policy).replace("RANGES", ranges);
    lab_of(spec, &objects).expect("a good lab").run()
}

#[test]
fn a_proxy_ends_the_clients_connection_and_opens_its_own_to_a_node_port() {
    for cni in ["bridge", "flannel", "calico"] {
        let spec = format!(
            "  cni: {cni}\n  loadBalancers: {{mode: proxy}}\n  actions:\n  - {{from: internet, to: \"http://203.0.113.200/\"}}\n  - {{from: internet, to: svc/web:53}}\n  - {{from: internet, to: svc/web:80}}"
        );
        let run = run(&spec, "Local", "");
        assert_eq!(verdicts(&run), ["delivered"; 3], "{:?}", run.results);
        let balancer = Ipv4Addr::new(192, 0, 2, 254);
        assert_eq!(run.results[0].seen_source, Some(balancer));
        assert_eq!(run.results[0].status, Some(200));
        let seen = |it: &Event| matches!(it, Event::NatRewrote { to: (_, 80), .. });
        let lb = run.end.find_netns("lb-web").expect("it is there");
        let by_rules = run.trace.entries[run.results[0].entries.clone()].iter().any(|it| {
            seen(&it.event) && matches!(it.event, Event::NatRewrote { ns, .. } if ns == lb)
        });
        assert!(!by_rules, "what a proxy passes on is rewritten by nobody");
    }
    let spec = "  loadBalancers: {mode: proxy}\n  actions:\n  - {from: internet, to: \"http://203.0.113.200/\"}";
    let closed = run(spec, "Cluster", "loadBalancerSourceRanges: [192.0.2.0/24],");
    assert_eq!(verdicts(&closed), ["dropped"]);
    let open = run(spec, "Cluster", "loadBalancerSourceRanges: [198.51.100.0/24, 192.0.2.0/24],");
    assert_eq!(verdicts(&open), ["delivered"]);
}

#[test]
fn a_node_without_an_endpoint_is_taken_out_after_its_failed_checks() {
    for mode in ["passThrough", "proxy"] {
        let spec = format!(
            "  loadBalancers: {{mode: {mode}, healthChecks: {{interval: 1s, threshold: 2}}}}\n  actions:\n  - {{from: internet, to: svc/web:53}}\n  - {{from: internet, to: svc/web:53, wait: 6s}}\n  - {{from: internet, to: svc/web:53}}\n  - {{from: internet, to: svc/web:53}}\n  - {{from: internet, to: \"http://203.0.113.200/\"}}"
        );
        let run = run(&spec, "Local", "");
        // Before it is out, every second one goes to the node that has no endpoint.
        assert_eq!(
            verdicts(&run),
            ["dropped", "delivered", "delivered", "delivered", "delivered"],
            "{mode}: {:?}",
            run.results
        );
        let out: Vec<u64> = run
            .story
            .steps
            .iter()
            .filter(|it| it.title == "lb-web takes out n1")
            .map(|it| it.at.0 / 1_000_000)
            .collect();
        assert_eq!(out, [2005]);
    }
}

#[test]
fn under_the_policy_cluster_kube_proxy_itself_is_asked() {
    let spec = "  loadBalancers: {healthChecks: {interval: 1s}}\n  actions:\n  - {from: internet, to: svc/web:53, wait: 3s}\n  - {from: internet, to: svc/web:53}\n  - {from: internet, to: svc/web:53}";
    let run = run(spec, "Cluster", "");
    assert_eq!(verdicts(&run), ["delivered"; 3]);
    let to_healthz = |event: &Event| matches!(event, Event::SocketSend { dst_port: 10_256, .. });
    let asked = run.trace.entries.iter().filter(|it| to_healthz(&it.event)).count();
    assert!(asked == 0 || asked >= 4, "{asked}");
    assert!(run.story.steps.iter().all(|it| !it.title.contains("takes out")));
}

#[test]
fn hosts_that_a_lab_describes_are_found_by_name_and_answer_on_their_ports_alone() {
    let lab = |hosts: &str| {
        let spec = format!(
            "  internet: {{hosts: [{hosts}]}}\n  actions:\n  - {{from: pod/web, to: \"http://api.example.com/\"}}\n  - {{from: pod/web, to: \"dns:Quiet.example.com./A\"}}\n  - {{from: pod/web, to: \"http://quiet.example.com/\"}}\n  - {{from: pod/web, to: \"http://other.example.com/\"}}\n  - {{from: internet, to: \"http://api.example.com/\"}}"
        );
        let objects = OBJECTS.replace("POLICY", "Cluster").replace("RANGES", "");
        lab_of(&spec, &objects).map_err(|problems| problems[0].clone())
    };
    let run = lab("{name: api.example.com, address: 192.88.99.10}, {name: quiet.example.com, ports: [53/UDP]}")
        .expect("a good lab")
        .run();
    assert_eq!(
        verdicts(&run),
        ["delivered", "delivered", "refused", "delivered", "delivered"],
        "{:?}",
        run.results
    );
    let answers = run.results[1].resolution.as_ref().expect("it was asked").answers.clone();
    assert!(answers[0].to_string().ends_with("198.19.128.1"), "{answers:?}");
    assert!(run.results[0].because.contains("192.88.99.10"), "{}", run.results[0].because);
    for (hosts, expected) in [
        ("{name: nodots}", "expected a name such as example.com, found \"nodots\""),
        (
            "{name: a.b, address: 10.0.0.1}",
            "expected an address on the internet such as 192.88.99.1, found \"10.0.0.1\"",
        ),
        (
            "{name: a.b, address: 203.0.113.11}",
            "203.0.113.11 is somebody else's: expected an address of its own",
        ),
        ("{name: a.b, ports: [x]}", "expected a port such as 80 or 53/UDP, found \"x\""),
        ("{name: a.b}, {name: A.b}", "a.b is here twice"),
    ] {
        let problem = lab(hosts).expect_err("a problem");
        assert!(problem.ends_with(expected), "{problem}");
    }
}
