//! The words of a line of rules, each with its place, and what an option may read of them: numbers, ranges, addresses.
//! Read `add_param_to_argv` of `iptables/xshared.c` and `libxtables/xtables.c` of the iptables sources first.
//!
//! Not read: names of hosts, services and users, which only the machine at hand could look up.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use super::rule::{DevPattern, Masked, Names};

/// What is wrong with a line of rules or sets. Boxed, as it goes through many hands and every `?` would copy it.
pub type RuleError = Box<Mistake>;

/// What is wrong, where, and what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The word that is wrong; empty where one is missing.
    pub word: String,
    pub message: String,
}

/// `3:12: --dprot: unknown option`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.word.is_empty() {
            write!(f, "{}: ", self.word)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

/// One word.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub text: Cow<'a, str>,
    /// From 1, in characters.
    pub column: usize,
}

/// The words of one line, read from left to right.
#[derive(Debug)]
pub(super) struct Words<'a> {
    all: Vec<Word<'a>>,
    next: usize,
    line: usize,
    end: usize,
}

impl<'a> Words<'a> {
    /// Splits a line as `iptables-restore` does: at white space, save within double quotes, where a backslash stands
    /// before a character that is meant as such. A closing quote ends the word. `column` is that of the first character.
    pub(super) fn split(text: &'a str, line: usize, column: usize) -> Result<Self, RuleError> {
        let mut words = Vec::new();
        let mut at = column;
        let mut rest = text.char_indices().peekable();
        while let Some(&(start, first)) = rest.peek() {
            if is_space(first) {
                rest.next();
                at += 1;
                continue;
            }
            let (began, mut end) = (at, start);
            let mut unquoted: Option<String> = None;
            let mut quoted = false;
            while let Some(&(offset, c)) = rest.peek() {
                if !quoted && is_space(c) {
                    break;
                }
                rest.next();
                at += 1;
                end = offset + c.len_utf8();
                if c == '"' {
                    if quoted {
                        quoted = false;
                        break;
                    }
                    unquoted = Some(text[start..offset].to_owned());
                    quoted = true;
                } else if let Some(plain) = &mut unquoted {
                    match (c, rest.peek()) {
                        ('\\', Some(&(offset, escaped))) => {
                            rest.next();
                            at += 1;
                            end = offset + escaped.len_utf8();
                            plain.push(escaped);
                        }
                        _ => plain.push(c),
                    }
                }
            }
            if quoted {
                let message = "this quotation mark is never closed".into();
                let word = "\"".into();
                return Err(Box::new(Mistake { line, column: began, word, message }));
            }
            let text = unquoted.map_or(Cow::Borrowed(&text[start..end]), Cow::Owned);
            words.push(Word { text, column: began });
        }
        Ok(Self { all: words, next: 0, line, end: at })
    }

    pub(super) fn peek(&self) -> Option<&str> {
        self.all.get(self.next).map(|word| &*word.text)
    }

    /// Goes on to the next word.
    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        let word = self.all.get(self.next).cloned();
        self.next += usize::from(word.is_some());
        word
    }

    /// Whether a word is still to come.
    pub(super) fn has(&self, word: &str) -> bool {
        self.all[self.next..].iter().any(|it| it.text == word)
    }

    /// Appends all words that are still to come, with spaces before them.
    pub(super) fn rest(&mut self, mut text: String) -> String {
        while let Some(word) = self.next() {
            text.push(' ');
            text.push_str(&word.text);
        }
        text
    }

    /// The next word, which `expected` says what for.
    pub(super) fn expect(&mut self, expected: &str) -> Result<Word<'a>, RuleError> {
        self.next().ok_or_else(|| self.missing(expected))
    }

    /// A problem of a word.
    pub(super) fn wrong(&self, word: &Word<'_>, message: impl Into<String>) -> RuleError {
        Box::new(Mistake {
            line: self.line,
            column: word.column,
            word: word.text.clone().into_owned(),
            message: message.into(),
        })
    }

    /// A problem of the word read last.
    pub(super) fn wrong_here(&self, message: impl Into<String>) -> RuleError {
        match self.next.checked_sub(1).map(|last| &self.all[last]) {
            Some(word) => self.wrong(word, message),
            None => self.missing(&message.into()),
        }
    }

    /// Something is missing at the line's end.
    pub(super) fn missing(&self, message: &str) -> RuleError {
        Box::new(Mistake {
            line: self.line,
            column: self.end,
            word: String::new(),
            message: message.to_owned(),
        })
    }
}

