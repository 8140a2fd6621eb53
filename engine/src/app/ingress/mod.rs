//! A reverse proxy for HTTP that chooses by host and path, as the controller ingress-nginx does. Read its `nginx.tmpl` and
//! `ngx_http_proxy_module` first.
//!
//! It ends the client's connection and opens its own to an endpoint, in turn; one that refuses or stays silent gives way
//! to the next, three at most. 404: no route matches. 503: nobody is behind the one that does. 502: no endpoint accepts,
//! or it breaks off. 504: none answers in time. 400: no HTTP, or no host.
//!
//! Left out: connections to endpoints are not kept for another request, `X-Request-ID` is not made up, and a host with a
//! certificate is served without TLS too instead of being redirected. Of TLS only the hello is read, and the name in it;
//! the answer is an alert, since there is no certificate.

pub mod route;

use std::net::SocketAddrV4;
use std::sync::Arc;

use super::{Call, Closed, Happened, Sock};
use crate::base::{FxIndexMap, Nanos};
use crate::wire::http::{Fields, Malformed, Request, Response};
use crate::wire::tls::{self, Hello};
use route::Routes;

/// `proxy_connect_timeout` and `proxy_read_timeout`, as ingress-nginx sets them.
const CONNECT_TIMEOUT: Nanos = Nanos::from_secs(5);
const READ_TIMEOUT: Nanos = Nanos::from_secs(60);
/// `proxy_next_upstream_tries`.
const TRIES: usize = 3;
/// What it says of what it did, at most.
const LOG_LINES: usize = 1000;
/// A fatal alert: the name is not one that it has a certificate for (RFC 8446 section 6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// Fields that are about one connection (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 6] =
    ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"];

/// The proxy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ingress {
    routes: Arc<Routes>,
    ports: Ports,
    clients: FxIndexMap<Sock, Client>,
    /// The client that each connection to an endpoint is for.
    exchanges: FxIndexMap<Sock, Sock>,
    next_sock: u32,
    /// How often each upstream was chosen.
    turns: Vec<usize>,
    log: Vec<String>,
}

/// Where it listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ports {
    pub http: Vec<u16>,
    pub tls: Vec<u16>,
}

/// A client's connection.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Client {
    peer: SocketAddrV4,
    /// The port that it came to.
    port: u16,
    tls: bool,
    unread: Vec<u8>,
    /// The request that an endpoint is asked; those after it wait.
    asking: Option<Asking>,
}

/// A request on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asking {
    request: Request,
    upstream: usize,
    /// The connection to the endpoint.
    sock: Sock,
    endpoint: SocketAddrV4,
    /// The request was written.
    sent: bool,
    tries: usize,
    response: Vec<u8>,
    deadline: Nanos,
}

impl Ingress {
    pub fn new(routes: Arc<Routes>, ports: Ports) -> Self {
        let n_listeners = ports.http.len() + ports.tls.len();
        Self {
            turns: vec![0; routes.upstreams.len()],
            routes,
            ports,
            clients: FxIndexMap::default(),
            exchanges: FxIndexMap::default(),
            next_sock: u32::try_from(n_listeners).unwrap_or(0),
            log: Vec::new(),
        }
    }

