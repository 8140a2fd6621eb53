//! Packets longer than the way carries: fragments on the way out, and what becomes of those that may not be fragmented.
//! Read `ip_fragment`, `ip_do_fragment` and `ip_finish_output` in `net/ipv4/ip_output.c` first. Putting fragments together
//! is in [`defrag`].
//!
//! ```text
//! forwarded, forbids it:  ICMP fragmentation needed, before FORWARD     (ip_forward)
//! after POSTROUTING:      in pieces, each to the neighbour by itself    (ip_finish_output)
//! ```

use super::ip;
use super::neigh::Neighbour;
use super::route::Routing;
use super::{Netns, icmp};
use crate::base::{DevId, NsId};
use crate::link::{self, Devices};
use crate::netfilter::defrag::{self, Place};
use crate::skb::{Dst, DstKind, Reassembled, Skb};
use crate::trace::{Birth, Ctx, DropReason, Event, Gathers, Next, Tracer};
use crate::wire::eth;
use crate::wire::icmp::Error;
use crate::wire::ipv4::{self, Fragment, Header};

/// Whether a packet that goes through this host is too long and forbids fragments (`ip_exceeds_mtu`).
pub(super) fn exceeds(header: &Header, mtu_bytes: u32, skb: &Skb) -> bool {
    header.total_len > mtu_bytes as usize
        && header.dont_fragment
        && (!skb.ignore_df || longest(skb) > mtu_bytes)
}

/// The longest piece that a reassembled packet came in; zero if it was whole.
pub(super) fn longest(skb: &Skb) -> u32 {
    skb.reassembled.as_ref().map_or(0, |it| u32::from(it.longest_bytes))
}

/// Whether the longest fragment of a reassembled packet forbade fragments, so that new ones do as well
/// (`IPSKB_FRAG_PMTU`).
fn probes_path(skb: &Skb) -> bool {
    longest(skb) != 0 && skb.payload()[6] & 0x40 != 0
}

/// What this host sends by a socket is made in pieces that fit the route at hand (`__ip_append_data`). Where rules send it
/// another way, it still leaves so if these fit there too.
pub(super) fn lay_out(skb: &mut Skb, mtu_bytes: u32) {
    let header_len = usize::from(skb.payload()[0] & 0x0f) * 4;
    let data_len = skb.payload().len() - header_len;
    let room = (mtu_bytes as usize).saturating_sub(header_len).max(8);
    if data_len > room {
        let pieces = cut(data_len, room).into_iter().map(|len| u16::try_from(len).unwrap_or(0));
        skb.reassembled =
            Some(Box::new(Reassembled { longest_bytes: 0, pieces: pieces.collect() }));
    }
}

/// A packet that does not fit leaves in pieces, or its sender hears that it does not (`ip_fragment`).
#[inline(never)]
pub(super) fn output<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (out, mtu_bytes): (DevId, u32),
    skb: Skb,
) {
    let forbidden = skb.payload()[6] & 0x40 != 0;
    if forbidden && (!skb.ignore_df || longest(&skb) > mtu_bytes) {
        icmp::send_error(ctx, ns, devices, needed(mtu_bytes), &skb);
        return ctx.drop(out, skb, DropReason::PktTooBig);
    }
    // Between the pieces of what a program sends, the kernel works off what the one before has led to.
    let by_program = skb.socket.is_some() && skb.ignore_df && skb.iif.is_none();
    let pieces = split(ctx, (out, mtu_bytes), skb);
    if by_program {
        ctx.out.push(Next::SendPieces { ns: devices[ns.lo].ns, pieces });
        return;
    }
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        if !send_piece(ctx, ns, devices, piece) {
            give_up(ctx, out, pieces);
            return;
        }
    }
}

