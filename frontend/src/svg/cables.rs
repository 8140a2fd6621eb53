//! Wires, and the IP stacks between a namespace's devices.

use std::rc::Rc;

use crate::layout::WireKind;
use yew::prelude::*;

use super::ground::s;
use super::points_attr;
use crate::layout::{Layout, RouteBox, WireLine};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub layout: Rc<Layout>,
}

#[component]
pub(super) fn Cables(props: &Props) -> Html {
    let layout = &props.layout;
    html! {
        <g class="cables" aria-hidden="true">
            { for layout.routes.iter().flat_map(|it| it.ways.values()).enumerate().map(|(index, way)| html! {
                <polyline key={format!("way-{index}")} class="way" points={points_attr(way)} />
            }) }
            { for layout.wires.iter().enumerate().map(wire) }
            { for layout.loose_ends.iter().enumerate().map(|(index, points)| html! {
                <polyline key={format!("loose-{index}")} class="wire loose" points={points_attr(points)} />
            }) }
        </g>
    }
}

fn wire((index, it): (usize, &WireLine)) -> Html {
    let class = match it.kind {
        WireKind::Veth => "wire",
        WireKind::Cable => "wire cable",
        WireKind::Port => "wire port",
    };
    html! { <polyline key={format!("wire-{index}")} {class} points={points_attr(&it.points)} /> }
}

/// The IP stacks' boxes; over the trail, so that their names stay legible.
#[component]
pub(super) fn Stacks(props: &Props) -> Html {
    html! { <g class="stacks" aria-hidden="true">{ for props.layout.routes.iter().enumerate().map(stack) }</g> }
}

fn stack((index, it): (usize, &RouteBox)) -> Html {
    let (r, centre) = (it.rect, it.rect.centre());
    html! {
        <g key={index} class="stack">
            <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx="8" />
            <text x={s(centre.x)} y={s(centre.y + 4)}>{ "route" }</text>
        </g>
    }
}
