//! The only source of chance in the engine: seeded, and the same on every target.

use rand_pcg::{
    Pcg32,
    rand_core::{RngCore, SeedableRng},
};

/// A seeded generator (PCG32). The order of draws is part of a trace.
#[derive(Clone, Debug)]
pub struct Rng(Pcg32, Option<Box<Script>>);

/// What yes-or-no draws come out as, for somebody who wants to see every way that chance can go.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Script {
    /// The first draws; every later one comes out as yes.
    pub given: Vec<bool>,
    /// What was drawn, and the chance of a yes, in 2^31ths.
    pub drawn: Vec<(bool, u32)>,
}

impl Script {
    /// The probability 1.
    pub const CERTAIN: u32 = 1 << 31;

    /// The next way that chance can go, in the order of a search by depth; None after the last.
    pub fn next(&self) -> Option<Self> {
        let is_open = |&(yes, chance): &(bool, u32)| yes && chance < Self::CERTAIN;
        let last = self.drawn.iter().rposition(is_open)?;
        let mut given: Vec<bool> = self.drawn[..last].iter().map(|(yes, _)| *yes).collect();
        given.push(false);
        Some(Self { given, drawn: Vec::new() })
    }
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::seed_from_u64(seed), None)
    }

    /// A generator whose yes-or-no draws follow a script. Other draws are those of the seed 0.
    pub fn scripted(script: Script) -> Self {
        Self(Pcg32::seed_from_u64(0), Some(Box::new(script)))
    }

    /// The script, with what was drawn.
    pub fn into_script(self) -> Option<Script> {
        self.1.map(|it| *it)
    }

    /// What a draw comes out as that is a yes with this chance, in 2^31ths; None without a script.
    #[inline]
    pub fn by_script(&mut self, chance: u32) -> Option<bool> {
        let script = self.1.as_mut()?;
        let given = script.given.get(script.drawn.len()).copied();
        let yes = chance > 0 && (given.unwrap_or(true) || chance >= Script::CERTAIN);
        script.drawn.push((yes, chance));
        Some(yes)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let scaled = u64::from(self.0.next_u32()) * u64::from(bound);
        u32::try_from(scaled >> 32).expect("the high half of a 64-bit product has 32 bits")
    }

    /// Any 32-bit number, as for the first sequence number of a connection.
    pub fn bits32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Any 16-bit number, as for an IP identification.
    pub fn bits16(&mut self) -> u16 {
        (self.0.next_u32() >> 16) as u16
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn scripts_go_through_every_way_that_chance_can_go() {
        const HALF: u32 = Script::CERTAIN / 2;
        let mut script = Some(Script::default());
        let mut ways = Vec::new();
        while let Some(given) = script {
            let mut rng = Rng::scripted(given);
            let mut draw = |chance| rng.by_script(chance).expect("a script");
            // Certain and impossible draws have no other way.
            let way = [draw(HALF), draw(0), draw(HALF), draw(Script::CERTAIN)];
            ways.push(way);
            script = rng.into_script().and_then(|it| it.next());
        }
        assert_eq!(
            ways,
            [
                [true, false, true, true],
                [true, false, false, true],
                [false, false, true, true],
                [false, false, false, true],
            ]
        );
        assert_eq!(Rng::new(1).by_script(HALF), None);
    }
}
