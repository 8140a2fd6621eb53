//! Claims about layouts, checked on generated worlds.

use std::net::Ipv4Addr;

use everyhop_engine::base::Mac;
use everyhop_engine::lesson::{Lab, Run};
use everyhop_engine::link::PortFlags;
use everyhop_engine::world::LinkEnd;

use super::*;

/// A cluster as the Kubernetes floor builds one: a bridge and veth pairs on each node, a switch between nodes.
pub(crate) fn cluster(pods_per_node: &[usize], host_pods: usize) -> (World, ClusterView) {
    let mut world = World::new(1);
    let mut view = ClusterView::default();
    let mac = |a: u8, b: u8| Mac([2, 0, 0, 0, a, b]);
    let switch = (pods_per_node.len() > 1).then(|| {
        let ns = world.add_netns("switch").expect("fresh");
        let end = LinkEnd { ns, name: "br0", mac: mac(200, 0) };
        (ns, world.add_bridge(end).expect("fresh"))
    });
    for (index, &pods) in pods_per_node.iter().enumerate() {
        let number = u8::try_from(index + 1).expect("few nodes");
        let node = format!("node-{number}");
        let ns = world.add_netns(&node).expect("fresh");
        let bridge =
            world.add_bridge(LinkEnd { ns, name: "vbr0", mac: mac(number, 0) }).expect("fresh");
        let addr = format!("10.244.{number}.1/24").parse().expect("a prefix");
        world.add_addr(bridge, addr, None).expect("fresh");
        let pods = (0..pods)
            .map(|pod| add_pod(&mut world, (ns, bridge), number, u8::try_from(pod).expect("few")))
            .chain((0..host_pods).map(|pod| PodView {
                netns: node.clone(),
                title: format!("kube-proxy-{pod}"),
                containers: vec!["kube-proxy".into()],
            }))
            .collect();
        if let Some((switch, bridge)) = switch {
            let port = format!("port{number}");
            let (near, far) = world
                .add_cable(
                    LinkEnd { ns, name: "eth0", mac: mac(number, 250) },
                    LinkEnd { ns: switch, name: &port, mac: mac(200, number) },
                )
                .expect("fresh");
            let addr = Ipv4Addr::new(192, 0, 2, 10 + number);
            world
                .add_addr(near, format!("{addr}/24").parse().expect("a prefix"), None)
                .expect("ok");
            world.set_master(far, bridge, PortFlags::default()).expect("free");
        }
        let address = format!("192.0.2.{}", 10 + number);
        let folded = false;
        view.nodes.push(NodeView { netns: node.clone(), title: node, address, pods, folded });
    }
    (world, view)
}

fn add_pod(world: &mut World, (node, bridge): (NsId, DevId), number: u8, pod: u8) -> PodView {
    let netns = format!("pod-{number}-{}", pod + 1);
    let ns = world.add_netns(&netns).expect("fresh");
    let (eth0, port) = world
        .add_veth(
            LinkEnd { ns, name: "eth0", mac: Mac([2, 1, 0, 0, number, pod]) },
            LinkEnd { ns: node, name: &format!("veth{pod}"), mac: Mac([2, 2, 0, 0, number, pod]) },
        )
        .expect("fresh");
    let addr = format!("10.244.{number}.{}/24", pod + 2).parse().expect("a prefix");
    world.add_addr(eth0, addr, None).expect("fresh");
    world.set_master(port, bridge, PortFlags::default()).expect("free");
    let containers = (0..=pod % 3).map(|c| format!("app{c} :808{c}")).collect();
    PodView { title: netns.clone(), netns, containers }
}

/// Namespaces named `names`, joined by veth pairs.
fn wired(names: &[&str], pairs: &[(usize, usize)]) -> World {
    let mut world = World::new(1);
    let ns: Vec<NsId> = names.iter().map(|name| world.add_netns(name).expect("fresh")).collect();
    for (index, &(a, b)) in pairs.iter().enumerate() {
        let number = u8::try_from(index).expect("few");
        let end = |ns, side: u8| {
            (
                LinkEnd { ns, name: "", mac: Mac([2, 3, 0, side, 0, number]) },
                format!("v{index}{side}"),
            )
        };
        let ((mut near, near_name), (mut far, far_name)) = (end(ns[a], 0), end(ns[b], 1));
        near.name = &near_name;
        far.name = &far_name;
        world.add_veth(near, far).expect("fresh");
    }
    world
}

fn overlap(a: Rect, b: Rect) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

fn check(world: &World, view: &ClusterView, narrow: bool, what: &str) {
    let layout = lay_out(world, view, narrow);
    check_boxes(&layout, what);
    check_devices(world, &layout, what);
    check_wires(world, &layout, what);
}

