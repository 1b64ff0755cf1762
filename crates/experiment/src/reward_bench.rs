//! A reward held against preferences of people, before anything is trained on it.
use crate::figures;
use crate::reward_training::conversation;
use analysis::{Preferred, Share};
use contract::bench::{Agreement, Bounded, Calibration, Reliability, Repeat, RewardBench};
use contract::{Code, Error, Result};
use datasets::preferences::{Preference, Preferences};
use lm::Message;
use rewards::{Reward, Score, Scorer};
use std::ops::ControlFlow;
use std::time::Instant;

/// Pairs that are scored together.
const BATCH: usize = 8;
const RESAMPLES: usize = 2000;
/// Pairs that are scored once more where something outside of this program scores.
const REPEATED: usize = 32;
/// Reasons that are named.
const REASONS: usize = 5;
/// Name of the rule that the longer answer is the better one.
const LENGTH: &str = "length";

/// Of one pair: both answers' scores.
struct Scored {
    /// Its place in the file's pairs.
    at: usize,
    scores: [Score; 2],
    lengths: [f64; 2],
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
) -> Result<(RewardBench, Vec<f64>)> {
    let begun = Instant::now();
    let (mut scored, mut unscored, mut because) = (Vec::new(), 0, None);
    for (i, batch) in file.pairs.chunks(BATCH).enumerate() {
        for (pair, outcome) in batch.iter().zip(score_each(reward, batch, i * BATCH)) {
            match outcome {
                Ok(pair) => scored.push(pair),
                // A command or a service that is gone would fail every pair.
                Err(e) if e.code == Code::Paused => return Err(Error { code: Code::Reward, ..e }),
                Err(e) if e.code == Code::Stopped => return Err(e),
                Err(e) => {
                    unscored += 1;
                    because.get_or_insert_with(|| format!("line {}: {}", pair.line, e.message));
                }
            }
        }
        if on_progress((i * BATCH + batch.len()).min(file.pairs.len())).is_break() {
            return Err(Error::stopped("Stopped before all pairs were scored; nothing is kept of it."));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let Some(first) = scored.first() else {
        return Err(Error::reward(format!("No pair could be scored; {}", because.unwrap_or_default())));
    };
    let parts = first.scores[0].parts.keys().cloned().collect::<Vec<_>>();
    let of = |name: &str, value: &dyn Fn(&Score) -> f64| agreement(name, &scored, |pair, side| value(&pair.scores[side]));
    let mut rewards = vec![of("reward", &|score| score.total)];
    let again = repeated(reward, file, &scored);
    rewards.extend(parts.iter().map(|part| {
        let agreement = of(part, &|score| score.parts.get(part).copied().unwrap_or(f64::NAN));
        let repeat = reward.scorer(part).and_then(|scorer| repeat(part, &scored, again.as_deref()?, scorer.as_ref()));
        Agreement { repeat, ..agreement }
    }));
    rewards.push(agreement(LENGTH, &scored, |pair, side| pair.lengths[side]));
    let margins = scored.iter().map(|pair| pair.scores[0].total - pair.scores[1].total).collect();
    let found = RewardBench {
        pairs: scored.len(),
        skipped: file.skipped.len(),
        reasons: file.skipped.iter().take(REASONS).map(|(line, why)| format!("line {line} {why}")).collect(),
        unscored,
        unscored_because: because,
        answers_per_second: 2.0 * scored.len() as f64 / seconds.max(f64::MIN_POSITIVE),
        rewards,
        checksum: file.checksum.clone(),
    };
    Ok((found, margins))
}

/// Of what each chosen answer is worth more than the other.
pub fn calibration(margins: &[f64]) -> Option<Calibration> {
    let found = analysis::calibration(margins, RESAMPLES, 0)?;
    let bins = found.bins.iter().map(|bin| Reliability {
        low: bin.low,
        high: bin.high,
        pairs: bin.pairs,
        predicted: bin.predicted,
        observed: bin.observed.map(bounded),
    });
    Some(Calibration { bins: bins.collect(), error: found.error, loss: found.loss })
}

fn bounded(share: Share) -> Bounded {
    Bounded { value: share.share, interval: figures::interval(share.interval) }
}

/// Scores of each pair. One answer that is too long is no reason to leave the others out.
fn score_each(reward: &Reward, pairs: &[Preference], first: usize) -> Vec<Result<Scored>> {
    match score(reward, pairs, first) {
        Ok(scored) => scored.into_iter().map(Ok).collect(),
        Err(e) if pairs.len() < 2 || matches!(e.code, Code::Paused | Code::Stopped) => vec![Err(e)],
        Err(_) => (first..).zip(pairs).flat_map(|(at, pair)| score_each(reward, std::slice::from_ref(pair), at)).collect(),
    }
}

/// Both answers' conversations.
fn both(pair: &Preference) -> [Vec<Message>; 2] {
    [conversation(pair, &pair.chosen), conversation(pair, &pair.rejected)]
}

/// The first pairs that have scores, scored once more from the last to the first, in the order of `scored`; None where nothing outside of this program
/// scores, or it fails the second time.
fn repeated(reward: &Reward, file: &Preferences, scored: &[Scored]) -> Option<Vec<[Score; 2]>> {
    reward.has_scorers().then_some(())?;
    let pairs = scored.iter().take(REPEATED).map(|pair| &file.pairs[pair.at]);
    let mut scores = Vec::new();
    for batch in pairs.rev().collect::<Vec<_>>().chunks(BATCH) {
        let turned = batch.iter().flat_map(|pair| both(pair).into_iter().rev()).collect::<Vec<_>>();
        scores.extend(reward.score_conversations(&turned).ok()?);
    }
    let mut scores = scores.into_iter().rev();
    let mut again = Vec::new();
    while let (Some(chosen), Some(rejected)) = (scores.next(), scores.next()) {
        again.push([chosen, rejected]);
    }
    Some(again)
}

/// How the second scores of a part differ from the first.
fn repeat(part: &str, scored: &[Scored], again: &[[Score; 2]], scorer: &dyn Scorer) -> Option<Repeat> {
    let pairs = scored.iter().zip(again).flat_map(|(first, second)| first.scores.iter().zip(second));
    let differences = pairs.map(|(a, b)| Some((a.parts.get(part)? - b.parts.get(part)?).abs())).collect::<Option<Vec<f64>>>()?;
    Some(Repeat {
        answers: differences.len(),
        differ: differences.iter().filter(|difference| **difference > 0.0).count(),
        largest_difference: differences.iter().copied().fold(0.0, f64::max),
        score_mass: scorer.score_mass(),
    })
}

fn score(reward: &Reward, pairs: &[Preference], first: usize) -> Result<Vec<Scored>> {
    let mut scores = reward.score_conversations(&pairs.iter().flat_map(both).collect::<Vec<_>>())?.into_iter();
    let words = |text: &str| text.split_whitespace().count() as f64;
    let mut scored = Vec::new();
    for (at, pair) in (first..).zip(pairs) {
        let (Some(chosen), Some(rejected)) = (scores.next(), scores.next()) else {
            return Err(Error::internal("A pair got no score."));
        };
        scored.push(Scored { at, scores: [chosen, rejected], lengths: [words(&pair.chosen), words(&pair.rejected)] });
    }
    Ok(scored)
}

/// `value` of the chosen answer (0) and the other (1).
fn agreement(name: &str, scored: &[Scored], value: impl Fn(&Scored, usize) -> f64) -> Agreement {
    let preferred = |pair: &Scored| Preferred {
        chosen: value(pair, 0),
        rejected: value(pair, 1),
        chosen_length: pair.lengths[0],
        rejected_length: pair.lengths[1],
    };
    let found = analysis::preferences(&scored.iter().map(preferred).collect::<Vec<_>>(), RESAMPLES, 0);
    Agreement {
        name: name.into(),
        ties: found.ties,
        accuracy: found.accuracy.map(bounded),
        where_shorter: found.where_shorter.map(bounded),
        where_longer: found.where_longer.map(bounded),
        // Of length with itself it says nothing.
        with_length: found
            .with_length
            .filter(|_| name != LENGTH)
            .map(|c| Bounded { value: c.value, interval: figures::interval(c.interval) }),
        repeat: None,
    }
}
