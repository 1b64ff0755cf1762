//! A reward held against feedback of people, before anything is trained on it: pairs of answers of which one was chosen, or answers with labels.
use crate::bench_scores::{Entry, LENGTH, RESAMPLES, Scored, Scores, conversation, correlation, share, words};
use crate::reward_training::beginning;
pub use analysis::Margin;
use analysis::Preferred;
use contract::Result;
use contract::bench::{Agreement, Calibration, Reliability, RewardBench};
use contract::feedback::{LabelAgreement, LabelBench};
use datasets::feedback::{Labelled, LabelledAnswer, Preference, Preferences, Turn};
use lm::Message;
use rewards::{Reward, Score};
use std::collections::HashMap;
use std::ops::ControlFlow;

impl Entry for Preference {
    const WHAT: &'static str = "pair";
    const ANSWERS: usize = 2;

    fn line(&self) -> usize {
        self.line
    }

    fn conversations(&self) -> Vec<Vec<Message>> {
        vec![conversation(&self.before, &self.chosen), conversation(&self.before, &self.rejected)]
    }
}

/// An answer with its label, and what was said before it.
struct Answer<'a> {
    before: &'a [Turn],
    given: &'a LabelledAnswer,
}

impl Entry for Answer<'_> {
    const WHAT: &'static str = "answer";
    const ANSWERS: usize = 1;

    fn line(&self) -> usize {
        self.given.line
    }

    fn conversations(&self) -> Vec<Vec<Message>> {
        vec![conversation(self.before, &self.given.answer)]
    }
}

