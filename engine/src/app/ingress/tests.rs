//! Claims about the proxy: what it asks of whom, and what its clients hear.

use std::net::Ipv4Addr;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::route::{Host, PathKind, Route, Upstream};
use super::*;

const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 9), 40_000);
const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 80);
const CLIENT: Sock = Sock::ACCEPTED;
const A: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 10), 8080);
const B: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 2, 10), 8080);

/// `shop.com/` is served by A and B in turn, `one.com/` by A alone, `empty.com/` by nobody.
fn proxy() -> Ingress {
    let route = |(upstream, host): (usize, &str)| Route {
        host: Host::parse(host),
        path: "/".into(),
        kind: PathKind::Prefix,
        upstream,
        origin: "Ingress default/web".into(),
    };
    let upstream = |name: &str, endpoints: &[SocketAddrV4]| Upstream {
        name: name.into(),
        endpoints: endpoints.iter().map(|it| (*it.ip(), it.port())).collect(),
    };
    let routes = ["shop.com", "one.com", "empty.com"].into_iter().enumerate().map(route);
    let upstreams =
        vec![upstream("default/api:80", &[A, B]), upstream("one", &[A]), upstream("none", &[])];
    let routes = Routes::new(routes.collect(), Vec::new(), upstreams);
    let mut proxy = Ingress::new(Arc::new(routes), Ports { http: vec![80], tls: vec![443] });
    let calls = hear(&mut proxy, &Happened::Started);
    let listen = |sock, port| Call::Listen { sock: Sock(sock), addr: None, port };
    assert_eq!(calls, [listen(0, 80), listen(1, 443)]);
    accept(&mut proxy, Sock(0));
    proxy
}

fn accept(proxy: &mut Ingress, listener: Sock) {
    let accepted = Happened::Accepted { listener, sock: CLIENT, local: LOCAL, peer: PEER };
    assert_eq!(hear(proxy, &accepted), []);
}

/// What it does at second 1, but for its alarm.
fn hear(proxy: &mut Ingress, happened: &Happened) -> Vec<Call> {
    let mut calls = proxy.on(happened, Nanos::from_secs(1));
    calls.retain(|it| !matches!(it, Call::Wake { .. }));
    calls
}

fn bytes(sock: Sock, bytes: impl Into<Vec<u8>>) -> Happened {
    Happened::Bytes { sock, bytes: bytes.into() }
}

fn request(host: &str) -> Request {
    let mut request = Request::get("/x?y");
    request.fields.set("Host", host);
    request
}

/// Asks, and tells which endpoint the proxy connects to by which socket.
fn ask(proxy: &mut Ingress, request: &Request) -> (Sock, SocketAddrV4) {
    match hear(proxy, &bytes(CLIENT, request.emit()))[..] {
        [Call::Connect { sock, to }] => (sock, to),
        ref other => panic!("{other:?}"),
    }
}

fn connected(proxy: &mut Ingress, sock: Sock) -> Request {
    let calls = hear(proxy, &Happened::Connected { sock, local: LOCAL });
    let [Call::Write { sock: to, bytes }] = &*calls else { panic!("{calls:?}") };
    assert_eq!(*to, sock);
    Request::parse(bytes).expect("good").expect("whole").0
}

/// The answer that the client gets.
fn written(calls: &[Call]) -> Response {
    let to_client = calls.iter().find_map(|it| match it {
        Call::Write { sock: CLIENT, bytes } => Some(bytes),
        _ => None,
    });
    let bytes = to_client.unwrap_or_else(|| panic!("no answer in {calls:?}"));
    Response::parse(bytes, "GET", false).expect("good").expect("whole").0
}

