//! What the control plane makes of objects before any node acts on them: pods of workloads, addresses and node ports of
//! Services, the EndpointSlices that say which pods are behind them.

pub(super) mod endpoint_slices;
pub(super) mod services;
pub(super) mod workloads;
