//! What packet sockets saw, as lines in tcpdump's words.

use everyhop_engine::base::{DevId, Nanos, SortedMap};
use everyhop_engine::trace::{Direction, Event};

use super::run::Shown;
use super::tcpdump::Tcpdump;

/// One captured frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub at: Nanos,
    pub dev: DevId,
    pub dir: Direction,
    pub text: String,
    /// The step that tells of it, if one does.
    pub step_idx: Option<usize>,
}

/// All frames of a run in order; with `dev`, those on that device.
pub fn rows(shown: &Shown, dev: Option<DevId>) -> Vec<Row> {
    let run = &shown.run;
    let steps = &run.story.steps;
    let mut step_of: Vec<Option<usize>> = vec![None; run.trace.entries.len()];
    for (step_idx, step) in steps.iter().enumerate() {
        for &event in &step.events {
            step_of[event] = Some(step_idx);
        }
    }
    let mut running: SortedMap<DevId, Tcpdump> = SortedMap::default();
    let entries = run.trace.entries.iter().zip(step_of);
    let taps = entries.filter_map(|(entry, step_idx)| match entry.event {
        Event::Tap { dev: on, dir, frame } if dev.is_none_or(|wanted| wanted == on) => {
            if running.get(on).is_none() {
                running.insert(on, Tcpdump::default());
            }
            let tcpdump = running.get_mut(on)?;
            let text = tcpdump.line(run.trace.bytes(frame));
            Some(Row { at: entry.at, dev: on, dir, text, step_idx })
        }
        _ => None,
    });
    taps.collect()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::state::lessons::OWN;
    use crate::state::run;

    /// Lines that tcpdump 4.99.5 printed of this run, exported as pcapng.
    const PRINTED: &[&str] = &[
        "ARP, Request who-has 10.244.1.1 tell 10.244.1.2, length 28",
        "ARP, Reply 10.0.0.12 is-at 02:00:0a:00:00:0c, length 28",
        "IP 10.244.1.2.55140 > 10.96.0.10.53: 18969+ A? web.default.svc.cluster.local. (47)",
        "IP 10.244.1.3.53 > 10.244.1.2.55140: 18969*- 1/0/0 A 10.96.0.20 (92)",
        "IP 10.96.0.10.53 > 10.244.1.2.55140: 36744*- 0/1/0 (140)",
        "IP 10.244.1.2.57214 > 10.96.0.20.80: Flags [S], seq 4142351736, win 64860, options [mss 1410,sackOK,TS val 2892009707 ecr 0,nop,wscale 10], length 0",
        "IP 10.244.2.2.8080 > 10.244.1.2.57214: Flags [S.], seq 2369970380, ack 4142351737, win 64308, options [mss 1410,sackOK,TS val 3702172908 ecr 2892009707,nop,wscale 10], length 0",
        "IP 10.244.1.2.57214 > 10.96.0.20.80: Flags [P.], seq 1:67, ack 1, win 64, options [nop,nop,TS val 2892009707 ecr 3702172908], length 66: HTTP: GET / HTTP/1.1",
        "IP 10.96.0.20.80 > 10.244.1.2.57214: Flags [P.], seq 1:116, ack 67, win 63, options [nop,nop,TS val 3702172908 ecr 2892009707], length 115: HTTP: HTTP/1.1 200 OK",
        "IP 10.244.1.2.57214 > 10.244.2.2.8080: Flags [F.], seq 67, ack 116, win 64, options [nop,nop,TS val 2892009707 ecr 3702172908], length 0",
        "IP 10.0.0.11.59001 > 10.0.0.12.8472: OTV, flags [I] (0x08), overlay 0, instance 1",
    ];

    #[test]
    fn a_page_fetched_over_vxlan_reads_as_tcpdump_prints_it() {
        let text = include_str!("../../../public/labs/pod-to-service.yaml");
        let text: Rc<str> = text
            .replace("to: \"svc/web:80\"", "to: \"http://web/\"")
            .replace("  seed: 1", "  seed: 1\n  cni: flannel")
            .into();
        let shown = run::run(OWN.id, &text, None).expect("the lab loads");
        let rows = rows(&shown, None);
        let lines: Vec<&str> = rows.iter().flat_map(|row| row.text.lines()).collect();
        for printed in PRINTED {
            assert!(lines.contains(printed), "{printed} is not in {lines:#?}");
        }
    }

    #[test]
    fn bytes_that_are_no_packet_are_named_so() {
        for len in 0..60 {
            assert!(!Tcpdump::default().line(&vec![8; len]).is_empty(), "{len} bytes");
        }
    }
}
