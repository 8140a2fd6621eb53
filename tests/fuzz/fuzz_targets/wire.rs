//! Bytes as anybody may send them to a program: they are read or refused, and what is read can be written and is then the same.
#![no_main]

use everyhop_engine::wire::dns::Message;
use everyhop_engine::wire::http::{Request, Response};
use everyhop_engine::wire::{dissect, tls};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(message) = Message::parse(data) {
        // Names may grow past what a message holds where they were compressed.
        let written = message.emit(u16::MAX);
        let again = Message::parse(&written).expect("what was written can be read");
        assert!(again.flags.truncated || again == message);
    }
    if let Ok(Some((_, len))) = Request::parse(data) {
        assert!(len <= data.len());
    }
    if let Ok(Some((_, len))) = Response::parse(data, "GET", true) {
        assert!(len <= data.len());
    }
    tls::hello(data);
    let shown = dissect::dissect(data);
    assert_eq!(shown.last().map_or(0, |layer| layer.bytes.end), data.len());
});
