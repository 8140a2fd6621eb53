//! The page's frame: the session at the top, the panels below it.

use yew::prelude::*;

use crate::hooks::{
    Dispatch, use_address, use_kept_texts, use_keys, use_narrow, use_player, use_theme,
};
use crate::panels::{Caption, Composer, Drawer, Lessons, StageFrame, Timeline, Top};
use crate::platform;
use crate::state::route::Route;
use crate::state::{Action, Page, Session};

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
    });

    let close = {
        let dispatch = session.dispatcher();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::CloseNotice))
    };
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
        <ContextProvider<Dispatch> context={session.dispatcher()}>
            <div class={classes!("page", narrow.then_some("narrow"))}>
                <Top {title} {edited} {theme} />
                <Lessons
                    page={session.page.clone()}
                    shown={session.shown.clone()}
                    step_idx={session.step_idx}
                    {narrow}
                />
                <main class="middle" id="stage">
                    { for notice }
                    if let Page::Unknown(name) = &session.page {
                        { unknown(name) }
                    }
                    if let Some(shown) = &session.shown {
                        <Composer shown={shown.clone()} />
                        <StageFrame
                            shown={shown.clone()}
                            step_idx={session.step_idx}
                            playing={session.playing}
                            speed={session.speed}
                            device={session.device}
                            netns={session.netns}
                            {narrow}
                        />
                    }
                </main>
                if let Some(shown) = &session.shown {
                    <Caption shown={shown.clone()} step_idx={session.step_idx} />
                    <Timeline
                        shown={shown.clone()}
                        step_idx={session.step_idx}
                        playing={session.playing}
                        speed={session.speed}
                    />
                    <Drawer session={(*session).clone()} {text_fits} />
                }
            </div>
        </ContextProvider<Dispatch>>
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
