//! `everyhop export`: a lab's world as a script that builds it for real, its run as a capture or as a transcript.

use std::path::PathBuf;

use everyhop_engine::export;
use everyhop_engine::lesson::Lab;
use lexopt::prelude::*;

use crate::{Answer, Failure, input, lab, print_bytes};

#[derive(Clone, Copy)]
enum Form {
    BuildScript,
    Pcapng,
    Text,
}

/// Names of the forms that there are, for messages.
const FORMS: &str = "build.sh, pcapng or text";

impl Form {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "build.sh" => Some(Self::BuildScript),
            "pcapng" => Some(Self::Pcapng),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut form, mut to) = (None, None, None);
    let mut variant: Option<String> = None;
    while let Some(arg) = args.next()? {
        match arg {
            Long("as") => {
                let name = args.value()?.string()?;
                form =
                    Some(Form::from_name(&name).ok_or_else(|| {
                        Failure(format!("--as: expected {FORMS}, found {name:?}"))
                    })?);
            }
            Long("variant") => variant = Some(args.value()?.string()?),
            Short('o') => to = Some(PathBuf::from(args.value()?)),
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = path.ok_or_else(|| {
        Failure("export needs LAB.yaml, or - for standard input; everyhop --help shows how".into())
    })?;
    let form = form.ok_or_else(|| Failure(format!("export needs --as with {FORMS}")))?;
    let name = input::name(&path);
    let bytes = input::read(&path, lab::MAX_BYTES)?;
    let lab = lab::load_for(&name, &bytes, &[], variant.as_deref())?;
    let bytes = exported(&lab, form).map_err(|why| Failure(format!("{name}: {why}")))?;
    match to {
        Some(file) => {
            let failed = |e| Failure(format!("{}: {e}", file.display()));
            std::fs::write(&file, bytes).map_err(failed)?;
        }
        None => print_bytes(&bytes)?,
    }
    Ok(Answer::Done)
}

fn exported(lab: &Lab, form: Form) -> Result<Vec<u8>, String> {
    match form {
        Form::BuildScript => {
            let script = export::script(&lab.world(0..lab.cluster.nodes.len()))
                .map_err(|e| e.to_string())?;
            Ok(script.into_bytes())
        }
        Form::Pcapng if lab.actions.is_empty() => {
            Err("the lab has no actions, so there is nothing to capture".into())
        }
        Form::Text if lab.actions.is_empty() => {
            Err("the lab has no actions, so there is nothing to tell".into())
        }
        Form::Text => Ok(lab.run().transcript(lab).markdown().into_bytes()),
        Form::Pcapng => {
            let run = lab.run_acts(&lab.actions);
            Ok(export::pcapng(&run.end, &run.trace, &run.story))
        }
    }
}
