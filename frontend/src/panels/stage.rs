//! The section around the drawing: says which step it shows, and hands clicks on it to the session.

use everyhop_engine::base::{DevId, NsId};
use yew::prelude::*;

use crate::hooks::{Dispatch, use_rules};
use crate::layout::{NetnsKind, lay_out};
use crate::platform::{self, sight};
use crate::scene::{folded, scene};
use crate::state::run::Shown;
use crate::state::{Action, Shared};
use crate::svg::{Rules, Selection, Stage, use_glide};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    /// The reader's step, from 1, and how many there are.
    pub playhead: (usize, usize),
    pub playing: bool,
    /// How long playing stays on this step.
    pub pace_ms: u32,
    pub device: Option<DevId>,
    pub netns: Option<NsId>,
    pub narrow: bool,
    pub dispatch: Dispatch,
}

/// What the stage shows of an instant; the rest is faded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lens {
    Everything,
    Objects,
    Addresses,
    Links,
    Translation,
    Tunnels,
}

impl Lens {
    const ALL: [Self; 6] = [
        Self::Everything,
        Self::Objects,
        Self::Addresses,
        Self::Links,
        Self::Translation,
        Self::Tunnels,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Objects => "objects",
            Self::Addresses => "L3: addresses and routes",
            Self::Links => "L2: links and bridges",
            Self::Translation => "NAT and rules",
            Self::Tunnels => "encapsulation",
        }
    }

    /// What the style sheet calls it.
    const fn class(self) -> Option<&'static str> {
        match self {
            Self::Everything => None,
            Self::Objects => Some("lens-objects"),
            Self::Addresses => Some("lens-l3"),
            Self::Links => Some("lens-l2"),
            Self::Translation => Some("lens-nat"),
            Self::Tunnels => Some("lens-tunnel"),
        }
    }
}

/// Per cent of the size at which the whole drawing is seen.
const ZOOMS: [u32; 7] = [100, 125, 150, 200, 250, 300, 400];

/// CSS pixels that the stage moves by one press of a key.
const STRIDE: i32 = 60;

/// The next larger or smaller size.
fn zoomed(zoom: u32, nearer: bool) -> u32 {
    let here = ZOOMS.iter().position(|&it| it == zoom).unwrap_or(0);
    let next = if nearer { (here + 1).min(ZOOMS.len() - 1) } else { here.saturating_sub(1) };
    ZOOMS[next]
}

/// The whole stage is the way back from wherever it was dragged.
fn zoom_to(zoom: &UseStateSetter<u32>, to: u32) {
    zoom.set(to);
    if to == ZOOMS[0] {
        sight::reveal_packet();
    }
}

/// How long a packet glides into a step that the learner asked for.
const GLIDE_MS: u32 = 500;

