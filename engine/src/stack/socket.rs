//! The sockets of a namespace: who listens where, and what a program behind it does.

use std::net::Ipv4Addr;

use super::tcp::Connections;
use crate::base::{Arena, DevId, FxIndexMap, Id, ProcessId, SocketId};

/// What a socket is bound to, besides an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    Udp {
        port: u16,
    },
    /// An ICMP echo socket with its identifier.
    Ping {
        id: u16,
    },
    /// A listener, a client, or a connection that came by a listener.
    Tcp {
        port: u16,
    },
}

/// What the program behind a socket does with a datagram, or with a connection that comes by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Program {
    /// Reads only; of a connection, until the other side closes.
    Reads,
    /// Sends these bytes back to whoever sent; of a connection it reads once before, and closes it after.
    Answers(Vec<u8>),
    /// The kernel's own: what arrives is for these VXLAN devices, each with its network identifier.
    Tunnel(Vec<DevId>),
    /// Makes connections of its own, and takes none.
    Connects,
    /// A program that is told what happens, and then makes its calls; `listens` if connections may come by this socket.
    Runs { process: ProcessId, listens: bool },
}

impl Program {
    /// Whether connections may come by its socket.
    const fn listens(&self) -> bool {
        match self {
            Self::Reads | Self::Answers(_) | Self::Tunnel(_) => true,
            Self::Connects => false,
            Self::Runs { listens, .. } => *listens,
        }
    }
}

/// A socket.
#[derive(Clone, Debug)]
pub struct Socket {
    pub bound: Bound,
    /// None: any of the namespace's addresses (0.0.0.0).
    pub addr: Option<Ipv4Addr>,
    pub program: Program,
    /// It may send to broadcast addresses (`SO_BROADCAST`).
    pub broadcast: bool,
    /// Who runs the program, in words: a container's name.
    pub owner: Box<str>,
    /// Datagrams, echo replies and errors read so far.
    pub heard: u64,
}

/// The address and port are taken (`EADDRINUSE`); this socket has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddrInUse(pub SocketId);

/// All sockets of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    all: Arena<SocketId, Socket>,
    by_port: FxIndexMap<Bound, Vec<SocketId>>,
    pub connections: Connections,
}

impl Sockets {
    /// Binds a socket. A wildcard address and a specific one clash on the same port, as without `SO_REUSEADDR`.
    pub fn bind(&mut self, socket: Socket) -> Result<SocketId, AddrInUse> {
        let taken = self.by_port.entry(socket.bound).or_default();
        let all = &self.all;
        if let Some(&other) = taken.iter().find(|&&other| {
            let theirs = all[other].addr;
            theirs.is_none() || socket.addr.is_none() || theirs == socket.addr
        }) {
            return Err(AddrInUse(other));
        }
        let bound = socket.bound;
        let id = self.all.push(socket);
        self.by_port.entry(bound).or_default().push(id);
        Ok(id)
    }

    /// Adds the socket of a connection that came by a listener; nobody else finds it.
    pub(super) fn add(&mut self, socket: Socket) -> SocketId {
        self.all.push(socket)
    }

    /// Gives the port of a client back, whose connection is over.
    pub(crate) fn unbind(&mut self, id: SocketId) {
        if let Some(bound) = self.by_port.get_mut(&self.all[id].bound) {
            bound.retain(|&other| other != id);
        }
    }

    /// The socket that listens for connections to an address and port.
    pub(super) fn find_listener(&self, (addr, port): (Ipv4Addr, u16)) -> Option<SocketId> {
        let found = self.find(Bound::Tcp { port }, addr)?;
        self.all[found].program.listens().then_some(found)
    }

    /// Closes the sockets of a port or echo identifier, so that nothing finds them any more.
    pub(crate) fn close(&mut self, bound: Bound) {
        self.by_port.shift_remove(&bound);
    }

    /// Ends all at once, as their namespace goes away. A trace can still name who had them.
    pub(crate) fn end(&mut self) {
        self.by_port.clear();
        self.connections = Connections::default();
        for index in 0..self.all.len() {
            self.all[SocketId::from_index(index)].program = Program::Reads;
        }
    }

    /// The socket that a packet to `dst` is for: one bound to that address, else one bound to any.
    #[inline]
    pub fn find(&self, bound: Bound, dst: Ipv4Addr) -> Option<SocketId> {
        let candidates = self.by_port.get(&bound)?;
        let with = |addr| candidates.iter().copied().find(|&id| self.all[id].addr == addr);
        with(Some(dst)).or_else(|| with(None))
    }

    /// A socket by its id.
    #[inline]
    pub fn get(&self, id: SocketId) -> &Socket {
        &self.all[id]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SocketId) -> &mut Socket {
        &mut self.all[id]
    }

    /// All sockets in the order they were bound.
    pub fn iter(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.all.iter()
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn socket(addr: Option<[u8; 4]>) -> Socket {
        Socket {
            bound: Bound::Udp { port: 53 },
            addr: addr.map(Into::into),
            program: Program::Reads,
            owner: "dns".into(),
            broadcast: false,
            heard: 0,
        }
    }

    #[test]
    fn a_second_listener_on_a_taken_port_fails_and_on_another_address_does_not() {
        let mut sockets = Sockets::default();
        let first = sockets.bind(socket(Some([127, 0, 0, 1]))).expect("nothing is bound yet");
        assert_eq!(sockets.bind(socket(Some([127, 0, 0, 1]))), Err(AddrInUse(first)));
        assert_eq!(sockets.bind(socket(None)), Err(AddrInUse(first)));
        assert!(sockets.bind(socket(Some([10, 0, 0, 1]))).is_ok());
    }

    #[test]
    fn a_listener_on_localhost_does_not_hear_what_comes_to_another_address() {
        let mut sockets = Sockets::default();
        let id = sockets.bind(socket(Some([127, 0, 0, 1]))).expect("nothing is bound yet");
        let to = |dst: [u8; 4]| sockets.find(Bound::Udp { port: 53 }, dst.into());
        assert_eq!((to([127, 0, 0, 1]), to([10, 0, 0, 1])), (Some(id), None));
    }
}
