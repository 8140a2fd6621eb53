//! Which of several default routes of one metric a packet of this host's own takes. The kernel stays with one gateway as long
//! as it is known to answer, and else tries the others. Read `fib_select_default` and `fib_detect_death` in
//! `net/ipv4/fib_semantics.c` first.

use super::fib::{Fib, Flow, Nexthop, NexthopState, RouteKind, tos_matches};
use crate::base::RouteId;
use crate::link::Scope;
use crate::trace::Nud;

/// The default route that a packet takes for which `found` was found; `state` tells what is known of a gateway.
#[inline(never)]
pub(super) fn select(
    fib: &Fib,
    flow: &Flow,
    found: RouteId,
    state: impl Fn(&Nexthop) -> Option<Nud>,
) -> RouteId {
    let equal = equal(fib, flow, found);
    let mut in_use = fib.default_in_use(found);
    let states = equal.iter().map(|(_, hop)| state(hop));
    *in_use = if equal.len() > 1 { choose(states, *in_use) } else { None };
    in_use.map_or(found, |at| equal[at].0)
}

/// The default routes that are as good as the one `found`, which comes first; empty if another comes before it.
fn equal<'f>(fib: &'f Fib, flow: &Flow, found: RouteId) -> Vec<(RouteId, &'f Nexthop)> {
    let first = fib.route(found);
    let mut equal = Vec::new();
    let (mut metric, mut tos) = (first.metric, 0);
    for id in fib.defaults(first.table) {
        let route = fib.route(id);
        if route.table != first.table || !tos_matches(route.tos, flow) {
            continue;
        }
        if route.metric > metric && route.tos == tos {
            if tos != 0 {
                continue;
            }
            break;
        }
        let hops = route.nexthops.as_slice();
        let is_dead = |hop: &Nexthop| hop.state == NexthopState::Dead;
        if !hops.is_empty() && hops.iter().all(is_dead) {
            continue;
        }
        (metric, tos) = (route.metric, route.tos);
        let Some(hop) = hops.first().filter(|hop| hop.via.is_some() && hop.scope == Scope::Link)
        else {
            continue;
        };
        if route.kind == RouteKind::Unicast && route.scope == first.scope {
            if equal.is_empty() && id != found {
                break;
            }
            equal.push((id, hop));
        }
    }
    equal
}

/// Which of gateways in these states to take, and which one counts as in use from then on. A gateway of which nothing is
/// known is as good as one that answers. `in_use` is not trusted longer than its last answer is.
fn choose(states: impl Iterator<Item = Option<Nud>>, in_use: Option<usize>) -> Option<usize> {
    let mut last_resort = None;
    for (at, state) in states.enumerate() {
        match state {
            None | Some(Nud::Reachable) => return Some(at),
            Some(Nud::Stale | Nud::Delay | Nud::Probe | Nud::Noarp | Nud::Permanent) => {
                if in_use != Some(at) {
                    return Some(at);
                }
                last_resort = Some(at);
            }
            Some(Nud::None | Nud::Failed) => {
                if last_resort.is_none() && in_use.is_none_or(|in_use| at > in_use) {
                    last_resort = Some(at);
                }
            }
            Some(Nud::Incomplete) => {}
        }
    }
    last_resort
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn chosen(states: &[Option<Nud>], in_use: Option<usize>) -> Option<usize> {
        choose(states.iter().copied(), in_use)
    }

    #[test]
    fn a_gateway_that_answers_stays_in_use() {
        assert_eq!(chosen(&[Some(Nud::Reachable), None], Some(0)), Some(0));
    }

    #[test]
    fn one_that_did_not_answer_lately_makes_way_for_the_next() {
        assert_eq!(chosen(&[Some(Nud::Stale), None], Some(0)), Some(1));
        assert_eq!(chosen(&[Some(Nud::Stale), Some(Nud::Incomplete)], Some(0)), Some(0));
    }

    #[test]
    fn gateways_that_are_never_asked_take_turns() {
        let both = [Some(Nud::Permanent); 2];
        assert_eq!([None, Some(0), Some(1)].map(|was| chosen(&both, was)), [0, 1, 0].map(Some));
    }

    #[test]
    fn of_those_that_failed_the_one_after_the_last_is_tried() {
        let both = [Some(Nud::Failed); 2];
        assert_eq!(
            [None, Some(0), Some(1)].map(|was| chosen(&both, was)),
            [Some(0), Some(1), None]
        );
    }
}
