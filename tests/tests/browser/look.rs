//! Sizes, themes and motion.

use serde_json::json;

use crate::page::{LAPTOP, PHONE, Page, on_page};

const LESSONS: [&str; 3] = ["pod-to-pod", "node-to-node", "own"];

fn background(page: &Page) -> serde_json::Value {
    page.browser.ask("return getComputedStyle(document.body).backgroundColor", &[])
}

#[test]
fn on_a_phone_nothing_scrolls_sideways_and_the_transport_is_in_view() {
    on_page(|page| {
        page.size(PHONE);
        for lesson in LESSONS {
            page.open(&format!("#/lesson/{lesson}?step=3"));
            for tab in ["Tables", "Captures", "YAML", "Packet"] {
                page.open_tab(tab);
                let widths = page
                    .browser
                    .ask("return [document.documentElement.scrollWidth, innerWidth]", &[]);
                assert!(
                    widths[0].as_u64() <= widths[1].as_u64(),
                    "{lesson}, {tab}: {widths} (wide, and there is room for)"
                );
            }
            page.browser.ask("scrollTo(0, 0)", &[]);
            page.holds(
                &format!("{lesson}: the transport is in view"),
                "return [...document.querySelectorAll('.transport button')].every(it => {
                     const r = it.getBoundingClientRect();
                     return r.width > 0 && r.top >= 0 && r.bottom <= innerHeight
                         && r.left >= 0 && r.right <= innerWidth
                 })",
            );
        }
    });
}

#[test]
fn on_a_phone_the_transport_never_covers_what_has_the_focus() {
    on_page(|page| {
        page.size(PHONE);
        page.open("#/lesson/pod-to-pod?step=3");
        let covered = page.browser.ask(
            "const transport = document.querySelector('.transport');
             const all = [...document.querySelectorAll('button, a, summary, [role=button]')];
             return all.filter(it => {
                 if (transport.contains(it) || !it.checkVisibility()) return false;
                 scrollTo(0, 0);
                 it.focus();
                 return it === document.activeElement && it.tabIndex >= 0
                     && it.getBoundingClientRect().bottom > transport.getBoundingClientRect().top + 1;
             }).map(it => it.getAttribute('aria-label') ?? it.textContent)",
            &[],
        );
        assert_eq!(covered, json!([]));
    });
}

#[test]
fn on_a_phone_playing_keeps_the_packet_in_view() {
    on_page(|page| {
        page.size(PHONE);
        page.open("#/lesson/node-to-node?step=18");
        page.choose("Speed", "4×");
        page.press("Play");
        page.is_at(page.n_steps() - 12);
        page.holds(
            "the device where the packet is lies above the transport",
            "const at = document.querySelector('[data-packet]').dataset.at;
             const it = document.querySelector(`[data-device=\"${at}\"]`).getBoundingClientRect();
             const transport = document.querySelector('.transport').getBoundingClientRect();
             return it.top >= 0 && it.bottom <= transport.top",
        );
    });
}

#[test]
fn on_a_laptop_the_stage_and_its_caption_are_in_view_without_scrolling() {
    on_page(|page| {
        page.size(LAPTOP);
        for lesson in LESSONS {
            page.open(&format!("#/lesson/{lesson}?step=3"));
            page.holds(
                &format!("{lesson}: all is in view"),
                "return scrollY === 0 && ['.stage', 'aside h1', '.transport'].every(css => {
                     const r = document.querySelector(css).getBoundingClientRect();
                     return r.width > 0 && r.height > 0 && r.top >= 0 && r.bottom <= innerHeight + 1
                 })",
            );
            page.holds(
                &format!("{lesson}: the packet is within the stage"),
                "const stage = document.querySelector('.stage').getBoundingClientRect();
                 const r = document.querySelector('[data-packet] .dot').getBoundingClientRect();
                 return r.left >= stage.left && r.right <= stage.right
                     && r.top >= stage.top && r.bottom <= stage.bottom",
            );
        }
    });
}

/// The time that the packet glides into the step at the playhead, in milliseconds.
const GLIDE_MS: &str = "const packet = document.querySelector('[data-packet]');
    return Math.max(0, ...packet.getAnimations().map(it => it.effect.getComputedTiming().duration))";

#[test]
fn a_packet_glides_into_the_next_step() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod?step=2");
        page.press("Next step");
        page.is_at(3);
        // A finished animation is not listed any more, so its time is taken from the style.
        let glide = page.browser.ask(
            "return getComputedStyle(document.querySelector('[data-packet]')).animationDuration",
            &[],
        );
        assert_ne!(glide, "0s");
    });
}

#[test]
fn with_reduced_motion_a_packet_jumps() {
    on_page(|page| {
        page.prefer(&[("prefers-reduced-motion", "reduce")]);
        page.open("#/lesson/pod-to-pod?step=2");
        for step in 3..=6 {
            page.press("Next step");
            page.is_at(step);
            let glide = page.browser.ask(GLIDE_MS, &[]);
            assert!(glide.as_f64().is_some_and(|ms| ms < 1.0), "step {step} glides {glide} ms");
        }
    });
}

#[test]
fn a_chosen_theme_is_remembered() {
    on_page(|page| {
        page.prefer(&[("prefers-color-scheme", "light")]);
        page.open("");
        let light = background(page);
        page.press("Dark theme");
        page.gives("it is dark", "return document.documentElement.dataset.theme", &json!("dark"));
        let dark = background(page);
        assert_ne!(dark, light);
        page.reload();
        page.gives(
            "it is still dark",
            "return getComputedStyle(document.body).backgroundColor",
            &dark,
        );
        page.press("Light theme");
        page.gives(
            "it is light again",
            "return getComputedStyle(document.body).backgroundColor",
            &light,
        );
        page.reload();
        assert_eq!(background(page), light);
    });
}

#[test]
fn without_a_choice_the_theme_is_the_systems() {
    on_page(|page| {
        let mut found = Vec::new();
        for scheme in ["light", "dark"] {
            page.prefer(&[("prefers-color-scheme", scheme)]);
            page.open("");
            found.push(background(page));
        }
        assert_ne!(found[0], found[1]);
    });
}
