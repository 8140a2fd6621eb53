//! The stage as SVG. What stands (ground, cables, devices) is two components and renders once a layout; what moves
//! (trail, packets) once a step. Colours come from stage.css; nothing here knows a world, a story or time.

mod agents;
mod cables;
mod devices;
mod ground;
mod lights;
mod packets;
mod shapes;

use everyhop_engine::base::{DevId, NsId};
use everyhop_engine::story::LegKind;
use yew::prelude::*;

use crate::layout::{Layout, NetnsKind};
use crate::scene::{Scene, WHOLE};
use crate::state::Shared;

pub use agents::rules as plane_rules;
use devices::Devices;
use ground::Ground;
use lights::{gates, rings, trail};
use packets::packets;
pub use packets::places;

/// What a reader chose on the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    Device(DevId),
    Netns(NsId),
    /// A namespace's rules.
    Rules(NsId),
    /// The packet of the current step.
    Packet,
}

/// The drawing of a world with the packets of one step.
pub struct Stage<'a> {
    pub layout: &'a Shared<Layout>,
    pub scene: &'a Scene,
    /// The playhead.
    pub step_idx: usize,
    pub selected: Option<Selection>,
    /// Keep the same callback from render to render (`use_callback`), or everything renders again.
    pub on_select: &'a Callback<Selection>,
}

impl Stage<'_> {
    pub fn view(&self) -> Html {
        let &Self { layout, scene, step_idx, selected, on_select } = self;
        let device = match selected {
            Some(Selection::Device(dev)) => Some(dev),
            Some(Selection::Netns(_) | Selection::Rules(_) | Selection::Packet) | None => None,
        };
        let netns = match selected {
            Some(Selection::Netns(ns)) => Some(ns),
            Some(Selection::Device(_) | Selection::Rules(_) | Selection::Packet) | None => None,
        };
        let (w, h) = (layout.width, layout.height);
        let (below, above) = (layout.clone(), layout.clone());
        let [below_trail, above_trail] = match &layout.plane {
            Some(_) => agents::drawn(layout, scene, step_idx, on_select),
            None => [Html::default(), Html::default()],
        };
        html! {
            <svg class="stage-svg" viewBox={format!("0 0 {w} {h}")} role="group" aria-label={summary(layout)}>
                <Ground ..ground::Props { layout: below, selected: netns, on_select: on_select.clone() } />
                { below_trail }
                { trail(scene, step_idx) }
                <Devices ..devices::Props { layout: above, selected: device, on_select: on_select.clone() } />
                { gates(layout, scene, step_idx) }
                { rings(layout, scene) }
                { above_trail }
                { packets(scene, step_idx, on_select) }
            </svg>
        }
    }
}

/// What the style sheet of the page cannot know.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub layout: &'a Layout,
    pub scene: &'a Scene,
    pub step_idx: usize,
    /// How long a packet glides, in milliseconds; 0: it jumps.
    pub glide_ms: u32,
}

impl Rules<'_> {
    /// The rules for the drawing's size, its time, and where its packets are.
    pub fn text(self) -> String {
        let Self { layout, scene, step_idx, glide_ms } = self;
        let (w, h) = (layout.width, layout.height);
        let places = places(&scene.packets, step_idx, (0, WHOLE));
        let plane = if layout.plane.is_some() { plane_rules() } else { "" };
        format!("{plane}.stage-svg{{--w:{w};--h:{h};--glide:{glide_ms}ms}}{places}")
    }
}

/// What stands in a picture that nobody can click on, without components: below the trail, and above it.
pub fn still(layout: &Layout) -> [Html; 2] {
    let nobody = Callback::noop();
    [ground::ground(layout, None, &nobody), devices::devices(layout, None, &nobody)]
}

/// What one step of such a picture shows: its trail, and what moves.
pub fn moving(layout: &Layout, scene: &Scene, step_idx: usize) -> [Html; 2] {
    let nobody = Callback::noop();
    let [below_trail, above_trail] = match &layout.plane {
        Some(_) => agents::drawn(layout, scene, step_idx, &nobody),
        None => [Html::default(), Html::default()],
    };
    let below = html! { <>{ below_trail }{ trail(scene, step_idx) }</> };
    let above = html! {
        <>
            { gates(layout, scene, step_idx) }
            { rings(layout, scene) }
            { above_trail }
            { packets(scene, step_idx, &nobody) }
        </>
    };
    [below, above]
}

/// The time to glide into this step, fixed when the step begins: none unless the playhead came from the step before, so
/// that a packet jumps wherever else it goes.
#[hook]
pub fn use_glide(step_idx: usize, glide_ms: u32) -> u32 {
    let before = use_mut_ref(|| None::<usize>);
    *use_memo(step_idx, |&step_idx| {
        let follows = before.borrow_mut().replace(step_idx).is_some_and(|it| it + 1 == step_idx);
        if follows { glide_ms } else { 0 }
    })
}

/// `Network with 2 machines and 4 pods`.
pub fn summary(layout: &Layout) -> String {
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

/// The class that gives a leg its colour.
pub const fn leg_class(kind: LegKind) -> &'static str {
    match kind {
        LegKind::ArpRequest => "leg-arp-request",
        LegKind::ArpReply => "leg-arp-reply",
        LegKind::Request => "leg-request",
        LegKind::Reply => "leg-reply",
        LegKind::IcmpError => "leg-error",
        LegKind::Control => "leg-control",
    }
}
