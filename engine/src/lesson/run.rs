//! Running a lab: every action in turn, recorded in one trace, and the world at any step by running it again.
//!
//! A world to run again is built again: it is soon made, and the page does without the code that copies one.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::narration::{self, Caption};
use super::{Action, Destination, Lab, Protocol, Source, build, program};
use crate::app::App;
use crate::app::resolver::Resolution;
use crate::base::{Mac, Nanos, NsId, ProcessId, Rng, SocketId};
use crate::kube::{self, Cluster};
use crate::link::DeviceKind;
use crate::link::bridge::FdbEntry;
use crate::stack::socket::{Bound, Program, Socket};
use crate::story::{Story, Verdict, lost_to, tell, verdict_of};
use crate::tool::{self, Configured};
use crate::trace::{Entry, Event, Learnt, Recorder};
use crate::world::{Stopped, World};
use crate::yaml::Problem;

/// `ip_local_port_range`: the first, and how many.
const EPHEMERAL: (u16, u16) = (32768, 28232);
/// Until when a program is waited for: longer than a connection that nobody answers lasts.
const PATIENCE: Nanos = Nanos::from_secs(150);
const LOOK_AGAIN: Nanos = Nanos::from_secs(1);

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

/// An action that can be run.
#[derive(Clone, Debug)]
struct Send {
    at: Nanos,
    errand: Errand,
    wait: Nanos,
}

/// Who does what an action says.
#[derive(Clone, Debug)]
enum Errand {
    /// A socket that is open from the start sends one thing.
    Socket {
        socket: (NsId, SocketId),
        to: (Ipv4Addr, Option<u16>),
        protocol: Protocol,
        payload: Vec<u8>,
    },
    /// A program runs to its end.
    Program { ns: NsId, owner: String, app: Box<App> },
}

/// What an errand left behind.
#[derive(Clone, Copy, Debug)]
enum Done {
    Socket((NsId, SocketId)),
    Program(ProcessId),
}

impl Lab {
    /// Runs the lab's own actions.
    pub fn run(&self) -> Run {
        self.run_actions(&self.actions)
    }

    /// Runs these actions instead, one after the other, in the lab's world.
    pub fn run_actions(&self, actions: &[Action]) -> Run {
        let (start, _) = self.start(actions);
        let ((mut world, errands), mut trace) = (self.start(actions), Recorder::default());
        let (mut results, mut sends) = (Vec::new(), Vec::new());
        for (action, errand) in actions.iter().zip(errands) {
            let (at, before) = (world.now(), trace.entries.len());
            let Some(errand) = errand else {
                results.push(unsent(at, before..before));
                continue;
            };
            let send = Send { at, errand, wait: action.wait };
            let (done, stopped) = send.run(&self.cluster, &mut world, &mut trace);
            sends.push(send);
            let entries = before..trace.entries.len();
            results.push(self.result(&world, &trace, (action, done), (at, entries), stopped));
        }
        let story = tell(&world, &trace);
        let told = (&world, &trace, &story);
        let (captions, unbound) =
            narration::bind(&self.narration, (&self.cluster, actions.first()), told);
        let actions = actions.to_vec();
        Run { start, end: world, trace, story, captions, unbound, results, actions, sends }
    }

    /// The world before any action, with these nodes built, besides those that are from the beginning.
    pub fn world(&self, nodes: Range<usize>) -> World {
        let (mut world, _) = self.start(&[]);
        let mut configured = kube::Nodes::new(&self.cluster);
        for node in nodes {
            let ns = self.cluster.nodes.get(node).and_then(|it| world.find_netns(&it.netns));
            if let Some(ns) = ns.filter(|&ns| world.netns[ns].is_dormant) {
                let items = configured.configure(node);
                become_node(&mut world, &mut Recorder::default(), ns, &items);
            }
        }
        world
    }

