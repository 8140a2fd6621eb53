//! The walk of a packet through the chains of one table. Read `nft_do_chain` of `net/netfilter/nf_tables_core.c`,
//! `net/netfilter/nft_compat.c` and `net/netfilter/nft_payload.c` first: iptables on this kernel is `nf_tables` underneath.
//!
//! Nothing is allocated in a walk, save what a list or a set learns, and chains call each other by number.

use super::conntrack::{Conntrack, Entry};
use super::ipset::Sets;
use super::matches::Recents;
use super::table::{Loaded, Memory, Policy, Ruleset};
use super::targets::{Nat, NatKind, Target};
use super::{Around, At, Netfilter, Reject, nat};
use crate::base::{ChainId, Hook, Nanos, Rng, Side, Table};
use crate::skb::{Ct, CtInfo, Mark, Skb};
use crate::trace::{Ctx, DropReason, Event, RuleRef, Tracer, Unmet};
use crate::wire::eth;

/// How a walk through a table's chain of a hook ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Walked {
    Accept,
    Drop { reject: Option<Reject> },
}

/// Deepest nesting of chains (`NFT_JUMP_STACK_SIZE`).
pub(super) const JUMP_STACK: usize = 16;

/// What rules see of a packet (`struct nft_pktinfo`).
pub(super) struct Seen<'a> {
    pub skb: &'a Skb,
    pub at: At,
    /// Empty where there is no such device.
    pub in_name: &'a str,
    pub out_name: &'a str,
    pub src: u32,
    pub dst: u32,
    pub protocol: u8,
    pub tos: u8,
    pub ttl_hops: u8,
    /// In units of eight bytes.
    pub fragment_offset: u16,
    /// Bytes from the IP header on.
    pub len: u32,
    /// What follows the IP header.
    pub transport: &'a [u8],
}

impl<'a> Seen<'a> {
    fn new(skb: &'a Skb, at: At, names: (&'a str, &'a str)) -> Self {
        let ip = skb.payload();
        let word = |place: usize| {
            let bytes = ip.get(place..place + 4).and_then(|it| it.try_into().ok());
            u32::from_be_bytes(bytes.unwrap_or_default())
        };
        let (first, third) = (word(0), word(8));
        // A frame may be padded; the packet ends where its header says.
        let len = ip.len().min((first & 0xffff) as usize);
        let header_len = (first >> 24 & 0xf) as usize * 4;
        Self {
            skb,
            at,
            in_name: names.0,
            out_name: names.1,
            src: word(12),
            dst: word(16),
            protocol: (third >> 16 & 0xff) as u8,
            tos: (first >> 16 & 0xff) as u8,
            ttl_hops: (third >> 24) as u8,
            fragment_offset: (word(4) & 0x1fff) as u16,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            transport: ip.get(header_len..len).unwrap_or_default(),
        }
    }

    /// Protocol and port, of ICMP type and code (`ip_set_get_ip4_port`); None where the packet has a piece of neither.
    pub(super) fn port(&self, src: bool) -> Option<(u8, u16)> {
        let bytes = self.transport;
        let has_ports = matches!(self.protocol, 1 | 6 | 17 | 132 | 136);
        if self.protocol == 0 || (has_ports && self.fragment_offset != 0) {
            return None;
        }
        let header_len = match self.protocol {
            6 => 20,
            132 => 12,
            1 | 17 | 136 => 8,
            _ => return Some((self.protocol, 0)),
        };
        let at = if self.protocol == 1 || src { 0 } else { 2 };
        let port = bytes.get(..header_len).map(|it| u16::from_be_bytes([it[at], it[at + 1]]));
        port.map(|port| (self.protocol, port))
    }
}

/// What matches may ask, remember and change besides the packet.
pub(super) struct Env<'a> {
    pub now: Nanos,
    pub rng: &'a mut Rng,
    pub around: &'a dyn Around,
    pub conntrack: &'a Conntrack,
    pub sets: &'a mut Sets,
    pub recents: &'a mut Recents,
    pub memories: &'a mut [Memory],
    pub set_of: &'a [u32],
    pub recent_of: &'a [u32],
}

