//! Labs in the shape of well-known examples, `tests/kube/examples`: beside each a table of questions with what a real
//! cluster answers. A line is `FROM TO -> VERDICT`, and then whatever else is known:
//!
//! - `status 200`: of a page
//! - `by ns/name`: the pod that served it has a name that begins so
//! - `seen 10.244.1.2`: the client's address as the server saw it
//! - `rcode NXDOMAIN`, `asked a.,b.`: what the resolver reported in the end, and the names that it asked for, in order
//! - `why ...`: the reason has this in it; to the line's end
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use everyhop_engine::lesson::{ActionResult, Lab};

/// A question and what is claimed about its answer, as written.
struct Claim<'t> {
    line: &'t str,
    from: &'t str,
    to: &'t str,
    claimed: Vec<(&'t str, &'t str)>,
}

fn read(line: &str) -> Claim<'_> {
    let (question, answer) = line.split_once("->").expect("an arrow");
    let mut ends = question.split_whitespace();
    let (from, to) = (ends.next().expect("a sender"), ends.next().expect("a destination"));
    let (answer, why) = answer.split_once(" why ").unwrap_or((answer, ""));
    let mut words = answer.split_whitespace();
    let mut claimed = vec![("verdict", words.next().expect("a verdict"))];
    while let Some(key) = words.next() {
        claimed.push((key, words.next().expect("a value after each key")));
    }
    if !why.is_empty() {
        claimed.push(("why", why.trim()));
    }
    Claim { line, from, to, claimed }
}

/// What a result says of the things that a table may claim.
fn found(lab: &Lab, result: &ActionResult, key: &str) -> String {
    let resolution = result.resolution.as_ref();
    match key {
        "verdict" => result.verdict.name().to_owned(),
        "status" => result.status.map_or_else(String::new, |it| it.to_string()),
        "by" => result.served_by.map_or_else(String::new, |it| {
            let pod = &lab.cluster.pods[it];
            format!("{}/{}", pod.namespace, pod.name)
        }),
        "seen" => result.seen_source.map_or_else(String::new, |it| it.to_string()),
        "rcode" => resolution.map_or_else(String::new, |it| match it.rcode {
            Ok(rcode) => rcode.to_string(),
            Err(unanswered) => unanswered.to_string(),
        }),
        "asked" => resolution.map_or_else(String::new, |it| {
            it.questions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }),
        "why" => result.because.clone(),
        other => panic!("no table can claim {other:?}"),
    }
}

fn keeps(key: &str, claimed: &str, found: &str) -> bool {
    match key {
        "by" => found.starts_with(claimed),
        "why" => found.contains(claimed),
        _ => found == claimed,
    }
}

#[test]
fn the_well_known_examples_load_as_they_are_and_answer_as_a_real_cluster_does() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("kube/examples");
    let (mut wrong, mut n_claims) = (String::new(), 0);
    for entry in fs::read_dir(dir).expect("the examples are there") {
        let path = entry.expect("and can be listed").path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let table = fs::read_to_string(path.with_extension("txt")).expect("each has its table");
        let claims: Vec<Claim<'_>> = table
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(read)
            .collect();
        let ends: Vec<&str> = claims.iter().flat_map(|it| [it.from, it.to]).collect();
        let lab = Lab::load_for(&text, &ends);
        let lab = lab.unwrap_or_else(|why| panic!("{}: {why:?}", path.display())).lab;
        for claim in &claims {
            n_claims += 1;
            let action = lab.exchange(claim.from, claim.to, None);
            let action = action.unwrap_or_else(|why| panic!("{}: {why}", claim.line));
            let result = lab.run_actions(&[action]).results.remove(0);
            for (key, claimed) in &claim.claimed {
                let found = found(&lab, &result, key);
                if !keeps(key, claimed, &found) {
                    let name = path.file_stem().unwrap_or_default().display();
                    let because = &result.because;
                    let _ =
                        writeln!(wrong, "{name}: {}\n    {key}: {found:?} ({because})", claim.line);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(n_claims > 70, "{n_claims} claims");
}

#[test]
fn the_labs_of_the_lessons_keep_their_claims() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/labs");
    let mut n_claims = 0;
    for entry in fs::read_dir(dir).expect("the labs are there") {
        let path = entry.expect("and can be listed").path();
        let text = fs::read_to_string(&path).expect("text");
        let loaded = Lab::load(&text).unwrap_or_else(|why| panic!("{}: {why:?}", path.display()));
        assert_eq!(loaded.notices, [], "{}", path.display());
        let run = loaded.lab.run();
        assert_eq!(loaded.lab.unmet(&run), [], "{}", path.display());
        assert_eq!(run.unbound, [], "{}", path.display());
        n_claims += loaded.lab.n_claims();
    }
    assert!(n_claims >= 10, "{n_claims} claims");
}
