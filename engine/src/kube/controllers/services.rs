//! What the API server and a cloud fill in of Services: cluster addresses, node ports, load balancer addresses
//! (pkg/registry/core/service, `ipallocator`, `portallocator`).
//!
//! A real cluster draws free ones at random; here they are counted up, so that the same text gives the same ones. A
//! Service that has its address is taken as the API server has stored it: what else it lacks, it lacks on purpose.

use std::net::Ipv4Addr;

use crate::base::FxIndexMap;
use crate::kube::service::{ClusterIp, IpMode, LoadBalancerIngress, Service, ServiceType};

/// The first 256 addresses are left for those that ask for one of them.
const FIRST_CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);
/// Of 30000 to 32767 the first 86 are left for those that ask for one of them.
const FIRST_NODE_PORT: u16 = 30_086;
const LAST_NODE_PORT: u16 = 32_767;
const FIRST_LOAD_BALANCER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 200);

/// Gives every Service what it lacks.
pub(in crate::kube) fn complete(services: &mut [Service]) {
    let mut ips: FxIndexMap<Ipv4Addr, ()> = FxIndexMap::default();
    let mut ports: FxIndexMap<u16, ()> = FxIndexMap::default();
    for it in services.iter() {
        if let ClusterIp::Address(ip) = it.cluster_ip {
            ips.insert(ip, ());
        }
        ips.extend(it.ingress.iter().filter_map(|it| it.ip).map(|ip| (ip, ())));
        ports.extend(it.ports.iter().filter_map(|it| it.node_port).map(|port| (port, ())));
        ports.extend(it.health_check_node_port.map(|port| (port, ())));
    }
    let (mut next_ip, mut next_port) = (FIRST_CLUSTER_IP, FIRST_NODE_PORT);
    let mut next_balancer = FIRST_LOAD_BALANCER;
    let mut node_port = || {
        while ports.contains_key(&next_port) && next_port < LAST_NODE_PORT {
            next_port += 1;
        }
        ports.insert(next_port, ());
        next_port
    };
    for it in services {
        if it.kind == ServiceType::ExternalName || it.cluster_ip != ClusterIp::Unset {
            continue;
        }
        it.cluster_ip = ClusterIp::Address(free(&mut ips, &mut next_ip));
        if it.kind == ServiceType::ClusterIp {
            continue;
        }
        for port in &mut it.ports {
            port.node_port = port.node_port.or_else(|| Some(node_port()));
        }
        if it.kind == ServiceType::LoadBalancer {
            if it.external_policy_local() && it.health_check_node_port.is_none() {
                it.health_check_node_port = Some(node_port());
            }
            if it.ingress.is_empty() {
                let ip = Some(free(&mut ips, &mut next_balancer));
                it.ingress.push(LoadBalancerIngress { ip, hostname: None, mode: IpMode::Vip });
            }
        }
    }
}

fn free(taken: &mut FxIndexMap<Ipv4Addr, ()>, next: &mut Ipv4Addr) -> Ipv4Addr {
    let mut ip = *next;
    while taken.insert(ip, ()).is_some() {
        ip = Ipv4Addr::from(u32::from(ip).wrapping_add(1));
    }
    *next = ip;
    ip
}
