//! What is drawn of every test prompt for the arms that choose: K untuned rewrites with M answers to each, and N answers to the raw prompt.
use crate::evaluation::{Answering, Key, OnProgress, Plan};
use crate::metrics::mean;
use crate::pipeline::{Arm, Item, Pipeline};
use analysis::theory::tilt_equal;
use contract::{Error, Result, arm};
use lm::{Adapter, Stream};
use std::collections::BTreeMap;
use store::{EvaluationAnswer, Split};

/// K rewrites of each test prompt and M answers to each, as rows of [`arm::REWRITE_POOL`]: answer `k·M + m` is the m-th to rewrite k.
#[derive(Debug, Clone, Copy)]
pub struct RewritePool<'a> {
    pub plan: Plan<'a>,
    /// M.
    pub answers_per_rewrite: usize,
}

impl<'a> RewritePool<'a> {
    /// `plan` is that of an arm; its chunks become whole rewrites.
    pub fn new(plan: Plan<'a>, arms: &arm::Arms) -> Self {
        let (rewrites, answers) = (arms.rewrites_per_prompt, arms.answers_per_rewrite);
        let answers_per_batch = (plan.answers_per_batch / answers).max(1) * answers;
        let plan = Plan { iteration: 0, answers_per_prompt: rewrites * answers, answers_per_batch, ..plan };
        Self { plan, answers_per_rewrite: answers }
    }

    /// Draws from ρ_sft. With an adapter, a row's `kl` is log ρ − log ρ_sft of its rewrite: the weight with which a rewrite of the untuned
    /// prompter stands for the tuned one, not an estimate of a divergence.
    pub fn drawing<'b>(
        &'b self,
        pipeline: &'b mut Pipeline,
        adapter: Option<&'b Adapter>,
    ) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'b {
        move |chunk, on_progress| {
            let of_rewrite: Vec<Key> = chunk.chunks(self.answers_per_rewrite).map(|answers| self.rewrite_of(answers[0])).collect();
            let requested: Vec<Item<'_>> = of_rewrite.iter().map(|key| self.item(*key, 0)).collect();
            let rewrites = pipeline.pool_rewrites(&requested, adapter, on_progress)?;
            let items: Vec<Item<'_>> = chunk.iter().map(|&key| self.item(self.rewrite_of(key), key.1)).collect();
            let repeated = (0..chunk.len()).map(|i| rewrites[i / self.answers_per_rewrite].clone()).collect();
            let trials = pipeline.answer_rewrites(&items, repeated, on_progress)?;
            let rows = chunk.iter().zip(&items).zip(trials);
            Ok(rows
                .map(|((&key, item), trial)| {
                    let row = self.plan.row(arm::REWRITE_POOL, key, item, trial);
                    EvaluationAnswer { kl: row.kl.filter(|_| adapter.is_some()), ..row }
                })
                .collect())
        }
    }

    /// The prompt's number and the rewrite's.
    fn rewrite_of(&self, (prompt, answer): Key) -> Key {
        (prompt, answer / self.answers_per_rewrite)
    }

    fn item(&self, (prompt, rewrite): Key, answer: usize) -> Item<'a> {
        Item {
            prompt: &self.plan.prompts[prompt],
            rewrite_seed: self.plan.streams.pool_rewrite(prompt, rewrite),
            answer_seed: self.plan.streams.pool_answer(arm::REWRITE_POOL, prompt, answer),
        }
    }
}

/// N answers to the raw prompt for each answer of [`arm::BEST_ANSWER`], as rows of [`arm::ANSWER_POOL`].
pub fn answers<'a>(plan: Plan<'a>, best_of: usize) -> Plan<'a> {
    Plan { iteration: 0, answers_per_prompt: plan.answers_per_prompt * best_of, ..plan }
}

