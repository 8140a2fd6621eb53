//! The table of constructs: what there is in a Linux network, and how a lab shows that it has it.

use everyhop_engine::base::{Mac, Nanos};
use everyhop_engine::link::bridge::FdbEntry;
use everyhop_engine::link::vxlan::{OuterDf, OuterTos, OuterTtl};
use everyhop_engine::link::{Bridge, Conf, Devconf, Device, DeviceKind, PortFlags, Vxlan};
use everyhop_engine::netfilter::Netfilter;
use everyhop_engine::netfilter::conntrack::{Conntrack, Settings};
use everyhop_engine::stack::fib::{Route, RouteKind};
use everyhop_engine::stack::multipath::Policy;
use everyhop_engine::stack::rule::{Action as RuleAction, OnDev, Rule};
use everyhop_engine::stack::{Netns, PmtuDiscovery, Sysctl};
use everyhop_engine::trace::Nud;

use super::Evidence;
use crate::frame::Field;
use crate::lab::Action;

/// Something a network can have or do.
pub(super) struct Construct {
    pub(super) part: &'static str,
    pub(super) name: &'static str,
    pub(super) is_in: fn(&Evidence) -> bool,
}

const fn of(part: &'static str, name: &'static str, is_in: fn(&Evidence) -> bool) -> Construct {
    Construct { part, name, is_in }
}

const LINKS: &str = "Links";
const BRIDGES: &str = "Bridges";
const VXLAN: &str = "VXLAN";
const NEIGHBOURS: &str = "Neighbours";
const ROUTES: &str = "Addresses and routes";
const IP: &str = "IP";
const ICMP: &str = "ICMP";
const UDP: &str = "UDP";
const TCP: &str = "TCP";
const CONNECTIONS: &str = "Connections and translation";
const RULES: &str = "Rules of iptables";
const SETS: &str = "Sets";

