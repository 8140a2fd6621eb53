//! Claims about translation, as seen on Linux 6.18.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::netfilter::bench::*;
use crate::wire::icmp::{Echo, Error};

const CLIENT_END: End = (CLIENT, 40000);
const POD: End = (SERVER, 8080);

fn dnat() -> (Option<Range>, Option<Range>) {
    (Some(to_port(POD)), None)
}

fn snat() -> (Option<Range>, Option<Range>) {
    (None, Some(to(ROUTER)))
}

fn passed(bench: &mut Bench, packet: Vec<u8>, nat: (Option<Range>, Option<Range>)) -> (End, End) {
    let skb = bench.pass(packet, nat).expect("it passes");
    assert!(sums_are_right(skb.payload()), "{:02x?}", skb.payload());
    ends(&skb)
}

#[test]
fn a_service_address_becomes_a_pod_and_the_reply_comes_from_the_service() {
    let mut bench = Bench::new();
    let there = udp(CLIENT_END, (SERVICE, 80));
    assert_eq!(passed(&mut bench, there, dnat()), (CLIENT_END, POD));
    let back = udp(POD, CLIENT_END);
    assert_eq!(passed(&mut bench, back, dnat()), ((SERVICE, 80), CLIENT_END));
    assert_eq!(bench.listed(), ["30 10.0.1.2:40000>10.96.0.10:80 10.0.2.2:8080>10.0.1.2:40000"]);
}

#[test]
fn only_the_first_packet_of_a_connection_asks_the_rules() {
    let mut bench = Bench::new();
    let there = || udp(CLIENT_END, (SERVICE, 80));
    passed(&mut bench, there(), dnat());
    let elsewhere = (Some(to_port((ROUTER, 1))), None);
    assert_eq!(passed(&mut bench, there(), elsewhere), (CLIENT_END, POD));
}

#[test]
fn a_translated_source_keeps_its_port_while_it_is_free_and_gets_another_then() {
    let mut bench = Bench::new();
    let first = passed(&mut bench, udp(CLIENT_END, (SERVER, 53)), snat());
    assert_eq!(first.0, (ROUTER, 40000));
    let other = Ipv4Addr::new(10, 0, 1, 3);
    let second = passed(&mut bench, udp((other, 40000), (SERVER, 53)), snat());
    assert_eq!(second.0.0, ROUTER);
    assert!(second.0.1 >= 1024 && second.0.1 != 40000, "{second:?}");
    let back = passed(&mut bench, udp((SERVER, 53), second.0), snat());
    assert_eq!(back.1, (other, 40000));
    let elsewhere = passed(&mut bench, udp((other, 40000), (SERVER, 54)), snat());
    assert_eq!(elsewhere.0, second.0, "to elsewhere the same source goes by the name it has");
}

#[test]
fn a_port_below_512_or_1024_is_replaced_by_one_of_its_kind() {
    for (port, least, most) in [(100, 1, 511), (700, 600, 1023), (40000, 1024, 65535)] {
        let mut bench = Bench::new();
        let other = Ipv4Addr::new(10, 0, 1, 3);
        passed(&mut bench, udp((CLIENT, port), (SERVER, 53)), snat());
        let ((_, got), _) = passed(&mut bench, udp((other, port), (SERVER, 53)), snat());
        assert!(got != port && (least..=most).contains(&got), "{port} became {got}");
    }
}

#[test]
fn even_a_connection_that_no_rule_touches_gets_another_port_if_its_replies_could_not_be_told_apart()
{
    let mut bench = Bench::new();
    // The service's connection already replies from the pod to this client's port.
    passed(&mut bench, udp(CLIENT_END, (SERVICE, 80)), dnat());
    let (src, dst) = passed(&mut bench, udp(CLIENT_END, POD), (None, None));
    assert_eq!((src.0, dst), (CLIENT, POD));
    assert_ne!(src.1, 40000);
}