/// Draws them.
pub fn drawing_answers<'a>(
    pipeline: &'a mut Pipeline,
    plan: &'a Plan<'a>,
) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a {
    move |chunk, on_progress| {
        let item = |&(prompt, answer): &Key| Item {
            answer_seed: plan.streams.pool_answer(arm::ANSWER_POOL, prompt, answer),
            ..plan.item((prompt, answer))
        };
        let items: Vec<Item<'_>> = chunk.iter().map(item).collect();
        let (trials, _) = pipeline.run(Arm::Raw, &items, on_progress)?;
        Ok(chunk.iter().zip(&items).zip(trials).map(|((&key, item), trial)| plan.row(arm::ANSWER_POOL, key, item, trial)).collect())
    }
}

/// A pool as it stands in the store: the rows of each prompt, in their order.
pub struct Pool<'a> {
    by_prompt: BTreeMap<usize, Vec<&'a EvaluationAnswer>>,
}

impl<'a> Pool<'a> {
    /// `name` is [`arm::REWRITE_POOL`] or [`arm::ANSWER_POOL`].
    pub fn of(rows: &'a [EvaluationAnswer], name: &str) -> Self {
        let mut by_prompt: BTreeMap<usize, Vec<&EvaluationAnswer>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.arm == name && row.split == Split::Test) {
            by_prompt.entry(row.prompt_index).or_default().push(row);
        }
        by_prompt.values_mut().for_each(|rows| rows.sort_by_key(|row| row.answer_index));
        Self { by_prompt }
    }

    /// Numbers of the prompts that it has all `size` rows of, with them.
    pub fn whole(&self, size: usize) -> impl Iterator<Item = (usize, &[&'a EvaluationAnswer])> {
        self.by_prompt.iter().filter(move |(_, rows)| rows.len() == size).map(|(prompt, rows)| (*prompt, rows.as_slice()))
    }

    fn of_prompt(&self, prompt: usize) -> Result<&[&'a EvaluationAnswer]> {
        let missing = || Error::internal(format!("Nothing was drawn of test prompt {} to choose from.", prompt + 1));
        self.by_prompt.get(&prompt).map(Vec::as_slice).ok_or_else(missing)
    }
}

/// How a rewrite is chosen from the pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Choice {
    /// One drawn with weights exp(R̂/λ): Lemma 5.1.
    Optimum { lambda: f64 },
    /// The one with the largest R̂, the first of equals.
    Best,
}

impl Choice {
    pub const fn arm(self) -> &'static str {
        match self {
            Self::Optimum { .. } => arm::OPTIMUM,
            Self::Best => arm::BEST_REWRITE,
        }
    }

    /// Number of the rewrite and log of its weight against equal weights (of the optimum: log ρ\* − log ρ_sft), by `uniform` in [0, 1).
    fn take(self, rewards: &[f64], uniform: f64) -> Result<(usize, Option<f64>)> {
        match self {
            Self::Best => Ok(((1..rewards.len()).fold(0, |best, k| if rewards[k] > rewards[best] { k } else { best }), None)),
            Self::Optimum { lambda } => {
                let refuse = || Error::run(format!("Rewrites cannot be weighed by exp(R̂/λ) with λ = {lambda}: a reward is not finite."));
                let weights = tilt_equal(rewards, lambda).ok_or_else(refuse)?.probabilities;
                let mut sum = 0.0;
                let reached = weights.iter().position(|weight| {
                    sum += weight;
                    uniform < sum
                });
                // Sums of weights may end a little below 1.
                let k = reached.or_else(|| weights.iter().rposition(|w| *w > 0.0)).unwrap_or(0);
                Ok((k, Some((weights[k] * weights.len() as f64).ln())))
            }
        }
    }
}

