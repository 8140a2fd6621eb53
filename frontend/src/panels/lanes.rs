//! The whole story at a glance: a lane for each place, a mark for each step, a line for each message.

use yew::prelude::*;

use crate::hooks::{Dispatch, click, use_rules};
use crate::platform;
use crate::state::lanes::{Kind, Lanes, Leg, Mark, lanes};
use crate::state::run::Shown;
use crate::state::{Action, Shared};
use crate::svg::leg_class;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    pub dispatch: Dispatch,
}

const LANE: usize = 18;
const TOP: usize = 6;
/// Room for a step where there are many; fewer are drawn farther apart.
const LEAST: usize = 9;
const USUAL: usize = 860;

/// Where everything stands on the lanes, in SVG user units.
#[derive(Clone, Copy, PartialEq)]
struct Scale {
    step: usize,
    n_steps: usize,
    n_lanes: usize,
}

impl Scale {
    fn of(lanes: &Lanes) -> Self {
        let n_steps = lanes.marks.len();
        let step = (USUAL / n_steps.max(1)).clamp(LEAST, 40);
        Self { step, n_steps, n_lanes: lanes.places.len() }
    }

    fn x(self, step_idx: usize) -> usize {
        step_idx * self.step + self.step / 2
    }

    const fn y(lane: usize) -> usize {
        TOP + lane * LANE + LANE / 2
    }

    fn size(self) -> (usize, usize) {
        (self.n_steps * self.step, TOP + self.n_lanes * LANE + 4)
    }
}

#[component]
pub fn Timeline(props: &Props) -> Html {
    let lanes = Shared::from(use_memo(props.shown.clone(), |shown| lanes(shown)));
    let hidden = use_state_eq(Vec::<Kind>::new);
    let scale = Scale::of(&lanes);
    let world = &props.shown.run.end;
    use_effect_with((scale.x(props.step_idx), props.shown.clone()), |&(x, _)| {
        platform::reveal_column("lanes", i32::try_from(x).unwrap_or(0));
    });
    let chips = Kind::ALL.into_iter().filter(|kind| lanes.legs.iter().any(|leg| leg.kind == *kind));
    let chips = chips.map(|kind| {
        let on = !hidden.contains(&kind);
        let toggle = {
            let hidden = hidden.clone();
            Callback::from(move |_| {
                let mut next = (*hidden).clone();
                if on {
                    next.push(kind);
                } else {
                    next.retain(|it| *it != kind);
                }
                hidden.set(next);
            })
        };
        html! {
            <button key={kind.name()} class="chip" aria-pressed={on.to_string()} onclick={toggle}>
                <svg viewBox="-7 -7 14 14" aria-hidden="true"><path d={sign(kind)} /></svg>
                { kind.name() }
            </button>
        }
    });
    let shows = |leg: usize| lanes.legs.get(leg).is_some_and(|leg| !hidden.contains(&leg.kind));
    let beside = |mut steps: Box<dyn Iterator<Item = usize>>| {
        steps.find(|&step| lanes.marks.get(step).is_some_and(|mark| shows(mark.leg)))
    };
    let (here, n) = (props.step_idx, scale.n_steps);
    let jump = |name: &'static str, sign: &'static str, to: Option<usize>| {
        let onclick = click(&props.dispatch, Action::Seek(to.unwrap_or(here)));
        html! {
            <button class="chip" aria-label={name} title={name} aria-disabled={to.is_none().to_string()} {onclick}>
                { sign }
            </button>
        }
    };
    let (w, h) = scale.size();
    let tops = (0..lanes.places.len())
        .map(|lane| format!(".place-{lane}{{top:{}px}}", Scale::y(lane) - 9));
    let board = use_node_ref();
    use_rules(&board, "lanes", format!(".places{{height:{h}px}}") + &tops.collect::<String>());
    let seek = maybe_seek(&props.dispatch, scale);
    html! {
        <div class="lanes">
            <div class="chips" role="group" aria-label="Kinds shown">
                { for chips }
                { jump("Previous step of these kinds", "‹", beside(Box::new((0..here).rev()))) }
                { jump("Next step of these kinds", "›", beside(Box::new(here + 1..n))) }
            </div>
            <div ref={board} id="lanes" class="board" tabindex="0" role="group" aria-label="Lanes by place">
                <div class="places">
                    { for lanes.places.iter().enumerate().map(|(lane, ns)| html! {
                        <span key={lane} class={format!("place-{lane}")}>{ &*world.netns[*ns].name }</span>
                    }) }
                </div>
                <svg width={w.to_string()} height={h.to_string()} viewBox={format!("0 0 {w} {h}")} aria-hidden="true" onclick={seek}>
                    <Board ..BoardProps { shown: props.shown.clone(), lanes: lanes.clone(), hidden: (*hidden).clone() } />
                    { head(&lanes, scale, here) }
                </svg>
            </div>
        </div>
    }
}

/// A click seeks the step whose column it hits.
fn maybe_seek(dispatch: &Dispatch, scale: Scale) -> Callback<MouseEvent> {
    dispatch.reform(move |event: MouseEvent| {
        let x = usize::try_from(platform::column_of(&event)).unwrap_or(0);
        Action::Seek(x / scale.step.max(1))
    })
}

