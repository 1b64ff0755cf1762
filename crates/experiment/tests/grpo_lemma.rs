//! The algorithm against the theory, on worlds small enough to enumerate: the very `advantages`, `loss` and `train_on` that train the
//! language model train a table of logits here.
//!
//! How noise is brought down: 192 rewrites a prompt and batch, a learning rate that falls to zero along a cosine, and what the method itself brings:
//! at the optimum R is the same for all rewrites of a prompt, so the only noise left there is that of the reward (±0.1 here).
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.

use candle_core::{DType, Device, Tensor, Var};
use experiment::grpo::{self, Group, Policy, Rollout, Settings, Tokens};
use lm::{AdamW, AdamWConfig, Stream};
use std::ops::Range;

/// One rewrite: which row of the table each token is drawn from, the tokens, and R(x, x').
#[derive(Clone)]
struct Rewrite {
    steps: Vec<(usize, usize)>,
    reward: f64,
}

/// All rewrites of every prompt, and the logits of ρ_sft, one row for each (prompt, beginning).
struct World {
    vocabulary: usize,
    prompts: Vec<Vec<Rewrite>>,
    reference: Vec<Vec<f64>>,
}

/// Three prompts with eight rewrites of one token.
fn flat_world() -> World {
    let mut stream = Stream::new(11);
    let reference = (0..3).map(|_| (0..8).map(|_| stream.normal()).collect()).collect();
    let prompts = (0..3).map(|p| (0..8).map(|t| Rewrite { steps: vec![(p, t)], reward: stream.uniform() }).collect()).collect();
    World { vocabulary: 8, prompts, reference }
}

/// Two prompts, two tokens: 0 ends the rewrite, 1 goes on, cut after three. Rewrites of 1, 2, 3 and (truncated) 3 tokens.
fn growing_world() -> World {
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

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let high = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = row.iter().map(|l| (l - high).exp()).sum::<f64>().ln() + high;
    row.iter().map(|l| l - sum).collect()
}

impl World {
    fn log_probability(&self, logits: &[Vec<f64>], rewrite: &Rewrite) -> f64 {
        rewrite.steps.iter().map(|&(row, token)| log_softmax(&logits[row])[token]).sum()
    }
    fn distribution(&self, logits: &[Vec<f64>], prompt: usize) -> Vec<f64> {
        self.prompts[prompt].iter().map(|r| self.log_probability(logits, r).exp()).collect()
    }
    /// Lemma 5.1: ρ* ∝ ρ_sft·exp(R/λ).
    fn optimum(&self, prompt: usize, lambda: f64) -> Vec<f64> {
        let rewrites = &self.prompts[prompt];
        let logs: Vec<f64> = rewrites.iter().map(|r| self.log_probability(&self.reference, r) + r.reward / lambda).collect();
        log_softmax(&logs).into_iter().map(f64::exp).collect()
    }
    /// J of a prompt: E_ρ[R] − λ·KL(ρ‖ρ_sft).
    fn objective(&self, prompt: usize, rho: &[f64], lambda: f64) -> f64 {
        let sft = self.distribution(&self.reference, prompt);
        rho.iter().zip(&self.prompts[prompt]).map(|(p, r)| p * r.reward).sum::<f64>() - lambda * kl(rho, &sft)
    }
}

fn kl(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| if *a > 0.0 { a * (a / b).ln() } else { 0.0 }).sum()
}

fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// A table of logits as a policy; `drawn` are the rewrites of each group of the batch.
struct Table<'a> {
    vars: Vec<Var>,
    drawn: Vec<Vec<&'a Rewrite>>,
}

impl Table<'_> {
    fn logits(&self) -> Vec<Vec<f64>> {
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

fn table(logits: &[Vec<f64>], dtype: DType) -> Var {
    let (rows, columns) = (logits.len(), logits[0].len());
    let tensor = Tensor::from_vec(logits.concat(), (rows, columns), &Device::Cpu).unwrap();
    Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap()
}

fn draw<'a>(world: &'a World, probabilities: &[f64], prompt: usize, stream: &mut Stream) -> &'a Rewrite {
    let mut rest = stream.uniform();
    let found = probabilities.iter().position(|p| {
        rest -= p;
        rest < 0.0
    });
    &world.prompts[prompt][found.unwrap_or(probabilities.len() - 1)]
}

fn rollout(rewrite: &Rewrite, reward: f64, old: &[Vec<f64>], reference: &[Vec<f64>]) -> Rollout {
    let tokens = |logits: &[Vec<f64>]| rewrite.steps.iter().map(|&(row, t)| log_softmax(&logits[row])[t] as f32).collect();
    Rollout { reward, log_probs: tokens(old), reference: tokens(reference) }
}

fn settings(lambda: f64) -> Settings {
    Settings {
        kl_coefficient: lambda,
        clip_ratio: 0.2,
        max_gradient_norm: 1e9,
        updates_per_batch: 2,
        groups_per_pass: 1,
        scale_by_group_deviation: false,
        scale_by_length: false,
    }
}

