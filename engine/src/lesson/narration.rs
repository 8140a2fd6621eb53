//! What a lesson says about the steps of its story, bound by [pattern](super::pattern).
//!
//! `spec.narration` is a list of rules. The first rule that fits a step tells it; a rule that fits none is a problem.
//!
//! `spec.stops` is for a way of many hops: a list of points at which the lesson stops, in order. Each is the next step that
//! fits it after the stop before; what lies between is folded under it. Without it, a lesson stops at every step.
//!
//! Both say the same things ([`Said`]):
//!
//! | field | is |
//! | --- | --- |
//! | `when` | the pattern |
//! | `title`, `text` | what happens, and why here |
//! | `article` | the step's number in the article's own list; they count up from 1 in the order of the story |
//! | `aside` | where the article makes it simpler than it is |
//! | `look` | `{in: NAMESPACE, run: COMMAND}`: what to look at on a real machine; see [`ask`](crate::tool::ask) |
//! | `bet` | a question to answer before the stop: `{ask: TEXT, choices: [{say: TEXT, when: PATTERN}]}` |
//!
//! and a stop may have `action`, the number of the action that it is about (from there on), and `variants`, the names of
//! those that have it. The right choice of a bet is the one whose pattern fits a step between the stop before and this one;
//! a choice without a pattern is right if no other is.

use super::names::{self, template};
use super::pattern::{self, Pattern, View};
use super::{Act, ActionResult, Variants};
use crate::kube::Cluster;
use crate::story::{Step, Story};
use crate::trace::Recorder;
use crate::world::World;
use crate::yaml::{At, Place, Problem, Report};

pub use super::names::NAMES;

/// What is said, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Said {
    when: Pattern,
    title: String,
    text: String,
    article: Option<u8>,
    aside: Option<String>,
    /// Where, and the command.
    look: Option<(String, String)>,
    bet: Option<Asked>,
    place: Place,
}

/// A bet as written.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    ask: String,
    choices: Vec<(String, Option<Pattern>)>,
}

/// A caption and when it is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Rule(Said);

/// A point at which the lesson stops, as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Planned {
    said: Said,
    /// Index of the action from which on it is looked for.
    action: Option<usize>,
    /// None: all.
    variants: Option<Vec<String>>,
}

/// What a reader sees beside a step.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caption {
    pub title: String,
    pub text: String,
    /// The step's number in the article's own list of steps.
    pub article: Option<u8>,
    /// Where the article makes it simpler than it is.
    pub aside: Option<String>,
    pub look: Option<Look>,
}

/// What to look at on a real machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// The network namespace.
    pub netns: String,
    pub command: String,
}

/// A point at which a lesson stops.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stop {
    /// The first step that is folded under it.
    pub first: usize,
    /// Its own step. Steps after the last stop are folded under that.
    pub at: usize,
    pub caption: Caption,
    pub bet: Option<Bet>,
}

/// A question to answer before a stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bet {
    pub ask: String,
    pub choices: Vec<String>,
    /// Index of the choice that the trace proves.
    pub right: usize,
}

/// What a lesson says, as written.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) rules: Vec<Rule>,
    pub(super) stops: Vec<Planned>,
}

/// Reads `spec.narration` and `spec.stops`.
pub(super) fn read(spec: &At<'_>, report: &mut Report) -> Script {
    let mut script = Script::default();
    for at in spec.list("narration", "a list of rules", report) {
        if at.is_map(report) {
            at.only(&SAID, report);
            script.rules.extend(read_said(&at, report).map(Rule));
        }
    }
    for at in spec.list("stops", "a list of stops", report) {
        if at.is_map(report) {
            let known: Vec<&str> = SAID.into_iter().chain(["action", "variants"]).collect();
            at.only(&known, report);
            script.stops.extend(read_stop(&at, report));
        }
    }
    script
}

const SAID: [&str; 7] = ["when", "title", "text", "article", "aside", "look", "bet"];

fn read_stop(at: &At<'_>, report: &mut Report) -> Option<Planned> {
    let action = at.field("action").and_then(|it| it.number(1..=99u8, report));
    let variants = at.field("variants").map(|list| {
        let names = list.items("a list of names", report);
        names.iter().filter_map(|name| name.text("a name", report)).map(str::to_owned).collect()
    });
    let said = read_said(at, report)?;
    Some(Planned { said, action: action.map(|it| usize::from(it) - 1), variants })
}