/// Scores every pair and says how often the reward agrees. A pair that a model cannot score is left out and counted. `on_progress` hears how many
/// pairs are done, and can break ([`contract::Code::Stopped`]).
///
/// # Errors
/// [`contract::Code::Reward`] where no pair could be scored: with the first reason.
pub fn run(reward: &Reward, file: &Preferences, on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<RewardBench> {
    Ok(with_margins(reward, file, on_progress)?.0)
}

/// The same, with what each chosen answer is worth more than the other.
pub fn with_margins(
    reward: &Reward,
    file: &Preferences,
    on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(RewardBench, Vec<Margin>)> {
    let scores = Scores::of(reward, &file.pairs, file.counts, on_progress)?;
    let lengths = scores.scored.iter().map(|pair| [&file.pairs[pair.at].chosen, &file.pairs[pair.at].rejected].map(|answer| words(answer)));
    let lengths: Vec<[f64; 2]> = lengths.collect();
    let mut numbers: HashMap<Option<String>, usize> = HashMap::new();
    let prompts = scores.scored.iter().map(|pair| {
        let next = numbers.len();
        *numbers.entry(beginning(&file.pairs[pair.at])).or_insert(next)
    });
    let prompts: Vec<usize> = prompts.collect();
    // `value` of the pair with this place among the scored, and its chosen answer (0) or the other (1).
    let of = |name: &str, value: &dyn Fn(usize, usize) -> f64| {
        let preferred = lengths.iter().enumerate().map(|(i, &[chosen_length, rejected_length])| Preferred {
            prompt: prompts[i],
            chosen: value(i, 0),
            rejected: value(i, 1),
            chosen_length,
            rejected_length,
        });
        agreement(name, &preferred.collect::<Vec<_>>())
    };
    let again = scores.again(reward, &file.pairs);
    let mut rewards = vec![of("reward", &|i, side| scores.scored[i].scores[side].total)];
    rewards.extend(scores.parts().iter().map(|part| {
        let agreement = of(part, &|i, side| part_of(&scores.scored[i].scores[side], part));
        let repeat = reward.scorer(part).and_then(|scorer| scores.repeat(part, again.as_deref()?, scorer.as_ref()));
        Agreement { repeat, ..agreement }
    }));
    rewards.push(of(LENGTH, &|i, side| lengths[i][side]));
    let margin = |(pair, prompt): (&Scored, &usize)| Margin { prompt: *prompt, margin: pair.scores[0].total - pair.scores[1].total };
    let margins = scores.scored.iter().zip(&prompts).map(margin).collect();
    let found = RewardBench {
        pairs: scores.scored.len(),
        prompts: numbers.len(),
        drawn_of: file.drawn_of,
        repeated: file.repeated,
        left_out: file.skipped.clone(),
        unscored: scores.unscored,
        unscored_because: scores.because,
        answers_per_second: scores.answers_per_second,
        rewards,
        checksum: file.checksum.clone(),
        origin: None,
    };
    Ok((found, margins))
}

/// Scores every answer and says how the reward agrees with the labels; the rest is as [`run`].
///
/// # Errors
/// [`contract::Code::Reward`] where no answer could be scored: with the first reason.
pub fn on_labels(reward: &Reward, file: &Labelled, on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<LabelBench> {
    let answers: Vec<Answer<'_>> = file.answers.iter().map(|given| Answer { before: &file.prompts[given.prompt], given }).collect();
    let scores = Scores::of(reward, &answers, file.counts, on_progress)?;
    let lengths: Vec<f64> = scores.scored.iter().map(|scored| words(&file.answers[scored.at].answer)).collect();
    let of = |value: &dyn Fn(&Score, f64) -> f64| {
        let labelled = scores.scored.iter().zip(&lengths).map(|(scored, &length)| {
            let LabelledAnswer { prompt, label, .. } = &file.answers[scored.at];
            analysis::Labelled { prompt: *prompt, score: value(&scored.scores[0], length), label: *label, length }
        });
        analysis::labels(&labelled.collect::<Vec<_>>(), RESAMPLES, 0)
    };
    let whole = of(&|score, _| score.total);
    let again = scores.again(reward, &answers);
    let mut rewards = vec![label_agreement("reward", &whole)];
    rewards.extend(scores.parts().iter().map(|part| {
        let agreement = label_agreement(part, &of(&|score, _| part_of(score, part)));
        let repeat = reward.scorer(part).and_then(|scorer| scores.repeat(part, again.as_deref()?, scorer.as_ref()));
        LabelAgreement { repeat, ..agreement }
    }));
    rewards.push(label_agreement(LENGTH, &of(&|_, length| length)));
    Ok(LabelBench {
        label: file.label.clone(),
        answers: whole.answers,
        prompts: whole.prompts,
        pairs: whole.pairs,
        label_with_length: whole.label_with_length.map(correlation),
        drawn_of: file.drawn_of,
        left_out: file.skipped.clone(),
        unscored: scores.unscored,
        unscored_because: scores.because,
        rewards,
        answers_per_second: scores.answers_per_second,
        checksum: file.checksum.clone(),
        origin: None,
    })
}

/// Of what each chosen answer is worth more than the other.
pub fn calibration(margins: &[Margin]) -> Option<Calibration> {
    let found = analysis::calibration(margins, RESAMPLES, 0)?;
    let bins = found.bins.iter().map(|bin| Reliability {
        low: bin.low,
        high: bin.high,
        pairs: bin.pairs,
        predicted: bin.predicted,
        observed: bin.observed.map(share),
    });
    Some(Calibration { bins: bins.collect(), error: found.error, loss: found.loss })
}

fn part_of(score: &Score, part: &str) -> f64 {
    score.parts.get(part).copied().unwrap_or(f64::NAN)
}

fn agreement(name: &str, pairs: &[Preferred]) -> Agreement {
    let found = analysis::preferences(pairs, RESAMPLES, 0);
    Agreement {
        name: name.into(),
        ties: found.ties,
        accuracy: found.accuracy.map(share),
        where_shorter: found.where_shorter.map(share),
        where_longer: found.where_longer.map(share),
        // Of length with itself it says nothing.
        with_length: found.with_length.filter(|_| name != LENGTH).map(correlation),
        repeat: None,
    }
}

fn label_agreement(name: &str, found: &analysis::LabelAgreement) -> LabelAgreement {
    LabelAgreement {
        name: name.into(),
        with_label: found.with_label.map(correlation),
        on_pairs: found.on_pairs.map(share),
        ties: found.ties,
        auc: found.auc.map(share),
        with_length: found.with_length.filter(|_| name != LENGTH).map(correlation),
        values: found.values,
        repeat: None,
    }
}
