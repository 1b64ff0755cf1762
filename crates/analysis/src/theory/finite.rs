//! Finite distributions: exponential tilting, the best of n draws, and divergences. ρ\* and π\* are tilted distributions.

/// A distribution p tilted by values v at a temperature t: q ∝ p·exp(v/t). Lemma 5.1 with p = ρ_sft, v = R and t = λ; the oracle of
/// RLHF with p = π_F, v = r and t = β.
#[derive(Debug, Clone, PartialEq)]
pub struct Tilted {
    /// q, in the order of p; sums to 1.
    pub probabilities: Vec<f64>,
    /// E_q\[v\].
    pub mean: f64,
    /// E_p\[v\].
    pub base_mean: f64,
    /// KL(q‖p), nats.
    pub kl: f64,
    /// KL(p‖q), nats; None where it is infinite, as at t = 0.
    pub kl_back: Option<f64>,
    /// t·KL(p‖q): what p loses in E\[v\] − t·KL(·‖p) against q. Finite at t = 0 too, where it is its limit, max v − E_p\[v\].
    pub cost_back: f64,
    /// log Z = log E_p\[exp(v/t)\]; None at t = 0 and where it overflows.
    pub log_z: Option<f64>,
    /// t·log Z, the largest E\[v\] − t·KL(·‖p) there is; max v at t = 0. Always finite, between E_p\[v\] and max v.
    pub soft_maximum: f64,
}

/// p ∝ `weights` tilted by `values` at `temperature` t ≥ 0, in log space: neither t → 0 nor v/t → ∞ overflows, and for large t the
/// divergences keep their relative precision although they vanish as 1/t².
///
/// t = 0 is the limit: p restricted to its largest values. Values within 1e-13 of the largest magnitude count as equal there. A weight of
/// 0 stays 0, and its value plays no part.
///
/// None: no weight, slices of different lengths, a weight that is negative or not finite, weights that sum to 0, a value that is not
/// finite, a span of values that overflows, a temperature that is negative or not finite.
pub fn tilt(weights: &[f64], values: &[f64], temperature: f64) -> Option<Tilted> {
    let p = normalised(weights, values)?;
    if !(temperature.is_finite() && temperature >= 0.0) {
        return None;
    }
    let base_mean = dot(&p, values);
    let supported = || values.iter().zip(&p).filter(|(_, p)| **p > 0.0).map(|(v, _)| *v);
    let high = supported().fold(f64::NEG_INFINITY, f64::max);
    let spread = high - supported().fold(f64::INFINITY, f64::min);
    if !spread.is_finite() {
        return None;
    }
    Some(if temperature == 0.0 {
        greedy(&p, values, high, base_mean)
    } else if spread <= 0.5 * temperature {
        narrow(&p, values, base_mean, temperature)
    } else {
        wide(&p, values, high, base_mean, temperature)
    })
}

/// t = 0: p restricted to the largest values.
fn greedy(p: &[f64], values: &[f64], high: f64, base_mean: f64) -> Tilted {
    let threshold = high - tie_tolerance(values);
    let top: Vec<f64> = p.iter().zip(values).map(|(p, v)| if *v >= threshold { *p } else { 0.0 }).collect();
    let mass: f64 = top.iter().sum();
    let probabilities: Vec<f64> = top.iter().map(|p| p / mass).collect();
    let all_tied = p.iter().zip(&top).all(|(p, top)| p == top);
    Tilted {
        mean: dot(&probabilities, values),
        base_mean,
        kl: (-mass.ln()).max(0.0),
        kl_back: all_tied.then_some(0.0),
        cost_back: (high - base_mean).max(0.0),
        log_z: None,
        soft_maximum: high,
        probabilities,
    }
}

/// A spread of values up to t/2: everything is a deviation from E_p\[v\], so that divergences far below 1e-16 keep their digits.
fn narrow(p: &[f64], values: &[f64], base_mean: f64, t: f64) -> Tilted {
    let d: Vec<f64> = values.iter().map(|v| (v - base_mean) / t).collect();
    // Outside the support a value may lie anywhere; its weight is 0.
    let over = |f: fn(f64) -> f64| p.iter().zip(&d).filter(|(p, _)| **p > 0.0).map(|(p, d)| p * f(*d)).sum::<f64>();
    // E[d] = 0, hence log E[e^d] = log(1 + E[e^d − 1 − d]) and E_q[d] = E[d(e^d − 1)] / E[e^d].
    let excess = over(exp_excess);
    let log_mean_exp = excess.ln_1p();
    let kl = over(|d| d * d.exp_m1()) / (1.0 + excess) - log_mean_exp;
    let probabilities: Vec<f64> = p.iter().zip(&d).map(|(p, d)| if *p > 0.0 { p * (d - log_mean_exp).exp() } else { 0.0 }).collect();
    Tilted {
        mean: dot(&probabilities, values),
        base_mean,
        kl: kl.max(0.0),
        kl_back: Some(log_mean_exp),
        cost_back: t * log_mean_exp,
        log_z: finite(base_mean / t + log_mean_exp),
        soft_maximum: base_mean + t * log_mean_exp,
        probabilities,
    }
}

