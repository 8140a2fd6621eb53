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

/// A table of iptables. The order is that of their priorities at one hook; conntrack and nat stand between them, see
/// [`netfilter`](crate::netfilter).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    Raw,
    Mangle,
    Nat,
    Filter,
    Security,
}

impl Table {
    pub const ALL: [Self; 5] = [Self::Raw, Self::Mangle, Self::Nat, Self::Filter, Self::Security];

    /// As `iptables -t` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
            Self::Filter => "filter",
            Self::Security => "security",
        }
    }

    /// The hooks where the table has a built-in chain (`xtables_ipv4` of iptables-nft).
    pub const fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Raw => &[Hook::PreRouting, Hook::LocalOut],
            Self::Mangle => &Hook::ALL,
            Self::Nat => &[Hook::PreRouting, Hook::LocalIn, Hook::LocalOut, Hook::PostRouting],
            Self::Filter | Self::Security => &[Hook::LocalIn, Hook::Forward, Hook::LocalOut],
        }
    }
}
