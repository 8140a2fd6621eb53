//! Who sends what to whom, for labs that have no action of their own or that the learner changed.

use everyhop_engine::kube::Protocol;
use everyhop_engine::lesson::Lab;
use yew::prelude::*;

use crate::hooks::{Dispatch, maybe};
use crate::platform;
use crate::state::Action;
use crate::state::lessons::OWN;
use crate::state::run::{Exchange, Sending, Shown};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub dispatch: Dispatch,
}

/// What stands in the form, not yet sent.
#[derive(Clone, PartialEq, Eq)]
struct Form {
    from: String,
    /// A pod; None: the address beside it.
    to: Option<String>,
    address: String,
    udp: bool,
    port: String,
}

/// A datagram's port where the destination declares none.
const USUAL_PORT: u16 = 8080;

impl Form {
    fn of(exchange: &Exchange, lab: &Lab) -> Self {
        let to_pod = pod_names(lab).any(|name| name == exchange.to);
        let port = match exchange.sending {
            Sending::Udp(port) => port,
            Sending::Icmp => udp_port(lab, &exchange.to).unwrap_or(USUAL_PORT),
        };
        Self {
            from: exchange.from.clone(),
            to: to_pod.then(|| exchange.to.clone()),
            address: if to_pod { String::new() } else { exchange.to.clone() },
            udp: matches!(exchange.sending, Sending::Udp(_)),
            port: port.to_string(),
        }
    }

    /// None: the port is no port.
    fn exchange(&self) -> Option<Exchange> {
        let sending = if self.udp {
            Sending::Udp(self.port.trim().parse().ok().filter(|&port| port > 0)?)
        } else {
            Sending::Icmp
        };
        let to = self.to.clone().unwrap_or_else(|| self.address.trim().to_owned());
        Some(Exchange { from: self.from.clone(), to, sending })
    }
}

/// Shown where the text leaves open who talks to whom.
#[component]
pub fn Composer(props: &Props) -> Html {
    let lab = &props.shown.lab;
    let typed = use_state_eq(|| None::<(Shown, Form)>);
    let open = props.shown.lesson == OWN.id || props.shown.is_edited() || lab.actions.is_empty();
    let Some(exchange) = props.shown.sent.clone().or_else(|| Exchange::first(lab)) else {
        return Html::default();
    };
    if !open {
        return Html::default();
    }
    // What was typed for an earlier run is not for this one.
    let form = match &*typed {
        Some((shown, form)) if *shown == props.shown => form.clone(),
        Some(_) | None => Form::of(&exchange, lab),
    };
    let change = |with: fn(&mut Form, String, &Lab)| {
        let (typed, shown, form) = (typed.setter(), props.shown.clone(), form.clone());
        move |value: String| {
            let mut form = form.clone();
            with(&mut form, value, &shown.lab);
            typed.set(Some((shown.clone(), form)));
        }
    };
    let pick = |with| {
        let change = change(with);
        Callback::from(move |event: Event| change(platform::choice_of(&event)))
    };
    let write = |with| {
        let change = change(with);
        Callback::from(move |event: InputEvent| change(platform::value_of(&event)))
    };
    let to_send = form.exchange();
    let wrong_port = to_send.is_none();
    let send = maybe(&props.dispatch, move |event: SubmitEvent| {
        event.prevent_default();
        to_send.clone().map(Action::Send)
    });
    let nodes = lab.cluster.nodes.iter().map(|node| format!("node/{}", node.name));
    html! {
        <form class="composer" aria-label="What to send" onsubmit={send}>
            <label>
                { "From " }
                <select class="btn" onchange={pick(|form, from, _| form.from = from)}>
                    { for pod_names(lab).chain(nodes).map(|name| option(&name, name == form.from)) }
                </select>
            </label>
            <label>
                { "to " }
                <select class="btn" onchange={pick(choose_destination)}>
                    { for pod_names(lab).map(|name| option(&name, form.to.as_ref() == Some(&name))) }
                    <option value="" selected={form.to.is_none()}>{ "an address…" }</option>
                </select>
            </label>
            if form.to.is_none() {
                <input
                    class="address"
                    aria-label="Destination address"
                    placeholder="10.244.1.9"
                    value={form.address.clone()}
                    oninput={write(|form, address, _| form.address = address)}
                />
            }
            <label>
                { "send " }
                <select class="btn" onchange={pick(|form, what, _| form.udp = what == "udp")}>
                    <option value="icmp" selected={!form.udp}>{ "a ping (ICMP echo)" }</option>
                    <option value="udp" selected={form.udp}>{ "a UDP datagram" }</option>
                </select>
            </label>
            if form.udp {
                <label>
                    { "to port " }
                    <input
                        inputmode="numeric"
                        aria-invalid={wrong_port.to_string()}
                        value={form.port.clone()}
                        oninput={write(|form, port, _| form.port = port)}
                    />
                </label>
            }
            <button class="btn primary" type="submit">{ "Send" }</button>
            if wrong_port {
                <span class="hint" role="alert">{ "A port is a number from 1 to 65535." }</span>
            }
        </form>
    }
}

fn choose_destination(form: &mut Form, to: String, lab: &Lab) {
    if let Some(port) = udp_port(lab, &to) {
        form.port = port.to_string();
    }
    form.to = Some(to).filter(|to| !to.is_empty());
}

fn option(name: &str, selected: bool) -> Html {
    let label = name.strip_prefix("pod/").unwrap_or(name).to_owned();
    html! { <option key={name.to_owned()} value={name.to_owned()} {selected}>{ label }</option> }
}

fn pod_names(lab: &Lab) -> impl Iterator<Item = String> {
    (0..lab.cluster.pods.len()).map(|pod| lab.pod_name(pod))
}

/// The first port that a pod says it listens on by UDP.
fn udp_port(lab: &Lab, name: &str) -> Option<u16> {
    let pod = pod_names(lab).position(|pod| pod == name)?;
    let mut ports = lab.cluster.pods[pod].ports();
    ports.find(|port| port.protocol == Protocol::Udp).map(|port| port.number)
}
