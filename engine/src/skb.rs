//! A frame on its way, with what the kernel keeps beside the bytes (`struct sk_buff`).

use std::fmt;
use std::net::Ipv4Addr;

use crate::base::{CtId, DevId, Dir, Mac, PacketId, RouteId, SocketId, Zone};
use crate::wire::eth;

/// How a frame's destination relates to the device that received it (`skb->pkt_type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketType {
    /// For this device (`PACKET_HOST`).
    Host,
    /// For everybody on the link (`PACKET_BROADCAST`).
    Broadcast,
    /// For a group (`PACKET_MULTICAST`).
    Multicast,
    /// For another station; only a bridge or a packet socket cares (`PACKET_OTHERHOST`).
    OtherHost,
}

/// A packet's mark (`skb->mark`): set by rules, read by rules and by policy routing; lost between namespaces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Mark(pub u32);

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x}", self.0)
    }
}

/// Where a routing decision leads a packet (`skb_dst`, `struct rtable`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dst {
    /// None where no table was asked: limited broadcast, a bridged packet.
    pub route: Option<RouteId>,
    /// Which of the route's next hops.
    pub nexthop: u8,
    /// The device it leaves by; `lo` for what stays on this host.
    pub dev: DevId,
    pub to: DstKind,
    /// Its sender could reach the next hop itself and may be told so (`IPSKB_DOREDIRECT`).
    pub redirect: bool,
}

/// What becomes of a routed packet (`rt->rt_type` with the input or output function).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DstKind {
    /// For this host (`ip_local_deliver`, or out through `lo`).
    Local,
    /// For everybody on the link.
    Broadcast,
    /// To this neighbour: the gateway, or the destination itself.
    Unicast { next_hop: Ipv4Addr },
}

/// How a packet relates to its connection (`enum ip_conntrack_info`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CtInfo {
    Established,
    Related,
    New,
    EstablishedReply,
    RelatedReply,
}

impl CtInfo {
    /// The direction the packet goes (`CTINFO2DIR`).
    #[inline]
    pub const fn dir(self) -> Dir {
        match self {
            Self::Established | Self::Related | Self::New => Dir::Original,
            Self::EstablishedReply | Self::RelatedReply => Dir::Reply,
        }
    }
}

/// What a rule fixed about a packet's connection before there is one (`-j CT --zone`, a conntrack template).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template {
    pub zone: Zone,
    /// The zone's number is the packet's mark instead (`--zone mark`).
    pub zone_is_mark: bool,
}

impl Template {
    /// The zone of a packet with this mark (`nf_ct_zone_tmpl`).
    pub const fn zone(self, mark: Mark) -> Zone {
        if self.zone_is_mark {
            let [.., high, low] = mark.0.to_be_bytes();
            return Zone { id: u16::from_be_bytes([high, low]), only: self.zone.only };
        }
        self.zone
    }
}

/// A packet's connection (`skb->_nfct`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ct {
    /// Connection tracking did not see the packet, or could make nothing of it (`INVALID` where tracking is on).
    #[default]
    None,
    /// Tracking was switched off for it (`IP_CT_UNTRACKED`).
    Untracked,
    /// It will be tracked, as this says; on the way from the raw table to connection tracking only.
    Template(Template),
    Tracked {
        entry: CtId,
        info: CtInfo,
    },
}

impl Ct {
    /// The connection of an ICMP error or a reset that this host makes about a packet (`nf_conntrack_attach`): the
    /// packet's own, as something related to it in the other direction.
    pub const fn attached_to(about: Self) -> Self {
        match about {
            Self::None | Self::Untracked | Self::Template(_) => Self::None,
            Self::Tracked { entry, info } => {
                let info = match info.dir() {
                    Dir::Original => CtInfo::RelatedReply,
                    Dir::Reply => CtInfo::Related,
                };
                Self::Tracked { entry, info }
            }
        }
    }
}

/// Where a received packet's IPv4 options are, as bytes from the start of its header, 0 for none, and what they still want of
/// this host (`struct ip_options`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IpOptions {
    pub record_route: u8,
    pub timestamp: u8,
    /// The record of the route was given this host's address (`rr_needaddr`).
    pub needs_addr: bool,
    /// The timestamp was given this host's address (`ts_needaddr`).
    pub needs_stamp_addr: bool,
    /// The timestamp was given this host's time (`ts_needtime`).
    pub needs_time: bool,
    /// They were changed since they came (`is_changed`), and the header's checksum was this before. The kernel mends it no
    /// sooner than it sends the packet on; an error that quotes the packet shows the old one.
    pub changed: bool,
    pub checksum_was: u16,
}

