//! `everyhop trace`: one exchange in the cluster that a lab describes, hop by hop.

use std::path::PathBuf;

use everyhop_engine::lesson::{Act, Lab, Protocol, Refused};
use lexopt::prelude::*;
use serde_json::json;

use crate::told::Ran;
use crate::{Answer, Failure, input, lab, print};

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut from, mut to, mut protocol, mut json) = (None, None, None, None, false);
    let mut variant: Option<String> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Long("from") => from = Some(args.value()?.string()?),
            Long("to") => to = Some(args.value()?.string()?),
            Long("proto") => {
                let name = args.value()?.string()?;
                protocol = Some(Protocol::from_name(&name).ok_or_else(|| {
                    Failure(format!("--proto: expected icmp, udp or tcp, found {name:?}"))
                })?);
            }
            Long("variant") => variant = Some(args.value()?.string()?),
            Long("json") => json = true,
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = path.ok_or_else(|| {
        Failure("trace needs LAB.yaml, or - for standard input; everyhop --help shows how".into())
    })?;
    let name = input::name(&path);
    let ends: Vec<&str> = from.iter().chain(&to).map(String::as_str).collect();
    let bytes = input::read(&path, lab::MAX_BYTES)?;
    let lab = lab::load_for(&name, &bytes, &ends, variant.as_deref())?;
    let actions = match (from, to) {
        (Some(from), Some(to)) => match lab.exchange(&from, &to, protocol) {
            Ok(action) => vec![Act::Send(action)],
            Err(Refused::Wrong(message)) => return Err(Failure(format!("{name}: {message}"))),
            Err(Refused::NotModelled(message)) => return unmodelled(&message, json),
        },
        (None, None) if protocol.is_some() => {
            return Err(Failure("--proto needs --from and --to".into()));
        }
        (None, None) if lab.actions.is_empty() => {
            return Err(Failure(format!("{name}: the lab has no actions; say --from and --to")));
        }
        (None, None) => lab.actions.clone(),
        (Some(_), None) => return Err(Failure("--from needs --to".into())),
        (None, Some(_)) => return Err(Failure("--to needs --from".into())),
    };
    print(&told(&lab, &actions, json))?;
    Ok(Answer::Done)
}

fn told(lab: &Lab, actions: &[Act], json: bool) -> String {
    let run = lab.run_acts(actions);
    let ran = Ran { lab, run: &run };
    if !json {
        return ran.words(actions);
    }
    let results: Vec<_> = run.results.iter().map(|it| ran.result(it)).collect();
    let mut all = json!({"steps": ran.steps(), "result": results.last()});
    if results.len() > 1 {
        all["results"] = results.into();
    }
    format!("{all}\n")
}

/// Linux would do something, and this engine does not know what: no step, and that verdict.
fn unmodelled(message: &str, json: bool) -> Result<Answer, Failure> {
    if json {
        let result = json!({"verdict": "unmodelled", "because": message});
        print(&format!("{}\n", json!({"steps": [], "result": result})))?;
    } else {
        print(&format!("unmodelled: {message}\n"))?;
    }
    Ok(Answer::Done)
}
