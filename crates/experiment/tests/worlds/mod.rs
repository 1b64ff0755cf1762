//! Worlds small enough to enumerate: what the algorithms are held against Lemma 5.1 on.
#![allow(dead_code, clippy::unwrap_used)] // Each test file uses a part of it; a helper that fails should fail its test.

use candle_core::{DType, Device, Tensor, Var};
use experiment::algorithms::{Policy, Rollout};
use lm::Stream;
use std::ops::Range;

/// One rewrite: which row of the table each token is drawn from, the tokens, and R(x, x').
#[derive(Clone)]
pub struct Rewrite {
    pub steps: Vec<(usize, usize)>,
    pub reward: f64,
}

/// All rewrites of every prompt, and the logits of ρ_sft, one row for each (prompt, beginning).
pub struct World {
    pub vocabulary: usize,
    pub prompts: Vec<Vec<Rewrite>>,
    pub reference: Vec<Vec<f64>>,
}

/// Three prompts with eight rewrites of one token.
pub fn flat_world() -> World {
    let mut stream = Stream::new(11);
    let reference = (0..3).map(|_| (0..8).map(|_| stream.normal()).collect()).collect();
    let prompts = (0..3).map(|p| (0..8).map(|t| Rewrite { steps: vec![(p, t)], reward: stream.uniform() }).collect()).collect();
    World { vocabulary: 8, prompts, reference }
}

/// Two prompts, two tokens: 0 ends the rewrite, 1 goes on, cut after three. Rewrites of 1, 2, 3 and (truncated) 3 tokens.
pub fn growing_world() -> World {
    let mut stream = Stream::new(12);
    let reference = (0..6).map(|_| (0..2).map(|_| stream.normal()).collect()).collect();
    let prompts = (0..2)
        .map(|p| {
            let rewrites: [&[usize]; 4] = [&[0], &[1, 0], &[1, 1, 0], &[1, 1, 1]];
            let steps = |tokens: &[usize]| tokens.iter().enumerate().map(|(i, &t)| (3 * p + i, t)).collect();
            rewrites.iter().map(|tokens| Rewrite { steps: steps(tokens), reward: stream.uniform() }).collect()
        })
        .collect();
    World { vocabulary: 2, prompts, reference }
}

pub fn log_softmax(row: &[f64]) -> Vec<f64> {
    let high = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = row.iter().map(|l| (l - high).exp()).sum::<f64>().ln() + high;
    row.iter().map(|l| l - sum).collect()
}

impl World {
    pub fn log_probability(&self, logits: &[Vec<f64>], rewrite: &Rewrite) -> f64 {
        rewrite.steps.iter().map(|&(row, token)| log_softmax(&logits[row])[token]).sum()
    }
    pub fn distribution(&self, logits: &[Vec<f64>], prompt: usize) -> Vec<f64> {
        self.prompts[prompt].iter().map(|r| self.log_probability(logits, r).exp()).collect()
    }
    /// Lemma 5.1: ρ* ∝ ρ_sft·exp(R/λ).
    pub fn optimum(&self, prompt: usize, lambda: f64) -> Vec<f64> {
        let rewrites = &self.prompts[prompt];
        let logs: Vec<f64> = rewrites.iter().map(|r| self.log_probability(&self.reference, r) + r.reward / lambda).collect();
        log_softmax(&logs).into_iter().map(f64::exp).collect()
    }
    /// J of a prompt: E_ρ[R] − λ·KL(ρ‖ρ_sft).
    pub fn objective(&self, prompt: usize, rho: &[f64], lambda: f64) -> f64 {
        let sft = self.distribution(&self.reference, prompt);
        rho.iter().zip(&self.prompts[prompt]).map(|(p, r)| p * r.reward).sum::<f64>() - lambda * kl(rho, &sft)
    }
}

pub fn kl(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| if *a > 0.0 { a * (a / b).ln() } else { 0.0 }).sum()
}

pub fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// A table of logits as a policy; `drawn` are the rewrites of each group of the batch.
pub struct Table<'a> {
    pub vars: Vec<Var>,
    pub drawn: Vec<Vec<&'a Rewrite>>,
}

impl Table<'_> {
    pub fn logits(&self) -> Vec<Vec<f64>> {
        self.vars[0].to_dtype(DType::F64).unwrap().to_vec2().unwrap()
    }
}

impl Policy for Table<'_> {
    fn vars(&self) -> &[Var] {
        &self.vars
    }
    fn log_probs(&self, groups: Range<usize>, _update: usize) -> lm::Result<Tensor> {
        let logits = self.vars[0].as_tensor();
        let vocabulary = logits.dim(1)?;
        let cells: Vec<u32> =
            self.drawn[groups].iter().flatten().flat_map(|r| &r.steps).map(|&(row, t)| (row * vocabulary + t) as u32).collect();
        let log_probs = logits.broadcast_sub(&logits.log_sum_exp(1)?.unsqueeze(1)?)?.flatten_all()?;
        let n = cells.len();
        Ok(log_probs.index_select(&Tensor::from_vec(cells, n, &Device::Cpu)?, 0)?)
    }
}

pub fn table(logits: &[Vec<f64>], dtype: DType) -> Var {
    let (rows, columns) = (logits.len(), logits[0].len());
    let tensor = Tensor::from_vec(logits.concat(), (rows, columns), &Device::Cpu).unwrap();
    Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap()
}

pub fn draw<'a>(world: &'a World, probabilities: &[f64], prompt: usize, stream: &mut Stream) -> &'a Rewrite {
    let mut rest = stream.uniform();
    let found = probabilities.iter().position(|p| {
        rest -= p;
        rest < 0.0
    });
    &world.prompts[prompt][found.unwrap_or(probabilities.len() - 1)]
}

pub fn rollout(rewrite: &Rewrite, reward: f64, old: &[Vec<f64>], reference: &[Vec<f64>]) -> Rollout {
    let tokens = |logits: &[Vec<f64>]| rewrite.steps.iter().map(|&(row, t)| log_softmax(&logits[row])[t] as f32).collect();
    Rollout { reward, log_probs: tokens(old), reference: tokens(reference) }
}

/// A policy some way from ρ_sft.
pub fn moved(world: &World) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(3);
    world.reference.iter().map(|row| row.iter().map(|l| l + 0.5 * stream.normal()).collect()).collect()
}
