//! Running a lab: every action in turn, recorded in one trace, and the world at any step by running it again.
//!
//! A world to run again is built again: it is soon made, and the page does without the code that copies one.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::narration::{self, Caption};
use super::{Action, Lab, Protocol, Source, build};
use crate::base::{Mac, Nanos, NsId, Rng, SocketId};
use crate::kube;
use crate::link::DeviceKind;
use crate::link::bridge::FdbEntry;
use crate::stack::socket::{Bound, Program, Socket};
use crate::story::{Story, Verdict, tell, verdict_of};
use crate::trace::{Event, Learnt, Recorder};
use crate::world::{Stopped, World};
use crate::yaml::Problem;

/// `ip_local_port_range`: the first, and how many.
const EPHEMERAL: (u16, u16) = (32768, 28232);

/// What happened when actions were run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Before the first action, with the senders' sockets open.
    pub start: World,
    /// After the last action.
    pub end: World,
    pub trace: Recorder,
    pub story: Story,
    /// One for each step: the lab's narration where a rule fits, else the story's own words.
    pub captions: Vec<Caption>,
    /// The narration's rules that fit no step.
    pub unbound: Vec<Problem>,
    /// One for each action.
    pub results: Vec<ActionResult>,
    actions: Vec<Action>,
    sends: Vec<Send>,
}

/// How one action ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActionResult {
    pub verdict: Verdict,
    /// One sentence.
    pub because: String,
    /// The pod that read it, as an index into the cluster's.
    pub served_by: Option<usize>,
    /// The sender's address as it was seen there.
    pub seen_source: Option<Ipv4Addr>,
    /// When it was sent.
    pub at: Nanos,
    /// Its part of the trace's entries.
    pub entries: Range<usize>,
}

/// An action that can be run, as an index into [`Run::actions`], with the socket it is sent from.
#[derive(Clone, Copy, Debug)]
struct Send {
    at: Nanos,
    socket: (NsId, SocketId),
    action: usize,
}

impl Lab {
    /// Runs the lab's own actions.
    pub fn run(&self) -> Run {
        self.run_actions(&self.actions)
    }

    /// Runs these actions instead, one after the other, in the lab's world.
    pub fn run_actions(&self, actions: &[Action]) -> Run {
        let (start, _) = self.start(actions);
        let ((mut world, sockets), mut trace) = (self.start(actions), Recorder::default());
        let (mut results, mut sends) = (Vec::new(), Vec::new());
        for (index, (action, socket)) in actions.iter().zip(sockets).enumerate() {
            let (at, before) = (world.now(), trace.entries.len());
            let stopped = socket.map(|socket| {
                let send = Send { at, socket, action: index };
                sends.push(send);
                send.run(action, &mut world, &mut trace)
            });
            let entries = before..trace.entries.len();
            results.push(match (socket, stopped) {
                (Some(socket), Some(stopped)) => {
                    self.result(&world, &trace, (action, socket), (at, entries), stopped)
                }
                (_, _) => unsent(at, entries),
            });
        }
        let story = tell(&start, &trace);
        let told = (&start, &trace, &story);
        let (captions, unbound) =
            narration::bind(&self.narration, (&self.cluster, actions.first()), told);
        let actions = actions.to_vec();
        Run { start, end: world, trace, story, captions, unbound, results, actions, sends }
    }

    /// The world before the first action, and the socket of each action; None for one that cannot be sent.
    fn start(&self, actions: &[Action]) -> (World, Vec<Option<(NsId, SocketId)>>) {
        let Ok(mut world) = build(self.seed, &self.configured) else {
            unreachable!("the operations were tried when the lab was read");
        };
        let mut rng = Rng::new(self.seed);
        let sockets =
            actions.iter().map(|action| self.open(&mut world, &mut rng, action)).collect();
        (world, sockets)
    }

    fn netns(&self, world: &World, source: Source) -> Option<NsId> {
        world.find_netns(match source {
            Source::Pod(pod) => &self.cluster.pods[pod].netns,
            Source::Node(node) => &self.cluster.nodes[node].netns,
        })
    }