/// Sends one of several pieces. False: the device did not take it, and the rest is not sent.
pub fn send_piece<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    piece: Skb,
) -> bool {
    let goes_at_once = |Dst { dev, to, .. }: Dst| match to {
        DstKind::Unicast { next_hop } => {
            ns.neigh.get(dev, next_hop).is_some_and(Neighbour::is_valid)
        }
        DstKind::Local | DstKind::Broadcast => true,
    };
    let is_taken = piece.dst.is_none_or(|dst| {
        !goes_at_once(dst) || !link::refuses(devices, dst.dev, piece.frame.len())
    });
    ip::finish_output(ctx, ns, devices, piece);
    is_taken
}

/// The pieces that are not sent because one before was not taken.
pub fn give_up<T: Tracer>(ctx: &mut Ctx<'_, T>, dev: DevId, pieces: impl IntoIterator<Item = Skb>) {
    for piece in pieces {
        ctx.drop(dev, piece, DropReason::PktTooBig);
    }
}

/// The error that names the length that would fit.
pub(super) fn needed(mtu_bytes: u32) -> Error {
    Error::FragmentationNeeded { mtu_bytes: u16::try_from(mtu_bytes).unwrap_or(u16::MAX) }
}

/// Takes a packet apart (`ip_do_fragment`): as it came, if it came in pieces that fit; else in pieces as long as fit. The
/// first piece stays the packet itself.
pub(super) fn split<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    (out, mtu_bytes): (DevId, u32),
    mut skb: Skb,
) -> Vec<Skb> {
    let Ok(header) = Header::parse(skb.payload()) else {
        ctx.drop(out, skb, DropReason::IpInHdr);
        return Vec::new();
    };
    let as_it_came = longest(&skb);
    let limit = if as_it_came == 0 { mtu_bytes } else { mtu_bytes.min(as_it_came) };
    let room = (limit as usize).saturating_sub(header.header_len).max(8);
    let dont_fragment = probes_path(&skb);
    let reassembled = skb.reassembled.take();
    let data_len = header.total_len - header.header_len;
    let (lengths, dont_fragment) = match reassembled {
        Some(it) if fit(&it.pieces, room, data_len) && !header.is_fragment() => {
            (it.pieces.into_iter().map(usize::from).collect(), false)
        }
        Some(_) | None => (cut(data_len, room), dont_fragment),
    };
    let pieces = u16::try_from(lengths.len()).unwrap_or(u16::MAX);
    ctx.event(skb.id, Event::Fragmented { dev: out, mtu_bytes: limit, pieces });

    let mut all = Vec::with_capacity(lengths.len());
    let data_start = eth::LEN + header.header_len;
    let mut at = lengths.first().copied().unwrap_or(0);
    for &len in lengths.iter().skip(1) {
        let id = ctx.born(Some(skb.id), Birth::Fragment);
        let mut frame = ctx.bufs.copy(&skb.frame[..data_start]);
        ipv4::blank_options(&mut frame[eth::LEN..]);
        frame.extend_from_slice(&skb.frame[data_start + at..data_start + at + len]);
        let last = at + len == data_len;
        let field = Fragment {
            offset: header.fragment_offset + u16::try_from(at).unwrap_or(u16::MAX),
            more: !last || header.more_fragments,
            dont_fragment,
            len,
        };
        field.write(&mut frame[eth::LEN..]);
        let mut piece = Skb::new(id, frame);
        (piece.pkt_type, piece.iif, piece.mark) = (skb.pkt_type, skb.iif, skb.mark);
        (piece.ct, piece.dst, piece.socket) = (skb.ct, skb.dst, skb.socket);
        (piece.nf_trace, piece.by_kernel) = (skb.nf_trace, skb.by_kernel);
        all.push(piece);
        at += len;
    }
    let len = lengths.first().copied().unwrap_or(data_len);
    skb.frame.truncate(data_start + len);
    Fragment {
        offset: header.fragment_offset,
        more: lengths.len() > 1 || header.more_fragments,
        dont_fragment,
        len,
    }
    .write(skb.payload_mut());
    all.insert(0, skb);
    all
}

