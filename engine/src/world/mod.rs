//! Namespaces, devices and cables, and the one loop that moves frames between them.
//!
//! [`World`] is plain data: a clone is a snapshot, and the world at any moment is the start state run to it.

mod build;
mod process;
mod queue;

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;

pub use build::{ConfigError, Hop, LinkEnd, NewRoute};
pub use process::Process;

use crate::base::{
    Arena, DevId, FxIndexMap, Nanos, NsId, OriginId, ProcessId, Rng, SocketId, limits,
};
use crate::link::{self, Devices};
use crate::skb::{BufPool, Skb};
use crate::stack::socket::Program;
use crate::stack::{self, Netns, arp, br_netfilter, frag, ip, neigh, tcp, udp, vxlan};
use crate::trace::{Birth, Ctx, Next, PacketIds, SendError, Tracer};
use crate::wire::eth::{self, EtherType};
use queue::{Due, Queue, Task};

/// Everything a packet's path depends on, at one moment of virtual time.
#[derive(Clone, Debug)]
pub struct World {
    pub netns: Arena<NsId, Netns>,
    pub devices: Devices,
    /// A cluster has a thousand.
    netns_by_name: FxIndexMap<Box<str>, NsId>,
    /// How many devices have each name.
    device_names: FxIndexMap<Box<str>, u32>,
    /// A cluster has one for each Service and pod.
    origins: FxIndexMap<Box<str>, ()>,
    now: Nanos,
    rng: Rng,
    queue: Queue,
    packets: PacketIds,
    bufs: BufPool,
    work: Vec<Next>,
    out: Vec<Next>,
    events_left: u64,
    /// `fib_multipath_hash_seed` of a namespace that sets none: one for the whole machine.
    multipath_seed: u32,
    /// Programs that have something to do, in the order they were woken.
    runnable: VecDeque<Task>,
    processes: Arena<ProcessId, Process>,
    /// A packet waits until this namespace is configured.
    awaited: Option<NsId>,
    /// What the program that is in a call has still to send.
    unsent: VecDeque<Due>,
}

/// How long a program needs to wake up and act, in virtual time.
const PROGRAM_TIME: Nanos = Nanos::from_micros(20);
/// A connection's timer that is due so soon is part of the exchange that goes on, and not something to be waited for.
const SOON: Nanos = Nanos::from_millis(100);

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// No frame is in flight and nothing is due before the given time.
    Quiet,
    /// The given moment has come, at which somebody else acts: then the run goes on.
    Interrupted,
    /// A packet reached this namespace, which is dormant: it must be configured and [woken](World::wake), then the run goes on.
    Dormant(NsId),
    /// More than [`limits::EVENTS`] happened: frames go round in a loop, or the lab is too large for one run.
    EventBudget,
}

impl World {
    /// An empty world. All chance in it is drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            netns: Arena::default(),
            devices: Arena::default(),
            netns_by_name: FxIndexMap::default(),
            device_names: FxIndexMap::default(),
            origins: FxIndexMap::default(),
            now: Nanos::ZERO,
            rng: Rng::new(seed),
            queue: Queue::default(),
            packets: PacketIds::default(),
            bufs: BufPool::default(),
            work: Vec::new(),
            out: Vec::new(),
            events_left: limits::EVENTS,
            multipath_seed: Rng::new(seed).below(u32::MAX) + 1,
            runnable: VecDeque::new(),
            processes: Arena::default(),
            awaited: None,
            unsent: VecDeque::new(),
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The text of an origin: who caused a configuration item.
    pub fn origin(&self, id: OriginId) -> &str {
        self.origins.get_index(crate::base::Id::index(id)).map_or("", |(text, ())| text)
    }

    /// `node-1/veth0`: namespace and device, the name of a device everywhere.
    pub fn device_name(&self, dev: DevId) -> String {
        let device = &self.devices[dev];
        format!("{}/{}", self.netns[device.ns].name, device.name)
    }

    /// A namespace by its name.
    pub fn find_netns(&self, name: &str) -> Option<NsId> {
        self.netns_by_name.get(name).copied()
    }

    /// A device by its name within a namespace.
    pub fn find_device(&self, ns: NsId, name: &str) -> Option<DevId> {
        // A switch has a thousand ports, and the one made last is asked for most.
        let devs = &self.netns[ns].devs;
        let mut likely = devs.last().into_iter().chain(devs).copied();
        likely.find(|&dev| &*self.devices[dev].name == name)
    }

    /// Whether devices of several namespaces have this name.
    pub fn is_shared_name(&self, device: &str) -> bool {
        self.device_names.get(device).is_some_and(|&n| n > 1)
    }

    /// Gives the next run a full event budget; each action of a lab begins so.
    pub fn refill_event_budget(&mut self) {
        self.events_left = limits::EVENTS;
    }

