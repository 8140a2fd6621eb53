//! A web server for `dist/` on 127.0.0.1, as plain as any that the page may be put on.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::{env, thread};

use tiny_http::{Header, Request, Response, Server};

/// The page's address, without a fragment. The first call starts the server; it ends with the process.
pub(crate) fn address() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let dist = dist();
        let (server, address) = listen();
        thread::spawn(move || {
            for request in server.incoming_requests() {
                let path = path_of(&request);
                answer(
                    &dist,
                    Path::new(if path.is_empty() { "index.html" } else { &path }),
                    request,
                );
            }
        });
        address
    })
}

/// Another site, at an address of its own: these pages (name, text), each under this content security policy, and
/// Everyhop's files in its folder `eh`. It ends with the process.
pub(crate) fn site(policy: &str, pages: &[(&str, &str)]) -> String {
    let pages: Vec<(String, String)> =
        pages.iter().map(|&(name, text)| (name.to_owned(), text.to_owned())).collect();
    let (dist, policy) = (dist(), policy.to_owned());
    let (server, address) = listen();
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let path = path_of(&request);
            if let Some(file) = path.strip_prefix("eh/") {
                answer(&dist, Path::new(file), request);
                continue;
            }
            let page = pages.iter().find(|(name, _)| *name == path);
            let _ = match page {
                Some((name, text)) => request.respond(
                    Response::from_string(text)
                        .with_header(content_type(Path::new(name)))
                        .with_header(header("Content-Security-Policy", &policy)),
                ),
                None => request.respond(Response::from_string("").with_status_code(404)),
            };
        }
    });
    address
}

fn dist() -> PathBuf {
    let dist = env::var_os("EVERYHOP_DIST")
        .map(PathBuf::from)
        .expect("EVERYHOP_DIST names the built page: run `cargo xtask test --only page,browser`");
    let index = dist.join("index.html");
    assert!(index.is_file(), "there is no page at {}", index.display());
    dist
}

fn listen() -> (Server, String) {
    let server = Server::http("127.0.0.1:0").expect("some port is free");
    let port = server.server_addr().to_ip().expect("it listens on an IP address").port();
    (server, format!("http://127.0.0.1:{port}/"))
}

fn path_of(request: &Request) -> String {
    let path = request.url().split(['?', '#']).next().unwrap_or_default();
    path.trim_start_matches('/').to_owned()
}

fn answer(dist: &Path, path: &Path, request: Request) {
    let inside = path.components().all(|it| matches!(it, Component::Normal(_)));
    let file = File::open(dist.join(path)).ok().filter(|_| inside);
    // A browser that closes its connection early is no failure.
    let _ = match file {
        Some(file) => request.respond(Response::from_file(file).with_header(content_type(path))),
        None => request.respond(Response::empty(404)),
    };
}

fn content_type(path: &Path) -> Header {
    let value = match path.extension().and_then(|it| it.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("yaml") => "application/yaml",
        _ => "application/octet-stream",
    };
    header("Content-Type", value)
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("headers here are ASCII")
}
