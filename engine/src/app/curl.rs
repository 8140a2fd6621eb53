//! An HTTP client that fetches one URL and ends, as `curl` does: looks the host up, connects to its first address (the next
//! if that fails), asks, reads the answer. Of `https` it shows what anybody on the way sees: the hello, and bytes.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::resolver::{Conf, Resolution, Resolver};
use super::{Call, Chance, Closed, Happened, Outcome, Sock};
use crate::base::Nanos;
use crate::wire::http::{self, Request, Response};
use crate::wire::tls;

/// Its connections are numbered before the sockets of its resolver.
const CONNECTIONS: u32 = 1024;

/// What to fetch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Url {
    pub tls: bool,
    pub host: String,
    /// 80, or 443 with TLS, if the text names none.
    pub port: u16,
    /// The path with the query.
    pub path: String,
}

impl Url {
    /// Reads `http://HOST[:PORT][/PATH]`, or https.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let default = if tls { 443 } else { 80 };
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|it| *it != 0)?),
            None => (authority, default),
        };
        let is_name = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
        if host.is_empty() || !host.chars().all(is_name) {
            return None;
        }
        let path = path.split('#').next().unwrap_or_default();
        if !path.bytes().all(|it| it.is_ascii_graphic()) {
            return None;
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self { tls, host: host.to_owned(), port, path: format!("{slash}{path}") })
    }

    /// What the field `Host` says.
    pub fn host_field(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// How the host was looked up, if it was.
    pub resolution: Option<Resolution>,
    /// The last address that it connected to, or tried to.
    pub server: Option<SocketAddrV4>,
    /// Its own end of that connection, if there was one.
    pub local: Option<SocketAddrV4>,
    pub end: End,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    Responded(Response),
    /// A server answered the hello of TLS; what it said is not read.
    Encrypted,
    /// The name has no address; the resolution says why.
    NotResolved,
    /// There was no connection, or it broke.
    Closed(Closed),
    /// The connection was closed before there was a whole response.
    Empty,
    /// The answer was no HTTP.
    Malformed(http::Malformed),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Curl {
    url: Url,
    request: Request,
    resolver: Option<Resolver>,
    resolution: Option<Resolution>,
    /// Where to, in order; those tried are gone.
    addresses: Vec<Ipv4Addr>,
    /// The connection, once there is or was one.
    sock: Option<Sock>,
    server: Option<SocketAddrV4>,
    local: Option<SocketAddrV4>,
    unread: Vec<u8>,
    chance: Chance,
}

impl Curl {
    /// Fetches `url` with the resolver's configuration; from `at`, without looking the host up, if that is given
    /// (`--resolve`).
    pub fn new(url: Url, conf: &Conf, at: Option<Ipv4Addr>, chance: Chance) -> Self {
        let mut request = Request::get(&url.path);
        request.fields.set("Host", url.host_field());
        request.fields.set("User-Agent", "curl/8.5.0");
        request.fields.set("Accept", "*/*");
        let literal = at.or_else(|| url.host.parse().ok());
        let lookup = || Resolver::addresses(conf, &url.host, Sock(CONNECTIONS), chance.clone());
        Self {
            resolver: literal.is_none().then(lookup),
            url,
            request,
            resolution: None,
            addresses: literal.into_iter().collect(),
            sock: None,
            server: None,
            local: None,
            unread: Vec::new(),
            chance,
        }
    }

    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        let mut calls = Vec::new();
        if let Some(resolver) = &mut self.resolver {
            let resolution = match happened {
                Happened::Started => resolver.start(now, &mut calls),
                other => resolver.on(other, now, &mut calls),
            };
            if let Some(resolution) = resolution {
                self.resolver = None;
                self.addresses = resolution.addresses().collect();
                self.resolution = Some(resolution);
                self.connect(End::NotResolved, &mut calls);
            }
            return calls;
        }
        let is_mine = |sock: &Sock| self.sock == Some(*sock);
        match happened {
            Happened::Started => self.connect(End::NotResolved, &mut calls),
            Happened::Connected { sock, local } if is_mine(sock) => {
                self.local = Some(*local);
                let bytes = if self.url.tls { self.hello() } else { self.request.emit() };
                calls.push(Call::Write { sock: *sock, bytes });
            }
            Happened::Bytes { sock, bytes } if is_mine(sock) => {
                self.unread.extend_from_slice(bytes);
                self.read(false, &mut calls);
            }
            Happened::Closed { sock, how } if is_mine(sock) => match how {
                Closed::Ended => self.read(true, &mut calls),
                broken if self.local.is_some() => self.finish(End::Closed(*broken), &mut calls),
                failed => self.connect(End::Closed(*failed), &mut calls),
            },
            Happened::Datagram { .. }
            | Happened::Undelivered { .. }
            | Happened::Connected { .. }
            | Happened::Accepted { .. }
            | Happened::Bytes { .. }
            | Happened::Closed { .. }
            | Happened::Woken => {}
        }
        calls
    }

    /// Tries the next address; if there is none, it ends so.
    fn connect(&mut self, otherwise: End, calls: &mut Vec<Call>) {
        if self.addresses.is_empty() {
            return self.finish(otherwise, calls);
        }
        calls.extend(self.sock.map(|sock| Call::Close { sock }));
        let to = SocketAddrV4::new(self.addresses.remove(0), self.url.port);
        let sock = Sock(self.sock.map_or(0, |last| last.0 + 1));
        (self.sock, self.server) = (Some(sock), Some(to));
        calls.push(Call::Connect { sock, to });
    }

    fn hello(&mut self) -> Vec<u8> {
        let mut random = [0; 32];
        for pair in random.chunks_exact_mut(2) {
            pair.copy_from_slice(&self.chance.draw().to_be_bytes());
        }
        tls::client_hello(&self.url.host, random)
    }

    fn read(&mut self, ended: bool, calls: &mut Vec<Call>) {
        if self.url.tls && !self.unread.is_empty() {
            return self.finish(End::Encrypted, calls);
        }
        match Response::parse(&self.unread, &self.request.method, ended) {
            Ok(Some((response, _))) => self.finish(End::Responded(response), calls),
            Ok(None) if ended => self.finish(End::Empty, calls),
            Ok(None) => {}
            Err(malformed) => self.finish(End::Malformed(malformed), calls),
        }
    }

    fn finish(&mut self, end: End, calls: &mut Vec<Call>) {
        calls.extend(self.sock.take().map(|sock| Call::Close { sock }));
        calls.push(Call::Finish(Outcome::Fetched(Fetched {
            resolution: self.resolution.take(),
            server: self.server,
            local: self.local,
            end,
        })));
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::app::http_server::{HttpServer, Served};
    use crate::wire::dns::{Data, Message, Rcode, Record};

    const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 40_000);
    const API: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a good URL")
    }

    fn curl(text: &str) -> Curl {
        Curl::new(url(text), &Conf::default(), None, Chance::new(1))
    }

    fn on(curl: &mut Curl, happened: &Happened) -> Vec<Call> {
        curl.on(happened, Nanos::ZERO)
    }

    fn fetched(calls: &[Call]) -> &Fetched {
        match calls.last() {
            Some(Call::Finish(Outcome::Fetched(fetched))) => fetched,
            _ => panic!("it does not end: {calls:?}"),
        }
    }

    /// Answers both of the resolver's questions, the first with these addresses.
    fn resolve(curl: &mut Curl, addresses: &[Ipv4Addr]) -> Vec<Call> {
        let mut last = Vec::new();
        for call in on(curl, &Happened::Started) {
            let Call::Send { sock, to, bytes } = call else { continue };
            let query = Message::parse(&bytes).expect("a query");
            let rcode = if addresses.is_empty() { Rcode::NxDomain } else { Rcode::NoError };
            let mut reply = query.reply(rcode);
            reply.flags.authoritative = true;
            let name = &query.questions[0].name;
            reply.answers.extend(addresses.iter().map(|addr| Record {
                name: name.clone(),
                ttl_s: 30,
                data: Data::A(*addr),
            }));
            let bytes = reply.emit(512);
            last = on(curl, &Happened::Datagram { sock, from: to, bytes });
        }
        last
    }

    #[test]
    fn a_url_has_a_host_a_port_and_a_path() {
        let read = |text| Url::parse(text).map(|it| (it.tls, it.host, it.port, it.path));
        let is = |tls, host: &str, port, path: &str| Some((tls, host.into(), port, path.into()));
        assert_eq!(read("http://api"), is(false, "api", 80, "/"));
        assert_eq!(read("https://a.b:8443/x?y#z"), is(true, "a.b", 8443, "/x?y"));
        assert_eq!(read("http://api?x"), is(false, "api", 80, "/?x"));
        for bad in
            ["api", "ftp://api", "http://", "http://a:b", "http://a:0", "http://a b", "http://a/ b"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_host_is_looked_up_and_its_first_address_asked() {
        let mut curl = curl("http://api:8080/x");
        let calls = resolve(&mut curl, &[API, LOCAL.ip().to_owned()]);
        let (sock, to) = (Sock(0), SocketAddrV4::new(API, 8080));
        assert_eq!(calls.last(), Some(&Call::Connect { sock, to }));
        let calls = on(&mut curl, &Happened::Connected { sock, local: LOCAL });
        let [Call::Write { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(
            std::str::from_utf8(bytes),
            Ok(
                "GET /x HTTP/1.1\r\nHost: api:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
            )
        );
        let mut server = HttpServer::new("default/api-1", vec![8080], 200);
        let (listener, peer) = (Sock(0), LOCAL);
        server.on(&Happened::Accepted { listener, sock: Sock::ACCEPTED, local: to, peer });
        let bytes = bytes.clone();
        let calls = server.on(&Happened::Bytes { sock: Sock::ACCEPTED, bytes });
        let [Call::Write { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        assert_eq!(on(&mut curl, &Happened::Bytes { sock, bytes: head.to_vec() }), []);
        let calls = on(&mut curl, &Happened::Bytes { sock, bytes: tail.to_vec() });
        assert_eq!(calls[0], Call::Close { sock });
        let fetched = fetched(&calls);
        let End::Responded(response) = &fetched.end else { panic!("{fetched:?}") };
        assert_eq!((response.status, fetched.server, fetched.local), (200, Some(to), Some(LOCAL)));
        let said = Served::read(&response.body).expect("it says who");
        assert_eq!((&*said.by, said.client), ("default/api-1", *LOCAL.ip()));
        assert!(fetched.resolution.is_some());
    }

    #[test]
    fn an_address_or_a_given_one_needs_no_lookup() {
        let sock = Sock(0);
        let to = SocketAddrV4::new(API, 80);
        let mut literal = curl("http://10.96.0.10/");
        assert_eq!(on(&mut literal, &Happened::Started), [Call::Connect { sock, to }]);
        let conf = Conf::default();
        let mut given = Curl::new(url("http://shop.example.com"), &conf, Some(API), Chance::new(1));
        assert_eq!(on(&mut given, &Happened::Started), [Call::Connect { sock, to }]);
    }

    #[test]
    fn a_name_without_an_address_ends_it() {
        let calls = resolve(&mut curl("http://nope."), &[]);
        let fetched = fetched(&calls);
        assert_eq!(fetched.end, End::NotResolved);
        let rcode = fetched.resolution.as_ref().map(|it| it.rcode);
        assert_eq!(rcode, Some(Ok(Rcode::NxDomain)));
    }

    #[test]
    fn an_address_that_refuses_gives_way_to_the_next_and_the_last_one_says_how_it_ends() {
        let mut curl = curl("http://api.");
        resolve(&mut curl, &[API, *LOCAL.ip()]);
        let closed = |sock, how| Happened::Closed { sock: Sock(sock), how };
        let calls = on(&mut curl, &closed(0, Closed::Refused));
        let to = SocketAddrV4::new(*LOCAL.ip(), 80);
        assert_eq!(calls, [Call::Close { sock: Sock(0) }, Call::Connect { sock: Sock(1), to }]);
        let calls = on(&mut curl, &closed(1, Closed::TimedOut));
        assert_eq!(fetched(&calls).end, End::Closed(Closed::TimedOut));
    }

    #[test]
    fn a_connection_that_breaks_or_says_nothing_is_an_answer_too() {
        let connected = || {
            let mut curl = curl("http://10.96.0.10");
            on(&mut curl, &Happened::Started);
            on(&mut curl, &Happened::Connected { sock: Sock(0), local: LOCAL });
            curl
        };
        let sock = Sock(0);
        for (how, end) in [(Closed::Ended, End::Empty), (Closed::Reset, End::Closed(Closed::Reset))]
        {
            let calls = on(&mut connected(), &Happened::Closed { sock, how });
            assert_eq!(fetched(&calls).end, end);
        }
        let calls = on(&mut connected(), &Happened::Bytes { sock, bytes: b"SSH-2.0\r\n".to_vec() });
        assert_eq!(fetched(&calls).end, End::Malformed(http::Malformed::Head));
    }

    #[test]
    fn of_tls_only_the_hello_is_readable() {
        let conf = Conf::default();
        let mut curl = Curl::new(url("https://shop.example.com"), &conf, Some(API), Chance::new(1));
        on(&mut curl, &Happened::Started);
        let sock = Sock(0);
        let calls = on(&mut curl, &Happened::Connected { sock, local: LOCAL });
        let [Call::Write { bytes, .. }] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(tls::hello(bytes), tls::Hello::Names(Some("shop.example.com".into())));
        let calls = on(&mut curl, &Happened::Bytes { sock, bytes: vec![22, 3, 3] });
        assert_eq!(fetched(&calls).end, End::Encrypted);
    }
}
