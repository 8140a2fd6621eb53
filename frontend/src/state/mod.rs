//! All that the page shows, as one value, and how each act of the learner changes it. Pure: knows no browser, so its
//! tests run natively.

pub mod captures;
pub mod headers;
pub mod lessons;
pub mod need;
pub mod route;
pub mod run;
mod shared;
pub mod tables;

use std::rc::Rc;

use everyhop_engine::base::{DevId, NsId, SortedMap};
use yew::Reducible;

use everyhop_engine::yaml::Problem;
use headers::FieldAt;
use lessons::{ARTICLE, LessonId, OWN};
use route::{Route, StepWanted};
use run::{Exchange, Shown};

pub use shared::Shared;

/// The page at one moment.
#[derive(Clone, PartialEq)]
pub struct Session {
    pub page: Page,
    /// The last lab that ran. A text with problems leaves it as it was.
    pub shown: Option<Shown>,
    pub step_idx: usize,
    /// Which of the step's frames the packet panel shows.
    pub move_idx: usize,
    pub playing: bool,
    pub speed: Speed,
    pub tab: Tab,
    /// The device whose captures are shown; None: all.
    pub device: Option<DevId>,
    /// The namespace whose tables are shown; None: the one the packet is in.
    pub netns: Option<NsId>,
    pub field: Option<FieldAt>,
    pub texts: Texts,
    /// Why the text in the editor did not run.
    pub problems: Rc<[Problem]>,
    /// Something to tell once, until it is closed.
    pub notice: Option<String>,
    /// None: as the system prefers.
    pub theme: Option<Theme>,
}

/// Where the page is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Page {
    Lesson(LessonId),
    /// The address names a lesson that there is not.
    Unknown(String),
}

/// What the learner typed, by lesson; a lesson without an entry has its own text. Nothing typed is dropped: a text that
/// is put aside can be taken back.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Texts {
    pub drafts: SortedMap<LessonId, Rc<str>>,
    pub put_aside: SortedMap<LessonId, Rc<str>>,
}

impl Texts {
    /// The text in a lesson's editor.
    pub fn draft(&self, lesson: LessonId) -> Rc<str> {
        self.drafts.get(lesson).cloned().unwrap_or_else(|| lesson.lesson().text.into())
    }
}

/// How fast the playhead moves by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speed {
    Half,
    Normal,
    Double,
    Quadruple,
}

impl Speed {
    pub const ALL: [Self; 4] = [Self::Half, Self::Normal, Self::Double, Self::Quadruple];

    /// As people say it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Half => "0.5×",
            Self::Normal => "1×",
            Self::Double => "2×",
            Self::Quadruple => "4×",
        }
    }

    /// How long the playhead stays on a step: long enough to read its headline at normal speed.
    pub const fn step_ms(self) -> u32 {
        match self {
            Self::Half => 4800,
            Self::Normal => 2400,
            Self::Double => 1200,
            Self::Quadruple => 600,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    Light,
    Dark,
}

/// A tab of the drawer below the timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tab {
    Packet,
    Tables,
    Captures,
    Yaml,
}

impl Tab {
    pub const ALL: [Self; 4] = [Self::Packet, Self::Tables, Self::Captures, Self::Yaml];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "Packet",
            Self::Tables => "Tables",
            Self::Captures => "Captures",
            Self::Yaml => "YAML",
        }
    }
}

/// What the learner did, or the clock.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// The address changed.
    Open(Option<Route>),
    StepForward,
    StepBack,
    /// To this step, and stop there.
    Seek(usize),
    /// To the last step.
    End,
    Restart,
    TogglePlay,
    /// The time for a step is over.
    Tick,
    SetSpeed(Speed),
    SelectTab(Tab),
    SelectMove(usize),
    /// Choosing what is chosen already lets go of it; the same for the next.
    SelectDevice(Option<DevId>),
    SelectNetns(Option<NsId>),
    SelectField(Option<FieldAt>),
    /// The editor's text changed.
    Edit(Rc<str>),
    /// A text was pasted that the editor does not take.
    TooLong(Rc<str>),
    /// Load and run the editor's text.
    RunText,
    /// Put the draft aside and show the lesson's own text.
    RestoreText,
    /// Take the text back that was put aside.
    TakeBack,
    Send(Exchange),
    SetTheme(Theme),
    /// Something happened to the page itself.
    Tell(&'static str),
    CloseNotice,
}

