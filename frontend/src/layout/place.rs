//! Groups in rows, the network below them, and the cables between groups.

use everyhop_engine::base::{DevId, SortedMap, sort_by_number};
use everyhop_engine::link::DeviceKind;
use everyhop_engine::world::World;

use super::agents;
use super::geometry::{Point, Rect, text_width};
use super::group::{self, Arranged, Bands, FRAME_PAD, int};
use super::manifold::{descend, lanes, spread};
use super::outside;
use super::plan::{Network, Plan};
use super::{ChipKind, Layout, NetnsBox, NetnsKind, Room, WireKind};

const MARGIN: i32 = 4;
const GROUP_GAP: i32 = 18;
const LANE: i32 = 8;
/// Below a row of groups before the first cable's lane.
const ROW_GAP: i32 = 16;
const PILL_H: i32 = 42;
const PORT_W: i32 = 22;
const PORT_H: i32 = 10;
/// How far the pill reaches beyond its last port.
const PILL_END: i32 = 16;

/// A cable end that leads out of its group, with the row the group is in.
#[derive(Clone, Copy)]
struct End {
    row: usize,
    at: Point,
}

/// Draws everything with so many groups in a row and so many leaves side by side.
pub(super) fn place(
    world: &World,
    plan: &Plan,
    room: &Room,
    (per_row, columns): (usize, usize),
) -> Layout {
    let inner = min_inner(plan, room, per_row);
    let rows: Vec<Vec<Arranged<'_>>> = plan
        .groups
        .chunks(per_row)
        .map(|row| {
            row.iter()
                .map(|group| {
                    let needs = group::min_inner(world, group, columns, plan.acts);
                    let inner = if group.folded.is_some() { 0 } else { inner };
                    group::arrange(world, group, columns, needs.max(inner), plan.acts)
                })
                .collect()
        })
        .collect();
    let mut layout = Layout::default();
    let phone = room.narrow.then(|| room.w - 2 * MARGIN - trunk_width(plan, per_row));
    let gutter = gutter(plan, per_row);
    let outside = outside::arrange(world, &plan.outside, phone);
    let least = if outside.is_below() { outside.w } else { 0 };
    let mut ends = draw_rows(&rows, (least, 0), gutter, &mut layout);
    if outside.is_beside() {
        let floor = |layout: &Layout| {
            layout.machines.iter().map(|it| it.rect.bottom()).max().unwrap_or(layout.height)
        };
        // The column and the nodes stand on the same ground; the lower of them begins lower.
        let missing = (outside.h + MARGIN - floor(&layout)).max(0);
        if missing > 0 {
            layout = Layout::default();
            ends = draw_rows(&rows, (least, missing), gutter, &mut layout);
        }
        let at = Point::new(layout.width - MARGIN + GROUP_GAP, floor(&layout) - outside.h);
        outside.draw(at, &mut layout);
        let row = rows.len().saturating_sub(1);
        for (dev, end) in outside.hanging() {
            let at = Point::new(at.x + end.x, at.y + end.y);
            ends.insert(dev, End { row, at });
        }
        layout.width = at.x + outside.w + MARGIN;
    }
    Cables { world, plan, layout: &mut layout, ends, outside }.draw();
    layout
}

/// Fewer groups in a row are drawn larger, so that a small world fills the stage.
fn min_inner(plan: &Plan, room: &Room, per_row: usize) -> i32 {
    let leaves = plan.groups.iter().map(|group| group.leaves.len()).max().unwrap_or(0);
    if room.narrow {
        let gutter = gutter(plan, per_row).unwrap_or(0);
        return room.w - 2 * MARGIN - 2 * FRAME_PAD - trunk_width(plan, per_row) - gutter;
    }
    let unfolded = plan.groups.iter().filter(|group| group.folded.is_none()).count();
    match (unfolded.min(per_row), leaves) {
        (0 | 1, 0..=1) => 300,
        (0 | 1, _) => 540,
        (2, 0..=1) => 320,
        (2, _) => 340,
        _ => 0,
    }
}

