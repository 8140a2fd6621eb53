//! Claims about pictures that stand alone.

use everyhop_engine::lesson::{Lab, Run};

use super::{NoStep, Picture};

const SERVICE: &str = include_str!("../../../public/labs/pod-to-service.yaml");

fn ran() -> (Lab, Run) {
    let lab = Lab::load(SERVICE).expect("the lesson loads").lab;
    let run = lab.run();
    (lab, run)
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_step_is_one_well_formed_file_with_its_packet_where_the_trace_has_it() {
    let (lab, run) = ran();
    let picture = Picture::new(&lab, &run, false);
    for (index, step) in run.story.steps.iter().enumerate() {
        let text = picture.hop(index).expect("the step is there");
        balanced(&text);
        let Some(moved) = step.moves.first() else { continue };
        let device = run.end.device_name(moved.to);
        assert_eq!(count(&text, &format!("data-at=\"{device}\"")), 1, "step {}", index + 1);
    }
}

#[test]
fn a_file_asks_nothing_of_anybody_and_runs_nothing() {
    let (lab, run) = ran();
    let picture = Picture::new(&lab, &run, true);
    for text in [picture.stop(3).expect("there are more"), picture.played()] {
        for word in ["<script", "href", "url(", "@import", "onclick", "tabindex", "role=\"button\""]
        {
            assert_eq!(count(&text, word), 0, "{word}");
        }
        // The namespace is the only address in an attribute.
        assert_eq!(count(&text, "=\"http"), 1);
    }
}

#[test]
fn a_played_lesson_shows_every_stop_once_with_its_title() {
    let (lab, run) = ran();
    let text = Picture::new(&lab, &run, false).played();
    balanced(&text);
    assert_eq!(count(&text, "class=\"said\""), run.stops.len());
    for index in 0..run.stops.len() {
        assert_eq!(count(&text, &format!("@keyframes at-{index}{{")), 1);
        // The trail below the devices, and what moves above them.
        assert_eq!(count(&text, &format!("class=\"at at-{index}\"")), 2);
    }
}

#[test]
fn a_step_beyond_the_end_is_refused_with_their_number() {
    let (lab, run) = ran();
    let picture = Picture::new(&lab, &run, false);
    let (n_hops, n_stops) = (run.story.steps.len(), run.stops.len());
    assert_eq!(picture.hop(n_hops), Err(NoStep { n_steps: n_hops }));
    assert_eq!(picture.stop(n_stops), Err(NoStep { n_steps: n_stops }));
}

/// Every element that opens closes, in order.
fn balanced(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').expect("a tag ends");
        assert!(!after.contains('>'), "{after:?} is not escaped");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split([' ', '\n']).next().unwrap_or_default()),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}
