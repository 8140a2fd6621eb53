//! Putting packets together from their fragments, for connection tracking and for this host itself. Read
//! `net/ipv4/ip_fragment.c`, `inet_fragment.c` and `nf_defrag_ipv4.c` first.
//!
//! A packet waits for all of its pieces for thirty seconds. A piece that overlaps others ends the whole packet; one that
//! came before is ignored. What the kernel counts as memory (`ipfrag_high_thresh`) depends on its buffers; here each piece
//! counts a little more than its bytes.

use std::net::Ipv4Addr;

use crate::base::{DevId, FxIndexMap, Nanos, NsId};
use crate::skb::{Reassembled, Skb};
use crate::trace::{Ctx, DropReason, Event, Gathers, Next, Tracer};
use crate::wire::eth;
use crate::wire::ipv4::{self, Header, Protocol};

/// The settings of reassembly (`net.ipv4.ipfrag_*`).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `ipfrag_time`.
    pub time: Nanos,
    /// `ipfrag_high_thresh`, in bytes.
    pub high_bytes: usize,
    /// `ipfrag_max_dist`: so many fragments of one sender may come between two of one packet; zero: any number.
    pub max_dist: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Nanos::from_secs(30), high_bytes: 4 << 20, max_dist: 64 }
    }
}

/// Beside a piece's bytes: the buffer's own overhead.
const OVERHEAD: usize = 768;

/// What pieces of one packet have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    identification: u16,
    protocol: Protocol,
    by: Gathers,
}

/// A piece that came.
#[derive(Clone, Debug)]
struct Piece {
    /// Where its payload begins and ends in the packet's.
    start: usize,
    end: usize,
    skb: Skb,
}

/// A packet that is not whole (`struct ipq`).
#[derive(Clone, Debug)]
struct Queue {
    number: u32,
    /// In the order of their places, without overlaps.
    pieces: Vec<Piece>,
    /// Pieces that came one after the other at the end count as one where a duplicate is told from an overlap: where each
    /// such run begins and ends, in the order of their places.
    runs: Vec<(usize, usize)>,
    has_last: bool,
    /// Bytes of the whole payload, as far as known.
    len: usize,
    /// The longest piece with its header, and the longest of those that may not be fragmented.
    longest: usize,
    longest_df: usize,
    /// The kinds of congestion bits seen, as bits.
    ecn: u8,
    /// Where the last piece came in.
    dev: DevId,
    /// The sender's count of fragments when the last piece came.
    sender_count: u32,
}

/// The packets of a namespace that wait for pieces.
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    queues: FxIndexMap<Key, Queue>,
    /// How many fragments each sender of a waiting packet sent.
    senders: FxIndexMap<Ipv4Addr, u32>,
    bytes: usize,
    made: u32,
}

/// Where a piece came in, and for what it is put together.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub ns: NsId,
    pub dev: DevId,
    pub by: Gathers,
    pub limits: Limits,
}

/// What is left of a packet whose time is over.
#[derive(Clone, Debug)]
pub struct Expired {
    /// The first piece of the packet, if it came.
    pub first: Option<Skb>,
    /// Where the last piece came in.
    pub dev: DevId,
    pub by: Gathers,
}

/// What a piece does to the packets that wait.
enum Added {
    Complete,
    Waits,
    /// It was there before.
    Duplicate,
    /// It cannot be of that packet: all that came of it is dropped.
    Corrupt,
}

