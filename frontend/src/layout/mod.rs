//! Where everything stands: positions of boxes, devices and wires, computed from the world. Pure and deterministic;
//! knows no browser and no packet.
//!
//! A hub namespace (a node's root namespace, a router, a switch) stands below those whose wires all lead to it (its
//! pods). Hubs stand side by side; what joins them runs below:
//!
//! ```text
//! ┌ node-1 ────────────┐ ┌ node-2 ──┐
//! │ ┌ pod ─┐  ┌ pod ─┐ │ │ ┌ pod ─┐ │   leaves, in rows
//! │ └[eth0]┘  └[eth0]┘ │ │ └[eth0]┘ │
//! │     │         │    │ │     │    │   manifold
//! │ ┌[veth0]───[veth1]┐│ │ ┌[veth0]┐│   top devices
//! │ │ ═══ vbr0 ═══════ ││ │ │═vbr0══││   bridges
//! │ │      (route)     ││ │ │(route)││   middle: IP stack, pods with the node's network
//! │ └─────[eth0]───────┘│ │ └[eth0]─┘│   bottom: uplinks
//! └─────────┼──────────┘ └─────┼────┘
//!      (════╧══ network ═══════╧════)
//! ```

mod agents;
mod cluster;
mod geometry;
mod group;
mod kube;
mod manifold;
mod outside;
mod paths;
mod place;
mod plan;
mod stack;

use everyhop_engine::base::{DevId, Hook, NsId, SortedMap};
use everyhop_engine::world::World;

pub use agents::{API_SERVER, AgentBox};
pub use cluster::{ClusterView, NodeView, OutsideView, PodView};
pub use geometry::{Point, Rect, fit, simplify, text_width, until_crossing, until_entry};
pub use paths::Origin;

/// A drawing without colours: what stands where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// Size of the whole drawing in SVG user units.
    pub width: i32,
    pub height: i32,
    pub machines: Vec<Machine>,
    /// The box around the control plane, and the programs in it and on the machines; the API server first.
    pub plane: Option<Machine>,
    pub agents: Vec<AgentBox>,
    pub netns: Vec<NetnsBox>,
    /// Pods in their node's own network namespace.
    pub host_pods: Vec<HostPodBox>,
    pub containers: Vec<ContainerBox>,
    pub devices: SortedMap<DevId, DeviceBox>,
    pub wires: Vec<WireLine>,
    /// Cables whose other end is not in the model.
    pub loose_ends: Vec<Vec<Point>>,
    pub routes: Vec<RouteBox>,
    /// Where names stand, which nothing that moves should cover.
    pub labels: Vec<Rect>,
}

/// The box around a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    pub title: String,
    pub address: String,
    pub rect: Rect,
}

/// A network namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetnsBox {
    pub ns: NsId,
    /// As `ip netns` lists it.
    pub name: String,
    pub kind: NetnsKind,
    pub title: String,
    /// Where the title's baseline begins; its middle for [`NetnsKind::Network`].
    pub title_at: Point,
    /// Where the word `netns` ends, where there is room for it.
    pub word_at: Option<Point>,
    pub rect: Rect,
}

/// How a namespace is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NetnsKind {
    /// On top of a hub: a pod.
    Leaf,
    /// Others hang on it: a node's root namespace.
    Hub,
    /// The pill between machines.
    Network,
    /// None of the cluster's: a load balancer, the internet.
    Outside,
    /// A node's root namespace whose inside is not drawn.
    Folded,
}

/// A pod without a network namespace of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPodBox {
    pub ns: NsId,
    pub title: String,
    pub rect: Rect,
}

/// A container, with its pod's network namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContainerBox {
    pub ns: NsId,
    /// Shortened to what fits.
    pub label: String,
    pub full: String,
    pub rect: Rect,
}

/// A network device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceBox {
    /// `node-1/veth0`.
    pub name: String,
    pub kind: ChipKind,
    /// Shortened to what fits.
    pub label: String,
    /// For who cannot see the drawing: `veth0, veth pair end in node-1, bridge port of vbr0`.
    pub about: String,
    pub rect: Rect,
}

/// How a device is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChipKind {
    /// A namespace's way out: a pod's `eth0`, a machine's network card.
    Eth,
    /// A hub's end of a veth pair.
    Veth,
    Bridge,
    /// An end of a VXLAN tunnel.
    Tunnel,
    Loopback,
    /// A socket of the network between machines.
    Port,
    /// The network between machines itself.
    Network,
}

/// How two devices are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireKind {
    /// The two ends of a veth pair.
    Veth,
    /// An Ethernet cable.
    Cable,
    /// A port and its bridge.
    Port,
}

/// A wire or a bridge port's membership, from the middle of one device to the middle of the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireLine {
    pub a: DevId,
    pub b: DevId,
    pub kind: WireKind,
    pub points: Vec<Point>,
}

