//! The lab's YAML to edit and run, with what is wrong with it and where.

use std::rc::Rc;

use yew::prelude::*;

use crate::hooks::{Dispatch, click, maybe};
use crate::platform;
use crate::state::lessons::{LessonId, OWN};
use crate::state::run::{EDITOR_BYTES, Shown};
use crate::state::{Action, Texts};
use everyhop_engine::yaml::Problem;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub lesson: Option<LessonId>,
    pub texts: Texts,
    pub problems: Rc<[Problem]>,
    pub text_fits: bool,
    pub dispatch: Dispatch,
}

#[component]
pub fn Editor(props: &Props) -> Html {
    let dispatch = &props.dispatch;
    let area = use_node_ref();
    let Some(lesson) = props.lesson else { return Html::default() };
    let text = props.texts.draft(lesson);
    let edit = dispatch.reform(|event: InputEvent| Action::Edit(platform::value_of(&event).into()));
    // Before the browser lays it out, which may take it minutes.
    let paste = maybe(dispatch, |event: Event| {
        let text = platform::pasted(&event).filter(|text| text.len() > EDITOR_BYTES)?;
        event.prevent_default();
        Some(Action::TooLong(text.into()))
    });
    let run = click(dispatch, Action::RunText);
    let run_by_key = {
        let dispatch = dispatch.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                dispatch.emit(Action::RunText);
            }
        })
    };
    let is_own_text = &*text == lesson.lesson().text;
    let ran = *text == *props.shown.text;
    let state = if !props.problems.is_empty() {
        "The stage still shows the last text that ran."
    } else if ran {
        "The stage shows this text."
    } else {
        "Changed since the stage was drawn."
    };
    let mut remarks = props.shown.notices.clone();
    if props.shown.sent.is_none() {
        remarks.extend_from_slice(&props.shown.run.unbound);
    }
    let restore = if lesson == OWN.id { "Start over" } else { "Back to the lesson's text" };
    html! {
        <div class="editor">
            <div class="bar">
                <button class="btn primary" onclick={run}>{ "Run" }</button>
                <span class="hint">{ "Ctrl+Enter" }</span>
                if !is_own_text {
                    <button class="btn" onclick={click(dispatch, Action::RestoreText)}>
                        { restore }
                    </button>
                }
                if props.texts.put_aside.contains_key(lesson) && is_own_text {
                    <button class="btn" onclick={click(dispatch, Action::TakeBack)}>
                        { "Bring my text back" }
                    </button>
                }
                <span class="hint" role="status">
                    { state }
                    if !props.text_fits {
                        { " This browser cannot keep it: copy it before you leave." }
                    }
                </span>
            </div>
            <div class="both">
                <textarea
                    ref={area.clone()}
                    class="mono"
                    aria-label="The lab's YAML"
                    aria-invalid={(!props.problems.is_empty()).to_string()}
                    spellcheck="false"
                    autocapitalize="off"
                    autocomplete="off"
                    wrap="off"
                    value={AttrValue::from(text.clone())}
                    oninput={edit}
                    onpaste={paste}
                    onkeydown={run_by_key}
                />
                <div class="problems">
                    <div role="alert">
                        { list("What stands in the way", "problem", &props.problems, &area) }
                    </div>
                    if props.problems.is_empty() && ran {
                        { list("Worth knowing", "remark", &remarks, &area) }
                    }
                </div>
            </div>
        </div>
    }
}

fn list(title: &str, class: &'static str, problems: &[Problem], area: &NodeRef) -> Html {
    if problems.is_empty() {
        return Html::default();
    }
    html! {
        <>
            <h3>{ title.to_owned() }</h3>
            <ul>{ for problems.iter().enumerate().map(|(n, problem)| html! {
                <li key={n} class={class}>{ entry(problem, area) }</li>
            }) }</ul>
        </>
    }
}

fn entry(problem: &Problem, area: &NodeRef) -> Html {
    let words = html! {
        <>
            if problem.line > 0 {
                <span class="place mono">{ format!("{}:{}", problem.line, problem.column) }</span>
            }
            if !problem.path.is_empty() { <code>{ &problem.path }</code> }
            <span>{ &problem.message }</span>
        </>
    };
    if problem.line == 0 {
        return words;
    }
    let (line, column, area) = (problem.line, problem.column, area.clone());
    let go = Callback::from(move |_: MouseEvent| {
        if let Some(text) = platform::text_in(&area) {
            platform::set_caret(&area, caret(&text, line, column), line);
        }
    });
    html! { <button onclick={go} title="Go there in the text">{ words }</button> }
}

/// The offset of a place in a text, as browsers count: in UTF-16 units. Columns count characters.
fn caret(text: &str, line: usize, column: usize) -> u32 {
    let before: usize = text.split_inclusive('\n').take(line - 1).map(utf16_len).sum();
    let here = text.split('\n').nth(line - 1).unwrap_or_default();
    let within: usize = here.chars().take(column.saturating_sub(1)).map(char::len_utf16).sum();
    u32::try_from(before + within).unwrap_or(u32::MAX)
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_behind_characters_of_any_width() {
        let text = "a: ä\nb: 😀x\nc";
        assert_eq!(caret(text, 1, 1), 0);
        assert_eq!(caret(text, 2, 5), 10);
        assert_eq!(caret(text, 3, 1), 12);
        assert_eq!(caret(text, 9, 1), 13, "beyond the end is the end");
    }
}
