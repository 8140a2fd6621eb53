//! What the splitter has to know of a wasm module: who refers to whom, and where in the table a function stands.
//!
//! Made for modules as wasm-bindgen and wasm-opt write them: one memory, functions as the only imports.

use std::collections::BTreeMap;
use std::ops::Range;

use wasmparser::{
    ConstExpr, DataKind, DataSectionReader, Element, ElementItems, ElementKind, Export,
    ExternalKind, FuncType, FunctionBody, GlobalType, Import, KnownCustom, MemoryType, Name,
    Operator, Parser, Payload, TableType, TypeRef,
};

use super::bad;
use crate::process::Result;

/// Index of a function, imported ones first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct FuncId(pub(super) u32);

/// Index of an entry of the function table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Slot(pub(super) u32);

/// A parsed module.
#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) types: Vec<FuncType>,
    /// Imported functions.
    pub(super) imports: Vec<Import<'a>>,
    /// The type of each function, by its index.
    pub(super) type_of: Vec<u32>,
    pub(super) tables: Vec<TableType>,
    pub(super) memory: Option<MemoryType>,
    pub(super) globals: Vec<GlobalType>,
    pub(super) exports: Vec<Export<'a>>,
    /// Functions that are referred to by other means than a body: exported, to start with, in an element segment.
    pub(super) roots: Vec<FuncId>,
    /// Where active segments put a function.
    pub(super) slot_of: BTreeMap<FuncId, Slot>,
    /// Where in the file the bytes of each active data segment stand, and their address in memory.
    pub(super) data: Vec<(Range<usize>, u32)>,
    /// Bodies of the functions that are not imported.
    pub(super) bodies: Vec<FunctionBody<'a>>,
    /// Of the functions that have one, demangled.
    pub(super) names: BTreeMap<FuncId, String>,
}

