//! `-j LOG`: a line in the kernel's log. Read `net/netfilter/xt_LOG.c` first.
//!
//! The line itself is not modelled, since nobody on the network sees it; the trace says that the rule matched.

use crate::netfilter::matches::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::words::{Arg, RuleError, number};

/// How the line would look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    prefix: Box<str>,
    level: u8,
    /// Bits by their places in [`FLAGS`].
    flags: u8,
}

const FLAGS: &[&str] = &[
    "--log-tcp-sequence",
    "--log-tcp-options",
    "--log-ip-options",
    "--log-uid",
    "--log-macdecode",
];

/// By their numbers.
const LEVELS: &[&str] = &["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const ALIASES: &[(&str, u8)] = &[("panic", 0), ("error", 3), ("warn", 4)];
const WARNING: u8 = 4;

/// Longest prefix in bytes (`sizeof(struct xt_log_info.prefix)` less its end); more is cut off.
const MAX_PREFIX: usize = 29;

impl Default for Log {
    fn default() -> Self {
        Self { prefix: "".into(), level: WARNING, flags: 0 }
    }
}

impl Extension for Log {
    fn options(&self) -> &'static [&'static str] {
        &[
            "--log-prefix",
            "--log-level",
            "--log-tcp-sequence",
            "--log-tcp-options",
            "--log-ip-options",
            "--log-uid",
            "--log-macdecode",
        ]
    }

    fn read(&mut self, option: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        if let Some(place) = FLAGS.iter().position(|it| *it == option) {
            self.flags |= 1 << place;
        } else if option == "--log-prefix" {
            let word = arg.text("expected a prefix for the log")?;
            if word.text.is_empty() || word.text.contains('\n') {
                return Err(arg.wrong("expected a prefix of at least one character"));
            }
            let mut end = word.text.len().min(MAX_PREFIX);
            while !word.text.is_char_boundary(end) {
                end -= 1;
            }
            self.prefix = word.text[..end].into();
        } else {
            let expected = "expected a level of the log from 0 to 7, or its name";
            let word = arg.text(expected)?;
            let named = LEVELS.iter().position(|it| it.eq_ignore_ascii_case(&word.text));
            let alias = ALIASES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word.text));
            let level = named.and_then(|place| u8::try_from(place).ok());
            self.level = level
                .or_else(|| alias.map(|(_, level)| *level))
                .or_else(|| number(&word.text).and_then(|n| u8::try_from(n).ok()))
                .filter(|level| *level < 8)
                .ok_or_else(|| arg.wrong(expected))?;
        }
        Ok(())
    }

    fn print(&self, out: &mut Printer<'_>) {
        if !self.prefix.is_empty() {
            out.word("--log-prefix");
            out.quoted(&self.prefix);
        }
        if self.level != WARNING {
            out.word("--log-level");
            out.number(u64::from(self.level));
        }
        for (place, option) in FLAGS.iter().enumerate() {
            if self.flags >> place & 1 == 1 {
                out.word(option);
            }
        }
    }
}
