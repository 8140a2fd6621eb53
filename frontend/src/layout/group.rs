//! One hub with its leaves on top: first how much room they need, then where each stands across, then the drawing at
//! heights that all groups of a row share.

use everyhop_engine::base::{DevId, NsId, sort_by_number};
use everyhop_engine::link::DeviceKind;
use everyhop_engine::world::World;

use super::agents;
use super::geometry::{Point, Rect, fit, simplify, text_width};
use super::manifold::{Descent, descend, lanes, spread};
use super::plan::{Group, HostPod, Leaf, bridge_index};
use super::stack::Shape;
use super::{
    ChipKind, ContainerBox, DeviceBox, HostPodBox, Layout, Machine, NetnsBox, NetnsKind, WireKind,
    WireLine,
};

pub(super) const CHIP_H: i32 = 26;
const CHIP_FONT: i32 = 12;
const CHIP_PAD: i32 = 14;
const TITLE_FONT: i32 = 13;
pub(super) const LO_W: i32 = 32;
pub(super) const LO_H: i32 = 18;
/// Room for a packet's tag between two rows of devices.
const GAP: i32 = 32;
const LANE: i32 = 7;

const POD_PAD: i32 = 12;
const POD_TITLE_H: i32 = 34;
const POD_MIN_W: i32 = 126;
const POD_MAX_W: i32 = 224;
/// A longer title than this is shortened.
const POD_TITLE_MAX: i32 = 128;
const POD_GAP: i32 = 10;
const CONTAINER_H: i32 = 30;
const CONTAINER_GAP: i32 = 6;

const HUB_PAD: i32 = 14;
const BAR_H: i32 = 34;
const BAR_INSET: i32 = 22;
/// Gates may come nearer to the edge of their box than devices do.
const GATES_PAD: i32 = 8;
const TOP_CHIP_MIN_W: i32 = 50;
const TOP_CHIP_GAP: i32 = 10;
/// Between a chip and the wire of its neighbour in the other row.
const WIRE_CLEARANCE: i32 = 7;
const HOST_POD_W: i32 = 118;

/// Heights of a group's horizontal bands, gaps included; a row of groups shares the largest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bands {
    title: i32,
    pods: i32,
    manifold: i32,
    top: i32,
    bar: i32,
    middle: i32,
    bottom: i32,
}

impl Bands {
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            title: self.title.max(other.title),
            pods: self.pods.max(other.pods),
            manifold: self.manifold.max(other.manifold),
            top: self.top.max(other.top),
            bar: self.bar.max(other.bar),
            middle: self.middle.max(other.middle),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn hub_y(self) -> i32 {
        self.title + self.pods + self.manifold
    }

    fn bar_y(self) -> i32 {
        self.hub_y() + self.top
    }

    /// Upper edge of the IP stack and of pods in the hub's namespace.
    fn middle_y(self) -> i32 {
        self.bar_y() + self.bar + GAP
    }

    fn hub_bottom(self) -> i32 {
        self.bar_y() + self.bar + self.middle + self.bottom
    }

    pub(super) fn height(self) -> i32 {
        self.hub_bottom() + HUB_PAD
    }
}

/// Room that this group needs across, whatever is drawn wider.
pub(super) fn min_inner(world: &World, group: &Group, columns: usize, acts: bool) -> i32 {
    let grid = Grid::needs(group, columns);
    let tops = TopRow::width_needed(world, group);
    let bottom = Bottom::choose(world, group, 0).width;
    if let (Some(_), Some((title, address))) = (group.folded, &group.machine) {
        let named = text_width(title, 14) + text_width(address, TITLE_FONT) + 20;
        return bottom.max(named).max(if acts { agents::NODE_W } else { 0 });
    }
    let agents_w = if acts { agents::beside_name(group.machine.as_ref()) } else { 0 };
    agents_w.max(grid).max(tops + 2 * HUB_PAD).max(bottom)
}

/// Where everything of a group stands across, from its left inner edge.
pub(super) struct Arranged<'a> {
    world: &'a World,
    group: &'a Group,
    pub inner_w: i32,
    pub bands: Bands,
    grid: Grid,
    tops: TopRow,
    bars: Vec<(i32, i32)>,
    bottom: Bottom,
    hosts: HostPods,
    /// Whether programs of the control plane are drawn.
    acts: bool,
}

/// The leaves' rows and columns.
struct Grid {
    columns: usize,
    pod_w: i32,
    pod_h: i32,
    /// Upper left corners, from the first pod's row.
    pods: Vec<Point>,
    row_gap: i32,
    /// The wires in the order in which they come down, left to right.
    wires: Vec<GridWire>,
}

