//! Where connections are kept: slots, and by which tuples they are found. Read `nf_conntrack_hash` and `nf_nat_bysource`.
//!
//! A connection stands in the table under both of its tuples, each with its zone, from its confirmation to its death.
//! Before and after that only packets that belong to it hold it, by its id; it keeps its slot for a while, so that a
//! reset which ends a connection is still translated.

use std::collections::VecDeque;

use super::entry::Entry;
use crate::base::{CtId, Dir, Nanos, Status, Tuple, Zone};

/// No slot; the end of a list.
pub(super) const NO_SLOT: u32 = u32::MAX;

/// Connections outside of the table that are kept for the packets which belong to them: at most so many.
const LIMBO_MOST: usize = 1024;
/// And no longer than the longest wait of a packet, for its neighbour's address.
const LIMBO_LONGEST: Nanos = Nanos::from_secs(10);

#[derive(Clone, Debug)]
struct Slot {
    /// Zero if nothing is there.
    number: u32,
    /// Its latest record in [`Table::limbo`].
    record: u32,
    entry: Entry,
}

/// Since when a connection is outside of the table.
#[derive(Clone, Copy, Debug)]
struct Limbo {
    slot: u32,
    record: u32,
    since: Nanos,
}

/// All connections of a namespace.
#[derive(Clone, Debug, Default)]
pub(in crate::netfilter) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    last_number: u32,
    last_record: u32,
    /// What was made or ended, in that order.
    limbo: VecDeque<Limbo>,
    /// Slots and directions by tuple and zone.
    by_tuple: Index,
    /// The youngest of the connections whose source is bound, by original source.
    by_source: Index,
    confirmed: usize,
}

impl Table {
    /// How many connections are in the table.
    pub(in crate::netfilter) const fn len(&self) -> usize {
        self.confirmed
    }

    #[inline]
    pub(in crate::netfilter) fn get(&self, id: CtId) -> Option<&Entry> {
        self.slots.get(id.slot as usize).filter(|slot| slot.number == id.number).map(|it| &it.entry)
    }

