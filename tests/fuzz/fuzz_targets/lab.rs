//! A lab as a person or a link brings it: it is run, or refused with the places of its faults.
#![no_main]

use everyhop_engine::lesson::Lab;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match Lab::from_bytes(data, &[]) {
        Ok(loaded) => drop(loaded.lab.run()),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
});
