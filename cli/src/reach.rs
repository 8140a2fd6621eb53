//! `everyhop reach`: which pods may talk to which, by the lab's NetworkPolicies.

use std::path::PathBuf;

use everyhop_engine::kube::Protocol;
use everyhop_engine::kube::reach::Reach;
use lexopt::prelude::*;
use serde_json::json;

use crate::{Answer, Failure, input, lab, print};

/// A port as asked for.
type Port = (u16, Protocol);

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut ports, mut json) = (None, None, false);
    while let Some(arg) = args.next()? {
        match arg {
            Long("ports") => ports = Some(read_ports(&args.value()?.string()?)?),
            Long("json") => json = true,
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = path.ok_or_else(|| {
        Failure("reach needs LAB.yaml, or - for standard input; everyhop --help shows how".into())
    })?;
    let name = input::name(&path);
    let lab = lab::load(&name, &input::read(&path, lab::MAX_BYTES)?)?;
    let reach = Reach::new(&lab.cluster);
    let names: Vec<String> =
        lab.cluster.pods.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    let mut out = String::new();
    for (from, source) in names.iter().enumerate() {
        for (to, target) in names.iter().enumerate() {
            let asked = ports.clone().unwrap_or_else(|| reach.ports(to));
            for (port, protocol) in asked {
                let answer = reach.answer(from, to, (port, protocol));
                let verdict = if answer.allowed { "allow" } else { "deny" };
                let because = answer.because;
                if json {
                    out.push_str(if out.is_empty() { "[" } else { ",\n " });
                    let protocol = protocol.to_string();
                    out += &json!({"from": source, "to": target, "port": port,
                        "protocol": protocol, "verdict": verdict, "because": because})
                    .to_string();
                } else {
                    out +=
                        &format!("{verdict:5} {source} → {target} {port}/{protocol}: {because}\n");
                }
            }
        }
    }
    if json {
        out.push_str(if out.is_empty() { "[]\n" } else { "]\n" });
    }
    print(&out)?;
    Ok(Answer::Done)
}

/// `80/TCP,81/UDP`; without a protocol it is TCP.
fn read_ports(text: &str) -> Result<Vec<Port>, Failure> {
    let port = |word: &str| {
        let (number, protocol) = word.split_once('/').unwrap_or((word, "TCP"));
        let number = number.parse().ok().filter(|number| *number > 0)?;
        Some((number, Protocol::from_name(&protocol.to_ascii_uppercase())?))
    };
    let read = |word: &str| {
        let message = || format!("--ports: expected ports such as 80/TCP,81/UDP, found {word:?}");
        port(word.trim()).ok_or_else(|| Failure(message()))
    };
    text.split(',').map(read).collect()
}
