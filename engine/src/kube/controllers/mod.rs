//! What the controllers of the control plane make of objects: pods of workloads.

pub(super) mod workloads;
