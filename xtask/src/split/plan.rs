//! Which function goes where, and what the two modules need of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::module::{FuncId, Module, Slot, Uses, uses};
use super::{LOAD, Rooms, bad};
use crate::process::Result;

/// What a trampoline costs: a function no longer than that stays as long as the first module needs it.
const TRAMPOLINE_BYTES: usize = 20;

pub(super) struct Plan {
    /// Functions of the second module.
    pub(super) moved: BTreeSet<FuncId>,
    /// Those of them that something in the first refers to.
    pub(super) trampolines: BTreeSet<FuncId>,
    /// Functions of the first module, or imported by it, that the second refers to.
    pub(super) called_by_second: BTreeSet<FuncId>,
    /// Globals that the second module uses.
    pub(super) globals: BTreeSet<u32>,
    /// Where the second module puts its functions. Those with a place in the table take it; the others get a new one.
    pub(super) slots: BTreeMap<FuncId, Slot>,
    /// Empty until the second module is there.
    pub(super) marker: Slot,
    /// Length of the function table with the new slots.
    pub(super) table_len: u32,
    pub(super) table: u32,
    /// What loads the second module.
    pub(super) load: FuncId,
}

impl Plan {
    pub(super) fn new(module: &Module<'_>, rooms: &Rooms) -> Result<Self> {
        let table = module.function_table()?;
        let mut used = BTreeMap::new();
        for (id, body) in module.defined() {
            used.insert(id, uses(body, table)?);
        }
        let first = reached(module, &used, rooms);
        let moved: BTreeSet<FuncId> =
            used.keys().copied().filter(|id| !first.contains(id)).collect();

        let called_by = |by_moved: bool| -> BTreeSet<FuncId> {
            let callers = used.iter().filter(|(id, _)| moved.contains(id) == by_moved);
            callers.flat_map(|(_, uses)| uses.calls.iter().copied()).collect()
        };
        let mut trampolines = called_by(false);
        trampolines.extend(&module.roots);
        trampolines.retain(|id| moved.contains(id));
        let mut called_by_second = called_by(true);
        called_by_second.retain(|id| !moved.contains(id));
        let globals = moved.iter().flat_map(|id| used[id].globals.iter().copied()).collect();

        let len = u32::try_from(module.tables[table as usize].initial).map_err(bad)?;
        let marker = Slot(len);
        let mut table_len = len + 1;
        let mut slots = BTreeMap::new();
        for id in &trampolines {
            let slot = module.slot_of.get(id).copied().unwrap_or_else(|| {
                table_len += 1;
                Slot(table_len - 1)
            });
            slots.insert(*id, slot);
        }
        let load = module.imported(LOAD)?;
        Ok(Self {
            moved,
            trampolines,
            called_by_second,
            globals,
            slots,
            marker,
            table_len,
            table,
            load,
        })
    }
}

/// What is reached without passing a function that moves.
fn reached(module: &Module<'_>, used: &BTreeMap<FuncId, Uses>, rooms: &Rooms) -> BTreeSet<FuncId> {
    let stays = |id: &FuncId| {
        let is_short = module.body(*id).is_none_or(|it| it.as_bytes().len() < TRAMPOLINE_BYTES);
        let is_bound = used.get(id).is_some_and(|uses| uses.is_bound);
        is_short || is_bound || !module.names.get(id).is_some_and(|name| rooms.moves(name))
    };
    let bound = used.iter().filter(|(_, uses)| uses.is_bound).map(|(id, _)| *id);
    let mut open: Vec<FuncId> = module.roots.iter().copied().chain(bound).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if stays(&id) && seen.insert(id) {
            open.extend(used.get(&id).into_iter().flat_map(|uses| &uses.calls));
        }
    }
    seen
}