    #[inline]
    pub(in crate::netfilter) fn get_mut(&mut self, id: CtId) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.number == id.number)?;
        Some(&mut slot.entry)
    }

    /// The connections in the table with their ids, by slot.
    pub(in crate::netfilter) fn iter(&self) -> impl Iterator<Item = (CtId, &Entry)> {
        self.slots.iter().enumerate().filter_map(|(slot, it)| {
            let id = CtId { slot: u32::try_from(slot).ok()?, number: it.number };
            let there = it.number != 0 && is_in_table(&it.entry);
            there.then_some((id, &it.entry))
        })
    }

    /// Takes in a connection that is not in the table yet.
    pub(in crate::netfilter) fn add(&mut self, entry: Entry, now: Nanos) -> CtId {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        let number = self.last_number;
        let new = Slot { number, record: 0, entry };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = new;
            slot
        } else {
            self.slots.push(new);
            u32::try_from(self.slots.len() - 1).expect("fewer connections than 2^32")
        };
        self.linger(slot, now);
        CtId { slot, number }
    }

    /// The connection a tuple belongs to, and in which direction (`nf_conntrack_find_get`).
    #[inline]
    pub(in crate::netfilter) fn find(&self, tuple: &Tuple, zone: Zone) -> Option<(CtId, Dir)> {
        let id = zone.id_of(Dir::Original);
        self.find_in(tuple, id, zone).or_else(|| {
            let reply_id = zone.id_of(Dir::Reply);
            if reply_id == id { None } else { self.find_in(tuple, reply_id, zone) }
        })
    }

    /// The connection that replies with this tuple (`nf_conntrack_tuple_taken`).
    pub(in crate::netfilter) fn find_taken(
        &self,
        tuple: &Tuple,
        zone: Zone,
    ) -> Option<(CtId, Dir)> {
        self.find_in(tuple, zone.id_of(Dir::Reply), zone)
    }

    #[inline]
    fn find_in(&self, tuple: &Tuple, zone_id: u16, zone: Zone) -> Option<(CtId, Dir)> {
        let hash = hash_of(tuple, zone_id);
        let place = self.by_tuple.find(hash, |value| {
            let (slot, dir) = split(value);
            let entry = &self.slots[slot as usize].entry;
            entry.tuples[dir as usize] == *tuple && entry.zone.id_of(dir) == zone.id_of(dir)
        })?;
        let (slot, dir) = split(self.by_tuple.cells[place]);
        Some((CtId { slot, number: self.slots[slot as usize].number }, dir))
    }

    /// Puts a connection into the table under both tuples, or under its reply alone (`__nf_conntrack_hash_insert`).
    pub(in crate::netfilter) fn insert(&mut self, id: CtId, only_reply: bool) {
        for dir in [Dir::Original, Dir::Reply] {
            if dir == Dir::Original && only_reply {
                continue;
            }
            let hash = hash_at(&self.slots, join(id.slot, dir));
            self.by_tuple.insert(hash, join(id.slot, dir), |value| hash_at(&self.slots, value));
        }
        self.confirmed += 1;
    }

    /// Takes a connection out of the table (`clean_from_lists`). One that has not timed out may have packets on their way;
    /// it keeps its slot for a while.
    pub(in crate::netfilter) fn remove(&mut self, id: CtId, now: Nanos) {
        for dir in [Dir::Original, Dir::Reply] {
            let value = join(id.slot, dir);
            let hash = hash_at(&self.slots, value);
            if let Some(place) = self.by_tuple.find(hash, |it| it == value) {
                self.by_tuple.remove(place, |value| hash_at(&self.slots, value));
            }
        }
        self.confirmed -= 1;
        if self.slots[id.slot as usize].entry.is_expired(now) {
            self.release(id.slot);
        } else {
            self.linger(id.slot, now);
        }
    }

    /// The unassured connections in the list where a tuple belongs, or in the first of the seven behind it that has any
    /// (`NF_CT_EVICTION_RANGE`), in a table of so many lists.
    pub(in crate::netfilter) fn near(&self, tuple: &Tuple, zone: Zone, n_lists: u32) -> Vec<CtId> {
        const RANGE: u64 = 8;
        let n_lists = u64::from(n_lists);
        let list = |hash: u32| (u64::from(hash) * n_lists) >> 32;
        let home = list(hash_of(tuple, zone.id_of(Dir::Original)));
        let distance = |entry: &Entry| {
            let of = |dir: Dir| {
                let hash = hash_of(&entry.tuples[dir as usize], entry.zone.id_of(dir));
                (n_lists + list(hash) - home) % n_lists
            };
            of(Dir::Original).min(of(Dir::Reply))
        };
        let mut nearest = RANGE;
        let mut found = Vec::new();
        for (id, entry) in self.iter().filter(|(_, it)| !it.status.has(Status::ASSURED)) {
            let away = distance(entry);
            if away < nearest {
                (nearest, found) = (away, Vec::new());
            }
            if away == nearest && away < RANGE {
                found.push(id);
            }
        }
        found
    }

    /// Keeps the slot of a connection outside of the table, and frees those that were kept long enough.
    fn linger(&mut self, slot: u32, since: Nanos) {
        self.last_record = self.last_record.wrapping_add(1);
        self.slots[slot as usize].record = self.last_record;
        self.limbo.push_back(Limbo { slot, record: self.last_record, since });
        while let Some(&oldest) = self.limbo.front()
            && (self.limbo.len() > LIMBO_MOST || since.since(oldest.since) > LIMBO_LONGEST)
        {
            self.limbo.pop_front();
            let it = &self.slots[oldest.slot as usize];
            if it.record == oldest.record && it.number != 0 && !is_in_table(&it.entry) {
                self.release(oldest.slot);
            }
        }
    }

    fn release(&mut self, slot: u32) {
        self.unlink_source(slot);
        self.slots[slot as usize].number = 0;
        self.free.push(slot);
    }

    /// Notes that a connection's source is bound, for [`Table::from_source`].
    pub(in crate::netfilter) fn link_source(&mut self, id: CtId) {
        let hash = source_hash_at(&self.slots, id.slot);
        let head = self.by_source.find(hash, |slot| same_source(&self.slots, slot, id.slot));
        let older = head.map_or(NO_SLOT, |place| self.by_source.cells[place]);
        match head {
            Some(place) => self.by_source.cells[place] = id.slot,
            None => self.by_source.insert(hash, id.slot, |slot| source_hash_at(&self.slots, slot)),
        }
        if older != NO_SLOT {
            self.slots[older as usize].entry.younger = id.slot;
        }
        let entry = &mut self.slots[id.slot as usize].entry;
        (entry.younger, entry.older) = (NO_SLOT, older);
    }

    fn unlink_source(&mut self, slot: u32) {
        let Entry { younger, older, status, .. } = self.slots[slot as usize].entry;
        if !status.has(Status::SRC_NAT_DONE) {
            return;
        }
        if older != NO_SLOT {
            self.slots[older as usize].entry.younger = younger;
        }
        if younger != NO_SLOT {
            self.slots[younger as usize].entry.older = older;
            return;
        }
        let hash = source_hash_at(&self.slots, slot);
        let Some(place) = self.by_source.find(hash, |it| it == slot) else { return };
        if older == NO_SLOT {
            self.by_source.remove(place, |slot| source_hash_at(&self.slots, slot));
        } else {
            self.by_source.cells[place] = older;
        }
    }

    /// The connections in the table with the source of `tuple` in this zone, youngest first (`nf_nat_bysource`).
    pub(in crate::netfilter) fn of_source(
        &self,
        tuple: &Tuple,
        zone: Zone,
    ) -> impl Iterator<Item = &Entry> {
        let hash = source_hash(tuple, zone);
        let head = self.by_source.find(hash, |slot| {
            let entry = &self.slots[slot as usize].entry;
            source_of(entry.tuples[0]) == source_of(*tuple) && entry.zone == zone
        });
        let mut next = head.map_or(NO_SLOT, |place| self.by_source.cells[place]);
        std::iter::from_fn(move || {
            let entry = &self.slots.get(next as usize)?.entry;
            next = entry.older;
            Some(entry)
        })
        .filter(|entry| is_in_table(entry))
    }
}

