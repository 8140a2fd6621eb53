//! A world as a POSIX shell script that builds it with iproute2, in network namespaces of a real Linux machine, and
//! takes it down again. Read ip(8), bridge(8) and sysctl(8) first.
//!
//! Only what the kernel would not do by itself is spelt out, and in an order that gives the same tables: interface
//! indices, the order of a bridge's ports, of addresses and of equal routes decide what Linux does. What is under way
//! (frames in flight, timers, packets that wait for a neighbour) has no command.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use crate::app::App;
use crate::base::{Arena, DevId, Dir, FxIndexMap, Id, NsId};
use crate::link::bridge::{Bridge, FdbEntry};
use crate::link::vxlan::{EntryState, OuterDf, OuterTos, OuterTtl};
use crate::link::{Conf, Devconf, Device, DeviceKind, PortFlags, Scope, Vxlan};
use crate::netfilter::defrag::Limits;
use crate::stack::Sysctl;
use crate::stack::fib::{Fib, Flow, Nexthop, Route, RouteKind, TableId};
use crate::stack::rule::Rules;
use crate::stack::socket::{Bound, Program, Socket};
use crate::tool::conntrack;
use crate::trace::Nud;
use crate::wire::http::Response;
use crate::world::{Process, World};

/// A part of a world that no command makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inexpressible(String);

impl fmt::Display for Inexpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Inexpressible {}

const MTU_BYTES: u32 = 1500;
const LOOPBACK_MTU_BYTES: u32 = 65536;

const HEAD: &str = r"#!/bin/sh
# A network in network namespaces, as `everyhop export --as build.sh` writes it. Run as root on Linux with iproute2;
# programs that answer are run by python3.
#   sh build.sh [up]     make everything
#   sh build.sh network  make everything but the programs
#   sh build.sh programs start the programs
#   sh build.sh down     stop every process in the namespaces and remove them
set -eu
";

/// What a namespace gets that the kernel's sources do not give it: IPv6 is not modelled.
const NAMESPACE: &str = r#"
# namespace NETNS SETTING...: with the settings that a kernel begins with, and then those given; by itself it copies the machine's
namespace() {
  netns=$1
  shift
  all="net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
  # The kernel's own, cubic, may not be chosen in a namespace; Reno begins in the same way.
  all="$all net.ipv4.tcp_congestion_control=reno"
  all="$all net.ipv4.conf.all.accept_source_route=0 net.ipv4.conf.default.accept_source_route=1 net.ipv4.conf.lo.accept_source_route=1"
  for net in bridge-nf-call-iptables bridge-nf-call-ip6tables bridge-nf-call-arptables; do
    all="$all net.bridge.$net=0"
  done
  for conf in all default lo; do
    for setting in CONFS; do
      all="$all net.ipv4.conf.$conf.$setting"
    done
  done
  ip netns add "$netns"
  ip netns exec "$netns" sysctl -eqw net.ipv4.ip_forward=0 $all "$@"
}
"#;

const SETTLED: &str = r#"
# settled NETNS PORT: waits until a bridge's port forwards, which may take the kernel a second
settled() {
  tries=0
  until bridge -n "$1" link show dev "$2" | grep -q 'state forwarding'; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { echo "$1/$2 does not forward" >&2; exit 1; }
    sleep 0.1
  done
}
"#;

/// Stays in the foreground until its socket is bound, so that what comes next finds a listener.
const SERVE: &str = r#"
# serve NETNS PROTOCOL ADDRESS PORT REPLY: a program that sends the bytes REPLY (hexadecimal) back to whoever sent it
# something, and closes if that was a connection; with REPLY - it only reads
serve() {
  ip netns exec "$1" python3 -c '
import os, signal, socket, sys
protocol, address, port, reply = sys.argv[1:]
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
listener.bind((address, int(port)))
if protocol == "tcp":
    listener.listen()
if os.fork():
    os._exit(0)
os.setsid()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
null = os.open(os.devnull, os.O_RDWR)
for fd in range(3):
    os.dup2(null, fd)
while True:
    try:
        if protocol == "udp":
            _, client = listener.recvfrom(65536)
            if reply != "-":
                listener.sendto(bytes.fromhex(reply), client)
        else:
            connection, _ = listener.accept()
            if os.fork() == 0:
                if reply == "-":
                    while connection.recv(65536):
                        pass
                else:
                    connection.recv(65536)
                    connection.sendall(bytes.fromhex(reply))
                os._exit(0)
            connection.close()
    except OSError:
        pass
' "$2" "$3" "$4" "$5"
}
"#;

