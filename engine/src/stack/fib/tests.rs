//! Claims about look-ups.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::rule::{Action, OnDev, Rule};
use super::*;
use crate::base::Id;

fn dev(index: usize) -> DevId {
    DevId::from_index(index)
}

fn net(dst: &str) -> Ipv4Net {
    dst.parse().expect("a prefix")
}

fn route(dst: &str, index: usize, metric: u32) -> Route {
    let nexthop = Nexthop::new(RouteKind::Unicast, dev(index), None);
    Route { metric, ..Route::new(TableId::MAIN, net(dst), RouteKind::Unicast, nexthop) }
}

fn local(dst: &str, index: usize) -> Route {
    let nexthop = Nexthop::new(RouteKind::Local, dev(index), None);
    Route::new(TableId::LOCAL, net(dst), RouteKind::Local, nexthop)
}

/// A route that leads nowhere.
fn barrier(table: TableId, dst: &str, kind: RouteKind) -> Route {
    Route { table, kind, nexthops: Nexthops::none(), scope: Scope::Universe, ..route(dst, 0, 0) }
}

fn flow(dst: [u8; 4]) -> Flow {
    Flow::to(dst.into(), dev(0))
}

fn by(fib: &Fib, flow: &Flow) -> Result<usize, Unroutable> {
    let found = fib.lookup(flow).map_err(|it| it.error)?;
    Ok(fib.route(found.route).nexthops.as_slice()[found.nexthop].dev.index())
}

fn rules(fib: &mut Fib, list: Vec<Rule>) {
    let mut all = Rules::default();
    for rule in list {
        all = all.with(rule);
    }
    fib.set_rules(all);
}

#[test]
fn the_longest_prefix_wins_whatever_the_order_of_adding() {
    let mut fib = Fib::default();
    for (dst, dev) in
        [("10.244.1.0/24", 2), ("0.0.0.0/0", 1), ("10.244.1.7/32", 4), ("10.244.0.0/16", 3)]
    {
        fib.add(route(dst, dev, 0));
    }
    let found = [[10, 244, 1, 7], [10, 244, 1, 8], [10, 244, 2, 8], [8, 8, 8, 8]]
        .map(|ip| by(&fib, &flow(ip)));
    assert_eq!(found, [Ok(4), Ok(2), Ok(3), Ok(1)]);
}

#[test]
fn a_longer_prefix_in_main_beats_the_local_table_until_there_is_a_rule() {
    let mut fib = Fib::default();
    fib.add(route("127.0.0.1/32", 7, 0));
    fib.add(local("127.0.0.0/8", 1));
    assert_eq!(by(&fib, &flow([127, 0, 0, 1])), Ok(7));
    rules(&mut fib, vec![Rule::new(100, Action::Lookup(TableId(100)))]);
    assert_eq!(by(&fib, &flow([127, 0, 0, 1])), Ok(1));
}

#[test]
fn of_the_same_prefix_the_local_table_is_asked_first() {
    let mut fib = Fib::default();
    fib.add(route("10.0.0.1/32", 7, 0));
    fib.add(local("10.0.0.1/32", 1));
    assert_eq!(by(&fib, &flow([10, 0, 0, 1])), Ok(1));
}

#[test]
fn the_smallest_metric_wins_and_among_equals_the_first() {
    let mut fib = Fib::default();
    for (dev, metric) in [(1, 20), (2, 10), (3, 10)] {
        fib.add(route("10.0.0.0/8", dev, metric));
    }
    assert_eq!(by(&fib, &flow([10, 1, 1, 1])), Ok(2));
}

#[test]
fn without_a_matching_prefix_the_network_is_unreachable() {
    let mut fib = Fib::default();
    fib.add(route("10.0.0.0/8", 1, 0));
    assert_eq!(by(&fib, &flow([11, 0, 0, 1])), Err(Unroutable::Net));
}