impl Session {
    /// The page as it opens. `crashed`: the last run of a draft broke the page, so none is run unasked.
    pub fn open(route: Option<Route>, texts: Texts, theme: Option<Theme>, crashed: bool) -> Self {
        let mut session = Self {
            page: Page::Lesson(ARTICLE[0].id),
            shown: None,
            step_idx: 0,
            move_idx: 0,
            playing: false,
            speed: Speed::Normal,
            tab: Tab::Packet,
            device: None,
            netns: None,
            field: None,
            texts,
            problems: Rc::new([]),
            notice: None,
            theme,
        };
        if crashed {
            session.notice = Some(
                "The page stopped. If it was your text that did it: it is in the editor, and it is not run again by itself."
                    .into(),
            );
            session.tab = Tab::Yaml;
            session.open_route(route, false);
        } else {
            session.open_route(route, true);
        }
        session
    }

    /// The lesson of the page, if it is one.
    pub fn lesson(&self) -> Option<LessonId> {
        match self.page {
            Page::Lesson(id) => Some(id),
            Page::Unknown(_) => None,
        }
    }

    /// Number of steps of what is shown.
    pub fn n_steps(&self) -> usize {
        self.shown.as_ref().map_or(0, |shown| shown.n_steps())
    }

    /// The address of what is shown. None: nothing to point to.
    pub fn route(&self) -> Option<Route> {
        let step = match self.n_steps() {
            0 => StepWanted::Unsaid,
            _ => StepWanted::Number(self.step_idx + 1),
        };
        Some(Route { lesson: self.lesson()?.as_str().into(), step })
    }

    fn open_route(&mut self, route: Option<Route>, run_draft: bool) {
        let (name, step) = route.map_or_else(
            || (ARTICLE[0].id.as_str().to_owned(), StepWanted::Unsaid),
            |route| (route.lesson, route.step),
        );
        self.playing = false;
        let Some(lesson) = LessonId::find(&name) else {
            self.page = Page::Unknown(name);
            self.shown = None;
            self.problems = Rc::new([]);
            return;
        };
        let stays = self.lesson() == Some(lesson) && self.shown.is_some();
        if !stays || step == StepWanted::Unsaid {
            self.load(lesson, run_draft);
        }
        self.seek_wanted(&step);
    }

    /// Shows a lesson: its own text, so that links show everybody the same; the learner's own lab as it was left.
    fn load(&mut self, lesson: LessonId, run_draft: bool) {
        self.page = Page::Lesson(lesson);
        let own = lesson == OWN.id;
        if own {
            self.tab = Tab::Yaml;
        }
        let text =
            if own && run_draft { self.texts.draft(lesson) } else { lesson.lesson().text.into() };
        self.shown = None;
        self.show(run::run(lesson, &text));
        if self.shown.is_none() && own {
            // A draft with problems: the stage has something to show all the same.
            self.shown = run::run(lesson, &OWN.text.into()).ok();
        }
    }

    fn show(&mut self, ran: Result<Shown, Vec<Problem>>) {
        self.playing = false;
        match ran {
            Ok(shown) => {
                self.shown = Some(shown);
                self.problems = Rc::new([]);
                self.device = None;
                self.netns = None;
                self.seek(0);
            }
            Err(problems) => self.problems = problems.into(),
        }
    }

