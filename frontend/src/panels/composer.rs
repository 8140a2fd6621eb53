//! Who sends what to whom, for labs that have no action of their own or that the learner changed.

use everyhop_engine::kube::{Cluster, Pod, Protocol};
use yew::prelude::*;

use crate::hooks::{maybe, use_dispatch};
use crate::platform;
use crate::state::Action;
use crate::state::lessons::OWN;
use crate::state::run::{Exchange, Sending, Shown, first_exchange};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
}

/// Shown where the text leaves open who talks to whom.
#[component]
pub fn Composer(props: &Props) -> Html {
    let dispatch = use_dispatch();
    let cluster = &props.shown.lab.cluster;
    let chosen = use_state_eq(|| None::<Exchange>);
    let port_text = use_state_eq(|| None::<String>);
    let open = props.shown.lesson == OWN.id || props.shown.is_edited();
    let start = (*chosen).clone().filter(|exchange| names_pods(cluster, exchange));
    let Some(exchange) =
        start.or_else(|| props.shown.sent.clone()).or_else(|| first_exchange(cluster))
    else {
        return Html::default();
    };
    if !open && !props.shown.lab.actions.is_empty() {
        return Html::default();
    }

    let pick = |change: fn(&mut Exchange, String)| {
        let (chosen, exchange) = (chosen.setter(), exchange.clone());
        Callback::from(move |event: Event| {
            let mut next = exchange.clone();
            change(&mut next, platform::choice_of(&event));
            chosen.set(Some(next));
        })
    };
    let pick_to = {
        let (chosen, exchange, cluster) = (chosen.setter(), exchange.clone(), cluster.clone());
        let port_text = port_text.setter();
        Callback::from(move |event: Event| {
            let to = platform::choice_of(&event);
            let protocol = match exchange.protocol {
                Sending::Icmp => Sending::Icmp,
                Sending::Udp(_) => Sending::Udp(udp_port(&cluster, &to).unwrap_or(8080)),
            };
            port_text.set(None);
            chosen.set(Some(Exchange { to, protocol, ..exchange.clone() }));
        })
    };
    let pick_protocol = {
        let (chosen, exchange) = (chosen.setter(), exchange.clone());
        let port = udp_port(cluster, &exchange.to).unwrap_or(8080);
        Callback::from(move |event: Event| {
            let protocol = match platform::choice_of(&event).as_str() {
                "udp" => Sending::Udp(port),
                _ => Sending::Icmp,
            };
            chosen.set(Some(Exchange { protocol, ..exchange.clone() }));
        })
    };
    let type_port = {
        let port_text = port_text.setter();
        Callback::from(move |event: InputEvent| port_text.set(Some(platform::value_of(&event))))
    };
    let to_send = match (exchange.protocol, &*port_text) {
        (Sending::Udp(_), Some(text)) => match text.trim().parse() {
            Ok(port) if port > 0 => {
                Some(Exchange { protocol: Sending::Udp(port), ..exchange.clone() })
            }
            Ok(_) | Err(_) => None,
        },
        _ => Some(exchange.clone()),
    };
    let wrong_port = to_send.is_none();
    let send = maybe(&dispatch, move |event: SubmitEvent| {
        event.prevent_default();
        to_send.clone().map(Action::Send)
    });
    let is_udp = matches!(exchange.protocol, Sending::Udp(_));
    html! {
        <form class="composer" aria-label="What to send" onsubmit={send}>
            <label>
                { "From " }
                { pods(cluster, &exchange.from, pick(|exchange, from| exchange.from = from)) }
            </label>
            <label>{ "to " }{ pods(cluster, &exchange.to, pick_to) }</label>
            <label>
                { "send " }
                <select class="btn" onchange={pick_protocol}>
                    <option value="icmp" selected={!is_udp}>{ "ICMP echo (ping)" }</option>
                    <option value="udp" selected={is_udp}>{ "UDP datagram" }</option>
                </select>
            </label>
            if let Sending::Udp(port) = exchange.protocol {
                <label>
                    { "port " }
                    <input
                        inputmode="numeric"
                        aria-invalid={wrong_port.to_string()}
                        value={(*port_text).clone().unwrap_or_else(|| port.to_string())}
                        oninput={type_port}
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

fn pods(cluster: &Cluster, chosen: &str, onchange: Callback<Event>) -> Html {
    html! {
        <select class="btn" {onchange}>
            { for cluster.pods.iter().map(|pod| {
                let name = pod.short_name();
                let selected = name == chosen;
                html! { <option key={name.clone()} value={name.clone()} {selected}>{ name.clone() }</option> }
            }) }
        </select>
    }
}

fn find<'a>(cluster: &'a Cluster, name: &str) -> Option<&'a Pod> {
    cluster.pods.iter().find(|pod| pod.short_name() == name)
}

fn names_pods(cluster: &Cluster, exchange: &Exchange) -> bool {
    find(cluster, &exchange.from).is_some() && find(cluster, &exchange.to).is_some()
}

/// The first port that a pod says it listens on by UDP.
fn udp_port(cluster: &Cluster, pod: &str) -> Option<u16> {
    let mut ports = find(cluster, pod)?.ports();
    ports.find(|port| port.protocol == Protocol::Udp).map(|port| port.number)
}
