//! Running a lab: every action in turn, recorded in one trace, and the world at any step by running it again.
//!
//! A world to run again is built again: it is soon made, and the page does without the code that copies one.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::narration::{self, Caption, Course, Look, Stop};
use super::play::{Done, Errand, Play, Send, become_node, open, wake};
use super::{Act, Action, Destination, Lab, Source, build, kubectl, program};
use crate::app::resolver::Resolution;
use crate::base::{Mac, Nanos, NsId, Rng};
use crate::kube;
use crate::link::DeviceKind;
use crate::link::bridge::FdbEntry;
use crate::story::{Story, Verdict, lost_to, tell, verdict_of};
use crate::tool::ask::ask;
use crate::trace::{Entry, Event, Learnt, Recorder};
use crate::world::{Stopped, World};
use crate::yaml::Problem;

/// What happened when actions were run.
#[derive(Clone, Debug)]
pub struct Run {
    /// After the last action.
    pub end: World,
    pub trace: Recorder,
    pub story: Story,
    /// One for each step: the lab's narration where a rule fits, else the story's own words.
    pub captions: Vec<Caption>,
    /// Where the lesson stops, in order: at every step, where the lab does not say.
    pub stops: Vec<Stop>,
    /// What the lab says of no step, or claims and the trace does not prove.
    pub unbound: Vec<Problem>,
    /// One for each action.
    pub results: Vec<ActionResult>,
    actions: Vec<Act>,
    sends: Vec<Send>,
}

/// How one action ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ActionResult {
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
    /// The pod that read it, as an index into the cluster's.
    pub served_by: Option<usize>,
    /// The sender's address as it was seen there.
    pub seen_source: Option<Ipv4Addr>,
    /// Of a page that was fetched.
    pub status: Option<u16>,
    /// Of names that were looked up.
    pub resolution: Option<Resolution>,
    /// When it was sent.
    pub at: Nanos,
    /// Its part of the trace's entries.
    pub entries: Range<usize>,
}

impl Lab {
    /// Runs the lab's own actions.
    pub fn run(&self) -> Run {
        self.run_acts(&self.actions)
    }

    /// Sends these things instead, one after the other, in the lab's world, where nothing changes.
    pub fn run_actions(&self, actions: &[Action]) -> Run {
        let acts: Vec<Act> = actions.iter().cloned().map(Act::Send).collect();
        self.run_acts(&acts)
    }

    /// Does these things instead, one after the other, in the lab's world.
    pub fn run_acts(&self, actions: &[Act]) -> Run {
        let (world, errands) = self.start(actions);
        let mut play = Play::new(self, world);
        let (mut results, mut sends) = (Vec::new(), Vec::new());
        for (act, errand) in actions.iter().zip(errands) {
            let (at, before) = (play.world.now(), play.trace.entries.len());
            let Some(errand) = errand else {
                results.push(unsent(at, before..before));
                continue;
            };
            let send = Send { at, errand, wait: act.wait() };
            let (done, stopped) = play.run(&send);
            sends.push(send);
            let entries = before..play.trace.entries.len();
            results.push(self.result(&play, (act, done), (at, entries), stopped));
        }
        let Play { world, trace, .. } = play;
        let story = tell(&world, &trace);
        let course = Course {
            cluster: &self.cluster,
            actions,
            results: &results,
            world: &world,
            trace: &trace,
            story: &story,
        };
        let variant = self.variants.as_ref();
        let narration::Told { captions, stops, problems: unbound } =
            narration::tell(&self.script, course, actions == self.actions, variant);
        let actions = actions.to_vec();
        Run { end: world, trace, story, captions, stops, unbound, results, actions, sends }
    }