/// Whether the pieces in which a packet came can go on as they are.
fn fit(pieces: &[u16], room: usize, data_len: usize) -> bool {
    let Some((last, others)) = pieces.split_last() else { return false };
    let whole_eights = others.iter().all(|len| len % 8 == 0);
    let sum: usize = pieces.iter().map(|&len| usize::from(len)).sum();
    whole_eights
        && sum == data_len
        && others.iter().chain([last]).all(|&len| usize::from(len) <= room)
}

/// Lengths of pieces of at most `room` bytes; all but the last are whole eights of bytes.
fn cut(data_len: usize, room: usize) -> Vec<usize> {
    let mut left = data_len;
    let mut lengths = Vec::with_capacity(data_len / room + 1);
    while left > room {
        lengths.push(room & !7);
        left -= room & !7;
    }
    lengths.push(left);
    lengths
}

/// A fragment for this host (`ip_local_deliver`); Some when its packet is whole.
#[inline(never)]
pub(super) fn gather<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    (ns_id, dev): (NsId, DevId),
    header: &Header,
    skb: Skb,
) -> Option<Skb> {
    let place = Place { ns: ns_id, dev, by: Gathers::LocalDeliver, limits: ns.sysctl.fragments };
    ns.fragments.gather(ctx, place, header, skb)
}

/// The time for a packet to become whole is over (`ip_expire`): its sender hears so, if this host is where it was going and
/// the first piece is there to be quoted.
pub fn expire<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (by, number): (Gathers, u32),
) {
    let queues: Option<&mut defrag::Reassembly> = match by {
        Gathers::LocalDeliver => Some(&mut ns.fragments),
        Gathers::ConntrackIn | Gathers::ConntrackOut | Gathers::BridgeIn => {
            ns.netfilter.as_mut().map(|netfilter| &mut netfilter.defrag)
        }
    };
    let Some(expired) = queues.and_then(|queues| queues.expire(ctx, number)) else { return };
    let (dev, Some(mut first)) = (expired.dev, expired.first) else { return };
    first.iif = Some(dev);
    first.bridge = None;
    if let Ok(header) = Header::parse(first.payload()) {
        let routing = Routing { ns, devices, now: ctx.now };
        let way = ip::route_received(ctx, routing.ns, devices, dev, &header, &first);
        let tells = match (by, way.map(|dst| dst.to)) {
            (_, Err(_)) => false,
            (Gathers::ConntrackIn | Gathers::BridgeIn, Ok(to)) => to == DstKind::Local,
            (Gathers::LocalDeliver | Gathers::ConntrackOut, Ok(_)) => true,
        };
        first.dst = way.ok();
        if tells {
            icmp::send_error(ctx, ns, devices, Error::ReassemblyTimeout, &first);
        }
    }
    ctx.drop(dev, first, DropReason::FragReasmTimeout);
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn all_pieces_but_the_last_are_whole_eights_and_the_last_may_fill_the_room() {
        assert_eq!(cut(1480, 1480), [1480]);
        assert_eq!(cut(1481, 1480), [1480, 1]);
        assert_eq!(cut(1430 + 1424, 1430), [1424, 1430]);
        assert_eq!(cut(1430 + 1425, 1430), [1424, 1424, 7]);
        for room in 8..80 {
            for len in 0..200 {
                let pieces = cut(len, room);
                assert_eq!(pieces.iter().sum::<usize>(), len);
                assert!(pieces.iter().all(|&piece| piece <= room));
                assert!(pieces.iter().rev().skip(1).all(|piece| piece % 8 == 0));
            }
        }
    }

    #[test]
    fn a_packet_goes_on_in_the_pieces_it_came_in_only_if_each_fits() {
        assert!(fit(&[16, 8, 5], 16, 29));
        assert!(!fit(&[16, 8, 5], 15, 29));
        assert!(!fit(&[16, 9, 8], 16, 33));
    }
}
