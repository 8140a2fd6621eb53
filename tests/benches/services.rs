//! Native speed with kube-proxy's rules and `br_netfilter`: a flow through a ClusterIP, its first datagram among 10,000
//! Services, and 100,000 connections at once.

use divan::{Bencher, counter::ItemsCount};
use everyhop_engine::trace::{Off, Recorder};
use everyhop_tests::services::Services;

const BURST: usize = 1_000;
const FLOWS: usize = 100;
const MANY_SERVICES: u16 = 10_000;
const MANY_FLOWS: u16 = 50_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn through_a_cluster_ip(bencher: Bencher<'_, '_>) {
    let mut services = Services::new(1, 1);
    bencher.counter(ItemsCount::new(BURST)).bench_local(|| services.go_on(&mut Off, BURST));
    assert!(services.read() > 1_000, "the datagrams arrived");
}

#[divan::bench(sample_count = 20)]
fn first_of_a_flow_among_10_000_services(bencher: Bencher<'_, '_>) {
    let fresh = Services::new(MANY_SERVICES, 200);
    bencher
        .counter(ItemsCount::new(FLOWS))
        .with_inputs(|| fresh.clone())
        .bench_local_refs(|services| services.begin(&mut Off, FLOWS));
}

#[divan::bench(sample_count = 20)]
fn first_of_a_flow_with_every_rule_traced(bencher: Bencher<'_, '_>) {
    let fresh = Services::new(MANY_SERVICES, 200);
    bencher
        .counter(ItemsCount::new(FLOWS))
        .with_inputs(|| (fresh.clone(), Recorder::default()))
        .bench_local_refs(|(services, trace)| services.begin(trace, FLOWS));
}

#[divan::bench]
fn among_100_000_connections(bencher: Bencher<'_, '_>) {
    let mut services = Services::new(1, MANY_FLOWS);
    services.begin(&mut Off, 2 * usize::from(MANY_FLOWS) - 1);
    bencher.counter(ItemsCount::new(BURST)).bench_local(|| services.go_on(&mut Off, BURST));
    assert!(services.read() > 2 * u64::from(MANY_FLOWS), "the datagrams arrived");
}
