//! Which upstream serves a request: hosts and paths as an Ingress means them. Read "Path types", "Multiple matches" and
//! "Hostname wildcards" of the Kubernetes documentation on Ingress, and nginx's `ngx_http_core_module` first.
//!
//! Of the rules that match, the one with the most exact host decides, then the longest path, then an exact path before a
//! prefix, then the one that was there first. A path of type `ImplementationSpecific` is a plain prefix of text, as for
//! ingress-nginx. Unlike there, a host whose paths all fail does not hide the rules of less exact hosts.

use std::net::Ipv4Addr;

use crate::base::{sort_by, sort_by_number};

/// All that the proxy serves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Routes {
    /// The first that matches decides.
    tried: Vec<Route>,
    /// For what no route matches.
    fallbacks: Vec<Fallback>,
    pub upstreams: Vec<Upstream>,
}

/// Requests for a host and a path go to an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    pub host: Host,
    /// Begins with `/`, or is empty, which is any.
    pub path: String,
    pub kind: PathKind,
    /// Index into [`Routes::upstreams`].
    pub upstream: usize,
    /// Who says so, such as `Ingress default/web`.
    pub origin: String,
}

/// Where requests go that no route matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fallback {
    /// For which hosts; of several that fit, the most exact one decides, then the first.
    pub host: Host,
    /// Index into [`Routes::upstreams`].
    pub upstream: usize,
    pub origin: String,
}

/// The hosts that a route is for, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Host {
    Exact(String),
    /// `*.example.com` with the `*` taken away: one more label in front, and no more.
    Wildcard(String),
    Any,
}

/// How a path is compared; the better one first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PathKind {
    Exact,
    /// By whole elements between slashes; a slash at the end does not count.
    Prefix,
    /// By characters.
    Text,
}

/// Some endpoints that answer alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// Such as `default/api:80`.
    pub name: String,
    /// None are there: 503.
    pub endpoints: Vec<(Ipv4Addr, u16)>,
}

/// What a request led to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<'r> {
    /// Index into [`Routes::upstreams`].
    pub upstream: usize,
    pub origin: &'r str,
}

impl Host {
    /// As an Ingress writes it; empty means any.
    pub fn parse(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some(rest) => Self::Wildcard(rest.to_owned()),
            None if text.is_empty() => Self::Any,
            None => Self::Exact(text),
        }
    }

    /// Whether a host in lower case is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(own) => own == host,
            Self::Wildcard(rest) => {
                let label = host.strip_suffix(rest.as_str());
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Exact(_) => 0,
            Self::Wildcard(_) => 1,
            Self::Any => 2,
        }
    }
}

impl Route {
    fn matches(&self, path: &str) -> bool {
        match self.kind {
            PathKind::Exact => self.path == path,
            PathKind::Text => path.starts_with(&self.path),
            PathKind::Prefix => {
                let own = self.path.strip_suffix('/').unwrap_or(&self.path);
                let rest = path.strip_prefix(own);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

impl Routes {
    /// Puts routes in the order in which they are tried.
    pub fn new(
        mut routes: Vec<Route>,
        mut fallbacks: Vec<Fallback>,
        upstreams: Vec<Upstream>,
    ) -> Self {
        sort_by(&mut routes, |a, b| {
            let by_path = b.path.len().cmp(&a.path.len()).then(a.kind.cmp(&b.kind));
            a.host.rank().cmp(&b.host.rank()).then(by_path)
        });
        sort_by_number(&mut fallbacks, |it| it.host.rank().into());
        Self { tried: routes, fallbacks, upstreams }
    }

    /// Finds the upstream for a request by its `Host` header and its target. None: nothing fits, which is a 404.
    pub fn find(&self, host: &str, target: &str) -> Option<Found<'_>> {
        let host = host_name(host);
        let path = normalized(target)?;
        let route = self.tried.iter().find(|it| it.host.matches(&host) && it.matches(&path));
        if let Some(Route { upstream, origin, .. }) = route {
            return Some(Found { upstream: *upstream, origin });
        }
        let fallback = self.fallbacks.iter().find(|it| it.host.matches(&host))?;
        Some(Found { upstream: fallback.upstream, origin: &fallback.origin })
    }
}

/// A `Host` header without its port, in lower case.
fn host_name(header: &str) -> String {
    let name = header.split(':').next().unwrap_or_default();
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The path of a target as locations are compared with it: without query, decoded, without `.` and `..`, with one slash
/// where several were (`ngx_http_parse_complex_uri`). None: it leads out of the root, or is no path.
pub fn normalized(target: &str) -> Option<String> {
    let target = match target.split_once("://") {
        // A proxy is asked for whole URLs.
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return None;
    }
    let path = decoded(path)?;
    let mut parts: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for part in path.split('/').skip(1) {
        ends_with_slash = matches!(part, "" | "." | "..");
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let mut out = String::new();
    for part in &parts {
        out.push('/');
        out.push_str(part);
    }
    if ends_with_slash {
        out.push('/');
    }
    Some(out)
}

/// `%2F` and the like as the bytes they stand for.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// Routes of one host by kind and path; the upstream found is the index of the path.
    fn paths(paths: &[(PathKind, &str)]) -> Routes {
        let route = |(index, &(kind, path)): (usize, &(PathKind, &str))| Route {
            host: Host::Any,
            path: path.into(),
            kind,
            upstream: index,
            origin: path.into(),
        };
        Routes::new(paths.iter().enumerate().map(route).collect(), Vec::new(), Vec::new())
    }

    fn origin<'r>(routes: &'r Routes, host: &str, target: &str) -> Option<&'r str> {
        routes.find(host, target).map(|it| it.origin)
    }

    /// The table under "Examples" of the documentation: kinds and paths, the request's path, and which path serves it.
    #[test]
    fn paths_match_as_in_the_documentations_table() {
        use PathKind::{Exact, Prefix};
        type Row = (&'static [(PathKind, &'static str)], &'static str, Option<usize>);
        let rows: &[Row] = &[
            (&[(Prefix, "/")], "/", Some(0)),
            (&[(Prefix, "/")], "/any/path", Some(0)),
            (&[(Exact, "/foo")], "/foo", Some(0)),
            (&[(Exact, "/foo")], "/bar", None),
            (&[(Exact, "/foo")], "/foo/", None),
            (&[(Exact, "/foo/")], "/foo", None),
            (&[(Prefix, "/foo")], "/foo", Some(0)),
            (&[(Prefix, "/foo")], "/foo/", Some(0)),
            (&[(Prefix, "/foo/")], "/foo", Some(0)),
            (&[(Prefix, "/foo/")], "/foo/", Some(0)),
            (&[(Prefix, "/aaa/bb")], "/aaa/bbb", None),
            (&[(Prefix, "/aaa/bbb")], "/aaa/bbb", Some(0)),
            (&[(Prefix, "/aaa/bbb/")], "/aaa/bbb", Some(0)),
            (&[(Prefix, "/aaa/bbb")], "/aaa/bbb/", Some(0)),
            (&[(Prefix, "/aaa/bbb")], "/aaa/bbb/ccc", Some(0)),
            (&[(Prefix, "/aaa/bbb")], "/aaa/bbbxyz", None),
            (&[(Prefix, "/"), (Prefix, "/aaa")], "/aaa/ccc", Some(1)),
            (&[(Prefix, "/"), (Prefix, "/aaa"), (Prefix, "/aaa/bbb")], "/aaa/bbb", Some(2)),
            (&[(Prefix, "/"), (Prefix, "/aaa"), (Prefix, "/aaa/bbb")], "/ccc", Some(0)),
            (&[(Prefix, "/aaa")], "/ccc", None),
            (&[(Prefix, "/foo"), (Exact, "/foo")], "/foo", Some(1)),
        ];
        for (index, (kinds, path, expected)) in rows.iter().enumerate() {
            let routes = paths(kinds);
            let found = routes.find("any.host", path).map(|it| it.upstream);
            assert_eq!(found, *expected, "row {index}: {kinds:?} {path}");
        }
    }

    /// The table under "Hostname wildcards" of the documentation.
    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let rows = [
            ("*.foo.com", "bar.foo.com", true),
            ("*.foo.com", "baz.bar.foo.com", false),
            ("*.foo.com", "foo.com", false),
            ("*.foo.com", ".foo.com", false),
            ("foo.bar.com", "foo.bar.com", true),
            ("foo.bar.com", "FOO.bar.com:8080", true),
            ("foo.bar.com", "bar.com", false),
        ];
        for (rule, host, expected) in rows {
            assert_eq!(Host::parse(rule).matches(&host_name(host)), expected, "{rule} {host}");
        }
    }

