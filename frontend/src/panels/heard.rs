//! Who does what because of a change, and when: the notes of the control plane as a list, for steps in which no packet moves.

use everyhop_engine::trace::Note;
use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::layout::API_SERVER;
use crate::state::Action;
use crate::state::run::Shown;

/// All of them, those first that come first; what is still to come is faint.
pub fn heard(shown: &Shown, step_idx: usize, dispatch: &Dispatch) -> Html {
    let run = &shown.run;
    let noted = run.story.steps.iter().enumerate();
    let rows = noted.filter_map(|(index, step)| {
        let told = step.note(&run.trace)?;
        let class = match index.cmp(&step_idx) {
            std::cmp::Ordering::Less => "",
            std::cmp::Ordering::Equal => "changed",
            std::cmp::Ordering::Greater => "later",
        };
        let here = (index == step_idx).then_some("step");
        Some(html! {
            <tr key={index} {class} aria-current={here}>
                <td>{ step.at.to_string() }</td>
                <td>{ told.by }</td>
                <td>{ &told.netns }</td>
                <td>
                    <button class="btn" onclick={click(dispatch, Action::Seek(index))}>
                        { &told.title }
                    </button>
                </td>
                <td>{ tells(told) }</td>
            </tr>
        })
    });
    html! {
        <section class="table heard" aria-label="Who does what, and when" tabindex="0">
            <h3>{ "Who does what, and when" }</h3>
            <table class="mono">
                <thead><tr>
                    { for ["time", "program", "in", "does", "and"].into_iter().map(|name| html! {
                        <th key={name} scope="col">{ name }</th>
                    }) }
                </tr></thead>
                <tbody>{ for rows }</tbody>
            </table>
        </section>
    }
}

/// Who hears of it from the program itself.
fn tells(note: &Note) -> &'static str {
    match (note.tells, note.by) {
        (true, API_SERVER) => "tells all who listen",
        (true, _) => "tells the API server",
        (false, _) => "",
    }
}
