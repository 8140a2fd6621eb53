//! Looking closer: the packet's fields and bytes, the tables, the captures.

use everyhop_engine::wire::dissect::dissect;
use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::native::{self, POD_TO_POD};
use crate::page::{Page, on_page};

/// A step whose frame has Ethernet, IPv4 and UDP.
fn step_with_udp() -> (usize, Vec<u8>) {
    let run = native::run(POD_TO_POD);
    let frames = run.story.steps.iter().enumerate().filter_map(|(step_idx, step)| {
        let moved = step.moves.first()?;
        Some((step_idx + 1, run.trace.bytes(moved.frame).to_vec()))
    });
    let has_udp = |frame: &[u8]| dissect(frame).iter().any(|layer| layer.name == "UDP");
    frames.into_iter().find(|(_, frame)| has_udp(frame)).expect("the lesson sends a datagram")
}

const LIT: &str = "return [...document.querySelectorAll('.bytes button.lit')]
    .map(it => Number(it.id.replace('byte-', '')))";

fn pressed_field(page: &Page) -> Value {
    page.browser.ask(
        "const it = document.querySelectorAll('.field[aria-pressed=true] .name');
         return [...it].map(it => it.textContent)",
        &[],
    )
}

#[test]
fn the_packet_panel_lists_every_field_and_byte_of_the_frame() {
    on_page(|page| {
        let (step, frame) = step_with_udp();
        page.open(&format!("#/lesson/pod-to-pod?step={step}"));
        let layers = dissect(&frame);
        let names: Vec<&str> =
            layers.iter().flat_map(|layer| layer.fields.iter().map(|field| field.name)).collect();
        page.gives(
            "every field is there",
            "return [...document.querySelectorAll('.field .name')].map(it => it.textContent)",
            &json!(names),
        );
        let bytes: Vec<String> = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        page.gives(
            "every byte is there",
            "return [...document.querySelectorAll('.bytes button')].map(it => it.textContent)",
            &json!(bytes),
        );
    });
}

#[test]
fn a_selected_field_lights_its_bytes() {
    on_page(|page| {
        let (step, frame) = step_with_udp();
        page.open(&format!("#/lesson/pod-to-pod?step={step}"));
        for (layer_idx, layer) in dissect(&frame).iter().enumerate() {
            for (field_idx, field) in layer.fields.iter().enumerate() {
                let css = format!(
                    ".layer:nth-of-type({}) li:nth-child({}) > .field",
                    layer_idx + 1,
                    field_idx + 1
                );
                page.click(&css);
                let expected: Vec<usize> = field.bytes.clone().collect();
                page.gives(&format!("{} {}", layer.name, field.name), LIT, &json!(expected));
            }
        }
    });
}

#[test]
fn a_selected_byte_lights_its_field() {
    on_page(|page| {
        let (step, frame) = step_with_udp();
        page.open(&format!("#/lesson/pod-to-pod?step={step}"));
        let layers = dissect(&frame);
        let fields = || layers.iter().flat_map(|layer| &layer.fields);
        for byte in [0, 7, 12, 14, 22, 26, 33, 35, 38] {
            let field = fields().find(|field| field.bytes.contains(&byte));
            let field = field.expect("a header's byte belongs to a field");
            page.click(&format!("#byte-{byte}"));
            let expected: Vec<usize> = field.bytes.clone().collect();
            page.gives(&format!("byte {byte}"), LIT, &json!(expected));
            assert_eq!(pressed_field(page), json!([field.name]), "byte {byte}");
        }
    });
}

#[test]
fn a_device_on_the_stage_shows_its_captures() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        for (device, command) in [
            ("node-1/veth1", "ip netns exec node-1 tcpdump -n -i veth1"),
            ("pod-1/eth0", "ip netns exec pod-1 tcpdump -n -i eth0"),
        ] {
            page.click(&format!("[data-device='{device}']"));
            page.says(command);
        }
    });
}

#[test]
fn a_namespace_on_the_stage_shows_its_tables_at_the_playhead() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        let name = By::Css("[data-netns='pod-2'] .netns-name");
        page.browser.click_at("the namespace's name", name);
        page.says("pod-2, as it is at this step");
        // The address itself, not the broadcast address that begins like it.
        let asks = r"return /10\.244\.1\.2\b/.test(document.querySelector('.tables').innerText)";
        assert_eq!(page.browser.ask(asks, &[]), false, "pod-2 knows no neighbour yet");
        page.keys(Key::End);
        page.holds("in the end pod-2 knows its neighbour", asks);
    });
}