#[test]
fn random_ports_ignore_the_old_one_and_stay_within_the_range() {
    let mut bench = Bench::new();
    let range = Range { ports: Some((5000, 5009)), random: true, ..to(ROUTER) };
    let mut seen = Vec::new();
    for n in 0..10 {
        let src = (CLIENT, 30000 + n);
        seen.push(passed(&mut bench, udp(src, (SERVER, 53)), (None, Some(range))).0.1);
    }
    seen.sort_unstable();
    assert_eq!(seen, (5000..=5009).collect::<Vec<_>>(), "each of ten ports once");
}

/// Linux 6.18 gave 600 connections ports from 1070 to 65506, 32781 on average.
#[test]
fn random_ports_are_spread_evenly_over_all_that_are_not_reserved() {
    const N: u16 = 600;
    let mut bench = Bench::new();
    let range = Range { random: true, ..to(ROUTER) };
    let mut ports: Vec<u16> = Vec::new();
    for n in 0..N {
        let src = (CLIENT, 20000 + n);
        ports.push(passed(&mut bench, udp(src, (SERVER, 53)), (None, Some(range))).0.1);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), usize::from(N), "one each");
    assert!((1024..2000).contains(&ports[0]) && ports[ports.len() - 1] > 64_500);
    for quarter in 0..4_u16 {
        let from = 1024 + quarter * 16_128;
        let n_there = ports.iter().filter(|&&it| it >= from && it - from < 16_128).count();
        assert!((110..190).contains(&n_there), "{n_there} from {from} on, of 150");
    }
}

#[test]
fn a_range_of_ports_with_a_base_is_shifted() {
    let mut bench = Bench::new();
    let range = Range { ports: Some((8000, 8010)), base_port: Some(80), ..to(SERVER) };
    let (_, dst) = passed(&mut bench, udp(CLIENT_END, (SERVICE, 83)), (Some(range), None));
    assert_eq!(dst, (SERVER, 8003));
}

#[test]
fn a_range_of_addresses_is_shared_out_by_a_hash_of_both_ends() {
    let last = Ipv4Addr::new(10, 0, 2, 9);
    let range = Range { addrs: Some((SERVER, last)), ..Range::default() };
    let pick = |client: Ipv4Addr, range: Range| {
        let mut bench = Bench::new();
        passed(&mut bench, udp((client, 40000), (SERVICE, 80)), (Some(range), None)).1.0
    };
    assert_eq!(pick(CLIENT, range), pick(CLIENT, range));
    let clients = (2..10).map(|n| Ipv4Addr::new(10, 0, 1, n));
    let picked: Vec<u8> = clients.map(|it| pick(it, range).octets()[3]).collect();
    assert!(picked.iter().all(|it| (2..=9).contains(it)), "{picked:?}");
    assert!(picked.iter().any(|it| *it != picked[0]), "{picked:?}");
}

#[test]
fn two_pings_with_one_id_are_told_apart_by_another_id() {
    let mut bench = Bench::new();
    let other = Ipv4Addr::new(10, 0, 1, 3);
    let id = |skb: &Skb| u16::from_be_bytes([skb.payload()[24], skb.payload()[25]]);
    let ping = |src| echo(src, SERVER, Echo::Request, 7);
    let first = bench.pass(ping(CLIENT), snat()).expect("it passes");
    let second = bench.pass(ping(other), snat()).expect("so does this");
    assert!(sums_are_right(first.payload()) && sums_are_right(second.payload()));
    assert_eq!(id(&first), 7);
    assert_ne!(id(&second), 7);
    let reply = echo(SERVER, ROUTER, Echo::Reply { code: 0 }, id(&second));
    let back = bench.pass(reply, snat()).expect("the reply passes");
    assert_eq!((ends(&back).1.0, id(&back)), (other, 7));
}

#[test]
fn an_error_about_a_translated_packet_is_translated_with_what_it_quotes() {
    let mut bench = Bench::new();
    let both = (Some(to_port(POD)), Some(to(ROUTER)));
    let sent = udp(CLIENT_END, (SERVICE, 80));
    let arrived = bench.pass(sent.clone(), both).expect("it passes");
    let told = error(SERVER, ROUTER, Error::PortUnreachable, arrived.payload());
    let heard = bench.pass(told, both).expect("the error passes");
    let ip = heard.payload();
    assert!(sums_are_right(ip), "{ip:02x?}");
    assert_eq!((&ip[12..16], &ip[16..20]), (&SERVICE.octets()[..], &CLIENT.octets()[..]));
    let (quoted, original) = (&ip[28..], &sent[14..]);
    assert_eq!(quoted, original, "it quotes what the client sent");
}

