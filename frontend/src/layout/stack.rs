//! The IP stack of one namespace as a drawing: where it routes, and the hooks at which its rules look at a packet.
//!
//! ```text
//! PREROUTING ── route ── FORWARD ── POSTROUTING      PREROUTING  POSTROUTING
//!                 │          ┌──────────┘                 │           │
//!               INPUT     OUTPUT                        route ──── FORWARD
//!                    a node's                              a gateway's
//! ```

use everyhop_engine::base::{DevId, Hook, NsId, SortedMap};
use everyhop_engine::world::World;

use super::RouteBox;
use super::geometry::{Point, Rect, simplify};

const PLAIN: (i32, i32) = (64, 28);
const GATE_H: i32 = 24;
const ROW_GAP: i32 = 9;
/// A rule's verdict stands below its gate.
const SAYS_H: i32 = 18;
const ROW_W: i32 = 298;
const SQUARE_W: i32 = 192;

/// How much of a stack is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Nothing: packets do not pass from one device to another.
    None,
    /// Where it routes.
    Plain,
    /// Gates in a row, devices above and below.
    Row,
    /// Gates in two rows, devices above only.
    Square,
}

/// The hooks of a namespace at which something may happen to a packet.
fn hooks(world: &World, ns: NsId) -> Vec<Hook> {
    let Some(netfilter) = &world.netns[ns].netfilter else { return Vec::new() };
    Hook::ALL.into_iter().filter(|&hook| netfilter.tables.acts_at(hook)).collect()
}

impl Shape {
    /// Of a namespace whose devices a packet may pass between if it `routes`.
    pub(super) fn of(world: &World, ns: NsId, routes: bool, gated: Self) -> Self {
        match (hooks(world, ns).is_empty(), routes) {
            (false, _) => gated,
            (true, true) => Self::Plain,
            (true, false) => Self::None,
        }
    }

    pub(super) const fn size(self) -> (i32, i32) {
        match self {
            Self::None => (0, 0),
            Self::Plain => PLAIN,
            Self::Row => (ROW_W, 2 * GATE_H + ROW_GAP),
            Self::Square => (SQUARE_W, 2 * GATE_H + ROW_GAP + SAYS_H),
        }
    }

    /// The stack of `ns` with its upper edge's middle at `at`; no device leads to it yet.
    pub(super) fn draw(self, world: &World, ns: NsId, at: Point) -> Option<Stack> {
        let (w, _) = self.size();
        let place = |x: i32, y: i32, w: i32| Rect::new(at.x + x, at.y + y, w, GATE_H);
        let second = GATE_H + ROW_GAP;
        let (route, places) = match self {
            Self::None => return None,
            Self::Plain => {
                let rect = Rect::around(at.x, at.y, PLAIN.0, PLAIN.1);
                return Some(Stack::new(ns, rect));
            }
            Self::Row => {
                let x = -w / 2;
                let places = [
                    place(x, 0, 86),
                    place(x + 88, second, 52),
                    place(x + 139, 0, 66),
                    place(x + 145, second, 58),
                    place(x + 208, 0, 90),
                ];
                (place(x + 92, 0, 42), places)
            }
            Self::Square => {
                let x = -w / 2;
                let second = second + SAYS_H;
                let places = [
                    place(x, 0, 90),
                    Rect::default(),
                    place(x + 113, second, 66),
                    Rect::default(),
                    place(x + 100, 0, 92),
                ];
                (place(x + 24, second, 42), places)
            }
        };
        let mut stack = Stack::new(ns, route);
        let centre = route.centre();
        let [enter, input, forward, output, leave] = places.map(Rect::centre);
        stack.drawn.through = simplify(vec![centre, Point::new(leave.x, centre.y), leave]);
        (stack.entry, stack.exit) = (enter, leave);
        let gates = hooks(world, ns).into_iter().map(|hook| (hook, places[hook as usize]));
        stack.drawn.gates = gates.filter(|(_, rect)| rect.w > 0).collect();
        let drawn = |hook| stack.drawn.gates.iter().any(|&(it, _)| it == hook);
        let (takes, sends) = (drawn(Hook::LocalIn), drawn(Hook::LocalOut));
        if takes {
            stack.drawn.to_local = vec![centre, Point::new(centre.x, input.y)];
        }
        stack.drawn.from_local = stack.drawn.through.clone();
        if sends {
            let turn = places[Hook::PostRouting as usize].x - 2;
            let (start, up) = (Point::new(turn, output.y), Point::new(turn, forward.y));
            stack.drawn.from_local = simplify(vec![output, start, up, leave]);
        }
        Some(stack)
    }
}

/// A stack that devices are being joined to.
pub(super) struct Stack {
    pub drawn: RouteBox,
    /// Where packets come in and go out: `PREROUTING` and `POSTROUTING`.
    entry: Point,
    exit: Point,
}

impl Stack {
    fn new(ns: NsId, rect: Rect) -> Self {
        let centre = rect.centre();
        let here = || vec![centre];
        let drawn = RouteBox {
            ns,
            rect,
            gates: Vec::new(),
            into: SortedMap::default(),
            out: SortedMap::default(),
            through: here(),
            to_local: here(),
            from_local: here(),
        };
        Self { drawn, entry: centre, exit: centre }
    }

    /// Joins a device by a lane above or below; `end` is where it is met by who comes along this column.
    pub(super) fn join(&mut self, dev: DevId, lane_y: i32, end: impl Fn(i32) -> Point) {
        let centre = self.drawn.rect.centre();
        let to = |column: Point| {
            let end = end(column.x);
            vec![end, Point::new(end.x, lane_y), Point::new(column.x, lane_y), column]
        };
        let mut into = to(self.entry);
        into.extend([Point::new(self.entry.x, centre.y), centre]);
        self.drawn.into.insert(dev, simplify(into));
        let mut out = to(self.exit);
        out.reverse();
        self.drawn.out.insert(dev, simplify(out));
    }
}

impl RouteBox {
    /// Everything of it, for who must not stand on it.
    pub fn boxes(&self) -> impl Iterator<Item = Rect> {
        std::iter::once(self.rect).chain(self.gates.iter().map(|&(_, rect)| rect))
    }

    /// From one device to another, past `FORWARD`.
    pub(super) fn forward(&self, from: DevId, to: DevId) -> Option<Vec<Point>> {
        let (into, out) = (self.into.get(from)?, self.out.get(to)?);
        Some(simplify([into, &self.through, out].into_iter().flatten().copied().collect()))
    }

    /// From where a program hands over to a device.
    pub(super) fn sent(&self, to: DevId) -> Option<Vec<Point>> {
        let out = self.out.get(to)?;
        Some(simplify([&self.from_local, out].into_iter().flatten().copied().collect()))
    }

    /// From a device to where a program is handed what is for it.
    pub(super) fn delivered(&self, from: DevId) -> Option<Vec<Point>> {
        let into = self.into.get(from)?;
        Some(simplify([into, &self.to_local].into_iter().flatten().copied().collect()))
    }
}
