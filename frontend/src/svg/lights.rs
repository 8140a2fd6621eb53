//! The way of a leg so far, and rings around the devices that a frame reaches.

use everyhop_engine::base::Id as _;
use yew::prelude::*;

use super::cables::gate;
use super::leg_class;
use super::shapes::{label, points_attr, s, text};
use crate::layout::{Layout, says};
use crate::scene::{Act, Scene, Stroke};

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

/// The hooks that the packet passes, over those that stand there, with what their rules made of it.
pub(super) fn gates(layout: &Layout, scene: &Scene, step_idx: usize) -> Html {
    let lit = scene.gates.iter().filter_map(|it| {
        let (hook, r) = (it.hook, layout.gate(it.ns, it.hook)?);
        let class = match it.act {
            Act::Passed => "gate lit",
            Act::Written | Act::Remembered(_) | Act::Bound(_) => "gate lit acts",
            Act::Dropped | Act::Rejected => "gate lit drops",
        };
        let place = says(hook, r);
        Some(html! {
            <g key={format!("{step_idx}-{}-{}", it.ns.index(), hook.chain())} {class} data-gate={hook.chain()}>
                { gate(r) }
                { label(r, hook.chain()) }
                { text(Some("says"), place.centre().x, place.bottom() - 2, &it.says()) }
            </g>
        })
    });
    html! { <g class="gates" aria-hidden="true">{ for lit }</g> }
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
