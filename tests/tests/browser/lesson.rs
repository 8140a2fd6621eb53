//! The lessons: what they show is what the engine says.

use serde_json::json;

use everyhop_engine::lesson::Lab;

use crate::native::{self, EGRESS, LESSONS, NODE_TO_NODE, POD_TO_POD};
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
        let run = native::run(NODE_TO_NODE);
        for step in 0..run.story.steps.len() {
            let Some(at) = native::at(&run, step) else { continue };
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

#[test]
fn every_lesson_walks_to_its_end_and_back_in_every_variant() {
    on_page(|page| {
        for (lesson, text, variants) in LESSONS {
            let names = if variants.is_empty() {
                vec![None]
            } else {
                variants.iter().copied().map(Some).collect()
            };
            for name in names {
                let variant = name.map_or_else(String::new, |name| format!("?variant={name}"));
                page.open(&format!("#/lesson/{lesson}{variant}"));
                let lab = Lab::load_variant(text, &[], name).expect("a lesson's lab").lab;
                let said = native::seen(&lab.run());
                assert_eq!(page.walk(), said, "{lesson}{variant}");
                for (index, seen) in said.iter().enumerate().rev() {
                    assert_eq!(&page.seen(), seen, "{lesson}{variant}, back at {}", index + 1);
                    page.press("Previous step");
                    page.is_at(index.max(1));
                }
            }
        }
    });
}

#[test]
fn a_lesson_goes_hop_by_hop_where_that_is_asked_for() {
    on_page(|page| {
        let run = native::run(EGRESS);
        page.open("#/lesson/egress?step=3");
        let at = run.stops[2].at;
        assert_eq!(page.n_steps(), run.stops.len());
        page.press("Every hop");
        page.is_at(at + 1);
        assert_eq!(page.n_steps(), run.story.steps.len());
        page.press("Next step");
        page.is_at(at + 2);
        assert_eq!(page.seen().at, native::at(&run, at + 1));
        page.gives(
            "the address has it",
            "return location.hash",
            &json!(format!("#/lesson/egress?step={}&hops=all", at + 2)),
        );
        page.reload();
        page.is_at(at + 2);
        page.press("Step by step");
        page.is_at(4);
    });
}

#[test]
fn a_bet_is_placed_with_the_keyboard_and_the_next_step_answers_it() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        page.holds(
            "there is a bet",
            "return document.querySelectorAll('.bet .choice').length === 3",
        );
        page.browser.ask("document.querySelectorAll('.bet .choice')[1].focus()", &[]);
        page.browser.keys(&char::from(thirtyfour::Key::Enter).to_string());
        page.holds(
            "it is placed",
            "return document.querySelectorAll('.choice')[1].ariaPressed === 'true'",
        );
        page.press("Next step");
        page.is_at(2);
        page.says("Not this time");
        page.press("Previous step");
        page.is_at(1);
        page.browser.ask("document.querySelectorAll('.bet .choice')[0].click()", &[]);
        page.press("Next step");
        page.is_at(2);
        page.says("You won your bet");
    });
}

#[test]
fn a_command_of_a_real_machine_prints_what_this_lab_has() {
    on_page(|page| {
        page.open("#/lesson/egress?step=1");
        page.browser.ask("document.querySelector('.look button').click()", &[]);
        page.says("198.18.100.80 via 10.244.1.1 dev eth0 src 10.244.1.3 uid 0");
    });
}

#[test]
fn the_variants_are_a_switch_and_the_address_keeps_it() {
    on_page(|page| {
        page.open("#/lesson/ingress-load-balancer");
        page.press("Local");
        page.gives(
            "the address has it",
            "return location.hash",
            &json!("#/lesson/ingress-load-balancer?step=1&variant=local"),
        );
        page.reload();
        page.holds(
            "it is still chosen",
            "return document.querySelector('.variants [aria-pressed=true]').innerText === 'Local'",
        );
    });
}
