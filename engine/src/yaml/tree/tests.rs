//! Claims about texts, good and bad.

use super::*;
use crate::base::Rng;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn read(text: &str) -> Result<Vec<Node>, Vec<String>> {
    let mut report = Report::default();
    let documents = parse(text, &mut report);
    if let Err(problem) = &documents {
        report.problem(problem.clone());
    }
    report
        .finish()
        .map_err(|problems| -> Vec<_> { problems.iter().map(ToString::to_string).collect() })?;
    documents.map_err(|problem| vec![problem.to_string()])
}

fn refused(text: &str) -> Vec<String> {
    read(text).expect_err("a text with a problem")
}

fn field<'n>(node: &'n Node, key: &str) -> &'n Field {
    match &node.value {
        Value::Map(fields) => &fields[key],
        other => panic!("{key} of {other:?}"),
    }
}

#[test]
fn every_value_knows_its_line_and_its_column_in_characters() {
    let documents = read("---\nä: {kind: Pod}\n---\n- [x, yes]\n").expect("two documents");
    let kind = field(&field(&documents[0], "ä").value, "kind");
    assert_eq!(kind.at, Position { line: 2, column: 5 });
    assert_eq!(kind.value.at, Position { line: 2, column: 11 });
    assert_eq!(documents[1].at, Position { line: 4, column: 1 });
}

