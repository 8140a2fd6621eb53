//! 48-bit MAC addresses.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// An Ethernet hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// 00:00:00:00:00:00, the loopback device's address, and "unknown" in an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// The address that CNI plugins derived from a pod's IPv4 address: 0a:58 and its four bytes.
    pub const fn from_ipv4(ip: Ipv4Addr) -> Self {
        let [a, b, c, d] = ip.octets();
        Self([0x0a, 0x58, a, b, c, d])
    }

    /// Group bit set: multicast or broadcast.
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Usable as a source: neither group nor all zeros (`is_valid_ether_addr`).
    pub fn is_valid_unicast(self) -> bool {
        !self.is_multicast() && self != Self::ZERO
    }

    /// 01:80:c2:00:00:0x, which a bridge does not forward (IEEE 802.1D reserved group addresses).
    pub fn is_link_local(self) -> bool {
        self.0[..5] == [0x01, 0x80, 0xc2, 0, 0] && self.0[5] & 0xf0 == 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(f, "{first:02x}")?;
        rest.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
    }
}

/// The text is not six hexadecimal bytes joined by colons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MacError;

impl fmt::Display for MacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a MAC address such as 0a:58:0a:f4:01:02")
    }
}

impl FromStr for Mac {
    type Err = MacError;
    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|p| (1..=2).contains(&p.len())).ok_or(MacError)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| MacError)?;
        }
        if parts.next().is_some() { Err(MacError) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_mac_address_reads_as_it_prints() {
        let mac: Mac = "0a:58:0a:f4:01:02".parse().expect("six hexadecimal bytes");
        assert_eq!(mac, Mac::from_ipv4(Ipv4Addr::new(10, 244, 1, 2)));
        assert_eq!(mac.to_string(), "0a:58:0a:f4:01:02");
        for wrong in [
            "",
            "0a:58:0a:f4:01",
            "0a:58:0a:f4:01:02:03",
            "0a:58:0a:f4:01:xx",
            "+a:58:0a:f4:01:002",
        ] {
            assert_eq!(wrong.parse::<Mac>(), Err(MacError), "{wrong}");
        }
    }
}
