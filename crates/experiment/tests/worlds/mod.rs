//! Worlds small enough to enumerate, and training on them: what the algorithms are held against Lemma 5.1 on.
#![allow(dead_code, clippy::unwrap_used)] // Each test file uses a part of it; a helper that fails should fail its test.

use candle_core::{DType, Device, Tensor, Var};
use experiment::algorithms::{self, Advantages, Group, Policy, Rollout, Settings, Weighting, grpo, per_token};
use lm::{AdamW, AdamWConfig, Stream};
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

pub const ITERATIONS: u32 = 600;
pub const GROUP_SIZE: usize = 192;

pub fn settings(lambda: f64) -> Settings {
    Settings {
        kl_coefficient: lambda,
        clip_ratio: 0.2,
        clip_ratio_high: 0.2,
        max_gradient_norm: 1e9,
        updates_per_batch: 2,
        groups_per_pass: 1,
        weighting: Weighting::Rewrites,
        kl_in_loss: false,
    }
}

/// The batch of one iteration.
pub struct Batch<'a> {
    pub groups: &'a [Group],
    pub drawn: &'a [Vec<&'a Rewrite>],
    /// λ.
    pub lambda: f64,
    /// Learning rate.
    pub rate: f64,
}

/// What one training looks like.
pub struct Run<'a> {
    pub world: &'a World,
    pub settings: Settings,
    /// λ of the next iteration from λ and the divergence of this one.
    pub next_lambda: &'a dyn Fn(f64, f64) -> f64,
    pub seed: u64,
}

impl<'a> Run<'a> {
    pub fn new(world: &'a World, settings: Settings) -> Self {
        Self { world, settings, next_lambda: &|now, _| now, seed: 5 }
    }

    /// Logits at the end, and λ.
    pub fn train(mut self, advantages: &mut dyn FnMut(&Batch<'_>) -> Advantages) -> (Vec<Vec<f64>>, f64) {
        let world = self.world;
        let mut policy = Table { vars: vec![table(&world.reference, DType::F32)], drawn: Vec::new() };
        let mut optimiser = AdamW::new(policy.vars.clone(), AdamWConfig::default()).unwrap();
        let mut stream = Stream::new(self.seed);
        for i in 0..ITERATIONS {
            let logits = policy.logits();
            policy.drawn.clear();
            let mut groups: Vec<Group> = Vec::new();
            for prompt in 0..world.prompts.len() {
                let rho = world.distribution(&logits, prompt);
                let drawn: Vec<_> = (0..GROUP_SIZE).map(|_| draw(world, &rho, prompt, &mut stream)).collect();
                let noisy = |r: &&Rewrite| rollout(r, r.reward + 0.2 * (stream.uniform() - 0.5), &logits, &world.reference);
                groups.push(drawn.iter().map(noisy).collect());
                policy.drawn.push(drawn);
            }
            let rate = 0.05 * 0.5 * (1.0 + (std::f64::consts::PI * f64::from(i) / f64::from(ITERATIONS)).cos());
            let batch = Batch { groups: &groups, drawn: &policy.drawn, lambda: self.settings.kl_coefficient, rate };
            let updates = algorithms::train_on(&policy, &groups, &advantages(&batch), &self.settings, &mut optimiser, rate).unwrap();
            assert!(updates.len() == self.settings.updates_per_batch && updates.iter().all(|u| u.stepped));
            let divergence = groups.iter().flatten().flat_map(|r| r.log_ratios()).sum::<f64>() / (GROUP_SIZE * groups.len()) as f64;
            self.settings.kl_coefficient = (self.next_lambda)(self.settings.kl_coefficient, divergence);
        }
        (policy.logits(), self.settings.kl_coefficient)
    }
}

/// GRPO's advantages; λ is in the reward unless it is in the loss.
pub fn grpo_with(by_deviation: bool, in_loss: bool) -> impl FnMut(&Batch<'_>) -> Advantages {
    move |batch| {
        let kl_coefficient = if in_loss { 0.0 } else { batch.lambda };
        let options = grpo::Options { kl_coefficient, scale_by_group_deviation: by_deviation };
        per_token(batch.groups, &grpo::advantages(batch.groups, &options))
    }
}

/// Largest total variation to `optimum` over prompts.
pub fn distance(world: &World, logits: &[Vec<f64>], optimum: impl Fn(usize) -> Vec<f64>) -> f64 {
    (0..world.prompts.len()).map(|p| total_variation(&world.distribution(logits, p), &optimum(p))).fold(0.0, f64::max)
}
