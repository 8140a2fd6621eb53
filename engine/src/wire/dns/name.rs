//! Domain names as text.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};

use domain::base::name::ToName;

/// An absolute domain name as people write it: `api.default.svc.cluster.local.`, with `\.` and `\000` for bytes that would
/// be misread. Keeps its case; two names that differ in case alone are equal.
#[derive(Clone)]
pub struct Name(Box<str>);

/// A name as the codec's crate has it.
pub(super) type Wire = domain::base::Name<Vec<u8>>;

impl Name {
    /// Reads a name, absolute with or without a dot at its end. None: a label is empty or has over 63 bytes, or all are
    /// over 255.
    pub fn new(text: &str) -> Option<Self> {
        if !is_host(text) {
            return Wire::vec_from_str(text).ok().map(|name| Self::from_wire(&name));
        }
        let dot = if text.ends_with('.') { "" } else { "." };
        Some(Self([text, dot].concat().into()))
    }

    pub fn root() -> Self {
        Self(".".into())
    }

    /// The name at which an address' owner is written: `10.0.96.10.in-addr.arpa.`
    pub fn reverse(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => {
                let [a, b, c, d] = addr.octets();
                Self(format!("{d}.{c}.{b}.{a}.in-addr.arpa.").into())
            }
            IpAddr::V6(addr) => {
                let mut name = String::new();
                for byte in addr.octets().into_iter().rev() {
                    name += &format!("{:x}.{:x}.", byte & 15, byte >> 4);
                }
                Self((name + "ip6.arpa.").into())
            }
        }
    }

    /// The address that a name of the reverse tree is about.
    pub fn reversed(&self) -> Option<IpAddr> {
        let name = self.0.to_ascii_lowercase();
        if let Some(labels) = name.strip_suffix(".in-addr.arpa.") {
            let mut octets = labels.rsplit('.').map(str::parse::<u8>);
            let mut next = || octets.next()?.ok();
            let addr = Ipv4Addr::new(next()?, next()?, next()?, next()?);
            return octets.next().is_none().then_some(addr.into());
        }
        let labels = name.strip_suffix(".ip6.arpa.")?;
        let mut addr = 0u128;
        let mut n = 0;
        for label in labels.rsplit('.') {
            if label.len() != 1 {
                return None;
            }
            addr = addr << 4 | u128::from(u8::from_str_radix(label, 16).ok()?);
            n += 1;
        }
        (n == 32).then(|| std::net::Ipv6Addr::from(addr).into())
    }

    /// With the dot at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before `zone`, as `api.default` of `api.default.svc.cluster.local.` in `svc.cluster.local.`; empty for
    /// the zone itself. None: it is not in the zone.
    pub fn within(&self, zone: &Self) -> Option<&str> {
        if *zone.0 == *"." {
            return Some(self.0.strip_suffix('.').unwrap_or_default());
        }
        let split = self.0.len().checked_sub(zone.0.len())?;
        let (rest, tail) = (self.0.get(..split)?, self.0.get(split..)?);
        if !tail.eq_ignore_ascii_case(&zone.0) {
            return None;
        }
        if rest.is_empty() { Some("") } else { rest.strip_suffix('.') }
    }

    /// The name without its first label; None for the root. Labels with dots of their own are no matter here: they are
    /// nowhere a host's.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_once('.')?;
        match rest {
            "" if self.0.len() == 1 => None,
            "" => Some(Self::root()),
            rest => Some(Self(rest.into())),
        }
    }

    pub(super) fn from_wire(name: &impl ToName) -> Self {
        Self(name.fmt_with_dot().to_string().into())
    }

    pub(super) fn to_wire(&self) -> Wire {
        Wire::vec_from_str(&self.0).expect("a name was checked when it was made")
    }
}

/// Whether a name is good, and of characters that are written as they are. Nearly all are, by the ten thousands.
fn is_host(text: &str) -> bool {
    let mut label_len = 0;
    for byte in text.strip_suffix('.').unwrap_or(text).bytes() {
        label_len = match byte {
            b'.' if label_len == 0 => return false,
            b'.' => 0,
            b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if label_len < 63 => {
                label_len + 1
            }
            _ => return false,
        };
    }
    label_len > 0 && text.len() <= 253
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
