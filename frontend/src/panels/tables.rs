//! A namespace's tables as they were at the playhead.

use yew::prelude::*;

use super::rules::acts_in;
use crate::hooks::Dispatch;
use crate::platform;
use crate::state::Action;
use crate::state::run::Shown;
use crate::state::tables::{Table, tables};
use everyhop_engine::base::NsId;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    /// None: the namespace that the packet is in.
    pub netns: Option<NsId>,
    pub dispatch: Dispatch,
}

#[component]
pub fn Tables(props: &Props) -> Html {
    let run = &props.shown.run;
    let world = &run.end;
    let here = run.story.steps.get(props.step_idx).and_then(|step| step.moves.first());
    let here = here.map(|moved| world.devices[moved.to].ns);
    let first = world.netns.iter().next().map(|(id, _)| id);
    let Some(ns) = props.netns.or(here).or_else(|| acts_in(&props.shown, props.step_idx)).or(first)
    else {
        return Html::default();
    };
    let listed = use_memo((props.shown.clone(), props.step_idx, ns), |(shown, step_idx, ns)| {
        let before = step_idx.checked_sub(1).map(|step_idx| shown.world_at(step_idx));
        let now = shown.world_at(*step_idx);
        let events = shown.run.story.steps.get(*step_idx).map(|step| {
            step.events.iter().map(|&index| shown.run.trace.entries[index].event).collect()
        });
        let events: Vec<_> = events.unwrap_or_default();
        tables(&now, before.as_deref(), *ns, &events)
    });
    let choose = {
        let names: Vec<_> =
            world.netns.iter().map(|(id, netns)| (netns.name.to_string(), id)).collect();
        props.dispatch.reform(move |event: Event| {
            let name = platform::choice_of(&event);
            let found = names.iter().find(|(other, _)| *other == name);
            Action::SelectNetns(found.map(|(_, id)| *id))
        })
    };
    html! {
        <div class="tables">
            <label class="pick">
                { "Network namespace " }
                <select class="btn" onchange={choose}>
                    <option value="" selected={props.netns.is_none()}>{ "where the packet is" }</option>
                    { for world.netns.iter().map(|(id, netns)| html! {
                        <option
                            key={netns.name.to_string()}
                            value={netns.name.to_string()}
                            selected={props.netns == Some(id)}
                        >
                            { netns.name.to_string() }
                        </option>
                    }) }
                </select>
                <span class="hint">{ format!("{}, as it is at this step", world.netns[ns].name) }</span>
            </label>
            <div class="grid">{ for listed.iter().map(table) }</div>
        </div>
    }
}

fn table(table: &Table) -> Html {
    html! {
        <section key={table.title.clone()} class="table" aria-label={table.title.clone()} tabindex="0">
            <h3>{ &table.title }<code>{ &table.command }</code></h3>
            if table.rows.is_empty() {
                <p class="hint">{ table.empty }</p>
            } else {
                <table class="mono">
                    <thead>
                        <tr>{ for table.columns.iter().map(|name| html! {
                            <th key={*name} scope="col">{ *name }</th>
                        }) }</tr>
                    </thead>
                    <tbody>{ for table.rows.iter().enumerate().map(|(n, row)| html! {
                        <tr key={n} class={classes!(
                            row.changed.then_some("changed"), row.decides.then_some("decides")
                        )}>
                            { for row.cells.iter().enumerate().map(|(column, cell)| html! {
                                <td key={column}>
                                    { cell }
                                    if row.changed && column == 0 {
                                        <span class="visually-hidden">{ " (new in this step)" }</span>
                                    }
                                    if row.decides && column == 0 {
                                        <span class="why-row">{ "decides" }</span>
                                    }
                                </td>
                            }) }
                        </tr>
                    }) }</tbody>
                </table>
            }
        </section>
    }
}
