//! A lab's world as it runs: packets in flight, and the control plane beside them on the same clock.

use std::net::Ipv4Addr;

use super::{Action, Lab, Protocol};
use crate::app::App;
use crate::base::{Nanos, NsId, ProcessId, Rng, SocketId};
use crate::kube;
use crate::kube::control::Plane;
use crate::stack::socket::{Bound, Program, Socket};
use crate::tool::{self, Configured};
use crate::trace::{Note, Recorder};
use crate::world::{Stopped, World};

/// `ip_local_port_range`: the first, and how many.
const EPHEMERAL: (u16, u16) = (32768, 28232);
/// Until when a program is waited for: longer than a connection that nobody answers lasts.
const PATIENCE: Nanos = Nanos::from_secs(150);
const LOOK_AGAIN: Nanos = Nanos::from_secs(1);

/// An action that can be run.
#[derive(Clone, Debug)]
pub(super) struct Send {
    pub(super) at: Nanos,
    pub(super) errand: Errand,
    /// None: until everybody has heard of a change.
    pub(super) wait: Option<Nanos>,
}

/// Who does what an action says.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// A socket that is open from the start sends one thing.
    Socket {
        socket: (NsId, SocketId),
        to: (Ipv4Addr, Option<u16>),
        protocol: Protocol,
        payload: Vec<u8>,
    },
    /// A program runs to its end.
    Program { ns: NsId, owner: String, app: Box<App> },
    /// A change of objects, by its number.
    Change(usize),
    /// The sender is not there from the start; chance is drawn from the seed.
    Late(Box<Action>, u64),
}

/// What an errand left behind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Done {
    Socket((NsId, SocketId)),
    Program(ProcessId),
    Change,
    /// There was no sender.
    Nothing,
}

/// A world that runs.
pub(super) struct Play<'l> {
    lab: &'l Lab,
    pub(super) world: World,
    pub(super) trace: Recorder,
    /// None: nothing ever changes.
    plane: Option<Plane<'l>>,
}

impl<'l> Play<'l> {
    /// A lab's world before any action.
    pub(super) fn new(lab: &'l Lab, world: World) -> Self {
        let plane = match &lab.changing {
            Some(it) => Some(Plane::new(&it.start, &it.changes, &lab.settings)),
            None if lab.settings.balancing.checks.is_some() => {
                Some(Plane::new(&lab.cluster, &[], &lab.settings))
            }
            None => None,
        };
        Self { lab, world, trace: Recorder::default(), plane }
    }

