//! The header: where the learner is, and the theme.

use yew::prelude::*;

use crate::hooks::use_dispatch;
use crate::state::{Action, Theme};

#[derive(PartialEq, Properties)]
pub struct Props {
    /// What is shown; empty if nothing is.
    pub title: &'static str,
    /// Whether it is the learner's version of a lesson.
    pub edited: bool,
    /// In force now.
    pub theme: Theme,
}

#[component]
pub fn Top(props: &Props) -> Html {
    let dispatch = use_dispatch();
    let (other, label) = match props.theme {
        Theme::Light => (Theme::Dark, "Dark theme"),
        Theme::Dark => (Theme::Light, "Light theme"),
    };
    let toggle = dispatch.reform(move |_: MouseEvent| Action::SetTheme(other));
    html! {
        <header class="top">
            <a class="brand" href="#/lesson/pod-to-pod">{ "every" }<b>{ "hop" }</b></a>
            if !props.title.is_empty() {
                <span class="crumb">
                    <span class="wide">{ "Lessons › " }</span>{ props.title }
                    if props.edited { <span class="badge">{ "edited" }</span> }
                </span>
            }
            <span class="spring"></span>
            <button class="btn icon" aria-label={label} title={label} onclick={toggle}>{ "◐" }</button>
        </header>
    }
}
