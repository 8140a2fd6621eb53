//! The reasons of a step: one sentence a decision, naming the table entry or setting and the kernel function.

use super::words::Names;
use super::{Because, Step, connection, rules};
use crate::base::OriginId;
use crate::link::DeviceKind;
use crate::trace::{
    Birth, Entry, Event, FdbAnswer, Gathers, Heard, Heed, Learnt, LookupFor, NeighCause, Nud,
    Recorder, RouteAnswer, SendError, Skipped, TcpSegment, TunnelAnswer, TunnelLearnt,
};
use crate::world::World;

/// The reasons that a step's events give, in their order.
pub(super) fn of_step(world: &World, trace: &Recorder, step: &Step) -> Vec<Because> {
    if let Some(note) = step.note(trace) {
        let details = note.details.iter().map(|(text, origin)| Because {
            text: text.clone(),
            kernel: note.source,
            origin: origin.clone(),
            event: step.events[0],
        });
        return details.collect();
    }
    step.events
        .iter()
        .filter_map(|&event| {
            let (text, kernel, origin) = reason(world, &trace.entries[event])?;
            Some(Because {
                text,
                kernel,
                origin: origin.map(|id| world.origin(id).to_owned()),
                event,
            })
        })
        .collect()
}

type Reason = (String, &'static str, Option<OriginId>);

fn reason(world: &World, entry: &Entry) -> Option<Reason> {
    let (names, event) = (Names(world), entry.event);
    Some(match event {
        Event::Born { birth, .. } => return birth_reason(birth),
        Event::Tap { .. }
        | Event::SocketSend { .. }
        | Event::BridgeOut { .. }
        | Event::Noted { .. } => return None,
        Event::Crossed { from, to } => {
            let (out, into) = (names.unique(from), names.unique(to));
            let (text, kernel) = match world.devices[from].kind {
                DeviceKind::Loopback => (format!("{out} receives what it sends"), "loopback_xmit"),
                DeviceKind::Veth { .. } => (format!("the peer of {out} is {into}"), "veth_xmit"),
                DeviceKind::Ethernet { .. } | DeviceKind::Bridge(_) | DeviceKind::Vxlan(_) => {
                    (format!("the cable of {out} ends at {into}"), "ndo_start_xmit")
                }
            };
            (text, kernel, world.devices[from].origin)
        }
        Event::BridgeIn { port, bridge } => (
            format!("the master of {} is {}", names.short(port), names.short(bridge)),
            "br_handle_frame",
            world.devices[port].origin,
        ),
        Event::LinkLocalKept { bridge, port } => (
            format!(
                "{} does not pass this group on: it is of the link at {} alone (group_fwd_mask)",
                names.short(bridge),
                names.short(port)
            ),
            "br_handle_frame",
            world.devices[port].origin,
        ),
        Event::FdbLearn { bridge, port, mac, learnt } => {
            let (br, at) = (names.short(bridge), names.short(port));
            let text = match learnt {
                Learnt::New => format!("{br} learns from the source address: {mac} is behind {at}"),
                Learnt::Refreshed => {
                    format!("{br} knew already that {mac} is behind {at}; its entry is fresh again")
                }
                Learnt::Moved { from } => {
                    format!("{br} had {mac} behind {}; now it is behind {at}", names.short(from))
                }
                Learnt::LearningOff => format!("{br} learns nothing from {at}: learning is off"),
                Learnt::OwnAddress => {
                    format!("{br} does not learn {mac}: it is an address of its own")
                }
            };
            (text, "br_fdb_update", world.devices[port].origin)
        }
        Event::FdbExpired { bridge, port, mac } => (
            format!(
                "{} forgot {mac} behind {}: unused for too long",
                names.short(bridge),
                names.short(port)
            ),
            "br_fdb_cleanup",
            None,
        ),
        Event::FdbLookup { bridge, mac, answer } => {
            let br = names.short(bridge);
            let (text, origin) = match answer {
                FdbAnswer::Port(to) => (
                    format!(
                        "the forwarding table of {br} says: {mac} is behind {}",
                        names.short(to)
                    ),
                    world.devices[to].origin,
                ),
                FdbAnswer::Local => {
                    (format!("{mac} is an address of {br} itself: for this host"), None)
                }
                FdbAnswer::Miss => (format!("{br} has no entry for {mac}: it floods"), None),
                FdbAnswer::Group => (
                    format!(
                        "{mac} is for everybody: {br} sends it through every port and takes it up itself"
                    ),
                    None,
                ),
            };
            (text, "br_fdb_find_rcu", origin)
        }
        Event::TunnelLookup { dev, mac, answer } => {
            let at = names.short(dev);
            let text = match answer {
                TunnelAnswer::Entry => {
                    format!("the forwarding table of {at} says at which remote {mac} is")
                }
                TunnelAnswer::Default => {
                    format!(
                        "{at} has no entry for {mac}: it sends to all remotes of its default entry"
                    )
                }
                TunnelAnswer::None => format!("{at} has no entry for {mac}, and no default entry"),
            };
            (text, "vxlan_find_mac", world.devices[dev].origin)
        }
        Event::TunnelForgot { dev, mac } => (
            format!("{} forgot {mac}: not heard of for too long", names.short(dev)),
            "vxlan_cleanup",
            None,
        ),
        Event::Encapsulate { dev, remote, .. } => (
            format!("{} wraps the frame into a datagram to {}", names.short(dev), remote.ip),
            "vxlan_xmit_one",
            world.devices[dev].origin,
        ),
        Event::EncapsulateTooBig { dev, mtu_bytes } => (
            format!(
                "the way of {} carries {mtu_bytes} bytes: the packet becomes an error that tells its sender",
                names.short(dev)
            ),
            "skb_tunnel_check_pmtu",
            None,
        ),
        Event::EncapsulateBypass { to, .. } => (
            format!("the remote is this host itself: {} gets the frame as it is", names.short(to)),
            "encap_bypass_if_local",
            world.devices[to].origin,
        ),
        Event::Decapsulate { dev, vni, .. } => (
            format!("the network identifier {vni} is that of {}", names.short(dev)),
            "vxlan_rcv",
            world.devices[dev].origin,
        ),
        Event::TunnelLearn { dev, mac, remote, learnt } => {
            let at = names.short(dev);
            let text = match learnt {
                TunnelLearnt::New => format!("{at} learns: {mac} is behind {remote}"),
                TunnelLearnt::Moved { from } => {
                    format!("{at} had {mac} behind {from}; now it is behind {remote}")
                }
                TunnelLearnt::Refreshed => {
                    format!("{at} knew already that {mac} is behind {remote}")
                }
                TunnelLearnt::StaysStatic => {
                    format!("{at} has a static entry that says {mac} is not behind {remote}")
                }
                TunnelLearnt::Full => format!("{at} learns nothing more: its table is full"),
            };
            (text, "vxlan_snoop", None)
        }
        Event::PortSkipped { port, why, .. } => {
            let at = names.short(port);
            let (text, kernel) = match why {
                Skipped::Incoming => (
                    format!("not through {at}: it came from there, and hairpin is off"),
                    "should_deliver",
                ),
                Skipped::Isolated => {
                    (format!("not through {at}: both ports are isolated"), "br_skb_isolated")
                }
                Skipped::FloodOff => {
                    (format!("not through {at}: flooding is off there"), "br_flood")
                }
                Skipped::Down => (format!("not through {at}: it is down"), "should_deliver"),
                Skipped::TooBig => {
                    (format!("not through {at}: longer than its MTU"), "is_skb_forwardable")
                }
            };
            (text, kernel, world.devices[port].origin)
        }
        Event::BridgeCallsRules { bridge, port, hook } => (
            format!(
                "br_netfilter is on: {} shows the packet at {} to the IP rules of {}",
                names.short(bridge),
                names.short(port),
                hook.chain()
            ),
            "br_netfilter",
            None,
        ),
        Event::BridgedDnat { bridge, dst, same_bridge: true } => (
            format!(
                "its destination is now {dst}, which is on {} too: it gets that neighbour's address and stays bridged",
                names.short(bridge)
            ),
            "br_nf_pre_routing_finish_bridge",
            None,
        ),
        Event::BridgedDnat { bridge, dst, same_bridge: false } => (
            format!(
                "its destination is now {dst}, which is not on {}: it goes up to the host, to be routed",
                names.short(bridge)
            ),
            "br_nf_pre_routing_finish",
            None,
        ),
        event @ (Event::CtMade { .. }
        | Event::CtFound { .. }
        | Event::CtInvalid { .. }
        | Event::CtConfirmed { .. }
        | Event::CtClash { .. }
        | Event::CtReport { .. }
        | Event::NatBound { .. }
        | Event::NatRewrote { .. }) => {
            let (text, kernel) = connection::reason(&names, event)?;
            (text, kernel, None)
        }
        event @ (Event::RuleSkipped { .. }
        | Event::RuleMatched { .. }
        | Event::RuleHotDrop { .. }
        | Event::ChainReturn { .. }
        | Event::ChainPolicy { .. }
        | Event::MarkSet { .. }) => {
            let (text, kernel) = rules::reason(world, entry)?;
            let origin = match event {
                Event::RuleMatched { ns, rule }
                | Event::RuleSkipped { ns, rule, .. }
                | Event::RuleHotDrop { ns, rule } => {
                    let netfilter = world.netns[ns].netfilter.as_ref();
                    netfilter.and_then(|it| it.tables_at(entry.at).rule_origin(rule))
                }
                _ => None,
            };
            (text, kernel, origin)
        }
        Event::BridgeUp { bridge } => (
            format!("{} hands it to {}'s own stack", names.short(bridge), names.ns_of(bridge)),
            "br_pass_frame_up",
            None,
        ),
        Event::SendFailed { ns, dst, error } => return Some(send_failed(&names, ns, dst, error)),
        Event::RouteLookup { ns, dst, purpose, answer } => {
            let host = names.ns(ns);
            let kernel = match purpose {
                LookupFor::Input => "ip_route_input_slow",
                LookupFor::Output => "ip_route_output_key_hash",
            };
            match answer {
                RouteAnswer::Route(id) => {
                    let route = world.netns[ns].fib.route(id);
                    let text = format!(
                        "for {dst}, the longest matching route of {host} is `{}` (table {})",
                        names.route(ns, id),
                        route.table.name()
                    );
                    (text, kernel, route.origin)
                }
                RouteAnswer::Kept => (
                    "what comes back by lo keeps the route it was sent with".into(),
                    "skb_dst",
                    None,
                ),
                RouteAnswer::None => (format!("{host} has no route to {dst}"), kernel, None),
                RouteAnswer::Rule { priority } => {
                    let rule = names.rule(ns, priority);
                    (
                        format!("policy rule {priority} of {host} says: {rule}"),
                        "fib4_rule_action",
                        None,
                    )
                }
            }
        }
        Event::PolicyRule { ns, priority } => (
            format!(
                "policy rule {priority} of {} decides: {}",
                names.ns(ns),
                names.rule(ns, priority)
            ),
            "fib_rules_lookup",
            None,
        ),
        Event::NexthopChosen { ns, route, nexthop } => {
            let hops = world.netns[ns].fib.route(route).nexthops.as_slice();
            let way = hops.get(usize::from(nexthop)).map_or_else(String::new, |hop| {
                let via = hop.via.map_or_else(String::new, |via| format!(" via {via}"));
                format!(": {}{via}", names.short(hop.dev))
            });
            (
                format!(
                    "a hash of the flow chooses next hop {} of {}{way}",
                    u16::from(nexthop) + 1,
                    hops.len()
                ),
                "fib_select_multipath",
                None,
            )
        }
        Event::RedirectHeard { ns, dst, gateway, heed } => {
            let host = names.ns(ns);
            let text = match heed {
                Heed::Followed => {
                    format!("{host} sends by {gateway} what goes to {dst} from now on")
                }
                Heed::AsksFirst => format!(
                    "{host} does not know {gateway} yet: it asks, and goes on by its old gateway to {dst}"
                ),
                Heed::Refused => format!(
                    "{host} does not believe that {gateway} is nearer to {dst}: that is not its gateway's word, or redirects are not accepted"
                ),
            };
            (text, "__ip_do_redirect", None)
        }
        Event::RedirectFollowed { dst, gateway, .. } => (
            format!("a redirect told of a shorter way to {dst}: {gateway}"),
            "find_exception",
            None,
        ),
        Event::SourceChosen { ns, src, route } => (
            format!("the source address is {src}: the route names it, or it is the device's own"),
            "fib_result_prefsrc",
            world.netns[ns].fib.route(route).origin,
        ),
        Event::Forward { ns, ttl_hops, .. } => (
            format!("{} forwards (ip_forward is 1): the TTL falls to {ttl_hops}", names.ns(ns)),
            "ip_forward",
            world.netns[ns].origin,
        ),
        Event::NeighHit { dev, next_hop, mac, state } => (
            format!("the next hop {next_hop} on {} is {mac} ({})", names.short(dev), state.name()),
            "ip_finish_output2",
            None,
        ),
        Event::Fragmented { dev, mtu_bytes, pieces } => (
            format!(
                "it is too long for {}: {pieces} pieces of at most {mtu_bytes} bytes leave in its place",
                names.full(dev)
            ),
            "ip_do_fragment",
            None,
        ),
        Event::FragmentHeld { ns, by, pieces } => (
            format!(
                "{} keeps this piece, {}, until the others come; {pieces} so far",
                names.ns(ns),
                gathers(by)
            ),
            "ip_frag_queue",
            None,
        ),
        Event::Reassembled { ns, by, pieces } => (
            format!("{} makes one packet of {pieces} pieces, {}", names.ns(ns), gathers(by)),
            "ip_frag_reasm",
            None,
        ),
        Event::PathMtu { ns, dst, mtu_bytes, locked } => {
            let host = names.ns(ns);
            let text = if locked {
                format!(
                    "{host} does not believe so small an MTU: what goes to {dst} may be fragmented from now on, to fit \
                     {mtu_bytes} bytes"
                )
            } else {
                format!("{host} remembers: no more than {mtu_bytes} bytes fit the way to {dst}")
            };
            (text, "__ip_rt_update_pmtu", None)
        }
        Event::NeighWait { dev, next_hop, .. } => (
            format!(
                "nobody knows the hardware address of {next_hop} on {} yet: the packet waits",
                names.short(dev)
            ),
            "__neigh_event_send",
            None,
        ),
        Event::NeighRelease { next_hop, .. } => {
            (format!("{next_hop} answered: what waited for it goes on"), "neigh_update", None)
        }
        Event::NeighChange { dev, ip, from, to, mac, cause } => {
            let mac = mac.map_or(String::new(), |m| format!(", {m}"));
            let text = format!(
                "neighbour {ip} on {}: {} → {}{mac}, because {}",
                names.full(dev),
                from.name(),
                to.name(),
                neigh_cause(cause)
            );
            (text, neigh_function(to, cause), None)
        }
        Event::NeighLocked { dev, ip } => (
            format!(
                "neighbour {ip} on {} changed less than a second ago: this news is ignored",
                names.full(dev)
            ),
            "arp_process",
            None,
        ),
        Event::LocalDeliver { ns, .. } => (
            format!("the destination is an address of {}: delivered here", names.ns(ns)),
            "ip_local_deliver",
            None,
        ),
        Event::SocketReceive { ns, socket, heard } => {
            let owner = &world.netns[ns].sockets.get(socket).owner;
            let text = match heard {
                Heard::Data => format!("{owner} in {} reads it", names.ns(ns)),
                Heard::Error(error) => {
                    format!(
                        "the error is about a packet of {owner} in {}: {}",
                        names.ns(ns),
                        error.words()
                    )
                }
                Heard::Bytes(n) => format!("{owner} in {} reads {n} bytes", names.ns(ns)),
                Heard::Closed => {
                    format!("{owner} in {} reads the end: the other side closed", names.ns(ns))
                }
                Heard::Reset => format!("{owner} in {} is told of the reset", names.ns(ns)),
                Heard::TimedOut => {
                    format!("{owner} in {} is told that nobody answered (ETIMEDOUT)", names.ns(ns))
                }
            };
            let kernel = match heard {
                Heard::Data => "__skb_recv_datagram",
                Heard::Error(_) => "icmp_socket_deliver",
                Heard::Bytes(_) | Heard::Closed => "tcp_recvmsg",
                Heard::Reset => "tcp_reset",
                Heard::TimedOut => "tcp_write_err",
            };
            (text, kernel, None)
        }
        Event::TcpState { ns, socket, from, to } => {
            let owner = &world.netns[ns].sockets.get(socket).owner;
            let text = format!("the connection of {owner}: {} → {}", from.name(), to.name());
            (text, "tcp_set_state", None)
        }
        Event::TcpReceive { ns, socket, state } => {
            let owner = &world.netns[ns].sockets.get(socket).owner;
            (format!("the connection of {owner}, in state {}", state.name()), "tcp_v4_rcv", None)
        }
        Event::TcpErrorNoted { ns, socket, error } => {
            let owner = &world.netns[ns].sockets.get(socket).owner;
            let text = format!("{}: the connection of {owner} goes on trying", error.words());
            (text, "tcp_v4_err", None)
        }
        Event::ArpNoted { ns, .. } => (
            format!("{} is not asked and does not know the sender: nothing changes", names.ns(ns)),
            "arp_process",
            None,
        ),
        Event::ArpProxyDelay { ns, dev, after } => (
            format!(
                "{} answers for somebody behind it, in {after}: others go first (proxy_delay of {})",
                names.ns(ns),
                names.short(dev)
            ),
            "pneigh_enqueue",
            None,
        ),
        Event::NoErrorForThis { error, .. } => (
            format!(
                "no ICMP {} is sent: this packet may not be answered with an error",
                error.words()
            ),
            "icmp_send",
            None,
        ),
        Event::RateLimited { ns, dst } => (
            format!(
                "{} sent {dst} six errors at once already; then one a second goes (icmp_ratelimit)",
                names.ns(ns)
            ),
            "icmpv4_xrlim_allow",
            None,
        ),
        Event::NotModelled { what, .. } => (format!("not modelled: {}", what.words()), "-", None),
        Event::LeftModel { dev } => (
            format!(
                "insufficient information: the other end of {} is not in the model",
                names.full(dev)
            ),
            "-",
            None,
        ),
        Event::Dropped { dev, reason } => {
            (format!("dropped at {}: {}", names.full(dev), reason.words()), reason.name(), None)
        }
    })
}

/// For whom pieces are put together.
const fn gathers(by: Gathers) -> &'static str {
    match by {
        Gathers::LocalDeliver => "for itself",
        Gathers::ConntrackIn | Gathers::ConntrackOut => "for connection tracking",
        Gathers::BridgeIn => "for connection tracking of what the bridge passes on",
    }
}

