//! What the programs of the control plane do in a step, and have done up to it: read from the notes they left in the trace.

use everyhop_engine::base::{Hook, NsId};
use everyhop_engine::link::DeviceKind;
use everyhop_engine::story::{LegKind, Step};
use everyhop_engine::trace::Note;
use everyhop_engine::world::World;

use super::{Act, Gate, Scene, Stroke, Told};
use crate::layout::{API_SERVER, Layout, Point, Rect, WireLine, until_entry};

/// A program on the stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// Its place among the layout's.
    pub index: usize,
    /// What it did last, in a few words; empty: nothing yet.
    pub says: String,
    /// Whether that is in this step.
    pub now: bool,
}

/// Adds to a scene what the control plane does.
pub(super) fn add(scene: &mut Scene, told: Told<'_>, layout: &Layout, step: usize) {
    let steps = told.story.steps.iter().take(step + 1).enumerate();
    let notes: Vec<(usize, &Note)> =
        steps.filter_map(|(at, it)| Some((at, it.note(told.trace)?))).collect();
    let current = notes.last().filter(|(at, _)| *at == step).map(|(_, note)| *note);
    for (index, agent) in layout.agents.iter().enumerate() {
        // The API server has what anybody tells.
        let is_own = |note: &Note| match agent.by {
            API_SERVER => note.tells,
            by => note.by == by && note.netns == agent.netns,
        };
        let last = notes.iter().rev().find(|(_, note)| is_own(note));
        scene.agents.push(Agent {
            index,
            says: last.map(|(_, note)| note.short.clone()).unwrap_or_default(),
            now: current.is_some() && last.is_some_and(|(at, _)| *at == step),
        });
    }
    scene.absent = absent(told, layout, step);
    let Some(note) = current else { return };
    let pod = told.world.find_netns(&note.netns).and_then(|ns| layout.netns_box(ns));
    let way = match layout.agent(note.by, &note.netns) {
        Some(agent) => agent.wire.clone(),
        None => pod.map(|it| layout.way_to_pod(it.rect)).unwrap_or_default(),
    };
    let drawn = layout.agent(note.by, &note.netns).is_some();
    scene.acting = pod.filter(|_| !drawn).map(|it| it.rect);
    if way.len() > 1 {
        let points: Vec<Point> = if note.tells { way.into_iter().rev().collect() } else { way };
        scene.trail.push(Stroke { points, kind: LegKind::Control, now: true, main: true });
    }
    scene.gates = gates(told.world, note);
}

/// What is not there yet: a pod's box, and the node's end of its wire.
fn absent(told: Told<'_>, layout: &Layout, step: usize) -> Vec<(Rect, Vec<Vec<Point>>)> {
    let later = told.story.steps.iter().skip(step + 1);
    let made = later.filter_map(|it: &Step| it.note(told.trace)?.makes.as_deref());
    let made = made.filter_map(|name| told.world.find_netns(name));
    made.flat_map(|ns| veiled(told.world, layout, ns)).collect()
}

fn veiled(world: &World, layout: &Layout, ns: NsId) -> Vec<(Rect, Vec<Vec<Point>>)> {
    let mut all = Vec::new();
    let Some(own) = layout.netns_box(ns) else { return all };
    all.push((own.rect, Vec::new()));
    for &dev in &world.netns[ns].devs {
        let DeviceKind::Veth { peer, .. } = world.devices[dev].kind else { continue };
        let Some(chip) = layout.devices.get(peer) else { continue };
        let wires = layout.wires.iter().filter(|it| it.a == peer || it.b == peer);
        // As far as the bridge, which is there.
        let until = |it: &WireLine| match layout.devices.get(it.b) {
            Some(end) => until_entry(&it.points, end.rect),
            None => it.points.clone(),
        };
        all.push((chip.rect, wires.map(until).collect()));
    }
    all
}

/// The hooks from which rules are asked that a component has written.
fn gates(world: &World, note: &Note) -> Vec<Gate> {
    let found = world.find_netns(&note.netns);
    let Some((ns, netfilter)) =
        found.and_then(|ns| Some((ns, world.netns[ns].netfilter.as_ref()?)))
    else {
        return Vec::new();
    };
    // `+ nat: -A KUBE-SERVICES …`: a table and a chain of it, since both tables have chains of the same name.
    let chain = |table: &str, line: &str| {
        let name = line.split_once("-A ")?.1.split(' ').next()?;
        Some(format!("{table} {name}"))
    };
    let written = note.details.iter().filter_map(|(line, _)| {
        chain(line.split(':').next()?.trim_start_matches(['+', '−', ' ']), line)
    });
    let mut asked: Vec<String> = written.collect();
    if note.by != "kube-proxy" {
        return Vec::new();
    }
    let text = netfilter.tables.save(false);
    let (mut table, mut jumps) = ("", Vec::new());
    for line in text.lines() {
        table = line.strip_prefix('*').unwrap_or(table);
        let to = line.split_once(" -j ").and_then(|(_, rest)| rest.split(' ').next());
        let to = to.map(|to| format!("{table} {to}"));
        jumps.extend(chain(table, line).zip(to));
    }
    loop {
        let before = asked.len();
        for (from, to) in &jumps {
            if asked.contains(to) && !asked.contains(from) {
                asked.push(from.clone());
            }
        }
        if asked.len() == before {
            break;
        }
    }
    let is_asked = |hook: &Hook| asked.iter().any(|it| it.split(' ').nth(1) == Some(hook.chain()));
    let hooks = Hook::ALL.into_iter().filter(is_asked);
    hooks.map(|hook| Gate { ns, hook, act: Act::Written, n_rules: 0 }).collect()
}
