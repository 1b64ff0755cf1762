//! How good candidates are, from tests of them in blocks: a two-way model with random candidates. Formulas: docs/algorithms/instruction.md.
use crate::metrics::SAME_REWARD;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Ratios γ that the variance between candidates may have to that of a test's mean: powers of two from 2⁻⁸ to 2⁴, equally likely beforehand.
const EXPONENTS: RangeInclusive<i32> = -8..=4;

/// The answers of one candidate to the prompts of one round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Its number.
    pub candidate: usize,
    /// Mean reward over the prompts.
    pub mean: f64,
}

/// How much single rewards scatter where neither candidate nor prompt explains it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Sum of squares, and its degrees of freedom.
    pub squares: f64,
    pub degrees: usize,
}

/// What is to be judged.
pub struct Evidence<'a> {
    /// How many there are; numbers in the tests are below.
    pub candidates: usize,
    pub tests: &'a [Test],
    /// Tests in a block, which share their prompts and are only held against each other.
    pub per_block: usize,
    /// Prompts in a test.
    pub prompts: usize,
    pub noise: Noise,
}

/// What is believed of the candidates, in units of reward.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// Expected mean reward on training prompts, shrunk towards the mean of all candidates.
    pub scores: Vec<f64>,
    /// Standard deviation of that belief.
    pub deviations: Vec<f64>,
    /// Standard deviation between candidates (σ_c), and of single rewards (σ).
    pub spread: f64,
    pub noise: f64,
}

/// The posterior for one ratio γ: what candidates are above their mean with the variances of that, and σ_c² and σ².
struct Conditional {
    log_weight: f64,
    gains: Vec<f64>,
    variances: Vec<f64>,
    spread: f64,
    noise: f64,
}

/// Least-squares equations of the candidates with each block's level taken out.
struct Equations {
    matrix: Vec<Vec<f64>>,
    right: Vec<f64>,
    /// Σ over tests of (mean − mean of the block)².
    squares: f64,
}