/// Why the stack made a packet by itself; what a program sends has its reason in the lab.
fn birth_reason(birth: Birth) -> Option<Reason> {
    let (text, kernel) = match birth {
        Birth::ArpRequest => (
            "the neighbour table asks for the address, three times at most, a second apart",
            "arp_solicit",
        ),
        Birth::ArpReply => ("the address asked for is one of this host's own", "arp_process"),
        Birth::EchoReply => {
            ("the kernel itself answers echo requests; no program is needed", "icmp_echo")
        }
        Birth::IcmpError(_) => ("who sent a packet that fails is told so", "icmp_send"),
        Birth::Reset => ("a rule refuses the segment with a reset", "nf_send_reset"),
        Birth::Tcp { again: true, segment: TcpSegment::SynAck, .. } => {
            ("the handshake was not finished in time: the answer goes again", "reqsk_timer_handler")
        }
        Birth::Tcp { again: true, .. } => (
            "nobody acknowledged it in time, or something is lost: it goes again",
            "tcp_retransmit_skb",
        ),
        Birth::Tcp { segment, again: false, .. } => match segment {
            TcpSegment::Syn => ("a program asks for a connection", "tcp_connect"),
            TcpSegment::SynAck => (
                "something listens on that port: the SYN is answered with one",
                "tcp_v4_send_synack",
            ),
            TcpSegment::Ack => ("what arrived is acknowledged", "tcp_send_ack"),
            TcpSegment::Data => ("the windows of both sides allow it", "tcp_write_xmit"),
            TcpSegment::Fin => ("the program has closed its socket", "tcp_send_fin"),
            TcpSegment::Reset => ("no connection here can use the segment", "tcp_v4_send_reset"),
        },
        Birth::Sent | Birth::Injected | Birth::Answer | Birth::Clone | Birth::Fragment => {
            return None;
        }
    };
    Some((text.into(), kernel, None))
}

