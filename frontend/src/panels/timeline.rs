//! Transport: play, step, scrub, speed, and the legs of the journey as a coloured track.

use yew::prelude::*;

use crate::hooks::{Dispatch, click, maybe};
use crate::platform;
use crate::state::run::Shown;
use crate::state::{Action, Session, Speed};
use crate::svg::leg_class;

/// The transport of what is shown.
pub fn timeline(session: &Session, shown: &Shown, dispatch: &Dispatch) -> Html {
    let (step_idx, n_steps) = (session.step_idx, shown.n_steps());
    let empty = n_steps == 0;
    let on = |action| click(dispatch, action);
    let (play, sign) = if session.playing { ("Pause", PAUSE) } else { ("Play", PLAY) };
    let step = shown.run.story.steps.get(step_idx);
    let at = step.map(|step| step.at.to_string()).unwrap_or_default();
    let caption = shown.run.captions.get(step_idx);
    let says = caption.map(|it| format!("Step {} of {n_steps}: {}", step_idx + 1, it.title));
    let seek = maybe(dispatch, |event: InputEvent| {
        let number: usize = platform::value_of(&event).parse().ok()?;
        Some(Action::Seek(number.saturating_sub(1)))
    });
    let set_speed = maybe(dispatch, |event: Event| {
        let chosen = platform::choice_of(&event);
        Speed::ALL.into_iter().find(|speed| speed.label() == chosen).map(Action::SetSpeed)
    });
    html! {
        <section class="transport" aria-label="Playback">
            { button("Restart", RESTART, "round", empty || session.is_at_start(), on(Action::Restart)) }
            { button("Previous step", BACK, "round", session.is_at_start(), on(Action::StepBack)) }
            { button(play, sign, "round play", n_steps < 2, on(Action::TogglePlay)) }
            { button("Next step", NEXT, "round", session.is_at_end(), on(Action::StepForward)) }
            <div class="scrub">
                { track(shown) }
                { ahead(step_idx, n_steps) }
                <input
                    type="range"
                    min="1"
                    max={n_steps.max(1).to_string()}
                    step="1"
                    value={(step_idx + 1).to_string()}
                    aria-label="Step"
                    aria-valuetext={says}
                    disabled={n_steps < 2}
                    oninput={seek}
                />
            </div>
            <span class="clock mono" title="Virtual time since the packet was sent">{ at }</span>
            <select class="btn" aria-label="Speed" onchange={set_speed}>
                { for Speed::ALL.into_iter().map(|speed| html! {
                    <option key={speed.label()} value={speed.label()} selected={speed == session.speed}>
                        { speed.label() }
                    </option>
                }) }
            </select>
        </section>
    }
}

const PLAY: &str = "M7 4.5v15l12-7.5z";
const PAUSE: &str = "M6 5h4v14H6zM14 5h4v14h-4z";
const NEXT: &str = "M6 5v14l9-7zM16 5h2.5v14H16z";
const BACK: &str = "M18 5v14l-9-7zM5.5 5H8v14H5.5z";
const RESTART: &str = "M12 5a7 7 0 1 1-6.7 5h2.6A4.6 4.6 0 1 0 12 7.4V11L6.5 6.2 12 1.5z";

fn button(
    name: &'static str,
    path: &'static str,
    class: &'static str,
    disabled: bool,
    onclick: Callback<MouseEvent>,
) -> Html {
    // Not `disabled`: a button that loses its focus at the last step would throw a keyboard user back to the start.
    html! {
        <button {class} aria-label={name} title={name} aria-disabled={disabled.to_string()} {onclick}>
            <svg viewBox="0 0 24 24" aria-hidden="true"><path d={path} /></svg>
        </button>
    }
}

/// Where a step's share of the track begins, in per mille: each step stands in the middle of its share.
fn share_start(step_idx: usize, n_steps: usize) -> usize {
    match n_steps {
        0 | 1 => 0,
        n => ((2 * step_idx).saturating_sub(1) * 500 / (n - 1)).min(1000),
    }
}

/// A segment's share of the track, in per mille, that has room for its name.
const NAMED: usize = 100;

/// Two of the article's numbers stand side by side from here on, in per mille of the track.
const CLOSE: usize = 24;

fn per_cent(per_mille: usize) -> String {
    format!("{}.{}%", per_mille / 10, per_mille % 10)
}

/// The legs as segments, with their names.
fn track(shown: &Shown) -> Html {
    let story = &shown.run.story;
    let n_steps = story.steps.len();
    let mut first = 0;
    let segments = story.steps.chunk_by(|a, b| a.leg == b.leg).map(|steps| {
        let start = share_start(first, n_steps);
        first += steps.len();
        let end = if first == n_steps { 1000 } else { share_start(first, n_steps) };
        let leg = &story.legs[steps[0].leg];
        let named = end - start >= NAMED;
        html! {
            <g key={first} class={leg_class(leg.kind)}>
                <rect x={per_cent(start)} y="11" width={per_cent(end - start)} height="8" />
                if named {
                    <text x={per_cent(start)} dx="2" y="36">{ &leg.label }</text>
                }
            </g>
        }
    });
    let numbers = shown.run.captions.iter().enumerate().filter_map(|(step_idx, caption)| {
        Some((step_idx * 1000 / n_steps.saturating_sub(1).max(1), caption.article?))
    });
    let marks = marks(numbers).into_iter().map(|(at, first, last)| {
        let text = if first == last { first.to_string() } else { format!("{first}–{last}") };
        html! { <text key={format!("article-{at}")} class="mark" x={per_cent(at)} y="5">{ text }</text> }
    });
    html! { <svg class="track" aria-hidden="true">{ for segments }{ for marks }</svg> }
}

/// The article's numbers where they stand, in thousandths; those too close to stand side by side are one mark, from the
/// first number to the last that counts on.
fn marks(numbers: impl Iterator<Item = (usize, u8)>) -> Vec<(usize, u8, u8)> {
    let mut marks: Vec<(usize, u8, u8)> = Vec::new();
    for (at, number) in numbers {
        match marks.last_mut() {
            Some((from, _, last)) if at - *from < CLOSE => {
                if number == *last + 1 {
                    *last = number;
                }
            }
            _ => marks.push((at, number, number)),
        }
    }
    marks
}

/// Veils the part of the track that is ahead of the playhead.
fn ahead(step_idx: usize, n_steps: usize) -> Html {
    let done = step_idx * 1000 / n_steps.saturating_sub(1).max(1);
    html! {
        <svg class="track ahead" aria-hidden="true">
            <rect x={per_cent(done)} y="10" width={per_cent(1000 - done)} height="10" />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_cover_each_other_are_one_mark() {
        let numbers = [(10, 1), (20, 2), (30, 3), (100, 4), (110, 1)];
        assert_eq!(marks(numbers.into_iter()), [(10, 1, 3), (100, 4, 4)]);
    }

    #[test]
    fn segments_cover_the_track_and_each_step_stands_within_its_own() {
        for n in 2..40 {
            assert_eq!(share_start(0, n), 0);
            for step_idx in 1..n {
                let stands = |step_idx: usize| step_idx * 1000 / (n - 1);
                let border = share_start(step_idx, n);
                assert!(stands(step_idx - 1) <= border && border <= stands(step_idx), "{n}");
            }
        }
    }
}
