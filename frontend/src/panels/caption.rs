//! The step in words: what happens, what it changes in the headers, and why; what the reader bet on it, and may bet on the
//! next.

use std::net::Ipv4Addr;

use everyhop_engine::base::Side;
use everyhop_engine::lesson::Door;
use everyhop_engine::trace::{Event, Note};
use everyhop_engine::wire::dissect::Field;
use yew::prelude::*;

use super::bet;
use super::look::{self, LookBox};
use crate::hooks::Dispatch;
use crate::state::headers::{FieldAt, Headers};
use crate::state::lessons::LessonId;
use crate::state::run::Shown;
use crate::state::{Level, Session};
use everyhop_engine::base::Mac;
use everyhop_engine::story::Because;

/// The caption's id.
pub const CAPTION: &str = "caption";

/// The caption of the step at the playhead.
pub fn caption(session: &Session, shown: &Shown, dispatch: &Dispatch) -> Html {
    let (step_idx, run) = (session.step_idx, &shown.run);
    let (number, count) = session.playhead();
    let (at_stop, level) = (session.stop_idx(), session.level());
    let stop = run.stops.get(at_stop).filter(|stop| level == Level::Stops || stop.at == step_idx);
    let told = stop.map(|stop| &stop.caption).or_else(|| run.captions.get(step_idx));
    let (Some(hop), Some(told)) = (run.story.steps.get(step_idx), told) else {
        return html! {
            <aside class="caption" id={CAPTION} aria-label="This step" tabindex="0">
                <h1>{ "Nothing moves" }</h1>
                <p>{ "No packet is sent in this lab." }</p>
                { results(shown) }
            </aside>
        };
    };
    let acting = hop.note(&run.trace);
    let place = hop.moves.first().map(|moved| {
        let world = &run.end;
        let device = &world.devices[moved.to];
        format!(" · {} · {}", world.netns[device.ns].name, device.name)
    });
    let headers = Headers::at(shown, step_idx, 0);
    html! {
        <aside class="caption" id={CAPTION} aria-label="This step" tabindex="0">
            <p class="visually-hidden" aria-live="polite">
                { format!("Step {number} of {count}. {}. {}", told.title, told.text).replace('`', "") }
            </p>
            <div class="where">
                { format!("Step {number} of {count}") }{ place.or_else(|| acting.map(acts)).unwrap_or_default() }
                if let Some(number) = told.article {
                    <span class="article">{ format!("article, step {number}") }</span>
                }
            </div>
            <h1>{ &told.title }</h1>
            { for stop.and_then(|stop| {
                let chosen = *session.bets.get(session.bet_at(at_stop))?;
                Some(bet::settled(stop.bet.as_ref()?, chosen))
            }) }
            <p class="text">{ words(&told.text) }</p>
            { for told.aside.as_deref().map(aside) }
            { for session.bet_ahead().and_then(|at| {
                let ahead = run.stops.get(at.2)?.bet.as_ref()?;
                Some(bet::offered(ahead, session.bets.get(at).copied(), dispatch))
            }) }
            { for headers.as_ref().map(|headers| header_rows(headers, rewritten(shown, step_idx, headers))) }
            if let (Some(look), Some(_)) = (&told.look, stop) {
                <LookBox
                    ..look::Props { shown: shown.clone(), stop_idx: at_stop, look: look.clone() }
                />
            }
            if !hop.because.is_empty() {
                <section class="why" aria-labelledby="why">
                    <h2 id="why">{ if acting.is_some() { "What is written" } else { "Why here?" } }</h2>
                    <ul>{ for hop.because.iter().take(REASONS).map(reason) }</ul>
                    if hop.because.len() > REASONS {
                        <details>
                            <summary>{ format!("{} more reasons", hop.because.len() - REASONS) }</summary>
                            <ul>{ for hop.because.iter().skip(REASONS).map(reason) }</ul>
                        </details>
                    }
                </section>
            }
            if session.is_at_end() {
                { results(shown) }
            }
            if !shown.lab.doors.is_empty() { { doors(shown, session.is_at_end()) } }
            if session.is_at_end() { { for next(shown) } }
        </aside>
    }
}

/// Reasons that are shown without being asked for.
const REASONS: usize = 6;

/// Who acts, where no packet moves.
#[inline(never)]
fn acts(note: &Note) -> String {
    let mut acts = format!(" · {}", note.by);
    if !note.netns.is_empty() {
        acts.push_str(" · ");
        acts.push_str(&note.netns);
    }
    acts
}

/// The kinds of traffic, each with the lessons that tell of it; always at hand, and open where the lesson ends.
fn doors(shown: &Shown, open: bool) -> Html {
    let door = |door: &Door| {
        let found = door.lessons.iter().filter_map(|name| LessonId::find(name));
        html! {
            <li>
                { &door.say }
                { for found.map(|id| html! {
                    <a class="btn" href={format!("#/lesson/{}", id.as_str())}>{ id.lesson().short }</a>
                }) }
            </li>
        }
    };
    html! {
        <details class="doors" {open}>
            <summary>{ "The kinds of traffic, lesson by lesson" }</summary>
            <ul>{ for shown.lab.doors.iter().map(door) }</ul>
        </details>
    }
}

/// Where to go on.
fn next(shown: &Shown) -> Option<Html> {
    let [_, next] = shown.lesson.neighbours();
    let next = next?;
    Some(html! {
        <a class="btn primary next" href={format!("#/lesson/{}", next.id.as_str())}>
            { format!("Next: {}", next.short) }
        </a>
    })
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

/// Where the article makes it simpler than it is.
pub fn aside(text: &str) -> Html {
    html! { <p class="aside"><b>{ "The article" }</b>{ words(text) }</p> }
}

/// A sentence, in which what stands between backticks is what a machine says.
pub fn words(text: &str) -> Html {
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
    ("TCP", "Source port", "port from"),
    ("TCP", "Destination port", "port to"),
];

/// Addresses that are rewritten in this step, where its frame still shows what they were: a translation on arrival is to be
/// seen in the frame that leaves.
fn rewritten(shown: &Shown, step_idx: usize, headers: &Headers) -> Vec<Html> {
    let end = |(ip, port): (Ipv4Addr, u16)| format!("{ip}:{port}");
    let has = |name: &str, ip: Ipv4Addr| {
        let mut layers = headers.layers.iter().filter(|layer| layer.name == "IPv4");
        layers.any(|it| it.fields.iter().any(|f| f.name == name && f.value == ip.to_string()))
    };
    let events = &shown.run.story.steps[step_idx].events;
    let entries = events.iter().map(|&event| (event, shown.run.trace.entries[event].event));
    let rows = entries.filter_map(|(index, event)| {
        let Event::NatRewrote { side, from, to, quoted: false, .. } = event else { return None };
        let name = match side {
            Side::Source => "Source",
            Side::Destination => "Destination",
        };
        (!has(name, to.0)).then(|| {
            html! {
                <div key={format!("nat-{index}")} class="changed">
                    <dt>{ "rewritten" }</dt>
                    <dd>
                        <s><span class="visually-hidden">{ "was " }</span>{ end(from) }</s>
                        { " " }<b>{ end(to) }</b>
                    </dd>
                </div>
            }
        })
    });
    rows.collect()
}

/// What is rewritten, the main fields, then the others that changed, each with its value one step earlier.
fn header_rows(headers: &Headers, rewritten: Vec<Html>) -> Html {
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
    html! { <dl class="headers mono" aria-label="Headers of the packet">{ for rewritten.into_iter().chain(main).chain(others) }</dl> }
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
