//! What CoreDNS answers for a zone as a cluster has it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::net::Ipv4Addr;

use super::*;

const CLIENT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 40_000);
const UPSTREAM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 53), 53);
const SECOND: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 54), 53);

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn zones() -> Arc<[Zone]> {
    let mut zone = Zone::new(name("cluster.local"), 30);
    let a = |n: u8| Data::A(Ipv4Addr::new(10, 96, 0, n));
    let svc = |text: &str| name(&format!("{text}.default.svc.cluster.local"));
    zone.add_name(name("default.svc.cluster.local"));
    zone.add_dashed(name("default.pod.cluster.local"));
    zone.add(svc("api"), a(10));
    let target = svc("api");
    zone.add(svc("_http._tcp.api"), Data::Srv { priority: 0, weight: 100, port: 80, target });
    for n in 1..=100 {
        zone.add(svc("many"), a(n));
    }
    zone.add(svc("db"), Data::Cname(name("db.example.com")));
    zone.add(svc("alias"), Data::Cname(svc("API")));
    zone.add(svc("far"), Data::Cname(svc("db")));
    zone.add(svc("dangling"), Data::Cname(svc("nope")));
    zone.add(svc("ring"), Data::Cname(svc("ring-2")));
    zone.add(svc("ring-2"), Data::Cname(svc("ring")));
    let mut reverse = Zone::new(name("in-addr.arpa"), 30);
    reverse.falls_through = true;
    reverse.add(name("10.0.96.10.in-addr.arpa"), Data::Ptr(svc("api")));
    Arc::from([zone, reverse])
}

fn server(upstream: &[SocketAddrV4]) -> DnsServer {
    DnsServer::new(zones(), upstream.to_vec(), Chance::new(1))
}

fn query(text: &str, kind: Type) -> Message {
    Message::query(7, Question { name: name(text), kind })
}

fn hear(query: &Message) -> Happened {
    Happened::Datagram { sock: UDP, from: CLIENT, bytes: query.emit(512) }
}

/// The only datagram among calls, and where to.
fn sent(calls: &[Call]) -> (Sock, SocketAddrV4, Message) {
    let mut all = calls.iter().filter_map(|call| match call {
        Call::Send { sock, to, bytes } => {
            Some((*sock, *to, Message::parse(bytes).expect("a message")))
        }
        _ => None,
    });
    let first = all.next().unwrap_or_else(|| panic!("nothing was sent: {calls:?}"));
    assert_eq!(all.next(), None);
    first
}

fn ask(text: &str, kind: Type) -> Message {
    let (sock, to, reply) = sent(&server(&[]).on(&hear(&query(text, kind)), Nanos::ZERO));
    assert_eq!((sock, to, reply.id, reply.flags.response), (UDP, CLIENT, 7, true));
    reply
}