/// An HTTP server as [`crate::app::http_server`] is one, request by request and byte for byte; only what is no HTTP it may find out later.
const SERVE_HTTP: &str = r#"
# serve_http NETNS NAME STATUS ADDRESS:PORT...: an HTTP server that says its name and whom it sees
serve_http() {
  netns=$1
  shift
  ip netns exec "$netns" python3 -c '
import os, re, signal, socket, sys
name, status, *places = sys.argv[1:]
listeners = []
for place in places:
    address, port = place.split(":")
    listeners.append(socket.create_server((address, int(port)), backlog=128))
TOKEN = rb"[!#$%&\x27*+.^_`|~0-9A-Za-z-]+"
class Refused(Exception):
    pass
def request(stream):
    # method, fields and end of the first request; None: more must come
    end = re.search(rb"\n\r?\n", stream)
    if (end.end() if end else len(stream)) > 16384:
        raise Refused("431 Request Header Fields Too Large", "the header is too long")
    first, *lines = re.split(rb"\r?\n", stream[:end.start()] if end else stream)
    bad = Refused("400 Bad Request", "these bytes do not begin as HTTP/1 does")
    line = re.fullmatch(b"(%s) [!-~]+ HTTP/1[.]([01])\r?" % TOKEN, first)
    if not line and (end or lines):
        raise bad
    if not end:
        return None
    fields = []
    for it in lines:
        field = re.fullmatch(b"(%s):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\r?" % TOKEN, it)
        if not field:
            raise bad
        fields.append((field[1].lower(), field[2].decode("utf-8", "replace")))
    if len(fields) > 100:
        raise Refused("431 Request Header Fields Too Large", "the header is too long")
    after = body(stream, end.end(), listed(fields, b"content-length"), [it for key, it in fields if key == b"transfer-encoding"])
    return after and (line[1], int(line[2]), fields, after)
def listed(fields, name):
    return [it.strip() for key, value in fields if key == name for it in value.split(",")]
def body(stream, at, lengths, codings):
    # where it ends
    unclear = Refused("400 Bad Request", "the body\x27s length is not clear")
    if len(set(lengths)) > 1 or lengths and codings:
        raise unclear
    if codings:
        if codings[0].strip().lower() != "chunked":
            raise Refused("501 Not Implemented", "a transfer coding other than chunked")
        return chunks(stream, at)
    if not lengths:
        return at
    if not re.fullmatch("[0-9]+", lengths[0]):
        raise unclear
    if int(lengths[0]) > 1048576:
        raise Refused("413 Content Too Large", "the body is too long")
    end = at + int(lengths[0])
    return end if end <= len(stream) else None
def chunks(stream, at):
    total = 0
    while True:
        size = re.compile(rb"([0-9A-Fa-f]+)[ \t]*(;[^\r\n]*)?\r\n").match(stream, at)
        if not size and (b"\n" in stream[at:] or len(stream) - at > 16384):
            raise Refused("400 Bad Request", "a chunk of the body is broken")
        if not size:
            return None
        length = int(size[1], 16)
        total += length
        if total > 1048576:
            raise Refused("413 Content Too Large", "the body is too long")
        at = size.end() + length
        if len(stream) < at + 2:
            return None
        if stream[at:at + 2] != b"\r\n":
            raise Refused("400 Bad Request", "a chunk of the body is broken")
        at += 2
        if length == 0:
            return at
def response(status, fields, text, with_body=True):
    text = text.encode()
    bare = 100 <= int(status[:3]) < 200 or status[:3] in ("204", "304")
    fields = fields + ([] if bare else ["Content-Length: %d" % len(text)])
    head = "".join(it + "\r\n" for it in ["HTTP/1.1 " + status] + fields + [""])
    return head.encode() + (text if with_body and not bare else b"")
def serve(connection, client):
    unread = b""
    while True:
        came = connection.recv(65536)
        if not came:
            return
        unread += came
        if not re.match(rb"[A-Z]+( |\Z)", unread):
            return connection.sendall(b"hello from " + name.encode())
        while True:
            try:
                found = request(unread)
            except Refused as it:
                status_line, why = it.args
                return connection.sendall(response(status_line, ["Connection: close"], why + "\n"))
            if not found:
                break
            method, minor, fields, end = found
            unread = unread[end:]
            wishes = [it.lower() for it in listed(fields, b"connection")]
            goes_on = "close" not in wishes and (minor > 0 or "keep-alive" in wishes)
            text = "Hostname: %s\nclient_address=%s\n" % (name, client)
            for it in [it for key, it in fields if key == b"x-forwarded-for"][:1]:
                text += "x-forwarded-for=%s\n" % it
            said = ["Content-Type: text/plain"] + ([] if goes_on else ["Connection: close"])
            connection.sendall(response(status, said, text, method != b"HEAD"))
            if not goes_on:
                return
if os.fork():
    os._exit(0)
os.setsid()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
null = os.open(os.devnull, os.O_RDWR)
for fd in range(3):
    os.dup2(null, fd)
for listener in listeners[1:]:
    if os.fork() == 0:
        break
else:
    listener = listeners[0]
while True:
    try:
        connection, client = listener.accept()
        if os.fork() == 0:
            try:
                serve(connection, client[0])
            finally:
                os._exit(0)
        connection.close()
    except OSError:
        pass
' "$@"
}
"#;

const TAIL: &str = r#"
case "${1:-up}" in
  up) network; programs ;;
  network) network ;;
  programs) programs ;;
  down) down ;;
  *) echo "usage: sh $0 [up|network|programs|down]" >&2; exit 2 ;;
esac
"#;

/// The script. Its part `down` removes only what `up` makes.
pub fn script(world: &World) -> Result<String, Inexpressible> {
    for (_, ns) in world.netns.iter() {
        plain(&ns.name)?;
    }
    for (_, device) in world.devices.iter() {
        plain(&device.name)?;
    }
    let mut out = String::from(HEAD);
    out.push_str(&namespace());
    if has_learnt(world) {
        out.push_str(SETTLED);
    }
    out.push_str("\nnetwork() {\n");
    namespaces(&mut out, world);
    links(&mut out, world);
    // Addresses alone make routes, so that the routes to spell out are the others.
    let mut automatic = world.clone();
    for (id, ns) in world.netns.iter() {
        automatic.netns[id].fib = Fib::default();
        automatic.netns[id].addrs.clear();
        for addr in &ns.addrs {
            let net = ipnet::Ipv4Net::new_assert(addr.local, addr.prefix_len);
            automatic
                .add_addr(addr.dev, net, None)
                .map_err(|e| Inexpressible(format!("{}: {e}", ns.name)))?;
        }
    }
    for (id, ns) in world.netns.iter() {
        let of_ns = OfNs { world, id };
        batch(&mut out, &format!("ip -n {}", ns.name), &of_ns.ip(&automatic)?);
        of_ns.offloads(&mut out);
        of_ns.settings(&mut out);
    }
    for (id, _) in world.netns.iter() {
        OfNs { world, id }.netfilter(&mut out)?;
    }
    // A port takes dynamic entries once it forwards, and for that the other end of its wire must be up.
    for (id, ns) in world.netns.iter() {
        let of_ns = OfNs { world, id };
        for port in of_ns.learnt() {
            let _ = writeln!(out, "settled {} {}", ns.name, of_ns.name(port));
        }
        batch(&mut out, &format!("bridge -n {}", ns.name), &of_ns.bridge());
    }
    out.push_str("}\n");
    programs(&mut out, world)?;
    down(&mut out, world);
    out.push_str(TAIL);
    Ok(out)
}

