//! Why a packet is gone, with the kernel's name for it (`enum skb_drop_reason`, include/net/dropreason-core.h).

/// A reason to drop. Each documents where the kernel decides it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DropReason {
    /// The tunnel's own address came back to it (`vxlan_set_mac`).
    LocalMac,
    /// The bridge refuses a source address that is a group or zero (`br_handle_frame`).
    MacInvalidSource,
    /// It asks the link's other end to pause, which no bridge passes on (`br_handle_frame`).
    MacIeeeMacControl,
    /// No port of the bridge may send it (`br_forward`, `br_flood`).
    NoTxTarget,
    /// The frame is for another station (`ip_rcv_core`).
    OtherHost,
    /// Too short to be what it says (`ip_rcv_core`).
    PktTooSmall,
    /// A header field is impossible (`ip_rcv_core`).
    IpInHdr,
    /// The IPv4 header checksum is wrong (`ip_rcv_core`).
    IpCsum,
    /// An address that cannot be a source (`ip_route_input_slow`).
    IpInvalidSource,
    /// An address that cannot be a destination (`ip_route_input_slow`).
    IpInvalidDest,
    /// A loopback address arrived on another device and `route_localnet` is off (`ip_route_input_slow`).
    IpLocalnet,
    /// This host's own address arrived from outside and `accept_local` is off (`fib_validate_source`).
    IpLocalSource,
    /// A reply would not leave by the device it came in by, and `rp_filter` is on (`fib_validate_source`).
    IpRpfilter,
    /// The route says that the destination is unreachable (`ip_error`).
    RouteUnreachable,
    /// The route or a rule forbids it (`ip_error`).
    RouteProhibit,
    /// The route is a black hole (`ip_error`).
    RouteBlackhole,
    /// An ARP question whose answer would lie on the asker's own link (`__mkroute_input`).
    ArpPvlanDisable,
    /// A packet for one host came in a frame for many, and `drop_unicast_in_l2_multicast` is on (`ip_rcv_finish_core`).
    UnicastInL2Multicast,
    /// An option is impossible (`ip_options_compile`).
    IpOptions,
    /// It names the way it wants to go, and `accept_source_route` is off (`ip_rcv_options`).
    SourceRoute,
    /// This host does not forward (`ip_error`).
    IpInAddrErrors,
    /// No route to the destination (`ip_error`).
    IpInNoRoutes,
    /// The TTL ran out (`ip_forward`).
    IpTtlExceeded,
    /// This host's own packet lost its route (`ip_output`).
    IpOutNoRoutes,
    /// A rule drops it (`nf_hook_slow`).
    NetfilterDrop,
    /// The connection table is full (`nf_conntrack_max`, `__nf_conntrack_alloc`).
    CtTableFull,
    /// Another connection took the place of the packet's (`nf_ct_resolve_clash`).
    CtClash,
    /// The packet cannot be translated as its connection says (`nf_nat_inet_fn`, `nf_nat_icmp_reply_translation`).
    NatFailed,
    /// No endpoint for the IP protocol (`ip_protocol_deliver_rcu`).
    IpNoProto,
    /// Nothing understands the frame's type (`__netif_receive_skb_core`).
    UnhandledProto,
    /// The TCP checksum is wrong (`tcp_v4_rcv`).
    TcpCsum,
    /// A TCP segment in a frame that is not for this station alone (`tcp_v4_rcv`).
    TcpNotForOne,
    /// Flags that make no sense in the connection's state (`tcp_rcv_state_process`).
    TcpFlags,
    /// A reset that ends nothing, or ended a request (`tcp_validate_incoming`, `tcp_check_req`).
    TcpReset,
    /// Outside of the window (`tcp_validate_incoming`).
    TcpInvalidSequence,
    /// A SYN within a connection (`tcp_validate_incoming`).
    TcpInvalidSyn,
    /// It acknowledges another SYN than the one sent (`tcp_rcv_synsent_state_process`).
    TcpInvalidAck,
    /// It acknowledges what was never sent (`tcp_ack`).
    TcpAckUnsentData,
    /// Data for a program that has closed (`tcp_rcv_state_process`).
    TcpAbortOnData,
    /// The connection is over (`tcp_rcv_state_process`).
    TcpClose,
    /// The UDP checksum is wrong (`__udp4_lib_rcv`).
    UdpCsum,
    /// No socket listens there (`__udp4_lib_rcv`, `ping_rcv`).
    NoSocket,
    /// No VXLAN header, or one with bits that plain VXLAN does not use (`vxlan_rcv`).
    VxlanInvalidHdr,
    /// No VXLAN device has this network identifier (`vxlan_rcv`, `encap_bypass_if_local`).
    VxlanVniNotFound,
    /// A static entry says that the sender is elsewhere (`vxlan_snoop`).
    VxlanEntryExists,
    /// The datagram met congestion, and its inner packet cannot tell (`IP_ECN_decapsulate`).
    IpTunnelEcn,
    /// A tunnel's datagram would leave by the tunnel itself, or its entry has no remote (`vxlan_xmit_one`).
    TunnelNowhere,
    /// The ICMP checksum is wrong (`icmp_rcv`).
    IcmpCsum,
    /// Echo requests to a broadcast address are ignored (`icmp_echo_ignore_broadcasts`).
    InvalidProto,
    /// The next hop did not answer ARP (`neigh_invalidate`).
    NeighFailed,
    /// Too much waits for this neighbour (`__neigh_event_send`).
    NeighQueueFull,
    /// The ARP packet is not about IPv4 over Ethernet, or nonsense (`arp_process`).
    ArpMalformed,
    /// The device is down.
    DevReady,
    /// This piece of a packet came before (`ip_frag_queue`).
    DupFrag,
    /// Pieces that cannot be of one packet: they overlap, disagree about its length or about congestion
    /// (`ip_frag_queue`, `ip_frag_reasm`).
    FragCorrupt,
    /// Too many other fragments of its sender came before the rest (`ip_frag_too_far`).
    FragTooFar,
    /// Too much waits to become whole (`inet_frag_find`).
    FragMemory,
    /// The rest of the packet did not come in time (`ip_expire`).
    FragReasmTimeout,
    /// Longer than the device may carry (`is_skb_forwardable`).
    PktTooBig,
    /// This engine cannot go on; the event before says what is not modelled.
    NotModelled,
}

