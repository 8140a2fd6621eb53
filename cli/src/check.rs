//! `everyhop check`: labs load, run, and keep what they claim.

use std::path::{Path, PathBuf};

use everyhop_engine::lesson::Lab;
use lexopt::prelude::*;

use crate::{Answer, Failure, input, lab, markdown, print};

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let mut paths = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Value(value) => paths.push(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    if paths.is_empty() {
        return Err(Failure("check needs a FILE; everyhop --help shows how".into()));
    }
    // Every file is looked at, whatever the others are.
    let (mut kept, mut failures) = (true, Vec::new());
    for path in paths {
        match check(&path) {
            Ok(ok) => kept &= ok,
            Err(Failure(message)) => failures.push(message),
        }
    }
    if !failures.is_empty() {
        return Err(Failure(failures.join("\n")));
    }
    Ok(if kept { Answer::Done } else { Answer::No })
}

/// Whether all labs of a file keep their claims; one that cannot be loaded is a failure.
fn check(path: &Path) -> Result<bool, Failure> {
    let name = input::name(path);
    let bytes = input::read(path, lab::MAX_BYTES)?;
    if !path.extension().is_some_and(|it| it == "md" || it == "markdown") {
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        let lab = lab::load(&name, &bytes)?;
        return check_all(&name, 0, (text, &lab));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure(format!("{name}: expected UTF-8 text, is this a binary file?")))?;
    let (mut kept, mut failures) = (true, Vec::new());
    for block in markdown::labs(text) {
        let checked = lab::load_block(&name, block.fence_line, &block.text)
            .and_then(|lab| check_all(&name, block.fence_line, (&block.text, &lab)));
        match checked {
            Ok(ok) => kept &= ok,
            Err(Failure(message)) => failures.push(message),
        }
    }
    if failures.is_empty() { Ok(kept) } else { Err(Failure(failures.join("\n"))) }
}

/// A lab as it stands and each of its variants.
fn check_all(file: &str, lines_before: usize, (text, lab): (&str, &Lab)) -> Result<bool, Failure> {
    let mut kept = check_lab(file, lines_before, lab)?;
    let choices = lab.variants.iter().flat_map(|variants| &variants.choices);
    for other in choices.skip(1) {
        match Lab::load_variant(text, &[], Some(&other.name)) {
            Ok(loaded) => kept &= check_lab(file, lines_before, &loaded.lab)?,
            Err(problems) => {
                kept = false;
                for problem in problems {
                    let placed = lab::placed(file, lines_before, problem);
                    print(&format!("{placed} (variant {})\n", other.name))?;
                }
            }
        }
    }
    Ok(kept)
}

fn check_lab(file: &str, lines_before: usize, lab: &Lab) -> Result<bool, Failure> {
    let run = lab.run();
    let mut unmet = lab.unmet(&run);
    unmet.extend(run.untrue(lab));
    let place = if lines_before > 0 { format!("{file}:{lines_before}") } else { file.to_owned() };
    let variant = lab.variants.as_ref().map(|it| format!(", {}", it.name())).unwrap_or_default();
    if unmet.is_empty() {
        let (hops, stops) = (run.story.steps.len(), run.stops.len());
        let count = if stops < hops { format!("{stops} stops, ") } else { String::new() };
        print(&format!("{place}: ok: {}{variant} ({count}{hops} steps)\n", lab.title))?;
    }
    for problem in &unmet {
        print(&format!("{}\n", lab::placed(file, lines_before, problem.clone())))?;
    }
    Ok(unmet.is_empty())
}