fn has_learnt(world: &World) -> bool {
    world.netns.iter().any(|(id, _)| !OfNs { world, id }.learnt().is_empty())
}

/// Refuses a name that a shell or a batch of `ip` would read as something else. Devices and namespaces rarely have one.
fn plain(name: &str) -> Result<(), Inexpressible> {
    let fine =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '=');
    if !name.is_empty() && name.chars().all(fine) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Inexpressible(format!(
        "the name {name:?} cannot stand in a script: expected letters, digits, and - _ . @ + ="
    )))
}

fn batch(out: &mut String, command: &str, lines: &str) {
    if !lines.is_empty() {
        let _ = write!(out, "{command} -batch - <<'END'\n{lines}END\n");
    }
}

/// The function that makes a namespace.
fn namespace() -> String {
    let confs: Vec<String> = Conf::ALL
        .iter()
        .filter(|&&conf| !matches!(conf, Conf::Forwarding | Conf::AcceptSourceRoute))
        .map(|&conf| format!("{}={}", conf.name(), Devconf::all().get(conf)))
        .collect();
    NAMESPACE.replace("CONFS", &confs.join(" "))
}

fn namespaces(out: &mut String, world: &World) {
    if world.netns.iter().any(|(_, ns)| ns.sysctl.bridge_nf_call_iptables) {
        out.push_str("[ -e /proc/sys/net/bridge ] || modprobe br_netfilter\n");
    }
    for (_, ns) in world.netns.iter() {
        let _ = writeln!(out, "namespace {}{}", ns.name, unusual_settings(&ns.sysctl));
        // Only where a hash decides does it matter with what it begins.
        if ns.fib.iter().any(|(_, it)| it.nexthops.as_slice().len() > 1) {
            let (name, seed) = (&ns.name, ns.sysctl.multipath.seed);
            let _ = writeln!(
                out,
                "ip netns exec {name} sysctl -qw net.ipv4.fib_multipath_hash_seed={seed}",
            );
        }
    }
}

/// The settings for all devices and for new ones, and the rates and hashes, that differ from the kernel's own.
fn unusual_settings(it: &Sysctl) -> String {
    let mut out = String::new();
    // ip_forward sets others as well.
    let forwards = it.all.get(Conf::Forwarding);
    let (mut all, mut new_device) = (Devconf::all(), Devconf::new_device());
    if forwards != 0 {
        out.push_str(" net.ipv4.ip_forward=1");
        all.set(Conf::Forwarding, forwards);
        all.set(Conf::AcceptRedirects, 0);
        new_device.set(Conf::Forwarding, forwards);
    }
    for (name, conf, usual) in [("all", it.all, all), ("default", it.default, new_device)] {
        let _ = write!(out, "{}", Changed { name, conf, usual });
    }
    if it.bridge_nf_call_iptables {
        out.push_str(" net.bridge.bridge-nf-call-iptables=1");
    }
    let usual = Sysctl::default();
    let (icmp, usual_icmp) = (it.icmp, usual.icmp);
    let (paths, usual_paths) = (it.multipath, usual.multipath);
    let secs = |it: crate::base::Nanos| u32::try_from(it.0 / 1_000_000_000).unwrap_or(u32::MAX);
    let high = |it: &Limits| u32::try_from(it.high_bytes).unwrap_or(u32::MAX);
    let ms = |it: crate::base::Nanos| u32::try_from(it.0 / 1_000_000).unwrap_or(u32::MAX);
    for (name, value, usual) in [
        ("ip_default_ttl", u32::from(it.default_ttl_hops), u32::from(usual.default_ttl_hops)),
        ("icmp_echo_ignore_all", u32::from(it.icmp_echo_ignore_all), 0),
        ("icmp_echo_ignore_broadcasts", u32::from(it.icmp_echo_ignore_broadcasts), 1),
        ("icmp_ratelimit", ms(icmp.ratelimit), ms(usual_icmp.ratelimit)),
        ("icmp_ratemask", icmp.ratemask, usual_icmp.ratemask),
        ("icmp_msgs_per_sec", icmp.msgs_per_sec, usual_icmp.msgs_per_sec),
        ("icmp_msgs_burst", icmp.msgs_burst, usual_icmp.msgs_burst),
        ("icmp_errors_use_inbound_ifaddr", u32::from(icmp.errors_use_inbound_ifaddr), 0),
        ("ip_no_pmtu_disc", it.pmtu.discovery as u32, 0),
        ("route.min_pmtu", it.pmtu.min_bytes, usual.pmtu.min_bytes),
        ("route.mtu_expires", secs(it.pmtu.expires), secs(usual.pmtu.expires)),
        ("ipfrag_time", secs(it.fragments.time), secs(usual.fragments.time)),
        ("ipfrag_high_thresh", high(&it.fragments), high(&usual.fragments)),
        ("ipfrag_max_dist", it.fragments.max_dist, usual.fragments.max_dist),
        ("fwmark_reflect", u32::from(it.fwmark_reflect), 0),
        ("ip_forward_use_pmtu", u32::from(it.forward_use_pmtu), 0),
        ("tcp_timestamps", u32::from(it.tcp.timestamps), 1),
        ("tcp_sack", u32::from(it.tcp.sack), 1),
        ("tcp_window_scaling", u32::from(it.tcp.window_scaling), 1),
        ("tcp_ecn", if it.tcp.ecn { 2 } else { 0 }, 2),
        ("tcp_syn_retries", u32::from(it.tcp.syn_retries), 6),
        ("tcp_syn_linear_timeouts", u32::from(it.tcp.syn_linear_timeouts), 4),
        ("tcp_synack_retries", u32::from(it.tcp.synack_retries), 5),
        ("tcp_retries2", u32::from(it.tcp.retries), 15),
        ("tcp_orphan_retries", u32::from(it.tcp.orphan_retries), 0),
        ("tcp_fin_timeout", secs(it.tcp.fin_timeout), secs(usual.tcp.fin_timeout)),
        ("fib_multipath_hash_policy", paths.policy as u32, 0),
        ("fib_multipath_hash_fields", u32::from(paths.fields), u32::from(usual_paths.fields)),
        ("fib_multipath_use_neigh", u32::from(paths.use_neigh), 0),
    ] {
        if value != usual {
            let _ = write!(out, " net.ipv4.{name}={value}");
        }
    }
    out
}

