//! The parts of the page around the stage. Each takes plain values and hands the learner's acts to the session.

pub mod caption;
pub mod captures;
pub mod composer;
pub mod drawer;
pub mod editor;
pub mod lessons;
pub mod packet;
pub mod stage;
pub mod tables;
pub mod timeline;
pub mod top;

pub use caption::Caption;
pub use composer::Composer;
pub use drawer::Drawer;
pub use lessons::Lessons;
pub use stage::StageFrame;
pub use timeline::Timeline;
pub use top::Top;

use yew::Classes;

use everyhop_engine::story::LegKind;

/// The style sheet's class for a leg's colour.
fn leg_class(kind: LegKind) -> Classes {
    Classes::from(match kind {
        LegKind::ArpRequest => "leg-arp-request",
        LegKind::ArpReply => "leg-arp-reply",
        LegKind::Request => "leg-request",
        LegKind::Reply => "leg-reply",
        LegKind::IcmpError => "leg-error",
    })
}
