//! Running programs: their sockets, what they hear, and the calls they make, one after the other.
//!
//! A program acts while no frame is in flight; what its calls send settles before it makes the next. What it is lies in
//! [`app`](crate::app).

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::World;
use super::queue::{Due, Task};
use crate::app::{App, Call, Closed, Happened, Outcome, Sock};
use crate::base::{Id, Nanos, NsId, PacketId, ProcessId, SocketId};
use crate::stack::socket::{Bound, Program, Socket};
use crate::stack::{tcp, udp};
use crate::trace::{Told, Tracer};
use crate::wire::icmp::Error;

/// `ip_local_port_range`: the first port that the kernel gives a client, and how many.
const EPHEMERAL: (u16, u16) = (32768, 28232);

/// A program that runs in a namespace.
#[derive(Clone, Debug)]
pub struct Process {
    pub ns: NsId,
    /// Who runs it, in words: a container's name.
    pub owner: Box<str>,
    pub app: App,
    /// What came of it, once it has ended.
    pub outcome: Option<Outcome>,
    sockets: Vec<(Sock, SocketId)>,
    n_accepted: u32,
    /// Connections that it was told are there.
    connected: Vec<Sock>,
    heard: VecDeque<(Happened, Option<PacketId>)>,
    calls: VecDeque<Call>,
    /// What it heard of last.
    cause: Option<PacketId>,
    n_alarms: u32,
}

impl Process {
    fn sock(&self, socket: SocketId) -> Option<Sock> {
        self.sockets.iter().find(|(_, id)| *id == socket).map(|(sock, _)| *sock)
    }

    fn socket(&self, sock: Sock) -> Option<SocketId> {
        self.sockets.iter().find(|(own, _)| *own == sock).map(|(_, id)| *id)
    }

    /// Its sockets, listeners and connections.
    pub fn sockets(&self) -> impl Iterator<Item = SocketId> {
        self.sockets.iter().map(|(_, id)| *id)
    }
}

impl World {
    /// Starts a program. What it listens on it does at once; other calls it makes when its turn comes.
    pub fn spawn(&mut self, ns: NsId, owner: &str, mut app: App) -> ProcessId {
        let calls = app.on(&Happened::Started, self.now);
        let process = self.processes.push(Process {
            ns,
            owner: owner.into(),
            app,
            outcome: None,
            sockets: Vec::new(),
            n_accepted: 0,
            connected: Vec::new(),
            heard: VecDeque::new(),
            calls: VecDeque::new(),
            cause: None,
            n_alarms: 0,
        });
        for call in calls {
            match call {
                Call::Bind { sock, addr, port } => {
                    self.open(process, sock, addr, Bound::Udp { port }, false);
                }
                Call::Listen { sock, addr, port } => {
                    self.open(process, sock, addr, Bound::Tcp { port }, true);
                }
                later => self.processes[process].calls.push_back(later),
            }
        }
        if !self.processes[process].calls.is_empty() {
            self.schedule(process);
        }
        process
    }

    /// A running program, or one that ended.
    pub fn process(&self, id: ProcessId) -> &Process {
        &self.processes[id]
    }

