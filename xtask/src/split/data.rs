//! The module's data that comes with the second file: what only that refers to, and texts that lie in files of the
//! project.

use std::ops::Range;

use super::module::Module;

/// Bytes at their address in memory.
pub(super) struct Placed {
    pub(super) address: u32,
    pub(super) bytes: Vec<u8>,
}

/// The module with zeros in place of what lies at these addresses and of these texts, and what belongs there. A text that
/// is not in it is left out.
pub(super) fn taken_out(
    wasm: &[u8],
    module: &Module<'_>,
    ranges: &[Range<u32>],
    texts: &[Vec<u8>],
) -> (Vec<u8>, Vec<Placed>) {
    let mut rest = wasm.to_vec();
    let mut placed = Vec::new();
    let mut take = |rest: &mut [u8], place: Range<usize>, address| {
        let bytes = rest[place.clone()].to_vec();
        rest[place].fill(0);
        placed.push(Placed { address, bytes });
    };
    for (file, address) in &module.data {
        for range in ranges {
            // Where zeros were, no segment is: what lies in several is taken in parts.
            let (Some(start), Some(end)) = (
                place_of(file, *address, range.start.max(*address)),
                place_of(file, *address, range.end).or(Some(file.end)),
            ) else {
                continue;
            };
            if range.end > *address && start < end {
                take(&mut rest, start..end, range.start.max(*address));
            }
        }
        for text in texts.iter().filter(|text| !text.is_empty()) {
            let found = find(&rest[file.clone()], text);
            if let Some(at) = found
                && let Ok(offset) = u32::try_from(at)
            {
                take(&mut rest, file.start + at..file.start + at + text.len(), address + offset);
            }
        }
    }
    (rest, placed)
}

/// Where in the file the byte of this address stands, or would behind the last.
fn place_of(file: &Range<usize>, address: u32, wanted: u32) -> Option<usize> {
    let place = file.start + wanted.checked_sub(address)? as usize;
    (place <= file.end).then_some(place)
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}
