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
            Self::Long { factors, .. } => plain.zip(factors).map(|(wave, factor)| (*factor as f32 * wave).recip()).collect(),
        }
    }

    /// LongRoPE's, of a model whose context has grown so many times from `original`.
    pub fn usual_attention_factor(grown: f64, original: f64) -> f64 {
        if grown <= 1.0 { 1.0 } else { (1.0 + grown.ln() / original.ln()).sqrt() }
    }

    /// What the turned values are multiplied by.
    pub fn attention_factor(&self) -> f64 {
        if let Self::Long { attention_factor, .. } = self { *attention_factor } else { 1.0 }
    }
}
