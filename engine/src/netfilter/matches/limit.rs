//! `-m limit`: a bucket of tokens in virtual time. Read `add_nft_limit` of the iptables sources and
//! `net/netfilter/nft_limit.c` first: iptables-nft makes it an expression of nftables, which counts in nanoseconds.

use super::Extension;
use crate::base::Nanos;
use crate::netfilter::evaluate::{Env, Found};
use crate::netfilter::print::Printer;
use crate::netfilter::table::Memory;
use crate::netfilter::words::{Arg, RuleError, number};

/// At most so many packets in a unit of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Ten-thousandths of a second for one packet, as iptables computes with it (`XT_LIMIT_SCALE`).
    period: u32,
    burst: u32,
    memory: u32,
}

const SCALE: u32 = 10_000;
/// Names and lengths of the units, the last at first.
const UNITS: [(&str, u32); 4] = [("day", 86_400), ("hour", 3_600), ("min", 60), ("sec", 1)];
/// Three an hour.
const DEFAULT_PERIOD: u32 = SCALE * 3_600 / 3;
const DEFAULT_BURST: u32 = 5;

impl Limit {
    pub(super) const fn new(memory: u32) -> Self {
        Self { period: DEFAULT_PERIOD, burst: DEFAULT_BURST, memory }
    }

    /// Packets, and the unit in seconds: the largest unit in which the rate is not too far from a whole number.
    fn rate(period: u32) -> (u32, (&'static str, u32)) {
        let mut chosen = UNITS[0];
        for unit in &UNITS[1..] {
            let ticks = unit.1 * SCALE;
            if period > ticks || ticks / period < ticks % period {
                break;
            }
            chosen = *unit;
        }
        (chosen.1 * SCALE / period, chosen)
    }

    /// `nft_limit_eval`: a packet costs the time in which one token comes in.
    pub(super) fn judge(self, env: &mut Env<'_>) -> Found {
        let (packets, (_, seconds)) = Self::rate(self.period);
        let cost = Nanos::from_secs(u64::from(seconds)).0 / u64::from(packets.max(1));
        let most = cost * u64::from(self.burst);
        let memory = &mut env.memories[self.memory as usize];
        let saved = match *memory {
            Memory::Limit { tokens, last } => (tokens + env.now.since(last).0).min(most),
            Memory::Fresh | Memory::Nth(_) => most,
        };
        let left = saved.checked_sub(cost);
        *memory = Memory::Limit { tokens: left.unwrap_or(saved), last: env.now };
        if left.is_some() { Found::Met } else { Found::Unmet(0) }
    }
}

impl Extension for Limit {
    fn options(&self) -> &'static [&'static str] {
        &["--limit", "--limit-burst"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        if option == "--limit-burst" {
            let burst = arg.number(10_000)?;
            self.burst = if burst == 0 { DEFAULT_BURST } else { burst };
            return Ok(());
        }
        let expected = "expected a rate from 1/day to 10000/sec, such as 3/min";
        let word = arg.text(expected)?;
        let (packets, unit) = word.text.split_once('/').unwrap_or((&word.text, "second"));
        let unit = unit.to_ascii_lowercase();
        let seconds = [("second", 1), ("minute", 60), ("hour", 3_600), ("day", 86_400)]
            .iter()
            .find(|(name, _)| !unit.is_empty() && name.starts_with(&unit))
            .map(|(_, seconds)| *seconds);
        let period = seconds
            .zip(number(packets))
            .and_then(|(seconds, packets)| (seconds * SCALE).checked_div(packets))
            .filter(|period| *period > 0)
            .ok_or_else(|| arg.wrong(expected))?;
        // What the kernel is told, and iptables-save reads back, is a whole number of packets in a unit.
        let (packets, (_, seconds)) = Self::rate(period);
        self.period = seconds * SCALE / packets;
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        let (packets, (unit, _)) = Self::rate(self.period);
        out.word("--limit");
        out.number(u64::from(packets));
        out.glue("/");
        out.glue(unit);
        if self.burst != DEFAULT_BURST {
            out.word("--limit-burst");
            out.number(u64::from(self.burst));
        }
    }
}
