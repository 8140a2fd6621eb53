//! Order at a small price. A B-tree and a general sort are compiled anew for every type they hold, and the page is
//! downloaded before it runs: what is small, or made once and read often, is ordered here.

use std::cmp::Ordering;

/// A map that iterates in its keys' order: a `Vec` of entries. Looking up is a binary search; inserting moves what comes
/// after, so it suits keys that come mostly in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortedMap<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: Copy + Ord, V> SortedMap<K, V> {
    /// Where the key is, or where it belongs.
    fn search(&self, key: K) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |(key, _)| *key)
    }

    /// Returns what was there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.search(key) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (key, value));
                None
            }
        }
    }

    /// Returns what was there.
    pub fn remove(&mut self, key: K) -> Option<V> {
        self.search(key).ok().map(|at| self.entries.remove(at).1)
    }

    pub fn get(&self, key: K) -> Option<&V> {
        self.search(key).ok().map(|at| &self.entries[at].1)
    }

    pub fn get_mut(&mut self, key: K) -> Option<&mut V> {
        self.search(key).ok().map(|at| &mut self.entries[at].1)
    }

    pub fn contains_key(&self, key: K) -> bool {
        self.search(key).is_ok()
    }

    /// All entries in the keys' order.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries.iter().map(|(key, value)| (*key, value))
    }

    /// All values in the keys' order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
}

/// Sorts by number; what has the same number stays in its order.
pub fn sort_by_number<T>(items: &mut [T], number: impl Fn(&T) -> u64) {
    let numbers: Vec<u64> = items.iter().map(number).collect();
    arrange(items, &sorted(numbers.len(), &|a, b| numbers[a].cmp(&numbers[b])));
}

/// Sorts by a comparison; what is equal stays in its order.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let sorted = sorted(items.len(), &|a, b| compare(&items[a], &items[b]));
    arrange(items, &sorted);
}

/// The places of so many items in their order: the one sort that there is for all types.
fn sorted(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by(|&a, &b| compare(a, b));
    places
}

/// Puts at each place what `sorted` says was elsewhere.
fn arrange<T>(items: &mut [T], sorted: &[usize]) {
    for to in 0..sorted.len() {
        // What is taken from before `to` was swapped away to where its own place took from.
        let mut from = sorted[to];
        while from < to {
            from = sorted[from];
        }
        items.swap(to, from);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::base::Rng;

    #[test]
    fn a_sorted_map_holds_what_a_b_tree_holds() {
        let mut rng = Rng::new(3);
        let (mut map, mut tree) = (SortedMap::default(), std::collections::BTreeMap::new());
        for _ in 0..2000 {
            let (key, value) = (rng.below(64), rng.below(1000));
            if rng.below(3) == 0 {
                assert_eq!(map.remove(key), tree.remove(&key));
            } else {
                assert_eq!(map.insert(key, value), tree.insert(key, value));
            }
            assert_eq!(map.contains_key(key), tree.contains_key(&key));
            assert_eq!(map.get(value % 64), tree.get(&(value % 64)));
            assert!(map.iter().eq(tree.iter().map(|(key, value)| (*key, value))));
        }
    }

    #[test]
    fn sorting_is_stable() {
        let mut rng = Rng::new(7);
        for len in 0..200 {
            let items: Vec<(u64, usize)> =
                (0..len).map(|at| (u64::from(rng.below(20)), at)).collect();
            let (mut ours, mut theirs) = (items.clone(), items);
            sort_by_number(&mut ours, |item| item.0);
            theirs.sort_by_key(|item| item.0);
            assert_eq!(ours, theirs);
            sort_by(&mut ours, |a, b| b.0.cmp(&a.0));
            theirs.sort_by_key(|item| std::cmp::Reverse(item.0));
            assert_eq!(ours, theirs);
        }
    }
}