/// Trains from ρ_sft and returns the largest total variation to ρ* over prompts, before and after.
fn train(world: &World, lambda: f64, seed: u64) -> (f64, f64) {
    let (iterations, group_size, rate) = (600, 192, 0.05);
    let mut policy = Table { vars: vec![table(&world.reference, DType::F32)], drawn: Vec::new() };
    let mut optimiser = AdamW::new(policy.vars.clone(), AdamWConfig::default()).unwrap();
    let (mut stream, settings) = (Stream::new(seed), settings(lambda));
    let far = |logits: &[Vec<f64>]| {
        let distances = (0..world.prompts.len()).map(|p| total_variation(&world.distribution(logits, p), &world.optimum(p, lambda)));
        distances.fold(0.0, f64::max)
    };
    let before = far(&policy.logits());
    for i in 0..iterations {
        let logits = policy.logits();
        policy.drawn.clear();
        let mut groups: Vec<Group> = Vec::new();
        for prompt in 0..world.prompts.len() {
            let rho = world.distribution(&logits, prompt);
            let drawn: Vec<_> = (0..group_size).map(|_| draw(world, &rho, prompt, &mut stream)).collect();
            let noisy = |r: &&Rewrite| rollout(r, r.reward + 0.2 * (stream.uniform() - 0.5), &logits, &world.reference);
            groups.push(drawn.iter().map(noisy).collect());
            policy.drawn.push(drawn);
        }
        let advantages = grpo::advantages(&groups, &settings);
        let falling = rate * 0.5 * (1.0 + (std::f64::consts::PI * f64::from(i) / f64::from(iterations)).cos());
        let updates = grpo::train_on(&policy, &groups, &advantages, &settings, &mut optimiser, falling).unwrap();
        assert!(updates.len() == 2 && updates.iter().all(|u| u.stepped));
    }
    (before, far(&policy.logits()))
}

#[test]
fn training_ends_at_the_optimum_of_lemma_5_1() {
    for (name, world) in [("flat", flat_world()), ("growing", growing_world())] {
        for lambda in [0.1, 0.3, 1.0] {
            let (before, after) = train(&world, lambda, 5);
            println!("{name} world, λ = {lambda}: total variation {before:.4} → {after:.4}");
            assert!(after < 0.02, "{name} world, λ = {lambda}: total variation to ρ* is {after} (was {before})");
        }
    }
}

/// What the optimum gains over ρ_sft, exactly: λ·[KL(ρ*‖ρ_sft) + KL(ρ_sft‖ρ*)] in reward, of which it pays λ·KL(ρ*‖ρ_sft), so that
/// λ·KL(ρ_sft‖ρ*) of the objective is left.
#[test]
fn the_gain_of_the_optimum_is_both_divergences() {
    for world in [flat_world(), growing_world()] {
        for lambda in [0.1, 0.3, 1.0] {
            for prompt in 0..world.prompts.len() {
                let (best, sft) = (world.optimum(prompt, lambda), world.distribution(&world.reference, prompt));
                let gain = |weight| world.objective(prompt, &best, weight) - world.objective(prompt, &sft, weight);
                let (forward, backward) = (lambda * kl(&best, &sft), lambda * kl(&sft, &best));
                assert!((gain(0.0) - (forward + backward)).abs() < 1e-12);
                assert!((gain(lambda) - backward).abs() < 1e-12);
            }
        }
    }
}

/// A policy some way from ρ_sft.
fn moved(world: &World) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(3);
    world.reference.iter().map(|row| row.iter().map(|l| l + 0.5 * stream.normal()).collect()).collect()
}

fn gradient_of_loss(policy: &Table<'_>, groups: &[Group], settings: &Settings) -> (f64, Vec<f64>) {
    let advantages = grpo::advantages(groups, settings);
    let log_probs = policy.log_probs(0..groups.len(), 0).unwrap();
    let rewrites = groups.iter().map(Vec::len).sum();
    let tokens = Tokens::new(groups, &advantages, rewrites, settings, &log_probs).unwrap();
    let loss = grpo::loss(&log_probs, &tokens, settings.clip_ratio).unwrap();
    let grads = loss.backward().unwrap();
    (loss.to_scalar().unwrap(), grads.get(&policy.vars[0]).unwrap().flatten_all().unwrap().to_vec1().unwrap())
}

