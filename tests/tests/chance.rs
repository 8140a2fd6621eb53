//! Where the kernel draws by chance, a recording cannot say what comes out; how often it comes out can be counted, in the engine
//! and in the kernel.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::process::Command;

use everyhop_engine::base::{Nanos, NsId, SocketId};
use everyhop_engine::netfilter::Netfilter;
use everyhop_engine::netfilter::table::Tables;
use everyhop_engine::stack::socket::{Bound, Program, Socket};
use everyhop_engine::trace::Off;
use everyhop_engine::world::World;
use everyhop_tests::kernel;

/// Three endpoints as kube-proxy shares them out, and a rule that says no three times in four.
const RULES: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:shared - [0:0]
:first - [0:0]
:second - [0:0]
:third - [0:0]
:rarely - [0:0]
[0:0] -A OUTPUT -p udp -m udp --dport 9 -j shared
[0:0] -A OUTPUT -p udp -m udp --dport 9 -m statistic --mode random ! --probability 0.75000000000 -j rarely
[0:0] -A shared -m statistic --mode random --probability 0.33333333349 -g first
[0:0] -A shared -m statistic --mode random --probability 0.50000000000 -g second
[0:0] -A shared -g third
COMMIT
";
/// What of all packets is to meet each rule that leads to a chain, in order of their names.
const SHARES: [(&str, f64); 4] = [
    ("-g first", 1.0 / 3.0),
    ("-g second", 1.0 / 3.0),
    ("-g third", 1.0 / 3.0),
    ("-j rarely", 0.25),
];
/// Chance exceeds so many standard deviations once in half a million times.
const SIGMAS: f64 = 5.0;

/// How many packets met the rule whose text ends so.
fn hits(saved: &str, rule: &str) -> u32 {
    let line = saved.lines().find(|it| it.ends_with(rule)).expect("the rule is listed");
    let count =
        line.strip_prefix('[').and_then(|it| it.split_once(':')).expect("it has counters").0;
    count.parse().expect("a count")
}

fn check_shares(who: &str, counts: [u32; SHARES.len()], n_packets: u32) {
    let n = f64::from(n_packets);
    for ((rule, share), count) in SHARES.into_iter().zip(counts) {
        let (got, expected) = (f64::from(count), n * share);
        let deviation = (n * share * (1.0 - share)).sqrt();
        assert!(
            (got - expected).abs() < SIGMAS * deviation,
            "{who}: {got} of {n} packets met {rule:?}, {expected:.0} were expected, give or take {deviation:.0}"
        );
    }
}

/// A host with these rules, and the socket that sends.
fn host(seed: u64) -> (World, NsId, SocketId) {
    let mut world = World::new(seed);
    let ns = world.add_netns("host").expect("a fresh name");
    let mut netfilter = Netfilter::default();
    let tables = Tables::parse(RULES, &netfilter.sets, &mut netfilter.recents);
    netfilter.set_tables(tables.expect("the rules are well written"));
    world.netns[ns].netfilter = Some(Box::new(netfilter));
    let [_, sender] = [9, 40000].map(|port| {
        let bound = Bound::Udp { port };
        let program = Program::Reads;
        let owner = "app".into();
        let socket = Socket { bound, addr: None, program, owner, broadcast: false, heard: 0 };
        world.bind(ns, socket).expect("a free port")
    });
    (world, ns, sender)
}

#[test]
fn a_rule_by_chance_is_met_as_often_as_it_says_and_by_other_packets_with_another_seed() {
    const N_SEEDS: u32 = 50;
    const N_PACKETS: u32 = 1000;
    let mut totals = [0; SHARES.len()];
    let mut of_seeds = BTreeSet::new();
    for seed in 0..N_SEEDS {
        let (mut world, ns, sender) = host(u64::from(seed));
        for _ in 0..N_PACKETS {
            world.refill_event_budget();
            let sent = world.send_udp(&mut Off, (ns, sender), (Ipv4Addr::LOCALHOST, 9), b"hi");
            sent.expect("the host reaches itself");
            world.run_until_quiet(&mut Off, Nanos::ZERO);
        }
        let saved = world.netns[ns].netfilter.as_ref().expect("it has rules").tables.save(true);
        let counts = SHARES.map(|(rule, _)| hits(&saved, rule));
        assert_eq!(counts[..3].iter().sum::<u32>(), N_PACKETS, "each has one endpoint");
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
        of_seeds.insert(counts);
    }
    assert!(of_seeds.len() > 40, "seeds draw alike: {of_seeds:?}");
    check_shares("the engine", totals, N_SEEDS * N_PACKETS);
}

#[test]
fn the_kernel_meets_the_same_rules_as_often() {
    const N_PACKETS: u32 = 50_000;
    if let Some(why) = kernel::unavailable() {
        eprintln!("SKIPPED: {why}");
        return;
    }
    let script = format!(
        "set -e
ip link set lo up
iptables-restore <<'END'
{RULES}END
python3 -c \"
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(('127.0.0.1', 9))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({N_PACKETS}): sender.sendto(b'hi', ('127.0.0.1', 9))
\"
iptables-save -c"
    );
    let ran = Command::new("unshare").args(["-n", "sh", "-c", &script]).output();
    let ran = ran.expect("unshare is there");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let saved = String::from_utf8(ran.stdout).expect("a listing is text");
    check_shares("the kernel", SHARES.map(|(rule, _)| hits(&saved, rule)), N_PACKETS);
}