impl<'a> Module<'a> {
    pub(super) fn parse(wasm: &'a [u8]) -> Result<Self> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            module.take(payload.map_err(bad)?)?;
        }
        Ok(module)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty.map_err(bad)?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(bad)?;
                    match import.ty {
                        TypeRef::Func(ty) => {
                            self.type_of.push(ty);
                            self.imports.push(import);
                        }
                        TypeRef::Table(table) => self.tables.push(table),
                        TypeRef::Memory(memory) => self.memory = Some(memory),
                        TypeRef::Global(global) => self.globals.push(global),
                        TypeRef::Tag(_) | TypeRef::FuncExact(_) => {
                            return Err(bad(format!("it imports {}", import.name)));
                        }
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.type_of.push(ty.map_err(bad)?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table.map_err(bad)?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memory = Some(memory.map_err(bad)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global.map_err(bad)?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(bad)?;
                    if export.kind == ExternalKind::Func {
                        self.roots.push(FuncId(export.index));
                    }
                    self.exports.push(export);
                }
            }
            Payload::StartSection { func, .. } => self.roots.push(FuncId(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    self.take_element(element.map_err(bad)?)?;
                }
            }
            Payload::DataSection(section) => {
                self.data = active_data(&section)?;
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for part in names {
                        if let Name::Function(functions) = part.map_err(bad)? {
                            for naming in functions {
                                let naming = naming.map_err(bad)?;
                                self.names.insert(FuncId(naming.index), demangled(naming.name));
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_element(&mut self, element: Element<'a>) -> Result {
        let first = match &element.kind {
            ElementKind::Active { offset_expr, .. } => Some(constant(offset_expr)?),
            ElementKind::Passive | ElementKind::Declared => None,
        };
        let functions = match element.items {
            ElementItems::Functions(functions) => {
                functions.into_iter().map(|it| it.map(Some)).collect()
            }
            ElementItems::Expressions(_, expressions) => {
                expressions.into_iter().map(|it| named(&it?)).collect::<wasmparser::Result<_>>()
            }
        };
        let functions: Vec<Option<u32>> = functions.map_err(bad)?;
        for (slot, function) in (first.unwrap_or_default()..).zip(functions) {
            let Some(function) = function.map(FuncId) else { continue };
            self.roots.push(function);
            if first.is_some() {
                self.slot_of.insert(function, Slot(slot));
            }
        }
        Ok(())
    }

    pub(super) fn n_imported(&self) -> usize {
        self.imports.len()
    }

    /// Every function with a body.
    pub(super) fn defined(&self) -> impl Iterator<Item = (FuncId, &FunctionBody<'a>)> {
        (0u32..).map(FuncId).skip(self.n_imported()).zip(&self.bodies)
    }

    pub(super) fn body(&self, id: FuncId) -> Option<&FunctionBody<'a>> {
        self.bodies.get((id.0 as usize).checked_sub(self.n_imported())?)
    }

    pub(super) fn type_of(&self, id: FuncId) -> u32 {
        self.type_of[id.0 as usize]
    }

    /// The table that holds functions: calls by address go through it.
    pub(super) fn function_table(&self) -> Result<u32> {
        let found = self.tables.iter().position(|table| table.element_type.is_func_ref());
        found.and_then(|it| u32::try_from(it).ok()).ok_or_else(|| bad("it has no function table"))
    }

    /// The function of this name that the page's JavaScript brings. wasm-bindgen puts letters around it.
    pub(super) fn imported(&self, name: &str) -> Result<FuncId> {
        let found = self.imports.iter().position(|import| import.name.contains(name));
        let id = found.and_then(|it| u32::try_from(it).ok()).map(FuncId);
        id.ok_or_else(|| bad(format!("it imports no function {name}")))
    }
}

/// Where in the file the bytes of each active segment stand, and their address in memory.
pub(super) fn active_data(section: &DataSectionReader<'_>) -> Result<Vec<(Range<usize>, u32)>> {
    let mut out = Vec::new();
    for data in section.clone() {
        let data = data.map_err(bad)?;
        if let DataKind::Active { offset_expr, .. } = data.kind {
            // The bytes are the end of what was read.
            let end = usize::try_from(data.range.end).map_err(bad)?;
            out.push((end - data.data.len()..end, constant(&offset_expr)?));
        }
    }
    Ok(out)
}

/// A name as in the sources, generic arguments included. wasm-bindgen has written it out already, with a hash behind the
/// name of each crate.
fn demangled(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let mut parts = name.split('[');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(']') {
            Some((hash, rest)) if is_hash(hash) => out += rest,
            _ => {
                out.push('[');
                out += part;
            }
        }
    }
    out
}

fn is_hash(text: &str) -> bool {
    text.len() > 8 && text.bytes().all(|it| it.is_ascii_hexdigit())
}

fn constant(expression: &ConstExpr<'_>) -> Result<u32> {
    match expression.get_operators_reader().read().map_err(bad)? {
        Operator::I32Const { value } => u32::try_from(value).map_err(bad),
        other => Err(bad(format!("a segment begins at {other:?}"))),
    }
}

fn named(expression: &ConstExpr<'_>) -> wasmparser::Result<Option<u32>> {
    Ok(match expression.get_operators_reader().read()? {
        Operator::RefFunc { function_index } => Some(function_index),
        _ => None,
    })
}

/// What a body refers to.
#[derive(Default)]
pub(super) struct Uses {
    /// The functions it calls, in the order it does.
    pub(super) calls: Vec<FuncId>,
    pub(super) globals: Vec<u32>,
    /// Whether it uses what only the first module has: another table than that of functions, segments, references that
    /// must be declared.
    pub(super) is_bound: bool,
}

pub(super) fn uses(body: &FunctionBody<'_>, function_table: u32) -> Result<Uses> {
    let mut uses = Uses::default();
    for operator in body.get_operators_reader().map_err(bad)? {
        match operator.map_err(bad)? {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                uses.calls.push(FuncId(function_index));
            }
            Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
                uses.globals.push(global_index);
            }
            Operator::CallIndirect { table_index, .. }
            | Operator::ReturnCallIndirect { table_index, .. } => {
                uses.is_bound |= table_index != function_table;
            }
            Operator::RefFunc { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableSize { .. } => uses.is_bound = true,
            _ => {}
        }
    }
    Ok(uses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_in_the_sources() {
        for written in [
            "engine[0123456789abcdef]::kube::read::<[u8; 4]>",
            "_RINvNtCs0_6engine4kube4readAhj4_E",
        ] {
            assert_eq!(demangled(written), "engine::kube::read::<[u8; 4]>", "{written}");
        }
    }
}
