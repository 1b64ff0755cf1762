//! A reward model from preferences of people: Bradley and Terry (1952), P(chosen) = σ(r(chosen) − r(rejected)), by maximum likelihood.
use crate::bench_scores::conversation;
use crate::reward_checkpoint::RewardCheckpoint;
use candle_core::Var;
use contract::bench::HeldOutAt;
use contract::{Error, Result};
use datasets::feedback::{Preference, Preferences};
use lm::{AdamW, AdamWConfig, Device, Gradients, RewardModel, Stream, Tensor, stream};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// How a reward model is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardTraining {
    /// Decides the order of pairs, the adapter's first values and its dropout.
    pub seed: u64,
    pub epochs: usize,
    /// Pairs of one step, B.
    pub pairs_per_step: usize,
    /// Of the adapter, rising linearly over the first tenth of the steps and falling linearly to 0.
    pub learning_rate: f64,
    /// The same of the score's weight, which begins at 0.
    pub score_learning_rate: f64,
    pub max_gradient_norm: f64,
    /// Pairs with a longer conversation are left out.
    pub max_tokens: usize,
}

impl Default for RewardTraining {
    fn default() -> Self {
        Self {
            seed: 0,
            epochs: 1,
            pairs_per_step: 8,
            learning_rate: 2e-4,
            score_learning_rate: 1e-3,
            max_gradient_norm: 1.0,
            max_tokens: 512,
        }
    }
}

/// A step of the training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RewardStep {
    /// From 1 on, of `steps`.
    pub step: usize,
    pub steps: usize,
    /// Mean of −log P(chosen) over the pairs of the step.
    pub loss: f64,
    /// Share of them whose chosen answer is worth more, ties as half.
    pub accuracy: f64,
    pub gradient_norm: f64,
    /// After it, on held-out pairs; after each fifth of the steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOutAt>,
}

/// How often in a training, and at most on how many pairs: so many cost about a fifteenth of the training on the default's share of two thousand.
const LOOKS: usize = 5;
const LOOKED_AT: usize = 64;

/// By which conversations are told apart.
pub(crate) fn beginning(pair: &Preference) -> Option<String> {
    pair.beginning().map(datasets::normalised)
}

/// Pairs to train on, and pairs to be held out: about this share, of those whose conversations begin with the same message all or none.
pub fn split(file: Preferences, held_out: f64, seed: u64) -> (Preferences, Preferences) {
    let (mut beginnings, mut seen) = (Vec::new(), HashSet::new());
    for of_pair in file.pairs.iter().map(beginning) {
        if seen.insert(of_pair.clone()) {
            beginnings.push(of_pair);
        }
    }
    let order = Stream::new(stream::seed(seed, "held out", &[])).permutation(beginnings.len());
    let count = (held_out * beginnings.len() as f64).round() as usize;
    let chosen: HashSet<&Option<String>> = order.into_iter().take(count).map(|i| &beginnings[i]).collect();
    let (test, train) = file.pairs.into_iter().partition(|pair| chosen.contains(&beginning(pair)));
    let part = |pairs| Preferences { pairs, drawn_of: None, skipped: file.skipped.clone(), checksum: file.checksum.clone(), ..file };
    (part(train), part(test))
}

/// A reward model in training: all that a checkpoint holds.
pub struct RewardTrainer {
    model: RewardModel,
    learner: Learner,
    settings: RewardTraining,
    /// Of the pairs that are not too long: the chosen conversation and the rejected one.
    tokens: Vec<[Vec<u32>; 2]>,
    /// The same of held-out pairs that are looked at on the way, one conversation after another.
    held_out: Vec<Vec<u32>>,
    /// Numbers of the pairs in the order in which they come.
    order: Vec<usize>,
    done: Vec<RewardStep>,
    /// Pairs that were left out because they are too long.
    pub too_long: usize,
}

impl RewardTrainer {
    /// `model` is [`RewardModel::untrained`]. The first of `held_out` are looked at on the way; nothing is learned from them.
    ///
    /// # Errors
    /// [`contract::Code::Data`] where no pair is short enough.
    pub fn start(model: RewardModel, pairs: &[Preference], held_out: &[Preference], settings: RewardTraining) -> Result<Self> {
        let tokens = short_enough(&model, pairs, &settings)?;
        if tokens.is_empty() {
            return Err(Error::data(format!("No pair is of at most {} tokens; allow longer ones.", settings.max_tokens)));
        }
        let held_out = &held_out[..held_out.len().min(LOOKED_AT)];
        let held_out = short_enough(&model, held_out, &settings)?.into_iter().flatten().collect();
        let (learner, order) = (Learner::new(&model)?, order(tokens.len(), &settings));
        Ok(Self { too_long: pairs.len() - tokens.len(), model, learner, settings, tokens, held_out, order, done: Vec::new() })
    }

