//! `-j TCPMSS`: lowers the maximum segment size that a TCP header announces. Read `net/netfilter/xt_TCPMSS.c` first.

use crate::base::{Hook, Table};
use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError, low16};

/// To a size in bytes, or to what the path carries.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tcpmss {
    set: Option<u16>,
    clamp: bool,
}

/// Header bytes of IPv4 and TCP without options.
const HEADERS: u32 = 40;
/// What a host assumes that is told nothing (RFC 1122 section 4.2.2.6).
const DEFAULT_MSS: u16 = 536;

/// What the header cannot be made to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::netfilter) struct Malformed;

impl Tcpmss {
    /// Whether the size comes from the path.
    pub(in crate::netfilter) const fn clamps(self) -> bool {
        self.clamp
    }

    /// Changes a packet (`tcpmss_mangle_packet`). `mtu_bytes` is that of the path, both ways; `None` is returned for a
    /// packet that must be dropped.
    pub(in crate::netfilter) fn apply(
        self,
        packet: &mut Vec<u8>,
        ip: usize,
        mtu_bytes: u32,
    ) -> Result<(), Malformed> {
        let wanted = match self.set {
            Some(mss) if !self.clamp => mss,
            _ if mtu_bytes <= HEADERS => return Err(Malformed),
            _ => u16::try_from(mtu_bytes - HEADERS).unwrap_or(u16::MAX),
        };
        let tcp = ip + usize::from(packet[ip] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([packet[ip + 2], packet[ip + 3]]));
        let end = (ip + total).min(packet.len());
        if end < tcp + 20 {
            return Err(Malformed);
        }
        let header_end = tcp + usize::from(packet[tcp + 12] >> 4) * 4;
        if header_end < tcp + 20 || header_end > end {
            return Err(Malformed);
        }
        let mut at = tcp + 20;
        while at + 4 <= header_end {
            if packet[at..at + 2] == [2, 4] {
                let old = u16::from_be_bytes([packet[at + 2], packet[at + 3]]);
                if old > wanted {
                    replace16(packet, tcp + 16, at + 2, wanted);
                }
                return Ok(());
            }
            at += if packet[at] < 2 { 1 } else { usize::from(packet[at + 1].max(1)) };
        }
        // An option can only be put in where no data follow and the header can still grow.
        if header_end < end || header_end == tcp + 60 {
            return Ok(());
        }
        let mss = wanted.min(DEFAULT_MSS);
        let new_total = u16::try_from(total + 4).map_err(|_| Malformed)?;
        let segment = |end: usize| u16::try_from(end - tcp).map_err(|_| Malformed);
        let (old_len, new_len) = (segment(end)?, segment(end + 4)?);
        let [high, low] = mss.to_be_bytes();
        packet.splice(tcp + 20..tcp + 20, [2, 4, high, low]);
        replace16(packet, ip + 10, ip + 2, new_total);
        // The sum covers the segment's length, the new option, and the header's own length.
        let sum = tcp + 16;
        mend(packet, sum, old_len, new_len);
        mend(packet, sum, 0, 0x0204);
        mend(packet, sum, 0, mss);
        let offset = get16(packet, tcp + 12);
        replace16(packet, sum, tcp + 12, offset + 0x1000);
        Ok(())
    }
}

fn get16(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([packet[at], packet[at + 1]])
}

/// Writes a value and mends the checksum that covers it.
fn replace16(packet: &mut [u8], sum_at: usize, at: usize, new: u16) {
    let old = get16(packet, at);
    packet[at..at + 2].copy_from_slice(&new.to_be_bytes());
    // A value at an odd place counts with its bytes the other way round.
    let turned = |n: u16| if at % 2 == sum_at % 2 { n } else { n.swap_bytes() };
    mend(packet, sum_at, turned(old), turned(new));
}

/// Mends a checksum for one word that changed (`csum_replace2`, RFC 1624).
fn mend(packet: &mut [u8], sum_at: usize, old: u16, new: u16) {
    let mut total = u32::from(!get16(packet, sum_at)) + u32::from(!old) + u32::from(new);
    total = (total & 0xffff) + (total >> 16);
    total = (total & 0xffff) + (total >> 16);
    packet[sum_at..sum_at + 2].copy_from_slice(&(!low16(total)).to_be_bytes());
}

impl Extension for Tcpmss {
    fn options(&self) -> &'static [&'static str] {
        &["--set-mss", "--clamp-mss-to-pmtu"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        if option == "--set-mss" {
            self.set = Some(low16(arg.number(65_495)?));
        } else {
            self.clamp = true;
        }
        Ok(())
    }

    fn check(&self, head: &Head) -> Result<(), &'static str> {
        match (self.set, self.clamp) {
            (Some(_), false) | (None, true) if head.sure_protocol() == Some(6) => Ok(()),
            (Some(_), false) | (None, true) => Err("TCPMSS needs -p tcp"),
            (Some(_), true) | (None, false) => {
                Err("TCPMSS needs either --set-mss or --clamp-mss-to-pmtu")
            }
        }
    }

    fn check_place(&self, _: Table, hooks: &[Hook]) -> Result<(), &'static str> {
        let before = |hook: &Hook| matches!(hook, Hook::PreRouting | Hook::LocalIn);
        if self.clamp && hooks.iter().any(before) {
            return Err("the path's MTU is known in FORWARD, OUTPUT and POSTROUTING only");
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        match self.set {
            Some(mss) => {
                out.word("--set-mss");
                out.number(u64::from(mss));
            }
            None => out.word("--clamp-mss-to-pmtu"),
        }
    }
}
