//! The switch between a lesson's variants.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::state::Action;
use crate::state::run::Shown;

/// The switch; nothing for a lab that has no variants.
pub fn variants(shown: &Shown, dispatch: &Dispatch) -> Option<Html> {
    let variants = shown.lab.variants.as_ref()?;
    let choices = variants.choices.iter().enumerate().map(|(index, choice)| {
        html! {
            <button
                key={index}
                class="chip"
                aria-pressed={(index == variants.chosen).to_string()}
                onclick={click(dispatch, Action::SelectVariant(choice.name.clone()))}
            >
                { &choice.title }
            </button>
        }
    });
    Some(html! {
        <div class="variants" role="group" aria-label={variants.label.clone()}>
            <span>{ &variants.label }</span>
            { for choices }
        </div>
    })
}
