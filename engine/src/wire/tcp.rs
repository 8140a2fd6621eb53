//! TCP headers and their options (RFC 9293, RFC 7323, RFC 2018).

use std::fmt;
use std::net::Ipv4Addr;

use super::{Malformed, checksum, ipv4::Protocol};

/// Bytes of a header without options.
pub const LEN: usize = 20;
/// Most bytes of options.
pub const MAX_OPTIONS_LEN: usize = 40;
/// Most ranges a segment reports as received out of order; with timestamps there is room for three.
pub const MAX_SACKS: usize = 4;

/// A number in the sequence space, which wraps (RFC 9293 section 3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Seq(pub u32);

impl Seq {
    /// This number and `n` bytes on.
    #[must_use]
    pub const fn plus(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// How many bytes lie between `earlier` and here.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Whether it lies before `other` (`before`).
    pub const fn is_before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) >= 1 << 31
    }

    /// Whether it lies after `other` (`after`).
    pub const fn is_after(self, other: Self) -> bool {
        other.is_before(self)
    }

    /// The later of the two.
    #[must_use]
    pub const fn max(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }
}

/// The control bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Flags(pub u8);

impl Flags {
    pub const FIN: Self = Self(1);
    pub const SYN: Self = Self(2);
    pub const RST: Self = Self(4);
    pub const PSH: Self = Self(8);
    pub const ACK: Self = Self(16);
    pub const URG: Self = Self(32);
    pub const ECE: Self = Self(64);
    pub const CWR: Self = Self(128);
    const NAMES: [&'static str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];

    /// Whether all of `bits` are set.
    pub const fn has(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// These and `bits`.
    #[must_use]
    pub const fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }
}

/// `SYN+ACK`.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (bit, name) in Self::NAMES.iter().enumerate() {
            if self.0 >> bit & 1 == 1 {
                write!(f, "{}{name}", if first { "" } else { "+" })?;
                first = false;
            }
        }
        if first { f.write_str("no flags") } else { Ok(()) }
    }
}

/// The sender's clock, and the newest one it heard (RFC 7323 section 3), in milliseconds on Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamps {
    pub value: u32,
    pub echo: u32,
}

/// The options that Linux sends and heeds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Options {
    /// The longest payload in bytes that its sender takes; on a SYN only.
    pub mss: Option<u16>,
    /// Windows are to be shifted so far left; on a SYN only.
    pub window_scale: Option<u8>,
    /// On a SYN only.
    pub sack_permitted: bool,
    pub timestamps: Option<Timestamps>,
    /// Received out of order: from, and up to but not including; the newest first.
    pub sacks: [Option<(Seq, Seq)>; MAX_SACKS],
}

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const PADDING: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMPS: u8 = 8;
}

/// `TCP_MAX_WSCALE`.
const MAX_WINDOW_SCALE: u8 = 14;

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Options {
    /// Reads what can be read; broken or unknown options are passed over (`tcp_parse_options`).
    pub fn parse(mut bytes: &[u8], on_syn: bool) -> Self {
        let mut found = Self::default();
        loop {
            let len = match bytes {
                [] | [kind::END, ..] => return found,
                [kind::PADDING, rest @ ..] => {
                    bytes = rest;
                    continue;
                }
                [_, len, ..] if *len >= 2 && usize::from(*len) <= bytes.len() => usize::from(*len),
                _ => return found,
            };
            let (option, rest) = bytes.split_at(len);
            match (option[0], len) {
                (kind::MSS, 4) if on_syn => {
                    let mss = u16::from_be_bytes([option[2], option[3]]);
                    found.mss = Some(mss).filter(|&mss| mss > 0);
                }
                (kind::WINDOW_SCALE, 3) if on_syn => {
                    found.window_scale = Some(option[2].min(MAX_WINDOW_SCALE));
                }
                (kind::SACK_PERMITTED, 2) if on_syn => found.sack_permitted = true,
                (kind::TIMESTAMPS, 10) => {
                    let (value, echo) = (word(option, 2), word(option, 6));
                    found.timestamps = Some(Timestamps { value, echo });
                }
                (kind::SACK, 10 | 18 | 26 | 34) if !on_syn => {
                    for (at, range) in (2..len).step_by(8).zip(&mut found.sacks) {
                        *range = Some((Seq(word(option, at)), Seq(word(option, at + 4))));
                    }
                }
                _ => {}
            }
            bytes = rest;
        }
    }

    /// Appends them in the order and with the padding of `tcp_options_write`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        if let Some(mss) = self.mss {
            out.extend_from_slice(&[kind::MSS, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
        }
        if let Some(Timestamps { value, echo }) = self.timestamps {
            // On a SYN the word that announces selective acknowledgements takes the place of the padding.
            let before = if self.sack_permitted {
                [kind::SACK_PERMITTED, 2]
            } else {
                [kind::PADDING, kind::PADDING]
            };
            out.extend_from_slice(&before);
            out.extend_from_slice(&[kind::TIMESTAMPS, 10]);
            out.extend_from_slice(&value.to_be_bytes());
            out.extend_from_slice(&echo.to_be_bytes());
        } else if self.sack_permitted {
            out.extend_from_slice(&[kind::PADDING, kind::PADDING, kind::SACK_PERMITTED, 2]);
        }
        if let Some(shift) = self.window_scale {
            out.extend_from_slice(&[kind::PADDING, kind::WINDOW_SCALE, 3, shift]);
        }
        let ranges = self.sacks.iter().flatten();
        let len = u8::try_from(2 + 8 * ranges.clone().count()).expect("four ranges at most");
        if len > 2 {
            out.extend_from_slice(&[kind::PADDING, kind::PADDING, kind::SACK, len]);
            for (from, to) in ranges {
                out.extend_from_slice(&from.0.to_be_bytes());
                out.extend_from_slice(&to.0.to_be_bytes());
            }
        }
    }
}

