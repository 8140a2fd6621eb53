//! A cluster of 1,000 nodes, 30,000 pods and 2,000 Services: how long it takes to load and to answer one exchange through a
//! Service, and what it needs in memory before and after. What most nodes share is made while it loads.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use everyhop_engine::lesson::Lab;

const NODES: usize = 1_000;
const SERVICES: usize = 2_000;
const PODS_A_SERVICE: usize = 15;
const RUNS: usize = 11;
/// The pods behind this Service are behind another, too, that serves its own node alone: nodes that have one of them differ.
const NEAR: usize = 1;

fn main() {
    let text = cluster();
    let before = resident_bytes().unwrap_or(0);
    let started = Instant::now();
    let lab = Lab::load(&text).expect("the cluster loads").lab;
    let loaded = started.elapsed();
    let after = resident_bytes().unwrap_or(before);
    println!(
        "{NODES} nodes, {} pods, {SERVICES} Services: loaded in {} ms, {} MiB",
        lab.cluster.pods.len(),
        loaded.as_millis(),
        (after - before) >> 20
    );
    let ask = |service: &str| {
        let action = lab.exchange("pod/client", service, None).expect("both are there");
        let started = Instant::now();
        let run = lab.run_actions(&[action]);
        assert_eq!(run.results[0].verdict.name(), "delivered");
        started.elapsed().as_millis()
    };
    let mut times: Vec<u128> = (0..RUNS).map(|_| ask("svc/svc-7")).collect();
    let first = times.remove(0);
    times.sort_unstable();
    let traced = resident_bytes().unwrap_or(before);
    println!(
        "an exchange through a Service, traced: the first {first} ms, later ones {} to {} ms, {} MiB",
        times[0],
        times[times.len() / 2],
        (traced - before) >> 20
    );
    println!(
        "the first to a node whose rules no other has: {} ms",
        ask(&format!("svc/svc-{NEAR}"))
    );
}

fn cluster() -> String {
    let mut text = String::new();
    for i in 0..NODES {
        let (range, address) = ((64 + i / 256, i % 256), (i / 250, i % 250 + 2));
        let _ = writeln!(
            text,
            "apiVersion: v1\nkind: Node\nmetadata: {{name: node-{i}}}\nspec: {{podCIDR: 10.{}.{}.0/24}}\nstatus: {{addresses: [{{type: InternalIP, address: 172.16.{}.{}}}]}}\n---",
            range.0, range.1, address.0, address.1
        );
    }
    for i in 0..SERVICES {
        let _ = writeln!(
            text,
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{i}}}\nspec:\n  replicas: {PODS_A_SERVICE}\n  selector: {{matchLabels: {{app: app-{i}}}}}\n  template: {{metadata: {{labels: {{app: app-{i}}}}}, spec: {{containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: svc-{i}}}\nspec: {{selector: {{app: app-{i}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n---"
        );
    }
    let _ = writeln!(
        text,
        "apiVersion: v1\nkind: Service\nmetadata: {{name: near}}\nspec: {{selector: {{app: app-{NEAR}}}, internalTrafficPolicy: Local, ports: [{{port: 80, targetPort: 8080}}]}}\n---"
    );
    text + "apiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec: {nodeName: node-0, containers: [{name: c}]}\n"
}

fn resident_bytes() -> Option<usize> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
