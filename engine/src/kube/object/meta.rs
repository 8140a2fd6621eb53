//! What every object has: its version, name, namespace, labels, annotations and owners.

use super::{LABEL, NAME};
use crate::kube::labels::{Labels, Operator, Requirement, Selector};
use crate::kube::name::{is_label, is_subdomain};
use crate::yaml::{At, Place, Report};

const TEXT: &str = "text";

/// `apiVersion` and `metadata` of an object.
#[derive(Clone, Debug)]
pub(in crate::kube) struct Meta {
    pub place: Place,
    pub namespace: String,
    pub name: String,
    pub labels: Labels,
    pub annotations: Labels,
    /// The kinds and names of `ownerReferences`.
    pub owners: Vec<(String, String)>,
    /// `deletionTimestamp` is set.
    pub deleted: bool,
}

impl Meta {
    /// Of an object that nobody wrote.
    pub(in crate::kube) fn of_nobody(name: &str) -> Self {
        Self {
            place: Place::default(),
            namespace: "default".into(),
            name: name.into(),
            labels: Labels::default(),
            annotations: Labels::default(),
            owners: Vec::new(),
            deleted: false,
        }
    }
}

/// Reads both, the namespace where the kind has one. None without a usable name.
pub(super) fn read(object: &At<'_>, version: &str, report: &mut Report) -> Option<Meta> {
    read_version(object, version, report);
    let metadata = object.required("metadata", "a map with a name", report)?;
    metadata.misspelt(&["name", "namespace", "labels", "annotations"], &[], report);
    let namespace = match metadata.field("namespace") {
        Some(at) => at.parsed(LABEL, report, |text| is_label(text).then(|| text.to_owned())),
        None => Some("default".to_owned()),
    };
    let name = metadata.required("name", NAME, report)?;
    let name = name.parsed(NAME, report, |text| is_subdomain(text).then(|| text.to_owned()));
    let text = |at: &At<'_>, key: &str| {
        at.field(key).and_then(|it| it.text("", &mut Report::default()).map(str::to_owned))
    };
    let owners = metadata
        .list("ownerReferences", "a list of owners", report)
        .iter()
        .filter_map(|at| Some((text(at, "kind")?, text(at, "name")?)))
        .collect();
    Some(Meta {
        place: object.place(),
        namespace: namespace?,
        name: name?,
        labels: pairs(&metadata, "labels", report),
        annotations: pairs(&metadata, "annotations", report),
        owners,
        deleted: metadata.field("deletionTimestamp").is_some(),
    })
}

/// Checks `apiVersion`.
pub(super) fn read_version(object: &At<'_>, version: &str, report: &mut Report) {
    if let Some(at) = object.required("apiVersion", version, report) {
        at.parsed(version, report, |text| (text == version).then_some(()));
    }
}

/// A map from text to text, such as labels.
pub(super) fn pairs(at: &At<'_>, key: &str, report: &mut Report) -> Labels {
    let Some(map) = at.section(key, report) else { return Labels::default() };
    let pair = |(key, _, value): (&str, _, At<'_>)| {
        let text = if value.is_null() { "" } else { value.text(TEXT, report)? };
        Some((key.to_owned(), text.to_owned()))
    };
    Labels(map.entries().filter_map(pair).collect())
}

/// A label selector with `matchLabels` and `matchExpressions`.
pub(super) fn selector(at: &At<'_>, report: &mut Report) -> Selector {
    let mut selector = Selector::default();
    if !at.is_map(report) {
        return selector;
    }
    at.only(&["matchLabels", "matchExpressions"], report);
    selector = Selector::of_pairs(pairs(at, "matchLabels", report).0);
    for it in at.list("matchExpressions", "a list of requirements", report) {
        selector.requirements.extend(requirement(&it, report));
    }
    selector
}

fn requirement(at: &At<'_>, report: &mut Report) -> Option<Requirement> {
    const OPERATORS: &str = "In, NotIn, Exists or DoesNotExist";
    if !at.is_map(report) {
        return None;
    }
    at.only(&["key", "operator", "values"], report);
    let key = at.required("key", "a label's key", report)?.text("a label's key", report)?;
    let operator = at.required("operator", OPERATORS, report)?;
    let values = at.list("values", "a list of values", report);
    let values: Vec<String> =
        values.iter().filter_map(|it| it.text(TEXT, report).map(str::to_owned)).collect();
    let is = match (operator.text(OPERATORS, report)?, values.is_empty()) {
        ("In", false) => Operator::In(values),
        ("NotIn", false) => Operator::NotIn(values),
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        ("In" | "NotIn", true) => {
            report.problem(at.problem("expected values, found none"));
            return None;
        }
        ("Exists" | "DoesNotExist", false) => {
            report.problem(at.problem("expected no values with this operator"));
            return None;
        }
        _ => {
            report.problem(operator.wrong(OPERATORS));
            return None;
        }
    };
    Some(Requirement { key: key.to_owned(), is })
}