    /// The world before the first action, and what does each action; None for one that cannot be sent.
    fn start(&self, actions: &[Action]) -> (World, Vec<Option<Errand>>) {
        let Ok(mut world) = build(self.seed, &self.cluster, &self.configured) else {
            unreachable!("the operations were tried when the lab was read");
        };
        let mut rng = Rng::new(self.seed);
        let errands =
            actions.iter().map(|action| self.prepare(&mut world, &mut rng, action)).collect();
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
            wake(&self.cluster, world, &mut Recorder::default(), ns);
        }
    }

    /// Makes an action ready to be run. None: its sender has no free port.
    fn prepare(&self, world: &mut World, rng: &mut Rng, action: &Action) -> Option<Errand> {
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
        world: &World,
        trace: &Recorder,
        (action, done): (&Action, Done),
        (at, entries): (Nanos, Range<usize>),
        stopped: Stopped,
    ) -> ActionResult {
        let told = match done {
            Done::Socket(socket) => {
                let told = verdict_of(world, trace, entries.clone(), socket);
                self.told(world, action, told)
            }
            Done::Program(process) => {
                let mut told = self.outcome(world, process);
                program::explain(&mut told, lost_to(world, trace, entries.clone()));
                told
            }
        };
        match stopped {
            Stopped::Quiet => ActionResult { at, entries, ..told },
            Stopped::EventBudget | Stopped::Dormant(_) => ActionResult {
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

/// Opens the socket that something is sent from: a free port or echo identifier, by the seed. None if none is free.
fn open(
    world: &mut World,
    rng: &mut Rng,
    (ns, owner): (NsId, &str),
    protocol: Protocol,
) -> Option<(NsId, SocketId)> {
    let (first, count) = match protocol {
        Protocol::Tcp | Protocol::Udp => EPHEMERAL,
        Protocol::Icmp => (1, u16::MAX),
    };
    let drawn = rng.below(u32::from(count));
    (0..u32::from(count)).find_map(|tried| {
        let offset = u16::try_from((drawn + tried) % u32::from(count)).ok()?;
        let number = first + offset;
        let bound = match protocol {
            Protocol::Icmp => Bound::Ping { id: number },
            Protocol::Udp => Bound::Udp { port: number },
            Protocol::Tcp => Bound::Tcp { port: number },
        };
        let program = match protocol {
            Protocol::Tcp => Program::Connects,
            Protocol::Udp | Protocol::Icmp => Program::Reads,
        };
        let (addr, broadcast) = (None, false);
        let socket = Socket { bound, addr, program, owner: owner.into(), broadcast, heard: 0 };
        Some((ns, world.bind(ns, socket).ok()?))
    })
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

/// Builds the node behind a dormant namespace, and lets the packets through that wait for it.
fn wake(cluster: &Cluster, world: &mut World, trace: &mut Recorder, ns: NsId) {
    let name = &*world.netns[ns].name;
    let node = cluster.nodes.iter().position(|node| node.netns == name);
    if let Some(node) = node.filter(|_| world.netns[ns].is_dormant) {
        let items = kube::Nodes::new(cluster).configure(node);
        return become_node(world, trace, ns, &items);
    }
    world.wake(trace, ns);
}

fn become_node(world: &mut World, trace: &mut Recorder, ns: NsId, items: &[Configured]) {
    tool::apply(world, items).expect("a node's configuration follows from what was checked");
    world.wake(trace, ns);
}

/// [`World::run_until_quiet`], with the nodes built that packets reach.
fn run_until_quiet(
    cluster: &Cluster,
    world: &mut World,
    trace: &mut Recorder,
    wait: Nanos,
) -> Stopped {
    let until = world.now() + wait;
    loop {
        match world.run_until_quiet(trace, until.since(world.now())) {
            Stopped::Dormant(ns) => wake(cluster, world, trace, ns),
            stopped @ (Stopped::Quiet | Stopped::EventBudget) => return stopped,
        }
    }
}

impl Send {
    /// Begins it. None: nothing left the sender.
    fn begin(&self, world: &mut World, trace: &mut Recorder) -> (Done, bool) {
        world.refill_event_budget();
        match &self.errand {
            Errand::Program { ns, owner, app } => {
                (Done::Program(world.spawn(*ns, owner, (**app).clone())), true)
            }
            Errand::Socket { socket, to: (ip, port), protocol, payload } => {
                let sent = match (*port, protocol) {
                    (Some(port), Protocol::Tcp) => {
                        world.connect(trace, *socket, (*ip, port), payload)
                    }
                    (Some(port), Protocol::Udp | Protocol::Icmp) => {
                        world.send_udp(trace, *socket, (*ip, port), payload)
                    }
                    (None, _) => world.send_echo(trace, *socket, (*ip, 1, None), payload),
                };
                (Done::Socket(*socket), sent.is_ok())
            }
        }
    }

    fn run(&self, cluster: &Cluster, world: &mut World, trace: &mut Recorder) -> (Done, Stopped) {
        let (done, sent) = self.begin(world, trace);
        let mut stopped = run_until_quiet(cluster, world, trace, self.wait);
        match done {
            Done::Socket((ns, socket)) => {
                let heard = world.netns[ns].sockets.get(socket).heard > 0;
                if sent && !heard && stopped == Stopped::Quiet {
                    let until = self.at + Action::NO_ANSWER;
                    let wait = until.since(world.now());
                    stopped = run_until_quiet(cluster, world, trace, wait);
                }
            }
            Done::Program(process) => {
                while world.process(process).outcome.is_none()
                    && stopped == Stopped::Quiet
                    && world.now() < self.at + PATIENCE
                {
                    stopped = run_until_quiet(cluster, world, trace, LOOK_AGAIN);
                }
            }
        }
        (done, stopped)
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
        self.replay_into(lab, until, &mut Recorder::default())
    }

    fn replay_into(&self, lab: &Lab, until: Nanos, trace: &mut Recorder) -> World {
        let (mut world, _) = lab.start(&self.actions);
        let begun = self.sends.partition_point(|send| send.at <= until);
        if let Some((last, earlier)) = self.sends[..begun].split_last() {
            for send in earlier {
                send.run(&lab.cluster, &mut world, trace);
            }
            last.begin(&mut world, trace);
        }
        while let Stopped::Dormant(ns) = world.run_until(trace, until) {
            wake(&lab.cluster, &mut world, trace, ns);
        }
        world
    }

    /// A step's events, with every rule that was asked and did not match between them. Found by running the lab again.
    pub fn rules_walked(&self, lab: &Lab, step: usize) -> Vec<Entry> {
        let Some(told) = self.story.steps.get(step) else { return Vec::new() };
        let mut trace = Recorder::default();
        trace.every_rule = true;
        self.replay_into(lab, told.at, &mut trace);
        let mut own = told.events.iter().copied().peekable();
        let (mut walked, mut more, mut index) = (Vec::new(), Vec::new(), 0);
        for &entry in &trace.entries {
            if self.trace.entries.get(index) != Some(&entry) {
                more.push(entry);
                continue;
            }
            // What only this recording has belongs to the event that it led to.
            if own.next_if_eq(&index).is_some() {
                walked.append(&mut more);
                walked.push(entry);
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