/// Everything that is modelled and counted, part by part.
pub(super) const CONSTRUCTS: &[Construct] = &[
    of(LINKS, "veth pair between namespaces", |it| veth(it, |a, b| a.ns != b.ns)),
    of(LINKS, "veth pair within one namespace", |it| veth(it, |a, b| a.ns == b.ns)),
    of(LINKS, "packets by `lo`", |it| {
        frame(it, |it| is(it, "source MAC", "00:00:00:00:00:00") && is(it, "EtherType", "0x0800"))
    }),
    of(LINKS, "MTU other than the usual", |it| {
        device(it, |dev| !matches!(dev.mtu_bytes, 1500 | 65536))
    }),
    of(LINKS, "different MTUs at the ends of a wire", |it| {
        veth(it, |a, b| a.mtu_bytes != b.mtu_bytes)
    }),
    of(LINKS, "link that is down or without a carrier", |it| device(it, |dev| !dev.up)),
    of(BRIDGES, "bridge", |it| bridge(it, |_| true)),
    of(BRIDGES, "bridge with an address of its own", |it| {
        netns(it, |ns| {
            ns.addrs
                .iter()
                .any(|addr| matches!(it.world.devices[addr.dev].kind, DeviceKind::Bridge(_)))
        })
    }),
    of(BRIDGES, "`hairpin on`", |it| port(it, |flags| flags.hairpin)),
    of(BRIDGES, "`isolated on`", |it| port(it, |flags| flags.isolated)),
    of(BRIDGES, "`learning off`", |it| port(it, |flags| !flags.learning)),
    of(BRIDGES, "`flood off`", |it| port(it, |flags| !flags.flood)),
    of(BRIDGES, "`mcast_flood off`", |it| port(it, |flags| !flags.mcast_flood)),
    of(BRIDGES, "`bcast_flood off`", |it| port(it, |flags| !flags.bcast_flood)),
    of(BRIDGES, "static forwarding entry", |it| {
        bridge(it, |br| br.fdb.values().any(|it| matches!(it, FdbEntry::Static { .. })))
    }),
    of(BRIDGES, "learnt forwarding entry at the start", |it| {
        bridge(it, |br| br.fdb.values().any(|it| matches!(it, FdbEntry::Learnt { .. })))
    }),
    of(BRIDGES, "ageing time other than five minutes", |it| {
        bridge(it, |br| br.ageing != Bridge::AGEING)
    }),
    of(BRIDGES, "`bridge-nf-call-iptables`", |it| sysctl(it, |all| all.bridge_nf_call_iptables)),
    of(VXLAN, "VXLAN device", |it| vxlan(it, |_| true)),
    of(VXLAN, "VXLAN device as a bridge port", |it| {
        device(it, |dev| dev.port.is_some() && matches!(dev.kind, DeviceKind::Vxlan(_)))
    }),
    of(VXLAN, "VXLAN device in another namespace than its datagrams", |it| {
        device(it, |dev| matches!(&dev.kind, DeviceKind::Vxlan(it) if it.net != dev.ns))
    }),
    of(VXLAN, "static entry", |it| vxlan(it, |it| it.fdb.iter().any(|(mac, _)| *mac != Mac::ZERO))),
    of(VXLAN, "several remotes of one entry", |it| {
        vxlan(it, |it| it.fdb.values().any(|it| !it.others.is_empty()))
    }),
    of(VXLAN, "learning", |it| vxlan(it, |it| it.learning)),
    of(VXLAN, "`nolearning`", |it| vxlan(it, |it| !it.learning)),
    of(VXLAN, "`ttl`, `tos` or `df`", |it| {
        vxlan(it, |it| {
            (it.ttl, it.tos, it.df) != (OuterTtl::Route, OuterTos::Fixed(0), OuterDf::Unset)
        })
    }),
    of(VXLAN, "`noudpcsum`", |it| vxlan(it, |it| !it.udp_csum)),
    of(VXLAN, "`ageing`", |it| vxlan(it, |it| it.ageing != Vxlan::AGEING)),
    of(VXLAN, "`maxaddress`", |it| vxlan(it, |it| it.max_entries != 0)),
    of(VXLAN, "a port or a network of the entry's own", |it| {
        vxlan(it, |vxlan| {
            vxlan.fdb.values().any(|it| (it.first.port, it.first.vni) != (vxlan.port, vxlan.vni))
        })
    }),
    of(NEIGHBOURS, "ARP question and answer", |it| has(it, "ARP operation", "reply")),
    of(NEIGHBOURS, "ARP question to one station", |it| {
        frame(it, |it| {
            is(it, "ARP operation", "request")
                && !is(it, "destination MAC", &Mac::BROADCAST.to_string())
        })
    }),
    of(NEIGHBOURS, "gratuitous ARP", |it| {
        frame(it, |it| value(it, "ARP sender IP").is_some_and(|ip| is(it, "ARP target IP", ip)))
    }),
    of(NEIGHBOURS, "`proxy_arp`", |it| setting(it, Conf::ProxyArp, 1)),
    of(NEIGHBOURS, "`proxy_arp_pvlan`", |it| setting(it, Conf::ProxyArpPvlan, 1)),
    of(NEIGHBOURS, "`arp_ignore`", |it| conf(it, |all| all.get(Conf::ArpIgnore) != 0)),
    of(NEIGHBOURS, "`arp_announce`", |it| conf(it, |all| all.get(Conf::ArpAnnounce) != 0)),
    of(NEIGHBOURS, "`arp_filter`", |it| setting(it, Conf::ArpFilter, 1)),
    of(NEIGHBOURS, "`arp_accept`", |it| conf(it, |all| all.get(Conf::ArpAccept) != 0)),
    of(NEIGHBOURS, "`nud permanent`", |it| neighbour(it, Nud::Permanent)),
    of(NEIGHBOURS, "`nud reachable` at the start", |it| neighbour(it, Nud::Reachable)),
    of(NEIGHBOURS, "`nud stale` at the start", |it| neighbour(it, Nud::Stale)),
    of(NEIGHBOURS, "`nud failed` at the start", |it| neighbour(it, Nud::Failed)),
    of(ROUTES, "`ip_forward`", |it| sysctl(it, |all| all.all.get(Conf::Forwarding) != 0)),
    of(ROUTES, "`forwarding` on some devices only", |it| {
        netns(it, |ns| {
            let of = |dev| it.world.devices[dev].conf.get(Conf::Forwarding);
            ns.devs.iter().any(|&dev| of(dev) != of(ns.lo))
        })
    }),
    of(ROUTES, "several addresses on one device", |it| {
        netns(it, |ns| {
            ns.addrs.iter().any(|a| ns.addrs.iter().any(|b| a.dev == b.dev && a.local != b.local))
        })
    }),
    of(ROUTES, "address on `lo`", |it| {
        netns(it, |ns| ns.addrs.iter().any(|it| it.dev == ns.lo && !it.local.is_loopback()))
    }),
    of(ROUTES, "default route", |it| route(it, |it| it.dst.prefix_len() == 0 && is_unicast(it))),
    of(ROUTES, "route to one host", |it| {
        route(it, |it| it.dst.prefix_len() == 32 && is_unicast(it))
    }),
    of(ROUTES, "secondary address", |it| netns(it, |ns| ns.addrs.iter().any(|it| it.secondary))),
    of(ROUTES, "policy rule by source", |it| rule(it, |it| it.src.prefix_len() > 0)),
    of(ROUTES, "policy rule by destination", |it| rule(it, |it| it.dst.prefix_len() > 0)),
    of(ROUTES, "policy rule by device", |it| rule(it, |it| it.iif != OnDev::Any)),
    of(ROUTES, "policy rule by mark", |it| rule(it, |it| it.mark_mask != 0)),
    of(ROUTES, "policy rule by type of service", |it| rule(it, |it| it.tos != 0)),
    of(ROUTES, "policy rule by protocol or port", |it| rule(it, Rule::needs_ports)),
    of(ROUTES, "policy rule with `not`", |it| rule(it, |it| it.invert)),
    of(ROUTES, "policy rule with `goto`", |it| {
        rule(it, |it| matches!(it.action, RuleAction::Goto(_)))
    }),
    of(ROUTES, "policy rule that forbids", |it| {
        rule(it, |it| {
            let forbids = [RuleAction::Unreachable, RuleAction::Prohibit, RuleAction::Blackhole];
            forbids.contains(&it.action)
        })
    }),
    of(ROUTES, "`suppress_prefixlength`", |it| rule(it, |it| it.suppress_prefixlen.is_some())),
    of(ROUTES, "`unreachable` route", |it| route(it, |it| it.kind == RouteKind::Unreachable)),
    of(ROUTES, "`prohibit` route", |it| route(it, |it| it.kind == RouteKind::Prohibit)),
    of(ROUTES, "`blackhole` route", |it| route(it, |it| it.kind == RouteKind::Blackhole)),
    of(ROUTES, "`throw` route", |it| route(it, |it| it.kind == RouteKind::Throw)),
    of(ROUTES, "route for a type of service", |it| route(it, |it| it.tos != 0)),
    of(ROUTES, "several next hops", |it| route(it, |it| it.nexthops.as_slice().len() > 1)),
    of(ROUTES, "`fib_multipath_hash_policy`", |it| {
        sysctl(it, |all| all.multipath.policy != Policy::Layer3)
    }),
    of(ROUTES, "`rp_filter` 1", |it| setting(it, Conf::RpFilter, 1)),
    of(ROUTES, "`rp_filter` 2", |it| setting(it, Conf::RpFilter, 2)),
    of(ROUTES, "`accept_local`", |it| setting(it, Conf::AcceptLocal, 1)),
    of(ROUTES, "`route_localnet`", |it| setting(it, Conf::RouteLocalnet, 1)),
    of(ROUTES, "`send_redirects` off", |it| setting(it, Conf::SendRedirects, 0)),
    of(ROUTES, "`shared_media` off", |it| setting(it, Conf::SharedMedia, 0)),
    of(ROUTES, "metric", |it| route(it, |it| it.metric > 0)),
    of(ROUTES, "two routes to one prefix", |it| {
        netns(it, |ns| {
            let all: Vec<&Route> =
                ns.fib.iter().map(|it| it.1).filter(|it| is_unicast(it)).collect();
            all.iter()
                .enumerate()
                .any(|(n, a)| all[..n].iter().any(|b| a.dst == b.dst && a.table == b.table))
        })
    }),
    of(ROUTES, "default routes of one metric", |it| {
        netns(it, |ns| {
            let rank = |it: &Route| (it.table, it.metric);
            let all: Vec<_> = ns
                .fib
                .iter()
                .filter(|(_, it)| it.dst.prefix_len() == 0 && is_unicast(it))
                .map(|(_, it)| rank(it))
                .collect();
            all.iter().enumerate().any(|(n, rank)| all[..n].contains(rank))
        })
    }),
    of(IP, "TTL other than 64 in what is sent", |it| sysctl(it, |all| all.default_ttl_hops != 64)),
    of(IP, "type of service", |it| {
        frame(it, |it| value(it, "IP TOS").is_some_and(|tos| tos != "0x00" && tos != "0xc0"))
    }),
    of(IP, "IP in a broadcast frame", |it| {
        frame(it, |it| {
            is(it, "destination MAC", "ff:ff:ff:ff:ff:ff") && is(it, "EtherType", "0x0800")
        })
    }),
    of(IP, "frame put on a device as it stands", |it| {
        it.actions.iter().any(|it| matches!(it, Action::SendFrame { .. }))
    }),
    of(IP, "wrong header checksum", |it| has(it, "IP checksum", "wrong")),
    of(IP, "fragments", |it| has_field(it, "fragment")),
    of(IP, "`ip_no_pmtu_disc`", |it| sysctl(it, |all| all.pmtu.discovery != PmtuDiscovery::On)),
    of(IP, "`ip_forward_use_pmtu`", |it| sysctl(it, |all| all.forward_use_pmtu)),
    of(IP, "IP options", |it| has_field(it, "IP options")),
    of(ICMP, "echo request and reply", |it| has(it, "ICMP type", "echo reply")),
    of(ICMP, "`icmp_echo_ignore_all`", |it| sysctl(it, |all| all.icmp_echo_ignore_all)),
    of(ICMP, "`icmp_echo_ignore_broadcasts` off", |it| {
        sysctl(it, |all| !all.icmp_echo_ignore_broadcasts)
    }),
    of(ICMP, "network unreachable", |it| unreachable(it, "0")),
    of(ICMP, "host unreachable", |it| unreachable(it, "1")),
    of(ICMP, "protocol unreachable", |it| unreachable(it, "2")),
    of(ICMP, "port unreachable", |it| unreachable(it, "3")),
    of(ICMP, "fragmentation needed", |it| unreachable(it, "4")),
    of(ICMP, "fragment reassembly time exceeded", |it| {
        frame(it, |it| is(it, "ICMP type", "time exceeded") && is(it, "ICMP code", "1"))
    }),
    of(ICMP, "administratively prohibited", |it| {
        unreachable(it, "9") || unreachable(it, "10") || unreachable(it, "13")
    }),
    of(ICMP, "redirect", |it| has(it, "ICMP type", "redirect")),
    of(ICMP, "time exceeded in transit", |it| {
        frame(it, |it| is(it, "ICMP type", "time exceeded") && is(it, "ICMP code", "0"))
    }),
    of(UDP, "datagram from a program", |it| {
        it.actions.iter().any(|it| matches!(it, Action::Udp { .. }))
    }),
    of(UDP, "empty datagram", |it| has(it, "UDP length", "8")),
    of(UDP, "no checksum", |it| has(it, "UDP checksum", "none")),
    of(UDP, "wrong checksum", |it| has(it, "UDP checksum", "wrong")),
    of(TCP, "connection from a program", |it| {
        it.actions.iter().any(|it| matches!(it, Action::Tcp { .. }))
    }),
    of(TCP, "handshake answered", |it| has(it, "TCP flags", "SYN+ACK")),
    of(TCP, "data in several segments", |it| {
        frame(it, |it| is(it, "TCP flags", "ACK") && value(it, "TCP payload") != Some(""))
    }),
    of(TCP, "end of a connection", |it| has(it, "TCP flags", "FIN+ACK")),
    of(TCP, "reset that acknowledges", |it| has(it, "TCP flags", "RST+ACK")),
    of(TCP, "reset in place of an acknowledgement", |it| has(it, "TCP flags", "RST")),
    of(TCP, "ICMP error about a segment", |it| has_field(it, "quoted TCP flags")),
    of(TCP, "wrong checksum", |it| has(it, "TCP checksum", "wrong")),
    of(CONNECTIONS, "connection tracking", |it| tracking(it, Conntrack::is_on)),
    of(CONNECTIONS, "translation of addresses", |it| tracking(it, Conntrack::nat_is_on)),
    of(CONNECTIONS, "connection that was there before", |it| {
        tracking(it, |all| all.iter(Nanos::ZERO).next().is_some())
    }),
    of(CONNECTIONS, "settings of connection tracking", |it| {
        tracking(it, |all| all.settings != Settings::default())
    }),
    of(RULES, "table `raw`", |it| rules(it, "*raw\n")),
    of(RULES, "table `mangle`", |it| rules(it, "*mangle\n")),
    of(RULES, "table `nat`", |it| rules(it, "*nat\n")),
    of(RULES, "table `filter`", |it| rules(it, "*filter\n")),
    of(RULES, "table `security`", |it| rules(it, "*security\n")),
    of(RULES, "chain of one's own, by `-j`", |it| rules(it, "- [0:0]")),
    of(RULES, "`-g`", |it| rules(it, " -g ")),
    of(RULES, "`-j RETURN`", |it| rules(it, "-j RETURN")),
    of(RULES, "policy DROP", |it| rules(it, " DROP [")),
    of(RULES, "`!`", |it| rules(it, " ! ")),
    of(RULES, "`-i`, `-o`", |it| rules(it, " -i ") || rules(it, " -o ")),
    of(RULES, "`-f`", |it| rules(it, " -f ")),
    of(RULES, "`-m addrtype`", |it| rules(it, "-m addrtype ")),
    of(RULES, "`-m comment`", |it| rules(it, "-m comment ")),
    of(RULES, "`-m connmark`", |it| rules(it, "-m connmark ")),
    of(RULES, "`-m conntrack`", |it| rules(it, "-m conntrack ")),
    of(RULES, "`-m icmp`", |it| rules(it, "-m icmp ")),
    of(RULES, "`-m iprange`", |it| rules(it, "-m iprange ")),
    of(RULES, "`-m length`", |it| rules(it, "-m length ")),
    of(RULES, "`-m limit`", |it| rules(it, "-m limit ")),
    of(RULES, "`-m mark`", |it| rules(it, "-m mark ")),
    of(RULES, "`-m multiport`", |it| rules(it, "-m multiport ")),
    of(RULES, "`-m nfacct`", |it| rules(it, "-m nfacct ")),
    of(RULES, "`-m owner`", |it| rules(it, "-m owner ")),
    of(RULES, "`-m physdev`", |it| rules(it, "-m physdev ")),
    of(RULES, "`-m recent`", |it| rules(it, "-m recent ")),
    of(RULES, "`-m rpfilter`", |it| rules(it, "-m rpfilter ")),
    of(RULES, "`-m sctp`", |it| rules(it, "-m sctp ")),
    of(RULES, "`-m set`", |it| rules(it, "-m set ")),
    of(RULES, "`-m state`", |it| rules(it, "-m state ")),
    of(RULES, "`-m statistic --mode random`", |it| rules(it, "--mode random")),
    of(RULES, "`-m statistic --mode nth`", |it| rules(it, "--mode nth")),
    of(RULES, "`-m tcp`", |it| rules(it, "-m tcp ")),
    of(RULES, "`-m tcpmss`", |it| rules(it, "-m tcpmss ")),
    of(RULES, "`-m ttl`", |it| rules(it, "-m ttl ")),
    of(RULES, "`-m udp`", |it| rules(it, "-m udp ")),
    of(RULES, "`-j CONNMARK`", |it| rules(it, "-j CONNMARK")),
    of(RULES, "`-j CT`", |it| rules(it, "-j CT")),
    of(RULES, "`-j DNAT`", |it| rules(it, "-j DNAT")),
    of(RULES, "`-j LOG`", |it| rules(it, "-j LOG")),
    of(RULES, "`-j MARK`", |it| rules(it, "-j MARK")),
    of(RULES, "`-j MASQUERADE`", |it| rules(it, "-j MASQUERADE")),
    of(RULES, "`-j NETMAP`", |it| rules(it, "-j NETMAP")),
    of(RULES, "`-j NOTRACK`", |it| rules(it, "-j NOTRACK")),
    of(RULES, "`-j REDIRECT`", |it| rules(it, "-j REDIRECT")),
    of(RULES, "`-j REJECT` with an ICMP error", |it| rules(it, "--reject-with icmp-")),
    of(RULES, "`-j REJECT --reject-with tcp-reset`", |it| rules(it, "tcp-reset")),
    of(RULES, "`-j SNAT`", |it| rules(it, "-j SNAT")),
    of(RULES, "`-j TCPMSS`", |it| rules(it, "-j TCPMSS")),
    of(RULES, "`-j TRACE`", |it| rules(it, "-j TRACE")),
    of(SETS, "`hash:ip`", |it| sets(it, " hash:ip ")),
    of(SETS, "`hash:net`", |it| sets(it, " hash:net ")),
    of(SETS, "`hash:ip,port`", |it| sets(it, " hash:ip,port ")),
    of(SETS, "`hash:net,port`", |it| sets(it, " hash:net,port ")),
    of(SETS, "`hash:ip,port,ip`", |it| sets(it, " hash:ip,port,ip ")),
    of(SETS, "`hash:ip,port,net`", |it| sets(it, " hash:ip,port,net ")),
    of(SETS, "`hash:net,net`", |it| sets(it, " hash:net,net ")),
    of(SETS, "`hash:net,iface`", |it| sets(it, " hash:net,iface ")),
    of(SETS, "`hash:mac`", |it| sets(it, " hash:mac ")),
    of(SETS, "`bitmap:ip`", |it| sets(it, " bitmap:ip ")),
    of(SETS, "`bitmap:port`", |it| sets(it, " bitmap:port ")),
    of(SETS, "`list:set`", |it| sets(it, " list:set ")),
    of(SETS, "`nomatch`", |it| sets(it, " nomatch")),
    of(SETS, "`timeout`", |it| sets(it, " timeout ")),
    of(SETS, "`counters`", |it| sets(it, " counters")),
];

