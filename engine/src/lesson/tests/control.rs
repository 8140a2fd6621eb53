//! Claims about objects that change: who learns what in which order, and what a packet meets meanwhile.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::Dir;

const NODES: &str = "---
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
metadata: {name: client}
spec: {nodeName: n1, containers: [{name: c}]}
";

const SERVICE: &str = "---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
";

fn web(name: &str, node: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\nspec: {{nodeName: {node}, containers: [{{name: c, ports: [{{containerPort: 80}}, {{containerPort: 53, protocol: UDP}}]}}]}}\n"
    )
}

fn lab(spec: &str, objects: &str) -> Result<Lab, Vec<String>> {
    lab_of(spec, &[NODES, objects].concat())
}

fn run(spec: &str, objects: &str) -> (Lab, Run) {
    let lab = lab(spec, objects).expect("a good lab");
    let run = lab.run();
    (lab, run)
}

/// What components did, with the time in milliseconds.
fn told(run: &Run) -> Vec<String> {
    let steps = run.story.steps.iter().filter(|it| it.note(&run.trace).is_some());
    steps.map(|it| format!("{} {}", it.at.0 / 1_000_000, it.title)).collect()
}

/// The rules that each node has.
fn rules(world: &World) -> Vec<String> {
    ["n1", "n2"]
        .into_iter()
        .map(|name| {
            let ns = world.find_netns(name).expect("a node");
            let netfilter = world.netns[ns].netfilter.as_ref().expect("it has rules");
            let text = netfilter.tables.save(false);
            let lines = text.lines().map(|it| it.split(" [").next().unwrap_or_default());
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect()
}

#[test]
fn a_service_that_is_applied_is_stored_then_found_endpoints_for_and_then_written_on_each_node() {
    let objects = web("web-1", "n1") + &web("web-2", "n2") + SERVICE;
    let (lab, run) = run(
        "  actions:\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {apply: Service/web}\n  - {from: pod/client, to: svc/web:53, proto: udp}",
        &objects,
    );
    assert_eq!(verdicts(&run), ["dropped", "applied", "delivered"]);
    assert_eq!(
        told(&run),
        [
            "4000 kube-apiserver stores Service default/web",
            "4010 the endpoints of Service default/web are updated",
            "4020 kube-proxy on n1 rewrites 14 rules",
            "4020 kube-proxy on n2 rewrites 14 rules",
        ]
    );
    let from_the_start = Lab::load(&format!("{NODES}{objects}")).expect("a good lab").lab;
    assert!(rules(&run.end) == rules(&from_the_start.world(0..0)));
    // The world at a step knows what was written until then.
    let n_rules = |step: usize| {
        let world = run.world_at(&lab, step);
        rules(&world).iter().map(|it| it.matches("KUBE-SEP-").count()).collect::<Vec<_>>()
    };
    let first = run
        .story
        .steps
        .iter()
        .position(|it| it.title.starts_with("kube-proxy on n1"))
        .expect("it is told");
    let (before, between, after) = (n_rules(first - 1), n_rules(first), n_rules(first + 1));
    assert_eq!(before, [0, 0]);
    assert!(between[0] > 0 && between[1] == 0, "{between:?}");
    assert!(after[0] == after[1] && after[1] > 0, "{after:?}");
}

#[test]
fn until_the_rules_are_rewritten_a_packet_goes_to_the_dead_endpoint() {
    let objects = web("web-1", "n2") + SERVICE;
    let spec = "  controlPlane: {podStop: 5ms, kubeProxy: 200ms}\n  actions:\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {delete: pod/web-1, wait: 100ms}\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {from: pod/client, to: svc/web:53, proto: udp}";
    let (_, run) = run(spec, &objects);
    assert_eq!(verdicts(&run), ["delivered", "applied", "dropped", "rejected"]);
    assert!(run.results[2].because.contains("n2"), "{}", run.results[2].because);
    assert_eq!(
        told(&run),
        [
            "0 kube-apiserver deletes Pod default/web-1",
            "5 Pod default/web-1 has ended",
            "10 the endpoints of Service default/web are updated",
            "210 kube-proxy on n1 rewrites 10 rules",
            "210 kube-proxy on n2 rewrites 10 rules",
        ]
    );
}

#[test]
fn kube_proxy_forgets_connections_by_udp_to_an_endpoint_that_is_gone() {
    let objects = web("web-1", "n2") + &web("web-2", "n2") + SERVICE;
    let spec = "  seed: 3\n  actions:\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {from: pod/client, to: svc/web:53, proto: udp}\n  - {delete: pod/web-1}";
    let (lab, run) = run(spec, &objects);
    let sources = |world: &World| {
        let ns = world.find_netns("n1").expect("a node");
        let conntrack = &world.netns[ns].netfilter.as_ref().expect("it has rules").conntrack;
        let mut all: Vec<String> = conntrack
            .iter(world.now())
            .map(|(_, entry)| entry.tuple(Dir::Reply).src.to_string())
            .collect();
        all.sort();
        all.dedup();
        all
    };
    let last = run.story.steps.iter().position(|it| it.note(&run.trace).is_some());
    let before = run.world_at(&lab, last.expect("a change is told") - 1);
    assert_eq!(sources(&before), ["10.244.2.2", "10.244.2.3"]);
    assert_eq!(sources(&run.end), ["10.244.2.3"], "{:?}", told(&run));
}

#[test]
fn a_pod_that_is_applied_is_scheduled_started_and_ready_before_it_is_an_endpoint() {
    let objects = web("web-1", "n1") + SERVICE + &web("web-2", "n2");
    let spec = "  actions:\n  - {apply: Pod/web-2}\n  - {from: pod/web-2, to: svc/web:80}\n  - {unready: web-1}\n  - {from: pod/client, to: svc/web:53}";
    let (lab, run) = run(spec, &objects);
    assert_eq!(verdicts(&run), ["applied", "delivered", "applied", "delivered"]);
    let served_by = run.results[3].served_by.map(|pod| lab.cluster.pods[pod].name.clone());
    assert_eq!(served_by.as_deref(), Some("web-2"));
    let all = told(&run);
    assert_eq!(
        all[..7],
        [
            "0 kube-apiserver stores Pod default/web-2",
            "10 Pod default/web-2 is scheduled to n2",
            "1010 the kubelet on n2 starts Pod default/web-2",
            "1020 the endpoints of Service default/web are updated",
            "1110 Pod default/web-2 is ready",
            "1120 the endpoints of Service default/web are updated",
            // It wrote (nothing new) when it heard of an endpoint that is not ready, and writes once in a second.
            "2040 kube-proxy on n1 rewrites 10 rules",
        ],
        "{all:?}"
    );
}

#[test]
fn a_workload_grows_shrinks_and_replaces_what_is_deleted() {
    let deployment = |replicas: u32| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: c, ports: [{{containerPort: 80}}]}}]}}}}}}}}"
        )
    };
    let (four, two) = (deployment(4), deployment(2));
    let objects = format!("---\n{two}\n{SERVICE}");
    let first = lab(&format!("  actions: [{{apply: {four}}}]"), &objects).expect("a good lab");
    let pods: Vec<String> =
        first.cluster.pods.iter().map(|it| it.name.clone()).filter(|it| it != "client").collect();
    assert_eq!(pods.len(), 4);
    let spec = format!(
        "  actions:\n  - apply: {four}\n  - delete: pod/{}\n  - apply: {two}\n  - {{from: pod/client, to: svc/web:80}}",
        pods[0]
    );
    let (_, run) = run(&spec, &objects);
    assert_eq!(verdicts(&run), ["applied", "applied", "applied", "delivered"]);
    let n1 = &rules(&run.end)[0];
    assert_eq!(n1.matches("-m tcp -j DNAT").count(), 2, "{n1}");
    assert!(told(&run).iter().any(|it| it.ends_with("the controllers make 2 pods")));
    assert!(told(&run).iter().any(|it| it.ends_with("the controllers make a pod")));
}

