//! Native speed: UDP datagrams pod to pod over one bridge, tracing off and on.

use divan::{Bencher, counter::ItemsCount};
use everyhop_engine::trace::{Off, Recorder};
use everyhop_tests::datagrams::Network;

const BURST: u64 = 1_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn tracing_off(bencher: Bencher<'_, '_>) {
    let mut network = Network::new();
    bencher.counter(ItemsCount::new(BURST)).bench_local(|| network.send(&mut Off, BURST));
    assert!(network.read() > BURST, "the datagrams arrived");
}

#[divan::bench]
fn tracing_on(bencher: Bencher<'_, '_>) {
    let mut network = Network::new();
    let mut trace = Recorder::default();
    bencher.counter(ItemsCount::new(BURST)).bench_local(|| {
        trace.clear();
        network.send(&mut trace, BURST);
    });
    assert!(!trace.entries.is_empty(), "the datagrams were traced");
}
