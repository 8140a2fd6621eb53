//! `everyhop check`: labs load, run, and keep what they claim; those in pages keep what the page claims of them, too.

use std::path::{Path, PathBuf};

use everyhop_engine::lesson::{Claim, Lab};
use everyhop_engine::yaml::Problem;
use everyhop_frontend::state::lessons;
use lexopt::prelude::*;

use crate::pages::{self, Embed, Source};
use crate::{Answer, Failure, figure, input, junit, lab, print};

/// What came of one lab.
pub(crate) struct Checked {
    /// The file, and where it holds several labs, the line.
    pub place: String,
    /// Which lab it is.
    pub name: String,
    pub outcome: Outcome,
}

/// How a lab stands.
pub(crate) enum Outcome {
    /// All that it claims holds; how long it is.
    Kept(String),
    /// Claims that do not hold, each with its place.
    Broken(Vec<String>),
    /// It could not be looked at.
    Unreadable(String),
}

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut paths, mut report) = (Vec::new(), None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("junit") => report = Some(PathBuf::from(args.value()?)),
            Value(value) => paths.push(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    if paths.is_empty() {
        return Err(Failure("check needs a FILE; everyhop --help shows how".into()));
    }
    // Every file is looked at, whatever the others are.
    let mut all = Vec::new();
    for path in paths {
        let found = check(&path).unwrap_or_else(|Failure(message)| {
            let place = input::name(&path);
            vec![Checked { name: place.clone(), place, outcome: Outcome::Unreadable(message) }]
        });
        for it in &found {
            print(&told(it))?;
        }
        all.extend(found);
    }
    if let Some(file) = report {
        let failed = |e| Failure(format!("{}: {e}", file.display()));
        std::fs::write(&file, junit::report(&all)).map_err(failed)?;
    }
    let unreadable = all.iter().filter_map(|it| match &it.outcome {
        Outcome::Unreadable(message) => Some(message.as_str()),
        Outcome::Kept(_) | Outcome::Broken(_) => None,
    });
    let unreadable: Vec<&str> = unreadable.collect();
    if !unreadable.is_empty() {
        return Err(Failure(unreadable.join("\n")));
    }
    let broken = all.iter().any(|it| matches!(it.outcome, Outcome::Broken(_)));
    Ok(if broken { Answer::No } else { Answer::Done })
}

/// A line for each lab, or for each claim that does not hold.
fn told(it: &Checked) -> String {
    match &it.outcome {
        Outcome::Kept(length) => format!("{}: ok: {} ({length})\n", it.place, it.name),
        Outcome::Broken(claims) => claims.join("\n") + "\n",
        Outcome::Unreadable(_) => String::new(),
    }
}

/// All labs of a file.
fn check(path: &Path) -> Result<Vec<Checked>, Failure> {
    let name = input::name(path);
    let bytes = input::read(path, lab::MAX_BYTES)?;
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let embeds = match extension {
        "md" | "markdown" | "mdx" => pages::in_markdown,
        "html" | "htm" => pages::in_html,
        _ => {
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let lab = lab::load(&name, &bytes)?;
            return Ok(check_all(&Placed { file: &name, line: None, lines_before: 0 }, text, &lab));
        }
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure(format!("{name}: expected UTF-8 text, is this a binary file?")))?;
    let page = Page { name: &name, dir: path.parent().unwrap_or(Path::new("")) };
    Ok(embeds(text).iter().flat_map(|embed| page.check(embed)).collect())
}

/// Where a lab's text stands.
struct Placed<'a> {
    file: &'a str,
    /// Of its fence or element, in a page.
    line: Option<usize>,
    lines_before: usize,
}

impl Placed<'_> {
    fn place(&self) -> String {
        self.line.map_or_else(|| self.file.to_owned(), |line| format!("{}:{line}", self.file))
    }

    fn problem(&self, problem: Problem) -> String {
        lab::placed(self.file, self.lines_before, problem).to_string()
    }
}

/// A lab as it stands and each of its variants.
fn check_all(at: &Placed<'_>, text: &str, lab: &Lab) -> Vec<Checked> {
    let mut all = vec![check_lab(at, lab, &[])];
    let choices = lab.variants.iter().flat_map(|variants| &variants.choices);
    for other in choices.skip(1) {
        all.push(match Lab::load_variant(text, &[], Some(&other.name)) {
            Ok(loaded) => check_lab(at, &loaded.lab, &[]),
            Err(problems) => {
                let claim = |it| format!("{} (variant {})", at.problem(it), other.name);
                let name = format!("{}, {}", lab.title, other.name);
                let outcome = Outcome::Broken(problems.into_iter().map(claim).collect());
                Checked { place: at.place(), name, outcome }
            }
        });
    }
    all
}

/// `more`: what a page claims of it, beside what it claims itself.
fn check_lab(at: &Placed<'_>, lab: &Lab, more: &[Written]) -> Checked {
    let run = lab.run();
    let mut unmet = lab.unmet(&run);
    unmet.extend(run.untrue(lab));
    let mut broken: Vec<String> = unmet.into_iter().map(|it| at.problem(it)).collect();
    for it in more {
        let why = match it {
            Written::Step(number) => beyond(*number, run.stops.len()),
            Written::Claim(claim) => claim.broken(lab, &run),
        };
        broken.extend(why.map(|why| format!("{}: {why}", at.place())));
    }
    let variant = lab.variants.as_ref().map(|it| format!(", {}", it.name())).unwrap_or_default();
    let (hops, stops) = (run.story.steps.len(), run.stops.len());
    let count = if stops < hops { format!("{stops} stops, ") } else { String::new() };
    let outcome = if broken.is_empty() {
        Outcome::Kept(format!("{count}{hops} steps"))
    } else {
        Outcome::Broken(broken)
    };
    Checked { place: at.place(), name: format!("{}{variant}", lab.title), outcome }
}