    /// The steps that were taken, those before a [`Self::resume`] too.
    pub fn done(&self) -> &[RewardStep] {
        &self.done
    }

    /// The next step; None after the last.
    ///
    /// # Errors
    /// [`contract::Code::Reward`] where the loss is no number any more.
    pub fn step(&mut self) -> Result<Option<RewardStep>> {
        let (step, size) = (self.done.len(), self.settings.pairs_per_step);
        let steps = self.order.len().div_ceil(size);
        let Some(batch) = self.order.chunks(size).nth(step) else { return Ok(None) };
        let texts: Vec<Vec<u32>> = batch.iter().flat_map(|&i| self.tokens[i].clone()).collect();
        let dropout = stream::seed(self.settings.seed, "reward dropout", &[step as u64]);
        let scores = self.model.differentiable(self.learner.weight.as_tensor(), &texts, Some(dropout))?;
        let (loss, margins) = likelihood(&scores).map_err(lm::Error::from)?;
        let value = f64::from(loss.to_scalar::<f32>().map_err(lm::Error::from)?);
        if !value.is_finite() {
            return Err(Error::reward(format!("The loss is {value} after {step} steps; lower the learning rate.")));
        }
        let gradient_norm = self.learner.step(&loss, rate(step, steps), &self.settings)?;
        let is_fifth = (step + 1) * LOOKS / steps > step * LOOKS / steps;
        let held_out = if is_fifth { self.look()? } else { None };
        let told = RewardStep { step: step + 1, steps, loss: value, accuracy: right(&margins), gradient_norm, held_out };
        self.done.push(told);
        Ok(Some(told))
    }

    /// What it makes of the held-out pairs after the step that was just taken; none where there is no pair that is short enough.
    fn look(&self) -> Result<Option<HeldOutAt>> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let scores = self.model.score_by(&self.learner.weight()?, &self.held_out)?;
        let (loss, margins) = likelihood(&Tensor::new(scores, &Device::Cpu).map_err(lm::Error::from)?).map_err(lm::Error::from)?;
        let loss = f64::from(loss.to_scalar::<f32>().map_err(lm::Error::from)?);
        Ok(Some(HeldOutAt { step: self.done.len() + 1, pairs: margins.len(), loss, accuracy: right(&margins) }))
    }

    /// The model as trained so far.
    pub fn finish(mut self) -> Result<RewardModel> {
        self.model.set_weight(self.learner.weight()?)?;
        Ok(self.model)
    }

    /// All that [`Self::resume`] needs. Random streams are not in it: they follow from the seed and the step's number.
    pub fn checkpoint(&self) -> Result<RewardCheckpoint> {
        Ok(RewardCheckpoint {
            done: self.done.clone(),
            adapter: self.model.adapter().map(lm::Adapter::to_bytes).transpose()?.unwrap_or_default(),
            weight: self.learner.weight()?,
            of_adapter: self.learner.of_adapter.to_bytes()?,
            of_weight: self.learner.of_weight.to_bytes()?,
        })
    }

    /// As it was when the checkpoint was made, on the same pairs and with the same settings: it goes on to what it would have become, bit for bit on a
    /// processor.
    pub fn resume(&mut self, checkpoint: RewardCheckpoint) -> Result<()> {
        let RewardCheckpoint { done, adapter, weight, of_adapter, of_weight } = checkpoint;
        self.model.restore(&adapter, weight)?;
        self.learner = Learner::new(&self.model)?;
        self.learner.of_adapter.restore(&of_adapter)?;
        self.learner.of_weight.restore(&of_weight)?;
        self.done = done;
        Ok(())
    }
}

/// Tokens of the chosen and the rejected conversation of each pair that is not too long.
fn short_enough(model: &RewardModel, pairs: &[Preference], settings: &RewardTraining) -> Result<Vec<[Vec<u32>; 2]>> {
    let longest = settings.max_tokens.min(model.context());
    let mut tokens = Vec::new();
    for pair in pairs {
        let of = |answer: &str| model.tokens(&conversation(&pair.before, answer));
        let both = [of(&pair.chosen)?, of(&pair.rejected)?];
        if both.iter().all(|text| text.len() <= longest) {
            tokens.push(both);
        }
    }
    Ok(tokens)
}

/// Share of pairs whose chosen answer is worth more, ties as half.
fn right(margins: &[f32]) -> f64 {
    let right = margins.iter().map(|&margin| if margin == 0.0 { 0.5 } else { f64::from(u8::from(margin > 0.0)) });
    right.sum::<f64>() / margins.len() as f64
}

