//! What a lab's document says of the world around a cluster: load balancers, and hosts on the internet.

use std::net::Ipv4Addr;

use super::document::{WAIT, read_time};
use crate::base::Nanos;
use crate::kube::{Balancing, Host, Protocol};
use crate::wire::dns::Name;
use crate::yaml::{At, Report};

/// From one health check to the next.
const CHECK_INTERVAL: Nanos = Nanos::from_secs(10);
/// So that a check is over before the next one.
const SHORTEST_CHECK: Nanos = Nanos::from_millis(10);
/// `spec.loadBalancers`.
pub(super) fn balancing(at: &At<'_>, report: &mut Report) -> Balancing {
    at.only(&["keepClientAddress", "mode", "healthChecks"], report);
    let keeps = at.field("keepClientAddress").and_then(|it| it.flag(report));
    let mode = at.field("mode").and_then(|it| {
        it.parsed("passThrough or proxy", report, |text| match text {
            "passThrough" => Some(false),
            "proxy" => Some(true),
            _ => None,
        })
    });
    let checks = at.section("healthChecks", report).map(|it| {
        it.only(&["interval", "threshold"], report);
        let interval = it.field("interval").and_then(|it| it.parsed(WAIT, report, read_time));
        let threshold = it.field("threshold").and_then(|it| it.number(1..=10, report));
        let (interval, threshold) = (interval.unwrap_or(CHECK_INTERVAL), threshold.unwrap_or(2));
        (interval.max(SHORTEST_CHECK), threshold)
    });
    Balancing { hides_client: keeps == Some(false), is_proxy: mode == Some(true), checks }
}

/// `spec.internet`.
pub(super) fn hosts(at: &At<'_>, report: &mut Report) -> Vec<Host> {
    at.only(&["hosts"], report);
    let list = at.list("hosts", "a list of hosts", report);
    let mut hosts: Vec<Host> = Vec::new();
    for at in &list {
        let Some(host) = host(at, report) else { continue };
        if hosts.iter().any(|it| it.name == host.name) {
            report.problem(at.problem(format!("{} is here twice", host.name)));
        }
        hosts.push(host);
    }
    hosts
}

fn host(at: &At<'_>, report: &mut Report) -> Option<Host> {
    const NAME: &str = "a name such as example.com";
    if !at.is_map(report) {
        return None;
    }
    at.only(&["name", "address", "ports"], report);
    let is_name = |text: &str| {
        let text = text.trim_end_matches('.').to_ascii_lowercase();
        (text.contains('.') && Name::new(&text).is_some()).then_some(text)
    };
    let name = at.required("name", NAME, report)?.parsed(NAME, report, is_name);
    let address = at.field("address").map(|it| {
        let expected = "an address on the internet such as 192.88.99.1";
        it.parsed(expected, report, |text| text.parse().ok().filter(|it| is_on_the_internet(*it)))
    });
    let ports = at.field("ports").map(|_| {
        let list = at.list("ports", "a list of ports", report);
        list.iter().filter_map(|it| port(it, report)).collect()
    });
    Some(Host {
        name: name?,
        address: match address {
            Some(told) => Some(told?),
            None => None,
        },
        ports: ports.unwrap_or_else(|| vec![(Protocol::Tcp, 80), (Protocol::Tcp, 443)]),
        place: at.place(),
    })
}

/// `80` or `53/UDP`.
fn port(at: &At<'_>, report: &mut Report) -> Option<(Protocol, u16)> {
    let ignored = &mut Report::default();
    if at.text("", ignored).is_none() {
        return Some((Protocol::Tcp, at.number(1..=u16::MAX, report)?));
    }
    at.parsed("a port such as 80 or 53/UDP", report, |text| {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "TCP"));
        let protocol = match protocol {
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            _ => return None,
        };
        Some((protocol, number.parse().ok().filter(|&it| it > 0)?))
    })
}

fn is_on_the_internet(ip: Ipv4Addr) -> bool {
    !ip.is_private() && !ip.is_loopback() && (1..224).contains(&ip.octets()[0])
}
