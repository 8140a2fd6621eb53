//! Claims about labs: the ones that come with the page, and what a text may ask for.

mod around;
mod control;
mod large;

use super::*;
use crate::base::Rng;
use crate::link::{DeviceKind, bridge::FdbEntry};
use crate::story::{Verdict, trace_text};
use crate::trace::{Event, Learnt};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod stops;

const POD_TO_POD: &str = include_str!("../../../public/labs/pod-to-pod.yaml");
const NODE_TO_NODE: &str = include_str!("../../../public/labs/node-to-node.yaml");
const TWO_PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop}
spec: {containers: [{name: app, ports: [{containerPort: 53, protocol: UDP}, {containerPort: 80}]}]}
";

fn load(text: &str) -> Lab {
    match Lab::load(text) {
        Ok(loaded) => loaded.lab,
        Err(problems) => panic!("{problems:?}"),
    }
}

/// A lab with this spec and these objects, or what is wrong with it.
fn lab_of(spec: &str, objects: &str) -> Result<Lab, Vec<String>> {
    let text = format!(
        "apiVersion: everyhop.dev/v1\nkind: Lab\nmetadata: {{name: t}}\nspec:\n{spec}\n{objects}"
    );
    match Lab::load(&text) {
        Ok(loaded) => Ok(loaded.lab),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

fn verdicts(run: &Run) -> Vec<&'static str> {
    run.results.iter().map(|it| it.verdict.name()).collect()
}

fn refused(text: &str) -> Vec<String> {
    let problems = Lab::load(text).expect_err("a text with a problem");
    problems.iter().map(ToString::to_string).collect()
}

/// The two pods with a Lab's spec before them, from line 4 on.
fn lab(spec: &str) -> String {
    format!("apiVersion: everyhop.dev/v1\nkind: Lab\nspec:\n{spec}---\n{TWO_PODS}")
}

fn outcome(lab: &Lab, from: &str, to: &str, protocol: Option<Protocol>) -> (Verdict, String) {
    let action = lab.exchange(from, to, protocol).expect("a sensible exchange");
    let mut run = lab.run_actions(&[action]);
    let result = run.results.remove(0);
    (result.verdict, result.because)
}

#[test]
fn the_labs_of_the_page_load_without_a_notice_and_keep_their_claims() {
    for text in [POD_TO_POD, NODE_TO_NODE] {
        let loaded = Lab::load(text).expect("a good lab");
        assert_eq!(loaded.notices, []);
        let run = loaded.lab.run();
        assert_eq!(loaded.lab.unmet(&run), []);
        let result = &run.results[0];
        assert_eq!(result.verdict, Verdict::Delivered);
        assert_eq!(result.served_by, loaded.lab.cluster.find_pod("default", "pod-2"));
        assert_eq!(result.seen_source, Some(loaded.lab.cluster.pods[0].ip));
        assert_eq!(result.entries, 0..run.trace.entries.len());
    }
}

#[test]
fn a_lab_runs_the_same_each_time_and_another_seed_changes_the_senders_port() {
    let lab = load(POD_TO_POD);
    let (first, second) = (lab.run(), lab.run());
    assert_eq!(first.trace, second.trace);
    let other = load(&POD_TO_POD.replace("seed: 1", "seed: 2")).run();
    assert_ne!(first.trace, other.trace);
}

#[test]
fn the_world_at_a_step_has_what_was_told_until_then_and_nothing_of_later_steps() {
    for text in [POD_TO_POD, NODE_TO_NODE] {
        let lab = load(text);
        let run = lab.run();
        let known = |world: &World| {
            let mut known = Vec::new();
            for (dev, device) in world.devices.iter() {
                if let DeviceKind::Bridge(bridge) = &device.kind {
                    for (mac, entry) in &bridge.fdb {
                        if let FdbEntry::Learnt { port, .. } = entry {
                            known.push(format!("{dev:?} {mac} {port:?}"));
                        }
                    }
                }
                for ((dev, ip), entry) in world.netns[device.ns].neigh.iter() {
                    known.push(format!("{dev:?} {ip} {} {}", entry.state.name(), entry.mac));
                }
            }
            known.sort();
            known.dedup();
            known
        };
        let mut before = known(&lab.world(0..0));
        for (index, step) in run.story.steps.iter().enumerate() {
            let now = known(&run.world_at(&lab, index));
            let news = step.events.iter().any(|&event| match run.trace.entries[event].event {
                Event::FdbLearn { learnt, .. } => learnt == Learnt::New,
                Event::NeighChange { .. } => true,
                _ => false,
            });
            assert_eq!(now != before, news, "step {index}: {}\n{before:#?}\n{now:#?}", step.title);
            before = now;
        }
        let last = run.story.steps.len() - 1;
        assert_eq!(known(&run.world_at(&lab, last)), known(&run.end));
        assert_eq!(known(&run.world_at(&lab, usize::MAX)), known(&run.end));
    }
}

#[test]
fn a_destination_says_which_protocol_is_meant_where_nobody_else_does() {
    let lab = load(TWO_PODS);
    let protocol = |to: &str| lab.exchange("pod/a", to, None).map(|action| action.protocol);
    assert_eq!(protocol("pod/shop/b"), Ok(Protocol::Icmp));
    assert_eq!(protocol("pod/shop/b:53"), Ok(Protocol::Udp));
    assert_eq!(protocol("10.244.1.3:53"), Ok(Protocol::Udp));
    assert_eq!(protocol("pod/shop/b:80"), Ok(Protocol::Tcp));
    assert_eq!(protocol("10.244.1.3:9"), Ok(Protocol::Tcp));
    assert_eq!(
        lab.exchange("pod/shop/b", "pod/a", None).map(|action| action.to.to_string()),
        Ok("10.244.1.2".to_owned())
    );
}

#[test]
fn every_exchange_ends_with_a_verdict_and_its_reason() {
    let lab = load(TWO_PODS);
    let said = |to: &str, protocol| {
        let (verdict, because) = outcome(&lab, "pod/a", to, protocol);
        format!("{}: {because}", verdict.name())
    };
    assert_eq!(said("pod/shop/b", None), "delivered: 10.244.1.3 answered");
    assert_eq!(said("pod/shop/b:53", None), "delivered: 10.244.1.3 answered");
    assert_eq!(
        said("pod/shop/b:54", Some(Protocol::Udp)),
        "refused: 10.244.1.3 says port unreachable: nothing listens there"
    );
    assert_eq!(
        said("10.244.1.9", None),
        "timeout: nobody answered ARP for the next hop, so 10.244.1.2 says host unreachable"
    );
    assert_eq!(
        said("203.0.113.1", None),
        "rejected: 10.244.1.1 says network unreachable: it has no route"
    );
    assert_eq!(
        said("pod/shop/b:81", None),
        "refused: 10.244.1.3 answers the SYN with a reset: nothing listens there"
    );
    assert_eq!(said("pod/shop/b:80", None), "delivered: 10.244.1.3 answered");
    assert_eq!(
        said("10.244.1.9:80", None),
        "timeout: nobody answered ARP for the next hop, so 10.244.1.2 says host unreachable"
    );
    let (verdict, _) = outcome(&lab, "node/node-1", "pod/a", None);
    assert_eq!(verdict, Verdict::Delivered);
}

#[test]
fn what_cannot_be_sent_is_refused_and_what_is_not_modelled_yet_is_told_apart() {
    let lab = load(TWO_PODS);
    let wrong = |from: &str, to: &str, protocol| match lab.exchange(from, to, protocol) {
        Err(Refused::Wrong(text)) => text,
        other => format!("{other:?}"),
    };
    assert_eq!(wrong("pod/c", "pod/a", None), "there is no pod \"c\": found a, shop/b");
    assert_eq!(wrong("pod/b", "pod/a", None), "there is no pod \"b\": found a, shop/b");
    assert_eq!(wrong("node/x", "pod/a", None), "there is no node \"x\": found node-1");
    assert_eq!(wrong("a", "pod/a", None), "expected pod/NAME, node/NAME or internet, found \"a\"");
    assert_eq!(
        wrong("pod/a", "b", None),
        "expected pod/NAME[:PORT], svc/NAME[:PORT], node/NAME[:PORT], IP[:PORT], http://HOST/PATH or dns:NAME, found \"b\""
    );
    assert_eq!(wrong("internet", "pod/a", None), "this cluster has no way to the internet");
    assert_eq!(wrong("pod/a", "svc/x", None), "there is no Service \"x\": found there is none");
    let no_host = "expected http://HOST[:PORT]/PATH, found \"http://\"";
    assert_eq!(wrong("pod/a", "http://", None), no_host);
    assert_eq!(wrong("pod/a", "pod/shop/b:0", None), "expected a port 1 to 65535, found \"0\"");
    assert_eq!(
        wrong("pod/a", "pod/shop/b", Some(Protocol::Udp)),
        "expected a destination with a port for udp"
    );
    assert_eq!(
        wrong("pod/a", "pod/shop/b:53", Some(Protocol::Icmp)),
        "an echo request (icmp) goes to no port: expected a destination without :53"
    );
    let not_modelled = |from: &str, to: &str| match lab.exchange(from, to, None) {
        Err(Refused::NotModelled(text)) => text,
        other => format!("{other:?}"),
    };
    for to in ["fd00::1", "[fd00::1]:80"] {
        assert_eq!(not_modelled("pod/a", to), format!("{to}: IPv6 is not modelled yet"));
    }
}

#[test]
fn actions_run_one_after_the_other_in_one_world() {
    let text = lab("  actions:
  - {from: pod/a, to: pod/shop/b}
  - {from: pod/a, to: 10.244.1.77, wait: 5s}
  - {from: pod/shop/b, to: \"10.244.1.2:99\", proto: udp, payload: \"\"}
  expect:
  - {action: 1, verdict: delivered}
  - {action: 2, verdict: delivered}
  - {action: 3, verdict: refused}
");
    let lab = load(&text);
    let run = lab.run();
    let verdicts: Vec<_> = run.results.iter().map(|result| result.verdict.name()).collect();
    assert_eq!(verdicts, ["delivered", "timeout", "refused"]);
    let unmet: Vec<_> = lab.unmet(&run).iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            "10:5: spec.expect[1]: expected the verdict delivered, found timeout: nobody answered ARP for the next hop, so 10.244.1.2 says host unreachable"
        ]
    );
    assert!(run.results[1].at < run.results[2].at);
    let text = trace_text(&run.end, &run.trace);
    assert!(text.contains("10.244.1.77"), "{text}");
}

#[test]
fn a_lab_document_with_mistakes_gives_all_of_them_with_their_places() {
    let text = lab("  titel: x
  seed: -1
  actions:
  - {from: pod/x, to: svc/api:80, proto: sctp, wait: 5}
  - {from: pod/a, to: pod/shop/b, proto: udp, wait: 700s}
  - {from: pod/a}
  expect:
  - {action: 9, verdict: fine}
  narration:
  - {when: [a], title: t}
  - {when: {from: 5}, title: t, text: x, Text: y}
");
    let field = "expected one of title, seed, cni, controlPlane, loadBalancers, internet, actions, expect, narration, stops, variants, doors; did you mean title?";
    let wait = "spec.actions[0].wait: expected a time of at most 600s, such as 500ms or 2s, found";
    assert_eq!(
        refused(&text),
        [
            format!("4:3: spec: there is no field \"titel\" here: {field}"),
            "5:9: spec.seed: expected a number 0 to 9223372036854775807, found the number -1".into(),
            "7:12: spec.actions[0].from: there is no pod \"x\": found a, shop/b".into(),
            "7:23: spec.actions[0].to: there is no Service \"api\": found there is none".into(),
            "7:42: spec.actions[0].proto: expected icmp, udp or tcp, found \"sctp\"".into(),
            format!("7:54: {wait} the number 5 (quotes make it text)"),
            "8:5: spec.actions[1]: expected a destination with a port for udp".into(),
            "8:53: spec.actions[1].wait: expected a time of at most 600s, such as 500ms or 2s, found \"700s\"".into(),
            "9:5: spec.actions[2].to: expected a destination such as pod/pod-2:8080, found nothing".into(),
            "11:14: spec.expect[0].action: expected a number 1 to 3, found the number 9".into(),
            "11:26: spec.expect[0].verdict: expected one of delivered, dropped, rejected, refused, timeout, unmodelled, applied, found \"fine\"".into(),
            "13:5: spec.narration[0].text: expected text, found nothing".into(),
            "13:12: spec.narration[0].when: expected a map, found a list".into(),
            "14:19: spec.narration[1].when.from: expected a device such as {client}/eth0, found the number 5 (quotes make it text)".into(),
            "14:42: spec.narration[1]: there is no field \"Text\" here: expected one of when, title, text, article, aside, look, bet; did you mean text?".into(),
        ]
    );
}

#[test]
fn a_caption_is_bound_to_the_steps_it_fits_with_this_labs_own_names() {
    let lab = load(&lab(concat!(
        "  actions: [{from: pod/a, to: pod/shop/b}]\n",
        "  narration:\n",
        "  - {when: {move: wire, leg: request, from: \"{client}/eth0\"}, title: \"{client} speaks\", text: \"to {server-ip}\", article: 1}\n",
        "  - {when: {leg: reply, says: delivered}, title: Back, text: \"At {client}.\"}\n",
        "  - {when: {leg: error}, title: Never, text: Never.}\n",
    )));
    let run = lab.run();
    let told: Vec<_> = run.captions.iter().filter(|c| c.article.is_some()).collect();
    let [caption] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((caption.title.as_str(), caption.text.as_str()), ("a speaks", "to 10.244.1.3"));
    assert_eq!(run.captions.last().map(|c| c.text.as_str()), Some("At a."));
    assert_eq!(run.captions[0].title, run.story.steps[0].title);
    let unbound: Vec<_> = run.unbound.iter().map(ToString::to_string).collect();
    assert_eq!(
        unbound,
        ["8:5: spec.narration[2]: no step of the story fits this caption: leg error"]
    );
}

#[test]
fn a_caption_with_an_unknown_name_or_condition_is_refused_with_what_there_is() {
    let text =
        lab("  narration:\n  - {when: {leg: answer, form: x}, title: \"{sender}\", text: x}\n");
    let problems = refused(&text);
    assert!(
        problems[1].starts_with("5:26: spec.narration[0].when: there is no field \"form\""),
        "{problems:?}"
    );
    assert!(
        problems[0].starts_with("5:18: spec.narration[0].when.leg: expected one of arp-request"),
        "{problems:?}"
    );
    assert!(
        problems[2].contains("there is no name {sender}: expected one of client, client-ip"),
        "{problems:?}"
    );
}

#[test]
fn texts_that_are_no_lab_are_refused_with_a_message() {
    let empty = "the text is empty: expected Kubernetes objects, such as a Pod";
    for text in ["", "\n\n", "# only a comment\n", "---\n---\n", "~"] {
        assert_eq!(refused(text), [empty], "{text:?}");
    }
    for (text, message) in [
        ("hello", "1:1: expected a map, found the text \"hello\""),
        ("[]", "1:1: expected a map, found a list"),
        ("{}", "1:1: kind: expected a kind such as Pod, found nothing"),
        (
            "kind: 5",
            "1:7: kind: expected a kind such as Pod, found the number 5 (quotes make it text)",
        ),
        (
            "apiVersion: everyhop.dev/v1\nkind: Lab",
            "expected at least one Kubernetes object of kind Pod or Node, found none",
        ),
    ] {
        assert_eq!(refused(text), [message], "{text:?}");
    }
    assert_eq!(
        refused(&lab(&format!("  title: x\n---\n{}", lab("  title: y\n")))),
        [
            "6:1: expected one Lab, found a second (the first at line 1)",
            "21:1: Pod default/a is here twice (the first at line 11)",
            "26:1: Pod shop/b is here twice (the first at line 16)"
        ]
    );
    let message = "1:1: byte 0xff is not UTF-8: expected YAML text, is this a binary file?";
    let problems = Lab::from_bytes(b"\xff\xfe\0", &[]).expect_err("binary");
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    let too_long = "a".repeat(10 << 20);
    assert_eq!(
        refused(&too_long),
        ["the text is too long: 10485760 bytes, and the limit is 4194304 bytes (4 MiB)"]
    );
}

/// What one question to a lab gives, with what the lab gets for that question alone.
fn asked(text: &str, from: &str, to: &str) -> ActionResult {
    let lab = Lab::load_for(text, &[from, to]).expect("a good lab").lab;
    let action = lab.exchange(from, to, None).expect("a sensible exchange");
    lab.run_actions(&[action]).results.remove(0)
}

/// A Service of pods that do not say on what they listen, and a client.
const SHOP: &str = "\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop, labels: {app: shop}}
spec: {containers: [{name: shop}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: sh}]}
";

/// One that has no pods.
const EMPTY: &str = "\
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {selector: {app: none}, ports: [{port: 80}]}
";

#[test]
fn a_lab_gets_what_a_question_needs_and_no_more() {
    let cluster = |from, to| Lab::load_for(SHOP, &[from, to]).expect("a good lab").lab.cluster;
    for (from, to, needs) in [
        ("pod/client", "svc/shop:80", (false, false)),
        ("pod/client", "http://shop", (true, false)),
        ("pod/client", "dns:shop.default.svc.cluster.local", (true, false)),
        ("pod/client", "svc/shop:81", (false, true)),
        ("pod/client", "http://shop:81", (true, true)),
        ("pod/client", "dns:nope", (true, true)),
        ("pod/elsewhere/client", "dns:shop", (true, true)),
        ("node/node-1", "svc/shop", (false, true)),
    ] {
        let cluster = cluster(from, to);
        let found = (cluster.dns_address().is_some(), cluster.outside.is_some());
        assert_eq!(found, needs, "{from} {to}");
    }
    let names = |to| cluster("pod/client", to).outside.expect("a way out").asked.names;
    assert_eq!(names("http://www.example.com/"), ["www.example.com"]);
    // Nobody outside has a domain that is called like a namespace, or by what no domain is called.
    for to in ["dns:nope.default", "dns:nope.kube-system", "dns:shop.no-such", "dns:a.b.svc"] {
        assert_eq!(names(to), [""; 0], "{to}");
    }
}

#[test]
fn a_node_reaches_services_and_a_port_that_a_service_lacks_leads_nowhere() {
    let result = asked(SHOP, "node/node-1", "svc/shop");
    assert_eq!(result.verdict, Verdict::Delivered, "{}", result.because);
    for to in ["svc/shop:81", "http://shop:81/"] {
        // The second waits for two minutes, longer than the way there is known to be good.
        let result = asked(SHOP, "pod/client", to);
        assert_eq!(result.verdict, Verdict::Dropped, "{}", result.because);
        assert!(result.because.contains("black hole"), "{}", result.because);
    }
}

#[test]
fn a_program_that_gets_no_answer_names_the_rule_that_took_it() {
    let text = SHOP.to_owned() + EMPTY;
    for (to, first) in [("svc/empty", ""), ("http://empty/", "10.96.1.2:80 refuses connections: ")]
    {
        let result = asked(&text, "pod/client", to);
        assert_eq!(result.verdict, Verdict::Rejected);
        let because =
            format!("{first}rejected by a rule of node-1, because of Service default/empty: ");
        assert!(result.because.starts_with(&because), "{}", result.because);
    }
}

#[test]
fn from_outside_a_service_is_its_load_balancer_and_a_node_what_the_internet_knows_it_by() {
    let text = SHOP.replace(
        "spec: {selector: {app: shop}",
        "spec: {type: LoadBalancer, selector: {app: shop}",
    ) + EMPTY
        + "---\napiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus:\n  addresses:\n"
        + "  - {type: InternalIP, address: 10.0.0.5}\n  - {type: ExternalIP, address: 203.0.113.99}\n";
    let lab = Lab::load_for(&text, &["internet"]).expect("a good lab").lab;
    let to = |from: &str, to: &str| {
        lab.exchange(from, to, None).map(|it| it.to.to_string()).map_err(|it| it.to_string())
    };
    assert_eq!(to("internet", "svc/shop"), Ok("203.0.113.200:80".into()));
    assert_eq!(to("pod/client", "svc/shop"), Ok("10.96.1.1:80".into()));
    assert_eq!(to("internet", "svc/empty"), Ok("10.96.1.2:80".into()));
    assert_eq!(to("internet", "node/a:30080"), Ok("203.0.113.99:30080".into()));
    assert_eq!(to("pod/client", "node/a:30080"), Ok("10.0.0.5:30080".into()));
}

#[test]
fn no_change_to_a_labs_text_makes_it_panic() {
    let mut rng = Rng::new(7);
    let pieces = [
        "null",
        "[]",
        "{}",
        "-1",
        "\"\"",
        "65536",
        "a",
        "10.244.1.2",
        "10.244.1.0/30",
        "true",
        "\n",
        ":",
        "- ",
    ];
    for base in [POD_TO_POD, NODE_TO_NODE, &lab("  actions: [{from: pod/a, to: pod/shop/b}]\n")] {
        for _ in 0..1500 {
            let mut text = base.to_owned();
            for _ in 0..=rng.below(3) {
                let words: Vec<(usize, &str)> = text
                    .match_indices(|c: char| !c.is_ascii_alphanumeric())
                    .map(|(at, _)| (at, ""))
                    .collect();
                let from =
                    words[rng.below(u32::try_from(words.len()).expect("few")) as usize].0 + 1;
                let to = (from + rng.below(12) as usize).min(text.len());
                let piece = pieces[rng.below(u32::try_from(pieces.len()).expect("few")) as usize];
                if text.is_char_boundary(from) && text.is_char_boundary(to) && from <= to {
                    text.replace_range(from..to, piece);
                }
            }
            if let Ok(loaded) = Lab::load(&text) {
                let run = loaded.lab.run();
                run.world_at(&loaded.lab, run.story.steps.len() / 2);
            }
        }
    }
}

#[test]
fn a_load_balancer_that_does_not_keep_the_clients_address_shows_its_own() {
    let seen = |spec: &str| {
        let text = format!(
            "apiVersion: everyhop.dev/v1
kind: Lab
metadata: {{name: x}}
spec:
  {spec}
  actions: [{{from: internet, to: 'svc/web:80'}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec: {{containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{type: LoadBalancer, externalTrafficPolicy: Local, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"
        );
        let run = load(&text).run();
        (run.results[0].verdict, run.results[0].seen_source.map(|ip| ip.to_string()))
    };
    let client = Some("198.51.100.10".to_owned());
    assert_eq!(seen("seed: 1"), (Verdict::Delivered, client));
    let balancer = Some("192.0.2.254".to_owned());
    assert_eq!(seen("loadBalancers: {keepClientAddress: false}"), (Verdict::Delivered, balancer));
}

#[test]
fn a_name_that_dns_cannot_have_is_wrong_in_the_words_of_whoever_asked() {
    let lab = Lab::load(SHOP).expect("a good lab").lab;
    let long = ["a23456789."; 26].concat();
    for to in [
        "dns:a..b",
        "http://a..b/",
        "dns:.a",
        &format!("dns:{long}"),
        &format!("dns:{}", "x".repeat(64)),
    ] {
        let refused = lab.exchange("pod/client", to, None).expect_err("no such name").to_string();
        assert!(refused.starts_with("expected a name of at most 253 bytes"), "{refused}");
    }
    for to in ["dns:.", "dns:a.b.", "dns:_http._tcp.shop/SRV", "http://shop/"] {
        assert!(lab.exchange("pod/client", to, None).is_ok(), "{to}");
    }
}

#[test]
fn a_load_balancer_at_a_nodes_address_is_pointed_out() {
    let text = SHOP.replace(
        "spec: {selector: {app: shop}",
        "status: {loadBalancer: {ingress: [{ip: 203.0.113.11}]}}\nspec: {type: LoadBalancer, selector: {app: shop}",
    );
    let notices = Lab::load(&text).expect("a lab").notices;
    let found = notices.iter().any(|it| {
        it.to_string().contains(
            "the load balancer of Service default/shop has the address 203.0.113.11 of Node ",
        )
    });
    assert!(found, "{notices:?}");
}

#[test]
fn a_claim_in_words_says_what_really_happened_where_it_does_not_hold() {
    let text = lab("  actions:
  - {from: pod/a, to: \"pod/shop/b:80\", proto: tcp}
  - {from: pod/a, to: \"pod/shop/b:53\", proto: udp}
  expect:
  - \"action 1: refused\"
  - delivered
  - reaches pod/shop/b
  - reaches pod/a
  - sees source 10.244.1.2
  - sees source 10.244.1.9
  - status 200
  - dropped by NetworkPolicy default/deny
  - at shop_b/eth0 in step 1
");
    let lab = load(&text);
    let run = lab.run();
    let unmet: Vec<_> = lab.unmet(&run).iter().map(ToString::to_string).collect();
    assert_eq!(
        unmet,
        [
            "8:5: spec.expect[0]: expected the verdict refused, found delivered: 10.244.1.3 answered",
            "11:5: spec.expect[3]: expected that it reaches pod/a, found that pod/shop/b read it",
            "13:5: spec.expect[5]: expected that the receiver sees 10.244.1.9, found 10.244.1.2",
            "14:5: spec.expect[6]: expected the status 200, found delivered: 10.244.1.3 answered",
            "15:5: spec.expect[7]: expected that it is dropped by NetworkPolicy default/deny, found delivered: 10.244.1.3 answered",
            "16:5: spec.expect[8]: expected a packet at shop_b/eth0 in step 1, found a/eth0: a has a TCP SYN to send, and it must wait",
        ]
    );
}

#[test]
fn a_claim_that_cannot_be_read_says_what_could() {
    let known = "expected a verdict (delivered, dropped, rejected, refused, timeout, unmodelled, applied), \"reaches pod/NAME\", \"dropped by WORDS\", \"sees source IP\", \"status NUMBER\", \"answers IP\" or \"at NETNS/DEVICE in step NUMBER\"";
    let text = lab("  actions: [{from: pod/a, to: pod/shop/b}]
  expect: [arrives, reaches b, \"action 2: delivered\", sees source me]
");
    assert_eq!(
        refused(&text),
        [
            format!("5:12: spec.expect[0]: {known}, found \"arrives\""),
            "5:21: spec.expect[1]: expected pod/NAME after \"reaches\", found \"b\"".into(),
            "5:32: spec.expect[2]: the lab has 1 actions".into(),
            "5:55: spec.expect[3]: expected an IPv4 address, found \"me\"".into(),
        ]
    );
}
