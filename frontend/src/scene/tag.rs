//! What is written beside a packet, and where it stands: on nothing else that has a name.

use crate::layout::{Layout, Point, Rect, text_width};

/// Height of one line of a tag.
pub const LINE: i32 = 20;
/// From the packet's middle to the tag's near edge.
const RISE: i32 = 6;
/// From the packet's middle to the tag's near end.
const ASIDE: i32 = 9;
/// Farther from it, beside a device above or below.
const FAR: i32 = 30;
const FONT: i32 = 11;
/// From the stage's edge.
const MARGIN: i32 = 2;

/// Room for a line of a tag.
pub(super) fn width(text: &str) -> i32 {
    text_width(text, FONT) + 18
}

/// The best place for a box beside a packet at `rest`, relative to it: where it covers least, and of such places the
/// first of above and below, right and left, nearer and farther.
pub(super) fn place(layout: &Layout, rest: Point, (w, h): (i32, i32), taken: &[Rect]) -> Rect {
    let aside = [0, FAR, 2 * FAR, 4 * FAR];
    let rights = aside.into_iter().flat_map(|far| [ASIDE + far, -ASIDE - far - w]).chain([-w / 2]);
    let away = (0..14).map(|step| step * 11).flat_map(|away| [-RISE - h - away, RISE + away]);
    let mut best: Option<(i32, Rect)> = None;
    'near: for y in away {
        for x in rights.clone() {
            // Beside the packet, never on it.
            let on_it = y < 8 && y + h > -8 && x < 9 && x + w > -9;
            let left = (rest.x + x).min(layout.width - MARGIN - w).max(MARGIN);
            let top = (rest.y + y).min(layout.height - MARGIN - h).max(MARGIN);
            let place = Rect::new(left, top, w, h);
            let dot = Rect::new(rest.x - 8, rest.y - 8, 16, 16);
            let covered: i32 = layout.labels.iter().map(|it| it.shared(place)).sum();
            let covered_now: i32 = taken.iter().map(|it| it.shared(place)).sum();
            let cost = covered + 8 * covered_now + 8 * dot.shared(place) + i32::from(on_it) * 200;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, place));
            }
            if cost == 0 {
                break 'near;
            }
        }
    }
    let place = best.map(|(_, place)| place).unwrap_or_default();
    Rect::new(place.x - rest.x, place.y - rest.y, w, h)
}