/// Room at the right for cables that pass rows below.
fn trunk_width(plan: &Plan, per_row: usize) -> i32 {
    let passing: usize = plan
        .groups
        .iter()
        .take(plan.groups.len().saturating_sub(1) / per_row * per_row)
        .map(|group| group.hub.uplinks.len())
        .sum();
    if passing == 0 { 0 } else { int(passing) * LANE + 4 }
}

/// Room at the left for wires of the control plane that pass rows of machines; None: it is not drawn.
fn gutter(plan: &Plan, per_row: usize) -> Option<i32> {
    let passes = plan.groups.len() > per_row;
    plan.acts.then_some(if passes { agents::GUTTER } else { 0 })
}

/// Draws row under row from `top`, all at least so wide, and returns where the cables begin.
fn draw_rows(
    rows: &[Vec<Arranged<'_>>],
    (least, top): (i32, i32),
    gutter: Option<i32>,
    layout: &mut Layout,
) -> SortedMap<DevId, End> {
    let width_of = |row: &[Arranged<'_>]| {
        row.iter().map(|it| it.inner_w + 2 * FRAME_PAD + GROUP_GAP).sum::<i32>() - GROUP_GAP
    };
    let widest = rows.iter().map(|row| width_of(row)).max().unwrap_or(0).max(least);
    let mut ends = SortedMap::default();
    let mut y = MARGIN + top;
    let indent = gutter.unwrap_or(0);
    if gutter.is_some() {
        y = agents::draw_plane(layout, Point::new(MARGIN, y), widest + indent);
    }
    for (index, row) in rows.iter().enumerate() {
        let bands = row.iter().fold(Bands::default(), |bands, it| bands.max(it.bands));
        let first = layout.agents.len();
        let mut x = MARGIN + indent + (widest - width_of(row)) / 2;
        let mut cables = 0;
        for arranged in row {
            let at = Point::new(x + FRAME_PAD, y);
            arranged.draw(at, bands, layout);
            for (dev, point) in arranged.uplink_ends(at, bands) {
                ends.insert(dev, End { row: index, at: point });
                cables += 1;
            }
            x += arranged.inner_w + 2 * FRAME_PAD + GROUP_GAP;
        }
        if gutter.is_some() {
            agents::wire(layout, first, y, (index > 0).then_some(MARGIN + indent / 2));
        }
        y += bands.height() + FRAME_PAD + ROW_GAP + cables * LANE;
    }
    layout.width = widest + indent + 2 * MARGIN;
    layout.height = y;
    ends
}

/// Draws what joins groups.
struct Cables<'a> {
    world: &'a World,
    plan: &'a Plan,
    layout: &'a mut Layout,
    ends: SortedMap<DevId, End>,
    outside: outside::Arranged<'a>,
}

