//! The theory on worlds that can be enumerated: identities, limits, the bound, and what bad input gives.
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
use analysis::theory::{
    Prompt, World, WorldError, best_of, best_of_rewrites, convergence, divergence, estimate, expected_best, resampled, resampled_mean,
    resampled_oracle, tilt, total_variation, tuned,
};
use proptest::prelude::*;

/// KL by its definition, apart from the code under test.
fn kl(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| if *a > 0.0 { a * (a / b).ln() } else { 0.0 }).sum()
}

fn worlds() -> impl Iterator<Item = World> {
    (0..40).map(|seed| World::random(seed, 1 + seed as usize % 4, 2 + seed as usize % 7, 2 + seed as usize % 5).unwrap())
}

const LAMBDAS: [f64; 6] = [0.03, 0.1, 0.3, 1.0, 10.0, 1e4];

#[test]
fn the_optimum_is_the_one_of_the_lemma_and_gains_what_the_identity_says() {
    for world in worlds().chain([World::example().unwrap()]) {
        for lambda in LAMBDAS {
            let optimum = world.optimum(lambda).unwrap();
            let rho: Vec<Vec<f64>> = optimum.prompts.iter().map(|p| p.probabilities.clone()).collect();
            let (mut forth, mut back, mut log_z) = (0.0, 0.0, 0.0);
            for ((prompt, rho), rewards) in world.prompts().iter().zip(&rho).zip(world.rewards()) {
                let sft: Vec<f64> = prompt.rewrites.iter().map(|r| r.probability).collect();
                let z: f64 = sft.iter().zip(&rewards).map(|(p, r)| p * (r / lambda).exp()).sum();
                for ((p, q), r) in sft.iter().zip(rho).zip(&rewards) {
                    assert!((q - p * (r / lambda).exp() / z).abs() < 1e-12);
                }
                forth += prompt.probability * kl(rho, &sft);
                back += prompt.probability * kl(&sft, rho);
                log_z += prompt.probability * z.ln();
            }
            // Rounding of KL by its definition is 1e-16 and comes multiplied by λ here.
            let tolerance = 1e-12 * lambda.max(1.0);
            assert!((optimum.kl - forth).abs() < 1e-12 && (optimum.kl_back.unwrap() - back).abs() < 1e-12);
            assert!((optimum.reward - optimum.untuned_reward - lambda * (forth + back)).abs() < tolerance);
            // The identity holds to 1e-12 at every λ with the divergences that are computed to their last digits.
            assert!((optimum.reward - optimum.untuned_reward - optimum.identity).abs() < 1e-12);
            // With the divergence in J only one of the two terms is left: J_λ(ρ*) − J_λ(ρ_sft) = λ·KL(ρ_sft‖ρ*).
            let (best, untuned) = (world.objective(&rho, lambda).unwrap(), world.objective(&world.untuned(), lambda).unwrap());
            assert!((best.objective.unwrap() - untuned.objective.unwrap() - lambda * back).abs() < tolerance);
            assert!((best.objective.unwrap() - lambda * log_z).abs() < tolerance && (optimum.objective - lambda * log_z).abs() < tolerance);
            assert!(untuned.kl.unwrap().abs() < 1e-15 && (untuned.reward - optimum.untuned_reward).abs() < 1e-14);
        }
    }
}

