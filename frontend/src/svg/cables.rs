//! Wires, and the IP stacks between a namespace's devices.

use yew::prelude::*;

use super::shapes::{label, line, rect};
use crate::layout::{Layout, Rect, RouteBox, WireKind};

pub(super) fn cables(layout: &Layout) -> Html {
    let ways = layout.routes.iter().flat_map(|it| {
        let own = [&it.through, &it.to_local, &it.from_local];
        it.into.values().chain(it.out.values()).chain(own)
    });
    html! {
        <g class="cables" aria-hidden="true">
            { for ways.enumerate().map(|(index, way)| line(format!("way-{index}"), "way", way)) }
            { for layout.wires.iter().enumerate().map(|(index, it)| {
                let class = match it.kind {
                    WireKind::Veth => "wire",
                    WireKind::Cable => "wire cable",
                    WireKind::Port => "wire port",
                };
                line(format!("wire-{index}"), class, &it.points)
            }) }
            { for layout.loose_ends.iter().enumerate().map(|(index, points)| {
                line(format!("loose-{index}"), "wire loose", points)
            }) }
        </g>
    }
}

/// The IP stacks' boxes; over the trail, so that their names stay legible.
pub(super) fn stacks(layout: &Layout) -> Html {
    html! { <g class="stacks" aria-hidden="true">{ for layout.routes.iter().enumerate().map(stack) }</g> }
}

fn stack((index, it): (usize, &RouteBox)) -> Html {
    html! {
        <g key={index} class="stack">
            { rect(it.rect, 8) }
            { label(it.rect, "route") }
            { for it.gates.iter().map(|&(hook, r)| html! {
                <g key={hook.chain()} class="gate">{ gate(r) }{ label(r, hook.chain()) }</g>
            }) }
        </g>
    }
}

/// A hook: a box with its ends drawn to points.
pub(super) fn gate(r: Rect) -> Html {
    let middle = r.centre().y;
    let at = |x: i32, y: i32| format!("{x},{y} ");
    let points = [
        at(r.x, middle),
        at(r.x + 7, r.y),
        at(r.right() - 7, r.y),
        at(r.right(), middle),
        at(r.right() - 7, r.bottom()),
        at(r.x + 7, r.bottom()),
    ];
    html! { <polygon points={points.concat()} /> }
}
