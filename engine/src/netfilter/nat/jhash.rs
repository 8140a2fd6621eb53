//! The hash by which a range of addresses is shared out: `jhash2` of `include/linux/jhash.h`, after Bob Jenkins' lookup3.

/// Mixes words with a starting value.
pub(super) fn jhash2(mut words: &[u32], initval: u32) -> u32 {
    let len = u32::try_from(words.len() * 4).unwrap_or(u32::MAX);
    let mut v = [0xdead_beef_u32.wrapping_add(len).wrapping_add(initval); 3];
    while words.len() > 3 {
        add(&mut v, &words[..3]);
        words = &words[3..];
        for (step, shift) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
            let (x, y, z) = (step % 3, (step + 2) % 3, (step + 1) % 3);
            v[x] = v[x].wrapping_sub(v[y]) ^ v[y].rotate_left(shift);
            v[y] = v[y].wrapping_add(v[z]);
        }
    }
    if words.is_empty() {
        return v[2];
    }
    add(&mut v, words);
    for (step, shift) in [14, 11, 25, 16, 4, 14, 24].into_iter().enumerate() {
        let (x, y) = ((step + 2) % 3, (step + 1) % 3);
        v[x] = (v[x] ^ v[y]).wrapping_sub(v[y].rotate_left(shift));
    }
    v[2]
}

fn add(sums: &mut [u32; 3], words: &[u32]) {
    for (sum, word) in sums.iter_mut().zip(words) {
        *sum = sum.wrapping_add(*word);
    }
}
