//! Frequencies of rotary embeddings (Su et al. 2021), plain and scaled for longer texts, as transformers computes them (`modeling_rope_utils.py`).
use std::f32::consts::PI;

/// How the frequencies of a model differ from θ^(−2i/d).
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Rope {
    #[default]
    Plain,
    /// All divided by one number (Chen et al. 2023).
    Linear { factor: f64 },
    /// Long waves divided by `factor`, short ones kept, a smooth passage between (Llama 3.1).
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        /// Positions that the model was made for before it was scaled.
        original: usize,
    },
    /// Long waves divided by `factor`, short ones kept, a passage that is linear in their number between (YaRN, Peng et al. 2023, arXiv 2309.00071); the
    /// turned values multiplied by one number.
    Yarn {
        factor: f64,
        /// Turns within `original` positions above which a wave is kept, and below which it is divided.
        beta_fast: f64,
        beta_slow: f64,
        /// Positions that the model was made for before it was scaled.
        original: usize,
        /// Whether the passage begins and ends at whole numbers of waves.
        truncate: bool,
        attention_factor: f64,
    },
    /// Each divided by a number of its own, the turned values multiplied by one (LongRoPE, Ding et al. 2024): that of short texts, for the model's
    /// context ends where its long texts begin.
    Long {
        factors: Vec<f64>,
        /// Those of long texts, for other programs.
        long_factors: Vec<f64>,
        /// Positions up to which a text is short.
        original: usize,
        attention_factor: f64,
    },
}

impl Rope {
    /// Radians a position of each pair of `width` turned values: [width / 2], in f32 throughout, as transformers computes it.
    pub fn frequencies(&self, theta: f64, width: usize) -> Vec<f32> {
        let plain = (0..width / 2).map(|i| (theta as f32).powf(2.0 * i as f32 / width as f32));
        match self {
            Self::Plain => plain.map(f32::recip).collect(),
            Self::Linear { factor } => plain.map(|wave| wave.recip() / *factor as f32).collect(),
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original } => {
                let [factor, low, high, original] = [*factor, *low_freq_factor, *high_freq_factor, *original as f64].map(|x| x as f32);
                let scaled = |frequency: f32| {
                    let wave = 2.0 * PI / frequency;
                    if wave < original / high {
                        frequency
                    } else if wave > original / low {
                        frequency / factor
                    } else {
                        let smooth = (original / wave - low) / (high - low);
                        (1.0 - smooth) * frequency / factor + smooth * frequency
                    }
                };
                plain.map(|wave| scaled(wave.recip())).collect()
            }
            Self::Yarn { factor, beta_fast, beta_slow, original, truncate, .. } => {
                let whole = |wave: f64, round: fn(f64) -> f64| if *truncate { round(wave) } else { wave };
                // Which wave turns so many times within `original` positions.
                let wave_of =
                    |turns: f64| width as f64 * (*original as f64 / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * theta.ln());
                let low = whole(wave_of(*beta_fast), f64::floor).max(0.0);
                let high = whole(wave_of(*beta_slow), f64::ceil).min(width as f64 - 1.0);
                let high = if low == high { high + 0.001 } else { high };
                let kept = |i: usize| 1.0 - ((i as f32 - low as f32) / (high - low) as f32).clamp(0.0, 1.0);
                let scaled = |(i, wave): (usize, f32)| (*factor as f32 * wave).recip() * (1.0 - kept(i)) + wave.recip() * kept(i);
                plain.enumerate().map(scaled).collect()
            }
            Self::Long { factors, .. } => plain.zip(factors).map(|(wave, factor)| (*factor as f32 * wave).recip()).collect(),
        }
    }

    /// LongRoPE's, of a model whose context has grown so many times from `original`.
    pub fn usual_attention_factor(grown: f64, original: f64) -> f64 {
        if grown <= 1.0 { 1.0 } else { (1.0 + grown.ln() / original.ln()).sqrt() }
    }

    /// YaRN's, of a context that has grown so many times; `weights` are `mscale` and `mscale_all_dim`, where a model has both.
    pub fn yarn_attention_factor(grown: f64, weights: Option<[f64; 2]>) -> f64 {
        let factor = |weight: f64| if grown <= 1.0 { 1.0 } else { 0.1 * weight * grown.ln() + 1.0 };
        weights.map_or_else(|| factor(1.0), |[of_scores, of_all]| factor(of_scores) / factor(of_all))
    }

    /// What the turned values are multiplied by.
    pub fn attention_factor(&self) -> f64 {
        match self {
            Self::Yarn { attention_factor, .. } | Self::Long { attention_factor, .. } => *attention_factor,
            Self::Plain | Self::Linear { .. } | Self::Llama3 { .. } => 1.0,
        }
    }
}