#[test]
fn a_load_balancer_comes_when_its_service_does_and_heeds_health_checks() {
    for cni in ["bridge", "flannel", "calico"] {
        let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: lb}\nspec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{name: dns, port: 53, protocol: UDP}]}\n";
        let objects = web("web-1", "n1") + &web("web-2", "n2") + service;
        let spec = format!(
            "  cni: {cni}\n  actions:\n  - {{from: internet, to: \"203.0.113.200:53\", proto: udp}}\n  - {{apply: Service/lb}}\n  - {{from: internet, to: svc/lb}}\n  - {{delete: pod/web-1}}\n  - {{from: internet, to: svc/lb}}\n  - {{from: internet, to: svc/lb}}"
        );
        let (lab, run) = run(&spec, &objects);
        assert_eq!(
            verdicts(&run)[1..],
            ["applied", "delivered", "applied", "delivered", "delivered"],
            "{cni}: {:?}",
            run.results[2].because
        );
        for result in &run.results[4..] {
            let pod = result.served_by.map(|pod| lab.cluster.pods[pod].name.as_str());
            assert_eq!(pod, Some("web-2"));
        }
    }
}

#[test]
fn policies_and_names_follow_what_changes() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n";
    let objects = web("web-1", "n2") + SERVICE + policy;
    let spec = "  actions:\n  - {from: pod/client, to: \"http://web/\"}\n  - {apply: Service/web}\n  - {from: pod/client, to: \"http://web/\"}\n  - {apply: NetworkPolicy/closed}\n  - {from: pod/client, to: \"pod/web-1:53\", proto: udp}\n  - {delete: netpol/closed}\n  - {from: pod/client, to: \"pod/web-1:53\", proto: udp}";
    let (_, run) = run(spec, &objects);
    assert_eq!(
        verdicts(&run),
        ["dropped", "applied", "delivered", "applied", "rejected", "applied", "delivered"],
        "{:?}",
        run.results.iter().map(|it| &it.because).collect::<Vec<_>>()
    );
}