/// What `br_netfilter` keeps beside a bridged packet (`struct nf_bridge_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BridgeInfo {
    /// The port it came in by (`physindev`).
    pub phys_in: DevId,
    /// The port it will leave by, known from the forwarding hook on (`physoutdev`).
    pub phys_out: Option<DevId>,
    /// It went up to this host's IP, past PREROUTING, which it met on the bridge (`sabotage_in_done`).
    pub went_up: bool,
    /// It was for another station when it came (`pkt_otherhost`).
    pub other_host: bool,
    /// The neighbour table works for the bridge on a packet whose destination changed; this was the source address of
    /// its frame (`bridged_dnat`, `neigh_header`).
    pub bridged_dnat: Option<Mac>,
}

/// In which pieces a packet came, so that it can go on as it came; or in which a program's was made, for the route that it had
/// then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reassembled {
    /// The longest fragment with its IP header (`IPCB(skb)->frag_max_size`); zero for what never was in fragments.
    pub longest_bytes: u16,
    /// Bytes of payload of each piece, in order (`skb_shinfo(skb)->frag_list`).
    pub pieces: Vec<u16>,
}

/// A frame and its metadata. `frame` is complete: Ethernet header first, checksums right, no FCS.
#[derive(Clone, Debug)]
pub struct Skb {
    pub id: PacketId,
    pub pkt_type: PacketType,
    pub frame: Vec<u8>,
    /// The device it came in by, in this namespace (`skb->skb_iif`); None for this host's own, and while a bridge has it.
    pub iif: Option<DevId>,
    pub mark: Mark,
    pub ct: Ct,
    pub dst: Option<Dst>,
    pub bridge: Option<BridgeInfo>,
    /// The socket whose program sent it (`skb->sk`), while it is in that socket's namespace.
    pub socket: Option<SocketId>,
    /// A socket of the kernel's own sent it, which answers pings, reports errors and refuses connections; it belongs to nobody.
    pub by_kernel: bool,
    /// Its pieces, if it came in fragments and goes on, or is of a program and too long for its route.
    pub reassembled: Option<Box<Reassembled>>,
    /// Bytes of payload of each segment that it is cut into when it leaves this host (`gso_size`); zero: it is one.
    pub segment_len: u16,
    /// It may be fragmented here although its header forbids that (`skb->ignore_df`).
    pub ignore_df: bool,
    /// Its connection had word from the other side, so the next hop is there (`skb->dst_pending_confirm`). Nothing clears it on
    /// the way through veth pairs, so it confirms the neighbours of every router too.
    pub confirms_neigh: bool,
    /// Its options, once this host has read them; None where it has none.
    pub options: Option<IpOptions>,
    /// A rule asked to see every step of it (`skb->nf_trace`, the TRACE target).
    pub nf_trace: bool,
}

impl Skb {
    /// A new packet of this host's own, or one just put on a wire.
    #[inline]
    pub const fn new(id: PacketId, frame: Vec<u8>) -> Self {
        Self {
            id,
            pkt_type: PacketType::Host,
            frame,
            iif: None,
            mark: Mark(0),
            ct: Ct::None,
            dst: None,
            bridge: None,
            socket: None,
            by_kernel: false,
            reassembled: None,
            segment_len: 0,
            ignore_df: false,
            confirms_neigh: false,
            options: None,
            nf_trace: false,
        }
    }

    /// The bytes after the Ethernet header.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        &self.frame[eth::LEN..]
    }

    /// The bytes after the Ethernet header, to rewrite.
    #[inline]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.frame[eth::LEN..]
    }

    /// Forgets what belongs to the device or namespace it leaves (`skb_scrub_packet`); the mark stays within one
    /// namespace.
    #[inline]
    pub fn scrub(&mut self, other_namespace: bool) {
        self.ct = Ct::None;
        self.dst = None;
        self.bridge = None;
        self.nf_trace = false;
        self.iif = None;
        self.reassembled = None;
        self.ignore_df = false;
        self.options = None;
        if other_namespace {
            self.mark = Mark(0);
            self.socket = None;
            self.by_kernel = false;
        }
    }
}

/// Recycles frame buffers, so that a hop allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct BufPool {
    free: Vec<Vec<u8>>,
}

impl BufPool {
    const KEPT: usize = 256;

    /// An empty buffer.
    #[inline]
    pub fn take(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(256))
    }

    /// A buffer that holds a copy of `bytes`.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.take();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes back the buffer of a packet that is gone.
    #[inline]
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        if self.free.len() < Self::KEPT {
            buffer.clear();
            self.free.push(buffer);
        }
    }
}
