//! How fast the page is: from a key press to the paint that shows the step, and from frame to frame while it plays. No
//! test but a measurement, for `cargo xtask bench --page`: how busy the machine is decides as much as the page does.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::native::LESSONS;
use crate::page::Page;

/// Milliseconds that a key press may take.
const PRESS_MS: f64 = 16.0;
/// Milliseconds between two frames while playing.
const FRAME_MS: f64 = 32.0;
/// Each step is measured so often, on a page loaded anew; the best counts, since others use the machine too.
const ROUNDS: usize = 3;
/// Hops of the longest lesson that are gone one by one.
const HOPS: usize = 60;
const PLAYED: Duration = Duration::from_secs(3);

/// Panels that are open while a lesson plays: what costs least, and most.
const PLAYED_WITH: [&str; 3] = ["Packet", "Timeline", "Tables"];
const PANELS: [&str; 6] = ["Packet", "Timeline", "Rules walked", "Tables", "Captures", "YAML"];

/// Notes for each key press when its step was painted: a frame's callbacks come before style, layout and paint, and a
/// message after.
const WATCH_KEYS: &str = "
    window.presses = [];
    addEventListener('keydown', event => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => presses.push(performance.now() - event.timeStamp);
        channel.port2.postMessage(0);
    }), true)";

/// The last press, once there are so many.
const PRESSED: &str = "return window.presses.length >= arguments[0] ? window.presses.at(-1) : null";

const WATCH_FRAMES: &str = "
    window.frames_ms = [];
    let last = null;
    const frame = now => {
        if (last !== null) frames_ms.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame)";

/// What a key press cost, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Press {
    /// From the key to the paint, with the wait for the next frame.
    painted: f64,
    /// What the page's main thread had of a processor meanwhile, the driver's own questions included.
    processor: f64,
}

/// The least of each press in all rounds.
fn best(rounds: &[Vec<Press>]) -> Vec<Press> {
    let n = rounds.iter().map(Vec::len).min().unwrap_or_default();
    let least = |at: usize, of: fn(&Press) -> f64| {
        rounds.iter().map(|round| of(&round[at])).fold(f64::INFINITY, f64::min)
    };
    let press =
        |at| Press { painted: least(at, |it| it.painted), processor: least(at, |it| it.processor) };
    (0..n).map(press).collect()
}

/// Milliseconds that the page's main thread has worked so far.
fn worked(page: &Page) -> f64 {
    let told = page.browser.devtools("Performance.getMetrics", json!({}));
    let mut metrics = told["metrics"].as_array().into_iter().flatten();
    let found = metrics.find(|it| it["name"] == "TaskDuration");
    found.and_then(|it| it["value"].as_f64()).unwrap_or_default() * 1000.0
}

/// Median, 95th percentile and worst.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return [0.0; 3] };
    [last / 2, last * 95 / 100, last].map(|at| values[at])
}

fn press(page: &Page, key: Key, count: usize) -> Press {
    let before = worked(page);
    page.browser.keys(&char::from(key).to_string());
    let told =
        page.browser.until("a press is painted", PRESSED, &[count.into()], |it| !it.is_null());
    Press { painted: told.as_f64().unwrap_or_default(), processor: worked(page) - before }
}

/// Forward `n` times and back again.
fn to_and_fro(page: &Page, hash: &str, panel: &str, n: Option<usize>) -> Vec<Press> {
    page.open(hash);
    page.open_tab(panel);
    page.browser.ask("document.activeElement?.blur()", &[]);
    page.browser.ask(WATCH_KEYS, &[]);
    page.browser.devtools("Performance.enable", json!({"timeDomain": "threadTicks"}));
    let n = n.unwrap_or_else(|| page.n_steps() - 1);
    let keys = [Key::Right, Key::Left].into_iter().flat_map(|key| std::iter::repeat_n(key, n));
    keys.enumerate().map(|(at, key)| press(page, key, at + 1)).collect()
}

fn verdict(worst: f64, limit: f64) -> String {
    if worst > limit { format!("above {limit} ms") } else { "ok".to_owned() }
}

fn measure_keys(page: &Page, name: &str, hash: &str, n: Option<usize>) {
    for panel in PANELS {
        let rounds: Vec<_> = (0..ROUNDS).map(|_| to_and_fro(page, hash, panel, n)).collect();
        let presses = best(&rounds);
        let processor = spread(presses.iter().map(|it| it.processor).collect());
        let painted = spread(presses.iter().map(|it| it.painted).collect());
        let text = |it: [f64; 3]| it.map(|ms| format!("{ms:>6.1}")).join(" ");
        println!(
            "{name:<34} {panel:<13} {:>4}  {}   {}  {}",
            presses.len(),
            text(painted),
            text(processor),
            verdict(painted[2], PRESS_MS)
        );
    }
}

fn frames(page: &Page, hash: &str, panel: &str) -> Vec<f64> {
    page.open(hash);
    page.open_tab(panel);
    page.choose("Speed", "4×");
    page.press("Play");
    page.browser.ask(WATCH_FRAMES, &[]);
    thread::sleep(PLAYED);
    let told = page.browser.ask("return window.frames_ms", &[]);
    told.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

fn measure_frames(page: &Page, name: &str, hash: &str) {
    for panel in PLAYED_WITH {
        let rounds = (0..ROUNDS).map(|_| frames(page, hash, panel));
        let worst = |it: &Vec<f64>| it.iter().copied().fold(0.0, f64::max);
        let best = rounds.min_by(|a, b| worst(a).total_cmp(&worst(b))).unwrap_or_default();
        let over = best.iter().filter(|&&ms| ms > FRAME_MS).count();
        let [median, _, longest] = spread(best.clone());
        println!(
            "{name:<34} {panel:<13} {:>4}  {median:>6.1} {longest:>6.1} {over:>4}  {}",
            best.len(),
            verdict(longest, FRAME_MS)
        );
    }
}

#[test]
#[ignore = "a measurement, for cargo xtask bench --page"]
fn from_key_to_paint_and_from_frame_to_frame() {
    let page = Page::start();
    let load = || std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("Load of this machine: {}", load().trim());
    println!(
        "From key press to paint, in milliseconds, each step the best of {ROUNDS}: by the clock, with"
    );
    println!(
        "the wait for the browser's next frame (up to 16.7); and the main thread's processor time."
    );
    println!("Each as median, 95th percentile, worst.");
    println!("{:<34} {:<13} keys  {:<20}   {:<20}", "lesson", "panel", "to paint", "processor");
    let only = std::env::var("EVERYHOP_ONLY").ok();
    let chosen = || LESSONS.iter().filter(|it| only.as_deref().is_none_or(|only| only == it.0));
    for (lesson, ..) in chosen() {
        measure_keys(&page, lesson, &format!("#/lesson/{lesson}"), None);
    }
    let longest = "ingress-controller";
    if chosen().any(|it| it.0 == longest) {
        // From the middle, where every table is full.
        page.open(&format!("#/lesson/{longest}?hops=all"));
        let middle = page.n_steps() / 2;
        let hash = format!("#/lesson/{longest}?step={middle}&hops=all");
        measure_keys(&page, &format!("{longest}, by hop"), &hash, Some(HOPS));
    }
    println!(
        "\nFrom frame to frame while playing at 4×, in milliseconds, the best of {ROUNDS}: median,"
    );
    println!("longest, and how many are over {FRAME_MS}.");
    println!("{:<34} {:<13} frames", "lesson", "panel");
    for (lesson, ..) in chosen() {
        measure_frames(&page, lesson, &format!("#/lesson/{lesson}"));
    }
    println!("Load of this machine: {}", load().trim());
}
