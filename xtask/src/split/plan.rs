//! Which function goes where, and what the two modules need of each other.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::Operator;

use super::module::{FuncId, Module, Slot, referred};
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
        let mut calls = BTreeMap::new();
        for (id, body) in module.defined() {
            calls.insert(id, referred(body)?);
        }
        let named = |id: &FuncId| {
            let is_short = module.body(*id).is_none_or(|it| it.as_bytes().len() < TRAMPOLINE_BYTES);
            !is_short && module.names.get(id).is_some_and(|name| rooms.moves(name))
        };
        let first = reached(module, &calls, &named);
        let moved: BTreeSet<FuncId> =
            module.defined().map(|(id, _)| id).filter(|id| !first.contains(id)).collect();

        let stays = |id: &FuncId| !moved.contains(id);
        let from = |keep: &dyn Fn(&FuncId) -> bool| -> BTreeSet<FuncId> {
            calls.iter().filter(|(id, _)| keep(id)).flat_map(|(_, to)| to.iter().copied()).collect()
        };
        let mut trampolines = from(&stays);
        trampolines.extend(&module.roots);
        trampolines.retain(|id| moved.contains(id));
        let mut called_by_second = from(&|id| moved.contains(id));
        called_by_second.retain(stays);

        let table = module.function_table()?;
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
        let globals = globals_of(module, &moved)?;
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
fn reached(
    module: &Module<'_>,
    calls: &BTreeMap<FuncId, Vec<FuncId>>,
    moves: &dyn Fn(&FuncId) -> bool,
) -> BTreeSet<FuncId> {
    let mut seen = BTreeSet::new();
    let mut open = module.roots.clone();
    while let Some(id) = open.pop() {
        if !moves(&id) && seen.insert(id) {
            open.extend(calls.get(&id).into_iter().flatten());
        }
    }
    seen
}

fn globals_of(module: &Module<'_>, moved: &BTreeSet<FuncId>) -> Result<BTreeSet<u32>> {
    let mut globals = BTreeSet::new();
    for body in moved.iter().filter_map(|id| module.body(*id)) {
        for operator in body.get_operators_reader().map_err(bad)? {
            match operator.map_err(bad)? {
                Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                    globals.insert(global_index);
                }
                _ => {}
            }
        }
    }
    Ok(globals)
}
