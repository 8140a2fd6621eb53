//! The step in words: what happens, what it changes in the headers, and why.

use everyhop_engine::wire::dissect::Layer;
use yew::prelude::*;

use crate::state::headers::{FieldAt, Headers};
use crate::state::run::Shown;
use everyhop_engine::story::Because;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
}

#[component]
pub fn Caption(props: &Props) -> Html {
    let (shown, step_idx) = (&props.shown, props.step_idx);
    let n_steps = shown.n_steps();
    let Some(step) = shown.run.story.steps.get(step_idx) else {
        return html! {
            <aside class="caption" aria-label="This step">
                <h1>{ "Nothing to send" }</h1>
                <p>{ "No packet moves in this lab. Choose who sends to whom above the stage." }</p>
            </aside>
        };
    };
    let place = step.moves.first().map(|moved| {
        let world = &shown.run.start;
        let device = &world.devices[moved.to];
        format!(" · {} · {}", world.netns[device.ns].name, device.name)
    });
    let headers = Headers::at(shown, step_idx, 0);
    html! {
        <aside class="caption" aria-label="This step">
            <p class="visually-hidden" aria-live="polite">
                { format!("Step {} of {n_steps}. {}. {}", step_idx + 1, step.title, step.text) }
            </p>
            <div class="where">
                { format!("Step {} of {n_steps}", step_idx + 1) }{ place.unwrap_or_default() }
            </div>
            <h1>{ &step.title }</h1>
            <p class="text">{ &step.text }</p>
            { for headers.as_ref().map(header_rows) }
            if !step.because.is_empty() {
                <section class="why" aria-labelledby="why">
                    <h2 id="why">{ "Why here?" }</h2>
                    <ul>{ for step.because.iter().map(reason) }</ul>
                </section>
            }
        </aside>
    }
}

fn reason(because: &Because) -> Html {
    html! {
        <li key={because.event}>
            { &because.text }
            <div class="source">
                <code title="The kernel's function that decides this">{ because.kernel }</code>
                if let Some(origin) = &because.origin {
                    <span class="origin">{ format!("because of {origin}") }</span>
                }
            </div>
        </li>
    }
}

/// Fields that a caption always shows, by layer and name, with a short name.
const MAIN_FIELDS: &[(&str, &str, &str)] = &[
    ("Ethernet", "Source", "MAC from"),
    ("Ethernet", "Destination", "MAC to"),
    ("ARP", "Sender IP address", "asks for"),
    ("ARP", "Target IP address", "about"),
    ("IPv4", "Source", "IP from"),
    ("IPv4", "Destination", "IP to"),
    ("IPv4", "Time to live", "TTL"),
    ("ICMP", "Type", "ICMP"),
    ("UDP", "Source port", "port from"),
    ("UDP", "Destination port", "port to"),
];

fn short_name(layer: &Layer, name: &str) -> Option<&'static str> {
    let found = MAIN_FIELDS.iter().find(|(of, field, _)| *of == layer.name && *field == name);
    found.map(|(_, _, short)| *short)
}

/// The main fields and those that changed, each with its value one step earlier.
fn header_rows(headers: &Headers) -> Html {
    let rows = headers.layers.iter().enumerate().flat_map(|(layer_idx, layer)| {
        layer.fields.iter().enumerate().filter_map(move |(field_idx, field)| {
            let before = headers.before(FieldAt { layer: layer_idx, field: field_idx });
            let short = short_name(layer, field.name);
            let name = match (short, before) {
                (Some(short), _) => short.to_owned(),
                (None, Some(_)) => field.name.to_lowercase(),
                (None, None) => return None,
            };
            let note = field.note.as_ref().filter(|_| field.name == "Type");
            Some(html! {
                <div key={format!("{layer_idx}.{field_idx}")} class={before.map(|_| "changed")}>
                    <dt>{ name }</dt>
                    <dd>
                        if let Some(before) = before {
                            <s><span class="visually-hidden">{ "was " }</span>{ before.to_owned() }</s>
                            { " " }<b>{ &field.value }</b>
                        } else {
                            { note.unwrap_or(&field.value) }
                        }
                    </dd>
                </div>
            })
        })
    });
    html! { <dl class="headers mono" aria-label="Headers of the packet">{ for rows }</dl> }
}
