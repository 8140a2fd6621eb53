//! kube-proxy: Services and their EndpointSlices as a node's rules.

mod config;

pub use config::{Config, DetectLocal, Mode, NodePortAddresses};
