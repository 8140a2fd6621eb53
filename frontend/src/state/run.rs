//! A lab's text, loaded and run: the one door between the page and the engine's lessons.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use everyhop_engine::lesson::{Lab, Loaded, Protocol, Refused, Run, Variants};
use everyhop_engine::trace::Entry;
use everyhop_engine::world::World;
use everyhop_engine::yaml::Problem;

use super::Shared;
use super::lessons::LessonId;

/// What a learner sends in a lab of their own, in the words of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// `pod/pod-1`, `node/node-1`, `internet`.
    pub from: String,
    /// `pod/pod-2:8080`, `10.244.1.3`, `svc/web`, `http://web/`, `dns:web`.
    pub to: String,
    /// None: as the destination has it.
    pub protocol: Option<Protocol>,
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
            protocol: Some(Protocol::Icmp),
        })
    }

    fn run(&self, lab: &Lab) -> Result<Run, Refused> {
        let action = lab.exchange(&self.from, &self.to, self.protocol)?;
        Ok(lab.run_actions(&[action]))
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
    kept: Kept,
}

/// What running the lab again found, kept for the next step.
#[derive(Default)]
struct Kept {
    /// As these steps end, the last one asked for at the end.
    worlds: RefCell<Vec<(usize, Rc<World>)>>,
    /// By step.
    walked: OnceCell<Vec<Vec<Entry>>>,
}

/// So many worlds are kept. A step compares two, so that each of the reader's steps, forward or back, needs one new.
const KEPT_WORLDS: usize = 3;

/// A lab that ran; a run never changes.
pub type Shown = Shared<Ran>;

impl Ran {
    /// Number of steps.
    pub fn n_steps(&self) -> usize {
        self.run.story.steps.len()
    }

    /// Whether the lesson stops at fewer steps than there are.
    pub fn is_folded(&self) -> bool {
        self.run.stops.len() < self.n_steps()
    }

    /// The stop under which a step is folded.
    pub fn stop_of(&self, step_idx: usize) -> usize {
        let stops = &self.run.stops;
        stops.partition_point(|stop| stop.at < step_idx).min(stops.len().saturating_sub(1))
    }

    /// The name of the variant in force, where it is not the lab as it stands.
    pub fn variant(&self) -> Option<&str> {
        self.lab.variants.as_ref().filter(|it| it.chosen > 0).map(Variants::name)
    }

    /// The world as a step ends. Runs the lab again, unless the step was asked for lately.
    pub fn world_at(&self, step_idx: usize) -> Rc<World> {
        let mut worlds = self.kept.worlds.borrow_mut();
        let world = match worlds.iter().position(|(of, _)| *of == step_idx) {
            Some(at) => worlds.remove(at).1,
            None => {
                if worlds.len() >= KEPT_WORLDS {
                    worlds.remove(0);
                }
                Rc::new(self.run.world_at(&self.lab, step_idx))
            }
        };
        worlds.push((step_idx, Rc::clone(&world)));
        world
    }

    /// A step's events, with every rule that was asked and did not match between them. The first call runs the lab again.
    pub fn rules_walked(&self, step_idx: usize) -> &[Entry] {
        let all = self.kept.walked.get_or_init(|| self.run.rules_walked(&self.lab));
        all.get(step_idx).map_or(&[], Vec::as_slice)
    }

    /// Whether the text is another than the lesson's own.
    pub fn is_edited(&self) -> bool {
        &*self.text != self.lesson.lesson().text
    }
}

/// Loads a text and runs its actions; a text without any sends [`Exchange::first`]. One that does not load gives all
/// its problems. A variant that the text does not have is the text as it stands.
pub fn run(lesson: LessonId, text: &Rc<str>, variant: Option<&str>) -> Result<Shown, Vec<Problem>> {
    let loaded = match Lab::load_variant(text, &[], variant) {
        Err(_) if variant.is_some() => Lab::load(text),
        loaded => loaded,
    };
    let Loaded { lab, notices } = loaded?;
    let first = Exchange::first(&lab).filter(|_| lab.actions.is_empty());
    let (run, sent) = match first.map(|first| (first.run(&lab), first)) {
        Some((Ok(run), first)) => (run, Some(first)),
        Some((Err(_), _)) | None => (lab.run(), None),
    };
    let (text, lab) = (Rc::clone(text), Rc::new(lab));
    let kept = Kept::default();
    Ok(Shown::new(Ran { lesson, text, lab, run, sent, notices, kept }))
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

/// Sends something else in the same lab, which gets what that needs, such as a way to the internet.
pub fn send(shown: &Shown, exchange: Exchange) -> Result<Shown, Refused> {
    let ends = [&*exchange.from, &*exchange.to];
    let loaded = Lab::load_variant(&shown.text, &ends, shown.variant());
    let Loaded { lab, notices } = loaded.map_err(|problems| {
        Refused::Wrong(problems.first().map(ToString::to_string).unwrap_or_default())
    })?;
    let run = exchange.run(&lab)?;
    Ok(Shown::new(Ran {
        lesson: shown.lesson,
        text: Rc::clone(&shown.text),
        lab: Rc::new(lab),
        run,
        sent: Some(exchange),
        notices,
        kept: Kept::default(),
    }))
}

/// A lab in each of its variants, in their order.
pub fn variants_of(shown: &Shown) -> Vec<Shown> {
    let names = shown.lab.variants.iter().flat_map(|variants| &variants.choices);
    names.filter_map(|it| run(shown.lesson, &shown.text, Some(&it.name)).ok()).collect()
}
