//! Labs in pages as figures that need no script: the picture of a step, its lesson step by step in words, and around both the
//! `<every-hop>` element that comes to life where its script is loaded.

use std::fmt::Write as _;

use everyhop_engine::lesson::{Lab, Run};
use everyhop_frontend::picture::Picture;

use crate::pages::{Embed, Source};

/// A page's text with figures in it, and the pictures that they refer to.
pub(crate) struct Illustrated {
    pub text: String,
    /// Name and content.
    pub pictures: Vec<(String, String)>,
}

/// What a figure is made of.
pub(crate) struct Loaded {
    pub lab: Lab,
    /// The lab's text, where it stands in the page.
    pub own: Option<String>,
}

/// Puts a figure in the place of each embed that has nothing for readers without scripts. `folder` is where the page finds its
/// pictures.
pub(crate) fn illustrate<E>(
    page: &str,
    embeds: &[Embed],
    folder: &str,
    mut load: impl FnMut(&Embed) -> Result<Loaded, E>,
) -> Result<Illustrated, E> {
    let (mut text, mut pictures, mut done) = (String::with_capacity(page.len()), Vec::new(), 0);
    for embed in embeds.iter().filter(|embed| embed.is_bare) {
        let loaded = load(embed)?;
        let run = loaded.lab.run();
        let step = step(embed).min(run.stops.len().max(1));
        let picture = Picture::new(&loaded.lab, &run, false).stop(step - 1).ok();
        let address = picture.map(|picture| {
            let name = format!("{:016x}.svg", hash(picture.as_bytes()));
            let address = format!("{folder}{name}");
            pictures.push((name, picture));
            address
        });
        text.push_str(&page[done..embed.range.start]);
        text.push_str(&figure(embed, &loaded, &run, (step, address.as_deref())));
        done = embed.range.end;
    }
    text.push_str(&page[done..]);
    Ok(Illustrated { text, pictures })
}

fn step(embed: &Embed) -> usize {
    embed.says.get("step").and_then(|it| it.parse().ok()).unwrap_or(1).max(1)
}

/// The element with its picture and its words. No line within is empty but the one before the lab's text, since Markdown ends
/// a block of HTML there; a script's block ends with its tag.
fn figure(
    embed: &Embed,
    loaded: &Loaded,
    run: &Run,
    (step, picture): (usize, Option<&str>),
) -> String {
    let mut out = String::from("<every-hop");
    // Writing to a string cannot fail.
    match &embed.lab {
        Source::Lesson(id) => {
            let _ = write!(out, " lesson=\"{}\"", escaped(id));
        }
        Source::File(src) => {
            let _ = write!(out, " src=\"{}\"", escaped(src));
        }
        Source::Here { .. } | Source::Nothing => {}
    }
    for (name, value) in embed.says.iter().filter(|(name, _)| *name != "expect") {
        let _ = write!(out, " {name}=\"{}\"", escaped(value));
    }
    out.push_str(">\n");
    if let Some(address) = picture {
        let title = run.stops.get(step - 1).map_or("", |stop| &stop.caption.title);
        let alt = format!("{}, step {step} of {}: {title}", loaded.lab.title, run.stops.len());
        let _ = writeln!(out, "<img src=\"{}\" alt=\"{}\">", escaped(address), escaped(&alt));
    }
    out.push_str(&transcript(run));
    if let Some(own) = &loaded.own {
        let _ = write!(
            out,
            "\n<script type=\"application/yaml\">\n{}\n</script>",
            own.trim_matches('\n')
        );
    }
    out.push_str("</every-hop>");
    out
}

/// The lesson step by step.
fn transcript(run: &Run) -> String {
    let mut out = String::from("<details><summary>Step by step, in words</summary><ol>\n");
    for stop in &run.stops {
        let (title, text) = (one_line(&stop.caption.title), one_line(&stop.caption.text));
        let _ = writeln!(out, "<li><b>{title}</b> {text}</li>");
    }
    if let Some(result) = run.results.last() {
        let because = one_line(&result.because);
        let _ = writeln!(out, "<li><b>{}</b>: {because}</li>", result.verdict.name());
    }
    out.push_str("</ol></details>\n");
    out
}

fn one_line(text: &str) -> String {
    escaped(&text.replace('`', "")).replace('\n', " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// FNV-1a of 64 bits: a name for the content.
fn hash(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
