//! The step in words: what happens, what it changes in the headers, and why.

use everyhop_engine::wire::dissect::Field;
use yew::prelude::*;

use crate::state::headers::{FieldAt, Headers};
use crate::state::run::Shown;
use everyhop_engine::base::Mac;
use everyhop_engine::story::Because;

/// The caption of a step.
pub fn caption(shown: &Shown, step_idx: usize) -> Html {
    let n_steps = shown.n_steps();
    let run = &shown.run;
    let (Some(step), Some(told)) = (run.story.steps.get(step_idx), run.captions.get(step_idx))
    else {
        return html! {
            <aside class="caption" aria-label="This step" tabindex="0">
                <h1>{ "Nothing moves" }</h1>
                <p>{ "No packet is sent in this lab." }</p>
                { results(shown) }
            </aside>
        };
    };
    let place = step.moves.first().map(|moved| {
        let world = &run.end;
        let device = &world.devices[moved.to];
        format!(" · {} · {}", world.netns[device.ns].name, device.name)
    });
    let headers = Headers::at(shown, step_idx, 0);
    html! {
        <aside class="caption" aria-label="This step" tabindex="0">
            <p class="visually-hidden" aria-live="polite">
                { format!("Step {} of {n_steps}. {}. {}", step_idx + 1, told.title, told.text) }
            </p>
            <div class="where">
                { format!("Step {} of {n_steps}", step_idx + 1) }{ place.unwrap_or_default() }
                if let Some(number) = told.article {
                    <span class="article">{ format!("article, step {number}") }</span>
                }
            </div>
            <h1>{ &told.title }</h1>
            <p class="text">{ words(&told.text) }</p>
            { for headers.as_ref().map(header_rows) }
            if !step.because.is_empty() {
                <section class="why" aria-labelledby="why">
                    <h2 id="why">{ "Why here?" }</h2>
                    <ul>{ for step.because.iter().map(reason) }</ul>
                </section>
            }
            if step_idx + 1 == n_steps {
                { results(shown) }
            }
        </aside>
    }
}

/// How each action ended.
fn results(shown: &Shown) -> Html {
    html! {
        { for shown.run.results.iter().enumerate().map(|(n, result)| html! {
            <p key={n} class={classes!("result", result.verdict.name())}>
                <b>{ result.verdict.name() }</b>{ " " }{ words(&result.because) }
            </p>
        }) }
    }
}

/// A sentence, in which what stands between backticks is what a machine says.
fn words(text: &str) -> Html {
    text.split('`')
        .enumerate()
        .map(|(n, part)| {
            if n % 2 == 1 {
                html! { <code>{ part }</code> }
            } else {
                html! { { part } }
            }
        })
        .collect()
}

fn reason(because: &Because) -> Html {
    html! {
        <li key={because.event}>
            { words(&because.text) }
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
    ("ARP", "Sender IP address", "asker"),
    ("ARP", "Target IP address", "asks for"),
    ("IPv4", "Source", "IP from"),
    ("IPv4", "Destination", "IP to"),
    ("IPv4", "Time to live", "TTL"),
    ("ICMP", "Type", "ICMP"),
    ("UDP", "Source port", "port from"),
    ("UDP", "Destination port", "port to"),
];

/// The main fields, then the others that changed, each with its value one step earlier.
fn header_rows(headers: &Headers) -> Html {
    let all = headers.layers.iter().enumerate().flat_map(|(layer, l)| {
        l.fields.iter().enumerate().map(move |(field, f)| (l.name, f, FieldAt { layer, field }))
    });
    let all: Vec<_> = all.collect();
    let is_reply = |name: &str| {
        name == "ARP" && all.iter().any(|(_, f, _)| f.name == "Opcode" && f.value == "2")
    };
    let main = MAIN_FIELDS.iter().filter_map(|&(layer, name, short)| {
        let &(_, field, at) = all.iter().find(|(of, f, _)| *of == layer && f.name == name)?;
        let short = match (is_reply(layer), short) {
            (true, "asker") => "answers",
            (true, "asks for") => "asker",
            (_, short) => short,
        };
        Some(row(headers, short.to_owned(), field, at))
    });
    let is_main = |layer: &str, name: &str| {
        MAIN_FIELDS.iter().any(|(of, field, _)| *of == layer && *field == name)
    };
    let others = all
        .iter()
        .filter(|(layer, field, at)| !is_main(layer, field.name) && headers.before(*at).is_some());
    let others =
        others.map(|&(_, field, at)| row(headers, field.name.to_ascii_lowercase(), field, at));
    html! { <dl class="headers mono" aria-label="Headers of the packet">{ for main.chain(others) }</dl> }
}

fn row(headers: &Headers, name: String, field: &Field, at: FieldAt) -> Html {
    let before = headers.before(at);
    // A number that says less than its meaning: a type, or an address that is not there yet.
    let meaning = field
        .note
        .as_ref()
        .filter(|_| field.name == "Type" || field.value == Mac::ZERO.to_string());
    html! {
        <div key={format!("{}.{}", at.layer, at.field)} class={before.map(|_| "changed")}>
            <dt>{ name }</dt>
            <dd>
                if let Some(before) = before {
                    <s><span class="visually-hidden">{ "was " }</span>{ before.to_owned() }</s>
                    { " " }<b>{ &field.value }</b>
                } else {
                    { meaning.unwrap_or(&field.value) }
                }
            </dd>
        </div>
    }
}
