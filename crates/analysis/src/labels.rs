//! A reward held against labels: numbers that people, or a model in their place, gave to answers.
use crate::preferences::Correlation;
use crate::resampling::{Interval, RESAMPLES, ahead, index, percentiles, sort_rows, sorted, stream, total, totals};
use crate::share::{Share, share};
use std::collections::BTreeMap;

/// With fewer prompts an interval is withheld.
const LEAST_PROMPTS: usize = 10;
/// Resamples that must have the figure.
const ENOUGH: f64 = 0.99;

/// One answer: what a reward gives to it, its label, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// The prompt that it answers: answers to one prompt are not independent of each other.
    pub prompt: usize,
    pub score: f64,
    pub label: f64,
    pub length: f64,
}

/// How a reward agrees with labels. Intervals are of the percentile bootstrap over prompts, whose answers are drawn together; without one below ten prompts
/// (but for `on_pairs`), where the figure is at an end of its range, or where more than 1 in 100 resamples does not have it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelAgreement {
    pub answers: usize,
    pub prompts: usize,
    /// Different scores.
    pub values: usize,
    /// Pairs of answers to the same prompt whose labels differ, and those of them whose scores are the same.
    pub pairs: usize,
    pub ties: usize,
    /// Spearman's rank correlation of score and label. None where one of the two does not vary.
    pub with_label: Option<Correlation>,
    /// Share of these pairs in which the answer with the higher label has the higher score, ties as half.
    pub on_pairs: Option<Share>,
    /// Of a label with two values: the area under the ROC curve, P(score of an answer with the higher one > of an answer with the lower one), ties as half.
    /// None where the label has another number of values.
    pub auc: Option<Share>,
    /// Spearman's rank correlation of score and length, and of label and length.
    pub with_length: Option<Correlation>,
    pub label_with_length: Option<Correlation>,
}

/// Correlations and agreement of a reward with labels.
///
/// Degenerate: no answer, or a number that is not finite, leaves every figure None.
pub fn labels(answers: &[Labelled], resamples: usize, seed: u64) -> LabelAgreement {
    let mut by_prompt: BTreeMap<usize, Vec<[f64; 3]>> = BTreeMap::new();
    for Labelled { prompt, score, label, length } in answers {
        by_prompt.entry(*prompt).or_default().push([*score, *label, *length]);
    }
    let prompts = in_order(by_prompt.into_values().collect());
    let rows: Vec<[f64; 3]> = prompts.concat();
    let scores = Values::new(rows.iter().map(|row| row[0]));
    let mut pairs: Vec<[f64; 3]> = prompts.iter().map(|answers| counts(answers)).collect();
    sort_rows(&mut pairs);
    let [_, of_pairs, ties] = total(&pairs);
    let found = LabelAgreement {
        answers: answers.len(),
        prompts: prompts.len(),
        values: scores.count,
        pairs: of_pairs as usize,
        ties: ties as usize,
        with_label: None,
        on_pairs: None,
        auc: None,
        with_length: None,
        label_with_length: None,
    };
    if rows.is_empty() || rows.iter().flatten().any(|x| !x.is_finite()) {
        return found;
    }
    let drawn = totals(&pairs, resamples, &mut stream(seed, RESAMPLES));
    let column = |column: usize| Values::new(rows.iter().map(|row| row[column]));
    let ranked = Ranked { scores, labels: column(1), lengths: column(2) };
    let figures = Figures::of(&prompts, resamples, seed, |weights| ranked.figures(weights));
    LabelAgreement {
        with_label: figures.correlation(0),
        on_pairs: share(&pairs, &drawn, 0, 1),
        auc: figures.seen[3].is_finite().then(|| Share { share: figures.seen[3], interval: figures.interval(3, [0.0, 1.0]) }),
        with_length: figures.correlation(1),
        label_with_length: figures.correlation(2),
        ..found
    }
}

/// Spearman's rank correlation of x and y in rows (prompt, x, y), as [`labels`] has it.
pub(crate) fn spearman_over_prompts(rows: &[(usize, [f64; 2])], resamples: usize, seed: u64) -> Option<Correlation> {
    let mut by_prompt: BTreeMap<usize, Vec<[f64; 2]>> = BTreeMap::new();
    for (prompt, row) in rows {
        by_prompt.entry(*prompt).or_default().push(*row);
    }
    let prompts = in_order(by_prompt.into_values().collect());
    let rows = prompts.concat();
    let [x, y] = [0, 1].map(|column: usize| Values::new(rows.iter().map(|row| row[column])));
    Figures::of(&prompts, resamples, seed, |weights| [correlation(&rank_products([&x, &y], weights), 0, 1)]).correlation(0)
}

/// Figures of all answers, and of resamples of prompts.
struct Figures<const N: usize> {
    seen: [f64; N],
    replicates: [Vec<f64>; N],
}

impl<const N: usize> Figures<N> {
    /// Of the answers to each prompt; `figures` has them where the answers, prompt after prompt, count so often.
    fn of<T>(prompts: &[Vec<T>], resamples: usize, seed: u64, figures: impl Fn(&[f64]) -> [f64; N]) -> Self {
        let of_row: Vec<usize> =
            prompts.iter().enumerate().flat_map(|(prompt, answers)| std::iter::repeat_n(prompt, answers.len())).collect();
        let seen = figures(&vec![1.0; of_row.len()]);
        let mut random = stream(seed, RESAMPLES);
        let mut replicates = [(); N].map(|()| Vec::new());
        let times = if prompts.len() < LEAST_PROMPTS { 0 } else { resamples };
        for _ in 0..times {
            let mut times = vec![0.0; prompts.len()];
            prompts.iter().for_each(|_| times[index(&mut random, prompts.len())] += 1.0);
            let weights: Vec<f64> = of_row.iter().map(|prompt| times[*prompt]).collect();
            replicates.iter_mut().zip(figures(&weights)).for_each(|(all, one)| all.push(one));
        }
        Self { seen, replicates }
    }

