//! An HTTP server that says who it is and whom it sees, as the images `echoserver` and `agnhost` do.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Call, Happened, Sock};
use crate::base::FxIndexMap;
use crate::wire::http::{Malformed, Request, Response};

/// What the body of its answers says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Served {
    /// Who answered: `default/api-1`.
    pub by: String,
    /// The address that the connection came from.
    pub client: Ipv4Addr,
    /// What a proxy says of the client before it (`X-Forwarded-For`).
    pub forwarded_for: Option<String>,
}

const BY: &str = "Hostname: ";
const CLIENT: &str = "client_address=";
const FORWARDED_FOR: &str = "x-forwarded-for=";

impl Served {
    pub fn text(&self) -> String {
        let mut text = format!("{BY}{}\n{CLIENT}{}\n", self.by, self.client);
        if let Some(list) = &self.forwarded_for {
            text += &format!("{FORWARDED_FOR}{list}\n");
        }
        text
    }

    /// Reads such a body. None: it is another's.
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let line = |start| text.lines().find_map(|line| line.strip_prefix(start));
        Some(Self {
            by: line(BY)?.to_owned(),
            client: line(CLIENT)?.parse().ok()?,
            forwarded_for: line(FORWARDED_FOR).map(str::to_owned),
        })
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpServer {
    by: String,
    ports: Vec<u16>,
    /// What it answers to any request; 200 is well.
    status: u16,
    /// What it answers to what is no HTTP, before it closes.
    greeting: Vec<u8>,
    connections: FxIndexMap<Sock, Connection>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Connection {
    peer: SocketAddrV4,
    unread: Vec<u8>,
}

impl HttpServer {
    /// A server that listens on these ports.
    pub fn new(by: &str, ports: Vec<u16>, status: u16) -> Self {
        let greeting = format!("hello from {by}").into_bytes();
        let connections = FxIndexMap::default();
        Self { by: by.to_owned(), ports, status, greeting, connections }
    }

    /// Answers as another would that listens on the same ports. False: that one does not.
    pub(super) fn reload(&mut self, new: &Self) -> bool {
        let is_same = self.ports == new.ports;
        if is_same {
            self.status = new.status;
        }
        is_same
    }

    /// Its ports.
    pub fn listens_on(&self) -> &[u16] {
        &self.ports
    }

    /// Who it says it is.
    pub fn name(&self) -> &str {
        &self.by
    }

    /// What it answers to any request.
    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn on(&mut self, happened: &Happened) -> Vec<Call> {
        match *happened {
            Happened::Started => {
                let listen = |(sock, &port)| Call::Listen { sock: Sock(sock), addr: None, port };
                (0..).zip(&self.ports).map(listen).collect()
            }
            Happened::Accepted { sock, peer, .. } => {
                self.connections.insert(sock, Connection { peer, unread: Vec::new() });
                Vec::new()
            }
            Happened::Bytes { sock, ref bytes } => self.read(sock, bytes),
            Happened::Closed { sock, .. } => {
                self.connections.swap_remove(&sock);
                vec![Call::Close { sock }]
            }
            Happened::Datagram { .. }
            | Happened::Undelivered { .. }
            | Happened::Connected { .. }
            | Happened::Woken => Vec::new(),
        }
    }

    fn read(&mut self, sock: Sock, bytes: &[u8]) -> Vec<Call> {
        let mut calls = Vec::new();
        let Some(mut connection) = self.connections.swap_remove(&sock) else { return calls };
        connection.unread.extend_from_slice(bytes);
        if !begins_request(&connection.unread) {
            return vec![Call::Write { sock, bytes: self.greeting.clone() }, Call::Close { sock }];
        }
        loop {
            let (bytes, goes_on) = match Request::parse(&connection.unread) {
                Ok(None) => {
                    self.connections.insert(sock, connection);
                    return calls;
                }
                Ok(Some((request, len))) => {
                    connection.unread.drain(..len);
                    (self.answer(&request, connection.peer), request.keeps_alive())
                }
                Err(malformed) => (refusal(malformed), false),
            };
            calls.push(Call::Write { sock, bytes });
            if !goes_on {
                calls.push(Call::Close { sock });
                return calls;
            }
        }
    }

    fn answer(&self, request: &Request, peer: SocketAddrV4) -> Vec<u8> {
        let served = Served {
            by: self.by.clone(),
            client: *peer.ip(),
            forwarded_for: request.fields.get("x-forwarded-for").map(str::to_owned),
        };
        let mut response = Response::new(self.status, served.text());
        response.fields.set("Content-Type", "text/plain");
        if !request.keeps_alive() {
            response.fields.set("Connection", "close");
        }
        let mut bytes = response.emit();
        if request.method == "HEAD" {
            bytes.truncate(bytes.len() - response.body.len());
        }
        bytes
    }
}

/// Whether bytes may be the beginning of a request line: its method is a word of capital letters.
fn begins_request(bytes: &[u8]) -> bool {
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    method == bytes.len() || method > 0 && bytes[method] == b' '
}

fn refusal(malformed: Malformed) -> Vec<u8> {
    let mut response = Response::new(malformed.status(), format!("{malformed}\n"));
    response.fields.set("Connection", "close");
    response.emit()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::app::Closed;

    const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 40_000);
    const SOCK: Sock = Sock::ACCEPTED;

    fn server() -> HttpServer {
        let mut server = HttpServer::new("default/api-1", vec![8080, 8081], 200);
        server.on(&Happened::Accepted { listener: Sock(0), sock: SOCK, local: PEER, peer: PEER });
        server
    }

    fn hear(bytes: &[u8]) -> Happened {
        Happened::Bytes { sock: SOCK, bytes: bytes.to_vec() }
    }

    fn response(call: &Call) -> Response {
        let Call::Write { sock: SOCK, bytes } = call else { panic!("{call:?}") };
        Response::parse(bytes, "GET", false).expect("good").expect("whole").0
    }

    #[test]
    fn it_listens_on_all_its_ports() {
        let calls = server().on(&Happened::Started);
        let listen = |sock, port| Call::Listen { sock: Sock(sock), addr: None, port };
        assert_eq!(calls, [listen(0, 8080), listen(1, 8081)]);
    }

    #[test]
    fn an_answer_says_who_served_and_whom_it_saw() {
        let mut request = Request::get("/");
        request.fields.set("X-Forwarded-For", "203.0.113.9");
        let mut server = server();
        let calls = server.on(&hear(&request.emit()));
        let [write] = calls.as_slice() else { panic!("{calls:?}") };
        let response = response(write);
        assert_eq!(response.status, 200);
        let says = Served {
            by: "default/api-1".into(),
            client: *PEER.ip(),
            forwarded_for: Some("203.0.113.9".into()),
        };
        assert_eq!(Served::read(&response.body), Some(says));
        assert_eq!(Served::read(b"<html>"), None);
        let how = Closed::Ended;
        assert_eq!(server.on(&Happened::Closed { sock: SOCK, how }), [Call::Close { sock: SOCK }]);
    }

    #[test]
    fn a_connection_serves_one_request_after_the_other_until_the_client_wants_no_more() {
        let mut last = Request::get("/");
        last.fields.set("Connection", "close");
        let bytes = [Request::get("/a").emit(), Request::get("/b").emit(), last.emit()].concat();
        let mut server = server();
        let mut calls = Vec::new();
        for byte in bytes {
            calls.extend(server.on(&hear(&[byte])));
        }
        let [first, second, third, Call::Close { .. }] = calls.as_slice() else {
            panic!("{calls:?}")
        };
        assert_eq!(response(first).fields.get("connection"), None);
        assert_eq!(response(second).status, 200);
        assert_eq!(response(third).fields.get("connection"), Some("close"));
        assert_eq!(server.on(&hear(b"GET")), [], "it is closed");
    }

    #[test]
    fn what_is_no_request_is_refused_and_the_connection_closed() {
        let calls = server().on(&hear(b"GET /\x01 nonsense\r\n\r\n"));
        let [write, Call::Close { .. }] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(response(write).status, 400);
    }

    #[test]
    fn what_is_no_http_at_all_gets_a_greeting() {
        let calls = server().on(&hear(b"hello"));
        let bytes = b"hello from default/api-1".to_vec();
        assert_eq!(calls, [Call::Write { sock: SOCK, bytes }, Call::Close { sock: SOCK }]);
    }

    #[test]
    fn a_head_request_gets_no_body() {
        let request = Request { method: "HEAD".into(), ..Request::get("/") };
        let calls = server().on(&hear(&request.emit()));
        let [Call::Write { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
        assert!(bytes.ends_with(b"\r\n\r\n"));
        let (response, _) = Response::parse(bytes, "HEAD", false).expect("good").expect("whole");
        assert!(response.fields.get("content-length").is_some_and(|it| it != "0"));
    }
}
