//! Makes a failing lab smaller: leaves out items, many at a time and then one by one, as long as what is left still fails.

use std::time::{Duration, Instant};

use super::plan::{Item, Plan};

/// How long it goes on; each lab that is tried is built in the kernel.
const MAX_TIME: Duration = Duration::from_mins(1);

/// The smallest plan found for which `fails` holds, beginning with `plan`, for which it does.
pub(super) fn smallest(plan: &Plan, seed: u64, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut best = plan.clone();
    let started = Instant::now();
    let try_out = |candidate: &Plan, best: &mut Plan| {
        if started.elapsed() > MAX_TIME || candidate.items.len() >= best.items.len() {
            return false;
        }
        let is_smaller = fails(candidate);
        if is_smaller {
            *best = candidate.clone();
        }
        is_smaller
    };
    // What happens first: without it, whatever it needed can go as well.
    let mut idx = best.items.len();
    while idx > 0 {
        idx -= 1;
        if idx < best.items.len() && matches!(best.items[idx], Item::Stimulus { .. }) {
            let candidate = without(&best, idx, 1, seed);
            try_out(&candidate, &mut best);
        }
    }
    let mut n = best.items.len() / 2;
    while n > 0 {
        let mut shrunk = false;
        let mut at = 0;
        while at < best.items.len() {
            let candidate = without(&best, at, n, seed);
            if try_out(&candidate, &mut best) {
                shrunk = true;
            } else {
                at += n;
            }
        }
        if !(shrunk && n == 1) {
            n /= 2;
        }
    }
    best
}

fn without(plan: &Plan, at: usize, n: usize, seed: u64) -> Plan {
    let end = (at + n).min(plan.items.len());
    Plan { items: [&plan.items[..at], &plan.items[end..]].concat() }.valid(seed)
}

#[cfg(test)]
mod tests {
    use super::super::generate;
    use super::*;

    #[test]
    fn only_what_the_failure_needs_is_left() {
        let whole = generate::plan(3).valid(3);
        let has = |it: &Plan, name: &str| {
            it.items.iter().any(|it| matches!(it, Item::Stimulus { netns, .. } if netns == name))
        };
        let netns = whole.items.iter().find_map(|it| match it {
            Item::Stimulus { netns, .. } => Some(netns.clone()),
            _ => None,
        });
        let netns = netns.expect("every lab has a stimulus");
        let found = smallest(&whole, 3, |it| has(it, &netns));
        let n_stimuli = found.items.iter().filter(|it| matches!(it, Item::Stimulus { .. })).count();
        assert_eq!(n_stimuli, 1);
        // Its namespace, and where it needs a device the wire with its other end.
        assert!(found.items.len() <= 5, "{found:?}");
    }
}
