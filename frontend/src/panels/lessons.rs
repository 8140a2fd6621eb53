//! The list of lessons, and the steps of the one that is open: its stops, each with the hops folded under it, or all hops
//! grouped by the message they carry.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::platform;
use crate::state::lessons::{ARTICLE, Lesson, OWN};
use crate::state::run::Shown;
use crate::state::{Action, Level, Page};
use crate::svg::leg_class;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub page: Page,
    pub shown: Option<Shown>,
    pub step_idx: usize,
    pub level: Level,
    /// On a phone the list starts folded.
    pub narrow: bool,
    pub dispatch: Dispatch,
}

#[component]
pub fn Lessons(props: &Props) -> Html {
    let opened = use_state_eq(|| false);
    let toggle = {
        let opened = opened.clone();
        Callback::from(move |_| opened.set(!*opened))
    };
    use_effect_with((props.shown.clone(), props.step_idx, *opened), |(_, step_idx, _)| {
        platform::reveal(&step_id(*step_idx));
    });
    html! {
        <details class="side" open={!props.narrow}>
            <summary>{ "Lessons and steps" }</summary>
            <nav aria-label="Lessons">
                <h2>{ "The article" }</h2>
                { for ARTICLE.iter().enumerate().map(|(n, lesson)| {
                    link(&props.page, lesson, &(n + 1).to_string())
                }) }
                { link(&props.page, &OWN, "+") }
            </nav>
            if let Some(shown) = props.shown.as_ref().filter(|shown| shown.n_steps() > 0) {
                if shown.is_folded() {
                    { stops(shown, props, *opened, &toggle) }
                } else {
                    { steps(shown, props.step_idx, &props.dispatch) }
                }
            }
        </details>
    }
}

fn link(page: &Page, lesson: &Lesson, mark: &str) -> Html {
    let here = *page == Page::Lesson(lesson.id);
    html! {
        <a
            key={lesson.id.as_str()}
            class={classes!("lesson", here.then_some("on"))}
            href={format!("#/lesson/{}", lesson.id.as_str())}
            aria-current={here.then_some("page")}
        >
            <i aria-hidden="true">{ mark.to_owned() }</i>{ lesson.short }
        </a>
    }
}

fn step_id(step_idx: usize) -> String {
    format!("step-{}", step_idx + 1)
}

fn steps(shown: &Shown, playhead: usize, dispatch: &Dispatch) -> Html {
    let (story, captions) = (&shown.run.story, &shown.run.captions);
    // A leg that is left and taken up again, as a packet that waits for ARP, has a group for each part.
    let groups = story.steps.chunk_by(|a, b| a.leg == b.leg);
    let mut first = 0;
    let groups = groups.map(|steps| {
        let start = first;
        first += steps.len();
        let leg = &story.legs[steps[0].leg];
        let rows = captions[start..first].iter().enumerate().map(|(n, caption)| {
            let step_idx = start + n;
            let here = step_idx == playhead;
            let go = click(dispatch, Action::Seek(step_idx));
            html! {
                <li key={step_idx}>
                    <button
                        id={step_id(step_idx)}
                        class={classes!("to-step", here.then_some("on"))}
                        aria-current={here.then_some("step")}
                        onclick={go}
                    >
                        <i>{ step_idx + 1 }</i>
                        <span>
                            { &caption.title }
                            if let Some(number) = caption.article {
                                <span class="article">{ format!("article {number}") }</span>
                            }
                        </span>
                    </button>
                </li>
            }
        });
        html! {
            <li key={start} class={classes!("leg", leg_class(leg.kind))}>
                <h3>{ &leg.label }</h3>
                <ol>{ for rows }</ol>
            </li>
        }
    });
    html! {
        <nav class="steps" aria-label="Steps">
            <h2>{ "The packet's way" }</h2>
            <ol data-scrolls="true">{ for groups }</ol>
        </nav>
    }
}

/// The stops, and under the one at the playhead its hops.
fn stops(shown: &Shown, props: &Props, opened: bool, toggle: &Callback<MouseEvent>) -> Html {
    let (stops, here) = (&shown.run.stops, shown.stop_of(props.step_idx));
    let every_hop = props.level == Level::Hops;
    let rows = stops.iter().enumerate().map(|(index, stop)| {
        let is_here = index == here;
        let end = stops.get(index + 1).map_or(shown.n_steps(), |next| next.first);
        let n_hops = end - stop.first;
        let open = is_here && (opened || every_hop);
        let leg = shown.run.story.steps[stop.at].leg;
        html! {
            <li
                key={index}
                id={(is_here && !every_hop).then(|| step_id(props.step_idx))}
                class={leg_class(shown.run.story.legs[leg].kind)}
            >
                <button
                    class={classes!("to-step", is_here.then_some("on"))}
                    aria-current={is_here.then_some("step")}
                    onclick={click(&props.dispatch, Action::Seek(stop.at))}
                >
                    <i>{ index + 1 }</i>
                    <span>
                        { &stop.caption.title }
                        if let Some(number) = stop.caption.article {
                            <span class="article">{ format!("article {number}") }</span>
                        }
                    </span>
                </button>
                if is_here && n_hops > 1 {
                    if !every_hop {
                        <button class="fold" aria-expanded={open.to_string()} onclick={toggle}>
                            { format!("{n_hops} hops") }
                        </button>
                    }
                    if open {
                        <ol class="hops">
                            { for (stop.first..end).map(|step_idx| hop(shown, step_idx, props)) }
                        </ol>
                    }
                }
            </li>
        }
    });
    let level = |level, label: &'static str| {
        html! {
            <button
                class="chip"
                aria-pressed={(props.level == level).to_string()}
                onclick={click(&props.dispatch, Action::SetLevel(level))}
            >
                { label }
            </button>
        }
    };
    html! {
        <nav class="steps" aria-label="Steps">
            <h2>{ "The packet's way" }</h2>
            <div class="level" role="group" aria-label="How far a step goes">
                { level(Level::Stops, "Step by step") }
                { level(Level::Hops, "Every hop") }
            </div>
            <ol class="stops" data-scrolls="true">{ for rows }</ol>
        </nav>
    }
}

/// One hop, under its stop.
fn hop(shown: &Shown, step_idx: usize, props: &Props) -> Html {
    let step = &shown.run.story.steps[step_idx];
    let is_here = step_idx == props.step_idx;
    html! {
        <li key={step_idx} class={leg_class(shown.run.story.legs[step.leg].kind)}>
            <button
                id={(props.level == Level::Hops).then(|| step_id(step_idx))}
                class={classes!("to-hop", is_here.then_some("on"))}
                aria-current={is_here.then_some("true")}
                onclick={click(&props.dispatch, Action::SeekHop(step_idx))}
            >
                { &step.title }
            </button>
        </li>
    }
}