#[test]
fn what_cannot_be_changed_is_refused_where_it_is_written() {
    let objects = web("web-1", "n2") + SERVICE;
    let refused = |action: &str| {
        let problems = lab(&format!("  actions:\n  - {action}"), &objects).err();
        problems.expect("a problem").join("; ")
    };
    assert_eq!(
        refused("{delete: pod/nobody}"),
        "6:14: spec.actions[0].delete: there is no Pod default/nobody then"
    );
    assert_eq!(
        refused("{delete: node/n1}"),
        "6:14: spec.actions[0].delete: expected KIND/NAME or KIND/NAMESPACE/NAME, as in pod/web-1, of a Pod, workload, Service, EndpointSlice, NetworkPolicy or Ingress, found \"node\""
    );
    assert_eq!(
        refused("{apply: Service/other}"),
        "6:13: spec.actions[0].apply: there is no document of Service default/other in this text"
    );
    assert_eq!(
        refused("{ready: nobody}"),
        "6:13: spec.actions[0].ready: there is no pod \"nobody\" then"
    );
    assert_eq!(
        refused("{apply: {apiVersion: v1, kind: Node, metadata: {name: n3}}}"),
        "6:13: spec.actions[0].apply: a Node or a KubeProxyConfiguration is there from the beginning"
    );
}

#[test]
fn who_is_gone_sends_nothing_and_who_is_not_there_yet_neither() {
    let objects = web("web-1", "n2") + &web("web-2", "n1") + SERVICE;
    let later = "{apiVersion: v1, kind: Pod, metadata: {name: late}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}";
    let spec = format!(
        "  actions:\n  - {{from: pod/late, to: svc/web:53}}\n  - {{delete: pod/web-1}}\n  - {{from: pod/web-1, to: svc/web:53}}\n  - {{from: pod/web-1, to: \"http://web/\"}}\n  - apply: {later}\n  - {{from: pod/late, to: svc/web:53}}\n  - {{from: pod/client, to: pod/late:80}}"
    );
    let (lab, run) = run(&spec, &objects);
    let found = verdicts(&run);
    assert_eq!(found[0], "dropped");
    assert_eq!(found[4..], ["applied", "delivered", "delivered"], "{:?}", run.results);
    assert!(found[2..4].iter().all(|it| *it != "delivered"), "{:?}", run.results);
    // Every step can be looked at.
    for step in (0..run.story.steps.len()).step_by(17) {
        run.world_at(&lab, step);
    }
}

/// What `kubectl get` prints at the step with this title.
fn kubectl(lab: &Lab, run: &Run, title: &str, command: &str) -> Vec<String> {
    let step = run.story.steps.iter().position(|it| it.title.contains(title)).expect("a step");
    let look = narration::Look { netns: "n1".into(), command: command.into() };
    run.look(lab, step, &look).expect("it is understood")
}

#[test]
fn kubectl_shows_a_pod_on_its_way_from_the_object_to_the_running_containers() {
    let spec =
        "  controlPlane: {controllers: 2s, scheduler: 1s}\n  actions:\n  - apply: Deployment/web";
    let deployment = "---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a}, {name: b}]}}
";
    let (lab, run) = run(spec, deployment);
    let web = |title: &str| {
        let lines = kubectl(&lab, &run, title, "kubectl get pods -o wide");
        lines.into_iter().filter(|it| it.starts_with("web-")).collect::<Vec<_>>()
    };
    assert_eq!(web("stores"), [""; 0]);
    let name = "web-55fbd86cd6-cpgfz";
    let none = "<none>           <none>";
    assert_eq!(
        web("make"),
        [format!("{name}   0/2     Pending   0          0s    <none>       <none>   {none}")]
    );
    assert_eq!(
        web("is scheduled"),
        [format!(
            "{name}   0/2     ContainerCreating   0          1s    <none>       n1     {none}"
        )]
    );
    assert_eq!(
        web("starts"),
        [format!("{name}   0/2     Running   0          2s    10.244.1.3   n1     {none}")]
    );
    assert_eq!(
        web("is ready"),
        [format!("{name}   2/2     Running   0          2s    10.244.1.3   n1     {none}")]
    );
}

#[test]
fn kubectl_shows_a_service_from_its_storing_and_its_endpoints_when_they_are_written() {
    let spec = "  actions:\n  - apply: Service/web";
    let (lab, run) = run(spec, &(web("web-1", "n1") + &web("web-2", "n2") + SERVICE));
    let service = kubectl(&lab, &run, "stores", "kubectl get service web");
    assert_eq!(
        service,
        [
            "NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)         AGE",
            "web    ClusterIP   10.96.1.1    <none>        80/TCP,53/UDP   0s",
        ]
    );
    let slices = "kubectl get endpointslices -l kubernetes.io/service-name=web";
    assert_eq!(kubectl(&lab, &run, "stores", slices), ["No resources found in default namespace."]);
    assert_eq!(
        kubectl(&lab, &run, "endpoints", slices),
        [
            "NAME    ADDRESSTYPE   PORTS   ENDPOINTS               AGE",
            "web-1   IPv4          80,53   10.244.1.3,10.244.2.2   0s",
        ]
    );
    let other = kubectl(&lab, &run, "stores", "kubectl get service other");
    assert_eq!(other, ["Error from server (NotFound): services \"other\" not found"]);
}
