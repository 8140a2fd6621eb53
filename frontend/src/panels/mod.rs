//! The parts of the page around the stage. Each takes plain values and hands the learner's acts to the session.

pub mod bet;
pub mod caption;
pub mod captures;
pub mod composer;
pub mod drawer;
pub mod editor;
pub mod heard;
pub mod lanes;
pub mod lessons;
pub mod look;
pub mod packet;
pub mod rules;
pub mod stage;
pub mod tables;
pub mod timeline;
pub mod top;
pub mod transcript;
pub mod variants;
pub mod written;

pub use composer::Composer;
pub use lessons::Lessons;
pub use stage::StageFrame;
pub use variants::Variants;
