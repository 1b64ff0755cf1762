//! PPO's critic: V(s) = w·[h/|h|, 1], linear in the last hidden state h of the *untuned* prompter (docs/adr/0009-value-head.md says why).
use super::ppo::Options;
use super::surrogate::{scalar, tensor_like, values};
use candle_core::{D, DType, Device, Var};
use lm::{AdamW, AdamWConfig, Gradients, Result, Tensor};
use serde::{Deserialize, Serialize};

/// A linear layer with one output and the optimiser that trains it. Starts at 0.
pub struct ValueHead {
    vars: Vec<Var>,
    optimiser: AdamW,
}

/// A head as a checkpoint holds it, bit for bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The bits of w in f32: JSON's decimals would depend on how they are read.
    weights: Vec<u32>,
    /// [`AdamW::to_bytes`].
    optimiser: Vec<u8>,
}

/// What fitting a batch showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Mean clipped squared error over the tokens, halved; mean over the steps.
    pub loss: f64,
    /// 1 − Var(R̂ − V)/Var(R̂) before the first step: 1 is perfect, 0 no better than a constant. None where all returns are the same.
    pub explained_variance: Option<f64>,
}

impl Fit {
    /// False if a loss or gradient was not finite; the head was not changed by it.
    pub fn is_finite(&self) -> bool {
        self.loss.is_finite()
    }
}

/// h/|h| with a 1 behind it: [tokens, width] to [tokens, width + 1]. The length of a hidden state says little, and would decide how far a
/// step moves V.
pub fn inputs(features: &Tensor) -> Result<Tensor> {
    let norm = (features.sqr()?.sum_keepdim(D::Minus1)?.sqrt()? + 1e-12)?;
    let ones = Tensor::ones((features.dim(0)?, 1), features.dtype(), features.device())?;
    Ok(Tensor::cat(&[features.broadcast_div(&norm)?, ones], 1)?)
}

impl ValueHead {
    /// For hidden states of `width` values. Kept in the machine's memory in f32.
    pub fn new(width: usize) -> Result<Self> {
        let vars = vec![Var::zeros(width + 1, DType::F32, &Device::Cpu)?];
        let optimiser = AdamW::new(vars.clone(), AdamWConfig::default())?;
        Ok(Self { vars, optimiser })
    }

    /// V of every token, for `inputs` [tokens, width + 1] (f32, in the machine's memory).
    pub fn values(&self, inputs: &Tensor) -> Result<Vec<f64>> {
        values(&self.predict(inputs)?)
    }

    /// Differentiable in w.
    fn predict(&self, inputs: &Tensor) -> Result<Tensor> {
        Ok(inputs.matmul(&self.vars[0].as_tensor().unsqueeze(1)?)?.squeeze(1)?)
    }

    /// Steps on L_V = ½·mean_t max((V − R̂)², (clip(V, V_old ± ε) − R̂)²), as many as the policy takes: PPO's clipped value loss (OpenAI's
    /// baselines; Engstrom et al. 2020, arXiv 2005.12729). `old` are the values that gave `returns`.
    pub fn fit(&mut self, inputs: &Tensor, old: &[f64], returns: &[f64], options: &Options, learning_rate: f64) -> Result<Fit> {
        let (old_values, targets) = (tensor_like(old.to_vec(), inputs)?, tensor_like(returns.to_vec(), inputs)?);
        let mut sum = 0.0;
        for _ in 0..options.updates_per_batch {
            let new = self.predict(inputs)?;
            let moved = ((&new - &old_values)?.clamp(-options.value_clip, options.value_clip)? + &old_values)?;
            let worse = (new - &targets)?.sqr()?.maximum(&(moved - &targets)?.sqr()?)?;
            let loss = (worse.mean_all()? * 0.5)?;
            let mut gradients = Gradients::new(&self.vars);
            gradients.add(&self.vars, &loss.backward()?)?;
            let norm = gradients.clip(options.max_gradient_norm)?;
            sum += scalar(&loss)?;
            if !sum.is_finite() || !norm.is_finite() {
                return Ok(Fit { loss: f64::NAN, explained_variance: None });
            }
            self.optimiser.step(&gradients, learning_rate)?;
        }
        Ok(Fit { loss: sum / options.updates_per_batch as f64, explained_variance: explained_variance(old, returns) })
    }

    /// All that [`Self::restore`] needs.
    pub fn save(&self) -> Result<Saved> {
        let weights: Vec<f32> = self.vars[0].to_vec1()?;
        Ok(Saved { weights: weights.into_iter().map(f32::to_bits).collect(), optimiser: self.optimiser.to_bytes()? })
    }

