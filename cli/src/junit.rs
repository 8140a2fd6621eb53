//! Results as the `JUnit` XML that build servers read: a suite a file, a case a lab.

use std::fmt::Write as _;

use crate::check::{Checked, Outcome};

/// The report's text.
pub(crate) fn report(all: &[Checked]) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"everyhop check\">\n",
    );
    let mut rest = all;
    // Writing to a string cannot fail.
    while let Some(first) = rest.first() {
        let file = file_of(first);
        let n = rest.iter().take_while(|it| file_of(it) == file).count();
        let (suite, after) = rest.split_at(n);
        rest = after;
        let count =
            |what: fn(&Outcome) -> bool| suite.iter().filter(|it| what(&it.outcome)).count();
        let failures = count(|it| matches!(it, Outcome::Broken(_)));
        let errors = count(|it| matches!(it, Outcome::Unreadable(_)));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{n}\" failures=\"{failures}\" errors=\"{errors}\">",
            escaped(file)
        );
        for it in suite {
            case(&mut out, it);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn file_of(it: &Checked) -> &str {
    let (file, line) = it.place.rsplit_once(':').unwrap_or((&it.place, ""));
    if line.bytes().all(|byte| byte.is_ascii_digit()) { file } else { &it.place }
}

fn case(out: &mut String, it: &Checked) {
    let (place, name) = (escaped(&it.place), escaped(&it.name));
    let (element, messages) = match &it.outcome {
        Outcome::Kept(_) => {
            let _ = writeln!(out, "    <testcase classname=\"{place}\" name=\"{name}\"/>");
            return;
        }
        Outcome::Broken(claims) => ("failure", claims.as_slice()),
        Outcome::Unreadable(message) => ("error", std::slice::from_ref(message)),
    };
    let _ = writeln!(out, "    <testcase classname=\"{place}\" name=\"{name}\">");
    for message in messages {
        let _ = writeln!(out, "      <{element} message=\"{}\"/>", escaped(message));
    }
    out.push_str("    </testcase>\n");
}

/// As an XML attribute has it; what no XML file may hold becomes a space.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
