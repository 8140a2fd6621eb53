//! What the API server has, for who asks it while things change: pods on their way, and how old an object is.

use super::{Plane, Task};
use crate::base::Nanos;
use crate::kube::control::find;
use crate::kube::{Cluster, Pod};

/// A pod as the API server has it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    pub pod: &'a Pod,
    /// It has a node.
    pub is_bound: bool,
    pub is_running: bool,
}

impl<'a> Listed<'a> {
    pub fn running(pod: &'a Pod) -> Self {
        Self { pod, is_bound: true, is_running: true }
    }

    /// As kubectl words it.
    pub fn status(&self) -> &'static str {
        match (self.is_running, self.is_bound) {
            (true, _) if self.pod.terminating => "Terminating",
            (true, _) => "Running",
            (false, true) => "ContainerCreating",
            (false, false) => "Pending",
        }
    }
}

impl Plane<'_> {
    /// The objects as the API server has them; of pods, those that run.
    pub fn stored(&self) -> &Cluster {
        &self.now
    }

    /// The pods that the API server has, those first that run.
    pub fn listed(&self) -> Vec<Listed<'_>> {
        let mut all: Vec<Listed<'_>> = self.now.pods.iter().map(Listed::running).collect();
        let is_due = |of: &dyn Fn(&Task) -> bool| self.due.iter().any(|(_, it)| of(it));
        for known in &self.pending {
            let to_be_made = is_due(&|it| matches!(it, Task::Make(pods) if pods.contains(known)));
            let Some(pod) = find(self.wanted, known).filter(|_| !to_be_made) else { continue };
            let to_be_bound = is_due(&|it| matches!(it, Task::Schedule(pod) if pod == known));
            all.push(Listed { pod, is_bound: !to_be_bound, is_running: false });
        }
        all
    }

    /// When an object was stored; what is there from the start, at the start.
    pub fn made_at(&self, origin: &str) -> Nanos {
        let last = self.made.iter().rev().find(|(it, _)| it == origin);
        last.map_or(Nanos::ZERO, |(_, at)| *at)
    }
}
