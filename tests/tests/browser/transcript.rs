//! The transcript: the whole lesson as a text on the page.

use serde_json::{Value, json};
use thirtyfour::prelude::Key;

use everyhop_engine::lesson::Lab;

use crate::native::LESSONS;
use crate::page::on_page;

#[test]
fn every_lesson_can_be_read_to_its_end_under_transcript() {
    on_page(|page| {
        for (lesson, text, _) in LESSONS {
            page.open(&format!("#/lesson/{lesson}"));
            page.open_tab("Transcript");
            let lab = Lab::load(text).expect("a lesson's lab").lab;
            let run = lab.run();
            let mut titles: Vec<String> = run
                .stops
                .iter()
                .enumerate()
                .map(|(index, stop)| format!("{}. {}", index + 1, stop.caption.title))
                .collect();
            titles.push("How it ended".into());
            page.gives(
                &format!("{lesson} has a heading for each stop"),
                "return [...document.querySelectorAll('.transcript h3')].map(it => it.textContent)",
                &json!(titles),
            );
            let file = page.browser.ask(
                "const it = document.querySelector('.transcript a[download]');
                 return [it.download, decodeURIComponent(it.href.split(',')[1])]",
                &[],
            );
            assert_eq!(file[0], json!(format!("everyhop-{lesson}.md")));
            assert_eq!(file[1], Value::from(run.transcript(&lab).markdown()), "{lesson}");
        }
    });
}

#[test]
fn the_transcript_is_reached_by_the_keyboard() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        page.browser.ask("document.querySelector('#tab-packet').focus()", &[]);
        page.browser.keys(&char::from(Key::End).to_string());
        page.holds("the last tab is open", "return !!document.querySelector('textarea')");
        page.browser.keys(&char::from(Key::Left).to_string());
        page.holds("the one before is", "return !!document.querySelector('.transcript h3')");
        page.browser.keys(&char::from(Key::Tab).to_string());
        page.holds(
            "the text has the focus next, so that the arrow keys scroll it",
            "return document.activeElement.classList.contains('transcript')",
        );
    });
}

#[test]
fn on_paper_there_is_the_transcript_alone() {
    on_page(|page| {
        page.open("#/lesson/pod-to-pod");
        page.open_tab("Transcript");
        page.browser.devtools("Emulation.setEmulatedMedia", json!({"media": "print"}));
        page.holds(
            "the rest of the page is not printed",
            "return ['.top', '.side', '.middle', '.caption', '.transport', '.tabs'].every(
                 it => getComputedStyle(document.querySelector(it)).display === 'none')",
        );
        page.holds(
            "and nothing of it is cut off",
            "const it = document.querySelector('.drawer');
             return it.scrollHeight <= it.clientHeight + 1",
        );
    });
}