    #[test]
    fn the_most_exact_host_whose_path_fits_decides_and_then_the_default_of_that_host() {
        let route = |host: &str, path: &str| Route {
            host: Host::parse(host),
            path: path.into(),
            kind: PathKind::Prefix,
            upstream: 0,
            origin: host.to_owned() + path,
        };
        let fallback = |host: &str| Fallback {
            host: Host::parse(host),
            upstream: 0,
            origin: format!("default of {host:?}"),
        };
        let routes = Routes::new(
            vec![
                route("", "/long/path"),
                route("*.foo.com", "/"),
                route("bar.foo.com", "/a"),
                route("bar.foo.com", "/a"),
                route("lone.com", "/a"),
            ],
            vec![fallback(""), fallback("lone.com")],
            Vec::new(),
        );
        assert_eq!(origin(&routes, "bar.foo.com", "/a/b"), Some("bar.foo.com/a"));
        assert_eq!(origin(&routes, "bar.foo.com", "/long/path"), Some("*.foo.com/"));
        assert_eq!(origin(&routes, "x.foo.com", "/a"), Some("*.foo.com/"));
        assert_eq!(origin(&routes, "else.com", "/long/path/x"), Some("/long/path"));
        assert_eq!(origin(&routes, "else.com", "/a"), Some("default of \"\""));
        assert_eq!(origin(&routes, "lone.com", "/b"), Some("default of \"lone.com\""));
        let none = Routes::new(vec![route("a.com", "/")], Vec::new(), Vec::new());
        assert_eq!(origin(&none, "b.com", "/"), None);
    }

    #[test]
    fn a_plain_prefix_of_text_does_not_stop_at_slashes() {
        let routes = paths(&[(PathKind::Text, "/foo"), (PathKind::Text, "")]);
        let found = |path: &str| routes.find("", path).map(|it| it.upstream);
        assert_eq!([found("/foobar"), found("/foo"), found("/fo")], [Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn paths_are_compared_without_query_decoded_and_with_dots_and_slashes_resolved() {
        let rows = [
            ("/a?b=/c", Some("/a")),
            ("/a//b/./c/../d", Some("/a/b/d")),
            ("/a/b/..", Some("/a/")),
            ("/%66oo%2Fbar", Some("/foo/bar")),
            ("http://foo.com/x?y", Some("/x")),
            ("http://foo.com", Some("/")),
            ("/", Some("/")),
            ("/..", None),
            ("/%zz", None),
            ("/%+1", None),
            ("/%f", None),
            ("*", None),
            ("", None),
        ];
        for (target, expected) in rows {
            assert_eq!(normalized(target).as_deref(), expected, "{target}");
        }
    }
}