/// What the tools take for white space.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// An option of a match or target that is being read: `! --dport 80:90`.
pub(super) struct Arg<'w, 'a> {
    pub words: &'w mut Words<'a>,
    /// A `!` stands before the option.
    pub negated: bool,
    /// The names that rules refer to by number.
    pub names: &'w mut Names,
}

impl<'a> Arg<'_, 'a> {
    /// A problem of the word read last.
    pub(super) fn wrong(&self, message: impl Into<String>) -> RuleError {
        self.words.wrong_here(message)
    }

    /// Fails if a `!` stands before an option that has no opposite.
    pub(super) fn positive(&self) -> Result<(), RuleError> {
        if self.negated {
            Err(self.wrong("this option has no opposite: no ! before it"))
        } else {
            Ok(())
        }
    }

    /// The option's value as it stands.
    pub(super) fn text(&mut self, expected: &str) -> Result<Word<'a>, RuleError> {
        self.words.expect(expected)
    }

    /// A number of at most `max`, as `xtables_strtoui` reads it: decimal, hexadecimal with 0x, octal with 0.
    pub(super) fn number(&mut self, max: u32) -> Result<u32, RuleError> {
        let word = self.text("expected a number")?;
        number(&word.text).filter(|&n| n <= max).ok_or_else(|| self.not_a_number(max))
    }

    fn not_a_number(&self, max: u32) -> RuleError {
        self.wrong(String::from("expected a number of at most ") + &max.to_string())
    }

    /// `80`, `80:90`, `80:` or `:90`, as ports, lengths and times are written. A range may end before it begins: then
    /// nothing is in it.
    pub(super) fn range(&mut self, max: u32) -> Result<(u32, u32), RuleError> {
        let word = self.text("expected a number, or two with a colon")?;
        let (first, last) = match word.text.split_once(':') {
            Some((first, last)) => (
                if first.is_empty() { Some(0) } else { number(first) },
                if last.is_empty() { Some(max) } else { number(last) },
            ),
            None => (number(&word.text), number(&word.text)),
        };
        match (first, last) {
            (Some(first), Some(last)) if first <= max && last <= max => Ok((first, last)),
            _ => Err(self.not_a_number(max)),
        }
    }

    /// Two numbers of 16 bits in that way.
    pub(super) fn ports(&mut self) -> Result<(u16, u16), RuleError> {
        let (first, last) = self.range(u32::from(u16::MAX))?;
        Ok((low16(first), low16(last)))
    }

    /// The same, but the first must not exceed the last.
    pub(super) fn rising(&mut self) -> Result<(u16, u16), RuleError> {
        let (first, last) = self.ports()?;
        if first > last {
            return Err(self.wrong("the first number of a range must not exceed its last"));
        }
        Ok((first, last))
    }

    /// `0x4000` or `0x4000/0xff00`; without a mask, all bits.
    pub(super) fn masked(&mut self) -> Result<(u32, u32), RuleError> {
        let word = self.text("expected a mark, or a mark/mask")?;
        let (value, mask) = word.text.split_once('/').unwrap_or((&word.text, "0xffffffff"));
        number(value)
            .zip(number(mask))
            .ok_or_else(|| self.wrong("expected a mark such as 0x4000, or a mark/mask"))
    }

    /// `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or an address alone.
    pub(super) fn network(&mut self) -> Result<Masked, RuleError> {
        let expected = "expected an IPv4 address, or an address/prefix";
        let word = self.text(expected)?;
        network(&word.text).ok_or_else(|| self.wrong(expected))
    }

    /// A device's name, or its beginning and a `+`.
    pub(super) fn dev_pattern(&mut self) -> Result<DevPattern, RuleError> {
        let expected = "expected a device's name of at most 15 bytes";
        let word = self.text(expected)?;
        DevPattern::new(&word.text).ok_or_else(|| self.wrong(expected))
    }

    /// An IPv4 address.
    pub(super) fn address(&mut self) -> Result<Ipv4Addr, RuleError> {
        let word = self.text("expected an IPv4 address")?;
        word.text.parse().map_err(|_| self.wrong("expected an IPv4 address"))
    }

    /// One of the words of `table`, whose place is the value; upper and lower case are the same.
    pub(super) fn one_of(&mut self, table: &[&str]) -> Result<usize, RuleError> {
        let word = self.text(&expected_one_of(table))?;
        table
            .iter()
            .position(|it| it.eq_ignore_ascii_case(&word.text))
            .ok_or_else(|| self.wrong(expected_one_of(table)))
    }

    /// Words of `table` with commas between them, as a set of bits by their places.
    pub(super) fn bits_of(&mut self, table: &[&str]) -> Result<u32, RuleError> {
        let word = self.text(&expected_one_of(table))?;
        let mut bits = 0;
        for part in word.text.split(',') {
            match table.iter().position(|it| it.eq_ignore_ascii_case(part)) {
                Some(place) => bits |= 1 << place,
                None => return Err(self.wrong(expected_one_of(table))),
            }
        }
        Ok(bits)
    }
}