/// What `lo` has, which is there before the settings for new devices are made.
fn lo_settings(it: &Sysctl) -> Devconf {
    let mut conf = Devconf::new_device();
    conf.set(Conf::Forwarding, it.all.get(Conf::Forwarding));
    conf
}

/// A device's settings that differ from the usual ones, as arguments of `sysctl -w`.
struct Changed<'a> {
    name: &'a str,
    conf: Devconf,
    usual: Devconf,
}

impl fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for conf in Conf::ALL {
            let value = self.conf.get(conf);
            if value != self.usual.get(conf) {
                write!(f, " net.ipv4.conf.{}.{}={value}", self.name, conf.name())?;
            }
        }
        Ok(())
    }
}

/// All links, made from outside so that one command can put the two ends of a wire into two namespaces.
fn links(out: &mut String, world: &World) {
    let mut lines = String::new();
    for dev in making_order(world) {
        let device = &world.devices[dev];
        let end = |dev: DevId| {
            let it = &world.devices[dev];
            let ns = &world.netns[it.ns].name;
            format!("{} netns {ns} index {} address {}", it.name, it.ifindex, it.mac)
        };
        // The kernel makes the peer first.
        let (first, second) = match device.kind.peer() {
            Some(peer) if world.devices[peer].ns == device.ns => (peer, Some(dev)),
            peer => (dev, peer),
        };
        let kind = match &device.kind {
            DeviceKind::Loopback | DeviceKind::Vxlan(_) => continue,
            DeviceKind::Bridge(bridge) => {
                // Snooping would send reports at random times, and without anybody who asks it decides nothing.
                let mut kind = "bridge mcast_snooping 0".to_owned();
                if bridge.ageing != Bridge::AGEING {
                    let _ = write!(kind, " ageing_time {}", bridge.ageing.0 / 10_000_000);
                }
                if bridge.group_fwd_mask != 0 {
                    let _ = write!(kind, " group_fwd_mask {}", bridge.group_fwd_mask);
                }
                kind
            }
            DeviceKind::Veth { .. } | DeviceKind::Ethernet { .. } => match second {
                Some(second) => format!("veth peer name {}", end(second)),
                // What it is given leaves the model; a dummy swallows it.
                None => "dummy".to_owned(),
            },
        };
        let _ = writeln!(lines, "link add name {} type {kind}", end(first));
    }
    batch(out, "ip", &lines);
    for (_, device) in world.devices.iter() {
        if let DeviceKind::Vxlan(vxlan) = &device.kind {
            tunnel(out, world, device, vxlan);
        }
    }
}

/// A VXLAN device, made in the namespace that carries its datagrams. Its remotes are entries of its table, all of them.
fn tunnel(out: &mut String, world: &World, device: &Device, vxlan: &Vxlan) {
    let _ = write!(
        out,
        "ip -n {} link add name {} netns {} index {} address {} type vxlan id {} dstport {}",
        world.netns[vxlan.net].name,
        device.name,
        world.netns[device.ns].name,
        device.ifindex,
        device.mac,
        vxlan.vni,
        vxlan.port
    );
    if let Some(local) = vxlan.local {
        let _ = write!(out, " local {local}");
    }
    match vxlan.ttl {
        OuterTtl::Route => {}
        OuterTtl::Fixed(ttl_hops) => {
            let _ = write!(out, " ttl {ttl_hops}");
        }
        OuterTtl::Inherit => out.push_str(" ttl inherit"),
    }
    match vxlan.tos {
        OuterTos::Fixed(0) => {}
        OuterTos::Fixed(tos) => {
            let _ = write!(out, " tos 0x{tos:x}");
        }
        OuterTos::Inherit => out.push_str(" tos inherit"),
    }
    match vxlan.df {
        OuterDf::Unset => {}
        OuterDf::Set => out.push_str(" df set"),
        OuterDf::Inherit => out.push_str(" df inherit"),
    }
    for (unusual, word) in [
        (!vxlan.udp_csum, " noudpcsum"),
        (!vxlan.learning, " nolearning"),
        (!vxlan.local_bypass, " nolocalbypass"),
    ] {
        if unusual {
            out.push_str(word);
        }
    }
    if vxlan.ageing != Vxlan::AGEING {
        let _ = write!(out, " ageing {}", vxlan.ageing.0 / 1_000_000_000);
    }
    if vxlan.max_entries != 0 {
        let _ = write!(out, " maxaddress {}", vxlan.max_entries);
    }
    if vxlan.src_ports != Vxlan::SRC_PORTS {
        let _ = write!(out, " srcport {} {}", vxlan.src_ports.0, vxlan.src_ports.1);
    }
    out.push('\n');
}

