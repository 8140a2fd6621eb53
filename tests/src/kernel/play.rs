//! Plays stimuli into the kernel by ordinary sockets inside the namespaces, answers for the listeners, and waits for the network to
//! be quiet between them.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn, bind, connect, recvmsg, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::sniff::Sniffer;
use super::{Pace, netns};
use crate::capture::Capture;
use crate::lab::{self, Action, Stimulus, Transport};
use crate::problem::{Outcome, Problem};

/// A network that is not quiet this long after its time is in a loop.
const MAX_NOISE: Duration = Duration::from_secs(10);
const MAX_DATAGRAM_LEN: usize = 65_536;
/// What a listener reads at once.
const MAX_READ_LEN: usize = 65_536;

/// A socket that waits for datagrams.
pub(super) struct Listening {
    socket: UdpSocket,
    reply: Vec<u8>,
}

/// Opens the listeners' sockets. Those for datagrams are answered by [`play`]; connections have threads of their own.
pub(super) fn listen(listeners: &[lab::Listener]) -> Outcome<Vec<Listening>> {
    let mut datagrams = Vec::new();
    for it in listeners {
        match it.transport {
            Transport::Udp => {
                let socket = netns::within(&it.netns, || udp_socket(it.port))?;
                setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
                    .map_err(|e| Problem::at("timestamps of datagrams", e))?;
                datagrams.push(Listening { socket, reply: it.reply.clone() });
            }
            Transport::Tcp => {
                let socket = netns::within(&it.netns, || {
                    TcpListener::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, it.port))
                        .map_err(|e| Problem::at(format!("tcp port {}", it.port), e))
                })?;
                let reply = it.reply.clone();
                thread::spawn(move || serve(&socket, &reply));
            }
        }
    }
    Ok(datagrams)
}

/// Reads once of every connection, sends the reply, closes. Never ends; the process does.
fn serve(listener: &TcpListener, reply: &[u8]) {
    for connection in listener.incoming() {
        let reply = reply.to_vec();
        thread::spawn(move || {
            // A reset is what the other side did, and is in the captures; here there is nobody to tell.
            let _ = connection.and_then(|mut it| {
                let _ = it.read(&mut vec![0; MAX_READ_LEN])?;
                it.write_all(&reply)
            });
        });
    }
}

/// Plays all, one after the other, and gives what the devices saw.
pub(super) fn play(
    stimuli: &[Stimulus],
    listeners: &[Listening],
    sniffer: &mut Sniffer,
    pace: Pace,
) -> Outcome<Vec<Capture>> {
    if sniffer.drain()? > 0 {
        return Err(Problem::new(
            "frames passed before the first stimulus, so the snapshot is not the state it started from",
        ));
    }
    // They stay open, so that replies find them.
    let mut senders = BTreeMap::new();
    for it in stimuli {
        // Not by the clock: after one that came late the next would come too soon for what grows with time.
        let until = Instant::now() + it.wait;
        send(it, &mut senders)?;
        wait(until, listeners, sniffer, pace)?;
    }
    Ok(sniffer.captures())
}

fn send(it: &Stimulus, senders: &mut BTreeMap<(String, u16), UdpSocket>) -> Outcome<()> {
    match &it.action {
        Action::SendFrame { dev, frame } => netns::within(&it.netns, || send_frame(dev, frame)),
        Action::Ping { dst, id, seq, payload, ttl } => {
            netns::within(&it.netns, || send_ping(*dst, &echo_request(*id, *seq, payload), *ttl))
        }
        Action::Udp { sport, dst, payload } => {
            let key = (it.netns.clone(), *sport);
            if !senders.contains_key(&key) {
                senders.insert(key.clone(), netns::within(&it.netns, || udp_socket(*sport))?);
            }
            unless_refused(senders[&key].send_to(payload, dst))
                .map_err(|e| Problem::at(format!("udp to {dst}"), e))
        }
        Action::Tcp { sport, dst, send } => {
            let socket = netns::within(&it.netns, || {
                tcp_socket(*sport).map_err(|e| Problem::at(format!("tcp port {sport}"), e))
            })?;
            let (dst, send) = (SockaddrIn::from(*dst), send.clone());
            thread::spawn(move || exchange(socket, &dst, &send));
            Ok(())
        }
        Action::Foreign(kind) => {
            Err(Problem::new(format!("stimuli of kind {kind} (IPv6) are not played yet")))
        }
    }
}

fn tcp_socket(port: u16) -> nix::Result<OwnedFd> {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)))?;
    Ok(fd)
}

/// Connects, sends, reads until the other side closes, closes. That there is nobody to connect to, or that the other side resets,
/// is in the captures.
fn exchange(socket: OwnedFd, dst: &SockaddrIn, send: &[u8]) {
    if connect(socket.as_raw_fd(), dst).is_ok() {
        let mut stream = TcpStream::from(socket);
        let _ = stream.write_all(send).and_then(|()| stream.read_to_end(&mut Vec::new()));
    }
}

