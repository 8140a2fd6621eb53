//! A lab's text to a lab, with the file's name in every message.

use everyhop_engine::lesson::{Lab, Loaded};
use everyhop_engine::yaml::{self, Problem};

use crate::Failure;

/// Bytes that are read of a lab before it is too long to look at; the engine has its own, smaller limit.
pub(crate) const MAX_BYTES: u64 = 64 << 20;

/// Loads a lab and remarks on standard error what its author may want to know.
pub(crate) fn load(file: &str, bytes: &[u8]) -> Result<Lab, Failure> {
    report(file, 0, Lab::from_bytes(bytes, &[]))
}

/// The same for a lab that will be asked for these ends, which may need more than its own actions do; in the variant with
/// this name, or as it stands.
pub(crate) fn load_for(
    file: &str,
    bytes: &[u8],
    ends: &[&str],
    variant: Option<&str>,
) -> Result<Lab, Failure> {
    let text = yaml::text_from_bytes(bytes).map_err(|problem| vec![problem]);
    report(file, 0, text.and_then(|text| Lab::load_variant(text, ends, variant)))
}

/// The same for a text that begins after the first `lines_before` lines of `file`.
pub(crate) fn load_text(
    file: &str,
    lines_before: usize,
    text: &str,
    variant: Option<&str>,
) -> Result<Lab, Failure> {
    report(file, lines_before, Lab::load_variant(text, &[], variant))
}

fn report(
    file: &str,
    lines_before: usize,
    loaded: Result<Loaded, Vec<Problem>>,
) -> Result<Lab, Failure> {
    let placed = |problem: Problem| placed(file, lines_before, problem).to_string();
    match loaded {
        Ok(Loaded { lab, notices }) => {
            for notice in notices {
                eprintln!("everyhop: note: {}", placed(notice));
            }
            Ok(lab)
        }
        Err(problems) => {
            let lines: Vec<String> = problems.into_iter().map(placed).collect();
            Err(Failure(lines.join("\n")))
        }
    }
}

/// The problem with its file, and its line in it.
pub(crate) fn placed(file: &str, lines_before: usize, problem: Problem) -> Problem {
    let line = if problem.line > 0 { problem.line + lines_before } else { 0 };
    let (line, column) = match (line, lines_before) {
        (0, 1..) => (lines_before, 1), // the block as a whole: its fence
        _ => (line, problem.column),
    };
    Problem { file: Some(file.to_owned()), line, column, ..problem }
}