fn lines(records: &[Record]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

const SOA: &str =
    "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30";

#[test]
fn a_service_has_its_address_with_authority_and_in_the_case_it_was_asked_for() {
    let reply = ask("API.default.svc.cluster.local", Type::A);
    assert_eq!(lines(&reply.answers), ["API.default.svc.cluster.local. 30 IN A 10.96.0.10"]);
    let flags =
        Flags { response: true, authoritative: true, recursion_desired: true, ..Flags::default() };
    assert_eq!((reply.flags, reply.rcode, reply.authority), (flags, Rcode::NoError, vec![]));
}

#[test]
fn what_is_not_there_comes_with_the_start_of_authority() {
    for (text, kind, rcode) in [
        ("nope.default.svc.cluster.local", Type::A, Rcode::NxDomain),
        ("api.default.svc.cluster.local", Type::Aaaa, Rcode::NoError),
        ("api.default.svc.cluster.local", Type::Unknown(65), Rcode::NoError),
        ("default.svc.cluster.local", Type::A, Rcode::NoError),
        ("cluster.local", Type::A, Rcode::NoError),
        ("dangling.default.svc.cluster.local", Type::A, Rcode::NoError),
        ("ring.default.svc.cluster.local", Type::A, Rcode::NoError),
    ] {
        let reply = ask(text, kind);
        assert_eq!((reply.rcode, reply.answers.len()), (rcode, 0), "{text} {kind}");
        assert_eq!(lines(&reply.authority), [SOA], "{text} {kind}");
        assert!(reply.flags.authoritative);
    }
    assert_eq!(lines(&ask("cluster.local", Type::Soa).answers), [SOA]);
}

#[test]
fn a_port_names_its_host_whose_address_comes_along() {
    let reply = ask("_http._tcp.api.default.svc.cluster.local", Type::Srv);
    assert_eq!(
        lines(&reply.answers),
        [
            "_http._tcp.api.default.svc.cluster.local. 30 IN SRV 0 100 80 api.default.svc.cluster.local."
        ]
    );
    assert_eq!(lines(&reply.additional), ["api.default.svc.cluster.local. 30 IN A 10.96.0.10"]);
}

#[test]
fn a_pods_dashed_name_has_that_address_whether_or_not_the_pod_is_there() {
    let reply = ask("10-244-1-9.default.pod.cluster.local", Type::A);
    assert_eq!(lines(&reply.answers), ["10-244-1-9.default.pod.cluster.local. 30 IN A 10.244.1.9"]);
    let reply = ask("fd00--9.default.pod.cluster.local", Type::Aaaa);
    assert_eq!(lines(&reply.answers), ["fd00--9.default.pod.cluster.local. 30 IN AAAA fd00::9"]);
    for (text, kind, rcode) in [
        ("10-244-1-9.default.pod.cluster.local", Type::Aaaa, Rcode::NoError),
        ("web-0.default.pod.cluster.local", Type::A, Rcode::NxDomain),
        ("10-244-1-9.other.pod.cluster.local", Type::A, Rcode::NxDomain),
    ] {
        assert_eq!((ask(text, kind).rcode, ask(text, kind).answers.len()), (rcode, 0), "{text}");
    }
}

#[test]
fn an_alias_within_the_zone_comes_with_what_it_leads_to() {
    let reply = ask("alias.default.svc.cluster.local", Type::A);
    assert_eq!(
        lines(&reply.answers),
        [
            "alias.default.svc.cluster.local. 30 IN CNAME API.default.svc.cluster.local.",
            "API.default.svc.cluster.local. 30 IN A 10.96.0.10"
        ]
    );
    let reply = ask("alias.default.svc.cluster.local", Type::Cname);
    assert_eq!(reply.answers.len(), 1);
    assert_eq!(ask("alias.default.svc.cluster.local", Type::Aaaa).answers, []);
}

#[test]
fn an_alias_out_of_the_zone_is_completed_by_the_upstream_server() {
    let mut server = server(&[UPSTREAM]);
    let calls = server.on(&hear(&query("far.default.svc.cluster.local", Type::A)), Nanos::ZERO);
    let (sock, to, asked) = sent(&calls);
    assert_eq!((to, asked.questions[0].name.as_str()), (UPSTREAM, "db.example.com."));
    assert!(asked.flags.recursion_desired && asked.id != 7);
    let mut upstream = asked.reply(Rcode::NoError);
    upstream.flags.recursion_available = true;
    upstream.answers.push(Record {
        name: name("db.example.com"),
        ttl_s: 60,
        data: Data::A(Ipv4Addr::new(198, 51, 100, 7)),
    });
    let bytes = upstream.emit(512);
    let calls = server.on(&Happened::Datagram { sock, from: UPSTREAM, bytes }, Nanos::ZERO);
    let (_, to, reply) = sent(&calls);
    assert_eq!((to, reply.id), (CLIENT, 7));
    assert!(reply.flags.authoritative && !reply.flags.recursion_available);
    assert_eq!(
        lines(&reply.answers),
        [
            "far.default.svc.cluster.local. 30 IN CNAME db.default.svc.cluster.local.",
            "db.default.svc.cluster.local. 30 IN CNAME db.example.com.",
            "db.example.com. 60 IN A 198.51.100.7"
        ]
    );
    // Without an upstream server the alias is all there is.
    let reply = ask("db.default.svc.cluster.local", Type::A);
    assert_eq!((reply.rcode, reply.answers.len()), (Rcode::NoError, 1));
}

#[test]
fn names_of_others_are_forwarded_and_the_response_is_handed_on_as_it_is() {
    let mut server = server(&[UPSTREAM]);
    let calls = server.on(&hear(&query("Example.com", Type::Aaaa)), Nanos::ZERO);
    let (sock, to, asked) = sent(&calls);
    assert_eq!((to, asked.questions[0].kind, sock), (UPSTREAM, Type::Aaaa, Sock(2)));
    assert_eq!(calls.last(), Some(&Call::Wake { at: Nanos::from_secs(2) }));
    let mut upstream = asked.reply(Rcode::NxDomain);
    upstream.flags.recursion_available = true;
    let wrong = Message { id: asked.id ^ 1, ..upstream.clone() };
    for bytes in [wrong.emit(512), asked.emit(512), vec![1, 2, 3]] {
        let calls = server.on(&Happened::Datagram { sock, from: UPSTREAM, bytes }, Nanos::ZERO);
        assert_eq!(calls, []);
    }
    let bytes = upstream.emit(512);
    let calls = server.on(&Happened::Datagram { sock, from: UPSTREAM, bytes }, Nanos::ZERO);
    let (_, _, reply) = sent(&calls);
    assert_eq!((reply.id, reply.rcode), (7, Rcode::NxDomain));
    assert!(reply.flags.recursion_available && !reply.flags.authoritative);
    assert!(calls.contains(&Call::Close { sock }));
    // An address that no zone knows falls through to the upstream server; one that it knows does not.
    let calls = server.on(&hear(&query("1.2.0.192.in-addr.arpa", Type::Ptr)), Nanos::ZERO);
    assert_eq!(sent(&calls).1, UPSTREAM);
    let calls = server.on(&hear(&query("10.0.96.10.in-addr.arpa", Type::Ptr)), Nanos::ZERO);
    assert_eq!(
        lines(&sent(&calls).2.answers),
        ["10.0.96.10.in-addr.arpa. 30 IN PTR api.default.svc.cluster.local."]
    );
}

#[test]
fn an_upstream_server_that_keeps_silent_or_is_not_there_gives_way_to_the_next_and_then_it_is_a_failure()
 {
    let mut server = server(&[UPSTREAM, SECOND]);
    let calls = server.on(&hear(&query("example.com", Type::A)), Nanos::ZERO);
    let (sock, first, _) = sent(&calls);
    assert_eq!(
        server.on(&Happened::Woken, Nanos::from_millis(1999)).len(),
        1,
        "only the next time"
    );
    let calls = server.on(&Happened::Woken, Nanos::from_secs(2));
    let (second_sock, second, _) = sent(&calls);
    assert!(first != second && sock != second_sock);
    let calls = server.on(&Happened::Undelivered { sock: second_sock }, Nanos::from_secs(2));
    let (_, to, reply) = sent(&calls);
    assert_eq!((to, reply.rcode, reply.id), (CLIENT, Rcode::ServFail, 7));
    assert_eq!(ask("example.com", Type::A).rcode, Rcode::ServFail, "no upstream server at all");
}

#[test]
fn many_addresses_come_in_another_order_each_time_and_as_many_as_the_client_has_room_for() {
    let mut server = server(&[]);
    let mut both = [(); 2].map(|()| {
        let mut query = query("many.default.svc.cluster.local", Type::A);
        query.edns = Some(8192);
        sent(&server.on(&hear(&query), Nanos::ZERO)).2
    });
    assert!(both.iter().all(|it| it.answers.len() == 100 && it.edns == Some(8192)));
    assert_ne!(both[0].answers, both[1].answers);
    for reply in &mut both {
        reply.answers.sort_by_key(|it| it.data.to_string());
    }
    assert_eq!(both[0].answers, both[1].answers);
    let small = ask("many.default.svc.cluster.local", Type::A);
    assert!(small.flags.truncated && small.edns.is_none() && small.answers.len() < 40);
}

#[test]
fn by_tcp_a_long_answer_is_whole_also_to_a_question_in_pieces() {
    let mut server = server(&[]);
    let (sock, listener) = (Sock::ACCEPTED, TCP);
    server.on(&Happened::Accepted { listener, sock, local: CLIENT, peer: CLIENT }, Nanos::ZERO);
    let question = dns::framed(&query("many.default.svc.cluster.local", Type::A).emit(512));
    let mut calls = Vec::new();
    for byte in question {
        assert_eq!(calls, []);
        calls = server.on(&Happened::Bytes { sock, bytes: vec![byte] }, Nanos::ZERO);
    }
    let [Call::Write { sock: to, bytes }] = calls.as_slice() else { panic!("{calls:?}") };
    let (message, len) = dns::unframed(bytes).expect("a whole message");
    let reply = Message::parse(message).expect("a message");
    assert_eq!((*to, len, reply.answers.len()), (sock, bytes.len(), 100));
    let how = crate::app::Closed::Ended;
    assert_eq!(server.on(&Happened::Closed { sock, how }, Nanos::ZERO), [Call::Close { sock }]);
}

#[test]
fn broken_messages_get_a_format_error_and_responses_get_none() {
    let mut server = server(&[]);
    let mut bytes = query("api.default.svc.cluster.local", Type::A).emit(512);
    bytes.truncate(20);
    let hear = |bytes| Happened::Datagram { sock: UDP, from: CLIENT, bytes };
    let (_, _, reply) = sent(&server.on(&hear(bytes.clone()), Nanos::ZERO));
    assert_eq!((reply.id, reply.rcode), (7, Rcode::FormErr));
    bytes[2] |= 0x80;
    assert_eq!(server.on(&hear(bytes), Nanos::ZERO), []);
    assert_eq!(server.on(&hear(vec![0; 3]), Nanos::ZERO), []);
    let two = Message { questions: Vec::new(), ..query("a", Type::A) };
    assert_eq!(sent(&server.on(&hear(two.emit(512)), Nanos::ZERO)).2.rcode, Rcode::FormErr);
}

#[test]
fn a_server_of_the_internet_answers_without_authority_of_its_own() {
    let mut zone = Zone::new(Name::root(), 300);
    zone.recursive = true;
    zone.add(name("example.com"), Data::A(Ipv4Addr::new(198, 51, 100, 7)));
    let mut server = DnsServer::new(Arc::from([zone]), Vec::new(), Chance::new(1));
    let (_, _, reply) = sent(&server.on(&hear(&query("example.com", Type::A)), Nanos::ZERO));
    assert!(reply.flags.recursion_available && !reply.flags.authoritative);
    assert_eq!(lines(&reply.answers), ["example.com. 300 IN A 198.51.100.7"]);
    let (_, _, reply) = sent(&server.on(&hear(&query("nope.com", Type::A)), Nanos::ZERO));
    assert_eq!((reply.rcode, reply.authority.len()), (Rcode::NxDomain, 0));
}