/// One device of each link, so that in every namespace devices appear in the order of their indices. Two wires between
/// the same namespaces may contradict each other in this; then the first one goes first.
fn making_order(world: &World) -> Vec<DevId> {
    let mut made: Arena<DevId, bool> = Arena::default();
    for _ in world.devices.iter() {
        made.push(false);
    }
    let mut next: FxIndexMap<NsId, usize> = world.netns.iter().map(|(id, _)| (id, 0)).collect();
    let mut out = Vec::new();
    let mut first_left = 0;
    loop {
        let mut progress = false;
        for (id, ns) in world.netns.iter() {
            loop {
                let at = next[&id];
                let Some(&dev) = ns.devs.get(at) else { break };
                let is_next = |other: DevId| {
                    let other_ns = world.devices[other].ns;
                    other_ns == id
                        || world.netns[other_ns].devs.get(next[&other_ns]) == Some(&other)
                };
                let peer = world.devices[dev].kind.peer();
                if !made[dev] {
                    if peer.is_some_and(|it| !is_next(it)) {
                        break;
                    }
                    made[dev] = true;
                    if let Some(peer) = peer {
                        made[peer] = true;
                    }
                    out.push(dev);
                }
                next[&id] = at + 1;
                progress = true;
            }
        }
        if progress {
            continue;
        }
        // Every namespace waits for another one: make the oldest link all the same.
        let all = world.devices.len();
        while first_left < all && made[DevId::from_index(first_left)] {
            first_left += 1;
        }
        if first_left == all {
            return out;
        }
        let dev = DevId::from_index(first_left);
        made[dev] = true;
        if let Some(peer) = world.devices[dev].kind.peer() {
            made[peer] = true;
        }
        out.push(dev);
    }
}

/// One namespace's commands.
struct OfNs<'a> {
    world: &'a World,
    id: NsId,
}

