//! The only source of chance in the engine: seeded, and the same on every target.

use rand_pcg::{
    Pcg32,
    rand_core::{RngCore, SeedableRng},
};

/// A seeded generator (PCG32). The order of draws is part of a trace.
#[derive(Clone, Debug)]
pub struct Rng(Pcg32);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::seed_from_u64(seed))
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
