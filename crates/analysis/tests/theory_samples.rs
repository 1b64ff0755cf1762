//! The estimators from samples against the exact figures of the worlds that the samples come from. All seeds are fixed; tolerances are
//! standard errors of the simulated mean, and 3/K where an estimator is self-normalised and so biased by the order of 1/K.
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
mod simulation;

use analysis::bootstrap_mean;
use analysis::theory::{
    Prompt, Tilted, World, best_of_rewrites, convergence, expected_best, resampled, resampled_mean, resampled_oracle, tilt, tuned,
};
use simulation::{Random, mean};

/// The simulated mean lies within five standard errors and `bias` of the truth.
#[track_caller]
fn agrees(estimates: &[f64], truth: f64, bias: f64) {
    let (mean, error) = mean(estimates);
    assert!((mean - truth).abs() <= 5.0 * error + bias, "{mean} ± {error}, true {truth}");
}

/// A prompt with six rewrites, R(x, ·), and ρ_sft.
fn prompt() -> (Prompt, Vec<f64>, Vec<f64>) {
    let world = World::random(3, 1, 6, 5).unwrap();
    let sft = world.untuned().remove(0);
    (world.prompts()[0].clone(), world.rewards().remove(0), sft)
}

const REWRITES: usize = 1024;

#[test]
fn resampling_converges_to_the_optimum() {
    let (_, rewards, sft) = prompt();
    let mut random = Random(1);
    for lambda in [0.05, 0.2, 1.0] {
        let truth = tilt(&sft, &rewards, lambda).unwrap();
        // R without noise: one answer that is the expectation.
        let runs: Vec<_> = (0..200)
            .map(|_| resampled(&(0..REWRITES).map(|_| vec![rewards[random.draw(&sft)]]).collect::<Vec<_>>(), lambda).unwrap())
            .collect();
        let bias = 3.0 / REWRITES as f64;
        let rewards: Vec<f64> = runs.iter().map(|r| r.reward).collect();
        agrees(&rewards, truth.mean, bias);
        agrees(&runs.iter().map(|r| r.untuned_reward).collect::<Vec<_>>(), truth.base_mean, 0.0);
        agrees(&runs.iter().map(|r| r.objective).collect::<Vec<_>>(), truth.soft_maximum, bias);
        agrees(&runs.iter().map(|r| r.kl).collect::<Vec<_>>(), truth.kl, bias / lambda);
        // K/ESS tends to E_sft[(ρ*/ρ_sft)²].
        let square: f64 = sft.iter().zip(&truth.probabilities).map(|(p, q)| q * q / p).sum();
        agrees(&runs.iter().map(|r| REWRITES as f64 / r.effective_rewrites).collect::<Vec<_>>(), square, 10.0 * bias);
        // The standard error that is reported is the spread of the estimates; a spread of 200 is known to 5 %, thrice that is allowed.
        let reported = runs.iter().map(|r| r.standard_error).sum::<f64>() / runs.len() as f64;
        let spread = mean(&rewards).1 * (runs.len() as f64).sqrt();
        assert!((reported / spread - 1.0).abs() < 0.15, "{reported} {spread}");
    }
}

