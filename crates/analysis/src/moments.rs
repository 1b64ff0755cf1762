//! Mean and variances of an arm.

/// Moments of an arm. Variances are None where they cannot be estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Answers.
    pub n: usize,
    /// Prompts that have at least one answer.
    pub prompts: usize,
    /// Mean over all answers; NaN if there is none, or if a reward is not finite.
    pub mean: f64,
    /// Sample variance over all answers, divided by n − 1; needs two answers.
    pub variance: Option<f64>,
    /// σ²_between, the variance of the prompts' expected rewards; needs two prompts and what `within_prompt_variance` needs.
    /// Unbiased, hence negative now and then where the true value is near 0.
    pub between_prompt_variance: Option<f64>,
    /// σ²_within, the mean variance of answers to one prompt; needs a prompt with two answers.
    pub within_prompt_variance: Option<f64>,
}

/// Mean, sample variance, and the variance split of a one-way random-effects analysis of variance (unbiased, also for unequal numbers
/// of answers): E\[MSW\] = σ²_within, E\[MSB\] = σ²_within + n₀·σ²_between. The between part may come out negative and is kept so.
///
/// n₀ = (N − Σnᵢ²/N) / (k − 1) for k prompts with nᵢ answers, N in all (Searle, Casella and McCulloch, *Variance Components*, 1992,
/// section 3.6). Prompts without answers are left out. A reward that is not finite makes the mean NaN and every variance None.
pub fn moments(rewards: &[Vec<f64>]) -> Moments {
    let groups: Vec<&[f64]> = rewards.iter().map(Vec::as_slice).filter(|g| !g.is_empty()).collect();
    let (n, k) = (groups.iter().map(|g| g.len()).sum::<usize>(), groups.len());
    if n == 0 || groups.iter().any(|g| g.iter().any(|r| !r.is_finite())) {
        return Moments { n, prompts: k, mean: f64::NAN, variance: None, between_prompt_variance: None, within_prompt_variance: None };
    }
    let total = n as f64;
    let mean = groups.iter().flat_map(|g| g.iter()).sum::<f64>() / total;
    let (mut about_mean, mut within, mut between, mut squared_sizes) = (0.0, 0.0, 0.0, 0.0);
    for group in &groups {
        let size = group.len() as f64;
        let group_mean = group.iter().sum::<f64>() / size;
        about_mean += group.iter().map(|r| (r - mean).powi(2)).sum::<f64>();
        within += group.iter().map(|r| (r - group_mean).powi(2)).sum::<f64>();
        between += size * (group_mean - mean).powi(2);
        squared_sizes += size * size;
    }
    let within_prompt_variance = (n > k).then(|| within / (n - k) as f64);
    let between_prompt_variance = within_prompt_variance.filter(|_| k > 1).map(|msw| {
        let freedom = (k - 1) as f64;
        (between / freedom - msw) * freedom / (total - squared_sizes / total)
    });
    Moments { n, prompts: k, mean, variance: (n > 1).then(|| about_mean / (total - 1.0)), between_prompt_variance, within_prompt_variance }
}