/// The IP stack of a namespace: where it routes and the hooks at which its rules look at packets. Every way goes from
/// the middle of one thing to the middle of the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteBox {
    pub ns: NsId,
    /// Where it routes.
    pub rect: Rect,
    /// Hooks that have rules.
    pub gates: Vec<(Hook, Rect)>,
    /// From each device that has the stack behind it, past `PREROUTING`, to where it routes.
    pub into: SortedMap<DevId, Vec<Point>>,
    /// From `POSTROUTING` to each device; without gates, from where it routes.
    pub out: SortedMap<DevId, Vec<Point>>,
    /// From where it routes, past `FORWARD`, to `POSTROUTING`.
    pub through: Vec<Point>,
    /// From where it routes to `INPUT`.
    pub to_local: Vec<Point>,
    /// From `OUTPUT` to `POSTROUTING`.
    pub from_local: Vec<Point>,
}

impl Layout {
    /// The box of a namespace.
    pub fn netns_box(&self, ns: NsId) -> Option<&NetnsBox> {
        self.netns.iter().find(|it| it.ns == ns)
    }

    /// Where a hook is drawn.
    pub fn gate(&self, ns: NsId, hook: Hook) -> Option<Rect> {
        let stack = self.routes.iter().find(|it| it.ns == ns)?;
        stack.gates.iter().find(|(it, _)| *it == hook).map(|&(_, rect)| rect)
    }

    fn named(&self) -> Vec<Rect> {
        let written = |at: Point, text: &str, font: i32| {
            Rect::new(at.x, at.y - font, text_width(text, font), font + 4)
        };
        let pill = |it: &DeviceBox| Rect::around(it.rect.centre().x, it.rect.y + 10, 150, 22);
        let mut named: Vec<Rect> = Vec::new();
        for device in self.devices.values() {
            named.push(if device.kind == ChipKind::Network { pill(device) } else { device.rect });
        }
        named.extend(self.routes.iter().flat_map(RouteBox::boxes));
        named.extend(self.routes.iter().flat_map(|it| &it.gates).map(|&(hook, r)| says(hook, r)));
        named.extend(self.agents.iter().map(|it| it.rect));
        named.extend(self.containers.iter().map(|it| it.rect));
        named.extend(self.host_pods.iter().map(|it| it.rect));
        let titled = self.netns.iter().filter(|it| it.kind != NetnsKind::Network);
        named.extend(titled.map(|it| written(it.title_at, &it.title, 13)));
        let machines = self.machines.iter();
        named.extend(machines.map(|it| {
            let at = Point::new(it.rect.x + 16, it.rect.y + 25);
            written(at, &format!("{}  {}", it.title, it.address), 14)
        }));
        named
    }

    /// The wire or port membership between two devices, as drawn from `a` to `b`.
    fn wire_between(&self, a: DevId, b: DevId) -> Option<Vec<Point>> {
        self.wires.iter().find_map(|wire| {
            if (wire.a, wire.b) == (a, b) {
                Some(wire.points.clone())
            } else if (wire.a, wire.b) == (b, a) {
                Some(wire.points.iter().rev().copied().collect())
            } else {
                None
            }
        })
    }
}

/// Where it stands what a hook's rules made of a packet: below the hook, or above it where others stand below.
pub fn says(hook: Hook, gate: Rect) -> Rect {
    let y = if hook == Hook::Forward { gate.y - 15 } else { gate.bottom() + 2 };
    Rect::around(gate.centre().x, y, 52, 13)
}

/// Room there is to fill, in SVG user units; a drawing that needs more is larger.
struct Room {
    w: i32,
    h: i32,
    /// One machine below the other, nothing side by side that a phone cannot show.
    narrow: bool,
}

const WIDE: Room = Room { w: 868, h: 490, narrow: false };
const NARROW: Room = Room { w: 366, h: 640, narrow: true };

/// The smallest scale of a wide drawing.
const LEAST_PERCENT: i32 = 72;

/// More columns than this are never tried: longer rows do not read better.
const MAX_COLUMNS: usize = 12;
const MAX_PER_ROW: usize = 6;

/// Lays out a world. `narrow`: for a screen of 360 to 400 CSS pixels, where it shows 1:1.
pub fn lay_out(world: &World, cluster: &ClusterView, narrow: bool) -> Layout {
    let room = if narrow { NARROW } else { WIDE };
    let plan = plan::Plan::new(world, cluster);
    let most_leaves = plan.groups.iter().map(|group| group.leaves.len()).max().unwrap_or(0);
    let per_row = if narrow { 1 } else { plan.groups.len().clamp(1, MAX_PER_ROW) };
    let mut best: Option<Layout> = None;
    for per_row in 1..=per_row {
        for columns in 1..=most_leaves.clamp(1, MAX_COLUMNS) {
            let tried = place::place(world, &plan, &room, (per_row, columns));
            if best.as_ref().is_none_or(|best| cost(&tried, &room) < cost(best, &room)) {
                best = Some(tried);
            }
        }
    }
    let mut best = best.unwrap_or_default();
    best.labels = best.named();
    best
}

/// Smaller is better: on a phone, how far it is too wide, then how long it is; else how far it must be scrolled
/// sideways when it is as small as a reader can bear (stage.css), then how much it must shrink to be seen at once.
fn cost(layout: &Layout, room: &Room) -> (i32, i32) {
    if room.narrow {
        return ((layout.width - room.w).max(0), layout.height);
    }
    let hidden = (layout.width * LEAST_PERCENT / 100 - room.w).max(0);
    (hidden, (layout.width * room.h).max(layout.height * room.w))
}

#[cfg(test)]
pub(crate) mod tests;