fn read_said(at: &At<'_>, report: &mut Report) -> Option<Said> {
    let when = at.required("when", "a map of conditions", report);
    let when = when.map(|map| pattern::read(&map, report)).unwrap_or_default();
    at.required("title", "text", report)?;
    at.required("text", "text", report)?;
    let (title, text) =
        (template(at, "title", "text", report), template(at, "text", "text", report));
    let article = at.field("article").and_then(|number| number.number(1..=99, report));
    let look = at.section("look", report).and_then(|look| {
        look.only(&["in", "run"], report);
        look.required("in", "a network namespace", report)?;
        look.required("run", "a command", report)?;
        template(&look, "in", "a network namespace", report).zip(template(
            &look,
            "run",
            "a command",
            report,
        ))
    });
    Some(Said {
        when,
        title: title?,
        text: text?,
        article,
        aside: template(at, "aside", "text", report),
        look,
        bet: at.section("bet", report).and_then(|bet| read_bet(&bet, report)),
        place: at.place(),
    })
}

fn read_bet(bet: &At<'_>, report: &mut Report) -> Option<Asked> {
    bet.only(&["ask", "choices"], report);
    bet.required("ask", "a question", report)?;
    let ask = template(bet, "ask", "a question", report);
    let choices = bet.list("choices", "a list of choices", report);
    let choices: Vec<_> = choices
        .iter()
        .filter_map(|choice| {
            choice.only(&["say", "when"], report);
            let when = choice.field("when").map(|map| pattern::read(&map, report));
            Some((template(choice, "say", "an answer", report)?, when))
        })
        .collect();
    if choices.len() < 2 {
        report.problem(bet.problem("expected at least two choices"));
    }
    Some(Asked { ask: ask?, choices })
}

/// What a lesson says about a run of it.
pub(super) struct Told {
    /// One for each step.
    pub(super) captions: Vec<Caption>,
    pub(super) stops: Vec<Stop>,
    /// What is said of no step, or makes no sense.
    pub(super) problems: Vec<Problem>,
}

/// What was run.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) actions: &'a [Act],
    pub(super) results: &'a [ActionResult],
    pub(super) world: &'a World,
    pub(super) trace: &'a Recorder,
    pub(super) story: &'a Story,
}

impl<'a> Course<'a> {
    fn view(&self, action: usize) -> View<'a> {
        let Self { cluster, world, trace, story, .. } = *self;
        // A change has no ends of its own: it is told in the names of what is sent next.
        let next = self.actions.iter().zip(self.results).skip(action);
        let mut sent = next.filter_map(|(act, result)| Some((act.send()?, Some(result))));
        let of_action = |it| names::of_action(cluster, it, (world, trace));
        let names = sent.next().map(of_action).unwrap_or_default();
        View { world, trace, story, names }
    }

    /// The first step of an action.
    fn first_step(&self, action: usize) -> usize {
        let from = self.results.get(action).map_or(0, |result| result.entries.start);
        self.story.steps.partition_point(|step| step.events.last().is_none_or(|&it| it < from))
    }
}

/// Says what there is to say. `are_its_own`: the actions are the lab's, so its stops are meant; `variant`: the one in force.
pub(super) fn tell(
    script: &Script,
    course: Course<'_>,
    are_its_own: bool,
    variant: Option<&Variants>,
) -> Told {
    let steps = &course.story.steps;
    let mut telling = Telling { course, problems: Vec::new() };
    let view = course.view(0);
    let mut used = vec![false; script.rules.len()];
    let (mut captions, mut every_step) = (Vec::new(), Vec::new());
    for (index, step) in steps.iter().enumerate() {
        let rule = script.rules.iter().position(|rule| view.fits(&rule.0.when, step));
        let (caption, bet) = match rule {
            Some(number) => {
                let (rule, is_first) = (&script.rules[number].0, !used[number]);
                used[number] = true;
                let (caption, bet) = telling.say(&view, rule, (index, index));
                (caption, bet.filter(|_| is_first && index > 0))
            }
            None => {
                let (title, text) = (step.title.clone(), step.text.clone());
                (Caption { title, text, ..Caption::default() }, None)
            }
        };
        captions.push(caption.clone());
        every_step.push(Stop { first: index, at: index, caption, bet });
    }
    for (rule, _) in script.rules.iter().zip(used).filter(|(_, used)| !used) {
        telling.complain(&view, &rule.0, "no step of the story fits this caption");
    }
    let mut planned = if are_its_own {
        telling.stops(&script.stops, variant.map(Variants::name))
    } else {
        Vec::new()
    };
    let as_it_stands = variant.is_none_or(|it| it.chosen == 0);
    let shown = if planned.is_empty() { &every_step } else { &planned };
    telling.check_article(shown, as_it_stands);
    match planned.last_mut() {
        Some(_) => {
            for stop in &planned {
                captions[stop.at] = stop.caption.clone();
            }
        }
        None => planned = every_step,
    }
    Told { captions, stops: planned, problems: telling.problems }
}

