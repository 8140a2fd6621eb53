//! Packets: a dot with a tag. They move by `transform` alone, by a CSS animation along their way, so that nothing is
//! rendered while they glide and the reader's wish for less motion holds. Where they are is in rules of a style sheet, not in
//! attributes, which a page's content security policy may forbid.

use std::fmt::Write as _;

use everyhop_engine::base::Id as _;
use everyhop_engine::story::LegKind;
use yew::prelude::*;

use super::shapes::{label, rect, s};
use super::{Selection, leg_class, selects};
use crate::layout::Rect;
use crate::scene::{Glyph, LINE, Mark, Part, Rewrite, Scene, WHOLE};

pub(super) fn packets(scene: &Scene, step_idx: usize, on_select: &Callback<Selection>) -> Html {
    let drawn =
        |leads: bool| scene.packets.iter().filter(move |it| (it.part == Part::Main) == leads);
    html! {
        <g class="packets">
            { for drawn(false).map(|it| other(it, step_idx)) }
            { for drawn(true).map(|it| leading(it, step_idx, on_select)) }
            { for scene.packets.first().filter(|it| it.part == Part::Main).map(rest) }
        </g>
    }
}

/// Where the leading packet comes to rest, with what is written beside it: what is to be in sight.
fn rest(glyph: &Glyph) -> Html {
    let (at, mut all) = (glyph.rest(), glyph.tag.with(Rect::new(-16, -16, 32, 32)));
    for (_, place) in glyph.note.iter().chain(&glyph.envelope) {
        all = all.with(*place);
    }
    for (_, place) in &glyph.rewrites {
        all = all.with(*place);
    }
    let d = format!("M{} {}h{}v{}", at.x + all.x, at.y + all.y, all.w, all.h);
    html! { <path class="rest" {d} /> }
}

/// By which the rules know a packet in a step.
fn place(glyph: &Glyph, step_idx: usize) -> String {
    format!("{step_idx}-{}", glyph.id.index())
}

/// Where packets are: each rests at the end of its way; the animation overrides that while it lasts, which
/// is the part of it between `from` and `to`, in hundredths of a per cent.
pub fn places(packets: &[Glyph], step_idx: usize, (from, to): (i32, i32)) -> String {
    let mut css = String::new();
    // Writing to a string cannot fail.
    for glyph in packets {
        let (rest, name) = (glyph.rest(), place(glyph, step_idx));
        let _ =
            write!(css, "[data-hop=\"{name}\"]{{transform:translate({}px,{}px)", rest.x, rest.y);
        if glyph.part == Part::Parked {
            css.push('}');
            continue;
        }
        let _ = write!(css, ";animation-name:hop-{name}}}@keyframes hop-{name}{{");
        for (share, point) in glyph.stops() {
            let at = from + (to - from) * share / WHOLE;
            let (percent, rest) = (at / 100, at % 100);
            let (x, y) = (point.x, point.y);
            let _ = write!(css, "{percent}.{rest:02}%{{transform:translate({x}px,{y}px)}}");
        }
        css.push('}');
    }
    css
}

fn leading(glyph: &Glyph, step_idx: usize, on_select: &Callback<Selection>) -> Html {
    let (onclick, onkeydown) = selects(on_select, Selection::Packet);
    let aria_label =
        format!("Packet at {}: {}{}", glyph.at, glyph.label, spoken(glyph.mark.as_ref()));
    let answers = matches!(glyph.kind, LegKind::Reply | LegKind::ArpReply);
    let class = classes!("glyph", "glides", leg_class(glyph.kind), answers.then_some("answers"));
    html! {
        <g key={place(glyph, step_idx)} {class} data-hop={place(glyph, step_idx)}
            data-packet={glyph.id.index().to_string()} data-at={glyph.at.clone()}
            role="button" tabindex="0" aria-label={aria_label} {onclick} {onkeydown}>
            { dot(8) }
            { for glyph.envelope.as_ref().map(|(words, place)| envelope(words, *place)) }
            { tag(glyph) }
            { for glyph.rewrites.iter().map(|(it, place)| rewrite(it, *place)) }
            { for glyph.mark.as_ref().map(|mark| mark_view(mark, glyph)) }
        </g>
    }
}

