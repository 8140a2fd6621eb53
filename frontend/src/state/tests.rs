//! What the learner does and what the page then is.

use super::headers::Headers;
use everyhop_engine::lesson::Protocol;
use everyhop_engine::world::World;

use super::*;

fn page(hash: &str) -> Session {
    Session::open(Route::parse(hash), Texts::default(), None, false)
}

fn drafted(lesson: LessonId) -> Texts {
    let mut texts = Texts::default();
    texts.drafts.insert(lesson, "draft".into());
    texts
}

fn after(session: Session, actions: impl IntoIterator<Item = Action>) -> Session {
    let mut session = Rc::new(session);
    for action in actions {
        session = session.reduce(action);
    }
    Rc::unwrap_or_clone(session)
}

fn address(session: &Session) -> String {
    session.route().map(|route| route.to_string()).unwrap_or_default()
}

#[test]
fn a_first_visit_opens_the_first_lesson_at_its_first_step() {
    let session = page("");
    assert_eq!(address(&session), "#/lesson/pod-to-pod?step=1");
    assert!(session.n_steps() > 4 && session.problems.is_empty());
}

#[test]
fn a_deep_link_opens_at_its_step_and_the_address_follows_the_playhead() {
    let session = page("#/lesson/pod-to-pod?step=4");
    assert_eq!(session.step_idx, 3);
    let session = after(session, [Action::StepForward, Action::StepForward, Action::StepBack]);
    assert_eq!(address(&session), "#/lesson/pod-to-pod?step=5");
}

#[test]
fn a_step_beyond_the_end_shows_the_last_one_and_says_so() {
    let session = page("#/lesson/pod-to-pod?step=9999");
    assert_eq!(session.step_idx + 1, session.n_steps());
    assert!(session.notice.is_some_and(|n| n.starts_with("There is no step 9999")));
    assert!(page("#/lesson/pod-to-pod?step=0").notice.is_some());
    assert!(page("#/lesson/pod-to-pod?step=x").notice.is_some());
}

#[test]
fn an_unknown_lesson_is_told_and_a_known_one_leads_back() {
    let session = page("#/lesson/nowhere?step=3");
    assert_eq!(session.page, Page::Unknown("nowhere".into()));
    let session = after(session, [Action::Open(Route::parse("#/lesson/pod-to-pod"))]);
    assert_eq!(address(&session), "#/lesson/pod-to-pod?step=1");
}

#[test]
fn playing_ends_at_the_last_step_and_starts_over_from_there() {
    let session = after(page(""), [Action::TogglePlay]);
    assert!(session.playing);
    let n = session.n_steps();
    let session = after(session, (0..n).map(|_| Action::Tick));
    assert!(!session.playing && session.step_idx + 1 == n);
    let session = after(session, [Action::TogglePlay]);
    assert!(session.playing && session.step_idx == 0);
}

#[test]
fn a_late_tick_moves_nothing_once_the_learner_paused() {
    let session = after(page(""), [Action::TogglePlay, Action::TogglePlay, Action::Tick]);
    assert_eq!(session.step_idx, 0);
}

#[test]
fn every_step_can_be_reached_forward_and_back() {
    let mut session = page("");
    let n = session.n_steps();
    for step_idx in 1..n {
        session = after(session, [Action::StepForward]);
        assert_eq!(session.step_idx, step_idx);
    }
    assert_eq!(after(session.clone(), [Action::StepForward]).step_idx, n - 1);
    assert_eq!(after(session.clone(), [Action::Restart]).step_idx, 0);
    assert_eq!(after(session, [Action::Restart, Action::StepBack, Action::End]).step_idx, n - 1);
}

#[test]
fn a_text_with_problems_leaves_the_stage_and_the_text_as_they_are() {
    let before = page("#/lesson/pod-to-pod?step=3");
    let shown = before.shown.clone();
    let text: Rc<str> = "kind: Pod\nmetadata: [!!".into();
    let session = after(before, [Action::Edit(text.clone()), Action::RunText]);
    assert!(!session.problems.is_empty());
    assert!(session.shown == shown && session.step_idx == 2);
    assert_eq!(session.texts.draft(FIRST), text);
}

