//! The neighbour table: who has which hardware address, and how sure that is. Read net/core/neighbour.c first.
//!
//! Every change of state is an event. Not modelled: garbage collection, proxy entries.

use std::net::Ipv4Addr;

use super::route::Routing;
use super::{Netns, arp, icmp, is_loopback};
use crate::base::{DevId, FxIndexMap, Mac, Nanos, PacketId, limits};
use crate::link::Devices;
use crate::netfilter::AddrType;
use crate::skb::Skb;
use crate::trace::{Ctx, DropReason, Event, NeighCause, Next, Nud, Tracer};
use crate::wire::{eth, icmp::Error};

/// `base_reachable_time`; an entry stays reachable for a random half to three halves of it.
const BASE_REACHABLE: Nanos = Nanos::from_secs(30);
/// `delay_first_probe_time`.
const DELAY_FIRST_PROBE: Nanos = Nanos::from_secs(5);
/// How late the kernel's timer for such a time is on average: it is kept in a wheel whose slots are a quarter second.
const TIMER_LATE: Nanos = Nanos::from_millis(128);
/// `retrans_time_ms`.
const RETRANS: Nanos = Nanos::from_secs(1);
/// A timer that is set anew when it fires takes so long at least (`HZ / 100` in `neigh_timer_handler`).
const SHORTEST: Nanos = Nanos::from_millis(10);
/// `mcast_solicit` and `ucast_solicit`.
const PROBES: u8 = 3;
/// `locktime`: an entry changed less than this ago keeps its address against unsolicited news.
const LOCKTIME: Nanos = Nanos::from_secs(1);
/// What a queued packet counts for, `skb->truesize` of a small one.
const TRUESIZE: usize = 768;

/// A neighbour: fields as in `struct neighbour`.
#[derive(Clone, Debug)]
pub struct Neighbour {
    pub state: Nud,
    /// Right in the states after [`Nud::Incomplete`] but [`Nud::Failed`].
    pub mac: Mac,
    /// None: long ago.
    updated: Option<Nanos>,
    confirmed: Nanos,
    used: Nanos,
    probes: u8,
    /// Tells a timer that is out of date from the one that counts.
    generation: u32,
    queue: Vec<Skb>,
    /// A packet was sent by it, so that its hardware header is kept (`neigh->hh`).
    header_cached: bool,
}

impl Neighbour {
    fn new(state: Nud, mac: Mac, now: Nanos) -> Self {
        Self {
            state,
            mac,
            updated: Some(now),
            confirmed: now,
            used: now,
            probes: 0,
            generation: 0,
            queue: Vec::new(),
            header_cached: false,
        }
    }

    /// `NUD_VALID`: the hardware address may be used.
    pub const fn is_valid(&self) -> bool {
        match self.state {
            Nud::Reachable | Nud::Stale | Nud::Delay | Nud::Probe | Nud::Noarp | Nud::Permanent => {
                true
            }
            Nud::None | Nud::Incomplete | Nud::Failed => false,
        }
    }

    /// `NUD_CONNECTED`: used without asking.
    const fn is_connected(&self) -> bool {
        matches!(self.state, Nud::Reachable | Nud::Noarp | Nud::Permanent)
    }

    /// Packets that wait for the address.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

/// A namespace's neighbours, by device and address.
#[derive(Clone, Debug, Default)]
pub struct NeighTable {
    entries: FxIndexMap<(DevId, Ipv4Addr), Neighbour>,
    /// The span an entry stays reachable, drawn once as the kernel does per device and then every five minutes.
    reachable_time: Option<Nanos>,
}

impl NeighTable {
    /// Sets an entry as `ip neigh replace` does, and takes it to have been there for a while. Returns after what time its
    /// timer is due, in a state that has one.
    pub(crate) fn set(
        &mut self,
        dev: DevId,
        ip: Ipv4Addr,
        mac: Mac,
        state: Nud,
        now: Nanos,
    ) -> Option<Nanos> {
        let mut entry = Neighbour { updated: None, ..Neighbour::new(state, mac, now) };
        let due = match state {
            Nud::Reachable => Some(Nanos(BASE_REACHABLE.0 / 2)), // the shortest; the timer draws the real one
            Nud::Delay => Some(DELAY_FIRST_PROBE),
            Nud::Probe => Some(RETRANS),
            Nud::Incomplete => {
                entry.probes = PROBES; // counted past the unicast ones, as in __neigh_event_send
                Some(RETRANS)
            }
            Nud::None | Nud::Stale | Nud::Failed | Nud::Noarp | Nud::Permanent => None,
        };
        entry.header_cached = entry.is_valid();
        self.entries.insert((dev, ip), entry);
        due
    }

