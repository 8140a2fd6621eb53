//! The shapes that everything on the stage is made of, each written once: an element takes more code than a call.

use yew::prelude::*;

use crate::layout::{Point, Rect};

/// A number as an attribute.
pub(super) fn s(number: i32) -> AttrValue {
    AttrValue::from(number.to_string())
}

/// A box with rounded corners.
pub(super) fn rect(r: Rect, rx: i32) -> Html {
    html! { <rect x={s(r.x)} y={s(r.y)} width={s(r.w)} height={s(r.h)} rx={s(rx)} /> }
}

/// Words with their baseline at `y`; the style sheet says whether `x` is their beginning, middle or end.
pub(super) fn text(class: Option<&'static str>, x: i32, y: i32, words: &str) -> Html {
    html! { <text {class} x={s(x)} y={s(y)}>{ words }</text> }
}

/// Words in the middle of a box.
pub(super) fn label(r: Rect, words: &str) -> Html {
    let centre = r.centre();
    text(None, centre.x, centre.y + 4, words)
}

/// A line through these points.
pub(super) fn line(key: String, class: &'static str, points: &[Point]) -> Html {
    html! { <polyline {key} {class} points={points_attr(points)} /> }
}

/// `polyline`'s `points`.
pub(super) fn points_attr(points: &[Point]) -> String {
    let mut attr = String::new();
    for point in points {
        attr.push_str(&format!("{},{} ", point.x, point.y));
    }
    attr
}
