//! HTTP/1.1 messages (RFC 9112) as far as clients, servers and reverse proxies of a cluster need them: whole messages, read
//! from as many bytes as came so far, and written.
//!
//! Heads are read with `httparse`. Left out: trailers, upgrades, `Expect`.

use std::fmt;

/// Bytes of a head, and of a body; more is malformed.
const HEAD_BYTES: usize = 16 * 1024;
const BODY_BYTES: usize = 1024 * 1024;
/// Fields of a head.
const FIELDS: usize = 100;

/// Why bytes are not the message they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// It does not begin like one, or a field is broken.
    Head,
    /// The head is too long.
    LongHead,
    /// A length that is none, two that differ, or a length beside a transfer coding.
    Length,
    /// A transfer coding other than `chunked`.
    Coding,
    Chunk,
    /// The body is too long.
    LongBody,
}

impl Malformed {
    /// The status that a server answers with.
    pub fn status(self) -> u16 {
        match self {
            Self::Head | Self::Length | Self::Chunk => 400,
            Self::LongBody => 413,
            Self::LongHead => 431,
            Self::Coding => 501,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Head => "these bytes do not begin as HTTP/1 does",
            Self::LongHead => "the header is too long",
            Self::Length => "the body's length is not clear",
            Self::Coding => "a transfer coding other than chunked",
            Self::Chunk => "a chunk of the body is broken",
            Self::LongBody => "the body is too long",
        })
    }
}

/// Header fields, in their order. Names are equal in any case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |it: &&(String, String)| it.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(named).map(|it| &*it.1)
    }

    /// Puts a field in the place of all of that name, or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let at = self.0.iter().position(|it| it.0.eq_ignore_ascii_case(name));
        self.remove(name);
        self.0.insert(at.unwrap_or(self.0.len()), (name.to_owned(), value.into()));
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|it| !it.0.eq_ignore_ascii_case(name));
    }

    /// Whether a list such as `Connection: close, te` names something.
    fn lists(&self, name: &str, item: &str) -> bool {
        self.all(name).flat_map(|it| it.split(',')).any(|it| it.trim().eq_ignore_ascii_case(item))
    }

    fn keeps_alive(&self, minor: u8) -> bool {
        !self.lists("connection", "close") && (minor > 0 || self.lists("connection", "keep-alive"))
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub method: String,
    /// As in the request line: `/path?query`.
    pub target: String,
    /// 1 for HTTP/1.1.
    pub minor: u8,
    pub fields: Fields,
    pub body: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub minor: u8,
    pub status: u16,
    pub reason: String,
    pub fields: Fields,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(target: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            target: target.to_owned(),
            minor: 1,
            fields: Fields::default(),
            body: Vec::new(),
        }
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// Whether the client leaves the connection open for another request.
    pub fn keeps_alive(&self) -> bool {
        self.fields.keeps_alive(self.minor)
    }

    /// Reads the first request of a stream, and how many bytes it takes. None: more must come.
    pub fn parse(stream: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let Some(start) = head_len(head.parse(stream), stream)? else { return Ok(None) };
        let fields = copied(head.headers);
        let Some((body, len)) = body(&fields, &stream[start..], Unframed::Empty)? else {
            return Ok(None);
        };
        let request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            minor: head.version.unwrap_or_default(),
            fields,
            body,
        };
        Ok(Some((request, start + len)))
    }

    /// The bytes of it, with the length that the body has.
    pub fn emit(&self) -> Vec<u8> {
        let line = format!("{} {} HTTP/1.{}\r\n", self.method, self.target, self.minor);
        let has_body = !self.body.is_empty() || matches!(&*self.method, "POST" | "PUT" | "PATCH");
        emit(line, &self.fields, &self.body, has_body)
    }
}