impl Evidence<'_> {
    /// Averages over γ; without anything to tell candidates apart, all score the same.
    pub fn posterior(&self) -> Posterior {
        let level = self.tests.iter().map(|t| t.mean).sum::<f64>() / self.tests.len().max(1) as f64;
        let equations = self.equations();
        let total = self.noise.squares + self.prompts as f64 * equations.squares;
        let blocks = self.tests.len().div_ceil(self.per_block.max(1));
        let degrees = (self.noise.degrees + self.tests.len() - blocks) as f64;
        if degrees == 0.0 || total.sqrt() < SAME_REWARD {
            let flat = vec![0.0; self.candidates];
            return Posterior { scores: vec![level; self.candidates], deviations: flat, spread: 0.0, noise: 0.0 };
        }
        let conditionals: Vec<_> = EXPONENTS.map(|e| self.conditional(&equations, f64::from(e).exp2(), total, degrees)).collect();
        let highest = conditionals.iter().map(|c| c.log_weight).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = conditionals.iter().map(|c| (c.log_weight - highest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let average = |value: &dyn Fn(&Conditional) -> f64| conditionals.iter().zip(&weights).map(|(c, w)| w / sum * value(c)).sum::<f64>();

        let gains: Vec<f64> = (0..self.candidates).map(|i| average(&|c| c.gains[i])).collect();
        let second = |i: usize| average(&|c| c.variances[i] + (c.gains[i] - gains[i]).powi(2));
        let mean_gain = self.tests.iter().map(|t| gains[t.candidate]).sum::<f64>() / self.tests.len() as f64;
        Posterior {
            deviations: (0..self.candidates).map(|i| second(i).sqrt()).collect(),
            scores: gains.iter().map(|gain| level - mean_gain + gain).collect(),
            spread: average(&|c| c.spread).sqrt(),
            noise: average(&|c| c.noise).sqrt(),
        }
    }

    fn equations(&self) -> Equations {
        let mut matrix = vec![vec![0.0; self.candidates]; self.candidates];
        let mut right = vec![0.0; self.candidates];
        let mut squares = 0.0;
        for block in self.tests.chunks(self.per_block.max(1)) {
            let share = 1.0 / block.len() as f64;
            let mean = block.iter().map(|t| t.mean).sum::<f64>() * share;
            for test in block {
                matrix[test.candidate][test.candidate] += 1.0;
                for other in block {
                    matrix[test.candidate][other.candidate] -= share;
                }
                right[test.candidate] += test.mean - mean;
                squares += (test.mean - mean).powi(2);
            }
        }
        Equations { matrix, right, squares }
    }

    fn conditional(&self, equations: &Equations, ratio: f64, total: f64, degrees: f64) -> Conditional {
        let mut factor = equations.matrix.clone();
        for (i, row) in factor.iter_mut().enumerate() {
            row[i] += 1.0 / ratio;
        }
        let log_determinant = factorise(&mut factor) + self.candidates as f64 * ratio.ln();
        let gains = solve(&factor, &equations.right);
        let explained: f64 = gains.iter().zip(&equations.right).map(|(g, q)| g * q).sum();
        let prompts = self.prompts as f64;
        // Above 0 but for rounding.
        let left = (total - prompts * explained).max(total * f64::EPSILON);
        let noise = left / degrees;
        Conditional {
            log_weight: -0.5 * log_determinant - 0.5 * degrees * (left / total).ln(),
            variances: inverse_diagonal(&factor).into_iter().map(|d| d * noise / prompts).collect(),
            gains,
            spread: ratio * noise / prompts,
            noise,
        }
    }
}

/// Cholesky: the lower triangle becomes L with L·Lᵀ = the matrix, which must be positive definite. Returns the logarithm of its determinant.
fn factorise(matrix: &mut [Vec<f64>]) -> f64 {
    let mut log_determinant = 0.0;
    for i in 0..matrix.len() {
        let (above, rest) = matrix.split_at_mut(i);
        let row = &mut rest[0];
        for (j, earlier) in above.iter().enumerate() {
            row[j] = (row[j] - dot(&row[..j], &earlier[..j])) / earlier[j];
        }
        let squared = row[i] - dot(&row[..i], &row[..i]);
        row[i] = squared.sqrt();
        log_determinant += squared.ln();
    }
    log_determinant
}

/// x with L·Lᵀ·x = `right`.
fn solve(factor: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let mut x = right.to_vec();
    for i in 0..x.len() {
        x[i] = (x[i] - dot(&factor[i][..i], &x[..i])) / factor[i][i];
    }
    for i in (0..x.len()).rev() {
        x[i] /= factor[i][i];
        for j in 0..i {
            x[j] -= factor[i][j] * x[i];
        }
    }
    x
}

/// Diagonal of (L·Lᵀ)⁻¹: the squared lengths of the columns of L⁻¹.
fn inverse_diagonal(factor: &[Vec<f64>]) -> Vec<f64> {
    let n = factor.len();
    let mut column = vec![0.0; n];
    (0..n)
        .map(|j| {
            column[j] = 1.0 / factor[j][j];
            for i in j + 1..n {
                column[i] = -dot(&factor[i][j..i], &column[j..i]) / factor[i][i];
            }
            dot(&column[j..], &column[j..])
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lm::Stream;

    fn test(candidate: usize, mean: f64) -> Test {
        Test { candidate, mean }
    }

    /// A⁻¹ and log |A| by Gauss and Jordan.
    fn invert(mut a: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, f64) {
        let n = a.len();
        let mut inverse: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        let mut log_determinant = 0.0;
        for i in 0..n {
            let pivot = a[i][i];
            log_determinant += pivot.ln();
            for matrix in [&mut a, &mut inverse] {
                matrix[i].iter_mut().for_each(|v| *v /= pivot);
            }
            for k in (0..n).filter(|&k| k != i) {
                let (by, row, other) = (a[k][i], a[i].clone(), inverse[i].clone());
                a[k].iter_mut().zip(row).for_each(|(v, r)| *v -= by * r);
                inverse[k].iter_mut().zip(other).for_each(|(v, r)| *v -= by * r);
            }
        }
        (inverse, log_determinant)
    }

    /// The same belief from the covariance of the test means, in which a block's level is a normal number of a huge variance: candidates' gains,
    /// their deviations, σ_c and σ. Nothing of it is shared with what it checks but the ratios.
    fn by_covariance(e: &Evidence<'_>) -> (Vec<f64>, Vec<f64>, f64, f64) {
        const HUGE: f64 = 1e6;
        let (n, prompts) = (e.tests.len(), e.prompts as f64);
        let degrees = (e.noise.degrees + n - n.div_ceil(e.per_block)) as f64;
        let rows: Vec<Conditional> = EXPONENTS
            .map(|exponent| {
                let ratio = f64::from(exponent).exp2();
                let one_if = |condition: bool| f64::from(u8::from(condition));
                let covariance = |i: usize, j: usize| {
                    let same_candidate = e.tests[i].candidate == e.tests[j].candidate;
                    one_if(i == j) + ratio * one_if(same_candidate) + HUGE * one_if(i / e.per_block == j / e.per_block)
                };
                let (inverse, log_determinant) = invert((0..n).map(|i| (0..n).map(|j| covariance(i, j)).collect()).collect());
                let product = |a: &dyn Fn(usize) -> f64, b: &dyn Fn(usize) -> f64| -> f64 {
                    (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| a(i) * inverse[i][j] * b(j)).sum()
                };
                let (mean, of) = (|i: usize| e.tests[i].mean, |c: usize| move |i: usize| one_if(e.tests[i].candidate == c));
                let left = e.noise.squares + prompts * product(&mean, &mean);
                let noise = left / degrees;
                let variance = |c: usize| (ratio - ratio * ratio * product(&of(c), &of(c))) * noise / prompts;
                Conditional {
                    log_weight: -0.5 * log_determinant - 0.5 * degrees * left.ln(),
                    gains: (0..e.candidates).map(|c| ratio * product(&of(c), &mean)).collect(),
                    variances: (0..e.candidates).map(variance).collect(),
                    spread: ratio * noise / prompts,
                    noise,
                }
            })
            .collect();
        let highest = rows.iter().map(|r| r.log_weight).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = rows.iter().map(|r| (r.log_weight - highest).exp()).sum();
        let average =
            |value: &dyn Fn(&Conditional) -> f64| rows.iter().map(|r| (r.log_weight - highest).exp() / sum * value(r)).sum::<f64>();
        let gains: Vec<f64> = (0..e.candidates).map(|c| average(&|r| r.gains[c])).collect();
        let second = |c: usize| average(&|r| r.variances[c] + r.gains[c].powi(2));
        let deviations = (0..e.candidates).map(|c| (second(c) - gains[c].powi(2)).sqrt()).collect();
        (gains, deviations, average(&|r| r.spread).sqrt(), average(&|r| r.noise).sqrt())
    }

    /// Five rounds of three slots, some with a candidate twice; and the same tests as one block.
    #[test]
    fn agrees_with_the_covariance_of_the_tests() {
        let mut stream = Stream::new(3);
        let order = [0, 1, 2, 0, 0, 3, 2, 3, 4, 1, 2, 5, 5, 0, 2];
        let tests: Vec<Test> = order.iter().map(|&c| test(c, 0.5 + 0.1 * c as f64 + 0.2 * stream.normal())).collect();
        for (per_block, noise) in
            [(3, Noise { squares: 9.0, degrees: 30 }), (3, Noise::default()), (15, Noise { squares: 9.0, degrees: 45 })]
        {
            let evidence = Evidence { candidates: 6, tests: &tests, per_block, prompts: 4, noise };
            let (found, (gains, deviations, spread, sigma)) = (evidence.posterior(), by_covariance(&evidence));
            // The reference loses about six digits to its huge variance.
            let close = |a: f64, b: f64| (a - b).abs() < 1e-5;
            for c in 0..6 {
                assert!(close(found.scores[c] - found.scores[0], gains[c] - gains[0]), "{c}: {found:?} {gains:?}");
                assert!(close(found.deviations[c], deviations[c]), "{c}: {found:?} {deviations:?}");
            }
            assert!(close(found.spread, spread) && close(found.noise, sigma), "{found:?} {spread} {sigma}");
            let mean = found.scores.iter().sum::<f64>() / 6.0;
            let level = tests.iter().map(|t| t.mean - gains[t.candidate]).sum::<f64>() / 15.0;
            assert!(close(mean, level), "candidates are shrunk towards their own mean: {mean} {level}");
        }
    }

    /// One test that came out at 0.75 says less than eight at 0.7.
    #[test]
    fn one_lucky_test_does_not_win() {
        let mut tests = vec![test(0, 0.5), test(1, 0.75)];
        tests.extend((0..8).flat_map(|_| [test(0, 0.5), test(2, 0.7)]));
        tests.extend((3..9).flat_map(|c| [test(0, 0.5), test(c, 0.5)]));
        let noise = Noise { squares: 0.16 * 45.0, degrees: 45 };
        let found = Evidence { candidates: 9, tests: &tests, per_block: 2, prompts: 4, noise }.posterior();
        assert!(found.scores[2] > found.scores[1] + 0.02 && found.scores[1] > found.scores[3], "{found:?}");
        assert!(found.deviations[1] > found.deviations[2], "{found:?}");
    }

    #[test]
    fn equal_rewards_tell_nothing() {
        let tests = [test(0, 0.25), test(1, 0.25), test(2, 0.25)];
        let found =
            Evidence { candidates: 3, tests: &tests, per_block: 3, prompts: 2, noise: Noise { squares: 0.0, degrees: 2 } }.posterior();
        assert_eq!((found.scores, found.deviations), (vec![0.25; 3], vec![0.0; 3]));
        let none = Evidence { candidates: 1, tests: &[], per_block: 0, prompts: 2, noise: Noise::default() }.posterior();
        assert_eq!((none.scores, none.deviations), (vec![0.0], vec![0.0]));
    }
}
