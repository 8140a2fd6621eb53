//! Conformance with the kernel: labs recorded from Linux, replayed by the engine, compared field by field.
//!
//! The engine is called in [`replay`] alone, in `random` and `clusters`, which build worlds with it, and in [`fidelity`],
//! which looks into them. Everything else here knows only the formats, so that a mistake of the engine cannot hide
//! in the code that looks for it; frames are decoded by our own [`frame`] for the same reason.

pub mod capture;
pub mod check;
#[cfg(target_os = "linux")]
pub mod clusters;
pub mod compare;
pub mod datagrams;
pub mod fidelity;
pub mod frame;
pub mod golden;
#[cfg(target_os = "linux")]
pub mod kernel;
pub mod lab;
pub mod problem;
#[cfg(target_os = "linux")]
pub mod random;
pub mod replay;
pub mod services;
pub mod state;
#[cfg(target_os = "linux")]
pub mod trial;
