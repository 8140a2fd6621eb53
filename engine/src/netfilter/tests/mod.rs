//! Claims about the text of rules, compared with what iptables printed.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::ipset::Sets;
use super::matches::Recents;
use super::table::Tables;
use super::words::RuleError;
use crate::base::Nanos;

/// Given to `iptables-restore`, and printed by `iptables-save`; see the head of the file. What this engine refuses aloud has
/// a fifth field.
const RULES: &str = include_str!("rules.tsv");

fn sets() -> Sets {
    let text = "create S1 hash:ip\ncreate S2 hash:net\n";
    Sets::parse(text, Nanos::ZERO).expect("two sets")
}

fn parse(text: &str) -> Result<Tables, RuleError> {
    Tables::parse(text, &sets(), &mut Recents::default())
}

/// The rules of a chain as they are saved.
fn saved(tables: &Tables, chain: &str) -> String {
    let text = tables.save(false);
    let start = format!("-A {chain}");
    let rules = text.lines().filter_map(|line| line.strip_prefix(&start)).map(str::trim_start);
    rules.collect::<Vec<_>>().join("||")
}

#[test]
fn rules_are_read_and_printed_as_iptables_reads_and_prints_them() {
    let mut wrong = Vec::new();
    for line in RULES.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (&[table, chain, typed, expected] | &[table, chain, typed, expected, "refused"]) =
            &*fields
        else {
            panic!("four fields, or five: {line}")
        };
        let text =
            format!("*{table}\n:CHAIN - [0:0]\n:OTHER - [0:0]\n-A {chain} {typed}\nCOMMIT\n");
        let expected = if expected == "=" { typed } else { expected };
        match parse(&text) {
            Ok(tables) if fields.len() == 4 && saved(&tables, chain) == expected => {}
            Ok(tables) => wrong.push(format!("{line}\n  printed {}", saved(&tables, chain))),
            Err(_) if expected == "!" || fields.len() == 5 => {}
            Err(error) => wrong.push(format!("{line}\n  {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