fn check_boxes(layout: &Layout, what: &str) {
    let stage = Rect::new(0, 0, layout.width, layout.height);
    let apart = |boxes: &[Rect], which: &str| {
        for (i, a) in boxes.iter().enumerate() {
            assert!(
                stage.contains(Point::new(a.x, a.y))
                    && stage.contains(Point::new(a.right(), a.bottom())),
                "{what}: {which} {a:?} is off the stage {stage:?}"
            );
            for b in &boxes[i + 1..] {
                assert!(!overlap(*a, *b), "{what}: {which} {a:?} and {b:?} overlap");
            }
        }
    };
    let rects = |kind: fn(&NetnsBox) -> bool| -> Vec<Rect> {
        layout.netns.iter().filter(|it| kind(it)).map(|it| it.rect).collect()
    };
    apart(&layout.machines.iter().map(|it| it.rect).collect::<Vec<_>>(), "machine");
    apart(&rects(|_| true), "namespace");
    let inner: Vec<Rect> = layout
        .devices
        .values()
        .filter(|it| it.kind != ChipKind::Network)
        .map(|it| it.rect)
        .chain(layout.routes.iter().flat_map(RouteBox::boxes))
        .chain(layout.host_pods.iter().map(|it| it.rect))
        .collect();
    apart(&inner, "part");
    for container in &layout.containers {
        for device in layout.devices.values().filter(|it| it.kind != ChipKind::Network) {
            assert!(
                !overlap(container.rect, device.rect),
                "{what}: {container:?} under {device:?}"
            );
        }
    }
}

fn check_devices(world: &World, layout: &Layout, what: &str) {
    for (dev, device) in world.devices.iter() {
        let name = world.device_name(dev);
        let netns = layout.netns_box(device.ns).unwrap_or_else(|| panic!("{what}: {name}: no box"));
        if netns.kind == NetnsKind::Network && dev == world.netns[device.ns].lo {
            continue;
        }
        let drawn = layout.devices.get(dev).unwrap_or_else(|| panic!("{what}: {name} is missing"));
        let rect = drawn.rect;
        assert!(
            netns.rect.contains(Point::new(rect.x, rect.y))
                && netns.rect.contains(Point::new(rect.right(), rect.bottom())),
            "{what}: {name} {rect:?} is outside of {:?}",
            netns.rect
        );
    }
}

fn check_wires(world: &World, layout: &Layout, what: &str) {
    let ends = world.devices.iter().filter(|(_, device)| device.kind.peer().is_some()).count();
    let ports = world.devices.iter().filter(|(_, device)| device.port.is_some()).count();
    assert_eq!(layout.wires.len(), ends / 2 + ports, "{what}: every wire is drawn once");
    for wire in &layout.wires {
        let drawn = |dev| layout.devices.get(dev).expect("a wire's ends are drawn");
        let (a, b) = (drawn(wire.a), drawn(wire.b));
        assert!(a.rect.contains(wire.points[0]), "{what}: {} begins elsewhere", a.name);
        let last = wire.points[wire.points.len() - 1];
        assert!(b.rect.contains(last), "{what}: {} ends elsewhere", b.name);
        for pair in wire.points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            assert!(from.x == to.x || from.y == to.y, "{what}: {} to {} is askew", a.name, b.name);
            let line = Rect::new(
                from.x.min(to.x),
                from.y.min(to.y),
                (from.x - to.x).abs().max(1),
                (from.y - to.y).abs().max(1),
            );
            for (dev, other) in layout.devices.iter() {
                let own = dev == wire.a || dev == wire.b || other.kind == ChipKind::Network;
                assert!(
                    own || !overlap(other.rect, line),
                    "{what}: the wire {} to {} crosses {}",
                    a.name,
                    b.name,
                    other.name
                );
            }
            for stack in layout.routes.iter().flat_map(RouteBox::boxes) {
                assert!(!overlap(stack, line), "{what}: a wire crosses the IP stack");
            }
        }
    }
}

#[test]
fn clusters_of_one_to_four_nodes_with_up_to_twelve_pods_each_lay_out_without_overlap() {
    for nodes in 1..=4 {
        for pods in 0..=12 {
            for host_pods in [0, 1, 3] {
                let counts: Vec<usize> = (0..nodes).map(|n| (pods + n * 5) % 13).collect();
                let (world, view) = cluster(&counts, host_pods);
                for narrow in [false, true] {
                    check(
                        &world,
                        &view,
                        narrow,
                        &format!("{counts:?} +{host_pods} narrow={narrow}"),
                    );
                }
            }
        }
    }
}

