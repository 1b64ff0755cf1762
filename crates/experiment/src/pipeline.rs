//! The path of a prompt through an arm: rewrite, answer, reward. Training, evaluation and `alignpro try` all go this way.
use crate::prompter::{Prompter, Rewrite, group};
use contract::data::Prompt;
use contract::{Result, arm, spec};
use inference::{Answer, AnswerDecoding, AnswerRequest, FrozenModel};
use lm::memory::give_back;
use lm::{Adapter, Request, Step};
use rewards::{Pair, Reward, Score};
use std::ops::ControlFlow;
use std::time::Instant;

/// What stands between the prompt and the frozen model.
#[derive(Clone, Copy)]
pub enum Arm<'a> {
    /// Nothing.
    Raw,
    /// The prompter before training, ρ_sft.
    Untuned,
    /// The prompter with this adapter, ρ.
    Tuned(&'a Adapter),
}

impl Arm<'_> {
    /// Its name in tables and charts ([`contract::arm`]).
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Raw => arm::RAW,
            Self::Untuned => arm::UNTUNED,
            Self::Tuned(_) => arm::TUNED,
        }
    }
}

/// One prompt to send through an arm.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub prompt: &'a Prompt,
    pub rewrite_seed: u64,
    pub answer_seed: u64,
}

impl Item<'_> {
    /// What the frozen model is asked where it gets this message in the prompt's place.
    fn asking(&self, message: &str) -> AnswerRequest {
        AnswerRequest { prompt: message.into(), system: self.prompt.system.clone(), seed: self.answer_seed }
    }
}

/// What came of an item.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// None where the prompter wrote none: in the raw arm, and of messages that were sent.
    pub rewrite: Option<Rewrite>,
    pub answer: Answer,
    /// Judged against the *original* prompt.
    pub score: Score,
    /// How close the rewrite, or the message that was sent, stays to its prompt, in [0, 1]; None in the raw arm.
    pub closeness: Option<f64>,
}

/// What an arm has written of one prompt so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growing<'a> {
    /// None in the raw arm.
    pub rewrite: Option<&'a str>,
    /// None while the rewrite is being written.
    pub answer: Option<&'a str>,
}

/// Wall-clock seconds of each stage.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seconds {
    pub rewrite: f64,
    pub reference: f64,
    pub answer: f64,
    pub reward: f64,
}

/// How the frozen model answers.
pub fn decoding(spec: &contract::Spec) -> AnswerDecoding {
    let spec::Frozen { max_answer_tokens, temperature, top_p, top_k, .. } = spec.frozen;
    AnswerDecoding { max_tokens: max_answer_tokens, temperature, top_p, top_k }
}

/// Prompter, frozen model and reward, with how they are run.
pub struct Pipeline {
    pub prompter: Prompter,
    pub frozen: Box<dyn FrozenModel>,
    pub reward: Reward,
    decoding: AnswerDecoding,
    max_rows: usize,
    rewrites_per_pass: usize,
}

impl Pipeline {
    /// `spec` gives decoding and batch sizes; models and reward come loaded.
    pub fn new(spec: &contract::Spec, prompter: Prompter, frozen: Box<dyn FrozenModel>, reward: Reward) -> Self {
        Self {
            prompter,
            frozen,
            reward,
            decoding: decoding(spec),
            max_rows: spec.evaluation.answers_per_batch,
            rewrites_per_pass: spec.training.rewrites_per_pass,
        }
    }

