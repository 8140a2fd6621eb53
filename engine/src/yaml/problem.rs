//! What is wrong with a text that somebody wrote, and where: for messages a person acts on.

use std::fmt;

/// A place in a text, both from 1; 0 and 0 mean the text as a whole. Columns count characters, not bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// Something wrong, or worth knowing, in an input text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// From 1; 0 means the file as a whole.
    pub line: usize,
    /// From 1, in characters; 0 means the file as a whole.
    pub column: usize,
    /// The field, such as `spec.containers[0].ports[0].containerPort`; empty for a whole object or text.
    pub path: String,
    /// What is wrong, and what was expected or what to do.
    pub message: String,
    /// The file's name, where there are several files.
    pub file: Option<String>,
}

impl Problem {
    /// A problem of the text as a whole.
    pub fn of_text(message: impl Into<String>) -> Self {
        Self::at(Position::default(), message)
    }

    /// A problem at a place that is no field.
    pub fn at(position: Position, message: impl Into<String>) -> Self {
        Self {
            line: position.line,
            column: position.column,
            path: String::new(),
            message: message.into(),
            file: None,
        }
    }
}

/// `lab.yaml:12:7: spec.podCIDR: expected ...`, without the parts that there are not.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if self.file.is_some() || self.line > 0 {
            f.write_str(" ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_problem_prints_the_parts_it_has() {
        let mut problem = Problem::of_text("too long");
        assert_eq!(problem.to_string(), "too long");
        problem.file = Some("lab.yaml".into());
        assert_eq!(problem.to_string(), "lab.yaml: too long");
        problem = Problem {
            path: "spec.podCIDR".into(),
            ..Problem::at(Position { line: 12, column: 7 }, "expected a prefix")
        };
        assert_eq!(problem.to_string(), "12:7: spec.podCIDR: expected a prefix");
        problem.file = Some("lab.yaml".into());
        assert_eq!(problem.to_string(), "lab.yaml:12:7: spec.podCIDR: expected a prefix");
    }
}