#[test]
fn worlds_without_machines_lay_out_from_their_wires_alone() {
    let line = wired(&["a", "r1", "r2", "b"], &[(0, 1), (1, 2), (2, 3)]);
    let star = wired(&["r", "a", "b", "c", "d"], &[(0, 1), (0, 2), (0, 3), (0, 4)]);
    let pair = wired(&["a", "b"], &[(0, 1)]);
    let ring = wired(&["a", "b", "c"], &[(0, 1), (1, 2), (2, 0)]);
    let twice = wired(&["a", "b", "alone"], &[(0, 1), (0, 1)]);
    let itself = wired(&["a"], &[(0, 0)]);
    let none = World::new(1);
    for (name, world) in [
        ("line", line),
        ("star", star),
        ("pair", pair),
        ("ring", ring),
        ("twice", twice),
        ("itself", itself),
        ("none", none),
    ] {
        for narrow in [false, true] {
            check(&world, &ClusterView::default(), narrow, &format!("{name} narrow={narrow}"));
        }
    }
}

#[test]
fn a_phone_shows_two_pods_a_node_without_scrolling_sideways() {
    for nodes in 1..=3 {
        let (world, view) = cluster(&vec![2; nodes], 0);
        let layout = lay_out(&world, &view, true);
        assert!(layout.width <= NARROW.w, "{nodes} nodes need {}", layout.width);
    }
}

#[test]
fn the_same_world_is_drawn_the_same() {
    let (world, view) = cluster(&[3, 5], 1);
    assert_eq!(lay_out(&world, &view, false), lay_out(&world, &view, false));
}

#[test]
fn only_a_node_with_two_ways_to_send_has_an_ip_stack_drawn() {
    let (one, view) = cluster(&[2], 0);
    assert!(lay_out(&one, &view, false).routes.is_empty());
    let (two, view) = cluster(&[2, 2], 0);
    assert_eq!(lay_out(&two, &view, false).routes.len(), 2);
}

#[test]
fn a_forwarded_packet_passes_the_ip_stack_on_its_way() {
    let (world, view) = cluster(&[1, 1], 0);
    let layout = lay_out(&world, &view, false);
    let route = &layout.routes[0];
    let find = |name: &str| world.find_device(route.ns, name).expect("the node has it");
    let way = layout.forward_way(find("vbr0"), find("eth0"));
    let passes = way.windows(2).any(|pair| {
        let (a, b) = (pair[0], pair[1]);
        let centre = route.rect.centre();
        a.x == b.x && a.x == centre.x && a.y.min(b.y) <= centre.y && centre.y <= a.y.max(b.y)
    });
    assert!(passes, "{way:?} misses {route:?}");
}

/// Every lab that comes with the page, run.
pub(crate) fn labs() -> Vec<(&'static str, Lab, Run)> {
    let texts = [
        (
            "container-to-container",
            include_str!("../../../public/labs/container-to-container.yaml"),
        ),
        ("pod-to-pod", include_str!("../../../public/labs/pod-to-pod.yaml")),
        ("node-to-node", include_str!("../../../public/labs/node-to-node.yaml")),
        ("pod-to-service", include_str!("../../../public/labs/pod-to-service.yaml")),
        ("egress", include_str!("../../../public/labs/egress.yaml")),
        ("ingress-load-balancer", include_str!("../../../public/labs/ingress-load-balancer.yaml")),
        ("ingress-controller", include_str!("../../../public/labs/ingress-controller.yaml")),
    ];
    let ran = texts.into_iter().map(|(name, text)| {
        let Ok(loaded) = Lab::load(text) else { panic!("{name} does not load") };
        let run = loaded.lab.run();
        (name, loaded.lab, run)
    });
    ran.collect()
}

#[test]
fn every_lab_lays_out_without_overlap_and_on_a_phone_without_scrolling_sideways() {
    for (name, lab, run) in labs() {
        let view = ClusterView::from(&lab.cluster);
        for narrow in [false, true] {
            check(&run.end, &view, narrow, &format!("{name} narrow={narrow}"));
        }
        let phone = lay_out(&run.end, &view, true);
        assert!(phone.width <= NARROW.w, "{name} needs {}", phone.width);
        let wide = lay_out(&run.end, &view, false);
        assert!(wide.width * LEAST_PERCENT / 100 <= WIDE.w, "{name} needs {}", wide.width);
    }
}

