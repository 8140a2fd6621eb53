//! The browser: the only module that names `web_sys` and gloo. Each function does one thing to it or asks one thing.

mod crash;
pub mod embedded;
mod paper;
pub mod second;
pub mod sight;

use std::cell::RefCell;

use everyhop_engine::base::SortedMap;
use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{HtmlElement, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent};
use yew::{InputEvent, NodeRef, TargetCast};

use crate::state::lessons::{self, LessonId};
use crate::state::{Texts, Theme};

pub use crash::{crashed_before, install as install_crash_notice};
pub use paper::{copy, data_address, print};

/// Something that ends when it is dropped: a listener or a timer.
pub struct Guard {
    _listener: Option<EventListener>,
    _timer: Option<gloo_timers::callback::Timeout>,
}

impl From<EventListener> for Guard {
    fn from(listener: EventListener) -> Self {
        Self { _listener: Some(listener), _timer: None }
    }
}

fn window() -> Option<web_sys::Window> {
    web_sys::window()
}

fn root() -> Option<HtmlElement> {
    window()?.document()?.document_element()?.dyn_into().ok()
}

/// The element the page mounts on.
pub fn mount_point() -> Option<web_sys::Element> {
    window()?.document()?.get_element_by_id("app")
}

/// The address from its `#` on.
pub fn hash() -> String {
    window().and_then(|w| w.location().hash().ok()).unwrap_or_default()
}

/// Milliseconds that the playhead rests before the address says where: changing it costs a browser as much as drawing a
/// step does.
const SETTLED_MS: u32 = 40;

thread_local! {
    /// The change of the address that is due.
    static LATER: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

/// Changes the address before long, without a new entry in the history, unless somebody else changes it before. None: it
/// stays as it is.
pub fn replace_hash(to: Option<String>) {
    let was = hash();
    let change = move |to: String| {
        if let Some(history) = window().and_then(|w| w.history().ok()).filter(|_| hash() == was) {
            // A browser that refuses (too many changes in a second) shows an older step in its address bar, and that is all.
            let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&to));
        }
    };
    LATER.set(to.map(|to| after(SETTLED_MS, move || change(to))));
}

/// Calls back when a link or the learner changes the address.
pub fn on_address(call: impl Fn(String) + 'static) -> Option<Guard> {
    let listener = EventListener::new(window()?.as_ref(), "hashchange", move |_| call(hash()));
    Some(listener.into())
}

/// A key pressed outside of fields, with nothing but Shift held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    Space,
    Left,
    Right,
    Home,
    End,
}

/// Calls back for keys that are nobody else's: not while typing, not what a focused button or tab takes.
/// The key is the page's then, so the browser does not scroll.
pub fn on_key(call: impl Fn(Key) + 'static) -> Option<Guard> {
    let options = gloo_events::EventListenerOptions::enable_prevent_default();
    let listener =
        EventListener::new_with_options(window()?.as_ref(), "keydown", options, move |event| {
            let Some(event) = event.dyn_ref::<KeyboardEvent>() else { return };
            if let Some(key) = key_of(event) {
                event.prevent_default();
                call(key);
            }
        });
    Some(listener.into())
}

/// What a key means to the playhead, if it is nobody else's.
pub fn key_of(event: &KeyboardEvent) -> Option<Key> {
    if event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() {
        return None;
    }
    let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
    let within =
        |selector| target.as_ref().and_then(|t| t.closest(selector).ok().flatten()).is_some();
    if within("input, select, textarea") {
        return None;
    }
    match event.key().as_str() {
        " " if !within("button, a, summary, [role=button]") => Some(Key::Space),
        "ArrowLeft" => Some(Key::Left),
        "ArrowRight" => Some(Key::Right),
        "Home" => Some(Key::Home),
        "End" => Some(Key::End),
        _ => None,
    }
}

