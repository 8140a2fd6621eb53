//! Netfilter of one namespace: what the five hooks of the IP path do with a packet, in the kernel's order of priorities.
//! Read `net/netfilter/core.c`, `include/uapi/linux/netfilter_ipv4.h` and `net/ipv4/netfilter/` first.
//!
//! ```text
//! PREROUTING   defrag -400 · raw -300 · conntrack -200 · mangle -150 · nat (destination) -100
//! INPUT        mangle -150 · filter 0 · security 50 · nat (source) 100 · confirm
//! FORWARD      mangle -150 · filter 0 · security 50
//! OUTPUT       defrag -400 · raw -300 · conntrack -200 · mangle -150 · nat (destination) -100 · filter 0 · security 50
//! POSTROUTING  mangle -150 · nat (source) 100 · confirm
//! ```
//!
//! It evaluates: it rewrites the packet it is given and answers with a verdict. It never sends, never routes; what a
//! rule must know of the namespace around it, it asks through [`Around`]. Not here: native nftables, IPv6.

#[cfg(test)]
pub(crate) mod bench;
pub mod conntrack;
pub mod defrag;
pub mod ipset;
pub mod matches;
pub mod nat;
pub mod rule;
pub mod table;
pub mod targets;

mod evaluate;
mod parse;
mod print;
mod words;

use std::net::Ipv4Addr;

use crate::base::{DevId, Hook, Nanos, NsId, SocketId, Status, Table};
use crate::skb::{Ct, Dst, Mark, Skb};
use crate::trace::{Ctx, DropReason, Gathers, Tracer};
use crate::wire::ipv4::Header;

use conntrack::Conntrack;
pub use words::{Mistake, RuleError};

use defrag::Place;
use evaluate::Walked;
use ipset::Sets;
use matches::Recents;
use table::Tables;

/// All netfilter state of a namespace. A namespace without any rule, set or connection has none.
#[derive(Clone, Debug, Default)]
pub struct Netfilter {
    pub tables: Tables,
    /// Tables that others took the place of, and when: what a trace says of them is told by these.
    pub former: Vec<(Nanos, Tables)>,
    pub sets: Sets,
    pub recents: Recents,
    pub conntrack: Conntrack,
    /// Packets that wait for pieces before they can be tracked.
    pub defrag: defrag::Reassembly,
}

/// Where a packet is when it meets a hook (`struct nf_hook_state`).
#[derive(Clone, Copy, Debug)]
pub struct At {
    pub ns: NsId,
    pub hook: Hook,
    /// The device it came in by (`-i`), for a bridged packet the bridge.
    pub in_dev: Option<DevId>,
    /// The device it will leave by (`-o`).
    pub out_dev: Option<DevId>,
}

/// What becomes of a packet at a hook.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It goes on, perhaps changed; after OUTPUT perhaps with another [`Skb::dst`].
    Accept(Skb),
    /// It ends here. With `reject` the caller tells the sender first.
    Drop { skb: Skb, reason: DropReason, reject: Option<Reject> },
    /// A fragment that waits for the rest of its packet.
    Stolen,
}

/// What REJECT answers with (`enum ipt_reject_with`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reject {
    NetUnreachable,
    HostUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    NetProhibited,
    HostProhibited,
    AdminProhibited,
    TcpReset,
}

/// How an address relates to this host, as far as rules may ask (`RTN_*`, `-m addrtype`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AddrType {
    Unspec,
    Unicast,
    Local,
    Broadcast,
    Anycast,
    Multicast,
    Blackhole,
    Unreachable,
    Prohibit,
    Throw,
    Nat,
    Xresolve,
}

/// What the rules of a namespace may ask of the rest of it. The stack implements it.
pub trait Around {
    /// A device's name, for `-i` and `-o`.
    fn dev_name(&self, dev: DevId) -> &str;
    /// The type of an address in the namespace's tables; with `dev`, only that device's own addresses are local
    /// (`inet_addr_type`, `inet_dev_addr_type`).
    fn addr_type(&self, addr: Ipv4Addr, dev: Option<DevId>) -> AddrType;
    /// Whether a reply to this packet would leave by the device it came in by; `loose`: by any device
    /// (`rpfilter_lookup_reverse`). With `accept_local`, a local source is fine.
    fn reverse_path_ok(&self, question: ReversePath) -> bool;
    /// The route of a packet of this host's own after a rule changed its addresses or its mark (`ip_route_me_harder`).
    fn reroute(&self, skb: &Skb) -> Option<Dst>;
    /// The address MASQUERADE takes for a packet that leaves by this device, toward its next hop (`inet_select_addr`).
    fn masquerade_addr(&self, out_dev: DevId, next_hop: Ipv4Addr) -> Option<Ipv4Addr>;
    /// The first address of a device, which REDIRECT sends to (`nf_nat_redirect_ipv4`).
    fn first_addr(&self, dev: DevId) -> Option<Ipv4Addr>;
    /// The smaller MTU in bytes of a packet's route and of the route back to its sender (`tcpmss_reverse_mtu`).
    fn path_mtu(&self, skb: &Skb) -> u32;
    /// The settings of reassembly.
    fn fragment_limits(&self) -> defrag::Limits;
    /// User and group of a program's socket, for `-m owner`.
    fn owner(&self, socket: SocketId) -> Option<(u32, u32)>;
}