    /// What it did with each request and why, in sentences.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    pub fn on(&mut self, happened: &Happened, now: Nanos) -> Vec<Call> {
        let mut calls = Vec::new();
        match *happened {
            Happened::Started => {
                let ports = self.ports.http.iter().chain(&self.ports.tls);
                let listen = |(sock, &port)| Call::Listen { sock: Sock(sock), addr: None, port };
                calls.extend((0..).zip(ports).map(listen));
            }
            Happened::Accepted { listener, sock, local, peer } => {
                let tls = listener.0 as usize >= self.ports.http.len();
                let (port, unread) = (local.port(), Vec::new());
                self.clients.insert(sock, Client { peer, port, tls, unread, asking: None });
            }
            Happened::Connected { sock, .. } => self.send(sock, now, &mut calls),
            Happened::Bytes { sock, ref bytes } => match self.exchanges.get(&sock) {
                Some(&client) => self.answered(client, bytes, now, &mut calls),
                None => {
                    if let Some(client) = self.clients.get_mut(&sock) {
                        client.unread.extend_from_slice(bytes);
                        self.read(sock, now, &mut calls);
                    }
                }
            },
            Happened::Closed { sock, how } => match self.exchanges.get(&sock) {
                Some(&client) => self.broke(client, how, now, &mut calls),
                None => self.leave(sock, &mut calls),
            },
            Happened::Woken => self.expire(now, &mut calls),
            Happened::Datagram { .. } | Happened::Undelivered { .. } => {}
        }
        if let Some(at) = self.asking().map(|(_, it)| it.deadline).min()
            && !matches!(happened, Happened::Accepted { .. })
        {
            calls.push(Call::Wake { at });
        }
        calls
    }

    fn asking(&self) -> impl Iterator<Item = (Sock, &Asking)> {
        self.clients.iter().filter_map(|(sock, it)| Some((*sock, it.asking.as_ref()?)))
    }

    /// Reads a client's next request, if it is whole and the last one is answered.
    fn read(&mut self, sock: Sock, now: Nanos, calls: &mut Vec<Call>) {
        while let Some(client) = self.clients.get_mut(&sock) {
            if client.asking.is_some() {
                return;
            }
            if client.tls {
                return self.read_hello(sock, calls);
            }
            match Request::parse(&client.unread) {
                Ok(None) => return,
                Ok(Some((request, len))) => {
                    client.unread.drain(..len);
                    self.route(sock, request, now, calls);
                }
                Err(malformed) => {
                    self.note(format!("{}: {malformed}", malformed.status()));
                    return self.refuse(sock, malformed, calls);
                }
            }
        }
    }

    fn read_hello(&mut self, sock: Sock, calls: &mut Vec<Call>) {
        let Some(client) = self.clients.get(&sock) else { return };
        let said = match tls::hello(&client.unread) {
            Hello::More => return,
            Hello::Names(Some(name)) => format!(
                "a hello of TLS asks for {name}; nothing else of it is read, and there is no certificate here"
            ),
            Hello::Names(None) => "a hello of TLS that asks for no name".to_owned(),
            Hello::Other => {
                let malformed = Malformed::Head;
                self.note("400: what came to the port of TLS is no TLS".into());
                return self.refuse(sock, malformed, calls);
            }
        };
        self.note(said);
        calls.push(Call::Write { sock, bytes: UNRECOGNIZED_NAME.to_vec() });
        calls.push(Call::Close { sock });
        self.clients.swap_remove(&sock);
    }

    fn refuse(&mut self, sock: Sock, malformed: Malformed, calls: &mut Vec<Call>) {
        let mut response = page(malformed.status());
        response.fields.set("Connection", "close");
        calls.push(Call::Write { sock, bytes: response.emit() });
        calls.push(Call::Close { sock });
        self.clients.swap_remove(&sock);
    }

    /// Decides who answers a request, and begins to ask.
    fn route(&mut self, sock: Sock, request: Request, now: Nanos, calls: &mut Vec<Call>) {
        let (host, target) = (request.fields.get("host"), &request.target);
        let Some(host) = host.or((request.minor == 0).then_some("")) else {
            self.note("400: a request of HTTP/1.1 must name a host".into());
            return self.respond(sock, &request, page(400), calls);
        };
        if route::normalized(target).is_none() {
            self.note(format!("400: {target:?} is no path"));
            return self.respond(sock, &request, page(400), calls);
        }
        let routes = Arc::clone(&self.routes);
        let Some(found) = routes.find(host, target) else {
            self.note(format!("404: no rule matches host {host:?} with path {target}"));
            return self.respond(sock, &request, page(404), calls);
        };
        let upstream = &routes.upstreams[found.upstream];
        let by = format!("{host}{target} goes to {} ({})", upstream.name, found.origin);
        if upstream.endpoints.is_empty() {
            self.note(format!("503: {by}, which has no endpoint"));
            return self.respond(sock, &request, page(503), calls);
        }
        self.note(by);
        self.connect(sock, request, (found.upstream, 0), now, calls);
    }

    /// Takes on the table of another; what is under way stays with its upstream.
    pub(super) fn reload(&mut self, new: &Self) {
        let upstreams = &new.routes.upstreams;
        for asking in self.clients.values_mut().filter_map(|it| it.asking.as_mut()) {
            let name = self.routes.upstreams.get(asking.upstream).map(|it| &it.name);
            let kept = upstreams.iter().position(|it| Some(&it.name) == name);
            asking.upstream = kept.unwrap_or(usize::MAX);
        }
        (self.routes, self.turns) = (Arc::clone(&new.routes), vec![0; upstreams.len()]);
    }

    /// Opens a connection to the upstream's next endpoint.
    fn connect(
        &mut self,
        client: Sock,
        request: Request,
        (upstream, tries): (usize, usize),
        now: Nanos,
        calls: &mut Vec<Call>,
    ) {
        let known = self.routes.upstreams.get(upstream).map(|it| &it.endpoints);
        let Some(endpoints) = known.filter(|it| !it.is_empty()) else {
            self.note("503: the endpoints are gone".into());
            return self.respond(client, &request, page(503), calls);
        };
        let Some(it) = self.clients.get_mut(&client) else { return };
        let turn = self.turns[upstream];
        self.turns[upstream] = turn.wrapping_add(1);
        let (ip, port) = endpoints[turn % endpoints.len()];
        let (sock, endpoint) = (Sock(self.next_sock), SocketAddrV4::new(ip, port));
        self.next_sock += 1;
        self.exchanges.insert(sock, client);
        it.asking = Some(Asking {
            request,
            upstream,
            sock,
            endpoint,
            sent: false,
            tries: tries + 1,
            response: Vec::new(),
            deadline: now + CONNECT_TIMEOUT,
        });
        calls.push(Call::Connect { sock, to: endpoint });
    }

    /// The endpoint accepts: it gets the request.
    fn send(&mut self, sock: Sock, now: Nanos, calls: &mut Vec<Call>) {
        let client = self.exchanges.get(&sock).and_then(|it| self.clients.get_mut(it));
        let Some(client) = client else { return };
        let Some(asking) = client.asking.as_mut().filter(|it| it.sock == sock) else { return };
        asking.sent = true;
        asking.deadline = now + READ_TIMEOUT;
        let request = forwarded(&asking.request, client.peer, client.port);
        calls.push(Call::Write { sock, bytes: request.emit() });
    }

    /// Bytes of an endpoint's answer.
    fn answered(&mut self, client: Sock, bytes: &[u8], now: Nanos, calls: &mut Vec<Call>) {
        let it = self.clients.get_mut(&client).and_then(|it| it.asking.as_mut());
        let Some(asking) = it else { return };
        asking.response.extend_from_slice(bytes);
        asking.deadline = now + READ_TIMEOUT;
        self.relay(client, false, now, calls);
    }

    /// Hands a whole answer on; one that is none is a 502.
    fn relay(&mut self, client: Sock, ended: bool, now: Nanos, calls: &mut Vec<Call>) {
        let Some(asking) = self.clients.get(&client).and_then(|it| it.asking.as_ref()) else {
            return;
        };
        let response = match Response::parse(&asking.response, &asking.request.method, ended) {
            Ok(Some((response, _))) => response,
            Ok(None) if !ended => return,
            Ok(None) => {
                let said = format!("502: {} closed before a whole answer", asking.endpoint);
                return self.finish(client, page(502), Some(said), now, calls);
            }
            Err(malformed) => {
                let said = format!("502: what {} answers is no HTTP: {malformed}", asking.endpoint);
                return self.finish(client, page(502), Some(said), now, calls);
            }
        };
        self.finish(client, response, None, now, calls);
    }

    /// A connection to an endpoint ended, or there was none.
    fn broke(&mut self, client: Sock, how: Closed, now: Nanos, calls: &mut Vec<Call>) {
        let Some(asking) = self.clients.get(&client).and_then(|it| it.asking.as_ref()) else {
            return;
        };
        let what = match how {
            Closed::Ended => return self.relay(client, true, now, calls),
            Closed::Refused => "refuses the connection",
            Closed::Reset => "breaks the connection off",
            Closed::TimedOut => "does not answer",
            Closed::Unreachable => "cannot be reached",
        };
        let status = if how == Closed::TimedOut { 504 } else { 502 };
        let said = format!("{} {what}", asking.endpoint);
        self.try_next(client, status, &said, now, calls);
    }

    /// Asks another endpoint, or says that it could not be done.
    fn try_next(
        &mut self,
        client: Sock,
        status: u16,
        said: &str,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) {
        let Some(asking) = self.clients.get_mut(&client).and_then(|it| it.asking.as_mut()) else {
            return;
        };
        let endpoints = self.routes.upstreams[asking.upstream].endpoints.len();
        // What may have been done already is not asked for twice.
        let repeats =
            matches!(&*asking.request.method, "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE");
        let again = asking.tries < TRIES.min(endpoints) && (!asking.sent || repeats);
        if !again || !asking.response.is_empty() {
            return self.finish(
                client,
                page(status),
                Some(format!("{status}: {said}")),
                now,
                calls,
            );
        }
        let (sock, upstream, tries) = (asking.sock, asking.upstream, asking.tries);
        let request = std::mem::replace(&mut asking.request, Request::get("/"));
        self.exchanges.swap_remove(&sock);
        calls.push(Call::Close { sock });
        self.note(format!("{said}: the next endpoint is asked"));
        self.connect(client, request, (upstream, tries), now, calls);
    }

    /// The exchange is over: the client gets its answer, and may ask on.
    fn finish(
        &mut self,
        client: Sock,
        response: Response,
        said: Option<String>,
        now: Nanos,
        calls: &mut Vec<Call>,
    ) {
        if let Some(said) = said {
            self.note(said);
        }
        let it = self.clients.get_mut(&client).and_then(|it| it.asking.take());
        let Some(Asking { sock, request, .. }) = it else { return };
        self.exchanges.swap_remove(&sock);
        calls.push(Call::Close { sock });
        self.respond(client, &request, response, calls);
        self.read(client, now, calls);
    }

    /// Writes an answer, and closes if the client wants no more.
    fn respond(
        &mut self,
        sock: Sock,
        request: &Request,
        mut response: Response,
        calls: &mut Vec<Call>,
    ) {
        let length = response.fields.get("content-length").and_then(|it| it.parse().ok());
        strip(&mut response.fields);
        response.minor = 1;
        let goes_on = request.keeps_alive();
        response.fields.set("Connection", if goes_on { "keep-alive" } else { "close" });
        let is_head = request.method == "HEAD";
        if is_head && response.body.is_empty() {
            // The length that the body would have had; it is cut off again.
            response.body = vec![0; usize::min(length.unwrap_or(0), 1 << 20)];
        }
        let mut bytes = response.emit();
        if is_head {
            bytes.truncate(bytes.len() - response.body.len());
        }
        calls.push(Call::Write { sock, bytes });
        if !goes_on {
            calls.push(Call::Close { sock });
            self.clients.swap_remove(&sock);
        }
    }

    /// A client is gone; nobody waits for the answer any more.
    fn leave(&mut self, sock: Sock, calls: &mut Vec<Call>) {
        let Some(client) = self.clients.swap_remove(&sock) else { return };
        if let Some(asking) = client.asking {
            self.exchanges.swap_remove(&asking.sock);
            calls.push(Call::Close { sock: asking.sock });
        }
        calls.push(Call::Close { sock });
    }

    fn expire(&mut self, now: Nanos, calls: &mut Vec<Call>) {
        let late: Vec<(Sock, SocketAddrV4)> = self
            .asking()
            .filter(|(_, it)| it.deadline <= now)
            .map(|(sock, it)| (sock, it.endpoint))
            .collect();
        for (client, endpoint) in late {
            self.try_next(client, 504, &format!("{endpoint} does not answer"), now, calls);
        }
    }

    fn note(&mut self, said: String) {
        if self.log.len() < LOG_LINES {
            self.log.push(said);
        }
    }
}