/// What is learned: the adapter, and the score's weight at a rate of its own.
struct Learner {
    weight: Var,
    /// The adapter's, and the weight last.
    vars: Vec<Var>,
    of_adapter: AdamW,
    of_weight: AdamW,
}

impl Learner {
    fn new(model: &RewardModel) -> Result<Self> {
        let weight = Var::from_slice(model.weight(), model.weight().len(), model.device()).map_err(lm::Error::from)?;
        let mut vars = model.adapter().map(lm::Adapter::vars).unwrap_or_default();
        let of_adapter = AdamW::new(vars.clone(), AdamWConfig::default())?;
        let of_weight = AdamW::new(vec![weight.clone()], AdamWConfig::default())?;
        vars.push(weight.clone());
        Ok(Self { weight, vars, of_adapter, of_weight })
    }

    fn weight(&self) -> Result<Vec<f32>> {
        Ok(self.weight.to_vec1().map_err(lm::Error::from)?)
    }

    /// One step down the loss, with `share` of the learning rates; the joint norm of the gradients before they were clipped.
    fn step(&mut self, loss: &Tensor, share: f64, settings: &RewardTraining) -> Result<f64> {
        let mut gradients = Gradients::new(&self.vars);
        gradients.add(&self.vars, &loss.backward().map_err(lm::Error::from)?)?;
        let norm = gradients.clip(settings.max_gradient_norm)?;
        let [of_adapter, of_weight] = gradients.split(self.vars.len() - 1);
        self.of_adapter.step(&of_adapter, share * settings.learning_rate)?;
        self.of_weight.step(&of_weight, share * settings.score_learning_rate)?;
        Ok(norm)
    }
}

/// Numbers of the pairs of every epoch, each epoch in an order of its own.
fn order(pairs: usize, settings: &RewardTraining) -> Vec<usize> {
    let epoch = |epoch: usize| Stream::new(stream::seed(settings.seed, "pair order", &[epoch as u64])).permutation(pairs);
    (0..settings.epochs).flat_map(epoch).collect()
}

/// Of the learning rate, what is left at a step: it rises over the first tenth and would reach 0 one step after the last.
fn rate(step: usize, steps: usize) -> f64 {
    let warmup = steps.div_ceil(10);
    if step < warmup { (step + 1) as f64 / warmup as f64 } else { (steps - step) as f64 / (steps - warmup + 1) as f64 }
}

/// −mean log σ(r(chosen) − r(rejected)) of scores that stand as chosen, rejected, chosen, …; and the differences.
fn likelihood(scores: &Tensor) -> candle_core::Result<(Tensor, Vec<f32>)> {
    let pairs = scores.reshape(((), 2))?;
    let margins = (pairs.narrow(1, 0, 1)? - pairs.narrow(1, 1, 1)?)?.flatten_all()?;
    // log(1 + e^−m) without overflow: max(−m, 0) + log(1 + e^−|m|).
    let loss = (margins.neg()?.relu()? + (margins.abs()?.neg()?.exp()? + 1.0)?.log()?)?.mean_all()?;
    Ok((loss, margins.to_vec1()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likelihood_is_bradleys_and_terrys_and_does_not_overflow() {
        let scores = Tensor::new(&[1.5f32, 0.5, -200.0, 200.0, 3.0, 3.0], &Device::Cpu).unwrap();
        let (loss, margins) = likelihood(&scores).unwrap();
        assert_eq!(margins, [1.0, -400.0, 0.0]);
        let expected = ((1.0 + (-1.0f64).exp()).ln() + 400.0 + 2f64.ln()) / 3.0;
        assert!((f64::from(loss.to_scalar::<f32>().unwrap()) / expected - 1.0).abs() < 1e-6);
    }

    #[test]
    fn every_pair_comes_once_an_epoch_and_the_rate_rises_and_falls() {
        let settings = RewardTraining { epochs: 2, ..RewardTraining::default() };
        let order = order(7, &settings);
        for epoch in order.chunks(7) {
            let mut sorted = epoch.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        }
        assert_ne!(order[..7], order[7..]);
        let rates: Vec<f64> = (0..20).map(|step| rate(step, 20)).collect();
        assert_eq!((rates[0], rates[1], rates[2]), (0.5, 1.0, 18.0 / 19.0));
        assert!(rates[2..].windows(2).all(|w| w[1] < w[0]) && rates[19] > 0.0, "{rates:?}");
        assert_eq!(rate(0, 1), 1.0);
    }
}
