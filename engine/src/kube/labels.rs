//! Labels and the selectors that choose objects by them (k8s.io/apimachinery/pkg/labels).

/// An object's labels, in the order of the text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Labels(pub Vec<(String, String)>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }
}

/// What an object's labels must be. An empty one selects everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selector {
    pub requirements: Vec<Requirement>,
}

/// One condition of a selector; all must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    pub key: String,
    pub is: Operator,
}

/// What is asked of a label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Its value is one of these; a plain `key: value` is one of one.
    In(Vec<String>),
    /// It is absent, or its value is none of these.
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// `key: value` for each pair (`matchLabels`, a Service's `spec.selector`).
    pub fn of_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let requirement = |(key, value)| Requirement { key, is: Operator::In(vec![value]) };
        Self { requirements: pairs.into_iter().map(requirement).collect() }
    }

    /// Whether an object with these labels is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|it| {
            let value = labels.get(&it.key);
            let among =
                |values: &[String]| value.is_some_and(|value| values.iter().any(|it| it == value));
            match &it.is {
                Operator::In(values) => among(values),
                Operator::NotIn(values) => !among(values),
                Operator::Exists => value.is_some(),
                Operator::DoesNotExist => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels(pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect())
    }

    #[test]
    fn a_label_that_is_absent_is_not_in_any_list() {
        let not_web = Selector {
            requirements: vec![Requirement {
                key: "app".into(),
                is: Operator::NotIn(vec!["web".into()]),
            }],
        };
        let selected =
            [&[][..], &[("app", "db")], &[("app", "web")]].map(|it| not_web.selects(&labels(it)));
        assert_eq!(selected, [true, true, false]);
    }

    #[test]
    fn every_requirement_must_hold_and_none_selects_everything() {
        let both =
            Selector::of_pairs([("app".into(), "web".into()), ("tier".into(), "front".into())]);
        assert!(!both.selects(&labels(&[("app", "web")])));
        assert!(both.selects(&labels(&[("tier", "front"), ("x", "y"), ("app", "web")])));
        assert!(Selector::default().selects(&Labels::default()));
    }
}
