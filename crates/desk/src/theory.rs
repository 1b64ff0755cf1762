//! The theory's figures: no store, no worker, only arithmetic.
use crate::Desk;
use contract::Result;
use contract::theory::{Theory, TheoryWorld};

impl Desk {
    /// What is known of a small world at each λ.
    pub fn theory(&self, world: TheoryWorld, lambdas: &[f64]) -> Result<Theory> {
        experiment::theory::figures(world, lambdas)
    }
}
