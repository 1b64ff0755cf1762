//! One training iteration: draw, answer, reward, learn; and its rows.
use crate::algorithms::value_head::{Saved, ValueHead};
use crate::algorithms::{self, Group, Policy, Rollout, Settings, divergence, ppo};
use crate::guards::{self, Alarm, Guards};
use crate::lesson::Lesson;
use crate::metrics;
use crate::pipeline::{Arm, Item, Pipeline, Trial};
use crate::prompter::{Prompter, TokenGroup};
use crate::schedule::learning_rate;
use crate::streams::Streams;
use candle_core::Var;
use contract::data::Prompt;
use contract::event::{Event, Phase};
use contract::spec::{self, Algorithm, Keep};
use contract::{Code, Error, Result, Spec};
use lm::memory::give_back;
use lm::{AdamW, AdamWConfig, Adapter, Tensor};
use serde::{Deserialize, Serialize};
use std::ops::{ControlFlow, Range};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use store::{Checkpoint, Episode, Iteration};

/// The prompter being trained: everything that a checkpoint holds.
pub struct Trainer {
    adapter: Adapter,
    vars: Vec<Var>,
    optimiser: AdamW,
    /// PPO's.
    value_head: Option<ValueHead>,
    guards: Guards,
    /// λ of the next iteration.
    kl_coefficient: f64,
    best: Option<Best>,
    /// Iterations done.
    pub iteration: usize,
    /// Iterations that the newest checkpoint holds.
    saved: usize,
}

/// The prompter that did best on the validation prompts.
#[derive(Clone, Serialize, Deserialize)]
struct Best {
    iteration: usize,
    objective: f64,
    /// [`Adapter::to_bytes`], where it is what will be tested.
    #[serde(skip)]
    adapter: Option<Vec<u8>>,
}

/// [`Checkpoint::state`] as JSON.
#[derive(Serialize, Deserialize)]
struct State {
    guards: Guards,
    /// λ of the next iteration, bit for bit (the store asks serde_json for that). Absent in checkpoints from before λ could adapt: then it is
    /// the spec's.
    #[serde(default)]
    kl_coefficient: Option<f64>,
    /// PPO's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value_head: Option<Saved>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    best: Option<Best>,
}

/// Rows and events of an iteration that went well, or why the training cannot go on.
pub enum Step {
    Done {
        row: Iteration,
        episodes: Vec<Episode>,
        events: Vec<Event>,
    },
    /// Loss or gradient is not finite. Nothing of the iteration should be kept; the adapter has not been changed by the faulty step.
    Diverged {
        guard: Event,
        error: Error,
    },
}

impl Trainer {
    /// An adapter that changes nothing yet, with a fresh optimiser.
    pub fn start(prompter: &Prompter, spec: &Spec) -> Result<Self> {
        let adapter = prompter.untrained_adapter(Streams::new(spec.seed).adapter())?;
        Self::with(adapter, prompter, spec)
    }

    /// As it was when the checkpoint was made.
    pub fn resume(prompter: &Prompter, spec: &Spec, checkpoint: &Checkpoint) -> Result<Self> {
        let mut trainer = Self::with(prompter.adapter(&checkpoint.adapter)?, prompter, spec)?;
        trainer.optimiser.restore(&checkpoint.optimiser)?;
        let damaged = |what: &str| Error::database(format!("The checkpoint of iteration {} is damaged: {what}.", checkpoint.iteration));
        let state: State = serde_json::from_str(&checkpoint.state).map_err(|e| damaged("its state cannot be read").with_detail(e))?;
        if let Some(head) = &mut trainer.value_head {
            head.restore(&state.value_head.ok_or_else(|| damaged("it has no value head, which PPO needs"))?)?;
        }
        trainer.best = state.best.map(|best| Best { adapter: checkpoint.best.as_ref().map(|(_, bytes)| bytes.clone()), ..best });
        trainer.guards = state.guards;
        trainer.kl_coefficient = state.kl_coefficient.unwrap_or(trainer.kl_coefficient);
        (trainer.iteration, trainer.saved) = (checkpoint.iteration, checkpoint.iteration);
        Ok(trainer)
    }

    fn with(adapter: Adapter, prompter: &Prompter, spec: &Spec) -> Result<Self> {
        let vars = adapter.vars();
        let config = AdamWConfig { weight_decay: spec.training.weight_decay, ..AdamWConfig::default() };
        let optimiser = AdamW::new(vars.clone(), config)?;
        let value_head = (spec.training.algorithm == Algorithm::Ppo).then(|| ValueHead::new(prompter.width())).transpose()?;
        let kl_coefficient = spec.training.kl_coefficient;
        Ok(Self { adapter, vars, optimiser, value_head, guards: Guards::default(), kl_coefficient, best: None, iteration: 0, saved: 0 })
    }

    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// λ of the next iteration.
    pub fn kl_coefficient(&self) -> f64 {
        self.kl_coefficient
    }

