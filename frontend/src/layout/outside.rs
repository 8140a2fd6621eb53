//! Machines below the network that are none of the cluster's: load balancers, and the way out to the internet.
//!
//! Side by side where there is room, each cabled to its left neighbour; on a phone one below the other.

use everyhop_engine::base::DevId;
use everyhop_engine::link::DeviceKind;
use everyhop_engine::world::World;

use super::geometry::{Point, Rect, text_width};
use super::group::{CHIP_H, LO_H, LO_W, chip_width, push_device, push_wire};
use super::plan::Outside;
use super::stack::Shape;
use super::{Layout, NetnsBox, NetnsKind, WireKind};

/// Between two machines, and between them and the network.
pub(super) const GAP: i32 = 30;
const PAD: i32 = 12;
const LANE: i32 = 11;
const TITLE_H: i32 = 26;
const TITLE_FONT: i32 = 13;
/// Room at a phone's right edge for the cable of a machine below another.
const COLUMN: i32 = 38;

/// Where the machines stand, from the upper left corner of all.
pub(super) struct Arranged<'a> {
    world: &'a World,
    machines: Vec<Machine<'a>>,
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

pub(super) fn arrange<'a>(
    world: &'a World,
    outside: &'a [Outside],
    narrow: Option<i32>,
) -> Arranged<'a> {
    let mut machines: Vec<Machine<'a>> = Vec::new();
    let (mut x, mut y) = (0, 0);
    for (index, plan) in outside.iter().enumerate() {
        let gated = if narrow.is_some() { Shape::Row } else { Shape::Square };
        let shape = Shape::of(world, plan.ns, plan.onward.is_some(), gated);
        let hangs = !outside[..index].iter().any(|it| leads_to(world, it, plan));
        let ends = !hangs || outside.get(index + 1).is_some_and(|next| leads_to(world, plan, next));
        let (stack_w, stack_h) = shape.size();
        let chip_w = |dev: DevId| chip_width(&world.devices[dev].name);
        let w = match narrow {
            Some(room) if ends => room,
            Some(room) => room - COLUMN,
            None => (text_width(&plan.title, TITLE_FONT) + 2 * PAD + LO_W + 6)
                .max(stack_w + 2 * PAD)
                .max(2 * chip_w(plan.back) + 2 * PAD + 20),
        };
        let stack_h = if shape == Shape::None { 0 } else { 2 * LANE + stack_h };
        // On a phone the title stands beside the way on.
        let below = plan.onward.filter(|_| narrow.is_some()).map_or(0, |_| LANE);
        let rect = Rect::new(x, y, w, 2 + CHIP_H + stack_h + below + TITLE_H);
        let chip = |dev: DevId, right: bool, bottom: bool| {
            let w = chip_w(dev);
            let x = if right { rect.right() - PAD - w } else { rect.x + PAD };
            let y = if bottom { rect.bottom() - CHIP_H - 2 } else { rect.y + 2 };
            Rect::new(x, y, w, CHIP_H)
        };
        let back = chip(plan.back, narrow.is_some() && ends, false);
        let onward = plan.onward.map(|dev| chip(dev, true, narrow.is_some()));
        match narrow {
            Some(_) => y = rect.bottom() + GAP - 8,
            None => x = rect.right() + GAP,
        }
        machines.push(Machine { plan, shape, rect, back, onward, hangs });
    }
    let w = machines.iter().map(|it| it.rect.right()).max().unwrap_or(0);
    let h = machines.iter().map(|it| it.rect.bottom()).max().unwrap_or(0);
    Arranged { world, machines, w, h }
}

fn leads_to(world: &World, from: &Outside, to: &Outside) -> bool {
    from.onward.and_then(|dev| world.devices[dev].kind.peer()) == Some(to.back)
}

impl Arranged<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.machines.is_empty()
    }

    /// The devices that hang on the network, with the columns of their cables.
    pub(super) fn hanging(&self) -> impl Iterator<Item = (DevId, i32)> {
        let hanging = self.machines.iter().filter(|it| it.hangs);
        hanging.map(|it| (it.plan.back, it.back.centre().x))
    }

    /// Draws everything with its upper left corner at `at`.
    pub(super) fn draw(&self, at: Point, layout: &mut Layout) {
        for machine in &self.machines {
            self.draw_machine(machine, at, layout);
        }
        for pair in self.machines.windows(2) {
            let Some((dev, from)) = pair[0].plan.onward.zip(pair[0].onward) else { continue };
            let to = pair[1].back;
            if pair[1].hangs {
                continue;
            }
            let kind = match self.world.devices[dev].kind {
                DeviceKind::Ethernet { .. } => WireKind::Cable,
                DeviceKind::Veth { .. }
                | DeviceKind::Loopback
                | DeviceKind::Bridge(_)
                | DeviceKind::Vxlan(_) => WireKind::Veth,
            };
            let points = [from, to].map(|chip| shifted(chip, at).centre());
            push_wire(layout, (dev, pair[1].plan.back, kind), points.into());
        }
    }

    fn draw_machine(&self, machine: &Machine<'_>, at: Point, layout: &mut Layout) {
        let (plan, rect) = (machine.plan, shifted(machine.rect, at));
        let (netns, title_y) = (&self.world.netns[plan.ns], rect.bottom() - 9);
        layout.netns.push(NetnsBox {
            ns: plan.ns,
            name: netns.name.to_string(),
            kind: NetnsKind::Outside,
            title: plan.title.clone(),
            title_at: Point::new(rect.x + PAD, title_y),
            word_at: None,
            rect,
        });
        let below = machine.onward.filter(|chip| chip.y > machine.back.y);
        let lo_x = rect.right() - PAD - LO_W - below.map_or(0, |chip| chip.w + 10);
        let lo = Rect::new(lo_x, title_y - LO_H + 4, LO_W, LO_H);
        push_device(self.world, layout, netns.lo, "lo", lo);
        let stack_at = Point::new(rect.centre().x, rect.y + 2 + CHIP_H + 2 * LANE);
        let mut stack = machine.shape.draw(self.world, plan.ns, stack_at);
        let chips = [(plan.back, machine.back)].into_iter().chain(plan.onward.zip(machine.onward));
        for (dev, chip) in chips {
            let chip = shifted(chip, at);
            let name = self.world.devices[dev].name.to_string();
            push_device(self.world, layout, dev, &name, chip);
            if let Some(stack) = &mut stack {
                let lane_y = if chip.y > stack_at.y { chip.y - LANE } else { chip.bottom() + LANE };
                stack.join(dev, lane_y, |_| chip.centre());
            }
        }
        layout.routes.extend(stack.map(|it| it.drawn));
    }
}

fn shifted(rect: Rect, by: Point) -> Rect {
    Rect::new(rect.x + by.x, rect.y + by.y, rect.w, rect.h)
}
