//! The theory's figures against an independent implementation in Python (`scripts/fixtures_theory.py`).
#![allow(clippy::unwrap_used)] // a test may panic; clippy knows that only inside #[test]
use analysis::theory::{Answer, Prompt, Rewrite, World, best_of_rewrites, convergence, expected_best, resampled, tilt, tuned};
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixtures {
    tilts: Vec<TiltCase>,
    worlds: Vec<WorldCase>,
    samples: Vec<SampleCase>,
}

#[derive(Deserialize)]
struct TiltCase {
    weights: Vec<f64>,
    values: Vec<f64>,
    temperature: f64,
    probabilities: Vec<f64>,
    mean: f64,
    kl: f64,
    kl_back: f64,
    log_z: f64,
    soft_maximum: f64,
}

#[derive(Deserialize)]
struct WorldCase {
    prompts: Vec<PromptCase>,
    points: Vec<PointCase>,
    best: Vec<BestCase>,
}

#[derive(Deserialize)]
struct PromptCase {
    probability: f64,
    rewards: Vec<f64>,
    raw: Vec<f64>,
    untuned: Vec<f64>,
    answers: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct PointCase {
    lambda: f64,
    beta: f64,
    reward: f64,
    untuned: f64,
    raw: f64,
    kl: f64,
    kl_back: f64,
    objective: f64,
    oracle: f64,
    oracle_kl: f64,
    moved: f64,
    rewritten: f64,
    range: f64,
    bound: f64,
}

#[derive(Deserialize)]
struct BestCase {
    n: usize,
    rewrites: f64,
    rewrites_kl: f64,
    answers: f64,
    answers_kl: f64,
}

#[derive(Deserialize)]
struct SampleCase {
    rewards: Vec<Vec<f64>>,
    lambda: f64,
    weights: Vec<f64>,
    effective: f64,
    untuned_reward: f64,
    reward: f64,
    standard_error: f64,
    cross_fitted: f64,
    kl: f64,
    kl_extrapolated: f64,
    objective: f64,
    objective_extrapolated: f64,
    noise: f64,
    best: Vec<SubsetCase>,
    convergence: Vec<ConvergenceCase>,
    tuned: TunedCase,
}

#[derive(Deserialize)]
struct SubsetCase {
    k: usize,
    plug_in: f64,
    cross_fitted: f64,
}

#[derive(Deserialize)]
struct ConvergenceCase {
    k: usize,
    reward: f64,
    kl: f64,
    cross_fitted: f64,
}

#[derive(Deserialize)]
struct TunedCase {
    log_tuned: Vec<f64>,
    log_untuned: Vec<f64>,
    effective: f64,
    log_mean_ratio: f64,
    reward: f64,
    standard_error: f64,
    kl: f64,
    kl_from_optimum: f64,
    kl_to_optimum: f64,
    shortfall_extrapolated: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("fixtures/theory.json")).unwrap()
}

/// The same sums in another order: figures are of order 1 (divergences at λ = 0.05 up to about 50).
#[track_caller]
fn same(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0), "{ours} {theirs}");
}

/// Agreement in relative terms, for figures far from 1.
#[track_caller]
fn digits(ours: f64, theirs: f64, tolerance: f64) {
    assert!((ours - theirs).abs() <= tolerance * theirs.abs(), "{ours} {theirs}");
}

#[test]
fn tilting_keeps_its_digits_from_cold_to_hot() {
    for case in fixtures().tilts {
        let ours = tilt(&case.weights, &case.values, case.temperature).unwrap();
        // Exponents of v/t lose what v/t has too many of digits: up to 5e4 at t = 0.001, hence 1e-11.
        digits(ours.mean, case.mean, 1e-11);
        for (ours, theirs) in ours.probabilities.iter().zip(&case.probabilities) {
            digits(*ours, *theirs, 1e-10);
        }
        // At t = 1e7 divergences are 1e-14 and below; a direct sum of q·log(q/p) would have no digit left.
        digits(ours.kl, case.kl, 1e-9);
        digits(ours.kl_back.unwrap(), case.kl_back, 1e-9);
        digits(ours.cost_back, case.temperature * case.kl_back, 1e-9);
        digits(ours.log_z.unwrap(), case.log_z, 1e-11);
        digits(ours.soft_maximum, case.soft_maximum, 1e-11);
    }
}

fn world(case: &WorldCase) -> World {
    let prompt = |p: &PromptCase| Prompt {
        text: String::new(),
        probability: p.probability,
        answers: p.rewards.iter().map(|&reward| Answer { text: String::new(), reward }).collect(),
        raw: p.raw.clone(),
        rewrites: p
            .untuned
            .iter()
            .zip(&p.answers)
            .map(|(&probability, answers)| Rewrite { text: String::new(), probability, answers: answers.clone() })
            .collect(),
    };
    World::new(case.prompts.iter().map(prompt).collect()).unwrap()
}

