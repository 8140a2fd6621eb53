//! A lab within somebody else's page: the stage, the transport, the words of the step, and the panels that the page asks for.
//! Knows no address bar and keeps nothing; what it shows and does comes from the element that holds it (`public/everyhop.js`),
//! in words.

pub mod command;
pub mod told;

use std::rc::Rc;

use yew::prelude::*;

use crate::hooks::{click, use_dispatch, use_player};
use crate::panels::caption::caption;
use crate::panels::drawer::drawer;
use crate::panels::timeline::timeline;
use crate::panels::{StageFrame, stage};
use crate::platform::embedded::{self, Host};
use crate::platform::{self, Key};
use crate::state::lessons::OWN;
use crate::state::route::{Route, StepWanted};
use crate::state::{Action, Session, Speed, Tab, Texts};
use command::{Command, marker};

/// What a page wants to see.
#[derive(Clone, PartialEq, Properties)]
pub struct Props {
    pub host: Host,
    /// `#/lesson/egress?step=2&panels=packet,rules&autoplay=true&speed=2`.
    pub wanted: Rc<str>,
    /// The lab's own text, where it is no lesson.
    pub yaml: Option<Rc<str>>,
}

/// The value of a field of what is wanted.
fn wanted<'a>(wanted: &'a str, key: &str) -> Option<&'a str> {
    let (_, query) = wanted.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

fn opened(props: &Props) -> Session {
    let mut texts = Texts::default();
    if let Some(yaml) = &props.yaml {
        texts.drafts.insert(OWN.id, Rc::clone(yaml));
    }
    let mut session = Session::open(Route::parse(&props.wanted), texts, None, false);
    let speed = wanted(&props.wanted, "speed");
    let is_wanted =
        |it: &Speed| speed.is_some_and(|speed| it.label().trim_end_matches('×') == speed);
    session.speed = Speed::ALL.into_iter().find(is_wanted).unwrap_or(Speed::Normal);
    session.tab = tabs(&props.wanted).first().copied().unwrap_or(Tab::Packet);
    session.playing = wanted(&props.wanted, "autoplay") == Some("true") && session.n_steps() > 1;
    session
}

/// The panels that are wanted, in the order of the page's own.
fn tabs(all: &str) -> Vec<Tab> {
    let names: Vec<&str> = wanted(all, "panels").unwrap_or_default().split(',').collect();
    let readonly = wanted(all, "readonly") == Some("true");
    let is_wanted = |tab: &Tab| {
        let name = tab.name().split(' ').next().unwrap_or_default().to_ascii_lowercase();
        names.contains(&name.as_str()) && !(readonly && *tab == Tab::Yaml)
    };
    Tab::ALL.into_iter().filter(is_wanted).collect()
}

/// The lab in its element.
#[component]
pub fn Embedded(props: &Props) -> Html {
    let session = use_reducer(|| opened(props));
    let dispatch = use_dispatch(&session);
    use_player(&session);
    let narrow = use_state_eq(|| false);
    // Commands come whenever they like; each is about what is shown then.
    let latest = use_mut_ref(|| None);
    *latest.borrow_mut() = Some((*session).clone());
    {
        let (host, dispatch, narrow) = (props.host.clone(), dispatch.clone(), narrow.setter());
        use_effect_with((), move |()| {
            let told = host.clone();
            let guard = host.on_command(move |text| {
                let session: Option<Session> = latest.borrow().clone();
                let Some(session) = session else { return };
                match Command::parse(&text, session.shown.as_ref()) {
                    Ok(Command::Narrow(is)) => narrow.set(is),
                    Ok(Command::Pcapng) => told.capture(&session),
                    Ok(command) => {
                        if let Some(action) = action(command, &session) {
                            dispatch.emit(action);
                        }
                    }
                    Err(why) => told.tell(&told::error(&why)),
                }
            });
            move || drop(guard)
        });
    }
    {
        let (host, session) = (props.host.clone(), (*session).clone());
        let shown = session.shown.clone();
        use_effect_with((session.step_idx, session.playing, shown), move |_| {
            host.tell(&told::step(&session));
            if session.is_at_end()
                && let Some(verdict) = told::verdict(&session)
            {
                host.tell(&verdict);
            }
        });
    }
    {
        let (host, session) = (props.host.clone(), (*session).clone());
        let wrong = (session.problems.clone(), session.notice.clone(), session.page.clone());
        use_effect_with(wrong, move |_| {
            for error in told::errors(&session) {
                host.tell(&error);
            }
        });
    }
    let onkeydown = {
        let dispatch = dispatch.clone();
        Callback::from(move |event: KeyboardEvent| {
            let Some(key) = platform::key_of(&event) else { return };
            event.prevent_default();
            dispatch.emit(match key {
                Key::Space => Action::TogglePlay,
                Key::Left => Action::StepBack,
                Key::Right => Action::StepForward,
                Key::Home => Action::Restart,
                Key::End => Action::End,
            });
        })
    };
    let tabs = tabs(&props.wanted);
    let close = click(&dispatch, Action::CloseNotice);
    html! {
        <div class={classes!("page", "embedded", narrow.then_some("narrow"))} {onkeydown}>
            if let Some(notice) = &session.notice {
                <div class="notice" role="status">
                    <span>{ notice }</span>
                    <button class="btn" onclick={close}>{ "Close" }</button>
                </div>
            }
            if !session.problems.is_empty() {
                <div class="notice" role="alert">
                    <ul>{ for session.problems.iter().map(|it| html! { <li>{ it.to_string() }</li> }) }</ul>
                </div>
            }
            if let Some(shown) = &session.shown {
                <main class="middle">
                    <StageFrame
                        ..stage::Props {
                            shown: shown.clone(),
                            step_idx: session.step_idx,
                            playhead: session.playhead(),
                            playing: session.playing,
                            pace_ms: session.pace_ms(),
                            device: session.device,
                            netns: session.netns,
                            narrow: *narrow,
                            dispatch: dispatch.clone(),
                        }
                    />
                </main>
                { caption(&session, shown, &dispatch) }
                { timeline(&session, shown, &dispatch) }
                if !tabs.is_empty() {
                    { drawer(&session, shown, true, &tabs, &dispatch) }
                }
            }
        </div>
    }
}

/// What a command does to what is shown.
fn action(command: Command, session: &Session) -> Option<Action> {
    Some(match command {
        Command::Play => return (!session.playing).then_some(Action::TogglePlay),
        Command::Pause => return session.playing.then_some(Action::TogglePlay),
        Command::Next => Action::StepForward,
        Command::Previous => Action::StepBack,
        Command::Step(number) => {
            let step = StepWanted::Number(number);
            Action::Open(session.route().map(|route| Route { step, ..route }))
        }
        Command::Event(number) => Action::SeekHop(number - 1),
        Command::Marker(name) => {
            let stops = session.shown.as_ref().map(|shown| &shown.run.stops);
            let stop = stops.into_iter().flatten().find(|it| marker(&it.caption.title) == name);
            stop.map_or(Action::Tell("There is no such marker in this lab."), |it| {
                Action::Seek(it.at)
            })
        }
        Command::Run(exchange) => Action::Send(exchange),
        Command::Load(text) => Action::Load(text.into()),
        Command::Pcapng | Command::Narrow(_) => return None,
    })
}

/// Puts a lab into an element.
pub fn mount(host: Host, wanted: &str, yaml: Option<String>) {
    embedded::render(Props { host, wanted: wanted.into(), yaml: yaml.map(Rc::from) });
}