    /// As it was, for a head of the same width.
    pub fn restore(&mut self, saved: &Saved) -> Result<()> {
        if saved.weights.len() != self.vars[0].elem_count() {
            let (has, needs) = (saved.weights.len(), self.vars[0].elem_count());
            return Err(lm::Error::Model(format!("the value head has {has} weights, but this prompter's needs {needs}")));
        }
        let weights: Vec<f32> = saved.weights.iter().copied().map(f32::from_bits).collect();
        self.vars[0].set(&Tensor::from_vec(weights, saved.weights.len(), &Device::Cpu)?)?;
        self.optimiser.restore(&saved.optimiser)
    }
}

fn explained_variance(values: &[f64], returns: &[f64]) -> Option<f64> {
    let variance = |numbers: &mut dyn Iterator<Item = f64>| {
        let numbers: Vec<f64> = numbers.collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
    };
    let all = variance(&mut returns.iter().copied());
    let left = variance(&mut returns.iter().zip(values).map(|(r, v)| r - v));
    (all > 0.0).then(|| 1.0 - left / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (Tensor, Vec<f64>) {
        let features = Tensor::from_vec(vec![3f32, 4.0, 0.0, 2.0, -1.0, 0.0], (3, 2), &Device::Cpu).unwrap();
        (inputs(&features).unwrap(), vec![1.0, 0.5, -0.25])
    }

    fn options(value_clip: f64) -> Options {
        Options { kl_coefficient: 0.1, gae_lambda: 1.0, value_clip, updates_per_batch: 4, max_gradient_norm: 10.0 }
    }

    #[test]
    fn inputs_have_length_one_and_a_constant() {
        let rows: Vec<Vec<f32>> = batch().0.to_vec2().unwrap();
        assert!((rows[0][0] - 0.6).abs() < 1e-6 && (rows[0][1] - 0.8).abs() < 1e-6 && rows.iter().all(|row| row[2] == 1.0));
    }

    #[test]
    fn a_head_learns_what_is_linear() {
        let (inputs, returns) = batch();
        let mut head = ValueHead::new(2).unwrap();
        for _ in 0..500 {
            let old = head.values(&inputs).unwrap();
            assert!(head.fit(&inputs, &old, &returns, &options(0.2), 0.02).unwrap().is_finite());
        }
        let values = head.values(&inputs).unwrap();
        assert!(values.iter().zip(&returns).all(|(v, r)| (v - r).abs() < 1e-2), "{values:?}");
        assert!(explained_variance(&values, &returns).unwrap() > 0.999);
    }

    /// A value that is already further than the clip from the old one gains nothing by going on; AdamW's momentum carries it a little beyond.
    #[test]
    fn clipping_holds_values_near_the_old_ones() {
        let (inputs, returns) = batch();
        let reach = |clip: f64| {
            let mut head = ValueHead::new(2).unwrap();
            let old = head.values(&inputs).unwrap();
            for _ in 0..200 {
                head.fit(&inputs, &old, &returns, &options(clip), 0.002).unwrap();
            }
            head.values(&inputs).unwrap()[0]
        };
        assert!(reach(0.1) < 0.2 && reach(100.0) > 0.9, "{} {}", reach(0.1), reach(100.0));
    }

    #[test]
    fn a_restored_head_goes_on_bit_for_bit() {
        let (inputs, returns) = batch();
        let go = |head: &mut ValueHead| {
            let old = head.values(&inputs).unwrap();
            head.fit(&inputs, &old, &returns, &options(0.2), 0.01).unwrap();
        };
        let mut alone = ValueHead::new(2).unwrap();
        go(&mut alone);
        let json = serde_json::to_string(&alone.save().unwrap()).unwrap();
        let mut resumed = ValueHead::new(2).unwrap();
        resumed.restore(&serde_json::from_str(&json).unwrap()).unwrap();
        go(&mut alone);
        go(&mut resumed);
        assert_eq!(alone.save().unwrap(), resumed.save().unwrap());
        assert!(ValueHead::new(3).unwrap().restore(&alone.save().unwrap()).is_err());
    }

    #[test]
    fn a_return_that_is_no_number_changes_nothing() {
        let (inputs, _) = batch();
        let mut head = ValueHead::new(2).unwrap();
        let before = head.save().unwrap();
        assert!(!head.fit(&inputs, &[0.0; 3], &[f64::NAN; 3], &options(0.2), 0.01).unwrap().is_finite());
        assert_eq!(head.save().unwrap(), before);
    }
}
