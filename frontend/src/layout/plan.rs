//! Who stands where, without coordinates: which namespace is a hub with others on top of it, which one is the network
//! between machines, and what joins them.

use everyhop_engine::base::{DevId, Id as _, NsId, sort_by_number};
use everyhop_engine::link::DeviceKind;
use everyhop_engine::world::World;

use super::cluster::{ClusterView, NodeView, OutsideView, PodView};
use super::stack::Shape;

/// The whole stage.
pub(super) struct Plan {
    /// Whether the control plane is drawn.
    pub acts: bool,
    pub groups: Vec<Group>,
    pub network: Option<Network>,
    /// Below the network, from left to right: machines that hang on it, then the way out from it.
    pub outside: Vec<Outside>,
}

/// A machine below the network.
pub(super) struct Outside {
    pub ns: NsId,
    pub title: String,
    /// Leads to the network, or to the machine before.
    pub back: DevId,
    /// Leads to the next machine.
    pub onward: Option<DevId>,
}

/// A hub and the namespaces whose every wire leads to it; on a Kubernetes node the root namespace and its pods.
pub(super) struct Group {
    /// Title and address of the machine around it.
    pub machine: Option<(String, String)>,
    pub hub: Hub,
    pub leaves: Vec<Leaf>,
    /// Only the way in is drawn, and how many pods there are.
    pub folded: Option<usize>,
}

/// A namespace on top of a hub.
pub(super) struct Leaf {
    pub ns: NsId,
    pub title: String,
    pub containers: Vec<String>,
    /// Own device and the hub's at the other end.
    pub wires: Vec<(DevId, DevId)>,
}

/// A namespace that others hang on.
pub(super) struct Hub {
    pub ns: NsId,
    /// None for a machine's root namespace, whose title depends on the room there is.
    pub title: Option<String>,
    pub bridges: Vec<DevId>,
    /// Devices that lead to no leaf, with the bridge they are a port of.
    pub uplinks: Vec<(DevId, Option<usize>)>,
    pub pods: Vec<HostPod>,
    pub shape: Shape,
}

/// A pod without a network namespace of its own.
pub(super) struct HostPod {
    pub title: String,
    pub containers: Vec<String>,
}

/// The namespace that joins the machines: one bridge, every other device a port of it.
pub(super) struct Network {
    pub ns: NsId,
    pub bridge: DevId,
    pub title: String,
}

impl Plan {
    pub(super) fn new(world: &World, cluster: &ClusterView) -> Self {
        let mut roles = Roles {
            hubs: Vec::new(),
            parts: world.netns.iter().map(|_| Part::default()).collect(),
            network: None,
            outside: Vec::new(),
        };
        for node in &cluster.nodes {
            roles.claim_node(world, node);
        }
        roles.claim_network_between_machines(world);
        roles.claim_outside(world, cluster);
        roles.claim_rest(world);
        roles.into_plan(world, cluster)
    }
}

/// Which part each namespace plays.
struct Roles<'a> {
    /// In drawing order.
    hubs: Vec<NsId>,
    /// By the namespaces' indices.
    parts: Vec<Part<'a>>,
    network: Option<NsId>,
    outside: Vec<Outside>,
}

/// One namespace's part.
#[derive(Default)]
struct Part<'a> {
    machine: Option<&'a NodeView>,
    pod: Option<&'a PodView>,
    leaves: Vec<NsId>,
    /// Its place is settled.
    taken: bool,
}

impl<'a> Roles<'a> {
    fn claim_node(&mut self, world: &World, node: &'a NodeView) {
        let Some(root) = world.find_netns(&node.netns) else { return };
        let part = self.part(root);
        if part.taken {
            return;
        }
        (part.taken, part.machine) = (true, Some(node));
        self.hubs.push(root);
        for pod in &node.pods {
            let Some(ns) = world.find_netns(&pod.netns).filter(|&ns| ns != root) else { continue };
            let part = self.part(ns);
            part.pod = Some(pod);
            if !part.taken && is_leaf_of(world, ns, root) {
                part.taken = true;
                self.part(root).leaves.push(ns);
            }
        }
    }

