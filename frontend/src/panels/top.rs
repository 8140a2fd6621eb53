//! The header: where the learner is, and the theme.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::state::lessons::{Lesson, LessonId};
use crate::state::{Action, Theme};

/// The header. `lesson`: what is shown, if something is; `edited`: whether it is the learner's version of it; `theme`: the
/// one in force.
pub fn top(lesson: Option<LessonId>, edited: bool, theme: Theme, dispatch: &Dispatch) -> Html {
    let (other, label) = match theme {
        Theme::Light => (Theme::Dark, "Dark theme"),
        Theme::Dark => (Theme::Light, "Light theme"),
    };
    let toggle = click(dispatch, Action::SetTheme(other));
    html! {
        <header class="top">
            <a class="brand" href="#/lesson/pod-to-pod">{ "every" }<b>{ "hop" }</b></a>
            if let Some(lesson) = lesson {
                { to_lesson(lesson.neighbours()[0], "Previous lesson", "‹") }
                <span class="crumb">
                    <span class="wide">{ "Lessons › " }</span>{ lesson.lesson().title }
                    if edited { <span class="badge">{ "edited" }</span> }
                </span>
                { to_lesson(lesson.neighbours()[1], "Next lesson", "›") }
            }
            <span class="spring"></span>
            <button class="btn icon" aria-label={label} title={label} onclick={toggle}>{ "◐" }</button>
        </header>
    }
}

/// A link to a lesson beside this one; nothing where there is none.
fn to_lesson(lesson: Option<&Lesson>, what: &str, sign: &'static str) -> Html {
    lesson.map_or_else(Html::default, |lesson| {
        let label = format!("{what}: {}", lesson.short);
        html! {
            <a
                class="beside"
                href={format!("#/lesson/{}", lesson.id.as_str())}
                aria-label={label.clone()}
                title={label}
            >
                { sign }
            </a>
        }
    })
}
