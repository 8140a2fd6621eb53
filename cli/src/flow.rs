//! `everyhop flow`: what a node does with the first packet of a connection, over every random choice of its rules.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use everyhop_engine::base::Script;
use everyhop_engine::kube::Protocol;
use everyhop_engine::kube::flow::{Answer as Verdict, Branch, MOST_BRANCHES, Question, explore};
use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use crate::{Answer, Failure, input, lab, print, rules};

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut node, mut json) = (None, None, false);
    let (mut src, mut dst, mut protocol, mut port) = (None, None, None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("node") => node = Some(args.value()?.string()?),
            Long("src") => src = Some(address("--src", &args.value()?.string()?)?),
            Long("dst") => dst = Some(address("--dst", &args.value()?.string()?)?),
            Long("dport") => {
                let text = args.value()?.string()?;
                let number = text.parse::<u16>().ok().filter(|port| *port > 0);
                port = Some(number.ok_or_else(|| {
                    Failure(format!("--dport: expected a number 1 to 65535, found {text:?}"))
                })?);
            }
            Long("proto") => {
                let text = args.value()?.string()?;
                let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
                let named = |it: &Protocol| it.to_string().eq_ignore_ascii_case(&text);
                protocol = Some(known.into_iter().find(named).ok_or_else(|| {
                    Failure(format!("--proto: expected tcp, udp or sctp, found {text:?}"))
                })?);
            }
            Long("json") => json = true,
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let missing = |what| Failure(format!("flow needs {what}; everyhop --help shows how"));
    let path = path.ok_or_else(|| missing("LAB.yaml, or - for standard input"))?;
    let node = node.ok_or_else(|| missing("--node with a node's name"))?;
    let question = Question {
        src: src.ok_or_else(|| missing("--src with the sender's address"))?,
        dst: dst.ok_or_else(|| missing("--dst with the destination's address"))?,
        protocol: protocol.unwrap_or(Protocol::Tcp),
        port: port.ok_or_else(|| missing("--dport with the destination's port"))?,
    };
    let name = input::name(&path);
    let lab = lab::load(&name, &input::read(&path, lab::MAX_BYTES)?)?;
    let node = rules::find_node(&lab, &node, &name)?;
    let netfilter = rules::of_node(&lab, node).map_err(|why| Failure(format!("{name}: {why}")))?;
    let branches = explore(&netfilter, &lab.cluster, node, &question).ok_or_else(|| {
        Failure(format!("{name}: the rules can choose in more than {MOST_BRANCHES} ways"))
    })?;
    let told = Told::of(&branches);
    print(&if json { told.json().to_string() + "\n" } else { told.words() })?;
    Ok(Answer::Done)
}

fn address(option: &str, text: &str) -> Result<Ipv4Addr, Failure> {
    let wrong = || Failure(format!("{option}: expected an IPv4 address, found {text:?}"));
    text.parse().map_err(|_| wrong())
}

/// All branches put together.
struct Told {
    verdict: Verdict,
    /// In the order of the rules.
    endpoints: Vec<(String, f64)>,
    masquerade: bool,
    /// The sources with which it may go on.
    sources: Vec<String>,
}

impl Told {
    fn of(branches: &[Branch]) -> Self {
        let mut endpoints: Vec<(String, f64)> = Vec::new();
        let mut sources: Vec<String> = Vec::new();
        for branch in branches {
            let source = branch.source.to_string();
            if branch.verdict == Verdict::Accept && !sources.contains(&source) {
                sources.push(source);
            }
            let Some((ip, port)) = branch.to else { continue };
            let to = format!("{ip}:{port}");
            let chance = chance(branch);
            match endpoints.iter_mut().find(|(known, _)| *known == to) {
                Some((_, sum)) => *sum += chance,
                None => endpoints.push((to, chance)),
            }
        }
        Self {
            // What it may do at best; kube-proxy's rules do the same in every branch.
            verdict: branches.iter().map(|it| it.verdict).min().unwrap_or(Verdict::Accept),
            endpoints,
            masquerade: branches.iter().any(|it| it.masquerade),
            sources,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.verdict {
            Verdict::Accept => "accept",
            Verdict::Reject => "reject",
            Verdict::Drop => "drop",
        }
    }

    fn json(&self) -> Json {
        let endpoints: Vec<Json> = self
            .endpoints
            .iter()
            .map(|(to, chance)| json!({"to": to, "probability": rounded(*chance)}))
            .collect();
        json!({
            "verdict": self.verdict(),
            "endpoints": endpoints,
            "masquerade": self.masquerade,
            "sources": self.sources,
        })
    }

    fn words(&self) -> String {
        let mut text = self.verdict().to_owned();
        if self.masquerade {
            text.push_str(", masqueraded");
        }
        if !self.sources.is_empty() {
            text.push_str(", from ");
            text.push_str(&self.sources.join(" or "));
        }
        text.push('\n');
        for (to, chance) in &self.endpoints {
            text += &format!("  to {to} with probability {}\n", rounded(*chance));
        }
        text
    }
}

/// How likely a branch is.
fn chance(branch: &Branch) -> f64 {
    let of = |&(yes, chance): &(bool, u32)| {
        let chance = f64::from(chance) / f64::from(Script::CERTAIN);
        if yes { chance } else { 1.0 - chance }
    };
    branch.draws.iter().map(of).product()
}

/// A rule's probability has 31 bits, which are nine digits.
fn rounded(chance: f64) -> f64 {
    (chance * 1e9).round() / 1e9
}
