//! A world that can be enumerated: prompts, rewrites, answers, ρ_sft, π_F and r, all finite.
use super::finite::{divergence, dot};
use std::fmt;

/// An answer y to a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    /// r(x, y).
    pub reward: f64,
}

/// A rewrite x' of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    pub text: String,
    /// ρ_sft(x'|x).
    pub probability: f64,
    /// π_F(y|x'), one probability for each answer of the prompt.
    pub answers: Vec<f64>,
}

/// A prompt x with everything that can follow it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub text: String,
    /// P(x).
    pub probability: f64,
    /// All answers that any rewrite, or the raw prompt, can get.
    pub answers: Vec<Answer>,
    /// π_F(y|x), the frozen model's answers to the raw prompt, one probability for each answer.
    pub raw: Vec<f64>,
    pub rewrites: Vec<Rewrite>,
}

/// What is wrong with a world, or with a question about it. Displays as a sentence that names the place and the way out.
#[derive(Debug, Clone, PartialEq)]
pub enum WorldError {
    /// A list that needs an entry has none.
    Empty { of: String },
    /// A list has not as many entries as what it belongs to.
    Length { of: String, expected: usize, found: usize },
    /// A probability is negative or not a number.
    Probability { of: String, value: f64 },
    /// Probabilities do not sum to 1.
    Sum { of: String, sum: f64 },
    /// A reward is not a number, or beyond ±1e12.
    Reward { of: String, value: f64 },
    /// λ or β is negative or not finite.
    Strength { name: &'static str, value: f64 },
    /// The best of 0 was asked for.
    Count,
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { of } => write!(f, "The world has no {of}; give at least one."),
            Self::Length { of, expected, found } => write!(f, "The {of} are {found} numbers, but {expected} are needed: one for each."),
            Self::Probability { of, value } => write!(f, "Among the {of} is {value}; a probability lies between 0 and 1."),
            Self::Sum { of, sum } => write!(f, "The {of} sum to {sum}; they must sum to 1 (within 1e-9)."),
            Self::Reward { of, value } => write!(f, "The {of} is {value}; give a number between -1e12 and 1e12."),
            Self::Strength { name, value } => write!(f, "{name} is {value}; give a finite number that is not negative."),
            Self::Count => write!(f, "The best of 0 does not exist; ask for the best of 1 or more."),
        }
    }
}

impl std::error::Error for WorldError {}

/// A checked world. Its probabilities sum to 1 as exactly as f64 allows.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    prompts: Vec<Prompt>,
}

/// What a prompter achieves, mean over prompts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// E\[r\], the J of Theorem 6.1, without the divergence.
    pub reward: f64,
    /// E_x\[KL(ρ‖ρ_sft)\], nats; None where it is infinite.
    pub kl: Option<f64>,
    /// J_λ = E\[r\] − λ·KL, what training maximises; None where the divergence is infinite and λ > 0.
    pub objective: Option<f64>,
}

impl World {
    /// Checks sizes, signs and sums (1 within 1e-9), then divides every distribution by its sum, so that identities hold to rounding.
    /// Prompts, rewrites and answers of probability 0 are allowed.
    ///
    /// # Errors
    /// The first thing that is wrong, with the place.
    pub fn new(mut prompts: Vec<Prompt>) -> Result<Self, WorldError> {
        let mut shares: Vec<f64> = prompts.iter().map(|p| p.probability).collect();
        distribution(&mut shares, prompts.len(), || "prompts".into())?;
        for (prompt, share) in prompts.iter_mut().zip(shares) {
            prompt.probability = share;
            check_prompt(prompt)?;
        }
        Ok(Self { prompts })
    }

    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    /// R(x, x') = E_{y∼π_F(·|x')}\[r(x, y)\], `[prompt][rewrite]`.
    pub fn rewards(&self) -> Vec<Vec<f64>> {
        self.prompts.iter().map(Prompt::rewards).collect()
    }

    /// R(x, x) = E_{y∼π_F(·|x)}\[r(x, y)\], one for each prompt.
    pub fn raw_rewards(&self) -> Vec<f64> {
        self.prompts.iter().map(|p| dot(&p.raw, &p.answer_rewards())).collect()
    }

    /// ρ_sft, `[prompt][rewrite]`.
    pub fn untuned(&self) -> Vec<Vec<f64>> {
        self.prompts.iter().map(Prompt::untuned).collect()
    }

    /// max r − min r over all prompts and answers. Theorem 6.1 is about 0 ≤ r ≤ r_max; a reward that starts elsewhere is shifted there,
    /// which changes no difference, and r_max is then this range.
    pub fn reward_range(&self) -> f64 {
        let all = || self.prompts.iter().flat_map(|p| p.answers.iter().map(|a| a.reward));
        all().fold(f64::NEG_INFINITY, f64::max) - all().fold(f64::INFINITY, f64::min)
    }

