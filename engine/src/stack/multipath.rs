//! Which of several next hops a flow takes: a hash of the flow against the next hops' shares. Read `fib_multipath_hash` in
//! net/ipv4/route.c and `fib_select_multipath` in `net/ipv4/fib_semantics.c` first.
//!
//! Not modelled: packets inside packets (policies 2 and 3 look into tunnels), nexthop objects.

use std::net::Ipv4Addr;

use super::fib::{Flow, Nexthop, NexthopState};
use crate::wire::icmp;
use crate::wire::ipv4::{Header, Protocol};

/// How flows are spread (`net.ipv4.fib_multipath_*`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Multipath {
    pub policy: Policy,
    /// `fib_multipath_hash_fields`: what counts under [`Policy::Custom`], as bits.
    pub fields: u16,
    /// `fib_multipath_hash_seed`. Where that is 0 the kernel takes a random one; a world takes one from its own seed.
    pub seed: u32,
    /// `fib_multipath_use_neigh`: next hops whose neighbour is known to fail are passed over.
    pub use_neigh: bool,
}

impl Default for Multipath {
    fn default() -> Self {
        // Source and destination address and protocol are the kernel's default fields.
        Self { policy: Policy::Layer3, fields: 0x7, seed: 0, use_neigh: false }
    }
}

/// What of a packet counts (`fib_multipath_hash_policy`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// 0: the addresses.
    Layer3,
    /// 1: addresses, protocol and ports.
    Layer4,
    /// 2: the addresses of the innermost packet.
    Inner,
    /// 3: what `fib_multipath_hash_fields` says.
    Custom,
}

/// What a hash is taken of (`struct flow_keys`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keys {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    pub sport: u16,
    pub dport: u16,
}

impl Keys {
    /// What this host knows of a packet that it is about to send.
    pub const fn of_flow(flow: &Flow) -> Self {
        Self {
            src: flow.saddr,
            dst: flow.daddr,
            protocol: flow.protocol,
            sport: flow.sport,
            dport: flow.dport,
        }
    }

    /// What a packet says, from its IPv4 header on. Ports of a fragment do not count.
    pub fn of_packet(header: &Header, packet: &[u8]) -> Self {
        let ports = match (header.protocol, packet.get(header.header_len..header.header_len + 4)) {
            (Protocol::Tcp | Protocol::Udp, Some(&[a, b, c, d])) if !header.is_fragment() => {
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
            }
            _ => (0, 0),
        };
        Self {
            src: header.src,
            dst: header.dst,
            protocol: header.protocol.to_u8(),
            sport: ports.0,
            dport: ports.1,
        }
    }
}

/// The addresses that count for a packet under [`Policy::Layer3`]: an ICMP error goes the way of what it is about
/// (`ip_multipath_l3_keys`).
fn layer3(header: &Header, packet: &[u8]) -> (Ipv4Addr, Ipv4Addr) {
    const QUOTED: usize = icmp::LEN;
    if header.protocol == Protocol::Icmp && header.fragment_offset == 0 {
        let message = packet.get(header.header_len..).unwrap_or_default();
        let is_error = matches!(message.first(), Some(3 | 4 | 5 | 11 | 12));
        if let (true, Some(quote)) = (is_error, message.get(QUOTED + 12..QUOTED + 20)) {
            let address =
                |at: usize| Ipv4Addr::new(quote[at], quote[at + 1], quote[at + 2], quote[at + 3]);
            return (address(0), address(4));
        }
    }
    (header.src, header.dst)
}

impl Multipath {
    /// 31 bits that decide about a packet (`fib_multipath_hash`).
    pub fn hash_of_packet(&self, header: &Header, packet: &[u8]) -> u32 {
        let mut keys = Keys::of_packet(header, packet);
        if self.policy == Policy::Layer3 {
            (keys.src, keys.dst) = layer3(header, packet);
        }
        let hash = self.hash(keys);
        match self.policy {
            // The second word would be of the packet inside.
            Policy::Custom => jhash_2words(hash, 0, 0) >> 1,
            Policy::Layer3 | Policy::Layer4 | Policy::Inner => hash >> 1,
        }
    }

