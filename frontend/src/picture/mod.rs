//! A run as SVG files that stand alone, in the page's own drawing: one step, or all that a lesson stops at, played by CSS
//! without a script. They follow the reader's light or dark theme and ask nothing of any server.

mod text;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use everyhop_engine::lesson::{Lab, Run};
use yew::prelude::*;

use crate::layout::{Layout, lay_out, text_width};
use crate::scene::{Told, WHOLE, folded, scene};
use crate::svg::{moving, places, plane_rules, still, summary};
use text::{escaped, write};

/// How long a played picture stays at each stop, and how long a packet glides into it.
const STAY_MS: i32 = 2400;
const GLIDE_MS: i32 = 700;

const MARGIN: i32 = 8;
const LINE: i32 = 20;
const FONT: i32 = 14;

/// A picture of a run.
pub struct Picture<'a> {
    lab: &'a Lab,
    run: &'a Run,
    layout: Layout,
}

/// A step that is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoStep {
    /// How many there are.
    pub n_steps: usize,
}

impl<'a> Picture<'a> {
    /// `narrow`: for a screen of 360 to 400 CSS pixels.
    pub fn new(lab: &'a Lab, run: &'a Run, narrow: bool) -> Self {
        let layout = lay_out(&run.end, &folded(lab.into(), run.into(), &[]), narrow);
        Self { lab, run, layout }
    }

    /// One step of the lesson, counted from 0, with its title below.
    pub fn stop(&self, index: usize) -> Result<String, NoStep> {
        let n_steps = self.run.stops.len();
        let stop = self.run.stops.get(index).ok_or(NoStep { n_steps })?;
        Ok(self.at(stop.at, &format!("Step {} of {n_steps}. {}", index + 1, stop.caption.title)))
    }

    /// The same, where every hop is a step.
    pub fn hop(&self, index: usize) -> Result<String, NoStep> {
        let n_steps = self.run.story.steps.len();
        let caption = self.run.captions.get(index).ok_or(NoStep { n_steps })?;
        Ok(self.at(index, &format!("Hop {} of {n_steps}. {}", index + 1, caption.title)))
    }

    fn at(&self, hop: usize, said: &str) -> String {
        let said = self.said(said);
        let scene = scene(Told::from(self.run), &self.layout, hop);
        let css = places(&scene.packets, hop, (0, WHOLE));
        let [trail, above] = moving(&self.layout, &scene, hop);
        self.file((css, STILL), said.len(), |ground, devices| {
            html! { <>{ ground }{ trail }{ devices }{ above }{ said_at(&self.layout, &said) }</> }
        })
    }

    /// Everything that the lesson stops at, one after the other, over and over.
    pub fn played(&self) -> String {
        let stops = &self.run.stops;
        let n = i32::try_from(stops.len().max(1)).unwrap_or(i32::MAX);
        let total_ms = n.saturating_mul(STAY_MS);
        let part = |ms: i32| i32::try_from(i64::from(ms) * i64::from(WHOLE) / i64::from(total_ms));
        let part = |ms: i32| part(ms).unwrap_or(WHOLE);
        let mut css =
            format!(".stage-svg .at,.stage-svg .glides{{animation-duration:{total_ms}ms}}");
        let (mut trails, mut tops, mut lines) = (Vec::new(), Vec::new(), 1);
        for (index, stop) in (0..).zip(stops) {
            let (from, to) = (part(index * STAY_MS), part((index + 1) * STAY_MS));
            css.push_str(&seen((index, from, to)));
            let scene = scene(Told::from(self.run), &self.layout, stop.at);
            css.push_str(&places(&scene.packets, stop.at, (from, from + part(GLIDE_MS))));
            let said = self.said(&format!("{} of {n}. {}", index + 1, stop.caption.title));
            lines = lines.max(said.len());
            let [trail, above] = moving(&self.layout, &scene, stop.at);
            let class = format!("at at-{index}");
            trails.push(html! { <g class={class.clone()}>{ trail }</g> });
            tops.push(html! { <g {class}>{ above }{ said_at(&self.layout, &said) }</g> });
        }
        self.file((css, PLAYED), lines, |ground, devices| {
            html! { <>{ ground }{ for trails }{ devices }{ for tops }</> }
        })
    }

