//! What a page asks of a lab that it shows, as text: the words of the element's methods.

use everyhop_engine::lesson::Protocol;

use crate::state::run::{Exchange, Shown};

/// What a page may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    Play,
    Pause,
    Next,
    Previous,
    /// To a step of the lesson, from 1.
    Step(usize),
    /// To a hop, from 1.
    Event(usize),
    /// To the stop with this title, as [`marker`] writes it.
    Marker(String),
    /// Sends something, as a shell in the first sender's pod would.
    Run(Exchange),
    /// Shows this lab instead.
    Load(String),
    /// Hands over the capture of what is shown.
    Pcapng,
    /// Whether the element is as narrow as a phone.
    Narrow(bool),
}

impl Command {
    /// Reads a command about what is shown. The error says what was expected.
    pub fn parse(text: &str, shown: Option<&Shown>) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let number = || {
            let number = rest.parse().ok().filter(|&number: &usize| number > 0);
            number.ok_or_else(|| format!("{word}: expected a number from 1, found {rest:?}"))
        };
        Ok(match word {
            "play" => Self::Play,
            "pause" => Self::Pause,
            "next" => Self::Next,
            "prev" => Self::Previous,
            "step" => Self::Step(number()?),
            "event" => Self::Event(number()?),
            "marker" => Self::Marker(rest.to_owned()),
            "run" => Self::Run(exchange(rest, shown)?),
            "load" => Self::Load(rest.to_owned()),
            "pcapng" => Self::Pcapng,
            "narrow" => Self::Narrow(rest == "true"),
            _ => return Err(format!("there is no command {word:?}")),
        })
    }
}

/// What a shell's command sends: `curl URL`, `ping ADDRESS`, `nslookup NAME`; `kubectl exec POD -- ` before it says from where.
fn exchange(line: &str, shown: Option<&Shown>) -> Result<Exchange, String> {
    let first = || shown.and_then(|shown| Exchange::first(&shown.lab)).map(|first| first.from);
    let (from, line) = match line.trim().strip_prefix("kubectl exec ") {
        Some(rest) => {
            let (pod, line) = rest
                .split_once(" -- ")
                .ok_or("expected kubectl exec POD -- COMMAND, found no --")?;
            let pod = pod.split_whitespace().find(|it| !it.starts_with('-')).unwrap_or_default();
            let pod = if pod.starts_with("pod/") { pod.to_owned() } else { format!("pod/{pod}") };
            (pod, line.trim())
        }
        None => (first().ok_or("this lab has no pod to run it in")?, line.trim()),
    };
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let target = words.rfind(|it| !it.starts_with('-')).unwrap_or_default();
    let (to, protocol) = match program {
        "curl" | "wget" if target.contains("://") => (target.to_owned(), None),
        "curl" | "wget" => (format!("http://{target}"), None),
        "ping" => (target.to_owned(), Some(Protocol::Icmp)),
        "nslookup" | "dig" | "host" => (format!("dns:{target}"), None),
        _ => {
            return Err(format!(
                "expected curl, wget, ping, nslookup, dig or host, found {program:?}"
            ));
        }
    };
    if target.is_empty() {
        return Err(format!("{program}: expected where to, found nothing"));
    }
    Ok(Exchange { from, to: with_path(to), protocol })
}

/// `http://web` is `http://web/`.
fn with_path(url: String) -> String {
    match url.strip_prefix("http://") {
        Some(rest) if !rest.contains('/') => url + "/",
        _ => url,
    }
}

/// A title as a marker: its letters and digits in lower case, with `-` between them.
pub fn marker(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> Result<(String, String), String> {
        match Command::parse(&format!("run {line}"), None)? {
            Command::Run(it) => Ok((it.from, it.to)),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_shells_command_says_what_is_sent_and_from_where() {
        let cases = [
            ("kubectl exec pod-1 -- curl -s http://web/cart", "http://web/cart"),
            ("kubectl exec -it pod-1 -- wget -qO- web:8080", "http://web:8080/"),
            ("kubectl exec pod/pod-1 -- ping -c1 10.244.1.3", "10.244.1.3"),
            ("kubectl exec pod-1 -- nslookup web", "dns:web"),
        ];
        for (line, to) in cases {
            assert_eq!(sent(line), Ok(("pod/pod-1".into(), to.into())), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_run_says_what_could() {
        for (line, expected) in [
            ("kubectl exec pod-1 curl web", "expected kubectl exec POD -- COMMAND, found no --"),
            ("curl web", "this lab has no pod to run it in"),
            (
                "kubectl exec a -- rm -rf /",
                "expected curl, wget, ping, nslookup, dig or host, found \"rm\"",
            ),
            ("kubectl exec a -- curl", "curl: expected where to, found nothing"),
        ] {
            assert_eq!(sent(line), Err(expected.to_owned()), "{line}");
        }
        assert_eq!(Command::parse("fly", None), Err("there is no command \"fly\"".into()));
        assert!(Command::parse("step 0", None).is_err());
    }

    #[test]
    fn a_title_is_a_marker_without_its_signs() {
        assert_eq!(
            marker("To vbr0, and through the rules: DNAT"),
            "to-vbr0-and-through-the-rules-dnat"
        );
    }
}