/// A wire from a leaf's device to where it comes out below all leaves.
struct GridWire {
    leaf: usize,
    wire: usize,
    /// Middle of the leaf's device.
    from_x: i32,
    /// Lane in the gap below its row, counted from the gap's lower edge, and the column of its way down.
    around: Option<(i32, i32)>,
}

impl Grid {
    fn rows(leaves: usize, columns: usize) -> usize {
        leaves.div_ceil(columns.max(1))
    }

    fn columns(group: &Group, columns: usize) -> usize {
        columns.min(group.leaves.len()).max(1)
    }

    /// Room beside a column for the wires of its upper rows.
    fn gutter(group: &Group, columns: usize) -> i32 {
        let upper = Self::rows(group.leaves.len(), columns).saturating_sub(1) * columns;
        let mut wires = vec![0; columns];
        for (index, leaf) in group.leaves.iter().enumerate().take(upper) {
            wires[index % columns] += int(leaf.wires.len());
        }
        wires.into_iter().max().filter(|&most| most > 0).map_or(0, |most| 6 + most * LANE)
    }

    fn pod_needs(group: &Group) -> i32 {
        group.leaves.iter().map(leaf_needs).max().unwrap_or(0)
    }

    fn needs(group: &Group, columns: usize) -> i32 {
        let columns = Self::columns(group, columns);
        let each = Self::pod_needs(group) + Self::gutter(group, columns);
        int(columns) * (each + POD_GAP) - POD_GAP
    }

    fn arrange(group: &Group, columns: usize, inner_w: i32) -> Self {
        let columns = Self::columns(group, columns);
        let gutter = Self::gutter(group, columns);
        let cell_w = (inner_w + POD_GAP) / int(columns);
        let needs = Self::pod_needs(group);
        let pod_w = (cell_w - gutter - POD_GAP).min(POD_MAX_W).max(needs);
        let rows = Self::rows(group.leaves.len(), columns);
        let pod_h = group.leaves.iter().map(|leaf| leaf_height(leaf, pod_w)).max().unwrap_or(0);
        let most_wires = group.leaves.iter().map(|leaf| int(leaf.wires.len())).max().unwrap_or(0);
        let row_gap = 10 + most_wires * LANE;
        let slack = cell_w - POD_GAP - pod_w - gutter;
        let pods = (0..group.leaves.len())
            .map(|index| {
                let (row, column) = (int(index / columns), int(index % columns));
                Point::new(column * cell_w + slack / 2, row * (pod_h + row_gap))
            })
            .collect();
        let mut grid = Self { columns, pod_w, pod_h, pods, row_gap, wires: Vec::new() };
        grid.wires = grid.wires(group, rows);
        grid
    }

    /// Column by column; within one the lowest row's wires come down straight, higher rows' further right.
    fn wires(&self, group: &Group, rows: usize) -> Vec<GridWire> {
        let mut out = Vec::new();
        for column in 0..self.columns {
            let mut taken = 0;
            for row in (0..rows).rev() {
                let leaf = row * self.columns + column;
                let Some(pod) = self.pods.get(leaf) else { continue };
                let count = group.leaves[leaf].wires.len();
                for wire in 0..count {
                    let from_x = pod.x + port_x(self.pod_w, wire, count);
                    let around = (row + 1 < rows).then(|| {
                        taken += 1;
                        (int(wire) * LANE + 6, pod.x + self.pod_w + taken * LANE)
                    });
                    out.push(GridWire { leaf, wire, from_x, around });
                }
            }
        }
        out
    }

    fn height(&self, rows: usize) -> i32 {
        if rows == 0 { 0 } else { int(rows) * (self.pod_h + self.row_gap) - self.row_gap }
    }
}

/// The hub's devices that lead to leaves.
struct TopRow {
    chip_w: i32,
    items: Vec<TopItem>,
    staggered: bool,
    lanes: usize,
}

struct TopItem {
    /// None holds a place for a bridge that no leaf hangs on.
    dev: Option<DevId>,
    bridge: Option<usize>,
    /// Index into the grid's wires.
    wire: Option<usize>,
    x: i32,
    /// How its wire comes to it.
    descent: Option<Descent>,
    /// 1 for the lower of two staggered rows.
    row: i32,
}

impl TopRow {
    fn chip_w(world: &World, group: &Group) -> i32 {
        let names = group.leaves.iter().flat_map(|leaf| &leaf.wires);
        names.map(|&(_, dev)| chip_width(&world.devices[dev].name)).fold(TOP_CHIP_MIN_W, i32::max)
    }

    fn width_needed(world: &World, group: &Group) -> i32 {
        let chip_w = Self::chip_w(world, group);
        let n = int(group.leaves.iter().map(|leaf| leaf.wires.len()).sum::<usize>())
            + int(group.hub.bridges.len()).max(1)
            - 1;
        let one_row = n * (chip_w + TOP_CHIP_GAP) - TOP_CHIP_GAP;
        one_row.min(chip_w + (n - 1).max(0) * (chip_w / 2 + WIRE_CLEARANCE)).max(0)
    }

