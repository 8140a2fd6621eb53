//! The packet at the playhead: its layers' fields, what the hop changed, and the bytes behind each field.

use everyhop_engine::wire::dissect::Layer;
use yew::prelude::*;

use super::heard::heard;
use crate::hooks::{Dispatch, click};
use crate::platform;
use crate::state::Action;
use crate::state::headers::{Earlier, FieldAt, Headers};
use crate::state::run::Shown;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    pub move_idx: usize,
    pub field: Option<FieldAt>,
    pub dispatch: Dispatch,
}

#[component]
pub fn Packet(props: &Props) -> Html {
    let focused = use_state_eq(|| 0_usize);
    // The field under the mouse, or with the focus.
    let pointed = use_state_eq(|| None::<FieldAt>);
    let headers = use_memo(
        (props.shown.clone(), props.step_idx, props.move_idx),
        |(shown, step_idx, move_idx)| Headers::at(shown, *step_idx, *move_idx),
    );
    let Some(headers) = (*headers).as_ref() else {
        let story = &props.shown.run.story;
        let noted = story.steps.get(props.step_idx);
        if noted.is_some_and(|step| step.note(&props.shown.run.trace).is_some()) {
            return heard(&props.shown, props.step_idx, &props.dispatch);
        }
        return html! { <p class="hint">{ "No frame moves in this step." }</p> };
    };
    html! {
        <div class="packet">
            { moves(props) }
            { for headers.earlier.as_ref().map(|earlier| compared(props, earlier)) }
            <div class="layers">
                { for headers.layers.iter().enumerate().map(|(n, layer)| {
                    fields(headers, n, layer, props, &pointed)
                }) }
                { for headers.earlier.iter().flat_map(|earlier| earlier.gone.iter()).map(gone) }
            </div>
            { bytes(headers, props, &focused, *pointed) }
        </div>
    }
}

/// A choice of frames, where a bridge floods or the step moves several at once.
fn moves(props: &Props) -> Html {
    let Some(step) = props.shown.run.story.steps.get(props.step_idx) else {
        return Html::default();
    };
    if step.moves.len() < 2 {
        return Html::default();
    }
    let world = &props.shown.run.end;
    html! {
        <div class="moves" role="group" aria-label="Frame">
            { for step.moves.iter().enumerate().map(|(n, moved)| html! {
                <button
                    key={n}
                    class="chip"
                    aria-pressed={(n == props.move_idx).to_string()}
                    onclick={click(&props.dispatch, Action::SelectMove(n))}
                >
                    { format!("to {}", world.device_name(moved.to)) }
                </button>
            }) }
        </div>
    }
}

/// What the packet is compared with.
fn compared(props: &Props, earlier: &Earlier) -> Html {
    let before = props.shown.run.end.device_name(earlier.dev);
    html! {
        <p class="compared">
            { "Before, at " }
            <button class="link" onclick={click(&props.dispatch, Action::Seek(earlier.step_idx))}>
                { format!("{before} (step {})", earlier.step_idx + 1) }
            </button>
            { ", in " }<s>{ "red" }</s>{ "; now in " }<b>{ "green" }</b>{ "." }
        </p>
    }
}

/// A header that is not there any more.
fn gone(layer: &Layer) -> Html {
    html! {
        <div key={format!("gone-{}", layer.name)} class="layer gone">
            <h3>{ layer.name }<em>{ "taken off" }</em><span>{ &layer.summary }</span></h3>
        </div>
    }
}

fn fields(
    headers: &Headers,
    layer_idx: usize,
    layer: &Layer,
    props: &Props,
    pointed: &UseStateHandle<Option<FieldAt>>,
) -> Html {
    let point = |to: Option<FieldAt>| {
        let pointed = pointed.setter();
        move || pointed.set(to)
    };
    let rows = layer.fields.iter().enumerate().map(|(field_idx, field)| {
        let at = FieldAt { layer: layer_idx, field: field_idx };
        let before = headers.before(at);
        let on = props.field == Some(at);
        let select = click(&props.dispatch, Action::SelectField(Some(at).filter(|_| !on)));
        html! {
            <li key={field_idx}>
                <button
                    class={classes!("field", before.map(|_| "changed"))}
                    aria-pressed={on.to_string()}
                    onclick={select}
                    onmouseenter={ignoring(point(Some(at)))}
                    onmouseleave={ignoring(point(None))}
                    onfocus={ignoring(point(Some(at)))}
                    onblur={ignoring(point(None))}
                >
                    <span class="name">{ field.name }</span>
                    <span class="value mono">
                        if let Some(before) = before {
                            <s><span class="visually-hidden">{ "was " }</span>{ before.to_owned() }</s>
                            { " " }<b>{ &field.value }</b>
                        } else {
                            { &field.value }
                        }
                        if let Some(note) = &field.note {
                            <span class="note">{ note }</span>
                        }
                    </span>
                </button>
            </li>
        }
    });
    let earlier = headers.earlier.as_ref();
    let is_new = earlier.and_then(|it| it.is_new.get(layer_idx)).copied().unwrap_or(false);
    html! {
        <section key={layer_idx} class={classes!("layer", tint(layer_idx))}>
            <h3>{ layer.name }if is_new { <em>{ "put on" }</em> }<span>{ &layer.summary }</span></h3>
            <ul>{ for rows }</ul>
        </section>
    }
}