impl Response {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let reason = reason(status).to_owned();
        Self { minor: 1, status, reason, fields: Fields::default(), body: body.into() }
    }

    pub fn keeps_alive(&self) -> bool {
        self.fields.keeps_alive(self.minor)
    }

    /// Reads the first response of a stream to a request with this method, and how many bytes it takes; interim ones
    /// (`100 Continue`) are passed over. `ended`: no more bytes will come, which ends a body of unknown length. None: more
    /// must come.
    pub fn parse(
        stream: &[u8],
        method: &str,
        ended: bool,
    ) -> Result<Option<(Self, usize)>, Malformed> {
        let mut passed = 0;
        loop {
            let stream = &stream[passed..];
            let mut fields = [httparse::EMPTY_HEADER; FIELDS];
            let mut head = httparse::Response::new(&mut fields);
            let Some(start) = head_len(head.parse(stream), stream)? else { return Ok(None) };
            let status = head.code.unwrap_or_default();
            if (100..200).contains(&status) && status != 101 {
                passed += start;
                continue;
            }
            let fields = copied(head.headers);
            let bare = method == "HEAD" || matches!(status, 101 | 204 | 304);
            let rest = &stream[start..];
            let unframed = if ended { Unframed::All } else { Unframed::UntilClose };
            let read = if bare { Some((Vec::new(), 0)) } else { body(&fields, rest, unframed)? };
            let Some((body, len)) = read else { return Ok(None) };
            let response = Self {
                minor: head.version.unwrap_or_default(),
                status,
                reason: head.reason.unwrap_or_default().to_owned(),
                fields,
                body,
            };
            return Ok(Some((response, passed + start + len)));
        }
    }

    /// The bytes of it, with the length that the body has.
    pub fn emit(&self) -> Vec<u8> {
        let line = format!("HTTP/1.{} {} {}\r\n", self.minor, self.status, self.reason);
        emit(line, &self.fields, &self.body, !matches!(self.status, 100..=199 | 204 | 304))
    }
}

/// The usual phrase for a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// Bytes of the head, once it is whole.
fn head_len(parsed: httparse::Result<usize>, stream: &[u8]) -> Result<Option<usize>, Malformed> {
    match parsed {
        Ok(httparse::Status::Complete(len)) if len <= HEAD_BYTES => Ok(Some(len)),
        Ok(httparse::Status::Partial) if stream.len() <= HEAD_BYTES => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Malformed::LongHead),
        Err(_) => Err(Malformed::Head),
    }
}

fn copied(fields: &[httparse::Header<'_>]) -> Fields {
    let value = |it: &httparse::Header<'_>| String::from_utf8_lossy(it.value).into_owned();
    Fields(fields.iter().map(|it| (it.name.to_owned(), value(it))).collect())
}

/// What a body is whose head says nothing about its length.
#[derive(Clone, Copy)]
enum Unframed {
    Empty,
    UntilClose,
    /// The stream is closed: all that came.
    All,
}

/// The body at the start of `rest`, and how many bytes it takes.
fn body(
    fields: &Fields,
    rest: &[u8],
    unframed: Unframed,
) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let mut lengths = fields.all("content-length").flat_map(|it| it.split(',')).map(str::trim);
    let length = lengths.next();
    if lengths.any(|it| Some(it) != length) {
        return Err(Malformed::Length);
    }
    if let Some(coding) = fields.get("transfer-encoding") {
        if length.is_some() {
            return Err(Malformed::Length);
        }
        if !coding.trim().eq_ignore_ascii_case("chunked") {
            return Err(Malformed::Coding);
        }
        return chunks(rest);
    }
    let Some(length) = length else {
        if rest.len() > BODY_BYTES && !matches!(unframed, Unframed::Empty) {
            return Err(Malformed::LongBody);
        }
        return Ok(match unframed {
            Unframed::Empty => Some((Vec::new(), 0)),
            Unframed::UntilClose => None,
            Unframed::All => Some((rest.to_vec(), rest.len())),
        });
    };
    if length.is_empty() || !length.bytes().all(|it| it.is_ascii_digit()) {
        return Err(Malformed::Length);
    }
    let length = length.parse().ok().filter(|it| *it <= BODY_BYTES).ok_or(Malformed::LongBody)?;
    Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
}

fn chunks(stream: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Malformed> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (start, len) = match httparse::parse_chunk_size(&stream[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) if stream.len() - at <= HEAD_BYTES => return Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => return Err(Malformed::Chunk),
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > BODY_BYTES - body.len() {
            return Err(Malformed::LongBody);
        }
        at += start;
        let Some(chunk) = stream.get(at..at + len) else { return Ok(None) };
        body.extend_from_slice(chunk);
        at += len;
        match stream.get(at..at + 2) {
            None => return Ok(None),
            Some(b"\r\n") => at += 2,
            Some(_) => return Err(Malformed::Chunk), // after the last chunk: a trailer
        }
        if len == 0 {
            return Ok(Some((body, at)));
        }
    }
}

fn emit(line: String, fields: &Fields, body: &[u8], has_body: bool) -> Vec<u8> {
    let mut head = line;
    for (name, value) in &fields.0 {
        let frames = ["content-length", "transfer-encoding"];
        if !frames.iter().any(|it| name.eq_ignore_ascii_case(it)) {
            for part in [name, ": ", value, "\r\n"] {
                head += part;
            }
        }
    }
    if has_body {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    let mut bytes = head.into_bytes();
    if has_body {
        bytes.extend_from_slice(body);
    }
    bytes
}

#[cfg(test)]
mod tests;
