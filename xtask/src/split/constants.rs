//! Which of the program's constants only the second file's code refers to, as the linker tells.
//!
//! A linked module has its constants in one piece and does not say where one ends. What `cargo` leaves behind does, with
//! the linker's notes (`--emit-relocs`): each constant, and each address of one, in code and in other constants. Later
//! tools leave addresses as they are, so every number in the first module that may be an address keeps its constant
//! there, and what that refers to.
//!
//! The notes: <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>

use std::collections::BTreeSet;
use std::ops::Range;

use wasm_encoder::Instruction;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasmparser::{
    DataSectionReader, FunctionBody, KnownCustom, Linking, Parser, Payload, RelocationEntry,
    RelocationType, SymbolInfo,
};

use super::bad;
use super::module::{Module, active_data};
use crate::process::Result;

/// The constants of a program, in the order of their addresses.
#[derive(Default)]
pub(crate) struct Constants {
    pieces: Vec<Piece>,
    /// What the linker put into memory, by address.
    memory: Vec<(u32, Vec<u8>)>,
}

struct Piece {
    /// Addresses in memory.
    at: Range<u32>,
    /// Not constant, or referred to by addresses outside of it.
    stays: bool,
    /// Indices of the pieces it refers to.
    refers_to: BTreeSet<usize>,
}

/// The linker's notes, as read.
#[derive(Default)]
struct Notes {
    /// Of each data segment: its place in the file, its address, its name.
    segments: Vec<(Range<usize>, u32)>,
    segment_names: Vec<String>,
    /// By symbol: the segment, the place in it, the size. None: no constant.
    symbols: Vec<Option<(usize, u32, u32)>>,
    relocations: Vec<(u32, RelocationEntry)>,
    /// Index of the data section among all, and its place in the file.
    data_section: (u32, usize),
}

impl Constants {
    /// Reads what the linker wrote. Without its notes nothing is known, and so nothing moves.
    pub(crate) fn read(linked: &[u8]) -> Result<Self> {
        let notes = Notes::read(linked)?;
        let memory = notes.segments.iter();
        let memory = memory.map(|(file, address)| (*address, linked[file.clone()].to_vec()));
        let mut known = Self { pieces: notes.pieces(), memory: memory.collect() };
        for (section, entry) in &notes.relocations {
            if !is_address(entry.ty) {
                continue;
            }
            let Some(Some(symbol)) = notes.symbols.get(entry.index as usize) else { continue };
            let start = notes.address(*symbol);
            let target = i64::from(start) + entry.addend;
            let is_within = (i64::from(start)..=i64::from(start + symbol.2)).contains(&target);
            let to = known.at(start);
            for &piece in &to {
                known.pieces[piece].stays |= !is_within;
            }
            if *section == notes.data_section.0 {
                for from in known.at(notes.address_of_file(entry.offset)?) {
                    known.pieces[from].refers_to.extend(&to);
                }
            }
        }
        Ok(known)
    }

    /// Whether a module has these constants where they are said to be: another build's may lie elsewhere.
    pub(super) fn are_in(&self, wasm: &[u8], module: &Module<'_>) -> bool {
        let byte = |address: u32| {
            let within = module.data.iter().find_map(|(file, start)| {
                let place = file.start + address.checked_sub(*start)? as usize;
                file.contains(&place).then(|| wasm[place])
            });
            within.unwrap_or_default()
        };
        self.memory.iter().all(|(start, bytes)| {
            (*start..).zip(bytes).all(|(address, expected)| byte(address) == *expected)
        })
    }

    /// The pieces that an address may mean: the one it is in, and the one it is the end of.
    fn at(&self, address: u32) -> Vec<usize> {
        let first = self.pieces.partition_point(|piece| piece.at.end < address);
        let rest = self.pieces[first..].iter().take_while(|piece| piece.at.start <= address);
        (first..).zip(rest).map(|(index, _)| index).collect()
    }

