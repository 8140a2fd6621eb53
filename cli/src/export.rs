//! `everyhop export`: a lab's world as a script that builds it for real; its run as a capture, a picture, a diagram or a transcript.

use std::path::PathBuf;

use everyhop_engine::export::{self, mermaid};
use everyhop_engine::lesson::{Lab, Run};
use everyhop_frontend::picture::Picture;
use lexopt::prelude::*;

use crate::{Answer, Failure, input, lab, print_bytes};

#[derive(Clone, Copy)]
enum Form {
    BuildScript,
    Pcapng,
    Svg,
    Mermaid,
    Text,
}

/// Names of the forms that there are, for messages.
const FORMS: &str = "build.sh, pcapng, svg, mermaid or text";

impl Form {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "build.sh" => Some(Self::BuildScript),
            "pcapng" => Some(Self::Pcapng),
            "svg" => Some(Self::Svg),
            "mermaid" => Some(Self::Mermaid),
            "text" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut form, mut to, mut step, mut hops) = (None, None, None, None, false);
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
            Long("step") => {
                let text = args.value()?.string()?;
                let number: Option<usize> = text.parse().ok().filter(|&number| number > 0);
                step = Some(number.ok_or_else(|| {
                    Failure(format!("--step: expected a step's number, from 1, found {text:?}"))
                })?);
            }
            Long("hops") => hops = true,
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
    if step.is_some() && !matches!(form, Form::Svg) {
        return Err(Failure("--step goes with --as svg only".into()));
    }
    if hops && step.is_none() {
        return Err(Failure("--hops goes with --step only".into()));
    }
    let name = input::name(&path);
    let bytes = input::read(&path, lab::MAX_BYTES)?;
    let lab = lab::load_for(&name, &bytes, &[], variant.as_deref())?;
    let bytes = exported(&lab, form, step.map(|number| (number, hops)))
        .map_err(|why| Failure(format!("{name}: {why}")))?;
    match to {
        Some(file) => {
            let failed = |e| Failure(format!("{}: {e}", file.display()));
            std::fs::write(&file, bytes).map_err(failed)?;
        }
        None => print_bytes(&bytes)?,
    }
    Ok(Answer::Done)
}

/// `step`: its number, and whether every hop is one.
fn exported(lab: &Lab, form: Form, step: Option<(usize, bool)>) -> Result<Vec<u8>, String> {
    if let Form::BuildScript = form {
        let world = lab.world(0..lab.cluster.nodes.len());
        return export::script(&world).map(String::into_bytes).map_err(|e| e.to_string());
    }
    if lab.actions.is_empty() {
        return Err("the lab has no actions, so there is nothing to show".into());
    }
    let run = lab.run();
    Ok(match form {
        Form::BuildScript | Form::Pcapng => export::pcapng(&run.end, &run.trace, &run.story),
        Form::Mermaid => mermaid(&run.end, &run.story, &points(&run)).into_bytes(),
        Form::Text => run.transcript(lab).markdown().into_bytes(),
        Form::Svg => {
            let picture = Picture::new(lab, &run, false);
            let text = match step {
                Some((number, hops)) => {
                    let index = number - 1;
                    let (found, what) = if hops {
                        (picture.hop(index), "hops")
                    } else {
                        (picture.stop(index), "steps")
                    };
                    found.map_err(|none| {
                        format!("--step {number}: the lab has {} {what}", none.n_steps)
                    })?
                }
                None => picture.played(),
            };
            text.into_bytes()
        }
    })
}

/// What the lesson stops at.
fn points(run: &Run) -> Vec<mermaid::Point<'_>> {
    let stops = run.stops.iter();
    stops.map(|it| mermaid::Point { steps: it.first..=it.at, title: &it.caption.title }).collect()
}
