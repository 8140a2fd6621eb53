//! Rules as `iptables-save` prints them, byte for byte. Read `iptables/nft-shared.c`, `iptables/xtables-save.c` and
//! `xtables_save_string` of the iptables sources first.
//!
//! The comments with the time are left out: a file says nothing about the machine that way.

use std::net::Ipv4Addr;

use super::rule::{Masked, Names, Rule};
use super::table::{Counter, Loaded, Policy, Tables};
use super::targets::Target;
use crate::base::Table;
use crate::trace::{RuleRef, Unmet};

/// Collects words; numbers are written without the standard library's formatting, which costs a page dearly.
pub(super) struct Printer<'a> {
    pub text: String,
    pub names: &'a Names,
}

impl Printer<'_> {
    /// A word, after a space unless it is the first.
    pub(super) fn word(&mut self, word: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }

    /// An option, with a `!` before it if it is negated.
    pub(super) fn negated(&mut self, negated: bool, option: &str) {
        if negated {
            self.word("!");
        }
        self.word(option);
    }

    /// Something that belongs to the word before it.
    pub(super) fn glue(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn number(&mut self, n: u64) {
        self.word("");
        self.glue_number(n);
    }

    pub(super) fn glue_number(&mut self, n: u64) {
        decimal(&mut self.text, n);
    }

    /// `80` or `80:90`.
    pub(super) fn range(&mut self, (first, last): (u32, u32)) {
        self.number(u64::from(first));
        if first != last {
            self.glue(":");
            self.glue_number(u64::from(last));
        }
    }

    pub(super) fn ports(&mut self, (first, last): (u16, u16)) {
        self.range((u32::from(first), u32::from(last)));
    }

    /// `0x4000`.
    pub(super) fn hex(&mut self, n: u32) {
        self.word("");
        self.glue_hex(n);
    }

    pub(super) fn glue_hex(&mut self, n: u32) {
        hexadecimal(&mut self.text, n);
    }

    pub(super) fn address(&mut self, addr: Ipv4Addr) {
        self.word("");
        self.glue_address(addr);
    }

    pub(super) fn glue_address(&mut self, addr: Ipv4Addr) {
        address(&mut self.text, addr);
    }

    /// `10.0.0.0/8`, or with the mask written out where it is no prefix.
    pub(super) fn masked(&mut self, it: Masked) {
        self.address(Ipv4Addr::from_bits(it.addr));
        self.glue("/");
        if it.is_prefix() {
            self.glue_number(u64::from(it.mask.leading_ones()));
        } else {
            self.glue_address(Ipv4Addr::from_bits(it.mask));
        }
    }

    /// The words of `table` whose bits are set, with commas.
    pub(super) fn bits(&mut self, bits: u32, table: &[&str]) {
        self.word("");
        let mut first = true;
        for (place, name) in table.iter().enumerate() {
            if bits >> place & 1 == 1 {
                if !first {
                    self.glue(",");
                }
                self.glue(name);
                first = false;
            }
        }
    }

    /// Text in quotation marks, unless it is a plain word (`xtables_save_string`).
    pub(super) fn quoted(&mut self, text: &str) {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !text.is_empty() && text.bytes().all(plain) {
            return self.word(text);
        }
        self.word("\"");
        for c in text.chars() {
            if matches!(c, '"' | '\\' | '\'') {
                self.text.push('\\');
            }
            self.text.push(c);
        }
        self.glue("\"");
    }

    fn rule(&mut self, rule: &Rule) {
        rule.head.print(self);
        for it in &rule.matches {
            it.print(self);
        }
        match &rule.target {
            Target::None => {}
            Target::Goto(chain) => {
                self.word("-g");
                self.word(self.names.chain(*chain));
            }
            target => {
                self.word("-j");
                target.print(self);
            }
        }
    }

    fn counter(&mut self, counter: Counter) {
        self.word("[");
        self.glue_number(counter.packets);
        self.glue(":");
        self.glue_number(counter.bytes);
        self.glue("]");
    }
}

/// The order of tables in `iptables-save` (`xtables_ipv4` of iptables-nft).
const ORDER: [Table; 5] = [Table::Mangle, Table::Security, Table::Raw, Table::Filter, Table::Nat];

