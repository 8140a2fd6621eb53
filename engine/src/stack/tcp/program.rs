//! The programs behind connections: a client that asks once, a listener that reads once and answers. Read `net/ipv4/tcp.c`
//! first.
//!
//! A program acts while no frame is in flight: it wakes up later than the kernel's work on one burst of frames takes. What
//! comes while it is in a system call waits for the call's end, as the kernel's backlog does.

use super::{Conn, Env, Netns, Program, TcpState, input::Waiting, with};
use crate::base::{PacketId, SocketId};
use crate::link::Devices;
use crate::trace::{Ctx, Heard, Next, Tracer};

/// Bytes that a listener reads at once.
const READ_AT_ONCE: usize = 65_536;

/// What a connection's program does, and what waits for it to come back from the kernel.
#[derive(Clone, Default, Debug)]
pub(super) struct Work {
    doing: Doing,
    /// In a system call that sends (`sock_owned_by_user`).
    busy: bool,
    line: Vec<Waiting>,
}

/// The next call that the program makes.
#[derive(Clone, Default, Debug)]
enum Doing {
    /// It closed its socket, or is told that there is nothing more to do.
    #[default]
    Done,
    /// It waits for the handshake and then writes.
    Connecting {
        send: Vec<u8>,
    },
    ReadingToEnd,
    ReadingOnce {
        reply: Vec<u8>,
    },
    Closing,
    /// A process makes the calls, and was told so far that the connection is there, and that the other side ended it.
    Driven {
        connected: bool,
        ended: bool,
    },
}

/// What a process finds when it looks at its connection.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Polled {
    /// The connection is there, since the last look.
    pub connected: bool,
    pub bytes: Vec<u8>,
    /// The other side will send no more, since the last look.
    pub ended: bool,
    /// Its last call goes on; it comes back when what that sent has settled.
    pub busy: bool,
    /// The packet that brought the bytes.
    pub packet: Option<PacketId>,
}

impl Work {
    pub(super) fn client(program: &Program, send: &[u8]) -> Self {
        let doing = match program {
            Program::Runs { .. } => Doing::Driven { connected: false, ended: false },
            Program::Reads | Program::Answers(_) | Program::Connects | Program::Tunnel(_) => {
                Doing::Connecting { send: send.to_vec() }
            }
        };
        Self { doing, busy: true, line: Vec::new() }
    }

    pub(super) fn server(program: &Program) -> Self {
        let doing = match program {
            Program::Answers(reply) => Doing::ReadingOnce { reply: reply.clone() },
            Program::Runs { .. } => Doing::Driven { connected: false, ended: false },
            Program::Reads | Program::Connects | Program::Tunnel(_) => Doing::ReadingToEnd,
        };
        Self { doing, ..Self::default() }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.doing, Doing::Done)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    pub(super) fn line(&mut self) -> &mut Vec<Waiting> {
        &mut self.line
    }

    /// The connection is over; the program closes its socket, which nobody sees.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }
}

impl<T: Tracer> Env<'_, '_, T> {
    /// Something happened that a program may wait for (`sk_data_ready`, `sk_state_change`).
    pub(super) fn wake(&mut self) {
        let (ns, socket) = (self.ns_id(), self.socket);
        self.ctx.out.push(Next::Wake { ns, socket });
    }

    /// What follows is done on behalf of a program.
    fn in_call(&mut self) -> &mut Self {
        self.call = Some(false);
        self
    }
}

/// Lets the program behind a connection do what it can without waiting. Whether it goes on as soon as what it sent has
/// settled.
pub fn run<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
) -> bool {
    with(ctx, ns, devices, socket, |conn, env| conn.run(env.in_call())).unwrap_or(false)
}

/// Lets a process look at its connection (`epoll_wait`, then `recv` of all there is). None where there is none.
pub fn poll<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
) -> Option<Polled> {
    with(ctx, ns, devices, socket, |conn, env| conn.poll(env.in_call()))
}

/// A process writes to its connection. Whether there is one.
pub fn write<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
    bytes: &[u8],
) -> bool {
    let written = with(ctx, ns, devices, socket, |conn, env| {
        let env = env.in_call();
        conn.call(|conn| conn.write(env, bytes));
    });
    written.is_some()
}

/// A process closes its connection. Whether there is one.
pub fn close<T: Tracer>(
    ctx: &mut Ctx<'_, T>,
    ns: &mut Netns,
    devices: &Devices,
    socket: SocketId,
) -> bool {
    let closed = with(ctx, ns, devices, socket, |conn, env| {
        let env = env.in_call();
        conn.work.doing = Doing::Done;
        conn.call(|conn| conn.close(env));
    });
    closed.is_some()
}

