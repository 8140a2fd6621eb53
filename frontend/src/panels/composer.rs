//! Who sends what to whom, for labs that have no action of their own or that the learner changed.

use everyhop_engine::kube::Protocol as Declared;
use everyhop_engine::lesson::{Lab, Protocol};
use yew::prelude::*;

use crate::hooks::{Dispatch, maybe};
use crate::platform;
use crate::state::Action;
use crate::state::lessons::OWN;
use crate::state::run::{Exchange, Shown};

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub dispatch: Dispatch,
}

/// What stands in the form, not yet sent.
#[derive(Clone, PartialEq, Eq)]
struct Form {
    from: String,
    /// One of the list; empty: what is typed beside it.
    to: String,
    typed: String,
    /// Of pods, nodes and addresses.
    how: Protocol,
    port: String,
}

/// A port where the destination declares none.
const USUAL_PORT: u16 = 8080;

/// The client outside the cluster.
const INTERNET: &str = "internet";

impl Form {
    fn of(exchange: &Exchange, lab: &Lab) -> Self {
        let how = exchange.protocol.unwrap_or(Protocol::Icmp);
        let (host, port) = match exchange.to.rsplit_once(':') {
            Some((host, port)) if how != Protocol::Icmp => (host, Some(port.to_owned())),
            Some(_) | None => (&*exchange.to, None),
        };
        let is_listed = destinations(lab).any(|it| it == host);
        let (to, typed) = if is_listed { (host, "") } else { ("", host) };
        let port = port.unwrap_or_else(|| declared_port(lab, host, Protocol::Udp).to_string());
        Self { from: exchange.from.clone(), to: to.into(), typed: typed.into(), how, port }
    }

    fn destination(&self) -> &str {
        if self.to.is_empty() { self.typed.trim() } else { &self.to }
    }

    /// Whether the destination says nothing of what is sent: a machine, and not a page, a name or a Service.
    fn needs_protocol(&self) -> bool {
        let to = self.destination();
        !to.contains("://") && !to.starts_with("dns:") && !to.starts_with("svc/")
    }

    /// Whether a port must be named: what was typed may have one already.
    fn needs_port(&self) -> bool {
        self.needs_protocol() && self.how != Protocol::Icmp && !self.destination().contains(':')
    }

    /// None: the port is no port.
    fn exchange(&self) -> Option<Exchange> {
        let mut to = self.destination().to_owned();
        if self.needs_port() {
            let port: u16 = self.port.trim().parse().ok().filter(|&port| port > 0)?;
            to.push_str(&format!(":{port}"));
        }
        let protocol = self.needs_protocol().then_some(self.how);
        Some(Exchange { from: self.from.clone(), to, protocol })
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
    let sources = pod_names(lab).chain(node_names(lab)).chain([INTERNET.to_owned()]);
    let how = [
        (Protocol::Icmp, "a ping (ICMP echo)"),
        (Protocol::Udp, "a UDP datagram"),
        (Protocol::Tcp, "a TCP connection"),
    ];
    html! {
        <form class="composer" aria-label="What to send" onsubmit={send}>
            <label>
                { "From " }
                <select class="btn" onchange={pick(|form, from, _| form.from = from)}>
                    { for sources.map(|name| option(&name, name == form.from)) }
                </select>
            </label>
            <label>
                { "to " }
                <select class="btn" onchange={pick(choose_destination)}>
                    { for destinations(lab).map(|name| option(&name, form.to == name)) }
                    <option value="" selected={form.to.is_empty()}>{ "an address…" }</option>
                </select>
            </label>
            if form.to.is_empty() {
                <input
                    class="address"
                    aria-label="Destination address"
                    placeholder="10.244.1.9, http://web/, dns:web"
                    value={form.typed.clone()}
                    oninput={write(|form, address, _| form.typed = address)}
                />
            }
            if form.needs_protocol() {
                <label>
                    { "send " }
                    <select class="btn" onchange={pick(|form, name, lab| {
                        choose_protocol(form, Protocol::from_name(&name).unwrap_or(form.how), lab);
                    })}>
                        { for how.iter().map(|(protocol, label)| html! {
                            <option
                                key={*label}
                                value={protocol.name()}
                                selected={form.how == *protocol}
                            >
                                { *label }
                            </option>
                        }) }
                    </select>
                </label>
            }
            if form.needs_port() {
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
    form.to = to;
    form.port = declared_port(lab, &form.to, form.how).to_string();
}

fn choose_protocol(form: &mut Form, how: Protocol, lab: &Lab) {
    form.how = how;
    form.port = declared_port(lab, &form.to, form.how).to_string();
}

fn option(name: &str, selected: bool) -> Html {
    let label = name.strip_prefix("pod/").unwrap_or(name).to_owned();
    html! { <option key={name.to_owned()} value={name.to_owned()} {selected}>{ label }</option> }
}

/// Everything that can be sent to by its name: pods, nodes, and of each Service its address, its page and its name.
fn destinations(lab: &Lab) -> impl Iterator<Item = String> {
    let services = lab.cluster.services.iter().flat_map(|service| {
        let (svc, host) = match service.namespace.as_str() {
            "default" => (service.name.clone(), service.name.clone()),
            of => (format!("{of}/{}", service.name), format!("{}.{of}", service.name)),
        };
        let has_address = service.virtual_ip().is_some();
        let address = has_address.then(|| format!("svc/{svc}"));
        address.into_iter().chain([format!("http://{host}/"), format!("dns:{host}")])
    });
    pod_names(lab).chain(services).chain(node_names(lab))
}

fn pod_names(lab: &Lab) -> impl Iterator<Item = String> {
    (0..lab.cluster.pods.len()).map(|pod| lab.pod_name(pod))
}

fn node_names(lab: &Lab) -> impl Iterator<Item = String> {
    lab.cluster.nodes.iter().map(|node| format!("node/{}", node.name))
}

/// The first port that a pod says it listens on by this protocol.
fn declared_port(lab: &Lab, name: &str, how: Protocol) -> u16 {
    let wanted = if how == Protocol::Tcp { Declared::Tcp } else { Declared::Udp };
    let pod = pod_names(lab).position(|pod| pod == name);
    let mut ports = pod.into_iter().flat_map(|pod| lab.cluster.pods[pod].ports());
    ports.find(|port| port.protocol == wanted).map_or(USUAL_PORT, |port| port.number)
}