/// What a header says besides its ports.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Header {
    pub seq: Seq,
    /// Means something only with [`Flags::ACK`].
    pub ack: Seq,
    pub flags: Flags,
    /// As on the wire, not yet shifted.
    pub window: u16,
    pub options: Options,
}

/// A parsed segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    pub src_port: u16,
    pub dst_port: u16,
    pub header: Header,
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Reads a segment with the checks of `tcp_v4_rcv`: lengths and checksum.
    pub fn parse(bytes: &'a [u8], src: Ipv4Addr, dst: Ipv4Addr) -> Result<Self, Malformed> {
        let segment = Self::read(bytes)?;
        if checksum::with_pseudo_header(src, dst, Protocol::Tcp.to_u8(), bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(segment)
    }

    /// The same without the checksum, for segments that were checked before.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let have = bytes.len();
        if have < LEN {
            return Err(Malformed::Truncated { need: LEN, have });
        }
        let header_len = usize::from(bytes[12] >> 4) * 4;
        if header_len < LEN {
            return Err(Malformed::Field("header length"));
        }
        if header_len > have {
            return Err(Malformed::Truncated { need: header_len, have });
        }
        let flags = Flags(bytes[13]);
        Ok(Self {
            src_port: u16::from_be_bytes([bytes[0], bytes[1]]),
            dst_port: u16::from_be_bytes([bytes[2], bytes[3]]),
            header: Header {
                seq: Seq(word(bytes, 4)),
                ack: Seq(word(bytes, 8)),
                flags,
                window: u16::from_be_bytes([bytes[14], bytes[15]]),
                options: Options::parse(&bytes[LEN..header_len], flags.has(Flags::SYN)),
            },
            payload: &bytes[header_len..],
        })
    }

    /// The number after the segment's last: SYN and FIN count as a byte each (`TCP_SKB_CB(skb)->end_seq`).
    pub fn end_seq(&self) -> Seq {
        let counted = |flag| u32::from(self.header.flags.has(flag));
        let len = u32::try_from(self.payload.len()).expect("an IPv4 packet has fewer bytes");
        self.header.seq.plus(len + counted(Flags::SYN) + counted(Flags::FIN))
    }

    /// The header of the reset that answers it: it takes its number from what the segment acknowledges, else it
    /// acknowledges the segment (`tcp_v4_send_reset`).
    pub fn reset(&self) -> Header {
        if self.header.flags.has(Flags::ACK) {
            Header { seq: self.header.ack, flags: Flags::RST, ..Header::default() }
        } else {
            let flags = Flags::RST.with(Flags::ACK);
            Header { ack: self.end_seq(), flags, ..Header::default() }
        }
    }
}

