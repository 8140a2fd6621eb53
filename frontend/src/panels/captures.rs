//! What packet sockets saw, as tcpdump would print it.

use everyhop_engine::base::DevId;
use everyhop_engine::trace::Direction;
use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::platform;
use crate::state::captures::{Row, rows};
use crate::state::run::Shown;
use crate::state::{Action, Shared};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    /// None: all devices.
    pub device: Option<DevId>,
    pub dispatch: Dispatch,
}

#[component]
pub fn Captures(props: &Props) -> Html {
    let world = &props.shown.run.end;
    let all = use_memo((props.shown.clone(), props.device), |(shown, device)| rows(shown, *device));
    let all = Shared::from(all);
    use_effect_with((props.step_idx, all.clone()), |(step_idx, all)| {
        if let Some(n) = all.iter().rposition(|row| row.step_idx.is_some_and(|of| of <= *step_idx))
        {
            platform::reveal(&row_id(n));
        }
    });
    let devices: Vec<(String, DevId)> =
        world.devices.iter().map(|(id, _)| (world.device_name(id), id)).collect();
    let command = match props.device {
        Some(dev) => {
            let device = &world.devices[dev];
            format!("ip netns exec {} tcpdump -n -i {}", world.netns[device.ns].name, device.name)
        }
        None => "tcpdump -n on every device".into(),
    };
    let choose = {
        let devices = devices.clone();
        props.dispatch.reform(move |event: Event| {
            let name = platform::choice_of(&event);
            let found = devices.iter().find(|(other, _)| *other == name);
            Action::SelectDevice(found.map(|(_, id)| *id))
        })
    };
    html! {
        <div class="captures">
            <label class="pick">
                { "Device " }
                <select class="btn" onchange={choose}>
                    <option value="" selected={props.device.is_none()}>{ "all devices" }</option>
                    { for devices.iter().map(|(name, id)| html! {
                        <option key={name.clone()} value={name.clone()} selected={props.device == Some(*id)}>
                            { name }
                        </option>
                    }) }
                </select>
                <code class="hint">{ command }</code>
            </label>
            if all.is_empty() {
                <p class="hint">{ "No frame passes this device." }</p>
            } else {
                <ol class="mono" data-scrolls="true">
                    { for all.iter().enumerate().map(|(n, row)| html! {
                        <Line
                            key={n}
                            ..LineProps {
                                shown: props.shown.clone(),
                                rows: all.clone(),
                                n,
                                on: row.step_idx == Some(props.step_idx),
                                later: row.step_idx.is_none_or(|step_idx| step_idx > props.step_idx),
                                dispatch: props.dispatch.clone(),
                            }
                        />
                    }) }
                </ol>
            }
        </div>
    }
}

fn row_id(n: usize) -> String {
    format!("capture-{n}")
}

#[derive(PartialEq, Properties)]
struct LineProps {
    shown: Shown,
    rows: Shared<Vec<Row>>,
    n: usize,
    /// It belongs to the step at the playhead.
    on: bool,
    /// It is still to come.
    later: bool,
    dispatch: Dispatch,
}

/// A component of its own, so that a step renders only the lines that it changes.
#[component]
fn Line(props: &LineProps) -> Html {
    let Some(row) = props.rows.get(props.n) else { return Html::default() };
    let dir = match row.dir {
        Direction::In => "In",
        Direction::Out => "Out",
    };
    let class = classes!("seen", props.on.then_some("on"), props.later.then_some("later"));
    let cells = html! {
        <>
            <span>{ row.at.to_string() }</span>
            <span>{ props.shown.run.end.device_name(row.dev) }</span>
            <span>{ dir }</span>
            <span>{ &row.text }</span>
        </>
    };
    html! {
        <li id={row_id(props.n)}>
            if let Some(step_idx) = row.step_idx {
                <button
                    {class}
                    title={format!("Go to step {}", step_idx + 1)}
                    onclick={click(&props.dispatch, Action::Seek(step_idx))}
                >
                    { cells }
                </button>
            } else {
                <div {class}>{ cells }</div>
            }
        </li>
    }
}