#[test]
fn chance_in_answers_inflates_and_halves_undo_it() {
    let (_, rewards, sft) = prompt();
    let (lambda, sigma, answers) = (0.3, 0.3, 4);
    let truth = tilt(&sft, &rewards, lambda).unwrap();
    let mut random = Random(2);
    let runs: Vec<_> = (0..200)
        .map(|_| {
            let sample = (0..REWRITES).map(|_| {
                let reward = rewards[random.draw(&sft)];
                (0..answers).map(|_| reward + sigma * random.normal()).collect::<Vec<f64>>()
            });
            resampled(&sample.collect::<Vec<_>>(), lambda).unwrap()
        })
        .collect();
    let (noise, bias) = (sigma * sigma / f64::from(answers), 3.0 / REWRITES as f64);
    let all = |figure: fn(&analysis::theory::ResampledOptimum) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    agrees(&all(|r| r.noise.unwrap()), noise, 0.0);
    // Normal noise of one size shifts log Z by noise/(2λ²) and E[R] by noise/λ: exactly what is announced.
    agrees(&all(|r| r.reward), truth.mean + noise / lambda, bias);
    agrees(&all(|r| r.reward - r.reward_inflation.unwrap()), truth.mean, bias);
    agrees(&all(|r| r.kl), truth.kl + noise / lambda / lambda / 2.0, bias / lambda);
    agrees(&all(|r| r.kl - r.kl_inflation.unwrap()), truth.kl, bias / lambda);
    // Sample splitting needs neither the size of the noise nor its law.
    agrees(&all(|r| r.cross_fitted.unwrap()), truth.mean, bias);
    agrees(&all(|r| r.kl_extrapolated.unwrap()), truth.kl, 3.0 * bias / lambda);
    agrees(&all(|r| r.objective_extrapolated.unwrap()), truth.soft_maximum, 3.0 * bias);
    assert!(mean(&all(|r| r.reward)).0 - truth.mean > 0.07, "the plug-in should be visibly wrong here");
}

/// Answers drawn from the frozen model, whose spread differs from rewrite to rewrite: more of them bring the plug-in down to the truth.
#[test]
fn more_answers_bring_the_estimates_to_the_truth() {
    let (prompt, rewards, sft) = prompt();
    let truth = tilt(&sft, &rewards, 0.2).unwrap();
    let mut random = Random(3);
    let mut off = |answers: usize| {
        let runs: Vec<_> = (0..50)
            .map(|_| {
                let sample = (0..256).map(|_| {
                    let rewrite = &prompt.rewrites[random.draw(&sft)];
                    (0..answers).map(|_| prompt.answers[random.draw(&rewrite.answers)].reward).collect::<Vec<f64>>()
                });
                resampled(&sample.collect::<Vec<_>>(), 0.2).unwrap()
            })
            .collect();
        let over = |figure: fn(&analysis::theory::ResampledOptimum) -> f64| mean(&runs.iter().map(figure).collect::<Vec<_>>());
        (over(|r| r.reward), over(|r| r.cross_fitted.unwrap()), over(|r| r.kl), over(|r| r.kl_extrapolated.unwrap()))
    };
    let (few, many) = (off(4), off(64));
    // Sixteen times the answers, a sixteenth of the bias: 1/8 allows for chance.
    assert!(few.0.0 - truth.mean > 0.01 && many.0.0 - truth.mean < (few.0.0 - truth.mean) / 8.0, "{few:?} {many:?} {truth:?}");
    assert!((few.1.0 - truth.mean).abs() < (few.0.0 - truth.mean) / 2.0, "cross-fitting helps: {few:?}, true {}", truth.mean);
    assert!((few.3.0 - truth.kl).abs() < (few.2.0 - truth.kl) / 2.0, "extrapolation helps: {few:?}, true {}", truth.kl);
    assert!((many.1.0 - truth.mean).abs() < 5.0 * many.1.1 + 3.0 / 256.0 && (many.3.0 - truth.kl).abs() < 5.0 * many.3.1 + 15.0 / 256.0);
}

/// All rewrites are equally good, so the best of any number of them is no better; only looking twice shows it.
#[test]
fn the_winners_curse_is_lifted_by_cross_fitting() {
    let mut random = Random(4);
    let runs: Vec<_> = (0..2000)
        .map(|_| {
            let rewards: Vec<Vec<f64>> = (0..16).map(|_| (0..4).map(|_| 0.5 + random.normal()).collect()).collect();
            best_of_rewrites(&rewards, 8).unwrap()
        })
        .collect();
    // 1.4236 is the expected largest of eight standard normals; four answers halve the noise.
    agrees(&runs.iter().map(|r| r.plug_in).collect::<Vec<_>>(), 0.5 + 1.4236 / 2.0, 1e-4);
    agrees(&runs.iter().map(|r| r.cross_fitted.unwrap()).collect::<Vec<_>>(), 0.5, 0.0);
}