impl Cables<'_> {
    fn draw(mut self) {
        let last_row = self.ends.values().map(|end| end.row).max().unwrap_or(0);
        let mut trunk = Trunk { x: self.layout.width - MARGIN, rows: self.rows_below() };
        self.draw_direct(&mut trunk);
        match &self.plan.network {
            Some(network) => self.draw_network(network, last_row, &mut trunk),
            None => self.layout.height += MARGIN - ROW_GAP,
        }
        let right = self.layout.wires.iter().flat_map(|wire| &wire.points).map(|p| p.x).max();
        self.layout.width = self.layout.width.max(right.unwrap_or(0) + MARGIN);
    }

    fn rows_below(&self) -> Vec<BelowRow> {
        let rows = self.ends.values().map(|end| end.row + 1).max().unwrap_or(0);
        (0..rows)
            .map(|row| {
                let in_row = || self.ends.values().filter(|end| end.row == row);
                let floor = in_row().map(|end| end.at.y).max().unwrap_or(0);
                BelowRow { floor: floor + group::FOOT + FRAME_PAD, free: int(in_row().count()) }
            })
            .collect()
    }

    /// Cables from hub to hub, and those that lead out of the model.
    fn draw_direct(&mut self, trunk: &mut Trunk) {
        for (dev, &end) in self.ends.iter() {
            let start = Point::new(end.at.x, end.at.y - group::CHIP_H / 2);
            let peer = self.world.devices[dev].kind.peer();
            let Some(peer) = peer else {
                if matches!(self.world.devices[dev].kind, DeviceKind::Ethernet { .. }) {
                    let stub = Point::new(end.at.x, trunk.rows[end.row].floor + ROW_GAP - 4);
                    self.layout.loose_ends.push(vec![start, stub]);
                }
                continue;
            };
            let Some(&other) = self.ends.get(peer).filter(|_| dev < peer) else { continue };
            let finish = Point::new(other.at.x, other.at.y - group::CHIP_H / 2);
            let mut points = vec![start];
            points.extend(trunk.between(end, other));
            points.push(finish);
            let kind = match self.world.devices[dev].kind {
                DeviceKind::Ethernet { .. } => WireKind::Cable,
                DeviceKind::Veth { .. }
                | DeviceKind::Loopback
                | DeviceKind::Bridge(_)
                | DeviceKind::Vxlan(_) => WireKind::Veth,
            };
            group::push_wire(self.layout, (dev, peer, kind), points);
        }
    }

    /// The pill, as wide as what comes down to it.
    fn draw_network(&mut self, network: &Network, last_row: usize, trunk: &mut Trunk) {
        let mut drops: Vec<(DevId, DevId, Vec<Point>)> = Vec::new();
        let mut ports: Vec<(DevId, DevId, End)> = self.world.netns[network.ns]
            .devs
            .iter()
            .filter_map(|&port| {
                let far = self.world.devices[port].kind.peer()?;
                Some((port, far, *self.ends.get(far)?))
            })
            .collect();
        // Lower rows first and left before right, so that cables beside each other do not cross.
        sort_by_number(&mut ports, |&(.., end)| {
            let above = last_row.saturating_sub(end.row) as u64;
            above << 32 | u64::from(end.at.x.unsigned_abs())
        });
        for (port, far, end) in ports {
            let start = Point::new(end.at.x, end.at.y - group::CHIP_H / 2);
            let points = if end.row == last_row {
                vec![start]
            } else {
                let (lane_y, x) = trunk.down_from(end.row);
                vec![start, Point::new(end.at.x, lane_y), Point::new(x, lane_y)]
            };
            drops.push((port, far, points));
        }
        self.layout.width = self.layout.width.max(trunk.x + MARGIN);
        let wishes: Vec<i32> =
            drops.iter().filter_map(|(.., points)| points.last()).map(|p| p.x).collect();
        let within = (MARGIN + PILL_END, self.layout.width - MARGIN - PILL_END);
        let sockets = spread(&wishes, PORT_W + 6, within);
        let descents =
            descend(&wishes.iter().copied().zip(sockets.iter().copied()).collect::<Vec<_>>());
        let lane_y = self.layout.height;
        let y = lane_y + int(lanes(&descents)) * LANE;
        let (first, last) = (sockets.iter().min().copied(), sockets.iter().max().copied());
        let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
        let title_w = text_width(&network.title, 13) + 60;
        let fits = self.layout.width - MARGIN - title_w;
        let left = (first - 30).min(i32::midpoint(first, last) - title_w / 2).min(fits).max(MARGIN);
        let right = (last + if last_row == 0 { 30 } else { PILL_END }).max(left + title_w);
        let outside_x = (self.layout.width - self.outside.w) / 2;
        let hanging = self.outside.hanging().filter(|_| self.outside.is_below());
        let hanging: Vec<_> = hanging.map(|(far, end)| (far, outside_x + end.x)).collect();
        let left = hanging.iter().map(|&(_, x)| x - 30).fold(left, i32::min).max(MARGIN);
        let right = hanging.iter().map(|&(_, x)| x + 30).fold(right, i32::max);
        let right = right.min((self.layout.width - MARGIN).max(left + title_w));
        self.layout.width = self.layout.width.max(right + MARGIN);
        let pill = Rect::new(left, y, right - left, PILL_H);
        self.push_pill(network, pill);
        for ((port, far, mut points), descent) in drops.into_iter().zip(descents) {
            let x = descent.to;
            if let Some(lane) = descent.lane {
                let lane_y = lane_y + int(lane) * LANE;
                points.extend([Point::new(descent.from, lane_y), Point::new(x, lane_y)]);
            }
            let socket = Rect::around(x, pill.y, PORT_W, PORT_H);
            points.push(socket.centre());
            self.push_socket(port, socket);
            group::push_wire(self.layout, (far, port, WireKind::Cable), points);
            let inside = vec![socket.centre(), Point::new(x, pill.y + PORT_H + 2)];
            group::push_wire(self.layout, (port, network.bridge, WireKind::Port), inside);
        }
        self.layout.height = pill.bottom() + MARGIN + 4;
        if self.outside.is_below() {
            self.draw_outside(network, pill, (outside_x, &hanging));
        }
    }

    fn draw_outside(
        &mut self,
        network: &Network,
        pill: Rect,
        (x, hanging): (i32, &[(DevId, i32)]),
    ) {
        let at = Point::new(x, pill.bottom() + outside::GAP);
        self.outside.draw(at, self.layout);
        for &(far, x) in hanging {
            let Some(port) = self.world.devices[far].kind.peer() else { continue };
            let socket = Rect::around(x, pill.bottom() - PORT_H, PORT_W, PORT_H);
            self.push_socket(port, socket);
            let end = self.layout.devices.get(far).map(|it| it.rect.centre()).unwrap_or_default();
            let wire = vec![end, socket.centre()];
            group::push_wire(self.layout, (far, port, WireKind::Cable), wire);
            let inside = vec![socket.centre(), Point::new(x, socket.y - 2)];
            group::push_wire(self.layout, (port, network.bridge, WireKind::Port), inside);
        }
        self.layout.height = at.y + self.outside.h + MARGIN + 4;
    }

    fn push_socket(&mut self, port: DevId, socket: Rect) {
        group::push_device(self.world, self.layout, port, "", socket);
        if let Some(drawn) = self.layout.devices.get_mut(port) {
            drawn.kind = ChipKind::Port;
            drawn.label = String::new();
        }
    }

    fn push_pill(&mut self, network: &Network, rect: Rect) {
        self.layout.netns.push(NetnsBox {
            ns: network.ns,
            name: self.world.netns[network.ns].name.to_string(),
            kind: NetnsKind::Network,
            title: String::new(),
            title_at: rect.centre(),
            word_at: None,
            rect,
        });
        group::push_device(self.world, self.layout, network.bridge, &network.title, rect);
        if let Some(drawn) = self.layout.devices.get_mut(network.bridge) {
            drawn.kind = ChipKind::Network;
        }
    }
}

