//! Connection tracking and translation in words, and connections as `conntrack` writes them.

use std::net::Ipv4Addr;

use super::words::Names;
use crate::base::{CtId, Dir, FxIndexMap, Nanos, NsId, Side, Status, TcpState, Tuple};
use crate::skb::CtInfo;
use crate::tool::conntrack;
use crate::trace::{CtNow, CtReport, Event, Recorder};
use crate::world::World;

/// What `conntrack -E -o extended` would have printed in each namespace, in order; `start` is the world that the trace began
/// in. Connections that were there before are named as they stood in it.
pub fn conntrack_events(start: &World, trace: &Recorder) -> Vec<(Nanos, NsId, String)> {
    let mut tuples: FxIndexMap<(NsId, CtId), [Tuple; 2]> = FxIndexMap::default();
    let mut lines = Vec::new();
    for it in &trace.entries {
        match it.event {
            Event::CtMade { ns, entry, original } => {
                tuples.insert((ns, entry), [original; 2]);
            }
            Event::CtConfirmed { ns, entry, reply } => {
                if let Some([_, back]) = tuples.get_mut(&(ns, entry)) {
                    *back = reply;
                }
            }
            Event::CtReport { ns, entry, report, now } => {
                let before = || {
                    let known = start.netns[ns].netfilter.as_ref()?.conntrack.get(entry)?;
                    Some([known.tuple(Dir::Original), known.tuple(Dir::Reply)])
                };
                let both = tuples.get(&(ns, entry)).copied().or_else(before);
                if let Some(both) = both {
                    lines.push((it.at, ns, conntrack::event(report, both, &now)));
                }
            }
            _ => {}
        }
    }
    lines
}

/// What connection tracking did, in one sentence; None for any other event.
pub fn tracked(world: &World, event: Event) -> Option<String> {
    reason(&Names(world), event).map(|(text, _)| text)
}

/// The reason that an event of connection tracking gives, with the kernel's function; None for any other event.
pub(super) fn reason(names: &Names<'_>, event: Event) -> Option<(String, &'static str)> {
    Some(match event {
        Event::CtMade { ns, entry, original } => (
            format!(
                "{} knows no connection of {}: this packet begins connection {}, and is NEW",
                names.ns(ns),
                tuple(&original),
                entry.number
            ),
            "init_conntrack",
        ),
        Event::CtFound { info: CtInfo::New, .. } => return None,
        Event::CtFound { ns, entry, info } => (
            format!("{} sees that the packet {} {}", names.ns(ns), belongs(info), name(entry)),
            "nf_conntrack_in",
        ),
        Event::CtInvalid { why, .. } => {
            (format!("connection tracking calls it INVALID: {}", why.words()), "nf_conntrack_in")
        }
        Event::CtConfirmed { entry, reply, .. } => (
            format!(
                "{} is in the table from here on; its replies are known as {}",
                name(entry),
                tuple(&reply)
            ),
            "__nf_conntrack_confirm",
        ),
        Event::CtClash { winner, merged: true, .. } => (
            format!("another packet of the same flow was quicker: this one joins {}", name(winner)),
            "nf_ct_resolve_clash",
        ),
        Event::CtClash { entry, winner, merged: false, .. } => (
            format!(
                "{} has the same beginning and was quicker: {} is kept for its replies, one second",
                name(winner),
                name(entry)
            ),
            "nf_ct_resolve_clash_harder",
        ),
        Event::CtReport { report: CtReport::New, .. } => return None,
        Event::CtReport { entry, report: CtReport::Update, now, .. } => {
            (format!("{} is now {}", name(entry), state(&now)), "nf_conntrack_event_cache")
        }
        Event::CtReport { entry, report: CtReport::Destroy, now, .. } => {
            let why = if now.timeout_s == 0 { "its time is over" } else { "it is closed" };
            (format!("{} leaves the table: {why}", name(entry)), "nf_ct_delete")
        }
        Event::NatBound { entry, side, from, to, .. } => (
            format!("{} gets {} {} for {}", name(entry), side_name(side), end(to), end(from)),
            "nf_nat_setup_info",
        ),
        Event::NatRewrote { side, from, to, quoted: false, .. } => (
            format!("the {} {} becomes {}", side_name(side), end(from), end(to)),
            "nf_nat_manip_pkt",
        ),
        Event::NatRewrote { side, from, to, quoted: true, .. } => (
            format!(
                "in the packet that the error quotes, the {} {} becomes {} again",
                side_name(side),
                end(from),
                end(to)
            ),
            "nf_nat_icmp_reply_translation",
        ),
        _ => return None,
    })
}

