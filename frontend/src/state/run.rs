//! A lab's text, loaded and run: the one door between the page and the engine's lessons.

use std::rc::Rc;

use everyhop_engine::lesson::{Lab, Loaded, Protocol, Refused, Run};
use everyhop_engine::world::World;
use everyhop_engine::yaml::Problem;

use super::Shared;
use super::lessons::LessonId;

/// What a learner sends in a lab of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// `pod/pod-1`, `node/node-1`.
    pub from: String,
    /// `pod/pod-2`, `10.244.1.3`.
    pub to: String,
    pub sending: Sending,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sending {
    /// An echo request.
    Icmp,
    /// A datagram to this port.
    Udp(u16),
}

impl Exchange {
    /// What a lab without actions sends: an echo request from the first pod to the second, or to itself. None: there
    /// are no pods.
    pub fn first(lab: &Lab) -> Option<Self> {
        let n_pods = lab.cluster.pods.len();
        let (first, last) = (0, n_pods.checked_sub(1)?);
        Some(Self {
            from: lab.pod_name(first),
            to: lab.pod_name(last.min(1)),
            sending: Sending::Icmp,
        })
    }

    fn run(&self, lab: &Lab) -> Result<Run, Refused> {
        let action = match self.sending {
            Sending::Icmp => lab.exchange(&self.from, &self.to, Some(Protocol::Icmp)),
            Sending::Udp(port) => {
                lab.exchange(&self.from, &format!("{}:{port}", self.to), Some(Protocol::Udp))
            }
        };
        Ok(lab.run_actions(&[action?]))
    }
}

/// A lab that ran.
pub struct Ran {
    pub lesson: LessonId,
    /// The text it was loaded from.
    pub text: Rc<str>,
    pub lab: Rc<Lab>,
    pub run: Run,
    /// What was sent, where the learner chose it.
    pub sent: Option<Exchange>,
    /// Worth knowing about the text, and no obstacle.
    pub notices: Vec<Problem>,
}

/// A lab that ran; a run never changes.
pub type Shown = Shared<Ran>;

impl Ran {
    /// Number of steps.
    pub fn n_steps(&self) -> usize {
        self.run.story.steps.len()
    }

    /// The world as a step ends.
    pub fn world_at(&self, step_idx: usize) -> World {
        self.run.world_at(&self.lab, step_idx)
    }

    /// Whether the text is another than the lesson's own.
    pub fn is_edited(&self) -> bool {
        &*self.text != self.lesson.lesson().text
    }
}

/// Loads a text and runs its actions; a text without any sends [`Exchange::first`]. One that does not load gives all
/// its problems.
pub fn run(lesson: LessonId, text: &Rc<str>) -> Result<Shown, Vec<Problem>> {
    let Loaded { lab, notices } = Lab::load(text)?;
    let first = Exchange::first(&lab).filter(|_| lab.actions.is_empty());
    let (run, sent) = match first.map(|first| (first.run(&lab), first)) {
        Some((Ok(run), first)) => (run, Some(first)),
        Some((Err(_), _)) | None => (lab.run(), None),
    };
    let (text, lab) = (Rc::clone(text), Rc::new(lab));
    Ok(Shown::new(Ran { lesson, text, lab, run, sent, notices }))
}

/// Bytes that can be pasted at once. Browsers need many seconds to lay out a text area with a megabyte.
pub const EDITOR_BYTES: usize = 256 << 10;

/// Why a text of more than [`EDITOR_BYTES`] is not taken: the engine's own budget, or the editor's.
pub fn too_long(text: &str) -> Vec<Problem> {
    if text.len() > everyhop_engine::yaml::limits::TEXT_BYTES {
        return Lab::load(text).err().unwrap_or_default();
    }
    vec![Problem::of_text(format!(
        "this text has {} KiB, and the editor takes up to {} KiB: run it with the command line, or leave out what no \
         packet needs. The text before is still there.",
        text.len() >> 10,
        EDITOR_BYTES >> 10
    ))]
}

/// Sends something else in the same lab.
pub fn send(shown: &Shown, exchange: Exchange) -> Result<Shown, Refused> {
    let run = exchange.run(&shown.lab)?;
    Ok(Shown::new(Ran {
        lesson: shown.lesson,
        text: Rc::clone(&shown.text),
        lab: Rc::clone(&shown.lab),
        run,
        sent: Some(exchange),
        notices: shown.notices.clone(),
    }))
}