/// A flood's copy or a packet that waits: a dot whose name is told by its title.
fn other(glyph: &Glyph, step_idx: usize) -> Html {
    let (class, what) = match glyph.part {
        Part::Parked => ("glyph parked", "waits for ARP"),
        Part::Main | Part::Copy => ("glyph copy glides", "copy of"),
    };
    let class = classes!(class, leg_class(glyph.kind));
    html! {
        <g key={place(glyph, step_idx)} {class} data-hop={place(glyph, step_idx)}
            role="img" aria-label={format!("{what}: {} at {}", glyph.label, glyph.at)}>
            <title>{ format!("{what}: {}", glyph.label) }</title>
            if glyph.part == Part::Parked {
                { dot(9) }
                <path class="clock-hands" d="M0-5v5h3.5" />
            } else {
                { dot(6) }
            }
        </g>
    }
}

/// What the packet carries; what that was before gives way to it in the middle of the way.
fn tag(glyph: &Glyph) -> Html {
    let now = if glyph.was.is_some() { "tag becomes" } else { "tag" };
    html! {
        <g class={now}>
            { rect(glyph.tag, glyph.tag.h / 2) }
            { for glyph.was.as_ref().map(|was| html! { <g class="was">{ label(glyph.tag, was) }</g> }) }
            <g class="is">{ label(glyph.tag, &glyph.label) }</g>
        </g>
    }
}

/// The datagram around the tag, with its own words in its upper edge.
fn envelope(words: &str, r: Rect) -> Html {
    let head = Rect::new(r.x, r.y, r.w, LINE);
    html! { <g class="envelope">{ rect(r, 12) }{ label(head, words) }</g> }
}

/// An address that a rule struck out, and what stands there now.
fn rewrite(it: &Rewrite, r: Rect) -> Html {
    let (old, new) = it.words();
    let centre = r.centre();
    html! {
        <g class="rewrite">
            { rect(r, 5) }
            <text x={s(centre.x)} y={s(centre.y + 4)}>
                <tspan class="old">{ old }</tspan>
                <tspan class="new" dx="6">{ new }</tspan>
            </text>
        </g>
    }
}

fn dot(radius: i32) -> Html {
    html! { <circle class="dot" r={s(radius)} /> }
}

fn capsule(class: &'static str, r: Rect, words: &str) -> Html {
    html! {
        <g {class}>
            { rect(r, r.h / 2) }
            { label(r, words) }
        </g>
    }
}

/// Shown when the packet has come to rest: a sign on its dot, and words where a sign does not say it all.
fn mark_view(mark: &Mark, glyph: &Glyph) -> Html {
    let (class, sign) = match mark {
        Mark::Delivered => ("mark mark-good", "M-4 0l3 3 5-6"),
        Mark::Ignored => ("mark mark-quiet", "M-4 0h8"),
        Mark::Waiting => ("mark mark-quiet", "M0-5v5h3.5"),
        Mark::Dropped(_) => ("mark mark-bad", "M-5-5l10 10M5-5l-10 10"),
        Mark::Left => ("mark mark-quiet", "M-4 0h7M0-3l3 3-3 3"),
    };
    let radius = if matches!(mark, Mark::Dropped(_)) { "12" } else { "9" };
    html! {
        <g {class}>
            if matches!(mark, Mark::Dropped(_)) {
                <circle class="shock" r="12" />
            }
            <circle r={radius} />
            <path d={sign} />
            { for glyph.note.as_ref().map(|(words, place)| capsule("note", *place, words)) }
        </g>
    }
}

fn spoken(mark: Option<&Mark>) -> String {
    match mark {
        Some(Mark::Delivered) => ", delivered".to_owned(),
        Some(Mark::Ignored) => ", read and left alone".to_owned(),
        Some(Mark::Waiting) => ", waits for ARP".to_owned(),
        Some(Mark::Dropped(reason)) => format!(", dropped: {reason}"),
        Some(Mark::Left) => ", leaves the model".to_owned(),
        None => String::new(),
    }
}
