//! The lessons that come with the page, each played to its end in every variant.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use everyhop_engine::lesson::narration::Look;
use everyhop_engine::lesson::{Lab, Run};

fn text(lesson: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/labs");
    fs::read_to_string(folder.join(format!("{lesson}.yaml"))).expect("a lesson's lab")
}

fn played(lesson: &str, variant: Option<&str>) -> (Lab, Run) {
    let loaded = Lab::load_variant(&text(lesson), &[], variant);
    let lab = loaded.unwrap_or_else(|problems| panic!("{lesson}: {problems:?}")).lab;
    let run = lab.run();
    (lab, run)
}

/// A lesson, its variant, and where the packet is at each of the article's steps.
type Way<'a> = (&'a str, Option<&'a str>, &'a [(u8, &'a str)]);

const WAYS: [Way<'_>; 12] = [
    ("model", None, &[]),
    ("container-to-container", None, &[]),
    (
        "pod-to-pod",
        None,
        &[(1, "node-1/veth0"), (2, "node-1/vbr0"), (3, "node-1/veth1"), (4, "pod-2/eth0")],
    ),
    (
        "node-to-node",
        Some("bridge"),
        &[
            (1, "node-1/veth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/eth0"),
            (4, "node-2/eth0"),
            (5, "node-2/vbr0"),
            (6, "pod-2/eth0"),
        ],
    ),
    (
        "node-to-node",
        Some("flannel"),
        &[
            (1, "node-1/veth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/flannel.1"),
            (4, "node-2/eth0"),
            (5, "node-2/vbr0"),
            (6, "pod-2/eth0"),
        ],
    ),
    (
        "node-to-node",
        Some("calico"),
        &[
            (1, "node-1/cali83dbd022cd5"),
            (3, "node-1/eth0"),
            (4, "node-2/eth0"),
            (5, "node-2/califbd243bfedd"),
            (6, "pod-2/eth0"),
        ],
    ),
    (
        "pod-to-service",
        Some("other-node"),
        &[
            (1, "node-1/veth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/eth0"),
            (4, "node-2/vbr0"),
            (5, "pod-3/eth0"),
            (1, "pod-3/eth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/veth0"),
            (4, "pod-1/eth0"),
        ],
    ),
    (
        "pod-to-service",
        Some("same-node"),
        &[
            (1, "node-1/veth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/veth2"),
            (5, "pod-3/eth0"),
            (1, "pod-3/eth0"),
            (2, "node-1/vbr0"),
            (3, "node-1/veth0"),
            (4, "pod-1/eth0"),
        ],
    ),
    (
        "egress",
        None,
        &[(1, "node-1/veth1"), (2, "node-1/vbr0"), (3, "node-1/eth0"), (4, "gateway/eth1")],
    ),
    (
        "ingress-load-balancer",
        Some("cluster"),
        &[(1, "lb-web/eth0"), (2, "node-1/eth0"), (3, "pod-2/eth0"), (4, "node-1/eth0")],
    ),
    (
        "ingress-load-balancer",
        Some("local"),
        &[(1, "lb-web/eth0"), (2, "node-2/eth0"), (3, "pod-2/eth0"), (4, "node-2/eth0")],
    ),
    (
        "ingress-controller",
        None,
        &[
            (1, "lb-ingress-nginx_ingress-nginx-controller/eth0"),
            (2, "node-1/eth0"),
            (3, "ingress-nginx_ingress-nginx-controller-65bb98584-dntzx/eth0"),
            (4, "ingress-nginx_ingress-nginx-controller-65bb98584-dntzx/eth0"),
            (5, "pod-2/eth0"),
        ],
    ),
];

#[test]
fn a_lesson_keeps_the_articles_order_of_hops() {
    for (lesson, variant, way) in WAYS {
        let (_, run) = played(lesson, variant);
        let found: Vec<(u8, String)> = run
            .stops
            .iter()
            .filter_map(|stop| {
                let moved = run.story.steps[stop.at].moves.first()?;
                Some((stop.caption.article?, run.end.device_name(moved.to)))
            })
            .collect();
        let found: Vec<(u8, &str)> = found.iter().map(|(n, device)| (*n, &**device)).collect();
        assert_eq!(found, way, "{lesson}, {variant:?}");
    }
}

#[test]
fn every_lesson_and_variant_keeps_what_it_says() {
    let mut bets = 0;
    for (lesson, ..) in WAYS {
        let variants = played(lesson, None).0.variants;
        let names = variants.map_or_else(
            || vec![None],
            |it| it.choices.into_iter().map(|choice| Some(choice.name)).collect(),
        );
        for name in names {
            let (lab, run) = played(lesson, name.as_deref());
            let problems: Vec<_> = lab.unmet(&run).into_iter().chain(run.untrue(&lab)).collect();
            assert!(problems.is_empty(), "{lesson} {name:?}: {problems:?}");
            let of_it = run.stops.iter().filter(|stop| stop.bet.is_some()).count();
            assert!((2..=4).contains(&of_it), "{lesson} {name:?} has {of_it} bets");
            assert!(run.stops.iter().filter(|stop| stop.caption.look.is_some()).count() > 1);
            bets += of_it;
            let last = run.stops.last().expect("a lesson has stops").at;
            assert!(last < run.story.steps.len());
        }
    }
    assert!(bets > 20);
}

/// The components that the lesson about the model tells of, in order, each with the namespace that it acts in.
#[test]
fn the_model_tells_who_learns_what_in_the_order_in_which_they_do() {
    let (_, run) = played("model", None);
    let told: Vec<_> = run
        .stops
        .iter()
        .filter_map(|stop| run.story.steps[stop.at].note(&run.trace))
        .map(|note| (note.by, note.netns.as_str()))
        .collect();
    let expected = [
        ("kube-apiserver", ""),
        ("kube-controller-manager", ""),
        ("kube-scheduler", ""),
        ("kubelet", "node-2"),
        ("kubelet", "node-2"),
        ("kube-apiserver", ""),
        ("kube-controller-manager", ""),
        ("kube-proxy", "node-1"),
        ("kube-proxy", "node-3"),
        ("CoreDNS", "kube-system_coredns-848b8b9fc4-lwgcq"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn the_model_shows_on_each_node_the_rules_that_its_kube_proxy_has_written_so_far() {
    let (lab, run) = played("model", None);
    let rules_of_web = |node: &str, step: usize| {
        let command = "iptables-save -t nat | grep default/web".to_owned();
        run.look(&lab, step, &Look { netns: node.into(), command }).expect("it is understood").len()
    };
    let writes = |node: &str| {
        let steps = &run.story.steps;
        let found = steps.iter().position(|step| {
            step.note(&run.trace).is_some_and(|it| it.by == "kube-proxy" && it.netns == node)
        });
        found.expect("every node's kube-proxy writes")
    };
    let nodes = ["node-1", "node-2", "node-3"];
    for (index, node) in nodes.into_iter().enumerate() {
        let step = writes(node);
        let told = run.story.steps[step].note(&run.trace).expect("a note");
        for (other, name) in nodes.into_iter().enumerate() {
            let expected = if other <= index { told.details.len() } else { 0 };
            assert_eq!(rules_of_web(name, step), expected, "{name} when {node} has written");
        }
    }
}

#[test]
fn the_model_has_a_pods_namespace_from_the_step_on_in_which_its_kubelet_starts_it() {
    let (lab, run) = played("model", None);
    let steps = run.story.steps.iter().enumerate();
    let starts: Vec<(usize, String)> = steps
        .filter_map(|(index, step)| Some((index, step.note(&run.trace)?.makes.clone()?)))
        .collect();
    assert_eq!(starts.len(), 2);
    for (index, name) in &starts {
        let is_there = |step: usize| run.world_at(&lab, step).find_netns(name).is_some();
        assert!(!is_there(index - 1) && is_there(*index), "{name}");
    }
}

#[test]
fn the_model_ends_with_a_door_to_every_other_lesson() {
    let (lab, _) = played("model", None);
    let mut named: Vec<&str> =
        lab.doors.iter().flat_map(|door| &door.lessons).map(String::as_str).collect();
    let mut others: Vec<&str> =
        WAYS.iter().map(|(lesson, ..)| *lesson).filter(|lesson| *lesson != "model").collect();
    others.dedup();
    named.sort_unstable();
    others.sort_unstable();
    assert_eq!(named, others);
}

#[test]
fn what_the_pod_sees_as_its_client_depends_on_the_policy() {
    let seen = |variant| {
        let (_, run) = played("ingress-load-balancer", variant);
        run.results[0].seen_source.map(|ip| ip.to_string())
    };
    assert_eq!(seen(Some("cluster")).as_deref(), Some("10.0.0.11"));
    assert_eq!(seen(Some("local")).as_deref(), Some("198.51.100.10"));
}
