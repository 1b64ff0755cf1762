//! Drawing one token from a row of logits. Every engine uses this one function, so that equal logits and equal seeds give
//! equal tokens.
use crate::Stream;

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

/// Draws a token from `logits` (one value for each token of the vocabulary). Uses exactly one uniform number of `stream`, also when
/// greedy, so that streams stay in step. NaN logits count as −∞.
pub fn draw(logits: &[f32], decoding: &Decoding, stream: &mut Stream) -> Drawn {
    let uniform = stream.uniform();
    let temperature = if decoding.temperature > 0.0 { decoding.temperature as f32 } else { 1.0 };
    let (mut best, mut highest) = (0usize, f32::NEG_INFINITY);
    for (i, &value) in logits.iter().enumerate() {
        if value > highest {
            (best, highest) = (i, value);
        }
    }
    let inverse = 1.0 / temperature;
    let scaled = |value: f32| if value.is_nan() { f32::NEG_INFINITY } else { (value - highest) * inverse };
    let (mut sum, mut weighted) = (0f64, 0f64);
    for &value in logits {
        let s = scaled(value);
        let e = f64::from(s.exp());
        sum += e;
        if e > 0.0 {
            weighted += e * f64::from(s);
        }
    }
    let log_sum = sum.ln();
    let token = if decoding.temperature <= 0.0 {
        best
    } else if decoding.top_k > 0 || decoding.top_p < 1.0 {
        draw_truncated(logits, decoding, uniform, &scaled, sum)
    } else {
        let mut rest = uniform * sum;
        let mut chosen = best;
        for (i, &value) in logits.iter().enumerate() {
            let e = f64::from(scaled(value).exp());
            rest -= e;
            if e > 0.0 && rest < 0.0 {
                chosen = i;
                break;
            }
        }
        chosen
    };
    Drawn { token: token as u32, log_prob: (f64::from(scaled(logits[token])) - log_sum) as f32, entropy: (log_sum - weighted / sum) as f32 }
}

/// Top-k, then top-p over what is left (renormalised), as transformers applies them. Ties go to the lower token id.
fn draw_truncated(logits: &[f32], decoding: &Decoding, uniform: f64, scaled: &dyn Fn(f32) -> f32, sum: f64) -> usize {
    let mut order: Vec<(f32, usize)> = logits.iter().enumerate().map(|(i, &v)| (scaled(v), i)).collect();
    let by_probability = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if decoding.top_k > 0 && decoding.top_k < order.len() {
        order.select_nth_unstable_by(decoding.top_k - 1, by_probability);
        order.truncate(decoding.top_k);
    }
    order.sort_unstable_by(by_probability);
    let kept_sum: f64 = if order.len() == logits.len() { sum } else { order.iter().map(|o| f64::from(o.0.exp())).sum() };
    let (mut mass, mut keep) = (0.0, 0);
    for entry in &order {
        mass += f64::from(entry.0.exp());
        keep += 1;
        if mass >= decoding.top_p * kept_sum {
            break;
        }
    }
    let mut rest = uniform * mass;
    for entry in &order[..keep] {
        rest -= f64::from(entry.0.exp());
        if rest < 0.0 {
            return entry.1;
        }
    }
    order[keep - 1].1
}
