//! The splitter on a module written by hand.

use std::collections::BTreeSet;

use wasmparser::{Operator, Validator};

use super::module::{FuncId, Module, Slot};
use super::*;

/// Functions, by index: 0 is imported and loads, 1 is exported, 2 and 4 are of the room `shed`, 3 is called by `shed`
/// alone, 5 by both, 6 stands in the table and moves, 7 stands in the table and stays, 8 is too short to move.
const HOUSE: &str = r#"
(module
  (type $add (func (param i32 i64) (result i32)))
  (import "./page_bg.js" "__wbg_secondNow_0123" (func $load))
  (table 4 4 funcref)
  (memory (export "memory") 1)
  (global $stack (mut i32) (i32.const 1024))
  (export "main" (func $main))
  (data (i32.const 500) "some words, a lesson, more words")
  (elem (i32.const 1) func $shed::by_address $hall::by_address)
  (func $main (result i32)
    (drop (call $shed::open (i32.const 1) (i64.const 2)))
    (drop (call $both))
    (drop (call $shed::short))
    (call_indirect (result i32) (i32.const 1)))
  (func $shed::open (type $add) (param i32 i64) (result i32)
    (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
    (drop (call $shed::deep))
    (i32.store (local.get 0) (call $helper))
    (i32.add (local.get 0) (call $both)))
  (func $helper (result i32) (i32.const 7))
  (func $shed::deep (result i32)
    (i32.add (call_indirect (result i32) (i32.const 2)) (i32.load (i32.const 100)))
    (i32.add (i32.mul (i32.load (i32.const 200)) (i32.load (i32.const 300)))))
  (func $both (result i32) (i32.const 8))
  (func $shed::by_address (result i32)
    (i32.add (call $shed::deep) (i32.mul (i32.load (i32.const 100)) (i32.load (i32.const 200))))
    (i32.add (i32.load (i32.const 300))))
  (func $hall::by_address (result i32) (i32.const 9))
  (func $shed::short (result i32) (i32.const 10)))
"#;

fn house() -> Vec<u8> {
    wat::parse_str(HOUSE).expect("the module above is well formed")
}

fn shed() -> Rooms {
    Rooms::parse("shed::").expect("the list is well formed")
}

fn halves(wasm: &[u8]) -> Result<Parts> {
    split(wasm, &shed(), &Constants::default(), &[b"a lesson".to_vec(), b"not in it".to_vec()])
}

fn ids(numbers: &[u32]) -> BTreeSet<FuncId> {
    numbers.iter().copied().map(FuncId).collect()
}

fn operators<'a>(module: &Module<'a>, id: u32) -> Vec<Operator<'a>> {
    let body = module.body(FuncId(id)).expect("the function has a body");
    let operators = body.get_operators_reader().expect("the body can be read");
    operators.into_iter().map(|it| it.expect("and so can its operators")).collect()
}

#[test]
fn every_function_is_in_exactly_one_of_the_two() {
    let wasm = house();
    let module = Module::parse(&wasm).expect("it is a module");
    let plan = Plan::new(&module, &shed()).expect("it can be split");
    assert_eq!(plan.moved, ids(&[2, 3, 4, 6]), "the shed, and what it alone calls");
    assert_eq!(plan.trampolines, ids(&[2, 6]), "called by main; in the table");
    assert_eq!(plan.called_by_second, ids(&[5]));
    let parts = halves(&wasm).expect("it can be split");
    let first = Module::parse(&parts.first).expect("it is a module");
    let second = Module::parse(&parts.second).expect("it is a module");
    for (id, whole) in module.defined() {
        let kept = first.body(id).expect("indices stay").as_bytes() == whole.as_bytes();
        assert_ne!(kept, plan.moved.contains(&id), "{id:?}");
    }
    assert_eq!(second.bodies.len(), plan.moved.len());
}

#[test]
fn both_modules_are_valid() {
    let parts = halves(&house()).expect("it can be split");
    for wasm in [parts.first, parts.second] {
        Validator::new().validate_all(&wasm).expect("it is valid");
    }
}

#[test]
fn a_trampoline_hands_over_all_it_was_given() {
    let parts = halves(&house()).expect("it can be split");
    let first = Module::parse(&parts.first).expect("it is a module");
    let calls = operators(&first, 2);
    // Slot 4 is the marker, so the first new place is 5.
    assert!(
        matches!(
            calls.as_slice(),
            [
                Operator::Call { function_index: 9 },
                Operator::LocalGet { local_index: 0 },
                Operator::LocalGet { local_index: 1 },
                Operator::I32Const { value: 5 },
                Operator::CallIndirect { type_index: 0, table_index: 0 },
                Operator::End
            ]
        ),
        "{calls:?}"
    );
    assert_eq!(first.tables[0].initial, 6);
    assert_eq!(first.tables[0].maximum, Some(6));
}

#[test]
fn a_function_with_an_address_keeps_it() {
    let parts = halves(&house()).expect("it can be split");
    let first = Module::parse(&parts.first).expect("it is a module");
    assert_eq!(first.slot_of[&FuncId(6)], Slot(1), "its trampoline, until the second is there");
    assert_eq!(first.slot_of[&FuncId(7)], Slot(2));
    let second = Module::parse(&parts.second).expect("it is a module");
    // Imported is 5 alone; then follow 2, 3, 4, 6.
    assert_eq!(second.slot_of[&FuncId(4)], Slot(1), "the function itself afterwards");
}

#[test]
fn a_function_that_nobody_else_calls_leaves_nothing_behind() {
    let parts = halves(&house()).expect("it can be split");
    let first = Module::parse(&parts.first).expect("it is a module");
    for id in [3, 4] {
        assert!(matches!(operators(&first, id).as_slice(), [Operator::Unreachable, Operator::End]));
    }
}

#[test]
fn a_text_comes_with_the_second() {
    let parts = halves(&house()).expect("it can be split");
    assert_eq!(parts.n_data_bytes, 8);
    let data = |wasm: &[u8]| {
        let module = Module::parse(wasm).expect("it is a module");
        let (range, address) = module.data.first().cloned().expect("it has data");
        (wasm[range].to_vec(), address)
    };
    assert_eq!(data(&parts.first), (b"some words, \0\0\0\0\0\0\0\0, more words".to_vec(), 500));
    assert_eq!(data(&parts.second), (b"a lesson".to_vec(), 512));
}

#[test]
fn the_last_line_that_matches_decides() {
    let rooms = Rooms::parse("shed:: # the whole room\n\n!shed::open\n").expect("it is a list");
    assert!(rooms.moves("shed::deep"));
    assert!(rooms.moves("<shed::Tool as hall::Show>::show"), "a method of its types");
    assert!(!rooms.moves("hall::Box<shed::Tool>::new"), "what others make of them");
    assert!(Rooms::parse("*shed::").expect("it is a list").moves("hall::Box<shed::Tool>::new"));
    assert!(!rooms.moves("shed::open"));
    assert!(!rooms.moves("hall::open"));
}

#[test]
fn a_module_that_cannot_load_another_is_refused() {
    let wasm = wat::parse_str("(module (table 1 funcref) (memory 1))").expect("it is well formed");
    assert!(halves(&wasm).is_err());
}
