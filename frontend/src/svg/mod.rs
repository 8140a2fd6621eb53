//! The stage as SVG. What stands (ground, cables, devices) renders once a layout; what moves (trail, packets) once a
//! step. Colours come from stage.css; nothing here knows a world, a story or time.

mod cables;
mod devices;
mod ground;
mod lights;
mod packets;

use std::rc::Rc;

use everyhop_engine::base::{DevId, NsId};
use everyhop_engine::story::LegKind;
use yew::prelude::*;

use crate::layout::{Layout, NetnsKind, Point};
use crate::scene::Scene;

use cables::{Cables, Stacks};
use devices::Devices;
use ground::Ground;
use lights::{Rings, Trail};
use packets::Packets;

/// What a reader chose on the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    Device(DevId),
    Netns(NsId),
    /// The packet of the current step.
    Packet,
}

/// What [`Stage`] shows.
#[derive(PartialEq, Properties)]
pub struct StageProps {
    pub layout: Rc<Layout>,
    pub scene: Rc<Scene>,
    /// The playhead. A packet glides only on the way from one step to the next, else it jumps.
    pub step_idx: usize,
    /// How long a packet glides, in milliseconds; 0: it jumps.
    #[prop_or_default]
    pub glide_ms: u32,
    #[prop_or_default]
    pub selected: Option<Selection>,
    /// Keep the same callback from render to render (`use_callback`), or everything renders again.
    #[prop_or_default]
    pub on_select: Callback<Selection>,
}

/// The drawing of a world with the packets of one step.
#[component]
pub fn Stage(props: &StageProps) -> Html {
    let layout = &props.layout;
    let glide_ms = use_glide(props.step_idx, props.glide_ms);
    let selected_device = match props.selected {
        Some(Selection::Device(dev)) => Some(dev),
        Some(Selection::Netns(_) | Selection::Packet) | None => None,
    };
    let selected_netns = match props.selected {
        Some(Selection::Netns(ns)) => Some(ns),
        Some(Selection::Device(_) | Selection::Packet) | None => None,
    };
    let (w, h) = (layout.width, layout.height);
    let style = format!("--w:{w};--h:{h};--glide:{glide_ms}ms");
    html! {
        <svg class="stage-svg" viewBox={format!("0 0 {w} {h}")} {style} role="group" aria-label={summary(layout)}>
            <Ground layout={layout.clone()} selected={selected_netns} on_select={props.on_select.clone()} />
            <Cables layout={layout.clone()} />
            <Trail scene={props.scene.clone()} step_idx={props.step_idx} />
            <Stacks layout={layout.clone()} />
            <Devices layout={layout.clone()} selected={selected_device} on_select={props.on_select.clone()} />
            <Rings layout={layout.clone()} scene={props.scene.clone()} />
            <Packets scene={props.scene.clone()} step_idx={props.step_idx} on_select={props.on_select.clone()} />
        </svg>
    }
}

/// The time to glide into this step, fixed when the step begins: none unless the playhead came from the step before.
#[hook]
fn use_glide(step_idx: usize, glide_ms: u32) -> u32 {
    let before = use_mut_ref(|| None::<usize>);
    *use_memo(step_idx, |&step_idx| {
        let follows = before.borrow_mut().replace(step_idx).is_some_and(|it| it + 1 == step_idx);
        if follows { glide_ms } else { 0 }
    })
}

/// `Network with 2 machines and 4 pods`.
fn summary(layout: &Layout) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let leaves = layout.netns.iter().filter(|it| it.kind == NetnsKind::Leaf).count();
    if layout.machines.is_empty() {
        return format!("Network of {}", count(layout.netns.len(), "network namespace"));
    }
    let pods = leaves + layout.host_pods.len();
    format!("Network of {} with {}", count(layout.machines.len(), "node"), count(pods, "pod"))
}

/// Emits `selection` on a click, Enter or Space.
fn selects(
    on_select: &Callback<Selection>,
    selection: Selection,
) -> (Callback<MouseEvent>, Callback<KeyboardEvent>) {
    let click = {
        let on_select = on_select.clone();
        Callback::from(move |event: MouseEvent| {
            event.stop_propagation();
            on_select.emit(selection);
        })
    };
    let on_select = on_select.clone();
    let key = Callback::from(move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), "Enter" | " ") {
            // Space would also start the player, and scroll.
            event.prevent_default();
            event.stop_propagation();
            on_select.emit(selection);
        }
    });
    (click, key)
}

/// `polyline`'s `points`.
fn points_attr(points: &[Point]) -> String {
    points.iter().map(|p| format!("{},{}", p.x, p.y)).collect::<Vec<_>>().join(" ")
}

/// The class that gives a leg its colour.
const fn leg_class(kind: LegKind) -> &'static str {
    match kind {
        LegKind::ArpRequest => "leg-arp-request",
        LegKind::ArpReply => "leg-arp-reply",
        LegKind::Request => "leg-request",
        LegKind::Reply => "leg-reply",
        LegKind::IcmpError => "leg-error",
    }
}
