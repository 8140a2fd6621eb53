//! The stage looked at closely, and the lanes of the timeline.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::page::{PHONE, Page, on_page};

const WIDTH: &str = "return document.querySelector('.stage-svg').getBoundingClientRect().width";

fn width(page: &Page) -> Value {
    page.browser.ask(WIDTH, &[])
}

#[test]
fn the_stage_comes_nearer_by_keys_and_buttons_and_the_page_stays() {
    on_page(|page| {
        page.open("#/lesson/node-to-node?step=5");
        let whole = width(page);
        page.browser.ask("document.querySelector('[data-device]').focus()", &[]);
        page.browser.keys("++");
        let larger = format!("return {whole} * 1.2 < (() => {{ {WIDTH} }})()");
        page.holds("the drawing is larger", &larger);
        page.gives("the page is not scrolled", "return scrollY", &json!(0));
        page.press("Whole stage (0)");
        page.gives("the whole stage is back", WIDTH, &whole);
    });
}

/// Where the stage is scrolled to.
const SCROLLED: &str =
    "const it = document.querySelector('.view'); return [it.scrollLeft, it.scrollTop]";

/// Whether the packet's device is in the window, above the transport.
const IN_SIGHT: &str = "const at = document.querySelector('[data-packet]').dataset.at;
    const it = document.querySelector(`[data-device=\"${at}\"]`).getBoundingClientRect();
    const view = document.querySelector('.view').getBoundingClientRect();
    const below = document.querySelector('.transport').getBoundingClientRect().top;
    return it.bottom > 0 && it.top < below && it.right > view.left && it.left < view.right";

#[test]
fn the_mouse_drags_the_stage_and_chooses_nothing_by_it() {
    on_page(|page| {
        page.open("#/lesson/node-to-node?step=5");
        for zoom in ["1.25", "1.5", "2"] {
            page.press("Larger (+)");
            let zoomed = "return getComputedStyle(document.querySelector('.view')).getPropertyValue('--zoom')";
            page.gives("it comes nearer", zoomed, &json!(zoom));
        }
        // What is pressed has the focus, and comes into sight whole.
        page.browser.ask("document.querySelector('[data-device=\"node-1/vbr0\"]').focus()", &[]);
        let before = page.browser.ask(SCROLLED, &[]);
        page.browser.drag("the bridge", By::Css("[data-device='node-1/vbr0']"), (-90, -40));
        let moved = |at: usize, by: i64| json!(before[at].as_i64().unwrap_or_default() + by);
        page.gives("the stage came along", SCROLLED, &json!([moved(0, 90), moved(1, 40)]));
        page.holds(
            "the bridge is not chosen",
            "return !document.querySelector('.stage-svg .selected')",
        );
        page.click("[data-device='node-1/vbr0']");
        page.holds("now it is", "return !!document.querySelector('.stage-svg .selected')");
    });
}

#[test]
fn shift_and_arrows_move_the_stage_and_not_the_playhead() {
    on_page(|page| {
        page.open("#/lesson/node-to-node?step=5");
        page.browser.ask("document.querySelector('[data-device]').focus()", &[]);
        page.browser.keys("++++");
        page.holds(
            "there is something to scroll",
            "const it = document.querySelector('.view'), zoom = getComputedStyle(it).getPropertyValue('--zoom');
             return zoom === '2.5' && it.scrollWidth > it.clientWidth + 200",
        );
        page.browser.ask("document.querySelector('.view').scrollTo(0, 0)", &[]);
        page.browser.chord(Key::Shift, Key::Right.into());
        page.gives("it moved", SCROLLED, &json!([60, 0]));
        page.is_at(5);
    });
}

#[test]
fn the_stage_follows_the_packet_until_the_reader_looks_elsewhere() {
    on_page(|page| {
        page.size(PHONE);
        let last = {
            page.open("#/lesson/node-to-node");
            page.n_steps()
        };
        page.open(&format!("#/lesson/node-to-node?step={last}"));
        page.holds("a link shows the packet", IN_SIGHT);
        for step in (1..last).rev() {
            page.keys(Key::Left);
            page.is_at(step);
            page.holds(&format!("step {step} shows the packet"), IN_SIGHT);
        }
        page.browser.ask("document.querySelector('.caption').scrollIntoView()", &[]);
        let away = "return document.querySelector('.back').checkVisibility()";
        page.holds("the page noticed", away);
        page.keys(Key::Right);
        page.is_at(2);
        assert_eq!(page.browser.ask(away, &[]), true, "the text stays");
        page.browser.ask("document.querySelector('.back').click()", &[]);
        page.holds("the packet is back", IN_SIGHT);
        page.holds(
            "the way back is gone",
            "return !document.querySelector('.back').checkVisibility()",
        );
    });
}

#[test]
fn a_lens_fades_what_is_not_looked_at() {
    on_page(|page| {
        page.open("#/lesson/node-to-node?step=5");
        let opacity = |css: &str| {
            let script =
                format!("return Number(getComputedStyle(document.querySelector('{css}')).opacity)");
            page.browser.ask(&script, &[])
        };
        assert_eq!(opacity(".container"), json!(1));
        page.browser.ask(
            "const list = document.querySelector('.looks select');
             list.value = 'L2: links and bridges';
             list.dispatchEvent(new Event('change', {bubbles: true}))",
            &[],
        );
        page.holds("a lens is in front", "return !!document.querySelector('.lens-l2')");
        assert_ne!(opacity(".container"), json!(1));
        assert_eq!(opacity(".device-bridge"), json!(1));
    });
}

#[test]
fn the_timeline_has_a_mark_a_step_and_leaves_out_the_kinds_that_are_not_wanted() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        page.open_tab("Timeline");
        let marks = "return document.querySelectorAll('.board title').length";
        page.gives("a mark a step", marks, &json!(page.n_steps()));
        page.browser.ask(
            "[...document.querySelectorAll('.lanes .chip')].find(it => it.innerText.includes('ARP')).click()",
            &[],
        );
        page.holds("fewer marks", &format!("{marks} < {}", page.n_steps()));
        page.press("Next step of these kinds");
        let kind = "return [...document.querySelectorAll('.board title')].map(it => it.textContent)
            .some(it => it.startsWith(`Step ${document.querySelector('[data-step]').dataset.step},`))";
        page.gives("the playhead is on a mark that is shown", kind, &Value::Bool(true));
    });
}
