//! A trace as text, one line an event: for goldens, for comparing targets, for reading.

use std::fmt::Write as _;

use super::{connection, rules, words};
use crate::base::{DevId, PacketId};
use crate::trace::{Direction, Entry, Event, FdbAnswer, Learnt, Recorder, RouteAnswer};
use crate::world::World;

/// The whole trace, one line an event. Equal traces give equal text, byte for byte.
pub fn trace_text(world: &World, trace: &Recorder) -> String {
    let mut text = String::new();
    for entry in &trace.entries {
        text.push_str(&event_line(world, trace, entry));
        text.push('\n');
    }
    text
}

/// One event: `000000002000 #0 node-1/veth0 in 42 bytes 0a:58…`.
pub fn event_line(world: &World, trace: &Recorder, entry: &Entry) -> String {
    let mut line = format!("{:012} ", entry.at.0);
    match entry.packet {
        Some(packet) => line.push_str(&packet_name(packet)),
        None => line.push_str("timer"),
    }
    line.push(' ');
    let dev = |d: DevId| world.device_name(d);
    let ns = |n| &world.netns[n].name;
    let written = match entry.event {
        Event::Born { parent, birth } => match parent {
            Some(parent) => write!(line, "born {birth:?} of {}", packet_name(parent)),
            None => write!(line, "born {birth:?}"),
        },
        Event::Tap { dev: d, dir, frame } => {
            let dir = if dir == Direction::In { "in" } else { "out" };
            let bytes = trace.bytes(frame);
            write!(line, "{} {dir} {} | {}", dev(d), words::message(bytes).summary(), hex(bytes))
        }
        Event::Crossed { from, to } => write!(line, "{} wire to {}", dev(from), dev(to)),
        Event::BridgeIn { port, bridge } => {
            write!(line, "{} enters bridge by {}", dev(bridge), dev(port))
        }
        Event::LinkLocalKept { bridge, port } => {
            write!(line, "{} keeps to {}", dev(bridge), dev(port))
        }
        Event::FdbLearn { bridge, port, mac, learnt } => match learnt {
            Learnt::Moved { from } => {
                write!(
                    line,
                    "{} learns {mac} at {}, no longer {}",
                    dev(bridge),
                    dev(port),
                    dev(from)
                )
            }
            Learnt::New | Learnt::Refreshed | Learnt::LearningOff | Learnt::OwnAddress => {
                write!(line, "{} learns {mac} at {}: {learnt:?}", dev(bridge), dev(port))
            }
        },
        Event::FdbExpired { bridge, port, mac } => {
            write!(line, "{} forgets {mac} at {}", dev(bridge), dev(port))
        }
        Event::FdbLookup { bridge, mac, answer } => match answer {
            FdbAnswer::Port(port) => {
                write!(line, "{} looks up {mac}: at {}", dev(bridge), dev(port))
            }
            FdbAnswer::Local | FdbAnswer::Miss | FdbAnswer::Group => {
                write!(line, "{} looks up {mac}: {answer:?}", dev(bridge))
            }
        },
        Event::PortSkipped { bridge, port, why } => {
            write!(line, "{} skips {}: {why:?}", dev(bridge), dev(port))
        }
        Event::BridgeOut { bridge, port } => {
            write!(line, "{} leaves bridge by {}", dev(bridge), dev(port))
        }
        Event::BridgeCallsRules { bridge, port, hook } => {
            write!(line, "{} asks {} about {}", dev(bridge), hook.chain(), dev(port))
        }
        Event::BridgedDnat { bridge, dst, same_bridge } => {
            let how = if same_bridge { "bridged to" } else { "up, to be routed to" };
            write!(line, "{} new destination, {how} {dst}", dev(bridge))
        }
        event @ (Event::CtMade { .. }
        | Event::CtFound { .. }
        | Event::CtInvalid { .. }
        | Event::CtConfirmed { .. }
        | Event::CtClash { .. }
        | Event::CtReport { .. }
        | Event::NatBound { .. }
        | Event::NatRewrote { .. }) => {
            let names = words::Names(world);
            write!(line, "{}", connection::line(&names, event).unwrap_or_default())
        }
        Event::RuleSkipped { .. }
        | Event::RuleMatched { .. }
        | Event::RuleHotDrop { .. }
        | Event::ChainReturn { .. }
        | Event::ChainPolicy { .. }
        | Event::MarkSet { .. } => {
            write!(line, "{}", rules::line(world, entry).unwrap_or_default())
        }
        Event::BridgeUp { bridge } => write!(line, "{} to its own host", dev(bridge)),
        Event::TunnelLookup { dev: d, mac, answer } => {
            write!(line, "{} looks up {mac}: {answer:?}", dev(d))
        }
        Event::TunnelForgot { dev: d, mac } => write!(line, "{} forgets {mac}", dev(d)),
        Event::Encapsulate { dev: d, out, remote } => {
            let (ip, port, vni) = (remote.ip, remote.port, remote.vni);
            write!(line, "{} wraps for {ip}:{port} vni {vni} by {}", dev(d), dev(out))
        }
        Event::EncapsulateTooBig { dev: d, mtu_bytes } => {
            write!(line, "{} answers that {mtu_bytes} would fit", dev(d))
        }
        Event::EncapsulateBypass { dev: d, to } => {
            write!(line, "{} hands over to {}", dev(d), dev(to))
        }
        Event::Decapsulate { from, dev: d, vni } => {
            write!(line, "{} unwraps vni {vni} for {}", dev(from), dev(d))
        }
        Event::TunnelLearn { dev: d, mac, remote, learnt } => {
            write!(line, "{} learns {mac} at {remote}: {learnt:?}", dev(d))
        }
        Event::SocketSend { ns: n, dst, dst_port, .. } => {
            write!(line, "{} sends to {dst}:{dst_port}", ns(n))
        }
        Event::SendFailed { ns: n, dst, error } => {
            write!(line, "{} cannot send to {dst}: {error:?}", ns(n))
        }
        Event::RouteLookup { ns: n, dst, purpose, answer } => match answer {
            RouteAnswer::Route(id) => {
                let route = words::Names(world).route(n, id);
                write!(line, "{} {purpose:?} route to {dst}: {route}", ns(n))
            }
            RouteAnswer::Kept | RouteAnswer::None | RouteAnswer::Rule { .. } => {
                write!(line, "{} {purpose:?} route to {dst}: {answer:?}", ns(n))
            }
        },
        Event::PolicyRule { ns: n, priority } => {
            write!(line, "{} rule {priority}: {}", ns(n), words::Names(world).rule(n, priority))
        }
        Event::NexthopChosen { ns: n, nexthop, .. } => {
            write!(line, "{} next hop {nexthop}", ns(n))
        }
        Event::RedirectHeard { ns: n, dst, gateway, heed } => {
            write!(line, "{} hears of {gateway} for {dst}: {heed:?}", ns(n))
        }
        Event::RedirectFollowed { ns: n, dst, gateway } => {
            write!(line, "{} redirected to {gateway} for {dst}", ns(n))
        }
        Event::SourceChosen { ns: n, src, .. } => write!(line, "{} source {src}", ns(n)),
        Event::Forward { from, to, ttl_hops, .. } => {
            write!(line, "{} forward to {} ttl {ttl_hops}", dev(from), dev(to))
        }
        Event::NeighHit { dev: d, next_hop, mac, state } => {
            write!(line, "{} neighbour {next_hop} is {mac} {}", dev(d), state.name())
        }
        Event::Fragmented { dev: d, mtu_bytes, pieces } => {
            write!(line, "{} {pieces} pieces of {mtu_bytes}", dev(d))
        }
        Event::FragmentHeld { ns: n, by, pieces } => {
            write!(line, "{} holds {pieces} pieces {by:?}", ns(n))
        }
        Event::Reassembled { ns: n, by, pieces } => {
            write!(line, "{} joins {pieces} pieces {by:?}", ns(n))
        }
        Event::PathMtu { ns: n, dst, mtu_bytes, locked } => {
            let locked = if locked { " locked" } else { "" };
            write!(line, "{} path mtu to {dst} {mtu_bytes}{locked}", ns(n))
        }
        Event::NeighWait { dev: d, next_hop, .. } => {
            write!(line, "{} waits for neighbour {next_hop}", dev(d))
        }
        Event::NeighRelease { dev: d, next_hop } => {
            write!(line, "{} waited for neighbour {next_hop}", dev(d))
        }
        Event::NeighChange { dev: d, ip, from, to, mac, cause } => {
            let mac = mac.map(|m| format!(" {m}")).unwrap_or_default();
            write!(
                line,
                "{} neighbour {ip} {} to {}{mac}: {cause:?}",
                dev(d),
                from.name(),
                to.name()
            )
        }
        Event::NeighLocked { dev: d, ip } => write!(line, "{} neighbour {ip} is locked", dev(d)),
        Event::LocalDeliver { dev: d, .. } => write!(line, "{} local delivery", dev(d)),
        Event::SocketReceive { ns: n, socket, heard } => {
            write!(line, "{} {} reads {heard:?}", ns(n), world.netns[n].sockets.get(socket).owner)
        }
        Event::TcpState { ns: n, socket, from, to } => {
            let owner = &world.netns[n].sockets.get(socket).owner;
            write!(line, "{} {owner} {} to {}", ns(n), from.name(), to.name())
        }
        Event::TcpReceive { ns: n, socket, state } => {
            let owner = &world.netns[n].sockets.get(socket).owner;
            write!(line, "{} connection of {owner}, {}", ns(n), state.name())
        }
        Event::TcpErrorNoted { ns: n, socket, error } => {
            let owner = &world.netns[n].sockets.get(socket).owner;
            write!(line, "{} {owner} notes {}", ns(n), error.name())
        }
        Event::ArpNoted { dev: d, .. } => write!(line, "{} notes ARP", dev(d)),
        Event::ArpProxyDelay { dev: d, after, .. } => {
            write!(line, "{} answers as a proxy after {after}", dev(d))
        }
        Event::NoErrorForThis { ns: n, error } => {
            write!(line, "{} may not send {}", ns(n), error.name())
        }
        Event::RateLimited { ns: n, dst } => {
            write!(line, "{} sends {dst} no more errors for now", ns(n))
        }
        Event::NotModelled { ns: n, what } => write!(line, "{} not modelled: {what:?}", ns(n)),
        Event::LeftModel { dev: d } => write!(line, "{} leaves the model", dev(d)),
        Event::Noted { note } => write!(line, "{}", trace.notes(note).title),
        Event::Dropped { dev: d, reason } => write!(line, "{} drop {}", dev(d), reason.name()),
    };
    written.expect("writing to a String cannot fail");
    line
}

fn packet_name(packet: PacketId) -> String {
    format!("#{}", crate::base::Id::index(packet))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
