//! Claims about how a trace is told.

use std::net::Ipv4Addr;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::{Nanos, NsId, SocketId};
use crate::stack::socket::{Bound, Program, Socket};
use crate::trace::Recorder;
use crate::world::World;
use crate::world::tests::{ping_socket, pods};

fn titles(start: &World, trace: &Recorder) -> Vec<String> {
    let story = tell(start, trace);
    story.steps.iter().map(|s| format!("{}: {}", story.legs[s.leg].label, s.title)).collect()
}

struct Exchange {
    start: World,
    trace: Recorder,
    sender: (NsId, SocketId),
}

impl Exchange {
    fn told(&self) -> Told {
        verdict_of(&self.start, &self.trace, 0..self.trace.entries.len(), self.sender)
    }
}

/// 10.244.1.2 pings `to` on a bridge with three pods.
fn ping(to: [u8; 4], wait: Nanos) -> Exchange {
    let (mut world, [first, ..]) = pods([2, 3, 4]);
    let socket = ping_socket(&mut world, first);
    let start = world.clone();
    let mut trace = Recorder::default();
    world
        .send_echo(&mut trace, (first, socket), (to.into(), 1, None), b"abcdefgh")
        .expect("a route");
    world.run_until_quiet(&mut trace, wait);
    Exchange { start, trace, sender: (first, socket) }
}

/// 10.244.1.2 sends a datagram to port 53 of 10.244.1.3, where `program` listens, if any.
fn datagram(program: Option<Program>) -> Exchange {
    let (mut world, [first, second]) = pods([2, 3]);
    let udp = |port, program| Socket {
        bound: Bound::Udp { port },
        addr: None,
        program,
        owner: "app".into(),
        broadcast: false,
        heard: 0,
    };
    let socket = world.bind(first, udp(40000, Program::Reads)).expect("a free port");
    if let Some(program) = program {
        world.bind(second, udp(53, program)).expect("a free port");
    }
    let start = world.clone();
    let mut trace = Recorder::default();
    let dst = Ipv4Addr::new(10, 244, 1, 3);
    world.send_udp(&mut trace, (first, socket), (dst, 53), b"hello").expect("a route");
    world.run_until_quiet(&mut trace, Nanos::ZERO);
    Exchange { start, trace, sender: (first, socket) }
}

#[test]
fn a_ping_over_a_bridge_is_told_as_a_question_an_answer_the_request_and_the_reply() {
    let ping = ping([10, 244, 1, 3], Nanos::ZERO);
    assert_eq!(
        titles(&ping.start, &ping.trace),
        [
            "echo request: pod-2 has an echo request to send, and it must wait",
            "ARP request: pod-2 asks: who has 10.244.1.3?",
            "ARP request: pod-2 eth0 → veth2",
            "ARP request: veth2 → vbr0",
            "ARP request: vbr0 → veth3, veth4",
            "ARP request: veth3 → pod-3 eth0: pod-3 has it",
            "ARP reply: pod-3 answers: I have 10.244.1.3",
            "ARP reply: pod-3 eth0 → veth3",
            "ARP reply: veth3 → vbr0",
            "ARP reply: vbr0 → veth2",
            "ARP reply: veth2 → pod-2 eth0: pod-2 has it",
            "echo request: The echo request that waited can leave",
            "echo request: pod-2 eth0 → veth2",
            "echo request: veth2 → vbr0",
            "echo request: vbr0 → veth3",
            "echo request: veth3 → pod-3 eth0: pod-3 has it",
            "echo reply: pod-3 answers with an echo reply",
            "echo reply: pod-3 eth0 → veth3",
            "echo reply: veth3 → vbr0",
            "echo reply: vbr0 → veth2",
            "echo reply: veth2 → pod-2 eth0: pod-2 has it",
        ]
    );
    assert_eq!(ping.told().verdict, Verdict::Delivered);
}

#[test]
fn the_step_out_of_a_bridge_names_the_table_entry_that_decided() {
    let ping = ping([10, 244, 1, 3], Nanos::ZERO);
    let story = tell(&ping.start, &ping.trace);
    let step = story
        .steps
        .iter()
        .find(|s| s.title == "vbr0 → veth3")
        .expect("the request leaves the bridge");
    let because: Vec<_> =
        step.because.iter().map(|b| format!("{} [{}]", b.text, b.kernel)).collect();
    assert_eq!(
        because,
        ["the forwarding table of vbr0 says: 0a:58:0a:f4:01:03 is behind veth3 [br_fdb_find_rcu]"]
    );
}

#[test]
fn every_event_is_told_in_exactly_one_step() {
    for exchange in
        [ping([10, 244, 1, 3], Nanos::from_secs(60)), ping([10, 244, 1, 9], Nanos::from_secs(60))]
    {
        let mut told: Vec<usize> = tell(&exchange.start, &exchange.trace)
            .steps
            .into_iter()
            .flat_map(|s| s.events)
            .collect();
        told.sort_unstable();
        let births_of_copies = |i: &usize| {
            matches!(
                exchange.trace.entries[*i].event,
                crate::trace::Event::Born { birth: crate::trace::Birth::Clone, .. }
            )
        };
        let all: Vec<usize> =
            (0..exchange.trace.entries.len()).filter(|i| !births_of_copies(i)).collect();
        assert_eq!(told, all);
    }
}

#[test]
fn a_question_that_nobody_answers_ends_in_giving_up_and_a_report_to_the_sender() {
    let ping = ping([10, 244, 1, 9], Nanos::from_secs(4));
    let all = titles(&ping.start, &ping.trace);
    assert_eq!(all.iter().filter(|t| t.ends_with("asks: who has 10.244.1.9?")).count(), 3);
    assert_eq!(
        all[all.len() - 3..],
        [
            "echo request: pod-2 gives up on the echo request",
            "ICMP host unreachable: pod-2 reports: host unreachable",
            "ICMP host unreachable: lo: straight back up",
        ]
    );
    let told = ping.told();
    assert_eq!((told.verdict, told.served_by), (Verdict::Timeout, None));
}

#[test]
fn a_closed_port_refuses_and_an_open_one_delivers_whether_or_not_it_answers() {
    let verdict = |program| datagram(program).told().verdict;
    assert_eq!(verdict(None), Verdict::Refused);
    assert_eq!(verdict(Some(Program::Reads)), Verdict::Delivered);
    assert_eq!(verdict(Some(Program::Answers(b"hi".to_vec()))), Verdict::Delivered);
}

#[test]
fn the_server_sees_the_clients_own_address() {
    let told = datagram(Some(Program::Reads)).told();
    assert_eq!(told.seen_source, Some(Ipv4Addr::new(10, 244, 1, 2)));
}

#[test]
fn a_destination_without_a_route_is_one_step_without_a_frame() {
    let (mut world, [first, _]) = pods([2, 3]);
    let socket = ping_socket(&mut world, first);
    let start = world.clone();
    let mut trace = Recorder::default();
    world
        .send_echo(&mut trace, (first, socket), ([8, 8, 8, 8].into(), 1, None), b"")
        .expect_err("no default route");
    assert_eq!(titles(&start, &trace), ["nothing sent: pod-2 cannot send to 8.8.8.8"]);
    let told = verdict_of(&start, &trace, 0..trace.entries.len(), (first, socket));
    assert_eq!(told.because, "the sender has no route to 8.8.8.8 (ENETUNREACH)");
}
