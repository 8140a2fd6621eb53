//! `-m comment`: matches everything. Read `net/netfilter/xt_comment.c` first.

use super::Extension;
use crate::netfilter::print::Printer;
use crate::netfilter::rule::Head;
use crate::netfilter::words::{Arg, RuleError};

/// A remark.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Comment(Option<Box<str>>);

/// Longest comment in bytes (`XT_MAX_COMMENT_LEN` less its end).
const MAX: usize = 255;

impl Comment {
    /// The remark itself.
    pub fn text(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Extension for Comment {
    fn options(&self) -> &'static [&'static str] {
        &["--comment"]
    }

    fn read(&mut self, _: &str, arg: &mut Arg<'_, '_>) -> Result<(), RuleError> {
        arg.positive()?;
        let word = arg.text("expected a comment")?;
        if word.text.len() > MAX {
            return Err(arg.wrong("expected a comment of at most 255 bytes"));
        }
        self.0 = Some(word.text.into());
        Ok(())
    }

    fn check(&self, _: &Head) -> Result<(), &'static str> {
        if self.0.is_some() { Ok(()) } else { Err("comment needs --comment") }
    }

    fn print(&self, out: &mut Printer<'_>) {
        out.word("--comment");
        out.quoted(self.text());
    }
}
