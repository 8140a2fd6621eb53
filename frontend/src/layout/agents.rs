//! The programs that act in a cluster beside its packets: the control plane above the machines, and on each machine those
//! that listen to it. Everybody listens to the API server, so a wire leads from there to each.

use super::geometry::{Point, Rect, simplify, text_width};
use super::{Layout, Machine};

/// A program's box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentBox {
    /// The program, as notes name it.
    pub by: &'static str,
    /// As it is written; the API server keeps its store behind it.
    pub title: &'static str,
    /// The network namespace of its node; empty for the control plane.
    pub netns: String,
    pub rect: Rect,
    /// Where its wire ends: a folded machine's name is above its programs.
    top: i32,
    /// From the API server to it; empty for the API server itself.
    pub wire: Vec<Point>,
}

pub const API_SERVER: &str = "kube-apiserver";
/// On each node.
const OF_NODE: [&str; 2] = ["kubelet", "kube-proxy"];

const CHIP_H: i32 = 38;
/// Room for a few words.
const CHIP_W: i32 = 78;
const GAP: i32 = 8;
const PAD: i32 = 9;
const TITLE_W: i32 = 124;
/// Less is for a phone.
const WIDE: i32 = 560;
/// From the control plane to the machines, with room for the wires across.
const BELOW: i32 = 20;
/// Across, for wires that pass a row of machines.
pub(super) const GUTTER: i32 = 12;

/// Room across for a machine's programs, beside its name.
pub(super) const NODE_W: i32 = 2 * CHIP_W + GAP + 4;
/// The height of a machine's title, with them.
pub(super) const TITLE_H: i32 = CHIP_H + 12;
/// How much higher a folded machine is, which has them below its name.
pub(super) const FOLDED_H: i32 = CHIP_H + 4;

/// Room across for a machine's name, and its programs beside it.
pub(super) fn beside_name(machine: Option<&(String, String)>) -> i32 {
    let named = |(title, address): &(String, String)| {
        text_width(title, 14) + text_width(address, 13) + 20 + NODE_W
    };
    machine.map_or(0, named)
}

/// Draws the control plane with its upper left corner at `at`, and returns where machines may begin.
pub(super) fn draw_plane(layout: &mut Layout, at: Point, w: i32) -> i32 {
    let is_row = w >= WIDE;
    let title = "control plane".to_owned();
    let mut push = |by, title, rect, wire| {
        layout.agents.push(AgentBox { by, title, netns: String::new(), rect, top: rect.y, wire });
    };
    let (left, right) = (at.x + PAD, at.x + w - PAD);
    let h = if is_row {
        let y = at.y + PAD;
        let left = left + TITLE_W;
        let side = (right - left - 2 * 3 * GAP) / 4;
        let api = Rect::new(left + side + 3 * GAP, y, right - left - 6 * GAP - 2 * side, CHIP_H);
        let middle = y + CHIP_H / 2;
        let scheduler = Rect::new(left, y, side, CHIP_H);
        let controllers = Rect::new(right - side, y, side, CHIP_H);
        push(API_SERVER, "kube-apiserver, with etcd", api, Vec::new());
        let to = |from: i32, to: i32| vec![Point::new(from, middle), Point::new(to, middle)];
        push("kube-scheduler", "kube-scheduler", scheduler, to(api.x, scheduler.right()));
        let wire = to(api.right(), controllers.x);
        push("kube-controller-manager", "kube-controller-manager", controllers, wire);
        CHIP_H + 2 * PAD
    } else {
        let y = at.y + 36;
        let api = Rect::new(left, y, right - left, CHIP_H);
        push(API_SERVER, "kube-apiserver, with etcd", api, Vec::new());
        let side = (right - left - 2 * GAP) / 2;
        let y = api.bottom() + GAP + 4;
        let pair = [("kube-scheduler", left), ("kube-controller-manager", right - side)];
        for (by, x) in pair {
            let rect = Rect::new(x, y, side, CHIP_H);
            let x = rect.centre().x;
            push(by, by, rect, vec![Point::new(x, api.bottom()), Point::new(x, rect.y)]);
        }
        y + CHIP_H + PAD - at.y
    };
    let rect = Rect::new(at.x, at.y, w, h);
    layout.plane = Some(Machine { title, address: String::new(), rect });
    rect.bottom() + BELOW
}