    fn arrange(world: &World, group: &Group, grid: &Grid, inner_w: i32) -> Self {
        let chip_w = Self::chip_w(world, group);
        let mut items = Self::items(world, group, grid);
        let within = (HUB_PAD + chip_w / 2, inner_w - HUB_PAD - chip_w / 2);
        let n = int(items.len());
        let room = inner_w - 2 * HUB_PAD;
        let staggered = n * (chip_w + TOP_CHIP_GAP) - TOP_CHIP_GAP > room;
        let apart = if staggered { chip_w / 2 + WIRE_CLEARANCE } else { chip_w + TOP_CHIP_GAP };
        let mut wishes: Vec<i32> = Vec::with_capacity(items.len());
        for item in &items {
            let before = wishes.last().copied().unwrap_or(0);
            wishes.push(item.wire.map_or(before, |wire| grid.wires[wire].below_x()).max(before));
        }
        let places = spread(&wishes, apart, within);
        for (index, (item, x)) in items.iter_mut().zip(places).enumerate() {
            item.x = x;
            item.row = if staggered { int(index % 2) } else { 0 };
        }
        let ends: Vec<(i32, i32)> = items
            .iter()
            .filter_map(|item| Some((grid.wires[item.wire?].below_x(), item.x)))
            .collect();
        let descents = descend(&ends);
        let lanes = lanes(&descents);
        for (item, descent) in items.iter_mut().filter(|item| item.wire.is_some()).zip(descents) {
            item.descent = Some(descent);
        }
        Self { chip_w, items, staggered, lanes }
    }

    /// Ports of the same bridge side by side, devices with the IP stack behind them last.
    fn items(world: &World, group: &Group, grid: &Grid) -> Vec<TopItem> {
        let item = |dev, bridge, wire| TopItem { dev, bridge, wire, x: 0, descent: None, row: 0 };
        let mut items: Vec<TopItem> = grid
            .wires
            .iter()
            .enumerate()
            .map(|(index, wire)| {
                let (_, dev) = group.leaves[wire.leaf].wires[wire.wire];
                item(Some(dev), bridge_index(world, &group.hub.bridges, dev), Some(index))
            })
            .collect();
        let alone = items.is_empty() && group.hub.bridges.len() == 1;
        for bridge in 0..group.hub.bridges.len() {
            if !alone && items.iter().all(|it| it.bridge != Some(bridge)) {
                items.push(item(None, Some(bridge), None));
            }
        }
        sort_by_number(&mut items, |item| item.bridge.map_or(u64::MAX, |index| index as u64));
        items
    }

    fn band(&self) -> i32 {
        match (self.items.iter().any(|item| item.dev.is_some()), self.staggered) {
            (false, _) => HUB_PAD + 4,
            (true, false) => 16 + CHIP_H + GAP,
            (true, true) => 16 + 2 * CHIP_H + 10 + GAP,
        }
    }

    /// From where to where each bridge reaches.
    fn bars(&self, bridges: usize, inner_w: i32) -> Vec<(i32, i32)> {
        let mut left = BAR_INSET;
        (0..bridges)
            .map(|bridge| {
                let last = self.items.iter().rposition(|item| item.bridge == Some(bridge));
                let next = last.and_then(|at| self.items.get(at + 1).map(|next| (at, next)));
                let right = next.map_or(inner_w - BAR_INSET, |(at, next)| {
                    i32::midpoint(self.items[at].x, next.x) - 4
                });
                let bar = (left, right.max(left + 20));
                left = right + 8;
                bar
            })
            .collect()
    }
}

impl GridWire {
    fn below_x(&self) -> i32 {
        self.around.map_or(self.from_x, |(_, x)| x)
    }
}

/// The hub's last row: its title, ports and network cards that lead away, and `lo`.
struct Bottom {
    title: String,
    title_w: i32,
    /// Label, width and middle of each uplink's chip.
    chips: Vec<(String, i32, i32)>,
    /// Middle of the IP stack's box, where there is one.
    route_x: Option<i32>,
    /// Room that all of it needs.
    width: i32,
    /// Left edge of what a pod in the hub's namespace may not cover.
    reserved_x: i32,
}

impl Bottom {
    /// The longest titles and labels that fit into `inner_w`, else the shortest there are.
    fn choose(world: &World, group: &Group, inner_w: i32) -> Self {
        let short = if group.hub.title.is_some() { "" } else { "root netns" };
        let long = if group.hub.title.is_some() { "" } else { "root network namespace" };
        [(long, true), (short, true), (short, false)]
            .into_iter()
            .map(|(title, addresses)| Self::arrange(world, group, (title, addresses), inner_w))
            .reduce(|kept, next| if kept.width <= inner_w { kept } else { next })
            .unwrap_or_else(|| Self::arrange(world, group, (short, false), inner_w))
    }

