//! All that the page shows, as one value, and how each act of the learner changes it. Pure: knows no browser, so its
//! tests run natively.

pub mod captures;
pub mod headers;
pub mod lanes;
pub mod lessons;
pub mod need;
pub mod route;
pub mod run;
mod shared;
pub mod tables;
pub mod tcpdump;
pub mod walk;

use std::rc::Rc;

use everyhop_engine::base::{DevId, NsId, SortedMap};
use yew::Reducible;

use everyhop_engine::yaml::Problem;
use headers::FieldAt;
use lessons::{FIRST, LessonId, OWN};
use route::{Route, StepWanted};
use run::{Exchange, Shown};

pub use shared::Shared;

/// The page at one moment.
#[derive(Clone, PartialEq)]
pub struct Session {
    pub page: Page,
    /// The last lab that ran. A text with problems leaves it as it was.
    pub shown: Option<Shown>,
    /// Index into the story's steps.
    pub step_idx: usize,
    pub level: Level,
    /// What the reader bet, by the stop that answers it.
    pub bets: SortedMap<BetAt, usize>,
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

/// A bet: the lesson, the variant, the stop that answers it.
pub type BetAt = (LessonId, usize, usize);

/// How far one step of the reader's goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// To the next stop of the lesson.
    Stops,
    /// One hop.
    Hops,
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
    Timeline,
    Rules,
    Tables,
    Captures,
    Transcript,
    Yaml,
}

impl Tab {
    pub const ALL: [Self; 7] = [
        Self::Packet,
        Self::Timeline,
        Self::Rules,
        Self::Tables,
        Self::Captures,
        Self::Transcript,
        Self::Yaml,
    ];

