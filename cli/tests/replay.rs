//! Claims about `everyhop replay` and about usage.

#[allow(dead_code, reason = "every test crate uses a part of it")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{everyhop, file, scratch, text};

fn lab(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/labs").join(name)
}

/// The arguments that replay a snapshot with the stimuli of a lab.
fn replay(snapshot: &Path, lab: &Path) -> common::Run {
    let (stimuli, sockets) = (lab.join("stimuli.json"), lab.join("sockets.json"));
    let (snapshot, stimuli, sockets) = (text(snapshot), text(&stimuli), text(&sockets));
    everyhop(&["replay", "--snapshot", &snapshot, "--stimuli", &stimuli, "--sockets", &sockets])
}

/// A copy of the lab's snapshot, to damage.
fn copy(lab: &Path, to: &Path) -> PathBuf {
    let to = to.join("snapshot");
    for netns in fs::read_dir(lab.join("snapshot")).expect("a lab has one") {
        let netns = netns.expect("readable").path();
        let target = to.join(netns.file_name().expect("a name"));
        if netns.is_file() {
            fs::create_dir_all(&to).expect("writable");
            fs::copy(&netns, &target).expect("writable");
            continue;
        }
        fs::create_dir_all(&target).expect("writable");
        for file in fs::read_dir(&netns).expect("readable") {
            let file = file.expect("readable").path();
            fs::copy(&file, target.join(file.file_name().expect("a name"))).expect("writable");
        }
    }
    to
}

#[test]
fn captures_are_json_lines_in_the_order_of_the_clock() {
    let lab = lab("cold-ping");
    let out = replay(&lab.join("snapshot"), &lab).printed();
    let lines: Vec<&str> = out.lines().collect();
    let first = r#"{"netns": "pod-1", "dev": "eth0", "dir": "out", "frame": "ffffffffffff"#;
    assert!(lines[0].starts_with(first), "pod-1 asks everybody: {}", lines[0]);
    for line in lines {
        let one: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for key in ["netns", "dev", "dir", "frame"] {
            assert!(one[key].is_string(), "{line}");
        }
    }
}

#[test]
fn a_tar_of_a_snapshot_replays_as_the_directory_does() {
    let lab = lab("cold-ping");
    let dir = scratch("tar");
    let from_dir = replay(&lab.join("snapshot"), &lab).printed();
    for (name, prefix) in [("flat.tar", "."), ("nested.tar", "cluster/snapshot")] {
        let path = dir.join(name);
        let mut tar = tar::Builder::new(fs::File::create(&path).expect("writable"));
        tar.append_dir_all(prefix, lab.join("snapshot")).expect("writable");
        tar.finish().expect("writable");
        assert_eq!(replay(&path, &lab).printed(), from_dir, "{name}");
    }
}

#[test]
fn what_is_not_modelled_is_refused_with_its_place() {
    let lab = lab("cold-ping");
    let snapshot = copy(&lab, &scratch("rules"));
    let rules = "*mangle\n:PREROUTING ACCEPT [0:0]\n[0:0] -A PREROUTING -p udp -j TPROXY --on-port 53\nCOMMIT\n";
    let path = file(&snapshot, "pod-1/iptables.txt", rules.as_bytes());
    let message = replay(&snapshot, &lab).refused();
    let expected = format!("{path}:3:31: TPROXY: this target is not modelled");
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn bad_snapshots_are_messages() {
    let lab = lab("cold-ping");
    let dir = scratch("bad-snapshots");
    let said = |path: &Path| replay(path, &lab).refused();
    let empty = dir.join("empty");
    fs::create_dir(&empty).expect("writable");
    assert!(said(&empty).ends_with("empty/meta.json: missing, so this is no snapshot"));
    assert!(said(&lab).contains("there is one in snapshot: is that the snapshot?"));
    assert!(said(&dir.join("nowhere")).ends_with("nowhere: there is no such file"));
    let noise = file(&dir, "noise.tar", &[7; 4000]);
    assert!(said(Path::new(&noise)).contains("expected a directory or a .tar of one"));

    let whole = copy(&lab, &dir);
    file(&whole, "pod-1/addr.json", b"[{\"ifindex\": \"one\"}]");
    assert!(
        said(&whole)
            .ends_with("pod-1/addr.json:1:18: [0]: invalid type: string \"one\", expected u32")
    );
    file(&whole, "pod-1/addr.json", &[0xff, 0, 1, 2]);
    assert!(said(&whole).ends_with("pod-1/addr.json:1:1: expected UTF-8 text, found other bytes"));
    fs::remove_file(whole.join("pod-1/addr.json")).expect("writable");
    assert!(said(&whole).ends_with("pod-1/addr.json: missing, and every namespace needs it"));
}

#[test]
fn bad_stimuli_are_messages_that_name_the_file_as_given() {
    let lab = lab("cold-ping");
    let dir = scratch("bad-stimuli");
    let snapshot = text(&lab.join("snapshot"));
    let said = |bytes: &[u8]| {
        let stimuli = file(&dir, "mine.json", bytes);
        let run = everyhop(&["replay", "--snapshot", &snapshot, "--stimuli", &stimuli]);
        run.refused().strip_prefix(&stimuli).expect("the file as given").to_owned()
    };
    assert_eq!(said(b"[{\"tcp\": {}}]"), ":1:11: [0]: missing field `netns`");
    assert_eq!(said(b"{}"), ":1:1: invalid type: map, expected a sequence");
    assert_eq!(said(b"\n\xff"), ":2:1: expected UTF-8 text, found other bytes");
}

#[test]
fn wrong_usage_is_one_message() {
    for (args, expected) in [
        (
            &[][..],
            "a command is missing; there are trace, replay, rules, flow, reach, export, check, embed and mdbook; everyhop --help shows how",
        ),
        (
            &["route"],
            "there is no command \"route\"; there are trace, replay, rules, flow, reach, export, check, embed and mdbook",
        ),
        (&["--verbose"], "invalid option '--verbose'; everyhop --help shows how"),
        (&["replay"], "replay needs --snapshot DIR; everyhop --help shows how"),
        (
            &["replay", "--snapshot"],
            "missing argument for option '--snapshot'; everyhop --help shows how",
        ),
        (&["replay", "x"], "unexpected argument \"x\"; everyhop --help shows how"),
    ] {
        assert_eq!(everyhop(args).refused(), expected);
    }
}

#[test]
fn help_names_every_command() {
    let help = everyhop(&["--help"]).printed();
    for command in ["everyhop trace", "everyhop replay", "everyhop export", "everyhop check"] {
        assert!(help.contains(command), "{help}");
    }
}
