//! Boxes: machines, namespaces, pods and containers, with the wires over them: what stands below the trail.

use everyhop_engine::base::NsId;
use yew::prelude::*;

use super::cables::cables;
use super::shapes::{label, rect, text};
use super::{Selection, selects};
use crate::layout::{ContainerBox, HostPodBox, Layout, Machine, NetnsBox, NetnsKind, text_width};
use crate::state::Shared;

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub layout: Shared<Layout>,
    pub selected: Option<NsId>,
    pub on_select: Callback<Selection>,
}

#[component]
pub(super) fn Ground(props: &Props) -> Html {
    ground(&props.layout, props.selected, &props.on_select)
}

pub(super) fn ground(
    layout: &Layout,
    selected: Option<NsId>,
    on_select: &Callback<Selection>,
) -> Html {
    html! {
        <>
            <g class="ground">
                { for layout.machines.iter().map(machine) }
                { for layout.netns.iter().map(|it| netns(it, selected == Some(it.ns), on_select)) }
                { for layout.host_pods.iter().enumerate().map(host_pod) }
                { for layout.containers.iter().enumerate().map(container) }
            </g>
            { cables(layout) }
        </>
    }
}

pub(super) fn machine(it: &Machine) -> Html {
    let r = it.rect;
    let address_x = r.x + 26 + text_width(&it.title, 14);
    html! {
        <g key={format!("machine-{}", it.title)} class="machine">
            { rect(r, 16) }
            { text(Some("machine-name"), r.x + 16, r.y + 25, &it.title) }
            { text(Some("machine-address"), address_x, r.y + 25, &it.address) }
        </g>
    }
}

fn netns(it: &NetnsBox, selected: bool, on_select: &Callback<Selection>) -> Html {
    let r = it.rect;
    let (onclick, onkeydown) = selects(on_select, Selection::Netns(it.ns));
    let (class, what, rx) = match it.kind {
        NetnsKind::Leaf => ("netns netns-leaf", "pod network namespace", 12),
        NetnsKind::Hub => ("netns netns-hub", "root network namespace", 12),
        NetnsKind::Network => ("netns netns-network", "network between nodes", r.h / 2),
        NetnsKind::Outside => ("netns netns-outside", "network namespace", 12),
        NetnsKind::Folded => ("netns netns-hub", "not drawn, show it: root network namespace", 12),
    };
    // A namespace outside of a cluster is no pod's and no node's.
    let what =
        if it.title == it.name && it.kind != NetnsKind::Leaf { "network namespace" } else { what };
    // What is drawn comes first, so that who speaks to the page can say what they see.
    let word = if it.word_at.is_some() { " netns" } else { "" };
    let label = format!("{}{word}: {what} {}", it.title, it.name);
    html! {
        <g key={format!("netns-{}", it.name)} class={classes!(class, selected.then_some("selected"))} data-netns={it.name.clone()}
            role="button" tabindex="0" aria-label={label} aria-pressed={selected.to_string()} {onclick} {onkeydown}>
            { rect(r, rx) }
            { text(Some("netns-name"), it.title_at.x, it.title_at.y, &it.title) }
            { for it.word_at.map(|at| text(Some("netns-word"), at.x, at.y, "netns")) }
        </g>
    }
}

fn host_pod((index, it): (usize, &HostPodBox)) -> Html {
    let r = it.rect;
    html! {
        <g key={format!("host-pod-{index}")} class="host-pod">
            { rect(r, 8) }
            { text(None, r.x + 8, r.y + 16, &it.title) }
        </g>
    }
}

fn container((index, it): (usize, &ContainerBox)) -> Html {
    html! {
        <g key={format!("container-{index}")} class="container">
            <title>{ &it.full }</title>
            { rect(it.rect, 8) }
            { label(it.rect, &it.label) }
        </g>
    }
}