impl Tables {
    /// As `iptables-save` prints them, with `counters` as `iptables-save -c` does.
    pub fn save(&self, counters: bool) -> String {
        let mut text = String::new();
        for table in ORDER {
            if let Some(loaded) = self.get(table) {
                save_table(table, loaded, counters, &mut text);
            }
        }
        text
    }

    /// One rule as `iptables-save` prints it, without `-A` and the chain.
    pub fn rule_text(&self, rule: RuleRef) -> String {
        let Some(loaded) = self.get(rule.table) else { return String::new() };
        let mut out = Printer { text: String::new(), names: &loaded.rules.names };
        if let Some(rule) = loaded.rules.rule(rule.chain, rule.index) {
            out.rule(rule);
        }
        out.text
    }
}

impl Tables {
    /// One condition of a rule: `-d 10.96.0.10/32`, `-m tcp --dport 80`.
    pub fn condition_text(&self, rule: RuleRef, unmet: Unmet) -> String {
        let (Some(loaded), Some(it)) = (self.get(rule.table), self.rule(rule)) else {
            return String::new();
        };
        let mut out = Printer { text: String::new(), names: &loaded.rules.names };
        match unmet {
            Unmet::Match(place) => {
                if let Some(it) = it.matches.get(usize::from(place)) {
                    it.print(&mut out);
                }
            }
            part => it.head.print_part(part, &mut out),
        }
        out.text
    }
}

fn save_table(table: Table, loaded: &Loaded, counters: bool, text: &mut String) {
    let names = &loaded.rules.names;
    let mut out = Printer { text: std::mem::take(text), names };
    out.word("*");
    out.glue(table.name());
    let chains = loaded.rules.in_order();
    for &chain in &chains {
        out.glue("\n");
        out.word(":");
        out.glue(names.chain(chain));
        out.word(match loaded.rules.policy(chain) {
            Some(Policy::Accept) => "ACCEPT",
            Some(Policy::Drop) => "DROP",
            None => "-",
        });
        out.counter(loaded.policy_counter(chain));
    }
    for &chain in &chains {
        for (place, rule) in loaded.rules.rules(chain).iter().enumerate() {
            out.glue("\n");
            if counters {
                out.counter(loaded.counter(chain, place));
            }
            out.word("-A");
            out.word(names.chain(chain));
            out.rule(rule);
        }
    }
    out.glue("\nCOMMIT\n");
    *text = out.text;
}

/// Appends a number in decimal.
pub(super) fn decimal(text: &mut String, n: u64) {
    if n >= 10 {
        decimal(text, n / 10);
    }
    text.push(char::from(b'0' + (n % 10) as u8));
}

/// Appends a number as `0x4000`.
pub(super) fn hexadecimal(text: &mut String, n: u32) {
    text.push_str("0x");
    let digits = (35 - (n | 1).leading_zeros()) / 4;
    for place in (0..digits).rev() {
        text.push(char::from(b"0123456789abcdef"[(n >> (4 * place) & 15) as usize]));
    }
}

/// Appends an address.
pub(super) fn address(text: &mut String, addr: Ipv4Addr) {
    for (place, byte) in addr.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        decimal(text, u64::from(byte));
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn numbers_print_as_the_standard_library_prints_them() {
        for n in [0, 1, 9, 10, 15, 16, 255, 256, 0x4000, 0x8000_0000, u32::MAX] {
            let mut text = String::new();
            hexadecimal(&mut text, n);
            text.push(' ');
            decimal(&mut text, u64::from(n));
            assert_eq!(text, format!("{n:#x} {n}"));
        }
    }

    #[test]
    fn a_mask_that_is_no_prefix_is_written_out() {
        let print = |mask| {
            let mut out = Printer { text: String::new(), names: &Names::default() };
            out.masked(Masked { addr: 0x0a00_0000, mask });
            out.text
        };
        assert_eq!(print(0xff00_0000), "10.0.0.0/8");
        assert_eq!(print(u32::MAX), "10.0.0.0/32");
        assert_eq!(print(0xff00_ff00), "10.0.0.0/255.0.255.0");
    }
}
