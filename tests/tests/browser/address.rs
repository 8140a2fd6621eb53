//! The address bar: it follows the playhead, and the playhead follows it, wherever it points.

use serde_json::json;

use crate::native::{self, NODE_TO_NODE};
use crate::page::{Page, on_page};

fn address_is(page: &Page, hash: &str) {
    page.gives("the address follows", "return location.hash", &json!(hash));
}

#[test]
fn the_address_follows_the_playhead() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        for step in 2..=4 {
            page.press("Next step");
            address_is(page, &format!("#/lesson/pod-to-pod?step={step}"));
        }
    });
}

#[test]
fn a_deep_link_opens_at_its_step() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod?step=4");
        page.is_at(4);
        address_is(page, "#/lesson/pod-to-pod?step=4");
        page.reload();
        page.is_at(4);
    });
}

#[test]
fn a_changed_address_moves_the_playhead_without_loading_anew() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        page.browser.ask("window.stillHere = true", &[]);
        page.follow("#/lesson/pod-to-pod?step=6");
        page.is_at(6);
        page.follow("#/lesson/node-to-node?step=2");
        let title = native::title(NODE_TO_NODE);
        page.holds(
            "the other lesson is here",
            &format!("return document.title.startsWith({})", json!(title)),
        );
        page.is_at(2);
        page.holds("nothing was loaded", "return window.stillHere === true");
    });
}

#[test]
fn a_lesson_that_there_is_not_gives_a_message_and_a_way_on() {
    on_page(|page| {
        page.open("#/lesson/no-such-lesson");
        page.says("There is no lesson “no-such-lesson”");
        page.click("main a[href='#/lesson/pod-to-pod']");
        page.is_at(1);
        page.press("Next step");
        page.is_at(2);
    });
}

#[test]
fn a_step_beyond_the_end_opens_the_last_and_says_so() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod?step=999");
        let last = page.n_steps();
        page.is_at(last);
        page.says("There is no step 999");
        page.press("Previous step");
        page.is_at(last - 1);
    });
}

#[test]
fn a_step_that_is_no_number_opens_the_first_and_says_so() {
    on_page(|page| {
        for (step, steps_from) in [("abc", 1), ("-1", 1), ("", 1), ("1e9", 1), ("0", 1)] {
            page.open(&format!("#/lesson/pod-to-pod?step={step}"));
            page.is_at(steps_from);
            page.holds(
                &format!("step={step} gives a message"),
                "return !!document.querySelector('main [role=status]')?.innerText",
            );
            page.press("Next step");
            page.is_at(2);
        }
    });
}

#[test]
fn odd_addresses_leave_a_page_that_works() {
    on_page(|page| {
        for hash in ["#", "#/", "#//", "#/lesson", "#?step=2", "#/lesson/%00?step", "#/lesson/own"]
        {
            page.open(hash);
            page.click("nav a[href='#/lesson/pod-to-pod']");
            page.is_at(1);
            page.press("Next step");
            page.is_at(2);
        }
    });
}