    /// The same for what this host sends, of which only the flow is known yet.
    pub fn hash_of_flow(&self, flow: &Flow) -> u32 {
        self.hash(Keys::of_flow(flow)) >> 1
    }

    fn hash(self, mut keys: Keys) -> u32 {
        match self.policy {
            Policy::Layer3 | Policy::Inner => (keys.protocol, keys.sport, keys.dport) = (0, 0, 0),
            Policy::Layer4 => {}
            Policy::Custom => {
                let on = |bit: u32| self.fields & 1 << bit != 0;
                if !(0..6).any(on) {
                    return 0;
                }
                keys = Keys {
                    src: if on(0) { keys.src } else { Ipv4Addr::UNSPECIFIED },
                    dst: if on(1) { keys.dst } else { Ipv4Addr::UNSPECIFIED },
                    protocol: if on(2) { keys.protocol } else { 0 },
                    sport: if on(4) { keys.sport } else { 0 },
                    dport: if on(5) { keys.dport } else { 0 },
                };
            }
        }
        flow_hash(keys, self.seed)
    }

    /// The next hop for a hash (`fib_rebalance`, `fib_select_multipath`): each takes a part of all hashes by its weight.
    /// One that `is_source` says bears the packet's source address wins; `is_good` passes over failed neighbours. None: no
    /// next hop may be used.
    pub fn select(
        hops: &[Nexthop],
        hash: u32,
        is_good: impl Fn(&Nexthop) -> bool,
        is_source: Option<&dyn Fn(&Nexthop) -> bool>,
    ) -> Option<usize> {
        let usable =
            |hop: &Nexthop| matches!(hop.state, NexthopState::Alive | NexthopState::LinkDown);
        let total: u64 =
            hops.iter().filter(|hop| usable(hop)).map(|hop| u64::from(hop.weight)).sum();
        let (mut sum, mut best) = (0, None);
        for (index, hop) in hops.iter().enumerate().filter(|(_, hop)| usable(hop)) {
            sum += u64::from(hop.weight);
            // DIV_ROUND_CLOSEST_ULL(sum << 31, total) - 1
            let upper_bound = (((sum << 31) + total / 2) / total) - 1;
            if !is_good(hop) {
                continue;
            }
            let mut score = u8::from(u64::from(hash) <= upper_bound);
            if let Some(is_source) = is_source {
                score += 2 * u8::from(is_source(hop));
            }
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, index));
                if score == 3 || (is_source.is_none() && score == 1) {
                    break;
                }
            }
        }
        best.map(|(_, index)| index)
    }
}

/// `flow_hash_from_keys_seed`: the same for both directions of a flow.
fn flow_hash(mut keys: Keys, seed: u32) -> u32 {
    // Compared as little-endian numbers, as they lie in memory on the machines the kernel mostly runs on.
    let as_stored = |ip: Ipv4Addr| u32::from_le_bytes(ip.octets());
    if as_stored(keys.dst) < as_stored(keys.src) {
        (keys.src, keys.dst) = (keys.dst, keys.src);
    }
    if keys.dport.swap_bytes() < keys.sport.swap_bytes() {
        (keys.sport, keys.dport) = (keys.dport, keys.sport);
    }
    // struct flow_keys from `basic` to `addrs.v4addrs`, and as much behind as the structure is padded; tags, VLANs, key id
    // and ICMP fields stay zero.
    let mut bytes = [0; 48];
    bytes[2] = keys.protocol;
    bytes[28..30].copy_from_slice(&keys.sport.to_be_bytes());
    bytes[30..32].copy_from_slice(&keys.dport.to_be_bytes());
    bytes[36..40].copy_from_slice(&keys.src.octets());
    bytes[40..44].copy_from_slice(&keys.dst.octets());
    let key = u64::from(seed) << 32 | u64::from(seed);
    let low = siphash((key, key), &bytes) & u64::from(u32::MAX);
    let hash = u32::try_from(low).expect("masked to 32 bits");
    if hash == 0 { 1 } else { hash }
}

