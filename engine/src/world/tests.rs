//! Claims about worlds made by hand, checked by what packet sockets see.

use std::net::Ipv4Addr;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::base::Mac;
use crate::link::PortFlags;
use crate::stack::socket::{Bound, Socket};
use crate::trace::{Direction, Recorder};
use crate::wire::{arp::Arp, eth, eth::EtherType, ipv4, udp};

/// Two namespaces on one bridge, as on a Kubernetes node.
pub(crate) fn two_pods() -> (World, [NsId; 2]) {
    pods([2, 3])
}

/// As many namespaces as `hosts` on one bridge, 10.244.1.HOST each.
pub(crate) fn pods<const N: usize>(hosts: [u8; N]) -> (World, [NsId; N]) {
    let mut world = World::new(1);
    let node = world.add_netns("node").expect("fresh");
    let vbr0 = world
        .add_bridge(LinkEnd { ns: node, name: "vbr0", mac: Mac([2, 0, 0, 0, 0, 1]) })
        .expect("fresh");
    world.add_addr(vbr0, "10.244.1.1/24".parse().expect("a prefix"), None).expect("fresh");
    let pods = hosts.map(|host| {
        let ns = world.add_netns(&format!("pod-{host}")).expect("fresh");
        let mac = Mac::from_ipv4(Ipv4Addr::new(10, 244, 1, host));
        let veth = format!("veth{host}");
        let (eth0, port) = world
            .add_veth(
                LinkEnd { ns, name: "eth0", mac },
                LinkEnd { ns: node, name: &veth, mac: Mac([0x1e, 0, 0, 0, 1, host]) },
            )
            .expect("fresh");
        world.set_master(port, vbr0, PortFlags::default()).expect("a free device");
        let addr = format!("10.244.1.{host}/24").parse().expect("a prefix");
        world.add_addr(eth0, addr, None).expect("fresh");
        ns
    });
    (world, pods)
}

pub(crate) fn ping_socket(world: &mut World, ns: NsId) -> SocketId {
    let socket = Socket {
        bound: Bound::Ping { id: 7 },
        addr: None,
        program: Program::Reads,
        owner: "ping".into(),
        broadcast: false,
        heard: 0,
    };
    world.bind(ns, socket).expect("nothing is bound yet")
}

/// One line a frame: where, which way, what.
fn seen(world: &World, trace: &Recorder) -> Vec<String> {
    trace
        .captures()
        .map(|c| {
            let dir = if c.dir == Direction::In { "in" } else { "out" };
            let what = match eth::ether_type(c.frame) {
                EtherType::Arp => match Arp::parse(&c.frame[eth::LEN..]) {
                    Ok(a) => format!("{:?} {} {}", a.operation, a.sender_ip, a.target_ip),
                    Err(e) => format!("{e:?}"),
                },
                EtherType::Ipv4 => match ipv4::Header::parse(&c.frame[eth::LEN..]) {
                    Ok(h) => format!("{:?} {} {} ttl {}", h.protocol, h.src, h.dst, h.ttl_hops),
                    Err(e) => format!("{e:?}"),
                },
                other => format!("{other:?}"),
            };
            format!("{} {dir} {what}", world.device_name(c.dev))
        })
        .collect()
}

#[test]
fn a_first_ping_over_a_bridge_asks_by_arp_then_crosses_and_the_reply_needs_no_question() {
    let (mut world, [a, _]) = two_pods();
    let socket = ping_socket(&mut world, a);
    let mut trace = Recorder::default();
    world
        .send_echo(&mut trace, (a, socket), (Ipv4Addr::new(10, 244, 1, 3), 1, None), b"abcdefgh")
        .expect("a route");
    assert_eq!(world.run_until_quiet(&mut trace, Nanos::ZERO), Stopped::Quiet);
    assert_eq!(
        seen(&world, &trace),
        [
            "pod-2/eth0 out Request 10.244.1.2 10.244.1.3",
            "node/veth2 in Request 10.244.1.2 10.244.1.3",
            "node/veth3 out Request 10.244.1.2 10.244.1.3",
            "node/vbr0 in Request 10.244.1.2 10.244.1.3",
            "pod-3/eth0 in Request 10.244.1.2 10.244.1.3",
            "pod-3/eth0 out Reply 10.244.1.3 10.244.1.2",
            "node/veth3 in Reply 10.244.1.3 10.244.1.2",
            "node/veth2 out Reply 10.244.1.3 10.244.1.2",
            "pod-2/eth0 in Reply 10.244.1.3 10.244.1.2",
            "pod-2/eth0 out Icmp 10.244.1.2 10.244.1.3 ttl 64",
            "node/veth2 in Icmp 10.244.1.2 10.244.1.3 ttl 64",
            "node/veth3 out Icmp 10.244.1.2 10.244.1.3 ttl 64",
            "pod-3/eth0 in Icmp 10.244.1.2 10.244.1.3 ttl 64",
            "pod-3/eth0 out Icmp 10.244.1.3 10.244.1.2 ttl 64",
            "node/veth3 in Icmp 10.244.1.3 10.244.1.2 ttl 64",
            "node/veth2 out Icmp 10.244.1.3 10.244.1.2 ttl 64",
            "pod-2/eth0 in Icmp 10.244.1.3 10.244.1.2 ttl 64",
        ]
    );
    assert_eq!(world.netns[a].sockets.get(socket).heard, 1);
}

