//! The address bar as data: `#/lesson/pod-to-pod?step=4`. Knows neither the browser nor which lessons exist.

use std::fmt;

/// What an address asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// As written; may be unknown.
    pub lesson: String,
    pub step: StepWanted,
}

/// The step an address asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepWanted {
    /// None named: the lesson's beginning.
    Unsaid,
    /// Counted from 1, as the page shows it; may be beyond the lesson's end.
    Number(usize),
    /// Something that is no step number.
    Unreadable(String),
}

impl Route {
    /// Reads the part of an address from its `#` on. None: it names no lesson, as on a first visit.
    pub fn parse(hash: &str) -> Option<Self> {
        let (path, query) = hash.split_once('?').unwrap_or((hash, ""));
        let lesson = path.strip_prefix("#/lesson/").unwrap_or(path.trim_start_matches(['#', '/']));
        if lesson.is_empty() {
            return None;
        }
        let step = query.split('&').find_map(|pair| pair.strip_prefix("step="));
        let step = match step.map(|text| (text, text.parse())) {
            None => StepWanted::Unsaid,
            Some((_, Ok(number))) => StepWanted::Number(number),
            Some((text, Err(_))) => StepWanted::Unreadable(text.into()),
        };
        Some(Self { lesson: lesson.trim_end_matches('/').into(), step })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#/lesson/{}", self.lesson)?;
        match self.step {
            StepWanted::Number(number) => write!(f, "?step={number}"),
            StepWanted::Unsaid | StepWanted::Unreadable(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(lesson: &str, step: StepWanted) -> Route {
        Route { lesson: lesson.into(), step }
    }

    #[test]
    fn a_deep_link_names_a_lesson_and_a_step() {
        let parsed = Route::parse("#/lesson/pod-to-pod?step=4");
        assert_eq!(parsed, Some(route("pod-to-pod", StepWanted::Number(4))));
        assert_eq!(parsed.map(|r| r.to_string()).as_deref(), Some("#/lesson/pod-to-pod?step=4"));
    }

    #[test]
    fn a_bare_address_asks_for_nothing() {
        for hash in ["", "#", "#/", "#/lesson/"] {
            assert_eq!(Route::parse(hash), None, "{hash}");
        }
    }

    #[test]
    fn what_is_no_number_is_kept_to_be_shown() {
        let parsed = Route::parse("#/lesson/pod-to-pod?step=-1");
        assert_eq!(parsed, Some(route("pod-to-pod", StepWanted::Unreadable("-1".into()))));
    }

    #[test]
    fn an_unknown_page_is_an_unknown_lesson() {
        assert_eq!(Route::parse("#/nowhere"), Some(route("nowhere", StepWanted::Unsaid)));
    }
}
