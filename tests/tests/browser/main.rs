//! The built page in headless Chromium, driven as a reader would: what it shows, what it does, what it survives.
//!
//! `cargo xtask test --only page,browser` builds the page and runs this. It knows the page by its data attributes, by
//! accessible names, and by the classes of what has neither; and it runs the engine natively beside it, to know what
//! should be shown. Each test has a browser of its own. Pictures of failures are left in target/browser/.

mod access;
mod address;
mod crash;
mod driver;
mod editor;
mod embed;
mod inspect;
mod lesson;
mod look;
mod model;
mod native;
mod page;
mod pictures;
mod second;
mod server;
mod speed;
mod stage;
mod transcript;
mod transport;