    /// Where the constants lie that code with these numbers in it cannot reach, near ones together.
    pub(super) fn beyond(&self, numbers: &BTreeSet<u32>) -> Vec<Range<u32>> {
        let mut open: Vec<usize> = numbers.iter().flat_map(|&number| self.at(number)).collect();
        open.extend((0..self.pieces.len()).filter(|&index| self.pieces[index].stays));
        let mut seen = BTreeSet::new();
        while let Some(index) = open.pop() {
            if seen.insert(index) {
                open.extend(&self.pieces[index].refers_to);
            }
        }
        let mut out: Vec<Range<u32>> = Vec::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            if seen.contains(&index) {
                continue;
            }
            match out.last_mut() {
                Some(last) if last.end == piece.at.start => last.end = piece.at.end,
                _ => out.push(piece.at.clone()),
            }
        }
        out
    }
}

impl Notes {
    fn read(linked: &[u8]) -> Result<Self> {
        let mut notes = Self::default();
        let mut n_sections = 0;
        for payload in Parser::new(0).parse_all(linked) {
            let payload = payload.map_err(bad)?;
            match &payload {
                Payload::DataSection(section) => notes.take_data(section, n_sections)?,
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Linking(linking) => {
                        for part in linking.subsections() {
                            notes.take_linking(part.map_err(bad)?)?;
                        }
                    }
                    KnownCustom::Reloc(section) => {
                        for entry in section.entries() {
                            notes.relocations.push((section.section_index(), entry.map_err(bad)?));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
            n_sections += u32::from(payload.as_section().is_some());
        }
        Ok(notes)
    }

    fn take_data(&mut self, section: &DataSectionReader<'_>, index: u32) -> Result {
        self.data_section = (index, usize::try_from(section.range().start).map_err(bad)?);
        self.segments = active_data(section)?;
        Ok(())
    }

    fn take_linking(&mut self, part: Linking<'_>) -> Result {
        match part {
            Linking::SegmentInfo(segments) => {
                for segment in segments {
                    self.segment_names.push(segment.map_err(bad)?.name.to_owned());
                }
            }
            Linking::SymbolTable(symbols) => {
                for symbol in symbols {
                    let defined = match symbol.map_err(bad)? {
                        SymbolInfo::Data { symbol, .. } => symbol,
                        _ => None,
                    };
                    self.symbols.push(
                        defined.map(|symbol| (symbol.index as usize, symbol.offset, symbol.size)),
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Of a symbol's beginning; 0 where no constant lies.
    fn address(&self, (segment, offset, _): (usize, u32, u32)) -> u32 {
        self.segments.get(segment).map_or(0, |(_, address)| address + offset)
    }

    /// The address of what stands at this place of the data section.
    fn address_of_file(&self, offset: u32) -> Result<u32> {
        let place = self.data_section.1 + offset as usize;
        let found = self.segments.iter().find(|(range, _)| range.contains(&place));
        let (range, address) = found.ok_or_else(|| bad("a note of the linker leads nowhere"))?;
        Ok(address + u32::try_from(place - range.start).map_err(bad)?)
    }

    /// The symbols with bytes of their own; those that overlap are one piece.
    fn pieces(&self) -> Vec<Piece> {
        let symbols = self.symbols.iter().flatten().filter(|symbol| symbol.2 > 0);
        let mut pieces: Vec<Piece> = symbols
            .map(|&(segment, offset, size)| {
                let start = self.address((segment, offset, size));
                let name = self.segment_names.get(segment).map_or("", String::as_str);
                let stays = !name.starts_with(".rodata") || start == 0;
                Piece { at: start..start + size, stays, refers_to: BTreeSet::new() }
            })
            .collect();
        pieces.sort_by_key(|piece| (piece.at.start, piece.at.end));
        pieces.dedup_by(|next, last| {
            let overlap = next.at.start < last.at.end;
            if overlap {
                last.at.end = last.at.end.max(next.at.end);
                last.stays |= next.stays;
            }
            overlap
        });
        pieces
    }
}

fn is_address(ty: RelocationType) -> bool {
    matches!(
        ty,
        RelocationType::MemoryAddrLeb
            | RelocationType::MemoryAddrSleb
            | RelocationType::MemoryAddrI32
    )
}

/// Every number in a function that may be an address, also what wasm-opt may have made of one: half of a longer number,
/// or what is subtracted.
pub(super) fn numbers(body: &FunctionBody<'_>, into: &mut BTreeSet<u32>) -> Result {
    struct Offsets(Vec<u64>);
    impl Reencode for Offsets {
        type Error = std::convert::Infallible;

        fn mem_arg(
            &mut self,
            arg: wasmparser::MemArg,
        ) -> std::result::Result<wasm_encoder::MemArg, Error<Self::Error>> {
            self.0.push(arg.offset);
            utils::mem_arg(self, arg)
        }
    }
    let mut offsets = Offsets(Vec::new());
    let mut reader = body.get_operators_reader().map_err(bad)?;
    while !reader.eof() {
        let wide = match offsets.parse_instruction(&mut reader).map_err(bad)? {
            Instruction::I32Const(number) => u64::from(number.cast_unsigned()),
            Instruction::I64Const(number) => number.cast_unsigned(),
            _ => continue,
        };
        offsets.0.push(wide);
    }
    for wide in offsets.0 {
        let halves = [wide & u64::from(u32::MAX), wide >> 32];
        for half in halves.into_iter().filter_map(|half| u32::try_from(half).ok()) {
            into.insert(half);
            into.insert(half.wrapping_neg());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(at: Range<u32>, stays: bool, refers_to: &[usize]) -> Piece {
        Piece { at, stays, refers_to: refers_to.iter().copied().collect() }
    }

    fn constants() -> Constants {
        Constants {
            pieces: vec![
                piece(100..110, false, &[]),
                piece(110..120, false, &[3]),
                piece(120..130, true, &[]),
                piece(140..150, false, &[]),
                piece(150..160, false, &[]),
                piece(160..170, false, &[]),
            ],
            memory: Vec::new(),
        }
    }

    #[test]
    fn another_builds_constants_are_not_taken_for_these() {
        let build = |words: &str| {
            wat::parse_str(format!("(module (memory 1) (data (i32.const 8) \"{words}\"))"))
                .expect("it is well formed")
        };
        let (one, other) = (build("words"), build("werds"));
        let constants = Constants::read(&one).expect("it is a module");
        let is_in =
            |wasm: &[u8]| constants.are_in(wasm, &Module::parse(wasm).expect("it is a module"));
        assert!(is_in(&one));
        assert!(!is_in(&other));
    }

    #[test]
    fn a_constant_stays_with_the_code_that_names_it_and_takes_along_what_it_refers_to() {
        let numbers = BTreeSet::from([115]);
        assert_eq!(constants().beyond(&numbers), [100..110, 150..170]);
    }

    #[test]
    fn an_address_between_two_constants_may_mean_either() {
        assert_eq!(constants().beyond(&BTreeSet::from([110, 160])), vec![]);
        assert_eq!(constants().beyond(&BTreeSet::from([135])), [100..120, 140..170]);
    }

    #[test]
    fn numbers_are_found_in_whatever_form() {
        let wasm = wat::parse_str(
            "(module (memory 1) (func (result i64)
               (i32.store offset=7 (i32.const 8) (i32.sub (i32.const 0) (i32.const -9)))
               (i64.const 0x0000000a_0000000b)))",
        )
        .expect("it is well formed");
        let mut found = BTreeSet::new();
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::CodeSectionEntry(body) = payload.expect("it is valid") {
                numbers(&body, &mut found).expect("it can be read");
            }
        }
        assert!([7, 8, 9, 10, 11].iter().all(|number| found.contains(number)), "{found:?}");
    }

    #[test]
    fn a_module_without_notes_keeps_all() {
        let wasm = wat::parse_str("(module (memory 1) (data (i32.const 8) \"words\"))");
        let constants = Constants::read(&wasm.expect("it is well formed")).expect("it is a module");
        assert!(constants.beyond(&BTreeSet::new()).is_empty());
    }
}
