//! The way of a leg so far, and rings around the devices that a frame reaches.

use yew::prelude::*;

use super::leg_class;
use super::shapes::{points_attr, s};
use crate::layout::Layout;
use crate::scene::{Scene, Stroke};

pub(super) fn trail(scene: &Scene, step_idx: usize) -> Html {
    html! {
        <g class="trail" aria-hidden="true">
            { for scene.trail.iter().enumerate().map(|it| stroke(step_idx, it)) }
        </g>
    }
}

/// A new key for each step's own strokes makes their drawing begin anew.
fn stroke(step_idx: usize, (index, it): (usize, &Stroke)) -> Html {
    let key = if it.now { format!("{step_idx}-{index}") } else { format!("{index}") };
    let class = classes!(
        "stroke",
        leg_class(it.kind),
        it.now.then_some("now"),
        (!it.main).then_some("copy")
    );
    html! { <polyline {key} {class} pathLength="100" points={points_attr(&it.points)} /> }
}

pub(super) fn rings(layout: &Layout, scene: &Scene) -> Html {
    let rings = scene.lit.iter().filter_map(|&(dev, kind)| {
        let it = layout.devices.get(dev)?;
        let r = it.rect;
        Some(html! {
            <rect key={it.name.clone()} class={classes!("ring", leg_class(kind))} x={s(r.x - 3)} y={s(r.y - 3)}
                width={s(r.w + 6)} height={s(r.h + 6)} rx={s(if r.h > 40 { r.h / 2 + 3 } else { 9 })} />
        })
    });
    html! { <g class="rings" aria-hidden="true">{ for rings }</g> }
}