/// Draws a machine's programs: in its upper right corner, or below its name where it is folded.
pub(super) fn draw_of_node(layout: &mut Layout, netns: &str, machine: Rect, folded: bool) {
    let (x, y) = if folded {
        (machine.x + 10, machine.y + 36)
    } else {
        (machine.right() - 10 - NODE_W + 4, machine.y + 8)
    };
    let w = if folded { (machine.w - 20 - GAP) / 2 } else { CHIP_W };
    for (by, x) in OF_NODE.into_iter().zip([x, x + w + GAP]) {
        let rect = Rect::new(x, y, w, CHIP_H);
        let netns = netns.to_owned();
        let top = if folded { machine.y } else { rect.y };
        layout.agents.push(AgentBox { by, title: by, netns, rect, top, wire: Vec::new() });
    }
}

/// Draws the wires to the programs from the one with this number on, which are of a row of machines that begins at `y`.
/// `gutter`: in the middle of the free column at the left, where other rows are above.
pub(super) fn wire(layout: &mut Layout, first: usize, y: i32, gutter: Option<i32>) {
    for index in first..layout.agents.len() {
        let AgentBox { rect, top, .. } = layout.agents[index];
        layout.agents[index].wire = way_to(layout, Rect { y: top, ..rect }, y, gutter);
    }
}

/// From the API server to the upper edge of a box in a row of machines that begins at `y`.
fn way_to(layout: &Layout, rect: Rect, y: i32, gutter: Option<i32>) -> Vec<Point> {
    let Some((api, plane)) = layout.agents.first().zip(layout.plane.as_ref()) else {
        return Vec::new();
    };
    let start = Point::new(api.rect.centre().x, api.rect.bottom());
    let bus = plane.rect.bottom() + BELOW / 2;
    let end = Point::new(rect.centre().x, rect.y);
    let mut way = vec![start, Point::new(start.x, bus)];
    if let Some(x) = gutter {
        way.extend([Point::new(x, bus), Point::new(x, y - 6), Point::new(end.x, y - 6)]);
    }
    way.extend([Point::new(end.x, bus.max(if gutter.is_some() { y - 6 } else { bus })), end]);
    simplify(way)
}

impl Layout {
    /// The box of a program, in a namespace or in the control plane.
    pub fn agent(&self, by: &str, netns: &str) -> Option<&AgentBox> {
        self.agents.iter().find(|it| it.by == by && it.netns == netns)
    }

    /// From the API server to a pod that listens to it, beside the programs above.
    pub fn way_to_pod(&self, rect: Rect) -> Vec<Point> {
        let x = rect.centre().x;
        let above = self.agents.iter().map(|it| it.rect).find(|it| {
            it.bottom() <= rect.y
                && it.bottom() + 2 * CHIP_H > rect.y
                && it.x <= x
                && x <= it.right()
        });
        let way = way_to(self, rect, rect.y, None);
        let (Some(above), Some(plane), Some(&start)) = (above, &self.plane, way.first()) else {
            return way;
        };
        let bus = plane.rect.bottom() + BELOW / 2;
        let right = x >= above.centre().x;
        let aside = if right { above.right() + GAP / 2 } else { above.x - GAP / 2 };
        let y = rect.y - GAP;
        simplify(vec![
            start,
            Point::new(start.x, bus),
            Point::new(aside, bus),
            Point::new(aside, y),
            Point::new(x, y),
            Point::new(x, rect.y),
        ])
    }
}