#[test]
fn a_request_is_forwarded_to_an_endpoint_with_what_is_known_of_the_client() {
    let mut proxy = proxy();
    let mut asked = request("shop.com");
    asked.fields.set("X-Forwarded-For", "1.2.3.4");
    asked.fields.set("Connection", "keep-alive, x-private");
    asked.fields.set("X-Private", "1");
    let (sock, to) = ask(&mut proxy, &asked);
    assert_eq!((sock, to), (Sock(2), A));
    let forwarded = connected(&mut proxy, sock);
    assert_eq!((&*forwarded.method, &*forwarded.target), ("GET", "/x?y"));
    let field = |name| forwarded.fields.get(name);
    assert_eq!(field("host"), Some("shop.com"));
    assert_eq!(field("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!(field("x-original-forwarded-for"), Some("1.2.3.4"));
    assert_eq!(field("x-forwarded-host"), Some("shop.com"));
    assert_eq!(field("x-forwarded-proto"), Some("http"));
    assert_eq!(field("x-forwarded-port"), Some("80"));
    assert_eq!(field("x-real-ip"), Some("203.0.113.9"));
    assert_eq!((field("connection"), field("x-private")), (None, None));

    let mut response = Response::new(200, "hello");
    response.fields.set("Content-Type", "text/plain");
    let whole = response.emit();
    let (head, tail) = whole.split_at(20);
    assert_eq!(hear(&mut proxy, &bytes(sock, head)), []);
    let calls = hear(&mut proxy, &bytes(sock, tail));
    assert_eq!(calls[0], Call::Close { sock });
    let answer = written(&calls);
    assert_eq!((answer.status, &*answer.body), (200, &b"hello"[..]));
    assert_eq!(answer.fields.get("content-type"), Some("text/plain"));
    assert_eq!(proxy.log(), ["shop.com/x?y goes to default/api:80 (Ingress default/web)"]);
}

#[test]
fn endpoints_take_turns_on_one_connection_and_requests_wait_for_each_other() {
    let mut proxy = proxy();
    let two = [request("shop.com").emit(), request("shop.com").emit()].concat();
    let calls = hear(&mut proxy, &bytes(CLIENT, two));
    assert_eq!(calls, [Call::Connect { sock: Sock(2), to: A }]);
    connected(&mut proxy, Sock(2));
    let calls = hear(&mut proxy, &bytes(Sock(2), Response::new(200, "a").emit()));
    assert_eq!(written(&calls).body, b"a");
    assert_eq!(calls.last(), Some(&Call::Connect { sock: Sock(3), to: B }));
    connected(&mut proxy, Sock(3));
    let calls = hear(&mut proxy, &bytes(Sock(3), Response::new(404, "b").emit()));
    assert_eq!(written(&calls).status, 404, "an endpoint's own 404 is handed on");
}

#[test]
fn without_a_rule_it_is_404_without_an_endpoint_503_and_without_http_400() {
    let status = |sent: Vec<u8>| {
        let mut proxy = proxy();
        let calls = hear(&mut proxy, &bytes(CLIENT, sent));
        let closes = calls.contains(&Call::Close { sock: CLIENT });
        (written(&calls).status, closes, proxy.log().join("; "))
    };
    let none = "404: no rule matches host \"else.com\" with path /x?y";
    assert_eq!(status(request("else.com").emit()), (404, false, none.into()));
    let empty = "503: empty.com/x?y goes to none (Ingress default/web), which has no endpoint";
    assert_eq!(status(request("empty.com").emit()), (503, false, empty.into()));
    assert_eq!(status(b"\x16\x03\x01hello\r\n\r\n".to_vec()).0, 400);
    let (code, closes, _) = status(b"SSH-2.0-x\r\n\r\n".to_vec());
    assert_eq!((code, closes), (400, true));
    assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n".to_vec()).0, 400, "no host");
    assert_eq!(status(b"GET /.. HTTP/1.0\r\n\r\n".to_vec()).0, 400, "out of the root");
    assert_eq!(status(b"GET / HTTP/1.0\r\n\r\n".to_vec()).0, 404);
}

#[test]
fn an_endpoint_that_refuses_gives_way_to_the_next_and_the_last_one_makes_a_502() {
    let mut proxy = proxy();
    let (first, to) = ask(&mut proxy, &request("shop.com"));
    assert_eq!(to, A);
    let refused = |sock| Happened::Closed { sock, how: Closed::Refused };
    let calls = hear(&mut proxy, &refused(first));
    let second = Sock(3);
    assert_eq!(calls, [Call::Close { sock: first }, Call::Connect { sock: second, to: B }]);
    assert_eq!(hear(&mut proxy, &refused(first)), [], "that one is over");
    let calls = hear(&mut proxy, &refused(second));
    assert_eq!(written(&calls).status, 502);
    assert_eq!(
        proxy.log()[1..],
        [
            "10.244.1.10:8080 refuses the connection: the next endpoint is asked",
            "502: 10.244.2.10:8080 refuses the connection",
        ]
    );
}

#[test]
fn what_was_sent_and_may_have_been_done_is_not_sent_again() {
    let mut proxy = proxy();
    let mut post = request("shop.com");
    post.method = "POST".into();
    post.body = b"buy".to_vec();
    let (sock, _) = ask(&mut proxy, &post);
    assert_eq!(connected(&mut proxy, sock).body, b"buy");
    let calls = hear(&mut proxy, &Happened::Closed { sock, how: Closed::Reset });
    assert_eq!(written(&calls).status, 502);
}

#[test]
fn an_endpoint_that_does_not_answer_in_time_makes_a_504() {
    let mut silent = proxy();
    let calls = silent.on(&bytes(CLIENT, request("one.com").emit()), Nanos::from_secs(1));
    assert_eq!(calls.last(), Some(&Call::Wake { at: Nanos::from_secs(6) }));
    assert_eq!(silent.on(&Happened::Woken, Nanos::from_secs(5)).len(), 1, "only its alarm");
    let calls = silent.on(&Happened::Woken, Nanos::from_secs(6));
    assert_eq!(calls[0], Call::Close { sock: Sock(2) });
    assert_eq!(written(&calls).status, 504);

    let mut slow = proxy();
    let (sock, _) = ask(&mut slow, &request("one.com"));
    let calls = slow.on(&Happened::Connected { sock, local: LOCAL }, Nanos::from_secs(2));
    assert_eq!(calls.last(), Some(&Call::Wake { at: Nanos::from_secs(62) }));
    let calls = slow.on(&Happened::Woken, Nanos::from_secs(62));
    assert_eq!(written(&calls).status, 504);
}

#[test]
fn an_answer_that_is_cut_off_or_no_http_makes_a_502() {
    for said in [&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"[..], b"", b"SSH-2.0\r\n\r\n"]
    {
        let mut proxy = proxy();
        let (sock, _) = ask(&mut proxy, &request("one.com"));
        connected(&mut proxy, sock);
        let mut calls = hear(&mut proxy, &bytes(sock, said));
        calls.extend(hear(&mut proxy, &Happened::Closed { sock, how: Closed::Ended }));
        assert_eq!(written(&calls).status, 502, "{said:?}");
    }
    let mut proxy = proxy();
    let (sock, _) = ask(&mut proxy, &request("one.com"));
    connected(&mut proxy, sock);
    hear(&mut proxy, &bytes(sock, b"HTTP/1.1 200 OK\r\n\r\nuntil the end".to_vec()));
    let calls = hear(&mut proxy, &Happened::Closed { sock, how: Closed::Ended });
    assert_eq!(written(&calls).body, b"until the end");
}

#[test]
fn a_client_that_leaves_takes_its_request_with_it() {
    let mut proxy = proxy();
    let (sock, _) = ask(&mut proxy, &request("one.com"));
    let calls = hear(&mut proxy, &Happened::Closed { sock: CLIENT, how: Closed::Ended });
    assert_eq!(calls, [Call::Close { sock }, Call::Close { sock: CLIENT }]);
    assert_eq!(hear(&mut proxy, &Happened::Connected { sock, local: LOCAL }), []);
}

#[test]
fn a_client_that_wants_no_more_is_let_go_after_its_answer() {
    let mut proxy = proxy();
    let mut last = request("one.com");
    last.fields.set("Connection", "close");
    last.method = "HEAD".into();
    let (sock, _) = ask(&mut proxy, &last);
    connected(&mut proxy, sock);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n";
    let calls = hear(&mut proxy, &bytes(sock, head.to_vec()));
    let [Call::Close { .. }, Call::Write { bytes, .. }, Call::Close { sock: CLIENT }] = &*calls
    else {
        panic!("{calls:?}")
    };
    let text = std::str::from_utf8(bytes).expect("text");
    assert!(text.contains("Content-Length: 1234\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn of_tls_the_name_is_read_and_nothing_else() {
    let mut proxy = proxy();
    accept(&mut proxy, Sock(1));
    let hello = tls::client_hello("shop.com", [0; 32]);
    let (head, tail) = hello.split_at(30);
    assert_eq!(hear(&mut proxy, &bytes(CLIENT, head)), []);
    let calls = hear(&mut proxy, &bytes(CLIENT, tail));
    let alert = Call::Write { sock: CLIENT, bytes: UNRECOGNIZED_NAME.to_vec() };
    assert_eq!(calls, [alert, Call::Close { sock: CLIENT }]);
    assert!(proxy.log()[0].starts_with("a hello of TLS asks for shop.com"));
    accept(&mut proxy, Sock(1));
    let calls = hear(&mut proxy, &bytes(CLIENT, request("shop.com").emit()));
    assert_eq!(written(&calls).status, 400);
}
