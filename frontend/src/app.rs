//! The page's frame: the session at the top, the panels below it.

use yew::prelude::*;

use crate::hooks::{
    click, use_address, use_dispatch, use_kept_texts, use_keys, use_narrow, use_player, use_theme,
};
use crate::panels::caption::{CAPTION, caption};
use crate::panels::drawer::drawer;
use crate::panels::timeline::timeline;
use crate::panels::top::top;
use crate::panels::{Composer, Lessons, StageFrame, Variants, composer, lessons, stage, variants};
use crate::platform;
use crate::state::route::Route;
use crate::state::{Action, Page, Session, Tab};

fn opened() -> Session {
    let crashed = platform::crashed_before();
    let hash = platform::hash();
    let hash = if hash.is_empty() { crashed.clone().unwrap_or_default() } else { hash };
    Session::open(
        Route::parse(&hash),
        platform::stored_texts(),
        platform::stored_theme(),
        crashed.is_some(),
    )
}

/// Everything between the header and the drawer.
#[component]
pub fn App() -> Html {
    let session = use_reducer(opened);
    let dispatch = use_dispatch(&session);
    use_player(&session);
    use_keys(&session);
    use_address(&session);
    let text_fits = use_kept_texts(&session);
    let theme = use_theme(session.theme);
    let narrow = use_narrow();
    let title = session.lesson().map_or("", |lesson| lesson.lesson().title);
    use_effect_with(title, |&title| {
        let what =
            if title.is_empty() { "every hop a packet takes through Kubernetes" } else { title };
        platform::set_title(&format!("{what} · Everyhop"));
        platform::set_ready();
        // Another lesson begins with the packet in sight.
        platform::sight::reveal_packet();
    });

    // What a step says begins with its title, however far the one before was read.
    use_effect_with((session.shown.clone(), session.playhead()), |_| {
        platform::scroll_up(CAPTION);
    });

    let close = click(&dispatch, Action::CloseNotice);
    let notice = session.notice.as_ref().map(|notice| {
        html! {
            <div class="notice" role="status">
                <span>{ notice }</span>
                <button class="btn" onclick={close}>{ "Close" }</button>
            </div>
        }
    });
    let edited = session.shown.as_ref().is_some_and(|shown| shown.is_edited());
    html! {
        <div class={classes!("page", narrow.then_some("narrow"))}>
            { top(session.lesson(), edited, theme, &dispatch) }
            <Lessons
                ..lessons::Props {
                    page: session.page.clone(),
                    shown: session.shown.clone(),
                    step_idx: session.step_idx,
                    level: session.level(),
                    narrow,
                    dispatch: dispatch.clone(),
                }
            />
            <main class="middle" id="stage">
                { for notice }
                if let Page::Unknown(name) = &session.page {
                    { unknown(name) }
                }
                if let Some(shown) = &session.shown {
                    <Variants ..variants::Props { shown: shown.clone(), dispatch: dispatch.clone() } />
                    <Composer ..composer::Props { shown: shown.clone(), dispatch: dispatch.clone() } />
                    <StageFrame
                        ..stage::Props {
                            shown: shown.clone(),
                            step_idx: session.step_idx,
                            playhead: session.playhead(),
                            playing: session.playing,
                            pace_ms: session.pace_ms(),
                            device: session.device,
                            netns: session.netns,
                            narrow,
                            dispatch: dispatch.clone(),
                        }
                    />
                }
            </main>
            if let Some(shown) = &session.shown {
                { caption(&session, shown, &dispatch) }
                { timeline(&session, shown, &dispatch) }
                { drawer(&session, shown, text_fits, &Tab::ALL, &dispatch) }
            }
        </div>
    }
}

fn unknown(name: &str) -> Html {
    html! {
        <section class="unknown" aria-labelledby="unknown-title">
            <h1 id="unknown-title">{ format!("There is no lesson “{name}”") }</h1>
            <p>{ "The address may be mistyped, or the lesson has another name now. These are here:" }</p>
            <ul>
                { for crate::state::lessons::all().map(|lesson| html! {
                    <li key={lesson.id.as_str()}>
                        <a href={format!("#/lesson/{}", lesson.id.as_str())}>{ lesson.title }</a>
                    </li>
                }) }
            </ul>
        </section>
    }
}