    /// A program sends a datagram from `socket`.
    pub fn send_udp<T: Tracer>(
        &mut self,
        trace: &mut T,
        (ns, socket): (NsId, SocketId),
        (dst, port): (Ipv4Addr, u16),
        payload: &[u8],
    ) -> Result<(), SendError> {
        self.send(trace, ns, |ctx, netns, devices| {
            udp::send(
                ctx,
                netns,
                devices,
                socket,
                (udp::To::Udp { dst, port }, None),
                payload,
                None,
            )
        })
    }

    /// A program sends an echo request from a ping socket. `ttl_hops` None: the namespace's default.
    pub fn send_echo<T: Tracer>(
        &mut self,
        trace: &mut T,
        (ns, socket): (NsId, SocketId),
        (dst, seq, ttl_hops): (Ipv4Addr, u16, Option<u8>),
        payload: &[u8],
    ) -> Result<(), SendError> {
        self.send(trace, ns, |ctx, netns, devices| {
            udp::send(
                ctx,
                netns,
                devices,
                socket,
                (udp::To::Echo { dst, seq, ttl_hops }, None),
                payload,
                None,
            )
        })
    }

    fn send<T: Tracer>(
        &mut self,
        trace: &mut T,
        ns: NsId,
        act: impl FnOnce(&mut Ctx<'_, T>, &mut Netns, &Devices) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let (mut ctx, netns, devices) = self.split(trace);
        let sent = act(&mut ctx, &mut netns[ns], devices);
        self.settle(trace);
        sent
    }

    /// Transmits a complete frame on a device, below the namespace's own stack. A frame without a whole Ethernet
    /// header is refused.
    pub fn send_frame<T: Tracer>(
        &mut self,
        trace: &mut T,
        dev: DevId,
        frame: &[u8],
    ) -> Result<(), SendError> {
        if frame.len() < crate::wire::eth::LEN {
            return Err(SendError::FrameTooShort);
        }
        if !self.devices[dev].up {
            return Err(SendError::DeviceDown);
        }
        let frame = self.bufs.copy(frame);
        let (mut ctx, _, _) = self.split(trace);
        let id = ctx.born(None, Birth::Injected);
        ctx.out.push(Next::Transmit(dev, Skb::new(id, frame)));
        self.settle(trace);
        Ok(())
    }

    /// A client connects from `socket`, sends, reads until the other side closes, and closes.
    pub fn connect<T: Tracer>(
        &mut self,
        trace: &mut T,
        (ns, socket): (NsId, SocketId),
        dst: (Ipv4Addr, u16),
        send: &[u8],
    ) -> Result<(), SendError> {
        self.send(trace, ns, |ctx, netns, devices| {
            tcp::connect(ctx, netns, devices, socket, dst, send)
        })
    }

    /// Runs until no frame is in flight, no program has anything to do, and no timer is due before `now + wait`, then
    /// moves the clock there. A connection's timer that is due within 100 ms (a delayed acknowledgement, a probe) is waited
    /// for in any case.
    pub fn run_until_quiet<T: Tracer>(&mut self, trace: &mut T, wait: Nanos) -> Stopped {
        let deadline = self.now + wait;
        self.run_while(trace, |at, busy| busy || at <= deadline, deadline)
    }

    /// The same, but no further than to the moment before `cap`, if there is still something to be run then or the wait
    /// goes beyond it.
    pub fn run_until_quiet_or<T: Tracer>(
        &mut self,
        trace: &mut T,
        wait: Nanos,
        cap: Nanos,
    ) -> Stopped {
        let deadline = self.now + wait;
        let take = |at: Nanos, busy: bool| at < cap && (busy || at <= deadline);
        let stopped = self.run_while(trace, take, deadline.min(cap));
        if stopped != Stopped::Quiet {
            return stopped;
        }
        let is_left = Cell::new(false);
        let _ = self.next_due(|_, busy| {
            is_left.set(busy);
            false
        });
        if is_left.get() || cap <= deadline {
            self.now = self.now.max(cap);
            return Stopped::Interrupted;
        }
        Stopped::Quiet
    }

    /// Runs what is due before `cap`, and moves the clock there.
    pub fn run_before<T: Tracer>(&mut self, trace: &mut T, cap: Nanos) -> Stopped {
        self.run_while(trace, |at, _| at < cap, cap)
    }

    /// Runs what is due up to and including `until`, for looking at the world as it was then.
    pub fn run_until<T: Tracer>(&mut self, trace: &mut T, until: Nanos) -> Stopped {
        self.run_while(trace, |at, _| at <= until, until)
    }

    fn run_while<T: Tracer>(
        &mut self,
        trace: &mut T,
        take: impl Fn(Nanos, bool) -> bool + Copy,
        deadline: Nanos,
    ) -> Stopped {
        loop {
            if let Some(ns) = self.awaited {
                return Stopped::Dormant(ns);
            }
            let Some((at, due)) = self.next_due(take) else { break };
            if self.events_left == 0 {
                return Stopped::EventBudget;
            }
            self.events_left -= 1;
            self.now = at;
            self.handle(trace, due);
        }
        self.now = self.now.max(deadline);
        Stopped::Quiet
    }

    /// Lets the packets through to a namespace that has its configuration now.
    pub fn wake<T: Tracer>(&mut self, trace: &mut T, ns: NsId) {
        self.netns[ns].is_dormant = false;
        if self.awaited == Some(ns) {
            self.awaited = None;
            self.settle(trace);
        }
    }

    /// What happens next, if `take` says so of its time and of whether anything is under way. Programs act when no frame
    /// is in flight: they wake up later than the kernel's work on one burst of frames takes.
    #[inline]
    fn next_due(&mut self, take: impl Fn(Nanos, bool) -> bool) -> Option<(Nanos, Due)> {
        loop {
            if !self.unsent.is_empty() && !self.queue.has_frames() {
                let next = take(self.now, true).then(|| self.unsent.pop_front()).flatten();
                return next.map(|it| (self.now, it));
            }
            let waiting = self.runnable.front().copied();
            if let Some(task) = waiting.filter(|_| !self.queue.has_frames()) {
                let at = self.now + PROGRAM_TIME;
                if self.queue.next_at().is_none_or(|due| due > at) {
                    return take(at, true).then(|| {
                        self.runnable.pop_front();
                        (at, Due::Program(task))
                    });
                }
            }
            let (at, due) = self.queue.pop_if(|at, busy| take(at, busy || waiting.is_some()))?;
            match due {
                Due::TcpTimer { ns, socket, timer, generation, .. }
                    if !tcp::is_due(&self.netns[ns], socket, timer, generation) => {}
                due => return Some((at.max(self.now), due)),
            }
        }
    }

    #[inline]
    fn handle<T: Tracer>(&mut self, trace: &mut T, due: Due) {
        let (mut ctx, netns, devices) = self.split(trace);
        match due {
            Due::Arrive { dev, from, skb } => link::arrive(&mut ctx, devices, dev, from, skb),
            Due::Backlog { dev, skb } => link::receive(&mut ctx, devices, dev, skb),
            Due::ProxyArp { dev, skb } => {
                let ns = devices[dev].ns;
                arp::redo(&mut ctx, &mut netns[ns], devices, dev, skb);
            }
            Due::FragmentTimer { ns, by, number } => {
                frag::expire(&mut ctx, &mut netns[ns], devices, (by, number));
            }
            Due::NeighTimer { dev, ip, generation } => {
                let ns = devices[dev].ns;
                neigh::timer(&mut ctx, &mut netns[ns], devices, (dev, ip), generation);
            }
            Due::TcpTimer { ns, socket, timer, .. } => {
                tcp::fire(&mut ctx, &mut netns[ns], devices, socket, timer);
            }
            Due::Alarm { process, number } => return self.alarm(process, number),
            Due::Program(Task::Process(process)) => return self.run_process(trace, process),
            Due::Program(Task::Connection { ns, socket })
                if matches!(netns[ns].sockets.get(socket).program, Program::Runs { .. }) =>
            {
                return self.poll_connection(trace, (ns, socket));
            }
            Due::SendPiece { ns, skb } => {
                let lo = netns[ns].lo;
                let out = skb.dst.map_or(lo, |dst| dst.dev);
                if !frag::send_piece(&mut ctx, &mut netns[ns], devices, skb) {
                    let rest = std::mem::take(&mut self.unsent).into_iter();
                    let pieces = rest.filter_map(|it| {
                        if let Due::SendPiece { skb, .. } = it { Some(skb) } else { None }
                    });
                    let (mut ctx, _, _) = self.split(trace);
                    frag::give_up(&mut ctx, out, pieces);
                }
            }
            Due::SendPacket { ns, skb } => ip::local_out(&mut ctx, &mut netns[ns], devices, skb),
            Due::Program(Task::Connection { ns, socket }) => {
                if tcp::run(&mut ctx, &mut netns[ns], devices, socket) {
                    self.runnable.push_front(Task::Connection { ns, socket });
                }
            }
            Due::Program(Task::Answer { ns, socket, to: (dst, port), parent }) => {
                let netns = &mut netns[ns];
                let own = &mut netns.sockets.get_mut(socket).program;
                let program = std::mem::replace(own, Program::Reads);
                if let Program::Answers(reply) = &program {
                    let to = (udp::To::Udp { dst, port }, None);
                    // A failed answer is in the trace; the program has nobody to tell.
                    let _ = udp::send(&mut ctx, netns, devices, socket, to, reply, Some(parent));
                }
                netns.sockets.get_mut(socket).program = program;
            }
        }
        self.settle(trace);
    }

    /// Acts on reports until none is left: children of one before its siblings, as the kernel's calls nest.
    #[inline]
    fn settle<T: Tracer>(&mut self, trace: &mut T) {
        loop {
            let next = match self.out.len() {
                0 => match self.work.pop() {
                    Some(next) => next,
                    None => return,
                },
                1 => self.out.remove(0),
                _ => {
                    self.work.extend(self.out.drain(..).rev());
                    continue;
                }
            };
            match next {
                Next::Arrive { dev, from, after, skb } => {
                    self.queue.push(self.now + after, Due::Arrive { dev, from, skb });
                }
                Next::Backlog(dev, skb) => {
                    self.queue.push(self.now + link::BACKLOG_TIME, Due::Backlog { dev, skb });
                }
                Next::Encapsulate { dev, remote, skb } => {
                    let (mut ctx, netns, devices) = self.split(trace);
                    vxlan::encapsulate(&mut ctx, netns, devices, (dev, remote), skb);
                }
                Next::Decapsulate { dev, outer, skb } => {
                    let (mut ctx, _, devices) = self.split(trace);
                    link::vxlan::receive(&mut ctx, devices, dev, outer, skb);
                }
                Next::FragmentTimer { at, ns, by, number } => {
                    self.queue.push(at, Due::FragmentTimer { ns, by, number });
                }
                Next::NeighTimer { at, dev, ip, generation } => {
                    self.queue.push(at, Due::NeighTimer { dev, ip, generation });
                }
                Next::Transmit(dev, skb) => {
                    let (mut ctx, _, devices) = self.split(trace);
                    link::transmit(&mut ctx, devices, dev, skb);
                }
                Next::Receive(dev, skb) => {
                    let (mut ctx, _, devices) = self.split(trace);
                    link::receive(&mut ctx, devices, dev, skb);
                }
                Next::Up(dev, skb) => {
                    let (mut ctx, netns, devices) = self.split(trace);
                    let ns = devices[dev].ns;
                    if netns[ns].is_dormant && eth::ether_type(&skb.frame) == EtherType::Ipv4 {
                        self.awaited = Some(ns);
                        self.work.push(Next::Up(dev, skb));
                        return;
                    }
                    stack::receive(&mut ctx, &mut netns[ns], devices, dev, skb);
                }
                Next::BridgeIn(dev, skb) => {
                    let (mut ctx, netns, devices) = self.split(trace);
                    let ns = devices[dev].ns;
                    br_netfilter::pre_routing(&mut ctx, &mut netns[ns], devices, dev, skb);
                }
                Next::BridgeForward(to, skb) => {
                    let (mut ctx, netns, devices) = self.split(trace);
                    let ns = devices[to].ns;
                    br_netfilter::forward(&mut ctx, &mut netns[ns], devices, to, skb);
                }
                Next::BridgeBack(bridge, skb) => {
                    let (mut ctx, _, devices) = self.split(trace);
                    br_netfilter::back(&mut ctx, devices, bridge, skb);
                }
                Next::TcpTimer { at, ns, socket, timer, generation } => {
                    let soon = at.since(self.now) < SOON;
                    self.queue.push(at, Due::TcpTimer { ns, socket, timer, generation, soon });
                }
                Next::Wake { ns, socket } => {
                    let task = Task::Connection { ns, socket };
                    if !self.runnable.contains(&task) {
                        self.runnable.push_back(task);
                    }
                }
                Next::Tell { ns, socket, told, packet } => {
                    self.tell((ns, socket), told, packet);
                }
                Next::ProxyArp { at, dev, skb } => {
                    self.queue.push(at, Due::ProxyArp { dev, skb });
                }
                Next::SendPieces { ns, pieces } => {
                    self.unsent.extend(pieces.into_iter().map(|skb| Due::SendPiece { ns, skb }));
                }
                Next::SendPacket { ns, skb } => {
                    self.unsent.push_back(Due::SendPacket { ns, skb });
                }
                Next::Answer { ns, socket, to, parent } => {
                    self.runnable.push_back(Task::Answer { ns, socket, to, parent });
                }
            }
        }
    }

    #[inline]
    fn split<'a, T>(
        &'a mut self,
        trace: &'a mut T,
    ) -> (Ctx<'a, T>, &'a mut Arena<NsId, Netns>, &'a mut Devices) {
        let ctx = Ctx {
            now: self.now,
            rng: &mut self.rng,
            trace,
            bufs: &mut self.bufs,
            packets: &mut self.packets,
            out: &mut self.out,
        };
        (ctx, &mut self.netns, &mut self.devices)
    }
}

#[cfg(test)]
pub(crate) mod tests;
