//! What ties the session to the browser: the clock, the keys, the address bar, storage.

use std::rc::Rc;

use everyhop_engine::base::SortedMap;
use yew::prelude::*;

use crate::platform::{self, Guard, Kept, Key, second};
use crate::state::lessons::LessonId;
use crate::state::need::{MISSING, Need, WAITING};
use crate::state::route::Route;
use crate::state::{Action, Session, Theme};

/// Hands actions to the session; never changes, so that components with it render only when their data changes.
pub type Dispatch = Callback<Action>;

/// The session's dispatcher for all panels.
#[hook]
pub fn use_dispatch(session: &UseReducerHandle<Session>) -> Dispatch {
    let dispatcher = session.dispatcher();
    use_callback((), move |action, ()| dispatch(&dispatcher, action))
}

/// Hands over an action, once the page's code for it is there.
fn dispatch(to: &UseReducerDispatcher<Session>, action: Action) {
    match action.need() {
        Need::Nothing => to.dispatch(action),
        Need::Soon => {
            second::prefetch();
            to.dispatch(action);
        }
        Need::Now => {
            let (waits, to) = (to.clone(), to.clone());
            second::when_here(
                move || waits.dispatch(Action::Tell(WAITING)),
                move |here| to.dispatch(if here { action } else { Action::Tell(MISSING) }),
            );
        }
    }
}

/// Does this at a click.
pub fn click(dispatch: &Dispatch, action: Action) -> Callback<MouseEvent> {
    let dispatch = dispatch.clone();
    Callback::from(move |_| dispatch.emit(action.clone()))
}

/// Turns an event into an action, where it is one.
pub fn maybe<E>(
    dispatch: &Dispatch,
    action: impl Fn(E) -> Option<Action> + 'static,
) -> Callback<E> {
    let dispatch = dispatch.clone();
    Callback::from(move |event| {
        if let Some(action) = action(event) {
            dispatch.emit(action);
        }
    })
}

/// Begins something that the browser calls back for, and ends it when `while_same` changes or the page goes. One
/// function for all of it: a hook's code is made anew for every type it is given.
#[hook]
fn use_guard(while_same: (u32, usize), begin: Box<dyn FnOnce() -> Option<Guard>>) {
    use_effect_with(while_same, move |_| {
        let guard = begin();
        move || drop(guard)
    });
}

/// Moves the playhead while the session plays.
#[hook]
pub fn use_player(session: &UseReducerHandle<Session>) {
    let dispatch = session.dispatcher();
    let ms = if session.playing { session.pace_ms() } else { 0 };
    use_guard(
        (ms, session.step_idx),
        Box::new(move || {
            (ms > 0).then(|| platform::after(ms, move || dispatch.dispatch(Action::Tick)))
        }),
    );
}

/// Space, arrows, Home and End drive the playhead.
#[hook]
pub fn use_keys(session: &UseReducerHandle<Session>) {
    let dispatch = session.dispatcher();
    let on_key = move |key| {
        dispatch.dispatch(match key {
            Key::Space => Action::TogglePlay,
            Key::Left => Action::StepBack,
            Key::Right => Action::StepForward,
            Key::Home => Action::Restart,
            Key::End => Action::End,
        });
    };
    use_guard((0, 0), Box::new(move || platform::on_key(on_key)));
}

/// The address follows the playhead, and the playhead follows links and what is typed there.
#[hook]
pub fn use_address(session: &UseReducerHandle<Session>) {
    let dispatcher = session.dispatcher();
    let on_address = move |hash: String| dispatch(&dispatcher, Action::Open(Route::parse(&hash)));
    use_guard((0, 0), Box::new(move || platform::on_address(on_address)));
    // A notice may say that the lesson which the address names already is not there.
    let shown = (session.route().map(|route| route.to_string()), session.notice.is_some());
    use_effect_with(shown, |(hash, _)| platform::replace_hash(hash.clone()));
}

/// Keeps what was typed for the next visit. False: the browser has no room for it.
#[hook]
pub fn use_kept_texts(session: &UseReducerHandle<Session>) -> bool {
    let lesson = session.lesson();
    let of =
        |texts: &SortedMap<LessonId, Rc<str>>| lesson.and_then(|lesson| texts.get(lesson).cloned());
    let fits = use_state_eq(|| true);
    let keep = |kept| {
        let fits = fits.clone();
        move |(lesson, text): &(Option<LessonId>, Option<Rc<str>>)| {
            if let Some(lesson) = lesson {
                fits.set(platform::store_text(kept, *lesson, text.as_deref()));
            }
        }
    };
    use_effect_with((lesson, of(&session.texts.drafts)), keep(Kept::Draft));
    use_effect_with((lesson, of(&session.texts.put_aside)), keep(Kept::PutAside));
    *fits
}

/// Draws the page in the chosen theme and returns the one in force.
#[hook]
pub fn use_theme(chosen: Option<Theme>) -> Theme {
    use_effect_with(chosen, |&chosen| platform::set_theme(chosen));
    chosen.unwrap_or_else(platform::preferred_theme)
}

/// Whether the page is as narrow as a phone.
#[hook]
pub fn use_narrow() -> bool {
    let narrow = use_state_eq(platform::is_narrow);
    let setter = narrow.setter();
    use_guard((0, 0), Box::new(move || platform::on_resize(move |is| setter.set(is))));
    *narrow
}

/// Keeps rules in force for the document or shadow that `node` is in: one text for each name. They stand in no attribute, since a
/// page's content security policy may forbid that.
#[hook]
pub fn use_rules(node: &NodeRef, name: &'static str, rules: String) {
    let node = node.clone();
    use_effect_with(rules, move |rules| platform::set_rules(&node, name, rules));
}
