//! The first bytes of TLS (RFC 8446, RFC 6066): a client's hello, of which anybody on the way can read the server's name.
//! Nothing else of TLS is read or written here.

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// Bytes of a hello; more is not one.
const HELLO_BYTES: usize = 64 * 1024;

/// What the first bytes of a connection are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hello {
    /// A hello, so far; more must come.
    More,
    /// A whole hello, with the name that it asks for.
    Names(Option<String>),
    /// Not a TLS client's first bytes.
    Other,
}

/// Reads what a client sends first.
pub fn hello(stream: &[u8]) -> Hello {
    let mut message = Vec::new();
    let mut rest = stream;
    // A hello may lie in several records.
    loop {
        match *rest {
            [] => return Hello::More,
            [kind, ..] if kind != HANDSHAKE => return Hello::Other,
            [_, major, ..] if major != 3 => return Hello::Other,
            [_, _, _, a, b, ref after @ ..] => {
                let len = usize::from(u16::from_be_bytes([a, b]));
                if len == 0 || message.len() + len > HELLO_BYTES {
                    return Hello::Other;
                }
                message.extend_from_slice(&after[..len.min(after.len())]);
                rest = after.get(len..).unwrap_or_default();
            }
            _ => return Hello::More,
        }
        match *message {
            [kind, ..] if kind != CLIENT_HELLO => return Hello::Other,
            [_, 0, a, b, ref body @ ..] => {
                let len = usize::from(u16::from_be_bytes([a, b]));
                if let Some(body) = body.get(..len) {
                    return whose(body).unwrap_or(Hello::Other);
                }
            }
            [_, _, _, _, ..] => return Hello::Other, // longer than 64 KiB
            _ => {}
        }
    }
}

/// Splits off a part that has its length, of `N` bytes, before it.
fn part<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = bytes.split_first_chunk::<N>()?;
    let len = len.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let (part, rest) = rest.split_at_checked(len)?;
    *bytes = rest;
    Some(part)
}

/// The name in a hello's body, if it has one. None: it is broken.
fn whose(body: &[u8]) -> Option<Hello> {
    let mut rest = body.get(2 + 32..)?; // version and random
    part::<1>(&mut rest)?; // session
    part::<2>(&mut rest)?; // cipher suites
    part::<1>(&mut rest)?; // compressions
    if rest.is_empty() {
        return Some(Hello::Names(None));
    }
    let mut extensions = part::<2>(&mut rest)?;
    while let Some((kind, after)) = extensions.split_first_chunk() {
        extensions = after;
        let mut extension = part::<2>(&mut extensions)?;
        if u16::from_be_bytes(*kind) == SERVER_NAME {
            let mut names = part::<2>(&mut extension)?;
            let (&[0], mut host) = names.split_first_chunk()? else { return None };
            names = part::<2>(&mut host)?;
            let name = std::str::from_utf8(names).ok().filter(|it| it.is_ascii());
            return Some(Hello::Names(Some(name?.to_ascii_lowercase())));
        }
    }
    extensions.is_empty().then_some(Hello::Names(None))
}

/// A hello as a client of TLS 1.2 sends it, which asks for a server by its name.
pub fn client_hello(name: &str, random: [u8; 32]) -> Vec<u8> {
    let name = &name.as_bytes()[..name.len().min(255)];
    let server_name = with_len::<2>(&[&[0][..], &with_len::<2>(name)].concat());
    let extensions = [
        (SERVER_NAME, server_name),
        (10, with_len::<2>(&[0, 29, 0, 23])), // groups: x25519, secp256r1
        (11, with_len::<1>(&[0])),            // points uncompressed
        // signatures: ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256
        (13, with_len::<2>(&[4, 3, 8, 4, 4, 1])),
        (23, Vec::new()),             // extended_master_secret
        (0xff01, with_len::<1>(&[])), // renegotiation_info
    ];
    let mut body = vec![3, 3];
    body.extend(random);
    body.extend(with_len::<1>(&[])); // no session to go on with
    // ECDHE with AES-128-GCM, by ECDSA or RSA
    body.extend(with_len::<2>(&[0xc0, 0x2b, 0xc0, 0x2f]));
    body.extend(with_len::<1>(&[0]));
    let all = extensions
        .iter()
        .flat_map(|(kind, data)| [kind.to_be_bytes().to_vec(), with_len::<2>(data)].concat());
    body.extend(with_len::<2>(&all.collect::<Vec<_>>()));
    let message = [&[CLIENT_HELLO][..], &with_len::<3>(&body)].concat();
    [&[HANDSHAKE, 3, 1][..], &with_len::<2>(&message)].concat()
}

/// A part with its length, of `N` bytes, before it.
fn with_len<const N: usize>(part: &[u8]) -> Vec<u8> {
    let len = part.len().to_be_bytes();
    [&len[len.len() - N..], part].concat()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::Rng;

    fn names(name: &str) -> Hello {
        Hello::Names(Some(name.into()))
    }

    #[test]
    fn a_hello_tells_everybody_whom_it_asks_for() {
        let bytes = client_hello("Shop.example.com", [7; 32]);
        assert_eq!(hello(&bytes), names("shop.example.com"));
        for cut in 0..bytes.len() {
            assert_eq!(hello(&bytes[..cut]), Hello::More, "cut at {cut}");
        }
    }

    #[test]
    fn a_hello_may_lie_in_several_records() {
        let whole = client_hello("shop.example.com", [7; 32]);
        let mut split = Vec::new();
        for piece in whole[5..].chunks(20) {
            split.extend([HANDSHAKE, 3, 1]);
            split.extend(with_len::<2>(piece));
        }
        assert_eq!(hello(&split), names("shop.example.com"));
        assert_eq!(hello(&split[..split.len() - 1]), Hello::More);
    }

    #[test]
    fn other_protocols_are_not_taken_for_it() {
        for bytes in
            [&b"GET / HTTP/1.1\r\n"[..], &[23, 3, 3, 0, 1, 0], &[22, 3, 1, 0, 1, 2], &[22, 2]]
        {
            assert_eq!(hello(bytes), Hello::Other, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_hello_without_a_name_is_one_all_the_same() {
        let body = [&[3, 3][..], &[0; 32], &[0], &[0, 2, 0xc0, 0x2f], &[1, 0]].concat();
        let message = [&[CLIENT_HELLO][..], &with_len::<3>(&body)].concat();
        let record = [&[HANDSHAKE, 3, 1][..], &with_len::<2>(&message)].concat();
        assert_eq!(hello(&record), Hello::Names(None));
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_never_panic() {
        let mut rng = Rng::new(1);
        let whole = client_hello("shop.example.com", [7; 32]);
        let mut read = 0;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..=rng.below(3) {
                let at = usize::from(rng.bits16()) % bytes.len();
                [bytes[at], _] = rng.bits16().to_be_bytes();
            }
            read += u32::from(matches!(hello(&bytes), Hello::Names(_)));
        }
        assert!((1..20_000).contains(&read), "{read} are still hellos");
    }
}
