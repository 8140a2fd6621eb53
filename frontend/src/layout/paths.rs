//! The ways along which a packet glides, from the middle of one device to the middle of the next.

use everyhop_engine::base::DevId;

use super::geometry::{Point, Rect, simplify};
use super::{ChipKind, ContainerBox, DeviceBox, Layout, NetnsKind, RouteBox};

/// How far from its device a packet comes to be that no program sent.
const STACK_STEP: i32 = 22;
/// The same at `lo`, close below which containers have their names.
const LOOP_STEP: i32 = 8;

/// Who makes a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Program,
    /// The IP stack.
    Stack,
    /// The neighbour table, which sends without asking any rules.
    Neighbour,
}

impl Layout {
    /// Over a wire, or from a port into its bridge and out again; `lo` leads to itself.
    pub fn wire_way(&self, from: DevId, to: DevId) -> Vec<Point> {
        if from == to {
            return self.devices.get(from).map(|it| loop_around(it.rect)).unwrap_or_default();
        }
        self.wire_between(from, to).unwrap_or_else(|| self.straight(from, to))
    }

    /// Through the IP stack from one device to another of the same namespace.
    pub fn forward_way(&self, from: DevId, to: DevId) -> Vec<Point> {
        let way = self.routes.iter().find_map(|it| it.forward(from, to));
        way.unwrap_or_else(|| self.straight(from, to))
    }

    /// From a tunnel device, as a datagram that this host sends, to the device it leaves by.
    pub fn wrapped_way(&self, from: DevId, to: DevId) -> Vec<Point> {
        let (Some(tunnel), Some(stack)) = (self.devices.get(from), self.stack_of(to)) else {
            return self.straight(from, to);
        };
        let mut way = stack.sent(to).unwrap_or_default();
        if let Some(&start) = way.first() {
            way.splice(0..0, beside(tunnel.rect, start));
        }
        simplify(way)
    }

    /// From the device a datagram came by, as one for this host, to the tunnel device that it was for.
    pub fn unwrapped_way(&self, from: DevId, to: DevId) -> Vec<Point> {
        let (Some(tunnel), Some(stack)) = (self.devices.get(to), self.stack_of(from)) else {
            return self.straight(from, to);
        };
        let mut way = stack.delivered(from).unwrap_or_default();
        if let Some(&end) = way.last() {
            way.extend(beside(tunnel.rect, end).into_iter().rev());
        }
        simplify(way)
    }

    fn stack_of(&self, dev: DevId) -> Option<&RouteBox> {
        self.routes.iter().find(|it| it.out.contains_key(dev))
    }

    /// From where a packet comes to be to the device it will leave by: a container where a program sends it, else the
    /// IP stack.
    pub fn origin_way(&self, dev: DevId, by: Origin) -> Vec<Point> {
        let Some(device) = self.devices.get(dev) else { return Vec::new() };
        let netns = self.netns.iter().find(|it| device.name.starts_with(&format!("{}/", it.name)));
        let Some(netns) = netns else { return vec![device.rect.centre()] };
        let stack = self.stack_of(dev).and_then(|stack| stack.sent(dev));
        let program = self.containers.iter().find(|c| by == Origin::Program && c.ns == netns.ns);
        match (program, stack) {
            (Some(program), Some(sent)) => through_stack(program, sent),
            (Some(program), None) => from_program(program.rect, device),
            (None, Some(sent)) if by != Origin::Neighbour => sent,
            (None, _) => from_stack(device, netns.kind),
        }
    }

    fn straight(&self, from: DevId, to: DevId) -> Vec<Point> {
        let (Some(a), Some(b)) = (self.devices.get(from), self.devices.get(to)) else {
            return Vec::new();
        };
        let (a, b) = (a.rect.centre(), b.rect.centre());
        simplify(vec![a, Point::new(b.x, a.y), b])
    }
}

/// Out at the corner where packets leave `lo`, around below it, and in again from the side.
fn loop_around(rect: Rect) -> Vec<Point> {
    let out = corner(rect);
    let (side, below) = (rect.right() + 6, rect.bottom() + LOOP_STEP);
    vec![
        out,
        Point::new(out.x, below),
        Point::new(side, below),
        Point::new(side, rect.centre().y),
        Point::new(rect.right(), rect.centre().y),
    ]
}

/// Where a packet on `lo` rests: a box so small has no room for it beside its name.
const fn corner(rect: Rect) -> Point {
    Point::new(rect.x + 1, rect.bottom())
}

fn from_program(program: Rect, device: &DeviceBox) -> Vec<Point> {
    let (start, end) = (program.centre(), device.rect.centre());
    let below = device.rect.y >= program.bottom();
    let y = if below { program.bottom() } else { program.y };
    let turn_y = if below { device.rect.y - 9 } else { program.y.min(device.rect.bottom() + 9) };
    // A bridge is met wherever it is nearest; rounding must not bend a straight way.
    let (x, end_x) = if device.kind == ChipKind::Bridge {
        let near = start.x.clamp(device.rect.x, device.rect.right());
        (near, near)
    } else if device.kind == ChipKind::Loopback {
        (start.x, corner(device.rect).x)
    } else if (start.x - end.x).abs() <= 2 {
        (end.x, end.x)
    } else {
        (start.x, end.x)
    };
    simplify(vec![
        Point::new(x, y),
        Point::new(x, turn_y),
        Point::new(end_x, turn_y),
        Point::new(end_x, end.y),
    ])
}

fn through_stack(program: &ContainerBox, sent: Vec<Point>) -> Vec<Point> {
    let Some(&hook) = sent.first() else { return Vec::new() };
    let (start, turn_y) = (program.rect.centre(), hook.y - 30);
    let mut points = vec![
        Point::new(start.x, program.rect.y),
        Point::new(start.x, turn_y),
        Point::new(hook.x, turn_y),
    ];
    points.extend(sent);
    simplify(points)
}

/// From a device's middle to the side of a point below or above it.
fn beside(device: Rect, point: Point) -> Vec<Point> {
    let centre = device.centre();
    let lane_y = if point.y < device.y { device.y - 16 } else { device.bottom() + 16 };
    vec![centre, Point::new(centre.x, lane_y), Point::new(point.x, lane_y)]
}

/// A leaf's stack is between `lo` and its other devices, a hub's below its bridges.
fn from_stack(device: &DeviceBox, netns: NetnsKind) -> Vec<Point> {
    let centre = device.rect.centre();
    let from_below = match device.kind {
        ChipKind::Bridge | ChipKind::Veth => netns == NetnsKind::Hub,
        ChipKind::Eth if netns == NetnsKind::Outside => true,
        ChipKind::Loopback => netns == NetnsKind::Leaf,
        ChipKind::Eth | ChipKind::Tunnel | ChipKind::Port | ChipKind::Network => false,
    };
    let step = if device.kind == ChipKind::Loopback { LOOP_STEP } else { STACK_STEP };
    let y = if from_below { device.rect.bottom() + step } else { device.rect.y - step };
    let x = if device.kind == ChipKind::Loopback { corner(device.rect).x } else { centre.x };
    vec![Point::new(x, y), Point::new(x, centre.y)]
}