#[test]
fn the_lessons_own_text_comes_back_and_the_draft_is_only_put_aside() {
    let text: Rc<str> = format!("{}\n# mine\n", FIRST.lesson().text).into();
    let session = after(page(""), [Action::Edit(text.clone()), Action::RunText]);
    assert!(session.shown.as_ref().is_some_and(|shown| shown.is_edited()));
    let session = after(session, [Action::RestoreText]);
    assert!(session.shown.as_ref().is_some_and(|shown| !shown.is_edited()));
    assert_eq!(&*session.texts.draft(FIRST), FIRST.lesson().text);
    let session = after(session, [Action::TakeBack]);
    assert_eq!(session.texts.draft(FIRST), text);
}

#[test]
fn a_lesson_shows_its_own_text_to_everybody_and_keeps_the_draft_in_the_editor() {
    let texts = drafted(FIRST);
    let session = Session::open(None, texts, None, false);
    assert!(session.problems.is_empty() && session.n_steps() > 0);
    assert_eq!(&*session.texts.draft(FIRST), "draft");
}

#[test]
fn after_a_crash_the_draft_is_there_and_does_not_run_by_itself() {
    let texts = drafted(OWN.id);
    let session = Session::open(Route::parse("#/lesson/own"), texts, None, true);
    assert_eq!(&*session.texts.draft(OWN.id), "draft");
    assert!(session.notice.is_some() && session.problems.is_empty());
}

#[test]
fn every_lesson_of_the_list_runs() {
    for lesson in lessons::all() {
        let ran = run::run(lesson.id, &lesson.text.into(), None);
        assert!(ran.is_ok_and(|shown| shown.n_steps() > 0), "{:?}", lesson.id);
    }
}

#[test]
fn a_text_that_is_too_long_is_refused_with_a_message_and_replaces_nothing() {
    let draft: Rc<str> = "# mine".into();
    for bytes in [run::EDITOR_BYTES + 1, 10 << 20] {
        let pasted: Rc<str> = "x".repeat(bytes).into();
        let session = after(page(""), [Action::Edit(draft.clone()), Action::TooLong(pasted)]);
        assert_eq!(session.problems.len(), 1, "{bytes}");
        assert_eq!(session.texts.draft(FIRST), draft);
    }
}

fn shown(hash: &str) -> Shown {
    page(hash).shown.expect("the lesson runs")
}

#[test]
fn the_row_a_bridge_learns_is_marked_at_the_step_that_teaches_it_and_not_later() {
    let shown = shown("#/lesson/pod-to-pod");
    let node = shown.run.end.find_netns("node-1").expect("the lesson's node");
    let marked = |step_idx: usize| -> Vec<String> {
        let before = step_idx.checked_sub(1).map(|step_idx| shown.world_at(step_idx));
        let tables = tables::tables(&shown.world_at(step_idx), before.as_deref(), node, &[]);
        let rows = tables.into_iter().flat_map(|table| table.rows);
        rows.filter(|row| row.changed).map(|row| row.cells.join(" ")).collect()
    };
    let marked: Vec<_> = (0..shown.n_steps()).flat_map(marked).collect();
    assert_eq!(
        marked,
        ["0a:58:0a:f4:01:02 veth0 learnt", "0a:58:0a:f4:01:03 veth1 learnt"],
        "each address once"
    );
}

#[test]
fn tables_are_the_same_whichever_way_the_playhead_came() {
    let shown = shown("#/lesson/node-to-node");
    let node = shown.run.end.find_netns("node-1").expect("the lesson's node");
    let of = |world: &World| tables::tables(world, None, node, &[]);
    let n = shown.n_steps();
    let there: Vec<usize> = (0..n).chain((0..n).rev()).chain([3, n - 1, 4, 3, 2, n / 2]).collect();
    for step_idx in there {
        let anew = shown.run.world_at(&shown.lab, step_idx);
        assert_eq!(of(&shown.world_at(step_idx)), of(&anew), "step {step_idx}");
    }
}

