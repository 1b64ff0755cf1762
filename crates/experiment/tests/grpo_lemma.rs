//! The algorithm against the theory, on worlds small enough to enumerate: the very `advantages`, `loss` and `train_on` that train the
//! language model train a table of logits here.
//!
//! How noise is brought down: 192 rewrites a prompt and batch, a learning rate that falls to zero along a cosine, and what the method itself brings:
//! at the optimum R is the same for all rewrites of a prompt, so the only noise left there is that of the reward (±0.1 here).
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.

mod worlds;

use candle_core::DType;
use experiment::algorithms::{self, Advantages, Group, Policy, Settings, Tokens, Totals, Weighting, grpo, per_token};
use lm::{AdamW, AdamWConfig};
use worlds::{Rewrite, Run, Table, World, distance, flat_world, growing_world, grpo_with, kl, moved, rollout, settings, table};

fn advantages(groups: &[Group], settings: &Settings, scale_by_group_deviation: bool) -> Advantages {
    let options = grpo::Options { kl_coefficient: settings.kl_coefficient, scale_by_group_deviation };
    per_token(groups, &grpo::advantages(groups, &options))
}

/// Trains from ρ_sft and returns the largest total variation to ρ* over prompts, before and after.
fn train(world: &World, lambda: f64) -> (f64, f64) {
    let far = |logits: &[Vec<f64>]| distance(world, logits, |p| world.optimum(p, lambda));
    let (logits, _) = Run::new(world, settings(lambda)).train(&mut grpo_with(false, false));
    (far(&world.reference), far(&logits))
}

#[test]
fn training_ends_at_the_optimum_of_lemma_5_1() {
    for (name, world) in [("flat", flat_world()), ("growing", growing_world())] {
        for lambda in [0.1, 0.3, 1.0] {
            let (before, after) = train(&world, lambda);
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

fn gradient_of_loss(policy: &Table<'_>, groups: &[Group], settings: &Settings, scale_by_group_deviation: bool) -> (f64, Vec<f64>) {
    let advantages = advantages(groups, settings, scale_by_group_deviation);
    let log_probs = policy.log_probs(0..groups.len(), 0).unwrap();
    let tokens = Tokens::new(groups, &advantages, Totals::of(groups), settings, &log_probs).unwrap();
    let loss = algorithms::loss(&log_probs, &tokens, settings).unwrap();
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
                    let (_, gradient) = gradient_of_loss(&policy, &groups, &settings(lambda), false);
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
            let weighting = if by_length { Weighting::Length } else { Weighting::Rewrites };
            let settings = Settings { weighting, ..settings(0.1) };
            let loss = |logits: &[Vec<f64>]| {
                gradient_of_loss(&Table { vars: vec![table(logits, DType::F64)], drawn: drawn.clone() }, &groups, &settings, by_deviation)
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
        let advantages = advantages(&groups, &settings, false);
        let (mut gradients, update) = algorithms::accumulate(&policy, &groups, &advantages, &settings, 0).unwrap();
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
    let advantages = advantages(&groups, &settings, false);
    let updates = algorithms::train_on(&policy, &groups, &advantages, &settings, &mut optimiser, 0.1).unwrap();
    assert!(updates.len() == 1 && !updates[0].stepped);
    assert_eq!(policy.logits(), before);
}