#[test]
fn a_checksum_of_zero_stays_none_and_one_that_comes_out_as_zero_is_written_as_ffff() {
    let mut bench = Bench::new();
    let mut unsummed = udp(CLIENT_END, (SERVICE, 80));
    unsummed[14 + 26..14 + 28].fill(0);
    let skb = bench.pass(unsummed, dnat()).expect("it passes");
    assert_eq!(skb.payload()[26..28], [0, 0]);
    let mut sums = std::collections::BTreeSet::new();
    for port in 1024..=u16::MAX {
        let mut bench = Bench::new();
        let skb = bench.pass(udp((CLIENT, port), (SERVICE, 80)), dnat()).expect("it passes");
        assert!(sums_are_right(skb.payload()));
        sums.insert([skb.payload()[26], skb.payload()[27]]);
    }
    assert!(sums.contains(&[0xff, 0xff]) && !sums.contains(&[0, 0]));
}

#[test]
fn a_reset_that_ends_a_connection_is_still_put_back() {
    let mut bench = Bench::new();
    let syn = tcp(CLIENT_END, (SERVICE, 80), 0x02, (100, 0), b"");
    assert_eq!(passed(&mut bench, syn, dnat()), (CLIENT_END, POD));
    let reset = tcp(POD, CLIENT_END, 0x14, (0, 101), b"");
    assert_eq!(passed(&mut bench, reset, dnat()), ((SERVICE, 80), CLIENT_END));
    assert!(bench.listed().is_empty());
}

#[test]
fn two_datagrams_that_wait_and_got_two_backends_both_get_through_and_the_second_is_kept_for_replies()
 {
    let mut bench = Bench::new();
    let packet = || udp(CLIENT_END, (SERVICE, 80));
    let other = (Ipv4Addr::new(10, 0, 2, 3), 8080);
    let first = bench.come(packet(), Some(to_port(POD))).expect("it comes in");
    let second = bench.come(packet(), Some(to_port(other))).expect("and so does this");
    bench.go(first, None).expect("it goes out");
    let second = bench.go(second, None).expect("and so does this");
    assert_eq!(ends(&second).1, other);
    assert_eq!(bench.listed().len(), 1, "conntrack -L shows the first alone");
    let back = passed(&mut bench, udp(other, CLIENT_END), (None, None));
    assert_eq!(back, ((SERVICE, 80), CLIENT_END));
    assert_eq!(passed(&mut bench, packet(), (None, None)).1, POD);
}

#[test]
fn a_tcp_connection_that_is_over_gives_its_port_to_a_new_one() {
    let mut bench = Bench::new();
    let one_port = (None, Some(to_port((ROUTER, 5000))));
    let server = (SERVER, 80);
    let via = |src: End| move |flags, numbers| tcp(src, server, flags, numbers, b"");
    let old = via(CLIENT_END);
    let back = |flags, numbers| tcp(server, (ROUTER, 5000), flags, numbers, b"");
    for segment in [
        old(0x02, (100, 0)),
        back(0x12, (500, 101)),
        old(0x10, (101, 501)),
        old(0x11, (101, 501)),
        back(0x11, (501, 102)),
        old(0x10, (102, 502)),
    ] {
        passed(&mut bench, segment, one_port);
    }
    let range = Range { ports: Some((5000, 5001)), ..to(ROUTER) };
    let other = (Ipv4Addr::new(10, 0, 1, 3), 40000);
    let taken = (Ipv4Addr::new(10, 0, 1, 4), 40000);
    let mut ports: Vec<u16> = [other, taken]
        .map(|src| {
            let syn = via(src)(0x02, (900, 0));
            passed(&mut bench, syn, (None, Some(range))).0.1
        })
        .into();
    ports.sort_unstable();
    assert_eq!(ports, [5000, 5001]);
}