fn device(it: &Evidence, is: impl Fn(&Device) -> bool) -> bool {
    it.world.devices.iter().any(|(_, dev)| is(dev))
}

fn veth(it: &Evidence, is: impl Fn(&Device, &Device) -> bool) -> bool {
    device(it, |dev| dev.kind.peer().is_some_and(|peer| is(dev, &it.world.devices[peer])))
}

fn bridge(it: &Evidence, is: impl Fn(&Bridge) -> bool) -> bool {
    device(it, |dev| matches!(&dev.kind, DeviceKind::Bridge(bridge) if is(bridge)))
}

fn vxlan(it: &Evidence, is: impl Fn(&Vxlan) -> bool) -> bool {
    device(it, |dev| matches!(&dev.kind, DeviceKind::Vxlan(vxlan) if is(vxlan)))
}

fn port(it: &Evidence, is: impl Fn(PortFlags) -> bool) -> bool {
    device(it, |dev| dev.port.is_some_and(|port| is(port.flags)))
}

fn netns(it: &Evidence, is: impl Fn(&Netns) -> bool) -> bool {
    it.world.netns.iter().any(|(_, ns)| is(ns))
}

fn sysctl(it: &Evidence, is: impl Fn(&Sysctl) -> bool) -> bool {
    netns(it, |ns| is(&ns.sysctl))
}