    /// All that [`Self::resume`] needs. Random streams are not in it: they follow from the run's seed and the iteration's number.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let value_head = self.value_head.as_ref().map(ValueHead::save).transpose()?;
        let (guards, best) = (self.guards.clone(), self.best.clone());
        let state = State { guards, kl_coefficient: Some(self.kl_coefficient), value_head, best };
        let state = serde_json::to_string(&state)
            .map_err(|e| Error::internal("The state of the training cannot be written as JSON.").with_detail(e))?;
        let best = self.best.as_ref().and_then(|best| Some((best.iteration, best.adapter.clone()?)));
        Ok(Checkpoint { iteration: self.iteration, adapter: self.adapter.to_bytes()?, optimiser: self.optimiser.to_bytes()?, best, state })
    }

    /// Hears what the prompter as it stands earned on the validation prompts, mean reward − λ·KL. Whether that is better than all before.
    pub fn validated(&mut self, objective: f64, keep: Keep) -> Result<bool> {
        if self.best.as_ref().is_some_and(|best| best.iteration == self.iteration) {
            // Told before the checkpoint that the training goes on from.
            return Ok(true);
        }
        let is_best = objective.is_finite() && self.best.as_ref().is_none_or(|best| objective > best.objective);
        if is_best {
            let adapter = (keep == Keep::Best).then(|| self.adapter.to_bytes()).transpose()?;
            self.best = Some(Best { iteration: self.iteration, objective, adapter });
        }
        Ok(is_best)
    }

    /// The iteration whose validation was best, where the training should end here because `patience` validations since then were not better.
    pub fn ran_out_of_patience(&self, training: &spec::Training) -> Option<usize> {
        let (best, patience) = (self.best.as_ref()?, training.patience?);
        let since = (self.iteration - best.iteration).checked_div(training.validate_every_iterations)?;
        (since >= patience).then_some(best.iteration)
    }

    /// The iteration and the adapter that are tested: of the best validation if that was asked for, else as it stands.
    pub fn chosen(&self, prompter: &Prompter) -> Result<(usize, Adapter)> {
        match self.best.as_ref().and_then(|best| Some((best.iteration, best.adapter.as_ref()?))) {
            Some((iteration, bytes)) => Ok((iteration, prompter.adapter(bytes)?)),
            None => Ok((self.iteration, prompter.adapter(&self.adapter.to_bytes()?)?)),
        }
    }

    /// Notes that the store holds a checkpoint of where the training stands.
    pub fn mark_saved(&mut self) {
        self.saved = self.iteration;
    }

    /// Whether a stop now would lose iterations.
    pub fn is_unsaved(&self) -> bool {
        self.iteration > self.saved
    }

    /// The next iteration, on prompts of `train`. Not interrupted half-way: a request to stop waits for its end.
    pub fn step(&mut self, pipeline: &mut Pipeline, spec: &Spec, train: &[Prompt]) -> Result<Step> {
        let (begun, started_at_ms) = (Instant::now(), now_ms());
        let (iteration, t) = (self.iteration + 1, &spec.training);
        let streams = Streams::new(spec.seed);
        let prompts = streams.prompts(iteration, train.len(), t.prompts_per_iteration);
        let items: Vec<Item<'_>> = (0..prompts.len() * t.group_size)
            .map(|i| Item {
                prompt: &train[prompts[i / t.group_size]],
                rewrite_seed: streams.training_rewrite(iteration, i),
                answer_seed: streams.training_answer(iteration, i),
            })
            .collect();
        let (trials, seconds) = pipeline.run(Arm::Tuned(&self.adapter), &items, &mut |_| ControlFlow::Continue(()))?;

        let rollouts = rollouts(&trials, t.group_size);
        let rate = learning_rate(t, iteration);
        let learning = Instant::now();
        let groups = token_groups(&pipeline.prompter, &items, &trials, t.group_size)?;
        let settings = Settings::new(spec, self.kl_coefficient);
        let features = || features(&pipeline.prompter, &groups, settings.groups_per_pass);
        let lesson = Lesson::new(t, self.kl_coefficient, &rollouts, self.value_head.as_ref(), features)?;
        let policy = Learner { prompter: &pipeline.prompter, adapter: &self.adapter, vars: &self.vars, groups, streams, iteration };
        let updates = algorithms::train_on(&policy, &rollouts, &lesson.advantages, &settings, &mut self.optimiser, rate)?;
        drop(policy);
        give_back();
        if let Some(bad) = updates.iter().find(|u| !u.stepped) {
            return Ok(diverged(iteration, guards::not_finite(bad.loss, bad.gradient_norm)));
        }
        let value_rate = t.value_learning_rate.unwrap_or(ppo::VALUE_LEARNING_RATE) * rate / t.learning_rate;
        let fit = lesson.fit(self.value_head.as_mut(), value_rate)?;
        if let Some(bad) = fit.filter(|fit| !fit.is_finite()) {
            return Ok(diverged(iteration, guards::not_finite(bad.loss, f64::NAN)));
        }

        let mut numbers = metrics::of_trials(&items, &trials, t.group_size, self.kl_coefficient);
        metrics::add_updates(&mut numbers, &updates, rate);
        metrics::add_fit(&mut numbers, fit);
        metrics::add_timings(&mut numbers, &trials, &seconds, learning.elapsed().as_secs_f64(), updates.len());
        let mut events = self.guards.observe(iteration, &numbers, spec);
        let number = |name: &str| numbers.get(name).copied().flatten().unwrap_or(0.0);
        events.insert(0, Event::Iteration { iteration, reward_mean: number("reward_mean"), kl: number("kl") });
        events.push(Event::Progress { phase: Phase::Train, done: iteration, total: t.iterations });
        let episodes = episodes(iteration, t.group_size, &prompts, &items, trials, &lesson.of_rewrites);
        self.iteration = iteration;
        self.kl_coefficient = divergence::next_coefficient(t, self.kl_coefficient, numbers.get("kl").copied().flatten());
        let row = Iteration { iteration, metrics: numbers, started_at_ms, seconds: begun.elapsed().as_secs_f64() };
        Ok(Step::Done { row, episodes, events })
    }
}