impl Env<'_> {
    /// The connection a packet belongs to, and what it is to it (`nf_ct_get`).
    pub(super) fn connection(&self, skb: &Skb) -> Option<(&Entry, CtInfo)> {
        match skb.ct {
            Ct::Tracked { entry, info } => self.conntrack.get(entry).map(|entry| (entry, info)),
            Ct::None | Ct::Untracked | Ct::Template(_) => None,
        }
    }
}

/// What a match says of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Found {
    Met,
    /// With what the packet had instead, see [`Match::saw`](super::matches::Match::saw).
    Unmet(u32),
    /// The packet is too malformed to judge, and dropped (`hotdrop`).
    HotDrop,
}

/// A place to come back to: the chain and the rule after the jump.
type Frame = (ChainId, u32);

/// Where a walk stands.
struct Walk {
    table: Table,
    chain: ChainId,
    next: u32,
    stack: [Frame; JUMP_STACK],
    depth: usize,
}

/// Walks a table's built-in chain of the hook.
pub(super) fn walk<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    nf: &mut Netfilter,
    around: &dyn Around,
    at: At,
    table: Table,
    skb: &mut Skb,
) -> Walked {
    let Netfilter { tables, conntrack, sets, recents, .. } = nf;
    let Some(Loaded { rules, state, .. }) = tables.get_mut(table) else { return Walked::Accept };
    let Some(base) = rules.built_in(at.hook) else { return Walked::Accept };
    state.prepare(rules);
    let names = (
        at.in_dev.map_or("", |dev| around.dev_name(dev)),
        at.out_dev.map_or("", |dev| around.dev_name(dev)),
    );
    let frame = (base, 0);
    let mut it = Walk { table, chain: base, next: 0, stack: [frame; JUMP_STACK], depth: 0 };
    loop {
        let seen = Seen::new(skb, at, names);
        let mut env = Env {
            now: ctx.now,
            rng: ctx.rng,
            around,
            conntrack,
            sets,
            recents,
            memories: &mut state.memories,
            set_of: &state.sets,
            recent_of: &state.recents,
        };
        let every_rule = T::ON && (skb.nf_trace || ctx.trace.every_rule());
        let found = it.next_match(rules, &seen, &mut env, |rule, unmet, saw| {
            if every_rule {
                let event = Event::RuleSkipped { ns: at.ns, rule, unmet, saw };
                ctx.trace.event(ctx.now, Some(seen.skb.id), event);
            }
        });
        let Some((index, met)) = found else {
            let Some(policy) = it.leave(rules, at.hook) else {
                ctx.event(skb.id, Event::ChainReturn { ns: at.ns, table, to: it.chain });
                continue;
            };
            state.policies[at.hook as usize].count(seen.len);
            if policy == Policy::Drop || every_rule || !rules.rules(base).is_empty() {
                let accept = policy == Policy::Accept;
                let event = Event::ChainPolicy { ns: at.ns, table, hook: at.hook, accept };
                ctx.event(skb.id, event);
            }
            return match policy {
                Policy::Accept => Walked::Accept,
                Policy::Drop => Walked::Drop { reject: None },
            };
        };
        let rule = RuleRef { table, chain: it.chain, index };
        if !met {
            ctx.event(skb.id, Event::RuleHotDrop { ns: at.ns, rule });
            return Walked::Drop { reject: None };
        }
        state.counters[rules.first(it.chain) + index as usize].count(seen.len);
        ctx.event(skb.id, Event::RuleMatched { ns: at.ns, rule });
        match &rules.rules(it.chain)[index as usize].target {
            Target::None | Target::Log(_) => {}
            Target::Accept => return Walked::Accept,
            Target::Drop => return Walked::Drop { reject: None },
            Target::Return => it.next = u32::MAX,
            Target::Jump(to) => it.jump(*to),
            Target::Goto(to) => (it.chain, it.next) = (*to, 0),
            Target::Reject(with) => return Walked::Drop { reject: Some(*with) },
            Target::Trace => skb.nf_trace = true,
            Target::Mark(mark) => set_mark(ctx, at, skb, Mark(mark.applied_to(skb.mark.0))),
            Target::Connmark(target) => {
                if let Ct::Tracked { entry, .. } = skb.ct
                    && let Some(entry) = conntrack.get_mut(entry)
                {
                    let (mark, ct_mark) = target.applied_to(skb.mark.0, entry.mark().0);
                    entry.set_mark(Mark(ct_mark));
                    set_mark(ctx, at, skb, Mark(mark));
                }
            }
            // What a packet on lo was made into in OUTPUT, it stays.
            Target::Ct(_) if skb.ct != Ct::None => {}
            Target::Ct(target) => skb.ct = target.ct(),
            Target::Tcpmss(target) => {
                let mtu_bytes = if target.clamps() { around.path_mtu(skb) } else { 0 };
                let fragment = seen.fragment_offset != 0;
                if !fragment && target.apply(&mut skb.frame, eth::LEN, mtu_bytes).is_err() {
                    return Walked::Drop { reject: None };
                }
            }
            Target::Nat(target) => {
                let Nat { kind, range } = &**target;
                let done = match kind {
                    NatKind::Dnat => nat::setup(ctx, conntrack, at, skb, range, Side::Destination),
                    NatKind::Snat => nat::setup(ctx, conntrack, at, skb, range, Side::Source),
                    NatKind::Masquerade => nat::masquerade(ctx, conntrack, around, at, skb, range),
                    NatKind::Redirect => nat::redirect(ctx, conntrack, around, at, skb, range),
                };
                return translated(done);
            }
            Target::Netmap(target) => {
                return translated(nat::netmap(ctx, conntrack, at, skb, &target.range()));
            }
        }
    }
}

