//! A snapshot, its listeners and stimuli in one text: `--- PATH` begins a file. Whatever it says, it is loaded and played, or
//! refused; nothing panics, hangs or grows without bound.
#![no_main]

use everyhop_engine::snapshot::{Files, replay};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut files = Files::new();
    let mut path = String::new();
    for line in data.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_prefix(b"--- ") {
            Some(name) => path = String::from_utf8_lossy(name).trim_end().to_owned(),
            None => files.entry(path.clone()).or_default().extend_from_slice(line),
        }
    }
    let stimuli = files.remove("stimuli.json").unwrap_or_else(|| b"[]".to_vec());
    let sockets = files.remove("sockets.json").unwrap_or_default();
    let _ = replay(&files, &stimuli, &sockets);
});
