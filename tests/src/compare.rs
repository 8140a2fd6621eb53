//! Two recordings of one lab, compared device by device, frame by frame and field by field, and the differences in words.
//!
//! A stream is what one device saw in one direction, in order. The order of frames on different devices is not compared: a packet
//! socket does not tell it.

use std::collections::{BTreeMap, BTreeSet};

use crate::capture::{Capture, Direction};
use crate::frame::{self, Connections, Field, Known};

/// What the kernel did, and who claims to do the same.
pub struct Comparison<'a> {
    /// Name of the side that is right by definition, as in "the kernel".
    pub wanted: &'a str,
    /// IP identifications that the stimuli spelt out ([`spelt_ids`]); all others are chosen freely and not compared.
    pub fixed_ids: &'a BTreeSet<u16>,
    /// Whether programs make connections, whose numbers are then compared from each connection's first on.
    pub has_connections: bool,
}

/// Result of one comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Findings {
    pub n_streams: usize,
    pub n_frames: usize,
    /// One line for each difference, beginning with the stream's name.
    pub differences: Vec<String>,
}

/// Frames as fields, by netns, device and direction.
type Streams<'a> = BTreeMap<(&'a str, &'a str, Direction), Vec<Vec<Field>>>;

/// Longest streams that are aligned; beyond, frames are compared by position, since alignment takes n² steps.
const MAX_ALIGNED_FRAMES: usize = 2_000;
const MAX_VALUE_CHARS: usize = 48;

/// IP identifications in the frames that the stimuli send byte by byte.
pub fn spelt_ids<'a>(frames: impl Iterator<Item = &'a [u8]>) -> BTreeSet<u16> {
    frames.filter_map(frame::ip_id).collect()
}

impl Comparison<'_> {
    /// Compares `got` with `want`; membership reports ([`frame::is_noise`]) are left out on both sides.
    pub fn run(&self, want: &[Capture], got: &[Capture]) -> Findings {
        let (want, got) = (self.streams(want), self.streams(got));
        let keys: BTreeSet<_> = want.keys().chain(got.keys()).copied().collect();
        let empty = Vec::new();
        let mut differences = Vec::new();
        for key in &keys {
            let (netns, dev, dir) = key;
            let found =
                self.differences(want.get(key).unwrap_or(&empty), got.get(key).unwrap_or(&empty));
            differences
                .extend(found.into_iter().map(|text| format!("{netns}/{dev} {dir}: {text}")));
        }
        Findings { n_streams: keys.len(), n_frames: want.values().map(Vec::len).sum(), differences }
    }

    fn streams<'a>(&self, captures: &'a [Capture]) -> Streams<'a> {
        let mut out = Streams::new();
        let connections = Connections::of(captures.iter().map(|it| it.frame.as_slice()));
        let known = Known {
            ids: Some(self.fixed_ids),
            connections: self.has_connections.then_some(&connections),
        };
        for it in captures.iter().filter(|it| !frame::is_noise(&it.frame)) {
            let mut fields = frame::decode(&it.frame, known);
            if it.dev == "lo" {
                frame::forget_undone(&mut fields);
            }
            out.entry((&it.netns, &it.dev, it.dir)).or_default().push(fields);
        }
        out
    }

    fn differences(&self, want: &[Vec<Field>], got: &[Vec<Field>]) -> Vec<String> {
        let mut out = Vec::new();
        // (0, 0) and the end frame the gaps between frames that are equal on both sides.
        let (mut want_idx, mut got_idx) = (0, 0);
        let mut pairs = equal_frames(want, got);
        pairs.push((want.len(), got.len()));
        for (want_end, got_end) in pairs {
            while want_idx < want_end && got_idx < got_end {
                out.push(self.frame_difference(want_idx, &want[want_idx], &got[got_idx]));
                want_idx += 1;
                got_idx += 1;
            }
            let missing = want[want_idx..want_end].iter().enumerate();
            out.extend(missing.map(|(idx, it)| {
                format!("frame {} is missing ({})", want_idx + idx + 1, frame::describe(it))
            }));
            let extra = got[got_idx..got_end].iter();
            out.extend(extra.map(|it| {
                format!("a frame too many after frame {want_end} ({})", frame::describe(it))
            }));
            (want_idx, got_idx) = (want_end + 1, got_end + 1);
        }
        out
    }

    fn frame_difference(&self, idx: usize, want: &[Field], got: &[Field]) -> String {
        let (kind, other) = (frame::describe(want), frame::describe(got));
        if kind != other {
            return format!("frame {} is {other}, {}'s is {kind}", idx + 1, self.wanted);
        }
        let value = |fields: &[Field], name: &str| {
            fields
                .iter()
                .find(|it| it.name == name)
                .map_or_else(|| "absent".to_owned(), |it| shorten(&it.value))
        };
        let mut names: Vec<&str> = Vec::new();
        for it in want.iter().chain(got) {
            if !names.contains(&it.name.as_str()) {
                names.push(&it.name);
            }
        }
        let changed: Vec<String> = names
            .into_iter()
            .filter(|name| {
                want.iter().find(|it| it.name == *name) != got.iter().find(|it| it.name == *name)
            })
            .map(|name| {
                format!(
                    "{name} is {}, {}'s is {}",
                    value(got, name),
                    self.wanted,
                    value(want, name)
                )
            })
            .collect();
        format!("frame {} ({}): {}", idx + 1, kind, changed.join("; "))
    }
}