/// What a translation's end means for the packet.
fn translated(done: Result<(), DropReason>) -> Walked {
    match done {
        Ok(()) => Walked::Accept,
        Err(_) => Walked::Drop { reject: None },
    }
}

/// Changes a packet's mark, with an event if it is another one.
fn set_mark<T: Tracer>(ctx: &mut Ctx<'_, T>, at: At, skb: &mut Skb, mark: Mark) {
    if skb.mark != mark {
        ctx.event(skb.id, Event::MarkSet { ns: at.ns, from: skb.mark, to: mark });
        skb.mark = mark;
    }
}

impl Walk {
    /// The next rule of this chain that the packet meets, or with `false` one that drops it for being malformed; None at
    /// the chain's end. `skipped` hears of those in between.
    #[inline]
    fn next_match(
        &mut self,
        rules: &Ruleset,
        seen: &Seen<'_>,
        env: &mut Env<'_>,
        mut skipped: impl FnMut(RuleRef, Unmet, u32),
    ) -> Option<(u32, bool)> {
        let chain = rules.rules(self.chain);
        'rules: while let Some(rule) = chain.get(self.next as usize) {
            let index = self.next;
            self.next += 1;
            let place = RuleRef { table: self.table, chain: self.chain, index };
            if let Some((unmet, saw)) = rule.head.unmet(seen) {
                skipped(place, unmet, saw);
                continue;
            }
            for (number, it) in rule.matches.iter().enumerate() {
                match it.judge(seen, env) {
                    Found::Met => {}
                    Found::HotDrop => return Some((index, false)),
                    Found::Unmet(saw) => {
                        let number = u8::try_from(number).unwrap_or(u8::MAX);
                        skipped(place, Unmet::Match(number), saw);
                        continue 'rules;
                    }
                }
            }
            return Some((index, true));
        }
        None
    }

    /// Goes into a chain, and remembers to come back. How deep that goes was checked when the rules were read.
    fn jump(&mut self, to: ChainId) {
        if let Some(frame) = self.stack.get_mut(self.depth) {
            *frame = (self.chain, self.next);
            self.depth += 1;
        }
        (self.chain, self.next) = (to, 0);
    }

    /// Goes back to where the chain was called from, or, from the built-in chain, to its policy.
    fn leave(&mut self, rules: &Ruleset, hook: Hook) -> Option<Policy> {
        match self.depth.checked_sub(1) {
            Some(depth) => {
                (self.chain, self.next) = self.stack[depth];
                self.depth = depth;
                None
            }
            None => {
                let base = rules.built_in(hook);
                Some(base.and_then(|base| rules.policy(base)).unwrap_or(Policy::Accept))
            }
        }
    }
}