/// Lanes below each row and at the right of all rows.
struct Trunk {
    /// The last taken column at the right.
    x: i32,
    rows: Vec<BelowRow>,
}

/// The room below a row of groups.
struct BelowRow {
    /// Lower edge of the row.
    floor: i32,
    /// Lanes not taken yet; the lowest goes first.
    free: i32,
}

impl Trunk {
    fn lane(&mut self, row: usize) -> i32 {
        let below = &mut self.rows[row];
        below.free = (below.free - 1).max(0);
        below.floor + ROW_GAP / 2 + below.free * LANE
    }

    fn column(&mut self) -> i32 {
        self.x += LANE;
        self.x
    }

    /// The turns of a cable between two hubs.
    fn between(&mut self, a: End, b: End) -> Vec<Point> {
        let lane = self.lane(a.row);
        if a.row == b.row {
            return vec![Point::new(a.at.x, lane), Point::new(b.at.x, lane)];
        }
        let (other, x) = (self.lane(b.row), self.column());
        vec![
            Point::new(a.at.x, lane),
            Point::new(x, lane),
            Point::new(x, other),
            Point::new(b.at.x, other),
        ]
    }

    /// Lane and column of a cable that passes all rows below.
    fn down_from(&mut self, row: usize) -> (i32, i32) {
        (self.lane(row), self.column())
    }
}
