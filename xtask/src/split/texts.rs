//! Texts among the module's data that can come with the second file, as they lie in files of the project.

use super::module::Module;

/// A text at its address in memory.
pub(super) struct Placed {
    pub(super) address: u32,
    pub(super) bytes: Vec<u8>,
}

/// The module with zeros in place of these texts, and where each belongs. One that is not in it is left out.
pub(super) fn taken_out(
    wasm: &[u8],
    module: &Module<'_>,
    texts: &[Vec<u8>],
) -> (Vec<u8>, Vec<Placed>) {
    let mut rest = wasm.to_vec();
    let mut placed = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        for (range, address) in &module.data {
            let Some(at) = find(&rest[range.clone()], text) else { continue };
            let Ok(offset) = u32::try_from(at) else { continue };
            rest[range.start + at..][..text.len()].fill(0);
            placed.push(Placed { address: address + offset, bytes: text.clone() });
            break;
        }
    }
    (rest, placed)
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