/// Where rewrites differ, cross-fitting gives the true reward of what is chosen with half of the answers: simulated afresh here.
#[test]
fn the_best_of_k_is_worth_what_a_fresh_choice_is() {
    let (_, rewards, sft) = prompt();
    let mut random = Random(5);
    let noisy = |random: &mut Random, answers: usize| {
        let reward = rewards[random.draw(&sft)];
        (reward, (0..answers).map(|_| reward + 0.2 * random.normal()).collect::<Vec<f64>>())
    };
    let estimates: Vec<f64> = (0..4000)
        .map(|_| best_of_rewrites(&(0..12).map(|_| noisy(&mut random, 4).1).collect::<Vec<_>>(), 5).unwrap().cross_fitted.unwrap())
        .collect();
    let fresh: Vec<f64> = (0..40_000)
        .map(|_| {
            let five = (0..5).map(|_| noisy(&mut random, 2)).map(|(truth, answers)| (answers[0] + answers[1], truth));
            five.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1
        })
        .collect();
    let (truth, error) = mean(&fresh);
    agrees(&estimates, truth, 5.0 * error);
    // Without noise it is the exact law of the best of five, and for answers to the raw prompt always.
    let exact = analysis::theory::best_of(&sft, &rewards, 5).unwrap().mean;
    let clean: Vec<f64> = (0..4000)
        .map(|_| best_of_rewrites(&(0..12).map(|_| vec![rewards[random.draw(&sft)]]).collect::<Vec<_>>(), 5).unwrap().plug_in)
        .collect();
    agrees(&clean, exact, 0.0);
}

#[test]
fn the_best_of_n_answers_and_the_resampled_oracle_are_those_of_the_world() {
    let world = World::random(3, 1, 6, 5).unwrap();
    let prompt = &world.prompts()[0];
    let mut random = Random(6);
    let mut answers = |n: usize| (0..n).map(|_| prompt.answers[random.draw(&prompt.raw)].reward).collect::<Vec<f64>>();
    let best: Vec<f64> = (0..4000).map(|_| expected_best(&answers(10), 4).unwrap()).collect();
    agrees(&best, world.best_answers(4).unwrap().reward, 0.0);
    let oracle = world.oracle(0.2).unwrap();
    let runs: Vec<_> = (0..200).map(|_| resampled_oracle(&answers(REWRITES), 0.2).unwrap()).collect();
    agrees(&runs.iter().map(|r| r.reward).collect::<Vec<_>>(), oracle.reward, 3.0 / REWRITES as f64);
    agrees(&runs.iter().map(|r| r.kl).collect::<Vec<_>>(), oracle.kl, 15.0 / REWRITES as f64);
}

#[test]
fn the_law_of_the_best_of_k_is_the_one_of_draws() {
    let (sft, rewards) = ([0.1, 0.3, 0.25, 0.35], [0.9, 0.4, 0.4, 0.1]);
    let law = analysis::theory::best_of(&sft, &rewards, 3).unwrap();
    let (mut random, mut kept, trials) = (Random(7), [0_u32; 4], 100_000);
    for _ in 0..trials {
        let draws: Vec<usize> = (0..3).map(|_| random.draw(&sft)).collect();
        let best = draws.iter().map(|&i| rewards[i]).fold(f64::NEG_INFINITY, f64::max);
        let winners: Vec<usize> = draws.into_iter().filter(|&i| rewards[i] == best).collect();
        kept[winners[(random.uniform() * winners.len() as f64) as usize]] += 1;
    }
    for (p, kept) in law.probabilities.iter().zip(kept) {
        let error = (p * (1.0 - p) / f64::from(trials)).sqrt();
        assert!((f64::from(kept) / f64::from(trials) - p).abs() < 5.0 * error, "{kept} {p}");
    }
}

