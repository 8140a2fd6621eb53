//! The operations that build a world, as data: each applies to a [`World`] and prints as the shell commands that do
//! the same on a real machine.
//!
//! Knows no Kubernetes: who caused an operation is an origin in words, kept with what it made.

mod apply;
pub mod ask;
pub mod conntrack;
mod restored;
mod show;

use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

pub use apply::{Error, apply, apply_sharing};
pub use restored::Restored;

use crate::app::App;
use crate::base::{Mac, OriginId};
use crate::link::Conf;
use crate::stack::fib::TableId;
use crate::wire::vxlan::Vni;

/// One operation. Namespaces and devices are named; they must have been made before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// A namespace with `lo` up, and without IPv6, which is not modelled.
    AddNetns {
        netns: String,
    },
    /// A pair of virtual devices, both up.
    AddVeth {
        ends: [End; 2],
    },
    /// Two network cards with a cable between them, both up. The commands make a veth pair, which carries the same frames.
    AddCable {
        ends: [End; 2],
    },
    /// A bridge, up.
    AddBridge {
        bridge: End,
    },
    /// An Ethernet in UDP datagrams from `local`, up. It takes its MTU from the device `underlay`, and learns nothing.
    AddVxlan {
        tunnel: End,
        vni: Vni,
        local: Ipv4Addr,
        underlay: String,
        port: u16,
    },
    /// A static entry of a VXLAN device: `mac` is behind the remote.
    AddRemote {
        netns: String,
        dev: String,
        mac: Mac,
        remote: Ipv4Addr,
    },
    /// A permanent neighbour.
    AddNeigh {
        netns: String,
        dev: String,
        ip: Ipv4Addr,
        mac: Mac,
    },
    /// Makes `port` a port of `bridge`; with `hairpin` frames may leave by the port they came from.
    SetMaster {
        netns: String,
        port: String,
        bridge: String,
        hairpin: bool,
    },
    SetMtu {
        netns: String,
        dev: String,
        mtu_bytes: u32,
    },
    AddAddr {
        netns: String,
        dev: String,
        addr: Ipv4Net,
    },
    AddRoute {
        netns: String,
        table: TableId,
        dst: Ipv4Net,
        way: Way,
    },
    /// A policy rule: packets from `src`, of a protocol and a source port, or with a mark, where those are given, ask `table`.
    AddRule {
        netns: String,
        priority: u32,
        src: Ipv4Net,
        sport: Option<(Transport, u16)>,
        /// Only packets with this mark.
        mark: Option<u32>,
        table: TableId,
    },
    Sysctl {
        netns: String,
        setting: Setting,
    },
    /// Sets for rules, as `ipset save` prints them, beside those that are there.
    IpsetRestore {
        netns: String,
        sets: Arc<str>,
    },
    /// Rules and chains beside those that are there.
    IptablesRestore {
        netns: String,
        rules: Arc<Ruleset>,
    },
    /// A namespace that is there no more, with all that runs in it and the wires that end in it.
    DelNetns {
        netns: String,
    },
    /// Sets and rules in place of all that are there.
    IptablesReplace {
        netns: String,
        sets: Vec<Arc<str>>,
        rules: Vec<Arc<Ruleset>>,
    },
    /// Connections by UDP to a port, at this address if one is given, whose answers come from there: forgotten.
    DelConntrack {
        netns: String,
        dst: Option<Ipv4Addr>,
        port: u16,
        reply_src: Ipv4Addr,
    },
    /// A running program reads its configuration again: that of `app`.
    Reload {
        netns: String,
        owner: String,
        app: Box<App>,
    },
    /// A program that runs from then on.
    Run {
        netns: String,
        owner: String,
        app: Box<App>,
    },
    /// A program that listens on a port, on all addresses, and answers every datagram or connection with the same bytes.
    Serve {
        netns: String,
        transport: Transport,
        port: u16,
        answer: Vec<u8>,
        owner: String,
    },
}

/// What a program listens by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    Udp,
    /// Of each connection it reads once; after the answer it closes.
    Tcp,
}

impl Transport {
    /// Its IP protocol number.
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp => 6,
        }
    }

    /// As `ip rule` names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// A device to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct End {
    pub netns: String,
    pub dev: String,
    pub mac: Mac,
}

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// To a gateway, which must be on a link of the namespace.
    Via(Ipv4Addr),
    /// To a gateway behind this device, whatever the addresses say.
    OnLink(Ipv4Addr, String),
    /// To the link itself.
    Dev(String),
    /// Nowhere, in silence.
    Blackhole,
    /// To this host itself: every address of the prefix is its own.
    Local,
}

/// A kernel setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    /// `net.ipv4.ip_forward`.
    IpForward(bool),
    /// `net.bridge.bridge-nf-call-iptables`.
    BridgeCallsIptables(bool),
    /// `net.ipv4.conf.DEV.NAME`; without a device for all.
    Conf(Option<String>, Conf, u8),
    /// `net.ipv4.neigh.DEV.proxy_delay`, in hundredths of a second.
    ProxyDelay(String, u8),
    /// `net.netfilter.nf_conntrack_tcp_be_liberal`.
    ConntrackTcpBeLiberal(bool),
}

/// Rules as `iptables-restore --noflush` takes them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ruleset {
    /// A table may come several times.
    pub text: String,
    /// For each line of the text the place in [`Ruleset::origins`] of who caused it. Where there is none, it is who
    /// caused the operation.
    pub lines: Vec<u32>,
    /// For example `Service default/api`.
    pub origins: Vec<String>,
}

impl Ruleset {
    /// Adds a line that this object caused.
    pub fn line(&mut self, line: &str, origin: &str) {
        let known = self.origins.iter().position(|it| it == origin);
        let place = known.unwrap_or_else(|| {
            self.origins.push(origin.to_owned());
            self.origins.len() - 1
        });
        self.text.push_str(line);
        self.text.push('\n');
        self.lines.push(u32::try_from(place).unwrap_or(u32::MAX));
    }

    /// Who caused a line, counted from 0, where each of [`Ruleset::origins`] has this number.
    fn origin(&self, line: usize, numbers: &[OriginId]) -> Option<OriginId> {
        numbers.get(*self.lines.get(line)? as usize).copied()
    }
}

impl From<String> for Ruleset {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// An operation and who caused it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configured {
    pub op: Op,
    /// For example `Pod default/pod-1`; None for what belongs to nobody in particular, as an underlay switch.
    pub origin: Option<String>,
}

#[cfg(test)]
mod tests;
