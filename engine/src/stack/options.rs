//! IPv4 options: checked and filled in on arrival, filled in again by a router, copied into what the stack itself answers.
//! Read `net/ipv4/ip_options.c` first.
//!
//! Not modelled, and said aloud: source routes where `accept_source_route` is on, and security labels (CIPSO).

use std::net::Ipv4Addr;

use super::route::Routing;
use crate::base::{DevId, Nanos};
use crate::link::Conf;
use crate::netfilter::AddrType;
use crate::skb::{DstKind, IpOptions, Skb};
use crate::wire::ipv4::{self, Header};

const END: u8 = 0;
const NOOP: u8 = 1;
const RECORD_ROUTE: u8 = 7;
const TIMESTAMP: u8 = 68;
const LOOSE_ROUTE: u8 = 131;
const STRICT_ROUTE: u8 = 137;
const SECURITY_LABEL: u8 = 134;
const ROUTER_ALERT: u8 = 148;

/// What a timestamp option wants (the low half of its fourth byte).
const TIME_ONLY: u8 = 0;
const TIME_AND_ADDR: u8 = 1;
const PRESPECIFIED: u8 = 3;

/// Why a packet with options goes no further.
pub(super) enum Refused {
    /// An option is impossible; the error points at this byte of the header.
    At(u8),
    /// It names the way it wants to go, and this host heeds no such wishes.
    SourceRoute,
    /// The same, and this host would heed it.
    NotModelled,
}

/// Milliseconds since midnight (`inet_current_timestamp`).
pub(super) fn time_of_day(now: Nanos) -> [u8; 4] {
    const DAY_MS: u64 = 86_400_000;
    let ms = u32::try_from(now.0 / 1_000_000 % DAY_MS).expect("less than a day");
    ms.to_be_bytes()
}

/// A packet's options are read once it is routed, to `to` if anywhere, and those that ask for this host's address or time get
/// it (`ip_rcv_options`, `__ip_options_compile`). The header's checksum is left as it was, as the kernel leaves it.
pub(super) fn receive(
    routing: Routing<'_>,
    dev: DevId,
    to: Option<DstKind>,
    header: &Header,
    skb: &mut Skb,
) -> Result<(), Refused> {
    let spec_dst = routing.spec_dst(dev, header, to, skb.mark).octets();
    let all = &mut skb.payload_mut()[ipv4::LEN..header.header_len];
    let mut options = IpOptions::default();
    let compiled = compile(routing, dev, spec_dst, &mut options, all);
    if options.changed {
        let packet = skb.payload_mut();
        options.checksum_was = u16::from_be_bytes([packet[10], packet[11]]);
        ipv4::fill_checksum(&mut packet[..header.header_len]);
    }
    skb.options = Some(options);
    compiled
}

