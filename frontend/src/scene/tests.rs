//! Claims about scenes, checked on a first ping and a datagram between machines.

use std::net::Ipv4Addr;

use everyhop_engine::base::{Hook, Nanos};
use everyhop_engine::lesson::{Lab, Loaded};
use everyhop_engine::stack::socket::{Bound, Program, Socket};
use everyhop_engine::story::tell;
use everyhop_engine::world::{Hop, NewRoute};

use super::*;
use crate::layout::tests::{cluster, labs};
use crate::layout::{ClusterView, lay_out};

/// A ping from the first pod of the first node.
fn ping(pods: &[usize], to: [u8; 4]) -> (World, ClusterView, Recorder, Story) {
    let (mut world, view) = cluster(pods, 0);
    for (index, node) in view.nodes.iter().enumerate() {
        let root = world.find_netns(&node.netns).expect("a node");
        world.set_ip_forward(root, true);
        for pod in &node.pods {
            let ns = world.find_netns(&pod.netns).expect("a pod");
            let number = u8::try_from(index + 1).expect("few nodes");
            route(&mut world, ns, "0.0.0.0/0", [10, 244, number, 1]);
        }
        for other in 1..=u8::try_from(pods.len()).expect("few nodes") {
            if usize::from(other) != index + 1 {
                route(&mut world, root, &format!("10.244.{other}.0/24"), [192, 0, 2, 10 + other]);
            }
        }
    }
    let ns = world.find_netns("pod-1-1").expect("the first pod");
    let socket = Socket {
        bound: Bound::Ping { id: 7 },
        addr: None,
        program: Program::Reads,
        owner: "ping".into(),
        broadcast: false,
        heard: 0,
    };
    let socket = world.bind(ns, socket).expect("nothing is bound yet");
    let start = world.clone();
    let mut trace = Recorder::default();
    world
        .send_echo(&mut trace, (ns, socket), (Ipv4Addr::from(to), 1, None), b"abcdefgh")
        .expect("a route");
    world.run_until_quiet(&mut trace, Nanos::from_secs(4));
    let story = tell(&start, &trace);
    (start, view, trace, story)
}

fn route(world: &mut World, ns: everyhop_engine::base::NsId, dst: &str, via: [u8; 4]) {
    let dst = dst.parse().expect("a prefix");
    let new = NewRoute::new(dst, Hop::Gateway(Ipv4Addr::from(via)));
    world.add_route(ns, new).expect("the gateway is on the link");
}

fn scenes(narrow: bool, pods: &[usize], to: [u8; 4]) -> (Layout, Vec<Scene>) {
    let (world, view, trace, story) = ping(pods, to);
    let layout = lay_out(&world, &view, narrow);
    let told = Told { world: &world, trace: &trace, story: &story };
    let scenes = (0..story.steps.len()).map(|step| scene(told, &layout, step)).collect();
    (layout, scenes)
}

fn main_of(scene: &Scene) -> &Glyph {
    let main = scene.packets.first().expect("a step shows its packet");
    assert_eq!(main.part, Part::Main);
    main
}

#[test]
fn a_packet_rests_on_the_device_it_is_said_to_be_at() {
    for narrow in [false, true] {
        let (layout, scenes) = scenes(narrow, &[2, 2], [10, 244, 2, 2]);
        assert!(scenes.len() > 10, "a ping between nodes has many steps");
        for glyph in scenes.iter().flat_map(|scene| &scene.packets) {
            let device = layout.devices.values().find(|it| it.name == glyph.at).expect("drawn");
            assert!(device.rect.contains(glyph.rest()), "{glyph:?} is not on {device:?}");
        }
    }
}

#[test]
fn a_packet_moves_along_the_axes_and_never_jumps() {
    let (_, scenes) = scenes(false, &[2, 2], [10, 244, 2, 2]);
    for pair in scenes.windows(2) {
        let (before, after) = (main_of(&pair[0]), main_of(&pair[1]));
        if before.id == after.id {
            assert_eq!(before.rest(), after.way[0], "from {} to {}", before.at, after.at);
        }
        for line in after.way.windows(2) {
            assert!(line[0].x == line[1].x || line[0].y == line[1].y, "{after:?}");
        }
    }
}

#[test]
fn a_packet_between_machines_passes_both_ip_stacks() {
    let (layout, scenes) = scenes(false, &[1, 1], [10, 244, 2, 2]);
    for route in &layout.routes {
        let centre = route.rect.centre();
        let passed = scenes.iter().flat_map(|scene| &scene.trail).any(|stroke| {
            stroke.points.windows(2).any(|line| {
                line[0].x == centre.x
                    && line[1].x == centre.x
                    && (line[0].y.min(line[1].y)..=line[0].y.max(line[1].y)).contains(&centre.y)
            })
        });
        assert!(passed, "nothing passes {route:?}");
    }
}

#[test]
fn the_first_packet_is_parked_while_its_question_travels() {
    let (_, scenes) = scenes(false, &[2], [10, 244, 1, 3]);
    assert_eq!(main_of(&scenes[0]).mark, Some(Mark::Waiting));
    let parked = scenes[1].packets.iter().find(|it| it.part == Part::Parked).expect("it waits");
    assert_eq!(parked.id, main_of(&scenes[0]).id);
    let last = scenes.last().expect("steps");
    assert!(last.packets.iter().all(|it| it.part != Part::Parked), "nothing waits at the end");
}

