//! A reward held against preferences of people.
use crate::distributions::normal_quantile;
use crate::labels::spearman_over_prompts;
use crate::resampling::{Interval, RESAMPLES, ahead, by_cluster, stream, totals};
use crate::share::{Share, share};

/// What a reward gives to the answer that people chose and to the one that they did not, and how long these are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preferred {
    /// The prompt that both answer: pairs of one prompt are not independent of each other.
    pub prompt: usize,
    pub chosen: f64,
    pub rejected: f64,
    pub chosen_length: f64,
    pub rejected_length: f64,
}

/// A correlation coefficient with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    pub value: f64,
    /// 95 %. None where nothing says how precise it is.
    pub interval: Option<Interval>,
}

/// How a reward agrees with people. Prompts are independent of each other; intervals of shares are of the percentile bootstrap over prompts, whose pairs are
/// drawn together.
#[derive(Debug, Clone, PartialEq)]
pub struct Preferences {
    pub pairs: usize,
    pub prompts: usize,
    /// Pairs that are worth the same.
    pub ties: usize,
    /// Share of pairs whose chosen answer is worth more, ties as half: 0.5 is chance.
    pub accuracy: Option<Share>,
    /// The same of the pairs whose chosen answer is the shorter one, and the longer one: a reward that likes length is right on the latter only.
    pub where_shorter: Option<Share>,
    pub where_longer: Option<Share>,
    /// Spearman's rank correlation, over pairs, of what the chosen answer is worth more with how much longer it is. None where one of the two does
    /// not vary. Where each pair has a prompt of its own, its interval is by Fisher's z with the variance of Bonett and Wright (2000), (1 + ρ²/2) / (n − 3),
    /// else of the bootstrap over prompts; None with fewer than ten prompts, or where the ranks are the same or the reverse.
    pub with_length: Option<Correlation>,
}

/// Accuracy, ties and length of a reward on pairs.
///
/// Degenerate: no pair, or a number that is not finite, leaves every figure None.
pub fn preferences(pairs: &[Preferred], resamples: usize, seed: u64) -> Preferences {
    let of_pair: Vec<usize> = pairs.iter().map(|pair| pair.prompt).collect();
    let rows = by_cluster(pairs.iter().map(counts), &of_pair);
    let prompts = rows.len();
    let ties = pairs.iter().filter(|pair| pair.chosen == pair.rejected).count();
    let is_finite = pairs.iter().all(|p| [p.chosen, p.rejected, p.chosen_length, p.rejected_length].iter().all(|x| x.is_finite()));
    if pairs.is_empty() || !is_finite {
        return Preferences {
            pairs: pairs.len(),
            prompts,
            ties,
            accuracy: None,
            where_shorter: None,
            where_longer: None,
            with_length: None,
        };
    }
    let drawn = totals(&rows, resamples, &mut stream(seed, RESAMPLES));
    let differences = |of: fn(&Preferred) -> f64| pairs.iter().map(of).collect::<Vec<f64>>();
    let (worth, length) = (differences(|p| p.chosen - p.rejected), differences(|p| p.chosen_length - p.rejected_length));
    let with_length = if prompts == pairs.len() {
        spearman(&worth, &length)
    } else {
        let rows: Vec<(usize, [f64; 2])> = of_pair.iter().zip(worth.iter().zip(&length)).map(|(p, (x, y))| (*p, [*x, *y])).collect();
        spearman_over_prompts(&rows, resamples, seed)
    };
    Preferences {
        pairs: pairs.len(),
        prompts,
        ties,
        accuracy: share(&rows, &drawn, 0, 1),
        where_shorter: share(&rows, &drawn, 2, 3),
        where_longer: share(&rows, &drawn, 4, 5),
        with_length,
    }
}

/// What the chosen answer of a pair is worth more, r(chosen) − r(rejected), and the prompt of the pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    pub prompt: usize,
    pub margin: f64,
}

