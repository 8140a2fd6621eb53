//! What a reader sees of a stage that is larger than its place: dragged by the mouse, moved by keys, and scrolled so that
//! the packet is in sight. A finger scrolls as it does everywhere.

use std::cell::Cell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};

use super::{root, second, window};

/// Set on the document's root while the reader looks elsewhere than at the packet.
const AWAY: &str = "data-away";
/// CSS pixels that the mouse moves before it is no click any more.
const SLACK: i32 = 4;

/// CSS pixels that stay around the packet where there is room, and that may be missing where there is none.
const MARGIN_PX: f64 = 16.0;

/// A mouse button held on the stage.
#[derive(Clone, Copy, Default)]
struct Held {
    /// Where it was last; None: it is not held.
    at: Option<(i32, i32)>,
    /// The stage came along, so that the click at the end chooses nothing.
    dragged: bool,
}

fn find(css: &str) -> Option<Element> {
    window()?.document()?.query_selector(css).ok().flatten()
}

/// From now on the mouse drags the stage, and the page notices when a reader scrolls the packet out of sight.
pub fn begin() {
    let Some(window) = window() else { return };
    let held = Rc::new(Cell::new(Held::default()));
    for name in ["pointerdown", "pointermove", "pointerup", "pointercancel", "click", "scroll"] {
        let held = Rc::clone(&held);
        // Caught on the way down: a click is stopped in time, and scrolling an element does not come up.
        let options = EventListenerOptions::run_in_capture_phase();
        EventListener::new_with_options(&window, name, options, move |event| {
            let now = held.get();
            match (name, event.dyn_ref::<PointerEvent>()) {
                ("scroll", _) => note(),
                ("click", _) if now.dragged => event.stop_propagation(),
                ("pointerdown", Some(pointer)) => held.set(hold(pointer)),
                ("pointermove", Some(pointer)) => {
                    if let Some(was) = now.at {
                        held.set(drag(pointer, was, now));
                    }
                }
                _ => held.set(Held { at: None, ..now }),
            }
        })
        .forget();
    }
}

fn hold(pointer: &PointerEvent) -> Held {
    let target = pointer.target().and_then(|it| it.dyn_into::<Element>().ok());
    let on_stage = target.is_some_and(|it| matches!(it.closest(".stage-svg"), Ok(Some(_))));
    if !on_stage || pointer.button() != 0 || pointer.pointer_type() != "mouse" {
        return Held::default();
    }
    second::prefetch();
    Held { at: Some((pointer.client_x(), pointer.client_y())), dragged: false }
}

fn drag(pointer: &PointerEvent, was: (i32, i32), held: Held) -> Held {
    let here = (pointer.client_x(), pointer.client_y());
    let (x, y) = (was.0 - here.0, was.1 - here.1);
    if !held.dragged && x.abs() + y.abs() <= SLACK {
        return held;
    }
    pan(x, y);
    Held { at: Some(here), dragged: true }
}

/// Scrolls the stage by this many CSS pixels.
pub fn pan(x: i32, y: i32) {
    if let Some(view) = find(".view") {
        view.scroll_by_with_x_and_y(x.into(), y.into());
    }
}

/// How much a span must move to lie within another, of a longer one its beginning.
fn beyond((from, to): (f64, f64), (first, last): (f64, f64)) -> f64 {
    if from < first { from - first } else { (to - last).min(from - first).max(0.0) }
}

/// How far the place where the packet comes to rest, with what is written beside it, is out of sight: sideways and down
/// in the stage, and down the window. None: there is no packet.
fn out_of_sight() -> Option<[f64; 3]> {
    let of = |css| Some(find(css)?.get_bounding_client_rect());
    let (it, room) = (of(".rest")?, of(".view")?);
    let down = beyond((it.top(), it.bottom()), (room.top(), room.bottom()));
    Some([
        beyond((it.left(), it.right()), (room.left(), room.right())),
        down,
        beyond((it.top() - down, it.bottom() - down), (0.0, of(".transport")?.top())),
    ])
}

fn note() {
    let away = out_of_sight().is_some_and(|far| far.iter().any(|far| far.abs() > MARGIN_PX));
    if let Some(root) = root() {
        let _ = root.toggle_attribute_with_force(AWAY, away);
    }
}

/// Scrolls as little as needed to show where the packet comes to rest; it may still be gliding.
pub fn reveal_packet() {
    if let (Some([x, y, page]), Some(view), Some(window)) =
        (out_of_sight(), find(".view"), window())
    {
        let generous = |far: f64| if far == 0.0 { 0.0 } else { far + MARGIN_PX.copysign(far) };
        view.scroll_by_with_x_and_y(generous(x), generous(y));
        window.scroll_by_with_x_and_y(0.0, generous(page));
    }
    note();
}

/// The same, unless the reader looks elsewhere.
pub fn follow_packet() {
    if root().is_some_and(|root| root.has_attribute(AWAY)) { note() } else { reveal_packet() }
}
