//! What went wrong with a lab, in words with the place. Nobody matches on it: it is printed and the run fails.

use std::fmt;
use std::path::Path;

/// A message that names its place (file, namespace, command).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem(String);

/// `Result` with a [`Problem`].
pub type Outcome<T> = Result<T, Problem>;

impl Problem {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `what` went wrong at `place`.
    pub fn at(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }

    /// For `map_err` on anything that concerns one file.
    pub fn in_file<E: fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self {
        move |e| Self::at(path.display(), e)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}
