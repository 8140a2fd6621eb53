//! Network devices as labelled chips, and the IP stacks' boxes: what stands above the trail.

use everyhop_engine::base::DevId;
use yew::prelude::*;

use super::cables::stacks;
use super::shapes::{label, rect};
use super::{Selection, selects};
use crate::layout::{ChipKind, DeviceBox, Layout};
use crate::state::Shared;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub layout: Shared<Layout>,
    pub selected: Option<DevId>,
    pub on_select: Callback<Selection>,
}

#[component]
pub(super) fn Devices(props: &Props) -> Html {
    devices(&props.layout, props.selected, &props.on_select)
}

pub(super) fn devices(
    layout: &Layout,
    selected: Option<DevId>,
    on_select: &Callback<Selection>,
) -> Html {
    // The network's ports stand on the network, which is a device itself.
    let drawn = |network: bool| {
        let these = layout.devices.iter();
        these.filter(move |(_, it)| (it.kind == ChipKind::Network) == network)
    };
    let view = |(dev, it): (DevId, &DeviceBox)| device(dev, it, selected == Some(dev), on_select);
    html! {
        <>
            { stacks(layout) }
            <g class="devices">
                { for drawn(true).map(view) }
                { for drawn(false).map(view) }
            </g>
        </>
    }
}

fn device(dev: DevId, it: &DeviceBox, selected: bool, on_select: &Callback<Selection>) -> Html {
    let r = it.rect;
    let (onclick, onkeydown) = selects(on_select, Selection::Device(dev));
    let (class, rx) = match it.kind {
        ChipKind::Eth => ("device device-eth", 6),
        ChipKind::Veth => ("device device-veth", 6),
        ChipKind::Bridge => ("device device-bridge", 8),
        ChipKind::Tunnel => ("device device-tunnel", 13),
        ChipKind::Loopback => ("device device-lo", 5),
        ChipKind::Port => ("device device-port", 3),
        ChipKind::Network => ("device device-network", r.h / 2),
    };
    let drawn_in_name = it.label.split_whitespace().all(|word| it.about.contains(word));
    let name = if drawn_in_name { it.about.clone() } else { format!("{}: {}", it.label, it.about) };
    html! {
        <g key={it.name.clone()} class={classes!(class, selected.then_some("selected"))}
            data-device={it.name.clone()} role="button" tabindex="0"
            aria-label={name} aria-pressed={selected.to_string()} {onclick} {onkeydown}>
            <title>{ &it.about }</title>
            { rect(r, rx) }
            if !it.label.is_empty() { { label(r, &it.label) } }
        </g>
    }
}