/// A question of `-m rpfilter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReversePath {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub tos: u8,
    /// Zero unless the rule says `--validmark`.
    pub mark: Mark,
    pub in_dev: DevId,
    pub loose: bool,
    pub accept_local: bool,
}

impl Netfilter {
    /// Puts rules in, and switches on what they need of the kernel.
    pub fn set_tables(&mut self, tables: Tables) {
        self.conntrack.set_on(tables.needs_conntrack());
        self.conntrack.set_nat_on(tables.needs_nat());
        self.tables = tables;
    }

    /// Puts rules in place of those that are there, which are kept for what a trace says of them.
    pub fn replace_tables(&mut self, tables: Tables, now: Nanos) {
        self.former.push((now, std::mem::take(&mut self.tables)));
        self.set_tables(tables);
    }

    /// The rules that there were at a time; at the moment of a change, those from then on.
    pub fn tables_at(&self, at: Nanos) -> &Tables {
        let former = self.former.iter().find(|(until, _)| at < *until);
        former.map_or(&self.tables, |(_, tables)| tables)
    }

    /// `nf_hook_slow`: everything that hangs at one hook, until one of them ends the packet's way.
    pub fn hook<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        around: &dyn Around,
        at: At,
        mut skb: Skb,
    ) -> Verdict {
        let begins = matches!(at.hook, Hook::PreRouting | Hook::LocalOut);
        if begins && self.conntrack.is_on() && is_fragment(&skb) {
            match self.gather(ctx, around, at, skb) {
                Some(whole) => skb = whole,
                None => return Verdict::Stolen,
            }
        }
        match self.run(ctx, around, at, &mut skb) {
            Ok(()) => Verdict::Accept(skb),
            Err(Stop { reason, reject }) => Verdict::Drop { skb, reason, reject },
        }
    }

    /// A packet's connection enters the table if it is not there yet.
    pub(crate) fn confirm_new<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), DropReason> {
        let Ct::Tracked { entry, .. } = skb.ct else { return Ok(()) };
        let entry = self.conntrack.get(entry);
        let is_new = entry.is_some_and(|it| !it.status().has(Status::CONFIRMED));
        if is_new { self.conntrack.confirm(ctx, at, skb) } else { Ok(()) }
    }

    /// `ipv4_conntrack_defrag`: tracking sees whole packets.
    #[inline(never)]
    fn gather<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        around: &dyn Around,
        at: At,
        skb: Skb,
    ) -> Option<Skb> {
        let by = match at.hook {
            Hook::LocalOut => Gathers::ConntrackOut,
            _ if skb.bridge.is_some() => Gathers::BridgeIn,
            _ => Gathers::ConntrackIn,
        };
        let (Ct::None | Ct::Template(_)) = skb.ct else { return Some(skb) };
        let (Some(dev), Ok(header)) = (at.in_dev.or(at.out_dev), Header::parse(skb.payload()))
        else {
            return Some(skb);
        };
        let place = Place { ns: at.ns, dev, by, limits: around.fragment_limits() };
        self.defrag.gather(ctx, place, &header, skb)
    }

    fn run<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        around: &dyn Around,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), Stop> {
        match at.hook {
            Hook::PreRouting => {
                self.walk(ctx, around, at, Table::Raw, skb)?;
                self.track(ctx, at, skb)?;
                self.walk(ctx, around, at, Table::Mangle, skb)?;
                self.translate(ctx, around, at, skb)
            }
            Hook::LocalIn => {
                self.walk(ctx, around, at, Table::Mangle, skb)?;
                self.walk(ctx, around, at, Table::Filter, skb)?;
                self.walk(ctx, around, at, Table::Security, skb)?;
                self.translate(ctx, around, at, skb)?;
                self.confirm(ctx, at, skb)
            }
            Hook::Forward => {
                self.walk(ctx, around, at, Table::Mangle, skb)?;
                self.walk(ctx, around, at, Table::Filter, skb)?;
                self.walk(ctx, around, at, Table::Security, skb)
            }
            Hook::LocalOut => {
                self.walk(ctx, around, at, Table::Raw, skb)?;
                self.track(ctx, at, skb)?;
                let before = RoutedBy::of(skb);
                self.walk(ctx, around, at, Table::Mangle, skb)?;
                if RoutedBy::of(skb) != before {
                    reroute(around, skb)?;
                }
                let at = At { out_dev: skb.dst.map(|dst| dst.dev), ..at };
                self.translate(ctx, around, at, skb)?;
                if self.conntrack.nat_is_on() && nat::moves_destination(&self.conntrack, skb) {
                    reroute(around, skb)?;
                }
                let at = At { out_dev: skb.dst.map(|dst| dst.dev), ..at };
                self.walk(ctx, around, at, Table::Filter, skb)?;
                self.walk(ctx, around, at, Table::Security, skb)
            }
            Hook::PostRouting => {
                self.walk(ctx, around, at, Table::Mangle, skb)?;
                self.translate(ctx, around, at, skb)?;
                self.confirm(ctx, at, skb)
            }
        }
    }

    fn walk<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        around: &dyn Around,
        at: At,
        table: Table,
        skb: &mut Skb,
    ) -> Result<(), Stop> {
        match evaluate::walk(ctx, self, around, at, table, skb) {
            Walked::Accept => Ok(()),
            Walked::Drop { reject } => Err(Stop { reason: DropReason::NetfilterDrop, reject }),
        }
    }

    /// `nf_conntrack_in`.
    fn track<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), Stop> {
        if !self.conntrack.is_on() {
            return Ok(());
        }
        self.conntrack.packet_in(ctx, at, skb).map_err(Stop::from)
    }

    /// `nf_nat_inet_fn`: the nat table for the first packet of a connection, the connection's mapping for all.
    fn translate<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        around: &dyn Around,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), Stop> {
        if !self.conntrack.nat_is_on() {
            return Ok(());
        }
        let side = nat::side_of(at.hook);
        if nat::wants_rules(&self.conntrack, skb, side) {
            self.walk(ctx, around, at, Table::Nat, skb)?;
            nat::bind_null(ctx, &mut self.conntrack, at, skb, side).map_err(Stop::from)?;
        }
        nat::rewrite(ctx, &mut self.conntrack, at, skb, side).map_err(Stop::from)
    }

    /// `nf_conntrack_confirm`: the connection enters the table when its first packet gets through.
    fn confirm<T: Tracer>(
        &mut self,
        ctx: &mut Ctx<'_, T>,
        at: At,
        skb: &mut Skb,
    ) -> Result<(), Stop> {
        if !self.conntrack.is_on() {
            return Ok(());
        }
        self.conntrack.confirm(ctx, at, skb).map_err(Stop::from)
    }
}

