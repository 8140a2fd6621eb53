//! The names in braces that a lesson's texts and patterns may hold: they stand for the lab's own, so that what is said stays
//! true when the lab is edited.

use std::net::Ipv4Addr;

use super::{Action, ActionResult, Destination, Named, Source};
use crate::base::{NsId, Side};
use crate::kube::{Cluster, service::Service};
use crate::trace::{Event, Recorder};
use crate::world::World;
use crate::yaml::{At, Report};

/// Every name with what it stands for, in the action that is told. A server is the pod that was named, or that answered.
pub const NAMES: [(&str, &str); 37] = [
    ("client", "the sender's network namespace"),
    ("client-ip", "its address"),
    ("client-mac", "the hardware address of its eth0"),
    ("client-node", "the namespace of its node"),
    ("client-veth", "the node's end of its veth pair"),
    ("client-gateway", "where its default route leads"),
    ("client-node-ip", "the address of its node"),
    ("client-public-ip", "what the internet knows its node by"),
    ("bridge", "the bridge on the sender's node"),
    ("server", "the server's network namespace"),
    ("server-ip", "its address"),
    ("server-mac", "the hardware address of its eth0"),
    ("server-node", "the namespace of its node"),
    ("server-veth", "the node's end of its veth pair"),
    ("server-gateway", "where its default route leads"),
    ("server-node-ip", "the address of its node"),
    ("target-ip", "the address that was asked for"),
    ("target-port", "the port that was asked for"),
    ("service", "the Service that was asked for"),
    ("service-ip", "its cluster IP"),
    ("service-port", "its first port"),
    ("node-port", "the node port of that"),
    ("dns", "the network namespace of the cluster's name server"),
    ("dns-ip", "its Service's address"),
    ("dns-node", "its node"),
    ("gateway", "the internet gateway's network namespace"),
    ("gateway-ip", "its address on the nodes' network"),
    ("internet", "the network namespace of what is outside"),
    ("lb", "the load balancer's network namespace"),
    ("lb-ip", "its address"),
    ("lb-node", "the node that it chose"),
    ("lb-node-ip", "that node's address"),
    ("ingress", "the network namespace of the ingress controller"),
    ("ingress-ip", "its address"),
    ("ingress-node", "its node"),
    ("here-src", "the source of the packet at this step"),
    ("here-dst", "its destination"),
];

/// Names and what they stand for; one that has no meaning in this lab is left out.
pub(super) type Names = Vec<(&'static str, String)>;

/// A text whose names in braces are all known.
pub(super) fn template(
    map: &At<'_>,
    key: &str,
    expected: &str,
    report: &mut Report,
) -> Option<String> {
    let field = map.field(key)?;
    let text = field.text(expected, report)?;
    for name in names_in(text) {
        if !NAMES.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = NAMES.iter().map(|(known, _)| *known).collect();
            let message =
                format!("there is no name {{{name}}}: expected one of {}", known.join(", "));
            report.problem(field.problem(message));
        }
    }
    Some(text.to_owned())
}

