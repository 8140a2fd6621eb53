//! Wires side by side: where each goes when what it joins does not stand straight above. Knows numbers only.

/// One wire's way down: from `from` across in lane `lane` to `to`. Lane 0 is the highest; None: straight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Descent {
    pub from: i32,
    pub to: i32,
    pub lane: Option<usize>,
}

/// Gives the wires lanes in which no two lie on each other; wires in the same order above and below do not cross.
pub(super) fn descend(ends: &[(i32, i32)]) -> Vec<Descent> {
    let in_order = ends.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1);
    let rightward: Vec<usize> = (0..ends.len()).filter(|&i| ends[i].1 > ends[i].0).collect();
    let leftward: Vec<usize> = (0..ends.len()).filter(|&i| ends[i].1 < ends[i].0).collect();
    let mut out: Vec<Descent> =
        ends.iter().map(|&(from, to)| Descent { from, to, lane: None }).collect();
    // A wire to the right turns below its right neighbour's, one to the left below its left neighbour's.
    for (lane, &i) in rightward.iter().rev().enumerate() {
        out[i].lane = Some(lane);
    }
    let first = if in_order { 0 } else { rightward.len() };
    for (lane, &i) in leftward.iter().enumerate() {
        out[i].lane = Some(first + lane);
    }
    out
}

/// How many lanes these wires need.
pub(super) fn lanes(descents: &[Descent]) -> usize {
    descents.iter().filter_map(|d| d.lane).max().map_or(0, |highest| highest + 1)
}

/// Places as near as possible to `wishes` (ascending), each at least `apart` from the next, within `low..=high`.
/// Where they do not fit, the last ones stand beyond `low`.
pub(super) fn spread(wishes: &[i32], apart: i32, (low, high): (i32, i32)) -> Vec<i32> {
    let mut out: Vec<i32> = Vec::with_capacity(wishes.len());
    for &wish in wishes {
        let least = out.last().map_or(low, |before| before + apart);
        out.push(wish.max(least));
    }
    let mut most = high;
    for x in out.iter_mut().rev() {
        *x = (*x).min(most);
        most = *x - apart;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_that_stands_straight_needs_no_lane() {
        assert_eq!(lanes(&descend(&[(10, 10), (50, 50)])), 0);
    }

    #[test]
    fn wires_that_fan_out_turn_above_their_inner_neighbours() {
        let fan = descend(&[(40, 10), (50, 30), (60, 80), (70, 120)]);
        let lane_of: Vec<_> = fan.iter().map(|d| d.lane).collect();
        assert_eq!(lane_of, [Some(0), Some(1), Some(1), Some(0)]);
    }

    #[test]
    fn crossing_wires_each_have_a_lane_of_their_own() {
        let mut all: Vec<_> =
            descend(&[(10, 90), (20, 5), (30, 80)]).iter().map(|d| d.lane).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn devices_keep_apart_and_stay_inside() {
        assert_eq!(spread(&[50, 51, 52], 10, (0, 100)), [50, 60, 70]);
        assert_eq!(spread(&[95, 96], 10, (0, 100)), [90, 100]);
        assert_eq!(spread(&[5, 40], 10, (10, 100)), [10, 40]);
    }
}