fn compile(
    routing: Routing<'_>,
    dev: DevId,
    spec_dst: [u8; 4],
    options: &mut IpOptions,
    all: &mut [u8],
) -> Result<(), Refused> {
    let now = time_of_day(routing.now);
    let mut at = 0;
    let mut source_route = false;
    while at < all.len() {
        let place = |at: usize| u8::try_from(ipv4::LEN + at).unwrap_or(u8::MAX);
        let bad = |at: usize| Err(Refused::At(place(at)));
        match all[at] {
            END => {
                options.changed |= all[at..].iter().any(|&byte| byte != END);
                all[at..].fill(END);
                break;
            }
            NOOP => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let len = usize::from(all.get(at + 1).copied().unwrap_or(0));
        if len < 2 || at + len > all.len() {
            return bad(at);
        }
        let own = &mut all[at..at + len];
        match own[0] {
            LOOSE_ROUTE | STRICT_ROUTE => {
                if len < 3 {
                    return bad(at + 1);
                }
                if own[2] < 4 {
                    return bad(at + 2);
                }
                if source_route {
                    return bad(at);
                }
                source_route = true;
            }
            RECORD_ROUTE => {
                if options.record_route != 0 {
                    return bad(at);
                }
                if len < 3 {
                    return bad(at + 1);
                }
                let next = usize::from(own[2]);
                if next < 4 || (next <= len && next + 3 > len) {
                    return bad(at + 2);
                }
                if next <= len {
                    own[next - 1..next + 3].copy_from_slice(&spec_dst);
                    own[2] += 4;
                    options.needs_addr = true;
                    options.changed = true;
                }
                options.record_route = place(at);
            }
            TIMESTAMP => {
                if options.timestamp != 0 {
                    return bad(at);
                }
                if len < 4 {
                    return bad(at + 1);
                }
                let next = usize::from(own[2]);
                if next < 5 || (next <= len && next + 3 > len) {
                    return bad(at + 2);
                }
                let wants = own[3] & 0xf;
                if next > len {
                    let overflow = own[3] >> 4;
                    if overflow == 15 {
                        return bad(at + 3);
                    }
                    own[3] = wants | (overflow + 1) << 4;
                    options.changed = true;
                    options.timestamp = place(at);
                } else if matches!(wants, TIME_ONLY | TIME_AND_ADDR | PRESPECIFIED) {
                    if wants != TIME_ONLY && next + 7 > len {
                        return bad(at + 2);
                    }
                    options.timestamp = place(at);
                    let addr = own.get(next - 1..next + 3).map_or(Ipv4Addr::UNSPECIFIED, ip);
                    let is_for_us =
                        wants != PRESPECIFIED || routing.addr_type(addr, None) != AddrType::Unicast;
                    let mut time_at = next - 1;
                    if wants == TIME_AND_ADDR {
                        own[next - 1..next + 3].copy_from_slice(&spec_dst);
                        options.needs_stamp_addr = true;
                    }
                    if wants != TIME_ONLY {
                        time_at += 4;
                    }
                    if is_for_us {
                        own[time_at..time_at + 4].copy_from_slice(&now);
                        options.needs_time = true;
                        options.changed = true;
                        own[2] += if wants == TIME_ONLY { 4 } else { 8 };
                    }
                }
            }
            SECURITY_LABEL => return Err(Refused::NotModelled),
            ROUTER_ALERT if len < 4 => return bad(at + 1),
            _ => {}
        }
        at += len;
    }
    if source_route {
        let all = &routing.ns.sysctl.all;
        let heeds = routing.devices[dev].conf.and(all, Conf::AcceptSourceRoute);
        return Err(if heeds { Refused::NotModelled } else { Refused::SourceRoute });
    }
    Ok(())
}

/// A router puts the address of the device that the packet leaves by in place of the one it noted on arrival
/// (`ip_forward_options`).
pub(super) fn forward(routing: Routing<'_>, header: &Header, skb: &mut Skb) {
    let Some((options, dst)) = skb.options.as_mut().zip(skb.dst) else { return };
    options.changed = false;
    if !options.needs_addr {
        return;
    }
    let option = usize::from(options.record_route);
    let source = routing.source_of(&dst, header, skb).octets();
    let packet = &mut skb.payload_mut()[..header.header_len];
    let at = (option + usize::from(packet[option + 2])).saturating_sub(5);
    if let Some(place) = packet.get_mut(at..at + 4) {
        place.copy_from_slice(&source);
    }
    ipv4::fill_checksum(packet);
}

/// The options of what this host itself answers to a packet (`__ip_options_echo`, `ip_options_build`): its record of the
/// route and its timestamps, with this host's address and time once more. None: it cannot be answered.
pub(super) fn echo(skb: &Skb, src: Ipv4Addr, now: Nanos) -> Option<Vec<u8>> {
    let Some(options) = skb.options else { return Some(Vec::new()) };
    let packet = skb.payload();
    let mut out = Vec::new();
    let copy = |out: &mut Vec<u8>, option: u8| {
        let at = usize::from(option);
        let len = usize::from(packet[at + 1]);
        out.extend_from_slice(&packet[at..at + len]);
        (out.len() - len, usize::from(packet[at + 2]), len)
    };
    if options.record_route != 0 {
        let (at, next, len) = copy(&mut out, options.record_route);
        if options.needs_addr && next <= len {
            let place = out.get_mut(at + next - 1..at + next + 3)?;
            place.copy_from_slice(&src.octets());
            out[at + 2] += 4;
        }
    }
    if options.timestamp != 0 {
        let (at, mut next, len) = copy(&mut out, options.timestamp);
        if next <= len {
            if options.needs_stamp_addr {
                let place = out.get_mut(at + next - 1..at + next + 3)?;
                place.copy_from_slice(&src.octets());
                next += 4;
            }
            if options.needs_time && out[at + 3] & 0xf != PRESPECIFIED {
                let place = out.get_mut(at + next - 1..at + next + 3)?;
                place.copy_from_slice(&time_of_day(now));
                next += 4;
            }
            out[at + 2] = u8::try_from(next).unwrap_or(u8::MAX);
        }
    }
    out.resize(out.len().next_multiple_of(4), END);
    Some(out)
}

fn ip(bytes: &[u8]) -> Ipv4Addr {
    let bytes: [u8; 4] = bytes.try_into().unwrap_or_default();
    bytes.into()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::{Id, NsId};
    use crate::link::{Device, Devices};
    use crate::stack::Netns;

    /// Reads options in a namespace that has no address, and gives them as they are then.
    fn read(options: &[u8]) -> Result<Vec<u8>, u8> {
        let mut devices = Devices::default();
        let lo = devices.push(Device::loopback(NsId::from_index(0)));
        let ns = &Netns::new("a", lo);
        let routing = Routing { ns, devices: &devices, now: Nanos::from_millis(5) };
        let mut bytes = options.to_vec();
        let mut found = IpOptions::default();
        match compile(routing, ns.lo, [10, 0, 0, 9], &mut found, &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(Refused::At(pointer)) => Err(pointer),
            Err(Refused::SourceRoute) => Err(0),
            Err(Refused::NotModelled) => Err(u8::MAX),
        }
    }

    #[test]
    fn a_record_of_the_route_takes_the_next_free_place() {
        let before = [7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&before), Ok(vec![7, 11, 8, 10, 0, 0, 9, 0, 0, 0, 0, 0]));
        let full = [7, 7, 8, 1, 2, 3, 4, 0];
        assert_eq!(read(&full), Ok(full.to_vec()));
    }

    #[test]
    fn a_timestamp_takes_the_time_and_the_address_or_counts_that_there_is_no_room() {
        assert_eq!(read(&[68, 8, 5, 0, 0, 0, 0, 0]), Ok(vec![68, 8, 9, 0, 0, 0, 0, 5]));
        let both = [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&both), Ok(vec![68, 12, 13, 1, 10, 0, 0, 9, 0, 0, 0, 5]));
        assert_eq!(read(&[68, 8, 9, 0x20, 1, 2, 3, 4]), Ok(vec![68, 8, 9, 0x30, 1, 2, 3, 4]));
    }

    #[test]
    fn an_impossible_option_is_pointed_at() {
        assert_eq!(read(&[7, 1, 0, 0]), Err(20));
        assert_eq!(read(&[1, 7, 7, 3, 0, 0, 0, 0]), Err(23));
        assert_eq!(read(&[68, 8, 9, 0xf0, 1, 2, 3, 4]), Err(23));
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        for a in 0..=255 {
            for b in [0, 1, 2, 3, 4, 7, 8, 40, 255] {
                for c in [0, 3, 4, 5, 8, 9, 255] {
                    let _ = read(&[a, b, c, a, b, c, a, b]);
                }
            }
        }
    }
}
