//! Boxes: machines, namespaces, pods and containers.

use std::rc::Rc;

use everyhop_engine::base::NsId;
use yew::prelude::*;

use super::{Selection, selects};
use crate::layout::{ContainerBox, HostPodBox, Layout, Machine, NetnsBox, NetnsKind, text_width};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub layout: Rc<Layout>,
    pub selected: Option<NsId>,
    pub on_select: Callback<Selection>,
}

#[component]
pub(super) fn Ground(props: &Props) -> Html {
    let layout = &props.layout;
    html! {
        <g class="ground">
            { for layout.machines.iter().map(machine) }
            { for layout.netns.iter().map(|it| netns(it, props.selected == Some(it.ns), &props.on_select)) }
            { for layout.host_pods.iter().enumerate().map(host_pod) }
            { for layout.containers.iter().enumerate().map(container) }
        </g>
    }
}

fn machine(it: &Machine) -> Html {
    let r = it.rect;
    let address_x = r.x + 26 + text_width(&it.title, 14);
    html! {
        <g key={format!("machine-{}", it.title)} class="machine">
            <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx="16" />
            <text class="machine-name" x={s(r.x + 16)} y={s(r.y + 25)}>{ &it.title }</text>
            <text class="machine-address" x={s(address_x)} y={s(r.y + 25)}>{ &it.address }</text>
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
            <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx={s(rx)} />
            <text class="netns-name" x={s(it.title_at.x)} y={s(it.title_at.y)}>{ &it.title }</text>
            { for it.word_at.map(|at| html! {
                <text class="netns-word" x={s(at.x)} y={s(at.y)}>{ "netns" }</text>
            }) }
        </g>
    }
}

fn host_pod((index, it): (usize, &HostPodBox)) -> Html {
    let r = it.rect;
    html! {
        <g key={format!("host-pod-{index}")} class="host-pod">
            <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx="8" />
            <text x={s(r.x + 8)} y={s(r.y + 16)}>{ &it.title }</text>
        </g>
    }
}

fn container((index, it): (usize, &ContainerBox)) -> Html {
    let r = it.rect;
    html! {
        <g key={format!("container-{index}")} class="container">
            <title>{ &it.full }</title>
            <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx="8" />
            <text x={s(r.centre().x)} y={s(r.centre().y + 4)}>{ &it.label }</text>
        </g>
    }
}

/// A number as an attribute.
pub(super) fn s(number: i32) -> AttrValue {
    AttrValue::from(number.to_string())
}
