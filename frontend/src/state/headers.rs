//! A packet's header fields at one step beside those at the step before, to mark what a hop changed.

use std::rc::Rc;

use everyhop_engine::base::DevId;
use everyhop_engine::wire::dissect::{Layer, dissect};

use super::run::Shown;
use crate::scene::{Told, frame_after};

/// A field's place: layer and field number within [`Headers::layers`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FieldAt {
    pub layer: usize,
    pub field: usize,
}

/// The frame of one move, taken apart, beside what it was one step earlier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Headers {
    pub bytes: Rc<[u8]>,
    pub layers: Rc<[Layer]>,
    pub changes: Rc<[Change]>,
    /// None: the message begins with this step.
    pub earlier: Option<Earlier>,
}

/// The frame one step earlier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Earlier {
    pub step_idx: usize,
    pub dev: DevId,
    /// Layers that it does not have any more.
    pub gone: Rc<[Layer]>,
    /// Whether each of the layers now is one that it did not have.
    pub is_new: Rc<[bool]>,
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
    /// The headers as a step ends, of its `move_idx`th frame. None: the step or the move does not exist.
    pub fn at(shown: &Shown, step_idx: usize, move_idx: usize) -> Option<Self> {
        let told = Told::from(&shown.run);
        let steps = &told.story.steps;
        let step = steps.get(step_idx)?;
        let moved = step.moves.get(move_idx)?;
        let bytes = told.trace.bytes(frame_after(told, step, *moved));
        let layers = dissect(bytes);
        let before = (0..step_idx).rev().find(|&index| steps[index].leg == step.leg);
        let before = before.and_then(|index| Some((index, *steps[index].moves.first()?)));
        let mut headers =
            Self { bytes: bytes.into(), layers: Rc::new([]), changes: Rc::new([]), earlier: None };
        if let Some((index, was)) = before {
            let old = dissect(told.trace.bytes(frame_after(told, &steps[index], was)));
            let pairs = pairs(&old, &layers);
            headers.changes = changes(&old, &layers, &pairs).into();
            let is_gone = |index: &usize| !pairs.contains(&Some(*index));
            headers.earlier = Some(Earlier {
                step_idx: index,
                dev: was.to,
                gone: (0..old.len()).filter(is_gone).map(|index| old[index].clone()).collect(),
                is_new: pairs.iter().map(Option::is_none).collect(),
            });
        }
        headers.layers = layers.into();
        Some(headers)
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

/// For each layer now, the same one earlier. What a tunnel wraps stays what it was.
fn pairs(before: &[Layer], after: &[Layer]) -> Vec<Option<usize>> {
    let is_wrapped = |layers: &[Layer]| layers.iter().any(|layer| layer.name == "VXLAN");
    let (was_wrapped, wrapped) = (is_wrapped(before), is_wrapped(after));
    let same = |old: &str, new: &str| match (was_wrapped, wrapped) {
        (false, true) => new.strip_suffix(INSIDE) == Some(old),
        (true, false) => old.strip_suffix(INSIDE) == Some(new),
        (true, true) | (false, false) => old == new,
    };
    after.iter().map(|new| before.iter().position(|old| same(old.name, new.name))).collect()
}

/// How [`dissect`] names what a tunnel carries.
const INSIDE: &str = " (inside)";

fn changes(before: &[Layer], after: &[Layer], pairs: &[Option<usize>]) -> Vec<Change> {
    let mut found = Vec::new();
    for (layer_idx, (layer, pair)) in after.iter().zip(pairs).enumerate() {
        let Some(old) = pair.and_then(|index| before.get(index)) else { continue };
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
        let after = dissect(&frame);
        let found = changes(&before, &after, &pairs(&before, &after));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name, found[0].before.as_str(), found[0].after.as_str()),
            ("Destination", "00:00:00:00:00:00", "00:00:00:00:00:07")
        );
    }
}