fn send_failed(
    names: &Names<'_>,
    ns: crate::base::NsId,
    dst: std::net::Ipv4Addr,
    error: SendError,
) -> Reason {
    let host = names.ns(ns);
    let (text, kernel) = match error {
        SendError::NetUnreachable => (
            format!("{host} has no route to {dst}: the send fails with ENETUNREACH"),
            "ip_route_output_key_hash",
        ),
        SendError::Access => {
            (format!("{dst} is a broadcast address: the send fails with EACCES"), "udp_sendmsg")
        }
        SendError::MessageSize => {
            ("longer than any IPv4 packet: EMSGSIZE".into(), "ip_append_data")
        }
        SendError::HostUnreachable => (
            format!("the route of {host} says that {dst} cannot be reached: EHOSTUNREACH"),
            "ip_route_output_key_hash",
        ),
        SendError::Prohibited => {
            (format!("{host} is forbidden to send to {dst}: EACCES"), "ip_route_output_key_hash")
        }
        SendError::Invalid => (
            format!(
                "the way of {host} to {dst} is a black hole, or its addresses do not go together: EINVAL"
            ),
            "ip_route_output_key_hash",
        ),
        SendError::AddrNotAvailable => (
            format!("{host} has a connection between the same ends: EADDRNOTAVAIL"),
            "__inet_check_established",
        ),
        SendError::DeviceDown => ("the device is down: ENETDOWN".into(), "packet_sendmsg"),
        SendError::FrameTooShort => {
            ("there is no whole Ethernet header: EINVAL".into(), "packet_sendmsg")
        }
    };
    (text, kernel, None)
}

const fn neigh_cause(cause: NeighCause) -> &'static str {
    match cause {
        NeighCause::Needed => "a packet needs it",
        NeighCause::UsedWhileStale => "it is used without having been confirmed lately",
        NeighCause::Reply => "it answered",
        NeighCause::RequestSeen => "it asked, and a question names its sender",
        NeighCause::Announced => "an ARP packet announced it",
        NeighCause::Timer => "its time in that state is over",
        NeighCause::ProbesExhausted => "three questions went unanswered",
    }
}

const fn neigh_function(to: Nud, cause: NeighCause) -> &'static str {
    match (to, cause) {
        (_, NeighCause::Needed | NeighCause::UsedWhileStale) => "__neigh_event_send",
        (_, NeighCause::Timer) => "neigh_timer_handler",
        (_, NeighCause::ProbesExhausted) => "neigh_invalidate",
        (_, NeighCause::Reply | NeighCause::RequestSeen | NeighCause::Announced) => "neigh_update",
    }
}
