//! Messages there and back, and what no message may do.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::Rng;
use crate::wire::Malformed;

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn record(owner: &str, data: Data) -> Record {
    Record { name: name(owner), ttl_s: 30, data }
}

/// One record of each kind.
fn response() -> Message {
    let question = Question { name: name("Api.default.svc.cluster.local"), kind: Type::A };
    let mut message = Message::query(7, question).reply(Rcode::NoError);
    message.flags.authoritative = true;
    message.answers = vec![
        record("api.default.svc.cluster.local", Data::A(Ipv4Addr::new(10, 96, 0, 10))),
        record("api.default.svc.cluster.local", Data::Aaaa(Ipv6Addr::LOCALHOST)),
        record("db.default.svc.cluster.local", Data::Cname(name("db.example.com"))),
        record("10.0.96.10.in-addr.arpa", Data::Ptr(name("api.default.svc.cluster.local"))),
        record("dns-version.cluster.local", Data::Txt("1.1.0".into())),
        record("odd.example.com", Data::Unknown { kind: 65, bytes: vec![0, 1, 2].into() }),
        record(
            "_http._tcp.api.default.svc.cluster.local",
            Data::Srv {
                priority: 0,
                weight: 100,
                port: 80,
                target: name("api.default.svc.cluster.local"),
            },
        ),
    ];
    message.authority = vec![
        record("cluster.local", Data::Ns(name("ns.dns.cluster.local"))),
        record(
            "cluster.local",
            Data::Soa(Box::new(Soa {
                server: name("ns.dns.cluster.local"),
                mailbox: name("hostmaster.cluster.local"),
                serial: 1,
                refresh_s: 7200,
                retry_s: 1800,
                expire_s: 86400,
                minimum_s: 30,
            })),
        ),
    ];
    message.additional =
        vec![record("api.default.svc.cluster.local", Data::A([10, 0, 0, 1].into()))];
    message.edns = Some(1232);
    message
}

#[test]
fn a_query_is_the_bytes_that_a_resolver_sends() {
    let question = Question { name: name("api.x."), kind: Type::Aaaa };
    let bytes = Message::query(0x1234, question).emit(UDP_BYTES);
    let expected = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0\x03api\x01x\0\0\x1c\0\x01";
    assert_eq!(bytes, expected);
}

#[test]
fn what_is_written_is_read_back_with_and_without_compressed_names() {
    let message = response();
    let compressed = message.emit(UDP_BYTES);
    let plain = message.emit(u16::MAX);
    assert!(compressed.len() < plain.len() && plain.len() > 512, "{} bytes", plain.len());
    assert_eq!(Message::parse(&plain).as_ref(), Ok(&message));
    assert_eq!(Message::parse(&compressed), Ok(message));
}

#[test]
fn a_response_without_room_loses_records_and_says_so() {
    let mut message = response();
    let many = |n: u8| record("api.default.svc.cluster.local", Data::A([10, 0, 0, n].into()));
    message.answers = (0..100).map(many).collect();
    let bytes = message.emit(UDP_BYTES);
    assert!(bytes.len() <= 512, "{} bytes", bytes.len());
    let read = Message::parse(&bytes).expect("it is whole");
    assert!(read.flags.truncated);
    assert!((20..100).contains(&read.answers.len()), "{} answers", read.answers.len());
    assert_eq!((read.authority.len(), read.additional.len(), read.edns), (0, 0, Some(1232)));
    assert!(!Message::parse(&message.emit(4096)).expect("it is whole").flags.truncated);
}

#[test]
fn records_read_as_dig_writes_them() {
    let lines: Vec<_> = response().answers.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "api.default.svc.cluster.local. 30 IN A 10.96.0.10",
            "api.default.svc.cluster.local. 30 IN AAAA ::1",
            "db.default.svc.cluster.local. 30 IN CNAME db.example.com.",
            "10.0.96.10.in-addr.arpa. 30 IN PTR api.default.svc.cluster.local.",
            "dns-version.cluster.local. 30 IN TXT \"1.1.0\"",
            "odd.example.com. 30 IN TYPE65 \\# 3 00 01 02",
            "_http._tcp.api.default.svc.cluster.local. 30 IN SRV 0 100 80 api.default.svc.cluster.local.",
        ]
    );
    assert_eq!(
        [Rcode::NxDomain, Rcode::Unknown(9)].map(|it| it.to_string()),
        ["NXDOMAIN", "RCODE9"]
    );
    assert_eq!(
        ["srv", "TYPE28", "NOPE"].map(Type::named),
        [Some(Type::Srv), Some(Type::Aaaa), None]
    );
}