/// `expected one of ACCEPT, DROP`.
pub(super) fn expected_one_of(table: &[&str]) -> String {
    String::from("expected one of ") + &table.join(", ")
}

/// A number as `strtoul` with base 0 reads it.
pub(super) fn number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` alone would take a sign.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

/// An address with its mask; the bits that the mask leaves out are cleared. Missing bytes of an address are zero.
pub(super) fn network(text: &str) -> Option<Masked> {
    let (addr, mask) = text.split_once('/').unwrap_or((text, "32"));
    let mut bytes = [0; 4];
    for (place, part) in addr.split('.').enumerate() {
        *bytes.get_mut(place)? = part.parse::<u8>().ok().filter(|_| !part.starts_with('+'))?;
    }
    let mask = match mask.parse::<u8>() {
        Ok(len) if len <= 32 && !mask.starts_with('+') => {
            u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0)
        }
        _ => mask.parse::<Ipv4Addr>().ok()?.to_bits(),
    };
    Some(Masked { addr: u32::from_be_bytes(bytes) & mask, mask })
}

/// The lower half of a number that is known to have no other.
pub(super) const fn low16(n: u32) -> u16 {
    (n & 0xffff) as u16
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn split(text: &str) -> Vec<(String, usize)> {
        let words = Words::split(text, 1, 1).expect("quotation marks in pairs");
        words.all.into_iter().map(|it| (it.text.into_owned(), it.column)).collect()
    }

    #[test]
    fn a_line_splits_at_white_space_save_within_quotation_marks() {
        let words = split(r#"-m comment  --comment "a \"b\" \\ ü" -j X"#);
        let expected = [
            ("-m", 1),
            ("comment", 4),
            ("--comment", 13),
            (r#"a "b" \ ü"#, 23),
            ("-j", 38),
            ("X", 41),
        ];
        assert_eq!(words, expected.map(|(text, column)| (text.to_owned(), column)));
    }

    #[test]
    fn a_closing_quotation_mark_ends_the_word_and_an_empty_one_is_a_word() {
        assert_eq!(
            split(r#"a"b c"d """#),
            [("ab c".into(), 1), ("d".into(), 7), (String::new(), 9)]
        );
    }

    #[test]
    fn an_open_quotation_mark_is_an_error_with_its_place() {
        let error = Words::split(r#"-m x "a"#, 3, 5).expect_err("not closed");
        assert_eq!((error.line, error.column), (3, 10));
    }

    #[test]
    fn a_network_is_an_address_with_a_prefix_a_mask_or_neither() {
        for (text, expected) in [
            ("10.0.0.1", Some((0x0a00_0001, u32::MAX))),
            ("10.0.0.1/8", Some((0x0a00_0000, 0xff00_0000))),
            ("10.0.0.1/255.0.255.0", Some((0x0a00_0000, 0xff00_ff00))),
            ("10/8", Some((0x0a00_0000, 0xff00_0000))),
            ("0.0.0.0/0", Some((0, 0))),
            ("10.0.0.1/33", None),
            ("10.0.0.1/", None),
            ("10.0.0.256", None),
            ("10.0.0.1.2", None),
            ("localhost", None),
            ("", None),
        ] {
            let found = network(text).map(|it| (it.addr, it.mask));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_hexadecimal_or_octal() {
        for (text, value) in [
            ("80", Some(80)),
            ("0x50", Some(80)),
            ("0120", Some(80)),
            ("0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("080", None),
            ("-1", None),
            ("+1", None),
            ("0x+1", None),
            ("", None),
            ("http", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }
}
