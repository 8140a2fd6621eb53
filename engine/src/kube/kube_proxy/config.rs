//! kube-proxy's settings, as a `KubeProxyConfiguration` gives them. Read
//! k8s.io/kube-proxy/config/v1alpha1 and `pkg/proxy/apis/config` first.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::base::Nanos;

/// What kube-proxy is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    pub mode: Mode,
    /// Where the cluster's pods are.
    pub cluster_cidr: Option<Ipv4Net>,
    pub detect_local: DetectLocal,
    pub node_port_addresses: NodePortAddresses,
    pub masquerade_all: bool,
    pub localhost_node_ports: bool,
    /// The bit of a packet's mark that asks for masquerading: 0 to 31.
    pub masquerade_bit: u8,
    /// At least so long is between two times that it writes its rules (`iptables.minSyncPeriod`).
    pub min_sync_period: Nanos,
    /// Segments outside the window are not invalid (`nf_conntrack_tcp_be_liberal`).
    pub tcp_be_liberal: bool,
}

/// How Services become rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    #[default]
    Iptables,
    Nftables,
}

/// How a pod of this cluster is told from other senders (`detectLocalMode`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DetectLocal {
    /// By the range of all pods.
    #[default]
    ClusterCidr,
    /// By the range of the node's pods.
    NodeCidr,
    /// By the bridge it came in by.
    BridgeInterface(String),
    /// By how the name of the device begins it came in by.
    InterfaceNamePrefix(String),
}

/// At which of a node's addresses it answers for node ports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum NodePortAddresses {
    #[default]
    All,
    /// At the node's own address alone.
    Primary,
    /// At those in one of these ranges.
    In(Vec<Ipv4Net>),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            cluster_cidr: None,
            detect_local: DetectLocal::default(),
            node_port_addresses: NodePortAddresses::default(),
            masquerade_all: false,
            localhost_node_ports: true,
            masquerade_bit: 14,
            min_sync_period: Nanos::from_secs(1),
            tcp_be_liberal: false,
        }
    }
}

impl Mode {
    /// A mode by the name that the configuration has for it; an empty one is the usual.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "" | "iptables" => Some(Self::Iptables),
            "nftables" => Some(Self::Nftables),
            _ => None,
        }
    }
}

impl NodePortAddresses {
    /// The usual form: nothing else is needed beside 0.0.0.0/0 (`NewNodePortAddresses`).
    pub fn of_ranges(ranges: Vec<Ipv4Net>) -> Self {
        if ranges.is_empty() || ranges.iter().any(|it| it.prefix_len() == 0) {
            Self::All
        } else {
            Self::In(ranges)
        }
    }

    /// Whether one of the ranges has an address of the loopback (`ContainsIPv4Loopback`).
    pub(super) fn has_loopback(&self) -> bool {
        const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 0);
        match self {
            Self::All => true,
            Self::Primary => false,
            Self::In(ranges) => {
                ranges.iter().any(|it| it.addr().is_loopback() || it.contains(&LOOPBACK))
            }
        }
    }
}

impl Config {
    /// Whether node ports work at 127.0.0.1, too.
    pub fn serves_localhost(&self) -> bool {
        self.localhost_node_ports && self.node_port_addresses.has_loopback()
    }
}