/// Pairs to which a model of Bradley and Terry gives a like probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// The probabilities, of the answer that is worth more, from `low` on and below `high`; the last one includes 1.
    pub low: f64,
    pub high: f64,
    pub pairs: usize,
    /// Mean of the probabilities.
    pub predicted: f64,
    /// Share of these pairs of which people chose that answer, ties as half.
    pub observed: Option<Share>,
}

/// Whether σ(r(chosen) − r(rejected)) means what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Five of like width from a half to 1, those without a pair left out.
    pub bins: Vec<Reliability>,
    /// Expected calibration error: |predicted − observed|, averaged over pairs (Guo et al. 2017).
    pub error: f64,
    /// Mean of −log P(chosen), nats: log 2 is chance.
    pub loss: f64,
}

/// None without any pair, or where a margin is not finite. Intervals are of the bootstrap over prompts.
pub fn calibration(margins: &[Margin], resamples: usize, seed: u64) -> Option<Calibration> {
    const BINS: usize = 5;
    if margins.is_empty() || margins.iter().any(|pair| !pair.margin.is_finite()) {
        return None;
    }
    // Of the answer that is worth more: its probability, and whether people chose it.
    let sure = |margin: f64| 1.0 / (1.0 + (-margin.abs()).exp());
    let place = |margin: f64| (((sure(margin) - 0.5) * 2.0 * BINS as f64) as usize).min(BINS - 1);
    let bin = |at: usize| {
        let inside: Vec<&Margin> = margins.iter().filter(|pair| place(pair.margin) == at).collect();
        let of_pair: Vec<usize> = inside.iter().map(|pair| pair.prompt).collect();
        let rows = by_cluster(inside.iter().map(|pair| [ahead(pair.margin), 1.0]), &of_pair);
        let drawn = totals(&rows, resamples, &mut stream(seed, RESAMPLES));
        let edge = |at: usize| 0.5 + 0.5 * at as f64 / BINS as f64;
        let predicted = inside.iter().map(|pair| sure(pair.margin)).sum::<f64>() / inside.len() as f64;
        (!inside.is_empty()).then(|| Reliability {
            low: edge(at),
            high: edge(at + 1),
            pairs: inside.len(),
            predicted,
            observed: share(&rows, &drawn, 0, 1),
        })
    };
    let bins: Vec<Reliability> = (0..BINS).filter_map(bin).collect();
    let n = margins.len() as f64;
    let gap = |bin: &Reliability| bin.observed.map_or(0.0, |observed| (bin.predicted - observed.share).abs() * bin.pairs as f64);
    let error = bins.iter().map(gap).sum::<f64>() / n;
    let loss = margins.iter().map(|pair| pair.margin).map(|m| (-m).max(0.0) + (-m.abs()).exp().ln_1p()).sum::<f64>() / n;
    Some(Calibration { bins, error, loss })
}

/// Of one pair: agreement and 1, twice more where the chosen answer is the shorter and the longer one.
fn counts(pair: &Preferred) -> [f64; 6] {
    let agrees = ahead(pair.chosen - pair.rejected);
    let [shorter, longer] = [pair.chosen_length < pair.rejected_length, pair.chosen_length > pair.rejected_length];
    let where_it_is = |so: bool| if so { [agrees, 1.0] } else { [0.0; 2] };
    let [[a, b], [c, d]] = [where_it_is(shorter), where_it_is(longer)];
    [agrees, 1.0, a, b, c, d]
}

/// Spearman's rank correlation; equal values share the mean of their ranks.
fn spearman(x: &[f64], y: &[f64]) -> Option<Correlation> {
    let (x, y) = (ranks(x), ranks(y));
    let middle = (x.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let value = product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt();
    if !value.is_finite() {
        return None;
    }
    let n = x.len() as f64;
    let half = normal_quantile(0.975) * ((1.0 + value * value / 2.0) / (n - 3.0)).sqrt();
    let has_interval = x.len() >= 10 && value.abs() < 1.0;
    let interval = has_interval.then(|| Interval { low: (value.atanh() - half).tanh(), high: (value.atanh() + half).tanh() });
    Some(Correlation { value, interval })
}

/// Ranks from 1 on.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // Of ranks first + 1 to first + n.
        let rank = first as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        first += equal.len();
    }
    ranks
}