impl Reassembly {
    /// Takes a fragment (`ip_defrag`); Some when the packet is whole, as the packet whose last piece this was.
    pub fn gather<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        place: Place,
        header: &Header,
        mut skb: Skb,
    ) -> Option<Skb> {
        if self.bytes > place.limits.high_bytes {
            ctx.drop(place.dev, skb, DropReason::FragMemory);
            return None;
        }
        let key = Key {
            src: header.src,
            dst: header.dst,
            identification: header.identification,
            protocol: header.protocol,
            by: place.by,
        };
        if !self.queues.contains_key(&key) {
            self.begin(ctx, place, key);
        }
        self.forget_if_too_far(ctx, place, key);
        let size = skb.frame.len() + OVERHEAD;
        let (dst, id) = (skb.dst.take(), skb.id);
        skb.socket = None;
        let queue = self.queues.get_mut(&key)?;
        match queue.add(place.dev, header, &skb) {
            Added::Duplicate => {
                ctx.drop(place.dev, skb, DropReason::DupFrag);
                None
            }
            Added::Corrupt => {
                ctx.drop(place.dev, skb, DropReason::FragCorrupt);
                self.discard(ctx, key, DropReason::FragCorrupt);
                None
            }
            Added::Waits => {
                queue.insert(header, skb);
                self.bytes += size;
                let (ns, pieces) = (place.ns, count(&queue.pieces));
                ctx.event(id, Event::FragmentHeld { ns, by: place.by, pieces });
                None
            }
            Added::Complete => {
                queue.insert(header, skb);
                self.bytes += size;
                let queue = self.end(key)?;
                let pieces = count(&queue.pieces);
                let mut whole = match queue.join(ctx, id, place.by) {
                    Ok(whole) => whole,
                    Err((pieces, reason)) => {
                        for piece in pieces {
                            ctx.drop(place.dev, piece.skb, reason);
                        }
                        return None;
                    }
                };
                whole.dst = dst;
                ctx.event(id, Event::Reassembled { ns: place.ns, by: place.by, pieces });
                Some(whole)
            }
        }
    }

    /// The time of a packet is over (`ip_expire`); None if it is whole or gone already.
    pub fn expire<T: Tracer>(&mut self, ctx: &mut Ctx<'_, T>, number: u32) -> Option<Expired> {
        let key = *self.queues.iter().find(|(_, queue)| queue.number == number)?.0;
        let queue = self.end(key)?;
        let mut expired = Expired { first: None, dev: queue.dev, by: key.by };
        for piece in queue.pieces {
            if piece.start == 0 {
                expired.first = Some(piece.skb);
            } else {
                ctx.drop(queue.dev, piece.skb, DropReason::FragReasmTimeout);
            }
        }
        Some(expired)
    }

    fn begin<T: Tracer>(&mut self, ctx: &mut Ctx<'_, T>, place: Place, key: Key) {
        let number = self.made;
        self.made = self.made.wrapping_add(1);
        self.queues.insert(key, Queue::new(number, place.dev));
        self.senders.entry(key.src).or_insert(0);
        let at = ctx.now + place.limits.time;
        ctx.out.push(Next::FragmentTimer { at, ns: place.ns, by: place.by, number });
    }

    /// `ip_frag_too_far`: so many other fragments of the sender came meanwhile that the identification may have come round.
    fn forget_if_too_far<T: Tracer>(&mut self, ctx: &mut Ctx<'_, T>, place: Place, key: Key) {
        let (Some(count), Some(queue)) =
            (self.senders.get_mut(&key.src), self.queues.get_mut(&key))
        else {
            return;
        };
        *count = count.wrapping_add(1);
        let between = count.wrapping_sub(queue.sender_count);
        queue.sender_count = *count;
        if place.limits.max_dist == 0 || queue.pieces.is_empty() || between <= place.limits.max_dist
        {
            return;
        }
        let sender_count = queue.sender_count;
        self.discard(ctx, key, DropReason::FragTooFar);
        self.begin(ctx, place, key);
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.sender_count = sender_count;
        }
    }

    fn discard<T: Tracer>(&mut self, ctx: &mut Ctx<'_, T>, key: Key, reason: DropReason) {
        let Some(queue) = self.end(key) else { return };
        for piece in queue.pieces {
            ctx.drop(queue.dev, piece.skb, reason);
        }
    }

    fn end(&mut self, key: Key) -> Option<Queue> {
        let queue = self.queues.swap_remove(&key)?;
        let sizes = queue.pieces.iter().map(|piece| piece.skb.frame.len() + OVERHEAD);
        self.bytes -= sizes.sum::<usize>();
        if !self.queues.keys().any(|other| other.src == key.src) {
            self.senders.swap_remove(&key.src);
        }
        Some(queue)
    }
}

fn count(pieces: &[Piece]) -> u16 {
    u16::try_from(pieces.len()).unwrap_or(u16::MAX)
}

impl Queue {
    const fn new(number: u32, dev: DevId) -> Self {
        Self {
            number,
            pieces: Vec::new(),
            runs: Vec::new(),
            has_last: false,
            len: 0,
            longest: 0,
            longest_df: 0,
            ecn: 0,
            dev,
            sender_count: 0,
        }
    }