/// Appends a segment with its checksum to a frame that ends with its IPv4 header.
pub fn emit(
    frame: &mut Vec<u8>,
    (src, src_port): (Ipv4Addr, u16),
    (dst, dst_port): (Ipv4Addr, u16),
    header: &Header,
    payload: &[u8],
) {
    let start = frame.len();
    frame.extend_from_slice(&src_port.to_be_bytes());
    frame.extend_from_slice(&dst_port.to_be_bytes());
    frame.extend_from_slice(&header.seq.0.to_be_bytes());
    frame.extend_from_slice(&header.ack.0.to_be_bytes());
    frame.extend_from_slice(&[0, header.flags.0]);
    frame.extend_from_slice(&header.window.to_be_bytes());
    frame.extend_from_slice(&[0; 4]); // checksum, urgent pointer
    header.options.emit(frame);
    let words = u8::try_from((frame.len() - start) / 4).expect("at most 60 bytes");
    frame[start + 12] = words << 4;
    frame.extend_from_slice(payload);
    let sum = checksum::with_pseudo_header(src, dst, Protocol::Tcp.to_u8(), &frame[start..]);
    frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn emitted(header: &Header, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        emit(&mut bytes, (A, 40000), (B, 80), header, payload);
        bytes
    }

    fn syn() -> Header {
        Header {
            seq: Seq(7),
            ack: Seq(0),
            flags: Flags::SYN,
            window: 64240,
            options: Options {
                mss: Some(1460),
                window_scale: Some(10),
                sack_permitted: true,
                timestamps: Some(Timestamps { value: 0x0102_0304, echo: 0 }),
                ..Options::default()
            },
        }
    }

    #[test]
    fn a_syn_carries_its_options_in_the_bytes_that_linux_sends() {
        let bytes = emitted(&syn(), b"");
        assert_eq!(bytes[LEN..], [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 10]);
        assert_eq!(Segment::parse(&bytes, A, B).map(|s| s.header), Ok(syn()));
    }

    #[test]
    fn an_emitted_segment_parses_to_itself() {
        let mut header = Header {
            seq: Seq(u32::MAX),
            ack: Seq(9),
            flags: Flags::ACK.with(Flags::PSH),
            window: 63,
            options: Options::default(),
        };
        header.options.timestamps = Some(Timestamps { value: 5, echo: 6 });
        header.options.sacks[0] = Some((Seq(20), Seq(30)));
        let bytes = emitted(&header, b"hello");
        let segment = Segment::parse(&bytes, A, B).expect("it was just made");
        assert_eq!((segment.header, segment.payload), (header, &b"hello"[..]));
        assert_eq!(segment.end_seq(), Seq(4), "the numbers wrap");
    }

    #[test]
    fn a_changed_byte_or_address_breaks_the_checksum() {
        let mut bytes = emitted(&syn(), b"x");
        assert_eq!(Segment::parse(&bytes, B, B), Err(Malformed::Checksum));
        bytes[5] ^= 1;
        assert_eq!(Segment::parse(&bytes, A, B), Err(Malformed::Checksum));
    }

    #[test]
    fn a_reset_fits_the_segment_that_it_answers() {
        let bytes = emitted(&syn(), b"");
        let reset = Segment::read(&bytes).expect("it was just made").reset();
        assert_eq!((reset.seq, reset.ack, reset.flags), (Seq(0), Seq(8), Flags(20)));
        let bytes = emitted(&Header { ack: Seq(3), flags: Flags::ACK, ..syn() }, b"abc");
        let reset = Segment::read(&bytes).expect("it was just made").reset();
        assert_eq!((reset.seq, reset.ack, reset.flags), (Seq(3), Seq(0), Flags::RST));
    }

    #[test]
    fn the_sequence_space_has_no_end() {
        let (before, after) = (Seq(u32::MAX - 1), Seq(3));
        assert!(before.is_before(after) && after.is_after(before) && !before.is_before(before));
        assert_eq!(after.since(before), 5);
    }

    #[test]
    fn no_bytes_make_the_option_reader_panic_or_hang() {
        let good = &emitted(&syn(), b"")[LEN..];
        for cut in 0..=good.len() {
            for at in 0..cut {
                for value in 0..=255 {
                    let mut bytes = good[..cut].to_vec();
                    bytes[at] = value;
                    Options::parse(&bytes, true);
                    Options::parse(&bytes, false);
                }
            }
        }
    }
}
