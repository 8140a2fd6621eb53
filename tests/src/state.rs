//! What the kernel's tables hold when all is over, compared in words: the counters of rules and the tracked connections.

use std::collections::BTreeMap;

use crate::lab::Files;

/// Seconds by which the time left to a connection may differ: two listings are not made at the same moment.
const TIMEOUT_SLACK_S: u64 = 3;

/// What differs in `got` from `want`, both with the files `NETNS/iptables.txt` and `NETNS/conntrack.txt`; one line each.
pub fn differences(wanted: &str, want: &Files, got: &Files) -> Vec<String> {
    let text = |files: &Files, name: &String| {
        String::from_utf8_lossy(files.get(name).map_or(&[][..], |it| it)).into_owned()
    };
    let mut names: Vec<&String> = want.keys().chain(got.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut out = Vec::new();
    for name in names {
        let (want, got) = (text(want, name), text(got, name));
        let found = if name.ends_with("/conntrack.txt") {
            connections(wanted, &want, &got)
        } else {
            counters(wanted, &want, &got)
        };
        out.extend(found.into_iter().map(|it| format!("{name}: {it}")));
    }
    out
}

/// Rules in their order, with what they counted.
fn counters(wanted: &str, want: &str, got: &str) -> Vec<String> {
    let lines = |text: &str| -> Vec<String> {
        let is_said = |it: &&str| !it.starts_with('#') && !it.trim().is_empty();
        text.lines().filter(is_said).map(|it| it.trim_end().to_owned()).collect()
    };
    let (want, got) = (lines(want), lines(got));
    let mut table = "";
    let mut out = Vec::new();
    for idx in 0..want.len().max(got.len()) {
        let (ours, theirs) = (got.get(idx).map_or("", |it| it), want.get(idx).map_or("", |it| it));
        if theirs.starts_with('*') {
            table = theirs;
        }
        // A chain that `iptables -A` made counts nothing in its policy, one that `iptables-restore` made does; a listing does
        // not tell which it is.
        let uncounted = theirs.starts_with(':') && theirs.ends_with("[0:0]");
        let name = |line: &str| line.split('[').next().unwrap_or_default().to_owned();
        if ours != theirs && !(uncounted && name(ours) == name(theirs)) {
            out.push(format!("in {table} {ours:?}, {wanted}'s is {theirs:?}"));
        }
    }
    out
}

/// A line of `conntrack -L` without what two listings may differ in, and the seconds it has left.
fn connection(line: &str) -> (String, Option<u64>) {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    // ipv4 2 udp 17 29 src=...
    let seconds = words.get(4).and_then(|it| it.parse().ok());
    if seconds.is_some() {
        words[4] = "_";
    }
    words.retain(|it| !it.starts_with("use="));
    (words.join(" "), seconds)
}

fn connections(wanted: &str, want: &str, got: &str) -> Vec<String> {
    let listed = |text: &str| -> BTreeMap<String, Option<u64>> {
        // Bridges report their groups at random times, which captures leave out too.
        let is_report = |it: &str| it.contains(" dst=224.0.0.22 ");
        text.lines().filter(|it| !it.trim().is_empty() && !is_report(it)).map(connection).collect()
    };
    let (want, got) = (listed(want), listed(got));
    let mut out = Vec::new();
    for (line, theirs) in &want {
        match (got.get(line), theirs) {
            (None, _) => out.push(format!("a connection is missing: {line}")),
            (Some(Some(ours)), Some(theirs)) if ours.abs_diff(*theirs) > TIMEOUT_SLACK_S => {
                out.push(format!("{ours} s left, {wanted}'s has {theirs}: {line}"));
            }
            (Some(_), _) => {}
        }
    }
    let extra = got.keys().filter(|it| !want.contains_key(*it));
    out.extend(extra.map(|line| format!("a connection too many: {line}")));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, want: &str, got: &str) -> Vec<String> {
        let files = |text: &str| Files::from([(name.to_owned(), text.as_bytes().to_vec())]);
        differences("the kernel", &files(want), &files(got))
    }

    #[test]
    fn a_rule_that_counted_otherwise_is_named_with_its_table() {
        let rules = "# made\n*filter\n:INPUT ACCEPT [0:0]\n[1:84] -A INPUT -j ACCEPT\nCOMMIT\n";
        assert_eq!(found("a/iptables.txt", rules, rules)[..], [] as [&str; 0]);
        assert_eq!(
            found("a/iptables.txt", rules, &rules.replace("[1:84]", "[2:168]")),
            [
                "a/iptables.txt: in *filter \"[2:168] -A INPUT -j ACCEPT\", the kernel's is \"[1:84] -A INPUT -j ACCEPT\""
            ]
        );
    }

    #[test]
    fn connections_are_compared_without_their_order_and_nearly_without_their_time() {
        let one =
            "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 [UNREPLIED] use=1";
        let two = "ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=1 use=1";
        let (there, back) = (format!("{one}\n{two}\n"), format!("{two}\n{one}\n"));
        assert_eq!(found("a/conntrack.txt", &there, &back)[..], [] as [&str; 0]);
        let other = there.replace("17 29", "17 27").replacen("use=1", "use=2", 1);
        assert_eq!(found("a/conntrack.txt", &there, &other)[..], [] as [&str; 0]);
        assert_eq!(found("a/conntrack.txt", &there, &there.replace("17 29", "17 119")).len(), 1);
        assert_eq!(found("a/conntrack.txt", &there, &there.replace("id=1", "id=2")).len(), 2);
    }
}