impl OfNs<'_> {
    fn name(&self, dev: DevId) -> &str {
        &self.world.devices[dev].name
    }

    fn ip(&self, automatic: &World) -> Result<String, Inexpressible> {
        let mut out = String::new();
        self.masters(&mut out);
        self.mtus_and_states(&mut out);
        self.addresses(&mut out);
        self.routes(&mut out, &automatic.netns[self.id].fib);
        self.rules(&mut out);
        self.neighbours(&mut out)?;
        Ok(out)
    }

    /// The settings of devices that differ from those for new ones. sysctl writes a dot in a device's name as a slash.
    fn settings(&self, out: &mut String) {
        let ns = &self.world.netns[self.id];
        let mut all = String::new();
        for &dev in &ns.devs {
            let device = &self.world.devices[dev];
            let name = device.name.replace('.', "/");
            let usual = if dev == ns.lo { lo_settings(&ns.sysctl) } else { ns.sysctl.default };
            let changed = Changed { name: &name, conf: device.conf, usual };
            let _ = write!(all, "{changed}");
            if device.proxy_delay != crate::link::Device::PROXY_DELAY {
                let hundredths = device.proxy_delay.0 / 10_000_000;
                let _ = write!(all, " net.ipv4.neigh.{name}.proxy_delay={hundredths}");
            }
        }
        if !all.is_empty() {
            let _ = writeln!(out, "ip netns exec {} sysctl -qw{all}", ns.name);
        }
    }

    /// Policy rules other than the default ones.
    fn rules(&self, out: &mut String) {
        let rules = self.world.netns[self.id].fib.rules();
        let usual = Rules::default().list();
        for gone in usual.iter().filter(|it| rules.are_custom() && !rules.list().contains(it)) {
            let _ = writeln!(out, "rule del pref {}", gone.priority);
        }
        for new in rules.list().iter().filter(|it| !usual.contains(it)) {
            // A device that is not there may be named all the same.
            let text = new.text(|dev| self.name(dev)).replace("[detached]", "detached");
            let _ = writeln!(out, "rule add pref {} {text}", new.priority);
        }
    }

    /// The kernel puts a new port at the head of its bridge's list.
    fn masters(&self, out: &mut String) {
        for &dev in &self.world.netns[self.id].devs {
            let DeviceKind::Bridge(bridge) = &self.world.devices[dev].kind else { continue };
            for &port in bridge.ports.iter().rev() {
                let _ = writeln!(out, "link set dev {} master {}", self.name(port), self.name(dev));
            }
        }
    }

    fn mtus_and_states(&self, out: &mut String) {
        let devs = &self.world.netns[self.id].devs;
        // A bridge follows the smallest of its ports until it is told, so they come first.
        let is_bridge = |dev: DevId| matches!(self.world.devices[dev].kind, DeviceKind::Bridge(_));
        for bridges in [false, true] {
            for &dev in devs.iter().filter(|&&it| is_bridge(it) == bridges) {
                let device = &self.world.devices[dev];
                let given = match &device.kind {
                    DeviceKind::Loopback => LOOPBACK_MTU_BYTES,
                    DeviceKind::Veth { .. }
                    | DeviceKind::Ethernet { .. }
                    | DeviceKind::Vxlan(_) => MTU_BYTES,
                    DeviceKind::Bridge(bridge) => bridge
                        .ports
                        .iter()
                        .map(|&it| self.world.devices[it].mtu_bytes)
                        .min()
                        .unwrap_or(MTU_BYTES),
                };
                if device.mtu_bytes != given {
                    let _ = writeln!(out, "link set dev {} mtu {}", device.name, device.mtu_bytes);
                }
            }
        }
        for &dev in devs {
            if self.is_set_up(dev) {
                let _ = writeln!(out, "link set dev {} up", self.name(dev));
            }
        }
    }

    /// What has no carrier may be set up all the same: then routes go by it.
    fn is_set_up(&self, dev: DevId) -> bool {
        let fib = &self.world.netns[self.id].fib;
        let by_it = |it: &Route| it.dev() == Some(dev) && it.kind != RouteKind::Local;
        self.world.devices[dev].up || fib.iter().any(|(_, it)| by_it(it))
    }

    fn addresses(&self, out: &mut String) {
        let ns = &self.world.netns[self.id];
        let localhost =
            |local: std::net::Ipv4Addr, len: u8| local.octets() == [127, 0, 0, 1] && len == 8;
        let lo_up = self.world.devices[ns.lo].up;
        if lo_up && !ns.addrs.iter().any(|it| it.dev == ns.lo && localhost(it.local, it.prefix_len))
        {
            let _ = writeln!(out, "address del 127.0.0.1/8 dev lo");
        }
        for it in &ns.addrs {
            if lo_up && it.dev == ns.lo && localhost(it.local, it.prefix_len) {
                continue;
            }
            let scope = match it.scope {
                Scope::Universe => "",
                Scope::Site => " scope site",
                Scope::Link => " scope link",
                Scope::Host => " scope host",
                Scope::Nowhere => " scope nowhere",
            };
            let (local, len, dev) = (it.local, it.prefix_len, self.name(it.dev));
            let _ = writeln!(out, "address add {local}/{len} dev {dev}{scope}");
        }
    }

    fn routes(&self, out: &mut String, automatic: &Fib) {
        let ns = &self.world.netns[self.id];
        let same = |a: &Route, b: &Route| Route { origin: b.origin, ..a.clone() } == *b;
        // A link that is set down has only its own addresses.
        let stands = |it: &Route| {
            it.kind == RouteKind::Local || it.dev().is_none_or(|dev| self.is_set_up(dev))
        };
        for (_, it) in automatic.iter().filter(|(_, it)| stands(it)) {
            if !ns.fib.iter().any(|(_, other)| same(it, other)) {
                let _ = writeln!(out, "route del {}", self.route(it));
            }
        }
        let own = || {
            ns.fib.iter().filter(|(id, it)| {
                let before = ns.fib.iter().take_while(|(other, _)| other != id);
                let mut is_there =
                    automatic.iter().filter(|(_, other)| stands(other)).chain(before);
                !is_there.any(|(_, other)| same(it, other))
            })
        };
        let rivals = |a: &Route, b: &Route| {
            (a.table, a.dst, a.tos, a.metric) == (b.table, b.dst, b.tos, b.metric)
        };
        // A gateway must be on a link, which a route says: what needs none comes first, unless an equal one is before it.
        let (mut first, mut later): (Vec<&Route>, Vec<&Route>) = (Vec::new(), Vec::new());
        for (_, it) in own() {
            let needs_link = it.nexthops.as_slice().iter().any(|hop| hop.via.is_some());
            let waits = needs_link || later.iter().any(|other| rivals(it, other));
            if waits { &mut later } else { &mut first }.push(it);
        }
        let mut there: Vec<&Route> =
            automatic.iter().map(|(_, it)| it).filter(|it| stands(it)).collect();
        for it in first.into_iter().chain(later) {
            let is_taken = there.iter().any(|other| rivals(it, other));
            let verb = if is_taken { "append" } else { "add" };
            let _ = writeln!(out, "route {verb} {}", self.route(it));
            there.push(it);
        }
    }

    fn route(&self, it: &Route) -> String {
        let mut out = String::new();
        if it.kind != RouteKind::Unicast {
            let _ = write!(out, "{} ", it.kind.name());
        }
        if it.dst.prefix_len() == 0 {
            out.push_str("default");
        } else {
            let _ = write!(out, "{}", it.dst);
        }
        let hops = it.nexthops.as_slice();
        if let [only] = hops {
            self.nexthop(&mut out, only, false);
        }
        if it.tos != 0 {
            let _ = write!(out, " tos 0x{:02x}", it.tos);
        }
        if it.table != TableId::MAIN {
            let _ = write!(out, " table {}", it.table.name());
        }
        if let Some(src) = it.prefsrc {
            let _ = write!(out, " src {src}");
        }
        if it.metric != 0 {
            let _ = write!(out, " metric {}", it.metric);
        }
        let usual = match it.kind {
            RouteKind::Local => Scope::Host,
            RouteKind::Broadcast => Scope::Link,
            RouteKind::Unicast if it.via().is_none() => Scope::Link,
            _ => Scope::Universe,
        };
        if it.scope != usual {
            let _ = write!(out, " scope {}", scope(it.scope));
        }
        if let Some(mtu) = it.mtu {
            let _ = write!(out, " mtu {}{}", if mtu.lock { "lock " } else { "" }, mtu.bytes);
        }
        if let Some(advmss) = it.advmss_bytes {
            let _ = write!(out, " advmss {advmss}");
        }
        if hops.len() > 1 {
            for hop in hops {
                self.nexthop(&mut out, hop, true);
            }
        }
        out
    }

    fn nexthop(&self, out: &mut String, hop: &Nexthop, is_one_of_several: bool) {
        if is_one_of_several {
            out.push_str(" nexthop");
        }
        if let Some(via) = hop.via {
            let _ = write!(out, " via {via}");
        }
        let _ = write!(out, " dev {}", self.name(hop.dev));
        if is_one_of_several {
            let _ = write!(out, " weight {}", hop.weight);
        }
        if hop.via.is_some_and(|via| !self.is_on_link(via, hop.dev)) {
            out.push_str(" onlink");
        }
    }

    fn is_on_link(&self, gateway: std::net::Ipv4Addr, dev: DevId) -> bool {
        let ns = &self.world.netns[self.id];
        let flow = Flow { scope: Scope::Link, oif: Some(dev), ..Flow::to(gateway, ns.lo) };
        let found = ns.fib.lookup(&flow).ok().map(|found| ns.fib.route(found.route));
        found.is_some_and(|it| it.kind == RouteKind::Unicast && it.via().is_none())
    }

    fn neighbours(&self, out: &mut String) -> Result<(), Inexpressible> {
        for ((dev, ip), it) in self.world.netns[self.id].neigh.iter() {
            if it.waiting() > 0 {
                let dev = self.world.device_name(dev);
                let what =
                    format!("packets wait for {ip} on {dev}, and no command makes packets wait");
                return Err(Inexpressible(what));
            }
            let lladdr = if it.is_valid() { format!(" lladdr {}", it.mac) } else { String::new() };
            if it.state != Nud::None {
                let state = it.state.name().to_ascii_lowercase();
                let dev = self.name(dev);
                let _ = writeln!(out, "neighbour replace {ip}{lladdr} dev {dev} nud {state}");
            }
        }
        Ok(())
    }

    fn bridge(&self) -> String {
        let mut out = String::new();
        for &dev in &self.world.netns[self.id].devs {
            let device = &self.world.devices[dev];
            let DeviceKind::Bridge(bridge) = &device.kind else { continue };
            for (mac, entry) in &bridge.fdb {
                let (port, kind) = match entry {
                    // Addresses of the bridge and its ports, which enter by themselves.
                    FdbEntry::Local => continue,
                    FdbEntry::Static { port } => (port, "static"),
                    FdbEntry::Learnt { port, .. } => (port, "dynamic"),
                };
                let _ = writeln!(out, "fdb replace {mac} dev {} master {kind}", self.name(*port));
            }
        }
        for &dev in &self.world.netns[self.id].devs {
            if let DeviceKind::Vxlan(vxlan) = &self.world.devices[dev].kind {
                self.remotes(&mut out, dev, vxlan);
            }
        }
        // After the entries: a port that does not learn takes no dynamic ones.
        for &dev in &self.world.netns[self.id].devs {
            let device = &self.world.devices[dev];
            if let Some(port) = device.port {
                let flags = changed(port.flags);
                if !flags.is_empty() {
                    let _ = writeln!(out, "link set dev {}{flags}", device.name);
                }
            }
        }
        out
    }

    /// The forwarding table of a VXLAN device.
    fn remotes(&self, out: &mut String, dev: DevId, vxlan: &Vxlan) {
        for (mac, entry) in &vxlan.fdb {
            let state = match entry.state {
                EntryState::Static => "permanent",
                EntryState::Learnt { .. } => "dynamic",
            };
            for remote in std::iter::once(&entry.first).chain(&entry.others) {
                let (name, ip) = (self.name(dev), remote.ip);
                let _ = write!(out, "fdb append {mac} dev {name} dst {ip} self {state}");
                if remote.port != vxlan.port {
                    let _ = write!(out, " port {}", remote.port);
                }
                if remote.vni != vxlan.vni {
                    let _ = write!(out, " vni {}", remote.vni);
                }
                if let Some(via) = remote.via {
                    let _ = write!(out, " via {}", self.name(via));
                }
                out.push('\n');
            }
        }
    }

    /// The ports behind which a bridge has learnt somebody.
    fn learnt(&self) -> Vec<DevId> {
        let mut out = Vec::new();
        for &dev in &self.world.netns[self.id].devs {
            let DeviceKind::Bridge(bridge) = &self.world.devices[dev].kind else { continue };
            for entry in bridge.fdb.values() {
                if let FdbEntry::Learnt { port, .. } = entry
                    && !out.contains(port)
                {
                    out.push(*port);
                }
            }
        }
        out
    }

    /// Sets before the rules that ask them. What rules remember (`limit`, `nth`, `recent`) has no command, and begins anew.
    fn netfilter(&self, out: &mut String) -> Result<(), Inexpressible> {
        let ns = &self.world.netns[self.id];
        let Some(netfilter) = &ns.netfilter else { return Ok(()) };
        for (name, value) in netfilter.conntrack.settings.changed() {
            let _ = writeln!(
                out,
                "ip netns exec {} sysctl -qw net.netfilter.nf_conntrack_{name}={value}",
                ns.name
            );
        }
        let mut restore = |command: &str, text: &str| {
            if !text.is_empty() {
                let name = &ns.name;
                let _ = write!(out, "ip netns exec {name} {command} <<'END'\n{text}END\n");
            }
        };
        restore("ipset restore", &netfilter.sets.save(self.world.now()));
        restore("iptables-restore --counters", &netfilter.tables.save(true));
        let now = self.world.now();
        for (_, entry) in netfilter.conntrack.iter(now) {
            let Some(command) = conntrack::command(entry, now) else {
                let it = entry.tuple(Dir::Original);
                let what = format!(
                    "{}: conntrack cannot make the connection of protocol {} from {} to {}",
                    ns.name, it.protocol, it.src, it.dst
                );
                return Err(Inexpressible(what));
            };
            let _ = writeln!(out, "ip netns exec {} conntrack {command} 2>&1", ns.name);
        }
        Ok(())
    }

    /// So that a capture shows the frames that an engine moves: whole, with their checksums.
    fn offloads(&self, out: &mut String) {
        let ns = &self.world.netns[self.id];
        let devs: Vec<&str> =
            ns.devs.iter().filter(|&&it| it != ns.lo).map(|&it| self.name(it)).collect();
        if !devs.is_empty() {
            let _ = writeln!(
                out,
                "ip netns exec {} sh -c 'command -v ethtool >/dev/null || exit 0; for dev; do ethtool -K \"$dev\" tx off gso off tso off gro off >/dev/null; done' sh {}",
                ns.name,
                devs.join(" ")
            );
        }
    }
}

