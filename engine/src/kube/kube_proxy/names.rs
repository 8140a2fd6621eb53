//! The names of kube-proxy's chains: a prefix, and the beginning of a SHA-256 in base32, since a chain's name has at
//! most 28 bytes (`portProtoHash` of `pkg/proxy/iptables/proxier.go`). Read FIPS 180-4 and RFC 4648 first.
//!
//! The hash is written out here: these names are its only use, and a crate for it would weigh more in the page.

use crate::kube::sha512::{ROUNDS, START};

/// The first 16 letters of the base32 of a text's SHA-256: 80 bits.
pub(in crate::kube) fn hash(text: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let [a, b, c, ..] = sha256(text.as_bytes());
    let bits = u128::from(a) << 96 | u128::from(b) << 64 | u128::from(c) << 32;
    let letter = |place: u32| char::from(ALPHABET[(bits >> (123 - 5 * place) & 31) as usize]);
    (0..16).map(letter).collect()
}

/// SHA-256's constants are the upper halves of those of SHA-512.
fn upper_half(word: u64) -> u32 {
    (word >> 32) as u32
}

#[expect(clippy::many_single_char_names, reason = "they are the standard's names")]
fn sha256(text: &[u8]) -> [u32; 8] {
    let mut padded = text.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((text.len() as u64 * 8).to_be_bytes());
    let mut state = START.map(upper_half);
    for block in padded.chunks_exact(64) {
        let mut words = [0u32; 64];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..64 {
            let (a, b) = (words[at - 15], words[at - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
            words[at] =
                words[at - 16].wrapping_add(s0).wrapping_add(words[at - 7]).wrapping_add(s1);
        }
        let mut it = state;
        for (word, round) in words.iter().zip(ROUNDS.map(upper_half)) {
            let [a, b, c, d, e, f, g, h] = it;
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = (e & f) ^ (!e & g);
            let first =
                h.wrapping_add(s1).wrapping_add(choice).wrapping_add(round).wrapping_add(*word);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            let second = s0.wrapping_add(majority);
            it = [first.wrapping_add(second), a, b, c, d.wrapping_add(first), e, f, g];
        }
        for (sum, word) in state.iter_mut().zip(it) {
            *sum = sum.wrapping_add(word);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// The examples that NIST publishes with FIPS 180-4, and the longest text of one block and the shortest of two.
    #[test]
    fn the_hash_is_the_one_of_the_standard() {
        let hex = |text: &str| -> String {
            let words = sha256(text.as_bytes()).map(|word| format!("{word:08x}"));
            words.concat()
        };
        assert_eq!(hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        );
        assert_eq!(
            hex(&"a".repeat(1_000_000)),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }

    #[test]
    fn chains_are_called_as_kube_proxy_calls_them() {
        assert_eq!(hash("default/kubernetes:httpstcp"), "NPX46M4PTMTKRN6Y");
        assert_eq!(hash("kube-system/kube-dns:dnsudp"), "TCOU7JCQXEZGVUNU");
        assert_eq!(hash("kube-system/kube-dns:dns-tcptcp"), "ERIFXISQEP7F7OF4");
    }
}
