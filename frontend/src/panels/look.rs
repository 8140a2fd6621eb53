//! What to look at on a real machine: the command, and what it prints in this lab at this step. Made when it is asked for,
//! since that runs the lab again up to here.

use everyhop_engine::lesson::narration::Look;
use yew::prelude::*;

use crate::platform::second;
use crate::state::need::MISSING;
use crate::state::run::Shown;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub stop_idx: usize,
    pub look: Look,
}

#[component]
pub fn LookBox(props: &Props) -> Html {
    let open = use_state_eq(|| false);
    let is_missing = use_state_eq(|| false);
    let toggle = {
        let (open, is_missing) = (open.clone(), is_missing.setter());
        Callback::from(move |_| {
            let (open, is_missing) = (open.clone(), is_missing.clone());
            // The code that answers is in the second file.
            second::when_here(
                || {},
                move |here| {
                    is_missing.set(!here);
                    open.set(here && !*open);
                },
            );
        })
    };
    let asked = (props.shown.clone(), props.stop_idx, *open);
    let look = props.look.clone();
    let output = use_memo(asked, |(shown, stop_idx, open)| {
        let stop = shown.run.stops.get(*stop_idx).filter(|_| *open)?;
        Some(shown.run.look(&shown.lab, stop.at, &look).unwrap_or_default().join("\n"))
    });
    html! {
        <section class="look" aria-label="On a real machine">
            <button aria-expanded={open.to_string()} onclick={toggle}>
                <span>{ "On a real machine" }</span>
                <code>{ format!("{} # {}", props.look.netns, props.look.command) }</code>
            </button>
            if *is_missing {
                <p role="status">{ MISSING }</p>
            }
            if let Some(output) = &*output {
                <pre tabindex="0">{ output.clone() }</pre>
            }
        </section>
    }
}