    /// Mean over prompts, weighted by P(x).
    pub(super) fn mean(&self, values: impl IntoIterator<Item = f64>) -> f64 {
        self.prompts.iter().zip(values).map(|(p, v)| p.probability * v).sum()
    }

    /// The same where some are infinite (None): these count only if their prompt has a chance.
    pub(super) fn mean_known(&self, values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
        self.prompts.iter().zip(values).filter(|(p, _)| p.probability > 0.0).map(|(p, v)| v.map(|v| p.probability * v)).sum()
    }

    /// J of any prompter `rho[prompt][rewrite]`, with and without the divergence at λ ≥ 0.
    ///
    /// # Errors
    /// `rho` is not a distribution over the rewrites of each prompt, or λ is negative or not finite.
    pub fn objective(&self, rho: &[Vec<f64>], lambda: f64) -> Result<Objective, WorldError> {
        strength("λ", lambda)?;
        let rho = self.prompter(rho)?;
        let reward = self.mean(self.prompts.iter().zip(&rho).map(|(p, rho)| dot(rho, &p.rewards())));
        let kl = self.mean_known(self.prompts.iter().zip(&rho).map(|(p, rho)| divergence(rho, &p.untuned())));
        let objective = if lambda == 0.0 { Some(reward) } else { kl.map(|kl| reward - lambda * kl) };
        Ok(Objective { reward, kl, objective })
    }

    /// The induced policy π̃_ρ(y|x) = Σ_{x'} π_F(y|x') ρ(x'|x), `[prompt][answer]`.
    ///
    /// # Errors
    /// `rho` is not a distribution over the rewrites of each prompt.
    pub fn induced(&self, rho: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, WorldError> {
        let rho = self.prompter(rho)?;
        let induced = |(prompt, rho): (&Prompt, &Vec<f64>)| {
            (0..prompt.answers.len()).map(|y| prompt.rewrites.iter().zip(rho).map(|(r, p)| p * r.answers[y]).sum()).collect()
        };
        Ok(self.prompts.iter().zip(&rho).map(induced).collect())
    }

    /// `rho` checked and divided by its sums.
    fn prompter(&self, rho: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, WorldError> {
        if rho.len() != self.prompts.len() {
            return Err(WorldError::Length { of: "prompts of ρ".into(), expected: self.prompts.len(), found: rho.len() });
        }
        let mut rho = rho.to_vec();
        for (rho, prompt) in rho.iter_mut().zip(&self.prompts) {
            distribution(rho, prompt.rewrites.len(), || format!("rewrites of “{}” under ρ", prompt.text))?;
        }
        Ok(rho)
    }
}

impl Prompt {
    pub(super) fn answer_rewards(&self) -> Vec<f64> {
        self.answers.iter().map(|a| a.reward).collect()
    }

    pub(super) fn rewards(&self) -> Vec<f64> {
        let rewards = self.answer_rewards();
        self.rewrites.iter().map(|r| dot(&r.answers, &rewards)).collect()
    }

    pub(super) fn untuned(&self) -> Vec<f64> {
        self.rewrites.iter().map(|r| r.probability).collect()
    }
}

fn check_prompt(prompt: &mut Prompt) -> Result<(), WorldError> {
    let (text, answers) = (prompt.text.clone(), prompt.answers.len());
    for answer in &prompt.answers {
        if !answer.reward.is_finite() || answer.reward.abs() > 1e12 {
            return Err(WorldError::Reward { of: format!("reward of “{}” to “{text}”", answer.text), value: answer.reward });
        }
    }
    distribution(&mut prompt.raw, answers, || format!("answers to the raw prompt “{text}”"))?;
    let mut shares = prompt.untuned();
    distribution(&mut shares, prompt.rewrites.len(), || format!("rewrites of “{text}”"))?;
    for (rewrite, share) in prompt.rewrites.iter_mut().zip(shares) {
        rewrite.probability = share;
        distribution(&mut rewrite.answers, answers, || format!("answers to the rewrite “{}” of “{text}”", rewrite.text))?;
    }
    Ok(())
}

/// Checks that `p` is a distribution over `expected` things, and divides it by its sum.
fn distribution(p: &mut [f64], expected: usize, of: impl Fn() -> String) -> Result<(), WorldError> {
    if expected == 0 {
        return Err(WorldError::Empty { of: of() });
    }
    let of = || format!("probabilities of the {}", of());
    if p.len() != expected {
        return Err(WorldError::Length { of: of(), expected, found: p.len() });
    }
    if let Some(&value) = p.iter().find(|p| !(**p >= 0.0 && p.is_finite())) {
        return Err(WorldError::Probability { of: of(), value });
    }
    let sum: f64 = p.iter().sum();
    if (sum - 1.0).abs() > 1e-9 {
        return Err(WorldError::Sum { of: of(), sum });
    }
    p.iter_mut().for_each(|p| *p /= sum);
    Ok(())
}

pub(super) fn strength(name: &'static str, value: f64) -> Result<(), WorldError> {
    if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(WorldError::Strength { name, value }) }
}
