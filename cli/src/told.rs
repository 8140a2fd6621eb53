//! A run's steps and results as words and as JSON. Knows how they are printed; the engine says what happened.

use std::fmt::Write;

use everyhop_engine::app::resolver::Resolution;
use everyhop_engine::lesson::{Act, ActionResult, Lab, Run};
use everyhop_engine::story::{MoveKind, Step};
use everyhop_engine::trace::FrameId;
use serde_json::{Value, json};

/// A run and the lab that ran.
#[derive(Clone, Copy)]
pub(crate) struct Ran<'a> {
    pub lab: &'a Lab,
    pub run: &'a Run,
}

impl Ran<'_> {
    /// Every step as a numbered paragraph (where, what, and why), and the verdict of each action after its steps.
    pub(crate) fn words(self, actions: &[Act]) -> String {
        let mut out = String::new();
        let mut steps = self.run.story.steps.iter().enumerate().peekable();
        for (action, result) in actions.iter().zip(&self.run.results) {
            if actions.len() > 1 {
                let _ = writeln!(out, "{}\n", self.lab.act_name(action));
            }
            let ours = |step: &Step| step.events.iter().all(|&it| it < result.entries.end);
            while let Some((index, step)) = steps.next_if(|(_, step)| ours(step)) {
                self.paragraph(&mut out, index + 1, step);
            }
            let _ = writeln!(out, "{}: {}", result.verdict.name(), result.because);
        }
        out
    }

    fn paragraph(self, out: &mut String, number: usize, step: &Step) {
        let caption = &self.run.captions[number - 1];
        let _ = writeln!(out, "{number}. {}", caption.title);
        let _ = writeln!(out, "   {}", self.places(step));
        let _ = writeln!(out, "   {}", caption.text);
        for because in &step.because {
            let _ = write!(out, "   - {} ({}", because.text, because.kernel);
            if let Some(origin) = &because.origin {
                let _ = write!(out, "; because of {origin}");
            }
            out.push_str(")\n");
        }
        out.push('\n');
    }

    /// `at 0.002 ms, pod-1/eth0 → node-1/veth0`.
    fn places(self, step: &Step) -> String {
        let mut out = format!("at {}", step.at);
        for it in &step.moves {
            let _ = write!(out, ", {}", self.run.end.device_name(it.from));
            if it.from != it.to {
                let _ = write!(out, " → {}", self.run.end.device_name(it.to));
            }
        }
        out
    }

    /// All steps as docs/cli.md describes them.
    pub(crate) fn steps(self) -> Value {
        self.run
            .story
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| self.step(index, step))
            .collect()
    }

    fn step(self, index: usize, step: &Step) -> Value {
        let caption = &self.run.captions[index];
        let because: Value = step
            .because
            .iter()
            .map(|it| json!({"text": it.text, "kernel": it.kernel, "origin": it.origin}))
            .collect();
        let moves: Value = step
            .moves
            .iter()
            .map(|it| {
                json!({
                    "kind": kind(it.kind),
                    "from": self.run.end.device_name(it.from),
                    "to": self.run.end.device_name(it.to),
                    "frame": self.hex(it.frame),
                })
            })
            .collect();
        json!({
            "number": index + 1,
            "at_ns": step.at.0,
            "leg": step.leg,
            "title": caption.title,
            "text": caption.text,
            "because": because,
            "moves": moves,
            "frame": step.moves.first().map(|it| self.hex(it.frame)),
        })
    }

    fn hex(self, frame: FrameId) -> String {
        let bytes = self.run.trace.bytes(frame);
        bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// The verdict and what is known with it.
    pub(crate) fn result(self, result: &ActionResult) -> Value {
        let mut json = json!({"verdict": result.verdict.name(), "because": result.because});
        if let Some(pod) = result.served_by.map(|pod| &self.lab.cluster.pods[pod]) {
            json["served_by"] = format!("{}/{}", pod.namespace, pod.name).into();
        }
        if let Some(ip) = result.seen_source {
            json["seen_source"] = ip.to_string().into();
        }
        if let Some(status) = result.status {
            json["status"] = status.into();
        }
        if let Some(Resolution { rcode, answers, questions }) = &result.resolution {
            json["rcode"] = rcode.map_or_else(|it| it.to_string(), |it| it.to_string()).into();
            json["answers"] = answers.iter().map(ToString::to_string).collect();
            json["questions"] = questions.iter().map(ToString::to_string).collect();
        }
        json
    }
}

const fn kind(kind: MoveKind) -> &'static str {
    match kind {
        MoveKind::Originate => "originate",
        MoveKind::Wire => "wire",
        MoveKind::BridgeIn => "bridge-in",
        MoveKind::BridgeOut => "bridge-out",
        MoveKind::Forward => "forward",
        MoveKind::Encapsulate => "encapsulate",
        MoveKind::Decapsulate => "decapsulate",
    }
}
