//! The five places where the IP path asks netfilter (`enum nf_inet_hooks`, `include/uapi/linux/netfilter.h`).

/// A hook. The order is the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Hook {
    /// Everything that arrives, before routing (`NF_INET_PRE_ROUTING`).
    PreRouting,
    /// What is for this host (`NF_INET_LOCAL_IN`).
    LocalIn,
    /// What goes through this host (`NF_INET_FORWARD`).
    Forward,
    /// What this host sends (`NF_INET_LOCAL_OUT`).
    LocalOut,
    /// Everything that leaves, after routing (`NF_INET_POST_ROUTING`).
    PostRouting,
}

impl Hook {
    pub const ALL: [Self; 5] =
        [Self::PreRouting, Self::LocalIn, Self::Forward, Self::LocalOut, Self::PostRouting];

    /// The built-in chain of iptables that hangs there.
    pub const fn chain(self) -> &'static str {
        match self {
            Self::PreRouting => "PREROUTING",
            Self::LocalIn => "INPUT",
            Self::Forward => "FORWARD",
            Self::LocalOut => "OUTPUT",
            Self::PostRouting => "POSTROUTING",
        }
    }

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PreRouting => "NF_INET_PRE_ROUTING",
            Self::LocalIn => "NF_INET_LOCAL_IN",
            Self::Forward => "NF_INET_FORWARD",
            Self::LocalOut => "NF_INET_LOCAL_OUT",
            Self::PostRouting => "NF_INET_POST_ROUTING",
        }
    }
}
