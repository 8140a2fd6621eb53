//! The elements of sets: what they are found by, and their text.

use std::net::Ipv4Addr;

use super::{Dev, Kind, Set};
use crate::base::Mac;
use crate::netfilter::matches::{icmp_message, icmp_message_name};
use crate::netfilter::print::{address, decimal};
use crate::netfilter::rule::{DevPattern, protocol, protocol_name};
use crate::netfilter::words::low16;

/// What an element is found by, for every type of set. What a type does not have is zero, and prefixes are 32 bits long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    ip: u32,
    second: u32,
    /// A port; the number of a device in its set; the number of a set.
    number: u32,
    protocol: u8,
    len: u8,
    second_len: u8,
}

impl Key {
    pub(super) const fn ip(ip: u32) -> Self {
        Self { ip, second: 0, number: 0, protocol: 0, len: 32, second_len: 32 }
    }

    pub(super) const fn of_number(number: u32) -> Self {
        Self { number, ..Self::ip(0) }
    }

    pub(super) fn mac(mac: Mac) -> Self {
        let bytes =
            |at: usize| mac.0[at..].iter().take(4).fold(0, |n, byte| n << 8 | u32::from(*byte));
        Self { number: bytes(4), ..Self::ip(bytes(0)) }
    }

    pub(super) fn with_port(self, (protocol, port): (u8, u16)) -> Self {
        Self { protocol, number: u32::from(port), ..self }
    }

    pub(super) const fn with_second(self, second: u32) -> Self {
        Self { second, ..self }
    }

    pub(super) const fn with_dev(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// Only the first `len` bits of the address.
    pub(super) fn cut(self, len: u8) -> Self {
        Self { ip: self.ip & prefix_mask(len), len, ..self }
    }

    pub(super) fn cut_second(self, len: u8) -> Self {
        Self { second: self.second & prefix_mask(len), second_len: len, ..self }
    }

    pub(super) const fn number(self) -> u32 {
        self.number
    }

    pub(super) const fn lens(self) -> [u8; 2] {
        [self.len, self.second_len]
    }
}

/// The mask of a prefix; no bits for 0.
fn prefix_mask(len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(len.min(32))).unwrap_or(0)
}

/// An element's key, and what of it is not in the key.
pub(super) enum Parsed {
    Key(Key),
    /// Kept for its text; no packet leads to it.
    Written,
}

/// What an element of that type looks like, for messages.
pub(super) const fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::HashIp | Kind::BitmapIp => "expected an IPv4 address",
        Kind::HashNet => "expected an IPv4 network such as 10.0.0.0/8",
        Kind::HashIpPort => "expected an address and a port such as 10.0.0.1,tcp:80",
        Kind::HashNetPort => "expected a network and a port such as 10.0.0.0/8,tcp:80",
        Kind::HashIpPortIp => "expected addresses and a port such as 10.0.0.1,tcp:80,10.0.0.2",
        Kind::HashIpPortNet => {
            "expected an address, a port and a network such as 10.0.0.1,tcp:80,10.1.0.0/16"
        }
        Kind::HashNetNet => "expected two networks such as 10.0.0.0/8,10.1.0.0/16",
        Kind::HashNetIface => "expected a network and a device such as 10.0.0.0/8,eth0",
        Kind::HashMac => "expected an Ethernet address such as 0a:58:0a:f4:01:02",
        Kind::BitmapPort => "expected a port",
        Kind::ListSet => "expected the name of a set before this one, which is no list",
    }
}

impl Set {
    /// Reads an element; a set of a list is looked up by `set_number`.
    pub(super) fn parse(
        &mut self,
        text: &str,
        wildcard: bool,
        set_number: impl Fn(&str) -> Option<u32>,
    ) -> Option<Parsed> {
        let mut parts = text.split(',');
        let mut part = || parts.next();
        let key = match self.kind {
            Kind::HashIp | Kind::BitmapIp => Key::ip(ip(part()?)? & self.mask),
            Kind::HashNet => {
                let (ip, len) = net(part()?)?;
                Key::ip(ip).cut(len)
            }
            Kind::HashIpPort => Key::ip(ip(part()?)? & self.mask).with_port(port(part()?)?),
            Kind::HashNetPort => {
                let (ip, len) = net(part()?)?;
                Key::ip(ip).cut(len).with_port(port(part()?)?)
            }
            Kind::HashIpPortIp => {
                Key::ip(ip(part()?)?).with_port(port(part()?)?).with_second(ip(part()?)?)
            }
            Kind::HashIpPortNet => {
                let key = Key::ip(ip(part()?)?).with_port(port(part()?)?);
                let (second, len) = net(part()?)?;
                key.with_second(second).cut_second(len)
            }
            Kind::HashNetNet => {
                let ((first, first_len), (second, len)) = (net(part()?)?, net(part()?)?);
                Key::ip(first).cut(first_len).with_second(second).cut_second(len)
            }
            Kind::HashNetIface => {
                let (ip, len) = net(part()?)?;
                let name = part()?;
                if name.starts_with("physdev:") {
                    // Rules cannot ask for a bridge port: `IPSET_FLAG_PHYSDEV` is never set for them.
                    return Some(Parsed::Written);
                }
                Key::ip(ip).cut(len).with_dev(self.dev(name, wildcard)?)
            }
            Kind::HashMac => Key::mac(part()?.parse().ok()?),
            Kind::BitmapPort => Key::of_number(part()?.parse::<u16>().ok()?.into()),
            Kind::ListSet => Key::of_number(set_number(part()?)?),
        };
        part().is_none().then_some(Parsed::Key(key))
    }