    fn part(&mut self, ns: NsId) -> &mut Part<'a> {
        &mut self.parts[ns.index()]
    }

    fn claim_network_between_machines(&mut self, world: &World) {
        let found = world.netns.iter().map(|(ns, _)| ns).find(|&ns| {
            let is_machine = |n: &NsId| self.parts[n.index()].machine.is_some();
            !self.parts[ns.index()].taken
                && is_plain_bridge(world, ns)
                && neighbours(world, ns).iter().any(is_machine)
        });
        if let Some(ns) = found {
            self.part(ns).taken = true;
        }
        self.network = found;
    }

    /// What is wired as the cluster says: each machine to the network, or to the one before it.
    fn claim_outside(&mut self, world: &World, cluster: &ClusterView) {
        let Some(network) = self.network else { return };
        let mut found = Vec::new();
        let hanging = cluster.beside.iter().map(std::slice::from_ref);
        for chain in hanging.chain([&*cluster.outside]) {
            let Some(machines) = outside_chain(world, network, chain) else { return };
            found.extend(machines);
        }
        for machine in &found {
            self.part(machine.ns).taken = true;
        }
        self.outside = found;
    }

    /// The best connected first, so that those around it become its leaves.
    fn claim_rest(&mut self, world: &World) {
        let mut rest: Vec<_> = world.netns.iter().map(|(ns, _)| ns).collect();
        rest.retain(|ns| !self.parts[ns.index()].taken);
        sort_by_number(&mut rest, |&ns| u64::MAX - neighbours(world, ns).len() as u64);
        for ns in rest {
            let hub = self.hubs.iter().copied().find(|&hub| is_leaf_of(world, ns, hub));
            match hub {
                Some(hub) => self.part(hub).leaves.push(ns),
                None => self.hubs.push(ns),
            }
        }
        if self.network.is_none() {
            let bare = |part: &Part<'_>| part.leaves.is_empty() && part.machine.is_none();
            let joins = |ns: NsId| neighbours(world, ns).len() >= 2 && is_plain_bridge(world, ns);
            let mut hubs = self.hubs.iter().copied();
            self.network = hubs.find(|&ns| bare(&self.parts[ns.index()]) && joins(ns));
            self.hubs.retain(|&ns| Some(ns) != self.network);
        }
    }

    fn into_plan(mut self, world: &World, cluster: &ClusterView) -> Plan {
        if cluster.nodes.is_empty() {
            sort_by_number(&mut self.hubs, |ns| ns.index() as u64);
        }
        let groups = self.hubs.iter().map(|&hub| self.group(world, hub)).collect();
        let network = self.network.and_then(|ns| network(world, ns));
        Plan { acts: cluster.acts, groups, network, outside: self.outside }
    }

    fn group(&self, world: &World, hub: NsId) -> Group {
        let part = &self.parts[hub.index()];
        let machine = part.machine;
        let mut leaves = part.leaves.clone();
        if machine.is_none() {
            sort_by_number(&mut leaves, |ns| ns.index() as u64);
        }
        let leaves: Vec<Leaf> = leaves.into_iter().map(|ns| self.leaf(world, ns)).collect();
        if let Some(node) = machine.filter(|node| node.folded) {
            return folded(plan_hub(world, hub, &leaves, Vec::new(), true), node, world);
        }
        let pods = machine.map_or_else(
            // A pod that is wired unlike the others of its node.
            || part.pod.map(|pod| vec![host_pod(pod)]).unwrap_or_default(),
            |node| node.pods.iter().filter(|p| p.netns == node.netns).map(host_pod).collect(),
        );
        Group {
            machine: machine.map(|node| (node.title.clone(), node.address.clone())),
            hub: plan_hub(world, hub, &leaves, pods, machine.is_some()),
            leaves,
            folded: None,
        }
    }

    fn leaf(&self, world: &World, ns: NsId) -> Leaf {
        let pod = self.parts[ns.index()].pod;
        let wires = real_devices(world, ns)
            .filter_map(|dev| Some((dev, world.devices[dev].kind.peer()?)))
            .collect();
        Leaf {
            ns,
            title: pod.map_or_else(|| world.netns[ns].name.to_string(), |pod| pod.title.clone()),
            containers: pod.map(|pod| pod.containers.clone()).unwrap_or_default(),
            wires,
        }
    }
}

fn folded(mut hub: Hub, node: &NodeView, world: &World) -> Group {
    hub.title = Some(String::new());
    hub.shape = Shape::None;
    hub.bridges.clear();
    hub.uplinks
        .retain(|&(dev, bridge)| bridge.is_none() && world.devices[dev].kind.peer().is_some());
    Group {
        machine: Some((node.title.clone(), node.address.clone())),
        hub,
        leaves: Vec::new(),
        folded: Some(node.pods.len()),
    }
}

fn host_pod(pod: &PodView) -> HostPod {
    HostPod { title: pod.title.clone(), containers: pod.containers.clone() }
}

fn plan_hub(world: &World, ns: NsId, leaves: &[Leaf], pods: Vec<HostPod>, is_machine: bool) -> Hub {
    let bridges: Vec<DevId> = bridges(world, ns).collect();
    let mut to_leaf = vec![false; world.devices.len()];
    for &(_, hub_end) in leaves.iter().flat_map(|leaf| &leaf.wires) {
        to_leaf[hub_end.index()] = true;
    }
    let mut uplinks: Vec<_> = real_devices(world, ns)
        .filter(|dev| !to_leaf[dev.index()])
        .map(|dev| (dev, bridge_index(world, &bridges, dev)))
        .collect();
    sort_by_number(&mut uplinks, |&(_, bridge)| bridge.map_or(u64::MAX, |index| index as u64));
    let own = real_devices(world, ns).filter(|&dev| world.devices[dev].port.is_none()).count();
    Hub {
        ns,
        title: (!is_machine).then(|| world.netns[ns].name.to_string()),
        shape: Shape::of(world, ns, own + bridges.len() >= 2, Shape::Row),
        bridges,
        uplinks,
        pods,
    }
}

