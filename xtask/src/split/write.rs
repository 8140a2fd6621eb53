//! The two modules as bytes.

use std::collections::{BTreeMap, BTreeSet};

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, ImportSection, RawSection, TableSection,
    TypeSection,
};
use wasmparser::{Parser, Payload};

use super::data::Placed;
use super::module::{FuncId, Module, Slot};
use super::plan::Plan;
use super::{FIRST, bad};
use crate::process::Result;

/// What each module calls a thing that both use.
struct Shared {
    memory: String,
    table: String,
    globals: BTreeMap<u32, String>,
    functions: BTreeMap<FuncId, String>,
}

impl Shared {
    /// Names of one or two letters that the module does not export already.
    fn new(module: &Module<'_>, plan: &Plan) -> Self {
        let taken: BTreeSet<&str> = module.exports.iter().map(|export| export.name).collect();
        let mut names = (0..).map(short).filter(|name| !taken.contains(name.as_str()));
        let mut next = || names.next().expect("there is no end to them");
        Self {
            memory: next(),
            table: next(),
            globals: plan.globals.iter().map(|&global| (global, next())).collect(),
            functions: plan.called_by_second.iter().map(|&id| (id, next())).collect(),
        }
    }
}

/// `a`, `b`, ... `z`, `ba`, `bb`, ...: in an order that compresses well.
fn short(number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        rest => short(rest) + &letter.to_string(),
    }
}

/// Names with a hash of 16 digits in them do not compress: short ones instead, `_a` and so on, for each imported function.
pub(super) fn import_names(module: &Module<'_>) -> impl Iterator<Item = (String, String)> {
    let names = module.imports.iter().map(|import| import.name.to_owned());
    names.zip((0..).map(|number| format!("_{}", short(number))))
}

/// The same module with trampolines for what has moved.
pub(super) fn first(wasm: &[u8], module: &Module<'_>, plan: &Plan) -> Result<Vec<u8>> {
    let shared = Shared::new(module, plan);
    // What the trampolines have in common is the last function.
    let ensure = FuncId(u32::try_from(module.type_of.len()).map_err(bad)?);
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(bad)?;
        match &payload {
            Payload::ImportSection(_) => {
                let mut section = ImportSection::new();
                for (import, (_, name)) in module.imports.iter().zip(import_names(module)) {
                    let ty = RoundtripReencoder.entity_type(import.ty).map_err(bad)?;
                    section.import(import.module, &name, ty);
                }
                out.section(&section);
            }
            Payload::FunctionSection(_) => {
                let mut section = FunctionSection::new();
                for ty in &module.type_of[module.n_imported()..] {
                    section.function(*ty);
                }
                section.function(module.type_of(plan.load));
                out.section(&section);
            }
            Payload::TableSection(_) => {
                out.section(&tables(module, plan)?);
            }
            Payload::ExportSection(_) => {
                out.section(&exports(module, plan, &shared)?);
            }
            Payload::CodeSectionStart { .. } => {
                let mut section = CodeSection::new();
                for (id, body) in module.defined() {
                    if plan.trampolines.contains(&id) {
                        section.function(&trampoline(module, plan, ensure, id));
                    } else if plan.moved.contains(&id) {
                        section.function(&nothing());
                    } else {
                        section.raw(body.as_bytes());
                    }
                }
                section.function(&ensuring(plan));
                out.section(&section);
            }
            Payload::CustomSection(_) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    let range = usize::try_from(range.start).map_err(bad)?
                        ..usize::try_from(range.end).map_err(bad)?;
                    out.section(&RawSection { id, data: &wasm[range] });
                }
            }
        }
    }
    Ok(out.finish())
}

fn tables(module: &Module<'_>, plan: &Plan) -> Result<TableSection> {
    let mut section = TableSection::new();
    for (index, table) in (0u32..).zip(&module.tables) {
        let mut table = *table;
        if index == plan.table {
            let more = u64::from(plan.table_len) - table.initial;
            table.initial += more;
            table.maximum = table.maximum.map(|it| it + more);
        }
        section.table(RoundtripReencoder.table_type(table).map_err(bad)?);
    }
    Ok(section)
}

fn exports(module: &Module<'_>, plan: &Plan, shared: &Shared) -> Result<ExportSection> {
    let mut section = ExportSection::new();
    for export in &module.exports {
        let kind = RoundtripReencoder.export_kind(export.kind).map_err(bad)?;
        section.export(export.name, kind, export.index);
    }
    section.export(&shared.memory, ExportKind::Memory, 0);
    section.export(&shared.table, ExportKind::Table, plan.table);
    for (&global, name) in &shared.globals {
        section.export(name, ExportKind::Global, global);
    }
    for (&id, name) in &shared.functions {
        section.export(name, ExportKind::Func, id.0);
    }
    Ok(section)
}

/// Has the second module loaded unless it is there.
fn ensuring(plan: &Plan) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.i32_const(plan.marker.0.cast_signed()).table_get(plan.table).ref_is_null();
    code.if_(BlockType::Empty).call(plan.load.0).end().end();
    function
}

