//! `everyhop replay`: a snapshot and stimuli in, captures out as JSON lines.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use everyhop_engine::snapshot::{self, Capture, Direction};
use everyhop_engine::yaml::Problem;
use lexopt::prelude::*;

use crate::{Answer, Failure, input, print};

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut dir, mut stimuli, mut sockets) = (None, None, None);
    while let Some(arg) = args.next()? {
        let option: &mut Option<PathBuf> = match arg {
            Long("snapshot") => &mut dir,
            Long("stimuli") => &mut stimuli,
            Long("sockets") => &mut sockets,
            other => return Err(other.unexpected().into()),
        };
        *option = Some(args.value()?.into());
    }
    let missing = |name: &str| Failure(format!("replay needs {name}; everyhop --help shows how"));
    let dir = dir.ok_or_else(|| missing("--snapshot DIR"))?;
    let stimuli = stimuli.ok_or_else(|| missing("--stimuli FILE"))?;
    let files = input::snapshot(&dir)?;
    let stimuli_json = input::read(&stimuli, input::MAX_BYTES)?;
    let sockets_json = match &sockets {
        Some(path) => input::read(path, input::MAX_BYTES)?,
        None => Vec::new(),
    };
    let captures = snapshot::replay(&files, &stimuli_json, &sockets_json)
        .map_err(|problem| named(problem, &dir, &stimuli, sockets.as_deref()))?;
    print(&lines(&captures))?;
    Ok(Answer::Done)
}

/// The message with the path that the user knows the file by.
fn named(mut problem: Problem, dir: &Path, stimuli: &Path, sockets: Option<&Path>) -> Failure {
    let path = match problem.file.as_deref() {
        Some("stimuli.json") => stimuli.to_owned(),
        Some("sockets.json") => sockets.map(Path::to_owned).unwrap_or_default(),
        Some(inside) => dir.join(inside),
        None => dir.to_owned(),
    };
    problem.file = Some(path.display().to_string());
    Failure(problem.to_string())
}

fn lines(captures: &[Capture]) -> String {
    let mut out = String::new();
    for it in captures {
        let dir = match it.dir {
            Direction::In => "in",
            Direction::Out => "out",
        };
        let (netns, dev) = (quoted(&it.netns), quoted(&it.dev));
        let _ = write!(out, r#"{{"netns": {netns}, "dev": {dev}, "dir": "{dir}", "frame": ""#);
        for byte in &it.frame {
            let _ = write!(out, "{byte:02x}");
        }
        out.push_str("\"}\n");
    }
    out
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
