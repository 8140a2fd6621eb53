//! Points, boxes and how much room a text needs. Knows no world; whole numbers of SVG user units, so that equal
//! worlds give equal drawings everywhere.

/// A place on the stage, in SVG user units from the upper left corner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

/// A box with its upper left corner at (`x`, `y`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

impl Point {
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }

    /// Length of the way to `other` along the axes.
    pub const fn distance(self, other: Self) -> i32 {
        (self.x - other.x).abs() + (self.y - other.y).abs()
    }
}

impl Rect {
    pub const fn new(x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x, y, w, h }
    }

    /// A box around the vertical line at `centre_x`.
    pub const fn around(centre_x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x: centre_x - w / 2, y, w, h }
    }

    pub const fn right(self) -> i32 {
        self.x + self.w
    }

    pub const fn bottom(self) -> i32 {
        self.y + self.h
    }

    pub const fn centre(self) -> Point {
        Point { x: self.x + self.w / 2, y: self.y + self.h / 2 }
    }

    /// The box around both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self { x, y, w: right - x, h: bottom - y }
    }

    /// Area that both cover.
    pub fn shared(self, other: Self) -> i32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        w.max(0) * h.max(0)
    }

    pub const fn contains(self, point: Point) -> bool {
        point.x >= self.x
            && point.x <= self.right()
            && point.y >= self.y
            && point.y <= self.bottom()
    }
}

/// The axis-aligned way up to where it comes into `target`, in which it ends: a packet rests on a device's edge and
/// leaves the device's name legible.
pub fn until_entry(points: &[Point], target: Rect) -> Vec<Point> {
    let outside = points.iter().rposition(|&p| !target.contains(p));
    let Some(last) = outside else { return points.to_vec() };
    let mut out = points[..=last].to_vec();
    if let Some(inside) = points.get(last + 1) {
        let from = points[last];
        let edge = if from.x == inside.x {
            Point::new(from.x, from.y.clamp(target.y, target.bottom()))
        } else {
            Point::new(from.x.clamp(target.x, target.right()), from.y)
        };
        out.push(edge);
    }
    out
}

/// The axis-aligned way up to where it first meets `target`; all of it if it does not.
pub fn until_crossing(points: &[Point], target: Rect) -> Vec<Point> {
    let mut out: Vec<Point> = points.iter().take(1).copied().collect();
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let rows = target.y <= a.y.max(b.y) && a.y.min(b.y) <= target.bottom();
        let columns = target.x <= a.x.max(b.x) && a.x.min(b.x) <= target.right();
        if rows && columns {
            let x = a.x.clamp(target.x, target.right());
            let y = a.y.clamp(target.y, target.bottom());
            out.push(Point::new(x, y));
            return out;
        }
        out.push(b);
    }
    out
}

/// Drops repeated points and those in the middle of a straight line.
pub fn simplify(points: Vec<Point>) -> Vec<Point> {
    let mut out: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if out.last() == Some(&point) {
            continue;
        }
        while let [.., a, b] = out[..] {
            let onward = |p: i32, q: i32, r: i32| (q - p).signum() == (r - q).signum();
            let same_column = a.x == b.x && b.x == point.x && onward(a.y, b.y, point.y);
            let same_row = a.y == b.y && b.y == point.y && onward(a.x, b.x, point.x);
            if !same_column && !same_row {
                break;
            }
            out.pop();
        }
        out.push(point);
    }
    out
}

/// Room for a text in a proportional font, generous enough for wide system fonts.
pub fn text_width(text: &str, font_size: i32) -> i32 {
    let chars = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 64);
    (chars.saturating_mul(font_size) * 3) / 5
}

/// The text, or its beginning with an ellipsis if it needs more than `width`.
pub fn fit(text: &str, font_size: i32, width: i32) -> String {
    if text_width(text, font_size) <= width {
        return text.to_owned();
    }
    let room = usize::try_from((width * 5) / (font_size * 3)).unwrap_or(0).saturating_sub(1);
    let mut cut: String = text.chars().take(room.max(1)).collect();
    cut.push('…');
    cut
}
