//! What every device sees: one packet socket for each namespace, on all its devices at once, so that their order is kept.
//! Read packet(7).

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;

use super::netns;
use crate::capture::{Capture, Direction};
use crate::frame;
use crate::problem::{Outcome, Problem};

/// Devices of each namespace: index and name.
pub(super) type Links = BTreeMap<String, BTreeMap<usize, String>>;

/// More frames than this from one lab mean a loop.
const MAX_FRAMES: usize = 8_000;
const MAX_FRAME_LEN: usize = 65_536;
const SOCKET_BUFFER_BYTES: usize = 8 << 20;
/// `PACKET_OUTGOING` of `linux/if_packet.h`.
const OUTGOING: u8 = 4;

/// Packet sockets in every namespace, and what they have seen.
pub(super) struct Sniffer {
    taps: Vec<Tap>,
    seen: Vec<(TimeSpec, Capture)>,
}

struct Tap {
    netns: String,
    devices: BTreeMap<usize, String>,
    socket: OwnedFd,
    /// Time of the newest frame. A frame that a bridge takes in keeps the time it had on the port, so times alone would put it too
    /// early; within a namespace the socket's own order is right.
    newest: TimeSpec,
}

impl Sniffer {
    pub(super) fn open(links: Links) -> Outcome<Self> {
        let taps: Outcome<_> =
            links.into_iter().map(|(netns, devices)| Tap::open(netns, devices)).collect();
        Ok(Self { taps: taps?, seen: Vec::new() })
    }

    /// What becomes readable when a frame passes.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.taps.iter().map(|it| it.socket.as_fd())
    }

    /// Takes what has been seen since. Gives the number of frames that no one sends by himself ([`frame::is_noise`]).
    pub(super) fn drain(&mut self) -> Outcome<usize> {
        let before = self.seen.len();
        for tap in &mut self.taps {
            while let Some(found) = tap.next()? {
                if !frame::is_noise(&found.1.frame) {
                    self.seen.push(found);
                }
                if self.seen.len() > MAX_FRAMES {
                    return Err(Problem::new(format!("more than {MAX_FRAMES} frames")));
                }
            }
        }
        Ok(self.seen.len() - before)
    }

    /// Everything seen, in the order of time.
    pub(super) fn captures(&self) -> Vec<Capture> {
        let mut seen = self.seen.clone();
        seen.sort_by_key(|(at, _)| *at);
        seen.into_iter().map(|(_, it)| it).collect()
    }
}

impl Tap {
    fn open(netns: String, devices: BTreeMap<usize, String>) -> Outcome<Self> {
        let socket = netns::within(&netns, || {
            let made = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )
            .and_then(|fd| {
                setsockopt(&fd, sockopt::RcvBufForce, &SOCKET_BUFFER_BYTES)?;
                setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
                Ok(fd)
            });
            made.map_err(|e| Problem::at("packet socket", e))
        })?;
        Ok(Self { netns, devices, socket, newest: TimeSpec::new(0, 0) })
    }

    fn next(&mut self) -> Outcome<Option<(TimeSpec, Capture)>> {
        let mut buffer = vec![0; MAX_FRAME_LEN];
        let mut control = cmsg_space!(TimeSpec);
        let (len, from, at) = {
            let mut iov = [IoSliceMut::new(&mut buffer)];
            let got = recvmsg::<LinkAddr>(
                self.socket.as_raw_fd(),
                &mut iov,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let message = match got {
                Ok(it) => it,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(e) => return Err(Problem::at(&self.netns, e)),
            };
            let mut times = message.cmsgs().map_err(|e| Problem::at(&self.netns, e))?;
            let at = times.find_map(|it| {
                if let ControlMessageOwned::ScmTimestampns(at) = it { Some(at) } else { None }
            });
            let from = message
                .address
                .ok_or_else(|| Problem::at(&self.netns, "a frame without a device"))?;
            (message.bytes, from, at.unwrap_or(self.newest))
        };
        buffer.truncate(len);
        self.newest = self.newest.max(at);
        let unknown = || {
            Problem::at(
                &self.netns,
                format!("a frame on device {}, which was not there before", from.ifindex()),
            )
        };
        let dev = self.devices.get(&from.ifindex()).ok_or_else(unknown)?.clone();
        if dev == "lo" {
            frame::fill_checksums(&mut buffer);
        }
        let dir = if from.pkttype() == OUTGOING { Direction::Out } else { Direction::In };
        Ok(Some((self.newest, Capture { netns: self.netns.clone(), dev, dir, frame: buffer })))
    }
}
