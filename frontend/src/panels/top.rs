//! The header: where the learner is, and the theme.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::state::{Action, Theme};

/// The header. `title`: what is shown, empty if nothing is; `edited`: whether it is the learner's version of a lesson;
/// `theme`: the one in force.
pub fn top(title: &'static str, edited: bool, theme: Theme, dispatch: &Dispatch) -> Html {
    let (other, label) = match theme {
        Theme::Light => (Theme::Dark, "Dark theme"),
        Theme::Dark => (Theme::Light, "Light theme"),
    };
    let toggle = click(dispatch, Action::SetTheme(other));
    html! {
        <header class="top">
            <a class="brand" href="#/lesson/pod-to-pod">{ "every" }<b>{ "hop" }</b></a>
            if !title.is_empty() {
                <span class="crumb">
                    <span class="wide">{ "Lessons › " }</span>{ title }
                    if edited { <span class="badge">{ "edited" }</span> }
                </span>
            }
            <span class="spring"></span>
            <button class="btn icon" aria-label={label} title={label} onclick={toggle}>{ "◐" }</button>
        </header>
    }
}
