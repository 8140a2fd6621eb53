//! A packet's header fields at one step beside those at the step before, to mark what a hop changed.

use std::rc::Rc;

use everyhop_engine::wire::dissect::{Layer, dissect};

use super::run::Shown;

/// A field's place: layer and field number within [`Headers::layers`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FieldAt {
    pub layer: usize,
    pub field: usize,
}

/// The frame of one move, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Headers {
    pub bytes: Rc<[u8]>,
    pub layers: Rc<[Layer]>,
    pub changes: Rc<[Change]>,
}

/// A field whose value is not what it was one step earlier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub at: FieldAt,
    pub layer: &'static str,
    pub name: &'static str,
    pub before: String,
    pub after: String,
}

impl Headers {
    /// The headers at a step, of its `move_idx`th frame. None: the step or the move does not exist.
    pub fn at(shown: &Shown, step_idx: usize, move_idx: usize) -> Option<Self> {
        let steps = &shown.run.story.steps;
        let step = steps.get(step_idx)?;
        let moved = step.moves.get(move_idx)?;
        let bytes = shown.run.trace.bytes(moved.frame);
        let layers = dissect(bytes);
        let earlier = steps[..step_idx].iter().rev().find(|s| s.leg == step.leg);
        let before = earlier.and_then(|s| s.moves.first());
        let changes = before
            .map(|before| changes(&dissect(shown.run.trace.bytes(before.frame)), &layers))
            .unwrap_or_default();
        Some(Self { bytes: bytes.into(), layers: layers.into(), changes: changes.into() })
    }

    /// The value a field had one step earlier, if it was another.
    pub fn before(&self, at: FieldAt) -> Option<&str> {
        self.changes.iter().find(|c| c.at == at).map(|c| c.before.as_str())
    }

    /// The first field that the byte at this offset belongs to.
    pub fn field_of(&self, byte: usize) -> Option<FieldAt> {
        self.layers.iter().enumerate().find_map(|(layer, l)| {
            let field = l.fields.iter().position(|f| f.bytes.contains(&byte))?;
            Some(FieldAt { layer, field })
        })
    }
}

fn changes(before: &[Layer], after: &[Layer]) -> Vec<Change> {
    let mut found = Vec::new();
    for (layer_idx, layer) in after.iter().enumerate() {
        let Some(old) = before.get(layer_idx).filter(|old| old.name == layer.name) else {
            continue;
        };
        for (field_idx, field) in layer.fields.iter().enumerate() {
            let same = old.fields.iter().find(|f| f.name == field.name);
            if let Some(was) = same.filter(|was| was.value != field.value) {
                found.push(Change {
                    at: FieldAt { layer: layer_idx, field: field_idx },
                    layer: layer.name,
                    name: field.name,
                    before: was.value.clone(),
                    after: field.value.clone(),
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_with_another_value_are_changes() {
        let mut frame = vec![0; 14];
        frame[12] = 0x88;
        let before = dissect(&frame);
        frame[5] = 7;
        let found = changes(&before, &dissect(&frame));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name, found[0].before.as_str(), found[0].after.as_str()),
            ("Destination", "00:00:00:00:00:00", "00:00:00:00:00:07")
        );
    }
}