#[component]
pub fn StageFrame(props: &Props) -> Html {
    let unfolded = use_state_eq(Vec::<NsId>::new);
    let layout = use_memo(
        (props.shown.clone(), props.narrow, (*unfolded).clone()),
        |(shown, narrow, unfolded)| {
            lay_out(
                &shown.run.end,
                &folded((&*shown.lab).into(), (&shown.run).into(), unfolded),
                *narrow,
            )
        },
    );
    let layout = Shared::from(layout);
    let scene = use_memo(
        (props.shown.clone(), layout.clone(), props.step_idx),
        |(shown, layout, step_idx)| scene((&shown.run).into(), layout, *step_idx),
    );
    let (drawn, unfold) = (layout.clone(), unfolded.clone());
    let on_select =
        use_callback((props.dispatch.clone(), drawn), move |selection, (dispatch, layout)| {
            if let Selection::Netns(ns) = selection
                && layout.netns_box(ns).is_some_and(|it| it.kind == NetnsKind::Folded)
            {
                let mut all = (*unfold).clone();
                all.push(ns);
                unfold.set(all);
            }
            dispatch.emit(match selection {
                Selection::Device(device) => Action::SelectDevice(Some(device)),
                Selection::Netns(netns) => Action::SelectNetns(Some(netns)),
                Selection::Rules(netns) => Action::SelectRules(netns),
                Selection::Packet => Action::SelectMove(0),
            });
        });
    let selected = props.device.map(Selection::Device).or(props.netns.map(Selection::Netns));
    let glide_ms = if platform::reduced_motion() {
        0
    } else if props.playing {
        // The packet rests a while at each step, to be read.
        props.pace_ms / 2
    } else {
        GLIDE_MS
    };
    let glide_ms = use_glide(props.step_idx, glide_ms);
    let lens = use_state_eq(|| Lens::Everything);
    let zoom = use_state_eq(|| ZOOMS[0]);
    // Before the packet is looked for: they say where it is.
    let section = use_node_ref();
    let rules = Rules { layout: &layout, scene: &scene, step_idx: props.step_idx, glide_ms }.text();
    let zoomed_to = format!(".view{{--zoom:{}}}", f64::from(*zoom) / 100.0);
    use_rules(&section, "stage", rules + &zoomed_to);
    // Playing keeps the packet in sight; else it stays there until the reader looks elsewhere.
    use_effect_with((props.step_idx, *zoom, props.narrow, props.playing), |it| {
        if it.3 { sight::reveal_packet() } else { sight::follow_packet() }
    });
    let is_near = *zoom > ZOOMS[0];
    let (step, n_steps) = props.playhead;
    let stage = Stage {
        layout: &layout,
        scene: &scene,
        step_idx: props.step_idx,
        selected,
        on_select: &on_select,
    };
    let set_zoom = |to: u32| {
        let zoom = zoom.setter();
        Callback::from(move |_: MouseEvent| zoom_to(&zoom, to))
    };
    let button = |name: &'static str, sign: &'static str, to: u32| {
        let same = (*zoom == to).to_string();
        html! {
            <button class="chip" aria-label={name} title={name} aria-disabled={same} onclick={set_zoom(to)}>
                { sign }
            </button>
        }
    };
    let (nearer, farther) = (zoomed(*zoom, true), zoomed(*zoom, false));
    let set_lens = {
        let lens = lens.setter();
        Callback::from(move |event: Event| {
            let chosen = platform::choice_of(&event);
            lens.set(
                Lens::ALL.into_iter().find(|it| it.name() == chosen).unwrap_or(Lens::Everything),
            );
        })
    };
    let onkeydown = {
        let zoom = zoom.setter();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "+" | "=" => zoom_to(&zoom, nearer),
            "-" => zoom_to(&zoom, farther),
            "0" => zoom_to(&zoom, ZOOMS[0]),
            key if event.shift_key() => {
                let (x, y) = match key {
                    "ArrowLeft" => (-STRIDE, 0),
                    "ArrowRight" => (STRIDE, 0),
                    "ArrowUp" => (0, -STRIDE),
                    "ArrowDown" => (0, STRIDE),
                    _ => return,
                };
                // Without Shift an arrow is a step.
                event.prevent_default();
                sight::pan(x, y);
            }
            _ => {}
        })
    };
    // Pinching a touchpad is a wheel with Ctrl held; without it the wheel scrolls, as everywhere.
    let onwheel = {
        let zoom = zoom.setter();
        Callback::from(move |event: WheelEvent| {
            if event.ctrl_key() {
                event.prevent_default();
                zoom.set(if event.delta_y() < 0.0 { nearer } else { farther });
            }
        })
    };
    html! {
        <section
            ref={section}
            class="stage"
            aria-label="Stage"
            data-step={step.to_string()}
            data-steps={n_steps.to_string()}
            {onkeydown}
            {onwheel}
        >
            <div class="looks">
                <label>
                    { "Show " }
                    <select class="btn" onchange={set_lens}>
                        { for Lens::ALL.into_iter().map(|it| html! {
                            <option key={it.name()} value={it.name()} selected={it == *lens}>{ it.name() }</option>
                        }) }
                    </select>
                </label>
                if is_near {
                    <span class="hint wide">{ "drag, or Shift and arrows" }</span>
                }
                { button("Smaller (−)", "−", farther) }
                { button("Whole stage (0)", "⤢", ZOOMS[0]) }
                { button("Larger (+)", "+", nearer) }
            </div>
            <div class={classes!("view", lens.class(), is_near.then_some("near"))}>
                { stage.view() }
            </div>
            <button class="btn back" onclick={|_| sight::reveal_packet()}>{ "Show the packet" }</button>
        </section>
    }
}