    /// Forgets everybody on a device, which is going away (`neigh_ifdown`).
    pub(crate) fn forget(&mut self, gone: DevId) {
        self.entries.retain(|(dev, _), _| *dev != gone);
    }

    /// The entry for an address on a device.
    pub fn get(&self, dev: DevId, ip: Ipv4Addr) -> Option<&Neighbour> {
        self.entries.get(&(dev, ip))
    }

    /// The address in a kept hardware header, as long as the entry is connected (`br_nf_pre_routing_finish_bridge`).
    pub(super) fn cached_header(&self, dev: DevId, ip: Ipv4Addr) -> Option<Mac> {
        self.get(dev, ip).filter(|it| it.header_cached && it.is_connected()).map(|entry| entry.mac)
    }

    /// Whether a packet still waits for some neighbour's address.
    pub(super) fn holds(&self, packet: PacketId) -> bool {
        self.entries.values().any(|entry| entry.queue.iter().any(|skb| skb.id == packet))
    }

    /// All entries in the order they were made.
    pub fn iter(&self) -> impl Iterator<Item = ((DevId, Ipv4Addr), &Neighbour)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }
}

/// A new entry (`arp_constructor`): nobody needs to be asked for the hardware address of a group, of everybody, or of `lo`.
fn constructed(routing: Routing<'_>, dev: DevId, ip: Ipv4Addr) -> Neighbour {
    let mac = if ip.is_multicast() {
        let [_, b, c, d] = ip.octets();
        Some(Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d]))
    } else if is_loopback(&routing.devices[dev]) {
        Some(routing.devices[dev].mac)
    } else if routing.addr_type(ip, None) == AddrType::Broadcast {
        Some(Mac::BROADCAST)
    } else {
        None
    };
    let state = if mac.is_some() { Nud::Noarp } else { Nud::None };
    Neighbour::new(state, mac.unwrap_or(Mac::ZERO), routing.now)
}

/// Sends a packet to its next hop: at once if its address is known, else it waits (`neigh_resolve_output`).
#[inline]
pub fn output<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (dev, next_hop): (DevId, Ipv4Addr),
    skb: Skb,
) {
    let now = ctx.now;
    let index = match ns.neigh.entries.get_index_of(&(dev, next_hop)) {
        Some(index) => index,
        None => {
            let new = constructed(Routing { ns, devices, now }, dev, next_hop);
            ns.neigh.entries.insert_full((dev, next_hop), new).0
        }
    };
    let entry = &mut ns.neigh.entries[index];
    if skb.confirms_neigh {
        entry.confirmed = now; // sock_confirm_neigh
    }
    if entry.is_connected() {
        entry.header_cached = true;
        return transmit(ctx, devices, dev, next_hop, (entry.mac, entry.state), skb);
    }
    entry.used = now;
    match entry.state {
        Nud::Stale => {
            entry.updated = Some(now);
            change(ctx, entry, (dev, next_hop), &skb, Nud::Delay, NeighCause::UsedWhileStale);
            start_timer(ctx, entry, (dev, next_hop), DELAY_FIRST_PROBE);
        }
        Nud::None | Nud::Failed => {
            entry.probes = PROBES; // counted past the unicast ones, as in __neigh_event_send
            entry.updated = Some(now);
            change(ctx, entry, (dev, next_hop), &skb, Nud::Incomplete, NeighCause::Needed);
            start_timer(ctx, entry, (dev, next_hop), RETRANS);
            enqueue(ctx, entry, (dev, next_hop), skb);
            return probe(ctx, ns, devices, (dev, next_hop));
        }
        Nud::Incomplete => return enqueue(ctx, entry, (dev, next_hop), skb),
        Nud::Delay | Nud::Probe | Nud::Reachable | Nud::Noarp | Nud::Permanent => {}
    }
    entry.header_cached = true;
    let known = (entry.mac, entry.state);
    transmit(ctx, devices, dev, next_hop, known, skb);
}

/// Asks for an address that no packet waits for, unless it is known or asked for already (`neigh_event_send`). `skb` is
/// what made it of interest.
pub(super) fn ask<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    key: (DevId, Ipv4Addr),
    skb: &Skb,
) {
    let now = ctx.now;
    let new = constructed(Routing { ns, devices, now }, key.0, key.1);
    let entry = ns.neigh.entries.entry(key).or_insert(new);
    if matches!(entry.state, Nud::None | Nud::Failed) {
        entry.probes = PROBES; // counted past the unicast ones, as in __neigh_event_send
        (entry.used, entry.updated) = (now, Some(now));
        change(ctx, entry, key, skb, Nud::Incomplete, NeighCause::Needed);
        start_timer(ctx, entry, key, RETRANS);
        probe(ctx, ns, devices, key);
    }
}

