//! Wires, and the IP stacks between a namespace's devices.

use yew::prelude::*;

use super::shapes::{label, line, rect};
use crate::layout::{Layout, RouteBox, WireKind};

pub(super) fn cables(layout: &Layout) -> Html {
    let ways = layout.routes.iter().flat_map(|it| it.ways.values());
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
    html! { <g key={index} class="stack">{ rect(it.rect, 8) }{ label(it.rect, "route") }</g> }
}