fn udp_socket(port: u16) -> Outcome<UdpSocket> {
    let made = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)).and_then(|it| {
        it.set_nonblocking(true)?;
        it.set_broadcast(true)?;
        Ok(it)
    });
    made.map_err(|e| Problem::at(format!("udp port {port}"), e))
}

fn send_frame(dev: &str, frame: &[u8]) -> Outcome<()> {
    let problem = |e: Errno| Problem::at(format!("sending a frame on {dev}"), e);
    let mut all = getifaddrs().map_err(problem)?;
    let address: Option<LinkAddr> = all.find_map(|it| {
        if it.interface_name == dev { it.address?.as_link_addr().copied() } else { None }
    });
    let address = address.ok_or_else(|| Problem::at(dev, "no such device"))?;
    // No protocol: this socket only sends.
    let fd =
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None).map_err(problem)?;
    match sendto(fd.as_raw_fd(), frame, &address, MsgFlags::empty()) {
        // The device took it and dropped it, as a wire does with what is too long for its far end.
        // So does one that is down, and says so.
        Ok(_) | Err(Errno::ENOBUFS | Errno::ENETDOWN) => Ok(()),
        Err(e) => Err(problem(e)),
    }
}

fn send_ping(dst: Ipv4Addr, message: &[u8], ttl: Option<u8>) -> Outcome<()> {
    let sent = || -> nix::Result<usize> {
        let fd = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Icmp)?;
        setsockopt(&fd, sockopt::Broadcast, &true)?;
        if let Some(ttl) = ttl {
            setsockopt(&fd, sockopt::Ipv4Ttl, &i32::from(ttl))?;
        }
        sendto(
            fd.as_raw_fd(),
            message,
            &SockaddrIn::from(SocketAddrV4::new(dst, 0)),
            MsgFlags::empty(),
        )
    };
    unless_refused(sent().map_err(io::Error::from))
        .map_err(|e| Problem::at(format!("ping to {dst}"), e))
}

fn echo_request(id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
    let mut message = [&[8, 0, 0, 0], &id.to_be_bytes()[..], &seq.to_be_bytes(), payload].concat();
    let sum = crate::frame::checksum(&[&message]).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// What the network refuses, the sender is told at once: no route, a route or a rule that forbids it, a packet that is too
/// long. That is a thing to record, not a fault of ours.
fn unless_refused(sent: io::Result<usize>) -> io::Result<()> {
    let is_refusal = |e: &io::Error| {
        matches!(
            e.kind(),
            ErrorKind::NetworkUnreachable
                | ErrorKind::HostUnreachable
                | ErrorKind::PermissionDenied
                | ErrorKind::InvalidInput
        ) || e.raw_os_error() == Some(Errno::EMSGSIZE as i32)
    };
    match sent {
        Err(e) if !is_refusal(&e) => Err(e),
        _ => Ok(()),
    }
}

/// Waits until that time, and until the network is quiet.
fn wait(until: Instant, listeners: &[Listening], sniffer: &mut Sniffer, pace: Pace) -> Outcome<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(pace.quiet);
        let timeout =
            PollTimeout::try_from(left).map_err(|_| Problem::new("wait_ms is too long"))?;
        let sockets = listeners.iter().map(|it| it.socket.as_fd());
        let mut fds: Vec<_> =
            sniffer.fds().chain(sockets).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let n_ready = poll(&mut fds, timeout).map_err(|e| Problem::at("poll", e))?;
        drop(fds);
        answer(listeners)?;
        sniffer.drain()?;
        if n_ready == 0 && Instant::now() >= until {
            return Ok(());
        }
        if Instant::now() > until + MAX_NOISE {
            return Err(Problem::new("the network never became quiet"));
        }
    }
}

/// Answers what came, in the order in which it did.
fn answer(listeners: &[Listening]) -> Outcome<()> {
    let problem = |e: io::Error| Problem::at("a listener", e);
    let mut came = Vec::new();
    for it in listeners {
        while let Some((at, from)) = it.receive().map_err(problem)? {
            came.push((at, it, from));
        }
    }
    came.sort_by_key(|(at, ..)| *at);
    for (_, it, from) in came {
        unless_refused(it.socket.send_to(&it.reply, from)).map_err(problem)?;
    }
    Ok(())
}

impl Listening {
    /// When a datagram came, and from whom; None if none is left.
    fn receive(&self) -> io::Result<Option<(TimeSpec, SocketAddrV4)>> {
        let mut buffer = vec![0; MAX_DATAGRAM_LEN];
        let mut beside = nix::cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let got = recvmsg::<SockaddrIn>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut beside),
            MsgFlags::empty(),
        );
        let got = match got {
            Ok(got) => got,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let stamp = got.cmsgs()?.find_map(|it| match it {
            ControlMessageOwned::ScmTimestampns(at) => Some(at),
            _ => None,
        });
        let from = got.address.map(|it| SocketAddrV4::new(it.ip(), it.port()));
        Ok(Some((
            stamp.unwrap_or_else(|| TimeSpec::new(0, 0)),
            from.ok_or(ErrorKind::InvalidData)?,
        )))
    }
}