/// The same in one line, for goldens; None for any other event.
pub(super) fn line(names: &Names<'_>, event: Event) -> Option<String> {
    let number = |entry: CtId| entry.number;
    Some(match event {
        Event::CtMade { ns, entry, original } => {
            format!("{} connection {} of {}", names.ns(ns), number(entry), tuple(&original))
        }
        Event::CtFound { ns, entry, info } => {
            format!("{} connection {}: {}", names.ns(ns), number(entry), state_name(info))
        }
        Event::CtInvalid { ns, why } => format!("{} connection INVALID: {why:?}", names.ns(ns)),
        Event::CtConfirmed { ns, entry, reply } => {
            format!(
                "{} connection {} confirmed, reply {}",
                names.ns(ns),
                number(entry),
                tuple(&reply)
            )
        }
        Event::CtClash { ns, entry, winner, merged } => {
            let how = if merged { "merged with" } else { "clashes with" };
            format!("{} connection {} {how} {}", names.ns(ns), number(entry), number(winner))
        }
        Event::CtReport { ns, entry, report, now } => {
            let what = report.name();
            format!("{} connection {} {what} {}", names.ns(ns), number(entry), state(&now))
        }
        Event::NatBound { ns, entry, side, from, to } => {
            let (ns, side) = (names.ns(ns), side_name(side));
            format!("{ns} connection {} {side} {} to {}", number(entry), end(from), end(to))
        }
        Event::NatRewrote { ns, side, from, to, quoted } => {
            let of = if quoted { "quoted " } else { "" };
            format!("{} {of}{} {} to {}", names.ns(ns), side_name(side), end(from), end(to))
        }
        _ => return None,
    })
}

/// `connection 7`.
fn name(entry: CtId) -> String {
    format!("connection {}", entry.number)
}

fn belongs(info: CtInfo) -> &'static str {
    match info {
        CtInfo::New => "begins",
        CtInfo::Established => "belongs (ESTABLISHED) to",
        CtInfo::EstablishedReply => "is a reply (ESTABLISHED) of",
        CtInfo::Related | CtInfo::RelatedReply => "is an error (RELATED) about",
    }
}

/// As rules name it, with the direction.
fn state_name(info: CtInfo) -> &'static str {
    match info {
        CtInfo::New => "NEW",
        CtInfo::Established => "ESTABLISHED",
        CtInfo::EstablishedReply => "ESTABLISHED reply",
        CtInfo::Related => "RELATED",
        CtInfo::RelatedReply => "RELATED reply",
    }
}

/// `ESTABLISHED, assured, for 432000 s`.
fn state(now: &CtNow) -> String {
    let tcp = now.tcp.map(TcpState::name);
    let answered = now.status.has(Status::SEEN_REPLY);
    let mut text = tcp.unwrap_or(if answered { "answered" } else { "unanswered" }).to_owned();
    if now.status.has(Status::ASSURED) {
        text.push_str(", assured");
    }
    if now.mark.0 != 0 {
        text.push_str(&format!(", mark {}", now.mark));
    }
    text.push_str(&format!(", for {} s", now.timeout_s));
    text
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Destination => "destination",
    }
}

fn end((addr, port): (Ipv4Addr, u16)) -> String {
    if port == 0 { addr.to_string() } else { format!("{addr}:{port}") }
}

/// `udp 10.0.0.1:40000 → 10.96.0.10:53`, `icmp 10.0.0.1 → 10.0.0.2 id 7`.
fn tuple(it: &Tuple) -> String {
    let (src, dst) = (it.src, it.dst);
    match it.protocol {
        1 => format!("icmp {src} → {dst} id {}", it.src_port),
        6 => format!("tcp {src}:{} → {dst}:{}", it.src_port, it.dst_port),
        17 => format!("udp {src}:{} → {dst}:{}", it.src_port, it.dst_port),
        other => format!("protocol {other} {src} → {dst}"),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::netfilter::table::Tables;
    use crate::world::tests::{ping_socket, two_pods};

    const RULES: &str =
        "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n";

    #[test]
    fn a_ping_and_its_reply_are_reported_as_conntrack_reports_them() {
        let (mut world, [client, _]) = two_pods();
        let netfilter = world.netns[client].netfilter_mut();
        let tables = Tables::parse(RULES, &netfilter.sets, &mut netfilter.recents);
        netfilter.set_tables(tables.expect("a rule"));
        let socket = ping_socket(&mut world, client);
        let start = world.clone();
        let mut trace = Recorder::default();
        let server = Ipv4Addr::new(10, 244, 1, 3);
        world
            .send_echo(&mut trace, (client, socket), (server, 1, None), b"ping")
            .expect("there is a route");
        world.run_until_quiet(&mut trace, Nanos::ZERO);
        let lines = conntrack_events(&start, &trace);
        let texts: Vec<&str> = lines.iter().map(|(_, _, line)| &**line).collect();
        assert_eq!(
            texts,
            [
                "    [NEW] ipv4     2 icmp     1 30 src=10.244.1.2 dst=10.244.1.3 type=8 code=0 id=7 [UNREPLIED] src=10.244.1.3 dst=10.244.1.2 type=0 code=0 id=7",
                " [UPDATE] ipv4     2 icmp     1 30 src=10.244.1.2 dst=10.244.1.3 type=8 code=0 id=7 src=10.244.1.3 dst=10.244.1.2 type=0 code=0 id=7",
            ]
        );
    }
}
