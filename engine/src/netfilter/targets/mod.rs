//! The targets (`-j`): what a rule does with a packet that meets it.
//!
//! A target that is not here is an error when a file is read.

mod connmark;
mod ct;
mod log;
mod mark;
mod nat;
mod reject;
mod tcpmss;

pub use connmark::Connmark;
pub use ct::Notrack;
pub use log::Log;
pub use mark::Mark;
pub use nat::{Nat, NatKind, Netmap};
pub use tcpmss::Tcpmss;

use super::Reject;
use super::matches::Extension;
use super::print::Printer;
use crate::base::ChainId;

/// What a rule does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// It counts.
    None,
    Accept,
    Drop,
    /// Back to where the chain was called, or to the policy.
    Return,
    Jump(ChainId),
    /// As [`Target::Jump`], but without coming back to this chain.
    Goto(ChainId),
    Connmark(Box<Connmark>),
    Ct(Notrack),
    Log(Box<Log>),
    Mark(Mark),
    Nat(Box<Nat>),
    Netmap(Netmap),
    Reject(Reject),
    Tcpmss(Tcpmss),
    Trace,
}

/// The targets that are modelled, for messages.
const NAMES: &[&str] = &[
    "ACCEPT",
    "DROP",
    "RETURN",
    "CONNMARK",
    "CT",
    "DNAT",
    "LOG",
    "MARK",
    "MASQUERADE",
    "NETMAP",
    "NOTRACK",
    "REDIRECT",
    "REJECT",
    "SNAT",
    "TCPMSS",
    "TRACE",
];

/// Targets that the kernel has and this engine has not: no chain can be meant.
const NOT_MODELLED: &[&str] = &[
    "AUDIT",
    "CHECKSUM",
    "CLASSIFY",
    "CLUSTERIP",
    "CONNSECMARK",
    "DSCP",
    "ECN",
    "HMARK",
    "IDLETIMER",
    "LED",
    "NFLOG",
    "NFQUEUE",
    "QUEUE",
    "RATEEST",
    "SECMARK",
    "SET",
    "SYNPROXY",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TTL",
    "ULOG",
];

/// What may stand after `-j`, besides chains.
pub(super) fn expected() -> String {
    super::words::expected_one_of(NAMES) + ", or a chain of this table"
}

/// Whether a name is that of a target that is not modelled.
pub(super) fn is_not_modelled(name: &str) -> bool {
    NOT_MODELLED.contains(&name)
}

impl Target {
    /// A target as it is before its options are read; None for a chain's name.
    pub(super) fn new(name: &str) -> Option<Self> {
        Some(match name {
            "ACCEPT" => Self::Accept,
            "DROP" => Self::Drop,
            "RETURN" => Self::Return,
            "CONNMARK" => Self::Connmark(Box::default()),
            "CT" => Self::Ct(Notrack::new()),
            "NOTRACK" => Self::Ct(Notrack::alias()),
            "LOG" => Self::Log(Box::default()),
            "MARK" => Self::Mark(Mark::default()),
            "DNAT" => Self::Nat(Box::new(Nat::new(NatKind::Dnat))),
            "SNAT" => Self::Nat(Box::new(Nat::new(NatKind::Snat))),
            "MASQUERADE" => Self::Nat(Box::new(Nat::new(NatKind::Masquerade))),
            "REDIRECT" => Self::Nat(Box::new(Nat::new(NatKind::Redirect))),
            "NETMAP" => Self::Netmap(Netmap::default()),
            "REJECT" => Self::Reject(Reject::PortUnreachable),
            "TCPMSS" => Self::Tcpmss(Tcpmss::default()),
            "TRACE" => Self::Trace,
            _ => return None,
        })
    }

    /// As it stands after `-j`; none for a chain.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::None | Self::Jump(_) | Self::Goto(_) => None,
            Self::Accept => Some("ACCEPT"),
            Self::Drop => Some("DROP"),
            Self::Return => Some("RETURN"),
            Self::Connmark(_) => Some("CONNMARK"),
            Self::Ct(it) => Some(it.name()),
            Self::Log(_) => Some("LOG"),
            Self::Mark(_) => Some("MARK"),
            Self::Nat(it) => Some(it.kind.name()),
            Self::Netmap(_) => Some("NETMAP"),
            Self::Reject(_) => Some("REJECT"),
            Self::Tcpmss(_) => Some("TCPMSS"),
            Self::Trace => Some("TRACE"),
        }
    }

    pub(super) fn extension(&self) -> Option<&dyn Extension> {
        match self {
            Self::None
            | Self::Accept
            | Self::Drop
            | Self::Return
            | Self::Jump(_)
            | Self::Goto(_)
            | Self::Trace => None,
            Self::Connmark(it) => Some(&**it),
            Self::Ct(it) => Some(it),
            Self::Log(it) => Some(&**it),
            Self::Mark(it) => Some(it),
            Self::Nat(it) => Some(&**it),
            Self::Netmap(it) => Some(it),
            Self::Reject(it) => Some(it),
            Self::Tcpmss(it) => Some(it),
        }
    }

    pub(super) fn extension_mut(&mut self) -> Option<&mut dyn Extension> {
        match self {
            Self::None
            | Self::Accept
            | Self::Drop
            | Self::Return
            | Self::Jump(_)
            | Self::Goto(_)
            | Self::Trace => None,
            Self::Connmark(it) => Some(&mut **it),
            Self::Ct(it) => Some(it),
            Self::Log(it) => Some(&mut **it),
            Self::Mark(it) => Some(it),
            Self::Nat(it) => Some(&mut **it),
            Self::Netmap(it) => Some(it),
            Self::Reject(it) => Some(it),
            Self::Tcpmss(it) => Some(it),
        }
    }

    /// Whether the kernel tracks connections because of this target.
    pub(super) fn needs_conntrack(&self) -> bool {
        match self {
            Self::Connmark(_) | Self::Nat(_) | Self::Netmap(_) => true,
            Self::Ct(it) => !it.notrack,
            Self::None
            | Self::Accept
            | Self::Drop
            | Self::Return
            | Self::Jump(_)
            | Self::Goto(_)
            | Self::Log(_)
            | Self::Mark(_)
            | Self::Reject(_)
            | Self::Tcpmss(_)
            | Self::Trace => false,
        }
    }

    /// What stands after `-j`.
    pub(super) fn print(&self, out: &mut Printer<'_>) {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => out.word(out.names.chain(*chain)),
            _ => out.word(self.name().unwrap_or_default()),
        }
        if let Some(extension) = self.extension() {
            extension.print(out);
        }
    }
}
