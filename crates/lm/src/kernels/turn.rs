//! What is done to a query or a key before the two meet: RMS norm of the head where a model has one, then rotary embedding.
use super::rows::{Rotary, norm_row, norm_row_backward};
use std::sync::Arc;

/// Weights of the norms, one value for each of a head's, and their ε.
#[derive(Debug, Clone)]
pub struct HeadNorms {
    pub query: Arc<[f32]>,
    pub key: Arc<[f32]>,
    pub epsilon: f32,
}

/// Whose head it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Query,
    Key,
}

/// Of the heads of one block.
pub struct Turn {
    rotary: Arc<Rotary>,
    norms: Option<HeadNorms>,
}

impl Turn {
    pub fn new(rotary: Arc<Rotary>, norms: Option<HeadNorms>) -> Self {
        Self { rotary, norms }
    }

    fn norm(&self, side: Side) -> Option<(&[f32], f32)> {
        let norms = self.norms.as_ref()?;
        Some((if side == Side::Query { &norms.query } else { &norms.key }, norms.epsilon))
    }

    /// `out` from one head `x` of the token at `position`.
    pub fn forward(&self, out: &mut [f32], x: &[f32], position: usize, side: Side) {
        match self.norm(side) {
            Some((weight, epsilon)) => norm_row(out, x, weight, epsilon),
            None => out.copy_from_slice(x),
        }
        self.rotary.turn(out, position);
    }

    /// The gradient with respect to `x` from that with respect to [`Self::forward`]'s output, in place.
    pub fn backward(&self, gradient: &mut [f32], x: &[f32], position: usize, side: Side) {
        self.rotary.turn_back(gradient, position);
        if let Some((weight, epsilon)) = self.norm(side) {
            norm_row_backward(gradient, x, weight, epsilon);
        }
    }
}