    /// Every program that was started.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.processes.iter()
    }

    /// Kills what runs in a namespace that goes away, and ends its sockets.
    pub(super) fn kill_all(&mut self, ns: NsId) {
        for index in 0..self.processes.len() {
            let id = ProcessId::from_index(index);
            if self.processes[id].ns == ns && self.processes[id].outcome.is_none() {
                self.finish(id, Outcome::Killed);
            }
        }
        self.netns[ns].sockets.end();
    }

    /// The program of this owner in a namespace takes on what another would begin with: the answers of a server that reads
    /// its configuration again. False: there is none of its kind.
    pub fn reload(&mut self, ns: NsId, owner: &str, app: &App) -> bool {
        let is_it = |it: &Process| it.ns == ns && &*it.owner == owner && it.outcome.is_none();
        (0..self.processes.len())
            .map(ProcessId::from_index)
            .any(|id| is_it(&self.processes[id]) && self.processes[id].app.reload(app))
    }

    fn hear(&mut self, process: ProcessId, happened: Happened, packet: Option<PacketId>) {
        self.processes[process].heard.push_back((happened, packet));
        self.schedule(process);
    }

    fn schedule(&mut self, process: ProcessId) {
        let task = Task::Process(process);
        if !self.runnable.contains(&task) {
            self.runnable.push_back(task);
        }
    }

    fn process_of(&self, (ns, socket): (NsId, SocketId)) -> Option<ProcessId> {
        match self.netns[ns].sockets.get(socket).program {
            Program::Runs { process, .. } => Some(process),
            Program::Reads | Program::Answers(_) | Program::Connects | Program::Tunnel(_) => None,
        }
    }

    pub(super) fn alarm(&mut self, process: ProcessId, number: u32) {
        if self.processes[process].n_alarms == number {
            self.hear(process, Happened::Woken, None);
        }
    }

    /// A socket's process hears of something.
    pub(super) fn tell(
        &mut self,
        (ns, socket): (NsId, SocketId),
        told: Told,
        packet: Option<PacketId>,
    ) {
        let Some(id) = self.process_of((ns, socket)) else { return };
        let process = &self.processes[id];
        let Some(sock) = process.sock(socket) else { return };
        let was_connected = process.connected.contains(&sock);
        let is_datagram = matches!(self.netns[ns].sockets.get(socket).bound, Bound::Udp { .. });
        let closed = |how| Happened::Closed { sock, how };
        let happened = match told {
            Told::Datagram { from: (ip, port), payload: bytes } => {
                Happened::Datagram { sock, from: SocketAddrV4::new(ip, port), bytes }
            }
            Told::Error(_) if is_datagram => Happened::Undelivered { sock },
            Told::Error(Error::PortUnreachable) => closed(Closed::Refused),
            Told::Error(_) => closed(Closed::Unreachable),
            Told::Reset if was_connected => closed(Closed::Reset),
            Told::Reset => closed(Closed::Refused),
            Told::TimedOut => closed(Closed::TimedOut),
        };
        self.hear(id, happened, packet);
    }

    /// A process looks at its connection.
    pub(super) fn poll_connection<T: Tracer>(&mut self, trace: &mut T, at: (NsId, SocketId)) {
        let (ns, socket) = at;
        let (mut ctx, netns, devices) = self.split(trace);
        let polled = tcp::poll(&mut ctx, &mut netns[ns], devices, socket);
        self.settle(trace);
        let (Some(found), Some(id)) = (polled, self.process_of(at)) else { return };
        if found.busy {
            self.runnable.push_front(Task::Connection { ns, socket });
            return;
        }
        if found.connected {
            self.connection_made(id, at);
        }
        let Some(sock) = self.processes[id].sock(socket) else { return };
        if !found.bytes.is_empty() {
            self.hear(id, Happened::Bytes { sock, bytes: found.bytes }, found.packet);
        }
        if found.ended {
            self.hear(id, Happened::Closed { sock, how: Closed::Ended }, found.packet);
        }
        if !self.processes[id].calls.is_empty() {
            self.schedule(id);
        }
    }

    /// A client's connection is there, or one came by a listener.
    fn connection_made(&mut self, id: ProcessId, (ns, socket): (NsId, SocketId)) {
        let sockets = &self.netns[ns].sockets;
        let Some(pair) = sockets.connections.get(socket).map(tcp::Conn::pair) else { return };
        let local = SocketAddrV4::new(pair.local.0, pair.local.1);
        let peer = SocketAddrV4::new(pair.remote.0, pair.remote.1);
        let process = &mut self.processes[id];
        let happened = match process.sock(socket) {
            Some(sock) => {
                process.connected.push(sock);
                Happened::Connected { sock, local }
            }
            None => {
                let sock = Sock(Sock::ACCEPTED.0 + process.n_accepted);
                process.n_accepted += 1;
                process.sockets.push((sock, socket));
                process.connected.push(sock);
                let by = process.sockets.iter().find(|(_, listener)| {
                    let it = sockets.get(*listener);
                    it.bound == Bound::Tcp { port: local.port() }
                        && matches!(it.program, Program::Runs { listens: true, .. })
                        && it.addr.is_none_or(|addr| addr == *local.ip())
                });
                let Some(&(listener, _)) = by else { return };
                Happened::Accepted { listener, sock, local, peer }
            }
        };
        self.hear(id, happened, None);
    }

    /// A process makes its next call, or hears of what happened.
    pub(super) fn run_process<T: Tracer>(&mut self, trace: &mut T, id: ProcessId) {
        let now = self.now;
        let process = &mut self.processes[id];
        if process.outcome.is_some() {
            return;
        }
        if process.calls.is_empty()
            && let Some((happened, packet)) = process.heard.pop_front()
        {
            process.cause = packet;
            process.calls.extend(process.app.on(&happened, now));
        }
        let made = process.calls.pop_front().and_then(|call| self.make(trace, id, call));
        let process = &self.processes[id];
        if !(process.calls.is_empty() && process.heard.is_empty()) {
            self.run_next(Task::Process(id));
        }
        // A call that sends is over when what it sent has settled; the next comes after.
        if let Some(socket) = made {
            self.run_next(Task::Connection { ns: self.processes[id].ns, socket });
        }
    }

    fn run_next(&mut self, task: Task) {
        self.runnable.retain(|other| *other != task);
        self.runnable.push_front(task);
    }

    /// Makes a call. The connection that it was about, if it was about one.
    fn make<T: Tracer>(&mut self, trace: &mut T, id: ProcessId, call: Call) -> Option<SocketId> {
        match call {
            Call::Bind { sock, addr, port } => {
                self.open(id, sock, addr, Bound::Udp { port }, false);
            }
            Call::Listen { sock, addr, port } => {
                self.open(id, sock, addr, Bound::Tcp { port }, true);
            }
            Call::Send { sock, to, bytes } => self.send_datagram(trace, id, (sock, to), &bytes),
            Call::Connect { sock, to } => self.connect_process(trace, id, (sock, to)),
            Call::Write { sock, bytes } => return self.write(trace, id, sock, &bytes),
            Call::Close { sock } => return self.close(trace, id, sock),
            Call::Wake { at } => self.set_alarm(id, at),
            Call::Finish(outcome) => self.finish(id, outcome),
        }
        None
    }

    fn write<T: Tracer>(
        &mut self,
        trace: &mut T,
        id: ProcessId,
        sock: Sock,
        bytes: &[u8],
    ) -> Option<SocketId> {
        let ns = self.processes[id].ns;
        let socket = self.processes[id].socket(sock)?;
        let (mut ctx, netns, devices) = self.split(trace);
        let written = tcp::write(&mut ctx, &mut netns[ns], devices, socket, bytes);
        self.settle(trace);
        written.then_some(socket)
    }

    fn set_alarm(&mut self, id: ProcessId, at: Nanos) {
        self.processes[id].n_alarms += 1;
        let number = self.processes[id].n_alarms;
        self.queue.push(at, Due::Alarm { process: id, number });
    }

    fn finish(&mut self, id: ProcessId, outcome: Outcome) {
        let process = &mut self.processes[id];
        process.outcome = Some(outcome);
        process.n_alarms += 1;
        process.calls.clear();
        process.heard.clear();
        let ns = process.ns;
        for (_, socket) in std::mem::take(&mut process.sockets) {
            let sockets = &mut self.netns[ns].sockets;
            if let Bound::Udp { .. } = sockets.get(socket).bound {
                sockets.unbind(socket);
            }
        }
    }

    /// Binds a socket. None: somebody has that port.
    fn open(
        &mut self,
        id: ProcessId,
        sock: Sock,
        addr: Option<Ipv4Addr>,
        bound: Bound,
        listens: bool,
    ) -> Option<SocketId> {
        let Process { ns, owner, .. } = &self.processes[id];
        let (ns, owner) = (*ns, owner.clone());
        let program = Program::Runs { process: id, listens };
        let socket = Socket { bound, addr, program, owner, broadcast: false, heard: 0 };
        let socket = self.netns[ns].sockets.bind(socket).ok()?;
        self.processes[id].sockets.push((sock, socket));
        Some(socket)
    }

    /// Binds a socket to a port that the kernel chooses: one that is free, by the seed.
    fn open_client(
        &mut self,
        id: ProcessId,
        sock: Sock,
        bound: fn(u16) -> Bound,
    ) -> Option<SocketId> {
        let (first, count) = EPHEMERAL;
        let drawn = self.rng.below(u32::from(count));
        (0..u32::from(count)).find_map(|tried| {
            let offset = u16::try_from((drawn + tried) % u32::from(count)).ok()?;
            self.open(id, sock, None, bound(first + offset), false)
        })
    }

    fn send_datagram<T: Tracer>(
        &mut self,
        trace: &mut T,
        id: ProcessId,
        (sock, to): (Sock, SocketAddrV4),
        bytes: &[u8],
    ) {
        let opened = self.processes[id].socket(sock);
        let socket = opened.or_else(|| self.open_client(id, sock, |port| Bound::Udp { port }));
        let Process { ns, cause, .. } = self.processes[id];
        let sent = socket.is_some_and(|socket| {
            let (mut ctx, netns, devices) = self.split(trace);
            let to = (udp::To::Udp { dst: *to.ip(), port: to.port() }, None);
            udp::send(&mut ctx, &mut netns[ns], devices, socket, to, bytes, cause).is_ok()
        });
        self.settle(trace);
        if !sent {
            self.hear(id, Happened::Undelivered { sock }, None);
        }
    }

    fn connect_process<T: Tracer>(
        &mut self,
        trace: &mut T,
        id: ProcessId,
        (sock, to): (Sock, SocketAddrV4),
    ) {
        let ns = self.processes[id].ns;
        let socket = self.open_client(id, sock, |port| Bound::Tcp { port });
        let made = socket.is_some_and(|socket| {
            let (mut ctx, netns, devices) = self.split(trace);
            let dst = (*to.ip(), to.port());
            tcp::connect(&mut ctx, &mut netns[ns], devices, socket, dst, &[]).is_ok()
        });
        self.settle(trace);
        if !made {
            self.hear(id, Happened::Closed { sock, how: Closed::Unreachable }, None);
        }
    }

    fn close<T: Tracer>(&mut self, trace: &mut T, id: ProcessId, sock: Sock) -> Option<SocketId> {
        let ns = self.processes[id].ns;
        let socket = self.processes[id].socket(sock)?;
        self.processes[id].sockets.retain(|(own, _)| *own != sock);
        if let Bound::Udp { .. } | Bound::Ping { .. } = self.netns[ns].sockets.get(socket).bound {
            self.netns[ns].sockets.unbind(socket);
            return None;
        }
        let (mut ctx, netns, devices) = self.split(trace);
        let closed = tcp::close(&mut ctx, &mut netns[ns], devices, socket);
        self.settle(trace);
        closed.then_some(socket)
    }
}
