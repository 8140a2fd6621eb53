//! Claims about stops, bets, commands and variants.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{lab, load, refused};
use crate::lesson::{Lab, Run};

/// The two pods with stops for an echo request, each a line of YAML.
fn with_stops(stops: &[&str]) -> (Lab, Run) {
    let list = stops.iter().fold(String::new(), |list, stop| list + "  - " + stop + "\n");
    let lab =
        load(&lab(&format!("  actions: [{{from: pod/a, to: pod/shop/b}}]\n  stops:\n{list}")));
    let run = lab.run();
    (lab, run)
}

fn untrue(lab: &Lab, run: &Run) -> Vec<String> {
    run.untrue(lab).iter().map(ToString::to_string).collect()
}

const ASKS: &str = "{when: {leg: arp-request, move: originate}, title: Asks, text: x}";
const LEAVES: &str = "{when: {leg: request, move: wire, from: \"{client}/eth0\"}, title: Leaves, text: \"{here-dst}\"}";

#[test]
fn a_stop_is_the_next_step_that_fits_and_folds_what_lies_before_it() {
    let (lab, run) = with_stops(&[ASKS, LEAVES]);
    let [asks, leaves] = run.stops.as_slice() else { panic!("{:?}", run.stops) };
    assert_eq!(asks.first, 0);
    assert_eq!(leaves.first, asks.at + 1);
    assert!(leaves.at > leaves.first, "hops are folded under it");
    assert_eq!(leaves.caption.text, "10.244.1.3");
    assert_eq!(run.captions[leaves.at].title, "Leaves");
    assert_eq!(untrue(&lab, &run), [""; 0]);
}

#[test]
fn a_lab_without_stops_stops_at_every_step() {
    let (_, run) = with_stops(&[]);
    let at: Vec<usize> = run.stops.iter().map(|stop| stop.at).collect();
    assert_eq!(at, (0..run.story.steps.len()).collect::<Vec<_>>());
}

#[test]
fn a_stop_that_comes_too_late_is_a_problem_and_the_others_stay() {
    let (lab, run) = with_stops(&[LEAVES, ASKS]);
    assert_eq!(run.stops.len(), 1);
    let problems = untrue(&lab, &run);
    assert!(problems[0].contains("no later step of the story fits this stop"), "{problems:?}");
}

#[test]
fn what_was_sent_by_hand_has_no_stops_of_the_lesson() {
    let (lab, _) = with_stops(&[ASKS]);
    let back = lab.exchange("pod/shop/b", "pod/a", None).expect("a sensible exchange");
    let run = lab.run_actions(&[back]);
    assert_eq!(run.stops.len(), run.story.steps.len());
}

fn bet(choices: &str) -> String {
    format!(
        "{{when: {{leg: request, move: wire}}, title: t, text: x, bet: {{ask: who, choices: [{choices}]}}}}"
    )
}

#[test]
fn the_trace_says_which_choice_of_a_bet_is_right() {
    let right = |choices: &str| {
        let (lab, run) = with_stops(&[ASKS, &bet(choices)]);
        (run.stops[1].bet.as_ref().map(|bet| bet.right), untrue(&lab, &run).len())
    };
    let known = "{say: b, when: {about: \"{server-ip}\"}}";
    let wrong = "{say: gateway, when: {about: \"{client-gateway}\"}}";
    assert_eq!(right(&format!("{wrong}, {known}")), (Some(1), 0));
    assert_eq!(right(&format!("{wrong}, {{say: nobody}}")), (Some(1), 0));
    assert_eq!(right(&format!("{known}, {{say: nobody}}")), (Some(0), 0));
    assert_eq!(right(&format!("{known}, {known}")), (None, 1), "two are right");
    assert_eq!(right("{say: one}, {say: other}"), (None, 1), "nothing tells which");
}

#[test]
fn a_bet_has_choices() {
    let problems = refused(&lab(&format!("  stops:\n  - {}\n", bet("{say: only}"))));
    assert!(problems[0].ends_with("expected at least two choices"), "{problems:?}");
}

