//! Which acts need more than the first lesson does: the code for them comes in a file of its own.

use super::lessons::FIRST;
use super::route::Route;
use super::{Action, Tab};

/// What an act needs of the second file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    Nothing,
    /// Something that needs it may follow.
    Soon,
    /// It must be there before.
    Now,
}

/// Told when it takes a while.
pub const WAITING: &str = "The rest of this page is on its way: it comes when it is first needed.";

/// Told when it cannot be had.
pub const MISSING: &str = "The rest of this page did not arrive, so this cannot be done yet. Nothing you typed is lost. \
                           Look whether the network is there, then try again.";

impl Action {
    /// What the page must have fetched before.
    pub fn need(&self) -> Need {
        match self {
            Self::Open(route) => need_of(route.as_ref()),
            Self::TooLong(_)
            | Self::RunText
            | Self::Load(_)
            | Self::RestoreText
            | Self::Send(_)
            | Self::SelectVariant(_)
            | Self::Bet(_)
            | Self::SelectDevice(Some(_))
            | Self::SelectRules(_)
            | Self::SelectTab(
                Tab::Rules | Tab::Timeline | Tab::Captures | Tab::Transcript | Tab::Yaml,
            ) => Need::Now,
            Self::Edit(_) => Need::Soon,
            _ => Need::Nothing,
        }
    }
}

/// What the page at an address needs.
pub fn need_of(route: Option<&Route>) -> Need {
    if route.is_none_or(|route| route.lesson == FIRST.as_str()) { Need::Nothing } else { Need::Now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_lesson_needs_nothing_more() {
        for hash in ["", "#/lesson/pod-to-pod", "#/lesson/pod-to-pod?step=4"] {
            assert_eq!(Action::Open(Route::parse(hash)).need(), Need::Nothing, "{hash}");
        }
        for act in [Action::StepForward, Action::Tick, Action::SelectTab(Tab::Tables)] {
            assert_eq!(act.need(), Need::Nothing, "{act:?}");
        }
    }

    #[test]
    fn another_lab_needs_the_rest_first() {
        for hash in ["#/lesson/own", "#/lesson/no-such-lesson"] {
            assert_eq!(Action::Open(Route::parse(hash)).need(), Need::Now, "{hash}");
        }
        assert_eq!(Action::RunText.need(), Need::Now);
    }
}
