//! What glibc 2.36 asked a name server on 127.0.0.1, with a pod's `resolv.conf` and `getaddrinfo`, for each kind of answer.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::VecDeque;
use std::net::SocketAddrV4;

use super::*;
use crate::app::Closed;
use crate::wire::dns::{self, Flags, Message};

/// A name, a type, and the last number of the address of the server that is asked.
type Asked<'a> = (&'a str, Type, u8);

/// What a server does with a question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Drop,
    Says(Rcode),
    Has(Ipv4Addr),
    /// A name and nothing more.
    Alias,
    Truncates,
    /// Nobody listens there.
    Absent,
}
use Act::{Absent, Drop, Has, Says};

const NX: Act = Says(Rcode::NxDomain);
const NODATA: Act = Says(Rcode::NoError);
const SERVFAIL: Act = Says(Rcode::ServFail);
const A: Act = Has(Ipv4Addr::new(10, 96, 0, 10));

const DOMAINS: [&str; 3] = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"];

/// A pod's file, for so many name servers.
fn conf(n_servers: u8, options: &str) -> Conf {
    Conf {
        nameservers: (1..=n_servers).map(|n| Ipv4Addr::new(127, 0, 0, n)).collect(),
        search: DOMAINS.iter().filter_map(|it| Name::new(it)).collect(),
        options: options.split_whitespace().map(str::to_owned).collect(),
    }
}

/// A run: every datagram as `seconds socket>server name type`, and what came of it.
struct Run {
    sent: Vec<String>,
    resolution: Resolution,
    took_s: u64,
}