    /// `ip_frag_queue` up to where the piece is put in.
    fn add(&mut self, dev: DevId, header: &Header, skb: &Skb) -> Added {
        let (start, end) = extent(header, skb);
        if header.more_fragments {
            if end > self.len {
                if self.has_last {
                    return Added::Corrupt;
                }
                self.len = end;
            }
        } else {
            if end < self.len || self.has_last && end != self.len {
                return Added::Corrupt;
            }
            self.has_last = true;
            self.len = end;
        }
        if start == end {
            return Added::Corrupt;
        }
        // inet_frag_queue_insert
        match self.runs.last_mut() {
            Some((_, tail)) if *tail < end => {
                if start < *tail {
                    return Added::Corrupt;
                }
                if start == *tail {
                    *tail = end;
                } else {
                    self.runs.push((start, end));
                }
            }
            Some(_) => {
                let at = self.runs.partition_point(|run| run.1 <= start);
                match self.runs.get(at) {
                    Some(&(first, last)) if first <= start && end <= last => {
                        return Added::Duplicate;
                    }
                    Some(&(first, _)) if first < end => return Added::Corrupt,
                    _ => self.runs.insert(at, (start, end)),
                }
            }
            None => self.runs.push((start, end)),
        }
        self.dev = dev;
        let here: usize = self.pieces.iter().map(|piece| piece.end - piece.start).sum();
        if self.has_last && here + end - start == self.len { Added::Complete } else { Added::Waits }
    }

    fn insert(&mut self, header: &Header, skb: Skb) {
        let (start, end) = extent(header, &skb);
        let size = header.header_len + end - start;
        self.longest = self.longest.max(size);
        if header.dont_fragment {
            self.longest_df = self.longest_df.max(size);
        }
        self.ecn |= 1 << (header.tos & 3);
        let at = self.pieces.partition_point(|piece| piece.start < start);
        self.pieces.insert(at, Piece { start, end, skb });
    }

    /// `ip_frag_reasm`: one packet with the first piece's header, as the packet `id`. Else the pieces, and why not.
    fn join<T: Tracer>(
        mut self,
        ctx: &mut Ctx<'_, T>,
        id: crate::base::PacketId,
        by: Gathers,
    ) -> Result<Skb, (Vec<Piece>, DropReason)> {
        const NOT_ECT: u8 = 1;
        const CE: u8 = 8;
        if self.ecn & NOT_ECT != 0 && self.ecn != NOT_ECT {
            return Err((self.pieces, DropReason::FragCorrupt));
        }
        let congested = self.ecn & CE != 0;
        let Some(Ok(header)) = self.pieces.first().map(|first| Header::parse(first.skb.payload()))
        else {
            return Err((self.pieces, DropReason::FragCorrupt));
        };
        let Ok(total_len) = u16::try_from(header.header_len + self.len) else {
            return Err((self.pieces, DropReason::PktTooBig));
        };
        let lengths = || {
            let len = |piece: &Piece| u16::try_from(piece.end - piece.start).unwrap_or(u16::MAX);
            self.pieces.iter().map(len).collect()
        };
        let longest_bytes = u16::try_from(self.longest).unwrap_or(u16::MAX);
        // What this host gets is joined for good; what goes on may be taken apart as it was.
        let reassembled = match by {
            Gathers::LocalDeliver => None,
            Gathers::ConntrackIn | Gathers::ConntrackOut | Gathers::BridgeIn => {
                Some(Box::new(Reassembled { longest_bytes, pieces: lengths() }))
            }
        };
        let rest = self.pieces.split_off(1);
        let Some(mut whole) = self.pieces.pop().map(|first| first.skb) else {
            return Err((rest, DropReason::FragCorrupt));
        };
        whole.id = id;
        let first_end = header.header_len + rest.first().map_or(self.len, |piece| piece.start);
        whole.frame.truncate(eth::LEN + first_end);
        for piece in rest {
            let packet = piece.skb.payload();
            let header_len = usize::from(packet[0] & 0x0f) * 4;
            whole
                .frame
                .extend_from_slice(&packet[header_len..header_len + piece.end - piece.start]);
            ctx.consume(piece.skb);
        }
        let dont_fragment = self.longest_df == self.longest;
        ipv4::set_reassembled(whole.payload_mut(), total_len, dont_fragment, congested);
        whole.ignore_df = reassembled.is_some();
        whole.reassembled = reassembled;
        Ok(whole)
    }
}

/// Where a fragment's payload begins and ends. All but the last are cut to whole eights of bytes.
fn extent(header: &Header, skb: &Skb) -> (usize, usize) {
    let start = usize::from(header.fragment_offset);
    let len = header.total_len.min(skb.payload().len()) - header.header_len;
    let end = start + len;
    (start, if header.more_fragments { end & !7 } else { end })
}