#[test]
fn a_folded_node_is_small_and_still_on_the_network() {
    let (world, mut view) = cluster(&[2, 2, 3], 0);
    let whole = lay_out(&world, &view, false);
    view.nodes[2].folded = true;
    for narrow in [false, true] {
        let layout = lay_out(&world, &view, narrow);
        check_boxes(&layout, "folded");
        let frame = layout.machines[2].rect;
        assert!(frame.w * frame.h * 3 < whole.machines[2].rect.w * whole.machines[2].rect.h);
        let ns = world.find_netns("node-3").expect("the third node");
        let eth0 = world.find_device(ns, "eth0").expect("its card");
        assert!(layout.wires.iter().any(|wire| wire.a == eth0), "its cable is drawn");
        let folded = layout.netns_box(ns).expect("its box");
        assert_eq!((folded.kind, folded.title.as_str()), (NetnsKind::Folded, "3 pods"));
    }
}

/// The pieces of a line as boxes one unit thick.
fn pieces(points: &[Point]) -> Vec<Rect> {
    let piece = |pair: &[Point]| {
        let (from, to) = (pair[0], pair[1]);
        assert!(from.x == to.x || from.y == to.y, "{pair:?} is askew");
        let (w, h) = ((from.x - to.x).abs().max(1), (from.y - to.y).abs().max(1));
        Rect::new(from.x.min(to.x), from.y.min(to.y), w, h)
    };
    points.windows(2).map(piece).collect()
}

fn check_agents(layout: &Layout, n_nodes: usize, what: &str) {
    let plane = layout.plane.as_ref().expect("a control plane").rect;
    assert_eq!(layout.agents.len(), 3 + 2 * n_nodes, "{what}");
    let home = |agent: &AgentBox| {
        let mut machines = layout.machines.iter().map(|it| it.rect).chain([plane]);
        let home = machines.find(|it| it.contains(agent.rect.centre()));
        home.unwrap_or_else(|| panic!("{what}: {} {} is nowhere", agent.by, agent.netns))
    };
    for machine in &layout.machines {
        assert!(machine.rect.y > plane.bottom(), "{what}: {} is not below", machine.title);
    }
    for (index, agent) in layout.agents.iter().enumerate() {
        let home = home(agent);
        assert!(home.x <= agent.rect.x && agent.rect.right() <= home.right(), "{what}: {agent:?}");
        let others = layout.agents.iter().skip(index + 1).map(|it| it.rect);
        let others = others
            .chain(layout.netns.iter().map(|it| it.rect))
            .chain(layout.devices.values().map(|it| it.rect));
        for other in others {
            assert!(!overlap(agent.rect, other), "{what}: {agent:?} and {other:?} overlap");
        }
        if agent.by == API_SERVER {
            continue;
        }
        let (first, last) = (agent.wire[0], agent.wire[agent.wire.len() - 1]);
        let api = layout.agents[0].rect;
        assert!(api.contains(first) && home.contains(last), "{what}: {agent:?}");
        for piece in pieces(&agent.wire) {
            for other in layout.agents.iter().filter(|it| it.rect != agent.rect && it.rect != api) {
                assert!(!overlap(piece, other.rect), "{what}: {agent:?} crosses {other:?}");
            }
            for machine in layout.machines.iter().map(|it| it.rect).filter(|it| *it != home) {
                assert!(!overlap(piece, machine), "{what}: {agent:?} crosses {machine:?}");
            }
        }
    }
}

#[test]
fn the_control_plane_stands_above_all_machines_and_a_wire_leads_to_each_program() {
    for nodes in 1..=5 {
        for pods in 0..=3 {
            for folded in [false, true] {
                let (world, mut view) = cluster(&vec![pods; nodes], 0);
                view.acts = true;
                view.nodes[nodes - 1].folded = folded;
                for narrow in [false, true] {
                    let what = format!("{nodes} nodes, {pods} pods, {folded}, narrow={narrow}");
                    let layout = lay_out(&world, &view, narrow);
                    check_boxes(&layout, &what);
                    check_agents(&layout, nodes, &what);
                    // Each further node has a cable that passes those below.
                    if narrow && nodes <= 3 {
                        assert!(layout.width <= NARROW.w + 12, "{what}: {}", layout.width);
                    }
                }
            }
        }
    }
}

#[test]
fn what_leads_to_a_pod_from_the_control_plane_passes_between_the_programs_of_its_node() {
    let (world, mut view) = cluster(&[2, 2], 0);
    view.acts = true;
    let layout = lay_out(&world, &view, false);
    for pod in layout.netns.iter().filter(|it| it.kind == NetnsKind::Leaf) {
        let way = layout.way_to_pod(pod.rect);
        assert!(pod.rect.contains(way[way.len() - 1]), "{}", pod.name);
        for piece in pieces(&way) {
            for agent in layout.agents.iter().filter(|it| it.by != API_SERVER) {
                assert!(!overlap(piece, agent.rect), "{} crosses {}", pod.name, agent.by);
            }
        }
    }
}
