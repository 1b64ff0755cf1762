//! Drawing one token from a row of logits. Every engine uses this one function, so that equal logits and equal seeds give
//! equal tokens.
use crate::Stream;
use crate::kernels::rows::{exp, largest};

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoding {
    pub max_tokens: usize,
    /// 0 takes the most probable token.
    pub temperature: f64,
    /// Keep the smallest set of most probable tokens whose probability reaches this; 1 keeps all.
    pub top_p: f64,
    /// Keep so many most probable tokens; 0 keeps all.
    pub top_k: usize,
    /// Tokens that end the text; the one drawn is the text's last token.
    pub stop: Vec<u32>,
}

/// A drawn token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    pub token: u32,
    /// Log-probability of the token under softmax(logits / temperature), before top-k and top-p; at temperature 0 under
    /// softmax(logits).
    pub log_prob: f32,
    /// Entropy of that distribution, in nats.
    pub entropy: f32,
}

/// Values that are summed in one go; a draw first finds its block, then its token.
const BLOCK: usize = 512;

/// softmax(logits / temperature), not yet divided by its sum.
struct Weights {
    /// exp((logit − highest) / temperature); 0 for NaN.
    values: Vec<f32>,
    /// Sum of each block of `values`.
    blocks: Vec<f64>,
    sum: f64,
    /// Σ value·ln value, for the entropy.
    weighted: f64,
}

impl Weights {
    fn new(logits: &[f32], highest: f32, temperature: f32) -> Self {
        let inverse = 1.0 / temperature;
        let mut values = vec![0.0; logits.len()];
        let mut blocks = Vec::with_capacity(logits.len().div_ceil(BLOCK));
        let mut weighted = 0f64;
        for (values, logits) in values.chunks_mut(BLOCK).zip(logits.chunks(BLOCK)) {
            let (mut sums, mut products) = ([0f32; 16], [0f32; 16]);
            let mut take = |lane: usize, value: &mut f32, logit: f32| {
                // Below −104 the exponential is 0 in f32; the bound keeps 0·(−∞) out of the entropy, and NaN becomes the bound.
                let scaled = ((logit - highest) * inverse).max(-104.0);
                *value = exp(scaled);
                sums[lane] += *value;
                products[lane] += *value * scaled;
            };
            let ((values, last_values), (logits, last_logits)) = (values.as_chunks_mut::<16>(), logits.as_chunks::<16>());
            for (values, logits) in values.iter_mut().zip(logits) {
                for lane in 0..16 {
                    take(lane, &mut values[lane], logits[lane]);
                }
            }
            last_values.iter_mut().zip(last_logits).enumerate().for_each(|(lane, (value, logit))| take(lane, value, *logit));
            blocks.push(sums.iter().map(|v| f64::from(*v)).sum());
            weighted += products.iter().map(|v| f64::from(*v)).sum::<f64>();
        }
        Self { values, sum: blocks.iter().sum(), blocks, weighted }
    }

    /// The token at which the running sum passes `uniform` of the whole; none where it ends before, by a rounding.
    fn choose(&self, uniform: f64) -> Option<usize> {
        let mut rest = uniform * self.sum;
        for (block, sum) in self.blocks.iter().enumerate() {
            if rest >= *sum {
                rest -= sum;
                continue;
            }
            let start = block * BLOCK;
            for (i, &value) in self.values[start..].iter().take(BLOCK).enumerate() {
                rest -= f64::from(value);
                if rest < 0.0 && value > 0.0 {
                    return Some(start + i);
                }
            }
            // The block's sum and its running sum differ in the last bit: the next block's first token is as right as this one's last.
            rest = 0.0;
        }
        None
    }

    /// Top-k, then top-p over what is left (renormalised), as transformers applies them. Ties go to the lower token id.
    fn choose_truncated(&self, decoding: &Decoding, uniform: f64) -> usize {
        // All that weigh less have together at most half of what top-p leaves out: they are not among the kept.
        let least = if decoding.top_k == 0 { ((1.0 - decoding.top_p) * self.sum / (2.0 * self.values.len() as f64)) as f32 } else { 0.0 };
        let mut order: Vec<usize> = self.values.iter().enumerate().filter(|(_, value)| **value >= least).map(|(token, _)| token).collect();
        let by_weight = |a: &usize, b: &usize| self.values[*b].total_cmp(&self.values[*a]).then(a.cmp(b));
        let mut kept_sum = self.sum;
        if decoding.top_k > 0 && decoding.top_k < order.len() {
            order.select_nth_unstable_by(decoding.top_k - 1, by_weight);
            order.truncate(decoding.top_k);
            kept_sum = order.iter().map(|t| f64::from(self.values[*t])).sum();
        }
        order.sort_unstable_by(by_weight);
        let (mut mass, mut keep) = (0.0, 0);
        for token in &order {
            mass += f64::from(self.values[*token]);
            keep += 1;
            if mass >= decoding.top_p * kept_sum {
                break;
            }
        }
        let mut rest = uniform * mass;
        for token in &order[..keep] {
            rest -= f64::from(self.values[*token]);
            if rest < 0.0 {
                return *token;
            }
        }
        order[keep - 1]
    }
}

