//! Claims about connection tracking; what they say was seen on Linux 6.18 with `conntrack -L` and `-E`.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::net::Ipv4Addr;

use super::*;
use crate::netfilter::bench::*;
use crate::wire::icmp::{Echo, Error};

const NO_NAT: (Option<super::super::nat::Range>, Option<super::super::nat::Range>) = (None, None);
const A: End = (CLIENT, 40000);
const B: End = (SERVER, 53);
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;

fn states(bench: &mut Bench, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<Option<CtInfo>> {
    packets.into_iter().map(|it| info(&bench.pass(it, NO_NAT).expect("it passes"))).collect()
}

fn reports(bench: &Bench) -> Vec<String> {
    let entries = bench.trace.entries.iter();
    entries
        .filter_map(|it| match it.event {
            Event::CtReport { report, now, .. } => {
                let state = now.tcp.map_or(String::new(), |it| format!(" {}", it.name()));
                Some(format!("{} {}{state}", report.name(), now.timeout_s))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_flow_is_new_until_it_is_answered_and_established_from_then_on() {
    let mut bench = Bench::new();
    let seen = states(&mut bench, [udp(A, B), udp(A, B), udp(B, A), udp(A, B)]);
    let expected =
        [CtInfo::New, CtInfo::New, CtInfo::EstablishedReply, CtInfo::Established].map(Some);
    assert_eq!(seen, expected);
}

#[test]
fn a_packet_that_is_dropped_on_its_way_leaves_no_connection() {
    let mut bench = Bench::new();
    bench.come(udp(A, B), None).expect("it comes in");
    assert!(bench.listed().is_empty());
    assert_eq!(states(&mut bench, [udp(B, A)]), [Some(CtInfo::New)], "so the answer is no answer");
}

#[test]
fn udp_is_kept_half_a_minute_and_two_minutes_once_it_was_used_both_ways_for_two_seconds() {
    let mut bench = Bench::new();
    states(&mut bench, [udp(A, B)]);
    assert_eq!(
        bench.listed(),
        ["30 10.0.1.2:40000>10.0.2.2:53 [UNREPLIED] 10.0.2.2:53>10.0.1.2:40000"]
    );
    states(&mut bench, [udp(B, A), udp(A, B)]);
    assert_eq!(bench.listed(), ["30 10.0.1.2:40000>10.0.2.2:53 10.0.2.2:53>10.0.1.2:40000"]);
    bench.wait(3);
    states(&mut bench, [udp(A, B)]);
    assert_eq!(
        bench.listed(),
        ["120 10.0.1.2:40000>10.0.2.2:53 10.0.2.2:53>10.0.1.2:40000 [ASSURED]"]
    );
    bench.wait(120);
    assert!(bench.listed().is_empty());
    assert_eq!(states(&mut bench, [udp(A, B)]), [Some(CtInfo::New)]);
    assert_eq!(
        reports(&bench),
        ["[NEW] 30", "[UPDATE] 30", "[UPDATE] 120", "[DESTROY] 0", "[NEW] 30"]
    );
}

#[test]
fn a_reply_to_an_echo_has_its_id_and_a_reply_that_nobody_asked_for_is_invalid() {
    let mut bench = Bench::new();
    let unasked = states(&mut bench, [echo(SERVER, CLIENT, Echo::Reply { code: 0 }, 7)]);
    assert_eq!(unasked, [None]);
    let ping =
        [echo(CLIENT, SERVER, Echo::Request, 7), echo(SERVER, CLIENT, Echo::Reply { code: 0 }, 7)];
    assert_eq!(states(&mut bench, ping), [Some(CtInfo::New), Some(CtInfo::EstablishedReply)]);
    let other = states(&mut bench, [echo(SERVER, CLIENT, Echo::Reply { code: 0 }, 8)]);
    assert_eq!(other, [None]);
}

#[test]
fn an_error_is_related_to_the_connection_of_what_it_quotes_if_it_goes_to_the_sender() {
    let mut bench = Bench::new();
    let asked = udp(A, B);
    states(&mut bench, [asked.clone()]);
    let about = &asked[14..];
    let unreachable = |to| error(SERVER, to, Error::PortUnreachable, about);
    assert_eq!(states(&mut bench, [unreachable(CLIENT)]), [Some(CtInfo::RelatedReply)]);
    assert_eq!(states(&mut bench, [unreachable(ROUTER)]), [None], "not about what it sent");
    let stranger = udp((CLIENT, 1), B);
    let unknown = error(SERVER, CLIENT, Error::PortUnreachable, &stranger[14..]);
    assert_eq!(states(&mut bench, [unknown]), [None]);
    let listed = bench.listed();
    assert!(listed[0].contains("[UNREPLIED]"), "an error is no reply: {listed:?}");
}

#[test]
fn a_wrong_checksum_makes_a_packet_invalid_where_it_comes_in_and_the_setting_forgives_it() {
    let mut bench = Bench::new();
    let mut wrong = udp(A, B);
    *wrong.last_mut().expect("it has bytes") ^= 1;
    assert_eq!(states(&mut bench, [wrong.clone()]), [None]);
    bench.ct.settings.checksum = false;
    assert_eq!(states(&mut bench, [wrong]), [Some(CtInfo::New)]);
}

#[test]
fn a_tcp_connection_passes_through_the_states_of_its_segments() {
    let mut bench = Bench::new();
    let there = |flags, numbers, data: &[u8]| tcp(A, B, flags, numbers, data);
    let back = |flags, numbers, data: &[u8]| tcp(B, A, flags, numbers, data);
    let segments = [
        there(SYN, (100, 0), b""),
        back(SYN | ACK, (500, 101), b""),
        there(ACK, (101, 501), b""),
        there(ACK, (101, 501), b"hello"),
        back(ACK, (501, 106), b""),
        back(ACK | FIN, (501, 106), b""),
        there(ACK, (106, 502), b""),
        there(ACK | FIN, (106, 502), b""),
        back(ACK, (502, 107), b""),
    ];
    let mut seen = Vec::new();
    for segment in segments {
        states(&mut bench, [segment]);
        let listed = bench.listed();
        seen.push(listed[0].split(" 10.0.").next().unwrap_or_default().to_owned());
    }
    assert_eq!(
        seen,
        [
            "120 SYN_SENT",
            "60 SYN_RECV",
            "432000 ESTABLISHED",
            "300 ESTABLISHED",
            "432000 ESTABLISHED",
            "120 FIN_WAIT",
            "60 CLOSE_WAIT",
            "30 LAST_ACK",
            "120 TIME_WAIT"
        ]
    );
    assert!(bench.listed()[0].ends_with("[ASSURED]"));
    assert_eq!(
        reports(&bench),
        [
            "[NEW] 120 SYN_SENT",
            "[UPDATE] 60 SYN_RECV",
            "[UPDATE] 432000 ESTABLISHED",
            "[UPDATE] 120 FIN_WAIT",
            "[UPDATE] 60 CLOSE_WAIT",
            "[UPDATE] 30 LAST_ACK",
            "[UPDATE] 120 TIME_WAIT"
        ]
    );
    let again = states(&mut bench, [there(SYN, (9000, 0), b"")]);
    assert_eq!(again, [Some(CtInfo::New)], "the same port may be used again at once");
}

#[test]
fn a_refused_connection_is_forgotten_with_the_reset_and_the_reset_still_belongs_to_it() {
    let mut bench = Bench::new();
    states(&mut bench, [tcp(A, B, SYN, (100, 0), b"")]);
    let reset = states(&mut bench, [tcp(B, A, RST | ACK, (0, 101), b"")]);
    assert_eq!(reset, [Some(CtInfo::EstablishedReply)]);
    assert!(bench.listed().is_empty());
    assert_eq!(reports(&bench), ["[NEW] 120 SYN_SENT", "[DESTROY] 120 CLOSE"]);
}

#[test]
fn what_is_out_of_window_is_invalid_unless_the_setting_is_liberal() {
    let mut bench = Bench::new();
    let shaken = [
        tcp(A, B, SYN, (100, 0), b""),
        tcp(B, A, SYN | ACK, (500, 101), b""),
        tcp(A, B, ACK, (101, 501), b""),
    ];
    states(&mut bench, shaken);
    let beyond = tcp(A, B, ACK, (50_000, 501), b"x");
    let unsent = tcp(A, B, ACK, (101, 9_000), b"");
    let reset = tcp(B, A, RST | ACK, (499, 101), b"");
    let seen = states(&mut bench, [beyond.clone(), unsent, reset]);
    assert_eq!(seen, [None, None, None]);
    bench.ct.settings.tcp_be_liberal = true;
    assert_eq!(states(&mut bench, [beyond]), [Some(CtInfo::Established)]);
}

#[test]
fn a_reset_skips_the_window_check_only_if_it_answers_what_was_let_through() {
    let mut bench = Bench::new();
    let asked = [
        tcp(A, B, SYN, (100, 0), b""),
        tcp(B, A, ACK, (5000, 101), b"x"),
        tcp(A, B, SYN, (101, 0), b""),
    ];
    states(&mut bench, asked);
    let own = tcp(A, B, RST | ACK, (103, 5001), b"");
    assert_eq!(states(&mut bench, [own]), [None], "it came from who sent the SYN");
    let answer = tcp(B, A, RST | ACK, (9_000, 5001), b"");
    assert_eq!(states(&mut bench, [answer]), [Some(CtInfo::EstablishedReply)]);
}

#[test]
fn a_segment_from_the_middle_begins_a_connection_unless_the_setting_is_strict() {
    let mut bench = Bench::new();
    let middle = tcp(A, B, ACK, (7_000, 8_000), b"x");
    assert_eq!(states(&mut bench, [middle.clone()]), [Some(CtInfo::New)]);
    assert!(bench.listed()[0].starts_with("300 ESTABLISHED"));
    let mut strict = Bench::new();
    strict.ct.settings.tcp_loose = false;
    assert_eq!(states(&mut strict, [middle]), [None]);
    assert_eq!(states(&mut strict, [tcp(B, A, SYN | ACK, (1, 1), b"")]), [None]);
    assert_eq!(states(&mut strict, [tcp(A, B, SYN | FIN, (1, 1), b"")]), [None]);
}

#[test]
fn settings_that_differ_are_told_by_the_names_that_set_them() {
    let mut settings = Settings::default();
    assert!(settings.changed().is_empty());
    for (name, value) in [("tcp_timeout_close_wait", 7), ("tcp_loose", 0), ("acct", 1)] {
        assert!(settings.set(name, value), "{name}");
    }
    let changed = settings.changed();
    let mut again = Settings::default();
    for (name, value) in &changed {
        assert!(again.set(name, *value), "{name}");
    }
    assert_eq!((changed.len(), again), (3, settings));
    assert!(!settings.set("log_invalid", 1), "nothing here depends on it");
}

#[test]
fn a_full_table_refuses_new_connections_and_timed_out_ones_make_room() {
    let mut bench = Bench::new();
    bench.ct.settings.max = 1;
    states(&mut bench, [udp(A, B)]);
    let refused = bench.pass(udp((CLIENT, 1), B), NO_NAT).map(|_| ());
    assert_eq!(refused, Err(DropReason::CtTableFull));
    bench.wait(31);
    assert_eq!(states(&mut bench, [udp((CLIENT, 1), B)]), [Some(CtInfo::New)]);
}

#[test]
fn a_full_table_drops_what_is_not_assured_from_the_lists_next_to_a_new_connection() {
    let mut bench = Bench::new();
    bench.ct.settings.max = 2;
    bench.ct.settings.buckets = 4; // so that all lists are near
    states(&mut bench, [udp(A, B), udp((CLIENT, 1), B), udp((CLIENT, 2), B)]);
    assert!(bench.listed().len() <= 2, "one at least made room");
    let mut assured = Bench::new();
    assured.ct.settings.max = 1;
    assured.ct.settings.buckets = 4;
    states(&mut assured, [udp(A, B), udp(B, A)]);
    assured.wait(3);
    states(&mut assured, [udp(A, B), udp(B, A)]);
    let refused = assured.pass(udp((CLIENT, 1), B), NO_NAT).map(|_| ());
    assert_eq!(refused, Err(DropReason::CtTableFull), "an assured one stays");
}

#[test]
fn of_two_first_packets_that_waited_together_the_later_joins_the_earlier() {
    let mut bench = Bench::new();
    let first = bench.come(udp(A, B), None).expect("it comes in");
    let second = bench.come(udp(A, B), None).expect("and so does this one");
    let first = bench.go(first, None).expect("it goes out");
    let second = bench.go(second, None).expect("and so does the second");
    assert_eq!(first.ct, second.ct);
    assert_eq!(bench.listed().len(), 1);
    let first = bench.come(tcp(A, B, SYN, (1, 0), b""), None).expect("it comes in");
    let second = bench.come(tcp(A, B, SYN, (1, 0), b""), None).expect("and so does this one");
    bench.go(first, None).expect("it goes out");
    let dropped = bench.go(second, None).map(|_| ());
    assert_eq!(dropped, Err(DropReason::CtClash), "TCP would send its SYN again");
}

#[test]
fn zones_keep_equal_flows_apart() {
    let mut bench = Bench::new();
    let mut send = |zone: Zone| {
        let mut skb = Skb::new(crate::base::Id::from_index(0), udp(A, B));
        skb.ct = Ct::Template(crate::skb::Template { zone, zone_is_mark: false });
        let (mut ctx, ct) = bench.split();
        ct.packet_in(&mut ctx, at(Hook::PreRouting), &mut skb).expect("it comes in");
        bench.go(skb, None).expect("it goes out").ct
    };
    let one = send(Zone { id: 1, only: None });
    let two = send(Zone { id: 2, only: None });
    let again = send(Zone { id: 1, only: None });
    let original_only = send(Zone { id: 3, only: Some(Dir::Original) });
    assert_ne!(one, two);
    assert_eq!(one, again);
    assert_eq!(states(&mut bench, [udp(B, A)]), [Some(CtInfo::EstablishedReply)]);
    let Ct::Tracked { entry, .. } = original_only else { panic!("it is tracked") };
    let entry = bench.ct.get(entry).expect("it is in the table");
    assert!(entry.status().has(Status::SEEN_REPLY), "its replies come in zone 0");
}

#[test]
fn a_hundred_thousand_connections_are_found_and_forgotten_one_by_one() {
    let mut bench = Bench::new();
    bench.ct.set_nat_on(false);
    let flow = |n: u32| {
        let src = Ipv4Addr::from_bits(0x0a64_0000 | n >> 10);
        ((src, u16::try_from(n & 0x3ff).expect("ten bits") + 1024), B)
    };
    for n in 0..100_000 {
        let (a, b) = flow(n);
        bench.pass(udp(a, b), NO_NAT).expect("it passes");
        bench.trace.clear();
    }
    assert_eq!(bench.ct.table.len(), 100_000);
    for n in (0..100_000).step_by(997) {
        let (a, b) = flow(n);
        assert_eq!(states(&mut bench, [udp(b, a)]), [Some(CtInfo::EstablishedReply)]);
    }
    bench.wait(31);
    let (a, b) = flow(5);
    assert_eq!(states(&mut bench, [udp(a, b)]), [Some(CtInfo::New)]);
    bench.wait(61);
    states(&mut bench, [udp((CLIENT, 9), B)]);
    assert_eq!(bench.ct.table.len(), 1, "the sweep took the others");
}

#[test]
fn a_connection_known_before_goes_on() {
    let mut bench = Bench::new();
    let original = Tuple { src: A.0, dst: B.0, src_port: A.1, dst_port: B.1, protocol: TCP };
    let reply = original.inverted().expect("TCP answers TCP");
    let known = Known {
        original,
        reply,
        zone: Zone::DEFAULT,
        status: Status(Status::SEEN_REPLY.0 | Status::ASSURED.0),
        tcp: Some(TcpState::Established),
        timeout_s: 1000,
        mark: Mark(0),
        counters: None,
    };
    assert!(bench.ct.add_known(&known, bench.now));
    assert!(!bench.ct.add_known(&known, bench.now), "a tuple stands for one connection");
    let seen = states(&mut bench, [tcp(B, A, ACK, (1, 1), b"data"), tcp(A, B, ACK, (1, 5), b"")]);
    assert_eq!(seen, [Some(CtInfo::EstablishedReply), Some(CtInfo::Established)]);
    assert!(bench.listed()[0].starts_with("432000 ESTABLISHED"));
}