/// Calls back once, after `ms` milliseconds.
pub fn after(ms: u32, call: impl FnOnce() + 'static) -> Guard {
    Guard { _listener: None, _timer: Some(gloo_timers::callback::Timeout::new(ms, call)) }
}

fn media(query: &str) -> bool {
    window().and_then(|w| w.match_media(query).ok().flatten()).is_some_and(|list| list.matches())
}

/// Whether the system asks for as little motion as possible.
pub fn reduced_motion() -> bool {
    media("(prefers-reduced-motion: reduce)")
}

/// Whether the window is as narrow as a phone; the style sheet changes the page there too.
pub fn is_narrow() -> bool {
    media("(max-width: 900px)")
}

/// Calls back with [`is_narrow`] when the window's size changes.
pub fn on_resize(call: impl Fn(bool) + 'static) -> Option<Guard> {
    Some(EventListener::new(window()?.as_ref(), "resize", move |_| call(is_narrow())).into())
}

/// The theme that the system prefers.
pub fn preferred_theme() -> Theme {
    if media("(prefers-color-scheme: dark)") { Theme::Dark } else { Theme::Light }
}

/// Draws the page in a theme, or as the system prefers, and remembers it.
pub fn set_theme(theme: Option<Theme>) {
    let Some(theme) = theme else { return };
    let name = theme_name(theme);
    if let Some(root) = root() {
        let _ = root.set_attribute("data-theme", name);
    }
    let _ = store(THEME, name);
}

const fn theme_name(theme: Theme) -> &'static str {
    match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

/// The theme chosen on an earlier visit.
pub fn stored_theme() -> Option<Theme> {
    match stored(THEME)?.as_str() {
        "light" => Some(Theme::Light),
        "dark" => Some(Theme::Dark),
        _ => None,
    }
}

/// Says that the page can be driven.
pub fn set_ready() {
    if let Some(root) = root() {
        let _ = root.set_attribute("data-ready", "true");
    }
}

/// Names the document after what it shows.
pub fn set_title(title: &str) {
    if let Some(document) = window().and_then(|w| w.document()) {
        document.set_title(title);
    }
}

const THEME: &str = "everyhop.theme";

/// The two texts that are kept for each lesson.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    Draft,
    PutAside,
}

fn text_key(kept: Kept, lesson: LessonId) -> String {
    let name = match kept {
        Kept::Draft => "draft",
        Kept::PutAside => "put-aside",
    };
    format!("everyhop.{name}.{}", lesson.as_str())
}

/// What was typed on earlier visits.
pub fn stored_texts() -> Texts {
    let of = |kept| {
        let mut texts = SortedMap::default();
        for lesson in lessons::all() {
            if let Some(text) = stored(&text_key(kept, lesson.id)) {
                texts.insert(lesson.id, text.into());
            }
        }
        texts
    };
    Texts { drafts: of(Kept::Draft), put_aside: of(Kept::PutAside) }
}

/// Keeps a text for the next visit, or forgets it. False: the browser has no room for it, or keeps nothing.
pub fn store_text(kept: Kept, lesson: LessonId, text: Option<&str>) -> bool {
    let key = text_key(kept, lesson);
    match text {
        Some(text) => store(&key, text),
        None => storage().is_none_or(|storage| storage.remove_item(&key).is_ok()),
    }
}

fn storage() -> Option<web_sys::Storage> {
    window()?.local_storage().ok().flatten()
}

fn stored(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

fn store(key: &str, value: &str) -> bool {
    storage().is_some_and(|storage| storage.set_item(key, value).is_ok())
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = everyhopParts)]
    fn sheet(element: &web_sys::Element, name: &str, rules: &str);
}

/// Puts rules in force around an element, in the place of those of the same name.
pub fn set_rules(node: &NodeRef, name: &str, rules: &str) {
    if let Some(element) = node.cast::<web_sys::Element>() {
        sheet(&element, name, rules);
    }
}