/// The request as the endpoint gets it.
fn forwarded(request: &Request, peer: SocketAddrV4, port: u16) -> Request {
    let mut request = request.clone();
    let fields = &mut request.fields;
    let before = fields.get("x-forwarded-for").map(str::to_owned);
    let host = fields.get("host").unwrap_or_default().to_owned();
    strip(fields);
    let (client, port) = (peer.ip().to_string(), port.to_string());
    for (name, value) in [
        ("Host", &*host),
        ("X-Real-IP", &*client),
        ("X-Forwarded-For", &*client),
        ("X-Forwarded-Host", &*host),
        ("X-Forwarded-Port", &*port),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Scheme", "http"),
        ("X-Scheme", "http"),
    ] {
        fields.set(name, value);
    }
    // Whoever says that it stands for another is not believed (`use-forwarded-headers: "false"`).
    if let Some(before) = before {
        fields.set("X-Original-Forwarded-For", before);
    }
    request.minor = 1;
    request
}

/// Takes away what is about one connection only.
fn strip(fields: &mut Fields) {
    let named: Vec<String> = fields
        .all("connection")
        .flat_map(|it| it.split(','))
        .map(|it| it.trim().to_owned())
        .collect();
    for name in named.iter().map(String::as_str).chain(HOP_BY_HOP) {
        fields.remove(name);
    }
}

/// A page that says nothing but its status, as nginx writes it.
fn page(status: u16) -> Response {
    let mut response = Response::new(status, "");
    let title = format!("{status} {}", response.reason);
    response.body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    .into_bytes();
    response.fields.set("Content-Type", "text/html");
    response
}

#[cfg(test)]
mod tests;
