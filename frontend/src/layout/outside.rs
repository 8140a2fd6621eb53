//! Machines on the network that are none of the cluster's: load balancers, and the way out to the internet. They stand
//! in a column, each cabled to the one before: beside the nodes with the network at its foot, on a phone below it.

use everyhop_engine::base::DevId;
use everyhop_engine::link::DeviceKind;
use everyhop_engine::world::World;

use super::geometry::{Point, Rect, text_width};
use super::group::{CHIP_H, LO_H, LO_W, chip_width, push_device, push_wire};
use super::plan::Outside;
use super::stack::Shape;
use super::{Layout, NetnsBox, NetnsKind, WireKind};

/// Between two machines.
pub(super) const GAP: i32 = 22;
const PAD: i32 = 12;
const LANE: i32 = 11;
const FOOT_H: i32 = 30;
const TITLE_FONT: i32 = 13;
/// Room at the right edge for the cable of a machine farther from the network.
const COLUMN: i32 = 42;

/// Where the machines stand, from the upper left corner of all.
pub(super) struct Arranged<'a> {
    world: &'a World,
    machines: Vec<Machine<'a>>,
    /// Whether the network is above them.
    below: bool,
    pub w: i32,
    pub h: i32,
}

struct Machine<'a> {
    plan: &'a Outside,
    shape: Shape,
    rect: Rect,
    back: Rect,
    onward: Option<Rect>,
    /// The network is what `back` leads to.
    hangs: bool,
}

/// `phone`: how wide it may be where the network is above.
pub(super) fn arrange<'a>(
    world: &'a World,
    outside: &'a [Outside],
    phone: Option<i32>,
) -> Arranged<'a> {
    let below = phone.is_some();
    let gated = if below { Shape::Row } else { Shape::Square };
    let shape_of = |plan: &Outside| Shape::of(world, plan.ns, plan.onward.is_some(), gated);
    let needs = |plan: &Outside| {
        let chip_w = chip_width(&world.devices[plan.back].name) + 8;
        let title = text_width(&plan.title, TITLE_FONT);
        title.max(shape_of(plan).size().0) + chip_w + 2 * PAD
    };
    let widest = outside.iter().map(needs).max().unwrap_or(0) + COLUMN;
    let w = phone.unwrap_or(widest);
    // The nearest to the network last, or first where the network is above.
    let order: Vec<usize> = match phone {
        Some(_) => (0..outside.len()).collect(),
        None => (0..outside.len()).rev().collect(),
    };
    let mut machines: Vec<Machine<'a>> = Vec::new();
    let mut y = 0;
    for index in order {
        let plan = &outside[index];
        let shape = shape_of(plan);
        let before = index.checked_sub(1).and_then(|before| outside.get(before));
        let hangs = !before.is_some_and(|before| leads_to(world, before, plan));
        let in_chain = !hangs || outside.get(index + 1).is_some_and(|it| leads_to(world, plan, it));
        let w = if in_chain { w } else { w - COLUMN };
        let head = if below || plan.onward.is_some() { 2 + CHIP_H } else { 6 };
        let stack_h = match shape {
            Shape::None => 0,
            Shape::Plain | Shape::Row | Shape::Square => 2 * LANE + shape.size().1,
        };
        let rect = Rect::new(0, y, w, head + stack_h + FOOT_H);
        let chip = |dev: DevId, top: bool| {
            let w = chip_width(&world.devices[dev].name);
            // Where the network is above, the cable of the way out passes at the right.
            let right = in_chain || !below;
            let x = if right { rect.right() - PAD - w } else { rect.x + PAD };
            Rect::new(x, if top { rect.y + 2 } else { rect.bottom() - CHIP_H - 2 }, w, CHIP_H)
        };
        let back = chip(plan.back, below);
        let onward = plan.onward.map(|dev| chip(dev, !below));
        y = rect.bottom() + GAP;
        machines.push(Machine { plan, shape, rect, back, onward, hangs });
    }
    Arranged {
        world,
        w: machines.iter().map(|it| it.rect.w).max().unwrap_or(0),
        machines,
        below,
        h: (y - GAP).max(0),
    }
}

fn leads_to(world: &World, from: &Outside, to: &Outside) -> bool {
    from.onward.and_then(|dev| world.devices[dev].kind.peer()) == Some(to.back)
}

