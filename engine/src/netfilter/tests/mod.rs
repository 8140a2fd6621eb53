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

/// Rules beside others share what they were; what is said of the whole is as if all had been read at once.
#[test]
fn rules_beside_others_are_as_if_all_were_read_at_once() {
    let first = "*filter\n:INPUT ACCEPT [0:0]\n:A - [0:0]\n[3:7] -A INPUT -s 10.0.0.1 -j A\n[1:2] -A A -m recent --name one --set\n-A A -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n";
    let second = "*filter\n:B - [0:0]\n-I INPUT -j B\n[5:9] -A INPUT -m recent --name two --rcheck -j A\n-A B -m recent --name one --rcheck -m limit --limit 2/sec -j A\n-A B -m set --match-set S2 src -j RETURN\nCOMMIT\n";
    let mut recents = Recents::default();
    let mut tables = Tables::default();
    let by = |number: usize| move |_: usize| Some(OriginId::from_index(number));
    tables.restore(first, &by(1), &sets(), &mut recents).expect("good rules");
    let before = tables.clone();
    tables.restore(second, &by(2), &sets(), &mut recents).expect("good rules");
    let saved = tables.save(true);
    let again = Tables::parse(&saved, &sets(), &mut Recents::default()).expect("what was saved");
    assert_eq!(again.save(true), saved);
    assert_eq!(
        before.save(true),
        parse(first).expect("good rules").save(true),
        "it is not changed"
    );
    assert_eq!(self::saved(&tables, "INPUT"), "-j B||-s 10.0.0.1/32 -j A||-m recent --rcheck --seconds 0 --name two --mask 255.255.255.255 --rsource -j A".replace(" --seconds 0", ""));
    for (chain, index, origin) in
        [("INPUT", 0, 2), ("INPUT", 1, 1), ("INPUT", 2, 2), ("A", 1, 1), ("B", 0, 2)]
    {
        let numbers = 0..5;
        let chain = numbers
            .map(ChainId::from_index)
            .find(|it| tables.chain_name(Table::Filter, *it) == chain);
        let rule = RuleRef { table: Table::Filter, chain: chain.expect("it is there"), index };
        assert_eq!(tables.rule_origin(rule).map(Id::index), Some(origin), "{rule:?}");
    }
    assert!(!parse("*nat\n-A PREROUTING -j ACCEPT\nCOMMIT\n").expect("a rule").needs_conntrack());
    let mut tracks = before;
    assert!(!tracks.needs_conntrack());
    let third = "*filter\n-A INPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n";
    tracks.restore(third, &|_| None, &sets(), &mut recents).expect("good rules");
    assert!(tracks.needs_conntrack());
}

#[test]
fn rules_that_were_right_may_be_called_wrongly_by_those_put_beside_them() {
    use std::fmt::Write;
    let mut first = String::from(
        "*nat\n:TO - [0:0]\n-A PREROUTING -j TO\n-A TO -p tcp -j DNAT --to-destination 10.0.0.1\nCOMMIT\n*filter\n",
    );
    for n in 0..14 {
        let _ = writeln!(first, ":C{n} - [0:0]");
    }
    for n in 0..13 {
        let _ = writeln!(first, "-A C{n} -j C{}", n + 1);
    }
    let first = first + "-A INPUT -j C0\nCOMMIT\n";
    let refused = |second: &str| {
        let mut tables = parse(&first).expect("good rules");
        let before = tables.save(true);
        let error = tables.restore(second, &|_| None, &sets(), &mut Recents::default()).err();
        assert_eq!(tables.save(true) == before, error.is_some(), "{second}");
        error.map(|it| it.message)
    };
    let too_deep = Some("chains call each other more than 15 deep".to_owned());
    let two =
        "*filter\n:N0 - [0:0]\n:N1 - [0:0]\n-A FORWARD -j N0\n-A N0 -j N1\n-A N1 -j C0\nCOMMIT\n";
    assert_eq!(refused(two), too_deep);
    assert_eq!(refused("*filter\n:N0 - [0:0]\n-A INPUT -j N0\n-A N0 -j C0\nCOMMIT\n"), None);
    assert_eq!(
        refused("*filter\n-A C13 -j C0\nCOMMIT\n"),
        Some("this chain leads back to itself".to_owned())
    );
    assert!(refused("*nat\n-A POSTROUTING -j TO\nCOMMIT\n").is_some(), "DNAT is not for there");
    assert_eq!(refused("*nat\n-A OUTPUT -j TO\nCOMMIT\n"), None);
    let masks = "*filter\n-A INPUT -m recent --name x --set\nCOMMIT\n*filter\n-A INPUT -m recent --name x --mask 255.0.0.0 --set\nCOMMIT\n";
    assert_eq!(refused(masks), Some("rules that share a list need one --mask".to_owned()));
}
