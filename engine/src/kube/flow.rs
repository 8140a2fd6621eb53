//! What a node's rules do with the first packet of a connection, over every way that chance can go.
//!
//! The packet goes through the engine's own netfilter, hook by hook, once for each outcome of the rules that draw. What a
//! rule asks of the node around it is answered from the node's addresses: nothing is routed, nobody is asked for a
//! neighbour. Affinity has no history.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::kube_proxy::Host;
use super::{Cluster, Cni, Protocol};
use crate::base::{DevId, Hook, Id, Nanos, NsId, PacketId, Rng, Script, SocketId};
use crate::netfilter::{AddrType, Around, At, Netfilter, ReversePath, Verdict, defrag};
use crate::skb::{BufPool, Dst, DstKind, Skb};
use crate::trace::{Ctx, Off, PacketIds};
use crate::wire::ipv4::{self, Header};
use crate::wire::{eth, tcp, udp};

/// Ways that chance can go, at most: as many endpoints as any Service has.
pub const MOST_BRANCHES: usize = 50_000;

/// The packet that is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: Protocol,
    pub port: u16,
}

/// One way that chance can go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// Each draw, and the chance of a yes in 2^31ths.
    pub draws: Vec<(bool, u32)>,
    pub verdict: Answer,
    /// The address and port that the packet was sent on to, if it was.
    pub to: Option<(Ipv4Addr, u16)>,
    /// It leaves with kube-proxy's mark, for which it gets an address of the node as its source.
    pub masquerade: bool,
    /// The source with which it leaves or arrives.
    pub source: Ipv4Addr,
}

/// What becomes of the packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    Accept,
    /// The sender is told.
    Reject,
    Drop,
}

/// Every way the packet can go through the rules of a node; None: there are more than [`MOST_BRANCHES`].
pub fn explore(
    netfilter: &Netfilter,
    cluster: &Cluster,
    node: usize,
    question: &Question,
) -> Option<Vec<Branch>> {
    let mut addresses = Vec::new();
    let host = Host::of(&cluster.nodes[node], &mut addresses);
    let mut branches = Vec::new();
    let mut script = Some(Script::default());
    let mut own = netfilter.clone();
    while let Some(given) = script {
        if branches.len() == MOST_BRANCHES {
            return None;
        }
        own.conntrack = netfilter.conntrack.clone();
        own.conntrack.first_only = true;
        own.recents.forget();
        let mut rng = Rng::scripted(given);
        let masquerade_mark = 1u32.wrapping_shl(u32::from(cluster.kube_proxy.masquerade_bit));
        let around = NodeAround { host: &host, cni: cluster.cni, masquerade_mark };
        let mut branch = walk(&mut own, &around, &mut rng, question);
        let drawn = rng.into_script().unwrap_or_default();
        script = drawn.next();
        branch.draws = drawn.drawn;
        branches.push(branch);
    }
    Some(branches)
}

const NS: usize = 0;
const LO: usize = 0;
const ETH0: usize = 1;
const PODS: usize = 2;

/// The node as its rules see it.
struct NodeAround<'a> {
    host: &'a Host<'a>,
    cni: Cni,
    masquerade_mark: u32,
}

impl NodeAround<'_> {
    fn is_local(&self, addr: Ipv4Addr) -> bool {
        addr.is_loopback() || self.host.addresses.contains(&addr)
    }

    /// The device toward an address.
    fn dev(&self, addr: Ipv4Addr) -> DevId {
        let pods = self.host.pod_cidr.unwrap_or(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32));
        DevId::from_index(match addr {
            _ if self.is_local(addr) => LO,
            _ if pods.contains(&addr) => PODS,
            _ => ETH0,
        })
    }

    fn route(&self, addr: Ipv4Addr) -> Dst {
        let to =
            if self.is_local(addr) { DstKind::Local } else { DstKind::Unicast { next_hop: addr } };
        Dst { route: None, nexthop: 0, dev: self.dev(addr), to, redirect: false }
    }
}

impl Around for NodeAround<'_> {
    fn dev_name(&self, dev: DevId) -> &str {
        match (dev.index(), self.cni) {
            (LO, _) => "lo",
            (PODS, Cni::Bridge) => "vbr0",
            (PODS, Cni::Flannel) => "cni0",
            (PODS, Cni::Calico) => "cali0",
            _ => "eth0",
        }
    }

    fn addr_type(&self, addr: Ipv4Addr, dev: Option<DevId>) -> AddrType {
        if addr.is_multicast() {
            AddrType::Multicast
        } else if addr.is_broadcast() {
            AddrType::Broadcast
        } else if self.is_local(addr)
            && dev.is_none_or(|dev| addr.is_loopback() == (dev.index() == LO))
        {
            AddrType::Local
        } else {
            AddrType::Unicast
        }
    }

    fn reverse_path_ok(&self, question: ReversePath) -> bool {
        question.loose || self.dev(question.src) == question.in_dev
    }

    fn reroute(&self, skb: &Skb) -> Option<Dst> {
        Header::parse(skb.payload()).ok().map(|header| self.route(header.dst))
    }

    fn masquerade_addr(&self, _: DevId, _: Ipv4Addr) -> Option<Ipv4Addr> {
        Some(self.host.address)
    }

    fn first_addr(&self, dev: DevId) -> Option<Ipv4Addr> {
        Some(if dev.index() == LO { Ipv4Addr::LOCALHOST } else { self.host.address })
    }

    fn path_mtu(&self, _: &Skb) -> u32 {
        1500
    }

    fn fragment_limits(&self) -> defrag::Limits {
        defrag::Limits::default()
    }

    fn owner(&self, _: SocketId) -> Option<(u32, u32)> {
        Some((0, 0))
    }
}

