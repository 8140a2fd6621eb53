//! A lab's text, loaded and run: the one door between the page and the engine's lessons.

use std::ops::Deref;
use std::rc::Rc;

use everyhop_engine::kube::{Cluster, Pod};

use crate::stand_in::lesson::{Lab, Run};
use everyhop_engine::yaml::Problem;

use super::lessons::LessonId;

/// What a learner sends in a lab of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// A pod's name.
    pub from: String,
    /// A pod's name.
    pub to: String,
    pub protocol: Sending,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// An echo request.
    Icmp,
    /// A datagram to this port.
    Udp(u16),
}

/// What a lab without actions sends: an echo request from the first pod to the second, or to itself. None: no pods.
pub fn first_exchange(cluster: &Cluster) -> Option<Exchange> {
    let from = cluster.pods.first()?.short_name();
    let to = cluster.pods.get(1).map_or_else(|| from.clone(), Pod::short_name);
    Some(Exchange { from, to, protocol: Sending::Icmp })
}

/// A lab that ran.
pub struct Ran {
    pub lesson: LessonId,
    /// The text it was loaded from.
    pub text: Rc<str>,
    pub title: String,
    pub lab: Lab,
    pub run: Run,
    /// What was sent, where the learner chose it.
    pub sent: Option<Exchange>,
    /// Worth knowing about the text, and no obstacle.
    pub notices: Vec<Problem>,
}

/// A lab that ran, shared; equal only to itself, since a run never changes.
#[derive(Clone)]
pub struct Shown(Rc<Ran>);

impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Shown {
    type Target = Ran;
    fn deref(&self) -> &Ran {
        &self.0
    }
}

impl Ran {
    /// Number of steps.
    pub fn n_steps(&self) -> usize {
        self.run.story.steps.len()
    }

    /// Whether the text is another than the lesson's own.
    pub fn is_edited(&self) -> bool {
        &*self.text != self.lesson.lesson().text
    }
}

/// Loads a text and runs its actions, or `exchange` in their place. A text that does not load gives all its problems.
pub fn run(
    lesson: LessonId,
    text: &Rc<str>,
    exchange: Option<Exchange>,
) -> Result<Shown, Vec<Problem>> {
    let loaded = Lab::load(text)?;
    let lab = loaded.lab;
    let run = lab.run();
    Ok(Shown(Rc::new(Ran {
        lesson,
        text: Rc::clone(text),
        title: lab.title.clone(),
        lab,
        run,
        sent: exchange,
        notices: loaded.notices,
    })))
}
