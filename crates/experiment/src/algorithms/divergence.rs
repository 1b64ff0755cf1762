//! λ that follows a target divergence: the controller of Ziegler et al. 2019 (arXiv 1909.08593, section 2.2).
//!
//! ```text
//! e = clip(KL/target − 1, −0.2, 0.2),   λ ← λ·(1 + K·e)
//! ```
//!
//! after every iteration, with KL the mean of Σ_t (log ρ_old − log ρ_sft) over its rewrites and K = 0.1 unless `training.kl_gain` says otherwise.
//! Where it settles, KL is the target and the prompter is Lemma 5.1's optimum for the λ that was found: the target picks λ, nothing else.
use contract::spec::Training;

/// K as published.
pub const GAIN: f64 = 0.1;
/// The largest relative error that counts.
pub const LARGEST_ERROR: f64 = 0.2;

/// λ of the next iteration, after one with λ = `now` and a mean divergence of `kl` nats. A fixed λ stays; so does one after a divergence
/// that is no number.
pub fn next_coefficient(training: &Training, now: f64, kl: Option<f64>) -> f64 {
    let Some((target, kl)) = training.kl_target.zip(kl.filter(|kl| kl.is_finite())) else { return now };
    let error = (kl / target - 1.0).clamp(-LARGEST_ERROR, LARGEST_ERROR);
    now * (1.0 + training.kl_gain.unwrap_or(GAIN) * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_rises_above_the_target_and_falls_below_it() {
        let training = Training { kl_target: Some(4.0), ..Training::default() };
        let next = |kl| next_coefficient(&training, 0.5, kl);
        assert!((next(Some(4.4)) - 0.5 * 1.01).abs() < 1e-12, "an error of a tenth, times K");
        assert_eq!((next(Some(4.0)), next(None), next(Some(f64::NAN))), (0.5, 0.5, 0.5));
        assert!(
            (next(Some(400.0)) - 0.5 * 1.02).abs() < 1e-12 && (next(Some(-3.0)) - 0.5 * 0.98).abs() < 1e-12,
            "errors are cut at a fifth"
        );
        let fast = Training { kl_gain: Some(1.0), ..training };
        assert!((next_coefficient(&fast, 0.5, Some(0.0)) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn without_a_target_lambda_is_fixed() {
        assert_eq!(next_coefficient(&Training::default(), 0.02, Some(30.0)), 0.02);
    }
}