/// J_λ(ρ*) − J_λ(ρ) = λ·KL(ρ‖ρ*) for any ρ; here ρ of another world, and the best of 3.
#[test]
fn every_other_prompter_falls_short_by_its_divergence_from_the_optimum() {
    for seed in 0..40 {
        let (world, other) = (World::random(seed, 3, 5, 4).unwrap(), World::random(seed + 1000, 3, 5, 4).unwrap());
        let best: Vec<Vec<f64>> = world.best_rewrites(3).unwrap().prompts.into_iter().map(|p| p.probabilities).collect();
        for rho in [other.untuned(), best] {
            for lambda in [0.1, 1.0] {
                let optimum = world.optimum(lambda).unwrap();
                let away = optimum.prompts.iter().zip(&rho).map(|(o, rho)| kl(rho, &o.probabilities));
                let away: f64 = world.prompts().iter().zip(away).map(|(p, kl)| p.probability * kl).sum();
                let objective = world.objective(&rho, lambda).unwrap().objective.unwrap();
                assert!((optimum.objective - objective - lambda * away).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn the_induced_policy_earns_what_its_prompter_does() {
    for world in worlds() {
        let rho: Vec<Vec<f64>> = world.optimum(0.2).unwrap().prompts.into_iter().map(|p| p.probabilities).collect();
        let induced = world.induced(&rho).unwrap();
        let reward = |(prompt, policy): (&Prompt, &Vec<f64>)| {
            prompt.probability * policy.iter().zip(&prompt.answers).map(|(p, a)| p * a.reward).sum::<f64>()
        };
        let earned: f64 = world.prompts().iter().zip(&induced).map(reward).sum();
        assert!((earned - world.objective(&rho, 0.2).unwrap().reward).abs() < 1e-12);
        assert!(induced.iter().all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }
}

#[test]
fn lambda_goes_from_the_greedy_rewrite_to_the_untuned_prompter() {
    for world in worlds() {
        let (greedy, cold) = (world.optimum(0.0).unwrap(), world.optimum(1e-6).unwrap());
        for (prompt, rewards) in greedy.prompts.iter().zip(world.rewards()) {
            let best = rewards.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert!((prompt.mean - best).abs() < 1e-12 && (prompt.soft_maximum - best).abs() < 1e-12 && prompt.log_z.is_none());
        }
        // The next best rewrite is at least 1e-4 behind in these worlds, e^-100 at λ = 1e-6.
        assert!((greedy.reward - cold.reward).abs() < 1e-12 && (greedy.kl - cold.kl).abs() < 1e-12);
        // λ·log ρ_sft(best) is what is still missing from J, below 1e-6·ln(1/1e-6).
        assert!((greedy.objective - cold.objective).abs() < 2e-5);
        assert!((greedy.identity - (greedy.reward - greedy.untuned_reward)).abs() < 1e-12 && greedy.kl_back.is_none());
        // First order: ρ*/ρ_sft − 1 = (R − E[R])/λ, below 1e-9; KL falls as Var(R)/(2λ²).
        let hot = world.optimum(1e9).unwrap();
        for ((p, prompt), rewards) in hot.prompts.iter().zip(world.prompts()).zip(world.rewards()) {
            let sft: Vec<f64> = prompt.rewrites.iter().map(|r| r.probability).collect();
            assert!(p.probabilities.iter().zip(&sft).all(|(q, p)| (q / p - 1.0).abs() < 2e-9));
            let variance: f64 = sft.iter().zip(&rewards).map(|(q, r)| q * (r - p.base_mean).powi(2)).sum();
            assert!((p.kl / (variance / 2e18) - 1.0).abs() < 1e-6 && (p.kl_back.unwrap() / p.kl - 1.0).abs() < 1e-6);
        }
        assert!((hot.objective - hot.untuned_reward).abs() < 1e-8);
    }
}

#[test]
fn extreme_values_stay_finite() {
    for (values, t) in [([0.0, 1e300], 1e-300), ([-1e12, 1e12], 1e-3), ([1e6, 1e6 + 1.0], 5e-324), ([0.3, 0.3], 1e-200)] {
        let tilted = tilt(&[0.25, 0.75], &values, t).unwrap();
        assert!((tilted.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert!(tilted.kl.is_finite() && tilted.cost_back.is_finite() && tilted.soft_maximum.is_finite());
    }
    let constant = tilt(&[0.2, 0.8], &[0.4, 0.4], 0.0).unwrap();
    assert_eq!((constant.kl, constant.kl_back, constant.cost_back), (0.0, Some(0.0), 0.0));
    // Rewards of rewrites that cannot be drawn play no part; ties at λ = 0 share as ρ_sft does.
    assert_eq!(tilt(&[0.5, 0.5, 0.0], &[0.0, 1.0, 9.0], 0.0).unwrap().probabilities, [0.0, 1.0, 0.0]);
    assert_eq!(tilt(&[0.25, 0.25, 0.5], &[1.0, 0.0, 1.0 - 1e-15], 0.0).unwrap().probabilities[0], 1.0 / 3.0);
    // A million draws find the one in a million as often as 1 − 1/e says.
    let rare = best_of(&[1e-6, 1.0 - 1e-6], &[1.0, 0.0], 1_000_000).unwrap();
    assert!((rare.mean - (1.0 - (1e6 * (-1e-6_f64).ln_1p()).exp())).abs() < 1e-12);
}

#[test]
fn the_best_of_one_is_a_draw_and_of_many_the_greedy_choice() {
    for world in worlds() {
        let (one, many) = (world.best_rewrites(1).unwrap(), world.best_rewrites(usize::MAX).unwrap());
        assert!((one.reward - world.optimum(1.0).unwrap().untuned_reward).abs() < 1e-12 && one.kl < 1e-12);
        assert!((many.reward - world.optimum(0.0).unwrap().reward).abs() < 1e-12);
        assert!((world.best_answers(usize::MAX).unwrap().reward - world.oracle(0.0).unwrap().reward).abs() < 1e-12);
        for k in [1_usize, 2, 5, 30] {
            let best = world.best_rewrites(k).unwrap();
            assert!(best.prompts.iter().all(|p| (p.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            let size = k as f64;
            assert!(best.kl <= size.ln() - (size - 1.0) / size + 1e-12);
        }
    }
}

#[test]
fn the_example_shows_what_it_is_for() {
    let world = World::example().unwrap();
    let lambdas = [0.0, 0.03, 0.1, 0.3, 1.0, 100.0];
    let sweep = world.sweep(&lambdas, 0.1, &[1, 4, 16]).unwrap();
    assert_eq!((sweep.points.len(), sweep.best_rewrites.len(), sweep.best_answers.len()), (6, 3, 3));
    assert!(sweep.untuned_reward < sweep.raw_reward, "untuned rewrites hurt: report both baselines");
    assert!(sweep.points.windows(2).all(|p| p[0].optimum.reward >= p[1].optimum.reward));
    assert!((sweep.points[0].optimum.reward - sweep.greedy_rewrite_reward).abs() < 1e-12);
    assert!(sweep.oracle.reward < sweep.greedy_answer_reward && sweep.greedy_rewrite_reward < sweep.greedy_answer_reward);
    let shares: Vec<f64> = sweep.points.iter().map(|p| p.share_of_gap.unwrap()).collect();
    assert!(shares[0] > 0.5 && shares[5] < 0.01, "{shares:?}");
    // The table of docs/algorithms/theory.md.
    let rounded = [0.1, 0.3, 1.0].map(|lambda| {
        let (optimum, bound) = (world.optimum(lambda).unwrap(), world.bound(lambda, 0.1).unwrap());
        [optimum.reward, optimum.kl, optimum.objective, bound.gap, bound.bound].map(|figure| (figure * 1000.0).round() / 1000.0)
    });
    assert_eq!(rounded, [[0.771, 1.404, 0.631, 0.113, 0.745], [0.58, 0.253, 0.505, 0.304, 0.809], [0.474, 0.025, 0.449, 0.41, 0.86]]);
    for point in &sweep.points {
        assert!(point.best_rewrites_objective.iter().all(|j| *j <= point.optimum.objective + 1e-12));
    }
}

#[test]
fn a_bad_world_is_refused_with_a_sentence() {
    let good = World::example().unwrap().prompts().to_vec();
    let refused = |change: fn(&mut Vec<Prompt>)| {
        let mut prompts = good.clone();
        change(&mut prompts);
        World::new(prompts).unwrap_err()
    };
    let errors = [
        (refused(|p| p.clear()), "The world has no prompts; give at least one."),
        (refused(|p| p[0].probability = 0.5), "probabilities of the prompts sum to 1.1"),
        (refused(|p| p[1].rewrites.clear()), "no rewrites of “fix: he go to school”"),
        (refused(|p| p[2].answers.clear()), "no answers to the raw prompt “what's 17 * 23”"),
        (refused(|p| p[0].answers[1].reward = f64::NAN), "reward of “A list of facts.” to “tell me about tea” is NaN"),
        (refused(|p| p[0].answers[1].reward = 1e13), "between -1e12 and 1e12"),
        (refused(|p| p[0].raw.truncate(3)), "are 3 numbers, but 4 are needed"),
        (refused(|p| p[0].rewrites[3].answers[0] = -0.1), "rewrite “Tea?” of “tell me about tea” is -0.1"),
        (refused(|p| p[0].rewrites[3].probability = f64::INFINITY), "is inf; a probability lies"),
        (refused(|p| p[0].rewrites[3].answers[0] += 1e-8), "must sum to 1"),
    ];
    for (error, expected) in errors {
        let sentence = error.to_string();
        assert!(sentence.contains(expected) && sentence.ends_with('.'), "{sentence}");
    }
    let world = World::new(good).unwrap();
    assert_eq!(world.optimum(-1.0).unwrap_err().to_string(), "λ is -1; give a finite number that is not negative.");
    assert!(matches!(world.oracle(f64::NAN), Err(WorldError::Strength { name: "β", .. })));
    assert!(world.bound(f64::INFINITY, 1.0).is_err() && world.sweep(&[1.0, -1.0], 1.0, &[]).is_err());
    assert_eq!(world.best_rewrites(0), Err(WorldError::Count));
    assert!(world.objective(&[], 1.0).is_err() && world.induced(&[vec![1.0], vec![], vec![]]).is_err());
    assert!(World::random(1, 1, 0, 1).is_err());
    // A prompter outside the support of ρ_sft has a reward, but no finite divergence.
    let mut prompts = world.prompts().to_vec();
    prompts[0].rewrites[0].probability = 0.0;
    prompts[0].rewrites[1].probability = 0.47;
    let rho = world.untuned();
    let outside = World::new(prompts).unwrap().objective(&rho, 0.1).unwrap();
    assert!(outside.reward.is_finite() && outside.kl.is_none() && outside.objective.is_none());
}

#[test]
fn samples_that_say_nothing_give_none() {
    let good = vec![vec![0.1, 0.3], vec![0.2, 0.4]];
    for bad in [vec![], vec![vec![]], vec![vec![0.1], vec![f64::NAN]], vec![vec![f64::MAX, f64::MAX]]] {
        assert!(resampled(&bad, 1.0).is_none() && best_of_rewrites(&bad, 1).is_none() && convergence(&[bad], 1.0, 9, 0).is_none());
    }
    assert!(resampled(&good, -0.1).is_none() && resampled(&good, f64::NAN).is_none() && resampled_mean(&[], &[], 1.0, 9, 0).is_none());
    assert!(best_of_rewrites(&good, 0).is_none() && best_of_rewrites(&good, 3).is_none() && expected_best(&[], 1).is_none());
    assert!(convergence(std::slice::from_ref(&good), 1.0, 0, 0).is_none() && estimate(&[None], &[0], 9, 0).is_none());
    assert!(tuned(&good, &[-1.0], &[-1.0, -2.0], 1.0).is_none() && tuned(&good, &[f64::NAN, 0.0], &[0.0, 0.0], 1.0).is_none());
    assert!(divergence(&[1.0], &[0.0]).is_none() && divergence(&[1.0], &[]).is_none() && total_variation(&[1.0], &[]).is_none());
    assert!(best_of(&[0.0], &[1.0], 2).is_none() && tilt(&[1.0], &[1.0, 2.0], 1.0).is_none());
    // One answer each: everything but what needs two halves.
    let single = resampled(&[vec![0.1], vec![0.5]], 0.1).unwrap();
    assert!(single.cross_fitted.is_none() && single.noise.is_none() && single.kl_extrapolated.is_none() && single.kl > 0.0);
    assert_eq!(resampled_oracle(&[0.1, 0.5], 0.1), Some(single));
    let greedy = resampled(&good, 0.0).unwrap();
    assert!(greedy.weights == [0.0, 1.0] && greedy.reward_inflation.is_none() && (greedy.cross_fitted.unwrap() - 0.3).abs() < 1e-15);
    let mixed = resampled_mean(&[good.clone(), vec![], vec![vec![0.4], vec![0.6]]], &[0, 1, 2], 1.0, 99, 0).unwrap();
    assert_eq!((mixed.prompts[1].is_none(), mixed.reward.prompts, mixed.gain.unwrap().prompts), (true, 2, 1));
    // A tuned prompter that is the untuned one.
    let same = tuned(&good, &[-3.0, -4.0], &[-3.0, -4.0], 0.0).unwrap();
    assert!((same.kl, same.log_mean_ratio, same.kl_to_optimum) == (0.0, 0.0, None) && (same.effective_rewrites - 2.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Theorem 6.1 against any oracle of the family, with each part of the slack.
    #[test]
    fn the_bound_holds(seed: u64, sizes in (1usize..5, 1usize..8, 1usize..8), lambda in -3.0..2.0, beta in -3.0..2.0) {
        let world = World::random(seed, sizes.0, sizes.1, sizes.2).unwrap();
        for (lambda, beta) in [(10_f64.powf(lambda), 10_f64.powf(beta)), (0.0, 10_f64.powf(beta)), (10_f64.powf(lambda), 0.0)] {
            let bound = world.bound(lambda, beta).unwrap();
            prop_assert!(bound.gap <= bound.bound + 1e-12, "{:?}", bound);
            prop_assert!(bound.slack_parts.iter().all(|part| *part >= -1e-12), "{:?}", bound);
            prop_assert!((bound.slack_parts.iter().sum::<f64>() - bound.slack).abs() < 1e-12, "{:?}", bound);
        }
    }

    /// Shifting all rewards moves no difference and no distribution.
    #[test]
    fn the_zero_of_the_reward_does_not_matter(seed: u64, shift in -10.0..10.0) {
        let world = World::random(seed, 3, 4, 4).unwrap();
        let mut prompts = world.prompts().to_vec();
        prompts.iter_mut().for_each(|p| p.answers.iter_mut().for_each(|a| a.reward += shift));
        let shifted = World::new(prompts).unwrap();
        let (a, b) = (world.bound(0.3, 0.5).unwrap(), shifted.bound(0.3, 0.5).unwrap());
        prop_assert!((a.gap - b.gap).abs() < 1e-12 && (a.bound - b.bound).abs() < 1e-12 && (a.range - b.range).abs() < 1e-12);
    }

    #[test]
    fn nothing_panics(
        weights in prop::collection::vec(any::<f64>(), 0..5),
        values in prop::collection::vec(any::<f64>(), 0..5),
        rewards in prop::collection::vec(prop::collection::vec(prop_oneof![any::<f64>(), -1.0..1.0], 0..4), 0..5),
        lambda in prop_oneof![any::<f64>(), Just(0.0), 0.0..2.0],
        k in 0usize..6,
    ) {
        tilt(&weights, &values, lambda);
        best_of(&weights, &values, k);
        best_of_rewrites(&rewards, k);
        expected_best(&values, k);
        resampled_mean(std::slice::from_ref(&rewards), &[0], lambda, k, 0);
        convergence(std::slice::from_ref(&rewards), lambda, k, 0);
        tuned(&rewards, &values, &weights, lambda);
    }
}
