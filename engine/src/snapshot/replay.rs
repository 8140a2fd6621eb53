//! Plays stimuli in the world of a snapshot and returns what the packet sockets saw.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use serde::Deserialize;

use super::read::{Item, Text};
use super::{Files, load};
use crate::base::{Nanos, NsId, SocketId};
use crate::stack::socket::{Bound, Program, Socket};
use crate::trace::{Direction, Event, Recorder, SendError};
use crate::wire::eth;
use crate::world::{Stopped, World};
use crate::yaml::Problem;

/// What one device saw, as one line of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capture {
    pub netns: String,
    pub dev: String,
    pub dir: Direction,
    /// From the Ethernet header on, checksums filled in.
    pub frame: Vec<u8>,
}

/// The longest time a stimulus may wait, in milliseconds: a day.
const MAX_WAIT_MS: u64 = 86_400_000;

/// How long a network must be silent to count as quiet. Nothing in a capture depends on it but limits of so many messages in
/// a time: who recorded one waited too before the next stimulus.
const SILENCE: Nanos = Nanos::from_millis(100);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stimulus {
    send_frame: Option<SendFrame>,
    udp: Option<Udp>,
    ping: Option<Ping>,
    tcp: Option<Tcp>,
    #[serde(default)]
    wait_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendFrame {
    netns: String,
    dev: String,
    frame: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Udp {
    netns: String,
    sport: u16,
    dst: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tcp {
    netns: String,
    sport: u16,
    dst: String,
    #[serde(default)]
    send: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    netns: String,
    dst: String,
    id: u16,
    seq: u16,
    #[serde(default)]
    payload: String,
    ttl: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    netns: String,
    udp: Option<u16>,
    tcp: Option<u16>,
    #[serde(default)]
    reply: String,
}

/// Loads the snapshot, binds the listeners of `sockets` (may be empty), plays `stimuli` in order, and returns the
/// captures of all devices in the order of the virtual clock. Problems in the last two carry the file names
/// `stimuli.json` and `sockets.json`.
pub fn replay(files: &Files, stimuli: &[u8], sockets: &[u8]) -> Result<Vec<Capture>, Problem> {
    replay_in(&mut load(files)?, stimuli, sockets)
}

/// [`replay`] in a world that is there already, and is left as the stimuli leave it.
pub fn replay_in(
    world: &mut World,
    stimuli: &[u8],
    sockets: &[u8],
) -> Result<Vec<Capture>, Problem> {
    let sockets = Text::new("sockets.json", sockets)?;
    for item in sockets.list::<Listener>()? {
        listen(world, &item)?;
    }
    let stimuli = Text::new("stimuli.json", stimuli)?;
    let mut trace = Recorder::default();
    for item in stimuli.list::<Stimulus>()? {
        let told = trace.entries.len();
        play(world, &mut trace, &item)?;
        let wait = Nanos::from_millis(item.value.wait_ms).max(SILENCE);
        if world.run_until_quiet(&mut trace, wait) == Stopped::EventBudget {
            let message =
                "too many events: frames go round in a loop, or this is too large for one run";
            return Err(item.problem("", message));
        }
        refuse_unmodelled(world, &trace, told, &item)?;
        if let Some(ping) = &item.value.ping {
            let ns = netns(world, &item, "ping.netns", &ping.netns)?;
            world.netns[ns].sockets.close(Bound::Ping { id: ping.id });
        }
    }
    let captures = trace.captures().map(|it| {
        let device = &world.devices[it.dev];
        Capture {
            netns: world.netns[device.ns].name.to_string(),
            dev: device.name.to_string(),
            dir: it.dir,
            frame: it.frame.to_vec(),
        }
    });
    Ok(captures.collect())
}

fn listen(world: &mut World, item: &Item<'_, Listener>) -> Result<(), Problem> {
    let it = &item.value;
    let ns = netns(world, item, "netns", &it.netns)?;
    let bound = match (it.udp, it.tcp) {
        (Some(port), None) => Bound::Udp { port },
        (None, Some(port)) => Bound::Tcp { port },
        _ => return Err(item.problem("", "expected either udp or tcp with a port")),
    };
    let program = Program::Answers(unhex(item, "reply", &it.reply)?);
    let taken: Vec<SocketId> = world.netns[ns]
        .sockets
        .iter()
        .filter(|(_, socket)| socket.bound == bound)
        .map(|(id, _)| id)
        .collect();
    if taken.is_empty() {
        bind(world, item, ns, bound, program)?;
    } else {
        for id in taken {
            world.netns[ns].sockets.get_mut(id).program = program.clone();
        }
    }
    Ok(())
}

fn play(world: &mut World, trace: &mut Recorder, item: &Item<'_, Stimulus>) -> Result<(), Problem> {
    let it = &item.value;
    if it.wait_ms > MAX_WAIT_MS {
        let message = format!("expected at most {MAX_WAIT_MS}, a day");
        return Err(item.problem("wait_ms", message));
    }
    world.refill_event_budget();
    match (&it.send_frame, &it.udp, &it.ping, &it.tcp) {
        (Some(it), None, None, None) => send_frame(world, trace, item, it),
        (None, Some(it), None, None) => send_udp(world, trace, item, it),
        (None, None, Some(it), None) => ping(world, trace, item, it),
        (None, None, None, Some(it)) => connect(world, trace, item, it),
        _ => Err(item.problem("", "expected exactly one of send_frame, udp, ping and tcp")),
    }
}

fn send_frame(
    world: &mut World,
    trace: &mut Recorder,
    item: &Item<'_, Stimulus>,
    it: &SendFrame,
) -> Result<(), Problem> {
    let ns = netns(world, item, "send_frame.netns", &it.netns)?;
    let Some(dev) = world.find_device(ns, &it.dev) else {
        let message = format!("{} has no device {:?}", it.netns, it.dev);
        return Err(item.problem("send_frame.dev", message));
    };
    let frame = unhex(item, "send_frame.frame", &it.frame)?;
    let mtu_bytes = world.devices[dev].mtu_bytes as usize;
    if frame.len() > mtu_bytes + eth::LEN {
        let message =
            format!("{} bytes, and {} sends {} at most", frame.len(), it.dev, mtu_bytes + eth::LEN);
        return Err(item.problem("send_frame.frame", message));
    }
    let sent = world.send_frame(trace, dev, &frame);
    check_sent(item, "send_frame.frame", sent)
}

fn send_udp(
    world: &mut World,
    trace: &mut Recorder,
    item: &Item<'_, Stimulus>,
    it: &Udp,
) -> Result<(), Problem> {
    let ns = netns(world, item, "udp.netns", &it.netns)?;
    let dst = socket_addr(item, "udp.dst", &it.dst)?;
    let payload = unhex(item, "udp.payload", &it.payload)?;
    let socket = socket(world, item, ns, Bound::Udp { port: it.sport })?;
    let sent = world.send_udp(trace, (ns, socket), (*dst.ip(), dst.port()), &payload);
    check_sent(item, "udp.payload", sent)
}

fn connect(
    world: &mut World,
    trace: &mut Recorder,
    item: &Item<'_, Stimulus>,
    it: &Tcp,
) -> Result<(), Problem> {
    let ns = netns(world, item, "tcp.netns", &it.netns)?;
    let dst = socket_addr(item, "tcp.dst", &it.dst)?;
    let send = unhex(item, "tcp.send", &it.send)?;
    let socket = bind(world, item, ns, Bound::Tcp { port: it.sport }, Program::Connects)?;
    let begun = world.connect(trace, (ns, socket), (*dst.ip(), dst.port()), &send);
    check_sent(item, "tcp.send", begun)
}

fn socket_addr<T>(item: &Item<'_, T>, field: &str, text: &str) -> Result<SocketAddrV4, Problem> {
    match text.parse() {
        Ok(SocketAddr::V4(addr)) => Ok(addr),
        Ok(SocketAddr::V6(_)) => Err(item.problem(field, "IPv6 is not modelled yet")),
        Err(_) => {
            let message =
                format!("expected an address and a port such as 10.244.1.3:53, found {text:?}");
            Err(item.problem(field, message))
        }
    }
}

fn ping(
    world: &mut World,
    trace: &mut Recorder,
    item: &Item<'_, Stimulus>,
    it: &Ping,
) -> Result<(), Problem> {
    let ns = netns(world, item, "ping.netns", &it.netns)?;
    let dst: Ipv4Addr = it.dst.parse().map_err(|_| {
        let message = if it.dst.contains(':') {
            "IPv6 is not modelled yet".into()
        } else {
            format!("expected an address such as 10.244.1.3, found {:?}", it.dst)
        };
        item.problem("ping.dst", message)
    })?;
    if it.ttl == Some(0) {
        return Err(item.problem("ping.ttl", "expected a number from 1 to 255"));
    }
    let payload = unhex(item, "ping.payload", &it.payload)?;
    let socket = socket(world, item, ns, Bound::Ping { id: it.id })?;
    let sent = world.send_echo(trace, (ns, socket), (dst, it.seq, it.ttl), &payload);
    check_sent(item, "ping.payload", sent)
}

/// Linux would not have sent either, or this engine cannot.
fn check_sent(
    item: &Item<'_, Stimulus>,
    field: &str,
    sent: Result<(), SendError>,
) -> Result<(), Problem> {
    match sent {
        Ok(())
        | Err(
            SendError::NetUnreachable
            | SendError::HostUnreachable
            | SendError::Prohibited
            | SendError::Invalid
            | SendError::AddrNotAvailable
            | SendError::MessageSize
            | SendError::DeviceDown,
        ) => Ok(()),
        Err(SendError::Access) => {
            Err(item.problem("", "a program that sends to a broadcast address is not modelled yet"))
        }
        Err(SendError::FrameTooShort) => {
            let message = format!("expected a whole Ethernet header of {} bytes", eth::LEN);
            Err(item.problem(field, message))
        }
    }
}

fn refuse_unmodelled(
    world: &World,
    trace: &Recorder,
    from: usize,
    item: &Item<'_, Stimulus>,
) -> Result<(), Problem> {
    for entry in &trace.entries[from..] {
        if let Event::NotModelled { ns, what } = entry.event {
            let place = &world.netns[ns].name;
            let message =
                format!("in {place} this leads to what is not modelled yet: {}", what.words());
            return Err(item.problem("", message));
        }
    }
    Ok(())
}

/// The socket that the stimulus sends by: the one that is there, or a new one, which stays open.
fn socket(
    world: &mut World,
    item: &Item<'_, Stimulus>,
    ns: NsId,
    bound: Bound,
) -> Result<SocketId, Problem> {
    match world.netns[ns].sockets.find(bound, Ipv4Addr::UNSPECIFIED) {
        Some(socket) => Ok(socket),
        None => bind(world, item, ns, bound, Program::Reads),
    }
}

fn bind<T>(
    world: &mut World,
    item: &Item<'_, T>,
    ns: NsId,
    bound: Bound,
    program: Program,
) -> Result<SocketId, Problem> {
    let owner = match program {
        Program::Reads | Program::Connects | Program::Runs { .. } => "a sender".into(),
        Program::Answers(_) | Program::Tunnel(_) => "a listener".into(),
    };
    let socket = Socket { bound, addr: None, program, owner, broadcast: true, heard: 0 };
    world.bind(ns, socket).map_err(|e| item.problem("", e.to_string()))
}

fn netns<T>(world: &World, item: &Item<'_, T>, field: &str, name: &str) -> Result<NsId, Problem> {
    world
        .find_netns(name)
        .ok_or_else(|| item.problem(field, format!("the snapshot has no namespace {name:?}")))
}

fn unhex<T>(item: &Item<'_, T>, field: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(item.problem(field, "expected bytes as pairs of hexadecimal digits")),
    }
}