fn scope(it: Scope) -> &'static str {
    match it {
        Scope::Universe => "global",
        Scope::Site => "site",
        Scope::Link => "link",
        Scope::Host => "host",
        Scope::Nowhere => "nowhere",
    }
}

/// The flags that differ from a new port's.
fn changed(flags: PortFlags) -> String {
    let new = PortFlags::default();
    let all = [
        ("hairpin", flags.hairpin, new.hairpin),
        ("isolated", flags.isolated, new.isolated),
        ("learning", flags.learning, new.learning),
        ("flood", flags.flood, new.flood),
        ("mcast_flood", flags.mcast_flood, new.mcast_flood),
        ("bcast_flood", flags.bcast_flood, new.bcast_flood),
    ];
    let mut out = String::new();
    for (name, is, usual) in all {
        if is != usual {
            let _ = write!(out, " {name} {}", if is { "on" } else { "off" });
        }
    }
    out
}

fn programs(out: &mut String, world: &World) -> Result<(), Inexpressible> {
    let mut lines = String::new();
    for (_, ns) in world.netns.iter() {
        for (_, socket) in ns.sockets.iter() {
            program(&mut lines, &ns.name, socket)?;
        }
    }
    for (_, it) in world.processes() {
        process(&mut lines, world, it)?;
    }
    for (function, text) in [("serve ", SERVE), ("serve_http ", SERVE_HTTP)] {
        if lines.lines().any(|it| it.starts_with(function)) {
            out.push_str(text);
        }
    }
    if lines.lines().all(|it| it.starts_with('#')) {
        lines.push_str(":\n"); // comments alone are no body
    }
    let _ = write!(out, "\nprograms() {{\n{lines}}}\n");
    Ok(())
}