struct Telling<'a> {
    course: Course<'a>,
    problems: Vec<Problem>,
}

impl Telling<'_> {
    fn complain(&mut self, view: &View<'_>, said: &Said, what: &str) {
        let message = format!("{what}: {}", view.describe(&said.when));
        self.problems.push(said.place.problem(message));
    }

    /// The stops in order: each at the next step that fits.
    fn stops(&mut self, planned: &[Planned], variant: Option<&str>) -> Vec<Stop> {
        let hops = &self.course.story.steps;
        let (mut stops, mut first, mut action) = (Vec::new(), 0, 0);
        let mut view = self.course.view(0);
        for it in planned {
            let variants = it.variants.as_ref().zip(variant);
            if variants.is_some_and(|(of, it)| !of.iter().any(|name| name == it)) {
                continue;
            }
            if let Some(other) = it.action.filter(|&other| other != action) {
                action = other;
                view = self.course.view(action);
            }
            let from = first.max(self.course.first_step(action));
            let found = (from..hops.len()).find(|&at| view.fits(&it.said.when, &hops[at]));
            let Some(at) = found else {
                self.complain(&view, &it.said, "no later step of the story fits this stop");
                continue;
            };
            let (caption, bet) = self.say(&view, &it.said, (first, at));
            stops.push(Stop { first, at, caption, bet: bet.filter(|_| first > 0) });
            first = at + 1;
        }
        stops
    }

    /// The words for a step, and the bet on what happens from `first` to there.
    fn say(
        &mut self,
        view: &View<'_>,
        said: &Said,
        (first, at): (usize, usize),
    ) -> (Caption, Option<Bet>) {
        let steps = &self.course.story.steps;
        let fill = |text: &str| view.fill(text, steps.get(at));
        let bet = said.bet.as_ref().and_then(|asked| {
            let right = right_choice(view, asked, &steps[first..=at])?;
            let choices = asked.choices.iter().map(|(say, _)| fill(say)).collect();
            Some(Bet { ask: fill(&asked.ask), choices, right })
        });
        if said.bet.is_some() && bet.is_none() {
            self.complain(view, said, "not exactly one choice of this bet is right");
        }
        let caption = Caption {
            title: fill(&said.title),
            text: fill(&said.text),
            article: said.article,
            aside: said.aside.as_deref().map(fill),
            look: said
                .look
                .as_ref()
                .map(|(netns, command)| Look { netns: fill(netns), command: fill(command) }),
        };
        let texts = [Some(&caption.title), Some(&caption.text), caption.aside.as_ref()];
        let nameless = texts.into_iter().flatten().find_map(|text| names::names_in(text).next());
        if let Some(name) = nameless {
            let message = format!("the name {{{name}}} means nothing in this lab");
            self.problems.push(said.place.problem(message));
        }
        (caption, bet)
    }

    /// The article's steps come in its order, and none is left out but what a variant does without. The way back may
    /// begin anew.
    fn check_article(&mut self, stops: &[Stop], as_it_stands: bool) {
        let mut last = 0;
        for stop in stops {
            let Some(number) = stop.caption.article else { continue };
            let follows = number == 1 || number == last || number == last + 1;
            if !follows && (as_it_stands || number < last) {
                let title = &stop.caption.title;
                self.problems.push(Problem::of_text(format!(
                    "step {number} of the article comes after step {last}: {title}"
                )));
            }
            last = number;
        }
    }
}

/// The choice that one of the steps proves; None if that is none or several.
fn right_choice(view: &View<'_>, asked: &Asked, steps: &[Step]) -> Option<usize> {
    let proved = |(_, when): &&(usize, &(String, Option<Pattern>))| {
        when.1.as_ref().is_some_and(|when| steps.iter().any(|step| view.fits(when, step)))
    };
    let numbered: Vec<_> = asked.choices.iter().enumerate().collect();
    let mut right = numbered.iter().filter(proved);
    match (right.next(), right.next()) {
        (Some((only, _)), None) => Some(*only),
        (None, _) => {
            let mut open = numbered.iter().filter(|(_, (_, when))| when.is_none());
            open.next().filter(|_| open.next().is_none()).map(|(index, _)| *index)
        }
        (Some(_), Some(_)) => None,
    }
}