    fn dev(&mut self, name: &str, wildcard: bool) -> Option<u32> {
        let dev = Dev { name: DevPattern::new(name)?, wildcard };
        let place = self.devs.iter().position(|it| *it == dev).unwrap_or_else(|| {
            self.devs.push(dev);
            self.devs.len() - 1
        });
        u32::try_from(place).ok()
    }

    /// The device of an element of `hash:net,iface`.
    pub(super) fn dev_of(&self, key: Key) -> Option<&Dev> {
        self.devs.get(key.number as usize).filter(|_| self.kind == Kind::HashNetIface)
    }

    /// Appends an element; `set_name` names the sets of a list.
    pub(super) fn print(&self, key: Key, text: &mut String, set_name: impl Fn(u32) -> String) {
        let port = |text: &mut String| {
            text.push(',');
            print_port(text, key.protocol, low16(key.number));
        };
        let second = |text: &mut String| {
            text.push(',');
            print_net(text, key.second, key.second_len);
        };
        match self.kind {
            Kind::HashIp | Kind::HashNet | Kind::BitmapIp => print_net(text, key.ip, key.len),
            Kind::HashIpPort | Kind::HashNetPort => {
                print_net(text, key.ip, key.len);
                port(text);
            }
            Kind::HashIpPortIp | Kind::HashIpPortNet => {
                print_net(text, key.ip, key.len);
                port(text);
                second(text);
            }
            Kind::HashNetNet => {
                print_net(text, key.ip, key.len);
                second(text);
            }
            Kind::HashNetIface => {
                print_net(text, key.ip, key.len);
                text.push(',');
                text.push_str(self.dev_of(key).map_or("", |dev| dev.name.as_str()));
            }
            Kind::HashMac => {
                let bits = u64::from(key.ip) << 16 | u64::from(key.number);
                let mut mac = [0; 6];
                mac.copy_from_slice(&bits.to_be_bytes()[2..]);
                text.push_str(&Mac(mac).to_string().to_ascii_uppercase());
            }
            Kind::BitmapPort => decimal(text, u64::from(key.number)),
            Kind::ListSet => text.push_str(&set_name(key.number)),
        }
    }
}

fn ip(text: &str) -> Option<u32> {
    text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits)
}

/// `10.0.0.0/8`, or an address alone.
fn net(text: &str) -> Option<(u32, u8)> {
    let (addr, len) = text.split_once('/').unwrap_or((text, "32"));
    Some((ip(addr)?, len.parse().ok().filter(|len| *len <= 32)?))
}

/// `tcp:80`, `80`, `icmp:echo-request`, `icmp:3/1`, `gre:0`.
fn port(text: &str) -> Option<(u8, u16)> {
    let (name, port) = text.split_once(':').unwrap_or(("tcp", text));
    let number = protocol(name)?;
    if number == 1 {
        let (kind, code) = match port.split_once('/') {
            Some((kind, code)) => (kind.parse().ok()?, code.parse().ok()?),
            None => icmp_message(port)?,
        };
        return Some((number, u16::from_be_bytes([kind, code])));
    }
    Some((number, port.parse().ok()?))
}

fn print_port(text: &mut String, number: u8, port: u16) {
    match protocol_name(number) {
        Some(name) => text.push_str(name),
        None => decimal(text, u64::from(number)),
    }
    text.push(':');
    let [kind, code] = port.to_be_bytes();
    match icmp_message_name(kind, code).filter(|_| number == 1) {
        Some(name) => text.push_str(name),
        None if number == 1 => {
            decimal(text, u64::from(kind));
            text.push('/');
            decimal(text, u64::from(code));
        }
        None => decimal(text, u64::from(port)),
    }
}

fn print_net(text: &mut String, ip: u32, len: u8) {
    address(text, ip.into());
    if len < 32 {
        text.push('/');
        decimal(text, u64::from(len));
    }
}
