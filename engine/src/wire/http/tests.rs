//! Messages in pieces, their bodies' lengths, and what is refused.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::Rng;

const REQUEST: &[u8] =
    b"GET /a?b=c HTTP/1.1\r\nHost: api\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

fn request(bytes: &[u8]) -> Result<Option<(Request, usize)>, Malformed> {
    Request::parse(bytes)
}

#[test]
fn a_request_is_whole_with_its_last_byte_and_what_follows_is_left() {
    for cut in 0..REQUEST.len() {
        assert_eq!(request(&REQUEST[..cut]), Ok(None), "cut at {cut}");
    }
    let (read, len) = request(&[REQUEST, b"GET"].concat()).expect("good").expect("whole");
    assert_eq!(
        (len, &*read.method, &*read.target, read.path()),
        (REQUEST.len(), "GET", "/a?b=c", "/a")
    );
    assert_eq!((read.fields.get("host"), read.fields.get("cookie")), (Some("api"), None));
    assert!(read.keeps_alive());
    assert_eq!(read.emit(), REQUEST);
}

#[test]
fn a_body_ends_by_its_length_or_its_last_chunk() {
    let plain = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
    let chunked =
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n";
    for bytes in [&plain[..], chunked] {
        for cut in 0..bytes.len() {
            assert_eq!(request(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        let (read, len) = request(bytes).expect("good").expect("whole");
        assert_eq!((len, &*read.body), (bytes.len(), &b"hello"[..]));
        assert!(read.emit().ends_with(b"Content-Length: 5\r\n\r\nhello"));
    }
}

#[test]
fn what_would_be_read_differently_by_two_servers_is_refused() {
    for (head, why) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Malformed::Length),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Malformed::Length),
        ("Content-Length: +5\r\n", Malformed::Length),
        ("Content-Length: 99999999999999999999\r\n", Malformed::LongBody),
        ("Transfer-Encoding: gzip, chunked\r\n", Malformed::Coding),
        ("no field\r\n", Malformed::Head),
    ] {
        let bytes = format!("POST / HTTP/1.1\r\n{head}\r\n");
        assert_eq!(request(bytes.as_bytes()), Err(why), "{head}");
    }
    assert_eq!(request(b"\x16\x03\x01\x02\x00\x01\x00"), Err(Malformed::Head), "TLS");
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000));
    assert_eq!(request(long.as_bytes()), Err(Malformed::LongHead));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    assert_eq!(request(many.as_bytes()), Err(Malformed::LongHead));
    let chunk = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhelp";
    assert_eq!(request(chunk), Err(Malformed::Chunk));
}

#[test]
fn a_response_without_a_length_ends_with_its_connection() {
    let bytes = b"HTTP/1.0 200 OK\r\n\r\nhello";
    assert_eq!(Response::parse(bytes, "GET", false), Ok(None));
    let (read, len) = Response::parse(bytes, "GET", true).expect("good").expect("whole");
    assert_eq!((read.status, &*read.body, len), (200, &b"hello"[..], bytes.len()));
    assert!(!read.keeps_alive());
    for (bytes, method) in [
        (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"[..], "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
    ] {
        let (read, len) = Response::parse(bytes, method, false).expect("good").expect("whole");
        assert_eq!((read.body.len(), len), (0, bytes.len()));
    }
}

#[test]
fn interim_responses_are_passed_over() {
    let bytes = [b"HTTP/1.1 100 Continue\r\n\r\n", &Response::new(404, "no").emit()[..]].concat();
    let (read, len) = Response::parse(&bytes, "GET", false).expect("good").expect("whole");
    assert_eq!((read.status, &*read.reason, len), (404, "Not Found", bytes.len()));
}

#[test]
fn connections_are_kept_unless_a_side_says_otherwise_or_speaks_1_0() {
    for (minor, connection, keeps) in [
        (1, None, true),
        (1, Some("Close"), false),
        (1, Some("te, close"), false),
        (0, None, false),
        (0, Some("keep-alive"), true),
    ] {
        let mut request = Request { minor, ..Request::get("/") };
        if let Some(value) = connection {
            request.fields.set("Connection", value);
        }
        assert_eq!(request.keeps_alive(), keeps, "HTTP/1.{minor} {connection:?}");
    }
}

#[test]
fn a_field_is_set_in_its_place_and_in_any_case() {
    let mut fields = Fields(vec![("host".into(), "a".into()), ("X".into(), "1".into())]);
    fields.set("Host", "b");
    fields.set("Y", "2");
    let pairs: Vec<_> = fields.0.iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(pairs, [("Host", "b"), ("X", "1"), ("Y", "2")]);
}

#[test]
fn any_bytes_are_read_or_refused_and_never_panic() {
    let mut rng = Rng::new(1);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for whole in [REQUEST, &Response::new(200, "hello").emit(), chunked] {
        for _ in 0..4_000 {
            let mut bytes = whole.to_vec();
            for _ in 0..=rng.below(3) {
                let at = usize::from(rng.bits16()) % bytes.len();
                [bytes[at], _] = rng.bits16().to_be_bytes();
            }
            for len in [
                Request::parse(&bytes).map(|it| it.map(|it| it.1)),
                Response::parse(&bytes, "GET", true).map(|it| it.map(|it| it.1)),
            ] {
                assert!(len.is_err() || len.is_ok_and(|it| it.is_none_or(|it| it <= bytes.len())));
            }
        }
    }
}