    fn interval(&self, figure: usize, ends: [f64; 2]) -> Option<Interval> {
        // Rounding moves an end by some 1e-16.
        let is_end = ends.iter().any(|end| (self.seen[figure] - end).abs() < 1e-12);
        percentiles(&self.replicates[figure], ENOUGH).filter(|_| !is_end)
    }

    fn correlation(&self, figure: usize) -> Option<Correlation> {
        let value = self.seen[figure];
        value.is_finite().then(|| Correlation { value, interval: self.interval(figure, [-1.0, 1.0]) })
    }
}

/// Sorted within the prompts, and then among them, so that neither order changes anything.
fn in_order<const N: usize>(mut prompts: Vec<Vec<[f64; N]>>) -> Vec<Vec<[f64; N]>> {
    prompts.iter_mut().for_each(|answers| sort_rows(answers));
    let mut flat: Vec<Vec<f64>> = prompts.iter().map(|answers| answers.concat()).collect();
    sort_rows(&mut flat);
    flat.into_iter().map(|answers| answers.chunks_exact(N).map(|row| std::array::from_fn(|i| row[i])).collect()).collect()
}

/// Of the answers to one prompt: agreement, pairs whose labels differ, and ties of the score among these.
fn counts(answers: &[[f64; 3]]) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (i, a) in answers.iter().enumerate() {
        for b in answers[i + 1..].iter().filter(|b| b[1] != a[1]) {
            let [higher, lower] = if a[1] > b[1] { [a, b] } else { [b, a] };
            sum[0] += ahead(higher[0] - lower[0]);
            sum[1] += 1.0;
            sum[2] += f64::from(u8::from(a[0] == b[0]));
        }
    }
    sum
}

/// Of each answer, the place of its value among the different ones, from the least on.
struct Values {
    place: Vec<usize>,
    count: usize,
}

impl Values {
    fn new(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let mut different = sorted(&values);
        different.dedup();
        // 0 and −0 are equal and stand together.
        let place = values.iter().map(|value| different.partition_point(|other| other < value)).collect();
        Self { place, count: different.len() }
    }

    /// How often each different value comes up where the answers count so often.
    fn weights(&self, weights: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        self.place.iter().zip(weights).for_each(|(place, weight)| sums[*place] += weight);
        sums
    }

    /// The rank of each different value less the mean rank: answers that count twice have two ranks, and equal values share the mean of theirs.
    fn centred_ranks(&self, weights: &[f64]) -> Vec<f64> {
        let middle = (weights.iter().sum::<f64>() + 1.0) / 2.0;
        let mut below = 0.0;
        let rank = |weight: f64| {
            let rank = below + (weight + 1.0) / 2.0 - middle;
            below += weight;
            rank
        };
        self.weights(weights).into_iter().map(rank).collect()
    }
}

/// Sums of the products of the centred ranks of any two of the values, where the answers count so often; each pair has its own once, from the first on.
fn rank_products<const N: usize>(values: [&Values; N], weights: &[f64]) -> [[f64; N]; N] {
    let ranks = values.map(|values| values.centred_ranks(weights));
    let mut sums = [[0.0; N]; N];
    for (i, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        let of_row: [f64; N] = std::array::from_fn(|of| ranks[of][values[of].place[i]]);
        for a in 0..N {
            for b in a..N {
                sums[a][b] += weight * (of_row[a] * of_row[b]);
            }
        }
    }
    sums
}

/// Spearman's, of the values a and b > a; NaN where one of them does not vary.
fn correlation<const N: usize>(products: &[[f64; N]; N], a: usize, b: usize) -> f64 {
    products[a][b] / (products[a][a] * products[b][b]).sqrt()
}

struct Ranked {
    scores: Values,
    labels: Values,
    lengths: Values,
}

impl Ranked {
    /// Spearman's correlations of score and label, score and length, label and length, and the area under the curve, where the answers count so often; NaN
    /// where there is none.
    fn figures(&self, weights: &[f64]) -> [f64; 4] {
        let products = rank_products([&self.scores, &self.labels, &self.lengths], weights);
        [
            correlation(&products, 0, 1),
            correlation(&products, 0, 2),
            correlation(&products, 1, 2),
            if self.labels.count == 2 { self.area(weights) } else { f64::NAN },
        ]
    }

    /// Mann and Whitney's U by the number of pairs.
    fn area(&self, weights: &[f64]) -> f64 {
        let of = |label: usize| {
            let kept: Vec<f64> =
                weights.iter().zip(&self.labels.place).map(|(weight, place)| if *place == label { *weight } else { 0.0 }).collect();
            self.scores.weights(&kept)
        };
        let (lower, higher) = (of(0), of(1));
        let mut below = 0.0;
        let mut ahead = 0.0;
        for (lower, higher) in lower.iter().zip(&higher) {
            ahead += higher * (below + lower / 2.0);
            below += lower;
        }
        ahead / (below * higher.iter().sum::<f64>())
    }
}