#[test]
fn a_router_changes_both_hardware_addresses_and_the_ttl_and_the_checksum_that_covers_it() {
    let shown = shown("#/lesson/node-to-node");
    let steps = 0..shown.n_steps();
    let headers = steps.filter_map(|step_idx| Headers::at(&shown, step_idx, 0));
    let changed: Vec<Vec<&str>> =
        headers.map(|it| it.changes.iter().map(|change| change.name).collect()).collect();
    let routed = ["Destination", "Source", "Time to live", "Checksum"];
    assert!(
        changed.iter().any(|names| routed.iter().all(|name| names.contains(name))),
        "{changed:?}"
    );
}

#[test]
fn a_lab_without_actions_sends_from_the_first_pod_to_the_second_until_told_otherwise() {
    let session = page("#/lesson/own");
    let sent = session.shown.as_ref().and_then(|shown| shown.sent.clone());
    let first = Exchange {
        from: "pod/client".into(),
        to: "pod/api".into(),
        protocol: Some(Protocol::Icmp),
    };
    assert_eq!(sent, Some(first.clone()));
    let datagram = Exchange { to: "pod/db:5353".into(), protocol: Some(Protocol::Udp), ..first };
    let session = after(session, [Action::Send(datagram.clone())]);
    assert_eq!(session.shown.as_ref().and_then(|shown| shown.sent.clone()), Some(datagram));
    assert_eq!(session.step_idx, 0);
}

#[test]
fn what_cannot_be_sent_is_told_and_the_stage_stays() {
    let session = page("#/lesson/own?step=3");
    let (from, to) = ("pod/client".into(), "10.244".into());
    let wrong = Exchange { from, to, protocol: Some(Protocol::Icmp) };
    let sent = after(session.clone(), [Action::Send(wrong)]);
    assert!(sent.notice.is_some() && sent.shown == session.shown && sent.step_idx == 2);
}

#[test]
fn choosing_a_device_opens_its_captures_and_choosing_it_again_lets_go() {
    let session = page("");
    let device = session.shown.as_ref().and_then(|shown| shown.run.end.devices.iter().next());
    let device = device.map(|(id, _)| id);
    let chosen = after(session, [Action::SelectDevice(device)]);
    assert_eq!((chosen.device, chosen.tab), (device, Tab::Captures));
    assert_eq!(after(chosen, [Action::SelectDevice(device)]).device, None);
}

#[test]
fn a_folded_lesson_goes_from_stop_to_stop_forward_and_back() {
    let mut session = page("#/lesson/egress");
    let stops: Vec<usize> =
        session.shown.iter().flat_map(|shown| shown.run.stops.iter().map(|stop| stop.at)).collect();
    assert!(stops.len() > 4 && stops.len() * 4 < session.n_steps());
    for (index, &at) in stops.iter().enumerate() {
        assert_eq!((session.step_idx, session.playhead()), (at, (index + 1, stops.len())));
        session = after(session, [Action::StepForward]);
    }
    assert!(session.is_at_end());
    for &at in stops.iter().rev() {
        assert_eq!(session.step_idx, at);
        session = after(session, [Action::StepBack]);
    }
    assert!(session.is_at_start());
}

#[test]
fn playing_passes_through_every_hop_and_rests_at_the_stops() {
    let mut session = after(page("#/lesson/egress"), [Action::TogglePlay]);
    let (mut rests, mut ticks) = (1, 0);
    let at_rest = session.pace_ms();
    while session.playing {
        session = after(session, [Action::Tick]);
        ticks += 1;
        rests += usize::from(session.pace_ms() == at_rest);
    }
    assert_eq!(rests, session.playhead().1);
    assert_eq!(ticks, session.step_idx);
}

