//! The control plane and the programs on the nodes that listen to it, with what each did last; and a veil over what is not
//! there yet.

use yew::prelude::*;

use super::ground::machine;
use super::shapes::{line, points_attr, rect, s, text};
use super::{Selection, selects};
use crate::layout::{AgentBox, Layout, fit};
use crate::scene::{Agent, Scene};

const FONT: i32 = 11;
/// Not with the page's own style, since a first visit has no control plane.
const STYLE: &str = include_str!("../../plane.css");

/// The rules for it. Not inlined, so that they go with the second file.
#[inline(never)]
pub fn rules() -> &'static str {
    STYLE
}

/// What is drawn below the trail, the box around the control plane with the wires from it, and what is drawn above it, the
/// programs. Not inlined, so that it can go with the second file.
#[inline(never)]
pub(super) fn drawn(
    layout: &Layout,
    scene: &Scene,
    step_idx: usize,
    on_select: &Callback<Selection>,
) -> [Html; 2] {
    [plane(layout), agents(layout, scene, step_idx, on_select)]
}

fn plane(layout: &Layout) -> Html {
    html! {
        <g class="plane">
            { for layout.plane.as_ref().map(machine) }
            { for layout.agents.iter().enumerate().map(|(n, it)| {
                line(format!("watch-{n}"), "watch", &it.wire)
            }) }
        </g>
    }
}

/// What is not there yet.
fn veils(scene: &Scene) -> Html {
    html! {
        <g class="absent" aria-hidden="true">
            { for scene.absent.iter().flat_map(|(_, wires)| wires).map(|points| html! {
                <polyline points={points_attr(points)} />
            }) }
            { for scene.absent.iter().map(|(r, wires)| html! {
                <>
                    { rect(*r, if wires.is_empty() { 12 } else { 6 }) }
                    if wires.is_empty() {
                        { text(None, r.centre().x, r.centre().y + 4, "not there yet") }
                    }
                </>
            }) }
        </g>
    }
}

fn agents(
    layout: &Layout,
    scene: &Scene,
    step_idx: usize,
    on_select: &Callback<Selection>,
) -> Html {
    html! {
        <>
        { veils(scene) }
        <g class="agents">
            { for scene.agents.iter().filter_map(|it| {
                Some(agent(layout.agents.get(it.index)?, it, layout, step_idx, on_select))
            }) }
            { for scene.acting.map(|r| html! {
                <rect key={step_idx} class="ring leg-control" x={s(r.x - 3)} y={s(r.y - 3)}
                    width={s(r.w + 6)} height={s(r.h + 6)} rx="14" />
            }) }
        </g>
        </>
    }
}

fn agent(
    drawn: &AgentBox,
    it: &Agent,
    layout: &Layout,
    step_idx: usize,
    on_select: &Callback<Selection>,
) -> Html {
    let r = drawn.rect;
    let of_node = layout.netns.iter().find(|of| of.name == drawn.netns).map(|of| of.ns);
    let state = match (it.now, it.says.is_empty()) {
        (true, _) => "now",
        (false, true) => "idle",
        (false, false) => "did",
    };
    let says = if it.says.is_empty() { "listens" } else { &it.says };
    let says = if it.says.is_empty() && drawn.wire.is_empty() { "the objects" } else { says };
    let place = if drawn.netns.is_empty() { "control plane" } else { &drawn.netns };
    let name = format!("{} {says}: a program of {place}", drawn.title);
    let words = html! {
        <>
            { rect(r, 8) }
            { text(Some("by"), r.centre().x, r.y + 16, &fit(drawn.title, FONT, r.w - 4)) }
            { text(Some("says"), r.centre().x, r.y + 31, &fit(says, FONT, r.w - 4)) }
        </>
    };
    // A new key has what was said appear anew.
    let key = if it.now { format!("{step_idx}-{}", it.index) } else { it.index.to_string() };
    let class = classes!("agent", state);
    let (by, netns) = (drawn.by, drawn.netns.clone());
    match of_node {
        Some(ns) => {
            let (onclick, onkeydown) = selects(on_select, Selection::Rules(ns));
            html! {
                <g {key} {class} data-agent={by} data-of={netns} data-state={state}
                    role="button" tabindex="0" aria-label={name} {onclick} {onkeydown}>
                    <title>{ it.says.clone() }</title>{ words }
                </g>
            }
        }
        None => html! {
            <g {key} {class} data-agent={by} data-of={netns} data-state={state} role="img" aria-label={name}>
                <title>{ it.says.clone() }</title>{ words }
            </g>
        },
    }
}