    /// Whether it is for reading or writing at length.
    pub const fn is_tall(self) -> bool {
        matches!(self, Self::Transcript | Self::Yaml)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "Packet",
            Self::Timeline => "Timeline",
            Self::Rules => "Rules walked",
            Self::Tables => "Tables",
            Self::Captures => "Captures",
            Self::Transcript => "Transcript",
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
    SetLevel(Level),
    /// To this hop, and on hop by hop.
    SeekHop(usize),
    /// Another variant of the lab, by its name.
    SelectVariant(String),
    /// A choice of the bet on the next stop.
    Bet(usize),
    SelectTab(Tab),
    SelectMove(usize),
    /// Choosing what is chosen already lets go of it; the same for the next.
    SelectDevice(Option<DevId>),
    SelectNetns(Option<NsId>),
    /// The rules of a namespace.
    SelectRules(NsId),
    SelectField(Option<FieldAt>),
    /// The editor's text changed.
    Edit(Rc<str>),
    /// A text was pasted that the editor does not take.
    TooLong(Rc<str>),
    /// Load and run the editor's text.
    RunText,
    /// Show this lab of nobody's list.
    Load(Rc<str>),
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
            page: Page::Lesson(FIRST),
            shown: None,
            step_idx: 0,
            level: Level::Stops,
            bets: SortedMap::default(),
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

    /// How far a step goes in what is shown.
    pub fn level(&self) -> Level {
        match &self.shown {
            Some(shown) if shown.is_folded() => self.level,
            Some(_) | None => Level::Hops,
        }
    }

    /// The stop at the playhead, or that it is on its way to.
    pub fn stop_idx(&self) -> usize {
        self.shown.as_ref().map_or(0, |shown| shown.stop_of(self.step_idx))
    }

    /// The reader's step, from 1, and how many there are; 0 of 0 where nothing moves.
    pub fn playhead(&self) -> (usize, usize) {
        let stops = self.shown.as_ref().map_or(0, |shown| shown.run.stops.len());
        match (self.n_steps(), self.level()) {
            (0, _) => (0, 0),
            (_, Level::Stops) => (self.stop_idx() + 1, stops),
            (n_steps, Level::Hops) => (self.step_idx + 1, n_steps),
        }
    }

    /// The step that the reader's step with this index ends at.
    fn step_of(&self, number: usize) -> usize {
        match (&self.shown, self.level()) {
            (Some(shown), Level::Stops) => shown.run.stops.get(number).map_or(0, |stop| stop.at),
            (Some(_), Level::Hops) | (None, _) => number,
        }
    }

    /// Where the reader's steps begin and end.
    fn ends(&self) -> (usize, usize) {
        let (_, count) = self.playhead();
        (self.step_of(0), self.step_of(count.saturating_sub(1)))
    }

    pub fn is_at_start(&self) -> bool {
        self.step_idx <= self.ends().0
    }

    pub fn is_at_end(&self) -> bool {
        self.step_idx >= self.ends().1
    }

    /// The bet that the reader may place now: the one that the next stop answers.
    pub fn bet_ahead(&self) -> Option<BetAt> {
        let shown = self.shown.as_ref()?;
        let next = self.stop_idx() + 1;
        let is_here = shown.run.stops.get(self.stop_idx())?.at == self.step_idx;
        shown.run.stops.get(next)?.bet.as_ref().filter(|_| is_here)?;
        Some(self.bet_at(next))
    }

    /// Where a bet on a stop is kept.
    pub fn bet_at(&self, stop_idx: usize) -> BetAt {
        let variants = self.shown.as_ref().and_then(|shown| shown.lab.variants.as_ref());
        (self.lesson().unwrap_or(FIRST), variants.map_or(0, |it| it.chosen), stop_idx)
    }

    /// How long playing stays on this step: what lies between two stops is passed through quickly.
    pub fn pace_ms(&self) -> u32 {
        let ms = self.speed.step_ms();
        let stops = self.shown.as_ref().map(|shown| &shown.run.stops);
        let is_stop = stops
            .is_some_and(|it| it.get(self.stop_idx()).is_some_and(|stop| stop.at == self.step_idx));
        match self.level() {
            Level::Hops => ms,
            Level::Stops if is_stop => 2 * ms,
            Level::Stops => ms / 16,
        }
    }

    /// The address of what is shown. None: nothing to point to.
    pub fn route(&self) -> Option<Route> {
        let step = match self.playhead() {
            (0, _) => StepWanted::Unsaid,
            (number, _) => StepWanted::Number(number),
        };
        let shown = self.shown.as_ref();
        Some(Route {
            lesson: self.lesson()?.as_str().into(),
            step,
            every_hop: self.level() == Level::Hops && shown.is_some_and(|it| it.is_folded()),
            variant: shown.and_then(|it| it.variant()).map(str::to_owned),
        })
    }

    fn open_route(&mut self, route: Option<Route>, run_draft: bool) {
        let first = || Route {
            lesson: FIRST.as_str().to_owned(),
            step: StepWanted::Unsaid,
            every_hop: false,
            variant: None,
        };
        let Route { lesson: name, step, every_hop, variant } = route.unwrap_or_else(first);
        self.playing = false;
        let Some(lesson) = LessonId::find(&name) else {
            self.page = Page::Unknown(name);
            self.shown = None;
            self.problems = Rc::new([]);
            return;
        };
        self.level = if every_hop { Level::Hops } else { Level::Stops };
        let is_shown = |shown: &Shown| shown.variant() == variant.as_deref();
        let stays = self.lesson() == Some(lesson) && self.shown.as_ref().is_some_and(is_shown);
        if !stays || step == StepWanted::Unsaid {
            self.load(lesson, run_draft, variant.as_deref());
        }
        self.seek_wanted(&step);
    }

    /// Shows a lesson: its own text, so that links show everybody the same; the learner's own lab as it was left.
    fn load(&mut self, lesson: LessonId, run_draft: bool, variant: Option<&str>) {
        self.page = Page::Lesson(lesson);
        let own = lesson == OWN.id;
        if own {
            self.tab = Tab::Yaml;
        }
        let text =
            if own && run_draft { self.texts.draft(lesson) } else { lesson.lesson().text.into() };
        self.shown = None;
        self.show(run::run(lesson, &text, variant));
        if self.shown.is_none() && own {
            // A draft with problems: the stage has something to show all the same.
            self.shown = run::run(lesson, &OWN.text.into(), None).ok();
        }
    }

    /// Runs a text in the place of what is shown, in the same variant.
    fn run_text(&mut self, lesson: LessonId, text: &Rc<str>) {
        let variant = self.shown.as_ref().and_then(|shown| shown.variant()).map(str::to_owned);
        self.show(run::run(lesson, text, variant.as_deref()));
    }

    /// Shows another variant, at the same step of the article where there is one.
    fn select_variant(&mut self, variant: &str) {
        let (Some(shown), Some(lesson)) = (&self.shown, self.lesson()) else { return };
        let stops = &shown.run.stops;
        let number = stops.get(self.stop_idx()).and_then(|stop| stop.caption.article);
        let ran = run::run(lesson, &shown.text.clone(), Some(variant));
        self.show(ran);
        let stops = self.shown.as_ref().map(|shown| &shown.run.stops);
        let same = stops.into_iter().flatten().find(|stop| stop.caption.article == number);
        if let Some(at) = same.filter(|_| number.is_some()).map(|stop| stop.at) {
            self.seek(at);
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
                self.seek(self.ends().0);
            }
            Err(problems) => self.problems = problems.into(),
        }
    }

