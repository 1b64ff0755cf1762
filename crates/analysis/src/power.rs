//! Before a run: how small a difference it can find.
use crate::components::{Component, Components};
use crate::distributions::{bisect, noncentral_beyond, student_quantile};

/// Variance components of the paired differences (arm − baseline), in units of reward squared. Run [`crate::components`] on the
/// differences of a pilot, `differences[seed][prompt][rewrite][answer]`, not on one arm: what two arms share cancels in the difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    pub seed: f64,
    pub prompt: f64,
    /// Seed × prompt.
    pub interaction: f64,
    pub rewrite: f64,
    pub answer: f64,
}

impl From<&Components> for Noise {
    /// Negative estimates count as 0, and so do absent ones, whose variance is part of another component. What is merged into a coarser
    /// component is then taken to shrink only with that component's number, which asks for more prompts rather than for fewer.
    fn from(components: &Components) -> Self {
        let variance = |component: &Option<Component>| component.map_or(0.0, |c| c.variance.max(0.0));
        Self {
            seed: variance(&components.seed),
            prompt: variance(&components.prompt),
            interaction: variance(&components.interaction),
            rewrite: variance(&components.rewrite),
            answer: variance(&components.answer),
        }
    }
}

/// A design. All seeds have the same prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub seeds: usize,
    pub prompts: usize,
    /// Rewrites of each prompt, for each seed.
    pub rewrites: usize,
    /// Answers to each rewrite.
    pub answers: usize,
}

/// What a plan can find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detectable {
    pub plan: Plan,
    /// The smallest true mean difference, in units of reward, that a two-sided t test finds with the power asked for.
    pub difference: f64,
    /// Standard error of the mean difference.
    pub standard_error: f64,
    /// Degrees of freedom of that test.
    pub freedom: f64,
}

/// The smallest difference that a two-sided test at level `alpha` finds with probability `power`: δ with
/// P(|T′| > t) = power, T′ noncentral t with shift δ / standard error.
///
/// With one seed the question is whether this one trained prompter is better: the seed's own variance is no part of the error, and the
/// test is the one-sample t test over prompts, prompts − 1 degrees of freedom. With several the question is whether training is: the
/// variance of the mean is σ²_seed / S + σ²_prompt / n + (σ²_interaction + (σ²_rewrite + σ²_answer / m) / r) / (n S), and its degrees of
/// freedom are Satterthwaite's (1946) for its three mean squares, at least the smaller of S − 1 and n − 1. The bootstrap and the sign-flip
/// test that judge the run in the end find about the same.
///
/// None with fewer than two prompts, an empty plan, no noise, a variance that is negative or not finite, `alpha` outside of (0, 1), or
/// `power` outside of (alpha, 1).
pub fn smallest_detectable(noise: &Noise, plan: Plan, alpha: f64, power: f64) -> Option<Detectable> {
    let (standard_error, freedom) = error(noise, plan)?;
    let t = student_quantile(alpha, freedom).filter(|_| power > alpha && power < 1.0)?;
    let shift = bisect(|shift| Some(noncentral_beyond(t, freedom, shift) - power), t + 1.0)?;
    Some(Detectable { plan, difference: shift * standard_error, standard_error, freedom })
}

/// The probability that a two-sided test at level `alpha` finds a true mean difference of this size; None as [`smallest_detectable`].
pub fn power(noise: &Noise, plan: Plan, difference: f64, alpha: f64) -> Option<f64> {
    let (standard_error, freedom) = error(noise, plan)?;
    let t = student_quantile(alpha, freedom).filter(|_| difference.is_finite())?;
    Some(noncentral_beyond(t, freedom, (difference / standard_error).abs()).clamp(0.0, 1.0))
}

/// What doubling one number of a plan would buy.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubling {
    pub now: Detectable,
    pub prompts: Option<Detectable>,
    pub rewrites: Option<Detectable>,
    pub answers: Option<Detectable>,
    /// None with one seed: two would ask another question (see [`smallest_detectable`]).
    pub seeds: Option<Detectable>,
}

/// [`smallest_detectable`] for the plan and for the plan with twice the prompts, rewrites, answers, or seeds.
pub fn doubling(noise: &Noise, plan: Plan, alpha: f64, power: f64) -> Option<Doubling> {
    let detectable = |plan: Plan| smallest_detectable(noise, plan, alpha, power);
    let twice = |n: usize| n.saturating_mul(2);
    Some(Doubling {
        now: detectable(plan)?,
        prompts: detectable(Plan { prompts: twice(plan.prompts), ..plan }),
        rewrites: detectable(Plan { rewrites: twice(plan.rewrites), ..plan }),
        answers: detectable(Plan { answers: twice(plan.answers), ..plan }),
        seeds: (plan.seeds > 1).then(|| detectable(Plan { seeds: twice(plan.seeds), ..plan })).flatten(),
    })
}

/// Standard error of the mean difference, and its degrees of freedom.
fn error(noise: &Noise, plan: Plan) -> Option<(f64, f64)> {
    let parts = [noise.seed, noise.prompt, noise.interaction, noise.rewrite, noise.answer];
    let sizes = [plan.seeds, plan.rewrites, plan.answers];
    if plan.prompts < 2 || sizes.contains(&0) || !parts.iter().all(|v| *v >= 0.0 && v.is_finite()) {
        return None;
    }
    let [s, r, m] = sizes.map(|n| n as f64);
    let n = plan.prompts as f64;
    let cell = noise.interaction + (noise.rewrite + noise.answer / m) / r;
    let (variance, freedom) = if plan.seeds == 1 {
        ((noise.prompt + cell) / n, n - 1.0)
    } else {
        let (seeds, prompts, both) = ((noise.seed + cell / n) / s, (noise.prompt + cell / s) / n, cell / (n * s));
        crossed_error([seeds, prompts, both], s, n)
    };
    (variance > 0.0 && variance.is_finite() && freedom.is_finite()).then(|| (variance.sqrt(), freedom))
}

/// Variance of a mean over crossed random seeds and prompts, and its degrees of freedom after Satterthwaite (1946), from what the seeds'
/// means, the prompts' means, and the residuals contribute: mean squares over the number of values. The last is contained in both of the
/// others and is taken off once; where noise makes that too much, the greater of the two stays.
pub(crate) fn crossed_error([seed, prompt, both]: [f64; 3], seeds: f64, prompts: f64) -> (f64, f64) {
    let variance = (seed + prompt - both).max(seed).max(prompt);
    let spread = seed.powi(2) / (seeds - 1.0) + prompt.powi(2) / (prompts - 1.0) + both.powi(2) / ((seeds - 1.0) * (prompts - 1.0));
    (variance, (variance.powi(2) / spread).max((seeds - 1.0).min(prompts - 1.0)))
}