#[test]
fn steps_of_the_article_come_in_its_order() {
    let numbered = |stop: &str, number: u8| {
        stop.replace("text: x", &format!("text: x, article: {number}"))
            .replace("text: \"", &format!("article: {number}, text: \""))
    };
    let problems = |first, second| {
        let (lab, run) = with_stops(&[&numbered(ASKS, first), &numbered(LEAVES, second)]);
        untrue(&lab, &run)
    };
    assert_eq!(problems(1, 2), [""; 0]);
    assert_eq!(problems(1, 1), [""; 0]);
    assert_eq!(problems(2, 3).len(), 1, "it begins with 1");
    assert!(problems(1, 3)[0].starts_with("step 3 of the article comes after step 1"));
}

#[test]
fn a_command_prints_what_the_world_holds_at_its_stop() {
    let looks = |netns: &str, command: &str| {
        let look = format!("look: {{in: \"{netns}\", run: \"{command}\"}}, text: \"");
        let (lab, run) = with_stops(&[&LEAVES.replace("text: \"", &look)]);
        let look = run.stops[0].caption.look.clone().expect("a command");
        (run.look(&lab, run.stops[0].at, &look), untrue(&lab, &run).len())
    };
    let lines = |text: &[&str]| Some(text.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    assert_eq!(
        looks("{client}", "ip neigh"),
        (lines(&["10.244.1.3 dev eth0 lladdr 0a:58:0a:f4:01:03 REACHABLE"]), 0)
    );
    assert_eq!(
        looks("{client}", "ip route get {server-ip}"),
        (lines(&["10.244.1.3 dev eth0 src 10.244.1.2 uid 0", "    cache"]), 0)
    );
    assert_eq!(
        looks("{client}", "ip route"),
        (
            lines(&[
                "default via 10.244.1.1 dev eth0",
                "10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2",
            ]),
            0
        )
    );
    assert_eq!(
        looks("{client-node}", "bridge fdb show br {bridge} dynamic | grep {client-veth}"),
        (lines(&["0a:58:0a:f4:01:02 dev veth0 master vbr0"]), 0)
    );
    assert_eq!(looks("{client}", "ip neigh | grep 192.0.2.1"), (lines(&[]), 1), "says nothing");
    assert_eq!(looks("{client}", "ip link"), (None, 1), "is not understood");
    assert_eq!(looks("nowhere", "ip neigh"), (None, 1));
}

#[test]
fn a_name_that_means_nothing_here_is_a_problem() {
    let (lab, run) = with_stops(&["{when: {leg: request}, title: t, text: \"by {lb-ip}\"}"]);
    assert!(untrue(&lab, &run)[0].ends_with("the name {lb-ip} means nothing in this lab"));
}

const VARIANTS: &str = "  variants:
    label: The port
    choices:
    - {name: own, title: Its own}
    - {name: other, title: Another, set: [{of: Pod/b, at: metadata.name, to: c}]}
    - {name: lost, title: Nothing, set: [{of: Service/x, at: spec.type, to: NodePort}]}
";

#[test]
fn a_variant_changes_the_lab_and_nothing_else() {
    let text = lab(VARIANTS);
    let names = |variant: Option<&str>| {
        let loaded = Lab::load_variant(&text, &[], variant);
        let loaded = loaded.map_err(|problems| problems[0].to_string())?;
        let chosen = loaded.lab.variants.as_ref().map(|it| it.name().to_owned());
        Ok::<_, String>((chosen, loaded.lab.pod_name(1)))
    };
    assert_eq!(names(None), Ok((Some("own".into()), "pod/shop/b".into())));
    assert_eq!(names(Some("own")), names(None));
    assert_eq!(names(Some("other")), Ok((Some("other".into()), "pod/shop/c".into())));
    assert!(names(Some("lost")).is_err_and(|it| it.contains("there is no Service/x")));
    assert!(names(Some("none")).is_err_and(|it| it.contains("found own, other, lost")));
    let plain = Lab::load_variant(super::TWO_PODS, &[], Some("own"));
    assert!(plain.is_err());
}

#[test]
fn variants_that_cannot_be_told_apart_or_read_are_named_one_by_one() {
    let said = |choices: &str| {
        let text = lab(&format!("  variants:\n    label: x\n    choices: {choices}\n"));
        let problems = Lab::load(&text).err().unwrap_or_default();
        problems.into_iter().map(|it| it.message).collect::<Vec<_>>()
    };
    let twice = said("[{name: own, title: a}, {name: own, title: b}]");
    assert_eq!(twice, ["there is a variant \"own\" before it"]);
    assert_eq!(said("[{name: own}]"), ["expected text, found nothing"]);
    assert_eq!(said("[]"), ["expected at least one variant, found none"]);
}
