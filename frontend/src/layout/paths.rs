//! The ways along which a packet glides, from the middle of one device to the middle of the next.

use everyhop_engine::base::DevId;

use super::geometry::{Point, Rect, simplify, until_entry};
use super::{ChipKind, ContainerBox, DeviceBox, Layout, NetnsKind, RouteBox};

/// How far from its device a packet comes to be that no program sent.
const STACK_STEP: i32 = 22;

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
        let route = self.routes.iter().find(|r| r.ways.contains_key(from));
        let ways = route.and_then(|r| Some((r.ways.get(from)?, r.ways.get(to)?)));
        let Some((there, back)) = ways else { return self.straight(from, to) };
        simplify(there.iter().rev().chain(back).copied().collect())
    }

    /// From where a packet comes to be to the device it will leave by: a container where a program sends it, else the
    /// IP stack.
    pub fn origin_way(&self, dev: DevId, by_program: bool) -> Vec<Point> {
        let Some(device) = self.devices.get(dev) else { return Vec::new() };
        let netns = self.netns.iter().find(|it| device.name.starts_with(&format!("{}/", it.name)));
        let Some(netns) = netns else { return vec![device.rect.centre()] };
        let route = self.routes.iter().find(|r| r.ways.contains_key(dev));
        let program = self.containers.iter().find(|c| by_program && c.ns == netns.ns);
        match (program, route) {
            (Some(program), Some(route)) => through_stack(program, route, dev),
            (Some(program), None) => from_program(program.rect, device),
            (None, Some(route)) => out_of(route, dev),
            (None, None) => from_stack(device, netns.kind),
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

/// Out at the side and in again from below.
fn loop_around(rect: Rect) -> Vec<Point> {
    let centre = rect.centre();
    let (side, below) = (rect.right() + 6, rect.bottom() + 8);
    vec![
        centre,
        Point::new(side, centre.y),
        Point::new(side, below),
        Point::new(centre.x, below),
        Point::new(centre.x, rect.bottom()),
    ]
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

fn through_stack(program: &ContainerBox, route: &RouteBox, dev: DevId) -> Vec<Point> {
    let (start, stack) = (program.rect.centre(), route.rect.centre());
    let turn_y = route.rect.y - 16;
    let mut points = vec![
        Point::new(start.x, program.rect.y),
        Point::new(start.x, turn_y),
        Point::new(stack.x, turn_y),
        stack,
    ];
    points.extend(route.ways.get(dev).into_iter().flatten());
    simplify(points)
}

/// From the edge of the IP stack's box.
fn out_of(route: &RouteBox, dev: DevId) -> Vec<Point> {
    let Some(way) = route.ways.get(dev) else { return Vec::new() };
    let back: Vec<Point> = way.iter().rev().copied().collect();
    let mut way = until_entry(&back, route.rect);
    way.reverse();
    way
}

/// A leaf's stack is between `lo` and its other devices, a hub's below its bridges.
fn from_stack(device: &DeviceBox, netns: NetnsKind) -> Vec<Point> {
    let centre = device.rect.centre();
    let from_below = match device.kind {
        ChipKind::Bridge | ChipKind::Veth => netns == NetnsKind::Hub,
        ChipKind::Loopback => netns == NetnsKind::Leaf,
        ChipKind::Eth | ChipKind::Port | ChipKind::Network => false,
    };
    let y = if from_below { device.rect.bottom() + STACK_STEP } else { device.rect.y - STACK_STEP };
    vec![Point::new(centre.x, y), centre]
}