const fn is_in_table(entry: &Entry) -> bool {
    entry.status.has(Status::CONFIRMED) && !entry.status.has(Status::DYING)
}

const fn join(slot: u32, dir: Dir) -> u32 {
    slot << 1 | dir as u32
}

const fn split(value: u32) -> (u32, Dir) {
    (value >> 1, if value & 1 == 0 { Dir::Original } else { Dir::Reply })
}

/// `FxHash` of two words, with its good high bits folded down.
#[inline]
fn mix(a: u64, b: u64) -> u32 {
    const K: u64 = 0xf135_7aea_2e62_a9c5;
    let hash = a.wrapping_mul(K).wrapping_add(b).wrapping_mul(K);
    (hash >> 32) as u32
}

#[inline]
fn hash_of(tuple: &Tuple, zone_id: u16) -> u32 {
    let addrs = u64::from(u32::from(tuple.src)) << 32 | u64::from(u32::from(tuple.dst));
    let ports = u64::from(tuple.src_port) << 16 | u64::from(tuple.dst_port);
    // Ports last: a product carries upward only, and bits from 32 on must tell flows apart that differ in a port.
    mix(addrs, u64::from(zone_id) << 40 | u64::from(tuple.protocol) << 32 | ports)
}

fn hash_at(slots: &[Slot], value: u32) -> u32 {
    let (slot, dir) = split(value);
    let entry = &slots[slot as usize].entry;
    hash_of(&entry.tuples[dir as usize], entry.zone.id_of(dir))
}

const fn source_of(tuple: Tuple) -> (std::net::Ipv4Addr, u16, u8) {
    (tuple.src, tuple.src_port, tuple.protocol)
}

fn source_hash(tuple: &Tuple, zone: Zone) -> u32 {
    let port = u64::from(tuple.src_port) << 8 | u64::from(tuple.protocol);
    mix(u64::from(u32::from(tuple.src)), port << 16 | u64::from(zone.id))
}

fn source_hash_at(slots: &[Slot], slot: u32) -> u32 {
    let entry = &slots[slot as usize].entry;
    source_hash(&entry.tuples[0], entry.zone)
}

fn same_source(slots: &[Slot], a: u32, b: u32) -> bool {
    let (a, b) = (&slots[a as usize].entry, &slots[b as usize].entry);
    source_of(a.tuples[0]) == source_of(b.tuples[0]) && a.zone == b.zone
}

/// A hash table of slots, which know their own keys: four bytes a cell, linear probing, no tombstones.
#[derive(Clone, Debug, Default)]
struct Index {
    cells: Vec<u32>,
    used: usize,
}

impl Index {
    #[inline]
    fn find(&self, hash: u32, mut is: impl FnMut(u32) -> bool) -> Option<usize> {
        let mask = self.cells.len().checked_sub(1)?;
        let mut place = hash as usize & mask;
        while self.cells[place] != NO_SLOT {
            if is(self.cells[place]) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
        None
    }

    fn insert(&mut self, hash: u32, value: u32, hash_of: impl Fn(u32) -> u32) {
        if (self.used + 1) * 2 > self.cells.len() {
            let larger = vec![NO_SLOT; (self.cells.len() * 2).max(16)];
            for value in std::mem::replace(&mut self.cells, larger) {
                if value != NO_SLOT {
                    self.put(hash_of(value), value);
                }
            }
        }
        self.put(hash, value);
        self.used += 1;
    }

    fn put(&mut self, hash: u32, value: u32) {
        let mask = self.cells.len() - 1;
        let mut place = hash as usize & mask;
        while self.cells[place] != NO_SLOT {
            place = (place + 1) & mask;
        }
        self.cells[place] = value;
    }

    /// Empties a cell and closes the gap: what probed past it moves back.
    fn remove(&mut self, mut gap: usize, hash_of: impl Fn(u32) -> u32) {
        let mask = self.cells.len() - 1;
        self.used -= 1;
        let mut place = gap;
        loop {
            self.cells[gap] = NO_SLOT;
            loop {
                place = (place + 1) & mask;
                let value = self.cells[place];
                if value == NO_SLOT {
                    return;
                }
                let home = hash_of(value) as usize & mask;
                // It may stand in the gap if its home is not behind the gap.
                if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(gap) & mask) {
                    self.cells[gap] = value;
                    gap = place;
                    break;
                }
            }
        }
    }
}
