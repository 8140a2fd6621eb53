//! Splitting the page's wasm in two by function: what a first visit runs, and what can come when it is asked for.
//!
//! The first module keeps every function's index. A function that moves leaves a trampoline behind, which has the second
//! module loaded and calls it through the table; or nothing, if only the second calls it. The second module imports
//! memory, table, globals and what it calls of the first. Nothing of what the program does changes: a list that
//! moves too much costs a download earlier than wanted, and that is all.

mod constants;
mod data;
mod module;
pub(crate) mod page;
mod plan;
mod rooms;
mod write;

use std::collections::BTreeSet;
use std::fmt::Display;

use wasm_encoder::RawSection;
use wasmparser::{Parser, Payload, Validator};

use crate::process::{Error, Result};
use module::Module;
use plan::Plan;

pub(crate) use constants::Constants;
pub(crate) use rooms::Rooms;

/// The page's JavaScript that loads the second module, as the first imports it.
const LOAD: &str = "secondNow";
/// The second module's name for what it imports.
const FIRST: &str = "e";

/// The module in two.
pub(crate) struct Parts {
    /// What the functions that JavaScript brings are called there, and in the modules.
    pub(crate) imports: Vec<(String, String)>,
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
    /// Bytes of data in the second.
    pub(crate) n_data_bytes: usize,
    /// Functions in the second.
    pub(crate) n_moved: usize,
    /// Functions of the second that the first still refers to.
    pub(crate) n_trampolines: usize,
    /// Functions of the first that the second calls.
    pub(crate) n_exported: usize,
    /// Entries of the list that no function's name has.
    pub(crate) idle: Vec<String>,
    /// A line for each function: its index, as a browser names it; which file it is in, `both` where a trampoline is left;
    /// bytes; name.
    pub(crate) listing: String,
}

/// Moves every function that `rooms` names, and what only they call, into a second module.
///
/// Of the data, `constants` moves what only they refer to, and `texts` move: they are in memory once the second module is
/// there, and zeros before. Nothing checks that of a text; it must be wrong to read it earlier.
pub(crate) fn split(
    wasm: &[u8],
    rooms: &Rooms,
    constants: &Constants,
    texts: &[Vec<u8>],
) -> Result<Parts> {
    let module = Module::parse(wasm)?;
    let plan = Plan::new(&module, rooms)?;
    if !constants.are_in(wasm, &module) {
        return Err(bad("what the linker left behind is of another build"));
    }
    let mut numbers = BTreeSet::new();
    for (_, body) in module.defined().filter(|(id, _)| !plan.moved.contains(id)) {
        constants::numbers(body, &mut numbers)?;
    }
    let (wasm, data) = data::taken_out(wasm, &module, &constants.beyond(&numbers), texts);
    let module = Module::parse(&wasm)?;
    Ok(Parts {
        imports: write::import_names(&module).collect(),
        first: valid(write::first(&wasm, &module, &plan)?)?,
        second: valid(write::second(&module, &plan, &data)?)?,
        n_data_bytes: data.iter().map(|placed| placed.bytes.len()).sum(),
        n_moved: plan.moved.len(),
        n_trampolines: plan.trampolines.len(),
        n_exported: plan.called_by_second.len(),
        idle: rooms.idle(&module.names),
        listing: listing(&module, &plan),
    })
}

/// The module without the linker's notes, which no tool after it keeps true.
pub(crate) fn without_notes(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(bad)?;
        let is_note = matches!(&payload, Payload::CustomSection(section)
            if section.name() == "linking" || section.name().starts_with("reloc."));
        if let Some((id, range)) = payload.as_section().filter(|_| !is_note) {
            let start = usize::try_from(range.start).map_err(bad)?;
            let end = usize::try_from(range.end).map_err(bad)?;
            out.section(&RawSection { id, data: &wasm[start..end] });
        }
    }
    Ok(out.finish())
}

fn listing(module: &Module<'_>, plan: &Plan) -> String {
    let mut lines = String::new();
    for (id, body) in module.defined() {
        let place = match (plan.moved.contains(&id), plan.trampolines.contains(&id)) {
            (true, true) => "both",
            (true, false) => "second",
            (false, _) => "first",
        };
        let name = module.names.get(&id).map_or("?", String::as_str);
        lines += &format!("{}\t{place}\t{}\t{name}\n", id.0, body.as_bytes().len());
    }
    lines
}

fn valid(wasm: Vec<u8>) -> Result<Vec<u8>> {
    Validator::new().validate_all(&wasm).map_err(bad)?;
    Ok(wasm)
}

fn bad(what: impl Display) -> Error {
    Error::Failed(format!("cannot split the page's wasm: {what}"))
}

#[cfg(test)]
mod tests;