    fn seek_wanted(&mut self, step: &StepWanted) {
        let (_, n_steps) = self.playhead();
        let begin = self.ends().0;
        match step {
            StepWanted::Unsaid => self.seek(begin),
            StepWanted::Number(number) => {
                let index = number.saturating_sub(1).min(n_steps.saturating_sub(1));
                if n_steps > 0 && index + 1 != *number {
                    self.notice = Some(format!(
                        "There is no step {number}: this one has steps 1 to {n_steps}. Here is step {}.",
                        index + 1
                    ));
                }
                self.seek(self.step_of(index));
            }
            StepWanted::Unreadable(text) => {
                self.notice = Some(format!("“{text}” is no step number. Here is step 1."));
                self.seek(begin);
            }
        }
    }

    /// One of the reader's steps on, or back.
    fn step(&mut self, forward: bool) {
        let (index, here) = (self.playhead().0.saturating_sub(1), self.step_idx);
        let (start, end) = self.ends();
        let to = match (forward, self.level()) {
            (true, Level::Stops) if here < self.step_of(index) => self.step_of(index),
            (true, _) if here >= end => return,
            (true, _) => self.step_of(index + 1),
            (false, _) if here <= start => return,
            (false, _) => self.step_of(index.saturating_sub(1)),
        };
        self.seek(to);
    }

    fn seek(&mut self, step_idx: usize) {
        self.step_idx = step_idx;
        self.move_idx = 0;
        self.field = None;
    }

    fn apply(&mut self, action: Action) {
        let last = self.n_steps().saturating_sub(1);
        let (start, end) = self.ends();
        match action {
            Action::Open(route) => {
                self.notice = None;
                self.open_route(route, true);
            }
            Action::StepForward => {
                self.playing = false;
                self.step(true);
            }
            Action::StepBack => {
                self.playing = false;
                self.step(false);
            }
            Action::Seek(step_idx) => {
                self.playing = false;
                self.seek(step_idx.min(last));
            }
            Action::End => {
                self.playing = false;
                self.seek(end);
            }
            Action::Restart => {
                self.playing = false;
                self.seek(start);
            }
            Action::TogglePlay => {
                self.playing = !self.playing && self.n_steps() > 1;
                if self.playing && self.step_idx >= end {
                    self.seek(start);
                }
            }
            Action::Tick => {
                if self.playing && self.step_idx < end {
                    self.seek(self.step_idx + 1);
                }
                self.playing &= self.step_idx < end;
            }
            Action::SetSpeed(speed) => self.speed = speed,
            Action::SetLevel(level) => self.level = level,
            Action::SeekHop(step_idx) => {
                self.playing = false;
                self.level = Level::Hops;
                self.seek(step_idx.min(last));
            }
            Action::SelectVariant(variant) => self.select_variant(&variant),
            Action::Bet(choice) => {
                if let Some(at) = self.bet_ahead() {
                    self.bets.insert(at, choice);
                }
            }
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
            Action::SelectRules(netns) => {
                (self.netns, self.device, self.tab) = (Some(netns), None, Tab::Rules);
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
                    self.run_text(lesson, &self.texts.draft(lesson));
                }
            }
            Action::Load(text) => {
                self.texts.drafts.insert(OWN.id, text);
                self.load(OWN.id, true, None);
            }
            Action::RestoreText => {
                if let Some(lesson) = self.lesson() {
                    if let Some(draft) = self.texts.drafts.remove(lesson) {
                        self.texts.put_aside.insert(lesson, draft);
                    }
                    self.run_text(lesson, &lesson.lesson().text.into());
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