    fn arrange(
        world: &World,
        group: &Group,
        (title, addresses): (&str, bool),
        inner_w: i32,
    ) -> Self {
        let hub = &group.hub;
        let title = hub.title.clone().unwrap_or_else(|| title.to_owned());
        let title_w = text_width(&title, CHIP_FONT).min(200);
        let labels: Vec<(String, i32, bool)> = hub
            .uplinks
            .iter()
            .map(|&(dev, bridge)| {
                let label = if addresses { full_label(world, dev) } else { name(world, dev) };
                let width = chip_width(&label);
                (label, width, bridge.is_some())
            })
            .collect();
        let (ports, own): (Vec<_>, Vec<_>) = labels.into_iter().partition(|&(.., port)| port);
        let sum = |chips: &[(String, i32, bool)]| {
            chips.iter().map(|&(_, w, _)| w + 12).sum::<i32>()
                - if chips.is_empty() { 0 } else { 12 }
        };
        let (stack_w, _) = hub.shape.size();
        let own_w = sum(&own).max(if hub.shape == Shape::Plain { stack_w } else { 0 });
        let ports_w = sum(&ports) + if ports.is_empty() || own_w == 0 { 0 } else { 12 };
        let chips_w = ports_w + own_w;
        let hosts_w = if hub.pods.is_empty() { 0 } else { HOST_POD_W + 12 };
        let left = HUB_PAD + hosts_w.max(title_w + 12);
        let right = HUB_PAD + LO_W + 10;
        let beside = GATES_PAD + hosts_w;
        let width = (left + chips_w + right).max(beside + stack_w + GATES_PAD);
        let high = (inner_w - right - chips_w).max(left);
        let start = if hub.pods.is_empty() { (inner_w - chips_w) / 2 } else { high };
        let start = start.clamp(left, high);
        let mut chips = Vec::new();
        let mut x = start;
        for (label, w, _) in ports {
            chips.push((label, w, x + w / 2));
            x += w + 12;
        }
        let over = start + ports_w + own_w / 2;
        let route_x = match hub.shape {
            Shape::None => None,
            Shape::Plain => Some(over),
            Shape::Row | Shape::Square => {
                let low = beside + stack_w / 2;
                Some(over.clamp(low, (inner_w - GATES_PAD - stack_w / 2).max(low)))
            }
        };
        x = start + ports_w + (own_w - sum(&own)) / 2;
        for (label, w, _) in own {
            chips.push((label, w, x + w / 2));
            x += w + 12;
        }
        let reserved_x = if chips_w == 0 { inner_w - HUB_PAD } else { start - 6 };
        let reserved_x = route_x.map_or(reserved_x, |x| reserved_x.min(x - stack_w / 2 - 6));
        Self { title, title_w, chips, route_x, width, reserved_x }
    }

    fn band(&self) -> i32 {
        if self.chips.is_empty() { 12 + LO_H } else { GAP + CHIP_H }
    }
}

/// Pods in the hub's namespace, left of the IP stack.
struct HostPods {
    /// From the left inner edge and the upper edge of the middle band.
    rects: Vec<Rect>,
    height: i32,
}

impl HostPods {
    fn arrange(pods: &[HostPod], reserved_x: i32) -> Self {
        let avail = (reserved_x - HUB_PAD).max(HOST_POD_W);
        let columns = (avail + 8) / (HOST_POD_W + 8);
        let w = ((avail + 8) / columns - 8).min(POD_MAX_W);
        let mut rects: Vec<Rect> = Vec::new();
        let mut y = 0;
        for row in pods.chunks(usize::try_from(columns).unwrap_or(1).max(1)) {
            let h = row.iter().map(|pod| host_pod_height(pod, w)).max().unwrap_or(0);
            for column in 0..row.len() {
                rects.push(Rect::new(HUB_PAD + int(column) * (w + 8), y, w, h));
            }
            y += h + 8;
        }
        Self { rects, height: (y - 8).max(0) }
    }
}

