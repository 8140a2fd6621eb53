//! ICMP messages (RFC 792).

use std::net::Ipv4Addr;

use super::{Malformed, checksum, ipv4};

/// Bytes of the header: type, code, checksum and four bytes that depend on the type.
pub const LEN: usize = 8;

/// What an ICMP error says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Error {
    NetUnreachable,
    HostUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    /// The packet forbids fragments and is longer than this, which would fit.
    FragmentationNeeded {
        mtu_bytes: u16,
    },
    NetProhibited,
    HostProhibited,
    AdminProhibited,
    /// The header is wrong at this byte.
    ParameterProblem {
        pointer: u8,
    },
    /// `gateway` is nearer to the destination.
    Redirect {
        gateway: Ipv4Addr,
    },
    TtlExceeded,
    ReassemblyTimeout,
}

impl Error {
    /// Type and code on the wire.
    pub const fn type_and_code(self) -> (u8, u8) {
        match self {
            Self::NetUnreachable => (3, 0),
            Self::HostUnreachable => (3, 1),
            Self::ProtocolUnreachable => (3, 2),
            Self::PortUnreachable => (3, 3),
            Self::FragmentationNeeded { .. } => (3, 4),
            Self::NetProhibited => (3, 9),
            Self::HostProhibited => (3, 10),
            Self::AdminProhibited => (3, 13),
            Self::Redirect { .. } => (5, 1),
            Self::ParameterProblem { .. } => (12, 0),
            Self::TtlExceeded => (11, 0),
            Self::ReassemblyTimeout => (11, 1),
        }
    }

    /// The four bytes behind the checksum.
    const fn rest(self) -> [u8; 4] {
        match self {
            Self::Redirect { gateway } => gateway.octets(),
            Self::FragmentationNeeded { mtu_bytes } => {
                let [high, low] = mtu_bytes.to_be_bytes();
                [0, 0, high, low]
            }
            Self::ParameterProblem { pointer } => [pointer, 0, 0, 0],
            _ => [0; 4],
        }
    }

    /// The kernel's constants, as `icmp_send` is called with them.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetUnreachable => "ICMP_DEST_UNREACH/ICMP_NET_UNREACH",
            Self::HostUnreachable => "ICMP_DEST_UNREACH/ICMP_HOST_UNREACH",
            Self::ProtocolUnreachable => "ICMP_DEST_UNREACH/ICMP_PROT_UNREACH",
            Self::PortUnreachable => "ICMP_DEST_UNREACH/ICMP_PORT_UNREACH",
            Self::FragmentationNeeded { .. } => "ICMP_DEST_UNREACH/ICMP_FRAG_NEEDED",
            Self::NetProhibited => "ICMP_DEST_UNREACH/ICMP_NET_ANO",
            Self::HostProhibited => "ICMP_DEST_UNREACH/ICMP_HOST_ANO",
            Self::AdminProhibited => "ICMP_DEST_UNREACH/ICMP_PKT_FILTERED",
            Self::Redirect { .. } => "ICMP_REDIRECT/ICMP_REDIR_HOST",
            Self::ParameterProblem { .. } => "ICMP_PARAMETERPROB",
            Self::TtlExceeded => "ICMP_TIME_EXCEEDED/ICMP_EXC_TTL",
            Self::ReassemblyTimeout => "ICMP_TIME_EXCEEDED/ICMP_EXC_FRAGTIME",
        }
    }

    /// In words: `port unreachable`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NetUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ProtocolUnreachable => "protocol unreachable",
            Self::PortUnreachable => "port unreachable",
            Self::FragmentationNeeded { .. } => "fragmentation needed",
            Self::NetProhibited => "network prohibited",
            Self::HostProhibited => "host prohibited",
            Self::AdminProhibited => "communication prohibited",
            Self::Redirect { .. } => "redirect",
            Self::ParameterProblem { .. } => "parameter problem",
            Self::TtlExceeded => "time exceeded",
            Self::ReassemblyTimeout => "fragment reassembly time exceeded",
        }
    }
}

/// The packet that an ICMP error quotes, as far as it can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    pub protocol: ipv4::Protocol,
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    /// The first bytes behind the quoted header: ports, or ICMP type and id.
    pub start: [u8; 8],
}

/// A parsed message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// The code means nothing, and a reply carries the same one.
    EchoRequest {
        code: u8,
        id: u16,
        seq: u16,
        payload: &'a [u8],
    },
    EchoReply {
        id: u16,
        seq: u16,
        payload: &'a [u8],
    },
    /// What time is it there? `originate` is the asker's own time.
    Timestamp {
        id: u16,
        seq: u16,
        originate: [u8; 4],
    },
    Error {
        error: Error,
        quote: Quote,
    },
    /// Any other type and code.
    Other {
        kind: u8,
        code: u8,
    },
}