    /// The world before any action, with these nodes built, besides those that are from the beginning.
    pub fn world(&self, nodes: Range<usize>) -> World {
        let (mut world, _) = self.start(&[]);
        let mut configured = kube::Nodes::new(&self.cluster, &self.kept);
        for node in nodes {
            let ns = self.cluster.nodes.get(node).and_then(|it| world.find_netns(&it.netns));
            if let Some(ns) = ns.filter(|&ns| world.netns[ns].is_dormant) {
                let items = configured.configure(node);
                become_node(self, &mut world, &mut Recorder::default(), ns, &items);
            }
        }
        world
    }

    /// The world before the first action, and what does each action; None for one that cannot be sent.
    fn start(&self, actions: &[Act]) -> (World, Vec<Option<Errand>>) {
        let Ok(mut world) = build(self.seed, &self.cluster, &self.configured, &self.kept) else {
            unreachable!("the operations were tried when the lab was read");
        };
        let mut rng = Rng::new(self.seed);
        let errands = actions.iter().map(|act| match act {
            Act::Change { change, .. } => Some(Errand::Change(*change)),
            Act::Send(action) => {
                let ready = self.prepare(&mut world, &mut rng, action);
                // Its sender may come later.
                let late = || Errand::Late(Box::new(action.clone()), rng.bits32().into());
                ready.or_else(|| self.changing.is_some().then(late))
            }
        });
        let errands = errands.collect();
        (world, errands)
    }

    /// Where a sender is, its node built and awake.
    fn netns(&self, world: &mut World, source: Source) -> Option<NsId> {
        let name = match source {
            Source::Pod(pod) => {
                let pod = &self.cluster.pods[pod];
                self.wake(world, pod.node);
                &pod.netns
            }
            Source::Node(node) => {
                self.wake(world, node);
                &self.cluster.nodes[node].netns
            }
            Source::Internet => &self.cluster.outside.as_ref()?.client,
        };
        world.find_netns(name)
    }

    fn wake(&self, world: &mut World, node: usize) {
        if let Some(ns) = world.find_netns(&self.cluster.nodes[node].netns) {
            wake(self, world, &mut Recorder::default(), ns);
        }
    }

    /// Makes an action ready to be run. None: its sender has no free port.
    pub(super) fn prepare(
        &self,
        world: &mut World,
        rng: &mut Rng,
        action: &Action,
    ) -> Option<Errand> {
        let ns = self.netns(world, action.from)?;
        let owner = match action.from {
            Source::Pod(pod) => {
                format!("container {}", self.cluster.pods[pod].containers.first()?.name)
            }
            Source::Node(node) => format!("a program on {}", self.cluster.nodes[node].name),
            Source::Internet => "a client on the internet".to_owned(),
        };
        Some(match &action.to {
            Destination::Address { ip, port, .. } => {
                let (protocol, payload) = (action.protocol, action.payload.clone());
                let socket = open(world, rng, (ns, &owner), protocol)?;
                Errand::Socket { socket, to: (*ip, *port), protocol, payload }
            }
            Destination::Page(_) | Destination::Dns { .. } => {
                Errand::Program { ns, owner, app: Box::new(self.program(rng, action)?) }
            }
        })
    }

    fn result(
        &self,
        play: &Play<'_>,
        (act, done): (&Act, Done),
        (at, entries): (Nanos, Range<usize>),
        stopped: Stopped,
    ) -> ActionResult {
        let (world, trace) = (&play.world, &play.trace);
        let told = match (act, done) {
            (Act::Change { .. }, _) | (_, Done::Change) => {
                let because = if play.is_settled() {
                    format!("everybody has heard of it after {}", world.now().since(at))
                } else {
                    "it is stored; not everybody has heard of it yet".to_owned()
                };
                ActionResult { verdict: Verdict::Applied, because, ..ActionResult::default() }
            }
            (_, Done::Nothing) => return absent(at, entries),
            (Act::Send(action), Done::Socket(socket)) => {
                let told = verdict_of(world, trace, entries.clone(), socket);
                self.told(world, action, told)
            }
            (_, Done::Program(process)) => {
                let mut told = self.outcome(world, process);
                program::explain(&mut told, lost_to(world, trace, entries.clone()));
                told
            }
        };
        match stopped {
            Stopped::Quiet => ActionResult { at, entries, ..told },
            Stopped::EventBudget | Stopped::Dormant(_) | Stopped::Interrupted => ActionResult {
                verdict: Verdict::Timeout,
                because: "stopped: too much happened, frames may go round in a loop".to_owned(),
                at,
                entries,
                ..told
            },
        }
    }