#[inline]
fn transmit<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    devices: &Devices,
    dev: DevId,
    next_hop: Ipv4Addr,
    (mac, state): (Mac, Nud),
    mut skb: Skb,
) {
    ctx.event(skb.id, Event::NeighHit { dev, next_hop, mac, state });
    // A bridged packet has the device's own address as its source for a moment only, and even a packet socket, whose
    // copy shares the bytes, shows the one that br_nf_pre_routing_finish_bridge_slow puts back.
    let src = skb.bridge.and_then(|it| it.bridged_dnat).unwrap_or(devices[dev].mac);
    eth::set_addresses(&mut skb.frame, mac, src);
    ctx.out.push(Next::Transmit(dev, skb));
}

fn enqueue<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    entry: &mut Neighbour,
    (dev, next_hop): (DevId, Ipv4Addr),
    skb: Skb,
) {
    if T::ON {
        let frame = ctx.trace.frame(&skb.frame);
        ctx.event(skb.id, Event::NeighWait { dev, next_hop, frame });
    }
    while (entry.queue.len() + 1) * TRUESIZE > limits::NEIGH_QUEUE_BYTES {
        let oldest = entry.queue.remove(0);
        ctx.drop(dev, oldest, DropReason::NeighQueueFull);
    }
    entry.queue.push(skb);
}

/// What an ARP packet says about its sender (`neigh_update`).
#[derive(Clone, Copy, Debug)]
pub struct News {
    pub mac: Mac,
    pub state: Nud,
    /// `NEIGH_UPDATE_F_OVERRIDE`: replaces a known address even if it was changed lately.
    pub override_lock: bool,
    pub cause: NeighCause,
    /// Make an entry if there is none.
    pub create: bool,
}

/// Takes news about a neighbour; a resolved one gets the packets that waited for it.
pub fn update<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    key: (DevId, Ipv4Addr),
    news: News,
    skb: &Skb,
) {
    let now = ctx.now;
    if !ns.neigh.entries.contains_key(&key) {
        if !news.create {
            return;
        }
        ns.neigh.entries.insert(key, Neighbour::new(Nud::None, Mac::ZERO, now));
    }
    let reachable_time = reachable_time(ctx, &mut ns.neigh);
    let Some(entry) = ns.neigh.entries.get_mut(&key) else { return };
    if matches!(entry.state, Nud::Noarp | Nud::Permanent) {
        return;
    }
    let was_valid = entry.is_valid();
    let same_mac = was_valid && entry.mac == news.mac;
    if news.state == Nud::Reachable {
        entry.confirmed = now;
    }
    if was_valid
        && !same_mac
        && !news.override_lock
        && entry.updated.is_some_and(|at| now < at + LOCKTIME)
    {
        return ctx.event(skb.id, Event::NeighLocked { dev: key.0, ip: key.1 });
    }
    let state = if same_mac && news.state == Nud::Stale { entry.state } else { news.state };
    if state != entry.state || !same_mac {
        entry.updated = Some(now);
    }
    if !same_mac {
        entry.mac = news.mac;
        if state != Nud::Reachable {
            entry.confirmed = Nanos(now.0.saturating_sub(2 * BASE_REACHABLE.0));
        }
    }
    if state != entry.state || !same_mac {
        change(ctx, entry, key, skb, state, news.cause);
        match state {
            Nud::Reachable => start_timer(ctx, entry, key, reachable_time),
            _ => entry.generation += 1,
        }
    }
    if !was_valid {
        for waiting in std::mem::take(&mut entry.queue) {
            ctx.event(waiting.id, Event::NeighRelease { dev: key.0, next_hop: key.1 });
            output(ctx, ns, devices, key, waiting);
        }
    }
}

