//! The section around the drawing.

use everyhop_engine::base::DevId;
use yew::prelude::*;

use crate::state::Speed;
use crate::state::run::Shown;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    pub playing: bool,
    pub speed: Speed,
    /// The selected device.
    pub device: Option<DevId>,
    pub narrow: bool,
}

#[component]
pub fn StageFrame(props: &Props) -> Html {
    let n_steps = props.shown.n_steps();
    let step = if n_steps == 0 { 0 } else { props.step_idx + 1 };
    html! {
        <section class="stage" aria-label="Stage" data-step={step.to_string()} data-steps={n_steps.to_string()}>
        </section>
    }
}