#[test]
fn an_address_nobody_has_is_asked_for_three_times_and_then_the_sender_hears_host_unreachable_over_lo()
 {
    let (mut world, [a, _]) = two_pods();
    let socket = ping_socket(&mut world, a);
    let mut trace = Recorder::default();
    world
        .send_echo(&mut trace, (a, socket), (Ipv4Addr::new(10, 244, 1, 9), 1, None), b"abcdefgh")
        .expect("a route");
    world.run_until_quiet(&mut trace, Nanos::from_millis(3500));
    let of_a: Vec<_> =
        seen(&world, &trace).into_iter().filter(|l| l.starts_with("pod-2/")).collect();
    assert_eq!(
        of_a,
        [
            "pod-2/eth0 out Request 10.244.1.2 10.244.1.9",
            "pod-2/eth0 out Request 10.244.1.2 10.244.1.9",
            "pod-2/eth0 out Request 10.244.1.2 10.244.1.9",
            "pod-2/lo out Icmp 10.244.1.2 10.244.1.2 ttl 64",
            "pod-2/lo in Icmp 10.244.1.2 10.244.1.2 ttl 64",
        ]
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = || {
        let (mut world, [a, _]) = two_pods();
        let socket = ping_socket(&mut world, a);
        let mut trace = Recorder::default();
        world
            .send_echo(&mut trace, (a, socket), (Ipv4Addr::new(10, 244, 1, 3), 1, None), b"x")
            .expect("a route");
        world.run_until_quiet(&mut trace, Nanos::from_secs(40));
        trace
    };
    assert_eq!(run(), run());
}

/// A frame for the first pod with the part `bytes` of a datagram from the second one to port 53, as packet `id`.
fn piece(id: u16, datagram: &[u8], bytes: std::ops::Range<usize>) -> Vec<u8> {
    let [a, b] = [2, 3].map(|host| Ipv4Addr::new(10, 244, 1, host));
    let mut frame = Vec::new();
    eth::emit(&mut frame, Mac::from_ipv4(a), Mac::from_ipv4(b), EtherType::Ipv4);
    ipv4::Emit {
        tos: 0,
        identification: id,
        dont_fragment: false,
        ttl_hops: 64,
        protocol: ipv4::Protocol::Udp,
        src: b,
        dst: a,
    }
    .emit(&mut frame, bytes.len());
    frame.extend_from_slice(&datagram[bytes.clone()]);
    ipv4::Fragment {
        offset: u16::try_from(bytes.start).expect("short"),
        more: bytes.end < datagram.len(),
        dont_fragment: false,
        len: bytes.len(),
    }
    .write(&mut frame[eth::LEN..]);
    frame
}

#[test]
fn a_datagrams_pieces_make_it_whole_in_any_order_and_whatever_comes_twice() {
    let (mut world, [a, b]) = two_pods();
    let socket = Socket {
        bound: Bound::Udp { port: 53 },
        addr: None,
        program: Program::Reads,
        owner: "dns".into(),
        broadcast: false,
        heard: 0,
    };
    let socket = world.bind(a, socket).expect("nothing is bound yet");
    let dev = world.find_device(b, "eth0").expect("it was made");
    let (src, dst) = (Ipv4Addr::new(10, 244, 1, 3), Ipv4Addr::new(10, 244, 1, 2));
    let mut datagram = Vec::new();
    udp::emit(&mut datagram, (src, 1000), (dst, 53), &[7; 101]);
    let parts = [0..16, 16..24, 24..104, 104..datagram.len()];
    let mut trace = Recorder::default();
    let mut n_sent = 0;
    for order in 0..256_usize {
        let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
        if (0..4).any(|part| !order.contains(&part)) {
            continue;
        }
        n_sent += 1;
        for (n, &part) in order.iter().enumerate() {
            // The last one completes the packet, and then a second one would begin another.
            for _ in 0..if n == 3 { 1 } else { 2 } {
                let frame = piece(n_sent, &datagram, parts[part].clone());
                world.send_frame(&mut trace, dev, &frame).expect("the device is up");
            }
        }
    }
    assert_eq!(world.run_until_quiet(&mut trace, Nanos::from_secs(40)), Stopped::Quiet);
    assert_eq!((n_sent, world.netns[a].sockets.get(socket).heard), (24, 24));
}
