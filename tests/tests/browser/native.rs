//! What the page should show: the same texts run by the engine without a browser.

use everyhop_engine::lesson::narration::Stop;
use everyhop_engine::lesson::{Lab, Loaded, Protocol, Run};
use everyhop_engine::yaml::Problem;

pub(crate) const POD_TO_POD: &str = include_str!("../../../public/labs/pod-to-pod.yaml");
pub(crate) const NODE_TO_NODE: &str = include_str!("../../../public/labs/node-to-node.yaml");
pub(crate) const EGRESS: &str = include_str!("../../../public/labs/egress.yaml");
pub(crate) const MODEL: &str = include_str!("../../../public/labs/model.yaml");
/// Every lesson with its variants; the first is the lab as it stands.
pub(crate) const LESSONS: [(&str, &str, &[&str]); 8] = [
    ("model", MODEL, &[]),
    (
        "container-to-container",
        include_str!("../../../public/labs/container-to-container.yaml"),
        &[],
    ),
    ("pod-to-pod", POD_TO_POD, &[]),
    ("node-to-node", NODE_TO_NODE, &["bridge", "flannel", "calico"]),
    (
        "pod-to-service",
        include_str!("../../../public/labs/pod-to-service.yaml"),
        &["other-node", "same-node"],
    ),
    ("egress", EGRESS, &[]),
    (
        "ingress-load-balancer",
        include_str!("../../../public/labs/ingress-load-balancer.yaml"),
        &["cluster", "local"],
    ),
    ("ingress-controller", include_str!("../../../public/labs/ingress-controller.yaml"), &[]),
];

/// One step as a reader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) title: String,
    pub(crate) text: String,
    /// The device that the packet reaches, `node-1/veth0`. None: no packet moves.
    pub(crate) at: Option<String>,
}

/// Loads and runs a text as the page does: one without actions sends an echo request from the first pod to the second.
pub(crate) fn run(text: &str) -> Run {
    let Loaded { lab, .. } = Lab::load(text).expect("the test's text loads");
    if !lab.actions.is_empty() {
        return lab.run();
    }
    let (from, to) = (lab.pod_name(0), lab.pod_name(1));
    let action = lab.exchange(&from, &to, Some(Protocol::Icmp)).expect("a pod can ping another");
    lab.run_actions(&[action])
}

/// The title of a lab.
pub(crate) fn title(text: &str) -> String {
    Lab::load(text).expect("the test's text loads").lab.title
}

/// What the steps of a run show, from stop to stop.
pub(crate) fn seen(run: &Run) -> Vec<Seen> {
    let shown = |stop: &Stop| Seen {
        title: stop.caption.title.clone(),
        text: stop.caption.text.replace('`', ""),
        at: at(run, stop.at),
    };
    run.stops.iter().map(shown).collect()
}

/// Where the packet is as a hop ends.
pub(crate) fn at(run: &Run, step: usize) -> Option<String> {
    let moved = run.story.steps[step].moves.first()?;
    Some(run.end.device_name(moved.to))
}

/// The namespaces of a run's world, sorted.
pub(crate) fn netns_names(run: &Run) -> Vec<String> {
    let mut names: Vec<String> =
        run.end.netns.iter().map(|(_, netns)| netns.name.to_string()).collect();
    names.sort();
    names
}

/// What stands in the way of a text.
pub(crate) fn problems(text: &str) -> Vec<Problem> {
    Lab::load(text).err().unwrap_or_default()
}

/// What is worth knowing about a text that loads.
pub(crate) fn notices(text: &str) -> Vec<Problem> {
    Lab::load(text).expect("the test's text loads").notices
}
