//! Virtual time.

use std::{fmt, ops::Add};

/// Nanoseconds of virtual time since a world began; also a span of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(n: u64) -> Self {
        Self(n * 1_000)
    }

    pub const fn from_millis(n: u64) -> Self {
        Self(n * 1_000_000)
    }

    pub const fn from_secs(n: u64) -> Self {
        Self(n * 1_000_000_000)
    }

    /// The span from `earlier` to here, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// Milliseconds with as many decimals as there are: `0.004 ms`, `3000 ms`.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            write!(f, "{ms} ms")
        } else {
            let digits = format!("{rest:06}");
            write!(f, "{ms}.{} ms", digits.trim_end_matches('0'))
        }
    }
}