/// What a socket does whose program is no process.
fn program(out: &mut String, ns: &str, socket: &Socket) -> Result<(), Inexpressible> {
    let reply = match &socket.program {
        // Its devices make it, or its process is told of.
        Program::Tunnel(_) | Program::Runs { .. } => return Ok(()),
        Program::Reads | Program::Connects => None,
        Program::Answers(reply) => Some(reply),
    };
    let (protocol, port) = match socket.bound {
        Bound::Udp { port } => ("udp", port),
        Bound::Tcp { port } => ("tcp", port),
        Bound::Ping { id } => {
            let what = format!(
                "{ns}: the socket that sent echo requests with the identifier {id} is of a run, and not of a network"
            );
            return Err(Inexpressible(what));
        }
    };
    let addr = socket.addr.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let _ = write!(out, "serve {ns} {protocol} {addr} {port} ");
    match reply {
        None => out.push('-'),
        Some(reply) if reply.is_empty() => out.push_str("''"),
        Some(reply) => {
            for byte in reply {
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
    out.push('\n');
    Ok(())
}

fn process(out: &mut String, world: &World, it: &Process) -> Result<(), Inexpressible> {
    let ns = &world.netns[it.ns];
    let mut places = String::new();
    for id in it.sockets() {
        let socket = ns.sockets.get(id);
        if let (Bound::Tcp { port }, Program::Runs { listens: true, .. }) =
            (socket.bound, &socket.program)
        {
            let addr = socket.addr.unwrap_or(Ipv4Addr::UNSPECIFIED);
            let _ = write!(places, " {addr}:{port}");
        }
    }
    let unstarted = match &it.app {
        App::HttpServer(_) if places.is_empty() => return Ok(()),
        App::HttpServer(server) => {
            let status = Response::new(server.status(), "");
            let (name, ns, reason) = (quoted(server.name()), &ns.name, &status.reason);
            let _ = writeln!(out, "serve_http {ns} {name} '{} {reason}'{places}", status.status);
            return Ok(());
        }
        App::DnsServer(_) => "a DNS server",
        App::Ingress(_) => "an ingress controller",
        App::Balancer(_) => "a load balancer's program",
        App::Curl(_) | App::Dig(_) => {
            let what = format!("{}: {} is of a run, and not of a network", ns.name, it.owner);
            return Err(Inexpressible(what));
        }
    };
    let _ = writeln!(
        out,
        "# {} has {unstarted}, which this script does not start: nobody answers at{places}.",
        ns.name
    );
    Ok(())
}

/// One word for the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn down(out: &mut String, world: &World) {
    out.push_str("\ndown() {\n");
    if world.netns.is_empty() {
        out.push_str(":\n");
    } else {
        out.push_str("for ns in");
        for (_, ns) in world.netns.iter() {
            let _ = write!(out, " {}", ns.name);
        }
        out.push_str(
            "; do\n  [ -e \"/run/netns/$ns\" ] || continue\n  ip netns pids \"$ns\" | xargs -r kill\n  ip netns del \"$ns\"\ndone\n",
        );
    }
    out.push_str("}\n");
}
