//! Cutting what a connection hands down at once into segments, past all rules of this host. Read `net/ipv4/tcp_offload.c` and
//! `inet_gso_segment` first.

use crate::skb::Skb;
use crate::stack::Netns;
use crate::stack::socket::Program;
use crate::trace::{Birth, Ctx, Role, TcpSegment, Tracer};
use crate::wire::checksum;
use crate::wire::eth;
use crate::wire::ipv4::{self, Header, Protocol};
use crate::wire::tcp::Flags;

/// The segments of a packet, which itself becomes the first of them (`tcp_gso_segment`). The last one has its flags FIN and
/// PSH.
pub(in crate::stack) fn segments<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &Netns,
    mut skb: Skb,
) -> Vec<Skb> {
    let len = usize::from(std::mem::take(&mut skb.segment_len));
    let Ok(header) = Header::parse(skb.payload()) else { return vec![skb] };
    let start = eth::LEN + header.header_len;
    let data = start + usize::from(skb.frame[start + 12] >> 4) * 4;
    let payload = skb.frame.split_off(data);
    let is_client = |it| matches!(ns.sockets.get(it).program, Program::Connects);
    let by = if skb.socket.is_some_and(is_client) { Role::Client } else { Role::Server };
    let n_segments = payload.len().div_ceil(len);
    let mut all = Vec::with_capacity(n_segments);
    for (n, bytes) in payload.chunks(len).enumerate() {
        let mut frame = ctx.bufs.copy(&skb.frame);
        frame.extend_from_slice(bytes);
        let at = u32::try_from(n * len).unwrap_or(u32::MAX);
        renumber(&mut frame, start, (n, at), n + 1 == n_segments);
        let sum = checksum::with_pseudo_header(
            header.src,
            header.dst,
            Protocol::Tcp.to_u8(),
            &frame[start..],
        );
        frame[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        let id = if n == 0 {
            skb.id
        } else {
            let segment = TcpSegment::Data;
            ctx.born(Some(skb.id), Birth::Tcp { segment, again: false, by })
        };
        all.push(Skb { id, frame, reassembled: None, ..skb.clone() });
    }
    all
}

/// Makes the copied headers of a frame those of the `n`th segment, which begins `at` bytes behind the first.
fn renumber(frame: &mut [u8], start: usize, (n, at): (usize, u32), is_last: bool) {
    let word = |frame: &[u8], at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let total_len = u16::try_from(frame.len() - eth::LEN).unwrap_or(u16::MAX);
    let id = word(frame, eth::LEN + 4).wrapping_add(u16::try_from(n).unwrap_or(0));
    frame[eth::LEN + 2..eth::LEN + 4].copy_from_slice(&total_len.to_be_bytes());
    frame[eth::LEN + 4..eth::LEN + 6].copy_from_slice(&id.to_be_bytes());
    ipv4::fill_checksum(&mut frame[eth::LEN..]);
    let seq = u32::from(word(frame, start + 4)) << 16 | u32::from(word(frame, start + 6));
    frame[start + 4..start + 8].copy_from_slice(&seq.wrapping_add(at).to_be_bytes());
    if !is_last {
        frame[start + 13] &= !Flags::FIN.with(Flags::PSH).0;
    }
    frame[start + 16..start + 18].fill(0);
}
