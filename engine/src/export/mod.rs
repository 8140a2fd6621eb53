//! Worlds and traces in forms that other tools read: commands that build the world on a real Linux machine, captures,
//! sequence diagrams.
//!
//! Knows no file system: text and bytes go out. What a form cannot hold is an error that names it.

pub mod mermaid;
pub mod pcapng;
pub mod script;

pub use mermaid::mermaid;
pub use pcapng::pcapng;
pub use script::{Inexpressible, script};

#[cfg(test)]
mod tests;