    /// Sends `items` through an arm; results in their order. Items with the same prompt should stand together: they then share its
    /// computation. `on_progress` hears at every decoding step how many items are answered, and can break ([`contract::Code::Stopped`]).
    pub fn run(
        &mut self,
        arm: Arm<'_>,
        items: &[Item<'_>],
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(Vec<Trial>, Seconds)> {
        let mut seconds = Seconds::default();
        let rewrites = self.rewrite(arm, items, &mut seconds, &mut |_| on_progress(0))?;
        let messages = |i: usize| rewrites.as_ref().map_or(items[i].prompt.text.as_str(), |r: &Vec<Rewrite>| r[i].text.as_str());
        let answers = self.answer(items, &messages, &mut seconds, on_progress)?;
        let trials = self.judge(items, rewrites, answers, &mut seconds)?;
        Ok((trials, seconds))
    }

    /// Rewrites by the untuned prompter, a request each. With an adapter, `log_probs` are those of the tuned prompter and `reference` those that
    /// they were drawn with.
    pub fn pool_rewrites(
        &self,
        items: &[Item<'_>],
        adapter: Option<&Adapter>,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Rewrite>> {
        let drawn = self.rewrite(Arm::Untuned, items, &mut Seconds::default(), &mut |_| on_progress(0))?;
        let mut rewrites = drawn.unwrap_or_default();
        if adapter.is_some() {
            let scored = self.score(adapter, &self.requests(items)?, &rewrites)?;
            rewrites.iter_mut().zip(scored).for_each(|(rewrite, log_probs)| rewrite.log_probs = log_probs);
        }
        Ok(rewrites)
    }

    /// Answers and scores rewrites that are there, one for each item.
    pub fn answer_rewrites(
        &mut self,
        items: &[Item<'_>],
        rewrites: Vec<Rewrite>,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Trial>> {
        let mut seconds = Seconds::default();
        let answers = self.answer(items, &|i| rewrites[i].text.as_str(), &mut seconds, on_progress)?;
        self.judge(items, Some(rewrites), answers, &mut seconds)
    }

    /// Has `messages`, one for each item and written by whoever calls, answered and judged against the items' prompts. `on_progress` as in [`Self::run`].
    pub fn send(
        &mut self,
        items: &[Item<'_>],
        messages: &[String],
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(Vec<Trial>, Seconds)> {
        let mut seconds = Seconds::default();
        let answers = self.answer(items, &|i| messages[i].as_str(), &mut seconds, on_progress)?;
        let mut trials = self.judge(items, None, answers, &mut seconds)?;
        for ((trial, item), message) in trials.iter_mut().zip(items).zip(messages) {
            trial.closeness = Some(rewards::closeness(&item.prompt.text, message));
        }
        Ok((trials, seconds))
    }

    /// Sends one prompt through an arm; `on_text` hears its texts as they grow.
    pub fn stream(&mut self, arm: Arm<'_>, item: Item<'_>, on_text: &mut dyn FnMut(Growing<'_>)) -> Result<Trial> {
        let mut tell = |step: Step<'_>| {
            if let [(_, tokens)] = step.rows
                && let Ok(text) = self.prompter.beginning(&item.prompt.text, tokens)
            {
                on_text(Growing { rewrite: Some(&text), answer: None });
            }
            ControlFlow::Continue(())
        };
        let rewrites = self.rewrite(arm, &[item], &mut Seconds::default(), &mut tell)?;
        let rewrite = rewrites.as_ref().and_then(|r| r.first()).map(|r| r.text.as_str());
        let request = item.asking(rewrite.unwrap_or(&item.prompt.text));
        on_text(Growing { rewrite, answer: Some("") });
        let answer = self.frozen.stream(&request, &self.decoding, &mut |text| on_text(Growing { rewrite, answer: Some(text) }))?;
        self.frozen.rest();
        let trial = self.judge(&[item], rewrites, vec![answer], &mut Seconds::default())?.pop();
        trial.ok_or_else(|| contract::Error::internal("The prompt came out of its arm without an answer."))
    }

    /// Scores the answers, and puts together what belongs together.
    fn judge(
        &mut self,
        items: &[Item<'_>],
        rewrites: Option<Vec<Rewrite>>,
        answers: Vec<Answer>,
        seconds: &mut Seconds,
    ) -> Result<Vec<Trial>> {
        let begun = Instant::now();
        let pairs: Vec<Pair<'_>> = items
            .iter()
            .zip(&answers)
            .map(|(i, a)| Pair { system: i.prompt.system.as_deref(), prompt: &i.prompt.text, answer: &a.text })
            .collect();
        let scores = self.reward.score(&pairs)?;
        give_back();
        let mut rewrites = rewrites.map(Vec::into_iter);
        let mut trials = Vec::with_capacity(items.len());
        for ((item, answer), score) in items.iter().zip(answers).zip(scores) {
            let rewrite = rewrites.as_mut().and_then(Iterator::next);
            let closeness = rewrite.as_ref().map(|r| rewards::closeness(&item.prompt.text, &r.text));
            trials.push(Trial { rewrite, answer, score, closeness });
        }
        seconds.reward = begun.elapsed().as_secs_f64();
        Ok(trials)
    }

    /// The frozen model's answers to the message of each item.
    fn answer<'a>(
        &mut self,
        items: &[Item<'_>],
        message: &dyn Fn(usize) -> &'a str,
        seconds: &mut Seconds,
        on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Answer>> {
        let begun = Instant::now();
        let requests: Vec<_> = items.iter().enumerate().map(|(i, item)| item.asking(message(i))).collect();
        let mut answers = Vec::with_capacity(requests.len());
        for batch in requests.chunks(self.max_rows) {
            let before = answers.len();
            answers.extend(self.frozen.answer(batch, &self.decoding, &mut |done| on_progress(before + done))?);
        }
        self.frozen.rest();
        give_back();
        if answers.len() != requests.len() {
            let (got, model) = (answers.len(), self.frozen.describe());
            return Err(contract::Error::engine(format!("{model} gave {got} answers to {} prompts.", requests.len())));
        }
        seconds.answer = begun.elapsed().as_secs_f64();
        Ok(answers)
    }

    /// None in the raw arm.
    fn rewrite(
        &self,
        arm: Arm<'_>,
        items: &[Item<'_>],
        seconds: &mut Seconds,
        on_step: &mut dyn FnMut(Step<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Vec<Rewrite>>> {
        let adapter = match arm {
            Arm::Raw => return Ok(None),
            Arm::Untuned => None,
            Arm::Tuned(adapter) => Some(adapter),
        };
        let begun = Instant::now();
        let requests = self.requests(items)?;
        let mut rewrites = self.prompter.draw(adapter, &requests, self.max_rows, on_step)?;
        give_back();
        for (rewrite, item) in rewrites.iter_mut().zip(items) {
            rewrite.text = self.prompter.rewrite(&item.prompt.text, &rewrite.text);
        }
        seconds.rewrite = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        if adapter.is_some() {
            let scored = self.score(None, &requests, &rewrites)?;
            rewrites.iter_mut().zip(scored).for_each(|(rewrite, log_probs)| rewrite.reference = log_probs);
        } else {
            // Without an adapter the prompter *is* ρ_sft: the divergence is 0 by definition.
            rewrites.iter_mut().for_each(|r| r.reference.clone_from(&r.log_probs));
        }
        seconds.reference = begun.elapsed().as_secs_f64();
        Ok(Some(rewrites))
    }

    fn requests(&self, items: &[Item<'_>]) -> Result<Vec<Request>> {
        let mut requests: Vec<Request> = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let prompt = match requests.last() {
                Some(last) if items[i - 1].prompt == item.prompt => last.prompt.clone(),
                _ => self.prompter.request(item.prompt)?,
            };
            requests.push(Request { prompt, seed: item.rewrite_seed });
        }
        Ok(requests)
    }

    /// log ρ of each rewrite's tokens, in passes of whole groups; of ρ_sft without an adapter.
    fn score(&self, adapter: Option<&Adapter>, requests: &[Request], rewrites: &[Rewrite]) -> Result<Vec<Vec<f32>>> {
        let groups = group(requests, rewrites);
        let mut log_probs = Vec::new();
        let mut start = 0;
        while start < groups.len() {
            let (mut end, mut rows) = (start, 0);
            while end < groups.len() && rows < self.rewrites_per_pass {
                rows += groups[end].rewrites.len();
                end += 1;
            }
            let scored = self.prompter.log_probs(adapter, &groups[start..end], None)?;
            log_probs.extend(scored.to_vec1::<f32>().map_err(lm::Error::from)?);
            start = end;
        }
        let mut rest = log_probs.into_iter();
        Ok(rewrites.iter().map(|rewrite| rest.by_ref().take(rewrite.tokens.len()).collect()).collect())
    }
}
