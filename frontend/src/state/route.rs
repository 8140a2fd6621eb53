//! The address bar as data: `#/lesson/node-to-node?step=4&variant=calico`. Knows neither the browser nor which lessons exist.

use std::fmt;

/// What an address asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// As written; may be unknown.
    pub lesson: String,
    pub step: StepWanted,
    /// `hops=all`: steps are counted hop by hop, where a lesson stops at fewer.
    pub every_hop: bool,
    /// As written; may be unknown.
    pub variant: Option<String>,
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
        let value =
            |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        let step = value("step");
        let step = match step.map(|text| (text, text.parse())) {
            None => StepWanted::Unsaid,
            Some((_, Ok(number))) => StepWanted::Number(number),
            Some((text, Err(_))) => StepWanted::Unreadable(text.into()),
        };
        let lesson = lesson.trim_end_matches('/').into();
        let (every_hop, variant) = (value("hops") == Some("all"), value("variant"));
        Some(Self { lesson, step, every_hop, variant: variant.map(str::to_owned) })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#/lesson/{}", self.lesson)?;
        let mut mark = '?';
        if let StepWanted::Number(number) = self.step {
            write!(f, "{mark}step={number}")?;
            mark = '&';
        }
        if self.every_hop {
            write!(f, "{mark}hops=all")?;
            mark = '&';
        }
        match &self.variant {
            Some(variant) => write!(f, "{mark}variant={variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(lesson: &str, step: StepWanted) -> Route {
        Route { lesson: lesson.into(), step, every_hop: false, variant: None }
    }

    #[test]
    fn a_deep_link_names_a_lesson_and_a_step() {
        let parsed = Route::parse("#/lesson/pod-to-pod?step=4");
        assert_eq!(parsed, Some(route("pod-to-pod", StepWanted::Number(4))));
        assert_eq!(parsed.map(|r| r.to_string()).as_deref(), Some("#/lesson/pod-to-pod?step=4"));
    }

    #[test]
    fn a_deep_link_keeps_the_variant_and_how_steps_are_counted() {
        let text = "#/lesson/node-to-node?step=4&hops=all&variant=calico";
        let parsed = Route::parse(text).expect("a route");
        assert!(parsed.every_hop && parsed.variant.as_deref() == Some("calico"));
        assert_eq!(parsed.to_string(), text);
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
