//! The tabs below the timeline.

use yew::prelude::*;

use crate::hooks::{Dispatch, click};
use crate::platform;
use crate::state::run::Shown;
use crate::state::{Action, Session, Tab};

use super::captures::{self, Captures};
use super::editor::{self, Editor};
use super::lanes::{self, Timeline};
use super::packet::{self, Packet};
use super::rules::{self, Rules};
use super::tables::{self, Tables};
use super::transcript::{self, Transcript};

fn tab_id(tab: Tab) -> String {
    let name = tab.name().split(' ').next().unwrap_or_default();
    format!("tab-{}", name.to_ascii_lowercase())
}

/// These tabs, and the one that is open. `text_fits`: whether the browser had room to keep the editor's text.
pub fn drawer(
    session: &Session,
    shown: &Shown,
    text_fits: bool,
    tabs: &[Tab],
    dispatch: &Dispatch,
) -> Html {
    let move_focus = {
        let (dispatch, tab, tabs) = (dispatch.clone(), session.tab, tabs.to_vec());
        Callback::from(move |event: KeyboardEvent| {
            let here = tabs.iter().position(|&t| t == tab).unwrap_or(0);
            let n = tabs.len();
            let to = match event.key().as_str() {
                "ArrowRight" => (here + 1) % n,
                "ArrowLeft" => (here + n - 1) % n,
                "Home" => 0,
                "End" => n - 1,
                _ => return,
            };
            event.prevent_default();
            dispatch.emit(Action::SelectTab(tabs[to]));
            platform::focus(&tab_id(tabs[to]));
        })
    };
    let tabs = tabs.iter().map(|&tab| {
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
                onclick={click(dispatch, Action::SelectTab(tab))}
            >
                { tab.name() }
            </button>
        }
    });
    let (shown, step_idx, dispatch) = (shown.clone(), session.step_idx, dispatch.clone());
    html! {
        <section
            class={classes!("drawer", session.tab.is_tall().then_some("tall"))}
            aria-label="Details"
        >
            <div class="tabs" role="tablist" aria-label="Details" onkeydown={move_focus}>
                { for tabs }
            </div>
            <div class="panel" id="panel" role="tabpanel" aria-labelledby={tab_id(session.tab)}>
                { match session.tab {
                    Tab::Packet => html! {
                        <Packet
                            ..packet::Props {
                                shown,
                                step_idx,
                                move_idx: session.move_idx,
                                field: session.field,
                                dispatch,
                            }
                        />
                    },
                    Tab::Timeline => html! {
                        <Timeline ..lanes::Props { shown, step_idx, dispatch } />
                    },
                    Tab::Rules => html! {
                        <Rules ..rules::Props { shown, step_idx, netns: session.netns, dispatch } />
                    },
                    Tab::Tables => html! {
                        <Tables ..tables::Props { shown, step_idx, netns: session.netns, dispatch } />
                    },
                    Tab::Captures => html! {
                        <Captures ..captures::Props { shown, step_idx, device: session.device, dispatch } />
                    },
                    Tab::Transcript => html! { <Transcript ..transcript::Props { shown } /> },
                    Tab::Yaml => html! {
                        <Editor
                            ..editor::Props {
                                shown,
                                lesson: session.lesson(),
                                texts: session.texts.clone(),
                                problems: session.problems.clone(),
                                text_fits,
                                dispatch,
                            }
                        />
                    },
                } }
            </div>
        </section>
    }
}
