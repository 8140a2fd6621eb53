//! The first lesson: what it shows is what the engine says.

use serde_json::json;

use crate::native::{self, NODE_TO_NODE, POD_TO_POD};
use crate::page::{NETNS_NAMES, on_page};

#[test]
fn the_page_opens_with_the_first_step_of_pod_to_pod() {
    on_page(|page| {
        page.open("");
        page.is_at(1);
        assert_eq!(page.n_steps(), native::run(POD_TO_POD).story.steps.len());
        page.gives(
            "the address names what is shown",
            "return location.hash",
            &json!("#/lesson/pod-to-pod?step=1"),
        );
        page.gives("the stage is as the world", NETNS_NAMES, &json!(["node-1", "pod-1", "pod-2"]));
        page.holds("the document is named", "return document.title.startsWith('Pod to pod')");
    });
}

#[test]
fn a_datagram_crosses_the_bridge_and_its_answer_comes_back() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        let mut ways = [("leg-request", Vec::new()), ("leg-reply", Vec::new())];
        for step in 1..=page.n_steps() {
            if step > 1 {
                page.press("Next step");
            }
            page.is_at(step);
            let packet = page.browser.ask(
                "const it = document.querySelector('[data-packet]');
                 return [it.getAttribute('class').split(' ').find(c => c.startsWith('leg-')), it.dataset.at]",
                &[],
            );
            for (leg, way) in &mut ways {
                if packet[0] == *leg && way.last() != Some(&packet[1]) {
                    way.push(packet[1].clone());
                }
            }
        }
        let there = ["pod-1/eth0", "node-1/veth0", "node-1/vbr0", "node-1/veth1", "pod-2/eth0"];
        let back: Vec<_> = there.iter().rev().collect();
        assert_eq!(json!(ways[0].1), json!(there));
        assert_eq!(json!(ways[1].1), json!(back));
    });
}

#[test]
fn every_step_of_pod_to_pod_shows_what_the_engine_says() {
    shows_what_the_engine_says("pod-to-pod", POD_TO_POD);
}

#[test]
fn every_step_of_node_to_node_shows_what_the_engine_says() {
    shows_what_the_engine_says("node-to-node", NODE_TO_NODE);
}

fn shows_what_the_engine_says(lesson: &str, text: &str) {
    on_page(|page| {
        page.open(&format!("#/lesson/{lesson}"));
        let run = native::run(text);
        page.gives("the namespaces are drawn", NETNS_NAMES, &json!(native::netns_names(&run)));
        let (shown, said) = (page.walk(), native::seen(&run));
        assert_eq!(shown.len(), said.len(), "number of steps");
        for (step_idx, (shown, said)) in shown.iter().zip(&said).enumerate() {
            assert_eq!(shown, said, "step {}", step_idx + 1);
        }
    });
}

#[test]
fn every_device_that_a_packet_reaches_is_drawn() {
    on_page(|page| {
        page.open("#/lesson/node-to-node");
        let drawn = page.browser.ask(
            "return [...document.querySelectorAll('[data-device]')].map(it => it.dataset.device)",
            &[],
        );
        for seen in native::seen(&native::run(NODE_TO_NODE)) {
            let Some(at) = seen.at else { continue };
            assert!(drawn.as_array().is_some_and(|all| all.contains(&json!(at))), "{at}: {drawn}");
        }
    });
}

#[test]
fn the_live_region_speaks_each_step() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        let said = native::seen(&native::run(POD_TO_POD));
        let n_steps = said.len();
        for (step_idx, seen) in said.iter().enumerate() {
            let step = step_idx + 1;
            page.gives(
                "the live region has the step",
                "return document.querySelector('[aria-live=polite]').textContent",
                &json!(format!("Step {step} of {n_steps}. {}. {}", seen.title, seen.text)),
            );
            if step < n_steps {
                page.press("Next step");
            }
        }
    });
}

#[test]
fn the_list_of_steps_leads_to_each_of_them() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        let titles: Vec<String> =
            native::seen(&native::run(POD_TO_POD)).into_iter().map(|it| it.title).collect();
        page.gives(
            "the list has every title",
            "return [...document.querySelectorAll('.to-step > span')].map(it => it.firstChild.data)",
            &json!(titles),
        );
        for step in [titles.len(), 1, 3] {
            page.click(&format!("#step-{step}"));
            page.is_at(step);
        }
    });
}