/// The mean gradient over every pair of rewrites, weighted by its probability, is −(G−1)/G of the enumerated gradient of J: reward and
/// divergence alike. Tolerance 1e-6, for log ρ_old is kept in f32.
#[test]
fn the_expected_gradient_is_that_of_the_objective() {
    for world in [flat_world(), growing_world()] {
        let (lambda, step) = (0.3, 1e-5);
        let logits = moved(&world);
        for prompt in 0..world.prompts.len() {
            let rho = world.distribution(&logits, prompt);
            let mut expected = vec![0.0; logits.concat().len()];
            for (i, a) in world.prompts[prompt].iter().enumerate() {
                for (j, b) in world.prompts[prompt].iter().enumerate() {
                    let groups = vec![[a, b].iter().map(|r| rollout(r, r.reward, &logits, &world.reference)).collect()];
                    let policy = Table { vars: vec![table(&logits, DType::F64)], drawn: vec![vec![a, b]] };
                    let (_, gradient) = gradient_of_loss(&policy, &groups, &settings(lambda));
                    expected.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += rho[i] * rho[j] * g);
                }
            }
            for (cell, expected) in expected.iter().enumerate() {
                let objective = |shift: f64| {
                    let mut changed = logits.clone();
                    changed[cell / world.vocabulary][cell % world.vocabulary] += shift;
                    world.objective(prompt, &world.distribution(&changed, prompt), lambda)
                };
                let slope = (objective(step) - objective(-step)) / (2.0 * step);
                assert!((expected + 0.5 * slope).abs() < 1e-6, "prompt {prompt}, cell {cell}: {expected} against −½·{slope}");
            }
        }
    }
}

/// Backward pass of the clipped loss against central differences, with policies moved so far that some ratios are clipped, and with each scaling on.
/// Tolerance 1e-7: differences of step 1e-6 in f64 are good to about 1e-9.
#[test]
fn the_gradient_of_the_loss_matches_finite_differences() {
    for world in [flat_world(), growing_world()] {
        let (old, new) = (world.reference.clone(), moved(&world));
        let drawn: Vec<Vec<&Rewrite>> = world.prompts.iter().map(|p| p.iter().collect()).collect();
        let groups: Vec<Group> = drawn.iter().map(|g| g.iter().map(|r| rollout(r, r.reward, &old, &world.reference)).collect()).collect();
        for (by_deviation, by_length) in [(false, false), (true, false), (false, true)] {
            let settings = Settings { scale_by_group_deviation: by_deviation, scale_by_length: by_length, ..settings(0.1) };
            let loss = |logits: &[Vec<f64>]| {
                gradient_of_loss(&Table { vars: vec![table(logits, DType::F64)], drawn: drawn.clone() }, &groups, &settings)
            };
            let (_, gradient) = loss(&new);
            for (cell, exact) in gradient.iter().enumerate() {
                let shifted = |shift: f64| {
                    let mut changed = new.clone();
                    changed[cell / world.vocabulary][cell % world.vocabulary] += shift;
                    loss(&changed).0
                };
                let slope = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                assert!((exact - slope).abs() < 1e-7, "cell {cell}: {exact} against {slope}");
            }
        }
    }
}

/// Three passes of one group are one pass of three groups, to the rounding of f32 sums.
#[test]
fn how_the_batch_is_cut_does_not_matter() {
    let world = flat_world();
    let (old, new) = (world.reference.clone(), moved(&world));
    let drawn: Vec<Vec<&Rewrite>> = world.prompts.iter().map(|p| p.iter().collect()).collect();
    let groups: Vec<Group> = drawn.iter().map(|g| g.iter().map(|r| rollout(r, r.reward, &old, &world.reference)).collect()).collect();
    let policy = Table { vars: vec![table(&new, DType::F32)], drawn };
    let run = |groups_per_pass| {
        let settings = Settings { groups_per_pass, ..settings(0.1) };
        let advantages = grpo::advantages(&groups, &settings);
        let (mut gradients, update) = grpo::accumulate(&policy, &groups, &advantages, &settings, 0).unwrap();
        (update.loss, gradients.clip(1e9).unwrap(), update.clip_fraction, update.ratio_max)
    };
    let (one, three) = (run(1), run(3));
    assert!((one.0 - three.0).abs() < 1e-6 && (one.1 - three.1).abs() < 1e-6, "{one:?} {three:?}");
    assert_eq!((one.2, one.3), (three.2, three.3));
    assert!(one.2 > 0.0 && one.3 > 1.2, "the test should clip something: {one:?}");
}

/// A batch whose reward is not a number takes no step.
#[test]
fn a_loss_that_is_not_finite_changes_nothing() {
    let world = flat_world();
    let drawn: Vec<Vec<&Rewrite>> = world.prompts.iter().map(|p| p.iter().collect()).collect();
    let groups: Vec<Group> =
        drawn.iter().map(|g| g.iter().map(|r| rollout(r, f64::NAN, &world.reference, &world.reference)).collect()).collect();
    let policy = Table { vars: vec![table(&world.reference, DType::F32)], drawn };
    let mut optimiser = AdamW::new(policy.vars.clone(), AdamWConfig::default()).unwrap();
    let (before, settings) = (policy.logits(), settings(0.1));
    let advantages = grpo::advantages(&groups, &settings);
    let updates = grpo::train_on(&policy, &groups, &advantages, &settings, &mut optimiser, 0.1).unwrap();
    assert!(updates.len() == 1 && !updates[0].stepped);
    assert_eq!(policy.logits(), before);
}
