//! `-m statistic`: by chance, or every n-th packet. Read `net/netfilter/xt_statistic.c` and `extensions/libxt_statistic.c`
//! of the iptables sources first.
//!
//! How far a rule has counted stands in no file: it begins anew with the world.

use super::Extension;
use crate::netfilter::evaluate::{Env, Found};
use crate::netfilter::print::{Printer, decimal};
use crate::netfilter::rule::Head;
use crate::netfilter::table::Memory;
use crate::netfilter::words::{Arg, RuleError};

/// A choice among packets that does not depend on what they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Statistic {
    mode: Option<Mode>,
    not: bool,
    probability: Option<u32>,
    every: Option<u32>,
    packet: Option<u32>,
    memory: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Random,
    Nth,
}

/// The probability 1.
const CERTAIN: u32 = 1 << 31;

impl Statistic {
    pub(super) const fn new(memory: u32) -> Self {
        Self { mode: None, not: false, probability: None, every: None, packet: None, memory }
    }

    pub(super) fn judge(&self, env: &mut Env<'_>) -> Found {
        let (met, saw) = match self.mode {
            _ if let Some(met) = env.rng.by_script(self.chance()) => {
                (met, if met { 0 } else { self.chance() })
            }
            Some(Mode::Random) => {
                let drawn = env.rng.below(CERTAIN);
                (drawn < self.probability.unwrap_or(0), drawn)
            }
            Some(Mode::Nth) | None => {
                let last = self.every.unwrap_or(1) - 1;
                let memory = &mut env.memories[self.memory as usize];
                let count = match *memory {
                    Memory::Nth(count) => count,
                    Memory::Fresh | Memory::Limit { .. } => last - self.packet.unwrap_or(0),
                };
                let next = if count == last { 0 } else { count + 1 };
                *memory = Memory::Nth(next);
                (next == 0, next)
            }
        };
        if met == self.not { Found::Unmet(saw) } else { Found::Met }
    }

    /// The chance of a packet that nothing is known of, in 2^31ths.
    fn chance(&self) -> u32 {
        match self.mode {
            Some(Mode::Random) => self.probability.unwrap_or(0),
            Some(Mode::Nth) | None => CERTAIN / self.every.unwrap_or(1),
        }
    }

    /// `drew 0.73000000000`, or `packet 2 of 3`.
    pub(super) fn saw(&self, saw: u32) -> String {
        let mut text = String::new();
        match self.mode {
            Some(Mode::Random) => {
                text.push_str("drew ");
                print_probability(&mut text, saw);
            }
            Some(Mode::Nth) | None => {
                text.push_str("packet ");
                decimal(&mut text, u64::from(saw));
                text.push_str(" of ");
                decimal(&mut text, u64::from(self.every.unwrap_or(1)));
            }
        }
        text
    }
}

/// A decimal fraction from 0 to 1 as 31 bits, rounded as `lround` does. No floating point is needed for that.
fn parse_probability(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let (mut value, mut scale) = (0u64, 1u64);
    for digit in whole.bytes().skip_while(|b| *b == b'0') {
        value = value * 10 + u64::from(digit - b'0');
        if value > 1 {
            return None;
        }
    }
    // Eighteen digits are more than 31 bits can tell apart.
    for digit in fraction.bytes().take(18) {
        value = value * 10 + u64::from(digit - b'0');
        scale *= 10;
    }
    // Bit by bit, so that 64 bits suffice.
    let mut p = value / scale;
    for _ in 0..31 {
        value = value % scale * 2;
        p = p * 2 + value / scale;
    }
    p += u64::from(value % scale * 2 >= scale);
    u32::try_from(p).ok().filter(|p| *p <= CERTAIN)
}

/// As `%.11f` prints it: the exact fraction, rounded half to even.
fn print_probability(text: &mut String, p: u32) {
    // p / 2^31 * 10^11 is p * 5^11 / 2^20.
    let scaled = u64::from(p) * 48_828_125;
    let (mut digits, rest) = (scaled >> 20, scaled & 0xf_ffff);
    digits += u64::from(rest > 0x8_0000 || (rest == 0x8_0000 && digits % 2 == 1));
    decimal(text, digits / 100_000_000_000);
    text.push('.');
    let mut place = 10_000_000_000;
    while place > 0 {
        decimal(text, digits / place % 10);
        place /= 10;
    }
}

impl Extension for Statistic {
    fn options(&self) -> &'static [&'static str] {
        &["--mode", "--probability", "--every", "--packet"]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        match option {
            "--mode" => {
                arg.positive()?;
                let modes = [Mode::Random, Mode::Nth];
                self.mode = Some(modes[arg.one_of(&["random", "nth"])?]);
            }
            "--probability" => {
                self.not = arg.negated;
                let expected = "expected a probability from 0 to 1, such as 0.5";
                let word = arg.text(expected)?;
                self.probability = parse_probability(&word.text);
                if self.probability.is_none() {
                    return Err(arg.wrong(expected));
                }
            }
            "--every" => {
                self.not = arg.negated;
                self.every = Some(arg.number(u32::MAX)?).filter(|n| *n > 0);
                if self.every.is_none() {
                    return Err(arg.wrong("expected a number from 1"));
                }
            }
            _ => {
                arg.positive()?;
                self.packet = Some(arg.number(u32::MAX)?);
            }
        }
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        match (self.mode, self.probability, self.every, self.packet) {
            (None, ..) => Err("statistic needs --mode random or --mode nth"),
            (Some(Mode::Random), Some(_), None, None) => Ok(()),
            (Some(Mode::Random), ..) => Err("--mode random needs --probability, and only that"),
            (Some(Mode::Nth), None, Some(every), Some(packet)) if packet < every => Ok(()),
            (Some(Mode::Nth), None, Some(_), Some(_)) => Err("--packet must be less than --every"),
            (Some(Mode::Nth), ..) => Err("--mode nth needs --every and --packet, and only those"),
        }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.word("--mode");
        match self.mode {
            Some(Mode::Random) => {
                out.word("random");
                out.negated(self.not, "--probability");
                out.word("");
                print_probability(&mut out.text, self.probability.unwrap_or(0));
            }
            Some(Mode::Nth) | None => {
                out.word("nth");
                out.negated(self.not, "--every");
                out.number(u64::from(self.every.unwrap_or(1)));
                out.word("--packet");
                out.number(u64::from(self.packet.unwrap_or(0)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_probability_has_31_bits_and_prints_as_iptables_save_prints_it() {
        for (text, printed) in [
            ("0.5", "0.50000000000"),
            ("0.33333333349", "0.33333333349"),
            ("0.33333", "0.33332999982"),
            ("0.1", "0.10000000009"),
            ("0.14285714272", "0.14285714272"),
            ("1", "1.00000000000"),
            ("0", "0.00000000000"),
            (".25", "0.25000000000"),
            ("0.99999999999", "1.00000000000"),
            ("0.0000000001", "0.00000000000"),
        ] {
            let mut out = String::new();
            print_probability(&mut out, parse_probability(text).expect("a probability"));
            assert_eq!(out, printed, "{text}");
        }
        for wrong in ["", ".", "1.1", "2", "-0.5", "0,5", "1e-3"] {
            assert_eq!(parse_probability(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_printed_probability_reads_as_the_same() {
        for p in (0..CERTAIN).step_by(7_654_321).chain([1, CERTAIN - 1, CERTAIN]) {
            let mut text = String::new();
            print_probability(&mut text, p);
            assert_eq!(parse_probability(&text), Some(p), "{text}");
        }
    }
}
