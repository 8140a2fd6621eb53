//! Claims about the text of rules, compared with what iptables printed.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::ipset::Sets;
use super::matches::Recents;
use super::table::Tables;
use super::words::RuleError;
use crate::base::{ChainId, Id, Nanos, OriginId, Table};
use crate::trace::RuleRef;

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

#[test]
fn rules_are_put_beside_those_that_are_there_and_declared_chains_are_emptied_before() {
    let first = "*filter\n:INPUT DROP [0:0]\n:MINE - [0:0]\n:OTHER - [0:0]\n[3:7] -A INPUT -j MINE\n-A MINE -j ACCEPT\n-A OTHER -j DROP\nCOMMIT\n";
    let mut tables = parse(first).expect("good rules");
    let second = "*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n*filter\n:MINE - [0:0]\n:NEW - [0:0]\n-I INPUT -j NEW\n-A MINE -j RETURN\nCOMMIT\n*filter\n-A NEW -j OTHER\nCOMMIT\n";
    let origin = |line| (line == 6).then(|| OriginId::from_index(5));
    let mut restore = |text| tables.restore(text, &origin, &sets(), &mut Recents::default());
    assert_eq!(restore(second), Ok(()));
    assert!(
        restore("*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n*filter\n-A X -j Y\nCOMMIT\n").is_err()
    );
    assert_eq!(
        tables.save(true),
        "*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:MINE - [0:0]
:NEW - [0:0]
:OTHER - [0:0]
[0:0] -A INPUT -j NEW
[3:7] -A INPUT -j MINE
[0:0] -A MINE -j RETURN
[0:0] -A NEW -j OTHER
[0:0] -A OTHER -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
[0:0] -A POSTROUTING -j MASQUERADE
COMMIT
"
    );
    let rule = |index| RuleRef { table: Table::Filter, chain: ChainId::from_index(0), index };
    let origins = [0, 1].map(|index| tables.rule_origin(rule(index)).map(Id::index));
    assert_eq!(origins, [Some(5), None], "the rule of line 6 alone has an origin");
}