/// A larger spread: everything is a deviation from max v, so that nothing overflows.
fn wide(p: &[f64], values: &[f64], high: f64, base_mean: f64, t: f64) -> Tilted {
    let e: Vec<f64> = values.iter().map(|v| (v - high) / t).collect();
    let sum: f64 = p.iter().zip(&e).filter(|(p, _)| **p > 0.0).map(|(p, e)| p * e.exp()).sum();
    let log_sum = sum.ln();
    let probabilities: Vec<f64> = p.iter().zip(&e).map(|(p, e)| if *p > 0.0 { p * e.exp() / sum } else { 0.0 }).collect();
    // A term of weight 0 is 0, also where e is −∞.
    let mean_log_ratio = |weights: &[f64]| weights.iter().zip(&e).filter(|(w, _)| **w > 0.0).map(|(w, e)| w * (e - log_sum)).sum::<f64>();
    Tilted {
        mean: dot(&probabilities, values),
        base_mean,
        kl: mean_log_ratio(&probabilities).max(0.0),
        kl_back: finite(-mean_log_ratio(p)),
        cost_back: t * log_sum + (high - base_mean),
        log_z: finite(high / t + log_sum),
        soft_maximum: high + t * log_sum,
        probabilities,
    }
}

/// e^d − 1 − d for |d| ≤ 1 by its series, d²/2·(1 + d/3·(1 + d/4·…)), without the cancellation; 20 terms leave less than 1e-18.
fn exp_excess(d: f64) -> f64 {
    0.5 * d * d * (3..=20).rev().fold(1.0, |sum, n| 1.0 + d / f64::from(n) * sum)
}

/// The law of the best of n independent draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Probability of each outcome to be the one kept; sums to 1.
    pub probabilities: Vec<f64>,
    /// Expected value of the one kept.
    pub mean: f64,
    /// KL to the distribution drawn from, nats; at most log n − (n − 1)/n (Beirami et al. 2024, arXiv 2401.01879).
    pub kl: f64,
}

/// Draw n outcomes from p ∝ `weights` independently and keep one with the largest value; ties are broken by chance, which shares a tie in
/// proportion to p. Exact: P(value ≤ v) = F(v)ⁿ. Values within 1e-13 of the largest magnitude count as equal.
///
/// None: n = 0, or weights and values that [`tilt`] would refuse.
pub fn best_of(weights: &[f64], values: &[f64], n: usize) -> Option<Best> {
    let p = normalised(weights, values)?;
    if n == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| p[i] > 0.0).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let n = n as f64;
    let mut probabilities = vec![0.0; p.len()];
    let (mut above, mut kl) = (0.0_f64, 0.0);
    for tied in ties(&order, values) {
        let mass: f64 = tied.iter().map(|&i| p[i]).sum();
        // Fⁿ·(1 − (1 − mass/F)ⁿ) with F = 1 − above: from the top, and without cancellation where the mass is small.
        let share = (mass / (1.0 - above)).clamp(0.0, 1.0);
        let kept = -(n * (-above.min(1.0)).ln_1p()).exp() * (n * (-share).ln_1p()).exp_m1();
        for &i in tied {
            probabilities[i] = p[i] / mass * kept;
        }
        if kept > 0.0 {
            kl += kept * (kept / mass).ln();
        }
        above += mass;
    }
    Some(Best { mean: dot(&probabilities, values), probabilities, kl: kl.max(0.0) })
}

/// Runs of `order`, which is sorted by value, in which neighbours count as equal.
pub(super) fn ties<'a>(order: &'a [usize], values: &[f64]) -> impl Iterator<Item = &'a [usize]> {
    let tolerance = tie_tolerance(values);
    order.chunk_by(move |&a, &b| (values[b] - values[a]).abs() <= tolerance)
}

/// R is a sum over answers, so equal expectations differ by rounding; 1e-13 of the magnitude is above that for any world of ours.
fn tie_tolerance(values: &[f64]) -> f64 {
    1e-13 * values.iter().fold(0.0, |most: f64, v| most.max(v.abs()))
}

/// KL(a‖b) in nats, with 0·log 0 = 0. None where it is infinite (a puts mass where b has none) or the lengths differ.
pub fn divergence(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    finite(a.iter().zip(b).filter(|(a, _)| **a > 0.0).map(|(a, b)| a * (a / b).ln()).sum())
}

/// d_TV(a, b) = ½ Σ |a − b|, between 0 and 1. None where the lengths differ or a term is not a number.
pub fn total_variation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    finite(a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0)
}

pub(super) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Weights over their sum; None where they are no distribution over these values.
fn normalised(weights: &[f64], values: &[f64]) -> Option<Vec<f64>> {
    let sum: f64 = weights.iter().sum();
    let usable = weights.len() == values.len()
        && weights.iter().all(|w| w.is_finite() && *w >= 0.0)
        && values.iter().all(|v| v.is_finite())
        && sum.is_finite()
        && sum > 0.0;
    usable.then(|| weights.iter().map(|w| w / sum).collect())
}