/// Index of the bridge that the device is a port of.
pub(super) fn bridge_index(world: &World, bridges: &[DevId], dev: DevId) -> Option<usize> {
    let port = world.devices[dev].port?;
    bridges.iter().position(|&bridge| bridge == port.bridge)
}

/// Machines of which each is cabled to the one before, the first to the network. None: they are wired otherwise.
fn outside_chain(world: &World, network: NsId, chain: &[OutsideView]) -> Option<Vec<Outside>> {
    let mut out: Vec<Outside> = Vec::new();
    let mut before = network;
    for (index, view) in chain.iter().enumerate() {
        let ns = world.find_netns(&view.netns)?;
        let to = |other: NsId| {
            let leads = |dev: &DevId| {
                let peer = world.devices[*dev].kind.peer();
                peer.is_some_and(|peer| world.devices[peer].ns == other)
            };
            real_devices(world, ns).find(leads)
        };
        let next = chain.get(index + 1).and_then(|next| world.find_netns(&next.netns));
        let (back, onward) = (to(before)?, next.and_then(to));
        let drawn = 1 + usize::from(onward.is_some());
        if real_devices(world, ns).count() != drawn || bridges(world, ns).next().is_some() {
            return None;
        }
        out.push(Outside { ns, title: view.title.clone(), back, onward });
        before = ns;
    }
    Some(out)
}

fn network(world: &World, ns: NsId) -> Option<Network> {
    let bridge = bridges(world, ns).next()?;
    let title = real_devices(world, ns)
        .filter_map(|port| world.devices[port].kind.peer())
        .find_map(|far| prefix_of(world, far))
        .map_or_else(|| "network".to_owned(), |prefix| format!("network {prefix}"));
    Some(Network { ns, bridge, title })
}

/// The connected prefix of a device's first address.
fn prefix_of(world: &World, dev: DevId) -> Option<String> {
    let addrs = &world.netns[world.devices[dev].ns].addrs;
    let addr = addrs.iter().find(|addr| addr.dev == dev)?;
    let mask = u32::MAX.checked_shl(32 - u32::from(addr.prefix_len)).unwrap_or(0);
    let network = std::net::Ipv4Addr::from(u32::from(addr.local) & mask);
    Some(format!("{network}/{}", addr.prefix_len))
}

/// Devices with a wire, and tunnels: neither `lo` nor a bridge.
fn real_devices(world: &World, ns: NsId) -> impl Iterator<Item = DevId> {
    world.netns[ns].devs.iter().copied().filter(|&dev| match world.devices[dev].kind {
        DeviceKind::Veth { .. } | DeviceKind::Ethernet { .. } | DeviceKind::Vxlan(_) => true,
        DeviceKind::Loopback | DeviceKind::Bridge(_) => false,
    })
}

fn bridges(world: &World, ns: NsId) -> impl Iterator<Item = DevId> {
    let devs = world.netns[ns].devs.iter().copied();
    devs.filter(|&dev| matches!(world.devices[dev].kind, DeviceKind::Bridge(_)))
}

/// Namespaces at the other ends of its wires.
fn neighbours(world: &World, ns: NsId) -> Vec<NsId> {
    let mut found = Vec::new();
    for peer in real_devices(world, ns).filter_map(|dev| world.devices[dev].kind.peer()) {
        let other = world.devices[peer].ns;
        if other != ns && !found.contains(&other) {
            found.push(other);
        }
    }
    found
}

fn is_leaf_of(world: &World, ns: NsId, hub: NsId) -> bool {
    let mut wired = false;
    let all_to_hub = real_devices(world, ns).all(|dev| {
        wired = true;
        world.devices[dev].kind.peer().is_some_and(|peer| world.devices[peer].ns == hub)
    });
    ns != hub && wired && all_to_hub && bridges(world, ns).next().is_none()
}

/// One bridge without an address, every other device a port of it.
fn is_plain_bridge(world: &World, ns: NsId) -> bool {
    let mut found = bridges(world, ns);
    let (Some(bridge), None) = (found.next(), found.next()) else { return false };
    let has_address = world.netns[ns].addrs.iter().any(|addr| addr.dev == bridge);
    let mut devs = real_devices(world, ns);
    !has_address
        && devs.all(|dev| {
            let device = &world.devices[dev];
            let leads_elsewhere =
                device.kind.peer().is_some_and(|peer| world.devices[peer].ns != ns);
            leads_elsewhere && device.port.is_some_and(|port| port.bridge == bridge)
        })
}
