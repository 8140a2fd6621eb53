//! `docs/fidelity.md`, written from the labs and the table of constructs, so that it cannot say more than is checked.
//!
//! What people wrote is in `tests/conformance/fidelity.in.md`; lines there that are only a name in double braces are filled in.

mod constructs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use everyhop_engine::snapshot;
use everyhop_engine::world::World;

use crate::check;
use crate::frame::{self, Field, Known};
use crate::lab::{self, Action, Lab};
use crate::problem::{Outcome, Problem};
#[cfg(target_os = "linux")]
use crate::random;
use constructs::{CONSTRUCTS, Construct};

/// Where labs go that name no chapter of their own.
const NO_CHAPTER: &str = "Further labs";
/// Random labs that are looked through for constructs; the first ones that `cargo xtask test` builds.
#[cfg(target_os = "linux")]
const N_RANDOM: u64 = 300;

/// What a lab shows that it exercises.
pub(crate) struct Evidence {
    pub(crate) world: World,
    /// Frames that devices saw, as fields.
    pub(crate) frames: Vec<Vec<Field>>,
    pub(crate) actions: Vec<Action>,
}

/// Where the page is.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fidelity.md")
}

/// The page as it should be.
pub fn page() -> Outcome<String> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/fidelity.in.md");
    let text = fs::read_to_string(&template).map_err(Problem::in_file(&template))?;
    let labs = lab::all_in(&check::own_labs())?;
    let mut out = String::new();
    for line in text.lines() {
        match line {
            "{{constructs}}" => out.push_str(&constructs(&labs)?),
            "{{labs}}" => out.push_str(&chapters(&labs)),
            "{{gaps}}" => out.push_str(&gaps(&labs)),
            _ if line.starts_with("{{") => {
                return Err(Problem::at(template.display(), format!("nothing is called {line}")));
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    Ok(out)
}

/// Every lab in its own words, by chapter.
fn chapters(labs: &[Lab]) -> String {
    let mut chapters: BTreeMap<(bool, &str), Vec<&Lab>> = BTreeMap::new();
    for lab in labs {
        let chapter = lab.chapter.as_deref().unwrap_or(NO_CHAPTER);
        chapters.entry((lab.chapter.is_none(), chapter)).or_default().push(lab);
    }
    let mut out = String::new();
    for ((_, chapter), labs) in chapters {
        out += &format!(
            "### {chapter}\n\n| lab | what happens | what the kernel does, and so the engine |\n| --- | --- | --- |\n"
        );
        for lab in labs {
            out += &format!("| `{}` | {} | {} |\n", lab.name, lab.title, lab.why);
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn gaps(labs: &[Lab]) -> String {
    let line = |lab: &Lab| Some(format!("- `{}`: {}\n", lab.name, lab.known_gap.as_ref()?));
    let lines: String = labs.iter().filter_map(line).collect();
    if lines.is_empty() { "None is known.\n".to_owned() } else { lines }
}

/// Every construct with the number of labs that exercise it.
fn constructs(labs: &[Lab]) -> Outcome<String> {
    let mut recorded = Vec::new();
    for lab in labs.iter().filter(|it| it.known_gap.is_none()) {
        recorded.push(evidence(lab)?);
    }
    let random = random_evidence();
    let mut out = String::new();
    let mut part = "";
    for it in CONSTRUCTS {
        if it.part != part {
            part = it.part;
            out += &format!(
                "\n### {part}\n\n| construct | recorded labs | random labs |\n| --- | --: | --- |\n"
            );
        }
        out += &row(it, &recorded, &random);
    }
    Ok(out.trim_start().to_owned())
}

fn row(it: &Construct, recorded: &[Evidence], random: &[Evidence]) -> String {
    let n = recorded.iter().filter(|lab| (it.is_in)(lab)).count();
    let some = random.iter().any(|lab| (it.is_in)(lab));
    format!("| {} | {n} | {} |\n", it.name, if some { "yes" } else { "no" })
}

fn evidence(lab: &Lab) -> Outcome<Evidence> {
    let recording = lab.recording()?;
    let world = snapshot::load(&recording.files)
        .map_err(|e| Problem::at(&lab.name, format!("its snapshot is refused: {e}")))?;
    let frames =
        recording.captures.iter().map(|it| frame::decode(&it.frame, Known::default())).collect();
    let actions = lab.stimuli.iter().map(|it| it.action.clone()).collect();
    Ok(Evidence { world, frames, actions })
}

#[cfg(target_os = "linux")]
fn random_evidence() -> Vec<Evidence> {
    (1..=N_RANDOM).filter_map(random::evidence).collect()
}

#[cfg(not(target_os = "linux"))]
fn random_evidence() -> Vec<Evidence> {
    Vec::new()
}