/// SipHash-2-4 (lib/siphash.c).
fn siphash((k0, k1): (u64, u64), bytes: &[u8]) -> u64 {
    let mut v = [
        0x736f_6d65_7073_6575 ^ k0,
        0x646f_7261_6e64_6f6d ^ k1,
        0x6c79_6765_6e65_7261 ^ k0,
        0x7465_6462_7974_6573 ^ k1,
    ];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    };
    let mut words = bytes.chunks_exact(8);
    let absorb = |v: &mut [u64; 4], word: u64| {
        v[3] ^= word;
        round(v);
        round(v);
        v[0] ^= word;
    };
    for word in &mut words {
        absorb(&mut v, u64::from_le_bytes(word.try_into().expect("chunks of eight")));
    }
    let mut last = (bytes.len() as u64) << 56;
    for (at, &byte) in words.remainder().iter().enumerate() {
        last |= u64::from(byte) << (8 * at);
    }
    absorb(&mut v, last);
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// `jhash_2words` of include/linux/jhash.h.
fn jhash_2words(a: u32, b: u32, initval: u32) -> u32 {
    const INITVAL: u32 = 0xdead_beef;
    let initval = initval.wrapping_add(INITVAL).wrapping_add(2 << 2);
    let (mut a, mut b, mut c) = (a.wrapping_add(initval), b.wrapping_add(initval), initval);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::{DevId, Id};
    use crate::stack::fib::RouteKind;

    fn hops(weights: &[u16]) -> Vec<Nexthop> {
        let hop = |(index, &weight): (usize, &u16)| {
            let dev = DevId::from_index(index);
            Nexthop { weight, ..Nexthop::new(RouteKind::Unicast, dev, None) }
        };
        weights.iter().enumerate().map(hop).collect()
    }

    fn select(hops: &[Nexthop], hash: u32) -> Option<usize> {
        Multipath::select(hops, hash, |_| true, None)
    }

    /// What Linux 6.18 chose for packets from 10.0.1.1 with the seed 7, of two next hops.
    #[test]
    fn a_flow_takes_the_next_hop_that_the_kernel_takes() {
        let paths = Multipath { seed: 7, ..Multipath::default() };
        let chosen = |third: u8| {
            let dst = Ipv4Addr::new(10, 9, third, third * 7 + 1);
            let flow = Flow::to(dst, DevId::from_index(0)).from([10, 0, 1, 1].into());
            select(&hops(&[1, 1]), paths.hash_of_flow(&flow)).expect("both are alive")
        };
        let kernel = [1, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0];
        assert_eq!((1..=12).map(chosen).collect::<Vec<_>>(), kernel);
    }

    #[test]
    fn both_directions_of_a_flow_have_one_hash() {
        let paths = Multipath { policy: Policy::Layer4, seed: 3, ..Multipath::default() };
        let (a, b) = ([10, 0, 1, 1].into(), [10, 9, 1, 1].into());
        let forth = Flow { sport: 40000, dport: 53, ..Flow::to(b, DevId::from_index(0)).from(a) };
        let back = Flow { sport: 53, dport: 40000, ..Flow::to(a, DevId::from_index(0)).from(b) };
        assert_eq!(paths.hash_of_flow(&forth), paths.hash_of_flow(&back));
    }

    #[test]
    fn each_next_hop_has_a_share_of_all_hashes_by_its_weight() {
        let three = hops(&[1, 2, 1]);
        let quarter = 1 << 29;
        let at = [0, quarter - 1, quarter, 3 * quarter - 1, 3 * quarter, 4 * quarter - 1];
        assert_eq!(at.map(|hash| select(&three, hash)), [0, 0, 1, 1, 2, 2].map(Some));
    }

    #[test]
    fn a_dead_next_hop_leaves_its_share_to_the_others() {
        let mut three = hops(&[1, 1, 1]);
        three[0].state = NexthopState::Dead;
        assert_eq!(select(&three, 0), Some(1));
        three[1].state = NexthopState::Ignored;
        assert_eq!(select(&three, 0), Some(2));
        three[2].state = NexthopState::Dead;
        assert_eq!(select(&three, 0), None);
    }

    #[test]
    fn the_next_hop_with_the_source_address_wins() {
        let is_second = |hop: &Nexthop| hop.dev.index() == 1;
        assert_eq!(Multipath::select(&hops(&[1, 1]), 0, |_| true, Some(&is_second)), Some(1));
    }
}