/// Draws a token from `logits` (one value for each token of the vocabulary, at least one). Uses exactly one uniform number of `stream`,
/// also when greedy, so that streams stay in step. NaN logits count as −∞.
pub fn draw(logits: &[f32], decoding: &Decoding, stream: &mut Stream) -> Drawn {
    let uniform = stream.uniform();
    let temperature = if decoding.temperature > 0.0 { decoding.temperature as f32 } else { 1.0 };
    let highest = largest(logits);
    let best = || logits.iter().position(|v| *v == highest).unwrap_or(0);
    let weights = Weights::new(logits, highest, temperature);
    let token = if decoding.temperature <= 0.0 {
        best()
    } else if decoding.top_k > 0 || decoding.top_p < 1.0 {
        weights.choose_truncated(decoding, uniform)
    } else {
        weights.choose(uniform).unwrap_or_else(best)
    };
    let log_sum = weights.sum.ln();
    Drawn {
        token: token as u32,
        log_prob: (f64::from((logits[token] - highest) / temperature) - log_sum) as f32,
        entropy: (log_sum - weights.weighted / weights.sum) as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoding(temperature: f64, top_p: f64, top_k: usize) -> Decoding {
        Decoding { max_tokens: 1, temperature, top_p, top_k, stop: vec![] }
    }

    #[test]
    fn log_probability_and_entropy_are_those_of_the_tempered_distribution() {
        let logits: Vec<f32> = (0..1500).map(|i| ((i * 7919 % 1009) as f32) / 150.0 - 3.0).collect();
        let scaled: Vec<f64> = logits.iter().map(|v| f64::from(*v) / 0.6).collect();
        let log_sum = scaled.iter().map(|v| v.exp()).sum::<f64>().ln();
        let entropy: f64 = scaled.iter().map(|v| (log_sum - v) * (v - log_sum).exp()).sum();
        for seed in 0..50 {
            for truncation in [(1.0, 0), (0.9, 0), (1.0, 40)] {
                let drawn = draw(&logits, &decoding(0.6, truncation.0, truncation.1), &mut Stream::new(seed));
                assert!((f64::from(drawn.log_prob) - (scaled[drawn.token as usize] - log_sum)).abs() < 1e-5);
                assert!((f64::from(drawn.entropy) - entropy).abs() < 1e-5);
            }
        }
    }

    /// χ² of draws over a vocabulary of several blocks, each token expected at least 30 times.
    #[test]
    fn draws_over_several_blocks_follow_the_probabilities() {
        const TOKENS: usize = 1500;
        const DRAWS: u64 = 200_000;
        let logits: Vec<f32> = (0..TOKENS).map(|i| (i * 7919 % 1009) as f32 / 800.0).collect();
        let weights: Vec<f64> = logits.iter().map(|v| (f64::from(*v) / 0.8).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let mut counts = [0u32; TOKENS];
        for seed in 0..DRAWS {
            counts[draw(&logits, &decoding(0.8, 1.0, 0), &mut Stream::new(seed)).token as usize] += 1;
        }
        let expected = |token: usize| weights[token] / sum * DRAWS as f64;
        assert!((0..TOKENS).all(|token| expected(token) >= 30.0));
        let chi_squared: f64 = (0..TOKENS).map(|t| (f64::from(counts[t]) - expected(t)).powi(2) / expected(t)).sum();
        // 1,499 degrees of freedom: mean 1,499, standard deviation 54.8; five of them either way.
        assert!((chi_squared - 1499.0).abs() < 5.0 * 54.8, "χ² = {chi_squared}");
    }

    /// Against the definition: all tokens sorted, the fewest that reach p.
    #[test]
    fn top_p_keeps_what_a_full_sort_keeps() {
        let logits: Vec<f32> = (0..5000).map(|i| ((i * 7919 % 1009) as f32) / 100.0).collect();
        for temperature in [0.2, 1.0, 5.0, 100.0] {
            let weights = Weights::new(&logits, largest(&logits), temperature);
            let mut order: Vec<usize> = (0..logits.len()).collect();
            order.sort_by(|a, b| weights.values[*b].total_cmp(&weights.values[*a]));
            for top_p in [1e-6, 0.3, 0.9, 0.999] {
                let (mut mass, mut kept) = (0.0, 0);
                while mass < top_p * weights.sum {
                    mass += f64::from(weights.values[order[kept]]);
                    kept += 1;
                }
                for step in 0..50 {
                    let uniform = f64::from(step) / 50.0;
                    let mut rest = uniform * mass;
                    let expected = order[..kept].iter().find(|token| {
                        rest -= f64::from(weights.values[**token]);
                        rest < 0.0
                    });
                    let got = weights.choose_truncated(&decoding(f64::from(temperature), top_p, 0), uniform);
                    assert_eq!(Some(&got), expected, "top-p {top_p} at temperature {temperature}, {uniform}");
                }
            }
        }
    }

    #[test]
    fn impossible_tokens_are_never_drawn() {
        let mut logits = vec![f32::NEG_INFINITY; 1200];
        logits[700] = 1.0;
        logits[3] = f32::NAN;
        for (temperature, top_p, top_k) in [(0.0, 1.0, 0), (1.0, 1.0, 0), (1.0, 0.5, 0), (1.0, 1.0, 5)] {
            let drawn = draw(&logits, &decoding(temperature, top_p, top_k), &mut Stream::new(1));
            assert_eq!((drawn.token, drawn.log_prob, drawn.entropy), (700, 0.0, 0.0));
        }
    }

    #[test]
    fn every_draw_takes_one_number_from_its_stream() {
        for temperature in [0.0, 1.0] {
            let (mut a, mut b) = (Stream::new(9), Stream::new(9));
            draw(&[0.0, 1.0, 2.0], &decoding(temperature, 1.0, 0), &mut a);
            b.uniform();
            assert_eq!(a.uniform(), b.uniform());
        }
    }
}