impl Arranged<'_> {
    /// Whether they stand beside the nodes.
    pub(super) fn is_beside(&self) -> bool {
        !self.below && !self.machines.is_empty()
    }

    pub(super) fn is_below(&self) -> bool {
        self.below && !self.machines.is_empty()
    }

    /// The devices that hang on the network, with the edge of each that the network is nearest to.
    pub(super) fn hanging(&self) -> impl Iterator<Item = (DevId, Point)> {
        let edge = |chip: Rect| if self.below { chip.y } else { chip.bottom() };
        let hanging = self.machines.iter().filter(|it| it.hangs);
        hanging.map(move |it| (it.plan.back, Point::new(it.back.centre().x, edge(it.back))))
    }

    /// Draws everything with its upper left corner at `at`.
    pub(super) fn draw(&self, at: Point, layout: &mut Layout) {
        for machine in &self.machines {
            self.draw_machine(machine, at, layout);
        }
        for from in &self.machines {
            let Some((dev, chip)) = from.plan.onward.zip(from.onward) else { continue };
            let peer = self.world.devices[dev].kind.peer();
            let Some(to) = self.machines.iter().find(|it| Some(it.plan.back) == peer) else {
                continue;
            };
            let kind = match self.world.devices[dev].kind {
                DeviceKind::Ethernet { .. } => WireKind::Cable,
                DeviceKind::Veth { .. }
                | DeviceKind::Loopback
                | DeviceKind::Bridge(_)
                | DeviceKind::Vxlan(_) => WireKind::Veth,
            };
            let (a, b) = (shifted(chip, at).centre(), shifted(to.back, at).centre());
            push_wire(layout, (dev, to.plan.back, kind), vec![a, Point::new(a.x, b.y), b]);
        }
    }

    fn draw_machine(&self, machine: &Machine<'_>, at: Point, layout: &mut Layout) {
        let (plan, rect) = (machine.plan, shifted(machine.rect, at));
        let (netns, title_y) = (&self.world.netns[plan.ns], rect.bottom() - 10);
        let chips: Vec<(DevId, Rect)> = [(plan.back, machine.back)]
            .into_iter()
            .chain(plan.onward.zip(machine.onward))
            .map(|(dev, chip)| (dev, shifted(chip, at)))
            .collect();
        let in_foot = chips.iter().find(|(_, chip)| chip.y > title_y - CHIP_H);
        let right = in_foot.filter(|(_, chip)| chip.x > rect.centre().x);
        let left = in_foot.filter(|(_, chip)| chip.x <= rect.centre().x);
        layout.netns.push(NetnsBox {
            ns: plan.ns,
            name: netns.name.to_string(),
            kind: NetnsKind::Outside,
            title: plan.title.clone(),
            title_at: Point::new(left.map_or(rect.x, |(_, it)| it.right()) + PAD, title_y),
            word_at: None,
            rect,
        });
        // Beside the title where that leaves room, else above it.
        let lo_x = right.map_or(rect.right() - PAD, |(_, chip)| chip.x - 8) - LO_W;
        let title_end =
            left.map_or(rect.x, |(_, it)| it.right()) + PAD + text_width(&plan.title, TITLE_FONT);
        let lo_y = if title_end + 4 <= lo_x { title_y - LO_H + 4 } else { rect.y + 6 };
        let lo = Rect::new(lo_x, lo_y, LO_W, LO_H);
        push_device(self.world, layout, netns.lo, "lo", lo);
        let (stack_w, _) = machine.shape.size();
        let head = if self.below || plan.onward.is_some() { 2 + CHIP_H } else { 6 };
        let middle = if self.below { rect.centre().x } else { rect.x + PAD + stack_w / 2 };
        let stack_at = Point::new(middle, rect.y + head + 2 * LANE);
        let mut stack = machine.shape.draw(self.world, plan.ns, stack_at);
        for (dev, chip) in chips {
            let name = self.world.devices[dev].name.to_string();
            push_device(self.world, layout, dev, &name, chip);
            // Gates in two rows are met from above, also by who comes from below.
            let from_below = chip.y > stack_at.y && machine.shape != Shape::Square;
            let lane_y = if from_below { chip.y - LANE } else { stack_at.y - LANE };
            if let Some(stack) = &mut stack {
                stack.join(dev, lane_y, |_| chip.centre());
            }
        }
        layout.routes.extend(stack.map(|it| it.drawn));
    }
}

fn shifted(rect: Rect, by: Point) -> Rect {
    Rect::new(rect.x + by.x, rect.y + by.y, rect.w, rect.h)
}