fn log(p: &Tilted) -> Vec<f64> {
    p.probabilities.iter().map(|p| p.ln()).collect()
}

fn kl(a: &Tilted, b: &Tilted) -> f64 {
    analysis::theory::divergence(&a.probabilities, &b.probabilities).unwrap()
}

#[test]
fn a_tuned_prompter_is_placed_between_untuned_and_optimum() {
    let (_, rewards, sft) = prompt();
    let lambda = 0.2;
    // A prompter that stopped half way, and one that went too far.
    for stopped_at in [0.5, 0.12] {
        let [optimum, halfway] = [lambda, stopped_at].map(|l| tilt(&sft, &rewards, l).unwrap());
        let mut random = Random(8);
        let runs: Vec<_> = (0..200)
            .map(|_| {
                let drawn: Vec<usize> = (0..REWRITES).map(|_| random.draw(&sft)).collect();
                let pick = |of: &[f64]| drawn.iter().map(|&i| of[i]).collect::<Vec<f64>>();
                let sample: Vec<Vec<f64>> = drawn.iter().map(|&i| vec![rewards[i]]).collect();
                let untuned = pick(&sft.iter().map(|p| p.ln()).collect::<Vec<_>>());
                let perfect = tuned(&sample, &pick(&log(&optimum)), &untuned, lambda).unwrap();
                assert!(perfect.kl_from_optimum < 1e-12 && perfect.shortfall.unwrap() < 1e-12);
                tuned(&sample, &pick(&log(&halfway)), &untuned, lambda).unwrap()
            })
            .collect();
        let bias = 3.0 / REWRITES as f64;
        let all = |figure: fn(&analysis::theory::Tuned) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
        agrees(&all(|r| r.reward), halfway.mean, bias);
        agrees(&all(|r| r.kl), halfway.kl, bias / lambda);
        agrees(&all(|r| r.kl_from_optimum), kl(&optimum, &halfway), bias / lambda);
        agrees(&all(|r| r.kl_to_optimum.unwrap()), kl(&halfway, &optimum), bias / lambda);
        agrees(&all(|r| r.shortfall.unwrap()), optimum.soft_maximum - (halfway.mean - lambda * halfway.kl), bias);
        agrees(&all(|r| r.log_mean_ratio.exp()), 1.0, 0.0);
    }
}

/// Chance in the answers makes ρ* look better than it is, by noise/(2λ), and so the shortfall larger.
#[test]
fn the_shortfall_is_freed_from_chance_too() {
    let (_, rewards, sft) = prompt();
    let (lambda, sigma) = (0.3, 0.3);
    let [optimum, halfway] = [lambda, 0.6].map(|l| tilt(&sft, &rewards, l).unwrap());
    let mut random = Random(11);
    let runs: Vec<_> = (0..200)
        .map(|_| {
            let drawn: Vec<usize> = (0..REWRITES).map(|_| random.draw(&sft)).collect();
            let sample: Vec<Vec<f64>> = drawn.iter().map(|&i| (0..4).map(|_| rewards[i] + sigma * random.normal()).collect()).collect();
            let pick = |of: &[f64]| drawn.iter().map(|&i| of[i].ln()).collect::<Vec<f64>>();
            tuned(&sample, &pick(&halfway.probabilities), &pick(&sft), lambda).unwrap()
        })
        .collect();
    let (truth, bias) = (optimum.soft_maximum - (halfway.mean - lambda * halfway.kl), 3.0 / REWRITES as f64);
    agrees(&runs.iter().map(|r| r.shortfall.unwrap()).collect::<Vec<_>>(), truth + sigma * sigma / 4.0 / (2.0 * lambda), bias);
    agrees(&runs.iter().map(|r| r.shortfall_extrapolated.unwrap()).collect::<Vec<_>>(), truth, 3.0 * bias);
}