/// Arranges a group within `inner_w`.
pub(super) fn arrange<'a>(
    world: &'a World,
    group: &'a Group,
    columns: usize,
    inner_w: i32,
    acts: bool,
) -> Arranged<'a> {
    let grid = Grid::arrange(group, columns, inner_w);
    let tops = TopRow::arrange(world, group, &grid, inner_w);
    let bars = tops.bars(group.hub.bridges.len(), inner_w);
    let bottom = Bottom::choose(world, group, inner_w);
    let hosts = HostPods::arrange(&group.hub.pods, bottom.reserved_x);
    let rows = Grid::rows(group.leaves.len(), grid.columns);
    let (_, stack_h) = group.hub.shape.size();
    let content = stack_h.max(hosts.height);
    let bands = Bands {
        title: match (&group.machine, group.folded) {
            (Some(_), Some(_)) if acts => 40 + agents::FOLDED_H,
            (Some(_), None) if acts => agents::TITLE_H,
            (Some(_), _) => 40,
            (None, _) => 0,
        },
        pods: grid.height(rows),
        manifold: if group.leaves.is_empty() { 0 } else { GAP + int(tops.lanes) * LANE },
        top: tops.band(),
        bar: if group.hub.bridges.is_empty() { 0 } else { BAR_H },
        middle: if content > 0 { GAP + content } else { 0 },
        bottom: bottom.band(),
    };
    Arranged { world, group, inner_w, bands, grid, tops, bars, bottom, hosts, acts }
}

/// What a machine's box adds around its content.
pub(super) const FRAME_PAD: i32 = 12;
/// How high a folded machine reaches above its uplinks.
const FOLDED_H: i32 = 72;
/// How far a hub's box reaches below its uplinks.
pub(super) const FOOT: i32 = HUB_PAD;

