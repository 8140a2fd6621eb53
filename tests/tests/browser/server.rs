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
        let dist = env::var_os("EVERYHOP_DIST").map(PathBuf::from).expect(
            "EVERYHOP_DIST names the built page: run `cargo xtask test --only page,browser`",
        );
        let index = dist.join("index.html");
        assert!(index.is_file(), "there is no page at {}", index.display());
        let server = Server::http("127.0.0.1:0").expect("some port is free");
        let port = server.server_addr().to_ip().expect("it listens on an IP address").port();
        thread::spawn(move || server.incoming_requests().for_each(|it| answer(&dist, it)));
        format!("http://127.0.0.1:{port}/")
    })
}

fn answer(dist: &Path, request: Request) {
    let path = request.url().split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let path = PathBuf::from(if path.is_empty() { "index.html" } else { path });
    let inside = path.components().all(|it| matches!(it, Component::Normal(_)));
    let file = File::open(dist.join(&path)).ok().filter(|_| inside);
    // A browser that closes its connection early is no failure.
    let _ = match file {
        Some(file) => request.respond(Response::from_file(file).with_header(content_type(&path))),
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
    Header::from_bytes("Content-Type", value).expect("the types above are ASCII")
}
