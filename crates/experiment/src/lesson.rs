//! What the spec's algorithm makes of a batch of rewrites.
use crate::algorithms::value_head::{Fit, ValueHead, inputs};
use crate::algorithms::{Advantages, Group, grpo, per_token, ppo, rloo};
use crate::metrics::mean;
use contract::spec::{Algorithm, Training};
use contract::{Error, Result};
use lm::Tensor;

/// Advantages of a batch, and what a value head learns from it.
pub(crate) struct Lesson {
    pub advantages: Advantages,
    /// The advantage in each rewrite's row; with PPO the mean over its tokens.
    pub of_rewrites: Vec<f64>,
    values: Option<Values>,
}

struct Values {
    inputs: Tensor,
    /// V and R̂ of every token.
    old: Vec<f64>,
    returns: Vec<f64>,
    options: ppo::Options,
}

impl Lesson {
    /// `kl_coefficient` is λ of this iteration; `head` is PPO's, and `features` gives its hidden states of all tokens, [tokens, width].
    pub fn new(
        training: &Training,
        kl_coefficient: f64,
        rollouts: &[Group],
        head: Option<&ValueHead>,
        features: impl FnOnce() -> lm::Result<Tensor>,
    ) -> Result<Self> {
        let of_rewrites = match training.algorithm {
            Algorithm::Grpo => grpo::advantages(rollouts, &grpo::Options::new(training, kl_coefficient)),
            Algorithm::Rloo => rloo::advantages(rollouts, kl_coefficient),
            Algorithm::Ppo => {
                let head = head.ok_or_else(|| Error::internal("PPO began without its value head."))?;
                return Self::of_tokens(rollouts, head, &features()?, ppo::Options::new(training, kl_coefficient));
            }
        };
        let advantages = per_token(rollouts, &of_rewrites);
        Ok(Self { advantages, of_rewrites: of_rewrites.into_iter().flatten().collect(), values: None })
    }

    fn of_tokens(rollouts: &[Group], head: &ValueHead, features: &Tensor, options: ppo::Options) -> Result<Self> {
        let inputs = inputs(&features.to_device(&lm::Device::Cpu).map_err(lm::Error::from)?)?;
        let old = head.values(&inputs)?;
        let ppo::Targets { advantages, returns } = ppo::Targets::new(rollouts, &old, &options);
        let of_rewrites = advantages.iter().flatten().map(|tokens| mean(tokens.iter().copied()).unwrap_or(0.0)).collect();
        Ok(Self { advantages, of_rewrites, values: Some(Values { inputs, old, returns, options }) })
    }

    /// Moves the value head towards the batch's returns; None without one.
    pub fn fit(&self, head: Option<&mut ValueHead>, learning_rate: f64) -> Result<Option<Fit>> {
        let (Some(values), Some(head)) = (&self.values, head) else { return Ok(None) };
        Ok(Some(head.fit(&values.inputs, &values.old, &values.returns, &values.options, learning_rate)?))
    }
}