impl Arranged<'_> {
    /// Draws the group with its upper left inner corner at `at`, in a row with these heights.
    pub(super) fn draw(&self, at: Point, bands: Bands, layout: &mut Layout) {
        if let Some(n_pods) = self.group.folded {
            return self.draw_folded(n_pods, at, bands, layout);
        }
        if let Some((title, address)) = &self.group.machine {
            // A machine without pods is lower than its neighbours.
            let y = if self.group.leaves.is_empty() { bands.hub_y() - bands.title } else { 0 };
            let rect = Rect::new(
                at.x - FRAME_PAD,
                at.y + y,
                self.inner_w + 2 * FRAME_PAD,
                bands.height() + FRAME_PAD - y,
            );
            layout.machines.push(Machine { title: title.clone(), address: address.clone(), rect });
            if self.acts {
                self.draw_agents(rect, layout);
            }
        }
        self.draw_hub_box(at, bands, layout);
        for (index, leaf) in self.group.leaves.iter().enumerate() {
            self.draw_leaf(leaf, self.pod_rect(index, at, bands), layout);
        }
        self.draw_bridges(at, bands, layout);
        self.draw_tops(at, bands, layout);
        self.draw_uplinks(at, bands, layout);
        self.draw_host_pods(at, bands, layout);
        self.draw_route(at, bands, layout);
    }

    fn draw_folded(&self, n_pods: usize, at: Point, bands: Bands, layout: &mut Layout) {
        let hub = &self.group.hub;
        let bottom = at.y + bands.height();
        let head = if self.acts { agents::FOLDED_H } else { 0 };
        let top = at.y + bands.hub_bottom() - CHIP_H - FOLDED_H - head;
        let inside = top + 36 + head;
        let rect = Rect::new(at.x, inside, self.inner_w, bottom - inside);
        if let Some((title, address)) = &self.group.machine {
            let (x, w) = (at.x - FRAME_PAD, self.inner_w + 2 * FRAME_PAD);
            let rect = Rect::new(x, top, w, bottom + FRAME_PAD - top);
            layout.machines.push(Machine { title: title.clone(), address: address.clone(), rect });
            if self.acts {
                self.draw_agents(rect, layout);
            }
        }
        let title = format!("{n_pods} pod{}", if n_pods == 1 { "" } else { "s" });
        layout.netns.push(NetnsBox {
            ns: hub.ns,
            name: self.world.netns[hub.ns].name.to_string(),
            kind: NetnsKind::Folded,
            title,
            title_at: Point::new(rect.x + HUB_PAD, rect.y + 20),
            word_at: None,
            rect,
        });
        self.draw_uplinks(at, bands, layout);
    }

    #[inline(never)]
    fn draw_agents(&self, machine: Rect, layout: &mut Layout) {
        let netns = &self.world.netns[self.group.hub.ns].name;
        agents::draw_of_node(layout, netns, machine, self.group.folded.is_some());
    }

    /// The middles of the uplinks' lower edges; their cables go on from here.
    pub(super) fn uplink_ends(&self, at: Point, bands: Bands) -> Vec<(DevId, Point)> {
        let y = at.y + bands.hub_bottom();
        let chips = self.group.hub.uplinks.iter().zip(&self.bottom.chips);
        chips.map(|(&(dev, _), &(.., x))| (dev, Point::new(at.x + x, y))).collect()
    }

    fn pod_rect(&self, index: usize, at: Point, bands: Bands) -> Rect {
        let pod = self.grid.pods[index];
        Rect::new(at.x + pod.x, at.y + bands.title + pod.y, self.grid.pod_w, self.grid.pod_h)
    }

    fn draw_hub_box(&self, at: Point, bands: Bands, layout: &mut Layout) {
        let hub = &self.group.hub;
        let top = at.y + bands.hub_y();
        let rect = Rect::new(at.x, top, self.inner_w, at.y + bands.height() - top);
        layout.netns.push(NetnsBox {
            ns: hub.ns,
            name: self.world.netns[hub.ns].name.to_string(),
            kind: NetnsKind::Hub,
            title: fit(&self.bottom.title, CHIP_FONT, self.bottom.title_w),
            title_at: Point::new(rect.x + HUB_PAD, at.y + bands.hub_bottom() - 8),
            word_at: None,
            rect,
        });
        let lo = Rect::new(
            rect.right() - HUB_PAD - LO_W,
            at.y + bands.hub_bottom() - CHIP_H / 2 - LO_H / 2,
            LO_W,
            LO_H,
        );
        push_device(self.world, layout, self.world.netns[hub.ns].lo, "lo", lo);
    }

    fn draw_leaf(&self, leaf: &Leaf, rect: Rect, layout: &mut Layout) {
        let title_w = rect.w - 2 * POD_PAD - LO_W - 6;
        layout.netns.push(NetnsBox {
            ns: leaf.ns,
            name: self.world.netns[leaf.ns].name.to_string(),
            kind: NetnsKind::Leaf,
            title: fit(&leaf.title, TITLE_FONT, title_w),
            title_at: Point::new(rect.x + POD_PAD, rect.y + 22),
            word_at: (text_width(&leaf.title, TITLE_FONT) + 50 <= title_w)
                .then(|| Point::new(rect.right() - POD_PAD - LO_W - 6, rect.y + 22)),
            rect,
        });
        let lo = Rect::new(rect.right() - POD_PAD - LO_W + 2, rect.y + 9, LO_W, LO_H);
        push_device(self.world, layout, self.world.netns[leaf.ns].lo, "lo", lo);
        let area = Rect::new(rect.x, rect.y + POD_TITLE_H, rect.w, rect.h);
        for (label, place) in leaf.containers.iter().zip(container_rects(&leaf.containers, area)) {
            layout.containers.push(container(leaf.ns, label, place));
        }
        let count = leaf.wires.len();
        for (index, &(dev, _)) in leaf.wires.iter().enumerate() {
            let room = rect.w / int(count) - 4;
            let label = if chip_width(&full_label(self.world, dev)) <= room {
                full_label(self.world, dev)
            } else {
                name(self.world, dev)
            };
            let w = chip_width(&label).min(room);
            let x = rect.x + port_x(rect.w, index, count);
            let chip = Rect::around(x, rect.bottom() - CHIP_H - 2, w, CHIP_H);
            push_device(self.world, layout, dev, &label, chip);
        }
    }

    fn draw_bridges(&self, at: Point, bands: Bands, layout: &mut Layout) {
        for (&bridge, &(left, right)) in self.group.hub.bridges.iter().zip(&self.bars) {
            let rect = Rect::new(at.x + left, at.y + bands.bar_y(), right - left, BAR_H);
            let address = address(self.world, bridge);
            let full = format!("{}  bridge  {}", name(self.world, bridge), address);
            let short = format!("{}  {}", name(self.world, bridge), address);
            let label = if text_width(&full, TITLE_FONT) <= rect.w { full } else { short };
            push_device(self.world, layout, bridge, label.trim_end(), rect);
        }
    }

    fn draw_tops(&self, at: Point, bands: Bands, layout: &mut Layout) {
        let pods_bottom = at.y + bands.title + bands.pods;
        for item in &self.tops.items {
            let (Some(dev), Some(wire)) = (item.dev, item.wire) else { continue };
            let y = at.y + bands.hub_y() + 16 + item.row * (CHIP_H + 10);
            let x = at.x + item.x;
            let rect = Rect::around(x, y, self.tops.chip_w, CHIP_H);
            push_device(self.world, layout, dev, &name(self.world, dev), rect);

            let wire = &self.grid.wires[wire];
            let (leaf_dev, _) = self.group.leaves[wire.leaf].wires[wire.wire];
            let pod = self.pod_rect(wire.leaf, at, bands);
            let mut points = vec![Point::new(at.x + wire.from_x, pod.bottom() - 2 - CHIP_H / 2)];
            if let Some((lane, down_x)) = wire.around {
                let lane_y = pod.bottom() + self.grid.row_gap - lane;
                points.push(Point::new(at.x + wire.from_x, lane_y));
                points.push(Point::new(at.x + down_x, lane_y));
            }
            if let Some(lane) = item.descent.and_then(|descent| descent.lane) {
                let lane_y = pods_bottom + 12 + int(lane) * LANE;
                points.push(Point::new(at.x + wire.below_x(), lane_y));
                points.push(Point::new(x, lane_y));
            }
            points.push(rect.centre());
            push_wire(layout, (leaf_dev, dev, WireKind::Veth), points);
            if let Some(bridge) = item.bridge {
                let bar_y = at.y + bands.bar_y() + BAR_H / 2;
                let points = vec![rect.centre(), Point::new(x, bar_y)];
                push_wire(layout, (dev, self.group.hub.bridges[bridge], WireKind::Port), points);
            }
        }
    }

    fn draw_uplinks(&self, at: Point, bands: Bands, layout: &mut Layout) {
        let y = at.y + bands.hub_bottom() - CHIP_H;
        for (&(dev, bridge), (label, w, x)) in self.group.hub.uplinks.iter().zip(&self.bottom.chips)
        {
            let rect = Rect::around(at.x + x, y, *w, CHIP_H);
            push_device(self.world, layout, dev, label, rect);
            if let Some(bridge) = bridge {
                let (left, right) = self.bars[bridge];
                let from_x = at.x + (*x).clamp(left + 8, (right - 8).max(left + 8));
                let bar_y = at.y + bands.bar_y() + BAR_H / 2;
                let lane_y = at.y + bands.middle_y() - GAP / 2;
                let points = vec![
                    rect.centre(),
                    Point::new(at.x + x, lane_y),
                    Point::new(from_x, lane_y),
                    Point::new(from_x, bar_y),
                ];
                let ends = (dev, self.group.hub.bridges[bridge], WireKind::Port);
                push_wire(layout, ends, points);
            }
        }
    }

    fn draw_host_pods(&self, at: Point, bands: Bands, layout: &mut Layout) {
        let ns = self.group.hub.ns;
        for (pod, rect) in self.group.hub.pods.iter().zip(&self.hosts.rects) {
            let y = at.y + bands.middle_y() + rect.y;
            let rect = Rect { x: at.x + rect.x, y, ..*rect };
            let title = fit(&pod.title, CHIP_FONT, rect.w - 14);
            layout.host_pods.push(HostPodBox { ns, title, rect });
            let area = Rect::new(rect.x, rect.y + 22, rect.w, rect.h);
            for (label, place) in pod.containers.iter().zip(container_rects(&pod.containers, area))
            {
                layout.containers.push(container(ns, label, place));
            }
        }
    }

    /// The IP stack and its ways to the devices that are no bridge's ports.
    fn draw_route(&self, at: Point, bands: Bands, layout: &mut Layout) {
        let Some(route_x) = self.bottom.route_x else { return };
        let hub = &self.group.hub;
        let place = Point::new(at.x + route_x, at.y + bands.middle_y());
        let Some(mut stack) = hub.shape.draw(self.world, hub.ns, place) else { return };
        let above_y = at.y + bands.middle_y() - GAP / 2;
        let below_y = at.y + bands.hub_bottom() - CHIP_H - GAP / 2;
        for (&bridge, &(left, right)) in hub.bridges.iter().zip(&self.bars) {
            let (left, right) = (at.x + left + 8, at.x + (right - 8).max(left + 8));
            let y = at.y + bands.bar_y() + BAR_H / 2;
            stack.join(bridge, above_y, |x| Point::new(x.clamp(left, right), y));
        }
        for item in self.tops.items.iter().filter(|item| item.bridge.is_none()) {
            let Some(chip) = item.dev.and_then(|dev| Some((dev, layout.devices.get(dev)?))) else {
                continue;
            };
            let end = chip.1.rect.centre();
            stack.join(chip.0, above_y, |_| end);
        }
        for &(dev, bridge) in &hub.uplinks {
            let Some(chip) = layout.devices.get(dev).filter(|_| bridge.is_none()) else {
                continue;
            };
            let end = chip.rect.centre();
            stack.join(dev, below_y, |_| end);
        }
        layout.routes.push(stack.drawn);
    }
}