impl<'a> Message<'a> {
    /// Reads a message with the checks of `icmp_rcv`: length and checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LEN {
            return Err(Malformed::Truncated { need: LEN, have: bytes.len() });
        }
        if checksum::of(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        let (id, seq) =
            (u16::from_be_bytes([bytes[4], bytes[5]]), u16::from_be_bytes([bytes[6], bytes[7]]));
        let payload = &bytes[LEN..];
        Ok(match (bytes[0], bytes[1]) {
            (8, code) => Self::EchoRequest { code, id, seq, payload },
            (0, _) => Self::EchoReply { id, seq, payload },
            (13, _) => {
                let originate = payload.get(..4).and_then(|b| b.try_into().ok());
                let short = Malformed::Truncated { need: LEN + 4, have: bytes.len() };
                Self::Timestamp { id, seq, originate: originate.ok_or(short)? }
            }
            (3, 0) => Self::error(Error::NetUnreachable, payload)?,
            (3, 1) => Self::error(Error::HostUnreachable, payload)?,
            (3, 2) => Self::error(Error::ProtocolUnreachable, payload)?,
            (3, 3) => Self::error(Error::PortUnreachable, payload)?,
            (3, 4) => {
                let mtu_bytes = u16::from_be_bytes([bytes[6], bytes[7]]);
                Self::error(Error::FragmentationNeeded { mtu_bytes }, payload)?
            }
            (3, 9) => Self::error(Error::NetProhibited, payload)?,
            (3, 10) => Self::error(Error::HostProhibited, payload)?,
            (3, 13) => Self::error(Error::AdminProhibited, payload)?,
            (5, code) if code & 7 <= 3 => {
                let gateway = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
                Self::error(Error::Redirect { gateway }, payload)?
            }
            (12, 0) => Self::error(Error::ParameterProblem { pointer: bytes[4] }, payload)?,
            (11, 0) => Self::error(Error::TtlExceeded, payload)?,
            (11, 1) => Self::error(Error::ReassemblyTimeout, payload)?,
            (kind, code) => Self::Other { kind, code },
        })
    }

    fn error(error: Error, quoted: &[u8]) -> Result<Self, Malformed> {
        let slice = etherparse::Ipv4HeaderSlice::from_slice(quoted)
            .map_err(|_| Malformed::Truncated { need: ipv4::LEN, have: quoted.len() })?;
        let behind = &quoted[slice.slice().len()..];
        let start = behind
            .get(..8)
            .and_then(|b| b.try_into().ok())
            .ok_or(Malformed::Truncated { need: 8, have: behind.len() })?;
        let quote = Quote {
            protocol: ipv4::Protocol::from_u8(slice.protocol().0),
            src: slice.source_addr(),
            dst: slice.destination_addr(),
            start,
        };
        Ok(Self::Error { error, quote })
    }
}

/// Whether a packet with this ICMP type may not be answered with an ICMP error (RFC 1122 section 3.2.2).
pub fn is_error_type(kind: u8) -> bool {
    !matches!(kind, 0 | 8 | 13..=18)
}

/// Which half of an exchange of echoes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Echo {
    Request,
    /// With the code of the request.
    Reply {
        code: u8,
    },
}

/// Appends an echo request or reply to a frame that ends with its IPv4 header.
pub fn emit_echo(frame: &mut Vec<u8>, kind: Echo, (id, seq): (u16, u16), payload: &[u8]) {
    let [a, b] = id.to_be_bytes();
    let [c, d] = seq.to_be_bytes();
    let (kind, code) = match kind {
        Echo::Request => (8, 0),
        Echo::Reply { code } => (0, code),
    };
    emit(frame, kind, code, [a, b, c, d], payload);
}

/// Appends the reply to a timestamp request: `time`, milliseconds since midnight, as that of receiving and of sending.
pub fn emit_timestamp_reply(
    frame: &mut Vec<u8>,
    (id, seq): (u16, u16),
    originate: [u8; 4],
    time: [u8; 4],
) {
    let [a, b] = id.to_be_bytes();
    let [c, d] = seq.to_be_bytes();
    let times = [originate, time, time].concat();
    emit(frame, 14, 0, [a, b, c, d], &times);
}

/// Bytes of the reply to a timestamp request.
pub const TIMESTAMP_LEN: usize = LEN + 12;

/// Appends an error that quotes as much of a packet as `quote` holds, from its IPv4 header on.
pub fn emit_error(frame: &mut Vec<u8>, error: Error, quote: &[u8]) {
    let (kind, code) = error.type_and_code();
    emit(frame, kind, code, error.rest(), quote);
}

/// Bytes of a packet that an error quotes at most, so that the whole stays within 576 bytes and the MTU (`icmp_send`,
/// RFC 1812 section 4.3.2.3). None: not even a header would fit.
pub fn room_for_quote(mtu_bytes: usize, options_len: usize) -> Option<usize> {
    let room = mtu_bytes.min(576).checked_sub(ipv4::LEN + options_len + LEN)?;
    (room > ipv4::LEN).then_some(room)
}

fn emit(frame: &mut Vec<u8>, kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) {
    let start = frame.len();
    frame.extend_from_slice(&[kind, code, 0, 0]);
    frame.extend_from_slice(&rest);
    frame.extend_from_slice(payload);
    let sum = checksum::of(&frame[start..]);
    frame[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn an_emitted_echo_parses_to_itself() {
        let mut bytes = Vec::new();
        emit_echo(&mut bytes, Echo::Request, (7, 1), b"abcdefgh");
        assert_eq!(
            Message::parse(&bytes),
            Ok(Message::EchoRequest { code: 0, id: 7, seq: 1, payload: b"abcdefgh" })
        );
        bytes[9] ^= 1;
        assert_eq!(Message::parse(&bytes), Err(Malformed::Checksum));
    }

    #[test]
    fn an_error_quotes_no_more_than_fits_into_576_bytes() {
        let room = |mtu| room_for_quote(mtu, 0);
        assert_eq!([1500, 576, 300, 48].map(room), [Some(548), Some(548), Some(272), None]);
    }

    #[test]
    fn an_error_about_nothing_readable_is_malformed() {
        let mut bytes = Vec::new();
        emit_error(&mut bytes, Error::PortUnreachable, &[0x45; 12]);
        assert_eq!(Message::parse(&bytes), Err(Malformed::Truncated { need: 20, have: 12 }));
    }
}
