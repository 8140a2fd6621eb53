//! A device's settings for IPv4, `net.ipv4.conf.DEV.*`, and how they combine with those for `all`. Read
//! include/linux/inetdevice.h and net/ipv4/devinet.c first.

/// A setting that each device has (`IPV4_DEVCONF_*`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Conf {
    AcceptLocal,
    AcceptRedirects,
    AcceptSourceRoute,
    ArpAccept,
    ArpAnnounce,
    ArpFilter,
    ArpIgnore,
    BcForwarding,
    DropGratuitousArp,
    DropUnicastInL2Multicast,
    Forwarding,
    IgnoreRoutesWithLinkdown,
    ProxyArp,
    ProxyArpPvlan,
    RouteLocalnet,
    RpFilter,
    SecureRedirects,
    SendRedirects,
    SharedMedia,
    SrcValidMark,
}

impl Conf {
    /// All of them in the order of their names.
    pub const ALL: [Self; 20] = [
        Self::AcceptLocal,
        Self::AcceptRedirects,
        Self::AcceptSourceRoute,
        Self::ArpAccept,
        Self::ArpAnnounce,
        Self::ArpFilter,
        Self::ArpIgnore,
        Self::BcForwarding,
        Self::DropGratuitousArp,
        Self::DropUnicastInL2Multicast,
        Self::Forwarding,
        Self::IgnoreRoutesWithLinkdown,
        Self::ProxyArp,
        Self::ProxyArpPvlan,
        Self::RouteLocalnet,
        Self::RpFilter,
        Self::SecureRedirects,
        Self::SendRedirects,
        Self::SharedMedia,
        Self::SrcValidMark,
    ];

    /// The last part of its name: `rp_filter`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcceptLocal => "accept_local",
            Self::AcceptRedirects => "accept_redirects",
            Self::AcceptSourceRoute => "accept_source_route",
            Self::ArpAccept => "arp_accept",
            Self::ArpAnnounce => "arp_announce",
            Self::ArpFilter => "arp_filter",
            Self::ArpIgnore => "arp_ignore",
            Self::BcForwarding => "bc_forwarding",
            Self::DropGratuitousArp => "drop_gratuitous_arp",
            Self::DropUnicastInL2Multicast => "drop_unicast_in_l2_multicast",
            Self::Forwarding => "forwarding",
            Self::IgnoreRoutesWithLinkdown => "ignore_routes_with_linkdown",
            Self::ProxyArp => "proxy_arp",
            Self::ProxyArpPvlan => "proxy_arp_pvlan",
            Self::RouteLocalnet => "route_localnet",
            Self::RpFilter => "rp_filter",
            Self::SecureRedirects => "secure_redirects",
            Self::SendRedirects => "send_redirects",
            Self::SharedMedia => "shared_media",
            Self::SrcValidMark => "src_valid_mark",
        }
    }

    /// The setting with that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|conf| conf.name() == name)
    }
}

/// The settings of one device, of `all`, or of `default`, which new devices copy (`struct ipv4_devconf`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Devconf([u8; Conf::ALL.len()]);

impl Devconf {
    /// What the kernel begins with for `all` (`ipv4_devconf`).
    pub const fn all() -> Self {
        let mut values = [0; Conf::ALL.len()];
        values[Conf::AcceptRedirects as usize] = 1;
        values[Conf::SecureRedirects as usize] = 1;
        values[Conf::SendRedirects as usize] = 1;
        values[Conf::SharedMedia as usize] = 1;
        Self(values)
    }

    /// What the kernel begins with for `default` (`ipv4_devconf_dflt`).
    pub const fn new_device() -> Self {
        let mut conf = Self::all();
        conf.0[Conf::AcceptSourceRoute as usize] = 1;
        conf
    }

    /// A setting's value.
    #[inline]
    pub const fn get(&self, conf: Conf) -> u8 {
        self.0[conf as usize]
    }

    /// Sets a value.
    pub const fn set(&mut self, conf: Conf, value: u8) {
        self.0[conf as usize] = value;
    }

    /// Whether it is on here or for `all` (`IN_DEV_ORCONF`).
    #[inline]
    pub const fn or(&self, all: &Self, conf: Conf) -> bool {
        self.get(conf) != 0 || all.get(conf) != 0
    }

    /// Whether it is on here and for `all` (`IN_DEV_ANDCONF`).
    #[inline]
    pub const fn and(&self, all: &Self, conf: Conf) -> bool {
        self.get(conf) != 0 && all.get(conf) != 0
    }

    /// The larger of the values here and for `all` (`IN_DEV_MAXCONF`).
    #[inline]
    pub const fn max(&self, all: &Self, conf: Conf) -> u8 {
        let (own, all) = (self.get(conf), all.get(conf));
        if own > all { own } else { all }
    }
}