#[test]
fn a_flooded_question_shows_its_copies_beside_the_one_that_arrives() {
    let (_, scenes) = scenes(false, &[4], [10, 244, 1, 3]);
    let copies = |scene: &Scene| scene.packets.iter().filter(|it| it.part == Part::Copy).count();
    assert!(scenes.iter().any(|scene| copies(scene) >= 2));
}

#[test]
fn an_unanswered_question_ends_with_a_reason() {
    let (_, scenes) = scenes(false, &[2], [10, 244, 1, 9]);
    let dropped = |glyph: &Glyph| matches!(glyph.mark, Some(Mark::Dropped(_)));
    assert!(scenes.iter().flat_map(|scene| &scene.packets).any(dropped));
}

#[test]
fn a_way_is_told_in_shares_of_its_length() {
    let (_, scenes) = scenes(false, &[2], [10, 244, 1, 3]);
    for glyph in scenes.iter().flat_map(|scene| &scene.packets) {
        let stops = glyph.stops();
        assert_eq!(stops.last().map(|stop| stop.0), Some(10_000));
        assert!(stops.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    }
}

#[test]
fn tags_and_reasons_stay_on_the_stage() {
    for to in [[10, 244, 2, 3], [10, 244, 1, 9]] {
        let (layout, scenes) = scenes(true, &[2, 2], to);
        for glyph in scenes.iter().flat_map(|scene| &scene.packets) {
            let note = glyph.note.as_ref().map(|(_, rect)| *rect);
            for rect in note.into_iter().chain([glyph.tag]) {
                let left = glyph.rest().x + rect.x;
                assert!(left >= 0 && left + rect.w <= layout.width, "{glyph:?}");
            }
        }
    }
}

#[test]
fn beside_a_packet_nothing_covers_a_name_in_any_lab() {
    for (name, lab, run) in labs() {
        let view = ClusterView::from(&lab.cluster);
        for narrow in [false, true] {
            let layout = lay_out(&run.end, &view, narrow);
            for step in 0..run.story.steps.len() {
                let scene = scene((&run).into(), &layout, step);
                let Some(main) = scene.packets.first() else { continue };
                let rest = main.rest();
                let boxes = [Some(main.tag), main.note.as_ref().map(|(_, place)| *place)];
                for place in boxes.into_iter().flatten() {
                    let at = Rect::new(place.x + rest.x, place.y + rest.y, place.w, place.h);
                    let covered = layout.labels.iter().find(|it| it.shared(at) > 0);
                    assert!(
                        covered.is_none(),
                        "{name} step {} narrow={narrow}: {} at {at:?} covers {covered:?}",
                        step + 1,
                        main.label
                    );
                    assert!(at.x >= 0 && at.right() <= layout.width, "{name} {step}: off stage");
                }
            }
        }
    }
}

#[test]
fn the_first_packet_to_a_service_is_rewritten_at_prerouting_and_later_ones_from_memory() {
    let text = include_str!("../../../public/labs/pod-to-service.yaml");
    let Ok(Loaded { lab, .. }) = Lab::load(&text.replace("http://web/", "svc/web:80")) else {
        panic!("the lab does not load");
    };
    let run = lab.run();
    let layout = lay_out(&run.end, &ClusterView::from(&lab.cluster), false);
    let scenes = (0..run.story.steps.len()).map(|step| scene((&run).into(), &layout, step));
    let acts: Vec<_> = scenes
        .flat_map(|scene| scene.gates)
        .filter(|gate| gate.act != Act::Passed)
        .map(|gate| (gate.hook, gate.act))
        .collect();
    assert_eq!(acts[0], (Hook::PreRouting, Act::Bound(Side::Destination)));
    let bound = acts.iter().filter(|(_, act)| matches!(act, Act::Bound(_))).count();
    assert_eq!(bound, 1, "only the connection's first packet asks the nat rules: {acts:?}");
    assert!(acts.contains(&(Hook::PostRouting, Act::Remembered(Side::Source))), "{acts:?}");
}

#[test]
fn what_a_rule_drops_stops_at_its_hook_and_names_who_wanted_that() {
    let text = format!("{}{DENIED}", include_str!("../../../public/labs/node-to-node.yaml"));
    let Ok(loaded) = Lab::load(&text) else { panic!("the lab does not load") };
    let run = loaded.lab.run();
    let layout = lay_out(&run.end, &ClusterView::from(&loaded.lab.cluster), false);
    let mut scenes = (0..run.story.steps.len()).map(|step| scene((&run).into(), &layout, step));
    let dropped = scenes.find(|it| it.gates.iter().any(|gate| gate.act >= Act::Dropped));
    let dropped = dropped.expect("the policy's rule drops the packet");
    let gate = dropped.gates.iter().max_by_key(|gate| gate.act).expect("a gate");
    let rect = layout.gate(gate.ns, gate.hook).expect("the hook is drawn");
    let main = main_of(&dropped);
    assert!(main.rest().distance(Point::new(rect.x, rect.y)) < 8, "{main:?} is not at {rect:?}");
    let note = main.note.as_ref().map(|(words, _)| words.as_str());
    assert!(note.is_some_and(|it| it.contains("NetworkPolicy default/deny")), "{note:?}");
}

/// Nothing reaches any pod.
const DENIED: &str = "
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec:
  podSelector: {}
  policyTypes: [Ingress]
";
