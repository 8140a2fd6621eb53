//! The rules that a step's packet was judged by, hook by hook.

use everyhop_engine::base::{Hook, NsId};
use everyhop_engine::story::{Walked, tracked, walked};
use everyhop_engine::trace::Event;

use super::run::Ran;

/// What one hook's rules made of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtHook {
    pub ns: NsId,
    /// None: connection tracking did something between two hooks.
    pub hook: Option<Hook>,
    pub rows: Vec<Row>,
}

/// A line of the walk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    /// A rule that matched, or a chain's policy.
    Decides(Walked),
    /// Rules in a row that did not match.
    Skipped(Vec<Walked>),
    /// Something that connection tracking did.
    Tracked(String),
}

/// The walk of a step's leading packet, in order.
pub fn walk(shown: &Ran, step_idx: usize) -> Vec<AtHook> {
    let world = &shown.run.end;
    let main = shown.run.story.steps.get(step_idx).and_then(|step| step.moves.first());
    let Some(main) = main else { return Vec::new() };
    let entries = shown.rules_walked(step_idx);
    let mut hooks: Vec<AtHook> = Vec::new();
    // Tracked before any rule is asked, and shown with the hook that comes next.
    let mut before: Vec<Row> = Vec::new();
    for entry in entries.iter().filter(|it| it.packet == Some(main.packet)) {
        if let Some(line) = walked(world, entry) {
            let ns = line.ns;
            let here = hooks.last().map(|it| (it.ns, it.hook));
            if line.hook.is_some() && here != Some((ns, line.hook)) {
                hooks.push(AtHook { ns, hook: line.hook, rows: std::mem::take(&mut before) });
            }
            let Some(at) = hooks.last_mut() else { continue };
            match (line.unmet.is_some(), at.rows.last_mut()) {
                (true, Some(Row::Skipped(lines))) => lines.push(line),
                (true, _) => at.rows.push(Row::Skipped(vec![line])),
                (false, _) => at.rows.push(Row::Decides(line)),
            }
        } else if let Some(text) = tracked(world, entry.event) {
            match (entry.event, hooks.last_mut()) {
                (Event::NatBound { .. } | Event::NatRewrote { .. }, Some(at)) => {
                    at.rows.push(Row::Tracked(text));
                }
                _ => before.push(Row::Tracked(text)),
            }
        }
    }
    if !before.is_empty() {
        let ns = world.devices[main.to].ns;
        hooks.push(AtHook { ns, hook: None, rows: before });
    }
    hooks
}

/// The step at or after this one, else before it, in which rules are asked or a packet is rewritten.
pub fn nearest(shown: &Ran, step_idx: usize) -> Option<usize> {
    let asks = |step: &usize| {
        let events = shown.run.story.steps[*step].events.iter();
        events
            .map(|&index| shown.run.trace.entries[index].event)
            .any(|event| matches!(event, Event::RuleMatched { .. } | Event::NatRewrote { .. }))
    };
    let n_steps = shown.n_steps();
    (step_idx..n_steps).find(asks).or_else(|| (0..step_idx.min(n_steps)).rev().find(asks))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::state::lessons::OWN;
    use crate::state::run;

    #[test]
    fn the_walk_names_each_rule_that_did_not_match_and_the_service_behind_the_one_that_did() {
        let text = include_str!("../../../public/labs/pod-to-service.yaml");
        let text: Rc<str> = text.replace("http://web/", "svc/web:80").into();
        let shown = run::run(OWN.id, &text, None).expect("the lab loads");
        let step = nearest(&shown, 0).expect("a Service has rules");
        let hooks = walk(&shown, step);
        assert_eq!(hooks[0].hook, Some(Hook::PreRouting));
        let decides: Vec<_> = hooks[0]
            .rows
            .iter()
            .filter_map(|row| match row {
                Row::Decides(line) => Some((line.chain.as_str(), line.origin.as_deref())),
                Row::Skipped(_) | Row::Tracked(_) => None,
            })
            .collect();
        assert!(decides.contains(&("KUBE-SERVICES", Some("Service default/web"))), "{decides:?}");
        let skipped = |row: &Row| match row {
            Row::Skipped(lines) => lines.iter().all(|line| line.unmet.is_some()),
            Row::Decides(_) | Row::Tracked(_) => false,
        };
        assert!(hooks.iter().flat_map(|it| &it.rows).any(skipped));
        // What matched is what the run recorded without them.
        let matched = |events: &mut dyn Iterator<Item = Event>| {
            events.filter(|event| matches!(event, Event::RuleMatched { .. })).count()
        };
        let own = &shown.run.story.steps[step].events;
        let own = matched(&mut own.iter().map(|&index| shown.run.trace.entries[index].event));
        let walked = shown.rules_walked(step);
        assert_eq!(matched(&mut walked.iter().map(|entry| entry.event)), own);
    }
}
