//! Variants of a lab: small named changes to its own text, so that one lesson can show what a setting changes.
//!
//! `spec.variants` is a map: `label` says what they are about, `choices` lists them. The first is the lab as it stands. A
//! choice has a `name`, a `title`, and `set`, a list of `{of: OBJECT, at: PATH, to: VALUE}`: the object is `Lab` or
//! `KIND/NAME`, the path is keys with points between them, `spec.externalTrafficPolicy`.

use crate::base::FxIndexMap;
use crate::yaml::{At, Field, Node, Problem, Report, Value};

/// What a lab can be instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variants {
    /// What they are about.
    pub label: String,
    pub choices: Vec<Variant>,
    /// Index of the one in force.
    pub chosen: usize,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variant {
    pub name: String,
    pub title: String,
}

impl Variants {
    /// The name of the one in force.
    pub fn name(&self) -> &str {
        &self.choices[self.chosen].name
    }
}

/// Reads a lab's variants and makes the changes of the one with this name in its documents. None: it has none.
pub(super) fn choose(
    documents: &mut [Node],
    lab: usize,
    name: Option<&str>,
    report: &mut Report,
) -> Result<Option<Variants>, Problem> {
    let mut changes = Vec::new();
    let root = At::root(&documents[lab]);
    // A document that is no map says so where it is read.
    let variants = root.field("spec").and_then(|spec| spec.field("variants"));
    let Some(at) = variants.filter(|at| at.is_map(report)) else {
        return match name {
            Some(name) => {
                Err(Problem::of_text(format!("there is no variant {name:?}: found none")))
            }
            None => Ok(None),
        };
    };
    at.only(&["label", "choices"], report);
    let label = at.required("label", "text", report).and_then(|it| it.text("text", report));
    let (mut choices, mut chosen) = (Vec::new(), 0);
    let listed = at.list("choices", "a list of variants", report);
    for choice in &listed {
        choice.only(&["name", "title", "set"], report);
        let mut text = |key| choice.required(key, "text", report)?.text("text", report);
        let (Some(own_name), Some(title)) = (text("name"), text("title")) else { continue };
        if choices.iter().any(|it: &Variant| it.name == own_name) {
            report.problem(choice.problem(format!("there is a variant {own_name:?} before it")));
        }
        let set = choice.list("set", "a list of changes", report);
        if choices.is_empty() && !set.is_empty() {
            report.problem(
                choice.problem("expected no changes: the first variant is the lab as it stands"),
            );
        }
        if name == Some(own_name) {
            chosen = choices.len();
            changes = set.iter().filter_map(|at| read_change(at, report)).collect();
        }
        choices.push(Variant { name: own_name.to_owned(), title: title.to_owned() });
    }
    let Some(first) = choices.first() else {
        // What is wrong with those that are listed has been said.
        let none = || at.problem("expected at least one variant, found none");
        return if listed.is_empty() { Err(none()) } else { Ok(None) };
    };
    if let Some(name) = name.filter(|&name| name != first.name && chosen == 0) {
        let known: Vec<&str> = choices.iter().map(|it| &*it.name).collect();
        let message = format!("there is no variant {name:?}: found {}", known.join(", "));
        return Err(at.problem(message));
    }
    let variants = Variants { label: label.unwrap_or_default().to_owned(), choices, chosen };
    for change in changes {
        change.make(documents)?;
    }
    Ok(Some(variants))
}

struct Change {
    of: String,
    path: String,
    to: Node,
    problem: Problem,
}

fn read_change(at: &At<'_>, report: &mut Report) -> Option<Change> {
    at.only(&["of", "at", "to"], report);
    let of = at.required("of", "an object such as Service/web", report)?;
    let path = at.required("at", "a path such as spec.type", report)?;
    let to = at.required("to", "a value", report)?;
    let of = of.text("an object such as Service/web", report)?.to_owned();
    Some(Change {
        problem: at.problem(format!("there is no {of} with such a field")),
        of,
        path: path.text("a path such as spec.type", report)?.to_owned(),
        to: to.node().clone(),
    })
}

impl Change {
    fn make(self, documents: &mut [Node]) -> Result<(), Problem> {
        let found = documents.iter_mut().find(|document| is_called(document, &self.of));
        let mut node = found.ok_or_else(|| self.problem.clone())?;
        for key in self.path.split('.') {
            let Value::Map(fields) = &mut node.value else { return Err(self.problem) };
            let at = node.at;
            let empty =
                || Field { at, value: Node { at, value: Value::Map(FxIndexMap::default()) } };
            node = &mut fields.entry(key.into()).or_insert_with(empty).value;
        }
        node.value = self.to.value;
        Ok(())
    }
}

/// Whether a document is `Lab`, or `KIND/NAME`.
fn is_called(document: &Node, name: &str) -> bool {
    let (root, ignored) = (At::root(document), &mut Report::default());
    let kind = root.field("kind").and_then(|it| it.text("", ignored));
    let own_name = root.field("metadata").and_then(|it| it.field("name")?.text("", ignored));
    match name.split_once('/') {
        None => kind == Some(name),
        some => kind.zip(own_name) == some,
    }
}