/// The language model as a policy to train.
struct Learner<'a> {
    prompter: &'a Prompter,
    adapter: &'a Adapter,
    vars: &'a [Var],
    groups: Vec<TokenGroup>,
    streams: Streams,
    iteration: usize,
}

impl Policy for Learner<'_> {
    fn vars(&self) -> &[Var] {
        self.vars
    }
    fn log_probs(&self, groups: Range<usize>, update: usize) -> lm::Result<Tensor> {
        let dropout = (self.adapter.config.dropout > 0.0).then(|| self.streams.dropout(self.iteration, update, groups.start));
        self.prompter.log_probs(Some(self.adapter), &self.groups[groups], dropout)
    }
}

fn diverged(iteration: usize, alarm: Alarm) -> Step {
    let error = Error::new(Code::Run, format!("Training failed in iteration {iteration}. {} {}", alarm.cause, alarm.remedy));
    Step::Diverged { guard: alarm.event(Some(iteration)), error }
}

/// What a value head sees of every token, in passes of whole groups.
fn features(prompter: &Prompter, groups: &[TokenGroup], groups_per_pass: usize) -> lm::Result<Tensor> {
    let passes = groups.chunks(groups_per_pass).map(|pass| prompter.features(pass)).collect::<lm::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&passes, 0)?)
}

fn rollouts(trials: &[Trial], group_size: usize) -> Vec<Group> {
    let rollout = |trial: &Trial| {
        // The tuned arm always rewrites.
        let (log_probs, reference) = trial.rewrite.as_ref().map(|r| (r.log_probs.clone(), r.reference.clone())).unwrap_or_default();
        Rollout { reward: trial.score.total, log_probs, reference }
    };
    trials.chunks(group_size).map(|group| group.iter().map(rollout).collect()).collect()
}

fn token_groups(prompter: &Prompter, items: &[Item<'_>], trials: &[Trial], group_size: usize) -> Result<Vec<TokenGroup>> {
    let rewrites = |group: &[Trial]| group.iter().filter_map(|t| t.rewrite.as_ref()).map(|r| r.tokens.clone()).collect();
    items
        .chunks(group_size)
        .zip(trials.chunks(group_size))
        .map(|(items, trials)| Ok(TokenGroup { prompt: prompter.request(items[0].prompt)?, rewrites: rewrites(trials) }))
        .collect()
}

fn episodes(
    iteration: usize,
    group_size: usize,
    prompts: &[usize],
    items: &[Item<'_>],
    trials: Vec<Trial>,
    advantages: &[f64],
) -> Vec<Episode> {
    let rows = items.iter().zip(trials).zip(advantages).enumerate();
    rows.filter_map(|(index, ((item, trial), advantage))| {
        trial.rewrite.is_some().then(|| episode((iteration, index, prompts[index / group_size]), item, trial, *advantage))
    })
    .collect()
}

/// What came of an item at (iteration, index in the batch, number of the prompt); without a rewrite its cells are empty.
pub(crate) fn episode((iteration, index, prompt_index): (usize, usize, usize), item: &Item<'_>, trial: Trial, advantage: f64) -> Episode {
    let rewrite = trial.rewrite.as_ref();
    Episode {
        iteration,
        index,
        prompt_index,
        prompt: item.prompt.text.clone(),
        reward: trial.score.total,
        reward_parts: trial.score.parts,
        kl: rewrite.map_or(0.0, |r| r.kl()),
        advantage,
        closeness: trial.closeness.unwrap_or(0.0),
        rewrite_tokens: rewrite.map_or(0, |r| r.tokens.len()),
        rewrite_truncated: rewrite.is_some_and(|r| r.truncated),
        rewrite: trial.rewrite.map(|r| r.text).unwrap_or_default(),
        answer_tokens: trial.answer.tokens.len(),
        answer_truncated: trial.answer.truncated,
        answer: trial.answer.text,
        rewrite_seed: item.rewrite_seed,
        answer_seed: item.answer_seed,
    }
}

/// Milliseconds since 1970; 0 on a machine whose clock stands before that.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
}
