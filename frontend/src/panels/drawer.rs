//! The tabs below the timeline.

use yew::prelude::*;

use crate::hooks::use_dispatch;
use crate::platform;
use crate::state::{Action, Session, Tab};

use super::captures::Captures;
use super::editor::Editor;
use super::packet::Packet;
use super::tables::Tables;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub session: Session,
    /// Whether the browser had room to keep the editor's text.
    pub text_fits: bool,
}

fn tab_id(tab: Tab) -> String {
    format!("tab-{}", tab.name().to_ascii_lowercase())
}

#[component]
pub fn Drawer(props: &Props) -> Html {
    let dispatch = use_dispatch();
    let session = &props.session;
    let Some(shown) = session.shown.clone() else { return Html::default() };
    let move_focus = {
        let (dispatch, tab) = (dispatch.clone(), session.tab);
        Callback::from(move |event: KeyboardEvent| {
            let here = Tab::ALL.iter().position(|&t| t == tab).unwrap_or(0);
            let n = Tab::ALL.len();
            let to = match event.key().as_str() {
                "ArrowRight" => (here + 1) % n,
                "ArrowLeft" => (here + n - 1) % n,
                "Home" => 0,
                "End" => n - 1,
                _ => return,
            };
            event.prevent_default();
            dispatch.emit(Action::SelectTab(Tab::ALL[to]));
            platform::focus(&tab_id(Tab::ALL[to]));
        })
    };
    let tabs = Tab::ALL.into_iter().map(|tab| {
        let on = tab == session.tab;
        html! {
            <button
                key={tab.name()}
                id={tab_id(tab)}
                role="tab"
                class={classes!("tab", on.then_some("on"))}
                aria-selected={on.to_string()}
                aria-controls="panel"
                tabindex={if on { "0" } else { "-1" }}
                onclick={dispatch.reform(move |_: MouseEvent| Action::SelectTab(tab))}
            >
                { tab.name() }
            </button>
        }
    });
    let step_idx = session.step_idx;
    html! {
        <section
            class={classes!("drawer", (session.tab == Tab::Yaml).then_some("tall"))}
            aria-label="Details"
        >
            <div class="tabs" role="tablist" aria-label="Details" onkeydown={move_focus}>
                { for tabs }
            </div>
            <div class="panel" id="panel" role="tabpanel" aria-labelledby={tab_id(session.tab)}>
                { match session.tab {
                    Tab::Packet => html! {
                        <Packet {shown} {step_idx} move_idx={session.move_idx} field={session.field} />
                    },
                    Tab::Tables => html! { <Tables {shown} {step_idx} netns={session.netns} /> },
                    Tab::Captures => html! { <Captures {shown} {step_idx} device={session.device} /> },
                    Tab::Yaml => html! {
                        <Editor
                            {shown}
                            lesson={session.lesson()}
                            texts={session.texts.clone()}
                            problems={session.problems.clone()}
                            text_fits={props.text_fits}
                        />
                    },
                } }
            </div>
        </section>
    }
}