/// Whether a packet is a piece of one, by its header alone (`ip_is_fragment`).
#[inline]
fn is_fragment(skb: &Skb) -> bool {
    const OFFSET_OR_MORE: u8 = 0x3f;
    matches!(skb.payload().get(6..8), Some(&[high, low]) if high & OFFSET_OR_MORE != 0 || low != 0)
}

/// Why a hook ends a packet's way.
struct Stop {
    reason: DropReason,
    reject: Option<Reject>,
}

impl From<DropReason> for Stop {
    fn from(reason: DropReason) -> Self {
        Self { reason, reject: None }
    }
}

/// What a packet's route depends on; if a rule of mangle OUTPUT changes it, the packet is routed anew
/// (`ipt_mangle_out`).
#[derive(PartialEq, Eq)]
struct RoutedBy {
    src: [u8; 4],
    dst: [u8; 4],
    tos: u8,
    mark: Mark,
}

impl RoutedBy {
    fn of(skb: &Skb) -> Self {
        let ip = skb.payload();
        let addr = |at: usize| ip.get(at..at + 4).and_then(|a| a.try_into().ok()).unwrap_or([0; 4]);
        Self { src: addr(12), dst: addr(16), tos: ip.get(1).copied().unwrap_or(0), mark: skb.mark }
    }
}

fn reroute(around: &dyn Around, skb: &mut Skb) -> Result<(), Stop> {
    skb.dst = Some(around.reroute(skb).ok_or(DropReason::NetfilterDrop)?);
    Ok(())
}

#[cfg(test)]
mod tests;