/// Index pairs of a longest common subsequence, in order.
fn equal_frames(want: &[Vec<Field>], got: &[Vec<Field>]) -> Vec<(usize, usize)> {
    if want.len().max(got.len()) > MAX_ALIGNED_FRAMES {
        return (0..want.len().min(got.len()))
            .filter(|&idx| want[idx] == got[idx])
            .map(|idx| (idx, idx))
            .collect();
    }
    // longest[i][j]: how many frames want[i..] and got[j..] share.
    let mut longest = vec![vec![0_u32; got.len() + 1]; want.len() + 1];
    for i in (0..want.len()).rev() {
        for j in (0..got.len()).rev() {
            longest[i][j] = if want[i] == got[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < want.len() && j < got.len() {
        if want[i] == got[j] {
            out.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[i + 1][j] >= longest[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

fn shorten(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}… ({} characters)", &value[..end], value.chars().count()),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::unhex;

    const PING: &str =
        "02000a00000202000a00000108004500001c10010000400156de0a0000010a0000020800f7f700070001";
    const ASK: &str =
        "ffffffffffff02000a0000010806000108000604000102000a0000010a0000010000000000000a000002";

    fn capture(dev: &str, dir: Direction, frame: &str) -> Capture {
        Capture {
            netns: "a".into(),
            dev: dev.into(),
            dir,
            frame: unhex(frame).expect("the digits are ours"),
        }
    }

    fn found(want: &[Capture], got: &[Capture]) -> Vec<String> {
        let fixed_ids = BTreeSet::from([0x1001]);
        Comparison { wanted: "the kernel", fixed_ids: &fixed_ids, has_connections: false }
            .run(want, got)
            .differences
    }

    /// `PING` with one byte changed.
    fn flipped(at: usize, bits: u8) -> Capture {
        let mut it = capture("eth0", Direction::Out, PING);
        it.frame[at] ^= bits;
        it
    }

    #[test]
    fn equal_captures_have_no_difference() {
        let it = [
            capture("eth0", Direction::Out, ASK),
            capture("eth0", Direction::Out, PING),
            capture("lo", Direction::In, PING),
        ];
        let fixed_ids = BTreeSet::new();
        let all =
            Comparison { wanted: "the kernel", fixed_ids: &fixed_ids, has_connections: false }
                .run(&it, &it);
        assert_eq!(all, Findings { n_streams: 2, n_frames: 3, differences: vec![] });
    }

    #[test]
    fn each_changed_field_is_reported_and_no_other() {
        let want = [capture("eth0", Direction::Out, PING)];
        let of_checksum = "; IP checksum is wrong, the kernel's is right";
        for (at, bits, text) in [
            (5, 1, "destination MAC is 02:00:0a:00:00:03, the kernel's is 02:00:0a:00:00:02".to_owned()),
            (11, 2, "source MAC is 02:00:0a:00:00:03, the kernel's is 02:00:0a:00:00:01".to_owned()),
            (15, 4, format!("IP TOS is 0x04, the kernel's is 0x00{of_checksum}")),
            (18, 1, format!("IP identification is any, the kernel's is 0x1001{of_checksum}")),
            (20, 0x40, format!("IP flags and fragment offset is 0x4000, the kernel's is 0x0000{of_checksum}")),
            (22, 0x7f, format!("IP TTL is 63, the kernel's is 64{of_checksum}")),
            (25, 1, "IP checksum is wrong, the kernel's is right".to_owned()),
            (35, 1, "ICMP code is 1, the kernel's is 0; ICMP checksum is wrong, the kernel's is right".to_owned()),
            (37, 1, "ICMP checksum is wrong, the kernel's is right".to_owned()),
            (39, 1, "ICMP checksum is wrong, the kernel's is right; ICMP identifier is 6, the kernel's is 7".to_owned()),
        ] {
            let expected = format!("a/eth0 out: frame 1 (ICMP echo request 10.0.0.1 > 10.0.0.2): {text}");
            assert_eq!(found(&want, &[flipped(at, bits)]), [expected]);
        }
    }

    #[test]
    fn identifications_the_kernel_chose_are_not_compared() {
        assert_eq!(
            found(&[flipped(19, 2)], &[flipped(19, 4)])[..],
            [] as [String; 0],
            "the checksum is wrong on both sides"
        );
    }

    #[test]
    fn missing_and_superfluous_frames_are_told_from_changed_ones() {
        let (ask, ping) =
            (capture("eth0", Direction::Out, ASK), capture("eth0", Direction::Out, PING));
        assert_eq!(
            found(&[ask.clone(), ping.clone()], std::slice::from_ref(&ping)),
            ["a/eth0 out: frame 1 is missing (ARP who has 10.0.0.2, tell 10.0.0.1)"]
        );
        assert_eq!(
            found(std::slice::from_ref(&ask), &[ask.clone(), ping.clone()]),
            ["a/eth0 out: a frame too many after frame 1 (ICMP echo request 10.0.0.1 > 10.0.0.2)"]
        );
        assert_eq!(found(&[ask.clone(), ping.clone()], &[ping, ask]).len(), 2, "the order counts");
    }

    #[test]
    fn a_frame_on_another_device_or_the_other_way_is_a_difference() {
        let want = [capture("eth0", Direction::Out, ASK)];
        assert_eq!(found(&want, &[capture("eth1", Direction::Out, ASK)]).len(), 2);
        assert_eq!(found(&want, &[capture("eth0", Direction::In, ASK)]).len(), 2);
    }
}
