//! The transcripts of the lessons that come with the page: all that playing one shows and says is in its text.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use everyhop_engine::lesson::{Lab, Run};
use everyhop_engine::trace::Event;
use everyhop_engine::wire::dissect::dissect;

/// Every lesson in every variant.
fn each(mut check: impl FnMut(&str, &Lab, &Run)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/labs");
    let mut n_labs = 0;
    for file in fs::read_dir(folder).expect("the lessons' folder") {
        let path = file.expect("a lesson's file").path();
        let text = fs::read_to_string(&path).expect("a lesson's lab");
        let load =
            |variant: Option<&str>| Lab::load_variant(&text, &[], variant).expect("a lab").lab;
        let first = load(None);
        let names: Vec<String> =
            first.variants.iter().flat_map(|it| &it.choices).map(|it| it.name.clone()).collect();
        let labs = if names.is_empty() {
            vec![first]
        } else {
            names.iter().map(|name| load(Some(name))).collect()
        };
        for lab in labs {
            check(&format!("{} {:?}", path.display(), lab.variants), &lab, &lab.run());
            n_labs += 1;
        }
    }
    assert!(n_labs > 10, "{n_labs} labs");
}

/// Where each of these stands in a text, each behind the one before.
fn stands_in_order(text: &str, parts: &[&str], of: &str) {
    let mut from = 0;
    for part in parts {
        let found = text[from..].find(part);
        from += found.unwrap_or_else(|| panic!("{of}: not behind the part before: {part}"));
        from += part.len();
    }
}

#[test]
fn a_transcript_has_every_stop_in_order_with_all_that_is_said_there() {
    each(|of, lab, run| {
        let text = run.transcript(lab).markdown();
        let mut parts: Vec<String> = Vec::new();
        for (index, stop) in run.stops.iter().enumerate() {
            parts.push(format!("\n## {}. {}\n", index + 1, stop.caption.title));
            parts.extend(stop.bet.iter().map(|bet| bet.ask.clone()));
            for step in &run.story.steps[stop.first..stop.at] {
                parts.push(step.title.clone());
            }
            parts.push(stop.caption.text.clone());
            parts.extend(stop.caption.aside.clone());
            parts.extend(run.story.steps[stop.at].because.iter().map(|it| it.text.clone()));
            parts.extend(stop.caption.look.iter().map(|look| look.command.clone()));
        }
        parts.extend(run.results.iter().map(|it| it.because.clone()));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        stands_in_order(&text, &parts, of);
    });
}

#[test]
fn a_transcript_marks_one_answer_of_each_bet_as_right_and_it_is_the_one_that_the_trace_proves() {
    each(|of, lab, run| {
        let text = run.transcript(lab).markdown();
        let n_bets = run.stops.iter().filter(|stop| stop.bet.is_some()).count();
        assert_eq!(text.matches("right, says the trace").count(), n_bets, "{of}");
        for bet in run.stops.iter().filter_map(|stop| stop.bet.as_ref()) {
            let right = format!("- {} — right, says the trace\n", bet.choices[bet.right]);
            assert!(text.contains(&right), "{of}: {right}");
        }
    });
}

#[test]
fn the_headers_in_a_transcript_are_those_of_the_frames_in_the_trace() {
    each(|of, lab, run| {
        for (stop, told) in run.stops.iter().zip(run.transcript(lab).stops) {
            let step = &run.story.steps[stop.at];
            assert_eq!(told.fields.is_empty(), step.moves.is_empty(), "{of}: {}", told.title);
            // All that a frame says of itself in this step, and in those before of its leg.
            let legs = run.story.steps[..=stop.at].iter().filter(|it| it.leg == step.leg);
            let entries = |events: &[usize]| -> Vec<Event> {
                events.iter().map(|&it| run.trace.entries[it].event).collect()
            };
            let mut values: Vec<String> = Vec::new();
            for it in legs {
                let taps = entries(&it.events).into_iter().filter_map(|event| match event {
                    Event::Tap { frame, .. } | Event::NeighWait { frame, .. } => Some(frame),
                    _ => None,
                });
                let frames = it.moves.iter().map(|it| it.frame).chain(taps);
                let layers = frames.flat_map(|frame| dissect(run.trace.bytes(frame)));
                values.extend(layers.flat_map(|it| it.fields).map(|it| it.value));
            }
            let rewrites: Vec<String> = entries(&step.events)
                .into_iter()
                .filter_map(|event| match event {
                    Event::NatRewrote { from, to, quoted: false, .. } => {
                        Some(format!("{}:{}, was {}:{}", to.0, to.1, from.0, from.1))
                    }
                    _ => None,
                })
                .collect();
            let told_rewrites: Vec<String> = told
                .fields
                .iter()
                .filter(|it| it.name == "rewritten")
                .map(|it| it.words().replace("rewritten: ", ""))
                .collect();
            assert_eq!(told_rewrites, rewrites, "{of}: {}", told.title);
            for field in told.fields.iter().filter(|it| it.name != "rewritten") {
                for value in [Some(&field.now), field.before.as_ref()].into_iter().flatten() {
                    assert!(values.contains(value), "{of}: {}: {}", told.title, field.words());
                }
            }
        }
    });
}

#[test]
fn a_transcript_prints_of_a_real_machine_what_the_lab_has_at_that_stop() {
    each(|of, lab, run| {
        for (stop, told) in run.stops.iter().zip(run.transcript(lab).stops) {
            let expected = stop.caption.look.as_ref().and_then(|it| run.look(lab, stop.at, it));
            let printed = told.look.map(|(_, lines)| lines);
            assert_eq!(printed, expected, "{of}: {}", told.title);
        }
    });
}