/// The entry's timer fires (`neigh_timer_handler`).
pub fn timer<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    key: (DevId, Ipv4Addr),
    generation: u32,
) {
    let now = ctx.now;
    let reachable_time = reachable_time(ctx, &mut ns.neigh);
    let Some(entry) = ns.neigh.entries.get_mut(&key).filter(|e| e.generation == generation) else {
        return;
    };
    match entry.state {
        Nud::Reachable => {
            if now < entry.confirmed + reachable_time {
                let left = (entry.confirmed + reachable_time).since(now).max(SHORTEST);
                start_timer(ctx, entry, key, left);
            } else if now <= entry.used + DELAY_FIRST_PROBE {
                entry.updated = Some(now);
                change_by_timer(ctx, entry, key, Nud::Delay);
                start_timer(ctx, entry, key, DELAY_FIRST_PROBE);
            } else {
                entry.updated = Some(now);
                change_by_timer(ctx, entry, key, Nud::Stale);
            }
        }
        Nud::Delay => {
            entry.updated = Some(now);
            if now + TIMER_LATE <= entry.confirmed + DELAY_FIRST_PROBE {
                change_by_timer(ctx, entry, key, Nud::Reachable);
                let left = (entry.confirmed + reachable_time).since(now).max(SHORTEST);
                start_timer(ctx, entry, key, left);
            } else {
                entry.probes = 0;
                change_by_timer(ctx, entry, key, Nud::Probe);
                start_timer(ctx, entry, key, RETRANS);
                probe(ctx, ns, devices, key);
            }
        }
        Nud::Incomplete | Nud::Probe => {
            let limit = if entry.state == Nud::Incomplete { 2 * PROBES } else { PROBES };
            if entry.probes >= limit {
                fail(ctx, ns, devices, key);
            } else {
                start_timer(ctx, entry, key, RETRANS);
                probe(ctx, ns, devices, key);
            }
        }
        Nud::None | Nud::Stale | Nud::Failed | Nud::Noarp | Nud::Permanent => {}
    }
}

/// `neigh_invalidate`: everything that waited is lost, and whoever sent it hears so.
fn fail<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    key: (DevId, Ipv4Addr),
) {
    let now = ctx.now;
    let Some(entry) = ns.neigh.entries.get_mut(&key) else { return };
    let from = entry.state;
    entry.state = Nud::Failed;
    entry.updated = Some(now);
    entry.generation += 1;
    let waiting = std::mem::take(&mut entry.queue);
    let (dev, ip) = key;
    let changed = Event::NeighChange {
        dev,
        ip,
        from,
        to: Nud::Failed,
        mac: None,
        cause: NeighCause::ProbesExhausted,
    };
    match waiting.first() {
        Some(first) => ctx.event(first.id, changed),
        None => ctx.event(None, changed),
    }
    for skb in waiting {
        icmp::send_error(ctx, ns, devices, Error::HostUnreachable, &skb);
        ctx.drop(key.0, skb, DropReason::NeighFailed);
    }
}

/// `neigh_probe`, `arp_solicit`: asks for the address; the first packet in the queue lends its source.
fn probe<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    (dev, ip): (DevId, Ipv4Addr),
) {
    let Some(entry) = ns.neigh.entries.get_mut(&(dev, ip)) else { return };
    let unicast = entry.probes < PROBES && entry.is_valid();
    entry.probes += 1;
    let to = if unicast { entry.mac } else { Mac::BROADCAST };
    let asked_for = entry.queue.last().map(|skb| {
        let p = skb.payload();
        (skb.id, Ipv4Addr::new(p[12], p[13], p[14], p[15]))
    });
    arp::solicit(ctx, ns, devices, (dev, ip), to, asked_for);
}

fn reachable_time<T>(ctx: &mut Ctx<'_, T>, table: &mut NeighTable) -> Nanos {
    *table.reachable_time.get_or_insert_with(|| {
        let half = u32::try_from(BASE_REACHABLE.0 / 2_000_000).expect("15,000 ms");
        Nanos::from_millis(u64::from(half + ctx.rng.below(2 * half)))
    })
}

fn change<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    entry: &mut Neighbour,
    (dev, ip): (DevId, Ipv4Addr),
    skb: &Skb,
    to: Nud,
    cause: NeighCause,
) {
    let from = std::mem::replace(&mut entry.state, to);
    let mac = entry.is_valid().then_some(entry.mac);
    ctx.event(skb.id, Event::NeighChange { dev, ip, from, to, mac, cause });
}

fn change_by_timer<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    entry: &mut Neighbour,
    (dev, ip): (DevId, Ipv4Addr),
    to: Nud,
) {
    let from = std::mem::replace(&mut entry.state, to);
    let mac = entry.is_valid().then_some(entry.mac);
    ctx.event(None, Event::NeighChange { dev, ip, from, to, mac, cause: NeighCause::Timer });
}

fn start_timer<T>(
    ctx: &mut Ctx<'_, T>,
    entry: &mut Neighbour,
    (dev, ip): (DevId, Ipv4Addr),
    after: Nanos,
) {
    entry.generation += 1;
    ctx.out.push(Next::NeighTimer { at: ctx.now + after, dev, ip, generation: entry.generation });
}
