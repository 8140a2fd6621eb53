//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::Malformed;
use crate::base::Mac;

/// Bytes of an ARP packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

/// Hardware type of IEEE 802 networks, which the kernel takes for Ethernet's own (`arp_process`).
const IEEE_802: u16 = 6;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Request,
    Reply,
}

/// An ARP packet; all other hardware and protocol types are malformed here, as the kernel drops them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    pub operation: Operation,
    pub sender_mac: Mac,
    pub sender_ip: Ipv4Addr,
    pub target_mac: Mac,
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Reads the packet behind the Ethernet header, with the checks of `arp_rcv` and `arp_process`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let slice = etherparse::ArpPacketSlice::from_slice(bytes)
            .map_err(|_| Malformed::Truncated { need: LEN, have: bytes.len() })?;
        let ethernet = [etherparse::ArpHardwareId::ETHERNET, etherparse::ArpHardwareId(IEEE_802)];
        if !ethernet.contains(&slice.hw_addr_type())
            || slice.proto_addr_type() != etherparse::EtherType::IPV4
            || slice.hw_addr_size() != 6
            || slice.proto_addr_size() != 4
        {
            return Err(Malformed::Field("hardware or protocol type"));
        }
        let operation = match slice.operation().0 {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Malformed::Field("operation")),
        };
        Ok(Self {
            operation,
            sender_mac: mac(slice.sender_hw_addr()),
            sender_ip: ip(slice.sender_protocol_addr()),
            target_mac: mac(slice.target_hw_addr()),
            target_ip: ip(slice.target_protocol_addr()),
        })
    }

    /// Appends the packet to a frame that holds its Ethernet header.
    pub fn emit(&self, frame: &mut Vec<u8>) {
        let operation = match self.operation {
            Operation::Request => 1u16,
            Operation::Reply => 2,
        };
        frame.extend_from_slice(&[0, 1, 0x08, 0x00, 6, 4]);
        frame.extend_from_slice(&operation.to_be_bytes());
        frame.extend_from_slice(&self.sender_mac.0);
        frame.extend_from_slice(&self.sender_ip.octets());
        frame.extend_from_slice(&self.target_mac.0);
        frame.extend_from_slice(&self.target_ip.octets());
    }
}

fn mac(bytes: &[u8]) -> Mac {
    Mac(bytes.try_into().expect("hardware address size was checked to be 6"))
}

fn ip(bytes: &[u8]) -> Ipv4Addr {
    let octets: [u8; 4] = bytes.try_into().expect("protocol address size was checked to be 4");
    octets.into()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn an_emitted_request_parses_to_itself_and_any_prefix_of_it_is_refused() {
        let arp = Arp {
            operation: Operation::Request,
            sender_mac: Mac([2, 0, 0, 0, 0, 1]),
            sender_ip: Ipv4Addr::new(10, 0, 0, 1),
            target_mac: Mac::ZERO,
            target_ip: Ipv4Addr::new(10, 0, 0, 2),
        };
        let mut bytes = Vec::new();
        arp.emit(&mut bytes);
        assert_eq!(bytes.len(), LEN);
        assert_eq!(Arp::parse(&bytes), Ok(arp));
        for cut in 0..LEN {
            assert!(Arp::parse(&bytes[..cut]).is_err(), "{cut} bytes");
        }
    }
}