impl DropReason {
    /// The kernel's name. [`DropReason::NotModelled`] has none and says so.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LocalMac => "SKB_DROP_REASON_LOCAL_MAC",
            Self::MacInvalidSource => "SKB_DROP_REASON_MAC_INVALID_SOURCE",
            Self::MacIeeeMacControl => "SKB_DROP_REASON_MAC_IEEE_MAC_CONTROL",
            Self::NoTxTarget => "SKB_DROP_REASON_NO_TX_TARGET",
            Self::OtherHost => "SKB_DROP_REASON_OTHERHOST",
            Self::PktTooSmall => "SKB_DROP_REASON_PKT_TOO_SMALL",
            Self::IpInHdr => "SKB_DROP_REASON_IP_INHDR",
            Self::IpCsum => "SKB_DROP_REASON_IP_CSUM",
            Self::IpInvalidSource => "SKB_DROP_REASON_IP_INVALID_SOURCE",
            Self::IpInvalidDest => "SKB_DROP_REASON_IP_INVALID_DEST",
            Self::IpLocalnet => "SKB_DROP_REASON_IP_LOCALNET",
            Self::IpLocalSource => "SKB_DROP_REASON_IP_LOCAL_SOURCE",
            Self::IpRpfilter => "SKB_DROP_REASON_IP_RPFILTER",
            Self::RouteUnreachable => "SKB_DROP_REASON_NOT_SPECIFIED (ip_error, EHOSTUNREACH)",
            Self::RouteProhibit => "SKB_DROP_REASON_NOT_SPECIFIED (ip_error, EACCES)",
            Self::RouteBlackhole => "SKB_DROP_REASON_NOT_SPECIFIED (ip_error, EINVAL)",
            Self::ArpPvlanDisable => "SKB_DROP_REASON_ARP_PVLAN_DISABLE",
            Self::UnicastInL2Multicast => "SKB_DROP_REASON_UNICAST_IN_L2_MULTICAST",
            Self::IpOptions => "SKB_DROP_REASON_NOT_SPECIFIED (ip_options_compile)",
            Self::SourceRoute => "SKB_DROP_REASON_NOT_SPECIFIED (ip_rcv_options)",
            Self::IpInAddrErrors => "SKB_DROP_REASON_IP_INADDRERRORS",
            Self::IpInNoRoutes => "SKB_DROP_REASON_IP_INNOROUTES",
            Self::IpTtlExceeded => "SKB_DROP_REASON_IP_INHDR (TTL)",
            Self::IpOutNoRoutes => "SKB_DROP_REASON_IP_OUTNOROUTES",
            Self::NetfilterDrop => "SKB_DROP_REASON_NETFILTER_DROP",
            Self::CtTableFull => "SKB_DROP_REASON_NETFILTER_DROP (conntrack table full)",
            Self::CtClash => "SKB_DROP_REASON_NETFILTER_DROP (conntrack clash)",
            Self::NatFailed => "SKB_DROP_REASON_NETFILTER_DROP (nat)",
            Self::IpNoProto => "SKB_DROP_REASON_IP_NOPROTO",
            Self::UnhandledProto => "SKB_DROP_REASON_UNHANDLED_PROTO",
            Self::TcpCsum => "SKB_DROP_REASON_TCP_CSUM",
            Self::TcpNotForOne => "SKB_DROP_REASON_NOT_SPECIFIED (tcp_v4_rcv)",
            Self::TcpFlags => "SKB_DROP_REASON_TCP_FLAGS",
            Self::TcpReset => "SKB_DROP_REASON_TCP_RESET",
            Self::TcpInvalidSequence => "SKB_DROP_REASON_TCP_INVALID_SEQUENCE",
            Self::TcpInvalidSyn => "SKB_DROP_REASON_TCP_INVALID_SYN",
            Self::TcpInvalidAck => "SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE",
            Self::TcpAckUnsentData => "SKB_DROP_REASON_TCP_ACK_UNSENT_DATA",
            Self::TcpAbortOnData => "SKB_DROP_REASON_TCP_ABORT_ON_DATA",
            Self::TcpClose => "SKB_DROP_REASON_TCP_CLOSE",
            Self::UdpCsum => "SKB_DROP_REASON_UDP_CSUM",
            Self::NoSocket => "SKB_DROP_REASON_NO_SOCKET",
            Self::VxlanInvalidHdr => "SKB_DROP_REASON_VXLAN_INVALID_HDR",
            Self::VxlanVniNotFound => "SKB_DROP_REASON_VXLAN_VNI_NOT_FOUND",
            Self::VxlanEntryExists => "SKB_DROP_REASON_VXLAN_ENTRY_EXISTS",
            Self::IpTunnelEcn => "SKB_DROP_REASON_IP_TUNNEL_ECN",
            Self::TunnelNowhere => "SKB_DROP_REASON_NOT_SPECIFIED (vxlan_xmit_one)",
            Self::IcmpCsum => "SKB_DROP_REASON_ICMP_CSUM",
            Self::InvalidProto => "SKB_DROP_REASON_INVALID_PROTO",
            Self::NeighFailed => "SKB_DROP_REASON_NEIGH_FAILED",
            Self::NeighQueueFull => "SKB_DROP_REASON_NEIGH_QUEUEFULL",
            Self::ArpMalformed => "SKB_DROP_REASON_NOT_SPECIFIED (arp_process)",
            Self::DevReady => "SKB_DROP_REASON_DEV_READY",
            Self::DupFrag => "SKB_DROP_REASON_DUP_FRAG",
            Self::FragCorrupt => "SKB_DROP_REASON_NOT_SPECIFIED (ip_frag_queue)",
            Self::FragTooFar => "SKB_DROP_REASON_FRAG_TOO_FAR",
            Self::FragMemory => "SKB_DROP_REASON_NOT_SPECIFIED (ip_defrag)",
            Self::FragReasmTimeout => "SKB_DROP_REASON_FRAG_REASM_TIMEOUT",
            Self::PktTooBig => "SKB_DROP_REASON_PKT_TOO_BIG",
            Self::NotModelled => "not modelled",
        }
    }

    /// In a few words: `nothing listens on that port`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LocalMac => "its source is the very device it came to",
            Self::MacInvalidSource => "its source address is no station's address",
            Self::MacIeeeMacControl => "it asks for a pause on this link alone",
            Self::NoTxTarget => "the bridge has no port that may send it",
            Self::OtherHost => "the frame is for another station",
            Self::PktTooSmall => "it is shorter than its own header says",
            Self::IpInHdr => "its IPv4 header is impossible",
            Self::IpCsum => "its IPv4 header checksum is wrong",
            Self::IpInvalidSource => "its source address cannot be a source",
            Self::IpInvalidDest => "its destination cannot be reached this way",
            Self::IpLocalnet => "a loopback address arrived from outside",
            Self::IpLocalSource => "this host's own address arrived from outside",
            Self::IpRpfilter => "a reply would leave by another device (rp_filter)",
            Self::RouteUnreachable => "the route says that the destination cannot be reached",
            Self::RouteProhibit => "the route or a rule forbids it",
            Self::RouteBlackhole => "the route is a black hole",
            Self::ArpPvlanDisable => "the answer would lie on the asker's own link",
            Self::UnicastInL2Multicast => "it is for one host, in a frame for many",
            Self::IpOptions => "its options are impossible",
            Self::SourceRoute => "it names the way it wants to go (accept_source_route)",
            Self::IpInAddrErrors => "this host does not forward packets (ip_forward is 0)",
            Self::IpInNoRoutes => "this host has no route to the destination",
            Self::IpTtlExceeded => "its time to live ran out",
            Self::IpOutNoRoutes => "it has no route any more",
            Self::NetfilterDrop => "a rule drops it",
            Self::CtTableFull => "the table of connections is full (nf_conntrack_max)",
            Self::CtClash => "another connection was quicker to take its place in the table",
            Self::NatFailed => "it cannot be translated as its connection says",
            Self::IpNoProto => "nothing here speaks its IP protocol",
            Self::UnhandledProto => "nothing here understands its protocol",
            Self::TcpCsum => "its TCP checksum is wrong",
            Self::TcpNotForOne => "a connection takes nothing that is sent to everybody",
            Self::TcpFlags => "its flags make no sense here",
            Self::TcpReset => "a reset that ends no connection",
            Self::TcpInvalidSequence => "it is outside of the connection's window",
            Self::TcpInvalidSyn => "a SYN in the middle of a connection",
            Self::TcpInvalidAck => "it acknowledges another SYN than the one that was sent",
            Self::TcpAckUnsentData => "it acknowledges what was never sent",
            Self::TcpAbortOnData => "data for a program that has closed its socket",
            Self::TcpClose => "the connection is over",
            Self::UdpCsum => "its UDP checksum is wrong",
            Self::NoSocket => "nothing listens there",
            Self::VxlanInvalidHdr => "it has no plain VXLAN header",
            Self::VxlanVniNotFound => "no VXLAN device here has its network identifier",
            Self::VxlanEntryExists => "a static entry says that its sender is elsewhere",
            Self::IpTunnelEcn => "it met congestion, and its inner packet cannot say so",
            Self::TunnelNowhere => "the tunnel has no remote for it",
            Self::IcmpCsum => "its ICMP checksum is wrong",
            Self::InvalidProto => "echo requests to a broadcast address are ignored",
            Self::NeighFailed => "the next hop did not answer ARP",
            Self::NeighQueueFull => "too much already waits for this neighbour",
            Self::ArpMalformed => "it is no ARP packet for IPv4 over Ethernet",
            Self::DevReady => "the device is down",
            Self::DupFrag => "the same piece came before",
            Self::FragCorrupt => "the pieces cannot be of one packet",
            Self::FragTooFar => "too many other fragments came before the rest of it",
            Self::FragMemory => "too much waits to become whole",
            Self::FragReasmTimeout => "the rest of the packet did not come in time",
            Self::PktTooBig => "it is longer than the device may carry",
            Self::NotModelled => "what Linux does next is not modelled",
        }
    }
}