#[test]
fn worlds_agree() {
    for case in fixtures().worlds {
        let world = world(&case);
        for point in &case.points {
            let optimum = world.optimum(point.lambda).unwrap();
            let oracle = world.oracle(point.beta).unwrap();
            let bound = world.bound(point.lambda, point.beta).unwrap();
            same(optimum.reward, point.reward);
            same(optimum.untuned_reward, point.untuned);
            same(optimum.kl, point.kl);
            same(optimum.kl_back.unwrap(), point.kl_back);
            same(optimum.objective, point.objective);
            same(oracle.reward, point.oracle);
            same(oracle.kl, point.oracle_kl);
            same(bound.range, point.range);
            same(bound.oracle_term, point.range * point.moved);
            same(bound.rewrite_term, point.range * point.rewritten);
            same(bound.divergence_term, point.lambda * point.kl);
            same(bound.bound, point.bound);
            same(bound.gap, point.oracle - point.reward);
            let sweep = world.sweep(&[point.lambda], point.beta, &[]).unwrap();
            same(sweep.raw_reward, point.raw);
            same(sweep.untuned_reward, point.untuned);
        }
        for best in &case.best {
            let (rewrites, answers) = (world.best_rewrites(best.n).unwrap(), world.best_answers(best.n).unwrap());
            same(rewrites.reward, best.rewrites);
            same(rewrites.kl, best.rewrites_kl);
            same(answers.reward, best.answers);
            same(answers.kl, best.answers_kl);
        }
    }
}

#[test]
fn samples_agree() {
    for case in fixtures().samples {
        let ours = resampled(&case.rewards, case.lambda).unwrap();
        ours.weights.iter().zip(&case.weights).for_each(|(ours, theirs)| same(*ours, *theirs));
        same(ours.effective_rewrites, case.effective);
        same(ours.untuned_reward, case.untuned_reward);
        same(ours.reward, case.reward);
        same(ours.standard_error, case.standard_error);
        same(ours.cross_fitted.unwrap(), case.cross_fitted);
        same(ours.kl, case.kl);
        // Extrapolation multiplies rounding by 2 to 4, and a KL of a few nats by 1/λ before that.
        assert!((ours.kl_extrapolated.unwrap() - case.kl_extrapolated).abs() < 1e-11);
        same(ours.objective, case.objective);
        same(ours.objective_extrapolated.unwrap(), case.objective_extrapolated);
        same(ours.noise.unwrap(), case.noise);
        same(ours.kl_inflation.unwrap(), case.noise / case.lambda.powi(2) / 2.0);
        for best in &case.best {
            let ours = best_of_rewrites(&case.rewards, best.k).unwrap();
            same(ours.plug_in, best.plug_in);
            same(ours.cross_fitted.unwrap(), best.cross_fitted);
        }
        let means: Vec<f64> = case.rewards.iter().map(|r| r.iter().sum::<f64>() / r.len() as f64).collect();
        same(expected_best(&means, 2).unwrap(), case.best[1].plug_in);
    }
}

#[test]
fn convergence_over_all_subsets_agrees() {
    for case in fixtures().samples {
        // At most C(9, 4) = 126 subsets: all of them are seen.
        let ours = convergence(std::slice::from_ref(&case.rewards), case.lambda, 200, 0).unwrap();
        assert_eq!(ours.iter().map(|p| p.k).collect::<Vec<_>>(), case.convergence.iter().map(|p| p.k).collect::<Vec<_>>());
        for (ours, theirs) in ours.iter().zip(&case.convergence) {
            assert!(ours.exact);
            same(ours.reward, theirs.reward);
            same(ours.kl, theirs.kl);
            same(ours.cross_fitted.unwrap(), theirs.cross_fitted);
            same(ours.best, case.best[theirs.k - 1].plug_in);
            same(ours.best_cross_fitted.unwrap(), case.best[theirs.k - 1].cross_fitted);
        }
    }
}

#[test]
fn tuned_prompters_agree() {
    for case in fixtures().samples {
        let theirs = case.tuned;
        let ours = tuned(&case.rewards, &theirs.log_tuned, &theirs.log_untuned, case.lambda).unwrap();
        same(ours.effective_rewrites, theirs.effective);
        same(ours.log_mean_ratio, theirs.log_mean_ratio);
        same(ours.reward, theirs.reward);
        same(ours.standard_error, theirs.standard_error);
        same(ours.kl, theirs.kl);
        same(ours.kl_from_optimum, theirs.kl_from_optimum);
        same(ours.kl_to_optimum.unwrap(), theirs.kl_to_optimum);
        same(ours.shortfall.unwrap(), case.lambda * theirs.kl_to_optimum);
        same(ours.shortfall_extrapolated.unwrap(), theirs.shortfall_extrapolated);
    }
}
