//! The switch between a lesson's variants, and all of them side by side.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::state::Action;
use crate::state::run::{Shown, variants_of};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub dispatch: Dispatch,
}

/// The switch; nothing for a lab that has no variants.
#[component]
pub fn Variants(props: &Props) -> Html {
    let compared = use_state_eq(|| false);
    let toggle = {
        let compared = compared.clone();
        Callback::from(move |_| compared.set(!*compared))
    };
    // The others are run when somebody wants to see them.
    let all = use_memo((props.shown.clone(), *compared), |(shown, compared)| {
        if *compared { variants_of(shown) } else { Vec::new() }
    });
    let Some(variants) = &props.shown.lab.variants else { return Html::default() };
    let choices = variants.choices.iter().enumerate().map(|(index, choice)| {
        html! {
            <button
                key={index}
                class="chip"
                aria-pressed={(index == variants.chosen).to_string()}
                onclick={click(&props.dispatch, Action::SelectVariant(choice.name.clone()))}
            >
                { &choice.title }
            </button>
        }
    });
    html! {
        <>
            <div class="variants" role="group" aria-label={variants.label.clone()}>
                <span>{ &variants.label }</span>
                { for choices }
                <button class="compare" aria-expanded={compared.to_string()} onclick={toggle}>
                    { "side by side" }
                </button>
            </div>
            if *compared {
                <div class="columns" role="region" aria-label="Side by side" tabindex="0">
                    { for all.iter().map(column) }
                </div>
            }
        </>
    }
}

/// One variant's way, stop by stop.
fn column(shown: &Shown) -> Html {
    let Some(variants) = &shown.lab.variants else { return Html::default() };
    let run = &shown.run;
    let pods = &shown.lab.cluster.pods;
    let seen = run.results.first().and_then(|result| {
        let pod = &pods[result.served_by?];
        Some(format!("{} sees {}", pod.short_name(), result.seen_source?))
    });
    html! {
        <section key={variants.name().to_owned()}>
            <h3>{ &variants.choices[variants.chosen].title }</h3>
            <p>{ format!("{} hops, {}", shown.n_steps(), run.end.now()) }</p>
            { for seen.map(|seen| html! { <p>{ seen }</p> }) }
            <ol>
                { for run.stops.iter().enumerate().map(|(index, stop)| html! {
                    <li key={index}>
                        <i>{ for stop.caption.article }</i>
                        <span>{ &stop.caption.title }</span>
                    </li>
                }) }
            </ol>
        </section>
    }
}