#[test]
fn json_is_yaml() {
    let documents = read(r#"{"kind": "Pod", "ports": [{"containerPort": 80}]}"#).expect("JSON");
    assert!(matches!(&field(&documents[0], "ports").value.value, Value::List(l) if l.len() == 1));
}

#[test]
fn quotes_make_text_of_what_would_be_a_number_or_a_truth_value() {
    let scalar = |text: &str, plain| Scalar { text: text.into(), plain };
    for (text, meaning) in [
        ("80", Meaning::Int(80)),
        ("-0x1f", Meaning::Text("-0x1f")),
        ("0x1f", Meaning::Int(31)),
        ("0o17", Meaning::Int(15)),
        ("0x+1", Meaning::Text("0x+1")),
        ("1.5", Meaning::Float("1.5")),
        ("1e3", Meaning::Float("1e3")),
        ("99999999999999999999", Meaning::Float("99999999999999999999")),
        ("-.inf", Meaning::Float("-.inf")),
        ("inf", Meaning::Text("inf")),
        ("10.244.1", Meaning::Text("10.244.1")),
        ("true", Meaning::Bool(true)),
        ("yes", Meaning::Text("yes")),
        ("~", Meaning::Null),
        ("", Meaning::Null),
    ] {
        assert_eq!(scalar(text, true).meaning(), meaning);
        assert_eq!(scalar(text, false).meaning(), Meaning::Text(text));
    }
    let tagged = read("!!str 80").expect("a tagged scalar");
    assert_eq!(tagged[0].value, Value::Scalar(scalar("80", false)));
}

#[test]
fn a_key_given_twice_is_a_problem_that_names_both_places_and_the_rest_is_still_read() {
    assert_eq!(
        refused("name: a\nname: b\nspec: {x: 1, x: 2}\n"),
        [
            r#"2:1: the key "name" is here twice (first at line 1)"#,
            r#"3:14: the key "x" is here twice (first at line 3)"#,
        ]
    );
}

#[test]
fn what_is_not_yaml_is_refused_with_line_and_column() {
    for (text, message) in [
        (
            "a:\n\tb: 1\n",
            "2:2: not valid YAML: tabs disallowed within this context (block indentation)",
        ),
        ("a: [1, 2\nb: 3\n", "2:2: not valid YAML: "),
        ("a: \"open\n", "1:4: not valid YAML: "),
        ("a: *nobody\n", "1:4: not valid YAML: while parsing node, found unknown anchor"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed in this context"),
        ("[a]: 1\n", "1:1: expected a key, found a list or map as the key"),
        ("<<: {a: 1}\n", "1:1: merge keys (<<) are not supported: write the fields out"),
        ("a: &x [*x]\n", "1:8: an alias within its own anchor has no end"),
        ("a: !color red\n", "1:4: the tag !color has no meaning here"),
    ] {
        let problems = refused(text);
        assert!(problems[0].starts_with(message), "{text:?} gave {problems:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let refused = |bytes: &[u8]| text_from_bytes(bytes).expect_err("binary").to_string();
    let why = "is not UTF-8: expected YAML text, is this a binary file?";
    assert_eq!(refused(b"kind: Pod\n\xc3\xa4\xff"), format!("2:2: byte 0xff {why}"));
    assert_eq!(refused(b"\xfe\xff"), format!("1:1: byte 0xfe {why}"));
    assert_eq!(
        super::tests::refused("\u{7f}ELF\0"),
        ["1:5: a NUL byte: expected YAML text, is this a binary file?"]
    );
    assert_eq!(text_from_bytes("\u{feff}a: 1".as_bytes()), Ok("a: 1"));
}

#[test]
fn ten_megabytes_are_refused_before_they_are_read() {
    let message = "the text is too long: 10485760 bytes, and the limit is 4194304 bytes (4 MiB)";
    let bytes = vec![b'#'; 10 << 20];
    assert_eq!(text_from_bytes(&bytes).expect_err("too long").to_string(), message);
    assert_eq!(refused(std::str::from_utf8(&bytes).expect("ASCII")), [message]);
}

#[test]
fn an_alias_bomb_is_refused_at_the_limit() {
    let levels = (1..9).map(|level| {
        let below = format!("*a{}, ", level - 1).repeat(9);
        format!("a{level}: &a{level} [{below}]\n")
    });
    let text = format!("a0: &a0 [x, x, x, x, x, x, x, x, x]\n{}", levels.collect::<String>());
    assert_eq!(
        refused(&text),
        ["6:5: too many values, with aliases expanded: the limit is 1000000"]
    );

    let list = format!("first: &a0 {}\nrest:\n{}", "x".repeat(1 << 20), "- *a0\n".repeat(20));
    assert_eq!(refused(&list), ["16:3: too much text, with aliases expanded: the limit is 16 MiB"]);
}

#[test]
fn nesting_without_end_is_refused() {
    let message = "lists and maps are nested too deep: the limit is 64 levels";
    assert_eq!(refused(&"[".repeat(100_000)), [format!("1:256: {message}")]);
    assert_eq!(refused(&"- ".repeat(100_000)), [format!("1:129: {message}")]);
    let by_alias = format!(
        "- &a {}{}\n- {}*a{}",
        "[".repeat(40),
        "]".repeat(40),
        "[".repeat(30),
        "]".repeat(30)
    );
    assert_eq!(refused(&by_alias), [format!("2:33: {message}")]);
}

#[test]
fn of_thousands_of_problems_the_first_hundred_are_listed() {
    let problems = refused(&"a: 1\n".repeat(5000));
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100], "4899 more problems are not listed");
}

#[test]
fn no_text_makes_the_reader_panic() {
    const PIECES: &[&str] = &[
        "a",
        "b: ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "&x ",
        "*x",
        "\"",
        "'",
        "|",
        ">",
        "!!str ",
        "#",
        "---\n",
        "...",
        "\t",
        "?",
        "%YAML 1.2\n",
        "ä",
        "\r\n",
        "0x",
        "~",
        "<<: ",
        "\u{feff}",
        "!",
        "|2-\n",
        "\u{85}",
    ];
    let mut rng = Rng::new(1);
    for _ in 0..20_000 {
        let text: String = (0..rng.below(40))
            .map(|_| PIECES[rng.below(u32::try_from(PIECES.len()).expect("few")) as usize])
            .collect();
        let _ = read(&text);
    }
    for _ in 0..2_000 {
        let bytes: Vec<u8> = (0..rng.below(60)).map(|_| rng.bits16().to_be_bytes()[0]).collect();
        let _ = text_from_bytes(&bytes);
        let _ = read(&String::from_utf8_lossy(&bytes));
    }
}
