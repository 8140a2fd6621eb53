//! Play, pause, step, restart, scrub and speed; by mouse and by keyboard.

use std::thread;
use std::time::Duration;

use serde_json::json;
use thirtyfour::prelude::*;

use crate::page::{Page, on_page};

const LESSON: &str = "#/lesson/pod-to-pod";

fn has_button(page: &Page, name: &str) {
    page.holds(
        &format!("there is a button “{name}”"),
        &format!("return !!document.querySelector('button[aria-label=\"{name}\"]')"),
    );
}

#[test]
fn previous_step_and_restart_go_back() {
    on_page(|page| {
        page.open(&format!("{LESSON}?step=5"));
        page.press("Previous step");
        page.is_at(4);
        page.press("Previous step");
        page.is_at(3);
        page.press("Restart");
        page.is_at(1);
    });
}

#[test]
fn a_step_shows_the_same_from_either_side() {
    on_page(|page| {
        page.open(LESSON);
        let forward = page.walk();
        for step in (1..=forward.len()).rev() {
            page.is_at(step);
            assert_eq!(page.seen(), forward[step - 1], "step {step}");
            if step > 1 {
                page.press("Previous step");
            }
        }
    });
}

#[test]
fn nothing_leads_beyond_the_ends() {
    on_page(|page| {
        page.open(LESSON);
        page.press("Previous step");
        page.press("Restart");
        page.keys(Key::Left);
        page.press("Next step");
        page.is_at(2);
        page.keys(Key::End);
        let last = page.n_steps();
        page.is_at(last);
        page.press("Next step");
        page.keys(Key::Right);
        page.press("Previous step");
        page.is_at(last - 1);
    });
}

#[test]
fn arrows_home_and_end_move_the_playhead() {
    on_page(|page| {
        page.open(LESSON);
        page.keys(Key::Right);
        page.is_at(2);
        page.keys(Key::Right);
        page.is_at(3);
        page.keys(Key::Left);
        page.is_at(2);
        page.keys(Key::End);
        page.is_at(page.n_steps());
        page.keys(Key::Home);
        page.is_at(1);
    });
}

#[test]
fn space_plays_and_pauses() {
    on_page(|page| {
        page.open(LESSON);
        page.keys(Key::Space);
        has_button(page, "Pause");
        page.keys(Key::Space);
        has_button(page, "Play");
    });
}

#[test]
fn play_goes_to_the_end_by_itself() {
    on_page(|page| {
        page.open(LESSON);
        page.choose("Speed", "4×");
        page.press("Play");
        has_button(page, "Pause");
        page.is_at(page.n_steps());
        has_button(page, "Play");
    });
}

#[test]
fn play_at_the_end_begins_anew() {
    on_page(|page| {
        page.open(LESSON);
        page.choose("Speed", "4×");
        page.keys(Key::End);
        page.is_at(page.n_steps());
        page.press("Play");
        page.is_at(2);
    });
}

#[test]
fn pause_stops_where_the_packet_is() {
    on_page(|page| {
        page.open(LESSON);
        page.choose("Speed", "4×");
        page.press("Play");
        page.is_at(3);
        page.press("Pause");
        has_button(page, "Play");
        let stopped = page.step();
        // More than twice the time that a step takes.
        thread::sleep(Duration::from_millis(1500));
        assert_eq!(page.step(), stopped);
    });
}

#[test]
fn the_scrubber_is_driven_by_keyboard() {
    on_page(|page| {
        page.open(LESSON);
        page.browser.ask("document.querySelector('input[aria-label=Step]').focus()", &[]);
        let press = |key: Key| page.browser.keys(&char::from(key).to_string());
        press(Key::Right);
        page.is_at(2);
        press(Key::End);
        page.is_at(page.n_steps());
        press(Key::Left);
        page.is_at(page.n_steps() - 1);
        press(Key::Home);
        page.is_at(1);
        page.holds(
            "a screen reader hears the step's title",
            "return document.querySelector('input[aria-label=Step]').ariaValueText.startsWith('Step 1 of ')",
        );
    });
}

#[test]
fn the_scrubber_follows_the_playhead() {
    on_page(|page| {
        page.open(LESSON);
        for step in 2..=4 {
            page.press("Next step");
            page.gives(
                "the scrubber stands at the step",
                "return document.querySelector('input[aria-label=Step]').value",
                &json!(step.to_string()),
            );
        }
    });
}

#[test]
fn a_focused_button_keeps_space_and_arrows_still_step() {
    on_page(|page| {
        page.open(LESSON);
        page.browser.ask("document.querySelector('button[aria-label=\"Next step\"]').focus()", &[]);
        page.browser.keys(" ");
        page.is_at(2);
        page.browser.keys(&char::from(Key::Right).to_string());
        page.is_at(3);
        has_button(page, "Play");
    });
}