    /// Words, broken to the drawing's width.
    fn said(&self, words: &str) -> Vec<String> {
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in words.split_whitespace() {
            let longer = format!("{line}{}{word}", if line.is_empty() { "" } else { " " });
            if !line.is_empty() && text_width(&longer, FONT) > self.layout.width - 2 * MARGIN {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            } else {
                line = longer;
            }
        }
        lines.push(line);
        lines
    }

    fn file(
        &self,
        (places, mode): (String, &str),
        n_lines: usize,
        inside: impl FnOnce(Html, Html) -> Html,
    ) -> String {
        let (w, h) = (self.layout.width, self.layout.height);
        let below = i32::try_from(n_lines).unwrap_or(1) * LINE + MARGIN;
        let (all_w, all_h) = (w + 2 * MARGIN, h + 2 * MARGIN + below);
        let title = escaped(&format!("{}. {}", self.lab.title, summary(&self.layout)));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"stage-svg\" role=\"img\" width=\"{all_w}\" height=\"{all_h}\" \
             viewBox=\"-{MARGIN} -{MARGIN} {all_w} {all_h}\" aria-label=\"{title}\"><title>{title}</title><style>"
        );
        let plane = if self.layout.plane.is_some() { plane_rules() } else { "" };
        for sheet in [PALETTE, DRAWING, plane, ALONE, mode, &places] {
            out.push_str(&escaped(sheet));
        }
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "</style><rect class=\"paper\" x=\"-{MARGIN}\" y=\"-{MARGIN}\" width=\"{all_w}\" height=\"{all_h}\"></rect>"
        );
        let [ground, devices] = still(&self.layout);
        write(&inside(ground, devices), &mut out);
        out.push_str("</svg>\n");
        out
    }
}

/// The lines below the drawing.
fn said_at(layout: &Layout, lines: &[String]) -> Html {
    let mut y = layout.height;
    html! {
        <text class="said">
            { for lines.iter().map(|line| {
                y += LINE;
                html! { <tspan x="0" y={y.to_string()}>{ line }</tspan> }
            }) }
        </text>
    }
}

/// The rules by which one stop is seen for its part of the whole, in hundredths of a per cent.
fn seen((index, from, to): (i32, i32, i32)) -> String {
    let at = |share: i32| format!("{}.{:02}%", share / 100, share % 100);
    let (from_at, to_at) = (at(from), at(to));
    let hidden =
        if from > 0 { format!("0%,{from_at}{{visibility:hidden}}") } else { String::new() };
    format!(
        ".at-{index}{{animation-name:at-{index}}}@keyframes at-{index}{{{hidden}{from_at}{{visibility:visible}}\
         {to_at}{{visibility:hidden}}100%{{visibility:{}}}}}",
        if to == WHOLE { "visible" } else { "hidden" }
    )
}

const PALETTE: &str = include_str!("../../palette.css");
const DRAWING: &str = include_str!("../../stage.css");

/// What the page's frame does otherwise.
const ALONE: &str = "
.stage-svg { --zoom: 1; --glide: 0ms; width: auto; height: auto; max-width: 100%; max-height: none; min-width: 0; min-height: 0 }
.stage-svg .paper { fill: var(--panel) }
.stage-svg .said { font-size: 14px }
.stage-svg * { cursor: default }
";

const STILL: &str = "
.stage-svg * { animation: none }
.stage-svg .was, .stage-svg .shock { display: none }
";

/// Of the page's animations only those remain that can begin again with each round. Who wants less motion sees the end.
const PLAYED: &str = "
.stage-svg .was, .stage-svg .shock { display: none }
.stage-svg .at { visibility: hidden; animation-timing-function: step-end }
.stage-svg .at, .stage-svg .glides { animation-iteration-count: infinite }
@media (prefers-reduced-motion: reduce) { .stage-svg .at:last-of-type { visibility: visible } }
";
