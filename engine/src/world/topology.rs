//! The world as a graph: devices as nodes; wires, bridge ports and shared namespaces as edges.

use petgraph::graphmap::UnGraphMap;

use super::World;
use crate::base::DevId;

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

/// An edge of the topology.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wire {
    pub a: DevId,
    pub b: DevId,
    pub kind: WireKind,
}

/// Devices joined by [`WireKind`]s.
pub type Topology = UnGraphMap<DevId, WireKind>;

impl World {
    /// The graph of all devices and what joins them.
    pub fn topology(&self) -> Topology {
        let mut graph = Topology::new();
        for (dev, _) in self.devices.iter() {
            graph.add_node(dev);
        }
        for wire in self.wires() {
            graph.add_edge(wire.a, wire.b, wire.kind);
        }
        graph
    }

    /// All wires, each once, in the order of their first device.
    pub fn wires(&self) -> Vec<Wire> {
        let mut wires = Vec::new();
        for (a, device) in self.devices.iter() {
            if let Some(b) = device.kind.peer().filter(|&b| a < b) {
                let kind = match device.kind {
                    crate::link::DeviceKind::Ethernet { .. } => WireKind::Cable,
                    _ => WireKind::Veth,
                };
                wires.push(Wire { a, b, kind });
            }
            if let Some(port) = device.port {
                wires.push(Wire { a, b: port.bridge, kind: WireKind::Port });
            }
        }
        wires
    }
}
