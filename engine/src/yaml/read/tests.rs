//! Claims about what a reader says.

use super::*;
use crate::yaml::parse;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn with(text: &str, read: impl FnOnce(&At<'_>, &mut Report)) -> Vec<String> {
    let mut report = Report::default();
    let documents = parse(text, &mut report).expect("valid YAML");
    read(&At::root(&documents[0]), &mut report);
    let listed = match report.finish() {
        Ok(notices) => notices,
        Err(problems) => problems,
    };
    listed.iter().map(ToString::to_string).collect()
}

#[test]
fn every_wrong_type_is_named_with_its_place_and_path_and_what_was_expected() {
    let text = "port: http\nbig: 65536\nip: 10.5\non: yes\nlist: {a: 1}\nmap: [1]\nname: 5\n";
    let said = with(text, |at, report| {
        let field = |key| at.field(key).expect("it is there");
        assert_eq!(field("port").number(1..=65535u16, report), None);
        assert_eq!(field("big").number(1..=65535u16, report), None);
        assert_eq!(field("ip").text("an IPv4 address", report), None);
        assert_eq!(field("on").flag(report), None);
        assert!(field("list").items("a list of ports", report).is_empty());
        assert!(at.section("map", report).is_none());
        assert_eq!(field("name").text("a name", report), None);
        assert!(at.required("kind", "a kind such as Pod", report).is_none());
    });
    assert_eq!(
        said,
        [
            "1:1: kind: expected a kind such as Pod, found nothing",
            "1:7: port: expected a number 1 to 65535, found the text \"http\"",
            "2:6: big: expected a number 1 to 65535, found the number 65536",
            "3:5: ip: expected an IPv4 address, found the number 10.5 (quotes make it text)",
            "4:5: on: expected true or false, found the text \"yes\"",
            "5:7: list: expected a list of ports, found a map",
            "6:6: map: expected a map, found a list",
            "7:7: name: expected a name, found the number 5 (quotes make it text)",
        ]
    );
}

#[test]
fn paths_name_list_items_by_their_index_from_0() {
    let said = with("spec: {containers: [{ports: [{containerPort: x}]}]}", |at, report| {
        for container in at.field("spec").expect("there").list("containers", "a list", report) {
            for port in container.list("ports", "a list", report) {
                port.field("containerPort").expect("there").number(1..=65535u16, report);
            }
        }
    });
    assert_eq!(
        said,
        [
            "1:46: spec.containers[0].ports[0].containerPort: expected a number 1 to 65535, found the text \"x\""
        ]
    );
}

#[test]
fn a_field_that_is_almost_one_that_is_read_is_pointed_out_and_others_are_not() {
    let text = "nodename: a\nhost_network: true\nnodeSelector: {}\nhostname: b\nnodeNmae: c\n";
    let said = with(text, |at, report| {
        at.misspelt(&["nodeName", "hostNetwork"], &["hostname"], report);
    });
    assert_eq!(
        said,
        [
            "1:1: \"nodename\" is no field that is read here: did you mean nodeName?",
            "2:1: \"host_network\" is no field that is read here: did you mean hostNetwork?",
            "5:1: \"nodeNmae\" is no field that is read here: did you mean nodeName?",
        ]
    );
}

#[test]
fn long_texts_are_shortened_in_messages() {
    let said = with(&format!("a: {}", "ä".repeat(1000)), |at, report| {
        at.field("a").expect("there").flag(report);
    });
    assert_eq!(
        said,
        [format!("1:4: a: expected true or false, found the text \"{}…\"", "ä".repeat(60))]
    );
}