/// Adds a drawn device; its kind follows from what it is and where it stands.
pub(super) fn push_device(world: &World, layout: &mut Layout, dev: DevId, label: &str, rect: Rect) {
    let device = &world.devices[dev];
    let in_leaf = layout.netns_box(device.ns).is_some_and(|it| it.kind == NetnsKind::Leaf);
    let kind = match device.kind {
        DeviceKind::Loopback => ChipKind::Loopback,
        DeviceKind::Bridge(_) => ChipKind::Bridge,
        DeviceKind::Ethernet { .. } => ChipKind::Eth,
        DeviceKind::Vxlan(_) => ChipKind::Tunnel,
        DeviceKind::Veth { .. } if in_leaf => ChipKind::Eth,
        DeviceKind::Veth { .. } => ChipKind::Veth,
    };
    let label = fit(label, CHIP_FONT, rect.w - 4);
    let (name, about) = (world.device_name(dev), about(world, dev));
    layout.devices.insert(dev, DeviceBox { name, kind, label, about, rect });
}

pub(super) fn push_wire(
    layout: &mut Layout,
    (a, b, kind): (DevId, DevId, WireKind),
    points: Vec<Point>,
) {
    layout.wires.push(WireLine { a, b, kind, points: simplify(points) });
}

/// `veth0, veth pair end in node-1, bridge port of vbr0`.
fn about(world: &World, dev: DevId) -> String {
    let device = &world.devices[dev];
    let what = match device.kind {
        DeviceKind::Loopback => "loopback",
        DeviceKind::Veth { .. } => "veth pair end",
        DeviceKind::Ethernet { .. } => "network card",
        DeviceKind::Bridge(_) => "bridge",
        DeviceKind::Vxlan(_) => "VXLAN tunnel",
    };
    let mut about = format!("{}, {what} in {}", device.name, world.netns[device.ns].name);
    if let Some(port) = device.port {
        about.push_str(", bridge port of ");
        about.push_str(&world.devices[port.bridge].name);
    }
    let address = address(world, dev);
    if !address.is_empty() {
        about.push_str(", ");
        about.push_str(&address);
    }
    about
}