    /// What came of one packet or connection.
    fn told(&self, world: &World, action: &Action, told: crate::story::Told) -> ActionResult {
        let served_by = told.served_by.and_then(|ns| {
            let name = &*world.netns[ns].name;
            let listens =
                |pod: &kube::Pod| action.to.port().is_some_and(|it| self.cluster.leads_to(it, pod));
            self.cluster
                .pods
                .iter()
                .position(|pod| pod.netns == name && (!pod.host_network || listens(pod)))
        });
        ActionResult {
            verdict: told.verdict,
            because: told.because,
            served_by,
            seen_source: told.seen_source,
            ..ActionResult::default()
        }
    }
}

fn absent(at: Nanos, entries: Range<usize>) -> ActionResult {
    ActionResult {
        verdict: Verdict::Dropped,
        because: "there is no such sender at that time".to_owned(),
        at,
        entries,
        ..ActionResult::default()
    }
}

fn unsent(at: Nanos, entries: Range<usize>) -> ActionResult {
    ActionResult {
        verdict: Verdict::Dropped,
        because: "the sender has no free port (EADDRINUSE)".to_owned(),
        at,
        entries,
        ..ActionResult::default()
    }
}

impl Run {
    /// The world as the step with this index ends, by running the start again: its tables hold what the steps up to
    /// there tell, and nothing of later ones. Past the last step it is the end. The lab is the one that ran.
    pub fn world_at(&self, lab: &Lab, step: usize) -> World {
        let Some(last) = self.story.steps.get(step) else {
            return self.replay(lab, self.end.now());
        };
        let mut told = vec![false; self.trace.entries.len()];
        for &event in self.story.steps[..=step].iter().flat_map(|step| &step.events) {
            told[event] = true;
        }
        let of_instant: Vec<usize> = {
            let entries = &self.trace.entries;
            let from = entries.partition_point(|entry| entry.at < last.at);
            let to = entries.partition_point(|entry| entry.at <= last.at);
            (from..to).filter(|&index| changes_a_table(&entries[index].event)).collect()
        };
        if of_instant.iter().all(|&index| told[index]) {
            return self.replay(lab, last.at);
        }
        // Several steps share the instant: take the tables before it, and of its changes only those told so far.
        let before = last.at.0.checked_sub(1).map(Nanos);
        let mut world = match before {
            Some(before) => self.replay(lab, before),
            None => lab.start(&self.actions).0,
        };
        for index in of_instant.into_iter().filter(|&index| told[index]) {
            change_table(&mut world, &self.trace.entries[index].event, last.at);
        }
        world
    }

    /// What a command that a caption names prints as the step ends. None: it is not understood there.
    pub fn look(&self, lab: &Lab, step: usize, look: &Look) -> Option<Vec<String>> {
        if look.command == "cat /etc/resolv.conf" {
            let pod = lab.cluster.pods.iter().find(|pod| pod.netns == look.netns)?;
            return Some(lab.cluster.resolv_conf(pod).text().lines().map(str::to_owned).collect());
        }
        if look.command.starts_with("kubectl ") {
            let play = self.replay_into(lab, self.story.steps.get(step)?.at, Recorder::default());
            return kubectl::get(&play, &lab.cluster, &look.command);
        }
        let world = self.world_at(lab, step);
        ask(&world, world.find_netns(&look.netns)?, &look.command)
    }