fn run(random: &mut Random, prompts: usize, rewrites: usize) -> Vec<Vec<Vec<f64>>> {
    let one = |random: &mut Random| {
        let reward = random.normal();
        (0..2).map(|_| reward + 0.5 * random.normal()).collect()
    };
    (0..prompts).map(|_| (0..rewrites).map(|_| one(random)).collect()).collect()
}

#[test]
fn random_subsets_stand_for_all_subsets() {
    let rewards = run(&mut Random(9), 5, 12);
    let every = convergence(&rewards, 0.5, 1000, 0).unwrap();
    assert!(every.iter().all(|p| p.exact) && every.iter().map(|p| p.k).eq([1, 2, 4, 8, 12]));
    let some: Vec<_> = (0..100).map(|seed| convergence(&rewards, 0.5, 40, seed).unwrap()).collect();
    for (i, every) in every.iter().enumerate() {
        // One rewrite: 12 subsets; all twelve: one.
        assert_eq!(some[0][i].exact, matches!(every.k, 1 | 12));
        let rounding = 1e-12;
        agrees(&some.iter().map(|s| s[i].reward).collect::<Vec<_>>(), every.reward, rounding);
        agrees(&some.iter().map(|s| s[i].kl).collect::<Vec<_>>(), every.kl, rounding);
        agrees(&some.iter().map(|s| s[i].cross_fitted.unwrap()).collect::<Vec<_>>(), every.cross_fitted.unwrap(), rounding);
    }
    let mut turned = rewards.clone();
    turned.reverse();
    assert_eq!(convergence(&rewards, 0.5, 40, 7), convergence(&turned, 0.5, 40, 7));
    assert_ne!(convergence(&rewards, 0.5, 40, 7), convergence(&rewards, 0.5, 40, 8));
    // Ends: one rewrite is the untuned prompter, all are the resampled optimum.
    let mean = resampled_mean(&rewards, &alone(&rewards), 0.5, 9, 0).unwrap();
    assert!((every[0].reward - mean.untuned_reward.mean).abs() < 1e-12 && every[0].kl.abs() < 1e-12);
    assert!((every[4].reward - mean.reward.mean).abs() < 1e-12 && (every[4].kl - mean.kl.mean).abs() < 1e-12);
    assert!((every[4].cross_fitted.unwrap() - mean.cross_fitted.unwrap().mean).abs() < 1e-12);
}

/// Prompts of which each is a cluster of its own.
fn alone(rewards: &[Vec<Vec<f64>>]) -> Vec<usize> {
    (0..rewards.len()).collect()
}

#[test]
fn means_over_prompts_have_the_bootstraps_interval() {
    let rewards = run(&mut Random(10), 30, 8);
    let mean = resampled_mean(&rewards, &alone(&rewards), 0.5, 2000, 4).unwrap();
    let gains: Vec<f64> = mean.prompts.iter().flatten().map(|r| r.cross_fitted.unwrap() - r.untuned_reward).collect();
    let gain = mean.gain.unwrap();
    assert_eq!((gain.prompts, gain.interval), (30, bootstrap_mean(&gains, 2000, 4)));
    assert!(gain.interval.low < gain.mean && gain.mean < gain.interval.high);
    assert!((gain.mean - (mean.cross_fitted.unwrap().mean - mean.untuned_reward.mean)).abs() < 1e-12);
    assert!(mean.reward.mean > mean.cross_fitted.unwrap().mean && (1.0..=8.0).contains(&mean.effective_rewrites));
    let mut turned = rewards;
    turned.reverse();
    assert_eq!(resampled_mean(&turned, &alone(&turned), 0.5, 2000, 4).unwrap().gain, mean.gain);
}