impl Conn {
    fn poll<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) -> Polled {
        let mut found = Polled::default();
        if self.work.busy {
            if self.work_off(env) {
                found.busy = self.work.busy; // not if that ended the connection
                return found;
            }
            self.work.busy = false;
        }
        let Doing::Driven { connected, ended } = self.work.doing else { return found };
        if self.state == TcpState::SynSent {
            return found;
        }
        found.connected = !connected;
        if !self.unread.is_empty() {
            found.bytes.clone_from(&self.unread);
            found.packet = self.brought_by;
            self.read_some(env, usize::MAX);
        }
        found.ended = self.fin_received && !ended;
        if found.ended {
            env.hear(self.brought_by, Heard::Closed);
        }
        self.work.doing = Doing::Driven { connected: true, ended: self.fin_received };
        found
    }

    fn run<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) -> bool {
        if self.work.busy {
            if self.work_off(env) {
                return self.work.busy; // not if that ended the connection
            }
            self.work.busy = false;
            if self.take_path_mtu(env) {
                return true;
            }
        }
        loop {
            match std::mem::take(&mut self.work.doing) {
                Doing::Done => return false,
                driven @ Doing::Driven { .. } => {
                    self.work.doing = driven;
                    return false;
                }
                Doing::Connecting { send } if self.state == TcpState::SynSent => {
                    self.work.doing = Doing::Connecting { send };
                    return false;
                }
                Doing::Connecting { send } => {
                    self.work.doing = Doing::ReadingToEnd;
                    if !send.is_empty() {
                        return self.call(|conn| conn.write(env, &send));
                    }
                }
                Doing::ReadingToEnd => {
                    self.read_some(env, usize::MAX);
                    if !self.fin_received {
                        self.work.doing = Doing::ReadingToEnd;
                        return false;
                    }
                    env.hear(self.brought_by, Heard::Closed);
                    self.work.doing = Doing::Closing;
                }
                Doing::ReadingOnce { reply } => {
                    if self.unread.is_empty() && !self.fin_received {
                        self.work.doing = Doing::ReadingOnce { reply };
                        return false;
                    }
                    self.read_some(env, READ_AT_ONCE);
                    self.work.doing = Doing::Closing;
                    if !reply.is_empty() {
                        return self.call(|conn| conn.write(env, &reply));
                    }
                }
                Doing::Closing => return self.call(|conn| conn.close(env)),
            }
        }
    }

    /// A system call that sends: until it is over, what comes waits.
    fn call(&mut self, act: impl FnOnce(&mut Self)) -> bool {
        self.work.busy = true;
        act(self);
        self.work.busy
    }

    /// `tcp_recvmsg`.
    fn read_some<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>, most: usize) {
        let n = self.unread.len().min(most);
        if n == 0 {
            return;
        }
        self.unread.drain(..n);
        env.hear(self.brought_by, Heard::Bytes(super::count(n)));
        self.tell_of_room(env);
    }

    /// `tcp_cleanup_rbuf`: an acknowledgement that waited for the program, or the word that there is room again.
    fn tell_of_room<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        let ack = self.ack;
        let all_read = self.unread.is_empty();
        let waited = ack.scheduled
            && (self.rcv_nxt.since(self.acked_to) > ack.rcv_mss
                || all_read && (ack.pushed == 2 || ack.pushed == 1 && !ack.pingpong));
        let told = self.acked_to.plus(self.own_window);
        let left = if told.is_after(self.rcv_nxt) { told.since(self.rcv_nxt) } else { 0 };
        let room = self.window_to_tell();
        let more = 2 * left <= super::MAX_RECEIVE_SPACE && room > 0 && room >= 2 * left;
        if waited || more && !self.fin_received {
            self.send_ack(env, None);
        }
    }

    /// `tcp_close`.
    fn close<T: Tracer>(&mut self, env: &mut Env<'_, '_, T>) {
        if !self.unread.is_empty() {
            // What nobody will read: the other side must know.
            self.unread.clear();
            self.send_active_reset(env);
            return self.die(env, None);
        }
        match self.state {
            TcpState::Established | TcpState::SynRecv => {
                self.enter(env, None, TcpState::FinWait1);
                self.send_fin(env);
            }
            TcpState::CloseWait => {
                self.enter(env, None, TcpState::LastAck);
                self.send_fin(env);
            }
            TcpState::SynSent => self.die(env, None),
            TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::LastAck
            | TcpState::Closing
            | TcpState::TimeWait
            | TcpState::Close => {}
        }
    }
}
