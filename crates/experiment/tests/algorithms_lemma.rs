//! Every algorithm and every published variant against Lemma 5.1, on the worlds and with the noise of `grpo_lemma.rs`: which of them end at
//! ρ*, and how far from it the others do. docs/algorithms has the figures.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A helper that fails should fail its test; figures are for the documentation.
mod worlds;

use candle_core::{DType, Device, Tensor};
use contract::spec::Training;
use experiment::algorithms::value_head::{ValueHead, inputs};
use experiment::algorithms::{
    self, Advantages, Group, Policy, Settings, Tokens, Totals, Weighting, divergence, grpo, per_token, ppo, rloo,
};
use worlds::{Batch, Rewrite, Run, Table, World, distance, flat_world, growing_world, grpo_with, kl, moved, rollout, settings, table};

fn rloo_advantages(batch: &Batch<'_>) -> Advantages {
    per_token(batch.groups, &rloo::advantages(batch.groups, batch.lambda))
}

fn worlds() -> [(&'static str, World); 2] {
    [("flat", flat_world()), ("growing", growing_world())]
}

/// Distances to ρ* at λ = 0.1, 0.3 and 1.0.
fn distances(world: &World, change: &dyn Fn(Settings) -> Settings, advantages: &mut dyn FnMut(&Batch<'_>) -> Advantages) -> [f64; 3] {
    [0.1, 0.3, 1.0].map(|lambda| {
        let (logits, _) = Run::new(world, change(settings(lambda))).train(advantages);
        distance(world, &logits, |p| world.optimum(p, lambda))
    })
}

/// Prints the distances and holds them to a limit.
fn end_at_the_optimum(what: &str, limit: f64, change: &dyn Fn(Settings) -> Settings, advantages: &mut dyn FnMut(&Batch<'_>) -> Advantages) {
    for (name, world) in worlds() {
        let found = distances(&world, change, advantages);
        println!("{what}, {name} world: {found:.4?}");
        assert!(found.iter().all(|d| *d < limit), "{what}, {name} world: total variation to ρ* at λ = 0.1, 0.3, 1.0 is {found:?}");
    }
}

#[test]
fn rloo_ends_at_the_optimum() {
    end_at_the_optimum("RLOO", 0.02, &|s| s, &mut rloo_advantages);
}

#[test]
fn ppo_ends_at_the_optimum() {
    for (name, world) in worlds() {
        for gae_lambda in [1.0, 0.95, 0.0] {
            let found = [0.1, 0.3, 1.0].map(|lambda| {
                let mut critic = Critic::new(&world, gae_lambda);
                let (logits, _) = Run::new(&world, settings(lambda)).train(&mut |batch| critic.advantages(batch));
                distance(&world, &logits, |p| world.optimum(p, lambda))
            });
            println!("PPO with g = {gae_lambda}, {name} world: {found:.4?}");
            assert!(found.iter().all(|d| *d < 0.02), "g = {gae_lambda}, {name} world: {found:?}");
        }
    }
}

/// Where every prompt has parameters of its own, no scaling moves the optimum: with λ in the reward all advantages vanish there, whatever
/// they are multiplied by.
#[test]
fn grpos_scalings_end_at_the_optimum_where_prompts_share_nothing() {
    end_at_the_optimum("GRPO by deviation", 0.02, &|s| s, &mut grpo_with(true, false));
    for weighting in [Weighting::Length, Weighting::BatchTokens, Weighting::Constant(3)] {
        end_at_the_optimum(&format!("GRPO by {weighting:?}"), 0.02, &|s| Settings { weighting, ..s }, &mut grpo_with(false, false));
    }
    end_at_the_optimum("GRPO with ε = 0.2, 0.28", 0.02, &|s| Settings { clip_ratio_high: 0.28, ..s }, &mut grpo_with(false, false));
}

/// Where prompts share parameters, the group's deviation weighs prompts against each other as J does not: those with a small spread count more.
#[test]
fn scaling_by_deviation_misses_the_optimum_where_prompts_share_parameters() {
    let world = tied(flat_world());
    for (what, by_deviation, near, far) in [("GRPO", false, 0.0, 0.02), ("GRPO by deviation", true, 0.05, 0.3)] {
        let found = [0.1, 0.3].map(|lambda| {
            let (logits, _) = Run::new(&world, settings(lambda)).train(&mut grpo_with(by_deviation, false));
            distance(&world, &logits, |_| tied_optimum(&world, lambda))
        });
        println!("{what}, one distribution for three prompts: {found:.4?}");
        assert!(found.iter().all(|d| (near..far).contains(d)), "{what}: {found:?}");
    }
}

/// Where rewrites of several lengths share parameters, dividing by length weighs them as J does not.
#[test]
fn scaling_by_length_misses_the_optimum_where_lengths_share_parameters() {
    let world = one_coin();
    for (what, weighting) in [("sum", Weighting::Rewrites), ("batch tokens", Weighting::BatchTokens), ("length", Weighting::Length)] {
        let found = [0.1, 0.3].map(|lambda| {
            let (logits, _) = Run::new(&world, Settings { weighting, ..settings(lambda) }).train(&mut grpo_with(false, false));
            distance(&world, &logits, |p| best_coin(&world, p, lambda))
        });
        println!("GRPO by {what}, one coin for all lengths: {found:.4?}");
        let ends = if weighting == Weighting::Length { 0.004..0.03 } else { 0.0..0.002 };
        assert!(found.iter().all(|d| ends.contains(d)), "{what}: {found:?}");
    }
}

/// The published divergence, k3 of each token in the loss, pulls towards argmin KL(ρ_sft‖ρ): its gradient on samples of ρ is
/// −Σ ρ_sft ∇ log ρ. So training ends at the maximum of E[R] − λ·KL(ρ_sft‖ρ), which is ρ = λ·ρ_sft/(μ − R) for rewrites of one token, and not at ρ*.
#[test]
fn a_divergence_in_the_loss_ends_elsewhere() {
    let change = |s| Settings { kl_in_loss: true, ..s };
    let flat = flat_world();
    for lambda in [0.1, 0.3, 1.0] {
        let (logits, _) = Run::new(&flat, change(settings(lambda))).train(&mut grpo_with(false, true));
        let own = distance(&flat, &logits, |p| reverse_optimum(&flat, p, lambda));
        let away = distance(&flat, &logits, |p| flat.optimum(p, lambda));
        println!("k3 in the loss, flat world, λ = {lambda}: {away:.4} from ρ*, {own:.4} from its own optimum");
        assert!(own < 0.02 && away > 0.01, "{own} {away}");
    }
    for (name, world) in worlds() {
        let k3 = distances(&world, &change, &mut grpo_with(false, true));
        let published = distances(&world, &|s| Settings { weighting: Weighting::Length, ..change(s) }, &mut grpo_with(true, true));
        println!("k3 in the loss, {name} world: {k3:.4?}; GRPO as published: {published:.4?}");
        assert!(k3[..2].iter().all(|d| *d > 0.05) && published.iter().all(|d| *d > 0.2), "{k3:?} {published:?}");
    }
}

/// Mean over prompts of KL(ρ‖ρ_sft).
fn divergence_of(world: &World, rho: impl Fn(usize) -> Vec<f64>) -> f64 {
    let of = |p| kl(&rho(p), &world.distribution(&world.reference, p));
    (0..world.prompts.len()).map(of).sum::<f64>() / world.prompts.len() as f64
}

/// The λ whose optimum has a divergence of `target`, by halving an interval of its logarithm.
fn lambda_for(world: &World, target: f64) -> f64 {
    let (mut low, mut high) = (1e-2f64, 1e2f64);
    for _ in 0..100 {
        let middle = (low * high).sqrt();
        if divergence_of(world, |p| world.optimum(p, middle)) > target { low = middle } else { high = middle }
    }
    low
}

/// The controller leads to the target, and to the optimum of the λ that has this divergence. The λ that it ends with is near that one only:
/// it goes on moving while the learning rate falls to 0.
#[test]
fn an_adapted_lambda_ends_at_its_target() {
    for (name, world) in worlds() {
        for target in [0.05, 0.2] {
            let training = Training { kl_target: Some(target), ..Training::default() };
            let next: &dyn Fn(f64, f64) -> f64 = &|now, kl| divergence::next_coefficient(&training, now, Some(kl));
            let (logits, lambda) = Run { next_lambda: next, ..Run::new(&world, settings(0.3)) }.train(&mut rloo_advantages);
            let reached = divergence_of(&world, |p| world.distribution(&logits, p));
            let exact = lambda_for(&world, target);
            let away = distance(&world, &logits, |p| world.optimum(p, exact));
            println!("{name} world, target {target}: KL {reached:.4}, λ 0.3 → {lambda:.4} (exact {exact:.4}), {away:.4} from its ρ*");
            assert!((reached / target - 1.0).abs() < 0.15 && away < 0.02, "{name} world, target {target}: KL {reached}, {away} from ρ*");
        }
    }
}

fn gradient(policy: &Table<'_>, groups: &[Group], advantages: &Advantages, settings: &Settings) -> (f64, Vec<f64>) {
    let log_probs = policy.log_probs(0..groups.len(), 0).unwrap();
    let tokens = Tokens::new(groups, advantages, Totals::of(groups), settings, &log_probs).unwrap();
    let loss = algorithms::loss(&log_probs, &tokens, settings).unwrap();
    let grads = loss.backward().unwrap();
    (loss.to_scalar().unwrap(), grads.get(&policy.vars[0]).unwrap().flatten_all().unwrap().to_vec1().unwrap())
}

/// The mean gradient over every pair of rewrites, weighted by its probability, is −∇J: for RLOO, and for PPO with g = 1 whatever its values are.
/// Tolerance 1e-6, for log ρ_old is kept in f32.
#[test]
fn the_expected_gradients_of_rloo_and_ppo_are_that_of_the_objective() {
    let lambda = 0.3;
    let values = |tokens: usize| (0..tokens).map(|t| 0.3 - 0.2 * t as f64).collect::<Vec<_>>();
    let options = ppo::Options { kl_coefficient: lambda, gae_lambda: 1.0, value_clip: 0.2, updates_per_batch: 1, max_gradient_norm: 1.0 };
    for world in [flat_world(), growing_world()] {
        let logits = moved(&world);
        for prompt in 0..world.prompts.len() {
            let rho = world.distribution(&logits, prompt);
            let (mut of_rloo, mut of_ppo) = (vec![0.0; logits.concat().len()], vec![0.0; logits.concat().len()]);
            for (i, a) in world.prompts[prompt].iter().enumerate() {
                for (j, b) in world.prompts[prompt].iter().enumerate() {
                    let groups: Vec<Group> = vec![[a, b].iter().map(|r| rollout(r, r.reward, &logits, &world.reference)).collect()];
                    let policy = Table { vars: vec![table(&logits, DType::F64)], drawn: vec![vec![a, b]] };
                    let add = |sum: &mut Vec<f64>, advantages: &Advantages| {
                        let (_, gradient) = gradient(&policy, &groups, advantages, &settings(lambda));
                        sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += rho[i] * rho[j] * g);
                    };
                    add(&mut of_rloo, &per_token(&groups, &rloo::advantages(&groups, lambda)));
                    // A value that depends on the state alone: on how many tokens stand before.
                    let old: Vec<f64> = groups[0].iter().flat_map(|r| values(r.log_probs.len())).collect();
                    add(&mut of_ppo, &ppo::Targets::new(&groups, &old, &options).advantages);
                }
            }
            for cell in 0..of_rloo.len() {
                let objective = |shift: f64| {
                    let mut changed = logits.clone();
                    changed[cell / world.vocabulary][cell % world.vocabulary] += shift;
                    world.objective(prompt, &world.distribution(&changed, prompt), lambda)
                };
                let slope = (objective(1e-5) - objective(-1e-5)) / 2e-5;
                assert!((of_rloo[cell] + slope).abs() < 1e-6, "RLOO, prompt {prompt}, cell {cell}: {} against −{slope}", of_rloo[cell]);
                assert!((of_ppo[cell] + slope).abs() < 1e-6, "PPO, prompt {prompt}, cell {cell}: {} against −{slope}", of_ppo[cell]);
            }
        }
    }
}

/// Backward pass with every option of the loss on, against central differences; some ratios are clipped. Tolerance as in `grpo_lemma.rs`.
#[test]
fn the_gradient_with_every_option_matches_finite_differences() {
    let world = growing_world();
    let (old, new) = (world.reference.clone(), moved(&world));
    let drawn: Vec<Vec<&Rewrite>> = world.prompts.iter().map(|p| p.iter().collect()).collect();
    let groups: Vec<Group> = drawn.iter().map(|g| g.iter().map(|r| rollout(r, r.reward, &old, &world.reference)).collect()).collect();
    let advantages = per_token(&groups, &grpo::advantages(&groups, &grpo::Options { kl_coefficient: 0.0, scale_by_group_deviation: true }));
    for weighting in [Weighting::Length, Weighting::BatchTokens, Weighting::Constant(3)] {
        let settings = Settings { weighting, clip_ratio_high: 0.28, kl_in_loss: true, ..settings(0.3) };
        let loss = |logits: &[Vec<f64>]| {
            gradient(&Table { vars: vec![table(logits, DType::F64)], drawn: drawn.clone() }, &groups, &advantages, &settings)
        };
        for (cell, exact) in loss(&new).1.iter().enumerate() {
            let shifted = |shift: f64| {
                let mut changed = new.clone();
                changed[cell / world.vocabulary][cell % world.vocabulary] += shift;
                loss(&changed).0
            };
            let slope = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((exact - slope).abs() < 1e-7, "{weighting:?}, cell {cell}: {exact} against {slope}");
        }
    }
}

/// PPO's value head on a table: a state is a row of logits.
struct Critic {
    head: ValueHead,
    rows: usize,
    gae_lambda: f64,
}

impl Critic {
    fn new(world: &World, gae_lambda: f64) -> Self {
        Self { head: ValueHead::new(world.reference.len()).unwrap(), rows: world.reference.len(), gae_lambda }
    }
    fn advantages(&mut self, batch: &Batch<'_>) -> Advantages {
        let states: Vec<usize> = batch.drawn.iter().flatten().flat_map(|r| &r.steps).map(|step| step.0).collect();
        let mut features = vec![0f32; states.len() * self.rows];
        states.iter().enumerate().for_each(|(i, row)| features[i * self.rows + row] = 1.0);
        let inputs = inputs(&Tensor::from_vec(features, (states.len(), self.rows), &Device::Cpu).unwrap()).unwrap();
        let old = self.head.values(&inputs).unwrap();
        let (kl_coefficient, gae_lambda) = (batch.lambda, self.gae_lambda);
        let options = ppo::Options { kl_coefficient, gae_lambda, value_clip: 0.2, updates_per_batch: 2, max_gradient_norm: 1e9 };
        let targets = ppo::Targets::new(batch.groups, &old, &options);
        assert!(self.head.fit(&inputs, &old, &targets.returns, &options, batch.rate).unwrap().is_finite());
        targets.advantages
    }
}

/// Maximises E_ρ[R] − λ·KL(ρ_sft‖ρ) over rewrites of one token: ρ = λ·ρ_sft/(μ − R), with μ above every R so that it sums to 1.
fn reverse_optimum(world: &World, prompt: usize, lambda: f64) -> Vec<f64> {
    let sft = world.distribution(&world.reference, prompt);
    let rewards: Vec<f64> = world.prompts[prompt].iter().map(|r| r.reward).collect();
    let best = rewards.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let at = |mu: f64| -> Vec<f64> { sft.iter().zip(&rewards).map(|(p, r)| lambda * p / (mu - r)).collect() };
    let (mut low, mut high) = (best, best + 10.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if at(middle).iter().sum::<f64>() > 1.0 { low = middle } else { high = middle }
    }
    at(high)
}

/// The growing world's first prompt with one row of logits for every position: a coin says whether the rewrite ends.
fn one_coin() -> World {
    let mut world = growing_world();
    world.prompts.truncate(1);
    world.prompts[0].iter_mut().flat_map(|r| &mut r.steps).for_each(|step| step.0 = 0);
    world.reference.truncate(1);
    world
}

/// The best coin, by trying all to a ten-thousandth of its logit's range.
fn best_coin(world: &World, prompt: usize, lambda: f64) -> Vec<f64> {
    let of = |i: i32| world.distribution(&[vec![f64::from(i) * 1e-3, 0.0]], prompt);
    let best =
        (-10_000..10_000).max_by(|a, b| world.objective(prompt, &of(*a), lambda).total_cmp(&world.objective(prompt, &of(*b), lambda)));
    of(best.unwrap())
}

/// The same world with one row of logits for all prompts, whose rewards spread differently.
fn tied(mut world: World) -> World {
    let rows = world.reference.len() / world.prompts.len();
    for (rewrites, spread) in world.prompts.iter_mut().zip([1.0, 0.2, 0.5]) {
        for rewrite in rewrites.iter_mut() {
            rewrite.steps.iter_mut().for_each(|step| step.0 %= rows);
            rewrite.reward *= spread;
        }
    }
    world.reference.truncate(rows);
    world
}

/// The best that one distribution for all prompts can do: ρ ∝ ρ_sft·exp(mean R/λ), Lemma 5.1 for the mean over prompts.
fn tied_optimum(world: &World, lambda: f64) -> Vec<f64> {
    let mut mean = world.prompts[0].clone();
    for (i, rewrite) in mean.iter_mut().enumerate() {
        rewrite.reward = world.prompts.iter().map(|p| p[i].reward).sum::<f64>() / world.prompts.len() as f64;
    }
    World { vocabulary: world.vocabulary, prompts: vec![mean], reference: world.reference.clone() }.optimum(0, lambda)
}