fn run(conf: &Conf, name: &str, act: impl Fn(Asked<'_>) -> Act) -> Run {
    let resolver = Resolver::addresses(conf, name, Sock(0), Chance::new(1));
    play(resolver, act)
}

fn play(mut resolver: Resolver, act: impl Fn(Asked<'_>) -> Act) -> Run {
    let (mut now, mut wake) = (Nanos::ZERO, Nanos::ZERO);
    let (mut calls, mut sent, mut waiting) = (Vec::new(), Vec::new(), VecDeque::new());
    let mut done = resolver.start(now, &mut calls);
    while done.is_none() {
        for call in calls.drain(..) {
            match call {
                Call::Send { sock, to, bytes } => {
                    let query = Message::parse(&bytes).expect("a message");
                    let (question, server) = (&query.questions[0], to.ip().octets()[3]);
                    let dns::Question { name, kind } = question;
                    let at_s = now.0 / 1_000_000_000;
                    sent.push(format!("{at_s} {}>{server} {name} {kind}", sock.0));
                    waiting.extend(respond(act((name.as_str(), *kind, server)), &query, sock, to));
                }
                Call::Connect { sock, .. } => {
                    sent.push(format!("connects {}", sock.0));
                    waiting.push_back(Happened::Closed { sock, how: Closed::Refused });
                }
                Call::Wake { at } => wake = at,
                Call::Close { .. } => {}
                other => panic!("a resolver does not call {other:?}"),
            }
        }
        let happened = waiting.pop_front().unwrap_or_else(|| {
            now = wake;
            Happened::Woken
        });
        done = resolver.on(&happened, now, &mut calls);
    }
    let resolution = done.expect("it is done");
    Run { sent, resolution, took_s: now.0 / 1_000_000_000 }
}

fn respond(act: Act, query: &Message, sock: Sock, from: SocketAddrV4) -> Option<Happened> {
    let mut reply = query.reply(Rcode::NoError);
    reply.flags = Flags { authoritative: true, ..reply.flags };
    let name = query.questions[0].name.clone();
    let data = match act {
        Drop => return None,
        Absent => return Some(Happened::Undelivered { sock }),
        Says(rcode) => {
            reply.rcode = rcode;
            None
        }
        Has(addr) => Some(Data::A(addr)),
        Act::Alias => Some(Data::Cname(Name::root())),
        Act::Truncates => {
            reply.flags.truncated = true;
            None
        }
    };
    reply.answers.extend(data.map(|data| dns::Record { name, ttl_s: 30, data }));
    Some(Happened::Datagram { sock, from, bytes: reply.emit(512) })
}

/// The names asked for, without the pod's domain.
fn asked(run: &Run) -> Vec<&str> {
    run.resolution.questions.iter().map(Name::as_str).collect()
}

#[test]
fn a_and_aaaa_go_out_at_once_from_one_socket_and_the_first_answer_ends_the_search() {
    let act = |(_, kind, _): Asked<'_>| if kind == Type::A { A } else { NODATA };
    let found = run(&conf(1, "ndots:5"), "api", act);
    let name = "api.default.svc.cluster.local.";
    assert_eq!(found.sent, [format!("0 0>1 {name} A"), format!("0 0>1 {name} AAAA")]);
    assert_eq!(asked(&found), [name]);
    assert_eq!(found.resolution.rcode, Ok(Rcode::NoError));
    let lines: Vec<_> = found.resolution.answers.iter().map(ToString::to_string).collect();
    assert_eq!(lines, [format!("{name} 30 IN A 10.96.0.10")]);
    assert_eq!(found.resolution.addresses().collect::<Vec<_>>(), [Ipv4Addr::new(10, 96, 0, 10)]);
}

#[test]
fn a_name_with_few_dots_is_looked_for_in_every_domain_before_it_is_taken_as_it_is() {
    let act =
        |(name, kind, _): Asked<'_>| if (name, kind) == ("example.com.", Type::A) { A } else { NX };
    let found = run(&conf(1, "ndots:5"), "example.com", act);
    assert_eq!(
        asked(&found),
        [
            "example.com.default.svc.cluster.local.",
            "example.com.svc.cluster.local.",
            "example.com.cluster.local.",
            "example.com."
        ]
    );
    assert_eq!((found.sent.len(), found.resolution.rcode), (8, Ok(Rcode::NoError)));
    // Every name is asked for from a socket of its own.
    assert!(
        found.sent[2].starts_with("0 1>1") && found.sent[7].starts_with("0 3>1"),
        "{:?}",
        found.sent
    );
}

#[test]
fn a_name_with_enough_dots_is_taken_as_it_is_first_and_its_rcode_counts() {
    let found =
        run(
            &conf(1, "ndots:5"),
            "a.b.c.d.e.f",
            |(name, ..)| {
                if name == "a.b.c.d.e.f." { NX } else { SERVFAIL }
            },
        );
    assert_eq!(asked(&found)[..2], ["a.b.c.d.e.f.", "a.b.c.d.e.f.default.svc.cluster.local."]);
    assert_eq!((asked(&found).len(), found.resolution.rcode), (4, Ok(Rcode::NxDomain)));
    let found =
        run(
            &conf(1, "ndots:5"),
            "a.b.c.d.e.f",
            |(name, ..)| {
                if name == "a.b.c.d.e.f." { SERVFAIL } else { NX }
            },
        );
    assert_eq!(found.resolution.rcode, Ok(Rcode::ServFail));
    let found = run(&conf(1, ""), "a.b", |_| NX);
    assert_eq!(asked(&found)[..2], ["a.b.", "a.b.default.svc.cluster.local."], "ndots is 1");
}

#[test]
fn a_dot_at_the_end_forbids_the_search() {
    for (act, rcode) in
        [(NX, Rcode::NxDomain), (NODATA, Rcode::NoError), (SERVFAIL, Rcode::ServFail)]
    {
        let found = run(&conf(1, "ndots:5"), "nope.", |_| act);
        assert_eq!((asked(&found), found.resolution.rcode), (vec!["nope."], Ok(rcode)));
    }
}

#[test]
fn absent_data_moves_on_and_counts_more_than_an_absent_name() {
    let found = run(&conf(1, "ndots:5"), "api", |(name, ..)| {
        if name == "api.default.svc.cluster.local." { NODATA } else { NX }
    });
    assert_eq!((asked(&found).len(), found.resolution.rcode), (4, Ok(Rcode::NoError)));
    assert!(found.resolution.answers.is_empty());
    let found = run(&conf(1, "ndots:5"), "api", |(name, kind, _)| match (name, kind) {
        ("api.default.svc.cluster.local.", Type::A) => NODATA,
        ("api.svc.cluster.local.", Type::A) => A,
        _ => NX,
    });
    assert_eq!((asked(&found).len(), found.resolution.answers.len()), (2, 1));
}

#[test]
fn a_server_that_fails_is_asked_again_from_the_same_socket_and_then_the_search_goes_on() {
    let found = run(&conf(1, "ndots:5"), "api", |(name, ..)| {
        if name == "api.default.svc.cluster.local." { SERVFAIL } else { NX }
    });
    assert_eq!(
        found.sent[..5],
        [
            "0 0>1 api.default.svc.cluster.local. A",
            "0 0>1 api.default.svc.cluster.local. AAAA",
            "0 0>1 api.default.svc.cluster.local. A",
            "0 0>1 api.default.svc.cluster.local. AAAA",
            "0 1>1 api.svc.cluster.local. A",
        ]
    );
    assert_eq!((asked(&found).len(), found.resolution.rcode), (4, Ok(Rcode::ServFail)));
    let last =
        run(&conf(1, "ndots:5"), "api", |(name, ..)| if name == "api." { SERVFAIL } else { NX });
    assert_eq!((last.sent.len(), last.resolution.rcode), (10, Ok(Rcode::ServFail)));
}

#[test]
fn a_refusal_skips_the_rest_of_the_search_list() {
    let found = run(&conf(1, "ndots:5"), "api", |_| Says(Rcode::Refused));
    assert_eq!(asked(&found), ["api.default.svc.cluster.local.", "api."]);
    assert_eq!((found.sent.len(), found.resolution.rcode), (8, Ok(Rcode::Refused)));
}

#[test]
fn one_good_answer_of_two_is_enough() {
    for other in [NX, SERVFAIL] {
        let found =
            run(&conf(1, "ndots:5"), "api", |(_, kind, _)| if kind == Type::A { A } else { other });
        assert_eq!((found.sent.len(), found.resolution.answers.len()), (2, 1));
    }
    let found = run(
        &conf(1, "ndots:5"),
        "api",
        |(_, kind, _)| {
            if kind == Type::A { SERVFAIL } else { NODATA }
        },
    );
    assert_eq!((found.sent.len(), found.resolution.rcode), (8, Ok(Rcode::NoError)));
}

#[test]
fn silence_costs_two_times_five_seconds_for_the_first_domain_and_as_much_for_the_name_itself() {
    let found = run(&conf(1, "ndots:5"), "api", |_| Drop);
    let times: Vec<_> = found.sent.iter().map(|it| it.split(' ').next().unwrap_or("")).collect();
    assert_eq!(times, ["0", "0", "5", "5", "10", "10", "15", "15"]);
    assert_eq!(asked(&found), ["api.default.svc.cluster.local.", "api."]);
    assert_eq!((found.took_s, found.resolution.rcode), (20, Err(Unanswered::TimedOut)));
    let dotted = run(&conf(1, "ndots:5 timeout:1"), "a.b.c.d.e.f", |_| Drop);
    assert_eq!(asked(&dotted), ["a.b.c.d.e.f.", "a.b.c.d.e.f.default.svc.cluster.local."]);
    assert_eq!(dotted.took_s, 4);
}

#[test]
fn later_servers_share_a_longer_time_and_one_that_is_not_there_costs_none() {
    let found =
        run(&conf(3, "ndots:5"), "api.", |(.., server)| if server == 3 { Absent } else { Drop });
    let rounds: Vec<_> = found.sent.iter().step_by(2).map(|it| it.split_once(' ')).collect();
    assert_eq!(
        rounds,
        [
            Some(("0", "0>1 api. A")),
            Some(("5", "1>2 api. A")),
            Some(("8", "2>3 api. A")),
            Some(("8", "3>1 api. A")), // from new sockets, since one failed
            Some(("13", "4>2 api. A")),
            Some(("16", "5>3 api. A")),
        ]
    );
    let absent = run(&conf(1, "ndots:5"), "api", |_| Absent);
    assert_eq!((asked(&absent).len(), absent.took_s), (1, 0));
    assert_eq!(absent.resolution.rcode, Err(Unanswered::Refused));
}

#[test]
fn after_half_an_answer_questions_go_one_by_one_and_then_from_a_socket_each() {
    let found =
        run(&conf(1, "ndots:5"), "api", |(_, kind, _)| if kind == Type::A { A } else { Drop });
    let name = "api.default.svc.cluster.local.";
    let expected = ["0 0>1", "0 0>1", "5 0>1", "5 0>1", "10 1>1", "10 2>1"];
    let kinds = ["A", "AAAA"].iter().cycle();
    let expected = expected.iter().zip(kinds).map(|(at, kind)| format!("{at} {name} {kind}"));
    assert_eq!(found.sent, expected.collect::<Vec<_>>());
    assert_eq!((found.took_s, found.resolution.answers.len()), (15, 1));
    let found =
        run(&conf(1, "ndots:5"), "api", |(_, kind, _)| if kind == Type::A { Drop } else { NODATA });
    let kinds: Vec<_> = found.sent.iter().map(|it| it.rsplit(' ').next().unwrap_or("")).collect();
    assert_eq!((kinds, found.took_s), (vec!["A", "AAAA", "A", "A", "A", "A"], 25));
    assert_eq!(found.resolution.rcode, Err(Unanswered::TimedOut));
}

#[test]
fn an_alias_without_an_address_ends_the_search() {
    let found = run(&conf(1, "ndots:5"), "api", |_| Act::Alias);
    assert_eq!((asked(&found).len(), found.resolution.rcode), (1, Ok(Rcode::NoError)));
    assert_eq!((found.resolution.answers.len(), found.resolution.addresses().count()), (1, 0));
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp_and_nobody_there_ends_the_lookup() {
    let found = run(&conf(1, "ndots:5"), "api", |_| Act::Truncates);
    assert_eq!(found.sent[2..], ["connects 1", "connects 2"]);
    assert_eq!((asked(&found).len(), found.resolution.rcode), (1, Err(Unanswered::Refused)));
}

#[test]
fn by_tcp_both_questions_go_in_one_write_and_answers_may_come_in_pieces() {
    let conf = conf(1, "ndots:5 use-vc");
    let mut resolver = Resolver::addresses(&conf, "api.", Sock(5), Chance::new(1));
    let mut calls = Vec::new();
    assert_eq!(resolver.start(Nanos::ZERO, &mut calls), None);
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53);
    let sock = Sock(5);
    assert_eq!(calls, [Call::Connect { sock, to }]);
    calls.clear();
    resolver.on(&Happened::Connected { sock, local: to }, Nanos::ZERO, &mut calls);
    let [Call::Write { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
    let (first, len) = dns::unframed(bytes).expect("a whole message");
    let (second, _) = dns::unframed(&bytes[len..]).expect("and another");
    let mut replies = Vec::new();
    for query in [second, first] {
        let query = Message::parse(query).expect("a query");
        let mut reply = query.reply(Rcode::NoError);
        if query.questions[0].kind == Type::A {
            let name = query.questions[0].name.clone();
            reply.answers.push(Record { name, ttl_s: 1, data: Data::A([10, 0, 0, 1].into()) });
        }
        replies.extend(dns::framed(&reply.emit(u16::MAX)));
    }
    let mut done = None;
    for (idx, byte) in replies.iter().enumerate() {
        assert_eq!(done, None, "done after {idx} bytes");
        let bytes = vec![*byte];
        done = resolver.on(&Happened::Bytes { sock, bytes }, Nanos::ZERO, &mut calls);
    }
    assert_eq!(done.map(|it| it.answers.len()), Some(1));
    assert_eq!(calls.last(), Some(&Call::Close { sock }));
}

#[test]
fn one_type_is_asked_for_alone_and_a_failing_server_gets_a_new_socket() {
    let resolver =
        Resolver::records(&conf(1, "ndots:5"), "api.", Type::Srv, Sock(0), Chance::new(1));
    let found = play(resolver, |_| SERVFAIL);
    assert_eq!(found.sent, ["0 0>1 api. SRV", "0 1>1 api. SRV"]);
}

#[test]
fn responses_to_other_questions_and_odd_bytes_are_ignored() {
    let mut resolver = Resolver::addresses(&conf(1, "ndots:5"), "api.", Sock(0), Chance::new(1));
    let mut calls = Vec::new();
    resolver.start(Nanos::ZERO, &mut calls);
    let (sock, from) = (Sock(0), SocketAddrV4::new(Ipv4Addr::LOCALHOST, 53));
    let Call::Send { bytes, .. } = &calls[0] else { panic!("{calls:?}") };
    let query = Message::parse(bytes).expect("a query");
    let other_id = Message { id: query.id ^ 1, ..query.reply(Rcode::NxDomain) };
    let mut other_name = query.reply(Rcode::NxDomain);
    other_name.questions[0].name = Name::root();
    let garbage = [&bytes[..12], &[0xff; 9]].concat();
    for bytes in [other_id.emit(512), other_name.emit(512), query.emit(512), garbage] {
        let happened = Happened::Datagram { sock, from, bytes };
        let before = resolver.clone();
        let mut calls = Vec::new();
        assert_eq!(resolver.on(&happened, Nanos::ZERO, &mut calls), None);
        assert_eq!((calls, resolver.questions == before.questions), (Vec::new(), true));
    }
}

#[test]
fn the_file_is_as_containerd_writes_it() {
    assert_eq!(
        conf(1, "ndots:5").text(),
        "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 127.0.0.1\noptions ndots:5\n"
    );
}
