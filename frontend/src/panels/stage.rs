//! The section around the drawing: says which step it shows, and hands clicks on it to the session.

use everyhop_engine::base::{DevId, NsId};
use yew::prelude::*;

use crate::hooks::Dispatch;
use crate::layout::{ClusterView, lay_out};
use crate::platform;
use crate::scene::scene;
use crate::state::run::Shown;
use crate::state::{Action, Shared, Speed};
use crate::svg::{Selection, Stage, use_glide};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    pub playing: bool,
    pub speed: Speed,
    pub device: Option<DevId>,
    pub netns: Option<NsId>,
    pub narrow: bool,
    pub dispatch: Dispatch,
}

/// How long a packet glides into a step that the learner asked for.
const GLIDE_MS: u32 = 500;

#[component]
pub fn StageFrame(props: &Props) -> Html {
    let layout = use_memo((props.shown.clone(), props.narrow), |(shown, narrow)| {
        let view = ClusterView::from(&shown.lab.cluster);
        lay_out(&shown.run.end, &view, *narrow)
    });
    let layout = Shared::from(layout);
    let scene = use_memo(
        (props.shown.clone(), layout.clone(), props.step_idx),
        |(shown, layout, step_idx)| scene((&shown.run).into(), layout, *step_idx),
    );
    let on_select = use_callback(props.dispatch.clone(), |selection, dispatch| {
        dispatch.emit(match selection {
            Selection::Device(device) => Action::SelectDevice(Some(device)),
            Selection::Netns(netns) => Action::SelectNetns(Some(netns)),
            Selection::Packet => Action::SelectMove(0),
        });
    });
    let selected = props.device.map(Selection::Device).or(props.netns.map(Selection::Netns));
    let glide_ms = if platform::reduced_motion() {
        0
    } else if props.playing {
        // The packet rests a while at each step, to be read.
        props.speed.step_ms() / 2
    } else {
        GLIDE_MS
    };
    let glide_ms = use_glide(props.step_idx, glide_ms);
    // On a phone a stage of several nodes is longer than the screen: playing follows the packet, stepping by hand does
    // not take the reader away from the text.
    let follows = props.narrow && props.playing;
    use_effect_with((props.step_idx, follows), |&(_, follows)| {
        if follows {
            platform::reveal_packet();
        }
    });
    let n_steps = props.shown.n_steps();
    let step = if n_steps == 0 { 0 } else { props.step_idx + 1 };
    let stage = Stage {
        layout: &layout,
        scene: &scene,
        step_idx: props.step_idx,
        glide_ms,
        selected,
        on_select: &on_select,
    };
    html! {
        <section
            class="stage"
            aria-label="Stage"
            data-step={step.to_string()}
            data-steps={n_steps.to_string()}
        >
            { stage.view() }
        </section>
    }
}