fn conf(it: &Evidence, is: impl Fn(&Devconf) -> bool) -> bool {
    device(it, |dev| is(&dev.conf)) || sysctl(it, |all| is(&all.all))
}

fn tracking(it: &Evidence, is: impl Fn(&Conntrack) -> bool) -> bool {
    netns(it, |ns| ns.netfilter.as_ref().is_some_and(|it| is(&it.conntrack)))
}

fn setting(it: &Evidence, name: Conf, value: u8) -> bool {
    conf(it, |all| all.get(name) == value)
}

fn rule(it: &Evidence, is: impl Fn(&Rule) -> bool) -> bool {
    netns(it, |ns| ns.fib.rules().are_custom() && ns.fib.rules().list().iter().any(&is))
}

/// Whether a namespace's rules have this in their text.
fn rules(it: &Evidence, text: &str) -> bool {
    netfilter(it, |all| all.tables.save(false).contains(text))
}

/// Whether a namespace's sets have this in their text.
fn sets(it: &Evidence, text: &str) -> bool {
    netfilter(it, |all| all.sets.save(it.world.now()).contains(text))
}

fn netfilter(it: &Evidence, is: impl Fn(&Netfilter) -> bool) -> bool {
    netns(it, |ns| ns.netfilter.as_ref().is_some_and(|all| is(all)))
}

fn neighbour(it: &Evidence, state: Nud) -> bool {
    netns(it, |ns| ns.neigh.iter().any(|(_, it)| it.state == state))
}

fn route(it: &Evidence, is: impl Fn(&Route) -> bool) -> bool {
    netns(it, |ns| ns.fib.iter().any(|(_, it)| is(it)))
}

fn is_unicast(it: &Route) -> bool {
    it.kind == RouteKind::Unicast
}

fn frame(it: &Evidence, is: impl Fn(&[Field]) -> bool) -> bool {
    it.frames.iter().any(|fields| is(fields))
}

fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    fields.iter().find(|it| it.name == name).map(|it| it.value.as_str())
}

fn is(fields: &[Field], name: &str, wanted: &str) -> bool {
    value(fields, name) == Some(wanted)
}

fn has(it: &Evidence, name: &str, wanted: &str) -> bool {
    frame(it, |fields| is(fields, name, wanted))
}

fn has_field(it: &Evidence, name: &str) -> bool {
    frame(it, |fields| value(fields, name).is_some())
}

fn unreachable(it: &Evidence, code: &str) -> bool {
    frame(it, |it| is(it, "ICMP type", "destination unreachable") && is(it, "ICMP code", code))
}