#[derive(PartialEq, Properties)]
struct BoardProps {
    shown: Shown,
    lanes: Shared<Lanes>,
    hidden: Vec<Kind>,
}

/// What stands whatever the step is.
#[component]
fn Board(props: &BoardProps) -> Html {
    let lanes = &props.lanes;
    let scale = Scale::of(lanes);
    let (w, _) = scale.size();
    let ground = (0..scale.n_lanes).map(|lane| {
        let y = Scale::y(lane).to_string();
        html! { <line key={lane} class="lane" x1="0" x2={w.to_string()} y1={y.clone()} y2={y} /> }
    });
    let legs = lanes.legs.iter().enumerate().filter(|(_, leg)| !props.hidden.contains(&leg.kind));
    let ways = legs.map(|(index, leg)| {
        html! {
            <g key={format!("leg-{index}")} class={leg_class(leg.leg_kind)}>
                { for pair(lanes, scale, leg) }
                <polyline points={way(lanes, scale, index)} />
            </g>
        }
    });
    let captions = &props.shown.run.captions;
    let marks = lanes.marks.iter().enumerate().filter_map(|(step_idx, mark)| {
        let leg = lanes.legs.get(mark.leg).filter(|leg| !props.hidden.contains(&leg.kind))?;
        let title = captions.get(step_idx).map(|it| it.title.as_str()).unwrap_or_default();
        Some(html! {
            <g key={step_idx} class={classes!(leg_class(leg.leg_kind), mark.dropped.then_some("drop"))}
                transform={format!("translate({} {})", scale.x(step_idx), Scale::y(mark.lane))}>
                <title>{ format!("Step {}, {}: {title}", step_idx + 1, leg.kind.name()) }</title>
                { shape(leg.kind, *mark) }
            </g>
        })
    });
    html! { <><g>{ for ground }</g><g>{ for ways }</g><g>{ for marks }</g></> }
}

/// `polyline`'s `points`.
fn way(lanes: &Lanes, scale: Scale, leg: usize) -> String {
    let mut points = String::new();
    for (step, mark) in lanes.marks.iter().enumerate().filter(|(_, mark)| mark.leg == leg) {
        points.push_str(&format!("{},{} ", scale.x(step), Scale::y(mark.lane)));
    }
    points
}

/// From where a question ended to where its answer begins.
fn pair(lanes: &Lanes, scale: Scale, leg: &Leg) -> Option<Html> {
    let question = lanes.legs.get(leg.answers?)?;
    let from = question.last_step.min(leg.first_step);
    let lane = lanes.marks.get(leg.first_step)?.lane;
    let (x1, x2, y) = (scale.x(from), scale.x(leg.first_step), Scale::y(lane));
    let start = Scale::y(lanes.marks.get(from)?.lane);
    let middle = usize::midpoint(x1, x2);
    let d = format!("M{x1} {start}Q{middle} {} {x2} {y}", start.min(y).saturating_sub(15));
    Some(html! { <path class="pair" {d} /> })
}

fn shape(kind: Kind, mark: Mark) -> Html {
    let d = if mark.dropped { "M-5-5L5 5M5-5L-5 5" } else { sign(kind) };
    html! { <path {d} /> }
}

/// Kinds differ in shape, so that colour alone says nothing.
const fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Arp => "M-3.5-3.5h7v7h-7z",
        Kind::Dns => "M0-5L5 0 0 5-5 0z",
        Kind::Http => "M-4-4.5L5 0-4 4.5z",
        Kind::Tcp => "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
        Kind::Udp => "M0-4.5L4.5 3.5h-9z",
        Kind::Icmp => "M-4.5-2h9v4h-9z",
        Kind::Other => "M-2-2h4v4h-4z",
    }
}

/// The playhead, the message it is on, and what that answers or is answered by.
fn head(lanes: &Lanes, scale: Scale, step_idx: usize) -> Html {
    let Some(mark) = lanes.marks.get(step_idx) else { return Html::default() };
    let (x, y, (_, h)) = (scale.x(step_idx), Scale::y(mark.lane), scale.size());
    let own = lanes.legs.get(mark.leg);
    let other = own.and_then(|leg| leg.answers).or_else(|| {
        let answers = |leg: &Leg| leg.answers == Some(mark.leg);
        lanes.legs.iter().position(answers)
    });
    let bold = [Some(mark.leg), other].into_iter().flatten().filter_map(|index| {
        let leg = lanes.legs.get(index)?;
        let class = classes!("now", leg_class(leg.leg_kind));
        Some(html! { <polyline key={index} {class} points={way(lanes, scale, index)} /> })
    });
    html! {
        <g class="head">
            { for bold }
            <line x1={x.to_string()} x2={x.to_string()} y1="0" y2={h.to_string()} />
            <circle class={own.map(|leg| leg_class(leg.leg_kind))} cx={x.to_string()} cy={y.to_string()} r="7" />
        </g>
    }
}