fn ignoring<E>(call: impl Fn() + 'static) -> Callback<E> {
    Callback::from(move |_| call())
}

/// Neighbouring layers have different tints.
fn tint(layer_idx: usize) -> &'static str {
    ["tint-0", "tint-1", "tint-2", "tint-3"][layer_idx % 4]
}

const ROW: usize = 16;

/// How the id of a byte's button begins.
const BYTE: &str = "byte-";

fn byte_id(at: usize) -> String {
    format!("{BYTE}{at}")
}

/// The frame in hexadecimal. One stop for the Tab key; arrows go from byte to byte.
fn bytes(
    headers: &Headers,
    props: &Props,
    focused: &UseStateHandle<usize>,
    pointed: Option<FieldAt>,
) -> Html {
    let dispatch = &props.dispatch;
    let lit = pointed
        .or(props.field)
        .and_then(|at| Some(headers.layers.get(at.layer)?.fields.get(at.field)?.bytes.clone()));
    let n_bytes = headers.bytes.len();
    let stop = lit
        .as_ref()
        .map_or(**focused, |bytes| if bytes.contains(focused) { **focused } else { bytes.start });
    let stop = stop.min(n_bytes.saturating_sub(1));
    let onkeydown = {
        let (headers, dispatch, focused) = (headers.clone(), dispatch.clone(), focused.clone());
        Callback::from(move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "ArrowRight" => stop + 1,
                "ArrowLeft" => stop.saturating_sub(1),
                "ArrowDown" => stop + ROW,
                "ArrowUp" => stop.saturating_sub(ROW),
                "Home" => 0,
                "End" => n_bytes - 1,
                _ => return,
            };
            event.prevent_default();
            let to = to.min(n_bytes - 1);
            focused.set(to);
            dispatch.emit(Action::SelectField(headers.field_of(to)));
            platform::focus(&byte_id(to));
        })
    };
    // One for all bytes: a listener each took longer to put in place than all the rest of a step.
    let onclick = {
        let (headers, dispatch, focused) = (headers.clone(), dispatch.clone(), focused.setter());
        Callback::from(move |event: MouseEvent| {
            let id = platform::button_of(&event);
            let at = id.strip_prefix(BYTE).and_then(|at| at.parse().ok());
            if let Some(at) = at {
                focused.set(at);
                dispatch.emit(Action::SelectField(headers.field_of(at)));
            }
        })
    };
    let rows = headers.bytes.chunks(ROW).enumerate().map(|(row, bytes)| {
        let cells = bytes.iter().enumerate().map(|(column, byte)| {
            let at = row * ROW + column;
            let layer = headers.layers.iter().position(|l| l.bytes.contains(&at));
            let changed = headers.changes.iter().any(|change| {
                let layer = headers.layers.get(change.at.layer);
                let of = layer.and_then(|l| l.fields.get(change.at.field));
                of.is_some_and(|f| f.bytes.contains(&at))
            });
            let on = lit.as_ref().is_some_and(|bytes| bytes.contains(&at));
            html! {
                <button
                    key={at}
                    id={byte_id(at)}
                    class={classes!(
                        layer.map(tint), on.then_some("lit"), changed.then_some("changed")
                    )}
                    tabindex={if at == stop { "0" } else { "-1" }}
                    aria-label={format!("byte {at}: {byte:02x}")}
                >
                    { format!("{byte:02x}") }
                </button>
            }
        });
        let text: String = bytes
            .iter()
            .map(|&b| if b == b' ' || b.is_ascii_graphic() { char::from(b) } else { '·' })
            .collect();
        html! {
            <div key={row} class="row">
                <span class="offset">{ format!("{:04x}", row * ROW) }</span>
                <span class="hex">{ for cells }</span>
                <span class="ascii" aria-hidden="true">{ text }</span>
            </div>
        }
    });
    html! {
        <div class="bytes mono" role="group" aria-label="Bytes of the frame" {onclick} {onkeydown}>{ for rows }</div>
    }
}