    /// Opens the socket that an action is sent from: a free port or echo identifier, by the seed. None if none is free.
    fn open(&self, world: &mut World, rng: &mut Rng, action: &Action) -> Option<(NsId, SocketId)> {
        let (first, count) = match action.protocol {
            Protocol::Tcp | Protocol::Udp => EPHEMERAL,
            Protocol::Icmp => (1, u16::MAX),
        };
        let ns = self.netns(world, action.from)?;
        let owner = match action.from {
            Source::Pod(pod) => {
                format!("container {}", self.cluster.pods[pod].containers.first()?.name)
            }
            Source::Node(node) => format!("a program on {}", self.cluster.nodes[node].name),
        };
        let drawn = rng.below(u32::from(count));
        (0..u32::from(count)).find_map(|tried| {
            let offset = u16::try_from((drawn + tried) % u32::from(count)).ok()?;
            let number = first + offset;
            let bound = match action.protocol {
                Protocol::Icmp => Bound::Ping { id: number },
                Protocol::Udp => Bound::Udp { port: number },
                Protocol::Tcp => Bound::Tcp { port: number },
            };
            let owner = owner.as_str().into();
            let program = match action.protocol {
                Protocol::Tcp => Program::Connects,
                Protocol::Udp | Protocol::Icmp => Program::Reads,
            };
            let (addr, broadcast) = (None, false);
            let socket = Socket { bound, addr, program, owner, broadcast, heard: 0 };
            Some((ns, world.bind(ns, socket).ok()?))
        })
    }

    fn result(
        &self,
        world: &World,
        trace: &Recorder,
        (action, socket): (&Action, (NsId, SocketId)),
        (at, entries): (Nanos, Range<usize>),
        stopped: Stopped,
    ) -> ActionResult {
        let told = verdict_of(world, trace, entries.clone(), socket);
        let (verdict, because) = match stopped {
            Stopped::EventBudget => (
                Verdict::Timeout,
                "stopped: too much happened, frames may go round in a loop".to_owned(),
            ),
            Stopped::Quiet => (told.verdict, told.because),
        };
        let served_by = told.served_by.and_then(|ns| {
            let name = &*world.netns[ns].name;
            let listens =
                |pod: &kube::Pod| pod.ports().any(|port| Some(port.number) == action.to.port);
            self.cluster
                .pods
                .iter()
                .position(|pod| pod.netns == name && (!pod.host_network || listens(pod)))
        });
        let seen_source = told.seen_source;
        ActionResult { verdict, because, served_by, seen_source, at, entries }
    }
}

fn unsent(at: Nanos, entries: Range<usize>) -> ActionResult {
    ActionResult {
        verdict: Verdict::Dropped,
        because: "the sender has no free port (EADDRINUSE)".to_owned(),
        served_by: None,
        seen_source: None,
        at,
        entries,
    }
}

impl Send {
    /// Hands it to the sender's stack. Whether a packet left the program.
    fn begin(self, action: &Action, world: &mut World, trace: &mut Recorder) -> bool {
        world.refill_event_budget();
        let Action { to, payload, .. } = action;
        let sent = match (to.port, action.protocol) {
            (Some(port), Protocol::Tcp) => {
                world.connect(trace, self.socket, (to.ip, port), payload)
            }
            (Some(port), Protocol::Udp | Protocol::Icmp) => {
                world.send_udp(trace, self.socket, (to.ip, port), payload)
            }
            (None, _) => world.send_echo(trace, self.socket, (to.ip, 1, None), payload),
        };
        sent.is_ok()
    }

    fn run(self, action: &Action, world: &mut World, trace: &mut Recorder) -> Stopped {
        let sent = self.begin(action, world, trace);
        let stopped = world.run_until_quiet(trace, action.wait);
        let (ns, socket) = self.socket;
        if !sent || world.netns[ns].sockets.get(socket).heard > 0 || stopped != Stopped::Quiet {
            return stopped;
        }
        let until = self.at + Action::NO_ANSWER;
        world.run_until_quiet(trace, until.since(world.now()))
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

    /// The world when everything due up to and including `until` has happened. Recorded although nobody reads it: with
    /// tracing [`Off`](crate::trace::Off) the page would carry the whole engine twice.
    fn replay(&self, lab: &Lab, until: Nanos) -> World {
        let ((mut world, _), mut trace) = (lab.start(&self.actions), Recorder::default());
        let begun = self.sends.partition_point(|send| send.at <= until);
        if let Some((last, earlier)) = self.sends[..begun].split_last() {
            for send in earlier {
                send.run(&self.actions[send.action], &mut world, &mut trace);
            }
            last.begin(&self.actions[last.action], &mut world, &mut trace);
        }
        world.run_until(&mut trace, until);
        world
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