fn beyond(number: usize, n_steps: usize) -> Option<String> {
    (number > n_steps).then(|| format!("step {number}: the lab has {n_steps} steps"))
}

/// What a page says of the lab that it shows.
enum Written {
    /// The step that it begins with, from 1.
    Step(usize),
    Claim(Claim),
}

/// A page with labs in it.
pub(crate) struct Page<'a> {
    pub name: &'a str,
    /// What its addresses are relative to.
    pub dir: &'a Path,
}

/// An embed's lab as text.
struct Found {
    /// What messages call it, and how many lines of that come before.
    file: String,
    lines_before: usize,
    text: String,
}

/// What an element may say besides its lab.
const SAYS: [&str; 11] = [
    "step", "variant", "expect", "autoplay", "speed", "theme", "panels", "lens", "readonly",
    "height", "id",
];

impl Page<'_> {
    fn check(&self, embed: &Embed) -> Vec<Checked> {
        self.looked_at(embed).unwrap_or_else(|outcome| {
            let place = format!("{}:{}", self.name, embed.line);
            vec![Checked { name: place.clone(), place, outcome }]
        })
    }

    fn looked_at(&self, embed: &Embed) -> Result<Vec<Checked>, Outcome> {
        let line = Some(embed.line);
        let of_lab = |Failure(message)| Outcome::Unreadable(message);
        let mut more = Vec::new();
        for (name, value) in &embed.says {
            let wrong = |why| Outcome::Unreadable(format!("{}:{}: {why}", self.name, embed.line));
            more.extend(written(name, value).map_err(wrong)?);
        }
        let Found { file, lines_before, text } = self.find(embed).map_err(of_lab)?;
        let variant = embed.says.get("variant").map(String::as_str);
        let lab = lab::load_text(&file, lines_before, &text, variant).map_err(of_lab)?;
        let at = Placed { file: self.name, line, lines_before };
        // What a lab in the page claims of itself has its own line there; another file's claims are that file's.
        match &embed.lab {
            Source::Here { .. } if variant.is_none() => {
                let mut all = check_all(&at, &text, &lab);
                if !more.is_empty() {
                    all[0] = check_lab(&at, &lab, &more);
                }
                Ok(all)
            }
            _ => Ok(vec![check_lab(&at, &lab, &more)]),
        }
    }

    /// An embed's lab, for a figure.
    pub(crate) fn load(&self, embed: &Embed) -> Result<figure::Loaded, Failure> {
        let Found { file, lines_before, text } = self.find(embed)?;
        let variant = embed.says.get("variant").map(String::as_str);
        let lab = lab::load_text(&file, lines_before, &text, variant)?;
        let own = matches!(embed.lab, Source::Here { .. }).then_some(text);
        Ok(figure::Loaded { lab, own })
    }

    fn find(&self, embed: &Embed) -> Result<Found, Failure> {
        let wrong = |why: String| Failure(format!("{}:{}: {why}", self.name, embed.line));
        match &embed.lab {
            Source::Here { text, lines_before } => {
                let (file, lines_before, text) = (self.name.to_owned(), *lines_before, text.clone());
                Ok(Found { file, lines_before, text })
            }
            Source::Lesson(id) => {
                let Some(lesson) = lessons::LessonId::find(id) else {
                    let ids: Vec<&str> = lessons::ARTICLE.iter().map(|it| it.id.as_str()).collect();
                    let found = ids.join(", ");
                    return Err(wrong(format!("there is no lesson {id:?}: found {found}")));
                };
                let text = lesson.lesson().text.to_owned();
                Ok(Found { file: format!("lesson {id}"), lines_before: 0, text })
            }
            Source::File(src) if src.contains("://") => Err(wrong(format!(
                "src={src:?} is on a server: the file is needed beside the page"
            ))),
            Source::File(src) => {
                let path = self.dir.join(src);
                let text = String::from_utf8(input::read(&path, lab::MAX_BYTES)?).map_err(|_| {
                    wrong(format!("{src}: expected UTF-8 text, is this a binary file?"))
                })?;
                Ok(Found { file: input::name(&path), lines_before: 0, text })
            }
            Source::Nothing => Err(wrong(
                "<every-hop> shows no lab: expected lesson=\"ID\", src=\"FILE\" or a <script type=\"application/yaml\"> in it"
                    .into(),
            )),
        }
    }
}

/// What one attribute claims.
fn written(name: &str, value: &str) -> Result<Vec<Written>, String> {
    match name {
        "step" => {
            let number = value.parse().ok().filter(|&number: &usize| number > 0);
            let number =
                number.ok_or(format!("step: expected a number from 1, found {value:?}"))?;
            Ok(vec![Written::Step(number)])
        }
        "expect" => {
            let claims = value.split(';').map(str::trim).filter(|it| !it.is_empty());
            let read =
                |it| Claim::parse(it).map(Written::Claim).map_err(|e| format!("expect: {e}"));
            claims.map(read).collect()
        }
        "class" | "style" | "title" | "lang" | "slot" | "hidden" => Ok(Vec::new()),
        name if SAYS.contains(&name) || name.starts_with("data-") || name.starts_with("aria-") => {
            Ok(Vec::new())
        }
        name => Err(format!("there is no attribute {name:?} here: expected {}", SAYS.join(", "))),
    }
}