    /// What a lab claims and its run does not keep: captions and stops that fit nothing, bets without an answer, commands
    /// that print nothing.
    pub fn untrue(&self, lab: &Lab) -> Vec<Problem> {
        let looks = self.stops.iter().filter_map(|stop| Some((stop, stop.caption.look.as_ref()?)));
        let silent = looks.filter_map(|(stop, look)| {
            let (title, command) = (&stop.caption.title, &look.command);
            let message = match self.look(lab, stop.at, look) {
                None => format!("{title}: {}: {command} is not understood", look.netns),
                Some(lines) if lines.is_empty() => {
                    format!("{title}: {}: {command} prints nothing", look.netns)
                }
                Some(_) => return None,
            };
            Some(Problem::of_text(message))
        });
        self.unbound.iter().cloned().chain(silent).collect()
    }

    /// The world when everything due up to and including `until` has happened. Recorded although nobody reads it: with
    /// tracing [`Off`](crate::trace::Off) the page would carry the whole engine twice.
    fn replay(&self, lab: &Lab, until: Nanos) -> World {
        self.replay_into(lab, until, Recorder::default()).world
    }

    fn replay_into<'l>(&self, lab: &'l Lab, until: Nanos, trace: Recorder) -> Play<'l> {
        let (world, _) = lab.start(&self.actions);
        let mut play = Play::new(lab, world);
        play.trace = trace;
        let begun = self.sends.partition_point(|send| send.at <= until);
        if let Some((last, earlier)) = self.sends[..begun].split_last() {
            for send in earlier {
                play.run(send);
            }
            play.begin(last);
        }
        play.run_until(until);
        play
    }

    /// Each step's events, with every rule that was asked and did not match between them. Found by running the lab again,
    /// once for all steps.
    pub fn rules_walked(&self, lab: &Lab) -> Vec<Vec<Entry>> {
        let mut trace = Recorder::default();
        trace.every_rule = true;
        let trace = self.replay_into(lab, self.end.now(), trace).trace;
        let steps = &self.story.steps;
        let mut step_of: Vec<Option<usize>> = vec![None; self.trace.entries.len()];
        for (step_idx, step) in steps.iter().enumerate() {
            for &event in &step.events {
                step_of[event] = Some(step_idx);
            }
        }
        let mut walked = vec![Vec::new(); steps.len()];
        let (mut more, mut index) = (Vec::new(), 0);
        for &entry in &trace.entries {
            if self.trace.entries.get(index) != Some(&entry) {
                more.push(entry);
                continue;
            }
            // What only this recording has belongs to the event that it led to.
            if let Some(step) = step_of[index] {
                walked[step].append(&mut more);
                walked[step].push(entry);
            }
            more.clear();
            index += 1;
        }
        walked
    }
}

fn changes_a_table(event: &Event) -> bool {
    matches!(event, Event::FdbLearn { .. } | Event::FdbExpired { .. } | Event::NeighChange { .. })
}

/// Makes the change that an event tells of.
fn change_table(world: &mut World, event: &Event, at: Nanos) {
    match *event {
        Event::FdbLearn {
            bridge,
            port,
            mac,
            learnt: Learnt::New | Learnt::Moved { .. } | Learnt::Refreshed,
        } => {
            if let DeviceKind::Bridge(bridge) = &mut world.devices[bridge].kind {
                bridge.fdb.insert(mac, FdbEntry::Learnt { port, updated: at });
            }
        }
        Event::FdbExpired { bridge, mac, .. } => {
            if let DeviceKind::Bridge(bridge) = &mut world.devices[bridge].kind {
                bridge.fdb.shift_remove(&mac);
            }
        }
        Event::NeighChange { dev, ip, to, mac, .. } => {
            let ns = world.devices[dev].ns;
            world.netns[ns].neigh.set(dev, ip, mac.unwrap_or(Mac::ZERO), to, at);
        }
        _ => {}
    }
}
