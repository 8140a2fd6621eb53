//! The rules that the packet at the playhead was judged by.

use everyhop_engine::base::NsId;
use everyhop_engine::story::Walked;
use yew::prelude::*;

use super::written::{self, Written};
use crate::hooks::{Dispatch, click};
use crate::state::Action;
use crate::state::run::Shown;
use crate::state::walk::{AtHook, Row, nearest, walk};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    /// Whose rules are shown where no packet asks any; None: those of the component that acts.
    pub netns: Option<NsId>,
    pub dispatch: Dispatch,
}

#[component]
pub fn Rules(props: &Props) -> Html {
    let hooks = use_memo((props.shown.clone(), props.step_idx), |(shown, step)| walk(shown, *step));
    if hooks.is_empty()
        && let Some(netns) = props.netns.or_else(|| acts_in(&props.shown, props.step_idx))
    {
        let (shown, step_idx) = (props.shown.clone(), props.step_idx);
        return html! { <Written ..written::Props { shown, step_idx, netns } /> };
    }
    if hooks.is_empty() {
        let next = nearest(&props.shown, props.step_idx);
        return html! {
            <p class="hint">
                { "No rules are asked in this step. " }
                if let Some(step) = next {
                    <button class="btn" onclick={click(&props.dispatch, Action::Seek(step))}>
                        { format!("Go to step {}, where they are", step + 1) }
                    </button>
                }
            </p>
        };
    }
    html! {
        <div class="rules" data-scrolls="true">
            { for hooks.iter().enumerate().map(|(n, it)| at_hook(props, n, it)) }
        </div>
    }
}

/// Where a component acts in a step without a packet, if there are rules.
pub(super) fn acts_in(shown: &Shown, step_idx: usize) -> Option<NsId> {
    let run = &shown.run;
    let note = run.story.steps.get(step_idx)?.note(&run.trace)?;
    let ns = run.end.find_netns(&note.netns)?;
    run.end.netns[ns].netfilter.is_some().then_some(ns)
}

fn at_hook(props: &Props, n: usize, it: &AtHook) -> Html {
    let name = &props.shown.run.end.netns[it.ns].name;
    let title = match it.hook {
        Some(hook) => format!("{name} · {}", hook.chain()),
        None => format!("{name} · connection tracking"),
    };
    html! {
        // The step is part of the key, so that what was unfolded for one packet is not for another.
        <section key={format!("{}-{n}", props.step_idx)} class="hook">
            <h3>
                { title }
                { for it.hook.map(|hook| html! { <code>{ hook.name() }</code> }) }
            </h3>
            { for it.rows.iter().map(row) }
        </section>
    }
}

fn row(row: &Row) -> Html {
    match row {
        Row::Decides(it) => line(it),
        Row::Tracked(text) => html! { <p class="tracked">{ text }</p> },
        Row::Skipped(lines) if lines.len() < 4 => lines.iter().map(line).collect(),
        Row::Skipped(lines) => html! {
            <details>
                <summary>{ format!("{} rules do not match", lines.len()) }</summary>
                { for lines.iter().map(line) }
            </details>
        },
    }
}

fn line(it: &Walked) -> Html {
    let number = it.number.map(|number| number.to_string()).unwrap_or_default();
    let class = match (&it.unmet, it.number) {
        (Some(_), _) => "rule no",
        (None, Some(_)) => "rule yes",
        (None, None) => "rule end",
    };
    let says = match (&it.unmet, it.number) {
        (Some(why), _) => format!("no match: {why}"),
        (None, Some(_)) => "matches".into(),
        (None, None) => "end of the chain".into(),
    };
    html! {
        <div {class}>
            <span class="chain mono">{ format!("{} {} {number}", it.table.name(), it.chain) }</span>
            <code>{ &it.text }</code>
            <span class="says">
                { says }
                { for it.origin.iter().map(|origin| html! {
                    <span class="origin">{ format!("because of {origin}") }</span>
                }) }
            </span>
        </div>
    }
}
