//! The EndpointSlice controller: which pods are behind a Service (pkg/controller/endpointslice).
//!
//! A Service whose slices the text lists keeps those. The proportional hints of `service.kubernetes.io/topology-mode: Auto`
//! are not made; `trafficDistribution` is heeded.

use crate::base::FxIndexMap;
use crate::kube::endpoint_slice::{
    Conditions, Endpoint, EndpointPort, EndpointSlice, Hints, Target,
};
use crate::kube::labels::Labels;
use crate::kube::service::{ClusterIp, Service, ServiceType, TargetPort, TrafficDistribution};
use crate::kube::{Cluster, Pod, addons};

/// `--max-endpoints-per-slice`.
const MAX_ENDPOINTS: usize = 100;
const ZONE: &str = "topology.kubernetes.io/zone";

/// The slices of all Services that have a selector and none of their own; those of the Service `kubernetes` are written by
/// the API servers themselves (pkg/controlplane/reconcilers).
pub(in crate::kube) fn make(cluster: &Cluster) -> Vec<EndpointSlice> {
    let mut listed: FxIndexMap<(&str, &str), ()> = FxIndexMap::default();
    for it in &cluster.endpoint_slices {
        if let Some(service) = &it.service {
            listed.insert((&it.namespace, service), ());
        }
    }
    let by_label = ByLabel::new(&cluster.pods);
    let mut slices = Vec::new();
    for service in &cluster.services {
        let key = (service.namespace.as_str(), service.name.as_str());
        let Some(selector) = &service.selector else {
            if key == ("default", "kubernetes") && !listed.contains_key(&key) {
                let is_it = |pod: &&Pod| addons::is_api_server(&pod.labels);
                let servers: Vec<&Pod> = cluster.pods.iter().filter(is_it).collect();
                of_service(cluster, service, &servers, &mut slices);
            }
            continue;
        };
        if service.kind != ServiceType::ExternalName && !listed.contains_key(&key) {
            of_service(
                cluster,
                service,
                &by_label.selected(&service.namespace, selector),
                &mut slices,
            );
        }
    }
    slices
}

/// Pods by namespace and label, so that thousands of Services need not look at every pod.
struct ByLabel<'c> {
    pods: &'c [Pod],
    index: FxIndexMap<(&'c str, &'c str, &'c str), Vec<usize>>,
}

impl<'c> ByLabel<'c> {
    fn new(pods: &'c [Pod]) -> Self {
        let mut index: FxIndexMap<_, Vec<usize>> = FxIndexMap::default();
        for (number, pod) in pods.iter().enumerate() {
            for (key, value) in &pod.labels.0 {
                let key = (pod.namespace.as_str(), key.as_str(), value.as_str());
                index.entry(key).or_default().push(number);
            }
        }
        Self { pods, index }
    }

    /// The pods of a namespace that have all these labels. No label selects none here.
    fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&'c Pod> {
        let mut fewest: Option<&[usize]> = None;
        for (key, value) in &selector.0 {
            let pods = self.index.get(&(namespace, key.as_str(), value.as_str()));
            let pods = pods.map_or(&[][..], Vec::as_slice);
            if fewest.is_none_or(|fewest| pods.len() < fewest.len()) {
                fewest = Some(pods);
            }
        }
        let pods = fewest.unwrap_or_default().iter().map(|&pod| &self.pods[pod]);
        let has_all = |pod: &&Pod| {
            selector.0.iter().all(|(key, value)| pod.labels.get(key) == Some(value.as_str()))
        };
        pods.filter(has_all).collect()
    }
}

/// Pods with the same ports share slices: a named port may have another number in each pod.
fn of_service(
    cluster: &Cluster,
    service: &Service,
    pods: &[&Pod],
    slices: &mut Vec<EndpointSlice>,
) {
    let mut groups: Vec<(Vec<EndpointPort>, Vec<Endpoint>)> = Vec::new();
    for pod in pods {
        let ports = ports(service, pod);
        if ports.is_empty() && !service.ports.is_empty() && service.cluster_ip != ClusterIp::None {
            continue;
        }
        let endpoint = endpoint(cluster, service, pod);
        match groups.iter_mut().find(|(of_group, _)| *of_group == ports) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => groups.push((ports, vec![endpoint])),
        }
    }
    let mut number = 0;
    for (ports, endpoints) in groups {
        for endpoints in endpoints.chunks(MAX_ENDPOINTS) {
            number += 1;
            slices.push(EndpointSlice {
                namespace: service.namespace.clone(),
                name: format!("{}-{number}", service.name),
                service: Some(service.name.clone()),
                endpoints: endpoints.to_vec(),
                ports: ports.clone(),
            });
        }
    }
}

/// `getEndpointPorts`: a name that the pod does not have leaves the port out.
fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    let of_pod = |name: &str, protocol| {
        let found =
            pod.ports().find(|it| it.protocol == protocol && it.name.as_deref() == Some(name));
        found.map(|it| it.number)
    };
    let ports = service.ports.iter().filter_map(|port| {
        let number = match &port.target {
            None => port.number,
            Some(TargetPort::Number(number)) => *number,
            Some(TargetPort::Name(name)) => of_pod(name, port.protocol)?,
        };
        Some(EndpointPort {
            name: port.name.clone(),
            protocol: port.protocol,
            number: Some(number),
            app_protocol: port.app_protocol.clone(),
        })
    });
    ports.collect()
}

fn endpoint(cluster: &Cluster, service: &Service, pod: &Pod) -> Endpoint {
    let node = &cluster.nodes[pod.node];
    let zone = node.labels.get(ZONE).map(str::to_owned);
    let is_ready = service.publish_not_ready || pod.ready && !pod.terminating;
    let own_name = pod.subdomain.as_deref() == Some(service.name.as_str());
    let mut hints = Hints::default();
    match service.traffic_distribution.filter(|_| is_ready) {
        Some(TrafficDistribution::PreferSameZone) => hints.for_zones.extend(zone.clone()),
        Some(TrafficDistribution::PreferSameNode) => {
            hints.for_nodes.push(node.name.clone());
            hints.for_zones.extend(zone.clone());
        }
        None => {}
    }
    Endpoint {
        addresses: vec![pod.ip],
        conditions: Conditions {
            ready: Some(is_ready),
            serving: Some(pod.ready),
            terminating: Some(pod.terminating),
        },
        node_name: Some(node.name.clone()),
        zone,
        hostname: pod.hostname.clone().filter(|_| own_name),
        hints,
        target: Some(Target {
            kind: "Pod".into(),
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
        }),
    }
}
