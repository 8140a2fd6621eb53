//! EndpointSlices as data: the addresses behind a Service. Read k8s.io/api/discovery/v1 first.
//!
//! IPv4 alone: slices and addresses of the other family are left out when objects are read.

use std::net::Ipv4Addr;

use super::Protocol;

/// The label by which a slice belongs to a Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Some of the endpoints of a Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointSlice {
    pub namespace: String,
    pub name: String,
    /// The Service's name ([`SERVICE_NAME`]), in the same namespace.
    pub service: Option<String>,
    pub endpoints: Vec<Endpoint>,
    /// All endpoints have these.
    pub ports: Vec<EndpointPort>,
}

/// One endpoint: a pod, as a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// All of the same endpoint; only the first is used.
    pub addresses: Vec<Ipv4Addr>,
    pub conditions: Conditions,
    pub node_name: Option<String>,
    pub zone: Option<String>,
    pub hostname: Option<String>,
    pub hints: Hints,
    pub target: Option<Target>,
}

/// What is known of an endpoint. None stands for the usual: ready, serving, not terminating.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Conditions {
    pub ready: Option<bool>,
    pub serving: Option<bool>,
    pub terminating: Option<bool>,
}

impl Conditions {
    pub fn is_ready(self) -> bool {
        self.ready.unwrap_or(true)
    }

    pub fn is_serving(self) -> bool {
        self.serving.unwrap_or(true)
    }

    pub fn is_terminating(self) -> bool {
        self.terminating.unwrap_or(false)
    }
}

/// Who should use an endpoint; nobody in particular where both are empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hints {
    pub for_zones: Vec<String>,
    pub for_nodes: Vec<String>,
}

/// `targetRef`: the object that an endpoint is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub kind: String,
    pub namespace: String,
    pub name: String,
}

/// A port of every endpoint of a slice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointPort {
    /// The Service's port of the same name; empty where that has none.
    pub name: String,
    pub protocol: Protocol,
    /// None: all ports, which kube-proxy does not serve.
    pub number: Option<u16>,
    pub app_protocol: Option<String>,
}

impl EndpointSlice {
    /// `EndpointSlice default/api-x1y2z`, the origin of what is there because of it.
    pub fn origin(&self) -> String {
        format!("EndpointSlice {}/{}", self.namespace, self.name)
    }
}
