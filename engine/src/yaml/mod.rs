//! YAML in, with the place of every value: a tree, and a reader that collects all problems instead of the first.
//!
//! Every input is refused that is too long, too deep or grows too large by aliases, so no text can take the page's
//! memory. This module knows no schema: what a field means is for `kube` and `lesson` to say.

mod problem;
mod read;
mod tree;

pub use problem::{Position, Problem};
pub use read::{At, Place, Report, closest};
pub use tree::{Field, Meaning, Node, Scalar, Value, parse, text_from_bytes};

/// The limits of one text.
pub mod limits {
    /// Bytes of text.
    pub const TEXT_BYTES: usize = 4 << 20;
    /// Scalars, lists and maps, those that aliases repeat included.
    pub const VALUES: usize = 1_000_000;
    /// Bytes of all scalars and keys, those that aliases repeat included.
    pub const EXPANDED_BYTES: usize = 16 << 20;
    /// Lists and maps within each other.
    pub const DEPTH: usize = 64;
    /// Problems, and notices, that are listed; the rest is counted.
    pub const LISTED: usize = 100;
}