/// The text of the field that an event came from.
pub fn value_of(event: &InputEvent) -> String {
    let area = event.target_dyn_into::<HtmlTextAreaElement>().map(|area| area.value());
    area.or_else(|| event.target_dyn_into::<HtmlInputElement>().map(|input| input.value()))
        .unwrap_or_default()
}

/// The text about to be pasted.
pub fn pasted(event: &yew::Event) -> Option<String> {
    let event = event.dyn_ref::<web_sys::ClipboardEvent>()?;
    event.clipboard_data()?.get_data("text").ok()
}

/// The chosen option of the list that an event came from.
pub fn choice_of(event: &yew::Event) -> String {
    event.target_dyn_into::<web_sys::HtmlSelectElement>().map(|s| s.value()).unwrap_or_default()
}

/// The id of the button that was clicked; empty if it has none.
pub fn button_of(event: &yew::MouseEvent) -> String {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let button = target.and_then(|target| target.closest("button").ok().flatten());
    button.map(|button| button.id()).unwrap_or_default()
}

/// The text in a text area.
pub fn text_in(area: &NodeRef) -> Option<String> {
    area.cast::<HtmlTextAreaElement>().map(|area| area.value())
}

/// Focuses a text area and puts its caret at a character, `at` of `n_lines` lines down.
pub fn set_caret(area: &NodeRef, utf16_at: u32, line: usize) {
    let Some(area) = area.cast::<HtmlTextAreaElement>() else { return };
    let _ = area.focus();
    let _ = area.set_selection_range(utf16_at, utf16_at);
    let lines = i32::try_from(area.value().lines().count().max(1)).unwrap_or(i32::MAX);
    let line = i32::try_from(line).unwrap_or(i32::MAX);
    let line_height = area.scroll_height() / lines;
    area.set_scroll_top((line - 3).max(0).saturating_mul(line_height));
}

/// The element with this id: in the shadow that has the focus, else in the page.
fn element(id: &str) -> Option<web_sys::Element> {
    let document = window()?.document()?;
    let shadow = document.active_element().and_then(|it| it.shadow_root());
    let within = shadow.and_then(|shadow| shadow.get_element_by_id(id));
    within.or_else(|| document.get_element_by_id(id))
}

/// Focuses the element with this id.
pub fn focus(id: &str) {
    let element = element(id);
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Scrolls the element with this id into view within its own list, as little as needed; of a tall one, its beginning.
pub fn reveal(id: &str) {
    let Some(element) = element(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) else { return };
    let Some(list) = element.closest("[data-scrolls]").ok().flatten() else { return };
    let (top, bottom) = (element.offset_top(), element.offset_top() + element.offset_height());
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if bottom > list.scroll_top() + list.client_height() {
        list.set_scroll_top(top.min(bottom - list.client_height()));
    }
}

/// Shows again what the element with this id begins with.
pub fn scroll_up(id: &str) {
    let element = window().and_then(|w| w.document()).and_then(|d| d.get_element_by_id(id));
    if let Some(element) = element {
        element.set_scroll_top(0);
    }
}

/// Scrolls an element sideways, if this place in it is out of sight.
pub fn reveal_column(id: &str, x: i32) {
    let Some(element) = element(id) else { return };
    let (left, width) = (element.scroll_left(), element.client_width());
    if x < left + width / 8 || x > left + width * 7 / 8 {
        element.set_scroll_left(x - width / 2);
    }
}

/// How far from the left edge of its drawing a click was, in CSS pixels.
pub fn column_of(event: &yew::MouseEvent) -> i32 {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let drawing = target.and_then(|target| target.closest("svg").ok().flatten());
    let left = drawing.map(|drawing| drawing.get_bounding_client_rect().left());
    // Text is the way from a float to an integer that neither truncates nor panics.
    let left = left.and_then(|left| format!("{left:.0}").parse().ok());
    event.client_x() - left.unwrap_or(0)
}