#[test]
fn names_are_equal_in_any_case_and_know_their_zone() {
    let api = name("API.default.svc.cluster.local");
    assert_eq!(api, name("api.default.svc.CLUSTER.local."));
    assert_eq!(api.within(&name("svc.cluster.LOCAL")), Some("API.default"));
    assert_eq!(api.within(&api), Some(""));
    assert_eq!(api.within(&name("uster.local")), None);
    assert_eq!(api.within(&Name::root()), Some("API.default.svc.cluster.local"));
    assert_eq!(api.parent(), Some(name("default.svc.cluster.local")));
    assert_eq!((name("x").parent(), Name::root().parent()), (Some(Name::root()), None));
    let long = "abcdefg.".repeat(31) + "abcde";
    assert_eq!((long.len(), Name::new(&long).is_some()), (253, true));
    assert_eq!(Name::new(&(long + "f")), None);
    assert_eq!(name("a\\.b*.c").to_string(), "a\\.b*.c.");
    for bad in ["", "..", "a..", "a..b", ".a", &"a".repeat(64), &"abcdefg.".repeat(32)] {
        assert_eq!(Name::new(bad), None, "{bad}");
    }
}

#[test]
fn an_address_has_a_name_in_the_reverse_tree_and_back() {
    for (addr, reverse) in [
        ("10.96.0.10", "10.0.96.10.in-addr.arpa."),
        ("fd00::a", "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa."),
    ] {
        let addr = addr.parse().expect("an address");
        let name = Name::reverse(addr);
        assert_eq!((name.as_str(), name.reversed()), (reverse, Some(addr)));
    }
    for odd in
        ["0.96.10.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "x.2.3.4.in-addr.arpa", "a.ip6.arpa"]
    {
        assert_eq!(name(odd).reversed(), None, "{odd}");
    }
}

#[test]
fn a_pointer_to_itself_and_other_classes_and_opcodes_are_refused() {
    let mut looped = Message::query(1, Question { name: name("ab.c"), kind: Type::A }).emit(512);
    looped[12..14].copy_from_slice(&[0xc0, 12]);
    assert!(Message::parse(&looped).is_err());
    let query = Message::query(1, Question { name: name("a"), kind: Type::A }).emit(512);
    let mut chaos = query.clone();
    *chaos.last_mut().expect("it ends with the class") = 3;
    assert_eq!(Message::parse(&chaos), Err(Malformed::Field("DNS class")));
    let mut update = query;
    update[2] |= 5 << 3;
    assert_eq!(Message::parse(&update), Err(Malformed::Field("DNS opcode")));
    assert_eq!(Message::parse(&[0; 11]), Err(Malformed::Truncated { need: 12, have: 11 }));
}

/// Whatever is read can be written and is then the same.
fn check(bytes: &[u8]) {
    if let Ok(message) = Message::parse(bytes) {
        let again = Message::parse(&message.emit(u16::MAX));
        assert_eq!(again.as_ref(), Ok(&message), "{bytes:02x?}");
        message.emit(UDP_BYTES);
    }
}

#[test]
fn any_bytes_are_read_or_refused_and_never_panic() {
    let mut rng = Rng::new(1);
    let message = response();
    for whole in [message.emit(UDP_BYTES), message.emit(u16::MAX)] {
        for cut in 0..whole.len() {
            assert!(Message::parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        for _ in 0..4_000 {
            let mut bytes = whole.clone();
            for _ in 0..=rng.below(3) {
                let at = usize::from(rng.bits16()) % bytes.len();
                [bytes[at], _] = rng.bits16().to_be_bytes();
            }
            check(&bytes);
        }
    }
    for _ in 0..4_000 {
        let mut bytes = vec![0; LEN];
        bytes[5] = 1;
        bytes[7] = 1;
        bytes.extend((0..rng.below(60)).map(|_| rng.bits16().to_be_bytes()[0] & 0x43));
        check(&bytes);
    }
}