/// What stands in braces, in order.
pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// The text with what its names stand for.
pub(super) fn fill(names: &Names, text: &str) -> String {
    let mut filled = text.to_owned();
    for (name, value) in names {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    filled
}

/// The names of one action.
pub(super) fn of_action(
    cluster: &Cluster,
    (action, result): (&Action, Option<&ActionResult>),
    (world, trace): (&World, &Recorder),
) -> Names {
    let mut names = Names::new();
    let client = match (action.from, &cluster.outside) {
        (Source::Pod(pod), _) => &cluster.pods[pod].netns,
        (Source::Node(node), _) => &cluster.nodes[node].netns,
        (Source::Internet, Some(outside)) => &outside.client,
        (Source::Internet, None) => return names,
    };
    let bridge = end(&mut names, CLIENT, client, world);
    names.extend(bridge.map(|bridge| ("bridge", bridge)));
    if let Source::Pod(pod) = action.from {
        of_node(&mut names, ("client-node-ip", Some("client-public-ip")), pod, cluster);
    }
    if let Some(pod) = action.to.pod().or_else(|| result?.served_by) {
        end(&mut names, SERVER, &cluster.pods[pod].netns, world);
        of_node(&mut names, ("server-node-ip", None), pod, cluster);
    }
    if let Destination::Address { ip, port, .. } = &action.to {
        names.push(("target-ip", ip.to_string()));
        names.extend(port.map(|port| ("target-port", port.to_string())));
    }
    if let Some(service) = service(cluster, &action.to) {
        of_service(&mut names, service);
    }
    infrastructure(&mut names, cluster);
    let from = result.map_or(0, |result| result.entries.start);
    if let Some(outside) = &cluster.outside {
        names.push(("gateway", outside.gateway.clone()));
        names.push(("gateway-ip", outside.gateway_address.to_string()));
        names.push(("internet", outside.internet.clone()));
        for balancer in &outside.load_balancers {
            let Some(ns) = world.find_netns(&balancer.netns) else { continue };
            let Some(chosen) = chosen_by(ns, &trace.entries[from..]) else { continue };
            names.push(("lb", balancer.netns.clone()));
            names.push(("lb-ip", balancer.address.to_string()));
            let node = cluster.nodes.iter().find(|node| node.address == chosen.0);
            names.extend(node.map(|node| ("lb-node", node.netns.clone())));
            names.push(("lb-node-ip", chosen.0.to_string()));
            break;
        }
    }
    names
}

const CLIENT: [&str; 6] =
    ["client", "client-ip", "client-mac", "client-node", "client-veth", "client-gateway"];
const SERVER: [&str; 6] =
    ["server", "server-ip", "server-mac", "server-node", "server-veth", "server-gateway"];

/// One end's names. Returns that of the bridge it is plugged into.
fn end(
    names: &mut Names,
    [netns, ip, mac, node, veth, gateway]: [&'static str; 6],
    name: &str,
    world: &World,
) -> Option<String> {
    let ns = world.find_netns(name)?;
    names.push((netns, name.to_owned()));
    let eth0 = world.find_device(ns, "eth0")?;
    let own = world.netns[ns].addrs.iter().find(|addr| addr.dev == eth0);
    names.extend(own.map(|addr| (ip, addr.local.to_string())));
    names.push((mac, world.devices[eth0].mac.to_string()));
    let mut routes = world.netns[ns].fib.iter();
    let default = routes.find_map(|(_, route)| route.via().filter(|_| route.dst.prefix_len() == 0));
    names.extend(default.map(|via| (gateway, via.to_string())));
    let peer = &world.devices[world.devices[eth0].kind.peer()?];
    names.push((node, world.netns[peer.ns].name.to_string()));
    names.push((veth, peer.name.to_string()));
    peer.port.map(|port| world.devices[port.bridge].name.to_string())
}

fn of_node(
    names: &mut Names,
    (ip, public): (&'static str, Option<&'static str>),
    pod: usize,
    cluster: &Cluster,
) {
    let node = cluster.pods[pod].node;
    names.push((ip, cluster.nodes[node].address.to_string()));
    let external = cluster.outside.as_ref().and_then(|outside| outside.externals.get(node));
    names.extend(public.zip(external.map(Ipv4Addr::to_string)));
}

/// The Service that is asked for by its object, or by a name that begins with it.
fn service<'c>(cluster: &'c Cluster, to: &Destination) -> Option<&'c Service> {
    let balancers = cluster.outside.iter().flat_map(|outside| &outside.load_balancers);
    match to {
        Destination::Address { named: Named::Service(service), .. } => {
            cluster.services.get(*service)
        }
        Destination::Address { ip, .. } => {
            let mut at = balancers.filter(|balancer| balancer.address == *ip);
            at.next().map(|balancer| &cluster.services[balancer.service])
        }
        Destination::Page(url) => {
            let first = url.host.split('.').next();
            cluster.services.iter().find(|service| Some(&*service.name) == first)
        }
        Destination::Dns { .. } => None,
    }
}

fn of_service(names: &mut Names, service: &Service) {
    names.push(("service", service.name.clone()));
    names.extend(service.virtual_ip().map(|ip| ("service-ip", ip.to_string())));
    if let Some(port) = service.ports.first() {
        names.push(("service-port", port.number.to_string()));
        names.extend(port.node_port.map(|port| ("node-port", port.to_string())));
    }
}

/// The cluster's own servers, wherever their objects come from.
fn infrastructure(names: &mut Names, cluster: &Cluster) {
    names.extend(cluster.dns_address().map(|ip| ("dns-ip", ip.to_string())));
    let servers = [
        ("coredns", ["dns", "dns-node", ""]),
        ("ingress-", ["ingress", "ingress-node", "ingress-ip"]),
    ];
    for (begins, [netns, node, ip]) in servers {
        if let Some(pod) = cluster.pods.iter().find(|pod| pod.name.starts_with(begins)) {
            names.push((netns, pod.netns.clone()));
            names.push((node, cluster.nodes[pod.node].netns.clone()));
            names.push((ip, pod.ip.to_string()));
        }
    }
}

/// Where a load balancer sent the first connection.
fn chosen_by(balancer: NsId, entries: &[crate::trace::Entry]) -> Option<(Ipv4Addr, u16)> {
    entries.iter().find_map(|entry| match entry.event {
        Event::NatBound { ns, side: Side::Destination, to, .. } if ns == balancer => Some(to),
        _ => None,
    })
}