#[test]
fn routes_that_lead_nowhere_say_why_and_hide_shorter_ones() {
    let mut fib = Fib::default();
    fib.add(route("0.0.0.0/0", 1, 0));
    for (dst, kind) in [
        ("10.1.0.0/16", RouteKind::Unreachable),
        ("10.2.0.0/16", RouteKind::Prohibit),
        ("10.3.0.0/16", RouteKind::Blackhole),
    ] {
        fib.add(barrier(TableId::MAIN, dst, kind));
    }
    let answers = [1, 2, 3, 4].map(|second| by(&fib, &flow([10, second, 0, 1])));
    let errors = [Unroutable::Host, Unroutable::Access, Unroutable::Invalid];
    assert_eq!(answers[..3], errors.map(Err));
    assert_eq!(answers[3], Ok(1));
}

#[test]
fn a_throw_route_sends_the_question_on_to_the_next_table() {
    let mut fib = Fib::default();
    fib.add(route("0.0.0.0/0", 1, 0));
    fib.add(barrier(TableId::MAIN, "10.0.0.0/8", RouteKind::Throw));
    assert_eq!(by(&fib, &flow([10, 0, 0, 1])), Err(Unroutable::Net));
    fib.add(Route { table: TableId::DEFAULT, ..route("10.0.0.0/8", 2, 0) });
    assert_eq!(by(&fib, &flow([10, 0, 0, 1])), Ok(2));
}

#[test]
fn a_type_of_service_is_matched_by_three_bits_and_beats_any() {
    let mut fib = Fib::default();
    fib.add(route("10.0.0.0/8", 1, 0));
    fib.add(Route { tos: 0x10, ..route("10.0.0.0/8", 2, 50) });
    let with = |tos| by(&fib, &Flow { tos, ..flow([10, 0, 0, 1]) });
    assert_eq!([0, 0x10, 0x13, 0x30, 0x18].map(with), [1, 2, 2, 2, 1].map(Ok));
}

#[test]
fn a_device_that_must_be_used_leaves_routes_by_others_aside() {
    let mut fib = Fib::default();
    fib.add(route("10.0.0.0/8", 1, 0));
    fib.add(route("0.0.0.0/0", 2, 0));
    assert_eq!(by(&fib, &Flow { oif: Some(dev(2)), ..flow([10, 0, 0, 1]) }), Ok(2));
}

#[test]
fn a_next_hop_without_a_carrier_is_passed_over_only_where_that_is_asked_for() {
    let with = |state| {
        let mut fib = Fib::default();
        let mut first = route("10.0.0.0/8", 1, 0);
        first.nexthops = Nexthops::One(Nexthop { state, ..first.nexthops.as_slice()[0] });
        fib.add(first);
        fib.add(route("0.0.0.0/0", 2, 0));
        let flow = flow([10, 0, 0, 1]);
        let ignoring = fib.lookup_with(&flow, true).map(|it| it.route.index());
        (by(&fib, &flow), ignoring.map_err(|it| it.error))
    };
    assert_eq!(with(NexthopState::LinkDown), (Ok(1), Ok(0)));
    assert_eq!(with(NexthopState::Ignored), (Ok(2), Ok(0)));
    assert_eq!(with(NexthopState::Dead), (Ok(2), Ok(1)));
}

#[test]
fn a_rule_decides_by_source_device_mark_and_ports() {
    let mut fib = Fib::default();
    fib.add(route("0.0.0.0/0", 1, 0));
    for table in [100, 101, 102, 103] {
        let index = usize::try_from(table).expect("small");
        fib.add(Route { table: TableId(table), ..route("0.0.0.0/0", index, 0) });
    }
    let to = |priority, table| Rule::new(priority, Action::Lookup(TableId(table)));
    rules(
        &mut fib,
        vec![
            Rule { src: net("10.1.0.0/16"), ..to(10, 100) },
            Rule { iif: OnDev::Dev(dev(5)), ..to(20, 101) },
            Rule { mark: Mark(0x10), mark_mask: 0xf0, ..to(30, 102) },
            Rule { protocol: 17, dport: Some((50, 60)), ..to(40, 103) },
            Rule { oif: OnDev::Detached, ..to(50, 100) },
        ],
    );
    let plain = flow([8, 8, 8, 8]);
    assert_eq!(by(&fib, &plain), Ok(1));
    assert_eq!(by(&fib, &plain.from([10, 1, 2, 3].into())), Ok(100));
    assert_eq!(by(&fib, &Flow { iif: dev(5), ..plain }), Ok(101));
    assert_eq!(by(&fib, &Flow { mark: Mark(0x1f), ..plain }), Ok(102));
    assert_eq!(by(&fib, &Flow { mark: Mark(0x2f), ..plain }), Ok(1));
    assert_eq!(by(&fib, &Flow { protocol: 17, dport: 53, ..plain }), Ok(103));
    assert_eq!(by(&fib, &Flow { protocol: 6, dport: 53, ..plain }), Ok(1));
    assert!(fib.rules().need_ports());
}