fn name(world: &World, dev: DevId) -> String {
    world.devices[dev].name.to_string()
}

/// The device's first address, or nothing.
fn address(world: &World, dev: DevId) -> String {
    let addrs = &world.netns[world.devices[dev].ns].addrs;
    addrs.iter().find(|addr| addr.dev == dev).map(|addr| addr.local.to_string()).unwrap_or_default()
}

/// `eth0 10.244.1.2`.
fn full_label(world: &World, dev: DevId) -> String {
    format!("{} {}", name(world, dev), address(world, dev)).trim_end().to_owned()
}

pub(super) fn chip_width(label: &str) -> i32 {
    text_width(label, CHIP_FONT) + CHIP_PAD
}

/// Middle of the `index`th of `count` chips along an edge of this width.
fn port_x(width: i32, index: usize, count: usize) -> i32 {
    width * (2 * int(index) + 1) / (2 * int(count).max(1))
}

fn leaf_needs(leaf: &Leaf) -> i32 {
    let title = text_width(&leaf.title, TITLE_FONT).min(POD_TITLE_MAX) + 2 * POD_PAD + LO_W + 6;
    // A device's address is what a reader looks for, so the box is made wide enough for the usual one.
    let chips = int(leaf.wires.len()) * (chip_width("eth0 10.244.10.2") + 4);
    title.max(chips).max(POD_MIN_W)
}

fn leaf_height(leaf: &Leaf, pod_w: i32) -> i32 {
    let area = Rect::new(0, 0, pod_w, 0);
    let containers = container_rects(&leaf.containers, area);
    let below = containers.last().map_or(0, |last| last.bottom() + 28);
    POD_TITLE_H + below.max(8) + CHIP_H + 2
}

fn host_pod_height(pod: &HostPod, w: i32) -> i32 {
    let containers = container_rects(&pod.containers, Rect::new(0, 0, w, 0));
    22 + containers.last().map_or(4, |last| last.bottom() + 8)
}

fn container(ns: NsId, label: &str, rect: Rect) -> ContainerBox {
    ContainerBox { ns, label: fit(label, CHIP_FONT, rect.w - 8), full: label.to_owned(), rect }
}

/// Containers in centred rows from the upper edge of `area`.
fn container_rects(labels: &[String], area: Rect) -> Vec<Rect> {
    let room = area.w - 2 * POD_PAD;
    let mut rows: Vec<Vec<i32>> = Vec::new();
    for label in labels {
        let w = (text_width(label, CHIP_FONT) + 20).clamp(60, room.max(60));
        match rows.last_mut() {
            Some(row) if row.iter().map(|w| w + CONTAINER_GAP).sum::<i32>() + w <= room => {
                row.push(w);
            }
            _ => rows.push(vec![w]),
        }
    }
    let mut out = Vec::with_capacity(labels.len());
    for (index, row) in rows.iter().enumerate() {
        let row_w = row.iter().map(|w| w + CONTAINER_GAP).sum::<i32>() - CONTAINER_GAP;
        let mut x = area.x + (area.w - row_w) / 2;
        for &w in row {
            let y = area.y + int(index) * (CONTAINER_H + CONTAINER_GAP);
            out.push(Rect::new(x, y, w, CONTAINER_H));
            x += w + CONTAINER_GAP;
        }
    }
    out
}

/// Counts are small; one too large for the drawing is drawn at its edge.
pub(super) fn int(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 4096)
}
