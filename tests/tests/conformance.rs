//! The engine does what the kernel did in every recorded lab. Needs neither root nor Linux: it reads recordings.

use everyhop_tests::capture::Capture;
use everyhop_tests::check::{self, Expected, Verdict};
use everyhop_tests::fidelity;
use everyhop_tests::lab::{self, Lab};

fn own_labs() -> Vec<Lab> {
    lab::all_in(&check::own_labs()).expect("the labs are readable")
}

fn complaints(labs: &[Lab], expected: impl Fn(&Lab) -> Expected) -> Vec<String> {
    let mut found = Vec::new();
    for lab in labs {
        let verdict =
            lab.recording().map(|recording| check::engine(lab, &recording, expected(lab)));
        found.extend(
            check::complaints(verdict).into_iter().map(|line| format!("{}: {line}", lab.name)),
        );
    }
    found
}

#[test]
fn every_lab_replays_as_the_kernel_did_it() {
    let labs = own_labs();
    assert!(labs.len() >= 50, "only {} labs were found", labs.len());
    let found = complaints(&labs, |_| Expected::Equal);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn labs_beside_the_checkout_are_equal_or_refused_aloud() {
    let Some(dir) = check::labs_beside() else {
        eprintln!("SKIPPED: there are no labs beside the checkout");
        return;
    };
    let found =
        complaints(&lab::all_in(&dir).expect("the labs are readable"), check::expected_beside);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// A comparison that cannot fail is worth nothing: one wrong bit in any frame of any recording must be seen. In a long
/// recording only the frame's own stream is compared, which is where it is seen.
#[test]
fn a_wrong_bit_in_any_frame_is_a_difference() {
    for lab in own_labs() {
        let mut recording = lab.recording().expect("the recording is readable");
        recording.files.clear(); // not compared
        let is_long = recording.captures.len() > 100;
        for idx in 0..recording.captures.len() {
            let (mut recording, mut idx) = (recording.clone(), idx);
            if is_long {
                let it = recording.captures[idx].clone();
                let is_same =
                    |at: &Capture| (&at.netns, &at.dev, at.dir) == (&it.netns, &it.dev, it.dir);
                idx = recording.captures[..idx].iter().filter(|at| is_same(at)).count();
                recording.captures.retain(is_same);
            }
            let mut wrong = recording.clone();
            let frame = &mut wrong.captures[idx].frame;
            // The last byte: of the payload, of an address in ARP, of padding.
            *frame.last_mut().expect("no frame is empty") ^= 1;
            let found = check::kernel(&lab, &recording, &wrong);
            assert!(
                matches!(&found, Verdict::Differs(lines) if !lines.is_empty()),
                "{} frame {idx}: {found:?}",
                lab.name
            );
        }
    }
}

#[test]
fn every_lab_says_what_it_claims() {
    for lab in own_labs() {
        assert!(
            !lab.title.is_empty() && !lab.why.is_empty(),
            "{} has no title or no why",
            lab.name
        );
        assert!(!lab.stimuli.is_empty(), "{} has no stimuli", lab.name);
    }
}

#[test]
fn the_fidelity_page_says_what_the_labs_say() {
    let path = fidelity::path();
    let is = std::fs::read_to_string(&path).expect("docs/fidelity.md is readable");
    let wanted = fidelity::page().expect("the labs are readable");
    let differs = is.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert!(
        is == wanted,
        "docs/fidelity.md is out of date; run cargo xtask fidelity. First: {differs:?}"
    );
}