#[test]
fn a_hop_can_be_chosen_and_the_address_counts_hops_from_then_on() {
    let session = after(page("#/lesson/egress?step=3"), [Action::SeekHop(4)]);
    assert_eq!(address(&session), "#/lesson/egress?step=5&hops=all");
    let session = after(session, [Action::StepForward]);
    assert_eq!(session.step_idx, 5);
    let again = page(&address(&session));
    assert_eq!((again.step_idx, again.level()), (5, Level::Hops));
    let session = after(session, [Action::SetLevel(Level::Stops), Action::StepForward]);
    assert_eq!(address(&session), "#/lesson/egress?step=2");
}

#[test]
fn a_variant_is_kept_in_the_address_and_shows_the_same_step_of_the_article() {
    let session =
        after(page("#/lesson/node-to-node?step=9"), [Action::SelectVariant("calico".into())]);
    assert!(address(&session).ends_with("&variant=calico"), "{}", address(&session));
    let article = |session: &Session| {
        let shown = session.shown.as_ref().expect("a lesson");
        shown.run.stops[session.stop_idx()].caption.article
    };
    assert_eq!(article(&session), Some(5));
    let again = page(&address(&session));
    assert_eq!((again.step_idx, article(&again)), (session.step_idx, Some(5)));
    let back = after(session, [Action::SelectVariant("bridge".into())]);
    assert_eq!(address(&back), "#/lesson/node-to-node?step=9");
    assert!(page("#/lesson/node-to-node?variant=nonsense").shown.is_some());
}

#[test]
fn a_bet_is_kept_until_its_step_and_may_be_left_out() {
    let session = page("#/lesson/pod-to-pod");
    let at = session.bet_ahead().expect("the first step has a bet on the next");
    let session = after(session, [Action::Bet(2), Action::StepForward]);
    assert_eq!(session.bets.get(at), Some(&2));
    assert_eq!(session.bet_at(session.stop_idx()), at);
    assert_eq!(session.bet_ahead(), None);
    assert_eq!(after(session.clone(), [Action::Bet(1)]).bets, session.bets);
}

#[test]
fn a_lab_gets_what_an_exchange_needs() {
    let session = page("#/lesson/own");
    for to in ["http://www.example.com/", "dns:api.default", "node/node-2", "198.51.100.77"] {
        let protocol = None;
        let exchange = Exchange { from: "pod/client".into(), to: to.into(), protocol };
        let sent = after(session.clone(), [Action::Send(exchange.clone())]);
        assert_eq!(sent.notice, None, "{to}");
        assert_eq!(sent.shown.and_then(|shown| shown.sent.clone()), Some(exchange));
    }
    let from = "internet".into();
    let exchange = Exchange { from, to: "node/node-1".into(), protocol: Some(Protocol::Icmp) };
    assert_eq!(after(session, [Action::Send(exchange)]).notice, None);
}

#[test]
fn the_route_and_the_neighbour_that_decide_are_marked() {
    let shown = shown("#/lesson/node-to-node");
    let node = shown.run.end.find_netns("node-1").expect("the lesson's node");
    let mut decided = Vec::new();
    for (step_idx, step) in shown.run.story.steps.iter().enumerate() {
        let events = step.events.iter().map(|&index| shown.run.trace.entries[index].event);
        let events: Vec<_> = events.collect();
        let tables = tables::tables(&shown.world_at(step_idx), None, node, &events);
        for table in tables {
            let rows = table.rows.into_iter().filter(|row| row.decides);
            decided.extend(rows.map(|row| (table.title.clone(), row.cells[0].clone())));
        }
    }
    let has = |title: &str| decided.iter().any(|(of, _)| of == title);
    assert!(has("Routes, table main") && has("Neighbours"), "{decided:?}");
    assert!(has("Forwarding table of vbr0"), "{decided:?}");
}
