//! The stage looked at closely, and the lanes of the timeline.

use serde_json::{Value, json};

use crate::page::{Page, on_page};

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