    /// The control plane, where one acts.
    pub(super) fn plane(&self) -> Option<&Plane<'l>> {
        self.plane.as_ref()
    }

    fn next_at(&self) -> Option<Nanos> {
        self.plane.as_ref().and_then(Plane::next_at)
    }

    fn unsettled(&self) -> Option<Nanos> {
        self.plane.as_ref().and_then(Plane::unsettled)
    }

    /// Lets the control plane do what is due.
    fn act(&mut self) {
        let Some(plane) = &mut self.plane else { return };
        let done = plane.act(&self.world);
        let failed = tool::apply(&mut self.world, &done.operations).err();
        let now = self.world.now();
        for note in done.notes {
            self.trace.note(now, note);
        }
        if let Some((index, error)) = failed {
            let origin = done.operations[index].origin.as_deref().unwrap_or("a component");
            let (title, text) =
                (format!("{origin}: this fails"), format!("It cannot go on: {error}."));
            self.trace.note(now, Note { title, text, ..Note::default() });
        }
    }

    /// [`World::run_until_quiet`], with the nodes built that packets reach, and what components do meanwhile.
    fn run_until_quiet(&mut self, wait: Nanos) -> Stopped {
        let until = self.world.now() + wait;
        loop {
            let left = until.since(self.world.now());
            let stopped = match self.next_at() {
                Some(cap) => self.world.run_until_quiet_or(&mut self.trace, left, cap),
                None => self.world.run_until_quiet(&mut self.trace, left),
            };
            match stopped {
                Stopped::Dormant(ns) => {
                    wake(self.lab, &mut self.world, &mut self.trace, ns);
                }
                Stopped::Interrupted => self.act(),
                stopped @ (Stopped::Quiet | Stopped::EventBudget) => return stopped,
            }
        }
    }

    /// Runs what is due up to and including `until`.
    pub(super) fn run_until(&mut self, until: Nanos) {
        loop {
            let stopped = match self.next_at().filter(|at| *at <= until) {
                Some(cap) => match self.world.run_before(&mut self.trace, cap) {
                    Stopped::Quiet => {
                        self.act();
                        continue;
                    }
                    other => other,
                },
                None => self.world.run_until(&mut self.trace, until),
            };
            match stopped {
                Stopped::Dormant(ns) => {
                    wake(self.lab, &mut self.world, &mut self.trace, ns);
                }
                Stopped::Quiet | Stopped::Interrupted | Stopped::EventBudget => return,
            }
        }
    }

    /// Begins an errand. False: nothing left the sender.
    pub(super) fn begin(&mut self, it: &Send) -> (Done, bool) {
        let (world, trace) = (&mut self.world, &mut self.trace);
        world.refill_event_budget();
        match &it.errand {
            Errand::Program { ns, owner, app } => {
                (Done::Program(world.spawn(*ns, owner, (**app).clone())), true)
            }
            Errand::Change(change) => {
                let now = world.now();
                if let Some(plane) = &mut self.plane {
                    plane.begin(*change, now);
                }
                (Done::Change, true)
            }
            Errand::Late(action, seed) => {
                let ready = self.lab.prepare(world, &mut Rng::new(*seed), action);
                let Some(errand) = ready else { return (Done::Nothing, false) };
                self.begin(&Send { errand, ..it.clone() })
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

    /// Runs an errand to its end.
    pub(super) fn run(&mut self, it: &Send) -> (Done, Stopped) {
        let (done, sent) = self.begin(it);
        let mut stopped = self.run_until_quiet(it.wait.unwrap_or_default());
        match done {
            Done::Socket((ns, socket)) => {
                let heard = self.world.netns[ns].sockets.get(socket).heard > 0;
                if sent && !heard && stopped == Stopped::Quiet {
                    let until = it.at + Action::NO_ANSWER;
                    stopped = self.run_until_quiet(until.since(self.world.now()));
                }
            }
            Done::Program(process) => {
                while self.world.process(process).outcome.is_none()
                    && stopped == Stopped::Quiet
                    && self.world.now() < it.at + PATIENCE
                {
                    stopped = self.run_until_quiet(LOOK_AGAIN);
                }
            }
            Done::Change if it.wait.is_none() => {
                while let Some(at) = self.unsettled().filter(|_| stopped == Stopped::Quiet) {
                    stopped = self.run_until_quiet(at.since(self.world.now()));
                }
            }
            Done::Change | Done::Nothing => {}
        }
        (done, stopped)
    }

    /// How much is still to be done of what changed.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled().is_none()
    }
}

/// Opens the socket that something is sent from: a free port or echo identifier, by the seed. None if none is free.
pub(super) fn open(
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

/// Builds the node behind a dormant namespace, and lets the packets through that wait for it.
pub(super) fn wake(lab: &Lab, world: &mut World, trace: &mut Recorder, ns: NsId) {
    let name = &*world.netns[ns].name;
    let node = lab.cluster.nodes.iter().position(|node| node.netns == name);
    if let Some(node) = node.filter(|_| world.netns[ns].is_dormant) {
        let items = kube::Nodes::new(&lab.cluster, &lab.kept).configure(node);
        return become_node(lab, world, trace, ns, &items);
    }
    world.wake(trace, ns);
}

pub(super) fn become_node(
    lab: &Lab,
    world: &mut World,
    trace: &mut Recorder,
    ns: NsId,
    items: &[Configured],
) {
    lab.kept.apply(world, items).expect("a node's configuration follows from what was checked");
    world.wake(trace, ns);
}