/// One packet through the hooks it meets.
fn walk(
    netfilter: &mut Netfilter,
    node: &NodeAround<'_>,
    rng: &mut Rng,
    question: &Question,
) -> Branch {
    let mut ctx = Ctx {
        now: Nanos::ZERO,
        rng,
        trace: &mut Off,
        bufs: &mut BufPool::default(),
        packets: &mut PacketIds::default(),
        out: &mut Vec::new(),
    };
    let mut ask = |hook, in_dev, skb: Skb| {
        let out_dev = match hook {
            Hook::PreRouting | Hook::LocalIn => None,
            Hook::Forward | Hook::LocalOut | Hook::PostRouting => skb.dst.map(|dst| dst.dev),
        };
        let at = At { ns: NsId::from_index(NS), hook, in_dev, out_dev };
        match netfilter.hook(&mut ctx, node, at, skb) {
            Verdict::Accept(skb) => Ok(skb),
            Verdict::Drop { reject: Some(_), .. } => Err(Answer::Reject),
            Verdict::Drop { reject: None, .. } | Verdict::Stolen => Err(Answer::Drop),
        }
    };
    let is_own = node.is_local(question.src);
    let mut masquerade = false;
    let mut go = || {
        let mut skb = Skb::new(PacketId::from_index(0), packet(question));
        if is_own {
            skb.dst = Some(node.route(question.dst));
            skb = ask(Hook::LocalOut, None, skb)?;
            masquerade = skb.mark.0 & node.masquerade_mark != 0;
            skb = ask(Hook::PostRouting, None, skb)?;
            if !node.is_local(target(&skb).0) {
                return Ok(skb);
            }
        }
        // What stays on the node comes in again by lo.
        let in_dev = if is_own { DevId::from_index(LO) } else { node.dev(question.src) };
        skb.dst = None;
        skb = ask(Hook::PreRouting, Some(in_dev), skb)?;
        let dst = target(&skb).0;
        skb.dst = Some(node.route(dst));
        if node.is_local(dst) {
            return ask(Hook::LocalIn, Some(in_dev), skb);
        }
        skb = ask(Hook::Forward, Some(in_dev), skb)?;
        masquerade = skb.mark.0 & node.masquerade_mark != 0;
        ask(Hook::PostRouting, None, skb)
    };
    let (draws, source) = (Vec::new(), question.src);
    match go() {
        Ok(skb) => {
            let to = Some(target(&skb)).filter(|to| *to != (question.dst, question.port));
            let source = Header::parse(skb.payload()).map_or(source, |header| header.src);
            Branch { draws, verdict: Answer::Accept, to, masquerade, source }
        }
        Err(verdict) => Branch { draws, verdict, to: None, masquerade: false, source },
    }
}

/// The destination, and its port.
fn target(skb: &Skb) -> (Ipv4Addr, u16) {
    let bytes = skb.payload();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let ip = Ipv4Addr::new(byte(16), byte(17), byte(18), byte(19));
    (ip, u16::from_be_bytes([byte(ipv4::LEN + 2), byte(ipv4::LEN + 3)]))
}

/// The first packet of a connection: a SYN, a datagram, or an INIT.
fn packet(question: &Question) -> Vec<u8> {
    const SPORT: u16 = 40_000;
    let Question { src, dst, port, .. } = *question;
    let mut segment = Vec::new();
    let protocol = match question.protocol {
        Protocol::Tcp => {
            let header = tcp::Header { flags: tcp::Flags::SYN, ..tcp::Header::default() };
            tcp::emit(&mut segment, (src, SPORT), (dst, port), &header, &[]);
            ipv4::Protocol::Tcp
        }
        Protocol::Udp => {
            udp::emit(&mut segment, (src, SPORT), (dst, port), &[]);
            ipv4::Protocol::Udp
        }
        Protocol::Sctp => {
            segment.extend(SPORT.to_be_bytes());
            segment.extend(port.to_be_bytes());
            // No tag yet, a checksum that nobody looks at, and a chunk INIT.
            segment.extend([0; 8]);
            segment.extend([1, 0, 0, 20]);
            segment.extend([0; 16]);
            ipv4::Protocol::Unknown(132)
        }
    };
    let mut frame = vec![0; eth::LEN];
    let header = ipv4::Emit {
        tos: 0,
        identification: 0,
        dont_fragment: true,
        ttl_hops: 64,
        protocol,
        src,
        dst,
    };
    header.emit(&mut frame, segment.len());
    frame.extend(segment);
    frame
}
