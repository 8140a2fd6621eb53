//! What a lab tells the page that it is shown in, as JSON: where its playhead is, how its run ended, what is wrong with its
//! text.

use std::fmt::Write as _;

use super::command::marker;
use crate::state::{Page, Session};

/// A JSON object being written.
struct Object(String);

impl Object {
    fn new(event: &str) -> Self {
        let mut object = Self(String::from("{"));
        object.text("event", event);
        object
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quoted(&mut self.0, key);
        self.0.push(':');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        quoted(&mut self.0, value);
    }

    /// A number, `true` or `false`.
    fn plain(&mut self, key: &str, value: &str) {
        self.key(key);
        self.0.push_str(value);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// As JSON writes text (RFC 8259).
fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Where the playhead is.
pub fn step(session: &Session) -> String {
    let mut it = Object::new("step");
    let (number, count) = session.playhead();
    let run = session.shown.as_ref().map(|shown| &shown.run);
    it.text("lesson", session.lesson().map_or("", |lesson| lesson.as_str()));
    if let Some(title) = session.shown.as_ref().map(|shown| &shown.lab.title) {
        it.text("lab", title);
    }
    it.plain("step", &number.to_string());
    it.plain("steps", &count.to_string());
    it.plain("hop", &(session.step_idx + 1).to_string());
    it.plain("hops", &session.n_steps().to_string());
    it.plain("playing", if session.playing { "true" } else { "false" });
    if let Some(run) = run {
        let stop = run.stops.get(session.stop_idx()).filter(|stop| stop.at == session.step_idx);
        let caption = stop.map(|stop| &stop.caption).or_else(|| run.captions.get(session.step_idx));
        if let Some(caption) = caption {
            it.text("title", &caption.title);
            it.text("text", &caption.text);
            it.text("marker", &marker(&caption.title));
        }
        let moved = run.story.steps.get(session.step_idx).and_then(|step| step.moves.first());
        if let Some(moved) = moved {
            it.text("at", &run.end.device_name(moved.to));
        }
    }
    it.end()
}

/// How the last action ended. None: there is none.
pub fn verdict(session: &Session) -> Option<String> {
    let shown = session.shown.as_ref()?;
    let result = shown.run.results.last()?;
    let mut it = Object::new("verdict");
    it.text("verdict", result.verdict.name());
    it.text("because", &result.because);
    if let Some(pod) = result.served_by {
        it.text("servedBy", &shown.lab.pod_name(pod));
    }
    if let Some(ip) = result.seen_source {
        it.text("seenSource", &ip.to_string());
    }
    if let Some(status) = result.status {
        it.plain("status", &status.to_string());
    }
    Some(it.end())
}

/// What is wrong: with the lab's text, its name, or what was asked.
pub fn errors(session: &Session) -> Vec<String> {
    let mut all: Vec<String> = session
        .problems
        .iter()
        .map(|problem| {
            let mut it = Object::new("error");
            it.plain("line", &problem.line.to_string());
            it.plain("column", &problem.column.to_string());
            it.text("message", &problem.to_string());
            it.end()
        })
        .collect();
    if let Page::Unknown(name) = &session.page {
        all.push(error(&format!("there is no lesson {name:?}")));
    }
    all.extend(session.notice.as_deref().map(error));
    all
}

/// One error in words.
pub fn error(message: &str) -> String {
    let mut it = Object::new("error");
    it.text("message", message);
    it.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Texts;
    use crate::state::route::Route;

    fn opened(hash: &str) -> Session {
        Session::open(Route::parse(hash), Texts::default(), None, false)
    }

    #[test]
    fn a_step_is_told_with_its_place_and_words() {
        let told = step(&opened("#/lesson/pod-to-pod?step=2"));
        for part in [
            "\"event\":\"step\"",
            "\"lesson\":\"pod-to-pod\"",
            "\"step\":2,",
            "\"at\":\"",
            "\"marker\":\"",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn a_run_is_told_with_its_verdict() {
        let told = verdict(&opened("#/lesson/pod-to-service")).expect("it sends something");
        assert!(
            told.contains("\"verdict\":\"delivered\"") && told.contains("\"status\":200"),
            "{told}"
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(errors(&opened("#/lesson/pod-to-pod")), Vec::<String>::new());
        assert!(errors(&opened("#/lesson/nowhere"))[0].contains("there is no lesson"));
        assert!(errors(&opened("#/lesson/pod-to-pod?step=99"))[0].contains("There is no step 99"));
    }

    #[test]
    fn text_is_quoted_as_json_has_it() {
        assert_eq!(
            error("a \"b\" \\ \n"),
            "{\"event\":\"error\",\"message\":\"a \\\"b\\\" \\\\ \\u000a\"}"
        );
    }
}