#[test]
fn not_turns_a_whole_rule_around() {
    let mut fib = Fib::default();
    fib.add(route("0.0.0.0/0", 1, 0));
    fib.add(Route { table: TableId(100), ..route("0.0.0.0/0", 2, 0) });
    let rule = Rule::new(10, Action::Lookup(TableId(100)));
    let rule =
        Rule { invert: true, dst: net("10.8.0.0/16"), mark: Mark(5), mark_mask: u32::MAX, ..rule };
    rules(&mut fib, vec![rule]);
    let there = flow([10, 8, 0, 1]);
    assert_eq!(by(&fib, &there), Ok(2));
    assert_eq!(by(&fib, &Flow { mark: Mark(5), ..there }), Ok(1));
    assert_eq!(by(&fib, &Flow { mark: Mark(5), ..flow([10, 9, 0, 1]) }), Ok(2));
}

#[test]
fn a_rule_can_jump_forbid_and_refuse_a_short_prefix() {
    let mut fib = Fib::default();
    fib.add(route("0.0.0.0/0", 1, 0));
    fib.add(Route { table: TableId(100), ..route("0.0.0.0/0", 2, 0) });
    fib.add(Route { table: TableId(100), ..route("10.9.0.0/16", 3, 0) });
    let to = |priority, dst: &str, action| Rule { dst: net(dst), ..Rule::new(priority, action) };
    let table = Action::Lookup(TableId(100));
    rules(
        &mut fib,
        vec![
            to(10, "10.1.0.0/16", Action::Goto(40)),
            to(11, "10.2.0.0/16", Action::Goto(41)), // there is no rule 41
            Rule { suppress_prefixlen: Some(0), ..Rule::new(20, table) },
            to(30, "10.1.0.0/16", Action::Prohibit),
            to(31, "10.2.0.0/16", Action::Unreachable),
            to(32, "10.3.0.0/16", Action::Blackhole),
            Rule::new(40, Action::Nop),
        ],
    );
    let answers = [1, 2, 3, 4, 9].map(|second| by(&fib, &flow([10, second, 0, 1])));
    let expected = [Ok(1), Err(Unroutable::Net), Err(Unroutable::Invalid), Ok(1), Ok(3)];
    assert_eq!(answers, expected);
}

#[test]
fn what_is_known_of_a_destination_ends_with_its_time() {
    let mut fib = Fib::default();
    let id = fib.add(route("10.0.0.0/8", 1, 0));
    let (host, gateway) = (Ipv4Addr::new(10, 0, 0, 1), Some(Ipv4Addr::new(10, 0, 0, 9)));
    let second = Nanos::from_secs(1);
    let redirect = Exception { gateway, expires: second, ..Exception::default() };
    fib.learn((id, 0), host, Nanos::ZERO, redirect);
    let pmtu = Exception { pmtu_bytes: Some(1400), expires: second, ..Exception::default() };
    fib.learn((id, 0), host, Nanos::ZERO, pmtu);
    let known = fib.exception((id, 0), host, second).expect("still valid");
    assert_eq!((known.gateway, known.pmtu_bytes), (gateway, Some(1400)));
    assert_eq!(fib.exception((id, 0), host, second + Nanos(1)), None);
}
