//! The lesson about the model: who learns what is seen, and the rules of each node as they come.

use serde_json::json;
use thirtyfour::prelude::Key;

use crate::native::{self, MODEL};
use crate::page::{PHONE, on_page};

/// The program with the state `now`, and its node.
const ACTS: &str = "return [...document.querySelectorAll('.agent.now')].map(it => [it.dataset.agent, it.dataset.of])";

/// The headline over a node's rules.
const SAYS: &str = "return (document.querySelector('.written h3')?.innerText ?? '')";

#[test]
fn the_model_comes_first_in_the_list_and_a_first_visit_still_opens_pod_to_pod() {
    on_page(|page| {
        page.open("");
        page.gives(
            "the first of the list",
            "return document.querySelector('.lesson').getAttribute('href')",
            &json!("#/lesson/model"),
        );
        page.gives("what is opened", "return location.hash", &json!("#/lesson/pod-to-pod?step=1"));
    });
}

#[test]
fn the_stage_lights_the_program_that_acts_as_the_engine_recorded_it() {
    on_page(|page| {
        page.open("#/lesson/model");
        let run = native::run(MODEL);
        for (index, stop) in run.stops.iter().enumerate() {
            if index > 0 {
                page.press("Next step");
            }
            page.is_at(index + 1);
            let note = run.story.steps[stop.at].note(&run.trace);
            let mut expected: Vec<(&str, &str)> = Vec::new();
            if let Some(note) = note.filter(|it| it.by != "CoreDNS") {
                if note.tells && note.by != "kube-apiserver" {
                    expected.push(("kube-apiserver", ""));
                }
                expected.push((note.by, &note.netns));
            }
            page.gives(&format!("who acts at stop {}", index + 1), ACTS, &json!(expected));
        }
    });
}

#[test]
fn a_pod_is_not_there_before_its_kubelet_has_started_it() {
    on_page(|page| {
        let veils = "return document.querySelectorAll('.absent text').length";
        page.open("#/lesson/model?step=1");
        page.gives("the Deployment's pods are still to come", veils, &json!(2));
        page.open("#/lesson/model?step=5");
        page.gives("they are there", veils, &json!(0));
    });
}

#[test]
fn a_nodes_rules_are_shown_by_a_click_on_its_kube_proxy_and_are_those_of_that_instant() {
    on_page(|page| {
        let press = |node: &str| {
            page.click(&format!("[data-agent='kube-proxy'][data-of='{node}']"));
        };
        // Its kube-proxy has written them just now.
        page.open("#/lesson/model?step=8");
        press("node-1");
        page.holds("node-1 has new rules", &format!("{SAYS}.includes('7 of them new')"));
        page.gives(
            "and they are first",
            "return document.querySelectorAll('.written .yes').length",
            &json!(7),
        );
        // That of node-3 is yet to hear.
        press("node-3");
        page.gives(
            "node-3 has none",
            "return document.querySelectorAll('.written .yes').length",
            &json!(0),
        );
        page.press("Next step");
        page.gives(
            "then it has",
            "return document.querySelectorAll('.written .yes').length",
            &json!(7),
        );
    });
}

#[test]
fn the_doors_to_the_other_lessons_are_open_at_the_end_and_within_reach_from_the_start() {
    on_page(|page| {
        page.open("#/lesson/model?step=1");
        let open = "return document.querySelector('.doors').open";
        page.gives("they are folded at first", open, &json!(false));
        page.browser.ask("document.querySelector('.doors summary').focus()", &[]);
        page.browser.keys(&char::from(Key::Enter).to_string());
        page.gives("the keyboard opens them", open, &json!(true));
        page.click(".doors a[href='#/lesson/egress']");
        page.gives("one leads there", "return location.hash", &json!("#/lesson/egress?step=1"));
        page.open("#/lesson/model?step=13");
        page.gives("they are open at the end", open, &json!(true));
        page.gives(
            "there is one to each lesson",
            "return document.querySelectorAll('.doors a').length",
            &json!(native::LESSONS.len() - 1),
        );
    });
}

#[test]
fn on_a_phone_the_control_plane_is_drawn_within_the_stage() {
    on_page(|page| {
        page.size(PHONE);
        page.open("#/lesson/model?step=8");
        page.holds(
            "every program is within the drawing",
            "const stage = document.querySelector('.view').getBoundingClientRect();
             const all = [...document.querySelectorAll('.agent rect')].map(it => it.getBoundingClientRect());
             return all.length === 9 && all.every(r => r.left >= stage.left && r.right <= stage.right + 1)",
        );
        page.holds(
            "nothing scrolls sideways",
            "return document.documentElement.scrollWidth <= innerWidth",
        );
    });
}
