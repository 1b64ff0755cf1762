//! What is left of a difference between two arms when their answers are equally long: reward models often pay for length.
use crate::resampling::{Interval, RESAMPLES, alone, by_cluster, finite_mean, percentiles, sort_rows, stream, total, totals};

/// Two arms' rewards compared at equal length, by the regression reward = prompt + arm + `per_unit` · length.
#[derive(Debug, Clone, PartialEq)]
pub struct EqualLength {
    /// Prompts on which both arms have an answer.
    pub prompts: usize,
    /// Answers to these prompts, of both arms together.
    pub answers: usize,
    /// What the arm is better by at equal length: `unadjusted` − `per_unit` · mean over prompts of (mean length of the arm's answers −
    /// of the baseline's).
    pub difference: f64,
    /// 95 % percentile-bootstrap interval of `difference` over prompts, the same prompts drawn for both arms, `per_unit` estimated anew
    /// in each resample. None with one prompt, or where more than 1 in 100 resamples does not tell length from arm.
    pub interval: Option<Interval>,
    /// Reward for one more unit of length, the same in both arms, with what arms and prompts have in common taken out. 0 where the
    /// answers to each prompt are all equally long.
    pub per_unit: f64,
    /// Correlation of reward and length with the same taken out (a partial correlation). None where one of them does not vary then.
    pub correlation: Option<f64>,
    /// Mean over prompts of (mean reward of the arm's answers − of the baseline's), the `mean_difference` of [`crate::Paired`].
    pub unadjusted: f64,
}

/// Compares two arms at equal length, after the length-controlled win rate of Dubois et al. (2024), for rewards in place of wins.
/// `arm[i]` and `baseline[i]` are the answers to prompt i, each `[reward, length]`, in any number and any unit of length; prompts that one
/// arm did not answer are left out. An arm counts 1 on every prompt, shared out among its answers, as in `unadjusted`.
///
/// None without a shared prompt, with slices of different lengths, a value that is not finite, or lengths that differ between the arms
/// but not otherwise (the same amount on every prompt, as with one answer to one prompt): nothing then tells length from arm.
pub fn equal_length(arm: &[Vec<[f64; 2]>], baseline: &[Vec<[f64; 2]>], resamples: usize, seed: u64) -> Option<EqualLength> {
    equal_length_in_clusters(arm, baseline, &alone(arm.len()), resamples, seed)
}

/// As [`equal_length`], where prompts that belong together carry the same number in `clusters[i]`: whole clusters are drawn. Where every
/// prompt is a cluster of its own, the result is that of [`equal_length`], to the last bit.
///
/// None as [`equal_length`], and with `clusters` of another length; one cluster has no interval.
pub fn equal_length_in_clusters(
    arm: &[Vec<[f64; 2]>],
    baseline: &[Vec<[f64; 2]>],
    clusters: &[usize],
    resamples: usize,
    seed: u64,
) -> Option<EqualLength> {
    if arm.len() != baseline.len() || arm.len() != clusters.len() {
        return None;
    }
    let all = arm.iter().zip(baseline).zip(clusters).filter(|((a, b), _)| !a.is_empty() && !b.is_empty());
    let (both, clusters): (Vec<_>, Vec<usize>) = all.map(|(both, cluster)| (both, *cluster)).unzip();
    let cells: Vec<[Cell; 2]> = both.iter().map(|(a, b)| [cell(a), cell(b)]).collect();
    let differences = |of: usize| cells.iter().map(|[a, b]| a.means[of] - b.means[of]).collect::<Vec<f64>>();
    let (rewards, lengths) = (differences(0), differences(1));
    let apart = [finite_mean(&rewards)?, finite_mean(&lengths)?];
    // For each prompt 1, differences of the arms, and sums of squares and products about the mean differences.
    let row = |([a, b], (reward, length)): (&[Cell; 2], (&f64, &f64))| {
        let (r, l) = (reward - apart[0], length - apart[1]);
        let between = [r * r, r * l, l * l];
        let [rr, rl, ll] = [0, 1, 2].map(|i| a.squares[i] + b.squares[i] + between[i] / 2.0);
        [1.0, r, l, rr, rl, ll]
    };
    let rows = by_cluster(cells.iter().zip(rewards.iter().zip(&lengths)).map(row), &clusters);
    let answers = || both.iter().flat_map(|(a, b)| a.iter().chain(*b));
    let largest = answers().fold([0.0; 2], |most: [f64; 2], answer| [0, 1].map(|of| most[of].max(answer[of].abs())));
    let regression = Regression { apart, rounding: largest.map(|most| 1e-12 * most) };
    let (per_unit, correlation) = regression.slope(&total(&rows));
    let difference = Some(apart[0] - per_unit * apart[1]).filter(|d| d.is_finite())?;
    let drawn = totals(&rows, if rows.len() > 1 { resamples } else { 0 }, &mut stream(seed, RESAMPLES));
    let interval = percentiles(&drawn.iter().map(|sums| regression.difference(sums)).collect::<Vec<f64>>(), 0.99);
    let (prompts, answers) = (cells.len(), answers().count());
    Some(EqualLength { prompts, answers, difference, interval, per_unit, correlation, unadjusted: apart[0] })
}

/// One arm's answers to one prompt.
struct Cell {
    /// Of reward and length.
    means: [f64; 2],
    /// About the means: the mean square of the reward, the mean product, the mean square of the length.
    squares: [f64; 3],
}

fn cell(answers: &[[f64; 2]]) -> Cell {
    let mut answers = answers.to_vec();
    sort_rows(&mut answers);
    let n = answers.len() as f64;
    let means = total(&answers).map(|sum| sum / n);
    let about: Vec<[f64; 2]> = answers.iter().map(|[r, l]| [r - means[0], l - means[1]]).collect();
    let squares: Vec<[f64; 3]> = about.iter().map(|[r, l]| [r * r, r * l, l * l]).collect();
    Cell { means, squares: total(&squares).map(|sum| sum / n) }
}

/// What all resamples share.
struct Regression {
    /// Mean differences of reward and length.
    apart: [f64; 2],
    /// By how much rewards, and lengths, that are the same may differ.
    rounding: [f64; 2],
}

impl Regression {
    /// Slope and correlation from the sums of the rows of n prompts, after the arm's effect is taken out. The slope is NaN where
    /// nothing tells length from arm.
    fn slope(&self, [n, r, l, rr, rl, ll]: &[f64; 6]) -> (f64, Option<f64>) {
        // Below the rounding of the squares, or of the values, nothing varies.
        let varies = |about: f64, squares: f64, rounding: f64| about > 1e-12 * squares + n * rounding.powi(2);
        let [reward, product, length] = [rr - r * r / (2.0 * n), rl - r * l / (2.0 * n), ll - l * l / (2.0 * n)];
        if !varies(length, *ll, self.rounding[1]) {
            let equally_long = (self.apart[1] + l / n).abs() <= self.rounding[1];
            return (if equally_long { 0.0 } else { f64::NAN }, None);
        }
        let correlation = (product / (reward.sqrt() * length.sqrt())).clamp(-1.0, 1.0);
        let correlation = Some(correlation).filter(|c| c.is_finite() && varies(reward, *rr, self.rounding[0]));
        (product / length, correlation)
    }

    /// The difference at equal length, from the same sums.
    fn difference(&self, sums: &[f64; 6]) -> f64 {
        let [reward, length] = [0, 1].map(|of| self.apart[of] + sums[1 + of] / sums[0]);
        reward - self.slope(sums).0 * length
    }
}