/// Fresh answers, with the seeds of all other arms, to rewrites chosen from the pool: what an arm earns is not what it was chosen by.
pub fn answering_chosen<'a>(
    pipeline: &'a mut Pipeline,
    choice: Choice,
    pool: &'a Pool<'a>,
    answers_per_rewrite: usize,
    plan: &'a Plan<'a>,
) -> impl FnMut(&[Key], &mut OnProgress<'_>) -> Result<Vec<EvaluationAnswer>> + 'a {
    move |chunk, on_progress| {
        let items: Vec<Item<'_>> = chunk.iter().map(|&key| plan.item(key)).collect();
        let chosen = chunk.iter().map(|&(prompt, answer)| {
            let rows = pool.of_prompt(prompt)?;
            let rewards: Vec<f64> =
                rows.chunks(answers_per_rewrite).filter_map(|answers| mean(answers.iter().map(|row| row.reward))).collect();
            let uniform = Stream::new(plan.streams.pool_choice(prompt, answer)).uniform();
            let (k, log_weight) = choice.take(&rewards, uniform)?;
            Ok((rows[k * answers_per_rewrite], log_weight))
        });
        let chosen = chosen.collect::<Result<Vec<_>>>()?;
        let messages: Vec<String> = chosen.iter().map(|(row, _)| row.rewrite.clone().unwrap_or_default()).collect();
        let (trials, _) = pipeline.send(&items, &messages, on_progress)?;
        let rows = chunk.iter().zip(&items).zip(trials).zip(chosen);
        Ok(rows
            .map(|(((&key, item), trial), (of_pool, log_weight))| EvaluationAnswer {
                rewrite: of_pool.rewrite.clone(),
                rewrite_tokens: of_pool.rewrite_tokens,
                rewrite_truncated: of_pool.rewrite_truncated,
                rewrite_seed: of_pool.rewrite_seed,
                kl: log_weight,
                ..plan.row(choice.arm(), key, item, trial)
            })
            .collect())
    }
}

/// Of every N answers the one with the largest reward, the first of equals. Nothing is computed.
pub fn best_answers<'a>(pool: &'a Pool<'a>, best_of: usize) -> Box<Answering<'a>> {
    Box::new(move |chunk, _| {
        let best = |&(prompt, answer): &Key| {
            let drawn = pool.of_prompt(prompt)?.chunks(best_of).nth(answer);
            let best = drawn.and_then(|of| of.iter().copied().reduce(|best, row| if row.reward > best.reward { row } else { best }));
            let row =
                best.ok_or_else(|| Error::internal(format!("No answers were drawn of test prompt {} to choose from.", prompt + 1)))?;
            Ok(EvaluationAnswer { arm: arm::BEST_ANSWER.into(), answer_index: answer, ..row.clone() })
        };
        chunk.iter().map(best).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares of 40,000 choices against exp(R̂/λ)/Z, within four standard errors (0.01).
    #[test]
    fn the_optimum_is_drawn_by_its_weights() {
        let (rewards, lambda) = ([0.2, 0.5, 0.1, 0.5], 0.3);
        let z: f64 = rewards.iter().map(|r: &f64| (r / lambda).exp()).sum();
        let mut counts = [0.0; 4];
        let mut stream = Stream::new(3);
        for _ in 0..40_000 {
            let (k, log_weight) = Choice::Optimum { lambda }.take(&rewards, stream.uniform()).unwrap();
            counts[k] += 1.0 / 40_000.0;
            let weight = (rewards[k] / lambda).exp() / z;
            assert!((log_weight.unwrap() - (4.0 * weight).ln()).abs() < 1e-12);
        }
        for (count, reward) in counts.iter().zip(rewards) {
            assert!((count - (reward / lambda).exp() / z).abs() < 0.01, "{counts:?}");
        }
        assert_eq!(Choice::Best.take(&rewards, 0.9).unwrap(), (1, None), "the first of equals");
        let greedy: Vec<usize> = [0.0, 0.49, 0.51, 0.999].map(|u| Choice::Optimum { lambda: 0.0 }.take(&rewards, u).unwrap().0).into();
        assert_eq!(greedy, [1, 1, 3, 3], "at λ = 0 the best, equals with equal chances");
        assert!(Choice::Optimum { lambda }.take(&[f64::NAN, 1.0], 0.5).unwrap_err().message.contains("not finite"));
    }
}