/// Stands in for a function that has moved.
fn trampoline(module: &Module<'_>, plan: &Plan, ensure: FuncId, id: FuncId) -> Function {
    let ty = module.type_of(id);
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.call(ensure.0);
    for (local, _) in (0u32..).zip(module.types[ty as usize].params()) {
        code.local_get(local);
    }
    code.i32_const(plan.slots[&id].0.cast_signed()).call_indirect(plan.table, ty).end();
    function
}

/// The body of a function that only the second module calls.
fn nothing() -> Function {
    let mut function = Function::new([]);
    function.instructions().unreachable().end();
    function
}

/// The module with what has moved.
pub(super) fn second(module: &Module<'_>, plan: &Plan, data: &[Placed]) -> Result<Vec<u8>> {
    let shared = Shared::new(module, plan);
    let mut renumber = Renumber::new(plan)?;
    let mut types = TypeSection::new();
    for ty in &module.types {
        types.ty().func_type(&RoundtripReencoder.func_type(ty.clone()).map_err(bad)?);
    }
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for &id in &plan.moved {
        let body = module.body(id).ok_or_else(|| bad("an imported function has moved"))?;
        functions.function(module.type_of(id));
        renumber.parse_function_body(&mut code, body.clone()).map_err(bad)?;
    }
    let mut segments = DataSection::new();
    for placed in data {
        let address = ConstExpr::i32_const(placed.address.cast_signed());
        segments.active(0, &address, placed.bytes.iter().copied());
    }
    let mut out = wasm_encoder::Module::new();
    out.section(&types)
        .section(&imports(module, plan, &shared)?)
        .section(&functions)
        .section(&elements(plan, &renumber))
        .section(&code)
        .section(&segments);
    Ok(out.finish())
}

fn imports(module: &Module<'_>, plan: &Plan, shared: &Shared) -> Result<ImportSection> {
    let mut section = ImportSection::new();
    let mut same = RoundtripReencoder;
    let memory = module.memory.ok_or_else(|| bad("it has no memory"))?;
    section.import(FIRST, &shared.memory, same.memory_type(memory).map_err(bad)?);
    let mut table = module.tables[plan.table as usize];
    table.initial = u64::from(plan.table_len);
    table.maximum = None;
    section.import(FIRST, &shared.table, same.table_type(table).map_err(bad)?);
    for (&global, name) in &shared.globals {
        let ty = module.globals[global as usize];
        section.import(FIRST, name, same.global_type(ty).map_err(bad)?);
    }
    for (&id, name) in &shared.functions {
        section.import(FIRST, name, EntityType::Function(module.type_of(id)));
    }
    Ok(section)
}

/// Puts the functions where the trampolines look for them, and something where they see that they are there.
fn elements(plan: &Plan, renumber: &Renumber) -> ElementSection {
    let mut by_slot: BTreeMap<Slot, u32> =
        plan.slots.iter().map(|(id, &slot)| (slot, renumber.functions[id])).collect();
    if let Some(id) = plan.moved.first() {
        by_slot.insert(plan.marker, renumber.functions[id]);
    }
    let mut section = ElementSection::new();
    let slots: Vec<(Slot, u32)> = by_slot.into_iter().collect();
    for run in slots.chunk_by(|a, b| a.0.0 + 1 == b.0.0) {
        let functions: Vec<u32> = run.iter().map(|(_, function)| *function).collect();
        let at = ConstExpr::i32_const(run[0].0.0.cast_signed());
        section.active(None, &at, Elements::Functions(functions.into()));
    }
    section
}

/// Indices of the whole module as indices of the second.
struct Renumber {
    functions: BTreeMap<FuncId, u32>,
    globals: BTreeMap<u32, u32>,
    table: u32,
}

impl Renumber {
    fn new(plan: &Plan) -> Result<Self> {
        let all = plan.called_by_second.iter().chain(&plan.moved);
        let functions: BTreeMap<FuncId, u32> = all.copied().zip(0u32..).collect();
        if functions.len() != plan.called_by_second.len() + plan.moved.len() {
            return Err(bad("a function is in both modules"));
        }
        let globals = plan.globals.iter().copied().zip(0u32..).collect();
        Ok(Self { functions, globals, table: plan.table })
    }
}

type Renumbered = std::result::Result<u32, wasm_encoder::reencode::Error<String>>;

fn known(index: Option<u32>, what: &str) -> Renumbered {
    index.ok_or_else(|| wasm_encoder::reencode::Error::UserError(format!("unknown {what}")))
}

impl Reencode for Renumber {
    type Error = String;

    fn function_index(&mut self, func: u32) -> Renumbered {
        known(self.functions.get(&FuncId(func)).copied(), "function")
    }

    fn global_index(&mut self, global: u32) -> Renumbered {
        known(self.globals.get(&global).copied(), "global")
    }

    fn table_index(&mut self, table: u32) -> Renumbered {
        known((table == self.table).then_some(0), "table")
    }

    fn data_index(&mut self, _: u32) -> Renumbered {
        known(None, "data segment")
    }

    fn element_index(&mut self, _: u32) -> Renumbered {
        known(None, "element segment")
    }
}
