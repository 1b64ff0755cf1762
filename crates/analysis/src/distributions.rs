//! Tails and quantiles of the normal, Student's and Fisher's distributions.
//!
//! The error function, the incomplete beta function and ln Γ are `statrs`'s; the noncentral t, which it does not have, is integrated here.
use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::SQRT_2;

/// Φ(z).
pub(crate) fn normal_below(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The z with Φ(z) = p, for p in (0, 1).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    -SQRT_2 * erfc_inv(2.0 * p)
}

/// P(F > f) with the given degrees of freedom: I_x(d₂/2, d₁/2) at x = d₂ / (d₂ + d₁ f). None where f is negative or not a number.
pub(crate) fn fisher_above(f: f64, between: f64, within: f64) -> Option<f64> {
    let x = if f == f64::INFINITY { 0.0 } else { within / (within + between * f) };
    (f >= 0.0).then(|| checked_beta_reg(within / 2.0, between / 2.0, x).ok()).flatten()
}

/// P(|T| > |t|) of Student's t. None where t is not a number.
pub(crate) fn student_beyond(t: f64, freedom: f64) -> Option<f64> {
    // T² is F with (1, freedom) degrees of freedom.
    fisher_above(t * t, 1.0, freedom)
}

/// The t ≥ 0 with P(|T| > t) = alpha. By bisection: beyond any precision that is needed, and it cannot fail to converge.
pub(crate) fn student_quantile(alpha: f64, freedom: f64) -> Option<f64> {
    if !(alpha > 0.0 && alpha < 1.0 && freedom > 0.0 && freedom.is_finite()) {
        return None;
    }
    bisect(|t| student_beyond(t, freedom).map(|p| alpha - p), 1.0)
}

/// Where an increasing function of x ≥ 0 crosses 0; `first` is where the search for an upper end begins.
pub(crate) fn bisect(increasing: impl Fn(f64) -> Option<f64>, first: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, first);
    while increasing(high)? < 0.0 {
        (low, high) = (high, 2.0 * high);
        if high > 1e12 {
            return None;
        }
    }
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        // No number lies between them.
        if middle <= low || middle >= high {
            break;
        }
        if increasing(middle)? < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// P(|T| > t) of the noncentral t: T = (Z + shift) / X with X = √(χ² / freedom), so P(T ≤ t) = ∫ Φ(t x − shift) f(x) dx. Simpson's rule
/// over the x that matter, in u = √x, which makes the integrand smooth at 0; accurate to 1e-9 for one degree of freedom or more.
pub(crate) fn noncentral_beyond(t: f64, freedom: f64, shift: f64) -> f64 {
    const STEPS: usize = 2000;
    let reach = 8.5 / freedom.sqrt();
    let (low, high) = ((1.0 - reach).max(0.0).sqrt(), (1.0 + reach).sqrt());
    let half = freedom / 2.0;
    let scale = 2.0 * std::f64::consts::LN_2 + half * half.ln() - ln_gamma(half);
    // f(u²)·2u, by its logarithm.
    let density = |u: f64| (scale + (2.0 * freedom - 1.0) * u.ln() - half * u.powi(4)).exp();
    let beyond = |u: f64| density(u) * (normal_below(shift - t * u * u) + normal_below(-t * u * u - shift));
    let step = (high - low) / STEPS as f64;
    let weight = |i: usize| if i == 0 || i == STEPS { 1.0 } else { 2.0 * (1.0 + (i % 2) as f64) };
    (0..=STEPS).map(|i| weight(i) * beyond(low + step * i as f64)).sum::<f64>() * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against SciPy 1.17.1: norm, f, t, nct. 1e-11 is what the error function is good for, 1e-9 Simpson's rule.
    #[test]
    fn tails_and_quantiles_agree_with_scipy() {
        for (z, expected) in [(-1.3, 0.096_800_484_585_610_36), (0.5, 0.691_462_461_274_013_1), (-5.0, 2.866_515_718_791_933e-7)] {
            assert!((normal_below(z) - expected).abs() < 1e-11, "{z}");
        }
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_quantile(1e-6) + 4.753_424_308_822_899).abs() < 1e-11);
        assert!((fisher_above(3.2, 1.0, 38.0).unwrap() - 0.081_612_416_609_501_43).abs() < 1e-12);
        for (alpha, freedom, expected) in
            [(0.05, 1.0, 12.706_204_736_174_705), (0.05, 2.5, 3.574_654_842_003_683_4), (0.01, 99.0, 2.626_405_457_280_827_5)]
        {
            assert!((student_quantile(alpha, freedom).unwrap() - expected).abs() < 1e-9, "{alpha} {freedom}");
        }
        let noncentral = [
            (12.7, 1.0, 14.0, 0.728_214_784_737_568_3),
            (2.0, 9.0, 2.8, 0.781_247_231_890_088_4),
            (3.0, 2.5, 1.0, 0.145_955_425_216_854_12),
            (1.98, 499.0, 2.8, 0.793_717_574_671_348_7),
            (2.0, 9.0, 0.0, 0.076_552_823_770_701_04),
        ];
        for (t, freedom, shift, expected) in noncentral {
            let ours = noncentral_beyond(t, freedom, shift);
            assert!((ours - expected).abs() < 1e-9, "{t} {freedom} {shift}: {ours} {expected}");
        }
    }
}