    fn seek_wanted(&mut self, step: &StepWanted) {
        let n_steps = self.n_steps();
        match step {
            StepWanted::Unsaid => self.seek(0),
            StepWanted::Number(number) => {
                let step_idx = number.saturating_sub(1).min(n_steps.saturating_sub(1));
                if n_steps > 0 && step_idx + 1 != *number {
                    self.notice = Some(format!(
                        "There is no step {number}: this one has steps 1 to {n_steps}. Here is step {}.",
                        step_idx + 1
                    ));
                }
                self.seek(step_idx);
            }
            StepWanted::Unreadable(text) => {
                self.notice = Some(format!("“{text}” is no step number. Here is step 1."));
                self.seek(0);
            }
        }
    }

    fn seek(&mut self, step_idx: usize) {
        self.step_idx = step_idx;
        self.move_idx = 0;
        self.field = None;
    }

    fn apply(&mut self, action: Action) {
        let last = self.n_steps().saturating_sub(1);
        match action {
            Action::Open(route) => {
                self.notice = None;
                self.open_route(route, true);
            }
            Action::StepForward => {
                self.playing = false;
                if self.step_idx < last {
                    self.seek(self.step_idx + 1);
                }
            }
            Action::StepBack => {
                self.playing = false;
                if self.step_idx > 0 {
                    self.seek(self.step_idx - 1);
                }
            }
            Action::Seek(step_idx) => {
                self.playing = false;
                self.seek(step_idx.min(last));
            }
            Action::End => {
                self.playing = false;
                self.seek(last);
            }
            Action::Restart => {
                self.playing = false;
                self.seek(0);
            }
            Action::TogglePlay => {
                self.playing = !self.playing && self.n_steps() > 1;
                if self.playing && self.step_idx == last {
                    self.seek(0);
                }
            }
            Action::Tick => {
                if self.playing && self.step_idx < last {
                    self.seek(self.step_idx + 1);
                }
                self.playing &= self.step_idx < last;
            }
            Action::SetSpeed(speed) => self.speed = speed,
            Action::SelectTab(tab) => self.tab = tab,
            Action::SelectMove(move_idx) => {
                self.move_idx = move_idx;
                self.field = None;
                self.tab = Tab::Packet;
            }
            Action::SelectDevice(device) => {
                self.device = device.filter(|_| self.device != device);
                self.netns = None;
                self.tab = Tab::Captures;
            }
            Action::SelectNetns(netns) => {
                self.netns = netns.filter(|_| self.netns != netns);
                self.device = None;
                self.tab = Tab::Tables;
            }
            Action::SelectField(field) => self.field = field,
            Action::Edit(text) => {
                if let Some(lesson) = self.lesson() {
                    if &*text == lesson.lesson().text {
                        self.texts.drafts.remove(lesson);
                    } else {
                        self.texts.drafts.insert(lesson, text);
                    }
                }
            }
            Action::TooLong(text) => self.problems = run::too_long(&text).into(),
            Action::RunText => {
                if let Some(lesson) = self.lesson() {
                    self.show(run::run(lesson, &self.texts.draft(lesson)));
                }
            }
            Action::RestoreText => {
                if let Some(lesson) = self.lesson() {
                    if let Some(draft) = self.texts.drafts.remove(lesson) {
                        self.texts.put_aside.insert(lesson, draft);
                    }
                    self.show(run::run(lesson, &lesson.lesson().text.into()));
                }
            }
            Action::TakeBack => {
                if let Some(lesson) = self.lesson()
                    && let Some(text) = self.texts.put_aside.remove(lesson)
                {
                    self.texts.drafts.insert(lesson, text);
                }
            }
            Action::Send(exchange) => {
                self.notice = None;
                match self.shown.as_ref().map(|shown| run::send(shown, exchange)) {
                    Some(Ok(shown)) => self.show(Ok(shown)),
                    Some(Err(refused)) => self.notice = Some(refused.to_string()),
                    None => {}
                }
            }
            Action::SetTheme(theme) => self.theme = Some(theme),
            Action::Tell(what) => self.notice = Some(what.into()),
            Action::CloseNotice => self.notice = None,
        }
    }
}

impl Reducible for Session {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        next.apply(action);
        if next == *self { self } else { Rc::new(next) }
    }
}

#[cfg(test)]
mod tests;
