//! Actions that are programs: what is run for them, and what came of it.

use super::run::ActionResult;
use super::{Action, Destination, Lab};
use crate::app::dig::Dig;
use crate::app::resolver::{Conf, Resolution, Unanswered};
use crate::app::{App, Chance, Outcome};
use crate::base::{ProcessId, Rng};
use crate::story::Verdict;
use crate::wire::dns::Rcode;
use crate::world::World;

impl Lab {
    /// The program that does what an action says. None: a socket does.
    pub(super) fn program(&self, rng: &mut Rng, action: &Action) -> Option<App> {
        let chance = Chance::new(rng.bits16());
        match &action.to {
            Destination::Address { .. } => None,
            Destination::Dns { name, kind } => {
                Some(App::Dig(Dig::new(&Conf::default(), name, *kind, chance)))
            }
            Destination::Http { .. } => None,
        }
    }

    /// What came of a program.
    pub(super) fn outcome(&self, world: &World, process: ProcessId) -> ActionResult {
        match &world.process(process).outcome {
            None => ActionResult {
                verdict: Verdict::Timeout,
                because: "the program was still waiting after two and a half minutes".to_owned(),
                ..ActionResult::default()
            },
            Some(Outcome::Resolved(resolution)) => resolved(resolution),
        }
    }
}

fn resolved(resolution: &Resolution) -> ActionResult {
    let (verdict, because) = match resolution.rcode {
        Ok(Rcode::NoError) if !resolution.answers.is_empty() => {
            (Verdict::Delivered, "the name was answered".to_owned())
        }
        Ok(Rcode::NoError) => {
            (Verdict::Delivered, "the name is there, but has nothing of that type".to_owned())
        }
        Ok(rcode) => (Verdict::Delivered, format!("the server answered {rcode}")),
        Err(Unanswered::TimedOut) => (Verdict::Timeout, "no server answered".to_owned()),
        Err(Unanswered::Refused) => {
            (Verdict::Refused, "nobody listens at any name server's address".to_owned())
        }
    };
    ActionResult {
        verdict,
        because,
        resolution: Some(resolution.clone()),
        ..ActionResult::default()
    }
}
